package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/cert"
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

// certificateIn is what the service gives a listener for its certificate.
func certificateIn(log *slog.Logger) func(certFile, keyFile string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	return func(certFile, keyFile string) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
		files := cert.NewFiles(cert.FilesConfig{Cert: certFile, Key: keyFile, For: "the mail listener", Log: log})
		return files.GetCertificate, files.Load()
	}
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
	c.Certificate = certificateIn(c.Log)
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
