package store

import (
	"context"
	"database/sql"
	"time"

	"foyer/app"
)

// AccountSessions returns the sessions of an account that began after oldest, the newest first. NotFound.
func (s *Store) AccountSessions(_ context.Context, addr app.Address, oldest time.Time) ([]app.Session, error) {
	a, err := accountByEmail(s.read, addr)
	if err != nil {
		return nil, errorOf("list sessions", err)
	}
	var sessions []app.Session
	err = s.read.each(`SELECT token_hash, created_at, seen_at, ip, browser, connector
FROM session
WHERE account_id = $1 AND created_at > $2
ORDER BY created_at DESC, token_hash`, []any{a.ID, millis(oldest)}, func(rows *sql.Rows) error {
		session := app.Session{Account: a}
		var hash []byte
		var created, seen int64
		err := rows.Scan(&hash, &created, &seen, &session.IP, &session.Browser, &session.Through)
		copy(session.Hash[:], hash)
		session.CreatedAt, session.SeenAt = timeOf(created), timeOf(seen)
		sessions = append(sessions, session)
		return err
	})
	return sessions, errorOf("list sessions", err)
}

// EndSessions ends every session of an account and returns how many there were. NotFound.
func (s *Store) EndSessions(ctx context.Context, addr app.Address, ev app.Event) (int, error) {
	var n int64
	_, err := s.account(ctx, "end sessions", addr, ev, func(tx *handle, a app.Account) (err error) {
		n, err = tx.exec("DELETE FROM session WHERE account_id = $1", a.ID)
		return err
	})
	return int(n), err
}

// MoveAccount places an account in another company. NotFound, also when there is no such company.
func (s *Store) MoveAccount(ctx context.Context, addr app.Address, company string, ev app.Event) error {
	return s.write(ctx, "move account", func(tx *handle) error {
		a, err := accountByEmail(tx, addr)
		if err != nil {
			return err
		}
		c, err := companyByName(tx, company)
		if err != nil {
			return err
		}
		if _, err := tx.exec("UPDATE account SET company_id = $1 WHERE id = $2", c.ID, a.ID); err != nil {
			return err
		}
		ev.Company, ev.Entry, ev.Detail = c.Name, a.Entry, "was "+a.Company
		return s.audit(tx, ev)
	})
}

// SendReset writes the mail with which the owner of an account chooses a new password; see app.AdminStore.
func (s *Store) SendReset(ctx context.Context, r app.Request) (m app.Message, err error) {
	if err := s.disk.admit(); err != nil {
		return m, err
	}
	err = s.write(ctx, "send reset", func(tx *handle) error {
		a, err := accountByEmail(tx, r.Email)
		if err != nil {
			return err
		}
		if refused := a.MayEnter(); refused != nil {
			return app.Errorf(app.Conflict, app.ReasonOf(refused), "%s may not sign in: the account or its company is disabled", a.Email)
		}
		if suppressed, err := isSuppressed(tx, a.Email); err != nil || suppressed {
			return orSuppressed(err, a.Email)
		}
		if blocked, err := isBlocked(tx, a.Email, r.CreatedAt); err != nil || blocked {
			return orBlocked(err, a.Email)
		}
		if _, err := tx.exec("DELETE FROM reset_link WHERE account_id = $1", a.ID); err != nil {
			return err
		}
		_, err = tx.exec("INSERT INTO reset_link (token_hash, account_id, expires_at) VALUES ($1, $2, $3)", r.Token[:], a.ID, millis(r.ExpiresAt))
		if err != nil {
			return err
		}
		if m, err = r.Compose(app.Letter{Kind: app.MailReset, To: a.Email, Company: a.Company, Lang: a.Lang}); err != nil {
			return err
		}
		if m, err = s.insertMessage(tx, m); err != nil {
			return err
		}
		ev := r.Event
		ev.Company, ev.Entry = a.Company, a.Entry
		return s.audit(tx, ev)
	})
	return m, err
}

// orSuppressed returns err, or the Conflict that an address gets no mail.
func orSuppressed(err error, addr app.Address) error {
	if err != nil {
		return err
	}
	return app.Errorf(app.Conflict, "suppressed", "mail to %s has failed for good; foyer mail suppressed says why, and foyer mail unsuppress %s lets it get mail again", addr, addr)
}

// orBlocked returns err, or the Conflict that the owner of an address wants no mail.
func orBlocked(err error, addr app.Address) error {
	if err != nil {
		return err
	}
	return app.Errorf(app.Conflict, "blocked", "the owner of %s said that a mail of ours was not for them, so they get none; foyer mail unblock %s lets them get mail again", addr, addr)
}
