package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// accountEvents is how many events are shown with an account.
const accountEvents = 10

// accountDetail is the chosen account whole, and what can be done with it.
type accountDetail struct {
	desk    *desk
	bar     *bar
	closed  func() // the person wants to see no account any more
	sized   func() // the account has come into sight, or has gone
	changed func() // something has been done with it

	account  localapi.Account
	shown    bool
	sessions []localapi.AccountSession
	read     bool // the sessions are those of this account
	query    int  // numbers what was asked, so that a late answer to an older question is dropped
	working  bool // something is being done

	unlinking string // the identity that is being removed

	name      *widget.Label
	address   *widget.Label
	state     *pill
	offList   *pill
	offRow    *fyne.Container
	actions   map[action]*widget.Button
	phone     *widget.Label
	company   *widget.Hyperlink
	groups    *widget.Label
	created   *widget.Label
	entry     *widget.Label
	list      *widget.Label
	links     *fyne.Container
	signedIn  *widget.Label
	signOut   *widget.Button
	browsers  *fyne.Container
	mail      *fyne.Container
	mailOpen  *widget.Button
	mailID    string
	events    *fyne.Container
	eventsAll *widget.Button
	scroll    *container.Scroll
	content   fyne.CanvasObject
}

func newAccountDetail(d *desk, b *bar) *accountDetail {
	a := &accountDetail{desk: d, bar: b, actions: map[action]*widget.Button{}}
	a.name = newHeading("")
	a.name.SizeName = theme.SizeNameSubHeadingText
	a.name.Truncation = fyne.TextTruncateEllipsis
	shut := widget.NewButtonWithIcon("", theme.CancelIcon(), func() { a.closed() })
	shut.Importance = widget.LowImportance
	address, label := newCopyField("", d.tell)
	a.address = label
	a.state, a.offList = newPill("", levelPlain), newPill(tr("users.state_off"), levelWarning)
	a.offRow = container.NewHBox(a.offList)
	head := container.NewVBox(
		newNameRow(a.name, container.NewHBox(container.NewCenter(a.state), shut)), address, a.offRow, a.newActions())
	body := container.NewVBox(a.facts(), a.identitiesPart(), a.sessionsPart(), a.mailPart(), a.eventsPart())
	a.scroll = container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, 10), body))
	a.content = newPanel(colorSurface, colorLine, 10, 10, newBorder(head, nil, nil, nil, a.scroll))
	a.content.Hide()
	return a
}

// newNameRow returns a name, and what stands at the end of its line.
func newNameRow(name, end fyne.CanvasObject) *fyne.Container {
	return container.New(layout.NewBorderLayout(nil, nil, nil, end), name, end)
}

func (a *accountDetail) facts() fyne.CanvasObject {
	fact := func(key string) (*fyne.Container, *widget.Label) {
		value := newText("")
		value.Selectable = true
		return container.New(&labelLayout{pairWidth}, newSmall(tr(key)), value), value
	}
	box := container.New(layout.NewCustomPaddedVBoxLayout(-8))
	add := func(key string) *widget.Label {
		row, value := fact(key)
		box.Add(row)
		return value
	}
	a.company = widget.NewHyperlink("", nil)
	a.company.Wrapping = fyne.TextWrapWord
	a.company.OnTapped = func() { a.desk.open(pageCompanies, a.account.Company) }
	box.Add(container.New(&labelLayout{pairWidth}, newSmall(tr("users.company")), a.company))
	a.phone = add("users.phone")
	a.groups = add("users.groups")
	a.created = add("users.created")
	a.entry = add("users.entry")
	a.list = add("users.list")
	return box
}

// newPart returns a heading with what stands at its end, and what is below.
func newPart(heading *widget.Label, end fyne.CanvasObject, below *fyne.Container) fyne.CanvasObject {
	head := container.New(layout.NewBorderLayout(nil, nil, nil, end), heading)
	if end != nil {
		head.Add(end)
	}
	return container.New(layout.NewCustomPaddedVBoxLayout(3), widget.NewSeparator(), head, below)
}

func newLines() *fyne.Container { return container.New(layout.NewCustomPaddedVBoxLayout(-6)) }

func (a *accountDetail) identitiesPart() fyne.CanvasObject {
	a.links = newLines()
	return newPart(newHeading(tr("users.identities")), nil, a.links)
}

func (a *accountDetail) sessionsPart() fyne.CanvasObject {
	a.browsers = newLines()
	a.signedIn = newHeading("")
	a.signOut = newButton(tr("users.sign_out"), theme.LogoutIcon(), a.askSignOut)
	return newPart(a.signedIn, a.signOut, a.browsers)
}

func (a *accountDetail) mailPart() fyne.CanvasObject {
	a.mail = newLines()
	a.mailOpen = newButton(tr("users.mail_open"), theme.MailComposeIcon(), func() { a.desk.open(pageMail, a.mailID) })
	return newPart(newHeading(tr("users.mail")), a.mailOpen, a.mail)
}

func (a *accountDetail) eventsPart() fyne.CanvasObject {
	a.events = newLines()
	a.eventsAll = newButton(tr("users.events_all"), theme.HistoryIcon(), func() { a.desk.open(pageLog, a.account.Email) })
	return newPart(newHeading(tr("users.events")), a.eventsAll, a.events)
}

// choose shows an account as the list has it, and reads the rest; none when not ok.
func (a *accountDetail) choose(account localapi.Account, ok bool) {
	if !ok {
		a.query++
		a.shown, a.account = false, localapi.Account{}
		a.content.Hide()
		a.sized()
		return
	}
	if account.Email != a.account.Email {
		a.read, a.sessions = false, nil
		a.scroll.ScrollToTop()
		a.links.RemoveAll()
		a.browsers.RemoveAll()
		a.mail.RemoveAll()
		a.events.RemoveAll()
	}
	a.shown = true
	a.show(account)
	if !a.content.Visible() {
		a.content.Show()
		a.sized()
	}
	a.load()
}

// accountAll is everything that is shown of an account.
type accountAll struct {
	account  localapi.AccountDetail
	sessions []localapi.AccountSession
	events   []localapi.Event
}

// load reads what is shown anew.
func (a *accountDetail) load() {
	if !a.shown {
		return
	}
	a.query++
	query, email := a.query, a.account.Email
	a.desk.run(func(ctx context.Context) func() {
		all, err := readAccount(ctx, a.desk.client, email)
		return func() {
			switch {
			case query != a.query:
			case err != nil:
				a.desk.failed(a.bar, err)
			default:
				a.take(all)
			}
		}
	})
}

func readAccount(ctx context.Context, c Client, email string) (accountAll, error) {
	var all accountAll
	var err error
	if all.account, err = c.Account(ctx, email); err != nil {
		return all, err
	}
	if all.sessions, err = c.AccountSessions(ctx, email); err != nil {
		return all, err
	}
	page, err := c.EventPage(ctx, localapi.EventFilter{Search: email}, "", accountEvents)
	for _, e := range page.Items {
		// The search finds longer addresses as well.
		if e.Subject == email || e.Actor == email || strings.Contains(" "+e.Detail+" ", " "+email+" ") {
			all.events = append(all.events, e)
		}
	}
	return all, err
}

func (a *accountDetail) take(all accountAll) {
	a.sessions, a.read = all.sessions, true
	a.show(all.account.Account)
	a.showMail(all.account.LastMail)
	a.showEvents(all.events)
}

// show shows what an account itself says.
func (a *accountDetail) show(account localapi.Account) {
	a.account = account
	name := nameOf(account)
	if name == "" {
		name = account.Email
	}
	a.name.SetText(name)
	a.address.SetText(account.Email)
	plain := account
	plain.ListMatch = true
	a.state.set(stateText(plain), stateLevel(plain))
	if account.ListMatch {
		a.offRow.Hide()
		a.list.SetText(tr("users.list_yes_text", args{"Company": account.Company}))
	} else {
		a.offRow.Show()
		a.list.SetText(tr("users.list_no_text", args{"Company": account.Company}))
	}
	a.company.SetText(account.Company)
	a.phone.SetText(orDash(account.Phone))
	a.groups.SetText(orDash(strings.Join(account.Groups, ", ")))
	a.created.SetText(moment(account.CreatedAt))
	a.entry.SetText(orDash(account.Entry))
	a.showIdentities(account.Identities)
	a.showSessions()
	a.showActions()
}

// orDash returns a text, or a dash for none.
func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func (a *accountDetail) showIdentities(identities []localapi.Identity) {
	a.links.RemoveAll()
	for _, i := range identities {
		remove := newButton(tr("users.identity_remove"), theme.DeleteIcon(), func() { a.askUnlink(i) })
		if a.working {
			remove.Disable()
		}
		if a.unlinking == i.ID {
			remove.SetText(tr("users.removing"))
		}
		name := newText(i.Connector)
		if i.Email != "" {
			name.SetText(tr("users.identity", args{"Connector": i.Connector, "Email": i.Email}))
		}
		seen := newHint(tr("users.identity_seen", args{"Time": moment(i.SeenAt)}))
		lines := container.New(layout.NewCustomPaddedVBoxLayout(-10), name, seen)
		a.links.Add(newBorder(nil, nil, nil, container.NewCenter(remove), lines))
	}
	if len(identities) == 0 {
		a.links.Add(newHint(tr("users.identities_none")))
	}
}

func (a *accountDetail) showSessions() {
	a.browsers.RemoveAll()
	if !a.read {
		a.signedIn.SetText(tr("users.sessions"))
		a.signOut.Hide()
		return
	}
	a.signedIn.SetText(tr("users.sessions_count", args{"Count": number(len(a.sessions))}))
	for _, s := range a.sessions {
		browser := s.Browser
		if browser == "" {
			browser = tr("users.browser_unknown")
		}
		through := tr("users.with_password")
		if s.Through != "" {
			through = tr("users.with_connector", args{"Connector": s.Through})
		}
		hint := newHint(tr("users.session", args{"Through": through, "IP": orDash(s.IP), "Time": moment(s.SeenAt)}))
		a.browsers.Add(container.New(layout.NewCustomPaddedVBoxLayout(-10), newText(browser), hint))
	}
	if len(a.sessions) == 0 {
		a.browsers.Add(newHint(tr("users.sessions_none")))
		a.signOut.Hide()
		return
	}
	a.signOut.Show()
}

func (a *accountDetail) showMail(m *localapi.LastMail) {
	a.mail.RemoveAll()
	if m == nil {
		a.mailOpen.Hide()
		a.mail.Add(newHint(tr("users.mail_none")))
		return
	}
	kind := has("users.mail_kind."+m.Kind, nil)
	if kind == "" {
		kind = m.Kind
	}
	state := has("users.mail_state."+m.State, nil)
	if state == "" {
		state = m.State
	}
	a.mailID = m.ID
	a.mailOpen.Show()
	a.mail.Add(newText(kind))
	word := newPill(state, mailLevel(m.State))
	line := container.NewHBox(word, container.NewCenter(newSmall(moment(m.CreatedAt))))
	a.mail.Add(container.New(layout.NewCustomPaddedLayout(4, 4, theme.InnerPadding(), 0), line))
	if m.Reply != "" {
		a.mail.Add(newHint(m.Reply))
	}
}

// mailLevel says how good the state of a mail is.
func mailLevel(state string) level {
	switch state {
	case "delivered":
		return levelOK
	case "failed":
		return levelError
	case "deferred", "held":
		return levelWarning
	default:
		return levelInfo
	}
}

func (a *accountDetail) showEvents(events []localapi.Event) {
	a.events.RemoveAll()
	for _, e := range events {
		hint := newHint(tr("users.event", args{"Time": moment(e.At), "Actor": e.Actor}))
		a.events.Add(container.New(layout.NewCustomPaddedVBoxLayout(-10), newText(eventText(e)), hint))
	}
	if len(events) == 0 {
		a.events.Add(newHint(tr("users.events_none")))
	}
}

// focus places the cursor in the account, on the first thing to do with it.
func (a *accountDetail) focus() {
	for _, act := range actionOrder() {
		if b := a.actions[act]; b.Visible() && !b.Disabled() {
			a.desk.window.Canvas().Focus(b)
			return
		}
	}
}
