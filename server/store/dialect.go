package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// rewrite turns the placeholders $1..$n into SQLite's ?1..?n. SQLite takes $1 for a name and go-sqlite3 binds names
// in order of appearance: "SELECT $2, $1" would come back swapped, without an error.
func rewrite(query string) string {
	var b strings.Builder
	quoted := false
	for i := range len(query) {
		c := query[i]
		if c == '\'' {
			quoted = !quoted
		}
		if c == '$' && !quoted && i+1 < len(query) && '0' <= query[i+1] && query[i+1] <= '9' {
			c = '?'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// errorOf translates a driver's error into an app.Error, once, here. It goes by codes and never by text.
func errorOf(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*app.Error](err); ok {
		return err
	}
	e := &app.Error{Code: app.Internal, Reason: "storage", Err: &opError{doing, err}}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		e.Code, e.Reason, e.Message = app.Unavailable, "given_up", "the request was given up while it waited"
		return e
	}
	se, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return e
	}
	switch se.Code {
	case sqlite3.ErrFull:
		e.Code, e.Reason, e.Message = app.Unavailable, "storage_full", "the disk is full; nothing was changed"
	case sqlite3.ErrReadonly, sqlite3.ErrIoErr, sqlite3.ErrCantOpen:
		e.Code, e.Reason, e.Message = app.Unavailable, "storage_readonly", "the data cannot be written; nothing was changed"
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		e.Code, e.Reason, e.Message = app.Unavailable, "storage_busy", "the data is in use by another program; nothing was changed"
	}
	return e
}

// opError says what was being done when a driver's error came.
type opError struct {
	doing string
	err   error
}

func (e *opError) Error() string { return e.doing + ": " + e.err.Error() }
func (e *opError) Unwrap() error { return e.err }

// isDuplicate reports whether a unique index or a primary key refused err's statement.
func isDuplicate(err error) bool {
	se, ok := errors.AsType[sqlite3.Error](err)
	return ok && (se.ExtendedCode == sqlite3.ErrConstraintUnique || se.ExtendedCode == sqlite3.ErrConstraintPrimaryKey)
}

// fatal reports whether SQLite may have rolled the whole transaction back on its own (sqlite.org/lang_transaction:
// disk full, I/O error, out of memory, corruption).
func fatal(err error) bool {
	se, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return false
	}
	switch se.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrNomem, sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrReadonly, sqlite3.ErrInterrupt:
		return true
	default:
		return false
	}
}

// isBusy reports whether another program holds the database.
func isBusy(err error) bool {
	se, ok := errors.AsType[sqlite3.Error](err)
	return ok && (se.Code == sqlite3.ErrBusy || se.Code == sqlite3.ErrLocked)
}

// millis is how times are stored: Unix milliseconds, UTC.
func millis(t time.Time) int64 { return t.UnixMilli() }

func timeOf(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// nullMillis stores the zero time as NULL.
func nullMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}

func timeOfNull(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return timeOf(n.Int64)
}
