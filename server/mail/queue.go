// Package mail writes Foyer's mails and brings them on their way: Composer makes a Message of a Notice, Queue takes
// Messages out of the store when they are due, and a Courier hands each to the next mail server, signed with DKIM
// if wanted; DNS says which records that needs. It is the only room that knows go-smtp, go-sasl and go-msgauth; server
// alone may import it.
package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"foyer/app"
)

// Store is where the queue's messages live. Its state is rows, so a process that dies loses nothing: what it had
// taken is tried again at the time that was booked for that, or when its lease ends.
type Store interface {
	// ClaimMessages takes at most n messages that are due, the longest waiting first, and books an attempt for each:
	// state sending, one attempt more, a lease, and now plus backoff(attempts) as the time of the next one. It
	// returns them, with Data and with that attempt counted, after the booking is durable.
	ClaimMessages(ctx context.Context, now time.Time, n int, lease time.Duration,
		backoff func(attempts int) time.Duration) ([]app.Message, error)

	// FinishMessage writes how an attempt ended: delivered, failed, captured, or deferred until Next. With Suppress the
	// recipient gets no mail from then on, until one is delivered after all or the administrator lifts it. NotFound or
	// Conflict when the message is not there, or not being sent, any more.
	FinishMessage(ctx context.Context, id int64, d app.Delivery) error

	// NextAttempt returns the earliest time at which something is due, or false when nothing waits.
	NextAttempt(ctx context.Context) (time.Time, bool, error)

	// ReleaseMessages defers the messages that another process had taken to the attempt that was booked, and brings attempts that are planned
	// for a time too far ahead (the clock was wrong) back to where they belong.
	ReleaseMessages(ctx context.Context) error
}

// The defaults of a QueueConfig.
const (
	DefaultWorkers  = 4
	DefaultLease    = 20 * time.Minute
	DefaultShutdown = 20 * time.Second
)

// QueueConfig holds what a Queue is made of.
type QueueConfig struct {
	Store    Store
	Settings func() app.Settings        // the settings of the moment
	Courier  func(app.Settings) Courier // makes the courier for settings; nil for a Smarthost
	DKIM     *DKIM                      // signs while mail.dkim is on; nil when nobody does
	Log      *slog.Logger

	// Captured is told of each message that was kept here instead of being sent, once that is durable; it may be
	// nil. It is called from several goroutines and must not block.
	Captured func(app.Message)

	Workers  int           // deliveries at one time; 0 for DefaultWorkers
	Lease    time.Duration // how long an attempt may take; 0 for DefaultLease
	Shutdown time.Duration // how long deliveries may go on after Run's context is done; 0 for DefaultShutdown
}

// Queue delivers messages. It is an app.Outbox. One Queue is enough for a store: a second one would be safe, but
// each would release what the other has taken.
type Queue struct {
	config  QueueConfig
	kick    chan struct{}
	insist  atomic.Bool // the administrator wants an attempt now, even if the host rests
	started atomic.Bool
}

// NewQueue returns a queue that works while Run runs.
func NewQueue(c QueueConfig) *Queue {
	if c.Courier == nil {
		tokens := NewTokens(nil)
		c.Courier = func(s app.Settings) Courier {
			return NewSmarthost(SmarthostConfig{Mail: s.Mail, Hello: HelloName(s.PublicURL), Tokens: tokens})
		}
	}
	if c.Captured == nil {
		c.Captured = func(app.Message) {}
	}
	if c.Workers <= 0 {
		c.Workers = DefaultWorkers
	}
	if c.Lease <= 0 {
		c.Lease = DefaultLease
	}
	if c.Shutdown <= 0 {
		c.Shutdown = DefaultShutdown
	}
	return &Queue{config: c, kick: make(chan struct{}, 1)}
}

// Written tells the queue that m is in the store and durable. It returns at once. A test mail, or one with an
// attempt behind it that is tried again by hand, is attempted even while the host rests: the administrator wants to see what happens.
func (q *Queue) Written(m app.Message) {
	if m.State == app.MessageCaptured {
		q.config.Captured(m)
		return
	}
	if m.Kind == app.MailTest || m.Attempts > 0 {
		q.insist.Store(true)
	}
	q.Look()
}

// Look makes the queue look at its settings and at what is due. It returns at once.
func (q *Queue) Look() {
	select {
	case q.kick <- struct{}{}:
	default: // one kick that was not seen yet is as good as many
	}
}

// Backoff returns how long after the given number of attempts the next one is made: 1, 2, 5, 10, 15 and 30 minutes,
// an hour, then half as long again each time up to 4 hours; 10 % more or less, so that what failed together does not
// come back together. The steps from 5 to 15 minutes are for greylisting.
func Backoff(attempts int) time.Duration {
	const longest = 4 * time.Hour
	steps := [...]int{1, 2, 5, 10, 15, 30, 60} // minutes
	d := time.Duration(steps[min(max(attempts, 1), len(steps))-1]) * time.Minute
	for i := len(steps); i < attempts && d < longest; i++ {
		d += d / 2
	}
	return min(time.Duration(float64(d)*(0.9+0.2*rand.Float64())), longest) //nolint:gosec // jitter is no secret
}

// pollEvery bounds how long the queue trusts a timer: those of Go stand still while the machine sleeps
// (golang/go#24595), the time of the next attempt does not.
const pollEvery = 15 * time.Second

// Run delivers until ctx is done, and nothing while the setting mail.hold is on. It returns when the deliveries that were under way then have ended, cut off
// after QueueConfig.Shutdown at the latest, and what came of them is written. It may be called once.
func (q *Queue) Run(ctx context.Context) error {
	if q.started.Swap(true) {
		return errors.New("the queue runs already")
	}
	deliveries, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s := &scheduler{
		Queue: q, deliveries: deliveries, finished: make(chan outcome, q.config.Workers), busy: map[int64]bool{}, seen: time.Now(),
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stop(context.WithoutCancel(ctx), cut)
			return nil
		case <-q.kick:
		case <-timer.C:
		case o := <-s.finished:
			s.note(o)
		}
		if ctx.Err() == nil {
			timer.Reset(s.work(context.WithoutCancel(ctx)))
		}
	}
}

// scheduler is the state of a queue that runs. Only the goroutine of Run touches it.
type scheduler struct {
	*Queue
	deliveries context.Context // of everything under way; ends when the shutdown takes too long
	workers    sync.WaitGroup
	finished   chan outcome
	busy       map[int64]bool // messages under way here
	unsaved    []outcome      // outcomes the store has not taken yet
	released   bool           // ReleaseMessages was done
	troubles   int            // how often in a row the store has failed
	host       rest
	seen       time.Time // when work was last done
	held       bool      // the administrator lets nothing leave
}

// outcome is what came of an attempt.
type outcome struct {
	message app.Message
	app.Delivery
	err      error            // why it was not delivered
	settings app.MailSettings // with which it was tried
}

// work takes what is due and returns after which time to look again at the latest.
func (s *scheduler) work(ctx context.Context) time.Duration {
	if steppedBack(s.seen, time.Now()) {
		s.released = false // plans made by a clock that was ahead would keep mail waiting
	}
	s.seen = time.Now()
	settings := s.config.Settings()
	s.held = settings.HoldMail
	s.host.adapt(settings.Mail, s.insist.Swap(false))
	for {
		if err := s.save(ctx); err != nil {
			return s.trouble("an outcome is not written; no mail is sent until it is", err)
		}
		if err := s.release(ctx); err != nil {
			return s.trouble("leases are not released", err)
		}
		n := s.free()
		if n == 0 {
			s.troubles = 0
			return s.host.wait()
		}
		claimed, err := s.config.Store.ClaimMessages(ctx, wallNow(), n, s.config.Lease, Backoff)
		if err != nil {
			return s.trouble("due mail is not read", err)
		}
		for _, m := range claimed {
			s.start(m, settings)
		}
		if len(claimed) < n && len(s.unsaved) == 0 {
			return s.next(ctx)
		}
	}
}

// free returns how many messages may be taken now. A host that was down is tried with one message first: all others
// would only spend their attempts.
func (s *scheduler) free() int {
	switch {
	case !s.released, s.held, s.host.resting():
		return 0
	case s.host.failures > 0:
		return max(0, 1-len(s.busy))
	default:
		return s.config.Workers - len(s.busy)
	}
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
	wait := at.Sub(wallNow())
	if wait <= 0 {
		// Due, but not given to us: the store and we disagree about the time, or it is under way here.
		wait = time.Second
	}
	return min(wait, pollEvery)
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
	if s.released || len(s.busy) > 0 {
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
	o := outcome{message: m, settings: settings.Mail}
	switch {
	case s.busy[m.ID]:
		// Its lease ended while it is still under way, as after a long sleep of the machine. It goes on.
		return
	case !m.ExpiresAt.IsZero() && !wallNow().Before(m.ExpiresAt):
		o.State, o.Reply = app.MessageFailed, "expired: it could not be delivered while it was worth anything"
		if m.Reply != "" {
			o.Reply = clean(o.Reply + "; last: " + m.Reply)
		}
		s.unsaved = append(s.unsaved, o)
	case settings.Mail.Transport == "capture":
		o.State = app.MessageCaptured
		s.unsaved = append(s.unsaved, o)
	default:
		s.busy[m.ID] = true
		courier := s.courier(settings)
		s.workers.Go(func() {
			done := s.attempt(courier, o)
			_ = courier.Close() // the message has its answer
			s.finished <- done
		})
	}
}

// courier returns who delivers with settings.
func (q *Queue) courier(settings app.Settings) Courier {
	courier := q.config.Courier(settings)
	if settings.Mail.DKIM && q.config.DKIM != nil {
		return signing{Courier: courier, dkim: q.config.DKIM, selector: settings.Mail.DKIMSelector}
	}
	return courier
}

// attempt delivers a message and returns what came of it. It ends before the message's lease does.
func (s *scheduler) attempt(courier Courier, o outcome) outcome {
	ctx, cancel := context.WithTimeout(s.deliveries, s.config.Lease-min(time.Minute, s.config.Lease/10))
	defer cancel()
	report, err := deliver(ctx, courier, o.message)
	now := wallNow()
	switch {
	case err == nil:
		o.State, o.Reply = app.MessageDelivered, report.Reply
	case IsTemporary(err):
		o.State, o.Reply, o.err = app.MessageDeferred, clean(err.Error()), err
		o.Next = now.Add(Backoff(o.message.Attempts))
		if expires := o.message.ExpiresAt; !expires.IsZero() && expires.Before(o.Next) {
			o.Next = expires // that is when it turns to failed, and shows so
		}
	default:
		o.State, o.Reply, o.err = app.MessageFailed, clean(err.Error()), err
		e, ok := errors.AsType[*ReplyError](err)
		o.Suppress = ok && e.Recipient
	}
	return o
}

// deliver calls the courier and makes an error of its panic: one odd answer must not take the web pages down.
func deliver(ctx context.Context, courier Courier, m app.Message) (report app.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ReplyError{
				Reason: "fault", Message: "a fault of Foyer's; the service's log has it", Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack()),
			}
		}
	}()
	return courier.Deliver(ctx, m)
}

// note takes over an outcome that a worker has sent.
func (s *scheduler) note(o outcome) {
	delete(s.busy, o.message.ID)
	s.unsaved = append(s.unsaved, o)
	if o.settings == s.host.settings {
		s.host.note(isHostDown(o.err))
	}
	log := s.config.Log.With("id", o.message.ID, "kind", o.message.Kind, "to", o.message.Recipient.Masked(), "attempt", o.message.Attempts)
	// The answer itself often names the recipient: it is in the row, not in the log.
	switch e, ok := errors.AsType[*ReplyError](o.err); {
	case o.err == nil:
		log.Info("mail delivered")
	case !ok:
		log.Error("mail not delivered", "state", o.State, "err", o.err)
	case e.Reason == "fault":
		log.Error("mail not delivered", "state", o.State, "err", e.Err)
	default:
		log.Warn("mail not delivered", "state", o.State, "reason", e.Reason, "code", e.Code, "enhanced", e.Enhanced)
	}
}

// save writes the outcomes that are not written yet. What it cannot write it keeps: an attempt that is forgotten
// would be made again, and the mail arrive twice.
func (s *scheduler) save(ctx context.Context) error {
	for len(s.unsaved) > 0 {
		o := s.unsaved[0]
		err := s.config.Store.FinishMessage(ctx, o.message.ID, o.Delivery)
		switch code := app.CodeOf(err); code {
		case "":
			if o.State == app.MessageCaptured {
				o.message.State, o.message.NextAttempt = app.MessageCaptured, time.Time{}
				s.config.Captured(o.message)
			}
		case app.NotFound, app.Conflict:
			s.config.Log.Warn("mail outcome has no message any more", "id", o.message.ID, "state", o.State, "err", err)
		default:
			return err
		}
		s.unsaved = s.unsaved[1:]
	}
	return nil
}

// stop waits for what is under way and writes what came of it.
func (s *scheduler) stop(ctx context.Context, cut context.CancelFunc) {
	patience := time.NewTimer(s.config.Shutdown)
	defer patience.Stop()
	for len(s.busy) > 0 {
		select {
		case o := <-s.finished:
			s.note(o)
			if err := s.save(ctx); err != nil {
				s.trouble("an outcome is not written", err)
			}
		case <-patience.C:
			cut()
		}
	}
	s.workers.Wait()
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

// rest is what the queue knows of the one host it delivers to.
type rest struct {
	settings app.MailSettings
	failures int       // how often in a row it was down
	until    time.Time // no attempt before this
}

// resting reports whether the host is left alone now.
func (r *rest) resting() bool { return wallNow().Before(r.until) }

// wait returns when to look again: at the end of the rest, or as usual.
func (r *rest) wait() time.Duration {
	if wait := r.until.Sub(wallNow()); wait > 0 {
		return min(wait, pollEvery)
	}
	return pollEvery
}

// adapt forgets what was known when the settings lead to another host, or the same one in another way, or when an
// attempt is wanted at once.
func (r *rest) adapt(settings app.MailSettings, now bool) {
	switch {
	case settings != r.settings:
		*r = rest{settings: settings}
	case now:
		r.until = time.Time{}
	}
}

// note takes into account that the host was down or up. It then rests for 1, 2, 4 minutes and so on up to 30.
func (r *rest) note(down bool) {
	const first, longest = time.Minute, 30 * time.Minute
	switch {
	case !down:
		r.failures, r.until = 0, time.Time{}
	case !r.resting(): // several attempts that fail together are one failure
		r.until = wallNow().Add(min(first<<min(r.failures, 10), longest))
		r.failures++
	}
}

// wallNow returns the time of the wall clock: comparing times that carry a monotonic reading would leave out the
// hours a machine has slept.
func wallNow() time.Time { return time.Now().Round(0) }

// steppedBack reports whether the wall clock was set back by more than a minute between two moments.
func steppedBack(before, now time.Time) bool {
	return now.Round(0).Sub(before.Round(0))-now.Sub(before) < -time.Minute
}
