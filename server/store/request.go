package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"foyer/app"
)

// Request decides about a visitor's wish for a mail and writes what follows from it; see app.VisitorStore.
//
// Whatever the decision, the same statements run: those that were not wanted are undone before the commit. An
// address that is on no list costs what a listed one costs, in time and in pages written.
//
// The mail is written beforehand, from what can be read without waiting for the writer; should the facts change until
// its turn comes, it is written anew.
func (s *Store) Request(ctx context.Context, r app.Request) (d app.Decision, err error) {
	if err := s.disk.admit(); err != nil {
		return d, err
	}
	ready, err := s.compose(s.read, r)
	if err != nil {
		return app.Decision{}, errorOf("prepare request", err)
	}
	err = s.write(ctx, "take request", func(tx *handle) error {
		facts, err := requestFacts(tx, r)
		if err != nil {
			return err
		}
		d = r.Decide(facts)
		if err := s.links(tx, r, d, facts); err != nil {
			return err
		}
		if letter := letterOf(r, d, facts); letter != ready.letter {
			if ready.message, err = r.Compose(letter); err != nil {
				return err
			}
		}
		err = pretend(tx, d.Mail != "", func() error {
			d.Message, err = s.insertMessage(tx, ready.message)
			return err
		})
		if err != nil {
			return err
		}
		ev := r.Event
		ev.Outcome, ev.Company, ev.Entry = d.Reason, d.Verdict.Company, d.Verdict.Entry
		return s.audit(tx, ev)
	})
	return d, err
}

// draft is a mail that waits for its decision.
type draft struct {
	letter  app.Letter
	message app.Message
}

func (s *Store) compose(h *handle, r app.Request) (draft, error) {
	facts, err := requestFacts(h, r)
	if err != nil {
		return draft{}, err
	}
	letter := letterOf(r, r.Decide(facts), facts)
	m, err := r.Compose(letter)
	return draft{letter, m}, err
}

// letterOf returns the mail of a decision; without one, the mail that would have been hoped for.
func letterOf(r app.Request, d app.Decision, f app.RequestFacts) app.Letter {
	letter := r.Letter(d, f.Account)
	if d.Mail == "" {
		letter.Kind = app.MailConfirm
		if r.Event.Action == app.ActForgot {
			letter.Kind = app.MailReset
		}
	}
	return letter
}

func requestFacts(tx *handle, r app.Request) (f app.RequestFacts, err error) {
	entries, err := entriesFor(tx, app.Candidates(r.Email))
	if err != nil {
		return f, err
	}
	f.Verdict = app.Gate(r.Email, entries)
	a := app.Account{}
	err = scanAddress(tx.row("SELECT a.email, a.id, a.state, a.lang, c.name, c.enabled"+accountFrom+"WHERE a.email_key = $1", r.Email.Key()),
		&a.Email, &a.ID, &a.State, &a.Lang, &a.Company, &a.CompanyEnabled)
	switch {
	case err == nil:
		f.Account = &a
	case !errors.Is(err, sql.ErrNoRows):
		return f, err
	}
	return f, countMails(tx, r, &f)
}

// counted is which mails the limits count. Notices do not: they go out for what somebody did who was signed in, and must
// not use up what others may get. What programs send has limits of its own.
const counted = "rank = 0 AND kind NOT IN ('password_changed', 'linked', 'unlinked')"

// countMails counts what the limits that are switched on ask for, and no more.
func countMails(tx *handle, r app.Request, f *app.RequestFacts) error {
	now, l := r.CreatedAt, r.Limits
	// A mailbox is counted with all its plus tags.
	key, base := r.Email.Key(), r.Email.Base()
	hour, day := millis(now.Add(-time.Hour)), millis(now.Add(-24*time.Hour))
	counts := []struct {
		limit int
		into  *int
		query string
		args  []any
	}{
		{l.MailPerAddress, &f.MailsHour, "SELECT COUNT(*) FROM message WHERE recipient_base = $1 AND created_at > $2 AND " + counted, []any{base, hour}},
		{l.MailPerAddressDay, &f.MailsDay, "SELECT COUNT(*) FROM message WHERE recipient_base = $1 AND created_at > $2 AND " + counted, []any{base, day}},
		{l.AccountsPerBase, &f.BaseDay, "SELECT COUNT(DISTINCT recipient_key) FROM message WHERE rank = 0 AND recipient_base = $1 AND created_at > $2 AND recipient_key <> $3 AND kind = 'confirm'", []any{base, day, key}},
		{l.MailPerDomain, &f.DomainHour, "SELECT COUNT(*) FROM (SELECT 1 FROM message WHERE recipient_domain = $1 AND created_at > $2 AND " + counted + " LIMIT $3)", []any{r.Email.Domain(), hour, l.MailPerDomain}},
		{l.MailGlobal, &f.GlobalHour, "SELECT COUNT(*) FROM (SELECT 1 FROM message WHERE created_at > $1 AND " + counted + " LIMIT $2)", []any{hour, l.MailGlobal}},
		{l.QueueMessages, &f.Queued, "SELECT COUNT(*) FROM (SELECT 1 FROM message WHERE rank = 0 AND state IN ('queued', 'deferred') LIMIT $1)", []any{l.QueueMessages}},
		{l.Registrations, &f.Waiting, "SELECT COUNT(*) FROM (SELECT 1 FROM registration WHERE email_key <> $1 AND expires_at > $2 LIMIT $3)", []any{key, millis(now), l.Registrations}},
	}
	for _, c := range counts {
		if c.limit == 0 {
			continue
		}
		if err := tx.one(c.query, c.args, c.into); err != nil {
			return err
		}
	}
	var err error
	if f.Blocked, err = isBlocked(tx, r.Email, now); err != nil {
		return err
	}
	f.Suppressed, err = isSuppressed(tx, r.Email)
	return err
}

// isBlocked reports whether the owner of an address wants no mail of ours at the moment.
func isBlocked(h *handle, addr app.Address, now time.Time) (bool, error) {
	err := h.one("SELECT 1 FROM mail_block WHERE email_key = $1 AND until > $2", []any{addr.Key(), millis(now)}, new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// links writes the registration or the reset link that the decision asks for. It is written in any case;
// the savepoint goes where the answer was no.
func (s *Store) links(tx *handle, r app.Request, d app.Decision, f app.RequestFacts) error {
	if r.Event.Action == app.ActForgot {
		return s.resetLink(tx, r, d, f)
	}
	return pretend(tx, d.Mail == app.MailConfirm, func() error {
		if d.Mail != app.MailConfirm {
			companyID, err := anyCompany(tx)
			if err != nil || companyID == 0 {
				return err
			}
			d.Verdict.CompanyID = companyID
		}
		if _, err := tx.exec("DELETE FROM registration WHERE email_key = $1", r.Email.Key()); err != nil {
			return err
		}
		return s.insertRegistration(tx, r, d.Verdict)
	})
}

func (s *Store) insertRegistration(tx *handle, r app.Request, v app.Verdict) error {
	id := s.id("registration")
	_, err := tx.exec(`INSERT INTO registration (id, email, email_key, first_name, last_name, phone, company_id, entry, lang, ip,
	token_hash, code_hash, code_tries, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14)`,
		id, r.Email.String(), r.Email.Key(), r.FirstName, r.LastName, r.Phone, v.CompanyID, v.Entry, r.Lang, r.IP,
		r.Token[:], r.Code[:], millis(r.CreatedAt), millis(r.ExpiresAt))
	if err != nil || r.Identity == nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO registration_identity (registration_id, connector, issuer, subject, tenant, object, email, browser_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		id, r.Identity.Connector, r.Identity.Issuer, r.Identity.Subject, r.Identity.Tenant, r.Identity.Object, r.Identity.Email, r.Browser[:])
	return err
}

func (s *Store) resetLink(tx *handle, r app.Request, d app.Decision, f app.RequestFacts) error {
	return pretend(tx, d.Mail == app.MailReset, func() error {
		var accountID int64
		if f.Account != nil {
			accountID = f.Account.ID
		} else if err := tx.one("SELECT COALESCE(MAX(id), 0) FROM account", nil, &accountID); err != nil || accountID == 0 {
			return err
		}
		if _, err := tx.exec("DELETE FROM reset_link WHERE account_id = $1", accountID); err != nil {
			return err
		}
		_, err := tx.exec("INSERT INTO reset_link (token_hash, account_id, expires_at) VALUES ($1, $2, $3)",
			r.Token[:], accountID, millis(r.ExpiresAt))
		return err
	})
}

// anyCompany returns a company that a row which is about to be undone can point to, or 0 when there is none.
func anyCompany(tx *handle) (id int64, err error) {
	err = tx.one("SELECT COALESCE(MAX(id), 0) FROM company", nil, &id)
	return id, err
}

// pretend runs work inside a savepoint and keeps what it did only if keep says so.
func pretend(tx *handle, keep bool, work func() error) error {
	if _, err := tx.exec("SAVEPOINT pretend"); err != nil {
		return err
	}
	if err := work(); err != nil {
		return err // the unit of work is undone as a whole
	}
	if !keep {
		if _, err := tx.exec("ROLLBACK TO pretend"); err != nil {
			return err
		}
	}
	_, err := tx.exec("RELEASE pretend")
	return err
}

// BlockAddress stops mail to an address and deletes its registration, reset links and link codes.
func (s *Store) BlockAddress(ctx context.Context, addr app.Address, until time.Time, ev app.Event) error {
	return s.write(ctx, "block address", func(tx *handle) error {
		_, err := tx.exec("INSERT INTO mail_block (email_key, until) VALUES ($1, $2) ON CONFLICT (email_key) DO UPDATE SET until = excluded.until",
			addr.Key(), millis(until))
		if err != nil {
			return err
		}
		for _, statement := range []string{
			"DELETE FROM registration WHERE email_key = $1",
			"DELETE FROM reset_link WHERE account_id IN (SELECT id FROM account WHERE email_key = $1)",
			"DELETE FROM link_code WHERE account_id IN (SELECT id FROM account WHERE email_key = $1)",
		} {
			if _, err := tx.exec(statement, addr.Key()); err != nil {
				return err
			}
		}
		return s.audit(tx, ev)
	})
}

// Blocked returns the addresses that get no mail, and until when.
func (s *Store) Blocked(_ context.Context, now time.Time) (map[string]time.Time, error) {
	blocked := map[string]time.Time{}
	err := s.read.each("SELECT email_key, until FROM mail_block WHERE until > $1", []any{millis(now)}, func(rows *sql.Rows) error {
		var key string
		var until int64
		err := rows.Scan(&key, &until)
		blocked[key] = timeOf(until)
		return err
	})
	return blocked, errorOf("list blocked addresses", err)
}

// Unblock lets an address get mail again. NotFound.
func (s *Store) Unblock(ctx context.Context, addr app.Address, ev app.Event) error {
	return s.write(ctx, "unblock address", func(tx *handle) error {
		n, err := tx.exec("DELETE FROM mail_block WHERE email_key = $1", addr.Key())
		if err != nil {
			return err
		}
		if n == 0 {
			return app.Errorf(app.NotFound, "not_blocked", "mail to %s is not blocked", addr)
		}
		return s.audit(tx, ev)
	})
}
