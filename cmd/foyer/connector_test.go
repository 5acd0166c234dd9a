package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

func (o *office) SetTenants(_ context.Context, _, name, add, remove string) (app.Company, error) {
	adds, err := app.ParseTenants(add)
	if err != nil {
		return app.Company{}, err
	}
	removes, err := app.ParseTenants(remove)
	if err != nil {
		return app.Company{}, err
	}
	return o.company(name, func(c *app.Company) error {
		for _, id := range removes {
			if !slices.Contains(c.Tenants, id) {
				return app.Errorf(app.NotFound, "tenant_unknown", "%s has no tenant %s", name, id)
			}
		}
		c.Tenants = slices.DeleteFunc(append(adds, c.Tenants...), func(id string) bool { return slices.Contains(removes, id) })
		return nil
	})
}

func (o *office) Connectors(context.Context) ([]app.ConnectorState, error) {
	return o.connectors, o.fail
}

func (o *office) Connector(_ context.Context, name string) (app.ConnectorState, error) {
	for _, c := range o.connectors {
		if c.Name == name {
			return c, nil
		}
	}
	return app.ConnectorState{}, app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
}

func (o *office) AddConnector(ctx context.Context, _ string, kind app.ConnectorKind, name string, changes map[string]string) (app.ConnectorState, error) {
	if !slices.Contains(app.ConnectorKinds(), kind) {
		return app.ConnectorState{}, app.Fieldf("kind", "connector_kind", "there is no kind of connector %q; there are entra, google and oidc", kind)
	}
	if err := app.CheckConnectorName(name); err != nil {
		return app.ConnectorState{}, err
	}
	if _, err := o.Connector(ctx, name); err == nil {
		return app.ConnectorState{}, app.Errorf(app.Conflict, "connector_taken", "there is a connector %q already", name)
	}
	c, err := app.Connector{Name: name, Kind: kind, Enabled: true, CreatedAt: then}.Change(changes)
	if err != nil {
		return app.ConnectorState{}, err
	}
	state := stateOf(c)
	o.connectors = append(o.connectors, state)
	return state, nil
}

func (o *office) SetConnector(ctx context.Context, _, name string, changes map[string]string) (app.ConnectorState, error) {
	old, err := o.Connector(ctx, name)
	if err != nil {
		return old, err
	}
	next, err := old.Change(changes)
	if err != nil {
		return app.ConnectorState{}, err
	}
	at := slices.IndexFunc(o.connectors, func(c app.ConnectorState) bool { return c.Name == name })
	o.connectors[at] = stateOf(next)
	return o.connectors[at], nil
}

func (o *office) RemoveConnector(ctx context.Context, _, name string) error {
	_, err := o.Connector(ctx, name)
	o.connectors = slices.DeleteFunc(slices.Clone(o.connectors), func(c app.ConnectorState) bool { return c.Name == name })
	return err
}

const pages = "https://accounts.example.com"

func stateOf(c app.Connector) app.ConnectorState {
	c.Tenants = nil
	if app.IsTenant(c.Tenant) {
		c.Tenants = []string{c.Tenant}
	}
	return app.ConnectorState{Connector: c, RedirectURI: c.RedirectURI(pages), Works: c.Works(pages), Findings: c.Findings(pages, then)}
}

// newConnectors returns a terminal of an office with one connector that works, one that does not yet, one whose last
// sign-in failed, and one that is disabled.
func newConnectors(t *testing.T) *terminal {
	t.Helper()
	term := newTerminal(t)
	failing := stateOf(app.Connector{
		Name: "office", Kind: app.ConnectorOIDC, Label: "Office account", ClientID: "foyer", Issuer: "https://login.office.example",
		Enabled: true, SignUp: true, CreatedAt: then,
	})
	failing.LastProblem, failing.LastProblemAt = "the provider did not answer", then.Add(time.Minute)
	working := stateOf(app.Connector{
		Name: "microsoft", Kind: app.ConnectorEntra, ClientID: "6731de76", ClientSecret: "s3cret", Tenant: tenant, Enabled: true,
		SecretExpires: then.AddDate(0, 0, 20).Truncate(24 * time.Hour), CreatedAt: then,
	})
	working.LastSignIn = then
	term.office.connectors = []app.ConnectorState{
		stateOf(app.Connector{Name: "google", Kind: app.ConnectorGoogle, ClientID: "1234", Enabled: true, CreatedAt: then}),
		working, failing,
		stateOf(app.Connector{Name: "old", Kind: app.ConnectorOIDC, ClientID: "1", Issuer: "https://old.example", CreatedAt: then}),
	}
	return term
}

func TestConnectorTables(t *testing.T) {
	term := newConnectors(t)
	tests := []struct{ args, want string }{
		{"connector list", `
NAME       KIND    BUTTON                 STATE        SIGN-UP  NOTE
google     google  Google                 cannot work  off      set client_secret: the secret the provider gave when you registered Foyer there
microsoft  entra   Office 365 / Entra ID  enabled      off      the client secret expires on 2026-12-12, in 20 days; make a new one at the prov…
office     oidc    Office account         enabled      on       the provider did not answer
old        oidc    old                    disabled     off
`},
		{"connector show google", `
Name:            google
Kind:            google
Button:          Sign in with Google
State:           cannot work
client_id:       1234
client_secret:   not set
secret_expires:
signup:          off
trust_verified:  off
Created:         2026-11-22 09:30:00 UTC
Last sign-in:    none since the service was started

Register this redirect URI at the provider:
https://accounts.example.com/auth/google/callback

It cannot work yet, and its button is not shown:
  set client_secret: the secret the provider gave when you registered Foyer there
`},
		{"connector show microsoft", `
Name:            microsoft
Kind:            entra
Button:          Sign in with Office 365 / Entra ID
State:           enabled
client_id:       6731de76
client_secret:   set
secret_expires:  2026-12-12
tenant:          72f988bf-86f1-41af-91ab-2d7cd011db47
signup:          off
trust_verified:  off
Created:         2026-11-22 09:30:00 UTC
Last sign-in:    2026-11-22 09:30:00 UTC

Register this redirect URI at the provider:
https://accounts.example.com/auth/microsoft/callback

To be watched:
  the client secret expires on 2026-12-12, in 20 days; make a new one at the provider and set client_secret and secret_expires
`},
		{"connector show office", `
Name:            office
Kind:            oidc
Button:          Sign in with Office account
State:           enabled
client_id:       foyer
client_secret:   not set
secret_expires:
issuer:          https://login.office.example
signup:          on
Created:         2026-11-22 09:30:00 UTC
Last sign-in:    none since the service was started
Last problem:    2026-11-22 09:31:00 UTC: the provider did not answer

Register this redirect URI at the provider:
https://accounts.example.com/auth/office/callback
`},
	}
	for _, tt := range tests {
		got := term.run("", strings.Fields(tt.args)...)
		if want := strings.TrimPrefix(tt.want, "\n"); got != (output{want, "", exitDone}) {
			t.Errorf("foyer %s: got exit %d, %s\n%s\nwant\n%s", tt.args, got.status, got.stderr, got.stdout, want)
		}
	}
}

// TestConnectorChanges expects what is printed of a change: what is, and what to do next.
func TestConnectorChanges(t *testing.T) {
	tests := []struct{ args, want string }{
		{"connector add google other", `
added other; its button says: Sign in with Google

Register this redirect URI at the provider:
https://accounts.example.com/auth/other/callback

It cannot work yet, and its button is not shown:
  set client_id: the id the provider gave when you registered Foyer there
  set client_secret: the secret the provider gave when you registered Foyer there

New accounts cannot be created with it; allow that with: foyer connector set other signup=on
`},
		{"connector add oidc plain --label=Plain --issuer https://plain.example --client-id 1", `
added plain; its button says: Sign in with Plain

Register this redirect URI at the provider:
https://accounts.example.com/auth/plain/callback

New accounts cannot be created with it; allow that with: foyer connector set plain signup=on
`},
		{"connector set google signup=on client_secret=typed label=", "changed client_secret (set), label=, signup=on of google\n"},
		{"connector set microsoft tenant=ORGANIZATIONS", `
changed tenant=organizations of microsoft

It cannot work yet, and its button is not shown:
  no company has an Entra tenant; set them with: foyer company tenant add COMPANY TENANT

To be watched:
  the client secret expires on 2026-12-12, in 20 days; make a new one at the provider and set client_secret and secret_expires
`},
		{"connector set microsoft secret_expires=", "changed secret_expires= of microsoft\n"},
		{"connector remove google", "removed the connector google; accounts keep their identities, which work again with a connector to the same provider\n"},
		{"company tenant add Acme " + strings.ToUpper(tenant), "Acme now has 1 Entra tenant: " + tenant + "\n"},
	}
	for _, tt := range tests {
		got := newConnectors(t).run("", strings.Fields(tt.args)...)
		if want := strings.TrimPrefix(tt.want, "\n"); got != (output{want, "", exitDone}) {
			t.Errorf("foyer %s: got exit %d, %s\n%s\nwant\n%s", tt.args, got.status, got.stderr, got.stdout, want)
		}
	}
}

// TestConnectorFailures expects the exit status of each kind of failure, and one line that says what to do.
func TestConnectorFailures(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args   string
		status int
		want   string
	}{
		{"connector show none", exitNotFound, `"none"`},
		{"connector set none signup=on", exitNotFound, `"none"`},
		{"connector remove none", exitNotFound, `"none"`},
		{"connector add google google", exitConflict, `"google"`},
		{"connector add github github", exitInvalid, "entra, google and oidc"},
		{"connector add google No.Good", exitInvalid, "a-z, 0-9"},
		{"connector add google new --tenant " + tenant, exitInvalid, "a connector of the kind google has none"},
		{"connector add entra new --tenant common", exitInvalid, "organizations"},
		{"connector add oidc new --issuer http://login.office.example", exitInvalid, "https://"},
		{"connector add google new --client-secret-file " + empty, exitInvalid, empty + ": it is empty"},
		{"connector add google new --client-secret-file /nonexistent", exitInvalid, "/nonexistent: no such file"},
		{"connector add google new --client-secret-file /", exitInvalid, "is a directory"},
		{"connector add google new --client-secret-file -", exitInvalid, "standard input: it is empty"},
		{"connector set google nope=1", exitNotFound, "client_secret, secret_expires"},
		{"connector set google signup=maybe", exitInvalid, "on or off"},
		{"connector set google secret_expires=soon", exitInvalid, "2027-01-31"},
		{"connector set google client_secret=-", exitInvalid, "client_secret cannot be read from standard input"},
		{"company tenant add Nobody " + tenant, exitNotFound, `"Nobody"`},
		{"company tenant add Acme contoso.com", exitInvalid, `"contoso.com" is no tenant id`},
		{"company tenant remove Acme " + tenant, exitNotFound, tenant},
	}
	for _, tt := range tests {
		term := newConnectors(t)
		before := slices.Clone(term.office.connectors)
		got := term.run("", strings.Fields(tt.args)...)
		oneLine := strings.HasPrefix(got.stderr, "foyer: ") && strings.Count(got.stderr, "\n") == 1
		if got.status != tt.status || got.stdout != "" || !oneLine || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("foyer %s: got %+v, want exit %d and %q", tt.args, got, tt.status, tt.want)
		}
		if len(term.office.connectors) != len(before) {
			t.Errorf("foyer %s: failed, and there are %d connectors", tt.args, len(term.office.connectors))
		}
	}
}

// TestClientSecret expects a secret to arrive from a file and from standard input, without the line end behind it, and
// to be printed nowhere.
func TestClientSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret.txt")
	tests := []struct{ content, want string }{
		{"s3cret\n", "s3cret"},
		{"s3cret", "s3cret"},
		{"s3=cret~ x\r\n", "s3=cret~ x"},
	}
	for _, tt := range tests {
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"add", "google", "new", "--client-secret-file", file},
			{"add", "google", "new", "--client-secret-file", "-"},
			{"set", "google", "client_secret=-", "label=-"},
		} {
			term := newConnectors(t)
			got := term.run(tt.content, append([]string{"connector"}, args...)...)
			name := map[bool]string{true: "new", false: "google"}[args[0] == "add"]
			c, err := term.office.Connector(t.Context(), name)
			if got.status != exitDone || err != nil || c.ClientSecret != tt.want {
				t.Errorf("%q, %v: got %+v, the secret %q, %v, want %q", tt.content, args, got, c.ClientSecret, err, tt.want)
			}
			outputs := []output{got}
			for _, more := range [][]string{{"list"}, {"list", "--json"}, {"show", name}, {"show", name, "--json"}, {"set", name, "label=x"}, {"set", name, "label=x", "--json"}} {
				outputs = append(outputs, term.run("", append([]string{"connector"}, more...)...))
			}
			for _, out := range outputs {
				if strings.Contains(out.stdout+out.stderr, "cret~") || strings.Contains(out.stdout+out.stderr, "s3") {
					t.Errorf("%v shows the secret: %+v", args, out)
				}
			}
		}
	}
	several := strings.Repeat("line\n", 3)
	if err := os.WriteFile(file, []byte(several), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := newConnectors(t).run("", "connector", "add", "google", "new", "--client-secret-file", file); got.status != exitInvalid || !strings.Contains(got.stderr, "line end") {
		t.Errorf("a file of several lines: got %+v, want exit %d", got, exitInvalid)
	}
}

func TestConnectorJSON(t *testing.T) {
	term := newConnectors(t)
	const keys = "client_id client_secret created_at enabled findings issuer kind label last_problem last_problem_at last_sign_in name " +
		"redirect_uri secret_expires signup tenant title trust_verified works"
	for _, args := range []string{"show microsoft", "add google new", "set google signup=on"} {
		got := term.object(append([]string{"connector"}, strings.Fields(args)...)...)
		if have := strings.Join(slices.Sorted(maps.Keys(got)), " "); have != keys {
			t.Errorf("foyer connector %s --json: got the keys %s, want %s", args, have, keys)
		}
	}
	c := term.object("connector", "show", "microsoft")
	secret, _ := c["client_secret"].(map[string]any)
	if secret["set"] != true || c["secret_expires"] != "2026-12-12" || c["works"] != true || c["enabled"] != true || c["last_problem_at"] != nil {
		t.Errorf("connector: got %v", c)
	}
	if removed := term.object("connector", "remove", "old"); removed["removed"] != "old" {
		t.Errorf("remove: got %v", removed)
	}
	term.office.connectors = nil
	if got := term.run("", "connector", "list", "--json"); got != (output{"[]\n", "", exitDone}) {
		t.Errorf("no connectors: got %+v, want []", got)
	}
	if got := term.run("", "connector", "list"); got.stdout != "" || !strings.Contains(got.stderr, "foyer connector add") {
		t.Errorf("no connectors: got %+v", got)
	}
}

func TestTenantsAndIdentitiesAreShown(t *testing.T) {
	term := newTerminal(t)
	other := strings.Replace(tenant, "7", "8", 1)
	term.run("", "company", "tenant", "add", "Acme", tenant+","+other)
	if got := term.run("", "company", "show", "Acme"); !strings.Contains(got.stdout, "Entra tenants:  "+tenant+" "+other+"\n") {
		t.Errorf("company: got %+v", got)
	}
	if got := term.run("", "company", "tenant", "remove", "Acme", tenant, other); got.stdout != "Acme has no Entra tenants now\n" {
		t.Errorf("removed: got %+v", got)
	}
	identity := app.Identity{
		ID:          7,
		IdentityKey: app.IdentityKey{Issuer: app.GoogleIssuer, Subject: "117"}, Connector: "google", Email: "jane@gmail.com",
		CreatedAt: then, SeenAt: then.Add(time.Hour),
	}
	term.office.accounts[0].Identities = []app.Identity{identity}
	term.office.waiting[0].Identity = &identity
	want := `
It signs in with these identities at providers:
ID  THROUGH  ADDRESS THERE   SINCE (UTC)          LAST SIGN-IN (UTC)   ISSUER                       SUBJECT
7   google   jane@gmail.com  2026-11-22 09:30:00  2026-11-22 10:30:00  https://accounts.google.com  117
`
	if got := term.run("", "account", "show", "jane@acme.com"); !strings.HasSuffix(got.stdout, want) {
		t.Errorf("account: got %s%s\nwant at its end%s", got.stderr, got.stdout, want)
	}
	if got := term.run("", "registration", "list"); !strings.Contains(got.stdout, "acme.com  google   2026") {
		t.Errorf("registrations: got %+v, want one through google", got)
	}
	a := term.object("account", "show", "jane@acme.com")
	identities, _ := a["identities"].([]any)
	first, _ := identities[0].(map[string]any)
	if got := strings.Join(slices.Sorted(maps.Keys(first)), " "); got != "connector created_at email id issuer object seen_at subject tenant" {
		t.Errorf("identity: got the keys %s", got)
	}
	if got := term.run("", "account", "unlink", "jane@acme.com", "8"); got.status != exitNotFound {
		t.Errorf("unlink what is not there: got %+v", got)
	}
	if got := term.run("", "account", "unlink", "jane@acme.com", "7"); got.stdout != "removed the identity 7 from jane@acme.com and ended the sessions\n" {
		t.Errorf("unlink: got %+v", got)
	}
}

// TestHostileProviders expects what providers and registrations say to reach the terminal as text.
func TestHostileProviders(t *testing.T) {
	term := newConnectors(t)
	hostile := "a\x1b]0;owned\x07b\u202egnp.exe\r\nc"
	term.office.connectors[0].LastProblem, term.office.connectors[0].Label = hostile, hostile
	term.office.accounts[0].Identities = []app.Identity{{Email: hostile, IdentityKey: app.IdentityKey{Subject: hostile, Issuer: hostile}}}
	for _, args := range [][]string{
		{"connector", "list"},
		{"connector", "show", "google"},
		{"connector", "show", "google", "--json"},
		{"connector", "show", hostile},
		{"connector", "set", "google", hostile + "=1"},
		{"connector", "set", "google", "signup=on"},
		{"connector", "add", hostile, "x"},
		{"account", "show", "jane@acme.com"},
	} {
		got := term.run("", args...)
		for _, r := range got.stdout + got.stderr {
			if r != '\n' && hidden(r) {
				t.Errorf("foyer %q printed %U: %q", args, r, got.stdout+got.stderr)
				break
			}
		}
	}
}
