package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"foyer/app"
	"foyer/server/store"
)

// oldVersion makes a data directory that another version has left: fill makes its tables and their rows.
func oldVersion(t *testing.T, fill func(db *sql.DB, key []byte) error) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(fill(db, key), db.Close(), os.WriteFile(filepath.Join(dir, "instance.json"), []byte(`{"id":"first","starts":1}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// firstVersion makes a data directory as the first version left it: its one migration, and rows it wrote. It returns
// the link of a registration and the hash of a session.
func firstVersion(t *testing.T) (dir string, token app.Token, session app.TokenHash) {
	t.Helper()
	token, session = app.NewToken(), app.NewToken().Hash()
	dir = oldVersion(t, func(db *sql.DB, _ []byte) error { return fillFirst(t.Context(), db, token.Hash(), session) })
	return dir, token, session
}

// migrateTo makes the tables as the given number of migrations leaves them.
func migrateTo(ctx context.Context, db *sql.DB, version int64) error {
	if _, err := db.ExecContext(ctx, "PRAGMA application_id = 0x464f5952"); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

func fillFirst(ctx context.Context, db *sql.DB, token, session app.TokenHash) error {
	if err := migrateTo(ctx, db, 1); err != nil {
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

// filledVersion makes a data directory with the database of a version, in which the first version has written.
func filledVersion(t *testing.T, version int64) string {
	t.Helper()
	return oldVersion(t, func(db *sql.DB, _ []byte) error {
		if err := fillFirst(t.Context(), db, app.NewToken().Hash(), app.NewToken().Hash()); err != nil {
			return err
		}
		_, err := db.ExecContext(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO account SELECT i, 'p' || i || '@acme.example', 'p' || i || '@acme.example', 'P', 'Doe', '', 1, 'active', 'en', '', 'acme.example', i FROM n`)
		if err != nil {
			return err
		}
		return migrateTo(t.Context(), db, version)
	})
}

func quiet(string, int64, int64) {}

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

// lastBeforeRelay is the migration after which there was no relay yet.
const lastBeforeRelay = 4

// TestMailOutlivesMigration opens a database of before the relay with a mail in every state: each is there as it was, and
// what was on its way goes on.
func TestMailOutlivesMigration(t *testing.T) {
	states := []app.MessageState{
		app.MessageQueued, app.MessageSending, app.MessageDeferred, app.MessageHeld, app.MessageDelivered, app.MessageFailed, app.MessageCaptured,
	}
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	dir := oldVersion(t, func(db *sql.DB, key []byte) error { return fillMail(t.Context(), db, key, states, at) })
	w := world{t, open(t, dir)}
	ctx := t.Context()
	for i, state := range states {
		m, err := w.Message(ctx, int64(i+1))
		if err != nil || m.State != state || string(m.Data) != "body of "+string(state) || m.Program != "" || m.Late || len(m.Steps) != 0 {
			t.Errorf("%s: %+v, %v", state, m, err)
		}
		if list, err := w.Messages(ctx, app.MessageQuery{State: state, Limit: 10}); err != nil || len(list) != 1 {
			t.Errorf("%s: %d listed, %v", state, len(list), err)
		}
	}
	backlog, err := w.MailBacklog(ctx)
	if err != nil || len(backlog.States) != len(states) || !backlog.Oldest.Equal(at) {
		t.Errorf("backlog %+v, %v", backlog, err)
	}
	if err := w.ReleaseMessages(ctx); err != nil {
		t.Fatal(err)
	}
	_, claimed, err := w.Advance(ctx, nil, app.Claim{Now: time.Now(), Limit: 10, Lease: time.Minute, Backoff: func(int) time.Duration { return time.Hour }})
	if err != nil || len(claimed) != 3 {
		t.Fatalf("claimed %+v, %v, want what was queued, sending and deferred", claimed, err)
	}
	for _, m := range claimed {
		if err := w.finish(m.ID, app.Delivery{State: app.MessageDelivered, Reply: "250 ok"}); err != nil || len(m.Data) == 0 {
			t.Errorf("%+v, %v", m, err)
		}
	}
	if list, err := w.Suppressed(ctx); err != nil || len(list) != 1 {
		t.Errorf("suppressed %+v, %v", list, err)
	}
	if err := w.Purge(ctx, time.Now().Add(15*24*time.Hour), app.Limits{MailDays: 14}); err != nil {
		t.Fatal(err)
	}
	if left, err := w.Messages(ctx, app.MessageQuery{Limit: 10}); err != nil || len(left) != 1 || left[0].State != app.MessageHeld {
		t.Errorf("left %+v, %v, want the held one", left, err)
	}
}

// fillMail makes the tables of before the relay, with a message in each state, written at a time.
func fillMail(ctx context.Context, db *sql.DB, key []byte, states []app.MessageState, at time.Time) error {
	if err := migrateTo(ctx, db, lastBeforeRelay); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO instance VALUES ('first', 1)"); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "INSERT INTO suppression VALUES ('gone@acme.example', 'gone@acme.example', '550 no such user', ?)", at.UnixMilli())
	if err != nil {
		return err
	}
	for i, state := range states {
		id := int64(i + 1)
		var next, lease, ended any
		switch state {
		case app.MessageSending:
			lease = at.Add(20 * time.Minute).UnixMilli()
			next = at.UnixMilli()
		case app.MessageQueued, app.MessageDeferred:
			next = at.UnixMilli()
		case app.MessageHeld:
		default:
			ended = at.UnixMilli()
		}
		data, err := store.SealMessage(key, id, []byte("body of "+string(state)))
		if err != nil {
			return err
		}
		for _, row := range []struct {
			statement string
			args      []any
		}{
			{
				"INSERT INTO message VALUES (?, 'confirm', 'accounts@office.example', 'jane@acme.example', 'jane@acme.example', 'jane@acme.example', 'acme.example', 'Confirm', '<1@office.example>', ?, 1, '', ?, ?, ?, ?, ?)",
				[]any{id, string(state), at.UnixMilli(), next, lease, at.Add(24 * time.Hour).UnixMilli(), ended},
			},
			{"INSERT INTO message_data VALUES (?, ?)", []any{id, data}},
		} {
			if _, err := db.ExecContext(ctx, row.statement, row.args...); err != nil {
				return fmt.Errorf("%s: %w", row.statement, err)
			}
		}
	}
	return nil
}
