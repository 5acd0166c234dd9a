package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// newTable returns the list: a table whose columns, which are what is copied, stand in two lines here.
func (v *companiesView) newTable() *table[localapi.CompanySummary] {
	v.nothing = newHint("")
	v.nothing.Alignment = fyne.TextAlignCenter
	t := newTable(tableConfig[localapi.CompanySummary]{
		columns: []column[localapi.CompanySummary]{
			{title: "companies.name", text: func(c localapi.CompanySummary) string { return c.Name }},
			{title: "companies.entries", text: func(c localapi.CompanySummary) string { return c.Summary }},
			{title: "companies.column.accounts", text: func(c localapi.CompanySummary) string { return number(c.Accounts) }},
			{title: "companies.column.state", text: companyState},
		},
		key:    func(c localapi.CompanySummary) string { return c.Name },
		load:   v.load,
		run:    v.runListed,
		failed: func(err error) { v.desk.failed(v.bar, err) },
		chosen: v.chosen,
		opened: func(localapi.CompanySummary) { v.desk.window.Canvas().Focus(v.form.name) },
		empty:  container.NewVBox(v.nothing),
		window: v.desk.window,
		told:   v.desk.listed("companies"),
	})
	t.list.CreateItem = func() fyne.CanvasObject { return newCompanyRow(t) }
	t.list.UpdateItem = func(id widget.ListItemID, o fyne.CanvasObject) {
		if r, ok := o.(*companyRow); ok && id < len(t.rows) {
			r.set(id, t.rows[id])
			if id >= len(t.rows)-20 {
				t.more()
			}
		}
	}
	return t
}

// runListed runs a work of the list and tells when the list is shown.
func (v *companiesView) runListed(wk work) {
	v.desk.run(func(ctx context.Context) func() {
		show := wk(ctx)
		return func() {
			show()
			if !v.table.loading {
				v.listed()
			}
		}
	})
}

func companyState(c localapi.CompanySummary) string {
	if c.Enabled {
		return tr("companies.state.on")
	}
	return tr("companies.state.off")
}

// companyRow is a company in two lines.
type companyRow struct {
	tableRow
	name, count, summary, state *widget.Label
	icon                        *widget.Icon
	mark                        *fyne.Container
	shown                       localapi.CompanySummary
}

func newCompanyRow(t *table[localapi.CompanySummary]) *companyRow {
	r := &companyRow{name: widget.NewLabel(""), count: newSmall(""), summary: newSmall(""), state: newSmall(""), icon: widget.NewIcon(nil)}
	r.name.TextStyle.Bold = true
	r.name.Truncation, r.summary.Truncation = fyne.TextTruncateEllipsis, fyne.TextTruncateEllipsis
	r.state.Importance = levelWarning.importance()
	r.icon.SetResource(levelWarning.icon())
	r.mark = container.NewHBox(container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(15), r.icon)), r.state)
	r.mark.Hide()
	r.box = container.New(layout.NewCustomPaddedVBoxLayout(-12),
		newBorder(nil, nil, nil, r.count, r.name),
		newBorder(nil, nil, nil, r.mark, r.summary))
	r.tapped = func(id int) {
		if c := fyne.CurrentApp().Driver().CanvasForObject(t.list); c != nil {
			c.Focus(t.list)
		}
		t.list.Select(id)
	}
	r.opened = t.open
	r.secondary = t.showMenu
	r.ExtendBaseWidget(r)
	return r
}

func (r *companyRow) set(id int, c localapi.CompanySummary) {
	r.id = id
	if r.shown == c {
		return
	}
	r.shown = c
	r.name.SetText(c.Name)
	r.count.SetText(trn("companies.accounts", c.Accounts))
	summary := c.Summary
	if c.Entries == 0 {
		summary = tr("companies.row.empty")
	}
	r.summary.SetText(summary)
	switch {
	case !c.Enabled:
		r.state.SetText(tr("companies.state.off"))
		r.mark.Show()
	case c.Warnings > 0:
		r.state.SetText(trn("companies.row.warnings", c.Warnings))
		r.mark.Show()
	default:
		r.mark.Hide()
	}
}
