package gui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

func TestMailQueue(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "")
	d.sees("Sent through a mail server", "2 wait", "1 failed", "smtp.office.example rests until 2026-11-26 09:42", "{All (5)}",
		"ann@customer.example", "Deferred", "Kept here", "From scanner", "2026-11-26 09:42", "5 entries")
	d.seesNot("What happened")

	v.queue.state.SetSelected("Failed (1)")
	d.drain()
	d.sees("eve@customer.example")
	d.seesNot("ann@customer.example")
	v.queue.state.SetSelected("All (5)")
	test.Type(v.queue.search, "bob@")
	v.queue.search.now()
	d.drain()
	if f.filter.Search != "bob@" || len(v.queue.table.rows) != 1 {
		t.Errorf("the search asked for %+v and shows %d rows", f.filter, len(v.queue.table.rows))
	}
}

func TestMailDetail(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "3")
	d.sees("Not taken now; tried again at 2026-11-26 09:42. The server wants the mail later", "451 4.7.1 Greylisted", "accounts@office.example",
		"customer.example has the mail server mx1.customer.example.", "Encryption", "210 ms", "2026-11-27 05:30")
	d.tap("Text")
	d.sees("Hello Ann, dobrý deň.", "Attached: bill.pdf (1 KB).")
	d.tap("HTML")
	d.sees("Confirm [1]", "https://accounts.office.example/confirm?t=abc", "[Open]")
	d.seesNot("Preview", "alert(1)", "spy.example")
	d.tap("Source")
	if got := v.queue.detail.parts.grid.grid.Text(); !strings.Contains(got, "dobr=C3=BD") {
		t.Errorf("the source is %q", got)
	}
	d.tap("Copy")
	if got := d.app.Clipboard().Content(); got != testMail {
		t.Errorf("copied %q", got)
	}

	d.tap("What happened")
	d.tap("Hold")
	d.sees("Held: it leaves when you release it.")
	d.tap("Release")
	if want := []string{"hold 3", "release 3"}; !slices.Equal(f.calls, want) || v.queue.table.selected != "3" {
		t.Errorf("calls %q, want %q; chosen is %q", f.calls, want, v.queue.table.selected)
	}
	f.err = app.Errorf(app.Conflict, "message_sending", "message 3 is being sent")
	d.tap("Retry now")
	d.sees("This mail is being sent at this moment.")
}

func TestMailRemove(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "6")
	d.tap("Remove")
	d.sees("The mail “Test mail” to it@office.example is removed. It will not be sent.")
	if focused, ok := d.window.Canvas().Focused().(*widget.Button); !ok || focused.Text != "Cancel" {
		t.Error("the safe button has not the focus")
	}
	d.tap("Cancel")
	if len(f.calls) != 0 {
		t.Errorf("after cancelling: %q", f.calls)
	}
	d.tap("Remove")
	d.tap("Remove")
	d.seesNot("it@office.example", "What happened")
	if len(f.calls) != 1 || v.queue.detail.id != "" {
		t.Errorf("calls %q; mail %q is shown", f.calls, v.queue.detail.id)
	}
}

func TestMailMay(t *testing.T) {
	for state, want := range map[string]mailRights{
		mailQueued:    {retry: true, hold: true, remove: true},
		mailSending:   {},
		mailDeferred:  {retry: true, hold: true, remove: true},
		mailHeld:      {release: true, remove: true},
		mailDelivered: {remove: true},
		mailFailed:    {retry: true, remove: true},
		mailCaptured:  {retry: true, remove: true},
	} {
		if got := mailMay(state, "smarthost"); got != want {
			t.Errorf("%s: %+v, want %+v", state, got, want)
		}
	}
	if mailMay(mailCaptured, mailCapture).retry {
		t.Error("a captured mail would be captured again")
	}
}

func TestMailLive(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "state:deferred")
	v.queue.table.selectKey("3")
	d.drain()
	d.sees("Not taken now")
	f.find("3").State = mailDelivered
	f.status.Messages = map[string]int{"delivered": 2}
	v.Changed(topics{localapi.TopicMessages: true})
	d.drain()
	// It has left the list, and stays in sight with what has become of it.
	d.sees("The mail server of the recipient has taken it.", "{Deferred (0)}", "No mail here")
	d.seesNot("2 wait")
	f.messages = nil
	v.Changed(topics{localapi.TopicMessages: true})
	d.drain()
	d.seesNot("What happened")
}

func TestMailAll(t *testing.T) {
	f := newFakeMail()
	d, _ := showMail(t, f, "")
	d.tap("Hold all")
	d.sees("2 mails that wait are held.")
	d.tap("Hold all")
	if !slices.Equal(d.told, []string{"2 mails are held"}) || !d.button("Release all").Disabled() {
		t.Errorf("told %q", d.told)
	}
	d.tap("Stop all mail")
	d.sees("Nothing leaves until you let it")
	f.status.Held = true
	d.tap("Stop all mail")
	if f.saved["mail.hold"] != "on" {
		t.Errorf("saved %v", f.saved)
	}
	d.sees("All mail is stopped")
	d.tap("Let mail leave")
	if f.saved["mail.hold"] != "off" {
		t.Errorf("saved %v", f.saved)
	}
}

func TestMailLost(t *testing.T) {
	f := newFakeMail()
	d, v := showMail(t, f, "")
	f.err = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	v.Changed(topics{localapi.TopicMessages: true})
	d.drain()
	if len(d.losses) == 0 {
		t.Error("the window does not know that the connection is lost")
	}
	d.sees("ann@customer.example")
	f.err = app.Errorf(app.Internal, "", "")
	v.Open("")
	d.drain()
	d.sees("Something went wrong inside Foyer")
}

func TestMailTabOrder(t *testing.T) {
	d, v := showMail(t, newFakeMail(), "3")
	var got []string
	for range 16 {
		d.window.Canvas().FocusNext()
		switch o := d.window.Canvas().Focused().(type) {
		case *widget.Button:
			got = append(got, o.Text)
		case *widget.Select:
			got = append(got, "select")
		case *searchEntry:
			got = append(got, "search")
		case *keyList:
			got = append(got, "list")
		}
	}
	want := []string{"Stop all mail", "Queue", "How mail leaves", "DNS records", "Programs", "Addresses", "select", "search", "Hold all", "list"}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("the order is %q, want %q first", got, want)
	}
	if v.searchField() != fyne.Focusable(v.queue.search) {
		t.Error("the search of the page is not that of the queue")
	}
	d.window.Canvas().Focus(v.queue.table.list)
	v.queue.table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	d.drain()
	d.sees("550 5.1.1 No such user here")
	v.queue.table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.drain()
	d.sees("Hello Ann, dobrý deň.")
	d.seesNot("5 entries")
}

func TestMailMarkup(t *testing.T) {
	d, _ := showMail(t, newFakeMail(), "3")
	test.AssertRendersToMarkup(t, "mail_queue.xml", d.window.Canvas())
	d, _ = showMail(t, newFakeMail(), "settings")
	test.AssertRendersToMarkup(t, "mail_settings.xml", d.window.Canvas())
}
