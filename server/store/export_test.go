package store

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Fill runs statements that fill a store.
func (s *Store) Fill(tb testing.TB, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		s.Exec(tb, statement)
	}
}

// RelayedBodies returns how many bodies of relayed mails there are.
func (s *Store) RelayedBodies(tb testing.TB) (n int) {
	tb.Helper()
	if err := s.read.one("SELECT COUNT(*) FROM relayed", nil, &n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// SealMessage seals the data of a message, as it is stored.
func SealMessage(key []byte, id int64, data []byte) ([]byte, error) {
	s, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	return s.seal(data, dataPlace(id)), nil
}

// TablesWithTopics returns the tables of which it is said which topics they change, if any.
func TablesWithTopics() []string { return slices.Sorted(maps.Keys(topicsOf())) }

// Exec runs a statement of a test's own.
func (s *Store) Exec(tb testing.TB, statement string, args ...any) {
	tb.Helper()
	err := s.write(tb.Context(), "test", func(tx *handle) error {
		_, err := tx.exec(statement, args...)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// FillDisk makes the store take the disk for a full one.
func (s *Store) FillDisk() { s.disk.full.Store(true) }

// Fail has a unit of work end as SQLite does, and returns what its caller is told.
func (s *Store) Fail(tb testing.TB, with sqlite3.ErrNo) error {
	tb.Helper()
	return s.write(tb.Context(), "test", func(*handle) error { return sqlite3.Error{Code: with} })
}

// Waiting returns the configuration with how long a write waits for another program.
func (c Config) Waiting(d time.Duration) Config {
	c.busy = d
	return c
}

// Watching returns the configuration with what sees the connection that writes.
func (c Config) Watching(connected func(*sqlite3.SQLiteConn)) Config {
	c.connected = connected
	return c
}
