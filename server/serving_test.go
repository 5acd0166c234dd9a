package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

const officeHost = "accounts.office.example"

// issuer is a certificate authority of the test.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(tb testing.TB) issuer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test root"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(1000 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return issuer{cert, key}
}

func (i issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// issue returns the PEM texts of a certificate and its key.
func (i issuer) issue(tb testing.TB, name string, left time.Duration) (cert, key []byte) {
	tb.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-80 * 24 * time.Hour), NotAfter: time.Now().Add(left),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, i.cert, pair.Public(), i.key)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// files is a pair of files with a certificate and its key.
type files struct{ cert, key string }

func (i issuer) files(tb testing.TB, name string, left time.Duration) files {
	tb.Helper()
	dir := tb.TempDir()
	f := files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	f.write(tb, i, name, left)
	return f
}

func (f files) write(tb testing.TB, i issuer, name string, left time.Duration) {
	tb.Helper()
	cert, key := i.issue(tb, name, left)
	if err := errors.Join(os.WriteFile(f.key, key, 0o600), os.WriteFile(f.cert, cert, 0o600)); err != nil {
		tb.Fatal(err)
	}
}

// secureHouse is a house whose pages can be reached by any name, on the ports it listens at.
type secureHouse struct {
	house
	admin *localapi.Client
}

func openSecure(t *testing.T, change ...func(*server.Config)) secureHouse {
	t.Helper()
	h := startChanged(t, t.TempDir(), func(c *server.Config) {
		for _, f := range change {
			f(c)
		}
	})
	return withAdmin(h)
}

func withAdmin(h house) secureHouse {
	admin := &localapi.Client{Socket: filepath.Join(h.dir, "admin.sock")}
	h.Cleanup(admin.Close)
	return secureHouse{h, admin}
}

// address changes the address, which must work.
func (h secureHouse) address(pairs ...string) localapi.Address {
	h.Helper()
	a, err := h.admin.ChangeAddress(h.Context(), pairsOf(pairs), 0)
	if err != nil {
		h.Fatalf("change %q: %v", pairs, err)
	}
	return a
}

func pairsOf(pairs []string) map[string]string {
	changes := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		changes[pairs[i]] = pairs[i+1]
	}
	return changes
}

func (h secureHouse) now() localapi.Address {
	h.Helper()
	a, err := h.admin.Address(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// at returns the address at which a kind of listener is.
func at(tb testing.TB, a localapi.Address, kind string, skip int) string {
	tb.Helper()
	for _, l := range a.Listeners {
		if l.Kind == kind {
			if skip--; skip < 0 {
				return l.Address
			}
		}
	}
	tb.Fatalf("no listener of kind %s: %+v", kind, a.Listeners)
	return ""
}

// client is a browser that trusts roots and finds every name at an address.
func client(tb testing.TB, roots *x509.CertPool, address string) *http.Client {
	tb.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func rootsOf(tb testing.TB, text string) *x509.CertPool {
	tb.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(text)) {
		tb.Fatalf("no certificate in %q", text)
	}
	return pool
}

// freePort returns an address at which nothing listens.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

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

// TestTakenAddressChangesNothing refuses what cannot be had, by either way of changing settings.
func TestTakenAddressChangesNothing(t *testing.T) {
	h := openSecure(t)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	before := fmt.Sprint(h.app.Settings())
	for field, changes := range map[string][]string{
		"tls.listen":   {"tls.mode", "local", "tls.listen", taken.Addr().String(), "tls.redirect", "off", "public_url", "https://" + officeHost},
		"tls.redirect": {"tls.mode", "local", "tls.listen", "127.0.0.1:0", "tls.redirect", taken.Addr().String(), "public_url", "https://" + officeHost},
	} {
		_, byAddress := h.admin.ChangeAddress(t.Context(), pairsOf(changes), time.Minute)
		_, bySettings := h.admin.SetSettings(t.Context(), pairsOf(changes))
		for _, err := range []error{byAddress, bySettings} {
			e, ok := errors.AsType[*app.Error](err)
			if !ok || e.Code != app.Conflict || e.Field != field || e.Reason != "address_taken" || !strings.Contains(e.Message, "another program") {
				t.Errorf("%s: %v", field, err)
			}
		}
	}
	a := h.now()
	if now := fmt.Sprint(h.app.Settings()); now != before || a.Pending != nil || len(a.Listeners) != 1 || a.Mode != "off" {
		t.Errorf("a refusal has changed something: %+v", a)
	}
	if _, err := h.admin.KeepAddress(t.Context()); app.ReasonOf(err) != "address_settled" {
		t.Errorf("keep: %v", err)
	}
	if _, err := h.admin.RevertAddress(t.Context()); app.ReasonOf(err) != "address_settled" {
		t.Errorf("revert: %v", err)
	}
	if _, err := h.admin.ChangeAddress(t.Context(), map[string]string{"site_name": "x"}, 0); app.ReasonOf(err) != "setting_other" {
		t.Errorf("another setting: %v", err)
	}
}

// TestAddressOnTrial undoes a change that nobody confirms: by hand, when its time is up, and by a new start.
func TestAddressOnTrial(t *testing.T) {
	h := openSecure(t)
	try := func(within time.Duration) localapi.Address {
		t.Helper()
		a, err := h.admin.ChangeAddress(t.Context(), pairsOf([]string{
			"tls.mode", "local", "tls.listen", "127.0.0.1:0", "tls.redirect", "off", "public_url", "https://" + officeHost,
		}), within)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	isBack := func(what string) {
		t.Helper()
		a := h.now()
		if a.Mode != "off" || a.Pending != nil || a.PublicURL != h.url || len(a.Listeners) != 1 || h.get(h.browser(), "/login").status != 200 {
			t.Errorf("%s: %+v", what, a)
		}
		if got := h.app.Settings().TLS.Listen; got != ":443" {
			t.Errorf("%s: tls.listen=%s", what, got)
		}
	}
	a := try(time.Hour)
	if a.Pending == nil || a.Pending.Before["public_url"] != "" || a.Pending.Changes["tls.mode"] != "local" || time.Until(a.Pending.Until) < 59*time.Minute {
		t.Errorf("pending: %+v", a.Pending)
	}
	for what, change := range map[string]func() error{
		"settings": func() error {
			_, err := h.admin.SetSettings(t.Context(), map[string]string{"public_url": "https://b.office.example"})
			return err
		},
		"address": func() error {
			_, err := h.admin.ChangeAddress(t.Context(), map[string]string{"tls.acme_email": "a@b.example"}, 0)
			return err
		},
	} {
		if err := change(); app.CodeOf(err) != app.Conflict || app.ReasonOf(err) != "address_pending" {
			t.Errorf("%s while a change waits: %v", what, err)
		}
	}
	h.set("site_name", "Another") // nothing of the address
	if _, err := h.admin.RevertAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	isBack("by hand")

	watch := h.app.Watch()
	defer watch.Close()
	try(time.Second)
	for deadline := time.After(20 * time.Second); h.now().Pending != nil; {
		select {
		case <-watch.Changed():
			watch.Take()
		case <-deadline:
			t.Fatal("nobody undoes the change")
		}
	}
	isBack("in time")

	try(time.Hour)
	h.stop()
	h = withAdmin(startChanged(t, h.dir, func(*server.Config) {}))
	isBack("by a new start")

	try(time.Hour)
	if _, err := h.admin.KeepAddress(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.stop()
	h = withAdmin(startChanged(t, h.dir, func(*server.Config) {}))
	if a := h.now(); a.Mode != "local" || a.Pending != nil || a.PublicURL != "https://"+officeHost {
		t.Errorf("kept: %+v", a)
	}
}

// TestSwitchUnderLoad changes the certificate, the mode and the redirect while browsers are served: none of them notices.
func TestSwitchUnderLoad(t *testing.T) {
	ca := newIssuer(t)
	f := ca.files(t, officeHost, 100*24*time.Hour)
	h := openSecure(t, func(c *server.Config) { c.WebRoots = ca.pool() })
	listen := freePort(t)
	a := h.address("tls.mode", "local", "tls.listen", listen, "tls.redirect", "off", "public_url", "https://"+officeHost)
	roots := rootsOf(t, a.Authority.PEM)
	roots.AddCert(ca.cert)
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var served, failed atomic.Int64
	for i := range 8 {
		browser := client(t, roots, listen)
		address, want := "https://"+officeHost+"/login", 200
		if i%2 == 1 { // the address that is always there
			browser, address, want = h.browser(), h.local+"/healthz", 200
		}
		load.Go(func() {
			for ctx.Err() == nil {
				req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, address, nil) // one that is under way comes to its end
				if err != nil {
					t.Error(err)
					return
				}
				res, err := browser.Do(req)
				if err != nil || res.StatusCode != want {
					failed.Add(1)
					t.Errorf("%s: %v, %+v", address, err, res)
					return
				}
				_ = res.Body.Close() // its head was enough
				served.Add(1)
			}
		})
	}
	for range 5 {
		h.address("tls.mode", "files", "tls.cert_file", f.cert, "tls.key_file", f.key)
		h.address("tls.redirect", "127.0.0.1:0")
		h.address("tls.mode", "local", "tls.redirect", "off")
	}
	for served.Load() < 200 && failed.Load() == 0 {
		h.now()
	}
	cancel()
	load.Wait()
	t.Logf("%d requests", served.Load())
}

// TestMovedAddress moves the address: what has begun at the old one comes to its end, and nobody new comes in there.
func TestMovedAddress(t *testing.T) {
	h := openSecure(t)
	a := h.address("tls.mode", "local", "tls.listen", "127.0.0.1:0", "tls.redirect", "off", "public_url", "https://"+officeHost)
	old := at(t, a, "https", 0)
	roots := rootsOf(t, a.Authority.PEM)
	conn, err := tls.Dial("tcp", old, &tls.Config{RootCAs: roots, ServerName: officeHost})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n\r\nemail=jane", officeHost); err != nil {
		t.Fatal(err)
	}
	moved := freePort(t)
	a = h.address("tls.listen", moved)
	if got := at(t, a, "https", 0); got != moved {
		t.Errorf("it is at %s, want %s", got, moved)
	}
	if got := h.do(client(t, roots, moved), "GET", "https://"+officeHost+"/login", nil); got.status != 200 {
		t.Errorf("at the new address: %d", got.status)
	}
	for { // until the old one is shut, which goes on behind the change
		other, err := new(net.Dialer).DialContext(t.Context(), "tcp", old)
		if err != nil {
			break
		}
		_ = other.Close()
	}
	if _, err := fmt.Fprint(conn, "@acme.example&password=x"[:20]); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := conn.Read(head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 4") {
		t.Errorf("the request that had begun: %q, %v", head, err)
	}
}

// TestStartWithoutCertificate starts although the files are missing and an address is taken. The admin socket says what to
// do, the pages say that they cannot be shown, and once the files are there they are served.
func TestStartWithoutCertificate(t *testing.T) {
	ca := newIssuer(t)
	dir := t.TempDir()
	f := files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := openSecure(t, func(c *server.Config) {
		c.WebRoots = ca.pool()
		c.PublicURL = "https://" + officeHost
		c.Settings = map[string]string{
			"tls.mode": "files", "tls.cert_file": f.cert, "tls.key_file": f.key, "tls.listen": "127.0.0.1:0", "tls.redirect": taken.Addr().String(),
		}
	})
	a := h.now()
	if a.Certificate != nil || a.Problem != "certificate_unusable" || !strings.Contains(a.Text, f.cert) || len(a.Fixed) != 6 || a.Fixed[0] != "public_url" {
		t.Errorf("address: %+v", a)
	}
	if got := a.Listeners[2]; got.Kind != "redirect" || !strings.Contains(got.Error, "another program") {
		t.Errorf("listeners: %+v", a.Listeners)
	}
	if c := h.concerns("certificate_"); len(c) != 1 || c[0].Code != "certificate_problem" || !c[0].Error {
		t.Errorf("concerns: %+v", c)
	}
	for path, want := range map[string]string{"/login": "no certificate", "/healthz": `"reason":"certificate_problem"`} {
		if got := h.do(h.browser(), "GET", h.local+path, nil); got.status != 503 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if conn, err := tls.Dial("tcp", at(t, a, "https", 0), &tls.Config{InsecureSkipVerify: true}); err == nil {
		_ = conn.Close()
		t.Error("some certificate is shown")
	}
	f.write(t, ca, officeHost, 10*24*time.Hour)
	if _, err := h.admin.ChangeAddress(t.Context(), map[string]string{"tls.redirect": "off"}, 0); err != nil {
		t.Fatal(err)
	}
	a = h.now()
	if got := h.do(client(t, ca.pool(), at(t, a, "https", 0)), "GET", "https://"+officeHost+"/login", nil); got.status != 200 {
		t.Errorf("with the files there: %d", got.status)
	}
	if c := h.concerns("certificate_"); len(c) != 1 || c[0].Code != "certificate_expiring" || c[0].Error || c[0].Args["Days"] != "9" {
		t.Errorf("concerns: %+v", c)
	}
}

// TestServingRecovers has everything that was missing at the start come in its time, without anybody's doing.
func TestServingRecovers(t *testing.T) {
	ca := newIssuer(t)
	dir := t.TempDir()
	f := files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := taken.Addr().String()
	s, err := server.New(t.Context(), server.Config{
		DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: "127.0.0.1:0", WebRoots: ca.pool(), PublicURL: "https://" + officeHost,
		Settings: map[string]string{"tls.mode": "files", "tls.cert_file": f.cert, "tls.key_file": f.key, "tls.listen": listen, "tls.redirect": "off"},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := func() app.Serving {
		t.Helper()
		serving, err := s.Service().Serving(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return serving
	}
	if a := now(); a.Certificate != nil || a.Listeners[1].Error == "" {
		t.Errorf("at the start: %+v", a)
	}
	f.write(t, ca, officeHost, 100*24*time.Hour)
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	s.LookAfter(t.Context(), time.Now().Add(time.Minute))
	if a := now(); a.Certificate == nil || a.Problem != "" || a.Listeners[1].Error != "" || a.Listeners[1].Address != listen {
		t.Errorf("a minute later: %+v", a)
	}
	h := house{T: t}
	if got := h.do(client(t, ca.pool(), listen), "GET", "https://"+officeHost+"/login", nil); got.status != 200 {
		t.Errorf("GET: %d", got.status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
}
