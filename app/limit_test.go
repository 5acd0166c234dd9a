package app_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
		if got := l.Begin(t.Context(), "a", 0, now); got != 0 {
			t.Fatalf("Begin = %s, want 0: no limit of guesses", got)
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

// wrong makes a wrong guess and returns how long it has to wait instead.
func wrong(tb testing.TB, l *app.Limiter, key string, free int, now time.Time) time.Duration {
	tb.Helper()
	wait := l.Begin(tb.Context(), key, free, now)
	if wait == 0 {
		l.End(key, free, app.GuessWrong, now)
	}
	return wait.Round(time.Second)
}

func TestLimiterGuesses(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	const free = 5
	for i := range free {
		if got := wrong(t, l, "jane", free, now); got != 0 {
			t.Errorf("guess %d has to wait %s, want none of the first %d to", i+1, got, free)
		}
	}
	// Every further guess waits; what comes before its time is not counted and makes nothing longer.
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		delay := time.Duration(seconds) * time.Second
		for range 100 {
			if got := wrong(t, l, "jane", free, now); got != delay {
				t.Fatalf("the next guess has to wait %s, want %s", got, delay)
			}
		}
		now = now.Add(delay)
		if got := wrong(t, l, "jane", free, now); got != 0 {
			t.Errorf("after %s it has to wait %s more", delay, got)
		}
	}
	if got := wrong(t, l, "joe", free, now); got != 0 {
		t.Errorf("another has to wait %s, want 0", got)
	}
	now = now.Add(time.Minute)
	if got := l.Begin(t.Context(), "jane", free, now); got != 0 {
		t.Fatalf("after a minute it has to wait %s", got)
	}
	l.End("jane", free, app.GuessRight, now)
	for range free {
		if got := wrong(t, l, "jane", free, now); got != 0 {
			t.Errorf("after a right guess it has to wait %s, want 0: counting begins anew", got)
		}
	}
}

// The memory of guesses halves every 15 minutes: five a quarter of an hour are never more than nine.
func TestLimiterGuessesDecay(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	for round := range 10 {
		for i := range 5 {
			if got := wrong(t, l, "jane", 10, now); got != 0 {
				t.Fatalf("round %d, guess %d has to wait %s", round, i, got)
			}
		}
		now = now.Add(15 * time.Minute)
	}
}

// Of wrong guesses made at the same moment no more are let through than of others; right ones all are.
func TestLimiterGuessesAtOnce(t *testing.T) {
	for result, want := range map[app.Guess]int32{app.GuessWrong: 5, app.GuessRight: 100, app.GuessUnknown: 100} {
		synctest.Test(t, func(t *testing.T) {
			l := app.NewLimiter(10)
			var through, atOnce, most atomic.Int32
			var group sync.WaitGroup
			for range 100 {
				group.Go(func() {
					if l.Begin(t.Context(), "jane", 5, time.Now()) > 0 {
						return
					}
					through.Add(1)
					if n := atOnce.Add(1); n > most.Load() {
						most.Store(n)
					}
					<-time.After(time.Millisecond) // of the bubble's own time: all others are waiting now
					atOnce.Add(-1)
					l.End("jane", 5, result, time.Now())
				})
			}
			group.Wait()
			if through.Load() != want || most.Load() > 5 {
				t.Errorf("result %d: %d of 100 guesses were let through, %d at once; want %d, at most 5", result, through.Load(), most.Load(), want)
			}
		})
	}
}

// A guess that waits for others ends with its request, and with the memory of its key.
func TestLimiterGuessGivenUp(t *testing.T) {
	l, now := app.NewLimiter(1), time.Unix(1_800_000_000, 0)
	l.Begin(t.Context(), "jane", 1, now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := l.Begin(ctx, "jane", 1, now); got <= 0 {
		t.Error("a guess whose request is gone was let through")
	}
	done := make(chan time.Duration)
	go func() { done <- l.Begin(t.Context(), "jane", 1, now) }()
	for range 3 {
		l.Remember("other") // there is room for one key: jane is forgotten
	}
	l.End("jane", 1, app.GuessRight, now)
	if got := <-done; got != 0 {
		t.Errorf("the waiting guess has to wait %s", got)
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
		wrong(t, l, "victim", 1, now)
	}
	for i := range 100_000 {
		key := fmt.Sprint("key ", i)
		switch i % 4 {
		case 0:
			l.Allow(key, 5, time.Hour, now)
		case 1:
			wrong(t, l, key, 1, now)
		case 2:
			l.Refused(key, now)
		default:
			l.Remember(key)
		}
		if l.Len() > bound {
			t.Fatalf("after %d keys the limiter holds %d, want at most %d", i+1, l.Len(), bound)
		}
		// A key in use is not forgotten, however many others come.
		if i%(bound/2) == 0 && wrong(t, l, "victim", 1, now) == 0 {
			t.Fatalf("after %d keys the failures of a key in use are forgotten", i+1)
		}
	}
	// The oldest go first.
	if got := l.Len(); got != bound {
		t.Errorf("the limiter holds %d keys, want %d", got, bound)
	}
	for i := range bound {
		wrong(t, l, fmt.Sprint("other ", i), 1, now)
	}
	if got := wrong(t, l, "victim", 1, now); got != 0 {
		t.Errorf("the key that was used longest ago has to wait %s, want 0: it is forgotten", got)
	}
}
