package server_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// TestSwitchesClose: a button that is not there is not only hidden. (D44)
func TestSwitchesClose(t *testing.T) {
	o := openOffice(t)
	c := o.visitor()
	to := o.start(c, "/auth/google/start")
	o.member("google", "jane@allowed.test", nil)
	waiting := o.visitor()
	o.sso(waiting, "google", claims{"sub": "s2", "email": "jo@allowed.test"})
	o.register(waiting)
	link := find(o.house, o.mail("jo@allowed.test"), confirmPath)
	o.setConnector("google", "signup", "off")
	if a := o.sso(o.visitor(), "google", claims{"sub": "s3", "email": "new@allowed.test"}); a.status != http.StatusForbidden {
		t.Errorf("a new one with the switch off: %d to %q", a.status, a.to)
	}
	if a := o.sso(o.visitor(), "google", claims{"email": "jane@allowed.test"}); a.to != "/account" {
		t.Errorf("an old one with the switch off: %d to %q", a.status, a.to)
	}
	if a := o.post(waiting, link); a.status != http.StatusSeeOther {
		t.Errorf("one that waited: %d", a.status)
	}
	o.setConnector("google", "enabled", "off")
	if a := o.get(o.visitor(), "/auth/google/start"); a.status != http.StatusForbidden {
		t.Errorf("the start of a disabled connector: %d", a.status)
	}
	if a := o.get(c, o.callback("google", to, claims{"email": "jane@allowed.test"})); a.status != http.StatusForbidden || o.signedIn(c) {
		t.Errorf("the return to a disabled connector: %d to %q", a.status, a.to)
	}
	if page := o.get(o.visitor(), "/login"); strings.Contains(page.body, "/auth/google/start") || !strings.Contains(page.body, "/auth/entra/start") {
		t.Error("the login page does not show the enabled connectors and no others")
	}
	o.set("public_url", "http://accounts.office.com")
	if page := o.get(o.browser(), o.local+"/login"); strings.Contains(page.body, "/auth/entra/start") {
		t.Error("a connector that cannot work has a button")
	}
	if a := o.get(o.visitor(), "/auth/nobody/start"); a.status != http.StatusNotFound {
		t.Errorf("a connector that is not there: %d", a.status)
	}
}

// TestProviderSecretsStayInside: what a provider says in an error, our secret, codes and states are in no log. (T19, T58)
func TestProviderSecretsStayInside(t *testing.T) {
	o := openOffice(t)
	o.idp.fail = `{"error":"invalid_client","error_description":"CANARY-description ` + clientSecret + `"}`
	c := o.visitor()
	to := o.start(c, "/auth/google/start")
	back := o.callback("google", to, claims{"email": "jane@allowed.test"})
	a := o.get(c, back)
	if a.status != http.StatusServiceUnavailable || strings.Contains(a.body, "CANARY") {
		t.Errorf("the page: %d\n%s", a.status, a.body)
	}
	state, err := o.app.Connector(t.Context(), "google")
	if err != nil || !strings.Contains(state.LastProblem, "invalid_client") {
		t.Errorf("the administrator is told %q, %v", state.LastProblem, err)
	}
	o.idp.fail = ""
	if a := o.sso(c, "google", claims{"email": "jane@allowed.test"}); a.to != "/register/identity" {
		t.Errorf("once the provider takes us again: %d to %q", a.status, a.to)
	}
	if state, err = o.app.Connector(t.Context(), "google"); err != nil || state.LastProblem != "" {
		t.Errorf("after a sign-in the administrator is told %q, %v", state.LastProblem, err)
	}
	query, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	o.get(c, "/auth/google/callback?state=x&error=access_denied&error_description=CANARY-reflected%0d%0aSet-Cookie:a=b")
	o.stop()
	written := o.log.String()
	for _, name := range []string{"foyer.db", "foyer.db-wal"} {
		data, err := os.ReadFile(filepath.Join(o.dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		written += string(data)
	}
	for _, secret := range []string{"CANARY", query.Query().Get("state"), query.Query().Get("code"), to.Query().Get("nonce")} {
		if strings.Contains(written, secret) {
			t.Errorf("%q was written down", secret)
		}
	}
}

// TestConnectorsSurviveRestart: secrets are sealed, and open again.
func TestConnectorsSurviveRestart(t *testing.T) {
	o := openOffice(t)
	o.stop()
	o.house = startWith(t, o.dir, o.idp)
	o.url = publicURL
	o.member("entra", "jane@allowed.test", nil)
}

// TestProviderDownHarmsItsButtonOnly: while one provider does not answer, everybody else signs in; when it is back, so do
// its people. (T17)
func TestProviderDownHarmsItsButtonOnly(t *testing.T) {
	o := openOffice(t)
	o.member("entra", "jane@allowed.test", nil)
	hang := func(host string) {
		o.idp.mu.Lock()
		defer o.idp.mu.Unlock()
		o.idp.hang = host
	}
	hang("accounts.google.com")
	answers := make(chan int, 20)
	for range cap(answers) {
		c := o.visitor()
		go func() {
			res, err := c.Get(publicURL + "/auth/google/start")
			if err != nil {
				answers <- 0
				return
			}
			answers <- res.StatusCode
			_ = res.Body.Close() // all that counts is known
		}()
	}
	if a := o.sso(o.visitor(), "entra", claims{"email": "jane@allowed.test"}); a.to != "/account" {
		t.Errorf("sign-in with another provider meanwhile: %d to %q", a.status, a.to)
	}
	if a := o.post(o.visitor(), "/login", "email", "jane@allowed.test", "password", password); a.status != http.StatusUnauthorized {
		t.Errorf("sign-in with a password meanwhile: %d", a.status)
	}
	if len(answers) != 0 {
		t.Error("these were not sign-ins while the provider hung")
	}
	for range cap(answers) {
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Errorf("a provider that hangs: %d", status)
		}
	}
	state, err := o.app.Connector(t.Context(), "google")
	if err != nil || state.LastProblem == "" {
		t.Errorf("the administrator is told %q, %v", state.LastProblem, err)
	}
	hang("")
	o.start(o.visitor(), "/auth/google/start")
}

// TestSecretExpiryIsTold: once for each of the three days, in the audit.
func TestSecretExpiryIsTold(t *testing.T) {
	o := openOffice(t)
	now, cancel := context.WithCancel(t.Context())
	cancel()
	today := time.Now().UTC()
	for _, day := range []struct {
		left   int
		events int
	}{{90, 0}, {59, 1}, {59, 1}, {29, 2}, {6, 3}, {6, 3}, {-1, 4}, {-1, 4}} {
		o.setConnector("google", "secret_expires", today.AddDate(0, 0, day.left).Format(time.DateOnly))
		o.app.Janitor(now) // the round it makes at the end
		if got := len(o.events(app.ActConnectorWarn)); got != day.events {
			t.Errorf("%d days left: %d events, want %d", day.left, got, day.events)
		}
	}
	if got := o.lastOutcome(app.ActConnectorWarn); got != "secret_expired" {
		t.Errorf("the last event says %q", got)
	}
	state, err := o.app.Connector(t.Context(), "google")
	if err != nil || !state.Works || len(state.Findings) != 1 || state.Findings[0].Code != "secret_expired" {
		t.Errorf("the connector: works %v, findings %+v, %v", state.Works, state.Findings, err)
	}
}
