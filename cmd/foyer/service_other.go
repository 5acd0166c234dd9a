//go:build !linux && !windows

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/kardianos/service"

	"foyer/app"
	"foyer/server"
)

// serviceConfig is the service as launchd is to know it, which starts none unless it is told.
func serviceConfig() *service.Config {
	return &service.Config{
		Name: serviceName, DisplayName: "Foyer", Description: "Customer accounts", Arguments: []string{"serve"},
		Option: service.KeyValue{"RunAtLoad": true},
	}
}

// logToFile does nothing: launchd keeps what is logged in /var/log/foyer.err.log.
func (p *program) logToFile() {}

// partingPath returns none: launchd starts it again whatever it has ended with.
func partingPath() partingFile { return "" }

// checkPlaces returns nil: the directories that hold those of the service are root's.
func checkPlaces() error { return nil }

func (systemService) status(ctx context.Context) (serviceStatus, error) {
	st := serviceStatus{State: stateNotInstalled, Data: dataDir()}
	s, err := open(runner{})
	if err != nil {
		return st, err
	}
	status, err := s.Status()
	if errors.Is(err, service.ErrNotInstalled) {
		return st, nil
	}
	if err != nil {
		return st, fmt.Errorf("ask the service manager: %w", err)
	}
	st.Installed, st.Enabled, st.State = true, true, stateStopped
	if status == service.StatusRunning {
		st.State, st.Running = stateRunning, true
		v, _ := versionAt(ctx, "")
		st.Version = v.Version
	}
	return st, nil
}

func (m systemService) install(ctx context.Context, want installation) (installResult, error) {
	if want.listen != "" || want.publicURL != "" || len(want.operators) > 0 {
		return installResult{}, app.Errorf(app.Invalid, "install_flags", "on this system write the address, the URL and the operators into %s first", server.DefaultConfigFile)
	}
	s, err := open(runner{})
	if err != nil {
		return installResult{}, err
	}
	before, err := m.status(ctx)
	if err != nil {
		return installResult{}, err
	}
	// An installed service is not replaced: it is taken away first, which leaves its data alone.
	if before.Installed {
		if _, err := m.uninstall(ctx); err != nil {
			return installResult{}, err
		}
	}
	if err := s.Install(); err != nil {
		return installResult{}, fmt.Errorf("install the service: %w", err)
	}
	if !want.noStart {
		if err := s.Start(); err != nil {
			return installResult{}, errors.Join(fmt.Errorf("start the service: %w", err), s.Uninstall())
		}
	}
	after, err := m.status(ctx)
	return installResult{serviceStatus: after, Changed: true, Config: server.DefaultConfigFile}, err
}

func (m systemService) uninstall(ctx context.Context) ([]string, error) {
	if err := m.unregister(ctx); err != nil {
		return nil, err
	}
	return []string{serviceName}, nil
}

func (systemService) purge(context.Context) ([]string, error) {
	if _, err := purgeDir(dataDir()); err != nil {
		return nil, err
	}
	return []string{dataDir()}, nil
}

func (m systemService) start(context.Context) error   { return m.control("start") }
func (m systemService) stop(context.Context) error    { return m.control("stop") }
func (m systemService) restart(context.Context) error { return m.control("restart") }

func (systemService) control(verb string) error {
	s, err := open(runner{})
	if err != nil {
		return err
	}
	return service.Control(s, verb)
}
