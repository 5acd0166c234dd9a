// Package discovery tells the local network by which name the pages are found there, by multicast DNS (RFC 6762) and DNS-based
// service discovery (RFC 6763). It is the only room that speaks them. It does of them what is needed for one name and one service,
// in one goroutine: the libraries there are wait inside their handlers, let others read what they are changing, and announce on
// every interface there is.
package discovery

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Offer is what the local network is told.
type Offer struct {
	Name   string // by which the pages are found, as in "foyer.local"; "" tells nothing
	Title  string // what people read who look for services
	Port   int    // of the pages
	Secure bool   // they speak HTTPS
}

// Interface is a network interface at which the name is told.
type Interface struct {
	Index int
	Name  string
	Addrs []netip.Addr // of this machine there
}

// Network is where packets come from and go to. Tests have their own.
type Network interface {
	// Read returns the next packet. It returns an error once the network is closed.
	Read() (Packet, error)
	// Write sends a packet at an interface; the zero To is everybody there.
	Write(p Packet) error
	Close() error
}

// Packet is a message of multicast DNS.
type Packet struct {
	Interface int            // index of the interface
	Peer      netip.AddrPort // where it came from, or goes to
	Data      []byte
}

// Config says how an Announcer works. What is nil is that of this machine.
type Config struct {
	Log        *slog.Logger
	Interfaces func() ([]Interface, error)
	Open       func(interfaces []Interface) (Network, error)
	Changed    func() // is called when what Announced returns is another; may be nil
}

// Announcer tells the local network of an Offer.
type Announcer struct {
	config Config
	wake   chan struct{}

	mu        sync.Mutex
	offer     Offer
	announced string
}

// New returns an announcer that tells nothing yet.
func New(c Config) *Announcer {
	if c.Interfaces == nil {
		c.Interfaces = interfaces
	}
	if c.Open == nil {
		c.Open = openSockets
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	return &Announcer{config: c, wake: make(chan struct{}, 1)}
}

// Offer changes what is told. It returns at once.
func (a *Announcer) Offer(o Offer) {
	a.mu.Lock()
	changed := a.offer != o
	a.offer = o
	a.mu.Unlock()
	if changed {
		select {
		case a.wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Announced returns the name that is told, "" for none. It is another than that of the offer when that is taken.
func (a *Announcer) Announced() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.announced
}

func (a *Announcer) wanted() Offer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.offer
}

func (a *Announcer) setAnnounced(name string) {
	a.mu.Lock()
	changed := a.announced != name
	a.announced = name
	a.mu.Unlock()
	if changed {
		a.config.Changed()
	}
}

// lookEvery is how often the interfaces are looked at.
const lookEvery = 15 * time.Second

// Run tells what is offered until ctx is done, and takes leave then.
func (a *Announcer) Run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var now *session // nil while nothing is told
	end := func() {
		if now != nil {
			now.end()
			now = nil
		}
		a.setAnnounced("")
	}
	defer end()
	for {
		offer := a.wanted()
		at := a.interfaces(offer)
		switch {
		case now != nil && now.same(offer, at):
		default:
			end()
			now = a.begin(offer, at)
		}
		if !a.serve(ctx, now, look.C) {
			return
		}
	}
}

// interfaces returns where an offer is told.
func (a *Announcer) interfaces(offer Offer) []Interface {
	if offer.Name == "" {
		return nil
	}
	at, err := a.config.Interfaces()
	if err != nil {
		a.config.Log.Warn("the network interfaces cannot be read, so the name is told nowhere", "err", err)
		return nil
	}
	return at
}

func (a *Announcer) begin(offer Offer, at []Interface) *session {
	if len(at) == 0 {
		return nil
	}
	network, err := a.config.Open(at)
	if err != nil {
		// It is tried again when the interfaces are looked at.
		a.config.Log.Warn("the name cannot be told to the local network", "name", offer.Name, "err", err)
		return nil
	}
	s := &session{
		announcer: a, offer: offer, at: at, network: network, number: 1, instance: 1, packets: make(chan Packet, 16), quit: make(chan struct{}), told: map[string]time.Time{},
	}
	s.group.Go(s.read)
	// Machines that come up together would else probe together (RFC 6762, 8.1).
	s.probe(time.Duration(rand.Int64N(int64(probeEvery)))) //nolint:gosec // not a secret
	return s
}

// serve does what comes, until something may have changed, and reports whether there is more to do.
func (a *Announcer) serve(ctx context.Context, s *session, look <-chan time.Time) bool {
	var packets <-chan Packet
	var timer <-chan time.Time
	for {
		if s != nil {
			packets, timer = s.packets, s.timer.C
		}
		select {
		case <-ctx.Done():
			return false
		case <-a.wake:
			return true
		case <-look:
			return true
		case p := <-packets:
			s.packet(p)
		case <-timer:
			s.step()
		}
	}
}

// The phases of a session (RFC 6762, 8).
const (
	probing = iota
	announcing
	settled
)

const (
	probeEvery    = 250 * time.Millisecond
	probes        = 3
	announceEvery = time.Second
	announcements = 2
	deferTime     = time.Second // to somebody who asks for the same name at the same time, and wins
	maxNames      = 100         // that are tried
	manyConflicts = 15          // after which there is a rest before each name (RFC 6762, 8.1)
	conflictRest  = 5 * time.Second
	longWait      = time.Hour
)

// session is one offer at one set of interfaces. It belongs to the goroutine of Run but for read.
type session struct {
	announcer *Announcer
	offer     Offer
	at        []Interface
	network   Network
	group     sync.WaitGroup
	packets   chan Packet
	quit      chan struct{}

	number    int // of the name that is tried: 1 is the wanted one
	instance  int // of the service's
	phase     int
	count     int // of what was sent in the phase
	conflicts int // since the name was told last
	timer     *time.Timer
	told      map[string]time.Time // when a question was last answered to everybody
}

func (s *session) same(o Offer, at []Interface) bool {
	return s.offer == o && slices.EqualFunc(s.at, at, func(a, b Interface) bool {
		return a.Index == b.Index && slices.Equal(a.Addrs, b.Addrs)
	})
}

func (s *session) read() {
	for {
		p, err := s.network.Read()
		if err != nil {
			return
		}
		select {
		case s.packets <- p:
		case <-s.quit:
			return
		}
	}
}

// end takes leave, so that nobody asks for what is gone, and waits for what was begun.
func (s *session) end() {
	if s.phase != probing {
		s.send(s.records(), true)
	}
	close(s.quit)
	if err := s.network.Close(); err != nil {
		s.announcer.config.Log.Debug("multicast DNS", "err", err)
	}
	s.group.Wait()
	s.timer.Stop()
}

// name returns the name that is tried or told.
func (s *session) name() string {
	if s.number == 1 {
		return s.offer.Name
	}
	host, _ := strings.CutSuffix(s.offer.Name, ".local")
	return fmt.Sprintf("%s-%d.local", host, s.number)
}

// probe begins to ask whether the name is taken.
func (s *session) probe(after time.Duration) {
	s.phase, s.count = probing, 0
	s.wait(after)
}

func (s *session) wait(d time.Duration) {
	if s.timer == nil {
		s.timer = time.NewTimer(d)
		return
	}
	s.timer.Reset(d)
}

// step does what is due.
func (s *session) step() {
	switch {
	case s.phase == probing && s.count < probes:
		s.count++
		s.ask()
		s.wait(probeEvery)
	case s.phase == probing:
		s.phase, s.count = announcing, 0
		s.announcer.setAnnounced(s.name())
		s.announcer.config.Log.Info("the name is told to the local network", "name", s.name())
		s.announce()
	case s.phase == announcing && s.count < announcements:
		s.announce()
	default:
		s.phase, s.conflicts = settled, 0
		s.wait(longWait)
	}
}

func (s *session) announce() {
	s.count++
	s.send(s.records(), false)
	s.wait(announceEvery)
}

// taken goes on to the next name.
func (s *session) taken() {
	s.announcer.config.Log.Warn("another machine in the local network has the name", "name", s.name())
	if s.number < maxNames {
		s.number++
	}
	s.announcer.setAnnounced("")
	s.conflicts++
	if s.conflicts < manyConflicts {
		s.probe(probeEvery)
		return
	}
	s.probe(conflictRest)
}

// addrs returns the addresses of this machine at an interface.
func (s *session) addrs(index int) []netip.Addr {
	for _, i := range s.at {
		if i.Index == index {
			return i.Addrs
		}
	}
	return nil
}

// isOwn reports whether an address is one of this machine.
func (s *session) isOwn(addr netip.Addr) bool {
	return slices.ContainsFunc(s.at, func(i Interface) bool { return slices.Contains(i.Addrs, addr) })
}

// interfaces returns those of this machine that are up, can multicast and are no loopback, with their addresses.
func interfaces() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []Interface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		if of := Of(i); len(of.Addrs) > 0 {
			found = append(found, of)
		}
	}
	return found, nil
}

// Of returns an interface with its addresses.
func Of(i net.Interface) Interface {
	of := Interface{Index: i.Index, Name: i.Name}
	addrs, err := i.Addrs()
	if err != nil {
		return of // it has gone
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			of.Addrs = append(of.Addrs, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return of
}
