package gui

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

// windowClient is a service that only says who is there.
type windowClient struct {
	Client
	empty   bool // it has no companies
	version localapi.Version
	err     error
}

func (c *windowClient) Version(context.Context) (localapi.Version, error) { return c.version, c.err }

func (c *windowClient) CompanyPage(context.Context, localapi.CompanyFilter, string, int) (localapi.Page[localapi.CompanySummary], error) {
	if c.empty {
		return localapi.Page[localapi.CompanySummary]{}, c.err
	}
	return localapi.Page[localapi.CompanySummary]{Items: []localapi.CompanySummary{{Name: "Acme Ltd"}}, Total: 1}, c.err
}

func (c *windowClient) Company(_ context.Context, name string) (localapi.Company, error) {
	return localapi.Company{Name: name}, c.err
}

func (c *windowClient) AccountPage(context.Context, localapi.AccountFilter, string, int) (localapi.Page[localapi.Account], error) {
	return localapi.Page[localapi.Account]{}, c.err
}

func (c *windowClient) Stats(context.Context, int, time.Duration) (localapi.Stats, error) {
	return localapi.Stats{Companies: 1}, c.err
}

func (c *windowClient) Attention(context.Context) ([]localapi.Notice, error) { return nil, c.err }

func (c *windowClient) EventPage(context.Context, localapi.EventFilter, string, int) (localapi.Page[localapi.Event], error) {
	return localapi.Page[localapi.Event]{}, c.err
}

func (c *windowClient) Settings(context.Context) (localapi.Settings, error) {
	return localapi.Settings{"public_url": {Text: "https://accounts.office.example"}}, nil
}

// testHost is a machine.
type testHost struct {
	Host
	state    ServiceState
	done     []string
	err      error
	kept     []localapi.Backup
	restored Restore
	secret   string // that a file was checked with
	check    localapi.BackupCheck
	steps    []Progress      // what work tells
	told     func(at string) // is called after each of them
}

func (h *testHost) tell(progress func(Progress)) {
	for _, p := range h.steps {
		progress(p)
		if h.told != nil {
			h.told(p.Step)
		}
	}
}

func (h *testHost) Backups(context.Context) ([]localapi.Backup, error) { return h.kept, h.err }

func (h *testHost) Restore(_ context.Context, r Restore, progress func(Progress)) error {
	h.restored = r
	h.tell(progress)
	return h.err
}

func (h *testHost) VerifyFile(_ context.Context, path, secret string, progress func(Progress)) (localapi.BackupCheck, error) {
	h.done, h.secret = append(h.done, "verify "+path), secret
	h.tell(progress)
	return h.check, h.err
}

// runningService is a service that was installed by hand and runs.
func runningService() ServiceState {
	return ServiceState{
		Managed: true, Installed: true, Running: true, Enabled: true, Since: time.Date(2026, 11, 20, 7, 30, 0, 0, time.UTC),
		Program: "/usr/local/bin/foyer", Version: "1.2.0", Listen: ":8080",
	}
}

func (h *testHost) Service() ServiceState { return h.state }

func (h *testHost) Command(verb string) string { return "sudo foyer service " + verb }

func (h *testHost) Control(_ context.Context, verb string) error {
	h.done = append(h.done, verb)
	return h.err
}

func (h *testHost) InstallCommand(o InstallOptions) string {
	return strings.TrimSpace("sudo " + cmp.Or(o.Program, "foyer") + " service install " + listenFlag(o))
}

func listenFlag(o InstallOptions) string {
	if o.Listen == "" {
		return ""
	}
	return "--listen " + o.Listen
}

func (h *testHost) Install(_ context.Context, o InstallOptions) error {
	h.done = append(h.done, strings.TrimSpace(o.Program+" install "+listenFlag(o)))
	return h.err
}

func (h *testHost) Log(context.Context, int) (string, error) {
	return "2026-11-26T10:00:00 foyer[7]: sent to jane@acme.example, password=hunter2\n", h.err
}

func (h *testHost) NewBackupKey() (identity, recipient string, err error) {
	return "# public key: age1new\nAGE-SECRET-KEY-1NEW\n", "age1new", h.err
}

func (h *testHost) Demo(context.Context) (Client, func(), error) {
	return &windowClient{version: localapi.Version{Permitted: true}}, func() { h.done = append(h.done, "end") }, h.err
}

func TestConnectionOf(t *testing.T) {
	silent := &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	for _, c := range []struct {
		name    string
		version localapi.Version
		err     error
		service ServiceState
		want    link
	}{
		{"not installed", localapi.Version{}, silent, ServiceState{Managed: true}, linkAbsent},
		{"stopped", localapi.Version{}, silent, ServiceState{Managed: true, Installed: true}, linkStopped},
		{"runs and does not answer", localapi.Version{}, silent, ServiceState{Managed: true, Installed: true, Running: true}, linkSilent},
		{"nobody can tell", localapi.Version{}, silent, ServiceState{}, linkSilent},
		{"may not", localapi.Version{Missing: "you are eve"}, nil, ServiceState{}, linkForbidden},
		{"may not even connect", localapi.Version{}, &app.Error{Code: app.Denied, Reason: "not_permitted"}, ServiceState{}, linkForbidden},
		{"other version", localapi.Version{}, &app.Error{Code: app.Unavailable, Reason: "version_mismatch"}, ServiceState{}, linkMismatch},
	} {
		l := newLive(&windowClient{}, &testHost{state: c.service}, func(do func()) { do() })
		if got := l.connectionOf(c.version, c.err); got.link != c.want {
			t.Errorf("%s: link %d, want %d", c.name, got.link, c.want)
		}
	}
}

// newSettling returns a background whose functions for the window wait, and what runs them, and those of the works that they start,
// until there are none.
func newSettling(t *testing.T) (b *background, settle func()) {
	t.Helper()
	var mu sync.Mutex
	var posted []func()
	b = newBackground(func(do func()) {
		mu.Lock()
		defer mu.Unlock()
		posted = append(posted, do)
	})
	t.Cleanup(b.stop)
	return b, func() {
		for {
			b.group.Wait()
			mu.Lock()
			all := posted
			posted = nil
			mu.Unlock()
			if len(all) == 0 {
				return
			}
			for _, do := range all {
				do()
			}
		}
	}
}

// newTestWindow returns a window that is connected, and what runs the works it has started.
func newTestWindow(t *testing.T) (w *window, settle func()) {
	t.Helper()
	a := test.NewTempApp(t)
	applyTheme(a)
	b, settle := newSettling(t)
	w = newWindow(a, Config{Client: &windowClient{Client: newOffice()}, Host: &testHost{}, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)}, b)
	w.setConnection(connection{link: linkUp, version: localapi.Version{Version: "1.2.3", Caller: "anna (uid 1000)"}})
	settle()
	return w, settle
}

// textsOf returns what a window says, a line each.
func textsOf(w fyne.Window) string {
	var text []string
	for _, o := range objectsOf(w.Canvas()) {
		if line := textOf(o); line != "" {
			text = append(text, line)
		}
	}
	return strings.Join(text, "\n")
}

func contains(all string, texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(all, text) })
}

func TestWindowConnected(t *testing.T) {
	w, _ := newTestWindow(t)
	if os.Getenv("FOYER_PICTURES") != "" {
		pictures(t, w.app, w.win, "window")
	}
	if all := textsOf(w.win); !contains(all, "You are anna (uid 1000)", "https://accounts.office.example", "[Companies]") {
		t.Errorf("the window does not say who is there and where the pages are:\n%s", all)
	}
}

// TestBarMakesRoom says something, clears it and says something again before a frame is drawn: what stands below makes room.
func TestBarMakesRoom(t *testing.T) {
	d := newTestDesk(t, nil)
	title, b, below := newTitle("title"), newBar(), newText("below")
	d.window.SetContent(newBorder(container.NewVBox(title, b), nil, nil, nil, below))
	b.say(levelError, "wrong")
	b.clear()
	d.window.Content().Refresh()
	b.say(levelError, "still wrong")
	if got, want := below.Position().Y, title.MinSize().Height+b.MinSize().Height; got < want {
		t.Errorf("what stands below a bar begins at %v, want %v at least", got, want)
	}
}

// TestLeastWindow expects a window that cannot be made too small for its pages.
func TestLeastWindow(t *testing.T) {
	w, _ := newTestWindow(t)
	least := w.win.Content().MinSize()
	if least.Width < 1000 || least.Height < 600 || least.Width > 1024 || least.Height > 660 {
		t.Errorf("the window is at least %v", least)
	}
}
