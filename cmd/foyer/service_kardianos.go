//go:build !linux

package main

import (
	"context"
	"fmt"

	"github.com/kardianos/service"

	"foyer/app"
	"foyer/server"
)

// systemService is the service manager of Windows and macOS, by kardianos/service.
type systemService struct{}

func newServiceManager() serviceManager { return systemService{} }

// open returns the service as the system is to know it.
func open(run runner) (service.Service, error) { return service.New(run, serviceConfig()) }

func (systemService) usable() error {
	if service.ChosenSystem() == nil {
		return app.Errorf(app.Unavailable, "no_service_manager", "this system has no service manager that Foyer knows; run foyer serve by other means")
	}
	return nil
}

// unregister stops the service and takes it from the system's list.
func (m systemService) unregister(ctx context.Context) error {
	s, err := open(runner{})
	if err != nil {
		return err
	}
	// Uninstalling stops nothing.
	if st, err := m.status(ctx); err == nil && st.Installed && st.State != stateStopped {
		if err := m.stop(ctx); err != nil {
			return err
		}
	}
	if err := s.Uninstall(); err != nil {
		return fmt.Errorf("remove the service: %w", err)
	}
	return nil
}

// dataDir returns where the service keeps its data.
func dataDir() string {
	if c, err := server.LoadConfig(""); err == nil && c.DataDir != "" {
		return c.DataDir
	}
	return server.DefaultDataDir
}

// runner is a managed service as kardianos/service runs it.
type runner struct {
	managed *managed
	ctx     context.Context // kardianos/service hands none to Start
	run     func(context.Context) error
}

// Start returns when the service serves, or with what a person has to mend: then the manager leaves it alone.
func (r runner) Start(s service.Service) error {
	r.managed.log = func(fault bool, text string) { tell(s, fault, text) }
	return r.managed.begin(r.ctx, r.run)
}

// Stop ends it and waits.
func (r runner) Stop(service.Service) error { return r.managed.end() }

// tell writes into the system's log: the event log, or syslog.
func tell(s service.Service, fault bool, text string) {
	log, err := s.SystemLogger(nil)
	if err != nil {
		return // there is nowhere else to say it
	}
	if fault {
		_ = log.Error(text)
		return
	}
	_ = log.Info(text)
}

// underManager runs the service so that the system's manager can stop it.
func (p *program) underManager(ctx context.Context, run func(context.Context) error) error {
	if service.Interactive() {
		return run(ctx)
	}
	m := newManaged(partingPath())
	p.ready = m.started
	p.logToFile()
	s, err := open(runner{managed: m, ctx: ctx, run: func(ctx context.Context) error {
		if err := checkPlaces(); err != nil {
			return &serveError{err}
		}
		return run(ctx)
	}})
	if err != nil {
		return err
	}
	return s.Run()
}
