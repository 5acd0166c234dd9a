package gui

import (
	"net"
	"net/url"
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

// The settings of the address. They have a form of their own: a wrong one takes the pages away from everybody, so that they are tried
// before they last.
const (
	keyPublicURL   = "public_url"
	keyTLSMode     = "tls.mode"
	keyTLSListen   = "tls.listen"
	keyTLSRedirect = "tls.redirect"
	keyTLSCert     = "tls.cert_file"
	keyTLSKey      = "tls.key_file"
	keyACMEEmail   = "tls.acme_email"
	keyACMEAgree   = "tls.acme_agree"
	keyACMEDir     = "tls.acme_directory"
	keyACMERoots   = "tls.acme_ca_file"
)

const (
	switchOn        = "on"
	switchOff       = "off"
	termsOfEncrypt  = "https://letsencrypt.org/repository/"
	secureScheme    = "https://"
	plainScheme     = "http://"
	usualSecurePort = "443"
	usualPlainPort  = "80"
)

// addressForm is where and how the pages are served, to be changed. Only what matters for the choice is shown and changed.
type addressForm struct {
	desk     *desk
	inputs   []*addressInput
	way      *widget.RadioGroup
	ways     choices
	meaning  *widget.Label
	scheme   *bar // offers the address with https, where the other one is typed
	test     *widget.Button
	trial    *trialView
	more     *widget.Button // shows what hardly anybody needs
	advanced bool
	edited   func() // is told what is typed
	submit   func() // Enter was pressed
	quiet    bool   // fields are filled by the program
	loaded   bool
	content  *fyne.Container
}

// addressInput is a field that cannot be changed here when the configuration file has the last word on it.
type addressInput struct {
	*formInput
	label   string
	control fyne.Disableable
	note    *widget.Label
}

func (i *addressInput) fixed() bool { return i.control.Disabled() }

func newAddressForm(d *desk, edited, submit func()) *addressForm {
	f := &addressForm{desk: d, edited: edited, submit: submit, meaning: newHint(""), scheme: newBar(), trial: newTrialView(), content: container.NewVBox()}
	f.scheme.close.Hide()
	f.quiet = true
	f.fields()
	f.quiet = false
	f.arrange()
	return f
}

// fields makes the fields in their order.
func (f *addressForm) fields() {
	f.test = newButton(tr("address.test"), theme.MediaPlayIcon(), f.try)
	f.entry(keyPublicURL, "https://accounts.office.example", nil)
	f.content.Add(container.NewVBox(f.scheme, f.trial.content))

	f.ways = choices{values: []string{app.TLSLocal, app.TLSACME, app.TLSFiles, app.TLSOff}}
	for _, way := range f.ways.values {
		f.ways.texts = append(f.ways.texts, tr("address.way."+way))
	}
	f.way = widget.NewRadioGroup(f.ways.texts, func(string) { f.change() })
	f.way.Required = true
	way := f.put(keyTLSMode, f.way, newField(tr("address.field.mode"), container.New(layout.NewCustomPaddedVBoxLayout(-4), f.way, f.meaning), ""), nil)
	way.value = func() string { return f.ways.value(f.way.Selected) }
	way.set = func(s localapi.Setting) { f.way.SetSelected(f.ways.text(s.Text)) }

	is := func(ways ...string) func() bool { return func() bool { return slices.Contains(ways, f.chosen()) } }
	rare := func() bool { return f.chosen() == app.TLSACME && f.advanced }
	f.entry(keyTLSCert, "/etc/foyer/tls/fullchain.pem", is(app.TLSFiles))
	f.entry(keyTLSKey, "/etc/foyer/tls/privkey.pem", is(app.TLSFiles))
	f.entry(keyACMEEmail, "it@office.example", is(app.TLSACME))
	f.toggle(keyACMEAgree, is(app.TLSACME))
	f.entry(keyTLSListen, ":443", is(app.TLSFiles, app.TLSACME, app.TLSLocal))
	f.entry(keyTLSRedirect, ":80", is(app.TLSFiles, app.TLSACME, app.TLSLocal))
	f.more = newButton("", nil, func() {
		f.advanced = !f.advanced
		f.arrange()
	})
	f.more.Importance = widget.LowImportance
	f.content.Add(container.NewHBox(f.more))
	f.entry(keyACMEDir, "https://acme-v02.api.letsencrypt.org/directory", rare)
	f.entry(keyACMERoots, "/etc/foyer/tls/acme-ca.pem", rare)
}

// chosen returns how the pages are to be served, "" while nothing is known.
func (f *addressForm) chosen() string { return f.ways.value(f.way.Selected) }

// field returns the field of a key, nil when there is none.
func (f *addressForm) field(key string) *addressInput {
	for _, i := range f.inputs {
		if i.key == key {
			return i
		}
	}
	return nil
}

func (f *addressForm) put(key string, control fyne.Disableable, field fyne.CanvasObject, shown func() bool) *addressInput {
	i := &addressInput{formInput: newFormInput(key, field), label: addressLabel(key), control: control, note: newHint(tr("address.fixed"))}
	i.shown = shown
	i.note.Hide()
	i.box.Add(i.note)
	f.inputs = append(f.inputs, i)
	f.content.Add(i.box)
	return i
}

// addressLabel returns what a setting of the address is called.
func addressLabel(key string) string { return tr("address.field." + strings.TrimPrefix(key, "tls.")) }

func addressHint(key string) string { return tr("address.hint." + strings.TrimPrefix(key, "tls.")) }

func (f *addressForm) entry(key, example string, shown func() bool) {
	e := widget.NewEntry()
	e.PlaceHolder = example
	e.OnChanged = func(string) { f.change() }
	e.OnSubmitted = func(string) { f.submit() }
	var line fyne.CanvasObject = e
	if key == keyPublicURL {
		line = newBorder(nil, nil, nil, f.test, e)
	}
	i := f.put(key, e, newField(addressLabel(key), line, addressHint(key)), shown)
	i.focus = e
	i.value = func() string { return strings.TrimSpace(e.Text) }
	i.set = func(s localapi.Setting) { e.SetText(s.Text) }
}

func (f *addressForm) toggle(key string, shown func() bool) {
	c := widget.NewCheck(addressLabel(key), func(bool) { f.change() })
	box := container.New(layout.NewCustomPaddedVBoxLayout(-5), c, newHint(addressHint(key)))
	if key == keyACMEAgree {
		if terms, err := url.Parse(termsOfEncrypt); err == nil {
			box.Add(container.NewHBox(widget.NewHyperlink(tr("address.terms"), terms)))
		}
	}
	i := f.put(key, c, box, shown)
	i.focus = c
	i.value = func() string {
		if c.Checked {
			return switchOn
		}
		return switchOff
	}
	i.set = func(s localapi.Setting) { c.SetChecked(s.Text == switchOn) }
}

// change follows what is typed or chosen.
func (f *addressForm) change() {
	if f.quiet {
		return
	}
	for _, i := range f.inputs {
		i.say("")
	}
	f.arrange()
	f.edited()
}

// arrange shows what matters.
func (f *addressForm) arrange() {
	way := f.chosen()
	f.meaning.SetText("")
	if way != "" {
		f.meaning.SetText(tr("address.meaning." + way))
	}
	visible(f.meaning, way != "")
	for _, i := range f.inputs {
		visible(i.box, i.matters())
	}
	visible(f.more, way == app.TLSACME)
	f.more.SetText(tr("address.more"))
	f.more.SetIcon(theme.MenuExpandIcon())
	if f.advanced {
		f.more.SetText(tr("address.less"))
		f.more.SetIcon(theme.MenuDropDownIcon())
	}
	address := f.field(keyPublicURL)
	enable(f.test, address.value() != "")
	if better := secured(address.value(), f.field(keyTLSListen).value()); better != "" && way != "" && way != app.TLSOff && !address.fixed() {
		f.scheme.offer(levelInfo, tr("address.scheme", args{"Address": better}), tr("address.scheme.use"), func() { address.set(localapi.Setting{Text: better}) })
	} else {
		f.scheme.clear()
	}
	f.content.Refresh()
}

// secured returns the address with https for one with http, at the port of a listener; "" for one that needs no other.
func secured(address, listen string) string {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, plainScheme) || u.Hostname() == "" {
		return ""
	}
	host := u.Hostname()
	if _, port, err := net.SplitHostPort(listen); err == nil && port != usualSecurePort {
		return secureScheme + net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return secureScheme + host
}

// take shows settings in the fields that are not touched. Keys of fixed cannot be changed here.
func (f *addressForm) take(settings localapi.Settings, fixed []string) {
	f.quiet = true
	for _, i := range f.inputs {
		untouched := !f.loaded || !i.touched()
		i.saved = settings[i.key]
		if i.key == keyTLSMode && i.saved.Text == "" {
			i.saved.Text = app.TLSOff
		}
		if i.saved.Text == "" && i.value() == switchOff {
			i.saved.Text = switchOff // nobody has touched it yet
		}
		isFixed := slices.Contains(fixed, i.key)
		if untouched || isFixed {
			i.set(i.saved)
		}
		if isFixed {
			i.control.Disable()
		} else {
			i.control.Enable()
		}
		visible(i.note, isFixed)
	}
	f.loaded, f.quiet = true, false
	f.arrange()
}

// discard shows what is saved in place of what was typed.
func (f *addressForm) discard() {
	f.quiet = true
	for _, i := range f.inputs {
		i.set(i.saved)
		i.say("")
	}
	f.quiet = false
	f.trial.clear()
	f.arrange()
	f.edited()
}

// changes returns what was typed, by key.
func (f *addressForm) changes() map[string]string {
	changes := map[string]string{}
	for _, i := range f.inputs {
		if f.loaded && i.matters() && i.touched() && !i.fixed() {
			changes[i.key] = i.value()
		}
	}
	return changes
}

// check says at each field what is missing, and reports whether nothing is. The service judges what is there.
func (f *addressForm) check() bool {
	first := ""
	miss := func(key, text string) {
		f.field(key).say(text)
		if first == "" {
			first = key
		}
	}
	way := f.chosen()
	if way == app.TLSACME && !app.IsPublicName(f.field(keyPublicURL).value()) {
		miss(keyPublicURL, tr("address.missing.public_url"))
	}
	if way == app.TLSFiles && f.field(keyTLSCert).value() == "" {
		miss(keyTLSCert, tr("address.missing.cert_file"))
	}
	if way == app.TLSFiles && f.field(keyTLSKey).value() == "" {
		miss(keyTLSKey, tr("address.missing.key_file"))
	}
	if way == app.TLSACME && f.field(keyACMEAgree).value() != switchOn {
		miss(keyACMEAgree, tr("address.missing.acme_agree"))
	}
	if first == "" {
		return true
	}
	f.focus(first)
	return false
}

// refuse says at its field what the service does not take, and reports whether there is one.
func (f *addressForm) refuse(err error) bool {
	e := appError(err)
	if e == nil || e.Field == "" || isLost(err) {
		return false
	}
	if e.Field == keyACMEDir || e.Field == keyACMERoots {
		f.advanced = true
		f.arrange()
	}
	i := f.field(e.Field)
	if i == nil || !i.matters() {
		return false
	}
	i.say(fieldText(err))
	f.focus(e.Field)
	return true
}

// focus goes to the field of a key.
func (f *addressForm) focus(key string) {
	i := f.field(key)
	if c := fyne.CurrentApp().Driver().CanvasForObject(f.content); c != nil && i != nil && i.focus != nil && i.matters() && !i.fixed() {
		c.Focus(i.focus)
	}
}

// try asks whether the pages answer at what is typed.
func (f *addressForm) try() {
	f.test.Disable()
	f.trial.begin(tr("address.testing"))
	testAddress(f.desk, f.field(keyPublicURL).value(), func(t localapi.Trial, err error) {
		f.test.Enable()
		if err != nil {
			f.trial.fail(err)
			return
		}
		f.trial.show(t)
	})
}
