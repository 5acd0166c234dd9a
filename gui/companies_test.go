package gui

import (
	"cmp"
	"context"
	"fmt"
	"os"
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
	have, want, warning := map[string]bool{}, map[string]bool{}, map[string]string{}
	if c, err := f.find(d.Company); err == nil {
		for _, e := range c.Entries {
			have[e.Entry], warning[e.Entry] = true, e.Warning
		}
	}
	for typed := range strings.FieldsSeq(d.Entries) {
		e, err := app.ParseEntry(typed)
		token := typed
		if err == nil {
			if !have[e.String()] {
				err, token = e.Refusal(), e.String()
			}
			want[e.String()] = true
			entry := localapi.DraftEntry{Entry: wireEntry(typed), New: !have[e.String()], Owner: f.owner(e.String(), d.Company)}
			entry.Warning = warning[e.String()]
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
	for gone := range strings.FieldsSeq(save.Remove) {
		saved.OffList += len(f.off[gone])
		c.Entries = slices.DeleteFunc(c.Entries, func(e localapi.Entry) bool { return e.Entry == gone })
	}
	for more := range strings.FieldsSeq(save.Add) {
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
	d.window.SetContent(newBorder(nil, nil, side, nil, container.New(layout.NewCustomPaddedLayout(45, 8, 12, 12), v.Content())))
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
	if os.Getenv("FOYER_PICTURES") == "" {
		t.Skip("FOYER_PICTURES is not set")
	}
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

func TestCompaniesList(t *testing.T) {
	f := newFakeCompanies()
	c := newCompaniesTest(t, f, "")
	c.sees("Acme", "12 accounts", "acme.example *.acme.example !spam@acme.example jane@gmail.com", "Birch & Sons", "No entries: lets in nobody", "3 companies")
	c.wantChips("acme.example *.acme.example !spam@acme.example jane@gmail.com") // the first one is chosen
	if c.view.Unsaved() {
		t.Error("nothing was changed, and there is something unsaved")
	}

	test.Type(c.view.search, "birch")
	c.tick()
	c.seesNot("Cedar")
	c.sees("1 company")
	test.Type(c.view.search, "xyz")
	c.tick()
	c.sees("No company matches “birchxyz”")
	c.wantChips("acme.example *.acme.example !spam@acme.example jane@gmail.com")
	c.key(c.view.search, fyne.KeyEscape)
	c.sees("Cedar")

	c.key(c.view.table.list, fyne.KeyDown)
	c.sees("birch.example")
	c.wantChips("birch.example")
	c.key(c.view.table.list, fyne.KeyDown)
	c.wantChips("")
	c.sees("An empty list lets in nobody")
}

func TestCompaniesListPages(t *testing.T) {
	f := &fakeCompanies{}
	for i := range 250 {
		f.companies = append(f.companies, companyWith(fmt.Sprintf("Company %03d", i), i))
	}
	c := newCompaniesTest(t, f, "Company 249")
	c.sees("250 companies")
	if got := c.view.form.base.Name; got != "Company 249" {
		t.Errorf("%q is shown", got)
	}
	if got := len(c.view.table.rows); got != pageSize {
		t.Errorf("%d rows were read at once, want %d", got, pageSize)
	}
	c.view.table.list.ScrollTo(99)
	c.drain()
	c.view.table.list.ScrollTo(199)
	c.drain()
	if got := len(c.view.table.rows); got != 250 {
		t.Errorf("%d rows after scrolling, want 250", got)
	}
}

func TestCompaniesFirst(t *testing.T) {
	f := &fakeCompanies{}
	c := newCompaniesTest(t, f, "")
	c.sees("No companies yet", "Only they can create an account")
	c.tap("Add the first company")
	c.sees("New company", "An empty list lets in nobody")
	c.seesNot("Add the first company")
	test.Type(c.view.form.name, "  Acme ")
	c.types("acme.example")
	c.sees("acme.example can be added: press Enter")
	c.tap("Save") // what is typed and no chip yet is meant too
	if got, want := c.fake.calls[len(c.fake.calls)-1], "page \"\" after \"\""; got != want {
		t.Errorf("the last call is %s, want the list read again", got)
	}
	if !slices.Contains(c.fake.calls, `add "Acme" "acme.example"`) {
		t.Errorf("the company was not added: %q", c.fake.calls)
	}
	c.sees("1 company")
	if got := strings.Join(c.told, "|"); got != "Acme was saved." {
		t.Errorf("told %q", got)
	}
	if c.view.Unsaved() || c.view.name != "Acme" {
		t.Errorf("after the save: unsaved %v, company %q", c.view.Unsaved(), c.view.name)
	}
}

func TestCompaniesNewInTwoSteps(t *testing.T) {
	f := newFakeCompanies()
	f.saveErr = &app.Error{Code: app.Invalid, Field: "tenants", Reason: "tenant_invalid"}
	c := newCompaniesTest(t, f, "new")
	test.Type(c.view.form.name, "New")
	c.types("new.example ")
	c.view.form.tenants.SetText("nonsense")
	c.tap("Save")
	c.sees("A tenant id is a GUID")
	c.wantChips("new.example") // nothing typed is lost
	if !c.view.Unsaved() {
		t.Error("what is not saved does not count as unsaved")
	}
	f.saveErr = nil
	c.view.form.tenants.SetText("72F988BF-86f1-41af-91ab-2d7cd011db47")
	c.tap("Save")
	want := localapi.CompanySave{Name: "New", Enabled: true, Add: "new.example", Tenants: "72f988bf-86f1-41af-91ab-2d7cd011db47"}
	if got := f.saves[len(f.saves)-1]; got != want {
		t.Errorf("saved %+v, want %+v", got, want)
	}
	if got := strings.Count(strings.Join(f.calls, "\n"), `add "New" ""`); got != 1 {
		t.Errorf("the company was added %d times", got)
	}
}

func TestCompaniesChips(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Birch & Sons")
	field := c.view.form.field
	for _, step := range []struct {
		name, types string
		keys        []fyne.KeyName
		want, text  string
	}{
		{"a blank", "one.example ", nil, "birch.example one.example", ""},
		{"a comma", "two.example,", nil, "birch.example one.example two.example", ""},
		{"enter", "three.example", []fyne.KeyName{fyne.KeyReturn}, "birch.example one.example two.example three.example", ""},
		{"backspace in the empty field", "", []fyne.KeyName{fyne.KeyBackspace}, "birch.example one.example two.example", ""},
		{"backspace in a word", "fou", []fyne.KeyName{fyne.KeyBackspace}, "birch.example one.example two.example", "fo"},
		{"escape", "", []fyne.KeyName{fyne.KeyEscape}, "birch.example one.example two.example", ""},
		{"left and delete", "", []fyne.KeyName{fyne.KeyLeft, fyne.KeyLeft, fyne.KeyDelete}, "birch.example two.example", ""},
		{"enter at a chip types it again", "", []fyne.KeyName{fyne.KeyEnd, fyne.KeyLeft, fyne.KeyReturn}, "birch.example", "two.example"},
		{"and again", "", []fyne.KeyName{fyne.KeyReturn}, "birch.example two.example", ""},
		{"home", "", []fyne.KeyName{fyne.KeyHome, fyne.KeyBackspace}, "two.example", ""},
		{"decoration", "https://Four.Example/path mailto:Ann@five.example ", nil, "two.example four.example ann@five.example", ""},
		{"refusal", "!four.example ", nil, "two.example four.example ann@five.example !four.example", ""},
	} {
		c.types(step.types)
		c.key(field.entry, step.keys...)
		if got := c.chips(); got != step.want || field.entry.Text != step.text {
			t.Errorf("%s: chips %q and %q typed, want %q and %q", step.name, got, field.entry.Text, step.want, step.text)
		}
	}
	c.types("two.example ")
	c.sees("two.example is in the list already.")

	fyne.CurrentApp().Clipboard().SetContent("six.example; seven.example\n<jo@eight.example>\t*@nine.example")
	field.entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: fyne.CurrentApp().Clipboard()})
	c.tick()
	c.wantChips("two.example four.example ann@five.example !four.example six.example seven.example jo@eight.example *@nine.example?")
	c.sees("“*@nine.example” is not understood: to cover a whole domain write nine.example.")

	chip := field.chips[field.tokens[0]]
	chip.Tapped(&fyne.PointEvent{Position: fyne.NewPos(chip.Size().Width-5, 5)})
	chip = field.chips[field.tokens[0]]
	chip.Tapped(&fyne.PointEvent{Position: fyne.NewPos(5, 5)})
	if got := field.tokens[0].key; got != "four.example" || field.at != 0 || c.window.Canvas().Focused() != field.entry {
		t.Errorf("after taps the first chip is %q, the chosen one %d, the focus at %T", got, field.at, c.window.Canvas().Focused())
	}
}

func TestCompaniesRefused(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Birch & Sons")
	for typed, want := range map[string]string{
		"gmail.com":   "“gmail.com” cannot be listed: many people",
		"co.uk":       "“co.uk” cannot be listed: anybody can register",
		"company":     "“company” is not understood: write user@company.com",
		".acme.test":  "“.acme.test” is not understood: to cover a domain and its subdomains write *.acme.test",
		"a@b@c.test":  "“a@b@c.test” is not an e-mail address that can be used.",
		"192.168.1.1": "“192.168.1.1” is not understood",
	} {
		c.types(typed)
		c.sees(want) // while it is typed
		c.types(" ")
		c.sees(want)
		c.wantChips("birch.example " + c.view.form.field.tokens[1].key + "?")
		c.tap("Save")
		c.sees("1 entry is refused", "Nothing was saved.")
		c.key(c.view.form.field.entry, fyne.KeyBackspace)
		c.tick()
		c.seesNot(want)
	}
	if len(c.fake.saves) > 0 {
		t.Errorf("saved %+v", c.fake.saves)
	}
	c.types("раyраl.example sub.group.example büro.example ")
	c.sees("mixes letters of several scripts", "sub.group.example and *.group.example of Holding cover addresses in common")
	if got, want := c.view.form.field.tokens[3].name(), "büro.example (xn--bro-hoa.example)"; got != want {
		t.Errorf("the chip is named %q, want %q", got, want)
	}
}

func TestCompaniesLateCheck(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Birch & Sons")
	test.Type(c.view.form.field.entry, "gmail.com ")
	for _, do := range c.laters {
		if *do != nil {
			(*do)()
		}
	}
	c.laters = nil // the check is under way
	c.key(c.view.form.field.entry, fyne.KeyBackspace)
	c.drain()
	c.seesNot("“gmail.com”")
	if n := len(c.fake.checks); n != 2 {
		t.Errorf("%d checks, want the first and the one that came too late", n)
	}
}

func TestCompaniesOldWarning(t *testing.T) {
	f := newFakeCompanies()
	f.companies[1].Entries[0].Warning = "anybody can get an address there"
	c := newCompaniesTest(t, f, "Birch & Sons")
	c.sees("1 warning", "birch.example was accepted once and would not be today: anybody can get an address there")
}

func TestCompaniesMove(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Birch & Sons")
	c.types("acme.example ")
	c.sees("acme.example belongs to Acme. Move it here?")
	c.tap("Save")
	c.sees("acme.example belongs to Acme: move it here or take it off the list.")
	c.tap("Move here")
	c.sees("acme.example will be moved here from Acme when you save.")
	c.tap("Leave it there")
	c.tap("Move here")
	c.tap("Save")
	c.sees("Save Birch & Sons?", "acme.example will be taken from Acme.")
	if len(c.fake.saves) > 0 {
		t.Fatal("it was saved before the answer")
	}
	c.tap("Save") // of the question
	want := localapi.CompanySave{Name: "Birch & Sons", Enabled: true, Add: "acme.example", Move: "acme.example"}
	if len(c.fake.saves) != 1 || c.fake.saves[0] != want {
		t.Errorf("saved %+v, want %+v", c.fake.saves, want)
	}
	c.seesNot("Move here")
}

func TestCompaniesOffList(t *testing.T) {
	f := newFakeCompanies()
	f.off["acme.example"] = []string{"ann@acme.example", "bob@acme.example"}
	c := newCompaniesTest(t, f, "Acme")
	field := c.view.form.field
	field.remove(field.tokens[0])
	c.tick()
	off := "2 accounts will no longer match the list: ann@acme.example, bob@acme.example."
	c.sees("1 entry will be removed when you save: acme.example", off)
	c.tap("Put back")
	c.tick()
	c.seesNot(off)
	if c.view.Unsaved() {
		t.Error("everything is back, and it counts as unsaved")
	}
	field.remove(field.tokens[len(field.tokens)-1])
	c.tick()
	c.tap("Save")
	c.tap("Cancel")
	if len(f.saves) > 0 || !c.view.Unsaved() {
		t.Fatal("saved, or lost, though the question was answered by Cancel")
	}
	test.Tap(c.view.form.enabled)
	c.tap("Save")
	c.sees("12 people of this company will not be able to sign in", off)
	c.tap("Save")
	if got, want := f.saves[0], (localapi.CompanySave{Name: "Acme", Remove: "acme.example"}); got != want {
		t.Errorf("saved %+v, want %+v", got, want)
	}
	if got := strings.Join(c.told, "|"); got != "Acme was saved. 2 accounts are not on its list any more." {
		t.Errorf("told %q", got)
	}
	c.sees("Disabled")
}

func TestCompaniesGuard(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Acme")
	c.types("more.example ")
	c.sees("Not saved yet")
	c.key(c.view.table.list, fyne.KeyDown)
	c.sees("Leave without saving?")
	c.tap("Cancel")
	c.wantChips("acme.example *.acme.example !spam@acme.example jane@gmail.com more.example")
	if row, _ := c.view.table.selectedRow(); row.Name != "Acme" || c.view.table.list.at != 0 {
		t.Errorf("the list is at %q, row %d, and the form shows Acme", row.Name, c.view.table.list.at)
	}
	c.tap("Add company")
	c.tap("Cancel")
	c.key(c.view.table.list, fyne.KeyDown)
	c.tap("Leave without saving")
	c.wantChips("birch.example")
	if row, _ := c.view.table.selectedRow(); row.Name != "Birch & Sons" || c.view.Unsaved() {
		t.Errorf("the list is at %q, unsaved %v", row.Name, c.view.Unsaved())
	}
	c.types("more.example ")
	c.tap("Discard")
	c.wantChips("birch.example")
	c.types("half")
	if !c.view.Unsaved() {
		t.Error("what is typed and no chip yet is not guarded")
	}
	c.view.Open("Cedar") // the window has asked
	c.drain()
	c.wantChips("")
	if c.view.Unsaved() {
		t.Error("Open has kept what was begun")
	}
}

func TestCompaniesOtherAdministrator(t *testing.T) {
	f := newFakeCompanies()
	c := newCompaniesTest(t, f, "Acme")
	field := c.view.form.field
	field.remove(field.tokens[1]) // *.acme.example
	c.types("mine.example half")
	acme := &f.companies[0]
	acme.Entries = append(acme.Entries[1:], wireEntry("theirs.example")) // acme.example is gone, theirs.example is new
	acme.Enabled = false
	c.view.Changed(topics{localapi.TopicCompanies: true})
	c.drain()
	c.sees("Somebody else has changed this company meanwhile.", "Disabled")
	c.wantChips("!spam@acme.example jane@gmail.com theirs.example mine.example")
	if field.entry.Text != "half" {
		t.Errorf("%q is typed now", field.entry.Text)
	}
	c.key(field.entry, fyne.KeyEscape)
	f.before = func() { acme.Entries = append(acme.Entries, wireEntry("late.example")) } // too late to be seen here
	c.tick()
	c.tap("Save")
	want := localapi.CompanySave{Name: "Acme", Add: "mine.example", Remove: "*.acme.example"}
	if len(f.saves) != 1 || f.saves[0] != want {
		t.Fatalf("saved %+v, want %+v", f.saves, want)
	}
	c.wantChips("!spam@acme.example jane@gmail.com theirs.example late.example mine.example")
}

func TestCompaniesGone(t *testing.T) {
	f := newFakeCompanies()
	c := newCompaniesTest(t, f, "Birch & Sons")
	c.types("mine.example ")
	f.companies = f.companies[:1]
	c.view.Changed(topics{localapi.TopicCompanies: true})
	c.drain()
	c.sees("There is no company Birch & Sons any more")
	c.wantChips("birch.example mine.example") // to be copied, at least
	c.tap("Discard")
	c.view.Changed(topics{localapi.TopicCompanies: true})
	c.drain()
	c.sees("There is no company Birch & Sons any more", "No company chosen")
	c.seesNot("Name of the company")
}

func TestCompaniesRemove(t *testing.T) {
	f := newFakeCompanies()
	c := newCompaniesTest(t, f, "Acme")
	c.tap("Remove…")
	c.sees("Acme cannot be removed: it still has 12 accounts.")
	test.Tap(c.view.form.bar.action)
	if !slices.Equal(c.opened, []string{"users company:Acme"}) {
		t.Errorf("opened %q", c.opened)
	}
	c.view.Open("Birch & Sons")
	c.drain()
	c.tap("Remove…")
	c.sees("Remove Birch & Sons?", "Birch & Sons and its 1 entry are removed.", "Type Birch & Sons to go on")
	if !c.button("Remove company").Disabled() {
		t.Error("it can be removed without its name typed")
	}
	typed := c.window.Canvas().Focused()
	if typed == nil {
		t.Fatal("nothing has the focus")
	}
	test.Type(typed, "Birch & Sons")
	c.tap("Remove company")
	c.sees("No company chosen", "2 companies")
	c.seesNot("birch.example")
	if len(c.told) != 1 || c.told[0] != "Birch & Sons was removed" {
		t.Errorf("told %q", c.told)
	}
}

func TestCompaniesErrors(t *testing.T) {
	f := newFakeCompanies()
	c := newCompaniesTest(t, f, "Acme")
	c.view.form.name.SetText("")
	c.tap("Save")
	c.sees("Give the company a name.")
	c.view.form.name.SetText("Cedar")
	f.saveErr = &app.Error{Code: app.Conflict, Reason: "company_taken", Message: "taken"}
	c.key(c.view.form.name, fyne.KeyReturn)
	c.sees("There is another company of this name already.")
	if c.window.Canvas().Focused() != c.view.form.name {
		t.Error("the cursor is not where the mistake is")
	}
	c.key(c.view.form.name, fyne.KeyEscape)
	c.types("x.example ")
	f.saveErr = (&app.Error{Code: app.Conflict, Reason: "entry_taken", Message: "taken"}).With("Entry", "x.example").With("Company", "Other")
	c.tap("Save")
	c.sees("x.example belongs to Other: move it here", "Not saved yet")
	f.err = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	c.tap("Save")
	if len(c.losses) == 0 {
		t.Error("the window was not told of the lost connection")
	}
	c.seesNot("Saving…", "nobody answers")
	c.wantChips("acme.example *.acme.example !spam@acme.example jane@gmail.com x.example")
}

func TestCompaniesTry(t *testing.T) {
	f := newFakeCompanies()
	f.companies = nil
	c := newCompaniesTest(t, f, "") // it is of use without any company
	try := c.view.try
	for _, v := range []struct {
		verdict localapi.AllowTest
		want    []string
	}{
		{localapi.AllowTest{ReasonCode: "not_listed"}, []string{"Not let in", "No company lists this address or its domain"}},
		{localapi.AllowTest{
			Allowed: true, ReasonCode: "listed", Company: "Acme", Entry: "acme.example",
			Covering: []localapi.Covering{{Entry: "acme.example", Company: "Acme"}, {Entry: "*.example", Company: "Birch"}},
			Ways:     []localapi.Way{{Name: "form", Result: "nothing would be sent"}, {Name: "google", Result: "refused, openly"}},
		}, []string{
			"Let in", "its entry acme.example covers it. It wins because it names exactly this domain", "1.  acme.example", "Wins", "2.  *.example",
			"Sign-up form", "Nothing would be sent.", "google", "Refused, openly.", "[Go to Acme]",
		}},
		{localapi.AllowTest{ReasonCode: "refused_by_entry", Company: "Acme", Entry: "!jo@acme.example", Covering: []localapi.Covering{
			{Entry: "!jo@acme.example", Company: "Acme"}, {Entry: "acme.example", Company: "Acme"},
		}}, []string{"!jo@acme.example of Acme refuses this address. It wins because it names exactly this address"}},
		{localapi.AllowTest{ReasonCode: "company_disabled", Company: "Acme", Entry: "acme.example"}, []string{"a disabled company lets in nobody"}},
		{localapi.AllowTest{ReasonCode: "of a newer service", Reason: "it is so"}, []string{"It is so."}},
	} {
		f.verdict = v.verdict
		try.entry.SetText("")
		test.Type(try.entry, "jo@acme.example")
		c.key(try.entry, fyne.KeyReturn)
		c.sees(append(v.want, "jo@acme.example")...)
	}
	try.entry.SetText("nonsense")
	c.tap("Try")
	c.sees("“nonsense” is not an e-mail address that can be used.")
	c.key(try.entry, fyne.KeyEscape)
	c.seesNot("Not tried")
	calls := len(f.calls)
	c.view.Changed(topics{localapi.TopicConnectors: true})
	c.drain()
	if len(f.calls) != calls {
		t.Errorf("a closed answer was asked for again: %q", f.calls[calls:])
	}
}

func TestCompaniesAccounts(t *testing.T) {
	f := newFakeCompanies()
	f.people = []localapi.Account{
		{Email: "ann@acme.example", FirstName: "Ann", LastName: "Miller", State: "active", ListMatch: true},
		{Email: "bob@acme.example", State: "active"},
		{Email: "cy@acme.example", State: "disabled", ListMatch: true},
	}
	c := newCompaniesTest(t, f, "Acme")
	c.sees("12 accounts", "ann@acme.example", "Ann Miller", "Active", "No longer on the list", "Disabled")
	c.tap("Show all accounts")
	if !slices.Equal(c.opened, []string{"users company:Acme"}) {
		t.Errorf("opened %q", c.opened)
	}
	f.companies[0].Accounts = 13
	c.view.Changed(topics{localapi.TopicAccounts: true})
	c.drain()
	c.sees("13 accounts")
	c.view.Open("Birch & Sons")
	c.drain()
	c.sees("Nobody of this company has an account yet.")
	c.seesNot("Show all accounts", "ann@acme.example")
}

func TestCompaniesTabOrder(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Acme")
	c.types("x.example ") // there is something to save
	form := c.view.form
	want := []fyne.Focusable{
		c.view.try.entry, c.view.try.button, c.view.add, c.view.search, c.view.table.list, form.removing, form.name, form.enabled, form.field.entry,
		form.accounts.all,
	}
	c.window.Canvas().Unfocus()
	for i, w := range want {
		c.window.Canvas().FocusNext()
		if got := c.window.Canvas().Focused(); got != w {
			t.Fatalf("stop %d of the tab key is %T %q, want %T %q", i, got, describe(got), w, describe(w))
		}
	}
	var last fyne.Focusable
	for range 10 {
		c.window.Canvas().FocusNext()
		if got := c.window.Canvas().Focused(); got == form.save && last != form.discard {
			t.Errorf("before the button that saves comes %q", describe(last))
		}
		last = c.window.Canvas().Focused()
	}
}

func describe(f fyne.Focusable) string {
	o, _ := f.(fyne.CanvasObject)
	return textOf(o)
}

func TestCompaniesMarkup(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Acme")
	test.AssertRendersToMarkup(t, "companies_acme.xml", c.window.Canvas())
	c.types("birch.example gmail.com ")
	test.AssertRendersToMarkup(t, "companies_typed.xml", c.window.Canvas())
}

func TestCompaniesLeftWhileSaving(t *testing.T) {
	c := newCompaniesTest(t, newFakeCompanies(), "Birch & Sons")
	c.types("more.example ")
	c.view.form.send()
	c.sees("Saving…")
	if !c.button("Saving…").Disabled() || !c.button("Discard").Disabled() || !c.view.form.name.Disabled() {
		t.Error("what is being saved can be changed")
	}
	c.view.Open("Cedar") // the window has asked
	c.drain()
	c.wantChips("")
	if len(c.fake.saves) != 1 || len(c.told) != 1 || c.view.form.busy || c.view.form.name.Disabled() {
		t.Errorf("%d saves, told %q, busy %v", len(c.fake.saves), c.told, c.view.form.busy)
	}
}
