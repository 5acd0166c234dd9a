package gui

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// export writes a whole list, all its pages, into a file of the person's choice as CSV (RFC 4180).
type export[T any] struct {
	desk   *desk
	name   string   // of the file, as proposed
	header []string // the keys of the columns' titles
	row    func(T) []string
	load   func(ctx context.Context, after string, limit int) (localapi.Page[T], error)
	failed func(error)

	file      fyne.URIWriteCloser
	csv       *csv.Writer
	written   int
	cancelled bool
	dialog    *dialog.CustomDialog
	progress  *progressBar
}

// choose asks for the file and begins.
func (e *export[T]) choose() {
	d := dialog.NewFileSave(func(file fyne.URIWriteCloser, err error) {
		switch {
		case err != nil:
			e.failed(fileError(err))
		case file != nil:
			e.begin(file)
		}
	}, e.desk.window)
	d.SetTitleText(tr("export.title"))
	d.SetConfirmText(tr("export.save"))
	d.SetDismissText(tr("cancel"))
	d.SetFileName(e.name)
	showFiles(e.desk, d)
}

// utf8Mark stands first in the file: without it, spreadsheets take what follows for the letters of another encoding.
const utf8Mark = "\ufeff"

// begin writes into file, one page after the other.
func (e *export[T]) begin(file fyne.URIWriteCloser) {
	e.file, e.csv = file, csv.NewWriter(file)
	e.csv.UseCRLF = true
	e.progress = newProgressBar()
	stop := widget.NewButton(tr("cancel"), e.cancel)
	e.dialog = dialog.NewCustomWithoutButtons(tr("export.title"), newFixed(380, e.progress.content), e.desk.window)
	e.dialog.SetButtons([]fyne.CanvasObject{stop})
	e.dialog.Show()
	e.desk.window.Canvas().Focus(stop)
	e.show(0)
	header := make([]string, len(e.header))
	for i, key := range e.header {
		header[i] = tr(key)
	}
	e.next("", header)
}

// show says how far it is. total is 0 when nobody knows.
func (e *export[T]) show(total int) {
	text := trn("export.progress", e.written)
	if total > 0 {
		text = trn("export.progress_of", total, args{"Written": number(e.written)})
	}
	e.progress.show(text, int64(e.written), int64(total))
}

// next reads and writes the page that begins after. header is written before it, unless it is nil.
func (e *export[T]) next(after string, header []string) {
	e.desk.run(func(ctx context.Context) func() {
		page, err := e.load(ctx, after, maxPageSize)
		if err == nil {
			err = e.write(header, page.Items)
		}
		return func() {
			switch {
			case e.cancelled:
				e.drop()
			case err != nil:
				e.dialog.Hide()
				e.drop()
				e.failed(err)
			case page.Next != "":
				e.written += len(page.Items)
				e.show(page.Total)
				e.next(page.Next, nil)
			default:
				e.written += len(page.Items)
				e.end()
			}
		}
	})
}

func (e *export[T]) write(header []string, rows []T) error {
	if header != nil {
		if _, err := io.WriteString(e.file, utf8Mark); err != nil {
			return fileError(err)
		}
		if err := e.csv.Write(header); err != nil {
			return fileError(err)
		}
	}
	for _, row := range rows {
		cells := e.row(row)
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		if err := e.csv.Write(cells); err != nil {
			return fileError(err)
		}
	}
	e.csv.Flush()
	return fileError(e.csv.Error())
}

// fileError says of an error that the file could not be written.
func fileError(err error) error {
	if err == nil {
		return nil
	}
	return &app.Error{Code: app.Internal, Message: tr("export.failed", args{"Problem": err.Error()})}
}

// harmless returns the text of a cell so that no spreadsheet takes it for a formula: what people have typed into a form
// must not reckon on the administrator's machine. A spreadsheet of a country that writes 1,5 for one and a half begins a
// new cell at a semicolon, whatever the quotes say, and others at a tab or a line's end. Those of the East know a full-width =.
func harmless(cell string) string {
	var out strings.Builder
	begins := true
	for i, r := range cell {
		switch {
		case strings.ContainsRune(";\t\r\n", r):
			if i == 0 && r != ';' {
				out.WriteByte('\'')
			}
			begins = true
		case begins && strings.ContainsRune("=+-@＝＋－＠", r):
			out.WriteByte('\'')
			begins = false
		case begins && r != '"' && r != 0 && !unicode.IsSpace(r):
			begins = false
		}
		out.WriteRune(r)
	}
	return out.String()
}

// end closes the file and says that it is there.
func (e *export[T]) end() {
	e.dialog.Hide()
	if err := e.file.Close(); err != nil {
		e.failed(fileError(err))
		return
	}
	e.desk.tell(trn("export.done", e.written, args{"File": e.file.URI().Name()}))
}

// cancel ends it at the next page.
func (e *export[T]) cancel() {
	e.cancelled = true
	e.dialog.Hide()
}

// drop removes what was written: half a list looks like a whole one.
func (e *export[T]) drop() {
	uri := e.file.URI()
	if err := errors.Join(e.file.Close(), storage.Delete(uri)); err != nil {
		e.failed(&app.Error{Code: app.Internal, Message: tr("export.half", args{"File": uri.Name()})})
	}
}
