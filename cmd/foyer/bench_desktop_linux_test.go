//go:build bench && !nogui

package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the desktop program is measured with.
const (
	manyAccounts  = 100_000
	manyCompanies = 5_000
	manyMails     = 50_000
	manyEvents    = 100_000
)

// TestBenchDesktop measures the desktop program on a service that has much.
func TestBenchDesktop(t *testing.T) {
	p := manyThings(t)
	fmt.Printf("%-72s %12s %12s           %s\n", "the desktop program, drawn by the processor", "median", "greatest", "goal")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestBenchScreens$", "-tags", buildTags+",bench", "-v", "foyer/gui")
	cmd.Env = append(os.Environ(), "FOYER_BENCH_SOCKET="+filepath.Join(p.dir, "admin.sock"))
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = os.Stdout, &errs
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, errs.String())
	}
	t.Run("window", func(t *testing.T) { benchWindow(t, p) })
}

// manyThings returns a service with many accounts, companies, mails and events of the last month. Every thousandth account
// is on no list any more, and every hundredth is disabled.
func manyThings(t *testing.T) *process {
	t.Helper()
	p := service(t)
	const month = 30 * 24 * time.Hour
	now, of := time.Now().UnixMilli(), func(n int) int64 { return month.Milliseconds() / int64(n) }
	all := func(n int, statement string, args ...any) string {
		return fmt.Sprintf(numbers, 1, n) + fmt.Sprintf(statement, args...)
	}
	return fill(t, p,
		all(manyCompanies, `INSERT INTO company (id, name, name_key, enabled, created_at)
SELECT 100 + i, printf('Company %%05d', i), printf('company %%05d', i), TRUE, %d FROM n`, now),
		all(manyCompanies, `INSERT INTO allow_entry (value, kind, deny, domain_rev, company_id, created_at)
SELECT 'c' || i || '.example', 'domain', FALSE, 'example.c' || i, 100 + i, %d FROM n`, now),
		all(manyAccounts, `INSERT INTO account (id, email, email_key, first_name, last_name, name_key, phone, company_id, state, lang, password_hash, entry, created_at)
SELECT i, email, email, first, 'Novotny', 'novotny ' || lower(first), '', 100 + c, state, 'en', '', 'c' || c || '.example', %d + i * %d
FROM (SELECT i, 1 + i %% %d AS c, 'Jane' || i %% 977 AS first, CASE WHEN i %% 100 = 0 THEN 'disabled' ELSE 'active' END AS state,
'person' || i || '@' || CASE WHEN i %% 1000 = 0 THEN 'gone.example' ELSE 'c' || (1 + i %% %[3]d) || '.example' END AS email FROM n)`,
			now-month.Milliseconds(), of(manyAccounts), manyCompanies),
		"INSERT INTO membership (account_id, group_id) SELECT id, 1 FROM account",
		all(manyMails, `INSERT INTO message (id, kind, sender, recipient, recipient_key, recipient_base, recipient_domain, subject, message_id, state, attempts, reply, created_at, next_attempt, expires_at, ended_at)
SELECT i, 'confirm', 'office@acme.example', email, email, email, 'c.example', 'Confirm your account at Acme', i || '@acme.example', state, 1, '250 2.0.0 Ok: queued', at,
CASE state WHEN 'deferred' THEN %[3]d END, %[3]d, CASE WHEN state <> 'deferred' THEN at END
FROM (SELECT i, 'person' || i || '@c.example' AS email, %[1]d + i * %[2]d AS at,
CASE i %% 50 WHEN 1 THEN 'deferred' WHEN 2 THEN 'failed' ELSE 'delivered' END AS state FROM n)`,
			now-month.Milliseconds(), of(manyMails), now+month.Milliseconds()),
		all(manyEvents, `INSERT INTO audit (at, actor, ip, action, outcome, subject, company, entry, detail)
SELECT %d + i * %d, 'visitor', '192.0.2.7', CASE i %% 10 WHEN 1 THEN 'registration.signup' WHEN 2 THEN 'account.confirm' WHEN 3 THEN 'mail.retry' ELSE 'account.signin' END,
CASE WHEN i %% 20 = 0 THEN 'password_wrong' ELSE 'ok' END, 'person' || i || '@c.example', 'Company 00001', 'c1.example', '' FROM n`,
			now-month.Milliseconds(), of(manyEvents)),
		"ANALYZE")
}

const (
	startLimit  = 1500 // ms from the start of the desktop program to its window
	memoryLimit = 250  // MB, of which a library that draws without a graphics card takes a good part
)

// benchWindow measures the real program on a display that is drawn by the processor.
func benchWindow(t *testing.T, p *process) {
	display := newDisplay(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	env := append(display.env(), "FOYER_DATA="+p.dir)
	start := func() (*exec.Cmd, string, float64) {
		cmd := exec.CommandContext(t.Context(), path, "gui")
		cmd.Env = env
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		window := display.window()
		return cmd, window, float64(time.Since(begin).Microseconds()) / 1000
	}
	end := func(cmd *exec.Cmd, window string) {
		display.close(window)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	var starts []float64
	for range 5 {
		cmd, window, took := start()
		starts = append(starts, took)
		end(cmd, window)
	}
	report("start to the first window, ms (the first)", starts[0], startLimit, "at most 1.5 s")
	slices.Sort(starts)
	report("start to the first window, ms (median of 5)", starts[len(starts)/2], startLimit, "at most 1.5 s")

	cmd, window, _ := start()
	for round := range 2 {
		for page := 1; page <= 7; page++ {
			display.xdotool("key", "--window", window, fmt.Sprintf("ctrl+%d", page))
			display.xdotool("sleep", "1")
		}
		memory := memoryOf(t, cmd.Process.Pid)
		report(fmt.Sprintf("memory after all pages were opened, time %d, MB", round+1), memory["VmRSS"], memoryLimit, "at most 250 MB")
		report("of it the program's own, MB", memory["RssAnon"], memoryLimit, "")
	}
	end(cmd, window)
}

// memoryOf returns the lines of /proc/PID/status that end in kB, in MB.
func memoryOf(t *testing.T, pid int) map[string]float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	memory := map[string]float64{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64); err == nil {
			memory[name] = kb / 1024
		}
	}
	return memory
}
