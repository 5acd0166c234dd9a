package gui

import "fyne.io/fyne/v2"

type companiesView struct{ desk *desk }

func newCompanies(d *desk) view { return &companiesView{desk: d} }

func (v *companiesView) Content() fyne.CanvasObject { return newTitle(tr("page.companies")) }
func (v *companiesView) Open(string)                {}
func (v *companiesView) Changed(topics)             {}
func (v *companiesView) Unsaved() bool              { return false }
