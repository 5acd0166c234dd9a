package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// reserveFile is space of the disk that is set aside. SQLite needs some even to delete a row: on a disk that is full to
// the last byte a mail that has left could not be marked as sent, and would be sent again.
const reserveFile = "reserve"

// lowWater is how little may be free before the disk counts as full. The write-ahead log alone grows to 16 MB between
// two checkpoints.
const lowWater = 16 << 20

// disk watches the disk of the data directory and keeps the reserve. While the disk is full the reserve is given up, so
// that what was begun can come to its end, and nothing new is begun until there is room for the reserve again.
type disk struct {
	dir  string
	log  *slog.Logger
	free func(dir string) (int64, error)

	full atomic.Bool // nothing new is begun

	mu      sync.Mutex
	want    int64      // bytes the reserve is to have
	have    int64      // and has
	tight   bool       // the reserve cannot be had at the moment, and that was told
	failing bool       // the last commit has failed for the disk's sake
	news    *app.Event // what the audit does not have yet
}

func newDisk(dir string, log *slog.Logger) *disk {
	return &disk{dir: dir, log: log, free: freeSpace}
}

func (d *disk) path() string { return filepath.Join(d.dir, reserveFile) }

// keep sets how many bytes are reserved.
func (d *disk) keep(size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.want != size {
		d.want, d.tight = size, false
	}
	d.have = 0
	if info, err := os.Stat(d.path()); err == nil {
		d.have = info.Size() // somebody may have made room by hand
	}
	if d.have > size {
		d.drop()
	}
	d.look()
}

// check looks at the disk.
func (d *disk) check() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look()
}

func (d *disk) low() int64 { return min(d.want/2, lowWater) }

// look gives the reserve up when there is too little space, and makes it when there is enough. mu is held.
func (d *disk) look() {
	if d.want == 0 {
		d.full.Store(false)
		return
	}
	free, err := d.free(d.dir)
	if err != nil {
		return // the database says when there is none
	}
	switch {
	case !d.full.Load() && free < d.low():
		d.giveUp(free)
	case (d.have < d.want || d.full.Load()) && free >= d.want-d.have+2*d.low():
		d.make()
	case d.have < d.want && !d.full.Load() && !d.tight:
		d.tight = true
		d.log.Warn("there is not enough space for the reserve that limits.reserve_mb asks for", "free_mb", free>>20, "reserve_mb", d.want>>20)
	}
}

// giveUp lets the reserve go. mu is held.
func (d *disk) giveUp(free int64) {
	d.full.Store(true)
	d.drop()
	d.log.Error("the disk is full: no new mail and no sign-ups are taken until there is room again", "free_mb", free>>20)
	d.tell("storage_full", fmt.Sprintf("%d MB were free; the reserve was given up, and no new mail and no sign-ups are taken", free>>20))
}

// drop removes the reserve. mu is held.
func (d *disk) drop() {
	if err := os.Remove(d.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Error("the reserve of the disk cannot be given up", "err", err)
		return
	}
	d.have = 0
}

// make makes the reserve, and the disk is not full any more. mu is held.
func (d *disk) make() {
	if err := allocate(d.path(), d.want); err != nil {
		// There was space by the count, and is none by a quota.
		d.drop()
		return
	}
	d.have, d.tight = d.want, false
	if d.full.Swap(false) {
		d.log.Info("the disk has room again: new mail and sign-ups are taken")
		d.tell(app.OK, "there is room again; new mail and sign-ups are taken")
	}
}

func (d *disk) tell(outcome, detail string) {
	d.news = &app.Event{At: time.Now(), Actor: "foyer", Action: app.ActStorage, Outcome: outcome, Subject: d.dir, Detail: detail}
}

// takeNews returns an event that the audit does not have yet, or nil.
func (d *disk) takeNews() *app.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.news
	d.news = nil
	return news
}

// putBack takes an event back that could not be written.
func (d *disk) putBack(news *app.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.news == nil {
		d.news = news
	}
}

// isFailing reports whether the last commit has failed for the disk's sake.
func (d *disk) isFailing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failing
}

// committed takes into account how a commit has ended: a fault of the disk is told once, until there is a commit again. It reports
// whether the disk is in another state than before.
func (d *disk) committed(err error) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	se, _ := errors.AsType[sqlite3.Error](err)
	switch {
	case err == nil && d.failing:
		d.failing = false
		d.log.Info("the data can be written again")
	case err == nil || !isDiskFault(se):
		return false
	case se.Code == sqlite3.ErrFull && d.want > 0 && !d.full.Load():
		d.giveUp(0)
	case !d.failing:
		d.failing = true
		d.log.Error("the data cannot be written: nothing is taken and no mail leaves until they can", "err", err)
	default:
		return false
	}
	return true
}

func isDiskFault(err sqlite3.Error) bool {
	switch err.Code {
	case sqlite3.ErrFull, sqlite3.ErrReadonly, sqlite3.ErrIoErr, sqlite3.ErrCantOpen:
		return true
	default:
		return false
	}
}

// admit refuses what would begin anything new while the disk is full.
func (d *disk) admit() error {
	if !d.full.Load() {
		return nil
	}
	d.check()
	if !d.full.Load() {
		return nil
	}
	return app.Errorf(app.Unavailable, "storage_full", "the disk is full; nothing new is taken until there is room again")
}

// allocate makes a file of size bytes that are really there.
func allocate(path string, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if fallocate(f, size) == nil {
		return nil
	}
	// Random bytes: a file system that compresses would keep room for nothing else.
	if _, err := io.CopyN(f, rand.Reader, size); err != nil {
		return err
	}
	return f.Sync()
}

// Reserve keeps megabytes of the disk set aside; see app.AdminStore.
func (s *Store) Reserve(megabytes int) { s.disk.keep(int64(megabytes) << 20) }
