package localapi_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"foyer/app"
)

// draftCheck is what every draft would do, in these tests.
func draftCheck(d app.ListDraft) app.ListCheck {
	list, err := app.ParseEntries(d.Entries)
	if err != nil {
		problem := app.Fieldf("entries", app.ReasonOf(err), "%s", app.MessageOf(err)).With("Token", d.Entries)
		return app.ListCheck{Problems: []*app.Error{problem}}
	}
	var check app.ListCheck
	for _, e := range list {
		check.Entries = append(check.Entries, app.DraftEntry{Entry: e, New: true, Owner: "Beta"})
		check.Overlaps = append(check.Overlaps, app.Overlap{Entry: e.String(), Other: "*.acme.com", OtherCompany: "Group"})
	}
	check.Removed, check.OffList, check.OffMore = list, 7, true
	return check
}

func (o *office) CheckList(ctx context.Context, d app.ListDraft) (app.ListCheck, error) {
	if d.Company != "" {
		if _, err := o.Company(ctx, d.Company); err != nil {
			return app.ListCheck{}, err
		}
	}
	check := draftCheck(d)
	for _, a := range o.accounts {
		check.OffNames = append(check.OffNames, a.Email)
	}
	return check, o.do("", "check list "+d.Company+" "+d.Entries)
}

func (o *office) SaveCompany(ctx context.Context, actor, name string, change app.CompanyChange) (app.Company, int, error) {
	c, err := o.Company(ctx, name)
	c.Name, c.Enabled = change.Name, change.Enabled
	return c, 3, firstError(err, o.do(actor, fmt.Sprintf("save %s %+v", name, change)))
}

func (o *office) CompanyPage(_ context.Context, q app.CompanyQuery) ([]app.CompanySummary, int, error) {
	var all []app.CompanySummary
	for _, c := range o.companies {
		if strings.Contains(c.Name, q.Search) {
			all = append(all, c.Summary())
		}
	}
	slices.SortFunc(all, func(a, b app.CompanySummary) int { return cmp.Compare(app.CompanyKey(a.Name), app.CompanyKey(b.Name)) })
	total := len(all)
	all = slices.DeleteFunc(all, func(c app.CompanySummary) bool { return app.CompanyKey(c.Name) <= q.After })
	return all[:min(len(all), q.Limit)], total, o.do("", "companies like "+q.Search)
}

func (o *office) TestConnector(ctx context.Context, name string) (app.Trial, error) {
	_, err := o.Connector(ctx, name)
	return o.trial, firstError(err, o.do("", "test connector "+name))
}

func (o *office) TestPublicURL(_ context.Context, address string) (app.Trial, error) {
	if !app.CheckPublicHost(address) {
		return app.Trial{}, app.Fieldf("public_url", "setting_invalid", "%q is no address", address)
	}
	return o.trial, o.do("", "test public url "+address)
}
