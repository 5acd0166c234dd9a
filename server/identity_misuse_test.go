package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/assets"
	"foyer/server/mail"
	"foyer/server/store"
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
			//nolint:gosec // what a browser sends has no more than a name and a value
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

// TestTenantHoldsWhenLinking: people of a tenant that is not the company's are refused on every way to an account of it.
func TestTenantHoldsWhenLinking(t *testing.T) {
	o := openOffice(t)
	c := o.member("google", "jane@allowed.test", nil)
	to := o.start(c, "/auth/entra/start?link="+o.csrf(o.get(c, "/account")))
	o.tenants("Allowed", tenantB, "")
	if a := o.get(c, o.callback("entra", to, claims{"email": "jane@allowed.test"})); a.status != http.StatusForbidden {
		t.Errorf("back from the provider, to link: %d to %q", a.status, a.to)
	}
	if a := o.sso(o.visitor(), "entra", claims{"email": "jane@allowed.test"}); a.status != http.StatusForbidden {
		t.Errorf("with the address of an account: %d to %q", a.status, a.to)
	}
	o.tenants("Allowed", "", tenantB)
	to = o.start(c, "/auth/entra/start?link="+o.csrf(o.get(c, "/account")))
	o.get(c, o.callback("entra", to, claims{"email": "jane@allowed.test"}))
	page := o.get(c, "/account/link")
	o.tenants("Allowed", tenantB, "")
	if a := o.post(c, "/account/link", "csrf", o.csrf(page)); a.status != http.StatusForbidden || len(o.accountOf("jane@allowed.test").Identities) != 1 {
		t.Errorf("the answer to the question: %d to %q", a.status, a.to)
	}
}

// TestAgainNeedsTheSamePerson: somebody else's sign-in makes nobody's session fresh, nor does it take it over.
func TestAgainNeedsTheSamePerson(t *testing.T) {
	o := openOffice(t)
	o.member("google", "other@allowed.test", claims{"sub": "other"})
	c := o.member("google", "jane@allowed.test", claims{"sub": "jane"})
	again := func(with claims) answer {
		return o.get(c, o.callback("google", o.start(c, "/auth/google/start?again="+o.csrf(o.get(c, "/account"))), with))
	}
	if a := again(claims{"sub": "other", "email": "other@allowed.test"}); a.status != http.StatusForbidden {
		t.Errorf("another account's identity: %d to %q", a.status, a.to)
	}
	if page := o.get(c, "/account"); !strings.Contains(page.body, "jane@allowed.test") {
		t.Error("the session is another's now")
	}
	if a := again(claims{"sub": "jane", "email": "jane@allowed.test"}); a.to != "/account?notice=again" {
		t.Errorf("the account's own: %d to %q", a.status, a.to)
	}
}

// aged is a store whose sessions began ten minutes ago.
type aged struct{ app.Store }

func (a aged) Session(ctx context.Context, hash app.TokenHash, oldest time.Time) (app.Session, error) {
	session, err := a.Store.Session(ctx, hash, oldest)
	session.CreatedAt = session.CreatedAt.Add(-10 * time.Minute)
	return session, err
}

type noOutbox struct{}

func (noOutbox) Written(app.Message) {}
func (noOutbox) Look()               {}

func (noOutbox) Traffic(context.Context) (app.MailTraffic, error) { return app.MailTraffic{}, nil }

// TestChangingWaysNeedsFreshness: a session that somebody has left open is not enough. (ASVS 7.5.1)
func TestChangingWaysNeedsFreshness(t *testing.T) {
	ctx, dir, log := t.Context(), t.TempDir(), slog.New(slog.DiscardHandler)
	st, err := store.Open(ctx, store.Config{Dir: dir, Key: make([]byte, 32), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	texts, err := assets.LoadTexts()
	if err != nil {
		t.Fatal(err)
	}
	composer, err := mail.NewComposer(assets.Files(), texts)
	if err != nil {
		t.Fatal(err)
	}
	service, err := app.NewService(ctx, app.ServiceConfig{
		Store: aged{st}, Composer: composer, Outbox: noOutbox{}, Hasher: app.NewHasher(app.DefaultArgon2, 1), Key: []byte("key"),
		PublicURL: publicURL, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	company, err := service.AddCompany(ctx, "test", "Allowed", "allowed.test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.AddConnector(ctx, "test", app.ConnectorGoogle, "google", map[string]string{"client_id": "a", "client_secret": "b"}); err != nil {
		t.Fatal(err)
	}
	addr, err := app.ParseAddress("jane@allowed.test")
	if err != nil {
		t.Fatal(err)
	}
	token, now := app.NewToken(), time.Now()
	account, err := st.CreateAccount(ctx, app.Registration{
		Email: addr, FirstName: "Jane", LastName: "Doe", CompanyID: company.ID, Lang: "en",
		Identity: &app.Identity{IdentityKey: app.IdentityKey{Issuer: app.GoogleIssuer, Subject: "s"}, Connector: "google"},
	}, app.Session{Hash: token.Hash(), CreatedAt: now, SeenAt: now}, app.Event{At: now})
	if err != nil {
		t.Fatal(err)
	}
	visitor := app.Visitor{IP: "192.0.2.1", Lang: "en"}
	for name, change := range map[string]func() error{
		"unlink": func() error { _, err := service.Unlink(ctx, token, account.Identities[0].ID, visitor); return err },
		"link":   func() error { _, err := service.Link(ctx, token, app.NewToken(), visitor); return err },
		"start": func() error {
			_, err := service.StartIdentity(ctx, "google", app.Start{Purpose: app.ForLink, Session: token}, app.NewToken(), visitor)
			return err
		},
	} {
		if err := change(); app.ReasonOf(err) != "fresh_needed" {
			t.Errorf("%s with an old session: %v", name, err)
		}
	}
	if _, err := service.SetSettings(ctx, "test", map[string]string{"limits.fresh_minutes": "15"}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Unlink(ctx, token, account.Identities[0].ID, visitor); app.ReasonOf(err) != "last_way_in" {
		t.Errorf("unlink with a session that is fresh enough: %v", err)
	}
}

// TestLimitsOfProviders: starts and codes are counted by client address.
func TestLimitsOfProviders(t *testing.T) {
	o := openOffice(t, "limits.identity_per_ip", "2")
	c := o.visitor()
	for i, want := range []int{http.StatusSeeOther, http.StatusSeeOther, http.StatusTooManyRequests} {
		if a := o.get(c, "/auth/google/start"); a.status != want {
			t.Errorf("start %d: %d, want %d", i+1, a.status, want)
		}
	}
	o.set("limits.identity_per_ip", "0")
	o.set("limits.login_per_ip", "2")
	o.member("entra", "jane@allowed.test", claims{"sub": "e1"})
	o.sso(c, "google", claims{"email": "jane@allowed.test"})
	page := o.get(c, "/register/link")
	o.post(c, "/register/link/code", "csrf", o.csrf(page))
	for i, want := range []int{http.StatusGone, http.StatusGone, http.StatusTooManyRequests} {
		if a := o.post(c, "/register/link", "csrf", o.csrf(page), "code", "AAAA-AAAA"); a.status != want {
			t.Errorf("code %d: %d, want %d", i+1, a.status, want)
		}
	}
	o.set("limits.signup_per_ip", "1")
	d := o.visitor()
	o.sso(d, "google", claims{"sub": "d", "email": "d@allowed.test"})
	o.register(d)
	if a := o.register(d); a.status != http.StatusTooManyRequests {
		t.Errorf("a second sign-up: %d", a.status)
	}
}

// TestAdministratorUnlinks: the office can take an identity away, and the person out.
func TestAdministratorUnlinks(t *testing.T) {
	o := openOffice(t)
	c := o.member("google", "jane@allowed.test", nil)
	id := o.accountOf("jane@allowed.test").Identities[0].ID
	if _, err := o.app.RemoveIdentity(t.Context(), "test", "jane@allowed.test", id+1); app.CodeOf(err) != app.NotFound {
		t.Errorf("an identity that is not there: %v", err)
	}
	if a, err := o.app.RemoveIdentity(t.Context(), "test", "jane@allowed.test", id); err != nil || len(a.Identities) != 0 || o.signedIn(c) {
		t.Errorf("removed: %+v, %v, signed in %v", a.Identities, err, o.signedIn(c))
	}
	if a := o.sso(o.visitor(), "google", claims{"email": "jane@allowed.test"}); a.to != "/register/link" {
		t.Errorf("after that: %d to %q", a.status, a.to)
	}
}
