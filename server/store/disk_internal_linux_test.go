package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
)

// logged counts the records of each level.
type logged struct {
	*slog.Logger
	text *strings.Builder
}

func newLogged() logged {
	text := &strings.Builder{}
	return logged{slog.New(slog.NewTextHandler(text, nil)), text}
}

// smallDisk is a disk of which the test says how much is free beside the reserve.
func smallDisk(tb testing.TB, free *int64) (*disk, logged) {
	tb.Helper()
	l := newLogged()
	d := newDisk(tb.TempDir(), l.Logger)
	d.free = func(string) (int64, error) { return *free - d.have, nil }
	return d, l
}

const mb = 1 << 20

// blocks returns how many bytes of the disk the reserve takes.
func blocks(tb testing.TB, d *disk) int64 {
	tb.Helper()
	info, err := os.Stat(d.path())
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		tb.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		tb.Errorf("the reserve has the mode %o, want 600", mode)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestReserve(t *testing.T) {
	free := int64(200 * mb)
	d, log := smallDisk(t, &free)
	d.keep(8 * mb)
	if got := blocks(t, d); got < 8*mb {
		t.Errorf("the reserve takes %d bytes of the disk, want 8 MiB", got)
	}
	steps := []struct {
		free    int64 // with the reserve in it
		full    bool
		reserve int64
	}{
		{12 * mb, false, 8 * mb},
		{12*mb - 1, true, 0}, // less than half of it is free beside it
		{15 * mb, true, 0},
		{16*mb - 1, true, 0}, // not enough for the reserve and twice the low water
		{16 * mb, false, 8 * mb},
		{0, true, 0},
		{100 * mb, false, 8 * mb},
	}
	for _, step := range steps {
		free = step.free
		d.check()
		if d.full.Load() != step.full || blocks(t, d) < step.reserve || step.reserve == 0 && blocks(t, d) != 0 {
			t.Fatalf("with %d bytes: full %t, %d bytes reserved; want %t, %d", step.free, d.full.Load(), blocks(t, d), step.full, step.reserve)
		}
		if err := d.admit(); (app.ReasonOf(err) == "storage_full") != step.full || (err != nil) != step.full {
			t.Errorf("with %d bytes: admit says %v", step.free, err)
		}
	}
	if n := strings.Count(log.text.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors in the log, want one for each time the disk was full:\n%s", n, log.text)
	}
	d.keep(0)
	if got := blocks(t, d); got != 0 {
		t.Errorf("without a reserve, %d bytes are reserved", got)
	}
	free = 0
	if d.check(); d.full.Load() {
		t.Error("without a reserve the disk counts as full")
	}
}

// TestReserveThatStays cannot give up the reserve: once there is room, mail is taken again nevertheless.
func TestReserveThatStays(t *testing.T) {
	free := int64(200 * mb)
	d, _ := smallDisk(t, &free)
	d.keep(8 * mb)
	dir := d.dir
	d.dir = filepath.Join(d.path(), "lost") // below a file nothing can be removed
	free = 9 * mb
	if d.check(); !d.full.Load() {
		t.Fatal("the disk does not count as full")
	}
	d.dir, free = dir, 200*mb
	if d.check(); d.full.Load() || blocks(t, d) < 8*mb {
		t.Errorf("full %t, %d bytes reserved, although there is room again", d.full.Load(), blocks(t, d))
	}
}

// TestReserveTooLarge has less space than the reserve wants: that is told once, and mail is taken.
func TestReserveTooLarge(t *testing.T) {
	free := int64(50 * mb)
	d, log := smallDisk(t, &free)
	for range 3 {
		d.keep(100 * mb)
		d.check()
	}
	if err := d.admit(); err != nil || blocks(t, d) != 0 {
		t.Errorf("admit says %v, %d bytes reserved", err, blocks(t, d))
	}
	if n := strings.Count(log.text.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, log.text)
	}
	d.keep(1 * mb)
	if blocks(t, d) < mb {
		t.Error("a smaller reserve is not made")
	}
}

// TestReserveOfBefore starts with a reserve that is there, and with one that somebody has removed.
func TestReserveOfBefore(t *testing.T) {
	free := int64(100 * mb)
	d, _ := smallDisk(t, &free)
	d.keep(2 * mb)
	again := newDisk(d.dir, d.log)
	again.keep(2 * mb)
	if again.have != 2*mb {
		t.Errorf("the reserve of before counts %d bytes", again.have)
	}
	if err := os.Remove(d.path()); err != nil {
		t.Fatal(err)
	}
	if again.keep(2 * mb); blocks(t, again) < 2*mb {
		t.Error("a reserve that was removed is not made again")
	}
	again.keep(1 * mb)
	if got := blocks(t, again); got < mb || got >= 2*mb {
		t.Errorf("a smaller reserve takes %d bytes", got)
	}
}

// TestDiskFaultIsToldOnce has commits fail for the disk's sake.
func TestDiskFaultIsToldOnce(t *testing.T) {
	free := int64(100 * mb)
	d, log := smallDisk(t, &free)
	for _, err := range []error{
		fmt.Errorf("commit: %w", sqlite3.Error{Code: sqlite3.ErrIoErr}),
		sqlite3.Error{Code: sqlite3.ErrFull},
		sqlite3.Error{Code: sqlite3.ErrReadonly},
		sqlite3.Error{Code: sqlite3.ErrConstraint},
		nil, nil,
		sqlite3.Error{Code: sqlite3.ErrReadonly},
	} {
		d.committed(err)
	}
	var got []string
	for line := range strings.Lines(log.text.String()) {
		_, level, _ := strings.Cut(line, "level=")
		level, _, _ = strings.Cut(level, " ")
		got = append(got, level)
	}
	if want := []string{"ERROR", "INFO", "ERROR"}; !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q:\n%s", got, want, log.text)
	}
	d.keep(1 * mb)
	if d.committed(sqlite3.Error{Code: sqlite3.ErrFull}); !d.full.Load() || d.takeNews() == nil {
		t.Error("the database says that the disk is full, and it does not count as full")
	}
}

// TestFullDiskRefusesWhatIsNew opens a store on a disk that fills up: what begins anything is refused, the rest is not,
// and the audit says so.
func TestFullDiskRefusesWhatIsNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := MakeDir(dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	key, err := LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	free := int64(mb)
	s.disk.free = func(string) (int64, error) { return free, nil }
	s.Reserve(4)
	ctx := t.Context()
	refused := map[string]error{"ping": s.Ping(ctx)}
	_, refused["request"] = s.Request(ctx, app.Request{})
	_, refused["link"] = s.RequestLink(ctx, app.Request{})
	_, _, refused["resend"] = s.Resend(ctx, app.Request{})
	_, refused["mail"] = s.AddMessage(ctx, app.Message{}, app.Event{})
	_, refused["account"] = s.CreateAccount(ctx, app.Registration{}, app.Session{}, app.Event{})
	refused["submission"] = s.AddSubmission(ctx, app.Submission{}, time.Now(), time.Now(), app.Limits{})
	for what, err := range refused {
		if app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != "storage_full" {
			t.Errorf("%s: %v, want storage_full", what, err)
		}
	}
	if err := s.ReleaseMessages(ctx); err != nil {
		t.Errorf("a change of state: %v", err)
	}
	free = 100 * mb
	if err := s.Ping(ctx); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Ping(ctx); err != nil { // the event of the room is written with the next commit
		t.Error(err)
	}
	events, err := s.Events(ctx, app.EventQuery{Limit: 10})
	if err != nil || len(events) != 2 || events[1].Outcome != "storage_full" || events[0].Outcome != app.OK || events[0].Action != app.ActStorage {
		t.Errorf("the audit has %+v, %v", events, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
