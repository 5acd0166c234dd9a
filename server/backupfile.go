package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"foyer/app"
	"foyer/server/backup"
	"foyer/server/store"
)

// BackupFile is a file that is said to be a backup, open to be read.
type BackupFile struct {
	file   *os.File
	path   string
	size   int64
	sealed bool
	known  app.Backup // what the file beside it says
	sum    string     // that it is said to have; "" when that is not known
}

// OpenBackupFile opens a backup and reads the sum beside it, if there is one. NotFound, Denied or Invalid.
func OpenBackupFile(path string) (_ *BackupFile, err error) {
	// A pipe that nobody writes would be waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // somebody names it
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, app.Errorf(app.NotFound, "backup_unknown", "there is no backup %s", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, app.Errorf(app.Denied, "backup_unreadable", "you may not read %s: run this as root, or as the user the service runs as", path)
	case err != nil:
		return nil, app.Errorf(app.Invalid, "backup_unreadable", "%s cannot be read: %v", path, err)
	}
	b := &BackupFile{file: f, path: path}
	defer func() {
		if err != nil {
			err = named(path, errors.Join(err, f.Close()))
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, app.Errorf(app.Invalid, "backup_unreadable", "it is not a file")
	}
	b.size = info.Size()
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		return nil, app.Errorf(app.Invalid, "backup_open", "%s-wal is beside it, so it is the database of a service, not a backup: make one with foyer backup create", filepath.Base(path))
	}
	b.known, err = backup.ReadSum(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	b.sum = b.known.SHA256
	b.sealed, err = backup.IsEncrypted(f)
	return b, err
}

// Path returns where it is, as it was named.
func (b *BackupFile) Path() string { return b.path }

// Close closes the file.
func (b *BackupFile) Close() error { return b.file.Close() }

// Verify reads all of a backup and returns what it holds. secret opens one that is encrypted: a passphrase, or what an age identity
// file holds; it is opened in a directory that only this user may read, and that is removed again. Invalid, "backup_damaged",
// "backup_foreign", "backup_secret_needed" or "backup_secret_wrong"; Conflict, "backup_newer".
func (b *BackupFile) Verify(ctx context.Context, secret string, progress app.Progress) (_ app.BackupCheck, err error) {
	if !b.sealed {
		return verifyFile(ctx, b.path, "", "", progress)
	}
	work, err := os.MkdirTemp("", "foyer-verify-")
	if err != nil {
		return app.BackupCheck{}, fmt.Errorf("make a directory to open the backup in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	return verifyFile(ctx, b.path, secret, filepath.Join(work, "foyer.db"), progress)
}

// verifyFile reads all of a backup and returns what it holds. One that is encrypted is opened as work meanwhile.
func verifyFile(ctx context.Context, path, secret, work string, progress app.Progress) (_ app.BackupCheck, err error) {
	f, err := OpenBackupFile(path)
	if err != nil {
		return app.BackupCheck{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.sealed {
		if err := store.Room(filepath.Dir(work), f.size); err != nil {
			return app.BackupCheck{}, err // what is opened must not take the service its last space
		}
		defer func() { err = errors.Join(err, removeFile(work)) }()
		check, _, err := f.unpack(ctx, work, secret, progress)
		return check, err
	}
	sum, _, err := backup.Sum(ctx, path, progress)
	if err != nil {
		return app.BackupCheck{}, named(path, backupFault(err))
	}
	if err := f.compare(sum); err != nil {
		return app.BackupCheck{}, named(path, err)
	}
	check, err := store.Examine(ctx, path, progress)
	if err != nil {
		return check, named(path, err)
	}
	return f.describe(check, sum, nil), nil
}

// verifySum reads all of a backup that cannot be opened here, and compares its sum.
func verifySum(ctx context.Context, path string, progress app.Progress) (_ app.BackupCheck, err error) {
	f, err := OpenBackupFile(path)
	if err != nil {
		return app.BackupCheck{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum, _, err := backup.Sum(ctx, path, progress)
	if err != nil {
		return app.BackupCheck{}, named(path, backupFault(err))
	}
	if err := f.compare(sum); err != nil {
		return app.BackupCheck{}, named(path, err)
	}
	return f.describe(app.BackupCheck{Version: f.known.Version, Schema: f.known.Schema}, sum, nil), nil
}

// unpack writes the database that is in a backup into a file that is made for it, reads all of that, and returns what it holds and
// the key of the secrets, nil when that is not in it. The steps are "read" and "check".
func (b *BackupFile) unpack(ctx context.Context, to, secret string, progress app.Progress) (_ app.BackupCheck, key []byte, err error) {
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return app.BackupCheck{}, nil, named(b.path, err)
	}
	hash := sha256.New()
	in := io.TeeReader(backup.Counted(ctx, b.file, "read", b.size, progress), hash)
	if b.sealed {
		key, err = backup.Decrypt(to, in, secret)
	} else {
		err = backup.CopyPlain(to, in)
	}
	if err == nil || app.ReasonOf(err) == "backup_damaged" {
		// What does not have its sum is told so: that says more than where age or tar have stumbled.
		_, sumErr := io.Copy(io.Discard, in)
		if sumErr == nil {
			sumErr = b.compare(hex.EncodeToString(hash.Sum(nil)))
		}
		if sumErr != nil {
			err = sumErr
		}
	}
	if err != nil {
		return app.BackupCheck{}, nil, named(b.path, backupFault(err))
	}
	check, err := store.Examine(ctx, to, progress)
	if err != nil {
		return check, nil, named(b.path, err)
	}
	return b.describe(check, hex.EncodeToString(hash.Sum(nil)), key), key, nil
}

// compare returns an Invalid error when the sum is not the one the backup is said to have.
func (b *BackupFile) compare(sum string) error {
	if b.sum == "" || b.sum == sum {
		return nil
	}
	const why = "its SHA-256 is not the one that was written down when it was made"
	return (&app.Error{Code: app.Invalid, Reason: "backup_damaged", Message: "it is damaged: " + why}).With("Why", why)
}

func (b *BackupFile) describe(check app.BackupCheck, sum string, key []byte) app.BackupCheck {
	check.Name, check.Size, check.SHA256, check.HashKnown = filepath.Base(b.path), b.size, sum, b.sum != ""
	check.Encrypted, check.HasKey = b.sealed, len(key) > 0
	return check
}

// named puts the name of a backup before what is the matter with it.
func named(path string, err error) error {
	e, ok := errors.AsType[*app.Error](err)
	if !ok {
		return err
	}
	c := *e
	c.Message = filepath.Base(path) + ": " + e.Message
	return &c
}

// WriteBackupSum writes the file beside a copy of a backup that says what its sum is. Both are on the disk when it returns; it writes
// over nothing, and leaves nothing behind after an error. Invalid.
func WriteBackupSum(path string, b app.Backup) error {
	err := backup.WriteSum(path, b)
	if err == nil {
		err = backup.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return &app.Error{Code: app.Invalid, Reason: "file_path", Message: fmt.Sprintf("the sum beside %s cannot be written: %v", path, err), Err: err}
	}
	return nil
}

// NewBackupIdentity returns a new age identity, as age-keygen writes it, and the recipient for the setting backup.recipients.
func NewBackupIdentity() (file, recipient string, err error) { return backup.NewIdentity(time.Now()) }
