package app

import (
	"container/list"
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
	guesses  int
	guessed  time.Time // the last guess
	until    time.Time // the next guess is not before
	marked   bool
	refused  int       // refusals not told of yet
	reportAt time.Time // the next refusal that is told of is not before
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

// Guess books one guess of key and returns 0, or returns how long key has to wait and books nothing. The first free
// guesses cost nothing; after that each makes the next one wait: 1, 2, 4 to 60 seconds. A guess is booked before it is
// known whether it is right, so that guesses made at the same time count too; Forget takes them back. free 0 is no
// limit.
func (l *Limiter) Guess(key string, free int, now time.Time) time.Duration {
	if free == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	if wait := b.until.Sub(now); wait > 0 {
		return wait
	}
	b.guesses >>= min(max(now.Sub(b.guessed)/decay, 0), 62)
	b.guesses++
	b.guessed = now
	if over := b.guesses - free; over >= 0 {
		b.until = now.Add(min(time.Second<<min(over, 6), maxWait))
	}
	return 0
}

// Forget clears the guesses of key.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.guesses, b.until = 0, time.Time{}
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
		l.recent.Remove(oldest)
	}
	b := &bucket{key: key}
	l.entries[key] = l.recent.PushFront(b)
	return b
}
