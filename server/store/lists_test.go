package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"foyer/app"
)

// service returns the domain over the store under test.
func (w world) service() *app.Service {
	w.Helper()
	return serviceOver(w, w.engine)
}

func serviceOver(tb testing.TB, s app.Store) *app.Service {
	tb.Helper()
	service, err := app.NewService(tb.Context(), app.ServiceConfig{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	return service
}

// said returns a check in one line.
func said(c app.ListCheck) string {
	var words []string
	for _, e := range c.Entries {
		word := e.String()
		if e.New {
			word = "+" + word
		}
		if e.Owner != "" {
			word += "@" + e.Owner
		}
		words = append(words, word)
	}
	for _, e := range c.Removed {
		words = append(words, "-"+e.String())
	}
	for _, p := range c.Problems {
		words = append(words, "?"+p.Args["Token"]+"="+p.Reason)
	}
	for _, o := range c.Overlaps {
		words = append(words, o.Entry+"~"+o.Other+"@"+o.OtherCompany)
	}
	if c.OffList > 0 {
		words = append(words, fmt.Sprintf("off=%d%v", c.OffList, c.OffNames))
	}
	return strings.Join(words, " ")
}

func testCheckList(t *testing.T, w world) {
	service := w.service()
	w.company("A", "a.example", "b.example", "!out@b.example")
	w.account("jane@a.example")
	w.account("jim@a.example")
	w.account("jo@b.example")
	before := len(w.events())
	for _, tt := range []struct{ company, entries, want string }{
		{"A", "a.example b.example !out@b.example", "a.example b.example !out@b.example"},
		{"A", "A.example\nhttps://b.example/x; !out@b.example, a.example", "a.example b.example !out@b.example"},
		{"a", "a.example", "a.example -b.example -!out@b.example off=1[jo@b.example]"},
		{"A", "", "-a.example -b.example -!out@b.example off=3[jane@a.example jim@a.example jo@b.example]"},
		{"A", "*.a.example *.b.example", "+*.a.example +*.b.example -a.example -b.example -!out@b.example"},
		{"A", "!a.example jim@a.example b.example", "+!a.example +jim@a.example b.example -a.example -!out@b.example off=1[jane@a.example]"},
		{"A", "a.example b.example !out@b.example !jane@a.example", "a.example b.example !out@b.example +!jane@a.example off=1[jane@a.example]"},
		{
			"A", "what? a.example 192.0.2.1 co.uk !a.example b.example gmail.com !out@b.example",
			"a.example +co.uk b.example +gmail.com !out@b.example " +
				"?what?=entry_invalid ?192.0.2.1=entry_invalid ?co.uk=public_suffix ?a.example=entry_both ?gmail.com=shared_domain",
		},
		{"", "new.example co.uk", "+new.example +co.uk ?co.uk=public_suffix"},
		{"", "", ""},
	} {
		check, err := service.CheckList(t.Context(), app.ListDraft{Company: tt.company, Entries: tt.entries})
		if err != nil {
			t.Fatal(err)
		}
		if got := said(check); got != tt.want {
			t.Errorf("%q of company %q\n got %s\nwant %s", tt.entries, tt.company, got, tt.want)
		}
		for _, p := range check.Problems {
			if p.Code != app.Invalid || p.Field != "entries" || !strings.Contains(p.Message, p.Args["Token"]) {
				t.Errorf("problem %+v: want an Invalid on the entries that quotes its token", p)
			}
		}
	}
	_, err := service.CheckList(t.Context(), app.ListDraft{Company: "Nobody"})
	w.refuses(err, app.NotFound, "company_unknown")
	if after := len(w.events()); after != before {
		t.Errorf("a check wrote %d events, want none", after-before)
	}
}

// testCheckListOfOthers checks drafts beside the entries of other companies.
func testCheckListOfOthers(t *testing.T, w world) {
	service := w.service()
	w.company("A", "*.a.example", "sub.a.example")
	w.account("jane@sub.a.example")
	w.account("jim@lab.a.example")
	w.company("B", "b.example", "lab.b.example", "x.a.example")
	for _, tt := range []struct{ company, entries, want string }{
		{"", "b.example", "+b.example@B"},
		{"A", "*.a.example sub.a.example b.example", "*.a.example sub.a.example +b.example@B *.a.example~x.a.example@B"},
		{"A", "*.a.example sub.a.example *.b.example", "*.a.example sub.a.example +*.b.example *.a.example~x.a.example@B *.b.example~b.example@B *.b.example~lab.b.example@B"},
		// What remains covers jane, and what moves here does not cover jim.
		{"A", "*.sub.a.example x.a.example", "+*.sub.a.example +x.a.example@B -*.a.example -sub.a.example off=1[jim@lab.a.example]"},
		// A refusal of B's that moves here as what it is not goes to nobody else.
		{"A", "*.a.example sub.a.example !x.a.example", "*.a.example sub.a.example +!x.a.example@B"},
	} {
		check, err := service.CheckList(t.Context(), app.ListDraft{Company: tt.company, Entries: tt.entries})
		if err != nil {
			t.Fatal(err)
		}
		if got := said(check); got != tt.want {
			t.Errorf("%q of company %q\n got %s\nwant %s", tt.entries, tt.company, got, tt.want)
		}
	}
	// Accounts that were off the list before do not count, and a switch does not matter.
	if _, _, err := w.RemoveEntries(t.Context(), "A", parse(t, "*.a.example"), admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EnableCompany(t.Context(), "A", false, admin); err != nil {
		t.Fatal(err)
	}
	check, err := service.CheckList(t.Context(), app.ListDraft{Company: "A"})
	if want := "-sub.a.example off=1[jane@sub.a.example]"; err != nil || said(check) != want {
		t.Errorf("got %s, %v, want %s", said(check), err, want)
	}
}

// toldSince returns the events of a save, the oldest first.
func (w world) toldSince(after int) []string {
	w.Helper()
	events := w.events()
	var lines []string
	for _, ev := range slices.Backward(events[:len(events)-after]) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s of %s %s %s", ev.Actor, ev.Action, ev.Subject, ev.Company, ev.Entry, ev.Detail)))
	}
	return lines
}

func testSaveCompany(t *testing.T, w world) {
	service, ctx := w.service(), t.Context()
	w.company("A", "a.example", "b.example", "c.example")
	w.company("B", "moved.example")
	jane := w.account("jane@a.example")
	w.account("jo@b.example")
	if _, err := service.SetTenants(ctx, "root", "A", tenantA, ""); err != nil {
		t.Fatal(err)
	}
	s := w.session(jane)
	before := len(w.events())
	c, off, err := service.SaveCompany(ctx, "root", "a", app.CompanyChange{
		Name: "Ä s.r.o.", Enabled: false, Add: "!a.example moved.example c.example", Remove: "a.example gone.example c.example", Move: "moved.example", Tenants: tenantB,
	})
	if err != nil || off != 1 {
		t.Fatalf("saved: %v, %d off the list, want jane", err, off)
	}
	if got, want := fmt.Sprint(c.Name, c.Enabled, c.Accounts, c.Entries, c.Tenants), "Ä s.r.o.false 2 [!a.example b.example c.example moved.example] ["+tenantB+"]"; got != want {
		t.Errorf("company %s, want %s", got, want)
	}
	if w.signedIn(s) {
		t.Error("the company is switched off, and jane is still signed in")
	}
	want := []string{
		"root company.disallow A of A a.example",
		"root company.allow A of A !a.example moved.example",
		"root company.tenants A of A  +" + tenantB + " -" + tenantA,
		"root company.disable A of A",
		"root company.rename A of Ä s.r.o.  was A",
	}
	if got := w.toldSince(before); !slices.Equal(got, want) {
		t.Errorf("audit\n got %q\nwant %q", got, want)
	}
	// The same again changes nothing and tells nothing.
	before = len(w.events())
	_, off, err = service.SaveCompany(ctx, "root", "Ä s.r.o.", app.CompanyChange{
		Name: "Ä s.r.o.", Add: "!a.example moved.example c.example", Remove: "a.example gone.example", Tenants: tenantB,
	})
	if got := w.toldSince(before); err != nil || off != 0 || len(got) != 0 {
		t.Errorf("saved again: %v, %d off, audit %q; want nothing", err, off, got)
	}
}

func testSaveCompanyRefused(t *testing.T, w world) {
	service, ctx := w.service(), t.Context()
	w.company("A", "a.example")
	w.company("B", "b.example", "x@shared.example")
	before := len(w.events())
	for _, tt := range []struct {
		name   string
		change app.CompanyChange
		code   app.Code
		reason string
	}{
		{"A", app.CompanyChange{Name: "A2", Add: "new.example !x@shared.example"}, app.Conflict, "entry_taken"},
		{"A", app.CompanyChange{Name: "A2", Add: "b.example !x@shared.example", Move: "b.example"}, app.Conflict, "entry_taken"},
		{"A", app.CompanyChange{Name: "A2", Add: "b.example", Move: "what?"}, app.Invalid, "entry_invalid"},
		{"A", app.CompanyChange{Name: "b", Add: "new.example"}, app.Conflict, "company_taken"},
		{"A", app.CompanyChange{Name: "A2", Add: "!a.example"}, app.Conflict, "entry_both"},
		{"A", app.CompanyChange{Name: "A2", Remove: "a.example", Add: "new.example co.uk"}, app.Invalid, "public_suffix"},
		{"A", app.CompanyChange{Name: "", Add: "new.example"}, app.Invalid, "company_name_invalid"},
		{"A", app.CompanyChange{Name: "A2", Add: "what?"}, app.Invalid, "entry_invalid"},
		{"A", app.CompanyChange{Name: "A2", Remove: "what?"}, app.Invalid, "entry_invalid"},
		{"A", app.CompanyChange{Name: "A2", Tenants: "contoso"}, app.Invalid, "tenant_invalid"},
		{"C", app.CompanyChange{Name: "C", Add: "new.example"}, app.NotFound, "company_unknown"},
	} {
		_, _, err := service.SaveCompany(ctx, "root", tt.name, tt.change)
		w.refuses(err, tt.code, tt.reason)
		if e, ok := errors.AsType[*app.Error](err); tt.reason == "entry_taken" && (!ok || e.Args["Entry"] != "!x@shared.example" || e.Args["Company"] != "B") {
			t.Errorf("the refusal %v does not name entry and owner: %v", err, e.Args)
		}
	}
	c, err := w.Company(ctx, "A")
	if err != nil || fmt.Sprint(c.Enabled, c.Entries) != "true [a.example]" {
		t.Errorf("half a save stayed: %+v, %v", c, err)
	}
	if got := w.toldSince(before); len(got) != 0 {
		t.Errorf("refused saves are in the audit: %q", got)
	}
}

// testSaveCompanyByTwo lets administrators who see the same company save at the same time.
func testSaveCompanyByTwo(t *testing.T, w world) {
	service := w.service()
	w.company("A", "old.example", "kept.example")
	const people = 8
	errs := make(chan error, people)
	for i := range people {
		go func() {
			_, _, err := service.SaveCompany(context.WithoutCancel(t.Context()), "root", "A", app.CompanyChange{
				Name: "A", Enabled: true, Add: fmt.Sprintf("n%d.example common.example", i), Remove: "old.example",
			})
			errs <- err
		}()
	}
	for range people {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	c, err := w.Company(t.Context(), "A")
	if err != nil || len(c.Entries) != people+2 || !slices.Contains(c.Entries, parse(t, "kept.example")[0]) || slices.Contains(c.Entries, parse(t, "old.example")[0]) {
		t.Errorf("entries %v, %v; want everybody's, and old.example gone", c.Entries, err)
	}
}

func testCompanyPages(t *testing.T, w world) {
	for _, name := range []string{"beta", "Alpha", "Česká", "gamma 100%", "Delta"} {
		w.company(name)
	}
	if _, err := w.AddEntries(t.Context(), "beta", parse(t, "beta.example", "*.b.example", "!jane@b.example", "müller.example"), false, admin); err != nil {
		t.Fatal(err)
	}
	w.account("jo@beta.example")
	for _, tt := range []struct {
		search, after string
		limit, total  int
		want          string
	}{
		{"", "", 10, 5, "Alpha|beta|Delta|gamma 100%|Česká"},
		{"", "", 2, 5, "Alpha|beta"},
		{"", "beta", 2, 5, "Delta|gamma 100%"},
		{"", "česká", 2, 5, ""},
		{"TA", "", 10, 2, "beta|Delta"},
		{"ČES", "", 10, 1, "Česká"},
		{"0%", "", 10, 1, "gamma 100%"},
		{"%", "", 10, 1, "gamma 100%"},
		{"@B.exam", "", 10, 1, "beta"},
		{"Müller.example", "", 10, 1, "beta"},
		{"!jane@b.example", "", 10, 1, "beta"},
		{"nowhere", "", 10, 0, ""},
	} {
		list, total, err := w.CompanyPage(t.Context(), app.CompanyQuery{Search: tt.search, After: tt.after, Limit: tt.limit})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range list {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, "|"); got != tt.want || total != tt.total {
			t.Errorf("search %q after %q: got %q of %d, want %q of %d", tt.search, tt.after, got, total, tt.want, tt.total)
		}
	}
	list, _, err := w.CompanyPage(t.Context(), app.CompanyQuery{Search: "beta", Limit: 10})
	want := app.CompanySummary{Name: "beta", Enabled: true, Accounts: 1, Entries: 4, Summary: "*.b.example beta.example !jane@b.example müller.example"}
	if err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("summary: got %+v, %v, want %+v", list, err, want)
	}
}

// TestCheckListOfMany checks a list that more accounts are on than are looked at.
func TestCheckListOfMany(t *testing.T) {
	s := open(t, t.TempDir())
	w := world{t, s}
	c := w.company("A", "a.example", "b.example")
	s.Fill(t, fmt.Sprintf(fillNumbers, 10_100)+fmt.Sprintf(`INSERT INTO account (id, email, email_key, first_name, last_name, phone, company_id, state, lang, password_hash, entry, created_at)
SELECT i, 'j' || i || '@a.example', 'j' || i || '@a.example', 'Jane', 'Doe', '', %d, 'active', 'en', '', 'a.example', 0 FROM n`, c.ID))
	check, err := w.service().CheckList(t.Context(), app.ListDraft{Company: "A", Entries: "b.example j7@a.example"})
	if err != nil || check.OffList != 9999 || !check.OffMore || len(check.OffNames) != 5 {
		t.Errorf("off %d, more %v, names %v, %v; want those of the first 10,000 but j7", check.OffList, check.OffMore, check.OffNames, err)
	}
	check, err = w.service().CheckList(t.Context(), app.ListDraft{Company: "A", Entries: "a.example"})
	if err != nil || check.OffList != 0 {
		t.Errorf("without b.example: off %d, %v, want nobody", check.OffList, err)
	}
	_, off, err := w.service().SaveCompany(t.Context(), "root", "A", app.CompanyChange{Name: "A", Enabled: true, Add: "j7@a.example", Remove: "a.example"})
	if err != nil || off != 10_099 {
		t.Errorf("saved: off %d, %v, want all but j7", off, err)
	}
}

const fillNumbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "

// crowd returns the domain over 5,000 companies with 20 entries each and 100,000 accounts, of which company 1 has many.
func throng(b *testing.B, ofFirst int) *app.Service {
	b.Helper()
	s := open(b, b.TempDir())
	s.Fill(b,
		fmt.Sprintf(fillNumbers, 5000)+`INSERT INTO company (id, name, name_key, enabled, created_at)
SELECT i, 'Company ' || i, 'company ' || i, TRUE, 0 FROM n`,
		fmt.Sprintf(fillNumbers, 100_000)+`INSERT INTO allow_entry (value, kind, deny, domain_rev, company_id, created_at)
SELECT 'c' || i || '.example', 'domain', FALSE, 'example.c' || i, 1 + i % 5000, 0 FROM n`,
		fmt.Sprintf(fillNumbers, 100_000)+fmt.Sprintf(`INSERT INTO account (id, email, email_key, first_name, last_name, phone, company_id, state, lang, password_hash, entry, created_at)
SELECT i, 'a' || i || '@c5000.example', 'a' || i || '@c5000.example', 'Jane', 'Doe', '', CASE WHEN i <= %d THEN 1 ELSE 2 + i %% 4999 END, 'active', 'en', '', 'c5000.example', 0 FROM n`, ofFirst),
	)
	return serviceOver(b, s)
}

func BenchmarkCheckList(b *testing.B) {
	for _, accounts := range []int{20, 100_000} {
		service := throng(b, accounts)
		for name, field := range map[string]string{"others gone": "c5000.example new.example", "all gone": "new.example *.other.example"} {
			b.Run(fmt.Sprintf("%d accounts, %s", accounts, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := service.CheckList(b.Context(), app.ListDraft{Company: "Company 1", Entries: field}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkCompanyPage(b *testing.B) {
	service := throng(b, 20)
	for _, search := range []string{"", "Company 49", "c4999.exam", "nowhere"} {
		b.Run("search "+search, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := service.CompanyPage(b.Context(), app.CompanyQuery{Search: search, Limit: 100}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
