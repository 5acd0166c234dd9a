package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"foyer/app"
)

func testPrograms(t *testing.T, w world) {
	ctx := t.Context()
	senders := func(field string) []app.Entry {
		t.Helper()
		list, err := app.ParseSenders(field)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	scanner := app.Program{
		Name: "scanner", Password: app.Token("one").Hash(), Senders: senders("scanner@office.example office.example"), LocalUser: "scan",
		Enabled: true, CreatedAt: start,
	}
	erp := app.Program{Name: "erp", Password: app.Token("two").Hash(), CreatedAt: start}
	for _, p := range []app.Program{scanner, erp} {
		if err := w.AddProgram(ctx, p, admin); err != nil {
			t.Fatal(err)
		}
	}
	same := func(what string, want ...app.Program) {
		t.Helper()
		got, err := w.Programs(ctx)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	same("added", erp, scanner)
	w.refuses(w.AddProgram(ctx, app.Program{Name: "erp", CreatedAt: start}, admin), app.Conflict, "program_taken")
	w.refuses(w.AddProgram(ctx, app.Program{Name: "other", LocalUser: "scan", CreatedAt: start}, admin), app.Conflict, "local_user_taken")
	erp.LocalUser = "scan"
	w.refuses(w.SetProgram(ctx, erp, admin), app.Conflict, "local_user_taken")
	erp.LocalUser, erp.Senders, erp.Enabled, erp.Password = "erp", senders("office.example"), true, app.Token("three").Hash()
	scanner.LocalUser, scanner.Senders, scanner.Enabled = "", nil, false
	for _, p := range []app.Program{scanner, erp} {
		if err := w.SetProgram(ctx, p, app.Event{At: start, Action: app.ActProgramSet, Subject: p.Name}); err != nil {
			t.Fatal(err)
		}
		if ev := w.events()[0]; ev.Action != app.ActProgramSet || ev.Subject != p.Name {
			t.Errorf("event %+v", ev)
		}
	}
	same("set", erp, scanner)
	if err := w.TouchPrograms(ctx, map[string]time.Time{"erp": start.Add(time.Hour), "gone": start}); err != nil {
		t.Fatal(err)
	}
	erp.SeenAt = start.Add(time.Hour)
	same("seen", erp, scanner)
	if err := w.SetProgram(ctx, app.Program{Name: "erp", Password: erp.Password, Senders: erp.Senders, LocalUser: "erp", Enabled: true}, admin); err != nil {
		t.Fatal(err)
	}
	same("set without having read when it was seen", erp, scanner)
	if err := w.RemoveProgram(ctx, "erp", admin); err != nil {
		t.Fatal(err)
	}
	events := len(w.events())
	w.refuses(w.RemoveProgram(ctx, "erp", admin), app.NotFound, "program_unknown")
	w.refuses(w.SetProgram(ctx, erp, admin), app.NotFound, "program_unknown")
	if len(w.events()) != events {
		t.Error("a refused change is in the audit")
	}
	same("removed", scanner)
}

// TestProgramPasswordAtRest looks for a program's password in the files.
func TestProgramPasswordAtRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	password := app.NewToken()
	if err := s.AddProgram(t.Context(), app.Program{Name: "a-name-of-ours", Password: password.Hash(), CreatedAt: start}, admin); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "foyer.db"))
	if err != nil || !bytes.Contains(data, []byte("a-name-of-ours")) {
		t.Errorf("the search finds nothing at all: the test is blind (%v)", err)
	}
	if bytes.Contains(data, []byte(password)) {
		t.Error("the database contains a program's password")
	}
}
