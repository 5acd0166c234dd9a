package gui

import (
	"context"
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

// companyForm shows one company, or one that shall be, and changes it.
type companyForm struct {
	desk  *desk
	base  localapi.Company // as the service has it; without a name while it is new
	open  bool             // there is something to be seen
	query int              // numbers what was asked, so that a late answer is dropped
	busy  bool             // it is being saved

	kept  func(name string) // is told that a company was saved, or is new
	gone  func()            // is told that there is nothing to be seen any more
	grown func()            // is told that the form may need more room, or less

	bar       *bar
	title     *widget.Label
	pill      *pill
	removing  *widget.Button
	name      *formEntry
	enabled   *widget.Check
	field     *chipField
	check     *listWatch
	accounts  *companyAccounts
	tenants   *widget.Entry
	advanced  *widget.Accordion
	save      *widget.Button
	discard   *widget.Button
	dirtyIcon *widget.Icon
	dirtyText *widget.Label
	body      *fyne.Container
	foot      *fyne.Container
}

func newCompanyForm(d *desk) *companyForm {
	c := &companyForm{desk: d, bar: newBar()}
	c.title = newTitle("")
	c.title.Truncation = fyne.TextTruncateEllipsis
	c.title.SizeName = theme.SizeNameSubHeadingText
	c.pill = newPill("", levelPlain)
	c.removing = newButton(tr("companies.remove"), theme.DeleteIcon(), c.askRemove)
	c.removing.Importance = widget.LowImportance
	c.name = newFormEntry(c.trySave, func() { c.name.SetText(c.base.Name) })
	c.name.OnChanged = func(string) { c.edited() }
	c.enabled = widget.NewCheck(tr("companies.enabled.on"), func(bool) { c.edited() })
	c.field = newChipField(c.entriesEdited, c.doubled, func() { c.grown() })
	c.check = newListWatch(c)
	c.accounts = newCompanyAccounts(d, func() { c.grown() })
	c.tenants = widget.NewMultiLineEntry()
	c.tenants.SetMinRowsVisible(2)
	c.tenants.Wrapping = fyne.TextWrapWord
	c.tenants.PlaceHolder = tr("companies.tenants.example")
	c.tenants.OnChanged = func(string) { c.edited() }
	c.save = newMainButton(tr("companies.save"), theme.DocumentSaveIcon(), c.trySave)
	c.discard = newButton(tr("companies.discard"), theme.ContentUndoIcon(), c.discardTyped)
	c.dirtyIcon, c.dirtyText = widget.NewIcon(levelWarning.icon()), newSmall(tr("companies.unsaved"))
	c.layout()
	return c
}

func (c *companyForm) layout() {
	head := newBorder(nil, nil, nil, container.NewHBox(container.NewCenter(c.pill), c.removing), c.title)
	who := newCard("", container.NewVBox(newField(tr("companies.name"), c.name, ""), c.enabled))
	list := newCard("", container.NewVBox(
		newField(tr("companies.entries"), c.field, ""), c.check.box, widget.NewSeparator(), newEntryHelp()))
	c.advanced = widget.NewAccordion(widget.NewAccordionItem(tr("companies.advanced"),
		newField(tr("companies.tenants"), c.tenants, tr("companies.tenants.hint"))))
	c.body = container.NewVBox(head, who, list, c.accounts.card, newCard("", c.advanced))
	c.body.Hide()
	c.foot = container.NewVBox(widget.NewSeparator(),
		container.NewHBox(c.dirtyIcon, c.dirtyText, layout.NewSpacer(), c.discard, c.save))
	c.foot.Hide()
}

// newEntryHelp returns what each kind of entry covers.
func newEntryHelp() fyne.CanvasObject {
	rows := container.NewVBox()
	for _, kind := range []struct{ sample, text string }{
		{"company.com", "companies.help.domain"},
		{"*.company.com", "companies.help.wildcard"},
		{"user@company.com", "companies.help.address"},
		{"!company.com", "companies.help.refuse"},
	} {
		sample := newSmall(kind.sample)
		sample.TextStyle.Monospace, sample.Importance = true, widget.MediumImportance
		rows.Add(newBorder(nil, nil, newFixed(150, sample), nil, newHint(tr(kind.text))))
	}
	return container.New(layout.NewCustomPaddedVBoxLayout(-8), rows.Objects...)
}

// read shows a company as it is now; what was begun is dropped.
func (c *companyForm) read(name string) {
	c.ask(name, func(found localapi.Company) {
		c.bar.clear()
		c.show(found)
	})
}

// again reads the company that is shown once more and keeps what was begun.
func (c *companyForm) again() {
	if !c.open || c.busy || c.isNew() {
		return
	}
	c.ask(c.base.Name, c.merge)
}

func (c *companyForm) ask(name string, take func(localapi.Company)) {
	c.query++
	query := c.query
	c.desk.run(func(ctx context.Context) func() {
		found, err := c.desk.client.Company(ctx, name)
		return func() {
			switch {
			case query != c.query:
			case err == nil:
				take(found)
			default:
				c.missed(name, err)
			}
		}
	})
}

// missed says why a company could not be read.
func (c *companyForm) missed(name string, err error) {
	if app.CodeOf(err) == app.NotFound {
		if !c.dirty() {
			c.close()
		}
		c.bar.say(levelError, tr("companies.gone", args{"Company": name}))
		c.grown()
		return
	}
	c.desk.failed(c.bar, err)
	c.grown()
}

// begin shows the form of a new company.
func (c *companyForm) begin() {
	c.query++
	c.bar.clear()
	c.show(localapi.Company{Enabled: true})
	c.desk.window.Canvas().Focus(c.name)
}

// close shows nothing.
func (c *companyForm) close() {
	c.query++
	c.open, c.base = false, localapi.Company{}
	c.check.stop()
	c.body.Hide()
	c.foot.Hide()
	c.gone()
}

func (c *companyForm) isNew() bool { return c.base.Name == "" }

// show shows a company, and nothing of what was begun.
func (c *companyForm) show(found localapi.Company) {
	if c.open, c.base = true, found; c.busy { // with another company, which goes on by itself
		c.setBusy(false)
	}
	c.name.SetText(found.Name)
	c.enabled.SetChecked(found.Enabled)
	c.tenants.SetText(strings.Join(found.Tenants, "\n"))
	tokens := make([]*token, 0, len(found.Entries))
	for _, e := range found.Entries {
		tokens = append(tokens, tokenOf(e))
	}
	c.field.set(tokens)
	c.shown()
}

// shown shows what does not depend on what was begun.
func (c *companyForm) shown() {
	c.title.SetText(c.base.Name)
	if c.isNew() {
		c.title.SetText(tr("companies.new"))
		c.removing.Hide()
		c.pill.Hide()
		c.accounts.card.Hide()
		c.enabled.Hide()
	} else {
		c.pill.set(tr("companies.state.off"), levelWarning)
		if c.base.Enabled {
			c.pill.set(tr("companies.state.on"), levelOK)
		}
		c.removing.Show()
		c.pill.Show()
		c.accounts.card.Show()
		c.enabled.Show()
		c.accounts.read(c.base)
	}
	if len(c.base.Tenants) > 0 {
		c.advanced.OpenAll()
	}
	c.body.Show()
	c.foot.Show()
	c.check.now()
	c.edited()
	c.grown()
}

// edited shows whether there is something to save.
func (c *companyForm) edited() {
	dirty := c.dirty()
	for _, o := range []interface {
		Show()
		Hide()
	}{c.dirtyIcon, c.dirtyText} {
		if dirty {
			o.Show()
		} else {
			o.Hide()
		}
	}
	enable(c.save, dirty && !c.busy)
	enable(c.discard, (dirty || c.isNew()) && !c.busy)
}

func (c *companyForm) entriesEdited() {
	c.check.said = ""
	c.check.soon()
	c.edited()
}

// doubled says that an entry which was typed is there already.
func (c *companyForm) doubled(name string) {
	c.check.said = tr("companies.note.double", args{"Entry": name})
	c.check.show()
}

// dirty reports whether something was begun that is not saved.
func (c *companyForm) dirty() bool {
	if !c.open {
		return false
	}
	add, remove := c.delta()
	return len(add)+len(remove) > 0 || c.field.entry.Text != "" || c.newName() != c.base.Name ||
		c.enabled.Checked != c.base.Enabled || !slices.Equal(c.newTenants(), c.base.Tenants) && len(c.newTenants())+len(c.base.Tenants) > 0
}

func (c *companyForm) newName() string { return strings.TrimSpace(c.name.Text) }

func (c *companyForm) newTenants() []string {
	return strings.FieldsFunc(strings.ToLower(c.tenants.Text), isListSeparator)
}

// delta returns the entries that are to be added to the company and those to be removed from it.
func (c *companyForm) delta() (add, remove []string) {
	have, want := map[string]bool{}, map[string]bool{}
	for _, e := range c.base.Entries {
		have[e.Entry] = true
	}
	for _, t := range c.field.tokens {
		want[t.key] = true
		if !have[t.key] {
			add = append(add, t.key)
		}
	}
	for _, e := range c.base.Entries {
		if !want[e.Entry] {
			remove = append(remove, e.Entry)
		}
	}
	return add, remove
}

// merge takes over what somebody else has changed of the company, and keeps what was begun here.
func (c *companyForm) merge(found localapi.Company) {
	if !c.dirty() {
		if !sameCompany(found, c.base) {
			c.show(found)
		}
		return
	}
	if sameCompany(found, c.base) {
		c.check.soon() // others may have what is typed here
		return
	}
	add, remove := c.delta()
	begun := map[string]*token{}
	for _, t := range c.field.tokens {
		begun[t.key] = t
	}
	var tokens []*token
	for _, e := range found.Entries {
		if !slices.Contains(remove, e.Entry) {
			tokens = append(tokens, tokenOf(e))
		}
		delete(begun, e.Entry)
	}
	for _, key := range add {
		if t := begun[key]; t != nil {
			tokens = append(tokens, t)
		}
	}
	if c.enabled.Checked == c.base.Enabled {
		c.enabled.Checked = found.Enabled
		c.enabled.Refresh()
	}
	if slices.Equal(c.newTenants(), c.base.Tenants) {
		c.tenants.SetText(strings.Join(found.Tenants, "\n"))
	}
	others := !slices.Equal(entryNames(found), entryNames(c.base)) || found.Enabled != c.base.Enabled || !slices.Equal(found.Tenants, c.base.Tenants)
	c.base = found
	typed := c.field.entry.Text
	c.field.set(tokens)
	c.field.entry.quietly(typed)
	if others { // than the number of accounts alone
		c.bar.say(levelInfo, tr("companies.merged"))
	}
	c.shown()
}

func sameCompany(a, b localapi.Company) bool {
	return a.Name == b.Name && a.Enabled == b.Enabled && a.Accounts == b.Accounts && slices.Equal(a.Entries, b.Entries) && slices.Equal(a.Tenants, b.Tenants)
}

func entryNames(c localapi.Company) []string {
	names := make([]string, len(c.Entries))
	for i, e := range c.Entries {
		names[i] = e.Entry
	}
	return names
}

// formEntry is an entry of a form: Enter saves, and Escape gives up what was typed in it.
type formEntry struct {
	widget.Entry
	escape func()
}

func newFormEntry(submit, escape func()) *formEntry {
	e := &formEntry{escape: escape}
	e.OnSubmitted = func(string) { submit() }
	e.ExtendBaseWidget(e)
	return e
}

// TypedKey knows Escape.
func (e *formEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		e.escape()
		return
	}
	e.Entry.TypedKey(k)
}
