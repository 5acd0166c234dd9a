package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"foyer/app"
)

// HoldMessage holds a message that waits; see app.AdminStore.
func (s *Store) HoldMessage(ctx context.Context, id int64, ev app.Event) (app.Message, error) {
	return s.onMessage(ctx, "hold message", id, ev, func(tx *handle, m app.Message) error {
		if m.State != app.MessageQueued && m.State != app.MessageDeferred {
			return app.Errorf(app.Conflict, "message_not_waiting", "mail %d is %s; only one that is queued or deferred can be held", id, m.State)
		}
		_, err := tx.exec("UPDATE message SET state = $1, next_attempt = NULL WHERE id = $2", string(app.MessageHeld), id)
		return err
	})
}

// ReleaseMessage makes a held message due now; see app.AdminStore.
func (s *Store) ReleaseMessage(ctx context.Context, id int64, now time.Time, ev app.Event) (app.Message, error) {
	return s.onMessage(ctx, "release message", id, ev, func(tx *handle, m app.Message) error {
		if m.State != app.MessageHeld {
			return app.Errorf(app.Conflict, "message_not_held", "mail %d is %s; only one that is held can be released", id, m.State)
		}
		return queueNow(tx, m, now)
	})
}

// HoldWaiting holds every message that waits; see app.AdminStore.
func (s *Store) HoldWaiting(ctx context.Context, ev app.Event) (int, error) {
	return s.onMessages(ctx, "hold all messages", ev, "UPDATE message SET state = 'held', next_attempt = NULL WHERE state IN ('queued', 'deferred')")
}

// ReleaseHeld makes every held message due now; see app.AdminStore.
func (s *Store) ReleaseHeld(ctx context.Context, now time.Time, ev app.Event) (int, error) {
	return s.onMessages(ctx, "release all messages", ev, "UPDATE message SET state = 'queued', next_attempt = $1 WHERE state = 'held'", millis(now))
}

// onMessages changes many messages, writes the event with their number and returns it.
func (s *Store) onMessages(ctx context.Context, doing string, ev app.Event, statement string, args ...any) (int, error) {
	var n int64
	err := s.write(ctx, doing, func(tx *handle) (err error) {
		if n, err = tx.exec(statement, args...); err != nil {
			return err
		}
		ev.Detail = fmt.Sprintf("all: %d", n)
		return s.audit(tx, ev)
	})
	return int(n), err
}

// LastMessage returns the newest message to an address without Data. NotFound.
func (s *Store) LastMessage(_ context.Context, addr app.Address) (app.Message, error) {
	m, err := scanMessage(s.read.row(messageColumns+"WHERE rank = 0 AND recipient_base = $1 AND recipient_key = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
		addr.Base(), addr.Key()))
	if errors.Is(err, sql.ErrNoRows) {
		return app.Message{}, app.Errorf(app.NotFound, "message_unknown", "there is no mail to %s", addr)
	}
	return m, errorOf("read last message", err)
}
