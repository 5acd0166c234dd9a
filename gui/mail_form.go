package gui

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// mailForm is how mail leaves, to be read and changed. Only what matters for the choice is shown, checked and saved.
type mailForm struct {
	desk      *desk
	inputs    []*formInput
	transport *widget.RadioGroup
	ways      choices
	auths     choices
	auth      *widget.Select
	providers choices
	provider  *widget.Select
	meaning   *widget.Label
	bar       *bar
	save      *widget.Button
	undo      *widget.Button
	buttons   fyne.CanvasObject // Save and Discard, for where they belong
	content   *fyne.Container
	reveal    func(fyne.CanvasObject) // brings a field into sight; nil where all of them are
	submitted func()                  // after Enter in a field; the form saves itself unless it is told otherwise

	quiet  bool // fields are filled by the program
	loaded bool
	saving bool
	query  int
}

func newMailForm(d *desk) *mailForm {
	f := &mailForm{desk: d, bar: newBar(), meaning: newHint("")}
	f.submitted = func() { f.store(nil) }
	f.content = container.NewVBox(f.bar)
	f.save = newMainButton(tr("mail.save"), theme.DocumentSaveIcon(), func() { f.store(nil) })
	f.undo = newButton(tr("mail.discard"), theme.ContentUndoIcon(), f.discard)
	f.buttons = container.NewHBox(f.save, f.undo)
	f.quiet = true
	f.fields()
	f.quiet = false
	f.arrange()
	return f
}

// fields makes the fields in their order.
func (f *mailForm) fields() {
	f.ways = newChoices("mail.transport.", mailCapture, "smarthost", "direct")
	f.transport = widget.NewRadioGroup(f.ways.texts, func(string) { f.edited() })
	f.transport.Required = true
	way := f.put("mail.transport", container.NewVBox(newHeading(tr("mail.field.transport")), f.transport, f.meaning), nil)
	way.value = func() string { return f.ways.value(f.transport.Selected) }
	way.set = func(s localapi.Setting) { f.transport.SetSelected(f.ways.text(s.Text)) }

	sends := func() bool { return f.way() != mailCapture }
	smart := func() bool { return f.way() == "smarthost" }
	direct := func() bool { return f.way() == "direct" }
	signs := func() bool { return smart() && f.authIs() != "none" }
	password := func() bool { return signs() && f.authIs() != "xoauth2" }
	oauth := func() bool { return smart() && f.authIs() == "xoauth2" }
	microsoft := func() bool { return oauth() && f.providers.value(f.provider.Selected) == app.MailMicrosoft }
	google := func() bool { return oauth() && f.providers.value(f.provider.Selected) == app.MailGoogle }

	f.entry("from", "accounts@office.example", sends)
	f.entry("smarthost", "smtp.office.example:587", smart)
	f.choice("tls", smart, "starttls", "implicit", "none")
	f.auths, f.auth = f.choice("auth", smart, "none", "plain", "login", "xoauth2")
	f.providers, f.provider = f.choice("oauth_provider", oauth, app.MailMicrosoft, app.MailGoogle)
	f.entry("username", "accounts@office.example", signs)
	f.secret("password", password)
	f.entry("oauth_tenant", "11111111-2222-3333-4444-555555555555", microsoft)
	f.entry("oauth_client_id", "", oauth)
	f.secret("oauth_client_secret", oauth)
	f.secret("oauth_refresh_token", google)
	f.toggle("dkim", sends)
	f.entry("dkim_selector", "foyer", func() bool { return sends() && f.input("mail.dkim").value() == "on" })
	f.toggle("private_mx", direct)
	f.toggle("hold", nil)
}

func (f *mailForm) way() string    { return f.ways.value(f.transport.Selected) }
func (f *mailForm) authIs() string { return f.auths.value(f.auth.Selected) }

// input returns the field of a key, nil when there is none.
func (f *mailForm) input(key string) *formInput {
	for _, i := range f.inputs {
		if i.key == key {
			return i
		}
	}
	return nil
}

func (f *mailForm) put(key string, field fyne.CanvasObject, shown func() bool) *formInput {
	i := newFormInput(key, field)
	i.shown = shown
	f.inputs = append(f.inputs, i)
	f.content.Add(i.box)
	return i
}

// hint returns what a field means, "" when its name says it.
func (f *mailForm) hint(name string) string {
	switch name {
	case "from", "dkim", "dkim_selector", "private_mx", "hold", "oauth_client_secret":
		return tr("mail.hint." + name)
	default:
		return ""
	}
}

func (f *mailForm) entry(name, example string, shown func() bool) {
	e := widget.NewEntry()
	e.PlaceHolder = example
	e.OnChanged = func(string) { f.edited() }
	e.OnSubmitted = func(string) { f.submitted() }
	i := f.put("mail."+name, newField(tr("mail.field."+name), e, f.hint(name)), shown)
	i.focus = e
	i.value = func() string { return strings.TrimSpace(e.Text) }
	i.set = func(s localapi.Setting) { e.SetText(s.Text) }
}

func (f *mailForm) choice(name string, shown func() bool, values ...string) (choices, *widget.Select) {
	c := newChoices("mail."+name+".", values...)
	s := widget.NewSelect(c.texts, func(string) { f.edited() })
	s.PlaceHolder = tr("mail.choose")
	i := f.put("mail."+name, newField(tr("mail.field."+name), s, f.hint(name)), shown)
	i.value = func() string { return c.value(s.Selected) }
	i.set = func(v localapi.Setting) {
		if text := c.text(v.Text); text != "" {
			s.SetSelected(text)
		} else {
			s.ClearSelected()
		}
	}
	return c, s
}

func (f *mailForm) toggle(name string, shown func() bool) {
	c := widget.NewCheck(tr("mail.field."+name), func(bool) { f.edited() })
	box := container.NewVBox(c)
	if hint := f.hint(name); hint != "" {
		box.Add(newHint(hint))
	}
	i := f.put("mail."+name, box, shown)
	i.value = func() string {
		if c.Checked {
			return "on"
		}
		return "off"
	}
	i.set = func(s localapi.Setting) { c.SetChecked(s.Text == "on") }
}

func (f *mailForm) secret(name string, shown func() bool) {
	s := newMailSecret(f.edited, func(string) { f.submitted() })
	i := f.put("mail."+name, newField(tr("mail.field."+name), s.content, f.hint(name)), shown)
	i.focus = s.entry
	i.value = func() string { return s.entry.Text }
	i.set = func(v localapi.Setting) { s.set(v.Set) }
}

// edited shows what matters now and whether there is something to save.
func (f *mailForm) edited() {
	if f.quiet {
		return
	}
	for _, i := range f.inputs {
		i.say("")
	}
	f.bar.clear()
	f.arrange()
}

func (f *mailForm) arrange() {
	if way := f.way(); way != "" {
		f.meaning.SetText(tr("mail.meaning." + way))
	}
	for _, i := range f.inputs {
		visible(i.box, i.matters())
	}
	enable(f.save, f.unsaved() && !f.saving)
	enable(f.undo, f.unsaved() && !f.saving)
	f.content.Refresh()
}

// load reads what is saved. What the person has changed stays as it is.
func (f *mailForm) load() {
	f.query++
	query := f.query
	f.desk.run(func(ctx context.Context) func() {
		settings, err := f.desk.client.Settings(ctx)
		return func() {
			switch {
			case query != f.query:
			case err != nil:
				f.desk.failed(f.bar, err)
			default:
				f.take(settings, false)
			}
		}
	})
}

// take shows settings; all of them, or those whose fields are not touched.
func (f *mailForm) take(settings localapi.Settings, all bool) {
	f.quiet = true
	for _, i := range f.inputs {
		setting, ok := settings[i.key]
		if !ok {
			continue
		}
		untouched := !f.loaded || !i.touched()
		i.saved = setting
		if all || untouched {
			i.set(setting)
		}
	}
	f.loaded, f.quiet = true, false
	f.arrange()
}

// discard shows what is saved in place of what was changed.
func (f *mailForm) discard() {
	if !f.loaded {
		return
	}
	f.quiet = true
	for _, i := range f.inputs {
		i.set(i.saved)
	}
	f.quiet = false
	f.edited()
}

// changes returns what was changed, by key.
func (f *mailForm) changes() map[string]string {
	changes := map[string]string{}
	for _, i := range f.inputs {
		if f.loaded && i.matters() && i.touched() {
			changes[i.key] = i.value()
		}
	}
	return changes
}

func (f *mailForm) unsaved() bool { return len(f.changes()) > 0 }

// store saves what was changed, all or nothing, and tells done whether it is saved now; done may be nil. What cannot be so is
// said at its field.
func (f *mailForm) store(done func(ok bool)) {
	if done == nil {
		done = func(bool) {}
	}
	changes := f.changes()
	switch {
	case !f.check():
		done(false)
		return
	case len(changes) == 0:
		done(true)
		return
	case f.saving:
		return
	}
	f.saving = true
	f.save.SetText(tr("mail.saving"))
	f.arrange()
	f.query++
	f.desk.run(func(ctx context.Context) func() {
		settings, err := f.desk.client.SetSettings(ctx, changes)
		return func() {
			f.saving = false
			f.save.SetText(tr("mail.save"))
			if err != nil {
				f.arrange()
				f.refuse(err)
				done(false)
				return
			}
			f.stored(settings, changes)
			done(true)
		}
	})
}

// stored shows what is saved, and keeps what was typed meanwhile.
func (f *mailForm) stored(settings localapi.Settings, changes map[string]string) {
	f.quiet = true
	for _, i := range f.inputs {
		if value, ok := changes[i.key]; ok && i.value() == value {
			i.saved = settings[i.key]
			i.set(i.saved)
		}
	}
	f.quiet = false
	f.bar.clear()
	f.take(settings, false)
	f.desk.tell(tr("mail.saved"))
}

// check says at each field that matters what is wrong with it, and reports whether nothing is.
func (f *mailForm) check() bool {
	for _, i := range f.inputs {
		i.say("")
	}
	none, err := app.ParseSettings(nil)
	if err != nil {
		return true // the service decides
	}
	ok := true
	values := map[string]string{}
	for _, i := range slices.Backward(f.inputs) { // the first one that is wrong has the last word on what is in sight
		if !i.matters() {
			continue
		}
		values[i.key] = i.checked()
		if i.key == "mail.transport" {
			continue
		}
		if _, err := none.Change(map[string]string{i.key: i.checked()}); err != nil {
			f.refuse(err)
			ok = false
		}
	}
	if !ok {
		return false
	}
	if _, err := none.Change(values); err != nil {
		f.refuse(err)
		return false
	}
	return true
}

// refuse says what is wrong, at its field when there is one.
func (f *mailForm) refuse(err error) {
	e := appError(err)
	if e == nil || e.Field == "" || isLost(err) {
		f.desk.failed(f.bar, err)
		return
	}
	i := f.input(e.Field)
	if e.Field == "mail.username" && i != nil && i.value() != "" {
		i = f.input("mail.password") // the one error names both
	}
	if i == nil || !i.matters() {
		f.desk.failed(f.bar, err)
		return
	}
	text := tr("mail.missing")
	if i.checked() != "" {
		text = mailOrGiven("mail.problem."+strings.TrimPrefix(i.key, "mail."), sentence(e.Message))
	}
	i.say(text)
	if f.reveal != nil {
		f.reveal(i.box)
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(f.content); c != nil && i.focus != nil && i.focus.Visible() {
		c.Focus(i.focus)
	}
}
