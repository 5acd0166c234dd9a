package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/store"
)

// testChanges makes a change of each topic and looks at what is told of it once it is made.
func testChanges(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	a := w.account("jane@acme.example")
	none := app.Event{At: start, Actor: "root (uid 0)", Outcome: app.OK}
	watch := w.Changes().Watch()
	defer watch.Close()
	for _, test := range []struct {
		name   string
		change func() error
		want   string
	}{
		{"company", func() error { _, err := w.AddCompany(ctx, "Globex", nil, none); return err }, "accounts companies events"},
		{"entry", func() error {
			_, _, err := w.RemoveEntries(ctx, "Acme", parse(t, "acme.example"), none)
			return err
		}, "accounts companies events"},
		{"entry again", func() error { _, err := w.AddEntries(ctx, "Acme", parse(t, "acme.example"), false, none); return err }, "accounts companies events"},
		{"account", func() error {
			_, err := w.SetAccountState(ctx, a.Email, app.AccountDisabled, none)
			return err
		}, "accounts companies events"},
		{"registration", func() error { w.signUp("jo@acme.example"); return nil }, "events messages registrations"},
		{"connector", func() error {
			_, err := w.AddConnector(ctx, app.Connector{Name: "google", Kind: app.ConnectorGoogle}, none)
			return err
		}, "connectors events"},
		{"setting", func() error { return w.SaveSettings(ctx, map[string]string{"site_name": "Office"}, none) }, "events settings"},
		{"message", func() error { _, err := w.AddMessage(ctx, message(app.MailTest, a.Email, "x"), none); return err }, "events messages"},
		{"program", func() error { return w.AddProgram(ctx, app.Program{Name: "crm"}, none) }, "events programs"},
		{"seen", func() error { return w.TouchSessions(ctx, map[app.TokenHash]time.Time{{}: start}) }, ""},
		{"removal with what belongs to it", func() error { return w.RemoveAccount(ctx, a.Email, none) }, "accounts companies events"},
	} {
		if err := test.change(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := topics(watch); got != test.want {
			t.Errorf("%s: told %q, want %q", test.name, got, test.want)
		}
	}
	if _, err := w.AddCompany(ctx, "Acme", nil, none); app.CodeOf(err) != app.Conflict {
		t.Fatal(err)
	}
	if got := topics(watch); strings.Contains(got, "events") {
		t.Errorf("a change that was refused: told %q", got)
	}
}

func topics(w *app.Watch) string {
	var words []string
	for _, topic := range w.Take() {
		words = append(words, string(topic))
	}
	return strings.Join(words, " ")
}

// TestEveryTableHasItsTopics fails for a table of which nobody has said who is to be told.
func TestEveryTableHasItsTopics(t *testing.T) {
	dir := filled(t)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(rows.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}()
	var got []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		got = append(got, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if want := store.TablesWithTopics(); !slices.Equal(got, want) {
		t.Errorf("tables %v\nknown  %v", got, want)
	}
}

// BenchmarkAccept measures how long a mail of a program's takes until it is durable.
func BenchmarkAccept(b *testing.B) {
	w := open(b, b.TempDir())
	sub := app.Submission{
		Program: "crm", Sender: "crm@office.example", Subject: "Invoice", MessageID: "<1@office.example>", Data: make([]byte, 4096),
		Recipients: []app.Address{address(b, "jane@acme.example")},
	}
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := w.AddSubmission(b.Context(), sub, start, start.Add(120*time.Hour), app.Limits{}); err != nil {
				b.Error(err)
			}
		}
	})
}
