package app

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestShelf(t *testing.T) {
	now := time.Now()
	s := newShelf[int](time.Minute, 3)
	a, b := NewToken().Hash(), NewToken().Hash()
	s.put(a, "net", 1, 0, now)
	if got, ok := s.get(a, now); got != 1 || !ok {
		t.Errorf("get: got %d, %v, want 1", got, ok)
	}
	if _, ok := s.get(b, now); ok {
		t.Error("get: found what was never put")
	}
	if _, ok := s.get(a, now.Add(time.Minute)); ok {
		t.Error("get: found what is past its time")
	}
	s.put(a, "net", 2, 0, now)
	if got, ok := s.take(a, now); got != 2 || !ok {
		t.Errorf("take: got %d, %v, want 2, which was put in its place", got, ok)
	}
	if _, ok := s.take(a, now); ok {
		t.Error("take: taken twice")
	}
	s.put(a, "net", 3, 0, now)
	s.remove(a)
	s.remove(b)
	if _, ok := s.get(a, now); ok {
		t.Error("remove: still there")
	}
	if len(s.byKey)+len(s.perNet)+s.order.Len() != 0 {
		t.Errorf("an empty shelf holds %d, %d, %d", len(s.byKey), len(s.perNet), s.order.Len())
	}
}

// TestShelfBounds: a flood from one network pushes out its own, and a flood from everywhere the oldest; memory stays
// what it is.
func TestShelfBounds(t *testing.T) {
	now := time.Now()
	s := newShelf[int](time.Minute, 100)
	mine := NewToken().Hash()
	s.put(mine, "mine", 7, 10, now)
	for i := range 10_000 {
		s.put(NewToken().Hash(), "flood", i, 10, now)
	}
	if _, ok := s.get(mine, now); !ok || s.order.Len() != 11 {
		t.Errorf("after a flood from one network: mine is there: %v, %d in all, want 11", ok, s.order.Len())
	}
	for i := range 10_000 {
		s.put(NewToken().Hash(), fmt.Sprint("net ", i), i, 10, now)
	}
	if len(s.byKey) != 100 || s.order.Len() != 100 || len(s.perNet) > 100 {
		t.Errorf("after a flood from everywhere: %d keys, %d in order, %d networks, want at most 100", len(s.byKey), s.order.Len(), len(s.perNet))
	}
	s.put(mine, "mine", 7, 10, now.Add(2*time.Minute))
	if len(s.byKey) != 1 {
		t.Errorf("what is past its time is kept: %d", len(s.byKey))
	}
}

func TestShelfTakenOnce(t *testing.T) {
	s := newShelf[int](time.Minute, 100)
	key := NewToken().Hash()
	s.put(key, "net", 1, 0, time.Now())
	var taken atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, ok := s.take(key, time.Now()); ok {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	if taken.Load() != 1 {
		t.Errorf("taken %d times, want once", taken.Load())
	}
}
