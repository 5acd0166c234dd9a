package web_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"foyer/app"
	"foyer/assets"
	"foyer/server/web"
)

// house is a running server of the pages over a fakeDomain.
type house struct {
	from     string // where requests seem to come from; "" is where they do
	t        testing.TB
	domain   *fakeDomain
	provider *fakeProvider
	url      string
	log      *logBook
}

// logBook is a log that can be read while it is written.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// open starts a house. change may alter its configuration.
func open(t testing.TB, change ...func(*web.Config)) *house {
	t.Helper()
	h := &house{t: t, domain: newFakeDomain(), provider: &fakeProvider{}, log: &logBook{}}
	texts, err := assets.LoadTexts()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	config := web.Config{
		Service: h.domain, Providers: h.provider, Texts: texts, Files: assets.Files(), Log: log, Version: "1.2.3",
		Health: func(context.Context) error { return nil },
	}
	for _, f := range change {
		f(&config)
	}
	handler, err := web.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.DefaultTimeouts().NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = cmp.Or(h.from, r.RemoteAddr)
		handler.ServeHTTP(w, r)
	}), log)
	server.Start()
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends one request and follows no redirect.
func (h *house) do(method, path, body string, change ...func(*http.Request)) answer {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(r)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() {
		if err := response.Body.Close(); err != nil {
			h.t.Error(err)
		}
	}()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(data)}
}

func (h *house) get(path string, change ...func(*http.Request)) answer {
	h.t.Helper()
	return h.do(http.MethodGet, path, "", change...)
}

func (h *house) post(path, body string, change ...func(*http.Request)) answer {
	h.t.Helper()
	return h.do(http.MethodPost, path, body, change...)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func cookie(token app.Token) func(*http.Request) { return header("Cookie", "sid="+string(token)) }

func trusted(prefixes ...string) func(*web.Config) {
	return func(c *web.Config) {
		for _, p := range prefixes {
			c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix(p))
		}
	}
}

// want fails the test unless the answer has the status and its body holds every part.
func (a answer) want(t testing.TB, what string, status int, parts ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: got status %d, want %d", what, a.status, status)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%s: page lacks %q:\n%s", what, part, a.body)
		}
	}
}

// wantRedirect fails the test unless the answer is a 303 to the path.
func (a answer) wantRedirect(t testing.TB, what, to string) {
	t.Helper()
	if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != to {
		t.Errorf("%s: got %d to %q, want 303 to %q", what, a.status, got, to)
	}
}

const newPasswords = "password=correct+horse+battery&password_confirm=correct+horse+battery"

// routes is the contract: every path there is, with a sample for what varies. Those below /auth/ are not among them: a
// GET of theirs begins or ends a sign-in.
var routes = []string{
	"/", "/login", "/logout", "/register", "/register/sent", "/confirm", "/confirm/" + string(confirmToken),
	"/forgot", "/forgot/sent", "/reset/" + string(resetToken), "/not-me/" + string(stopToken), "/account",
	"/account/password", "/account/again", "/account/link", "/account/unlink", "/register/identity", "/register/identity/sent",
	"/register/link", "/register/link/code", "/healthz",
}

// page is one page in one of its states.
type page struct {
	name   string
	answer answer
}

// pages returns every page in every state that looks different, in a language.
func (h *house) pages(lang string) []page {
	me := h.domain.signIn()
	csrf := "csrf=" + me.CSRF()
	in := header("Accept-Language", lang)
	confirm, idn, reset, stop := "/confirm/"+string(confirmToken), "/confirm/"+string(idnToken), "/reset/"+string(resetToken), "/not-me/"+string(stopToken)
	pages := []page{
		{"login", h.get("/login", in)},
		{"login, confirmed", h.get("/login?notice=confirmed", in)},
		{"login, signed in", h.get("/login", in, cookie(me))},
		{"login, wrong", h.post("/login", "email=a@b.example&password=x", in)},
		{"register", h.get("/register", in)},
		{"register, wrong", h.post("/register", "first_name=&last_name=&email=x&phone=y", in)},
		{"register, sent", h.get("/register/sent", in)},
		{"code", h.get("/confirm", in)},
		{"code, wrong", h.post("/confirm", "email=jane@example.com&code=WRONG", in)},
		{"code, right", h.post("/confirm", "email=jane@example.com&code=abcd-2345", in)},
		{"confirm", h.get(confirm, in)},
		{"confirm, idn", h.get(idn, in)},
		{"confirm, wrong", h.post(confirm, "password=short&password_confirm=short", in)},
		{"confirm, spent", h.get("/confirm/"+string(spentToken), in)},
		{"confirm, expired", h.get("/confirm/"+string(expiredToken), in)},
		{"forgot", h.get("/forgot", in)},
		{"forgot, wrong", h.post("/forgot", "email=x", in)},
		{"forgot, sent", h.get("/forgot/sent", in)},
		{"reset", h.get(reset, in)},
		{"reset, wrong", h.post(reset, "password=long+enough+1&password_confirm=differs", in)},
		{"reset, unknown", h.get("/reset/unknown", in)},
		{"not me", h.get(stop, in)},
		{"not me, wrong", h.post(stop, "email=other@example.com", in)},
		{"not me, unknown", h.get("/not-me/unknown", in)},
		{"account", h.get("/account", in, cookie(me))},
		{"account, saved", h.get("/account?notice=saved", in, cookie(me))},
		{"account, wrong", h.post("/account", csrf+"&first_name=&last_name=&phone=x", in, cookie(me))},
		{"password, wrong", h.post("/account/password", csrf+"&current_password=no&"+newPasswords, in, cookie(me))},
		{"400", h.post("/login", "email=a&email=b", in)},
		{"403", h.post("/account", "csrf=no", in, cookie(me))},
		{"404", h.get("/nothing", in)},
		{"405", h.do(http.MethodPut, "/login", "", in)},
		{"413", h.post("/login", "email="+strings.Repeat("x", 70_000), in)},
		{"415", h.post("/login", "{}", in, func(r *http.Request) { r.Header.Set("Content-Type", "application/json") })},
		{"421", h.get("/login", in, host("evil.example"))},
	}
	h.domain.set(func(s *app.Settings) { s.LoginLink = false })
	pages = append(pages, page{"closed", h.get("/register", in)}, page{"login, closed", h.get("/login", in)},
		page{"code, closed", h.get("/confirm", in)})
	h.domain.set(func(s *app.Settings) { s.LoginLink, s.NeutralAnswers = true, false })
	h.domain.listed = func(app.Address) bool { return false }
	pages = append(pages, page{"register, not enabled", h.post("/register", "first_name=A&last_name=B&email=a@b.example", in)})
	h.domain.listed = func(app.Address) bool { return true }
	h.domain.set(func(s *app.Settings) { s.NeutralAnswers = true })
	return append(pages, h.identityPages(lang)...)
}
