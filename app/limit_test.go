package app_test

import (
	"fmt"
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
		l.Fail("a", 0, now)
	}
	if got := l.Wait("a", now); got != 0 {
		t.Errorf("Wait = %s, want 0: no limit of failures", got)
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

func TestLimiterFailures(t *testing.T) {
	l, now := app.NewLimiter(10), time.Unix(1_800_000_000, 0)
	const free = 5
	want := []int{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i, seconds := range want {
		l.Fail("jane", free, now)
		if got := l.Wait("jane", now); got != time.Duration(seconds)*time.Second {
			t.Errorf("after %d failures Wait = %s, want %d s", i+1, got, seconds)
		}
	}
	for range 100_000 {
		l.Fail("jane", free, now)
	}
	if got := l.Wait("jane", now); got != time.Minute {
		t.Errorf("after 100,000 failures Wait = %s, want 1m: a delay, and no lock", got)
	}
	if got := l.Wait("jane", now.Add(59*time.Second)); got != time.Second {
		t.Errorf("Wait 59 s later = %s, want 1s", got)
	}
	if got := l.Wait("jane", now.Add(time.Minute)); got != 0 {
		t.Errorf("Wait a minute later = %s, want 0", got)
	}
	if got := l.Wait("joe", now); got != 0 {
		t.Errorf("Wait of another = %s, want 0", got)
	}
	l.Forget("jane")
	if got := l.Wait("jane", now); got != 0 {
		t.Errorf("Wait after Forget = %s, want 0", got)
	}
	l.Fail("jane", free, now)
	if got := l.Wait("jane", now); got != 0 {
		t.Errorf("Wait after Forget and one failure = %s, want 0: counting begins anew", got)
	}
}

func TestLimiterIsBounded(t *testing.T) {
	const bound = 1000
	l, now := app.NewLimiter(bound), time.Unix(1_800_000_000, 0)
	for range 10 {
		l.Fail("victim", 1, now)
	}
	for i := range 100_000 {
		key := fmt.Sprint("key ", i)
		switch i % 4 {
		case 0:
			l.Allow(key, 5, time.Hour, now)
		case 1:
			l.Fail(key, 1, now)
		case 2:
			l.Wait(key, now)
		default:
			l.Forget(key)
		}
		if l.Len() > bound {
			t.Fatalf("after %d keys the limiter holds %d, want at most %d", i+1, l.Len(), bound)
		}
		// A key in use is not forgotten, however many others come.
		if i%(bound/2) == 0 && l.Wait("victim", now) != time.Minute {
			t.Fatalf("after %d keys the failures of a key in use are forgotten", i+1)
		}
	}
	// The oldest go first.
	if got := l.Len(); got != bound {
		t.Errorf("the limiter holds %d keys, want %d", got, bound)
	}
	for i := range bound {
		l.Wait(fmt.Sprint("other ", i), now)
	}
	if got := l.Wait("victim", now); got != 0 {
		t.Errorf("Wait of the key that was used longest ago = %s, want 0: it is forgotten", got)
	}
}
