package discovery_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"foyer/server/discovery"
)

// lan is a network of machines that hear each other, in memory.
type lan struct {
	mu    sync.Mutex
	ports []*port
	heard []*dns.Msg // everything that was said
}

// port is one machine's end. It implements discovery.Network.
type port struct {
	lan    *lan
	addr   netip.Addr
	in     chan discovery.Packet
	closed chan struct{}
	once   sync.Once
}

func (l *lan) plug(addr string) *port {
	p := &port{lan: l, addr: netip.MustParseAddr(addr), in: make(chan discovery.Packet, 1000), closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ports = append(l.ports, p)
	return p
}

func (p *port) Read() (discovery.Packet, error) {
	select {
	case packet := <-p.in:
		return packet, nil
	case <-p.closed:
		return discovery.Packet{}, net.ErrClosed
	}
}

func (p *port) Write(packet discovery.Packet) error {
	m := new(dns.Msg)
	if err := m.Unpack(packet.Data); err != nil {
		return err
	}
	p.lan.say(m, netip.AddrPortFrom(p.addr, 5353))
	return nil
}

func (p *port) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// say lets everybody hear a message; who said it hears it too.
func (l *lan) say(m *dns.Msg, from netip.AddrPort) {
	data, err := m.Pack()
	if err != nil {
		panic(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, m)
	for _, p := range l.ports {
		select {
		case p.in <- discovery.Packet{Interface: 1, Peer: from, Data: data}:
		default:
		}
	}
}

// ask asks a question as a machine that speaks multicast DNS, and returns what is said within a second.
func (l *lan) ask(name string, kind uint16, from string, known ...dns.RR) []dns.RR {
	l.mu.Lock()
	before := len(l.heard)
	l.mu.Unlock()
	l.say(&dns.Msg{Question: []dns.Question{{Name: name, Qtype: kind, Qclass: dns.ClassINET}}, Answer: known}, netip.MustParseAddrPort(from))
	pass(time.Second) // of the bubble
	l.mu.Lock()
	defer l.mu.Unlock()
	var answers []dns.RR
	for _, m := range l.heard[before:] {
		if m.Response {
			answers = append(answers, slices.Concat(m.Answer, m.Extra)...)
		}
	}
	return answers
}

// texts returns records in short.
func texts(records []dns.RR) string {
	var words []string
	for _, rr := range records {
		switch r := rr.(type) {
		case *dns.A:
			words = append(words, r.Hdr.Name+" "+r.A.String())
		case *dns.AAAA:
			words = append(words, r.Hdr.Name+" "+r.AAAA.String())
		case *dns.PTR:
			words = append(words, "PTR "+r.Ptr)
		case *dns.SRV:
			words = append(words, "SRV "+r.Target)
		case *dns.TXT:
			words = append(words, "TXT "+strings.Join(r.Txt, ","))
		case *dns.NSEC:
			words = append(words, "NSEC")
		}
	}
	return strings.Join(words, "; ")
}

// machine runs an announcer at the network until the test ends.
func (l *lan) machine(t *testing.T, addr string, offer discovery.Offer) *discovery.Announcer {
	t.Helper()
	a := discovery.New(discovery.Config{
		Log: slog.New(slog.DiscardHandler),
		Interfaces: func() ([]discovery.Interface, error) {
			return []discovery.Interface{{Index: 1, Name: "lan0", Addrs: []netip.Addr{netip.MustParseAddr(addr)}}}, nil
		},
		Open: func([]discovery.Interface) (discovery.Network, error) { return l.plug(addr), nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	a.Offer(offer)
	return a
}

var office = discovery.Offer{Name: "foyer.local", Title: "Foyer - Büro", Port: 8080}

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		a := l.machine(t, "192.168.1.5", office)
		if got := a.Announced(); got != "" {
			t.Errorf("told before anybody was asked: %q", got)
		}
		pass(5 * time.Second)
		if got := a.Announced(); got != "foyer.local" {
			t.Fatalf("announced %q", got)
		}
		const instance = `Foyer\ -\ B\195\188ro._http._tcp.local.`
		known := &dns.A{Hdr: dns.RR_Header{Name: "foyer.local.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 100}, A: net.IPv4(192, 168, 1, 5)}
		for _, tt := range []struct {
			name  string
			kind  uint16
			known []dns.RR
			want  string
		}{
			{"foyer.local.", dns.TypeA, nil, "foyer.local. 192.168.1.5"},
			{"FOYER.local.", dns.TypeANY, nil, "foyer.local. 192.168.1.5"},
			{"foyer.local.", dns.TypeAAAA, nil, "NSEC"},
			{"foyer.local.", dns.TypeA, []dns.RR{known}, ""},
			{"other.local.", dns.TypeA, nil, ""},
			{"_http._tcp.local.", dns.TypePTR, nil, "PTR " + instance + "; SRV foyer.local.; TXT path=/; foyer.local. 192.168.1.5"},
			{"_https._tcp.local.", dns.TypePTR, nil, ""},
			{"_services._dns-sd._udp.local.", dns.TypePTR, nil, "PTR _http._tcp.local."},
			{instance, dns.TypeSRV, nil, "SRV foyer.local.; foyer.local. 192.168.1.5"},
			{instance, dns.TypeTXT, nil, "TXT path=/; foyer.local. 192.168.1.5"},
		} {
			if got := texts(l.ask(tt.name, tt.kind, "192.168.1.9:5353", tt.known...)); got != tt.want {
				t.Errorf("%s %d: got %q, want %q", tt.name, tt.kind, got, tt.want)
			}
		}
		// Whoever knows no multicast DNS gets an answer as of any server.
		for _, rr := range l.ask("foyer.local.", dns.TypeA, "192.168.1.9:40000") {
			if rr.Header().Ttl > 10 || rr.Header().Class != dns.ClassINET {
				t.Errorf("to a plain resolver: %v", rr)
			}
		}
	})
}

// What is over is said, so that nobody asks for it any more.
func TestOfferChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		a := l.machine(t, "192.168.1.5", office)
		pass(5 * time.Second)
		secure := office
		secure.Name, secure.Secure = "accounts.local", true
		a.Offer(secure)
		pass(5 * time.Second)
		if got := a.Announced(); got != "accounts.local" {
			t.Errorf("announced %q", got)
		}
		if got := texts(l.ask("foyer.local.", dns.TypeA, "192.168.1.9:5353")); got != "" {
			t.Errorf("the old name is answered: %s", got)
		}
		if got := texts(l.ask("_https._tcp.local.", dns.TypePTR, "192.168.1.9:5353")); !strings.Contains(got, "SRV accounts.local.") {
			t.Errorf("the new service is not answered: %s", got)
		}
		a.Offer(discovery.Offer{})
		pass(time.Second)
		if got := a.Announced(); got != "" {
			t.Errorf("switched off, and announced %q", got)
		}
		gone := 0
		for _, m := range l.heard {
			for _, rr := range m.Answer {
				if rr.Header().Ttl == 0 && (strings.HasPrefix(rr.Header().Name, "foyer.") || strings.HasPrefix(rr.Header().Name, "accounts.")) {
					gone++
				}
			}
		}
		if gone != 2 {
			t.Errorf("%d names were taken leave of, want 2", gone)
		}
	})
}

// The second machine with the name takes the next one; when it asks at the same time, one of the two does.
func TestConflict(t *testing.T) {
	for name, pause := range map[string]time.Duration{"one after the other": 5 * time.Second, "at one time": 0} {
		synctest.Test(t, func(t *testing.T) {
			l := &lan{}
			first := l.machine(t, "192.168.1.5", office)
			pass(pause)
			second := l.machine(t, "192.168.1.6", office)
			pass(20 * time.Second)
			got := []string{first.Announced(), second.Announced()}
			if pause > 0 && got[0] != "foyer.local" {
				t.Errorf("%s: the first one has lost its name: %q", name, got)
			}
			slices.Sort(got)
			if want := []string{"foyer-2.local", "foyer.local"}; !slices.Equal(got, want) {
				t.Errorf("%s: announced %q, want %q", name, got, want)
			}
		})
	}
}

// Two services on one machine share the name and not what people read.
func TestTwoOnOneMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		l.machine(t, "192.168.1.5", office)
		pass(5 * time.Second)
		other := office
		other.Port = 9090
		second := l.machine(t, "192.168.1.5", other)
		pass(10 * time.Second)
		if got := second.Announced(); got != "foyer.local" {
			t.Errorf("announced %q", got)
		}
		if got := texts(l.ask("_http._tcp.local.", dns.TypePTR, "192.168.1.9:5353")); !strings.Contains(got, `(2\)`) {
			t.Errorf("both are called the same: %s", got)
		}
	})
}

// An interface that comes up later is told too, and a network that cannot be had is tried again.
func TestInterfacesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		var mu sync.Mutex
		var at []discovery.Interface
		fault := errors.New("no such device")
		a := discovery.New(discovery.Config{
			Log:        slog.New(slog.DiscardHandler),
			Interfaces: func() ([]discovery.Interface, error) { mu.Lock(); defer mu.Unlock(); return at, nil },
			Open: func([]discovery.Interface) (discovery.Network, error) {
				mu.Lock()
				defer mu.Unlock()
				if fault != nil {
					return nil, fault
				}
				return l.plug("192.168.1.5"), nil
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.Run(ctx)
		}()
		a.Offer(office)
		change := func(change func()) string {
			mu.Lock()
			change()
			mu.Unlock()
			pass(20 * time.Second)
			return a.Announced()
		}
		if got := change(func() {}); got != "" {
			t.Errorf("without an interface: %q", got)
		}
		up := []discovery.Interface{{Index: 1, Name: "lan0", Addrs: []netip.Addr{netip.MustParseAddr("192.168.1.5")}}}
		if got := change(func() { at = up }); got != "" {
			t.Errorf("with a fault: %q", got)
		}
		if got := change(func() { fault = nil }); got != "foyer.local" {
			t.Errorf("mended: %q", got)
		}
		if got := change(func() { at = nil }); got != "" {
			t.Errorf("down: %q", got)
		}
		cancel()
		<-done
	})
}

// A message with many questions brings no more than one with each of them once.
func TestManyQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		l.machine(t, "192.168.1.5", office)
		pass(5 * time.Second)
		m := &dns.Msg{Compress: true}
		for range 1000 {
			m.Question = append(m.Question, dns.Question{Name: "_http._tcp.local.", Qtype: dns.TypePTR, Qclass: dns.ClassINET})
		}
		l.mu.Lock()
		before := len(l.heard)
		l.mu.Unlock()
		l.say(m, netip.MustParseAddrPort("192.168.1.9:40000"))
		pass(time.Second)
		l.mu.Lock()
		defer l.mu.Unlock()
		records := 0
		for _, m := range l.heard[before:] {
			records += len(m.Answer) + len(m.Extra)
		}
		if records != 4 { // PTR, SRV, TXT and A
			t.Errorf("%d records for one question that was asked a thousand times, want 4", records)
		}
	})
}

// Somebody who claims every name a thousand times a second does not fill the log.
func TestClaimsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		var log strings.Builder
		in := l.plug("192.168.1.5")
		a := discovery.New(discovery.Config{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Interfaces: func() ([]discovery.Interface, error) {
				return []discovery.Interface{{Index: 1, Name: "lan0", Addrs: []netip.Addr{netip.MustParseAddr("192.168.1.5")}}}, nil
			},
			Open: func([]discovery.Interface) (discovery.Network, error) { return in, nil },
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.Run(ctx)
		}()
		a.Offer(office)
		claim := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Compress: true}
		for n := range 101 {
			name := "foyer-" + strconv.Itoa(n) + ".local."
			if n == 1 {
				name = "foyer.local."
			}
			claim.Answer = append(claim.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 100}, A: net.IPv4(6, 6, 6, 6)})
		}
		data, err := claim.Pack()
		if err != nil {
			t.Fatal(err)
		}
		for range 10_000 {
			pass(time.Millisecond) // of the bubble
			in.in <- discovery.Packet{Interface: 1, Peer: netip.MustParseAddrPort("192.168.1.9:5353"), Data: data}
		}
		cancel()
		<-done
		if got := strings.Count(log.String(), "has the name"); got == 0 || got > 20 {
			t.Errorf("%d lines about names that others have in ten seconds, want a few", got)
		}
	})
}

// Whatever comes, it goes on.
func TestHostilePackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lan{}
		a := l.machine(t, "192.168.1.5", office)
		pass(5 * time.Second)
		l.mu.Lock()
		p := l.ports[0]
		l.mu.Unlock()
		for _, data := range [][]byte{nil, {0}, make([]byte, 11), make([]byte, 9000), append(make([]byte, 12), 0xc0, 0x0c)} {
			p.in <- discovery.Packet{Interface: 1, Peer: netip.MustParseAddrPort("192.168.1.9:5353"), Data: data}
			p.in <- discovery.Packet{Interface: 99, Peer: netip.MustParseAddrPort("192.168.1.9:5353"), Data: data}
		}
		// A lie from a port that is not that of multicast DNS takes no name away.
		lie := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Answer: []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "foyer.local.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 100}, A: net.IPv4(6, 6, 6, 6)}}}
		l.say(lie, netip.MustParseAddrPort("192.168.1.9:1234"))
		if got := texts(l.ask("foyer.local.", dns.TypeA, "192.168.1.9:5353")); got != "foyer.local. 192.168.1.5" && !strings.HasSuffix(got, "; foyer.local. 192.168.1.5") {
			t.Errorf("got %q", got)
		}
		if a.Announced() != "foyer.local" {
			t.Errorf("announced %q", a.Announced())
		}
	})
}

// pass lets time go by, of the clock in the bubble of a test.
func pass(d time.Duration) { <-time.After(d) }
