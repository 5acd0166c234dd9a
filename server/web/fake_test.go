package web_test

import (
	"context"
	"sync"
	"time"

	"foyer/app"
)

// fakeDomain stands for the domain: it keeps what it is asked in memory, with the errors the real one has. The tests
// through the real store are those of package server.
type fakeDomain struct {
	mu            sync.Mutex
	settings      app.Settings
	signUps       []app.SignUpForm
	visitors      []app.Visitor
	forgotten     []string
	stopped       []string
	failWith      error // what every call that may fail answers, when it is set
	account       app.Account
	password      string
	sessions      map[app.Token]bool
	registrations map[app.Token]app.Registration
	gone          map[app.Token]string // reasons of links that do not work
	code          string
	resets        map[app.Token]bool
	stops         map[app.Token]app.Address
	listed        func(app.Address) bool
	fakeIdentities
}

func address(s string) app.Address {
	addr, err := app.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return addr
}

// The links and the people every fakeDomain knows.
var (
	confirmToken = app.Token("confirm-token-0000000000000000000000000000000")
	idnToken     = app.Token("confirm-token-idn-00000000000000000000000000")
	spentToken   = app.Token("spent-token")
	expiredToken = app.Token("expired-token")
	resetToken   = app.Token("reset-token")
	stopToken    = app.Token("stop-token")
)

const (
	goodPassword = "correct horse battery"
	goodCode     = "ABCD2345"
)

func newFakeDomain() *fakeDomain {
	settings, err := app.ParseSettings(map[string]string{
		"login_link": "on", "site_name": "Novák & Partners", "contact": "office@novak.example", "public_url": "http://localhost:8080",
	})
	if err != nil {
		panic(err)
	}
	registration := func(email string) app.Registration {
		return app.Registration{Email: address(email), FirstName: "Jane", LastName: "Doe", Company: "Example Ltd"}
	}
	withIdentity := registration("eva@example.com")
	withIdentity.Identity = &app.Identity{Connector: google.Name, Email: "eva@gmail.com"}
	return &fakeDomain{
		settings: settings,
		account: app.Account{
			ID: 1, Email: address("jane@example.com"), FirstName: "Jane", LastName: "Doe", Phone: "+421 2 1234 5678",
			Company: "Example Ltd", CompanyEnabled: true, Groups: []string{app.CustomerAccounts, "Newsletter"},
			State: app.AccountActive, Lang: "en", PasswordHash: "a PHC string", CreatedAt: time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC),
		},
		password: goodPassword,
		sessions: map[app.Token]bool{},
		registrations: map[app.Token]app.Registration{
			confirmToken: registration("jane@example.com"), idnToken: registration("jane@xn--mnchen-3ya.example"),
			identityToken: withIdentity,
		},
		gone:   map[app.Token]string{spentToken: "link_spent", expiredToken: "link_expired"},
		code:   goodCode,
		resets: map[app.Token]bool{resetToken: true},
		stops:  map[app.Token]app.Address{stopToken: address("jane@example.com")},
		listed: func(app.Address) bool { return true },

		fakeIdentities: newFakeIdentities(),
	}
}

func (d *fakeDomain) set(change func(*app.Settings)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.settings)
}

func (d *fakeDomain) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failWith = err
}

func (d *fakeDomain) signedUp() []app.SignUpForm {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]app.SignUpForm(nil), d.signUps...)
}

func (d *fakeDomain) signIn() app.Token {
	d.mu.Lock()
	defer d.mu.Unlock()
	token := app.NewToken()
	d.sessions[token] = true
	return token
}

func (d *fakeDomain) Settings() app.Settings {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settings
}

func (d *fakeDomain) SignUp(_ context.Context, f app.SignUpForm, v app.Visitor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	addr, err := app.ParseAddress(f.Email)
	if err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return err
	}
	d.signUps, d.visitors = append(d.signUps, f), append(d.visitors, v)
	if d.failWith == nil && !d.settings.NeutralAnswers && !d.listed(addr) {
		return app.Errorf(app.Denied, "not_enabled", "the address %s is not enabled for an account here", addr).With("Email", addr.String())
	}
	return d.failWith
}

func (d *fakeDomain) Registration(_ context.Context, token app.Token) (app.Registration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.registration(token)
}

func (d *fakeDomain) registration(token app.Token) (app.Registration, error) {
	if r, ok := d.registrations[token]; ok {
		return r, nil
	}
	reason := d.gone[token]
	if reason == "" {
		reason = "link_unknown"
	}
	return app.Registration{}, app.Errorf(app.Gone, reason, "the link does not work")
}

func (d *fakeDomain) Confirm(_ context.Context, token app.Token, password, confirm string, _ app.Visitor) (app.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, err := d.registration(token)
	if err != nil {
		return app.Account{}, err
	}
	if err := app.CheckPassword(password, confirm, r.Email); err != nil {
		return app.Account{}, err
	}
	if d.failWith != nil {
		return app.Account{}, d.failWith
	}
	if r.Identity != nil {
		return app.Account{}, app.Errorf(app.Denied, "identity_needed", "sign in first")
	}
	delete(d.registrations, token)
	d.gone[token] = "link_spent"
	return d.account, nil
}

func (d *fakeDomain) byCode(email, code string) (app.Token, error) {
	addr, err := app.ParseAddress(email)
	if err != nil {
		return "", err
	}
	for token, r := range d.registrations {
		if r.Email.Key() == addr.Key() && app.NormalizeCode(code) == d.code {
			return token, nil
		}
	}
	return "", app.Errorf(app.Gone, "code_wrong", "the code is not right")
}

func (d *fakeDomain) RegistrationByCode(_ context.Context, email, code string, _ app.Visitor) (app.Registration, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	token, err := d.byCode(email, code)
	if err != nil {
		return app.Registration{}, err
	}
	return d.registrations[token], nil
}

func (d *fakeDomain) ConfirmCode(ctx context.Context, email, code, password, confirm string, v app.Visitor) (app.Account, error) {
	d.mu.Lock()
	token, err := d.byCode(email, code)
	d.mu.Unlock()
	if err != nil {
		return app.Account{}, err
	}
	return d.Confirm(ctx, token, password, confirm, v)
}

func (d *fakeDomain) SignIn(_ context.Context, email, password string, v app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visitors = append(d.visitors, v)
	if d.failWith != nil {
		return "", d.failWith
	}
	if email != d.account.Email.String() || password != d.password {
		return "", app.Errorf(app.Denied, "signin_wrong", "the address or the password is not right")
	}
	if err := d.account.MayEnter(); err != nil {
		return "", err
	}
	token := app.NewToken()
	d.sessions[token] = true
	return token, nil
}

func (d *fakeDomain) Session(_ context.Context, token app.Token) (app.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.sessions[token] {
		return app.Session{}, app.Errorf(app.Denied, "signin_needed", "sign in first")
	}
	return app.Session{Account: d.account, Hash: token.Hash()}, nil
}

func (d *fakeDomain) SignOut(_ context.Context, token app.Token, _ app.Visitor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, token)
	return nil
}

func (d *fakeDomain) Forgot(_ context.Context, email string, _ app.Visitor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := app.ParseAddress(email); err != nil {
		return err
	}
	d.forgotten = append(d.forgotten, email)
	return d.failWith
}

func (d *fakeDomain) ResetLink(_ context.Context, token app.Token) (app.Account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.resets[token] {
		return app.Account{}, app.Errorf(app.Gone, "link_unknown", "the link does not work")
	}
	return d.account, nil
}

func (d *fakeDomain) Reset(ctx context.Context, token app.Token, password, confirm string, _ app.Visitor) error {
	account, err := d.ResetLink(ctx, token)
	if err != nil {
		return err
	}
	if err := account.MayEnter(); err != nil {
		return err
	}
	if err := app.CheckPassword(password, confirm, account.Email); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.resets, token)
	clear(d.sessions)
	d.password = password
	return nil
}

func (d *fakeDomain) ChangePassword(_ context.Context, _ app.Token, current, password, confirm string, _ app.Visitor) (app.Token, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := app.CheckPassword(password, confirm, d.account.Email); err != nil {
		return "", err
	}
	if current != d.password {
		return "", app.Fieldf("current_password", "password_current", "this is not your present password")
	}
	clear(d.sessions)
	next := app.NewToken()
	d.sessions[next], d.password = true, password
	return next, nil
}

func (d *fakeDomain) UpdateProfile(_ context.Context, _ app.Token, p app.Profile, _ app.Visitor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := p.Check(); err != nil {
		return err
	}
	if d.failWith != nil {
		return d.failWith
	}
	d.account.FirstName, d.account.LastName, d.account.Phone = p.FirstName, p.LastName, p.Phone
	return nil
}

func (d *fakeDomain) StopLink(token app.Token) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.stops[token]; !ok {
		return app.Errorf(app.Gone, "link_unknown", "the link does not work")
	}
	return nil
}

func (d *fakeDomain) Stop(_ context.Context, token app.Token, email string, _ app.Visitor) error {
	if err := d.StopLink(token); err != nil {
		return err
	}
	addr, err := app.ParseAddress(email)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stops[token].Key() != addr.Key() {
		return app.Fieldf("email", "stop_address", "the mail with this link went to another address")
	}
	d.stopped = append(d.stopped, email)
	return nil
}
