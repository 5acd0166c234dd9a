package mail

import (
	"maps"
	"slices"

	"foyer/app"
)

// batch bounds how many messages are claimed in one commit, and how many are on their way inside this process.
const batch = 128

// claimBytes bounds, with one mail more, how much of mail is on its way inside this process.
const claimBytes = 64 << 20

// claim returns what may be taken now; its Limit is 0 or less when that is nothing.
func (s *scheduler) claim(settings app.Settings) app.Claim {
	c := app.Claim{Now: wallNow(), Limit: batch - len(s.claimed), Bytes: claimBytes - s.bytes, Lease: s.config.Lease, Backoff: Backoff}
	switch {
	case settings.HoldMail, !s.released, s.bytes > claimBytes/2:
		c.Limit = 0
	case settings.Mail.Transport == "direct":
		c.Room, c.Only = s.rooms(settings)
		c.Reserve = batch / ownShare
	case settings.Mail.Transport == "smarthost":
		l := s.lane(settings.Mail.Smarthost, settings)
		room := l.room()
		c.Limit = min(c.Limit, l.ownRoom())
		c.Reserve = max(0, c.Limit-room)
	}
	return c
}

// ownShare is which part of the connections, and of what may be booked, the mails of programs cannot have with direct
// delivery. Whoever gives a program an address can keep its connection for many minutes, and has as many domains as they
// want; nobody shall keep others from signing up by that.
const ownShare = 4

// own returns how many connections are for Foyer's own mail only.
func own(settings app.Settings) int {
	most := allowed(settings)
	if settings.Mail.Transport != "direct" || most == 1 {
		return 0
	}
	return max(1, most/ownShare)
}

// rooms returns how many messages may be booked for a domain, and which domains alone may have any; nil for every one. No
// more domains have a connection at one time than there may be connections.
func (s *scheduler) rooms(settings app.Settings) (room app.Room, only func(relayed bool) []string) {
	fresh := newLane("", settings).room()
	admitted := map[string]bool{}
	busy := func(l *lane) bool { return l != nil && l.workers > 0 }
	all, forOwn := s.free(settings), own(settings)
	free := func(relayed bool) int {
		if relayed {
			return all - forOwn
		}
		return all
	}
	room = func(domain string, relayed bool) int {
		l := s.lanes[domain]
		n := fresh
		switch {
		case l != nil && relayed:
			n = l.room()
		case l != nil:
			n = l.ownRoom()
		}
		if n > 0 && !busy(l) && !admitted[domain] {
			if len(admitted) >= free(relayed) {
				return 0
			}
			admitted[domain] = true
		}
		return n
	}
	only = func(relayed bool) []string {
		if len(admitted) < free(relayed) {
			return nil
		}
		domains := slices.Collect(maps.Keys(admitted))
		for _, l := range s.lanes {
			if busy(l) {
				domains = append(domains, l.name)
			}
		}
		return domains
	}
	return room, only
}

// widen gives lanes as many connections as they have use for, as long as there are any left.
func (s *scheduler) widen(settings app.Settings) {
	free := s.free(settings) - own(settings)
	for _, l := range s.lanes {
		for ; free > 0 && l.workers < min(l.connections(), l.booked); free-- {
			s.hire(l)
		}
	}
}

// hire gives a lane one connection more.
func (s *scheduler) hire(l *lane) {
	l.workers++
	w := &worker{scheduler: s, lane: l, courier: s.courier(l.settings)}
	s.workers.Go(func() { w.run() })
}

// allowed returns how many connections there may be.
func allowed(settings app.Settings) int {
	if most := settings.Limits.Deliveries; most > 0 {
		return most
	}
	return batch
}

// free returns how many connections there may be beside those there are.
func (s *scheduler) free(settings app.Settings) int {
	free := allowed(settings)
	for _, l := range s.lanes {
		free -= l.workers
	}
	return free
}
