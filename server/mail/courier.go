package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"time"

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
	Connect  time.Duration // for the connection, and again for the TLS handshake; 30 s
	Greeting time.Duration // for the greeting; as Command
	Command  time.Duration // for the answer to a command; 5 min (RFC 5321, 4.5.3.2)
	End      time.Duration // for the answer to the whole mail; 12 min: RFC 5321 wants 10, and servers that hand on wait those themselves
	Quit     time.Duration // for the answer to QUIT, when all is over; 5 s
	Token    time.Duration // for a token, from the provider that gives it; 10 s
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
	if t.Greeting <= 0 {
		t.Greeting = t.Command
	}
	return t
}

// testGreeting is how long a test mail waits for the greeting. Somebody waits for the result, and at a port for implicit
// TLS none ever comes.
const testGreeting = time.Minute

// SmarthostConfig says how to reach the office's mail server.
type SmarthostConfig struct {
	Mail     app.MailSettings
	Hello    string         // how this machine introduces itself; "" for localhost
	RootCAs  *x509.CertPool // who may sign the server's certificate; nil for the system's authorities
	Timeouts Timeouts
	Tokens   *Tokens // for mail.auth=xoauth2, shared with other couriers; nil for its own
	// Dial connects to the server; nil for TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup returns the addresses of the server's name, for the steps of the report; nil for the system's resolver, or
	// for none when there is a Dial.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Smarthost is the Courier that hands every message to one mail server. One goroutine at a time may use it.
type Smarthost struct {
	server target
	keeper keeper
}

// NewSmarthost returns the courier to the server that c names.
func NewSmarthost(c SmarthostConfig) *Smarthost {
	host, _, err := net.SplitHostPort(c.Mail.Smarthost)
	if err != nil {
		host = c.Mail.Smarthost // the first delivery says what is wrong with it
	}
	tokens := c.Tokens
	if tokens == nil {
		tokens = NewTokens(nil)
	}
	return &Smarthost{server: target{
		address: c.Mail.Smarthost, host: host, hello: c.Hello, security: securityOf(c.Mail.TLS), roots: c.RootCAs,
		timeouts: c.Timeouts, dial: c.Dial, lookup: c.Lookup,
		auth: credentials{
			method: c.Mail.Auth, username: c.Mail.Username, password: c.Mail.Password, oauth: c.Mail.OAuth, tokens: tokens,
		},
	}}
}

// securityOf returns what mail.tls asks for. Unless it says otherwise that is STARTTLS and nothing less: who can take
// STARTTLS out of a server's answer could read the password otherwise.
func securityOf(mailTLS string) security {
	switch mailTLS {
	case "none":
		return securityNone
	case "implicit":
		return securityImplicit
	default:
		return securityStartTLS
	}
}

// HelloName returns how a machine whose pages are at publicURL introduces itself to mail servers: by the host, or an
// address literal (RFC 5321, 4.1.3), or "localhost" when there is none.
func HelloName(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil || ip.Zone() != "" {
		return u.Hostname()
	}
	return addressLiteral(ip)
}

// addressLiteral returns an address as it stands where a name would (RFC 5321, 4.1.3).
func addressLiteral(ip netip.Addr) string {
	if ip = ip.Unmap(); ip.Is4() {
		return "[" + ip.String() + "]"
	}
	return "[IPv6:" + ip.String() + "]"
}

// Deliver hands m to the smarthost. Its error is always a *ReplyError.
func (s *Smarthost) Deliver(ctx context.Context, m app.Message) (app.Report, error) {
	if err := checkMessage(m); err != nil {
		return app.Report{}, err
	}
	if s.server.address == "" {
		return app.Report{}, &ReplyError{Reason: "not_configured", Message: "set mail.smarthost=HOST:PORT", HostDown: true}
	}
	r := newRecord()
	reply, err := s.deliver(ctx, m, r)
	return app.Report{Reply: reply, Steps: r.steps}, err
}

func (s *Smarthost) deliver(ctx context.Context, m app.Message, r *record) (string, error) {
	if reply, done, err := s.keeper.send(ctx, m, r); done {
		return reply, err
	}
	server := s.server
	if m.Kind == app.MailTest {
		server.timeouts = server.timeouts.orDefaults()
		server.timeouts.Greeting = min(server.timeouts.Greeting, testGreeting)
	}
	c, err := open(ctx, server, r)
	if s.tokenRefused(err) {
		// The token may have been withdrawn before its time. It is thrown away by now, and a fresh one tells.
		r.restart()
		c, err = open(ctx, server, r)
	}
	if err != nil {
		return "", err
	}
	return s.keeper.begin(ctx, c, m, r)
}

func (s *Smarthost) tokenRefused(err error) bool {
	e, ok := errors.AsType[*ReplyError](err)
	return ok && s.server.auth.method == "xoauth2" && e.Reason == "auth_failed" && e.Code == codeRefused
}

// Close takes leave of the server, if it was left with an open connection.
func (s *Smarthost) Close() error {
	s.keeper.close()
	return nil
}

// checkMessage refuses what must not go over the wire, wherever it came from: go-smtp's client writes addresses into
// its commands as they are, and forwards a bare CR.
func checkMessage(m app.Message) error {
	if _, err := app.ParseAddress(m.Sender); err != nil && !mayHaveNoSender(m) {
		return &ReplyError{
			Reason: "sender_invalid", Message: "the sender's address is not one mail can be sent from; set mail.from", Err: err,
			Permanent: true,
		}
	}
	if m.Recipient.String() == "" {
		return &ReplyError{Reason: "recipient_invalid", Message: "the message has no recipient", Permanent: true}
	}
	longest := 998 // RFC 5322, 2.1.1
	if m.Kind == app.MailRelayed {
		longest = 0 // limits.smtp_line has judged it: what was taken is not refused later
	}
	if err := checkData(m.Data, longest); err != nil {
		return &ReplyError{Reason: "message_malformed", Message: "the message must not be sent: " + err.Error(), Permanent: true}
	}
	return nil
}

// mayHaveNoSender reports whether m has the empty sender of mail that must not be answered, and is of a kind that may.
func mayHaveNoSender(m app.Message) bool {
	return m.Sender == "" && m.Kind.Relayed()
}

var _ Courier = (*Smarthost)(nil)
