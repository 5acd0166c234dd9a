package mail_test

import (
	"strings"
	"testing"
	"time"

	"foyer/server/mail"
)

var scanned = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func TestPrepare(t *testing.T) {
	const from, date, id = "From: scanner@office.example\r\n", "Date: Sun, 22 Nov 2026 09:30:00 +0000\r\n", "Message-ID: <1@x>\r\n"
	for _, test := range []struct {
		name, give string
		want       string // behind the Received field; <NEW> is a new Message-ID
	}{
		{"whole", from + date + id + "\r\nHello\r\n", from + date + id + "\r\nHello\r\n"},
		{"bare", from + "\r\n", date + "Message-ID: <NEW>\r\n" + from + "\r\n"},
		{"no body", from + date + id, from + date + id + "\r\n"},
		{"no last line end", from + date + id + "\r\nHello", from + date + id + "\r\nHello\r\n"},
		{"no last line end in the header", date + id + from[:len(from)-2], date + id + from + "\r\n"},
		{"no empty line", from + date + id + "Hello you: all\r\n", from + date + id + "\r\nHello you: all\r\n"},
		{"secret readers", "Bcc: a@b.example,\r\n c@d.example\r\n" + from + date + "bcc: x\r\nReturn-Path: <e@f.example>\r\nResent-Bcc: g\r\n" + id + "\r\n", from + date + id + "\r\n"},
		{"a Message-ID that is none", from + "Message-ID: 4711\r\n" + date + "\r\n", "Message-ID: <NEW>\r\n" + from + date + "\r\n"},
		{"several authors", "From: a@office.example, Jane <jane@acme.example>\r\n" + date + id + "Sender: a@office.example\r\n\r\n", "From: a@office.example, Jane <jane@acme.example>\r\n" + date + id + "Sender: a@office.example\r\n\r\n"},
		{"odd names", "From: =?iso-8859-2?q?J=E1n?=\r\n <a@office.example> (of \"us\")\r\n" + date + id + "\r\n", "From: =?iso-8859-2?q?J=E1n?=\r\n <a@office.example> (of \"us\")\r\n" + date + id + "\r\n"},
		{"body as it is", from + date + id + "\r\nFrom: eve@evil.example\r\n\xff\x01 .\r\n", from + date + id + "\r\nFrom: eve@evil.example\r\n\xff\x01 .\r\n"},
	} {
		m, err := mail.Prepare([]byte(test.give), scanner(t), 998, 50, scanned)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		const received = "Received: from scanner.lan ([192.0.2.7])\r\n\tby foyer.office.example with ESMTPSA id "
		_, got, _ := strings.Cut(strings.TrimPrefix(m.Data, received), ";\r\n\tSun, 22 Nov 2026 09:30:00 +0000\r\n")
		want := strings.ReplaceAll(test.want, "<NEW>", m.ID)
		if !strings.HasPrefix(m.Data, received) || got != want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, m.Data, want)
		}
		if !strings.HasPrefix(m.ID, "<") || !strings.HasSuffix(m.ID, ">") || strings.Contains(test.want, "<NEW>") && !strings.HasSuffix(m.ID, "@office.example>") {
			t.Errorf("%s: the Message-ID is %q", test.name, m.ID)
		}
	}
}

func TestPrepareSubject(t *testing.T) {
	for give, want := range map[string]string{
		"A scan":                                "A scan",
		"=?utf-8?q?J=C3=A1n?= =?utf-8?b?IGE=?=": "Ján a",
		"A\r\n\tlong one":                       "A long one",
		"=?koi8-r?q?=C1?=":                      "\ufffd",
		"=?utf-8?q?broken":                      "=?utf-8?q?broken",
		"":                                      "",
		"A \x1b[31m=?utf-8?q?red=0D=0Aone=E2=80=AE?=": "A  [31mred  one",
		"=?utf-8?q?a=1B=0D=0Ab=E2=80=AEc?=":           "a   bc",
		strings.Repeat("a very\r\n long ", 1000):      strings.Repeat("a very long ", 42)[:497] + "...",
	} {
		m, err := mail.Prepare([]byte("From: a@office.example\r\nSubject: "+give+"\r\n\r\n"), scanner(t), 998, 50, scanned)
		if err != nil || m.Subject != want {
			t.Errorf("%q: got %q, %v, want %q", give, m.Subject, err, want)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	const from = "From: a@office.example\r\n"
	for _, test := range []struct{ give, want string }{
		{"", "550: the mail is refused: it has no header field From"},
		{"Hello\r\n", "550: the mail is refused: it has no header field From"},
		{" Hello\r\n" + from, "it has no header field From"},
		{"\r\n" + from, "it has no header field From"},
		{"From jane@acme.example Sun Nov 22\r\n" + from, "it has no header field From"},
		{"To: x@y.example\r\nHello\r\n" + from, "it has no header field From"},
		{from + from, "it has the header field from twice"},
		{from + "FROM: a@office.example\r\n", "it has the header field from twice"},
		{from + "Subject: a\r\nsubject: b\r\n", "it has the header field subject twice"},
		{from + "From : eve@evil.example\r\n", "the header field From has a blank before its colon"},
		{"From\t: eve@evil.example\r\n", "has a blank before its colon"},
		{"From: eve@evil.example\r\n", "scanner may not send as eve@evil.example; it may as office.example and jane@acme.example"},
		{"From: a@office.example, eve@evil.example\r\n", "scanner may not send as eve@evil.example"},
		{"From: x@sub.office.example\r\n", "scanner may not send as x@sub.office.example"},
		{"From: joe@acme.example\r\n", "scanner may not send as joe@acme.example"},
		{from + "Sender: eve@evil.example\r\n", "the header field sender: scanner may not send as"},
		{from + "Sender: a@office.example, b@office.example\r\n", "more than one address"},
		{"From: \"a@office.example\" <eve@evil.example>\r\n", "may not send as eve@evil.example"},
		{"From: \"a@office.example\"@evil.example\r\n", "exactly one @"},
		{"From: us: a@office.example, eve@evil.example;\r\n", "may not send as eve@evil.example"},
		{"From: us:;\r\n", "is not understood"},
		{"From: Scanner\r\n", "is not understood"},
		{"From:\r\n", "is not understood"},
		{"From: <@evil.example:a@office.example>\r\n", "is not understood"},
		{"From: a@[192.0.2.1]\r\n", "is not"},
		{"From: a@office.example" + strings.Repeat(",\r\n a@office.example", 1000) + "\r\n", "is too long"},
		{from + "Subject: Für dich\r\n", "the header field subject has characters other than ASCII"},
		{from + "Subject: a\r\n\tf\xfcr dich\r\n", "the header field subject has characters other than ASCII"},
		{from + "\r\n" + strings.Repeat("x", 999) + "\r\n", "a line has 999 bytes, and 998 are the most"},
		{from + "\r\n" + strings.Repeat("x", 999), "a line has 999 bytes"},
		{from + strings.Repeat("a:\r\n", 300<<10), "552: the mail's header has more than 1024 KiB"},
		{from + "Subject: a\r\n" + strings.Repeat(" b\r\n", 300<<10), "552: the mail's header has more than 1024 KiB"},
		{from + strings.Repeat("Received: x\r\n", 51), "the mail has passed 51 mail servers"},
	} {
		_, err := mail.Prepare([]byte(test.give), scanner(t), 998, 50, scanned)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.100q: got %v, want %q", test.give, err, test.want)
		}
	}
	for _, give := range []string{from + "\r\n" + strings.Repeat("x", 5000), from + strings.Repeat("Received: x\r\n", 500)} {
		if _, err := mail.Prepare([]byte(give), scanner(t), 0, 0, scanned); err != nil {
			t.Errorf("without limits: %v", err)
		}
	}
}

func TestContentFault(t *testing.T) {
	for _, test := range []struct {
		give string
		want string // a word of it
	}{
		{"", ""},
		{"a\r\nb\r\n", ""},
		{"\r\n\r\n", ""},
		{"a", ""},
		{"a\rb", "CR"},
		{"\r", "CR"},
		{"a\r\r\n", "CR"},
		{"\r\n\r", "CR"},
		{"\rX\r\n", "CR"},
		{"a\nb", "LF"},
		{"\n", "LF"},
		{"a\r\n\n", "LF"},
		{"\n\r\n", "LF"},
		{"a\x00b\r\n", "NUL"},
	} {
		b := []byte(test.give)
		for split := range len(b) + 1 {
			got := mail.ContentFault(b[:split], nil, b[split:])
			if test.want == "" && got != "" || !strings.Contains(got, test.want) {
				t.Errorf("%q, parted at %d: got %q, want %q", test.give, split, got, test.want)
			}
		}
	}
}
