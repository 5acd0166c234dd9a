package server_test

import (
	"context"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server"
)

// names returns the names of steps, each that failed with "!", and what the last one says.
func names(steps []app.TrialStep) (words, last string) {
	var all []string
	for _, s := range steps {
		word := s.Name
		if !s.OK {
			word += "!"
		}
		all = append(all, word)
		last = s.Detail
	}
	return strings.Join(all, " "), last
}

func TestConnectorTrial(t *testing.T) {
	o := openOffice(t)
	o.connector(app.ConnectorOIDC, "bare")
	o.connector(app.ConnectorEntra, "many", "tenant", app.ManyTenants, "client_secret", clientSecret)
	all := "settings redirect discovery keys clock client"
	for _, tt := range []struct{ connector, url, fail, steps, verdict string }{
		{"entra", publicURL, "", all, "sign in once"},
		{"google", publicURL, "", all, "sign in once"},
		{"office", publicURL, "", all, "sign in once"},
		{"office", publicURL, `{"error":"invalid_client","error_description":"` + clientSecret + `"}`, all + "!", "(invalid_client)"},
		{"entra", publicURL, `{"error":"invalid_client","error_codes":[7000222]}`, all + "!", "has expired"},
		{"google", "https://accounts.lan", "", "settings redirect!", "private name"},
		{"entra", "http://accounts.office.com", "", "settings redirect!", "https:// addresses only"},
		{"bare", publicURL, "", "settings!", "set issuer"},
		{"many", publicURL, "", "settings!", "no company has an Entra tenant"},
	} {
		o.set("public_url", tt.url)
		o.idp.mu.Lock()
		o.idp.fail = tt.fail
		o.idp.mu.Unlock()
		trial, err := o.app.TestConnector(t.Context(), tt.connector)
		if err != nil {
			t.Fatal(err)
		}
		if steps, _ := names(trial.Steps); steps != tt.steps || trial.OK == strings.HasSuffix(steps, "!") || !strings.Contains(trial.Verdict, tt.verdict) {
			t.Errorf("%s at %s: got %s, %v: %s; want %s: %s", tt.connector, tt.url, steps, trial.OK, trial.Verdict, tt.steps, tt.verdict)
		}
	}
	if strings.Contains(o.log.String(), clientSecret) {
		t.Error("the log holds the secret")
	}
	o.idp.mu.Lock()
	o.idp.fail = ""
	o.idp.mu.Unlock()
	o.setConnector("office", "enabled", "off")
	trial, err := o.app.TestConnector(t.Context(), "office")
	if err != nil || !trial.OK || !strings.Contains(trial.Verdict, "foyer connector set office enabled=on") {
		t.Errorf("a disabled one: %+v, %v", trial, err)
	}
	if _, err := o.app.TestConnector(t.Context(), "none"); app.CodeOf(err) != app.NotFound {
		t.Errorf("one that is not there: %v, want not found", err)
	}
}

// TestPublicURLTrial asks for the pages of a whole service, over real HTTP.
func TestPublicURLTrial(t *testing.T) {
	h, other := open(t), open(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(h.local, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		url, steps, verdict string
	}{
		{"", "address name connection pages", "the pages answer at " + h.url},
		{h.local, "address name connection pages", "a machine for itself"},
		{"http://localhost:" + port, "address name connection pages", "use it with: foyer settings set public_url=http://localhost:" + port},
		{other.local, "address name connection pages!", "another Foyer answers"},
		{strings.Replace(h.local, "http:", "https:", 1), "address name connection tls!", "does not speak TLS"},
	} {
		trial, err := h.app.TestPublicURL(t.Context(), tt.url)
		if err != nil {
			t.Fatal(err)
		}
		if steps, _ := names(trial.Steps); steps != tt.steps || trial.OK == strings.HasSuffix(steps, "!") || !strings.Contains(trial.Verdict, tt.verdict) {
			t.Errorf("%q: got %s, %v: %s; want %s: %s", tt.url, steps, trial.OK, trial.Verdict, tt.steps, tt.verdict)
		}
	}
	for _, address := range []string{"accounts.example", "ftp://accounts.example", "https://accounts.example/", "https://accounts.example/x", "https://a:b@accounts.example"} {
		if _, err := h.app.TestPublicURL(t.Context(), address); app.CodeOf(err) != app.Invalid {
			t.Errorf("%q: got %v, want invalid", address, err)
		}
	}
}

// street is a network in which example.com is what a test wants it to be.
type street struct {
	doors map[string]string // where HOST:PORT leads
	pages server.Pages
}

func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{doors: map[string]string{}}
	s.pages = server.Pages{
		Instance: "i1",
		Lookup: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("192.0.2.7")}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.doors[address])
		},
	}
	return s
}

// serve puts a handler behind a door, with TLS when secure is set.
func (s *street) serve(t *testing.T, door string, secure bool, h http.HandlerFunc) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	if !secure {
		srv.Start()
	} else {
		srv.StartTLS()
		s.pages.Roots = x509.NewCertPool()
		s.pages.Roots.AddCert(srv.Certificate())
	}
	s.doors[door] = srv.Listener.Addr().String()
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have gone
	}
}

const itsMe = `{"status":"ok","instance":"i1"}`

func TestPagesAnswers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		ok     bool
		want   string
	}{
		{"this service", says(200, itsMe), true, "this service answers"},
		{"before the setting", says(421, itsMe), true, "once public_url is set"},
		{"not well", says(503, itsMe), true, "not well"},
		{"another", says(200, `{"status":"ok","instance":"i2"}`), false, "another Foyer"},
		{"an older one", says(200, `{"status":"ok"}`), false, "something else answers"},
		{"something else", says(404, "<html>SECRETCANARY"), false, "status 404"},
		{"a login", http.RedirectHandler("/SECRETCANARY", http.StatusFound).ServeHTTP, false, "leads browsers elsewhere"},
		{"too much", says(200, strings.Repeat("SECRETCANARY", 6000)), false, "larger than 64 KiB"},
		{"long header", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("SECRETCANARY", 10_000))
		}, false, "does not speak HTTP"},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "does not speak HTTP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStreet(t)
			s.serve(t, "example.com:443", true, tt.answer)
			steps, last := names(s.pages.Try(t.Context(), "https://example.com"))
			want := "address name connection tls pages"
			if !tt.ok {
				want += "!"
			}
			if steps != want || !strings.Contains(last, tt.want) || strings.Contains(last, "SECRETCANARY") {
				t.Errorf("got %s: %s, want %s: %s", steps, last, want, tt.want)
			}
		})
	}
}

func TestPagesRedirect(t *testing.T) {
	for _, tt := range []struct{ to, steps string }{
		{"https://example.com/healthz", "address name connection redirect address name connection tls pages"},
		{"https://EXAMPLE.com:8443/login", "address name connection redirect address name connection tls pages"},
		{"https://www.example.com/healthz", "address name connection pages!"},
		{"http://example.com:443/healthz", "address name connection pages!"},
		{"https://user@example.com/healthz", "address name connection pages!"},
	} {
		s := newStreet(t)
		s.serve(t, "example.com:443", true, says(200, itsMe))
		s.doors["example.com:8443"] = s.doors["example.com:443"]
		s.serve(t, "example.com:80", false, http.RedirectHandler(tt.to, http.StatusMovedPermanently).ServeHTTP)
		if steps, last := names(s.pages.Try(t.Context(), "http://example.com")); steps != tt.steps {
			t.Errorf("to %s: got %s: %s, want %s", tt.to, steps, last, tt.steps)
		}
	}
	s := newStreet(t)
	s.serve(t, "example.com:443", true, http.RedirectHandler("https://example.com/", http.StatusFound).ServeHTTP)
	s.serve(t, "example.com:80", false, http.RedirectHandler("https://example.com/", http.StatusFound).ServeHTTP)
	if steps, _ := names(s.pages.Try(t.Context(), "http://example.com")); !strings.HasSuffix(steps, "tls pages!") {
		t.Errorf("a circle: got %s", steps)
	}
}

func TestPagesNotReached(t *testing.T) {
	s := newStreet(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s.doors["example.com:80"] = gone.Listener.Addr().String()
	steps, last := names(s.pages.Try(t.Context(), "http://example.com"))
	if steps != "address name connection!" || !strings.Contains(last, "connection refused") || !strings.Contains(last, "need not be so for others") {
		t.Errorf("nobody there: got %s: %s", steps, last)
	}
	for fault, want := range map[error]string{
		&net.DNSError{Err: "no such host", IsNotFound: true}:    "finds no address of example.com",
		&net.DNSError{Err: "server failure", IsTemporary: true}: "cannot be looked up",
	} {
		s.pages.Lookup = func(context.Context, string, string) ([]netip.Addr, error) { return nil, fault }
		if steps, last := names(s.pages.Try(t.Context(), "http://example.com")); steps != "address name!" || !strings.Contains(last, want) {
			t.Errorf("%v: got %s: %s, want %q", fault, steps, last, want)
		}
	}
}

func TestPagesCertificate(t *testing.T) {
	s := newStreet(t)
	s.serve(t, "example.com:443", true, says(200, itsMe))
	s.doors["office.test:443"] = s.doors["example.com:443"]
	if steps, last := names(s.pages.Try(t.Context(), "https://office.test")); steps != "address name connection tls!" || !strings.Contains(last, "not for office.test") {
		t.Errorf("another name: got %s: %s", steps, last)
	}
	s.pages.Roots = x509.NewCertPool()
	if steps, last := names(s.pages.Try(t.Context(), "https://example.com")); steps != "address name connection tls!" || !strings.Contains(last, "nobody this machine trusts") {
		t.Errorf("an unknown authority: got %s: %s", steps, last)
	}
}

// A trial ends after five seconds, whatever hangs.
func TestPagesHanging(t *testing.T) {
	for name, want := range map[string]string{"http://example.com": "pages!", "https://example.com": "tls!", "http://192.0.2.1": "connection!"} {
		synctest.Test(t, func(t *testing.T) {
			s := newStreet(t)
			s.pages.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
				if strings.HasPrefix(address, "192.") {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				ours, theirs := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, theirs) }() // reads, and never answers
				return ours, nil
			}
			start := time.Now()
			steps, last := names(s.pages.Try(t.Context(), name))
			if took := time.Since(start); took != 5*time.Second || !strings.HasSuffix(steps, want) || !strings.Contains(last, "in time") {
				t.Errorf("%s: %v, %s: %s, want 5 s and %s", name, took, steps, last, want)
			}
		})
	}
}
