package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// about says what this program is, and of which version it and the service are.
func (w *window) about() {
	facts := container.NewVBox()
	for _, f := range [][2]string{
		{"about.program", w.config.Version}, {"about.service", w.serviceVersion}, {"about.license", "Apache License 2.0"},
	} {
		fact, value := newFact(tr(f[0]))
		value.SetText(f[1])
		facts.Add(fact)
	}
	icon := container.NewGridWrap(fyne.NewSquareSize(56), widget.NewIcon(w.app.Icon()))
	body := container.NewVBox(container.NewHBox(icon, newTitle(tr("app.name"))), newText(tr("about.text")), facts)
	var d *dialog.CustomDialog
	support := newButton(tr("about.support"), theme.FileTextIcon(), func() {
		d.Hide()
		askSupport(w.desk)
	})
	body.Add(container.NewHBox(support))
	d = dialog.NewCustom(tr("menu.about"), tr("close"), newFixed(480, body), w.win)
	d.Show()
}
