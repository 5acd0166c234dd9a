package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"foyer/app/localapi"
)

// wizardAddress asks where the pages are and with which certificate, and tries the address. What is chosen here lasts at once: nobody uses
// the pages yet.
type wizardAddress struct {
	desk    *desk
	bar     *bar
	form    *addressForm
	content fyne.CanvasObject
}

func newWizardAddress(d *desk, submit func()) wizardStep {
	s := &wizardAddress{desk: d, bar: newBar(), form: newAddressForm(d, func() {}, submit)}
	s.content = container.NewVBox(s.bar, s.form.content)
	return s
}

func (s *wizardAddress) object() fyne.CanvasObject { return s.content }

func (s *wizardAddress) first() fyne.Focusable { return s.form.field(keyPublicURL).focus }

func (s *wizardAddress) unsaved() bool { return len(s.form.changes()) > 0 }

func (s *wizardAddress) read() {
	s.desk.run(func(ctx context.Context) func() {
		address, settings, err := readAddress(ctx, s.desk.client)
		return func() {
			if err != nil {
				s.desk.failed(s.bar, err)
				return
			}
			s.form.take(settings, address.Fixed)
			s.desk.log.Debug("address shown")
		}
	})
}

func (s *wizardAddress) save(done func(ok bool)) {
	changes := s.form.changes()
	switch {
	case len(changes) == 0:
		done(true)
		return
	case !s.form.check():
		done(false)
		return
	}
	s.bar.clear()
	s.form.asking(s.bar)
	changeAddress(s.desk, changes, 0, func(address localapi.Address, settings localapi.Settings, err error) {
		s.bar.clear()
		if err == nil {
			s.form.accept(changes)
			s.form.take(settings, address.Fixed)
		} else if !s.form.refuse(err) {
			s.desk.failed(s.bar, err)
		}
		done(err == nil)
	})
}
