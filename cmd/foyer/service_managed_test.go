package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server"
)

// underTest is a managed service whose starts end as they are told to.
type underTest struct {
	*managed

	ends  []error // of the starts; after the last one it serves
	fault chan error
	began time.Time

	mu     sync.Mutex
	starts []time.Duration
	logged []string
	exits  []int
}

func newUnderTest(t *testing.T, ends ...error) *underTest {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service.json")
	if err := os.WriteFile(path, []byte(`{"status":78,"text":"of the last time"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	u := &underTest{managed: newManaged(partingFile(path)), ends: ends, fault: make(chan error), began: time.Now()}
	u.log = func(_ bool, text string) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.logged = append(u.logged, text)
	}
	u.exit = func(status int) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.exits = append(u.exits, status)
	}
	return u
}

func (u *underTest) run(ctx context.Context) error {
	u.mu.Lock()
	u.starts = append(u.starts, time.Since(u.began))
	u.mu.Unlock()
	if len(u.ends) > 0 {
		err := u.ends[0]
		u.ends = u.ends[1:]
		return err
	}
	u.started()
	select {
	case <-ctx.Done():
		return nil
	case err := <-u.fault:
		return err
	}
}

func (u *underTest) expect(t *testing.T, words parting, logged ...string) {
	t.Helper()
	if got := u.words.read(); got != words {
		t.Errorf("parting words: got %+v, want %+v", got, words)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Equal(u.logged, logged) {
		t.Errorf("logged: got %q, want %q", u.logged, logged)
	}
}

var (
	errBusy   = &serveError{errors.New("127.0.0.1:80 is in use by another program")}
	errHeld   = &serveError{errors.New("the data are held")}
	errFinal  = &serveError{&server.DataError{Message: "the data are damaged"}}
	errConfig = &serveError{app.Errorf(app.Invalid, "config_invalid", "the configuration is not valid")}
)

const hasStarted, hasStopped = " has started.", "Foyer has stopped."

// TestManagedRetries expects that a start that fails for a while is tried again as often as systemd does, and said once.
func TestManagedRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnderTest(t, errBusy, errBusy, errHeld, nil)
		if err := u.begin(t.Context(), u.run); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		u.expect(t, parting{exitFailed, errBusy.Error()}, "Foyer does not start: "+errBusy.Error())
		<-time.After(2*retryAfter + retryAfter/2)
		synctest.Wait()
		u.expect(t, parting{exitFailed, errHeld.Error()}, "Foyer does not start: "+errBusy.Error(), "Foyer does not start: "+errHeld.Error())
		<-time.After(time.Hour)
		synctest.Wait()
		if want := []time.Duration{0, retryAfter, 2 * retryAfter, 3 * retryAfter, 4 * retryAfter}; !slices.Equal(u.starts, want) {
			t.Errorf("starts: got %v, want %v", u.starts, want)
		}
		if err := u.end(); err != nil {
			t.Error(err)
		}
		u.expect(t, parting{}, "Foyer does not start: "+errBusy.Error(), "Foyer does not start: "+errHeld.Error(), "Foyer does not start: it ended at once",
			"Foyer "+version()+hasStarted, hasStopped)
	})
}

// TestManagedGivesUp expects that what needs a person is not tried again, and leaves word.
func TestManagedGivesUp(t *testing.T) {
	for status, cause := range map[int]error{exitData: errFinal, exitInvalid: errConfig} {
		synctest.Test(t, func(t *testing.T) {
			u := newUnderTest(t, cause)
			if err := u.begin(t.Context(), u.run); !errors.Is(err, cause) {
				t.Errorf("got %v, want %v", err, cause)
			}
			<-time.After(time.Hour)
			synctest.Wait()
			u.expect(t, parting{status, cause.Error()}, "Foyer does not start: "+cause.Error())
			if len(u.starts) != 1 || len(u.exits) != 0 {
				t.Errorf("got %d starts and exits %v, want one and none", len(u.starts), u.exits)
			}
		})
	}
}

// TestManagedGivesUpLater expects that what needs a person after some tries ends the process: the manager starts it again, and is told then.
func TestManagedGivesUpLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnderTest(t, errBusy, errFinal)
		if err := u.begin(t.Context(), u.run); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if want := []int{exitFailed}; !slices.Equal(u.exits, want) || len(u.starts) != 2 {
			t.Errorf("got exits %v after %d starts, want %v after two", u.exits, len(u.starts), want)
		}
	})
}

// TestManagedEnds ends a service while it waits for the next try.
func TestManagedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnderTest(t, errBusy)
		if err := u.begin(t.Context(), u.run); err != nil {
			t.Fatal(err)
		}
		if err := u.end(); err != nil || len(u.starts) != 1 || len(u.exits) != 0 {
			t.Errorf("got %v after %d starts, exits %v", err, len(u.starts), u.exits)
		}
		u.expect(t, parting{}, "Foyer does not start: "+errBusy.Error(), hasStopped)
	})
}

// TestManagedFault ends the process when a service that has served ends by itself.
func TestManagedFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnderTest(t)
		if err := u.begin(t.Context(), u.run); err != nil {
			t.Fatal(err)
		}
		u.expect(t, parting{}, "Foyer "+version()+hasStarted)
		u.fault <- errHeld
		synctest.Wait()
		if want := []int{exitFailed}; !slices.Equal(u.exits, want) {
			t.Errorf("exits: got %v, want %v", u.exits, want)
		}
		u.expect(t, parting{exitFailed, errHeld.Error()}, "Foyer "+version()+hasStarted, "Foyer has ended: "+errHeld.Error())
	})
}

// TestManagedSlow expects that the manager is not kept waiting for a start that takes long.
func TestManagedSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnderTest(t)
		err := u.begin(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		})
		if took := time.Since(u.began); err != nil || took != startTime {
			t.Errorf("got %v after %v, want nil after %v", err, took, startTime)
		}
		if err := u.end(); err != nil {
			t.Error(err)
		}
	})
}

func TestPartingExplains(t *testing.T) {
	data, other := parting{exitData, "the data are damaged"}, parting{exitFailed, "the port is taken"}
	tests := []struct {
		state string
		words parting
		want  serviceStatus
	}{
		{stateRunning, parting{}, serviceStatus{State: stateRunning, Running: true}},
		{stateRunning, other, serviceStatus{State: stateRestarting, Detail: other.Text}},
		{stateFailed, parting{}, serviceStatus{State: stateFailed, Detail: "the log says why"}},
		{stateFailed, data, serviceStatus{State: stateFailed, Detail: data.Text, Reason: reasonData}},
		{stateFailed, parting{exitInvalid, "no"}, serviceStatus{State: stateFailed, Detail: "no", Reason: reasonConfig}},
		{stateFailed, other, serviceStatus{State: stateFailed, Detail: other.Text}},
		{stateStarting, data, serviceStatus{State: stateStarting}},
		{stateStopped, data, serviceStatus{State: stateStopped}},
	}
	for _, tt := range tests {
		st := serviceStatus{State: tt.state, Running: tt.state == stateRunning}
		if tt.state == stateFailed {
			st.Detail = "the log says why"
		}
		if tt.words.explain(&st); st != tt.want {
			t.Errorf("%s with %+v: got %+v, want %+v", tt.state, tt.words, st, tt.want)
		}
	}
}

// TestPartingFile expects that the file is one that install has made: the service makes none, and half of one says nothing.
func TestPartingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.json")
	for _, f := range []partingFile{"", partingFile(path)} {
		if err := errors.Join(f.write(parting{exitData, "x"}), f.clear()); err != nil {
			t.Errorf("%q: %v", f, err)
		}
		if got := f.read(); got != (parting{}) {
			t.Errorf("%q: got %+v, want nothing", f, got)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that install has not made: got %v, want none", err)
	}
	if err := errors.Join(os.WriteFile(path, []byte(`{"status":78,"te`), 0o600), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	f, want := partingFile(path), parting{exitInvalid, "line 1: \"x\" is not known"}
	if got := f.read(); got != (parting{}) {
		t.Errorf("half a file: got %+v, want nothing", got)
	}
	if err := f.write(want); err != nil || f.read() != want {
		t.Errorf("got %+v, %v; want %+v", f.read(), err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("permissions: got %v, %v; want those it had", info.Mode(), err)
	}
	if err := f.clear(); err != nil || f.read() != (parting{}) {
		t.Errorf("cleared: got %+v, %v", f.read(), err)
	}
}
