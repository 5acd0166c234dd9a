package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// addressTry is the test box: for any address it says which company would take it in, why, and what each way in would do.
type addressTry struct {
	desk  *desk
	grown func()
	query int
	shown bool
	goTo  func(company string)

	entry  *formEntry
	button *widget.Button
	strip  *fyne.Container // what is typed into
	lines  *fyne.Container
	card   *panel // the answer
}

func newAddressTry(d *desk, goTo func(string), grown func()) *addressTry {
	t := &addressTry{desk: d, goTo: goTo, grown: grown, lines: container.NewVBox()}
	t.entry = newFormEntry(t.try, t.close)
	t.entry.PlaceHolder = tr("companies.try.hint")
	t.button = newButton(tr("companies.try.do"), theme.SearchIcon(), t.try)
	label := widget.NewLabel(tr("companies.try"))
	t.strip = newBorder(nil, nil, label, t.button, t.entry)
	t.card = newPanel(colorSurface, colorLine, 10, 10, t.lines)
	t.card.Hide()
	return t
}

// try asks the service about the address.
func (t *addressTry) try() {
	address := strings.TrimSpace(t.entry.Text)
	if address == "" {
		t.close()
		return
	}
	t.query++
	query := t.query
	t.button.SetText(tr("companies.try.doing"))
	t.button.Disable()
	t.desk.run(func(ctx context.Context) func() {
		verdict, err := t.desk.client.TestAddress(ctx, address)
		return func() {
			if query != t.query {
				return
			}
			t.idle()
			t.take(verdict, err)
		}
	})
}

func (t *addressTry) idle() {
	t.button.SetText(tr("companies.try.do"))
	t.button.Enable()
}

// close takes the answer away.
func (t *addressTry) close() {
	t.query++
	t.shown = false
	t.idle()
	t.entry.SetText("")
	t.card.Hide()
	t.grown()
}

// again asks once more, when what the answer depends on has changed.
func (t *addressTry) again() {
	if t.shown {
		t.try()
	}
}

func (t *addressTry) take(v localapi.AllowTest, err error) {
	switch {
	case isCanceled(err):
		return
	case isLost(err):
		t.desk.lost(err)
		return
	}
	t.shown = true
	t.lines.RemoveAll()
	closing := newButton("", theme.CancelIcon(), t.close)
	closing.Importance = widget.LowImportance
	head := container.NewHBox()
	t.lines.Add(newBorder(nil, nil, nil, closing, head))
	if err != nil {
		head.Add(newPill(tr("companies.try.failed"), levelError))
		t.lines.Add(newText(t.failure(err)))
	} else {
		t.show(head, v)
	}
	t.card.Show()
	t.card.Refresh()
	t.grown()
}

func (t *addressTry) failure(err error) string {
	if app.ReasonOf(err) == "address_invalid" {
		return tr("companies.try.invalid", args{"Address": strings.TrimSpace(t.entry.Text)})
	}
	return errorText(err)
}

func (t *addressTry) show(head *fyne.Container, v localapi.AllowTest) {
	word, l := tr("companies.try.no"), levelError
	if v.Allowed {
		word, l = tr("companies.try.yes"), levelOK
	}
	address := newHeading(v.Address)
	head.Add(container.NewCenter(newPill(word, l)))
	head.Add(address)
	t.lines.Add(newText(verdictText(v)))
	if v.Company != "" {
		head.Add(newButton(tr("companies.try.open", args{"Company": v.Company}), theme.NavigateNextIcon(), func() { t.goTo(v.Company) }))
	}
	if len(v.Covering) > 0 {
		t.lines.Add(newHeading(tr("companies.try.covering")))
		t.lines.Add(coveringRows(v.Covering))
	}
	if len(v.Ways) > 0 {
		t.lines.Add(newHeading(tr("companies.try.ways")))
		t.lines.Add(wayRows(v.Ways))
	}
}

// coveringRows returns the entries that cover an address, the winner first and marked.
func coveringRows(covering []localapi.Covering) fyne.CanvasObject {
	rows := container.New(layout.NewCustomPaddedVBoxLayout(-6))
	for i, c := range covering {
		entry := newSmall(number(i+1) + ".  " + c.Entry)
		entry.Importance = widget.MediumImportance
		entry.Truncation = fyne.TextTruncateEllipsis
		company := newSmall(c.Company)
		company.Truncation = fyne.TextTruncateEllipsis
		var mark fyne.CanvasObject = newSmall("")
		if i == 0 {
			entry.TextStyle.Bold = true
			mark = newPill(tr("companies.try.wins"), levelInfo)
		}
		rows.Add(newBorder(nil, nil, nil, newFixed(110, container.NewHBox(mark)), container.NewGridWithColumns(2, entry, company)))
	}
	return rows
}

// wayRows returns what each way in would do.
func wayRows(ways []localapi.Way) fyne.CanvasObject {
	rows := container.New(layout.NewCustomPaddedVBoxLayout(-6))
	for _, way := range ways {
		name := way.Name
		if name == "form" {
			name = tr("companies.try.form")
		}
		label := newSmall(name)
		label.TextStyle.Bold, label.Importance = true, widget.MediumImportance
		label.Truncation = fyne.TextTruncateEllipsis
		rows.Add(newBorder(nil, nil, newFixed(150, label), nil, newHint(sentence(way.Result))))
	}
	return rows
}

// verdictText says in words what the gate has decided, and why that entry has won over the others.
func verdictText(v localapi.AllowTest) string {
	values := args{"Entry": v.Entry, "Company": v.Company, "Address": v.Address}
	var text string
	switch v.ReasonCode {
	case "listed":
		text = tr("companies.verdict.listed", values)
	case "refused_by_entry":
		text = tr("companies.verdict.refused_by_entry", values)
	case "company_disabled":
		text = tr("companies.verdict.company_disabled", values)
	case "not_listed":
		return tr("companies.verdict.not_listed")
	default:
		return sentence(v.Reason)
	}
	if len(v.Covering) < 2 {
		return text
	}
	entry := strings.TrimPrefix(v.Entry, "!")
	switch {
	case strings.Contains(entry, "@"):
		return text + " " + tr("companies.verdict.why.address")
	case strings.HasPrefix(entry, "*."):
		return text + " " + tr("companies.verdict.why.wildcard")
	default:
		return text + " " + tr("companies.verdict.why.domain")
	}
}
