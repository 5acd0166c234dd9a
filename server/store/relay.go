package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"foyer/app"
)

func relayedPlace(id int64) string { return fmt.Sprintf("relayed|data|%d", id) }

// AddSubmission writes a mail that a program has handed over: one message for each recipient, and its data once. It
// returns after they are durable. Unavailable "queue_full" when too many messages of programs wait, or take too much room;
// "storage_full" when the disk is full.
func (s *Store) AddSubmission(ctx context.Context, sub app.Submission, now, expires time.Time, l app.Limits) error {
	if err := s.disk.admit(); err != nil {
		return err
	}
	id := s.id("relayed")
	// Sealing is work for the many callers, not for the one writer.
	sealed := s.seal.seal(sub.Data, relayedPlace(id))
	return s.write(ctx, "take a mail of a program", func(tx *handle) error {
		if err := s.relays.room(tx, len(sub.Recipients), int64(len(sealed)), l); err != nil {
			return err
		}
		_, err := tx.exec("INSERT INTO relayed (id, program, data, size, created_at) VALUES ($1, $2, $3, $4, $5)",
			id, sub.Program, sealed, len(sealed), millis(now))
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

// backlog knows how many messages of programs wait, and what room all of them take, to within a second: counting a hundred
// thousand for each mail would make the queue slower the longer it is. Only the writer touches it.
type backlog struct {
	counted time.Time
	waiting int
	bytes   int64
}

// room takes room for n more messages with data of size bytes. Unavailable "queue_full" when there is none.
func (b *backlog) room(tx *handle, n int, size int64, l app.Limits) error {
	if time.Since(b.counted) > time.Second {
		if err := b.count(tx); err != nil {
			return err
		}
	}
	switch {
	case l.RelayQueue > 0 && b.waiting+n > l.RelayQueue:
		return app.Errorf(app.Unavailable, "queue_full", "%d mails of programs wait to be delivered, and no more are taken; see foyer mail list, and limits.relay_queue", b.waiting)
	case l.RelayMegabytes > 0 && b.bytes+size > relayBytes(l):
		return app.Errorf(app.Unavailable, "queue_full", "the mails of programs take %d MiB, and no more are taken; see foyer mail list, and limits.relay_megabytes", b.bytes>>20)
	}
	b.waiting += n
	b.bytes += size
	return nil
}

func (b *backlog) count(tx *handle) error {
	err := tx.one("SELECT COUNT(*) FROM message WHERE rank = 1 AND state IN ('queued', 'deferred')", nil, &b.waiting)
	if err != nil {
		return err
	}
	if err := tx.one("SELECT COALESCE(SUM(size), 0) FROM relayed", nil, &b.bytes); err != nil {
		return err
	}
	b.counted = time.Now()
	return nil
}

func relayBytes(l app.Limits) int64 { return int64(l.RelayMegabytes) << 20 }

// purgeRelayed deletes mails of programs that have ended, the oldest first, while those of programs take more than half
// of what they may: the other half is for what is to come.
func (s *Store) purgeRelayed(tx *handle, l app.Limits) error {
	if l.RelayMegabytes == 0 {
		return nil
	}
	if err := s.relays.count(tx); err != nil {
		return err
	}
	excess := s.relays.bytes - relayBytes(l)/2
	if excess <= 0 {
		return nil
	}
	var last, sum int64
	err := tx.each(`SELECT m.ended_at, r.size FROM message m JOIN relayed r ON r.id = m.relayed_id
WHERE m.rank = 1 AND m.ended_at IS NOT NULL
ORDER BY m.ended_at LIMIT $1`, []any{purgeBatch}, func(rows *sql.Rows) error {
		var ended, size int64
		err := rows.Scan(&ended, &size)
		if sum < excess {
			last, sum = ended, sum+size
		}
		return err
	})
	if err != nil || sum == 0 {
		return err
	}
	s.relays.counted = time.Time{} // what was counted is not there any more
	return deleteMessages(tx, "id IN (SELECT id FROM message WHERE rank = 1 AND ended_at <= $1 LIMIT $2)", last, purgeBatch)
}

// LateMessages returns messages of programs that were written before a time and still wait, whose senders were not told, the
// oldest first, at most limit; their Data is the header alone: a hundred whole mails may be a gigabyte. It looks behind the
// message with the ID after, and returns up to which one it has looked: ids grow with time.
func (s *Store) LateMessages(_ context.Context, after int64, before time.Time, limit int) (late []app.Message, seen int64, err error) {
	for seen = after; ; {
		ids, last, more, err := s.lateIDs(seen, before, limit-len(late))
		if err != nil {
			return nil, after, errorOf("find late messages", err)
		}
		for _, id := range ids {
			m, err := s.messageWhole(s.read, id, new(sharedData))
			switch {
			case err == nil:
				header, _, _ := bytes.Cut(m.Data, []byte("\r\n\r\n"))
				m.Data = slices.Concat(header, []byte("\r\n"))
				late = append(late, m)
			case app.CodeOf(err) == app.NotFound, errors.Is(err, errUnreadable): // the attempt at a damaged one will say so
			default:
				return nil, after, errorOf("read late messages", err)
			}
		}
		if seen = last; !more {
			return late, seen, nil
		}
	}
}

// lateIDs looks at some hundred messages. It returns which are late, the last one it has looked at, and whether there may be more.
func (s *Store) lateIDs(after int64, before time.Time, limit int) (ids []int64, last int64, more bool, err error) {
	const page = 500
	last = after
	n := 0
	err = s.read.each(`SELECT id, created_at, kind = 'relayed' AND late_at IS NULL AND state IN ('queued', 'deferred', 'sending')
FROM message WHERE id > $1 ORDER BY id LIMIT $2`, []any{after, page}, func(rows *sql.Rows) error {
		var id, created int64
		var waits bool
		if err := rows.Scan(&id, &created, &waits); err != nil {
			return err
		}
		if created > millis(before) || len(ids) >= limit {
			return nil
		}
		n++
		if last = id; waits {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, last, n == page && len(ids) < limit, err
}

// TellLate writes what the sender of a late message is told, unless that was done or the message has come to its end.
func (s *Store) TellLate(ctx context.Context, id int64, notice app.Message, now time.Time) error {
	return s.write(ctx, "tell that a mail is late", func(tx *handle) error {
		n, err := tx.exec("UPDATE message SET late_at = $1 WHERE id = $2 AND late_at IS NULL AND state IN ('queued', 'deferred', 'sending')", millis(now), id)
		if err != nil || n == 0 {
			return err
		}
		_, err = s.insertMessage(tx, notice)
		return err
	})
}

// deleteMessages deletes the messages of which where is true, and the data of relayed mails that nobody waits for any
// more.
func deleteMessages(tx *handle, where string, args ...any) error {
	shared := map[int64]bool{}
	err := tx.each("DELETE FROM message WHERE "+where+" RETURNING COALESCE(relayed_id, 0)", args, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		shared[id] = true
		return err
	})
	if err != nil {
		return err
	}
	delete(shared, 0) // Foyer's own
	for id := range shared {
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
