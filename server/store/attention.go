package store

import (
	"context"
	"database/sql"
	"time"

	"foyer/app"
)

const (
	// waitingMost bounds how many mails that wait are looked at for how long they do.
	waitingMost = 10_000
	// tlsLostMost bounds how many mail servers are named.
	tlsLostMost = 5
)

// AttentionFacts returns what wants attention at a moment; see app.AdminStore.
func (s *Store) AttentionFacts(_ context.Context, now time.Time) (app.AttentionFacts, error) {
	facts := app.AttentionFacts{DiskLow: s.disk.full.Load(), DiskFailed: s.disk.isFailing()}
	// The oldest deferred mails come first, by the index of their state. The conditions of the others are those of indexes too.
	err := s.read.one(`SELECT
	(SELECT COUNT(*) FROM message WHERE state = 'failed' AND ended_at >= $1),
	(SELECT COUNT(*) FROM (SELECT created_at FROM message WHERE state = 'deferred' ORDER BY id LIMIT $2) AS waiting WHERE created_at < $3),
	(SELECT COUNT(*) FROM suppression),
	EXISTS (SELECT 1 FROM company),
	EXISTS (SELECT 1 FROM allow_entry e JOIN company c ON c.id = e.company_id WHERE c.enabled AND NOT e.deny)`,
		[]any{millis(now.Add(-24 * time.Hour)), waitingMost, millis(now.Add(-time.Hour))},
		&facts.Failed, &facts.Waiting, &facts.Suppressed, &facts.Companies, &facts.Listed)
	if err != nil {
		return facts, errorOf("look for what wants attention", err)
	}
	err = s.read.each("SELECT host FROM mail_tls WHERE lost_at IS NOT NULL ORDER BY host LIMIT $1", []any{tlsLostMost}, func(rows *sql.Rows) error {
		var host string
		err := rows.Scan(&host)
		facts.TLSLost = append(facts.TLSLost, host)
		return err
	})
	return facts, errorOf("look for what wants attention", err)
}

// listSurvey is the lists as they are, while the accounts are gone through.
type listSurvey struct {
	index  app.EntryIndex
	unused []app.OwnedEntry // that are old
	used   map[int64]bool   // companies of which somebody on the list has an account
	health app.ListHealth
}

// ListHealth goes through all lists and accounts; see app.AdminStore. Between two batches others may write: what they change
// is told, and looked at the next time.
func (s *Store) ListHealth(ctx context.Context, old time.Time) (app.ListHealth, error) {
	survey := listSurvey{used: map[int64]bool{}}
	if err := survey.readEntries(s.read, old); err != nil {
		return app.ListHealth{}, errorOf("look at the lists", err)
	}
	for after, more := int64(0), true; more; {
		if err := ctx.Err(); err != nil {
			return app.ListHealth{}, errorOf("look at the lists", err)
		}
		last, err := survey.readAccounts(s.read, after)
		if err != nil {
			return app.ListHealth{}, errorOf("look at the lists", err)
		}
		after, more = last, last > after
	}
	for _, e := range survey.unused {
		if !survey.used[e.CompanyID] {
			survey.health.Unused.Add(e.Company)
		}
	}
	return survey.health, nil
}

func (l *listSurvey) readEntries(h *handle, old time.Time) error {
	var entries []app.OwnedEntry
	err := h.each(`SELECT e.kind, e.value, e.deny, c.id, c.name, c.enabled, e.created_at
FROM allow_entry e JOIN company c ON c.id = e.company_id`, nil, func(rows *sql.Rows) error {
		var e app.OwnedEntry
		var created int64
		if err := rows.Scan(&e.Kind, &e.Value, &e.Deny, &e.CompanyID, &e.Company, &e.Enabled, &created); err != nil {
			return err
		}
		entries = append(entries, e)
		if e.Refusal() != nil {
			l.health.Warned.Add(e.Company)
		}
		if e.Enabled && !e.Deny && created < millis(old) {
			l.unused = append(l.unused, e)
		}
		return nil
	})
	l.index = app.IndexEntries(entries)
	return err
}

// readAccounts looks at the accounts after an ID, a batch of them, and returns the last one's ID.
func (l *listSurvey) readAccounts(h *handle, after int64) (last int64, err error) {
	last = after
	err = h.each("SELECT email, id, company_id FROM account WHERE id > $1 ORDER BY id LIMIT $2", []any{after, scanChunk}, func(rows *sql.Rows) error {
		var a app.Account
		if err := scanAddress(rows, &a.Email, &a.ID, &a.CompanyID); err != nil {
			return err
		}
		last = a.ID
		if a.OnList(l.index.For(a.Email)) {
			l.used[a.CompanyID] = true
		} else {
			l.health.OffList++
		}
		return nil
	})
	return last, err
}
