package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// mailOut is the tab of how mail leaves: the form, and a test mail beside it.
type mailOut struct {
	form    *mailForm
	test    *mailTest
	content fyne.CanvasObject
}

func newMailOut(d *desk) *mailOut {
	o := &mailOut{form: newMailForm(d), test: newMailTest(d)}
	scroll := mailScroll(o.form.content)
	o.form.reveal = func(field fyne.CanvasObject) {
		if top := field.Position().Y; top < scroll.Offset.Y || top+field.Size().Height > scroll.Offset.Y+scroll.Size().Height {
			scroll.ScrollToOffset(fyne.NewPos(0, top))
		}
	}
	form := newCard("", newBorder(nil, o.form.buttons, nil, nil, scroll))
	test := newCard(tr("mail.test_title"), mailScroll(container.NewVBox(newHint(tr("mail.test_hint")), o.test.content)))
	o.content = newBorder(nil, nil, nil, newFixed(320, test), form)
	return o
}
