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
	r.created_at, r.expires_at, COALESCE(i.connector, ''), COALESCE(i.issuer, ''), COALESCE(i.subject, ''), COALESCE(i.tenant, ''),
	COALESCE(i.object, ''), COALESCE(i.email, ''), i.browser_hash
FROM registration r JOIN company c ON c.id = r.company_id LEFT JOIN registration_identity i ON i.registration_id = r.id
`

func scanRegistration(row scanner) (app.Registration, error) {
	var r app.Registration
	var i app.Identity
	var created, expires int64
	var browser []byte // NULL for a registration by form
	err := scanAddress(row, &r.Email, &r.ID, &r.FirstName, &r.LastName, &r.Phone, &r.CompanyID, &r.Company, &r.Entry, &r.Lang, &r.IP,
		&r.CodeTries, &created, &expires, &i.Connector, &i.Issuer, &i.Subject, &i.Tenant, &i.Object, &i.Email, &browser)
	r.CreatedAt, r.ExpiresAt = timeOf(created), timeOf(expires)
	if browser != nil {
		i.CreatedAt, i.SeenAt = r.CreatedAt, r.CreatedAt
		r.Identity = &i
		copy(r.Browser[:], browser)
	}
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

// RegistrationByIdentity returns the newest registration of an identity that waits for its mail. NotFound,
// "registration_unknown".
func (s *Store) RegistrationByIdentity(_ context.Context, key app.IdentityKey, now time.Time) (app.Registration, error) {
	r, err := registrationWhere(s.read, "i.issuer = $1 AND i.subject = $2 AND r.expires_at > $3 ORDER BY r.id DESC LIMIT 1",
		key.Issuer, key.Subject, millis(now))
	if errors.Is(err, sql.ErrNoRows) {
		err = app.Errorf(app.NotFound, "registration_unknown", "no registration of this account of the provider is waiting")
	}
	return r, errorOf("read registration", err)
}

// deleteRegistrationsOf deletes what waits for an identity that has come to an account another way.
func deleteRegistrationsOf(tx *handle, key app.IdentityKey) error {
	_, err := tx.exec(`DELETE FROM registration
WHERE id IN (SELECT registration_id FROM registration_identity WHERE issuer = $1 AND subject = $2)`, key.Issuer, key.Subject)
	return err
}

// RegistrationByCode returns the registration of an address when the code is right; see app.VisitorStore.
func (s *Store) RegistrationByCode(ctx context.Context, c app.CodeTry) (r app.Registration, hash app.TokenHash, err error) {
	err = s.writeOrRefuse(ctx, "check code", func(tx *handle) (refused, err error) {
		var token, code []byte
		err = tx.one("SELECT token_hash, code_hash FROM registration WHERE email_key = $1 AND expires_at > $2 AND ($3 = 0 OR code_tries < $3)",
			[]any{c.Email.Key(), millis(c.Now), c.Tries}, &token, &code)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if subtle.ConstantTimeCompare(code, c.Code[:]) != 1 {
			if _, err := tx.exec("UPDATE registration SET code_tries = code_tries + 1 WHERE email_key = $1", c.Email.Key()); err != nil {
				return nil, err
			}
			ev := c.Event
			ev.Outcome = "code_wrong"
			return codeWrong(), s.audit(tx, ev)
		}
		copy(hash[:], token)
		r, err = registrationWhere(tx, "r.email_key = $1", c.Email.Key())
		return nil, err
	})
	return r, hash, err
}

func codeWrong() error {
	return app.Errorf(app.Gone, "code_wrong", "the code is not right, or it is not valid any more")
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
	if err := s.disk.admit(); err != nil {
		return r, m, err
	}
	err = s.write(ctx, "resend", func(tx *handle) error {
		if r, err = registrationByEmail(tx, req.Email); err != nil {
			return err
		}
		_, why, err := eligible(tx, r)
		if err != nil {
			return err
		}
		if why != "" {
			return noLongerEligible()
		}
		suppressed, err := isSuppressed(tx, r.Email)
		if err != nil {
			return err
		}
		if suppressed {
			return orSuppressed(nil, r.Email)
		}
		_, err = tx.exec("UPDATE registration SET token_hash = $1, code_hash = $2, code_tries = 0, expires_at = $3 WHERE id = $4",
			req.Token[:], req.Code[:], millis(req.ExpiresAt), r.ID)
		if err != nil {
			return err
		}
		r.ExpiresAt, r.CodeTries = req.ExpiresAt, 0
		if m, err = req.Compose(app.Letter{Kind: app.MailConfirm, To: r.Email, Company: r.Company, Lang: r.Lang, IP: r.IP, Through: r.Through()}); err != nil {
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
