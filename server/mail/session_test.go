package mail_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"foyer/app"
	"foyer/server/mail"
)

func TestSubmission(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	if got, want := c.answer(), "220 foyer.office.example ESMTP"; got != want {
		t.Errorf("greeting %q, want %q", got, want)
	}
	c.send("EHLO scanner.lan\r\n")
	if got, want := c.answer(), strings.Join([]string{
		"250-Hello scanner.lan", "250-PIPELINING", "250-8BITMIME", "250-ENHANCEDSTATUSCODES", "250-CHUNKING", "250-AUTH PLAIN LOGIN",
		"250-LIMITS RCPTMAX=50", "250 SIZE 1048576",
	}, "\n"); got != want {
		t.Errorf("EHLO\n got %s\nwant %s", got, want)
	}
	c.say(plain("scanner", "secret of scanner"), "235 ")
	c.envelope()
	c.say("RCPT TO:<JANE@acme.example>", "250 ", "RCPT TO:<joe@acme.example>", "250 ", "DATA", "354 ")
	c.send("Bcc: boss@acme.example,\r\n\tchief@acme.example\r\nReturn-Path: <x@evil.example>\r\n" + letter + "..\r\n.\r\n")
	c.want("250 2.0.0 ")
	c.envelope()
	c.send(fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", 10, letter[:10], len(letter)-10, letter[10:]))
	c.want("250 ")
	c.want("250 2.0.0 ")
	// What is pipelined behind a mail is taken as well.
	c.envelope()
	c.say("DATA", "354 ")
	c.send(letter + ".\r\nNOOP\r\nQUIT\r\n")
	c.want("250 2.0.0 OK")
	c.want("250 2.0.0 I have")
	c.want("221 ")
	c.want("")
	mails := office.mails()
	if len(mails) != 3 {
		t.Fatalf("%d mails were taken, want 3", len(mails))
	}
	m := mails[0]
	if to := fmt.Sprint(m.Recipients); m.Program != "scanner" || m.Sender != "scanner@office.example" || to != "[jane@acme.example joe@acme.example]" ||
		m.Subject != "A scan" || m.MessageID != "<1@office.example>" {
		t.Errorf("taken %+v to %s", m, to)
	}
	head, rest, _ := strings.Cut(string(m.Data), "From: ")
	if !strings.HasPrefix(head, "Received: from scanner.lan ([127.0.0.1])\r\n\tby foyer.office.example with ESMTPA id ") || strings.Count(head, "\n") != 3 {
		t.Errorf("the mail begins %q", head)
	}
	if want := letter[6:] + ".\r\n"; rest != want {
		t.Errorf("the mail goes on\n%q, want\n%q", rest, want)
	}
	for _, m := range mails[1:] {
		if !strings.HasSuffix(string(m.Data), letter) {
			t.Errorf("the mail is %q", m.Data)
		}
	}
}

func TestAuth(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	for _, dialogue := range [][]string{
		{"AUTH LOGIN", "334 VXNlcm5hbWU6", b64("scanner"), "334 UGFzc3dvcmQ6", b64("secret of scanner"), "235 "},
		{"AUTH LOGIN " + b64("scanner"), "334 UGFzc3dvcmQ6", b64("secret of scanner"), "235 "},
		{"AUTH PLAIN", "334", b64("\x00scanner\x00secret of scanner"), "235 "},
		{"AUTH PLAIN " + b64("scanner\x00scanner\x00secret of scanner"), "235 "},
		{"AUTH PLAIN " + b64("boss\x00scanner\x00secret of scanner"), "535 5.7.8", "MAIL FROM:<scanner@office.example>", "530 5.7.0"},
		{"AUTH LOGIN", "334 ", "*", "501 ", "MAIL FROM:<scanner@office.example>", "530 5.7.0"},
		{"AUTH CRAM-MD5", "504 5.5.4", "AUTH", "502 "},
		{"AUTH PLAIN !", "454 ", "AUTH PLAIN " + b64("x"), "454 "},
		// A line in answer to a challenge is no command.
		{"AUTH LOGIN", "334 ", "STARTTLS", "334 ", "!", "454 ", "NOOP", "250 "},
	} {
		c := call(t, listenAddress(t, l))
		c.want("220 ")
		c.say("EHLO x", "250-")
		c.say(dialogue...)
		_ = c.Close() // it is over
	}
}

// TestNoRelay asks in every way for what only a program may have.
func TestNoRelay(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	for _, dialogue := range [][]string{
		{"MAIL FROM:<scanner@office.example>", "503 5.5.1"},
		{"AUTH PLAIN", "503 5.5.1", "RCPT TO:<a@b.example>", "503 5.5.1", "DATA", "503 5.5.1"},
		{"EHLO x", "250-", "MAIL FROM:<scanner@office.example>", "530 5.7.0", "RCPT TO:<jane@acme.example>", "502 ", "DATA", "502 "},
		{"HELO x", "250 ", "MAIL FROM:<scanner@office.example>", "530 5.7.0"},
		{"EHLO x", "250-", "MAIL FROM:<>", "530 5.7.0", "VRFY jane", "252 ", "EXPN all", "502 ", "HELP", "502 ", "STARTTLS", "502 "},
		{
			"EHLO x", "250-", plain("scanner", "secret of scanner"), "235 ", "MAIL FROM:<>", "550 5.7.1", "MAIL FROM:<boss@acme.example>", "550 5.7.1",
			"MAIL FROM:<x@sub.office.example>", "550 5.7.1", "MAIL FROM:<scanner%evil.example@office.example>", "501 5.1.7",
			"MAIL FROM:<@office.example:x@evil.example>", "501 5.1.7", "RCPT TO:<jane@acme.example>", "502 ",
		},
		{
			"EHLO x", "250-", plain("scanner", "secret of scanner"), "235 ", "MAIL FROM:<Jane@ACME.example>", "250 ", "MAIL FROM:<scanner@office.example>", "503 5.5.1",
			"STARTTLS", "502 5.5.1", "AUTH PLAIN", "503 ", "RSET", "250 ", "MAIL FROM:<scanner@office.example> SMTPUTF8", "504 ", "MAIL FROM:<scanner@office.example> BODY=BINARYMIME", "504 ",
			"MAIL FROM:<scanner@office.example> BODY=8BITMIME SIZE=1000000", "250 ", "RSET", "250 ", "MAIL FROM:<scanner@office.example> SIZE=2000000", "552 5.3.4",
			"DATA", "502 ", "EHLO x", "250-", "RCPT TO:<jane@acme.example>", "502 ",
		},
		{"EHLO x\ry", "500 5.5.2", "EHLO", "501 ", "EHLO <x>", "501 ", "HELO \x00", "500 ", "EHLO é", "500 ", "LHLO x", "500 "},
	} {
		c := call(t, listenAddress(t, l))
		c.want("220 ")
		c.say(dialogue...)
		_ = c.Close() // it is over
	}
	if mails := office.mails(); len(mails) > 0 {
		t.Errorf("%d mails were taken", len(mails))
	}
}

// TestDisabledMeanwhile disables a program that has signed in.
func TestDisabledMeanwhile(t *testing.T) {
	office := newPrograms(t, scanner(t), app.Program{Name: "other", Enabled: true})
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	p := scanner(t)
	p.Enabled = false
	office.set(p)
	c.say("MAIL FROM:<scanner@office.example>", "530 5.7.0")
}

// TestRecipients sends what two mail servers could read in two ways: only an address that is written plainly is taken.
func TestRecipients(t *testing.T) {
	office := newPrograms(t)
	office.settings.Limits.SMTPErrors = 0
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	c.say("MAIL FROM:<scanner@office.example>", "250 ")
	for rcpt, want := range map[string]string{
		"<user@allowed.example>":                             "250 ",
		" <user@allowed.example>":                            "250 ",
		"user@allowed.example":                               "553 ",
		"<user@allowed.example@evil.example>":                "553 ",
		"<user%evil.example@allowed.example>":                "553 ",
		"<evil.example!user@allowed.example>":                "553 ",
		"<@allowed.example:user@evil.example>":               "553 ",
		"<@a.example,@b.example:user@evil.example>":          "553 ",
		`<"user"@allowed.example>`:                           "553 ",
		`<"user@allowed.example"@evil.example>`:              "553 ",
		`<"a> ORCPT=rfc822;x"@allowed.example>`:              "553 ",
		"<user@allowed.example> ORCPT=rfc822;x":              "504 ",
		"<user@allowed.example>x":                            "5",
		"<user@allowed.example":                              "501 ",
		"<user@[192.0.2.1]>":                                 "553 ",
		"<user@allowed.example.>":                            "553 ",
		"<user>":                                             "501 ",
		"<>":                                                 "501 ",
		"<postmaster>":                                       "501 ",
		"<us er@allowed.example>":                            "501 ",
		"<user\x00@allowed.example>":                         "500 ",
		"<user\r@allowed.example>":                           "500 ",
		"<user@allowed.example\rRCPT TO:<eve@evil.example>>": "500 ",
		"<usér@allowed.example>":                             "500 ",
		"<user@b\xfccher.example>":                           "500 ",
		"<user@(comment)allowed.example>":                    "553 ",
		"<user(comment)@allowed.example>":                    "501 ",
		"<=?utf-8?q?user?=@allowed.example>":                 "553 ",
		"<user@allowed>":                                     "553 ",
		"<user@127.0.0.1>":                                   "553 ",
	} {
		c.say("RCPT TO:"+rcpt, want)
	}
	c.say("DATA", "354 ")
	c.send(letter + ".\r\n")
	c.want("250 ")
	if mails := office.mails(); len(mails) != 1 || fmt.Sprint(mails[0].Recipients) != "[user@allowed.example]" {
		t.Errorf("taken %+v", mails)
	}
}

func TestTooManyErrors(t *testing.T) {
	office := newPrograms(t)
	office.settings.Limits.SMTPErrors = 5
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	for range 4 {
		c.say("MAIL FROM:<eve@evil.example>", "550 ")
	}
	c.envelope()
	c.say("DATA", "354 ")
	c.send(letter + ".\r\n")
	c.want("250 ")
	// A mail that was taken makes up for what was refused before.
	for range 4 {
		c.say("MAIL FROM:<eve@evil.example>", "550 ")
	}
	c.send(strings.Repeat("MAIL FROM:<eve@evil.example>\r\n", 4))
	c.want("550 ")
	c.want("421 4.7.0")
	c.want("")
}

// TestOfficeRefuses has the domain refuse a mail: the answer says whether it is worth trying again.
func TestOfficeRefuses(t *testing.T) {
	office := newPrograms(t)
	office.settings.Limits.SMTPErrors = 0
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	for _, test := range []struct {
		err  error
		want string
	}{
		{app.Errorf(app.Unavailable, "queue_full", "the queue is full"), "452 4.3.1 the queue is full"},
		{app.Errorf(app.Unavailable, "storage_full", "the disk is full"), "452 4.3.1 the disk is full"},
		{app.Errorf(app.Unavailable, "storage_readonly", "the data cannot be written"), "451 4.3.0 the data"},
		{app.Errorf(app.Limited, "program_rate", "too many"), "452 4.7.1 too many"},
		{app.Errorf(app.Denied, "program_disabled", "the program\r\n250 is disabled"), "550 5.7.1 the program  250 is disabled"},
		{errors.New("what nobody may read"), "451 4.3.0 something went wrong"},
		{&app.Error{Code: app.Internal, Err: errors.New("what nobody may read")}, "451 4.3.0 something went wrong"},
		{nil, "250 2.0.0"},
	} {
		office.mu.Lock()
		office.fail = test.err
		office.mu.Unlock()
		c.envelope()
		c.say("DATA", "354 ")
		c.send(letter + ".\r\n")
		c.want(test.want)
	}
}

func TestLocalUser(t *testing.T) {
	p := scanner(t)
	p.LocalUser = "scan"
	office := newPrograms(t, p)
	var system struct { // what the system says
		sync.Mutex
		users []string
		fail  error
		asked int
	}
	system.users = []string{"1000", "scan"}
	says := func(users []string, fail error) (asked int) {
		system.Lock()
		defer system.Unlock()
		asked = system.asked
		system.users, system.fail, system.asked = users, fail, 0
		return asked
	}
	l, _ := runListener(t, office, mail.ListenerConfig{LocalUser: func(client, server netip.AddrPort) ([]string, error) {
		system.Lock()
		defer system.Unlock()
		system.asked++
		if !client.Addr().IsLoopback() || server.Port() == client.Port() {
			t.Errorf("asked for %s to %s", client, server)
		}
		return system.users, system.fail
	}})
	address := listenAddress(t, l)
	begin := func(want string) *caller {
		t.Helper()
		c := call(t, address)
		c.want("220 ")
		c.say("EHLO x", "250-", "MAIL FROM:<scanner@office.example>", want)
		return c
	}
	c := begin("250 ")
	c.say("RCPT TO:<jane@acme.example>", "250 ", "DATA", "354 ")
	c.send(letter + ".\r\n")
	c.want("250 ")
	if mails := office.mails(); len(mails) != 1 || !strings.Contains(string(mails[0].Data), "with ESMTP id") {
		t.Errorf("taken %+v", mails)
	}
	if asked := says([]string{"1001", "eve"}, nil); asked != 1 {
		t.Errorf("the system was asked %d times about one connection", asked)
	}
	begin("530 5.7.0 sign in first with AUTH; no program has the user 1001 or eve")
	says(nil, errors.New("no idea"))
	begin("530 5.7.0 sign in first with AUTH; whose process this is")
	p.LocalUser = ""
	office.set(p)
	says(nil, nil)
	begin("530 5.7.0 sign in first")
	if says(nil, nil) != 0 {
		t.Error("the system was asked although no program has a local user")
	}
}

// What a browser can be made to send is no dialogue, although it comes from the right user.
func TestWebRequestsHandOverNothing(t *testing.T) {
	p := scanner(t)
	p.LocalUser = "scan"
	office := newPrograms(t, p)
	l, _ := runListener(t, office, mail.ListenerConfig{LocalUser: func(_, _ netip.AddrPort) ([]string, error) { return []string{"1000", "scan"}, nil }})
	address := listenAddress(t, l)
	dialogue := "EHLO x\r\nMAIL FROM:<scanner@office.example>\r\nRCPT TO:<jane@acme.example>\r\nDATA\r\n" + letter + ".\r\nQUIT\r\n"
	for _, begin := range []string{
		"POST / HTTP/1.1\r\nHost: 127.0.0.1:2525\r\n\r\n", "post /?q=a%20b http/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n", "Host: 127.0.0.1\r\n\r\n",
		"OPTIONS * RTSP/1.0\r\nContent-Type: text/plain\r\n\r\n", "GET / HTTP/1.1\r\n",
	} {
		c := call(t, address)
		c.want("220 ")
		c.send(begin + dialogue)
		c.want("5")
		for answer := c.answer(); answer != ""; answer = c.answer() {
			if answer[0] == '2' {
				t.Errorf("%q: got the answer %q", begin, answer)
			}
		}
	}
	if mails := office.mails(); len(mails) != 0 {
		t.Errorf("%d mails were taken", len(mails))
	}
}

// A connection that stays open is worth no more than what it has begun with: a new password, or another local user, ends it.
func TestRightsAreTakenAway(t *testing.T) {
	p := scanner(t)
	p.LocalUser = "scan"
	office := newPrograms(t, p)
	l, _ := runListener(t, office, mail.ListenerConfig{LocalUser: func(_, _ netip.AddrPort) ([]string, error) { return []string{"1000", "scan"}, nil }})
	address := listenAddress(t, l)
	local, signedIn := call(t, address), call(t, address)
	for _, c := range []*caller{local, signedIn} {
		c.want("220 ")
		c.say("EHLO x", "250-")
	}
	signedIn.say("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00scanner\x00secret of scanner")), "235 ")
	for _, c := range []*caller{local, signedIn} {
		c.say("MAIL FROM:<scanner@office.example>", "250 ", "RSET", "250 ")
	}
	p.LocalUser = "other"
	office.set(p)
	local.say("MAIL FROM:<scanner@office.example>", "530 5.7.0")
	signedIn.say("MAIL FROM:<scanner@office.example>", "250 ", "RSET", "250 ")
	p.Password = app.NewToken().Hash()
	office.set(p)
	signedIn.say("MAIL FROM:<scanner@office.example>", "530 5.7.0")
}
