package localapi_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

const tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// canary is a secret: no answer may hold it, nor its beginning.
const canary = "canary-in-the-mine-4711"

func TestConnectorTravels(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	added, err := client.AddConnector(t.Context(), "entra", "office", map[string]string{
		"client_id": "11", "client_secret": canary, "secret_expires": "2027-01-31", "tenant": strings.ToUpper(tenant), "signup": "on", "label": "Work account",
	})
	if err != nil {
		t.Fatal(err)
	}
	day, at := "2027-01-31", then.UTC()
	want := localapi.Connector{
		Name: "office", Kind: "entra", Label: "Work account", Title: "Work account", ClientID: "11",
		ClientSecret: localapi.Setting{Secret: true, Set: true}, SecretExpires: &day, Tenant: tenant, Enabled: true, SignUp: true,
		RedirectURI: "https://pages.example/auth/office/callback",
		Findings:    []localapi.Finding{{Code: "tenants_missing", Blocks: true, Text: added.Findings[0].Text}}, CreatedAt: then.UTC(),
	}
	if !reflect.DeepEqual(added, want) {
		t.Errorf("added\n got %+v\nwant %+v", added, want)
	}
	c := backend.connectors["office"]
	if c.ClientSecret != canary {
		t.Errorf("the secret arrived as %q", c.ClientSecret)
	}
	c.Findings, c.Works, c.LastSignIn, c.LastProblem, c.LastProblemAt = nil, true, then, "it was down", then
	backend.connectors["office"] = c
	want.Findings, want.Works, want.LastSignIn, want.LastProblem, want.LastProblemAt = []localapi.Finding{}, true, &at, "it was down", &at
	if got, err := client.Connector(t.Context(), "office"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("show\n got %+v, %v\nwant %+v", got, err, want)
	}
	if all, err := client.Connectors(t.Context()); err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], want) {
		t.Errorf("list\n got %+v, %v\nwant the one above", all, err)
	}
}

// TestConnectorOnTheWire expects the form that clients of other languages see.
func TestConnectorOnTheWire(t *testing.T) {
	backend := newOffice(t)
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	status, body := send(t, handler, "POST", "/v1/connectors", `{"kind":"google","name":"google","client_id":"1","enabled":false,"signup":true,"secret_expires":null}`)
	want := map[string]any{
		"name": "google", "kind": "google", "label": "", "title": "Google", "client_id": "1", "client_secret": map[string]any{"set": false},
		"secret_expires": nil, "tenant": "", "issuer": "", "enabled": false, "signup": true, "trust_verified": false, "works": false,
		"redirect_uri": "https://pages.example/auth/google/callback", "last_sign_in": nil, "last_problem": "", "last_problem_at": nil,
		"created_at": "2026-11-22T08:30:00Z",
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("got %d %s, %v", status, body, err)
	}
	findings, _ := got["findings"].([]any)
	if len(findings) == 0 {
		t.Fatalf("no findings in %s", body)
	}
	delete(got, "findings")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("connector\n got %v\nwant %v", got, want)
	}
	first, _ := findings[0].(map[string]any)
	if first["code"] != "client_secret_missing" || first["blocks"] != true || first["text"] == "" {
		t.Errorf("findings: got %v", findings)
	}
}

func TestConnectorRefusals(t *testing.T) {
	tests := []struct {
		method, path, body string
		status             int
		reason             string
	}{
		{"GET", "/v1/connectors/none", "", 404, "connector_unknown"},
		{"PATCH", "/v1/connectors/none", `{"label":"x"}`, 404, "connector_unknown"},
		{"PATCH", "/v1/connectors/google", `{}`, 400, "connector_keys_missing"},
		{"PATCH", "/v1/connectors/google", `null`, 400, "connector_keys_missing"},
		{"PATCH", "/v1/connectors/google", `{"name":"other"}`, 404, "connector_key_unknown"},
		{"PATCH", "/v1/connectors/google", `{"kind":"entra"}`, 404, "connector_key_unknown"},
		{"PATCH", "/v1/connectors/google", `{"Label":"x"}`, 404, "connector_key_unknown"},
		{"PATCH", "/v1/connectors/google", `{"tenant":"x"}`, 400, "connector_invalid"},
		{"PATCH", "/v1/connectors/google", `{"enabled":"yes"}`, 400, "connector_invalid"},
		{"PATCH", "/v1/connectors/google", `{"enabled":1}`, 400, "body_invalid"},
		{"PATCH", "/v1/connectors/google", `{"client_secret":{"set":true}}`, 400, "body_invalid"},
		{"POST", "/v1/connectors", `{"kind":"google","name":"google"}`, 409, "connector_taken"},
		{"POST", "/v1/connectors", `{"kind":"google","name":"No Good"}`, 400, "connector_name_invalid"},
		{"POST", "/v1/connectors", `{"kind":"google"}`, 400, "connector_name_invalid"},
		{"PUT", "/v1/connectors/google", `{}`, 405, "method_unknown"},
		{"POST", "/v1/companies/none/tenants", `{"add":"x"}`, 404, "company_unknown"},
		{"POST", "/v1/companies/Acme/tenants", `{"add":"contoso.com"}`, 400, "tenant_invalid"},
		{"POST", "/v1/companies/Acme/tenants", `{"tenants":"x"}`, 400, "body_invalid"},
	}
	for _, tt := range tests {
		backend := newOffice(t)
		backend.companies["Acme"] = app.Company{Name: "Acme"}
		backend.connectors["google"] = app.ConnectorState{Connector: app.Connector{Name: "google", Kind: app.ConnectorGoogle}}
		handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
		status, body := send(t, handler, tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(body, `"reason":"`+tt.reason+`"`) {
			t.Errorf("%s %s %s: got %d %s, want %d %s", tt.method, tt.path, tt.body, status, body, tt.status, tt.reason)
		}
	}
}

// TestSecretsStayInside asks every route, in good ways and bad, of an office that holds and is sent a secret.
func TestSecretsStayInside(t *testing.T) {
	bodies := []string{
		`{}`,
		`{"client_secret":"` + canary + `"}`,
		`{"kind":"google","name":"other","client_secret":"` + canary + `"}`,
		`{"kind":"google","name":"x","client_secret":"` + canary + `"}`,
		`{"client_secret":"` + canary + `\n"}`,
		`{"client_secret":"` + canary + strings.Repeat("x", 1024) + `"}`,
		`{"client_secret":"` + canary + `","enabled":"maybe"}`,
		`{"client_secret":"` + canary + `","nope":"1"}`,
		`{"client_secret":["` + canary + `"]}`,
		`{"client_secret":{"set":"` + canary + `"}}`,
		`{"client_secret":"` + canary,
		`{"mail.password":"` + canary + `"}`,
	}
	for route := range localapi.RouteNames() {
		for _, body := range bodies {
			backend := newOffice(t)
			backend.connectors["x"] = app.ConnectorState{Connector: app.Connector{Name: "x", Kind: app.ConnectorGoogle, ClientSecret: canary, CreatedAt: then}}
			backend.settings.Mail.Password = canary
			var log strings.Builder
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: logger})
			method, path, _ := strings.Cut(route, " ")
			_, answer := send(t, handler, method, inPath.Replace(path), body)
			if strings.Contains(answer, canary[:8]) || strings.Contains(log.String(), canary[:8]) {
				t.Errorf("%s with %.80s: answer %s, log %s", route, body, answer, &log)
			}
		}
	}
}

// TestNumberAsSecret expects that a secret which was sent as something else than a string is neither repeated nor set.
func TestNumberAsSecret(t *testing.T) {
	backend := newOffice(t)
	backend.connectors["x"] = app.ConnectorState{Connector: app.Connector{Name: "x", Kind: app.ConnectorGoogle}}
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	for _, number := range []string{"4711471147114711471147114711", "4711.4711e4711", "-471147114711471147114711"} {
		for path, key := range map[string]string{"/v1/connectors/x": "client_secret", "/v1/settings": "mail.password"} {
			status, body := send(t, handler, "PATCH", path, `{"`+key+`":`+number+`}`)
			if status != 400 || strings.Contains(body, "4711") {
				t.Errorf("%s of %s: got %d %s, want 400 without it", key, number, status, body)
			}
		}
	}
	if status, body := send(t, handler, "PATCH", "/v1/settings", `{"mail.password":null}`); status != 400 || backend.settings.Mail.Password != "" {
		t.Errorf("null: got %d %s, and the password %q", status, body, backend.settings.Mail.Password)
	}
}

func TestIdentitiesTravel(t *testing.T) {
	backend := newOffice(t)
	identity := app.Identity{
		ID: 7, IdentityKey: app.IdentityKey{Issuer: app.EntraIssuer(tenant), Subject: "s1"}, Tenant: tenant, Object: "o1",
		Connector: "office", Email: "jane@corp.example", CreatedAt: then, SeenAt: then.Add(time.Hour),
	}
	backend.accounts = []app.Account{{Email: mustAddress(t, "jane@acme.com"), CreatedAt: then, Identities: []app.Identity{identity}}}
	backend.waiting = []app.Registration{
		{ID: 1, Email: mustAddress(t, "joe@acme.com"), Identity: &identity},
		{ID: 2, Email: mustAddress(t, "jim@acme.com")},
	}
	client := serve(t, backend)
	want := []localapi.Identity{{
		ID: "7", Issuer: "https://login.microsoftonline.com/" + tenant + "/v2.0", Subject: "s1", Tenant: tenant, Object: "o1",
		Connector: "office", Email: "jane@corp.example", CreatedAt: then.UTC(), SeenAt: then.Add(time.Hour).UTC(),
	}}
	a, err := client.Account(t.Context(), "jane@acme.com")
	if err != nil || !reflect.DeepEqual(a.Identities, want) {
		t.Errorf("account: got %+v, %v, want %+v", a.Identities, err, want)
	}
	if list := collect(t, client.Accounts(t.Context(), localapi.AccountFilter{})); !reflect.DeepEqual(list[0].Identities, want) {
		t.Errorf("list: got %+v, want %+v", list[0].Identities, want)
	}
	waiting := collect(t, client.Registrations(t.Context()))
	if waiting[0].Through != "office" || waiting[1].Through != "" {
		t.Errorf("registrations: got %+v, want the first through office", waiting)
	}
}

// send makes one request of root.
func send(t *testing.T, handler http.Handler, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(localapi.WithPeer(t.Context(), root), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}
