package store_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foyer/app"
)

const (
	tenantA = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	tenantB = "11111111-2222-4333-8444-555555555555"
)

// identity is a person at a provider whose word for the address is never looked at.
func identity(subject string) app.Identity {
	return app.Identity{
		IdentityKey: app.IdentityKey{Issuer: "https://idp.example", Subject: subject},
		Object:      "object of " + subject, Connector: "idp", Email: subject + "@idp.example",
	}
}

func browserOf(i app.Identity) app.TokenHash { return app.Token("browser of " + i.Subject).Hash() }

func identityRequest(tb testing.TB, email string, i app.Identity) (app.Request, app.Token) {
	tb.Helper()
	r, token := request(tb, app.ActSignUp, email)
	r.Identity, r.Browser = &i, browserOf(i)
	return r, token
}

func (w world) signUpWith(email string, i app.Identity) app.Token {
	w.Helper()
	r, token := identityRequest(w, email, i)
	if d, err := w.Request(w.Context(), r); err != nil || d.Mail != app.MailConfirm {
		w.Fatalf("sign-up of %s with %s: %+v, %v", email, i.Subject, d, err)
	}
	return token
}

func (w world) activateWith(token app.Token, browser app.TokenHash, key *app.IdentityKey) (app.Account, error) {
	w.Helper()
	return w.Activate(w.Context(), app.Activation{
		Token: token.Hash(), Browser: browser, Identity: key, PasswordHash: "not for an identity", Now: start.Add(time.Minute),
		Event: app.Event{At: start, Actor: "visitor", Action: app.ActConfirm, Outcome: app.OK},
	})
}

func (w world) accountWith(email string, i app.Identity) app.Account {
	w.Helper()
	a, err := w.activateWith(w.signUpWith(email, i), browserOf(i), nil)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// vouched is a registration that needs no mail.
func (w world) vouched(c app.Company, email string, i app.Identity) (app.Account, app.Session, error) {
	w.Helper()
	r := app.Registration{
		Email: address(w, email), FirstName: "Jane", LastName: "Doe", CompanyID: c.ID, Company: c.Name, Lang: "sk", CreatedAt: start, Identity: &i,
	}
	s := app.Session{CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()}
	a, err := w.CreateAccount(w.Context(), r, s, app.Event{At: start, Action: app.ActConfirm, Outcome: app.OK, Subject: email})
	return a, s, err
}

func (w world) noAccount(email string) {
	w.Helper()
	if a, err := w.AccountByEmail(w.Context(), address(w, email)); app.CodeOf(err) != app.NotFound {
		w.Errorf("there is an account %+v (%v), want none", a, err)
	}
}

func testIdentitySignUp(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	i := identity("jane")
	i.Tenant = tenantA
	if _, err := w.AddConnector(ctx, app.Connector{Name: i.Connector, Kind: app.ConnectorEntra, Tenant: tenantA, CreatedAt: start}, admin); err != nil {
		t.Fatal(err)
	}
	token := w.signUpWith("jane@acme.example", i)
	w.signUp("form@acme.example")
	want := i
	want.CreatedAt, want.SeenAt = start, start
	check := func(how string, r app.Registration, err error) {
		t.Helper()
		if err != nil || r.Identity == nil || *r.Identity != want || r.Browser != browserOf(i) || r.Email.String() != "jane@acme.example" {
			t.Errorf("%s: %+v with the identity %+v, %v; want %+v", how, r, r.Identity, err, want)
		}
	}
	r, err := w.RegistrationByToken(ctx, token.Hash(), start)
	check("by token", r, err)
	r, _, err = w.RegistrationByCode(ctx, app.CodeTry{Email: r.Email, Code: app.Token("code of jane@acme.example").Hash(), Now: start})
	check("by code", r, err)
	r, err = w.RegistrationByIdentity(ctx, i.IdentityKey, start)
	check("by identity", r, err)
	list, err := w.Registrations(ctx, 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d registrations, %v; want 2", len(list), err)
	}
	check("in the list", list[0], nil)
	if form := list[1]; form.Identity != nil || form.Browser != (app.TokenHash{}) {
		t.Errorf("a registration by form has the identity %+v", form.Identity)
	}
	again, renewed := request(t, app.ActResend, "jane@acme.example")
	r, _, err = w.Resend(ctx, again)
	check("sent again", r, err)
	r, err = w.RegistrationByToken(ctx, renewed.Hash(), start)
	check("by the new link", r, err)
	_, err = w.RegistrationByIdentity(ctx, i.IdentityKey, start.Add(24*time.Hour))
	w.refuses(err, app.NotFound, "registration_unknown")
	_, err = w.RegistrationByIdentity(ctx, identity("jo").IdentityKey, start)
	w.refuses(err, app.NotFound, "registration_unknown")
}

// testNewestRegistration has a form and an identity sign up with one address: the newest is what waits, whole.
func testNewestRegistration(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	i := identity("jane")
	_, form := w.signUp("jane@acme.example")
	token := w.signUpWith("JANE@acme.example", i)
	_, err := w.activate(form)
	w.refuses(err, app.Gone, "link_unknown")
	_, form = w.signUp("jane@acme.example")
	_, err = w.activateWith(token, browserOf(i), nil)
	w.refuses(err, app.Gone, "link_unknown")
	_, err = w.RegistrationByIdentity(ctx, i.IdentityKey, start)
	w.refuses(err, app.NotFound, "registration_unknown")
	a, err := w.activate(form)
	if err != nil || a.PasswordHash != "phc" || len(a.Identities) != 0 {
		t.Errorf("account %+v, %v; want one with a password and without the identity that was replaced", a, err)
	}
	// What is refused leaves nothing.
	for email, reason := range map[string]string{"jane@other.example": "not_listed", "jane@acme.example": "account_exists"} {
		mails := len(w.messages())
		r, _ := identityRequest(t, email, i)
		if d, err := w.Request(ctx, r); err != nil || d.Mail != "" || d.Reason != reason {
			t.Errorf("%s: %+v, %v; want no mail, %s", email, d, err, reason)
		}
		if list, _ := w.Registrations(ctx, 0, 10); len(list) != 0 || len(w.messages()) != mails {
			t.Errorf("%s left %d registrations and %d mails", email, len(list), len(w.messages())-mails)
		}
		_, err = w.RegistrationByIdentity(ctx, i.IdentityKey, start)
		w.refuses(err, app.NotFound, "registration_unknown")
	}
}

func testIdentityActivate(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	i, other := identity("jane"), identity("eve")
	token := w.signUpWith("jane@acme.example", i)
	second := w.signUpWith("jane+2@acme.example", i)
	foreign := i.IdentityKey
	foreign.Issuer = "https://other.example"
	for _, test := range []struct {
		who     string
		browser app.TokenHash
		key     *app.IdentityKey
	}{
		{"who only has the mail", app.TokenHash{}, nil},
		{"another browser", browserOf(other), nil},
		{"another identity", browserOf(other), &other.IdentityKey},
		{"the subject of another issuer", browserOf(other), &foreign},
	} {
		_, err := w.activateWith(token, test.browser, test.key)
		w.refuses(err, app.Denied, "identity_needed")
		if ev := w.events()[0]; ev.Outcome != "identity_needed" || ev.Subject != "jane@acme.example" || ev.Company != "Acme" {
			t.Errorf("%s left the event %+v", test.who, ev)
		}
	}
	w.noAccount("jane@acme.example")
	a, err := w.activateWith(token, browserOf(other), &i.IdentityKey)
	if err != nil || a.PasswordHash != "" || len(a.Identities) != 1 || a.Company != "Acme" || strings.Join(a.Groups, ",") != app.CustomerAccounts {
		t.Fatalf("account %+v, %v; want one with one identity and no password", a, err)
	}
	want := i
	want.ID, want.CreatedAt, want.SeenAt = a.Identities[0].ID, start.Add(time.Minute), start.Add(time.Minute)
	if a.Identities[0] != want {
		t.Errorf("identity %+v, want %+v", a.Identities[0], want)
	}
	_, err = w.activateWith(token, browserOf(i), nil)
	w.refuses(err, app.Gone, "link_spent")
	_, err = w.activateWith(second, browserOf(i), nil)
	w.refuses(err, app.Gone, "link_unknown")

	// By now the identity has an account; who waits with it elsewhere gets none.
	late := w.signUpWith("late@acme.example", i)
	events := len(w.events())
	_, err = w.activateWith(late, browserOf(i), nil)
	w.refuses(err, app.Conflict, "identity_taken")
	w.noAccount("late@acme.example")
	if _, err := w.RegistrationByToken(ctx, late.Hash(), start); err != nil || len(w.events()) != events {
		t.Errorf("the refusal has changed something: %v, %d events", err, len(w.events())-events)
	}

	// An account by form without a password would have no way in.
	_, form := w.signUp("form@acme.example")
	_, err = w.Activate(ctx, app.Activation{Token: form.Hash(), Browser: browserOf(i), Identity: &i.IdentityKey, Now: start, Event: admin})
	w.refuses(err, app.Invalid, "password_missing")
	w.noAccount("form@acme.example")
	if _, err := w.activate(form); err != nil {
		t.Errorf("the link does not work any more: %v", err)
	}
}

func testIdentityTenant(t *testing.T, w world) {
	ctx := t.Context()
	c := w.company("Acme", "acme.example")
	if _, err := w.SetTenants(ctx, "Acme", []string{tenantA}, nil, admin); err != nil {
		t.Fatal(err)
	}
	for n, test := range []struct {
		tenant  string
		allowed bool
	}{{tenantA, true}, {"", true}, {tenantB, false}} {
		i := identity(fmt.Sprintf("mail%d", n))
		i.Tenant = test.tenant
		token := w.signUpWith(i.Subject+"@acme.example", i)
		_, err := w.activateWith(token, browserOf(i), nil)
		if (err == nil) != test.allowed {
			t.Errorf("confirmed from the tenant %q: %v, want %v", test.tenant, err, test.allowed)
		}
		if !test.allowed {
			w.refuses(err, app.Conflict, "no_longer_eligible")
			if ev := w.events()[0]; ev.Outcome != "no_longer_eligible" || !strings.Contains(ev.Detail, test.tenant) {
				t.Errorf("the refusal left the event %+v", ev)
			}
			r, _ := request(t, app.ActResend, i.Subject+"@acme.example")
			_, _, err = w.Resend(ctx, r)
			w.refuses(err, app.Conflict, "no_longer_eligible")
		}
		i.Subject = fmt.Sprintf("vouched%d", n)
		_, _, err = w.vouched(c, i.Subject+"@acme.example", i)
		if (err == nil) != test.allowed {
			t.Errorf("vouched for from the tenant %q: %v, want %v", test.tenant, err, test.allowed)
		}
	}
}

func testCreateAccount(t *testing.T, w world) {
	ctx := t.Context()
	c, o := w.company("Acme", "acme.example"), w.company("Other", "other.example")
	_, evil := w.signUp("jane@acme.example")
	a, s, err := w.vouched(c, "jane@acme.example", identity("jane"))
	if err != nil || a.ID == 0 || a.PasswordHash != "" || a.Company != "Acme" || a.Entry != "acme.example" || len(a.Identities) != 1 || len(a.Groups) != 1 {
		t.Fatalf("account %+v, %v", a, err)
	}
	if got, err := w.Session(ctx, s.Hash, start.Add(-time.Hour)); err != nil || got.Account.ID != a.ID {
		t.Errorf("session %+v, %v", got, err)
	}
	if ev := w.events()[0]; ev.Action != app.ActConfirm || ev.Outcome != app.OK || ev.Company != "Acme" || ev.Entry != "acme.example" {
		t.Errorf("event %+v", ev)
	}
	// A stranger's sign-up with the address waited, for a password of the stranger's.
	_, err = w.activate(evil)
	w.refuses(err, app.Gone, "link_unknown")
	for _, test := range []struct {
		what    string
		company app.Company
		email   string
		subject string
		reason  string
	}{
		{"the address has an account", c, "JANE@acme.example", "jo", "account_exists"},
		{"the identity has an account", c, "jo@acme.example", "jane", "identity_taken"},
		{"another company by now", o, "jo@acme.example", "jo", "no_longer_eligible"},
		{"off the list", c, "jo@nowhere.example", "jo", "no_longer_eligible"},
	} {
		_, s, err := w.vouched(test.company, test.email, identity(test.subject))
		w.refuses(err, app.Conflict, test.reason)
		if w.signedIn(s) {
			t.Errorf("%s: a session has begun", test.what)
		}
	}
	w.noAccount("jo@acme.example")
	if ev := w.events()[0]; ev.Outcome != "no_longer_eligible" || ev.Detail == "" {
		t.Errorf("the refusal left the event %+v", ev)
	}
	_, err = w.CreateAccount(ctx, app.Registration{Email: address(t, "no@acme.example"), CompanyID: c.ID}, app.Session{}, admin)
	w.refuses(err, app.Invalid, "password_missing")
}

func (w world) signInWith(key app.IdentityKey, email string) (app.Account, app.Session, error) {
	w.Helper()
	s := app.Session{CreatedAt: start.Add(time.Hour), SeenAt: start.Add(time.Hour), Hash: app.NewToken().Hash()}
	a, err := w.SignInIdentity(w.Context(), app.IdentitySignIn{
		Key: key, Email: email, Session: s, Event: app.Event{At: start.Add(time.Hour), Actor: "visitor", Action: app.ActSignIn, Outcome: app.OK, Detail: "with idp"},
	})
	return a, s, err
}

func testIdentitySignIn(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	i := identity("jane")
	made := w.accountWith("jane@acme.example", i)
	a, s, err := w.signInWith(i.IdentityKey, i.Email)
	if err != nil || a.ID != made.ID || a.Email != made.Email || !w.signedIn(s) {
		t.Fatalf("signed in to %+v, %v; want %d", a, err, made.ID)
	}
	if ev := w.events()[0]; ev.Action != app.ActSignIn || ev.Company != "Acme" || ev.Detail != "with idp" {
		t.Errorf("event %+v", ev)
	}
	got, err := w.AccountByIdentity(ctx, i.IdentityKey)
	if err != nil || len(got.Identities) != 1 || !got.Identities[0].SeenAt.Equal(start.Add(time.Hour)) || got.Identities[0] != a.Identities[0] {
		t.Errorf("stored %+v, %v; returned %+v", got.Identities, err, a.Identities)
	}

	// Neither another person at the provider nor the subject of another provider gets in by an address.
	foreign := i.IdentityKey
	foreign.Issuer = "https://other.example"
	for _, key := range []app.IdentityKey{identity("eve").IdentityKey, foreign, {}} {
		_, s, err := w.signInWith(key, "jane@acme.example")
		w.refuses(err, app.NotFound, "identity_unknown")
		_, lookUp := w.AccountByIdentity(ctx, key)
		w.refuses(lookUp, app.NotFound, "identity_unknown")
		if w.signedIn(s) {
			t.Errorf("%v is signed in", key)
		}
	}

	for _, step := range []struct{ email, stored, event string }{
		{"c@other.example", "c@other.example", "now c@other.example"},
		{"", "c@other.example", ""},
		{"c@other.example", "c@other.example", ""},
	} {
		a, _, err := w.signInWith(i.IdentityKey, step.email)
		if err != nil || a.Identities[0].Email != step.stored || a.Email != made.Email || a.CompanyID != made.CompanyID {
			t.Errorf("provider says %q: %+v, %v; want the identity at %q, the account as it was", step.email, a, err, step.stored)
		}
		ev := w.events()[0]
		if changed := ev.Action == app.ActIdentity; changed != (step.event != "") || changed && (ev.Outcome != "idp_email_changed" || ev.Detail != step.event || ev.Company != "Acme") {
			t.Errorf("provider says %q: event %+v, want %q", step.email, ev, step.event)
		}
	}

	if _, err := w.EnableCompany(ctx, "Acme", false, admin); err != nil {
		t.Fatal(err)
	}
	_, off, err := w.signInWith(i.IdentityKey, "off@other.example")
	w.refuses(err, app.Denied, "company_disabled")
	if _, err := w.EnableCompany(ctx, "Acme", true, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SetAccountState(ctx, made.Email, app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	_, out, err := w.signInWith(i.IdentityKey, "off@other.example")
	w.refuses(err, app.Denied, "account_disabled")
	if got, _ := w.AccountByEmail(ctx, made.Email); w.signedIn(off) || w.signedIn(out) || got.Identities[0].Email != "c@other.example" {
		t.Errorf("a refused sign-in has left something: %+v", got.Identities)
	}

	// The identity goes with its account, and is free then.
	if err := w.RemoveAccount(ctx, made.Email, admin); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.signInWith(i.IdentityKey, "")
	w.refuses(err, app.NotFound, "identity_unknown")
	w.accountWith("jane@acme.example", i)
}

// tally counts how fifty parallel calls end.
func tally(n int, call func(n int) error) (won int, refused map[string]int) {
	var wins atomic.Int32
	var mu sync.Mutex
	var group sync.WaitGroup
	refused = map[string]int{}
	for i := range n {
		group.Go(func() {
			err := call(i)
			if err == nil {
				wins.Add(1)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			refused[string(app.CodeOf(err))+" "+app.ReasonOf(err)]++
		})
	}
	group.Wait()
	return int(wins.Load()), refused
}

func testParallelIdentity(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	i := identity("jane")
	token := w.signUpWith("jane@acme.example", i)
	won, refused := tally(50, func(int) error {
		_, err := w.activateWith(token, browserOf(i), nil)
		return err
	})
	if won != 1 || refused["gone link_spent"] != 49 {
		t.Errorf("%d accounts and the refusals %v of 50, want 1 and 49 link_spent", won, refused)
	}
	if a, err := w.AccountByIdentity(t.Context(), i.IdentityKey); err != nil || len(a.Identities) != 1 {
		t.Errorf("account %+v, %v", a, err)
	}
}

func testParallelCreate(t *testing.T, w world) {
	c := w.company("Acme", "acme.example")
	won, refused := tally(50, func(n int) error {
		// One identity, and every second time another address: an attempt with a changed address must not win twice.
		_, _, err := w.vouched(c, fmt.Sprintf("jane%d@acme.example", n%2), identity("jane"))
		return err
	})
	if won != 1 || refused["conflict account_exists"]+refused["conflict identity_taken"] != 49 {
		t.Errorf("%d accounts and the refusals %v of 50, want 1 and 49", won, refused)
	}
	page, err := w.Accounts(t.Context(), app.AccountQuery{Limit: 10})
	accounts := page.Accounts
	if err != nil || len(accounts) != 1 {
		t.Errorf("%d accounts, %v; want 1", len(accounts), err)
	}
}

// TestIdentityAfterRestart goes on where the ids of identities and connectors were: one that came twice would look like
// an identity that is taken.
func TestIdentityAfterRestart(t *testing.T) {
	dir := t.TempDir()
	connect := func(w world, name string) {
		t.Helper()
		if _, err := w.AddConnector(t.Context(), app.Connector{Name: name, Kind: app.ConnectorGoogle, CreatedAt: start}, admin); err != nil {
			t.Errorf("connector %s: %v", name, err)
		}
	}
	s := open(t, dir)
	w := world{t, s}
	w.company("Acme", "acme.example")
	jane := w.accountWith("jane@acme.example", identity("jane"))
	connect(w, "first")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w = world{t, open(t, dir)}
	if got := w.still(jane); len(got.Identities) != 1 || got.Identities[0] != jane.Identities[0] {
		t.Errorf("identities %+v after a restart, want %+v", got.Identities, jane.Identities)
	}
	w.accountWith("jo@acme.example", identity("jo"))
	connect(w, "second")
}
