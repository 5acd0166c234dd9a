package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// seen is what a service finds when it looks at everything.
type seen struct {
	jobs    *app.Jobs
	checks  []app.Check
	started chan struct{} // closed by the first checkup, which waits for ended; nil does not wait
	ended   chan struct{}
}

func (s *seen) StartCheckup(context.Context) (app.Job, error) {
	return s.jobs.Start(app.JobCheckup, func(_ context.Context, progress app.Progress) (any, error) {
		progress("dns", 1, 2)
		if s.started != nil {
			close(s.started)
			<-s.ended
		}
		return app.Checkup{At: then, Checks: s.checks}, nil
	})
}

func (s *seen) LastCheckup() app.Checkup { return app.Checkup{} }

// surgery is a service with an admin socket and what it has seen.
func surgery(t *testing.T, s *seen) (socket string) {
	t.Helper()
	s.jobs = app.NewJobs(new(app.Changes))
	socket = filepath.Join(t.TempDir(), "admin.sock")
	l, err := localapi.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	server := localapi.NewServer(localapi.HandlerConfig{Backend: newOffice(t), Version: version(), Log: slog.New(slog.DiscardHandler), Jobs: s.jobs, Checkups: s})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		s.jobs.Close()
	})
	return socket
}

// TestDoctorPrints expects what was found by area, what is wrong with what to do below it, and an exit status by it.
func TestDoctorPrints(t *testing.T) {
	ok := app.Check{Code: "dns_here", Area: "dns", State: app.CheckOK, Subject: "a.example", Text: "a.example is 192.0.2.1; it is here"}
	for _, tt := range []struct {
		checks []app.Check
		status int
		want   string
	}{
		{
			[]app.Check{
				ok,
				{Code: "disk_full", Area: "disk", State: app.CheckError, Subject: "/data", Text: "only 3 MB are free; make room; then restart\x1b[2J"},
				{Code: "mail_captured", Area: "mail", State: app.CheckWarning, Text: "mail is kept here; set mail.transport"},
				{Code: "public_url_ok", Area: "public_url", State: app.CheckOK, Text: "the pages answer"},
			},
			exitFailed, `
Public URL
  ok       the pages answer
DNS
  ok       a.example is 192.0.2.1; it is here
Mail
  warning  mail is kept here
           -> set mail.transport
Disk
  error    /data: only 3 MB are free
           -> make room; then restart\x1b[2J
Service
  skipped  the installed service is not looked at: another one is named by --data or --socket

1 error, 1 warning.
`,
		},
		{[]app.Check{ok}, exitDone, `
DNS
  ok       a.example is 192.0.2.1; it is here
Service
  skipped  the installed service is not looked at: another one is named by --data or --socket

All is well.
`},
	} {
		socket := surgery(t, &seen{checks: tt.checks})
		got := runWith(t, "", nil, "doctor", "--socket", socket)
		if got.stdout != tt.want[1:] || got.status != tt.status || got.stderr != "" {
			t.Errorf("got %d %s\n%s\nwant %d\n%s", got.status, got.stderr, got.stdout, tt.status, tt.want)
		}
		got = runWith(t, "", nil, "doctor", "--json", "--socket", socket)
		var c localapi.Checkup
		if err := json.Unmarshal([]byte(got.stdout), &c); err != nil || len(c.Checks) != len(tt.checks)+1 || c.At == nil || got.status != tt.status || c.Errors != tt.status {
			t.Errorf("--json: got %+v, %v", got, err)
		}
	}
}

// TestDoctorWaits expects a checkup that runs already to be waited for.
func TestDoctorWaits(t *testing.T) {
	s := &seen{checks: []app.Check{{Code: "x", Area: "dns", State: app.CheckOK, Text: "fine"}}, started: make(chan struct{}), ended: make(chan struct{})}
	socket := surgery(t, s)
	client := &localapi.Client{Socket: socket}
	defer client.Close()
	if _, err := client.StartCheckup(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-s.started
	time.AfterFunc(300*time.Millisecond, func() { close(s.ended) })
	if got := runWith(t, "", nil, "doctor", "--socket", socket); got.status != exitDone || !strings.Contains(got.stdout, "fine") {
		t.Errorf("got %+v", got)
	}
}

// TestDoctorOffline expects what can be seen without the service, and how to start it.
func TestDoctorOffline(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "foyer.toml")
	if err := os.WriteFile(config, []byte("lisen = \":80\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	got := runWith(t, "", nil, "doctor", "--data", dir, "--config", config)
	for _, want := range []string{
		"Ports\n", "Disk\n", "Permissions\n  error    ", "-> ", "Configuration\n  error    ", `there is no key "lisen"`, "Service\n  error    the service does not answer", "foyer serve --data",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("there is no %q in\n%s", want, got.stdout)
		}
	}
	if got.status != exitFailed {
		t.Errorf("exit status %d", got.status)
	}
}

// TestDoctorService expects the state of the installed service, when no other is named.
func TestDoctorService(t *testing.T) {
	running := runningStatus
	running.Version = version()
	disabled, old, other := running, running, running
	disabled.Enabled = false
	old.Outdated = true
	other.Version = "v0.0.1"
	for name, tt := range map[string]struct {
		f       *fakeManager
		answers bool
		code    string
		state   app.CheckState
	}{
		"good":          {&fakeManager{st: running}, true, "service_ok", app.CheckOK},
		"not at boot":   {&fakeManager{st: disabled}, true, "service_disabled", app.CheckWarning},
		"an old unit":   {&fakeManager{st: old}, true, "service_unit_old", app.CheckWarning},
		"another":       {&fakeManager{st: other}, true, "service_version", app.CheckWarning},
		"stopped":       {&fakeManager{st: serviceStatus{State: stateStopped, Installed: true}}, false, "service_stopped", app.CheckError},
		"failed":        {&fakeManager{st: serviceStatus{State: stateFailed, Installed: true, Detail: "exit status 78"}}, false, "service_stopped", app.CheckError},
		"not installed": {&fakeManager{st: serviceStatus{State: stateNotInstalled}}, false, "service_not_installed", app.CheckError},
		"by hand":       {&fakeManager{st: serviceStatus{State: stateNotInstalled}}, true, "service_not_installed", app.CheckWarning},
		"no manager":    {&fakeManager{none: app.Errorf(app.Unavailable, "no_service_manager", "none")}, false, "service_unmanaged", app.CheckSkipped},
		"no word":       {&fakeManager{fail: errors.New("no bus")}, true, "service_unknown", app.CheckSkipped},
	} {
		p := &program{out: new(bytes.Buffer), manager: tt.f}
		got := p.serviceChecks(t.Context(), tt.answers)
		if len(got) != 1 || got[0].Code != tt.code || got[0].State != string(tt.state) || got[0].Text == "" {
			t.Errorf("%s: got %+v, want %s %s", name, got, tt.code, tt.state)
		}
	}
}
