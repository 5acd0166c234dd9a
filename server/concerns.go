package server

import (
	"context"
	"slices"
	"time"

	"foyer/app"
	"foyer/server/metrics"
)

// concerns returns what wants attention and the domain does not know of.
func (s *Server) concerns() []app.Concern {
	return slices.Concat(s.checkups.concerns(), s.clock.concerns(), s.port.concerns(), s.announceConcerns())
}

// certificateUntil returns the end of the certificate that browsers are shown: our own one, or the one of a proxy, as it was seen last;
// zero for none.
func (s *Server) certificateUntil() time.Time {
	if c := s.serving.Serving().Certificate; c != nil {
		return c.NotAfter
	}
	if end := s.certificateEnd.Load(); end != nil {
		return *end
	}
	return time.Time{}
}

// newMetrics returns what counts and tells what the service does.
func (s *Server) newMetrics() *metrics.Metrics {
	c := metrics.Config{
		Version:     s.config.Version,
		Figures:     func(ctx context.Context) (app.StoreFigures, error) { return s.store.Figures(ctx) },
		Traffic:     func(ctx context.Context) (app.MailTraffic, error) { return s.queue.Traffic(ctx) },
		Checkup:     func() app.Checkup { return s.checkups.LastCheckup() },
		Watches:     func() int { return max(0, s.store.Changes().Watches()-1) }, // one is the service's own
		Certificate: s.certificateUntil,
		Backups:     func(ctx context.Context) (app.BackupStatus, error) { return s.backups.Backups(ctx) },
	}
	return metrics.New(c)
}
