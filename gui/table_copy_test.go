package gui

import "testing"

// TestCopyRow expects that what people have typed is a cell of the row that is copied, and no formula.
func TestCopyRow(t *testing.T) {
	d := newTestDesk(t, nil)
	text := func(n int) func([]string) string { return func(row []string) string { return row[n] } }
	list := newTable(tableConfig[[]string]{
		columns: []column[[]string]{{title: "users.address", text: text(0)}, {title: "users.name", text: text(1)}, {title: "users.name", text: text(2)}},
		key:     text(0), run: d.run, window: d.window, failed: func(err error) { t.Error(err) },
	})
	list.rows = [][]string{{"a@x.example", "=HYPERLINK(1)", "two\tcells\nand rows"}}
	list.copyRow(0)
	if got, want := d.app.Clipboard().Content(), "a@x.example\t'=HYPERLINK(1)\ttwo cells and rows"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
