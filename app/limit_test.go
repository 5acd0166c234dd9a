package app_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foyer/app"
)

func TestLimiterAllow(t *testing.T) {
	l, now := app.NewLimiter(100), time.Unix(1_800_000_000, 0)
	take := func(key string, now time.Time) (n int) {
		for range 100 {
			if l.Allow(key, 20, 5*time.Minute, now) {
				n++
			}
		}
		return n
	}
	if got := take("a", now); got != 20 {
		t.Errorf("%d attempts were let through at once, want 20", got)
	}
	if got := take("b", now); got != 20 {
		t.Errorf("%d attempts of another key were let through, want 20", got)
	}
	// Refilled evenly: one every 15 seconds.
	if got := take("a", now.Add(14*time.Second)); got != 0 {
		t.Errorf("%d attempts after 14 seconds, want 0", got)
	}
	if got := take("a", now.Add(46*time.Second)); got != 3 {
		t.Errorf("%d attempts after 46 seconds, want 3", got)
	}
	if got := take("a", now.Add(time.Hour)); got != 20 {
		t.Errorf("%d attempts after an hour, want 20 and no more", got)
	}
	// A clock that was set back gives nothing away and locks nobody out for good.
	if got := take("a", now.Add(-time.Hour)); got != 0 {
		t.Errorf("%d attempts after the clock was set back, want 0", got)
	}
	if got := take("a", now.Add(2*time.Hour)); got != 20 {
		t.Errorf("%d attempts later, want 20", got)
	}
}

func TestLimiterOff(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	for range 10_000 {
		if !l.Allow("a", 0, time.Hour, now) {
			t.Fatal("0 must be no limit")
		}
		if got := l.Guess("a", 0, now); got != 0 {
			t.Fatalf("Guess = %s, want 0: no limit of guesses", got)
		}
	}
}

// The administrator moves a limit while the service runs.
func TestLimiterChanged(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	for range 3 {
		l.Allow("a", 3, time.Hour, now)
	}
	if l.Allow("a", 3, time.Hour, now) {
		t.Error("a fourth attempt was let through, want 3")
	}
	if !l.Allow("a", 5, time.Hour, now) {
		t.Error("after the limit was raised nothing was let through")
	}
	for range 10 {
		l.Allow("a", 2, time.Hour, now)
	}
	if l.Allow("a", 2, time.Hour, now) {
		t.Error("the lowered limit does not hold")
	}
}

func TestLimiterGuesses(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	const free = 5
	for i := range free {
		if got := l.Guess("jane", free, now); got != 0 {
			t.Errorf("guess %d has to wait %s, want none of the first %d to", i+1, got, free)
		}
	}
	// Every further guess waits; what comes before its time is not booked and makes nothing longer.
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		delay := time.Duration(seconds) * time.Second
		for range 1000 {
			if got := l.Guess("jane", free, now); got != delay {
				t.Fatalf("the next guess has to wait %s, want %s", got, delay)
			}
		}
		if got := l.Guess("jane", free, now.Add(delay-time.Second)); got != time.Second {
			t.Errorf("a second before its time it has to wait %s", got)
		}
		now = now.Add(delay)
		if got := l.Guess("jane", free, now); got != 0 {
			t.Errorf("after %s it has to wait %s more", delay, got)
		}
	}
	if got := l.Guess("joe", free, now); got != 0 {
		t.Errorf("another has to wait %s, want 0", got)
	}
	l.Forget("jane")
	for range free {
		if got := l.Guess("jane", free, now); got != 0 {
			t.Errorf("after Forget a guess has to wait %s, want 0: counting begins anew", got)
		}
	}
}

// The memory of guesses halves every 15 minutes: five a quarter of an hour are never more than nine.
func TestLimiterGuessesDecay(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	for round := range 10 {
		for i := range 5 {
			if got := l.Guess("jane", 10, now); got != 0 {
				t.Fatalf("round %d, guess %d has to wait %s", round, i, got)
			}
		}
		now = now.Add(15 * time.Minute)
	}
}

// Guesses made at the same moment count like others.
func TestLimiterGuessesAtOnce(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	var free atomic.Int32
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if l.Guess("jane", 5, now) == 0 {
				free.Add(1)
			}
		})
	}
	group.Wait()
	if free.Load() != 5 {
		t.Errorf("%d of 100 guesses at once were let through, want 5", free.Load())
	}
}

func TestLimiterRemembers(t *testing.T) {
	l := app.NewLimiter(2)
	if l.Remembers("a") {
		t.Error("it remembers what it never saw")
	}
	l.Remember("a")
	if !l.Remembers("a") || l.Remembers("b") {
		t.Error("it does not remember what it should, or more")
	}
	l.Remember("b")
	l.Remember("c")
	if l.Remembers("a") || l.Len() != 2 {
		t.Errorf("the oldest of %d is still there", l.Len())
	}
}

func TestLimiterRefused(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	for minute, want := range []int{1, 100, 100} {
		if n, due := l.Refused("a", now.Add(time.Duration(minute)*time.Minute)); !due || n != want {
			t.Errorf("minute %d: %d, %v; want %d to be told of", minute, n, due, want)
		}
		for range 99 {
			if _, due := l.Refused("a", now.Add(time.Duration(minute)*time.Minute+59*time.Second)); due {
				t.Error("told of twice in a minute")
			}
		}
	}
}

func TestLimiterIsBounded(t *testing.T) {
	const bound = 1000
	l, now := app.NewLimiter(bound), time.Unix(1_800_000_000, 0)
	for range 10 {
		l.Guess("victim", 1, now)
	}
	for i := range 100_000 {
		key := fmt.Sprint("key ", i)
		switch i % 4 {
		case 0:
			l.Allow(key, 5, time.Hour, now)
		case 1:
			l.Guess(key, 1, now)
		case 2:
			l.Refused(key, now)
		default:
			l.Forget(key)
		}
		if l.Len() > bound {
			t.Fatalf("after %d keys the limiter holds %d, want at most %d", i+1, l.Len(), bound)
		}
		// A key in use is not forgotten, however many others come.
		if i%(bound/2) == 0 && l.Guess("victim", 1, now) == 0 {
			t.Fatalf("after %d keys the failures of a key in use are forgotten", i+1)
		}
	}
	// The oldest go first.
	if got := l.Len(); got != bound {
		t.Errorf("the limiter holds %d keys, want %d", got, bound)
	}
	for i := range bound {
		l.Guess(fmt.Sprint("other ", i), 1, now)
	}
	if got := l.Guess("victim", 1, now); got != 0 {
		t.Errorf("the key that was used longest ago has to wait %s, want 0: it is forgotten", got)
	}
}
