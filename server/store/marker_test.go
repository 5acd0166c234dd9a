package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/store"
)

// logOf returns the write-ahead log of a data directory.
func logOf(dir string) string { return filepath.Join(dir, "foyer.db-wal") }

// killed returns a copy of the data directory of an open store, which is what a kill leaves.
func killed(t *testing.T, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(left, "foyer.db-shm")); err != nil { // its locks are not those of the copy
		t.Fatal(err)
	}
	return left
}

// sayClosed writes into the marker, as its refusal says, that nothing is missing.
func sayClosed(dir string) error {
	path := filepath.Join(dir, "instance.json")
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(data), `"open"`, `"closed"`, 1)), 0o600)
}

// noted waits until the marker of an open store knows of all its commits.
func noted(t *testing.T, dir string) {
	t.Helper()
	db := other(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var commits int64
		var mark struct{ Commits int64 }
		data, err := os.ReadFile(filepath.Join(dir, "instance.json"))
		if err := errors.Join(err, json.Unmarshal(data, &mark), db.QueryRowContext(ctx, "SELECT commits FROM instance").Scan(&commits)); err != nil {
			t.Fatal(err)
		}
		if commits > 0 && mark.Commits == commits {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the marker knows of %d commits, the database of %d", mark.Commits, commits)
		}
	}
}

// TestLogTakenAway kills a service that has brought its write-ahead log into the database, and has written since. Without its log
// the database is whole by all that SQLite and the count of starts say, and an account is missing.
func TestLogTakenAway(t *testing.T) {
	dir := filled(t)
	s := open(t, dir)
	w := world{t, s}
	w.account("early@acme.example")
	if err := direct(filepath.Join(dir, "foyer.db"), "PRAGMA wal_checkpoint(FULL)"); err != nil {
		t.Fatal(err)
	}
	w.account("late@acme.example")
	noted(t, dir)
	for _, test := range []struct {
		name   string
		damage func(dir string) error
		refuse bool
		late   bool // the account is there
	}{
		{"there", func(string) error { return nil }, false, true},
		{"missing", func(dir string) error { return os.Remove(logOf(dir)) }, true, false},
		{"empty", func(dir string) error { return os.Truncate(logOf(dir), 0) }, true, false},
		{"brought into the database by another program", func(dir string) error { return direct(filepath.Join(dir, "foyer.db"), "SELECT COUNT(*) FROM account") }, false, true},
		{"given up", func(dir string) error { return errors.Join(os.Remove(logOf(dir)), sayClosed(dir)) }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			left := killed(t, dir)
			if err := test.damage(left); err != nil {
				t.Fatal(err)
			}
			before := hashes(t, left)
			if err := reopen(t.Context(), left); test.refuse {
				data, ok := errors.AsType[*store.DataError](err)
				if !ok || !strings.Contains(data.Message, "foyer.db-wal is missing or empty") || !strings.Contains(data.Message, "foyer backup restore") {
					t.Errorf("%v, want a DataError about the log", err)
				}
				if after := hashes(t, left); after != before {
					t.Errorf("the refusal changed the directory:\n%s\nwas\n%s", after, before)
				}
				return
			} else if err != nil {
				t.Fatal(err)
			}
			_, err := open(t, left).AccountByEmail(t.Context(), address(t, "late@acme.example"))
			if (err == nil) != test.late {
				t.Errorf("the account: %v, want it there: %t", err, test.late)
			}
		})
	}
}

// TestLogAfterClosing closes a store and wants a database that is whole without its log, and starts.
func TestLogAfterClosing(t *testing.T) {
	dir := filled(t)
	if _, err := os.Stat(logOf(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log after an orderly end: %v, want none", err)
	}
	if err := reopen(t.Context(), dir); err != nil {
		t.Errorf("the next start: %v", err)
	}
}

// TestLogThatStays closes a store while another program still reads what was before, and where the marker cannot be written: the
// log stays, and the next start needs it.
func TestLogThatStays(t *testing.T) {
	for name, hinder := range map[string]func(t *testing.T, dir string) (end func()){
		"reader": func(t *testing.T, dir string) func() {
			db := other(t, dir)
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM account").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return func() {}
		},
		"marker": func(t *testing.T, dir string) func() {
			in := filepath.Join(dir, "instance.json.new")
			if err := os.Mkdir(in, 0o700); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := os.Remove(in); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			s := open(t, dir)
			end := hinder(t, dir)
			world{t, s}.account("late@acme.example")
			if name == "reader" {
				noted(t, dir)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			end()
			if info, err := os.Stat(logOf(dir)); err != nil || info.Size() == 0 {
				t.Errorf("the log: %v, want it to stay", err)
			}
			left := filepath.Join(t.TempDir(), "data")
			if err := errors.Join(os.CopyFS(left, os.DirFS(dir)), os.Remove(logOf(left))); err != nil {
				t.Fatal(err)
			}
			if err := reopen(t.Context(), left); err == nil && name == "reader" { // else the marker could not be told of the account
				t.Error("a start without the log was not refused")
			}
			if _, err := open(t, dir).AccountByEmail(t.Context(), address(t, "late@acme.example")); err != nil {
				t.Errorf("the account after the next start: %v", err)
			}
		})
	}
}

// TestLogOfStart is killed before its first write: nothing is lost with its log.
func TestLogOfStart(t *testing.T) {
	dir := filledVersion(t, 7)
	var left, without string
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{
		Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler),
		Migrating: func(context.Context, store.Source) error {
			left, without = killed(t, dir), killed(t, dir)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := reopen(t.Context(), left); err != nil {
		t.Errorf("the start after the kill: %v", err)
	}
	if err := os.Remove(logOf(without)); err != nil {
		t.Fatal(err)
	}
	if err := reopen(t.Context(), without); err != nil {
		t.Errorf("without its log: %v", err)
	}
}

// TestLogOfRestored restores a backup of a store into a directory, and starts there without a log.
func TestLogOfRestored(t *testing.T) {
	s := open(t, filled(t))
	dir := filled(t)
	path := filepath.Join(dir, "foyer.db")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Copy(t.Context(), path, app.Backup{Reason: app.BackupManual}, quiet); err != nil {
		t.Fatal(err)
	}
	if err := store.PrepareRestored(t.Context(), path, store.Restored{Actor: "test", At: start}); err != nil {
		t.Fatal(err)
	}
	if err := reopen(t.Context(), dir); err != nil {
		t.Errorf("a restored database: %v", err)
	}
}
