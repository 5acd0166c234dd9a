package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"foyer/app"
)

// brought returns the cookie of a browser that has brought back an identity.
func brought(browser app.Token) func(*http.Request) {
	return header("Cookie", "browser="+string(browser))
}

// refusals are the reasons for which Arrive or a provider refuses somebody.
func refusals() []*app.Error {
	return []*app.Error{
		app.Errorf(app.Closed, "identity_signup_closed", "x"), app.Errorf(app.Denied, "identity_not_listed", "x").With("Email", "jane@nowhere.example"),
		app.Errorf(app.Denied, "company_disabled", "x"), app.Errorf(app.Denied, "account_disabled", "x"),
		app.Errorf(app.Denied, "identity_guest", "x"), app.Errorf(app.Denied, "identity_email_missing", "x"),
		app.Errorf(app.Denied, "identity_email_invalid", "x"), app.Errorf(app.Denied, "tenant_not_allowed", "x"),
		app.Errorf(app.Denied, "identity_other", "x"), app.Errorf(app.Denied, "identity_differs", "x"),
		app.Errorf(app.Conflict, "identity_taken", "x"),
		app.ProviderError(app.Unavailable, app.ProviderUnreachable, "x", nil),
		app.ProviderError(app.Invalid, app.ProviderRefusedCode, "x", nil),
		app.ProviderError(app.Unavailable, app.ProviderRefusedUs, "x", nil),
		app.ProviderError(app.Denied, app.ProviderDenied, "x", nil),
		app.ProviderError(app.Denied, app.ProviderRefused, "x", nil),
		app.ProviderError(app.Invalid, app.ProviderMixUp, "x", nil),
		app.ProviderError(app.Denied, app.ProviderTenant, "x", nil),
	}
}

// identityPages returns every page about providers in every state that looks different, in a language.
func (h *house) identityPages(lang string) []page {
	me, in := h.domain.signIn(), header("Accept-Language", lang)
	browser := h.domain.bring()
	vouched := h.domain.bring(func(p *app.Proven) { p.Vouched = true })
	waiting := h.domain.bring(func(p *app.Proven) { p.Waiting = true })
	known := h.domain.bring(func(p *app.Proven) { p.HasAccount = true })
	holder := app.NewToken()
	h.domain.identities(func(d *fakeIdentities) {
		d.holds[holder] = true
		if d.ways == nil {
			d.ways = []app.WayIn{{ID: 1, Connector: "google", Title: "Google", Email: "j@x.example", Usable: true}, {ID: 2, Title: "Gone"}}
		}
	})
	confirm := "/confirm/" + string(identityToken)
	byCode := "email=eva@example.com&code=" + goodCode
	pages := []page{
		{"identity", h.get("/register/identity", in, brought(browser))},
		{"identity, vouched", h.get("/register/identity", in, brought(vouched))},
		{"identity, waiting", h.get("/register/identity", in, brought(waiting))},
		{"identity, wrong", h.post("/register/identity", "first_name=&last_name=&phone=x&csrf="+browser.CSRF(), in, brought(browser))},
		{"identity, gone", h.get("/register/identity", in)},
		{"identity, sent", h.get("/register/identity/sent", in, brought(waiting))},
		{"identity, confirm", h.get(confirm, in, brought(holder))},
		{"identity, confirm elsewhere", h.get(confirm, in)},
		{"identity, confirm refused", h.post(confirm, "", in)},
		{"identity, code elsewhere", h.post("/confirm", byCode, in)},
		{"has account", h.get("/register/link", in, brought(known))},
		{"has account, sent", h.get("/register/link?notice=code", in, brought(known))},
		{"has account, wrong", h.post("/register/link", "code=x&csrf="+known.CSRF(), in, brought(known))},
		{"account, ways", h.get("/account", in, cookie(me))},
		{"again", h.get("/account/again", in, cookie(me))},
		{"again, wrong", h.post("/account/again", "current_password=x&csrf="+me.CSRF(), in, cookie(me))},
		{"link", h.get("/account/link", in, cookie(me))},
		{"flow unknown", h.get("/auth/google/callback?state=x&code=x", in)},
		{"connector unknown", h.get("/auth/nothing/start", in)},
	}
	h.domain.identities(func(d *fakeIdentities) { d.stale = true })
	pages = append(pages, page{"account, stale", h.get("/account", in, cookie(me))})
	h.domain.account.PasswordHash = ""
	pages = append(pages, page{"account, no password", h.get("/account", in, cookie(me))},
		page{"again, no password", h.get("/account/again", in, cookie(me))})
	h.domain.account.PasswordHash = "a PHC string"
	h.domain.identities(func(d *fakeIdentities) { d.stale = false })
	for _, refusal := range refusals() {
		h.domain.identities(func(d *fakeIdentities) { d.arriveErr = refusal })
		pages = append(pages, page{"refused, " + refusal.Reason, h.arrive("work", "code=x", in)})
	}
	h.domain.identities(func(d *fakeIdentities) { d.arriveErr = nil })
	return pages
}

// begin begins a sign-in and returns the secret of its browser and its state.
func (h *house) begin(path string, change ...func(*http.Request)) (browser, state app.Token) {
	h.t.Helper()
	a := h.get(path, change...)
	to, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || to.Host != "login.provider.example" {
		h.t.Fatalf("GET %s: got %d to %q, want 303 to the provider", path, a.status, a.header.Get("Location"))
	}
	set, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return app.Token(strings.TrimPrefix(set, "browser=")), app.Token(to.Query().Get("state"))
}

// arrive begins a sign-in and comes back from the provider with what it answers.
func (h *house) arrive(connector, answer string, change ...func(*http.Request)) answer {
	h.t.Helper()
	browser, state := h.begin("/auth/" + connector + "/start")
	return h.get("/auth/"+connector+"/callback?"+answer+"&state="+string(state), append(change, brought(browser))...)
}

func TestIdentityForm(t *testing.T) {
	h := open(t)
	browser := h.domain.bring()
	form := h.get("/register/identity", brought(browser))
	form.want(t, "form", 200, `name="first_name"`, `value="Jane"`, `value="Doe"`, `value="jane@example.com" readonly`, "Example Ltd",
		"Google", `href="/auth/google/start?another=1"`, `href="/register"`, browser.CSRF(), "It comes from Google")
	for _, input := range elements(t, form.body)["input"] {
		id, _ := attribute(input, "id")
		if name, ok := attribute(input, "name"); id == "f-address" && ok {
			t.Errorf("the locked address is sent as %q", name)
		}
	}
	h.domain.set(func(s *app.Settings) { s.LoginLink = false })
	if a := h.get("/register/identity", brought(browser)); a.status != 200 || strings.Contains(a.body, `href="/register"`) {
		t.Errorf("login link off: got %d, or a link to the form", a.status)
	}
	names := "first_name=Eva&last_name=Nov%C3%A1&phone=&email=other@evil.example"
	for _, test := range []struct {
		name, body string
		change     func(*http.Request)
		want       int
	}{
		{"no proof", names, brought(browser), 403},
		{"empty proof", names + "&csrf=", brought(browser), 403},
		{"proof of no browser", names + "&csrf=" + app.Token("").CSRF(), func(*http.Request) {}, 403},
		{"proof of another browser", names + "&csrf=" + app.NewToken().CSRF(), brought(browser), 403},
		{"two browsers", names + "&csrf=" + browser.CSRF(), header("Cookie", "browser="+string(browser)+"; browser="+string(app.NewToken())), 403},
		{"two first names", names + "&first_name=x&csrf=" + browser.CSRF(), brought(browser), 400},
		{"wrong", "first_name=&last_name=x&phone=x&csrf=" + browser.CSRF(), brought(browser), 422},
	} {
		h.post("/register/identity", test.body, test.change).want(t, test.name, test.want)
	}
	if len(h.domain.profiles) != 0 {
		t.Fatalf("signed up %v", h.domain.profiles)
	}
	a := h.post("/register/identity", names+"&csrf="+browser.CSRF(), brought(browser))
	a.wantRedirect(t, "sign-up", "/register/identity/sent")
	if got, want := a.header.Get("Set-Cookie"), "browser="+string(browser)+"; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("Set-Cookie: got %q, want %q", got, want)
	}
	if got, want := h.domain.profiles[0], (app.Profile{FirstName: "Eva", LastName: "Nová"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	h.get("/register/identity", brought(browser)).want(t, "waiting", 200, "a mail is on its way to jane@example.com", `href="/register/identity/sent"`)
	h.get("/register/identity/sent", brought(browser)).want(t, "sent", 200, "jane@example.com", "in this browser", `action="/confirm"`,
		`name="code"`, `type="hidden" name="email" value="jane@example.com"`)
}

func TestIdentityFormThatIsVouchedFor(t *testing.T) {
	h := open(t)
	h.domain.identities(func(d *fakeIdentities) { d.session = true })
	browser, old := h.domain.bring(func(p *app.Proven) { p.Vouched = true }), h.domain.signIn()
	h.get("/register/identity", brought(browser)).want(t, "form", 200, "no mail is needed")
	both := header("Cookie", "browser="+string(browser)+"; sid="+string(old))
	a := h.post("/register/identity", "first_name=J&last_name=D&phone=&csrf="+browser.CSRF(), both)
	a.wantRedirect(t, "sign-up", "/account")
	next := app.Token(a.sessionCookie(t, "sid", "Path=/; HttpOnly; SameSite=Lax"))
	h.get("/account", cookie(next)).want(t, "new session", 200, "Jane Doe")
	h.get("/account", cookie(old)).wantRedirect(t, "session from before", "/login")
}

func TestIdentityFormRefused(t *testing.T) {
	h := open(t)
	browser := h.domain.bring()
	post := func() answer {
		return h.post("/register/identity", "first_name=J&last_name=D&phone=&csrf="+browser.CSRF(), brought(browser))
	}
	for _, test := range []struct {
		err    *app.Error
		status int
		text   string
	}{
		{app.Errorf(app.Denied, "identity_not_listed", "x").With("Email", "jane@example.com"), 403, "The address jane@example.com is not enabled"},
		{app.Errorf(app.Closed, "identity_signup_closed", "x"), 403, "no new ones are created"},
		{app.Errorf(app.Limited, "identity_mail_limit", "x").With("Email", "jane@example.com"), 429, "No more mail can be sent to jane@example.com"},
		{app.Errorf(app.Limited, "too_many", "x"), 429, "Too many attempts."},
		{app.Errorf(app.Conflict, "no_longer_eligible", "x"), 409, "not enabled any more"},
		{app.Errorf(app.Unavailable, "store_busy", "x"), 503, "Nothing was changed."},
	} {
		h.domain.identities(func(d *fakeIdentities) { d.signUpErr = test.err })
		post().want(t, test.err.Reason, test.status, test.text)
	}
	h.domain.identities(func(d *fakeIdentities) { d.signUpErr = app.Errorf(app.Conflict, "account_exists", "x") })
	post().wantRedirect(t, "an account by now", "/register/link")
}

func TestIdentityPagesLeadToEachOther(t *testing.T) {
	h := open(t)
	fresh := h.domain.bring()
	known := h.domain.bring(func(p *app.Proven) { p.HasAccount = true })
	for _, path := range []string{"/register/identity", "/register/link"} {
		h.get(path).want(t, path+" of nobody", 403, "Please sign in with the provider again", `href="/login"`)
		h.post(path, "csrf=").want(t, "POST "+path+" of nobody", 403, "Please sign in with the provider again")
	}
	h.get("/register/identity", brought(known)).wantRedirect(t, "form, has an account", "/register/link")
	h.post("/register/identity", "csrf="+known.CSRF(), brought(known)).wantRedirect(t, "form sent, has an account", "/register/link")
	h.get("/register/link", brought(fresh)).wantRedirect(t, "link, has no account", "/register/identity")
	h.get("/register/identity/sent").wantRedirect(t, "sent, forgotten", "/confirm")
	h.get("/register/identity/sent", brought(fresh)).wantRedirect(t, "sent, not signed up", "/register/identity")
	h.get("/register/identity/sent", brought(known)).wantRedirect(t, "sent, has an account", "/login")
}

func TestConfirmIdentity(t *testing.T) {
	h := open(t)
	holder := app.NewToken()
	h.domain.identities(func(d *fakeIdentities) { d.holds[holder] = true })
	path := "/confirm/" + string(identityToken)
	start := "/auth/google/start?confirm=" + string(identityToken)

	elsewhere := h.get(path)
	elsewhere.want(t, "elsewhere", 200, "eva@example.com", "Example Ltd", "Jane Doe", "eva@gmail.com", `href="`+start+`"`, "Sign in with Google to confirm")
	if strings.Contains(elsewhere.body, "<button") || strings.Contains(elsewhere.body, "password") {
		t.Errorf("elsewhere there is a button, or a password:\n%s", elsewhere.body)
	}
	refused := h.post(path, newPasswords)
	refused.want(t, "POST elsewhere", 403, "please sign in with Google first", `href="`+start+`"`)
	h.get(path, brought(holder)).want(t, "held", 200, `action="`+path+`"`, "Create my account")
	if a := h.do(http.MethodHead, path, "", brought(holder)); a.status != 200 || len(h.domain.registrations) != 3 {
		t.Errorf("HEAD: got %d, %d registrations", a.status, len(h.domain.registrations))
	}

	h.domain.identities(func(d *fakeIdentities) { d.connectors = nil })
	off := h.get(path)
	off.want(t, "connector off", 200, "Signing in with Google is switched off", "office@novak.example")
	if strings.Contains(off.body, "/auth/") {
		t.Error("there is a link to a connector that is off")
	}
	h.domain.fail(app.Errorf(app.Conflict, "identity_taken", "x"))
	h.post(path, "", brought(holder)).want(t, "taken", 409, "belongs to another account here")
	h.domain.fail(nil)
	a := h.post(path, "", brought(holder))
	a.wantRedirect(t, "confirmed", "/login?notice=confirmed-provider")
	if a.header.Get("Set-Cookie") != "" {
		t.Error("confirming signs in")
	}
	h.post(path, "", brought(holder)).want(t, "again", 410, "Already confirmed")
	h.get(path).want(t, "opened again", 200, "Already confirmed")
}

func TestConfirmIdentityByCode(t *testing.T) {
	h := open(t)
	holder := app.NewToken()
	h.domain.identities(func(d *fakeIdentities) { d.holds[holder] = true })
	h.post("/confirm", "email=eva@example.com&code=WRONG", brought(holder)).want(t, "wrong", 410, "do not fit together")
	const right = "email=eva@example.com&code=abcd-2345"
	a := h.post("/confirm", right)
	a.want(t, "elsewhere", 403, "eva@gmail.com", `href="/auth/google/start"`, "open the link of our mail in the browser", `href="/confirm?lang=sk"`)
	h.domain.fail(app.Errorf(app.Unavailable, "store_busy", "x"))
	h.post("/confirm", right, brought(holder)).want(t, "busy", 503, `name="code" value="abcd-2345"`, "Create my account")
	h.domain.fail(nil)
	h.post("/confirm", right+"&"+newPasswords).want(t, "a password elsewhere", 403, `href="/auth/google/start"`)
	h.post("/confirm", right+"&"+newPasswords, brought(holder)).wantRedirect(t, "held", "/login?notice=confirmed-provider")
	h.post("/confirm", right, brought(holder)).want(t, "again", 410)
}

func TestAddressThatHasAnAccount(t *testing.T) {
	h := open(t)
	browser, old := h.domain.bring(func(p *app.Proven) { p.HasAccount = true }), h.domain.signIn()
	proof := "csrf=" + browser.CSRF()
	h.get("/register/link", brought(browser)).want(t, "page", 200, "jane@example.com", `action="/register/link/code"`, `href="/login"`, "Sign in as you did so far")
	for _, path := range []string{"/register/link", "/register/link/code"} {
		h.post(path, "code="+goodCode, brought(browser)).want(t, path+" without proof", 403)
		h.post(path, "code="+goodCode+"&csrf="+app.NewToken().CSRF(), brought(browser)).want(t, path+" with another's proof", 403)
	}
	h.post("/register/link/code", proof, brought(browser)).wantRedirect(t, "send", "/register/link?notice=code")
	if got := h.domain.codesSent; got != 1 {
		t.Errorf("%d codes were sent, want 1", got)
	}
	h.get("/register/link?notice=code", brought(browser)).want(t, "sent", 200, "A mail with a code is on its way.", "Send a new code")
	h.post("/register/link", proof+"&code=wrong", brought(browser)).want(t, "wrong", 410, "This code is not right", `value="wrong"`)
	h.domain.identities(func(d *fakeIdentities) {
		d.linkErr = app.Errorf(app.Limited, "identity_mail_limit", "x").With("Email", "jane@example.com")
	})
	h.post("/register/link/code", proof, brought(browser)).want(t, "too much mail", 429, "No more mail can be sent to jane@example.com", `href="/register/link?lang=sk"`)
	h.domain.identities(func(d *fakeIdentities) {
		d.linkErr = app.Errorf(app.Denied, "identity_other", "x").With("Email", "j@example.com")
	})
	h.post("/register/link", proof+"&code="+goodCode, brought(browser)).want(t, "another identity", 403, "is connected with another account")
	h.domain.identities(func(d *fakeIdentities) { d.linkErr = nil })
	a := h.post("/register/link", proof+"&code=abcd-2345", header("Cookie", "browser="+string(browser)+"; sid="+string(old)))
	a.wantRedirect(t, "linked", "/account?notice=linked")
	next := app.Token(a.sessionCookie(t, "sid", "Path=/; HttpOnly; SameSite=Lax"))
	h.get("/account?notice=linked", cookie(next)).want(t, "signed in", 200, "You can sign in with it from now on.")
	h.get("/account", cookie(old)).wantRedirect(t, "session from before", "/login")
}
