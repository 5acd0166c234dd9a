package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foyer/app"
	"foyer/server"
	"foyer/server/mail"
)

// house is a whole service in this process, spoken to over real HTTP.
type house struct {
	*testing.T
	url   string // where browsers find the pages
	local string // where they are served
	dir   string
	app   *app.Service
	log   *syncBuffer
	mails chan app.Message
	stop  func()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func start(t *testing.T, dir string) house {
	t.Helper()
	return startWith(t, dir, nil)
}

// startWith is start with what carries requests to identity providers.
func startWith(t *testing.T, dir string, providers http.RoundTripper) house {
	t.Helper()
	return startChanged(t, dir, func(c *server.Config) {
		c.ProviderTransport = providers
		if providers == nil {
			return
		}
		// The public URL is one of the internet then, where no test goes.
		c.PagesLookup = func(context.Context, string, string) ([]netip.Addr, error) { return nil, errNoName }
	})
}

// startChanged is start with a configuration that is changed by change.
func startChanged(t *testing.T, dir string, change func(*server.Config)) house {
	t.Helper()
	h := house{T: t, dir: dir, log: &syncBuffer{}, mails: make(chan app.Message, 10_000)}
	config := server.Config{
		DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: "127.0.0.1:0", Version: "test",
		SMTP:     mail.ListenerConfig{Listen: []string{"127.0.0.1:0"}},
		Log:      slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Captured: func(m app.Message) { h.mails <- m },
	}
	change(&config)
	s, err := server.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(h.stop)
	h.url, h.local, h.app = s.URL(), "http://"+s.Address(), s.Service()
	return h
}

// open starts a house with a company, sign-up switched on and the given settings.
func open(t *testing.T, settings ...string) house {
	t.Helper()
	h := start(t, t.TempDir())
	h.set("login_link", "on")
	for i := 0; i < len(settings); i += 2 {
		h.set(settings[i], settings[i+1])
	}
	h.company("Acme", "acme.example !out@acme.example")
	return h
}

func (h house) set(key, value string) {
	h.Helper()
	if _, err := h.app.SetSettings(h.Context(), "test", map[string]string{key: value}); err != nil {
		h.Fatal(err)
	}
}

func (h house) company(name, entries string) {
	h.Helper()
	if _, err := h.app.AddCompany(h.Context(), "test", name, entries); err != nil {
		h.Fatal(err)
	}
}

// browser keeps cookies and does not follow redirects.
func (h house) browser() *http.Client {
	h.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	transport := &http.Transport{}
	h.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type answer struct {
	status int
	to     string
	header http.Header
	body   string
}

func (h house) do(c *http.Client, method, address string, form url.Values) answer {
	h.Helper()
	if !strings.HasPrefix(address, "http") {
		address = h.url + address
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(h.Context(), method, address, body)
	if err != nil {
		h.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	data, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		h.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Get("Location"), res.Header, string(data)}
}

func (h house) get(c *http.Client, path string) answer { h.Helper(); return h.do(c, "GET", path, nil) }

func (h house) post(c *http.Client, path string, pairs ...string) answer {
	h.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return h.do(c, "POST", path, form)
}

func (h house) signUp(email string) answer {
	h.Helper()
	return h.post(h.browser(), "/register", "first_name", "Jane", "last_name", "Doe", "email", email, "phone", "")
}

// mail returns the next mail to an address. It must be there already or be on its way.
func (h house) mail(to string) app.Message {
	h.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case m := <-h.mails:
			if m.Recipient.String() == to {
				return m
			}
		case <-deadline:
			h.Fatalf("no mail to %s", to)
		}
	}
}

var (
	confirmPath = regexp.MustCompile(`/confirm/[A-Za-z0-9_-]{43}`)
	resetPath   = regexp.MustCompile(`/reset/[A-Za-z0-9_-]{43}`)
	softBreak   = regexp.MustCompile(`=\r\n`)
)

func find(h house, m app.Message, what *regexp.Regexp) string {
	h.Helper()
	found := what.FindString(softBreak.ReplaceAllString(string(m.Data), ""))
	if found == "" {
		h.Fatalf("nothing like %s in the mail:\n%s", what, m.Data)
	}
	return found
}

const password = "correct horse battery"

// account makes a confirmed account and returns a browser that is signed in with it.
func (h house) account(email string) *http.Client {
	h.Helper()
	h.signUp(email)
	link := find(h, h.mail(email), confirmPath)
	if a := h.post(h.browser(), link, "password", password, "password_confirm", password); a.status != http.StatusSeeOther {
		h.Fatalf("confirm %s: %d\n%s", email, a.status, a.body)
	}
	return h.signIn(email, password)
}

func (h house) signIn(email, password string) *http.Client {
	h.Helper()
	c := h.browser()
	if a := h.post(c, "/login", "email", email, "password", password); a.to != "/account" {
		h.Fatalf("sign-in of %s: %d to %q", email, a.status, a.to)
	}
	return c
}

func (h house) signedIn(c *http.Client) bool {
	h.Helper()
	return h.get(c, "/account").status == http.StatusOK
}

func (h house) events(action app.Action) []app.Event {
	h.Helper()
	events, err := h.app.Events(h.Context(), app.EventQuery{Search: string(action), Limit: 1000})
	if err != nil {
		h.Fatal(err)
	}
	return events
}

// TestNeutralAnswer compares everything a stranger can see of the answers to a listed and to every other address.
func TestNeutralAnswer(t *testing.T) {
	h := openSuppressed(t, "gone@acme.example", "limits.signup_per_ip", "0")
	h.account("has@acme.example")
	h.account("off@acme.example")
	if _, err := h.app.SetAccountState(t.Context(), "test", "off@acme.example", app.AccountDisabled); err != nil {
		t.Fatal(err)
	}
	h.signUp("waits@acme.example")
	h.company("Closed", "closed.example")
	if _, err := h.app.EnableCompany(t.Context(), "test", "Closed", false); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, email := range []string{
		"new@acme.example", "has@acme.example", "HAS@acme.example", "off@acme.example", "waits@acme.example", "out@acme.example",
		"any@closed.example", "any@other.example", "any@evilacme.example", "gone@acme.example",
	} {
		c := h.browser()
		a := h.post(c, "/register", "first_name", "Jane", "last_name", "Doe", "email", email, "phone", "")
		page := h.get(c, a.to)
		a.header.Del("Date")
		page.header.Del("Date")
		seen := fmt.Sprint(a, page)
		if first == "" {
			first = seen
		}
		if a.status != http.StatusSeeOther || a.to != "/register/sent" || page.status != http.StatusOK {
			t.Errorf("%s: %d to %q, then %d", email, a.status, a.to, page.status)
		}
		if seen != first {
			t.Errorf("%s is answered differently:\n%s\nthan the first:\n%s", email, seen, first)
		}
	}
	for email, reason := range map[string]string{
		"any@other.example": "not_listed", "out@acme.example": "refused_by_entry", "any@closed.example": "company_disabled", "has@acme.example": "account_exists",
		"gone@acme.example": "suppressed",
	} {
		if !slices.ContainsFunc(h.events(app.ActSignUp), func(ev app.Event) bool { return ev.Subject == email && ev.Outcome == reason }) {
			t.Errorf("the audit does not say that %s was %s", email, reason)
		}
	}
	registrations, err := h.app.Registrations(t.Context(), 0, 100)
	if err != nil || len(registrations) != 2 {
		t.Errorf("%d registrations, %v; want waits and new alone", len(registrations), err)
	}
}

func TestForgottenIsNeutral(t *testing.T) {
	h := open(t, "limits.signup_per_ip", "0")
	h.account("has@acme.example")
	known, unknown := h.post(h.browser(), "/forgot", "email", "HAS@acme.example"), h.post(h.browser(), "/forgot", "email", "nobody@acme.example")
	known.header.Del("Date")
	unknown.header.Del("Date")
	if fmt.Sprint(known) != fmt.Sprint(unknown) || known.status != http.StatusSeeOther {
		t.Errorf("known: %v\nunknown: %v", known, unknown)
	}
	if m := h.mail("has@acme.example"); m.Kind != app.MailReset {
		t.Errorf("the mail is %s", m.Kind)
	}
}

func TestOpenAnswers(t *testing.T) {
	h := open(t, "neutral_answers", "off", "contact", "Anna at the desk")
	a := h.signUp("any@other.example")
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "Anna at the desk") || !strings.Contains(a.body, "any@other.example") {
		t.Errorf("an address that is not enabled: %d\n%s", a.status, a.body)
	}
	if a := h.signUp("new@acme.example"); a.to != "/register/sent" {
		t.Errorf("an enabled one: %d to %q", a.status, a.to)
	}
}

func TestSwitchClosesTheRoutes(t *testing.T) {
	h := open(t)
	h.signUp("jane@acme.example")
	link := find(h, h.mail("jane@acme.example"), confirmPath)
	h.set("login_link", "off")
	c := h.browser()
	if a := h.get(c, "/register"); a.status != http.StatusForbidden {
		t.Errorf("GET /register: %d", a.status)
	}
	if a := h.signUp("jo@acme.example"); a.status != http.StatusForbidden {
		t.Errorf("POST /register: %d", a.status)
	}
	if a := h.get(c, "/login"); strings.Contains(a.body, `href="/register"`) {
		t.Error("the link is shown")
	}
	if a := h.post(c, link, "password", password, "password_confirm", password); a.status != http.StatusSeeOther {
		t.Errorf("a registration that was waiting cannot be confirmed: %d", a.status)
	}
}

// TestScannerIsHarmless opens and presses all a mail scanner can; nothing is confirmed by it.
func TestScannerIsHarmless(t *testing.T) {
	h := open(t)
	h.signUp("jane@acme.example")
	link := find(h, h.mail("jane@acme.example"), confirmPath)
	c := h.browser()
	before := h.dump()
	for range 5 {
		for _, method := range []string{"HEAD", "GET"} {
			if a := h.do(c, method, link, nil); a.status != http.StatusOK {
				t.Errorf("%s of the link: %d", method, a.status)
			}
		}
	}
	if after := h.dump(); after != before {
		t.Errorf("opening the link changed:\n%s\nto\n%s", before, after)
	}
	for _, form := range [][]string{{}, {"password", "", "password_confirm", ""}} {
		if a := h.post(c, link, form...); a.status != http.StatusUnprocessableEntity {
			t.Errorf("pressing the button: %d", a.status)
		}
	}
	if _, err := h.app.Account(t.Context(), "jane@acme.example"); app.CodeOf(err) != app.NotFound {
		t.Errorf("a scanner has made an account: %v", err)
	}
	if a := h.post(c, link, "password", password, "password_confirm", password); a.to != "/login?notice=confirmed" {
		t.Errorf("confirm: %d to %q", a.status, a.to)
	}
	if h.signedIn(c) {
		t.Error("confirming alone gave a session")
	}
	if a := h.post(c, link, "password", password, "password_confirm", password); a.status != http.StatusGone {
		t.Errorf("the same again: %d", a.status)
	}
}

// dump is everything a page could change.
func (h house) dump() string {
	h.Helper()
	registrations, err := h.app.Registrations(h.Context(), 0, 100)
	accounts, err2 := h.app.Accounts(h.Context(), app.AccountQuery{Limit: 100})
	messages, err3 := h.app.Messages(h.Context(), app.MessageQuery{Limit: 100})
	events, err4 := h.app.Events(h.Context(), app.EventQuery{Limit: 1000})
	if err := errors.Join(err, err2, err3, err4); err != nil {
		h.Fatal(err)
	}
	return fmt.Sprint(registrations, accounts, messages, events)
}

func TestGetChangesNothing(t *testing.T) {
	h := open(t)
	c := h.account("jane@acme.example")
	h.signUp("jo@acme.example")
	link := find(h, h.mail("jo@acme.example"), confirmPath)
	h.post(h.browser(), "/forgot", "email", "jane@acme.example")
	reset := find(h, h.mail("jane@acme.example"), resetPath)
	before := h.dump()
	for _, path := range []string{
		"/", "/login", "/logout", "/register", "/register/sent", "/confirm", link, "/forgot", "/forgot/sent", reset, "/account", "/account/password",
		"/not-me/x", "/healthz", "/nowhere", "/login?email=jane@acme.example&password=x", link + "?password=" + password + "&password_confirm=" + password,
	} {
		h.get(c, path)
		h.do(c, "HEAD", path, nil)
	}
	if after := h.dump(); after != before {
		t.Errorf("reading pages changed:\n%s\nto\n%s", before, after)
	}
	if !h.signedIn(c) {
		t.Error("GET /logout has signed out")
	}
}

func TestListChangedBeforeConfirmation(t *testing.T) {
	h := open(t)
	h.company("Other", "")
	h.signUp("jane@acme.example")
	link := find(h, h.mail("jane@acme.example"), confirmPath)
	if _, err := h.app.Allow(t.Context(), "test", "Other", "acme.example", true); err != nil {
		t.Fatal(err)
	}
	if a := h.post(h.browser(), link, "password", password, "password_confirm", password); a.status != http.StatusConflict {
		t.Errorf("confirming for another company: %d", a.status)
	}
	if _, err := h.app.Account(t.Context(), "jane@acme.example"); app.CodeOf(err) != app.NotFound {
		t.Errorf("there is an account: %v", err)
	}
}

func TestFiftyConfirmations(t *testing.T) {
	h := open(t, "limits.hash_seconds", "0")
	h.signUp("jane@acme.example")
	link := find(h, h.mail("jane@acme.example"), confirmPath)
	var done, gone, other atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		c := h.browser()
		group.Go(func() {
			switch h.post(c, link, "password", password, "password_confirm", password).status {
			case http.StatusSeeOther:
				done.Add(1)
			case http.StatusGone:
				gone.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	group.Wait()
	if done.Load() != 1 || gone.Load() != 49 {
		t.Errorf("%d done, %d gone, %d other; want 1, 49, 0", done.Load(), gone.Load(), other.Load())
	}
}

// TestMailBombing asks for mail to one address, again and again, in every way there is.
func TestMailBombing(t *testing.T) {
	h := open(t, "limits.signup_per_ip", "0")
	h.account("jane@acme.example")
	for range 20 {
		if a := h.signUp("jane@acme.example"); a.to != "/register/sent" {
			t.Errorf("sign-up: %d", a.status)
		}
		if a := h.post(h.browser(), "/forgot", "email", "JANE@acme.example"); a.to != "/forgot/sent" {
			t.Errorf("forgot: %d", a.status)
		}
	}
	messages, err := h.app.Messages(t.Context(), app.MessageQuery{Limit: 100})
	if err != nil || len(messages) != 3 {
		t.Errorf("%d mails, %v; want 3 an hour", len(messages), err)
	}
}

// TestForgedAddresses signs up from one address with a forged X-Forwarded-For each time.
func TestForgedAddresses(t *testing.T) {
	h := open(t)
	c := h.browser()
	for i := range 40 {
		form := url.Values{"first_name": {"J"}, "last_name": {"D"}, "email": {fmt.Sprintf("u%d@acme.example", i)}, "phone": {""}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/register", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
		req.Header.Set("X-Real-Ip", fmt.Sprintf("203.0.113.%d", i))
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusSeeOther {
			t.Errorf("sign-up %d: %d, %v", i, res.StatusCode, err)
		}
	}
	messages, err := h.app.Messages(t.Context(), app.MessageQuery{Limit: 100})
	if err != nil || len(messages) != 20 {
		t.Errorf("%d mails, %v; want the 20 of one client address", len(messages), err)
	}
	for _, ev := range h.events(app.ActSignUp) {
		if ev.IP != "127.0.0.1" {
			t.Errorf("the audit believes the header: %+v", ev)
		}
	}
}

func TestSessionsEnd(t *testing.T) {
	h := open(t, "limits.login_per_ip", "0", "limits.mail_per_address", "0")
	first := h.account("jane@acme.example")
	second := h.signIn("JANE@acme.example", password)
	page := h.get(first, "/account")
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page.body)
	if csrf == nil {
		t.Fatalf("the account page has no csrf field:\n%s", page.body)
	}
	old := cookies(t, first, h.url)
	change := []string{"current_password", password, "password", "another password", "password_confirm", "another password"}
	if a := h.post(first, "/account/password", change...); a.status != http.StatusForbidden {
		t.Errorf("without the form's token: %d", a.status)
	}
	if a := h.post(first, "/account/password", append(change, "csrf", csrf[1])...); a.status != http.StatusSeeOther {
		t.Fatalf("change of password: %d\n%s", a.status, a.body)
	}
	if !h.signedIn(first) || h.signedIn(second) {
		t.Error("a change of password must keep this session and end the other")
	}
	if cookies(t, first, h.url) == old {
		t.Error("the cookie is the same after the change of password")
	}
	h.post(h.browser(), "/forgot", "email", "jane@acme.example")
	m := h.mail("jane@acme.example")
	for m.Kind != app.MailReset {
		m = h.mail("jane@acme.example")
	}
	if a := h.post(h.browser(), find(h, m, resetPath), "password", password, "password_confirm", password); a.to != "/login?notice=reset" {
		t.Errorf("reset: %d to %q", a.status, a.to)
	}
	if h.signedIn(first) {
		t.Error("a session goes on after a reset")
	}
	if a := h.post(h.browser(), find(h, m, resetPath), "password", password, "password_confirm", password); a.status != http.StatusGone {
		t.Errorf("a reset link used twice: %d", a.status)
	}
	third := h.signIn("jane@acme.example", password)
	if _, err := h.app.SetAccountState(t.Context(), "test", "jane@acme.example", app.AccountDisabled); err != nil {
		t.Fatal(err)
	}
	if h.signedIn(third) {
		t.Error("a disabled account is signed in")
	}
	if a := h.post(h.browser(), "/login", "email", "jane@acme.example", "password", password); a.status != http.StatusForbidden {
		t.Errorf("sign-in of a disabled account: %d", a.status)
	}
	if a := h.post(h.browser(), "/login", "email", "jane@acme.example", "password", "wrong password"); a.status != http.StatusUnauthorized {
		t.Errorf("a wrong password for a disabled account: %d", a.status)
	}
}

func cookies(t *testing.T, c *http.Client, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(c.Jar.Cookies(u))
}

func TestGuessing(t *testing.T) {
	h := open(t)
	h.account("jane@acme.example")
	var statuses []int
	for range 7 {
		statuses = append(statuses, h.post(h.browser(), "/login", "email", "jane@acme.example", "password", "wrong password").status)
	}
	if fmt.Sprint(statuses) != "[401 401 401 401 401 429 429]" {
		t.Errorf("wrong passwords are answered %v", statuses)
	}
	statuses = nil
	for i := range 20 {
		statuses = append(statuses, h.post(h.browser(), "/login", "email", fmt.Sprintf("u%d@acme.example", i), "password", "wrong password").status)
	}
	if statuses[0] != http.StatusUnauthorized || statuses[19] != http.StatusTooManyRequests {
		t.Errorf("one client address guesses without end: %v", statuses)
	}
	events := h.events(app.ActSignIn)
	if !slices.ContainsFunc(events, func(ev app.Event) bool { return ev.Outcome == "wait" }) ||
		!slices.ContainsFunc(events, func(ev app.Event) bool { return ev.Outcome == "too_many" }) {
		t.Error("the audit does not show the guessing")
	}
}

func TestSecondInstance(t *testing.T) {
	h := open(t)
	_, err := server.New(t.Context(), server.Config{DataDir: h.dir, Socket: filepath.Join(h.dir, "admin.sock"), Listen: "127.0.0.1:0"})
	if !errors.Is(err, server.ErrRunning) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second instance: %v", err)
	}
	if a := h.get(h.browser(), "/healthz"); a.status != http.StatusOK {
		t.Errorf("the first one is harmed: %d", a.status)
	}
	if _, err := net.Dial("unix", filepath.Join(h.dir, "admin.sock")); err != nil {
		t.Errorf("its socket is gone: %v", err)
	}
}

func TestStaleFiles(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).stop()
	for _, name := range []string{"admin.sock", "foyer.lock"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("999999\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "admin.sock")); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "admin.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestStartRefusals(t *testing.T) {
	taken := open(t)
	dir := t.TempDir()
	_, err := server.New(t.Context(), server.Config{DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: strings.TrimPrefix(taken.url, "http://")})
	if app.ReasonOf(err) != "listen" || !strings.Contains(app.MessageOf(err), "--listen") {
		t.Errorf("an address that is taken: %v", err)
	}
	start(t, dir).stop() // nothing of the failed start is in the way
	other := t.TempDir()
	_, err = server.New(t.Context(), server.Config{DataDir: other, Socket: filepath.Join(other, "admin.sock"), Listen: "127.0.0.1:0", PublicURL: "accounts.office.example"})
	if app.CodeOf(err) != app.Invalid {
		t.Errorf("a public URL that is none: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = server.New(t.Context(), server.Config{DataDir: file, Listen: "127.0.0.1:0"})
	if _, ok := errors.AsType[*server.DataError](err); !ok {
		t.Errorf("a data directory that is a file: %v", err)
	}
}

func TestSettingsSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	h := start(t, dir)
	h.set("site_name", "Office & Sons")
	h.set("mail.password", "CANARY-password")
	h.stop()
	h = start(t, dir)
	if s := h.app.Settings(); s.SiteName != "Office & Sons" || s.Mail.Password != "CANARY-password" {
		t.Errorf("settings after a restart: %q, %q", s.SiteName, s.Mail.Password)
	}
	for _, ev := range h.events(app.ActSettings) {
		if strings.Contains(fmt.Sprint(ev), "CANARY") {
			t.Errorf("the audit holds a secret: %+v", ev)
		}
	}
	if strings.Contains(h.log.String(), "CANARY") {
		t.Error("the log holds a secret")
	}
}

// TestLogsAreClean puts a canary into every place that is secret and looks for it in the log.
func TestLogsAreClean(t *testing.T) {
	h := open(t)
	h.signUp("Canary@acme.example")
	m := h.mail("Canary@acme.example")
	link := find(h, m, confirmPath)
	h.post(h.browser(), link, "password", "CANARY-1", "password_confirm", "CANARY-2")
	h.post(h.browser(), link, "password", "CANARY-1", "password_confirm", "CANARY-1")
	c := h.signIn("canary@acme.example", "CANARY-1")
	h.post(h.browser(), "/login", "email", "canary@acme.example", "password", "CANARY-3")
	h.get(c, "/account?token=CANARY-4")
	h.post(c, "/account/password?x=CANARY-5", "current_password", "CANARY-6")
	h.post(h.browser(), "/register", "first_name", "CANARY\nforged=line", "last_name", "x", "email", "y@acme.example", "phone", "")
	log := h.log.String()
	for _, secret := range []string{"CANARY", "Canary@", "canary@", strings.TrimPrefix(link, "/confirm/"), "forged=line"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
	if !strings.Contains(log, "/confirm/:token") || !strings.Contains(log, "C***@acme.example") {
		t.Errorf("the log says nothing of the visits:\n%s", log)
	}
}

// TestChangeAgainstReset has somebody who knows the old password change it while its owner resets it.
func TestChangeAgainstReset(t *testing.T) {
	h := open(t, "limits.login_per_ip", "0", "limits.mail_per_address", "0", "limits.login_failures", "0")
	thief := h.account("jane@acme.example")
	csrf := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(h.get(thief, "/account").body)[1]
	h.post(h.browser(), "/forgot", "email", "jane@acme.example")
	reset := find(h, h.mail("jane@acme.example"), resetPath)
	var group sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		group.Go(func() {
			if i == 0 {
				statuses[0] = h.post(h.browser(), reset, "password", "the owner's password", "password_confirm", "the owner's password").status
				return
			}
			statuses[i] = h.post(&http.Client{Jar: thief.Jar, CheckRedirect: thief.CheckRedirect}, "/account/password", "csrf", csrf,
				"current_password", password, "password", "the thief's password", "password_confirm", "the thief's password").status
		})
	}
	group.Wait()
	// Whichever came first: not both passwords can be right, and one change at the most has gone through.
	owner := h.post(h.browser(), "/login", "email", "jane@acme.example", "password", "the owner's password").to == "/account"
	stolen := h.post(h.browser(), "/login", "email", "jane@acme.example", "password", "the thief's password").to == "/account"
	if owner == stolen {
		t.Errorf("the owner's password works: %v, the thief's: %v (%v)", owner, stolen, statuses)
	}
	if (statuses[0] == http.StatusSeeOther) != owner {
		t.Errorf("the reset was answered %d, and the owner's password works: %v", statuses[0], owner)
	}
}

// TestOverTheLimitWritesLittle floods the service from one client.
func TestOverTheLimitWritesLittle(t *testing.T) {
	h := open(t)
	c := h.browser()
	for i := range 100 {
		h.post(c, "/register", "first_name", "J", "last_name", "D", "email", fmt.Sprintf("u%d@other.example", i), "phone", "")
		h.post(c, "/login", "email", fmt.Sprintf("u%d@other.example", i), "password", "")
	}
	if n := len(h.events(app.ActSignUp)); n > 22 {
		t.Errorf("100 sign-ups left %d events", n)
	}
	if n := len(h.events(app.ActSignIn)); n > 22 {
		t.Errorf("100 sign-ins left %d events", n)
	}
}

// TestOwnerComesFromElsewhere has a stranger guess at a password from one network; its owner signs in from another.
func TestOwnerComesFromElsewhere(t *testing.T) {
	h := open(t, "limits.login_per_ip", "0")
	h.account("jane@acme.example")
	visitor := func(ip string) app.Visitor { return app.Visitor{IP: ip, Lang: "en"} }
	for range 30 {
		_, err := h.app.SignIn(t.Context(), "jane@acme.example", "wrong password", visitor("203.0.113.7"))
		if code := app.CodeOf(err); code != app.Denied && code != app.Limited {
			t.Fatal(err)
		}
	}
	if _, err := h.app.SignIn(t.Context(), "jane@acme.example", password, visitor("203.0.113.7")); app.ReasonOf(err) != "wait" {
		t.Errorf("the guesser need not wait: %v", err)
	}
	if _, err := h.app.SignIn(t.Context(), "jane@acme.example", password, visitor("198.51.100.9")); err != nil {
		t.Errorf("the owner is kept out: %v", err)
	}
}
