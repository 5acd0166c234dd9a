//go:build bench

package gui

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// The limits of what is measured. Nothing is asserted.
const (
	tapLimit   = 300 // ms from a tap to the first rows
	frameLimit = 50  // ms of a frame while a list is scrolled
	tapRounds  = 5
)

// bench is the real window, drawn by the processor alone, on the service that TestBenchDesktop of the program has filled.
type bench struct {
	t      *testing.T
	window *window
	posts  chan func()
	made   map[string]float64 // the milliseconds it took to make each page
}

// TestBenchScreens is no test: it measures the window on a service with very many accounts, companies, mails and events.
func TestBenchScreens(t *testing.T) {
	socket := os.Getenv("FOYER_BENCH_SOCKET")
	if socket == "" {
		t.Skip("it is run by TestBenchDesktop of cmd/foyer")
	}
	b := newBench(t, socket)
	b.home()
	companies, users, mail, events := pageAs[*companiesView](b, pageCompanies), pageAs[*usersView](b, pageUsers), pageAs[*mailView](b, pageMail), pageAs[*logView](b, pageLog)

	b.open("companies", pageCompanies, func() bool { return filled(companies.table) })
	b.tapped("companies, search", typed(&companies.search, "company 0017"), func() bool { return filled(companies.table) })
	b.put(companies.search)
	b.scroll("companies", func() bool { return filled(companies.table) }, &companies.table.list.List, rowsOf(companies.table))

	b.open("accounts", pageUsers, func() bool { return filled(users.accounts.table) })
	accounts := users.accounts
	for i, by := range []string{"address", "name", "company", "created"} {
		b.tapped("accounts, sorted by "+by, func(int) { test.Tap(accounts.table.headers[i]) }, func() bool { return filled(accounts.table) })
	}
	b.tapped("accounts, search for few", typed(&accounts.search, "person99999"), func() bool { return filled(accounts.table) })
	b.tapped("accounts, search for many", typed(&accounts.search, "person"), func() bool { return filled(accounts.table) })
	b.put(accounts.search)
	b.tapped("accounts, of one company", func(int) { accounts.filter(filterChoice{company: "Company 00017"}) }, func() bool { return filled(accounts.table) })
	b.tapped("accounts, disabled", func(int) { accounts.filter(filterChoice{state: stateDisabled}) }, func() bool { return filled(accounts.table) })
	b.tapped("accounts, not on their list", func(int) { accounts.filter(filterChoice{state: stateOffList}) },
		func() bool { return len(accounts.table.rows) > 0 && !accounts.table.rows[0].ListMatch }) // more are looked for meanwhile
	b.pump("accounts, not on their list", func() bool { return filled(accounts.table) })
	b.tapped("accounts, all again", func(int) { accounts.filter(filterChoice{}) }, func() bool { return filled(accounts.table) })
	b.scroll("accounts", func() bool { return filled(accounts.table) }, &accounts.table.list.List, rowsOf(accounts.table))

	b.open("mails", pageMail, func() bool { return filled(mail.queue.table) })
	b.tapped("mails, failed", func(int) { mail.Open("state:failed") }, func() bool { return filled(mail.queue.table) })
	b.tapped("mails, all again", func(int) { mail.Open("state:") }, func() bool { return filled(mail.queue.table) })
	b.tapped("mails, search for few", typed(&mail.queue.search, "person49999"), func() bool { return filled(mail.queue.table) })
	b.put(mail.queue.search)
	b.scroll("mails", func() bool { return filled(mail.queue.table) }, &mail.queue.table.list.List, rowsOf(mail.queue.table))

	b.open("log", pageLog, func() bool { return filled(events.table) })
	b.tapped("log, mail only", func(int) { events.family.SetSelectedIndex(slices.Index(families(), "mail.")) }, func() bool { return filled(events.table) })
	events.clear()
	b.pump("log", func() bool { return filled(events.table) })
	b.tapped("log, refused only", func(int) { events.refused.SetChecked(true) }, func() bool { return filled(events.table) })
	events.clear()
	b.pump("log", func() bool { return filled(events.table) })
	b.tapped("log, search for few", typed(&events.search, "person99999"), func() bool { return filled(events.table) })
	b.put(events.search)
	b.scroll("log", func() bool { return filled(events.table) }, &events.table.list.List, rowsOf(events.table))
}

func newBench(t *testing.T, socket string) *bench {
	t.Helper()
	a := test.NewTempApp(t)
	applyTheme(a)
	client := &localapi.Client{Socket: socket}
	t.Cleanup(client.Close)
	b := &bench{made: map[string]float64{}, t: t, posts: make(chan func(), 1000)}
	back := newBackground(func(do func()) { b.posts <- do })
	t.Cleanup(back.stop)
	b.window = newWindow(a, Config{Client: client, Host: &testHost{}, Version: "devel", Log: slog.New(slog.DiscardHandler)}, back)
	b.window.show()
	b.window.win.Resize(fyne.NewSize(1024, 700))
	return b
}

// home measures the first page, on which there is no list but much that is counted.
func (b *bench) home() {
	v := pageAs[*homeView](b, pageHome)
	answers := func() bool {
		return v.companies.value.Text != "" && len(v.events.events) > 0 && v.mail.value.Text != ""
	}
	b.pump("connect", func() bool { return b.window.link == linkUp && v.companies != nil && answers() })
	b.open("home", pageHome, answers)
}

// pageAs returns the view of a page, which it makes; open counts the time of that.
func pageAs[V view](b *bench, name string) V {
	b.t.Helper()
	begin := time.Now()
	b.window.makePage(b.window.pageOf(name))
	b.made[name] += millis(time.Since(begin))
	v, ok := b.window.pageOf(name).view.(V)
	if !ok {
		b.t.Fatalf("the page %s is another view", name)
	}
	return v
}

// filled reports whether the first rows of what was asked for last are there.
func filled[T any](t *table[T]) bool { return !t.loading && len(t.rows) > 0 }

func rowsOf[T any](t *table[T]) func() (rows int, loading bool) {
	return func() (int, bool) { return len(t.rows), t.loading }
}

// typed returns what writes into a search field and presses Enter.
func typed(s **searchEntry, text string) func(int) {
	return func(int) {
		(*s).SetText(text)
		(*s).now()
	}
}

// put empties a search field.
func (b *bench) put(s *searchEntry) {
	s.SetText("")
	s.now()
}

// pump runs what is handed to the window's goroutine until something is so.
func (b *bench) pump(what string, until func() bool) {
	b.t.Helper()
	for late := time.After(30 * time.Second); !until(); {
		select {
		case do := <-b.posts:
			do()
		case <-late:
			b.t.Fatalf("%s: nothing after 30 s", what)
		}
	}
}

// settle runs what is handed to the window's goroutine and has come already.
func (b *bench) settle() {
	for {
		select {
		case do := <-b.posts:
			do()
		default:
			return
		}
	}
}

// open measures the tap on a page's button: the first, which makes the page, and those later.
func (b *bench) open(what, name string, there func() bool) {
	b.t.Helper()
	button := b.window.pageOf(name).button
	if b.window.current.name != name {
		b.report(what+", opened first, ms", []float64{b.made[name] + b.tap(what, func() { test.Tap(button) }, there)}, tapLimit)
	}
	b.tapped(what+", opened again", func(int) { test.Tap(button) }, there)
}

// tapped measures something a person does, some times over, up to the frame that shows its answer.
func (b *bench) tapped(what string, do func(round int), there func() bool) {
	b.t.Helper()
	var times []float64
	for round := range tapRounds {
		times = append(times, b.tap(what, func() { do(round) }, there))
	}
	b.report(what+", ms", times, tapLimit)
}

func (b *bench) tap(what string, do func(), there func() bool) float64 {
	b.t.Helper()
	b.settle()
	begin := time.Now()
	do()
	b.pump(what, there)
	b.window.win.Canvas().Capture()
	return millis(time.Since(begin))
}

// scrollRows is how far a list is scrolled, and wheelStep by how much in each frame: three rows, as a wheel does.
const (
	scrollRows = 1000
	wheelStep  = 120
)

// still measures the frames of a window in which nothing moves: what they take is the renderer's.
func (b *bench) still(what string) {
	b.t.Helper()
	var frames []float64
	for range 20 {
		begin := time.Now()
		b.window.win.Canvas().Capture()
		frames = append(frames, millis(time.Since(begin)))
	}
	b.report(what+", frames of the window while nothing moves, ms", frames, frameLimit)
}

// scroll measures the frames of a list that is scrolled by some rows each, with what is read on the way.
func (b *bench) scroll(what string, there func() bool, list *widget.List, state func() (rows int, loading bool)) {
	b.t.Helper()
	b.pump(what, there)
	list.ScrollToTop()
	b.still(what)
	var frames, waits []float64
	offset := float32(0)
	for rows, _ := state(); rows < scrollRows; rows, _ = state() {
		begin := time.Now()
		b.settle()
		before := offset
		list.ScrollToOffset(offset + wheelStep)
		if offset = list.GetScrollOffset(); offset == before { // the end of what is here
			b.pump(what, func() bool { n, loading := state(); return n > rows || !loading })
			waits = append(waits, millis(time.Since(begin)))
			if n, loading := state(); n == rows && !loading {
				break
			}
			continue
		}
		b.window.win.Canvas().Capture()
		frames = append(frames, millis(time.Since(begin)))
	}
	rows, _ := state()
	b.report(fmt.Sprintf("%s, %d frames over %d rows, ms", what, len(frames), rows), frames, frameLimit)
	if len(waits) > 0 {
		b.report(fmt.Sprintf("%s, %d waits at the end of what is here, ms", what, len(waits)), waits, tapLimit)
	}
	list.ScrollToTop()
}

// report prints the median and the greatest of some figures.
func (b *bench) report(what string, figures []float64, limit int) {
	sorted := slices.Sorted(slices.Values(figures))
	fmt.Printf("%-72s %12.1f %12.1f           at most %d ms\n", what, sorted[len(sorted)/2], sorted[len(sorted)-1], limit)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
