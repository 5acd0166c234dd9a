package gui

import "fyne.io/fyne/v2"

type mailView struct{ desk *desk }

func newMail(d *desk) view { return &mailView{desk: d} }

func (v *mailView) Content() fyne.CanvasObject { return newTitle(tr("page.mail")) }
func (v *mailView) Open(string)                {}
func (v *mailView) Changed(topics)             {}
func (v *mailView) Unsaved() bool              { return false }
