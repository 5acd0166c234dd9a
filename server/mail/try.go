package mail

import (
	"context"
	"net"
	"time"

	"foyer/app"
)

// Try speaks with the smarthost up to where a mail would be handed over, and hands over none. It returns the steps. Its error
// is always a *ReplyError.
func (s *Smarthost) Try(ctx context.Context) ([]app.MailStep, error) {
	if s.server.address == "" {
		return nil, &ReplyError{Reason: "not_configured", Message: "set mail.smarthost=HOST:PORT"}
	}
	r := newRecord()
	c, err := open(ctx, s.server, r)
	if s.tokenRefused(err) {
		r.restart()
		c, err = open(ctx, s.server, r)
	}
	if err != nil {
		return r.steps, err
	}
	c.close()
	return r.steps, nil
}

// tryPortTime is how long one connection of TryPort may take.
const tryPortTime = 4 * time.Second

// TryPort connects to the mail servers of a domain as for a mail, until one answers, and says nothing to it. It returns the
// steps. Its error is always a *ReplyError; when none has answered its Reason is "connect", "connect_refused" or
// "connect_timeout".
func (d *Direct) TryPort(ctx context.Context, domain string) ([]app.MailStep, error) {
	a := &attempt{Direct: d, domain: domain, record: newRecord()}
	found, err := a.find(ctx)
	if err != nil {
		return a.record.steps, asReply(err)
	}
	last := &ReplyError{Reason: "mx_unusable", Message: "no mail server of " + domain + " has an address that may be reached"}
	for _, h := range found.hosts {
		for _, ip := range h.addrs {
			dialing, cancel := context.WithTimeout(ctx, tryPortTime)
			conn, err := d.config.Dial(dialing, "tcp", net.JoinHostPort(ip.String(), "25"))
			cancel()
			if err == nil {
				a.record.add("connection", true, "connected to "+conn.RemoteAddr().String())
				_ = conn.Close() // nothing was said
				return a.record.steps, nil
			}
			c := &conversation{target: target{host: h.name, domain: domain, address: net.JoinHostPort(ip.String(), "25")}, step: stepConnect}
			last = c.explain(ctx, err)
			a.record.add("connection", false, last.words())
		}
	}
	return a.record.steps, last
}

// NoConnection reports whether the error of TryPort says that no mail server has answered.
func NoConnection(err error) bool {
	e := asReply(err)
	return e != nil && isConnectError(e)
}

// Words returns what the error of a trial says went wrong and what to do about it, a sentence without its end.
func Words(err error) string { return asReply(err).words() }
