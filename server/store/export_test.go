package store

import "testing"

// RelayedBodies returns how many bodies of relayed mails there are.
func (s *Store) RelayedBodies(tb testing.TB) (n int) {
	tb.Helper()
	if err := s.read.one("SELECT COUNT(*) FROM relayed", nil, &n); err != nil {
		tb.Fatal(err)
	}
	return n
}
