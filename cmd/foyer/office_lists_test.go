package main

import (
	"context"
	"strings"

	"foyer/app"
)

func (o *office) CheckList(context.Context, app.ListDraft) (app.ListCheck, error) {
	return app.ListCheck{}, o.fail
}

func (o *office) SaveCompany(ctx context.Context, _, name string, _ app.CompanyChange) (app.Company, int, error) {
	c, err := o.Company(ctx, name)
	return c, 0, err
}

// CompanyPage has all companies on one page.
func (o *office) CompanyPage(_ context.Context, q app.CompanyQuery) ([]app.CompanySummary, int, error) {
	var found []app.CompanySummary
	for _, c := range o.companies {
		if s := c.Summary(); strings.Contains(c.Name+" "+s.Summary, q.Search) {
			found = append(found, s)
		}
	}
	return found, len(found), o.fail
}

func (o *office) TestConnector(_ context.Context, name string) (app.Trial, error) {
	for _, c := range o.connectors {
		if c.Name == name {
			return o.trial, o.fail
		}
	}
	return app.Trial{}, app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
}

// TestPublicURL has an answer for the setting, which is "", alone.
func (o *office) TestPublicURL(_ context.Context, address string) (app.Trial, error) {
	if address != "" {
		return app.Trial{}, app.Fieldf("public_url", "setting_invalid", "%s cannot be set so", address)
	}
	return o.trial, o.fail
}
