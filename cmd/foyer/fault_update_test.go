package main_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/mattn/go-sqlite3"
)

// oldOffice makes a data directory as a version of the database was left: the tables are those of its migrations, and the rows
// were there from the first version on.
func oldOffice(t *testing.T, version int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"instance.json": `{"id":"first","starts":1}`, "secret.key": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if err := errors.Join(fillOld(t, db, version), db.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

const oldRows = `INSERT INTO instance VALUES ('first', 1);
INSERT INTO company VALUES (1, 'Acme', 'acme', TRUE, 1);
INSERT INTO allow_entry VALUES ('acme.example', 'domain', FALSE, 'example.acme', 1, 1);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO account SELECT i, 'p' || i || '@acme.example', 'p' || i || '@acme.example', 'P', 'Doe', '', 1, 'active', 'en', '', 'acme.example', i FROM n;
INSERT INTO session SELECT randomblob(32), id, 1, 4000000000000 FROM account;
INSERT INTO setting VALUES ('site_name', 'Old Office');
INSERT INTO message VALUES (1, 'test', 'a@office.example', 'p1@acme.example', 'p1@acme.example', 'p1@acme.example', 'acme.example', 'Hello', '<1@x>', 'captured', 0, '', 1, NULL, NULL, 1, 4000000000000);`

func fillOld(t *testing.T, db *sql.DB, version int) error {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `PRAGMA application_id = 0x464f5952;
CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1)`)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root(t), "server", "store", "migrations", "*.sql"))
	if err != nil {
		return err
	}
	for i, file := range files[:version] {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if i == 0 {
			text = append(text, "\n"+oldRows...)
		}
		text = append(text, fmt.Sprintf("\nINSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, 1)", i+1)...)
		if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// schemas returns how many versions of the database there are.
func schemas(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "server", "store", "migrations", "*.sql"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	return len(files)
}

type keptBackup struct {
	Name, Reason string
	Schema       int
}

// updated looks at a service that has brought the data of oldOffice up to date, and returns the first backup of before.
func updated(t *testing.T, p *process, from int) keptBackup {
	t.Helper()
	if all := query[[]struct{ Accounts int }](p, "company", "list"); len(all) != 1 || all[0].Accounts != 1000 {
		t.Errorf("from version %d: companies %+v, want one with 1000 accounts", from, all)
	}
	if name := strings.TrimSpace(p.run("settings", "get", "site_name")); name != "Old Office" {
		t.Errorf("from version %d: site_name is %q", from, name)
	}
	if all := query[[]queued](p, "mail", "list"); len(all) != 1 {
		t.Errorf("from version %d: mails %+v", from, all)
	}
	kept := query[[]keptBackup](p, "backup", "list")
	if len(kept) == 0 || kept[len(kept)-1].Reason != "update" || kept[len(kept)-1].Schema != from {
		t.Fatalf("from version %d: backups %+v, want one of before", from, kept)
	}
	return kept[len(kept)-1]
}

// TestUpdate is F21: the database of each version is brought up to date by a start, with a backup of before that can be restored.
func TestUpdate(t *testing.T) {
	for from := 1; from < schemas(t); from++ {
		dir := oldOffice(t, from)
		p := serve(t, dir)
		before := updated(t, p, from)
		if got := query[struct{ Accounts, Schema int }](p, "backup", "verify", before.Name); got.Accounts != 1000 || got.Schema != from {
			t.Errorf("from version %d: the backup holds %+v", from, got)
		}
		p.stop(syscall.SIGTERM)
		if from != 1 {
			continue
		}
		p.run("backup", "restore", "--yes", before.Name)
		updated(t, serve(t, dir), from)
	}
}

// TestUpdateKilled kills the program in each step of the first version's update, as it says that it is there, and starts it again.
func TestUpdateKilled(t *testing.T) {
	for step := range schemas(t) - 1 {
		dir := oldOffice(t, 1)
		p := startServe(t, dir)
		eventually(t, "the step is begun", func() bool {
			return strings.Contains(p.log.String(), fmt.Sprintf("step=migrate done=%d ", step))
		})
		p.stop(syscall.SIGKILL)
		p = serve(t, dir)
		updated(t, p, 1)
		p.stop(syscall.SIGTERM)
		intact(t, dir)
	}
}

// TestUpdateNeedsBackup takes away where the backup of before would go.
func TestUpdateNeedsBackup(t *testing.T) {
	dir := oldOffice(t, 7)
	if err := os.WriteFile(filepath.Join(dir, "backups"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	p := startServe(t, dir)
	<-p.done
	if got := p.cmd.ProcessState.ExitCode(); got != 78 || !strings.Contains(p.log.String(), "backups") {
		t.Errorf("exit status %d, want 78:\n%s", got, p.log)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "foyer.db")); err != nil || len(after) != len(before) {
		t.Errorf("the database has %d bytes, %v, want %d", len(after), err, len(before))
	}
	if err := os.Remove(filepath.Join(dir, "backups")); err != nil {
		t.Fatal(err)
	}
	updated(t, serve(t, dir), 7)
}
