package store

import (
	"context"
	"database/sql"
	"time"

	"foyer/app"
)

// Stats counts what happened on days of 24 hours from the begin of the first; see app.AdminStore.
//
// Sign-ups and new accounts are told by the audit: an account that was removed was made all the same. Of days whose events
// are kept no longer, the accounts that are still there are told.
func (s *Store) Stats(_ context.Context, first time.Time, days int) (app.Stats, error) {
	stats, err := readStats(s.read, first, days)
	return stats, errorOf("count", err)
}

const dayMillis = int64(24 * time.Hour / time.Millisecond)

func readStats(h *handle, first time.Time, days int) (app.Stats, error) {
	stats := app.Stats{Days: make([]app.DayStats, days)}
	for i := range stats.Days {
		stats.Days[i] = app.DayStats{Begin: first.Add(time.Duration(i) * 24 * time.Hour), Mails: map[app.MessageState]int{}}
	}
	// The condition of the first is that of the index audit_made, word by word.
	for query, count := range map[string]func(d *app.DayStats, what string, n int){
		`SELECT (at - $1) / $2, action, COUNT(*) FROM audit
WHERE outcome = 'ok' AND action IN ('registration.signup', 'account.confirm') AND at >= $1 GROUP BY 1, 2`: func(d *app.DayStats, what string, n int) {
			if app.Action(what) == app.ActSignUp {
				d.Requests = n
			} else {
				d.Accounts = max(d.Accounts, n)
			}
		},
		"SELECT (created_at - $1) / $2, '', COUNT(*) FROM account WHERE created_at >= $1 GROUP BY 1": func(d *app.DayStats, _ string, n int) {
			d.Accounts = max(d.Accounts, n)
		},
		"SELECT (created_at - $1) / $2, state, COUNT(*) FROM message WHERE created_at >= $1 GROUP BY 1, 2": func(d *app.DayStats, what string, n int) {
			d.Mails[app.MessageState(what)] = n
		},
	} {
		err := h.each(query, []any{millis(first), dayMillis}, func(rows *sql.Rows) error {
			var day int64
			var what string
			var n int
			if err := rows.Scan(&day, &what, &n); err != nil {
				return err
			}
			if 0 <= day && day < int64(days) { // a clock that was wrong has days to come
				count(&stats.Days[day], what, n)
			}
			return nil
		})
		if err != nil {
			return stats, err
		}
	}
	err := h.one(`SELECT (SELECT COUNT(*) FROM account), (SELECT COUNT(*) FROM account WHERE state = 'disabled'), (SELECT COUNT(*) FROM registration),
	(SELECT COUNT(*) FROM company)`, nil, &stats.Accounts, &stats.Disabled, &stats.Registrations, &stats.Companies)
	return stats, err
}
