package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/backup"
	"foyer/server/store"
)

// keeper is the backups of a real store that nobody serves.
type keeper struct {
	*testing.T
	*backups
	set app.Settings
}

func newKeeper(t *testing.T, since time.Time) *keeper {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), store.Config{Dir: dir, Key: key, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := backup.Open(filepath.Join(dir, backupsDir))
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{T: t, set: app.Settings{Backup: app.BackupSettings{Schedule: "02:30", KeepDays: 14}}}
	k.backups = &backups{
		data: dir, version: "test", log: log, store: s, dir: kept, jobs: app.NewJobs(s.Changes()), memory: openBackupMemory(kept.Path(), log),
		settings: func() app.Settings { return k.set },
	}
	k.memory.change(func(f *backupFacts) { f.Since = since })
	t.Cleanup(func() {
		k.jobs.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

// at looks at the clock at a moment, waits for what that begins, and returns the kinds of the jobs.
func (k *keeper) at(now time.Time) (kinds []string) {
	k.Helper()
	before := len(k.jobs.All())
	k.look(now)
	all := k.jobs.All()
	for _, job := range all[:len(all)-before] {
		for job.State == app.JobRunning {
			var err error
			if job, err = k.jobs.Job(job.ID); err != nil {
				k.Fatal(err)
			}
		}
		kinds = append(kinds, job.Kind)
	}
	return kinds
}

// TestNightly moves the clock on: there is one backup a night, one that was missed is made up for, and after a fault it is tried again
// after an hour, and told until one is made.
func TestNightly(t *testing.T) {
	today := time.Now().Truncate(time.Minute) // what is made now is made after it
	at := today.Format("15:04")
	k := newKeeper(t, today.Add(-time.Minute))
	k.set.Backup.Schedule = at
	want := func(at time.Time, kinds ...string) {
		t.Helper()
		if got := k.at(at); !slices.Equal(got, kinds) {
			t.Errorf("at %v: got %q, want %q", at, got, kinds)
		}
	}
	want(today.Add(-time.Second))
	if h := k.health(); !h.Latest.IsZero() || h.Failure != "" {
		t.Errorf("before: %+v", h)
	}
	k.set.Backup.Recipients = "age1nobody"
	want(today, app.JobBackup)
	events, err := k.store.Events(t.Context(), app.EventQuery{Action: string(app.ActBackupCreate), Limit: 10})
	if h := k.health(); h.Failure == "" || err != nil || len(events) != 1 || events[0].Outcome != "recipient_invalid" {
		t.Errorf("after a fault: %+v, %+v, %v", h, events, err)
	}
	k.memory.change(func(f *backupFacts) { f.FailedAt = today })
	want(today.Add(59 * time.Minute))
	k.set.Backup.Recipients = ""
	want(today.Add(2*time.Hour), app.JobBackup)
	status, err := k.Backups(t.Context())
	if err != nil || len(status.Backups) != 1 || status.Backups[0].Reason != app.BackupNightly || status.Failure != "" {
		t.Fatalf("kept %+v, %v", status, err)
	}
	want(today.Add(2*time.Hour + time.Minute))
	// A backup of when the clock was ahead, and what was written down then, put off nothing.
	ahead := today.AddDate(1, 0, 0)
	if _, err := keepBackup(t.Context(), k.dir, k.data, k.store, app.Backup{Reason: app.BackupNightly, At: ahead}, nil, func(string, int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	k.memory.change(func(f *backupFacts) { f.FailedAt, f.Since, f.CheckedAt = ahead, ahead, ahead })
	want(today.AddDate(0, 0, 1), app.JobBackup)
	if h := k.health(); h.Latest.IsZero() || h.Latest.After(time.Now()) {
		t.Errorf("the latest is of %v, want the latest that is not of the future", h.Latest)
	}
	k.set.Backup.Schedule = "off"
	want(today.AddDate(0, 0, 1).Add(time.Minute), app.JobVerify) // nobody knows when one was looked at
	k.set.Backup.Schedule = at
	want(today.AddDate(0, 0, 2), app.JobBackup) // the machine slept for two days
}

// TestLookedAtAgain lets a backup go bad on the disk: after a week that is found, and told.
func TestLookedAtAgain(t *testing.T) {
	now := time.Now()
	k := newKeeper(t, now)
	k.set.Backup.Schedule = "off"
	job, err := k.StartBackup(t.Context(), "test", app.BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for job.State == app.JobRunning {
		if job, err = k.jobs.Job(job.ID); err != nil {
			t.Fatal(err)
		}
	}
	made, ok := job.Result.(app.Backup)
	if !ok {
		t.Fatalf("the job: %+v", job)
	}
	if got := k.at(now.Add(6 * 24 * time.Hour)); len(got) != 0 {
		t.Errorf("after six days: %q", got)
	}
	week := now.Add(7*24*time.Hour + time.Minute)
	if got := k.at(week); !slices.Equal(got, []string{app.JobVerify}) || k.health().Damaged != "" {
		t.Errorf("after a week: %q, %+v", got, k.health())
	}
	path := filepath.Join(k.dir.Path(), made.Name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	k.memory.change(func(f *backupFacts) { f.CheckedAt = now })
	if got := k.at(week); !slices.Equal(got, []string{app.JobVerify}) || k.health().Damaged != made.Name {
		t.Errorf("a week later: %q, %+v, want the damage found", got, k.health())
	}
	events, err := k.store.Events(t.Context(), app.EventQuery{Action: string(app.ActBackupVerify), Limit: 10})
	if err != nil || len(events) != 1 || events[0].Outcome != "backup_damaged" || events[0].Subject != made.Name {
		t.Errorf("audit %+v, %v", events, err)
	}
	if again := openBackupMemory(k.dir.Path(), k.log); again.get().Checked != made.Name {
		t.Errorf("a new start remembers %+v", again.get())
	}
	// One that cannot be looked at is not damaged, and is not looked at every minute.
	k.memory.change(func(f *backupFacts) { f.CheckedAt, f.Checked, f.Damage = now, "", "" })
	k.looked(t.Context(), made.Name, app.Errorf(app.Conflict, "backup_newer", "a newer program has made it"))
	if h, known := k.health(), k.memory.get(); h.Damaged != "" || known.Damage != "" || !known.CheckedAt.After(now) {
		t.Errorf("what a newer program has made: %+v, %+v", h, known)
	}
}
