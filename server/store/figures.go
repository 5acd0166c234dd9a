package store

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"foyer/app"
)

// oldestMost bounds how many mails that are due next are looked at for the oldest.
const oldestMost = 10_000

// Figures returns how much is kept, and on what.
func (s *Store) Figures(context.Context) (app.StoreFigures, error) {
	f := app.StoreFigures{Accounts: map[app.AccountState]int{}, Messages: map[app.MessageState]int{}}
	var accounts, disabled, waiting, deferred, held, failed, captured int
	var oldestDue, oldestDeferred int64
	// The conditions are those of indexes, word by word.
	err := s.read.one(`SELECT
	(SELECT COUNT(*) FROM company),
	(SELECT COUNT(*) FROM account),
	(SELECT COUNT(*) FROM account WHERE state = 'disabled'),
	(SELECT COUNT(*) FROM registration),
	(SELECT COUNT(*) FROM session),
	(SELECT COUNT(*) FROM message WHERE state IN ('queued', 'deferred')),
	(SELECT COUNT(*) FROM message WHERE state = 'deferred'),
	(SELECT COUNT(*) FROM message WHERE state = 'held'),
	(SELECT COUNT(*) FROM message WHERE state = 'failed'),
	(SELECT COUNT(*) FROM message WHERE state = 'captured'),
	COALESCE((SELECT MIN(created_at) FROM (SELECT created_at FROM message WHERE state IN ('queued', 'deferred') ORDER BY rank, next_attempt LIMIT $1) AS due), 0),
	COALESCE((SELECT created_at FROM message WHERE state = 'deferred' ORDER BY id LIMIT 1), 0),
	(SELECT MAX(version_id) FROM goose_db_version)`, []any{oldestMost},
		&f.Companies, &accounts, &disabled, &f.Registrations, &f.Sessions, &waiting, &deferred, &held, &failed, &captured, &oldestDue, &oldestDeferred, &f.Schema)
	if err != nil {
		return f, errorOf("count", err)
	}
	f.Accounts[app.AccountActive], f.Accounts[app.AccountDisabled] = accounts-disabled, disabled
	f.Messages = map[app.MessageState]int{
		app.MessageQueued: waiting - deferred, app.MessageDeferred: deferred, app.MessageHeld: held, app.MessageFailed: failed, app.MessageCaptured: captured,
	}
	for _, at := range []int64{oldestDue, oldestDeferred} {
		if at != 0 && (f.Oldest.IsZero() || timeOf(at).Before(f.Oldest)) {
			f.Oldest = timeOf(at)
		}
	}
	s.sizes(&f)
	return f, nil
}

// sizes fills in what the disk tells. What it does not tell stays as it is.
func (s *Store) sizes(f *app.StoreFigures) {
	path := filepath.Join(s.dir, databaseFile)
	for name, size := range map[string]*int64{path: &f.Database, path + "-wal": &f.WAL, filepath.Join(s.dir, reserveFile): &f.Reserve} {
		if info, err := os.Stat(name); err == nil {
			*size = info.Size()
		}
	}
	f.Free = -1
	if free, err := s.disk.free(s.dir); err == nil {
		f.Free = free
	}
	f.Full, f.Failing = s.disk.full.Load(), s.disk.isFailing()
}

// FreeSpace returns how many bytes may still be written to the disk of a directory. errors.ErrUnsupported where that is not
// known.
func FreeSpace(dir string) (int64, error) { return freeSpace(dir) }

// MinimumFree is the space, in bytes, without which the service does not start.
const MinimumFree int64 = minimumFree

// Check looks through the whole database and returns what is wrong with it, in words; "" when nothing is. It goes on for as
// long as that takes, or until ctx ends, and disturbs nobody.
func (s *Store) Check(ctx context.Context) (problem string, err error) {
	begin := time.Now()
	var verdict string
	if err := s.reads.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return "", errorOf("check the database", err)
	}
	s.log.Debug("database checked", "took", time.Since(begin))
	if verdict != "ok" {
		return verdict, nil
	}
	return "", nil
}
