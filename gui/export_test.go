package gui

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// exportFile is a file of a test in memory.
type exportFile struct {
	bytes.Buffer
	uri    fyne.URI
	err    error
	closed bool
}

func (f *exportFile) URI() fyne.URI { return f.uri }

func (f *exportFile) Write(data []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Buffer.Write(data)
}

func (f *exportFile) Close() error {
	f.closed = true
	return nil
}

func newExport(d *testDesk, pages []localapi.Page[string], failed func(error)) *export[string] {
	return &export[string]{
		desk: d.desk, name: "list.csv", header: []string{"users.address", "users.name"}, failed: failed,
		row: func(s string) []string { return strings.SplitN(s, "|", 2) },
		load: func(_ context.Context, after string, _ int) (localapi.Page[string], error) {
			if after == "bad" {
				return localapi.Page[string]{}, &app.Error{Code: app.Internal, Message: "the disk is full"}
			}
			return pages[len(after)], nil
		},
	}
}

func TestHarmless(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "plain": "plain", "a=b": "a=b", "Smith, -5": "Smith, -5", "a - b": "a - b", "2026-11-26": "2026-11-26", "a; b": "a; b",
		"=1+1": "'=1+1", "+421": "'+421", "-2": "'-2", "@x": "'@x", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx",
		" =1+1": " '=1+1", "\u00a0=1": "\u00a0'=1", "\t=1": "'\t'=1", "\x00=1": "\x00'=1",
		"＝1+1": "'＝1+1", "＋1": "'＋1", "－1": "'－1", "＠x": "'＠x",
		// A spreadsheet that parts cells by semicolons does not see the quotes that a comma asks for.
		"Ann;=HYPERLINK(1)": "Ann;'=HYPERLINK(1)", "Ann, x; \"=1": "Ann, x; \"'=1", "two\n=1": "two\n'=1", "two\t=1": "two\t'=1",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}

func TestExport(t *testing.T) {
	d := newTestDesk(t, nil)
	pages := []localapi.Page[string]{
		{Items: []string{"a@x.example|Ann, the first", `=1+1|say "hi"`}, Next: "1", Total: 5},
		{Items: []string{"@x|-2", "+421 900|two\nlines", "plain|a=b"}, Total: 5},
	}
	file := &exportFile{uri: storage.NewFileURI("/tmp/list.csv")}
	e := newExport(d, pages, func(err error) { t.Error(err) })
	e.begin(file)
	d.sees("0 rows written…")
	works := d.works
	d.works = nil
	works[0](t.Context())()
	d.sees("2 of 5 rows written…")
	d.drain()
	d.seesNot("rows written")
	want := "\ufeffAddress,Name\r\na@x.example,\"Ann, the first\"\r\n'=1+1,\"say \"\"hi\"\"\"\r\n'@x,'-2\r\n'+421 900,\"two\r\nlines\"\r\nplain,a=b\r\n"
	if got := file.String(); got != want {
		t.Errorf("file\n got %q\nwant %q", got, want)
	}
	if !file.closed || len(d.told) != 1 || d.told[0] != "5 rows exported to list.csv" {
		t.Errorf("closed %t, told %q", file.closed, d.told)
	}
}

func TestExportEnds(t *testing.T) {
	for _, c := range []struct {
		name, next string
		err        error // of the file
		cancel     bool
		want       string
	}{
		{"error of the service", "bad", nil, false, "the disk is full"},
		{"error of the file", "", errors.New("no space left"), false, "The file could not be written: no space left. Choose another place and export again."},
		{"cancelled", "1", nil, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newTestDesk(t, nil)
			path := filepath.Join(t.TempDir(), "list.csv")
			uri := storage.NewFileURI(path)
			disk, err := storage.Writer(uri)
			if err != nil {
				t.Fatal(err)
			}
			defer disk.Close()
			file := &exportFile{uri: uri, err: c.err}
			var problem error
			e := newExport(d, []localapi.Page[string]{{Items: []string{"a|b"}, Next: c.next}, {Items: []string{"c|d"}}}, func(err error) { problem = err })
			e.begin(file)
			if c.cancel {
				d.tap("Cancel")
			}
			d.drain()
			if got := app.MessageOf(problem); problem != nil && got != c.want || problem == nil && c.want != "" {
				t.Errorf("problem %q, want %q", got, c.want)
			}
			if there, _ := storage.Exists(uri); there || !file.closed || len(d.told) > 0 || len(d.window.Canvas().Overlays().List()) > 0 {
				t.Errorf("there %t, closed %t, told %q, dialogs %d", there, file.closed, d.told, len(d.window.Canvas().Overlays().List()))
			}
		})
	}
}

// TestUsersExport expects every account of the filter, on all pages, in a file of the person's choice.
func TestUsersExport(t *testing.T) {
	f := newUsersFake()
	f.fill(2500)
	d, v := usersDesk(t, f, "company:Acme")
	d.tap("Export…")
	d.sees("Export as CSV")
	d.picture("users-export")
	found := false
	for _, o := range d.objects() {
		if e, ok := o.(*widget.Entry); ok && strings.HasPrefix(e.Text, "accounts-20") && strings.HasSuffix(e.Text, ".csv") {
			found = true
		}
	}
	if !found {
		t.Errorf("no name is proposed in:\n%s", d.text())
	}
	d.tap("Cancel")
	file := &exportFile{uri: storage.NewFileURI("/tmp/list.csv")}
	v.accounts.newExport().begin(file)
	d.drain()
	text, err := io.ReadAll(&file.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2500 { // the header, and all but Adam
		t.Fatalf("%d rows, %v; want 2500", len(rows), err)
	}
	want := []string{"jane.novak@acme.example", "Jane", "Nováková", "'+421 900 123 456", "Acme", "Customer Accounts", "Active", "yes", "*.acme.example", "2026-11-20T08:15:00Z"}
	if !reflect.DeepEqual(rows[1], want) {
		t.Errorf("row\n got %q\nwant %q", rows[1], want)
	}
	if last := f.asked[len(f.asked)-1]; last.Company != "Acme" || last.Sort != "email" {
		t.Errorf("asked %+v", last)
	}
}
