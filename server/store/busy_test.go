package store_test

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
	"foyer/server/store"
)

// other opens the database of a data directory as another program does.
func other(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db")+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// hold takes a database for another program until the function it returns is called.
func hold(t *testing.T, dir string) (release func()) {
	t.Helper()
	db := other(t, dir)
	if _, err := db.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	})
}

// waiting opens a store whose writes wait for another program for so long.
func waiting(t *testing.T, dir string, d time.Duration) (*store.Store, error) {
	t.Helper()
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(t.Context(), store.Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)}.Waiting(d))
}

// TestBusyRefusesAll holds the database until everybody who wants to write was refused: those who wait together are refused
// together. One after the other they would wait for minutes, and the database is free again before that.
func TestBusyRefusesAll(t *testing.T) {
	dir := filled(t)
	s, err := waiting(t, dir, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release := hold(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, release)()
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			if err := s.AddEvent(t.Context(), app.Event{At: start}); app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != "storage_busy" {
				t.Errorf("a write while another program has the database: %v, want storage_busy", err)
			}
		})
	}
	group.Wait()
	release()
	if err := s.AddEvent(t.Context(), app.Event{At: start}); err != nil {
		t.Errorf("a write afterwards: %v", err)
	}
}

// TestBusyPing asks for less long than a write waits, and is told why there is no answer.
func TestBusyPing(t *testing.T) {
	dir := filled(t)
	s, err := waiting(t, dir, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release := hold(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.Ping(ctx); app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != "storage_busy" {
		t.Errorf("while another program has the database: %v, want storage_busy", err)
	}
	release()
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestBusyStart starts while another program has the database, which is no fault of the data. The program ends, and with it the
// write-ahead log, and the next start finds nothing missing.
func TestBusyStart(t *testing.T) {
	for name, make := range map[string]func(*testing.T) string{
		"now":    filled,
		"update": func(t *testing.T) string { return filledVersion(t, 7) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := make(t)
			db := other(t, dir)
			for _, statement := range []string{"PRAGMA journal_mode = WAL", "BEGIN IMMEDIATE"} {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			_, err := waiting(t, dir, 100*time.Millisecond)
			if app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != "storage_busy" {
				t.Errorf("a start: %v, want storage_busy", err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := reopen(t.Context(), dir); err != nil {
				t.Errorf("a start afterwards: %v", err)
			}
		})
	}
}

// TestDiskFaultReopens has a commit meet a fault of the disk: the next one is made on a new connection, which tells of what is changed as
// the first did.
func TestDiskFaultReopens(t *testing.T) {
	dir := filled(t)
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	connections := 0
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)}.Watching(func(*sqlite3.SQLiteConn) { connections++ }))
	if err != nil {
		t.Fatal(err)
	}
	w := world{t, s}
	w.account("before@acme.example")
	watch := s.Changes().Watch()
	defer watch.Close()
	for _, test := range []struct {
		fault sqlite3.ErrNo
		want  int
	}{{sqlite3.ErrConstraint, 1}, {sqlite3.ErrFull, 1}, {sqlite3.ErrReadonly, 2}, {sqlite3.ErrIoErr, 3}} {
		if err := s.Fail(t, test.fault); err == nil {
			t.Fatalf("%v: no error", test.fault)
		}
		watch.Take()
		if err := s.AddEvent(t.Context(), app.Event{At: start}); err != nil {
			t.Fatalf("after %v: %v", test.fault, err)
		}
		if connections != test.want {
			t.Errorf("after %v: %d connections, want %d", test.fault, connections, test.want)
		}
		if topics := watch.Take(); len(topics) == 0 {
			t.Errorf("after %v nobody is told of what was changed", test.fault)
		}
	}
	if info, err := filepath.Glob(logOf(dir)); err != nil || len(info) != 1 {
		t.Errorf("the log beside the database: %v, %v", info, err)
	}
	w.account("after@acme.example")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	for _, email := range []string{"before@acme.example", "after@acme.example"} {
		if _, err := again.AccountByEmail(t.Context(), address(t, email)); err != nil {
			t.Errorf("%s: %v", email, err)
		}
	}
}

// TestDiskStaysReadOnly has a disk that is read-only when the connection is opened anew: everybody is told, and everything goes on
// when it can be written to.
func TestDiskStaysReadOnly(t *testing.T) {
	dir := filled(t)
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	readOnly := false
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)}.Watching(func(conn *sqlite3.SQLiteConn) {
		if !readOnly {
			return
		}
		if _, err := conn.Exec("PRAGMA query_only = ON", nil); err != nil {
			t.Error(err)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	readOnly = true
	if err := s.Fail(t, sqlite3.ErrIoErr); app.ReasonOf(err) != "storage_readonly" {
		t.Errorf("the first: %v, want storage_readonly", err)
	}
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if err := s.AddEvent(t.Context(), app.Event{At: start}); app.ReasonOf(err) != "storage_readonly" {
				t.Errorf("a write on a read-only disk: %v, want storage_readonly", err)
			}
		})
	}
	group.Wait()
	readOnly = false
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("a write afterwards: %v", err)
	}
}
