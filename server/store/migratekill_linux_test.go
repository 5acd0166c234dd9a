package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
	"foyer/server/store"
)

// TestMigrationKilled kills the program in and after each step that brings the database of each version up to date. The step
// was done wholly or not at all, and the next start goes on from there, with all there was.
func TestMigrationKilled(t *testing.T) {
	for from := int64(1); from < store.Schema(); from++ {
		for _, moment := range []string{"in", "after"} {
			for step := int64(1); step <= store.Schema()-from; step++ {
				t.Run(fmt.Sprintf("from %d %s step %d", from, moment, step), func(t *testing.T) {
					t.Parallel()
					killedMigration(t, from, moment, step)
				})
			}
		}
	}
}

func killedMigration(t *testing.T, from int64, moment string, step int64) {
	t.Helper()
	dir := filledVersion(t, from)
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), migrationEnv+"="+moment+" "+strconv.FormatInt(step, 10), "FOYER_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v: %s", err, out)
	}
	want := from + step
	if moment == "in" {
		want--
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	made, err := (store.Source{Dir: dir}).Copy(t.Context(), copied, app.Backup{Reason: app.BackupManual}, quiet)
	if err != nil || made.Schema != want {
		t.Errorf("version %d after the kill, %v, want %d", made.Schema, err, want)
	}
	w := world{t, open(t, dir)}
	page, err := w.Accounts(t.Context(), app.AccountQuery{Limit: 1})
	if err != nil || page.Total != 1000 {
		t.Errorf("%d accounts, %v, want 1000", page.Total, err)
	}
	if jane, err := w.AccountByEmail(t.Context(), address(t, "jane@acme.example")); err != nil || jane.PasswordHash != "phc" || len(jane.Groups) != 1 {
		t.Errorf("account %+v, %v", jane, err)
	}
	before, err := store.Examine(t.Context(), filepath.Join(dir, "before.db"), quiet)
	if err != nil || before.Schema != from || before.Accounts != 1000 {
		t.Errorf("the backup of before: %+v, %v", before, err)
	}
}

// migrationEnv is set for a process that opens the store in FOYER_TEST_DIR and kills itself in or after a step of the migration.
const migrationEnv = "FOYER_TEST_KILL_MIGRATION"

func TestMain(m *testing.M) {
	moment, step, child := strings.Cut(os.Getenv(migrationEnv), " ")
	if !child {
		os.Exit(m.Run())
	}
	if err := migrateAndDie(context.Background(), os.Getenv("FOYER_TEST_DIR"), moment, step); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

func migrateAndDie(ctx context.Context, dir, moment, step string) error {
	die := func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	c := store.Config{
		Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler),
		Progress: func(now string, done, _ int64) {
			if now == "migrate" && moment == "after" && strconv.FormatInt(done, 10) == step {
				die()
			}
		},
		Migrating: func(ctx context.Context, db store.Source) error {
			_, err := db.Copy(ctx, filepath.Join(dir, "before.db"), app.Backup{Reason: app.BackupUpdate}, quiet)
			return err
		},
	}
	commits := 0
	s, err := store.Open(ctx, c.Watching(func(conn *sqlite3.SQLiteConn) {
		conn.RegisterCommitHook(func() int {
			if commits++; moment == "in" && strconv.Itoa(commits) == step {
				die()
			}
			return 0
		})
	}))
	if err != nil {
		return err
	}
	return errors.Join(errors.New("nobody has killed it"), s.Close())
}

// TestUpdateWithoutBackup wants the database as it was when no backup of it can be made.
func TestUpdateWithoutBackup(t *testing.T) {
	dir := filledVersion(t, 7)
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), store.Config{
		Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler),
		Migrating: func(context.Context, store.Source) error {
			return app.Errorf(app.Unavailable, "backup_no_room", "make room")
		},
	})
	data, ok := errors.AsType[*store.DataError](err)
	if !ok || !strings.Contains(data.Message, "nothing was changed: make room") {
		t.Errorf("%v, want it refused", err)
	}
	if made, err := (store.Source{Dir: dir}).Copy(t.Context(), filepath.Join(t.TempDir(), "copy.db"), app.Backup{}, quiet); err != nil || made.Schema != 7 {
		t.Errorf("version %d, %v, want 7 as before", made.Schema, err)
	}
}

func TestExamineRefuses(t *testing.T) {
	dir := filled(t)
	db := filepath.Join(dir, "foyer.db")
	for _, statement := range []string{
		"CREATE TRIGGER x AFTER DELETE ON session BEGIN DELETE FROM account; END", "DROP TRIGGER x",
		// SQLite tells no upper from lower case here.
		`CREATE TRIGGER x AFTER DELETE ON session BEGIN DELETE FROM account; END; PRAGMA writable_schema = on;
UPDATE sqlite_master SET type = 'TRIGGER' WHERE name = 'x'`, "PRAGMA writable_schema = on; DELETE FROM sqlite_master WHERE name = 'x'",
	} {
		if err := direct(db, statement); err != nil {
			t.Fatal(err)
		}
		_, err := store.Examine(t.Context(), db, quiet)
		if trigger := strings.HasPrefix(statement, "CREATE"); trigger != (app.ReasonOf(err) == "backup_foreign") || !trigger && err != nil {
			t.Errorf("after %s: %v", statement, err)
		}
	}
	if err := direct(db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Examine(t.Context(), db, quiet); app.ReasonOf(err) != "backup_newer" || app.CodeOf(err) != app.Conflict {
		t.Errorf("a newer one: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	if err := otherDatabase(other); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Examine(t.Context(), other, quiet); app.ReasonOf(err) != "backup_foreign" {
		t.Errorf("another program's: %v", err)
	}
}

// TestCopyNeedsRoom wants a copy to be refused in words before the disk is full.
func TestCopyNeedsRoom(t *testing.T) {
	if err := store.Room(t.TempDir(), 1<<60); app.ReasonOf(err) != "backup_no_room" || !strings.Contains(err.Error(), "make room") {
		t.Errorf("an exabyte: %v", err)
	}
	if err := store.Room(t.TempDir(), 1); err != nil {
		t.Errorf("one byte: %v", err)
	}
}
