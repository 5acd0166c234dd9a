package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"foyer/app"
	"foyer/server"
)

// systemd is the service manager of Linux. It is spoken to by its own program: kardianos/service would write the unit
// before it knows its text, refuses to install twice, removes a unit whose service goes on to run, and calls one that
// crashes again and again running.
type systemd struct {
	booted   string   // what is there when systemd runs
	unit     string   // the unit that install writes
	dropIn   string   // what install adds to the unit of a package
	packaged []string // where the unit of a package may be
	program  string   // what install copies this program to
	config   string   // the configuration file
	command  func(ctx context.Context, name string, args ...string) (string, error)
}

func newServiceManager() serviceManager {
	return &systemd{
		booted:   "/run/systemd/system",
		unit:     "/etc/systemd/system/foyer.service",
		dropIn:   "/etc/systemd/system/foyer.service.d/directories.conf",
		packaged: []string{"/usr/lib/systemd/system/foyer.service", "/lib/systemd/system/foyer.service"},
		program:  "/usr/local/bin/foyer",
		config:   server.DefaultConfigFile,
		command:  command,
	}
}

// command runs a program of the system and returns what it prints. The error has what it complains about.
func command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // programs of systemd and their arguments, all from here
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// underManager runs the service; systemd needs nothing more than what watched tells it.
func (p *program) underManager(ctx context.Context, run func(context.Context) error) error {
	return run(ctx)
}

func (m *systemd) usable() error {
	if _, err := os.Stat(m.booted); err != nil {
		return app.Errorf(app.Unavailable, "no_service_manager",
			"systemd does not run on this machine, and Foyer knows no other service manager: run foyer serve by what starts your services")
	}
	return nil
}

// statusProperties are what systemd is asked for.
const statusProperties = "LoadState,ActiveState,SubState,UnitFileState,FragmentPath,MainPID,ActiveEnterTimestamp,StatusText,Result,ExecMainStatus"

func (m *systemd) status(ctx context.Context) (serviceStatus, error) {
	config, configErr := server.LoadConfig("")
	st := serviceStatus{State: stateNotInstalled, Data: cmp.Or(config.DataDir, server.DefaultDataDir)}
	out, err := m.command(ctx, "systemctl", "show", serviceName, "--no-pager", "--property="+statusProperties)
	if err != nil {
		return st, err
	}
	if parseStatus(&st, out); !st.Installed {
		return st, nil
	}
	if configErr == nil {
		st.Listen = cmp.Or(config.Listen, server.DefaultListen)
	}
	st.Program, st.Packaged, st.Outdated = programOf(st.Unit), slices.Contains(m.packaged, st.Unit), configErr == nil && isOutdated(st.Unit, config)
	if st.Running {
		// Whoever asks may not be the one who may use the rest of the API; the version is for everybody.
		v, _ := versionAt(ctx, config.Socket)
		st.Version = v.Version
	}
	if configErr != nil && !st.Running {
		st.Detail = errorLine(configErr)
	}
	return st, nil
}

// parseStatus reads what systemctl show prints.
func parseStatus(st *serviceStatus, text string) {
	p := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		p[key] = value
	}
	if p["LoadState"] == "not-found" || p["LoadState"] == "" || p["FragmentPath"] == "" {
		return
	}
	st.Installed, st.Enabled, st.Unit = true, p["UnitFileState"] == "enabled", p["FragmentPath"]
	failure := p["Result"]
	if failure == "exit-code" {
		failure = "it ended with exit status " + p["ExecMainStatus"]
	}
	// What it has said last, when it said that it cannot go on.
	last := p["StatusText"]
	if last != "" && last != stopping && !strings.HasPrefix(last, serving) && !strings.HasPrefix(last, starting) {
		failure = last
	}
	failure += "; see journalctl -u " + serviceName
	switch p["ActiveState"] {
	case "active", "reloading":
		st.State, st.Running = stateRunning, true
		st.Address = strings.TrimPrefix(p["StatusText"], serving)
		if t, err := time.Parse("Mon 2006-01-02 15:04:05 MST", p["ActiveEnterTimestamp"]); err == nil {
			st.Since = &t
		}
		st.PID, _ = strconv.Atoi(p["MainPID"]) // systemd prints numbers; 0 is none
	case "activating":
		st.State = stateStarting
		if words, ok := strings.CutPrefix(last, starting+": "); ok {
			st.Detail = words
		}
		if p["SubState"] == "auto-restart" {
			st.State, st.Detail = stateRestarting, failure
		}
	case "failed":
		st.State, st.Detail = stateFailed, failure
		if status, err := strconv.Atoi(p["ExecMainStatus"]); err == nil {
			st.Reason = failureReason(status)
		}
	default:
		st.State = stateStopped
	}
}

// isOutdated reports whether a unit is one that install has written, and not as it would write it now.
func isOutdated(unit string, config server.Config) bool {
	text, err := os.ReadFile(unit) //nolint:gosec // systemd says where it is
	return err == nil && strings.HasPrefix(string(text), unitMark) && string(text) != unitText(programOf(unit), writable(config))
}

// programOf returns the program that a unit runs, or "".
func programOf(unit string) string {
	text, err := os.ReadFile(unit) //nolint:gosec // systemd says where it is
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "ExecStart="); ok {
			return strings.Trim(strings.Fields(value + " -")[0], `"`)
		}
	}
	return ""
}

func (m *systemd) start(ctx context.Context) error   { return m.bring(ctx, "start") }
func (m *systemd) restart(ctx context.Context) error { return m.bring(ctx, "restart") }

func (m *systemd) stop(ctx context.Context) error {
	_, err := m.command(ctx, "systemctl", "stop", serviceName)
	return err
}

// bring starts or restarts the service. systemctl returns when the service has said that it is ready, or has ended.
func (m *systemd) bring(ctx context.Context, verb string) error {
	// One that was given up is tried again.
	if _, err := m.command(ctx, "systemctl", "reset-failed", serviceName); err != nil && ctx.Err() != nil {
		return err
	}
	if _, err := m.command(ctx, "systemctl", verb, serviceName); err != nil {
		words := m.lastWords(ctx)
		return app.Errorf(app.Unavailable, "service_start", "the service does not start: %s", words).With("Why", words)
	}
	return nil
}

// lastWords returns why the service has ended, as it has written it into the journal.
func (m *systemd) lastWords(ctx context.Context) string {
	out, err := m.command(ctx, "journalctl", "--unit="+serviceName, "--no-pager", "--output=cat", "--lines=30")
	words := ""
	for line := range strings.Lines(out) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "foyer: "); ok {
			words = text
		}
	}
	if err != nil || words == "" {
		return "journalctl -u " + serviceName + " says why"
	}
	return words
}

func (m *systemd) uninstall(ctx context.Context) ([]string, error) {
	st, err := m.status(ctx)
	if err != nil {
		return nil, err
	}
	if st.Unit != m.unit {
		return nil, app.Errorf(app.Conflict, "service_packaged", "the service comes from a package (%s): remove the package, its data stay", st.Unit)
	}
	text, err := os.ReadFile(m.unit)
	if err != nil {
		return nil, fmt.Errorf("read the unit: %w", err)
	}
	if _, err := m.command(ctx, "systemctl", "disable", "--now", serviceName); err != nil {
		return nil, err
	}
	gone := []string{m.unit}
	// A program that somebody else has put there stays.
	if strings.HasPrefix(string(text), unitMark) && st.Program == m.program {
		gone = append(gone, m.program)
	}
	for _, path := range gone {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove: %w", err)
		}
	}
	if _, err := m.command(ctx, "systemctl", "daemon-reload"); err != nil {
		return nil, err
	}
	// It fails unless the service had failed: systemd knows it no more then.
	_, _ = m.command(ctx, "systemctl", "reset-failed", serviceName)
	return gone, nil
}

// purge deletes the data directory and the configuration file.
func (m *systemd) purge(context.Context) ([]string, error) {
	config, err := server.LoadConfig("")
	if err != nil {
		return nil, err
	}
	dir := cmp.Or(config.DataDir, server.DefaultDataDir)
	var gone []string
	if there, err := purgeDir(dir); err != nil {
		return nil, err
	} else if there {
		gone = append(gone, dir)
	}
	if err := os.Remove(m.config); err == nil {
		gone = append(gone, m.config)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("delete the configuration file: %w", err)
	}
	// Certificates that somebody keeps beside it stay, and the directory with them.
	if err := os.Remove(filepath.Dir(m.config)); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrExist) {
		return gone, fmt.Errorf("delete the directory of the configuration: %w", err)
	}
	return gone, nil
}
