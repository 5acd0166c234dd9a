package localapi_test

import (
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// TestAccountFilterTravels expects each part of a filter to arrive, and what is no filter to be refused.
func TestAccountFilterTravels(t *testing.T) {
	backend := newOffice(t)
	backend.accounts = []app.Account{{Email: mustAddress(t, "a@acme.com")}, {Email: mustAddress(t, "b@acme.com")}}
	client := serve(t, backend)
	filter := localapi.AccountFilter{Search: "x", State: "disabled", OffList: true, Sort: "name", Reverse: true}
	page, err := client.AccountPage(t.Context(), filter, "", 1)
	if err != nil || page.Total != 2 || page.Next == "" || len(page.Items) != 1 {
		t.Errorf("got %+v, %v", page, err)
	}
	if got, want := backend.calls(), []string{": accounts x disabled true name true"}; !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	for _, query := range []string{"reverse=yes", "off_list=1", "sorted=name"} {
		if status, body := ask(t, handler, localapi.Peer{Known: true}, "GET /v1/accounts?"+query); status != 400 {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// TestSearchesTravel does so with the filters of mails and of the audit.
func TestSearchesTravel(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	if _, err := client.MessagePage(t.Context(), localapi.MessageFilter{Search: "jane"}, "", 1); err != nil {
		t.Error(err)
	}
	filter := localapi.EventFilter{Search: "x", Action: "account.", Refused: true, Since: then, Until: then.Add(time.Hour)}
	if _, err := client.EventPage(t.Context(), filter, "", 1); err != nil {
		t.Error(err)
	}
	want := []string{": messages jane", ": events x account. true 2026-11-22T08:30:00Z 2026-11-22T09:30:00Z"}
	if got := backend.calls(); !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	for _, path := range []string{"/v1/events?since=yesterday", "/v1/events?refused=1", "/v1/messages?find=x"} {
		if status, body := ask(t, handler, localapi.Peer{Known: true}, "GET "+path); status != 400 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// TestPeopleTravel does what the administrator can do to an account besides.
func TestPeopleTravel(t *testing.T) {
	backend := newOffice(t)
	backend.accounts = []app.Account{{Email: mustAddress(t, "a@acme.com")}}
	client, ctx := serve(t, backend), t.Context()
	sessions, err := client.AccountSessions(ctx, "a@acme.com")
	want := localapi.AccountSession{CreatedAt: then.UTC(), SeenAt: then.UTC().Add(time.Hour), IP: "192.0.2.1", Browser: "Firefox", Through: "entra"}
	if err != nil || len(sessions) != 1 || sessions[0] != want {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
	if n, err := client.EndSessions(ctx, "a@acme.com"); err != nil || n != 3 {
		t.Errorf("ended %d, %v", n, err)
	}
	if a, err := client.MoveAccount(ctx, "a@acme.com", "Beta"); err != nil || a.Company != "Beta" {
		t.Errorf("moved %+v, %v", a, err)
	}
	if err := client.SendReset(ctx, "a@acme.com"); err != nil {
		t.Error(err)
	}
	if err := client.SendReset(ctx, "no@acme.com"); app.CodeOf(err) != app.NotFound {
		t.Errorf("of nobody: %v", err)
	}
	stats, err := client.Stats(ctx, 2, -90*time.Minute)
	days := []localapi.Day{
		{Day: "2026-11-20", Accounts: 1, Delivered: 4, Deferred: 3, Failed: 3, Captured: 5},
		{Day: "2026-11-21", Requests: 1, Accounts: 1, Delivered: 4, Deferred: 3, Failed: 3, Captured: 5},
	}
	if err != nil || !slices.Equal(stats.Days, days) || stats.Accounts != 3 || stats.Disabled != 1 || stats.Registrations != 4 || stats.Companies != 2 {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

func TestAttention(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	notices, err := client.Attention(t.Context())
	want := []localapi.Notice{
		{Code: "connector_blocked", Level: "error", Subject: "google", Text: "set client_id", Args: map[string]string{"Finding": "client_id_missing"}},
		{Code: "mail_failed", Level: "warning", Count: 2, Text: "2 mails have failed", Args: map[string]string{}},
	}
	if err != nil || !reflect.DeepEqual(notices, want) {
		t.Errorf("got %+v, %v\nwant %+v", notices, err, want)
	}
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	for route, status := range map[string]int{"GET /v1/attention?limit=1": 400, "POST /v1/attention": 405} {
		if got, body := ask(t, handler, root, route); got != status {
			t.Errorf("%s: %d %s, want %d", route, got, body, status)
		}
	}
}
