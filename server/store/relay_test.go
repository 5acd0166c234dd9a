package store_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/store"
)

// submit hands over a mail of a program.
func (w world) submit(data string, recipients ...string) {
	w.Helper()
	sub := app.Submission{Program: "crm", Sender: "crm@office.example", Subject: "Invoice", MessageID: "<1@office.example>", Data: []byte(data)}
	for _, r := range recipients {
		sub.Recipients = append(sub.Recipients, address(w, r))
	}
	if err := w.AddSubmission(w.Context(), sub, start, start.Add(120*time.Hour), app.Limits{}); err != nil {
		w.Fatal(err)
	}
}

// claim takes what is due an hour after the start.
func (w world) take(limit int, room app.Room) []app.Message {
	w.Helper()
	_, claimed, err := w.Advance(w.Context(), nil, app.Claim{
		Now: start.Add(time.Hour), Limit: limit, Room: room, Lease: 20 * time.Minute, Backoff: func(int) time.Duration { return time.Hour },
	})
	if err != nil {
		w.Fatal(err)
	}
	return claimed
}

// testAdmission has few domains that mail may be taken to, and many that nothing is due for: those must not use up the room
// of the one for which something is. Then only one domain has room, behind all others.
func testAdmission(t *testing.T, w world) {
	for range 30 {
		w.submit("body", "a@dead.example", "b@dead.example", "c@dead.example", "d@dead.example", "e@dead.example")
	}
	for i := range 30 {
		w.submit("later", fmt.Sprintf("a@later%02d.example", i))
	}
	for _, m := range w.take(200, func(domain string, _ bool) int { return strings.Count(domain, "later") }) {
		if err := w.finish(m.ID, app.Delivery{State: app.MessageDeferred, Reply: "450 later", Next: start.Add(2 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	w.submit("now", "jane@now.example")
	const most = 5
	admitted := map[string]bool{}
	room := func(domain string, _ bool) int {
		if domain == "dead.example" || !admitted[domain] && len(admitted) == most {
			return 0
		}
		admitted[domain] = true
		return 1
	}
	claimed := w.take(100, room)
	if len(claimed) != 1 || claimed[0].Recipient.Domain() != "now.example" {
		t.Errorf("claimed %d, want the one mail that is due and has room", len(claimed))
	}

	_, claimed, err := w.Advance(t.Context(), nil, app.Claim{
		Now: start.Add(3 * time.Hour), Limit: 100, Lease: time.Minute, Backoff: func(int) time.Duration { return time.Hour },
		Room: func(domain string, _ bool) int { return strings.Count(domain, "later29") },
		Only: func(bool) []string { return []string{"later29.example", "other.example"} },
	})
	if err != nil || len(claimed) != 1 || claimed[0].Recipient.Domain() != "later29.example" {
		t.Errorf("claimed %+v, %v, want that of the one domain that has room", claimed, err)
	}
}

func testRelay(t *testing.T, w world) {
	ctx := t.Context()
	const data = "From: crm@office.example\r\nSubject: Invoice\r\n\r\nbody\r\n"
	w.submit(data, "a@acme.example", "b@acme.example", "c@other.example")
	own := message(app.MailTest, address(t, "jane@acme.example"), "own")
	own.NextAttempt = start.Add(time.Minute)
	if _, err := w.AddMessage(ctx, own, admin); err != nil {
		t.Fatal(err)
	}
	claimed := w.take(10, nil)
	if len(claimed) != 4 || claimed[0].Kind != app.MailTest {
		t.Fatalf("claimed %+v, want Foyer's own first", claimed)
	}
	for _, m := range claimed[1:] {
		if m.Kind != app.MailRelayed || m.Program != "crm" || m.Sender != "crm@office.example" || m.Subject != "Invoice" || string(m.Data) != data || m.Late {
			t.Errorf("claimed %+v", m)
		}
	}

	// A message remembers that its sender was told that it is late.
	notice := message(app.MailDelay, address(t, "crm@office.example"), "late")
	notice.Sender = ""
	late := claimed[1]
	steps := []app.MailStep{{Name: "connection", OK: true, Detail: "to 192.0.2.1", Took: 1500 * time.Microsecond}, {Name: "reply", Detail: "450 later"}}
	err := w.finish(late.ID, app.Delivery{State: app.MessageDeferred, Reply: "450 later", Next: start.Add(30 * time.Minute), Steps: steps})
	if err != nil {
		t.Fatal(err)
	}
	found, seen, err := w.LateMessages(ctx, 0, start.Add(-time.Second), 10)
	if len(found) != 0 || seen != 0 || err != nil {
		t.Errorf("late before they were written: %+v, %d, %v", found, seen, err)
	}
	found, seen, err = w.LateMessages(ctx, 0, start, 1)
	if len(found) != 1 || found[0].ID != late.ID || string(found[0].Data) != "From: crm@office.example\r\nSubject: Invoice\r\n" || err != nil {
		t.Fatalf("late: %+v, %v, want the first, with its header", found, err)
	}
	for range 2 { // it is told once
		if err := w.TellLate(ctx, late.ID, notice, start); err != nil {
			t.Fatal(err)
		}
	}
	if found, end, err := w.LateMessages(ctx, seen, start, 10); len(found) != 2 || end <= seen || err != nil {
		t.Errorf("late behind the first: %+v, %d, %v, want the other two", found, end, err)
	}
	if found, _, err := w.LateMessages(ctx, 0, start, 10); len(found) != 2 || err != nil {
		t.Errorf("late once more: %+v, %v, want the other two", found, err)
	}
	got, err := w.Message(ctx, late.ID)
	if err != nil || !got.Late || !slices.Equal(got.Steps, steps) {
		t.Errorf("got %+v, %v", got, err)
	}
	// An attempt that was booked and not made does not count.
	if err := w.finish(claimed[2].ID, app.Delivery{Untried: true, Next: start.Add(2 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if m, _ := w.Message(ctx, claimed[2].ID); m.State != app.MessageQueued || m.Attempts != 0 || !m.NextAttempt.Equal(start.Add(2*time.Hour)) {
		t.Errorf("untried: %+v", m)
	}
	again := w.take(10, nil)
	if len(again) != 2 || again[0].ID != late.ID && again[1].ID != late.ID {
		t.Fatalf("claimed %+v, want the late mail and the notice about it", again)
	}
	for _, m := range again {
		if m.ID == late.ID && (m.Attempts != 2 || !m.Late) || m.ID != late.ID && (m.Kind != app.MailDelay || m.Sender != "" || string(m.Data) != "late") {
			t.Errorf("claimed %+v", m)
		}
	}
	// What the sender is told of the end stands in the same transaction.
	notice.Kind, notice.NextAttempt = app.MailBounce, start.Add(3*time.Hour)
	if err := w.finish(late.ID, app.Delivery{State: app.MessageFailed, Reply: "550 5.1.1 gone", Suppress: true, Notice: &notice}); err != nil {
		t.Fatal(err)
	}
	if list, err := w.Messages(ctx, app.MessageQuery{Limit: 1}); err != nil || len(list) != 1 || list[0].Kind != app.MailBounce {
		t.Errorf("got %+v, %v, want the notice", list, err)
	}
	w.submit("more", late.Recipient.String())
	if next := w.take(10, nil); len(next) != 1 || next[0].Suppressed != "550 5.1.1 gone" {
		t.Errorf("claimed %+v, want it to say that the address is suppressed", next)
	}
}

// The body goes with the last of its recipients.
func testRelayedBody(t *testing.T, w world) {
	ctx := t.Context()
	w.submit("body", "a@acme.example", "b@acme.example")
	list, err := w.Messages(ctx, app.MessageQuery{Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if err := w.RemoveMessage(ctx, list[0].ID, admin); err != nil {
		t.Fatal(err)
	}
	if m, err := w.Message(ctx, list[1].ID); err != nil || string(m.Data) != "body" {
		t.Errorf("got %+v, %v", m, err)
	}
	claimed := w.take(10, nil)
	if err := w.finish(claimed[0].ID, app.Delivery{State: app.MessageDelivered, Reply: "250"}); err != nil {
		t.Fatal(err)
	}
	limits := app.Limits{MailDays: 14, RelayDays: 3}
	for _, tt := range []struct{ days, want int }{{2, 1}, {4, 0}} {
		if err := w.Purge(ctx, time.Now().AddDate(0, 0, tt.days), limits); err != nil {
			t.Fatal(err)
		}
		if list, _ := w.Messages(ctx, app.MessageQuery{Limit: 10}); len(list) != tt.want {
			t.Errorf("after %d days: %d messages, want %d", tt.days, len(list), tt.want)
		}
	}
	if s, ok := w.engine.(*store.Store); ok && s.RelayedBodies(t) != 0 {
		t.Errorf("%d bodies are left", s.RelayedBodies(t))
	}
}

// What a program has handed over has no link that could become too old.
func testRelayedExpiry(t *testing.T, w world) {
	w.submit("body", "jane@acme.example")
	m := w.take(1, nil)[0]
	if err := w.finish(m.ID, app.Delivery{State: app.MessageFailed, Reply: "expired"}); err != nil {
		t.Fatal(err)
	}
	_, err := w.RetryMessage(t.Context(), m.ID, m.ExpiresAt, admin)
	w.refuses(err, app.Conflict, "message_expired")
	if said := app.MessageOf(err); !strings.Contains(said, "limits.relay_hours") || strings.Contains(said, "link") {
		t.Errorf("the administrator reads %q", said)
	}
}

func testRelayLimit(t *testing.T, w world) {
	sub := app.Submission{Program: "crm", Sender: "crm@office.example", Data: []byte("x"), Recipients: []app.Address{address(t, "a@acme.example"), address(t, "b@acme.example")}}
	for i := range 3 {
		err := w.AddSubmission(t.Context(), sub, start, start.Add(time.Hour), app.Limits{RelayQueue: 5})
		if i < 2 && err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			w.refuses(err, app.Unavailable, "queue_full")
		}
	}
	// The limit of programs is not that of Foyer's own mail, which does not wait behind theirs.
	if list, _ := w.Messages(t.Context(), app.MessageQuery{Limit: 10}); len(list) != 4 {
		t.Errorf("got %d messages, want 4: all of a mail or nothing", len(list))
	}
}

// However many wait for a domain that has its fill, the others have their turn, and each domain has no more than its
// room.
func testRoom(t *testing.T, w world) {
	for i := range 300 {
		w.submit("x", fmt.Sprintf("u%d@full.example", i))
	}
	var names []string
	for i := range 10 {
		name := fmt.Sprintf("d%d.example", i)
		names = append(names, name)
		for j := range 5 {
			w.submit("x", fmt.Sprintf("u%d@%s", j, name))
		}
	}
	busy := map[string]int{}
	room := func(domain string, _ bool) int {
		if domain == "full.example" {
			return 0
		}
		return 2 - busy[domain]
	}
	pick := func(limit int) (domains []string) {
		for _, m := range w.take(limit, room) {
			busy[m.Recipient.Domain()]++
			domains = append(domains, m.Recipient.Domain())
		}
		return domains
	}
	first := pick(7)
	rest := pick(100)
	if len(first) != 7 || len(rest) != 13 {
		t.Errorf("claimed %v, then %v, want 7 and 13", first, rest)
	}
	for _, name := range names {
		if busy[name] != 2 {
			t.Errorf("%s has %d, want 2", name, busy[name])
		}
	}
	if more := pick(100); len(more) != 0 {
		t.Errorf("claimed %v, want nothing", more)
	}
	if all := w.take(1000, nil); len(all) != 330 {
		t.Errorf("claimed %d without a bound, want 330", len(all))
	}
}

// Some of what may be claimed is for Foyer's own mails, however many of programs wait; those know what the room is asked for.
func testReserve(t *testing.T, w world) {
	for i := range 30 {
		w.submit("x", fmt.Sprintf("u%d@d%d.example", i, i))
	}
	c := app.Claim{
		Now: start.Add(time.Hour), Limit: 20, Reserve: 5, Lease: 20 * time.Minute, Backoff: func(int) time.Duration { return time.Hour },
		Room: func(_ string, relayed bool) int {
			if relayed {
				return 1
			}
			return 8
		},
	}
	claim := func() (own, relayed int) {
		_, claimed, err := w.Advance(w.Context(), nil, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range claimed {
			if m.Kind.Relayed() {
				relayed++
			} else {
				own++
			}
		}
		return own, relayed
	}
	if own, relayed := claim(); own != 0 || relayed != 15 {
		t.Errorf("claimed %d and %d of programs, want 0 and 15", own, relayed)
	}
	for range 12 {
		if _, err := w.AddMessage(w.Context(), message(app.MailTest, address(t, "jane@acme.example"), "own"), admin); err != nil {
			t.Fatal(err)
		}
	}
	if own, relayed := claim(); own != 8 || relayed != 7 {
		t.Errorf("claimed %d and %d of programs, want 8 and 7", own, relayed)
	}
}

// The recipients of one mail share its data in memory.
func testSharedData(t *testing.T, w world) {
	w.submit("first", "a@acme.example", "b@acme.example", "c@other.example")
	w.submit("second", "a@acme.example", "b@other.example")
	claimed := w.take(10, nil)
	if len(claimed) != 5 {
		t.Fatalf("claimed %d, want 5", len(claimed))
	}
	copies := map[*byte]string{}
	for _, m := range claimed {
		copies[&m.Data[0]] = string(m.Data)
	}
	got := slices.Sorted(maps.Values(copies))
	if len(got) != 2 || !strings.Contains(got[0], "first") || !strings.Contains(got[1], "second") {
		t.Errorf("got %d copies: %q", len(got), got)
	}
}

// testRelayRoom has programs fill what their mails may take: what has ended makes room, the oldest first, and what waits does
// not.
func testRelayRoom(t *testing.T, w world) {
	limits := app.Limits{RelayMegabytes: 2, RelayDays: 3, MailDays: 14}
	sub := app.Submission{Program: "crm", Sender: "crm@office.example", Data: make([]byte, 300<<10), Recipients: []app.Address{address(t, "a@acme.example")}}
	for range 6 {
		if err := w.AddSubmission(t.Context(), sub, start, start.Add(time.Hour), limits); err != nil {
			t.Fatal(err)
		}
	}
	w.refuses(w.AddSubmission(t.Context(), sub, start, start.Add(time.Hour), limits), app.Unavailable, "queue_full")
	if err := w.Purge(t.Context(), time.Now(), limits); err != nil {
		t.Fatal(err)
	}
	if list, _ := w.Messages(t.Context(), app.MessageQuery{Limit: 10}); len(list) != 6 {
		t.Errorf("%d messages are left, want all 6 that wait", len(list))
	}
	for _, m := range w.take(4, nil) {
		if err := w.finish(m.ID, app.Delivery{State: app.MessageDelivered, Reply: "250"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Purge(t.Context(), time.Now(), limits); err != nil {
		t.Fatal(err)
	}
	if list, _ := w.Messages(t.Context(), app.MessageQuery{Limit: 10}); len(list) > 3 || len(list) < 2 {
		t.Errorf("%d messages are left, want those that take half of the room", len(list))
	}
	if err := w.AddSubmission(t.Context(), sub, start, start.Add(time.Hour), limits); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

// testClaimBytes takes no more data at one time than there is room for, and gives the rest back untried.
func testClaimBytes(t *testing.T, w world) {
	for range 5 {
		w.submit(strings.Repeat("x", 1000), "a@acme.example")
	}
	c := app.Claim{Now: start, Limit: 10, Bytes: 1500, Lease: time.Minute, Backoff: func(int) time.Duration { return time.Hour }}
	_, claimed, err := w.Advance(t.Context(), nil, c)
	if err != nil || len(claimed) != 2 {
		t.Fatalf("claimed %d, %v, want 2", len(claimed), err)
	}
	waiting, err := w.Messages(t.Context(), app.MessageQuery{State: app.MessageQueued, Limit: 10})
	if err != nil || len(waiting) != 3 || waiting[0].Attempts != 0 {
		t.Errorf("got %+v, %v, want 3 untried", waiting, err)
	}
}
