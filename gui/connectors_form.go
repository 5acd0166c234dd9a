package gui

import (
	"context"
	"net/url"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// connectorForm is one connector to be read and changed, or a new one. What is typed is saved by the button Save, all or
// nothing.
type connectorForm struct {
	desk    *desk
	was     localapi.Connector // as the service has it; of a new one only the kind
	isNew   bool
	back    func()
	saved   func(localapi.Connector)
	removed func()

	bar       *bar
	name      *widget.Entry
	label     *widget.Entry
	clientID  *widget.Entry
	secret    *widget.Entry
	secretNow *widget.Label
	expires   *widget.Entry
	tenant    *widget.Entry
	issuer    *widget.Entry
	enabled   *widget.Check
	signup    *widget.Check
	trust     *widget.Check
	errors    map[string]*widget.Label // of a key, under its field

	state    *pill
	findings *fyne.Container
	redirect *widget.Label
	health   *widget.Label
	trial    *trialView
	test     *widget.Button
	save     *widget.Button
	discard  *widget.Button
	content  fyne.CanvasObject
}

func newConnectorForm(d *desk, c localapi.Connector, isNew bool) *connectorForm {
	f := &connectorForm{desk: d, was: c, isNew: isNew, bar: newBar(), trial: newTrialView(), errors: map[string]*widget.Label{}}
	f.makeFields()
	heading := tr("connectors.new", args{"Kind": kindName(c.Kind)})
	if !isNew {
		heading = c.Title
	}
	back := newButton(tr("connectors.back"), theme.NavigateBackIcon(), func() { f.back() })
	back.Importance = widget.LowImportance
	f.state = newPill("", levelPlain)
	head := container.NewHBox(back, newTitle(heading), f.state)
	if isNew {
		f.state.Hide()
	}
	f.save = newMainButton(tr("save"), theme.DocumentSaveIcon(), f.submit)
	f.discard = newButton(tr("discard"), nil, func() { f.back() })
	buttons := container.NewHBox(f.save, f.discard, layout.NewSpacer())
	if !isNew {
		buttons.Add(newDangerButton(tr("connectors.remove"), theme.DeleteIcon(), f.remove))
	}
	body := container.NewVScroll(newColumns(
		newCard("", f.fields()), container.NewVBox(f.side()...)))
	f.content = newBorder(container.NewVBox(head, f.bar), container.NewVBox(gap(2), buttons), nil, nil, body)
	f.fill(c)
	return f
}

func (f *connectorForm) makeFields() {
	entry := func(hint string) *widget.Entry {
		e := widget.NewEntry()
		e.PlaceHolder = hint
		e.OnChanged = func(string) { f.changed() }
		e.OnSubmitted = func(string) { f.submit() }
		return e
	}
	check := func(text string) *widget.Check { return widget.NewCheck(text, func(bool) { f.changed() }) }
	f.name, f.label, f.clientID = entry(tr("connectors.name.example")), entry(f.was.Title), entry("")
	f.secret = entry("")
	f.secret.Password = true
	f.secretNow = newHint("")
	f.expires = entry(tr("connectors.expires.example"))
	f.tenant, f.issuer = entry("72f988bf-86f1-41af-91ab-2d7cd011db47"), entry("https://login.office.example")
	f.enabled, f.signup, f.trust = check(tr("connectors.enabled")), check(tr("connectors.signup")), check(tr("connectors.trust"))
}

// fields returns the form of the connector's kind.
func (f *connectorForm) fields() fyne.CanvasObject {
	box := container.NewVBox()
	place := func(key string, label string, input fyne.CanvasObject, hint string) {
		wrong := newHint("")
		wrong.Importance = widget.DangerImportance
		wrong.Hide()
		f.errors[key] = wrong
		field := newField(label, input, "")
		field.Add(wrong)
		if hint != "" {
			field.Add(newHint(hint))
		}
		box.Add(field)
	}
	kind := app.ConnectorKind(f.was.Kind)
	box.Add(container.New(layout.NewCustomPaddedVBoxLayout(-5), f.enabled, f.signup, newHint(tr("connectors.signup.hint"))))
	if f.isNew {
		place("name", tr("connectors.name"), f.name, tr("connectors.name.hint"))
	}
	switch kind {
	case app.ConnectorEntra:
		place("tenant", tr("connectors.tenant"), f.tenant, tr("connectors.tenant.hint"))
	case app.ConnectorOIDC:
		place("issuer", tr("connectors.issuer"), f.issuer, tr("connectors.issuer.hint"))
	case app.ConnectorGoogle:
	}
	place("client_id", tr("connectors.client_id."+f.was.Kind), f.clientID, "")
	place("client_secret", tr("connectors.secret"), container.New(layout.NewCustomPaddedVBoxLayout(-3), f.secret, f.secretNow), "")
	place("secret_expires", tr("connectors.expires"), f.expires, tr("connectors.expires.hint"))
	place("label", tr("connectors.label"), f.label, tr("connectors.label.hint"))
	if kind != app.ConnectorOIDC {
		box.Add(container.New(layout.NewCustomPaddedVBoxLayout(-5), f.trust, newHint(tr("connectors.trust.hint."+f.was.Kind))))
	}
	return box
}

// side returns what helps: what keeps it from working, what to register at the provider, and the trial.
func (f *connectorForm) side() []fyne.CanvasObject {
	f.findings = container.NewVBox()
	steps := newText(tr("connectors.steps." + f.was.Kind))
	if f.isNew {
		return []fyne.CanvasObject{newCard(tr("connectors.steps"), container.NewVBox(steps, newHint(tr("connectors.steps.after"))))}
	}
	copyField, label := newCopyField("", f.desk.tell)
	f.redirect = label
	f.health = newText("")
	f.test = newButton(tr("connectors.test"), theme.MediaPlayIcon(), f.try)
	return []fyne.CanvasObject{
		f.findings,
		newCard(tr("connectors.redirect"), container.NewVBox(copyField, newHint(tr("connectors.redirect.hint."+f.was.Kind)))),
		newCard(tr("connectors.check"), container.NewVBox(f.health, container.NewHBox(f.test), f.trial.content)),
		newCard(tr("connectors.steps"), steps),
	}
}

// first returns where typing begins.
func (f *connectorForm) first() fyne.Focusable {
	switch {
	case !f.isNew && f.was.ClientID != "":
		return f.enabled
	case f.isNew:
		return f.name
	case f.was.Kind == string(app.ConnectorEntra):
		return f.tenant
	case f.was.Kind == string(app.ConnectorOIDC):
		return f.issuer
	default:
		return f.clientID
	}
}

// fill shows a connector in the fields.
func (f *connectorForm) fill(c localapi.Connector) {
	f.was = c
	f.label.SetText(c.Label)
	f.clientID.SetText(c.ClientID)
	f.secret.SetText("")
	f.expires.SetText(dayOf(c.SecretExpires))
	f.tenant.SetText(c.Tenant)
	f.issuer.SetText(c.Issuer)
	f.enabled.SetChecked(c.Enabled)
	f.signup.SetChecked(c.SignUp)
	f.trust.SetChecked(c.TrustVerified)
	f.showState(c)
	f.changed()
}

// showState shows what the service says of the connector, beside the fields.
func (f *connectorForm) showState(c localapi.Connector) {
	if f.isNew {
		f.secretNow.SetText(tr("connectors.secret.new"))
		return
	}
	text, l := connectorState(c)
	f.state.set(text, l)
	f.secretNow.SetText(tr("connectors.secret.unset"))
	f.secret.PlaceHolder = ""
	if c.ClientSecret.Set {
		f.secretNow.SetText(tr("connectors.secret.set"))
		f.secret.SetPlaceHolder(tr("connectors.secret.replace"))
	}
	f.redirect.SetText(c.RedirectURI)
	f.health.SetText(healthText(c))
	f.findings.RemoveAll()
	for _, finding := range c.Findings {
		b := newBar()
		b.close.Hide()
		l := levelWarning
		if finding.Blocks {
			l = levelError
		}
		b.say(l, findingText(finding, c))
		f.findings.Add(b)
	}
}

func healthText(c localapi.Connector) string {
	switch {
	case c.LastProblem != "" && c.LastProblemAt != nil:
		return tr("connectors.health.problem", args{"At": moment(*c.LastProblemAt), "Problem": sentence(c.LastProblem)})
	case c.LastSignIn != nil:
		return tr("connectors.health.ok", args{"At": moment(*c.LastSignIn)})
	default:
		return tr("connectors.health.none")
	}
}

// refresh reads the connector anew: what is beside the fields always, the fields only while nothing is typed.
func (f *connectorForm) refresh() {
	if f.isNew {
		return
	}
	name := f.was.Name
	f.desk.run(func(ctx context.Context) func() {
		c, err := f.desk.client.Connector(ctx, name)
		return func() {
			switch {
			case app.CodeOf(err) == app.NotFound:
				f.bar.say(levelWarning, tr("connectors.gone"))
			case err != nil:
				f.desk.failed(f.bar, err)
			case f.unsaved():
				f.showState(c)
			default:
				f.fill(c)
			}
		}
	})
}

// typed returns the keys that differ from what the service has.
func (f *connectorForm) typed() map[string]string {
	changes := map[string]string{}
	text := func(key, was string, e *widget.Entry) {
		if now := strings.TrimSpace(e.Text); now != was {
			changes[key] = now
		}
	}
	flag := func(key string, was bool, c *widget.Check) {
		if c.Checked != was {
			changes[key] = map[bool]string{true: "on", false: "off"}[c.Checked]
		}
	}
	text("label", f.was.Label, f.label)
	text("client_id", f.was.ClientID, f.clientID)
	text("client_secret", "", f.secret)
	text("secret_expires", dayOf(f.was.SecretExpires), f.expires)
	flag("enabled", f.was.Enabled, f.enabled)
	flag("signup", f.was.SignUp, f.signup)
	switch app.ConnectorKind(f.was.Kind) {
	case app.ConnectorEntra:
		text("tenant", f.was.Tenant, f.tenant)
	case app.ConnectorOIDC:
		text("issuer", f.was.Issuer, f.issuer)
	case app.ConnectorGoogle:
	}
	if f.was.Kind != string(app.ConnectorOIDC) {
		flag("trust_verified", f.was.TrustVerified, f.trust)
	}
	return changes
}

func (f *connectorForm) unsaved() bool {
	return len(f.typed()) > 0 || f.isNew && f.name.Text != ""
}

// changed follows what is typed.
func (f *connectorForm) changed() {
	if f.save == nil {
		return
	}
	enable(f.save, f.unsaved())
	if f.test != nil {
		enable(f.test, !f.unsaved())
	}
}

// submit saves.
func (f *connectorForm) submit() {
	changes := f.typed()
	if len(changes) == 0 && !f.isNew || f.save.Disabled() {
		return
	}
	f.clearErrors()
	f.save.SetText(tr("saving"))
	f.save.Disable()
	call, name, kind := f.desk.client.SetConnector, f.was.Name, f.was.Kind
	if f.isNew {
		name = strings.TrimSpace(f.name.Text)
		changes["enabled"] = map[bool]string{true: "on", false: "off"}[f.enabled.Checked]
		call = func(ctx context.Context, name string, keys map[string]string) (localapi.Connector, error) {
			return f.desk.client.AddConnector(ctx, kind, name, keys)
		}
	}
	f.desk.run(func(ctx context.Context) func() {
		c, err := call(ctx, name, changes)
		return func() {
			f.save.SetText(tr("save"))
			if err != nil {
				f.save.Enable()
				f.wrong(err)
				return
			}
			f.desk.tell(tr("saved"))
			if f.isNew {
				f.saved(c)
				return
			}
			f.trial.clear()
			f.fill(c)
		}
	})
}

func (f *connectorForm) clearErrors() {
	f.bar.clear()
	for _, l := range f.errors {
		l.Hide()
	}
}

// wrong shows an error at its field, or above the form.
func (f *connectorForm) wrong(err error) {
	e := appError(err)
	if e == nil || e.Field == "" || f.errors[e.Field] == nil {
		f.desk.failed(f.bar, err)
		return
	}
	l := f.errors[e.Field]
	l.SetText(fieldText(err))
	l.Show()
	f.bar.say(levelError, tr("connectors.wrong"))
}

// try asks the provider.
func (f *connectorForm) try() {
	f.test.Disable()
	f.trial.begin(tr("connectors.testing"))
	name := f.was.Name
	f.desk.run(func(ctx context.Context) func() {
		t, err := f.desk.client.TestConnector(ctx, name)
		return func() {
			f.changed()
			if err != nil {
				f.trial.fail(err)
				return
			}
			f.trial.show(t)
		}
	})
}

// remove removes the connector, when the person says so.
func (f *connectorForm) remove() {
	f.desk.confirm(tr("connectors.remove.title", args{"Title": f.was.Title}), tr("connectors.remove.text", args{"Title": f.was.Title}),
		tr("connectors.remove"), func() {
			name := f.was.Name
			f.desk.run(func(ctx context.Context) func() {
				err := f.desk.client.RemoveConnector(ctx, name)
				return func() {
					if err != nil {
						f.desk.failed(f.bar, err)
						return
					}
					f.desk.tell(tr("connectors.removed"))
					f.removed()
				}
			})
		})
}

// dayOf returns a day that may be unknown.
func dayOf(day *string) string {
	if day == nil {
		return ""
	}
	return *day
}

// publicURLOf returns the address of the pages, which the redirect URI begins with.
func publicURLOf(c localapi.Connector) string {
	u, err := url.Parse(c.RedirectURI)
	if err != nil || u.Host == "" {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}
