package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"foyer/app"
)

// audit writes an event in the transaction of the change it tells of.
func (s *Store) audit(tx *handle, ev app.Event) error {
	_, err := tx.exec(`INSERT INTO audit (id, at, actor, ip, action, outcome, subject, company, entry, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		s.id("audit"), millis(ev.At), ev.Actor, ev.IP, string(ev.Action), ev.Outcome, ev.Subject, ev.Company, ev.Entry, ev.Detail)
	if err == nil && s.audited != nil {
		s.writer.events = append(s.writer.events, ev)
	}
	return err
}

// AddEvent writes an audit event that belongs to no other change.
func (s *Store) AddEvent(ctx context.Context, ev app.Event) error {
	return s.write(ctx, "write audit", func(tx *handle) error { return s.audit(tx, ev) })
}

// Events returns one page of the audit, the newest first. A page of all events goes by their IDs; one that is bounded by
// times, or has refusals only, by their times, of which there are indexes. The two differ when the clock was set back.
func (s *Store) Events(_ context.Context, q app.EventQuery) ([]app.Event, error) {
	order := "id DESC"
	if !q.Since.IsZero() || !q.Until.IsZero() || q.Refused {
		order = "at DESC, id DESC"
	}
	behind, err := behindEvent(s.read, &q, order)
	if err != nil {
		return nil, errorOf("list audit", err)
	}
	w := eventFilter(q)
	behind(&w)
	w.args = append(w.args, q.Limit)
	var events []app.Event
	err = s.read.each(`SELECT id, at, actor, ip, action, outcome, subject, company, entry, detail
FROM audit
WHERE 1 = 1`+w.text+" ORDER BY "+order+" LIMIT "+placeholders(len(w.args), 1), w.args, func(rows *sql.Rows) error {
		var ev app.Event
		var at int64
		err := rows.Scan(&ev.ID, &at, &ev.Actor, &ev.IP, &ev.Action, &ev.Outcome, &ev.Subject, &ev.Company, &ev.Entry, &ev.Detail)
		ev.At = timeOf(at)
		events = append(events, ev)
		return err
	})
	return events, errorOf("list audit", err)
}

// behindEvent returns the condition that an event comes behind the last one of the page before. In an order by time it moves
// the end of the query there too: SQLite looks up one bound of an index, and would go through all before it by the other.
func behindEvent(h *handle, q *app.EventQuery, order string) (func(w *where), error) {
	if q.Before == 0 {
		return func(*where) {}, nil
	}
	byID := func(w *where) { w.and("id < ?", q.Before) }
	if order == "id DESC" {
		return byID, nil
	}
	var at int64
	err := h.one("SELECT at FROM audit WHERE id = $1", []any{q.Before}, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return byID, nil // it is deleted by now, with those that are older
	}
	if end := timeOf(at + 1); q.Until.IsZero() || end.Before(q.Until) {
		q.Until = end
	}
	return func(w *where) { w.and("(+at < ? OR +id < ?)", at, q.Before) }, err
}

func eventFilter(q app.EventQuery) (w where) {
	if !q.Since.IsZero() {
		w.and("at >= ?", millis(q.Since))
	}
	if !q.Until.IsZero() {
		w.and("at < ?", millis(q.Until))
	}
	switch family, ok := strings.CutSuffix(q.Action, "."); {
	case ok:
		w.and("action >= ? AND action < ?", family+".", family+"/") // the character after the dot
	case q.Action != "":
		w.and("action = ?", q.Action)
	}
	if q.Refused {
		w.and("outcome <> 'ok'") // in words, by which the index of the few is found
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
