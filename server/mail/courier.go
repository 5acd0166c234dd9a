package mail

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"foyer/app"
)

// Courier brings messages to the next machine on their way, one at a time.
type Courier interface {
	// Deliver returns the other side's words when it has taken the message, and the steps of the attempt in any case.
	// Any error but a *ReplyError that is not Temporary means that the message should be tried again. The connection
	// may stay open for the next message.
	Deliver(ctx context.Context, m app.Message) (app.Report, error)

	// Close ends what Deliver has kept open.
	Close() error
}

// Timeouts bound each part of a dialogue with a mail server. Zero values mean the default.
type Timeouts struct {
	Connect time.Duration // for the connection, and again for the TLS handshake; 30 s
	Command time.Duration // for the answer to a command; 5 min (RFC 5321, 4.5.3.2)
	End     time.Duration // for the answer to the whole mail; 12 min: RFC 5321 wants 10, and servers that hand on wait those themselves
	Quit    time.Duration // for the answer to QUIT, when all is over; 5 s
	Token   time.Duration // for a token, from the provider that gives it; 10 s
}

func (t Timeouts) orDefaults() Timeouts {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&t.Connect, 30 * time.Second},
		{&t.Command, 5 * time.Minute},
		{&t.End, 12 * time.Minute},
		{&t.Quit, 5 * time.Second},
		{&t.Token, 10 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return t
}

// SmarthostConfig says how to reach the office's mail server.
type SmarthostConfig struct {
	Mail     app.MailSettings
	Hello    string         // how this machine introduces itself; "" for localhost
	RootCAs  *x509.CertPool // who may sign the server's certificate; nil for the system's authorities
	Timeouts Timeouts
	Tokens   *Tokens // for mail.auth=xoauth2, shared with other couriers; nil for its own
	// Dial connects to the server; nil for TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Smarthost is the Courier that hands every message to one mail server. It is safe for concurrent use.
type Smarthost struct {
	mail     app.MailSettings
	host     string
	hello    string
	roots    *x509.CertPool
	timeouts Timeouts
	tokens   *Tokens
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	secrets  []string // what must not be seen in an answer
}

// NewSmarthost returns the courier to the server that c names.
func NewSmarthost(c SmarthostConfig) *Smarthost {
	host, _, err := net.SplitHostPort(c.Mail.Smarthost)
	if err != nil {
		host = c.Mail.Smarthost // the first delivery says what is wrong with it
	}
	s := &Smarthost{
		mail: c.Mail, host: host, hello: c.Hello, roots: c.RootCAs, timeouts: c.Timeouts.orDefaults(), dial: c.Dial,
		tokens: c.Tokens,
	}
	if s.tokens == nil {
		s.tokens = NewTokens(nil)
	}
	if s.dial == nil {
		s.dial = new(net.Dialer).DialContext
	}
	if s.hello == "" || strings.ContainsAny(s.hello, " \r\n") {
		s.hello = "localhost"
	}
	if password := c.Mail.Password; password != "" {
		s.hide(encoded("\x00"+c.Mail.Username+"\x00"+password), encoded(password), password)
	}
	s.hide(c.Mail.OAuth.ClientSecret, c.Mail.OAuth.RefreshToken)
	return s
}

// hide adds to what must not be seen in an answer.
func (s *Smarthost) hide(secrets ...string) {
	for _, secret := range secrets {
		if secret != "" {
			s.secrets = append(s.secrets, secret)
		}
	}
}

// HelloName returns how a machine whose pages are at publicURL introduces itself to mail servers: by the host, or an
// address literal (RFC 5321, 4.1.3), or "localhost" when there is none.
func HelloName(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case ip == nil:
		return u.Hostname()
	case ip.To4() != nil:
		return "[" + ip.String() + "]"
	default:
		return "[IPv6:" + ip.String() + "]"
	}
}

// Deliver hands m to the smarthost. Its error is always a *ReplyError.
func (s *Smarthost) Deliver(ctx context.Context, m app.Message) (app.Report, error) {
	if err := checkMessage(m); err != nil {
		return app.Report{}, err
	}
	reply, err := s.attempt(ctx, m)
	if e, ok := errors.AsType[*ReplyError](err); ok && s.mail.Auth == "xoauth2" && e.Reason == "auth_failed" && e.Code == codeRefused {
		// The token may have been withdrawn before its time. It is thrown away by now, and a fresh one tells.
		reply, err = s.attempt(ctx, m)
	}
	return app.Report{Reply: reply}, err
}

// Close does nothing: each message has a connection of its own.
func (s *Smarthost) Close() error { return nil }

// attempt is Deliver in one connection.
func (s *Smarthost) attempt(ctx context.Context, m app.Message) (string, error) {
	own := *s // the token of this dialogue is hidden in its answers only
	own.secrets = slices.Clone(s.secrets)
	d := dialogue{Smarthost: &own}
	reply, err := d.deliver(ctx, m)
	if err != nil {
		return "", d.explain(ctx, d.step, err)
	}
	return d.clean(reply), nil
}

// checkMessage refuses what must not go over the wire, wherever it came from: go-smtp's client writes addresses into
// its commands as they are, and forwards a bare CR.
func checkMessage(m app.Message) error {
	if _, err := app.ParseAddress(m.Sender); err != nil && (m.Sender != "" || !m.Kind.Relayed()) {
		return &ReplyError{
			Reason: "sender_invalid", Message: "the sender's address is not one mail can be sent from; set mail.from", Err: err,
			Permanent: true,
		}
	}
	if m.Recipient.String() == "" {
		return &ReplyError{Reason: "recipient_invalid", Message: "the message has no recipient", Permanent: true}
	}
	if err := checkData(m.Data); err != nil {
		return &ReplyError{Reason: "message_malformed", Message: "the message must not be sent: " + err.Error(), Permanent: true}
	}
	return nil
}

// dialogue is one connection to the smarthost.
type dialogue struct {
	*Smarthost
	step      step
	conn      net.Conn // with TLS, once there is TLS
	encrypted bool
}

func (d *dialogue) deliver(ctx context.Context, m app.Message) (string, error) {
	raw, err := d.connect(ctx)
	if err != nil {
		return "", err
	}
	// go-smtp knows no contexts, and sets and clears deadlines as it goes: closing is what ends it at any point.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // the dialogue reports that the connection is gone
	defer stop()
	defer func() { _ = raw.Close() }() // whatever it says, the answer is known by then
	if err := d.encrypt(ctx, raw); err != nil {
		return "", err
	}
	client := smtp.NewClient(d.conn)
	client.CommandTimeout, client.SubmissionTimeout = d.timeouts.Command, d.timeouts.End
	reply, err := d.transact(ctx, client, m)
	if _, _, _, answered := answerOf(err); err == nil || answered {
		client.CommandTimeout = d.timeouts.Quit
		_ = client.Quit() // the mail has its answer; what is said now is mere politeness
	}
	return reply, err
}

func (d *dialogue) connect(ctx context.Context) (net.Conn, error) {
	d.step = stepConnect
	if d.mail.Smarthost == "" {
		return nil, errNoSmarthost
	}
	dialing, cancel := context.WithTimeout(ctx, d.timeouts.Connect)
	defer cancel()
	return d.dial(dialing, "tcp", d.mail.Smarthost)
}

// encrypt puts TLS over the connection as the settings ask for it. It falls back to nothing: who can take STARTTLS
// out of a server's answer could read the password otherwise.
func (d *dialogue) encrypt(ctx context.Context, raw net.Conn) error {
	greeting := ""
	switch d.mail.TLS {
	case "none":
		d.conn = &replyConn{Conn: raw, left: maxAnswers}
		d.step = stepGreeting
		return nil
	case "implicit":
	default:
		if err := d.startTLS(raw); err != nil {
			return err
		}
		greeting = "220 \r\n" // the server gave it before TLS began, go-smtp waits for it after
	}
	d.step = stepHandshake
	conn := tls.Client(raw, &tls.Config{ServerName: d.host, RootCAs: d.roots, MinVersion: tls.VersionTLS12})
	handshake, cancel := context.WithTimeout(ctx, d.timeouts.Connect)
	defer cancel()
	if err := conn.HandshakeContext(handshake); err != nil {
		return err
	}
	d.step = stepGreeting
	d.conn, d.encrypted = &replyConn{Conn: conn, left: maxAnswers, greeting: greeting}, true
	return nil
}

// startTLS leads the dialogue to the point where TLS begins. go-smtp's NewClientStartTLS would do it under the name
// "localhost", which mail servers distrust, and would not notice plain text behind the server's answer
// (CVE-2011-0411 and its kin).
func (d *dialogue) startTLS(raw net.Conn) error {
	buffer := bufio.NewReader(&replyConn{Conn: raw, left: maxAnswers})
	reader := textproto.NewReader(buffer)
	ask := func(command string, want int) (string, error) {
		if err := raw.SetDeadline(time.Now().Add(d.timeouts.Command)); err != nil {
			return "", err
		}
		if command != "" {
			if _, err := raw.Write([]byte(command + "\r\n")); err != nil {
				return "", err
			}
		}
		_, text, err := reader.ReadResponse(want)
		return text, err
	}
	d.step = stepGreeting
	if _, err := ask("", 220); err != nil {
		return err
	}
	offers, err := ask("EHLO "+d.hello, 250)
	if err != nil {
		return err
	}
	d.step = stepStartTLS
	if !offersStartTLS(offers) {
		return errNoStartTLS
	}
	if _, err := ask("STARTTLS", 220); err != nil {
		return err
	}
	if buffer.Buffered() > 0 {
		return errInjected
	}
	return raw.SetDeadline(time.Time{})
}

func offersStartTLS(offers string) bool {
	for line := range strings.Lines(offers) {
		if strings.EqualFold(strings.TrimSpace(line), "STARTTLS") {
			return true
		}
	}
	return false
}

// transact signs in and hands the message over. It returns the server's answer to the whole of it.
func (d *dialogue) transact(ctx context.Context, client *smtp.Client, m app.Message) (string, error) {
	if err := client.Hello(d.hello); err != nil {
		return "", err
	}
	if err := d.signIn(ctx, client); err != nil {
		return "", err
	}
	d.step = stepMail
	if err := client.Mail(m.Sender, &smtp.MailOptions{Size: int64(len(m.Data))}); err != nil {
		return "", err
	}
	d.step = stepRecipient
	if err := client.Rcpt(m.Recipient.String(), nil); err != nil {
		return "", err
	}
	d.step = stepData
	data, err := client.Data()
	if err != nil {
		return "", err
	}
	// go-smtp clears its deadline here and would wait for ever for a server that stops reading.
	if err := d.conn.SetDeadline(time.Now().Add(d.timeouts.Command)); err != nil {
		return "", err
	}
	if _, err := data.Write(m.Data); err != nil {
		return "", err
	}
	d.step = stepEnd
	answer, err := data.CloseWithResponse()
	if err != nil {
		return "", err
	}
	return "250 " + answer.StatusText, nil
}

// maxAnswers bounds what a server may say in one connection, maxLine what is kept of one line. RFC 5321, 4.5.3.1.5,
// allows 512 bytes a line; textproto would collect an answer without end until the memory is full.
const (
	maxAnswers = 256 << 10
	maxLine    = 1000
)

// replyConn is a connection to a server that is not trusted to answer briefly: it cuts long lines, so that a mail
// that was taken with too many words counts as taken, and ends an endless answer.
type replyConn struct {
	net.Conn
	greeting string // read before anything else
	left     int    // bytes that may still come
	line     int    // bytes of the present line
}

// Read returns what the server says, with long lines cut.
func (c *replyConn) Read(p []byte) (int, error) {
	if c.greeting != "" {
		n := copy(p, c.greeting)
		c.greeting = c.greeting[n:]
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := c.Conn.Read(p)
		if c.left -= n; c.left < 0 {
			return 0, errTooMuch
		}
		if n = c.cut(p[:n]); n > 0 || err != nil {
			return n, err
		}
	}
}

// cut removes from p what is beyond maxLine in its lines and returns how much is left.
func (c *replyConn) cut(p []byte) int {
	n := 0
	for _, b := range p {
		c.line++
		if b == '\n' {
			c.line = 0
		}
		if c.line <= maxLine {
			p[n] = b
			n++
		}
	}
	return n
}

var _ Courier = (*Smarthost)(nil)
