package gui

import (
	"os"
	"testing"

	"fyne.io/fyne/v2/test"

	"foyer/app/localapi"
)

// TestMailPictures writes pictures of the states of the page, when these are wanted.
func TestMailPictures(t *testing.T) {
	if os.Getenv("FOYER_PICTURES") == "" {
		t.Skip("no pictures are wanted")
	}
	for _, c := range []struct {
		name, subject string
		do            func(d *testDesk, v *mailView)
	}{
		{"queue", "", nil},
		{"detail", "3", nil},
		{"html", "3", func(_ *testDesk, v *mailView) { v.queue.detail.grow(true); v.queue.detail.tabs.choose(2) }},
		{"source", "3", func(_ *testDesk, v *mailView) { v.queue.detail.grow(true); v.queue.detail.tabs.choose(3) }},
		{"text", "3", func(_ *testDesk, v *mailView) { v.queue.detail.tabs.choose(1) }},
		{"empty", "state:held", nil},
		{"form", "settings", func(d *testDesk, v *mailView) {
			v.out.form.input("mail.smarthost").set(localapi.Setting{Text: "nothing"})
			d.tap("Save")
		}},
		{"oauth", "settings", func(_ *testDesk, v *mailView) {
			v.out.form.auth.SetSelected("Token (OAuth 2.0)")
			v.out.form.provider.SetSelected("Microsoft")
		}},
		{"capture", "settings", func(_ *testDesk, v *mailView) { v.out.form.transport.SetSelected("Keep it here, send nothing") }},
		{"dns", "dns", nil},
		{"programs", "programs", func(_ *testDesk, v *mailView) { v.programs.table.selectKey("scanner") }},
		{"program", "programs", func(d *testDesk, _ *mailView) { d.tap("Add a program…"); d.tap("Add") }},
		{"password", "programs", func(_ *testDesk, v *mailView) {
			v.programs.showPassword(localapi.NewProgram{Program: localapi.Program{Name: "scanner"}, Password: "Zk3v0q1w8Qe5m2dPs7hTn4bYx6uAg9rLc0iFj1oKzX8"})
		}},
		{"addresses", "addresses", nil},
		{"remove", "6", func(d *testDesk, _ *mailView) { d.tap("Remove") }},
		{"trial", "settings", func(d *testDesk, v *mailView) {
			f := d.client.(*fakeMail)
			done := *f.find("3")
			f.testSteps = []localapi.MessageDetail{done}
			test.Type(v.out.test.address, "it@office.example")
			test.Tap(v.out.test.send)
			d.drain()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, v := showMail(t, newFakeMail(), c.subject)
			if c.do != nil {
				c.do(d, v)
				d.drain()
			}
			d.picture("mail-" + c.name)
		})
	}
}
