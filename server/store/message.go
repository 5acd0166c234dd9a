package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"foyer/app"
)

func dataPlace(id int64) string { return fmt.Sprintf("message_data|data|%d", id) }

// insertMessage writes a mail and returns it with its ID.
func (s *Store) insertMessage(tx *handle, m app.Message) (app.Message, error) {
	m.ID = s.id("message")
	var ended sql.NullInt64
	if m.State == app.MessageCaptured {
		ended = nullMillis(m.CreatedAt)
	}
	_, err := tx.exec(`INSERT INTO message (id, kind, sender, recipient, recipient_key, recipient_base, recipient_domain, subject, message_id,
	state, attempts, reply, created_at, next_attempt, lease_until, expires_at, ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', $11, $12, NULL, $13, $14)`,
		m.ID, string(m.Kind), m.Sender, m.Recipient.String(), m.Recipient.Key(), m.Recipient.Base(), m.Recipient.Domain(), m.Subject,
		m.MessageID, string(m.State), millis(m.CreatedAt), nullMillis(m.NextAttempt), millis(m.ExpiresAt), ended)
	if err != nil {
		return m, err
	}
	_, err = tx.exec("INSERT INTO message_data (message_id, data) VALUES ($1, $2)", m.ID, s.seal.seal(m.Data, dataPlace(m.ID)))
	return m, err
}

const messageColumns = `SELECT recipient, id, kind, sender, subject, message_id, state, attempts, reply, created_at, next_attempt, expires_at
FROM message
`

func scanMessage(row scanner) (app.Message, error) {
	var m app.Message
	var created, expires int64
	var next sql.NullInt64
	err := scanAddress(row, &m.Recipient, &m.ID, &m.Kind, &m.Sender, &m.Subject, &m.MessageID, &m.State, &m.Attempts, &m.Reply,
		&created, &next, &expires)
	m.CreatedAt, m.NextAttempt, m.ExpiresAt = timeOf(created), timeOfNull(next), timeOf(expires)
	return m, err
}

// Messages returns one page of messages without Data, the newest first.
func (s *Store) Messages(_ context.Context, q app.MessageQuery) ([]app.Message, error) {
	var messages []app.Message
	err := s.read.each(messageColumns+"WHERE ($1 = 0 OR id < $1) AND ($2 = '' OR state = $2) ORDER BY id DESC LIMIT $3",
		[]any{q.Before, string(q.State), q.Limit}, func(rows *sql.Rows) error {
			m, err := scanMessage(rows)
			messages = append(messages, m)
			return err
		})
	return messages, errorOf("list messages", err)
}

// Message returns a message whole. NotFound.
func (s *Store) Message(_ context.Context, id int64) (app.Message, error) {
	m, err := s.messageWhole(s.read, id)
	return m, errorOf("read message", err)
}

func (s *Store) messageWhole(h *handle, id int64) (app.Message, error) {
	m, err := message(h, id)
	if err != nil {
		return m, err
	}
	var sealed []byte
	err = h.one("SELECT data FROM message_data WHERE message_id = $1", []any{id}, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return m, fmt.Errorf("%w: it is missing", errUnreadable)
	}
	if err != nil {
		return m, err
	}
	if m.Data, err = s.seal.open(sealed, dataPlace(id)); err != nil {
		return m, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return m, nil
}

func message(h *handle, id int64) (app.Message, error) {
	m, err := scanMessage(h.row(messageColumns+"WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return m, app.Errorf(app.NotFound, "message_unknown", "there is no message %d", id)
	}
	return m, err
}

// AddMessage writes a mail of the administrator's own and returns it with its ID.
func (s *Store) AddMessage(ctx context.Context, m app.Message, ev app.Event) (app.Message, error) {
	err := s.write(ctx, "add message", func(tx *handle) error {
		var err error
		if m, err = s.insertMessage(tx, m); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
	return m, err
}

// RetryMessage makes a message due now. NotFound, or Conflict.
func (s *Store) RetryMessage(ctx context.Context, id int64, now time.Time, ev app.Event) (app.Message, error) {
	return s.onMessage(ctx, "retry message", id, ev, func(tx *handle, m app.Message) error {
		return queueNow(tx, m, now)
	})
}

// queueNow makes a message due. Conflict when it has expired.
func queueNow(tx *handle, m app.Message, now time.Time) error {
	if !now.Before(m.ExpiresAt) {
		return app.Errorf(app.Conflict, "message_expired", "message %d is too old: its link is not valid any more", m.ID)
	}
	_, err := tx.exec("UPDATE message SET state = $1, next_attempt = $2, ended_at = NULL WHERE id = $3", string(app.MessageQueued), millis(now), m.ID)
	return err
}

// RemoveMessage removes a message. NotFound, or Conflict while it is being sent.
func (s *Store) RemoveMessage(ctx context.Context, id int64, ev app.Event) error {
	_, err := s.onMessage(ctx, "remove message", id, ev, func(tx *handle, _ app.Message) error {
		_, err := tx.exec("DELETE FROM message WHERE id = $1", id)
		return err
	})
	return err
}

// onMessage runs work on a message that is not being sent, writes the event and returns the message as it is then.
func (s *Store) onMessage(ctx context.Context, doing string, id int64, ev app.Event, work func(tx *handle, m app.Message) error) (m app.Message, err error) {
	err = s.write(ctx, doing, func(tx *handle) error {
		if m, err = message(tx, id); err != nil {
			return err
		}
		if m.State == app.MessageSending {
			return app.Errorf(app.Conflict, "message_sending", "message %d is being sent at this moment; try again when the attempt has ended", id)
		}
		if err := work(tx, m); err != nil {
			return err
		}
		ev.Subject, ev.Detail = m.Recipient.String(), fmt.Sprintf("message %d, %s", id, m.Kind)
		if err := s.audit(tx, ev); err != nil {
			return err
		}
		again, err := message(tx, id)
		if app.CodeOf(err) == app.NotFound {
			return nil
		}
		m = again
		return err
	})
	return m, err
}

func dueMessages(h *handle, now time.Time, n int) ([]int64, error) {
	var ids []int64
	err := h.each(`SELECT id FROM message
WHERE (next_attempt <= $1 AND state IN ('queued', 'deferred')) OR (lease_until < $1 AND state = 'sending')
ORDER BY next_attempt LIMIT $2`, []any{millis(now), n}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// errUnreadable is in the chain when the data of a message is missing or was sealed by another key.
var errUnreadable = errors.New("the message's data is damaged")

// ClaimMessages books one attempt for up to n messages that are due and returns them with Data and with the attempt
// counted. It is durable before it returns, so that a crash never makes the service hammer the other side.
func (s *Store) ClaimMessages(ctx context.Context, now time.Time, n int, lease time.Duration, backoff func(attempts int) time.Duration) ([]app.Message, error) {
	// Most looks find nothing; they must not take the writer's time.
	if due, err := dueMessages(s.read, now, n); err != nil || len(due) == 0 {
		return nil, errorOf("find due messages", err)
	}
	var claimed []app.Message
	err := s.write(ctx, "claim messages", func(tx *handle) error {
		ids, err := dueMessages(tx, now, n)
		if err != nil {
			return err
		}
		for _, id := range ids {
			m, err := s.messageWhole(tx, id)
			if errors.Is(err, errUnreadable) {
				s.log.Error("a message cannot be read", "id", id, "err", err)
				if err := finish(tx, id, app.Delivery{State: app.MessageFailed, Reply: "the stored message is damaged and cannot be read"}); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			m.Attempts++
			m.State, m.NextAttempt = app.MessageSending, now.Add(backoff(m.Attempts))
			_, err = tx.exec("UPDATE message SET state = $1, attempts = $2, next_attempt = $3, lease_until = $4 WHERE id = $5",
				string(m.State), m.Attempts, millis(m.NextAttempt), millis(now.Add(lease)), id)
			if err != nil {
				return err
			}
			claimed = append(claimed, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// FinishMessage records how an attempt ended, and what that says about the recipient's address. NotFound, or Conflict
// when the message is not being sent.
func (s *Store) FinishMessage(ctx context.Context, id int64, d app.Delivery) error {
	return s.write(ctx, "finish message", func(tx *handle) error {
		m, err := message(tx, id)
		if err != nil {
			return err
		}
		if m.State != app.MessageSending {
			return app.Errorf(app.Conflict, "message_state", "message %d is not being sent", id)
		}
		if err := finish(tx, id, d); err != nil {
			return err
		}
		switch {
		case d.State == app.MessageFailed && d.Suppress:
			return s.suppress(tx, m, d.Reply)
		case d.State == app.MessageDelivered:
			return s.unsuppressDelivered(tx, m)
		}
		return nil
	})
}

func finish(tx *handle, id int64, d app.Delivery) error {
	ended, next := nullMillis(time.Now()), time.Time{}
	if d.State == app.MessageDeferred {
		ended, next = sql.NullInt64{}, d.Next
	}
	_, err := tx.exec("UPDATE message SET state = $1, reply = $2, next_attempt = $3, lease_until = NULL, ended_at = $4 WHERE id = $5",
		string(d.State), d.Reply, nullMillis(next), ended, id)
	return err
}

// NextAttempt returns when the next message is due, and false when none is.
func (s *Store) NextAttempt(_ context.Context) (time.Time, bool, error) {
	var next sql.NullInt64
	err := s.read.one(`SELECT MIN(due) FROM (
	SELECT MIN(next_attempt) AS due FROM message WHERE next_attempt IS NOT NULL AND state IN ('queued', 'deferred')
	UNION ALL
	SELECT MIN(lease_until) FROM message WHERE lease_until IS NOT NULL AND state = 'sending'
) AS soonest`, nil, &next)
	return timeOfNull(next), next.Valid, errorOf("find next attempt", err)
}

// maxDelay is how far ahead an attempt may lie: more means that the clock was wrong when it was planned.
const maxDelay = 4*time.Hour + 30*time.Minute

// ReleaseMessages makes attempts of a process that is gone due by their backoff, and attempts that a wrong clock put
// far ahead due now. It is called at start and after the clock was set back, when nothing is under way.
func (s *Store) ReleaseMessages(ctx context.Context) error {
	now := time.Now()
	return s.write(ctx, "release messages", func(tx *handle) error {
		_, err := tx.exec("UPDATE message SET state = 'deferred', lease_until = NULL, reply = 'the attempt was cut off' WHERE state = 'sending'")
		if err != nil {
			return err
		}
		_, err = tx.exec("UPDATE message SET next_attempt = $1 WHERE next_attempt > $2", millis(now), millis(now.Add(maxDelay)))
		return err
	})
}
