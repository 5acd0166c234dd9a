package gui

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

// settingsService keeps settings as the service does.
type settingsService struct {
	Client
	now     localapi.Settings
	changes map[string]string
	trial   localapi.Trial
	err     error
	address addressService
}

func (c *settingsService) Settings(context.Context) (localapi.Settings, error) {
	return maps.Clone(c.now), c.err
}

func (c *settingsService) SetSettings(_ context.Context, changes map[string]string) (localapi.Settings, error) {
	if c.err != nil {
		return nil, c.err
	}
	c.changes = changes
	for key, value := range changes {
		c.now[key] = localapi.Setting{Text: value, Number: c.now[key].Number}
	}
	return maps.Clone(c.now), nil
}

func (c *settingsService) TestPublicURL(_ context.Context, address string) (localapi.Trial, error) {
	c.address.tried = append(c.address.tried, address)
	return c.trial, c.err
}

// sampleSettings returns what a new service has, with an address.
func sampleSettings() *settingsService {
	now := localapi.Settings{}
	for _, def := range app.SettingDefs() {
		now[def.Key] = localapi.Setting{Text: def.Default, Number: def.Kind == app.KindNumber, Secret: def.Secret()}
	}
	now["public_url"] = localapi.Setting{Text: "https://accounts.office.example"}
	now["site_name"] = localapi.Setting{Text: "Novák & Partners"}
	return &settingsService{now: now, address: sampleAddress()}
}

func openSettings(t *testing.T, c *settingsService, subject string) (*testDesk, *settingsView) {
	t.Helper()
	d := newTestDesk(t, c)
	v, ok := newSettings(d.desk).(*settingsView)
	if !ok {
		t.Fatal("the page of settings is no settingsView")
	}
	d.show(v, subject)
	return d, v
}

// TestEverySettingHasAPlace finds a setting that nobody can reach.
func TestEverySettingHasAPlace(t *testing.T) {
	var here []string
	for _, g := range settingGroups() {
		here = append(here, g.keys...)
	}
	for _, def := range app.SettingDefs() {
		elsewhere := def.Key == "login_link" || strings.HasPrefix(def.Key, "mail.") || def.Key == "public_url" || strings.HasPrefix(def.Key, "backup.") || strings.HasPrefix(def.Key, "tls.")
		if n := len(slices.DeleteFunc(slices.Clone(here), func(key string) bool { return key != def.Key })); n == 0 && !elsewhere || n > 1 || n == 1 && elsewhere {
			t.Errorf("the setting %s stands %d times on the page of settings", def.Key, n)
		}
	}
}

func TestSettingsShown(t *testing.T) {
	d, v := openSettings(t, sampleSettings(), "")
	d.sees("Name of the office", "<Novák & Partners>", "[x] Give every address the same answer at sign-up")
	if v.Unsaved() || !d.button("Save").Disabled() {
		t.Error("nothing was typed, and there is something to save")
	}
	test.AssertRendersToMarkup(t, "settings_office.xml", d.window.Canvas())
	d.picture("settings-office")
	d.tap("Sign-up")
	d.sees("Validity of a confirmation link, in hours", "<24>", "usual: 24")
	d.seesNot("Name of the office")
	d.picture("settings-signup")
	d.tap("This program")
	d.sees("Appearance", "Keep running in the system tray")
	d.picture("settings-program")
}

func TestSettingsSearch(t *testing.T) {
	d, v := openSettings(t, sampleSettings(), "")
	v.search.SetText("one domain")
	d.tick()
	d.sees("Mails an hour to one domain", "Mail limits")
	d.seesNot("Name of the office", "Mails an hour in all")
	d.picture("settings-search")
	v.search.SetText("xyzzy")
	d.tick()
	d.sees("No setting has these words.")
	d.tap("Sign-in")
	d.sees("Minutes without a click")
}

func TestSettingsSave(t *testing.T) {
	c := sampleSettings()
	d, v := openSettings(t, c, "limits.mail_global")
	if got := d.window.Canvas().Focused(); got != v.fields["limits.mail_global"].entry {
		t.Errorf("the keyboard is at %T, not at the setting that was asked for", got)
	}
	v.fields["limits.mail_global"].entry.SetText("600")
	v.fields["neutral_answers"].check.SetChecked(false)
	d.sees("2 changes are not saved")
	v.Changed(topics{localapi.TopicSettings: true})
	d.drain()
	if !v.Unsaved() {
		t.Fatal("a change elsewhere lost what was typed")
	}
	test.Type(v.fields["limits.mail_global"].entry, "")
	v.fields["limits.mail_global"].entry.OnSubmitted("") // Enter
	d.drain()
	if want := map[string]string{"limits.mail_global": "600", "neutral_answers": "off"}; !maps.Equal(c.changes, want) {
		t.Errorf("saved %v, want %v", c.changes, want)
	}
	if v.Unsaved() || len(d.told) != 1 {
		t.Errorf("unsaved %v, told %q", v.Unsaved(), d.told)
	}
}

func TestSettingRefused(t *testing.T) {
	c := sampleSettings()
	d, v := openSettings(t, c, "")
	v.fields["limits.mail_global"].entry.SetText("many")
	c.err = app.Fieldf("limits.mail_global", "setting_invalid", "limits.mail_global cannot be set so: write a whole number").With("Why", "write a whole number")
	d.tap("Save")
	d.sees("Write a whole number.", "Nothing is saved: see Mails an hour in all.", "<many>")
	d.picture("settings-refused")
	d.tap("Discard")
	d.sees("<300>")
	d.seesNot("Write a whole number.")
}

func TestSettingsLostConnection(t *testing.T) {
	c := sampleSettings()
	d, v := openSettings(t, c, "")
	v.fields["site_name"].entry.SetText("New name")
	c.err = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	d.tap("Save")
	if len(d.losses) != 1 || v.fields["site_name"].value() != "New name" {
		t.Errorf("lost %v, typed %q", d.losses, v.fields["site_name"].value())
	}
}

func TestAppearance(t *testing.T) {
	d, v := openSettings(t, sampleSettings(), "")
	d.tap("This program")
	v.program.appearance.SetSelected("Dark")
	l, ok := d.app.Settings().Theme().(*look)
	if !ok || l.fixed == nil || d.prefs.String(prefAppearance) != appearanceDark {
		t.Errorf("the theme is %+v and the preference %q after Dark was chosen", l, d.prefs.String(prefAppearance))
	}
}
