package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJournalLog(t *testing.T) {
	var b strings.Builder
	level := new(slog.LevelVar)
	log := newLog(&b, "", true, level).With("part", "x")
	log.Debug("hidden")
	log.Info("one", "text", "a\nb")
	log.Warn("two")
	log.WithGroup("g").Error("three", "err", errors.New("no"), "level", "kept") //nolint:sloglint // somebody may
	level.Set(slog.LevelDebug)
	log.Debug("four")
	log.Log(context.Background(), slog.LevelError+4, "five")
	want := "<6>msg=one part=x text=\"a\\nb\"\n<4>msg=two part=x\n<3>msg=three part=x g.err=no g.level=kept\n<7>msg=four part=x\n<3>msg=five part=x\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestLogFormats(t *testing.T) {
	var b strings.Builder
	newLog(&b, logJSON, true, slog.LevelInfo).Info("one", "n", 1)
	var line struct {
		Time, Level, Msg string
		N                int
	}
	if err := json.Unmarshal([]byte(b.String()), &line); err != nil || line.Msg != "one" || line.N != 1 || line.Level != "INFO" || line.Time == "" {
		t.Errorf("json: got %s (%v)", b.String(), err)
	}
	for _, journal := range []bool{true, false} {
		b.Reset()
		format := logFormat(logText)
		if !journal {
			format = ""
		}
		newLog(&b, format, journal, slog.LevelInfo).Info("one")
		if !strings.HasPrefix(b.String(), "time=") || !strings.Contains(b.String(), "level=INFO msg=one") {
			t.Errorf("text: got %s", b.String())
		}
	}
	var f logFormat
	if err := f.UnmarshalText([]byte("xml")); err == nil {
		t.Error("xml is taken for a format")
	}
}

// A program that a service has started inherits the name of the journal's stream. What it writes elsewhere does not go there.
func TestIsJournal(t *testing.T) {
	stream := func(value string) func(string) string {
		return func(name string) string {
			if name == "JOURNAL_STREAM" {
				return value
			}
			return ""
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for value, want := range map[string]bool{"": false, "1:2": false, streamOf(t, file): true} {
		if got := isJournal(file, stream(value)); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	if isJournal(&strings.Builder{}, stream(streamOf(t, file))) {
		t.Error("what is no file is taken for the journal")
	}
}
