// Package server assembles the service: the store, the domain, the pages, the mail queue and the admin socket. New
// opens everything that can fail and returns the error; Run serves until its context is done and closes the store
// last. The rooms below it do not know each other.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/assets"
	"foyer/server/discovery"
	"foyer/server/mail"
	"foyer/server/metrics"
	"foyer/server/oidc"
	"foyer/server/store"
	"foyer/server/web"
)

// MinimumFree is the space, in bytes, without which the service does not start.
const MinimumFree = store.MinimumFree

// DataError says why the data directory cannot be used.
type DataError = store.DataError

// Server is a service that is ready to run.
type Server struct {
	config    Config
	instance  string // a random name of this start
	lock      *os.File
	store     *store.Store
	service   *app.Service
	queue     *mail.Queue
	listener  *mail.Listener
	providers *oidc.Providers
	pages     net.Listener
	handler   http.Handler // of the pages
	serving   *serving
	admin     net.Listener
	web       *http.Server
	api       *http.Server
	apiEnded  chan error // what serving the admin API has ended with
	startup   *localapi.Startup

	jobs           *app.Jobs
	backups        *backups
	metrics        *metrics.Metrics
	port           *metricsPort
	announcer      *discovery.Announcer
	level          string // of the log, as the setting last was; of New and then of follow alone
	checkups       *checkups
	clock          *clockWatch
	trial          *pagesTrial
	courier        func(app.Settings) mail.Courier
	certificateEnd atomic.Pointer[time.Time] // of the certificate that was seen last; zero for none
}

// New opens the data directory, the database, the admin socket and the address of the pages. The error wraps
// ErrRunning when another process has the directory, is a *DataError when the directory cannot be used, and is an
// app.Error for what the administrator can mend.
func New(ctx context.Context, c Config) (*Server, error) {
	s := &Server{config: c.withDefaults(), instance: string(app.NewToken())}
	s.metrics = s.newMetrics()
	s.port = &metricsPort{write: s.metrics.Write, log: s.config.Log}
	s.announcer = discovery.New(discovery.Config{Log: s.config.Log, Changed: s.announcedChanged})
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) error {
	if err := s.openDir(); err != nil {
		return err
	}
	// From here on whoever asks is told how far the start is.
	if err := s.openAdmin(ctx); err != nil {
		return err
	}
	key, err := s.openStore(ctx)
	if err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	texts, err := assets.LoadTexts()
	if err != nil {
		return err
	}
	if err := s.openService(ctx, key, texts); err != nil {
		return err
	}
	return s.openPages(ctx, texts)
}

// openDir takes the data directory for this process.
func (s *Server) openDir() (err error) {
	if err := store.MakeDir(s.config.DataDir, s.config.Log); err != nil {
		return err
	}
	s.lock, err = lock(s.config.DataDir)
	return err
}

func (s *Server) openStore(ctx context.Context) (key []byte, err error) {
	dir := s.config.DataDir
	if err := finishRestore(dir, s.progress); err != nil {
		return nil, err
	}
	if key, err = store.LoadKey(dir, s.config.Log); err != nil {
		return nil, err
	}
	s.store, err = store.Open(ctx, store.Config{Dir: dir, Key: key, Log: s.config.Log, Progress: s.progress, Migrating: s.migrating, Audited: s.metrics.Event})
	if err != nil {
		return nil, err
	}
	if err := s.openBackups(); err != nil {
		return nil, err
	}
	s.jobs = app.NewJobs(s.store.Changes())
	return key, s.backups.begin(ctx, s.store, s.jobs)
}

func (s *Server) openService(ctx context.Context, key []byte, texts *assets.Texts) error {
	if err := s.openServing(); err != nil {
		return err
	}
	codeKey, err := store.DeriveKey(key, "confirmation codes")
	if err != nil {
		return err
	}
	composer, err := mail.NewComposer(assets.Files(), texts)
	if err != nil {
		return err
	}
	dkim := mail.NewDKIM(s.store)
	s.courier, s.trial = s.couriers(), &pagesTrial{
		instance: s.instance, roots: s.config.WebRoots, authority: s.serving.authority, lookup: s.config.PagesLookup, dial: s.config.PagesDial,
	}
	s.checkups = s.newCheckups()
	s.clock = s.newClockWatch()
	s.queue = mail.NewQueue(mail.QueueConfig{
		Store: s.store, DKIM: dkim, Log: s.config.Log, Captured: s.config.Captured,
		Settings: func() app.Settings { return s.service.Settings() }, Courier: s.courier,
	})
	listen := s.config.SMTP
	listen.LocalUser, listen.Log = new(localUsers).of, s.config.Log
	listen.Certificate = fileCertificate(s.config.Log)
	if s.listener, err = mail.NewListener(listen); err != nil {
		return err
	}
	s.providers = oidc.New(oidc.Config{Transport: s.config.ProviderTransport, Log: s.config.Log})
	s.service, err = app.NewService(ctx, app.ServiceConfig{
		Store: s.store, Composer: composer, Outbox: s.queue, Listener: s.listener, Hasher: app.NewHasher(app.DefaultArgon2, runtime.NumCPU()),
		Key: codeKey, ClockOff: s.providers.ClockOff, MailDNS: mail.NewDNS(mail.DNSConfig{DKIM: dkim, Resolver: s.config.Resolver}), PublicURL: s.defaultURL(), Log: s.config.Log,
		ProviderTrial: s.providers, PagesTrial: s.trial, Pages: s.serving, Fixed: s.config.fixedKeys(), Backups: s.backups.health,
		Concerns: s.concerns, Preparers: []app.Preparer{s.port}, Turned: s.metrics.Turned,
	})
	if err != nil {
		return err
	}
	s.beginLevel()
	s.port.begin(ctx, s.service.Settings().Watching.MetricsListen)
	return s.fixSettings(ctx)
}

// fixSettings stores the settings that the configuration file or a flag gives.
func (s *Server) fixSettings(ctx context.Context) error {
	now, changes := s.service.Settings(), map[string]string{}
	for key, value := range s.config.fixed() {
		def, err := app.SettingByKey(key)
		if err != nil {
			return err
		}
		if def.Value(now) != value {
			changes[key] = value
		}
	}
	if len(changes) == 0 {
		return nil
	}
	_, err := s.service.SetSettings(ctx, "start of the service", changes)
	return err
}

// couriers returns what makes the courier for settings.
func (s *Server) couriers() func(app.Settings) mail.Courier {
	tokens := mail.NewTokens(nil)
	policies := mail.NewPolicies(mail.PoliciesConfig{Store: s.store, RootCAs: s.config.MailRoots, Dial: s.config.MailDial})
	return func(settings app.Settings) mail.Courier {
		if settings.Mail.Transport == "direct" {
			return mail.NewDirect(mail.DirectConfig{
				Settings: settings, Names: s.config.Names, Memory: s.store, Policies: policies, RootCAs: s.config.MailRoots, Dial: s.config.MailDial,
			})
		}
		return mail.NewSmarthost(mail.SmarthostConfig{Mail: settings.Mail, Hello: mail.HelloName(settings.PublicURL), Tokens: tokens})
	}
}

// listen takes the addresses before anything is served, so that a taken one stops the start and nothing else.
func (s *Server) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if s.pages, err = lc.Listen(ctx, "tcp", s.config.Listen); err != nil {
		return &app.Error{Code: app.Conflict, Reason: "listen", Message: fmt.Sprintf("the pages cannot be served at %s; choose another address with --listen", s.config.Listen), Err: err}
	}
	return nil
}

// defaultURL is where the pages are as far as the listener tells: what browsers elsewhere use is the setting
// public_url.
func (s *Server) defaultURL() string {
	addr, ok := s.pages.Addr().(*net.TCPAddr)
	if !ok {
		return "http://localhost"
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil && app.CheckPublicHost(name) {
			host = name
		}
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// openServing makes what serves the pages; it begins with openPages.
func (s *Server) openServing() error {
	proxies, err := s.config.proxies()
	if err != nil {
		return err
	}
	limits := s.config.Web
	s.serving = newServing(servingConfig{
		main: s.pages, dataDir: s.config.DataDir, hosts: s.config.Hosts, timeouts: timeouts(limits), roots: s.config.WebRoots, log: s.config.Log,
		bounds:  web.Bounds{Total: limits.Connections, PerIP: limits.ConnectionsPerIP, Exempt: proxies},
		changed: func() { s.store.Changes().Tell(app.TopicAddress) }, announced: s.Announced,
	})
	return nil
}

func (s *Server) openPages(ctx context.Context, texts *assets.Texts) error {
	proxies, err := s.config.proxies()
	if err != nil {
		return err
	}
	limits := s.config.Web
	s.handler, err = web.New(web.Config{
		Service: s.service, Providers: s.providers, Texts: texts, Files: assets.Files(), Log: s.config.Log, Health: (&health{check: s.store.Ping}).ok,
		Version: s.config.Version, Instance: s.instance, Hosts: s.config.Hosts, TrustedProxies: proxies, MaxBody: limits.MaxBody,
		Served: s.metrics.Request, Announced: s.Announced, PublicCertificate: s.serving.publiclyTrusted,
	})
	if err != nil {
		return err
	}
	s.web = timeouts(limits).NewServer(http.HandlerFunc(s.serving.atMain), s.config.Log)
	s.pages = web.Bound(s.pages, s.serving.bounds)
	s.serving.start(ctx, s.handler, s.service.Settings())
	api := s.apiConfig()
	api.Backend, api.Jobs, api.Backups, api.Address, api.Checkups = s.service, s.jobs, s.backups, s.service, s.checkups
	api.Metrics, api.Served = s.metrics.Write, s.metrics.Admin
	s.startup.Started(api)
	return nil
}

// timeouts returns the limits of the configuration file, with defaults for those it does not name.
func timeouts(l WebLimits) web.Timeouts {
	d := web.DefaultTimeouts()
	return web.Timeouts{
		ReadHeader: cmp.Or(l.ReadHeaderTimeout, d.ReadHeader), Read: cmp.Or(l.ReadTimeout, d.Read), Write: cmp.Or(l.WriteTimeout, d.Write),
		Idle: cmp.Or(l.IdleTimeout, d.Idle), MaxHeaderBytes: cmp.Or(l.MaxHeader, d.MaxHeaderBytes),
	}
}

// Service returns the domain, for a caller that seeds it before Run.
func (s *Server) Service() *app.Service { return s.service }

// URL returns the address to open in a browser.
func (s *Server) URL() string { return s.service.Settings().PublicURL }

// stopGrace is how long requests may go on after the service was told to stop.
const stopGrace = 20 * time.Second

// Run serves until ctx is done, lets what has begun come to its end, and closes everything. It returns nil after an
// orderly stop.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(s.web, s.pages) })
	group.Go(func() error { return <-s.apiEnded })
	group.Go(func() error { s.backups.run(ctx); return nil })
	group.Go(func() error { return s.queue.Run(ctx) })
	group.Go(func() error { return s.listener.Run(ctx, s.service, stopGrace) })
	group.Go(func() error { s.service.Janitor(ctx); return nil })
	group.Go(func() error { s.checkups.run(ctx); return nil })
	group.Go(func() error { s.clock.run(ctx); return nil })
	group.Go(func() error { s.follow(ctx); return nil })
	group.Go(func() error { s.service.WatchAddress(ctx); return nil })
	group.Go(func() error { s.serving.watch(ctx); return nil })
	group.Go(func() error { s.announcer.Run(ctx); return nil })
	group.Go(func() error { <-ctx.Done(); s.jobs.Close(); return nil }) // a backup of an hour is given up
	group.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		var doors sync.WaitGroup
		doors.Go(func() { s.serving.stop(stopGrace) })
		err := errors.Join(shutdown(grace, s.web), shutdown(grace, s.api))
		doors.Wait()
		return err
	})
	err := group.Wait()
	s.apiEnded = nil
	return errors.Join(err, s.close())
}

func serve(srv *http.Server, l net.Listener) error {
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

func shutdown(ctx context.Context, srv *http.Server) error {
	if err := srv.Shutdown(ctx); err != nil {
		return srv.Close()
	}
	return nil
}

// close gives back whatever is open, the store last but for the lock that guards it.
func (s *Server) close() error {
	var errs []error
	if s.apiEnded != nil { // it was never run
		errs = append(errs, s.api.Close(), <-s.apiEnded)
	}
	for _, l := range []net.Listener{s.pages, s.admin} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	s.port.close()
	if s.serving != nil {
		s.serving.stop(0)
	}
	if s.providers != nil {
		s.providers.Close()
	}
	if s.jobs != nil {
		s.jobs.Close()
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

const healthTimeout = 5 * time.Second

// health asks the database at most once a second, however often a watcher or a stranger asks.
type health struct {
	check func(ctx context.Context) error
	mu    sync.Mutex
	at    time.Time
	last  error
}

func (h *health) ok(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) > time.Second {
		// The answer is everybody's: that the one who asked has gone must not become it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
		defer cancel()
		h.last, h.at = h.check(ctx), time.Now()
	}
	return h.last
}
