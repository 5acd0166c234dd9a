package mail_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// talk says script on a connection in memory, where every byte comes in one piece or another, and returns what was answered.
func talk(t *testing.T, p *doorway, script []byte) string {
	t.Helper()
	conn := p.dial("127.0.0.1", "127.0.0.1")
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = conn.Write(script) // it may be cut off
		_, _ = conn.Write([]byte("\r\nQUIT\r\n"))
	}()
	answers, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "closed pipe") {
		t.Fatalf("%.200q: %v after %q", script, err, answers)
	}
	return string(answers)
}

// FuzzEnvelope says anything in place of MAIL and RCPT. Whatever comes, only the program's senders and addresses that the one
// parser takes get into an envelope, and answers are lines that a client can tell apart.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		"MAIL FROM:<scanner@office.example>\r\nRCPT TO:<jane@acme.example>\r\n", "MAIL FROM:<>\r\n", "STARTTLS\r\n", "BDAT 5\r\nabcde", "RSET\r\n",
		"MAIL FROM:<\"a b\"@office.example> SIZE=5 BODY=8BITMIME\r\nRCPT TO:<@a.example:b@c.example>\r\n", "AUTH PLAIN AGEAYg==\r\n",
		"mail from:<Jane@ACME.example>\nrcpt to:<a@b.example@c.example>\nDATA\r\n", "EHLO a\rb\r\n", "RCPT TO:<\x00@b.example>\r\n",
		"MAIL FROM:<scanner@office.example> AUTH=<>\r\nRCPT TO:<a@b.example>\r\nBDAT 0 LAST\r\nVRFY x\r\n", strings.Repeat("x", 3000),
	} {
		f.Add([]byte(seed))
	}
	office := newPrograms(f)
	office.settings.Limits.SMTPErrors = 0
	p, _ := inMemory(f, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:25"}})
	f.Fuzz(func(t *testing.T, lines []byte) {
		if bytes.Contains(bytes.ToUpper(lines), []byte("AUTH")) && len(lines) > 100 {
			t.Skip("wrong passwords take their time")
		}
		office.mu.Lock()
		office.taken = nil
		office.mu.Unlock()
		hello := "EHLO x\r\n" + plain("scanner", "secret of scanner") + "\r\n"
		answers := talk(t, p, []byte(hello+string(lines)+"\r\nDATA\r\n"+letter+".\r\n"))
		for line := range strings.Lines(answers) {
			if len(line) < 5 || !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(line[:len(line)-2], "\r\n\x00") || strings.Trim(line[:3], "0123456789") != "" ||
				line[3] != ' ' && line[3] != '-' {
				t.Errorf("%q is answered by %q", lines, line)
			}
		}
		for _, m := range office.mails() {
			sender, err := app.ParseAddress(m.Sender)
			if err != nil || !scanner(t).MaySend(sender) || len(m.Recipients) == 0 || m.Program != "scanner" {
				t.Errorf("%q: taken from %q to %v", lines, m.Sender, m.Recipients)
			}
			for _, r := range m.Recipients {
				if again, err := app.ParseAddress(r.String()); err != nil || again != r || !bytes.Contains(lines, []byte("<"+r.String()+">")) && !bytes.Contains(bytes.ToLower(lines), []byte(strings.ToLower("<"+r.String()+">"))) {
					t.Errorf("%q: taken to %q", lines, r)
				}
			}
		}
	})
}

// FuzzContent hands over anything as a mail, with DATA and with BDAT in two chunks. What is taken has no CR or LF that stands
// alone and no NUL, is what was sent, and both ways agree.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		letter, letter + "\r\n.\r\n", "From: a@office.example\r\n\r\na\rb", "\n.\n", "\r\n.\rX\r\n", "\r\r\n.\r\r\n", "", ".", "..\r\n", "\x00",
		"From: a@office.example\r\nBcc: x\r\n y\r\nHello\r\n", "From: a@office.example\r\n\r\n" + strings.Repeat("x", 5000),
	} {
		f.Add([]byte(seed), uint16(len(seed)/2))
	}
	office := newPrograms(f)
	office.settings.Limits.SMTPErrors, office.settings.Limits.SMTPLine = 0, 0
	p, _ := inMemory(f, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:25"}})
	hello := "EHLO x\r\n" + plain("scanner", "secret of scanner") + "\r\nMAIL FROM:<scanner@office.example>\r\nRCPT TO:<jane@acme.example>\r\n"
	take := func(t *testing.T, script string) []app.Submission {
		office.mu.Lock()
		office.taken = nil
		office.mu.Unlock()
		talk(t, p, []byte(hello+script))
		return office.mails()
	}
	f.Fuzz(func(t *testing.T, content []byte, at uint16) {
		split := min(int(at), len(content))
		chunked := take(t, fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", split, content[:split], len(content)-split, content[split:]))
		for _, m := range chunked {
			check(t, content, m.Data)
		}
		// What has an end of its own inside is dot-stuffed by every client.
		stuffed := bytes.ReplaceAll(append([]byte("\r\n"), content...), []byte("\r\n."), []byte("\r\n.."))[2:]
		if !bytes.HasSuffix(stuffed, []byte("\r\n")) {
			stuffed = append(stuffed, "\r\n"...)
		}
		whole := take(t, "DATA\r\n"+string(stuffed)+".\r\n")
		for _, m := range whole {
			check(t, content, m.Data)
		}
		if clean := mail.ContentFault(content) == "" && len(content) > 0; clean && len(chunked) != len(whole) {
			t.Errorf("%q is taken %d times with BDAT and %d times with DATA", content, len(chunked), len(whole))
		}
		if len(chunked)+len(whole) > 2 {
			t.Errorf("%q became %d mails", content, len(chunked)+len(whole))
		}
	})
}

// check expects of what was taken that it is safe to pass on, and that it is what was sent but for what prepare does.
func check(t *testing.T, sent, taken []byte) {
	t.Helper()
	if why := mail.ContentFault(taken); why != "" {
		t.Errorf("%q was taken: %s", sent, why)
	}
	if !bytes.HasPrefix(taken, []byte("Received: ")) || !bytes.HasSuffix(taken, []byte("\r\n")) || !bytes.Contains(taken, []byte("\r\n\r\n")) {
		t.Errorf("taken: %q", taken)
	}
	// Each line that was sent is there, in its order, but for those of fields that are taken out.
	rest := taken
	inside := true // the header
	skip := false
	for line := range bytes.Lines(sent) {
		if inside && len(bytes.TrimRight(line, "\r\n")) == 0 {
			inside = false
		}
		if inside && line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(bytes.ToLower(line), []byte(":"))
			switch string(name) {
			case "bcc", "resent-bcc", "return-path", "message-id":
				skip = true
			default:
				skip = false
			}
		}
		if inside && skip {
			continue
		}
		_, after, found := bytes.Cut(rest, bytes.TrimRight(line, "\r\n"))
		if !found {
			t.Fatalf("%q was sent, and of it %q is missing in %q", sent, line, taken)
		}
		rest = after
	}
}
