package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"foyer/app"
)

// When the clock of this machine is looked at while the service runs.
const (
	clockEvery = 10 * time.Second
	clockJump  = time.Minute      // by less it is only corrected
	clockAgain = 10 * time.Minute // after it was found wrong
)

// clockWatch notices that the clock of this machine is set while the service runs, has it compared with one that is right, and tells of it
// until it is. A clock that was set back is told of also when there is none to compare it with: no machine does that by itself.
type clockWatch struct {
	drift func() time.Duration // of the clock on the wall against the one that only counts, since some time
	look  func(ctx context.Context) []app.Check
	told  func() // called when there is something else to tell
	log   *slog.Logger

	mu      sync.Mutex
	concern *app.Concern
}

// wallDrift returns how far the clock on the wall has moved away from the one that only counts since it was called.
func wallDrift() func() time.Duration {
	began := time.Now()
	return func() time.Duration {
		now := time.Now()
		return now.Round(0).Sub(began.Round(0)) - now.Sub(began)
	}
}

// run watches the clock until ctx is done.
func (w *clockWatch) run(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	last := w.drift()
	looked := time.Now() // counts on when the clock is set
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		drift := w.drift()
		by := drift - last
		last = drift
		if by.Abs() > clockJump {
			w.log.Warn("the clock of this machine was set", "by", by.Round(time.Second))
		} else if by = 0; w.concerns() == nil || time.Since(looked) < clockAgain {
			continue
		}
		looked = time.Now()
		w.judge(by, w.look(ctx))
	}
}

// judge takes what a look has found after the clock was set by so much, 0 for not at all.
func (w *clockWatch) judge(by time.Duration, checks []app.Check) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range checks {
		switch {
		case c.State == app.CheckOK:
			w.concern = nil
		case c.State == app.CheckError || c.State == app.CheckWarning:
			w.concern = &app.Concern{Code: "clock_wrong", Error: c.State == app.CheckError, Subject: c.Subject, Text: c.Text, Args: c.Args}
		case by < 0:
			text := fmt.Sprintf("this machine's clock was set back by %s, and no time server could be asked whether it is right now; see to it, then restart the service", durationWords(-by))
			w.concern = &app.Concern{Code: "clock_set_back", Text: text, Args: map[string]string{"By": durationWords(-by)}}
		case by > 0 && w.concern != nil && w.concern.Code == "clock_set_back":
			w.concern = nil // it was set right again, as far as anybody can tell
		}
	}
	w.told()
}

// concerns returns what wants attention.
func (w *clockWatch) concerns() []app.Concern {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.concern == nil {
		return nil
	}
	return []app.Concern{*w.concern}
}

// durationWords writes by how much a clock was set.
func durationWords(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	default:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
}
