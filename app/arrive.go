package app

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Destination is where a browser goes on after it came back from a provider.
type Destination string

// The destinations.
const (
	ToAccount    Destination = "account"     // signed in
	ToForm       Destination = "form"        // the registration form, prefilled
	ToHasAccount Destination = "has_account" // the address has an account: prove that it is yours
	ToConfirm    Destination = "confirm"     // back to the confirmation link
	ToLink       Destination = "link"        // the question whether to add the identity
	ToAgain      Destination = "again"       // signed in afresh
)

// Arrival is what came of a sign-in with a provider. Session is the cookie of the session that has begun, or "".
type Arrival struct {
	Session Token
	To      Destination
}

// openConnector returns a connector people may sign in with now. NotFound; Closed when it is disabled or cannot work.
func (s *Service) openConnector(name string) (Connector, error) {
	c, err := s.connector(name)
	if err != nil {
		return Connector{}, err
	}
	if !c.Enabled || !c.Works(s.Settings().PublicURL) {
		return Connector{}, Errorf(Closed, "connector_off", "signing in with %s is switched off", c.Title()).With("Through", c.Title())
	}
	return c, nil
}

// stillOpen is openConnector for one that was read before: it must not have been replaced, or point elsewhere, since.
func (s *Service) stillOpen(c Connector) (Connector, error) {
	now, err := s.openConnector(c.Name)
	if CodeOf(err) == NotFound || err == nil && (now.ID != c.ID || now.ClientID != c.ClientID || now.Issuer != c.Issuer || now.Tenant != c.Tenant) {
		return Connector{}, Errorf(Denied, "identity_gone", "sign in with the provider again; its settings have changed")
	}
	return now, err
}

// StartIdentity begins a sign-in with a provider, for the browser that holds the secret browser. NotFound,
// "connector_unknown"; Closed, "connector_off"; Denied, "signin_needed" or "fresh_needed", when it is for a session that
// is not there or not fresh; Gone when it is for a confirmation link that is none; Limited after too many.
func (s *Service) StartIdentity(ctx context.Context, name string, start Start, browser Token, v Visitor) (Challenge, error) {
	c, err := s.openConnector(name)
	if err != nil {
		return Challenge{}, err
	}
	if err := s.mayStart(ctx, start); err != nil {
		return Challenge{}, err
	}
	limits, now := s.Settings().Limits, time.Now()
	if !s.limiter.Allow("provider "+v.network(), limits.IdentityPerIP, 5*time.Minute, now) {
		return Challenge{}, s.turnAway(ctx, v.event(ActSignIn, c.Name), v, tooMany())
	}
	challenge := Challenge{
		Connector: c, RedirectURI: c.RedirectURI(s.Settings().PublicURL),
		State: NewToken(), Nonce: NewToken(), Verifier: NewToken(), Prompt: prompt(c.Kind, start), Start: start,
	}
	s.flows.put(challenge.State.Hash(), v.network(), flow{challenge, browser.Hash()}, limits.FlowsPerIP, now)
	return challenge, nil
}

// mayStart returns why a sign-in may not begin for what it is wanted for, or nil.
func (s *Service) mayStart(ctx context.Context, start Start) error {
	switch start.Purpose {
	case ForConfirm:
		r, err := s.Registration(ctx, start.Confirm)
		if err == nil && r.Identity == nil {
			err = Errorf(Gone, "link_unknown", "this link is not one of a sign-up with a provider")
		}
		return err
	case ForLink:
		_, err := s.freshSession(ctx, start.Session)
		return err
	case ForAgain:
		_, err := s.Session(ctx, start.Session)
		return err
	case ForSignIn:
	}
	return nil
}

// prompt returns what the provider is asked to show. That a person may choose the account is "select_account" at
// Microsoft and Google; OpenID Connect obliges every provider to understand "login" (Core, 15.1), and not that.
func prompt(kind ConnectorKind, start Start) string {
	switch {
	case start.Purpose == ForAgain && kind != ConnectorGoogle:
		return "login"
	case !start.Another && start.Purpose != ForAgain && start.Purpose != ForLink:
		return ""
	case kind == ConnectorOIDC:
		return "login"
	default:
		return "select_account"
	}
}

// TakeChallenge returns the sign-in that a state belongs to, once, to the browser it was begun in and for the connector
// it was begun with. Invalid, "flow_unknown", whatever is the matter; Closed when the connector was switched off since.
func (s *Service) TakeChallenge(name string, state, browser Token) (Challenge, error) {
	f, ok := s.flows.take(state.Hash(), time.Now())
	if !ok || f.challenge.Connector.Name != name || !same(f.browser, browser.Hash()) {
		return Challenge{}, Errorf(Invalid, "flow_unknown", "this sign-in was begun in another browser, has taken too long, or was used already; begin again")
	}
	if _, err := s.stillOpen(f.challenge.Connector); err != nil {
		return Challenge{}, err
	}
	return f.challenge, nil
}

// IdentityFailed notes that the provider's part of a sign-in has failed, for the audit and for the administrator, and
// returns the error to show.
func (s *Service) IdentityFailed(ctx context.Context, ch Challenge, err error, v Visitor) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	why := e.Args["Why"]
	if why == "" {
		why = e.Reason
	}
	detail := why
	if e.Err != nil {
		detail += ": " + e.Err.Error()
	}
	if problem := providerProblem(e.Reason, why, detail); problem != "" {
		s.note(ch.Connector, func(h *connectorHealth) { h.problem, h.problemAt = problem, time.Now() })
	}
	event := v.event(ActSignIn, ch.Connector.Name)
	event.Through = ch.Connector.Name
	if e.Reason == ProviderDenied || slices.Contains(fromBrowser, why) {
		// It costs a visitor nothing: a flood of these must not fill the audit.
		if auditErr := s.report(ctx, event, v, why); auditErr != nil {
			return auditErr
		}
		return e.With("Through", ch.Connector.Title())
	}
	event.Outcome, event.Detail = why, e.Reason
	if auditErr := s.store.AddEvent(context.WithoutCancel(ctx), event); auditErr != nil {
		return auditErr
	}
	return e.With("Through", ch.Connector.Title())
}

// fromBrowser are the failures that came with the browser: anybody can have written them.
var fromBrowser = []string{"temporarily_unavailable", "server_error", "error_answer", "no_code"}

// providerProblem returns what the administrator should know of a failure, or "" when it is the visitor's own.
func providerProblem(reason, why, detail string) string {
	switch {
	case slices.Contains(fromBrowser, why):
		return ""
	case reason == ProviderRefusedUs:
		return "the provider does not accept our client id or secret (" + why + "); check client_id and client_secret, and whether the secret has expired"
	case reason == ProviderUnreachable:
		return "the provider did not answer as it should (" + detail + "); check the issuer or tenant, and whether this machine reaches it"
	case reason == ProviderRefused && (why == "bad_time" || why == "token_expired"):
		return "the provider's answer is from another time (" + why + "); check the clock of this machine"
	case reason == ProviderRefused:
		return "the provider's answer did not pass our checks (" + why + ")"
	}
	return ""
}

// Arrive decides what becomes of an identity that a browser has brought back. A known one is signed in. Everything that is
// refused is said openly: the person is known. The address never finds the account: only issuer and subject do.
func (s *Service) Arrive(ctx context.Context, ch Challenge, claims Claims, browser Token, v Visitor) (Arrival, error) {
	c, err := s.stillOpen(ch.Connector) // the provider may have taken its time
	if err != nil {
		return Arrival{}, err
	}
	ch.Connector = c
	s.note(ch.Connector, func(h *connectorHealth) { *h = connectorHealth{signIn: time.Now()} })
	p := proven{connector: ch.Connector, claims: claims, purpose: ch.Start.Purpose}
	arrive := s.arriveSignIn
	switch ch.Start.Purpose {
	case ForConfirm:
		arrive = s.arriveConfirm
	case ForLink:
		arrive = s.arriveLink
	case ForAgain:
		arrive = s.arriveAgain
	case ForSignIn:
	}
	arrival, err := arrive(ctx, ch, &p, v)
	if err != nil {
		return Arrival{}, s.refuseIdentity(ctx, p, err, v)
	}
	if arrival.Session == "" {
		s.proven.put(browser.Hash(), v.network(), p, s.Settings().Limits.FlowsPerIP, time.Now())
	}
	return arrival, nil
}

// refuseIdentity writes the refusal of an identity to the audit and returns it with what its sentence needs.
func (s *Service) refuseIdentity(ctx context.Context, p proven, err error, v Visitor) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code == Internal || e.Code == Unavailable {
		return err
	}
	event := v.event(ActSignIn, p.connector.Name)
	event.Through = p.connector.Name
	event.Outcome, event.Detail = e.Reason, "with "+p.connector.Name
	if addr, parseErr := p.claims.Address(); parseErr == nil {
		event.Subject = addr.String()
		e = e.With("Email", addr.String())
	}
	if e.Reason == "identity_other" {
		event.Outcome = "subject_changed"
	}
	if auditErr := s.store.AddEvent(context.WithoutCancel(ctx), event); auditErr != nil {
		return auditErr
	}
	return e.With("Through", p.connector.Title())
}

func (s *Service) arriveSignIn(ctx context.Context, ch Challenge, p *proven, v Visitor) (Arrival, error) {
	account, err := s.store.AccountByIdentity(ctx, p.claims.IdentityKey)
	switch {
	case CodeOf(err) == NotFound:
		return s.arriveNew(ctx, ch.Connector, p.claims)
	case err != nil:
		return Arrival{}, err
	}
	token, err := s.signInIdentity(ctx, account, *p, v)
	return Arrival{Session: token, To: ToAccount}, err
}

// signInIdentity begins a session of the account a known identity is linked to.
func (s *Service) signInIdentity(ctx context.Context, a Account, p proven, v Visitor) (Token, error) {
	if err := a.MayEnter(); err != nil {
		return "", err
	}
	if !s.tenantAllowed(p.connector, p.claims, a.CompanyID) {
		return "", tenantNotAllowed()
	}
	token, session := newSession(a, v, p.connector.Name)
	event := v.event(ActSignIn, a.Email.String())
	event.Company, event.Detail, event.Through = a.Company, "with "+p.connector.Name, p.connector.Name
	_, err := s.store.SignInIdentity(ctx, IdentitySignIn{
		Key: p.claims.IdentityKey, Email: p.claims.identity("", event.At).Email, Session: session, Event: event,
	})
	return token, err
}

func tenantNotAllowed() *Error {
	return Errorf(Denied, "tenant_not_allowed", "the organisation this account belongs to is not set for the company of its address")
}

func (s *Service) tenantAllowed(c Connector, claims Claims, companyID int64) bool {
	return c.TenantAllowed(s.directory.Load().tenants[companyID], claims.Tenant)
}

// arriveNew decides about an identity that is linked to no account.
func (s *Service) arriveNew(ctx context.Context, c Connector, claims Claims) (Arrival, error) {
	addr, err := claims.Address()
	if err != nil && !c.SignUp {
		return Arrival{}, signUpClosed(c)
	}
	if err != nil {
		return Arrival{}, err
	}
	account, err := s.store.AccountByEmail(ctx, addr)
	if err == nil {
		return Arrival{To: ToHasAccount}, s.mayLink(c, claims, account)
	}
	if CodeOf(err) != NotFound {
		return Arrival{}, err
	}
	_, err = s.mayRegister(ctx, c, claims, addr)
	return Arrival{To: ToForm}, err
}

// mayLink returns why an identity cannot be linked to an account, or nil.
func (s *Service) mayLink(c Connector, claims Claims, a Account) error {
	if err := a.MayEnter(); err != nil {
		return err
	}
	if !s.tenantAllowed(c, claims, a.CompanyID) {
		return tenantNotAllowed()
	}
	// Another person at the same provider, with the same address: a domain that lapsed and was bought by somebody else
	// gives new owners the old addresses. A mail to the address proves nothing then.
	for _, other := range a.Identities {
		if other.Issuer == claims.Issuer && !other.SamePerson(claims.identity("", time.Time{})) {
			return identityOther(a)
		}
	}
	return nil
}

func identityOther(a Account) *Error {
	return Errorf(Denied, "identity_other", "the account %s is connected with another account of this provider", a.Email)
}

func notListed(addr Address) *Error {
	return Errorf(Denied, "identity_not_listed", "the address %s is not enabled for an account here", addr).With("Email", addr.String())
}

func signUpClosed(c Connector) *Error {
	return Errorf(Closed, "identity_signup_closed", "no new accounts are created with %s", c.Title())
}

// mayRegister asks the gate whether an identity may have an account at addr.
func (s *Service) mayRegister(ctx context.Context, c Connector, claims Claims, addr Address) (Verdict, error) {
	if !c.SignUp {
		return Verdict{}, signUpClosed(c)
	}
	entries, err := s.store.EntriesFor(ctx, Candidates(addr))
	if err != nil {
		return Verdict{}, err
	}
	verdict := Gate(addr, entries)
	switch {
	case verdict.Reason == CompanyDisabled:
		return verdict, companyDisabled()
	case !verdict.Allowed:
		return verdict, notListed(addr)
	case !s.tenantAllowed(c, claims, verdict.CompanyID):
		return verdict, tenantNotAllowed()
	}
	return verdict, nil
}

// arriveConfirm takes the identity of a registration that was signed in with again, and no other.
func (s *Service) arriveConfirm(ctx context.Context, ch Challenge, p *proven, _ Visitor) (Arrival, error) {
	r, err := s.Registration(ctx, ch.Start.Confirm)
	if err != nil {
		return Arrival{}, err
	}
	if r.Identity == nil || r.Identity.IdentityKey != p.claims.IdentityKey {
		return Arrival{}, identityDiffers()
	}
	return Arrival{To: ToConfirm}, nil
}

func identityDiffers() *Error {
	return Errorf(Denied, "identity_differs", "this is another account than the one that is needed here")
}

// arriveLink takes an identity that a signed-in person wants to add. Nothing is linked before that was confirmed.
func (s *Service) arriveLink(ctx context.Context, ch Challenge, p *proven, _ Visitor) (Arrival, error) {
	session, err := s.freshSession(ctx, ch.Start.Session)
	if err != nil {
		return Arrival{}, err
	}
	account, err := s.store.AccountByEmail(ctx, session.Account.Email)
	if err != nil {
		return Arrival{}, err
	}
	owner, err := s.store.AccountByIdentity(ctx, p.claims.IdentityKey)
	switch {
	case err == nil && owner.ID == account.ID:
		return Arrival{To: ToAccount}, nil // it is linked already
	case err == nil:
		return Arrival{}, Errorf(Conflict, "identity_taken", "this account of the provider belongs to another account here")
	case CodeOf(err) != NotFound:
		return Arrival{}, err
	}
	p.session = session.Hash
	return Arrival{To: ToLink}, s.mayLink(p.connector, p.claims, account)
}

// arriveAgain takes an identity of the account that is signed in, and begins a fresh session of it.
func (s *Service) arriveAgain(ctx context.Context, ch Challenge, p *proven, v Visitor) (Arrival, error) {
	session, err := s.Session(ctx, ch.Start.Session)
	if err != nil {
		return Arrival{}, err
	}
	account, err := s.store.AccountByIdentity(ctx, p.claims.IdentityKey)
	if CodeOf(err) == NotFound || err == nil && account.ID != session.Account.ID {
		return Arrival{}, identityDiffers()
	}
	if err != nil {
		return Arrival{}, err
	}
	token, err := s.signInIdentity(ctx, account, *p, v)
	return Arrival{Session: token, To: ToAgain}, err
}

// Proven is an identity that a browser has brought back, as the pages show it.
type Proven struct {
	Connector  Connector
	Account    string  // how the person is called at the provider, to show
	Address    Address // zero when the provider gave none that can be used
	Company    string  // where a new account would be
	Profile    Profile // the names the provider suggests
	HasAccount bool    // the address has an account
	Waiting    bool    // a registration of this identity waits for its mail
	Vouched    bool    // no mail is needed
}

// provenBy returns what a browser has brought back for a sign-in. Denied, "identity_gone".
func (s *Service) provenBy(browser Token) (proven, error) {
	p, ok := s.proven.get(browser.Hash(), time.Now())
	if !ok || browser == "" {
		return proven{}, Errorf(Denied, "identity_gone", "sign in with the provider again; that was too long ago, or in another browser")
	}
	return p, nil
}

// provenKey returns the identity a browser has brought back, or nil.
func (s *Service) provenKey(browser Token) *IdentityKey {
	p, err := s.provenBy(browser)
	if err != nil {
		return nil
	}
	return &p.claims.IdentityKey
}

// Proven returns what the browser has brought back from a provider. Denied, "identity_gone", when that is nothing, or was
// too long ago; and the refusals of Arrive, should something have changed since.
func (s *Service) Proven(ctx context.Context, browser Token) (Proven, error) {
	p, err := s.provenBy(browser)
	if err != nil {
		return Proven{}, err
	}
	addr, err := p.claims.Address()
	if err != nil {
		return Proven{}, throughError(err, p.connector)
	}
	shown := p.show(addr)
	c, err := s.stillOpen(p.connector)
	if err != nil {
		return Proven{}, err
	}
	account, err := s.store.AccountByEmail(ctx, addr)
	if err == nil {
		shown.HasAccount, shown.Company = true, account.Company
		return shown, throughError(s.mayLink(c, p.claims, account), c, addr)
	}
	if CodeOf(err) != NotFound {
		return Proven{}, err
	}
	verdict, err := s.mayRegister(ctx, c, p.claims, addr)
	if err != nil {
		return Proven{}, throughError(err, c, addr)
	}
	shown.Company = verdict.Company
	shown.Vouched = p.claims.Vouched(c, addr, s.directory.Load().tenants[verdict.CompanyID])
	_, err = s.store.RegistrationByIdentity(ctx, p.claims.IdentityKey, time.Now())
	shown.Waiting = err == nil
	if CodeOf(err) == NotFound {
		err = nil
	}
	return shown, err
}

// throughError returns err with what its sentence needs.
func throughError(err error, c Connector, addr ...Address) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	for _, a := range addr {
		e = e.With("Email", a.String())
	}
	return e.With("Through", c.Title())
}

// show returns what the pages show of the identity. The connector goes without its secrets.
func (p proven) show(addr Address) Proven {
	c := p.connector
	c.ClientID, c.ClientSecret = "", ""
	shown := Proven{Connector: c, Address: addr, Profile: p.claims.Profile()}
	for _, name := range []string{p.claims.Email, p.claims.Username, p.claims.Subject} {
		if name != "" && checkText(name, 254) == "" {
			shown.Account = name
			break
		}
	}
	return shown
}

// BrowserTTL is how long the browser's cookie lives: as long as a confirmation link, because a registration is bound to
// the browser.
func (s *Service) BrowserTTL() time.Duration {
	return min(s.Settings().Limits.ConfirmTTL(), 400*24*time.Hour)
}
