package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxAddresses is how many addresses of one mail server are tried: more belong to the same machine or farm, which has its
// chance again at the next attempt.
const maxAddresses = 4

// nameTime is how long the questions to the DNS for one attempt may take together.
const nameTime = 30 * time.Second

// router finds the mail servers of a domain.
type router struct {
	names Names
	reach reach
	hello string // how this machine calls itself
	most  int    // mail servers that are tried; 0 for all
}

// route is the way to a domain.
type route struct {
	domain   string
	implicit bool // there are no MX records, so the domain itself counts as its mail server (RFC 5321, 5.1)
	secure   bool // the DNS's word about that was validated
	hosts    []mxHost
}

// mxHost is one mail server of a domain.
type mxHost struct {
	name    string // in lower case, without the dot at the end
	pref    uint16
	addrs   []netip.Addr // that mail may be taken to
	alias   string       // the name that its own is an alias of; its own when it is none
	secure  bool         // its addresses were validated
	self    bool         // it is this machine
	refused string       // why an address was left out, in words; "" when none was
	err     error        // why its addresses are not known
}

// find returns the mail servers of a domain, the preferred first. Its error is a *ReplyError.
func (r *router) find(ctx context.Context, domain string) (route, error) {
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	found := route{domain: domain}
	records, secure, err := r.names.MX(ctx, domain)
	found.secure = secure
	switch {
	case absent(err):
		found.implicit = true
		found.hosts = []mxHost{{name: domain}}
	case err != nil:
		return found, lookupError(ctx, domain, err)
	default:
		if isNullMX(records) {
			return found, &ReplyError{
				Reason: "null_mx", Message: domain + " says in the DNS that it takes no mail (null MX)", Enhanced: "5.1.10", Permanent: true,
			}
		}
		found.hosts = r.sorted(records)
	}
	if len(found.hosts) == 0 {
		return found, &ReplyError{
			Reason: "mx_invalid", Message: "the MX records of " + domain + " name no host; whoever keeps that domain must put them right", HostDown: true,
		}
	}
	var group sync.WaitGroup
	for i := range found.hosts {
		group.Go(func() { r.look(ctx, &found.hosts[i]) })
	}
	group.Wait()
	return found, r.judge(ctx, &found)
}

// isNullMX reports whether records say that the domain takes no mail (RFC 7505, 3).
func isNullMX(records []*net.MX) bool {
	return len(records) == 1 && strings.TrimSuffix(records[0].Host, ".") == ""
}

// sorted returns the hosts of MX records, the lowest preference first and equal ones in a random order (RFC 5321, 5.1), at
// most r.most of them.
func (r *router) sorted(records []*net.MX) []mxHost {
	var hosts []mxHost
	for _, mx := range records {
		name := strings.ToLower(strings.TrimSuffix(mx.Host, "."))
		if name == "" || !isHostName(name) || slices.ContainsFunc(hosts, func(h mxHost) bool { return h.name == name }) {
			continue
		}
		hosts = append(hosts, mxHost{name: name, pref: mx.Pref})
	}
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] }) //nolint:gosec // spreads load, hides nothing
	slices.SortStableFunc(hosts, func(a, b mxHost) int { return cmp.Compare(a.pref, b.pref) })
	if r.most > 0 && len(hosts) > r.most {
		hosts = hosts[:r.most]
	}
	return hosts
}

// isHostName reports whether name can be looked up and shown: an MX record can hold any bytes. An address where a name
// belongs (RFC 5321, 5.1) is none.
func isHostName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// look fills in what the DNS says of a host.
func (r *router) look(ctx context.Context, h *mxHost) {
	addrs, alias, secure, err := r.names.Addresses(ctx, h.name)
	h.alias, h.secure, h.err = alias, secure, err
	h.self = h.name == strings.ToLower(r.hello)
	var refused []string
	for _, ip := range addrs {
		h.self = h.self || r.reach.isOwn(ip)
		why := r.reach.refuses(ip)
		switch {
		case why == "":
			h.addrs = append(h.addrs, ip)
		case len(refused) < maxAddresses:
			refused = append(refused, fmt.Sprintf("%s of %s is %s", ip, h.name, why))
		}
	}
	h.refused = strings.Join(refused, ", ")
	h.addrs = alternate(h.addrs)
}

// alternate returns at most maxAddresses addresses, IPv4 and IPv6 by turns. IPv4 goes first: large providers refuse mail
// over IPv6 from addresses without a PTR record, which few office lines have.
func alternate(addrs []netip.Addr) []netip.Addr {
	var four, six, out []netip.Addr
	for _, ip := range addrs {
		if ip.Is4() {
			four = append(four, ip)
		} else {
			six = append(six, ip)
		}
	}
	for i := range max(len(four), len(six)) {
		if i < len(four) {
			out = append(out, four[i])
		}
		if i < len(six) {
			out = append(out, six[i])
		}
	}
	return out[:min(len(out), maxAddresses)]
}

// judge leaves out the hosts that are no way, and returns why there is none when none remains.
func (r *router) judge(ctx context.Context, found *route) error {
	if i := slices.IndexFunc(found.hosts, func(h mxHost) bool { return h.self }); i >= 0 {
		// Who is a mail server of the domain hands on to preferred ones only, or mail would go in circles (RFC 5321, 5.1).
		self := found.hosts[i]
		found.hosts = slices.DeleteFunc(found.hosts, func(h mxHost) bool { return h.pref >= self.pref })
		if len(found.hosts) == 0 {
			return &ReplyError{
				Reason: "mx_self", Enhanced: "5.4.6", Permanent: true,
				Message: "mail for " + found.domain + " loops back to this machine: its best mail server in the DNS, " + self.name +
					", is this one, which takes no mail for it; use mail.transport=smarthost with the server that does",
			}
		}
	}
	if slices.ContainsFunc(found.hosts, func(h mxHost) bool { return len(h.addrs) > 0 }) {
		return nil
	}
	return r.noWay(ctx, found)
}

// noWay returns why no host of a route can be tried.
func (r *router) noWay(ctx context.Context, found *route) error {
	var refused, unknown []string
	for _, h := range found.hosts {
		switch {
		case h.err != nil && !absent(h.err):
			return lookupError(ctx, h.name, h.err)
		case h.refused != "":
			refused = append(refused, h.refused)
		default:
			unknown = append(unknown, h.name)
		}
	}
	switch {
	case len(refused) > 0:
		return &ReplyError{
			Reason: "mx_refused", Message: "no mail is taken to where " + found.domain + " wants it: " + strings.Join(refused, ", "), HostDown: true,
		}
	case found.implicit:
		return errNoDomain
	default:
		return &ReplyError{
			Reason: "mx_unknown", Message: "the mail servers of " + found.domain + " have no address in the DNS: " + strings.Join(unknown, ", "), HostDown: true,
		}
	}
}

// errNoDomain says that the DNS knows neither mail servers nor an address of the domain.
var errNoDomain = errors.New("the DNS does not know the domain")

// lookupError returns that the DNS says nothing about a name.
func lookupError(ctx context.Context, name string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &ReplyError{Reason: "stopped", Message: "the service was stopped during the attempt", Err: err}
	}
	e := &ReplyError{Reason: "dns", HostDown: true, Err: err}
	answer, ok := errors.AsType[*net.DNSError](err)
	switch {
	case isTimeout(err):
		e.Message = "the DNS says nothing about " + name + " in time; check this machine's DNS server"
	case ok && !answer.IsTemporary:
		e.Message = "the DNS records of " + name + " are malformed; whoever keeps that domain must put them right"
	default:
		e.Message = "the DNS cannot tell about " + name + " now: its servers, or this machine's, fail"
	}
	return e
}

// unknownDomain is the reason for a domain that the DNS does not know.
const unknownDomain = "domain_unknown"

// unknownFor is how long the DNS must have known nothing of a domain before mail to it is given up: a zone that was broken
// for a moment, or a domain that moves, must not cost mail.
const unknownFor = 30 * time.Minute

// domainUnknown returns what it means now that the DNS does not know a domain. last is the reply of the attempt before:
// its words hold since when.
func domainUnknown(domain, last string, now time.Time) *ReplyError {
	since := unknownSince(last, now)
	e := &ReplyError{Reason: unknownDomain, HostDown: true}
	stamp := since.UTC().Format(time.RFC3339)
	e.Message = "since " + stamp + " the DNS knows neither a mail server nor an address of " + domain + "; it is asked once more later"
	if now.Sub(since) >= unknownFor {
		e.Message = "since " + stamp + " the DNS knows neither a mail server nor an address of " + domain + "; the address is wrong, or the domain is gone"
		e.Enhanced, e.Permanent, e.HostDown = "5.1.2", true, false
	}
	return e
}

// unknownSince returns since when a domain is unknown by the words of domainUnknown; now when they are others', or of a
// time that is still to come.
func unknownSince(last string, now time.Time) time.Time {
	words, ok := strings.CutPrefix(last, unknownDomain+": since ")
	stamp, _, _ := strings.Cut(words, " ")
	since, err := time.Parse(time.RFC3339, stamp)
	if !ok || err != nil || since.After(now) {
		return now
	}
	return since
}
