package app_test

import (
	"strings"
	"testing"

	"foyer/app"
)

// hostileAddresses are strings that some parser takes for an address, or for another address than it is.
var hostileAddresses = []string{
	// Two meanings of "the part after the @" (oauth2-proxy CVE-2026-40574).
	"a@b@company.com", "attacker@evil.example@company.com", "x@company.com@evil.example", "@@company.com", "a@@company.com",
	"a@company.com@", "@a@company.com",
	// Quoted local parts (net/mail drops the quotes).
	`"x@company.com"@evil.example`, `"user@evil.example"@company.com`, `"a b"@company.com`, `"a\"b"@company.com`, `""@company.com`,
	`"user@evil.example> ORCPT=x"@company.com`, `a."b".c@company.com`, `a\@evil.example@company.com`, `a\b@company.com`,
	// Comments.
	"user(comment)@company.com", "(comment)user@company.com", "user@company.com(evil.example)", "user@(x)company.com", "user@company(x).com",
	// Display names, groups, lists, source routes, angle brackets.
	"Jane <jane@company.com>", "<jane@company.com>", "jane@company.com>", "<jane@company.com", `"Jane" <jane@company.com>`,
	"group: jane@company.com;", "jane@company.com,joe@evil.example", "jane@company.com;joe@evil.example",
	"jane@company.com joe@evil.example", "@evil.example:jane@company.com", "@evil.example,@b.example:jane@company.com",
	"mailto:jane@company.com", "jane@company.com?cc=joe@evil.example", "jane@company.com?subject=x",
	// Routing by percent hack and bang path.
	"user%evil.example@company.com", "evil.example!user@company.com", "user@evil.example%company.com", "user@company.com!evil",
	// Encoded words, which some servers decode.
	"=?x?q?foo=40evil.example=3e=20?=bar@company.com", "=?utf-8?q?=61=62?=@company.com", "a=b@company.com", "a?b@company.com",
	// Blanks and controls: nothing is trimmed.
	" jane@company.com", "jane@company.com ", "jane @company.com", "jane@ company.com", "jane@company .com", "\tjane@company.com",
	"jane@company.com\n", "jane@company.com\r\n", "jane@company.com\r\nBcc: joe@evil.example", "jane\n@company.com", "jane\r@company.com",
	"jane@company.com\x00", "jane\x00@company.com", "jane@company.com\x00@evil.example", "jane@com\x00pany.com", "jane\x7f@company.com",
	"jane@company.com\u00a0", "\u00a0jane@company.com", "jane@company.com\u2028", "jane@company.com\u2029", "jane@company.com\u3000",
	"\ufeffjane@company.com", "jane@company.com\ufeff", "jane\v@company.com", "jane@company.com\f",
	// Invisible and bidirectional characters.
	"ja\u200bne@company.com", "jane@com\u200bpany.com", "jane@com\u200cpany.com", "jane@com\u200dpany.com", "jane@com\u00adpany.com",
	"jane@\u202ecompany.com", "jane\u202e@company.com", "jane@company.com\u202c", "jane@\u2066company.com", "jane@com\u034fpany.com",
	"jane@com\ufe0fpany.com", "jane@com\u115fpany.com", "jane@com\u3164pany.com", "jane@\u200ecompany.com",
	// Case folding that is not ASCII's.
	"m\u0131ke@company.com", "\u212aate@company.com", "u\u017fer@company.com", "jane@\u212apmg.com", "jane@f\u0130rma.com",
	"jane@COMPANY\u212a.com", "jane@compan\u00dd.com", "jane@BÜCHER.test",
	// Characters that the IDNA lookup profile maps to plain ASCII.
	"jane@\uff43ompany.com", "jane@company\u3002com", "jane@company\uff0ecom", "jane@company\uff61com", "jane@\u24d2ompany.com",
	"jane\uff20company.com", "jane\ufe6bcompany.com", "jane@company\u2024com", "jane@compan\u02b8.com", "jane@\u2178ompany.com",
	"jane@\u00aacompany.com", "jane@\u2460.com",
	// Not in NFC.
	"jane@bu\u0308cher.test", "jane@\u0308bucher.test", "jane@a\u0323\u0307.test",
	// A local part that is not ASCII.
	"jäne@company.com", "用户@company.com", "ja\u0308ne@company.com", "jane\xff@company.com", "😀@company.com",
	// Dots and hyphens.
	".jane@company.com", "jane.@company.com", "ja..ne@company.com", "-jane@company.com", "..@company.com", ".@company.com", "-@company.com",
	// Characters of RFC 5322's atext that are of no use and of much abuse.
	"ja/ne@company.com", "ja*ne@company.com", "ja|ne@company.com", "ja`ne@company.com", "ja$ne@company.com", "ja{ne}@company.com",
	"ja#ne@company.com", "ja~ne@company.com", "ja^ne@company.com", "$(id)@company.com", "|cat@company.com",
	"ja,ne@company.com", "ja;ne@company.com", "ja:ne@company.com", "ja[ne]@company.com", "ja%00ne@company.com",
	// Domains.
	"jane@company", "jane@localhost", "jane@", "@company.com", "jane", "", "@", "jane@.", "jane@.com", "jane@company.", "jane@company.com.",
	"jane@company..com", "jane@.company.com", "jane@-company.com", "jane@company-.com", "jane@company.-com", "jane@com_pany.com",
	"jane@_dmarc.company.com", "jane@*.company.com", "jane@company.com/x", "jane@company.com:25", "jane@company.com#x",
	"jane@[127.0.0.1]", "jane@[IPv6:::1]", "jane@127.0.0.1", "jane@::1", "jane@company.123", "jane@1.2.3", "jane@2130706433", "jane@company.\u0663",
	"jane@http://company.com", "jane@com pany.com", "jane@company.com\\", "jane@\\company.com", "jane@company,com",
	// Punycode that does not round-trip: it decodes to ASCII, to nothing, to something that encodes otherwise, or is broken.
	"jane@xn--company-.com", "jane@xn--.com", "jane@xn--a.com", "jane@xn--0.pt", "jane@xn--a-ecp.ru", "jane@xn--xn--a-ecp.com",
	"jane@xn--ss-.com", "jane@xn--\u00fc.com", "jane@ab--cd.com", "jane@xn--99999999999.com",
	// Right-to-left letters beside left-to-right ones (RFC 5893).
	"jane@\u05d0company.com", "jane@company\u0627.com",
	// Broken UTF-8.
	"jane@com\xffpany.com", "jane@\xc0\xafcompany.com", "jane@company.com\xed\xa0\x80", "\xff\xfe@company.com",
	// Lengths.
	"a@b.c", "a@b.",
	strings.Repeat("a", 65) + "@company.com",
	"a@" + strings.Repeat("a", 64) + ".com",
	strings.Repeat("a", 64) + "@" + strings.Repeat("a.", 93) + "test",
	"a@" + strings.Repeat("ü", 60) + "." + strings.Repeat("é", 60) + ".com",
	strings.Repeat("a", 100_000) + "@company.com",
	"a@" + strings.Repeat("a.", 100_000) + "com",
	strings.Repeat("@", 100_000),
}

func TestParseAddressRefuses(t *testing.T) {
	if len(hostileAddresses) < 80 {
		t.Fatalf("got %d hostile strings, want at least 80", len(hostileAddresses))
	}
	for _, s := range hostileAddresses {
		got, err := app.ParseAddress(s)
		if err == nil {
			t.Errorf("ParseAddress(%q) = %q, want an error", short(s), got)
			continue
		}
		if got != (app.Address{}) {
			t.Errorf("ParseAddress(%q) returned %q beside its error, want no address", short(s), got)
		}
		wantError(t, err, app.Invalid, "email", "address_invalid")
	}
}

// label50 is a label of 52 bytes that grows to 58 when it becomes an A-label.
var label50 = strings.Repeat("a", 50) + "ü"

func TestParseAddressAccepts(t *testing.T) {
	tests := []struct{ in, want, domain, key, base, masked string }{
		{in: "jane@company.com"},
		{in: "Jane.Doe@company.com", key: "jane.doe@company.com", masked: "J***@company.com"},
		{in: "jane@COMPANY.Com", want: "jane@company.com"},
		{in: "JANE@COMPANY.COM", want: "JANE@company.com", key: "jane@company.com"},
		{in: "jane+shop@company.com", base: "jane@company.com"},
		{in: "jane+a+b@company.com", base: "jane@company.com"},
		{in: "Jane+@company.com", key: "jane+@company.com", base: "jane@company.com"},
		{in: "+jane@company.com"},
		{in: "+jane+x@company.com", base: "+jane@company.com"},
		{in: "++x@company.com", base: "+@company.com"},
		{in: "o'neill@company.com"},
		{in: "r&d@company.com"},
		{in: "jane_doe-@company.com"},
		{in: "_@company.com"},
		{in: "'@company.com"},
		{in: "1@2.test"},
		{in: "a@b.co"},
		{in: "null@company.com"},
		{in: "info@company.com"},
		{in: "jane@a.b.c.d.e.f.g.h.i.j.k.l.test"},
		{in: "jane@123.company.com"},
		{in: "jane@3com.com"},
		{in: "jane@company.1a"},
		{in: "jane@a-b--c.com"},
		{in: "jane@bücher.test", want: "jane@xn--bcher-kva.test"},
		{in: "jane@Bücher.TEST", want: "jane@xn--bcher-kva.test"},
		{in: "jane@xn--bcher-kva.test"},
		{in: "jane@XN--BCHER-KVA.test", want: "jane@xn--bcher-kva.test"},
		{in: "jane@faß.de", want: "jane@xn--fa-hia.de"},
		{in: "jane@žltýkôň.sk", want: "jane@xn--ltk-mna7b64a5l.sk"},
		{in: "jane@\u0430llowed.com", want: "jane@xn--llowed-2nf.com"}, // Cyrillic a: another domain, and seen to be one
		{in: "jane@пример.рф", want: "jane@xn--e1afmkfd.xn--p1ai"},
		{in: "jane@例え.jp", want: "jane@xn--r8jz45g.jp"},
		{in: "jane@\u05d0\u05d1.com", want: "jane@xn--4dbc.com"},
		{in: strings.Repeat("a", 64) + "@company.com"},
		{in: strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 61)},
		{in: "a@" + strings.Repeat("ü", 50) + ".test", want: "a@xn--tda" + strings.Repeat("a", 49) + ".test"},
	}
	for _, tt := range tests {
		if tt.want == "" {
			tt.want = tt.in
		}
		_, domain, _ := strings.Cut(tt.want, "@")
		want := map[string]string{
			"String": tt.want, "Domain": domain, "Key": or(tt.key, tt.want), "Base": or(tt.base, or(tt.key, tt.want)),
			"Masked": or(tt.masked, tt.in[:1]+"***@"+domain),
		}
		addr, err := app.ParseAddress(tt.in)
		if err != nil {
			t.Errorf("ParseAddress(%q): %v", tt.in, err)
			continue
		}
		got := map[string]string{
			"String": addr.String(), "Domain": addr.Domain(), "Key": addr.Key(), "Base": addr.Base(), "Masked": addr.Masked(),
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("ParseAddress(%q).%s() = %q, want %q", tt.in, name, got[name], value)
			}
		}
		if again, err := app.ParseAddress(addr.String()); err != nil || again != addr {
			t.Errorf("ParseAddress(%q) again = %q, %v; want the same address", addr, again, err)
		}
	}
}

// The limit is on what is sent: U-labels grow when they become A-labels.
func TestParseAddressLength(t *testing.T) {
	local := strings.Repeat("a", 64)
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"6 bytes", "a@b.co", true},
		{"5 bytes", "a@b.c", false},
		{"254 bytes", local + "@" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 61), true},
		{"255 bytes", local + "@" + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 62), false},
		{"grows to 254 bytes", local + "@" + label50 + "." + label50 + "." + label50 + "." + strings.Repeat("t", 12), true},
		{"grows to 255 bytes", local + "@" + label50 + "." + label50 + "." + label50 + "." + strings.Repeat("t", 13), false},
		{"254 bytes that shrink", "a@" + strings.Repeat("ü", 50) + "." + strings.Repeat("é", 50) + "." + strings.Repeat("á", 23) + ".com", true},
		{"255 bytes that shrink", "a@" + strings.Repeat("ü", 50) + "." + strings.Repeat("é", 50) + "." + strings.Repeat("á", 23) + ".test", false},
		{"a label of 63", "a@" + strings.Repeat("b", 63) + ".test", true},
		{"a label of 64", "a@" + strings.Repeat("b", 64) + ".test", false},
	}
	for _, tt := range tests {
		addr, err := app.ParseAddress(tt.in)
		if got := err == nil; got != tt.ok {
			t.Errorf("%s: ParseAddress accepted = %v (%q, %v), want %v", tt.name, got, addr, err, tt.ok)
		}
	}
}

func TestZeroAddress(t *testing.T) {
	var a app.Address
	if a.String() != "" || a.Key() != "" || a.Domain() != "" || a.Masked() != "" || a.Base() != "" {
		t.Errorf("the zero Address = %q, key %q, domain %q, masked %q, base %q; want nothing", a, a.Key(), a.Domain(), a.Masked(), a.Base())
	}
}

func TestKeyIsOneMailbox(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"jane@company.com", "JANE@COMPANY.COM", true},
		{"jane@bücher.test", "Jane@xn--bcher-kva.test", true},
		{"jane@company.com", "jane+x@company.com", false},
		{"jane@company.com", "ja.ne@company.com", false},
		{"jane@company.com", "jane@\u0441ompany.com", false},
	}
	for _, tt := range tests {
		if got := address(t, tt.a).Key() == address(t, tt.b).Key(); got != tt.same {
			t.Errorf("%q and %q have the same key: %v, want %v", tt.a, tt.b, got, tt.same)
		}
	}
}
