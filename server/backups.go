package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"foyer/app"
	"foyer/server/backup"
	"foyer/server/store"
)

// backupsDir is where in the data directory backups are.
const backupsDir = "backups"

// keyFile holds the key of the secrets, in the data directory.
const keyFile = "secret.key"

// copier is a database that can be copied.
type copier interface {
	Copy(ctx context.Context, to string, made app.Backup, progress app.Progress) (app.Backup, error)
}

// keepBackup makes a backup of a data directory: Reason, At and Version of made say why, when and by what. It is whole, checked
// and durable when it is there under its name; nothing is left otherwise.
func keepBackup(ctx context.Context, dir *backup.Dir, data string, from copier, made app.Backup, to backup.Recipients, progress app.Progress) (_ app.Backup, err error) {
	temp := dir.Temp()
	defer func() { err = errors.Join(err, removeFile(temp)) }()
	made.At = made.At.UTC().Truncate(time.Second)
	if made, err = from.Copy(ctx, temp, made, progress); err != nil || len(to) == 0 {
		if err == nil {
			made, err = dir.Keep(ctx, temp, made, progress)
		}
		return made, backupFault(err)
	}
	key, err := os.ReadFile(filepath.Join(data, keyFile)) //nolint:gosec // the key of this data directory
	if err != nil {
		return made, backupFault(err)
	}
	if err := store.Room(dir.Path(), made.Size); err != nil {
		return made, err
	}
	sealed := dir.Temp()
	defer func() { err = errors.Join(err, removeFile(sealed)) }()
	if err := backup.Encrypt(ctx, sealed, temp, key, to, progress); err != nil {
		return made, backupFault(err)
	}
	made.Encrypted = true
	made, err = dir.Keep(ctx, sealed, made, progress)
	return made, backupFault(err)
}

// backupFault translates what kept a file of a backup from being written.
func backupFault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*app.Error](err); ok {
		return err
	}
	return &app.Error{Code: app.Unavailable, Reason: "backup_not_written", Message: "the backup cannot be written: " + err.Error(), Args: map[string]string{"Why": err.Error()}, Err: err}
}

func removeFile(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ListBackups returns the backups of a data directory, the latest first, whether or not a service runs.
func ListBackups(data string) ([]app.Backup, error) {
	dir := backup.At(filepath.Join(data, backupsDir))
	return dir.List()
}

// backups keeps the backups of a running service.
type backups struct {
	data     string // the data directory
	version  string
	log      *slog.Logger
	store    *store.Store
	dir      *backup.Dir
	jobs     *app.Jobs
	settings func() app.Settings
	memory   *backupMemory
	lost     []string // secrets that cannot be opened
	starting app.Progress
	updated  *app.Backup // made before an update, and not in the audit yet
}

// Backups returns what is kept; see localapi.BackupBackend.
func (b *backups) Backups(context.Context) (app.BackupStatus, error) {
	all, err := b.dir.List()
	if err != nil {
		return app.BackupStatus{}, backupFault(err)
	}
	known := b.memory.get()
	_, next := b.settings().Backup.Last(time.Now())
	free, err := store.FreeSpace(b.dir.Path())
	if err != nil {
		free = 0 // where that is not known
	}
	return app.BackupStatus{
		Dir: b.dir.Path(), Backups: all, NextAt: next, FailedAt: known.FailedAt, Failure: known.Failure, FreeBytes: free,
	}, nil
}

// StartBackup begins a backup; see localapi.BackupBackend. Invalid when it cannot be encrypted as asked.
func (b *backups) StartBackup(_ context.Context, actor string, o app.BackupOptions) (app.Job, error) {
	if o.Recipients == "" {
		o.Recipients = b.settings().Backup.Recipients
	}
	if _, err := backup.ParseRecipients(o); err != nil {
		return app.Job{}, err
	}
	return b.jobs.Start(app.JobBackup, func(ctx context.Context, progress app.Progress) (any, error) {
		return b.make(ctx, actor, app.BackupManual, o, progress)
	})
}

// make makes a backup, remembers how that went, and deletes those that have had their time.
func (b *backups) make(ctx context.Context, actor, reason string, o app.BackupOptions, progress app.Progress) (app.Backup, error) {
	began := time.Now()
	var made app.Backup
	to, err := backup.ParseRecipients(o)
	if err == nil {
		made, err = keepBackup(ctx, b.dir, b.data, b.store, app.Backup{Reason: reason, At: began, Version: b.version}, to, progress)
	}
	if err != nil && ctx.Err() != nil {
		return made, app.Errorf(app.Unavailable, "stopping", "the service is stopping; the backup was given up")
	}
	event := app.Event{At: time.Now(), Actor: actor, Action: app.ActBackupCreate, Outcome: app.OK, Subject: made.Name, Detail: reason}
	if err != nil {
		b.log.Error("the backup has failed", "reason", reason, "err", err)
		event.Outcome, event.Subject, event.Detail = app.ReasonOf(err), "", reason+": "+app.MessageOf(err)
		b.memory.failed(time.Now(), app.MessageOf(err))
	} else {
		b.log.Info("backup made", "name", made.Name, "bytes", made.Size, "took", time.Since(began).Round(time.Millisecond))
		b.memory.succeeded()
	}
	b.tell(ctx, event)
	if err == nil {
		b.expire(ctx, reason)
	}
	return made, err
}

// tell writes an event and has those who watch look at the backups. What was done stays done when it cannot be written.
func (b *backups) tell(ctx context.Context, event app.Event) {
	if err := b.store.AddEvent(context.WithoutCancel(ctx), event); err != nil {
		b.log.Error("the audit of backups cannot be written", "action", event.Action, "err", err)
	}
	b.store.Changes().Tell(app.TopicBackups, app.TopicAttention)
}

// expire deletes what has had its time, after a backup was made for a reason.
func (b *backups) expire(ctx context.Context, made string) {
	all, err := b.dir.List()
	if err != nil {
		b.log.Error("the backups cannot be listed", "err", err)
		return
	}
	oldest := time.Time{}
	if days := b.settings().Backup.KeepDays; days > 0 {
		oldest = time.Now().AddDate(0, 0, -days)
	}
	for _, old := range backup.Expired(all, oldest, made == app.BackupManual) {
		if err := b.dir.Remove(old.Name); err != nil {
			b.log.Error("an old backup cannot be removed", "name", old.Name, "err", err)
			continue
		}
		b.tell(ctx, app.Event{At: time.Now(), Actor: "foyer", Action: app.ActBackupRemove, Outcome: app.OK, Subject: old.Name, Detail: "it was kept as long as is set"})
	}
}

// StartVerify begins to look at a backup; see localapi.BackupBackend.
func (b *backups) StartVerify(_ context.Context, name, secret string) (app.Job, error) {
	_, path, err := b.dir.Find(name)
	if err != nil {
		return app.Job{}, err
	}
	return b.jobs.Start(app.JobVerify, func(ctx context.Context, progress app.Progress) (any, error) {
		check, err := verifyFile(ctx, path, secret, b.dir.Temp(), progress)
		b.looked(ctx, name, err)
		return check, err
	})
}

// looked remembers what came of looking at a backup, and tells when it is damaged. What keeps it from being looked at, as a passphrase
// that is wrong or a newer program that has made it, says nothing of it.
func (b *backups) looked(ctx context.Context, name string, err error) {
	switch {
	case err == nil:
		b.memory.checked(time.Now(), name, "")
		return
	case ctx.Err() != nil:
		return
	case app.ReasonOf(err) != "backup_damaged":
		b.log.Warn("a backup cannot be looked at", "name", name, "err", err)
		b.memory.tried(time.Now())
		return
	}
	b.log.Error("a backup is damaged", "name", name, "err", err)
	b.memory.checked(time.Now(), name, app.MessageOf(err))
	b.tell(ctx, app.Event{At: time.Now(), Actor: "foyer", Action: app.ActBackupVerify, Outcome: app.ReasonOf(err), Subject: name, Detail: app.MessageOf(err)})
}

// OpenBackup returns the bytes of a backup; see localapi.BackupBackend.
func (b *backups) OpenBackup(ctx context.Context, actor, name string) (app.Backup, io.ReadCloser, error) {
	found, path, err := b.dir.Find(name)
	if err != nil {
		return found, nil, err
	}
	f, err := os.Open(path) //nolint:gosec // a name that was found
	if err != nil {
		return found, nil, &app.Error{Code: app.Unavailable, Reason: "backup_unreadable", Message: fmt.Sprintf("the backup %s cannot be read", name), Err: err}
	}
	if err := b.store.AddEvent(ctx, app.Event{At: time.Now(), Actor: actor, Action: app.ActBackupCopy, Outcome: app.OK, Subject: name}); err != nil {
		return found, nil, errors.Join(err, f.Close()) // nobody takes the data away without a trace
	}
	return found, f, nil
}

// RemoveBackup deletes a backup; see localapi.BackupBackend.
func (b *backups) RemoveBackup(ctx context.Context, actor, name string) error {
	if err := b.dir.Remove(name); err != nil {
		return backupFault(err)
	}
	b.tell(ctx, app.Event{At: time.Now(), Actor: actor, Action: app.ActBackupRemove, Outcome: app.OK, Subject: name})
	return nil
}

// health returns how it stands with the backups.
func (b *backups) health() app.BackupHealth {
	known := b.memory.get()
	h := app.BackupHealth{Since: known.Since, Off: b.settings().Backup.Schedule == "off", Failure: known.Failure, Lost: b.stillLost()}
	all, err := b.dir.List()
	if err != nil {
		h.Failure = "the directory of the backups cannot be read"
		return h
	}
	now := time.Now()
	for _, kept := range all {
		h.Latest = latestOf(h.Latest, past(kept.At, now))
		if known.Damage != "" && kept.Name == known.Checked {
			h.Damaged = kept.Name
		}
	}
	return h
}

// stillLost returns the secrets that could not be opened when the service started and have not been entered anew since.
func (b *backups) stillLost() []string {
	if len(b.lost) == 0 {
		return nil
	}
	lost, err := b.store.Lost(context.Background())
	if err != nil {
		return b.lost
	}
	return lost
}
