package cert

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"foyer/app"
)

// LocalConfig says what an authority of the service's own certifies.
type LocalConfig struct {
	Dir  string // where it is kept
	Host string // of the public URL
	// Names returns further names of this machine and its addresses, as they are now; nil for none.
	Names func() []string
	// Write puts data into a file that nobody else may read, whole or not at all, and durable.
	Write func(path string, data []byte) error
	// Roots are the authorities browsers trust; nil is the system's. They do not have this one.
	Roots   *x509.CertPool
	Log     *slog.Logger
	Changed func() // called when there is another certificate; nil for nobody
}

// Local is a certificate of an authority of the service's own. It is a Source.
type Local struct {
	config LocalConfig

	mu      sync.Mutex
	opened  time.Time
	early   bool // the authority in use is of later than this machine's clock
	root    *root
	leaf    *tls.Certificate
	info    *app.Certificate
	failed  time.Time // when it could not be renewed
	problem string
	text    string
}

const (
	// leafLife is how long a certificate is valid. Browsers take 398 days at most from public authorities; Apple's take 825
	// from others.
	leafLife = 397 * 24 * time.Hour
	// leafRenew is how long before its end it is renewed.
	leafRenew = leafLife / 3
	// backdated is how much clocks of devices may be behind.
	backdated = time.Hour
	// again is after how long a renewal that has failed is tried again.
	again = 10 * time.Minute
	// clockSets is how long after the start a clock may be behind: machines without a battery get the time from the network.
	clockSets = time.Hour
)

// OpenLocal returns the certificate of the authority in the directory, and makes what is not there. The error is an
// Unavailable app.Error when it cannot be kept there.
func OpenLocal(c LocalConfig) (*Local, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	l := &Local{config: c, opened: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l, l.renew(l.opened)
}

// renew makes sure that there is a certificate for every name that does not end soon. mu is held.
func (l *Local) renew(now time.Time) error {
	err := l.issue(now)
	if err == nil {
		l.problem, l.text, l.failed = "", "", time.Time{}
		return nil
	}
	e := &app.Error{
		Code: app.Unavailable, Reason: ProblemAuthority, Err: err,
		Message: "the certificate authority in " + l.config.Dir + " cannot be used; see that the service may write there, and the log",
	}
	l.problem, l.text, l.failed = e.Reason, e.Message, now
	return e
}

func (l *Local) issue(now time.Time) error {
	r, err := l.authority(now)
	if err != nil {
		return err
	}
	names := l.names(r)
	leaf := l.leaf
	if leaf == nil {
		leaf = r.readLeaf(l.config.Dir)
	}
	if leaf == nil || !r.signed(leaf.Leaf) || !covers(leaf.Leaf, names) || now.Add(leafRenew).After(leaf.Leaf.NotAfter) && leaf.Leaf.NotAfter.Before(r.cert.NotAfter) ||
		now.Before(leaf.Leaf.NotBefore) && !l.early {
		if leaf, err = r.issue(names, now); err != nil {
			return err
		}
		if err := r.keepLeaf(l.config, leaf); err != nil {
			return err
		}
		l.config.Log.Info("certificate made by the local authority", "names", names, "until", leaf.Leaf.NotAfter)
	}
	if l.leaf != nil && l.leaf.Leaf.Equal(leaf.Leaf) {
		return nil
	}
	l.root, l.leaf = r, leaf
	l.info = describe(leaf, l.config.Host, l.config.Roots, r.cert)
	l.info.RenewAt = leaf.Leaf.NotAfter.Add(-leafRenew)
	if l.config.Changed != nil {
		l.config.Changed()
	}
	return nil
}

// authority returns the newest authority that may certify the host, and makes one when there is none. An old one stays
// where it is: devices trust it, and the host may be its own again. While the clock may not be set yet, one that is not valid yet
// is no reason to make another, which devices do not trust.
func (l *Local) authority(now time.Time) (*root, error) {
	if l.root != nil && !l.early && l.root.serves(l.config.Host, now) {
		return l.root, nil
	}
	roots, err := readRoots(l.config.Dir)
	if err != nil {
		return nil, err
	}
	l.early = false
	for _, r := range roots {
		if r.serves(l.config.Host, now) {
			return r, nil
		}
	}
	for _, r := range roots {
		if now.Sub(l.opened) < clockSets && now.Before(r.cert.NotBefore) && r.serves(l.config.Host, r.cert.NotBefore) {
			l.early = true
			return r, nil
		}
	}
	r, err := newRoot(l.config.Host, now)
	if err != nil {
		return nil, err
	}
	if err := r.keep(l.config); err != nil {
		return nil, err
	}
	l.config.Log.Info("local certificate authority made", "name", r.cert.Subject.CommonName, "until", r.cert.NotAfter)
	return r, nil
}

// names returns what the certificate is for: the host first, and of the others those that the authority may certify.
func (l *Local) names(r *root) []string {
	names := []string{l.config.Host}
	if l.config.Names != nil {
		for _, name := range l.config.Names() {
			if !slices.Contains(names, name) && r.permits(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// covers reports whether a certificate is for all of names.
func covers(c *x509.Certificate, names []string) bool {
	for _, name := range names {
		if c.VerifyHostname(hostForm(name)) != nil {
			return false
		}
	}
	return true
}

// hostForm writes an address as VerifyHostname wants it.
func hostForm(name string) string {
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is6() {
		return "[" + name + "]"
	}
	return name
}

// Look renews the certificate when its end comes near, or the machine has got another name or address.
func (l *Local) Look(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.failed) < again {
		return
	}
	if err := l.renew(now); err != nil {
		l.config.Log.Error("the certificate cannot be renewed; it is tried again", "err", err)
	}
}

// GetCertificate returns the certificate.
func (l *Local) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaf == nil {
		return nil, errNone
	}
	return l.leaf, nil
}

// Status returns what is to be known of it.
func (l *Local) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{Certificate: l.info, Problem: l.problem, Text: l.text}
	if l.root != nil {
		s.Authority = l.root.about()
	}
	return s
}

// Challenge answers nobody.
func (l *Local) Challenge(http.ResponseWriter, *http.Request) bool { return false }

// Close does nothing: nothing goes on.
func (l *Local) Close() {}

// MachineAddresses returns the addresses of this machine that others can reach, without those that need a zone.
func MachineAddresses() []string {
	var out []string
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil // the name is in the certificate, which is what counts
	}
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			out = append(out, prefix.Addr().Unmap().String())
		}
	}
	return out
}

// encode returns a certificate as PEM.
func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
