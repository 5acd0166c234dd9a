package app_test

import (
	"strings"
	"testing"

	"foyer/app"
)

// badTexts are not fit to be shown on a line: a name of them could look like another, break a line or a log.
var badTexts = []string{
	" Acme", "Acme ", "\tAcme", "Acme\n", "\u00a0Acme", "Acme\u3000", "\u2003Acme", " ",
	"Ac\nme", "Ac\rme", "Acme\r\nBcc: joe@evil.example", "Ac\x00me", "Ac\x1bme", "Ac\x7fme", "Ac\u0085me", "Ac\u009fme", "Ac\tme",
	"Ac\u202eme", "Ac\u202ame", "Ac\u202cme", "Ac\u2066me", "Ac\u2069me", "Ac\u200eme", "Ac\u200fme", "Ac\u061cme", // bidirectional
	"Ac\u200bme", "Ac\u200cme", "Ac\u200dme", "Ac\u2060me", "Ac\ufeffme", "Ac\u00adme", "Ac\u180eme", "Ac\u034fme", // invisible
	"Ac\u115fme", "Ac\u1160me", "\u3164", "Ac\u3164me", "Ac\uffa0me", "Ac\u2800me", "Ac\ufe0fme", "Ac\U000e0100me", "Ac\U000e0041me",
	"Ac\u2028me", "Ac\u2029me", "Ac\ue000me", "Ac\U000f0000me", "Ac\ufffdme", "Ac\ufffeme", "Ac\U0010ffffme", "Ac\u2061me", "Ac\u17b4me",
	"Ac\xffme", "\xed\xa0\x80", "\xc0\xaf",
}

// goodTexts are names of people and companies.
var goodTexts = []string{
	"Acme", "Acme, s. r. o.", "Müller & Söhne GmbH", "O'Neill", "株式会社", "ООО Ромашка", "شركة", "Ľubomíra Žiaková-Šťastná", "A", "3M", "Straße 7",
	"<b>Acme</b>", `"Acme"`, "=1+1", "null", "José\u0301", "Acme  Ltd", "Company 🙂", "नमस्ते",
}

func TestCheckCompanyName(t *testing.T) {
	for _, name := range append([]string{strings.Repeat("ž", 100)}, goodTexts...) {
		if err := app.CheckCompanyName(name); err != nil {
			t.Errorf("CheckCompanyName(%q) = %v, want nil", name, err)
		}
	}
	for _, name := range append([]string{"", strings.Repeat("a", 101), strings.Repeat("ž", 101)}, badTexts...) {
		err := app.CheckCompanyName(name)
		if err == nil {
			t.Errorf("CheckCompanyName(%q) = nil, want an error", name)
			continue
		}
		wantError(t, err, app.Invalid, "name", "company_name_invalid")
	}
}

func TestCompanyKey(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"Acme", "ACME", true},
		{"Žilina", "ŽILINA", true},
		{"Žilina", "Z\u030cilina", true}, // composed and decomposed
		{"Acme", "Acme Ltd", false},
		{"Acme", "Acmé", false},
		{"Acme", "\u0410cme", false}, // Cyrillic A
	}
	for _, tt := range tests {
		if got := app.CompanyKey(tt.a) == app.CompanyKey(tt.b); got != tt.same {
			t.Errorf("CompanyKey(%q) == CompanyKey(%q) is %v, want %v", tt.a, tt.b, got, tt.same)
		}
	}
}
