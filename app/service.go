package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Outbox is told of mails that were written, after they are durable.
type Outbox interface {
	Written(m Message)
	// Look tells that more may be due than before: mails were released, or the settings have changed.
	Look()
	// Traffic returns what was done with them. Unavailable when that cannot be known before ctx ends.
	Traffic(ctx context.Context) (MailTraffic, error)
}

// ServiceConfig holds what a Service is made of.
type ServiceConfig struct {
	Store    Store
	Composer Composer
	Outbox   Outbox
	Hasher   *Hasher
	Key      []byte // of the keyed hashes in codes and links
	// ClockOff returns how far the clock of a connector's provider was ahead of ours when it last answered, and whether that
	// is too far. nil is never.
	ClockOff func(c Connector) (ahead time.Duration, off bool)
	// MailDNS knows the DNS records of the office's mail; nil is nobody.
	MailDNS MailDNS
	// Listener is where programs hand over mail; nil is nowhere.
	Listener MailListener
	// ProviderTrial and PagesTrial try connectors and public URLs out; nil is nobody.
	ProviderTrial ProviderTrial
	PagesTrial    PagesTrial
	// Backups knows how it stands with backups; nil is nobody.
	Backups func() BackupHealth
	// Preparers are asked before settings are stored, and can refuse them.
	Preparers []Preparer
	// Concerns are told by Attention beside its own; nil are none. It returns at once.
	Concerns func() []Concern
	// Turned is told of everybody who is turned away for being over a limit, whatever the audit has of it; nil is nobody.
	Turned func(action Action, reason string)
	// Pages serves the pages; nil is somebody whom settings do not concern.
	Pages Pages
	// PublicURL counts while the setting public_url is empty and there is no TLS.
	PublicURL string
	// Fixed are the keys of settings that are given at every start.
	Fixed []string
	Log   *slog.Logger
}

// Service does what visitors and the administrator ask for. It is safe for concurrent use.
type Service struct {
	store    Store
	composer Composer
	outbox   Outbox
	hasher   *Hasher
	key      []byte
	log      *slog.Logger

	mailDNS       MailDNS
	clockOff      func(c Connector) (time.Duration, bool)
	publicURL     string // while the setting is empty
	settings      atomic.Pointer[Settings]
	settingsLock  sync.Mutex // one change at a time, of settings and connectors
	directory     atomic.Pointer[directory]
	buttons       atomic.Pointer[buttons]
	directoryLock sync.Mutex
	flows         *shelf[flow]   // sign-ins with a provider that are under way, by their state
	proven        *shelf[proven] // identities that were brought back, by the browser
	healthLock    sync.Mutex
	health        map[int64]connectorHealth // of connectors, by ID
	limiter       *Limiter                  // of attempts
	guesses       *Limiter                  // of passwords; apart, so that a flood of attempts does not make it forget
	seen          seen[TokenHash]           // sessions
	programs      atomic.Pointer[map[string]Program]
	programsLock  sync.Mutex
	seenPrograms  seen[string]
	listener      MailListener // or nil
	providerTrial ProviderTrial
	pagesTrial    PagesTrial
	backups       func() BackupHealth // or nil
	lists         *lists
	preparers     []Preparer
	concerns      func() []Concern                   // or nil
	turned        func(action Action, reason string) // or nil
	pages         Pages                              // or nil
	fixed         []string
	pending       atomic.Pointer[pendingAddress] // nil while no change of the address waits to be confirmed
	pendingMoved  chan struct{}                  // holds one when there is another one, or none
}

// limiterKeys bounds the memory of the limiter to a few megabytes.
const limiterKeys = 50_000

// flowKeys bounds the sign-ins with a provider that are under way at one time, to some ten megabytes.
const flowKeys = 10_000

// NewService returns a service over an open store, with the stored settings loaded.
func NewService(ctx context.Context, c ServiceConfig) (*Service, error) {
	s := &Service{
		store: c.Store, composer: c.Composer, outbox: c.Outbox, hasher: c.Hasher, key: c.Key, log: c.Log,
		publicURL: c.PublicURL, limiter: NewLimiter(limiterKeys), guesses: NewLimiter(limiterKeys),
		flows: newShelf[flow](flowTTL, flowKeys), proven: newShelf[proven](provenTTL, flowKeys), health: map[int64]connectorHealth{}, clockOff: c.ClockOff,
		mailDNS: c.MailDNS, listener: c.Listener, providerTrial: c.ProviderTrial, pagesTrial: c.PagesTrial, backups: c.Backups, lists: newLists(),
		preparers: c.Preparers, concerns: c.Concerns, turned: c.Turned,
		pages: c.Pages, fixed: c.Fixed, pendingMoved: make(chan struct{}, 1),
	}
	if s.clockOff == nil {
		s.clockOff = func(Connector) (time.Duration, bool) { return 0, false }
	}
	stored, err := s.store.Settings(ctx)
	if err != nil {
		return nil, err
	}
	if stored, err = s.undoPending(ctx, stored); err != nil {
		return nil, err
	}
	settings, err := ParseSettings(stored)
	if err != nil {
		return nil, err
	}
	s.settings.Store(&settings)
	s.store.Reserve(settings.Limits.ReserveMB)
	return s, errors.Join(s.loadDirectory(ctx), s.loadPrograms(ctx))
}

// Settings returns the settings of this moment.
func (s *Service) Settings() Settings {
	return s.effective(*s.settings.Load())
}

// effective returns settings with what counts where they say nothing.
func (s *Service) effective(settings Settings) Settings {
	if settings.PublicURL == "" {
		settings.PublicURL = settings.TLS.publicURL(s.publicURL)
	}
	return settings
}

// Watch returns a watch of everything that changes from now on. It must be closed.
func (s *Service) Watch() *Watch { return s.store.Changes().Watch() }

// Visitor is who stands at the other end of a page.
type Visitor struct {
	IP      string // without a port
	Lang    string // "en" or "sk"
	Browser string // as it calls itself
}

// network returns what limits per client address count by: an IPv4 address, or the /64 of an IPv6 one, which is
// what a single household or machine is given.
func (v Visitor) network() string {
	addr, err := netip.ParseAddr(v.IP)
	if err != nil {
		return v.IP
	}
	if addr = addr.Unmap(); addr.Is4() {
		return addr.String() // one client has one key, whether its socket says 192.0.2.1 or ::ffff:192.0.2.1
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return v.IP
	}
	return prefix.String()
}

func (v Visitor) event(action Action, subject string) Event {
	return Event{At: time.Now(), Actor: "visitor", IP: v.IP, Action: action, Outcome: OK, Subject: subject}
}

// turnAway returns err to a client that is over a limit, and reports it.
func (s *Service) turnAway(ctx context.Context, ev Event, v Visitor, err *Error) error {
	if auditErr := s.report(ctx, ev, v, err.Reason); auditErr != nil {
		return auditErr
	}
	return err
}

// report tells the audit of a client that is over a limit. Nothing is written for each of its requests: there is one
// event for the first and then one a minute, with their number.
func (s *Service) report(ctx context.Context, ev Event, v Visitor, reason string) error {
	if s.turned != nil {
		s.turned(ev.Action, reason)
	}
	count, due := s.limiter.Refused("refused "+string(ev.Action)+" "+reason+" "+v.network(), ev.At)
	if !due {
		return nil
	}
	ev.Outcome = reason
	if count > 1 {
		ev.Detail = fmt.Sprintf("and %d more since the last such event", count-1)
	}
	return s.store.AddEvent(context.WithoutCancel(ctx), ev)
}

// codeHash returns what is stored of a confirmation code. The code is short, so the hash is keyed: a copy of the
// database alone does not give it.
func (s *Service) codeHash(addr Address, code string) TokenHash {
	return s.mac("code", addr.Key()+"\x00"+NormalizeCode(code))
}

// created tells the log of a new account.
func (s *Service) created(a Account) {
	s.log.Info("account created", "address", a.Email.Masked(), "company", a.Company, "entry", a.Entry)
}

// mac is a keyed hash of text, of one use only.
func (s *Service) mac(use, text string) TokenHash {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(use + "\x00" + text))
	return TokenHash(mac.Sum(nil))
}

// compose writes the mail n of the current settings and gives it its place in the queue.
func (s *Service) compose(n Notice, ttl time.Duration) (Message, error) {
	settings := s.Settings()
	n.Now = time.Now()
	n.Valid = ttl
	n.SiteName, n.Contact, n.From = settings.SiteName, settings.Contact, settings.Sender()
	n.SignIn, n.Reset, n.Stop = settings.URL("/login"), settings.URL("/forgot"), settings.URL("/not-me/"+string(s.stopToken(n.To, n.Now)))
	m, err := s.composer.Compose(n)
	if err != nil {
		return Message{}, &Error{Code: Internal, Reason: "compose", Err: err}
	}
	m.CreatedAt, m.NextAttempt, m.ExpiresAt = n.Now, n.Now.Add(someTime()), n.Now.Add(ttl)
	m.State = MessageQueued
	// While mail is held a captured one waits as well: nobody knows yet by which way it will leave.
	if settings.Mail.Transport == "capture" && !settings.HoldMail {
		m.State, m.NextAttempt = MessageCaptured, time.Time{}
	}
	return m, nil
}

// someTime is how long a visitor's mail rests before its first attempt: 0.2 to 1.2 seconds. Left at once, its delivery
// would compete with the next requests for the disk, and their time would tell whether there was a mail to send, and so
// whether the address is a customer's. (Measured without it: half a millisecond more after a listed address.)
func someTime() time.Duration {
	return 200*time.Millisecond + time.Duration(rand.Int64N(int64(time.Second))) //nolint:gosec // not a secret, only not regular
}

// noticeTTL is how long a mail that carries no secret is tried.
const noticeTTL = 48 * time.Hour

// seen remembers when sessions, or programs, were last used, so that a GET writes nothing. Janitor hands it to the store.
type seen[K comparable] struct {
	mu sync.Mutex
	at map[K]time.Time
}

func (s *seen[K]) touch(key K, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = map[K]time.Time{}
	}
	s.at[key] = now
}

func (s *seen[K]) last(key K) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[key]
}

func (s *seen[K]) take() map[K]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.at
	s.at = nil
	return taken
}

func (s *seen[K]) putBack(at map[K]time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(at, s.at)
	s.at = at
}

// Janitor tidies until ctx is done: every minute it writes when sessions were last seen and deletes what is past
// its time. Faults are logged and tried again. It also finds out what Attention has no time for.
func (s *Service) Janitor(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	wanted := s.lists.wanted
	var rested <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			s.tidy(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			s.tidy(ctx)
		case <-wanted:
			wanted, rested = nil, time.After(s.checkLists(ctx))
		case <-rested:
			wanted, rested = s.lists.wanted, nil
		}
	}
}

func (s *Service) tidy(ctx context.Context) {
	if seen := s.seen.take(); len(seen) > 0 {
		if err := s.store.TouchSessions(ctx, seen); err != nil {
			s.seen.putBack(seen)
			s.log.Error("sessions not written", "err", err)
		}
	}
	if seen := s.seenPrograms.take(); len(seen) > 0 {
		if err := s.store.TouchPrograms(ctx, seen); err != nil {
			s.seenPrograms.putBack(seen)
			s.log.Error("programs not written", "err", err)
		} else if err := s.loadPrograms(ctx); err != nil {
			s.log.Error("programs not read", "err", err)
		}
	}
	s.store.Reserve(s.Settings().Limits.ReserveMB) // looks at the disk, also when nobody writes
	if err := s.warnOfSecrets(ctx, time.Now()); err != nil {
		s.log.Error("warnings of client secrets", "err", err)
	}
	if err := s.store.Purge(ctx, time.Now(), s.Settings().Limits); err != nil {
		s.log.Error("purge", "err", err)
	}
}
