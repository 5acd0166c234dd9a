package oidc

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// clockLeeway is how far two clocks may be apart before that is said.
const clockLeeway = 60 * time.Second

// clock compares a provider's clock with our own. Tokens live for minutes and their expiry has no leeway, so a wrong
// clock shows as sign-ins that fail for no visible reason (T08).
type clock struct {
	log *slog.Logger

	mu    sync.Mutex
	seen  bool
	ahead time.Duration
}

// see takes the Date of an answer that has just come.
func (c *clock) see(date string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	ahead := at.Sub(time.Now().Round(0))
	c.mu.Lock()
	was := isOff(c.ahead)
	c.seen, c.ahead = true, ahead
	c.mu.Unlock()
	switch {
	case isOff(ahead) && !was:
		c.log.Warn("this machine's clock and the provider's differ: sign-ins may fail", "provider_ahead", ahead.Round(time.Second))
	case was && !isOff(ahead):
		c.log.Info("this machine's clock and the provider's agree again")
	}
}

func (c *clock) off() (ahead time.Duration, off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead, isOff(c.ahead)
}

// told reports whether an answer has told the time.
func (c *clock) told() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

func isOff(ahead time.Duration) bool { return ahead > clockLeeway || ahead < -clockLeeway }
