package gui

import "fyne.io/fyne/v2"

type homeView struct{ desk *desk }

func newHome(d *desk) view { return &homeView{desk: d} }

func (v *homeView) Content() fyne.CanvasObject { return newTitle(tr("page.home")) }
func (v *homeView) Open(string)                {}
func (v *homeView) Changed(topics)             {}
func (v *homeView) Unsaved() bool              { return false }
