package gui

import (
	"context"
	"net/url"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// The choices of the filter by state, in the order they are offered.
const (
	stateAll = iota
	stateActive
	stateDisabled
	stateOffList
)

// filterChoice is what the list of accounts is narrowed by.
type filterChoice struct {
	search  string
	company string
	state   int
}

// accountsPane is the list of accounts with its filters, and the chosen account beside it.
type accountsPane struct {
	desk    *desk
	bar     *bar
	changed func() // an account has been changed here
	search  *searchEntry
	company *companyButton
	state   *widget.Select
	asked   filterChoice // what the list is of
	table   *table[localapi.Account]
	detail  *accountDetail
	nobody  *nobodyYet
	nothing fyne.CanvasObject // what is shown when the filters leave none
	content fyne.CanvasObject
}

func newAccountsPane(d *desk, b *bar) *accountsPane {
	p := &accountsPane{desk: d, bar: b}
	p.search = newSearch(d, tr("users.search"), func(string) { p.restart() })
	p.company = newCompanyButton(d, p.restart, p.failed)
	p.state = widget.NewSelect([]string{tr("users.state_all"), tr("users.state_active"), tr("users.state_disabled"), tr("users.state_off")}, nil)
	p.state.SetSelectedIndex(stateAll)
	p.state.OnChanged = func(string) { p.restart() }
	export := newButton(tr("users.export"), theme.DownloadIcon(), func() { p.newExport().choose() })
	p.nobody = newNobodyYet(d)
	p.nothing = newEmpty(theme.SearchIcon(), tr("users.nothing"), tr("users.nothing_text"), tr("users.clear"), func() { p.filter(filterChoice{}) })
	p.detail = newAccountDetail(d, b)
	p.detail.closed = func() { p.choose("") }
	p.table = newTable(p.tableConfig())
	p.table.list.keys = map[fyne.KeyName]func(){
		fyne.KeyEscape: func() { p.choose("") },
		fyne.KeyDelete: func() { p.detail.do(actRemove) },
	}
	ends := container.NewHBox(p.company.Button, newFixed(178, p.state), export)
	filters := container.New(layout.NewBorderLayout(nil, nil, nil, ends), p.search, ends)
	beside := container.New(&partLayout{}, p.table.content, p.detail.content)
	p.detail.sized = func() { beside.Layout.Layout(beside.Objects, beside.Size()) }
	p.detail.changed = func() {
		p.table.reload()
		p.changed()
	}
	p.content = newBorder(filters, nil, nil, nil, beside)
	return p
}

func (p *accountsPane) tableConfig() tableConfig[localapi.Account] {
	return tableConfig[localapi.Account]{
		columns: []column[localapi.Account]{
			{title: "users.address", share: 1.7, sort: "email", text: func(a localapi.Account) string { return a.Email }},
			{title: "users.name", sort: "name", least: 580, text: nameOf},
			{title: "users.company", sort: "company", least: 640, text: func(a localapi.Account) string { return a.Company }},
			{title: "users.created", sort: "created", width: 136, least: 720, text: func(a localapi.Account) string { return moment(a.CreatedAt) }},
			{title: "users.state", width: 190, text: stateText, level: stateLevel},
		},
		key:  func(a localapi.Account) string { return a.Email },
		load: p.load,
		run:  p.run, failed: p.failed,
		chosen: p.detail.choose,
		opened: func(localapi.Account) { p.detail.focus() },
		menu:   func(localapi.Account) []*fyne.MenuItem { return p.detail.menu() },
		empty:  container.NewStack(p.nobody.content, p.nothing),
		sort:   "email", window: p.desk.window, told: p.desk.listed("accounts"),
	}
}

// run starts a work of the table. Before that shows what it has read, the words for having nothing are chosen.
func (p *accountsPane) run(w work) {
	p.desk.run(func(ctx context.Context) func() {
		show := w(ctx)
		return func() {
			if p.asked == (filterChoice{}) {
				p.nothing.Hide()
				p.nobody.content.Show()
			} else {
				p.nobody.content.Hide()
				p.nothing.Show()
			}
			show()
		}
	})
}

// choice returns what the filters say.
func (p *accountsPane) choice() filterChoice {
	return filterChoice{search: strings.TrimSpace(p.search.Text), company: p.company.company, state: p.state.SelectedIndex()}
}

func (c filterChoice) filter() localapi.AccountFilter {
	f := localapi.AccountFilter{Search: c.search, Company: c.company}
	switch c.state {
	case stateActive:
		f.State = "active"
	case stateDisabled:
		f.State = "disabled"
	case stateOffList:
		f.OffList = true
	}
	return f
}

func (p *accountsPane) load(q tableQuery) loader[localapi.Account] {
	f := p.asked.filter()
	f.Sort, f.Reverse = q.sort, q.reverse
	return func(ctx context.Context) (localapi.Page[localapi.Account], error) {
		return p.desk.client.AccountPage(ctx, f, q.after, q.limit)
	}
}

// filter sets the filters and reads the list anew.
func (p *accountsPane) filter(c filterChoice) {
	changed := p.state.OnChanged
	p.state.OnChanged = nil
	p.state.SetSelectedIndex(c.state)
	p.state.OnChanged = changed
	p.company.set(c.company)
	p.search.SetText(c.search)
	p.search.cancel()
	p.restart()
}

// restart reads the list as the filters have it now.
func (p *accountsPane) restart() {
	p.asked = p.choice()
	p.table.restart()
}

// find shows the account of an address.
func (p *accountsPane) find(email string) {
	p.table.selectKey("")
	p.table.selectKey(email)
	p.filter(filterChoice{search: email})
}

// choose chooses an account; "" chooses none.
func (p *accountsPane) choose(email string) {
	p.table.selectKey(email)
	if email == "" {
		p.detail.choose(localapi.Account{}, false)
		p.desk.window.Canvas().Focus(p.table.list)
	}
}

func (p *accountsPane) failed(err error) { p.desk.failed(p.bar, err) }

// setSignUp tells where people sign up, and whether they can.
func (p *accountsPane) setSignUp(address string, on bool) { p.nobody.set(address, on) }

// newExport returns what writes the list, as it is narrowed and in its order, into a file.
func (p *accountsPane) newExport() *export[localapi.Account] {
	f := p.asked.filter()
	f.Sort, f.Reverse = p.table.order, p.table.reverse
	return &export[localapi.Account]{
		desk: p.desk, name: tr("users.export_file", args{"Day": time.Now().Format(time.DateOnly)}), failed: p.failed,
		header: []string{
			"users.address", "users.first_name", "users.last_name", "users.phone", "users.company", "users.groups", "users.state", "users.list",
			"users.entry", "users.created",
		},
		row: accountRow,
		load: func(ctx context.Context, after string, limit int) (localapi.Page[localapi.Account], error) {
			return p.desk.client.AccountPage(ctx, f, after, limit)
		},
	}
}

// accountRow returns an account as a line of the file.
func accountRow(a localapi.Account) []string {
	list := tr("users.list_yes")
	if !a.ListMatch {
		list = tr("users.list_no")
	}
	state := a
	state.ListMatch = true
	return []string{
		a.Email, a.FirstName, a.LastName, a.Phone, a.Company, strings.Join(a.Groups, ", "), stateText(state), list, a.Entry,
		a.CreatedAt.Local().Format(time.RFC3339),
	}
}

// nameOf returns a person's name.
func nameOf(a localapi.Account) string { return strings.TrimSpace(a.FirstName + " " + a.LastName) }

// stateText says in a word how an account stands.
func stateText(a localapi.Account) string {
	switch {
	case a.State == "disabled":
		return tr("users.state_disabled")
	case !a.ListMatch:
		return tr("users.state_off")
	default:
		return tr("users.state_active")
	}
}

func stateLevel(a localapi.Account) level {
	switch {
	case a.State == "disabled":
		return levelError
	case !a.ListMatch:
		return levelWarning
	default:
		return levelOK
	}
}

// nobodyYet is shown while there are no accounts: how people get one.
type nobodyYet struct {
	hint    *widget.Label
	address *widget.Label
	copy    fyne.CanvasObject
	content fyne.CanvasObject
}

func newNobodyYet(d *desk) *nobodyYet {
	n := &nobodyYet{hint: newHint("")}
	n.hint.SizeName = theme.SizeNameText
	n.hint.Alignment = fyne.TextAlignCenter
	n.copy, n.address = newCopyField("", d.tell)
	n.copy.Hide()
	head := newHeading(tr("users.nobody"))
	head.Alignment = fyne.TextAlignCenter
	home := newButton(tr("users.open_home"), theme.HomeIcon(), func() { d.open(pageHome, "") })
	picture := widget.NewIcon(theme.NewDisabledResource(theme.AccountIcon()))
	box := container.NewVBox(container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(48), picture)), head, n.hint, n.copy, container.NewCenter(home))
	n.content = container.NewCenter(container.NewGridWrap(fyne.NewSize(460, 270), box))
	return n
}

// set shows the address at which people sign up, "" when there is none yet, and whether they can.
func (n *nobodyYet) set(address string, on bool) {
	u, err := url.Parse(address)
	known := err == nil && address != ""
	switch {
	case !known:
		n.hint.SetText(tr("users.nobody_nowhere"))
	case on:
		n.hint.SetText(tr("users.nobody_text"))
	default:
		n.hint.SetText(tr("users.nobody_off"))
	}
	if !known {
		n.copy.Hide()
		return
	}
	n.address.SetText(u.JoinPath("login").String())
	n.copy.Show()
}

// partLayout gives the second object, while it is shown, a part of the width beside the first.
type partLayout struct{}

// The width of what is beside.
const (
	besideLeast = 352
	besideMost  = 440
)

// MinSize returns the size of both side by side.
func (partLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := objects[0].MinSize()
	if objects[1].Visible() {
		size.Width += besideLeast
	}
	return size
}

// Layout places both.
func (partLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	first := size
	if objects[1].Visible() {
		w := min(max(size.Width*0.42, besideLeast), besideMost)
		first.Width -= w + theme.Padding()
		objects[1].Resize(fyne.NewSize(w, size.Height))
		objects[1].Move(fyne.NewPos(size.Width-w, 0))
	}
	objects[0].Resize(first)
	objects[0].Move(fyne.NewPos(0, 0))
}
