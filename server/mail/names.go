package mail

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Names finds the way to a domain in the DNS. Names have no dot at the end. Each answer comes with whether it is secure:
// validated by DNSSEC, as told by a resolver that is believed. That there is no such record is a *net.DNSError that
// IsNotFound, which can be secure too.
type Names interface {
	// MX returns the mail servers of a domain, in no order.
	MX(ctx context.Context, domain string) (records []*net.MX, secure bool, err error)

	// Addresses returns the addresses of a host, and the name that it is an alias of, which may be its own.
	Addresses(ctx context.Context, host string) (addrs []netip.Addr, name string, secure bool, err error)

	// TXT returns the texts at a name.
	TXT(ctx context.Context, name string) ([]string, error)

	// TLSA returns the TLSA records at a name (RFC 6698).
	TLSA(ctx context.Context, name string) (records []TLSA, secure bool, err error)
}

// TLSA says which certificate a server shows (RFC 6698, 2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Certificate               string // it, its key or a hash of one of them, in hexadecimal
}

// plainNames asks a Resolver, which cannot tell what is secure.
type plainNames struct{ Resolver }

// MX returns what there is besides records that name no host, which Resolver reports as an error.
func (n plainNames) MX(ctx context.Context, domain string) ([]*net.MX, bool, error) {
	records, err := n.LookupMX(ctx, domain+".")
	if len(records) > 0 {
		err = nil
	}
	return records, false, err
}

func (n plainNames) Addresses(ctx context.Context, host string) ([]netip.Addr, string, bool, error) {
	ips, err := n.LookupIP(ctx, "ip", host+".")
	var addrs []netip.Addr
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip); ok {
			addrs = append(addrs, a.Unmap())
		}
	}
	return addrs, host, false, err
}

func (n plainNames) TXT(ctx context.Context, name string) ([]string, error) {
	return n.LookupTXT(ctx, name+".")
}

func (n plainNames) TLSA(_ context.Context, name string) ([]TLSA, bool, error) {
	return nil, false, notFound(name)
}

// SecureNames asks DNS servers and believes them when they say that an answer is validated: it is for servers on this
// machine, or at the end of a line that nobody else can touch (RFC 7672, 2.1).
type SecureNames struct {
	servers []string // HOST:PORT
	timeout time.Duration
}

// NewSecureNames returns the Names that asks servers, each HOST:PORT, one after the other.
func NewSecureNames(servers ...string) *SecureNames {
	return &SecureNames{servers: servers, timeout: 5 * time.Second}
}

// systemNames returns the Names of a system whose resolv.conf has the text conf: a SecureNames when the answers of its
// servers can be believed, because they run on this machine or the administrator says so (trust-ad), else one of
// resolver.
func systemNames(conf string, resolver Resolver) Names {
	c, err := dns.ClientConfigFromReader(strings.NewReader(conf))
	if err != nil || len(c.Servers) == 0 {
		return plainNames{resolver}
	}
	trusted := false
	for line := range strings.Lines(conf) {
		words := strings.Fields(line)
		trusted = trusted || len(words) > 1 && words[0] == "options" && slices.Contains(words[1:], "trust-ad")
	}
	var servers []string
	for _, s := range c.Servers {
		ip, err := netip.ParseAddr(s)
		if err != nil || !trusted && !ip.IsLoopback() {
			return plainNames{resolver}
		}
		servers = append(servers, net.JoinHostPort(s, c.Port))
	}
	return NewSecureNames(servers...)
}

// MX returns the mail servers of a domain.
func (n *SecureNames) MX(ctx context.Context, domain string) ([]*net.MX, bool, error) {
	answer, err := n.ask(ctx, domain, dns.TypeMX)
	var records []*net.MX
	for _, rr := range answer.records {
		if mx, ok := rr.(*dns.MX); ok {
			records = append(records, &net.MX{Host: mx.Mx, Pref: mx.Preference})
		}
	}
	return records, answer.secure, orNotFound(domain, len(records), err)
}

// Addresses returns the addresses of a host of both families. It is secure when both answers are. One family is enough,
// but not of a signed zone: there the other one may have been suppressed to make the host look unsigned.
func (n *SecureNames) Addresses(ctx context.Context, host string) ([]netip.Addr, string, bool, error) {
	var addrs []netip.Addr
	var failed error
	name, secure, signed := host, true, false
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := n.ask(ctx, host, kind)
		secure, signed = secure && answer.secure, signed || answer.secure
		if err != nil && !absent(err) {
			failed = err
		}
		for _, rr := range answer.records {
			var ip net.IP
			switch rr := rr.(type) {
			case *dns.A:
				ip = rr.A
			case *dns.AAAA:
				ip = rr.AAAA
			}
			if a, ok := netip.AddrFromSlice(ip); ok {
				addrs = append(addrs, a.Unmap())
				name = answer.alias
			}
		}
	}
	if failed != nil && (signed || len(addrs) == 0) {
		return nil, host, false, failed
	}
	return addrs, name, secure, orNotFound(host, len(addrs), nil)
}

// TXT returns the texts at a name, each joined of its parts.
func (n *SecureNames) TXT(ctx context.Context, name string) ([]string, error) {
	answer, err := n.ask(ctx, name, dns.TypeTXT)
	var texts []string
	for _, rr := range answer.records {
		if txt, ok := rr.(*dns.TXT); ok {
			texts = append(texts, strings.Join(txt.Txt, ""))
		}
	}
	return texts, orNotFound(name, len(texts), err)
}

// TLSA returns the TLSA records at a name.
func (n *SecureNames) TLSA(ctx context.Context, name string) ([]TLSA, bool, error) {
	answer, err := n.ask(ctx, name, dns.TypeTLSA)
	var records []TLSA
	for _, rr := range answer.records {
		if tlsa, ok := rr.(*dns.TLSA); ok {
			records = append(records, parseTLSA(tlsa))
		}
	}
	return records, answer.secure, orNotFound(name, len(records), err)
}

// answer is what a DNS server says of a name.
type answer struct {
	records []dns.RR
	alias   string // the name at the end of a chain of aliases
	secure  bool
}

// ask returns the answer of the first server that has one.
func (n *SecureNames) ask(ctx context.Context, name string, kind uint16) (answer, error) {
	question := new(dns.Msg)
	question.SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(1232, false)    // as much as no network cuts to pieces
	question.AuthenticatedData = true // asks for the word "secure" without the signatures (RFC 6840, 5.7)
	failure := &net.DNSError{Err: "no DNS server answers", Name: name, IsTimeout: true, IsTemporary: true}
	for _, server := range slices.Concat(n.servers, n.servers) {
		reply, err := n.exchange(ctx, question, server)
		switch {
		case ctx.Err() != nil:
			return answer{}, failure
		case err != nil:
			failure.Server, failure.UnwrapErr = server, err
			continue
		case reply.Rcode == dns.RcodeSuccess:
			alias := aliasOf(dns.Fqdn(name), reply.Answer)
			return answer{records: reply.Answer, alias: strings.TrimSuffix(alias, "."), secure: reply.AuthenticatedData}, nil
		case reply.Rcode == dns.RcodeNameError:
			return answer{secure: reply.AuthenticatedData}, notFound(name)
		}
		failure = &net.DNSError{Err: "the DNS server answers " + dns.RcodeToString[reply.Rcode], Name: name, Server: server, IsTemporary: true}
	}
	return answer{}, failure
}

// exchange asks one server, again over TCP when its answer does not fit.
func (n *SecureNames) exchange(ctx context.Context, question *dns.Msg, server string) (*dns.Msg, error) {
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network, Timeout: n.timeout}
		reply, _, err := client.ExchangeContext(ctx, question, server)
		if err != nil {
			return nil, err
		}
		if reply.Truncated && network == "udp" {
			continue
		}
		if len(reply.Question) != 1 || !strings.EqualFold(reply.Question[0].Name, question.Question[0].Name) || reply.Question[0].Qtype != question.Question[0].Qtype {
			return nil, errOtherQuestion
		}
		return reply, nil
	}
	return nil, errOtherQuestion
}

var errOtherQuestion = errors.New("the DNS server answers another question")

// aliasOf follows the aliases in records from name on.
func aliasOf(name string, records []dns.RR) string {
	for range records { // each alias is followed once, so that a circle ends
		i := slices.IndexFunc(records, func(rr dns.RR) bool {
			cname, ok := rr.(*dns.CNAME)
			return ok && strings.EqualFold(cname.Hdr.Name, name)
		})
		if i < 0 {
			break
		}
		name = records[i].(*dns.CNAME).Target
	}
	return strings.ToLower(name)
}

func notFound(name string) *net.DNSError {
	return &net.DNSError{Err: "no such record", Name: name, IsNotFound: true}
}

// orNotFound returns err, or that name has no such record when there are none.
func orNotFound(name string, records int, err error) error {
	if err == nil && records == 0 {
		return notFound(name)
	}
	return err
}

// readSystemNames returns the Names of this machine. A system without /etc/resolv.conf keeps its DNS servers elsewhere, and
// asks them through resolver.
func readSystemNames(resolver Resolver) Names {
	conf, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return plainNames{resolver}
	}
	return systemNames(string(conf), resolver)
}
