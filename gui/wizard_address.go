package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"foyer/app/localapi"
)

// wizardAddress asks where the pages are and with which certificate, and tries the address. What is chosen here goes back by itself unless
// somebody keeps it, as on the page of the settings.
type wizardAddress struct {
	desk    *desk
	bar     *bar
	form    *addressForm
	pending *addressPending // has a place above the steps: what waits is seen at each of them
	kept    func()          // is told that what was chosen here is kept
	content fyne.CanvasObject
}

func newWizardAddress(d *desk, submit, kept func()) *wizardAddress {
	s := &wizardAddress{desk: d, bar: newBar(), form: newAddressForm(d, func() {}, submit), kept: kept}
	s.pending = newAddressPending(d, s.settled)
	s.content = container.NewVBox(s.bar, s.form.content)
	return s
}

func (s *wizardAddress) object() fyne.CanvasObject { return s.content }

func (s *wizardAddress) first() fyne.Focusable { return s.form.field(keyPublicURL).focus }

func (s *wizardAddress) unsaved() bool { return len(s.form.changes()) > 0 || s.pending.waits() }

func (s *wizardAddress) read() {
	s.desk.run(func(ctx context.Context) func() {
		address, settings, err := readAddress(ctx, s.desk.client)
		return func() {
			if err != nil {
				s.desk.failed(s.bar, err)
				return
			}
			s.form.take(settings, address.Fixed)
			s.pending.show(address.Pending, settings)
			s.desk.log.Debug("address shown")
		}
	})
}

func (s *wizardAddress) save(done func(ok bool)) {
	changes := s.form.changes()
	switch {
	case s.pending.waits(): // the question stands above
		s.desk.window.Canvas().Focus(s.pending.back)
		done(false)
		return
	case len(changes) == 0:
		done(true)
		return
	case !s.form.check():
		done(false)
		return
	}
	s.bar.clear()
	s.pending.clear()
	s.form.asking(s.bar)
	changeAddress(s.desk, changes, addressTrial, func(address localapi.Address, settings localapi.Settings, err error) {
		s.bar.clear()
		if err != nil {
			if !s.form.refuse(err) {
				s.desk.failed(s.bar, err)
			}
			done(false)
			return
		}
		s.form.trial.clear()
		s.form.accept(changes)
		s.form.take(settings, address.Fixed)
		s.pending.show(address.Pending, settings)
		done(address.Pending == nil)
		if address.Pending != nil {
			s.desk.window.Canvas().Focus(s.pending.back) // the safe one
			s.pending.test(settings[keyPublicURL].Text)
		}
	})
}

// settled is told when nothing waits any more: the wizard goes on where what was chosen is kept, and stays where it has gone back.
func (s *wizardAddress) settled(address localapi.Address, settings localapi.Settings) {
	kept := s.pending.kept
	s.form.take(settings, address.Fixed)
	if kept {
		s.kept()
	}
}
