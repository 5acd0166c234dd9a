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
	failures int
	until    time.Time // the next try is not before
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

// Wait returns how long key has to wait before its next try, after failures.
func (l *Limiter) Wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.bucket(key).until.Sub(now))
}

// maxWait bounds the delay: a lock would let anybody keep the owner out.
const maxWait = time.Minute

// Fail counts a failure of key. From the free-th on, each makes the next try wait: 1, 2, 4 to 60 seconds. free 0
// is no limit.
func (l *Limiter) Fail(key string, free int, now time.Time) {
	if free == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.failures++
	if over := b.failures - free; over >= 0 {
		b.until = now.Add(min(time.Second<<min(over, 6), maxWait))
	}
}

// Forget clears the failures of key.
func (l *Limiter) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	b.failures, b.until = 0, time.Time{}
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
