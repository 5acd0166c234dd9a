package app_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

func TestStopLink(t *testing.T) {
	key, addr, now := []byte("0123456789abcdef0123456789abcdef"), address(t, "jane@company.com"), time.Now()
	const day = 24 * time.Hour
	token := app.StopToken(key, addr, now)
	tests := []struct {
		name   string
		token  app.Token
		reason string
	}{
		{"fresh", token, ""},
		{"29 days old", app.StopToken(key, addr, now.Add(-29*day)), ""},
		{"31 days old", app.StopToken(key, addr, now.Add(-31*day)), "link_expired"},
		{"empty", "", "link_unknown"},
		{"cut", token[:len(token)-1], "link_unknown"},
		{"longer", token + "A", "link_unknown"},
		{"with a dot", token + ".", "link_unknown"},
		{"other alphabet", app.Token(strings.Repeat("*", len(token))), "link_unknown"},
		{"an expiry alone", app.Token(base64.RawURLEncoding.EncodeToString(make([]byte, 8))), "link_unknown"},
		{"of 1970", app.Token(base64.RawURLEncoding.EncodeToString(make([]byte, 32))), "link_expired"},
	}
	for _, tt := range tests {
		err := (&app.Service{}).StopLink(tt.token)
		if tt.reason == "" {
			if err != nil {
				t.Errorf("%s: StopLink = %v, want nil", tt.name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: StopLink = nil, want %s", tt.name, tt.reason)
			continue
		}
		wantError(t, err, app.Gone, "", tt.reason)
	}
}

// The link holds for one address, one time and one installation.
func TestStopTokenIsKeyed(t *testing.T) {
	key, now := []byte("0123456789abcdef0123456789abcdef"), time.Now()
	token := app.StopToken(key, address(t, "jane@company.com"), now)
	if again := app.StopToken(key, address(t, "JANE@Company.com"), now); again != token {
		t.Errorf("another spelling of the address gives %q, want %q", again, token)
	}
	others := map[string]app.Token{
		"another address": app.StopToken(key, address(t, "joe@company.com"), now),
		"another time":    app.StopToken(key, address(t, "jane@company.com"), now.Add(time.Second)),
		"another key":     app.StopToken([]byte("another key"), address(t, "jane@company.com"), now),
	}
	for name, other := range others {
		if other == token || other[len(other)-32:] == token[len(token)-32:] {
			t.Errorf("%s gives the same proof: %q and %q", name, other, token)
		}
	}
}
