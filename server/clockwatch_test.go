package server

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
)

// TestClockWatch sets the clock of a service that runs, forth and back.
func TestClockWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of what follows
		var drift time.Duration
		var looks, told int
		answer := []app.Check{found(app.CheckSkipped, "clock_unreachable", "pool", "nobody answers")}
		w := &clockWatch{
			drift: func() time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return drift
			},
			look: func(context.Context) []app.Check {
				mu.Lock()
				defer mu.Unlock()
				looks++
				return answer
			},
			told: func() {
				mu.Lock()
				defer mu.Unlock()
				told++
			},
			log: slog.New(slog.DiscardHandler),
		}
		set := func(by time.Duration, checks ...app.Check) {
			mu.Lock()
			defer mu.Unlock()
			drift += by
			if len(checks) > 0 {
				answer = checks
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { w.run(ctx); close(done) }()
		after := func(d time.Duration, wantLooks int, want string) {
			t.Helper()
			<-time.After(d) // of the bubble
			synctest.Wait()
			got := ""
			for _, c := range w.concerns() {
				got += c.Code + " " + c.Text
			}
			mu.Lock()
			defer mu.Unlock()
			if looks != wantLooks || told != looks || want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%d looks, %d told, %q; want %d looks and %q", looks, told, got, wantLooks, want)
			}
		}
		after(time.Hour, 0, "")
		set(30 * time.Second) // corrected
		after(time.Minute, 0, "")
		set(8 * time.Hour) // the machine slept
		after(clockEvery, 1, "")
		set(-730 * 24 * time.Hour)
		after(clockEvery, 2, "clock_set_back this machine's clock was set back by 730 days")
		after(clockAgain, 3, "clock_set_back")
		set(730 * 24 * time.Hour)
		after(clockEvery, 4, "")
		set(365*24*time.Hour, judgeClock("pool", 365*24*time.Hour))
		after(clockEvery, 5, "clock_wrong")
		if c := w.concerns(); !c[0].Error || c[0].Args["Seconds"] == "" {
			t.Errorf("got %+v", c)
		}
		set(0, judgeClock("pool", time.Second)) // somebody has set it slowly
		after(clockAgain, 6, "")
		after(time.Hour, 6, "")
		cancel()
		<-done
	})
}

func TestWallDrift(t *testing.T) {
	if got := wallDrift()(); got.Abs() > time.Second {
		t.Errorf("between two calls the clocks move apart by %v", got)
	}
}
