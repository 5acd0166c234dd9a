package server_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// checkup looks at everything, over the admin API, and returns what came of it.
func (h house) checkup() localapi.Checkup {
	h.Helper()
	job, err := h.admin().StartCheckup(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	if job, err = h.admin().Await(h.Context(), job, nil); err != nil {
		h.Fatal(err)
	}
	checkup, err := localapi.ResultOf[localapi.Checkup](job)
	if err != nil {
		h.Fatal(err)
	}
	return checkup
}

// codes returns what was found, as "area code state".
func codes(c localapi.Checkup) []string {
	var lines []string
	for _, check := range c.Checks {
		lines = append(lines, check.Area+" "+check.Code+" "+check.State)
	}
	return lines
}

func TestCheckup(t *testing.T) {
	h := open(t, "clock.source", "off")
	if last, err := h.admin().LastCheckup(t.Context()); err != nil || last.At != nil || len(last.Checks) != 0 {
		t.Errorf("before the first: %+v, %v", last, err)
	}
	got := h.checkup()
	want := []string{
		"public_url public_url_ok ok", "dns dns_here ok", "certificate certificate_none_needed skipped", "clock clock_off skipped",
		"redirects redirects_none skipped", "mail mail_captured warning", "ports port_pages_local ok", "disk disk_ok ok",
		"permissions permissions_ok ok", "backups backup_missing warning", "database database_ok ok",
	}
	if lines := codes(got); !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got.Errors != 0 || got.Warnings != 2 || got.At == nil {
		t.Errorf("%d errors, %d warnings at %v", got.Errors, got.Warnings, got.At)
	}
	if last, err := h.admin().LastCheckup(t.Context()); err != nil || len(last.Checks) != len(got.Checks) {
		t.Errorf("the last one: %+v, %v", last, err)
	}
	for _, concern := range concerns(t, h) {
		if concern == "checkup_error" {
			t.Error("attention names a checkup that has found nothing broken")
		}
	}
}

func concerns(t *testing.T, h house) []string {
	t.Helper()
	all, err := h.app.Attention(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, c := range all {
		found = append(found, c.Code)
	}
	return found
}

// What is broken is found, told to who asks for attention, and forgotten when it is mended.
func TestCheckupFindsWhatIsBroken(t *testing.T) {
	h := open(t, "clock.source", "off")
	h.set("public_url", "http://127.0.0.1:1")
	for _, name := range []string{"foyer.db", "secret.key"} {
		if err := os.Chmod(filepath.Join(h.dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := codes(h.checkup())
	for _, want := range []string{"public_url public_url_connection error", "permissions permissions_open error"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want %s among them", got, want)
		}
	}
	if !slices.Contains(concerns(t, h), "checkup_error") {
		t.Error("attention does not name what was found broken")
	}
	h.set("public_url", "")
	for _, name := range []string{"foyer.db", "secret.key"} {
		if err := os.Chmod(filepath.Join(h.dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c := h.checkup(); c.Errors != 0 || slices.Contains(concerns(t, h), "checkup_error") {
		t.Errorf("mended: %q", codes(c))
	}
}

// Everything is looked at five minutes after a start and once a day, unless that is switched off.
func TestCheckupDaily(t *testing.T) {
	for daily, want := range map[bool]int{true: 3, false: 0} {
		synctest.Test(t, func(t *testing.T) {
			ran := 0
			c := server.NewCheckups(app.NewJobs(new(app.Changes)), daily, func() []app.Check {
				ran++
				return []app.Check{{Code: "x", State: app.CheckError}}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*24*time.Hour+10*time.Minute)
			defer cancel()
			c.Run(ctx)
			synctest.Wait()
			if ran != want {
				t.Errorf("daily %v: looked %d times in two days, want %d", daily, ran, want)
			}
		})
	}
}

// An inspection that hangs ends after ten seconds; the others are told all the same.
func TestCheckupHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := app.NewJobs(new(app.Changes))
		defer jobs.Close()
		c := server.NewCheckups(jobs, true, func() []app.Check { return []app.Check{{Code: "quick", State: app.CheckOK}} }, func(ctx context.Context) []app.Check {
			<-ctx.Done()
			return []app.Check{{Code: "slow", State: app.CheckSkipped}}
		})
		begin := time.Now()
		job, err := c.StartCheckup(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.StartCheckup(t.Context()); app.ReasonOf(err) != "job_running" {
			t.Errorf("a second one: %v, want job_running", err)
		}
		for job.State == app.JobRunning {
			<-time.After(time.Second) // of the bubble
			if job, err = jobs.Job(job.ID); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took < 10*time.Second || took > 11*time.Second || len(c.LastCheckup().Checks) != 2 {
			t.Errorf("took %v and found %+v", took, c.LastCheckup().Checks)
		}
	})
}

// judged is what a check is to be, and a part of what it says.
type judged struct {
	state app.CheckState
	code  string
	says  string
}

func (j judged) in(t *testing.T, name string, got []app.Check) {
	t.Helper()
	for _, c := range got {
		if c.Code == j.code {
			if c.State != j.state || !strings.Contains(c.Text, j.says) {
				t.Errorf("%s: got %s %s: %s\nwant %s: %s", name, c.Code, c.State, c.Text, j.state, j.says)
			}
			return
		}
	}
	t.Errorf("%s: got %+v, want %s", name, got, j.code)
}

func TestDiskChecks(t *testing.T) {
	const mega = 1 << 20
	for _, tt := range []struct {
		free, reserve int64
		full, failing bool
		want          judged
	}{
		{20 << 30, 32 * mega, false, false, judged{app.CheckOK, "disk_ok", "20 GB are free on the disk of the data, and 32 MB"}},
		{500 * mega, 32 * mega, false, false, judged{app.CheckWarning, "disk_tight", "500 MB"}},
		{90 * mega, 32 * mega, false, false, judged{app.CheckWarning, "disk_tight", "90 MB"}},
		{60 * mega, 32 * mega, false, false, judged{app.CheckError, "disk_full", "make room"}},
		{3 * mega, 0, true, false, judged{app.CheckError, "disk_full", "only 3 MB"}},
		{-1, 0, false, false, judged{app.CheckSkipped, "disk_unknown", "not known"}},
		{-1, 0, true, false, judged{app.CheckError, "disk_full", "make room"}},
		{20 << 30, 32 * mega, false, true, judged{app.CheckError, "disk_failing", "restart the service"}},
		{3 * mega, 0, true, true, judged{app.CheckError, "disk_failing", "refused"}},
	} {
		tt.want.in(t, "disk", server.DiskChecks("/data", app.StoreFigures{Free: tt.free, Reserve: tt.reserve, Full: tt.full, Failing: tt.failing}))
	}
}

func TestJudgeBackups(t *testing.T) {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	made := func(age time.Duration) []app.Backup {
		return []app.Backup{{Name: "b", At: now.Add(-age), Size: 100 << 20}}
	}
	for name, tt := range map[string]struct {
		status app.BackupStatus
		want   judged
	}{
		"fresh":  {app.BackupStatus{Backups: made(5 * time.Hour), FreeBytes: 1 << 40}, judged{app.CheckOK, "backup_ok", "2026-11-27 03:00"}},
		"none":   {app.BackupStatus{}, judged{app.CheckWarning, "backup_missing", "foyer backup create"}},
		"old":    {app.BackupStatus{Backups: made(3 * 24 * time.Hour)}, judged{app.CheckWarning, "backup_old", "3 days old"}},
		"stale":  {app.BackupStatus{Backups: made(20 * 24 * time.Hour)}, judged{app.CheckError, "backup_stale", "20 days old"}},
		"failed": {app.BackupStatus{Backups: made(time.Hour), FailedAt: now, Failure: "the disk is full"}, judged{app.CheckError, "backup_failed", "the disk is full"}},
		"future": {app.BackupStatus{Backups: made(-time.Hour)}, judged{app.CheckWarning, "backup_future", "clock was ahead"}},
		"both":   {app.BackupStatus{Backups: append(made(-time.Hour), made(time.Hour)...)}, judged{app.CheckOK, "backup_ok", ""}},
		"tight":  {app.BackupStatus{Backups: made(time.Hour), FreeBytes: 150 << 20}, judged{app.CheckWarning, "backup_disk", "150 MB"}},
	} {
		tt.want.in(t, name, server.JudgeBackups(tt.status, now))
	}
}

func TestPermissionChecks(t *testing.T) {
	for name, tt := range map[string]struct {
		harm func(dir string) error
		uid  int
		want judged
	}{
		"good":            {nil, os.Geteuid(), judged{app.CheckOK, "permissions_ok", "nobody else may read"}},
		"whoever owns it": {nil, -1, judged{app.CheckOK, "permissions_ok", "nobody else may read"}},
		"directory open":  {func(dir string) error { return os.Chmod(dir, 0o750) }, -1, judged{app.CheckError, "permissions_open", "chmod 0700"}},
		"key open": {
			func(dir string) error { return os.Chmod(filepath.Join(dir, "secret.key"), 0o640) }, -1, judged{app.CheckError, "permissions_open", "chmod 0600"},
		},
		"another's": {nil, os.Geteuid() + 12345, judged{app.CheckError, "permissions_owner", "chown"}},
		"a link": {
			func(dir string) error {
				return os.Symlink(filepath.Join(dir, "secret.key"), filepath.Join(dir, "reserve"))
			}, -1, judged{app.CheckWarning, "data_link", "is a link"},
		},
		"missing":     {os.RemoveAll, -1, judged{app.CheckSkipped, "data_missing", "makes it"}},
		"a file":      {func(dir string) error { return os.Rename(filepath.Join(dir, "secret.key"), dir+".x") }, -1, judged{app.CheckOK, "permissions_ok", ""}},
		"not a dir":   {asFile, -1, judged{app.CheckError, "data_no_directory", "not a directory"}},
		"socket gone": {func(dir string) error { return os.Remove(filepath.Join(dir, "admin.sock")) }, -1, judged{app.CheckError, "socket_missing", "restart"}},
		"no socket": {
			func(dir string) error {
				return os.Rename(filepath.Join(dir, "foyer.db"), filepath.Join(dir, "admin.sock"))
			}, -1, judged{app.CheckError, "socket_replaced", "something else"},
		},
		"socket shut": {func(dir string) error { return os.Chmod(filepath.Join(dir, "admin.sock"), 0o600) }, -1, judged{app.CheckWarning, "socket_closed", "some users"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{"foyer.db", "secret.key"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			socket := filepath.Join(dir, "admin.sock")
			l, err := localapi.Listen(t.Context(), socket)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if tt.harm != nil {
				if err := tt.harm(dir); err != nil {
					t.Fatal(err)
				}
			}
			tt.want.in(t, name, server.PermissionChecks(dir, socket, tt.uid))
		})
	}
}

func asFile(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.WriteFile(dir, nil, 0o600)
}

func TestPortCheck(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().String()
	judged{app.CheckError, "port_taken", "in use by another program"}.in(t, "taken", []app.Check{server.PortCheck(t.Context(), taken)})
	if got := server.PortCheck(t.Context(), taken).Text; !strings.Contains(got, "server.test") {
		t.Errorf("who has it is not named: %s", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	judged{app.CheckOK, "port_free", "free"}.in(t, "free", []app.Check{server.PortCheck(t.Context(), taken)})
	judged{app.CheckError, "port_elsewhere", "not an address of this machine"}.in(t, "elsewhere", []app.Check{server.PortCheck(t.Context(), "192.0.2.1:8080")})
	judged{app.CheckError, "port_invalid", "HOST:PORT"}.in(t, "none", []app.Check{server.PortCheck(t.Context(), "8080")})
}

func TestInspectOffline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	got := server.InspectOffline(t.Context(), server.Config{DataDir: dir, Listen: "127.0.0.1:0"})
	judged{app.CheckOK, "port_free", ""}.in(t, "ports", got)
	judged{app.CheckSkipped, "data_missing", ""}.in(t, "permissions", got)
	if len(got) != 3 || got[1].Area != "disk" {
		t.Errorf("got %+v, want the disk between them", got)
	}
}

func TestRedirectChecks(t *testing.T) {
	entra := func(findings ...app.Finding) app.ConnectorState {
		return app.ConnectorState{Connector: app.Connector{Kind: app.ConnectorEntra, Name: "entra", Enabled: true}, RedirectURI: "https://a.example/auth/entra/callback", Findings: findings}
	}
	judged{app.CheckOK, "redirect_ok", "https://a.example/auth/entra/callback"}.in(t, "good", []app.Check{server.RedirectCheck(entra())})
	judged{app.CheckError, "redirect_impossible", "https only"}.in(t, "bad", []app.Check{
		server.RedirectCheck(entra(app.Finding{Code: "public_url_http", Blocks: true, Text: "https only"})),
	})
	judged{app.CheckOK, "redirect_ok", ""}.in(t, "another finding", []app.Check{server.RedirectCheck(entra(app.Finding{Code: "client_id_missing", Blocks: true}))})
}

func TestConnectorChecks(t *testing.T) {
	o := openOffice(t)
	o.set("clock.source", "off")
	got := codes(o.checkup())
	for _, want := range []string{"redirects redirect_ok ok", "connectors connector_ok ok"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	o.idp.mu.Lock()
	o.idp.fail = `{"error":"invalid_client"}`
	o.idp.mu.Unlock()
	o.setConnector("google", "secret_expires", time.Now().AddDate(0, 0, 5).Format(time.DateOnly))
	o.setConnector("entra", "secret_expires", time.Now().AddDate(0, 0, -5).Format(time.DateOnly))
	got = codes(o.checkup())
	for _, want := range []string{"connectors connector_client error", "connectors connector_secret_expiring warning", "connectors connector_secret_expired error"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	o.set("public_url", "http://accounts.lan")
	got = codes(o.checkup())
	for _, want := range []string{"redirects redirect_impossible error", "connectors connector_redirect skipped"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	data, err := json.Marshal(o.checkup())
	if err != nil || strings.Contains(string(data), clientSecret) {
		t.Errorf("the checkup holds a secret: %s, %v", data, err)
	}
}

func TestSortChecks(t *testing.T) {
	checks := []app.Check{{Area: "disk", State: app.CheckOK}, {Area: "dns", State: app.CheckOK, Subject: "b"}, {Area: "dns", State: app.CheckOK, Subject: "a"}, {Area: "dns", State: app.CheckError, Subject: "z"}}
	server.SortChecks(checks)
	var got []string
	for _, c := range checks {
		got = append(got, c.Area+c.Subject)
	}
	if want := []string{"dnsz", "dnsa", "dnsb", "disk"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
