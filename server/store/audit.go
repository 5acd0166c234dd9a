package store

import (
	"context"
	"database/sql"

	"foyer/app"
)

// audit writes an event in the transaction of the change it tells of.
func (s *Store) audit(tx *handle, ev app.Event) error {
	_, err := tx.exec(`INSERT INTO audit (id, at, actor, ip, action, outcome, subject, company, entry, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		s.id("audit"), millis(ev.At), ev.Actor, ev.IP, string(ev.Action), ev.Outcome, ev.Subject, ev.Company, ev.Entry, ev.Detail)
	return err
}

// AddEvent writes an audit event that belongs to no other change.
func (s *Store) AddEvent(ctx context.Context, ev app.Event) error {
	return s.write(ctx, "write audit", func(tx *handle) error { return s.audit(tx, ev) })
}

// Events returns one page of the audit, the newest first.
func (s *Store) Events(_ context.Context, q app.EventQuery) ([]app.Event, error) {
	var events []app.Event
	err := s.read.each(`SELECT id, at, actor, ip, action, outcome, subject, company, entry, detail
FROM audit
WHERE ($1 = 0 OR id < $1)
  AND ($2 = '' OR subject LIKE $2 ESCAPE '\' OR company LIKE $2 ESCAPE '\' OR action LIKE $2 ESCAPE '\' OR actor LIKE $2 ESCAPE '\' OR outcome LIKE $2 ESCAPE '\')
ORDER BY id DESC
LIMIT $3`, []any{q.Before, contains(q.Search), q.Limit}, func(rows *sql.Rows) error {
		var ev app.Event
		var at int64
		err := rows.Scan(&ev.ID, &at, &ev.Actor, &ev.IP, &ev.Action, &ev.Outcome, &ev.Subject, &ev.Company, &ev.Entry, &ev.Detail)
		ev.At = timeOf(at)
		events = append(events, ev)
		return err
	})
	return events, errorOf("list audit", err)
}
