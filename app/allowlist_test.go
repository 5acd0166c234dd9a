package app_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"foyer/app"
)

func TestParseEntry(t *testing.T) {
	tests := []struct {
		token, want string
		kind        app.EntryKind
		domain      string
	}{
		// The kinds, each allowing and refusing.
		{"user@company.com", "user@company.com", app.EntryAddress, "company.com"},
		{"company.com", "company.com", app.EntryDomain, "company.com"},
		{"*.company.com", "*.company.com", app.EntryWildcard, "company.com"},
		{"!user@company.com", "!user@company.com", app.EntryAddress, "company.com"},
		{"!company.com", "!company.com", app.EntryDomain, "company.com"},
		{"!*.company.com", "!*.company.com", app.EntryWildcard, "company.com"},
		// Decoration.
		{"@company.com", "company.com", app.EntryDomain, "company.com"},
		{"@*.company.com", "*.company.com", app.EntryWildcard, "company.com"},
		{"!@company.com", "!company.com", app.EntryDomain, "company.com"},
		{"mailto:user@company.com", "user@company.com", app.EntryAddress, "company.com"},
		{"MAILTO:user@company.com", "user@company.com", app.EntryAddress, "company.com"},
		{"!mailto:user@company.com", "!user@company.com", app.EntryAddress, "company.com"},
		{"http://company.com", "company.com", app.EntryDomain, "company.com"},
		{"https://company.com/", "company.com", app.EntryDomain, "company.com"},
		{"HTTPS://Company.com/a/b?c=d@e#f", "company.com", app.EntryDomain, "company.com"},
		{"https://company.com?x", "company.com", app.EntryDomain, "company.com"},
		{"https://company.com#x", "company.com", app.EntryDomain, "company.com"},
		{"https://company.com./x", "company.com", app.EntryDomain, "company.com"},
		{"!https://company.com/x", "!company.com", app.EntryDomain, "company.com"},
		{"<company.com>", "company.com", app.EntryDomain, "company.com"},
		{"<user@company.com>", "user@company.com", app.EntryAddress, "company.com"},
		{"<mailto:user@company.com>", "user@company.com", app.EntryAddress, "company.com"},
		{"<https://company.com/x>", "company.com", app.EntryDomain, "company.com"},
		{"<!company.com>", "!company.com", app.EntryDomain, "company.com"},
		{"!<company.com>", "!company.com", app.EntryDomain, "company.com"},
		{"company.com.", "company.com", app.EntryDomain, "company.com"},
		{"*.company.com.", "*.company.com", app.EntryWildcard, "company.com"},
		{"user@company.com.", "user@company.com", app.EntryAddress, "company.com"},
		// Case.
		{"COMPANY.Com", "company.com", app.EntryDomain, "company.com"},
		{"*.COMPANY.com", "*.company.com", app.EntryWildcard, "company.com"},
		{"User@Company.COM", "user@company.com", app.EntryAddress, "company.com"},
		// International names.
		{"bücher.test", "xn--bcher-kva.test", app.EntryDomain, "xn--bcher-kva.test"},
		{"*.Bücher.test", "*.xn--bcher-kva.test", app.EntryWildcard, "xn--bcher-kva.test"},
		{"!user@XN--BCHER-KVA.test", "!user@xn--bcher-kva.test", app.EntryAddress, "xn--bcher-kva.test"},
		{"\u0430llowed.com", "xn--llowed-2nf.com", app.EntryDomain, "xn--llowed-2nf.com"},
		// Addresses keep their tags and odd characters.
		{"user+shop@company.com", "user+shop@company.com", app.EntryAddress, "company.com"},
		{"o'neill@company.com", "o'neill@company.com", app.EntryAddress, "company.com"},
		// What is unwise, and judged elsewhere, is understood.
		{"co.uk", "co.uk", app.EntryDomain, "co.uk"},
		{"gmail.com", "gmail.com", app.EntryDomain, "gmail.com"},
		{"jane@gmail.com", "jane@gmail.com", app.EntryAddress, "gmail.com"},
	}
	for _, tt := range tests {
		got, err := app.ParseEntry(tt.token)
		if err != nil {
			t.Errorf("ParseEntry(%q): %v", tt.token, err)
			continue
		}
		if got.String() != tt.want || got.Kind != tt.kind || got.Domain() != tt.domain {
			t.Errorf("ParseEntry(%q) = %q, %s of %q; want %q, %s of %q", tt.token, got, got.Kind, got.Domain(), tt.want, tt.kind, tt.domain)
		}
		if want := strings.HasPrefix(tt.want, "!"); got.Deny != want || strings.Contains(got.Value, "!") {
			t.Errorf("ParseEntry(%q) refuses = %v with the value %q, want %v and no !", tt.token, got.Deny, got.Value, want)
		}
		if again := entry(t, got.String()); again != got {
			t.Errorf("ParseEntry(%q) again = %v, want %v", got, again, got)
		}
	}
}

// badTokens are what the field must not take, with a part of the message that helps.
var badTokens = []struct{ token, hint string }{
	{"com", "company.com"},
	{"localhost", "company.com"},
	{"!com", "company.com"},
	{"*.com", "company.com"},
	{"*", "company.com"},
	{"*.", "company.com"},
	{"!", "company.com"},
	{"!!company.com", "company.com"},
	{"@", "company.com"},
	{".", "company.com"},
	{"<>", "company.com"},
	{"http://", "company.com"},
	{"mailto:", "company.com"},
	{"*company.com", "company.com"},
	{"*.*.company.com", "company.com"},
	{"a.*.company.com", "company.com"},
	{"company.*", "company.com"},
	{"*.", "company.com"},
	{".company.com", `"*.company.com"`},
	{"*@company.com", `"company.com"`},
	{"*.user@company.com", "e-mail"},
	{"company.com..", "company.com"},
	{"company..com", "company.com"},
	{"-company.com", "company.com"},
	{"com_pany.com", "company.com"},
	{"192.168.0.1", "IP address"},
	{"[192.168.0.1]", "IP address"},
	{"!10.0.0.1", "IP address"},
	{"::1", "IP address"},
	{"[::1]", "IP address"},
	{"fe80::1%eth0", "IP address"},
	{"http://127.0.0.1/", "IP address"},
	{"*.1.2.3.4", "company.com"},
	{"1.2.3.4.5", "company.com"},
	{"user@[127.0.0.1]", "e-mail"},
	{"user@127.0.0.1", "e-mail"},
	{"user@company", "e-mail"},
	{"a@b@company.com", "e-mail"},
	{"@@company.com", "e-mail"},
	{"company.com:25", "company.com"},
	{"https://company.com:8080/", "company.com"},
	{"company.com/path", "company.com"},
	{"ftp://company.com", "company.com"},
	{"http://gmail.com@evil.example/", "e-mail"},
	{"https://user:secret@company.com", "e-mail"},
	{"https://user@company.com/x", "e-mail"},
	{"mailto:user@company.com?subject=x", "e-mail"},
	{`"user"@company.com`, "e-mail"},
	{"user@company.com>", "e-mail"},
	{"<company.com", "company.com"},
	{"company.com>", "company.com"},
	{"(company.com)", "company.com"},
	{"'company.com'", "company.com"},
	{"/company\\.com$/", "company.com"},
	{"^.*@company\\.com$", "e-mail"},
	{"company.com|evil.example", "company.com"},
	{"company\u3002com", "company.com"},
	{"\uff43ompany.com", "company.com"},
	{"com\u200bpany.com", "company.com"},
	{"\u212apmg.com", "company.com"},
	{"company.com\u00a0", "company.com"},
	{"\u202ecompany.com", "company.com"},
	{"company.com\x00", "company.com"},
	{"company\v.com", "company.com"},
	{"xn--company-.com", "company.com"},
	{"com\xffpany.com", "company.com"},
}

func TestParseEntryRefuses(t *testing.T) {
	for _, tt := range badTokens {
		got, err := app.ParseEntry(tt.token)
		if err == nil {
			t.Errorf("ParseEntry(%q) = %q, want an error", tt.token, got)
			continue
		}
		wantError(t, err, app.Invalid, "entries", "entry_invalid")
		if message := app.MessageOf(err); !strings.Contains(message, fmt.Sprintf("%q", tt.token)) || !strings.Contains(message, tt.hint) {
			t.Errorf("ParseEntry(%q): message %q, want the token and %q in it", tt.token, message, tt.hint)
		}
		if e, _ := errors.AsType[*app.Error](err); e.Args["Token"] != tt.token {
			t.Errorf("ParseEntry(%q): Args[Token] = %q, want the token", tt.token, e.Args["Token"])
		}
		if got != (app.Entry{}) {
			t.Errorf("ParseEntry(%q) returned %v beside its error, want no entry", tt.token, got)
		}
	}
}

// What no address can be, no entry can be: the field uses the same parser.
func TestHostileAddressesAreNoEntries(t *testing.T) {
	for _, s := range hostileAddresses {
		e, err := app.ParseEntry(s)
		if err != nil || e.Kind != app.EntryAddress {
			continue
		}
		// Decoration that the field strips on purpose is all that may differ.
		rest := strings.TrimPrefix(strings.Trim(s, "<>"), "mailto:")
		rest = strings.TrimSuffix(strings.TrimPrefix(rest, "@"), ".")
		if e.Value != rest {
			t.Errorf("ParseEntry(%q) = %q, want an error or %q", s, e, rest)
		}
	}
}

func TestParseEntriesSeparators(t *testing.T) {
	tests := []struct {
		field string
		want  []string
	}{
		{"", nil},
		{" \t\r\n,;, ", nil},
		{"a.test", []string{"a.test"}},
		{"a.test,b.test;c.test d.test\te.test\nf.test\r\ng.test", []string{"a.test", "b.test", "c.test", "d.test", "e.test", "f.test", "g.test"}},
		{",;a.test,,;; b.test,", []string{"a.test", "b.test"}},
		{"  a.test  ", []string{"a.test"}},
		{"b.test a.test", []string{"b.test", "a.test"}},
		{"a.test A.TEST a.test. @a.test https://a.test/x", []string{"a.test"}},
		{"a.test *.a.test jane@a.test", []string{"a.test", "*.a.test", "jane@a.test"}},
		{"!a.test !A.test", []string{"!a.test"}},
		{"*.a.test !x.a.test", []string{"*.a.test", "!x.a.test"}},
		{"bücher.test xn--bcher-kva.test", []string{"xn--bcher-kva.test"}},
		{"Jane@a.test jane@a.test jane+1@a.test", []string{"jane@a.test", "jane+1@a.test"}},
	}
	for _, tt := range tests {
		entries, err := app.ParseEntries(tt.field)
		if err != nil {
			t.Errorf("ParseEntries(%q): %v", tt.field, err)
			continue
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("ParseEntries(%q) = %q, want %q", tt.field, got, tt.want)
		}
	}
}

func TestParseEntriesIsAllOrNothing(t *testing.T) {
	for _, tt := range badTokens {
		if strings.ContainsAny(tt.token, " \t\r\n,;") {
			continue
		}
		for _, field := range []string{"a.test " + tt.token + " b.test", tt.token + ",b.test", "a.test\n" + tt.token} {
			got, err := app.ParseEntries(field)
			if got != nil {
				t.Errorf("ParseEntries(%q) = %v, want nothing", field, got)
			}
			wantError(t, err, app.Invalid, "entries", "entry_invalid")
			if message := app.MessageOf(err); !strings.Contains(message, fmt.Sprintf("%q", tt.token)) {
				t.Errorf("ParseEntries(%q): message %q, want %q quoted in it", field, message, tt.token)
			}
		}
	}
}

func TestParseEntriesBoth(t *testing.T) {
	for _, field := range []string{
		"a.test !a.test", "!a.test a.test", "a.test b.test !A.TEST.", "*.a.test !*.a.test", "Jane@a.test,!jane@a.test", "!bücher.test xn--bcher-kva.test",
	} {
		got, err := app.ParseEntries(field)
		if got != nil {
			t.Errorf("ParseEntries(%q) = %v, want nothing", field, got)
		}
		wantError(t, err, app.Invalid, "entries", "entry_both")
		value := strings.TrimPrefix(entry(t, strings.FieldsFunc(field, func(r rune) bool { return r == ' ' || r == ',' })[0]).String(), "!")
		if message := app.MessageOf(err); !strings.Contains(message, fmt.Sprintf("%q", value)) {
			t.Errorf("ParseEntries(%q): message %q, want %q quoted in it", field, message, value)
		}
	}
}

func TestRefusal(t *testing.T) {
	tests := []struct{ token, reason string }{
		{"company.com", ""},
		{"*.company.com", ""},
		{"company.co.uk", ""},
		{"*.company.co.uk", ""},
		{"company.test", ""},
		{"company.github.io", ""},
		{"contoso.onmicrosoft.com", ""},
		{"*.contoso.onmicrosoft.com", ""},
		{"contoso.mail.onmicrosoft.com", ""},
		{"jane@gmail.com", ""},
		{"jane@outlook.com", ""},
		{"jane@x.onmicrosoft.com", ""},
		{"!jane@gmail.com", ""},
		{"jane@a.b.c.d.e.f.g.h.i.j.k.test", ""},
		{"a.b.c.d.e.f.g.h.i.test", ""},
		{"*.a.b.c.d.e.f.g.h.i.test", ""},
		{"a.b.c.d.e.f.g.h.i.j.test", "entry_deep"},
		{"*.a.b.c.d.e.f.g.h.i.j.test", "entry_deep"},
		{"co.uk", "public_suffix"},
		{"*.co.uk", "public_suffix"},
		{"!co.uk", "public_suffix"},
		{"github.io", "public_suffix"},
		{"*.github.io", "public_suffix"},
		{"com.au", "public_suffix"},
		{"any.ck", "public_suffix"},
		{"blogspot.com", "public_suffix"},
		{"*.sch.uk", "public_suffix"}, // every school of the country
		{"*.kawasaki.jp", "public_suffix"},
		{"*.amazonaws.com", "shared_domain"},
		{"gmail.com", "shared_domain"},
		{"*.gmail.com", "shared_domain"},
		{"!gmail.com", "shared_domain"},
		{"GMAIL.com.", "shared_domain"},
		{"outlook.com", "shared_domain"},
		{"seznam.cz", "shared_domain"},
		{"azet.sk", "shared_domain"},
		{"centrum.sk", "shared_domain"},
		{"gmx.de", "shared_domain"},
		{"mailinator.com", "shared_domain"},
		{"privaterelay.appleid.com", "shared_domain"},
		{"onmicrosoft.com", "shared_domain"},
		{"*.onmicrosoft.com", "shared_domain"},
		{"mail.onmicrosoft.com", "shared_domain"},
		{"*.mail.onmicrosoft.com", "shared_domain"},
		{"partner.onmschina.cn", "shared_domain"},
	}
	for _, tt := range tests {
		e := entry(t, tt.token)
		err := e.Refusal()
		if tt.reason == "" {
			if err != nil {
				t.Errorf("%q.Refusal() = %v, want nil", e, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%q.Refusal() = nil, want %s", e, tt.reason)
			continue
		}
		wantError(t, err, app.Invalid, "entries", tt.reason)
		if message := app.MessageOf(err); !strings.Contains(message, fmt.Sprintf("%q", e.String())) {
			t.Errorf("%q.Refusal(): message %q, want the entry quoted in it", e, message)
		}
	}
}

func TestDisplay(t *testing.T) {
	tests := []struct {
		token, want string
		mixed       bool
	}{
		{"company.com", "company.com", false},
		{"!*.company.com", "!*.company.com", false},
		{"jane@company.com", "jane@company.com", false},
		{"xn--bcher-kva.test", "bücher.test", false},
		{"*.xn--bcher-kva.test", "*.bücher.test", false},
		{"!jane@xn--bcher-kva.test", "!jane@bücher.test", false},
		{"xn--llowed-2nf.com", "\u0430llowed.com", true}, // a Cyrillic letter among Latin ones
		{"jane@xn--llowed-2nf.com", "jane@\u0430llowed.com", true},
		{"!*.xn--llowed-2nf.com", "!*.\u0430llowed.com", true},
		{"пример.рф", "пример.рф", false},
		{"пример.com", "пример.com", false}, // labels of different scripts are common
		{"日本語ひらがなカタカナ.jp", "日本語ひらがなカタカナ.jp", false},
		{"한국漢字.kr", "한국漢字.kr", false},
		{"日本abc.jp", "日本abc.jp", true},
		{"\u03b1\u0431.test", "\u03b1\u0431.test", true}, // Greek and Cyrillic
		{"3com-1.test", "3com-1.test", false},
	}
	for _, tt := range tests {
		e := entry(t, tt.token)
		if got := e.Display(); got != tt.want {
			t.Errorf("%q.Display() = %q, want %q", e, got, tt.want)
		}
		if got := e.MixedScript(); got != tt.mixed {
			t.Errorf("%q.MixedScript() = %v, want %v", e, got, tt.mixed)
		}
	}
}

func TestCandidates(t *testing.T) {
	tests := []struct {
		addr string
		want []string
	}{
		{"Jane+x@a.company.co.uk", []string{"jane+x@a.company.co.uk", "a.company.co.uk", "*.a.company.co.uk", "*.company.co.uk", "*.co.uk", "*.uk"}},
		{"jane@company.com", []string{"jane@company.com", "company.com", "*.company.com", "*.com"}},
		{"jane@bücher.test", []string{"jane@xn--bcher-kva.test", "xn--bcher-kva.test", "*.xn--bcher-kva.test", "*.test"}},
	}
	for _, tt := range tests {
		if got := app.Candidates(address(t, tt.addr)); !slices.Equal(got, tt.want) {
			t.Errorf("Candidates(%q) = %q, want %q", tt.addr, got, tt.want)
		}
	}
}

// list returns the entries of companies, each written "Name: entries". A name with "(off)" behind it is a
// disabled company.
func list(tb testing.TB, companies ...string) []app.OwnedEntry {
	tb.Helper()
	var owned []app.OwnedEntry
	for i, line := range companies {
		name, field, _ := strings.Cut(line, ": ")
		name, off := strings.CutSuffix(name, " (off)")
		entries, err := app.ParseEntries(field)
		if err != nil {
			tb.Fatalf("%q: %v", line, err)
		}
		for _, e := range entries {
			owned = append(owned, app.OwnedEntry{Entry: e, CompanyID: int64(i + 1), Company: name, Enabled: !off})
		}
	}
	return owned
}

func TestGate(t *testing.T) {
	tests := []struct {
		name      string
		companies []string
		addr      string
		reason    app.VerdictReason
		company   string
		entry     string
	}{
		{"an empty list lets in nobody", nil, "jane@company.com", app.NotListed, "", ""},
		{"a company without entries", []string{"A: "}, "jane@company.com", app.NotListed, "", ""},
		{"only refusals", []string{"A: !evil.com"}, "jane@company.com", app.NotListed, "", ""},

		{"address", []string{"A: jane@company.com"}, "jane@company.com", app.Listed, "A", "jane@company.com"},
		{"address in another case", []string{"A: jane@company.com"}, "JANE@Company.COM", app.Listed, "A", "jane@company.com"},
		{"another address", []string{"A: jane@company.com"}, "joe@company.com", app.NotListed, "", ""},
		{"longer local part", []string{"A: jane@company.com"}, "xjane@company.com", app.NotListed, "", ""},
		{"address below it", []string{"A: jane@company.com"}, "jane@sub.company.com", app.NotListed, "", ""},
		{"tag on an address entry", []string{"A: ceo@partner.test"}, "ceo+x@partner.test", app.NotListed, "", ""},
		{"an address entry with a tag", []string{"A: ceo+x@partner.test"}, "ceo+x@partner.test", app.Listed, "A", "ceo+x@partner.test"},
		{"an address entry with a tag, without", []string{"A: ceo+x@partner.test"}, "ceo@partner.test", app.NotListed, "", ""},

		{"domain", []string{"A: company.com"}, "jane@company.com", app.Listed, "A", "company.com"},
		{"tag on a domain entry", []string{"A: company.com"}, "jane+x@company.com", app.Listed, "A", "company.com"},
		{"domain in another case", []string{"A: COMPANY.com"}, "jane@company.COM", app.Listed, "A", "company.com"},
		{"domain is exact", []string{"A: company.com"}, "jane@sub.company.com", app.NotListed, "", ""},
		{"suffix is no label", []string{"A: company.com"}, "jane@evilcompany.com", app.NotListed, "", ""},
		{"longer domain", []string{"A: company.com"}, "jane@company.com.evil.test", app.NotListed, "", ""},
		{"hyphen is no dot", []string{"A: company.com"}, "jane@evil-company.com", app.NotListed, "", ""},
		{"parent", []string{"A: sub.company.com"}, "jane@company.com", app.NotListed, "", ""},
		{"domain as local part", []string{"A: company.com"}, "company.com@evil.test", app.NotListed, "", ""},
		{"look-alike", []string{"A: allowed.com"}, "jane@\u0430llowed.com", app.NotListed, "", ""},
		{"international, typed as U-label", []string{"A: bücher.test"}, "jane@xn--bcher-kva.test", app.Listed, "A", "xn--bcher-kva.test"},
		{"international, typed as A-label", []string{"A: xn--bcher-kva.test"}, "jane@Bücher.test", app.Listed, "A", "xn--bcher-kva.test"},

		{"wildcard covers its domain", []string{"A: *.company.com"}, "jane@company.com", app.Listed, "A", "*.company.com"},
		{"wildcard covers a subdomain", []string{"A: *.company.com"}, "jane@a.company.com", app.Listed, "A", "*.company.com"},
		{"wildcard covers a deep subdomain", []string{"A: *.company.com"}, "jane@a.b.c.company.com", app.Listed, "A", "*.company.com"},
		{"wildcard by whole labels", []string{"A: *.company.com"}, "jane@evilcompany.com", app.NotListed, "", ""},
		{"wildcard and parent", []string{"A: *.sub.company.com"}, "jane@company.com", app.NotListed, "", ""},
		{"wildcard with a tail", []string{"A: *.company.com"}, "jane@company.com.evil.test", app.NotListed, "", ""},

		{"refused address in an allowed domain", []string{"A: company.com !joe@company.com"}, "joe@company.com", app.RefusedByEntry, "A", "!joe@company.com"},
		{"its neighbour", []string{"A: company.com !joe@company.com"}, "jane@company.com", app.Listed, "A", "company.com"},
		{"a tag steps around a refused address, and is another one", []string{"A: company.com !joe@company.com"}, "joe+x@company.com", app.Listed, "A", "company.com"},
		{"allowed address in a refused domain", []string{"A: !company.com jane@company.com"}, "jane@company.com", app.Listed, "A", "jane@company.com"},
		{"the rest of a refused domain", []string{"A: !company.com jane@company.com"}, "joe@company.com", app.RefusedByEntry, "A", "!company.com"},
		{"refused domain in an allowed wildcard", []string{"A: *.company.com !lab.company.com"}, "joe@lab.company.com", app.RefusedByEntry, "A", "!lab.company.com"},
		{"below a refused domain", []string{"A: *.company.com !lab.company.com"}, "joe@x.lab.company.com", app.Listed, "A", "*.company.com"},
		{"allowed domain in a refused wildcard", []string{"A: !*.company.com lab.company.com"}, "joe@lab.company.com", app.Listed, "A", "lab.company.com"},
		{"below an allowed domain", []string{"A: !*.company.com lab.company.com"}, "joe@x.lab.company.com", app.RefusedByEntry, "A", "!*.company.com"},
		{"domain beats the wildcard of the same name", []string{"A: !*.company.com company.com"}, "joe@company.com", app.Listed, "A", "company.com"},
		{"refused domain beats the wildcard of the same name", []string{"A: *.company.com !company.com"}, "joe@company.com", app.RefusedByEntry, "A", "!company.com"},
		{"refused wildcard in an allowed one", []string{"A: *.company.com !*.lab.company.com"}, "joe@x.lab.company.com", app.RefusedByEntry, "A", "!*.lab.company.com"},
		{"allowed wildcard in a refused one", []string{"A: !*.company.com *.lab.company.com"}, "joe@x.lab.company.com", app.Listed, "A", "*.lab.company.com"},
		{"address beats all", []string{"A: !*.company.com !company.com jane@company.com"}, "jane@company.com", app.Listed, "A", "jane@company.com"},
		{"refused address beats all", []string{"A: *.company.com company.com !joe@company.com"}, "joe@company.com", app.RefusedByEntry, "A", "!joe@company.com"},
		{"three levels", []string{"A: *.g.com !*.b.g.com *.a.b.g.com"}, "joe@x.a.b.g.com", app.Listed, "A", "*.a.b.g.com"},
		{"three levels, the middle", []string{"A: *.g.com !*.b.g.com *.a.b.g.com"}, "joe@b.g.com", app.RefusedByEntry, "A", "!*.b.g.com"},

		{"overlap, the group", []string{"A: *.group.com", "B: sub.group.com", "C: boss@group.com"}, "jane@group.com", app.Listed, "A", "*.group.com"},
		{"overlap, the part", []string{"A: *.group.com", "B: sub.group.com", "C: boss@group.com"}, "jane@sub.group.com", app.Listed, "B", "sub.group.com"},
		{"overlap, the person", []string{"A: *.group.com", "B: sub.group.com", "C: boss@group.com"}, "boss@group.com", app.Listed, "C", "boss@group.com"},
		{"another company refuses", []string{"A: *.group.com", "B: !sub.group.com"}, "jane@sub.group.com", app.RefusedByEntry, "B", "!sub.group.com"},
		{"another company's wider refusal loses", []string{"A: sub.group.com", "B: !*.group.com"}, "jane@sub.group.com", app.Listed, "A", "sub.group.com"},

		{"disabled company", []string{"A (off): company.com"}, "jane@company.com", app.CompanyDisabled, "A", "company.com"},
		{"a disabled company's entry stays reserved", []string{"A: *.group.com", "B (off): sub.group.com"}, "jane@sub.group.com", app.CompanyDisabled, "B", "sub.group.com"},
		{"a disabled company's wider entry loses", []string{"A: sub.group.com", "B (off): *.group.com"}, "jane@sub.group.com", app.Listed, "A", "sub.group.com"},
		{"a disabled company's refusal refuses", []string{"A: *.group.com", "B (off): !sub.group.com"}, "jane@sub.group.com", app.RefusedByEntry, "B", "!sub.group.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			entries := list(t, tt.companies...)
			addr := address(t, tt.addr)
			for _, order := range [][]app.OwnedEntry{entries, reversed(entries)} {
				got := app.Gate(addr, order)
				if got.Reason != tt.reason || got.Company != tt.company || got.Entry != tt.entry || got.Allowed != (tt.reason == app.Listed) {
					t.Errorf("Gate(%s) = allowed %v, %s, company %q, entry %q; want %s, company %q, entry %q",
						addr, got.Allowed, got.Reason, got.Company, got.Entry, tt.reason, tt.company, tt.entry)
				}
				if (got.CompanyID == 0) != (tt.company == "") {
					t.Errorf("Gate(%s) gives company ID %d for company %q", addr, got.CompanyID, got.Company)
				}
			}
		})
	}
}

func reversed(entries []app.OwnedEntry) []app.OwnedEntry {
	entries = slices.Clone(entries)
	slices.Reverse(entries)
	return entries
}

// The database keeps a value from being there twice. Should it ever fail, refusal wins at equal specificity.
func TestGateEqualSpecificity(t *testing.T) {
	for _, value := range []string{"jane@company.com", "company.com", "*.company.com", "*.com"} {
		entries := []app.OwnedEntry{
			{Entry: app.Entry{Kind: app.EntryDomain, Value: value}, CompanyID: 1, Company: "A", Enabled: true},
			{Entry: app.Entry{Kind: app.EntryDomain, Value: value, Deny: true}, CompanyID: 2, Company: "B", Enabled: true},
			{Entry: app.Entry{Kind: app.EntryDomain, Value: value}, CompanyID: 3, Company: "C", Enabled: true},
		}
		for _, order := range [][]app.OwnedEntry{entries, reversed(entries), {entries[1], entries[0]}, {entries[0], entries[1]}} {
			if got := app.Gate(address(t, "jane@company.com"), order); got.Allowed || got.Reason != app.RefusedByEntry || got.Entry != "!"+value {
				t.Errorf("Gate with %q allowed and refused = %v, %s by %q; want a refusal", value, got.Allowed, got.Reason, got.Entry)
			}
		}
	}
}

func TestGateCovering(t *testing.T) {
	entries := list(t, "A: *.b.company.com *.company.com !a.b.company.com other.test", "B: jane@a.b.company.com joe@a.b.company.com *.a.b.company.com")
	var got []string
	for _, e := range app.Gate(address(t, "jane@a.b.company.com"), entries).Covering {
		got = append(got, e.Company+" "+e.String())
	}
	want := []string{"B jane@a.b.company.com", "A !a.b.company.com", "B *.a.b.company.com", "A *.b.company.com", "A *.company.com"}
	if !slices.Equal(got, want) {
		t.Errorf("Covering = %q, want %q", got, want)
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		companies []string
		addr      string
		want      string
	}{
		{nil, "jane@company.com", "no company lists this address or its domain"},
		{[]string{"Acme: jane@company.com"}, "jane@company.com", `"jane@company.com" of Acme lists exactly this address`},
		{[]string{"Acme: company.com"}, "jane@company.com", `"company.com" of Acme lists exactly this domain`},
		{[]string{"Acme: *.company.com"}, "jane@a.company.com", `"*.company.com" of Acme covers this domain and its subdomains`},
		{[]string{"Acme: !company.com"}, "jane@company.com", `"!company.com" of Acme refuses it`},
		{[]string{"Acme (off): company.com"}, "jane@company.com", `"company.com" of Acme lists exactly this domain, but the company is disabled`},
		{
			[]string{"Acme: *.group.com", "Beta: sub.group.com"},
			"jane@sub.group.com", `"sub.group.com" of Beta lists exactly this domain; it is more specific than "*.group.com" of Acme`,
		},
		{
			[]string{"Acme: company.com !joe@company.com"},
			"joe@company.com", `"!joe@company.com" of Acme refuses it; it is more specific than "company.com" of Acme`,
		},
	}
	for _, tt := range tests {
		if got := app.Gate(address(t, tt.addr), list(t, tt.companies...)).Explain(); got != tt.want {
			t.Errorf("Explain of %s with %q = %s, want %s", tt.addr, tt.companies, got, tt.want)
		}
	}
}

func TestOverlaps(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"*.group.com", "sub.group.com", true},
		{"*.group.com", "group.com", true},
		{"*.group.com", "boss@group.com", true},
		{"*.group.com", "boss@a.b.group.com", true},
		{"*.group.com", "*.sub.group.com", true},
		{"*.group.com", "!sub.group.com", true},
		{"group.com", "boss@group.com", true},
		{"!group.com", "boss@group.com", true},
		{"group.com", "group.com", false},
		{"group.com", "!group.com", false},
		{"*.group.com", "*.group.com", false},
		{"group.com", "sub.group.com", false},
		{"group.com", "boss@sub.group.com", false},
		{"*.group.com", "evilgroup.com", false},
		{"*.group.com", "boss@evilgroup.com", false},
		{"*.sub.group.com", "group.com", false},
		{"*.a.group.com", "*.b.group.com", false},
		{"a@group.com", "b@group.com", false},
		{"a.com", "b.com", false},
	}
	for _, tt := range tests {
		a, b := entry(t, tt.a), entry(t, tt.b)
		if got := a.Overlaps(b); got != tt.want {
			t.Errorf("%q.Overlaps(%q) = %v, want %v", a, b, got, tt.want)
		}
		if got := b.Overlaps(a); got != tt.want {
			t.Errorf("%q.Overlaps(%q) = %v, want %v", b, a, got, tt.want)
		}
	}
}

func TestOnList(t *testing.T) {
	tests := []struct {
		name      string
		companies []string
		want      bool
	}{
		{"listed", []string{"A: company.com"}, true},
		{"by another entry", []string{"A: *.company.com"}, true},
		{"removed", []string{"A: other.test"}, false},
		{"refused now", []string{"A: company.com !jane@company.com"}, false},
		{"moved to another company", []string{"A: other.test", "B: company.com"}, false},
		{"company disabled", []string{"A (off): company.com"}, true},
		{"refused by a disabled company", []string{"A (off): !company.com"}, false},
	}
	for _, tt := range tests {
		account := app.Account{Email: address(t, "jane@company.com"), CompanyID: 1}
		if got := account.OnList(list(t, tt.companies...)); got != tt.want {
			t.Errorf("%s: OnList = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestProblemArgs expects the values from which a sentence in another language is made.
func TestProblemArgs(t *testing.T) {
	for _, tt := range []struct{ token, why, write string }{
		{"what?", "form", ""},
		{"jane@", "address", ""},
		{"*@acme.com", "whole_domain", "acme.com"},
		{".acme.com", "subdomains", "*.acme.com"},
		{"192.0.2.1", "ip", ""},
		{"gmail.com", "people", "jane@gmail.com"},
		{"onmicrosoft.com", "organisations", "contoso.onmicrosoft.com"},
	} {
		e, err := app.ParseEntry(tt.token)
		if err == nil {
			err = e.Refusal()
		}
		if got, _ := errors.AsType[*app.Error](err); got == nil || got.Args["Token"] != tt.token || got.Args["Why"] != tt.why || got.Args["Write"] != tt.write {
			t.Errorf("%q: got %v, want the arguments %q, %q", tt.token, got, tt.why, tt.write)
		}
	}
}
