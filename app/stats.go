package app

import (
	"context"
	"time"
)

// Stats is what the last days were like. Days has one for each, the oldest first, also for those without anything.
type Stats struct {
	Days          []DayStats
	Accounts      int // of now, as those below
	Disabled      int // of the accounts
	Registrations int
	Companies     int
}

// DayStats is what happened on one day.
type DayStats struct {
	Begin    time.Time
	Requests int // sign-ups that got a registration
	Accounts int // accounts that were made, also those that were removed since
	Mails    map[MessageState]int
}

// MaxStatsDays bounds how many days Stats counts.
const MaxStatsDays = 366

// Stats counts what the last days were like, today included, by a clock that is offset ahead of UTC. Invalid on fields
// "days" and "offset".
func (s *Service) Stats(ctx context.Context, days int, offset time.Duration) (Stats, error) {
	if days < 1 || days > MaxStatsDays {
		return Stats{}, Fieldf("days", "days_invalid", "days is a number from 1 to %d", MaxStatsDays)
	}
	if offset.Abs() > 24*time.Hour {
		return Stats{}, Fieldf("offset", "offset_invalid", "offset is how many minutes the clock is ahead of UTC, at most 1440 either way")
	}
	const day = 24 * time.Hour
	today := time.Now().UTC().Add(offset).Truncate(day).Add(-offset)
	return s.store.Stats(ctx, today.Add(-time.Duration(days-1)*day), days)
}
