package app

import (
	"container/list"
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter counts attempts by key in memory, in bounded space: the key that was used longest ago is forgotten
// first. What it counts is lost at a restart, which is accepted: the bounds that protect people outside (mails)
// are counted in the database.
type Limiter struct {
	mu      sync.Mutex
	max     int
	entries map[string]*list.Element
	recent  *list.List // of *bucket, the latest first
}

type bucket struct {
	key      string
	limiter  *rate.Limiter
	wrong    int           // guesses
	underWay int           // guesses
	ended    chan struct{} // closed when a guess has ended, nil when nobody waits for that
	last     time.Time     // the last guess
	until    time.Time     // the next guess is not before
	marked   bool
	refused  int       // refusals not told of yet
	reportAt time.Time // the next refusal that is told of is not before
}

// wake lets those that wait for the end of a guess look again.
func (b *bucket) wake() {
	if b.ended != nil {
		close(b.ended)
		b.ended = nil
	}
}

// NewLimiter returns a limiter that remembers at most keys keys.
func NewLimiter(keys int) *Limiter {
	return &Limiter{max: keys, entries: map[string]*list.Element{}, recent: list.New()}
}

// Allow reports whether one more attempt of key fits into n in the window. n 0 is no limit.
func (l *Limiter) Allow(key string, n int, window time.Duration, now time.Time) bool {
	if n == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	every := rate.Every(window / time.Duration(n))
	if b.limiter == nil || b.limiter.Burst() != n {
		b.limiter = rate.NewLimiter(every, n)
	}
	return b.limiter.AllowN(now, 1)
}

// maxWait bounds the delay: a lock would let anybody keep the owner out.
const maxWait = time.Minute

// decay is the time in which the memory of guesses halves.
const decay = 15 * time.Minute

// Begin asks for a guess of key. It returns 0 when the guess may be made, which must then be ended with End; or how long
// key has to wait, and then there is nothing to end. The first free wrong guesses cost nothing; after that each makes
// the next one wait: 1, 2, 4 to 60 seconds. Guesses that are under way may all be wrong: where they would be too many,
// Begin blocks until one has ended, or returns maxWait when ctx is done. free 0 is no limit.
func (l *Limiter) Begin(ctx context.Context, key string, free int, now time.Time) time.Duration {
	if free == 0 {
		return 0
	}
	began, blocked := time.Now(), time.Duration(0)
	for {
		wait, ended := l.begin(key, free, now.Add(blocked))
		if ended == nil {
			return wait
		}
		select {
		case <-ended:
			blocked = time.Since(began)
		case <-ctx.Done():
			return maxWait
		}
	}
}

// begin is one attempt of Begin. The channel is nil when it is decided, and else closed when a guess has ended.
func (l *Limiter) begin(key string, free int, now time.Time) (wait time.Duration, ended <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	if wait := b.until.Sub(now); wait > 0 {
		return wait, nil
	}
	b.wrong >>= min(max(now.Sub(b.last)/decay, 0), 62)
	b.last = now
	if b.underWay > 0 && b.wrong+b.underWay >= free {
		if b.ended == nil {
			b.ended = make(chan struct{})
		}
		return 0, b.ended
	}
	b.underWay++
	return 0, nil
}

// Guess is how a guess has ended.
type Guess int

// The ends of a guess. Unknown is one that could not be checked: it counts as none.
const (
	GuessUnknown Guess = iota
	GuessWrong
	GuessRight
)

// End ends a guess that Begin has let through, with the same free.
func (l *Limiter) End(key string, free int, result Guess, now time.Time) {
	if free == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.underWay = max(0, b.underWay-1) // it is 0 when the key was forgotten meanwhile
	switch result {
	case GuessRight:
		b.wrong, b.until = 0, time.Time{}
	case GuessUnknown:
	case GuessWrong:
		b.wrong++
		if over := b.wrong - free; over >= 0 {
			b.until = now.Add(min(time.Second<<min(over, 6), maxWait))
		}
	}
	b.wake()
}

// Remember marks key, and Remembers tells whether it is marked still.
func (l *Limiter) Remember(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(key).marked = true
}

// Remembers reports whether key was marked and not forgotten since for want of space.
func (l *Limiter) Remembers(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.entries[key]
	return ok && e.Value.(*bucket).marked
}

// reportEvery is how often refusals of one key are told of.
const reportEvery = time.Minute

// Refused counts a refusal of key. It returns true for the first and then for one a minute, with how many there were
// since the last that it returned true for: a flood must not fill the audit.
func (l *Limiter) Refused(key string, now time.Time) (count int, report bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.refused++
	if now.Before(b.reportAt) {
		return 0, false
	}
	count, b.refused, b.reportAt = b.refused, 0, now.Add(reportEvery)
	return count, true
}

func (l *Limiter) bucket(key string) *bucket {
	if e, ok := l.entries[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if l.recent.Len() >= l.max {
		oldest := l.recent.Back()
		delete(l.entries, oldest.Value.(*bucket).key)
		oldest.Value.(*bucket).wake()
		l.recent.Remove(oldest)
	}
	b := &bucket{key: key}
	l.entries[key] = l.recent.PushFront(b)
	return b
}
