package app

import (
	"context"
	"fmt"
	"time"
)

// SignIn returns the cookie of a new session. Whether the address is unknown or the password wrong, it costs one
// password hash and answers Denied, "signin_wrong". Only who knows the password learns that the account or its
// company is disabled (Denied, "account_disabled", "company_disabled"). Limited after too many attempts;
// Unavailable, "busy", when too many wait.
func (s *Service) SignIn(ctx context.Context, email, password string, v Visitor) (Token, error) {
	limits, now := s.Settings().Limits, time.Now()
	addr, parseErr := ParseAddress(email)
	event := v.event(ActSignIn, addr.String())
	if parseErr != nil {
		event.Subject = "an address that cannot be one"
	}
	refuse := func(err error) (Token, error) {
		event.Outcome = ReasonOf(err)
		if auditErr := s.store.AddEvent(context.WithoutCancel(ctx), event); auditErr != nil {
			return "", auditErr
		}
		return "", err
	}
	if !s.limiter.Allow("login "+v.network(), limits.LoginPerIP, 5*time.Minute, now) {
		return "", s.turnAway(ctx, event, v, tooMany())
	}
	var keys []guessKey // none for what is no address: guessing there leads nowhere
	if parseErr == nil {
		keys = s.guessKeys(addr, v, limits.LoginFailures)
	}
	guess, wait := s.beginGuess(ctx, limits.LoginFailures, keys)
	if wait > 0 {
		return "", s.turnAway(ctx, event, v, waitFor(wait))
	}
	defer guess.end()
	var account Account
	if parseErr == nil {
		found, err := s.store.AccountByEmail(ctx, addr)
		if err != nil && CodeOf(err) != NotFound {
			return "", err
		}
		account = found
	}
	ok, stale, err := s.verify(ctx, account, password)
	if err != nil {
		return "", err
	}
	guess.result(ok)
	if !ok {
		return refuse(Errorf(Denied, "signin_wrong", "the address or the password is not right"))
	}
	if err := account.MayEnter(); err != nil {
		return refuse(err)
	}
	s.guesses.Remember(homeKey(addr, v))
	rehash := ""
	if stale {
		if rehash, err = s.hasher.Hash(ctx, password, limits.hashing()); err != nil {
			return "", err
		}
	}
	token, session := newSession(account, v, "")
	event.Company = account.Company
	if err := s.store.StartSession(ctx, session, rehash, event); err != nil {
		return "", err
	}
	return token, nil
}

// verify is Hasher.Verify for an account, the zero one included. Longer than a password can be is wrong without hashing
// megabytes, but costs the same.
func (s *Service) verify(ctx context.Context, a Account, password string) (ok, stale bool, err error) {
	if len(password) > 4*MaxPassword {
		password = ""
	}
	return s.hasher.Verify(ctx, a.PasswordHash, password, s.Settings().Limits.hashing())
}

func waitFor(wait time.Duration) *Error {
	seconds := fmt.Sprint(int(wait.Seconds()) + 1)
	return Errorf(Limited, "wait", "too many wrong passwords; try again in %s seconds", seconds).With("Seconds", seconds)
}

// MayEnter returns nil when the account may have a session, or a Denied error, "account_disabled" or
// "company_disabled".
func (a Account) MayEnter() error {
	switch {
	case a.State != AccountActive:
		return accountDisabled()
	case !a.CompanyEnabled:
		return companyDisabled()
	}
	return nil
}

func accountDisabled() *Error {
	return Errorf(Denied, "account_disabled", "this account is disabled")
}

func companyDisabled() *Error {
	return Errorf(Denied, "company_disabled", "the access of your company is switched off")
}

// newSession returns a session of a visitor and its cookie; through is the connector it is begun with, if it is one.
func newSession(a Account, v Visitor, through string) (Token, Session) {
	token, now := NewToken(), time.Now()
	return token, Session{
		Account: a, CreatedAt: now, SeenAt: now, Hash: token.Hash(), IP: v.IP, Browser: ShortBrowser(v.Browser), Through: through,
	}
}

// Session returns who is signed in with a cookie. Denied, "signin_needed", when nobody is.
func (s *Service) Session(ctx context.Context, token Token) (Session, error) {
	signIn := Errorf(Denied, "signin_needed", "sign in first")
	if token == "" {
		return Session{}, signIn
	}
	now, limits, hash := time.Now(), s.Settings().Limits, token.Hash()
	session, err := s.store.Session(ctx, hash, now.Add(-limits.SessionTTL()))
	if CodeOf(err) == NotFound {
		return Session{}, signIn
	}
	if err != nil {
		return Session{}, err
	}
	// The store knows of the last requests only what the janitor has written.
	if seen := s.seen.last(hash); seen.After(session.SeenAt) {
		session.SeenAt = seen
	}
	if now.Sub(session.SeenAt) > limits.IdleTTL() {
		return Session{}, signIn
	}
	s.seen.touch(hash, now)
	return session, nil
}

// SignOut ends the session of a cookie, if there is one.
func (s *Service) SignOut(ctx context.Context, token Token, v Visitor) error {
	session, err := s.Session(ctx, token)
	if CodeOf(err) == Denied {
		return nil
	}
	if err != nil {
		return err
	}
	event := v.event(ActSignOut, session.Account.Email.String())
	event.Actor, event.Company = session.Account.Email.String(), session.Account.Company
	return s.store.EndSession(ctx, session.Hash, event)
}

// ResetLink returns the account a reset link belongs to. It changes nothing. Gone when the link is spent, expired
// or unknown.
func (s *Service) ResetLink(ctx context.Context, token Token) (Account, error) {
	return s.store.AccountByResetToken(ctx, token.Hash(), time.Now())
}

// Reset gives the account of a reset link a new password and ends all its sessions. Gone as ResetLink; Invalid
// for the password; Denied when the account or its company is disabled.
func (s *Service) Reset(ctx context.Context, token Token, password, confirm string, v Visitor) error {
	account, err := s.ResetLink(ctx, token)
	if err != nil {
		return err
	}
	if err := account.MayEnter(); err != nil {
		return err
	}
	hash := token.Hash()
	change := PasswordChange{Account: account, Reset: &hash, Event: v.event(ActReset, account.Email.String())}
	return s.setPassword(ctx, account, password, confirm, change, v)
}

// ChangePassword gives the signed-in account a new password, ends its other sessions and returns the cookie under
// which this one goes on. Denied, "signin_needed"; Invalid on field "current_password" when that is wrong, or
// for the new one; Limited after too many wrong ones.
func (s *Service) ChangePassword(ctx context.Context, token Token, current, password, confirm string, v Visitor) (Token, error) {
	session, err := s.Session(ctx, token)
	if err != nil {
		return "", err
	}
	account, limits, key := session.Account, s.Settings().Limits, "change "+session.Account.Email.Key()
	if err := CheckPassword(password, confirm, account.Email); err != nil {
		return "", err
	}
	event := v.event(ActPassword, account.Email.String())
	event.Actor, event.Company = account.Email.String(), account.Company
	guess, wait := s.beginGuess(ctx, limits.LoginFailures, []guessKey{{key, 1}})
	if wait > 0 {
		return "", s.turnAway(ctx, event, v, waitFor(wait))
	}
	defer guess.end()
	ok, _, err := s.verify(ctx, account, current)
	if err != nil {
		return "", err
	}
	guess.result(ok)
	if !ok {
		event.Outcome = "password_current"
		if err := s.store.AddEvent(context.WithoutCancel(ctx), event); err != nil {
			return "", err
		}
		return "", Fieldf("current_password", "password_current", "this is not your present password")
	}
	if !s.limiter.Allow(key, limits.PasswordChanges, time.Hour, time.Now()) {
		return "", s.turnAway(ctx, event, v, tooMany())
	}
	next, kept := newSession(account, v, session.Through)
	kept.CreatedAt = session.CreatedAt
	change := PasswordChange{Account: account, Session: session.Hash, Keep: &kept, Event: event}
	if err := s.setPassword(ctx, account, password, confirm, change, v); err != nil {
		return "", err
	}
	return next, nil
}

func (s *Service) setPassword(ctx context.Context, a Account, password, confirm string, c PasswordChange, v Visitor) error {
	if err := CheckPassword(password, confirm, a.Email); err != nil {
		return err
	}
	var err error
	if c.Hash, err = s.hasher.Hash(ctx, password, s.Settings().Limits.hashing()); err != nil {
		return err
	}
	c.Notice, err = s.compose(Notice{Kind: MailChanged, To: a.Email, Lang: a.Lang, IP: v.IP}, noticeTTL)
	if err != nil {
		return err
	}
	c.Now, c.Event.Company = time.Now(), a.Company
	if err := s.store.SetPassword(ctx, c); err != nil {
		return err
	}
	s.guesses.Remember(homeKey(a.Email, v))
	s.outbox.Written(c.Notice)
	return nil
}

// UpdateProfile stores the names and the phone number of the signed-in account. Denied, "signin_needed"; Invalid
// with the field that is wrong.
func (s *Service) UpdateProfile(ctx context.Context, token Token, p Profile, v Visitor) error {
	session, err := s.Session(ctx, token)
	if err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return err
	}
	event := v.event(ActProfile, session.Account.Email.String())
	event.Actor, event.Company = session.Account.Email.String(), session.Account.Company
	return s.store.UpdateProfile(ctx, session.Account.ID, p, event)
}
