package app_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

const (
	tenantA = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB = "bbbbbbbb-0000-4000-8000-000000000002"
)

// connectors that can work.
func entra(tenant string) app.Connector {
	c := app.Connector{ID: 1, Name: "entra", Kind: app.ConnectorEntra, ClientID: "id", ClientSecret: "secret", Tenant: tenant, Enabled: true}
	if tenant != app.ManyTenants {
		c.Tenants = []string{tenant}
	}
	return c
}

func google() app.Connector {
	return app.Connector{ID: 2, Name: "google", Kind: app.ConnectorGoogle, ClientID: "id", ClientSecret: "secret", Enabled: true}
}

func openID() app.Connector {
	return app.Connector{ID: 3, Name: "office", Kind: app.ConnectorOIDC, ClientID: "id", Issuer: "https://login.office.example", Enabled: true}
}

func TestConnectorTitle(t *testing.T) {
	labelled := google()
	labelled.Label = "our Google"
	for _, tt := range []struct {
		give app.Connector
		want string
	}{
		{entra(tenantA), "Office 365 / Entra ID"},
		{google(), "Google"},
		{openID(), "office"},
		{labelled, "our Google"},
	} {
		if got := tt.give.Title(); got != tt.want {
			t.Errorf("title of %s: got %q, want %q", tt.give.Name, got, tt.want)
		}
	}
}

func TestConnectorChange(t *testing.T) {
	tests := []struct {
		name    string
		give    app.Connector
		changes map[string]string
		code    app.Code // of the error, "" for none
		field   string
		want    map[string]string // keys after the change
	}{
		{"several at once", entra(tenantA), map[string]string{"enabled": "off", "signup": "on", "label": "Office"}, "", "", map[string]string{"enabled": "off", "signup": "on", "label": "Office", "client_id": "id"}},
		{"a day", google(), map[string]string{"secret_expires": "2027-01-31"}, "", "", map[string]string{"secret_expires": "2027-01-31"}},
		{"no day any more", google(), map[string]string{"secret_expires": ""}, "", "", map[string]string{"secret_expires": ""}},
		{"tenant in capitals", entra(tenantA), map[string]string{"tenant": strings.ToUpper(tenantB)}, "", "", map[string]string{"tenant": tenantB}},
		{"many tenants", entra(tenantA), map[string]string{"tenant": "Organizations"}, "", "", map[string]string{"tenant": "organizations"}},
		{"issuer on this machine", openID(), map[string]string{"issuer": "http://127.0.0.1:9000"}, "", "", map[string]string{"issuer": "http://127.0.0.1:9000"}},
		{"issuer in the LAN", openID(), map[string]string{"issuer": "https://10.1.2.3/realms/office"}, "", "", map[string]string{"issuer": "https://10.1.2.3/realms/office"}},
		{"issuer without TLS elsewhere", openID(), map[string]string{"issuer": "http://login.office.example"}, app.Invalid, "issuer", nil},
		{"issuer with a query", openID(), map[string]string{"issuer": "https://login.office.example/?a=b"}, app.Invalid, "issuer", nil},
		{"issuer with a user", openID(), map[string]string{"issuer": "https://me@login.office.example"}, app.Invalid, "issuer", nil},
		{"issuer that is no address", openID(), map[string]string{"issuer": "login.office.example"}, app.Invalid, "issuer", nil},
		{"issuer with a blank", openID(), map[string]string{"issuer": "https://login.office.example/ a"}, app.Invalid, "issuer", nil},
		{"tenant common", entra(tenantA), map[string]string{"tenant": "common"}, app.Invalid, "tenant", nil},
		{"tenant as a domain", entra(tenantA), map[string]string{"tenant": "contoso.onmicrosoft.com"}, app.Invalid, "tenant", nil},
		{"tenant that leaves the path", entra(tenantA), map[string]string{"tenant": tenantA + "/../x"}, app.Invalid, "tenant", nil},
		{"tenant of Google", google(), map[string]string{"tenant": tenantA}, app.Invalid, "tenant", nil},
		{"trust in any provider", openID(), map[string]string{"trust_verified": "on"}, app.Invalid, "trust_verified", nil},
		{"switch with another word", google(), map[string]string{"enabled": "yes"}, app.Invalid, "enabled", nil},
		{"day in another order", google(), map[string]string{"secret_expires": "31.1.2027"}, app.Invalid, "secret_expires", nil},
		{"secret with a line end", google(), map[string]string{"client_secret": "a\nb"}, app.Invalid, "client_secret", nil},
		{"label with a control character", google(), map[string]string{"label": "a\x1bb"}, app.Invalid, "label", nil},
		{"client id with a blank", google(), map[string]string{"client_id": "a b"}, app.Invalid, "client_id", nil},
		{"unknown key", google(), map[string]string{"colour": "red"}, app.NotFound, "", nil},
		{"one good, one bad", google(), map[string]string{"label": "x", "signup": "maybe"}, app.Invalid, "signup", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.give.Change(tt.changes)
			if app.CodeOf(err) != tt.code {
				t.Fatalf("Change(%v): got error %v, want code %q", tt.changes, err, tt.code)
			}
			if tt.code != "" {
				if e, ok := errors.AsType[*app.Error](err); !ok || e.Field != tt.field {
					t.Errorf("Change(%v): got field of %+v, want %q", tt.changes, err, tt.field)
				}
				if keysOf(got)["label"] != keysOf(tt.give)["label"] {
					t.Errorf("Change(%v) has changed something in spite of its error", tt.changes)
				}
				return
			}
			for key, want := range tt.want {
				if value := keysOf(got)[key]; value != want {
					t.Errorf("Change(%v): %s got %q, want %q", tt.changes, key, value, want)
				}
			}
		})
	}
}

func keysOf(c app.Connector) map[string]string {
	values := map[string]string{}
	for _, key := range app.ConnectorKeys() {
		values[key.Key] = key.Value(c)
	}
	return values
}

// TestConnectorKeys holds the keys of the contract.
func TestConnectorKeys(t *testing.T) {
	got := slices.Sorted(maps.Keys(keysOf(app.Connector{})))
	want := []string{"client_id", "client_secret", "enabled", "issuer", "label", "secret_expires", "signup", "tenant", "trust_verified"}
	if !slices.Equal(got, want) {
		t.Errorf("keys: got %q, want %q", got, want)
	}
	for _, key := range app.ConnectorKeys() {
		if key.Secret() != (key.Key == "client_secret") {
			t.Errorf("%s: secret is %v", key.Key, key.Secret())
		}
	}
}

func TestConnectorName(t *testing.T) {
	for name, ok := range map[string]bool{
		"google": true, "a": true, "entra-2": true, strings.Repeat("a", 32): true,
		"": false, "Google": false, "2fa": false, "-a": false, "a/b": false, "a.b": false, "a b": false, "ä": false, strings.Repeat("a", 33): false,
	} {
		if err := app.CheckConnectorName(name); (err == nil) != ok {
			t.Errorf("CheckConnectorName(%q): got %v, want ok %v", name, err, ok)
		}
	}
}

// TestConnectorFindings holds what the providers demand of the address they send people back to.
func TestConnectorFindings(t *testing.T) {
	noID, noSecret, noIssuer, noTenant := google(), google(), openID(), entra("")
	noID.ClientID, noSecret.ClientSecret, noIssuer.Issuer = "", "", ""
	noTenant.Tenants = nil
	many := entra(app.ManyTenants)
	manyOfSome := entra(app.ManyTenants)
	manyOfSome.Tenants = []string{tenantA}
	const public = "https://accounts.office.example"
	tests := []struct {
		name string
		give app.Connector
		url  string
		want string // the finding that blocks, "" for none
	}{
		{"entra, https", entra(tenantA), public, ""},
		{"entra, https on an address", entra(tenantA), "https://192.168.1.5", ""},
		{"entra, http on localhost", entra(tenantA), "http://localhost:8080", ""},
		{"entra, http on 127.0.0.1", entra(tenantA), "http://127.0.0.1:8080", "public_url_http"},
		{"entra, http in the LAN", entra(tenantA), "http://appliance.lan", "public_url_http"},
		{"entra, no public URL", entra(tenantA), "", "public_url"},
		{"entra, no tenant", noTenant, public, "tenant_missing"},
		{"entra, many tenants and no company with one", many, public, "tenants_missing"},
		{"entra, many tenants", manyOfSome, public, ""},
		{"google, https", google(), "https://accounts.office.com", ""},
		{"google, http", google(), "http://accounts.office.com", "public_url_http"},
		{"google, http on localhost", google(), "http://localhost:8080", ""},
		{"google, http on 127.0.0.1", google(), "http://127.0.0.1:8080", ""},
		{"google, https on an address", google(), "https://192.168.1.5", "public_url_address"},
		{"google, https on an IPv6 address", google(), "https://[2001:db8::1]", "public_url_address"},
		{"google, private name", google(), "https://accounts.office.lan", "public_url_private"},
		{"google, bare name", google(), "https://server", "public_url_private"},
		{"google, no id", noID, "https://accounts.office.com", "client_id_missing"},
		{"google, no secret", noSecret, "https://accounts.office.com", "client_secret_missing"},
		{"openid, http in the LAN", openID(), "http://appliance.lan", ""},
		{"openid, no issuer", noIssuer, public, "issuer_missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			for _, f := range tt.give.Findings(tt.url, time.Now()) {
				if f.Blocks {
					got += f.Code
				}
				if f.Text == "" || f.Code == "" {
					t.Errorf("a finding says nothing: %+v", f)
				}
			}
			if got != tt.want {
				t.Errorf("at %q: got %q, want %q", tt.url, got, tt.want)
			}
			if works := tt.give.Works(tt.url); works != (tt.want == "") {
				t.Errorf("at %q: works %v", tt.url, works)
			}
		})
	}
}

func TestSecretWarning(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	tests := []struct {
		days, warned, want int
		code               string
	}{
		{400, 0, 0, ""},
		{61, 0, 0, ""},
		{60, 0, 60, "secret_expires"},
		{60, 60, 0, "secret_expires"},
		{31, 60, 0, "secret_expires"},
		{30, 60, 30, "secret_expires"},
		{29, 30, 0, "secret_expires"},
		{7, 30, 7, "secret_expires"},
		{5, 0, 7, "secret_expires"},
		{0, 7, 0, "secret_expires"},
		{-1, 7, -1, "secret_expired"},
		{-20, -1, 0, "secret_expired"},
	}
	for _, tt := range tests {
		c := google()
		c.SecretWarned = tt.warned
		c.SecretExpires = now.Truncate(24*time.Hour).AddDate(0, 0, tt.days)
		if got := c.SecretWarning(now); got != tt.want {
			t.Errorf("%d days left, warned at %d: got %d, want %d", tt.days, tt.warned, got, tt.want)
		}
		code := ""
		for _, f := range c.Findings("https://accounts.office.com", now) {
			if code = f.Code; f.Blocks {
				t.Errorf("%d days left: the finding %s hides the button", tt.days, f.Code)
			}
		}
		if code != tt.code {
			t.Errorf("%d days left: got finding %q, want %q", tt.days, code, tt.code)
		}
	}
	if got := google().SecretWarning(now); got != 0 {
		t.Errorf("without a day: got a warning at %d", got)
	}
	warned := google()
	warned.SecretExpires, warned.SecretWarned = now, 7
	renewed, err := warned.Change(map[string]string{"secret_expires": "2028-11-22"})
	if err != nil || renewed.SecretWarned != 0 {
		t.Errorf("a new day: warned at %d (%v), want 0", renewed.SecretWarned, err)
	}
}

func TestParseTenants(t *testing.T) {
	got, err := app.ParseTenants(" " + strings.ToUpper(tenantA) + ", " + tenantB + "\n" + tenantA)
	if want := []string{tenantA, tenantB}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, field := range []string{"organizations", tenantA + "x", tenantA + "/..", "{" + tenantA + "}"} {
		if got, err := app.ParseTenants(field); app.ReasonOf(err) != "tenant_invalid" {
			t.Errorf("ParseTenants(%q): got %q, %v", field, got, err)
		}
	}
}

func TestTenantAllowed(t *testing.T) {
	for _, tt := range []struct {
		name      string
		connector app.Connector
		company   []string
		tenant    string
		want      bool
	}{
		{"no Entra", google(), nil, "", true},
		{"one tenant, company names none", entra(tenantA), nil, tenantA, true},
		{"one tenant, company names it", entra(tenantA), []string{tenantA}, tenantA, true},
		{"one tenant, company names another", entra(tenantA), []string{tenantB}, tenantA, false},
		{"many, company names it", entra(app.ManyTenants), []string{tenantB, tenantA}, tenantA, true},
		{"many, company names another", entra(app.ManyTenants), []string{tenantB}, tenantA, false},
		{"many, company names none", entra(app.ManyTenants), nil, tenantA, false},
	} {
		if got := tt.connector.TenantAllowed(tt.company, tt.tenant); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
