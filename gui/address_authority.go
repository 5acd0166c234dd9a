package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// addressAuthority shows how devices are told to trust the service's own certificate authority.
type addressAuthority struct {
	desk    *desk
	bar     *bar
	pem     string
	system  *widget.Select
	steps   *widget.Label
	save    *widget.Button
	shut    *widget.Button
	dialog  *dialog.CustomDialog
	content fyne.CanvasObject
}

// trustSystems are the systems for which there are instructions.
func trustSystems() []string {
	return []string{"windows", "domain", "macos", "ios", "android", "linux", "firefox"}
}

// authorityFile is the name under which the certificate is saved, as the pages give it.
const authorityFile = "ca.crt"

func newAddressAuthority(d *desk, a localapi.Address) *addressAuthority {
	t := &addressAuthority{desk: d, bar: newBar(), pem: a.Authority.PEM, steps: newText("")}
	names := make([]string, 0, len(trustSystems()))
	for _, system := range trustSystems() {
		names = append(names, tr("address.system."+system))
	}
	t.system = widget.NewSelect(names, func(string) { t.steps.SetText(tr("address.steps." + trustSystems()[t.system.SelectedIndex()])) })
	t.save = newMainButton(tr("address.trust.save"), theme.DocumentSaveIcon(), t.choose)

	box := container.NewVBox(t.bar, newText(tr("address.trust.text")))
	box.Add(newBorder(nil, nil, nil, t.phone(authorityAddress(a)), container.NewVBox(
		newFactLine(tr("address.trust.name"), a.Authority.Name), newFactLine(tr("address.trust.until"), a.Authority.NotAfter.Local().Format("2006-01-02")),
		newSmall(tr("address.trust.fingerprint")), wholeField(fingerprint(a.Authority.SHA256), d.tell), container.NewHBox(t.save))))
	box.Add(newField(tr("address.trust.system"), container.NewHBox(newFixed(300, t.system)), ""))
	box.Add(newFixedHeight(112, t.steps))
	t.content = box
	t.system.SetSelectedIndex(0)
	return t
}

// newFactLine returns a label with its value.
func newFactLine(label, value string) fyne.CanvasObject {
	text := newText(value)
	text.Selectable = true
	return container.New(&labelLayout{pairWidth}, newSmall(label), text)
}

// wholeField is a field to copy from whose text is never cut.
func wholeField(text string, tell func(string)) fyne.CanvasObject {
	field, label := newCopyField(text, tell)
	label.Truncation, label.Wrapping = fyne.TextTruncateOff, fyne.TextWrapWord
	return field
}

// phone shows where phones find the certificate; nothing where there is no such address.
func (t *addressAuthority) phone(address string) fyne.CanvasObject {
	if address == "" {
		return newFixed(200, newHint(tr("address.trust.no_redirect")))
	}
	code := newQR(qrSide)
	code.show(address)
	where := newHint(address)
	where.Alignment, where.Wrapping, where.Selectable = fyne.TextAlignCenter, fyne.TextWrapBreak, true
	return newFixed(232, container.NewVBox(container.NewCenter(code), container.New(layout.NewCustomPaddedVBoxLayout(-8), where, centred(newHint(tr("address.trust.phone"))))))
}

func centred(l *widget.Label) *widget.Label {
	l.Alignment = fyne.TextAlignCenter
	return l
}

// open shows it.
func (t *addressAuthority) open() {
	t.shut = widget.NewButton(tr("close"), func() { t.dialog.Hide() })
	t.dialog = dialog.NewCustomWithoutButtons(tr("address.trust.title"), newFixed(700, t.content), t.desk.window)
	t.dialog.SetButtons([]fyne.CanvasObject{t.shut})
	t.dialog.Show()
	t.desk.window.Canvas().Focus(t.shut)
}

// choose asks for a file and writes the certificate to it.
func (t *addressAuthority) choose() {
	dlg := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		switch {
		case err != nil:
			t.bar.say(levelError, tr("address.trust.not_saved", args{"Why": err.Error()}))
		case w != nil:
			t.write(w)
		}
	}, t.desk.window)
	dlg.SetFileName(authorityFile)
	dlg.SetFilter(storage.NewExtensionFileFilter([]string{".crt"}))
	dlg.Resize(fyne.NewSize(700, 500))
	dlg.Show()
}

func (t *addressAuthority) write(w fyne.URIWriteCloser) {
	t.desk.run(func(context.Context) func() {
		err := writeAll(w, []byte(t.pem))
		return func() {
			if err != nil {
				t.bar.say(levelError, tr("address.trust.not_saved", args{"Why": err.Error()}))
				return
			}
			t.desk.tell(tr("address.trust.saved", args{"File": w.URI().Name()}))
		}
	})
}
