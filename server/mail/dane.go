package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/miekg/dns"
)

// The certificate usages of TLSA records that count for mail (RFC 7672, 3.1): those that name public authorities do not,
// because sender and recipient need not trust the same ones.
const (
	usageDANETA = 2 // an authority, by which the certificate must be signed
	usageDANEEE = 3 // the certificate itself, whatever name and date it has
)

func parseTLSA(rr *dns.TLSA) TLSA {
	return TLSA{Usage: rr.Usage, Selector: rr.Selector, Matching: rr.MatchingType, Certificate: rr.Certificate}
}

// usable reports whether the record can be compared with a certificate.
func (t TLSA) usable() bool {
	return (t.Usage == usageDANETA || t.Usage == usageDANEEE) && t.Selector <= 1 && t.Matching <= 2 && t.Certificate != ""
}

func (t TLSA) matches(c *x509.Certificate) bool {
	value, err := dns.CertificateToDANE(t.Selector, t.Matching, c)
	return err == nil && strings.EqualFold(value, t.Certificate)
}

// dane is what the DNS says, validated, about the certificate of a mail server (RFC 7672).
type dane struct {
	host    string   // the name the records stand below
	names   []string // any of which a certificate of an authority may be for
	records []TLSA   // those that are usable; none when TLS must be there, with any certificate (RFC 7672, 2.2)
}

// findDANE returns the TLSA records of a host of a route, or nil when it has none that count. Its error is a *ReplyError.
func findDANE(ctx context.Context, names Names, r route, h mxHost) (*dane, error) {
	if !r.secure || !h.secure {
		return nil, nil //nolint:nilnil // no records is an answer
	}
	bases := []string{h.alias} // the end of a chain of aliases counts first (RFC 7672, 2.2.2)
	if h.alias != h.name {
		bases = append(bases, h.name)
	}
	for _, base := range bases {
		all, secure, err := names.TLSA(ctx, "_25._tcp."+base)
		switch {
		case absent(err), err == nil && !secure:
			continue
		case err != nil:
			// A record that is kept from us must not leave the mail unprotected (RFC 7672, 2.1.2).
			return nil, &ReplyError{
				Reason: "dane_lookup", HostDown: true, Err: err,
				Message: "the DNS does not tell which certificate the mail server " + h.name + " of " + r.domain + " must show (TLSA); it is asked again later",
			}
		}
		found := &dane{host: base, names: []string{base, h.name, r.domain}}
		for _, t := range all {
			if t.usable() {
				found.records = append(found.records, t)
			}
		}
		return found, nil
	}
	return nil, nil //nolint:nilnil // no records is an answer
}

// verify returns nil when the server shows a certificate that one of the records is about.
func (d *dane) verify(state tls.ConnectionState) error {
	if len(d.records) == 0 {
		return nil
	}
	leaf := state.PeerCertificates[0] // of a server there is always one
	for _, t := range d.records {
		if t.Usage == usageDANEEE && t.matches(leaf) || t.Usage == usageDANETA && d.signed(t, state.PeerCertificates) {
			return nil
		}
	}
	return &ReplyError{
		Reason: "dane_mismatch", HostDown: true,
		Message: "the certificate of the mail server " + d.host + " is not the one the DNS names for it (TLSA); somebody may be in between, or " +
			"whoever keeps the server has changed it without its record",
	}
}

// signed reports whether the chain of certificates leads to an authority that t names, and is for one of the names.
func (d *dane) signed(t TLSA, chain []*x509.Certificate) bool {
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	for _, authority := range chain {
		if !t.matches(authority) {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(authority)
		if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
			continue
		}
		for _, name := range d.names {
			if chain[0].VerifyHostname(name) == nil {
				return true
			}
		}
	}
	return false
}
