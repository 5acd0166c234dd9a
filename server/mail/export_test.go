package mail

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"time"

	"foyer/app"
)

// What the tests of this package need to see of its inside.

func NewTokenTransport() *http.Transport { return newTokenTransport() }

// Get returns a token, as deliveries with the default timeouts do.
func (t *Tokens) Get(ctx context.Context, o app.MailOAuth) (string, error) {
	return t.get(ctx, o, Timeouts{}.orDefaults().Token)
}

// GetWithin is Get with a timeout.
func (t *Tokens) GetWithin(ctx context.Context, o app.MailOAuth, timeout time.Duration) (string, error) {
	return t.get(ctx, o, timeout)
}

// Talk sends m to the mail server of domain in one conversation that begins TLS when it is offered. It returns the
// server's answer and whether there was TLS.
func Talk(ctx context.Context, address, domain string, verify func(tls.ConnectionState) error, m app.Message) (reply string, encrypted bool, err error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", false, err
	}
	c, err := open(ctx, target{address: address, host: host, domain: domain, security: securityOpportunistic, verify: verify}, newRecord())
	if err != nil {
		return "", false, err
	}
	defer c.close()
	reply, err = c.send(ctx, m, newRecord())
	return reply, c.encrypted != nil, err
}

func Hidden(words, secret string) string { return hidden(words, secret) }

func PlainNames(r Resolver) Names { return plainNames{r} }

func SystemNames(conf string, r Resolver) Names { return systemNames(conf, r) }

// Host is a mail server of a route.
type Host struct {
	Name    string
	Addrs   []netip.Addr
	Refused string
}

// Route returns the mail servers of a domain that a machine with the addresses own would try.
func Route(ctx context.Context, names Names, private bool, own []netip.Addr, hello string, most int, domain string) ([]Host, error) {
	r := router{names: names, reach: newReach(private, own), hello: hello, most: most}
	found, err := r.find(ctx, domain)
	var hosts []Host
	for _, h := range found.hosts {
		hosts = append(hosts, Host{h.name, h.addrs, h.refused})
	}
	return hosts, err
}

func Refuses(private bool, own []netip.Addr, ip netip.Addr) string {
	return newReach(private, own).refuses(ip)
}

func DomainUnknown(domain, last string, now time.Time) *ReplyError {
	return domainUnknown(domain, last, now)
}

var ErrNoDomain = errNoDomain

func ParseSTSRecord(texts []string) (string, bool) { return parseSTSRecord(texts) }

func ParseSTSPolicy(text []byte) (app.STSPolicy, time.Duration, error) { return parseSTSPolicy(text) }

func Permits(p app.STSPolicy, host string) bool { return permits(p, host) }

// GetPolicy returns the MTA-STS policy of a domain as a machine with the addresses own gets it.
func GetPolicy(ctx context.Context, p *Policies, names Names, own []netip.Addr, domain string) (app.STSPolicy, string, error) {
	return p.get(ctx, names, newReach(false, own), domain)
}

func Clean(words string) string { return clean(words) }

// WriteBounce writes what the sender of m is told.
func WriteBounce(kind app.MessageKind, m app.Message, d app.Delivery, from, reporter string, now time.Time) (app.Message, error) {
	return bounce{kind: kind, message: m, delivery: d, now: now, from: from, reporter: reporter}.write()
}

// ListenOn makes a listener open its addresses through listen.
func (c *ListenerConfig) ListenOn(listen func(ctx context.Context, network, address string) (net.Listener, error)) {
	c.listen = listen
}

// Prepared is what prepare makes of a mail.
type Prepared struct {
	Data, Subject, ID string
}

// Prepare prepares a mail of p that came from 192.0.2.7, and returns the answer when it is refused.
func Prepare(raw []byte, p app.Program, line, hops int, now time.Time) (Prepared, error) {
	sender, err := app.ParseAddress("scanner@office.example")
	if err != nil {
		return Prepared{}, err
	}
	m, refused := prepare(raw, rules{program: p, line: line, hops: hops}, trace{
		hello: "scanner.lan", peer: netip.MustParseAddr("192.0.2.7"), host: "foyer.office.example", protocol: "ESMTPSA", now: now, sender: sender,
	})
	if refused != nil {
		return Prepared{}, refused
	}
	return Prepared{Data: string(m.data), Subject: m.subject, ID: m.id}, nil
}

// ContentFault feeds content in parts and returns what is wrong with it.
func ContentFault(parts ...[]byte) string {
	var c content
	for _, part := range parts {
		c.feed(part)
	}
	return c.fault()
}
