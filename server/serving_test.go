package server_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server"
)

// TestLocalAuthority serves the pages with a certificate of an authority of our own, to a browser that trusts it.
func TestLocalAuthority(t *testing.T) {
	h := openSecure(t)
	a := h.address("tls.mode", "local", "tls.listen", "127.0.0.1:0", "tls.redirect", "127.0.0.1:0", "public_url", "https://"+officeHost)
	if a.Authority == nil || a.Certificate == nil || a.Problem != "" || a.Certificate.Trusted || a.Mode != "local" {
		t.Fatalf("address: %+v", a)
	}
	if life := a.Certificate.NotAfter.Sub(a.Certificate.NotBefore); life > 397*24*time.Hour {
		t.Errorf("the certificate lives %v", life)
	}
	browser := client(t, rootsOf(t, a.Authority.PEM), at(t, a, "https", 0))
	got := h.do(browser, "GET", "https://"+officeHost+"/login", nil)
	if got.status != 200 || !strings.Contains(got.body, "Sign in") {
		t.Fatalf("GET: %d %.200s", got.status, got.body)
	}
	if hsts := got.header.Get("Strict-Transport-Security"); hsts != "" {
		t.Errorf("browsers are told to insist on a certificate that not all trust: %q", hsts)
	}
	for _, name := range []string{"localhost", "127.0.0.1"} { // names of this machine are in it too
		if got := h.do(browser, "GET", "https://"+name+"/healthz", nil); got.status != 200 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	for what, address := range map[string]string{
		"https": "https://" + officeHost + "/ca.crt", "redirect": "http://" + at(t, a, "redirect", 1) + "/ca.crt", "plain": h.local + "/ca.crt",
	} {
		c := browser
		if what != "https" {
			c = h.browser()
		}
		got := h.do(c, "GET", address, nil)
		if got.status != 200 || got.body != a.Authority.PEM || got.header.Get("Content-Type") != "application/x-x509-ca-cert" {
			t.Errorf("%s: %d %v %.80s", what, got.status, got.header, got.body)
		}
	}
	res, err := browser.Get("https://" + officeHost + "/static/none")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.Proto != "HTTP/2.0" {
		t.Errorf("protocol %s, %v", res.Proto, err)
	}
	old := &tls.Config{RootCAs: rootsOf(t, a.Authority.PEM), ServerName: officeHost, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if conn, err := tls.Dial("tcp", at(t, a, "https", 0), old); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	h.samePerms("ca")

	// The service itself trusts its authority when it tries the address out.
	h.address("public_url", "https://"+strings.Replace(at(t, a, "https", 0), "127.0.0.1", "localhost", 1))
	trial, err := h.app.TestPublicURL(t.Context(), "")
	if err != nil || !trial.OK || !strings.Contains(trial.Steps[3].Detail, a.Authority.Name) {
		t.Errorf("trial: %+v, %v", trial, err)
	}
	a = h.address("public_url", "https://"+officeHost)

	// A new start of the service shows the same certificate: nobody has to trust anything anew.
	first := a.Certificate.SHA256
	h.stop()
	again := withAdmin(startChanged(t, h.dir, func(*server.Config) {}))
	if b := again.now(); b.Certificate == nil || b.Certificate.SHA256 != first || b.Authority.PEM != a.Authority.PEM {
		t.Errorf("after a new start: %+v", b)
	}
}

// samePerms fails when others may read what is in a directory of the data.
func (h house) samePerms(dir string) {
	h.Helper()
	err := filepath.WalkDir(filepath.Join(h.dir, dir), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			h.Errorf("%s has %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		h.Error(err)
	}
}

// TestPlainHTTPBesideHTTPS is the table of what is left of plain HTTP: it leads to the public URL, and takes nothing.
func TestPlainHTTPBesideHTTPS(t *testing.T) {
	ca := newIssuer(t)
	f := ca.files(t, officeHost, 100*24*time.Hour)
	h := openSecure(t, func(c *server.Config) { c.WebRoots = ca.pool() })
	a := h.address("tls.mode", "files", "tls.cert_file", f.cert, "tls.key_file", f.key, "tls.listen", "127.0.0.1:0", "tls.redirect", "127.0.0.1:0", "public_url", "https://"+officeHost)
	if !a.Certificate.Trusted {
		t.Errorf("certificate: %+v", a.Certificate)
	}
	for _, door := range []string{h.local, "http://" + at(t, a, "redirect", 1)} {
		for _, test := range []struct {
			method, path, host string
			status             int
			to                 string
		}{
			{"GET", "/", "", 308, "https://" + officeHost + "/"},
			{"HEAD", "/login?lang=sk", "", 308, "https://" + officeHost + "/login?lang=sk"},
			{"GET", "/confirm/a%2Fb?x=%0d%0a", "evil.example", 308, "https://" + officeHost + "/confirm/a%2Fb?x=%0d%0a"},
			{"GET", "//evil.example/x", "evil.example:80", 308, "https://" + officeHost + "//evil.example/x"},
			{"GET", "/healthz", "localhost", 200, ""},
			{"GET", "/ca.crt", "", 308, "https://" + officeHost + "/ca.crt"}, // there is no authority of ours
			{"POST", "/login", "", 403, ""},
			{"POST", "/healthz", officeHost, 403, ""},
			{"PUT", "/", "", 403, ""},
			{"OPTIONS", "/", "", 403, ""},
			{"GET", "/.well-known/acme-challenge/abc", "", 308, "https://" + officeHost + "/.well-known/acme-challenge/abc"},
		} {
			var body *strings.Reader
			if body = strings.NewReader(""); test.method == "POST" {
				body = strings.NewReader("email=jane%40acme.example&password=SECRETCANARY")
			}
			req, err := http.NewRequestWithContext(t.Context(), test.method, door+test.path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = test.host
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("X-Forwarded-Proto", "https")
			req.Header.Set("X-Forwarded-Host", "evil.example")
			res, err := h.browser().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close() // read to its end or not, it is not looked at
			if res.StatusCode != test.status || res.Header.Get("Location") != test.to {
				t.Errorf("%s %s at %s: %d to %q, want %d to %q", test.method, test.path, door, res.StatusCode, res.Header.Get("Location"), test.status, test.to)
			}
			if cookies := res.Header.Values("Set-Cookie"); len(cookies) > 0 {
				t.Errorf("%s %s: cookies %q", test.method, test.path, cookies)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s %s: Cache-Control %q: browsers would keep where an address on trial leads", test.method, test.path, got)
			}
		}
	}
	if log := h.log.String(); strings.Contains(log, "CANARY") || strings.Contains(log, "jane") {
		t.Error("the log has something of a body")
	}
	browser := client(t, ca.pool(), at(t, a, "https", 0))
	if hsts := h.do(browser, "GET", "https://"+officeHost+"/login", nil).header.Get("Strict-Transport-Security"); hsts != "max-age=31536000" {
		t.Errorf("HSTS with a certificate that browsers trust: %q", hsts)
	}
}

// TestSignInOverHTTPS has the cookies of a session over HTTPS as they must be.
func TestSignInOverHTTPS(t *testing.T) {
	h := openSecure(t)
	h.set("login_link", "on")
	h.company("Acme", "acme.example")
	a := h.address("tls.mode", "local", "tls.listen", "127.0.0.1:0", "tls.redirect", "off", "public_url", "https://"+officeHost)
	browser := client(t, rootsOf(t, a.Authority.PEM), at(t, a, "https", 0))
	h.url = "https://" + officeHost
	if got := h.post(browser, "/register", "first_name", "Jane", "last_name", "Doe", "email", "jane@acme.example", "phone", ""); got.status != 303 {
		t.Fatalf("sign-up: %d", got.status)
	}
	m := h.mail("jane@acme.example")
	link := find(h.house, m, confirmPath)
	if text := softBreak.ReplaceAllString(string(m.Data), ""); !strings.Contains(text, "https://"+officeHost+link) {
		t.Errorf("the mail has no link to the public URL:\n%s", text)
	}
	if got := h.post(browser, link, "password", password, "password_confirm", password); got.status != 303 {
		t.Fatalf("confirmation: %d %.300s", got.status, got.body)
	}
	got := h.post(browser, "/login", "email", "jane@acme.example", "password", password)
	cookie := got.header.Get("Set-Cookie")
	if got.status != 303 || !strings.HasPrefix(cookie, "__Host-sid=") || !strings.HasSuffix(cookie, "; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("sign-in: %d, cookie %q", got.status, cookie)
	}
}

// TestCertificateFiles replaces the files of the pages while they are served, and takes no bad ones.
func TestCertificateFiles(t *testing.T) {
	ca := newIssuer(t)
	h := openSecure(t, func(c *server.Config) { c.WebRoots = ca.pool() })
	good := ca.files(t, officeHost, 100*24*time.Hour)
	loose := ca.files(t, officeHost, 100*24*time.Hour)
	if err := os.Chmod(loose.key, 0o604); err != nil {
		t.Fatal(err)
	}
	other := ca.files(t, officeHost, 100*24*time.Hour)
	before := fmt.Sprint(h.app.Settings())
	for _, test := range []struct {
		name          string
		files         files
		field, reason string
	}{
		{"no certificate", files{good.cert + ".gone", good.key}, "tls.cert_file", "certificate_unusable"},
		{"no key", files{good.cert, good.key + ".gone"}, "tls.key_file", "certificate_unusable"},
		{"the key of another", files{good.cert, other.key}, "tls.cert_file", "certificate_unusable"},
		{"a key for everybody", loose, "tls.key_file", "key_readable"},
		{"another name", ca.files(t, "www.office.example", time.Hour), "tls.cert_file", "certificate_other_name"},
		{"at its end", ca.files(t, officeHost, -time.Hour), "tls.cert_file", "certificate_expired"},
	} {
		_, err := h.admin.ChangeAddress(t.Context(), pairsOf([]string{
			"tls.mode", "files", "tls.cert_file", test.files.cert, "tls.key_file", test.files.key, "tls.listen", "127.0.0.1:0", "tls.redirect", "off", "public_url", "https://" + officeHost,
		}), 0)
		e, ok := errors.AsType[*app.Error](err)
		if !ok || e.Code != app.Invalid || e.Field != test.field || e.Reason != test.reason {
			t.Errorf("%s: %v, want %s on %s", test.name, err, test.reason, test.field)
		}
	}
	if now := fmt.Sprint(h.app.Settings()); now != before {
		t.Errorf("a refusal has changed settings:\n got %s\nwant %s", now, before)
	}
	if got := h.get(h.browser(), "/login"); got.status != 200 || len(h.now().Listeners) != 1 {
		t.Errorf("a refusal has changed the pages: %d, %+v", got.status, h.now().Listeners)
	}
	h.address("tls.mode", "files", "tls.cert_file", good.cert, "tls.key_file", good.key, "tls.listen", "127.0.0.1:0", "tls.redirect", "off", "public_url", "https://"+officeHost)
	if c := h.concerns("certificate_"); len(c) > 0 {
		t.Errorf("concerns: %+v", c)
	}
}

// concerns returns those whose code begins so.
func (h house) concerns(prefix string) []app.Concern {
	h.Helper()
	all, err := h.app.Attention(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	var some []app.Concern
	for _, c := range all {
		if strings.HasPrefix(c.Code, prefix) {
			some = append(some, c)
		}
	}
	return some
}
