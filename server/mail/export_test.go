package mail

import (
	"context"
	"net/http"
	"time"

	"foyer/app"
)

// What the tests of this package need to see of its inside.

func NewTokenTransport() *http.Transport { return newTokenTransport() }

// Get returns a token, as deliveries with the default timeouts do.
func (t *Tokens) Get(ctx context.Context, o app.MailOAuth) (string, error) {
	return t.get(ctx, o, Timeouts{}.orDefaults().Token)
}

// GetWithin is Get with a timeout.
func (t *Tokens) GetWithin(ctx context.Context, o app.MailOAuth, timeout time.Duration) (string, error) {
	return t.get(ctx, o, timeout)
}

func Hidden(words, secret string) string { return hidden(words, secret) }
