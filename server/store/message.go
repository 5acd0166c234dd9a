package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"foyer/app"
)

func dataPlace(id int64) string { return fmt.Sprintf("message_data|data|%d", id) }

// insertMessage writes a mail and returns it with its ID.
func (s *Store) insertMessage(tx *handle, m app.Message) (app.Message, error) {
	m, err := s.insertEnvelope(tx, m, 0)
	if err != nil {
		return m, err
	}
	_, err = tx.exec("INSERT INTO message_data (message_id, data) VALUES ($1, $2)", m.ID, s.seal.seal(m.Data, dataPlace(m.ID)))
	return m, err
}

// insertEnvelope writes a mail without its data, which is that of a relayed mail unless relayedID is 0.
func (s *Store) insertEnvelope(tx *handle, m app.Message, relayedID int64) (app.Message, error) {
	m.ID = s.id("message")
	var ended sql.NullInt64
	if m.State == app.MessageCaptured {
		ended = nullMillis(m.CreatedAt)
	}
	_, err := tx.exec(`INSERT INTO message (id, kind, sender, recipient, recipient_key, recipient_base, recipient_domain, subject, message_id,
	state, attempts, reply, created_at, next_attempt, lease_until, expires_at, ended_at, rank, program, relayed_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '', $11, $12, NULL, $13, $14, $15, $16, $17)`,
		m.ID, string(m.Kind), m.Sender, m.Recipient.String(), m.Recipient.Key(), m.Recipient.Base(), m.Recipient.Domain(), m.Subject,
		m.MessageID, string(m.State), millis(m.CreatedAt), nullMillis(m.NextAttempt), millis(m.ExpiresAt), ended, rankOf(m.Kind),
		m.Program, sql.NullInt64{Int64: relayedID, Valid: relayedID != 0})
	return m, err
}

// rankOf returns in which order messages go: the lower, the sooner.
func rankOf(kind app.MessageKind) int {
	if kind.Relayed() {
		return 1
	}
	return 0
}

const messageColumns = "SELECT " + messageFields + "\nFROM message\n"

const messageFields = `recipient, message.id, kind, sender, subject, message.message_id, state, attempts, reply, message.created_at, next_attempt, expires_at,
	message.program, late_at IS NOT NULL`

// scanMessage reads messageFields, and what stands behind them into more.
func scanMessage(row scanner, more ...any) (app.Message, error) {
	var m app.Message
	var created, expires int64
	var next sql.NullInt64
	fields := []any{
		&m.ID, &m.Kind, &m.Sender, &m.Subject, &m.MessageID, &m.State, &m.Attempts, &m.Reply, &created, &next, &expires, &m.Program, &m.Late,
	}
	err := scanAddress(row, &m.Recipient, append(fields, more...)...)
	m.CreatedAt, m.NextAttempt, m.ExpiresAt = timeOf(created), timeOfNull(next), timeOf(expires)
	return m, err
}

// Messages returns one page of messages without Data, the newest first.
func (s *Store) Messages(_ context.Context, q app.MessageQuery) ([]app.Message, error) {
	var messages []app.Message
	w := messageFilter(q)
	w.args = append(w.args, q.Limit)
	err := s.read.each(messageColumns+"WHERE 1 = 1"+w.text+" ORDER BY id DESC LIMIT "+placeholders(len(w.args), 1), w.args, func(rows *sql.Rows) error {
		m, err := scanMessage(rows)
		messages = append(messages, m)
		return err
	})
	return messages, errorOf("list messages", err)
}

func messageFilter(q app.MessageQuery) (w where) {
	if q.Before != 0 {
		w.and("id < ?", q.Before)
	}
	if q.State != "" {
		w.and("state = ?", string(q.State))
	}
	if slices.Contains([]app.MessageState{app.MessageDeferred, app.MessageHeld, app.MessageFailed, app.MessageCaptured}, q.State) {
		// These few are looked for among a hundred thousand others: by their index, whose words these are.
		w.and("state IN ('deferred', 'held', 'failed', 'captured')")
	}
	if q.Search != "" {
		like := contains(q.Search)
		w.and(`(recipient_key LIKE ? ESCAPE '\' OR recipient LIKE ? ESCAPE '\' OR subject LIKE ? ESCAPE '\')`, like, like, like)
	}
	return w
}

// Message returns a message whole. NotFound.
func (s *Store) Message(_ context.Context, id int64) (app.Message, error) {
	m, err := s.messageWhole(s.read, id, &sharedData{})
	return m, errorOf("read message", err)
}

// sharedData is the data of the relayed mail that was read last. Its next recipient mostly follows, and a mail of 10 MiB to
// 50 of them must not take 500 MiB.
type sharedData struct {
	id   int64
	data []byte
}

// messageWhole reads a message with its data, which it takes from last where that has it.
func (s *Store) messageWhole(h *handle, id int64, last *sharedData) (app.Message, error) {
	var own, shared []byte
	var relayedID sql.NullInt64
	var steps string
	var suppressed sql.NullString
	m, err := scanMessage(h.row("SELECT "+messageFields+`, message_data.data, relayed_id, CASE WHEN relayed.id = $2 THEN NULL ELSE relayed.data END, steps, suppression.reason
FROM message
LEFT JOIN message_data ON message_data.message_id = message.id
LEFT JOIN relayed ON relayed.id = message.relayed_id
LEFT JOIN suppression ON suppression.email_key = message.recipient_key AND message.rank = 1
WHERE message.id = $1`, id, last.id), &own, &relayedID, &shared, &steps, &suppressed)
	if errors.Is(err, sql.ErrNoRows) {
		return m, unknownMessage(id)
	}
	if err != nil {
		return m, err
	}
	m.Suppressed = suppressed.String
	if m.Steps, err = stepsOf(steps); err != nil {
		return m, err
	}
	switch {
	case !relayedID.Valid:
		m.Data, err = s.openData(own, dataPlace(id))
	case relayedID.Int64 == last.id:
		m.Data = last.data
	default:
		m.Data, err = s.openData(shared, relayedPlace(relayedID.Int64))
		if err == nil {
			*last = sharedData{relayedID.Int64, m.Data}
		}
	}
	return m, err
}

// openData returns the data of a message. errUnreadable is in the chain of its error.
func (s *Store) openData(sealed []byte, place string) ([]byte, error) {
	if sealed == nil {
		return nil, fmt.Errorf("%w: it is missing", errUnreadable)
	}
	data, err := s.seal.open(sealed, place)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return data, nil
}

func unknownMessage(id int64) error {
	return app.Errorf(app.NotFound, "message_unknown", "there is no mail %d", id)
}

func message(h *handle, id int64) (app.Message, error) {
	m, err := scanMessage(h.row(messageColumns+"WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return m, unknownMessage(id)
	}
	return m, err
}

// AddMessage writes a mail of the administrator's own and returns it with its ID.
func (s *Store) AddMessage(ctx context.Context, m app.Message, ev app.Event) (app.Message, error) {
	if err := s.disk.admit(); err != nil {
		return m, err
	}
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
		why := "its link is not valid any more"
		if m.Kind.Relayed() {
			why = "the time that limits.relay_hours gives is over"
		}
		return app.Errorf(app.Conflict, "message_expired", "mail %d is too old: %s", m.ID, why)
	}
	_, err := tx.exec("UPDATE message SET state = $1, next_attempt = $2, ended_at = NULL WHERE id = $3", string(app.MessageQueued), millis(now), m.ID)
	return err
}

// RemoveMessage removes a message. NotFound, or Conflict while it is being sent.
func (s *Store) RemoveMessage(ctx context.Context, id int64, ev app.Event) error {
	_, err := s.onMessage(ctx, "remove message", id, ev, func(tx *handle, _ app.Message) error {
		return deleteMessages(tx, "id = $1", id)
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
