package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pressly/goose/v3"

	"foyer/app"
	"foyer/server/store"
)

// firstVersion makes a data directory as the first version left it: its one migration, and rows it wrote. It returns
// the link of a registration and the hash of a session.
func firstVersion(t *testing.T) (dir string, token app.Token, session app.TokenHash) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if _, err := store.LoadKey(dir); err != nil {
		t.Fatal(err)
	}
	token, session = app.NewToken(), app.NewToken().Hash()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(fillFirst(t.Context(), db, token.Hash(), session), db.Close(),
		os.WriteFile(filepath.Join(dir, "instance.json"), []byte(`{"id":"first","starts":1}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir, token, session
}

func fillFirst(ctx context.Context, db *sql.DB, token, session app.TokenHash) error {
	begin, err := os.ReadFile("migrations/0001_begin.sql")
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "PRAGMA application_id = 0x464f5952"); err != nil {
		return err
	}
	files := fstest.MapFS{"0001_begin.sql": {Data: begin}}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	at, until, code := start.UnixMilli(), start.Add(24*time.Hour).UnixMilli(), app.Token("code").Hash()
	for _, row := range []struct {
		statement string
		args      []any
	}{
		{"INSERT INTO instance VALUES ('first', 1)", nil},
		{"INSERT INTO company VALUES (1, 'Acme', 'acme', TRUE, ?)", []any{at}},
		{"INSERT INTO allow_entry VALUES ('acme.example', 'domain', FALSE, 'example.acme', 1, ?)", []any{at}},
		{"INSERT INTO account VALUES (1, 'jane@acme.example', 'jane@acme.example', 'Jane', 'Doe', '', 1, 'active', 'sk', 'phc', 'acme.example', ?)", []any{at}},
		{"INSERT INTO membership VALUES (1, 1)", nil},
		{"INSERT INTO session VALUES (?, 1, ?, ?)", []any{session[:], at, at}},
		{"INSERT INTO registration VALUES (7, 'jo@acme.example', 'jo@acme.example', 'Jo', 'Doe', '', 1, 'acme.example', 'sk', '192.0.2.1', ?, ?, 0, ?, ?)", []any{token[:], code[:], at, until}},
		{"INSERT INTO setting VALUES ('site_name', 'Office')", nil},
	} {
		if _, err := db.ExecContext(ctx, row.statement, row.args...); err != nil {
			return fmt.Errorf("%s: %w", row.statement, err)
		}
	}
	return nil
}

// TestFirstVersionIsMigrated opens a database that knows nothing of connectors: all it holds is there, and connectors
// work with it.
func TestFirstVersionIsMigrated(t *testing.T) {
	dir, token, session := firstVersion(t)
	if err := reopen(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	w := world{t, open(t, dir)}
	ctx := t.Context()
	jane, err := w.AccountByEmail(ctx, address(t, "jane@acme.example"))
	if err != nil || jane.PasswordHash != "phc" || jane.Company != "Acme" || len(jane.Groups) != 1 || len(jane.Identities) != 0 {
		t.Errorf("account %+v, %v", jane, err)
	}
	in := app.Session{Account: jane, Hash: session}
	if !w.signedIn(in) {
		t.Error("a session has ended")
	}
	if settings, err := w.Settings(ctx); err != nil || settings["site_name"] != "Office" {
		t.Errorf("settings %v, %v", settings, err)
	}
	if c, err := w.Company(ctx, "Acme"); err != nil || len(c.Entries) != 1 || len(c.Tenants) != 0 {
		t.Errorf("company %+v, %v", c, err)
	}
	r, err := w.RegistrationByToken(ctx, token.Hash(), start)
	if err != nil || r.Identity != nil || r.FirstName != "Jo" {
		t.Errorf("registration %+v, %v", r, err)
	}
	if jo, err := w.activate(token); err != nil || jo.ID != 2 {
		t.Errorf("confirmed: %+v, %v", jo, err)
	}
	if err := w.Link(ctx, w.change(jane, in, identity("jane"), app.MailLinked)); err != nil {
		t.Errorf("linked: %v", err)
	}
	w.accountWith("new@acme.example", identity("new"))
	if connectors, err := w.Connectors(ctx); err != nil || len(connectors) != 0 {
		t.Errorf("connectors %+v, %v", connectors, err)
	}
}
