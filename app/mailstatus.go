package app

import (
	"context"
	"time"
)

// MailStatus says how mail stands: where it goes, what waits, and what came of it since the service started.
type MailStatus struct {
	Transport string
	Held      bool // the setting mail.hold is on
	Waiting   MailBacklog
	Traffic   MailTraffic
}

// MailBacklog counts the messages there are.
type MailBacklog struct {
	States map[MessageState]int
	Oldest time.Time // when the longest waiting one was written; zero when none waits
}

// MailTraffic counts what the queue has done since Since.
type MailTraffic struct {
	Since        time.Time
	Attempts     map[MessageState]int64 // how they have ended: delivered, deferred, failed or captured
	Took         Durations              // of the attempts
	Age          Durations              // of the messages when they were delivered
	Destinations []MailDestination
}

// MailDestination is a mail server, or those of a domain, that the queue has to do with at this moment.
type MailDestination struct {
	Name        string
	Connections int
	UnderWay    int       // messages booked for it
	Failures    int       // how often in a row it was down
	RestsUntil  time.Time // no attempt before this; zero when it does not rest
}

// Durations is a histogram. Its zero value is empty.
type Durations struct {
	Counts [len(DurationBounds) + 1]int64 // Counts[i] is of those up to DurationBounds[i]; the last is of all others
	Sum    time.Duration
}

// DurationBounds are where the buckets of a Durations end.
var DurationBounds = [...]time.Duration{
	10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// Add counts one more.
func (d *Durations) Add(t time.Duration) {
	i := 0
	for i < len(DurationBounds) && t > DurationBounds[i] {
		i++
	}
	d.Counts[i]++
	d.Sum += t
}

// MailStatus returns how mail stands at this moment.
func (s *Service) MailStatus(ctx context.Context) (MailStatus, error) {
	settings := s.Settings()
	status := MailStatus{Transport: settings.Mail.Transport, Held: settings.HoldMail}
	var err error
	if status.Waiting, err = s.store.MailBacklog(ctx); err != nil {
		return status, err
	}
	status.Traffic, err = s.outbox.Traffic(ctx)
	return status, err
}
