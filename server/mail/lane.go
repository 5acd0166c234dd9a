package mail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"foyer/app"
)

// lane is the way to one destination: the smarthost, or the mail servers of a domain. Each of its workers has a
// connection of its own and takes the messages that are booked for the lane from feed, one after the other. All but
// feed is the scheduler's.
type lane struct {
	name     string
	settings app.Settings  // with which its couriers were made
	limits   app.Limits    // those of the moment
	feed     chan *booking // pointers: a thousand lanes that rest would hold 42 MB of empty bookings
	first    chan *booking // Foyer's own, which go before those in feed
	begun    chan struct{} // one for each attempt that is begun and not written down
	workers  int
	booked   int       // messages in feed and first, and with the workers
	own      int       // of those, Foyer's own
	row      int       // messages delivered without a failure between
	failures int       // how often in a row the destination was down
	until    time.Time // no attempt before this
}

// booking is a message with an attempt booked, and when.
type booking struct {
	app.Message
	at time.Time
}

// ahead bounds how many messages wait in a lane for a connection, so that none is idle while an outcome is written to
// disk. A crash costs them the attempt that is booked, no more.
const ahead = 30

// unwritten bounds how many attempts a connection may begin before what came of the first is on disk: a crash makes at
// most so many mails arrive twice.
const unwritten = 4

func newLane(name string, settings app.Settings) *lane {
	l := &lane{name: name, settings: settings, limits: settings.Limits, feed: make(chan *booking, batch), first: make(chan *booking, batch)}
	l.begun = make(chan struct{}, unwritten*l.connections())
	return l
}

// connections returns how many workers the lane may have.
func (l *lane) connections() int {
	if n := l.limits.DeliveriesPerHost; n > 0 {
		return min(n, batch)
	}
	return batch
}

// room returns how many messages may be booked now. A destination that was down is tried with one message first: all
// others would only spend their attempts. One that takes mail gets ahead of its connections.
func (l *lane) room() int {
	switch {
	case wallNow().Before(l.until):
		return 0
	case l.failures > 0:
		return max(0, 1-l.booked)
	case len(l.feed) > l.connections():
		return 0 // booking a few at a time would be a commit each
	default:
		return min(l.connections()+min(l.row, ahead), batch) - l.booked
	}
}

// ownRoom is room for Foyer's own mail: what programs have booked does not stand in its way.
func (l *lane) ownRoom() int {
	if room := l.room(); l.failures > 0 || wallNow().Before(l.until) || room > 0 {
		return room
	}
	return max(0, l.connections()-l.own)
}

// book counts n messages like m more, or less.
func (l *lane) book(m app.Message, n int) {
	l.booked += n
	if !m.Kind.Relayed() {
		l.own += n
	}
}

// waiting returns how many messages wait for a connection.
func (l *lane) waiting() int { return len(l.feed) + len(l.first) }

// next returns a message to deliver, Foyer's own first, or nil when the lane is closed or patience is at its end.
func (l *lane) next(patience <-chan time.Time) *booking {
	select {
	case b := <-l.first:
		return b
	default:
	}
	select {
	case b := <-l.first:
		return b
	case b := <-l.feed: // nil when it is closed
		return b
	case <-patience:
		return nil
	}
}

// leads reports whether the lane would still be made as it was.
func (l *lane) leads(settings app.Settings) bool {
	was, is := l.settings.Limits, settings.Limits
	return l.settings.Mail == settings.Mail && l.settings.PublicURL == settings.PublicURL && was.DeliveriesPerHost == is.DeliveriesPerHost &&
		was.MXHosts == is.MXHosts && was.MXSeconds == is.MXSeconds && was.TLSDays == is.TLSDays
}

// idle reports whether nothing would be lost with the lane.
func (l *lane) idle() bool {
	const forgotten = time.Hour
	return l.workers == 0 && l.booked == 0 && (l.failures == 0 || wallNow().Sub(l.until) > forgotten)
}

// note takes into account how an attempt has ended. A destination that is down rests for 1, 2, 4 minutes and so on up
// to 30.
func (l *lane) note(err error) {
	const first, longest = time.Minute, 30 * time.Minute
	down := isHostDown(err)
	switch {
	case err == nil:
		l.row++
	case IsTemporary(err):
		l.row = 0
	}
	switch {
	case !down:
		l.failures, l.until = 0, time.Time{}
	case !wallNow().Before(l.until): // several attempts that fail together are one failure
		l.until = wallNow().Add(min(first<<min(l.failures, 10), longest))
		l.failures++
	}
}

// worker is one connection of a lane.
type worker struct {
	*scheduler
	lane    *lane
	courier Courier
}

// keepOpen returns how long a connection waits for another message. RFC 5321, 4.5.3.2.7, lets servers wait 5 minutes;
// Postfix keeps what it caches for 2 seconds. Where there are many destinations, they wait for each other.
func keepOpen(settings app.MailSettings) time.Duration {
	if settings.Transport == "direct" {
		return 200 * time.Millisecond
	}
	return 2 * time.Second
}

// run delivers until nothing has come for a while, the lane is closed, or its destination is down.
func (w *worker) run() {
	defer func() { w.events <- event{lane: w.lane} }()
	defer func() { _ = w.courier.Close() }() // every message has its answer
	patience := keepOpen(w.lane.settings.Mail)
	idle := time.NewTimer(patience)
	defer idle.Stop()
	for {
		b := w.lane.next(idle.C)
		if b == nil {
			return
		}
		o := w.attempt(b)
		w.events <- event{lane: w.lane, done: &o}
		if isHostDown(o.err) {
			return
		}
		idle.Reset(patience)
	}
}

// attempt delivers a message and returns what came of it. It ends before the message's lease does; where most of that
// has gone by while slow ones were in front, it does not begin.
func (w *worker) attempt(b *booking) outcome {
	m, lease := b.Message, w.config.Lease
	if now := wallNow(); now.Sub(b.at) > lease/4 {
		return untried(m, now)
	}
	select {
	case w.lane.begun <- struct{}{}:
	case <-w.deliveries.Done():
		return untried(m, wallNow())
	}
	began := time.Now()
	ctx, cancel := context.WithDeadline(w.deliveries, b.at.Add(lease-min(time.Minute, lease/10)))
	defer cancel()
	report, err := deliver(ctx, w.courier, m)
	o := outcome{lane: w.lane, message: m, err: err, took: time.Since(began)}
	o.Steps = report.Steps
	now := wallNow()
	switch {
	case err == nil:
		o.State, o.Reply = app.MessageDelivered, report.Reply
		return o
	case IsTemporary(err):
		o.State, o.Reply = app.MessageDeferred, clean(err.Error())
		o.Next = now.Add(Backoff(m.Attempts))
		if expires := m.ExpiresAt; !expires.IsZero() && expires.Before(o.Next) {
			o.Next = expires // that is when it turns to failed, and shows so
		}
	default:
		o.State, o.Reply = app.MessageFailed, clean(err.Error())
		o.Suppress = suppresses(m, err)
	}
	if o.State == app.MessageFailed {
		o.Notice = w.notice(app.MailBounce, m, o.Delivery, w.config.Settings())
	}
	return o
}

// suppresses reports whether err is a reason to send the recipient nothing more. After a program's mail the recipient would
// get no confirmation and no reset either, so there it takes a code that is about the address and nothing else: many
// servers refuse a sender or its mail, which the program has chosen, with a bare "550" to RCPT TO.
func suppresses(m app.Message, err error) bool {
	e, ok := errors.AsType[*ReplyError](err)
	return ok && e.Recipient && (!m.Kind.Relayed() || namesRecipient(e.Enhanced))
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

// logOutcome tells the log what came of an attempt. The answer itself often names the recipient: it is in the row, not
// in the log.
func (q *Queue) logOutcome(o outcome) {
	log := q.config.Log.With("id", o.message.ID, "kind", o.message.Kind, "to", o.message.Recipient.Masked(), "attempt", o.message.Attempts)
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
