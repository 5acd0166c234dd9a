package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/store"
)

// filled returns a data directory with a company, an account, a secret and a mail in it, as an orderly stop leaves it.
func filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	w := world{t, s}
	w.company("Acme", "acme.example")
	w.account("jane@acme.example")
	for range 200 {
		w.signUp("more@acme.example")
	}
	if err := s.SaveSettings(t.Context(), map[string]string{"mail.password": secret}, admin); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

const secret = "CANARY-mail-password"

func reopen(ctx context.Context, dir string) error {
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return s.Close()
}

// TestStartUpFaults damages the data directory in each way and wants a sentence about it and every file as it was.
func TestStartUpFaults(t *testing.T) {
	db := func(dir string) string { return filepath.Join(dir, "foyer.db") }
	for _, test := range []struct {
		name   string
		damage func(dir string) error
		says   string
	}{
		{"empty file", func(dir string) error { return os.Truncate(db(dir), 0) }, "damaged: foyer.db is empty"},
		{"missing file", func(dir string) error { return os.Remove(db(dir)) }, "foyer.db is missing"},
		{"header cut", func(dir string) error { return os.Truncate(db(dir), 60) }, "shorter than a database's header"},
		{"file cut", func(dir string) error { return os.Truncate(db(dir), 40_000) }, "damaged"},
		{"header overwritten", func(dir string) error { return overwrite(db(dir), 0, []byte("not a database at all")) }, "not an SQLite database"},
		{"pages overwritten", func(dir string) error { return overwrite(db(dir), 3*4096, bytes.Repeat([]byte{0xa5}, 8*4096)) }, "damaged"},
		{"another program's", func(dir string) error {
			return errors.Join(os.Remove(db(dir)), otherDatabase(db(dir)))
		}, "belongs to another program"},
		{"a directory", func(dir string) error { return errors.Join(os.Remove(db(dir)), os.Mkdir(db(dir), 0o700)) }, "not a file"},
		{"marker missing", func(dir string) error {
			// Two starts are behind it, so this is no first start that was cut off.
			return errors.Join(reopen(t.Context(), dir), os.Remove(filepath.Join(dir, "instance.json")))
		}, "instance.json is missing"},
		{"marker of another", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "instance.json"), []byte(`{"id":"x","starts":1}`), 0o600)
		}, "not the database that instance.json"},
		{"marker damaged", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "instance.json"), []byte(`{`), 0o600)
		}, "instance.json cannot be read"},
		{"older than its marker", func(dir string) error {
			data, err := os.ReadFile(filepath.Join(dir, "instance.json"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "instance.json"), bytes.Replace(data, []byte(`"starts":1`), []byte(`"starts":9`), 1), 0o600)
		}, "changes that were durable are missing"},
		{"key missing", func(dir string) error { return os.Remove(filepath.Join(dir, "secret.key")) }, "secret.key is missing"},
		{"key damaged", func(dir string) error { return os.WriteFile(filepath.Join(dir, "secret.key"), []byte("x"), 0o600) }, "secret.key is damaged"},
		{"newer schema", func(dir string) error {
			return direct(db(dir), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		}, "newer than this program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t)
			if err := test.damage(dir); err != nil {
				t.Fatal(err)
			}
			before := hashes(t, dir)
			err := reopen(context.Background(), dir)
			data, ok := errors.AsType[*store.DataError](err)
			if !ok || !strings.Contains(data.Message, test.says) || !strings.Contains(data.Message, dir) {
				t.Errorf("error %v, want a DataError that says %q and names %s", err, test.says, dir)
			}
			if after := hashes(t, dir); after != before {
				t.Errorf("the refusal changed the directory:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

func TestEmptyFileIsNoFreshInstall(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "foyer.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := reopen(t.Context(), dir); err == nil {
		t.Error("an empty database was taken for a fresh install")
	}
}

func TestFirstStartCutOff(t *testing.T) {
	dir := filled(t)
	if err := os.Remove(filepath.Join(dir, "instance.json")); err != nil {
		t.Fatal(err)
	}
	if err := reopen(t.Context(), dir); err != nil {
		t.Errorf("a first start that was cut off before its marker: %v", err)
	}
	if err := reopen(t.Context(), dir); err != nil {
		t.Errorf("the start after it: %v", err)
	}
}

func overwrite(path string, at int64, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, at)
	return errors.Join(err, f.Close())
}

func otherDatabase(path string) error {
	return direct(path, "CREATE TABLE theirs (x INTEGER)")
}

// direct runs a statement on a database file behind the store's back, and leaves no write-ahead log.
func direct(path, statement string) error {
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), statement)
	return errors.Join(err, db.Close())
}

// hashes returns a line a file: name, mode and SHA-256.
func hashes(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		b.WriteString(d.Name() + " " + hex.EncodeToString(sum[:8]) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	world{t, s}.company("Acme")
	check := func() {
		t.Helper()
		if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
			t.Errorf("the directory has mode %v", info.Mode())
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) < 5 {
			t.Fatalf("%d files, %v", len(entries), err)
		}
		for _, entry := range entries {
			if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v (%v)", entry.Name(), info.Mode(), err)
			}
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"foyer.db", "secret.key"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	for _, want := range []int{3, 0} {
		said.Reset()
		key, err := store.LoadKey(dir, log)
		if err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(t.Context(), store.Config{Dir: dir, Key: key, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		check()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(said.String(), "level=WARN"); got != want {
			t.Errorf("%d warnings, want %d:\n%s", got, want, &said)
		}
	}
}

// TestSecretsAtRest looks for what a copied database must not give away: passwords of others' servers, and the links
// and codes in mails, also after they were changed or deleted.
func TestSecretsAtRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	w := world{t, s}
	w.company("Acme", "acme.example")
	_, first := w.signUp("jane@acme.example")
	_, second := w.signUp("jane@acme.example")
	for _, password := range []string{secret, secret + "2"} {
		if err := s.SaveSettings(t.Context(), map[string]string{"mail.password": password}, admin); err != nil {
			t.Fatal(err)
		}
	}
	search := func(when string) {
		t.Helper()
		for _, name := range []string{"foyer.db", "foyer.db-wal"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			for _, canary := range []string{secret, string(first), string(second), " secret "} {
				if bytes.Contains(data, []byte(canary)) {
					t.Errorf("%s: %s contains %q", when, name, canary)
				}
			}
			if when == "running" && name == "foyer.db-wal" && !bytes.Contains(data, []byte("jane@acme.example")) {
				t.Error("the search finds nothing at all: the test is blind")
			}
		}
	}
	search("running")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	search("stopped")
	again := open(t, dir)
	if got, err := again.Settings(t.Context()); err != nil || got["mail.password"] != secret+"2" {
		t.Errorf("after a restart the password is %q, %v", got["mail.password"], err)
	}
}

// TestDamagedMessage has one mail whose data is gone: it is failed with a reason, and the others go on.
func TestDamagedMessage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	w := world{t, s}
	w.company("Acme", "acme.example")
	for _, email := range []string{"a@acme.example", "b@acme.example", "c@acme.example"} {
		w.signUp(email)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "foyer.db")
	if err := errors.Join(direct(path, "DELETE FROM message_data WHERE message_id = 1"),
		direct(path, "UPDATE message_data SET data = (SELECT data FROM message_data WHERE message_id = 3) WHERE message_id = 2")); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	_, claimed, err := s.Advance(t.Context(), nil, app.Claim{Now: start.Add(time.Minute), Limit: 10, Lease: time.Minute, Backoff: func(int) time.Duration { return time.Minute }})
	if err != nil || len(claimed) != 1 || claimed[0].Recipient.String() != "c@acme.example" {
		t.Errorf("claimed %d, %v; want the one that can be read", len(claimed), err)
	}
	failed, err := s.Messages(t.Context(), app.MessageQuery{State: app.MessageFailed, Limit: 10})
	if err != nil || len(failed) != 2 || !strings.Contains(failed[0].Reply, "damaged") {
		t.Errorf("%d failed, %v; want two with a reason", len(failed), err)
	}
}

func TestRestart(t *testing.T) {
	dir := filled(t)
	s := open(t, dir)
	w := world{t, s}
	if a, err := s.AccountByEmail(t.Context(), address(t, "jane@acme.example")); err != nil || a.Company != "Acme" {
		t.Errorf("account after a restart: %+v, %v", a, err)
	}
	before := w.messages()[0].ID
	if d, _ := w.signUp("next@acme.example"); d.Message.ID != before+1 {
		t.Errorf("the id after %d is %d", before, d.Message.ID)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.AddEvent(ctx, app.Event{}); err == nil || ctx.Err() != nil {
		t.Errorf("writing to a closed store: %v", err)
	}
}

// TestMigrationsAreFrozen holds the hash of each migration that was shipped: databases in the field were made by
// these very texts, and an edit would leave two kinds of them. A new migration gets a line of its own here.
func TestMigrationsAreFrozen(t *testing.T) {
	shipped := map[string]string{
		"0001_begin.sql":       "f50bd28a2022487c58b2f167910ed4bb1f9aabd7e2f06e851e4c350237cbb0a9",
		"0002_connectors.sql":  "76272a45c90df1b4c76303d230af2b569507b09f5c05323bf3a9703d24e22e47",
		"0003_dkim.sql":        "1a3e168fc7db27a5bbeaa878554a5a1f5fde30f23e0147fe0b22c6be69a6d264",
		"0004_suppression.sql": "5d0f53e729762e02ac9a43f5130879c5fe2c35a38b1a6271852b944460bdf34c",
		"0005_relay.sql":       "ec42db9ce1549b32b79b58c872f886c99ecdbed36a0eeebc937a5617b478009f",
		"0006_mail_tls.sql":    "8a209f2d9ef081fc3452c8673b90eaf04d6a6e3f55301dbcda9299ddd2520183",
		"0007_programs.sql":    "36cd4d31af4aae983929003f41ce8ec2b1e3e272da19650cc7cebc9927afd75e",
		"0008_people.sql":      "2c986c908dfa6a4d75348fed5cc4217b37cef1df6f7f9dce7a012233f9541685",
		"0009_commits.sql":     "cde68bc1ff834feec3e2c7fd648834f26175d3426ab62607a5902f5a5e808602",
	}
	files, err := os.ReadDir("migrations")
	if err != nil || len(files) != len(shipped) {
		t.Fatalf("%d migrations, %d hashes, %v", len(files), len(shipped), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join("migrations", file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if got := hex.EncodeToString(sum[:]); got != shipped[file.Name()] {
			t.Errorf("%s has changed: its hash is %s", file.Name(), got)
		}
	}
}
