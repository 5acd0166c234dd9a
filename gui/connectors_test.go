package gui

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// connectorService keeps connectors as the service does.
type connectorService struct {
	Client
	all     []localapi.Connector
	changes map[string]string // of the last change
	trial   localapi.Trial
	err     error
}

func (c *connectorService) Connectors(context.Context) ([]localapi.Connector, error) {
	return c.all, c.err
}

func (c *connectorService) Connector(_ context.Context, name string) (localapi.Connector, error) {
	for _, one := range c.all {
		if one.Name == name {
			return one, c.err
		}
	}
	return localapi.Connector{}, app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
}

func (c *connectorService) AddConnector(_ context.Context, kind, name string, keys map[string]string) (localapi.Connector, error) {
	if c.err != nil {
		return localapi.Connector{}, c.err
	}
	c.changes = maps.Clone(keys)
	added := localapi.Connector{
		Name: name, Kind: kind, Title: name, ClientID: keys["client_id"], Enabled: keys["enabled"] == "on",
		ClientSecret: localapi.Setting{Secret: true, Set: keys["client_secret"] != ""}, RedirectURI: "https://accounts.office.example/auth/" + name + "/callback",
	}
	c.all = append(c.all, added)
	return added, nil
}

func (c *connectorService) SetConnector(_ context.Context, name string, changes map[string]string) (localapi.Connector, error) {
	if c.err != nil {
		return localapi.Connector{}, c.err
	}
	c.changes = maps.Clone(changes)
	for i := range c.all {
		if c.all[i].Name != name {
			continue
		}
		if id, ok := changes["client_id"]; ok {
			c.all[i].ClientID = id
		}
		if on, ok := changes["enabled"]; ok {
			c.all[i].Enabled = on == "on"
		}
		return c.all[i], nil
	}
	return localapi.Connector{}, app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
}

func (c *connectorService) RemoveConnector(_ context.Context, name string) error {
	for i := range c.all {
		if c.all[i].Name == name {
			c.all = append(c.all[:i], c.all[i+1:]...)
			return nil
		}
	}
	return app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
}

func (c *connectorService) TestConnector(context.Context, string) (localapi.Trial, error) {
	return c.trial, c.err
}

func sampleConnectors() *connectorService {
	expires, seen := "2027-01-31", time.Date(2026, 11, 25, 9, 12, 0, 0, time.UTC)
	return &connectorService{
		all: []localapi.Connector{
			{
				Name: "google", Kind: "google", Title: "Google", ClientID: "123.apps.googleusercontent.com", ClientSecret: localapi.Setting{Secret: true, Set: true},
				Enabled: true, RedirectURI: "http://192.168.1.5:8080/auth/google/callback",
				Findings: []localapi.Finding{{Code: "public_url_address", Blocks: true, Text: "google does not do that"}},
			},
			{
				Name: "microsoft", Kind: "entra", Title: "Office 365 / Entra ID", ClientID: "0b5c7a52-4b0a-4b1e-9d2e-7a3f1c2d4e5f",
				ClientSecret: localapi.Setting{Secret: true, Set: true}, SecretExpires: &expires, Tenant: "72f988bf-86f1-41af-91ab-2d7cd011db47",
				Enabled: true, SignUp: true, Works: true, RedirectURI: "https://accounts.office.example/auth/microsoft/callback", LastSignIn: &seen,
			},
			{Name: "partner", Kind: "oidc", Title: "Partner", Issuer: "https://login.partner.example", ClientID: "foyer", Works: true},
		},
		trial: localapi.Trial{
			Steps: []localapi.TrialStep{
				{Name: "settings", OK: true, Detail: "nothing is missing", TookMS: 1},
				{Name: "discovery", OK: true, Detail: "the issuer is the one that is set", TookMS: 84},
				{Name: "client", Detail: "the provider does not take the client secret (AADSTS7000215)", TookMS: 120},
			},
			Verdict: "the client secret is wrong: copy what stands under Value, not the secret's ID",
		},
	}
}

// openConnectors returns the page with its list.
func openConnectors(t *testing.T, c *connectorService) (*testDesk, *connectorsView) {
	t.Helper()
	d := newTestDesk(t, c)
	v, ok := newConnectors(d.desk).(*connectorsView)
	if !ok {
		t.Fatal("the page of connectors is no connectorsView")
	}
	d.show(v, "")
	return d, v
}

// rowOf returns the row of a table that shows a text.
func (d *testDesk) rowOf(text string) *tableRow {
	d.tb.Helper()
	for _, o := range d.objects() {
		if r, ok := o.(*tableRow); ok && strings.Contains(rowText(r), text) {
			return r
		}
	}
	d.tb.Fatalf("no row shows %q", text)
	return nil
}

func rowText(r *tableRow) string {
	words := make([]string, len(r.cells))
	for i, c := range r.cells {
		words[i] = c.label.Text
	}
	return strings.Join(words, " | ")
}

func TestConnectorsList(t *testing.T) {
	d, v := openConnectors(t, sampleConnectors())
	for text, want := range map[string]string{
		"Google":  "Google | Google | Cannot work | Off | Never",
		"Office":  "Office 365 / Entra ID | Microsoft Entra ID | Works | On | 2026-11-25 09:12",
		"Partner": "Partner | OpenID provider | Switched off | Off | Never",
	} {
		if got := rowText(d.rowOf(text)); got != want {
			t.Errorf("row %q, want %q", got, want)
		}
	}
	test.AssertRendersToMarkup(t, "connectors_list.xml", d.window.Canvas())
	d.picture("connectors-list")

	row := d.rowOf("Office")
	test.Tap(row)
	if v.form != nil {
		t.Error("one click opened the connector")
	}
	test.Tap(row)
	d.drain()
	if v.form == nil {
		t.Fatal("a double click did not open the connector")
	}
	d.sees("Office 365 / Entra ID", "Redirect URI to register at the provider", "https://accounts.office.example/auth/microsoft/callback",
		"Allow new customer accounts to be created", "Secret expires on", "A secret is set.")
	test.AssertRendersToMarkup(t, "connectors_form.xml", d.window.Canvas())
	d.picture("connectors-form")
}

func TestConnectorsByKeyboard(t *testing.T) {
	d, v := openConnectors(t, sampleConnectors())
	d.window.Canvas().Focus(v.table.list)
	for _, key := range []fyne.KeyName{fyne.KeyDown, fyne.KeyDown, fyne.KeyReturn} {
		v.table.list.TypedKey(&fyne.KeyEvent{Name: key})
	}
	d.drain()
	if v.form == nil || v.form.was.Name != "microsoft" {
		t.Fatal("the arrow keys and Enter did not open the second connector")
	}
	if got := d.window.Canvas().Focused(); got != v.form.enabled {
		t.Errorf("the keyboard begins at %T, not at the first switch", got)
	}
	order := []fyne.Focusable{v.form.signup, v.form.tenant, v.form.clientID, v.form.secret, v.form.expires, v.form.label, v.form.trust}
	for i, want := range order {
		d.window.Canvas().FocusNext()
		got := d.window.Canvas().Focused()
		if b, ok := got.(*widget.Button); ok && b.Icon != nil && b.Text == "" { // the eye of the secret
			d.window.Canvas().FocusNext()
			got = d.window.Canvas().Focused()
		}
		if got != want {
			t.Errorf("tab %d leads to %T %q, want the next field", i+1, got, textOf(got.(fyne.CanvasObject)))
		}
	}
}

func TestConnectorWhyItCannotWork(t *testing.T) {
	d, v := openConnectors(t, sampleConnectors())
	v.Open("google")
	d.drain()
	d.sees("Cannot work", "Google does not send people back to a bare address, and the pages are at http://192.168.1.5:8080.")
	d.picture("connectors-blocked")
}

func TestConnectorSave(t *testing.T) {
	c := sampleConnectors()
	d, v := openConnectors(t, c)
	v.Open("microsoft")
	d.drain()
	if !d.button("Save").Disabled() || v.Unsaved() {
		t.Error("nothing was typed, and there is something to save")
	}
	if v.form.secret.Text != "" || !v.form.secret.Password {
		t.Error("the secret's field is not empty, or shows what is typed")
	}
	v.form.signup.SetChecked(false)
	v.form.secret.SetText("new secret")
	if !v.Unsaved() || !d.button("Test the connection").Disabled() {
		t.Error("what was typed does not count as unsaved, or can be tested before it is saved")
	}
	v.Changed(topics{localapi.TopicConnectors: true})
	d.drain()
	if v.form.secret.Text != "new secret" {
		t.Error("a change elsewhere overwrote what was typed")
	}
	d.tap("Save")
	if want := map[string]string{"signup": "off", "client_secret": "new secret"}; !maps.Equal(c.changes, want) {
		t.Errorf("saved %v, want %v", c.changes, want)
	}
	if len(d.told) != 1 || v.form.secret.Text != "" {
		t.Errorf("told %q, the secret's field has %q", d.told, v.form.secret.Text)
	}
}

func TestConnectorWrongValue(t *testing.T) {
	c := sampleConnectors()
	d, v := openConnectors(t, c)
	v.Open("microsoft")
	d.drain()
	v.form.tenant.SetText("common")
	c.err = app.Fieldf("tenant", "connector_invalid", "tenant cannot be set so: with it anybody with a Microsoft account could come")
	d.tap("Save")
	d.sees("Tenant cannot be set so: with it anybody with a Microsoft account could come.", "Nothing is saved yet")
	if !v.Unsaved() || v.form.tenant.Text != "common" {
		t.Error("a refusal lost what was typed")
	}
	d.picture("connectors-wrong")
}

func TestConnectorLostConnection(t *testing.T) {
	c := sampleConnectors()
	d, v := openConnectors(t, c)
	v.Open("partner")
	d.drain()
	v.form.clientID.SetText("other")
	c.err = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	d.tap("Save")
	if len(d.losses) != 1 || !v.Unsaved() {
		t.Errorf("lost %v, unsaved %v", d.losses, v.Unsaved())
	}
	d.seesNot("nobody answers")
}

func TestConnectorTrial(t *testing.T) {
	d, v := openConnectors(t, sampleConnectors())
	v.Open("microsoft")
	d.drain()
	d.tap("Test the connection")
	d.sees("Provider's description", "in order · 84 ms", "Client ID and secret", "failed · 120 ms",
		"The client secret is wrong: copy what stands under Value, not the secret's ID.")
	d.picture("connectors-trial")
}

func TestConnectorLeaveUnsaved(t *testing.T) {
	d, v := openConnectors(t, sampleConnectors())
	v.Open("partner")
	d.drain()
	v.form.label.SetText("Our partner")
	d.tap("Connectors")
	d.sees("Leave without saving?")
	d.tap("Cancel")
	if v.form == nil || v.form.label.Text != "Our partner" {
		t.Fatal("Cancel lost what was typed")
	}
	d.tap("Discard")
	d.tap("Leave without saving")
	if v.form != nil {
		t.Error("the form is still there")
	}
}

func TestConnectorRemove(t *testing.T) {
	c := sampleConnectors()
	d, v := openConnectors(t, c)
	v.Open("partner")
	d.drain()
	d.tap("Remove")
	d.sees("Remove Partner?", "This cannot be undone.")
	d.picture("connectors-remove")
	d.tap("Remove")
	if len(c.all) != 2 || v.form != nil {
		t.Errorf("%d connectors are left, form %v", len(c.all), v.form)
	}
}

func TestConnectorAdd(t *testing.T) {
	c := sampleConnectors()
	c.all = nil
	d, v := openConnectors(t, c)
	d.sees("No connector yet")
	d.picture("connectors-empty")
	v.create("google")
	d.sees("New: Google", "Credentials › Create credentials")
	d.picture("connectors-new")
	v.form.name.SetText("google")
	v.form.clientID.SetText("123")
	v.form.secret.SetText("s")
	d.tap("Save")
	if want := map[string]string{"client_id": "123", "client_secret": "s", "enabled": "on"}; !maps.Equal(c.changes, want) {
		t.Errorf("added with %v, want %v", c.changes, want)
	}
	d.sees("Redirect URI to register at the provider", "https://accounts.office.example/auth/google/callback")
	if v.Unsaved() {
		t.Error("what was just saved counts as unsaved")
	}
}

func TestConnectorSwitchOff(t *testing.T) {
	c := sampleConnectors()
	d, v := openConnectors(t, c)
	v.rowMenu(c.all[1])[1].Action()
	d.sees("Switch off Office 365 / Entra ID?", "cannot come in until it is on again")
	d.tap("Switch off")
	if c.changes["enabled"] != "off" {
		t.Errorf("changed %v", c.changes)
	}
	if got := rowText(d.rowOf("Office")); !strings.Contains(got, "Switched off") {
		t.Errorf("row %q", got)
	}
}
