package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"foyer/app"
)

func testConnectors(t *testing.T, w world) {
	ctx := t.Context()
	entra := app.Connector{
		Name: "entra", Kind: app.ConnectorEntra, Label: "Office", ClientID: "id", ClientSecret: "secret",
		SecretExpires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), Tenant: tenantA, Enabled: true, SignUp: true, TrustVerified: true,
		CreatedAt: start, SecretWarned: -1,
	}
	idp := app.Connector{Name: "idp", Kind: app.ConnectorOIDC, Issuer: "https://idp.example", CreatedAt: start}
	for _, c := range []*app.Connector{&idp, &entra} {
		added, err := w.AddConnector(ctx, *c, admin)
		if err != nil || added.ID == 0 {
			t.Fatalf("added %+v, %v", added, err)
		}
		c.ID = added.ID
	}
	same := func(what string, want ...app.Connector) {
		t.Helper()
		got, err := w.Connectors(ctx)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	same("added", entra, idp)
	_, err := w.AddConnector(ctx, app.Connector{Name: "entra", Kind: app.ConnectorGoogle, CreatedAt: start}, admin)
	w.refuses(err, app.Conflict, "connector_taken")
	entra.ClientSecret, entra.SecretExpires, entra.SecretWarned, entra.Enabled, entra.Label = "", time.Time{}, 0, false, ""
	idp.ClientSecret, idp.SignUp, idp.ClientID = "of the idp", true, "id"
	for _, c := range []app.Connector{entra, idp} {
		if err := w.SetConnector(ctx, c, app.Event{At: start, Action: app.ActConnectorSet, Subject: c.Name}); err != nil {
			t.Fatal(err)
		}
		if ev := w.events()[0]; ev.Action != app.ActConnectorSet || ev.Subject != c.Name {
			t.Errorf("event %+v", ev)
		}
	}
	same("set", entra, idp)
	taken := idp
	taken.Name = "entra"
	w.refuses(w.SetConnector(ctx, taken, admin), app.Conflict, "connector_taken")
	w.company("Acme", "acme.example")
	jane := w.accountWith("jane@acme.example", identity("jane"))
	if err := w.RemoveConnector(ctx, "idp", admin); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.RemoveConnector(ctx, "idp", admin), app.NotFound, "connector_unknown")
	events := len(w.events())
	w.refuses(w.SetConnector(ctx, idp, admin), app.NotFound, "connector_unknown")
	if len(w.events()) != events {
		t.Error("a refused change is in the audit")
	}
	same("removed", entra)
	if got := w.identities(jane); got != "jane" {
		t.Errorf("identities %q after their connector was removed, want them as they were", got)
	}
}

func testTenants(t *testing.T, w world) {
	ctx := t.Context()
	c, o := w.company("Acme", "acme.example"), w.company("Other")
	set := func(name string, add, remove []string) ([]string, error) {
		t.Helper()
		c, err := w.SetTenants(ctx, name, add, remove, app.Event{At: start, Action: app.ActTenants, Company: name})
		return c.Tenants, err
	}
	for _, test := range []struct{ add, remove, want []string }{
		{[]string{tenantA, tenantB}, nil, []string{tenantB, tenantA}},
		{[]string{tenantA}, nil, []string{tenantB, tenantA}},
		{nil, []string{tenantB}, []string{tenantA}},
		{[]string{tenantB}, []string{tenantA}, []string{tenantB}},
	} {
		got, err := set("acme", test.add, test.remove)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("+%v -%v: %v, %v; want %v", test.add, test.remove, got, err, test.want)
		}
	}
	// Nothing is half saved.
	events := len(w.events())
	_, err := set("Acme", []string{tenantA}, []string{tenantB, "33333333-2222-4333-8444-555555555555"})
	w.refuses(err, app.NotFound, "tenant_unknown")
	_, err = set("Nobody", []string{tenantA}, nil)
	w.refuses(err, app.NotFound, "company_unknown")
	if _, err := set("Other", []string{tenantB, tenantA}, nil); err != nil || len(w.events()) != events+1 {
		t.Errorf("one tenant at two companies: %v, %d events", err, len(w.events())-events)
	}
	all, err := w.Tenants(ctx)
	if err != nil || len(all) != 2 || !slices.Equal(all[c.ID], []string{tenantB}) || !slices.Equal(all[o.ID], []string{tenantB, tenantA}) {
		t.Errorf("tenants %v, %v", all, err)
	}
	list, err := w.Companies(ctx)
	if err != nil || !slices.Equal(list[0].Tenants, []string{tenantB}) || len(list[1].Tenants) != 2 {
		t.Errorf("companies %+v, %v", list, err)
	}
	if err := w.RemoveCompany(ctx, "Other", admin); err != nil {
		t.Fatal(err)
	}
	if all, err := w.Tenants(ctx); err != nil || len(all) != 1 {
		t.Errorf("tenants %v, %v after a company was removed", all, err)
	}
	if got, err := w.Company(ctx, "Acme"); err != nil || !slices.Equal(got.Tenants, []string{tenantB}) {
		t.Errorf("company %+v, %v", got, err)
	}
}

// TestConnectorSecretsAtRest looks for client secrets in the files while they are set, after each was changed, and
// after the last is gone.
func TestConnectorSecretsAtRest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	ctx := t.Context()
	search := func(when string) {
		t.Helper()
		found := false
		for _, name := range []string{"foyer.db", "foyer.db-wal", "foyer.db-shm", "instance.json"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			found = found || bytes.Contains(data, []byte("client id of ours"))
			if bytes.Contains(data, []byte("CANARY")) {
				t.Errorf("%s: %s contains a client secret", when, name)
			}
		}
		if !found {
			t.Errorf("%s: the search finds nothing at all: the test is blind", when)
		}
	}
	c, err := s.AddConnector(ctx, app.Connector{Name: "google", Kind: app.ConnectorGoogle, ClientID: "client id of ours", ClientSecret: "CANARY-1", CreatedAt: start}, admin)
	if err != nil {
		t.Fatal(err)
	}
	search("added")
	c.ClientSecret = "CANARY-2"
	if err := s.SetConnector(ctx, c, admin); err != nil {
		t.Fatal(err)
	}
	search("changed")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	search("stopped")
	s = open(t, dir)
	if got, err := s.Connectors(ctx); err != nil || len(got) != 1 || got[0].ClientSecret != "CANARY-2" {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
	if err := s.RemoveConnector(ctx, "google", app.Event{At: start, Detail: "client id of ours"}); err != nil {
		t.Fatal(err)
	}
	search("removed")
	// The next one has an id of its own: a sealed secret fits no other row.
	again, err := s.AddConnector(ctx, app.Connector{Name: "google", Kind: app.ConnectorGoogle, CreatedAt: start}, admin)
	if err != nil || again.ID == c.ID {
		t.Errorf("the id %d came back: %+v, %v", c.ID, again, err)
	}
}

// TestSecretIsBound moves a sealed secret to another connector, as somebody with the database but not the key could.
func TestSecretIsBound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	for _, c := range []app.Connector{
		{Name: "a", Kind: app.ConnectorGoogle, ClientSecret: "CANARY-a", CreatedAt: start},
		{Name: "b", Kind: app.ConnectorOIDC, Issuer: "https://evil.example", ClientSecret: "CANARY-b", CreatedAt: start},
	} {
		if _, err := s.AddConnector(t.Context(), c, admin); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := direct(filepath.Join(dir, "foyer.db"), "UPDATE connector SET client_secret = (SELECT client_secret FROM connector WHERE name = 'a') WHERE name = 'b'")
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Connectors(t.Context())
	if err != nil || len(got) != 2 || got[0].ClientSecret != "CANARY-a" || got[1].ClientSecret != "" {
		t.Errorf("a secret was moved to another connector: %+v, %v, want it to be none there", got, err)
	}
}
