package server_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"foyer/app"
)

// refuser is a mail server that knows no recipient. It tells of each that it has refused.
func refuser(t *testing.T) (address string, refused <-chan string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	told, done := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			refuse(conn, told)
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return l.Addr().String(), told
}

func refuse(conn net.Conn, told chan<- string) {
	defer func() { _ = conn.Close() }()                               // the dialogue is over
	say := func(line string) { _, _ = fmt.Fprint(conn, line+"\r\n") } // who has hung up needs no answer
	say("220 mx.example")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch command := strings.ToUpper(lines.Text()); {
		case strings.HasPrefix(command, "RCPT"):
			say("550 5.1.1 no such user")
			told <- lines.Text()
		case strings.HasPrefix(command, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// openSuppressed is open with an address that gets no mail any more, because one to it has failed for good.
func openSuppressed(t *testing.T, email string, settings ...string) house {
	t.Helper()
	h := open(t, settings...)
	smarthost, refused := refuser(t)
	_, err := h.app.SetSettings(t.Context(), "test", map[string]string{
		"mail.transport": "smarthost", "mail.smarthost": smarthost, "mail.tls": "none", "mail.from": "foyer@office.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.TestMail(t.Context(), "test", email, "en"); err != nil {
		t.Fatal(err)
	}
	<-refused
	h.stop() // what came of the attempt is written before it ends
	h = start(t, h.dir)
	h.set("mail.transport", "capture")
	list, err := h.app.Suppressed(t.Context())
	if err != nil || len(list) != 1 || list[0].Address.String() != email || list[0].Reason != "550 5.1.1 no such user" {
		t.Fatalf("suppressed %+v, %v", list, err)
	}
	return h
}

// TestSuppressed expects no mail to an address whose mail has failed for good, whoever asks, until that is lifted.
func TestSuppressed(t *testing.T) {
	const gone = "gone@acme.example"
	h := openSuppressed(t, gone)
	h.signUp(gone)
	if list, err := h.app.Registrations(t.Context(), 0, 10); err != nil || len(list) != 0 {
		t.Errorf("registrations %+v, %v; want none", list, err)
	}
	if last, err := h.app.LastMessage(t.Context(), gone); err != nil || last.Kind != app.MailTest || last.State != app.MessageFailed {
		t.Errorf("the last mail is %+v, %v; want the test that failed", last, err)
	}
	if err := h.app.Unsuppress(t.Context(), "test", gone); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Unsuppress(t.Context(), "test", gone); app.CodeOf(err) != app.NotFound {
		t.Errorf("lifted twice: %v", err)
	}
	h.signUp(gone)
	if m := h.mail(gone); m.Kind != app.MailConfirm {
		t.Errorf("the mail is %s", m.Kind)
	}
}

// TestMailHold switches mail.hold while the service runs: what is written waits, a captured mail too, and comes as soon as
// the switch is off.
func TestMailHold(t *testing.T) {
	h := open(t, "mail.hold", "on")
	h.signUp("jane@acme.example")
	m, err := h.app.LastMessage(t.Context(), "jane@acme.example")
	if err != nil || m.State != app.MessageQueued || m.Attempts != 0 {
		t.Fatalf("the mail is %+v, %v; want it queued", m, err)
	}
	if m, err = h.app.HoldMessage(t.Context(), "test", m.ID); err != nil || m.State != app.MessageHeld {
		t.Errorf("held: %+v, %v", m, err)
	}
	h.signUp("joe@acme.example")
	h.set("mail.hold", "off")
	if got := h.mail("joe@acme.example"); got.State != app.MessageCaptured {
		t.Errorf("the mail is %s", got.State)
	}
	if n, err := h.app.ReleaseMessages(t.Context(), "test"); n != 1 || err != nil {
		t.Errorf("released %d, %v", n, err)
	}
	if got := h.mail("jane@acme.example"); got.ID != m.ID {
		t.Errorf("got message %d, want %d", got.ID, m.ID)
	}
	for _, action := range []app.Action{app.ActMailHold, app.ActMailRelease} {
		if !slices.ContainsFunc(h.events(action), func(ev app.Event) bool { return ev.Action == action && ev.Actor == "test" }) {
			t.Errorf("the audit has no event %s", action)
		}
	}
}
