package mail

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
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

func Clean(words string) string { return clean(words) }

// WriteBounce writes what the sender of m is told.
func WriteBounce(kind app.MessageKind, m app.Message, d app.Delivery, from, reporter string, now time.Time) (app.Message, error) {
	return bounce{kind: kind, message: m, delivery: d, now: now, from: from, reporter: reporter}.write()
}
