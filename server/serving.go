package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"foyer/app"
	"foyer/server/cert"
	"foyer/server/store"
	"foyer/server/web"
)

// serving is where browsers are answered: the address of the command line or the configuration file, which is always there,
// and with TLS those of the settings. It is an app.Pages.
type serving struct {
	servingConfig
	state    atomic.Pointer[served]
	prepared atomic.Pointer[source] // what a change that is being prepared has, so that an authority can ask for it; or nil
	draining sync.WaitGroup
	pages    http.Handler // set by start

	mu      sync.Mutex
	started bool
	doors   []*door
}

type servingConfig struct {
	main     net.Listener // plain HTTP
	dataDir  string
	hosts    []string // further names of this machine
	bounds   web.Bounds
	timeouts web.Timeouts
	roots    *x509.CertPool // of authorities browsers trust; nil is the system's
	log      *slog.Logger
	changed  func() // tells that something is otherwise

	announced func() string // the name that is told to the local network, "" for none
}

// served is what is served now. It is never changed, only replaced.
type served struct {
	settings app.Settings
	source   *source // nil without TLS
}

// source is where the certificate comes from, and for what it was made.
type source struct {
	cert.Source
	of sourceKey
}

// sourceKey is what a source depends on.
type sourceKey struct {
	tls      app.TLSSettings
	host     string
	httpPort int
	tlsPort  int
}

func newServing(c servingConfig) *serving {
	s := &serving{servingConfig: c}
	s.state.Store(&served{})
	return s
}

// start serves pages as settings say. What cannot be had is told by Serving, and tried again: the admin socket, at which it
// can be mended, must be there.
func (s *serving) start(ctx context.Context, pages http.Handler, settings app.Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages, s.started = pages, true
	for _, d := range s.wanted(settings.TLS) {
		if err := d.open(ctx); err != nil {
			s.log.Error("the pages are not served at an address of the settings; it is tried again", "address", d.address, "err", err)
		} else {
			d.serve(s)
		}
		s.doors = append(s.doors, d)
	}
	if !settings.TLS.On() {
		s.state.Store(&served{settings: settings})
		return
	}
	s.state.Store(&served{settings, s.anySource(settings, s.doors)})
}

// anySource returns the source of certificates for settings, which may have none, and goes on trying.
func (s *serving) anySource(settings app.Settings, doors []*door) *source {
	src, err := s.newSource(settings, doors)
	if err != nil {
		s.log.Error("there is no certificate", "err", err)
	}
	if src.Source == nil {
		src.Source = noSource{err}
	}
	src.begin()
	return src
}

// begin lets a source go on trying to get a certificate.
func (s *source) begin() {
	if acme, ok := s.Source.(*cert.ACME); ok {
		acme.Start()
	}
}

// wanted returns the doors that settings want, shut.
func (s *serving) wanted(t app.TLSSettings) []*door {
	if !t.On() {
		return nil
	}
	doors := []*door{{key: "tls.listen", kind: kindHTTPS, address: t.Listen}}
	if t.RedirectOn() && !s.covers(t.Redirect) {
		doors = append(doors, &door{key: "tls.redirect", kind: kindRedirect, address: t.Redirect})
	}
	return doors
}

// covers reports whether the address that is always there is the one that is asked for.
func (s *serving) covers(address string) bool {
	have, ok := s.main.Addr().(*net.TCPAddr)
	want, err := net.ResolveTCPAddr("tcp", address)
	return ok && err == nil && want.Port == have.Port && (have.IP.IsUnspecified() || have.IP.Equal(want.IP))
}

// newSource returns the source of certificates for settings. With an error there may be one that can be looked after; the
// error is an app.Error whose field is a setting.
func (s *serving) newSource(settings app.Settings, doors []*door) (*source, error) {
	t, host := settings.TLS, settings.Host()
	out := &source{of: sourceKeyOf(settings, doors)}
	var err error
	switch t.Mode {
	case app.TLSFiles:
		files := cert.NewFiles(cert.FilesConfig{Cert: t.CertFile, Key: t.KeyFile, Host: host, For: "the pages", Roots: s.roots, Log: s.log, Changed: s.changed})
		_ = files.Load() // its status has it, and whoever begins with it checks
		out.Source = files
	case app.TLSLocal:
		var local *cert.Local
		local, err = cert.OpenLocal(cert.LocalConfig{
			Dir: filepath.Join(s.dataDir, "ca"), Host: host, Names: s.names, Write: store.ReplaceFile, Roots: s.roots, Log: s.log, Changed: s.changed,
		})
		out.Source = local
	default:
		acme, acmeErr := cert.NewACME(cert.ACMEConfig{
			Dir: filepath.Join(s.dataDir, "acme"), Host: host, Directory: t.ACMEDirectory, Email: t.ACMEEmail, CAFile: t.ACMECAFile,
			ListenHost: listenHost(t.Listen), HTTPPort: out.of.httpPort, TLSPort: out.of.tlsPort, Roots: s.roots, Log: s.log, Changed: s.changed,
		})
		if acmeErr != nil {
			return out, settingError(acmeErr)
		}
		out.Source = acme
	}
	return out, settingError(err)
}

// sourceKeyOf leaves out what is nothing to the mode.
func sourceKeyOf(settings app.Settings, doors []*door) sourceKey {
	t := settings.TLS
	key := sourceKey{tls: app.TLSSettings{Mode: t.Mode}, host: settings.Host()}
	switch t.Mode {
	case app.TLSFiles:
		key.tls.CertFile, key.tls.KeyFile = t.CertFile, t.KeyFile
	case app.TLSACME:
		key.tls = t
		key.tlsPort = portOf(t.Listen)
		if t.RedirectOn() {
			key.httpPort = portOf(t.Redirect)
		}
		for _, d := range doors { // the system chooses the port 0
			switch d.kind {
			case kindHTTPS:
				key.tlsPort = d.port()
			case kindRedirect:
				key.httpPort = d.port()
			}
		}
	}
	return key
}

// names returns how this machine may be called, besides the host of the public URL.
func (s *serving) names() []string {
	names := slices.Concat(s.hosts, machineNames(), []string{"localhost"}, cert.MachineAddresses())
	if name := s.announced(); name != "" {
		names = append(names, name)
	}
	return names
}

// Prepare takes the addresses and the certificate that next needs; see app.Pages.
func (s *serving) Prepare(ctx context.Context, next app.Settings) (app.Preparation, error) {
	s.mu.Lock()
	started, doors := s.started, slices.Clone(s.doors)
	s.mu.Unlock()
	if !started {
		return &pagesChange{s: s}, nil // start looks at the settings of its time
	}
	c := &pagesChange{s: s, started: true, next: &served{settings: next}}
	for _, d := range s.wanted(next.TLS) {
		if i := slices.IndexFunc(doors, d.same); i >= 0 {
			c.doors = append(c.doors, doors[i])
			continue
		}
		if err := d.open(ctx); err != nil {
			c.Abort()
			return nil, d.problem(err, doors)
		}
		d.serve(s)
		c.doors, c.opened = append(c.doors, d), append(c.opened, d)
	}
	if err := c.certify(ctx); err != nil {
		c.Abort()
		return nil, err
	}
	return c, nil
}

// pagesChange is a prepared change of where the pages are served.
type pagesChange struct {
	s       *serving
	started bool
	next    *served
	doors   []*door // after it
	opened  []*door // those that are new
	made    *source // that is new, or nil
}

// certify sees to the certificate: the one that is there, or another.
func (c *pagesChange) certify(ctx context.Context) error {
	settings := c.next.settings
	if !settings.TLS.On() {
		return nil
	}
	if now := c.s.state.Load().source; now != nil && now.of == sourceKeyOf(settings, c.doors) && now.Status().Certificate != nil {
		c.next.source = now
		return nil
	}
	src, err := c.s.newSource(settings, c.doors)
	if err != nil {
		return err
	}
	c.made, c.next.source = src, src
	switch made := src.Source.(type) {
	case *cert.Files:
		if err := made.Load(); err != nil {
			return settingError(err)
		}
		return settingError(made.Check(time.Now()))
	case *cert.ACME:
		c.s.prepared.Store(src)
		defer c.s.prepared.Store(nil)
		ctx, cancel := context.WithTimeout(ctx, obtainTime)
		defer cancel()
		return made.Obtain(ctx)
	}
	return nil
}

// obtainTime bounds how long a change waits for an authority: less than whoever asked for it waits for the answer.
const obtainTime = 50 * time.Second

// settingError gives an error of a certificate the key of the setting for a field.
func settingError(err error) error {
	e, ok := err.(*app.Error) //nolint:errorlint // those of package cert come bare
	if !ok || e == nil || e.Field == "" {
		return err
	}
	with := *e
	with.Field = "tls." + e.Field
	return &with
}

// Commit serves the pages so from now on. What has begun elsewhere comes to its end.
func (c *pagesChange) Commit() {
	if !c.started {
		return
	}
	s := c.s
	s.mu.Lock()
	old := s.doors
	s.doors = c.doors
	before := s.state.Swap(c.next)
	s.mu.Unlock()
	for _, d := range old {
		if !slices.Contains(c.doors, d) {
			s.draining.Go(func() { d.shut(stopGrace) })
		}
	}
	if before.source != nil && before.source != c.next.source {
		before.source.Close()
	}
	s.log.Info("the pages are served otherwise", "tls", c.next.settings.TLS.Mode, "public_url", c.next.settings.PublicURL)
}

// Abort gives back what was taken.
func (c *pagesChange) Abort() {
	for _, d := range c.opened {
		c.s.draining.Go(func() { d.shut(0) })
	}
	if c.made != nil && c.made.Source != nil {
		c.made.Close()
	}
}

// lookEvery is how often the certificate is looked after, and an address that could not be had is tried.
const lookEvery = 15 * time.Second

// watch looks after what is served until ctx is done.
func (s *serving) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.look(now)
			s.retry(ctx)
		}
	}
}

// look looks after the certificate.
func (s *serving) look(at time.Time) {
	now := s.state.Load()
	if now.source == nil {
		return
	}
	if _, none := now.source.Source.(noSource); !none {
		now.source.Look(at)
		return
	}
	s.mu.Lock()
	doors := slices.Clone(s.doors)
	s.mu.Unlock()
	src, err := s.newSource(now.settings, doors)
	if err != nil {
		if src.Source != nil {
			src.Close()
		}
		return // it is as it was
	}
	src.begin()
	next := &served{now.settings, src}
	if !s.state.CompareAndSwap(now, next) {
		next.source.Close() // somebody has changed it meanwhile
		return
	}
	s.changed()
}

// retry opens what could not be opened.
func (s *serving) retry(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.doors {
		if d.isOpen() || d.open(ctx) != nil {
			continue
		}
		d.serve(s)
		s.log.Info("the pages are served at another address", "address", d.shown(), "kind", d.kind)
		s.changed()
	}
}

// Serving returns where the pages are served; see app.Pages.
func (s *serving) Serving() app.Serving {
	s.mu.Lock()
	doors := slices.Clone(s.doors)
	s.mu.Unlock()
	now := s.state.Load()
	out := app.Serving{Listeners: []app.PageListener{{Address: s.main.Addr().String(), Kind: kindHTTP}}, Announced: s.announced()}
	if now.source == nil {
		return out
	}
	out.Listeners[0].Kind = kindRedirect
	status := now.source.Status()
	out.Certificate, out.Problem, out.Text, out.Authority = status.Certificate, status.Problem, status.Text, status.Authority
	for _, d := range doors {
		why := d.why()
		out.Listeners = append(out.Listeners, app.PageListener{Address: d.shown(), Kind: d.kind, Error: why})
		if why != "" && out.Problem == "" {
			out.Problem, out.Text = "listen", fmt.Sprintf("the pages are not served at %s: %s", d.address, why)
		}
	}
	return out
}

// publiclyTrusted reports whether browsers trust the certificate without being told to.
func (s *serving) publiclyTrusted() bool {
	now := s.state.Load()
	if now.source == nil {
		return true // somebody else has it, who is asked to have one that is
	}
	c := now.source.Status().Certificate
	return c != nil && c.Trusted
}

// authority returns the certificate of the authority of our own, as PEM; "" when there is none.
func (s *serving) authority() string {
	now := s.state.Load()
	if now.source == nil {
		return ""
	}
	if a := now.source.Status().Authority; a != nil {
		return a.PEM
	}
	return ""
}

// stop lets what has begun come to its end, for at most grace.
func (s *serving) stop(grace time.Duration) {
	s.mu.Lock()
	doors := s.doors
	s.doors, s.started = nil, false
	s.mu.Unlock()
	var ending sync.WaitGroup
	for _, d := range doors {
		ending.Go(func() { d.shut(grace) })
	}
	ending.Wait()
	s.draining.Wait()
	if before := s.state.Swap(&served{}); before.source != nil {
		before.source.Close()
	}
}

// listenHost returns the host of an address to listen at.
func listenHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return host
}

func portOf(address string) int {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return 0
	}
	return addr.Port
}
