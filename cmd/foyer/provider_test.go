package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// providerSecret is the client secret at the provider, a canary for the log.
const providerSecret = "CANARY-of-the-provider"

// person is somebody who has an account at the provider.
type person struct {
	Email      string `json:"email,omitempty"`
	GivenName  string `json:"given_name,omitempty"`
	FamilyName string `json:"family_name,omitempty"`
}

// providerDir is where npm puts the provider and what it needs; git ignores it.
const providerDir = "../../build/provider"

// installProvider puts oidc-provider where it can be started, as testdata/provider/package-lock.json has it. It asks the
// registry only when that has changed.
func installProvider(tb testing.TB) {
	tb.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Fatalf("this test needs %s: apt-get install nodejs npm ('make test' does it)", program)
		}
	}
	if err := os.MkdirAll(providerDir, 0o750); err != nil {
		tb.Fatal(err)
	}
	current := true
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		data, err := os.ReadFile(filepath.Join("testdata", "provider", name))
		if err != nil {
			tb.Fatal(err)
		}
		path := filepath.Join(providerDir, name)
		old, err := os.ReadFile(path)
		current = current && (name == "provider.mjs" || err == nil && string(old) == string(data))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(providerDir, "node_modules", ".package-lock.json")); err == nil && current {
		return
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 5*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = providerDir
	if out, err := npm.CombinedOutput(); err != nil {
		tb.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// startProvider runs oidc-provider with one client that is sent back to redirect, and returns its issuer. With thin its
// ID tokens hold nothing but the subject.
func startProvider(tb testing.TB, redirect string, thin bool, people map[string]person) string {
	tb.Helper()
	installProvider(tb)
	config, err := json.Marshal(map[string]any{
		"redirect_uri": redirect, "client_id": "foyer", "client_secret": providerSecret, "people": people, "thin": thin,
	})
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("node", "provider.mjs", string(config))
	cmd.Dir = providerDir
	errs := &lockedBuffer{}
	cmd.Stderr = errs
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if issuer, ok := strings.CutPrefix(lines.Text(), "provider is ready at "); ok {
				ready <- issuer
			}
		}
		done <- cmd.Wait()
	}()
	tb.Cleanup(func() {
		if err := stdin.Close(); err != nil {
			tb.Error(err)
		}
		if err := <-done; err != nil {
			tb.Errorf("the provider ended with %v:\n%s", err, errs)
		}
	})
	select {
	case issuer := <-ready:
		return issuer
	case <-time.After(60 * time.Second):
		tb.Fatalf("the provider is not ready after 60 s:\n%s", errs)
	}
	return ""
}

// signInAtProvider signs somebody in on the provider's own pages, where the browser is, and agrees to what they ask.
func (b *browser) signInAtProvider(name string) {
	b.tb.Helper()
	b.do("find the provider's sign-in form", chromedp.WaitVisible(chromedp.CSS(`input[name="login"]`)))
	for field, value := range map[string]string{"login": name, "password": "any"} {
		selector := `input[name="` + field + `"]`
		read(b, "select "+field, chromedp.Evaluate[bool]("document.querySelector('"+selector+"').select() === undefined"))
		read(b, "focus "+field, chromedp.Evaluate[bool]("document.querySelector('"+selector+"').focus() === undefined"))
		b.do("type "+field, typing(value))
	}
	b.follow(`//button[@type="submit"]`)
	// Who changes accounts is asked once more; then, that Foyer may have the address and the names.
	for range 2 {
		if strings.Contains(b.address(), "/interaction/") {
			b.follow(`//button[@type="submit"]`)
		}
	}
	b.do("come back", chromedp.WaitReady(chromedp.CSS("main")))
}

// TestSignInWithProvider is the way of a customer's employee who signs in with a provider that nobody here wrote: npm's
// certified oidc-provider, with its own pages, in a real browser.
func TestSignInWithProvider(t *testing.T) {
	office := newPostOffice(t)
	p := serve(t, t.TempDir())
	issuer := startProvider(t, p.url+"/auth/office/callback", false, map[string]person{
		"jane":     {"jane@acme.example", "Jane", "Doe"},
		"jo":       {"jo@acme.example", "Jo", "Nováková"},
		"kim":      {"kim@acme.example", "Kim", "Lee"},
		"stranger": {"someone@elsewhere.example", "Some", "One"},
		"nobody":   {"", "No", "Address"},
	})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(providerSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("company", "add", "Acme s.r.o.", "acme.example")
	p.run("settings", "set", "site_name=Office & Sons", "contact=Anna, anna@office.example", "login_link=on", "limits.login_per_ip=0", "limits.mail_per_address=0")
	p.run(office.settings()...)
	p.run("connector", "add", "oidc", "office", "--client-id", "foyer", "--client-secret-file", secret, "--issuer", issuer)
	p.run("connector", "set", "office", "label=Office Login", "signup=on")
	// Two more, for the picture: they cannot be reached from here. Microsoft sends people back to localhost, not to 127.0.0.1.
	p.run("connector", "add", "google", "google", "--client-id", "x", "--client-secret-file", secret)
	p.run("connector", "add", "entra", "microsoft", "--client-id", "x", "--client-secret-file", secret, "--tenant", "72f988bf-86f1-41af-91ab-2d7cd011db47")
	local := strings.Replace(p.url, "127.0.0.1", "localhost", 1)
	p.run("settings", "set", "public_url="+local)
	b := newBrowser(t, "en")
	b.open(local + "/login")
	b.sees("/login", "Sign in with Office 365 / Entra ID", "Sign in with Google", "Sign in with Office Login")
	b.shoot("29-login-with-all-buttons")
	p.run("settings", "set", "public_url="+p.url)

	t.Run("sign up and confirm in the same browser", func(t *testing.T) { providerSignUp(t, p, b, office) })
	t.Run("confirm in another browser", func(t *testing.T) { providerElsewhere(t, p, office) })
	t.Run("confirm by code", func(t *testing.T) { providerByCode(t, p, office) })
	t.Run("refusals", func(t *testing.T) { providerRefuses(t, p) })
	t.Run("link and unlink", func(t *testing.T) { providerLink(t, p, office) })
	for _, canary := range []string{providerSecret, "code=", "state=", "jane@acme.example"} {
		if strings.Contains(p.log.String(), canary) {
			t.Errorf("the log contains %q:\n%s", canary, p.log)
		}
	}
}

// TestConnectorTestOfProvider asks a provider that is not ours whether it knows Foyer.
func TestConnectorTestOfProvider(t *testing.T) {
	p := serve(t, t.TempDir())
	issuer := startProvider(t, p.url+"/auth/office/callback", false, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(providerSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("connector", "add", "oidc", "office", "--client-id", "foyer", "--client-secret-file", secret, "--issuer", issuer)
	if got := p.run("connector", "test", "office"); !strings.Contains(got, "knows the client and takes its secret") {
		t.Errorf("as it is registered: %s", got)
	}
	for _, change := range []string{"client_secret=wrong", "client_id=nobody"} {
		p.run("connector", "set", "office", change)
		out, stderr, status := p.try("connector", "test", "office")
		if status != 1 || !strings.Contains(stderr, "does not take the client id or the secret (invalid_client)") || strings.Contains(out+stderr, providerSecret) {
			t.Errorf("%s: exit %d, %s%s", change, status, out, stderr)
		}
	}
	if got := p.run("settings", "test-url"); !strings.Contains(got, "this service answers") {
		t.Errorf("test-url: %s", got)
	}
	if strings.Contains(p.log.String(), providerSecret) {
		t.Error("the log holds the secret")
	}
}

const startButton = `//a[@href="/auth/office/start"]`

func providerSignUp(t *testing.T, p *process, b *browser, office *postOffice) {
	b.open(p.url + "/login")
	b.sees("/login", "Sign in with Office Login", "Sign in with Google")
	b.shoot("30-login-with-providers")
	b.follow(startButton)
	b.signInAtProvider("jane")
	b.sees("/register/identity", "Acme s.r.o.")
	b.shoot("31-prefilled-form")
	b.fill(map[string]string{"last_name": "Doe-Smith", "phone": "+421 2 123"})
	b.submit("first_name")
	b.sees("/register/identity/sent", "jane@acme.example")
	b.shoot("32-sent")
	link := office.next(t, "jane@acme.example").find(t, confirmLink)
	b.open(link)
	b.sees("/confirm", "jane@acme.example", "Acme s.r.o.")
	b.shoot("33-confirm")
	b.click(`//main//form//button[@type="submit"]`)
	b.sees("/login")
	b.shoot("34-confirmed")
	b.click(startButton)
	b.sees("/account", "Jane Doe-Smith", "Acme s.r.o.", "Customer Accounts")
	b.shoot("35-account")
	account := query[map[string]any](p, "account", "show", "jane@acme.example")
	identities, ok := account["identities"].([]any)
	if !ok || len(identities) != 1 || account["company"] != "Acme s.r.o." || account["phone"] != "+421 2 123" {
		t.Errorf("account show: %v", account)
	}
	if identity, ok := identities[0].(map[string]any); !ok || identity["subject"] != "jane" || !strings.HasPrefix(identity["issuer"].(string), "http://127.0.0.1:") {
		t.Errorf("the identity: %v", identities[0])
	}
	b.click(`//form[@action="/logout"]//button`)
	b.click(startButton)
	b.sees("/account", "Jane Doe-Smith")
}

func providerElsewhere(t *testing.T, p *process, office *postOffice) {
	b := newBrowser(t, "en")
	b.open(p.url + "/login")
	b.follow(startButton)
	b.signInAtProvider("jo")
	b.submit("first_name")
	link := office.next(t, "jo@acme.example").find(t, confirmLink)
	other := newBrowser(t, "en")
	other.open(link)
	other.sees("/confirm", "jo@acme.example", "Office Login")
	other.shoot("36-confirm-elsewhere")
	other.follow(`//a[contains(@href, "/auth/office/start?confirm=")]`)
	other.signInAtProvider("jo")
	other.sees("/confirm", "jo@acme.example")
	other.click(`//main//form//button[@type="submit"]`)
	other.sees("/login")
	other.click(startButton)
	other.sees("/account", "Jo Nováková")
}

func providerByCode(t *testing.T, p *process, office *postOffice) {
	b := newBrowser(t, "sk")
	b.open(p.url + "/login")
	b.shoot("37-login-with-providers-sk")
	b.follow(startButton)
	b.signInAtProvider("kim")
	b.sees("/register/identity", "Acme s.r.o.")
	b.shoot("38-prefilled-form-sk")
	b.submit("first_name")
	mail := office.next(t, "kim@acme.example")
	b.fill(map[string]string{"code": strings.ToLower(mail.find(t, codeInMail))})
	b.submit("code")
	b.sees("/login")
	b.click(startButton)
	b.sees("/account", "Kim Lee")
	b.shoot("39-account-sk")
}

func providerRefuses(t *testing.T, p *process) {
	b := newBrowser(t, "en")
	b.open(p.url + "/login")
	b.follow(startButton)
	b.signInAtProvider("stranger")
	b.sees("/auth/office/callback", "someone@elsewhere.example", "Anna")
	b.shoot("40-not-listed")
	b.follow(`//a[@href="/auth/office/start?another=1"]`)
	b.signInAtProvider("nobody")
	b.sees("/auth/office/callback")
	b.shoot("41-no-address")
	b.open(p.url + "/auth/office/callback?code=x&state=y")
	b.shoot("42-unknown-sign-in")
	if !strings.Contains(p.run("audit", "list"), "identity_not_listed") {
		t.Error("the audit does not tell of the refusal")
	}
	p.run("connector", "set", "office", "signup=off")
	b.open(p.url + "/login")
	b.follow(startButton)
	b.do("come back", chromedp.WaitReady(chromedp.CSS("main")))
	b.shoot("43-sign-up-switched-off")
	p.run("connector", "set", "office", "signup=on")
}

func providerLink(t *testing.T, p *process, office *postOffice) {
	b := newBrowser(t, "en")
	b.open(p.url + "/register")
	b.shoot("44-register-with-providers")
	b.fill(map[string]string{"first_name": "Form", "last_name": "Only", "email": "form@acme.example"})
	b.submit("first_name")
	b.open(office.next(t, "form@acme.example").find(t, confirmLink))
	b.fill(map[string]string{"password": firstPassword, "password_confirm": firstPassword})
	b.submit("password_confirm")
	signIn(b, "form@acme.example", firstPassword)
	b.sees("/account", "Form Only")
	b.follow(`//a[contains(@href, "/auth/office/start?link=")]`)
	b.signInAtProvider("stranger")
	b.sees("/account/link", "someone@elsewhere.example")
	b.shoot("45-link")
	b.click(`//main//form[@action="/account/link"]//button[@type="submit"]`)
	b.sees("/account", "someone@elsewhere.example")
	b.shoot("46-linked")
	if mail := office.next(t, "form@acme.example"); !strings.Contains(mail.Subject, "Office Login") {
		t.Errorf("the notice mail is %q", mail.Subject)
	}
	b.click(`//form[@action="/account/unlink"]//button`)
	b.sees("/account")
	b.shoot("47-unlinked")
	if mail := office.next(t, "form@acme.example"); !strings.Contains(mail.Subject, "removed") {
		t.Errorf("the notice mail is %q", mail.Subject)
	}
	if identities := query[map[string]any](p, "account", "show", "form@acme.example")["identities"]; len(identities.([]any)) != 0 {
		t.Errorf("identities after it was removed: %v", identities)
	}
	// The address of somebody who has an account already: the existing way in, or a code.
	other := newBrowser(t, "en")
	p.run("account", "remove", "jane@acme.example")
	other.open(p.url + "/register")
	other.fill(map[string]string{"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"})
	other.submit("first_name")
	other.open(office.next(t, "jane@acme.example").find(t, confirmLink))
	other.fill(map[string]string{"password": firstPassword, "password_confirm": firstPassword})
	other.submit("password_confirm")
	other.follow(startButton)
	other.signInAtProvider("jane")
	other.sees("/register/link", "jane@acme.example")
	other.shoot("48-address-has-an-account")
	other.click(`//form[@action="/register/link/code"]//button`)
	other.sees("/register/link")
	other.shoot("49-code-sent")
	code := office.next(t, "jane@acme.example").find(t, regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}`))
	other.fill(map[string]string{"code": code})
	other.submit("code")
	other.sees("/account", "Jane Doe")
}

// TestThinTokens signs up with a provider whose ID tokens hold nothing but the subject: the rest is at its userinfo
// endpoint (OpenID Connect Core, 5.4).
func TestThinTokens(t *testing.T) {
	p := serve(t, t.TempDir())
	issuer := startProvider(t, p.url+"/auth/office/callback", true, map[string]person{"jane": {"jane@acme.example", "Jane", "Doe"}})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(providerSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("company", "add", "Acme s.r.o.", "acme.example")
	p.run("connector", "add", "oidc", "office", "--client-id", "foyer", "--client-secret-file", secret, "--issuer", issuer)
	p.run("connector", "set", "office", "signup=on")
	b := newBrowser(t, "en")
	b.open(p.url + "/login")
	b.follow(startButton)
	b.signInAtProvider("jane")
	b.sees("/register/identity", "Acme s.r.o.")
	if !strings.Contains(b.html(), "jane@acme.example") {
		t.Error("the address is not in the form")
	}
}
