package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"foyer/app"
)

func identitiesOf(h *handle, accountID int64) ([]app.Identity, error) {
	var identities []app.Identity
	err := eachIdentity(h, "account_id = $1", []any{accountID}, func(_ int64, i app.Identity) { identities = append(identities, i) })
	return identities, err
}

// eachIdentity calls add with the identities for which a condition holds, and the account of each.
func eachIdentity(h *handle, where string, args []any, add func(accountID int64, i app.Identity)) error {
	return h.each(`SELECT account_id, id, issuer, subject, tenant, object, connector, email, created_at, seen_at
FROM identity
WHERE `+where+`
ORDER BY created_at, id`, args, func(rows *sql.Rows) error {
		var i app.Identity
		var accountID, created, seen int64
		err := rows.Scan(&accountID, &i.ID, &i.Issuer, &i.Subject, &i.Tenant, &i.Object, &i.Connector, &i.Email, &created, &seen)
		i.CreatedAt, i.SeenAt = timeOf(created), timeOf(seen)
		add(accountID, i)
		return err
	})
}

// insertIdentity links an identity to an account. The unique index decides who was first: Conflict, "identity_taken".
func (s *Store) insertIdentity(tx *handle, accountID int64, i app.Identity, now time.Time) error {
	_, err := tx.exec(`INSERT INTO identity (id, account_id, issuer, subject, tenant, object, connector, email, created_at, seen_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
		s.id("identity"), accountID, i.Issuer, i.Subject, i.Tenant, i.Object, i.Connector, i.Email, millis(now))
	if isDuplicate(err) {
		return app.Errorf(app.Conflict, "identity_taken", "this account of the provider belongs to another account here")
	}
	return err
}

// AccountByIdentity returns the account an identity is linked to. NotFound, "identity_unknown".
func (s *Store) AccountByIdentity(_ context.Context, key app.IdentityKey) (app.Account, error) {
	a, err := accountByIdentity(s.read, key)
	return a, errorOf("read account", err)
}

// accountByIdentity goes by issuer and subject alone: the address a provider names may be anybody's.
func accountByIdentity(h *handle, key app.IdentityKey) (app.Account, error) {
	a, err := accountWhole(h, accountFrom+"JOIN identity i ON i.account_id = a.id WHERE i.issuer = $1 AND i.subject = $2", key.Issuer, key.Subject)
	if errors.Is(err, sql.ErrNoRows) {
		return app.Account{}, app.Errorf(app.NotFound, "identity_unknown", "this account of the provider is not connected with an account here")
	}
	return a, err
}

// SignInIdentity starts a session of the account an identity is linked to; see app.VisitorStore.
func (s *Store) SignInIdentity(ctx context.Context, in app.IdentitySignIn) (a app.Account, err error) {
	err = s.write(ctx, "sign in with an identity", func(tx *handle) error {
		if a, err = accountByIdentity(tx, in.Key); err != nil {
			return err
		}
		if err := a.MayEnter(); err != nil {
			return err
		}
		session := in.Session
		session.Account = a
		if err := insertSession(tx, session); err != nil {
			return err
		}
		ev := in.Event
		ev.Company, ev.Entry = a.Company, a.Entry
		if err := s.audit(tx, ev); err != nil {
			return err
		}
		return s.seeIdentity(tx, &a, in, ev)
	})
	return a, err
}

// seeIdentity notes that an identity was seen, in the database and in its account, and which address it has now. A
// provider that names no address says nothing new: what it said before stays.
func (s *Store) seeIdentity(tx *handle, a *app.Account, in app.IdentitySignIn, ev app.Event) error {
	for n := range a.Identities {
		i := &a.Identities[n]
		if i.IdentityKey != in.Key {
			continue
		}
		changed := in.Email != "" && in.Email != i.Email
		if changed {
			i.Email = in.Email
		}
		i.SeenAt = timeOf(millis(in.Session.SeenAt))
		if _, err := tx.exec("UPDATE identity SET email = $1, seen_at = $2 WHERE id = $3", i.Email, millis(i.SeenAt), i.ID); err != nil {
			return err
		}
		if changed {
			ev.Action, ev.Outcome, ev.Detail = app.ActIdentity, "idp_email_changed", "now "+in.Email
			return s.audit(tx, ev)
		}
	}
	return nil
}
