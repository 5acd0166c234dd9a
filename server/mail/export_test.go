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

func Clean(words string) string { return clean(words) }

// WriteBounce writes what the sender of m is told.
func WriteBounce(kind app.MessageKind, m app.Message, d app.Delivery, from, reporter string, now time.Time) (app.Message, error) {
	return bounce{kind: kind, message: m, delivery: d, now: now, from: from, reporter: reporter}.write()
}
