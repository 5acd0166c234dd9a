package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"foyer/app"
)

// Resolver asks the DNS. *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupIP(ctx context.Context, network, host string) ([]net.IP, error)
}

// DNSConfig holds what a DNS is made of.
type DNSConfig struct {
	DKIM     *DKIM
	Resolver Resolver      // nil for the system's
	Timeout  time.Duration // for all questions together; 0 for 10 s
}

// DNS is the app.MailDNS that asks a resolver. It is safe for concurrent use.
type DNS struct{ config DNSConfig }

var _ app.MailDNS = (*DNS)(nil)

// NewDNS returns a DNS.
func NewDNS(c DNSConfig) *DNS {
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return &DNS{c}
}

// Records returns the records that mail from s.Mail.From needs, what they should be and what they are. It makes the DKIM
// keys when there are none. Its error is about those keys, or about a sender's address that is none.
func (d *DNS) Records(ctx context.Context, s app.Settings) ([]app.DNSRecord, error) {
	sender, err := app.ParseAddress(s.Mail.From)
	if err != nil {
		return nil, err
	}
	keys, err := d.config.DKIM.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the DKIM keys: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	z := zone{Resolver: d.config.Resolver, domain: sender.Domain(), settings: s.Mail}
	z.host, _, _ = net.SplitHostPort(s.Mail.Smarthost) // "" while none is set
	if z.direct = s.Mail.Transport == "direct"; z.direct {
		z.host = strings.NewReplacer("[IPv6:", "", "[", "", "]", "").Replace(HelloName(s.PublicURL))
	}
	checks := []func(context.Context) app.DNSRecord{z.spf}
	for _, k := range keys {
		checks = append(checks, func(ctx context.Context) app.DNSRecord { return z.dkim(ctx, k) })
	}
	checks = append(checks, z.dmarc, z.mx, z.mtaSTS, z.ptr)
	records := make([]app.DNSRecord, len(checks))
	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() {
			records[i] = check(ctx)
			records[i].Found = presentable(records[i].Found)
		})
	}
	group.Wait()
	return records, nil
}

// zone is the domain that mail is sent from, and where it leaves.
type zone struct {
	Resolver
	domain   string
	settings app.MailSettings
	host     string // of the smarthost, or with direct this machine's own
	direct   bool
}

// maxFound bounds what is shown of the records of one name: what stands in the DNS is anybody's to write.
const maxFound = 10

// presentable returns records that are few, short and without characters that steer terminals.
func presentable(records []string) []string {
	out := make([]string, 0, min(len(records), maxFound))
	for _, r := range records[:min(len(records), maxFound)] {
		out = append(out, clean(r))
	}
	return out
}

// unknown returns r for a name the DNS said nothing about.
func unknown(r app.DNSRecord) app.DNSRecord {
	r.State = app.RecordUnknown
	r.Text = "The DNS could not be asked about " + r.Name + ": see whether this machine can resolve names, and try again."
	return r
}

// absent reports whether err is the DNS's word that there is no such record.
func absent(err error) bool {
	e, ok := errors.AsType[*net.DNSError](err)
	return ok && e.IsNotFound
}

// txt returns the TXT records of name that begin with version, as in "v=spf1"; none is no error. The dot at the end
// keeps the search domains of this machine out of it.
func (z zone) txt(ctx context.Context, name, version string) ([]string, error) {
	all, err := z.LookupTXT(ctx, name+".")
	if err != nil && !absent(err) {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(record string) bool {
		first, _, _ := strings.Cut(strings.TrimSpace(record), ";")
		word, _, _ := strings.Cut(first, " ")
		return !strings.EqualFold(strings.TrimSpace(word), version) && !strings.EqualFold(strings.ReplaceAll(first, " ", ""), version)
	}), nil
}

func (z zone) spf(ctx context.Context) app.DNSRecord {
	r := app.DNSRecord{Kind: "spf", Name: z.domain, Type: "TXT", Value: "v=spf1 " + z.permitted() + " ~all", Required: true}
	found, err := z.txt(ctx, z.domain, "v=spf1")
	if err != nil {
		return unknown(r)
	}
	r.Found = found
	operator := "the operator of the mail server that mail leaves by"
	if z.host != "" {
		operator = "the operator of " + z.host
	}
	if len(found) == 0 && z.direct {
		r.State = app.RecordMissing
		r.Text = "There is no SPF record: add one that permits the address mail leaves from, as the value here does if that is the address of " + z.host + "."
		return r
	}
	if len(found) == 0 {
		r.State = app.RecordMissing
		r.Text = "There is no SPF record: ask " + operator + " what it must permit, mostly an include, and add the record; the value here permits that server itself."
		return r
	}
	if len(found) > 1 {
		r.State = app.RecordDiffers
		r.Text = "There are several SPF records, which counts as an error: make one of them."
		return r
	}
	if why := checkSPF(found[0]); why != "" {
		r.State = app.RecordDiffers
		r.Text = "The SPF record is not right: " + why + "."
		return r
	}
	r.State, r.Value = app.RecordOK, clean(found[0])
	r.Text = "There is one SPF record; see that it permits what " + operator + " says."
	if z.direct {
		r.Text = "There is one SPF record; see that it permits the address mail leaves from."
	}
	return r
}

// permitted returns the SPF mechanism that permits the smarthost itself, or, when its name means nothing outside the
// office, the domain's own mail servers.
func (z zone) permitted() string {
	if ip, err := netip.ParseAddr(z.host); err == nil {
		switch ip = ip.Unmap(); {
		case ip.IsPrivate() || !ip.IsGlobalUnicast():
			return "mx"
		case ip.Is4():
			return "ip4:" + ip.String()
		default:
			return "ip6:" + ip.WithZone("").String()
		}
	}
	// A suffix that is not listed and has no dot is none of the internet: mail.lan, or a bare name.
	if suffix, listed := publicsuffix.PublicSuffix(z.host); listed || strings.Contains(suffix, ".") {
		return "a:" + z.host
	}
	return "mx"
}

// checkSPF returns what is wrong with an SPF record (RFC 7208), or "".
func checkSPF(record string) string {
	terms := strings.Fields(record)
	if len(terms) == 0 || !strings.EqualFold(terms[0], "v=spf1") {
		return "it does not begin with v=spf1 and a blank"
	}
	asks, last := 0, false
	for _, term := range terms[1:] {
		name, value := splitTerm(strings.ToLower(term))
		switch name {
		case "all", "+all":
			return "it permits the whole internet; end it with ~all or -all"
		case "?all", "~all", "-all":
			last = true
			continue
		}
		if last && !strings.HasPrefix(value, "=") {
			return "what stands behind \"all\" does not count"
		}
		counts, why := checkTerm(strings.TrimLeft(name, "+-~?"), value)
		if why != "" {
			return fmt.Sprintf("%q %s", clean(term), why)
		}
		asks += counts
	}
	if asks > 10 {
		return "it takes more than 10 questions to the DNS (RFC 7208, 4.6.4), which counts as an error"
	}
	return ""
}

// splitTerm returns the name of a mechanism with its qualifier, or of a modifier, and what stands behind it.
func splitTerm(term string) (name, value string) {
	if i := strings.IndexAny(term, ":=/"); i >= 0 {
		return term[:i], term[i:]
	}
	return term, ""
}

// checkTerm returns how many questions a term takes, or what is wrong with it.
func checkTerm(name, value string) (asks int, why string) {
	argument := strings.TrimPrefix(value, ":")
	switch name {
	case "a", "mx", "ptr":
		if value == ":" || strings.HasPrefix(value, "=") {
			return 0, "names no domain"
		}
		return 1, ""
	case "include", "exists":
		if argument == "" || argument == value {
			return 0, "names no domain; it is written include:DOMAIN"
		}
		return 1, ""
	case "redirect":
		return 1, ""
	case "ip4", "ip6":
		if ip, ok := parseNetwork(argument); !ok || ip.Is4() != (name == "ip4") {
			return 0, "is no address of that kind"
		}
		return 0, ""
	}
	if strings.HasPrefix(value, "=") && name != "" {
		return 0, "" // modifiers that are not known are ignored (RFC 7208, 6)
	}
	return 0, "is no part of an SPF record"
}

func parseNetwork(s string) (netip.Addr, bool) {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return prefix.Addr(), true
	}
	ip, err := netip.ParseAddr(s)
	return ip, err == nil
}

func (z zone) dkim(ctx context.Context, k dkimKey) app.DNSRecord {
	r := app.DNSRecord{
		Kind: "dkim", Name: z.settings.DKIMSelector + k.suffix + "._domainkey." + z.domain, Type: "TXT", Value: k.record(), Required: z.settings.DKIM,
	}
	all, err := z.LookupTXT(ctx, r.Name+".")
	if err != nil && !absent(err) {
		return unknown(r)
	}
	r.Found = all
	switch len(all) {
	case 0:
		r.State, r.Text = app.RecordMissing, "The public key is not in the DNS: add the record."
	case 1:
		r.State, r.Text = app.RecordOK, "The public key is in the DNS."
		if why := k.differs(all[0]); why != "" {
			r.State, r.Text = app.RecordDiffers, "The record is not that of Foyer's key: "+why+". Replace it."
		}
	default:
		r.State, r.Text = app.RecordDiffers, "There are several records, of which nobody knows which counts: keep the one that is shown here."
	}
	switch {
	case !z.settings.DKIM && r.State == app.RecordOK:
		r.Text += " Foyer signs once mail.dkim=on."
	case !z.settings.DKIM && z.direct:
		r.Text += " Nobody else signs mail that Foyer takes to others itself: set mail.dkim=on then."
	case !z.settings.DKIM:
		r.Text += " It is needed only if Foyer is to sign (mail.dkim=on); most smarthosts sign themselves."
	}
	return r
}

// differs returns in what a record is not the key's, or "" (RFC 6376, 3.6.1).
func (k dkimKey) differs(record string) string {
	tags := parseTags(record)
	algorithm, named := tags["k"]
	hashes, limited := tags["h"]
	service, served := tags["s"]
	switch {
	case tags["v"] != "DKIM1" && tags["v"] != "":
		return "it does not begin with v=DKIM1"
	case named && algorithm != k.algorithm, !named && k.algorithm != app.DKIMRSA:
		return "k= is not " + k.algorithm
	case tags["p"] == "":
		return "p= is empty, which says that the key was withdrawn"
	case tags["p"] != k.public:
		return "p= is another key, or a part of it is missing"
	case limited && !slices.Contains(strings.Split(hashes, ":"), "sha256"):
		return "h= does not permit sha256"
	case served && !slices.Contains(strings.Split(service, ":"), "*") && !slices.Contains(strings.Split(service, ":"), "email"):
		return "s= does not permit mail"
	case slices.Contains(strings.Split(tags["t"], ":"), "y"):
		return "t=y says that it is a test, and mail counts as unsigned"
	}
	return ""
}

// parseTags returns the tags of a record such as "v=DKIM1; p=...", without blanks. Of two of one name the first counts.
func parseTags(record string) map[string]string {
	tags := map[string]string{}
	for part := range strings.SplitSeq(record, ";") {
		name, value, _ := strings.Cut(part, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, ok := tags[name]; !ok && name != "" {
			tags[name] = strings.Join(strings.Fields(value), "")
		}
	}
	return tags
}

func (z zone) dmarc(ctx context.Context) app.DNSRecord {
	r := app.DNSRecord{Kind: "dmarc", Name: "_dmarc." + z.domain, Type: "TXT", Value: "v=DMARC1; p=none", Required: true}
	found, err := z.txt(ctx, r.Name, "v=DMARC1")
	if err != nil {
		return unknown(r)
	}
	// A domain without a record of its own has that of the domain that was registered (RFC 7489, 6.6.3).
	parent, parentErr := publicsuffix.EffectiveTLDPlusOne(z.domain)
	inherited := len(found) == 0 && parentErr == nil && parent != z.domain
	if inherited {
		if found, err = z.txt(ctx, "_dmarc."+parent, "v=DMARC1"); err != nil {
			return unknown(r)
		}
	}
	r.Found = found
	switch len(found) {
	case 0:
		r.State = app.RecordMissing
		r.Text = "There is no DMARC record: add it; with p=none nothing is refused, with p=quarantine or p=reject forged mail is."
		return r
	case 1:
	default:
		r.State = app.RecordDiffers
		r.Text = "There are several DMARC records, so none counts: keep one."
		return r
	}
	tags := parseTags(found[0])
	policy := strings.ToLower(tags["p"])
	if sub, ok := tags["sp"]; ok && inherited {
		policy = strings.ToLower(sub)
	}
	if !slices.Contains([]string{"none", "quarantine", "reject"}, policy) {
		r.State = app.RecordDiffers
		r.Text = "The DMARC record has no policy that counts: p= must be none, quarantine or reject."
		return r
	}
	r.State, r.Value = app.RecordOK, clean(found[0])
	r.Text = "The DMARC policy is " + policy + "."
	if inherited {
		r.Text = "The DMARC policy is " + policy + ", by the record of " + parent + "."
	}
	return r
}

func (z zone) mx(ctx context.Context) app.DNSRecord {
	r := app.DNSRecord{Kind: "mx", Name: z.domain, Type: "MX", Required: true}
	servers, err := z.LookupMX(ctx, z.domain+".")
	if err != nil && !absent(err) && len(servers) == 0 { // some may be good where others are not
		return unknown(r)
	}
	for _, mx := range servers {
		r.Found = append(r.Found, fmt.Sprintf("%d %s", mx.Pref, mx.Host))
	}
	switch {
	case len(servers) == 1 && strings.TrimSuffix(servers[0].Host, ".") == "":
		r.State = app.RecordDiffers
		r.Text = "The domain says that it takes no mail (RFC 7505), and mail from such a domain is refused: name its mail server, or send from another domain."
	case len(servers) > 0:
		r.State, r.Text = app.RecordOK, "Answers and bounces have a place to go."
	default:
		// Without MX records the domain's own address counts (RFC 5321, 5.1).
		ips, err := z.LookupIP(ctx, "ip", z.domain+".")
		switch {
		case err != nil && !absent(err):
			return unknown(r)
		case len(ips) > 0:
			r.State, r.Text = app.RecordOK, "There is no MX record; answers and bounces go to the domain's own address."
		default:
			r.State = app.RecordMissing
			r.Text = "The domain takes no mail, and many servers refuse mail from such a domain: add an MX record that names its mail server."
		}
	}
	return r
}

func (z zone) mtaSTS(ctx context.Context) app.DNSRecord {
	r := app.DNSRecord{Kind: "mta_sts", Name: "_mta-sts." + z.domain, Type: "TXT", Value: "v=STSv1; id=1"}
	found, err := z.txt(ctx, r.Name, "v=STSv1")
	if err != nil {
		return unknown(r)
	}
	r.Found, r.State = found, app.RecordOK
	const purpose = "For information: MTA-STS protects mail to the domain, not Foyer's."
	switch len(found) {
	case 0:
		r.State = app.RecordMissing
		r.Text = purpose + " Whoever runs its mailboxes adds the record, together with the policy at https://mta-sts." + z.domain + "/.well-known/mta-sts.txt."
	case 1:
		r.Value, r.Text = clean(found[0]), purpose
	default:
		r.State, r.Text = app.RecordDiffers, purpose+" There are several records, so none counts."
	}
	return r
}

// ownPTR is ptr for a machine that takes its mail to others itself: they refuse it from an address without a name, or with
// one that does not lead back (RFC 1912, 2.1). The address that mail leaves from is taken to be that of the public URL; behind
// a router that is not known here.
func (z zone) ownPTR(ctx context.Context) app.DNSRecord {
	r := app.DNSRecord{Kind: "ptr", Name: z.host, Type: "PTR", Value: z.host + ".", Required: true}
	const provider = " The internet provider that gives the address sets it."
	if !app.IsPublicName("https://" + z.host) {
		r.State, r.Value = app.RecordMissing, ""
		r.Text = "Foyer introduces itself to mail servers by the host of public_url, and " + z.host + " is no full name in the DNS: set public_url to one."
		return r
	}
	ips, err := z.LookupIP(ctx, "ip", z.host+".")
	if len(ips) == 0 {
		r = unknown(r)
		if absent(err) {
			r.State, r.Text = app.RecordMissing, z.host+", by which Foyer introduces itself, has no address in the DNS: add one, that which mail leaves from."
		}
		return r
	}
	r.State = app.RecordOK
	r.Text = "The address of " + z.host + " has its name; see that mail leaves from that address."
	for _, found := range ips {
		ip, ok := netip.AddrFromSlice(found)
		if !ok {
			continue
		}
		ip = ip.Unmap()
		names, err := z.LookupAddr(ctx, ip.String())
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(strings.TrimSuffix(n, "."), z.host) }) {
			r.Name, r.Found = reverseName(ip), names
			continue
		}
		r.Name, r.Found = reverseName(ip), names
		switch {
		case len(names) > 0:
			r.State, r.Text = app.RecordDiffers, "The PTR record of "+ip.String()+" has another name than Foyer introduces itself by: make it "+z.host+"."+provider
		case absent(err):
			r.State, r.Text = app.RecordMissing, "The address "+ip.String()+" has no PTR record, and many mail servers refuse mail from such an address: make it "+z.host+"."+provider
		default:
			return unknown(r)
		}
		break
	}
	return r
}

func (z zone) ptr(ctx context.Context) app.DNSRecord {
	if z.direct {
		return z.ownPTR(ctx)
	}
	r := app.DNSRecord{Kind: "ptr", Name: z.host, Type: "PTR"}
	const purpose = "For information: mail leaves by the smarthost, whose operator keeps its PTR record."
	if z.host == "" {
		r.State, r.Text = app.RecordUnknown, "For information: the address that mail leaves from needs a PTR record; there is no mail.smarthost to ask about yet."
		return r
	}
	ip, err := netip.ParseAddr(z.host)
	if err != nil {
		r.Value = z.host + "."
		ips, err := z.LookupIP(ctx, "ip", z.host)
		if len(ips) == 0 {
			r = unknown(r)
			if absent(err) {
				r.State, r.Text = app.RecordMissing, purpose+" But "+z.host+" has no address: see whether mail.smarthost is right."
			}
			return r
		}
		ip, _ = netip.AddrFromSlice(ips[0]) // what net.IP holds is of a right length, or printed as invalid
	}
	ip = ip.Unmap()
	r.Name = reverseName(ip)
	names, err := z.LookupAddr(ctx, ip.String())
	switch {
	case len(names) > 0:
		r.Found, r.State, r.Text = names, app.RecordOK, purpose
	case absent(err):
		r.State, r.Text = app.RecordMissing, purpose+" There is none for "+ip.String()+", which does no harm if mail leaves from another address."
	default:
		return unknown(r)
	}
	return r
}

// reverseName returns the name at which the PTR record of ip stands (RFC 1035, 3.5; RFC 3596, 2.5).
func reverseName(ip netip.Addr) string {
	var labels []string
	suffix := "in-addr.arpa"
	if ip.Is4() {
		for _, b := range ip.AsSlice() {
			labels = append(labels, fmt.Sprint(b))
		}
	} else {
		suffix = "ip6.arpa"
		for _, b := range ip.AsSlice() {
			labels = append(labels, fmt.Sprintf("%x", b>>4), fmt.Sprintf("%x", b&15))
		}
	}
	slices.Reverse(labels)
	return strings.Join(append(labels, suffix), ".")
}
