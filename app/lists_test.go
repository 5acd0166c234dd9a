package app_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"foyer/app"
)

// readList returns the comment on top of a list file and its lines.
func readList(t *testing.T, name string) (comment string, words []string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutSuffix(string(data), "\n")
	if !ok || strings.Contains(text, "\r") {
		t.Fatalf("%s: want lines that end with LF, the last one too", name)
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "# ") {
			if len(words) > 0 {
				t.Errorf("%s:%d: a comment among the words", name, i+1)
			}
			comment += line
			continue
		}
		words = append(words, line)
	}
	if !regexp.MustCompile(`\b20\d\d-[01]\d-[0-3]\d\b`).MatchString(comment) {
		t.Errorf("%s: the comment on top has no date: %s", name, comment)
	}
	return comment, words
}

func TestSharedDomainsFile(t *testing.T) {
	_, domains := readList(t, app.SharedDomainsFile)
	if len(domains) < 500 {
		t.Errorf("got %d domains, want at least 500", len(domains))
	}
	if !slices.IsSorted(domains) {
		t.Error("the domains are not sorted by byte")
	}
	if n := len(slices.Compact(slices.Clone(domains))); n != len(domains) {
		t.Errorf("%d domains are there twice", len(domains)-n)
	}
	for _, domain := range domains {
		e, err := app.ParseEntry(domain)
		if err != nil || e.Kind != app.EntryDomain || e.Value != domain {
			t.Errorf("%q is not a domain as entries have it: %v, %v", domain, e, err)
			continue
		}
		if e.Refusal() == nil {
			t.Errorf("%q is on the list and is not refused", domain)
		}
	}
	if got := len(app.SharedDomains()); got != len(domains) {
		t.Errorf("the program knows %d domains, want %d", got, len(domains))
	}
}

func TestSharedDomains(t *testing.T) {
	shared := app.SharedDomains()
	for domain := range strings.FieldsSeq(`
		gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.co.uk icloud.com me.com mac.com aol.com
		proton.me protonmail.com pm.me tuta.com tutanota.com zoho.com fastmail.com hey.com mail.com email.com gmx.com gmx.de gmx.at gmx.net
		web.de t-online.de freenet.de orange.fr wanadoo.fr laposte.net free.fr libero.it virgilio.it wp.pl o2.pl onet.pl interia.pl
		mail.ru yandex.ru yandex.com rambler.ru ukr.net i.ua abv.bg freemail.hu citromail.hu
		azet.sk centrum.sk post.sk zoznam.sk pobox.sk inmail.sk atlas.sk orangemail.sk seznam.cz email.cz post.cz centrum.cz atlas.cz volny.cz
		tiscali.cz comcast.net verizon.net att.net btinternet.com sky.com qq.com 163.com 126.com sina.com naver.com daum.net hanmail.net
		rediffmail.com uol.com.br terra.com.br bigpond.com privaterelay.appleid.com duck.com mozmail.com
		mailinator.com guerrillamail.com yopmail.com 10minutemail.com temp-mail.org trashmail.com`) {
		if !shared[domain] {
			t.Errorf("%s is not on the list", domain)
		}
	}
	// Domains of organisations, and of nobody.
	for domain := range strings.FieldsSeq(`
		google.com microsoft.com apple.com ibm.com bt.com orange.com telekom.de facebook.com company.com example.com onmicrosoft.com
		mail.company.com com sk # #`) {
		if shared[domain] {
			t.Errorf("%s is on the list, and is no mail provider", domain)
		}
	}
}

func TestCommonPasswordsFile(t *testing.T) {
	_, words := readList(t, app.CommonPasswordsFile)
	if len(words) < 3000 {
		t.Errorf("got %d passwords, want at least 3,000", len(words))
	}
	seen := map[string]bool{}
	for _, word := range words {
		if n := utf8.RuneCountInString(word); n < app.MinPassword || n > app.MaxPassword {
			t.Errorf("%q has %d characters: its length alone refuses it", word, n)
		}
		if strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' || 'A' <= r && r <= 'Z' }) {
			t.Errorf("%q would never match: only lower-case ASCII is compared", word)
		}
		if seen[word] {
			t.Errorf("%q is there twice", word)
		}
		seen[word] = true
	}
	if got := len(app.CommonPasswords()); got != len(words) {
		t.Errorf("the program knows %d passwords, want %d", got, len(words))
	}
	top := words[:10]
	for _, word := range []string{"123456789", "password", "12345678"} {
		if !slices.Contains(top, word) {
			t.Errorf("%q is not among the first ten, %q", word, top)
		}
	}
}

func TestWordSet(t *testing.T) {
	got := app.WordSet("# comment\n#1hello\n\nabc\n  def \r\n# x\n#\nlast")
	for _, word := range []string{"#1hello", "abc", "def", "#", "last"} {
		if !got[word] {
			t.Errorf("%q is missing from %v", word, got)
		}
	}
	if len(got) != 5 {
		t.Errorf("got %v, want 5 words", got)
	}
}
