package oidc_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server/oidc"
)

func challengeOf(verifier app.Token) string {
	sum := sha256.Sum256([]byte(verifier))
	return b64(sum[:])
}

// flood answers with 300 MB.
func flood(declared bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		const size = 300 << 20
		w.Header().Set("Content-Type", "application/json")
		if declared {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		chunk := []byte(`{"x":"` + strings.Repeat("x", 64<<10-6))
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

func TestT17Flood(t *testing.T) {
	for _, what := range []string{"document", "token", "keys"} {
		for _, declared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s declared=%v", what, declared), func(t *testing.T) {
				h := newHostile(t)
				h.answer[what] = flood(declared)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				ch := office()
				_, err := h.signInTo(t, ch)
				runtime.ReadMemStats(&after)
				wantUnreachable(t, err, "too_large")
				if grown := after.TotalAlloc - before.TotalAlloc; grown > 30<<20 {
					t.Errorf("300 MB took %d MB of memory, want less than 30", grown>>20)
				}
			})
		}
	}
}

// 1 MiB is read to its last byte, and one byte more is an error, not a shorter answer.
func TestT17LargestAnswer(t *testing.T) {
	for _, tc := range []struct {
		size int
		why  string
	}{{1 << 20, "bad_keys"}, {1<<20 + 1, "too_large"}} {
		h := newHostile(t)
		h.answer["keys"] = say(http.StatusOK, `{"keys":[]}`+strings.Repeat(" ", tc.size-11))
		_, err := h.signIn(t, office())
		wantUnreachable(t, err, tc.why)
	}
	h := newHostile(t)
	h.answer["token"] = say(http.StatusOK, `{"access_token":"a"}`+strings.Repeat(" ", 1<<20))
	_, err := h.signIn(t, office())
	wantUnreachable(t, err, "too_large")
}

func TestT17GzipBomb(t *testing.T) {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	if _, err := z.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := strings.Repeat(member.String(), 300) // 300 MB (RFC 1952, 2.2)
	for what, why := range map[string]string{"document": "bad_discovery", "token": "token_endpoint", "keys": "bad_keys"} {
		t.Run(what, func(t *testing.T) {
			h := newHostile(t)
			h.answer[what] = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				say(http.StatusOK, bomb)(w, r)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ch := office()
			_, err := h.signInTo(t, ch)
			runtime.ReadMemStats(&after)
			wantUnreachable(t, err, why)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 30<<20 {
				t.Errorf("a bomb of %d KB took %d MB of memory, want less than 30", len(bomb)>>10, grown>>20)
			}
			for _, r := range h.asked("") {
				if got := r.header.Get("Accept-Encoding"); got != "identity" {
					t.Errorf("Accept-Encoding = %q, want identity", got)
				}
			}
		})
	}
}

func TestT17Redirects(t *testing.T) {
	for _, what := range []string{"document", "token", "keys"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, to := range []string{"http://169.254.169.254/latest/token", "https://evil.example/keys?x=SECRETCANARY", "/keys"} {
				t.Run(fmt.Sprintf("%s %d %s", what, status, to), func(t *testing.T) {
					h := newHostile(t)
					h.answer[what] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) }
					ch := office()
					_, err := h.signInTo(t, ch)
					wantUnreachable(t, err, "redirected")
					wantSilence(t, h, err, "SECRETCANARY")
					if got := hosts(h.asked("")); !slices.Equal(got, []string{"idp.example"}) {
						t.Errorf("requests went to %q, want idp.example only", got)
					}
					if n := len(h.asked(what)); n != 1 {
						t.Errorf("%d requests, want 1: the redirect is not followed", n)
					}
				})
			}
		}
	}
}

func TestT17EndpointsThatAreSomewhereElse(t *testing.T) {
	inner := []string{
		"https://169.254.169.254/x", "https://127.0.0.1/x", "https://127.8.8.8:8443/x", "https://localhost/x", "https://LOCALHOST./x", "https://a.localhost/x",
		"https://10.0.0.1/x", "https://192.168.1.1/x", "https://172.16.0.1/x", "https://100.64.0.1/x", "https://0.0.0.0/x", "https://224.0.0.1/x",
		"https://[::1]/x", "https://[fe80::1]/x", "https://[fe80::1%25eth0]/x", "https://[fd00::1]/x", "https://[::ffff:169.254.169.254]/x",
		"https://[64:ff9b::a9fe:a9fe]/x", "https://[ff02::1]/x", "https://[::]/x",
	}
	wrong := []string{
		"", "/token", "http://idp.example/x", "http://127.0.0.1/x", "ftp://idp.example/x", "https:///x", "https:idp.example/x", "https://u:p@idp.example/x",
		"https://idp.example/x#y", "https://idp.example/x#", "javascript:alert(1)", "file:///etc/passwd", "https://idp.example/\x00",
		"https://idp.example/" + strings.Repeat("x", 2048),
	}
	foreign := []string{
		"https://evil.example/x", "https://login.microsoftonline.com.evil.example/x", "https://login.microsoftonline.com:8443/x", "https://login.windows.net/x",
	}
	try := func(ch app.Challenge, name, endpoint string, ok bool) {
		t.Helper()
		h := newHostile(t)
		h.document[name] = endpoint
		_, err := h.providers.SignInURL(t.Context(), ch)
		if ok && err != nil {
			t.Errorf("SignInURL of %s with %s %q: %v", ch.Connector.Kind, name, endpoint, err)
		}
		if !ok {
			wantUnreachable(t, err, "bad_discovery")
		}
		if t.Failed() {
			t.Fatalf("%s of %s is %q", name, ch.Connector.Kind, endpoint)
		}
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
		for _, endpoint := range inner {
			try(office(), name, endpoint, name == "authorization_endpoint") // a browser goes there, not we
		}
		for _, endpoint := range wrong {
			try(office(), name, endpoint, false)
		}
		for _, endpoint := range slices.Concat(foreign, inner, wrong) {
			try(google(), name, endpoint, false)
			try(entra(tenantA, tenantA), name, endpoint, false)
			try(entra(app.ManyTenants, tenantA), name, endpoint, false)
		}
		try(office(), name, "https://keys.idp.example:8443/x?y=z", true)
		try(office(), name, "https://8.8.8.8/x", true)
	}
}

// onThisMachine returns a provider on this machine that is reached through the product's own transport.
func onThisMachine(tb testing.TB) (h *hostile, ch app.Challenge) {
	tb.Helper()
	h = newHostile(tb)
	h.scheme = "http"
	server := httptest.NewServer(h)
	tb.Cleanup(server.Close)
	h.providers = oidc.New(oidc.Config{Log: slog.New(slog.NewTextHandler(h.log, nil))})
	ch = office()
	ch.Connector.Issuer = server.URL
	return h, ch
}

func TestOwnTransport(t *testing.T) {
	h, ch := onThisMachine(t)
	if claims := h.mustSignIn(t, ch); claims.Issuer != ch.Connector.Issuer {
		t.Errorf("Issuer = %q, want %q", claims.Issuer, ch.Connector.Issuer)
	}
	transport := oidc.NewTransport(officeIssuer)
	if transport.Proxy != nil || transport.TLSClientConfig.MinVersion != tls.VersionTLS12 || !transport.DisableCompression {
		t.Errorf("the transport takes a proxy, TLS before 1.2, or gzip: %+v", transport)
	}
}

func TestOwnTransportRedirect(t *testing.T) {
	h, ch := onThisMachine(t)
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(other.Close)
	h.answer["document"] = http.RedirectHandler(other.URL, http.StatusFound).ServeHTTP
	_, err := h.providers.SignInURL(t.Context(), ch)
	wantUnreachable(t, err, "redirected")
	if reached {
		t.Error("the redirect was followed")
	}
}

// Another port of this machine is not the issuer: only what the administrator has typed may be dialled there.
func TestOwnTransportInnerEndpoint(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(other.Close)
	for _, endpoint := range []string{other.URL + "/keys", strings.Replace(other.URL, "127.0.0.1", "localhost", 1) + "/keys"} {
		h, ch := onThisMachine(t)
		h.document["jwks_uri"] = endpoint
		_, err := h.signInTo(t, ch)
		wantUnreachable(t, err, "bad_discovery")
	}
	// A name that leads there is stopped when it is dialled.
	for _, issuer := range []string{officeIssuer, "http://127.0.0.1:1"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, other.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := oidc.NewTransport(issuer).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
			t.Errorf("the transport of %s dials %s", issuer, other.URL)
		}
	}
	if reached {
		t.Error("the inner address was asked")
	}
}

func TestOwnTransportErrors(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	chatty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Chatty", strings.Repeat("SECRETCANARY", 10<<10))
	}))
	t.Cleanup(chatty.Close)
	for _, tc := range []struct{ name, issuer, want string }{
		{"nobody there", gone.URL, "connection refused"},
		{"certificate", untrusted.URL, "is not trusted"},
		{"long header", chatty.URL, "no answer"},
		{"no such name", "https://idp.invalid", "idp.invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.providers = oidc.New(oidc.Config{})
			ch := office()
			ch.Connector.Issuer = tc.issuer
			_, err := h.providers.SignInURL(t.Context(), ch)
			wantUnreachable(t, err, "unreachable")
			wantSilence(t, h, err, "SECRETCANARY")
			if !strings.Contains(fmt.Sprint(err), tc.want) {
				t.Errorf("the error is %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestIsInner(t *testing.T) {
	for _, tc := range []struct {
		addr string
		want bool
	}{
		{"127.0.0.1", true},
		{"10.1.2.3", true},
		{"172.31.0.1", true},
		{"192.168.0.1", true},
		{"169.254.169.254", true},
		{"100.64.0.1", true},
		{"100.127.255.255", true},
		{"0.0.0.0", true},
		{"0.1.2.3", true},
		{"224.0.0.1", true},
		{"255.255.255.255", true},
		{"240.0.0.1", true},
		{"198.18.0.1", true},
		{"192.0.0.8", true},
		{"::", true},
		{"::1", true},
		{"fe80::1%eth0", true},
		{"fc00::1", true},
		{"fd12::1", true},
		{"fec0::1", true},
		{"ff0e::1", true},
		{"::ffff:10.0.0.1", true},
		{"::ffff:127.0.0.1", true},
		{"::7f00:1", true},
		{"64:ff9b::7f00:1", true},
		{"2002:7f00:1::", true},
		{"8.8.8.8", false},
		{"100.128.0.1", false},
		{"172.32.0.1", false},
		{"192.0.1.1", false},
		{"20.190.128.1", false},
		{"2a00:1450:4001::1", false},
		{"::ffff:8.8.8.8", false},
	} {
		if got := oidc.IsInner(netip.MustParseAddr(tc.addr)); got != tc.want {
			t.Errorf("IsInner(%s) = %v, want %v", tc.addr, got, tc.want)
		}
	}
}
