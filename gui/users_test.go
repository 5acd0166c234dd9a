package gui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// usersDesk shows the page as the window would: what stands around it is left out, its room is not.
func usersDesk(t *testing.T, f *usersFake, subject string) (*testDesk, *usersView) {
	t.Helper()
	d := newTestDesk(t, f)
	v, ok := newUsers(d.desk).(*usersView)
	if !ok {
		t.Fatal("newUsers returns another view")
	}
	d.window.SetContent(container.New(layout.NewCustomPaddedLayout(44, 8, 206, 12), v.Content()))
	v.Open(subject)
	d.drain()
	return d, v
}

// pick chooses an account by its row.
func pick(t *testing.T, d *testDesk, v *usersView, email string) {
	t.Helper()
	for i, a := range v.accounts.table.rows {
		if a.Email == email {
			v.accounts.table.list.Select(i)
			d.drain()
			return
		}
	}
	t.Fatalf("there is no row %s", email)
}

func TestUsersList(t *testing.T) {
	d, v := usersDesk(t, newUsersFake(), "")
	d.sees("Accounts (3)", "Waiting registrations (2)", "People can sign up", "[x] Add a 'Create a customer account' link to the login screen",
		"adam@globex.example", "Disabled", "Active", "No longer on the list", "Jane Nováková", "2026-11-20 08:15", "3 entries")
	d.seesNot("Signed in")
	d.picture("users")
	pick(t, d, v, "jane.novak@acme.example")
	d.sees("+421 900 123 456", "Customer Accounts", "*.acme.example", "Yes, the list of Acme still covers the address.", "office: jane@acme.example",
		"Last signed in 2026-11-20 11:15", "Signed in (2)", "Firefox 145 on Windows", "with office, from 192.0.2.17, last seen 2026-11-20 11:15",
		"Unknown browser", "Confirmation of the sign-up", "Delivered", "250 2.0.0 Ok", "Sign-in · Refused: wrong address or password")
	d.seesNot("Account created") // of another address that ends the same
	d.picture("users-account")
	v.accounts.detail.scroll.ScrollToBottom()
	d.picture("users-account-more")
	pick(t, d, v, "old@acme.example")
	d.sees("No, the list of Acme does not cover the address any more.", "Not signed in anywhere", "No mail to this address is kept.", "The log says nothing")
	d.picture("users-off-list")
	v.accounts.table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	d.seesNot("Not signed in anywhere")
}

func TestUsersMarkup(t *testing.T) {
	d, v := usersDesk(t, newUsersFake(), "")
	pick(t, d, v, "jane.novak@acme.example")
	test.AssertRendersToMarkup(t, "users_account.xml", d.window.Canvas())
	d.tap("Waiting registrations (2)")
	v.waiting.table.list.Select(0)
	test.AssertRendersToMarkup(t, "users_waiting.xml", d.window.Canvas())
}

func TestUsersSwitch(t *testing.T) {
	f := newUsersFake()
	d, v := usersDesk(t, f, "")
	test.Tap(v.link.check)
	if !v.link.check.Disabled() || v.link.state.label.Text != "Saving…" {
		t.Errorf("while it is saved: disabled %t, %q", v.link.check.Disabled(), v.link.state.label.Text)
	}
	v.link.load() // as a change that is told meanwhile does
	d.drain()
	d.sees("[ ] Add a 'Create", "People cannot sign up", "A connector that allows new accounts still creates them.")
	if got := f.settings["login_link"].Text; got != "off" {
		t.Errorf("login_link: %q", got)
	}
	d.picture("users-switched-off")
	f.err = &app.Error{Code: app.Internal, Message: "the disk is full"}
	test.Tap(v.link.check)
	d.drain()
	d.sees("The disk is full.", "[ ] Add a 'Create", "People cannot sign up")
	f.settings["login_link"] = localapi.Setting{Text: "on"}
	v.Changed(topics{localapi.TopicSettings: true})
	d.drain()
	d.sees("[x] Add a 'Create", "People can sign up")
}

func TestUsersFilters(t *testing.T) {
	f := newUsersFake()
	d, v := usersDesk(t, f, "")
	test.Type(v.accounts.search, "Jane")
	d.sees("adam@globex.example")
	d.tick()
	d.sees("jane.novak@acme.example", "1 entry")
	d.seesNot("adam@globex.example")
	test.Type(v.accounts.search, "nobody")
	d.tick()
	d.sees("No account matches")
	d.picture("users-nothing")
	d.tap("Clear the filters")
	d.sees("adam@globex.example", "<>")
	d.seesNot("No account matches")
	v.accounts.state.SetSelected("No longer on the list")
	d.drain()
	d.sees("old@acme.example")
	d.seesNot("jane.novak@acme.example")
	v.accounts.state.SetSelected("Disabled")
	d.drain()
	d.sees("adam@globex.example")
	d.seesNot("old@acme.example")
	test.Tap(v.accounts.table.headers[3])
	test.Tap(v.accounts.table.headers[3])
	d.drain()
	if got, want := f.asked[len(f.asked)-1], (localapi.AccountFilter{State: "disabled", Sort: "created", Reverse: true}); got != want {
		t.Errorf("asked %+v, want %+v", got, want)
	}
}

func TestUsersCompanyFilter(t *testing.T) {
	d, v := usersDesk(t, newUsersFake(), "")
	d.tap("All companies")
	d.sees("1 account", "2 accounts", "Initech", "switched off")
	d.picture("users-companies")
	search, ok := d.window.Canvas().Focused().(*searchEntry)
	if !ok {
		t.Fatalf("the focus is on %T", d.window.Canvas().Focused())
	}
	test.Type(search, "glo")
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn}) // before the list is narrowed
	d.drain()
	if v.accounts.company.company != "Globex" {
		t.Errorf("chosen: %q, want Globex", v.accounts.company.company)
	}
	d.sees("adam@globex.example", "[Globex]")
	d.seesNot("jane.novak@acme.example", "2 accounts")
	d.tap("Globex")
	search, _ = d.window.Canvas().Focused().(*searchEntry)
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.drain()
	d.sees("jane.novak@acme.example", "[Acme]")
	d.tap("Acme")
	search, _ = d.window.Canvas().Focused().(*searchEntry)
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if len(d.window.Canvas().Overlays().List()) != 0 || v.accounts.company.company != "Acme" {
		t.Error("Escape does not close the list, or changes the choice")
	}
}

func TestUsersOpen(t *testing.T) {
	for _, c := range []struct {
		subject   string
		sees, not []string
	}{
		{"jane.novak@acme.example", []string{"Signed in (2)", "<jane.novak@acme.example>"}, []string{"adam@globex.example"}},
		{"company:Globex", []string{"adam@globex.example", "[Globex]"}, []string{"old@acme.example"}},
		{"off_list", []string{"old@acme.example", "{No longer on the list}"}, []string{"adam@globex.example"}},
		{"registrations", []string{"new@acme.example", "Wrong codes"}, []string{"adam@globex.example"}},
		{"peter@globex.example", []string{"Peter Veľký, peter@globex.example", "Wrong codes"}, []string{"adam@globex.example"}},
		{"gone@acme.example", []string{"There is no account with this address any more.", "No account matches"}, []string{"Wrong codes"}},
	} {
		t.Run(c.subject, func(t *testing.T) {
			d, _ := usersDesk(t, newUsersFake(), c.subject)
			d.sees(c.sees...)
			d.seesNot(c.not...)
		})
	}
}

func TestUsersNobody(t *testing.T) {
	f := newUsersFake()
	f.accounts, f.waiting = nil, nil
	d, v := usersDesk(t, f, "")
	d.sees("Nobody has an account yet", "https://accounts.office.example/login", "Give this address to your customers.")
	d.picture("users-nobody")
	d.tap("Open Home")
	if want := []string{"home "}; !slices.Equal(d.opened, want) {
		t.Errorf("opened %q, want %q", d.opened, want)
	}
	f.settings["login_link"] = localapi.Setting{Text: "off"}
	v.Changed(topics{localapi.TopicSettings: true})
	d.drain()
	d.sees("switch on the link above")
	f.settings["public_url"] = localapi.Setting{}
	v.Changed(topics{localapi.TopicSettings: true})
	d.drain()
	d.sees("It is not set yet")
	d.seesNot("https://accounts.office.example/login")
	d.tap("Waiting registrations (0)")
	d.sees("Nobody waits")
	d.picture("users-nobody-waits")
}

// TestUsersLive expects that somebody new comes into the list, while what is chosen, typed and in sight stays.
func TestUsersLive(t *testing.T) {
	f := newUsersFake()
	f.fill(1500)
	d, v := usersDesk(t, f, "")
	table := v.accounts.table
	for len(table.rows) < 1300 {
		table.list.ScrollToBottom()
		d.drain()
	}
	i := 1200
	table.list.Select(i)
	d.drain()
	email := table.rows[i].Email
	table.list.ScrollToOffset(table.step()*1000 + 7)
	before := table.place()
	v.accounts.search.Append("typed")
	f.accounts = slices.Insert(f.accounts, 1, localapi.Account{Email: "brandnew@acme.example", Company: "Acme", State: "active", ListMatch: true})
	v.Changed(topics{localapi.TopicAccounts: true, localapi.TopicRegistrations: true})
	d.drain()
	if table.rows[1].Email != "brandnew@acme.example" || len(table.rows) < 1300 {
		t.Errorf("the new account is not in the list of %d", len(table.rows))
	}
	if table.selected != email || table.list.at != i+1 {
		t.Errorf("chosen: %s at %d, want %s at %d", table.selected, table.list.at, email, i+1)
	}
	after := table.place()
	if after.key != before.key || after.beyond-before.beyond > 0.5 || before.beyond-after.beyond > 0.5 {
		t.Errorf("in sight: %+v, want %+v", after, before)
	}
	if v.accounts.search.Text != "typed" {
		t.Errorf("typed: %q", v.accounts.search.Text)
	}
	d.sees("Accounts (1\u202f501)")
}

func TestUsersActions(t *testing.T) {
	const jane = "jane.novak@acme.example"
	f := newUsersFake()
	d, v := usersDesk(t, f, "")
	pick(t, d, v, jane)

	d.tap("Disable")
	d.sees("signed out everywhere at once. 2 sessions end.")
	if b, ok := d.window.Canvas().Focused().(*widget.Button); !ok || b.Text != "Cancel" {
		t.Errorf("the focus is on %v, want Cancel", d.window.Canvas().Focused())
	}
	d.picture("users-disable")
	d.tap("Cancel")
	d.tap("Disable")
	test.Tap(d.button("Disable"))
	if b := v.accounts.detail.actions[actDisable]; !b.Disabled() || b.Text != "Disabling…" {
		t.Errorf("while it is done: %q, disabled %t", b.Text, b.Disabled())
	}
	d.drain()
	if !d.button("Send reset mail").Disabled() {
		t.Error("a reset mail is offered to a disabled account")
	}
	d.tap("Enable")
	d.tap("Send reset mail")
	d.tap("Sign out everywhere")
	d.sees("is signed out of 2 browsers")
	d.tap("Sign out everywhere")
	d.tap("Remove")
	d.sees("cannot sign in with office any more")
	d.tap("Remove")
	d.sees("None. The person signs in with address and password.")
	d.tap("Open in Mail")
	d.tap("All in the log")
	want := []string{"enable " + jane + " false", "enable " + jane + " true", "reset " + jane, "end " + jane, "unlink " + jane + " 7"}
	if !slices.Equal(f.done, want) {
		t.Errorf("done %q, want %q", f.done, want)
	}
	if want := []string{"mail 4711", "log " + jane}; !slices.Equal(d.opened, want) {
		t.Errorf("opened %q, want %q", d.opened, want)
	}
	if len(d.told) != 5 || !strings.Contains(d.told[3], "2 browsers") {
		t.Errorf("told %q", d.told)
	}

	f.err = &app.Error{Code: app.Conflict, Reason: "suppressed", Message: "mail to it has failed for good"}
	d.tap("Send reset mail")
	d.sees("Mail to this address has failed for good, so none is sent.")
	d.picture("users-refused")
}

func TestUsersRemove(t *testing.T) {
	const jane = "jane.novak@acme.example"
	f := newUsersFake()
	d, v := usersDesk(t, f, "")
	pick(t, d, v, jane)
	d.tap("Remove…")
	d.sees("1 connection with a provider goes with it. 2 sessions end.", "Type "+jane+" to go on")
	d.picture("users-remove")
	yes := d.button("Remove the account")
	entry, ok := d.window.Canvas().Focused().(*widget.Entry)
	if !ok || !yes.Disabled() {
		t.Fatalf("the focus is on %T, and the button is disabled: %t", d.window.Canvas().Focused(), yes.Disabled())
	}
	entry.SetText(jane)
	d.tap("Remove the account")
	d.seesNot(jane, "Signed in (2)")
	d.sees("Accounts (2)")
	if want := []string{"remove " + jane}; !slices.Equal(f.done, want) {
		t.Errorf("done %q, want %q", f.done, want)
	}
}

func TestUsersMove(t *testing.T) {
	const jane = "jane.novak@acme.example"
	f := newUsersFake()
	f.verdict = localapi.AllowTest{Allowed: true, Company: "Acme", Entry: "*.acme.example"}
	d, v := usersDesk(t, f, "")
	pick(t, d, v, jane)
	d.tap("Move…")
	if !d.button("Move").Disabled() {
		t.Error("it can be moved nowhere")
	}
	search, ok := d.window.Canvas().Focused().(*searchEntry)
	if !ok {
		t.Fatalf("the focus is on %T", d.window.Canvas().Focused())
	}
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	d.sees("The account is in Acme already.")
	if !d.button("Move").Disabled() {
		t.Error("it can be moved to where it is")
	}
	search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	d.sees("The list of Globex does not cover the address: the account will be marked")
	d.picture("users-move")
	d.tap("Move")
	if want := []string{"move " + jane + " Globex"}; !slices.Equal(f.done, want) {
		t.Errorf("done %q, want %q", f.done, want)
	}
	d.sees("No, the list of Globex does not cover the address any more.")
	if want := []string{jane + " is in Globex now, and not on its list"}; !slices.Equal(d.told, want) {
		t.Errorf("told %q, want %q", d.told, want)
	}
}

func TestUsersMenu(t *testing.T) {
	f := newUsersFake()
	d, v := usersDesk(t, f, "")
	v.accounts.table.list.Select(0)
	d.drain()
	v.accounts.table.list.TypedKey(&fyne.KeyEvent{Name: desktop.KeyMenu})
	if len(d.window.Canvas().Overlays().List()) != 1 {
		t.Fatal("the menu key shows no menu")
	}
	d.picture("users-menu")
	var labels []string
	for _, item := range v.accounts.detail.menu() {
		labels = append(labels, item.Label)
	}
	if want := []string{"Copy the address", "Open the company", "Show in the log", "", "Enable", "Move…", "", "Remove…"}; !slices.Equal(labels, want) {
		t.Errorf("menu %q, want %q", labels, want)
	}
	v.accounts.detail.menu()[0].Action()
	if got := d.app.Clipboard().Content(); got != "adam@globex.example" {
		t.Errorf("copied %q", got)
	}
	d.window.Canvas().Overlays().Top().Hide()
	v.accounts.table.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if b, ok := d.window.Canvas().Focused().(*widget.Button); !ok || b.Text != "Enable" {
		t.Errorf("Enter goes to %v, want Enable", d.window.Canvas().Focused())
	}
}

func TestUsersWaiting(t *testing.T) {
	f := newUsersFake()
	d, v := usersDesk(t, f, "registrations")
	d.sees("new@acme.example", "Form", "google", "2026-11-21 12:15")
	v.waiting.table.list.Select(0)
	d.sees("Nora Nová, new@acme.example", "Acme, matched by acme.example.")
	d.picture("users-waiting")
	d.tap("Resend")
	d.sees("a new link and a new code, valid anew. Those in older mails are worthless then.")
	d.tap("Resend")
	d.tap("Open in Mail")
	if want := []string{"mail 2"}; !slices.Equal(d.opened, want) {
		t.Errorf("opened %q, want %q", d.opened, want)
	}
	f.err = &app.Error{Code: app.Conflict, Reason: "no_longer_eligible", Message: "no"}
	d.tap("Resend")
	d.tap("Resend")
	d.sees("The address is not on a company's list any more. Put it back on the list first.")
	f.err = nil
	d.tap("Remove…")
	d.tap("Remove the sign-up")
	d.seesNot("new@acme.example", "Nora Nová")
	if want := []string{"resend new@acme.example", "remove registration new@acme.example"}; !slices.Equal(f.done, want) {
		t.Errorf("done %q, want %q", f.done, want)
	}
	f.waiting = append(f.waiting, localapi.Registration{Email: "live@acme.example"})
	v.Changed(topics{localapi.TopicRegistrations: true})
	d.drain()
	d.sees("live@acme.example", "Waiting registrations (2)")
}

func TestUsersLost(t *testing.T) {
	f := newUsersFake()
	d, v := usersDesk(t, f, "")
	f.lost = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	v.Changed(topics{localapi.TopicAccounts: true})
	d.drain()
	if len(d.losses) == 0 {
		t.Error("the window is not told")
	}
	d.sees("adam@globex.example")
	d.seesNot("nobody answers")
}

func TestUsersTabOrder(t *testing.T) {
	d, v := usersDesk(t, newUsersFake(), "")
	pick(t, d, v, "jane.novak@acme.example")
	var got []string
	for range 16 {
		d.window.Canvas().FocusNext()
		switch o := d.window.Canvas().Focused().(type) {
		case *widget.Check:
			got = append(got, "switch")
		case *widget.Button:
			got = append(got, o.Text)
		case *searchEntry:
			got = append(got, "search")
		case *widget.Select:
			got = append(got, "state")
		case *keyList:
			got = append(got, "list")
		default: // a text that can be marked
		}
	}
	want := []string{
		"switch", "Accounts (3)", "Waiting registrations (2)", "search", "All companies", "state", "Export…", "Address", "list", "", "", "Disable", "Send reset mail",
		"Move…", "Remove…",
	}
	if !slices.Equal(got, want) {
		t.Errorf("tab order\n got %q\nwant %q", got, want)
	}
	if v.Unsaved() {
		t.Error("something is unsaved")
	}
}

// TestUsersLateAnswer expects that what was read of one account is not shown with another that was chosen meanwhile.
func TestUsersLateAnswer(t *testing.T) {
	d, v := usersDesk(t, newUsersFake(), "")
	v.accounts.table.list.Select(1)
	late := d.works
	d.works = nil
	v.accounts.table.list.Select(2)
	d.drain()
	for _, w := range late {
		if show := w(t.Context()); show != nil {
			show()
		}
	}
	d.sees("Olga Stará", "No mail to this address is kept.")
	d.seesNot("Firefox 145 on Windows", "+421 900 123 456")
}

func TestUsersSearchField(t *testing.T) {
	d, v := usersDesk(t, newUsersFake(), "registrations")
	d.window.Canvas().Focus(v.searchField())
	test.Type(v.accounts.search, "olga")
	v.accounts.search.SetText("Olga")
	v.accounts.search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	d.drain()
	d.sees("old@acme.example")
	d.seesNot("adam@globex.example", "Wrong codes")
	v.accounts.search.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	d.drain()
	d.sees("adam@globex.example")
}
