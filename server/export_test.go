package server

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
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
