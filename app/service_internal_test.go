package app

import (
	"testing"
	"time"
)

// What could not be written is kept for the next time, and what came meanwhile is newer.
func TestSeenSessions(t *testing.T) {
	var seen seen[TokenHash]
	a, b, c := TokenHash{1}, TokenHash{2}, TokenHash{3}
	start := time.Unix(1_800_000_000, 0)
	if got := seen.last(a); !got.IsZero() {
		t.Errorf("last of a session that was never seen = %s, want zero", got)
	}
	seen.touch(a, start)
	seen.touch(b, start)
	taken := seen.take()
	if len(taken) != 2 || len(seen.take()) != 0 {
		t.Errorf("take = %v, want both, once", taken)
	}
	seen.touch(b, start.Add(time.Minute))
	seen.touch(c, start.Add(time.Minute))
	seen.putBack(taken)
	want := map[TokenHash]time.Time{a: start, b: start.Add(time.Minute), c: start.Add(time.Minute)}
	for hash, at := range want {
		if got := seen.last(hash); !got.Equal(at) {
			t.Errorf("last of session %d = %s, want %s", hash[0], got, at)
		}
	}
	if got := seen.take(); len(got) != len(want) {
		t.Errorf("take after putBack = %v, want %v", got, want)
	}
}
