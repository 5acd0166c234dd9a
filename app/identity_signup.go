package app

import (
	"context"
	"time"
)

// SignUpIdentity takes the registration form of an identity that the browser has brought back. It returns "" after the
// registration and its confirmation mail are durable; or, where the administrator trusts the provider's word for this
// address, the cookie of a session of the account that was made. Invalid with the field that is wrong; the refusals of
// Arrive; Conflict, "account_exists"; Limited, "identity_mail_limit", when the address may get no more mail for now.
func (s *Service) SignUpIdentity(ctx context.Context, browser Token, profile Profile, v Visitor) (Token, error) {
	p, err := s.provenBy(browser)
	if err != nil {
		return "", err
	}
	if err := profile.Check(); err != nil {
		return "", err
	}
	addr, err := p.claims.Address()
	if err != nil {
		return "", s.refuseIdentity(ctx, p, err, v)
	}
	if p.connector, err = s.stillOpen(p.connector); err != nil {
		return "", err
	}
	verdict, err := s.mayRegister(ctx, p.connector, p.claims, addr)
	if err != nil {
		return "", s.refuseIdentity(ctx, p, err, v)
	}
	limits := s.Settings().Limits
	if !s.limiter.Allow("signup "+v.network(), limits.SignupPerIP, time.Hour, time.Now()) {
		return "", s.turnAway(ctx, v.event(ActSignUp, addr.String()), v, tooMany())
	}
	r := s.request(ActSignUp, addr, v, limits.ConfirmTTL())
	identity := p.claims.identity(p.connector.Name, r.CreatedAt)
	r.FirstName, r.LastName, r.Phone = profile.FirstName, profile.LastName, profile.Phone
	r.Identity, r.Browser = &identity, browser.Hash()
	r.Event.Detail, r.Event.Through = "with "+p.connector.Name, p.connector.Name
	if p.claims.Vouched(p.connector, addr, s.directory.Load().tenants[verdict.CompanyID]) {
		r.CompanyID, r.Company, r.Entry = verdict.CompanyID, verdict.Company, verdict.Entry
		return s.createAccount(ctx, r.Registration, browser, v)
	}
	d, err := s.send(ctx, r)
	if err != nil {
		return "", err
	}
	return "", unsent(d, addr)
}

// unsent returns why the mail a known person waits for was not written, or nil when it was.
func unsent(d Decision, addr Address) error {
	switch {
	case d.Mail != "":
		return nil
	case d.Reason == "account_exists":
		return Errorf(Conflict, "account_exists", "there is an account with this address already")
	case d.Reason == "account_disabled":
		return accountDisabled()
	case d.Reason == "company_disabled":
		return companyDisabled()
	case !d.Verdict.Allowed && d.Reason == string(d.Verdict.Reason):
		return notListed(addr)
	default:
		return Errorf(Limited, "identity_mail_limit", "no more mail can be sent to %s for now", addr).With("Email", addr.String())
	}
}

// createAccount makes the account of an identity whose provider vouches for its address.
func (s *Service) createAccount(ctx context.Context, r Registration, browser Token, v Visitor) (Token, error) {
	token, session := newSession(Account{Email: r.Email}, v, r.Identity.Connector)
	event := v.event(ActConfirm, r.Email.String())
	event.Company, event.Entry, event.Detail = r.Company, r.Entry, "with "+r.Identity.Connector+", which vouches for the address"
	event.Through = r.Identity.Connector
	account, err := s.store.CreateAccount(ctx, r, session, event)
	if err != nil {
		return "", err
	}
	s.proven.remove(browser.Hash())
	s.created(account)
	return token, nil
}

// Forget makes the browser hold no identity any more: somebody has signed out there.
func (s *Service) Forget(browser Token) { s.proven.remove(browser.Hash()) }

// Holds reports whether the browser may confirm a registration of an identity: it brought the identity when it signed up,
// or has just signed in with it again.
func (s *Service) Holds(r Registration, browser Token) bool {
	return browser != "" && r.HeldBy(browser.Hash(), s.provenKey(browser))
}

// Through returns how people call the provider of a registration, "" for one by form.
func (s *Service) Through(r Registration) string { return s.titleOf(r.Through()) }

// titleOf returns how people call the provider of a connector; of one that was removed its name is all there is.
func (s *Service) titleOf(name string) string {
	c, err := s.connector(name)
	if err != nil {
		return name
	}
	return c.Title()
}

// ConfirmIdentity makes the account of a registration of an identity that a link belongs to. Gone as Registration; Denied,
// "identity_needed", in a browser that does not hold the identity; Conflict, "no_longer_eligible" or "identity_taken".
func (s *Service) ConfirmIdentity(ctx context.Context, token, browser Token, v Visitor) (Account, error) {
	r, err := s.Registration(ctx, token)
	if err != nil {
		return Account{}, err
	}
	return s.activateIdentity(ctx, r, token.Hash(), browser, v)
}

// ConfirmFound does with a registration that RegistrationByCode has returned what ConfirmIdentity does with the link.
func (s *Service) ConfirmFound(ctx context.Context, r Registration, browser Token, v Visitor) (Account, error) {
	return s.activateIdentity(ctx, r, r.link, browser, v)
}

func (s *Service) activateIdentity(ctx context.Context, r Registration, hash TokenHash, browser Token, v Visitor) (Account, error) {
	// The switch for sign-up does not count any more, but an account nobody can sign in to helps nobody.
	if r.Identity != nil {
		if _, ok := s.connectorOf(r.CompanyID, *r.Identity); !ok {
			return Account{}, Errorf(Closed, "connector_off", "signing in with %s is switched off", s.Through(r)).With("Through", s.Through(r))
		}
	}
	event := v.event(ActConfirm, r.Email.String())
	event.Detail, event.Through = "with "+r.Through(), r.Through()
	activation := Activation{Token: hash, Now: event.At, Event: event, Identity: s.provenKey(browser)}
	if browser != "" {
		activation.Browser = browser.Hash()
	}
	account, err := s.store.Activate(ctx, activation)
	if e, ok := asRefusal(err); ok {
		return Account{}, e.With("Through", s.Through(r))
	}
	if err != nil {
		return Account{}, err
	}
	s.proven.remove(browser.Hash())
	s.created(account)
	return account, nil
}
