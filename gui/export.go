package gui

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// exportTimeout bounds an export: a million lines take some minutes.
const exportTimeout = 30 * time.Minute

// exporter writes a list that may be long into a CSV file (RFC 4180) that the person chooses. The button that began it ends it.
type exporter struct {
	desk     *desk
	name     string // of the file, without date and ending
	rows     func() exportRows
	button   *widget.Button
	progress *widget.Label
	cancel   func() // nil while nothing is written
}

// exportRows writes the rows of a list: it calls write for the heading and then for each row.
type exportRows func(ctx context.Context, write func(cells ...string) error) error

// newExporter returns an exporter. rows is asked in the window's goroutine, when the person wants the file.
func newExporter(d *desk, name string, rows func() exportRows) *exporter {
	e := &exporter{desk: d, name: name, rows: rows, progress: newSmall("")}
	e.button = newButton(tr("export"), theme.DownloadIcon(), e.tapped)
	return e
}

func (e *exporter) tapped() {
	if e.cancel != nil {
		e.cancel()
		return
	}
	save := dialog.NewFileSave(e.chosen, e.desk.window)
	save.SetFileName(e.name + "-" + time.Now().Format(time.DateOnly) + ".csv")
	save.Show()
}

// chosen writes to the file that was chosen, nil for none.
func (e *exporter) chosen(file fyne.URIWriteCloser, err error) {
	if err != nil {
		e.progress.SetText(tr("export.failed", args{"Reason": err.Error()}))
		return
	}
	if file == nil {
		return
	}
	e.write(file, file.URI().Path())
}

func (e *exporter) write(file io.WriteCloser, path string) {
	rows := e.rows()
	stop := make(chan struct{})
	e.cancel = func() {
		close(stop)
		e.cancel = nil
	}
	e.button.SetText(tr("export.stop"))
	e.progress.SetText(tr("export.writing"))
	e.desk.runFor(exportTimeout, func(ctx context.Context) func() {
		n, err := writeCSV(ctx, file, rows, stop)
		return func() { e.ended(n, path, err) }
	})
}

var errStopped = errors.New("stopped")

// writeCSV writes rows and closes the file. It returns how many rows there were, without the heading.
func writeCSV(ctx context.Context, file io.WriteCloser, rows exportRows, stop <-chan struct{}) (n int, err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	w := csv.NewWriter(file)
	w.UseCRLF = true
	n = -1
	err = rows(ctx, func(cells ...string) error {
		select {
		case <-stop:
			return errStopped
		default:
		}
		for i := range cells {
			cells[i] = inert(cells[i])
		}
		n++
		return w.Write(cells)
	})
	w.Flush()
	return max(n, 0), errors.Join(err, w.Error())
}

// inert returns a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): what is exported was typed by
// strangers.
func inert(cell string) string {
	if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
		return "'" + cell
	}
	return cell
}

func (e *exporter) ended(n int, path string, err error) {
	e.cancel = nil
	e.button.SetText(tr("export"))
	switch {
	case errors.Is(err, errStopped):
		e.progress.SetText(trn("export.stopped", n))
	case err != nil:
		e.progress.SetText(tr("export.failed", args{"Reason": errorText(err)}))
	default:
		e.progress.SetText("")
		e.desk.tell(trn("export.done", n, args{"File": path}))
	}
}

// eventRows returns the rows of an export of the audit.
func eventRows(c logClient, filter localapi.EventFilter) exportRows {
	return func(ctx context.Context, write func(cells ...string) error) error {
		if err := write("at", "actor", "ip", "action", "outcome", "subject", "company", "entry", "detail"); err != nil {
			return err
		}
		for after := ""; ; {
			page, err := c.EventPage(ctx, filter, after, 1000)
			if err != nil {
				return err
			}
			for _, ev := range page.Items {
				at := ev.At.UTC().Format(time.RFC3339)
				if err := write(at, ev.Actor, ev.IP, ev.Action, ev.Outcome, ev.Subject, ev.Company, ev.Entry, ev.Detail); err != nil {
					return err
				}
			}
			if page.Next == "" {
				return nil
			}
			after = page.Next
		}
	}
}
