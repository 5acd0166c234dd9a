package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"foyer/app"
)

// errUnreadable is in the chain when the data of a message is missing or was sealed by another key.
var errUnreadable = errors.New("the message's data is damaged")

// Advance records how attempts have ended, with what that says about the recipients' addresses and what the senders are
// told, and books one attempt for each of the messages that the claim asks for. One commit serves all of it, and is
// durable before it returns, so that a crash never makes the service hammer the other side. refused has an error for each
// outcome: nil or NotFound, or Conflict when the message is not being sent. The claimed messages have Data and that attempt
// counted. With err nothing was written.
//
// What is due is looked for without the writer, which only books: most looks find nothing, and there may be a hundred
// thousand messages for a server that rests.
func (s *Store) Advance(ctx context.Context, outcomes []app.Outcome, c app.Claim) (refused []error, claimed []app.Message, err error) {
	due, err := s.due(c)
	if err != nil || len(due)+len(outcomes) == 0 {
		return nil, nil, errorOf("find due messages", err)
	}
	var booked []candidate
	err = s.write(ctx, "finish and claim messages", func(tx *handle) error {
		if refused, err = s.finishAll(tx, outcomes); err != nil {
			return err
		}
		booked, err = bookAll(tx, due, c)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return refused, s.readClaimed(ctx, booked, c.Bytes), nil
}

func bookAll(tx *handle, due []candidate, c app.Claim) ([]candidate, error) {
	booked := make([]candidate, 0, len(due))
	for _, d := range due {
		n, err := book(tx, d, c)
		if err != nil {
			return nil, err
		}
		if n == 1 { // else the administrator was quicker
			booked = append(booked, d)
		}
	}
	return booked, nil
}

// candidate is a message that is due, with the attempts it has behind it.
type candidate struct {
	id       int64
	attempts int
}

// book counts an attempt and returns 1, or 0 when the message is not due any more.
func book(tx *handle, d candidate, c app.Claim) (int64, error) {
	return tx.exec(`UPDATE message SET state = 'sending', attempts = $1, next_attempt = $2, lease_until = $3
WHERE id = $4 AND attempts = $5 AND (state IN ('queued', 'deferred') AND next_attempt <= $6 OR state = 'sending' AND lease_until < $6)`,
		d.attempts+1, millis(c.Now.Add(c.Backoff(d.attempts+1))), millis(c.Now.Add(c.Lease)), d.id, d.attempts, millis(c.Now))
}

// readClaimed reads messages that are booked. One whose data is damaged fails; one that cannot be read now is given back.
// So are those that are more than limit bytes with the ones before; 0 is no limit. Neither undoes what is committed: what
// cannot be written about them either, their lease ends.
func (s *Store) readClaimed(ctx context.Context, booked []candidate, limit int) []app.Message {
	claimed := make([]app.Message, 0, len(booked))
	var unread []app.Outcome
	var last sharedData
	size := 0
	for _, d := range booked {
		if limit > 0 && size > limit {
			unread = append(unread, app.Outcome{ID: d.id, Delivery: app.Delivery{Untried: true, Next: time.Now()}})
			continue
		}
		m, err := s.messageWhole(s.read, d.id, &last)
		if err == nil {
			claimed = append(claimed, m)
			size += len(m.Data)
			continue
		}
		s.log.Error("a message cannot be read", "id", d.id, "err", err)
		o := app.Outcome{ID: d.id, Delivery: app.Delivery{Untried: true, Next: time.Now().Add(time.Minute)}}
		if errors.Is(err, errUnreadable) {
			o.Delivery = app.Delivery{State: app.MessageFailed, Reply: "the stored message is damaged and cannot be read"}
		}
		unread = append(unread, o)
	}
	if len(unread) == 0 {
		return claimed
	}
	if _, _, err := s.Advance(ctx, unread, app.Claim{}); err != nil {
		s.log.Error("messages that cannot be read stay booked until their lease ends", "messages", len(unread), "err", err)
	}
	return claimed
}

// due returns messages that are due and for which there is room, Foyer's own first, then in the order in which
// they became due. What an attempt that never ended has left behind comes last.
func (s *Store) due(c app.Claim) ([]candidate, error) {
	p := picker{claim: c, taken: map[string]int{}}
	for rank := 0; rank <= 1; rank++ {
		if p.relayed = rank == 1; p.left() <= 0 {
			break
		}
		if err := s.dueByTime(&p, rank); err != nil {
			return nil, err
		}
	}
	p.relayed = false
	if p.left() > 0 {
		err := s.read.each("SELECT id, attempts, recipient_domain FROM message WHERE lease_until < $1 AND state = 'sending' ORDER BY lease_until LIMIT $2",
			[]any{millis(c.Now), p.left()}, p.scan)
		if err != nil {
			return nil, err
		}
	}
	return p.picked, nil
}

// picker takes messages as long as there is room for their domains.
type picker struct {
	claim   app.Claim
	relayed bool // what is looked for is of programs
	picked  []candidate
	taken   map[string]int
	seen    int
	skipped bool
}

func (p *picker) left() int {
	left := p.claim.Limit - len(p.picked)
	if p.relayed {
		left -= p.claim.Reserve
	}
	return left
}

func (p *picker) room(domain string) int {
	if p.claim.Room == nil {
		return p.left()
	}
	return min(p.left(), p.claim.Room(domain, p.relayed)-p.taken[domain])
}

// only returns the domains that alone may have room now, or nil when any may.
func (p *picker) only() []string {
	if p.claim.Only == nil {
		return nil
	}
	return p.claim.Only(p.relayed)
}

func (p *picker) scan(rows *sql.Rows) error {
	var d candidate
	var domain string
	if err := rows.Scan(&d.id, &d.attempts, &domain); err != nil {
		return err
	}
	p.seen++
	switch {
	case slices.Contains(p.picked, d): // it was found by its time
		return nil
	case p.room(domain) <= 0:
		p.skipped = true
		return nil
	}
	p.picked = append(p.picked, d)
	p.taken[domain]++
	return nil
}

// dueByTime takes what has waited longest. Where some domains have no room, the rest is found domain by domain: there
// may be a hundred thousand messages of one domain in front.
func (s *Store) dueByTime(p *picker, rank int) error {
	limit := p.left()
	p.seen, p.skipped = 0, false
	err := s.read.each(`SELECT id, attempts, recipient_domain FROM message
WHERE rank = $1 AND next_attempt <= $2 AND state IN ('queued', 'deferred')
ORDER BY next_attempt LIMIT $3`, []any{rank, millis(p.claim.Now), limit}, p.scan)
	if err != nil || !p.skipped || p.seen < limit {
		return err
	}
	return s.dueByDomain(p, rank)
}

// dueByDomain goes round the domains that wait, and begins behind the one where it has ended before, so that each has
// its turn.
func (s *Store) dueByDomain(p *picker, rank int) error {
	start := s.lastDomain
	domain, wrapped := start, false
	for p.left() > 0 {
		if only := p.only(); only != nil {
			// Going round tens of thousands that must wait in any case takes a tenth of a second, at every commit.
			return s.dueOfOnly(p, rank, only)
		}
		next, soonest, err := s.nextDomain(rank, domain)
		switch {
		case err != nil:
			return err
		case next == "" && wrapped, wrapped && next > start:
			return nil
		case next == "":
			domain, wrapped = "", true
			continue
		}
		domain = next
		if soonest <= millis(p.claim.Now) { // who asks for room where nothing is due takes it from others
			if err := s.dueOf(p, rank, domain); err != nil {
				return err
			}
		}
		s.lastDomain = domain
	}
	return nil
}

// nextDomain returns the domain behind another one for which a message waits, and when the first such is due; "" behind
// the last.
func (s *Store) nextDomain(rank int, behind string) (domain string, soonest int64, err error) {
	err = s.read.one(`SELECT recipient_domain, next_attempt FROM message
WHERE rank = $1 AND recipient_domain > $2 AND state IN ('queued', 'deferred')
ORDER BY recipient_domain, next_attempt LIMIT 1`, []any{rank, behind}, &domain, &soonest)
	if errors.Is(err, sql.ErrNoRows) {
		return "", 0, nil
	}
	return domain, soonest, err
}

// dueOfOnly takes what is due of some domains.
func (s *Store) dueOfOnly(p *picker, rank int, domains []string) error {
	for _, domain := range domains {
		if err := s.dueOf(p, rank, domain); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) dueOf(p *picker, rank int, domain string) error {
	room := p.room(domain)
	if room <= 0 {
		return nil
	}
	return s.read.each(`SELECT id, attempts, recipient_domain FROM message
WHERE rank = $1 AND recipient_domain = $2 AND next_attempt <= $3 AND state IN ('queued', 'deferred')
ORDER BY next_attempt LIMIT $4`, []any{rank, domain, millis(p.claim.Now), room + p.taken[domain]}, p.scan)
}

// finishAll writes outcomes and returns an error for each that cannot be written.
func (s *Store) finishAll(tx *handle, outcomes []app.Outcome) ([]error, error) {
	refused := make([]error, len(outcomes))
	for i, o := range outcomes {
		switch err := s.finishOne(tx, o); app.CodeOf(err) {
		case "":
		case app.NotFound, app.Conflict:
			refused[i] = err // nothing of this one is written
		default:
			return nil, err
		}
	}
	return refused, nil
}

func (s *Store) finishOne(tx *handle, o app.Outcome) error {
	recipient, err := finish(tx, o.ID, o.Delivery, "state = 'sending'")
	if errors.Is(err, sql.ErrNoRows) {
		if _, err := message(tx, o.ID); err != nil {
			return err
		}
		return app.Errorf(app.Conflict, "message_state", "message %d is not being sent", o.ID)
	}
	if err != nil {
		return err
	}
	if o.Notice != nil {
		if _, err := s.insertMessage(tx, *o.Notice); err != nil {
			return err
		}
	}
	switch {
	case o.State == app.MessageFailed && o.Suppress:
		return s.suppress(tx, o.ID, o.Reply)
	case o.State == app.MessageDelivered:
		return s.unsuppressDelivered(tx, o.ID, recipient)
	}
	return nil
}

// finish writes the end of an attempt to the message id if the condition holds, and returns the key of its recipient.
// sql.ErrNoRows when it does not.
func finish(tx *handle, id int64, d app.Delivery, condition string) (recipient string, err error) {
	if d.Untried {
		return recipient, tx.one(`UPDATE message SET state = CASE WHEN attempts = 1 THEN 'queued' ELSE 'deferred' END,
	attempts = attempts - 1, next_attempt = $1, lease_until = NULL
WHERE id = $2 AND `+condition+"\nRETURNING recipient_key", []any{millis(d.Next), id}, &recipient)
	}
	steps, err := stepsText(d.Steps)
	if err != nil {
		return "", err
	}
	ended, next := nullMillis(time.Now()), time.Time{}
	if d.State == app.MessageDeferred {
		ended, next = sql.NullInt64{}, d.Next
	}
	return recipient, tx.one(`UPDATE message SET state = $1, reply = $2, next_attempt = $3, lease_until = NULL, ended_at = $4, steps = $5
WHERE id = $6 AND `+condition+"\nRETURNING recipient_key",
		[]any{string(d.State), d.Reply, nullMillis(next), ended, steps, id}, &recipient)
}

// NextAttempt returns when the next message is due, and false when none is.
func (s *Store) NextAttempt(_ context.Context) (time.Time, bool, error) {
	var next sql.NullInt64
	err := s.read.one(`SELECT MIN(due) FROM (
	SELECT MIN(next_attempt) AS due FROM message WHERE rank = 0 AND state IN ('queued', 'deferred')
	UNION ALL
	SELECT MIN(next_attempt) FROM message WHERE rank = 1 AND state IN ('queued', 'deferred')
	UNION ALL
	SELECT MIN(lease_until) FROM message WHERE lease_until IS NOT NULL AND state = 'sending'
) AS soonest`, nil, &next)
	return timeOfNull(next), next.Valid, errorOf("find next attempt", err)
}

// maxDelay is how far ahead an attempt may lie: more means that the clock was wrong when it was planned.
const maxDelay = 4*time.Hour + 30*time.Minute

// ReleaseMessages makes attempts of a process that is gone due by their backoff, and attempts that a wrong clock put
// far ahead due now. It is called at start and after the clock was set back, when nothing is under way.
func (s *Store) ReleaseMessages(ctx context.Context) error {
	now := time.Now()
	return s.write(ctx, "release messages", func(tx *handle) error {
		_, err := tx.exec("UPDATE message SET state = 'deferred', lease_until = NULL, reply = 'the attempt was cut off' WHERE state = 'sending'")
		if err != nil {
			return err
		}
		_, err = tx.exec("UPDATE message SET next_attempt = $1 WHERE next_attempt > $2", millis(now), millis(now.Add(maxDelay)))
		return err
	})
}
