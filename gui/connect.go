package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// connectView is what the window shows while there is no service to talk to: why, and the way on.
type connectView struct {
	w       *window
	heading *widget.Label
	text    *widget.Label
	retry   *widget.Button
	content fyne.CanvasObject
}

func newConnectView(w *window) *connectView {
	v := &connectView{w: w, heading: newTitle(""), text: newText("")}
	v.retry = newMainButton(tr("link.retry"), nil, w.live.retry)
	v.content = container.NewCenter(container.NewGridWrap(fyne.NewSize(520, 300), container.NewVBox(v.heading, v.text, v.retry)))
	return v
}

// show says how the connection stands.
func (v *connectView) show(c connection) {
	v.heading.SetText(tr("connect.title"))
	v.text.SetText(c.text)
}

func (w *window) startWizard() {}

func (w *window) offerWizard() {}

func (w *window) about() {}
