package main_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestSleep freezes the service with mail that waits and a person who is signed in, and lets it go on when two hours have
// gone by: mail that was due meanwhile leaves, through new connections, and the session has ended.
func TestSleep(t *testing.T) {
	clock := newWrongClock(t)
	group := newControlGroup(t, "freezer")
	next := newNextServer(t)
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir, clock.runner...), dir, next.addr)
	r.account("jane@acme.example")
	jane := visitor(t)
	if status, to, err := post(jane, r.url+"/login", url.Values{"email": {"jane@acme.example"}, "password": {firstPassword}}); err != nil || to != "/account" {
		t.Fatalf("sign-in: %d to %q, %v", status, to, err)
	}
	r.settle()
	next.notNow("late@one.example")
	r.handOne(password, "load", "late@one.example")
	state := func() string { return query[[]queued](r.process, "mail", "list")[0].State }
	eventually(t, "the attempt has failed", func() bool { return state() == "deferred" })
	next.notNow("")

	for _, pid := range children(t, r.cmd.Process.Pid) {
		group.add(pid)
	}
	group.freeze(true)
	clock.set(2 * time.Hour)
	group.freeze(false)

	eventually(t, "mail that was due leaves", func() bool { return state() == "delivered" })
	res, err := jane.Get(r.url + "/account")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/login") {
		t.Errorf("after two hours of sleep the account page answers %d to %q, want the sign-in page", res.StatusCode, res.Header.Get("Location"))
	}
	if status, reason := r.health(); status != http.StatusOK {
		t.Errorf("health after the sleep: %d %s", status, reason)
	}
	if ids := next.taken()["load late@one.example"]; len(ids) != 1 {
		t.Errorf("the mail came %d times", len(ids))
	}
}

// children returns the processes that a process has started.
func children(tb testing.TB, pid int) []int {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		tb.Skipf("the processes of a process are not told here: %v", err)
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			tb.Fatal(err)
		}
		pids = append(pids, child)
	}
	return pids
}

// TestLittleMemory gives the service 256 MB and a fifth of a processor, and has 200 people sign in at once. Each is answered, if
// only that there is too much to do, and the service is not ended for its memory.
func TestLittleMemory(t *testing.T) {
	group := newControlGroup(t, "memory", "cpu")
	p := serve(t, t.TempDir())
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run("settings", "set", "limits.hash_queue=128", "limits.hash_seconds=10", "limits.login_failures=0")
	r := &relaying{process: p}
	r.account("jane@acme.example")
	group.set("memory", "memory.limit_in_bytes", "memory.max", strconv.Itoa(256<<20))
	group.set("cpu", "cpu.cfs_period_us", "cpu.max", map[bool]string{false: "100000", true: "20000 100000"}[group.second])
	if !group.second {
		group.set("cpu", "cpu.cfs_quota_us", "", "20000")
	}
	group.add(p.cmd.Process.Pid)

	counts := map[int]int{}
	var mu sync.Mutex
	var people sync.WaitGroup
	for range 200 {
		client := visitor(t)
		client.Timeout = 2 * time.Minute
		client.Transport = &http.Transport{DisableKeepAlives: true} // one address has 256 connections
		people.Go(func() {
			status, _, err := post(client, p.url+"/login", url.Values{"email": {"jane@acme.example"}, "password": {firstPassword}})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("a sign-in was not answered: %v", err)
			}
			counts[status]++
		})
	}
	people.Wait()
	t.Logf("answers by their status: %v", counts)
	if counts[http.StatusSeeOther] == 0 || counts[http.StatusServiceUnavailable] == 0 {
		t.Errorf("answers by their status: %v, want sign-ins and some that are turned away", counts)
	}
	for status, n := range counts {
		if status != http.StatusSeeOther && status != http.StatusServiceUnavailable {
			t.Errorf("%d people were answered with %d", n, status)
		}
	}
	eventually(t, "the service is well", func() bool {
		status, _ := r.health()
		return status == http.StatusOK
	})
	p.stop(syscall.SIGTERM)
	if p.err != nil {
		t.Errorf("the service has ended with %v\n%s", p.err, p.log)
	}
}

// TestDatabaseLocked has another program take the database for itself until everybody who wants to write was refused, which is once
// the service has waited: the web server would cut off whoever waits for longer than three times that. What is read goes on, and
// afterwards everything is as before. A start while the database is taken ends in a way that the service manager tries again.
func TestDatabaseLocked(t *testing.T) {
	next := newNextServer(t)
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	r.account("jane@acme.example")
	r.settle()
	var taken acks

	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db")+"?_txlock=immediate&_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, release := context.WithCancel(t.Context())
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	for n := range 20 {
		waiting.Go(func() {
			status, _, err := post(visitor(t), r.url+"/register", signUpForm(fmt.Sprintf("joe%d@acme.example", n)))
			if err != nil || status != http.StatusServiceUnavailable {
				t.Errorf("a sign-up while the database is locked: %d, %v, want 503", status, err)
			}
		})
	}
	waiting.Go(func() {
		if status, reason := r.health(); status != http.StatusServiceUnavailable || reason != "storage_busy" {
			t.Errorf("health while the database is locked: %d %q, want 503 storage_busy", status, reason)
		}
	})
	waiting.Go(func() {
		if got := r.refusal(password); !strings.HasPrefix(got, "451 ") {
			t.Errorf("a mail while the database is locked: %s, want 451", got)
		}
	})
	if companies := r.run("company", "list"); !strings.Contains(companies, "Acme") {
		t.Errorf("the companies cannot be read while the database is locked:\n%s", companies)
	}
	res, err := visitor(t).Get(r.url + "/login")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the sign-in page while the database is locked: %d", res.StatusCode)
	}
	waiting.Wait()
	_ = tx.Rollback() // it has changed nothing
	release()

	r.takesNew(password, "first", &taken)
	taken.check(t, next.taken())
	r.stop(syscall.SIGTERM)

	if tx, err = db.BeginTx(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := refused(t, dir, 0); got.status != 1 || !strings.HasPrefix(got.line, "foyer: another program holds the database in "+dir) {
		t.Errorf("a start while the database is locked: %+v, want exit status 1 and why", got)
	}
	if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
		t.Fatal(err)
	}
	r = nextRelay(t, dir)
	r.takesNew(password, "second", &taken)
	r.stop(syscall.SIGTERM)
	intact(t, dir)
}

// stopTime is how long the unit gives the service to end what has begun.
const stopTime = 30 * time.Second

// TestRestartUnderLoad puts another program in the place of the one that runs and ends it, as an update does, while people sign up,
// programs hand over mail and mail leaves. The new one is started: nothing that was answered is lost, and no mail comes twice.
func TestRestartUnderLoad(t *testing.T) {
	const restarts, clients = 3, 4
	next := newNextServer(t)
	dir, program := t.TempDir(), filepath.Join(t.TempDir(), "foyer")
	place := func() {
		t.Helper()
		path, err := binary()
		if err != nil {
			t.Fatalf("build foyer: %v", err)
		}
		run(t, dir, "cp", path, program+".new")
		if err := os.Rename(program+".new", program); err != nil {
			t.Fatal(err)
		}
	}
	placed := func() *exec.Cmd {
		cmd := relayCommand(t, dir)
		cmd.Path, cmd.Args[0] = program, program
		return cmd
	}
	place()
	r, password := firstRelay(t, placed(), dir, next.addr)
	var taken acks
	var mu sync.Mutex
	var signedUp []string
	for round := range restarts {
		if round > 0 {
			r = opened(launch(t, dir, placed()))
		}
		enough := len(taken.all()) + 60
		load := r.load(&taken, password, fmt.Sprintf("round%d", round), 2, nil)
		for client := range clients {
			browser := visitor(t)
			load.Go(func() {
				for n := 0; ; n++ {
					email := fmt.Sprintf("u%d-%d-%d@acme.example", round, client, n)
					status, _, err := post(browser, r.url+"/register", signUpForm(email))
					if err != nil || status != http.StatusSeeOther {
						return // the service is gone
					}
					mu.Lock()
					signedUp = append(signedUp, email)
					mu.Unlock()
				}
			})
		}
		eventually(t, "the load is under way", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(taken.all()) > enough && len(signedUp) > 40*(round+1)
		})
		place()
		late := time.AfterFunc(stopTime, func() { _ = r.cmd.Process.Kill() }) // as systemd does
		r.stop(syscall.SIGTERM)
		late.Stop()
		if r.err != nil {
			t.Errorf("the service has ended with %v\n%s", r.err, r.log)
		}
		load.Wait()
	}
	r = opened(launch(t, dir, placed()))
	r.settle()
	if doubled := taken.check(t, next.taken()); doubled != 0 {
		t.Errorf("%d mails came twice", doubled)
	}
	waiting := map[string]bool{}
	for _, registration := range query[[]struct{ Email string }](r.process, "registration", "list") {
		waiting[registration.Email] = true
	}
	for _, email := range signedUp {
		if !waiting[email] || len(next.taken()[ownMail+" "+email]) != 1 {
			t.Errorf("%s was answered: registered %v, mails %d", email, waiting[email], len(next.taken()[ownMail+" "+email]))
		}
	}
	t.Logf("%d recipients' mails and %d sign-ups acknowledged over %d restarts", len(taken.all()), len(signedUp), restarts)
}
