package app

import (
	"context"
	"errors"
	"time"
)

// asRefusal returns err as an Error that is no fault of ours.
func asRefusal(err error) (*Error, bool) {
	e, ok := errors.AsType[*Error](err)
	return e, ok && e.Code != Internal && e.Code != Unavailable
}

// Fresh reports whether the person has signed in so recently that the ways in may be changed (OWASP ASVS 7.5.1).
func (s *Service) Fresh(session Session) bool {
	return time.Since(session.CreatedAt).Abs() <= s.Settings().Limits.FreshTTL()
}

// mayChange returns the session of a cookie when it is fresh and the account's ways in were not changed too often: each
// change sends a notice. Denied as freshSession; Limited.
func (s *Service) mayChange(ctx context.Context, token Token, action Action, v Visitor) (Session, error) {
	session, err := s.freshSession(ctx, token)
	if err != nil {
		return session, err
	}
	email := session.Account.Email
	if !s.limiter.Allow("ways "+email.Key(), s.Settings().Limits.PasswordChanges, time.Hour, time.Now()) {
		return session, s.turnAway(ctx, v.event(action, email.String()), v, tooMany())
	}
	return session, nil
}

// freshSession returns the session of a cookie. Denied, "signin_needed" when there is none, "fresh_needed" when the
// sign-in was too long ago.
func (s *Service) freshSession(ctx context.Context, token Token) (Session, error) {
	session, err := s.Session(ctx, token)
	if err == nil && !s.Fresh(session) {
		err = Errorf(Denied, "fresh_needed", "sign in once more before you change how you sign in")
	}
	return session, err
}

// SignInAgain checks the password of the person who is signed in and returns the cookie of a fresh session. Denied,
// "signin_needed"; Invalid on field "current_password"; Limited after too many wrong ones.
func (s *Service) SignInAgain(ctx context.Context, token Token, password string, v Visitor) (Token, error) {
	session, err := s.Session(ctx, token)
	if err != nil {
		return "", err
	}
	next, err := s.SignIn(ctx, session.Account.Email.String(), password, v)
	if ReasonOf(err) == "signin_wrong" {
		return "", Fieldf("current_password", "password_current", "this is not your present password")
	}
	return next, err
}

// WayIn is an identity as the account page shows it.
type WayIn struct {
	ID        int64
	Connector string // the name of a connector that signs in with it, "" for none
	Title     string // how people call the provider
	Email     string // what the provider says the address is
	Since     time.Time
	Seen      time.Time
	Usable    bool // one can sign in with it today
}

// WaysIn returns the identities of the account that is signed in.
func (s *Service) WaysIn(ctx context.Context, session Session) ([]WayIn, error) {
	account, err := s.store.AccountByEmail(ctx, session.Account.Email)
	if err != nil {
		return nil, err
	}
	var ways []WayIn
	for _, identity := range account.Identities {
		way := WayIn{ID: identity.ID, Title: identity.Issuer, Email: identity.Email, Since: identity.CreatedAt, Seen: identity.SeenAt}
		if c, ok := s.connectorOf(account.CompanyID, identity); ok {
			way.Connector, way.Title, way.Usable = c.Name, c.Title(), true
		} else if c, err := s.connector(identity.Connector); err == nil && c.Issues(identity.Issuer) {
			way.Title = c.Title()
		}
		ways = append(ways, way)
	}
	return ways, nil
}

// connectorOf returns a connector with which one can sign in with an identity now.
func (s *Service) connectorOf(companyID int64, identity Identity) (Connector, bool) {
	url, d := s.Settings().PublicURL, s.directory.Load()
	for _, c := range d.connectors {
		if c.Enabled && c.Issues(identity.Issuer) && c.Works(url) && c.TenantAllowed(d.tenants[companyID], identity.Tenant) {
			return c, true
		}
	}
	return Connector{}, false
}

// LinkOffer returns the identity that was brought back to be added to the account that is signed in. Denied,
// "signin_needed" or "identity_gone".
func (s *Service) LinkOffer(ctx context.Context, token, browser Token) (Proven, error) {
	session, err := s.Session(ctx, token)
	if err != nil {
		return Proven{}, err
	}
	p, err := s.provenForLink(session, browser)
	if err != nil {
		return Proven{}, err
	}
	addr, err := p.claims.Address()
	if err != nil {
		addr = Address{} // it is added by who is signed in, whatever its address
	}
	return p.show(addr), nil
}

func (s *Service) provenForLink(session Session, browser Token) (proven, error) {
	p, err := s.provenBy(browser)
	if err == nil && (p.purpose != ForLink || !same(p.session, session.Hash)) {
		err = Errorf(Denied, "identity_gone", "sign in with the provider again; that was too long ago, or for another account")
	}
	return p, err
}

// Link adds the identity that was brought back to the account that is signed in, ends its other sessions, and returns
// the cookie under which this one goes on. A notice mail follows. Denied, "signin_needed", "fresh_needed" or
// "identity_gone"; Conflict, "identity_taken" or "identity_other".
func (s *Service) Link(ctx context.Context, token, browser Token, v Visitor) (Token, error) {
	session, err := s.mayChange(ctx, token, ActLink, v)
	if err != nil {
		return "", err
	}
	p, err := s.provenForLink(session, browser)
	if err != nil {
		return "", err
	}
	if p.connector, err = s.stillOpen(p.connector); err != nil {
		return "", err
	}
	if !s.tenantAllowed(p.connector, p.claims, session.Account.CompanyID) {
		return "", s.refuseIdentity(ctx, p, tenantNotAllowed(), v)
	}
	next, change, err := s.linkChange(session.Account, p.claims.identity(p.connector.Name, time.Now()), ActLink, MailLinked, p.connector.Title(), v)
	if err != nil {
		return "", err
	}
	change.Session, change.Keep.CreatedAt, change.Keep.Through = session.Hash, session.CreatedAt, session.Through
	if err := s.store.Link(ctx, change); err != nil {
		return "", s.refuseIdentity(ctx, p, err, v)
	}
	s.proven.remove(browser.Hash())
	s.outbox.Written(change.Notice)
	return next, nil
}

// Unlink removes an identity from the account that is signed in, and does the rest as Link. Denied, "signin_needed" or
// "fresh_needed"; NotFound, "identity_unknown"; Conflict, "last_way_in".
func (s *Service) Unlink(ctx context.Context, token Token, id int64, v Visitor) (Token, error) {
	session, err := s.mayChange(ctx, token, ActUnlink, v)
	if err != nil {
		return "", err
	}
	ways, err := s.WaysIn(ctx, session)
	if err != nil {
		return "", err
	}
	title := ""
	for _, way := range ways {
		if way.ID == id {
			title = way.Title
		}
	}
	if title == "" {
		return "", Errorf(NotFound, "identity_unknown", "the account has no such connection")
	}
	next, change, err := s.linkChange(session.Account, Identity{ID: id}, ActUnlink, MailUnlinked, title, v)
	if err != nil {
		return "", err
	}
	change.Session, change.Keep.CreatedAt, change.Keep.Through = session.Hash, session.CreatedAt, session.Through
	if err := s.store.Unlink(ctx, change); err != nil {
		return "", err
	}
	s.outbox.Written(change.Notice)
	return next, nil
}

// linkChange prepares a change of an account's identities: the session that goes on, the notice mail and the event.
func (s *Service) linkChange(a Account, identity Identity, action Action, kind MessageKind, title string, v Visitor) (Token, LinkChange, error) {
	notice, err := s.compose(Notice{Kind: kind, To: a.Email, Lang: a.Lang, IP: v.IP, Through: title}, noticeTTL)
	if err != nil {
		return "", LinkChange{}, err
	}
	token, session := newSession(a, v, "")
	event := v.event(action, a.Email.String())
	event.Actor, event.Company, event.Detail = a.Email.String(), a.Company, title
	return token, LinkChange{
		Account: a, Identity: identity, Usable: func(i Identity) bool {
			_, ok := s.connectorOf(a.CompanyID, i)
			return ok
		}, Keep: &session, Notice: notice, Now: event.At, Event: event,
	}, nil
}

// provenWithAccount returns the identity a browser has brought back, and the account that its address has.
func (s *Service) provenWithAccount(ctx context.Context, browser Token, v Visitor) (proven, Account, error) {
	p, err := s.provenBy(browser)
	if err != nil {
		return proven{}, Account{}, err
	}
	if p.connector, err = s.stillOpen(p.connector); err != nil {
		return proven{}, Account{}, err
	}
	addr, err := p.claims.Address()
	if err != nil {
		return proven{}, Account{}, s.refuseIdentity(ctx, p, err, v)
	}
	account, err := s.store.AccountByEmail(ctx, addr)
	if CodeOf(err) == NotFound {
		err = Errorf(Denied, "identity_gone", "there is no account with this address any more; sign in with the provider again")
	}
	if err != nil {
		return proven{}, Account{}, err
	}
	if err := s.mayLink(p.connector, p.claims, account); err != nil {
		return proven{}, Account{}, s.refuseIdentity(ctx, p, err, v)
	}
	return p, account, nil
}

// SendLinkCode sends a code to the address of the account that has the address of the identity the browser has brought
// back. With it the identity can be linked, in this browser only. Denied and Closed as Proven; Limited,
// "identity_mail_limit".
func (s *Service) SendLinkCode(ctx context.Context, browser Token, v Visitor) error {
	p, account, err := s.provenWithAccount(ctx, browser, v)
	if err != nil {
		return err
	}
	limits := s.Settings().Limits
	if !s.limiter.Allow("signup "+v.network(), limits.SignupPerIP, time.Hour, time.Now()) {
		return s.turnAway(ctx, v.event(ActLinkCode, account.Email.String()), v, tooMany())
	}
	code := NewCode()
	r := s.request(ActLinkCode, account.Email, v, limits.ResetTTL())
	identity := p.claims.identity(p.connector.Name, r.CreatedAt)
	r.Identity, r.Code = &identity, s.linkCodeHash(account.Email, p.claims.IdentityKey, code)
	r.Compose = func(l Letter) (Message, error) {
		return s.compose(Notice{
			Kind: l.Kind, To: l.To, Lang: l.Lang, IP: l.IP, Through: s.titleOf(l.Through), Code: code[:4] + "-" + code[4:],
		}, limits.ResetTTL())
	}
	d, err := s.store.RequestLink(ctx, r)
	if err != nil {
		return err
	}
	if d.Mail != "" {
		s.outbox.Written(d.Message)
	}
	return unsent(d, account.Email)
}

// linkCodeHash binds a code to the account and to the identity it may link: it is worthless for any other.
func (s *Service) linkCodeHash(addr Address, key IdentityKey, code string) TokenHash {
	return s.mac("link", addr.Key()+"\x00"+key.Issuer+"\x00"+key.Subject+"\x00"+NormalizeCode(code))
}

// LinkByCode links the identity the browser has brought back to the account whose mailbox got the code, and returns the
// cookie of a session. A notice mail follows. Gone, "code_wrong", whatever is the matter with the code; Limited; Denied
// and Closed as Proven; Conflict as Link.
func (s *Service) LinkByCode(ctx context.Context, browser Token, code string, v Visitor) (Token, error) {
	p, account, err := s.provenWithAccount(ctx, browser, v)
	if err != nil {
		return "", err
	}
	limits, now := s.Settings().Limits, time.Now()
	event := v.event(ActLink, account.Email.String())
	if !s.limiter.Allow("code "+v.network(), limits.LoginPerIP, 5*time.Minute, now) {
		return "", s.turnAway(ctx, event, v, tooMany())
	}
	next, change, err := s.linkChange(account, p.claims.identity(p.connector.Name, now), ActLink, MailLinked, p.connector.Title(), v)
	if err != nil {
		return "", err
	}
	change.Keep.Through = p.connector.Name
	try := CodeTry{
		Email: account.Email, Code: s.linkCodeHash(account.Email, p.claims.IdentityKey, code), Now: now, Tries: limits.CodeTries, Event: event,
	}
	err = s.store.LinkByCode(ctx, try, change)
	if ReasonOf(err) == "code_wrong" {
		return "", err // it is in the audit already
	}
	if err != nil {
		return "", s.refuseIdentity(ctx, p, err, v)
	}
	s.proven.remove(browser.Hash())
	s.outbox.Written(change.Notice)
	return next, nil
}
