package web_test

import (
	"context"
	"net/url"
	"slices"
	"time"

	"foyer/app"
)

// fakeIdentities is the part of a fakeDomain that has to do with identity providers.
type fakeIdentities struct {
	connectors []app.Connector
	flows      map[app.Token]fakeFlow
	starts     []app.Start
	failed     []string // reasons of what the provider's part ended with
	arrival    app.Arrival
	arriveErr  error
	arrived    []app.Claims
	person     app.Proven               // whom a provider names
	proven     map[app.Token]app.Proven // by the browser
	signUpErr  error
	profiles   []app.Profile
	session    bool // a sign-up needs no mail
	holds      map[app.Token]bool
	codesSent  int
	linkErr    error
	offer      app.Proven
	linked     int
	unlinked   []int64
	ways       []app.WayIn
	stale      bool // the sign-in was long ago
}

type fakeFlow struct {
	challenge app.Challenge
	browser   app.Token
}

// The connectors, the identity and the links every fakeDomain knows.
var (
	entra          = app.Connector{ID: 1, Name: "work", Kind: app.ConnectorEntra, Enabled: true, SignUp: true}
	google         = app.Connector{ID: 2, Name: "google", Kind: app.ConnectorGoogle, Enabled: true, SignUp: true}
	keycloak       = app.Connector{ID: 3, Name: "office-login", Kind: app.ConnectorOIDC, Label: "Novák Login", Enabled: true}
	identityToken  = app.Token("confirm-token-identity-000000000000000000000")
	janeAtProvider = app.Proven{
		Connector: google, Account: "jane@example.com", Address: address("jane@example.com"), Company: "Example Ltd",
		Profile: app.Profile{FirstName: "Jane", LastName: "Doe"},
	}
)

func newFakeIdentities() fakeIdentities {
	return fakeIdentities{
		connectors: []app.Connector{entra, google, keycloak},
		flows:      map[app.Token]fakeFlow{}, proven: map[app.Token]app.Proven{}, holds: map[app.Token]bool{},
		arrival: app.Arrival{To: app.ToForm}, person: janeAtProvider, offer: janeAtProvider,
	}
}

func (d *fakeDomain) identities(change func(*fakeIdentities)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.fakeIdentities)
}

// bring makes a browser one that has brought back an identity, and returns its secret.
func (d *fakeDomain) bring(change ...func(*app.Proven)) app.Token {
	d.mu.Lock()
	defer d.mu.Unlock()
	browser, proven := app.NewToken(), d.person
	for _, f := range change {
		f(&proven)
	}
	d.proven[browser] = proven
	return browser
}

func (d *fakeDomain) SignInConnectors() []app.Connector {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.connectors)
}

func (d *fakeDomain) StartIdentity(_ context.Context, name string, start app.Start, browser app.Token, _ app.Visitor) (app.Challenge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.connectors, func(c app.Connector) bool { return c.Name == name })
	if i < 0 {
		return app.Challenge{}, app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
	}
	if d.failWith != nil {
		return app.Challenge{}, d.failWith
	}
	if start.Session != "" && !d.sessions[start.Session] {
		return app.Challenge{}, app.Errorf(app.Denied, "signin_needed", "sign in first")
	}
	if start.Purpose == app.ForLink && d.stale {
		return app.Challenge{}, app.Errorf(app.Denied, "fresh_needed", "sign in once more")
	}
	ch := app.Challenge{Connector: d.connectors[i], State: app.NewToken(), Start: start}
	d.flows[ch.State] = fakeFlow{ch, browser}
	d.starts = append(d.starts, start)
	return ch, nil
}

func (d *fakeDomain) TakeChallenge(name string, state, browser app.Token) (app.Challenge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	flow, ok := d.flows[state]
	delete(d.flows, state)
	if !ok || flow.browser != browser || flow.challenge.Connector.Name != name {
		return app.Challenge{}, app.Errorf(app.Invalid, "flow_unknown", "begin again")
	}
	return flow.challenge, nil
}

func (d *fakeDomain) IdentityFailed(_ context.Context, _ app.Challenge, err error, _ app.Visitor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = append(d.failed, app.ReasonOf(err))
	return err
}

func (d *fakeDomain) Arrive(_ context.Context, ch app.Challenge, claims app.Claims, browser app.Token, _ app.Visitor) (app.Arrival, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.arrived = append(d.arrived, claims)
	if d.arriveErr != nil {
		return app.Arrival{}, d.arriveErr
	}
	arrival := d.arrival
	if arrival.To == app.ToAccount || arrival.To == app.ToAgain {
		arrival.Session = app.NewToken()
		d.sessions[arrival.Session] = true
		return arrival, nil
	}
	proven := d.person
	proven.Connector = ch.Connector
	d.proven[browser] = proven
	return arrival, nil
}

func (d *fakeDomain) Forget(app.Token) {}

func (d *fakeDomain) BrowserTTL() time.Duration { return 24 * time.Hour }

func (d *fakeDomain) provenBy(browser app.Token) (app.Proven, error) {
	proven, ok := d.proven[browser]
	if !ok {
		return app.Proven{}, app.Errorf(app.Denied, "identity_gone", "sign in with the provider again")
	}
	return proven, nil
}

func (d *fakeDomain) Proven(_ context.Context, browser app.Token) (app.Proven, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.provenBy(browser)
}

func (d *fakeDomain) SignUpIdentity(_ context.Context, browser app.Token, p app.Profile, _ app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	proven, err := d.provenBy(browser)
	if err != nil {
		return "", err
	}
	if d.signUpErr != nil {
		return "", d.signUpErr
	}
	d.profiles = append(d.profiles, p)
	if d.session {
		token := app.NewToken()
		d.sessions[token] = true
		return token, nil
	}
	proven.Waiting = true
	d.proven[browser] = proven
	return "", nil
}

func (d *fakeDomain) Holds(_ app.Registration, browser app.Token) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.holds[browser]
}

func (d *fakeDomain) Through(app.Registration) string { return google.Title() }

func (d *fakeDomain) ConfirmIdentity(_ context.Context, token, browser app.Token, _ app.Visitor) (app.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.registration(token); err != nil {
		return app.Account{}, err
	}
	if d.failWith != nil {
		return app.Account{}, d.failWith
	}
	if !d.holds[browser] {
		return app.Account{}, app.Errorf(app.Denied, "identity_needed", "sign in first").With("Through", google.Title())
	}
	delete(d.registrations, token)
	d.gone[token] = "link_spent"
	return d.account, nil
}

func (d *fakeDomain) ConfirmFound(ctx context.Context, r app.Registration, browser app.Token, v app.Visitor) (app.Account, error) {
	d.mu.Lock()
	var token app.Token
	for t, waiting := range d.registrations {
		if waiting.Email == r.Email {
			token = t
		}
	}
	d.mu.Unlock()
	return d.ConfirmIdentity(ctx, token, browser, v)
}

func (d *fakeDomain) SendLinkCode(_ context.Context, browser app.Token, _ app.Visitor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.provenBy(browser); err != nil {
		return err
	}
	if d.linkErr != nil {
		return d.linkErr
	}
	d.codesSent++
	return nil
}

func (d *fakeDomain) LinkByCode(_ context.Context, browser app.Token, code string, _ app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.provenBy(browser); err != nil {
		return "", err
	}
	if d.linkErr != nil {
		return "", d.linkErr
	}
	if app.NormalizeCode(code) != d.code {
		return "", app.Errorf(app.Gone, "code_wrong", "the code is not right")
	}
	token := app.NewToken()
	d.sessions[token] = true
	d.linked++
	return token, nil
}

func (d *fakeDomain) WaysIn(context.Context, app.Session) ([]app.WayIn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.ways), nil
}

func (d *fakeDomain) Fresh(app.Session) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.stale
}

func (d *fakeDomain) SignInAgain(_ context.Context, _ app.Token, password string, _ app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failWith != nil {
		return "", d.failWith
	}
	if password != d.password {
		return "", app.Fieldf("current_password", "password_current", "this is not your present password")
	}
	token := app.NewToken()
	d.sessions[token] = true
	return token, nil
}

func (d *fakeDomain) LinkOffer(context.Context, app.Token, app.Token) (app.Proven, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.offer, d.linkErr
}

// change does what every change of the ways in does: it needs a fresh session, and rotates it.
func (d *fakeDomain) change(session app.Token) (app.Token, error) {
	if d.stale {
		return "", app.Errorf(app.Denied, "fresh_needed", "sign in once more")
	}
	if d.linkErr != nil {
		return "", d.linkErr
	}
	delete(d.sessions, session)
	next := app.NewToken()
	d.sessions[next] = true
	return next, nil
}

func (d *fakeDomain) Link(_ context.Context, session, _ app.Token, _ app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.change(session)
	if err == nil {
		d.linked++
	}
	return next, err
}

func (d *fakeDomain) Unlink(_ context.Context, session app.Token, id int64, _ app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	next, err := d.change(session)
	if err == nil {
		d.unlinked = append(d.unlinked, id)
	}
	return next, err
}

// fakeProvider stands for what speaks with the providers.
type fakeProvider struct {
	url     string // "" for one that is right
	err     error
	answers []app.ProviderAnswer
}

func (p *fakeProvider) SignInURL(_ context.Context, ch app.Challenge) (string, error) {
	if p.url != "" || p.err != nil {
		return p.url, p.err
	}
	return "https://login.provider.example/authorize?state=" + url.QueryEscape(string(ch.State)), nil
}

func (p *fakeProvider) Claims(_ context.Context, _ app.Challenge, answer app.ProviderAnswer) (app.Claims, error) {
	p.answers = append(p.answers, answer)
	return app.Claims{IdentityKey: app.IdentityKey{Issuer: app.GoogleIssuer, Subject: "1"}, Email: "jane@example.com"}, p.err
}
