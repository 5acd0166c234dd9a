package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"foyer/app"
)

// StartSession writes a session; see app.VisitorStore.
func (s *Store) StartSession(ctx context.Context, session app.Session, rehash string, ev app.Event) error {
	return s.write(ctx, "start session", func(tx *handle) error {
		// The account was read before the password was hashed; it may have been disabled or have got another
		// password since.
		now, err := accountByEmail(tx, session.Account.Email)
		if err != nil && app.CodeOf(err) != app.NotFound {
			return err
		}
		if err == nil && now.MayEnter() != nil {
			return now.MayEnter()
		}
		if err != nil || now.PasswordHash != session.Account.PasswordHash {
			return app.Errorf(app.Denied, "signin_wrong", "the address or the password is not right")
		}
		if rehash != "" {
			if _, err := tx.exec("UPDATE account SET password_hash = $1 WHERE id = $2", rehash, now.ID); err != nil {
				return err
			}
		}
		if err := insertSession(tx, session); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
}

func insertSession(tx *handle, session app.Session) error {
	_, err := tx.exec("INSERT INTO session (token_hash, account_id, created_at, seen_at, ip, browser, connector) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		session.Hash[:], session.Account.ID, millis(session.CreatedAt), millis(session.SeenAt), session.IP, session.Browser, session.Through)
	return err
}

// Session returns the session of a cookie that began after oldest. NotFound.
func (s *Store) Session(_ context.Context, hash app.TokenHash, oldest time.Time) (app.Session, error) {
	session, err := s.session(hash, oldest)
	return session, errorOf("read session", err)
}

func (s *Store) session(hash app.TokenHash, oldest time.Time) (app.Session, error) {
	var created, seen int64
	var through string
	a, err := scanAccount(s.read.row(accountColumns+", s.created_at, s.seen_at, s.connector"+accountFrom+
		"JOIN session s ON s.account_id = a.id WHERE s.token_hash = $1 AND s.created_at > $2", hash[:], millis(oldest)), &created, &seen, &through)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && a.MayEnter() != nil) {
		return app.Session{}, app.Errorf(app.NotFound, "session_unknown", "nobody is signed in")
	}
	if err != nil {
		return app.Session{}, err
	}
	a.Groups, err = groupsOf(s.read, a.ID)
	return app.Session{Account: a, CreatedAt: timeOf(created), SeenAt: timeOf(seen), Hash: hash, Through: through}, err
}

// TouchSessions writes when sessions were last seen.
func (s *Store) TouchSessions(ctx context.Context, seen map[app.TokenHash]time.Time) error {
	return s.write(ctx, "touch sessions", func(tx *handle) error {
		for hash, at := range seen {
			if _, err := tx.exec("UPDATE session SET seen_at = $1 WHERE token_hash = $2", millis(at), hash[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndSession deletes a session, if it is there.
func (s *Store) EndSession(ctx context.Context, hash app.TokenHash, ev app.Event) error {
	return s.write(ctx, "end session", func(tx *handle) error {
		if _, err := tx.exec("DELETE FROM session WHERE token_hash = $1", hash[:]); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
}

// AccountByResetToken returns the account a reset link belongs to. Gone: "link_expired" or "link_unknown".
func (s *Store) AccountByResetToken(_ context.Context, hash app.TokenHash, now time.Time) (app.Account, error) {
	a, err := accountByReset(s.read, hash, now)
	return a, errorOf("read reset link", err)
}

func accountByReset(h *handle, hash app.TokenHash, now time.Time) (app.Account, error) {
	var expires int64
	a, err := scanAccount(h.row(accountColumns+", r.expires_at"+accountFrom+
		"JOIN reset_link r ON r.account_id = a.id WHERE r.token_hash = $1", hash[:]), &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return app.Account{}, app.Errorf(app.Gone, "link_unknown", "this link is not valid, or a newer mail has replaced it")
	case err != nil:
		return app.Account{}, err
	case millis(now) >= expires:
		return app.Account{}, app.Errorf(app.Gone, "link_expired", "this link has expired")
	}
	return a, nil
}

// stillHolds looks again at what was checked before the new password was hashed: of a change and a reset, or a change
// and a disabling, that run side by side, the one that comes second must not undo the first.
func stillHolds(tx *handle, p app.PasswordChange) error {
	now, err := accountByEmail(tx, p.Account.Email)
	if err != nil {
		return err
	}
	if err := now.MayEnter(); err != nil {
		return err
	}
	if p.Reset != nil {
		_, err := accountByReset(tx, *p.Reset, p.Now)
		return err
	}
	if now.PasswordHash != p.Account.PasswordHash {
		return signInNeeded()
	}
	return hasSession(tx, now.ID, p.Session)
}

// hasSession returns nil when an account has the session. Denied, "signin_needed".
func hasSession(tx *handle, accountID int64, hash app.TokenHash) error {
	err := tx.one("SELECT 1 FROM session WHERE token_hash = $1 AND account_id = $2", []any{hash[:], accountID}, new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return signInNeeded()
	}
	return err
}

func signInNeeded() error { return app.Errorf(app.Denied, "signin_needed", "sign in first") }

// SetPassword stores a new password hash and ends every other session; see app.VisitorStore.
func (s *Store) SetPassword(ctx context.Context, p app.PasswordChange) error {
	return s.write(ctx, "set password", func(tx *handle) error {
		if err := stillHolds(tx, p); err != nil {
			return err
		}
		if _, err := tx.exec("UPDATE account SET password_hash = $1 WHERE id = $2", p.Hash, p.Account.ID); err != nil {
			return err
		}
		if err := endAccess(tx, p.Account.ID); err != nil {
			return err
		}
		if p.Keep != nil {
			if err := insertSession(tx, *p.Keep); err != nil {
				return err
			}
		}
		if err := s.insertNotice(tx, p.Notice); err != nil {
			return err
		}
		return s.audit(tx, p.Event)
	})
}
