package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// manager listens as systemd does and returns its address, and what it is told.
func manager(t *testing.T) (string, <-chan string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			told <- string(buf[:n])
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close() // it ends the reader
		<-done
	})
	return path, told
}

// next waits for what the manager is told.
func next(t *testing.T, told <-chan string) string {
	t.Helper()
	select {
	case message := <-told:
		return message
	case <-time.After(30 * time.Second):
		t.Fatal("the service manager is told nothing")
		return ""
	}
}

func TestNotifier(t *testing.T) {
	tests := []struct {
		env  map[string]string
		want notifier
	}{
		{nil, notifier{}},
		{map[string]string{"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000"}, notifier{"/run/n", 30 * time.Second}},
		{map[string]string{"NOTIFY_SOCKET": "@n"}, notifier{"@n", 0}},
		{map[string]string{"WATCHDOG_USEC": "soon"}, notifier{}},
		{map[string]string{"WATCHDOG_USEC": "-1"}, notifier{}},
	}
	for _, test := range tests {
		if got := newNotifier(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%v: got %+v, want %+v", test.env, got, test.want)
		}
	}
	if err := (notifier{}).send(t.Context(), "READY=1"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
	if err := (notifier{socket: filepath.Join(t.TempDir(), "none")}).send(t.Context(), "READY=1"); err == nil {
		t.Error("a manager that is not there was told")
	}
}

// TestWatched follows a service that is not ready at first, hangs for a while and ends.
func TestWatched(t *testing.T) {
	socket, told := manager(t)
	var probes atomic.Int32
	var ok atomic.Bool
	hung := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := watched{
		notifier: notifier{socket: socket, watchdog: 30 * time.Millisecond},
		run:      func(ctx context.Context) error { <-ctx.Done(); return errors.New("ended") },
		alive: func(context.Context) error {
			if probes.Add(1) == 1 {
				return errors.New("not yet")
			}
			if !ok.Load() {
				hung <- struct{}{}
				return errors.New("hangs")
			}
			return nil
		},
		url: func() string { return "http://office:8080" },
		log: slog.New(slog.DiscardHandler),
	}
	ended := make(chan error, 1)
	ok.Store(true)
	go func() { ended <- w.Run(ctx) }()

	if got, want := next(t, told), "READY=1\nWATCHDOG=1\nSTATUS=serving at http://office:8080"; got != want || probes.Load() < 2 {
		t.Errorf("first: got %q after %d probes, want %q after the second", got, probes.Load(), want)
	}
	for range 3 {
		if got, want := next(t, told), "WATCHDOG=1\nSTATUS=serving at http://office:8080"; got != want {
			t.Errorf("then: got %q, want %q", got, want)
		}
	}
	ok.Store(false)
	<-hung // what was told before may still be on its way; after the next failed probe nothing more comes
	<-hung
	for len(told) > 0 {
		<-told
	}
	<-hung
	<-hung
	if len(told) > 0 {
		t.Errorf("a service that hangs tells %q", <-told)
	}
	ok.Store(true)
	if got := next(t, told); !strings.HasPrefix(got, "WATCHDOG=1") {
		t.Errorf("back: got %q", got)
	}
	cancel()
	if err := <-ended; err == nil || err.Error() != "ended" {
		t.Errorf("Run: got %v, want the error of the service", err)
	}
	for last := ""; last != "STOPPING=1\nSTATUS=stopping"; { // next ends a test in which it does not come
		last = next(t, told)
	}
}

// TestWatchedAlone runs a service that no manager has started: nobody asks it anything.
func TestWatchedAlone(t *testing.T) {
	w := watched{
		run:   func(context.Context) error { return errors.New("ended") },
		alive: func(context.Context) error { t.Error("it was asked"); return nil },
	}
	if err := w.Run(t.Context()); err == nil || err.Error() != "ended" {
		t.Errorf("got %v, want the error of the service", err)
	}
}
