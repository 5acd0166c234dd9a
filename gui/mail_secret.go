package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// mailSecret is the field of a secret: whether there is one, and a way to give another. What is saved is never shown.
type mailSecret struct {
	state   *pill
	entry   *widget.Entry
	replace *widget.Button
	keep    *widget.Button
	content *fyne.Container
}

func newMailSecret(changed func(), submit func(string)) *mailSecret {
	s := &mailSecret{state: newPill("", levelPlain), entry: widget.NewPasswordEntry()}
	s.entry.OnChanged = func(string) { changed() }
	s.entry.OnSubmitted = submit
	s.replace = newButton(tr("mail.secret_replace"), nil, func() {
		s.edit(true)
		if c := fyne.CurrentApp().Driver().CanvasForObject(s.entry); c != nil {
			c.Focus(s.entry)
		}
	})
	s.keep = newButton(tr("mail.secret_keep"), nil, func() { s.edit(false) })
	s.content = container.NewStack(
		container.NewHBox(mailMiddle(s.state), s.replace), newBorder(nil, nil, nil, s.keep, s.entry))
	return s
}

// set shows whether there is one.
func (s *mailSecret) set(isSet bool) {
	if isSet {
		s.state.set(tr("mail.secret_set"), levelOK)
	} else {
		s.state.set(tr("mail.secret_missing"), levelInfo)
	}
	visible(s.keep, isSet)
	s.edit(!isSet)
}

// edit shows the field to type in, or the state.
func (s *mailSecret) edit(on bool) {
	s.entry.SetText("")
	visible(s.content.Objects[0], !on)
	visible(s.content.Objects[1], on)
	s.content.Refresh()
}
