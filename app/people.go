package app

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// AccountSessions returns the sessions of an account that are not over, the newest first. NotFound; Invalid when email is
// no address.
func (s *Service) AccountSessions(ctx context.Context, email string) ([]Session, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return nil, err
	}
	now, limits := time.Now(), s.Settings().Limits
	all, err := s.store.AccountSessions(ctx, addr, now.Add(-limits.SessionTTL()))
	var open []Session
	for _, session := range all {
		if seen := s.seen.last(session.Hash); seen.After(session.SeenAt) {
			session.SeenAt = seen // the store knows only what the janitor has written
		}
		if now.Sub(session.SeenAt) <= limits.IdleTTL() {
			open = append(open, session)
		}
	}
	return open, err
}

// EndSessions signs an account out everywhere and returns how many sessions that ended. NotFound; Invalid.
func (s *Service) EndSessions(ctx context.Context, actor, email string) (int, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return 0, err
	}
	return s.store.EndSessions(ctx, addr, adminEvent(actor, ActSessionsEnd, addr.String()))
}

// MoveAccount places an account in another company. It ends nothing, and the company's list is not asked: an account that
// is not on it has no ListMatch. NotFound, "account_unknown" or "company_unknown"; Invalid.
func (s *Service) MoveAccount(ctx context.Context, actor, email, company string) (Account, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Account{}, err
	}
	if err := s.store.MoveAccount(ctx, addr, company, adminEvent(actor, ActAccountMove, addr.String())); err != nil {
		return Account{}, err
	}
	return s.Account(ctx, email)
}

// SendReset sends the owner of an account the mail with which a new password is chosen, and returns it. The limits of
// visitors do not count. NotFound; Invalid; Conflict, "account_disabled", "company_disabled", "suppressed" when mail to
// the address has failed for good, or "blocked" when its owner wants none.
func (s *Service) SendReset(ctx context.Context, actor, email string) (Message, error) {
	addr, err := ParseAddress(email)
	if err != nil {
		return Message{}, err
	}
	r := s.request(ActForgot, addr, Visitor{}, s.Settings().Limits.ResetTTL())
	r.Event = adminEvent(actor, ActSendReset, addr.String())
	m, err := s.store.SendReset(ctx, r)
	if err != nil {
		return Message{}, err
	}
	s.outbox.Written(m)
	return m, nil
}

// maxBrowser bounds what is kept of how a browser calls itself, in characters.
const maxBrowser = 100

// ShortBrowser returns what is kept of how a browser calls itself: what can be shown, and no more than a line of it.
func ShortBrowser(agent string) string {
	agent = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, invisible...) || r == utf8.RuneError || r == brailleBlank {
			return -1
		}
		return r
	}, agent)
	if runes := []rune(agent); len(runes) > maxBrowser {
		agent = string(runes[:maxBrowser])
	}
	return strings.TrimSpace(agent)
}
