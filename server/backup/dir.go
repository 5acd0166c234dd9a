// Package backup keeps files of backups: their names, their sums, how long they stay, and their encryption (age). What is in them
// the store knows. It is imported by the server package only, and imports app.
package backup

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"foyer/app"
)

const (
	plainExt  = ".db"
	sealedExt = ".db.age"
	sumExt    = ".sha256"

	// temporary is how the names of files begin that are being made. A start removes those that are left.
	temporary = ".new-"
)

// Dir is a directory with backups.
type Dir struct{ path string }

// At returns a directory as it is, to be read.
func At(path string) *Dir { return &Dir{path} }

// Open returns a directory, which is made when it is missing, and removes what was cut off while it was made there. Nobody else
// may be making a backup there.
func Open(path string) (*Dir, error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the directory of the backups: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("directory of the backups: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o700); err != nil { //nolint:gosec // a directory needs its x bit
			return nil, fmt.Errorf("directory of the backups: %w", err)
		}
	}
	d := &Dir{path}
	return d, d.tidy()
}

// tidy removes files that are not whole, and sums without their file.
func (d *Dir) tidy() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("directory of the backups: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		name := entry.Name()
		of, isSum := strings.CutSuffix(name, sumExt)
		orphan := isSum && isName(of) && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == of })
		if strings.HasPrefix(name, temporary) || orphan {
			errs = append(errs, os.RemoveAll(filepath.Join(d.path, name)))
		}
	}
	return errors.Join(errs...)
}

// Path returns where the directory is.
func (d *Dir) Path() string { return d.path }

// Temp returns the path of a file that is to be made: Keep gives it its name, and a crash leaves nothing of it.
func (d *Dir) Temp() string { return filepath.Join(d.path, temporary+rand.Text()) }

var nameForm = regexp.MustCompile(`^foyer-(\d{8}-\d{6})-([a-z]+)(-\d+)?\.db(\.age)?$`)

const stampForm = "20060102-150405"

func isName(name string) bool { return nameForm.MatchString(name) }

// parse returns what a name says of a backup.
func parse(name string) (b app.Backup, ok bool) {
	parts := nameForm.FindStringSubmatch(name)
	if parts == nil {
		return b, false
	}
	at, err := time.Parse(stampForm, parts[1])
	return app.Backup{Name: name, At: at, Reason: parts[2], Encrypted: parts[4] != ""}, err == nil
}

// name returns the name of a backup; number tells those apart that are of one second.
func name(b app.Backup, number int) string {
	s := "foyer-" + b.At.UTC().Format(stampForm) + "-" + b.Reason
	if number > 1 {
		s += "-" + strconv.Itoa(number)
	}
	if b.Encrypted {
		return s + sealedExt
	}
	return s + plainExt
}

// Keep gives a whole file its name and returns the backup it is then, with its name, sum and size: it is durable. The step is
// "hash".
func (d *Dir) Keep(ctx context.Context, temp string, b app.Backup, progress app.Progress) (app.Backup, error) {
	sum, size, err := Sum(ctx, temp, progress)
	if err != nil {
		return b, err
	}
	b.SHA256, b.Size = sum, size
	path := ""
	for number := 1; path == "" || exists(path) || exists(path+sumExt); number++ {
		b.Name = name(b, number)
		path = filepath.Join(d.path, b.Name)
	}
	// The sum comes first: a file under its name has one.
	if err := WriteSum(path, b); err != nil {
		return b, err
	}
	if err := os.Rename(temp, path); err != nil {
		return b, errors.Join(err, os.Remove(path+sumExt))
	}
	return b, SyncDir(d.path)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Sum returns the SHA-256 of a file in hexadecimal digits, and its size. The step is "hash".
func Sum(ctx context.Context, path string, progress app.Progress) (sum string, size int64, err error) {
	f, err := os.Open(path) //nolint:gosec // the caller's
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	size, err = io.Copy(hash, Counted(ctx, f, "hash", info.Size(), progress))
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

// WriteSum writes the sum of the backup at path into a new file beside it, as sha256sum does. What is known besides stands in a line
// that sha256sum -c passes over. Nothing is left after an error.
func WriteSum(path string, b app.Backup) (err error) {
	f, err := os.OpenFile(path+sumExt, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the caller's
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path+sumExt))
		}
	}()
	if _, err := fmt.Fprintf(f, "# foyer schema=%d version=%s\n%s  %s\n", b.Schema, b.Version, b.SHA256, filepath.Base(path)); err != nil {
		return err
	}
	return f.Sync()
}

// ReadSum returns what the file beside a backup says of it: its sum, and the version and schema; "" and 0 for what it does not.
// The error is fs.ErrNotExist when there is none.
func ReadSum(path string) (b app.Backup, err error) {
	// A pipe that nobody writes would be waited for.
	f, err := os.OpenFile(path+sumExt, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the caller's
	if err != nil {
		return b, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return b, app.Errorf(app.Invalid, "backup_damaged", "%s is not a file", filepath.Base(path)+sumExt)
	}
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "# foyer "); ok {
			schema, version, _ := strings.Cut(rest, " ")
			b.Version = strings.TrimPrefix(version, "version=")
			b.Schema, _ = strconv.ParseInt(strings.TrimPrefix(schema, "schema="), 10, 64) // 0 is not known
		}
		sum, name, ok := strings.Cut(line, " ")
		if _, err := hex.DecodeString(sum); ok && err == nil && len(sum) == 2*sha256.Size && filepath.Base(strings.TrimLeft(name, " *")) == filepath.Base(path) {
			b.SHA256 = strings.ToLower(sum)
		}
	}
	if err := lines.Err(); err != nil {
		return b, err
	}
	if b.SHA256 == "" {
		return b, app.Errorf(app.Invalid, "backup_damaged", "%s has no sum of it", filepath.Base(path)+sumExt)
	}
	return b, nil
}

// List returns the backups there are, the latest first.
func (d *Dir) List() ([]app.Backup, error) {
	entries, err := os.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []app.Backup
	for _, entry := range entries {
		b, ok := parse(entry.Name())
		info, err := entry.Info()
		if !ok || err != nil || !info.Mode().IsRegular() {
			continue
		}
		b.Size = info.Size()
		if sum, err := ReadSum(filepath.Join(d.path, b.Name)); err == nil {
			b.SHA256, b.Version, b.Schema = sum.SHA256, sum.Version, sum.Schema
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b app.Backup) int {
		if c := b.At.Compare(a.At); c != 0 {
			return c
		}
		return number(b.Name) - number(a.Name)
	})
	return all, nil
}

// number returns which one a backup is of those of one second and reason.
func number(name string) int {
	parts := nameForm.FindStringSubmatch(name)
	if parts == nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimPrefix(parts[3], "-"))
	if err != nil {
		return 1
	}
	return n
}

// Find returns a backup and where it is. NotFound, "backup_unknown".
func (d *Dir) Find(name string) (app.Backup, string, error) {
	if isName(name) {
		all, err := d.List()
		if err != nil {
			return app.Backup{}, "", err
		}
		for _, b := range all {
			if b.Name == name {
				return b, filepath.Join(d.path, name), nil
			}
		}
	}
	return app.Backup{}, "", app.Errorf(app.NotFound, "backup_unknown", "there is no backup %q; foyer backup list lists them", name)
}

// Remove deletes a backup. NotFound.
func (d *Dir) Remove(name string) error {
	_, path, err := d.Find(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	if err := os.Remove(path + sumExt); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return SyncDir(d.path)
}

// KeptOthers is how many backups of each reason but BackupNightly are kept.
const KeptOthers = 10

// Expired returns the backups that are to be deleted: nightly ones of before the time oldest, but for the latest, and of each
// other reason those beyond the newest KeptOthers. With spare, one more of BackupManual stays: whoever has asked for the latest may
// take it away next. all has the latest first.
func Expired(all []app.Backup, oldest time.Time, spare bool) (old []app.Backup) {
	seen := map[string]int{}
	if spare {
		seen[app.BackupManual] = -1
	}
	for _, b := range all {
		seen[b.Reason]++
		n := seen[b.Reason]
		if b.Reason == app.BackupNightly && n > 1 && b.At.Before(oldest) || b.Reason != app.BackupNightly && n > KeptOthers {
			old = append(old, b)
		}
	}
	return old
}

// Counted returns r, of size bytes, that tells how much of a step is read and ends when ctx does: Unavailable, "canceled".
func Counted(ctx context.Context, r io.Reader, step string, size int64, progress app.Progress) io.Reader {
	progress(step, 0, size)
	return &counted{ctx: ctx, r: r, tell: func(n int64) { progress(step, n, size) }}
}

type counted struct {
	ctx  context.Context
	r    io.Reader
	n    int64
	told int64
	tell func(n int64)
}

func (c *counted) Read(b []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, app.Errorf(app.Unavailable, "canceled", "broken off")
	}
	n, err := c.r.Read(b)
	c.n += int64(n)
	if c.n-c.told > 1<<20 || err != nil {
		c.told = c.n
		c.tell(c.n)
	}
	return n, err
}
