package gui

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

// windowClient is a service that only says who is there.
type windowClient struct {
	Client
	version localapi.Version
	err     error
}

func (c *windowClient) Version(context.Context) (localapi.Version, error) { return c.version, c.err }

func (c *windowClient) Settings(context.Context) (localapi.Settings, error) {
	return localapi.Settings{"public_url": {Text: "https://accounts.office.example"}}, nil
}

// testHost is a machine.
type testHost struct {
	Host
	state ServiceState
}

func (h *testHost) Service() ServiceState { return h.state }

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

func TestWindowConnected(t *testing.T) {
	a := test.NewTempApp(t)
	applyTheme(a)
	posts := make(chan func(), 100)
	b := newBackground(func(do func()) { posts <- do })
	w := newWindow(a, Config{Client: &windowClient{Client: newOffice()}, Host: &testHost{}, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)}, b)
	w.setConnection(connection{link: linkUp, version: localapi.Version{Version: "1.2.3", Caller: "anna (uid 1000)"}})
	b.group.Wait()
	for len(posts) > 0 {
		(<-posts)()
	}
	b.stop()
	if os.Getenv("FOYER_PICTURES") != "" { //nolint:forbidigo // of a test
		pictures(t, a, w.win, "window")
	}
	var text []string
	for _, o := range objectsOf(w.win.Canvas()) {
		text = append(text, textOf(o))
	}
	if all := strings.Join(text, "\n"); !strings.Contains(all, "You are anna (uid 1000)") || !strings.Contains(all, "https://accounts.office.example") {
		t.Errorf("the window does not say who is there and where the pages are:\n%s", all)
	}
}
