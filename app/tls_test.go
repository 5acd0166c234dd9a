package app_test

import (
	"maps"
	"strings"
	"testing"

	"foyer/app"
)

// TestTLSSettings has what fits together and what does not, with the field that has to be another.
func TestTLSSettings(t *testing.T) {
	base := map[string]string{"public_url": "https://accounts.office.example"}
	with := func(pairs ...string) map[string]string {
		changes := maps.Clone(base)
		for i := 0; i < len(pairs); i += 2 {
			changes[pairs[i]] = pairs[i+1]
		}
		return changes
	}
	for _, test := range []struct {
		changes map[string]string
		field   string // of the refusal; "" for none
		says    string
	}{
		{with("tls.mode", "local"), "", ""},
		{with("tls.mode", "local", "public_url", ""), "", ""},
		{with("tls.mode", "local", "tls.redirect", "off"), "", ""},
		{with("tls.mode", "local", "tls.listen", ":0", "tls.redirect", ":0"), "", ""},
		{with("tls.mode", "local", "tls.listen", "192.0.2.1:443", "tls.redirect", "192.0.2.2:443"), "", ""},
		{with("tls.mode", "local", "tls.listen", "[2001:db8::1]:443"), "", ""},
		{with("tls.mode", "local", "public_url", "http://a.example"), "public_url", "https://a.example"},
		{with("tls.mode", "local", "tls.redirect", ":443"), "tls.redirect", "same address"},
		{with("tls.mode", "local", "tls.listen", "192.0.2.1:443", "tls.redirect", "[::]:443"), "tls.redirect", "same address"},
		{with("tls.mode", "files"), "tls.cert_file", "certificate"},
		{with("tls.mode", "files", "tls.cert_file", "/c.pem"), "tls.key_file", "key"},
		{with("tls.mode", "files", "tls.cert_file", "/c.pem", "tls.key_file", "/k.pem"), "", ""},
		{with("tls.mode", "acme"), "tls.acme_agree", "terms"},
		{with("tls.mode", "acme", "tls.acme_agree", "on"), "", ""},
		{with("tls.mode", "acme", "tls.acme_agree", "on", "public_url", ""), "public_url", "full name"},
		{with("tls.mode", "acme", "tls.acme_agree", "on", "public_url", "https://192.0.2.1"), "public_url", "full name"},
		{with("tls.mode", "acme", "tls.acme_agree", "on", "public_url", "https://foyer"), "public_url", "full name"},
		{with("tls.mode", "on"), "tls.mode", "write off"},
		{with("tls.listen", "443"), "tls.listen", ":443"},
		{with("tls.listen", ""), "tls.listen", ":443"},
		{with("tls.listen", "off"), "tls.listen", ":443"},
		{with("tls.listen", "foyer.lan:443"), "tls.listen", "address of this machine"},
		{with("tls.listen", ":65536"), "tls.listen", ":443"},
		{with("tls.redirect", "on"), "tls.redirect", "or off"},
		{with("tls.cert_file", "cert.pem"), "tls.cert_file", "whole path"},
		{with("tls.key_file", "/a\nb"), "tls.key_file", "whole path"},
		{with("tls.acme_ca_file", "./root.pem"), "tls.acme_ca_file", "whole path"},
		{with("tls.acme_email", "it.office.example"), "tls.acme_email", "@"},
		{with("tls.acme_email", ""), "", ""},
		{with("tls.acme_directory", "http://ca.example/directory"), "tls.acme_directory", "https://"},
		{with("tls.acme_directory", "http://localhost:14000/dir"), "", ""},
		{with("tls.acme_directory", "https://a:b@ca.example/"), "tls.acme_directory", "https://"},
		{with("tls.acme_directory", ""), "tls.acme_directory", "https://"},
	} {
		s, err := settings(t, nil).Change(test.changes)
		if test.field == "" {
			if err != nil || s.TLS.On() != (test.changes["tls.mode"] != "") {
				t.Errorf("%v: %v", test.changes, err)
			}
			continue
		}
		wantError(t, err, app.Invalid, test.field, "setting_invalid")
		if !strings.Contains(app.MessageOf(err), test.says) {
			t.Errorf("%v: %q does not say %q", test.changes, app.MessageOf(err), test.says)
		}
	}
}
