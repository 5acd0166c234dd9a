package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// The formats of the log.
const (
	logText = "text"
	logJSON = "json"
)

// logFormat is what the flag --log-format names; "" is text, as the journal wants it where standard error is the journal.
type logFormat string

func (f *logFormat) UnmarshalText(text []byte) error {
	switch string(text) {
	case "", logText, logJSON:
		*f = logFormat(text)
		return nil
	default:
		return errors.New("write text or json")
	}
}

func (f logFormat) MarshalText() ([]byte, error) { return []byte(f), nil }

// newLog returns a log that writes to w.
func newLog(w io.Writer, format logFormat, journal bool, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	switch {
	case format == logJSON:
		return slog.New(slog.NewJSONHandler(w, options))
	case journal && format == "":
		return slog.New(newJournalHandler(w, level))
	default:
		return slog.New(slog.NewTextHandler(w, options))
	}
}

// journalHandler writes lines as systemd-journald wants them: the journal has its own time, and takes the level from a number in
// front (sd-daemon(3)).
type journalHandler struct {
	priorities map[slog.Level]slog.Handler // by the least level that is of it
}

func newJournalHandler(w io.Writer, level slog.Leveler) journalHandler {
	h := journalHandler{map[slog.Level]slog.Handler{}}
	for least, priority := range map[slog.Level]int{slog.LevelDebug: 7, slog.LevelInfo: 6, slog.LevelWarn: 4, slog.LevelError: 3} {
		h.priorities[least] = slog.NewTextHandler(prefixed{w, fmt.Appendf(nil, "<%d>", priority)}, &slog.HandlerOptions{Level: level, ReplaceAttr: withoutTime})
	}
	return h
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

// of returns the handler of a level.
func (h journalHandler) of(level slog.Level) slog.Handler {
	for _, least := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo} {
		if level >= least {
			return h.priorities[least]
		}
	}
	return h.priorities[slog.LevelDebug]
}

func (h journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.of(level).Enabled(ctx, level)
}

func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(of slog.Handler) slog.Handler { return of.WithAttrs(attrs) })
}

func (h journalHandler) WithGroup(name string) slog.Handler {
	return h.with(func(of slog.Handler) slog.Handler { return of.WithGroup(name) })
}

func (h journalHandler) with(change func(slog.Handler) slog.Handler) slog.Handler {
	changed := journalHandler{map[slog.Level]slog.Handler{}}
	for least, of := range h.priorities {
		changed.priorities[least] = change(of)
	}
	return changed
}

// prefixed writes something in front of each line. A line comes in one call, and leaves in one.
type prefixed struct {
	w      io.Writer
	prefix []byte
}

func (p prefixed) Write(line []byte) (int, error) {
	n, err := p.w.Write(append(slices.Clip(p.prefix), line...))
	return max(0, n-len(p.prefix)), err
}
