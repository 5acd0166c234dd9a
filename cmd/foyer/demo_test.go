package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"foyer/app"
)

const confirmText = "Hello,\r\n\r\nConfirm here:\r\nhttp://127.0.0.1:8080/confirm/abcDEF_-123\r\n\r\nor type\r\n\r\n    ABCD-2345\r\n\r\nNot you?\r\nhttp://127.0.0.1:8080/not-me/zzz\r\n"

func TestMailsOnTheScreen(t *testing.T) {
	long := strings.ReplaceAll(confirmText, "abcDEF_-123", strings.Repeat("t", 90))
	quoted := strings.ReplaceAll(long, strings.Repeat("t", 90), strings.Repeat("t", 40)+"=\r\n"+strings.Repeat("t", 50))
	multi := func(encoding, text string) string {
		return "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " +
			encoding + "\r\n\r\n" + text + "\r\n--b\r\nContent-Type: text/html\r\n\r\n<a href=\"http://evil.example/confirm/x\">x</a>\r\n--b--\r\n"
	}
	const link, code = "Open   http://127.0.0.1:8080/confirm/abcDEF_-123\n", "Code   ABCD-2345\n"
	longLink := "Open   http://127.0.0.1:8080/confirm/" + strings.Repeat("t", 90) + "\n"
	tests := []struct {
		name, data string
		want, not  []string
	}{
		{"plain", "Subject: x\r\n\r\n" + confirmText, []string{link, code}, []string{"not-me"}},
		{"two parts", multi("7bit", confirmText), []string{link, code}, []string{"evil"}},
		{"quoted-printable", multi("quoted-printable", quoted), []string{longLink, code}, nil},
		{"base64", multi("base64", base64.StdEncoding.EncodeToString([]byte(confirmText))), []string{link, code}, nil},
		{"reset", "Subject: x\r\n\r\nhttp://h/reset/tok\r\n", []string{"Open   http://h/reset/tok\n"}, []string{"Code"}},
		{"notice", "Subject: x\r\n\r\nhttp://h/login\r\n", nil, []string{"Open", "Code"}},
		{"only HTML", "Content-Type: text/html\r\n\r\nhttp://h/confirm/x\r\n", nil, []string{"Open"}},
		{"no mail", "\x00", []string{"cannot be read"}, []string{"Open"}},
		{"broken parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\nnothing\r\n", nil, []string{"Open"}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		s := &screen{out: &out}
		s.captured(app.Message{Kind: app.MailConfirm, Recipient: address(t, "jane@example.com"), Subject: "Confirm\x1b[2J", Data: []byte(tt.data)})
		got := out.String()
		for _, want := range append(tt.want, `Mail to jane@example.com: Confirm\x1b[2J (confirm)`) {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in\n%s", tt.name, want, got)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(got, not) {
				t.Errorf("%s: %q is in\n%s", tt.name, not, got)
			}
		}
	}
}

// TestWholeTexts lets many mails be captured at once, and expects none to stand in the middle of another.
func TestWholeTexts(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	var wg sync.WaitGroup
	for i := range 50 {
		recipient := address(t, fmt.Sprintf("p%d@example.com", i))
		wg.Go(func() {
			text := strings.ReplaceAll(confirmText, "abcDEF_-123", recipient.String())
			s.captured(app.Message{Kind: app.MailConfirm, Recipient: recipient, Subject: "S", Data: []byte("Subject: x\r\n\r\n" + text)})
		})
	}
	wg.Wait()
	for i := range 50 {
		want := fmt.Sprintf("  Mail to p%[1]d@example.com: S (confirm)\n    Open   http://127.0.0.1:8080/confirm/p%[1]d@example.com\n    Code   ABCD-2345\n\n", i)
		if !strings.Contains(out.String(), want) {
			t.Errorf("not whole: %q", want)
		}
	}
}

// TestWelcome expects command lines that can be typed as they stand.
func TestWelcome(t *testing.T) {
	p := &program{data: "/tmp/my demo"}
	text := p.welcome("http://127.0.0.1:8080", true)
	for _, want := range []string{"http://127.0.0.1:8080/login", " company list --data '/tmp/my demo'", "kept in /tmp/my demo", "Ctrl+C"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if text := (&program{data: "/d", socket: "/s"}).welcome("http://x", false); !strings.Contains(text, " mail list --socket /s") || !strings.Contains(text, "goes away") {
		t.Errorf("with a socket elsewhere:\n%s", text)
	}
}
