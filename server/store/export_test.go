package store

import (
	"context"
	"testing"
)

// Fill runs statements that fill a store.
func (s *Store) Fill(tb testing.TB, statements ...string) {
	tb.Helper()
	for _, statement := range statements {
		err := s.write(context.Background(), "fill", func(tx *handle) error { _, err := tx.exec(statement); return err })
		if err != nil {
			tb.Fatal(err)
		}
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
