package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// companiesView is the page of the companies: a list, beside it the chosen one, and above both the test box.
type companiesView struct {
	desk    *desk
	filter  localapi.CompanyFilter
	name    string // the company that is shown, "" for none or a new one
	first   bool   // the list was shown, and the first company chosen from it
	table   *table[localapi.CompanySummary]
	search  *searchEntry
	bar     *bar
	try     *addressTry
	form    *companyForm
	none    fyne.CanvasObject // there is no company at all
	choose  fyne.CanvasObject // none is chosen
	nothing *widget.Label     // the search finds none
	count   *widget.Label
	add     *widget.Button
	right   *fyne.Container
	scroll  *container.Scroll
	content fyne.CanvasObject
}

// listWidth is how wide the list is: the rest is the company's.
const listWidth = 264

func newCompanies(d *desk) view {
	v := &companiesView{desk: d, bar: newBar()}
	v.form = newCompanyForm(d)
	v.form.kept, v.form.gone, v.form.grown = v.kept, v.formClosed, v.grow
	v.try = newAddressTry(d, func(company string) { v.goTo(company) }, v.grow)
	return v
}

// Content lays the page out.
func (v *companiesView) Content() fyne.CanvasObject {
	v.search = newSearch(v.desk, tr("companies.search"), func(text string) {
		v.filter.Search = text
		v.table.reload()
	})
	v.table = v.newTable()
	v.count = newSmall("")
	v.none = newEmpty(theme.StorageIcon(), tr("companies.empty"), tr("companies.empty.text"), tr("companies.empty.add"), v.startNew)
	v.choose = newEmpty(theme.StorageIcon(), tr("companies.choose"), tr("companies.choose.text"), "", nil)
	v.none.Hide()
	v.choose.Hide()
	v.add = newMainButton(tr("companies.add"), theme.ContentAddIcon(), v.startNew)

	head := newBorder(nil, nil, newTitle(tr("page.companies")), centered(v.add), container.New(layout.NewCustomPaddedLayout(0, 0, 16, 8), centered(v.try.strip)))
	left := newPanel(colorSurface, colorLine, 10, 6, newBorder(v.search, v.count, nil, nil, v.table.stack))
	v.right = container.NewVBox(v.try.card, v.form.bar, v.none, v.choose, v.form.body)
	v.scroll = container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 8, 6, 12), v.right))
	detail := newBorder(nil, v.form.foot, nil, nil, v.scroll)
	v.content = newBorder(container.NewVBox(head, v.bar), nil, newFixed(listWidth, left), nil, detail)
	return v.content
}

// Open reads the list anew, and the company to go to; "new" begins one. What was begun is dropped.
func (v *companiesView) Open(subject string) {
	v.bar.clear()
	v.table.reload()
	switch {
	case subject == "new":
		v.beginNew()
	case subject != "":
		v.show(subject)
	case v.name != "":
		v.show(v.name)
	case v.form.open: // a new one that was left
		v.form.close()
	}
}

// Changed reads again what has changed.
func (v *companiesView) Changed(t topics) {
	if t.any(localapi.TopicCompanies, localapi.TopicAccounts) {
		v.table.reload()
		v.form.again()
	}
	if t.any(localapi.TopicCompanies, localapi.TopicAccounts, localapi.TopicConnectors, localapi.TopicSettings) {
		v.try.again()
	}
}

// Unsaved reports whether a company was changed and not saved.
func (v *companiesView) Unsaved() bool { return v.form.dirty() }

func (v *companiesView) searchField() fyne.Focusable { return v.search }

// guard does something that drops what was begun; before, it asks.
func (v *companiesView) guard(do func()) {
	if !v.Unsaved() {
		do()
		return
	}
	v.desk.confirm(tr("unsaved.title"), tr("unsaved.text"), tr("unsaved.leave"), do)
}

// startNew begins a company.
func (v *companiesView) startNew() { v.guard(v.beginNew) }

func (v *companiesView) beginNew() {
	v.name = ""
	v.table.selectKey("")
	v.form.begin()
	v.placeholders()
	v.scroll.ScrollToTop()
}

// goTo shows a company.
func (v *companiesView) goTo(name string) {
	if name != v.name {
		v.guard(func() { v.show(name) })
	}
}

// show shows a company without a question.
func (v *companiesView) show(name string) {
	v.name = name
	v.table.selectKey(name)
	v.form.read(name)
	v.scroll.ScrollToTop()
}

// chosen is told which row is chosen. The choice stays where it was until the person has said what to do with what was begun.
func (v *companiesView) chosen(row localapi.CompanySummary, ok bool) {
	if !ok || row.Name == v.name {
		return
	}
	if !v.Unsaved() {
		v.name = row.Name
		v.form.read(row.Name)
		v.scroll.ScrollToTop()
		return
	}
	v.table.selectKey(v.name)
	v.goTo(row.Name)
}

// kept is told that a company was saved.
func (v *companiesView) kept(name string) {
	v.name = name
	v.table.selected = name
	v.table.reload()
	v.try.again()
}

// formClosed is told that no company is shown any more.
func (v *companiesView) formClosed() {
	v.name = ""
	v.table.selectKey("")
	v.table.reload()
	v.placeholders()
}

// listed is called when the list was read: the first company is chosen then, so that there is something to see.
func (v *companiesView) listed() {
	if !v.first && v.name == "" && !v.form.open && len(v.table.rows) > 0 {
		v.show(v.table.rows[0].Name)
	}
	if v.name != "" && v.table.selected != v.name { // it was not among the rows for a while
		v.table.selectKey(v.name)
	}
	v.first = true
	v.nothing.SetText(tr("companies.none"))
	if v.filter.Search != "" {
		v.nothing.SetText(tr("companies.notfound", args{"Search": v.filter.Search}))
	}
	v.showCount()
	v.placeholders()
}

// showCount says how many companies there are.
func (v *companiesView) showCount() {
	v.count.SetText("")
	if n := max(v.table.total, len(v.table.rows)); n > 0 {
		v.count.SetText(trn("companies.count", n))
	}
}

// placeholders shows what stands in the place of a company.
func (v *companiesView) placeholders() {
	none, choose := false, false
	if !v.form.open && v.name == "" && v.first {
		none = len(v.table.rows) == 0 && v.filter.Search == ""
		choose = !none
	}
	v.none.Hide()
	v.choose.Hide()
	if none {
		v.none.Show()
	}
	if choose {
		v.choose.Show()
	}
	v.grow()
}

// grow gives the parts the room they need now.
func (v *companiesView) grow() {
	if v.scroll != nil {
		v.scroll.Refresh()
	}
}

func (v *companiesView) load(q tableQuery) loader[localapi.CompanySummary] {
	filter := v.filter
	return func(ctx context.Context) (localapi.Page[localapi.CompanySummary], error) {
		return v.desk.client.CompanyPage(ctx, filter, q.after, q.limit)
	}
}

// centered returns an object as high as it needs to be, in the middle of the height there is.
func centered(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewVBox(layout.NewSpacer(), o, layout.NewSpacer())
}
