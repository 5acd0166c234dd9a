package server_test

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"foyer/app"
)

var hiddenCSRF = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf returns the proof in the forms of a page.
func (o office) csrf(page answer) string {
	o.Helper()
	found := hiddenCSRF.FindStringSubmatch(page.body)
	if found == nil {
		o.Fatalf("there is no form with a proof on the page (%d):\n%s", page.status, page.body)
	}
	return found[1]
}

// register sends the prefilled form of the browser.
func (o office) register(c *http.Client, pairs ...string) answer {
	o.Helper()
	page := o.get(c, "/register/identity")
	form := append([]string{"csrf", o.csrf(page), "first_name", "Jane", "last_name", "Doe", "phone", ""}, pairs...)
	return o.post(c, "/register/identity", form...)
}

// member makes an account by signing up with a provider, and returns a browser that is signed in.
func (o office) member(name, email string, with claims) *http.Client {
	o.Helper()
	c := o.visitor()
	with = merge(claims{"email": email}, with)
	if a := o.sso(c, name, with); a.to != "/register/identity" {
		o.Fatalf("%s with %s: %d to %q\n%s", email, name, a.status, a.to, a.body)
	}
	if a := o.register(c); a.to != "/register/identity/sent" {
		o.Fatalf("register %s: %d to %q\n%s", email, a.status, a.to, a.body)
	}
	if a := o.post(c, find(o.house, o.mail(email), confirmPath)); a.to != "/login?notice=confirmed-provider" {
		o.Fatalf("confirm %s: %d to %q\n%s", email, a.status, a.to, a.body)
	}
	if a := o.sso(c, name, with); a.to != "/account" {
		o.Fatalf("sign-in of %s: %d to %q", email, a.status, a.to)
	}
	return c
}

func merge(all ...claims) claims {
	out := claims{}
	for _, some := range all {
		maps.Copy(out, some)
	}
	return out
}

func (o office) accountOf(email string) app.Account {
	o.Helper()
	a, err := o.app.Account(o.Context(), email)
	if err != nil && app.CodeOf(err) != app.NotFound {
		o.Fatal(err)
	}
	return a
}

// accounts returns the addresses of all accounts.
func (o office) accounts() string {
	o.Helper()
	list, err := o.app.Accounts(o.Context(), app.AccountQuery{Limit: 1000})
	if err != nil {
		o.Fatal(err)
	}
	var words []string
	for _, a := range list.Accounts {
		words = append(words, a.Email.String())
	}
	return strings.Join(words, " ")
}

func (o office) mails() []app.Message {
	o.Helper()
	list, err := o.app.Messages(o.Context(), app.MessageQuery{Limit: 1000})
	if err != nil {
		o.Fatal(err)
	}
	return list
}

// lastOutcome returns the outcome of the latest event of an action.
func (o office) lastOutcome(action app.Action) string {
	o.Helper()
	events := o.events(action)
	if len(events) == 0 {
		return ""
	}
	return events[0].Outcome
}

func TestSignUpWithProvider(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	with := claims{"email": "Jane.Doe@allowed.test", "given_name": "Jane", "family_name": "Doe"}
	if a := o.sso(c, "google", with); a.to != "/register/identity" {
		t.Fatalf("a listed address: %d to %q\n%s", a.status, a.to, a.body)
	}
	page := o.get(c, "/register/identity")
	for _, want := range []string{`value="Jane"`, `value="Doe"`, "Jane.Doe@allowed.test", "Allowed", "readonly"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the form does not show %s:\n%s", want, page.body)
		}
	}
	if a := o.register(c, "email", "boss@other.test"); a.to != "/register/identity/sent" {
		t.Fatalf("the form: %d to %q\n%s", a.status, a.to, a.body)
	}
	if o.accounts() != "" {
		t.Error("there is an account before the mail was answered")
	}
	m := o.mail("Jane.Doe@allowed.test")
	link := find(o.house, m, confirmPath)
	for _, method := range []string{"GET", "HEAD", "GET"} {
		if a := o.do(c, method, link, nil); a.status != http.StatusOK {
			t.Errorf("%s of the link: %d", method, a.status)
		}
	}
	if o.accounts() != "" {
		t.Error("looking at the link has made an account")
	}
	if a := o.post(c, link); a.status != http.StatusSeeOther || a.to != "/login?notice=confirmed-provider" {
		t.Fatalf("confirmation in the same browser: %d to %q\n%s", a.status, a.to, a.body)
	}
	if o.signedIn(c) {
		t.Error("confirming has signed somebody in")
	}
	if a := o.post(c, link); a.status != http.StatusGone {
		t.Errorf("a second confirmation: %d", a.status)
	}
	a := o.accountOf("jane.doe@allowed.test")
	if a.Company != "Allowed" || len(a.Groups) != 1 || a.Groups[0] != app.CustomerAccounts || a.PasswordHash != "" || a.FirstName != "Jane" {
		t.Errorf("the account: %+v", a)
	}
	if len(a.Identities) != 1 || a.Identities[0].IdentityKey != (app.IdentityKey{Issuer: app.GoogleIssuer, Subject: "s1"}) || a.Identities[0].Connector != "google" {
		t.Errorf("its identities: %+v", a.Identities)
	}
	other := o.visitor()
	if a := o.sso(other, "google", with); a.to != "/account" || !o.signedIn(other) {
		t.Errorf("sign-in from elsewhere: %d to %q", a.status, a.to)
	}
}

// TestConfirmElsewhere is the "trojan identifier": somebody else's identity waits for the owner of the address to
// follow the link of the mail.
func TestConfirmElsewhere(t *testing.T) {
	o := openOffice(t)
	attacker := o.visitor()
	o.sso(attacker, "office", claims{"sub": "attacker", "email": "victim@allowed.test"})
	o.register(attacker)
	link := find(o.house, o.mail("victim@allowed.test"), confirmPath)

	victim := o.visitor()
	page := o.get(victim, link)
	start := "/auth/office/start?confirm=" + strings.TrimPrefix(link, "/confirm/")
	if page.status != http.StatusOK || !strings.Contains(page.body, start) || strings.Contains(page.body, "<form method=\"post\" action=\"/confirm") {
		t.Errorf("the link in another browser (%d) has to ask for the identity, and for nothing else:\n%s", page.status, page.body)
	}
	for name, a := range map[string]answer{
		"without a password": o.post(victim, link),
		"with a password":    o.post(victim, link, "password", password, "password_confirm", password),
	} {
		if a.status != http.StatusForbidden || o.accounts() != "" {
			t.Errorf("confirmed %s: %d, accounts %q", name, a.status, o.accounts())
		}
	}
	if a := o.get(victim, o.callback("office", o.start(victim, start), claims{"sub": "victim", "email": "victim@allowed.test"})); a.status != http.StatusForbidden {
		t.Errorf("with another identity: %d to %q", a.status, a.to)
	}
	if a := o.post(victim, link); a.status != http.StatusForbidden || o.accounts() != "" {
		t.Errorf("after another identity: %d, accounts %q", a.status, o.accounts())
	}
	again := o.visitor()
	if a := o.get(again, o.callback("office", o.start(again, start), claims{"sub": "attacker", "email": "victim@allowed.test"})); a.to != link {
		t.Fatalf("the same identity again: %d to %q\n%s", a.status, a.to, a.body)
	}
	if a := o.post(again, link); a.status != http.StatusSeeOther || o.accounts() != "victim@allowed.test" {
		t.Errorf("confirmed with the same identity: %d, accounts %q", a.status, o.accounts())
	}
}

func TestConfirmWithCode(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	o.sso(c, "google", claims{"email": "jane@allowed.test"})
	o.register(c)
	code := regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}`).FindString(string(o.mail("jane@allowed.test").Data))
	if a := o.post(o.visitor(), "/confirm", "email", "jane@allowed.test", "code", code); a.status != http.StatusForbidden || o.accounts() != "" {
		t.Errorf("the code in another browser: %d, accounts %q", a.status, o.accounts())
	}
	if a := o.post(c, "/confirm", "email", "jane@allowed.test", "code", "AAAA-AAAA"); a.status != http.StatusGone || o.accounts() != "" {
		t.Errorf("a wrong code: %d, accounts %q", a.status, o.accounts())
	}
	if a := o.post(c, "/confirm", "email", "jane@allowed.test", "code", strings.ToLower(code)); a.to != "/login?notice=confirmed-provider" || o.accounts() != "jane@allowed.test" {
		t.Errorf("the code: %d to %q, accounts %q\n%s", a.status, a.to, o.accounts(), a.body)
	}
}

// TestRefusedOpenly: every refusal says why, changes nothing, sends nothing, and leaves one line in the audit.
func TestRefusedOpenly(t *testing.T) {
	o := openOffice(t)
	o.connector(app.ConnectorOIDC, "closed", "issuer", "https://idp.example", "client_secret", clientSecret, "signup", "off")
	o.company("Shut", "shut.test")
	if _, err := o.app.EnableCompany(t.Context(), "test", "Shut", false); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		connector string
		with      claims
		outcome   string
		says      string
	}{
		{"off the list", "google", claims{"email": "x@evil.test"}, "identity_not_listed", "x@evil.test"},
		{"longer than the domain", "google", claims{"email": "x@evilallowed.test"}, "identity_not_listed", "x@evilallowed.test"},
		{"subdomain", "google", claims{"email": "x@sub.allowed.test"}, "identity_not_listed", "x@sub.allowed.test"},
		{"plus tag of a listed address", "google", claims{"email": "ceo+x@partner.test"}, "identity_not_listed", "ceo"},
		{"switch off", "closed", claims{"email": "x@allowed.test"}, "identity_signup_closed", ""},
		{"company disabled", "google", claims{"email": "x@shut.test"}, "company_disabled", ""},
		{"no address", "entra", nil, "identity_email_missing", "email"},
		{"user name in place of an address", "entra", claims{"preferred_username": "victim@allowed.test", "upn": "victim@allowed.test", "unique_name": "victim@allowed.test"}, "identity_email_missing", ""},
		{"guest's made-up address", "entra", claims{"email": "x_evil.test#EXT#@allowed.onmicrosoft.com", "acct": 1}, "identity_guest", ""},
		{"guest off the list", "entra", claims{"email": "x@evil.test", "acct": 1}, "identity_not_listed", "x@evil.test"},
		{"two at signs", "google", claims{"email": "x@evil.test@allowed.test"}, "identity_email_invalid", ""},
		{"quoted", "google", claims{"email": `"x@evil.test"@allowed.test`}, "identity_email_invalid", ""},
		{"names of another case", "office", claims{"email": "x@evil.test", "Email": "victim@allowed.test", "EMAIL_VERIFIED": true}, "identity_not_listed", "x@evil.test"},
		{"address that is a list", "office", claims{"email": []string{"x@allowed.test"}}, "bad_claim_type", ""},
		{"nonce of another sign-in", "office", claims{"email": "x@allowed.test", "nonce": "other"}, "bad_nonce", ""},
		{"no nonce", "office", claims{"email": "x@allowed.test", "nonce": nil}, "bad_nonce", ""},
		{"no subject", "office", claims{"email": "x@allowed.test", "sub": nil}, "bad_subject", ""},
		{"another tenant", "entra", claims{"email": "x@allowed.test", "iss": app.EntraIssuer(tenantB), "tid": tenantB}, "", ""},
		{"tenant and issuer differ", "entra", claims{"email": "x@allowed.test", "tid": tenantB}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, before := o.visitor(), len(o.events(app.ActSignIn))
			a := o.sso(c, tt.connector, tt.with)
			if a.status != http.StatusForbidden || !strings.Contains(a.body, tt.says) {
				t.Errorf("answered %d, has to be 403 and to say %q:\n%s", a.status, tt.says, a.body)
			}
			if !strings.Contains(a.body, "/auth/"+tt.connector+"/start?another=1") {
				t.Error("there is no way to use another account")
			}
			if got := o.lastOutcome(app.ActSignIn); tt.outcome != "" && got != tt.outcome || got == app.OK {
				t.Errorf("the audit says %q, want %q", got, tt.outcome)
			}
			if after := len(o.events(app.ActSignIn)); after != before+1 {
				t.Errorf("%d lines in the audit, want one", after-before)
			}
			if o.accounts() != "" || len(o.mails()) != 0 || o.signedIn(c) {
				t.Errorf("it had an effect: accounts %q, %d mails", o.accounts(), len(o.mails()))
			}
			if a := o.get(c, "/register/identity"); a.status == http.StatusOK {
				t.Error("the form is shown all the same")
			}
		})
	}
}

// TestUntrustedNeedsMail: nothing a provider says makes an account without the mailbox, unless the administrator says so.
func TestUntrustedNeedsMail(t *testing.T) {
	o := openOffice(t)
	o.tenants("Allowed", tenantA, "")
	for i, tt := range []struct {
		connector string
		with      claims
	}{
		{"google", claims{"email_verified": true, "hd": "allowed.test"}},
		{"entra", claims{"xms_edov": true}},
		{"entra", claims{"acct": 1, "xms_edov": true}},
		{"entra", claims{"acct": nil}},
		{"office", claims{"email_verified": true}},
	} {
		email := string(rune('a'+i)) + "x@allowed.test"
		c := o.visitor()
		if a := o.sso(c, tt.connector, merge(tt.with, claims{"email": email, "sub": email})); a.to != "/register/identity" {
			t.Errorf("%s %v: %d to %q", tt.connector, tt.with, a.status, a.to)
			continue
		}
		if a := o.register(c); a.to != "/register/identity/sent" || o.accounts() != "" {
			t.Errorf("%s %v: %d to %q, accounts %q", tt.connector, tt.with, a.status, a.to, o.accounts())
		}
		o.mail(email)
	}
}

// TestVouchedNeedsNone: with the trust option the two matrices of Google and Entra decide (what does not count is in the
// domain's own test).
func TestVouchedNeedsNone(t *testing.T) {
	o := openOffice(t)
	o.setConnector("google", "trust_verified", "on")
	o.setConnector("entra", "trust_verified", "on")
	o.tenants("Allowed", tenantA, "")
	for name, tt := range map[string]struct {
		connector string
		with      claims
		vouched   bool
	}{
		"g-hd":       {"google", claims{"email_verified": true, "hd": "allowed.test"}, true},
		"g-no-hd":    {"google", claims{"email_verified": true}, false},
		"g-other-hd": {"google", claims{"email_verified": true, "hd": "evil.test"}, false},
		"g-string":   {"google", claims{"email_verified": "true", "hd": "allowed.test"}, false},
		"g-false":    {"google", claims{"email_verified": false, "hd": "allowed.test"}, false},
		"e-true":     {"entra", claims{"xms_edov": true}, true},
		"e-one":      {"entra", claims{"xms_edov": 1}, true},
		"e-string":   {"entra", claims{"xms_edov": "1"}, true},
		"e-text":     {"entra", claims{"xms_edov": "true"}, true},
		"e-false":    {"entra", claims{"xms_edov": false}, false},
		"e-absent":   {"entra", nil, false},
		"e-guest":    {"entra", claims{"xms_edov": true, "acct": 1}, false},
		"e-no-acct":  {"entra", claims{"xms_edov": true, "acct": nil}, false},
	} {
		email := name + "@allowed.test"
		c := o.visitor()
		o.sso(c, tt.connector, merge(tt.with, claims{"email": email, "sub": email}))
		a := o.register(c)
		if vouched := a.to == "/account" && o.signedIn(c) && o.accountOf(email).ID != 0; vouched != tt.vouched {
			t.Errorf("%s: %d to %q, want vouched %v", name, a.status, a.to, tt.vouched)
		}
	}
}

// TestTenantsOfCompanies: with many tenants, tenant and address must give the same company.
func TestTenantsOfCompanies(t *testing.T) {
	o := openOffice(t)
	o.setConnector("entra", "tenant", app.ManyTenants)
	o.tenants("Allowed", tenantA, "")
	o.tenants("Other", tenantB, "")
	from := func(tenant, email string) answer {
		c := o.visitor()
		return o.sso(c, "entra", claims{"iss": app.EntraIssuer(tenant), "tid": tenant, "email": email, "sub": tenant + email, "oid": email})
	}
	for _, tt := range []struct {
		name, tenant, email string
		want                string // where to, or the outcome of a refusal
	}{
		{"own tenant", tenantA, "a@allowed.test", "/register/identity"},
		{"other company's tenant", tenantB, "victim@allowed.test", "tenant_not_allowed"},
		{"company that names no tenant", tenantA, "ceo@partner.test", "tenant_not_allowed"},
		{"tenant of nobody", "cccccccc-0000-4000-8000-000000000003", "a@allowed.test", "tenant_unknown"},
		{"personal accounts", "9188040d-6c67-4c5b-b112-36a304b66dad", "a@allowed.test", "tenant_unknown"},
	} {
		before := len(o.events(app.ActSignIn))
		a := from(tt.tenant, tt.email)
		got := a.to
		if len(o.events(app.ActSignIn)) > before {
			got = o.lastOutcome(app.ActSignIn)
		}
		if got != tt.want {
			t.Errorf("%s: %d to %q, got %q, want %q", tt.name, a.status, a.to, got, tt.want)
		}
	}
	o.member("entra", "b@allowed.test", nil)
	o.tenants("Allowed", "dddddddd-0000-4000-8000-000000000004", tenantA)
	o.tenants("Partner", tenantA, "")
	if a := o.sso(o.visitor(), "entra", claims{"email": "b@allowed.test"}); a.status != http.StatusForbidden {
		t.Errorf("sign-in after the tenant was taken from the company: %d to %q", a.status, a.to)
	}
}

// TestStateOnce: 50 browsers with one state, of which one was the first. (T12)
func TestStateOnce(t *testing.T) {
	o := openOffice(t)
	c := o.member("google", "jane@allowed.test", nil)
	to := o.start(c, "/auth/google/start")
	back := o.callback("google", to, claims{"email": "jane@allowed.test"})
	var in, refused atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			switch a := o.get(c, back); {
			case a.to == "/account":
				in.Add(1)
			case a.status == http.StatusBadRequest:
				refused.Add(1)
			}
		})
	}
	group.Wait()
	if in.Load() != 1 || refused.Load() != 49 {
		t.Errorf("%d signed in and %d were refused, want 1 and 49", in.Load(), refused.Load())
	}
}

func TestStateIsBound(t *testing.T) {
	o := openOffice(t)
	o.member("google", "jane@allowed.test", nil)
	for name, open := range map[string]func(c *http.Client, back string) answer{
		"another browser": func(_ *http.Client, back string) answer { return o.get(o.visitor(), back) },
		"another connector": func(c *http.Client, back string) answer {
			return o.get(c, strings.Replace(back, "/auth/google/", "/auth/office/", 1))
		},
		"a changed state": func(c *http.Client, back string) answer { return o.get(c, back+"x") },
		"no state":        func(c *http.Client, back string) answer { return o.get(c, back[:strings.Index(back, "&state")]) },
		"the answer of another provider": func(c *http.Client, back string) answer {
			return o.get(c, back+"&iss="+url.QueryEscape(app.EntraIssuer(tenantA)))
		},
	} {
		c := o.visitor()
		back := o.callback("google", o.start(c, "/auth/google/start"), claims{"email": "jane@allowed.test"})
		before := o.idp.exchange
		if a := open(c, back); a.status != http.StatusBadRequest || o.signedIn(c) || o.idp.exchange != before {
			t.Errorf("%s: %d to %q, %d exchanges", name, a.status, a.to, o.idp.exchange-before)
		}
	}
}

// TestConfirmIdentityOnce: 50 confirmations at the same time make one account.
func TestConfirmIdentityOnce(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	o.sso(c, "google", claims{"email": "jane@allowed.test"})
	o.register(c)
	link := find(o.house, o.mail("jane@allowed.test"), confirmPath)
	var done, gone atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			switch a := o.post(c, link); a.status {
			case http.StatusSeeOther:
				done.Add(1)
			case http.StatusGone:
				gone.Add(1)
			}
		})
	}
	group.Wait()
	if done.Load() != 1 || gone.Load() != 49 || o.accounts() != "jane@allowed.test" {
		t.Errorf("%d confirmed, %d gone, accounts %q", done.Load(), gone.Load(), o.accounts())
	}
}

// TestListChangedMeanwhile: the list is asked again when the account is made. (T26)
func TestListChangedMeanwhile(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	o.sso(c, "google", claims{"email": "jane@allowed.test"})
	o.register(c)
	link := find(o.house, o.mail("jane@allowed.test"), confirmPath)
	if _, err := o.app.Allow(t.Context(), "test", "Other", "allowed.test", true); err != nil {
		t.Fatal(err)
	}
	if a := o.post(c, link); a.status != http.StatusConflict || o.accounts() != "" {
		t.Errorf("after the domain went to another company: %d, accounts %q", a.status, o.accounts())
	}
}
