package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"foyer/app"
)

func TestBrowserCookieInBothModes(t *testing.T) {
	for _, mode := range []struct{ url, name, attributes string }{
		{"http://localhost:8080", "browser", "Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		{"https://accounts.novak.example", "__Host-browser", "Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	} {
		h := open(t)
		h.domain.set(func(s *app.Settings) { s.PublicURL = mode.url })
		first := h.get("/auth/google/start").sessionCookie(t, mode.name, mode.attributes)
		if second := h.get("/auth/google/start").sessionCookie(t, mode.name, mode.attributes); len(first) != 43 || second == first {
			t.Errorf("%s: two browsers have the secrets %q and %q", mode.name, first, second)
		}
		tests := []struct {
			name, cookies string
			isNew         bool
		}{
			{"another tab", mode.name + "=" + first, false},
			{"another tab, beside others", "lang=sk; " + mode.name + "=" + first + "; x=y", false},
			{"rubbish", mode.name + "=%00<script>", true},
			{"too short", mode.name + "=" + first[1:], true},
			{"too long", mode.name + "=" + first + "A", true},
			{"not base64url", mode.name + "=" + strings.Repeat("+", 43), true},
			{"two, ours first", mode.name + "=" + first + "; " + mode.name + "=" + string(app.NewToken()), true},
			{"two of the same", mode.name + "=" + first + "; " + mode.name + "=" + first, true},
		}
		for _, test := range tests {
			a := h.get("/auth/google/start", header("Cookie", test.cookies))
			if a.status != http.StatusSeeOther {
				t.Errorf("%s, %s: got %d", mode.name, test.name, a.status)
			}
			if !test.isNew && a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: a cookie is set anew: %q", mode.name, test.name, a.header.Get("Set-Cookie"))
			}
			if test.isNew && a.sessionCookie(t, mode.name, mode.attributes) == first {
				t.Errorf("%s, %s: what was brought along counts", mode.name, test.name)
			}
		}
	}
}

func TestStartOfASignIn(t *testing.T) {
	h := open(t)
	me, stranger := h.domain.signIn(), app.NewToken()
	proof := me.CSRF()
	tests := []struct {
		name, query string
		cookie      func(*http.Request)
		want        int
		to          string // where a 303 leads, when not to the provider
		start       app.Start
	}{
		{name: "plain", want: 303, start: app.Start{Purpose: app.ForSignIn}},
		{name: "another", query: "?another=1", want: 303, start: app.Start{Purpose: app.ForSignIn, Another: true}},
		{name: "with a language", query: "?lang=sk", want: 303, start: app.Start{Purpose: app.ForSignIn}},
		{name: "unknown parameter", query: "?next=//evil.example", want: 303, start: app.Start{Purpose: app.ForSignIn}},
		{name: "confirm", query: "?confirm=TOKEN", want: 303, start: app.Start{Purpose: app.ForConfirm, Confirm: "TOKEN"}},
		{
			name: "confirm with another", query: "?confirm=TOKEN&another=1", want: 303,
			start: app.Start{Purpose: app.ForConfirm, Confirm: "TOKEN", Another: true},
		},
		{name: "link", query: "?link=" + proof, cookie: cookie(me), want: 303, start: app.Start{Purpose: app.ForLink, Session: me}},
		{name: "again", query: "?again=" + proof, cookie: cookie(me), want: 303, start: app.Start{Purpose: app.ForAgain, Session: me}},
		{name: "link of nobody", query: "?link=" + proof, want: 303, to: "/login"},
		{name: "again of nobody", query: "?again=" + app.Token("").CSRF(), want: 303, to: "/login"},
		{name: "link of an ended session", query: "?link=" + stranger.CSRF(), cookie: cookie(stranger), want: 303, to: "/login"},
		{name: "link without proof", query: "?link=", cookie: cookie(me), want: 403},
		{name: "link with another's proof", query: "?link=" + stranger.CSRF(), cookie: cookie(me), want: 403},
		{name: "again with another's proof", query: "?again=" + stranger.CSRF(), cookie: cookie(me), want: 403},
		{name: "two wishes", query: "?again=" + proof + "&link=" + proof, cookie: cookie(me), want: 400},
		{name: "two of one", query: "?another=1&another=1", want: 400},
		{name: "two confirmations", query: "?confirm=A&confirm=B", want: 400},
		{name: "bad escape", query: "?confirm=%zz", want: 400},
	}
	for _, test := range tests {
		before := len(h.domain.starts)
		change := []func(*http.Request){}
		if test.cookie != nil {
			change = append(change, test.cookie)
		}
		a := h.get("/auth/google/start"+test.query, change...)
		a.want(t, test.name, test.want)
		location := a.header.Get("Location")
		toProvider := strings.HasPrefix(location, "https://login.provider.example/authorize?")
		if wanted := test.want == 303 && test.to == ""; wanted != toProvider || test.to != "" && location != test.to {
			t.Errorf("%s: leads to %q, want %q", test.name, location, test.to)
		}
		begun := h.domain.starts[before:]
		if toProvider && (len(begun) != 1 || begun[0] != test.start) || !toProvider && len(begun) != 0 {
			t.Errorf("%s: began %+v, want %+v", test.name, begun, test.start)
		}
	}
	h.domain.identities(func(d *fakeIdentities) { d.stale = true })
	h.get("/auth/google/start?link="+proof, cookie(me)).wantRedirect(t, "link, stale", "/account/again")
}

func TestStartRefused(t *testing.T) {
	h := open(t)
	h.get("/auth/nothing/start").want(t, "unknown", 404, "There is no such way to sign in here.", `href="/login"`)
	h.get("/auth/%3Cscript%3E/start").want(t, "hostile name", 404, "There is no such way")
	for _, test := range []struct {
		err        *app.Error
		status     int
		text       string
		retryAfter string
	}{
		{app.Errorf(app.Closed, "connector_off", "x").With("Through", "Google"), 403, "Signing in with Google is switched off", ""},
		{app.Errorf(app.Limited, "too_many", "x"), 429, "Too many attempts.", "60"},
		{app.Errorf(app.Gone, "link_expired", "x"), 410, "The time in which this link could be used is over.", ""},
	} {
		h.domain.fail(test.err)
		a := h.get("/auth/google/start")
		a.want(t, test.err.Reason, test.status, test.text, `href="/login?lang=sk"`)
		if got := a.header.Get("Retry-After"); got != test.retryAfter || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: Retry-After %q, want %q; Set-Cookie %q", test.err.Reason, got, test.retryAfter, a.header.Get("Set-Cookie"))
		}
	}
	h.domain.fail(nil)
	h.provider.err = app.ProviderError(app.Unavailable, app.ProviderUnreachable, "timeout", errors.New("DETAIL")).With("Through", "Google")
	a := h.get("/auth/google/start")
	a.want(t, "down", 503, "Google does not answer at the moment.", `href="/auth/google/start"`, "Try again", "Sign in with your password")
	if log := h.log.String(); strings.Contains(a.body, "DETAIL") || strings.Count(log, "DETAIL") != 1 {
		t.Errorf("the cause is on the page, or not once in the log:\n%s", log)
	}
	if got := h.domain.failed; !slices.Equal(got, []string{app.ProviderUnreachable}) {
		t.Errorf("the domain was told of %v", got)
	}
}

func TestAddressOfAProviderIsOneOfTheWeb(t *testing.T) {
	h := open(t)
	for _, hostile := range []string{
		"javascript:alert(1)", "//evil.example/", `/\evil.example`, "/account", "ftp://evil.example/", "https:evil.example", "https:///x",
		"data:text/html,x", "https://a@evil.example/", "https://login.example/\r\nSet-Cookie: a=b", "mailto:x@y.example", "%",
	} {
		h.provider.url = hostile
		a := h.get("/auth/google/start")
		if a.status != http.StatusServiceUnavailable || a.header.Get("Location") != "" {
			t.Errorf("%q: got %d to %q, want 503", hostile, a.status, a.header.Get("Location"))
		}
	}
	h.provider.url = "http://localhost:8081/authorize?a=b&c=d"
	h.get("/auth/google/start").wantRedirect(t, "a provider for trying out", h.provider.url)
}

func TestWhereABrowserGoesOn(t *testing.T) {
	h := open(t)
	for _, test := range []struct {
		to         app.Destination
		want       string
		hasSession bool
	}{
		{app.ToAccount, "/account", true},
		{app.ToForm, "/register/identity", false},
		{app.ToHasAccount, "/register/link", false},
		{app.ToConfirm, "/confirm/TO%2F%2FKEN", false},
		{app.ToLink, "/account/link", false},
		{app.ToAgain, "/account?notice=again", true},
		{"elsewhere", "/", false},
	} {
		h.domain.identities(func(d *fakeIdentities) { d.arrival.To = test.to })
		old := h.domain.signIn()
		browser, state := h.begin("/auth/google/start?confirm=TO%2F%2FKEN")
		// As it comes from the provider's page.
		a := h.get("/auth/google/callback?code=c&iss=i&scope=openid&session_state=x&state="+string(state),
			header("Cookie", "browser="+string(browser)+"; sid="+string(old)), header("Sec-Fetch-Site", "cross-site"),
			header("Sec-Fetch-Mode", "navigate"), header("Sec-Fetch-Dest", "document"))
		a.wantRedirect(t, string(test.to), test.want)
		ended := h.get("/account", cookie(old)).header.Get("Location") == "/login"
		if !test.hasSession {
			// On plain HTTP the browser's cookie is a new one: another program could have planted the old.
			set := a.header.Get("Set-Cookie")
			if !strings.HasPrefix(set, "browser=") || strings.Contains(set, string(browser)) || ended {
				t.Errorf("%s: Set-Cookie %q, the session ended: %t", test.to, set, ended)
			}
			continue
		}
		next := app.Token(a.sessionCookie(t, "sid", "Path=/; HttpOnly; SameSite=Lax"))
		if !ended || next == old {
			t.Errorf("%s: the session of before goes on", test.to)
		}
		h.get("/account", cookie(next)).want(t, string(test.to), 200, "Jane Doe")
	}
	if got, want := h.provider.answers[0], (app.ProviderAnswer{Code: "c", Issuer: "i"}); got != want {
		t.Errorf("the provider was asked with %+v, want %+v", got, want)
	}
}

func TestCallbackBelongsToOneBrowser(t *testing.T) {
	h := open(t)
	h.domain.identities(func(d *fakeIdentities) { d.arrival.To = app.ToAccount })
	path := func(connector string, state app.Token) string {
		return "/auth/" + connector + "/callback?code=c&state=" + string(state)
	}
	refused := func(name string, a answer) {
		t.Helper()
		a.want(t, name, 400, "This sign-in was begun in another browser", `href="/auth/`, "Try again")
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: Set-Cookie %q", name, a.header.Get("Set-Cookie"))
		}
	}
	_, state := h.begin("/auth/google/start")
	refused("no cookie", h.get(path("google", state)))
	_, state = h.begin("/auth/google/start")
	refused("another browser", h.get(path("google", state), brought(app.NewToken())))
	browser, state := h.begin("/auth/google/start")
	refused("another connector", h.get(path("work", state), brought(browser)))
	browser, state = h.begin("/auth/google/start")
	changed := app.Token(string(state[1:]) + "A")
	refused("another state", h.get(path("google", changed), brought(browser)))
	refused("no state", h.get("/auth/google/callback?code=c", brought(browser)))
	refused("empty state", h.get("/auth/google/callback?code=c&state=", brought(browser)))
	h.get(path("google", state), brought(browser)).wantRedirect(t, "right", "/account")
	refused("twice", h.get(path("google", state), brought(browser)))
	if got := len(h.provider.answers); got != 1 {
		t.Errorf("the provider was asked %d times, want once", got)
	}

	// Two tabs of one browser.
	browser, first := h.begin("/auth/google/start")
	_, second := h.begin("/auth/work/start", brought(browser))
	h.get(path("google", first), brought(browser)).wantRedirect(t, "first tab", "/account")
	h.get(path("work", second), brought(browser)).wantRedirect(t, "second tab", "/account")
	// A connector that is gone is not offered again.
	if a := h.get(path("nothing", "x")); a.status != 400 || strings.Contains(a.body, "/auth/") {
		t.Errorf("unknown connector: got %d, or a link to it", a.status)
	}
}

func TestCallbackParametersAreSingle(t *testing.T) {
	h := open(t)
	for _, test := range []struct {
		name, query string
		want        int
	}{
		{"two states", "state=STATE&state=STATE&code=c", 400},
		{"two states, one encoded", "state=STATE&st%61te=x&code=c", 400},
		{"two codes", "state=STATE&code=c&code=d", 400},
		{"two issuers", "state=STATE&code=c&iss=a&iss=b", 400},
		{"two errors", "state=STATE&error=a&error=b", 400},
		{"bad escape", "state=STATE&code=%zz", 400},
		{"not UTF-8", "state=STATE&code=%ff", 400},
		{"long state", "state=STATE" + strings.Repeat("x", 200) + "&code=c", 400},
		{"long code", "state=STATE&code=" + strings.Repeat("x", 8193), 400},
		{"long issuer", "state=STATE&code=c&iss=" + strings.Repeat("x", 2049), 400},
		{"long error", "state=STATE&error=" + strings.Repeat("x", 2049), 400},
		{"no code", "state=STATE", 403},
		{"empty code", "state=STATE&code=", 403},
		{"a long code", "state=STATE&code=" + strings.Repeat("x", 4000), 303},
		{"two of what no page reads", "state=STATE&code=c&scope=a&scope=b", 303},
	} {
		asked := len(h.provider.answers)
		browser, state := h.begin("/auth/google/start")
		query := strings.ReplaceAll(test.query, "STATE", string(state))
		h.get("/auth/google/callback?"+query, brought(browser)).want(t, test.name, test.want)
		if got := len(h.provider.answers) - asked; (got == 1) != (test.want == 303) {
			t.Errorf("%s: the provider was asked %d times", test.name, got)
		}
	}
}

func TestErrorsOfAProviderAreNotRepeated(t *testing.T) {
	h := open(t)
	for _, test := range []struct {
		answer string
		status int
		reason string
		text   string
	}{
		{"access_denied", 403, app.ProviderDenied, "You cancelled the sign-in"},
		{"login_required", 403, app.ProviderDenied, "You cancelled"},
		{"interaction_required", 403, app.ProviderDenied, "You cancelled"},
		{"consent_required", 403, app.ProviderDenied, "You cancelled"},
		{"account_selection_required", 403, app.ProviderDenied, "You cancelled"},
		{"temporarily_unavailable", 503, app.ProviderUnreachable, "does not answer at the moment"},
		{"server_error", 503, app.ProviderUnreachable, "does not answer at the moment"},
		{"invalid_request", 403, app.ProviderRefused, "did not pass our checks"},
		{"HOSTILE", 403, app.ProviderRefused, "did not pass our checks"},
		{"HOSTILE<script>alert(1)</script>\r\nSet-Cookie: a=b\nlevel=ERROR", 403, app.ProviderRefused, "did not pass our checks"},
		{"HOSTILE" + strings.Repeat("x", 1000), 403, app.ProviderRefused, "did not pass our checks"},
	} {
		before := len(h.log.String())
		h.domain.identities(func(d *fakeIdentities) { d.failed = nil })
		description := "&error_description=" + url.QueryEscape("HOSTILE<script>alert(1)</script>\r\nSet-Cookie: a=b") + "&error_uri=https://evil.example"
		a := h.arrive("google", "code=c&error="+url.QueryEscape(test.answer)+description)
		a.want(t, test.answer, test.status, test.text)
		for _, hostile := range []string{"HOSTILE", "<script", "evil.example", "alert(1)"} {
			if strings.Contains(a.body, hostile) {
				t.Errorf("%q: the page shows %q", test.answer, hostile)
			}
		}
		if a.header.Get("Set-Cookie") != "" || common(a) != commonHeaders {
			t.Errorf("%q: headers\n%v", test.answer, a.header)
		}
		if got := h.domain.failed; !slices.Equal(got, []string{test.reason}) {
			t.Errorf("%q: the domain was told of %v, want %s", test.answer, got, test.reason)
		}
		log := h.log.String()[before:]
		var about []string
		for line := range strings.Lines(log) {
			if !strings.Contains(line, "msg=request ") {
				about = append(about, line)
			}
		}
		if len(about) != 1 || len(about[0]) > 600 || strings.Contains(log, "\nSet-Cookie") || strings.Contains(log, "alert(1)</script>\r") {
			t.Errorf("%q: the log has %d lines about it:\n%s", test.answer, len(about), log)
		}
	}
	if len(h.provider.answers) != 0 {
		t.Errorf("the provider was asked with %v", h.provider.answers)
	}
}

func TestProvidersAnswerIsRefused(t *testing.T) {
	for _, refusal := range refusals() {
		h := open(t)
		fromProvider := strings.HasPrefix(refusal.Reason, "provider_")
		if fromProvider {
			begun, state := h.begin("/auth/work/start")
			h.provider.err = refusal
			a := h.get("/auth/work/callback?code=c&state="+string(state), brought(begun))
			a.want(t, refusal.Reason, refusedStatus(refusal), `href="/auth/work/start`, `href="/login"`)
			if got := h.domain.failed; !slices.Equal(got, []string{refusal.Reason}) {
				t.Errorf("%s: the domain was told of %v", refusal.Reason, got)
			}
			continue
		}
		h.domain.identities(func(d *fakeIdentities) { d.arriveErr = refusal })
		a := h.arrive("work", "code=c")
		a.want(t, refusal.Reason, refusedStatus(refusal), `href="/auth/work/start?another=1"`, "Use another account", `href="/login"`,
			`href="/login?lang=sk"`)
		if refusal.Reason != "identity_differs" {
			a.want(t, refusal.Reason, refusedStatus(refusal), "Please ask:", "office@novak.example")
		}
		if a.header.Get("Set-Cookie") != "" || len(h.domain.failed) != 0 {
			t.Errorf("%s: Set-Cookie %q, told the domain of %v", refusal.Reason, a.header.Get("Set-Cookie"), h.domain.failed)
		}
	}
}

func refusedStatus(err *app.Error) int {
	switch err.Code {
	case app.Invalid:
		return http.StatusBadRequest
	case app.Conflict:
		return http.StatusConflict
	case app.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusForbidden
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	h := open(t)
	missing := app.Errorf(app.Denied, "identity_email_missing", "x").With("Through", "Work")
	h.domain.identities(func(d *fakeIdentities) { d.arriveErr = missing })
	h.arrive("work", "code=c").want(t, "Entra without address", 403, "optional claim “email”", "app registration")
	if a := h.arrive("google", "code=c"); strings.Contains(a.body, "app registration") {
		t.Error("the way out of Entra is shown for Google")
	}
	h.domain.identities(func(d *fakeIdentities) { d.arriveErr = app.Errorf(app.Denied, "identity_differs", "x") })
	browser, state := h.begin("/auth/google/start?confirm=TOKEN")
	h.get("/auth/google/callback?code=c&state="+string(state), brought(browser)).want(t, "confirm with another", 403,
		`href="/auth/google/start?another=1&amp;confirm=TOKEN"`, "another account at the provider")
	me := h.domain.signIn()
	browser, state = h.begin("/auth/google/start?again="+me.CSRF(), cookie(me))
	a := h.get("/auth/google/callback?code=c&state="+string(state), brought(browser))
	a.want(t, "again with another", 403, `href="/account"`)
	if strings.Contains(a.body, `/start`) {
		t.Error("a link that does without the session's proof")
	}
	for reason, to := range map[string]string{"signin_needed": "/login", "fresh_needed": "/account/again"} {
		h.domain.identities(func(d *fakeIdentities) { d.arriveErr = app.Errorf(app.Denied, reason, "x") })
		h.arrive("google", "code=c").wantRedirect(t, reason, to)
	}
	h.domain.identities(func(d *fakeIdentities) { d.arriveErr = &app.Error{Code: app.Internal, Err: errors.New("DETAIL")} })
	if a := h.arrive("google", "code=c"); a.status != 500 || strings.Contains(a.body, "DETAIL") {
		t.Errorf("a fault: got %d, or it is shown", a.status)
	}
}

func TestHeadSpendsNothing(t *testing.T) {
	h := open(t)
	h.domain.identities(func(d *fakeIdentities) { d.arrival.To = app.ToAccount })
	browser, state := h.begin("/auth/google/start")
	callback := "/auth/google/callback?code=c&state=" + string(state)
	for _, path := range []string{"/auth/google/start", callback} {
		for _, method := range []string{"HEAD", "POST", "OPTIONS"} {
			a := h.do(method, path, "", brought(browser))
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET" || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s %s: got %d, Allow %q, Set-Cookie %q", method, path, a.status, a.header.Get("Allow"), a.header.Get("Set-Cookie"))
			}
			if got := common(a); got != commonHeaders {
				t.Errorf("%s %s: headers\n%swant\n%s", method, path, got, commonHeaders)
			}
		}
	}
	if got := len(h.domain.starts); got != 1 {
		t.Errorf("%d sign-ins were begun, want 1", got)
	}
	a := h.get(callback, brought(browser))
	a.wantRedirect(t, "afterwards", "/account")
	if got := common(a); got != commonHeaders {
		t.Errorf("headers\n%swant\n%s", got, commonHeaders)
	}
}

func TestLogHoldsNothingOfASignIn(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	browser, state := h.begin("/auth/google/start?link="+me.CSRF(), cookie(me))
	h.get("/auth/google/callback?code=CANARY&iss=CANARY&error_description=CANARY&state="+string(state), brought(browser))
	h.get("/auth/google/callback?code=CANARY&state=CANARY", brought(browser))
	h.get("/auth/CANARY/start?confirm=CANARY&link=CANARY")
	log := h.log.String()
	for _, secret := range []string{"CANARY", string(browser), string(state), string(me), me.CSRF()} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
	for _, line := range []string{"route=/auth/:name/start status=303", "route=/auth/:name/callback status=303", "route=/auth/:name/callback status=400"} {
		if !strings.Contains(log, line) {
			t.Errorf("the log lacks %q:\n%s", line, log)
		}
	}
}

func TestButtons(t *testing.T) {
	h := open(t)
	all := []app.Connector{entra, google, keycloak}
	texts := []string{"Sign in with Office 365 / Entra ID", "Sign in with Google", "Sign in with Novák Login"}
	for count := range 4 {
		h.domain.identities(func(d *fakeIdentities) { d.connectors = all[:count] })
		body := h.get("/login").body
		for i, c := range all {
			shown := strings.Contains(body, `href="/auth/`+c.Name+`/start"`) && strings.Contains(body, "<span>"+texts[i]+"</span>")
			if shown != (i < count) {
				t.Errorf("%d connectors: the button of %s is shown: %t", count, c.Name, shown)
			}
		}
		if or := strings.Contains(body, `class="or"`); or != (count > 0) {
			t.Errorf("%d connectors: the divider is shown: %t", count, or)
		}
		if password, button := strings.Index(body, `name="password"`), strings.Index(body, "/auth/"); count > 0 && password > button {
			t.Error("the password does not come first")
		}
		wrong := h.post("/login", "email=a@b.example&password=x").body
		if got := strings.Count(wrong, "/start"); got != count {
			t.Errorf("after a wrong password there are %d buttons, want %d", got, count)
		}
	}
	h.get("/login", header("Accept-Language", "sk")).want(t, "Slovak", 200, "Prihlásiť sa cez Office 365 / Entra ID", "Prihlásiť sa cez Novák Login")
}

func TestPagesFollowTheConnectors(t *testing.T) {
	h := open(t)
	change := func(f func(*app.Connector)) {
		h.domain.identities(func(d *fakeIdentities) {
			c := d.connectors[1]
			f(&c)
			d.connectors = []app.Connector{entra, c, keycloak}
		})
	}
	signUp := h.get("/register").body
	for _, part := range []string{"Continue with Office 365 / Entra ID", "Continue with Google"} {
		if !strings.Contains(signUp, part) {
			t.Errorf("/register lacks %q", part)
		}
	}
	if strings.Contains(signUp, "Novák Login") {
		t.Error("/register offers a connector that creates no accounts")
	}
	h.get("/login").want(t, "before", 200, "Sign in with Google")
	change(func(c *app.Connector) { c.Label = "G Suite" })
	h.get("/login").want(t, "label", 200, "Sign in with G Suite")
	change(func(c *app.Connector) { c.Kind = app.ConnectorOIDC })
	h.get("/login").want(t, "kind", 200, "provider-oidc\" href=\"/auth/google/")
	change(func(c *app.Connector) { c.Name = "suite" })
	h.get("/login").want(t, "name", 200, "/auth/suite/start")
	h.get("/register").want(t, "sign-up on", 200, "Continue with G Suite")
	change(func(c *app.Connector) { c.SignUp = false })
	if a := h.get("/register"); strings.Contains(a.body, "G Suite") {
		t.Error("the button stays on /register after sign-up was switched off")
	}
	h.get("/login").want(t, "still there", 200, "Sign in with G Suite")
	h.domain.set(func(s *app.Settings) { s.Limits.FormAge = 2 })
	h.get("/register").want(t, "with a least age", 200, "Continue with Office 365 / Entra ID", `name="t"`)
	h.domain.identities(func(d *fakeIdentities) { d.connectors = nil })
	if a := h.get("/login"); strings.Contains(a.body, "/auth/") {
		t.Error("the buttons stay after the connectors are gone")
	}
}
