package gui

import "fyne.io/fyne/v2"

type settingsView struct{ desk *desk }

func newSettings(d *desk) view { return &settingsView{desk: d} }

func (v *settingsView) Content() fyne.CanvasObject { return newTitle(tr("page.settings")) }
func (v *settingsView) Open(string)                {}
func (v *settingsView) Changed(topics)             {}
func (v *settingsView) Unsaved() bool              { return false }
