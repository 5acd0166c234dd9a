package mail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// relayed writes a mail of a program to a recipient and tells the queue.
func (qt *queueTest) relayed(recipient string) app.Message {
	qt.t.Helper()
	m := qt.store.add(app.Message{
		Kind: app.MailRelayed, Program: "crm", Recipient: address(qt.t, recipient), Sender: "crm@office.example", State: app.MessageQueued,
		Subject: "Invoice", MessageID: "<1@office.example>", CreatedAt: time.Now(), NextAttempt: time.Now(), ExpiresAt: time.Now().Add(120 * time.Hour),
		Data: []byte("From: crm@office.example\r\nSubject: Invoice\r\nX-Odd: \xc3\xa4\r\n\r\nThe body is nobody's business.\r\n"),
	})
	qt.queue.Look()
	return m
}

// notices returns the messages of a kind that the queue has written.
func (qt *queueTest) notices(kind app.MessageKind) []app.Message {
	qt.store.mu.Lock()
	defer qt.store.mu.Unlock()
	var found []app.Message
	for _, r := range qt.store.rows {
		if r.Kind == kind {
			found = append(found, r.Message)
		}
	}
	return found
}

// connection is a courier that counts itself and serves one message at a time.
type connection struct {
	deliver func(m app.Message) (string, error)
	closed  func()
	mu      sync.Mutex
}

func (c *connection) Deliver(_ context.Context, m app.Message) (app.Report, error) {
	if !c.mu.TryLock() {
		panic("a courier is used by two goroutines")
	}
	defer c.mu.Unlock()
	reply, err := c.deliver(m)
	return app.Report{Reply: reply}, err
}

func (c *connection) Close() error { c.closed(); return nil }

// counted makes the queue use connections that are counted.
func (qt *queueTest) counted(deliver func(m app.Message) (string, error)) (open, most *int, total *int) {
	var mu sync.Mutex
	open, most, total = new(int), new(int), new(int)
	qt.courier = func() mail.Courier {
		mu.Lock()
		defer mu.Unlock()
		*open++
		*total++
		*most = max(*most, *open)
		return &connection{deliver: deliver, closed: func() { mu.Lock(); defer mu.Unlock(); *open-- }}
	}
	return open, most, total
}

// A hundred messages go over the few connections that are allowed, which then are closed.
func TestQueueKeepsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, nil)
		open, most, total := qt.counted(func(app.Message) (string, error) { <-time.After(10 * time.Millisecond); return "250 ok", nil })
		for i := range 100 {
			qt.relayed(fmt.Sprintf("u%d@acme.example", i))
		}
		qt.run()
		after(2 * time.Second)
		if *total != connections || *most != connections {
			t.Errorf("got %d connections, %d at one time, want %d", *total, *most, connections)
		}
		after(5 * time.Second)
		if *open != 0 {
			t.Errorf("got %d connections that nobody closed", *open)
		}
		for id := range int64(100) {
			qt.wantState(id+1, app.MessageDelivered, 1)
		}
		qt.stop()
	})
}

// What waits behind a message whose server is down has spent no attempt, and is shown with the time it is tried again.
func TestQueueGivesBackUntried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		qt := newQueueTest(t, nil)
		qt.settings.Limits.DeliveriesPerHost = 1
		qt.counted(func(app.Message) (string, error) {
			if n++; n <= 40 {
				return "250 ok", nil
			}
			return "", &mail.ReplyError{Reason: "deferred", Code: 421, Text: "too busy", HostDown: true}
		})
		for i := range 100 {
			qt.relayed(fmt.Sprintf("u%d@acme.example", i))
		}
		qt.run()
		synctest.Wait()
		attempts, waiting := 0, 0
		for id := range int64(100) {
			r := qt.store.row(id + 1)
			attempts += r.Attempts
			if r.State == app.MessageQueued && r.Attempts == 0 {
				waiting++
			}
		}
		if attempts != 41 || waiting != 59 {
			t.Errorf("got %d attempts and %d untried, want 41 and 59", attempts, waiting)
		}
		qt.stop()
	})
}

// With direct delivery a domain that is down, or slow, keeps the others from nothing.
func TestQueueLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		slow, tried := 0, 0
		qt := newQueueTest(t, nil)
		qt.settings.Mail.Transport = "direct"
		qt.settings.Limits.Deliveries = 8
		_, most, _ := qt.counted(func(m app.Message) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			switch m.Recipient.Domain() {
			case "down.example":
				tried++
				return "", &mail.ReplyError{Reason: "connect", Message: "down", HostDown: true}
			case "slow.example":
				slow++
				mu.Unlock()
				<-time.After(time.Hour)
				mu.Lock()
			}
			return "250 ok", nil
		})
		for i := range 50 {
			qt.relayed(fmt.Sprintf("u%d@down.example", i))
			qt.relayed(fmt.Sprintf("u%d@slow.example", i))
		}
		var last []app.Message
		for i := range 50 {
			last = append(last, qt.relayed(fmt.Sprintf("u@d%d.example", i)))
		}
		qt.run()
		after(2 * time.Minute)
		for _, m := range last {
			qt.wantState(m.ID, app.MessageDelivered, 1)
		}
		if slow != connections || tried > connections+2 {
			t.Errorf("got %d at the slow server and %d attempts at the one that is down, want %d and at most %d", slow, tried, connections, connections+2)
		}
		if *most > 8 {
			t.Errorf("got %d connections at one time, want at most 8", *most)
		}
		qt.cancel()
		after(time.Hour)
		if err := <-qt.done; err != nil {
			t.Error(err)
		}
	})
}

// However many mail servers keep the mails of programs waiting, Foyer's own have a connection: whoever gives a shop an address
// can have such servers, and would keep everybody from signing up.
func TestQueueKeepsRoomForOwnMail(t *testing.T) {
	for _, eager := range []int{0, 40} { // mails that each server takes before it becomes slow
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[string]int{}
			qt := newQueueTest(t, nil)
			qt.settings.Mail.Transport = "direct"
			qt.settings.Limits.Deliveries = 8
			_, most, _ := qt.counted(func(m app.Message) (string, error) {
				mu.Lock()
				seen[m.Recipient.Domain()]++
				slow := m.Kind == app.MailRelayed && seen[m.Recipient.Domain()] > eager
				mu.Unlock()
				if slow {
					<-time.After(15 * time.Minute)
				}
				return "250 ok", nil
			})
			for i := range 100 * 20 {
				qt.relayed(fmt.Sprintf("u%d@d%d.example", i, i%20))
			}
			qt.run()
			after(time.Minute)
			for range 3 {
				m := qt.write(app.MailConfirm)
				after(2 * time.Second)
				qt.wantState(m.ID, app.MessageDelivered, 1)
			}
			if *most > 8 {
				t.Errorf("got %d connections at one time, want at most 8", *most)
			}
			qt.cancel()
			after(time.Hour)
			if err := <-qt.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// A program's sender is told once that a mail is late, and once that it will not arrive; nobody is told of Foyer's own.
func TestQueueTellsSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(_ context.Context, m app.Message) (string, error) {
			if m.Kind != app.MailRelayed && m.Kind != app.MailConfirm {
				return "250 ok", nil
			}
			return "", &mail.ReplyError{Reason: "deferred", Code: 450, Enhanced: "4.2.0", Text: "greylisted, f\u00fcr immer"}
		}))
		qt.settings.Limits.RelayLateHours = 4
		qt.settings.Mail.From, qt.settings.PublicURL = "accounts@office.example", "https://accounts.office.example"
		qt.run()
		m := qt.relayed("jane@acme.example")
		qt.write(app.MailConfirm)
		after(3 * time.Hour)
		if n := len(qt.notices(app.MailDelay)); n != 0 {
			t.Errorf("got %d notices after 3 hours, want none", n)
		}
		after(5 * 24 * time.Hour)
		late, bounced := qt.notices(app.MailDelay), qt.notices(app.MailBounce)
		if len(late) != 1 || len(bounced) != 1 {
			t.Fatalf("got %d delay notices and %d bounces, want 1 and 1", len(late), len(bounced))
		}
		qt.wantState(late[0].ID, app.MessageDelivered, 1)
		qt.wantState(bounced[0].ID, app.MessageDelivered, 1)
		if r := qt.store.row(m.ID); r.State != app.MessageFailed || !strings.Contains(r.Reply, "limits.relay_hours") {
			t.Errorf("got %s, %q", r.State, r.Reply)
		}
		qt.stop()

		status := wantReport(t, late[0], m)
		for name, want := range map[string]string{
			"Action": "delayed", "Status": "4.2.0", "Final-Recipient": "rfc822; jane@acme.example", "Reporting-MTA": "dns; accounts.office.example",
			"Diagnostic-Code": "smtp; 450 4.2.0 greylisted, f?r immer",
		} {
			if got := status[name]; got != want {
				t.Errorf("delay: %s is %q, want %q", name, got, want)
			}
		}
		if status["Will-Retry-Until"] == "" {
			t.Error("the notice does not say how long it is tried")
		}
		status = wantReport(t, bounced[0], m)
		if status["Action"] != "failed" || status["Status"] != "5.4.7" {
			t.Errorf("bounce: got %v", status)
		}
	})
}

// A recipient whose mail has failed for good gets no mail of a program, and the sender is told.
func TestQueueRelaysNothingToSuppressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(_ context.Context, m app.Message) (string, error) {
			if m.Kind == app.MailRelayed {
				return "", errors.New("it was tried")
			}
			return "250 ok", nil
		}))
		m := qt.relayed("gone@acme.example")
		m.Suppressed = "550 5.1.1 no such user"
		qt.store.add(m)
		qt.run()
		synctest.Wait()
		if r := qt.store.row(m.ID); r.State != app.MessageFailed || !strings.HasSuffix(r.Reply, "550 5.1.1 no such user") {
			t.Errorf("got %s, %q", r.State, r.Reply)
		}
		if bounced := qt.notices(app.MailBounce); len(bounced) != 1 || bounced[0].State != app.MessageDelivered {
			t.Errorf("got %d bounces, want one that has left at once", len(bounced))
		}
		qt.stop()
	})
}

// Notices have no sender: one that fails ends there.
func TestQueueAnswersNoNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			return "", &mail.ReplyError{Reason: "refused", Code: 550, Text: "no", Permanent: true}
		}))
		qt.run()
		qt.relayed("jane@acme.example")
		for range 100 {
			qt.write(app.MailConfirm)
		}
		after(time.Hour)
		bounced := qt.notices(app.MailBounce)
		if len(bounced) != 1 || len(qt.store.rows) != 102 {
			t.Fatalf("got %d bounces, %d messages in all, want 1 and 102", len(bounced), len(qt.store.rows))
		}
		if m := bounced[0]; m.Sender != "" || m.State != app.MessageFailed || m.Recipient.String() != "crm@office.example" {
			t.Errorf("got %+v", m)
		}
		qt.stop()
	})
}

// Foyer's own mail does not wait for what is kept ahead for a connection when the disk is full: nothing more is sent.
func TestQueueStopsWhileNothingIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, nil)
		qt.settings.Limits.DeliveriesPerHost = 1
		var sent []int64
		qt.counted(func(m app.Message) (string, error) {
			<-time.After(time.Second)
			if sent = append(sent, m.ID); len(sent) == 30 {
				qt.store.fail("finish", app.Errorf(app.Unavailable, "storage_full", "the disk is full"))
			}
			return "250 ok", nil
		})
		for i := range 100 {
			qt.relayed(fmt.Sprintf("u%d@acme.example", i))
		}
		qt.run()
		after(10 * time.Minute)
		if n := len(sent); n > 31 {
			t.Errorf("got %d mails sent, the last %d of which nobody could write down", n, n-30)
		}
		qt.store.fail("finish", nil)
		after(10 * time.Minute)
		slices.Sort(sent)
		if n := len(slices.Compact(slices.Clone(sent))); len(sent) != 100 || n != 100 {
			t.Errorf("got %d mails sent, %d different, want 100", len(sent), n)
		}
		qt.stop()
	})
}

func TestQueueTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, nil)
		qt.settings.Mail.Transport = "direct"
		qt.counted(func(m app.Message) (string, error) {
			<-time.After(2 * time.Second)
			if m.Recipient.Domain() == "down.example" {
				return "", &mail.ReplyError{Reason: "connect", Message: "down", HostDown: true}
			}
			return "250 ok", nil
		})
		qt.relayed("jane@acme.example")
		qt.relayed("jane@down.example")
		qt.run()
		after(time.Second)
		got, err := qt.queue.Traffic(t.Context())
		if err != nil || len(got.Destinations) != 2 || got.Destinations[0].Connections != 1 || got.Destinations[0].UnderWay != 1 {
			t.Errorf("got %+v, %v, want both under way", got, err)
		}
		after(30 * time.Second)
		got, err = qt.queue.Traffic(t.Context())
		if err != nil || got.Attempts[app.MessageDelivered] != 1 || got.Attempts[app.MessageDeferred] != 1 || got.Took.Sum != 4*time.Second || got.Age.Sum != 2*time.Second {
			t.Errorf("got %+v, %v", got, err)
		}
		if len(got.Destinations) != 1 || got.Destinations[0].Failures != 1 || got.Destinations[0].RestsUntil.Before(time.Now()) {
			t.Errorf("got %+v, want the one that rests", got.Destinations)
		}
		qt.stop()
		if _, err := qt.queue.Traffic(t.Context()); err != nil {
			t.Errorf("after the end: %v", err)
		}
	})
}

// While mail flows without a pause, the queue still hears what the administrator and the service want of it.
func TestQueueListensUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			<-time.After(time.Millisecond)
			return "250 2.0.0 taken", nil
		}))
		qt.store.finished = func() { <-time.After(3 * time.Millisecond) } // a commit, in which other attempts end
		const mails = 2_000
		for range mails {
			qt.relayed("jane@acme.example")
		}
		go func() {
			<-time.After(100 * time.Millisecond)
			qt.change(func(s *app.Settings) { s.HoldMail = true })
			qt.queue.Look()
		}()
		qt.run()
		after(time.Second)
		if traffic, err := qt.queue.Traffic(t.Context()); err != nil || traffic.Attempts[app.MessageDelivered] > mails/4 {
			t.Errorf("%d mails left although mail is held, %v", traffic.Attempts[app.MessageDelivered], err)
		}
		qt.stop()
	})
}

// A limit that couriers of direct delivery keep counts from the next mail on, also for a domain that is busy.
func TestQueueUsesNewLimits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*app.Limits)
	}{
		{"mx_hosts", func(l *app.Limits) { l.MXHosts = 7 }},
		{"mx_seconds", func(l *app.Limits) { l.MXSeconds = 7 }},
		{"tls_days", func(l *app.Limits) { l.TLSDays = 7 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
					return "", &mail.ReplyError{Reason: "connect_refused", Message: "nobody is there", HostDown: true}
				}))
				qt.settings.Mail.Transport = "direct"
				var seen app.Limits
				qt.made = func(s app.Settings) { seen = s.Limits }
				qt.run()
				qt.relayed("jane@acme.example")
				after(time.Second)
				want := qt.settings.Limits
				tt.change(&want)
				qt.change(func(s *app.Settings) { s.Limits = want })
				qt.queue.Look()
				after(10 * time.Minute)
				qt.stop()
				if seen != want {
					t.Errorf("the limits of the courier: got %+v, want %+v", seen, want)
				}
			})
		})
	}
}

// However much programs have handed over to one slow server, and however much of it is booked already: what Foyer itself
// writes is next.
func TestQueueSendsOwnFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, nil)
		qt.settings.Limits.DeliveriesPerHost = 1
		qt.counted(func(app.Message) (string, error) { <-time.After(time.Second); return "250 ok", nil })
		for i := range 200 {
			qt.relayed(fmt.Sprintf("u%d@acme.example", i))
		}
		qt.run()
		after(time.Minute)
		m := qt.write(app.MailConfirm)
		after(3 * time.Second)
		qt.wantState(m.ID, app.MessageDelivered, 1)
		after(10 * time.Minute)
		for id := range int64(200) {
			qt.wantState(id+1, app.MessageDelivered, 1)
		}
		qt.stop()
	})
}

// Large mails are not all in memory at one time.
func TestQueueBoundsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, nil)
		gate := make(chan struct{})
		qt.counted(func(app.Message) (string, error) { <-gate; return "250 ok", nil })
		large := append([]byte("From: crm@office.example\r\n\r\n"), make([]byte, 9<<20)...)
		for i := range 30 {
			m := qt.relayed(fmt.Sprintf("u%d@acme.example", i))
			m.Data = large
			qt.store.add(m)
		}
		qt.run()
		synctest.Wait()
		booked := 0
		for id := range int64(30) {
			booked += qt.store.row(id + 1).Attempts
		}
		if booked > 8 {
			t.Errorf("got %d mails of 9 MiB booked at one time, want at most 8", booked)
		}
		close(gate)
		after(time.Minute)
		for id := range int64(30) {
			qt.wantState(id+1, app.MessageDelivered, 1)
		}
		qt.stop()
	})
}

// Mails that no attempt was made for are late as well: the first one's failure lets their server rest.
func TestQueueTellsOfUntried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(_ context.Context, m app.Message) (string, error) {
			if m.Kind == app.MailDelay {
				return "250 ok", nil
			}
			return "", &mail.ReplyError{Reason: "connect_refused", Message: "nothing answers", HostDown: true}
		}))
		qt.settings.Limits.RelayLateHours = 4
		qt.run()
		for i := range 150 {
			qt.relayed(fmt.Sprintf("u%d@acme.example", i))
		}
		after(4*time.Hour + 2*time.Minute)
		late := qt.notices(app.MailDelay)
		if len(late) != 150 {
			t.Errorf("got %d notices, want 150", len(late))
		}
		after(24 * time.Hour)
		if late := qt.notices(app.MailDelay); len(late) != 150 {
			t.Errorf("got %d notices after a day, want one each", len(late))
		}
		qt.stop()
	})
}
