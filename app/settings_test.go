package app_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// defaults are the settings of a fresh installation: a contract with tools that read them.
var defaults = map[string]string{
	"login_link": "off", "neutral_answers": "on", "site_name": "Customer accounts", "contact": "", "public_url": "",
	"tls.mode": "off", "tls.listen": ":443", "tls.redirect": ":80", "tls.cert_file": "", "tls.key_file": "",
	"tls.acme_email": "", "tls.acme_directory": "https://acme-v02.api.letsencrypt.org/directory", "tls.acme_agree": "off", "tls.acme_ca_file": "",
	"mail.transport": "capture", "mail.from": "", "mail.smarthost": "", "mail.tls": "starttls", "mail.auth": "none", "mail.username": "", "mail.password": "",
	"mail.oauth_provider": "", "mail.oauth_tenant": "", "mail.oauth_client_id": "", "mail.oauth_client_secret": "", "mail.oauth_refresh_token": "",
	"mail.dkim": "off", "mail.dkim_selector": "foyer",
	"mail.private_mx": "off", "limits.mx_hosts": "5", "limits.mx_seconds": "60", "limits.tls_days": "30",
	"mail.hold":    "off",
	"doctor.daily": "on", "clock.source": "pool.ntp.org", "metrics.listen": "off", "log.level": "info", "mdns.name": "foyer.local",
	"backup.schedule": "02:30", "backup.keep_days": "14", "backup.recipients": "",
	"limits.signup_per_ip": "20", "limits.login_per_ip": "20", "limits.login_failures": "5",
	"limits.identity_per_ip": "300", "limits.flows_per_ip": "200", "limits.fresh_minutes": "5",
	"limits.mail_per_address": "3", "limits.mail_per_address_day": "5", "limits.mail_per_domain": "60", "limits.mail_global": "300",
	"limits.accounts_per_base": "3", "limits.code_tries": "5", "limits.registrations": "10000", "limits.queue_messages": "5000", "limits.hash_queue": "128", "limits.hash_seconds": "10",
	"limits.confirm_hours": "24", "limits.reset_minutes": "60", "limits.session_idle_minutes": "30", "limits.session_hours": "12",
	"limits.not_me_days": "7", "limits.mail_days": "14", "limits.audit_days": "365", "limits.audit_thousands": "1000", "limits.password_changes": "10", "limits.reserve_mb": "32", "limits.form_age": "0",
	"limits.deliveries": "20", "limits.deliveries_per_host": "2",
	"limits.relay_queue": "100000", "limits.relay_megabytes": "1024", "limits.relay_hours": "120", "limits.relay_late_hours": "4", "limits.relay_days": "3",
	"limits.program_per_hour": "1000", "limits.program_failures": "5", "limits.smtp_failures": "3", "limits.smtp_errors": "20",
	"limits.smtp_megabytes": "10", "limits.smtp_recipients": "50", "limits.smtp_line": "998", "limits.smtp_hops": "50",
}

// secretSettings are those that nobody can read again.
var secretSettings = []string{"mail.password", "mail.oauth_client_secret", "mail.oauth_refresh_token"}

const guid = "11111111-aaaa-BBBB-3333-444444444444"

func settings(tb testing.TB, stored map[string]string) app.Settings {
	tb.Helper()
	s, err := app.ParseSettings(stored)
	if err != nil {
		tb.Fatalf("ParseSettings(%v): %v", stored, err)
	}
	return s
}

// values returns every setting as text.
func values(s app.Settings) map[string]string {
	all := map[string]string{}
	for _, def := range app.SettingDefs() {
		all[def.Key] = def.Value(s)
	}
	return all
}

// differences returns what got and want do not have in common, as "key: got, want".
func differences(got, want map[string]string) []string {
	var found []string
	for key, value := range got {
		if other, ok := want[key]; !ok || other != value {
			found = append(found, fmt.Sprintf("%s: %q, want %q (known: %v)", key, short(value), short(other), ok))
		}
	}
	for key := range want {
		if _, ok := got[key]; !ok {
			found = append(found, key+" is missing")
		}
	}
	slices.Sort(found)
	return found
}

func TestSettingDefaults(t *testing.T) {
	for _, line := range differences(values(settings(t, nil)), defaults) {
		t.Errorf("defaults: %s", line)
	}
	for _, def := range app.SettingDefs() {
		if def.Default != defaults[def.Key] {
			t.Errorf("%s: Default = %q, want %q", def.Key, def.Default, defaults[def.Key])
		}
		if def.Help == "" || strings.ContainsAny(def.Help, "\r\n") {
			t.Errorf("%s: Help = %q, want one line", def.Key, def.Help)
		}
		if got, want := def.Secret(), slices.Contains(secretSettings, def.Key); got != want {
			t.Errorf("%s: Secret() = %v, want %v", def.Key, got, want)
		}
		if !slices.Contains([]string{"switch", "text", "number", "secret"}, def.Kind) {
			t.Errorf("%s: Kind = %q", def.Key, def.Kind)
		}
	}
}

// Each key has its own field: setting one changes that one alone.
func TestSettingKeysAreDistinct(t *testing.T) {
	samples := map[string]string{
		"public_url": "https://a.test", "mail.from": "a@b.test", "mail.smarthost": "a.test:25", "mail.tls": "none", "mail.auth": "plain",
		"mail.oauth_provider": "google", "mail.oauth_tenant": guid, "mail.dkim_selector": "office-2",
		"metrics.listen": "[::1]:9108", "log.level": "warn", "mdns.name": "accounts-1.local",
		"tls.mode": "local", "tls.listen": "192.0.2.1:8443", "tls.redirect": "off", "tls.cert_file": "/etc/cert.pem", "tls.key_file": "/etc/key.pem",
		"tls.acme_email": "it@office.example", "tls.acme_directory": "https://ca.lan/acme/directory", "tls.acme_ca_file": "/etc/root.pem",
		"backup.schedule": "off", "backup.recipients": "age1ge25trgxlt6ankh2ygd3yeswzg35h2zhsgu3kzm7vc43sj2v3y3q5gt5nt",
	}
	for _, def := range app.SettingDefs() {
		value, ok := samples[def.Key]
		switch {
		case ok:
		case def.Key == "mail.transport":
			continue // capture is the only value that needs no other
		case def.Kind == "switch":
			value = map[string]string{"on": "off", "off": "on"}[def.Default]
		case def.Kind == "number":
			value = "77777"
		default:
			value = "sample"
		}
		base := settings(t, nil)
		next, err := base.Change(map[string]string{def.Key: value})
		if err != nil {
			t.Errorf("Change(%s=%s): %v", def.Key, value, err)
			continue
		}
		want := values(base)
		want[def.Key] = value
		for _, line := range differences(values(next), want) {
			t.Errorf("Change(%s=%s): %s", def.Key, value, line)
		}
		if parsed := settings(t, map[string]string{def.Key: value}); parsed != next {
			t.Errorf("ParseSettings(%s=%s) = %+v, want what Change gives", def.Key, value, parsed)
		}
	}
}

func TestSettingDefsIsACopy(t *testing.T) {
	app.SettingDefs()[0].Key = "changed"
	if got := app.SettingDefs()[0].Key; got != "login_link" {
		t.Errorf("the first setting is called %q, want login_link: the list was changed from outside", got)
	}
}

func TestSettingByKey(t *testing.T) {
	for key := range defaults {
		if def, err := app.SettingByKey(key); err != nil || def.Key != key {
			t.Errorf("SettingByKey(%q) = %q, %v", key, def.Key, err)
		}
	}
	for _, key := range []string{"", "unknown", "LOGIN_LINK", "login_link ", "limits", "mail.", "mail.password2"} {
		_, err := app.SettingByKey(key)
		wantError(t, err, app.NotFound, "", "setting_unknown")
		if !strings.Contains(app.MessageOf(err), strconv.Quote(key)) {
			t.Errorf("SettingByKey(%q): message %q does not name the key", key, app.MessageOf(err))
		}
	}
}

func TestChangeAccepts(t *testing.T) {
	tests := []map[string]string{
		{},
		{"login_link": "on", "neutral_answers": "off"},
		{"site_name": "Účty zákazníkov"},
		{"site_name": strings.Repeat("ž", 60)},
		{"site_name": "<b>Office</b>"},
		{"contact": ""},
		{"contact": "Call Eve, +421 2 123 or write to eve@office.example."},
		{"contact": strings.Repeat("ž", 200)},
		{"public_url": ""},
		{"doctor.daily": "off"},
		{"clock.source": "off"},
		{"clock.source": "192.0.2.1"},
		{"clock.source": "time.office.example:1123"},
		{"metrics.listen": "localhost:9108"},
		{"metrics.listen": "127.0.0.2:1"},
		{"log.level": "debug"},
		{"mdns.name": "off"},
		{"mdns.name": "accounts-2.local"},
		{"public_url": "http://localhost:8080"},
		{"public_url": "https://accounts.office.example"},
		{"public_url": "http://192.168.1.5"},
		{"public_url": "https://accounts.office.example:8443"},
		{"public_url": "http://[::1]:8080"},
		{"public_url": "http://[2001:db8::1]"},
		{"public_url": "http://appliance"},
		{"public_url": "https://xn--bcher-kva.test"},
		{"public_url": "https://a.test:65535"},
		{"mail.from": ""},
		{"mail.from": "Foyer@Office.example"},
		{"mail.from": "foyer@bücher.test"},
		{"mail.smarthost": ""},
		{"mail.smarthost": "smtp.office.example:587"},
		{"mail.smarthost": "192.168.1.2:25"},
		{"mail.smarthost": "[::1]:25"},
		{"mail.smarthost": "localhost:1"},
		{"mail.smarthost": "SMTP.Office.Example:65535"},
		{"mail.tls": "none"},
		{"mail.tls": "implicit"},
		{"mail.tls": "starttls"},
		{"mail.username": "eve@office.example"},
		{"mail.username": strings.Repeat("a", 320)},
		{"mail.password": " any thing, even \u202e and ž "},
		{"mail.password": ""},
		{"mail.password": strings.Repeat("x", 10_000)},
		{"mail.auth": "plain"},
		{"mail.auth": "login"},
		{"mail.auth": "xoauth2"}, // checked against the others only when mail leaves
		{"limits.signup_per_ip": "0"},
		{"limits.audit_days": "100000"},
		{"limits.form_age": "3"},
		{"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test"},
		{"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test", "mail.tls": "none"},
		{"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test", "mail.auth": "plain", "mail.username": "u", "mail.password": "p"},
		{
			"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test", "mail.auth": "plain", "mail.tls": "implicit",
			"mail.username": "u", "mail.password": "p",
		},
		{"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test", "mail.auth": "login", "mail.username": "u", "mail.password": "p"},
		{"mail.oauth_provider": "", "mail.oauth_tenant": ""},
		{"mail.oauth_tenant": strings.ToLower(guid)},
		{"mail.oauth_client_secret": guid}, // it may not be Microsoft's
		{
			"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test", "mail.auth": "xoauth2", "mail.username": "u",
			"mail.oauth_provider": "microsoft", "mail.oauth_tenant": guid, "mail.oauth_client_id": "c", "mail.oauth_client_secret": "s",
		},
		{
			"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test", "mail.auth": "xoauth2", "mail.username": "u",
			"mail.oauth_provider": "google", "mail.oauth_client_id": "c", "mail.oauth_client_secret": guid, "mail.oauth_refresh_token": "r",
		},
	}
	for _, changes := range tests {
		base := settings(t, nil)
		next, err := base.Change(changes)
		if err != nil {
			t.Errorf("Change(%v): %v", changes, err)
			continue
		}
		want := values(base)
		maps.Copy(want, changes)
		for _, line := range differences(values(next), want) {
			t.Errorf("Change(%v): %s", changes, line)
		}
		if base != settings(t, nil) {
			t.Errorf("Change(%v) changed the settings it was asked of", changes)
		}
	}
}

// badSettings are changes of one setting that are refused, with a part of the sentence that says what to do.
var badSettings = []struct{ key, value, hint string }{
	{"login_link", "", "on or off"},
	{"login_link", "true", "on or off"},
	{"login_link", "ON", "on or off"},
	{"login_link", " on", "on or off"},
	{"neutral_answers", "1", "on or off"},
	{"site_name", "", "empty"},
	{"site_name", strings.Repeat("ž", 61), "too long"},
	{"site_name", "Office ", "blank"},
	{"site_name", "Off\nice", "cannot be shown"},
	{"site_name", "Off\u202eice", "cannot be shown"},
	{"site_name", "\xff", "not valid text"},
	{"contact", strings.Repeat("a", 201), "too long"},
	{"contact", "Eve\r\nBcc: x", "cannot be shown"},
	{"contact", " Eve", "blank"},
	{"public_url", "accounts.office.example", "http"},
	{"public_url", "ftp://office.example", "http"},
	{"public_url", "//office.example", "http"},
	{"public_url", "javascript:alert(1)", "http"},
	{"public_url", "https:office.example", "http"},
	{"public_url", "https://", "http"},
	{"public_url", "https:///x", "http"},
	{"public_url", "https://office.example/", "slash"},
	{"public_url", "https://office.example/x", "no more than"},
	{"public_url", "https://office.example?x=1", "no more than"},
	{"public_url", "https://office.example?", "no more than"},
	{"public_url", "https://office.example#", "no more than"},
	{"public_url", "https://office.example#x", "no more than"},
	{"public_url", "https://user@office.example", "no more than"},
	{"public_url", "https://user:pass@office.example", "no more than"},
	{"public_url", "https://evil.example\\@office.example", "http"},
	{"public_url", "https://office.example\\x", "http"},
	{"public_url", "https://off ice.example", "http"},
	{"public_url", " https://office.example", "http"},
	{"public_url", "https://office.example\n", "http"},
	{"public_url", "https://office.example\r\nX: y", "http"},
	{"public_url", "https://off_ice.example", "http"},
	{"public_url", "https://office..example", "http"},
	{"public_url", "https://-office.example", "http"},
	{"public_url", "https://office.example.", "http"},
	{"public_url", "https://bücher.test", "http"},
	{"public_url", "https://[fe80::1%25eth0]", "http"},
	{"public_url", "https://*.office.example", "http"},
	{"public_url", "https://Office.example", "lower case"},
	{"public_url", "HTTPS://office.example", "lower case"},
	{"public_url", "https://office.example:", "port"},
	{"public_url", "https://office.example:0", "port"},
	{"public_url", "https://office.example:65536", "port"},
	{"public_url", "https://office.example:99999999999999999999", "port"},
	{"public_url", "https://office.example:abc", "http"},
	{"public_url", "https://office.example:-1", "http"},
	{"mail.transport", "", "capture, smarthost or direct"},
	{"mail.transport", "smtp", "capture, smarthost or direct"},
	{"mail.transport", "CAPTURE", "capture, smarthost or direct"},
	{"mail.from", "office", "e-mail address"},
	{"mail.from", "Office <a@b.test>", "e-mail address"},
	{"mail.from", "a@b.test\r\nBcc: c@d.test", "e-mail address"},
	{"mail.from", "a@localhost", "two parts"},
	{"mail.smarthost", "smtp.office.example", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example:", "HOST:PORT"},
	{"mail.smarthost", ":25", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example:0", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example:65536", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example:smtp", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example:+25", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example:-25", "HOST:PORT"},
	{"mail.smarthost", "smtp.office.example: 25", "HOST:PORT"},
	{"mail.smarthost", "smtp://smtp.office.example:25", "HOST:PORT"},
	{"mail.smarthost", "::1:25", "HOST:PORT"},
	{"mail.smarthost", "a b:25", "HOST:PORT"},
	{"mail.smarthost", "a.test:25\n", "HOST:PORT"},
	{"mail.smarthost", "a_b.test:25", "HOST:PORT"},
	{"mail.smarthost", strings.Repeat("a.", 127) + "test:25", "HOST:PORT"},
	{"mail.tls", "", "starttls, implicit or none"},
	{"mail.tls", "tls", "starttls, implicit or none"},
	{"mail.tls", "STARTTLS", "starttls, implicit or none"},
	{"mail.auth", "", "none, plain, login or xoauth2"},
	{"mail.auth", "cram-md5", "none, plain, login or xoauth2"},
	{"mail.auth", "LOGIN", "none, plain, login or xoauth2"},
	{"mail.oauth_provider", "entra", "microsoft or google"},
	{"mail.oauth_tenant", "office.example", "GUID"},
	{"mail.oauth_tenant", "organizations", "GUID"},
	{"mail.oauth_tenant", guid + "/x", "GUID"},
	{"mail.oauth_client_id", strings.Repeat("c", 201), "too long"},
	{"mail.oauth_client_secret", "a\nb", "line end"},
	{"mail.oauth_refresh_token", "a\r\n", "line end"},
	{"clock.source", "", "time server"},
	{"clock.source", "http://time.example", "time server"},
	{"clock.source", "time.example:0", "time server"},
	{"metrics.listen", "", "for itself"},
	{"metrics.listen", "9108", "for itself"},
	{"metrics.listen", ":9108", "for itself"},
	{"metrics.listen", "0.0.0.0:9108", "for itself"},
	{"metrics.listen", "192.168.1.5:9108", "for itself"},
	{"metrics.listen", "metrics.office.example:9108", "for itself"},
	{"metrics.listen", "127.0.0.1:0", "for itself"},
	{"log.level", "trace", "debug, info, warn or error"},
	{"mdns.name", "", "one word"},
	{"mdns.name", "foyer", "one word"},
	{"mdns.name", ".local", "one word"},
	{"mdns.name", "a.b.local", "one word"},
	{"mdns.name", "Foyer.local", "one word"},
	{"mdns.name", "foyer.office.example", "one word"},
	{"mdns.name", "-foyer.local", "one word"},
	{"mail.dkim", "yes", "on or off"},
	{"mail.dkim_selector", "", "small letters"},
	{"mail.dkim_selector", "Foyer", "small letters"},
	{"mail.dkim_selector", "foyer-", "small letters"},
	{"mail.dkim_selector", "a.b", "small letters"},
	{"mail.dkim_selector", "a b;p=", "small letters"},
	{"mail.dkim_selector", strings.Repeat("a", 51), "small letters"},
	{"mail.username", "eve\r\n", "blank"},
	{"mail.username", "e\nve", "cannot be shown"},
	{"mail.username", strings.Repeat("a", 321), "too long"},
	{"mail.password", "a\nb", "line end"},
	{"mail.password", "a\r", "line end"},
	{"mail.password", "a\x00b", "line end"},
	{"limits.signup_per_ip", "", "whole number"},
	{"limits.signup_per_ip", "-1", "whole number"},
	{"limits.signup_per_ip", "1.5", "whole number"},
	{"limits.signup_per_ip", "1e3", "whole number"},
	{"limits.signup_per_ip", " 1", "whole number"},
	{"limits.signup_per_ip", "0x10", "whole number"},
	{"limits.signup_per_ip", "1_000", "whole number"},
	{"limits.signup_per_ip", "\u0661", "whole number"},
	{"limits.audit_days", "100001", "100000"},
	{"limits.audit_days", "99999999999999999999", "100000"},
	{"limits.hash_queue", "off", "whole number"},
}

func TestChangeRefuses(t *testing.T) {
	for _, tt := range badSettings {
		base := settings(t, map[string]string{"contact": "Eve", "limits.form_age": "2"})
		// A good change beside the bad one is not made either, before or behind it in order.
		got, err := base.Change(map[string]string{tt.key: tt.value, "contact ": "x"})
		if err == nil || got != base {
			t.Errorf("Change(%s=%q with an unknown key) = %+v, %v; want no change", tt.key, short(tt.value), got, err)
		}
		changes := map[string]string{"contact": "Adam", "limits.form_age": "3", tt.key: tt.value}
		got, err = base.Change(changes)
		if err == nil {
			t.Errorf("Change(%s=%q): no error", tt.key, short(tt.value))
			continue
		}
		wantError(t, err, app.Invalid, tt.key, "setting_invalid")
		if message := app.MessageOf(err); !strings.Contains(message, tt.hint) || !strings.Contains(message, tt.key) {
			t.Errorf("Change(%s=%q): message %q, want %q and the key in it", tt.key, short(tt.value), message, tt.hint)
		}
		if got != base {
			t.Errorf("Change(%s=%q) changed something: %+v", tt.key, short(tt.value), got)
		}
		_, err = app.ParseSettings(map[string]string{tt.key: tt.value})
		wantError(t, err, app.Invalid, tt.key, "setting_invalid")
	}
}

func TestChangeUnknownKey(t *testing.T) {
	base := settings(t, nil)
	for _, changes := range []map[string]string{{"nope": "1"}, {"login_link": "on", "zzz": "1"}, {"aaa": "1", "login_link": "on"}, {"": ""}, {"LOGIN_LINK": "on"}} {
		got, err := base.Change(changes)
		wantError(t, err, app.NotFound, "", "setting_unknown")
		if got != base {
			t.Errorf("Change(%v) changed something", changes)
		}
	}
}

// Settings that fit alone and not together.
func TestChangeCrossChecks(t *testing.T) {
	smarthost := map[string]string{"mail.transport": "smarthost", "mail.smarthost": "a.test:25", "mail.from": "a@b.test"}
	with := func(more ...string) map[string]string {
		m := maps.Clone(smarthost)
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	microsoft := []string{
		"mail.auth", "xoauth2", "mail.username", "u", "mail.oauth_provider", "microsoft", "mail.oauth_tenant", guid,
		"mail.oauth_client_id", "c", "mail.oauth_client_secret", "s",
	}
	tests := []struct {
		name            string
		stored, changes map[string]string
		field           string
	}{
		{"no smarthost", nil, map[string]string{"mail.transport": "smarthost"}, "mail.smarthost"},
		{"no sender", nil, map[string]string{"mail.transport": "smarthost", "mail.smarthost": "a.test:25"}, "mail.from"},
		{"password in the clear", nil, with("mail.auth", "plain", "mail.tls", "none", "mail.username", "u", "mail.password", "p"), "mail.auth"},
		{"no user name", nil, with("mail.auth", "plain", "mail.password", "p"), "mail.username"},
		{"no password", nil, with("mail.auth", "plain", "mail.username", "u"), "mail.username"},
		{"smarthost taken away", smarthost, map[string]string{"mail.smarthost": ""}, "mail.smarthost"},
		{"sender taken away", smarthost, map[string]string{"mail.from": ""}, "mail.from"},
		{"TLS taken away", with("mail.auth", "plain", "mail.username", "u", "mail.password", "p"), map[string]string{"mail.tls": "none"}, "mail.auth"},
		{"password taken away", with("mail.auth", "plain", "mail.username", "u", "mail.password", "p"), map[string]string{"mail.password": ""}, "mail.username"},
		{"authentication switched on", smarthost, map[string]string{"mail.auth": "plain"}, "mail.username"},
		{"LOGIN without a password", nil, with("mail.auth", "login", "mail.username", "u"), "mail.username"},
		{"LOGIN in the clear", nil, with("mail.auth", "login", "mail.tls", "none", "mail.username", "u", "mail.password", "p"), "mail.auth"},
		{"token in the clear", nil, with(append(microsoft, "mail.tls", "none")...), "mail.auth"},
		{"XOAUTH2 without a provider", nil, with("mail.auth", "xoauth2", "mail.username", "u"), "mail.oauth_provider"},
		{"Microsoft without a user", nil, with(append(microsoft, "mail.username", "")...), "mail.username"},
		{"Microsoft without a tenant", nil, with(append(microsoft, "mail.oauth_tenant", "")...), "mail.oauth_tenant"},
		{"Microsoft without a client", nil, with(append(microsoft, "mail.oauth_client_id", "")...), "mail.oauth_client_id"},
		{"Microsoft without a secret", nil, with(append(microsoft, "mail.oauth_client_secret", "")...), "mail.oauth_client_secret"},
		{"Microsoft with the secret's ID", nil, with(append(microsoft, "mail.oauth_client_secret", guid)...), "mail.oauth_client_secret"},
		{"Google without a refresh token", nil, with(append(microsoft, "mail.oauth_provider", "google")...), "mail.oauth_refresh_token"},
		{"secret taken away", with(microsoft...), map[string]string{"mail.oauth_client_secret": ""}, "mail.oauth_client_secret"},
	}
	for _, tt := range tests {
		base := settings(t, tt.stored)
		got, err := base.Change(tt.changes)
		if err == nil {
			t.Errorf("%s: Change(%v): no error", tt.name, tt.changes)
			continue
		}
		wantError(t, err, app.Invalid, tt.field, "setting_invalid")
		if got != base {
			t.Errorf("%s: Change(%v) changed something", tt.name, tt.changes)
		}
	}
	// The password never stands in a message.
	_, err := settings(t, nil).Change(with("mail.auth", "plain", "mail.tls", "none", "mail.username", "u", "mail.password", "s3cret-pass"))
	if e, _ := errors.AsType[*app.Error](err); strings.Contains(e.Error(), "s3cret") {
		t.Errorf("the error %q repeats the password", e)
	}
	_, err = settings(t, nil).Change(with("mail.auth", "xoauth2", "mail.oauth_provider", "microsoft"))
	want := "set mail.username, mail.oauth_tenant, mail.oauth_client_id, mail.oauth_client_secret"
	if got := app.MessageOf(err); !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want all that is missing: %q", got, want)
	}
}

// A newer version's keys are left alone; a value that is wrong is not taken for its default.
func TestParseSettings(t *testing.T) {
	s := settings(t, map[string]string{"of.a.newer.version": "x", "login_link": "on", "limits.mail_global": "7"})
	want := values(settings(t, nil))
	want["login_link"], want["limits.mail_global"] = "on", "7"
	for _, line := range differences(values(s), want) {
		t.Errorf("ParseSettings: %s", line)
	}
}

func TestSender(t *testing.T) {
	tests := []struct{ from, url, want string }{
		{"", "", "foyer@localhost"},
		{"", "https://accounts.office.example", "foyer@accounts.office.example"},
		{"", "https://accounts.office.example:8443", "foyer@accounts.office.example"},
		{"office@office.example", "https://accounts.office.example", "office@office.example"},
		{"Office@OFFICE.example", "", "Office@office.example"},
		{"office@bücher.test", "", "office@xn--bcher-kva.test"}, // what is sent is ASCII
	}
	for _, tt := range tests {
		s := settings(t, map[string]string{"mail.from": tt.from, "public_url": tt.url})
		if got := s.Sender(); got != tt.want {
			t.Errorf("mail.from %q, public_url %q: Sender() = %q, want %q", tt.from, tt.url, got, tt.want)
		}
	}
}

func TestURL(t *testing.T) {
	tests := []struct {
		url    string
		want   string
		secure bool
	}{
		{"", "/login", false},
		{"http://localhost:8080", "http://localhost:8080/login", false},
		{"https://accounts.office.example", "https://accounts.office.example/login", true},
	}
	for _, tt := range tests {
		s := settings(t, map[string]string{"public_url": tt.url})
		if got := s.URL("/login"); got != tt.want {
			t.Errorf("public_url %q: URL = %q, want %q", tt.url, got, tt.want)
		}
		if got := s.Secure(); got != tt.secure {
			t.Errorf("public_url %q: Secure = %v, want %v", tt.url, got, tt.secure)
		}
	}
}

func TestLimitDurations(t *testing.T) {
	const forever = 10 * 365 * 24 * time.Hour
	tests := []struct {
		n                             int
		confirm, reset, idle, session time.Duration
	}{
		{0, forever, forever, forever, forever},
		{1, time.Hour, time.Minute, time.Minute, time.Hour},
		{24, 24 * time.Hour, 24 * time.Minute, 24 * time.Minute, 24 * time.Hour},
	}
	for _, tt := range tests {
		l := app.Limits{ConfirmHours: tt.n, ResetMinutes: tt.n, SessionIdle: tt.n, SessionHours: tt.n}
		if l.ConfirmTTL() != tt.confirm || l.ResetTTL() != tt.reset || l.IdleTTL() != tt.idle || l.SessionTTL() != tt.session {
			t.Errorf("%d: %s, %s, %s, %s; want %s, %s, %s, %s", tt.n, l.ConfirmTTL(), l.ResetTTL(), l.IdleTTL(), l.SessionTTL(), tt.confirm, tt.reset, tt.idle, tt.session)
		}
	}
}

// The largest number the administrator can set, in any unit up to a day, is a time in the future: an overflow would turn
// "keep for ever" into "delete all".
func TestLargestLimitDoesNotOverflow(t *testing.T) {
	for _, def := range app.SettingDefs() {
		if def.Kind != "number" {
			continue
		}
		largest := 0
		for n := 1; n <= 1<<40; n *= 10 {
			if _, err := settings(t, nil).Change(map[string]string{def.Key: strconv.Itoa(n)}); err == nil {
				largest = n
			}
		}
		if days := time.Duration(largest) * 24 * time.Hour; largest == 0 || int(days/(24*time.Hour)) != largest {
			t.Errorf("%s may be %d, and that many days overflow", def.Key, largest)
		}
	}
}

func TestCheckPublicHost(t *testing.T) {
	for _, name := range []string{"localhost", "appliance", "accounts.office.example", "192.168.1.5"} {
		if !app.CheckPublicHost(name) {
			t.Errorf("CheckPublicHost(%q) = false, want true", name)
		}
	}
	for _, name := range []string{"", "a b", "a_b", "A", "a/b", "a?", "a#", "u@a", "a.", "a:", "a\n", "\u017e"} {
		if app.CheckPublicHost(name) {
			t.Errorf("CheckPublicHost(%q) = true, want false", name)
		}
	}
}
