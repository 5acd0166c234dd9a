package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"foyer/app"
	"foyer/server"
)

// serviceAccount is the account that Windows makes for the service alone. It has no password, and no rights but those it is given.
const serviceAccount = `NT SERVICE\` + serviceName

// serviceConfig is the service as Windows is to know it, which starts none again unless it is told, and none that has said that it has
// stopped (OnFailure). It may not start late either (DelayedAutoStart): people wait for the pages.
func serviceConfig() *service.Config {
	return &service.Config{
		Name: serviceName, DisplayName: "Foyer", Description: "Lets the people of customer companies create their own accounts",
		Arguments: []string{"serve"}, Executable: installedProgram(), UserName: serviceAccount,
		Option: service.KeyValue{"OnFailure": "restart", "OnFailureDelayDuration": "2s", "OnFailureResetPeriod": 3600},
	}
}

// maxLog is how long each of the two files of the service's log gets.
const maxLog = 10 << 20

// logToFile lets the service log into its data directory: its standard error is nowhere.
func (p *program) logToFile() {
	p.out = io.Discard
	p.err = &logFile{path: filepath.Join(cmp.Or(p.data, dataDir()), "foyer.log"), most: maxLog}
}

// partingPath is where the service says why it does not run. It is in the directory of the configuration, whose place does not depend on
// what is in a file that not everybody may read.
func partingPath() partingFile {
	return partingFile(filepath.Join(filepath.Dir(server.DefaultConfigFile), "service.json"))
}

// scm returns the service for looking at it, which needs no rights, and for what more is wanted, which does; nil when it is not
// installed. It is to be closed.
func scm(more uint32) (*mgr.Service, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return nil, fmt.Errorf("ask the service manager: %w", err)
	}
	defer windows.CloseServiceHandle(manager) //nolint:errcheck // it was only asked
	name, err := windows.UTF16PtrFromString(serviceName)
	if err != nil {
		return nil, err
	}
	handle, err := windows.OpenService(manager, name, windows.SERVICE_QUERY_STATUS|windows.SERVICE_QUERY_CONFIG|more)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return nil, nil //nolint:nilnil // as the comment says
	}
	if err != nil {
		return nil, fmt.Errorf("ask the service manager: %w", err)
	}
	return &mgr.Service{Name: serviceName, Handle: handle}, nil
}

// stateWord returns a state of Windows in our words.
func stateWord(s svc.State) string {
	switch s {
	case svc.Running:
		return stateRunning
	case svc.StartPending:
		return stateStarting
	default:
		return stateStopped
	}
}

func (systemService) status(ctx context.Context) (serviceStatus, error) {
	st := serviceStatus{State: stateNotInstalled, Data: dataDir()}
	s, err := scm(0)
	if s == nil || err != nil {
		return st, err
	}
	defer s.Close()
	status, err := s.Query()
	if err != nil {
		return st, fmt.Errorf("ask the service manager: %w", err)
	}
	st.Installed, st.State, st.Running, st.PID = true, stateWord(status.State), status.State == svc.Running, int(status.ProcessId)
	if config, err := s.Config(); err == nil {
		st.Enabled = config.StartType == mgr.StartAutomatic
		st.Program = programOf(config.BinaryPathName)
	}
	if status.State == svc.Stopped && status.Win32ExitCode != 0 && status.Win32ExitCode != uint32(windows.ERROR_SERVICE_NEVER_STARTED) {
		st.State, st.Detail = stateFailed, "the event log says why (Event Viewer, Windows logs, Application, source foyer)"
	}
	partingPath().read().explain(&st)
	if config, err := server.LoadConfig(""); err == nil {
		st.Address = addressOf(config)
	}
	if st.Running {
		v, _ := versionAt(ctx, "")
		st.Version = v.Version
	}
	return st, nil
}

// programOf returns the program of a command line.
func programOf(line string) string {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		program, _, _ := strings.Cut(quoted, `"`)
		return program
	}
	program, _, _ := strings.Cut(line, " ")
	return program
}

func (m systemService) uninstall(ctx context.Context) ([]string, error) {
	if err := m.unregister(ctx); err != nil {
		return nil, err
	}
	removed := []string{serviceName}
	for _, name := range programs {
		path := filepath.Join(filepath.Dir(installedProgram()), name)
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if err := vacate(path, removeLater); err != nil {
			return removed, fmt.Errorf("remove the program: %w", err)
		}
		removed = append(removed, path)
	}
	return removed, nil
}

// purge deletes the data directory and the configuration file.
func (systemService) purge(context.Context) ([]string, error) {
	dir := dataDir()
	if _, err := purgeDir(dir); err != nil {
		return nil, err
	}
	for _, path := range []string{server.DefaultConfigFile, string(partingPath())} {
		if err := ignoreMissing(os.Remove(path)); err != nil {
			return nil, fmt.Errorf("delete the configuration: %w", err)
		}
	}
	// Certificates that somebody keeps beside it stay, and the directory with them.
	if err := ignoreFull(ignoreMissing(os.Remove(filepath.Dir(server.DefaultConfigFile)))); err != nil {
		return nil, fmt.Errorf("delete the directory of the configuration: %w", err)
	}
	return []string{dir, server.DefaultConfigFile}, nil
}

func (m systemService) start(ctx context.Context) error {
	s, err := open(runner{})
	if err != nil {
		return err
	}
	if err := partingPath().clear(); err != nil { // what it has said the last time
		return err
	}
	if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("start the service: %w", err)
	}
	return m.awaitStart(ctx)
}

func (m systemService) restart(ctx context.Context) error {
	if err := m.stop(ctx); err != nil {
		return err
	}
	return m.start(ctx)
}

// stop ends the service and waits until it has ended; one that has already, by a fault too, is none to stop. While it starts, it listens
// to nothing.
func (systemService) stop(ctx context.Context) error {
	s, err := scm(windows.SERVICE_STOP)
	if s == nil || err != nil {
		return err
	}
	defer s.Close()
	err = await(ctx, func() (bool, error) {
		status, err := s.Query()
		if err != nil || status.State == svc.Stopped {
			return true, err
		}
		if status.State == svc.StartPending || status.State == svc.StopPending {
			return false, nil
		}
		_, err = s.Control(svc.Stop)
		switch {
		case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE):
			return true, nil
		case errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL):
			return false, nil
		default:
			return false, err
		}
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return app.Errorf(app.Unavailable, "stop_slow", "the service does not stop; see it with: foyer service status")
	}
	if err != nil {
		return fmt.Errorf("stop the service: %w", err)
	}
	return nil
}

// awaitStart waits until the service runs, which it says when it serves.
func (m systemService) awaitStart(ctx context.Context) error {
	err := await(ctx, func() (bool, error) {
		st, err := m.status(ctx)
		switch {
		case err != nil:
			return false, err
		case st.Running:
			return true, nil
		case st.State != stateStarting:
			return false, app.Errorf(app.Unavailable, "start_failed", "the service does not start: %s", cmp.Or(st.Detail, "it ended at once"))
		}
		return false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return app.Errorf(app.Unavailable, "start_slow", "the service is still starting; see it with: foyer service status")
	}
	return err
}

// await asks again and again until what is waited for is so, or the manager has had its time for it.
func await(ctx context.Context, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*startTime)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := so(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
