package server_test

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"foyer/app"
	"foyer/server"
)

// authority is Let's Encrypt's own test server, which asks this machine for every name.
type authority struct {
	directory string
	root      string // a file with who signs the address of the authority
	issuer    *ca.CAImpl
}

// newAuthority runs an authority that asks at ports of this machine; 0 is one where nobody is.
func newAuthority(t *testing.T, httpPort, tlsPort int) authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default", ValidityPeriod: 90 * 24 * 3600}})
	front := wfe.New(quiet, store, va.New(quiet, orNobody(t, httpPort), orNobody(t, tlsPort), false, everyNameIsHere(t), store), issuer, []string{"ca.test"}, false, false, 0, 0)
	web := httptest.NewTLSServer(front.Handler())
	t.Cleanup(web.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return authority{web.URL + wfe.DirectoryPath, root, issuer}
}

func orNobody(t *testing.T, port int) int {
	t.Helper()
	if port == 0 {
		port = portIn(t, freePort(t))
	}
	return port
}

func portIn(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// everyNameIsHere runs a name server that knows one address.
func everyNameIsHere(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	names := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(answer) // who asked has gone, or has it
	})}
	ended := make(chan error, 1)
	go func() { ended <- names.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = names.Shutdown() // not started is fine too
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// TestACME gets a certificate from a real authority, by either way in which it asks whether this is the host.
func TestACME(t *testing.T) {
	for _, way := range []string{"http", "tls"} {
		t.Run(way, func(t *testing.T) {
			listen, redirect := freePort(t), freePort(t)
			httpPort, tlsPort := portIn(t, redirect), 0
			if way == "tls" {
				httpPort, tlsPort, redirect = 0, portIn(t, listen), "off"
			}
			ca := newAuthority(t, httpPort, tlsPort)
			h := openSecure(t)
			a := h.address("tls.mode", "acme", "tls.acme_agree", "on", "tls.acme_directory", ca.directory, "tls.acme_ca_file", ca.root, "tls.acme_email", "it@office.example",
				"tls.listen", listen, "tls.redirect", redirect, "public_url", "https://"+officeHost)
			c := a.Certificate
			if a.Problem != "" || c == nil || len(c.Names) != 1 || c.Names[0] != officeHost || !strings.HasPrefix(c.Issuer, "Pebble Intermediate CA") || c.Trusted || len(c.Chain) != 2 {
				t.Fatalf("address: %+v, %+v", a, c)
			}
			if c.RenewAt == nil || c.RenewAt.Before(time.Now()) || c.RenewAt.After(c.NotAfter.Add(-20*24*time.Hour)) {
				t.Errorf("renewed at %v, valid until %v", c.RenewAt, c.NotAfter)
			}
			roots := rootsOf(t, string(ca.issuer.GetRootCert(0).PEM()))
			if got := h.do(client(t, roots, listen), "GET", "https://"+officeHost+"/login", nil); got.status != 200 {
				t.Errorf("GET: %d", got.status)
			}
			h.samePerms("acme")

			// The next start needs no authority.
			h.stop()
			h = withAdmin(startChanged(t, h.dir, func(*server.Config) {}))
			if b := h.now(); b.Certificate == nil || b.Certificate.SHA256 != c.SHA256 || b.Problem != "" {
				t.Errorf("after a new start: %+v", b)
			}
			if way == "http" { // nothing about the certificate: nobody is asked
				h.address("tls.redirect", redirect)
			}
		})
	}
}

// TestACMERefused has an authority that does not reach this host: the change is refused with what it says, and nothing has
// changed; at a start the pages say that they cannot be shown, and it is tried again.
func TestACMERefused(t *testing.T) {
	listen := freePort(t)
	ca := newAuthority(t, 0, 0)
	settings := map[string]string{
		"tls.mode": "acme", "tls.acme_agree": "on", "tls.acme_directory": ca.directory, "tls.acme_ca_file": ca.root,
		"tls.listen": listen, "tls.redirect": "off", "public_url": "https://" + officeHost,
	}
	h := openSecure(t)
	_, err := h.admin.ChangeAddress(t.Context(), settings, time.Hour)
	e, ok := errors.AsType[*app.Error](err)
	if !ok || e.Code != app.Conflict || e.Reason != "acme_failed" || !strings.Contains(e.Message, officeHost) || !strings.Contains(e.Message, "tls-alpn-01") {
		t.Errorf("refused with %v", err)
	}
	if a := h.now(); a.Mode != "off" || a.Pending != nil || len(a.Listeners) != 1 || h.get(h.browser(), "/login").status != 200 {
		t.Errorf("a refusal has changed something: %+v", a)
	}
	settings["tls.acme_directory"] = "https://" + freePort(t) + "/dir"
	if _, err := h.admin.ChangeAddress(t.Context(), settings, 0); app.ReasonOf(err) != "acme_failed" || !strings.Contains(app.MessageOf(err), "cannot be reached from this machine") {
		t.Errorf("without an authority: %v", err)
	}
	settings["tls.acme_directory"] = ca.directory
	settings["tls.acme_ca_file"] = ca.root + ".gone"
	if _, err := h.admin.ChangeAddress(t.Context(), settings, 0); app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), ".gone") {
		t.Errorf("without the root of the authority: %v", err)
	}
	settings["tls.acme_ca_file"] = ca.root
	for key, value := range map[string]string{"tls.acme_agree": "off", "public_url": "https://foyer"} {
		changed := map[string]string{key: value}
		for k, v := range settings {
			if k != key {
				changed[k] = v
			}
		}
		if _, err := h.admin.ChangeAddress(t.Context(), changed, 0); app.CodeOf(err) != app.Invalid {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
	h.stop()

	h = withAdmin(startChanged(t, h.dir, func(c *server.Config) {
		c.PublicURL = settings["public_url"]
		delete(settings, "public_url")
		c.Settings = settings
	}))
	watch := h.app.Watch()
	defer watch.Close()
	for deadline := time.After(30 * time.Second); h.now().Problem != "acme_failed"; {
		select {
		case <-watch.Changed():
			watch.Take()
		case <-deadline:
			t.Fatalf("nobody says that there is no certificate: %+v", h.now())
		}
	}
	if c := h.concerns("certificate_"); len(c) != 1 || c[0].Code != "certificate_problem" || !c[0].Error || c[0].Args["Problem"] != "acme_failed" {
		t.Errorf("concerns: %+v", c)
	}
	if got := h.do(h.browser(), "GET", h.local+"/login", nil); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("the pages answer %d", got.status)
	}
}
