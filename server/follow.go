package server

import (
	"context"
	"log/slog"
	"slices"

	"foyer/app"
)

// follow does what settings say that were changed, until ctx is done.
func (s *Server) follow(ctx context.Context) {
	watch := s.service.Watch()
	defer watch.Close()
	s.settingsChanged() // those that were changed since the start are told to no watch
	for {
		select {
		case <-ctx.Done():
			return
		case <-watch.Changed():
			topics := watch.Take()
			if slices.Contains(topics, app.TopicSettings) || slices.Contains(topics, app.TopicAddress) {
				s.settingsChanged()
			}
		}
	}
}

func (s *Server) settingsChanged() {
	settings := s.service.Settings()
	if level := settings.Watching.LogLevel; level != s.level {
		s.level = level
		s.setLevel(level)
	}
	s.announcer.Offer(offer(settings, s.serving.Serving().Listeners))
}

// setLevel makes the log say as much as the setting says.
func (s *Server) setLevel(name string) {
	var level slog.Level
	if s.config.Level == nil || level.UnmarshalText([]byte(name)) != nil { // the setting has been checked
		return
	}
	s.config.Level.Set(level)
}

// beginLevel makes the log say as much as the setting says, unless the command line has said otherwise for this start.
func (s *Server) beginLevel() {
	s.level = s.service.Settings().Watching.LogLevel
	if !s.config.LevelGiven {
		s.setLevel(s.level)
	}
}
