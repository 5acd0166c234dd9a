package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"foyer/app"
)

// purgeBatch bounds how long one purge holds the writer; what remains is for the next minute.
const purgeBatch = 1000

// keepExpired is how long an expired registration stays visible to the administrator before its address is forgotten.
const keepExpired = 6 * 24 * time.Hour

// keepSpent is how long a used link answers "already confirmed" instead of "not valid".
const keepSpent = 30 * 24 * time.Hour

// Purge deletes what is past its time: registrations, links, codes, sessions, ended messages, audit events.
func (s *Store) Purge(ctx context.Context, now time.Time, l app.Limits) error {
	day := 24 * time.Hour
	old := []struct {
		statement string
		before    time.Time
	}{
		{"DELETE FROM registration WHERE id IN (SELECT id FROM registration WHERE expires_at < $1 LIMIT $2)", now.Add(-keepExpired)},
		{"DELETE FROM reset_link WHERE token_hash IN (SELECT token_hash FROM reset_link WHERE expires_at < $1 LIMIT $2)", now.Add(-day)},
		{"DELETE FROM link_code WHERE (account_id, issuer, subject) IN (SELECT account_id, issuer, subject FROM link_code WHERE expires_at < $1 LIMIT $2)", now},
		{"DELETE FROM spent_link WHERE token_hash IN (SELECT token_hash FROM spent_link WHERE spent_at < $1 LIMIT $2)", now.Add(-keepSpent)},
		{"DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM session WHERE seen_at < $1 LIMIT $2)", now.Add(-l.IdleTTL())},
		{"DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM session WHERE created_at < $1 LIMIT $2)", now.Add(-l.SessionTTL())},
		{"DELETE FROM mail_block WHERE email_key IN (SELECT email_key FROM mail_block WHERE until < $1 LIMIT $2)", now},
		{"DELETE FROM mail_tls WHERE host IN (SELECT host FROM mail_tls WHERE seen_at < $1 LIMIT $2)", now.Add(-time.Duration(l.TLSDays) * day)},
		{"DELETE FROM mta_sts WHERE domain IN (SELECT domain FROM mta_sts WHERE expires_at < $1 LIMIT $2)", now},
	}
	return s.write(ctx, "purge", func(tx *handle) error {
		for _, o := range old {
			if _, err := tx.exec(o.statement, millis(o.before), purgeBatch); err != nil {
				return err
			}
		}
		const ended = "id IN (SELECT id FROM message WHERE rank = %d AND ended_at < $1 LIMIT $2)"
		for rank, days := range []int{l.MailDays, l.RelayDays} {
			if err := deleteMessages(tx, fmt.Sprintf(ended, rank), millis(keepDays(now, days)), purgeBatch); err != nil {
				return err
			}
		}
		if err := s.purgeRelayed(tx, l); err != nil {
			return err
		}
		return purgeAudit(tx, keepDays(now, l.AuditDays), l.AuditThousands)
	})
}

// keepDays returns the time before which things are deleted; 0 days keeps them for ever.
func keepDays(now time.Time, days int) time.Time {
	if days == 0 {
		return time.UnixMilli(0)
	}
	return now.Add(-time.Duration(days) * 24 * time.Hour)
}

// auditBatch is more than a flood of requests can write in the minute between two purges.
const auditBatch = 50_000

// purgeAudit looks at the oldest events only: they are in order of their ids, so there is no need for an index.
func purgeAudit(tx *handle, before time.Time, thousands int) error {
	if thousands > 0 {
		var newest, oldest int64
		if err := tx.one("SELECT COALESCE(MIN(id), 0), COALESCE(MAX(id), 0) FROM audit", nil, &oldest, &newest); err != nil {
			return err
		}
		limit := min(newest-int64(thousands)*1000, oldest+auditBatch)
		if _, err := tx.exec("DELETE FROM audit WHERE id <= $1", limit); err != nil {
			return err
		}
	}
	var last int64
	err := tx.each("SELECT id, at FROM audit ORDER BY id LIMIT $1", []any{auditBatch}, func(rows *sql.Rows) error {
		var id, at int64
		if err := rows.Scan(&id, &at); err != nil {
			return err
		}
		if at < millis(before) {
			last = id
		}
		return nil
	})
	if err != nil || last == 0 {
		return err
	}
	_, err = tx.exec("DELETE FROM audit WHERE id <= $1", last)
	return err
}
