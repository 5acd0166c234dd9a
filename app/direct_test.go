package app_test

import (
	"testing"

	"foyer/app"
)

// TestDirectSettings takes direct with a sender's address and not without.
func TestDirectSettings(t *testing.T) {
	s, err := app.ParseSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mail.PrivateMX || s.Limits.MXHosts != 5 || s.Limits.MXSeconds != 60 || s.Limits.TLSDays != 30 {
		t.Errorf("defaults: %+v, %+v", s.Mail, s.Limits)
	}
	if _, err := s.Change(map[string]string{"mail.transport": "direct"}); app.CodeOf(err) != app.Invalid {
		t.Errorf("without mail.from: got %v, want a refusal", err)
	}
	next, err := s.Change(map[string]string{"mail.transport": "direct", "mail.from": "accounts@office.example", "mail.private_mx": "on"})
	if err != nil || next.Mail.Transport != "direct" || !next.Mail.PrivateMX {
		t.Errorf("got %+v, %v", next.Mail, err)
	}
}

func TestIsPublicName(t *testing.T) {
	for url, want := range map[string]bool{
		"https://accounts.office.example": true, "http://accounts.office.example:8080": true, "https://office": false, "http://192.0.2.1": false,
		"http://[2001:db8::1]:8080": false, "http://localhost": false, "": false, "https://.": false, "::": false,
	} {
		if got := app.IsPublicName(url); got != want {
			t.Errorf("%q: got %t, want %t", url, got, want)
		}
	}
}
