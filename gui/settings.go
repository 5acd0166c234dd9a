package gui

import (
	"context"
	"maps"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// settingGroup is settings that are shown together.
type settingGroup struct {
	name string // of the text settings.group.NAME
	keys []string
}

// settingGroups returns the settings of this page that are saved as they are typed. Those of the address are tried before they last, in a
// form of their own; the others stand where they are looked for: the login link at the users, how mail leaves at the mail.
func settingGroups() []settingGroup {
	return []settingGroup{
		{"office", []string{"site_name", "contact", "neutral_answers"}},
		{"signup", []string{
			"limits.confirm_hours", "limits.code_tries", "limits.signup_per_ip", "limits.accounts_per_base", "limits.registrations", "limits.not_me_days", "limits.form_age",
		}},
		{"signin", []string{
			"limits.session_idle_minutes", "limits.session_hours", "limits.fresh_minutes", "limits.reset_minutes", "limits.login_per_ip", "limits.login_failures",
			"limits.password_changes", "limits.identity_per_ip", "limits.flows_per_ip", "limits.hash_queue", "limits.hash_seconds",
		}},
		{"mail", []string{
			"limits.mail_per_address", "limits.mail_per_address_day", "limits.mail_per_domain", "limits.mail_global", "limits.queue_messages", "limits.deliveries",
			"limits.deliveries_per_host", "limits.mx_hosts", "limits.mx_seconds", "limits.tls_days",
		}},
		{"programs", []string{
			"limits.program_per_hour", "limits.program_failures", "limits.relay_hours", "limits.relay_late_hours", "limits.relay_queue", "limits.relay_megabytes",
			"limits.smtp_megabytes", "limits.smtp_recipients", "limits.smtp_line", "limits.smtp_hops", "limits.smtp_failures", "limits.smtp_errors",
		}},
		{"appliance", []string{"mdns.name", "doctor.daily", "clock.source", "log.level", "metrics.listen"}},
		{"keeping", []string{"limits.mail_days", "limits.relay_days", "limits.audit_days", "limits.audit_thousands", "limits.reserve_mb"}},
	}
}

// The groups that are no settings with fields like all others: the address, and what concerns this program only.
const (
	groupAddress = "address"
	groupProgram = "program"
)

// settingsView is the page of settings, in groups, with a search over all of them.
type settingsView struct {
	desk    *desk
	bar     *bar
	search  *searchEntry
	groups  map[string]*widget.Button
	order   []string
	group   string // the one in sight
	fields  map[string]*settingField
	now     localapi.Settings // as the service has them
	address *addressView
	program *programSettings
	form    *fyne.Container
	scroll  *container.Scroll
	none    *widget.Label
	count   *widget.Label
	save    *widget.Button
	discard *widget.Button
	foot    fyne.CanvasObject // of the fields; the address has its own
	content fyne.CanvasObject
}

func newSettings(d *desk) view {
	v := &settingsView{desk: d, bar: newBar(), groups: map[string]*widget.Button{}, fields: map[string]*settingField{}}
	v.search = newSearch(d, tr("settings.search"), func(string) { v.lay() })
	side := container.NewVBox(v.search, gap(2))
	for i, g := range settingGroups() {
		for _, key := range g.keys {
			v.fields[key] = newSettingField(key, v.changed, v.submit)
		}
		v.addGroup(side, g.name)
		if i == 0 {
			v.addGroup(side, groupAddress)
		}
	}
	v.addGroup(side, groupProgram)
	v.address = newAddressView(d)
	v.program = newProgramSettings(d)
	v.none = newText(tr("settings.none"))
	v.form = container.NewVBox()
	v.count = newSmall("")
	v.save = newMainButton(tr("save"), theme.DocumentSaveIcon(), v.submit)
	v.discard = newButton(tr("discard"), nil, v.reset)
	v.foot = container.NewHBox(v.save, v.discard, v.count)
	foot := container.NewVBox(gap(2), container.NewStack(v.foot, v.address.foot))
	v.scroll = container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, 14), v.form))
	ground := newCard("", v.scroll)
	body := newBorder(nil, nil, newFixed(200, side), nil, ground)
	v.content = newBorder(container.NewVBox(newTitle(tr("page.settings")), v.bar, v.address.pending.ground, v.address.pending.result), foot, nil, nil, body)
	v.choose(settingGroups()[0].name)
	v.changed()
	return v
}

func (v *settingsView) addGroup(side *fyne.Container, name string) {
	b := newButton(tr("settings.group."+name), nil, func() { v.choose(name) })
	b.Alignment = widget.ButtonAlignLeading
	v.groups[name] = b
	v.order = append(v.order, name)
	side.Add(b)
}

// Content returns the page.
func (v *settingsView) Content() fyne.CanvasObject { return v.content }

// Open reads the settings; subject is the key of one to go to, or the name of a group.
func (v *settingsView) Open(subject string) {
	v.read()
	v.address.read()
	switch {
	case subject == "":
		return
	case subject == groupAddress || v.address.form.field(subject) != nil:
		v.choose(groupAddress)
		v.address.form.focus(subject)
		return
	}
	for _, g := range settingGroups() {
		if slices.Contains(g.keys, subject) {
			v.choose(g.name)
			v.desk.window.Canvas().Focus(v.fields[subject].focusable())
		}
	}
}

// Changed reads the settings anew; what is typed stays.
func (v *settingsView) Changed(t topics) {
	if t.any(localapi.TopicSettings) {
		v.read()
	}
	if t.any(localapi.TopicSettings, localapi.TopicAddress) {
		v.address.read()
	}
}

// Unsaved reports whether anything was typed that is not saved, or an address waits for somebody to keep it.
func (v *settingsView) Unsaved() bool { return len(v.typed()) > 0 || v.address.unsaved() }

func (v *settingsView) searchField() fyne.Focusable { return v.search }

func (v *settingsView) read() {
	v.desk.run(func(ctx context.Context) func() {
		settings, err := v.desk.client.Settings(ctx)
		return func() {
			if err != nil {
				v.desk.failed(v.bar, err)
				return
			}
			v.show(settings)
		}
	})
}

// show shows settings in the fields in which nothing was typed.
func (v *settingsView) show(settings localapi.Settings) {
	typed := v.typed()
	v.now = settings
	for key, field := range v.fields {
		if _, ok := typed[key]; !ok {
			field.set(settings[key].Text)
		}
	}
	v.changed()
}

// choose shows a group.
func (v *settingsView) choose(name string) {
	v.group = name
	if v.search.Text != "" {
		v.search.SetText("")
	}
	v.lay()
}

// lay places the fields of the group in sight, or those that fit what is searched.
func (v *settingsView) lay() {
	text := strings.ToLower(strings.TrimSpace(v.search.Text))
	v.form.RemoveAll()
	for name, b := range v.groups {
		b.Importance = widget.LowImportance
		if name == v.group && text == "" {
			b.Importance = widget.MediumImportance
		}
		b.Refresh()
	}
	for _, g := range settingGroups() {
		if text == "" && g.name != v.group {
			continue
		}
		v.layGroup(g, text)
	}
	switch {
	case text != "" && v.address.fits(text):
		v.form.Add(newHeading(tr("settings.group." + groupAddress)))
		v.form.Add(container.NewHBox(newButton(tr("settings.go.address"), theme.NavigateNextIcon(), func() { v.choose(groupAddress) })))
	case text == "" && v.group == groupAddress:
		v.form.Add(v.address.content)
	case text == "" && v.group == groupProgram:
		v.form.Add(newHeading(tr("settings.group." + groupProgram)))
		v.form.Add(v.program.content)
	}
	atAddress := text == "" && v.group == groupAddress
	visible(v.foot, !atAddress)
	visible(v.address.foot, atAddress)
	if len(v.form.Objects) == 0 {
		v.form.Add(v.none)
	}
	v.scroll.ScrollToTop()
	v.scroll.Refresh()
}

func (v *settingsView) layGroup(g settingGroup, text string) {
	first := true
	for _, key := range g.keys {
		field := v.fields[key]
		if text != "" && !field.fits(text) {
			continue
		}
		if first {
			v.form.Add(newHeading(tr("settings.group." + g.name)))
			first = false
		}
		v.form.Add(field.content)
	}
}

// typed returns the settings that differ from what the service has.
func (v *settingsView) typed() map[string]string {
	changes := map[string]string{}
	for key, field := range v.fields {
		if was, ok := v.now[key]; ok && field.value() != was.Text {
			changes[key] = field.value()
		}
	}
	return changes
}

// changed follows what is typed.
func (v *settingsView) changed() {
	if v.save == nil {
		return
	}
	n := len(v.typed())
	enable(v.save, n > 0)
	enable(v.discard, n > 0)
	v.count.SetText("")
	if n > 0 {
		v.count.SetText(trn("settings.changes", n))
	}
}

// reset puts back what the service has.
func (v *settingsView) reset() {
	for key, field := range v.fields {
		field.wrong("")
		field.set(v.now[key].Text)
	}
	v.bar.clear()
	v.changed()
}

// submit saves what was typed, all or nothing.
func (v *settingsView) submit() {
	changes := v.typed()
	if len(changes) == 0 || v.save.Disabled() {
		return
	}
	v.bar.clear()
	for _, field := range v.fields {
		field.wrong("")
	}
	v.save.SetText(tr("saving"))
	v.save.Disable()
	v.desk.run(func(ctx context.Context) func() {
		settings, err := v.desk.client.SetSettings(ctx, changes)
		return func() {
			v.save.SetText(tr("save"))
			if err != nil {
				v.changed()
				v.refused(err)
				return
			}
			v.desk.tell(tr("saved"))
			v.now = maps.Clone(settings)
			v.reset()
		}
	})
}

// refused shows an error at its field.
func (v *settingsView) refused(err error) {
	e := appError(err)
	if e == nil || v.fields[e.Field] == nil {
		v.desk.failed(v.bar, err)
		return
	}
	for _, g := range settingGroups() {
		if slices.Contains(g.keys, e.Field) {
			v.choose(g.name)
		}
	}
	field := v.fields[e.Field]
	field.wrong(fieldText(err))
	v.bar.say(levelError, tr("settings.refused", args{"Setting": field.label}))
	v.desk.window.Canvas().Focus(field.focusable())
}

// settingField is one setting: a switch, a number or a text.
type settingField struct {
	key     string
	label   string
	hint    string
	check   *widget.Check
	entry   *widget.Entry
	error   *widget.Label
	content fyne.CanvasObject
}

func newSettingField(key string, changed, submit func()) *settingField {
	def, err := app.SettingByKey(key)
	if err != nil {
		panic(err) // the groups name what there is; a test says so
	}
	f := &settingField{key: key, label: tr("settings." + key), hint: tr("settings." + key + ".hint"), error: newHint("")}
	f.error.Importance = widget.DangerImportance
	f.error.Hide()
	if def.Kind == app.KindSwitch {
		f.check = widget.NewCheck(f.label, func(bool) { changed() })
		f.content = container.New(layout.NewCustomPaddedVBoxLayout(-5), f.check, f.error, newHint(f.hint))
		return f
	}
	f.entry = widget.NewEntry()
	f.entry.OnChanged = func(string) { changed() }
	f.entry.OnSubmitted = func(string) { submit() }
	var input fyne.CanvasObject = f.entry
	if def.Kind == app.KindNumber {
		usual := newSmall(tr("settings.usual", args{"Value": number(atoi(def.Default))}))
		input = container.NewHBox(newFixed(120, f.entry), usual)
	}
	field := newField(f.label, input, "")
	field.Add(f.error)
	field.Add(newHint(f.hint))
	f.content = field
	return f
}

func (f *settingField) focusable() fyne.Focusable {
	if f.check != nil {
		return f.check
	}
	return f.entry
}

func (f *settingField) set(value string) {
	if f.check != nil {
		f.check.SetChecked(value == "on")
		return
	}
	f.entry.SetText(value)
}

func (f *settingField) value() string {
	if f.check == nil {
		return strings.TrimSpace(f.entry.Text)
	}
	if f.check.Checked {
		return "on"
	}
	return "off"
}

// wrong says what is wrong with the value; "" that nothing is.
func (f *settingField) wrong(text string) {
	f.error.SetText(text)
	visible(f.error, text != "")
}

// fits reports whether the setting has the words of a search, in its name or what it means.
func (f *settingField) fits(text string) bool {
	return strings.Contains(strings.ToLower(f.label+" "+f.hint+" "+f.key), text)
}
