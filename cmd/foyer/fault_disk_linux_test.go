package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestDiskFull fills the disk while programs hand over mail and mail leaves: what has begun comes to its end, nothing new
// is taken, and when there is room again everything goes on by itself. That holds, but for the end of what has begun, when
// the reserve has been eaten up as well.
func TestDiskFull(t *testing.T) {
	disk := newLoopDisk(t, 220)
	dir := filepath.Join(disk.dir, "data")
	next := newNextServer(t)
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	r.account("jane@acme.example")
	var taken acks
	load := r.load(&taken, password, "load", 3, nil)
	eventually(t, "mail leaves", func() bool { return len(next.taken()) > 30 })
	goOn := next.stopAtDot()
	free := disk.fill(8 << 20)
	load.Wait() // each program was refused
	r.refusesNew(password)
	if status, to := r.signInStatus("jane@acme.example"); status != http.StatusSeeOther || to != "/account" {
		t.Errorf("a sign-in on a full disk: %d to %q", status, to)
	}
	goOn()
	for _, m := range r.settle() {
		if m.State != "delivered" {
			t.Errorf("a mail that was taken before is %s: %s", m.State, m.Reply)
		}
	}
	free()
	r.takesNew(password, "first", &taken)
	if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log, want the one of the full disk:\n%s", n, r.log)
	}

	goOn = next.stopAtDot()
	load = r.load(&taken, password, "again", 3, nil)
	eventually(t, "mail is on its way", func() bool { return next.stopped() })
	free = disk.fill(8 << 20)
	load.Wait()
	freeAll := disk.fill(0)
	r.refusesNew(password)
	if status, _ := r.signInStatus("jane@acme.example"); status != http.StatusSeeOther && status != http.StatusServiceUnavailable {
		t.Errorf("a sign-in on a disk without a reserve: %d", status)
	}
	goOn()
	free()
	freeAll()
	r.takesNew(password, "second", &taken)
	if doubled := taken.check(t, next.taken()); doubled != 0 {
		t.Errorf("%d mails came twice", doubled)
	}
	if info, err := os.Stat(filepath.Join(dir, "reserve")); err != nil || info.Size() != 32<<20 {
		t.Errorf("the reserve is not there again: %v", err)
	}
	if events := r.run("audit", "list", "--search", "storage.space"); strings.Count(events, "storage.space") < 3 {
		t.Errorf("the audit has not the events of the disk:\n%s", events)
	}
	r.stop(syscall.SIGTERM)
	if r.err != nil {
		t.Errorf("foyer serve: %v", r.err)
	}
	intact(t, dir)
	t.Logf("%d recipients' mails acknowledged", len(taken.all()))
}

// refusesNew fails when anything new is taken on a full disk, or health does not tell.
func (r *relaying) refusesNew(password string) {
	r.tb.Helper()
	if got, want := r.refusal(password), "452 4.3.1"; got != want {
		r.tb.Errorf("a mail on a full disk: %s, want %s", got, want)
	}
	if got := r.signUpStatus("joe@acme.example"); got != http.StatusServiceUnavailable {
		r.tb.Errorf("a sign-up on a full disk: %d, want 503", got)
	}
	r.administers()
	eventually(r.tb, "health tells of the full disk", func() bool { // what it says may be a second old
		status, reason := r.health()
		return status == http.StatusServiceUnavailable && reason == "storage_full"
	})
}

// soon runs a command of the administrator, which must be answered within five seconds whatever the disk does (F28).
func (r *relaying) soon(args ...string) (stdout, stderr string, status int) {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return r.tryFor(ctx, args...)
}

// administers fails when the administrator cannot see how things are while the disk is at fault, or is not told that what was to be
// saved is not, unless it is. Every answer must come soon.
func (r *relaying) administers() {
	r.tb.Helper()
	start := time.Now()
	if companies, said, status := r.soon("company", "list"); status != 0 || !strings.Contains(companies, "Acme") {
		r.tb.Errorf("the companies on a faulty disk: %d, %s\n%s", status, said, companies)
	}
	name := fmt.Sprintf("Office %d", start.UnixNano())
	_, said, status := r.soon("settings", "set", "site_name="+name)
	now, _, _ := r.soon("settings", "get", "site_name")
	saved := strings.TrimSpace(now) == name
	if saved != (status == 0) {
		r.tb.Errorf("saved on a faulty disk: %v, and exit status %d: %s", saved, status, said)
	}
	if !saved && (!strings.HasPrefix(said, "foyer: ") || strings.Count(said, "\n") != 1) {
		r.tb.Errorf("what is said of a save on a faulty disk:\n%s", said)
	}
	r.tb.Logf("the administrator looked and saved on a faulty disk within %v", time.Since(start))
}

// tellsOfDisk fails when the administrator is not told that the disk cannot be written to, wherever that is looked for.
func (r *relaying) tellsOfDisk() {
	r.tb.Helper()
	type told struct{ Code, Level, State string }
	var notices []told
	var checkup struct{ Checks []told }
	for command, into := range map[string]any{"attention": &notices, "doctor": &checkup} {
		stdout, said, _ := r.try(command, "--json") // the doctor waits for names that cannot be looked up
		if err := json.Unmarshal([]byte(stdout), into); err != nil {
			r.tb.Fatalf("foyer %s: %v: %s", command, err, said)
		}
	}
	if !slices.Contains(notices, told{Code: "disk_failing", Level: "error"}) {
		r.tb.Errorf("what wants attention on a read-only disk: %+v", notices)
	}
	if !slices.Contains(checkup.Checks, told{Code: "disk_failing", State: "error"}) {
		r.tb.Errorf("what the doctor says of a read-only disk: %+v", checkup.Checks)
	}
	if notices, said, status := r.soon("attention"); status != 0 || !strings.Contains(notices, "the data cannot be written to the disk") {
		r.tb.Errorf("what wants attention: %d, %s\n%s", status, said, notices)
	}
}

// takesNew fails when the service does not recover by itself, or a mail that was taken does not arrive.
func (r *relaying) takesNew(password, name string, taken *acks) {
	r.tb.Helper()
	eventually(r.tb, "the service is well again", func() bool {
		status, _ := r.health()
		return status == http.StatusOK
	})
	if got := r.signUpStatus(name + "@acme.example"); got != http.StatusSeeOther {
		r.tb.Errorf("a sign-up with room again: %d", got)
	}
	r.handOne(password, name, "a@one.example")
	taken.add(name, "a@one.example")
	r.settle()
}

// TestDiskTurnsReadOnly has the file system find a fault in itself. Nothing is taken and no mail leaves, for it could not
// be recorded; the service stays up. After the repair everything that was acknowledged arrives.
func TestDiskTurnsReadOnly(t *testing.T) {
	disk := newLoopDisk(t, 220)
	dir := filepath.Join(disk.dir, "data")
	next := newNextServer(t)
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	r.account("jane@acme.example")
	r.settle()
	broken := make(chan struct{})
	var busy sync.WaitGroup
	busy.Add(2) // the two connections to a server
	next.when(func(moment, _ string) {
		select {
		case <-broken:
		default:
			if moment == atDot {
				busy.Done()
				<-broken
			}
		}
	})
	var taken acks
	for i := range 8 {
		load := fmt.Sprintf("load%d", i)
		r.handOne(password, load, "a@one.example")
		taken.add(load, "a@one.example")
	}
	busy.Wait()
	underWay := 0
	for _, m := range query[[]queued](r.process, "mail", "list") {
		if m.State == "sending" {
			underWay++
		}
	}
	disk.breakDown()
	if got := r.refusal(password); !strings.HasPrefix(got, "451 ") {
		t.Errorf("a mail on a read-only disk: %s, want 451", got)
	}
	close(broken)
	if got := r.signUpStatus("joe@acme.example"); got != http.StatusServiceUnavailable {
		t.Errorf("a sign-up on a read-only disk: %d, want 503", got)
	}
	if got, _ := r.signInStatus("jane@acme.example"); got != http.StatusServiceUnavailable {
		t.Errorf("a sign-in on a read-only disk: %d, want 503", got)
	}
	r.administers()
	r.tellsOfDisk()
	if status, reason := r.health(); status != http.StatusServiceUnavailable || reason != "storage_readonly" {
		t.Errorf("health on a read-only disk: %d %q", status, reason)
	}
	r.stop(syscall.SIGTERM) // ends only after it has tried to write what came of them
	own := 1
	if got := len(next.taken()) - own; got > underWay {
		t.Errorf("%d mails have left, want at most the %d that were under way", got, underWay)
	}
	if n := strings.Count(r.log.String(), `msg="the data cannot be written`); n != 1 {
		t.Errorf("the log tells of the disk %d times, want once:\n%s", n, r.log)
	}
	disk.again()
	next.when(nil)
	r = nextRelay(t, dir)
	r.settle()
	if doubled := taken.check(t, next.taken()); doubled > underWay {
		t.Errorf("%d mails came twice, more than the %d that were under way", doubled, underWay)
	}
	r.stop(syscall.SIGTERM)
	intact(t, dir)
}

// TestPowerCut cuts the power of the disk while programs hand over mail and mail leaves, three times. What was
// acknowledged arrives.
func TestPowerCut(t *testing.T) {
	disk := newLoopDisk(t, 220)
	dir := filepath.Join(disk.dir, "data")
	next := newNextServer(t)
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	var taken acks
	const cuts = 3
	for round := range cuts {
		if round > 0 {
			r = nextRelay(t, dir)
			r.run("mail", "hold", "all")
			r.run("mail", "release", "all")
		}
		before := len(taken.all())
		load := r.load(&taken, password, fmt.Sprintf("round%d", round), 4, nil)
		eventually(t, "enough mail is taken", func() bool { return len(taken.all()) > before+150+70*round })
		taken.power(false)
		disk.cutPower()
		r.stop(syscall.SIGKILL)
		load.Wait()
		taken.power(true)
		disk.again()
	}
	r = nextRelay(t, dir)
	r.run("mail", "hold", "all")
	r.run("mail", "release", "all")
	r.settle()
	doubled := taken.check(t, next.taken())
	if doubled > cuts*inFlight {
		t.Errorf("%d mails came twice, more than the %d that could be on the wire", doubled, cuts*inFlight)
	}
	t.Logf("%d recipients' mails acknowledged, %d more without power; %d came twice over %d power cuts", len(taken.all()), len(taken.void), doubled, cuts)
	for _, key := range taken.void {
		if len(next.taken()[key]) == 0 {
			t.Logf("%s was answered without power, and is not there", key)
		}
	}
	r.stop(syscall.SIGTERM)
	intact(t, dir)
}

// TestPowerCutLosesWhatIsNotSynced shows that the test above can fail: the same cut takes rows of a database that does
// not sync its commits, and none of one that does.
func TestPowerCutLosesWhatIsNotSynced(t *testing.T) {
	for _, synchronous := range []string{"OFF", "FULL"} {
		t.Run(synchronous, func(t *testing.T) {
			disk := newLoopDisk(t, 64)
			path := filepath.Join(disk.dir, "rows.db")
			params := "?_journal_mode=WAL&_synchronous=" + synchronous
			db, err := sql.Open("sqlite3", "file:"+path+params)
			if err != nil {
				t.Fatal(err)
			}
			db.SetMaxOpenConns(1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := db.ExecContext(ctx, "CREATE TABLE rows (n INTEGER)"); err != nil {
				t.Fatal(err)
			}
			unix.Sync()
			const rows = 300
			for n := range rows {
				if _, err := db.ExecContext(ctx, "INSERT INTO rows (n) VALUES (?)", n); err != nil {
					t.Fatal(err)
				}
			}
			disk.cutPower()
			_ = db.Close() // its checkpoint fails: there is no disk
			disk.again()
			if db, err = sql.Open("sqlite3", "file:"+path+params); err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var kept int
			if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM rows").Scan(&kept); err != nil {
				t.Fatal(err)
			}
			if (kept < rows) != (synchronous == "OFF") {
				t.Errorf("%d of %d rows are left", kept, rows)
			}
			t.Logf("synchronous=%s: %d of %d rows are left", synchronous, kept, rows)
		})
	}
}
