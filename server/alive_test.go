package server_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"foyer/server"
)

// TestAlive asks a service that serves, one whose database is locked, and one that has ended.
func TestAlive(t *testing.T) {
	dir := t.TempDir()
	s, err := server.New(t.Context(), server.Config{DataDir: dir, Socket: filepath.Join(dir, "admin.sock"), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := s.Alive(t.Context()); err != nil {
		t.Errorf("a service that serves: %v", err)
	}
	release := locked(t, dir)
	if err := s.Alive(t.Context()); err != nil {
		t.Errorf("a service whose database another program has for itself: %v", err)
	}
	release()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Alive(t.Context()); err == nil {
		t.Error("a service that has ended is alive")
	}
}

// locked has another program take the database of a data directory for itself, until the function it returns is called.
func locked(t *testing.T, dir string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db")+"?_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}
