package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"foyer/app"
)

var identityID = regexp.MustCompile(`name="id" value="(\d+)"`)

// plant gives one browser a cookie of another.
func (o office) plant(from, to *http.Client, name string) {
	o.Helper()
	u, err := url.Parse(o.url)
	if err != nil {
		o.Fatal(err)
	}
	for _, c := range from.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, name) {
			to.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: u.Scheme == "https"}})
			return
		}
	}
	o.Fatalf("there is no cookie %s", name)
}

// TestBrowserCookieIsRenewed: who knew the cookie before the owner came back from the provider does not hold the owner's
// identity. (T35)
func TestBrowserCookieIsRenewed(t *testing.T) {
	for _, secure := range []bool{true, false} {
		t.Run(fmt.Sprintf("https %v", secure), func(t *testing.T) {
			o := openOffice(t)
			visitor := o.visitor
			if !secure {
				o.set("public_url", o.local)
				o.url, visitor = o.local, o.browser
			}
			attacker, victim := visitor(), visitor()
			o.start(attacker, "/auth/office/start")
			o.plant(attacker, victim, "browser")
			if a := o.sso(victim, "office", claims{"email": "victim@allowed.test"}); a.to != "/register/identity" {
				t.Fatalf("the owner: %d to %q", a.status, a.to)
			}
			if a := o.get(attacker, "/register/identity"); a.status == http.StatusOK {
				t.Errorf("the other browser holds the identity too: %d", a.status)
			}
			if a := o.get(victim, "/register/identity"); a.status != http.StatusOK {
				t.Errorf("the owner's browser does not: %d", a.status)
			}
		})
	}
}

// TestConnectorCutOff: a provider that is replaced, or a tenant that is taken away, cannot finish what was begun with it.
func TestConnectorCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		connector string
		cut       func(o office)
	}{
		"another issuer": {"office", func(o office) { o.setConnector("office", "issuer", "https://new.example") }},
		"another client": {"google", func(o office) { o.setConnector("google", "client_id", "new") }},
		"another tenant": {"entra", func(o office) { o.setConnector("entra", "tenant", tenantB) }},
		"removed": {"office", func(o office) {
			if err := o.app.RemoveConnector(o.Context(), "test", "office"); err != nil {
				o.Fatal(err)
			}
		}},
		"another of the same name": {"office", func(o office) {
			if err := o.app.RemoveConnector(o.Context(), "test", "office"); err != nil {
				o.Fatal(err)
			}
			o.connector(app.ConnectorGoogle, "office", "client_secret", clientSecret, "trust_verified", "on")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			o.member(tt.connector, "jane@allowed.test", nil)
			returning, registering, waiting := o.visitor(), o.visitor(), o.visitor()
			back := o.callback(tt.connector, o.start(returning, "/auth/"+tt.connector+"/start"), claims{"email": "jane@allowed.test"})
			o.sso(registering, tt.connector, claims{"sub": "s2", "email": "new@allowed.test", "email_verified": true, "hd": "allowed.test"})
			page := o.get(registering, "/register/identity")
			o.sso(waiting, tt.connector, claims{"sub": "s3", "email": "waits@allowed.test"})
			o.register(waiting)
			link := find(o.house, o.mail("waits@allowed.test"), confirmPath)
			tt.cut(o)
			if a := o.get(returning, back); o.signedIn(returning) {
				t.Errorf("signs in: %d to %q", a.status, a.to)
			}
			form := []string{"csrf", o.csrf(page), "first_name", "J", "last_name", "D", "phone", ""}
			if a := o.post(registering, "/register/identity", form...); a.status == http.StatusSeeOther {
				t.Errorf("registers: %d to %q", a.status, a.to)
			}
			if a := o.post(waiting, link); name != "another client" && a.status == http.StatusSeeOther {
				t.Errorf("makes an account nobody can sign in to: %d to %q", a.status, a.to)
			}
			if name != "another client" && o.accounts() != "jane@allowed.test" {
				t.Errorf("accounts: %q", o.accounts())
			}
		})
	}
}

// TestLastRealWayStays: an identity of a tenant that the company does not take is no way in.
func TestLastRealWayStays(t *testing.T) {
	o := openOffice(t)
	c := o.member("google", "jane@allowed.test", claims{"sub": "g1"})
	to := o.start(c, "/auth/entra/start?link="+o.csrf(o.get(c, "/account")))
	o.get(c, o.callback("entra", to, claims{"email": "jane@allowed.test", "sub": "e1"}))
	if a := o.post(c, "/account/link", "csrf", o.csrf(o.get(c, "/account/link"))); a.to != "/account?notice=linked" {
		t.Fatalf("link: %d to %q", a.status, a.to)
	}
	o.tenants("Allowed", tenantB, "")
	for _, i := range o.accountOf("jane@allowed.test").Identities {
		if i.Issuer == app.GoogleIssuer {
			a := o.post(c, "/account/unlink", "csrf", o.csrf(o.get(c, "/account")), "id", fmt.Sprint(i.ID))
			if a.status != http.StatusConflict {
				t.Errorf("the last way in that works: %d to %q", a.status, a.to)
			}
		}
	}
	if got := o.accountOf("jane@allowed.test").Identities; len(got) != 2 {
		t.Errorf("identities: %+v", got)
	}
}

// TestNoticesAreBounded: linking and unlinking in a loop must not fill the owner's mailbox.
func TestNoticesAreBounded(t *testing.T) {
	o := openOffice(t, "limits.password_changes", "4")
	c := o.member("entra", "jane@allowed.test", claims{"sub": "e1"})
	before := len(o.mails())
	for range 6 {
		page := o.get(c, "/account")
		to := o.start(c, "/auth/google/start?link="+o.csrf(page))
		o.get(c, o.callback("google", to, claims{"email": "p@gmail.com"}))
		if page := o.get(c, "/account/link"); page.status == http.StatusOK {
			o.post(c, "/account/link", "csrf", o.csrf(page))
		}
		for _, id := range identityID.FindAllStringSubmatch(o.get(c, "/account").body, -1) {
			o.post(c, "/account/unlink", "csrf", o.csrf(o.get(c, "/account")), "id", id[1])
		}
	}
	if n := len(o.mails()) - before; n == 0 || n > 4 {
		t.Errorf("%d notices, want 1 to 4", n)
	}
}

// TestAuditIsNotFilled: what costs a visitor nothing leaves one line a minute.
func TestAuditIsNotFilled(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	for range 40 {
		to := o.start(c, "/auth/google/start")
		o.get(c, "/auth/google/callback?error=server_error&state="+to.Query().Get("state"))
	}
	if n := len(o.events(app.ActSignIn)); n > 2 {
		t.Errorf("%d events of one visitor who brought errors, want one a minute", n)
	}
	if state, err := o.app.Connector(t.Context(), "google"); err != nil || state.LastProblem != "" {
		t.Errorf("a visitor has written what the administrator reads: %q, %v", state.LastProblem, err)
	}
}

// TestEntraRegisteredAnew: with another client id Entra's subjects are others. The same person, by tenant and object id, may
// prove the mailbox; another one may not.
func TestEntraRegisteredAnew(t *testing.T) {
	o := openOffice(t)
	o.member("entra", "jane@allowed.test", claims{"sub": "of client 1", "oid": "jane"})
	o.setConnector("entra", "client_id", "client-2")
	anew := claims{"aud": "client-2", "sub": "of client 2", "email": "jane@allowed.test"}
	if a := o.sso(o.visitor(), "entra", merge(anew, claims{"oid": "somebody else"})); a.status != http.StatusForbidden {
		t.Errorf("another person: %d to %q", a.status, a.to)
	}
	c := o.visitor()
	if a := o.sso(c, "entra", merge(anew, claims{"oid": "jane"})); a.to != "/register/link" {
		t.Fatalf("the same person: %d to %q", a.status, a.to)
	}
	page := o.get(c, "/register/link")
	o.post(c, "/register/link/code", "csrf", o.csrf(page))
	code := regexp.MustCompile(`[A-Z2-9]{4}-[A-Z2-9]{4}`).FindString(string(o.mail("jane@allowed.test").Data))
	if a := o.post(c, "/register/link", "csrf", o.csrf(page), "code", code); a.to != "/account?notice=linked" {
		t.Errorf("the code: %d to %q", a.status, a.to)
	}
}

// TestSignOutForgetsTheIdentity: the next person at the browser does not find the form of the one before.
func TestSignOutForgetsTheIdentity(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	o.sso(c, "google", claims{"email": "jane@allowed.test"})
	o.post(c, "/logout")
	if a := o.get(c, "/register/identity"); a.status == http.StatusOK {
		t.Errorf("after signing out: %d", a.status)
	}
}
