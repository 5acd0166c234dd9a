package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"foyer/app"
)

// Bounds of one trial of a public URL.
const (
	pagesTime   = 5 * time.Second // all steps together
	pagesAnswer = 64 << 10        // bytes of an answer, with its headers
)

// pagesTrial asks for the pages at a public URL, as a browser on this machine would. It implements app.PagesTrial.
type pagesTrial struct {
	instance string                                                                // what this start of the service calls itself at /healthz
	lookup   func(ctx context.Context, network, host string) ([]netip.Addr, error) // nil is the system's resolver
	dial     func(ctx context.Context, network, address string) (net.Conn, error)  // nil is the network
	roots    *x509.CertPool                                                        // nil is the system's authorities
	// authority returns the certificate of the authority of our own, as PEM, which counts too; "" for none.
	authority func() string
}

// Try returns the steps "address", "name", "connection", "tls" for https, and "pages". Where http leads to https at the
// same host there is "redirect", and all of these again; no other redirect is followed. It takes five seconds at most.
func (p *pagesTrial) Try(ctx context.Context, publicURL string) []app.TrialStep {
	ctx, cancel := context.WithTimeout(ctx, pagesTime)
	defer cancel()
	v := &pagesVisit{pagesTrial: p}
	v.visit(ctx, publicURL)
	if to := v.redirect; to != "" {
		v.redirect, v.redirected = "", true
		v.visit(ctx, to)
	}
	return v.steps
}

// pagesVisit is one trial under way.
type pagesVisit struct {
	*pagesTrial
	steps      []app.TrialStep
	target     *url.URL
	conn       net.Conn
	redirect   string // where https is
	redirected bool
}

// step does one step and reports whether it went well.
func (v *pagesVisit) step(name string, work func() (string, error)) bool {
	begin := time.Now()
	detail, err := work()
	if err != nil {
		detail = err.Error()
	}
	v.steps = append(v.steps, app.TrialStep{Name: name, OK: err == nil, Detail: detail, Took: time.Since(begin)})
	return err == nil
}

func (v *pagesVisit) visit(ctx context.Context, address string) {
	defer func() {
		if v.conn != nil {
			_ = v.conn.Close() // what it was for is done
			v.conn = nil
		}
	}()
	ok := v.step("address", func() (string, error) { return v.parse(address) }) &&
		v.step("name", func() (string, error) { return v.resolve(ctx) }) &&
		v.step("connection", func() (string, error) { return v.connect(ctx) })
	if ok && v.target.Scheme == "https" {
		ok = v.step("tls", func() (string, error) { return v.secure(ctx) })
	}
	if ok {
		v.ask(ctx)
	}
}

func (v *pagesVisit) parse(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "", errors.New("write http:// or https:// and a host, as in https://accounts.office.example")
	}
	v.target = u
	return u.Scheme + " at " + v.hostPort(), nil
}

// hostPort returns what is dialled.
func (v *pagesVisit) hostPort() string {
	port := v.target.Port()
	switch {
	case port != "":
	case v.target.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(v.target.Hostname(), port)
}

func (v *pagesVisit) resolve(ctx context.Context) (string, error) {
	host := v.target.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return host + " is an address, there is no name to look up", nil
	}
	lookup := v.lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	addrs, err := lookup(ctx, "ip", host)
	dnsErr, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case isDNS && dnsErr.IsNotFound:
		return "", fmt.Errorf("this machine finds no address of %s; have the name entered in the DNS, and if others find it, it is the resolver of this machine that does not", host)
	case err != nil || len(addrs) == 0:
		return "", fmt.Errorf("the name %s cannot be looked up from this machine now; try again, and see whether its resolver works", host)
	}
	words := make([]string, 0, len(addrs))
	for _, addr := range addrs[:min(len(addrs), 5)] {
		words = append(words, addr.Unmap().String())
	}
	return host + " is " + strings.Join(words, ", "), nil
}

func (v *pagesVisit) connect(ctx context.Context) (string, error) {
	dial := v.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", v.hostPort())
	if err != nil {
		return "", fmt.Errorf("this machine cannot connect to %s (%s). That need not be so for others: many routers do not lead a machine back to itself by the "+
			"office's public address. Open the address from elsewhere, on a phone without the office's network say; if it does not open there either, see the firewall, "+
			"the forwarded port and the proxy", v.hostPort(), dialProblem(err))
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", errors.Join(errors.New("the connection broke off"), conn.Close())
		}
	}
	v.conn = conn
	return "connected to " + conn.RemoteAddr().String(), nil
}

func dialProblem(err error) string {
	number, isNumber := errors.AsType[syscall.Errno](err)
	switch {
	case noAnswer(err):
		return "no answer in time"
	case isNumber:
		return number.Error()
	default:
		return "no connection"
	}
}

func noAnswer(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && netErr.Timeout()
}

func (v *pagesVisit) secure(ctx context.Context) (string, error) {
	roots, own := v.trusted()
	conn := tls.Client(v.conn, &tls.Config{ServerName: v.target.Hostname(), RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err := conn.HandshakeContext(ctx); err != nil {
		return "", errors.New(tlsProblem(v.hostPort(), v.target.Hostname(), err))
	}
	v.conn = conn
	state := conn.ConnectionState()
	found := tls.VersionName(state.Version) + ", the certificate is valid until " + state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)
	if chain := state.VerifiedChains[0]; own != nil && chain[len(chain)-1].Equal(own) {
		found += "; browsers trust it on devices that were told to trust " + own.Subject.CommonName
	}
	return found, nil
}

// trusted returns the authorities that count, and the one of them that is our own, if there is one.
func (v *pagesVisit) trusted() (*x509.CertPool, *x509.Certificate) {
	if v.authority == nil {
		return v.roots, nil
	}
	block, _ := pem.Decode([]byte(v.authority()))
	if block == nil {
		return v.roots, nil
	}
	own, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return v.roots, nil
	}
	roots := v.roots
	if roots == nil {
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool()
		}
	} else {
		roots = roots.Clone()
	}
	roots.AddCert(own)
	return roots, own
}

// tlsProblem returns what keeps browsers from trusting who answers.
func tlsProblem(at, host string, err error) string {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case otherName:
		return "the certificate is not for " + host + "; get one for this name"
	case unknown:
		return "the certificate is signed by nobody this machine trusts, and browsers would warn; use one of a public authority with its whole chain, or have the office's authority installed here and on every device"
	case isInvalid && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet; renew it, and see whether this machine's clock is right"
	case isInvalid:
		return "the certificate cannot be used for a web site; get another one"
	case plain:
		return "what answers at " + at + " does not speak TLS; write http://, or give the pages a certificate there"
	case noAnswer(err):
		return "no answer in time when encryption was begun at " + at
	default:
		return "encryption with " + at + " does not come about; see the certificate and the proxy there"
	}
}

// ask asks for /healthz, and is done or knows where https is.
func (v *pagesVisit) ask(ctx context.Context) {
	begin := time.Now()
	resp, body, err := v.get(ctx)
	took := time.Since(begin)
	if err == nil {
		if to := v.leadsTo(resp); to != "" {
			v.redirect = to
			v.steps = append(v.steps, app.TrialStep{Name: "redirect", OK: true, Detail: "http leads to " + to + "; set public_url to that", Took: took})
			return
		}
	}
	v.step("pages", func() (string, error) {
		if err != nil {
			return "", err
		}
		return v.judge(resp, body)
	})
	v.steps[len(v.steps)-1].Took = took
}

func (v *pagesVisit) get(ctx context.Context) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.target.Scheme+"://"+v.target.Host+"/healthz", nil)
	if err != nil {
		return nil, nil, err
	}
	req.Close = true
	req.Header.Set("Accept-Encoding", "identity")
	unreadable := fmt.Errorf("what answers at %s does not speak HTTP as it should; something else is there, or https:// is meant", v.hostPort())
	if err := req.Write(v.conn); err != nil {
		return nil, nil, fmt.Errorf("%s has broken off", v.hostPort())
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(v.conn, pagesAnswer)), req)
	switch {
	case noAnswer(err):
		return nil, nil, fmt.Errorf("%s takes the request and does not answer in time", v.hostPort())
	case err != nil:
		return nil, nil, unreadable
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp, nil, fmt.Errorf("the answer of %s is larger than 64 KiB, or breaks off: something else is there", v.hostPort())
	}
	return resp, body, nil
}

// leadsTo returns the address of a redirect to https at the same host, or "".
func (v *pagesVisit) leadsTo(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil || resp.StatusCode/100 != 3 || v.redirected || v.target.Scheme != "http" {
		return ""
	}
	if to.Scheme != "https" || to.User != nil || !strings.EqualFold(to.Hostname(), v.target.Hostname()) {
		return ""
	}
	return "https://" + strings.ToLower(to.Host)
}

// judge tells whether it is this service that has answered.
func (v *pagesVisit) judge(resp *http.Response, body []byte) (string, error) {
	var health struct {
		Status, Instance, Reason string
	}
	err := json.Unmarshal(body, &health)
	switch {
	case err == nil && health.Instance == v.instance && resp.StatusCode == http.StatusOK:
		return "this service answers", nil
	case err == nil && health.Instance == v.instance && resp.StatusCode == http.StatusMisdirectedRequest:
		return "this service answers, and will show its pages there once public_url is set so", nil
	case err == nil && health.Instance == v.instance:
		return "this service answers; it is not well, foyer audit list and the log say why", nil
	case err == nil && health.Instance != "":
		return "", fmt.Errorf("another Foyer answers at %s, or this one as it was before a restart; see where the name and the proxy lead", v.hostPort())
	case resp.StatusCode/100 == 3:
		return "", fmt.Errorf("%s leads browsers elsewhere (status %d) and not to these pages; see the proxy, which must hand everything on to Foyer", v.hostPort(), resp.StatusCode)
	default:
		return "", fmt.Errorf("something else answers at %s (status %d); see where the name and the proxy lead, and that the proxy hands /healthz on to Foyer", v.hostPort(), resp.StatusCode)
	}
}
