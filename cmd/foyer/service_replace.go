package main

import (
	"context"
	"errors"

	"foyer/app"
)

// replacing takes the place of what was installed, as a service manager without a package does it, and puts it back when the new one does not
// start.
type replacing struct {
	before serviceStatus
	stop   func(context.Context) error // nil for a service that is stopped already
	start  func(context.Context) error // returns when the service serves
}

// was reports whether the service that was there ran, or was about to.
func (r replacing) was() bool {
	return r.before.Running || r.before.State == stateStarting || r.before.State == stateRestarting
}

// run changes the machine and has the service run what is installed then; with idle it goes on as it is. It reports whether anything was
// changed. When it returns an error, the machine is as it was, or the error says that it is not.
func (r replacing) run(ctx context.Context, idle bool, change func(*undoing) (changed bool, err error)) (changed bool, err error) {
	var undo undoing
	changed, err = change(&undo)
	if err != nil {
		return false, r.takeBack(context.WithoutCancel(ctx), &undo, false, err)
	}
	if !idle && (changed || !r.before.Running || r.before.Version != version()) {
		if err := r.renew(ctx); err != nil {
			return false, r.takeBack(context.WithoutCancel(ctx), &undo, true, err)
		}
		changed = true
	}
	undo.forget()
	return changed, nil
}

// renew ends the old service, if there is one, and starts the new one.
func (r replacing) renew(ctx context.Context) error {
	if r.before.Installed {
		if err := r.stop(ctx); err != nil {
			return err
		}
	}
	return r.start(ctx)
}

// takeBack puts the machine back as it was and returns cause with what came of that. disturbed tells that the service was stopped,
// or started.
func (r replacing) takeBack(ctx context.Context, undo *undoing, disturbed bool, cause error) error {
	if disturbed {
		// It may be about to try again, with the new program.
		if err := r.stop(ctx); err != nil {
			cause = errors.Join(cause, err)
		}
	}
	if err := undo.run(); err != nil {
		return app.Errorf(app.Unavailable, "install_half", "%s; and it could not be taken back: %v", errorLine(cause), err)
	}
	switch {
	case !disturbed:
		return cause
	case !r.before.Installed:
		return app.Errorf(app.Unavailable, "install_taken_back", "%s. Nothing was installed", errorLine(cause))
	case !r.was():
		return app.Errorf(app.Unavailable, "install_taken_back", "%s. The program that was installed is back in its place", errorLine(cause))
	}
	if err := r.start(ctx); err != nil {
		return app.Errorf(app.Unavailable, "install_half", "%s. The program that was installed is back in its place, but: %s", errorLine(cause), app.MessageOf(err))
	}
	return app.Errorf(app.Unavailable, "install_taken_back", "%s. The program that was installed is back in its place and runs", errorLine(cause))
}
