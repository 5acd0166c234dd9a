package gui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

// fakeCompanies is a service that knows companies only, by the rules of package app.
type fakeCompanies struct {
	Client
	companies []localapi.Company
	off       map[string][]string // addresses of accounts by the entry they are on the list by
	people    []localapi.Account
	verdict   localapi.AllowTest
	err       error // of every call, when it is set
	saveErr   error

	saves  []localapi.CompanySave
	checks []localapi.ListDraft
	calls  []string
	before func() // runs before a save is done, as another administrator's does
}

func newFakeCompanies() *fakeCompanies {
	return &fakeCompanies{companies: []localapi.Company{
		companyWith("Acme", 12, "acme.example", "*.acme.example", "!spam@acme.example", "jane@gmail.com"),
		companyWith("Birch & Sons", 0, "birch.example"),
		companyWith("Cedar", 3),
	}, off: map[string][]string{}}
}

func companyWith(name string, accounts int, entries ...string) localapi.Company {
	c := localapi.Company{Name: name, Enabled: true, Accounts: accounts, CreatedAt: time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)}
	for _, e := range entries {
		c.Entries = append(c.Entries, wireEntry(e))
	}
	return c
}

func wireEntry(typed string) localapi.Entry {
	e, err := app.ParseEntry(typed)
	if err != nil {
		panic(err)
	}
	return localapi.Entry{Entry: e.String(), Display: e.Display(), Kind: string(e.Kind), Deny: e.Deny, MixedScript: e.MixedScript()}
}

func (f *fakeCompanies) CompanyPage(_ context.Context, filter localapi.CompanyFilter, after string, limit int) (localapi.Page[localapi.CompanySummary], error) {
	f.calls = append(f.calls, fmt.Sprintf("page %q after %q", filter.Search, after))
	var page localapi.Page[localapi.CompanySummary]
	for _, c := range f.companies {
		if !strings.Contains(strings.ToLower(c.Name), strings.ToLower(filter.Search)) {
			continue
		}
		page.Total++
		switch {
		case c.Name <= after:
		case len(page.Items) == limit:
			page.Next = page.Items[limit-1].Name
		default:
			s := localapi.CompanySummary{Name: c.Name, Enabled: c.Enabled, Accounts: c.Accounts, Entries: len(c.Entries)}
			for _, e := range c.Entries {
				s.Summary = strings.TrimSpace(s.Summary + " " + e.Display)
				if e.Warning != "" {
					s.Warnings++
				}
			}
			page.Items = append(page.Items, s)
		}
	}
	return page, f.err
}

func (f *fakeCompanies) find(name string) (*localapi.Company, error) {
	for i := range f.companies {
		if f.companies[i].Name == name {
			return &f.companies[i], nil
		}
	}
	return nil, app.Errorf(app.NotFound, "company_unknown", "there is no company %q", name)
}

func (f *fakeCompanies) Company(_ context.Context, name string) (localapi.Company, error) {
	if f.err != nil {
		return localapi.Company{}, f.err
	}
	c, err := f.find(name)
	if err != nil {
		return localapi.Company{}, err
	}
	out := *c
	out.Entries = slices.Clone(c.Entries)
	return out, nil
}

func (f *fakeCompanies) owner(entry, but string) string {
	for _, c := range f.companies {
		for _, e := range c.Entries {
			if c.Name != but && strings.TrimPrefix(e.Entry, "!") == strings.TrimPrefix(entry, "!") {
				return c.Name
			}
		}
	}
	return ""
}

func (f *fakeCompanies) CheckList(_ context.Context, d localapi.ListDraft) (localapi.ListCheck, error) {
	f.checks = append(f.checks, d)
	if f.err != nil {
		return localapi.ListCheck{}, f.err
	}
	var check localapi.ListCheck
	have, want := map[string]bool{}, map[string]bool{}
	if c, err := f.find(d.Company); err == nil {
		for _, e := range c.Entries {
			have[e.Entry] = true
		}
	}
	for _, typed := range strings.Fields(d.Entries) {
		e, err := app.ParseEntry(typed)
		token := typed
		if err == nil {
			if !have[e.String()] {
				err, token = e.Refusal(), e.String()
			}
			want[e.String()] = true
			entry := localapi.DraftEntry{Entry: wireEntry(typed), New: !have[e.String()], Owner: f.owner(e.String(), d.Company)}
			check.Entries = append(check.Entries, entry)
			if strings.HasSuffix(e.Value, "group.example") {
				check.Overlaps = append(check.Overlaps, localapi.Overlap{Entry: e.String(), Other: "*.group.example", OtherCompany: "Holding"})
			}
		}
		if err != nil {
			check.Problems = append(check.Problems, localapi.Problem{Token: token, Reason: app.ReasonOf(err), Message: app.MessageOf(err)})
		}
	}
	for e := range have {
		if !want[e] {
			check.Removed = append(check.Removed, e)
			check.OffList += len(f.off[e])
			check.OffNames = append(check.OffNames, f.off[e]...)
		}
	}
	slices.Sort(check.Removed)
	return check, nil
}

func (f *fakeCompanies) AddCompany(_ context.Context, name, entries string) (localapi.Company, error) {
	f.calls = append(f.calls, fmt.Sprintf("add %q %q", name, entries))
	if f.err != nil {
		return localapi.Company{}, f.err
	}
	c := companyWith(name, 0, strings.Fields(entries)...)
	f.companies = append(f.companies, c)
	slices.SortFunc(f.companies, func(a, b localapi.Company) int { return cmp.Compare(a.Name, b.Name) })
	return c, nil
}

func (f *fakeCompanies) SaveCompany(_ context.Context, name string, save localapi.CompanySave) (localapi.CompanySaved, error) {
	if f.before != nil {
		f.before()
	}
	f.saves = append(f.saves, save)
	if f.saveErr != nil {
		return localapi.CompanySaved{}, f.saveErr
	}
	c, err := f.find(name)
	if err != nil {
		return localapi.CompanySaved{}, err
	}
	saved := localapi.CompanySaved{}
	for _, gone := range strings.Fields(save.Remove) {
		saved.OffList += len(f.off[gone])
		c.Entries = slices.DeleteFunc(c.Entries, func(e localapi.Entry) bool { return e.Entry == gone })
	}
	for _, more := range strings.Fields(save.Add) {
		if owner := f.owner(more, name); owner != "" {
			other, _ := f.find(owner)
			other.Entries = slices.DeleteFunc(other.Entries, func(e localapi.Entry) bool { return e.Entry == more })
		}
		c.Entries = append(c.Entries, wireEntry(more))
	}
	c.Name, c.Enabled, c.Tenants = save.Name, save.Enabled, strings.Fields(save.Tenants)
	saved.Company = *c
	return saved, nil
}

func (f *fakeCompanies) RemoveCompany(_ context.Context, name string) error {
	f.calls = append(f.calls, "remove "+name)
	f.companies = slices.DeleteFunc(f.companies, func(c localapi.Company) bool { return c.Name == name })
	return f.err
}

func (f *fakeCompanies) TestAddress(_ context.Context, address string) (localapi.AllowTest, error) {
	f.calls = append(f.calls, "test "+address)
	if _, err := app.ParseAddress(address); err != nil {
		return localapi.AllowTest{}, err
	}
	v := f.verdict
	v.Address = address
	return v, f.err
}

func (f *fakeCompanies) AccountPage(_ context.Context, filter localapi.AccountFilter, _ string, limit int) (localapi.Page[localapi.Account], error) {
	f.calls = append(f.calls, fmt.Sprintf("accounts of %q", filter.Company))
	return localapi.Page[localapi.Account]{Items: f.people[:min(limit, len(f.people))]}, f.err
}

// companiesTest is the page with what its tests need.
type companiesTest struct {
	*testDesk
	fake *fakeCompanies
	view *companiesView
}

// newCompaniesTest shows the page, with as much around it as the window has.
func newCompaniesTest(t *testing.T, f *fakeCompanies, subject string) *companiesTest {
	t.Helper()
	d := newTestDesk(t, f)
	v, ok := newCompanies(d.desk).(*companiesView)
	if !ok {
		t.Fatal("another view")
	}
	side := newPanel(colorSide, "", 0, 8, newFixed(178, layout.NewSpacer()))
	d.window.SetContent(container.NewBorder(nil, nil, side, nil, container.New(layout.NewCustomPaddedLayout(45, 8, 12, 12), v.Content())))
	v.Open(subject)
	d.drain()
	return &companiesTest{testDesk: d, fake: f, view: v}
}

// types types into the place for entries, and lets the check come.
func (c *companiesTest) types(text string) {
	c.tb.Helper()
	test.Type(c.view.form.field.entry, text)
	c.tick()
}

func (c *companiesTest) key(f fyne.Focusable, names ...fyne.KeyName) {
	for _, name := range names {
		f.TypedKey(&fyne.KeyEvent{Name: name})
	}
	c.drain()
}

// chips returns the entries that are shown as chips; "?" marks those that are refused.
func (c *companiesTest) chips() string {
	var words []string
	for _, t := range c.view.form.field.tokens {
		mark := ""
		if t.problem != nil {
			mark = "?"
		}
		words = append(words, t.key+mark)
	}
	return strings.Join(words, " ")
}

func (c *companiesTest) wantChips(want string) {
	c.tb.Helper()
	if got := c.chips(); got != want {
		c.tb.Errorf("the chips are %q, want %q", got, want)
	}
}

func TestCompaniesPictures(t *testing.T) {
	f := newFakeCompanies()
	for i, name := range []string{"Dogwood Legal", "Elm Logistics International Holding", "Fir Dental", "Ginkgo", "Hazel & Partners"} {
		c := companyWith(name, i*7, strings.ToLower(strings.Fields(name)[0])+".example", "*."+strings.ToLower(strings.Fields(name)[0])+".example")
		c.Enabled = i != 2
		f.companies = append(f.companies, c)
	}
	f.companies[4].Entries[0].Warning = "anybody can get an address there; list single addresses"
	f.off["acme.example"] = []string{"ann@acme.example", "bob@acme.example"}
	for i, name := range []string{"Ann Miller", "Bob Stone", "Cyril Dobrý"} {
		first, last, _ := strings.Cut(name, " ")
		f.people = append(f.people, localapi.Account{Email: strings.ToLower(first) + "@acme.example", FirstName: first, LastName: last, State: "active", ListMatch: i != 1})
	}
	c := newCompaniesTest(t, f, "")
	c.picture("companies-plain")
	c.types("birch.example büro.example *@acme.example gmail.com раyраl.example sub.group.example ")
	c.picture("companies-typed")
	c.view.form.field.remove(c.view.form.field.tokens[0])
	c.tick()
	c.key(c.view.form.field.entry, fyne.KeyLeft, fyne.KeyLeft)
	c.view.scroll.Offset.Y = 160
	c.view.scroll.Refresh()
	c.picture("companies-removed")
	f.verdict = localapi.AllowTest{
		Allowed: true, Company: "Acme", Entry: "acme.example", ReasonCode: "listed",
		Covering: []localapi.Covering{{Entry: "acme.example", Company: "Acme"}, {Entry: "*.acme.example", Company: "Acme"}},
		Ways: []localapi.Way{
			{Name: "form", Result: "a confirmation mail would be sent, for an account in Acme"},
			{Name: "office365", Result: "refused, openly: its sign-up switch is off"},
		},
	}
	test.Type(c.view.try.entry, "jo@acme.example")
	c.key(c.view.try.entry, fyne.KeyReturn)
	c.view.scroll.ScrollToTop()
	c.picture("companies-try")
	c.tap("Discard")
	c.key(c.view.try.entry, fyne.KeyEscape)
	c.view.form.advanced.OpenAll()
	c.view.grow()
	c.view.scroll.ScrollToBottom()
	c.picture("companies-bottom")

	empty := newCompaniesTest(t, &fakeCompanies{}, "")
	empty.picture("companies-empty")
	many := companyWith("Many", 0)
	for i := range 220 {
		many.Entries = append(many.Entries, wireEntry(fmt.Sprintf("customer%d.example", i*i)))
	}
	c = newCompaniesTest(t, &fakeCompanies{companies: []localapi.Company{many}}, "")
	c.picture("companies-many")
}
