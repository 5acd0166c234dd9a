package gui

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// fakeUpkeep is a service with backups, jobs and a checkup.
type fakeUpkeep struct {
	mu       sync.Mutex
	backups  localapi.Backups
	checkup  localapi.Checkup
	jobs     []localapi.Job
	started  []string
	options  localapi.BackupOptions
	secret   string
	removed  []string
	data     string // of a backup
	copyErr  error
	err      error
	changes  map[string]string
	settings localapi.Settings
}

var _ interface {
	backupClient
	checkupClient
} = (*fakeUpkeep)(nil)

// newFakeUpkeep returns a service that has made backups, and was looked at.
func newFakeUpkeep() *fakeUpkeep {
	at := time.Date(2026, 11, 26, 2, 30, 0, 0, time.UTC)
	next := at.Add(24 * time.Hour)
	f := &fakeUpkeep{
		data: "everything", settings: localapi.Settings{
			"backup.schedule": {Text: "02:30"}, "backup.keep_days": {Text: "14", Number: true}, "backup.recipients": {},
		},
		backups: localapi.Backups{Dir: "/var/lib/foyer/backups", NextAt: &next, FreeBytes: 13_314_398_617},
	}
	for i, reason := range []string{app.BackupNightly, app.BackupNightly, app.BackupManual, app.BackupUpdate, app.BackupNightly, app.BackupRestore} {
		f.backups.Items = append(f.backups.Items, localapi.Backup{
			Name: fmt.Sprintf("foyer-%d.db", i), Reason: reason, At: at.Add(-time.Duration(i) * 24 * time.Hour), Size: int64(5_046_586 - i*94_372), Encrypted: i == 2,
			Version: "1.2.0", Schema: 9,
		})
	}
	f.checkup = localapi.Checkup{At: &at, Errors: 1, Warnings: 2, Checks: []localapi.Check{
		{Code: "public_url_ok", Area: "public_url", State: "ok", Subject: "https://accounts.office.example", Text: "the pages answer at https://accounts.office.example"},
		{
			Code: "dns_here", Area: "dns", State: "ok", Subject: "accounts.office.example", Args: map[string]string{"Addresses": "192.0.2.10"},
			Text: "accounts.office.example is 192.0.2.10, which is this machine",
		},
		{
			Code: "certificate_expiring", Area: "certificate", State: "warning", Subject: "accounts.office.example:443", Args: map[string]string{"Until": "2026-12-05"},
			Text: "the certificate expires in 9 days; renew it, or see why it is not renewed by itself",
		},
		{Code: "clock_ok", Area: "clock", State: "ok", Subject: "time.office.example", Text: "the clocks agree"},
		{Code: "connector_ok", Area: "connectors", State: "ok", Subject: "office365", Text: "office365 signs people in"},
		{Code: "connector_skipped", Area: "connectors", State: "skipped", Subject: "google", Text: "google is switched off"},
		{Code: "mail_port_blocked", Area: "mail", State: "error", Subject: "gmail.com", Text: "no mail leaves: Port 25 to the outside is closed by the network; ask the provider to open it, or send through a smart host"},
		{Code: "mail_dns_ok", Area: "mail", State: "ok", Text: "as they must be"},
		{
			Code: "disk_tight", Area: "disk", State: "warning", Subject: "/var/lib/foyer", Args: map[string]string{"Free": "2147483648"},
			Text: "2 GB are free on the disk of the data; make room before it is full",
		},
		{Code: "backup_ok", Area: "backups", State: "ok", Args: map[string]string{"At": "2026-11-26T02:30:00Z"}, Text: "the newest backup is of 2026-11-26 02:30 UTC"},
	}}
	return f
}

func (f *fakeUpkeep) Backups(context.Context) (localapi.Backups, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.backups, f.err
}

func (f *fakeUpkeep) start(kind string) (localapi.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started = append(f.started, kind)
	if f.err != nil {
		return localapi.Job{}, f.err
	}
	job := localapi.Job{ID: fmt.Sprint(len(f.jobs) + 1), Kind: kind, State: localapi.JobRunning}
	f.jobs = append(f.jobs, job)
	return job, nil
}

func (f *fakeUpkeep) StartBackup(_ context.Context, o localapi.BackupOptions) (localapi.Job, error) {
	f.options = o
	return f.start(localapi.JobBackup)
}

func (f *fakeUpkeep) StartVerify(_ context.Context, name, secret string) (localapi.Job, error) {
	f.secret = secret
	f.removed = append(f.removed, "verify "+name)
	return f.start(localapi.JobVerify)
}

func (f *fakeUpkeep) StartCheckup(context.Context) (localapi.Job, error) {
	return f.start(localapi.JobCheckup)
}

func (f *fakeUpkeep) LastCheckup(context.Context) (localapi.Checkup, error) { return f.checkup, f.err }

func (f *fakeUpkeep) Jobs(context.Context) ([]localapi.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.jobs, f.err
}

func (f *fakeUpkeep) Job(_ context.Context, id string) (localapi.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, job := range f.jobs {
		if job.ID == id {
			return job, f.err
		}
	}
	return localapi.Job{}, app.Errorf(app.NotFound, "job_unknown", "there is no job %s", id)
}

// step says how far the last job is.
func (f *fakeUpkeep) step(step string, done, total int64) {
	job := &f.jobs[len(f.jobs)-1]
	job.Step, job.Done, job.Total = step, done, total
}

// end ends the last job.
func (f *fakeUpkeep) end(result any) {
	job := &f.jobs[len(f.jobs)-1]
	data, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	job.State, job.Result = localapi.JobDone, data
}

// fail ends the last job with an error.
func (f *fakeUpkeep) fail(reason, message string) {
	job := &f.jobs[len(f.jobs)-1]
	job.State, job.Error = localapi.JobFailed, &localapi.JobError{Code: app.Unavailable, Reason: reason, Message: message}
}

// finish ends the backup that is made.
func (f *fakeUpkeep) finish() {
	b := localapi.Backup{Name: "foyer-new.db", Reason: app.BackupManual, At: time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC), Size: 5 << 20, Version: "1.2.0"}
	f.backups.Items = append([]localapi.Backup{b}, f.backups.Items...)
	f.end(b)
}

func (f *fakeUpkeep) CopyBackup(_ context.Context, _ string, w io.Writer, progress func(done, total int64)) error {
	for i := range f.data {
		if _, err := io.WriteString(w, f.data[i:i+1]); err != nil {
			return err
		}
		progress(int64(i+1), int64(len(f.data)))
	}
	return f.copyErr
}

func (f *fakeUpkeep) RemoveBackup(_ context.Context, name string) error {
	f.removed = append(f.removed, name)
	return f.err
}

// nobody answers nothing.
type nobody struct{ Client }

// upkeepOnly is a fakeUpkeep as the service of its page alone.
type upkeepOnly struct {
	nobody
	*fakeUpkeep
}

func (s *upkeepOnly) Settings(context.Context) (localapi.Settings, error) { return s.settings, s.err }

func (s *upkeepOnly) SetSettings(_ context.Context, changes map[string]string) (localapi.Settings, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.changes = changes
	return s.settings, nil
}
