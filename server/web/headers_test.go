package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server/web"
)

// commonHeaders are those of every answer. Only Cache-Control of a static file may differ.
const commonHeaders = `Cache-Control: no-store
Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self'; script-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'
Cross-Origin-Opener-Policy: same-origin
Cross-Origin-Resource-Policy: same-origin
Permissions-Policy: camera=(), microphone=(), geolocation=()
Referrer-Policy: no-referrer
X-Content-Type-Options: nosniff
`

// incidental are headers that differ by page. Everything else must be among the common ones.
var incidental = []string{"Content-Length", "Content-Type", "Date", "Location", "Allow", "Retry-After", "Set-Cookie", "Connection"}

func common(a answer) string {
	var lines []string
	for name, values := range a.header {
		if !slices.Contains(incidental, name) {
			lines = append(lines, name+": "+strings.Join(values, " | ")+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestHeadersOnEveryRouteAndMethod(t *testing.T) {
	h := open(t)
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}
	for _, path := range append(slices.Clone(routes), "/nothing", "/static/nothing", "/login/", "//login", "/%2e%2e/login") {
		for _, method := range methods {
			a := h.do(method, path, "")
			if got := common(a); got != commonHeaders {
				t.Errorf("%s %s: headers\n%swant\n%s", method, path, got, commonHeaders)
			}
			if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Errorf("%s %s: 405 without Allow", method, path)
			}
			if location := a.header.Get("Location"); location != "" && (location[0] != '/' || strings.HasPrefix(location, "//")) {
				t.Errorf("%s %s: leads away to %q", method, path, location)
			}
		}
	}
	for _, p := range h.pages("en") {
		want := commonHeaders
		if p.name == "421" { // its host is not loopback: see TestReferrerPolicy
			want = strings.Replace(want, "no-referrer", "same-origin", 1)
		}
		if got := common(p.answer); got != want {
			t.Errorf("page %s: headers\n%swant\n%s", p.name, got, want)
		}
	}
}

func TestMethodsAreThoseOfTheContract(t *testing.T) {
	h := open(t)
	allowed := map[string]string{
		"/": "GET, HEAD", "/login": "GET, HEAD, POST", "/logout": "POST", "/register": "GET, HEAD, POST",
		"/register/sent": "GET, HEAD", "/confirm": "GET, HEAD, POST", "/confirm/" + string(confirmToken): "GET, HEAD, POST",
		"/forgot": "GET, HEAD, POST", "/forgot/sent": "GET, HEAD", "/reset/" + string(resetToken): "GET, HEAD, POST",
		"/not-me/" + string(stopToken): "GET, HEAD, POST", "/account": "GET, HEAD, POST", "/account/password": "POST",
		"/account/again": "GET, HEAD, POST", "/account/link": "GET, HEAD, POST", "/account/unlink": "POST",
		"/register/identity": "GET, HEAD, POST", "/register/identity/sent": "GET, HEAD", "/register/link": "GET, HEAD, POST",
		"/register/link/code": "POST", "/auth/google/start": "GET", "/auth/google/callback": "GET",
		"/healthz": "GET, HEAD",
	}
	for _, path := range append(slices.Clone(routes), "/auth/google/start", "/auth/google/callback") {
		a := h.do(http.MethodDelete, path, "")
		names := strings.Split(a.header.Get("Allow"), ", ")
		slices.Sort(names)
		if got, want := strings.Join(names, ", "), allowed[path]; a.status != 405 || got != want {
			t.Errorf("DELETE %s: got %d, Allow %q, want 405, %q", path, a.status, got, want)
		}
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	for _, path := range routes {
		get, head := h.get(path, cookie(me)), h.do(http.MethodHead, path, "", cookie(me))
		for _, name := range incidental {
			if name != "Date" && fmt.Sprint(get.header[name]) != fmt.Sprint(head.header[name]) {
				t.Errorf("HEAD %s: %s is %q, that of GET %q", path, name, head.header[name], get.header[name])
			}
		}
		if head.status != get.status || head.body != "" {
			t.Errorf("HEAD %s: got %d with %d bytes, GET has %d", path, head.status, len(head.body), get.status)
		}
	}
}

func TestReferrerPolicy(t *testing.T) {
	tests := []struct{ publicURL, host, want string }{
		{"http://localhost:8080", "localhost:8080", "no-referrer"},
		{"http://localhost:8080", "127.0.0.1:8080", "no-referrer"},
		{"https://accounts.novak.example", "accounts.novak.example", "no-referrer"},
		// A browser sends "Origin: null" with our own forms there, were it told not to say where they come from.
		{"http://foyer.lan:8080", "foyer.lan:8080", "same-origin"},
		{"http://192.0.2.1:8080", "192.0.2.1:8080", "same-origin"},
	}
	h := open(t)
	for _, test := range tests {
		h.domain.set(func(s *app.Settings) { s.PublicURL = test.publicURL })
		if got := h.get("/login", host(test.host)).header.Get("Referrer-Policy"); got != test.want {
			t.Errorf("public URL %s, host %s: got %q, want %q", test.publicURL, test.host, got, test.want)
		}
	}
}

func TestStrictTransportOnlyForDNSNamesOnHTTPS(t *testing.T) {
	tests := []struct{ publicURL, want string }{
		{"http://accounts.novak.example", ""},
		{"https://accounts.novak.example", "max-age=31536000"},
		{"https://accounts.novak.example:8443", "max-age=31536000"},
		{"https://localhost", ""},
		{"https://foyer", ""},
		{"https://192.0.2.7", ""},
		{"https://[2001:db8::7]:8443", ""},
		{"", ""},
	}
	h := open(t)
	for _, test := range tests {
		h.domain.set(func(s *app.Settings) { s.PublicURL = test.publicURL })
		for _, path := range []string{"/login", "/nothing"} {
			if got := h.get(path).header.Get("Strict-Transport-Security"); got != test.want {
				t.Errorf("%s at %q: got %q, want %q", path, test.publicURL, got, test.want)
			}
		}
	}
}

// With a certificate that browsers had to be told to trust, insisting on HTTPS would lock out those who were not told.
func TestNoStrictTransportWithAnOwnCertificate(t *testing.T) {
	for publicly, want := range map[bool]string{true: "max-age=31536000", false: ""} {
		h := open(t, func(c *web.Config) { c.PublicCertificate = func() bool { return publicly } })
		h.domain.set(func(s *app.Settings) { s.PublicURL = "https://accounts.novak.example" })
		if got := h.get("/login").header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("trusted by browsers: %v: got %q, want %q", publicly, got, want)
		}
	}
}

// A form that comes over plain HTTP although browsers are to use HTTPS changes nothing. Only a proxy that is trusted can say
// that it came over HTTPS to it, and only with the last word.
func TestFormsComeOverHTTPS(t *testing.T) {
	const plain, secure = "http://accounts.novak.example", "https://accounts.novak.example"
	const here, there = "127.0.0.1:50000", "192.0.2.7:50000"
	tests := []struct {
		name, publicURL string
		from            string
		trusted         bool
		proto           []string
		want            int
	}{
		{"plain pages", plain, there, false, nil, 303},
		{"plain pages behind a proxy", plain, there, true, []string{"http"}, 303},
		{"nobody in front", secure, there, false, nil, 403},
		{"whoever says so", secure, there, false, []string{"https"}, 403},
		{"a program of this machine", secure, here, false, nil, 303},
		{"whatever it says", secure, here, false, []string{"http"}, 303},
		{"the proxy says nothing", secure, there, true, nil, 303},
		{"the proxy says so", secure, there, true, []string{"https"}, 303},
		{"in capitals", secure, there, true, []string{"HTTPS"}, 303},
		{"the proxy says no", secure, there, true, []string{"http"}, 403},
		{"a proxy of this machine says no", secure, here, true, []string{"http"}, 403},
		{"added to what the browser said", secure, there, true, []string{"https", "http"}, 403},
		{"in one line", secure, there, true, []string{"https, http"}, 403},
		{"a chain", secure, there, true, []string{"http, https"}, 303},
		{"rubbish", secure, there, true, []string{"https;"}, 403},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var config []func(*web.Config)
			if test.trusted {
				config = append(config, trusted("127.0.0.1/32", "192.0.2.7/32"))
			}
			h := open(t, config...)
			h.from = test.from
			h.domain.set(func(s *app.Settings) { s.PublicURL = test.publicURL })
			says := func(r *http.Request) {
				r.Host = "accounts.novak.example"
				for _, proto := range test.proto {
					r.Header.Add("X-Forwarded-Proto", proto)
				}
			}
			a := h.post("/login", "email=jane@example.com&password="+strings.ReplaceAll(goodPassword, " ", "+"), says)
			if a.status != test.want {
				t.Errorf("POST: got %d, want %d", a.status, test.want)
			}
			if got := a.header.Values("Set-Cookie"); (len(got) > 0) != (test.want == 303) {
				t.Errorf("POST answers %d with the cookies %q", a.status, got)
			}
			if strings.Contains(h.log.String(), "jane") || strings.Contains(h.log.String(), "password") {
				t.Errorf("the log has something of the form:\n%s", h.log)
			}
			h.get("/login", says).want(t, "GET", 200)
		})
	}
}

func TestStaticFiles(t *testing.T) {
	h := open(t)
	page := h.get("/login").body
	names, err := filepath.Glob("../../assets/web/static/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("static files: %v, %v", names, err)
	}
	_, rest, _ := strings.Cut(page, `rel="stylesheet" href="`)
	path, _, _ := strings.Cut(rest, `"`)
	css := h.get(path)
	want, err := os.ReadFile("../../assets/web/static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	if css.status != 200 || css.body != string(want) || css.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%s: got %d, %s, %d bytes", path, css.status, css.header.Get("Content-Type"), len(css.body))
	}
	if got, want := css.header.Get("Cache-Control"), "public, max-age=31536000, immutable"; got != want {
		t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
	}
	if len(want) > 20_000 {
		t.Errorf("the style sheet has %d bytes", len(want))
	}
	for _, name := range []string{"/static/style.css", "/static/..%2ftemplates%2flogin.html", "/static/"} {
		if a := h.get(name); a.status != 404 {
			t.Errorf("%s: got %d, want 404", name, a.status)
		}
	}
}

func TestNothingComesFromElsewhere(t *testing.T) {
	h := open(t)
	for _, p := range h.pages("en") {
		for _, forbidden := range []string{"http://", "https://", "//cdn", "<script", " style=", "<style", " onclick", "javascript:"} {
			if strings.Contains(p.answer.body, forbidden) {
				t.Errorf("page %s contains %q", p.name, forbidden)
			}
		}
	}
}

func TestForwardingHeadersAreIgnored(t *testing.T) {
	h := open(t, func(c *web.Config) { c.Hosts = []string{"foyer.lan"} })
	plain := h.get("/login", host("foyer.lan"))
	forged := h.get("/login", host("foyer.lan"), header("X-Forwarded-Host", "evil.example"), header("X-Forwarded-Proto", "https"),
		header("Forwarded", "host=evil.example;proto=https"), header("X-Forwarded-Prefix", "/evil"))
	if plain.body != forged.body || common(plain) != common(forged) {
		t.Errorf("forwarding headers change the page:\n%s%s\n%s%s", common(plain), plain.body, common(forged), forged.body)
	}
	if a := h.get("/login/", header("X-Forwarded-Prefix", "//evil.example")); a.status != 404 {
		t.Errorf("/login/: got %d to %q, want 404", a.status, a.header.Get("Location"))
	}
}
