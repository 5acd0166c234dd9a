package gui

import "fyne.io/fyne/v2"

type logView struct{ desk *desk }

func newLog(d *desk) view { return &logView{desk: d} }

func (v *logView) Content() fyne.CanvasObject { return newTitle(tr("page.log")) }
func (v *logView) Open(string)                {}
func (v *logView) Changed(topics)             {}
func (v *logView) Unsaved() bool              { return false }
