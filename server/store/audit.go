package store

import (
	"context"
	"database/sql"
	"strings"

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
	w := eventFilter(q)
	w.args = append(w.args, q.Limit)
	err := s.read.each(`SELECT id, at, actor, ip, action, outcome, subject, company, entry, detail
FROM audit
WHERE 1 = 1`+w.text+" ORDER BY id DESC LIMIT "+placeholders(len(w.args), 1), w.args, func(rows *sql.Rows) error {
		var ev app.Event
		var at int64
		err := rows.Scan(&ev.ID, &at, &ev.Actor, &ev.IP, &ev.Action, &ev.Outcome, &ev.Subject, &ev.Company, &ev.Entry, &ev.Detail)
		ev.At = timeOf(at)
		events = append(events, ev)
		return err
	})
	return events, errorOf("list audit", err)
}

func eventFilter(q app.EventQuery) (w where) {
	if q.Before != 0 {
		w.and("id < ?", q.Before)
	}
	// Times are turned into IDs by their index: the list goes by ID, and must not go through all that are too old.
	if !q.Since.IsZero() {
		w.and("at >= ? AND id >= (SELECT MIN(id) FROM audit WHERE at >= ?)", millis(q.Since), millis(q.Since))
	}
	if !q.Until.IsZero() {
		w.and("at < ? AND id <= (SELECT MAX(id) FROM audit WHERE at < ?)", millis(q.Until), millis(q.Until))
	}
	switch family, ok := strings.CutSuffix(q.Action, "."); {
	case ok:
		w.and("action >= ? AND action < ?", family+".", family+"/") // the character after the dot
	case q.Action != "":
		w.and("action = ?", q.Action)
	}
	if q.Refused {
		w.and("outcome <> ?", app.OK)
		for _, action := range app.FoundActions() {
			w.and("action <> ?", string(action))
		}
	}
	if q.Search != "" {
		like := contains(q.Search)
		w.and(`(subject LIKE ? ESCAPE '\' OR company LIKE ? ESCAPE '\' OR action LIKE ? ESCAPE '\' OR actor LIKE ? ESCAPE '\' OR outcome LIKE ? ESCAPE '\' OR detail LIKE ? ESCAPE '\')`,
			like, like, like, like, like, like)
	}
	return w
}
