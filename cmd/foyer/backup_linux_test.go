package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"foyer/app"
	"foyer/app/localapi"
)

// restoreOn runs foyer backup restore where f manages the services, and returns what it printed and its exit status.
func restoreOn(t *testing.T, f *fakeManager, root bool, stdin string, args ...string) output {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{in: strings.NewReader(stdin), out: &stdout, err: &stderr, getenv: func(string) string { return "" }, manager: f, privileged: func() bool { return root }}
	status := p.run(t.Context(), append([]string{"backup", "restore"}, args...))
	return output{stdout.String(), stderr.String(), status}
}

// TestRestoreStopsService has the service stopped only for a backup that is whole and after somebody agreed, and started again.
func TestRestoreStopsService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	service := begin(t, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	service.until("ready")
	file := filepath.Join(t.TempDir(), "office.db")
	if got := runWith(t, "", nil, "backup", "create", file, "--data", dir); got.status != exitDone {
		t.Fatalf("got %+v", got)
	}
	sealed := filepath.Join(t.TempDir(), "office.db.age")
	if got := runWith(t, "correct horse battery\n", nil, "backup", "create", sealed, "--passphrase-file", "-", "--data", dir); got.status != exitDone {
		t.Fatalf("got %+v", got)
	}
	service.stop()
	bad := filepath.Join(t.TempDir(), "bad.db")
	if err := os.WriteFile(bad, []byte("no backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		root   bool
		state  string
		stdin  string
		file   string
		status int
		calls  []string
		says   string
		stuck  error
	}{
		{"without root", false, stateRunning, "yes\n", file, exitDenied, nil, "needs root", nil},
		{"damaged", true, stateRunning, "yes\n", bad, exitInvalid, nil, "damaged", nil},
		{"not agreed", true, stateRunning, "no\n", file, exitInvalid, nil, "nothing was changed", nil},
		{"not agreed after the passphrase", true, stateRunning, "correct horse battery\nno\n", sealed, exitInvalid, nil, "nothing was changed", nil},
		{"running", true, stateRunning, "yes\n", file, exitDone, []string{"stop", "start"}, "is restored", nil},
		{"it does not stop", true, stateRunning, "yes\n", file, exitFailed, []string{"stop", "start"}, "it does not stop", app.Errorf(app.Unavailable, "stuck", "it does not stop")},
		{"stopped", true, stateStopped, "yes\n", file, exitDone, nil, "is restored", nil},
		{"it crashes again and again", true, stateRestarting, "yes\n", file, exitDone, []string{"stop", "start"}, "or moved aside when it is damaged", nil},
		{"it has failed", true, stateFailed, "yes\n", file, exitDone, []string{"stop", "start"}, "is restored", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := runningStatus
			st.State, st.Running, st.Data = test.state, test.state == stateRunning, dir
			f := &fakeManager{st: st, stuck: test.stuck}
			args := []string{test.file, "--stop-service"}
			if test.file == sealed {
				args = append(args, "--passphrase-file", "-")
			}
			got := restoreOn(t, f, test.root, test.stdin, args...)
			if got.status != test.status || !slices.Equal(f.calls, test.calls) || !strings.Contains(got.stdout+got.stderr, test.says) {
				t.Errorf("got %+v and calls %q, want exit %d, %q and %q", got, f.calls, test.status, test.calls, test.says)
			}
		})
	}
}

// TestRestoreKeepsOwner restores as root into the data of another user: all files are that user's.
func TestRestoreKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run as root: this test restores into the data of another user")
	}
	dir := filepath.Join(t.TempDir(), "data")
	service := begin(t, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	service.until("ready")
	file := filepath.Join(t.TempDir(), "office.db")
	if got := runWith(t, "", nil, "backup", "create", file, "--data", dir); got.status != exitDone {
		t.Fatalf("got %+v", got)
	}
	service.stop()
	const nobody = 65534
	owned := func(change bool) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if change {
				return os.Chown(path, nobody, nobody)
			}
			if uid := ownerOf(t, path); uid != nobody {
				t.Errorf("%s belongs to uid %d", path, uid)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	owned(true)
	for parent := filepath.Dir(dir); parent != "/" && parent != os.TempDir(); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := runWith(t, "", nil, "backup", "restore", "--yes", file, "--data", dir); got.status != exitDone {
		t.Fatalf("got %+v", got)
	}
	owned(false)
	if os.Geteuid() != 0 {
		t.Errorf("this process goes on as uid %d", os.Geteuid())
	}
}

// TestRestoreReadsAsOwner has root follow no link that the user of the service has put among its backups, and wait for no pipe there.
func TestRestoreReadsAsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run as root: this test reads as root what another user may not")
	}
	dir := filepath.Join(t.TempDir(), "data")
	service := begin(t, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	service.until("ready")
	secret := filepath.Join(t.TempDir(), "secret.db") // of root alone
	if got := runWith(t, "", nil, "backup", "create", secret, "--data", dir); got.status != exitDone {
		t.Fatalf("got %+v", got)
	}
	service.stop()
	const link, pipe, group = "foyer-20261127-023000-nightly.db", "foyer-20261127-023001-nightly.db", "foyer-20261127-023002-nightly.db"
	shared := filepath.Join(t.TempDir(), "group.db") // of root's group
	data, err := os.ReadFile(secret)
	if err == nil {
		err = errors.Join(os.WriteFile(shared, data, 0o600), os.Chmod(shared, 0o640), os.Symlink(shared, filepath.Join(dir, "backups", group)))
	}
	err = errors.Join(err, os.Symlink(secret, filepath.Join(dir, "backups", link)), syscall.Mkfifo(filepath.Join(dir, "backups", pipe), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "backups"), filepath.Join(dir, "backups", pipe)} {
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, filepath.Dir(secret), filepath.Dir(shared)} {
		for parent := filepath.Dir(path); parent != "/" && parent != os.TempDir(); parent = filepath.Dir(parent) {
			if err := os.Chmod(parent, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(os.Chmod(filepath.Dir(secret), 0o755), os.Chmod(filepath.Dir(shared), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"verify", link}, exitDenied, "you may not read"},
		{[]string{"verify", filepath.Join(dir, "backups", link)}, exitDenied, "you may not read"},
		{[]string{"verify", group}, exitDenied, "you may not read"},
		{[]string{"verify", pipe}, exitInvalid, "not a file"},
		{[]string{"restore", "--yes", link}, exitDenied, "you may not read"},
		{[]string{"restore", "--yes", pipe}, exitInvalid, "not a file"},
		{[]string{"verify", secret}, exitDone, "is whole"},
	} {
		got := runWith(t, "", nil, append([]string{"backup", "--data", dir}, test.args...)...)
		if got.status != test.status || !strings.Contains(got.stdout+got.stderr, test.says) {
			t.Errorf("%q: got %+v, want exit %d and %q", test.args, got, test.status, test.says)
		}
	}
}

// TestStartingIsTold tells the service manager how far a start is, and to wait.
func TestStartingIsTold(t *testing.T) {
	socket, told := manager(t)
	s := beginStarting(t.Context(), notifier{socket: socket}, slog.New(slog.DiscardHandler))
	s.tell("migrate", 2, 8)
	s.tell("migrate", 2, 8)
	s.tell("check", 0, 0)
	s.end()
	for _, want := range []string{"starting: bringing the database up to date (25 %)", "starting: looking at every page"} {
		if got := next(t, told); got != "EXTEND_TIMEOUT_USEC=60000000\nSTATUS="+want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}

// TestProgress prints progress for a program, and nothing where nobody looks.
func TestProgress(t *testing.T) {
	for mode, want := range map[string]string{
		"json": `{"step":"copy","done":0,"total":200}` + "\n" + `{"step":"copy","done":100,"total":200}` + "\n" + `{"step":"check","done":0,"total":0}` + "\n",
		"auto": "", "none": "",
	} {
		var stderr bytes.Buffer
		g := &progress{p: &program{err: &stderr}, mode: mode}
		g.tell("copy", 0, 200)
		g.tell("copy", 1, 200) // less than a hundredth
		g.job(localapi.Job{Step: "copy", Done: 100, Total: 200})
		g.tell("check", 0, 0)
		g.tell("", 0, 0)
		g.end()
		if got := stderr.String(); got != want {
			t.Errorf("%s: got %q, want %q", mode, got, want)
		}
	}
}

// TestVersionWhileStarting shows how far a service is that is starting.
func TestVersionWhileStarting(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := localapi.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	server, startup := localapi.NewStartingServer(localapi.HandlerConfig{Version: version(), Log: slog.New(slog.DiscardHandler)})
	startup.Progress("migrate", 1, 4)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	if got := runWith(t, "", nil, "version", "--socket", socket); got.status != exitDone || !strings.Contains(got.stdout, "starting: bringing the database up to date (25 %)") {
		t.Errorf("got %+v", got)
	}
	if got := runWith(t, "", nil, "company", "list", "--socket", socket); got.status != exitUnreachable || !strings.Contains(got.stderr, "is starting") {
		t.Errorf("got %+v", got)
	}
}
