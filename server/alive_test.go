package server_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"foyer/server"
)

// TestAlive asks a service that serves, also while another program has its database for itself, and one that has ended.
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
	release := locked(t, dir)
	asking, late := context.WithTimeout(t.Context(), 10*time.Second) // as the watchdog does
	defer late()
	if err := s.Alive(asking); err != nil { // the first answer: what health says is a second old at most
		t.Errorf("a service whose database another program has for itself: %v", err)
	}
	release()
	if err := s.Alive(t.Context()); err != nil {
		t.Errorf("a service that serves: %v", err)
	}
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
