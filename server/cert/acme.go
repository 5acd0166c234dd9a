package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"

	"foyer/app"
)

// ALPN is the protocol by which an authority asks over TLS whether this is the host (RFC 8737).
const ALPN = acmez.ACMETLS1Protocol

// ACMEConfig says which authority gives a certificate, and for which host.
type ACMEConfig struct {
	Dir       string // where account, keys and certificates are kept
	Host      string // of the public URL; no other gets a certificate
	Directory string // of the authority
	Email     string // where it writes to; may be empty
	CAFile    string // who signs its address; "" is the system's authorities

	HTTPPort   int    // where Challenge is asked; 0 for nowhere
	TLSPort    int    // where GetCertificate is
	ListenHost string // of both; "" for all addresses

	// Roots are the authorities browsers trust; nil is the system's.
	Roots   *x509.CertPool
	Log     *slog.Logger
	Changed func() // called when its status has changed; nil for nobody
}

// ACME is a certificate of an authority that gives and renews it by itself (RFC 8555). It is a Source.
type ACME struct {
	config ACMEConfig
	cache  *certmagic.Cache
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	stop   context.CancelFunc
	ctx    context.Context //nolint:containedctx // of what goes on behind it until Close

	mu      sync.Mutex
	problem string
	text    string
	seen    string          // the fingerprint of
	info    app.Certificate // this
}

// NewACME returns a source that has no certificate before Obtain or Start. It must be closed. The error is an Invalid
// app.Error on field "acme_ca_file".
func NewACME(c ACMEConfig) (*ACME, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	trust, err := rootsIn(c.CAFile)
	if err != nil {
		return nil, err
	}
	a := &ACME{config: c}
	a.ctx, a.stop = context.WithCancel(context.Background())
	quiet := zap.NewNop() // what there is to say comes as an event
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return a.magic, nil }, Logger: quiet,
	})
	a.magic = certmagic.New(a.cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: c.Dir}, Logger: quiet, OnEvent: a.event,
		DefaultServerName: c.Host, FallbackServerName: c.Host,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // authorities give it up, and it tells them who is asked
	})
	a.issuer = certmagic.NewACMEIssuer(a.magic, certmagic.ACMEIssuer{
		CA: c.Directory, Email: c.Email, Agreed: true, TrustedRoots: trust, Logger: quiet,
		ListenHost: c.ListenHost, AltHTTPPort: c.HTTPPort, AltTLSALPNPort: c.TLSPort, DisableHTTPChallenge: c.HTTPPort == 0,
		DisableDistributedSolvers: true, // there is one instance, and it remembers
	})
	a.magic.Issuers = []certmagic.Issuer{a.issuer}
	return a, nil
}

// rootsIn returns the certificates in a file; nil without one.
func rootsIn(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := readFile(path)
	if err != nil {
		return nil, unreadable("acme_ca_file", "certificate of the authority", path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, app.Fieldf("acme_ca_file", ProblemUnusable, "there is no certificate in %s; name the PEM file with the root of the authority", path)
	}
	return pool, nil
}

// Obtain takes the certificate that is kept, or gets one from the authority, which must reach this host meanwhile. It returns
// when it is there, and then keeps it new until Close. The error is a Conflict app.Error, "acme_failed".
func (a *ACME) Obtain(ctx context.Context) error {
	err := a.magic.ManageSync(ctx, []string{a.config.Host})
	if err == nil || a.valid(time.Now()) {
		return nil
	}
	if ctx.Err() != nil {
		err = errors.New("there was no answer in time")
	}
	return &app.Error{Code: app.Conflict, Reason: ProblemACME, Message: a.failure(err), Err: err}
}

// Start does as Obtain does, without waiting for it: until there is a certificate, it is tried again and again.
func (a *ACME) Start() {
	a.say(ProblemPending, fmt.Sprintf("the authority at %s has given no certificate for %s yet; until then the pages are not served", hostOfURL(a.config.Directory), a.config.Host))
	if err := a.magic.ManageAsync(a.ctx, []string{a.config.Host}); err != nil {
		a.say(ProblemACME, a.failure(err))
		return
	}
	if a.valid(time.Now()) {
		a.say("", "")
	}
}

func (a *ACME) valid(now time.Time) bool {
	c := a.current()
	return c != nil && now.Before(c.Leaf.NotAfter)
}

// current returns the certificate; nil when there is none.
func (a *ACME) current() *certmagic.Certificate {
	for _, c := range a.cache.AllMatchingCertificates(a.config.Host) {
		if c.Leaf != nil {
			return &c
		}
	}
	return nil
}

// event takes what certmagic tells.
func (a *ACME) event(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained", "cached_managed_cert":
		a.say("", "")
		a.changed()
	case "cert_failed":
		if err, ok := data["error"].(error); ok && a.ctx.Err() == nil {
			a.say(ProblemACME, a.failure(err))
		}
	}
	return nil
}

// failure says what the authority has said, or why it cannot be asked, and what to do.
func (a *ACME) failure(err error) string {
	authority := hostOfURL(a.config.Directory)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Sprintf("the authority at %s cannot be reached from this machine (%v): let it connect there over HTTPS, port 443, and to the DNS", authority, op.Err)
	}
	said := err.Error()
	if problem, ok := errors.AsType[acme.Problem](err); ok {
		said = problem.Detail
		for _, sub := range problem.Subproblems {
			said += "; " + sub.Detail
		}
	}
	said = strings.Join(strings.Fields(said), " ") // lines of strangers
	if len(said) > 300 {
		said = strings.ToValidUTF8(said[:300], "") + "…"
	}
	return fmt.Sprintf("the authority at %s gives no certificate for %s: %s. From the authority, that name must lead to this machine, at port 80 or 443", authority, a.config.Host, said)
}

// say keeps what is wrong, and tells the log of it once.
func (a *ACME) say(problem, text string) {
	a.mu.Lock()
	same := problem == a.problem && text == a.text
	a.problem, a.text = problem, text
	a.mu.Unlock()
	if same {
		return
	}
	if problem == ProblemACME {
		a.config.Log.Error("no certificate", "problem", text)
	}
	a.changed()
}

func (a *ACME) changed() {
	if a.config.Changed != nil {
		a.config.Changed()
	}
}

// GetCertificate returns the certificate, or the one with which an authority that asks is answered.
func (a *ACME) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.magic.GetCertificate(hello)
}

// Challenge answers an authority that asks by HTTP.
func (a *ACME) Challenge(w http.ResponseWriter, r *http.Request) bool {
	return a.issuer.HandleHTTPChallenge(w, r)
}

// Look does nothing: certmagic renews by itself.
func (a *ACME) Look(time.Time) {}

// Status returns what is to be known of it.
func (a *ACME) Status() Status {
	c := a.current()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{Problem: a.problem, Text: a.text}
	if c == nil {
		return s
	}
	if a.seen != c.Hash() {
		a.seen, a.info = c.Hash(), *describe(&c.Certificate, a.config.Host, a.config.Roots)
		a.info.RenewAt = c.Leaf.NotAfter.Add(-time.Duration(float64(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)) * certmagic.DefaultRenewalWindowRatio))
	}
	info := a.info
	s.Certificate = &info
	return s
}

// Close ends what goes on behind it.
func (a *ACME) Close() {
	a.stop()
	a.cache.Stop()
}

func hostOfURL(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host
}
