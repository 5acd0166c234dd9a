package mail_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"foyer/server/mail"
)

// zones is a DNS server with records, one a line as in a zone file. A line "NAME FAIL RCODE" makes it answer with that code,
// "NAME SILENT" not at all, and "NAME SECURE" marks the answers for a name as validated. What it has no line for is NXDOMAIN.
type zones struct {
	mu      sync.Mutex
	records []dns.RR
	fails   map[string]int
	secure  map[string]bool
}

// serveZones starts a DNS server and returns it with its address.
func serveZones(tb testing.TB, text string) (*zones, string) {
	tb.Helper()
	z := &zones{}
	z.set(tb, text)
	var packets net.PacketConn
	var stream net.Listener
	for range 20 { // UDP and TCP need the same port, and a free one of UDP need not be one of TCP
		var err error
		if packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			tb.Fatal(err)
		}
		if stream, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			break
		}
		_ = packets.Close()
	}
	if stream == nil {
		tb.Fatal("no port is free for both UDP and TCP")
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: z}, {Listener: stream, Handler: z}} {
		started, done := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { done <- s.ActivateAndServe() }()
		<-started
		tb.Cleanup(func() {
			if err := s.Shutdown(); err != nil {
				tb.Error(err)
			}
			if err := <-done; err != nil {
				tb.Error(err)
			}
		})
	}
	return z, packets.LocalAddr().String()
}

// set replaces the records.
func (z *zones) set(tb testing.TB, text string) {
	tb.Helper()
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records, z.fails, z.secure = nil, map[string]int{}, map[string]bool{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		name := dns.Fqdn(strings.ToLower(words[0]))
		switch words[1] {
		case "SECURE":
			z.secure[name] = true
		case "SILENT":
			z.fails[name] = -1
		case "FAIL":
			z.fails[name] = dns.StringToRcode[words[2]]
		default:
			rr, err := dns.NewRR(name + " 60 IN " + strings.Join(words[1:], " "))
			if err != nil || rr == nil {
				tb.Fatalf("%q is no record: %v", line, err)
			}
			z.records = append(z.records, rr)
		}
	}
}

// ServeDNS answers one question.
func (z *zones) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := question.Question[0]
	name := strings.ToLower(q.Name)
	reply := new(dns.Msg)
	reply.SetReply(question)
	reply.RecursionAvailable = true
	reply.AuthenticatedData = question.AuthenticatedData && z.secure[name]
	known := false
	for range 10 { // aliases
		next := ""
		for _, rr := range z.records {
			if rr.Header().Name != name {
				continue
			}
			known = true
			if cname, ok := rr.(*dns.CNAME); ok {
				next = cname.Target
			}
			if rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		if next == "" {
			break
		}
		name = next
		known = false
	}
	if rcode, ok := z.fails[strings.ToLower(q.Name)]; ok {
		if rcode < 0 {
			return
		}
		reply.Answer, reply.Rcode = nil, rcode
	} else if !known {
		reply.Rcode = dns.RcodeNameError
	}
	if w.LocalAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if opt := question.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		reply.Truncate(size)
	}
	_ = w.WriteMsg(reply) // who asked may have gone
}

// resolverAt returns Go's own resolver, asking the DNS server at address.
func resolverAt(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
}

// bothNames calls a test with each way to ask the DNS server at address.
func bothNames(t *testing.T, address string, test func(t *testing.T, names mail.Names)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) { test(t, mail.PlainNames(resolverAt(address))) })
	t.Run("secure", func(t *testing.T) { test(t, mail.NewSecureNames(address)) })
}
