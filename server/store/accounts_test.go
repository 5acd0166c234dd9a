package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/store"
)

// pages returns the first letters of the addresses of all accounts that a query finds, with a blank between two pages.
func (w world) pages(q app.AccountQuery) string {
	w.Helper()
	var pages []string
	for {
		page, err := w.Accounts(w.Context(), q)
		if err != nil {
			w.Fatal(err)
		}
		letters := ""
		for _, a := range page.Accounts {
			letters += a.Email.String()[:1]
		}
		pages = append(pages, letters)
		if q.After = page.Next; q.After == "" {
			return strings.Join(pages, " ")
		}
	}
}

func testAccountList(t *testing.T, w world) {
	ctx := t.Context()
	acme := w.company("Acme", "acme.example")
	w.company("zeta", "zeta.example !e@zeta.example")
	for _, p := range []struct{ email, first, last string }{
		{"c@acme.example", "Ján", "Čech"},
		{"a@zeta.example", "Jana", "Cedar"},
		{"B@acme.example", "Jana", "cecil"},
		{"d@zeta.example", "Adam", "Šimko"},
		{"e@acme.example", "Jana", "Cedar"},
	} {
		a := w.account(p.email)
		if err := w.UpdateProfile(ctx, a.ID, app.Profile{FirstName: p.first, LastName: p.last}, admin); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.SetAccountState(ctx, address(t, "d@zeta.example"), app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.RemoveEntries(ctx, "Acme", parse(t, "acme.example"), admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddEntries(ctx, "Acme", parse(t, "b@acme.example"), false, admin); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		q    app.AccountQuery
		want string
	}{
		{app.AccountQuery{Limit: 2}, "aB cd e"},
		{app.AccountQuery{Limit: 5}, "aBcde"},
		{app.AccountQuery{Limit: 2, Reverse: true}, "ed cB a"},
		{app.AccountQuery{Limit: 1, Sort: app.SortByName}, "c B a e d"},
		{app.AccountQuery{Limit: 2, Sort: app.SortByName, Reverse: true}, "de aB c"},
		{app.AccountQuery{Limit: 2, Sort: app.SortByCompany}, "Bc ea d"},
		{app.AccountQuery{Limit: 2, Sort: app.SortByCompany, Reverse: true}, "da ec B"},
		{app.AccountQuery{Limit: 2, Sort: app.SortByCreated}, "aB cd e"}, // all at the same moment
		{app.AccountQuery{Limit: 2, Sort: app.SortByCreated, Reverse: true}, "ed cB a"},
		{app.AccountQuery{Limit: 2, State: app.AccountActive}, "aB ce"},
		{app.AccountQuery{Limit: 2, State: app.AccountDisabled}, "d"},
		{app.AccountQuery{Limit: 2, State: app.AccountDisabled, Sort: app.SortByCompany}, "d"},
		{app.AccountQuery{Limit: 1, OffList: true}, "c e"},
		{app.AccountQuery{Limit: 2, OffList: true, Sort: app.SortByName, Reverse: true}, "ec"},
		{app.AccountQuery{Limit: 9, OffList: true, Company: "Zeta"}, ""},
		{app.AccountQuery{Limit: 1, Company: "acme", Sort: app.SortByName}, "c B e"},
		{app.AccountQuery{Limit: 2, Search: "jana", Sort: app.SortByCompany}, "Be a"},
		{app.AccountQuery{Limit: 1, Search: "jana", Sort: app.SortByName, Reverse: true}, "e a B"},
		{app.AccountQuery{Limit: 2, Search: "acme", Sort: app.SortByCreated}, "Bc e"},
	} {
		if got := w.pages(test.q); got != test.want {
			t.Errorf("%+v: %q, want %q", test.q, got, test.want)
		}
	}
	first, err := w.Accounts(ctx, app.AccountQuery{Limit: 1, Company: "Acme"})
	if err != nil || first.Total != 3 || first.Next == "" {
		t.Fatalf("first page %+v, %v", first, err)
	}
	a := first.Accounts[0]
	if !a.ListMatch || !slices.Equal(a.Groups, []string{app.CustomerAccounts}) || a.CompanyID != acme.ID || a.Company != "Acme" {
		t.Errorf("not whole: %+v", a)
	}
	for _, after := range []string{"x", "!", "bm90aGluZw", first.Next} {
		_, err := w.Accounts(ctx, app.AccountQuery{Limit: 1, Sort: app.SortByName, After: after})
		w.refuses(err, app.Invalid, "cursor_invalid")
	}
}

// testAccountListIdentities lists accounts with identities: each has its own.
func testAccountListIdentities(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	w.accountWith("a@acme.example", identity("a"))
	w.account("b@acme.example")
	w.accountWith("c@acme.example", identity("c"))
	page, err := w.Accounts(t.Context(), app.AccountQuery{Limit: 10})
	if err != nil || len(page.Accounts) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, a := range page.Accounts {
		var got []string
		for _, i := range a.Identities {
			got = append(got, i.Subject)
		}
		want := map[string]string{"a": "a", "b": "", "c": "c"}[a.Email.String()[:1]]
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %q, want %q", a.Email, got, want)
		}
	}
}

func testEventFilter(t *testing.T, w world) {
	ctx := t.Context()
	for i, ev := range []app.Event{
		{Action: app.ActCompanyAdd, Outcome: app.OK, Subject: "Acme"},
		{Action: app.ActSignIn, Outcome: "signin_wrong", Subject: "a@acme.example"},
		{Action: app.ActSignIn, Outcome: app.OK, Subject: "a@acme.example", Detail: "50% off"},
		{Action: app.ActIdentity, Outcome: "was b@acme.example", Subject: "a@acme.example"},
		{Action: app.ActSignOut, Outcome: app.OK, Subject: "a@acme.example"},
	} {
		ev.At, ev.Actor = start.Add(time.Duration(i)*time.Hour), "test"
		if err := w.AddEvent(ctx, ev); err != nil {
			t.Fatal(err)
		}
	}
	hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
	for _, test := range []struct {
		q    app.EventQuery
		want string
	}{
		{app.EventQuery{}, "43210"},
		{app.EventQuery{Action: "account.signin"}, "21"},
		{app.EventQuery{Action: "account."}, "4321"},
		{app.EventQuery{Action: "company."}, "0"},
		{app.EventQuery{Refused: true}, "1"},
		{app.EventQuery{Since: hour(3)}, "43"},
		{app.EventQuery{Until: hour(3)}, "210"},
		{app.EventQuery{Since: hour(1), Until: hour(3), Action: "account."}, "21"},
		{app.EventQuery{Since: hour(9)}, ""},
		{app.EventQuery{Until: hour(-9)}, ""},
		{app.EventQuery{Search: "50%"}, "2"},
	} {
		test.q.Limit = 10
		events, err := w.Events(ctx, test.q)
		got := ""
		for _, ev := range events {
			got += fmt.Sprint(int(ev.At.Sub(start).Hours()))
		}
		if err != nil || got != test.want {
			t.Errorf("%+v: %q, %v, want %q", test.q, got, err, test.want)
		}
	}
}

// testEventPages reads events of a clock that was set back in pages: bounded by times they go by their times, and each
// comes once.
func testEventPages(t *testing.T, w world) {
	ctx := t.Context()
	for _, hour := range []int{1, 2, 7, 3, 3, 4} {
		ev := app.Event{At: start.Add(time.Duration(hour) * time.Hour), Actor: "test", Action: app.ActSignIn, Outcome: "signin_wrong"}
		if err := w.AddEvent(ctx, ev); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		q    app.EventQuery
		want string
	}{
		{app.EventQuery{}, "433721"},
		{app.EventQuery{Refused: true}, "743321"},
		{app.EventQuery{Since: start.Add(2 * time.Hour)}, "74332"},
		{app.EventQuery{Since: start.Add(2 * time.Hour), Until: start.Add(7 * time.Hour)}, "4332"},
	} {
		for limit := 1; limit < 4; limit++ {
			got := ""
			test.q.Limit, test.q.Before = limit, 0
			for {
				events, err := w.Events(ctx, test.q)
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					got += fmt.Sprint(int(ev.At.Sub(start).Hours()))
				}
				if len(events) < limit {
					break
				}
				test.q.Before = events[limit-1].ID
			}
			if got != test.want {
				t.Errorf("%+v: %q, want %q", test.q, got, test.want)
			}
		}
	}
}

func testMessageSearch(t *testing.T, w world) {
	for _, to := range []string{"Jane@acme.example", "jo@beta.example"} {
		m := message(app.MailTest, address(t, to), "x")
		m.Subject = "For " + to[:2] + " at 100%"
		if _, err := w.AddMessage(t.Context(), m, admin); err != nil {
			t.Fatal(err)
		}
	}
	for search, want := range map[string]int{"jane@ACME": 1, "example": 2, "for jo": 1, "100%": 2, "1%0": 0} {
		list, err := w.Messages(t.Context(), app.MessageQuery{Search: search, Limit: 10})
		if err != nil || len(list) != want {
			t.Errorf("%q: %d found, %v, want %d", search, len(list), err, want)
		}
	}
	if list, err := w.Messages(t.Context(), app.MessageQuery{Search: "jane", State: app.MessageFailed, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("failed ones: %+v, %v", list, err)
	}
}

// crowd is an office with very many accounts, of which those of one company are off the list, and one of each hundred is
// disabled.
func crowd(tb testing.TB, companies, accounts int) *store.Store {
	tb.Helper()
	s := open(tb, tb.TempDir())
	at := time.Now().Add(-90 * 24 * time.Hour).UnixMilli()
	numbers := "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1) INSERT INTO "
	s.Exec(tb, numbers+"company (id, name, name_key, enabled, created_at) SELECT n, 'Company ' || (n * 7919 % $1), 'company ' || (n * 7919 % $1), TRUE, $2 FROM number", companies, at)
	s.Exec(tb, numbers+"allow_entry (value, kind, deny, domain_rev, company_id, created_at) SELECT 'c' || n || '.example', 'domain', FALSE, 'example.c' || n, n, $2 FROM number WHERE n <> $3", companies, at, companies/2)
	s.Exec(tb, numbers+`account (id, email, email_key, first_name, last_name, phone, company_id, state, lang, password_hash, entry, created_at, name_key)
SELECT n, 'p' || n || '@c' || (n % $2 + 1) || '.example', 'p' || n || '@c' || (n % $2 + 1) || '.example', 'Jane', 'Doe ' || (n * 7919 % $1), '', n % $2 + 1,
	CASE WHEN n % 100 = 0 THEN 'disabled' ELSE 'active' END, 'en', 'x', '', $3 + n * 77000, 'doe ' || (n * 7919 % $1) || ' jane' FROM number`, accounts, companies, at)
	s.Exec(tb, "INSERT INTO membership (account_id, group_id) SELECT id, 1 FROM account")
	return s
}

// BenchmarkAccounts measures the first page of a hundred with a hundred thousand accounts of five thousand companies.
func BenchmarkAccounts(b *testing.B) {
	s := crowd(b, 5000, 100_000)
	for _, q := range []app.AccountQuery{
		{},
		{Reverse: true},
		{Sort: app.SortByName},
		{Sort: app.SortByName, Reverse: true},
		{Sort: app.SortByCompany},
		{Sort: app.SortByCompany, Reverse: true},
		{Sort: app.SortByCreated},
		{Sort: app.SortByCreated, Reverse: true},
		{State: app.AccountDisabled},
		{State: app.AccountDisabled, Sort: app.SortByName},
		{State: app.AccountDisabled, Sort: app.SortByCreated},
		{State: app.AccountDisabled, Sort: app.SortByCompany},
		{State: app.AccountActive, Sort: app.SortByCompany},
		{Company: "Company 17", Sort: app.SortByName},
		{Company: "Company 17", Sort: app.SortByCreated},
		{Search: "p9999"},
		{Search: "p9999", Sort: app.SortByCompany},
		{Search: "p9999", Sort: app.SortByName},
		{Search: "example"},
		{OffList: true},
	} {
		b.Run(fmt.Sprintf("%+v", q), func(b *testing.B) {
			q.Limit = 100
			for b.Loop() {
				if _, err := s.Accounts(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
