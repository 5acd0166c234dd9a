package mail

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-smtp"

	"foyer/app"
)

// security is what a conversation asks of TLS.
type security int

const (
	securityNone          security = iota // plain text
	securityOpportunistic                 // STARTTLS when the server offers it, with any certificate; plain text otherwise
	securityStartTLS                      // STARTTLS or nothing
	securityImplicit                      // TLS from the first byte
)

// target is a mail server, and how to speak with it.
type target struct {
	address  string // to dial: HOST:PORT, or IP:PORT when it was looked up before
	host     string // its name, for TLS and for words
	domain   string // whose mail it takes, for words; "" for the office's own server, which the settings are about
	hello    string // how this machine introduces itself; "" for localhost
	security security
	// verify judges the server's certificate in place of the authorities. When it is nil those do, or nobody when the
	// security is opportunistic: an attacker who could show a bad certificate could as well take STARTTLS away.
	verify   func(tls.ConnectionState) error
	roots    *x509.CertPool // the authorities; nil for the system's
	timeouts Timeouts
	auth     credentials
	secrets  []string                                                             // what must not be seen in an answer, beside what auth holds
	dial     func(ctx context.Context, network, address string) (net.Conn, error) // nil for TCP
	lookup   func(ctx context.Context, host string) ([]string, error)             // nil for the system's, or for none with a dial
}

// conversation is one connection with a mail server.
type conversation struct {
	target
	record    *record // of the attempt under way
	step      step
	raw       net.Conn
	conn      net.Conn // with TLS, once there is TLS
	answers   *replyConn
	client    *smtp.Client
	encrypted *tls.ConnectionState // nil for plain text
	lost      bool                 // nothing more can be said
	begun     bool                 // a mail was begun that the server has refused: RSET comes before the next one
}

// open connects to t, begins TLS, introduces this machine and signs in, and tells r of it. Its error is always a
// *ReplyError.
func open(ctx context.Context, t target, r *record) (*conversation, error) {
	t.timeouts = t.timeouts.orDefaults()
	if t.dial == nil {
		t.dial = new(net.Dialer).DialContext
		if t.lookup == nil {
			t.lookup = net.DefaultResolver.LookupHost
		}
	}
	if t.hello == "" || strings.ContainsAny(t.hello, " \r\n") {
		t.hello = "localhost"
	}
	t.secrets = append(slices.Clone(t.secrets), t.auth.secrets()...) // a token is added for this conversation only
	c := &conversation{target: t, record: r}
	if err := c.open(ctx); err != nil {
		why := c.explain(ctx, err)
		r.fail(c.step, why)
		c.lost = c.lost || isOver(err)
		c.close()
		return nil, why
	}
	return c, nil
}

func (c *conversation) open(ctx context.Context) error {
	if err := c.connect(ctx); err != nil {
		return err
	}
	defer c.endWith(ctx)()
	if err := c.encrypt(ctx); err != nil {
		return err
	}
	c.client = smtp.NewClient(c.conn)
	c.client.CommandTimeout, c.client.SubmissionTimeout = c.timeouts.Command, c.timeouts.End
	if err := c.client.Hello(c.hello); err != nil {
		return err
	}
	switch c.security {
	case securityNone:
		c.did(c.answers.first())
		c.didTLS()
	case securityImplicit:
		c.did(c.answers.first())
	case securityOpportunistic, securityStartTLS: // told before TLS began
	}
	if err := c.signIn(ctx); err != nil {
		return err
	}
	c.didAuth()
	return nil
}

// endWith ends the conversation with ctx until the returned function is called. go-smtp knows no contexts, and sets and
// clears deadlines as it goes: closing is what ends it at any point.
func (c *conversation) endWith(ctx context.Context) (stop func()) {
	end := context.AfterFunc(ctx, func() { _ = c.raw.Close() }) // the conversation reports that the connection is gone
	return func() {
		if !end() {
			c.lost = true
		}
	}
}

// isOver reports whether nothing more can be said after err. After an answer that does not belong to its command nobody
// knows which command the next answer belongs to.
func isOver(err error) bool {
	code, _, _, answered := answerOf(err)
	return err != nil && (!answered || code < 400 || code > 599 || code == 421)
}

// close takes leave of the server.
func (c *conversation) close() {
	if c.raw == nil {
		return
	}
	if c.client != nil && !c.lost {
		c.client.CommandTimeout = c.timeouts.Quit
		_ = c.client.Quit() // the mail has its answer; what is said now is mere politeness
	}
	c.lost = true
	_ = c.raw.Close() // whatever it says, the answer is known by then
}

func (c *conversation) connect(ctx context.Context) error {
	dialing, cancel := context.WithTimeout(ctx, c.timeouts.Connect)
	defer cancel()
	if err := c.lookUp(dialing); err != nil {
		return err
	}
	c.step = stepConnect
	conn, err := c.dial(dialing, "tcp", c.address)
	if err != nil {
		return err
	}
	c.raw = conn
	c.did("connected to " + conn.RemoteAddr().String())
	return nil
}

// lookUp tells which addresses the name has. Dialling looks for itself once more: it goes to IPv4 and IPv6 at a time, and
// from one address to the next (RFC 8305).
func (c *conversation) lookUp(ctx context.Context) error {
	c.step = stepName
	_, notIP := netip.ParseAddrPort(c.address)
	switch {
	case net.ParseIP(c.host) != nil:
		c.did(c.host + " is an address: there is nothing to look up")
		return nil
	case notIP == nil, c.host == c.address, c.lookup == nil:
		return nil // the caller has looked it up; or there is no port, as dialling says; or nobody can
	}
	addrs, err := c.lookup(ctx, c.host)
	if err != nil {
		return err
	}
	c.did(foundName(c.host, addrs))
	return nil
}

// encrypt puts TLS over the connection as far as the security asks for it.
func (c *conversation) encrypt(ctx context.Context) error {
	if c.security == securityNone {
		c.use(c.raw, "")
		return nil
	}
	if c.security == securityImplicit {
		return c.handshake(ctx, "")
	}
	// The server has greeted before TLS begins; go-smtp waits for that after.
	const greeting = "220 \r\n"
	switch err := c.startTLS(); {
	case err == nil:
		return c.handshake(ctx, greeting)
	case c.security == securityOpportunistic && c.step == stepStartTLS && isRefusal(err):
		c.didTLS()
		c.use(c.raw, greeting)
		return c.raw.SetDeadline(time.Time{})
	default:
		return err
	}
}

// isRefusal reports whether err says that the server does not do TLS, and goes on without (RFC 3207, 4).
func isRefusal(err error) bool {
	code, _, _, answered := answerOf(err)
	return errors.Is(err, errNoStartTLS) || answered && code >= 400 && code != 421
}

func (c *conversation) handshake(ctx context.Context, greeting string) error {
	c.step = stepHandshake
	conn := tls.Client(c.raw, c.tlsConfig())
	limited, cancel := context.WithTimeout(ctx, c.timeouts.Connect)
	defer cancel()
	if err := conn.HandshakeContext(limited); err != nil {
		return err
	}
	state := conn.ConnectionState()
	c.encrypted = &state
	c.didTLS()
	c.use(conn, greeting)
	return nil
}

func (c *conversation) tlsConfig() *tls.Config {
	return &tls.Config{
		ServerName: c.host, RootCAs: c.roots, MinVersion: tls.VersionTLS12, VerifyConnection: c.verify,
		DynamicRecordSizingDisabled: true,                                                   // a mail is of no use before its end: a 3 KB one would be written in three parts
		InsecureSkipVerify:          c.verify != nil || c.security == securityOpportunistic, //nolint:gosec // see target.verify
	}
}

// use makes conn what the rest of the conversation goes over.
func (c *conversation) use(conn net.Conn, greeting string) {
	c.step = stepGreeting
	c.answers = &replyConn{Conn: conn, left: maxAnswers, greeting: greeting}
	c.conn = c.answers
}

// startTLS leads the conversation to the point where TLS begins. go-smtp's NewClientStartTLS would do it under the name
// "localhost", which mail servers distrust, and would not notice plain text behind the server's answer
// (CVE-2011-0411 and its kin).
func (c *conversation) startTLS() error {
	buffer := bufio.NewReader(&replyConn{Conn: c.raw, left: maxAnswers})
	reader := textproto.NewReader(buffer)
	ask := func(command string, want int) (string, error) {
		if err := c.raw.SetDeadline(time.Now().Add(c.timeouts.Command)); err != nil {
			return "", err
		}
		if command != "" {
			if _, err := c.raw.Write([]byte(command + "\r\n")); err != nil {
				return "", err
			}
		}
		_, text, err := reader.ReadResponse(want)
		if buffer.Buffered() > 0 && err == nil {
			err = errInjected
		}
		return text, err
	}
	c.step = stepGreeting
	greeting, err := ask("", 220)
	if err != nil {
		return err
	}
	c.did(greeting)
	offers, err := ask("EHLO "+c.hello, 250)
	if err != nil && (c.security != securityOpportunistic || !isRefusal(err)) {
		return err
	}
	c.step = stepStartTLS
	if !offersStartTLS(offers) {
		return errNoStartTLS
	}
	if _, err := ask("STARTTLS", 220); err != nil {
		return err
	}
	return c.raw.SetDeadline(time.Time{})
}

func offersStartTLS(offers string) bool {
	for line := range strings.Lines(offers) {
		if strings.EqualFold(strings.TrimSpace(line), "STARTTLS") {
			return true
		}
	}
	return false
}

// send hands m over, tells r of it and returns the server's answer to the whole of it. Its error is always a *ReplyError.
func (c *conversation) send(ctx context.Context, m app.Message, r *record) (string, error) {
	c.record = r
	c.lost = true // until it is known that it is not, and if this panics
	stop := c.endWith(ctx)
	reply, err := c.transact(m)
	c.lost, c.begun = isOver(err), err != nil
	stop()
	if err != nil {
		why := c.explain(ctx, err)
		r.fail(c.step, why)
		return "", why
	}
	c.did(reply)
	return c.clean(reply), nil
}

func hasEightBit(data []byte) bool {
	return bytes.ContainsFunc(data, func(r rune) bool { return r >= utf8.RuneSelf })
}

// reset makes the server forget a mail that it has refused. go-smtp greets anew after that.
func (c *conversation) reset() error {
	if !c.begun {
		return nil
	}
	if err := c.client.Reset(); err != nil {
		return err
	}
	return c.client.Hello(c.hello)
}

func (c *conversation) transact(m app.Message) (string, error) {
	c.answers.left = maxAnswers
	c.step = stepReset
	if err := c.reset(); err != nil {
		return "", err
	}
	c.step = stepMail
	// go-smtp would send it all the same. We take 8BITMIME from programs, so it is for us to keep what it promises.
	if ok, _ := c.client.Extension("8BITMIME"); !ok && hasEightBit(m.Data) {
		return "", &ReplyError{
			Reason: "eight_bit", Permanent: true, Enhanced: "5.6.3",
			Message: c.who() + " takes no bytes beyond ASCII (RFC 6152); have the program encode its text as quoted-printable or base64",
		}
	}
	if err := c.client.Mail(m.Sender, &smtp.MailOptions{Size: int64(len(m.Data))}); err != nil {
		return "", err
	}
	c.did(fromWords(m.Sender))
	c.step = stepRecipient
	if err := c.client.Rcpt(m.Recipient.String(), nil); err != nil {
		return "", err
	}
	c.did("mail to " + m.Recipient.String() + " is taken here")
	c.step = stepData
	data, err := c.client.Data()
	if err != nil {
		return "", err
	}
	// go-smtp clears its deadline here and would wait for ever for a server that stops reading.
	if err := c.conn.SetDeadline(time.Now().Add(c.timeouts.Command)); err != nil {
		return "", err
	}
	if err := c.answers.gather(data, m.Data); err != nil {
		return "", err
	}
	c.did(sizeWords(len(m.Data)))
	c.step = stepEnd
	answer, err := data.CloseWithResponse()
	if err == nil {
		return "250 " + answer.StatusText, nil
	}
	// Any 2xx means that the mail was taken (RFC 5321, 4.2.1), and go-smtp knows 250 alone: sent again, it would arrive twice.
	if code, enhanced, text, _ := answerOf(err); code/100 == 2 {
		return (&ReplyError{Code: code, Enhanced: enhanced, Text: text}).answer(), nil
	}
	return "", err
}
