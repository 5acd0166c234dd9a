package app

import (
	"context"
	"sync"
	"time"
)

// unusedAfter is how old an entry is before it is told that it lets nobody in.
const unusedAfter = 30 * 24 * time.Hour

const (
	// healthAge is how long the health of the lists counts without a change: entries grow old by themselves.
	healthAge = time.Hour
	// healthRest is how many times as long as it took to find the health out there is a rest before that is done again. While
	// people sign up all the time it takes a twentieth of one core at most.
	healthRest = 20
)

// lists is the health of the lists as it was when it was last found out.
type lists struct {
	wanted chan struct{} // somebody would like to know it as it is now

	mu     sync.Mutex
	health ListHealth
	of     [2]uint64 // the versions of what it was found out from
	at     time.Time // zero for never
}

func newLists() *lists { return &lists{wanted: make(chan struct{}, 1)} }

func (s *Service) listVersions() [2]uint64 {
	changes := s.store.Changes()
	return [2]uint64{changes.Version(TopicAccounts), changes.Version(TopicCompanies)}
}

// listHealth returns the health of the lists as it was last known, and has the janitor find it out anew when it may be
// another by now.
func (s *Service) listHealth() ListHealth {
	versions := s.listVersions()
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	if s.lists.at.IsZero() || s.lists.of != versions || time.Since(s.lists.at) > healthAge {
		select {
		case s.lists.wanted <- struct{}{}:
		default: // it is asked for already
		}
	}
	return s.lists.health
}

// checkLists finds the health of the lists out, and returns how long to rest before it is done again.
func (s *Service) checkLists(ctx context.Context) time.Duration {
	began, versions := time.Now(), s.listVersions()
	health, err := s.store.ListHealth(ctx, began.Add(-unusedAfter))
	if err != nil {
		if ctx.Err() == nil {
			s.log.Error("lists not looked at", "err", err)
		}
		return time.Minute
	}
	s.lists.mu.Lock()
	changed := s.lists.health != health
	s.lists.health, s.lists.of, s.lists.at = health, versions, began
	s.lists.mu.Unlock()
	if changed {
		s.store.Changes().Tell(TopicAttention)
	}
	return healthRest * time.Since(began)
}
