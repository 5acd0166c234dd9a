package oidc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"foyer/app"
)

// maxBody is how much of an answer is read.
const maxBody = 1 << 20

var (
	errTooLarge   = errors.New("the answer is larger than 1 MiB")
	errRedirected = errors.New("the answer is a redirect")
	errInner      = errors.New("the address is an inner one")
)

// failure is why a provider could not be asked: a word, and a cause for the log. The cause holds nothing that the
// provider has sent.
type failure struct {
	why string
	err error
}

// Error returns the word and the cause.
func (f *failure) Error() string {
	if f.err == nil {
		return f.why
	}
	return f.why + ": " + f.err.Error()
}

// unreachable returns what a *failure is to the outside. It is a new one for each call, which may add to it.
func unreachable(err error) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, f.why, f.err)
	}
	return app.ProviderError(app.Unavailable, app.ProviderUnreachable, "unreachable", nil)
}

// failed returns what an error of net/http says about host, in words of our own: its text can hold the address with its
// query, a name in a certificate, or the first line of the answer.
func failed(host string, err error) *failure {
	f := &failure{why: "unreachable"}
	dns, noName := errors.AsType[*net.DNSError](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	number, noConnection := errors.AsType[syscall.Errno](err)
	switch {
	case errors.Is(err, errTooLarge):
		f.why, f.err = "too_large", fmt.Errorf("%q: %w", host, errTooLarge)
	case errors.Is(err, errRedirected):
		f.why, f.err = "redirected", fmt.Errorf("%q: %w", host, errRedirected)
	case errors.Is(err, errInner):
		f.why, f.err = "bad_discovery", fmt.Errorf("%q: %w", host, errInner)
	case isTimeout(err):
		f.err = fmt.Errorf("%q does not answer in time", host)
	case noName && dns.IsNotFound:
		f.err = fmt.Errorf("there is no host %q", host)
	case noName:
		f.err = fmt.Errorf("the name %q cannot be looked up", host)
	case untrusted:
		f.err = fmt.Errorf("the certificate of %q is not trusted", host)
	case noConnection:
		f.err = fmt.Errorf("%q: %w", host, number)
	default:
		f.err = fmt.Errorf("no answer from %q that can be read", host)
	}
	return f
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || ok && netErr.Timeout()
}

// newClient returns the client of every back-channel request. go-oidc and oauth2 bound nothing (T17): one answer that
// hangs would stop all sign-ins, and one of 300 MB took 1 GB of memory.
func newClient(transport http.RoundTripper, c *clock) *http.Client {
	return &http.Client{
		Transport:     &bounds{next: transport, clock: c},
		Timeout:       callTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errRedirected },
	}
}

// bounds keeps answers to their size, and compares the clocks.
type bounds struct {
	next  http.RoundTripper
	clock *clock
}

// RoundTrip returns the whole answer, or errTooLarge. It reads the body itself: oauth2 would cut it at 1 MiB without a
// word, and hide why it could not be read.
func (b *bounds) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	// Asked for by name, gzip would be unpacked by net/http: 1 MB can hold 1 GB.
	req.Header.Set("Accept-Encoding", "identity")
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.ContentLength > maxBody {
		return nil, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, errTooLarge
	}
	if req.Method == http.MethodPost {
		b.clock.see(resp.Header.Get("Date"))
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// newTransport returns what carries requests to one provider. It is of this provider alone: a connection that another
// one's settings allowed must not be found open here. No proxy is taken from the environment: it would see the secrets.
func newTransport(issuer string) *http.Transport {
	home := hostPort(issuer)
	open := &net.Dialer{Timeout: callTime / 2}
	guarded := &net.Dialer{Timeout: callTime / 2, Control: refuseInner}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			// What the administrator has typed may be anywhere, and so may the hosts that are known by name.
			host, _, err := net.SplitHostPort(address)
			if err == nil && (strings.EqualFold(address, home) || slices.Contains(knownHosts(issuer), host)) {
				return open.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    callTime / 2,
		ResponseHeaderTimeout:  callTime,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		MaxIdleConns:           16,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
	}
}

// refuseInner refuses to connect to an inner address. It sees the one that is dialled, whatever the name said before.
func refuseInner(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || isInner(at.Addr()) {
		return errInner
	}
	return nil
}

// innerNetworks are those that netip has no word for (IANA, special-purpose address registries): what they reach is not
// the internet, or is an inner address in disguise.
var innerNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // carrier-grade NAT
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"),        // IPv4-compatible
	netip.MustParsePrefix("64:ff9b::/96"), // NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), // 6to4
	netip.MustParsePrefix("fec0::/10"), // site-local, of old
}

// isInner reports whether an address is of this machine, of a network that is not the internet, or of nobody.
func isInner(addr netip.Addr) bool {
	addr = addr.WithZone("").Unmap()
	return !addr.IsGlobalUnicast() || addr.IsPrivate() ||
		slices.ContainsFunc(innerNetworks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// hostPort returns the host and port of an address, as they are dialled.
func hostPort(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "http":
		port = "80"
	default:
		port = "443"
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}
