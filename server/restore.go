package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"foyer/app"
	"foyer/server/backup"
	"foyer/server/store"
)

// Restore brings a backup back. What it needs is made ready beside the data first; then a journal says that the data are to be
// replaced, and they are, file by file. A process that is killed before there is a journal has changed nothing; one that is killed
// later has its work finished by the next start of the service, or the next restore.
const (
	stagingDir  = ".restore"      // the data as they will be
	journalFile = ".restore.json" // they are whole; what is left of the old ones goes
	asidePrefix = "replaced-"     // directories of what was replaced and is in no backup
)

// RestoreConfig says what is restored, and how.
type RestoreConfig struct {
	DataDir  string
	File     *BackupFile
	Secret   string // opens an encrypted one: a passphrase, or what an age identity file holds
	Actor    string // of the audit
	Version  string
	Log      *slog.Logger
	Progress app.Progress
	// Confirm is told what is going to happen, before anything is changed; its error stops it. nil agrees.
	Confirm func(RestorePlan) error
}

// RestorePlan is what a restore is about to do.
type RestorePlan struct {
	Backup  app.BackupCheck
	Keeps   bool     // there are data now, and they are kept as a backup
	Damaged string   // or why they cannot be, in words: they are moved aside
	Lost    []string // secrets that will have to be entered anew, because their key is not in the backup
	Unseen  bool     // nobody could look at the data that are there, so only Backup is known
}

// RestoreResult is what a restore has done.
type RestoreResult struct {
	RestorePlan

	Kept  string // the name of the backup of what was there before; "" for none
	Aside string // the directory of what was moved aside; "" for nothing
}

// journal is what is left to be done when the data are ready.
type journal struct {
	Aside string `json:"aside"` // where to the old files go
	Kept  bool   `json:"kept"`  // they are in a backup: all but the key of the secrets is deleted
	Key   bool   `json:"key"`   // the key of the secrets is another one
}

// restoring is one restore.
type restoring struct {
	RestoreConfig

	dir    *backup.Dir
	result RestoreResult
	key    []byte // of the secrets, when the backup has it
}

// Restore puts a backup in the place of the data. It reads all of the backup before it changes anything. The error wraps ErrRunning
// when a service runs; it is that of BackupFile.Verify, or of Confirm.
func Restore(ctx context.Context, c RestoreConfig) (_ RestoreResult, err error) {
	r := &restoring{RestoreConfig: c}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return r.result, &DataError{Message: fmt.Sprintf("the data directory %s cannot be made", c.DataDir), Err: err}
	}
	held, err := lock(c.DataDir)
	if err != nil {
		return r.result, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	if err := finishRestore(c.DataDir, c.Progress); err != nil {
		return r.result, err
	}
	if r.dir, err = backup.Open(filepath.Join(c.DataDir, backupsDir)); err != nil {
		return r.result, backupFault(err)
	}
	defer func() { err = errors.Join(err, r.abandon()) }()
	if err := r.stage(ctx); err != nil {
		return r.result, err
	}
	if c.Confirm != nil {
		if err := c.Confirm(r.result.RestorePlan); err != nil {
			return r.result, err
		}
	}
	if err := r.keep(ctx); err != nil {
		return r.result, err
	}
	if err := r.prepare(ctx); err != nil {
		return r.result, err
	}
	if err := finishRestore(c.DataDir, c.Progress); err != nil {
		return r.result, err
	}
	if _, err := os.Lstat(r.result.Aside); err != nil {
		r.result.Aside = "" // there was nothing
	}
	return r.result, nil
}

func (r *restoring) staged(name string) string { return filepath.Join(r.DataDir, stagingDir, name) }

// stage copies the backup beside the data, and finds out what there is to say about it.
func (r *restoring) stage(ctx context.Context) (err error) {
	if err := store.Room(r.DataDir, r.File.size); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(r.DataDir, stagingDir), 0o700); err != nil {
		return backupFault(err)
	}
	plan := &r.result.RestorePlan
	if plan.Backup, r.key, err = r.File.unpack(ctx, r.staged("foyer.db"), r.Secret, r.Progress); err != nil {
		return err
	}
	if err := r.stageKey(ctx); err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(r.DataDir, "foyer.db")); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(r.DataDir, "instance.json")); err == nil {
			plan.Damaged = "foyer.db is missing"
		}
		return nil
	}
	if _, err := (store.Source{Dir: r.DataDir, Idle: true}).Size(ctx); err != nil {
		plan.Damaged = app.MessageOf(err)
		return nil
	}
	plan.Keeps = true
	return nil
}

// stageKey decides about the key of the secrets: that of the backup, or the present one, or a new one where there is neither.
func (r *restoring) stageKey(ctx context.Context) error {
	current, err := os.ReadFile(filepath.Join(r.DataDir, keyFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return backupFault(err)
	}
	text := current
	if len(r.key) > 0 {
		text = r.key
	}
	key, err := store.ParseKey(string(text))
	if err != nil {
		text = []byte(store.NewKey())
		if key, err = store.ParseKey(string(text)); err != nil {
			return err
		}
	}
	r.key = nil
	if !bytes.Equal(text, current) {
		r.key = text
		if err := store.ReplaceFile(r.staged(keyFile), text); err != nil {
			return backupFault(err)
		}
	}
	r.result.Lost, err = store.Lost(ctx, r.staged("foyer.db"), key)
	return err
}

// keep makes a backup of the data that are replaced. Those that are damaged are moved aside instead.
func (r *restoring) keep(ctx context.Context) error {
	if !r.result.Keeps {
		return nil
	}
	db := store.Source{Dir: r.DataDir, Idle: true}
	// As those of each night are; a setting that cannot be read any more is none.
	recipients, _ := db.Setting(ctx, "backup.recipients")
	to, err := backup.ParseRecipients(app.BackupOptions{Recipients: recipients})
	if err != nil {
		return err
	}
	kept, err := keepBackup(ctx, r.dir, r.DataDir, db, app.Backup{Reason: app.BackupRestore, At: time.Now(), Version: r.Version}, to, r.Progress)
	if app.ReasonOf(err) == "backup_damaged" {
		r.Log.Warn("the present data are damaged and are moved aside", "err", err)
		r.result.Keeps, r.result.Damaged = false, app.MessageOf(err)
		return nil
	}
	r.result.Kept = kept.Name
	return err
}

// prepare makes the copy what it is to be, and writes the journal: with it the restore is decided.
func (r *restoring) prepare(ctx context.Context) error {
	r.Progress("prepare", 0, 0)
	check := r.result.Backup
	detail := check.Name
	if !check.At.IsZero() {
		detail += " of " + check.At.UTC().Format(time.RFC3339)
	}
	err := store.PrepareRestored(ctx, r.staged("foyer.db"), store.Restored{Actor: r.Actor, Detail: detail, At: time.Now()})
	if err != nil {
		return err
	}
	if err := backup.SyncDir(filepath.Join(r.DataDir, stagingDir)); err != nil {
		return backupFault(err)
	}
	j := journal{Aside: asidePrefix + time.Now().UTC().Format("20060102-150405"), Kept: r.result.Kept != "", Key: r.key != nil}
	r.result.Aside = filepath.Join(r.DataDir, j.Aside)
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	r.Progress("journal", 0, 0)
	return backupFault(store.ReplaceFile(filepath.Join(r.DataDir, journalFile), data))
}

// abandon removes what was made ready when the restore was not decided.
func (r *restoring) abandon() error {
	if _, err := os.Lstat(filepath.Join(r.DataDir, journalFile)); err == nil {
		return nil
	}
	return os.RemoveAll(filepath.Join(r.DataDir, stagingDir))
}

// finishRestore finishes a restore that was decided, and removes what is left of one that was not. The lock of the data directory
// is held. Every step can be done again.
func finishRestore(dir string, progress app.Progress) error {
	data, err := os.ReadFile(filepath.Join(dir, journalFile)) //nolint:gosec // a file of ours
	if errors.Is(err, fs.ErrNotExist) {
		return restoreFault(dir, errors.Join(os.RemoveAll(filepath.Join(dir, stagingDir)), removeFile(filepath.Join(dir, journalFile+".new"))))
	}
	var j journal
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	if err == nil {
		err = j.finish(dir, progress)
	}
	return restoreFault(dir, err)
}

func restoreFault(dir string, err error) error {
	if err == nil {
		return nil
	}
	return &DataError{Message: fmt.Sprintf("the data directory %s cannot be used: a restore that was begun cannot be finished", dir), Err: err}
}

// finish moves the old files away and the new ones in. A file that is still in the staging directory has not taken its place:
// what is there under its name is old.
func (j journal) finish(dir string, progress app.Progress) error {
	aside := filepath.Join(dir, j.Aside)
	if err := os.Mkdir(aside, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	moves := []struct {
		file string
		with []string // what of the old data goes before it
	}{
		{"foyer.db", []string{"foyer.db-wal", "foyer.db-shm", "foyer.db"}},
		{"instance.json", []string{"instance.json"}},
	}
	if j.Key {
		moves = append(moves, struct {
			file string
			with []string
		}{keyFile, []string{keyFile}})
	}
	step, steps := int64(0), int64(3*len(moves)+2)
	tell := func() { progress("replace", step, steps); step++ }
	for _, m := range moves {
		tell()
		staged := filepath.Join(dir, stagingDir, m.file)
		if _, err := os.Lstat(staged); errors.Is(err, fs.ErrNotExist) {
			continue // it has taken its place
		} else if err != nil {
			return err
		}
		for _, old := range m.with {
			if err := os.Rename(filepath.Join(dir, old), filepath.Join(aside, old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		tell()
		// Whoever finds the new file finds no old one beside it.
		if err := backup.SyncDir(dir); err != nil {
			return err
		}
		if err := os.Rename(staged, filepath.Join(dir, m.file)); err != nil {
			return err
		}
		tell()
	}
	if err := backup.SyncDir(dir); err != nil {
		return err
	}
	if err := j.tidy(aside); err != nil {
		return err
	}
	tell()
	if err := os.RemoveAll(filepath.Join(dir, stagingDir)); err != nil {
		return err
	}
	tell()
	return errors.Join(os.Remove(filepath.Join(dir, journalFile)), backup.SyncDir(dir))
}

// tidy deletes of the old files what is in a backup. The key of the secrets never is in one that is not encrypted.
func (j journal) tidy(aside string) error {
	if j.Kept {
		for _, name := range []string{"foyer.db", "foyer.db-wal", "foyer.db-shm", "instance.json"} {
			if err := removeFile(filepath.Join(aside, name)); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
