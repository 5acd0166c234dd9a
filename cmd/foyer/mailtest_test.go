package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// steps of an attempt that comes as far as the sign-in, and of one that is taken.
var (
	refusedSteps = []app.MailStep{
		{Name: "name", OK: true, Detail: "smtp.office.example is 192.0.2.1", Took: 12 * time.Millisecond},
		{Name: "connection", OK: true, Detail: "connected to 192.0.2.1:587", Took: 1500 * time.Millisecond},
		{Name: "auth", Detail: "set mail.auth=xoauth2 (535 5.7.139 \x1b[31moff)", Took: 300 * time.Microsecond},
	}
	takenSteps = append(append([]app.MailStep{}, refusedSteps[:2]...), app.MailStep{Name: "reply", OK: true, Detail: "250 2.0.0 queued as 4711"})
)

// TestMailTest waits for an attempt and expects every step of it, what to do next, and the exit status.
func TestMailTest(t *testing.T) {
	waits := app.Message{State: app.MessageQueued}
	for name, tt := range map[string]struct {
		becomes []app.Message
		hold    bool
		want    output
	}{
		"taken": {
			[]app.Message{waits, {State: app.MessageSending, Attempts: 1}, {State: app.MessageDelivered, Attempts: 1, Reply: "250 2.0.0 queued as 4711", Steps: takenSteps}},
			false,
			output{`test mail 4 to jane@acme.com: delivered

ok  name        12ms  smtp.office.example is 192.0.2.1
ok  connection  1.5s  connected to 192.0.2.1:587
ok  answer      <1ms  250 2.0.0 queued as 4711

taken: the mail server has it now and says "250 2.0.0 queued as 4711"; if nobody finds it there, look into the spam folder, and at foyer mail dns
`, "", exitDone},
		},
		"refused for now": {
			[]app.Message{{State: app.MessageDeferred}, {State: app.MessageDeferred, Attempts: 1, NextAttempt: then.Add(time.Minute), Reply: "auth_failed", Steps: refusedSteps}},
			false,
			output{`test mail 4 to jane@acme.com: deferred

ok      name        12ms  smtp.office.example is 192.0.2.1
ok      connection  1.5s  connected to 192.0.2.1:587
FAILED  sign-in     <1ms  set mail.auth=xoauth2 (535 5.7.139 \x1b[31moff)
`, `foyer: not taken now: set mail.auth=xoauth2 (535 5.7.139 \x1b[31moff); it is tried again at 2026-11-22 09:31:00 UTC` + "\n", exitFailed},
		},
		"refused for good": {
			[]app.Message{{State: app.MessageFailed, Attempts: 1, Reply: "550 5.1.1 no such user"}},
			false,
			output{"test mail 4 to jane@acme.com: failed\n", "foyer: not taken, and not tried again: 550 5.1.1 no such user\n", exitFailed},
		},
		"captured": {
			nil, false,
			output{"test mail 4 to jane@acme.com: captured\n\ncaptured: it is kept here and was sent nowhere; set mail.transport to have mail sent\n", "", exitDone},
		},
		"held": {
			[]app.Message{waits},
			true,
			output{
				"test mail 4 to jane@acme.com: queued\n",
				"foyer: no mail leaves while mail.hold is on; let it leave with: foyer settings set mail.hold=off\n", exitFailed,
			},
		},
	} {
		term := newTerminal(t)
		term.office.tested, term.office.settings.HoldMail = tt.becomes, tt.hold
		if got := term.run("", "mail", "test", "jane@acme.com"); got != tt.want {
			t.Errorf("%s: got exit %d\n%s%s\nwant %d\n%s%s", name, got.status, got.stdout, got.stderr, tt.want.status, tt.want.stdout, tt.want.stderr)
		}
	}
}

// TestMailTestEndsWaiting expects where to look later.
func TestMailTestEndsWaiting(t *testing.T) {
	term := newTerminal(t)
	term.office.tested = []app.Message{{State: app.MessageSending, Attempts: 1}}
	got := term.run("", "mail", "test", "jane@acme.com", "--wait", "1ms")
	if got.status != exitFailed || !strings.Contains(got.stderr, "foyer mail show 4") {
		t.Errorf("got %+v", got)
	}
}

// TestMailTestJSON expects the steps under the names that are promised, and the exit status of the words.
func TestMailTestJSON(t *testing.T) {
	term := newTerminal(t)
	term.office.tested = []app.Message{{State: app.MessageFailed, Attempts: 1, Steps: refusedSteps}}
	got := term.run("", "mail", "test", "jane@acme.com", "--json")
	if got.status != exitFailed || !strings.Contains(got.stdout, `"took_ms": 1500`) || !strings.Contains(got.stdout, `"verdict": "not taken, and not tried again: set mail.auth=xoauth2`) {
		t.Errorf("got %+v", got)
	}
	var m localapi.MessageDetail
	term.office.tested = []app.Message{{State: app.MessageDelivered, Attempts: 1, Steps: takenSteps}}
	term.decode(&m, "mail", "test", "jane@acme.com")
	want := []localapi.MailStep{
		{Name: "name", OK: true, Detail: "smtp.office.example is 192.0.2.1", TookMS: 12},
		{Name: "connection", OK: true, Detail: "connected to 192.0.2.1:587", TookMS: 1500},
		{Name: "reply", OK: true, Detail: "250 2.0.0 queued as 4711"},
	}
	if !reflect.DeepEqual(m.Steps, want) {
		t.Errorf("got %+v, want %+v", m.Steps, want)
	}
}

// TestMailShowSteps expects the steps of the last attempt at any mail.
func TestMailShowSteps(t *testing.T) {
	term := newTerminal(t)
	term.office.messages[0].Steps = refusedSteps
	got := term.run("", "mail", "show", "3")
	if want := "\nThe last attempt:\nok      name        12ms  smtp.office.example is 192.0.2.1\n"; got.status != exitDone || !strings.Contains(got.stdout, want) {
		t.Errorf("got %+v, want %q", got, want)
	}
}
