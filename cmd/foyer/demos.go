package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// demoStart is how long a demonstration may take until it answers.
const demoStart = 20 * time.Second

// demos are the demonstrations that the desktop program has started. None outlives it: whoever closes the window, or ends the
// program, while one starts has nothing yet to end it with.
type demos struct {
	mu    sync.Mutex
	over  bool
	stops []func()
}

// start runs a demonstration, a process of executable, in a directory of its own, at any free port, and returns its client and
// what ends it and removes the directory. When it returns an error, there is nothing left.
func (d *demos) start(ctx context.Context, executable string) (*localapi.Client, func(), error) {
	dir, err := os.MkdirTemp("", "foyer-demo-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for the demonstration: %w", err)
	}
	// It goes on when ctx is done: ctx is the start's only.
	cmd := exec.Command(executable, "demo", "--data", dir, "--listen", "127.0.0.1:0") //nolint:gosec,noctx // this program; stop ends it
	words := &lastWords{}
	cmd.Stderr = words
	if err := cmd.Start(); err != nil {
		_ = os.RemoveAll(dir) // it is empty
		return nil, nil, fmt.Errorf("start the demonstration: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it has said tells more than its exit status
		close(ended)
	}()
	stop := sync.OnceFunc(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			_ = cmd.Process.Kill() // it has ended, or this is Windows, which knows no signals
		}
		<-ended
		_ = os.RemoveAll(dir) // the system's own directory for such things; nothing of it is needed
	})
	d.keep(stop)
	client := &localapi.Client{Socket: filepath.Join(dir, "admin.sock")}
	if err := answers(ctx, client, ended, words); err != nil {
		stop()
		return nil, nil, err
	}
	return client, stop, nil
}

// keep notes how a demonstration is ended, or ends it when it is too late for one.
func (d *demos) keep(stop func()) {
	d.mu.Lock()
	over := d.over
	d.stops = append(d.stops, stop)
	d.mu.Unlock()
	if over {
		stop()
	}
}

// end ends all demonstrations that run, and those that are still to start.
func (d *demos) end() {
	d.mu.Lock()
	d.over = true
	stops := d.stops
	d.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
}

// answers waits until a service answers.
func answers(ctx context.Context, client *localapi.Client, ended <-chan struct{}, words *lastWords) error {
	ctx, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if v, err := client.Version(ctx); err == nil && v.Permitted && v.Starting == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return app.Errorf(app.Unavailable, "demo_silent", "the demonstration did not answer in time")
		case <-ended:
			return app.Errorf(app.Unavailable, "demo_failed", "the demonstration did not start: %s", words)
		case <-tick.C:
		}
	}
}

// lastWords keeps the end of what a program says, for when it fails.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

var _ io.Writer = (*lastWords)(nil)

// Write keeps the last of it.
func (w *lastWords) Write(p []byte) (int, error) {
	const most = 2000
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	w.text = w.text[max(0, len(w.text)-most):]
	return len(p), nil
}

// String returns the last line.
func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(w.text)), "\n")
	return safe(strings.TrimPrefix(lines[len(lines)-1], "foyer: "))
}
