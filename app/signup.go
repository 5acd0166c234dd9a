package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// SignUpForm is the form a visitor sends to create an account.
type SignUpForm struct {
	Profile
	Email string
	Trap  string        // a field no person sees; a program that fills it gives itself away
	Age   time.Duration // how long the form was open; negative when that is not known
}

// SignUp takes a sign-up. It returns nil for every well-formed address, listed or not, after the registration
// and its mail are durable: who is a customer cannot be read from the answer, nor from the time it takes. Closed
// when sign-up is switched off; Invalid with the field that is wrong; Unavailable when nothing could be written.
// With neutral answers switched off, an address that is not enabled is Denied, "not_enabled".
func (s *Service) SignUp(ctx context.Context, f SignUpForm, v Visitor) error {
	settings := s.Settings()
	if !settings.LoginLink {
		return Errorf(Closed, "signup_closed", "creating an account is switched off here")
	}
	addr, err := ParseAddress(f.Email)
	if err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return err
	}
	if !s.limiter.Allow("signup "+v.network(), settings.Limits.SignupPerIP, time.Hour, time.Now()) {
		// The answer everybody gets. It depends on the client alone, so it may be quick.
		return s.report(ctx, v.event(ActSignUp, addr.String()), v, "limit_signup_per_ip")
	}
	r := s.request(ActSignUp, addr, v, settings.Limits.ConfirmTTL())
	r.FirstName, r.LastName, r.Phone = f.FirstName, f.LastName, f.Phone
	switch {
	case f.Trap != "":
		r.Refuse = "trap"
	case f.Age >= 0 && f.Age < time.Duration(settings.Limits.FormAge)*time.Second:
		r.Refuse = "too_fast"
	}
	d, err := s.send(ctx, r)
	if err != nil {
		return err
	}
	if !settings.NeutralAnswers && d.Mail == "" && !d.Verdict.Allowed && r.Refuse == "" {
		return Errorf(Denied, "not_enabled", "the address %s is not enabled for an account here", addr).With("Email", addr.String())
	}
	return nil
}

// Forgot takes a request for a new password. Its answer tells as little as that of SignUp.
func (s *Service) Forgot(ctx context.Context, email string, v Visitor) error {
	addr, err := ParseAddress(email)
	if err != nil {
		return err
	}
	limits := s.Settings().Limits
	if !s.limiter.Allow("forgot "+v.network(), limits.SignupPerIP, time.Hour, time.Now()) {
		return s.report(ctx, v.event(ActForgot, addr.String()), v, "limit_signup_per_ip")
	}
	_, err = s.send(ctx, s.request(ActForgot, addr, v, limits.ResetTTL()))
	return err
}

// request prepares a visitor's wish: link, code, and the mail they are written into.
func (s *Service) request(action Action, addr Address, v Visitor, ttl time.Duration) Request {
	token, code := NewToken(), NewCode()
	now := time.Now()
	r := Request{
		Registration: Registration{Email: addr, Lang: v.Lang, IP: v.IP, CreatedAt: now, ExpiresAt: now.Add(ttl)},
		Token:        token.Hash(),
		Code:         s.codeHash(addr, code),
		Limits:       s.Settings().Limits,
		Event:        v.event(action, addr.String()),
	}
	r.Compose = func(l Letter) (Message, error) {
		notice := Notice{Kind: l.Kind, To: l.To, Lang: l.Lang, Company: l.Company, IP: l.IP, Through: s.titleOf(l.Through)}
		switch l.Kind {
		case MailConfirm:
			notice.Link, notice.Code = s.Settings().URL("/confirm/"+string(token)), code[:4]+"-"+code[4:]
		case MailReset:
			notice.Link = s.Settings().URL("/reset/" + string(token))
		default:
			return s.compose(notice, noticeTTL)
		}
		return s.compose(notice, ttl)
	}
	return r
}

// beat is what the time of an answer is rounded up to.
const beat = 3 * time.Millisecond

// onBeat waits until a whole number of beats has passed since began, and up to half a beat more. The same work is done
// for every address, but rows that are found or deleted cost some 0.05 ms more, which 300 samples showed. Rounding
// alone would not do: Go's timers are late by what is missing to a whole millisecond, and that tells how long the work
// took.
func onBeat(ctx context.Context, began time.Time) {
	more := time.Duration(rand.Int64N(int64(beat / 2))) //nolint:gosec // noise, not a secret
	rest := time.NewTimer(beat - time.Since(began)%beat + more)
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-ctx.Done():
	}
}

func (s *Service) send(ctx context.Context, r Request) (Decision, error) {
	defer onBeat(ctx, r.CreatedAt)
	d, err := s.store.Request(ctx, r)
	if err != nil {
		return Decision{}, err
	}
	if d.Mail != "" {
		s.outbox.Written(d.Message)
	}
	level := slog.LevelInfo
	if d.Reason == "limit_mail_global" || d.Reason == "limit_queue_messages" {
		level = slog.LevelWarn // nobody gets mail any more: the administrator has to know
	}
	s.log.Log(ctx, level, "request", "action", r.Event.Action, "address", r.Email.Masked(), "outcome", d.Reason, "mail", d.Mail)
	return d, nil
}

// Registration returns what a confirmation link is about. It changes nothing. Gone when the link is spent,
// expired or unknown.
func (s *Service) Registration(ctx context.Context, token Token) (Registration, error) {
	return s.store.RegistrationByToken(ctx, token.Hash(), time.Now())
}

// Confirm makes the account of the registration that a link belongs to, with the password its owner has typed
// twice. A scanner that opens links, runs scripts and presses buttons cannot invent one. Gone as Registration;
// Invalid for the password; Conflict, "no_longer_eligible", when the list has changed since.
func (s *Service) Confirm(ctx context.Context, token Token, password, confirm string, v Visitor) (Account, error) {
	r, err := s.Registration(ctx, token)
	if err != nil {
		return Account{}, err
	}
	return s.activate(ctx, r, token.Hash(), password, confirm, v)
}

// RegistrationByCode returns the registration of an address when the code is right, and counts a wrong one. The
// answer to everything that is not right is the same: Gone, "code_wrong". Limited when the client address has
// tried too often.
func (s *Service) RegistrationByCode(ctx context.Context, email, code string, v Visitor) (Registration, error) {
	r, hash, err := s.byCode(ctx, email, code, v)
	r.link = hash
	return r, err
}

// ConfirmCode does with the code what Confirm does with the link.
func (s *Service) ConfirmCode(ctx context.Context, email, code, password, confirm string, v Visitor) (Account, error) {
	// The password first: one that cannot be used must not cost a try.
	addr, err := ParseAddress(email)
	if err != nil {
		return Account{}, err
	}
	if err := CheckPassword(password, confirm, addr); err != nil {
		return Account{}, err
	}
	r, hash, err := s.byCode(ctx, email, code, v)
	if err != nil {
		return Account{}, err
	}
	return s.activate(ctx, r, hash, password, confirm, v)
}

func (s *Service) byCode(ctx context.Context, email, code string, v Visitor) (Registration, TokenHash, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Registration{}, TokenHash{}, err
	}
	limits, now := s.Settings().Limits, time.Now()
	if !s.limiter.Allow("code "+v.network(), limits.LoginPerIP, 5*time.Minute, now) {
		return Registration{}, TokenHash{}, s.turnAway(ctx, v.event(ActConfirm, addr.String()), v, tooMany())
	}
	return s.store.RegistrationByCode(ctx, CodeTry{
		Email: addr, Code: s.codeHash(addr, code), Now: now, Tries: limits.CodeTries,
		Event: v.event(ActConfirm, addr.String()),
	})
}

func tooMany() *Error {
	return Errorf(Limited, "too_many", "too many attempts; try again in a few minutes")
}

func (s *Service) activate(ctx context.Context, r Registration, hash TokenHash, password, confirm string, v Visitor) (Account, error) {
	if err := CheckPassword(password, confirm, r.Email); err != nil {
		return Account{}, err
	}
	phc, err := s.hasher.Hash(ctx, password, s.Settings().Limits.hashing())
	if err != nil {
		return Account{}, err
	}
	event := v.event(ActConfirm, r.Email.String())
	account, err := s.store.Activate(ctx, Activation{Token: hash, PasswordHash: phc, Now: event.At, Event: event})
	if err != nil {
		return Account{}, err
	}
	s.created(account)
	return account, nil
}
