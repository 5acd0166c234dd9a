package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"foyer/app"
)

// TestSameAddressAnotherIdentity: an address never signs in, nor links. (T06, T11)
func TestSameAddressAnotherIdentity(t *testing.T) {
	o := openOffice(t)
	o.member("google", "a@allowed.test", claims{"sub": "g1"})
	before := o.accountOf("a@allowed.test").Identities
	c := o.visitor()
	if a := o.sso(c, "google", claims{"sub": "g2", "email": "a@allowed.test"}); a.status != http.StatusForbidden {
		t.Errorf("another subject of the same provider: %d to %q", a.status, a.to)
	}
	if got := o.lastOutcome(app.ActSignIn); got != "subject_changed" {
		t.Errorf("the audit says %q, want subject_changed", got)
	}
	if a := o.sso(c, "entra", claims{"sub": "g1", "email": "a@allowed.test"}); a.to != "/register/link" || o.signedIn(c) {
		t.Errorf("another provider: %d to %q", a.status, a.to)
	}
	if after := o.accountOf("a@allowed.test").Identities; len(after) != 1 || after[0].ID != before[0].ID {
		t.Errorf("identities: %+v, want %+v", after, before)
	}
	o.member("entra", "b@allowed.test", claims{"sub": "g1"})
	if a, b := o.accountOf("a@allowed.test"), o.accountOf("b@allowed.test"); a.ID == b.ID || a.ID == 0 || b.ID == 0 {
		t.Errorf("the same subject of two providers: accounts %d and %d", a.ID, b.ID)
	}
	if a := o.sso(o.visitor(), "google", claims{"sub": "g1", "email": "c@other.test"}); a.to != "/account" {
		t.Errorf("an address that has changed at the provider: %d to %q", a.status, a.to)
	}
	if a := o.accountOf("a@allowed.test"); a.Company != "Allowed" || a.Identities[0].Email != "c@other.test" || o.lastOutcome(app.ActIdentity) != "idp_email_changed" {
		t.Errorf("after that: %+v, audit %q", a, o.lastOutcome(app.ActIdentity))
	}
}

// TestPreHijacking: what a stranger began with a form is worth nothing once the owner has come with a provider. (T09)
func TestPreHijacking(t *testing.T) {
	o := openOffice(t)
	o.setConnector("google", "trust_verified", "on")
	o.post(o.visitor(), "/register", "first_name", "X", "last_name", "Y", "email", "victim@allowed.test", "phone", "")
	link := find(o.house, o.mail("victim@allowed.test"), confirmPath)
	c := o.visitor()
	o.sso(c, "google", claims{"email": "victim@allowed.test", "email_verified": true, "hd": "allowed.test"})
	if a := o.register(c); a.to != "/account" {
		t.Fatalf("the owner: %d to %q", a.status, a.to)
	}
	if a := o.post(o.visitor(), link, "password", password, "password_confirm", password); a.status != http.StatusGone {
		t.Errorf("the stranger's link: %d", a.status)
	}
	for _, guess := range []string{password, "", "null"} {
		if a := o.post(o.visitor(), "/login", "email", "victim@allowed.test", "password", guess); a.status == http.StatusSeeOther {
			t.Errorf("the password %q opens the account", guess)
		}
	}
	if a := o.accountOf("victim@allowed.test"); a.PasswordHash != "" || o.accounts() != "victim@allowed.test" {
		t.Errorf("accounts %q, password %q", o.accounts(), a.PasswordHash)
	}
}

func TestLinkAndUnlink(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	o.post(c, "/register", "first_name", "Jane", "last_name", "Doe", "email", "jane@allowed.test", "phone", "")
	o.post(c, find(o.house, o.mail("jane@allowed.test"), confirmPath), "password", password, "password_confirm", password)
	o.post(c, "/login", "email", "jane@allowed.test", "password", password)
	elsewhere := o.visitor()
	o.post(elsewhere, "/login", "email", "jane@allowed.test", "password", password)

	page := o.get(c, "/account")
	if a := o.get(c, "/auth/google/start?link=wrong"); a.status != http.StatusForbidden {
		t.Errorf("a start without the proof: %d to %q", a.status, a.to)
	}
	to := o.start(c, "/auth/google/start?link="+o.csrf(page))
	if a := o.get(c, o.callback("google", to, claims{"email": "private@gmail.com"})); a.to != "/account/link" {
		t.Fatalf("back from the provider: %d to %q\n%s", a.status, a.to, a.body)
	}
	offer := o.get(c, "/account/link")
	if !strings.Contains(offer.body, "private@gmail.com") || len(o.accountOf("jane@allowed.test").Identities) != 0 {
		t.Errorf("the question has to name the account at the provider, and nothing is linked before it is answered:\n%s", offer.body)
	}
	if a := o.post(c, "/account/link", "csrf", o.csrf(offer)); a.to != "/account?notice=linked" {
		t.Fatalf("the answer: %d to %q\n%s", a.status, a.to, a.body)
	}
	if m := o.mail("jane@allowed.test"); m.Kind != app.MailLinked {
		t.Errorf("the mail is %s", m.Kind)
	}
	if !o.signedIn(c) || o.signedIn(elsewhere) {
		t.Error("linking has to end the other sessions, and only those")
	}
	if a := o.sso(elsewhere, "google", claims{"email": "private@gmail.com"}); a.to != "/account" {
		t.Errorf("sign-in with what was linked: %d to %q", a.status, a.to)
	}
	// Somebody else cannot have it too.
	other := o.member("entra", "other@allowed.test", claims{"sub": "e1"})
	to = o.start(other, "/auth/google/start?link="+o.csrf(o.get(other, "/account")))
	if a := o.get(other, o.callback("google", to, claims{"email": "private@gmail.com"})); a.status != http.StatusConflict {
		t.Errorf("an identity of another account: %d to %q", a.status, a.to)
	}
	// The last way in stays.
	id := identityID.FindStringSubmatch(o.get(other, "/account").body)[1]
	if a := o.post(other, "/account/unlink", "csrf", o.csrf(o.get(other, "/account")), "id", id); a.status != http.StatusConflict || len(o.accountOf("other@allowed.test").Identities) != 1 {
		t.Errorf("the last way in: %d to %q", a.status, a.to)
	}
	// It was another session in the meantime: c has to sign in again.
	o.post(c, "/login", "email", "jane@allowed.test", "password", password)
	page = o.get(c, "/account")
	id = identityID.FindStringSubmatch(page.body)[1]
	if a := o.post(other, "/account/unlink", "csrf", o.csrf(o.get(other, "/account")), "id", id); a.status == http.StatusSeeOther || len(o.accountOf("jane@allowed.test").Identities) != 1 {
		t.Errorf("somebody else's identity: %d to %q", a.status, a.to)
	}
	if a := o.post(c, "/account/unlink", "csrf", o.csrf(page), "id", id); a.to != "/account?notice=unlinked" || len(o.accountOf("jane@allowed.test").Identities) != 0 {
		t.Errorf("unlink: %d to %q\n%s", a.status, a.to, a.body)
	}
	if m := o.mail("jane@allowed.test"); m.Kind != app.MailUnlinked {
		t.Errorf("the mail is %s", m.Kind)
	}
}

func TestLinkWithCode(t *testing.T) {
	o := openOffice(t)
	o.member("entra", "jane@allowed.test", claims{"sub": "e1"})
	c, other := o.visitor(), o.visitor()
	o.sso(c, "google", claims{"sub": "g1", "email": "jane@allowed.test"})
	o.sso(other, "google", claims{"sub": "g2", "email": "jane@allowed.test"})
	page := o.get(c, "/register/link")
	if a := o.post(c, "/register/link/code", "csrf", o.csrf(page)); a.status != http.StatusSeeOther {
		t.Fatalf("send a code: %d\n%s", a.status, a.body)
	}
	m := o.mail("jane@allowed.test")
	code := regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}`).FindString(string(m.Data))
	if m.Kind != app.MailLinkCode || code == "" {
		t.Fatalf("the mail is %s with code %q", m.Kind, code)
	}
	if a := o.post(other, "/register/link", "csrf", o.csrf(o.get(other, "/register/link")), "code", code); a.status != http.StatusGone {
		t.Errorf("the code of another identity: %d to %q", a.status, a.to)
	}
	var linked atomic.Int64
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if a := o.post(c, "/register/link", "csrf", o.csrf(page), "code", code); a.to == "/account?notice=linked" {
				linked.Add(1)
			}
		})
	}
	group.Wait()
	if linked.Load() != 1 || len(o.accountOf("jane@allowed.test").Identities) != 2 || !o.signedIn(c) {
		t.Errorf("linked %d times, identities %+v", linked.Load(), o.accountOf("jane@allowed.test").Identities)
	}
	if m := o.mail("jane@allowed.test"); m.Kind != app.MailLinked {
		t.Errorf("the mail is %s", m.Kind)
	}
}
