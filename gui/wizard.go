package gui

func (w *window) startWizard() {}

func (w *window) offerWizard() {}
