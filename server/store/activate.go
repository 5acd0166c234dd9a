package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"foyer/app"
)

// Activate makes an account of a registration; see app.VisitorStore.
func (s *Store) Activate(ctx context.Context, act app.Activation) (a app.Account, err error) {
	err = s.writeOrRefuse(ctx, "activate", func(tx *handle) (refused, err error) {
		r, err := registrationByToken(tx, act.Token, act.Now)
		if err != nil {
			return nil, err
		}
		ev := act.Event
		ev.Subject, ev.Company, ev.Entry = r.Email.String(), r.Company, r.Entry
		if r.Identity != nil {
			act.PasswordHash = ""
			if !r.HeldBy(act.Browser, act.Identity) {
				ev.Outcome = "identity_needed"
				refused := app.Errorf(app.Denied, "identity_needed", "sign in once more with the account of the provider that you signed up with")
				return refused, s.audit(tx, ev)
			}
		}
		if a, refused, err = s.createAccount(tx, r, act.PasswordHash, act.Now, ev); refused != nil || err != nil {
			if app.ReasonOf(err) == "account_exists" {
				err = app.Errorf(app.Gone, "link_spent", "there is an account with this address already")
			}
			return refused, err
		}
		_, err = tx.exec("INSERT INTO spent_link (token_hash, spent_at) VALUES ($1, $2)", act.Token[:], millis(act.Now))
		return nil, err
	})
	return a, err
}

// CreateAccount makes an account of a registration that needs no confirmation, and starts a session; see
// app.VisitorStore.
func (s *Store) CreateAccount(ctx context.Context, r app.Registration, session app.Session, ev app.Event) (a app.Account, err error) {
	if err := s.disk.admit(); err != nil {
		return a, err
	}
	err = s.writeOrRefuse(ctx, "create account", func(tx *handle) (refused, err error) {
		if a, refused, err = s.createAccount(tx, r, "", ev.At, ev); refused != nil || err != nil {
			return refused, err
		}
		session.Account = a
		return nil, insertSession(tx, session)
	})
	return a, err
}

// createAccount asks the gate once more and makes the account of a registration, with its identity if it has one, in
// place of everything that waits for its address or its identity. It writes the event, also of a refusal by the gate.
func (s *Store) createAccount(tx *handle, r app.Registration, password string, now time.Time, ev app.Event) (a app.Account, refused, err error) {
	verdict, why, err := eligible(tx, r)
	if err != nil {
		return a, nil, err
	}
	if why != "" {
		ev.Outcome, ev.Detail = "no_longer_eligible", why
		return a, noLongerEligible(), s.audit(tx, ev)
	}
	id, err := s.insertAccount(tx, r, password, verdict.Entry, now)
	if err != nil {
		return a, nil, err
	}
	if _, err := tx.exec("DELETE FROM registration WHERE email_key = $1", r.Email.Key()); err != nil {
		return a, nil, err
	}
	if r.Identity != nil {
		if err := s.insertIdentity(tx, id, *r.Identity, now); err != nil {
			return a, nil, err
		}
		if err := deleteRegistrationsOf(tx, r.Identity.IdentityKey); err != nil {
			return a, nil, err
		}
	}
	ev.Company, ev.Entry = verdict.Company, verdict.Entry
	if err := s.audit(tx, ev); err != nil {
		return a, nil, err
	}
	a, err = accountByEmail(tx, r.Email)
	return a, nil, err
}

// eligible asks the gate about a registration again. why is "" when it still gives the company the registration shows
// and the company takes people of the identity's tenant, or else the reason.
func eligible(tx *handle, r app.Registration) (verdict app.Verdict, why string, err error) {
	entries, err := entriesFor(tx, app.Candidates(r.Email))
	if err != nil {
		return verdict, "", err
	}
	verdict = app.Gate(r.Email, entries)
	if !verdict.Allowed || verdict.CompanyID != r.CompanyID {
		return verdict, verdict.Explain(), nil
	}
	if r.Identity == nil || r.Identity.Tenant == "" {
		return verdict, "", nil
	}
	tenants, err := tenantsOf(tx, verdict.CompanyID)
	if err != nil {
		return verdict, "", err
	}
	// Of a connector that was removed nobody knows which tenants it took: only what the company names counts then.
	c := app.Connector{}
	err = tx.one("SELECT tenant FROM connector WHERE name = $1", []any{r.Identity.Connector}, &c.Tenant)
	if errors.Is(err, sql.ErrNoRows) {
		c.Tenant, err = app.ManyTenants, nil
	}
	if err == nil && !c.TenantAllowed(tenants, r.Identity.Tenant) {
		why = "the tenant " + r.Identity.Tenant + " is not one of " + verdict.Company
	}
	return verdict, why, err
}

func noLongerEligible() error {
	return app.Errorf(app.Conflict, "no_longer_eligible", "this address is not enabled for an account any more")
}

// insertAccount returns the ID of the new account. Conflict, "account_exists"; Invalid for an account into which there
// would be no way.
func (s *Store) insertAccount(tx *handle, r app.Registration, password, entry string, now time.Time) (int64, error) {
	if password == "" && r.Identity == nil {
		return 0, app.Fieldf("password", "password_missing", "choose a password")
	}
	id := s.id("account")
	_, err := tx.exec(`INSERT INTO account (id, email, email_key, first_name, last_name, phone, company_id, state, lang, password_hash, entry, created_at,
	name_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		id, r.Email.String(), r.Email.Key(), r.FirstName, r.LastName, r.Phone, r.CompanyID, string(app.AccountActive), r.Lang,
		password, entry, millis(now), app.NameKey(r.FirstName, r.LastName))
	if isDuplicate(err) {
		return 0, app.Errorf(app.Conflict, "account_exists", "there is an account with this address already")
	}
	if err != nil {
		return 0, err
	}
	_, err = tx.exec("INSERT INTO membership (account_id, group_id) SELECT $1, id FROM account_group WHERE name = $2", id, app.CustomerAccounts)
	return id, err
}
