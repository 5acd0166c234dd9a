package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
)

// busyTimeout is how long is waited for another program that has the database for itself.
const busyTimeout = 10 * time.Second

func (c Config) writerParams() url.Values {
	return url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"}, "_busy_timeout": {millisOf(c.writerBusy())},
		"_foreign_keys": {"on"}, "_secure_delete": {"on"},
	}
}

func (c Config) writerBusy() time.Duration { return cmp.Or(c.busy, busyTimeout) }

func readerParams() url.Values {
	return url.Values{"mode": {"ro"}, "_query_only": {"on"}, "_busy_timeout": {millisOf(busyTimeout)}, "_foreign_keys": {"on"}}
}

// millisOf returns a duration as SQLite takes it.
func millisOf(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func (c Config) checkWriter(conn *sqlite3.SQLiteConn) error {
	if c.connected != nil {
		c.connected(conn)
	}
	return checkWriter(conn, c.writerBusy())
}

// dsn returns the data source name in the file: form: with a plain path go-sqlite3 cuts off what follows the "?",
// and "app.db?mode=ro" creates and writes a database.
func dsn(path string, params url.Values) string {
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: params.Encode()}).String()
}

// connector opens connections with a hook of our own, without registering a driver for the whole process.
type connector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c connector) Driver() driver.Driver                        { return c.driver }

func openPool(dsn string, check func(*sqlite3.SQLiteConn) error, size int) *sql.DB {
	db := sql.OpenDB(connector{&sqlite3.SQLiteDriver{ConnectHook: check}, dsn})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxLifetime(0)
	return db
}

// checkWriter and checkReader set what has no DSN key and read back what has one: misspelt DSN parameters are
// ignored without a word, and go-sqlite3 sets synchronous=NORMAL unless told otherwise, which loses acknowledged
// commits at a power cut.
func checkWriter(conn *sqlite3.SQLiteConn, busy time.Duration) error {
	for _, pragma := range []string{
		"PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON", "PRAGMA journal_size_limit = 67108864",
		"PRAGMA wal_autocheckpoint = 4000", "PRAGMA fullfsync = ON", "PRAGMA checkpoint_fullfsync = ON",
	} {
		if _, err := conn.Exec(pragma, nil); err != nil {
			return fmt.Errorf("%s: %w", pragma, err)
		}
	}
	return readBack(conn, map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": millisOf(busy), "secure_delete": "1",
	})
}

func checkReader(conn *sqlite3.SQLiteConn) error {
	if _, err := conn.Exec("PRAGMA trusted_schema = OFF", nil); err != nil {
		return err
	}
	return readBack(conn, map[string]string{"query_only": "1", "foreign_keys": "1", "busy_timeout": millisOf(busyTimeout)})
}

func readBack(conn *sqlite3.SQLiteConn, want map[string]string) error {
	for name, value := range want {
		got, err := pragma(conn, name)
		if err != nil {
			return fmt.Errorf("read PRAGMA %s: %w", name, err)
		}
		if got != value {
			return fmt.Errorf("PRAGMA %s is %s, not %s", name, got, value)
		}
	}
	return nil
}

func pragma(conn *sqlite3.SQLiteConn, name string) (value string, err error) {
	rows, err := conn.Query("PRAGMA "+name, nil)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, 1)
	if err := rows.Next(row); err != nil {
		return "", err
	}
	return fmt.Sprint(row[0]), nil
}
