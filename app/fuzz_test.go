package app_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/idna"

	"foyer/app"
)

// The fuzz targets of this package. Their corpora are in testdata/fuzz; the seeds below are what people and attackers
// type.

func FuzzParseAddress(f *testing.F) {
	for _, s := range hostileAddresses {
		if len(s) < 1000 {
			f.Add(s)
		}
	}
	for _, s := range []string{"jane@company.com", "Jane+x@COMPANY.com", "o'neill@bücher.test", "r&d@xn--bcher-kva.test", "a@b.co", "x@пример.рф"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, err := app.ParseAddress(s)
		if err != nil {
			if addr != (app.Address{}) {
				t.Errorf("ParseAddress(%q) = %q beside its error", s, addr)
			}
			wantError(t, err, app.Invalid, "email", "address_invalid")
			return
		}
		checkAddress(t, s, addr)
	})
}

// checkAddress checks what must hold of every address that was accepted.
func checkAddress(t *testing.T, s string, addr app.Address) {
	t.Helper()
	got := addr.String()
	if strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.Errorf("ParseAddress(%q) = %q, want visible ASCII", s, got)
	}
	if strings.Count(s, "@") != 1 || strings.Count(got, "@") != 1 {
		t.Errorf("ParseAddress(%q) = %q, want one @ in each", s, got)
	}
	if n := len(got); n < 6 || n > 254 || len(s) < 6 || len(s) > 254 {
		t.Errorf("ParseAddress(%q) = %q of %d bytes, want 6 to 254", s, got, n)
	}
	// The local part is what was typed; the domain is the text behind the @, lowered or in its registration form.
	typedLocal, typedDomain, _ := strings.Cut(s, "@")
	local, domain, _ := strings.Cut(got, "@")
	if local != typedLocal || local == "" || len(local) > 64 || strings.Trim(local, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-'&") != "" {
		t.Errorf("ParseAddress(%q) has the local part %q", s, local)
	}
	want := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, typedDomain)
	if strings.ContainsFunc(want, func(r rune) bool { return r > '~' }) {
		registered, err := idna.Registration.ToASCII(want)
		if err != nil {
			t.Errorf("ParseAddress(%q) took a domain that cannot be registered: %v", s, err)
		}
		want = registered
	}
	if domain != want || domain != addr.Domain() {
		t.Errorf("ParseAddress(%q) has the domain %q, want %q", s, domain, want)
	}
	if !app.IsHostname(domain) || strings.ToLower(domain) != domain || len(domain) > 253 || strings.Count(domain, ".") < 1 {
		t.Errorf("ParseAddress(%q) has the domain %q, want a host name in lower case with two labels or more", s, domain)
	}
	if _, err := strconv.ParseUint(domain[strings.LastIndexByte(domain, '.')+1:], 10, 64); err == nil {
		t.Errorf("ParseAddress(%q) has the domain %q, which ends in a number", s, domain)
	}
	again, err := app.ParseAddress(got)
	if err != nil || again != addr {
		t.Errorf("ParseAddress(%q) again = %q, %v; want the same", got, again, err)
	}
	key := addr.Key()
	if key != strings.ToLower(got) {
		t.Errorf("%q.Key() = %q, want it in lower case", got, key)
	}
	if keyed, err := app.ParseAddress(key); err != nil || keyed.String() != key || keyed.Key() != key {
		t.Errorf("the key %q is no stable address: %q, %v", key, keyed, err)
	}
	// The base counts mailboxes and is no address: it only loses the tag.
	head, tail, _ := strings.Cut(addr.Base(), "@")
	keyLocal, _, _ := strings.Cut(key, "@")
	if tail != domain || head == "" || strings.Contains(head[1:], "+") || !strings.HasPrefix(keyLocal, head) ||
		head != keyLocal && keyLocal[len(head)] != '+' {
		t.Errorf("%q.Base() = %q, want the key less its tag", got, addr.Base())
	}
}

func FuzzParseEntries(f *testing.F) {
	for _, tt := range badTokens {
		f.Add(tt.token)
		f.Add("a.test " + tt.token + ", b.test")
	}
	for _, field := range []string{
		"", "company.com", "*.company.com,!lab.company.com;jane@company.com\n@other.test", "a.test !a.test", "a.test A.TEST.", "<mailto:jane@a.test>",
		"https://bücher.test/x?y xn--bcher-kva.test", "!!a.test", "<<a.test>>", "@@a.test",
	} {
		f.Add(field)
	}
	f.Fuzz(func(t *testing.T, field string) {
		entries, err := app.ParseEntries(field)
		if err != nil {
			checkEntriesError(t, field, entries, err)
			return
		}
		values := map[string]bool{}
		var words []string
		for _, e := range entries {
			checkEntry(t, e)
			if values[e.Value] {
				t.Errorf("ParseEntries(%q) has %q twice", field, e.Value)
			}
			values[e.Value] = true
			words = append(words, e.String())
		}
		if again, err := app.ParseEntries(strings.Join(words, "\n")); err != nil || !slices.Equal(again, entries) {
			t.Errorf("ParseEntries(%q) again = %v, %v; want %v", words, again, err, entries)
		}
	})
}

// checkEntry checks what must hold of every entry that was understood.
func checkEntry(t *testing.T, e app.Entry) {
	t.Helper()
	if again, err := app.ParseEntry(e.String()); err != nil || again != e {
		t.Errorf("ParseEntry(%q) = %+v, %v; want %+v", e, again, err, e)
	}
	if strings.ContainsFunc(e.Value, func(r rune) bool {
		return r <= ' ' || r > '~' || 'A' <= r && r <= 'Z' || strings.ContainsRune("!,;<>", r)
	}) {
		t.Errorf("entry %q has a character that none can have", e.Value)
	}
	// It covers what it says, and Candidates finds it.
	covered := map[app.EntryKind][]string{
		app.EntryAddress:  {e.Value},
		app.EntryDomain:   {"jane@" + e.Domain()},
		app.EntryWildcard: {"jane@" + e.Domain(), "jane@y." + e.Domain(), "jane@z.y." + e.Domain()},
	}[e.Kind]
	if covered == nil {
		t.Errorf("entry %q has the kind %q", e, e.Kind)
	}
	for _, s := range covered {
		addr, err := app.ParseAddress(s)
		if err != nil {
			if len(s) <= 254 {
				t.Errorf("entry %q covers %q, which is no address: %v", e, s, err)
			}
			continue
		}
		if !slices.Contains(app.Candidates(addr), e.Value) {
			t.Errorf("Candidates(%q) does not have %q", addr, e.Value)
		}
	}
	_, _, _ = e.Display(), e.MixedScript(), e.Refusal() // must not panic
}

func checkEntriesError(t *testing.T, field string, entries []app.Entry, err error) {
	t.Helper()
	if entries != nil {
		t.Errorf("ParseEntries(%q) = %v beside its error", field, entries)
	}
	e, ok := errors.AsType[*app.Error](err)
	if !ok || e.Code != app.Invalid || e.Field != "entries" || (e.Reason != "entry_invalid" && e.Reason != "entry_both") {
		t.Fatalf("ParseEntries(%q): %v", field, err)
	}
	if !strings.Contains(e.Message, fmt.Sprintf("%q", e.Args["Token"])) {
		t.Errorf("ParseEntries(%q): message %q does not quote the token %q", field, e.Message, e.Args["Token"])
	}
	tokens := strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) })
	if e.Reason == "entry_invalid" && !slices.Contains(tokens, e.Args["Token"]) {
		t.Errorf("ParseEntries(%q): %q is no token of the field", field, e.Args["Token"])
	}
	if e.Reason == "entry_both" && len(tokens) < 2 {
		t.Errorf("ParseEntries(%q): %v with one token", field, err)
	}
}

// FuzzGate compares the gate with an oracle that knows nothing of candidates: it asks of every entry whether it covers the
// address, and ranks those that do.
func FuzzGate(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3})
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{7, 2, 1, 0, 1, 2, 1, 0, 9, 1, 2, 8, 0, 1, 2, 17, 5, 1, 0, 2})
	f.Add([]byte("an allow list of some length, with many entries and companies"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g := gateCase{data: data}
		addr, entries := g.address(t), g.entries(t)
		got := app.Gate(addr, entries)
		want := oracle(addr, entries)
		if got.Reason != want.reason || got.Allowed != (want.reason == app.Listed) {
			t.Errorf("Gate(%s, %v) = %s, allowed %v; want %s", addr, entries, got.Reason, got.Allowed, want.reason)
		}
		if len(want.best) == 0 {
			if got.CompanyID != 0 || got.Company != "" || got.Entry != "" || got.Covering != nil {
				t.Errorf("Gate(%s, %v) = %+v, want no winner", addr, entries, got)
			}
			return
		}
		if !slices.ContainsFunc(want.best, func(e app.OwnedEntry) bool { return e.CompanyID == got.CompanyID && e.String() == got.Entry }) {
			t.Errorf("Gate(%s, %v): winner %q of %d, want one of %v", addr, entries, got.Entry, got.CompanyID, want.best)
		}
		if len(got.Covering) != want.covering || got.Covering[0].String() != got.Entry {
			t.Errorf("Gate(%s, %v) is covered by %v, want %d, the winner first", addr, entries, got.Covering, want.covering)
		}
		if !slices.IsSortedFunc(got.Covering, func(a, b app.OwnedEntry) int { return specificity(b) - specificity(a) }) {
			t.Errorf("Gate(%s, %v) is covered by %v, want the most specific first", addr, entries, got.Covering)
		}
		if text := got.Explain(); !strings.Contains(text, got.Entry) || !strings.Contains(text, got.Company) {
			t.Errorf("Explain = %q, want %q of %s in it", text, got.Entry, got.Company)
		}
	})
}

// gateCase makes addresses and lists of the bytes a fuzzer gives, over so few labels that they meet.
type gateCase struct{ data []byte }

func (g *gateCase) next() int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b)
}

func (g *gateCase) domain() string {
	labels := []string{"a", "b", "aa", "company"}
	domain := []string{"test", "com", "a"}[g.next()%3]
	for range 1 + g.next()%4 {
		domain = labels[g.next()%len(labels)] + "." + domain
	}
	return domain
}

func (g *gateCase) mailbox() string {
	return []string{"jane", "joe", "jane+x", "a.b"}[g.next()%4] + "@" + g.domain()
}

func (g *gateCase) address(t *testing.T) app.Address { return address(t, g.mailbox()) }

func (g *gateCase) entries(t *testing.T) []app.OwnedEntry {
	var owned []app.OwnedEntry
	for len(g.data) > 0 && len(owned) < 40 {
		shape := g.next()
		var token string
		switch shape % 3 {
		case 0:
			token = g.mailbox()
		case 1:
			token = g.domain()
		default:
			token = "*." + g.domain()
		}
		if shape/3%2 == 1 {
			token = "!" + token
		}
		company := shape / 6 % 4
		owned = append(owned, app.OwnedEntry{
			Entry: entry(t, token), CompanyID: int64(company + 1), Company: fmt.Sprint("Company ", company), Enabled: company != 3,
		})
	}
	return owned
}

type answer struct {
	reason   app.VerdictReason
	best     []app.OwnedEntry // those that may win; more than one only when a value is there twice
	covering int
}

// oracle is the precedence of the allow list, written down once more and without haste.
func oracle(addr app.Address, entries []app.OwnedEntry) answer {
	result := answer{reason: app.NotListed}
	highest := -1
	for _, e := range entries {
		if !covers(e, addr) {
			continue
		}
		result.covering++
		rank := 2 * specificity(e)
		if e.Deny {
			rank++
		}
		if rank > highest {
			highest, result.best = rank, nil
		}
		if rank == highest {
			result.best = append(result.best, e)
		}
	}
	if len(result.best) == 0 {
		return result
	}
	result.reason = app.Listed
	if !result.best[0].Enabled {
		result.reason = app.CompanyDisabled
	}
	if result.best[0].Deny {
		result.reason = app.RefusedByEntry
	}
	return result
}

func covers(e app.OwnedEntry, addr app.Address) bool {
	if strings.Contains(e.Value, "@") {
		return e.Value == strings.ToLower(addr.String())
	}
	have := strings.Split(addr.Domain(), ".")
	want := strings.Split(e.Value, ".")
	if want[0] != "*" {
		return slices.Equal(have, want)
	}
	want = want[1:]
	return len(have) >= len(want) && slices.Equal(have[len(have)-len(want):], want)
}

func specificity(e app.OwnedEntry) int {
	switch {
	case strings.Contains(e.Value, "@"):
		return 1001
	case strings.HasPrefix(e.Value, "*."):
		return strings.Count(e.Value, ".")
	default:
		return 1000
	}
}

// The keys of FuzzChange are numbers, so that it spends its time on the values: a key's place among the sorted ones, and
// the place behind them for a key that does not exist.
func FuzzChange(f *testing.F) {
	keys := append(slices.Sorted(maps.Keys(values(settings(f, nil)))), "unknown")
	place := func(key string) uint8 { return uint8(slices.Index(keys, key)) }
	for key, value := range defaults {
		f.Add(place(key), value, place("login_link"), "on")
	}
	for _, tt := range badSettings {
		f.Add(place(tt.key), tt.value, place("contact"), "Eve")
	}
	f.Add(place("mail.transport"), "smarthost", place("mail.smarthost"), "a.test:25")
	f.Add(place("mail.transport"), "smarthost", place("mail.from"), "")
	f.Add(place("mail.transport"), "smarthost", place("mail.tls"), "none")
	f.Add(place("mail.from"), "a@b.test", place("mail.auth"), "plain")
	f.Add(place("mail.auth"), "xoauth2", place("mail.oauth_provider"), "google")
	f.Add(place("unknown"), "x", place("login_link"), "on")
	stored := map[string]string{"mail.smarthost": "smtp.office.example:587", "mail.from": "foyer@office.example", "mail.username": "u", "mail.password": "p"}
	f.Fuzz(func(t *testing.T, place1 uint8, value1 string, place2 uint8, value2 string) {
		key1, key2 := keys[int(place1)%len(keys)], keys[int(place2)%len(keys)]
		base := settings(t, stored)
		changes := map[string]string{key1: value1, key2: value2}
		next, err := base.Change(changes)
		if base != settings(t, stored) {
			t.Errorf("Change(%q) changed the settings it was asked of", changes)
		}
		if err != nil {
			checkChangeError(t, base, next, changes, err)
			return
		}
		got, want := values(next), values(base)
		for key, value := range changes {
			def, err := app.SettingByKey(key)
			if err != nil {
				t.Fatalf("Change(%q) took the unknown key %q", changes, key)
			}
			if n, err := strconv.Atoi(value); def.Kind == "number" && err == nil {
				value = strconv.Itoa(n)
			}
			want[key] = value
			if !def.Secret() && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e || r == 0x2028 }) {
				t.Errorf("Change(%q) took a value that breaks a line or turns it round", changes)
			}
		}
		for _, line := range differences(got, want) {
			t.Errorf("Change(%q): %s", changes, line)
		}
		// What is stored is understood again, and gives the same.
		texts := maps.Clone(stored)
		maps.Copy(texts, changes)
		if again, err := app.ParseSettings(texts); err != nil || again != next {
			t.Errorf("ParseSettings(%q) = %+v, %v; want %+v", texts, again, err, next)
		}
		if again := settings(t, got); again != next {
			t.Errorf("ParseSettings of the values of %+v = %+v", next, again)
		}
		if m := next.Mail; m.Transport == "smarthost" && (m.Smarthost == "" || m.From == "" || m.Auth != "none" && (m.TLS == "none" || m.Username == "" || m.Auth != "xoauth2" && m.Password == "" || m.Auth == "xoauth2" && m.OAuth.ClientSecret == "")) {
			t.Errorf("Change(%q) gives mail settings that cannot work: %+v", changes, m)
		}
		if sender := next.Sender(); strings.Count(sender, "@") != 1 || strings.ContainsFunc(sender, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("Change(%q): Sender() = %q", changes, sender)
		}
	})
}

func checkChangeError(t *testing.T, base, next app.Settings, changes map[string]string, err error) {
	t.Helper()
	if next != base {
		t.Errorf("Change(%q) = %v and changed something", changes, err)
	}
	known := true
	for key := range changes {
		if _, err := app.SettingByKey(key); err != nil {
			known = false
		}
	}
	e, ok := errors.AsType[*app.Error](err)
	if !ok || e.Message == "" {
		t.Fatalf("Change(%q): %v", changes, err)
	}
	switch e.Code {
	case app.NotFound:
		if known {
			t.Errorf("Change(%q): %v, and all keys are known", changes, err)
		}
	case app.Invalid:
		if _, err := app.SettingByKey(e.Field); err != nil {
			t.Errorf("Change(%q): %v about the field %q", changes, e, e.Field)
		}
	default:
		t.Errorf("Change(%q): code %q", changes, e.Code)
	}
	if e.Code == app.Invalid && changes[e.Field] != "" && e.Field == "mail.password" && len(changes[e.Field]) > 12 && strings.Contains(e.Message, changes[e.Field]) {
		t.Errorf("Change: the message %q repeats the password", e.Message)
	}
}
