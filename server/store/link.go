package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"

	"foyer/app"
)

// RequestLink writes the code with which an identity can be linked to an account, and its mail; see app.VisitorStore.
// It answers somebody who is known to the provider, and takes no care that its time tells nothing.
func (s *Store) RequestLink(ctx context.Context, r app.Request) (d app.Decision, err error) {
	if err := s.disk.admit(); err != nil {
		return d, err
	}
	err = s.write(ctx, "request link code", func(tx *handle) error {
		facts, err := requestFacts(tx, r)
		if err != nil {
			return err
		}
		d = r.Decide(facts)
		ev := r.Event
		ev.Outcome = d.Reason
		if facts.Account != nil {
			ev.Company = facts.Account.Company
		}
		if d.Mail != app.MailLinkCode {
			return s.audit(tx, ev)
		}
		if err := setLinkCode(tx, facts.Account.ID, r); err != nil {
			return err
		}
		if d.Message, err = r.Compose(r.Letter(d, facts.Account)); err != nil {
			return err
		}
		if d.Message, err = s.insertMessage(tx, d.Message); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
	return d, err
}

func setLinkCode(tx *handle, accountID int64, r app.Request) error {
	_, err := tx.exec(`INSERT INTO link_code (account_id, issuer, subject, code_hash, tries, created_at, expires_at)
VALUES ($1, $2, $3, $4, 0, $5, $6)
ON CONFLICT (account_id, issuer, subject) DO UPDATE
SET code_hash = excluded.code_hash, tries = 0, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		accountID, r.Identity.Issuer, r.Identity.Subject, r.Code[:], millis(r.CreatedAt), millis(r.ExpiresAt))
	return err
}

// LinkByCode links an identity to the account a code was sent to; see app.VisitorStore.
func (s *Store) LinkByCode(ctx context.Context, c app.CodeTry, l app.LinkChange) error {
	return s.writeOrRefuse(ctx, "link by code", func(tx *handle) (refused, err error) {
		var code []byte
		err = tx.one(`SELECT k.code_hash
FROM link_code k JOIN account a ON a.id = k.account_id
WHERE a.email_key = $1 AND k.issuer = $2 AND k.subject = $3 AND k.expires_at > $4 AND ($5 = 0 OR k.tries < $5)`,
			[]any{c.Email.Key(), l.Identity.Issuer, l.Identity.Subject, millis(c.Now), c.Tries}, &code)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if subtle.ConstantTimeCompare(code, c.Code[:]) != 1 {
			_, err := tx.exec(`UPDATE link_code SET tries = tries + 1
WHERE issuer = $1 AND subject = $2 AND account_id IN (SELECT id FROM account WHERE email_key = $3)`,
				l.Identity.Issuer, l.Identity.Subject, c.Email.Key())
			if err != nil {
				return nil, err
			}
			ev := c.Event
			ev.Outcome = "code_wrong"
			return codeWrong(), s.audit(tx, ev)
		}
		a, err := mayEnter(tx, c.Email)
		if err != nil {
			return nil, err
		}
		return nil, s.link(tx, a, l)
	})
}

// Link links an identity to an account; see app.VisitorStore.
func (s *Store) Link(ctx context.Context, l app.LinkChange) error {
	return s.write(ctx, "link identity", func(tx *handle) error {
		a, err := signedIn(tx, l)
		if err != nil {
			return err
		}
		return s.link(tx, a, l)
	})
}

// mayEnter returns the account of an address as it is now. NotFound; Denied as MayEnter.
func mayEnter(tx *handle, addr app.Address) (app.Account, error) {
	a, err := accountByEmail(tx, addr)
	if err != nil {
		return a, err
	}
	return a, a.MayEnter()
}

// signedIn returns the account as it is now, if the session the change is made in still is one of it.
func signedIn(tx *handle, l app.LinkChange) (app.Account, error) {
	a, err := mayEnter(tx, l.Account.Email)
	if err != nil {
		return a, err
	}
	return a, hasSession(tx, a.ID, l.Session)
}

func (s *Store) link(tx *handle, a app.Account, l app.LinkChange) error {
	if err := s.insertIdentity(tx, a.ID, l.Identity, l.Now); err != nil {
		return err
	}
	// Two people of one provider cannot share an account: a domain that lapsed gives its new owner the old addresses.
	for _, other := range a.Identities {
		if other.Issuer == l.Identity.Issuer && !other.SamePerson(l.Identity) {
			return app.Errorf(app.Conflict, "identity_other", "the account %s is connected with another account of this provider", a.Email)
		}
		if other.Issuer == l.Identity.Issuer {
			// The provider knows the person by another name now; by the old one nobody can sign in any more.
			if _, err := tx.exec("DELETE FROM identity WHERE id = $1", other.ID); err != nil {
				return err
			}
		}
	}
	if err := deleteRegistrationsOf(tx, l.Identity.IdentityKey); err != nil {
		return err
	}
	return s.changeWaysIn(tx, a, l)
}

// Unlink removes an identity from an account; see app.VisitorStore.
func (s *Store) Unlink(ctx context.Context, l app.LinkChange) error {
	return s.write(ctx, "unlink identity", func(tx *handle) error {
		a, err := signedIn(tx, l)
		if err != nil {
			return err
		}
		found, stays := false, a.PasswordHash != ""
		for _, i := range a.Identities {
			if i.ID == l.Identity.ID {
				found = true
			} else if l.Usable(i) {
				stays = true
			}
		}
		if !found {
			return app.Errorf(app.NotFound, "identity_unknown", "the account has no such connection")
		}
		if !stays {
			return app.Errorf(app.Conflict, "last_way_in", "this is the only way to sign in to the account; choose a password or add another one first")
		}
		if _, err := tx.exec("DELETE FROM identity WHERE id = $1", l.Identity.ID); err != nil {
			return err
		}
		return s.changeWaysIn(tx, a, l)
	})
}

// changeWaysIn does what follows every change of how people sign in to an account: whoever was in has to come in
// again, but for the session the change was made in, and the person is told by mail.
func (s *Store) changeWaysIn(tx *handle, a app.Account, l app.LinkChange) error {
	if err := endAccess(tx, a.ID); err != nil {
		return err
	}
	if l.Keep != nil {
		keep := *l.Keep
		keep.Account = a
		if err := insertSession(tx, keep); err != nil {
			return err
		}
	}
	if err := s.insertNotice(tx, l.Notice); err != nil {
		return err
	}
	ev := l.Event
	ev.Company, ev.Entry = a.Company, a.Entry
	return s.audit(tx, ev)
}
