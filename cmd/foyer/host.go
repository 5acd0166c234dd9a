//go:build !nogui

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/gui"
)

// host is this machine, as the desktop program needs it.
type host struct{ executable string }

// stateTime bounds what the service manager is asked for.
const stateTime = 5 * time.Second

// Service tells what the service manager knows of the service.
func (h *host) Service() gui.ServiceState {
	ctx, cancel := context.WithTimeout(context.Background(), stateTime)
	defer cancel()
	installed, running, err := serviceState(ctx)
	return gui.ServiceState{Managed: err == nil, Installed: installed, Running: running}
}

// Command returns what to type for Control.
func (h *host) Command(verb string) string {
	if runtime.GOOS == "windows" {
		return quoted(h.executable) + " service " + verb
	}
	return "sudo " + quoted(h.executable) + " service " + verb
}

// Control runs foyer service VERB with the rights to, for which the desktop asks the person.
func (h *host) Control(ctx context.Context, verb string) error {
	line := elevated(verb)
	if os.Geteuid() == 0 {
		line = []string{h.executable, "service", verb}
	}
	if len(line) == 0 {
		return app.Errorf(app.Denied, "no_elevation", "this desktop cannot ask for an administrator's password (pkexec is missing); type the command below into a terminal")
	}
	words := &lastWords{}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // this program, and what the system elevates it with
	cmd.Stderr = words
	if err := cmd.Run(); err != nil {
		return controlError(err, verb, words.String())
	}
	return nil
}

// pkexec's exit statuses for a person who gave no password, or is not permitted (pkexec(1)).
const (
	pkexecDismissed = 126
	pkexecRefused   = 127
)

// controlError says why the service manager did not do what it was asked for.
func controlError(err error, verb, words string) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case ok && (exit.ExitCode() == pkexecDismissed || exit.ExitCode() == pkexecRefused):
		return app.Errorf(app.Denied, "not_elevated", "nothing was done: the password of an administrator was not given")
	case words != "":
		return &app.Error{Code: app.Unavailable, Reason: "control_failed", Message: words, Err: err}
	default:
		return &app.Error{Code: app.Unavailable, Reason: "control_failed", Message: "foyer service " + verb + " ended without a word", Err: err}
	}
}

// demoStart is how long a demonstration may take until it answers.
const demoStart = 20 * time.Second

// Demo starts a demonstration in a directory of its own, at any free port, and returns its client and what ends it.
func (h *host) Demo(ctx context.Context) (gui.Client, func(), error) {
	dir, err := os.MkdirTemp("", "foyer-demo-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for the demonstration: %w", err)
	}
	// It goes on when ctx is done: ctx is the start's only.
	cmd := exec.Command(h.executable, "demo", "--data", dir, "--listen", "127.0.0.1:0") //nolint:gosec,noctx // this program; stop ends it
	words := &lastWords{}
	cmd.Stderr = words
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start the demonstration: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := sync.OnceFunc(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			_ = cmd.Process.Kill() // it has ended, or this is Windows, which knows no signals
		}
		<-ended
		_ = os.RemoveAll(dir) // the system's own directory for such things; nothing of it is needed
	})
	client := &localapi.Client{Socket: filepath.Join(dir, "admin.sock")}
	if err := answers(ctx, client, ended, words); err != nil {
		go stop()
		return nil, nil, err
	}
	return client, stop, nil
}

// answers waits until a service answers.
func answers(ctx context.Context, client *localapi.Client, ended chan error, words *lastWords) error {
	ctx, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if v, err := client.Version(ctx); err == nil && v.Permitted {
			return nil
		}
		select {
		case <-ctx.Done():
			return app.Errorf(app.Unavailable, "demo_silent", "the demonstration did not answer in time")
		case err := <-ended:
			ended <- err // for whoever waits next
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

// Tray tells whether the desktop has a place for programs that stay without a window: on Linux one that speaks the protocol of
// StatusNotifierItem (freedesktop.org), which GNOME has by an extension only.
func (h *host) Tray() bool {
	if runtime.GOOS != "linux" {
		return true
	}
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		return false
	}
	defer conn.Close()
	var has bool
	err = conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.kde.StatusNotifierWatcher").Store(&has)
	return err == nil && has
}
