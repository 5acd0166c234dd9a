//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kardianos/service"

	"foyer/app"
	"foyer/server"
)

// systemService is the service manager of Windows and macOS, by kardianos/service.
type systemService struct{}

func newServiceManager() serviceManager { return systemService{} }

// open returns the service as the system is to know it. The defaults of kardianos/service do not restart a service on
// Windows, and do not start one with macOS.
func open(run *managed) (service.Service, error) {
	if run == nil {
		run = &managed{}
	}
	return service.New(run, &service.Config{
		Name: serviceName, DisplayName: "Foyer", Description: "Customer accounts", Arguments: []string{"serve"},
		Option: service.KeyValue{
			"OnFailure": "restart", "OnFailureDelayDuration": "2s", "OnFailureResetPeriod": 3600, // Windows
			"RunAtLoad": true, // macOS
		},
	})
}

func (systemService) usable() error {
	if service.ChosenSystem() == nil {
		return app.Errorf(app.Unavailable, "no_service_manager", "this system has no service manager that Foyer knows; run foyer serve by other means")
	}
	return nil
}

func (systemService) status(ctx context.Context) (serviceStatus, error) {
	st := serviceStatus{State: stateNotInstalled, Data: dataDir()}
	s, err := open(nil)
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
		if v, err := versionAt(ctx, ""); err == nil {
			st.Version = v.Version
		}
	}
	return st, nil
}

func (m systemService) install(ctx context.Context, want installation) (installResult, error) {
	if want.listen != "" || want.publicURL != "" || len(want.operators) > 0 {
		return installResult{}, app.Errorf(app.Invalid, "install_flags", "on this system write the address, the URL and the operators into %s first", server.DefaultConfigFile)
	}
	s, err := open(nil)
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

func (m systemService) uninstall(context.Context) ([]string, error) {
	s, err := open(nil)
	if err != nil {
		return nil, err
	}
	// Uninstalling stops nothing. A service that is stopped already cannot be.
	if status, err := s.Status(); err == nil && status == service.StatusRunning {
		if err := s.Stop(); err != nil {
			return nil, fmt.Errorf("stop the service: %w", err)
		}
	}
	if err := s.Uninstall(); err != nil {
		return nil, fmt.Errorf("remove the service: %w", err)
	}
	return []string{serviceName}, nil
}

func (systemService) purge(context.Context) ([]string, error) {
	if err := os.RemoveAll(dataDir()); err != nil {
		return nil, fmt.Errorf("delete the data: %w", err)
	}
	return []string{dataDir()}, nil
}

func (m systemService) start(context.Context) error   { return m.control("start") }
func (m systemService) stop(context.Context) error    { return m.control("stop") }
func (m systemService) restart(context.Context) error { return m.control("restart") }

func (systemService) control(verb string) error {
	s, err := open(nil)
	if err != nil {
		return err
	}
	return service.Control(s, verb)
}

// dataDir returns where the service keeps its data.
func dataDir() string {
	if c, err := server.LoadConfig(""); err == nil && c.DataDir != "" {
		return c.DataDir
	}
	return server.DefaultDataDir
}

// managed is a service while the system's manager runs it.
type managed struct {
	run    func(ctx context.Context) error
	ctx    context.Context // kardianos/service hands none to Start
	cancel context.CancelFunc
	ended  chan error
	events service.Logger // of the system
}

// Start begins to serve and returns at once, as the manager expects it.
func (m *managed) Start(s service.Service) error {
	m.ended = make(chan error, 1)
	_ = m.events.Info("Foyer " + version() + " starts") // a log that does not take it keeps nobody from serving
	go func() {
		err := m.run(m.ctx)
		m.ended <- err
		if err != nil && m.ctx.Err() == nil {
			_ = m.events.Error("Foyer has ended: " + errorLine(err))
			_ = s.Stop() // it has ended by itself; the manager is told, and can do no more than hear it
		}
	}()
	return nil
}

// Stop ends it and waits.
func (m *managed) Stop(service.Service) error {
	m.cancel()
	err := <-m.ended
	if err != nil {
		_ = m.events.Error("Foyer has stopped: " + errorLine(err))
		return err
	}
	_ = m.events.Info("Foyer has stopped")
	return nil
}

// underManager runs the service so that the system's manager can stop it.
func underManager(ctx context.Context, run func(context.Context) error) error {
	if service.Interactive() {
		return run(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := &managed{run: run, ctx: ctx, cancel: cancel}
	s, err := open(m)
	if err != nil {
		return err
	}
	if m.events, err = s.Logger(nil); err != nil {
		return fmt.Errorf("open the log of the system: %w", err)
	}
	return s.Run()
}
