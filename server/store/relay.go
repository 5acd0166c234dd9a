package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"foyer/app"
)

func relayedPlace(id int64) string { return fmt.Sprintf("relayed|data|%d", id) }

// AddSubmission writes a mail that a program has handed over: one message for each recipient, and its data once. It
// returns after they are durable. Unavailable "queue_full" when more than maximum messages of programs wait; 0 is no
// limit. Unavailable "storage_full" when the disk is.
func (s *Store) AddSubmission(ctx context.Context, sub app.Submission, now, expires time.Time, maximum int) error {
	if err := s.disk.admit(); err != nil {
		return err
	}
	id := s.id("relayed")
	// Sealing is work for the many callers, not for the one writer.
	sealed := s.seal.seal(sub.Data, relayedPlace(id))
	return s.write(ctx, "take a mail of a program", func(tx *handle) error {
		if err := s.relays.room(tx, len(sub.Recipients), maximum); err != nil {
			return err
		}
		_, err := tx.exec("INSERT INTO relayed (id, program, data, created_at) VALUES ($1, $2, $3, $4)", id, sub.Program, sealed, millis(now))
		if err != nil {
			return err
		}
		for _, recipient := range sub.Recipients {
			m := app.Message{
				Kind: app.MailRelayed, Program: sub.Program, Sender: sub.Sender, Recipient: recipient, Subject: sub.Subject, MessageID: sub.MessageID,
				State: app.MessageQueued, CreatedAt: now, NextAttempt: now, ExpiresAt: expires,
			}
			if _, err := s.insertEnvelope(tx, m, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// backlog knows how many messages of programs wait, to within a second: counting a hundred thousand for each mail
// would make the queue slower the longer it is. Only the writer touches it.
type backlog struct {
	counted time.Time
	waiting int
}

// room takes room for n more messages. Unavailable "queue_full" when there is none.
func (b *backlog) room(tx *handle, n, maximum int) error {
	if maximum == 0 {
		return nil
	}
	if time.Since(b.counted) > time.Second {
		err := tx.one("SELECT COUNT(*) FROM (SELECT 1 FROM message WHERE rank = 1 AND state IN ('queued', 'deferred') LIMIT $1)", []any{maximum}, &b.waiting)
		if err != nil {
			return err
		}
		b.counted = time.Now()
	}
	if b.waiting+n > maximum {
		return app.Errorf(app.Unavailable, "queue_full", "%d mails of programs wait to be delivered, and no more are taken; see foyer mail list, and limits.relay_queue", b.waiting)
	}
	b.waiting += n
	return nil
}

// deleteMessages deletes the messages of which where is true, and the data of relayed mails that nobody waits for any
// more.
func deleteMessages(tx *handle, where string, args ...any) error {
	var shared []int64
	err := tx.each("SELECT DISTINCT relayed_id FROM message WHERE relayed_id IS NOT NULL AND "+where, args, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		shared = append(shared, id)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := tx.exec("DELETE FROM message WHERE "+where, args...); err != nil {
		return err
	}
	for _, id := range shared {
		_, err := tx.exec("DELETE FROM relayed WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM message WHERE relayed_id = $1)", id)
		if err != nil {
			return err
		}
	}
	return nil
}

// step is how a MailStep is stored.
type step struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Took   int64  `json:"took"` // microseconds
}

func stepsText(steps []app.MailStep) (string, error) {
	if len(steps) == 0 {
		return "", nil
	}
	stored := make([]step, len(steps))
	for i, st := range steps {
		stored[i] = step{st.Name, st.OK, st.Detail, st.Took.Microseconds()}
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func stepsOf(text string) ([]app.MailStep, error) {
	if text == "" {
		return nil, nil
	}
	var stored []step
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("read the steps of an attempt: %w", err)
	}
	steps := make([]app.MailStep, len(stored))
	for i, st := range stored {
		steps[i] = app.MailStep{Name: st.Name, OK: st.OK, Detail: st.Detail, Took: time.Duration(st.Took) * time.Microsecond}
	}
	return steps, nil
}

// MailBacklog counts the messages there are.
func (s *Store) MailBacklog(_ context.Context) (app.MailBacklog, error) {
	backlog := app.MailBacklog{States: map[app.MessageState]int{}}
	err := s.read.each("SELECT state, COUNT(*) FROM message GROUP BY state", nil, func(rows *sql.Rows) error {
		var state string
		var n int
		err := rows.Scan(&state, &n)
		backlog.States[app.MessageState(state)] = n
		return err
	})
	if err != nil {
		return backlog, errorOf("count messages", err)
	}
	var oldest sql.NullInt64
	err = s.read.one("SELECT MIN(created_at) FROM message WHERE ended_at IS NULL", nil, &oldest)
	backlog.Oldest = timeOfNull(oldest)
	return backlog, errorOf("find the oldest message", err)
}
