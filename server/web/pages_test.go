package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server/web"
)

func TestRoot(t *testing.T) {
	h := open(t)
	h.get("/").wantRedirect(t, "nobody", "/login")
	h.get("/", cookie(h.domain.signIn())).wantRedirect(t, "signed in", "/account")
	h.get("/", cookie(app.NewToken())).wantRedirect(t, "unknown cookie", "/login")
}

func TestRedirectsLeadNowhereElse(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	targets := []string{
		"//evil.example", `/\evil.example`, "/%09/evil.example", "https:evil.example", `/./\evil.example`, "%2f%2fevil.example",
		"https://evil.example", "/login",
	}
	for _, target := range targets {
		for _, name := range []string{"next", "return_to", "redirect", "url", "notice"} {
			query := "?" + name + "=" + target
			signIn := h.post("/login"+query, name+"="+target+"&email=jane@example.com&password="+strings.ReplaceAll(goodPassword, " ", "+"))
			signIn.wantRedirect(t, "sign-in with "+query, "/account")
			h.get("/"+query, cookie(me)).wantRedirect(t, "/ with "+query, "/account")
			h.get("/account"+query).wantRedirect(t, "/account with "+query, "/login")
			if a := h.get("/login" + query); strings.Contains(a.body, "evil") || strings.Contains(a.body, `role="status"`) {
				t.Errorf("/login%s shows what the query says", query)
			}
		}
	}
}

func TestNotices(t *testing.T) {
	h := open(t)
	for _, test := range []struct{ id, want string }{
		{"confirmed", "Your account is ready."},
		{"reset", "Your new password is set."},
		{"signed-out", "You are signed out."},
		{"stopped", "no more mail from us"},
	} {
		h.get("/login?notice="+test.id).want(t, test.id, 200, `role="status"`, test.want)
	}
}

func TestLogin(t *testing.T) {
	h := open(t)
	page := h.get("/login")
	page.want(t, "page", 200, `action="/login"`, `href="/register"`, "Create a customer account", `href="/forgot"`)
	h.get("/login", cookie(h.domain.signIn())).want(t, "signed in", 200, "jane@example.com", `href="/account"`)
	tests := []struct {
		name       string
		err        error
		status     int
		retryAfter string
		text       string
	}{
		{"wrong", nil, 401, "", "The address or the password is not right."},
		{"disabled", app.Errorf(app.Denied, "account_disabled", "x"), 403, "", "This account is disabled."},
		{"company disabled", app.Errorf(app.Denied, "company_disabled", "x"), 403, "", "The access of your company is switched off."},
		{"wait", app.Errorf(app.Limited, "wait", "x").With("Seconds", "17"), 429, "17", "Please wait 17 s"},
		{"too many", app.Errorf(app.Limited, "too_many", "x"), 429, "60", "Too many attempts."},
		{"busy", app.Errorf(app.Unavailable, "busy", "x"), 503, "5", "Too many people"},
		{"database", app.Errorf(app.Unavailable, "store_busy", "DETAIL"), 503, "5", "This cannot be done at the moment."},
		{"fault", &app.Error{Code: app.Internal, Reason: "x", Message: "", Err: errors.New("DETAIL")}, 500, "", "Something went wrong on our side."},
		{"any error", errors.New("DETAIL"), 500, "", "Something went wrong on our side."},
	}
	for _, test := range tests {
		h.domain.fail(test.err)
		a := h.post("/login", "email=jane%2Bx@example.com&password=SECRETPASSWORD")
		a.want(t, test.name, test.status, test.text, `value="jane&#43;x@example.com"`, `action="/login"`, "<title>Error: Sign in")
		if got := a.header.Get("Retry-After"); got != test.retryAfter {
			t.Errorf("%s: Retry-After %q, want %q", test.name, got, test.retryAfter)
		}
		if strings.Contains(a.body, "SECRETPASSWORD") || strings.Contains(a.body, "DETAIL") {
			t.Errorf("%s: the page gives the password or the cause away:\n%s", test.name, a.body)
		}
	}
}

func TestSignUpIsNeutral(t *testing.T) {
	h := open(t)
	h.domain.listed = func(a app.Address) bool { return a.Domain() == "example.com" }
	addresses := []string{"jane@example.com", "new@example.com", "stranger@nowhere.example", "x%2By@example.com", "jane@m%C3%BCnchen.example"}
	var first string
	for _, email := range addresses {
		a := h.post("/register", "first_name=Jane&last_name=Doe&phone=&email="+email)
		a.wantRedirect(t, email, "/register/sent")
		a.header.Del("Date")
		got := fmt.Sprint(a.status, a.header, a.body)
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%s: answered\n%s\nthe first was\n%s", email, got, first)
		}
	}
	a, b := h.get("/register/sent"), h.get("/register/sent", header("Cookie", "sid=x"))
	if a.body != b.body {
		t.Error("the neutral page differs from visit to visit")
	}
	a.want(t, "neutral page", 200, "If this address may register, a mail is on its way.", `action="/confirm"`, `name="code"`,
		"network of Novák &amp; Partners", "office@novak.example")
	h.domain.set(func(s *app.Settings) { s.PublicURL = "https://localhost" })
	if a := h.get("/register/sent"); strings.Contains(a.body, "network of") {
		t.Error("on HTTPS the page speaks of the local network")
	}
}

func TestSignUpSaysEverythingThatIsWrongAtOnce(t *testing.T) {
	h := open(t)
	a := h.post("/register", "first_name=&last_name=%E2%80%AE&email=jane&phone=call+me")
	a.want(t, "all wrong", 422, "First name: Please fill this in.", "Last name: This cannot be used as a name",
		"E-mail address: This is not an e-mail address", "Phone: A phone number has", `value="jane"`, `value="call me"`)
	if got := len(h.domain.signedUp()); got != 0 {
		t.Errorf("%d sign-ups were taken", got)
	}
	h.post("/register", "first_name=+Jane+&last_name=Doe%09&email=jane@example.com&phone=+1+").wantRedirect(t, "blanks", "/register/sent")
	if got, want := h.domain.signedUp()[0].Profile, (app.Profile{FirstName: "Jane", LastName: "Doe", Phone: "1"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	h.post("/register", "first_name=Jane&last_name=Doe&email=+jane@example.com").want(t, "an address is not repaired", 422)
}

func TestSignUpOpenly(t *testing.T) {
	h := open(t)
	h.domain.listed = func(app.Address) bool { return false }
	h.domain.set(func(s *app.Settings) { s.NeutralAnswers = false })
	a := h.post("/register", signUp)
	a.want(t, "not listed", 403, "The address jane@example.com is not enabled", "Please ask:", `href="mailto:office@novak.example"`, `value="Jane"`)
	h.domain.set(func(s *app.Settings) { s.Contact = "" })
	h.post("/register", signUp).want(t, "no contact", 403, "Please ask the office")
}

func TestSignUpSwitchedOff(t *testing.T) {
	h := open(t)
	h.domain.set(func(s *app.Settings) { s.LoginLink = false })
	for _, a := range []answer{h.get("/register"), h.post("/register", signUp), h.get("/register/sent")} {
		a.want(t, "closed", 403, "Creating an account is switched off", "office@novak.example")
	}
	if got := len(h.domain.signedUp()); got != 0 {
		t.Errorf("%d sign-ups were taken", got)
	}
	if a := h.get("/login"); strings.Contains(a.body, "/register") {
		t.Error("the sign-in page still links to sign-up")
	}
	// What was begun before may still be confirmed.
	h.get("/confirm/"+string(confirmToken)).want(t, "confirm", 200, "Example Ltd")
	h.get("/confirm").want(t, "code", 200)
	if a := h.get("/confirm/" + string(expiredToken)); a.status != 410 || strings.Contains(a.body, "/register") {
		t.Errorf("expired: got %d, or a link to sign-up", a.status)
	}
	h.post("/confirm/"+string(confirmToken), newPasswords).wantRedirect(t, "confirmed", "/login?notice=confirmed")
}

func TestTrapAndAgeOfTheForm(t *testing.T) {
	h := open(t)
	h.post("/register", signUp+"&website=http://spam.example").wantRedirect(t, "trap", "/register/sent")
	got := h.domain.signedUp()[0]
	if got.Trap != "http://spam.example" || got.Age != -1 {
		t.Errorf("got %+v, want the trap filled and no age", got)
	}
	if strings.Contains(h.get("/register").body, `name="t"`) {
		t.Error("a time stamp although no age is set")
	}

	h.domain.set(func(s *app.Settings) { s.Limits.FormAge = 2 })
	found := regexp.MustCompile(`name="t" value="([^"]+)"`).FindStringSubmatch(h.get("/register").body)
	if found == nil {
		t.Fatal("no time stamp")
	}
	h.post("/register", signUp+"&t="+found[1]).wantRedirect(t, "stamped", "/register/sent")
	h.post("/register", signUp).wantRedirect(t, "without stamp", "/register/sent")
	taken := h.domain.signedUp()
	if age := taken[1].Age; age < 0 || age.Seconds() > 60 {
		t.Errorf("age of the stamped form: %v", age)
	}
	if age := taken[2].Age; age != 0 {
		t.Errorf("age without a stamp: %v, want 0", age)
	}
	_, hash, _ := strings.Cut(found[1], "-")
	a := h.post("/register", signUp+"&t=1000000000000-"+hash)
	a.want(t, "forged stamp", 422, "The page was open for too long.", `value="Jane"`, `name="t"`)
	other := open(t) // a service that was started anew has another key
	other.domain.set(func(s *app.Settings) { s.Limits.FormAge = 2 })
	other.post("/register", signUp+"&t="+found[1]).want(t, "stamp of another process", 422, "The page was open for too long.")
}

func TestConfirmByLink(t *testing.T) {
	h := open(t)
	path := "/confirm/" + string(confirmToken)
	for range 3 {
		h.get(path).want(t, "open", 200, "jane@example.com", "Example Ltd", "Jane Doe", `action="`+path+`"`, `autocomplete="new-password"`)
		if a := h.do(http.MethodHead, path, ""); a.status != 200 {
			t.Errorf("HEAD: got %d", a.status)
		}
	}
	h.get("/confirm/"+string(idnToken)).want(t, "IDN", 200, "jane@xn--mnchen-3ya.example", "jane@münchen.example")
	h.post(path, "").want(t, "a scanner's press of the button", 422, "A password needs at least 8 characters.", "Example Ltd")
	h.post(path, "password=long+enough+1&password_confirm=other").want(t, "differs", 422, "The two passwords are not the same.")
	h.domain.fail(app.Errorf(app.Unavailable, "busy", "x"))
	h.post(path, newPasswords).want(t, "busy", 503, "Example Ltd", "Too many people")
	h.domain.fail(app.Errorf(app.Conflict, "no_longer_eligible", "x"))
	h.post(path, newPasswords).want(t, "not eligible", 409, "your address is not enabled any more", "office@novak.example")
	h.domain.fail(nil)

	a := h.post(path, newPasswords)
	a.wantRedirect(t, "confirmed", "/login?notice=confirmed")
	if a.header.Get("Set-Cookie") != "" {
		t.Error("confirming signs in")
	}
	h.post(path, newPasswords).want(t, "again", 410, "Already confirmed", `href="/login"`)
	h.get(path).want(t, "opened again", 200, "Already confirmed", `href="/login"`)
	for _, token := range []string{string(expiredToken), "unknown", strings.Repeat("x", 3000), "%00", "a%2fb"} {
		for _, a := range []answer{h.get("/confirm/" + token), h.post("/confirm/"+token, newPasswords)} {
			if token == "a%2fb" {
				a.want(t, token, 404)
				continue
			}
			a.want(t, token, 410, "This link does not work any more", `href="/register"`)
		}
	}
}

func TestConfirmByCode(t *testing.T) {
	h := open(t)
	h.get("/confirm").want(t, "page", 200, `action="/confirm"`, `autocomplete="one-time-code"`)
	h.post("/confirm", "email=jane@example.com&code=AAAA-AAAA").want(t, "wrong", 410, "do not fit together", `value="AAAA-AAAA"`, `value="jane@example.com"`)
	h.post("/confirm", "email=jane&code="+goodCode).want(t, "no address", 422, "This is not an e-mail address")
	h.post("/confirm", "").want(t, "nothing", 422)

	a := h.post("/confirm", "email=jane@example.com&code=abcd-2345")
	a.want(t, "right", 422, "Example Ltd", "Jane Doe", `type="hidden" name="email" value="jane@example.com"`,
		`type="hidden" name="code" value="abcd-2345"`, `name="password_confirm"`)
	if strings.Contains(a.body, `role="alert"`) || strings.Contains(a.body, "aria-invalid") {
		t.Error("the next step looks like an error")
	}
	a = h.post("/confirm", "email=jane@example.com&code=abcd-2345&password=&password_confirm=")
	a.want(t, "empty password", 422, "A password needs at least 8 characters.", `value="abcd-2345"`, "Example Ltd")
	h.post("/confirm", "email=jane@example.com&code=nope&"+newPasswords).want(t, "wrong code with a password", 410, "do not fit together")
	h.domain.fail(app.Errorf(app.Conflict, "no_longer_eligible", "x"))
	h.post("/confirm", "email=jane@example.com&code=abcd-2345&"+newPasswords).want(t, "not eligible", 409, "not enabled any more")
	h.domain.fail(nil)
	a = h.post("/confirm", "email=jane@example.com&code=abcd-2345&"+newPasswords)
	a.wantRedirect(t, "confirmed", "/login?notice=confirmed")
	h.post("/confirm", "email=jane@example.com&code=abcd-2345&"+newPasswords).want(t, "again", 410)
}

func TestForgot(t *testing.T) {
	h := open(t)
	var first string
	for _, email := range []string{"jane@example.com", "nobody@example.com", "stranger@nowhere.example"} {
		a := h.post("/forgot", "email="+email)
		a.wantRedirect(t, email, "/forgot/sent")
		a.header.Del("Date")
		if got := fmt.Sprint(a.header, a.body); first == "" {
			first = got
		} else if got != first {
			t.Errorf("%s: answered %s, the first %s", email, got, first)
		}
	}
	h.get("/forgot/sent").want(t, "sent", 200, "If this address has an account")
	h.post("/forgot", "email=jane").want(t, "malformed", 422, `value="jane"`)
	h.get("/reset/"+string(resetToken)).want(t, "reset", 200, "jane@example.com")
	h.domain.account.State = app.AccountDisabled
	h.post("/reset/"+string(resetToken), newPasswords).want(t, "disabled", 403, "This account is disabled.", "office@novak.example")
}

func TestNotMe(t *testing.T) {
	h := open(t)
	path := "/not-me/" + string(stopToken)
	h.get(path).want(t, "page", 200, `name="email"`)
	h.post(path, "").want(t, "a scanner's press of the button", 422)
	h.post(path, "email=other@example.com").want(t, "another address", 422, "went to another address")
	if len(h.domain.stopped) != 0 {
		t.Fatal("mail was stopped")
	}
	h.post(path, "email=jane@example.com").wantRedirect(t, "the address", "/login?notice=stopped")
	h.get("/not-me/unknown").want(t, "unknown", 410)
	h.post("/not-me/unknown", "email=jane@example.com").want(t, "unknown", 410)
}

func TestAccount(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	proof := "csrf=" + me.CSRF()
	h.get("/account", cookie(me)).want(t, "page", 200, "Jane Doe", "jane@example.com", "Example Ltd", "Customer Accounts",
		"Newsletter", "3 November 2026", `value="&#43;421 2 1234 5678"`, `action="/logout"`, me.CSRF())
	h.get("/account", cookie(me), header("Accept-Language", "sk")).want(t, "page", 200, "Customer Accounts", "3. 11. 2026")
	a := h.post("/account", proof+"&first_name=Eva&last_name=Nov%C3%A1&phone=", cookie(me))
	a.wantRedirect(t, "saved", "/account?notice=saved")
	h.get("/account?notice=saved", cookie(me)).want(t, "after", 200, "Eva Nová", "Your details have been saved.")
	a = h.post("/account", proof+"&first_name=&last_name=Nov%C3%A1&phone=%2B%2Bx", cookie(me))
	a.want(t, "wrong", 422, "First name: Please fill this in.", "Phone: A phone number", "<h1 id=\"person\">Eva Nová</h1>", `href="/account?lang=sk"`)
	a = h.post("/account/password", proof+"&current_password=wrong&"+newPasswords, cookie(me))
	a.want(t, "wrong password", 422, "Present password: This is not your present password.", `value="Eva"`)
	h.domain.fail(app.Errorf(app.Denied, "signin_needed", "sign in first"))
	h.post("/account", proof+"&first_name=Eva&last_name=X&phone=", cookie(me)).wantRedirect(t, "session ended meanwhile", "/login")
}

func TestHostileStringsAreText(t *testing.T) {
	h := open(t)
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}`
	h.domain.set(func(s *app.Settings) { s.SiteName, s.Contact = hostile, hostile })
	h.domain.account.FirstName, h.domain.account.Company, h.domain.account.Groups = hostile, hostile, []string{hostile}
	registration := h.domain.registrations[confirmToken]
	registration.FirstName, registration.Company = hostile, hostile
	h.domain.registrations[confirmToken] = registration
	h.domain.identities(func(d *fakeIdentities) {
		d.connectors[2].Label, d.ways = hostile, []app.WayIn{{ID: 1, Title: hostile, Email: hostile}}
		d.person = app.Proven{
			Connector: d.connectors[2], Account: hostile, Address: address("jane@example.com"), Company: hostile,
			Profile: app.Profile{FirstName: hostile, LastName: hostile},
		}
		d.offer = d.person
	})
	withIdentity := h.domain.registrations[identityToken]
	withIdentity.Identity.Email, withIdentity.Company = hostile, hostile
	h.domain.registrations[identityToken] = withIdentity
	pages := h.pages("en")
	typed := "first_name=%22%3E%3Cscript%3E&last_name=%27+onfocus=alert(1)&email=%22%3E%3Cscript%3E&phone=%3Cb%3E"
	pages = append(pages, page{"typed", h.post("/register", typed)}, page{"query", h.get("/login?notice=<script>&lang=<script>")})
	for _, p := range pages {
		for _, tag := range []string{"<script", "<img src=x", "<b>", `="">`} {
			if strings.Contains(p.answer.body, tag) {
				t.Errorf("page %s lets %s through:\n%s", p.name, tag, p.answer.body)
			}
		}
	}
}

func TestContact(t *testing.T) {
	h := open(t)
	for _, test := range []struct{ contact, want string }{
		{"office@novak.example", `<a href="mailto:office@novak.example">office@novak.example</a>`},
		{"+421 2/123 45-67", `<a href="tel:&#43;42121234567">&#43;421 2/123 45-67</a>`},
		{"Ms Nová, first floor", `<span class="contact-text">Ms Nová, first floor</span>`},
		{"++12345", `<span class="contact-text">`},
		{"javascript:alert(1)", `<span class="contact-text">javascript:alert(1)</span>`},
	} {
		h.domain.set(func(s *app.Settings) { s.Contact = test.contact })
		h.get("/login").want(t, test.contact, 200, test.want)
	}
}

func TestReadingChangesNothing(t *testing.T) {
	h := open(t)
	me, browser := h.domain.signIn(), h.domain.bring()
	state := func() string {
		d := h.domain
		return fmt.Sprint(d.signUps, d.forgotten, d.stopped, d.account, d.password, len(d.sessions), d.registrations, d.gone, d.resets, d.stops,
			d.proven, d.profiles, d.codesSent, d.linked, d.unlinked)
	}
	before := state()
	for _, path := range routes {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
			h.do(method, path+"?"+signUp+"&"+newPasswords+"&csrf="+me.CSRF(), "", cookie(me), brought(browser))
		}
	}
	if after := state(); after != before {
		t.Errorf("state was\n%s\nis\n%s", before, after)
	}
}

func TestHealth(t *testing.T) {
	var fault error
	h := open(t, func(c *web.Config) { c.Instance, c.Health = "i1", func(context.Context) error { return fault } })
	tests := []struct {
		fault error
		want  int
		body  string
	}{
		{nil, 200, `{"status":"ok","version":"1.2.3","instance":"i1"}`},
		{app.Errorf(app.Unavailable, "storage_full", "the disk is full"), 503, `{"status":"unavailable","instance":"i1","reason":"storage_full","message":"the disk is full"}`},
		{errors.New("open /var/lib/foyer: DETAIL"), 503, `{"status":"unavailable","instance":"i1","reason":"fault","message":"` + app.MessageOf(errors.New("")) + `"}`},
	}
	for _, test := range tests {
		fault = test.fault
		a := h.get("/healthz")
		if a.status != test.want || a.body != test.body || a.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(a.body)) {
			t.Errorf("%v: got %d %s %s, want %d %s", test.fault, a.status, a.header.Get("Content-Type"), a.body, test.want, test.body)
		}
	}
}

// TestHealthOfAnotherHost asks by a name that is not ours: the answer says who gives it and nothing more.
func TestHealthOfAnotherHost(t *testing.T) {
	h := open(t, func(c *web.Config) { c.Instance = "i1" })
	a := h.get("/healthz", host("evil.example"))
	want := `{"status":"misdirected","instance":"i1","reason":"host_unknown","message":"the pages do not answer to this name; it is not that of public_url"}`
	if a.status != 421 || a.body != want || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s, want 421 %s", a.status, a.body, want)
	}
}

// faulty panics where the domain is asked for a new password.
type faulty struct{ *fakeDomain }

func (faulty) Forgot(context.Context, string, app.Visitor) error { panic("PANIC") }

func TestPanicIsAPage(t *testing.T) {
	h := open(t, func(c *web.Config) { c.Service = faulty{newFakeDomain()} })
	a := h.post("/forgot", "email=SECRETADDRESS@example.com", header("Cookie", "sid=SECRETCOOKIE"))
	a.want(t, "panic", 500, "Something went wrong", "<html lang")
	if got := common(a); got != commonHeaders {
		t.Errorf("headers\n%swant\n%s", got, commonHeaders)
	}
	log := h.log.String()
	if got := strings.Count(log, "PANIC"); got != 1 || !strings.Contains(log, "pages_test.go") || strings.Contains(log, "SECRET") {
		t.Errorf("the log names the panic %d times:\n%s", got, log)
	}
	h.get("/login").want(t, "afterwards", 200)
}

// unavailable cannot tell who is signed in.
type unavailable struct{ *fakeDomain }

func (unavailable) Session(context.Context, app.Token) (app.Session, error) {
	return app.Session{}, app.Errorf(app.Unavailable, "store_busy", "DETAIL")
}

func TestDatabaseThatCannotAnswer(t *testing.T) {
	h := open(t, func(c *web.Config) { c.Service = unavailable{newFakeDomain()} })
	me := cookie(app.NewToken())
	a := h.get("/account", me)
	a.want(t, "account", 503, "Not available at the moment", "Nothing was changed.")
	if got := a.header.Get("Retry-After"); got != "5" {
		t.Errorf("Retry-After %q, want 5", got)
	}
	h.get("/login", me).want(t, "login", 200, `action="/login"`)
	h.get("/", me).wantRedirect(t, "root", "/login")
}

func TestLogHoldsNoSecrets(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	canary := "CANARY"
	h.get("/confirm/" + canary + "1")
	h.post("/confirm/"+canary+"2?x="+canary, "password="+canary+"password&password_confirm="+canary)
	h.get("/reset/" + canary + "?token=" + canary)
	h.post("/login", "email="+canary+"@example.com&password="+canary, header("Cookie", "sid="+canary), header("Authorization", canary), header("User-Agent", canary))
	h.post("/confirm", "email="+canary+"@example.com&code="+canary)
	h.get("/" + canary + "%0aline?q=" + canary)
	h.do(canary, "/login", "")
	h.post("/account", "csrf="+canary, cookie(me))
	h.domain.fail(&app.Error{Code: app.Internal, Err: errors.New("database is locked")})
	h.post("/login", "email=jane@example.com&password="+canary)
	log := strings.ReplaceAll(h.log.String(), "method="+canary, "") // the method is the one part of a request that is named
	if strings.Contains(log, canary) || strings.Contains(log, string(me)) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
	if got := strings.Count(log, "database is locked"); got != 1 {
		t.Errorf("the fault is logged %d times, want once:\n%s", got, log)
	}
	if !strings.Contains(log, "route=/confirm/:token status=410") || !strings.Contains(log, "ip=127.0.0.1") {
		t.Errorf("the log lacks the route, the status or the address:\n%s", log)
	}
}

func TestPagesFollowTheSettings(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/login", "/register", "/register/sent", "/confirm", "/forgot"} {
		h.domain.set(func(s *app.Settings) {
			s.SiteName, s.Contact, s.LoginLink, s.PublicURL = "First", "one@novak.example", true, "http://localhost"
		})
		h.get(path).want(t, path, 200, "– First</title>", "one@novak.example", `lang="en"`)
		h.domain.set(func(s *app.Settings) { s.SiteName = "Second" })
		h.get(path).want(t, path, 200, "– Second</title>", "one@novak.example")
		h.domain.set(func(s *app.Settings) { s.Contact = "two@novak.example" })
		h.get(path).want(t, path, 200, "– Second</title>", "two@novak.example")
		h.get(path, header("Accept-Language", "sk")).want(t, path, 200, `lang="sk"`, "Máte otázky?")
		h.get(path).want(t, path, 200, `lang="en"`, "Questions?")
	}
	h.get("/login").want(t, "link on", 200, "/register")
	h.domain.set(func(s *app.Settings) { s.LoginLink = false })
	if a := h.get("/login"); strings.Contains(a.body, "/register") {
		t.Error("the link stays on the page after it was switched off")
	}
	h.get("/login?notice=reset").want(t, "notice", 200, "Your new password is set.")
	if a := h.get("/login"); strings.Contains(a.body, `role="status"`) {
		t.Error("the notice of another visit is shown")
	}
}
