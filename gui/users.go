package gui

import "fyne.io/fyne/v2"

type usersView struct{ desk *desk }

func newUsers(d *desk) view { return &usersView{desk: d} }

func (v *usersView) Content() fyne.CanvasObject { return newTitle(tr("page.users")) }
func (v *usersView) Open(string)                {}
func (v *usersView) Changed(topics)             {}
func (v *usersView) Unsaved() bool              { return false }
