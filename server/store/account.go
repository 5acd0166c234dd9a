package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"foyer/app"
)

const accountColumns = `SELECT a.email, a.id, a.first_name, a.last_name, a.phone, a.company_id, c.name, c.enabled, a.state, a.lang,
	a.password_hash, a.entry, a.created_at`

const accountFrom = " FROM account a JOIN company c ON c.id = a.company_id "

func scanAccount(row scanner, others ...any) (app.Account, error) {
	var a app.Account
	var created int64
	dest := append([]any{
		&a.ID, &a.FirstName, &a.LastName, &a.Phone, &a.CompanyID, &a.Company, &a.CompanyEnabled, &a.State, &a.Lang,
		&a.PasswordHash, &a.Entry, &created,
	}, others...)
	err := scanAddress(row, &a.Email, dest...)
	a.CreatedAt = timeOf(created)
	return a, err
}

// AccountByEmail returns the account of an address with its groups and identities. NotFound.
func (s *Store) AccountByEmail(_ context.Context, addr app.Address) (app.Account, error) {
	a, err := accountByEmail(s.read, addr)
	return a, errorOf("read account", err)
}

func accountByEmail(h *handle, addr app.Address) (app.Account, error) {
	a, err := accountWhole(h, accountFrom+"WHERE a.email_key = $1", addr.Key())
	if errors.Is(err, sql.ErrNoRows) {
		return app.Account{}, app.Errorf(app.NotFound, "account_unknown", "there is no account %s", addr)
	}
	return a, err
}

// accountWhole returns the account that from finds, with its groups and identities, or sql.ErrNoRows.
func accountWhole(h *handle, from string, args ...any) (app.Account, error) {
	a, err := scanAccount(h.row(accountColumns+from, args...))
	if err != nil {
		return app.Account{}, err
	}
	if a.Groups, err = groupsOf(h, a.ID); err != nil {
		return app.Account{}, err
	}
	a.Identities, err = identitiesOf(h, a.ID)
	return a, err
}

func groupsOf(h *handle, accountID int64) ([]string, error) {
	var groups []string
	err := h.each(`SELECT g.name
FROM membership m JOIN account_group g ON g.id = m.group_id
WHERE m.account_id = $1
ORDER BY g.name`, []any{accountID}, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		groups = append(groups, name)
		return err
	})
	return groups, err
}

// contains returns the LIKE pattern that finds text anywhere, or "" for no text.
func contains(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// account runs work on one account and writes the event with its company. NotFound.
func (s *Store) account(ctx context.Context, doing string, addr app.Address, ev app.Event, work func(tx *handle, a app.Account) error) (a app.Account, err error) {
	err = s.write(ctx, doing, func(tx *handle) error {
		if a, err = accountByEmail(tx, addr); err != nil {
			return err
		}
		if err := work(tx, a); err != nil {
			return err
		}
		ev.Company, ev.Entry = a.Company, a.Entry
		return s.audit(tx, ev)
	})
	return a, err
}

// SetAccountState enables or disables an account; disabling ends its sessions. NotFound.
func (s *Store) SetAccountState(ctx context.Context, addr app.Address, state app.AccountState, ev app.Event) (app.Account, error) {
	a, err := s.account(ctx, "set account state", addr, ev, func(tx *handle, a app.Account) error {
		if _, err := tx.exec("UPDATE account SET state = $1 WHERE id = $2", string(state), a.ID); err != nil {
			return err
		}
		if state == app.AccountActive {
			return nil
		}
		return endAccess(tx, a.ID)
	})
	a.State = state
	return a, err
}

// endAccess deletes every session, every reset link and every link code of an account.
func endAccess(tx *handle, accountID int64) error {
	for _, statement := range []string{
		"DELETE FROM session WHERE account_id = $1",
		"DELETE FROM reset_link WHERE account_id = $1",
		"DELETE FROM link_code WHERE account_id = $1",
	} {
		if _, err := tx.exec(statement, accountID); err != nil {
			return err
		}
	}
	return nil
}

// RemoveIdentity removes an identity from an account and ends its sessions. NotFound.
func (s *Store) RemoveIdentity(ctx context.Context, addr app.Address, id int64, ev app.Event) (app.Account, error) {
	return s.account(ctx, "remove identity", addr, ev, func(tx *handle, a app.Account) error {
		n, err := tx.exec("DELETE FROM identity WHERE id = $1 AND account_id = $2", id, a.ID)
		if err != nil {
			return err
		}
		if n == 0 {
			return app.Errorf(app.NotFound, "identity_unknown", "the account %s has no identity %d", addr, id)
		}
		return endAccess(tx, a.ID)
	})
}

// RemoveAccount removes an account with everything that belongs to it. NotFound.
func (s *Store) RemoveAccount(ctx context.Context, addr app.Address, ev app.Event) error {
	_, err := s.account(ctx, "remove account", addr, ev, func(tx *handle, a app.Account) error {
		_, err := tx.exec("DELETE FROM account WHERE id = $1", a.ID)
		return err
	})
	return err
}

// UpdateProfile stores names and phone number of an account.
func (s *Store) UpdateProfile(ctx context.Context, accountID int64, p app.Profile, ev app.Event) error {
	return s.write(ctx, "update profile", func(tx *handle) error {
		_, err := tx.exec("UPDATE account SET first_name = $1, last_name = $2, phone = $3, name_key = $4 WHERE id = $5",
			p.FirstName, p.LastName, p.Phone, app.NameKey(p.FirstName, p.LastName), accountID)
		if err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
}
