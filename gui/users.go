package gui

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// What Open may be given beside an address.
const (
	subjectCompany       = "company:" // and a name: the accounts of that company
	subjectOffList       = "off_list" // the accounts that are not on their company's list any more
	subjectRegistrations = "registrations"
)

// usersView is the accounts, the sign-ups that wait for their confirmation, and the switch that lets people sign up.
type usersView struct {
	desk     *desk
	bar      *bar
	link     *loginLink
	accounts *accountsPane
	waiting  *waitingPane
	tabs     []*tab // of the accounts and of those who wait
	query    int    // numbers what Open asked for, so that a late answer does not take the person elsewhere
	content  fyne.CanvasObject
}

func newUsers(d *desk) view { return &usersView{desk: d} }

// Content returns what the page shows.
func (v *usersView) Content() fyne.CanvasObject {
	v.bar = newBar()
	v.link = newLoginLink(v.desk, v.failed)
	v.accounts = newAccountsPane(v.desk, v.bar)
	v.waiting = newWaitingPane(v.desk, v.bar)
	v.link.read = v.accounts.setSignUp
	v.accounts.changed, v.waiting.changed = v.count, v.count
	v.tabs = []*tab{
		newTab(tr("users.accounts"), func() { v.turnTo(0) }),
		newTab(tr("users.waiting"), func() { v.turnTo(1) }),
	}
	tabs := container.NewVBox(container.NewHBox(v.tabs[0].content, v.tabs[1].content), widget.NewSeparator())
	head := container.NewVBox(newTitle(tr("page.users")), v.link.content, v.bar, tabs)
	v.content = newBorder(head, nil, nil, nil, container.NewStack(v.accounts.content, v.waiting.content))
	v.turnTo(0)
	return v.content
}

// turnTo shows one of the two lists.
func (v *usersView) turnTo(i int) {
	for n, t := range v.tabs {
		t.set(n == i)
	}
	if i == 0 {
		v.waiting.content.Hide()
		v.accounts.content.Show()
	} else {
		v.accounts.content.Hide()
		v.waiting.content.Show()
	}
}

// Open reads everything anew and goes to what is asked for: see the subjects above.
func (v *usersView) Open(subject string) {
	v.query++
	v.bar.clear()
	v.link.load()
	v.count()
	company, isCompany := strings.CutPrefix(subject, subjectCompany)
	switch {
	case subject == "":
		v.accounts.table.reload()
	case isCompany:
		v.turnTo(0)
		v.accounts.filter(filterChoice{company: company})
	case subject == subjectOffList:
		v.turnTo(0)
		v.accounts.filter(filterChoice{state: stateOffList})
	case subject == subjectRegistrations:
		v.turnTo(1)
		v.accounts.table.reload()
	default:
		v.find(subject)
	}
	v.waiting.table.reload()
}

// find shows the account of an address, or the sign-up that waits.
func (v *usersView) find(email string) {
	query := v.query
	v.desk.run(func(ctx context.Context) func() {
		_, err := v.desk.client.Account(ctx, email)
		waits := false
		if app.ReasonOf(err) == "account_unknown" {
			waits = v.waits(ctx, email)
		}
		return func() {
			switch {
			case query != v.query:
			case waits:
				v.turnTo(1)
				v.waiting.find(email)
				v.accounts.table.reload()
			default:
				v.turnTo(0)
				v.accounts.find(email)
				v.failed(err)
			}
		}
	})
}

// waits reports whether a sign-up of an address waits.
func (v *usersView) waits(ctx context.Context, email string) bool {
	for after := ""; ; {
		page, err := v.desk.client.RegistrationPage(ctx, after, maxPageSize)
		if err != nil {
			return false // the list itself says why
		}
		for _, r := range page.Items {
			if r.Email == email {
				return true
			}
		}
		if after = page.Next; after == "" {
			return false
		}
	}
}

// count shows how many accounts and sign-ups there are.
func (v *usersView) count() {
	v.desk.run(func(ctx context.Context) func() {
		_, ahead := time.Now().Zone()
		stats, err := v.desk.client.Stats(ctx, 1, time.Duration(ahead)*time.Second)
		return func() {
			if err != nil {
				v.failed(err)
				return
			}
			v.tabs[0].setText(tr("users.accounts_count", args{"Count": number(stats.Accounts)}))
			v.tabs[1].setText(tr("users.waiting_count", args{"Count": number(stats.Registrations)}))
		}
	})
}

// Changed reads anew what is not as it was.
func (v *usersView) Changed(t topics) {
	if t.any(localapi.TopicSettings) {
		v.link.load()
	}
	if t.any(localapi.TopicAccounts, localapi.TopicRegistrations) {
		v.count()
	}
	if t.any(localapi.TopicAccounts, localapi.TopicCompanies) {
		v.accounts.table.reload()
	} else if t.any(localapi.TopicMessages) {
		v.accounts.detail.load()
	}
	if t.any(localapi.TopicRegistrations, localapi.TopicCompanies) {
		v.waiting.table.reload()
	}
}

// Unsaved reports false: whatever is done here is done at once.
func (v *usersView) Unsaved() bool { return false }

func (v *usersView) failed(err error) { v.desk.failed(v.bar, err) }

// searchField returns where to search.
func (v *usersView) searchField() fyne.Focusable {
	v.turnTo(0)
	return v.accounts.search
}

// tab is one of a few lists to choose from: a button with a line below the chosen one.
type tab struct {
	button  *widget.Button
	line    *panel
	content fyne.CanvasObject
}

func newTab(text string, tapped func()) *tab {
	t := &tab{button: widget.NewButton(text, tapped)}
	t.line = newPanel(theme.ColorNamePrimary, "", 1, 0, container.NewGridWrap(fyne.NewSize(10, 3), layout.NewSpacer()))
	t.content = container.New(layout.NewCustomPaddedVBoxLayout(0), t.button, t.line)
	return t
}

func (t *tab) setText(text string) { t.button.SetText(text) }

// set shows whether the tab is the chosen one.
func (t *tab) set(chosen bool) {
	t.button.Importance = widget.LowImportance
	fill := colorTint
	if chosen {
		fill = theme.ColorNamePrimary
	}
	t.line.setFill(fill)
	t.button.Refresh()
}

// loginLink is the switch that puts "Create a customer account" on the login screen.
type loginLink struct {
	desk    *desk
	failed  func(error)
	read    func(address string, on bool) // is told where people sign up and whether they can
	check   *widget.Check
	state   *pill
	hint    *widget.Label
	on      bool
	saving  bool
	query   int
	row     *fyne.Container
	content fyne.CanvasObject
}

func newLoginLink(d *desk, failed func(error)) *loginLink {
	l := &loginLink{desk: d, failed: failed, hint: newHint(""), state: newPill("", levelPlain)}
	l.check = widget.NewCheck(tr("users.link"), l.save)
	l.check.Disable()
	l.state.Hide()
	end := container.NewCenter(l.state)
	l.row = container.New(layout.NewBorderLayout(nil, nil, nil, end), l.check, end)
	l.content = newCard("", container.New(layout.NewCustomPaddedVBoxLayout(-4), l.row, l.hint))
	return l
}

// load reads the switch, unless it is being changed.
func (l *loginLink) load() {
	l.query++
	query := l.query
	l.desk.run(func(ctx context.Context) func() {
		settings, err := l.desk.client.Settings(ctx)
		return func() {
			switch {
			case l.saving || query != l.query:
			case err != nil:
				l.failed(err)
			default:
				l.take(settings)
			}
		}
	})
}

func (l *loginLink) take(settings localapi.Settings) {
	l.on = settings["login_link"].Text == "on"
	l.show()
	l.read(settings["public_url"].Text, l.on)
}

// show shows the switch as the service has it.
func (l *loginLink) show() {
	l.check.Checked = l.on
	l.check.Enable()
	if l.on {
		l.state.set(tr("users.link_on"), levelOK)
		l.hint.SetText(tr("users.link_on_hint"))
	} else {
		l.state.set(tr("users.link_off"), levelWarning)
		l.hint.SetText(tr("users.link_off_hint"))
	}
	l.state.Show()
	l.row.Refresh()
}

func (l *loginLink) save(on bool) {
	value := "off"
	if on {
		value = "on"
	}
	l.saving = true
	l.check.Disable()
	l.state.set(tr("users.saving"), levelPlain)
	l.row.Refresh()
	l.desk.run(func(ctx context.Context) func() {
		settings, err := l.desk.client.SetSettings(ctx, map[string]string{"login_link": value})
		return func() {
			l.saving = false
			if err != nil {
				l.show()
				l.failed(err)
				return
			}
			l.take(settings)
			l.desk.tell(l.state.label.Text)
		}
	})
}
