package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"foyer/app"
)

// suppress keeps mail from the recipient of a message that has failed for good. What waits for the same address would fare
// no better; a test is let through, because the administrator wants to see.
func (s *Store) suppress(tx *handle, id int64, reason string) error {
	m, err := message(tx, id)
	if err != nil {
		return err
	}
	at := millis(time.Now())
	_, err = tx.exec(`INSERT INTO suppression (email_key, address, reason, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (email_key) DO UPDATE SET address = excluded.address, reason = excluded.reason, at = excluded.at`,
		m.Recipient.Key(), m.Recipient.String(), reason, at)
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE message SET state = 'failed', reply = $1, next_attempt = NULL, ended_at = $2
WHERE rank = 0 AND recipient_base = $3 AND recipient_key = $4 AND state IN ('queued', 'deferred') AND kind <> 'test'`,
		app.SuppressedReply(reason), at, m.Recipient.Base(), m.Recipient.Key())
	if err != nil {
		return err
	}
	return s.audit(tx, queueEvent(app.ActMailSuppress, m))
}

// unsuppressDelivered lets the recipient of a message that has arrived get mail again.
func (s *Store) unsuppressDelivered(tx *handle, id int64, recipient string) error {
	n, err := tx.exec("DELETE FROM suppression WHERE email_key = $1", recipient)
	if err != nil || n == 0 {
		return err
	}
	m, err := message(tx, id)
	if err != nil {
		return err
	}
	return s.audit(tx, queueEvent(app.ActMailUnsuppress, m))
}

// queueEvent is the audit event of what the queue has learnt from a message.
func queueEvent(action app.Action, m app.Message) app.Event {
	return app.Event{
		At: time.Now(), Actor: "foyer", Action: action, Outcome: app.OK, Subject: m.Recipient.String(), Detail: fmt.Sprintf("message %d, %s", m.ID, m.Kind),
	}
}

func isSuppressed(h *handle, addr app.Address) (bool, error) {
	err := h.one("SELECT 1 FROM suppression WHERE email_key = $1", []any{addr.Key()}, new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// insertNotice writes a mail about something that was done, which no refusal of mail may stand in the way of. To
// a suppressed address it is written as failed: the administrator sees it, and it is not sent.
func (s *Store) insertNotice(tx *handle, m app.Message) error {
	m, err := s.insertMessage(tx, m)
	if err != nil || m.State != app.MessageQueued {
		return err
	}
	var reason string
	err = tx.one("SELECT reason FROM suppression WHERE email_key = $1", []any{m.Recipient.Key()}, &reason)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = finish(tx, m.ID, app.Delivery{State: app.MessageFailed, Reply: app.SuppressedReply(reason)}, "state = 'queued'")
	return err
}

// Suppressed returns the addresses that get no mail, by address.
func (s *Store) Suppressed(_ context.Context) ([]app.Suppression, error) {
	var list []app.Suppression
	err := s.read.each("SELECT address, reason, at FROM suppression ORDER BY email_key", nil, func(rows *sql.Rows) error {
		var p app.Suppression
		var at int64
		err := scanAddress(rows, &p.Address, &p.Reason, &at)
		p.Since = timeOf(at)
		list = append(list, p)
		return err
	})
	return list, errorOf("list suppressed addresses", err)
}

// Unsuppress lets an address get mail again. NotFound.
func (s *Store) Unsuppress(ctx context.Context, addr app.Address, ev app.Event) error {
	return s.write(ctx, "unsuppress address", func(tx *handle) error {
		n, err := tx.exec("DELETE FROM suppression WHERE email_key = $1", addr.Key())
		if err != nil {
			return err
		}
		if n == 0 {
			return app.Errorf(app.NotFound, "not_suppressed", "mail to %s is not suppressed; foyer mail suppressed lists the addresses that are", addr)
		}
		return s.audit(tx, ev)
	})
}
