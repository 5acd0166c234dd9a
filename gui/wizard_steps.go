package gui

import (
	"context"
	"maps"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// wizardFields is a step of settings.
type wizardFields struct {
	desk    *desk
	bar     *bar
	now     localapi.Settings
	fields  map[string]*settingField
	order   []string
	content *fyne.Container
}

func newWizardFields(d *desk, submit func(), keys ...string) *wizardFields {
	s := &wizardFields{desk: d, bar: newBar(), fields: map[string]*settingField{}, order: keys}
	s.content = container.NewVBox(s.bar)
	for _, key := range keys {
		s.fields[key] = newSettingField(key, func() {}, submit)
		s.content.Add(s.fields[key].content)
	}
	return s
}

func (s *wizardFields) object() fyne.CanvasObject { return s.content }

func (s *wizardFields) first() fyne.Focusable { return s.fields[s.order[0]].focusable() }

func (s *wizardFields) unsaved() bool { return len(s.typed()) > 0 }

// typed returns what differs from what the service has.
func (s *wizardFields) typed() map[string]string {
	changes := map[string]string{}
	for key, field := range s.fields {
		if was, ok := s.now[key]; ok && field.value() != was.Text {
			changes[key] = field.value()
		}
	}
	return changes
}

func (s *wizardFields) read() {
	s.desk.run(func(ctx context.Context) func() {
		settings, err := s.desk.client.Settings(ctx)
		return func() {
			if err != nil {
				s.desk.failed(s.bar, err)
				return
			}
			s.show(settings)
		}
	})
}

func (s *wizardFields) show(settings localapi.Settings) {
	typed := s.typed()
	s.now = maps.Clone(settings)
	for key, field := range s.fields {
		if _, ok := typed[key]; !ok {
			field.set(settings[key].Text)
		}
	}
	s.desk.log.Debug("settings shown", "keys", strings.Join(s.order, " "))
}

func (s *wizardFields) save(done func(ok bool)) {
	changes := s.typed()
	if len(changes) == 0 {
		done(true)
		return
	}
	s.bar.clear()
	for _, field := range s.fields {
		field.wrong("")
	}
	s.desk.run(func(ctx context.Context) func() {
		settings, err := s.desk.client.SetSettings(ctx, changes)
		return func() {
			if err == nil {
				s.now = maps.Clone(settings)
				done(true)
				return
			}
			if e := appError(err); e != nil && s.fields[e.Field] != nil {
				s.fields[e.Field].wrong(fieldText(err))
				s.desk.window.Canvas().Focus(s.fields[e.Field].focusable())
			} else {
				s.desk.failed(s.bar, err)
			}
			done(false)
		}
	})
}

// wizardMail asks how mail leaves, and sends one.
type wizardMail struct {
	form    *mailForm
	test    *mailTest
	content fyne.CanvasObject
}

func newWizardMail(d *desk) wizardStep {
	s := &wizardMail{form: newMailForm(d), test: newMailTest(d)}
	s.content = container.NewVBox(s.form.content, s.form.buttons, widget.NewSeparator(), newHeading(tr("mail.test_title")), newHint(tr("mail.test_hint")), s.test.content)
	return s
}

func (s *wizardMail) object() fyne.CanvasObject { return s.content }
func (s *wizardMail) first() fyne.Focusable     { return nil }
func (s *wizardMail) unsaved() bool             { return s.form.unsaved() }

func (s *wizardMail) read() {
	s.form.load()
	s.test.poll()
}

func (s *wizardMail) save(done func(ok bool)) { s.form.store(done) }

// wizardCompany asks for the first company and its list, and lets an address be tried.
type wizardCompany struct {
	desk    *desk
	form    *companyForm
	try     *addressTry
	done    func(ok bool) // of the save that is under way
	began   bool
	content *fyne.Container
}

func newWizardCompany(d *desk, submit func()) wizardStep {
	s := &wizardCompany{desk: d, form: newCompanyForm(d)}
	refresh := func() { s.content.Refresh() }
	s.try = newAddressTry(d, func(string) {}, refresh)
	s.content = container.NewVBox(s.form.bar, s.form.body, s.form.foot, s.try.strip, s.try.card)
	s.form.grown, s.form.gone = refresh, func() {}
	s.form.kept = func(string) { s.saved() }
	s.form.name.OnSubmitted, s.form.field.entered = func(string) { submit() }, submit
	return s
}

func (s *wizardCompany) object() fyne.CanvasObject { return s.content }
func (s *wizardCompany) first() fyne.Focusable     { return s.form.name }
func (s *wizardCompany) unsaved() bool             { return s.form.dirty() }

// read shows the first company that there is, or the form of a new one.
func (s *wizardCompany) read() {
	s.desk.run(func(ctx context.Context) func() {
		page, err := s.desk.client.CompanyPage(ctx, localapi.CompanyFilter{}, "", 1)
		return func() {
			switch {
			case err != nil:
				s.desk.failed(s.form.bar, err)
			case s.form.dirty():
			case len(page.Items) > 0:
				s.form.read(page.Items[0].Name)
			case !s.began:
				s.began = true
				s.form.begin()
				s.desk.log.Debug("new company shown")
			}
		}
	})
}

// save saves the company; what is asked about before, the form asks.
func (s *wizardCompany) save(done func(ok bool)) {
	if !s.form.dirty() {
		done(true)
		return
	}
	s.done = done
	s.form.trySave()
	if !s.form.busy { // it was refused, or asks something first
		done(false)
	}
}

// saved goes on after a company was saved by the button that goes on.
func (s *wizardCompany) saved() {
	if done := s.done; done != nil {
		s.done = nil
		done(true)
	}
}

// wizardConnectors is the page of the connectors.
type wizardConnectors struct {
	view *connectorsView
}

func newWizardConnectors(d *desk) wizardStep {
	return &wizardConnectors{view: newConnectorsView(d)}
}

func (s *wizardConnectors) object() fyne.CanvasObject {
	return container.New(&leastSize{fyne.NewSize(0, 420)}, s.view.Content())
}
func (s *wizardConnectors) first() fyne.Focusable { return nil }
func (s *wizardConnectors) unsaved() bool         { return s.view.Unsaved() }

func (s *wizardConnectors) read() {
	if s.view.form == nil {
		s.view.table.reload()
	}
}

func (s *wizardConnectors) save(done func(ok bool)) {
	if s.view.form != nil && s.view.Unsaved() {
		s.view.form.submit()
		done(false)
		return
	}
	done(true)
}

// wizardDone says how the service stands now.
type wizardDone struct {
	desk    *desk
	bar     *bar
	address *addressCard
	facts   *fyne.Container
	backup  *firstBackup
	content fyne.CanvasObject
}

func newWizardDone(d *desk) wizardStep {
	s := &wizardDone{desk: d, bar: newBar(), facts: container.NewVBox()}
	s.address = newAddressCard(d, s.bar)
	s.backup = newFirstBackup(d, s.bar)
	s.content = container.NewVBox(s.bar, newColumns(container.NewVBox(s.facts, s.backup.content), s.address.content))
	return s
}

func (s *wizardDone) object() fyne.CanvasObject { return s.content }
func (s *wizardDone) first() fyne.Focusable     { return nil }
func (s *wizardDone) unsaved() bool             { return false }
func (s *wizardDone) save(done func(ok bool))   { done(true) }

// newFactRow says how something stands.
func newFactRow(l level, text string) fyne.CanvasObject {
	return newBorder(nil, nil, container.NewVBox(container.New(layout.NewCustomPaddedLayout(8, 0, 0, 0), widget.NewIcon(l.icon()))), nil, newText(text))
}

// read reads what was set up.
func (s *wizardDone) read() {
	s.backup.read()
	s.desk.run(func(ctx context.Context) func() {
		settings, err := s.desk.client.Settings(ctx)
		if err == nil {
			var page localapi.Page[localapi.CompanySummary]
			page, err = s.desk.client.CompanyPage(ctx, localapi.CompanyFilter{}, "", 1)
			return func() { s.show(settings, page, err) }
		}
		return func() { s.desk.failed(s.bar, err) }
	})
}

func (s *wizardDone) show(settings localapi.Settings, page localapi.Page[localapi.CompanySummary], err error) {
	if err != nil {
		s.desk.failed(s.bar, err)
		return
	}
	companies := max(page.Total, len(page.Items))
	transport := settings["mail.transport"].Text
	s.facts.RemoveAll()
	for _, fact := range []struct {
		ok   bool
		text string
	}{
		{settings["public_url"].Text != "", tr("wizard.fact.address", args{"Address": settings["public_url"].Text})},
		{transport != mailCapture, tr("mail.meaning." + transport)},
		{companies > 0, trn("wizard.fact.companies", companies)},
		{settings["login_link"].Text == "on", linkFact(settings["login_link"].Text == "on")},
	} {
		l := levelOK
		if !fact.ok {
			l = levelWarning
		}
		s.facts.Add(newFactRow(l, strings.TrimSpace(fact.text)))
	}
	s.address.show(settings)
}

func linkFact(on bool) string {
	if on {
		return tr("wizard.fact.link_on")
	}
	return tr("wizard.fact.link_off")
}
