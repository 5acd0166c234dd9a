package gui

import (
	"context"
	"maps"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

// newService is a service that nobody has set up.
type newService struct {
	*fakeCompanies
	settings *settingsService
	upkeep   *fakeUpkeep
}

func (s *newService) Backups(ctx context.Context) (localapi.Backups, error) {
	return s.upkeep.Backups(ctx)
}

func (s *newService) StartBackup(ctx context.Context, o localapi.BackupOptions) (localapi.Job, error) {
	return s.upkeep.StartBackup(ctx, o)
}

func (s *newService) Job(ctx context.Context, id string) (localapi.Job, error) {
	return s.upkeep.Job(ctx, id)
}

func (s *newService) Settings(ctx context.Context) (localapi.Settings, error) {
	return s.settings.Settings(ctx)
}

func (s *newService) SetSettings(ctx context.Context, changes map[string]string) (localapi.Settings, error) {
	return s.settings.SetSettings(ctx, changes)
}

func (s *newService) TestPublicURL(ctx context.Context, address string) (localapi.Trial, error) {
	return s.settings.TestPublicURL(ctx, address)
}

func (s *newService) Address(ctx context.Context) (localapi.Address, error) {
	return s.settings.Address(ctx)
}

func (s *newService) ChangeAddress(ctx context.Context, changes map[string]string, within time.Duration) (localapi.Address, error) {
	return s.settings.ChangeAddress(ctx, changes, within)
}

func (s *newService) KeepAddress(ctx context.Context) (localapi.Address, error) {
	return s.settings.KeepAddress(ctx)
}

func (s *newService) RevertAddress(ctx context.Context) (localapi.Address, error) {
	return s.settings.RevertAddress(ctx)
}

func (s *newService) Connectors(context.Context) ([]localapi.Connector, error) { return nil, nil }

func openWizard(t *testing.T) (*testDesk, *wizardView, *newService) {
	t.Helper()
	s := &newService{fakeCompanies: newFakeCompanies(), settings: sampleSettings(), upkeep: newFakeUpkeep()}
	s.upkeep.backups.Items = nil
	s.companies = nil
	d := newTestDesk(t, s)
	v := newWizard(d.desk)
	d.show(v, "")
	return d, v, s
}

func TestWizard(t *testing.T) {
	d, v, s := openWizard(t)
	d.sees("Set up Foyer", "1. Your office", "7. Done", "Name of the office")
	d.picture("wizard-office")
	office, ok := v.steps[0].(*wizardFields)
	if !ok || d.window.Canvas().Focused() != office.fields["site_name"].entry {
		t.Fatalf("the keyboard begins at %T", d.window.Canvas().Focused())
	}
	office.fields["site_name"].entry.SetText("Novák Partners")
	office.fields["site_name"].entry.OnSubmitted("") // Enter
	d.drain()
	if v.at != 1 || s.settings.now["site_name"].Text != "Novák Partners" {
		t.Fatalf("Enter leads to step %d with the name %q", v.at, s.settings.now["site_name"].Text)
	}

	s.settings.trial = localapi.Trial{OK: true, Verdict: "the pages answer there"}
	d.tap("Does it work?")
	d.sees("The pages answer there.")
	d.picture("wizard-address")
	d.tap("Next")
	d.sees("How mail leaves", "Send a test mail")
	d.picture("wizard-mail")
	d.tap("Later")

	company, ok := v.steps[3].(*wizardCompany)
	if !ok || v.at != 3 {
		t.Fatalf("the wizard is at step %d", v.at)
	}
	company.form.name.SetText("Acme Ltd")
	company.form.field.add("acme.example ")
	d.tick()
	d.sees("Try an address")
	d.picture("wizard-company")
	company.form.field.entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn}) // with nothing typed
	d.drain()
	if len(s.companies) != 1 || s.companies[0].Name != "Acme Ltd" || v.at != 4 {
		t.Fatalf("the companies are %+v, the step %d", s.companies, v.at)
	}

	link, ok := v.steps[4].(*wizardFields)
	if !ok {
		t.Fatal("the fifth step is not the link")
	}
	link.fields["login_link"].check.SetChecked(true)
	d.picture("wizard-link")
	d.tap("Next")
	d.sees("No connector yet")
	d.picture("wizard-connectors")
	d.tap("Next")
	d.sees("1 company has a list.", "People on the lists can sign up.", "https://accounts.office.example/register")
	d.sees("There is no backup yet.")
	d.picture("wizard-done")
	d.tap("Make the first backup")
	d.sees("Making a backup…")
	s.upkeep.finish()
	d.tick()
	d.sees("The last backup is of 2026-11-26 10:00.")
	d.seesNot("[Make the first backup]")
	d.tap("Finish")
	if !d.prefs.Bool(prefWizard) || len(d.opened) != 1 || d.opened[0] != "home " {
		t.Errorf("after the end: done %v, opened %q", d.prefs.Bool(prefWizard), d.opened)
	}
}

// goToAddress goes to the second step.
func goToAddress(d *testDesk, v *wizardView) *wizardAddress {
	d.tb.Helper()
	v.goTo(1)
	d.drain()
	address, ok := v.steps[1].(*wizardAddress)
	if !ok {
		d.tb.Fatal("the second step is not the address")
	}
	return address
}

func TestWizardRefusal(t *testing.T) {
	d, v, s := openWizard(t)
	address := goToAddress(d, v)
	address.form.field(keyPublicURL).set(localapi.Setting{Text: "office"})
	s.settings.err = app.Fieldf("public_url", "setting_invalid", "public_url cannot be set so: write https:// first").With("Why", "write https:// first")
	d.tap("Next")
	d.sees("Write https:// first.")
	if v.at != 1 || !v.Unsaved() {
		t.Errorf("the wizard is at step %d, unsaved %v", v.at, v.Unsaved())
	}
	test.Tap(v.items[4])
	d.sees("Leave without saving?")
	d.tap("Leave without saving")
	if v.at != 4 {
		t.Errorf("the wizard is at step %d, not at the one that was chosen", v.at)
	}
}

// TestWizardAddress chooses a certificate: what is missing is said before anything is changed, and what is chosen goes back unless
// it is kept.
func TestWizardAddress(t *testing.T) {
	d, v, s := openWizard(t)
	address := goToAddress(d, v)
	if d.window.Canvas().Focused() != address.form.field(keyPublicURL).focus {
		t.Fatalf("the keyboard begins at %T", d.window.Canvas().Focused())
	}
	address.pending.now = addressClock
	s.settings.trial = localapi.Trial{OK: true, Verdict: "the pages answer there"}
	address.form.way.SetSelected(address.form.ways.text(app.TLSACME))
	d.sees("It needs a public DNS name", "Terms of Let's Encrypt")
	d.picture("wizard-acme")
	d.tap("Next")
	d.sees("only to those who accept its terms")
	if s.settings.address.changes != nil || v.at != 1 {
		t.Fatalf("without the terms it is at step %d and changes %v", v.at, s.settings.address.changes)
	}
	address.form.field(keyACMEAgree).set(localapi.Setting{Text: "on"})
	d.tap("Next")
	want := map[string]string{keyTLSMode: app.TLSACME, keyACMEAgree: "on"}
	if !maps.Equal(s.settings.address.changes, want) || s.settings.address.within != addressTrial || v.at != 1 {
		t.Errorf("changed %v for %v at step %d, want %v for a minute, and the same step", s.settings.address.changes, s.settings.address.within, v.at, want)
	}
	d.sees("Keep this address? It goes back in 60 s.")
	d.picture("wizard-address-pending")
	if d.window.Canvas().Focused() != address.pending.back || !v.Unsaved() {
		t.Errorf("the keyboard is at %T, unsaved %v", d.window.Canvas().Focused(), v.Unsaved())
	}
	d.tap("Next")
	if v.at != 1 {
		t.Error("the wizard goes on before the address is kept")
	}
	d.tap("Go back")
	d.seesNot("Keep this address?")
	if s.settings.address.decided != "revert" || v.at != 1 || address.form.chosen() == app.TLSACME || v.Unsaved() {
		t.Errorf("gone back: decided %q at step %d with %q", s.settings.address.decided, v.at, address.form.chosen())
	}
	address.form.way.SetSelected(address.form.ways.text(app.TLSACME))
	address.form.field(keyACMEAgree).set(localapi.Setting{Text: "on"})
	d.tap("Next")
	test.Tap(v.items[3])
	d.tap("Leave without saving")
	d.sees("Keep this address?") // it is seen from each step, and leads nowhere from another one
	d.tap("Keep")
	if s.settings.address.decided != "keep" || v.at != 3 {
		t.Errorf("kept: decided %q at step %d", s.settings.address.decided, v.at)
	}
}

// TestWizardAddressKept goes on when the address is kept, and stays when the time has run out.
func TestWizardAddressKept(t *testing.T) {
	d, v, s := openWizard(t)
	address := goToAddress(d, v)
	now := addressClock()
	address.pending.now = func() time.Time { return now }
	address.form.field(keyPublicURL).set(localapi.Setting{Text: "http://foyer.local"})
	d.tap("Next")
	now = now.Add(addressTrial)
	d.tick()
	if _, err := s.settings.settle("", true); err != nil {
		t.Fatal(err)
	}
	d.tick()
	d.sees("Nobody kept the new address in time")
	if v.at != 1 || address.form.field(keyPublicURL).value() == "http://foyer.local" {
		t.Errorf("after its time: step %d, address %q", v.at, address.form.field(keyPublicURL).value())
	}
	now = addressClock()
	address.form.field(keyPublicURL).set(localapi.Setting{Text: "http://foyer.local"})
	d.tap("Next")
	d.tap("Keep")
	if v.at != 2 || !v.passed[1] || s.settings.address.decided != "keep" {
		t.Errorf("kept: step %d, passed %v, decided %q", v.at, v.passed, s.settings.address.decided)
	}
}

// TestWizardAddressKeptLate has the answer to Keep come when it was read already that nothing waits any more.
func TestWizardAddressKeptLate(t *testing.T) {
	d, v, _ := openWizard(t)
	address := goToAddress(d, v)
	address.pending.now = addressClock
	address.form.field(keyPublicURL).set(localapi.Setting{Text: "http://foyer.local"})
	d.tap("Next")
	address.pending.decide(address.pending.keep, d.client.KeepAddress, "address.kept")
	works := d.works
	d.works = nil
	for _, w := range works {
		show := w(t.Context())
		address.pending.read()
		d.drain()
		show()
	}
	d.drain()
	d.sees("How mail leaves")
	if v.at != 2 {
		t.Errorf("kept: step %d, want the next one", v.at)
	}
}

func TestWizardOffered(t *testing.T) {
	w, settle := newTestWindow(t)
	client, ok := w.desk.client.(*windowClient)
	if !ok {
		t.Fatal("the window has another client")
	}
	if w.current == w.wizard {
		t.Fatal("the wizard is opened for a service that has companies")
	}
	client.empty = true
	w.offerWizard()
	settle()
	if w.current != w.wizard {
		t.Error("a service without companies does not open the wizard")
	}
	w.open(pageHome, "")
	w.app.Preferences().SetBool(prefWizard, true)
	w.offerWizard()
	settle()
	if w.current == w.wizard {
		t.Error("the wizard comes again although it was gone through")
	}
}
