package mail

import (
	"context"
	"slices"
	"sync"
	"time"

	"foyer/app"
)

// scheduler is the state of a queue that runs. Only the goroutine of Run touches it; its workers send it events.
type scheduler struct {
	*Queue
	deliveries context.Context // of everything under way; ends when the shutdown takes too long
	workers    sync.WaitGroup
	events     chan event
	lanes      map[string]*lane
	claimed    map[int64]int // messages with an attempt booked here that is not written yet, and how long they are
	bytes      int           // of all those
	unsaved    []outcome     // outcomes the store has not taken yet
	released   bool          // ReleaseMessages was done
	troubles   int           // how often in a row the store has failed
	seen       time.Time     // when work was last done
	told       time.Time     // when senders were last told of late mail
	lateSeen   int64         // up to which message they were
	traffic    app.MailTraffic
}

// event is what a worker has to tell: what came of a message, or that it has ended.
type event struct {
	lane *lane
	done *outcome // nil for the end of the worker
}

// outcome is what came of an attempt.
type outcome struct {
	lane    *lane // where there was an attempt
	message app.Message
	app.Delivery
	err  error         // why it was not delivered
	took time.Duration // how long the attempt took
}

func newScheduler(deliveries context.Context, q *Queue) *scheduler {
	return &scheduler{
		Queue: q, deliveries: deliveries, events: make(chan event, batch), lanes: map[string]*lane{}, claimed: map[int64]int{}, seen: time.Now(), traffic: newTraffic(),
	}
}

// work writes what has ended and takes what is due, in one commit, and returns after which time to look again at the
// latest: at once when there may be more. It does not go on by itself: mail may flow for hours, and what the administrator
// and the service want is heard in between.
func (s *scheduler) work(ctx context.Context) time.Duration {
	if steppedBack(s.seen, time.Now()) {
		s.forgetPlans()
	}
	s.seen = time.Now()
	settings := s.config.Settings()
	s.adapt(settings, s.insist.Swap(false))
	s.takeEvents()
	if err := s.release(ctx); err != nil {
		return s.trouble("leases are not released", err)
	}
	if err := s.tellLate(ctx, settings); err != nil {
		return s.trouble("senders are not told of late mail", err)
	}
	claim := s.claim(settings)
	if claim.Limit <= 0 && len(s.unsaved) == 0 {
		s.troubles = 0
		wait, _ := s.restEnds()
		return wait
	}
	told := slices.ContainsFunc(s.unsaved, func(o outcome) bool { return o.Notice != nil })
	messages, err := s.advance(ctx, claim)
	if err != nil {
		return s.trouble("outcomes are not written, and due mail is not read", err)
	}
	for _, m := range messages {
		s.start(m, settings)
	}
	s.widen(settings)
	if len(messages) == 0 && claim.Limit > 0 && !told { // a notice is due at once
		return s.next(ctx)
	}
	return 0
}

// forgetPlans makes due what a clock that was ahead has put off: it would keep mail waiting.
func (s *scheduler) forgetPlans() {
	s.released = false
	for _, l := range s.lanes {
		l.until = time.Time{}
	}
}

// takeEvents takes over what workers have sent meanwhile, so that it shares a commit.
func (s *scheduler) takeEvents() {
	for {
		select {
		case e := <-s.events:
			s.note(e)
		default:
			return
		}
	}
}

// lane returns the way to a destination.
func (s *scheduler) lane(name string, settings app.Settings) *lane {
	l := s.lanes[name]
	if l == nil {
		l = newLane(name, settings)
		s.lanes[name] = l
	}
	return l
}

// adapt forgets what was known when the settings lead elsewhere, or the same way in another manner, and ends rests when
// an attempt is wanted at once.
func (s *scheduler) adapt(settings app.Settings, now bool) {
	for name, l := range s.lanes {
		l.limits = settings.Limits
		switch {
		case !l.leads(settings):
			s.recall(l, wallNow())
			close(l.feed)
			delete(s.lanes, name)
		case now:
			l.until = time.Time{}
		case l.idle():
			delete(s.lanes, name)
		}
	}
	if settings.HoldMail {
		s.recallAll()
	}
}

// recall takes back the messages that no worker of a lane has begun: their attempts do not count.
func (s *scheduler) recall(l *lane, next time.Time) {
	for {
		select {
		case b := <-l.first:
			l.book(b.Message, -1)
			s.unsaved = append(s.unsaved, untried(b.Message, next))
		case b, open := <-l.feed:
			if !open {
				return
			}
			l.book(b.Message, -1)
			s.unsaved = append(s.unsaved, untried(b.Message, next))
		default:
			return
		}
	}
}

func (s *scheduler) recallAll() {
	for _, l := range s.lanes {
		s.recall(l, wallNow())
	}
}

// untried gives back a message that was booked and not attempted.
func untried(m app.Message, next time.Time) outcome {
	return outcome{message: m, Delivery: app.Delivery{Untried: true, Next: next}}
}

// restEnds returns when to look again while nothing may be taken: when the first lane has rested, or as usual; and whether
// one rests.
func (s *scheduler) restEnds() (wait time.Duration, rests bool) {
	wait = pollEvery
	for _, l := range s.lanes {
		if rest := l.until.Sub(wallNow()); rest > 0 {
			wait, rests = min(wait, rest), true
		}
	}
	return wait, rests
}

// next returns how long nothing has to be done.
func (s *scheduler) next(ctx context.Context) time.Duration {
	at, ok, err := s.config.Store.NextAttempt(ctx)
	if err != nil {
		return s.trouble("the time of the next mail is not read", err)
	}
	s.troubles = 0
	if !ok {
		return pollEvery
	}
	if wait := at.Sub(wallNow()); wait > 0 {
		return min(wait, pollEvery)
	}
	// Due, but not given to us: its destination rests or has its fill, or the store and we disagree about the time.
	if wait, rests := s.restEnds(); rests {
		return max(wait, time.Second)
	}
	return time.Second
}

// trouble reports a fault of the store, once until it works again, and returns when to try again.
func (s *scheduler) trouble(what string, err error) time.Duration {
	if s.troubles == 0 {
		s.config.Log.Error("the mail queue cannot use its store", "trouble", what, "err", err)
	}
	s.troubles++
	return min(time.Second<<min(s.troubles-1, 4), pollEvery)
}

// release does at start, and after the clock was set back, what Store.ReleaseMessages promises. It waits until
// nothing is under way, because the leases of that are good.
func (s *scheduler) release(ctx context.Context) error {
	if s.released || len(s.claimed) > 0 {
		return nil
	}
	if err := s.config.Store.ReleaseMessages(ctx); err != nil {
		return err
	}
	s.released = true
	return nil
}

// start begins the attempt that was booked for m.
func (s *scheduler) start(m app.Message, settings app.Settings) {
	if _, busy := s.claimed[m.ID]; busy {
		// Its lease ended while it is still under way, as after a long sleep of the machine. It goes on.
		return
	}
	s.claimed[m.ID] = len(m.Data)
	s.bytes += len(m.Data)
	if o, ended := s.withoutAttempt(m, settings); ended {
		s.unsaved = append(s.unsaved, o)
		return
	}
	l := s.lane(destination(m, settings.Mail), settings)
	l.book(m, 1)
	way := l.feed
	if !m.Kind.Relayed() {
		way = l.first
	}
	way <- &booking{m, wallNow()} // there is place for what room has allowed
	if l.workers == 0 {
		s.hire(l)
	}
}

// withoutAttempt returns the end of a message that no courier has to bring anywhere.
func (s *scheduler) withoutAttempt(m app.Message, settings app.Settings) (outcome, bool) {
	o := outcome{message: m}
	switch {
	case !m.ExpiresAt.IsZero() && !wallNow().Before(m.ExpiresAt):
		o.State, o.Reply, o.Steps = app.MessageFailed, expired(m), m.Steps
	case m.Kind == app.MailRelayed && m.Suppressed != "":
		o.State, o.Reply = app.MessageFailed, clean(app.SuppressedReply(m.Suppressed))
	case settings.Mail.Transport == "capture":
		o.State = app.MessageCaptured
	default:
		return o, false
	}
	if o.State == app.MessageFailed {
		o.Notice = s.notice(app.MailBounce, m, o.Delivery, settings)
	}
	return o, true
}

// expired says why a message is given up.
func expired(m app.Message) string {
	words := "expired: it could not be delivered while it was worth anything"
	if m.Kind.Relayed() {
		words = "expired: it could not be delivered in the time that limits.relay_hours gives"
	}
	if m.Reply != "" {
		words = clean(words + "; last: " + m.Reply)
	}
	return words
}

// destination names the lane of a message.
func destination(m app.Message, settings app.MailSettings) string {
	if settings.Transport == "direct" {
		return m.Recipient.Domain()
	}
	return settings.Smarthost
}

// courier returns who delivers with settings.
func (q *Queue) courier(settings app.Settings) Courier {
	courier := q.config.Courier(settings)
	if settings.Mail.DKIM && q.config.DKIM != nil {
		return signing{Courier: courier, dkim: q.config.DKIM, from: settings.Mail.From, selector: settings.Mail.DKIMSelector}
	}
	return courier
}

// note takes over what a worker has sent.
func (s *scheduler) note(e event) {
	if e.done == nil {
		e.lane.workers--
		if e.lane.workers == 0 && e.lane.waiting() > 0 {
			s.hire(e.lane) // it left while a message arrived
		}
		return
	}
	o := *e.done
	e.lane.book(o.message, -1)
	s.unsaved = append(s.unsaved, o)
	if o.Untried {
		return
	}
	e.lane.note(o.err)
	if isHostDown(o.err) {
		s.recall(e.lane, e.lane.until)
	}
	s.logOutcome(o)
}

// advance writes the outcomes that are not written yet and returns the messages that claim takes, all in one commit. What
// it cannot write it keeps: an attempt that is forgotten would be made again, and the mail arrive twice.
func (s *scheduler) advance(ctx context.Context, claim app.Claim) ([]app.Message, error) {
	outcomes := make([]app.Outcome, len(s.unsaved))
	for i, o := range s.unsaved {
		outcomes[i] = app.Outcome{ID: o.message.ID, Delivery: o.Delivery}
	}
	refused, messages, err := s.config.Store.Advance(ctx, outcomes, claim)
	if err != nil {
		if len(outcomes) > 0 {
			s.recallAll() // one more outcome that cannot be written would be one more mail sent twice
		}
		return nil, err
	}
	for i, o := range s.unsaved {
		if !o.Untried {
			s.count(o)
		}
		s.bytes -= s.claimed[o.message.ID]
		delete(s.claimed, o.message.ID)
		if o.lane != nil {
			<-o.lane.begun
		}
		switch {
		case refused[i] != nil:
			s.config.Log.Warn("mail outcome has no message any more", "id", o.message.ID, "state", o.State, "err", refused[i])
		case o.State == app.MessageCaptured:
			o.message.State, o.message.NextAttempt = app.MessageCaptured, time.Time{}
			s.config.Captured(o.message)
		}
	}
	s.unsaved = s.unsaved[:0]
	return messages, nil
}

// save writes the outcomes that are not written yet.
func (s *scheduler) save(ctx context.Context) error {
	if len(s.unsaved) == 0 {
		return nil
	}
	_, err := s.advance(ctx, app.Claim{})
	return err
}

// stop waits for what is under way and writes what came of it. What is not begun is given back.
func (s *scheduler) stop(ctx context.Context, cut context.CancelFunc) {
	for _, l := range s.lanes {
		s.recall(l, wallNow())
		close(l.feed)
	}
	patience := time.NewTimer(s.config.Shutdown)
	defer patience.Stop()
	ended := make(chan struct{})
	go func() { s.workers.Wait(); close(ended) }()
	for waiting := true; waiting; {
		select {
		case e := <-s.events:
			s.note(e)
			s.takeEvents()
			if err := s.save(ctx); err != nil {
				s.trouble("an outcome is not written", err)
			}
		case <-patience.C:
			cut()
		case <-ended:
			waiting = false
		}
	}
	s.takeEvents()
	// The disk may be full for a moment only; but the service must end.
	for tries := 0; ; tries++ {
		err := s.save(ctx)
		if err == nil {
			return
		}
		if tries == 4 {
			s.config.Log.Error("mail outcomes not written; these mails may be sent twice", "mails", len(s.unsaved), "err", err)
			return
		}
		again := time.NewTimer(time.Second)
		<-again.C
	}
}
