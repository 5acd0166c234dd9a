package gui

import "fyne.io/fyne/v2"

type connectorsView struct{ desk *desk }

func newConnectors(d *desk) view { return &connectorsView{desk: d} }

func (v *connectorsView) Content() fyne.CanvasObject { return newTitle(tr("page.connectors")) }
func (v *connectorsView) Open(string)                {}
func (v *connectorsView) Changed(topics)             {}
func (v *connectorsView) Unsaved() bool              { return false }
