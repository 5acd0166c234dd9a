package mail_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// wantReport checks that n is a delivery status notification about m (RFC 3464) and returns the fields about the
// message and the recipient.
func wantReport(tb testing.TB, n, m app.Message) map[string]string {
	tb.Helper()
	if n.Sender != "" || n.Recipient.String() != m.Sender || n.MessageID == "" || !n.ExpiresAt.After(n.CreatedAt) {
		tb.Errorf("the envelope is %+v", n)
	}
	message, err := netmail.ReadMessage(bytes.NewReader(n.Data))
	if err != nil {
		tb.Fatalf("the notice is no mail: %v\n%s", err, n.Data)
	}
	if got := message.Header.Get("Auto-Submitted"); got != "auto-replied" {
		tb.Errorf("Auto-Submitted is %q", got)
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["report-type"] != "delivery-status" {
		tb.Fatalf("Content-Type is %q %v, %v", kind, params, err)
	}
	for line := range bytes.Lines(n.Data) {
		if !bytes.HasSuffix(line, []byte("\r\n")) || len(line) > 1000 || bytes.ContainsFunc(bytes.TrimSuffix(line, []byte("\r\n")), func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			tb.Fatalf("a line is not fit to be sent: %q", line)
		}
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	var texts []string
	for _, want := range []string{"text/plain; charset=utf-8", "message/delivery-status", "text/rfc822-headers; charset=utf-8"} {
		part, err := parts.NextRawPart()
		if err != nil || part.Header.Get("Content-Type") != want {
			tb.Fatalf("got part %v, %v, want %s", part, err, want)
		}
		var body io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(part)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			tb.Fatalf("%s: %v", want, err)
		}
		texts = append(texts, string(text))
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		tb.Errorf("there is a fourth part (%v)", err)
	}
	if !strings.Contains(texts[0], m.Recipient.String()) {
		tb.Errorf("the text does not name the recipient:\n%s", texts[0])
	}
	if strings.Contains(texts[2], "nobody's business") {
		tb.Errorf("the notice shows the body:\n%s", texts[2])
	}
	return statusOf(tb, texts[1])
}

// statusOf returns the fields of both groups of a delivery status.
func statusOf(tb testing.TB, text string) map[string]string {
	tb.Helper()
	reader := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\r\n")))
	status := map[string]string{}
	for group := range 2 {
		fields, err := reader.ReadMIMEHeader()
		if err != nil {
			tb.Fatalf("group %d of the status: %v\n%s", group, err, text)
		}
		for name, values := range fields {
			if len(values) != 1 {
				tb.Errorf("%s stands there %d times", name, len(values))
			}
			if name == "Reporting-Mta" {
				name = "Reporting-MTA"
			}
			status[name] = values[0]
		}
	}
	if rest, err := reader.ReadLine(); !errors.Is(err, io.EOF) || rest != "" {
		tb.Errorf("the status has a third group: %q, %v", rest, err)
	}
	return status
}

// The person reads the server's answer as it was given, and what is wrong here without the name that programs know it by.
func TestBounceWords(t *testing.T) {
	m := app.Message{
		Kind: app.MailRelayed, Program: "crm", Sender: "crm@office.example", Recipient: address(t, "jane@acme.example"),
		Data: []byte("Subject: x\r\n\r\n"), Attempts: 1, CreatedAt: time.Unix(1_800_000_000, 0), ExpiresAt: time.Unix(1_800_500_000, 0),
	}
	for _, tt := range []struct{ reply, want string }{
		{"550 5.1.1 no such user", "\r\n  550 5.1.1 no such user\r\n"},
		{"550 5.7.1 spam: see elsewhere", "\r\n  550 5.7.1 spam: see elsewhere\r\n"},
		{"tls_expired: the certificate has expired", "\r\n  the certificate has expired\r\n"},
		{"expired: too old; last: connect_refused: nothing answers", "\r\n  too old; last: nothing answers\r\n"},
	} {
		n, err := mail.WriteBounce(app.MailBounce, m, app.Delivery{Reply: tt.reply}, "accounts@office.example", "office.example", m.CreatedAt)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(n.Data), tt.want) || !strings.Contains(strings.ReplaceAll(string(n.Data), "\r\n ", " "), "; "+tt.reply+"\r\n") {
			t.Errorf("%s: the notice is\n%s", tt.reply, n.Data)
		}
	}
}

// Whatever a program has sent and a server has answered: the notice is a well-formed report with one status and one
// group for the recipient, and neither can add a field to it.
func FuzzBounce(f *testing.F) {
	f.Add([]byte("From: a@b.example\r\nSubject: x\r\n\r\nnobody's business\r\n"), "550 5.1.1 no such user", "Invoice", "<1@b.example>", false)
	f.Add([]byte("\r\n\r\n"), "tls_expired: the certificate has expired", "", "", true)
	f.Add([]byte("no header"), "450 4.2.0 later\r\nAction: delivered", "\u202e=?x", "<\r\nBcc: x@y.example>", true)
	f.Add(bytes.Repeat([]byte("X: \xff\x00--=_\r\n"), 3000), strings.Repeat("552 5.2.2 ", 100), strings.Repeat("\u00e4", 500), "x y", false)
	f.Fuzz(func(t *testing.T, data []byte, reply, subject, id string, late bool) {
		m := app.Message{
			Kind: app.MailRelayed, Program: "crm", Sender: "crm@office.example", Recipient: address(t, "jane@acme.example"), Subject: subject,
			MessageID: id, Data: data, Attempts: 3, CreatedAt: time.Unix(1_800_000_000, 0), ExpiresAt: time.Unix(1_800_500_000, 0),
		}
		kind := app.MailBounce
		if late {
			kind = app.MailDelay
		}
		n, err := mail.WriteBounce(kind, m, app.Delivery{Reply: mail.Clean(reply)}, "accounts@office.example", "office.example", time.Unix(1_800_100_000, 0))
		if err != nil {
			t.Fatal(err)
		}
		n.ExpiresAt = n.CreatedAt.Add(time.Hour)
		m.Data = nil
		status := wantReport(t, n, m)
		class := map[bool]string{false: "5.", true: "4."}[late]
		if !strings.HasPrefix(status["Status"], class) || status["Action"] != map[bool]string{false: "failed", true: "delayed"}[late] {
			t.Errorf("the status is %v", status)
		}
		want := 7
		if late {
			want = 8
		}
		if len(status) != want {
			t.Errorf("got the fields %v, want %d", status, want)
		}
	})
}
