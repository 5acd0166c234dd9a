package gui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
)

func TestUpkeepService(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), upkeepTabService)
	d.sees("Running", "Since 2026-11-20 07:30", "1.2.0", "1.3.0", "This program, or foyer service install", "/usr/local/bin/foyer", "It starts with the machine",
		"[Restart the service]", "[Stop the service]", "[Update the service to 1.3.0]", "[Remove the service]")
	d.seesNot("[Start the service]")
	test.AssertObjectRendersToMarkup(t, "upkeep_service.xml", d.window.Content())
	homePicture(d, "upkeep-service")

	d.tap("Stop the service")
	d.sees("nobody can sign up, sign in or reach the pages, and no mail is taken or sent")
	if b, ok := d.window.Canvas().Focused().(*widget.Button); !ok || b.Text != "Cancel" {
		t.Error("the keyboard does not begin at the safe button")
	}
	d.picture("upkeep-stop")
	d.host.state = ServiceState{Managed: true, Installed: true}
	d.tap("Stop the service")
	d.sees("Stopped", "[Start the service]")
	d.seesNot("[Stop the service]")
	d.tap("Start the service")
	d.host.state = runningService()
	d.tap("Start the service")
	d.tap("Restart the service")
	d.sees("Who is signed in stays so")
	d.tap("Restart the service")
	if want := []string{"stop", "start", "start", "restart"}; !slices.Equal(d.host.done, want) || len(d.calls) != 4 {
		t.Errorf("done %q with %d looks at the connection, want %q", d.host.done, len(d.calls), want)
	}
	if want := []string{"The service is stopped", "The service runs", "The service runs", "The service runs again"}; !slices.Equal(d.told, want) {
		t.Errorf("told %q, want %q", d.told, want)
	}
}

func TestUpkeepUpdate(t *testing.T) {
	d, v := openUpkeep(t, newFakeUpkeep(), upkeepTabService)
	d.tap("Update the service to 1.3.0")
	d.sees("a backup of it is made first by itself")
	yes := d.button("Update the service to 1.3.0")
	test.Tap(yes)
	d.sees("Updating the service.")
	if !v.service.update.Disabled() || !v.service.stop.Disabled() {
		t.Error("something else can be done to a service while it is updated")
	}
	d.host.err = &app.Error{Code: app.Denied, Message: "nothing was done: the password of an administrator was not given"}
	d.drain()
	d.sees("Nothing was done: the password of an administrator was not given.")
	d.seesNot("Updating the service.")
	if !slices.Equal(d.host.done, []string{"install"}) || len(d.told) > 0 {
		t.Errorf("done %q, told %q", d.host.done, d.told)
	}
}

func TestUpkeepUninstall(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), upkeepTabService)
	d.tap("Remove the service")
	d.sees("Accounts, settings, mail and backups stay on the disk.")
	if b := d.button("Remove the service"); !b.Disabled() {
		t.Error("the service can be removed without a word")
	}
	find[*widget.Entry](d)[0].SetText("REMOVE")
	d.host.state = ServiceState{Managed: true}
	d.tap("Remove the service")
	d.sees("Not installed")
	if !slices.Equal(d.host.done, []string{"uninstall"}) {
		t.Errorf("done %q", d.host.done)
	}
}

func TestUpkeepServiceStates(t *testing.T) {
	packaged, same, newer, unknown := runningService(), runningService(), runningService(), runningService()
	packaged.Packaged, same.Version, newer.Version, unknown.Version = true, "1.3.0", "1.10.0", ""
	failed := ServiceState{Managed: true, Installed: true, Failed: true, Detail: "the database is damaged"}
	for _, c := range []struct {
		name   string
		state  ServiceState
		want   []string
		absent []string
	}{
		{"packaged", packaged, []string{"A package of the system", "the package manager of this machine updates it", "remove that with the package manager"}, []string{"[Update", "[Remove"}},
		{"same", same, []string{"The service is as new as this program (1.3.0)"}, []string{"[Update"}},
		{"newer", newer, []string{"This program (1.3.0) is older than the service (1.10.0)"}, []string{"[Update"}},
		{"unknown", unknown, []string{"does not say its version", "[Update the service to 1.3.0]"}, nil},
		{"failed", failed, []string{"Failed", "The database is damaged.", "[Start the service]"}, []string{"[Stop"}},
		{"unmanaged", ServiceState{}, []string{"Not known here", "no service manager that Foyer knows"}, []string{"[Remove", "[Update"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, v := openUpkeep(t, newFakeUpkeep(), "")
			d.host.state = c.state
			v.Open(upkeepTabService)
			d.drain()
			d.sees(c.want...)
			d.seesNot(c.absent...)
		})
	}
}

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"v1.2.3", "1.2.3", 0}, {"1.10.0", "1.9.9", 1}, {"1.2", "1.2.1", -1}, {"devel", "1.0.0", -1}, {"devel", "", 0}, {"1.3.0-rc1", "1.2.0", 1},
	} {
		if got := compareVersions(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
