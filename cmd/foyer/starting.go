package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// startingFor is how much longer the service manager is asked to wait, and startingEvery how often.
const (
	startingFor   = time.Minute
	startingEvery = 10 * time.Second
)

// startingState tells the service manager how far a start is, and asks it to wait while there is something to be done: to bring a
// large database up to date takes longer than any limit that is set beforehand.
type startingState struct {
	notifier notifier
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	group    sync.WaitGroup

	mu   sync.Mutex
	told string
}

// beginStarting begins to tell. It must be ended.
func beginStarting(ctx context.Context, n notifier, log *slog.Logger) *startingState {
	s := &startingState{notifier: n, log: log}
	s.ctx, s.cancel = context.WithCancel(ctx)
	if n.socket == "" {
		return s
	}
	s.group.Go(func() {
		tick := time.NewTicker(startingEvery)
		defer tick.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-tick.C:
				s.send("")
			}
		}
	})
	return s
}

// tell tells how far the start is.
func (s *startingState) tell(step string, done, total int64) {
	words := startingWords(step, done, total)
	s.mu.Lock()
	again := words == s.told
	s.told = words
	s.mu.Unlock()
	if !again {
		s.send("\nSTATUS=" + words)
	}
}

func (s *startingState) send(more string) {
	message := fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", startingFor.Microseconds()) + more
	if err := s.notifier.send(s.ctx, message); err != nil && s.ctx.Err() == nil {
		s.log.Warn("the service manager was not told", "err", err)
	}
}

// end ends it.
func (s *startingState) end() {
	s.cancel()
	s.group.Wait()
}

// startingWords returns how far a start is.
func startingWords(step string, done, total int64) string {
	words := starting
	if step != "" {
		words += ": " + stepWords(step)
	}
	if total > 0 {
		words += fmt.Sprintf(" (%d %%)", done*100/total)
	}
	return words
}
