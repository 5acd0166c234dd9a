//go:build soak

package main_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

const (
	soakEvery  = 15 * time.Second       // a row of figures
	soakPeople = 4                      // that come and go at one time
	soakRest   = 150 * time.Millisecond // between two of a person's rounds: the load is some part of what the machine can do
	defaultRun = 10 * time.Minute
)

// TestSoak has people sign up, confirm, sign in and out, programs hand over mail, a watcher ask, and an administrator
// look at lists and remove what has come, for FOYER_SOAK (10m): as much goes as comes, so all figures must stay flat.
func TestSoak(t *testing.T) {
	length := defaultRun
	if text := os.Getenv("FOYER_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil || length < 4*soakEvery {
			t.Fatalf("FOYER_SOAK=%s: write for example 10m, and at least %v", text, 4*soakEvery)
		}
	}
	office := newPostOffice(t)
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir), dir, office.addr)
	r.run("settings", "set", "limits.audit_thousands=2")
	s := &soak{t: t, relaying: r, client: &localapi.Client{Socket: filepath.Join(dir, "admin.sock")}, links: map[string]chan string{}}
	defer s.client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var group sync.WaitGroup
	group.Go(func() { s.sort(ctx, office) })
	for person := range soakPeople {
		group.Go(func() {
			s.every(ctx, soakRest, func(n int) error { return s.comeAndGo(ctx, fmt.Sprintf("p%d-%d@acme.example", person, n)) })
		})
	}
	group.Go(func() { s.every(ctx, soakRest, func(n int) error { return s.handOver(password, n) }) })
	group.Go(func() { s.every(ctx, time.Second, func(int) error { return s.look(ctx) }) })
	group.Go(func() { s.every(ctx, time.Second, func(int) error { return s.tidy(ctx) }) })
	rows := s.measure(ctx)
	group.Wait()
	s.judge(rows)
	r.stop(syscall.SIGTERM)
	if r.err != nil {
		t.Errorf("the service has ended with %v", r.err)
	}
	intact(t, dir)
}

// soak is a service under a load that goes on.
type soak struct {
	*relaying
	t      *testing.T
	client *localapi.Client

	people, mails atomic.Int64
	mu            sync.Mutex
	links         map[string]chan string // of confirmation, by the address
}

// every does work again and again until ctx is done; an error after that is none.
func (s *soak) every(ctx context.Context, pause time.Duration, work func(n int) error) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		if err := work(n); err != nil && ctx.Err() == nil {
			s.t.Error(err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// sort gives the links in the letters to those who wait for them.
func (s *soak) sort(ctx context.Context, office *postOffice) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-office.arrived:
			s.mu.Lock()
			if waits := s.links[l.To]; waits != nil {
				waits <- confirmLink.FindString(l.Text)
			}
			s.mu.Unlock()
			office.mu.Lock()
			office.letters = nil
			office.mu.Unlock()
		}
	}
}

// comeAndGo is one person, from the sign-up to the day the account is removed.
func (s *soak) comeAndGo(ctx context.Context, email string) error {
	browser := visitor(s.t)
	defer browser.CloseIdleConnections()
	letter := make(chan string, 1)
	s.mu.Lock()
	s.links[email] = letter
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.links, email)
	}()
	if err := answered(browser, s.url+"/register", signUpForm(email)); err != nil {
		return err
	}
	var link string
	select {
	case link = <-letter:
	case <-ctx.Done():
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("no mail to %s within a minute", email)
	}
	for _, step := range []struct {
		address string
		form    url.Values
	}{
		{link, url.Values{"password": {firstPassword}, "password_confirm": {firstPassword}}},
		{s.url + "/login", url.Values{"email": {email}, "password": {firstPassword}}},
		{s.url + "/logout", url.Values{}},
	} {
		if err := answered(browser, step.address, step.form); err != nil {
			return err
		}
	}
	s.people.Add(1)
	return s.client.RemoveAccount(ctx, email)
}

// answered sends a form and returns an error unless it was taken.
func answered(browser *http.Client, address string, form url.Values) error {
	status, _, err := post(browser, address, form)
	if err == nil && status != http.StatusSeeOther {
		err = fmt.Errorf("POST %s: %d", address[strings.LastIndexByte(address, '/'):], status)
	}
	return err
}

// handOver is a program with one mail.
func (s *soak) handOver(password string, n int) error {
	c, err := s.dial(password)
	if err != nil {
		return err
	}
	s.mails.Add(1)
	return errors.Join(hand(c, "soak", 3000, fmt.Sprintf("r%d@one.example", n%50)), c.Quit())
}

// look is a watcher and an administrator who reads.
func (s *soak) look(ctx context.Context) error {
	_, err1 := s.client.AccountPage(ctx, localapi.AccountFilter{}, "", 100)
	_, err2 := s.client.Attention(ctx)
	_, err3 := s.client.TestAddress(ctx, "jane@acme.example")
	if status, reason := s.health(); status != http.StatusOK {
		s.t.Errorf("health: %d %s", status, reason)
	}
	return errors.Join(err1, err2, err3)
}

// tidy removes the mails that have ended.
func (s *soak) tidy(ctx context.Context) error {
	page, err := s.client.MessagePage(ctx, localapi.MessageFilter{State: string(app.MessageDelivered)}, "", 200)
	if err != nil {
		return err
	}
	for _, m := range page.Items {
		if err := s.client.RemoveMessage(ctx, m.ID); err != nil && app.CodeOf(err) != app.NotFound {
			return err
		}
	}
	return nil
}

// figures are the service's at one moment.
type figures struct {
	names  []string
	values []float64
}

// measure prints figures until ctx is done, and returns them.
func (s *soak) measure(ctx context.Context) []figures {
	begin := time.Now()
	ticker := time.NewTicker(soakEvery)
	defer ticker.Stop()
	var rows []figures
	for {
		select {
		case <-ctx.Done():
			return rows
		case <-ticker.C:
		}
		f := s.now() //nolint:contextcheck // the last figures are taken to their end
		if len(rows) == 0 {
			fmt.Fprintf(os.Stdout, "%8s %8s %8s", "time", "people", "mails")
			for _, name := range f.names {
				fmt.Fprintf(os.Stdout, " %14s", name)
			}
			fmt.Fprintln(os.Stdout)
		}
		rows = append(rows, f)
		fmt.Fprintf(os.Stdout, "%8s %8d %8d", time.Since(begin).Round(time.Second), s.people.Load(), s.mails.Load())
		for _, value := range f.values {
			fmt.Fprintf(os.Stdout, " %14.1f", value)
		}
		fmt.Fprintln(os.Stdout)
	}
}

var statusKB = regexp.MustCompile(`(?m)^(RssAnon|Threads):\s+(\d+)`)

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

func (s *soak) now() figures {
	pid := s.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]float64{}
	for _, m := range statusKB.FindAllStringSubmatch(string(status), -1) {
		found[m[1]], _ = strconv.ParseFloat(m[2], 64) // digits
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		s.t.Fatal(err)
	}
	figure := goroutines.FindStringSubmatch(s.run("metrics"))
	if figure == nil {
		s.t.Fatal("foyer metrics has no go_goroutines")
	}
	count, _ := strconv.ParseFloat(figure[1], 64) // digits
	size := func(name string) float64 {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil {
			s.t.Fatal(err)
		}
		return float64(info.Size()) / (1 << 20)
	}
	return figures{
		names:  []string{"memory MB", "threads", "descriptors", "goroutines", "database MB", "log MB"},
		values: []float64{found["RssAnon"] / 1024, found["Threads"], float64(len(descriptors)), count, size("foyer.db"), size("foyer.db-wal")},
	}
}

// judge compares the middle of the run's second quarter with that of its last, and fails when a figure has grown: by more than a
// quarter, and by more than some steps that are no leak.
func (s *soak) judge(rows []figures) {
	quarter := len(rows) / 4
	slack := []float64{8, 4, 8, 8, 2, 16}
	for i, name := range rows[0].names {
		early, late := middle(rows[quarter:2*quarter], i), middle(rows[len(rows)-quarter:], i)
		fmt.Fprintf(os.Stdout, "%-12s %10.1f early, %10.1f late, ratio %.2f\n", name, early, late, late/max(early, 0.1))
		if late > early*1.25 && late > early+slack[i] {
			s.t.Errorf("%s has grown from %.1f to %.1f", name, early, late)
		}
	}
	if s.people.Load() == 0 || s.mails.Load() == 0 {
		s.t.Errorf("%d people and %d mails: there was no load", s.people.Load(), s.mails.Load())
	}
}

func middle(rows []figures, i int) float64 {
	var values []float64
	for _, row := range rows {
		values = append(values, row.values[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}
