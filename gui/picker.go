package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// companyPicker is a list of companies with a field that narrows it while one types: thousands are too many for a menu.
type companyPicker struct {
	desk   *desk
	failed func(error)
	all    string            // stands before the companies, and means every one of them; "" for none
	chosen func(name string) // is told what is marked; "" for all
	picked func(name string) // and what was clicked, or marked when Enter was pressed
	rows   []localapi.CompanySummary
	query  int
	loaded string // what the rows were searched for
	enter  bool   // the first of them is picked when they are here

	search  *searchEntry
	list    *pickList
	hint    *widget.Label
	content fyne.CanvasObject
}

func newCompanyPicker(d *desk, all string, failed func(error)) *companyPicker {
	p := &companyPicker{desk: d, all: all, failed: failed, hint: newHint("")}
	p.search = newSearch(d, tr("picker.search"), func(string) { p.load() })
	p.search.OnSubmitted = func(string) { p.submit() }
	p.search.keys = map[fyne.KeyName]func(){
		fyne.KeyDown: func() { p.list.move(min(p.list.at+1, p.list.Length()-1)) },
		fyne.KeyUp:   func() { p.list.move(max(p.list.at-1, 0)) },
	}
	p.list = newPickList(p.count, p.show)
	p.list.OnSelected = func(i int) {
		if name, ok := p.name(i); ok && p.chosen != nil {
			p.chosen(name)
		}
		if !p.list.moving {
			p.list.open(i)
		}
	}
	p.list.open = func(i int) {
		if name, ok := p.name(i); ok && p.picked != nil {
			p.picked(name)
		}
	}
	p.hint.Hide()
	p.content = newBorder(p.search, p.hint, nil, nil, p.list)
	return p
}

func (p *companyPicker) count() int {
	if p.all != "" {
		return len(p.rows) + 1
	}
	return len(p.rows)
}

// name returns the name in a row; "" for all.
func (p *companyPicker) name(i int) (name string, ok bool) {
	if p.all != "" {
		i--
	}
	if i >= len(p.rows) {
		return "", false
	}
	if i < 0 {
		return "", p.all != ""
	}
	return p.rows[i].Name, true
}

// submit picks what is marked, or else the first company that was searched for.
func (p *companyPicker) submit() {
	p.search.cancel()
	switch {
	case p.loaded != p.search.Text:
		p.enter = true
		p.load()
	case p.list.at >= 0:
		p.list.open(p.list.at)
	case p.loaded != "" && len(p.rows) > 0:
		p.list.open(p.count() - len(p.rows))
	}
}

// load reads the companies whose name or entry holds what is typed.
func (p *companyPicker) load() {
	p.query++
	query, search := p.query, p.search.Text
	p.desk.run(func(ctx context.Context) func() {
		page, err := p.desk.client.CompanyPage(ctx, localapi.CompanyFilter{Search: search}, "", pageSize)
		return func() {
			if query != p.query {
				return
			}
			if err != nil {
				p.failed(err)
				return
			}
			p.loaded = search
			p.take(page)
			if p.enter {
				p.enter = false
				p.submit()
			}
		}
	})
}

func (p *companyPicker) take(page localapi.Page[localapi.CompanySummary]) {
	p.rows = page.Items
	p.list.quietly(p.list.UnselectAll)
	p.list.ScrollToTop()
	p.list.Refresh()
	switch {
	case len(page.Items) == 0:
		p.hint.SetText(tr("picker.none"))
		p.hint.Show()
	case page.Next != "":
		p.hint.SetText(tr("picker.more"))
		p.hint.Show()
	default:
		p.hint.Hide()
	}
}

func (p *companyPicker) show(i widget.ListItemID, o fyne.CanvasObject) {
	row, ok := o.(*fyne.Container)
	if !ok {
		return
	}
	name, isName := row.Objects[0].(*widget.Label)
	count, isCount := row.Objects[1].(*widget.Label)
	if !isName || !isCount {
		return
	}
	if p.all != "" {
		i--
	}
	if i < 0 {
		name.SetText(p.all)
		count.SetText("")
		return
	}
	if i >= len(p.rows) {
		return
	}
	name.SetText(p.rows[i].Name)
	if p.rows[i].Enabled {
		count.SetText(trn("picker.accounts", p.rows[i].Accounts))
	} else {
		count.SetText(tr("picker.disabled"))
	}
}

// pickList is a list that knows whether its row was marked by a key or clicked.
type pickList struct {
	keyList
	moving bool
}

func newPickList(length func() int, update func(widget.ListItemID, fyne.CanvasObject)) *pickList {
	l := &pickList{}
	l.at = -1
	l.Length, l.UpdateItem = length, update
	l.CreateItem = func() fyne.CanvasObject {
		name := widget.NewLabel("")
		name.Truncation = fyne.TextTruncateEllipsis
		return newBorder(nil, nil, nil, newSmall(""), name)
	}
	l.ExtendBaseWidget(l)
	return l
}

// TypedKey moves the mark.
func (l *pickList) TypedKey(e *fyne.KeyEvent) {
	l.moving = true
	l.keyList.TypedKey(e)
	l.moving = false
}

// move marks a row without picking it.
func (l *pickList) move(to int) {
	l.moving = true
	l.keyList.move(to)
	l.moving = false
}

// companyButton is a filter: it says which company is chosen, and lets one choose another.
type companyButton struct {
	*widget.Button
	desk    *desk
	company string
	changed func()
	failed  func(error)
	popup   *widget.PopUp
}

func newCompanyButton(d *desk, changed func(), failed func(error)) *companyButton {
	b := &companyButton{desk: d, changed: changed, failed: failed}
	b.Button = widget.NewButtonWithIcon("", theme.MenuDropDownIcon(), b.open)
	b.IconPlacement, b.Alignment = widget.ButtonIconTrailingText, widget.ButtonAlignLeading
	b.set("")
	return b
}

// companyShown is how many letters of a name the button has room for.
const companyShown = 18

// set shows what is chosen; "" is all.
func (b *companyButton) set(company string) {
	b.company = company
	text := tr("picker.all")
	if company != "" {
		text = company
	}
	if letters := []rune(text); len(letters) > companyShown {
		text = string(letters[:companyShown-1]) + "…"
	}
	b.SetText(text)
}

// open shows the companies below the button.
func (b *companyButton) open() {
	p := newCompanyPicker(b.desk, tr("picker.all"), b.failed)
	canvas := b.desk.window.Canvas()
	b.popup = widget.NewPopUp(container.NewGridWrap(fyne.NewSize(320, 320), p.content), canvas)
	shut := func() {
		b.popup.Hide()
		canvas.Focus(b.Button)
	}
	p.picked = func(name string) {
		shut()
		if name != b.company {
			b.set(name)
			b.changed()
		}
	}
	p.search.keys[fyne.KeyEscape] = shut
	p.list.keys = map[fyne.KeyName]func(){fyne.KeyEscape: shut}
	b.popup.ShowAtRelativePosition(fyne.NewPos(0, b.Size().Height), b.Button)
	canvas.Focus(p.search)
	p.load()
}
