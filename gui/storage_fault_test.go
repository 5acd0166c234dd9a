package gui

import (
	"testing"

	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// storageFault is a form on which something is typed and saved while the disk of the service takes nothing.
type storageFault struct {
	name string
	// open types something and returns what makes the service refuse or take it.
	open  func(t *testing.T) (d *testDesk, fail func(error))
	typed func() bool // what was typed is still there
	wrote func() bool // what the service has now
	view  func() view
}

func storageFaults() []*storageFault {
	settings := &storageFault{name: "settings"}
	settings.open = func(t *testing.T) (*testDesk, func(error)) {
		c := sampleSettings()
		d, v := openSettings(t, c, "site_name")
		v.fields["site_name"].entry.SetText("Novák a syn")
		settings.typed = func() bool { return v.fields["site_name"].entry.Text == "Novák a syn" }
		settings.view = func() view { return v }
		settings.wrote = func() bool { return c.now["site_name"].Text == "Novák a syn" }
		return d, func(err error) { c.err = err }
	}
	company := &storageFault{name: "company"}
	company.open = func(t *testing.T) (*testDesk, func(error)) {
		c := newCompaniesTest(t, newFakeCompanies(), "Birch & Sons")
		c.view.form.name.SetText("Birch and Daughters")
		company.typed = func() bool { return c.view.form.name.Text == "Birch and Daughters" }
		company.view = func() view { return c.view }
		company.wrote = func() bool {
			kept, err := c.fake.find("Birch and Daughters")
			return err == nil && kept != nil
		}
		return c.testDesk, func(err error) { c.fake.saveErr = err }
	}
	connector := &storageFault{name: "connector"}
	connector.open = func(t *testing.T) (*testDesk, func(error)) {
		c := sampleConnectors()
		d, v := openConnectors(t, c)
		v.Open("microsoft")
		d.drain()
		v.form.secret.SetText("a new secret")
		connector.typed = func() bool { return v.form.secret.Text == "a new secret" }
		connector.view = func() view { return v }
		connector.wrote = func() bool { return c.changes["client_secret"] == "a new secret" && c.err == nil }
		return d, func(err error) { c.err = err }
	}
	mail := &storageFault{name: "mail"}
	mail.open = func(t *testing.T) (*testDesk, func(error)) {
		f := newFakeMail()
		d, v := showMail(t, f, "settings")
		v.out.form.input("mail.smarthost").set(localapi.Setting{Text: "mx.office.example:465"})
		mail.typed = func() bool { return v.out.form.input("mail.smarthost").value() == "mx.office.example:465" }
		mail.view = func() view { return v }
		mail.wrote = func() bool { return f.settings["mail.smarthost"].Text == "mx.office.example:465" }
		return d, func(err error) { f.err = err }
	}
	return []*storageFault{settings, company, connector, mail}
}

// TestStorageFault saves while the disk of the service takes nothing: it says so, keeps what was typed, and saves it when the disk does.
func TestStorageFault(t *testing.T) {
	for reason, want := range map[string]string{
		"storage_full":     "Nothing was saved: the disk of the service is full.",
		"storage_busy":     "Nothing was saved: another program has the data of the service for itself.",
		"storage_readonly": "Nothing was saved: the disk of the service cannot be written to now.",
	} {
		for _, c := range storageFaults() {
			t.Run(reason+" "+c.name, func(t *testing.T) {
				d, fail := c.open(t)
				fail(app.Errorf(app.Unavailable, reason, "the service says so in English"))
				d.tap("Save")
				d.sees(want, "what you have typed is still here")
				d.seesNot("in English")
				if !c.typed() || !c.view().Unsaved() || c.wrote() || len(d.losses) > 0 {
					t.Errorf("typed %t, unsaved %t, written %t, %d lost connections", c.typed(), c.view().Unsaved(), c.wrote(), len(d.losses))
				}
				// A change elsewhere, which the page reads, takes nothing away either.
				fail(nil)
				c.view().Changed(topics{localapi.TopicSettings: true, localapi.TopicCompanies: true, localapi.TopicConnectors: true})
				d.drain()
				if !c.typed() {
					t.Error("what was typed is gone")
				}
				d.tap("Save")
				if c.view().Unsaved() || !c.wrote() {
					t.Errorf("afterwards: unsaved %t, written %t", c.view().Unsaved(), c.wrote())
				}
			})
		}
	}
}

// TestUpkeepKeyboard goes through the buttons of the page in reading order.
func TestUpkeepKeyboard(t *testing.T) {
	d, v := openUpkeep(t, newFakeUpkeep(), "")
	v.backups.table.selectKey("foyer-0.db")
	canvas := d.window.Canvas()
	canvas.Unfocus()
	var got []string
	for range 30 {
		canvas.FocusNext()
		if b, ok := canvas.Focused().(*widget.Button); ok && b.Text != "" {
			got = append(got, b.Text)
		}
	}
	want := []string{"Backups", "Health", "Service", "Back up now…", "Change…", "Check", "Save a copy…", "Restore…", "Delete…", "Restore from a file…"}
	at := 0
	for _, text := range got {
		if at < len(want) && text == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("the tab key goes to %q, want %q in that order", got, want)
	}
}
