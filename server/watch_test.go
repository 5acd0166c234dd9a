package server_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// admin returns a client of the house's admin socket.
func (h house) admin() *localapi.Client {
	h.Helper()
	c := &localapi.Client{Socket: filepath.Join(h.dir, "admin.sock")}
	h.Cleanup(c.Close)
	return c
}

// TestWatch watches a whole service: a sign-up at the page is told, and the stop of the service ends the watch at once.
func TestWatch(t *testing.T) {
	h := open(t)
	client := h.admin()
	want := []string{localapi.TopicRegistrations, localapi.TopicMessages, localapi.TopicEvents}
	var stopped time.Time
	seen := map[string]bool{}
	err := client.Watch(t.Context(), func() { go h.signUp("jane@acme.example") }, func(c localapi.Change) {
		for _, topic := range c.Topics {
			seen[topic] = true
		}
		if stopped.IsZero() && !slices.ContainsFunc(want, func(topic string) bool { return !seen[topic] }) {
			stopped = time.Now()
			go h.stop()
		}
	})
	if app.ReasonOf(err) != "service_unreachable" || stopped.IsZero() {
		t.Fatalf("ended with %v, told of %v", err, seen)
	}
	h.stop()
	if took := time.Since(stopped); took > 10*time.Second {
		t.Errorf("the service took %s to stop", took)
	}
	if err := client.Watch(context.Background(), func() { t.Error("ready") }, nil); app.ReasonOf(err) != "service_unreachable" {
		t.Errorf("after the stop: %v", err)
	}
}
