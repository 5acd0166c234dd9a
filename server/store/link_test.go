package store_test

import (
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// change is an identity that is linked or unlinked in a session, with the session that goes on.
func (w world) change(a app.Account, in app.Session, i app.Identity, kind app.MessageKind) app.LinkChange {
	w.Helper()
	return app.LinkChange{
		Account: a, Identity: i, Usable: func(app.Identity) bool { return true }, Session: in.Hash,
		Keep:   &app.Session{Account: a, CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()},
		Notice: message(kind, a.Email, "notice"), Now: start.Add(time.Minute),
		Event: app.Event{At: start, Actor: a.Email.String(), Action: app.ActLink, Outcome: app.OK, Subject: a.Email.String()},
	}
}

func (w world) identities(a app.Account) string {
	w.Helper()
	got, err := w.AccountByEmail(w.Context(), a.Email)
	if err != nil {
		w.Fatal(err)
	}
	var subjects []string
	for _, i := range got.Identities {
		subjects = append(subjects, i.Subject)
	}
	return strings.Join(subjects, " ")
}

// at returns the same person at another provider.
func at(issuer string, i app.Identity) app.Identity {
	i.Issuer = issuer
	return i
}

func testLink(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	jane, jo := w.account("jane@acme.example"), w.account("jo@acme.example")
	in, elsewhere, other := w.session(jane), w.session(jane), w.session(jo)
	reset, link := request(t, app.ActForgot, "jane@acme.example")
	if _, err := w.Request(ctx, reset); err != nil {
		t.Fatal(err)
	}
	i := identity("jane")
	waiting := w.signUpWith("jane.second@acme.example", i)
	change := w.change(jane, in, i, app.MailLinked)
	if err := w.Link(ctx, change); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(in) || w.signedIn(elsewhere) || !w.signedIn(*change.Keep) || !w.signedIn(other) {
		t.Error("linking must end the account's sessions but the one it was done in, and no other's")
	}
	_, err := w.AccountByResetToken(ctx, link.Hash(), start)
	w.refuses(err, app.Gone, "link_unknown")
	_, err = w.activateWith(waiting, browserOf(i), nil)
	w.refuses(err, app.Gone, "link_unknown")
	if m := w.messages()[0]; m.Kind != app.MailLinked || m.Recipient != jane.Email {
		t.Errorf("the last mail is %s to %s, want the notice", m.Kind, m.Recipient)
	}
	if ev := w.events()[0]; ev.Action != app.ActLink || ev.Company != "Acme" {
		t.Errorf("event %+v", ev)
	}
	if a, _, err := w.signInWith(i.IdentityKey, i.Email); err != nil || a.ID != jane.ID || a.PasswordHash != "phc" {
		t.Errorf("signed in with the new identity: %+v, %v", a, err)
	}

	jane = w.still(jane)
	kept := *change.Keep
	mails, events := len(w.messages()), len(w.events())
	for _, test := range []struct {
		what   string
		change app.LinkChange
		code   app.Code
		reason string
	}{
		{"linked already", w.change(jane, kept, i, app.MailLinked), app.Conflict, "identity_taken"},
		{"another's", w.change(jo, other, i, app.MailLinked), app.Conflict, "identity_taken"},
		{"a second of the provider", w.change(jane, kept, identity("jane2"), app.MailLinked), app.Conflict, "identity_other"},
		{"a session that has ended", w.change(jane, in, at("https://b.example", i), app.MailLinked), app.Denied, "signin_needed"},
		{"a session of another account", w.change(jane, other, at("https://b.example", i), app.MailLinked), app.Denied, "signin_needed"},
		{"no session", w.change(jane, app.Session{}, at("https://b.example", i), app.MailLinked), app.Denied, "signin_needed"},
	} {
		w.refuses(w.Link(ctx, test.change), test.code, test.reason)
		if w.signedIn(*test.change.Keep) || len(w.messages()) != mails || len(w.events()) != events || w.identities(jane) != "jane" || w.identities(jo) != "" {
			t.Errorf("%s: the refusal has left something", test.what)
		}
	}
	if !w.signedIn(kept) || !w.signedIn(other) {
		t.Error("a refusal has ended a session")
	}
	late := w.change(jane, kept, at("https://b.example", i), app.MailLinked)
	if err := w.Link(ctx, late); err != nil {
		t.Errorf("the same subject at another provider: %v", err)
	}
	if _, err := w.EnableCompany(ctx, "Acme", false, admin); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.Link(ctx, w.change(jo, other, identity("jo"), app.MailLinked)), app.Denied, "company_disabled")
}

// still returns an account as it is now.
func (w world) still(a app.Account) app.Account {
	w.Helper()
	a, err := w.AccountByEmail(w.Context(), a.Email)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func testUnlink(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	first, second := identity("jane"), at("https://b.example", identity("jane at b"))
	jane := w.accountWith("jane@acme.example", first)
	jo := w.accountWith("jo@acme.example", identity("jo"))
	_, in, err := w.signInWith(first.IdentityKey, "")
	if err != nil {
		t.Fatal(err)
	}
	unlink := func(a app.Account, in app.Session, id int64, usable bool) (app.Session, error) {
		t.Helper()
		c := w.change(a, in, app.Identity{ID: id}, app.MailUnlinked)
		c.Usable, c.Event.Action = func(app.Identity) bool { return usable }, app.ActUnlink
		return *c.Keep, w.Unlink(ctx, c)
	}
	_, err = unlink(jane, in, jane.Identities[0].ID, true)
	w.refuses(err, app.Conflict, "last_way_in")
	_, err = unlink(jane, in, jo.Identities[0].ID, true)
	w.refuses(err, app.NotFound, "identity_unknown")
	link := w.change(jane, in, second, app.MailLinked)
	if err := w.Link(ctx, link); err != nil {
		t.Fatal(err)
	}
	jane = w.still(jane)
	if got := w.identities(jane); got != "jane jane at b" {
		t.Fatalf("identities %q, want both, the oldest first", got)
	}
	// The other one is there, but nobody can sign in with it today.
	_, err = unlink(jane, *link.Keep, jane.Identities[0].ID, false)
	w.refuses(err, app.Conflict, "last_way_in")
	_, err = unlink(jane, in, jane.Identities[0].ID, true)
	w.refuses(err, app.Denied, "signin_needed")
	if got := w.identities(jane); got != "jane jane at b" || !w.signedIn(*link.Keep) {
		t.Fatalf("a refusal has left %q", got)
	}
	kept, err := unlink(jane, *link.Keep, jane.Identities[0].ID, true)
	if err != nil || w.identities(jane) != "jane at b" || w.identities(jo) != "jo" {
		t.Fatalf("unlinked: %v, %q and %q are left", err, w.identities(jane), w.identities(jo))
	}
	if w.signedIn(*link.Keep) || !w.signedIn(kept) {
		t.Error("unlinking must end the old session and keep the new one")
	}
	if m, ev := w.messages()[0], w.events()[0]; m.Kind != app.MailUnlinked || ev.Action != app.ActUnlink || ev.Company != "Acme" {
		t.Errorf("mail %s, event %+v", m.Kind, ev)
	}
	_, _, err = w.signInWith(first.IdentityKey, "")
	w.refuses(err, app.NotFound, "identity_unknown")

	// With a password every identity may go.
	in.Account = jane
	if err := w.SetPassword(ctx, app.PasswordChange{
		Account: w.still(jane), Hash: "phc", Session: kept.Hash, Keep: &in, Now: start, Notice: message(app.MailChanged, jane.Email, "notice"), Event: admin,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := unlink(jane, in, w.still(jane).Identities[0].ID, false); err != nil {
		t.Errorf("the last identity of an account with a password: %v", err)
	}
}

// linkRequest is the wish for a code; the code is "link".
func linkRequest(tb testing.TB, email string, i app.Identity) app.Request {
	tb.Helper()
	r, _ := request(tb, app.ActLinkCode, email)
	r.Identity, r.Code, r.ExpiresAt = &i, app.Token("link").Hash(), start.Add(time.Hour)
	return r
}

func (w world) requestLink(email string, i app.Identity) {
	w.Helper()
	if d, err := w.RequestLink(w.Context(), linkRequest(w, email, i)); err != nil || d.Mail != app.MailLinkCode {
		w.Fatalf("link code for %s: %+v, %v", email, d, err)
	}
}

func (w world) linkBy(code string, a app.Account, i app.Identity, now time.Time) (app.Session, error) {
	w.Helper()
	l := w.change(a, app.Session{}, i, app.MailLinked)
	return *l.Keep, w.LinkByCode(w.Context(), app.CodeTry{
		Email: a.Email, Code: app.Token(code).Hash(), Now: now, Tries: 3,
		Event: app.Event{At: now, Actor: "visitor", Action: app.ActLink, Outcome: app.OK, Subject: a.Email.String()},
	}, l)
}

func testRequestLink(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	w.company("Off", "off.example")
	jane := w.account("Jane@acme.example")
	w.account("out@acme.example")
	w.account("sub@off.example")
	if _, err := w.SetAccountState(ctx, address(t, "out@acme.example"), app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EnableCompany(ctx, "Off", false, admin); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		email  string
		limit  int
		mail   app.MessageKind
		reason string
	}{
		{"nobody@acme.example", 0, "", "no_account"},
		{"out@acme.example", 0, "", "account_disabled"},
		{"sub@off.example", 0, "", "company_disabled"},
		{"jane@ACME.example", 0, app.MailLinkCode, app.OK},
		{"jane@acme.example", 1, "", "limit_mail_per_address"},
	} {
		mails := len(w.messages())
		r := linkRequest(t, test.email, identity("jane"))
		r.Limits = app.Limits{MailPerAddress: test.limit}
		d, err := w.RequestLink(ctx, r)
		if err != nil || d.Mail != test.mail || d.Reason != test.reason {
			t.Errorf("%s: %q, %q, %v; want %q, %q", test.email, d.Mail, d.Reason, err, test.mail, test.reason)
		}
		if ev := w.events()[0]; ev.Action != app.ActLinkCode || ev.Outcome != test.reason || ev.Subject != r.Email.String() {
			t.Errorf("%s left the event %+v", test.email, ev)
		}
		if grew := len(w.messages()) - mails; (grew == 1) != (test.mail != "") {
			t.Errorf("%s left %d mails", test.email, grew)
		}
		if test.mail != "" && (d.Message.ID == 0 || d.Message.Recipient != jane.Email) {
			t.Errorf("the code went to %s, want the account's own address: %+v", d.Message.Recipient, d.Message)
		}
	}
	if a := w.still(jane); len(a.Identities) != 0 {
		t.Errorf("a request has linked %+v", a.Identities)
	}
}

func testLinkByCode(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	jane, jo := w.account("jane@acme.example"), w.account("jo@acme.example")
	before := w.session(jane)
	i := identity("jane")
	w.requestLink("jane@acme.example", i)
	// The code is bound to account and identity, and to its time.
	for _, test := range []struct {
		what string
		code string
		a    app.Account
		i    app.Identity
		now  time.Time
	}{
		{"another account", "link", jo, i, start},
		{"another identity", "link", jane, identity("eve"), start},
		{"another provider", "link", jane, at("https://b.example", i), start},
		{"too late", "link", jane, i, start.Add(time.Hour)},
		{"another code", "nope", jane, i, start},
	} {
		keep, err := w.linkBy(test.code, test.a, test.i, test.now)
		w.refuses(err, app.Gone, "code_wrong")
		if ev := w.events()[0]; ev.Outcome != "code_wrong" || ev.Subject != test.a.Email.String() || w.signedIn(keep) {
			t.Errorf("%s left the event %+v", test.what, ev)
		}
	}
	// Two of them were counted on this code; a third kills it, and a new mail brings a new one.
	_, err := w.linkBy("nope", jane, i, start)
	w.refuses(err, app.Gone, "code_wrong")
	_, err = w.linkBy("link", jane, i, start)
	w.refuses(err, app.Gone, "code_wrong")
	w.requestLink("jane@acme.example", i)
	keep, err := w.linkBy("link", jane, i, start)
	if err != nil || w.identities(jane) != "jane" || w.identities(jo) != "" {
		t.Fatalf("the right code: %v, identities %q and %q", err, w.identities(jane), w.identities(jo))
	}
	if w.signedIn(before) || !w.signedIn(keep) || w.messages()[0].Kind != app.MailLinked || w.events()[0].Action != app.ActLink {
		t.Error("linking by code must end the sessions, begin one, and write the notice and the event")
	}
	_, err = w.linkBy("link", jane, i, start)
	w.refuses(err, app.Gone, "code_wrong")
	w.requestLink("jane@acme.example", identity("jane2"))
	_, err = w.linkBy("link", jane, identity("jane2"), start)
	w.refuses(err, app.Conflict, "identity_other")
	w.requestLink("jo@acme.example", i)
	_, err = w.linkBy("link", jo, i, start)
	w.refuses(err, app.Conflict, "identity_taken")
	if _, err := w.EnableCompany(t.Context(), "Acme", false, admin); err != nil {
		t.Fatal(err)
	}
	_, err = w.linkBy("link", jo, i, start)
	w.refuses(err, app.Denied, "company_disabled")
}

// testLinkCodeVoid ends the time of a code in every way but using it.
func testLinkCodeVoid(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	i := identity("jane")
	for name, void := range map[string]func(a app.Account) error{
		"blocked": func(a app.Account) error { return w.BlockAddress(ctx, a.Email, start.Add(time.Hour), admin) },
		"disabled": func(a app.Account) error {
			if _, err := w.SetAccountState(ctx, a.Email, app.AccountDisabled, admin); err != nil {
				return err
			}
			_, err := w.SetAccountState(ctx, a.Email, app.AccountActive, admin)
			return err
		},
		"password": func(a app.Account) error {
			return w.SetPassword(ctx, app.PasswordChange{
				Account: a, Hash: "new", Session: w.session(a).Hash, Now: start, Notice: message(app.MailChanged, a.Email, "notice"), Event: admin,
			})
		},
		"linked": func(a app.Account) error {
			return w.Link(ctx, w.change(a, w.session(a), at("https://b.example", identity(a.Email.String())), app.MailLinked))
		},
		"purged": func(app.Account) error {
			return w.Purge(ctx, start.Add(2*time.Hour), app.Limits{SessionIdle: 600, SessionHours: 12})
		},
	} {
		a := w.account(name + "@acme.example")
		w.requestLink(a.Email.String(), i)
		if err := void(a); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := w.linkBy("link", a, i, start); app.ReasonOf(err) != "code_wrong" {
			t.Errorf("%s: a code that is void has worked (%v)", name, err)
		}
	}
}

func testParallelLink(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	i := identity("jane")
	accounts := []app.Account{w.account("jane@acme.example"), w.account("jo@acme.example")}
	changes := []app.LinkChange{
		w.change(accounts[0], w.session(accounts[0]), i, app.MailLinked), w.change(accounts[1], w.session(accounts[1]), i, app.MailLinked),
	}
	won, refused := tally(2, func(n int) error { return w.Link(t.Context(), changes[n]) })
	if won != 1 || refused["conflict identity_taken"] != 1 {
		t.Errorf("%d links and the refusals %v, want one of each", won, refused)
	}
	if got := w.identities(accounts[0]) + w.identities(accounts[1]); got != "jane" {
		t.Errorf("linked %q, want it once", got)
	}
}

func testParallelLinkByCode(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	jane, i := w.account("jane@acme.example"), identity("jane")
	w.requestLink("jane@acme.example", i)
	won, refused := tally(50, func(int) error {
		_, err := w.linkBy("link", jane, i, start)
		return err
	})
	if won != 1 || refused["gone code_wrong"] != 49 {
		t.Errorf("%d links and the refusals %v of 50, want 1 and 49 code_wrong", won, refused)
	}
	if got := w.identities(jane); got != "jane" {
		t.Errorf("linked %q, want it once", got)
	}
}

// testNoticesDoNotCount has a person change the ways in so often that the notices would use up the mails.
func testNoticesDoNotCount(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	jane := address(t, "jane@acme.example")
	for _, kind := range []app.MessageKind{app.MailChanged, app.MailLinked, app.MailUnlinked} {
		for range 3 {
			if _, err := w.AddMessage(ctx, message(kind, jane, "notice"), admin); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := app.Limits{MailPerAddress: 1, MailPerAddressDay: 1, MailPerDomain: 1, MailGlobal: 1}
	for _, want := range []string{app.OK, "limit_mail_per_address"} {
		r, _ := request(t, app.ActSignUp, "jane@acme.example")
		r.Limits = each
		if d, err := w.Request(ctx, r); err != nil || d.Reason != want {
			t.Errorf("%q, %v; want %q", d.Reason, err, want)
		}
	}
	w.account("jo@acme.example")
	for _, want := range []string{app.OK, "limit_mail_per_address"} {
		r := linkRequest(t, "jo@acme.example", identity("jo"))
		r.Limits = app.Limits{MailPerAddress: 2}
		if d, err := w.RequestLink(ctx, r); err != nil || d.Reason != want {
			t.Errorf("link code: %q, %v; want %q", d.Reason, err, want)
		}
	}
}
