package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
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
