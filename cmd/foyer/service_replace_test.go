package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"foyer/app"
)

// installedAt is a service that runs the program p of a directory.
type installedAt struct {
	*programDir

	broken []string // the programs that do not start
	calls  []string
}

func (s *installedAt) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	program, err := os.ReadFile(s.at("p"))
	if err != nil {
		return err
	}
	s.calls = append(s.calls, "start "+string(program))
	if slices.Contains(s.broken, string(program)) {
		return app.Errorf(app.Unavailable, "start_failed", "the service does not start: %s is broken", program)
	}
	return nil
}

func (s *installedAt) stop(context.Context) error {
	s.calls = append(s.calls, "stop")
	return nil
}

// TestReplacing updates a service with real files: when the new program does not start, the old one comes back.
func TestReplacing(t *testing.T) {
	type dir = map[string]string
	was := dir{"p": "old"}
	running := serviceStatus{Installed: true, Running: true, State: stateRunning, Version: "v0"}
	retrying := serviceStatus{Installed: true, State: stateRestarting}
	failed := serviceStatus{Installed: true, State: stateFailed}
	const back = "the service does not start: new is broken. The program that was installed is back in its place"
	tests := []struct {
		name    string
		before  serviceStatus
		program string // what is placed
		idle    bool
		broken  string
		files   dir
		calls   string
		changed bool
		err     string // "" for none
	}{
		{"an update", running, "new", false, "", dir{"p": "new", "p.old": "old"}, "stop start new", true, ""},
		{"a broken update", running, "new", false, "new", was, "stop start new stop start old", false, back + " and runs"},
		{"of one that tries", retrying, "new", false, "new", was, "stop start new stop start old", false, back + " and runs"},
		{"of one that had failed", failed, "new", false, "new", was, "stop start new stop", false, back},
		{"both broken", running, "new", false, "new old", was, "stop start new stop start old", false, back + ", but: the service does not start: old is broken"},
		{"without a start", running, "new", true, "new", dir{"p": "new", "p.old": "old"}, "", true, ""},
		{"the same version", serviceStatus{Installed: true, Running: true, Version: version()}, "old", false, "", was, "", false, ""},
		{"the same, stopped", failed, "old", false, "", was, "stop start old", true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &installedAt{programDir: newProgramDir(t, was), broken: strings.Fields(tt.broken)}
			changed, err := replacing{tt.before, s.stop, s.start}.run(t.Context(), tt.idle, func(undo *undoing) (bool, error) {
				return placeProgram(s.at("p"), []byte(tt.program), s.later, undo)
			})
			if got := app.MessageOf(err); changed != tt.changed || err == nil != (tt.err == "") || err != nil && got != tt.err {
				t.Errorf("got changed %v, %q; want %v, %q", changed, got, tt.changed, tt.err)
			}
			if got := strings.Join(s.calls, " "); got != tt.calls {
				t.Errorf("the service: got %q, want %q", got, tt.calls)
			}
			s.expect(tt.files)
		})
	}
}

// TestReplacingNothing installs for the first time, without success.
func TestReplacingNothing(t *testing.T) {
	s := &installedAt{programDir: newProgramDir(t, nil), broken: []string{"new"}}
	registered := false
	_, err := replacing{serviceStatus{State: stateNotInstalled}, s.stop, s.start}.run(t.Context(), false, func(undo *undoing) (bool, error) {
		registered = true
		undo.add(func() error { registered = false; return nil })
		return placeProgram(s.at("p"), []byte("new"), s.later, undo)
	})
	if got, want := app.MessageOf(err), "the service does not start: new is broken. Nothing was installed"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := strings.Join(s.calls, " "), "start new stop"; got != want || registered {
		t.Errorf("the service: got %q, registered %v; want %q and not", got, registered, want)
	}
	s.expect(map[string]string{})
}

// TestReplacingHalf breaks off before the service is touched: it goes on undisturbed.
func TestReplacingHalf(t *testing.T) {
	full := errors.New("the disk is full")
	for _, undoErr := range []error{nil, errors.New("it is gone")} {
		s := &installedAt{programDir: newProgramDir(t, map[string]string{"p": "old"})}
		_, err := replacing{serviceStatus{Installed: true, Running: true, State: stateRunning}, s.stop, s.start}.run(t.Context(), false, func(undo *undoing) (bool, error) {
			undo.add(func() error { return undoErr })
			if _, err := placeProgram(s.at("p"), []byte("new"), s.later, undo); err != nil {
				return false, err
			}
			return false, full
		})
		if half := app.ReasonOf(err) == "install_half"; half != (undoErr != nil) || undoErr == nil && !errors.Is(err, full) {
			t.Errorf("taken back with %v: got %v", undoErr, err)
		}
		if len(s.calls) > 0 {
			t.Errorf("the service: got %q, want it left alone", s.calls)
		}
		s.expect(map[string]string{"p": "old"})
	}
}

// TestReplacingCanceled expects that who loses patience gets the old program back too.
func TestReplacingCanceled(t *testing.T) {
	s := &installedAt{programDir: newProgramDir(t, map[string]string{"p": "old"})}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := replacing{serviceStatus{Installed: true, Running: true, State: stateRunning}, s.stop, s.start}.run(ctx, false, func(undo *undoing) (bool, error) {
		defer cancel()
		return placeProgram(s.at("p"), []byte("new"), s.later, undo)
	})
	if got, want := strings.Join(s.calls, " "), "stop stop start old"; err == nil || got != want {
		t.Errorf("got %v and %q, want an error and %q", err, got, want)
	}
	s.expect(map[string]string{"p": "old"})
}
