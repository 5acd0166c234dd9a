package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// markerFile stands beside the database and says that there is one: SQLite opens an empty file without an error, and
// a truncated database would greet the administrator as a fresh install.
const markerFile = "instance.json"

type marker struct {
	ID      string `json:"id"`
	Starts  int64  `json:"starts"`            // how often the service has started; the database knows it too
	Commits int64  `json:"commits,omitempty"` // how often something was committed, up to noteEvery ago; the database knows it too
	State   string `json:"state,omitempty"`   // one of those below; "" is stateClosed

	fresh   bool // there is no marker file yet
	missing bool // and no database either
	logless bool // the write-ahead log is not there although it should be
}

// What the marker says of the write-ahead log. What was acknowledged may be in it alone, and SQLite opens a database without it, and
// with an older state of everything, as if nothing were missing. SQLite deletes it when the last connection is closed in order.
const (
	stateOpening = "opening" // it is there, and may be empty yet
	stateOpen    = "open"    // it is there, and not empty
	stateClosed  = "closed"  // all of it is in the database too
)

// noteEvery is how long the marker may be behind the commits of the database.
const noteEvery = time.Second

func readMarker(dir string) (marker, error) {
	data, err := os.ReadFile(filepath.Join(dir, markerFile))
	if err != nil {
		return marker{}, err
	}
	var m marker
	if err := json.Unmarshal(data, &m); err != nil {
		return marker{}, fmt.Errorf("decode: %w", err)
	}
	return m, nil
}

// save replaces the marker file in one step that a crash cannot halve.
func (m marker) save(dir string) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := ReplaceFile(filepath.Join(dir, markerFile), data); err != nil {
		return dataErrorf(dir, err, "%s cannot be written", markerFile)
	}
	return nil
}

// missesLog reports whether the write-ahead log is not there although the database was not closed in order. That is so, too, when another
// program has had the database open since: SQLite brings the log into the database then, and deletes it. It deletes the file that is
// shared by those who have it open before that, so where that one is left, somebody else has deleted the log: an error.
func (m marker) missesLog(dir, path string) (bool, error) {
	if m.State != stateOpening && m.State != stateOpen {
		return false, nil
	}
	info, err := os.Stat(path + "-wal")
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, dataErrorf(dir, err, "%s-wal cannot be read", databaseFile)
	case err == nil:
		return info.Size() == 0 && m.State == stateOpen, nil
	}
	if _, err := os.Lstat(path + "-shm"); err == nil {
		return true, m.logMissing(dir)
	}
	return true, nil
}

func (m marker) logMissing(dir string) error {
	return dataErrorf(dir, nil, `the service did not end in order, and %s-wal is missing or empty, in which its last changes are; nothing was changed: put it back, `+
		`or restore the newest backup (foyer backup restore), or write "%s" for "%s" into %s to go on without those changes`,
		databaseFile, stateClosed, m.State, markerFile)
}

// note has the marker know how often something was committed.
func (s *Store) note(commits int64) {
	s.noting.Lock()
	defer s.noting.Unlock()
	if s.marker.ID == "" || s.marker.Commits >= commits {
		return
	}
	s.marker.Commits = commits
	if err := s.marker.save(s.dir); err != nil {
		s.log.Debug("the commits are not noted", "err", err) // the disk tells by itself what is the matter with it
	}
}

// opening has the marker say, before anything is written, that the write-ahead log is needed from now on. A first start has nothing
// to lose yet, and its marker is written when the database knows whose it is.
func (s *Store) opening(ctx context.Context) error {
	if s.marker.ID == "" {
		return nil
	}
	// Reading makes the write-ahead log, or takes up the one that is there. Its name is durable with that of the marker, which comes
	// after it.
	s.opened = true
	if _, err := schemaOf(ctx, s.writes); err != nil {
		return dataErrorf(s.dir, err, "the database cannot be read")
	}
	if s.marker.State == stateOpen {
		return nil
	}
	s.marker.State = stateOpening
	return s.marker.save(s.dir)
}

// begin records this start in the database and then in the marker file: a database that knows of fewer starts than
// the marker has lost its write-ahead log.
func (s *Store) begin(ctx context.Context) error {
	id := s.marker.ID
	fresh := id == ""
	if fresh {
		id = string(app.NewToken())
	}
	var starts int64
	err := s.write(ctx, "record the start", func(tx *handle) error {
		if fresh {
			if _, err := tx.exec("INSERT INTO instance (id, starts) VALUES ($1, 0)", id); err != nil {
				return err
			}
		}
		return tx.one("UPDATE instance SET starts = starts + 1 RETURNING starts", nil, &starts)
	})
	if err != nil {
		return dataErrorf(s.dir, err, "the database cannot be written")
	}
	s.noting.Lock()
	defer s.noting.Unlock()
	s.opened = true
	s.marker.ID, s.marker.Starts, s.marker.State = id, starts, stateOpen // not before it is durable
	return s.marker.save(s.dir)
}

// settle brings all of the write-ahead log into the database, and then has the marker say so. It comes after the last write. Where
// that cannot be, because another program still reads what was before, or for the disk's sake, the log is kept and stays needed.
func (s *Store) settle(ctx context.Context) (err error) {
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// It waits for nobody.
	var busy, frames, moved int64
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved)
	if err == nil && busy == 0 && frames == moved {
		closed := s.marker
		closed.State = stateClosed
		if err = closed.save(s.dir); err == nil {
			return nil
		}
	}
	s.log.Warn("the write-ahead log stays beside the database; do not delete it", "frames", frames, "moved", moved, "err", err)
	return conn.Raw(keepLog)
}

// persistWAL is SQLITE_FCNTL_PERSIST_WAL (sqlite.org/c3ref/c_fcntl_begin_atomic_write.html).
const persistWAL = 10

// keepLog has SQLite leave the write-ahead log as it is when the connection is closed. A limit of its size would empty it.
func keepLog(raw any) error {
	conn, ok := raw.(*sqlite3.SQLiteConn)
	if !ok {
		return fmt.Errorf("a connection of type %T", raw)
	}
	if _, err := conn.Exec("PRAGMA journal_size_limit = -1", nil); err != nil {
		return err
	}
	return conn.SetFileControlInt("main", persistWAL, 1)
}
