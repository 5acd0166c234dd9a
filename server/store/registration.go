package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"time"

	"foyer/app"
)

const registrationColumns = `SELECT r.email, r.id, r.first_name, r.last_name, r.phone, r.company_id, c.name, r.entry, r.lang, r.ip, r.code_tries,
	r.created_at, r.expires_at
FROM registration r JOIN company c ON c.id = r.company_id
`

func scanRegistration(row scanner) (app.Registration, error) {
	var r app.Registration
	var created, expires int64
	err := scanAddress(row, &r.Email, &r.ID, &r.FirstName, &r.LastName, &r.Phone, &r.CompanyID, &r.Company, &r.Entry, &r.Lang, &r.IP,
		&r.CodeTries, &created, &expires)
	r.CreatedAt, r.ExpiresAt = timeOf(created), timeOf(expires)
	return r, err
}

func registrationWhere(h *handle, where string, args ...any) (app.Registration, error) {
	return scanRegistration(h.row(registrationColumns+"WHERE "+where, args...))
}

// RegistrationByToken returns the registration a confirmation link belongs to; see app.VisitorStore.
func (s *Store) RegistrationByToken(_ context.Context, hash app.TokenHash, now time.Time) (app.Registration, error) {
	r, err := registrationByToken(s.read, hash, now)
	return r, errorOf("read registration", err)
}

func registrationByToken(h *handle, hash app.TokenHash, now time.Time) (app.Registration, error) {
	r, err := registrationWhere(h, "r.token_hash = $1", hash[:])
	if errors.Is(err, sql.ErrNoRows) {
		return r, unknownLink(h, hash)
	}
	if err == nil && !now.Before(r.ExpiresAt) {
		return app.Registration{}, app.Errorf(app.Gone, "link_expired", "this link has expired")
	}
	return r, err
}

// unknownLink tells a link that was used from one that never was, or was replaced by a newer mail's.
func unknownLink(h *handle, hash app.TokenHash) error {
	err := h.one("SELECT 1 FROM spent_link WHERE token_hash = $1", []any{hash[:]}, new(int))
	switch {
	case err == nil:
		return app.Errorf(app.Gone, "link_spent", "this link was used already")
	case errors.Is(err, sql.ErrNoRows):
		return app.Errorf(app.Gone, "link_unknown", "this link is not valid, or a newer mail has replaced it")
	default:
		return err
	}
}

// RegistrationByCode returns the registration of an address when the code is right; see app.VisitorStore.
func (s *Store) RegistrationByCode(ctx context.Context, c app.CodeTry) (r app.Registration, hash app.TokenHash, err error) {
	// A wrong try must be counted, so its error cannot be the unit's own: that would undo the count.
	wrong := false
	err = s.write(ctx, "check code", func(tx *handle) error {
		var token, code []byte
		err := tx.one("SELECT token_hash, code_hash FROM registration WHERE email_key = $1 AND expires_at > $2 AND ($3 = 0 OR code_tries < $3)",
			[]any{c.Email.Key(), millis(c.Now), c.Tries}, &token, &code)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if wrong = subtle.ConstantTimeCompare(code, c.Code[:]) != 1; wrong {
			if _, err := tx.exec("UPDATE registration SET code_tries = code_tries + 1 WHERE email_key = $1", c.Email.Key()); err != nil {
				return err
			}
			ev := c.Event
			ev.Outcome = "code_wrong"
			return s.audit(tx, ev)
		}
		copy(hash[:], token)
		r, err = registrationWhere(tx, "r.email_key = $1", c.Email.Key())
		return err
	})
	if err == nil && wrong {
		err = app.Errorf(app.Gone, "code_wrong", "the code is not right, or it is not valid any more")
	}
	return r, hash, err
}

// Activate makes an account of a registration; see app.VisitorStore.
func (s *Store) Activate(ctx context.Context, act app.Activation) (a app.Account, err error) {
	var refused error
	err = s.write(ctx, "activate", func(tx *handle) error {
		r, err := registrationByToken(tx, act.Token, act.Now)
		if err != nil {
			return err
		}
		ev := act.Event
		ev.Subject, ev.Company, ev.Entry = r.Email.String(), r.Company, r.Entry
		entries, err := entriesFor(tx, app.Candidates(r.Email))
		if err != nil {
			return err
		}
		verdict := app.Gate(r.Email, entries)
		if !verdict.Allowed || verdict.CompanyID != r.CompanyID {
			refused = noLongerEligible()
			ev.Outcome, ev.Detail = "no_longer_eligible", verdict.Explain()
			return s.audit(tx, ev)
		}
		ev.Entry = verdict.Entry
		if a, err = s.insertAccount(tx, r, act, ev.Entry); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
	if err == nil && refused != nil {
		return app.Account{}, refused
	}
	return a, err
}

func noLongerEligible() error {
	return app.Errorf(app.Conflict, "no_longer_eligible", "this address is not enabled for an account any more")
}

func (s *Store) insertAccount(tx *handle, r app.Registration, act app.Activation, entry string) (app.Account, error) {
	id := s.id("account")
	_, err := tx.exec(`INSERT INTO account (id, email, email_key, first_name, last_name, phone, company_id, state, lang, password_hash, entry, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		id, r.Email.String(), r.Email.Key(), r.FirstName, r.LastName, r.Phone, r.CompanyID, string(app.AccountActive), r.Lang,
		act.PasswordHash, entry, millis(act.Now))
	if isDuplicate(err) {
		return app.Account{}, app.Errorf(app.Gone, "link_spent", "there is an account with this address already")
	}
	if err != nil {
		return app.Account{}, err
	}
	_, err = tx.exec("INSERT INTO membership (account_id, group_id) SELECT $1, id FROM account_group WHERE name = $2", id, app.CustomerAccounts)
	if err != nil {
		return app.Account{}, err
	}
	if _, err := tx.exec("DELETE FROM registration WHERE email_key = $1", r.Email.Key()); err != nil {
		return app.Account{}, err
	}
	if _, err := tx.exec("INSERT INTO spent_link (token_hash, spent_at) VALUES ($1, $2)", act.Token[:], millis(act.Now)); err != nil {
		return app.Account{}, err
	}
	return accountByEmail(tx, r.Email)
}

// Registrations returns one page of registrations, the oldest first.
func (s *Store) Registrations(_ context.Context, after int64, limit int) ([]app.Registration, error) {
	var registrations []app.Registration
	err := s.read.each(registrationColumns+"WHERE r.id > $1 ORDER BY r.id LIMIT $2", []any{after, limit}, func(rows *sql.Rows) error {
		r, err := scanRegistration(rows)
		registrations = append(registrations, r)
		return err
	})
	return registrations, errorOf("list registrations", err)
}

// Resend gives a registration a new link, code and validity, and writes its mail; see app.AdminStore.
func (s *Store) Resend(ctx context.Context, req app.Request) (r app.Registration, m app.Message, err error) {
	err = s.write(ctx, "resend", func(tx *handle) error {
		if r, err = registrationByEmail(tx, req.Email); err != nil {
			return err
		}
		entries, err := entriesFor(tx, app.Candidates(r.Email))
		if err != nil {
			return err
		}
		if verdict := app.Gate(r.Email, entries); !verdict.Allowed || verdict.CompanyID != r.CompanyID {
			return noLongerEligible()
		}
		_, err = tx.exec("UPDATE registration SET token_hash = $1, code_hash = $2, code_tries = 0, expires_at = $3 WHERE id = $4",
			req.Token[:], req.Code[:], millis(req.ExpiresAt), r.ID)
		if err != nil {
			return err
		}
		r.ExpiresAt, r.CodeTries = req.ExpiresAt, 0
		if m, err = req.Compose(app.Letter{Kind: app.MailConfirm, To: r.Email, Company: r.Company, Lang: r.Lang, IP: r.IP}); err != nil {
			return err
		}
		if m, err = s.insertMessage(tx, m); err != nil {
			return err
		}
		ev := req.Event
		ev.Company, ev.Entry = r.Company, r.Entry
		return s.audit(tx, ev)
	})
	return r, m, err
}

func registrationByEmail(h *handle, addr app.Address) (app.Registration, error) {
	r, err := registrationWhere(h, "r.email_key = $1", addr.Key())
	if errors.Is(err, sql.ErrNoRows) {
		return r, app.Errorf(app.NotFound, "registration_unknown", "no registration of %s is waiting", addr)
	}
	return r, err
}

// RemoveRegistration removes the registration of an address. NotFound.
func (s *Store) RemoveRegistration(ctx context.Context, addr app.Address, ev app.Event) error {
	return s.write(ctx, "remove registration", func(tx *handle) error {
		r, err := registrationByEmail(tx, addr)
		if err != nil {
			return err
		}
		if _, err := tx.exec("DELETE FROM registration WHERE id = $1", r.ID); err != nil {
			return err
		}
		ev.Company, ev.Entry = r.Company, r.Entry
		return s.audit(tx, ev)
	})
}
