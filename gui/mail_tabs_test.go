package gui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

func TestMailDNS(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "dns")
	d.sees("2 needed records are missing or not right.", "Missing", "Differs", "OK", "v=spf1 a:mail.office.example ~all", "10 mx.office.example",
		"The record is not that of Foyer's key. Replace it.", "For information")
	d.tap("Copy all")
	lines := strings.Split(d.app.Clipboard().Content(), "\n")
	if len(lines) != 2 || lines[0] != `office.example. IN TXT "v=spf1 a:mail.office.example ~all"` || !strings.Contains(lines[1], `" "`) {
		t.Errorf("copied %q", lines)
	}
	v.Changed(topics{localapi.TopicSettings: true})
	d.drain()
	d.sees("Settings of mail were changed")
	f.records = f.records[2:]
	v.dns.read()
	if b := v.dns.again; !b.Disabled() || b.Text != "Asking the DNS…" {
		t.Error("while the DNS is asked, the button does not say so")
	}
	d.drain()
	d.sees("Everything that mail from here needs is in the DNS.")
	f.err = app.Errorf(app.Conflict, "mail_from_missing", "set mail.from first")
	d.tap("Check again")
	d.sees("No sender's address yet")
	d.tap("How mail leaves")
	if !slices.Equal(d.opened, []string{"mail settings"}) {
		t.Errorf("opened %q", d.opened)
	}
}

func TestMailPrograms(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "programs")
	d.sees("scanner@office.example", "Enabled", "Disabled", "www-data", "Never", "127.0.0.1:2525", "Open", "Problem", "Port 465 is taken by another program.")
	if !d.button("Change…").Disabled() {
		t.Error("something can be changed although nothing is chosen")
	}
	v.programs.table.selectKey("scanner")
	d.tap("Disable")
	d.sees("scanner cannot hand over mail until it is enabled again.")
	d.tap("Disable")
	d.tap("Enable")
	d.tap("New password…")
	d.sees("The present password of scanner stops working at once")
	d.tap("Make a new password")
	d.sees("an0ther-word", "it is shown this once")
	d.tap("Close")
	d.seesNot("an0ther-word")
	d.tap("Remove")
	d.sees("scanner and its password are removed")
	d.tap("Remove")
	if want := []string{"set scanner off ", "set scanner on ", "password scanner", "remove scanner"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %q, want %q", f.calls, want)
	}
}

func TestMailProgramForm(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "programs")
	d.tap("Add a program…")
	d.tap("Add")
	d.sees("Write 1 to 64 small letters")
	test.Type(d.window.Canvas().Focused(), "till")
	d.window.Canvas().FocusNext()
	test.Type(d.window.Canvas().Focused(), "till@office.example")
	f.err = app.Errorf(app.Conflict, "program_taken", "taken")
	d.tap("Add")
	d.sees("There is a program of this name already.")
	if e, ok := d.window.Canvas().Focused().(*mailEntry); !ok || e.Text != "till" {
		t.Error("the name that is taken is not to be typed anew")
	}
	f.err = nil
	d.tap("Add")
	d.sees("s3cret-word")
	d.tap("Close")
	if p, ok := v.programs.table.selectedRow(); !ok || p.Name != "till" {
		t.Errorf("%+v is chosen", p)
	}
	v.programs.edit(f.programs[0])
	d.sees("Change scanner")
	d.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	d.seesNot("Change scanner")
	v.programs.edit(f.programs[0])
	test.Type(d.window.Canvas().Focused(), "office.example, ")
	f.err = app.Fieldf("senders", "sender_invalid", "%q cannot be a sender", "x")
	d.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.drain()
	d.sees("cannot be a sender")
	f.err = nil
	d.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.drain()
	d.seesNot("Change scanner")
	if got, want := f.calls[len(f.calls)-1], "set scanner  office.example, scanner@office.example"; got != want {
		t.Errorf("the last call is %q, want %q", got, want)
	}
}

func TestMailAddresses(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "addresses")
	d.sees("old@customer.example", "550 5.1.1 No such user here")
	v.addresses.suppressed.table.selectKey("old@customer.example")
	d.tap("Let it get mail again")
	d.sees("old@customer.example gets mail again. If it still cannot be reached")
	d.tap("Let it get mail again")
	d.sees("Every address can be reached")
	d.tap("Want no mail")
	d.sees("angry@customer.example")
	d.tap("Encrypted servers")
	d.sees("mx1.customer.example", "None since 2026-11-26 09:30")
	v.addresses.hosts.table.selectKey("mx.lost.example")
	d.tap("Forget")
	d.sees("mx.lost.example may then get mail that can be read on the way")
	f.err = app.Errorf(app.NotFound, "tls_host_unknown", "there is no such host")
	d.tap("Forget")
	d.sees("There is no such host.")
	if want := []string{"unsuppress old@customer.example", "forget mx.lost.example"}; !slices.Equal(f.calls, want) {
		t.Errorf("calls %q, want %q", f.calls, want)
	}
}

func TestMailOpenTabs(t *testing.T) {
	d, v := showMail(t, newFakeMail(), "")
	for i, name := range mailTabNames {
		v.Open(name)
		d.drain()
		if v.tabs.at != i {
			t.Errorf("%q opens tab %d, want %d", name, v.tabs.at, i)
		}
	}
	v.Open("state:failed")
	d.drain()
	if v.tabs.at != mailTabQueue || v.queue.stateName() != mailFailed {
		t.Errorf("tab %d shows %q", v.tabs.at, v.queue.stateName())
	}
	v.Open("99")
	d.drain()
	d.sees("This mail is not there any more.")
}
