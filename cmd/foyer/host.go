//go:build !nogui

package main

import (
	"cmp"
	"context"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/gui"
	"foyer/server"
)

// host is this machine, as the desktop program needs it.
type host struct {
	executable string
	elsewhere  bool // the program was told to talk to another service than the installed one
	demos      demos
}

// stateTime bounds what the service manager is asked for.
const stateTime = 5 * time.Second

// Service tells what the service manager knows of the service.
func (h *host) Service() gui.ServiceState {
	ctx, cancel := context.WithTimeout(context.Background(), stateTime)
	defer cancel()
	st, err := serviceState(ctx)
	return guiState(st, err)
}

// guiState is how the service is as the desktop program knows it. An error is that of a machine that has no service manager.
func guiState(st serviceStatus, err error) gui.ServiceState {
	state := gui.ServiceState{
		Managed: err == nil, Installed: st.Installed, Running: st.Running, Failed: st.State == stateFailed, Detail: st.Detail, Packaged: st.Packaged,
		Enabled: st.Enabled, Program: st.Program, Version: st.Version, Listen: st.Listen,
	}
	switch st.Reason {
	case reasonData:
		state.Reason = gui.FailedData
	case reasonConfig:
		state.Reason = gui.FailedConfig
	}
	if st.Since != nil {
		state.Since = *st.Since
	}
	return state
}

// Command returns what to type for Control.
func (h *host) Command(verb string) string { return h.typed(h.executable, verb) }

// InstallCommand returns what to type for Install.
func (h *host) InstallCommand(o gui.InstallOptions) string {
	return h.typed(cmp.Or(o.Program, h.executable), "install", installFlags(o)...)
}

func (h *host) typed(program, verb string, flags ...string) string {
	words := []string{quoted(program), "service", verb}
	for _, flag := range flags {
		words = append(words, quotedFlag(flag))
	}
	return app.Sudo + strings.Join(words, " ")
}

// quotedFlag returns a flag or its value as it is typed.
func quotedFlag(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:") == "" {
		return word
	}
	return quoted(word)
}

func installFlags(o gui.InstallOptions) []string {
	if o.Listen == "" {
		return nil
	}
	return []string{"--listen", o.Listen}
}

// Install runs foyer service install with the rights to, for which the desktop asks the person.
func (h *host) Install(ctx context.Context, o gui.InstallOptions) error {
	_, err := hostRun{args: append([]string{"service", "install", "--json"}, installFlags(o)...), elevate: true}.run(ctx, cmp.Or(o.Program, h.executable))
	return err
}

// Control runs foyer service VERB with the rights to, for which the desktop asks the person.
func (h *host) Control(ctx context.Context, verb string) error {
	_, err := hostRun{args: []string{"service", verb, "--json"}, elevate: true}.run(ctx, h.executable)
	return err
}

// Log returns what the journal has of the service, if this user may read it.
func (h *host) Log(ctx context.Context, lines int) (string, error) {
	if runtime.GOOS != "linux" || h.elsewhere {
		return "", app.Errorf(app.Unavailable, "no_log", "the log of this service is not read from here")
	}
	out, err := exec.CommandContext(ctx, "journalctl", "--unit="+serviceName, "--no-pager", "--quiet", "--output=short-iso", "--no-hostname", "--lines="+strconv.Itoa(lines)).Output() //nolint:gosec // a number
	if err != nil || strings.TrimSpace(string(out)) == "" {
		return "", &app.Error{Code: app.Unavailable, Reason: "no_log", Message: "this user may not read the log, or there is none: an administrator sees it with journalctl -u " + serviceName, Err: err}
	}
	return string(out), nil
}

// NewBackupKey makes a pair of keys of age, as foyer backup key does.
func (h *host) NewBackupKey() (identity, recipient string, err error) {
	return server.NewBackupIdentity()
}

// Backups lists what the service keeps, with the right to read its data, for which the desktop asks the person.
func (h *host) Backups(ctx context.Context) ([]localapi.Backup, error) {
	if runtime.GOOS == "windows" { // what a command with more rights prints is not handed on there
		return nil, app.Errorf(app.Unavailable, "no_list", "on this system they cannot be listed without the service; choose the file in %s", server.DefaultDataDir)
	}
	out, err := hostRun{args: []string{"backup", "list", "--json"}, elevate: true}.run(ctx, h.executable)
	if err != nil {
		return nil, err
	}
	return answerOf[[]localapi.Backup](out)
}

// Restore puts a backup in the place of the data of the installed service.
func (h *host) Restore(ctx context.Context, r gui.Restore, progress func(gui.Progress)) error {
	if h.elsewhere {
		return app.Errorf(app.Conflict, "other_service", "this program looks at another service than the installed one (--data or --socket): restore it in a terminal, with foyer backup restore")
	}
	args := []string{"backup", "restore", r.Backup, "--stop-service", "--yes", "--json", "--progress", "json"}
	if r.Identity != "" {
		args = append(args, "--identity", r.Identity)
	}
	_, err := hostRun{args: args, secret: r.Secret, elevate: true, progress: toGUI(progress)}.run(ctx, h.executable)
	return err
}

// VerifyFile looks whether a file is a backup, and what it holds.
func (h *host) VerifyFile(ctx context.Context, path, secret string, progress func(gui.Progress)) (localapi.BackupCheck, error) {
	run := hostRun{args: []string{"backup", "verify", path, "--json", "--progress", "json"}, secret: identityLine(secret), progress: toGUI(progress)}
	out, err := run.run(ctx, h.executable)
	if err != nil {
		return localapi.BackupCheck{}, err
	}
	return answerOf[localapi.BackupCheck](out)
}

func toGUI(progress func(gui.Progress)) func(step string, done, total int64) {
	return func(step string, done, total int64) { progress(gui.Progress{Step: step, Done: done, Total: total}) }
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
