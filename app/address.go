package app

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Address is a mail address that ParseAddress has accepted. Its zero value is no address. What it holds is
// what is matched, stored and sent: no other code splits or repairs an address.
type Address struct {
	local  string // as typed
	domain string // the A-label form, lower case
}

// String returns the address as it is stored and written to RCPT TO and To: the local part as typed, the
// domain as A-labels.
func (a Address) String() string {
	if a.local == "" {
		return ""
	}
	return a.local + "@" + a.domain
}

// Key returns the address by which two spellings count as one: the local part with its ASCII letters in
// lower case.
func (a Address) Key() string { return lowerASCII(a.String()) }

// Domain returns the domain as lower-case A-labels.
func (a Address) Domain() string { return a.domain }

// Base returns the key without a plus tag ("jane+shop@x.com" gives "jane@x.com"): what the limit of new
// accounts per mailbox counts by. Matching never uses it.
func (a Address) Base() string {
	if a.local == "" {
		return ""
	}
	local := a.local
	if i := strings.IndexByte(local[1:], '+'); i >= 0 {
		local = local[:1+i]
	}
	return lowerASCII(local) + "@" + a.domain
}

// Masked returns the address for ordinary logs: "j***@example.com".
func (a Address) Masked() string {
	if a.local == "" {
		return ""
	}
	return a.local[:1] + "***@" + a.domain
}

// ParseAddress returns the address s names, or an Invalid error on field "email". It is the only parser of
// addresses: forms, claims, RCPT TO, allow-list entries and the admin API all call it. It refuses and never
// repairs, because a parser that repairs makes two components disagree about who owns an address
// (net/mail turns `"x@company.com"@evil.example` into x@company.com@evil.example; oauth2-proxy
// CVE-2026-40574 was such a disagreement).
//
// Accepted are 6 to 254 bytes (RFC 5321, 4.5.3.1.3 less the angle brackets), exactly one "@", a local part of
// 1 to 64 ASCII letters, digits and ._+-'& with no dot or hyphen first, no dot last and no two dots
// together, and a domain as parseDomain takes it.
func ParseAddress(s string) (Address, error) {
	if len(s) < 6 || len(s) > 254 {
		return Address{}, badAddress("it must be 6 to 254 characters long")
	}
	at := strings.IndexByte(s, '@')
	if at < 0 || strings.IndexByte(s[at+1:], '@') >= 0 {
		return Address{}, badAddress("it must contain exactly one @")
	}
	local, rest := s[:at], s[at+1:]
	if why := checkLocal(local); why != "" {
		return Address{}, badAddress(why)
	}
	domain, why := parseDomain(rest)
	if why != "" {
		return Address{}, badAddress(why)
	}
	// A U-label domain grows when it becomes A-labels; the limit is on what is sent.
	if len(local)+1+len(domain) > 254 {
		return Address{}, badAddress("it must be 6 to 254 characters long")
	}
	return Address{local: local, domain: domain}, nil
}

func badAddress(why string) *Error {
	return Fieldf("email", "address_invalid", "this is not an e-mail address Foyer can use: %s", why)
}

func checkLocal(local string) string {
	if local == "" || len(local) > 64 {
		return "the part before the @ must be 1 to 64 characters long"
	}
	for i := range len(local) {
		c := local[i]
		if !isAlnum(c) && !strings.ContainsRune("._+-'&", rune(c)) {
			return "before the @ only letters without accents, digits and . _ + - ' & are possible"
		}
	}
	if local[0] == '.' || local[0] == '-' {
		return "it must not begin with a dot or a hyphen"
	}
	if local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return "before the @ no dot may stand last and no two dots together"
	}
	return ""
}

// parseDomain returns s as lower-case A-labels, or why it is not a domain a mail can be sent to. Letters are
// lowered by hand (strings.ToLower maps U+212A to k) and the IDNA registration profile is used because it
// refuses where the lookup profile maps: full-width, circled and zero-width characters would otherwise
// become another company's plain domain.
func parseDomain(s string) (domain, why string) {
	const notDomain = "the part after the @ is not a domain name"
	s = lowerASCII(s)
	if s == "" || strings.HasSuffix(s, ".") || !norm.NFC.IsNormalString(s) {
		return "", notDomain
	}
	ascii, err := idna.Registration.ToASCII(s)
	if err != nil || len(ascii) > 253 || !isHostname(ascii) {
		return "", notDomain
	}
	// Punycode must round-trip: "xn--" labels that decode to something else, or to plain ASCII, are refused.
	unicode, err := idna.Registration.ToUnicode(ascii)
	if err != nil {
		return "", notDomain
	}
	if again, err := idna.Registration.ToASCII(unicode); err != nil || again != ascii {
		return "", notDomain
	}
	labels := strings.Split(ascii, ".")
	if len(labels) < 2 {
		return "", "the domain needs at least two parts, as in company.com"
	}
	if isDigits(labels[len(labels)-1]) {
		return "", "an IP address is not a domain"
	}
	return ascii, ""
}

// isHostname reports whether s consists of labels of 1 to 63 letters, digits and inner hyphens (RFC 1123, 2.1).
func isHostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isAlnum(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

// lowerASCII lowers the letters A to Z and leaves every other byte alone.
func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
