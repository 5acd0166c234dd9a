package gui

import (
	"context"

	"foyer/app/localapi"
)

// startWizard opens the wizard, if there is a service to set up.
func (w *window) startWizard() {
	if w.link == linkUp && w.current != w.wizard {
		w.leave(func() { w.turnTo(w.wizard, "") })
	}
}

// offerWizard opens the wizard for a service that has no company yet, unless it was gone through before.
func (w *window) offerWizard() {
	if w.app.Preferences().Bool(prefWizard) {
		return
	}
	client := w.desk.client
	w.back.run(func(ctx context.Context) func() {
		page, err := client.CompanyPage(ctx, localapi.CompanyFilter{}, "", 1)
		return func() {
			if err == nil && len(page.Items) == 0 && w.desk.client == client && w.current != nil && !w.current.view.Unsaved() {
				w.startWizard()
			}
		}
	})
}
