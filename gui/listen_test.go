package gui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

func TestListenAddress(t *testing.T) {
	for text, want := range map[string]string{
		":8090": ":8090", "8090": ":8090", "192.168.1.10:80": "192.168.1.10:80", "[::1]:8090": "[::1]:8090", "localhost:65535": "localhost:65535",
	} {
		if got, ok := listenAddress(text); !ok || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "office", ":", ":0", ":65536", ":-1", ":+1", ":http", "http://office:8090", "a b:80", "a;b:80", "::1:80", "99999"} {
		if got, ok := listenAddress(text); ok {
			t.Errorf("%q is taken for the address %q", text, got)
		}
	}
}

// taken is what the machine says when another program has the port.
func taken(address string) error {
	return (&app.Error{Code: app.Conflict, Field: "listen", Reason: "listen_taken", Message: "in use"}).With("Address", address)
}

// TestConnectInstallElsewhere installs on a machine whose port 8080 is another program's.
func TestConnectInstallElsewhere(t *testing.T) {
	h := &testHost{state: ServiceState{Managed: true}, err: taken(":8080")}
	d, v, retries := openConnect(t, h)
	v.show(connection{link: linkAbsent, service: h.state})
	d.sees("Address and port of the pages", "sudo foyer service install")
	d.tap("Install and start the service")
	d.sees(":8080 is in use by another program. Choose another port, or end that program.")
	if d.window.Canvas().Focused() != v.listen.entry {
		t.Error("the keyboard is not where another address is typed")
	}
	d.picture("connect-absent-taken")
	test.Type(v.listen.entry, "x")
	d.seesNot("in use by another program")
	d.tap("Install and start the service")
	d.sees("This is no address to listen at.")
	if len(h.done) != 1 {
		t.Errorf("done %q with what is no address", h.done)
	}
	h.err = nil
	v.listen.entry.SetText("8090")
	d.sees("sudo foyer service install --listen :8090")
	v.listen.entry.OnSubmitted("")
	d.drain()
	if want := []string{"install", "install --listen :8090"}; !slices.Equal(h.done, want) || *retries != 1 {
		t.Errorf("done %q with %d looks, want %q", h.done, *retries, want)
	}
	// What was typed is of no account for another thing.
	v.show(connection{link: linkStopped, service: ServiceState{Managed: true, Installed: true}})
	d.seesNot("Address and port of the pages", "[Other address…]")
}

// TestConnectOtherAddress offers another address where the service may not start because of the one it has.
func TestConnectOtherAddress(t *testing.T) {
	for _, c := range []struct {
		name  string
		state ServiceState
		want  bool
	}{
		{"stopped", ServiceState{Managed: true, Installed: true, Listen: ":8080", Program: "/usr/local/bin/foyer"}, true},
		{"packaged", ServiceState{Managed: true, Installed: true, Packaged: true, Version: "1.0.0", Listen: ":8080", Program: "/usr/bin/foyer"}, true},
		{"where its program is not known", ServiceState{Managed: true, Installed: true, Listen: ":8080"}, false},
		{"where it is not known", ServiceState{Managed: true, Installed: true}, false},
	} {
		d, v, _ := openConnect(t, &testHost{state: c.state})
		asked := ""
		v.move = func(now ServiceState) { asked = now.Listen }
		v.show(connection{link: linkStopped, text: "The pages cannot be served at :8080.", service: c.state})
		if !c.want {
			d.seesNot("[Other address…]")
			continue
		}
		d.picture("connect-stopped-address")
		d.tap("Other address…")
		if asked != ":8080" {
			t.Errorf("%s: asked about %q", c.name, asked)
		}
	}
}

// TestUpkeepListen changes where the service listens.
func TestUpkeepListen(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), upkeepTabService)
	d.sees("Listens at", ":8080", "[Other address…]")
	homePicture(d, "upkeep-service-same")
	d.tap("Other address…")
	d.sees("Where the service listens", "sudo /usr/local/bin/foyer service install --listen :8080")
	if yes := d.button("Change and restart"); !yes.Disabled() {
		t.Error("the address that it has can be changed to itself")
	}
	entry, ok := d.window.Canvas().Focused().(*widget.Entry)
	if !ok {
		t.Fatal("the keyboard is not where the address is typed")
	}
	entry.SetText(":99999")
	d.tap("Change and restart")
	d.sees("This is no address to listen at.")
	entry.SetText(":8090")
	d.sees("sudo /usr/local/bin/foyer service install --listen :8090") // the service's own program: this one is of another version
	d.picture("upkeep-listen")
	d.host.err = taken(":8090")
	d.tap("Change and restart")
	d.sees(":8090 is in use by another program.")
	d.picture("upkeep-listen-taken")
	d.host.err = (&app.Error{Code: app.Unavailable, Reason: "install_taken_back", Message: "no"}).With("Why", "it ended")
	entry.SetText(":8091")
	d.seesNot("in use by another program")
	d.tap("Change and restart")
	d.sees("The service does not come up: it ended. The machine was put back as it was before.")
	d.host.err = nil
	test.Tap(d.button("Change and restart"))
	d.sees("Changing the address.")
	if !d.button("Cancel").Disabled() || !entry.Disabled() {
		t.Error("it can be broken off half way")
	}
	d.host.state.Listen = ":8091"
	d.drain()
	d.sees(":8091")
	d.seesNot("Where the service listens")
	if want := []string{"/usr/local/bin/foyer install --listen :8090", "/usr/local/bin/foyer install --listen :8091", "/usr/local/bin/foyer install --listen :8091"}; !slices.Equal(d.host.done, want) || !slices.Equal(d.told, []string{"The service listens at :8091 now"}) {
		t.Errorf("done %q, told %q", d.host.done, d.told)
	}
}

// TestListenInSlovak installs, and moves, a service in Slovak: all of it fits.
func TestListenInSlovak(t *testing.T) {
	speakSlovak(t)
	h := &testHost{state: ServiceState{Managed: true}, err: taken(":8080")}
	d, v, _ := openConnect(t, h)
	v.show(connection{link: linkAbsent, service: h.state})
	d.tap("Nainštalovať a spustiť službu")
	d.sees(":8080 už používa iný program.", "Adresa a port stránok")
	d.seesNot("connect.", "<no value>")
	d.picture("connect-sk-absent")
	v.show(connection{link: linkForbidden, version: localapi.Version{Caller: "eva (uid 1001)", Join: "sudo usermod -aG foyer eva"}})
	d.sees("vy ste eva (uid 1001)", "Príkaz pre správcu tohto počítača:", "sudo usermod -aG foyer eva")
	d.picture("connect-sk-forbidden")
	v.show(connection{link: linkFailed, service: ServiceState{Managed: true, Installed: true, Failed: true, Reason: FailedData, Listen: ":8080"}})
	d.sees("[Obnoviť zálohu…]")
	d.seesNot("[Iná adresa…]") // it is not the address that it fails by
	v.show(connection{link: linkFailed, service: ServiceState{Managed: true, Installed: true, Failed: true, Listen: ":8080", Program: "/usr/bin/foyer"}})
	d.sees("[Iná adresa…]")
	d.picture("connect-sk-failed")
	if got := d.window.Content().MinSize().Width; got > 1000 {
		t.Errorf("it is at least %v wide", got)
	}
	d, page := openUpkeep(t, newFakeUpkeep(), upkeepTabService)
	d.host.state.Version = d.version
	page.service.read()
	d.drain()
	d.tap("Iná adresa…")
	d.sees("Kde služba počúva", "[Zmeniť a reštartovať]")
	d.seesNot("connect.", "<no value>")
	d.picture("upkeep-sk-listen")
	if got := page.content.MinSize().Width; got > 800 {
		t.Errorf("the page is at least %v wide", got)
	}
}

// TestTextsOfRefusals says what keeps a restore from being done in the person's language, with the values it has.
func TestTextsOfRefusals(t *testing.T) {
	for _, c := range []struct {
		reason string
		args   map[string]string
		want   string
	}{
		{"backup_no_room", map[string]string{"Need": "40", "Free": "3", "Dir": "/srv"}, "40 MB are needed, 3 MB are free in /srv"},
		{"backup_no_room", nil, "As the service says it."},
		{"backup_secret_wrong", nil, "It cannot be opened with this."},
		{"service_running", nil, "A service runs with these data."},
		{"not_elevated", nil, "the password of an administrator was not given"},
		{"never_heard_of", nil, "As the service says it."},
	} {
		got := errorText(&app.Error{Code: app.Unavailable, Reason: c.reason, Message: "as the service says it", Args: c.args})
		if !contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.reason, got, c.want)
		}
	}
}
