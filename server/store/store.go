// Package store keeps everything Foyer knows in one SQLite database. It is the only room with SQL. Its exported
// methods are whole units of work, one transaction each; no transaction crosses its border. The rooms above import
// it through the interfaces they declare; only the server package imports it to open it.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"

	"foyer/app"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config says where the store is and how its secrets are sealed.
type Config struct {
	Dir string // the data directory; it is made when it is missing
	Key []byte // seals secrets and mails at rest; see LoadKey
	Log *slog.Logger
	// Audited is told of every event of the audit once it is durable. It returns at once; nil is nobody.
	Audited func(ev app.Event)

	// Progress is told how far Open is: "check", and "migrate" with how many steps; nil is nobody.
	Progress app.Progress
	// Migrating is called before an existing database is brought up to date, to keep a backup of it; nil keeps none. An error
	// leaves everything as it is.
	Migrating func(ctx context.Context, db Source) error

	connected func(*sqlite3.SQLiteConn) // sees each connection that writes; for tests
	busy      time.Duration             // how long a write waits for another program, 0 for busyTimeout; for tests
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dir    string
	log    *slog.Logger
	seal   *sealer
	writer *writer
	disk   *disk
	writes *sql.DB // of the writer, once there is one
	reads  *sql.DB
	read   *handle
	noting sync.Mutex // guards marker once the writer runs
	marker marker
	opened bool // the marker says that the write-ahead log is needed
	ids    map[string]*atomic.Int64

	openWrites func() *sql.DB

	changes app.Changes
	audited func(ev app.Event) // or nil

	relays     backlog // of the writer alone
	lastDomain string  // where the last claim has ended; of the one who claims alone

	closing  sync.Once
	closeErr error
}

var _ app.Store = (*Store)(nil)

const (
	databaseFile  = "foyer.db"
	applicationID = 0x464f5952 // "FOYR"
	readers       = 8
)

// Open opens the database in the data directory, makes it on a first start and brings an older one up to date. A
// *DataError says in words why the directory cannot be used; then nothing in it was changed.
func Open(ctx context.Context, c Config) (*Store, error) {
	path := filepath.Join(c.Dir, databaseFile)
	if err := checkLibrary(); err != nil {
		return nil, err
	}
	mark, err := inspect(c.Dir, path, c.Log)
	if err != nil {
		return nil, err
	}
	seal, err := newSealer(c.Key)
	if err != nil {
		return nil, err
	}
	if c.Progress == nil {
		c.Progress = func(string, int64, int64) {}
	}
	s := &Store{dir: c.Dir, log: c.Log, seal: seal, marker: mark, audited: c.Audited, ids: map[string]*atomic.Int64{}}
	if err := s.open(ctx, path, c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string, c Config) error {
	if s.marker.missing {
		if err := create(ctx, path); err != nil {
			return err
		}
	}
	if !s.marker.missing {
		c.Progress("check", 0, 0)
		if err := s.check(ctx, path); err != nil {
			return err
		}
	}
	s.openWrites = func() *sql.DB { return openPool(dsn(path, c.writerParams()), c.checkWriter, 1) }
	s.writes = s.openWrites()
	if err := s.opening(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx, c); err != nil {
		return err
	}
	s.disk = newDisk(s.dir, s.log)
	if err := s.openWriter(ctx); err != nil {
		return err
	}
	s.reads = openPool(dsn(path, readerParams()), checkReader, readers)
	s.read = &handle{prepare: s.reads.PrepareContext}
	if err := s.loadIDs(); err != nil {
		return err
	}
	if err := s.fillNameKeys(ctx); err != nil {
		return dataErrorf(s.dir, err, "the database cannot be brought up to date")
	}
	return s.begin(ctx)
}

// check refuses a database that is damaged. It reads only, and leaves no file behind: without a write-ahead log the
// database is opened as immutable, which makes none.
func (s *Store) check(ctx context.Context, path string) (err error) {
	params := readerParams()
	if _, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) || s.marker.logless {
		params.Set("immutable", "1")
	}
	db := openPool(dsn(path, params), checkReader, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	if err != nil {
		return damaged(s.dir, err, "it cannot be read")
	}
	if verdict != "ok" {
		return damaged(s.dir, nil, verdict)
	}
	have, err := schemaOf(ctx, db)
	if err != nil {
		return damaged(s.dir, err, "its version cannot be read")
	}
	if newest := Schema(); have > newest {
		return dataErrorf(s.dir, nil, "the database is newer than this program (version %d, this program knows %d); install the newer foyer", have, newest)
	}
	var id string
	var starts, commits int64
	err = db.QueryRowContext(ctx, "SELECT id, starts FROM instance").Scan(&id, &starts)
	if err == nil && have >= schemaCommits {
		err = db.QueryRowContext(ctx, "SELECT commits FROM instance").Scan(&commits)
	}
	if s.marker.fresh {
		// A first start that was cut off before it wrote the marker has at most this one start behind it.
		if starts > 1 {
			return dataErrorf(s.dir, nil, "%s is missing beside %s; restore both from a backup", markerFile, databaseFile)
		}
		s.marker.ID = id
		return nil
	}
	switch {
	case err != nil:
		return damaged(s.dir, err, "it has no instance record")
	case id != s.marker.ID:
		return damaged(s.dir, nil, "it is not the database that "+markerFile+" beside it was written for")
	case starts < s.marker.Starts:
		return damaged(s.dir, nil, "changes that were durable are missing; has "+databaseFile+"-wal been deleted?")
	case s.marker.logless && commits < s.marker.Commits:
		return s.marker.logMissing(s.dir)
	case s.marker.logless:
		s.log.Warn("the write-ahead log was gone after an end that was not in order; the database has everything that was noted", "commits", commits)
	}
	return nil
}

// schemaCommits is the version of the database from which on it knows how often something was committed.
const schemaCommits = 9

// migrate brings the database up to date, each step in a transaction of its own that ends with its number: one that was cut
// off goes on where it was.
func (s *Store) migrate(ctx context.Context, c Config) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	have, err := schemaOf(ctx, s.writes)
	if err != nil {
		return dataErrorf(s.dir, err, "the database's version cannot be read")
	}
	if have == Schema() {
		return nil
	}
	if have > 0 && c.Migrating != nil {
		err := c.Migrating(ctx, Source{Dir: s.dir})
		if data, ok := errors.AsType[*DataError](err); ok {
			return data
		}
		if isBusy(err) {
			return dataErrorf(s.dir, err, "the database cannot be copied")
		}
		if err != nil {
			return dataErrorf(s.dir, nil, "the database has to be brought up to date, and a backup cannot be made before that, so nothing was changed: %s", app.MessageOf(err))
		}
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.writes, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return dataErrorf(s.dir, err, "the database cannot be brought up to date")
	}
	steps := Schema() - have
	for done := range steps {
		c.Progress("migrate", done, steps)
		if _, err := provider.UpByOne(ctx); err != nil {
			return dataErrorf(s.dir, err, "the database cannot be brought up to date from version %d; what was there is in %s", have+done, backupsDir)
		}
	}
	c.Progress("migrate", steps, steps)
	return nil
}

// backupsDir is where in the data directory backups are.
const backupsDir = "backups"

// Close ends the store after the work that was handed over. The database is one file then. A second call does nothing
// and returns what the first returned.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closeErr = s.closeDatabases() })
	return s.closeErr
}

func (s *Store) closeDatabases() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.read != nil {
		errs = append(errs, s.read.close())
	}
	if s.reads != nil {
		errs = append(errs, s.reads.Close())
	}
	if s.opened {
		errs = append(errs, s.settle(context.Background()))
	}
	if s.writes != nil {
		errs = append(errs, s.writes.Close())
	}
	return errors.Join(errs...)
}

// Ping returns nil when the database can be read and written, and the disk is not full. It waits no longer than ctx lasts:
// Unavailable, "storage_busy", when another program has the database for itself until then.
func (s *Store) Ping(ctx context.Context) error {
	if err := errorOf("check", s.writer.ask(ctx, probe)); err != nil {
		return err
	}
	return s.disk.admit()
}

// probe makes a transaction write. An UPDATE that gives a row what it has already leaves its page as it is, and the commit
// of a transaction without a changed page is nil on a disk that cannot be written (measured).
func probe(tx *handle) error {
	for _, statement := range []string{"UPDATE instance SET starts = starts + 1", "UPDATE instance SET starts = starts - 1"} {
		if _, err := tx.exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// write runs one unit of work; it is durable when write returns nil.
func (s *Store) write(ctx context.Context, doing string, work func(tx *handle) error) error {
	return errorOf(doing, s.writer.do(ctx, work))
}

// writeOrRefuse runs one unit of work that may end in a refusal of which something stays: a count, an audit event. The
// refusal cannot be the unit's own error, because that would undo them.
func (s *Store) writeOrRefuse(ctx context.Context, doing string, work func(tx *handle) (refused, err error)) error {
	var refused error
	err := s.write(ctx, doing, func(tx *handle) (err error) {
		refused, err = work(tx)
		return err
	})
	if err != nil {
		return err
	}
	return refused
}

// id returns the next id of a table. Ids are made here, so that the same SQL serves engines without a row id.
func (s *Store) id(table string) int64 { return s.ids[table].Add(1) }

func (s *Store) loadIDs() error {
	for table, query := range map[string]string{
		"company":      "SELECT COALESCE(MAX(id), 0) FROM company",
		"account":      "SELECT COALESCE(MAX(id), 0) FROM account",
		"registration": "SELECT COALESCE(MAX(id), 0) FROM registration",
		"connector":    "SELECT COALESCE(MAX(id), 0) FROM connector",
		"identity":     "SELECT COALESCE(MAX(id), 0) FROM identity",
		"message":      "SELECT COALESCE(MAX(id), 0) FROM message",
		"relayed":      "SELECT COALESCE(MAX(id), 0) FROM relayed",
		"audit":        "SELECT COALESCE(MAX(id), 0) FROM audit",
	} {
		var last int64
		if err := s.read.one(query, nil, &last); err != nil {
			return dataErrorf(s.dir, err, "the database cannot be read")
		}
		s.ids[table] = &atomic.Int64{}
		s.ids[table].Store(last)
	}
	return nil
}

// minimumSQLite is 3.51.3: every version from 3.7.0 to 3.51.2 can lose commits of a WAL database with two
// connections (the WAL-reset bug), and 3.52.0 was withdrawn.
const (
	minimumSQLite   = 3_051_003
	withdrawnSQLite = 3_052_000
)

func checkLibrary() error {
	name, number, _ := sqlite3.Version()
	if number < minimumSQLite || number == withdrawnSQLite {
		return &DataError{Message: fmt.Sprintf("this program was built with SQLite %s, which can lose data; build it with 3.51.3 or newer, without the tag libsqlite3", name)}
	}
	return nil
}

// LibraryVersion returns the version of SQLite, as in "3.54.1".
func LibraryVersion() string {
	name, _, _ := sqlite3.Version()
	return name
}

// create makes the database file: private before SQLite sees it, marked as ours in its header, and under its name only
// when it is both.
func create(ctx context.Context, path string) error {
	dir, unfinished := filepath.Dir(path), path+".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return dataErrorf(dir, err, "the database cannot be created")
	}
	f, err := os.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return dataErrorf(dir, err, "the database cannot be created")
	}
	if err := f.Close(); err != nil {
		return dataErrorf(dir, err, "the database cannot be created")
	}
	db := openPool(dsn(unfinished, url.Values{"_synchronous": {"FULL"}}), nil, 1)
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID))
	if err = errors.Join(err, db.Close()); err == nil {
		err = os.Rename(unfinished, path)
	}
	if err != nil {
		return dataErrorf(dir, err, "the database cannot be created")
	}
	return nil
}
