package server

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"foyer/app"
)

// Address returns where the pages are served, whatever their public URL.
func (s *Server) Address() string { return s.pages.Addr().String() }

// LookAfter looks after the certificate and the addresses, as is done every few seconds.
func (s *Server) LookAfter(ctx context.Context, at time.Time) {
	s.serving.look(at)
	s.serving.retry(ctx)
}

// LocalUser returns number and name of the user at the other end of a connection.
func LocalUser(client, server netip.AddrPort) ([]string, error) {
	return new(localUsers).of(client, server)
}

// Pages is a trial of public URLs in another network than ours.
type Pages struct {
	Instance string
	Lookup   func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
	Roots    *x509.CertPool
}

// Try tries a public URL out.
func (p Pages) Try(ctx context.Context, publicURL string) []app.TrialStep {
	return (&pagesTrial{instance: p.Instance, lookup: p.Lookup, dial: p.Dial, roots: p.Roots}).Try(ctx, publicURL)
}

// What the parts of a checkup say.
var (
	JudgeClock       = judgeClock
	DiskChecks       = diskChecks
	PermissionChecks = permissionChecks
	JudgeBackups     = judgeBackups
	PortCheck        = portCheck
	RedirectCheck    = redirectCheck
	SortChecks       = sortChecks
	Offer            = offer
)

// PageChecks looks at a public URL in another network than ours.
type PageChecks struct {
	Pages
	Own     []netip.Addr
	Serving func(context.Context) (app.Serving, error)
	Told    string
	Expires time.Time // of the certificate that was seen
}

func (p *PageChecks) check() *pagesCheck {
	return &pagesCheck{
		trial: &pagesTrial{lookup: p.Lookup, dial: p.Dial, roots: p.Roots}, own: func() ([]netip.Addr, error) { return slices.Clone(p.Own), nil },
		serving: p.Serving, told: func() string { return p.Told }, expires: func(t time.Time) { p.Expires = t },
	}
}

// Certificate looks at the certificate.
func (p *PageChecks) Certificate(ctx context.Context, address string) app.Check {
	u, err := url.Parse(address)
	if err != nil {
		return app.Check{}
	}
	return p.check().certificate(ctx, u)
}

// DNS looks at the name.
func (p *PageChecks) DNS(ctx context.Context, host string, reached bool) app.Check {
	return p.check().dns(ctx, host, reached)
}

// NewCheckups returns checkups of the given inspections.
func NewCheckups(jobs *app.Jobs, daily bool, look func() []app.Check, more ...func(context.Context) []app.Check) *Checkups {
	return &Checkups{checkups{
		jobs: jobs, changes: new(app.Changes), daily: func() bool { return daily },
		inspections: func(context.Context) []inspection {
			all := []inspection{{"quick", func(context.Context) []app.Check { return look() }}}
			for _, m := range more {
				all = append(all, inspection{"more", m})
			}
			return all
		},
	}}
}

// Checkups looks at everything that must be right.
type Checkups struct{ checkups }

// Run looks once a day.
func (c *Checkups) Run(ctx context.Context) { c.run(ctx) }

// ClockChecks compares the clock.
func ClockChecks(ctx context.Context, service *app.Service, transport http.RoundTripper) []app.Check {
	return (&clockCheck{service: service, transport: transport}).look(ctx)
}
