package server

import (
	"context"
	"time"

	"foyer/app"
)

const (
	// retryBackup is how long after a failure the nightly backup is tried again.
	retryBackup = time.Hour
	// checkBackup is how often the latest backup is looked at again: a disk that goes bad says nothing by itself.
	checkBackup = 7 * 24 * time.Hour
)

// run makes the nightly backups until ctx is done. Every minute it looks at the clock on the wall: a machine that slept, or was off,
// makes up for the one it has missed.
func (b *backups) run(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.look(time.Now())
		}
	}
}

// look begins what is due at a moment. What runs already, or cannot begin, is looked at the next time.
func (b *backups) look(now time.Time) {
	all, err := b.dir.List()
	if err != nil {
		b.log.Error("the backups cannot be listed", "err", err)
		return
	}
	known := b.memory.get()
	if b.due(all, known, now) {
		_, _ = b.jobs.Start(app.JobBackup, b.nightly) // refused while one runs
		return
	}
	if len(all) > 0 && now.Sub(latestOf(past(known.CheckedAt, now), past(known.Since, now))) > checkBackup {
		_, _ = b.jobs.Start(app.JobVerify, func(ctx context.Context, progress app.Progress) (any, error) { // refused while one runs
			return b.lookAgain(ctx, all[0], progress)
		})
	}
}

// due reports whether a nightly backup is to be made.
func (b *backups) due(all []app.Backup, known backupFacts, now time.Time) bool {
	last, _ := b.settings().Backup.Last(now)
	made := past(known.Since, now)
	for _, kept := range all {
		if kept.Reason == app.BackupNightly {
			made = latestOf(made, past(kept.At, now))
		}
	}
	return made.Before(last) && now.Sub(past(known.FailedAt, now)) > retryBackup
}

func (b *backups) nightly(ctx context.Context, progress app.Progress) (any, error) {
	return b.make(ctx, "foyer", app.BackupNightly, app.BackupOptions{Recipients: b.settings().Backup.Recipients}, progress)
}

// lookAgain looks at a backup that is kept: at what is in it, or at its sum when only the office can open it.
func (b *backups) lookAgain(ctx context.Context, kept app.Backup, progress app.Progress) (any, error) {
	_, path, err := b.dir.Find(kept.Name)
	if err != nil {
		return nil, err
	}
	var check app.BackupCheck
	if kept.Encrypted {
		check, err = verifySum(ctx, path, progress)
	} else {
		check, err = verifyFile(ctx, path, "", b.dir.Temp(), progress)
	}
	b.looked(ctx, kept.Name, err)
	return check, err
}

// past returns a time that lies before now, and no time otherwise: what was written down while the clock was ahead says nothing, and
// would put off everything until then.
func past(t, now time.Time) time.Time {
	if t.After(now) {
		return time.Time{}
	}
	return t
}

func latestOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
