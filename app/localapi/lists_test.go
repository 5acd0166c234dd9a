package localapi_test

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

func TestListCheckTravels(t *testing.T) {
	backend := newOffice(t)
	backend.companies["Acme"] = app.Company{Name: "Acme"}
	backend.accounts = []app.Account{{Email: mustAddress(t, "jane@acme.com")}}
	client := serve(t, backend)
	got, err := client.CheckList(t.Context(), localapi.ListDraft{Company: "Acme", Entries: "!acme.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := localapi.ListCheck{
		Entries: []localapi.DraftEntry{{
			Entry: localapi.Entry{Entry: "!acme.com", Display: "!acme.com", Kind: "domain", Deny: true}, New: true, Owner: "Beta",
		}},
		Problems: []localapi.Problem{}, Removed: []string{"!acme.com"},
		Overlaps: []localapi.Overlap{{Entry: "!acme.com", Other: "*.acme.com", OtherCompany: "Group"}},
		OffList:  7, OffNames: []string{"jane@acme.com"}, OffMore: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("check\n got %+v\nwant %+v", got, want)
	}
	got, err = client.CheckList(t.Context(), localapi.ListDraft{Entries: "what?"})
	if err != nil || len(got.Problems) != 1 || got.Problems[0].Token != "what?" || got.Problems[0].Reason != "entry_invalid" || got.Problems[0].Message == "" {
		t.Errorf("check of a token that is none: got %+v, %v", got, err)
	}
	if _, err := client.CheckList(t.Context(), localapi.ListDraft{Company: "Nobody"}); app.CodeOf(err) != app.NotFound {
		t.Errorf("check for a company that is not there: got %v, want not found", err)
	}
}

func TestSaveCompanyTravels(t *testing.T) {
	backend := newOffice(t)
	backend.companies["Acme"] = app.Company{Name: "Acme", Enabled: true}
	client := serve(t, backend)
	save := localapi.CompanySave{Name: "Acme Ltd", Add: "a.com b.com", Remove: "c.com", Move: "b.com", Tenants: tenant}
	got, err := client.SaveCompany(t.Context(), "Acme", save)
	if err != nil || got.Name != "Acme Ltd" || got.Enabled || got.OffList != 3 {
		t.Errorf("saved: got %+v, %v", got, err)
	}
	me := localapi.Peer{Known: true, UID: uint32(os.Getuid())}.String()
	if call, want := last(backend.calls()), fmt.Sprintf("%s: save Acme %+v", me, app.CompanyChange(save)); call != want {
		t.Errorf("the service was asked %q, want %q", call, want)
	}
	if _, err := client.SaveCompany(t.Context(), "Acme", localapi.CompanySave{Name: "/"}); app.ReasonOf(err) != "company_name_invalid" {
		t.Errorf("a name that cannot stand in a path: got %v", err)
	}
	if _, err := client.SaveCompany(t.Context(), "Nobody", save); app.CodeOf(err) != app.NotFound {
		t.Errorf("a company that is not there: got %v, want not found", err)
	}
}

// TestSearchBound asks for more than a database takes for a pattern.
func TestSearchBound(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	for n, want := range map[int]string{1000: "", 1001: "search_long", 30_000: "search_long"} {
		text := strings.Repeat("_", n)
		for what, ask := range map[string]func() error{
			"companies": func() error {
				_, err := client.CompanyPage(t.Context(), localapi.CompanyFilter{Search: text}, "", 1)
				return err
			},
			"events": func() error {
				_, err := client.EventPage(t.Context(), localapi.EventFilter{Search: text}, "", 1)
				return err
			},
		} {
			if err := ask(); app.ReasonOf(err) != want {
				t.Errorf("%s, %d bytes: got %v, want %q", what, n, err, want)
			}
		}
	}
}

func TestCompanyPages(t *testing.T) {
	backend := newOffice(t)
	for _, name := range []string{"beta", "Alpha", "Čierna", "delta Corp", "Epsilon Corp"} {
		backend.companies[name] = app.Company{Name: name, Enabled: true, Accounts: 2}
	}
	list, err := app.ParseEntries("acme.com *.gmail.com")
	if err != nil {
		t.Fatal(err)
	}
	backend.companies["beta"] = app.Company{Name: "beta", Entries: list}
	client := serve(t, backend)
	var names []string
	after := ""
	for {
		page, err := client.CompanyPage(t.Context(), localapi.CompanyFilter{}, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if page.Total != 5 || len(page.Items) > 2 {
			t.Errorf("page after %q: %d of %d, want at most 2 of 5", after, len(page.Items), page.Total)
		}
		for _, c := range page.Items {
			names = append(names, c.Name)
			if want := (localapi.CompanySummary{Name: "beta", Entries: 2, Summary: "acme.com *.gmail.com", Warnings: 1}); c.Name == "beta" && c != want {
				t.Errorf("summary: got %+v, want %+v", c, want)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if got, want := strings.Join(names, ","), "Alpha,beta,delta Corp,Epsilon Corp,Čierna"; got != want {
		t.Errorf("companies: got %s, want %s", got, want)
	}
	page, err := client.CompanyPage(t.Context(), localapi.CompanyFilter{Search: "Corp"}, "", 0)
	if err != nil || page.Total != 2 || len(page.Items) != 2 || page.Next != "" {
		t.Errorf("search: got %+v, %v, want two", page, err)
	}
}

func TestListRoutesRefuse(t *testing.T) {
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: newOffice(t), Log: slog.New(slog.DiscardHandler)})
	for _, tt := range []struct {
		route, reason string
		status        int
	}{
		{"GET /v1/allow/check", "method_unknown", 405},
		{"PATCH /v1/companies/x", "method_unknown", 405},
		{"POST /v1/company-summaries", "method_unknown", 405},
		{"GET /v1/company-summaries?name=x", "query_unknown", 400},
		{"GET /v1/company-summaries?limit=1001", "limit_invalid", 400},
	} {
		status, body := ask(t, handler, root, tt.route)
		if status != tt.status || !strings.Contains(body, `"reason":"`+tt.reason+`"`) {
			t.Errorf("%s: got %d %s, want %d %s", tt.route, status, body, tt.status, tt.reason)
		}
	}
}

func TestTrialsTravel(t *testing.T) {
	backend := newOffice(t)
	backend.connectors["g"] = app.ConnectorState{Connector: app.Connector{Name: "g"}}
	backend.trial = app.Trial{
		Steps:   []app.TrialStep{{Name: "settings", OK: true, Detail: "complete"}, {Name: "redirect", Detail: "set public_url", Took: 12*time.Millisecond + 1}},
		Verdict: "set public_url",
	}
	client := serve(t, backend)
	want := localapi.Trial{
		Steps:   []localapi.TrialStep{{Name: "settings", OK: true, Detail: "complete"}, {Name: "redirect", Detail: "set public_url", TookMS: 12}},
		Verdict: "set public_url",
	}
	got, err := client.TestConnector(t.Context(), "g")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("connector: got %+v, %v, want %+v", got, err, want)
	}
	backend.trial = app.Trial{OK: true}
	got, err = client.TestPublicURL(t.Context(), "accounts.example")
	if want := (localapi.Trial{OK: true, Steps: []localapi.TrialStep{}}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("public url: got %+v, %v, want %+v", got, err, want)
	}
	if call, want := last(backend.calls()), ": test public url accounts.example"; call != want {
		t.Errorf("the service was asked %q, want %q", call, want)
	}
	if _, err := client.TestPublicURL(t.Context(), "!"); app.CodeOf(err) != app.Invalid {
		t.Errorf("no address: got %v, want invalid", err)
	}
	if _, err := client.TestConnector(t.Context(), "none"); app.CodeOf(err) != app.NotFound {
		t.Errorf("no connector: got %v, want not found", err)
	}
}
