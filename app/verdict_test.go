package app_test

import (
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// TestVerdict expects every state to be told, and a refusal with what the failed step knows of it.
func TestVerdict(t *testing.T) {
	failed := []app.MailStep{{Name: "connection", OK: true, Detail: "connected"}, {Name: "tls", Detail: "expired; renew it"}}
	next := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		m    app.Message
		want string
	}{
		{app.Message{State: app.MessageCaptured}, "captured: "},
		{app.Message{State: app.MessageDelivered, Reply: "250 ok", Steps: failed[:1]}, `taken: the mail server has it now and says "250 ok"`},
		{app.Message{State: app.MessageFailed, Reply: "550 no"}, "not taken, and not tried again: 550 no"},
		{app.Message{State: app.MessageFailed, Reply: "expired", Steps: failed}, "not taken, and not tried again: expired; renew it"},
		{app.Message{State: app.MessageFailed, Reply: "lost", Steps: failed[:1]}, "not taken, and not tried again: lost"},
		{app.Message{State: app.MessageDeferred, Reply: "tls_expired", Steps: failed, NextAttempt: next}, "not taken now: expired; renew it; it is tried again at 2026-11-22 10:00:00 UTC"},
		{app.Message{ID: 7, State: app.MessageHeld}, "held: it leaves when you let it, with: foyer mail release 7"},
		{app.Message{State: app.MessageSending}, "on its way: "},
		{app.Message{State: app.MessageQueued}, "waiting: "},
	} {
		if got := tt.m.Verdict(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.m.State, got, tt.want)
		}
	}
}
