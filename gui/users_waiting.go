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

// waitingPane is the sign-ups that wait for their confirmation, and what can be done with the chosen one.
type waitingPane struct {
	desk    *desk
	bar     *bar
	changed func() // a sign-up has been changed here
	table   *table[localapi.Registration]
	chosen  localapi.Registration
	shown   bool
	working bool

	name    *widget.Label
	facts   *widget.Label
	resend  *widget.Button
	mail    *widget.Button
	remove  *widget.Button
	below   *panel
	split   *fyne.Container
	content fyne.CanvasObject
}

func newWaitingPane(d *desk, b *bar) *waitingPane {
	p := &waitingPane{desk: d, bar: b}
	p.name = newHeading("")
	p.name.Truncation = fyne.TextTruncateEllipsis
	p.name.Selectable = true
	p.facts = newText("")
	p.resend = newButton(tr("users.resend"), theme.MailSendIcon(), p.askResend)
	p.mail = newButton(tr("users.mail_open"), theme.MailComposeIcon(), p.openMail)
	p.remove = newButton(tr("users.remove"), theme.DeleteIcon(), p.askRemove)
	text := container.New(layout.NewCustomPaddedVBoxLayout(-6), p.name, p.facts)
	buttons := container.NewHBox(p.resend, p.mail, layout.NewSpacer(), p.remove)
	p.below = newPanel(colorSurface, colorLine, 10, 8, container.NewVBox(text, buttons))
	p.below.Hide()
	p.table = newTable(p.tableConfig())
	p.table.list.keys = map[fyne.KeyName]func(){
		fyne.KeyEscape: func() {
			p.table.selectKey("")
			p.choose(localapi.Registration{}, false)
		},
		fyne.KeyDelete: p.askRemove,
	}
	p.split = container.New(&belowLayout{}, p.table.content, p.below)
	p.content = newBorder(newHint(tr("users.waiting_hint")), nil, nil, nil, p.split)
	return p
}

func (p *waitingPane) tableConfig() tableConfig[localapi.Registration] {
	type r = localapi.Registration
	return tableConfig[r]{
		columns: []column[r]{
			{title: "users.address", share: 1.5, text: func(r r) string { return r.Email }},
			{title: "users.name", text: waitingName},
			{title: "users.company", text: func(r r) string { return r.Company }},
			{title: "users.through", width: 104, text: throughText},
			{title: "users.requested", width: 136, least: 860, text: func(r r) string { return moment(r.CreatedAt) }},
			{title: "users.expires", width: 136, text: func(r r) string { return moment(r.ExpiresAt) }},
			{title: "users.codes", width: 106, text: func(r r) string { return number(r.CodeTries) }, level: codesLevel},
		},
		key: func(r r) string { return r.Email },
		load: func(q tableQuery) loader[r] {
			return func(ctx context.Context) (localapi.Page[r], error) {
				return p.desk.client.RegistrationPage(ctx, q.after, q.limit)
			}
		},
		run: p.desk.run, failed: p.failed, chosen: p.choose, window: p.desk.window, told: p.desk.listed("registrations"),
		opened: func(r) { p.desk.window.Canvas().Focus(p.resend) },
		menu:   p.menu,
		empty:  newEmpty(theme.MailComposeIcon(), tr("users.waiting_none"), tr("users.waiting_none_text"), "", nil),
	}
}

func waitingName(r localapi.Registration) string {
	return strings.TrimSpace(r.FirstName + " " + r.LastName)
}

// throughText says how a sign-up came in.
func throughText(r localapi.Registration) string {
	if r.Through == "" {
		return tr("users.by_form")
	}
	return r.Through
}

// codesLevel warns of codes that somebody guesses.
func codesLevel(r localapi.Registration) level {
	if r.CodeTries > 0 {
		return levelWarning
	}
	return levelPlain
}

// find chooses the sign-up of an address.
func (p *waitingPane) find(email string) {
	p.table.selectKey("")
	p.table.selectKey(email)
}

func (p *waitingPane) choose(r localapi.Registration, ok bool) {
	p.chosen, p.shown = r, ok
	if ok {
		name := r.Email
		if person := waitingName(r); person != "" {
			name = tr("users.person", args{"Name": person, "Email": r.Email})
		}
		p.name.SetText(name)
		p.facts.SetText(tr("users.waiting_facts", args{
			"Company": orDash(r.Company), "Entry": orDash(r.Entry), "Phone": orDash(r.Phone), "Created": moment(r.CreatedAt), "Expires": moment(r.ExpiresAt),
		}))
	}
	if ok != p.below.Visible() {
		if ok {
			p.below.Show()
		} else {
			p.below.Hide()
		}
		p.split.Layout.Layout(p.split.Objects, p.split.Size())
	}
}

func (p *waitingPane) menu(r localapi.Registration) []*fyne.MenuItem {
	items := []*fyne.MenuItem{
		fyne.NewMenuItem(tr("users.copy_address"), func() {
			fyne.CurrentApp().Clipboard().SetContent(r.Email)
			p.desk.tell(tr("copied"))
		}),
		fyne.NewMenuItem(tr("users.open_company"), func() { p.desk.open(pageCompanies, r.Company) }),
		fyne.NewMenuItem(tr("users.open_log"), func() { p.desk.open(pageLog, r.Email) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(tr("users.resend"), p.askResend),
		fyne.NewMenuItem(tr("users.mail_open"), p.openMail),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(tr("users.remove"), p.askRemove),
	}
	for i, b := range map[int]*widget.Button{4: p.resend, 5: p.mail, 7: p.remove} {
		items[i].Icon, items[i].Disabled = b.Icon, p.working
	}
	return items
}

func (p *waitingPane) failed(err error) { p.desk.failed(p.bar, err) }

// askResend tells what a new mail means for the ones before.
func (p *waitingPane) askResend() {
	if !p.shown || p.working {
		return
	}
	email := p.chosen.Email
	question := newText(tr("users.resend_text", args{"Email": email}))
	p.desk.ask(tr("users.resend_title"), question, tr("users.resend"), widget.HighImportance, func() {
		p.during(p.resend, tr("users.resending"), func(ctx context.Context) error {
			_, err := p.desk.client.Resend(ctx, email)
			return err
		}, func() { p.desk.tell(tr("users.resent", args{"Email": email})) })
	})
}

func (p *waitingPane) askRemove() {
	if !p.shown || p.working {
		return
	}
	email := p.chosen.Email
	p.desk.confirm(tr("users.waiting_remove_title"), tr("users.waiting_remove_text", args{"Email": email}), tr("users.remove_yes_waiting"), func() {
		p.during(p.remove, tr("users.removing"), func(ctx context.Context) error {
			return p.desk.client.RemoveRegistration(ctx, email)
		}, func() { p.desk.tell(tr("users.removed_waiting", args{"Email": email})) })
	})
}

// openMail goes to the newest mail to the address.
func (p *waitingPane) openMail() {
	if !p.shown || p.working {
		return
	}
	email, id := p.chosen.Email, ""
	p.during(p.mail, tr("users.opening"), func(ctx context.Context) error {
		page, err := p.desk.client.MessagePage(ctx, localapi.MessageFilter{Search: email}, "", 20)
		for _, m := range page.Items {
			if m.Recipient == email && id == "" {
				id = m.ID
			}
		}
		return err
	}, func() {
		if id == "" {
			p.bar.say(levelInfo, tr("users.mail_gone", args{"Email": email}))
			return
		}
		p.desk.open(pageMail, id)
	})
}

// during does something while the buttons wait.
func (p *waitingPane) during(b *widget.Button, word string, call func(ctx context.Context) error, done func()) {
	buttons, text := []*widget.Button{p.resend, p.mail, p.remove}, b.Text
	p.working = true
	p.bar.clear()
	b.SetText(word)
	for _, b := range buttons {
		b.Disable()
	}
	p.desk.run(func(ctx context.Context) func() {
		err := call(ctx)
		return func() {
			p.working = false
			b.SetText(text)
			for _, b := range buttons {
				b.Enable()
			}
			if err != nil {
				p.failed(err)
			} else {
				done()
			}
			p.table.reload()
			p.changed()
		}
	})
}

// belowLayout places the second object, while it is shown, below the first as high as it needs.
type belowLayout struct{}

// MinSize returns the size of one above the other.
func (belowLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := objects[0].MinSize()
	if objects[1].Visible() {
		below := objects[1].MinSize()
		size = fyne.NewSize(max(size.Width, below.Width), size.Height+theme.Padding()+below.Height)
	}
	return size
}

// Layout places both.
func (belowLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	first := size
	if objects[1].Visible() {
		objects[1].Resize(fyne.NewSize(size.Width, objects[1].MinSize().Height)) // what wraps knows its height by its width
		h := objects[1].MinSize().Height
		first.Height -= h + theme.Padding()
		objects[1].Resize(fyne.NewSize(size.Width, h))
		objects[1].Move(fyne.NewPos(0, size.Height-h))
	}
	objects[0].Resize(first)
	objects[0].Move(fyne.NewPos(0, 0))
}
