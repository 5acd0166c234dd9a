package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wrongClock is the clock of a service that can be set wrong while it runs.
type wrongClock struct {
	tb     testing.TB
	file   string
	runner []string // runs a command with that clock
}

// newWrongClock compiles the helper, or skips the test where it does not work.
func newWrongClock(tb testing.TB) *wrongClock {
	tb.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		tb.Skip("the clock of a process can be set wrong on Linux and x86-64 only")
	}
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		tb.Skip("gcc is not installed; .ci/need test brings it")
	}
	dir := tb.TempDir()
	helper := filepath.Join(dir, "clock")
	if out, err := exec.Command(compiler, "-O1", "-o", helper, filepath.Join("testdata", "clock.c")).CombinedOutput(); err != nil {
		tb.Fatalf("compile testdata/clock.c: %v\n%s", err, out)
	}
	c := &wrongClock{tb: tb, file: filepath.Join(dir, "seconds")}
	c.runner = []string{helper, c.file}
	c.set(-24 * time.Hour)
	out, err := exec.Command(helper, c.file, "date", "+%s").CombinedOutput()
	if told, parseErr := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64); err != nil || parseErr != nil || time.Since(time.Unix(told, 0)) < 23*time.Hour {
		tb.Skipf("a process cannot be traced here: %v: %s", err, out)
	}
	c.set(0)
	return c
}

// set sets by how much the clock is ahead.
func (c *wrongClock) set(ahead time.Duration) {
	c.tb.Helper()
	next := c.file + ".new"
	if err := os.WriteFile(next, []byte(strconv.Itoa(int(ahead.Seconds()))), 0o600); err != nil {
		c.tb.Fatal(err)
	}
	if err := os.Rename(next, c.file); err != nil {
		c.tb.Fatal(err)
	}
}

// TestClockJumps sets the clock of the running service a day ahead, and then an hour behind. Mail that was planned by
// either clock leaves, what is new leaves at once, and a confirmation whose link has expired says so. It goes on as well by a
// clock that is years off.
func TestClockJumps(t *testing.T) {
	clock := newWrongClock(t)
	next := newNextServer(t)
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir, clock.runner...), dir, next.addr)
	state := func(recipient string) string {
		for _, m := range query[[]queued](r.process, "mail", "list") {
			if m.Recipient == recipient {
				return m.State
			}
		}
		return ""
	}

	next.notNow("planned@one.example")
	r.handOne(password, "load", "planned@one.example")
	eventually(t, "the attempt has failed", func() bool { return state("planned@one.example") == "deferred" })
	next.notNow("")
	r.run("settings", "set", "mail.hold=on")
	if got := r.signUpStatus("jane@acme.example"); got != http.StatusSeeOther {
		t.Fatalf("sign-up: %d", got)
	}

	clock.set(24*time.Hour + time.Minute)
	r.run("settings", "set", "mail.hold=off")
	r.handOne(password, "load", "ahead@one.example")
	eventually(t, "mail leaves a day later", func() bool {
		return state("ahead@one.example") == "delivered" && state("planned@one.example") == "delivered"
	})
	eventually(t, "the confirmation has expired", func() bool { return state("jane@acme.example") == "failed" })
	next.notNow("wrong@one.example")
	r.handOne(password, "load", "wrong@one.example")
	eventually(t, "the attempt has failed", func() bool { return state("wrong@one.example") == "deferred" })
	next.notNow("")

	clock.set(-time.Hour)
	r.handOne(password, "load", "behind@one.example")
	eventually(t, "mail leaves although it was planned for tomorrow", func() bool {
		return state("behind@one.example") == "delivered" && state("wrong@one.example") == "delivered"
	})
	years := 365 * 24 * time.Hour
	for i, jump := range []time.Duration{10 * years, -2 * years} {
		clock.set(jump)
		recipient := fmt.Sprintf("year%d@one.example", i)
		r.handOne(password, "load", recipient)
		eventually(t, "mail leaves by a clock that is years off", func() bool { return state(recipient) == "delivered" })
		if status, reason := r.health(); status != http.StatusOK {
			t.Errorf("health by a clock that is %v off: %d %s", jump, status, reason)
		}
	}
	eventually(t, "a clock that was set back is told", func() bool { return strings.Contains(r.run("attention"), "this machine's clock") })
	for key, ids := range next.taken() {
		if len(ids) != 1 || strings.Contains(key, "jane") {
			t.Errorf("%s came %d times", key, len(ids))
		}
	}
	if strings.Contains(r.log.String(), "level=ERROR") {
		t.Errorf("the log has errors:\n%s", r.log)
	}
}
