package discovery

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// How long others may remember (RFC 6762, 10).
const (
	hostTTL    = 120
	otherTTL   = 75 * 60
	legacyTTL  = 10 // for who knows no multicast DNS (RFC 6762, 6.7)
	cacheFlush = 1 << 15
	mdnsPort   = 5353
	answerRest = 250 * time.Millisecond // the same question is not answered to everybody more often
	maxTold    = 1000                   // questions that are remembered for that; there are as many types as numbers
)

const allServices = "_services._dns-sd._udp.local."

// set is the records of a session at one interface.
type set struct {
	host, kind, instance string // names
	addrs                []dns.RR
	shared               []dns.RR // PTR
	own                  []dns.RR // SRV and TXT
	none                 dns.RR   // says which records of the host there are
}

func (r set) all() []dns.RR { return slices.Concat(r.addrs, r.shared, r.own) }

// records returns what is told at each interface, by its index.
func (s *session) records() map[int]set {
	all := map[int]set{}
	for _, i := range s.at {
		all[i.Index] = s.recordsAt(i)
	}
	return all
}

func (s *session) recordsAt(i Interface) set {
	kind := "_http._tcp.local."
	if s.offer.Secure {
		kind = "_https._tcp.local."
	}
	title := s.offer.Title
	if s.instance > 1 {
		title = fmt.Sprintf("%s (%d)", title, s.instance)
	}
	r := set{host: s.name() + ".", kind: kind, instance: label(title) + "." + kind}
	head := func(name string, kind uint16, ttl uint32) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
	}
	types := map[uint16]bool{}
	for _, a := range i.Addrs {
		if a.Is4() {
			r.addrs = append(r.addrs, &dns.A{Hdr: head(r.host, dns.TypeA, hostTTL), A: net.IP(a.AsSlice())})
			types[dns.TypeA] = true
		} else {
			r.addrs = append(r.addrs, &dns.AAAA{Hdr: head(r.host, dns.TypeAAAA, hostTTL), AAAA: net.IP(a.AsSlice())})
			types[dns.TypeAAAA] = true
		}
	}
	nsec := &dns.NSEC{Hdr: head(r.host, dns.TypeNSEC, hostTTL), NextDomain: r.host}
	for _, t := range []uint16{dns.TypeA, dns.TypeAAAA} {
		if types[t] {
			nsec.TypeBitMap = append(nsec.TypeBitMap, t)
		}
	}
	r.none = nsec
	r.shared = []dns.RR{
		&dns.PTR{Hdr: head(kind, dns.TypePTR, otherTTL), Ptr: r.instance},
		&dns.PTR{Hdr: head(allServices, dns.TypePTR, otherTTL), Ptr: kind},
	}
	r.own = []dns.RR{
		&dns.SRV{Hdr: head(r.instance, dns.TypeSRV, hostTTL), Port: uint16(s.offer.Port), Target: r.host}, //nolint:gosec // a port
		&dns.TXT{Hdr: head(r.instance, dns.TypeTXT, otherTTL), Txt: []string{"path=/"}},
	}
	return r
}

// label returns text as one label of at most 63 bytes, as it is written in a name.
func label(text string) string {
	for len(text) > 63 {
		text = strings.TrimRight(string([]rune(text)[:len([]rune(text))-1]), " ")
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		case strings.ContainsRune(`. '@;()"\`, rune(c)):
			b.WriteString(`\` + string(rune(c)))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// ask asks at every interface whether somebody has the names, and says what would be told (RFC 6762, 8.1).
func (s *session) ask() {
	for index, r := range s.records() {
		m := &dns.Msg{Ns: append(slices.Clone(r.addrs), r.own[0])}
		for _, name := range []string{r.host, r.instance} {
			m.Question = append(m.Question, dns.Question{Name: name, Qtype: dns.TypeANY, Qclass: dns.ClassINET | cacheFlush})
		}
		s.write(m, index, netip.AddrPort{})
	}
}

// send tells records to everybody; those that end are to be forgotten.
func (s *session) send(at map[int]set, ends bool) {
	for index, r := range at {
		m := answer()
		m.Answer = r.all()
		if ends {
			// That there are services of this kind may be true all the same.
			m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Name == allServices })
			for _, rr := range m.Answer {
				rr.Header().Ttl = 0
			}
		}
		flush(m.Answer)
		s.write(m, index, netip.AddrPort{})
	}
}

func answer() *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}}
}

// flush marks records that nobody else has: what others remember of them is replaced (RFC 6762, 10.2).
func flush(records []dns.RR) {
	for _, rr := range records {
		if rr.Header().Rrtype != dns.TypePTR {
			rr.Header().Class |= cacheFlush
		}
	}
}

func (s *session) write(m *dns.Msg, index int, to netip.AddrPort) {
	m.Compress = true
	data, err := m.Pack()
	if err == nil {
		err = s.network.Write(Packet{Interface: index, Peer: to, Data: data})
	}
	if err != nil {
		s.announcer.config.Log.Debug("multicast DNS: not sent", "interface", index, "err", err)
	}
}

// packet does what a message asks for. What cannot be read, or came in at another interface, is nothing.
func (s *session) packet(p Packet) {
	m := new(dns.Msg)
	if len(s.addrs(p.Interface)) == 0 || m.Unpack(p.Data) != nil || m.Opcode != dns.OpcodeQuery || m.Rcode != dns.RcodeSuccess {
		return
	}
	r := s.records()[p.Interface]
	if m.Response {
		if p.Peer.Port() == mdnsPort {
			s.hear(m, r)
		}
		return
	}
	if s.phase == probing {
		s.yield(m, r, p)
		return
	}
	s.answer(m, r, p)
}

// hear looks whether somebody else has the names.
func (s *session) hear(m *dns.Msg, r set) {
	if s.phase == probing && s.count == 0 {
		return // nobody was asked yet; who has the name says so then
	}
	for _, rr := range slices.Concat(m.Answer, m.Extra) {
		if rr.Header().Ttl == 0 {
			continue // it is given up
		}
		if addr, ok := addrOf(rr); ok && strings.EqualFold(rr.Header().Name, r.host) && !s.isOwn(addr) {
			s.conflict()
			return
		}
		srv, ok := rr.(*dns.SRV)
		if ok && strings.EqualFold(srv.Hdr.Name, r.instance) && (!strings.EqualFold(srv.Target, r.host) || int(srv.Port) != s.offer.Port) {
			s.instance = min(s.instance+1, maxNames)
			s.probe(probeEvery)
			return
		}
	}
}

// conflict goes on to the next name while the name is asked for. One that was told already is asked for again first: the other one
// may yet give way (RFC 6762, 9).
func (s *session) conflict() {
	if s.phase == probing {
		s.taken()
		return
	}
	s.announcer.setAnnounced("")
	s.probe(0)
}

// yield gives way to somebody who asks for the same name at the same time and has the greater address (RFC 6762, 8.2).
func (s *session) yield(m *dns.Msg, r set, p Packet) {
	for _, rr := range m.Ns {
		theirs, ok := addrOf(rr)
		if !ok || !strings.EqualFold(rr.Header().Name, r.host) || s.isOwn(theirs) {
			continue
		}
		for _, ours := range s.addrs(p.Interface) {
			if ours.Is4() == theirs.Is4() && bytes.Compare(ours.AsSlice(), theirs.AsSlice()) < 0 {
				s.probe(deferTime)
				return
			}
		}
	}
}

func addrOf(rr dns.RR) (netip.Addr, bool) {
	var ip net.IP
	switch a := rr.(type) {
	case *dns.A:
		ip = a.A
	case *dns.AAAA:
		ip = a.AAAA
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

// answer answers the questions of a message that are about what is told.
func (s *session) answer(m *dns.Msg, r set, p Packet) {
	legacy := p.Peer.Port() != mdnsPort
	out := answer()
	for _, q := range m.Question {
		if q.Qclass&^cacheFlush != dns.ClassINET && q.Qclass != dns.ClassANY {
			continue
		}
		key := fmt.Sprint(p.Interface, q.Qtype, strings.ToLower(q.Name))
		found, more := r.find(q)
		if len(found)+len(more) == 0 || !legacy && time.Since(s.told[key]) < answerRest {
			continue
		}
		if !legacy {
			if len(s.told) >= maxTold {
				clear(s.told)
			}
			s.told[key] = time.Now()
		}
		// A question that is asked a thousand times in one message makes the answer no longer.
		for _, rr := range found {
			if !isKnown(m.Answer, rr) && !slices.Contains(out.Answer, rr) {
				out.Answer = append(out.Answer, rr)
			}
		}
		for _, rr := range more {
			if !slices.Contains(out.Extra, rr) {
				out.Extra = append(out.Extra, rr)
			}
		}
	}
	if len(out.Answer) == 0 && !slices.Contains(out.Extra, r.none) {
		return
	}
	if !legacy {
		flush(slices.Concat(out.Answer, out.Extra))
		s.write(out, p.Interface, netip.AddrPort{})
		return
	}
	out.Id, out.Question = m.Id, m.Question
	for _, rr := range slices.Concat(out.Answer, out.Extra) {
		rr.Header().Ttl = min(rr.Header().Ttl, legacyTTL)
	}
	s.write(out, p.Interface, p.Peer)
}

// find returns the records that answer a question, and what who asks wants to know next.
func (r set) find(q dns.Question) (found, more []dns.RR) {
	is := func(name string) bool { return strings.EqualFold(q.Name, name) }
	pick := func(from []dns.RR) (picked []dns.RR) {
		for _, rr := range from {
			if is(rr.Header().Name) && (q.Qtype == dns.TypeANY || q.Qtype == rr.Header().Rrtype) {
				picked = append(picked, rr)
			}
		}
		return picked
	}
	switch {
	case is(r.host):
		if found = pick(r.addrs); len(found) == 0 {
			more = []dns.RR{r.none} // so that nobody waits for what does not come (RFC 6762, 6.1)
		}
		return found, more
	case is(r.kind):
		if found = pick(r.shared); len(found) > 0 {
			more = slices.Concat(r.own, r.addrs)
		}
		return found, more
	case is(r.instance):
		if found = pick(r.own); len(found) > 0 {
			more = r.addrs
		}
		return found, more
	default:
		return pick(r.shared), nil
	}
}

// isKnown reports whether who asks has a record already, and for long enough (RFC 6762, 7.1).
func isKnown(known []dns.RR, rr dns.RR) bool {
	return slices.ContainsFunc(known, func(k dns.RR) bool { return dns.IsDuplicate(k, rr) && k.Header().Ttl >= rr.Header().Ttl/2 })
}
