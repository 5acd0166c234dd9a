package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// programs is an office with programs. Each one's password is "secret of " and its name.
type programs struct {
	mu        sync.Mutex
	settings  app.Settings
	byName    map[string]app.Program
	taken     []app.Submission
	fail      error // of Submit
	entered   chan struct{}
	goOn      chan struct{} // Submit waits for it, if it is not nil
	passwords int           // how many were tried
}

func newPrograms(tb testing.TB, list ...app.Program) *programs {
	tb.Helper()
	settings, err := app.ParseSettings(map[string]string{"public_url": "https://foyer.office.example", "limits.smtp_megabytes": "1"})
	if err != nil {
		tb.Fatal(err)
	}
	o := &programs{settings: settings, byName: map[string]app.Program{}}
	if list == nil {
		list = []app.Program{scanner(tb)}
	}
	for _, p := range list {
		o.byName[p.Name] = p
	}
	return o
}

// scanner is a program that may send as office.example and jane@acme.example.
func scanner(tb testing.TB) app.Program {
	tb.Helper()
	p, err := app.Program{Name: "scanner", Enabled: true}.Change(map[string]string{"senders": "office.example jane@acme.example"})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func (o *programs) Settings() app.Settings {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.settings
}

func (o *programs) set(p app.Program) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.byName[p.Name] = p
}

func (o *programs) any(is func(app.Program) bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.byName {
		if p.Enabled && is(p) {
			return true
		}
	}
	return false
}

func (o *programs) AnyProgram() bool { return o.any(func(app.Program) bool { return true }) }

func (o *programs) AnyLocalUser() bool {
	return o.any(func(p app.Program) bool { return p.LocalUser != "" })
}

func (o *programs) Program(_ context.Context, name string) (app.Program, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p, ok := o.byName[name]
	if !ok {
		return p, app.Errorf(app.NotFound, "program_unknown", "there is no program %q", name)
	}
	return p, nil
}

func (o *programs) SignInProgram(_ context.Context, name, password, _ string) (app.Program, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.passwords++
	p, ok := o.byName[name]
	if !ok || !p.Enabled || password != "secret of "+name {
		return app.Program{}, app.Errorf(app.Denied, "program_signin", "the name or the password is not right")
	}
	return p, nil
}

func (o *programs) LocalProgram(user ...string) (app.Program, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.byName {
		if p.Enabled && slices.Contains(user, p.LocalUser) {
			return p, nil
		}
	}
	return app.Program{}, app.Errorf(app.Denied, "program_signin", "no program has the user %s", strings.Join(user, " or "))
}

func (o *programs) Submit(_ context.Context, sub app.Submission) error {
	if o.goOn != nil {
		o.entered <- struct{}{}
		<-o.goOn
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.taken = append(o.taken, sub)
	return nil
}

func (o *programs) mails() []app.Submission {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.taken)
}

// runListener runs a listener for office until the test ends.
func runListener(tb testing.TB, office mail.Office, c mail.ListenerConfig) (l *mail.Listener, stop func()) {
	tb.Helper()
	if c.Listen == nil {
		c.Listen = []string{"127.0.0.1:0"}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l, err := mail.NewListener(c)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, office, 10*time.Second) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(stop)
	return l, stop
}

// address returns where the listener listens, once it does.
func listenAddress(tb testing.TB, l *mail.Listener) string {
	tb.Helper()
	for range 1000 {
		if state := l.Status()[0]; state.Open {
			return state.Address
		}
		l.Look()
		wait(tb, 5*time.Millisecond)
	}
	tb.Fatalf("the listener does not listen: %+v", l.Status())
	return ""
}

func wait(tb testing.TB, d time.Duration) {
	tb.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// caller is a program's side of a connection, which says what it likes.
type caller struct {
	testing.TB
	net.Conn
	in *bufio.Reader
}

func call(tb testing.TB, address string) *caller {
	tb.Helper()
	conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	return newCaller(tb, conn)
}

func newCaller(tb testing.TB, conn net.Conn) *caller {
	tb.Helper()
	tb.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Minute)); err != nil { // below that, go test ends the test
		tb.Fatal(err)
	}
	c := &caller{TB: tb, Conn: conn, in: bufio.NewReader(conn)}
	return c
}

// send writes bytes as they are.
func (c *caller) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatalf("send %.100q: %v", text, err)
	}
}

// answer returns the next answer, its lines joined, or "" when the connection has ended.
func (c *caller) answer() string {
	c.Helper()
	var lines []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return strings.Join(lines, "\n")
		}
		line = strings.TrimSuffix(line, "\r\n")
		lines = append(lines, line)
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(lines, "\n")
		}
	}
}

// want expects an answer that begins so.
func (c *caller) want(prefix string) string {
	c.Helper()
	got := c.answer()
	if !strings.HasPrefix(got, prefix) || prefix == "" && got != "" {
		c.Errorf("got the answer %q, want %q", got, prefix)
	}
	return got
}

// say sends lines and expects to each an answer that begins so.
func (c *caller) say(dialogue ...string) {
	c.Helper()
	for i := 0; i+1 < len(dialogue); i += 2 {
		c.send(dialogue[i] + "\r\n")
		if got := c.answer(); !strings.HasPrefix(got, dialogue[i+1]) {
			c.Errorf("%.100q: got the answer %q, want %q", dialogue[i], got, dialogue[i+1])
		}
	}
}

func plain(name, password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00"+password))
}

// signIn signs the scanner in.
func (c *caller) signIn() {
	c.Helper()
	c.want("220 foyer.office.example ESMTP")
	c.say("EHLO scanner.lan", "250-", plain("scanner", "secret of scanner"), "235 ")
}

// envelope says MAIL and RCPT.
func (c *caller) envelope() {
	c.Helper()
	c.say("MAIL FROM:<scanner@office.example>", "250 ", "RCPT TO:<jane@acme.example>", "250 ")
}

const letter = "From: Scanner <scanner@office.example>\r\nTo: jane@acme.example\r\nSubject: A scan\r\n" +
	"Date: Sun, 22 Nov 2026 09:30:00 +0000\r\nMessage-ID: <1@office.example>\r\n\r\nHello\r\n"

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

// TestSmuggling hides a second mail in the first, behind what some mail server takes for the end of a mail.
func TestSmuggling(t *testing.T) {
	const second = "MAIL FROM:<admin@office.example>\r\nRCPT TO:<victim@acme.example>\r\nDATA\r\n" + letter
	sequences := []string{
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\r\n.\r\r\n", "\r\n.\rX\r\n", "\n\n.\r\n",
	}
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	address := listenAddress(t, l)
	for _, sequence := range sequences {
		c := call(t, address)
		c.signIn()
		content := strings.TrimSuffix(letter, "\r\n") + sequence + second
		c.envelope()
		c.say("DATA", "354 ")
		c.send(content + ".\r\n")
		c.want("550 5.5.2 ")
		c.envelope()
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content), content))
		c.want("550 5.5.2 ")
		at := len(letter) - 2
		for split := at; split <= at+len(sequence); split++ {
			c.envelope()
			c.send(fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", split, content[:split], len(content)-split, content[split:]))
			c.want("250 ")
			c.want("550 5.5.2 ")
		}
		c.say("RCPT TO:<jane@acme.example>", "502 ", "QUIT", "221 ")
	}
	if mails := office.mails(); len(mails) > 0 {
		t.Fatalf("%d mails were taken", len(mails))
	}
	// A line end that is whole may be parted, and a dot is a dot.
	c := call(t, address)
	c.signIn()
	for _, split := range []int{len(letter) - 1, len(letter) - 2, 0, len(letter)} {
		c.envelope()
		c.send(fmt.Sprintf("BDAT %d\r\n%sBDAT %d LAST\r\n%s", split, letter[:split], len(letter)-split, letter[split:]))
		c.want("250 ")
		c.want("250 ")
	}
	c.envelope()
	content := letter + ".\r\nMAIL FROM:<admin@office.example>\r\n"
	c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(content), content))
	c.want("250 ")
	mails := office.mails()
	if len(mails) != 5 || !strings.HasSuffix(string(mails[4].Data), content) {
		t.Errorf("%d mails were taken, want 5, the last with what looks like an end", len(mails))
	}
}

// TestHalfMails ends the connection inside a mail.
func TestHalfMails(t *testing.T) {
	pair, pool := certificates(t)
	office := newPrograms(t)
	l, stop := runListener(t, office, mail.ListenerConfig{Cert: pair.cert, Key: pair.key})
	address := listenAddress(t, l)
	for _, half := range []string{
		"DATA\r\n" + letter, "DATA\r\n" + letter + ".", "DATA\r\n" + letter + ".\r", "DATA\r\n" + letter[:20],
		fmt.Sprintf("BDAT %d LAST\r\n%s", len(letter)+1, letter), fmt.Sprintf("BDAT %d\r\n%s", len(letter), letter),
		fmt.Sprintf("BDAT %d\r\n%sBDAT 100 LAST\r\n", len(letter), letter), "BDAT 10 LAST\r\n",
	} {
		for _, end := range []string{"close", "half", "tls", "reset"} {
			c := call(t, address)
			if end == "tls" {
				c.want("220 ")
				c.say("EHLO x", "250-", "STARTTLS", "220 ")
				conn := tls.Client(c.Conn, &tls.Config{RootCAs: pool, ServerName: "foyer.office.example"})
				c = newCaller(t, conn)
				c.say("EHLO x", "250-", plain("scanner", "secret of scanner"), "235 ")
			} else {
				c.signIn()
			}
			c.envelope()
			c.send(half)
			tcp, _ := c.Conn.(*net.TCPConn)
			switch end {
			case "half":
				if err := tcp.CloseWrite(); err != nil {
					t.Error(err)
				}
				_, _ = io.Copy(io.Discard, c.in) // until the listener has had enough
			case "tls":
				// Told in an orderly way that nothing more comes.
				if err := c.Conn.(*tls.Conn).CloseWrite(); err != nil {
					t.Error(err)
				}
				_, _ = io.Copy(io.Discard, c.in)
			case "reset":
				if err := tcp.SetLinger(0); err != nil {
					t.Error(err)
				}
			}
			_ = c.Close()
		}
	}
	stop() // all have come to their end
	if mails := office.mails(); len(mails) > 0 {
		t.Errorf("%d half mails were taken: %q", len(mails), mails[0].Data)
	}
}

// TestAborted gives mails up.
func TestAborted(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	for _, dialogue := range [][]string{
		{"RSET", "250 "},
		{"EHLO x", "250-"},
		{"BDAT 0", "250 ", "MAIL FROM:<scanner@office.example>", "502 ", "RCPT TO:<a@b.example>", "502 ", "DATA", "502 ", "BDAT 0 LAST", "550 5.6.0"},
		{"BDAT 0 LAST", "550 5.6.0"},
		{"DATA x", "501 ", "RSET", "250 "},
	} {
		c.envelope()
		c.say(dialogue...)
	}
	// Given up between two chunks: go-smtp could take the end of the old mail for that of the next.
	for _, verb := range []string{"RSET", "EHLO x", "HELO x"} {
		c := call(t, listenAddress(t, l))
		c.signIn()
		c.envelope()
		c.send("BDAT 3\r\nabc" + verb + "\r\nMAIL FROM:<scanner@office.example>\r\n")
		c.want("250 ")
		c.want("421 ")
		c.want("")
	}
	c.send("BDAT 5\r\nQUIT\n")
	c.want("502 ")
	c.envelope()
	c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", len(letter), letter))
	c.want("250 ")
	if mails := office.mails(); len(mails) != 1 {
		t.Errorf("%d mails were taken, want 1", len(mails))
	}
	for _, bdat := range []string{"BDAT", "BDAT x", "BDAT -1", "BDAT 1 2 3", "BDAT 5 FIRST", "BDAT 99999999999"} {
		c := call(t, listenAddress(t, l))
		c.signIn()
		c.envelope()
		c.send(bdat + "\r\nRSET\r\n")
		c.want("501 ")
		c.want("") // what follows may be the chunk
	}
	c = call(t, listenAddress(t, l))
	c.want("220 ")
	c.send("BDAT 6 LAST\r\nRSET\r\n")
	c.want("503 ")
	c.want("")
}

func TestTooLarge(t *testing.T) {
	office := newPrograms(t)
	office.settings.Limits.SMTPRecipients = 2
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	line := strings.Repeat("x", 78) + "\r\n"
	body := func(size int) string {
		b := letter + strings.Repeat(line, (size-len(letter))/len(line))
		return b + strings.Repeat("x", size-len(b)-2) + "\r\n"
	}
	const limit = 1 << 20
	for _, test := range []struct {
		size int
		want string
	}{{limit, "250 "}, {limit + 1, "552 5.3.4"}, {limit * 3 / 2, "552 5.3.4"}} {
		c.envelope()
		c.say("DATA", "354 ")
		c.send(body(test.size) + ".\r\n")
		c.want(test.want)
		if test.want == "250 " {
			c.envelope()
			c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", test.size, body(test.size)))
			c.want(test.want)
			continue
		}
		c = call(t, listenAddress(t, l))
		c.signIn()
		c.envelope()
		c.send(fmt.Sprintf("BDAT %d LAST\r\n%s", test.size, body(test.size)))
		c.want(test.want)
		c = call(t, listenAddress(t, l))
		c.signIn()
	}
	c.envelope()
	c.say("RCPT TO:<joe@acme.example>", "250 ", "RCPT TO:<jim@acme.example>", "452 4.5.3", "RCPT TO:<joe@ACME.example>", "250 ")
	if mails := office.mails(); len(mails) != 2 {
		t.Errorf("%d mails were taken, want 2", len(mails))
	}
	// Whoever sends without end is cut off.
	c.say("DATA", "354 ")
	go func() {
		for {
			if _, err := io.WriteString(c.Conn, line); err != nil {
				return
			}
		}
	}()
	if got := c.answer(); got != "" && !strings.HasPrefix(got, "421 4.7.0") {
		t.Errorf("to a mail without end: %q", got)
	}
}

func TestLongLines(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.signIn()
	for length, want := range map[int]string{998: "250 ", 999: "550 5.6.0", 5000: "550 5.6.0", 100_000: "550 5.6.0"} {
		c.envelope()
		c.say("DATA", "354 ")
		c.send(letter + strings.Repeat("x", length) + "\r\n.\r\n")
		c.want(want)
	}
	c.send("NOOP " + strings.Repeat("x", 3000) + "\r\nNOOP\r\n")
	c.want("500 5.5.2")
	c.want("")
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

func TestConnectionLimits(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{ConnectionsPerIP: 2})
	address := listenAddress(t, l)
	first, second := call(t, address), call(t, address)
	first.want("220 ")
	second.want("220 ")
	third := call(t, address)
	third.want("421 4.7.0 too many connections")
	third.want("")
	first.say("QUIT", "221 ")
	first.want("")
	again := call(t, address)
	again.want("220 ")
}

// TestDoors has programs come and go: the port is open only while there is one.
func TestDoors(t *testing.T) {
	office := newPrograms(t, app.Program{Name: "scanner"})
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l, stop := runListener(t, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:0", taken.Addr().String()}})
	l.Look()
	for _, state := range l.Status() {
		if state.Open || state.Problem != "" {
			t.Errorf("without a program: %+v", state)
		}
	}
	office.set(scanner(t))
	address := listenAddress(t, l)
	if state := l.Status()[1]; state.Open || !strings.Contains(state.Problem, "another program has this port") {
		t.Errorf("a port that is taken: %+v", state)
	}
	c := call(t, address)
	c.signIn()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	l.Look()
	if state := l.Status()[1]; !state.Open || state.Problem != "" {
		t.Errorf("a port that is free again: %+v", state)
	}
	office.set(app.Program{Name: "scanner"})
	l.Look()
	for _, state := range l.Status() {
		if state.Open {
			t.Errorf("without a program again: %+v", state)
		}
	}
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		_ = conn.Close()
		t.Error("the port is open although there is no program")
	}
	c.say("MAIL FROM:<scanner@office.example>", "530 ")
	stop()
	l.Look() // returns, although nobody looks any more
}

// TestStop stops the service while one program waits and another hands over a mail.
func TestStop(t *testing.T) {
	office := newPrograms(t)
	office.entered, office.goOn = make(chan struct{}), make(chan struct{})
	l, stop := runListener(t, office, mail.ListenerConfig{})
	address := listenAddress(t, l)
	idle, busy := call(t, address), call(t, address)
	idle.signIn()
	busy.signIn()
	busy.envelope()
	busy.say("DATA", "354 ")
	busy.send(letter + ".\r\n")
	<-office.entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	idle.want("421 4.3.2")
	idle.want("")
	close(office.goOn)
	busy.want("250 ")
	busy.want("421 4.3.2")
	<-stopped
	if mails := office.mails(); len(mails) != 1 {
		t.Errorf("%d mails were taken, want 1", len(mails))
	}
}

func TestListenerConfig(t *testing.T) {
	pair, _ := certificates(t)
	for _, test := range []struct {
		c    mail.ListenerConfig
		want string // of the error; "" for none
	}{
		{mail.ListenerConfig{}, ""},
		{mail.ListenerConfig{Listen: []string{"off"}}, ""},
		{mail.ListenerConfig{Listen: []string{"localhost:2525", "[::1]:2525", "127.1.2.3:25"}}, ""},
		{mail.ListenerConfig{Listen: []string{":587", "192.0.2.1:25"}, Cert: pair.cert, Key: pair.key}, ""},
		{mail.ListenerConfig{Listen: []string{":587"}}, "can be reached from other machines"},
		{mail.ListenerConfig{Listen: []string{"127.0.0.1:25", "0.0.0.0:25"}}, "0.0.0.0:25 can be reached"},
		{mail.ListenerConfig{Listen: []string{"[::]:25"}}, "can be reached"},
		{mail.ListenerConfig{Listen: []string{"192.0.2.1:25"}}, "can be reached"},
		{mail.ListenerConfig{Listen: []string{"mail.office.example:25"}, Cert: pair.cert, Key: pair.key}, "has a name"},
		{mail.ListenerConfig{Listen: []string{"off", "127.0.0.1:25"}}, "is not HOST:PORT"},
		{mail.ListenerConfig{Listen: []string{"2525"}}, "is not HOST:PORT"},
		{mail.ListenerConfig{Cert: pair.cert}, "belong together"},
		{mail.ListenerConfig{TLS: "implicit"}, "needs tls_cert"},
		{mail.ListenerConfig{TLS: "none"}, "starttls"},
		{mail.ListenerConfig{Cert: pair.key, Key: pair.cert}, "cannot be used"},
		{mail.ListenerConfig{Cert: pair.cert, Key: pair.key + ".gone"}, "cannot be used"},
	} {
		_, err := mail.NewListener(test.c)
		if test.want == "" && err != nil || test.want != "" && (app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), test.want)) {
			t.Errorf("%+v: got %v, want %q", test.c, err, test.want)
		}
		if err != nil && strings.Count(err.Error(), ".gone: no such file") > 1 {
			t.Errorf("the words are doubled: %v", err)
		}
	}
}
