package localapi

import (
	"context"

	"foyer/app"
)

// listBackend is the part of Backend behind the editing of lists, and behind trying things out.
type listBackend interface {
	CheckList(ctx context.Context, d app.ListDraft) (app.ListCheck, error)
	SaveCompany(ctx context.Context, actor, name string, change app.CompanyChange) (app.Company, int, error)
	CompanyPage(ctx context.Context, q app.CompanyQuery) ([]app.CompanySummary, int, error)
	TestConnector(ctx context.Context, name string) (app.Trial, error)
	TestPublicURL(ctx context.Context, address string) (app.Trial, error)
}

func (h *handler) listRoutes() []route {
	return []route{
		{method: "POST", path: pathAllowCheck, serve: h.checkList},
		{method: "PUT", path: pathCompany, serve: h.saveCompany},
		{method: "GET", path: pathCompanySummaries, serve: h.companyPage},
		{method: "POST", path: pathConnectorTest, serve: h.testConnector},
		{method: "POST", path: pathPublicURLTest, serve: h.testPublicURL},
	}
}

func (h *handler) checkList(r *request) (any, error) {
	var body ListDraft
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	check, err := h.Backend.CheckList(r.Context(), app.ListDraft(body))
	if err != nil {
		return nil, err
	}
	return listCheckOf(check), nil
}

func (h *handler) saveCompany(r *request) (any, error) {
	var body CompanySave
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	if err := checkName(body.Name); err != nil {
		return nil, err
	}
	c, off, err := h.Backend.SaveCompany(r.Context(), r.actor(), r.PathValue("name"), app.CompanyChange(body))
	if err != nil {
		return nil, err
	}
	return CompanySaved{Company: companyOf(c), OffList: off}, nil
}

func (h *handler) companyPage(r *request) (any, error) {
	query, err := r.query("search", "after", "limit")
	if err != nil {
		return nil, err
	}
	limit, err := pageSize(query)
	if err != nil {
		return nil, err
	}
	list, total, err := h.Backend.CompanyPage(r.Context(), app.CompanyQuery{Search: query["search"], After: query["after"], Limit: limit})
	if err != nil {
		return nil, err
	}
	out := page(list, limit, func(c app.CompanySummary) CompanySummary { return CompanySummary(c) }, func(c app.CompanySummary) string { return app.CompanyKey(c.Name) })
	out.Total = total
	return out, nil
}

func (h *handler) testConnector(r *request) (any, error) {
	return trial(h.Backend.TestConnector(r.Context(), r.PathValue("name")))
}

func (h *handler) testPublicURL(r *request) (any, error) {
	var body publicURLTest
	if err := r.decode(&body); err != nil {
		return nil, err
	}
	return trial(h.Backend.TestPublicURL(r.Context(), body.URL))
}

// trial is what calls answer that try something out.
func trial(t app.Trial, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := Trial{OK: t.OK, Steps: make([]TrialStep, 0, len(t.Steps)), Verdict: t.Verdict}
	for _, s := range t.Steps {
		out.Steps = append(out.Steps, TrialStep{Name: s.Name, OK: s.OK, Detail: s.Detail, TookMS: s.Took.Milliseconds()})
	}
	return out, nil
}

func listCheckOf(c app.ListCheck) ListCheck {
	out := ListCheck{
		Entries: make([]DraftEntry, 0, len(c.Entries)), Problems: make([]Problem, 0, len(c.Problems)), Removed: make([]string, 0, len(c.Removed)),
		Overlaps: make([]Overlap, 0, len(c.Overlaps)), OffList: c.OffList, OffNames: make([]string, 0, len(c.OffNames)), OffMore: c.OffMore,
	}
	for _, e := range c.Entries {
		out.Entries = append(out.Entries, DraftEntry{Entry: entryOf(e.Entry), New: e.New, Owner: e.Owner})
	}
	for _, p := range c.Problems {
		out.Problems = append(out.Problems, Problem{Token: p.Args["Token"], Reason: p.Reason, Message: p.Message, Args: p.Args})
	}
	for _, e := range c.Removed {
		out.Removed = append(out.Removed, e.String())
	}
	for _, o := range c.Overlaps {
		out.Overlaps = append(out.Overlaps, Overlap(o))
	}
	for _, addr := range c.OffNames {
		out.OffNames = append(out.OffNames, addr.String())
	}
	return out
}
