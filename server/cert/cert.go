// Package cert gives the certificates that browsers, and the office's programs, are shown: from files, from an authority by
// ACME, or from an authority of the service's own. It is the only room that knows certmagic. Only package server imports it.
package cert

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"foyer/app"
)

// Source gives a certificate.
type Source interface {
	// GetCertificate is for a tls.Config.
	GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Status returns what is to be known of it.
	Status() Status
	// Look looks after it: new files, its end that comes near. It is called every few seconds.
	Look(now time.Time)
	// Challenge answers an authority that asks by HTTP whether this is the host, and reports whether that is what was asked.
	Challenge(w http.ResponseWriter, r *http.Request) bool
	// Close ends what goes on behind it.
	Close()
}

// Status is what is to be known of a source.
type Status struct {
	Certificate *app.Certificate // nil while there is none
	Problem     string           // stable name of what is wrong; "" for nothing
	Text        string           // a sentence about it
	Authority   *app.Authority   // of the service's own
}

// The values of Problem.
const (
	ProblemUnusable  = "certificate_unusable"   // files that cannot be used
	ProblemOtherName = "certificate_other_name" // it is for another host
	ProblemReadable  = "key_readable"           // everybody on the machine can read the key
	ProblemACME      = "acme_failed"            // the authority gives none
	ProblemPending   = "acme_pending"           // the authority has not answered yet
	ProblemAuthority = "authority_unusable"     // the authority of our own cannot work
)

// errNone is why there is nothing to show.
var errNone = errors.New("there is no certificate")

// describe returns what is to be known of a certificate that is shown at host, "" for one that browsers never see. roots are the authorities browsers trust,
// nil for the system's; more are certificates above those it comes with.
func describe(c *tls.Certificate, host string, roots *x509.CertPool, more ...*x509.Certificate) *app.Certificate {
	leaf := c.Leaf
	sum := sha256.Sum256(leaf.Raw)
	out := &app.Certificate{
		Issuer: nameOf(leaf.Issuer.CommonName, leaf.Issuer.String()), NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, SHA256: hex.EncodeToString(sum[:]),
		Names: namesOf(leaf),
	}
	chain := []*x509.Certificate{leaf}
	between := x509.NewCertPool()
	for _, raw := range c.Certificate[1:] {
		if above, err := x509.ParseCertificate(raw); err == nil {
			between.AddCert(above)
			chain = append(chain, above)
		}
	}
	if host != "" {
		verified, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between})
		if out.Trusted = err == nil; out.Trusted {
			chain = verified[0]
		}
	}
	for _, link := range append(chain, more...) {
		out.Chain = append(out.Chain, app.CertificateChain{
			Subject: nameOf(link.Subject.CommonName, link.Subject.String()), Issuer: nameOf(link.Issuer.CommonName, link.Issuer.String()), NotAfter: link.NotAfter,
		})
	}
	return out
}

func nameOf(common, whole string) string {
	if common != "" {
		return common
	}
	return whole
}

// namesOf returns the names and addresses a certificate is for.
func namesOf(c *x509.Certificate) []string {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
