package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// Source is the database of a data directory, whether or not it is open as a Store.
type Source struct {
	Dir  string
	Idle bool // nobody has it open, and nobody will
}

func (s Source) path() string { return filepath.Join(s.Dir, databaseFile) }

// open opens the database to be read. It is not query-only: VACUUM INTO would be refused. That of nobody is opened so that no file
// is left behind, unless it has a write-ahead log.
func (s Source) open() *sql.DB {
	params := url.Values{"mode": {"ro"}, "_busy_timeout": {millisOf(busyTimeout)}}
	if _, err := os.Stat(s.path() + "-wal"); s.Idle && errors.Is(err, fs.ErrNotExist) {
		params.Set("immutable", "1")
	}
	return openPool(dsn(s.path(), params), nil, 1)
}

// Setting returns a setting as it is stored, "" when it is not.
func (s Source) Setting(ctx context.Context, key string) (value string, err error) {
	db := s.open()
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, rewrite("SELECT value FROM setting WHERE key = $1"), key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, errorOf("read setting", err)
}

// Size returns how many bytes a copy of the database takes.
func (s Source) Size(ctx context.Context) (size int64, err error) {
	db := s.open()
	defer func() { err = errors.Join(err, db.Close()) }()
	return size, damagedCopy(sizeOf(ctx, db, &size))
}

func sizeOf(ctx context.Context, db *sql.DB, size *int64) error {
	return db.QueryRowContext(ctx, "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size").Scan(size)
}

// infoTable is in a copy only, and says what has made it.
const infoTable = "backup_info"

// Copy writes the database as it is at this moment, compact and without what was deleted, into a file that is made for it. Others
// may read and write meanwhile. The copy is checked and durable when Copy returns; it says what made it: Reason, At and Version
// of made, of which it returns Schema and Size as well. The steps are "copy" and "check". Unavailable, "backup_no_room", when
// there is too little space; Invalid, "backup_damaged", when the database is damaged. Then there is no file.
func (s Source) Copy(ctx context.Context, to string, made app.Backup, progress app.Progress) (_ app.Backup, err error) {
	if why, err := headerFault(s.path()); err != nil || why != "" {
		return made, damagedBackup(why, err)
	}
	db := s.open()
	defer func() { err = errors.Join(err, db.Close()) }()
	var size int64
	if err := sizeOf(ctx, db, &size); err != nil {
		return made, damagedCopy(err)
	}
	if err := Room(filepath.Dir(to), size); err != nil {
		return made, err
	}
	// SQLite would make it readable for everybody.
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return made, notWritten(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeCopy(to))
		}
	}()
	if err := f.Close(); err != nil {
		return made, notWritten(err)
	}
	done := watchSize(to, size, progress)
	_, err = db.ExecContext(ctx, rewrite("VACUUM INTO $1"), to)
	done()
	if err != nil {
		return made, damagedCopy(err)
	}
	if err := stamp(ctx, to, &made, progress); err != nil {
		return made, damagedCopy(err)
	}
	return made, notWritten(syncFile(to, &made.Size))
}

// Copy is Source.Copy of the open database.
func (s *Store) Copy(ctx context.Context, to string, made app.Backup, progress app.Progress) (app.Backup, error) {
	return Source{Dir: s.dir}.Copy(ctx, to, made, progress)
}

// spare is what must stay free beside a copy, so that the service goes on.
const spare = 2 * lowWater

// Room returns Unavailable, "backup_no_room", when a directory's disk has no room for a file of size bytes.
func Room(dir string, size int64) error {
	free, err := freeSpace(dir)
	if err != nil || free >= size+spare {
		return nil //nolint:nilerr // where the free space is not known, the disk says when there is none
	}
	need, has := (size+spare)>>20, free>>20
	return app.Errorf(app.Unavailable, "backup_no_room", "%d MB are needed on the disk of %s, and %d MB are free: make room, remove old backups for example", need, dir, has).
		With("Need", strconv.FormatInt(need, 10)).With("Free", strconv.FormatInt(has, 10)).With("Dir", dir)
}

// watchSize tells how much of a file of about size bytes is written until the function it returns is called.
func watchSize(path string, size int64, progress app.Progress) (stop func()) {
	progress("copy", 0, size)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				if info, err := os.Stat(path); err == nil {
					progress("copy", min(info.Size(), size), size)
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// stamp writes into a copy what has made it, and has SQLite look at all of it.
func stamp(ctx context.Context, path string, made *app.Backup, progress app.Progress) (err error) {
	db := openPool(dsn(path, url.Values{"_synchronous": {"FULL"}, "_secure_delete": {"on"}}), nil, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if made.Schema, err = schemaOf(ctx, db); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // harmless after the commit
	for _, statement := range []string{
		"DROP TABLE IF EXISTS " + infoTable,
		"CREATE TABLE " + infoTable + " (version TEXT NOT NULL, schema BIGINT NOT NULL, instance TEXT NOT NULL, reason TEXT NOT NULL, at BIGINT NOT NULL)",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, rewrite("INSERT INTO "+infoTable+" (version, schema, instance, reason, at) VALUES ($1, $2, COALESCE((SELECT id FROM instance), ''), $3, $4)"),
		made.Version, made.Schema, made.Reason, millis(made.At))
	if err = errors.Join(err, tx.Commit()); err != nil {
		return err
	}
	return integrity(ctx, db, progress)
}

// integrity has SQLite look at every page and every index.
func integrity(ctx context.Context, db *sql.DB, progress app.Progress) error {
	progress("check", 0, 0)
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return damagedBackup(verdict, nil)
	}
	return nil
}

// schemaOf returns the version of a database, 0 when it has no tables yet.
func schemaOf(ctx context.Context, db *sql.DB) (version int64, err error) {
	if there, err := hasTable(ctx, db, "goose_db_version"); err != nil || !there {
		return 0, err
	}
	err = db.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version)
	return version, err
}

// queryer is a database or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func hasTable(ctx context.Context, db queryer, name string) (there bool, err error) {
	err = db.QueryRowContext(ctx, rewrite("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1)"), name).Scan(&there)
	return there, err
}

// Schema returns the version of the database that this program works with.
func Schema() int64 {
	var newest int64
	entries, err := fs.ReadDir(migrations, "migrations")
	if err != nil {
		return 0 // it is embedded
	}
	for _, entry := range entries {
		number, _, _ := strings.Cut(entry.Name(), "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

func syncFile(path string, size *int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		*size = info.Size()
	}
	return errors.Join(err, f.Sync(), f.Close())
}

func removeCopy(path string) error {
	var errs []error
	for _, name := range []string{path, path + "-journal"} {
		if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func notWritten(err error) error {
	if err == nil {
		return nil
	}
	return &app.Error{Code: app.Unavailable, Reason: "backup_not_written", Message: "the backup cannot be written: " + err.Error(), Args: map[string]string{"Why": err.Error()}, Err: err}
}

// damagedBackup returns the error of a database that is no good.
func damagedBackup(why string, err error) error {
	if why == "" && err != nil {
		why = err.Error()
	}
	return &app.Error{Code: app.Invalid, Reason: "backup_damaged", Message: "it is damaged: " + why, Args: map[string]string{"Why": why}, Err: err}
}

// damagedCopy translates what kept a database from being read.
func damagedCopy(err error) error {
	se, _ := errors.AsType[sqlite3.Error](err)
	if se.Code == sqlite3.ErrCorrupt || se.Code == sqlite3.ErrNotADB {
		return damagedBackup("", err)
	}
	return errorOf("copy the database", err)
}

// Examine returns what a copy of the database holds, after SQLite has looked at all of it. It only reads. The result has no name,
// sum or size. The step is "check". Invalid, "backup_damaged" or "backup_foreign"; Conflict, "backup_newer".
func Examine(ctx context.Context, path string, progress app.Progress) (_ app.BackupCheck, err error) {
	var c app.BackupCheck
	if why, err := headerFault(path); err != nil || why != "" {
		if why == foreignHeader {
			return c, app.Errorf(app.Invalid, "backup_foreign", "it is the database of another program")
		}
		return c, damagedBackup(why, err)
	}
	params := readerParams()
	params.Set("immutable", "1")
	db := openPool(dsn(path, params), checkReader, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := integrity(ctx, db, progress); err != nil {
		return c, damagedCopy(err)
	}
	// Foyer has neither, and they would act when the copy is made ready. SQLite goes by the statement, in upper or lower case.
	var others int
	err = db.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type NOT IN ('table', 'index') OR
	sql IS NOT NULL AND sql NOT LIKE 'CREATE TABLE %' AND sql NOT LIKE 'CREATE INDEX %' AND sql NOT LIKE 'CREATE UNIQUE INDEX %'`).Scan(&others)
	if err != nil {
		return c, damagedCopy(err)
	}
	if others > 0 {
		return c, app.Errorf(app.Invalid, "backup_foreign", "somebody has put triggers or views into it; Foyer has none")
	}
	if c.Schema, err = schemaOf(ctx, db); err != nil {
		return c, damagedCopy(err)
	}
	if newest := Schema(); c.Schema > newest {
		return c, app.Errorf(app.Conflict, "backup_newer", "it is of a newer Foyer (version %d of the database, this program knows %d): install the newer foyer", c.Schema, newest)
	}
	if c.Schema == 0 {
		return c, app.Errorf(app.Invalid, "backup_foreign", "there is nothing of Foyer's in it")
	}
	err = db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM company), (SELECT COUNT(*) FROM account),
	(SELECT COUNT(*) FROM message WHERE state IN ('queued', 'sending', 'deferred', 'held'))`).Scan(&c.Companies, &c.Accounts, &c.Messages)
	if err != nil {
		return c, damagedCopy(err)
	}
	return c, damagedCopy(readInfo(ctx, db, &c))
}

func readInfo(ctx context.Context, db *sql.DB, c *app.BackupCheck) error {
	if there, err := hasTable(ctx, db, infoTable); err != nil || !there {
		return err
	}
	var at int64
	err := db.QueryRowContext(ctx, "SELECT version, at FROM "+infoTable).Scan(&c.Version, &at)
	c.At = timeOf(at)
	return err
}

// Restored says what is written into a database that takes the place of another.
type Restored struct {
	Actor  string
	Detail string
	At     time.Time
}

// deadLinks are the kinds of mails that hold a link or a code which a restore makes worthless.
const deadLinks = "'confirm', 'reset', 'link_code'"

// PrepareRestored makes a copy ready to take the place of a database: mail is held, nobody is signed in, and no link or code
// that was sent is worth anything any more. Registrations stay, and can be sent a new mail. The copy becomes an instance of its
// own; its marker is written beside it. What it says of its making is taken out.
func PrepareRestored(ctx context.Context, path string, r Restored) (err error) {
	db := openPool(dsn(path, url.Values{"_synchronous": {"FULL"}, "_foreign_keys": {"on"}, "_secure_delete": {"on"}}), nil, 1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return errors.Join(damagedCopy(err), db.Close())
	}
	mark := marker{ID: string(app.NewToken())}
	err = prepareRestored(ctx, tx, mark.ID, r)
	if err == nil {
		err = tx.Commit()
	} else {
		err = errors.Join(err, tx.Rollback())
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return damagedCopy(err)
	}
	return errors.Join(syncFile(path, new(int64)), mark.save(filepath.Dir(path)))
}

func prepareRestored(ctx context.Context, tx *sql.Tx, id string, r Restored) error {
	for _, step := range []struct {
		table, statement string
		args             []any
	}{
		{"", "DROP TABLE IF EXISTS " + infoTable, nil},
		{"", "DELETE FROM session", nil},
		{"", "DELETE FROM reset_link", nil},
		{"link_code", "DELETE FROM link_code", nil},
		{"", "UPDATE registration SET token_hash = randomblob(32), code_hash = randomblob(32)", nil},
		{"", `UPDATE message SET state = 'failed', reply = 'a backup was restored: the link in this mail is not valid any more', next_attempt = NULL,
	lease_until = NULL, ended_at = $1
WHERE state IN ('queued', 'sending', 'deferred', 'held') AND kind IN (` + deadLinks + ")", []any{millis(r.At)}},
		{"", "INSERT INTO setting (key, value) VALUES ('mail.hold', 'on') ON CONFLICT (key) DO UPDATE SET value = excluded.value", nil},
		{"", "DELETE FROM instance", nil},
		{"", "INSERT INTO instance (id, starts) VALUES ($1, 0)", []any{id}},
		{"", `INSERT INTO audit (id, at, actor, ip, action, outcome, subject, company, entry, detail)
VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM audit), $1, $2, '', $3, 'ok', '', '', '', $4)`, []any{millis(r.At), r.Actor, string(app.ActBackupRestore), r.Detail}},
	} {
		if step.table != "" {
			if there, err := hasTable(ctx, tx, step.table); err != nil || !there {
				if err != nil {
					return err
				}
				continue
			}
		}
		if _, err := tx.ExecContext(ctx, rewrite(step.statement), step.args...); err != nil {
			return fmt.Errorf("%s: %w", cmp.Or(step.table, step.statement), err)
		}
	}
	return nil
}

// Lost returns what in a database was sealed by another key than this one, and has to be entered anew: keys of settings, names of
// connectors and algorithms of DKIM keys, each with what it is in front.
func Lost(ctx context.Context, path string, key []byte) (lost []string, err error) {
	seal, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	params := readerParams()
	params.Set("immutable", "1")
	db := openPool(dsn(path, params), checkReader, 1)
	defer func() { err = errors.Join(err, db.Close()) }()
	lost, err = seal.lost(ctx, db)
	return lost, errorOf("read what is sealed", err)
}

// Lost is Lost of the open database with its own key.
func (s *Store) Lost(ctx context.Context) ([]string, error) {
	lost, err := s.seal.lost(ctx, s.reads)
	return lost, errorOf("read what is sealed", err)
}

// lost returns what this sealer cannot open in a database of any version.
func (s *sealer) lost(ctx context.Context, db *sql.DB) (lost []string, err error) {
	for _, kind := range []struct {
		table, query, word string
		opens              func(id int64, name, value string) error
	}{
		{"setting", "SELECT 0, key, value FROM setting ORDER BY key", "the setting ", func(_ int64, name, value string) error {
			if !isSecret(name) {
				return nil
			}
			_, err := s.openText(value, place(name))
			return err
		}},
		{"connector", "SELECT id, name, client_secret FROM connector WHERE client_secret <> '' ORDER BY name", "the client secret of the connector ", func(id int64, _, value string) error {
			_, err := s.openText(value, secretPlace(id))
			return err
		}},
		{"dkim_key", "SELECT 0, algorithm, private_key FROM dkim_key ORDER BY algorithm", "the DKIM key ", func(_ int64, name, value string) error {
			_, err := s.open([]byte(value), dkimPlace(name))
			return err
		}},
	} {
		there, err := hasTable(ctx, db, kind.table)
		if err != nil {
			return nil, err
		}
		if !there {
			continue
		}
		names, err := unopened(ctx, db, kind.query, kind.opens)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			lost = append(lost, kind.word+name)
		}
	}
	return lost, nil
}

// unopened returns the names of the rows whose value cannot be opened.
func unopened(ctx context.Context, db *sql.DB, query string, opens func(id int64, name, value string) error) (names []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		var name, value string
		if err := rows.Scan(&id, &name, &value); err != nil {
			return nil, err
		}
		if opens(id, name, value) != nil {
			names = append(names, name)
		}
	}
	return names, rows.Err()
}
