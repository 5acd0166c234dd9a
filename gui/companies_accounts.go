package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// companyAccounts is the card of a company's accounts: how many there are, and the first of them.
type companyAccounts struct {
	desk    *desk
	company string
	query   int
	grown   func() // it needs more room, or less
	heading *widget.Label
	all     *widget.Button
	text    *widget.Label
	rows    *fyne.Container
	card    *panel
}

// firstAccounts is how many are shown.
const firstAccounts = 6

func newCompanyAccounts(d *desk, grown func()) *companyAccounts {
	a := &companyAccounts{desk: d, grown: grown, heading: newHeading(""), text: newHint("")}
	a.all = newButton(tr("companies.accounts.show"), nil, func() { d.open(pageUsers, "company:"+a.company) })
	a.rows = container.New(layout.NewCustomPaddedVBoxLayout(-6))
	head := newBorder(nil, nil, a.heading, a.all)
	a.card = newCard("", container.NewVBox(head, a.text, a.rows))
	return a
}

// read shows the accounts of a company as they are now.
func (a *companyAccounts) read(c localapi.Company) {
	if c.Name != a.company {
		a.rows.RemoveAll()
	}
	a.company = c.Name
	a.heading.SetText(trn("companies.accounts", c.Accounts))
	a.text.Hide()
	if c.Accounts == 0 {
		a.rows.RemoveAll()
		a.say(tr("companies.accounts.none"))
		a.all.Hide()
		return
	}
	a.all.Show()
	a.query++
	query := a.query
	a.desk.run(func(ctx context.Context) func() {
		page, err := a.desk.client.AccountPage(ctx, localapi.AccountFilter{Company: c.Name}, "", firstAccounts)
		return func() {
			if query == a.query {
				a.show(page.Items, err)
			}
		}
	})
}

func (a *companyAccounts) say(text string) {
	a.text.SetText(text)
	a.text.Show()
	a.grown()
}

func (a *companyAccounts) show(accounts []localapi.Account, err error) {
	switch {
	case isCanceled(err):
		return
	case isLost(err):
		a.desk.lost(err)
		return
	case err != nil:
		a.say(errorText(err))
		return
	}
	a.rows.RemoveAll()
	for _, account := range accounts {
		a.rows.Add(a.row(account))
	}
	a.rows.Refresh()
	a.grown()
}

func (a *companyAccounts) row(account localapi.Account) fyne.CanvasObject {
	link := widget.NewHyperlink(account.Email, nil)
	link.Truncation = fyne.TextTruncateEllipsis
	link.OnTapped = func() { a.desk.open(pageUsers, account.Email) }
	name := newSmall(strings.TrimSpace(account.FirstName + " " + account.LastName))
	name.Truncation = fyne.TextTruncateEllipsis
	state, l := tr("companies.account.active"), levelOK
	switch {
	case account.State != "active":
		state, l = tr("companies.account.disabled"), levelWarning
	case !account.ListMatch:
		state, l = tr("companies.account.off"), levelWarning
	}
	label := newSmall(state)
	label.Importance = l.importance()
	icon := container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(16), widget.NewIcon(l.icon())))
	return newBorder(nil, nil, nil, newFixed(170, newBorder(nil, nil, icon, nil, label)), container.NewGridWithColumns(2, link, name))
}
