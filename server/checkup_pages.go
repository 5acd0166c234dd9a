package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"foyer/app"
)

// pagesCheck looks at the public URL, at the DNS and at the certificate.
type pagesCheck struct {
	service *app.Service
	trial   *pagesTrial
	own     func() ([]netip.Addr, error)               // addresses of this machine
	serving func(context.Context) (app.Serving, error) // how the pages are served; nil is not known
	told    func() string                              // the name that is told to the local network, "" for none
	expires func(notAfter time.Time)                   // is told of the certificate that was seen
}

func (p *pagesCheck) look(ctx context.Context) []app.Check {
	publicURL := p.service.Settings().PublicURL
	u, err := url.Parse(publicURL)
	if err != nil || u.Hostname() == "" {
		return of(areaPublicURL, found(app.CheckError, "public_url_invalid", publicURL, "public_url is no address; set it to one, as in https://accounts.office.example"))
	}
	checks, reached := p.url(ctx, publicURL)
	checks = append(checks, of(areaDNS, p.dns(ctx, u.Hostname(), reached))...)
	return append(checks, of(areaCertificate, p.certificate(ctx, u))...)
}

// url asks for the pages at the public URL; reached reports whether this service has answered.
func (p *pagesCheck) url(ctx context.Context, publicURL string) (checks []app.Check, reached bool) {
	if p.service.PublicURLUnset() {
		checks = append(checks, found(app.CheckWarning, "public_url_unset", publicURL,
			"nobody has said at which address browsers reach the pages, so links in mails may lead nowhere; set it with: foyer settings set public_url=https://accounts.office.example"))
	}
	trial, err := p.service.TestPublicURL(ctx, "")
	if err != nil {
		return of(areaPublicURL, append(checks, found(app.CheckSkipped, "public_url_skipped", publicURL, app.MessageOf(err)))...), false
	}
	last := trial.Steps[len(trial.Steps)-1]
	switch {
	case trial.OK:
		checks = append(checks, found(app.CheckOK, "public_url_ok", publicURL, trial.Verdict))
	case last.Name == "connection" && !p.isHere(ctx, publicURL):
		// Many routers do not lead a machine back to itself.
		checks = append(checks, found(app.CheckWarning, "public_url_connection", publicURL, trial.Verdict, "Step", last.Name))
	default:
		checks = append(checks, found(app.CheckError, "public_url_"+last.Name, publicURL, trial.Verdict, "Step", last.Name))
	}
	return of(areaPublicURL, checks...), trial.OK
}

// isHere reports whether the host of an address is this machine, as far as the DNS tells.
func (p *pagesCheck) isHere(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	addrs, err := p.lookup(ctx, u.Hostname())
	return err == nil && slices.ContainsFunc(addrs, p.isOwn)
}

func (p *pagesCheck) isOwn(addr netip.Addr) bool {
	own, err := p.own()
	return addr.IsLoopback() || err == nil && slices.Contains(own, addr.Unmap().WithZone(""))
}

func (p *pagesCheck) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	lookup := p.trial.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	return lookup(ctx, "ip", host)
}

// dns compares the addresses of the host with those of this machine.
func (p *pagesCheck) dns(ctx context.Context, host string, reached bool) app.Check {
	if p.told != nil && p.told() == host {
		return found(app.CheckOK, "dns_announced", host, host+" is the name that this machine tells to the local network by itself; it needs no DNS, and leads nowhere from outside")
	}
	addrs, err := p.lookup(ctx, host)
	words := addressWords(addrs)
	switch {
	case err != nil && isUnknownName(err):
		return found(app.CheckError, "dns_unknown", host,
			fmt.Sprintf("the DNS has no address of %s; have an A record with the address of this machine entered (%s)", host, p.ownWords()), "Own", p.ownWords())
	case err != nil || len(addrs) == 0:
		return found(app.CheckError, "dns_failed", host, host+" cannot be looked up from this machine; see whether its resolver works (/etc/resolv.conf)")
	case slices.ContainsFunc(addrs, p.isOwn):
		return found(app.CheckOK, "dns_here", host, host+" is "+words+", which is this machine", "Addresses", words)
	case reached:
		return found(app.CheckOK, "dns_forwarded", host, host+" is "+words+", from where it is handed on to this machine", "Addresses", words)
	default:
		return found(app.CheckWarning, "dns_elsewhere", host,
			fmt.Sprintf("%s is %s, which is not this machine (%s); that is right when a router or a proxy has that address and hands on to this machine, "+
				"else have the record in the DNS corrected", host, words, p.ownWords()), "Addresses", words, "Own", p.ownWords())
	}
}

func (p *pagesCheck) ownWords() string {
	own, err := p.own()
	if err != nil {
		return "not known"
	}
	return addressWords(slices.DeleteFunc(own, func(a netip.Addr) bool { return a.IsLoopback() || a.IsLinkLocalUnicast() }))
}

func addressWords(addrs []netip.Addr) string {
	var words []string
	for _, a := range addrs[:min(len(addrs), 5)] {
		words = append(words, a.Unmap().WithZone("").String())
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// certificate looks at what is shown to browsers at the public URL.
func (p *pagesCheck) certificate(ctx context.Context, u *url.URL) app.Check {
	host := u.Hostname()
	if u.Scheme != "https" {
		p.expires(time.Time{})
		if app.IsLoopbackHost(host) {
			return found(app.CheckSkipped, "certificate_none_needed", host, "the pages are for this machine only, and need no certificate")
		}
		return found(app.CheckWarning, "certificate_none", host,
			"the pages are served without encryption: whoever is in the network between can read passwords; give them a certificate and set public_url to https://")
	}
	at := net.JoinHostPort(host, u.Port())
	if u.Port() == "" {
		at = net.JoinHostPort(host, "443")
	}
	state, err := p.handshake(ctx, at, host)
	if err != nil {
		return found(app.CheckSkipped, "certificate_unseen", at, "the certificate cannot be looked at: "+tlsProblem(at, host, err))
	}
	return p.judge(ctx, at, host, state)
}

// handshake returns the state of an encrypted connection whose certificate nobody has judged.
func (p *pagesCheck) handshake(ctx context.Context, at, host string) (state tls.ConnectionState, err error) {
	dial := p.trial.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	raw, err := dial(ctx, "tcp", at)
	if err != nil {
		return state, err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: host, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // judge does it, and says all that is wrong
	if err := conn.HandshakeContext(ctx); err != nil {
		return state, err
	}
	return conn.ConnectionState(), nil
}

func (p *pagesCheck) judge(ctx context.Context, at, host string, state tls.ConnectionState) app.Check {
	leaf, now := state.PeerCertificates[0], time.Now()
	p.expires(leaf.NotAfter)
	days := int(leaf.NotAfter.Sub(now) / (24 * time.Hour))
	args := []string{"Until", leaf.NotAfter.UTC().Format(time.DateOnly), "Days", strconv.Itoa(days), "Names", strings.Join(leaf.DNSNames, " "), "Issuer", leaf.Issuer.CommonName}
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	soon := app.CertificateEndsSoon(leaf.NotBefore, leaf.NotAfter, now)
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: p.trial.roots, Intermediates: between, CurrentTime: now})
	switch {
	case now.After(leaf.NotAfter):
		return found(app.CheckError, "certificate_expired", at, "the certificate has expired on "+args[1]+", and browsers refuse it; renew it", args...)
	case now.Before(leaf.NotBefore):
		return found(app.CheckError, "certificate_early", at, "the certificate is valid from "+leaf.NotBefore.UTC().Format(time.DateOnly)+" on; see whether this machine's clock is right", args...)
	case leaf.VerifyHostname(host) != nil:
		return found(app.CheckError, "certificate_name", at, fmt.Sprintf("the certificate is not for %s (but for %s); get one for this name", host, strings.Join(leaf.DNSNames, ", ")), args...)
	case err != nil && p.isOwnAuthority(ctx):
		if soon {
			return expiring(at, days, args)
		}
		return found(app.CheckOK, "certificate_local", at,
			"the certificate is signed by this service's own authority and valid until "+args[1]+"; devices that were not told to trust it warn", args...)
	case err != nil:
		return found(app.CheckError, "certificate_untrusted", at, tlsProblem(at, host, err), args...)
	case soon:
		return expiring(at, days, args)
	default:
		return found(app.CheckOK, "certificate_ok", at, "the certificate is for "+host+", trusted, and valid until "+args[1], args...)
	}
}

func expiring(at string, days int, args []string) app.Check {
	return found(app.CheckWarning, "certificate_expiring", at, fmt.Sprintf("the certificate expires in %d days; renew it, or see why it is not renewed by itself", days), args...)
}

func (p *pagesCheck) isOwnAuthority(ctx context.Context) bool {
	if p.serving == nil {
		return false
	}
	s, err := p.serving(ctx)
	return err == nil && s.Mode == app.TLSLocal
}

// isUnknownName reports whether the DNS says that there is no such name.
func isUnknownName(err error) bool {
	dnsErr, ok := errors.AsType[*net.DNSError](err)
	return ok && dnsErr.IsNotFound
}
