package mail_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// memoryStore is the queue's edge to the store, kept in memory.
type memoryStore struct {
	mu       sync.Mutex
	rows     map[int64]*memoryRow
	failing  map[string]error // by method: what it answers instead of working
	calls    map[string]int
	released int
	finished func() // called after each outcome that is written; may be nil
}

type memoryRow struct {
	app.Message
	lease    time.Time
	finals   int  // how often it was finished for good
	suppress bool // the recipient was to be suppressed
}

func newMemoryStore() *memoryStore {
	return &memoryStore{rows: map[int64]*memoryRow{}, failing: map[string]error{}, calls: map[string]int{}}
}

func (s *memoryStore) enter(method string) error {
	s.calls[method]++
	return s.failing[method]
}

func (s *memoryStore) fail(method string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[method] = err
}

func (s *memoryStore) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *memoryStore) add(m app.Message) app.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.ID == 0 {
		m.ID = int64(len(s.rows) + 1)
	}
	s.rows[m.ID] = &memoryRow{Message: m}
	return m
}

func (s *memoryStore) row(id int64) memoryRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.rows[id]
}

func (s *memoryStore) expire(id int64, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[id].ExpiresAt = at
}

func (r *memoryRow) dueAt() (time.Time, bool) {
	switch r.State {
	case app.MessageQueued, app.MessageDeferred:
		return r.NextAttempt, true
	case app.MessageSending:
		if r.lease.After(r.NextAttempt) {
			return r.lease, true
		}
		return r.NextAttempt, true
	default:
		return time.Time{}, false
	}
}

func (s *memoryStore) Advance(_ context.Context, outcomes []app.Outcome, c app.Claim) ([]error, []app.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(outcomes) > 0 {
		if err := s.enter("finish"); err != nil {
			return nil, nil, err
		}
	}
	if c.Limit > 0 {
		if err := s.enter("claim"); err != nil {
			return nil, nil, err
		}
	}
	due := s.due(c) // before anything is written
	refused := make([]error, len(outcomes))
	for i, o := range outcomes {
		refused[i] = s.finish(o)
	}
	if s.finished != nil && len(outcomes) > 0 {
		s.finished()
	}
	return refused, s.book(c, due), nil
}

// due returns what is due, the longest waiting first.
func (s *memoryStore) due(c app.Claim) []*memoryRow {
	var due []*memoryRow
	for _, r := range s.rows {
		if at, ok := r.dueAt(); ok && !at.After(c.Now) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *memoryRow) int {
		return cmp.Or(a.NextAttempt.Compare(b.NextAttempt), cmp.Compare(a.ID, b.ID))
	})
	return due
}

// book takes what is still due.
func (s *memoryStore) book(c app.Claim, due []*memoryRow) []app.Message {
	var claimed []app.Message
	taken := map[string]int{}
	for _, r := range due {
		domain := r.Recipient.Domain()
		at, ok := r.dueAt()
		limit := c.Limit
		if r.Kind.Relayed() {
			limit -= c.Reserve
		}
		if len(claimed) >= limit || !ok || at.After(c.Now) || c.Room != nil && c.Room(domain, r.Kind.Relayed()) <= taken[domain] {
			continue
		}
		taken[domain]++
		r.Attempts++
		r.State, r.lease, r.NextAttempt = app.MessageSending, c.Now.Add(c.Lease), c.Now.Add(c.Backoff(r.Attempts))
		claimed = append(claimed, r.Message)
	}
	return claimed
}

func (s *memoryStore) finish(o app.Outcome) error {
	r, ok := s.rows[o.ID]
	switch {
	case !ok:
		return app.Errorf(app.NotFound, "message_unknown", "there is no message %d", o.ID)
	case r.State != app.MessageSending:
		return app.Errorf(app.Conflict, "message_state", "message %d is %s", o.ID, r.State)
	case o.Untried:
		r.Attempts--
		r.State, r.NextAttempt, r.lease = app.MessageDeferred, o.Next, time.Time{}
		if r.Attempts == 0 {
			r.State = app.MessageQueued
		}
		return nil
	}
	r.State, r.Reply, r.NextAttempt, r.lease, r.suppress = o.State, o.Reply, o.Next, time.Time{}, o.Suppress
	if o.State != app.MessageDeferred {
		r.finals++
	}
	if o.Notice != nil {
		notice := *o.Notice
		notice.ID = int64(len(s.rows) + 1)
		s.rows[notice.ID] = &memoryRow{Message: notice}
	}
	return nil
}

func (s *memoryStore) LateMessages(_ context.Context, after int64, before time.Time, limit int) ([]app.Message, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter("late"); err != nil {
		return nil, after, err
	}
	var late []app.Message
	for id := after + 1; id <= int64(len(s.rows)); id++ {
		r := s.rows[id]
		if r.CreatedAt.After(before) || len(late) == limit {
			break
		}
		after = id
		if _, waits := r.dueAt(); waits && r.Kind == app.MailRelayed && !r.Late {
			late = append(late, r.Message)
		}
	}
	return late, after, nil
}

func (s *memoryStore) TellLate(_ context.Context, id int64, notice app.Message, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter("tell"); err != nil {
		return err
	}
	s.rows[id].Late = true
	notice.ID = int64(len(s.rows) + 1)
	s.rows[notice.ID] = &memoryRow{Message: notice}
	return nil
}

func (s *memoryStore) NextAttempt(context.Context) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter("next"); err != nil {
		return time.Time{}, false, err
	}
	var next time.Time
	for _, r := range s.rows {
		if at, ok := r.dueAt(); ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero(), nil
}

func (s *memoryStore) ReleaseMessages(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enter("release"); err != nil {
		return err
	}
	s.released++
	for _, r := range s.rows {
		if r.State == app.MessageSending {
			r.State, r.lease, r.NextAttempt = app.MessageQueued, time.Time{}, time.Now()
		}
	}
	return nil
}

// courierFunc is a courier that is a function.
type courierFunc func(ctx context.Context, m app.Message) (string, error)

func (f courierFunc) Deliver(ctx context.Context, m app.Message) (app.Report, error) {
	reply, err := f(ctx, m)
	return app.Report{Reply: reply}, err
}

func (courierFunc) Close() error { return nil }

func taken(context.Context, app.Message) (string, error) { return "250 2.0.0 taken", nil }

// connections is how many there may be to the smarthost.
const connections = 4

// queueTest is a queue that runs inside a synctest bubble.
type queueTest struct {
	t        *testing.T
	store    *memoryStore
	queue    *mail.Queue
	courier  func() mail.Courier
	made     func(app.Settings) // told with which settings a courier is made; may be nil
	settings app.Settings
	log      bytes.Buffer
	captured []app.Message
	mu       sync.Mutex
	cancel   context.CancelFunc
	done     chan error
}

func newQueueTest(t *testing.T, courier mail.Courier) *queueTest {
	t.Helper()
	qt := &queueTest{t: t, store: newMemoryStore(), courier: func() mail.Courier { return courier }, done: make(chan error, 1)}
	qt.settings.Limits.DeliveriesPerHost, qt.settings.Limits.Deliveries = connections, 20
	qt.settings.Mail = app.MailSettings{Transport: "smarthost", Smarthost: "mx.example:25", Password: "hunter2-canary"}
	qt.queue = mail.NewQueue(mail.QueueConfig{
		Store:    qt.store,
		Settings: func() app.Settings { qt.mu.Lock(); defer qt.mu.Unlock(); return qt.settings },
		Courier: func(s app.Settings) mail.Courier {
			if qt.made != nil {
				qt.made(s)
			}
			return qt.courier()
		},
		Log:      slog.New(slog.NewTextHandler(&qt.log, nil)),
		Captured: func(m app.Message) { qt.mu.Lock(); defer qt.mu.Unlock(); qt.captured = append(qt.captured, m) },
	})
	return qt
}

func (qt *queueTest) run() {
	qt.t.Helper()
	ctx, cancel := context.WithCancel(qt.t.Context())
	qt.cancel = cancel
	go func() { qt.done <- qt.queue.Run(ctx) }()
	synctest.Wait()
}

// stop ends the queue and returns how long that took.
func (qt *queueTest) stop() time.Duration {
	qt.t.Helper()
	began := time.Now()
	qt.cancel()
	if err := <-qt.done; err != nil {
		qt.t.Errorf("Run: got %v, want nil", err)
	}
	if strings.Contains(qt.log.String(), "hunter2-canary") {
		qt.t.Errorf("the password is in the log:\n%s", qt.log.String())
	}
	return time.Since(began)
}

func (qt *queueTest) change(f func(*app.Settings)) {
	qt.mu.Lock()
	defer qt.mu.Unlock()
	f(&qt.settings)
}

// write puts a message into the store and tells the queue, as the service does.
func (qt *queueTest) write(kind app.MessageKind) app.Message {
	qt.t.Helper()
	m := qt.store.add(app.Message{
		Kind: kind, Recipient: address(qt.t, "jane.doe@acme.example"), Sender: "accounts@office.example", State: app.MessageQueued,
		CreatedAt: time.Now(), NextAttempt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour), Data: []byte("Subject: x\r\n\r\n"),
	})
	qt.queue.Written(m)
	return m
}

// after lets virtual time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (qt *queueTest) wantState(id int64, want app.MessageState, attempts int) memoryRow {
	qt.t.Helper()
	r := qt.store.row(id)
	if r.State != want || r.Attempts != attempts {
		qt.t.Errorf("message %d at %v: got %s after %d attempts (%q), want %s after %d", id, time.Now(), r.State, r.Attempts, r.Reply, want, attempts)
	}
	return r
}

func TestQueueDeliversAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(taken))
		qt.run()
		after(time.Hour) // idle: the kick must wake it
		m := qt.write(app.MailConfirm)
		synctest.Wait()
		if r := qt.wantState(m.ID, app.MessageDelivered, 1); r.Reply != "250 2.0.0 taken" || r.finals != 1 {
			t.Errorf("got reply %q, finished %d times", r.Reply, r.finals)
		}
		qt.stop()
		if log := qt.log.String(); !strings.Contains(log, "j***@acme.example") || strings.Contains(log, "jane.doe") {
			t.Errorf("the log does not mask the address:\n%s", log)
		}
	})
}

// The schedule of a mail whose recipient is refused for now, over its whole life of 24 hours.
func TestQueueRetriesUntilExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			at = append(at, time.Now())
			return "", &mail.ReplyError{Reason: "deferred", Code: 450, Enhanced: "4.2.0", Text: "greylisted"}
		}))
		qt.run()
		began := time.Now()
		m := qt.write(app.MailConfirm)
		after(time.Hour)
		if r := qt.store.row(m.ID); r.State != app.MessageDeferred || r.Reply != "450 4.2.0 greylisted" || r.NextAttempt.Before(time.Now()) {
			t.Errorf("after an hour: got %s, %q, next %v", r.State, r.Reply, r.NextAttempt)
		}
		after(23*time.Hour + 15*time.Second) // it shows when it has expired, not at the next attempt
		r := qt.store.row(m.ID)
		if r.State != app.MessageFailed || r.Reply != "expired: it could not be delivered while it was worth anything; last: 450 4.2.0 greylisted" {
			t.Errorf("after a day: got %s, %q", r.State, r.Reply)
		}
		after(24 * time.Hour)
		want := []int{1, 2, 5, 10, 15, 30, 60, 90, 135, 202, 240, 240, 240} // minutes
		for i := 1; i < len(at); i++ {
			got, mid := at[i].Sub(at[i-1]), time.Duration(want[min(i-1, len(want)-1)])*time.Minute
			if got < mid*9/10-time.Second || got > mid*11/10+time.Minute {
				t.Errorf("wait %d: got %v, want %v and 10 %%", i, got, mid)
			}
		}
		if len(at) < 10 || at[0] != began || at[len(at)-1].Sub(began) > 24*time.Hour {
			t.Errorf("got %d attempts from %v to %v, want 10 or more within a day", len(at), at[0], at[len(at)-1])
		}
		qt.stop()
	})
}

func TestQueueOutcomes(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		want  app.MessageState
		reply string
	}{
		{"4xx", &mail.ReplyError{Reason: "deferred", Code: 451, Text: "later"}, app.MessageDeferred, "451 later"},
		{
			"5xx", &mail.ReplyError{Reason: "refused", Code: 550, Enhanced: "5.1.1", Text: "no such user", Permanent: true},
			app.MessageFailed, "550 5.1.1 no such user",
		},
		{"unknown error", errors.New("odd"), app.MessageDeferred, "odd"},
		{"unknown error with a Temporary of its own", finalError{}, app.MessageDeferred, "final"},
		{"wrapped", fmt.Errorf("deliver: %w", &mail.ReplyError{Reason: "deferred", Code: 451, Text: "later"}), app.MessageDeferred, "deliver: 451 later"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) { return "", tt.err }))
			qt.run()
			m := qt.write(app.MailReset)
			synctest.Wait()
			if r := qt.wantState(m.ID, tt.want, 1); r.Reply != tt.reply {
				t.Errorf("%s: got reply %q, want %q", tt.name, r.Reply, tt.reply)
			}
			qt.stop()
		})
	}
}

// finalError says that it is not temporary, as net.OpError does of a refused connection.
type finalError struct{}

func (finalError) Error() string   { return "final" }
func (finalError) Temporary() bool { return false }

func TestQueueSurvivesPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) { panic("odd answer") }))
		qt.run()
		m := qt.write(app.MailConfirm)
		synctest.Wait()
		if r := qt.wantState(m.ID, app.MessageDeferred, 1); !strings.HasPrefix(r.Reply, "fault: ") || strings.Contains(r.Reply, "odd") {
			t.Errorf("got reply %q", r.Reply)
		}
		qt.stop()
		if !strings.Contains(qt.log.String(), "odd answer") {
			t.Errorf("the log does not say what happened:\n%s", qt.log.String())
		}
	})
}

func TestQueueBoundsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var now, most int
		gate := make(chan struct{})
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			<-gate
			mu.Lock()
			now--
			mu.Unlock()
			return "250 ok", nil
		}))
		qt.run()
		for range 50 {
			qt.write(app.MailConfirm)
		}
		synctest.Wait()
		booked := 0
		for id := range int64(50) {
			booked += qt.store.row(id + 1).Attempts
		}
		if booked != connections || most != connections {
			t.Errorf("got %d attempts booked, %d at once, want %d", booked, most, connections)
		}
		close(gate)
		synctest.Wait()
		for id := range int64(50) {
			qt.wantState(id+1, app.MessageDelivered, 1)
		}
		qt.stop()
	})
}

// A host that cannot be reached costs the mails that wait no attempts, and gets them all when it is back.
func TestQueueRestsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		up := false
		var probes []time.Duration
		began := time.Now()
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if !up {
				probes = append(probes, time.Since(began))
				return "", &mail.ReplyError{Reason: "connect_refused", Message: "nothing answers", HostDown: true}
			}
			return "250 ok", nil
		}))
		for range 200 {
			qt.write(app.MailConfirm)
		}
		qt.run()
		after(3 * time.Hour)
		spent := 0
		for id := range int64(200) {
			spent += qt.store.row(id + 1).Attempts
		}
		if spent > 15 || spent != len(probes) {
			t.Errorf("got %d attempts spent in three hours, %d made: %v", spent, len(probes), probes)
		}
		first := slices.IndexFunc(probes, func(at time.Duration) bool { return at > 0 })
		if first > connections {
			t.Errorf("got %d attempts at first, want %d", first, connections)
		}
		for i, want := range []int{1, 2, 4, 8, 16, 30, 30} {
			i += first
			rest := time.Duration(want) * time.Minute
			if got := probes[i] - probes[i-1]; got < rest || got > rest+20*time.Second {
				t.Errorf("rest %d: got %v, want %v", i, got, rest)
			}
		}
		mu.Lock()
		up = true
		mu.Unlock()
		after(31 * time.Minute)
		for id := range int64(200) {
			if r := qt.store.row(id + 1); r.State != app.MessageDelivered && r.Attempts < 2 {
				t.Fatalf("message %d is still %s", r.ID, r.State)
			}
		}
		after(5 * time.Hour)
		for id := range int64(200) {
			if r := qt.store.row(id + 1); r.State != app.MessageDelivered || r.finals != 1 {
				t.Errorf("message %d is %s, finished %d times", r.ID, r.State, r.finals)
			}
		}
		qt.stop()
	})
}

// The rest ends at once when the settings are changed, or when the administrator asks for an attempt.
func TestQueueRestEnds(t *testing.T) {
	for name, wake := range map[string]func(*queueTest){
		"settings": func(qt *queueTest) {
			qt.change(func(s *app.Settings) { s.Mail.Smarthost = "mx2.example:25" })
			after(16 * time.Second)
		},
		"test mail": func(qt *queueTest) { qt.write(app.MailTest) },
		"retry": func(qt *queueTest) {
			m := qt.store.row(1).Message
			m.State, m.NextAttempt = app.MessageQueued, time.Now()
			qt.store.add(m)
			qt.queue.Written(m)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
				attempts++
				return "", &mail.ReplyError{Reason: "connect", Message: "down", HostDown: true}
			}))
			qt.run()
			qt.write(app.MailConfirm)
			synctest.Wait()
			qt.write(app.MailConfirm)
			after(20 * time.Second)
			if attempts != 1 {
				t.Errorf("%s: got %d attempts while the host rests, want 1", name, attempts)
			}
			wake(qt)
			synctest.Wait()
			if attempts != 2 {
				t.Errorf("%s: got %d attempts, want 2", name, attempts)
			}
			qt.stop()
		})
	}
}

// A delivery whose outcome cannot be written is not forgotten, not repeated, and no other mail is taken.
func TestQueueKeepsOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := map[int64]int{}
		qt := newQueueTest(t, courierFunc(func(_ context.Context, m app.Message) (string, error) {
			sent[m.ID]++
			return "250 ok", nil
		}))
		qt.run()
		qt.store.fail("finish", app.Errorf(app.Unavailable, "disk_full", "the disk is full"))
		first := qt.write(app.MailConfirm)
		synctest.Wait()
		second := qt.write(app.MailConfirm)
		after(3 * time.Hour) // far beyond the lease
		qt.wantState(first.ID, app.MessageSending, 1)
		qt.wantState(second.ID, app.MessageQueued, 0)
		if n := strings.Count(qt.log.String(), "level=ERROR"); n != 1 {
			t.Errorf("the fault is in the log %d times, want once:\n%s", n, qt.log.String())
		}
		qt.store.fail("finish", nil)
		after(16 * time.Second)
		qt.wantState(first.ID, app.MessageDelivered, 1)
		qt.wantState(second.ID, app.MessageDelivered, 1)
		if sent[first.ID] != 1 || sent[second.ID] != 1 {
			t.Errorf("sent %v, want each once", sent)
		}
		qt.stop()
	})
}

func TestQueueDropsOutcomeOfRemovedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) { <-gate; return "250 ok", nil }))
		qt.run()
		qt.write(app.MailConfirm)
		synctest.Wait()
		qt.store.mu.Lock()
		delete(qt.store.rows, 1)
		qt.store.mu.Unlock()
		close(gate)
		synctest.Wait()
		qt.store.add(app.Message{ID: 2, State: app.MessageQueued, Recipient: address(t, "a@b.example"), ExpiresAt: time.Now().Add(time.Hour)})
		after(20 * time.Second)
		qt.wantState(2, app.MessageDelivered, 1)
		qt.stop()
	})
}

func TestQueueStoreFaults(t *testing.T) {
	for _, method := range []string{"claim", "next", "release", "late"} {
		synctest.Test(t, func(t *testing.T) {
			qt := newQueueTest(t, courierFunc(taken))
			qt.settings.Limits.RelayLateHours = 4
			qt.store.fail(method, errors.New("disk I/O error"))
			qt.run()
			qt.write(app.MailConfirm)
			after(time.Hour)
			if n := qt.store.count(method); n < 200 || n > 400 {
				t.Errorf("%s was tried %d times in an hour, want 240 and some", method, n)
			}
			qt.store.fail(method, nil)
			after(16 * time.Second)
			qt.wantState(1, app.MessageDelivered, 1)
			qt.stop()
		})
	}
}

func TestQueueIdleIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(taken))
		qt.run()
		after(time.Hour)
		if n := qt.store.count("claim"); n < 230 || n > 250 {
			t.Errorf("got %d looks at the store in an idle hour, want one each 15 s", n)
		}
		qt.stop()
	})
}

// What a process that is gone had taken is sent after the start, not after its lease.
func TestQueueReleasesAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(taken))
		m := qt.store.add(app.Message{
			State: app.MessageSending, Attempts: 1, NextAttempt: time.Now().Add(time.Hour), ExpiresAt: time.Now().Add(24 * time.Hour),
			Recipient: address(t, "a@b.example"), MessageID: "<same@office.example>",
		})
		qt.store.rows[m.ID].lease = time.Now().Add(20 * time.Minute)
		qt.run()
		qt.wantState(m.ID, app.MessageDelivered, 2)
		if qt.store.released != 1 {
			t.Errorf("released %d times, want once", qt.store.released)
		}
		qt.stop()
	})
}

func TestQueueCaptures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			t.Error("a captured mail was given to the courier")
			return "", nil
		}))
		qt.change(func(s *app.Settings) { s.Mail.Transport = "capture" })
		qt.run()
		// Written while it was still to be sent, and one that was captured from the start.
		m := qt.write(app.MailConfirm)
		kept := qt.store.add(app.Message{State: app.MessageCaptured, Recipient: address(t, "a@b.example")})
		qt.queue.Written(kept)
		synctest.Wait()
		qt.wantState(m.ID, app.MessageCaptured, 1)
		qt.wantState(kept.ID, app.MessageCaptured, 0)
		if len(qt.captured) != 2 || qt.captured[0].State != app.MessageCaptured || qt.captured[1].State != app.MessageCaptured {
			t.Errorf("the hook was told of %v, want both", qt.captured)
		}
		qt.stop()
	})
}

func TestQueueShutdownWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			<-time.After(15 * time.Second)
			return "250 ok", nil
		}))
		qt.run()
		m := qt.write(app.MailConfirm)
		synctest.Wait()
		if took := qt.stop(); took > 15*time.Second {
			t.Errorf("the shutdown took %v, want 15 s", took)
		}
		qt.wantState(m.ID, app.MessageDelivered, 1)
		late := qt.write(app.MailConfirm)
		after(time.Minute)
		qt.wantState(late.ID, app.MessageQueued, 0)
	})
}

func TestQueueShutdownCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(func(ctx context.Context, _ app.Message) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
		qt.run()
		m := qt.write(app.MailConfirm)
		synctest.Wait()
		if took := qt.stop(); took != mail.DefaultShutdown {
			t.Errorf("the shutdown took %v, want %v", took, mail.DefaultShutdown)
		}
		if r := qt.wantState(m.ID, app.MessageDeferred, 1); !r.NextAttempt.After(time.Now()) {
			t.Errorf("next attempt %v, want one in the future", r.NextAttempt)
		}
	})
}

func TestQueueShutdownEndsWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(taken))
		qt.run()
		qt.store.fail("finish", errors.New("disk I/O error"))
		qt.write(app.MailConfirm)
		synctest.Wait()
		if took := qt.stop(); took > 10*time.Second {
			t.Errorf("the shutdown took %v", took)
		}
		if !strings.Contains(qt.log.String(), "may be sent twice") {
			t.Errorf("the log does not tell of the loss:\n%s", qt.log.String())
		}
	})
}

// An attempt ends before its lease, so that nobody else takes the message meanwhile.
func TestQueueAttemptEndsBeforeLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took time.Duration
		qt := newQueueTest(t, courierFunc(func(ctx context.Context, _ app.Message) (string, error) {
			began := time.Now()
			<-ctx.Done()
			took = time.Since(began)
			return "", ctx.Err()
		}))
		qt.run()
		qt.write(app.MailConfirm)
		after(19 * time.Minute)
		if took != 19*time.Minute {
			t.Errorf("the attempt was ended after %v, want 19 min", took)
		}
		qt.stop()
	})
}

// While the machine slept the lease of a delivery has ended; it still runs and must not be started again.
func TestQueueDoesNotDoubleAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		started := 0
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			started++
			<-gate
			return "250 ok", nil
		}))
		qt.run()
		m := qt.write(app.MailConfirm)
		synctest.Wait()
		qt.store.mu.Lock()
		qt.store.rows[m.ID].lease, qt.store.rows[m.ID].NextAttempt = time.Now(), time.Now()
		qt.store.mu.Unlock()
		after(time.Minute)
		if started != 1 {
			t.Errorf("started %d times, want once", started)
		}
		close(gate)
		synctest.Wait()
		qt.wantState(m.ID, app.MessageDelivered, 2)
		qt.stop()
	})
}

func TestQueueRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		qt := newQueueTest(t, courierFunc(taken))
		qt.run()
		if err := qt.queue.Run(t.Context()); err == nil {
			t.Error("the second Run: got nil, want an error")
		}
		qt.stop()
	})
}

func TestBackoff(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		-1: time.Minute, 0: time.Minute, 1: time.Minute, 2: 2 * time.Minute, 3: 5 * time.Minute, 4: 10 * time.Minute, 5: 15 * time.Minute,
		6: 30 * time.Minute, 7: time.Hour, 8: 90 * time.Minute, 9: 135 * time.Minute, 1000: 4 * time.Hour,
	} {
		for range 100 {
			got := mail.Backoff(attempts)
			if got < want*9/10 || got > min(want*11/10, 4*time.Hour) {
				t.Errorf("Backoff(%d): got %v, want %v and 10 %%, 4 h at most", attempts, got, want)
			}
		}
	}
}

// What the other side says of the recipient's address goes to the store; nothing else does. Of a program's mail it has to say
// so with a code.
func TestQueueSuppresses(t *testing.T) {
	for _, tt := range []struct {
		name          string
		err           error
		want, relayed bool
	}{
		{"no such user", &mail.ReplyError{Code: 550, Enhanced: "5.1.1", Permanent: true, Recipient: true}, true, true},
		{"refused at the recipient without a code", &mail.ReplyError{Code: 550, Permanent: true, Recipient: true}, true, false},
		{"refused at the recipient with a code that says nothing", &mail.ReplyError{Code: 550, Enhanced: "5.0.0", Permanent: true, Recipient: true}, true, false},
		{"for good, but not the address", &mail.ReplyError{Code: 550, Enhanced: "5.7.1", Permanent: true}, false, false},
		{"for now", &mail.ReplyError{Code: 450, Enhanced: "4.2.0"}, false, false},
		{"unknown", errors.New("odd"), false, false},
		{"delivered", nil, false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) { return "250", tt.err }))
			qt.run()
			m, relayed := qt.write(app.MailReset), qt.relayed("joe@acme.example")
			synctest.Wait()
			if got := qt.store.row(m.ID).suppress; got != tt.want {
				t.Errorf("%s: got suppress %v, want %v", tt.name, got, tt.want)
			}
			if got := qt.store.row(relayed.ID).suppress; got != tt.relayed {
				t.Errorf("%s, of a program: got suppress %v, want %v", tt.name, got, tt.relayed)
			}
			qt.stop()
		})
	}
}

// Nothing leaves while mail is held, not even what the administrator insists on; what is under way ends, and all that waits
// leaves as soon as the queue is told.
func TestQueueHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts atomic.Int32 // several at one time
		answer := make(chan struct{})
		qt := newQueueTest(t, courierFunc(func(context.Context, app.Message) (string, error) {
			attempts.Add(1)
			<-answer
			return "250", nil
		}))
		qt.run()
		first := qt.write(app.MailConfirm)
		synctest.Wait()
		qt.change(func(s *app.Settings) { s.HoldMail = true })
		qt.queue.Look()
		close(answer)
		synctest.Wait()
		qt.wantState(first.ID, app.MessageDelivered, 1)
		second, test := qt.write(app.MailConfirm), qt.write(app.MailTest)
		old := qt.write(app.MailReset)
		after(23 * time.Hour)
		qt.store.expire(old.ID, time.Now().Add(-time.Minute))
		after(time.Minute)
		for _, m := range []app.Message{second, test, old} {
			qt.wantState(m.ID, app.MessageQueued, 0)
		}
		qt.change(func(s *app.Settings) { s.HoldMail = false })
		qt.queue.Look()
		synctest.Wait()
		qt.wantState(second.ID, app.MessageDelivered, 1)
		qt.wantState(test.ID, app.MessageDelivered, 1)
		qt.wantState(old.ID, app.MessageFailed, 1)
		if got := attempts.Load(); got != 3 {
			t.Errorf("got %d attempts, want 3", got)
		}
		qt.stop()
	})
}
