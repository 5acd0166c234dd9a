package mail_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"foyer/app"
	"foyer/server/mail"
)

const (
	username = "foyer@office.example"
	password = "canary-s3cret-pa55"
)

// authority signs certificates for the servers of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, NotBefore: time.Now().Add(-48 * time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key, a.cert = sign(t, template, template, nil)
	a.pool.AddCert(a.cert)
	return a
}

func sign(t testing.TB, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// issue returns a certificate for 127.0.0.1, changed by change.
func (a *authority) issue(t testing.TB, change func(*x509.Certificate)) *tls.Config {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	key, cert := sign(t, template, a.cert, a.key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

// sink is a mail server that keeps what it gets. Its fields say how it answers.
type sink struct {
	rcptErr, mailErr, dataErr error
	mechanisms                string            // of AUTH; "" for PLAIN
	questions                 []string          // of AUTH LOGIN
	token                     func(string) bool // whether AUTH XOAUTH2 takes a token

	mu    sync.Mutex
	hello string
	auths int
	mails []sunk
}

type sunk struct {
	from, to string
	size     int64
	data     string
	tls      bool
}

func (s *sink) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hello = c.Hostname()
	return &sinkSession{sink: s, mail: sunk{tls: encrypted}}, nil
}

type sinkSession struct {
	*sink
	mail sunk
}

func (s *sinkSession) AuthMechanisms() []string {
	if s.mechanisms != "" {
		return strings.Fields(s.mechanisms)
	}
	return []string{sasl.Plain}
}

func (s *sinkSession) Auth(mechanism string) (sasl.Server, error) {
	switch mechanism {
	case sasl.Login:
		return &loginServer{sink: s.sink}, nil
	case "XOAUTH2":
		return &xoauth2Server{sink: s.sink}, nil
	}
	return sasl.NewPlainServer(func(_, user, pass string) error {
		return s.judge(user == username && pass == password, pass+" "+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+pass)))
	}), nil
}

// judge counts a sign-in. To a wrong one it is as unkind as a server can be: it repeats what it was given.
func (s *sink) judge(good bool, given string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auths++
	if !good {
		return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "wrong: " + given}
	}
	return nil
}

func (s *sinkSession) Mail(from string, opts *smtp.MailOptions) error {
	s.mail.from, s.mail.size = from, opts.Size
	return s.mailErr
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = to
	return s.rcptErr
}

func (s *sinkSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.dataErr != nil {
		return s.dataErr
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mail.data = string(data)
	s.mails = append(s.mails, s.mail)
	return nil
}

func (s *sinkSession) Reset()        {}
func (s *sinkSession) Logout() error { return nil }

func (s *sink) got() []sunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // the server may have closed it
	return l
}

// serve runs the sink and returns its address. With implicit TLS begins at once, otherwise by STARTTLS when there is
// a configuration for it.
func (s *sink) serve(t *testing.T, config *tls.Config, implicit bool) string {
	t.Helper()
	l := listen(t)
	address := l.Addr().String()
	server := smtp.NewServer(s)
	server.Domain, server.ErrorLog = "sink.example", log.New(io.Discard, "", 0)
	if implicit {
		l = tls.NewListener(l, config)
	} else {
		server.TLSConfig = config
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		_ = l.Close() // a server that has not begun to serve does not know its listener
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return address
}

// shortTimeouts let a test wait for a server that never answers.
var shortTimeouts = mail.Timeouts{
	Connect: 300 * time.Millisecond, Command: 300 * time.Millisecond, End: 300 * time.Millisecond, Quit: 100 * time.Millisecond,
}

func settings(address, tlsMode, auth string) app.MailSettings {
	return app.MailSettings{
		Transport: "smarthost", From: "accounts@office.example", Smarthost: address, TLS: tlsMode, Auth: auth,
		Username: username, Password: password,
	}
}

func message(t testing.TB) app.Message {
	t.Helper()
	return app.Message{
		ID: 1, Kind: app.MailConfirm, Sender: "accounts@office.example", Recipient: address(t, "Jane.O'Doe+tag@acme.example"),
		Data: []byte("Subject: test\r\n\r\nhello\r\n.leading dot\r\n..\r\n.\r\nend\r\n"),
	}
}

func deliver(t *testing.T, c mail.SmarthostConfig, m app.Message) (string, error) {
	t.Helper()
	courier := mail.NewSmarthost(c)
	report, err := courier.Deliver(t.Context(), m)
	if err := courier.Close(); err != nil {
		t.Error(err)
	}
	reply := report.Reply
	if err != nil {
		checkReply(t, err.Error())
	}
	checkReply(t, reply)
	return reply, err
}

// checkReply reports what no reply may hold.
func checkReply(tb testing.TB, reply string) {
	tb.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte("\x00" + username + "\x00" + password))
	if strings.Contains(reply, password) || strings.Contains(reply, encoded) {
		tb.Errorf("a secret is in %q", reply)
	}
	if len(reply) > 500 || strings.ContainsFunc(reply, func(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f }) {
		tb.Errorf("the reply has %d bytes or control characters: %.600q", len(reply), reply)
	}
}

func replyError(t *testing.T, err error) *mail.ReplyError {
	t.Helper()
	e, ok := errors.AsType[*mail.ReplyError](err)
	if !ok {
		t.Fatalf("got %v, want a ReplyError", err)
	}
	return e
}

func wantReason(t *testing.T, err error, reason string, permanent, hostDown bool) {
	t.Helper()
	e := replyError(t, err)
	if e.Reason != reason || e.Temporary() == permanent || e.HostDown != hostDown || mail.IsTemporary(err) == permanent {
		t.Errorf("got %q (permanent %v, host down %v): %v; want %q (%v, %v)", e.Reason, e.Permanent, e.HostDown, e, reason, permanent, hostDown)
	}
}

func TestDelivery(t *testing.T) {
	ca := newAuthority(t)
	config := ca.issue(t, nil)
	for _, tt := range []struct {
		mode, auth string
		encrypted  bool
	}{
		{"starttls", "none", true}, {"starttls", "plain", true}, {"implicit", "none", true}, {"implicit", "plain", true}, {"none", "none", false},
	} {
		t.Run(tt.mode+" "+tt.auth, func(t *testing.T) {
			s := &sink{}
			var c *tls.Config
			if tt.encrypted {
				c = config
			}
			addr := s.serve(t, c, tt.mode == "implicit")
			m := message(t)
			reply, err := deliver(t, mail.SmarthostConfig{
				Mail: settings(addr, tt.mode, tt.auth), Hello: "accounts.office.example", RootCAs: ca.pool,
			}, m)
			if err != nil || !strings.HasPrefix(reply, "250 2.0.0 ") {
				t.Fatalf("Deliver: got %q, %v", reply, err)
			}
			want := sunk{from: m.Sender, to: "Jane.O'Doe+tag@acme.example", size: int64(len(m.Data)), data: string(m.Data), tls: tt.encrypted}
			if got := s.got(); len(got) != 1 || got[0] != want {
				t.Errorf("the server got %+v, want %+v", got, want)
			}
			if s.hello != "accounts.office.example" {
				t.Errorf("introduced as %q", s.hello)
			}
			if want := map[string]int{"none": 0, "plain": 1}[tt.auth]; s.auths != want {
				t.Errorf("got %d sign-ins, want %d", s.auths, want)
			}
		})
	}
}

func TestComposedMailArrives(t *testing.T) {
	s := &sink{}
	addr := s.serve(t, nil, false)
	c := newComposer(t)
	for _, kind := range kinds {
		m := compose(t, c, notice(t, kind, "sk"))
		if _, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, m); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got := s.got()
		if last := got[len(got)-1]; last.data != string(m.Data) {
			t.Errorf("%s arrived changed:\n%q\n%q", kind, last.data, m.Data)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	ca := newAuthority(t)
	s := &sink{}
	addr := s.serve(t, ca.issue(t, nil), false)
	c := mail.SmarthostConfig{Mail: settings(addr, "starttls", "plain"), RootCAs: ca.pool}
	c.Mail.Password = "wrong-s3cret"
	_, err := deliver(t, c, message(t))
	wantReason(t, err, "auth_failed", false, true)
	if e := replyError(t, err); e.Code != 535 || e.Enhanced != "5.7.8" || strings.Contains(err.Error(), "wrong-s3cret") || !strings.Contains(err.Error(), "*** ***") {
		t.Errorf("got %d %s %q", e.Code, e.Enhanced, err)
	}
	if got := s.got(); len(got) != 0 {
		t.Errorf("the server got %+v", got)
	}
}

func TestSigningInNeedsTLS(t *testing.T) {
	s := &sink{mechanisms: "PLAIN LOGIN XOAUTH2"}
	addr := s.serve(t, nil, false)
	for _, auth := range []string{"plain", "login", "xoauth2"} {
		_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", auth)}, message(t))
		wantReason(t, err, "auth_needs_tls", false, true)
	}
	if s.auths != 0 {
		t.Error("the password was sent")
	}
}

func TestAnswers(t *testing.T) {
	answer := func(code int, e smtp.EnhancedCode, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: e, Message: text}
	}
	tests := []struct {
		name      string
		sink      *sink
		reason    string
		permanent bool
		hostDown  bool
		text      string
	}{
		{"greylisted", &sink{rcptErr: answer(450, smtp.EnhancedCode{4, 2, 0}, "try again")}, "deferred", false, false, "450 4.2.0 try again"},
		{"no such user", &sink{rcptErr: answer(550, smtp.EnhancedCode{5, 1, 1}, "no such user")}, "refused", true, false, "550 5.1.1 no such user"},
		{"sender refused", &sink{mailErr: answer(553, smtp.EnhancedCode{5, 7, 1}, "not yours")}, "refused", true, false, "553 5.7.1 not yours"},
		{"content refused", &sink{dataErr: answer(554, smtp.EnhancedCode{5, 6, 0}, "spam")}, "refused", true, false, "554 5.6.0 spam"},
		{"content deferred", &sink{dataErr: answer(451, smtp.EnhancedCode{4, 3, 0}, "full")}, "deferred", false, false, "451 4.3.0 full"},
		{"going down", &sink{mailErr: answer(421, smtp.EnhancedCode{4, 3, 2}, "closing")}, "deferred", false, true, "421 4.3.2 closing"},
		{
			"sign-in wanted", &sink{mailErr: answer(530, smtp.EnhancedCode{5, 7, 0}, "authenticate")}, "auth_required", false, true,
			"auth_required: 127.0.0.1 wants a sign-in or TLS first; check mail.auth, mail.username, mail.password and mail.tls (530 5.7.0 authenticate)",
		},
		{
			"many lines and control characters",
			&sink{rcptErr: answer(550, smtp.EnhancedCode{5, 7, 1}, "one\ntwo\x1b[31m\u202ethree "+strings.Repeat("ž", 400))},
			"refused", true, false, "550 one 5.7.1 two [31mthree " + strings.Repeat("ž", 234) + "...",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := tt.sink.serve(t, nil, false)
			_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, message(t))
			wantReason(t, err, tt.reason, tt.permanent, tt.hostDown)
			if got := err.Error(); got != tt.text {
				t.Errorf("got  %q\nwant %q", got, tt.text)
			}
			if got := tt.sink.got(); len(got) != 0 {
				t.Errorf("the server got %+v", got)
			}
		})
	}
}

// Only an answer about the recipient's address may keep mail from it later.
func TestRefusalOfRecipient(t *testing.T) {
	refuse := func(code int, enhanced smtp.EnhancedCode) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "no"}
	}
	none := smtp.NoEnhancedCode
	tests := []struct {
		name string
		sink *sink
		want bool
	}{
		{"no such user", &sink{rcptErr: refuse(550, smtp.EnhancedCode{5, 1, 1})}, true},
		{"no such user, another code", &sink{rcptErr: refuse(554, smtp.EnhancedCode{5, 1, 10})}, true},
		{"no such user, told at the end", &sink{dataErr: refuse(550, smtp.EnhancedCode{5, 1, 1})}, true},
		{"the sender's mailbox is unknown, as Postfix says it", &sink{rcptErr: refuse(550, smtp.EnhancedCode{5, 1, 0})}, false},
		{"the server behind takes no mail of ours", &sink{rcptErr: refuse(550, smtp.EnhancedCode{5, 1, 9})}, false},
		{"550 alone", &sink{rcptErr: refuse(550, none)}, true},
		{"551 alone", &sink{rcptErr: refuse(551, none)}, true},
		{"553 alone", &sink{rcptErr: refuse(553, none)}, true},
		{"553 of no kind", &sink{rcptErr: refuse(553, smtp.EnhancedCode{5, 0, 0})}, true},
		{"552 alone", &sink{rcptErr: refuse(552, none)}, false},
		{"550 alone, to the content", &sink{dataErr: refuse(550, none)}, false},
		{"relaying denied", &sink{rcptErr: refuse(550, smtp.EnhancedCode{5, 7, 1})}, false},
		{"sender unknown", &sink{rcptErr: refuse(550, smtp.EnhancedCode{5, 1, 8})}, false},
		{"sender refused", &sink{mailErr: refuse(550, smtp.EnhancedCode{5, 1, 0})}, false},
		{"full", &sink{rcptErr: refuse(552, smtp.EnhancedCode{5, 2, 2})}, false},
		{"for now", &sink{rcptErr: refuse(450, smtp.EnhancedCode{4, 1, 1})}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := tt.sink.serve(t, nil, false)
			_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, message(t))
			e, ok := errors.AsType[*mail.ReplyError](err)
			if !ok || e.Recipient != tt.want {
				t.Errorf("got %+v, want Recipient %v", err, tt.want)
			}
		})
	}
}

func TestTLSFaults(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	old := ca.issue(t, nil)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	tests := []struct {
		name, mode string
		config     *tls.Config // nil for none
		implicit   bool
		reason     string
		says       string
	}{
		{"STARTTLS not offered", "starttls", nil, false, "tls_required", "mail.tls=implicit"},
		{"unknown authority", "starttls", stranger.issue(t, nil), false, "tls_unknown_ca", "add its authority"},
		{"unknown authority, implicit", "implicit", stranger.issue(t, nil), true, "tls_unknown_ca", "add its authority"},
		{"wrong name", "starttls", ca.issue(t, func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"mail.other.example"}
		}), false, "tls_name", "(mail.other.example)"},
		{"expired", "starttls", ca.issue(t, func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(-time.Hour)
		}), false, "tls_expired", "has expired on " + time.Now().Add(-time.Hour).UTC().Format(time.DateOnly)},
		{"not valid yet", "implicit", ca.issue(t, func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Hour)
		}), true, "tls_expired", "check this machine's clock"},
		{"TLS 1.1", "implicit", old, true, "tls_handshake", "TLS 1.2"},
		{"plain text at an implicit port", "implicit", nil, false, "tls_no_tls", "mail.tls=starttls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &sink{}
			addr := s.serve(t, tt.config, tt.implicit)
			_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, tt.mode, "plain"), RootCAs: ca.pool}, message(t))
			wantReason(t, err, tt.reason, false, true)
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q, which does not say %q", err, tt.says)
			}
			if s.auths != 0 || len(s.got()) != 0 {
				t.Errorf("the server got %d sign-ins and %d mails", s.auths, len(s.got()))
			}
		})
	}
}

func TestSelfSigned(t *testing.T) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	key, cert := sign(t, template, template, nil)
	s := &sink{}
	addr := s.serve(t, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}, false)
	_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "starttls", "none"), RootCAs: newAuthority(t).pool}, message(t))
	wantReason(t, err, "tls_unknown_ca", false, true)
}

func TestUnreachable(t *testing.T) {
	l := listen(t)
	closed := l.Addr().String()
	_, port, err := net.SplitHostPort(closed)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dns := func(err *net.DNSError) func(context.Context, string, string) (net.Conn, error) {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: err}
		}
	}
	tests := []struct {
		name   string
		config mail.SmarthostConfig
		reason string
	}{
		{"nothing there", mail.SmarthostConfig{Mail: settings(closed, "none", "none")}, "connect_refused"},
		{"no smarthost", mail.SmarthostConfig{Mail: settings("", "none", "none")}, "not_configured"},
		{"no port", mail.SmarthostConfig{Mail: settings("mx.example", "none", "none")}, "connect"},
		{
			"no such name",
			mail.SmarthostConfig{Mail: settings("mx.example:25", "none", "none"), Dial: dns(&net.DNSError{Err: "no such host", Name: "mx.example", IsNotFound: true})},
			"dns_not_found",
		},
		{
			"no DNS",
			mail.SmarthostConfig{Mail: settings("mx.example:25", "none", "none"), Dial: dns(&net.DNSError{Err: "server misbehaving", Name: "mx.example", IsTemporary: true})},
			"dns",
		},
		{
			"black hole",
			mail.SmarthostConfig{
				Mail: settings("mx.example:25", "none", "none"), Timeouts: shortTimeouts,
				Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() },
			},
			"connect_timeout",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := deliver(t, tt.config, message(t))
			wantReason(t, err, tt.reason, false, true)
			if want := "nothing answers at port " + port + " of 127.0.0.1; check the port in mail.smarthost"; tt.reason == "connect_refused" && !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// script is a server that says what it is told to, line by line.
type script struct {
	net.Conn
	*bufio.Reader
}

func (s *script) say(format string, args ...any) {
	fmt.Fprintf(s.Conn, format+"\r\n", args...)
}

// expect reads a line and reports whether it begins with a verb.
func (s *script) expect(verb string) bool {
	line, err := s.ReadString('\n')
	return err == nil && strings.HasPrefix(line, verb)
}

// wait is silent until the other side has gone.
func (s *script) wait() {
	_, _ = io.Copy(io.Discard, s.Reader) // it may go in any way
}

func (s *script) readData() bool {
	for {
		line, err := s.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return err == nil
		}
	}
}

// upTo leads an ordinary dialogue up to the command before, "." being the end of the mail.
func (s *script) upTo(before string) {
	s.say("220 odd.example ESMTP")
	for _, step := range []struct{ verb, answer string }{
		{"EHLO", "250 odd.example"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"DATA", "354 go on"},
	} {
		if !s.expect(step.verb) || step.verb == before {
			return
		}
		s.say("%s", step.answer)
	}
	s.readData()
}

// runScript serves one connection and returns the address.
func runScript(t *testing.T, play func(*script)) string {
	t.Helper()
	return runScriptOn(t, listen(t), play)
}

// runScriptTLS is runScript with implicit TLS.
func runScriptTLS(t *testing.T, config *tls.Config, play func(*script)) string {
	t.Helper()
	return runScriptOn(t, tls.NewListener(listen(t), config), play)
}

func runScriptOn(t *testing.T, l net.Listener, play func(*script)) string {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		play(&script{conn, bufio.NewReader(conn)})
		_ = conn.Close() // the play is over
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// TestEightBit has a mail with bytes beyond ASCII meet a server that does not take them, and one that does.
func TestEightBit(t *testing.T) {
	m := message(t)
	m.Data = []byte("Subject: test\r\n\r\nGr\xc3\xbc\xc3\x9fe \xff\r\n")
	address := runScript(t, func(s *script) { s.upTo("MAIL") })
	_, err := deliver(t, mail.SmarthostConfig{Mail: settings(address, "none", "none")}, m)
	wantReason(t, err, "eight_bit", true, false)
	address = runScript(t, func(s *script) {
		s.say("220 odd.example ESMTP")
		s.expect("EHLO")
		s.say("250-odd.example\r\n250 8BITMIME")
		if !s.expect("MAIL FROM:<accounts@office.example> BODY=8BITMIME") {
			t.Error("the server is not told of the bytes beyond ASCII")
		}
		s.say("250 ok")
		s.expect("RCPT")
		s.say("250 ok")
		s.expect("DATA")
		s.say("354 go on")
		s.readData()
		s.say("250 taken")
		s.wait()
	})
	if reply, err := deliver(t, mail.SmarthostConfig{Mail: settings(address, "none", "none")}, m); err != nil || reply != "250 taken" {
		t.Errorf("got %q, %v", reply, err)
	}
}

func TestOddServers(t *testing.T) {
	endless := func(s *script) {
		for {
			if _, err := s.Write([]byte("250-" + strings.Repeat("x", 500) + "\r\n")); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name     string
		play     func(*script)
		reason   string // "" for delivered
		hostDown bool
		text     string
	}{
		{"closes at once", func(*script) {}, "connection_lost", true, ""},
		{"refuses in the greeting", func(s *script) { s.say("554 5.7.1 go away"); s.expect("QUIT") }, "host_refused", true, "(554 5.7.1 go away)"},
		{"421 in the greeting", func(s *script) { s.say("421 4.7.0 too busy"); s.expect("QUIT") }, "deferred", true, "421 4.7.0 too busy"},
		{"is no mail server", func(s *script) { s.say("HTTP/1.1 400 Bad Request") }, "protocol", true, ""},
		{"greeting without end", func(s *script) { s.say("220-hi"); endless(s) }, "protocol", true, ""},
		{"answer to RCPT without end", func(s *script) { s.upTo("RCPT"); endless(s) }, "protocol", false, ""},
		{"closes at MAIL", func(s *script) { s.upTo("MAIL") }, "connection_lost", false, ""},
		{"closes at DATA", func(s *script) { s.upTo("DATA") }, "connection_lost", false, ""},
		{"wrong code at RCPT", func(s *script) { s.upTo("RCPT"); s.say("354 what?"); s.expect("QUIT") }, "protocol", false, "(354 what?)"},
		{"closes after the dot", func(s *script) { s.upTo(".") }, "lost_after_data", false, "may arrive twice"},
		{"never answers the dot", func(s *script) { s.upTo("."); s.wait() }, "lost_after_data", false, ""},
		{"takes it with another code", func(s *script) { s.upTo("."); s.say("251 2.0.0 forwarded"); s.expect("QUIT") }, "", false, "251 2.0.0 forwarded"},
		{"wrong code after the dot", func(s *script) { s.upTo("."); s.say("354 what?"); s.expect("QUIT") }, "lost_after_data", false, "may arrive twice (354 what?)"},
		{"no code after the dot", func(s *script) { s.upTo("."); s.say("taken, I think"); s.expect("QUIT") }, "lost_after_data", false, ""},
		{
			"takes it with 100 kB",
			func(s *script) { s.upTo("."); s.say("250 %s", strings.Repeat("x", 100_000)); s.expect("QUIT") }, "", false,
			"250 " + strings.Repeat("x", 493) + "...",
		},
		{
			"refuses with 100 kB in many lines",
			func(s *script) {
				s.upTo("RCPT")
				s.say("550-%s\r\n550 %s", strings.Repeat("y", 50_000), strings.Repeat("z", 50_000))
				s.expect("QUIT")
			}, "refused", false, "550 " + strings.Repeat("y", 493) + "...",
		},
		{"does not answer QUIT", func(s *script) { s.upTo("."); s.say("250 2.0.0 queued as 4711"); s.expect("QUIT"); s.wait() }, "", false, "250 2.0.0 queued as 4711"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr := runScript(t, tt.play)
			timeouts := shortTimeouts
			if !strings.HasPrefix(tt.name, "never") {
				timeouts = mail.Timeouts{Command: time.Minute, End: time.Minute, Quit: shortTimeouts.Quit} // not what ends it
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			reply, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none"), Timeouts: timeouts}, message(t))
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
			runtime.ReadMemStats(&after)
			if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 16<<20 {
				t.Errorf("%d MB were allocated", grown>>20)
			}
			if tt.reason == "" {
				if err != nil || reply != tt.text {
					t.Errorf("got %q, %v, want %q", reply, err, tt.text)
				}
				return
			}
			wantReason(t, err, tt.reason, tt.reason == "refused", tt.hostDown)
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q, which does not say %q", err, tt.text)
			}
		})
	}
}

func TestStartTLSStripped(t *testing.T) {
	for name, play := range map[string]func(*script){
		"refused":  func(s *script) { s.say("454 4.7.0 not now") },
		"injected": func(s *script) { s.say("220 go on\r\n250-odd\r\n250 AUTH PLAIN") },
		"stalled":  func(s *script) { s.say("220 go on"); s.wait() },
	} {
		t.Run(name, func(t *testing.T) {
			addr := runScript(t, func(s *script) {
				s.say("220 odd.example")
				s.expect("EHLO")
				s.say("250-odd.example\r\n250 StartTLS")
				s.expect("STARTTLS")
				play(s)
			})
			_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "starttls", "plain"), Timeouts: shortTimeouts}, message(t))
			wantReason(t, err, map[string]string{"refused": "host_refused", "injected": "tls_injection", "stalled": "timeout"}[name], false, true)
		})
	}
}

// The default timeouts, against servers that fall silent: in virtual time.
func TestSilentServers(t *testing.T) {
	tests := []struct {
		kind     app.MessageKind
		tls      string
		silentAt string
		reason   string
		hostDown bool
		want     time.Duration
	}{
		{app.MailConfirm, "none", "", "timeout", true, 5 * time.Minute}, // says nothing at all
		{app.MailConfirm, "starttls", "", "timeout", true, 5 * time.Minute},
		{app.MailTest, "none", "", "timeout", true, time.Minute}, // somebody waits for the result
		{app.MailTest, "starttls", "", "timeout", true, time.Minute},
		{app.MailConfirm, "none", "EHLO", "timeout", true, 5 * time.Minute},
		{app.MailConfirm, "none", "RCPT", "timeout", false, 5 * time.Minute},
		{app.MailTest, "none", "RCPT", "timeout", false, 5 * time.Minute},
		{app.MailConfirm, "none", ".", "lost_after_data", false, 12 * time.Minute},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				s := &script{there, bufio.NewReader(there)}
				if tt.silentAt != "" {
					s.upTo(tt.silentAt)
				}
				s.wait()
			}()
			m := message(t)
			m.Kind = tt.kind
			began := time.Now()
			_, err := deliver(t, mail.SmarthostConfig{
				Mail: settings("mx.example:25", tt.tls, "none"),
				Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil },
			}, m)
			wantReason(t, err, tt.reason, false, tt.hostDown)
			if took := time.Since(began); took != tt.want {
				t.Errorf("%s silent at %q: given up after %v, want %v", tt.kind, tt.silentAt, took, tt.want)
			}
		})
	}
}

// A server that stops reading in the middle of the mail.
func TestServerStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		hold := make(chan struct{})
		go func() {
			s := &script{there, bufio.NewReaderSize(there, 16)}
			s.upTo("DATA")
			s.say("354 go on")
			<-hold
		}()
		began := time.Now()
		m := message(t)
		m.Data = []byte("Subject: long\r\n\r\n" + strings.Repeat("x\r\n", 100_000))
		_, err := deliver(t, mail.SmarthostConfig{
			Mail: settings("mx.example:25", "none", "none"),
			Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil },
		}, m)
		wantReason(t, err, "timeout", false, false)
		if took := time.Since(began); took != 5*time.Minute {
			t.Errorf("given up after %v, want 5 min", took)
		}
		close(hold)
	})
}

func TestDeliveryIsCancelled(t *testing.T) {
	for _, tt := range []struct {
		at, reason string
	}{{"MAIL", "stopped"}, {".", "lost_after_data"}} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			go func() {
				s := &script{there, bufio.NewReader(there)}
				s.upTo(tt.at)
				s.wait()
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			stopped, stop := context.WithCancel(ctx)
			time.AfterFunc(10*time.Second, stop)
			began := time.Now()
			_, err := mail.NewSmarthost(mail.SmarthostConfig{
				Mail: settings("mx.example:25", "none", "none"),
				Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil },
			}).Deliver(stopped, message(t))
			wantReason(t, err, tt.reason, false, false)
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("stopped after %v, want 10 s", took)
			}
		})
	}
}

// What could be taken for the end of the mail by some server never leaves (CVE-2023-51764 and its kin).
func TestMalformedMessagesStay(t *testing.T) {
	good := message(t)
	tests := map[string]func(*app.Message){
		"bare LF":          func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\na\n.\nMAIL FROM:<x@y.example>\r\n") },
		"bare CR":          func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\na\r.\rMAIL FROM:<x@y.example>\r\n") },
		"CR dot CRLF":      func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\na\r.\r\nb\r\n") },
		"LF dot CRLF":      func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\na\n.\r\nb\r\n") },
		"CR CR LF":         func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\na\r\r\n") },
		"LF at the start":  func(m *app.Message) { m.Data = []byte("\nSubject: x\r\n\r\n") },
		"NUL":              func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\na\x00b\r\n") },
		"long line":        func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\n" + strings.Repeat("x", 999) + "\r\n") },
		"no line end":      func(m *app.Message) { m.Data = []byte("Subject: x\r\n\r\nend") },
		"nothing":          func(m *app.Message) { m.Data = nil },
		"sender injection": func(m *app.Message) { m.Sender = "a@b.example> SIZE=1" },
		"sender line end":  func(m *app.Message) { m.Sender = "a@b.example\r\nRCPT TO:<x@y.example>" },
		"no sender":        func(m *app.Message) { m.Sender = "" },
		"no recipient":     func(m *app.Message) { m.Recipient = app.Address{} },
	}
	s := &sink{}
	addr := s.serve(t, nil, false)
	for name, spoil := range tests {
		m := good
		spoil(&m)
		_, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, m)
		if mail.IsTemporary(err) {
			t.Errorf("%s: got %v, want a permanent error", name, err)
		}
	}
	if got := s.got(); len(got) != 0 {
		t.Errorf("the server got %+v", got)
	}
	// How long the lines of a program's mail may be is the administrator's wish.
	m := good
	m.Kind = app.MailRelayed
	tests["long line"](&m)
	if _, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, m); err != nil {
		t.Errorf("a long line of a program's mail: %v", err)
	}
}

func TestHelloName(t *testing.T) {
	for url, want := range map[string]string{
		"https://accounts.office.example": "accounts.office.example", "http://10.0.0.5:8080": "[10.0.0.5]",
		"http://[fd00::5]:8080": "[IPv6:fd00::5]", "": "localhost", "%": "localhost",
	} {
		if got := mail.HelloName(url); got != want {
			t.Errorf("HelloName(%q): got %q, want %q", url, got, want)
		}
	}
}
