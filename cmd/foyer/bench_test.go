//go:build bench

package main_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
)

// The figures are ratios of two rates that were measured in the same run on the same machine; nothing is asserted.

const (
	benchTime = 5 * time.Second
	clients   = 8
)

func TestBench(t *testing.T) {
	fmt.Printf("%-72s %12s %12s %8s  %s\n", "what", "measured", "against", "ratio", "goal")
	t.Run("start", benchStart)
	t.Run("sign-up", benchSignUp)
	t.Run("sign-in", benchSignIn)
	t.Run("sign-in with a provider", benchProvider)
	t.Run("allow test", benchAllowTest)
	t.Run("accounts", benchAccounts)
	t.Run("pages", benchPages)
	t.Run("idle", benchIdle)
	t.Run("relay", benchRelay)
	t.Run("backlog", benchBacklog)
}

func report(what string, measured, against float64, goal string) {
	fmt.Printf("%-72s %12.1f %12.1f %8.2f  %s\n", what, measured, against, measured/against, goal)
}

// perSecond runs work from n goroutines for the bench time and returns how often it was done per second.
func perSecond(t *testing.T, n int, work func(worker int) error) float64 {
	t.Helper()
	var done atomic.Int64
	var group sync.WaitGroup
	begin := time.Now()
	for worker := range n {
		group.Go(func() {
			for time.Since(begin) < benchTime {
				if err := work(worker); err != nil {
					t.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds()
}

// service starts a service with a company and without limits.
func service(t *testing.T) *process {
	t.Helper()
	p := serve(t, t.TempDir())
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	return p
}

// signUps returns a function that signs up one new address a call.
func signUps(t *testing.T, p *process, prefix string) func(worker int) error {
	t.Helper()
	browsers := make([]*http.Client, clients)
	for i := range browsers {
		browsers[i] = visitor(t)
	}
	var number atomic.Int64
	return func(worker int) error {
		email := fmt.Sprintf("%s%d@acme.example", prefix, number.Add(1))
		status, _, err := post(browsers[worker], p.url+"/register", signUpForm(email))
		if err == nil && status != http.StatusSeeOther {
			err = fmt.Errorf("sign-up of %s: status %d", email, status)
		}
		return err
	}
}

func benchSignUp(t *testing.T) {
	signUpsPerCommit(t, "this disk as it is", nil)
	signUpsPerCommit(t, "a sync takes 2 ms more", []string{"LD_PRELOAD=" + slowSync(t)})
}

func signUpsPerCommit(t *testing.T, disk string, env []string) {
	t.Helper()
	p := serveWith(t, t.TempDir(), env...)
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	dir := t.TempDir()
	before := rawCommits(t, env, filepath.Join(dir, "before"), 40, 1)
	rate := perSecond(t, clients, signUps(t, p, "u"))
	after := rawCommits(t, env, filepath.Join(dir, "after"), 40, 1)
	rows := rawCommits(t, env, filepath.Join(dir, "rows"), 6000, 4)
	report("sign-ups/s : raw FULL commits/s of a short row; "+disk, rate, (before+after)/2, "at least 0.8")
	report("sign-ups/s : raw FULL commits/s of its 4 rows; "+disk, rate, rows, "at least 0.8")
	p.stop(syscall.SIGTERM)
}

// slowSync builds a library that makes every sync to disk take 2 ms more. The disks of virtual machines often do not
// sync at all; a solid-state disk of an office's machine takes 1 to 5 ms, a turning one 10.
func slowSync(t *testing.T) string {
	t.Helper()
	const source = `#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
static int slow(const char *name, int fd) {
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	usleep(2000);
	return real(fd);
}
int fsync(int fd) { return slow("fsync", fd); }
int fdatasync(int fd) { return slow("fdatasync", fd); }
`
	dir := t.TempDir()
	c, lib := filepath.Join(dir, "slow.c"), filepath.Join(dir, "slow.so")
	if err := os.WriteFile(c, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", lib, c, "-ldl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return lib
}

// rawCommits runs TestRawCommits in a process of its own, with more in its environment, and returns its figure.
func rawCommits(t *testing.T, env []string, path string, size, rows int) float64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestRawCommits$", "-test.v") //nolint:gosec // this very program
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("FOYER_RAW_COMMITS=%d %d %s", size, rows, path)), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "commits/s ")
	var rate float64
	if _, err := fmt.Sscan(rest, &rate); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return rate
}

// TestRawCommits is no test: it measures how many FULL commits a second the disk takes from one writer that does
// nothing else, each of so many rows of so many bytes in all.
func TestRawCommits(t *testing.T) {
	var size, rows int
	var path string
	if _, err := fmt.Sscan(os.Getenv("FOYER_RAW_COMMITS"), &size, &rows, &path); err != nil {
		t.Skip("it is run by TestBench")
	}
	fmt.Println("commits/s", commitRate(t, path, size, rows))
}

func commitRate(t *testing.T, path string, size, rows int) float64 {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_secure_delete=on")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	_, err = db.ExecContext(ctx, "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, size/rows)
	insert, err := db.PrepareContext(ctx, "INSERT INTO t (body) VALUES (?)")
	if err != nil {
		t.Fatal(err)
	}
	rate := perSecond(t, 1, func(int) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for range rows {
			if _, err := tx.StmtContext(ctx, insert).ExecContext(ctx, body); err != nil { //nolint:sqlclosecheck // it ends with its transaction
				return errors.Join(err, tx.Rollback())
			}
		}
		return tx.Commit()
	})
	if err := errors.Join(insert.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return rate
}

func benchSignIn(t *testing.T) {
	p := service(t)
	office := newPostOffice(t)
	p.run(office.settings()...)
	if err := signUps(t, p, "u")(0); err != nil {
		t.Fatal(err)
	}
	link := office.next(t, "u1@acme.example").find(t, confirmLink)
	password := url.Values{"password": {firstPassword}, "password_confirm": {firstPassword}}
	if status, _, err := post(visitor(t), link, password); err != nil || status != http.StatusSeeOther {
		t.Fatalf("confirm: %d, %v", status, err)
	}
	salt := make([]byte, 16)
	pure := perSecond(t, runtime.NumCPU(), func(int) error {
		argon2.IDKey([]byte(firstPassword), salt, 2, 19456, 1, 32)
		return nil
	})
	browsers := make([]*http.Client, clients)
	for i := range browsers {
		browsers[i] = visitor(t)
	}
	form := url.Values{"email": {"u1@acme.example"}, "password": {firstPassword}}
	rate := perSecond(t, clients, func(worker int) error {
		status, to, err := post(browsers[worker], p.url+"/login", form)
		if err == nil && to != "/account" {
			err = fmt.Errorf("sign-in: %d to %q", status, to)
		}
		return err
	})
	report("sign-ins/s, 8 clients : pure argon2id/s on all cores", rate, pure, "at least 0.9")
}

// fill runs statements on the database of a service that is stopped meanwhile.
func fill(t *testing.T, p *process, statements ...string) *process {
	t.Helper()
	p.stop(syscall.SIGTERM)
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(p.dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return serve(t, p.dir)
}

const numbers = "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) "

func benchAllowTest(t *testing.T) {
	p := service(t)
	entries := func(from, to int) string {
		return fmt.Sprintf(numbers, from, to) + `INSERT INTO allow_entry (value, kind, deny, domain_rev, company_id, created_at)
SELECT 'c' || i || '.example', 'domain', FALSE, 'example.c' || i, 1, 0 FROM n`
	}
	test := func() float64 {
		client := socketClient(t, p)
		return perSecond(t, clients, func(worker int) error {
			res, err := client.Get(fmt.Sprintf("http://foyer/v1/allow/test?address=jane@c%d.example", 1+worker*100))
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			if res.StatusCode != http.StatusOK {
				err = fmt.Errorf("allow test: %s", res.Status)
			}
			return errors.Join(err, res.Body.Close())
		})
	}
	p = fill(t, p, entries(1, 1000))
	few := test()
	p = fill(t, p, entries(1001, 1_000_000))
	many := test()
	report("allow.test/s with 1,000 entries : with 1,000,000", few, many, "at most 1.5")
}

// socketClient speaks to the admin socket.
func socketClient(t *testing.T, p *process) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.dir, "admin.sock"))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func benchAccounts(t *testing.T) {
	p := service(t)
	accounts := func(from, to int) string {
		return fmt.Sprintf(numbers, from, to) + `INSERT INTO account (id, email, email_key, first_name, last_name, phone, company_id, state, lang, password_hash, entry, created_at)
SELECT i, 'a' || i || '@acme.example', 'a' || i || '@acme.example', 'Jane', 'Doe', '', 1, 'active', 'en', '', 'acme.example', 0 FROM n`
	}
	p = fill(t, p, accounts(1, 1000))
	few := perSecond(t, clients, signUps(t, p, "few"))
	p = fill(t, p, accounts(1001, 500_000), "DELETE FROM message_data", "DELETE FROM message", "DELETE FROM registration", "DELETE FROM audit", "VACUUM")
	many := perSecond(t, clients, signUps(t, p, "many"))
	report("sign-ups/s with 1,000 accounts : with 500,000", few, many, "at most 1.5")
}

func benchPages(t *testing.T) {
	p := service(t)
	browsers := make([]*http.Client, clients)
	for i := range browsers {
		browsers[i] = visitor(t)
	}
	rate := perSecond(t, clients, func(worker int) error { return getLogin(browsers[worker], p) })
	fmt.Printf("%-72s %12.1f\n", "GET /login per second, 8 clients", rate)
}

func getLogin(c *http.Client, p *process) error {
	res, err := c.Get(p.url + "/login")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close())
}

func benchIdle(t *testing.T) {
	dir := t.TempDir()
	p := service(t)
	p.stop(syscall.SIGTERM)
	var starts []float64
	for range 9 {
		starts = append(starts, startToHealthy(t, p.dir))
	}
	first := startToHealthy(t, dir)
	slices.Sort(starts)
	report("start to healthy, ms (median of 9)", starts[len(starts)/2], 150, "at most 150 ms")
	report("first start to healthy, ms", first, 150, "at most 150 ms")

	p = serve(t, p.dir)
	if err := getLogin(visitor(t), p); err != nil {
		t.Fatal(err)
	}
	memory, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(memory), "VmRSS:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	report("memory of an idle service, MB", kb/1024, 40, "at most 40 MB")
}

// startToHealthy returns the milliseconds from starting the program to the first good answer of /healthz.
func startToHealthy(t *testing.T, dir string) float64 {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	client := visitor(t)
	cmd := exec.Command(path, "serve", "--data", dir, "--listen", addr)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		res, err := client.Get("http://" + addr + "/healthz")
		if err == nil {
			_ = res.Body.Close() // only the status counts
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal("not healthy after 20 s")
		}
		runtime.Gosched()
	}
	took := time.Since(begin)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return float64(took.Microseconds()) / 1000
}
