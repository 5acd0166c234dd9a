//go:build !nogui

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/godbus/dbus/v5"

	"foyer/app"
	"foyer/gui"
)

// host is this machine, as the desktop program needs it.
type host struct {
	executable string
	demos      demos
}

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

// Demo starts a demonstration in a directory of its own, at any free port, and returns its client and what ends it.
func (h *host) Demo(ctx context.Context) (gui.Client, func(), error) {
	client, stop, err := h.demos.start(ctx, h.executable)
	if err != nil {
		return nil, nil, err
	}
	return client, stop, nil
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
