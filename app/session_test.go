package app_test

import (
	"crypto/sha256"
	"regexp"
	"strings"
	"testing"

	"foyer/app"
)

func TestNewToken(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // 32 bytes
	seen := map[app.Token]bool{}
	for range 1000 {
		token := app.NewToken()
		if !form.MatchString(string(token)) {
			t.Fatalf("NewToken() = %q, want %s", token, form)
		}
		if seen[token] {
			t.Fatalf("NewToken() = %q twice", token)
		}
		seen[token] = true
	}
}

func TestTokenHash(t *testing.T) {
	token := app.NewToken()
	if got, want := token.Hash(), app.TokenHash(sha256.Sum256([]byte(token))); got != want {
		t.Errorf("Hash() = %x, want %x", got, want)
	}
	if token.Hash() == (token+"x").Hash() || token.Hash() == app.NewToken().Hash() {
		t.Error("two tokens have one hash")
	}
}

func TestTokenCSRF(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{24}$`) // 18 bytes
	seen := map[string]bool{}
	for range 100 {
		token := app.NewToken()
		csrf := token.CSRF()
		if !form.MatchString(csrf) || csrf != token.CSRF() {
			t.Fatalf("CSRF() = %q, want %s, and the same each time", csrf, form)
		}
		if seen[csrf] {
			t.Fatalf("two tokens have the CSRF value %q", csrf)
		}
		if strings.Contains(string(token), csrf) {
			t.Fatalf("CSRF() = %q gives a part of %q away", csrf, token)
		}
		seen[csrf] = true
	}
}

func TestNewCode(t *testing.T) {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // no I, O, 0, 1
	count := map[rune]int{}
	const codes = 4000
	for range codes {
		code := app.NewCode()
		if len(code) != 8 || strings.Trim(code, alphabet) != "" {
			t.Fatalf("NewCode() = %q, want 8 of %s", code, alphabet)
		}
		if got := app.NormalizeCode(code); got != code {
			t.Fatalf("NormalizeCode(%q) = %q, want it unchanged", code, got)
		}
		for _, r := range code {
			count[r]++
		}
	}
	// Each character comes 1,000 times on average, with a deviation of 31: ten deviations are never seen by chance.
	for _, r := range alphabet {
		if n := count[r]; n < 690 || n > 1310 {
			t.Errorf("%c came %d times in %d codes, want about 1,000", r, n, codes)
		}
	}
}

func TestNormalizeCode(t *testing.T) {
	tests := []struct{ in, want string }{
		{"ABCD2345", "ABCD2345"},
		{"abcd2345", "ABCD2345"},
		{"AbCd-2345", "ABCD2345"},
		{" abcd 2345 ", "ABCD2345"},
		{"A-B-C-D-2-3-4-5", "ABCD2345"},
		{"", ""},
		{"- -", ""},
		{"abcd2345x", "ABCD2345X"},
		{"\u017fabc", "\u017fABC"},
		{"\u212abc", "\u212aBC"},
		{"ABCD\x002345", "ABCD\x002345"},
	}
	for _, tt := range tests {
		if got := app.NormalizeCode(tt.in); got != tt.want {
			t.Errorf("NormalizeCode(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// What is stored of a code depends on the key, the address and the code: none of them can be exchanged.
func TestCodeHash(t *testing.T) {
	key, addr := []byte("0123456789abcdef0123456789abcdef"), address(t, "jane@company.com")
	want := app.CodeHash(key, addr, "ABCD2345")
	same := []struct{ addr, code string }{
		{"jane@company.com", "abcd-2345"}, {"JANE@Company.com", "ABCD2345"}, {"jane@company.com", " a b c d 2 3 4 5 "},
	}
	for _, tt := range same {
		if app.CodeHash(key, address(t, tt.addr), tt.code) != want {
			t.Errorf("the code %q of %s has another hash", tt.code, tt.addr)
		}
	}
	different := []struct {
		key, addr, code string
	}{
		{string(key), "jane@company.com", "ABCD2346"},
		{string(key), "joe@company.com", "ABCD2345"},
		{string(key) + "x", "jane@company.com", "ABCD2345"},
		{"", "jane@company.com", "ABCD2345"},
		{string(key), "jane@company.com", ""},
		{string(key), "jane@company.comm", "BCD2345"},
	}
	for _, tt := range different {
		if app.CodeHash([]byte(tt.key), address(t, tt.addr), tt.code) == want {
			t.Errorf("key %q, %s, %q have the same hash", tt.key, tt.addr, tt.code)
		}
	}
	// The address ends where the code begins.
	if app.CodeHash(key, address(t, "jane@company.com"), "2345ABCD") == app.CodeHash(key, address(t, "jane@company.com2"), "345ABCD") {
		t.Error("an address and a code are told apart by nothing")
	}
	if want == app.TokenHash(sha256.Sum256([]byte("ABCD2345"))) {
		t.Error("the hash of a code is not keyed")
	}
}
