package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"foyer/app"
)

// wait writes a mail that waits.
func (w world) wait(kind app.MessageKind, to string) app.Message {
	w.Helper()
	m, err := w.AddMessage(w.Context(), message(kind, address(w, to), "body"), admin)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

func (w world) claim(at time.Time) []app.Message {
	w.Helper()
	_, claimed, err := w.Advance(w.Context(), nil, app.Claim{Now: at, Limit: 100, Lease: 20 * time.Minute, Backoff: func(int) time.Duration { return time.Minute }})
	if err != nil {
		w.Fatal(err)
	}
	return claimed
}

// end claims what is due and ends its attempts.
func (w world) end(d app.Delivery) {
	w.Helper()
	for _, m := range w.claim(start.Add(time.Second)) {
		if err := w.finish(m.ID, d); err != nil {
			w.Fatal(err)
		}
	}
}

func (w world) state(id int64) app.MessageState {
	w.Helper()
	m, err := w.Message(w.Context(), id)
	if err != nil {
		w.Fatal(err)
	}
	return m.State
}

// told returns how many events of an action there are about a subject.
func (w world) told(action app.Action, subject string) int {
	w.Helper()
	n := 0
	for _, ev := range w.events() {
		if ev.Action == action && ev.Subject == subject {
			n++
		}
	}
	return n
}

func adminDid(action app.Action) app.Event {
	ev := admin
	ev.Action = action
	return ev
}

func testHold(t *testing.T, w world) {
	ctx, hold, release := t.Context(), adminDid(app.ActMailHold), adminDid(app.ActMailRelease)
	m := w.wait(app.MailConfirm, "jane@acme.example")
	_, err := w.ReleaseMessage(ctx, m.ID, start, release)
	w.refuses(err, app.Conflict, "message_not_held")
	held, err := w.HoldMessage(ctx, m.ID, hold)
	if err != nil || held.State != app.MessageHeld || !held.NextAttempt.IsZero() {
		t.Fatalf("held: %+v, %v", held, err)
	}
	_, err = w.HoldMessage(ctx, m.ID, hold)
	w.refuses(err, app.Conflict, "message_not_waiting")
	if claimed := w.claim(start.Add(48 * time.Hour)); len(claimed) != 0 {
		t.Errorf("a held message was claimed: %+v", claimed)
	}
	if next, due, err := w.NextAttempt(ctx); due || err != nil {
		t.Errorf("a held message is due at %v, %v", next, err)
	}
	if err := w.ReleaseMessages(ctx); err != nil || w.state(m.ID) != app.MessageHeld {
		t.Errorf("a start of the queue made it %s, %v", w.state(m.ID), err)
	}
	if err := w.Purge(ctx, start.Add(1000*time.Hour), app.Limits{MailDays: 1}); err != nil || w.state(m.ID) != app.MessageHeld {
		t.Errorf("after a purge: %s, %v", w.state(m.ID), err)
	}
	_, err = w.ReleaseMessage(ctx, m.ID, m.ExpiresAt, release)
	w.refuses(err, app.Conflict, "message_expired")
	released, err := w.ReleaseMessage(ctx, m.ID, start.Add(time.Hour), release)
	if err != nil || released.State != app.MessageQueued || !released.NextAttempt.Equal(start.Add(time.Hour)) {
		t.Errorf("released: %+v, %v", released, err)
	}
	if claimed := w.claim(start.Add(time.Hour)); len(claimed) != 1 || string(claimed[0].Data) != "body" {
		t.Errorf("claimed after the release: %+v", claimed)
	}
	_, err = w.HoldMessage(ctx, m.ID, hold)
	w.refuses(err, app.Conflict, "message_sending")
	if err := w.finish(m.ID, app.Delivery{State: app.MessageDeferred, Reply: "451", Next: start.Add(2 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if held, err := w.HoldMessage(ctx, m.ID, hold); err != nil || held.State != app.MessageHeld || held.Reply != "451" {
		t.Errorf("a deferred one, held: %+v, %v", held, err)
	}
	_, err = w.HoldMessage(ctx, m.ID+1, hold)
	w.refuses(err, app.NotFound, "message_unknown")
	_, err = w.ReleaseMessage(ctx, m.ID+1, start, release)
	w.refuses(err, app.NotFound, "message_unknown")
	if got := w.told(app.ActMailHold, "jane@acme.example"); got != 2 {
		t.Errorf("%d events of holding, want 2", got)
	}
}

func testHoldAll(t *testing.T, w world) {
	ctx := t.Context()
	captured := message(app.MailTest, address(t, "a@acme.example"), "body")
	captured.State, captured.NextAttempt = app.MessageCaptured, time.Time{}
	captured, err := w.AddMessage(ctx, captured, admin)
	if err != nil {
		t.Fatal(err)
	}
	sending := w.wait(app.MailTest, "b@acme.example")
	w.claim(start)
	one, two := w.wait(app.MailTest, "c@acme.example"), w.wait(app.MailTest, "d@acme.example")
	if n, err := w.HoldWaiting(ctx, adminDid(app.ActMailHold)); n != 2 || err != nil {
		t.Errorf("held %d, %v; want 2", n, err)
	}
	for id, want := range map[int64]app.MessageState{
		captured.ID: app.MessageCaptured, sending.ID: app.MessageSending, one.ID: app.MessageHeld, two.ID: app.MessageHeld,
	} {
		if got := w.state(id); got != want {
			t.Errorf("message %d is %s, want %s", id, got, want)
		}
	}
	if err := w.finish(sending.ID, app.Delivery{State: app.MessageDelivered, Reply: "250"}); err != nil {
		t.Errorf("what was being sent cannot end: %v", err)
	}
	if n, err := w.ReleaseHeld(ctx, start.Add(time.Hour), adminDid(app.ActMailRelease)); n != 2 || err != nil {
		t.Errorf("released %d, %v; want 2", n, err)
	}
	if n, err := w.ReleaseHeld(ctx, start, adminDid(app.ActMailRelease)); n != 0 || err != nil {
		t.Errorf("released %d again, %v", n, err)
	}
	if claimed := w.claim(start.Add(time.Hour)); len(claimed) != 2 {
		t.Errorf("%d due after the release, want 2", len(claimed))
	}
}

// testHoldOrClaim holds messages while they are claimed: each is either held or sent, and none is lost or both.
func testHoldOrClaim(t *testing.T, w world) {
	const n = 40
	var ids []int64
	for range n {
		ids = append(ids, w.wait(app.MailTest, "jane@acme.example").ID)
	}
	var wg sync.WaitGroup
	held, claimed := make([]bool, n), map[int64]bool{}
	wg.Go(func() {
		for i, id := range ids {
			_, err := w.HoldMessage(context.WithoutCancel(t.Context()), id, adminDid(app.ActMailHold))
			if held[i] = err == nil; err != nil && app.ReasonOf(err) != "message_sending" {
				t.Errorf("hold %d: %v", id, err)
			}
		}
	})
	wg.Go(func() {
		for range n {
			_, got, err := w.Advance(context.WithoutCancel(t.Context()), nil, app.Claim{Now: start, Limit: 1, Lease: 20 * time.Minute, Backoff: func(int) time.Duration { return time.Minute }})
			if err != nil {
				t.Error(err)
			}
			for _, m := range got {
				claimed[m.ID] = true
			}
		}
	})
	wg.Wait()
	for i, id := range ids {
		want := app.MessageSending
		if held[i] {
			want = app.MessageHeld
		}
		if got := w.state(id); got != want || held[i] == claimed[id] {
			t.Errorf("message %d is %s; held %v, claimed %v", id, got, held[i], claimed[id])
		}
	}
}

var noSuchUser = app.Delivery{State: app.MessageFailed, Reply: "550 5.1.1 no such user", Suppress: true}

func testSuppression(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	gone := address(t, "gone@acme.example")
	w.signUp("Gone@acme.example")
	w.end(app.Delivery{State: app.MessageFailed, Reply: "552 5.3.4 too big"})
	if list, err := w.Suppressed(ctx); len(list) != 0 || err != nil {
		t.Errorf("any failure suppresses: %+v, %v", list, err)
	}
	w.signUp("Gone@acme.example")
	claimed := w.claim(start.Add(time.Second))
	waits, test, other := w.wait(app.MailReset, "gone@acme.example"), w.wait(app.MailTest, "gone@acme.example"), w.wait(app.MailReset, "other@acme.example")
	if err := w.finish(claimed[0].ID, noSuchUser); err != nil {
		t.Fatal(err)
	}
	list, err := w.Suppressed(ctx)
	if err != nil || len(list) != 1 || list[0].Address.Key() != gone.Key() || list[0].Reason != noSuchUser.Reply || list[0].Since.IsZero() {
		t.Fatalf("suppressed %+v, %v", list, err)
	}
	for id, want := range map[int64]app.MessageState{waits.ID: app.MessageFailed, test.ID: app.MessageQueued, other.ID: app.MessageQueued} {
		if got := w.state(id); got != want {
			t.Errorf("message %d is %s, want %s", id, got, want)
		}
	}
	before := len(w.messages())
	if d, _ := w.signUp("gone@acme.example"); d.Mail != "" || d.Reason != "suppressed" {
		t.Errorf("sign-up: %+v", d)
	}
	r, _ := request(t, app.ActResend, "gone@acme.example")
	_, _, err = w.Resend(ctx, r)
	w.refuses(err, app.Conflict, "suppressed")
	if after := len(w.messages()); after != before {
		t.Errorf("%d mails were written", after-before)
	}
	// The test that was let through arrives after all.
	w.end(app.Delivery{State: app.MessageDelivered, Reply: "250"})
	if list, err := w.Suppressed(ctx); len(list) != 0 || err != nil {
		t.Errorf("suppressed after a delivery: %+v, %v", list, err)
	}
	if d, _ := w.signUp("gone@acme.example"); d.Mail != app.MailConfirm {
		t.Errorf("sign-up after a delivery: %+v", d)
	}
	w.end(noSuchUser)
	if err := w.Unsuppress(ctx, gone, adminDid(app.ActMailUnsuppress)); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.Unsuppress(ctx, gone, adminDid(app.ActMailUnsuppress)), app.NotFound, "not_suppressed")
	if suppressed, lifted := w.told(app.ActMailSuppress, "Gone@acme.example"), w.told(app.ActMailUnsuppress, "gone@acme.example"); suppressed < 1 || lifted != 1 {
		t.Errorf("%d events of suppressing, %d of lifting", suppressed, lifted)
	}
}

// testSuppressedNotice changes a password whose notice cannot arrive: the change is made, the notice not sent.
func testSuppressedNotice(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	jane := w.account("jane@acme.example")
	in := w.session(jane)
	w.end(noSuchUser)
	if !w.signedIn(in) {
		t.Error("a mail that failed has ended a session")
	}
	jane.PasswordHash = "phc"
	kept := app.Session{Account: jane, CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()}
	err := w.SetPassword(ctx, app.PasswordChange{
		Account: jane, Hash: "new", Session: in.Hash, Keep: &kept, Now: start, Notice: message(app.MailChanged, jane.Email, "notice"), Event: app.Event{At: start},
	})
	if err != nil || !w.signedIn(kept) {
		t.Errorf("password not changed: %v", err)
	}
	m := w.messages()[0]
	if m.Kind != app.MailChanged || m.State != app.MessageFailed || !m.NextAttempt.IsZero() {
		t.Errorf("the notice is %+v, want it failed", m)
	}
	if claimed := w.claim(start.Add(time.Hour)); len(claimed) != 0 {
		t.Errorf("claimed %+v", claimed)
	}
}

func testLastMessage(t *testing.T, w world) {
	ctx := t.Context()
	_, err := w.LastMessage(ctx, address(t, "jane@acme.example"))
	w.refuses(err, app.NotFound, "message_unknown")
	w.wait(app.MailConfirm, "jane@acme.example")
	last := w.wait(app.MailReset, "JANE@acme.example")
	w.wait(app.MailTest, "jane+tag@acme.example")
	if m, err := w.LastMessage(ctx, address(t, "jane@acme.example")); err != nil || m.ID != last.ID || m.Kind != app.MailReset || m.Data != nil {
		t.Errorf("got %+v, %v; want message %d", m, err, last.ID)
	}
}
