package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// fakeManager is a service manager that does what it is told, in memory.
type fakeManager struct {
	st     serviceStatus
	want   installation
	result installResult
	fail   error
	stuck  error // why a stop fails
	none   error // why there is no manager
	calls  []string
}

func (f *fakeManager) usable() error { return f.none }

func (f *fakeManager) status(context.Context) (serviceStatus, error) { return f.st, f.fail }

func (f *fakeManager) install(_ context.Context, want installation) (installResult, error) {
	f.calls, f.want = append(f.calls, "install"), want
	return f.result, f.fail
}

func (f *fakeManager) uninstall(context.Context) ([]string, error) {
	f.calls = append(f.calls, "uninstall")
	return []string{"/unit"}, f.fail
}

func (f *fakeManager) purge(context.Context) ([]string, error) {
	f.calls = append(f.calls, "purge")
	return []string{"/data"}, f.fail
}

func (f *fakeManager) start(context.Context) error {
	f.calls, f.st.State, f.st.Running = append(f.calls, "start"), stateRunning, true
	return f.fail
}

func (f *fakeManager) stop(context.Context) error {
	f.calls, f.st.State, f.st.Running = append(f.calls, "stop"), stateStopped, false
	return errors.Join(f.fail, f.stuck)
}

func (f *fakeManager) restart(ctx context.Context) error { return f.start(ctx) }

// onMachine runs a command where f manages the services.
func onMachine(t *testing.T, f *fakeManager, root bool, stdin string, env map[string]string, args ...string) output {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{
		in: strings.NewReader(stdin), out: &stdout, err: &stderr, getenv: func(name string) string { return env[name] },
		manager: f, privileged: func() bool { return root },
	}
	status := p.run(t.Context(), append([]string{"service"}, args...))
	return output{stdout.String(), stderr.String(), status}
}

var (
	runningSince  = then
	runningStatus = serviceStatus{
		State: stateRunning, Installed: true, Running: true, Enabled: true, Since: &runningSince, Address: "http://office:8080",
		Version: "v1.2.3", Data: "/var/lib/foyer", Program: "/usr/local/bin/foyer", PID: 4711,
	}
)

func TestServiceStatus(t *testing.T) {
	tests := []struct {
		st     serviceStatus
		status int
		want   string
	}{
		{runningStatus, exitDone, `
State:    running
Since:    2026-11-22 09:30:00 UTC
Address:  http://office:8080
Version:  v1.2.3
Data:     /var/lib/foyer
Program:  /usr/local/bin/foyer
`},
		{serviceStatus{State: stateStopped, Installed: true, Data: "/srv/foyer"}, 3, `
State:    stopped
Data:     /srv/foyer
At boot:  it does not start with the machine
`},
		{serviceStatus{State: stateFailed, Installed: true, Enabled: true, Data: "/srv/foyer", Detail: "it ended with exit status 78"}, 3, `
State:  failed: it ended with exit status 78
Data:   /srv/foyer
`},
		{serviceStatus{State: stateNotInstalled}, 4, "\nthe service is not installed; install it with: sudo foyer service install\n"},
	}
	for _, test := range tests {
		f := &fakeManager{st: test.st}
		got := onMachine(t, f, false, "", nil, "status")
		if want := test.want[1:]; got.stdout != want || got.status != test.status || got.stderr != "" {
			t.Errorf("status of %+v: got %+v, want %d and\n%s", test.st, got, test.status, want)
		}
		got = onMachine(t, f, false, "", nil, "status", "--json")
		var v map[string]any
		if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v["state"] != test.st.State || v["running"] != test.st.Running || got.status != test.status {
			t.Errorf("status --json of %+v: got %+v, %v", test.st, got, err)
		}
	}
}

func TestServiceInstall(t *testing.T) {
	result := installResult{serviceStatus: runningStatus, Changed: true, Config: "/etc/foyer/foyer.toml", Written: true, Operators: []string{"anna"}, Joined: []string{}}
	tests := []struct {
		args, env string
		want      installation
	}{
		{"", "", installation{}},
		{"", "SUDO_UID=1000", installation{operators: []string{"1000"}}},
		{"", "PKEXEC_UID=1001", installation{operators: []string{"1001"}}},
		{"", "SUDO_UID=0", installation{}},
		{"--operator bob --operator eve", "SUDO_UID=1000", installation{operators: []string{"bob", "eve"}}},
		{"--listen :80 --public-url http://a.example --no-start", "", installation{listen: ":80", publicURL: "http://a.example", noStart: true}},
	}
	for _, test := range tests {
		name, value, _ := strings.Cut(test.env, "=")
		f := &fakeManager{result: result}
		got := onMachine(t, f, true, "", map[string]string{name: value}, append([]string{"install"}, strings.Fields(test.args)...)...)
		if got.status != exitDone || f.want.listen != test.want.listen || f.want.publicURL != test.want.publicURL ||
			!slices.Equal(f.want.operators, test.want.operators) || f.want.noStart != test.want.noStart {
			t.Errorf("%s install %s: got %+v, asked for %+v, want %+v", test.env, test.args, got, f.want, test.want)
		}
		for _, want := range []string{"is installed and runs", "http://office:8080", "/var/lib/foyer", "/etc/foyer/foyer.toml", "anna", "foyer company add", "login_link=on"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("install does not say %q: %s", want, got.stdout)
			}
		}
		var v map[string]any
		got = onMachine(t, f, true, "", nil, "install", "--json")
		if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || v["address"] != "http://office:8080" || v["written"] != true || v["state"] != "running" {
			t.Errorf("install --json: got %+v, %v", got, err)
		}
	}
	stopped := installResult{serviceStatus: serviceStatus{State: stateStopped, Installed: true}, Changed: true, Joined: []string{"bob"}}
	if got := onMachine(t, &fakeManager{result: stopped}, true, "", nil, "install", "--no-start"); !strings.Contains(got.stdout, "sudo foyer service start") ||
		!strings.Contains(got.stdout, "bob is in the group foyer now") || strings.Contains(got.stdout, "and runs") {
		t.Errorf("install --no-start: got %+v", got)
	}
}

// TestServiceRefusals expects one line, an exit status, and that nothing was done.
func TestServiceRefusals(t *testing.T) {
	none := app.Errorf(app.Unavailable, "no_service_manager", "systemd does not run on this machine")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		f      fakeManager
		root   bool
		stdin  string
		args   []string
		status int
		want   string
	}{
		{"no manager", fakeManager{none: none}, true, "", []string{"install"}, exitFailed, "systemd does not run"},
		{"no manager, status", fakeManager{none: none}, false, "", []string{"status"}, exitFailed, "systemd does not run"},
		{"not root", fakeManager{}, false, "", []string{"install", "--operator", "o'neil", "--no-start"}, exitDenied, `service install --operator 'o'\''neil' --no-start`},
		{"not root, restart", fakeManager{}, false, "", []string{"restart"}, exitDenied, "service restart"},
		{"not root, purge", fakeManager{}, false, "", []string{"uninstall", "--purge"}, exitDenied, "service uninstall --purge"},
		{"another data directory", fakeManager{}, true, "", []string{"install", "--data", "/srv"}, exitUsage, "--data is not for the installed service"},
		{"another socket", fakeManager{}, true, "", []string{"status", "--socket", "/srv/s"}, exitUsage, "--socket"},
		{"not installed", fakeManager{}, true, "", []string{"start"}, exitNotFound, "not installed"},
		{"not installed, uninstall", fakeManager{}, true, "", []string{"uninstall"}, exitNotFound, "not installed"},
		{"purge, another name", fakeManager{st: runningStatus}, true, "not-" + host + "\n", []string{"uninstall", "--purge"}, exitInvalid, "nothing was changed"},
		{"purge, no name", fakeManager{st: runningStatus}, true, "", []string{"uninstall", "--purge"}, exitFailed, ""},
		{"purge, another name as flag", fakeManager{st: runningStatus}, true, "", []string{"uninstall", "--yes-purge", host + "x"}, exitInvalid, "nothing was changed"},
		{"an argument", fakeManager{}, true, "", []string{"install", "now"}, exitUsage, "too many arguments"},
	}
	for _, test := range tests {
		got := onMachine(t, &test.f, test.root, test.stdin, nil, test.args...)
		lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
		if got.status != test.status || !strings.Contains(lines[len(lines)-1], test.want) || got.stdout != "" || len(test.f.calls) > 0 {
			t.Errorf("%s: got %+v, did %q; want %d and %q", test.name, got, test.f.calls, test.status, test.want)
		}
	}
}

func TestServiceChanges(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	installed := serviceStatus{State: stateStopped, Installed: true, Address: "http://office:8080", Data: "/var/lib/foyer"}
	tests := []struct {
		args, stdin string
		st          serviceStatus
		calls       string
		want        string
	}{
		{"start", "", installed, "start", "the service runs at http://office:8080\n"},
		{"stop", "", runningStatus, "stop", "the service is stopped\n"},
		{"restart", "", runningStatus, "start", "the service runs at http://office:8080\n"},
		{"uninstall", "", installed, "uninstall", "the service is removed; its data are kept in /var/lib/foyer, and a new install finds them again\n"},
		{"uninstall --purge", host + "\n", installed, "uninstall purge", "the service is removed, and so are its data: /unit /data; the system user foyer stays\n"},
		{"uninstall --yes-purge " + host, "", installed, "uninstall purge", "the service is removed, and so are its data: /unit /data; the system user foyer stays\n"},
		{"uninstall --yes-purge " + host, "", serviceStatus{Data: "/var/lib/foyer"}, "purge", "the service is removed, and so are its data: /data; the system user foyer stays\n"},
	}
	for _, test := range tests {
		f := &fakeManager{st: test.st}
		got := onMachine(t, f, true, test.stdin, nil, strings.Fields(test.args)...)
		if got.status != exitDone || got.stdout != test.want || strings.Join(f.calls, " ") != test.calls {
			t.Errorf("%s: got %+v, did %q; want %q and %q", test.args, got, f.calls, test.want, test.calls)
		}
	}
	f := &fakeManager{st: installed, fail: errors.New("on fire")}
	if got := onMachine(t, f, true, "", nil, "start"); got.status != exitFailed || got.stderr != "foyer: on fire\n" {
		t.Errorf("a start that fails: got %+v", got)
	}
}

func TestElevated(t *testing.T) {
	found := func(name string) (string, error) { return "/usr/bin/" + name, nil }
	missing := func(string) (string, error) { return "", errors.New("not here") }
	tests := []struct {
		goos, exe string
		look      func(string) (string, error)
		args      []string
		want      []string
	}{
		{"linux", "/opt/my foyer", found, []string{"service", "install", "--operator", "anna"}, []string{"/usr/bin/pkexec", "/opt/my foyer", "service", "install", "--operator", "anna"}},
		{"linux", "/opt/foyer", missing, []string{"service", "install"}, nil},
		{"linux", "/opt/foyer", found, []string{"backup", "restore", "/home/anna/my backup.db", "--yes"}, []string{"/usr/bin/pkexec", "/opt/foyer", "backup", "restore", "/home/anna/my backup.db", "--yes"}},
		{"darwin", `/Applications/Foyer "it's".app/foyer`, missing, []string{"service", "install"}, []string{
			"/usr/bin/osascript", "-e",
			`do shell script "'/Applications/Foyer \"it'\\''s\".app/foyer' 'service' 'install'" with administrator privileges`,
		}},
		{"windows", `C:\Program Files\o’neil's\foyer.exe`, missing, []string{"service", "install", "--operator", `a "b" c\`}, []string{
			"powershell.exe", "-NoProfile", "-NonInteractive", "-Command",
			`exit (Start-Process -Verb RunAs -Wait -PassThru -WindowStyle Hidden -FilePath 'C:\Program Files\o’’neil''s\foyer.exe' -ArgumentList 'service install --operator "a \"b\" c\\"').ExitCode`,
		}},
		{"plan9", "/bin/foyer", found, []string{"service", "install"}, nil},
	}
	for _, test := range tests {
		if got := elevatedOn(test.goos, test.exe, test.look, test.args); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n got %q\nwant %q", test.goos, got, test.want)
		}
	}
	if got := elevated("service", "status"); got != nil && !slices.Equal(got[len(got)-2:], []string{"service", "status"}) {
		t.Errorf("elevated on this machine: %q", got)
	}
}

// TestServiceState expects an answer, whatever this machine is.
func TestServiceState(t *testing.T) {
	began := time.Now()
	st, err := serviceState(t.Context())
	if err != nil && app.CodeOf(err) != app.Unavailable || st.Running && !st.Installed {
		t.Errorf("got %+v, %v", st, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the desktop program would wait %v for it", took)
	}
}
