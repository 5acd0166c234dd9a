package app

import (
	_ "embed"
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// EntryKind says what an allow-list entry covers.
type EntryKind string

// The three kinds; each may refuse instead of allow.
const (
	EntryAddress  EntryKind = "address"  // user@company.com: this address
	EntryDomain   EntryKind = "domain"   // company.com: addresses at exactly this domain
	EntryWildcard EntryKind = "wildcard" // *.company.com: this domain and every subdomain
)

// Entry is one line of a company's allow list, normalised. Value never has the "!": the same value exists
// once over all companies, whether it allows or refuses.
type Entry struct {
	Kind  EntryKind
	Value string // "user@company.com", "company.com" or "*.company.com", as lower-case A-labels
	Deny  bool
}

// String returns the entry as it is written in the field, with "!" when it refuses.
func (e Entry) String() string {
	if e.Deny {
		return "!" + e.Value
	}
	return e.Value
}

// Domain returns the domain the entry is about.
func (e Entry) Domain() string {
	if _, domain, ok := strings.Cut(e.Value, "@"); ok {
		return domain
	}
	return strings.TrimPrefix(e.Value, "*.")
}

// Display returns the entry with its domain as U-labels, which differs from String for an internationalised
// domain only. Show both: the A-label is what reveals a look-alike.
func (e Entry) Display() string {
	domain := e.Domain()
	shown, err := idna.Registration.ToUnicode(domain)
	if err != nil {
		shown = domain
	}
	return strings.TrimSuffix(e.String(), domain) + shown
}

// MixedScript reports whether a label of the entry's domain mixes scripts (Latin and Cyrillic, say), as
// look-alike domains do.
func (e Entry) MixedScript() bool {
	if !strings.Contains(e.Domain(), "xn--") {
		return false // what has no A-label is in Latin letters
	}
	_, domain, found := strings.Cut(e.Display(), "@")
	if !found {
		domain = e.Display()
	}
	for label := range strings.SplitSeq(domain, ".") {
		seen := ""
		for _, r := range label {
			script := scriptOf(r)
			if script == "" {
				continue
			}
			if seen != "" && script != seen {
				return true
			}
			seen = script
		}
	}
	return false
}

// scriptOf returns the name of a letter's script. The scripts that Japanese and Korean write together count
// as one.
func scriptOf(r rune) string {
	if !unicode.IsLetter(r) {
		return ""
	}
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo) {
		return "CJK"
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return ""
}

// ParseEntries returns the entries of the field "Domains or emails for creating customer accounts", in order,
// each once. Commas, semicolons, blanks and new lines separate. A token that is not understood gives an
// Invalid error on field "entries" that quotes it, and so does a value that is both allowed and refused; there
// is no partial result.
func ParseEntries(field string) ([]Entry, error) {
	var entries []Entry
	for entry, err := range fieldEntries(field) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// fieldEntries goes through the tokens of a field: each gives its entry, or the Invalid error that ParseEntries would end
// with. An entry that was there before gives nothing.
func fieldEntries(field string) iter.Seq2[Entry, *Error] {
	return func(yield func(Entry, *Error) bool) {
		seen := map[string]Entry{}
		for token := range strings.FieldsFuncSeq(field, isSeparator) {
			entry, err := parseEntry(token)
			twin, twice := seen[entry.Value]
			switch {
			case err != nil:
			case !twice:
				seen[entry.Value] = entry
			case twin.Deny == entry.Deny:
				continue
			default:
				err = Fieldf("entries", "entry_both", "%q is listed both as allowed and as refused; keep one of them", entry.Value).With("Token", entry.Value)
			}
			if !yield(entry, err) {
				return
			}
		}
	}
}

// isSeparator takes ASCII blanks only: an exotic blank stays in its token, and the message that quotes the
// token makes it visible.
func isSeparator(r rune) bool {
	return r == ',' || r == ';' || r == ' ' || r == '\t' || r == '\n' || r == '\r'
}

// ParseEntry returns the entry one token of the field names, or an Invalid error on field "entries" that quotes
// the token. Decoration people paste is taken off: surrounding <>, "mailto:", "http(s)://" with its path, a
// leading "@", one trailing dot. What remains is read strictly. Whether the entry is wise is another question:
// see Entry.Refusal.
func ParseEntry(token string) (Entry, error) {
	entry, err := parseEntry(token)
	if err != nil {
		return Entry{}, err
	}
	return entry, nil
}

func parseEntry(token string) (Entry, *Error) {
	rest, deny := strings.CutPrefix(unbracket(token), "!")
	rest = undecorate(unbracket(rest))

	if strings.Contains(rest, "@") {
		address, err := ParseAddress(rest)
		if err != nil {
			if domain, ok := strings.CutPrefix(rest, "*@"); ok {
				return Entry{}, badEntry(token, "whole_domain", fmt.Sprintf("to cover a whole domain write %q", domain)).With("Write", domain)
			}
			return Entry{}, badEntry(token, "address", "it is not an e-mail address Foyer can use")
		}
		return Entry{Kind: EntryAddress, Value: address.Key(), Deny: deny}, nil
	}
	if _, err := netip.ParseAddr(strings.Trim(rest, "[]")); err == nil {
		return Entry{}, badEntry(token, "ip", "an IP address cannot be listed; write a domain or an e-mail address")
	}
	kind, name := EntryDomain, rest
	if base, ok := strings.CutPrefix(rest, "*."); ok {
		kind, name = EntryWildcard, base
	}
	domain, why := parseDomain(name)
	switch {
	case why != "" && strings.HasPrefix(name, "."):
		return Entry{}, badEntry(token, "subdomains", fmt.Sprintf("to cover a domain and its subdomains write %q", "*"+name)).With("Write", "*"+name)
	case why != "":
		return Entry{}, badEntry(token, "form", "write user@company.com, company.com or *.company.com")
	}
	if kind == EntryWildcard {
		domain = "*." + domain
	}
	return Entry{Kind: kind, Value: domain, Deny: deny}, nil
}

func unbracket(s string) string {
	if strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">") && len(s) > 2 {
		return s[1 : len(s)-1]
	}
	return s
}

func undecorate(s string) string {
	lower := lowerASCII(s)
	for _, scheme := range []string{"http://", "https://"} {
		if strings.HasPrefix(lower, scheme) {
			host := s[len(scheme):]
			if i := strings.IndexAny(host, "/?#"); i >= 0 {
				host = host[:i]
			}
			if strings.Contains(host, "@") {
				return s // http://gmail.com@evil.example is a trick, and no address
			}
			return strings.TrimSuffix(host, ".")
		}
	}
	if strings.HasPrefix(lower, "mailto:") {
		s = s[len("mailto:"):]
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "@"), ".")
}

// badEntry returns the error of a token that is not understood. Its argument Why is a stable word for the reason: "address",
// "whole_domain" and "subdomains" (with Write, what to write instead), "ip" or "form".
func badEntry(token, why, text string) *Error {
	return Fieldf("entries", "entry_invalid", "%q is not understood: %s", token, text).With("Token", token).With("Why", why)
}

// maxLabels is the depth Keycloak allows too; a deeper name is a mistake or an attack, not an office.
const maxLabels = 10

//go:embed shared_domains.txt
var sharedDomainsFile string

var sharedDomains = wordSet(sharedDomainsFile)

// sharedTenantRoots are domains under which strangers own names, and that the public suffix list does not know.
var sharedTenantRoots = map[string]bool{
	"onmicrosoft.com": true, "mail.onmicrosoft.com": true, "onmicrosoft.us": true, "onmicrosoft.de": true,
	"partner.onmschina.cn": true, "onmschina.cn": true,
	"amazonaws.com": true, "windows.net": true, "azure.com": true, "googleusercontent.com": true, "platform.sh": true,
	"sharepoint.com": true, "salesforce.com": true,
}

// Refusal returns why the entry must not be added as new, as an Invalid error on field "entries", or nil. Only
// new entries are judged: an old one that a newer list refuses must not stop somebody else's save, and becomes
// a warning instead. Single addresses are never refused here (jane@gmail.com is fine). The reasons are "entry_deep" (the
// argument Most is the parts that are possible), "shared_domain" (Why is "organisations" or "people", for whose names or
// addresses are there; Write is an example of what to list instead) and "public_suffix".
func (e Entry) Refusal() error {
	if err := e.refusal(); err != nil {
		return err
	}
	return nil
}

func (e Entry) refusal() *Error {
	if e.Kind == EntryAddress {
		return nil
	}
	domain := e.Domain()
	quoted := func(reason, why string) *Error {
		return Fieldf("entries", reason, "%q cannot be listed: %s", e.String(), why).With("Token", e.String())
	}
	if strings.Count(domain, ".")+1 > maxLabels {
		return quoted("entry_deep", fmt.Sprintf("it has more than %d parts", maxLabels)).With("Most", strconv.Itoa(maxLabels))
	}
	if sharedTenantRoots[domain] {
		return quoted("shared_domain", "many organisations have names below it; list the one of your customer, as in contoso."+domain).
			With("Why", "organisations").With("Write", "contoso."+domain)
	}
	if sharedDomains[domain] {
		return quoted("shared_domain", "anybody can get an address there; list single addresses, as in jane@"+domain).
			With("Why", "people").With("Write", "jane@"+domain)
	}
	// A wildcard may also stand above public suffixes: "*.sch.uk" would let in every school.
	below := "x." + domain
	above, _ := publicsuffix.PublicSuffix(below)
	if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain || e.Kind == EntryWildcard && above == below {
		return quoted("public_suffix", "anybody can register a name below it; list your customer's own domain")
	}
	return nil
}

// Warning returns what is the matter with an entry that is on a list already, or "": it mixes scripts, or would not be
// accepted as new.
func (e Entry) Warning() string {
	if err := e.Refusal(); err != nil {
		return MessageOf(err)
	}
	if e.MixedScript() {
		return "it mixes the letters of several scripts, as look-alike domains do"
	}
	return ""
}

// Candidates returns the values of all entries that could cover addr, the most specific first. An entry whose
// value is not among them does not cover it: matching is equality of whole values, never a search in text.
func Candidates(addr Address) []string {
	domain := addr.Domain()
	values := []string{addr.Key(), domain, "*." + domain}
	for i := strings.IndexByte(domain, '.'); i >= 0; i = strings.IndexByte(domain, '.') {
		domain = domain[i+1:]
		values = append(values, "*."+domain)
	}
	return values
}

// OwnedEntry is an entry together with the company whose list it is on.
type OwnedEntry struct {
	Entry
	CompanyID int64
	Company   string
	Enabled   bool // the company's switch
}

// Verdict is the gate's answer for one address.
type Verdict struct {
	Allowed   bool
	Reason    VerdictReason
	CompanyID int64        // the owner of Entry; 0 when no entry covers the address
	Company   string       // its name
	Entry     string       // the entry that won, with "!" when it refuses; "" when none covers the address
	Covering  []OwnedEntry // every entry that covers the address, the winner first
}

// VerdictReason says why an address may or may not have an account.
type VerdictReason string

// The reasons of a Verdict.
const (
	Listed          VerdictReason = "listed"
	RefusedByEntry  VerdictReason = "refused_by_entry"
	NotListed       VerdictReason = "not_listed"
	CompanyDisabled VerdictReason = "company_disabled"
)

// Gate decides whether addr may have an account, and in which company. It is the one gate: the form, every
// connector, the confirmation, a change of address and the test box all ask it. entries must hold at least
// those whose value is one of Candidates(addr); others are ignored.
//
// The more specific entry wins, whether it allows or refuses: address, then domain, then the wildcard with more
// labels. A value exists once, so two of equal specificity cannot meet; if they ever do, refusal wins. An empty
// list lets in nobody.
func Gate(addr Address, entries []OwnedEntry) Verdict {
	var covering []OwnedEntry
	for _, value := range Candidates(addr) {
		start := len(covering)
		for _, entry := range entries {
			if entry.Value != value {
				continue
			}
			covering = append(covering, entry)
			if last := len(covering) - 1; entry.Deny {
				covering[start], covering[last] = covering[last], covering[start]
			}
		}
	}
	if len(covering) == 0 {
		return Verdict{Reason: NotListed}
	}
	winner := covering[0]
	verdict := Verdict{
		Reason: Listed, CompanyID: winner.CompanyID, Company: winner.Company, Entry: winner.String(), Covering: covering,
	}
	switch {
	case winner.Deny:
		verdict.Reason = RefusedByEntry
	case !winner.Enabled:
		verdict.Reason = CompanyDisabled
	default:
		verdict.Allowed = true
	}
	return verdict
}

// Explain returns the verdict in one English sentence: which entry decided, and why it won over others.
func (v Verdict) Explain() string {
	if len(v.Covering) == 0 {
		return "no company lists this address or its domain"
	}
	winner := v.Covering[0]
	var why string
	switch winner.Kind {
	case EntryAddress:
		why = "lists exactly this address"
	case EntryDomain:
		why = "lists exactly this domain"
	case EntryWildcard:
		why = "covers this domain and its subdomains"
	}
	text := fmt.Sprintf("%q of %s %s", v.Entry, v.Company, why)
	if winner.Deny {
		text = fmt.Sprintf("%q of %s refuses it", v.Entry, v.Company)
	}
	if v.Reason == CompanyDisabled {
		text += ", but the company is disabled"
	}
	if len(v.Covering) > 1 {
		loser := v.Covering[1]
		text += fmt.Sprintf("; it is more specific than %q of %s", loser.String(), loser.Company)
	}
	return text
}

// wordSet returns the lines of a list file, without comments and blank lines.
func wordSet(file string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(file) {
		if word := strings.TrimSpace(line); word != "" && !strings.HasPrefix(word, "# ") {
			set[word] = true
		}
	}
	return set
}
