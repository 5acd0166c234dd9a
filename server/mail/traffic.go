package mail

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"foyer/app"
)

// Traffic returns what the queue has done since it was made, and the destinations it has to do with now. It waits for a
// commit that is under way, and not longer than ctx.
func (q *Queue) Traffic(ctx context.Context) (app.MailTraffic, error) {
	answer := make(chan app.MailTraffic, 1)
	select {
	case q.asked <- answer:
		return <-answer, nil
	case <-q.ended:
		return app.MailTraffic{}, nil
	case <-ctx.Done():
		return app.MailTraffic{}, &app.Error{Code: app.Unavailable, Reason: "queue_busy", Message: "the mail queue does not answer; the service's log may say why", Err: ctx.Err()}
	}
}

// count takes an attempt that was made into account.
func (s *scheduler) count(o outcome) {
	s.traffic.Attempts[o.State]++
	if o.took > 0 {
		s.traffic.Took.Add(o.took)
	}
	if o.State == app.MessageDelivered {
		s.traffic.Age.Add(max(0, wallNow().Sub(o.message.CreatedAt)))
	}
}

// report returns the traffic with the lanes of this moment, those that rest first.
func (s *scheduler) report() app.MailTraffic {
	t := s.traffic
	t.Attempts = maps.Clone(t.Attempts)
	for _, l := range s.lanes {
		d := app.MailDestination{Name: l.name, Connections: l.workers, UnderWay: l.booked, Failures: l.failures}
		if wallNow().Before(l.until) {
			d.RestsUntil = l.until
		}
		if d != (app.MailDestination{Name: l.name}) {
			t.Destinations = append(t.Destinations, d)
		}
	}
	slices.SortFunc(t.Destinations, func(a, b app.MailDestination) int {
		return cmp.Or(-cmp.Compare(a.Failures, b.Failures), -cmp.Compare(a.UnderWay, b.UnderWay), cmp.Compare(a.Name, b.Name))
	})
	return t
}

// newTraffic begins to count.
func newTraffic() app.MailTraffic {
	return app.MailTraffic{Since: time.Now(), Attempts: map[app.MessageState]int64{}}
}
