//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/kardianos/service"

	"foyer/app"
	"foyer/server"
)

// systemService is the service manager of Windows and macOS, by kardianos/service.
type systemService struct{}

func newServiceManager() serviceManager { return systemService{} }

// open returns the service as the system is to know it.
func open(run *managed) (service.Service, error) {
	if run == nil {
		run = &managed{}
	}
	return service.New(run, serviceConfig())
}

func (systemService) usable() error {
	if service.ChosenSystem() == nil {
		return app.Errorf(app.Unavailable, "no_service_manager", "this system has no service manager that Foyer knows; run foyer serve by other means")
	}
	return nil
}

// unregister stops the service and takes it from the system's list.
func unregister() error {
	s, err := open(nil)
	if err != nil {
		return err
	}
	// Uninstalling stops nothing. A service that is stopped already cannot be.
	if status, err := s.Status(); err == nil && status == service.StatusRunning {
		if err := s.Stop(); err != nil {
			return fmt.Errorf("stop the service: %w", err)
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

// managed is a service while the system's manager runs it.
type managed struct {
	run    func(ctx context.Context) error
	ready  <-chan struct{}
	ctx    context.Context // kardianos/service hands none to Start
	cancel context.CancelFunc
	ended  chan error
}

// startTime is how long the manager is kept waiting for a service that starts. One that takes longer has a database to bring up to
// date, and counts as started.
const startTime = 25 * time.Second

// Start begins to serve and returns when the service is ready, or with what keeps it from starting: then the manager leaves it
// alone, for a person has to do something.
func (m *managed) Start(s service.Service) error {
	m.ended = make(chan error, 1)
	go func() { m.ended <- m.run(m.ctx) }()
	wait := time.NewTimer(startTime)
	defer wait.Stop()
	select {
	case err := <-m.ended:
		if err == nil {
			err = errors.New("it ended at once")
		}
		m.tell(s, service.Logger.Error, "Foyer does not start: "+errorLine(err))
		return err
	case <-m.ready:
	case <-wait.C:
	}
	m.tell(s, service.Logger.Info, "Foyer "+version()+" has started.")
	go m.watch(s)
	return nil
}

// watch ends the process when the service ends by itself, by which the manager knows that it is to start it again.
func (m *managed) watch(s service.Service) {
	err := <-m.ended
	if m.ctx.Err() == nil {
		m.tell(s, service.Logger.Error, fmt.Sprintf("Foyer has ended: %v", err))
		os.Exit(exitFailed)
	}
	m.ended <- err
}

// Stop ends it and waits.
func (m *managed) Stop(s service.Service) error {
	m.cancel()
	err := <-m.ended
	m.tell(s, service.Logger.Info, "Foyer has stopped.")
	return err
}

// tell writes into the system's log: the event log, or syslog.
func (m *managed) tell(s service.Service, write func(service.Logger, ...any) error, text string) {
	if log, err := s.SystemLogger(nil); err == nil {
		_ = write(log, text) // there is nowhere else to say it
	}
}

// underManager runs the service so that the system's manager can stop it.
func (p *program) underManager(ctx context.Context, config server.Config, run func(context.Context) error) error {
	if service.Interactive() {
		return run(ctx)
	}
	ready := make(chan struct{})
	p.ready = sync.OnceFunc(func() { close(ready) })
	p.logToFile(config)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := open(&managed{run: run, ready: ready, ctx: ctx, cancel: cancel})
	if err != nil {
		return err
	}
	return s.Run()
}
