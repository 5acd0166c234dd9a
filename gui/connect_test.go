package gui

import (
	"errors"
	"slices"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"foyer/app"
	"foyer/app/localapi"
)

func openConnect(t *testing.T, h *testHost) (*testDesk, *connectView, *int) {
	t.Helper()
	d := newTestDesk(t, nil)
	v := newConnectView(h, "1.1.0", func(_ time.Duration, w work) { d.run(w) }, d.tell, theme.HomeIcon())
	retries := 0
	v.retry = func() { retries++ }
	d.window.SetContent(v.content)
	return d, v, &retries
}

func TestConnectNotInstalled(t *testing.T) {
	h := &testHost{state: ServiceState{Managed: true}}
	d, v, retries := openConnect(t, h)
	v.show(connection{link: linkAbsent})
	d.sees("Foyer is not installed on this machine yet", "[Install and start the service]", "[Try the demonstration]", "sudo foyer service install")
	d.picture("connect-absent")
	h.err = errors.New("no rights")
	d.tap("Install and start the service")
	if *retries != 0 {
		t.Error("a failed installation counts as done")
	}
	h.err = &app.Error{Code: app.Denied, Message: "the password was not given"}
	d.tap("Install and start the service")
	d.sees("The password was not given.")
	h.err = nil
	d.tap("Install and start the service")
	if !slices.Equal(h.done, []string{"install", "install", "install"}) || *retries != 1 {
		t.Errorf("done %v, %d retries", h.done, *retries)
	}
}

func TestConnectStates(t *testing.T) {
	for _, c := range []struct {
		name   string
		link   link
		state  ServiceState
		text   string
		want   []string
		absent []string
	}{
		{"stopped", linkStopped, ServiceState{Managed: true, Installed: true}, "", []string{"[Start the service]", "sudo foyer service start", "[Try again now]"}, []string{"demonstration"}},
		{"silent", linkSilent, ServiceState{}, "Nobody answers at /run/foyer/admin.sock.", []string{"Nobody answers at", "[Try again now]", "[Try the demonstration]"}, []string{"[Restart", "sudo"}},
		{"silent and installed", linkSilent, ServiceState{Managed: true, Installed: true, Running: true}, "", []string{"[Restart the service]"}, nil},
		{"forbidden", linkForbidden, ServiceState{}, "You are eve; usermod -aG foyer eve.", []string{"usermod -aG foyer eve", "[Try again now]"}, []string{"demonstration", "[Start"}},
		{"forbidden with a command", linkForbidden, ServiceState{}, "", []string{"you are eve (uid 1001)", "The command for the administrator", "sudo usermod -aG foyer eve"}, []string{"Or, in a terminal"}},
		{"mismatch", linkMismatch, ServiceState{}, "", []string{"The service is of another version"}, []string{"demonstration", "[Restart", "[Update"}},
		{
			"mismatch with an older service", linkMismatch,
			ServiceState{Managed: true, Installed: true, Running: true, Version: "1.0.9"},
			"",
			[]string{"The service is version 1.0.9", "[Update the service to 1.1.0]", "sudo foyer service install"},
			[]string{"[Restart"},
		},
		{
			"mismatch with a newer service", linkMismatch,
			ServiceState{Managed: true, Installed: true, Running: true, Version: "1.2.0"},
			"",
			[]string{"older than the service"},
			[]string{"[Restart", "[Update"},
		},
		{
			"mismatch after a package", linkMismatch,
			ServiceState{Managed: true, Installed: true, Running: true, Packaged: true, Version: "1.0.9"},
			"",
			[]string{"[Restart the service]", "sudo foyer service restart"},
			[]string{"[Update"},
		},
		{"unknown", linkUnknown, ServiceState{}, "", []string{"Looking for the service…"}, []string{"[Try again now]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, v, _ := openConnect(t, &testHost{state: c.state})
			shown := connection{link: c.link, text: c.text, service: c.state}
			if c.name == "forbidden with a command" {
				shown.version = localapi.Version{Caller: "eve (uid 1001)", Join: "sudo usermod -aG foyer eve"}
			}
			v.show(shown)
			d.sees(c.want...)
			d.seesNot(c.absent...)
			d.picture("connect-" + c.name)
		})
	}
}

func TestConnectDemo(t *testing.T) {
	h := &testHost{}
	d, v, _ := openConnect(t, h)
	v.show(connection{link: linkSilent})
	var client Client
	v.demo = func(c Client, end func()) {
		client = c
		end()
	}
	d.tap("Try the demonstration")
	if client == nil || !slices.Equal(h.done, []string{"end"}) {
		t.Errorf("client %v, done %v", client, h.done)
	}
}

func TestWindowLostAndBack(t *testing.T) {
	w, _ := newTestWindow(t)
	w.setConnection(connection{link: linkSilent, retry: 4 * time.Second})
	see := func() string { return textsOf(w.win) }
	if all := see(); !contains(all, "The service does not answer any more. Trying again in 4 s", "Not connected", "Home") {
		t.Errorf("a lost connection shows:\n%s", all)
	}
	w.setConnection(connection{link: linkForbidden, text: "you are eve"})
	if all := see(); !contains(all, "You may not administer Foyer yet", "you are eve") {
		t.Errorf("rights that were taken away show:\n%s", all)
	}
}

func TestWindowNavigation(t *testing.T) {
	w, _ := newTestWindow(t)
	test.Tap(w.pages[1].button)
	if w.current.name != pageCompanies || w.app.Preferences().String(prefPage) != pageCompanies {
		t.Errorf("the page is %s, kept as %q", w.current.name, w.app.Preferences().String(prefPage))
	}
}
