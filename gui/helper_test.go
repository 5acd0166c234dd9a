package gui

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

func TestMain(m *testing.M) {
	// The texts of tests are English, and their clock is UTC, whatever the machine has.
	for _, name := range []string{"LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"} {
		_ = os.Setenv(name, "en_US.UTF-8")
	}
	time.Local = time.UTC
	if err := loadTexts(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// testDesk is a desk with a window for the test of one view. Works wait until the test runs them with drain.
type testDesk struct {
	*desk
	tb     testing.TB
	app    fyne.App
	works  []work
	laters []*func() // nil functions were cancelled
	told   []string
	opened []string
	losses []error
	host   *testHost
	calls  []string // of what the window does
}

// newTestDesk returns a desk whose window, of the size of a small screen, shows nothing yet.
func newTestDesk(tb testing.TB, c Client) *testDesk {
	tb.Helper()
	a := test.NewTempApp(tb)
	applyTheme(a)
	w := test.NewTempWindow(tb, container.NewStack())
	w.SetPadded(false)
	w.Resize(fyne.NewSize(1024, 700))
	d := &testDesk{tb: tb, app: a, host: &testHost{}}
	d.desk = &desk{
		client: c, host: d.host, version: "1.3.0", window: w, prefs: a.Preferences(),
		run:      func(wk work) { d.works = append(d.works, wk) },
		runFor:   func(_ time.Duration, wk work) { d.works = append(d.works, wk) },
		post:     func(do func()) { do() },
		retry:    func() { d.calls = append(d.calls, "retry") },
		restored: func() { d.calls = append(d.calls, "restored") },
		later: func(_ time.Duration, do func()) func() {
			wait := &do
			d.laters = append(d.laters, wait)
			return func() { *wait = nil }
		},
		tell:   func(text string) { d.told = append(d.told, text) },
		open:   func(page, subject string) { d.opened = append(d.opened, page+" "+subject) },
		lost:   func(err error) { d.losses = append(d.losses, err) },
		wizard: func() { d.opened = append(d.opened, "wizard") },
		log:    slog.New(slog.DiscardHandler),
	}
	return d
}

// show shows a view as the window would, and runs what it starts.
func (d *testDesk) show(v view, subject string) {
	d.tb.Helper()
	d.window.SetContent(v.Content())
	v.Open(subject)
	d.drain()
}

// drain runs the works that wait, and those they start.
func (d *testDesk) drain() {
	d.tb.Helper()
	for n := 0; len(d.works) > 0; n++ {
		if n > 100 {
			d.tb.Fatal("works start works without an end")
		}
		works := d.works
		d.works = nil
		for _, wk := range works {
			ctx, cancel := context.WithTimeout(d.tb.Context(), 10*time.Second)
			if show := wk(ctx); show != nil {
				show()
			}
			cancel()
		}
	}
}

// tick lets pass the time for which anything waits, as a search for the end of typing.
func (d *testDesk) tick() {
	d.tb.Helper()
	laters := d.laters
	d.laters = nil
	for _, do := range laters {
		if *do != nil {
			(*do)()
		}
	}
	d.drain()
}

// objects returns every object of the window that can be seen, dialogs and menus included, from back to front.
func (d *testDesk) objects() []fyne.CanvasObject { return objectsOf(d.window.Canvas()) }

func objectsOf(c fyne.Canvas) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	walk(c.Content(), func(o fyne.CanvasObject) { out = append(out, o) })
	for _, overlay := range c.Overlays().List() {
		walk(overlay, func(o fyne.CanvasObject) { out = append(out, o) })
	}
	return out
}

// walk calls see for every visible object of a tree.
func walk(o fyne.CanvasObject, see func(fyne.CanvasObject)) {
	if o == nil || !o.Visible() {
		return
	}
	see(o)
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			walk(child, see)
		}
	case fyne.Widget:
		for _, child := range test.WidgetRenderer(o).Objects() {
			walk(child, see)
		}
	}
}

// button returns the button with a text; the front one when there are several.
func (d *testDesk) button(text string) *widget.Button {
	d.tb.Helper()
	var found *widget.Button
	for _, o := range d.objects() {
		if b, ok := o.(*widget.Button); ok && b.Text == text {
			found = b
		}
	}
	if found == nil {
		d.tb.Fatalf("there is no button %q among:\n%s", text, d.text())
	}
	return found
}

// tap presses the button with a text and runs what that starts.
func (d *testDesk) tap(text string) {
	d.tb.Helper()
	b := d.button(text)
	if b.Disabled() {
		d.tb.Fatalf("the button %q is disabled", text)
	}
	test.Tap(b)
	d.drain()
}

// text returns every text that can be seen, a line each.
func (d *testDesk) text() string {
	var lines []string
	for _, o := range d.objects() {
		if text := textOf(o); text != "" {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "\n")
}

// textOf returns what an object says, "" for one that has no words.
func textOf(o fyne.CanvasObject) string {
	switch o := o.(type) {
	case *widget.Label:
		return o.Text
	case *widget.Button:
		return "[" + o.Text + "]"
	case *widget.Entry:
		return "<" + o.Text + ">"
	case *searchEntry:
		return "<" + o.Text + ">"
	case *widget.Hyperlink:
		return o.Text
	case *widget.Check:
		return map[bool]string{true: "[x] ", false: "[ ] "}[o.Checked] + o.Text
	case *widget.Select:
		return "{" + o.Selected + "}"
	default:
		return ""
	}
}

// sees fails unless each of these texts can be seen.
func (d *testDesk) sees(texts ...string) {
	d.tb.Helper()
	all := d.text()
	for _, text := range texts {
		if !strings.Contains(all, text) {
			d.tb.Errorf("%q is not shown; there is:\n%s", text, all)
		}
	}
}

// seesNot fails if one of these texts can be seen.
func (d *testDesk) seesNot(texts ...string) {
	d.tb.Helper()
	all := d.text()
	for _, text := range texts {
		if strings.Contains(all, text) {
			d.tb.Errorf("%q is shown:\n%s", text, all)
		}
	}
}

// picture writes what the window shows, in both themes and both sizes, below build/screenshots when FOYER_PICTURES is set: to look at.
func (d *testDesk) picture(name string) {
	d.tb.Helper()
	if os.Getenv("FOYER_PICTURES") == "" {
		return
	}
	pictures(d.tb, d.app, d.window, name)
}
