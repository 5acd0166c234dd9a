// Package mail writes Foyer's mails and brings them on their way: Composer makes a Message of a Notice, Queue takes
// Messages out of the store when they are due, and a Courier hands each to the next mail server, signed with DKIM
// if wanted; DNS says which records that needs. It is the only room that knows go-smtp, go-sasl and go-msgauth; server
// alone may import it.
package mail

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"foyer/app"
)

// Store is where the queue's messages live. Its state is rows, so a process that dies loses nothing: what it had
// taken is tried again at the time that was booked for that, or when its lease ends.
type Store interface {
	// Advance writes how attempts have ended, takes messages that are due and books an attempt for each, all in one
	// transaction that is durable when it returns. With err nothing is written.
	//
	// An outcome is delivered, failed, captured, or deferred until Next; an untried one waits as before. With Suppress the
	// recipient gets no mail from then on, until one is delivered after all or the administrator lifts it. refused has for
	// each outcome NotFound or Conflict when the message is not there, or not being sent, any more.
	//
	// Messages are taken Foyer's own first, then the longest waiting, at most c.Limit, of programs c.Reserve less, and none when
	// that is 0: their state is sending, with one attempt more, a lease, and c.Now plus c.Backoff(attempts) as the time of the
	// next one. They are returned with Data, which the recipients of one mail may share: nobody writes to it.
	Advance(ctx context.Context, outcomes []app.Outcome, c app.Claim) (refused []error, claimed []app.Message, err error)

	// LateMessages returns messages of programs that were written before a time and still wait, whose senders were not told
	// yet, the oldest first, at most limit and with the header alone as Data. It looks behind the message with the ID after,
	// and returns up to which one it has looked.
	LateMessages(ctx context.Context, after int64, before time.Time, limit int) (late []app.Message, seen int64, err error)

	// TellLate writes what the sender of a late message is told, unless that was done or the message has come to its end.
	TellLate(ctx context.Context, id int64, notice app.Message, now time.Time) error

	// NextAttempt returns the earliest time at which something is due, or false when nothing waits.
	NextAttempt(ctx context.Context) (time.Time, bool, error)

	// ReleaseMessages defers the messages that another process had taken to the attempt that was booked, and brings attempts that are planned
	// for a time too far ahead (the clock was wrong) back to where they belong.
	ReleaseMessages(ctx context.Context) error
}

// The defaults of a QueueConfig.
const (
	DefaultLease    = 20 * time.Minute
	DefaultShutdown = 20 * time.Second
)

// QueueConfig holds what a Queue is made of.
type QueueConfig struct {
	Store    Store
	Settings func() app.Settings        // the settings of the moment
	Courier  func(app.Settings) Courier // makes a courier for one connection at a time; nil for a Smarthost
	DKIM     *DKIM                      // signs while mail.dkim is on; nil when nobody does
	Log      *slog.Logger

	// Captured is told of each message that was kept here instead of being sent, once that is durable; it may be
	// nil. It is called from several goroutines and must not block.
	Captured func(app.Message)

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
	asked   chan chan app.MailTraffic
	ended   chan struct{} // closed when Run is over
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
	if c.Lease <= 0 {
		c.Lease = DefaultLease
	}
	if c.Shutdown <= 0 {
		c.Shutdown = DefaultShutdown
	}
	return &Queue{config: c, kick: make(chan struct{}, 1), asked: make(chan chan app.MailTraffic), ended: make(chan struct{})}
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
	defer close(q.ended)
	deliveries, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s := newScheduler(deliveries, q)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stop(context.WithoutCancel(ctx), cut)
			return nil
		case answer := <-q.asked:
			answer <- s.report()
			continue
		case <-q.kick:
		case <-timer.C:
		case e := <-s.events:
			s.note(e)
		}
		if ctx.Err() == nil {
			timer.Reset(s.work(context.WithoutCancel(ctx)))
		}
	}
}

// wallNow returns the time of the wall clock: comparing times that carry a monotonic reading would leave out the
// hours a machine has slept.
func wallNow() time.Time { return time.Now().Round(0) }

// steppedBack reports whether the wall clock was set back by more than a minute between two moments.
func steppedBack(before, now time.Time) bool {
	return now.Round(0).Sub(before.Round(0))-now.Sub(before) < -time.Minute
}
