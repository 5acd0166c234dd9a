package localapi

import (
	"context"
)

// ListDraft is a company as it is being edited: the whole field of its entries as typed.
type ListDraft struct {
	Company string `json:"company"` // the company's name now; "" for a new one
	Entries string `json:"entries"`
}

// ListCheck says what saving a draft would do. It changes nothing.
type ListCheck struct {
	Entries  []DraftEntry `json:"entries"`   // one for each token that was understood, in the order typed, doubles left out
	Problems []Problem    `json:"problems"`  // tokens that are not understood or not accepted as new; any of them stops a save
	Removed  []string     `json:"removed"`   // entries the company has now and the draft has not
	Overlaps []Overlap    `json:"overlaps"`  // with entries of other companies
	OffList  int          `json:"off_list"`  // accounts of the company that are on its list now and would not be any more
	OffNames []string     `json:"off_names"` // the first of their addresses, five at most
	OffMore  bool         `json:"off_more"`  // the company has more accounts than were looked at: there may be more of them
}

// DraftEntry is an entry of a draft.
type DraftEntry struct {
	Entry
	New   bool   `json:"new"`   // the company does not have it yet
	Owner string `json:"owner"` // the other company that has it: saving is refused unless it is moved; "" for none
}

// Problem is a token of a draft that stops a save.
type Problem struct {
	Token   string            `json:"token"`
	Reason  string            `json:"reason"`
	Message string            `json:"message"`
	Args    map[string]string `json:"args"`
}

// CheckList returns what saving a draft would do. NotFound when there is no such company.
func (c *Client) CheckList(ctx context.Context, draft ListDraft) (ListCheck, error) {
	return do[ListCheck](ctx, c, "POST", pathAllowCheck, "", draft)
}

// CompanySave is a change of a company, made whole or not at all. It says what to add and what to remove, not the list that
// comes out, so that two administrators do not undo each other's work.
type CompanySave struct {
	Name    string `json:"name"` // the name it shall have
	Enabled bool   `json:"enabled"`
	Add     string `json:"add"` // fields as typed
	Remove  string `json:"remove"`
	Move    string `json:"move"`    // fields of those to add that may be taken from the companies that have them; no others are
	Tenants string `json:"tenants"` // the Entra tenants it shall have, as a field
}

// CompanySaved is a company after it was saved.
type CompanySaved struct {
	Company
	OffList int `json:"off_list"` // how many of its accounts are not on the list any more, 0 when that is as before; they keep working
}

// SaveCompany saves a company that is there. NotFound, Invalid; Conflict, "entry_taken" with the arguments Entry and Company, or
// "company_taken".
func (c *Client) SaveCompany(ctx context.Context, name string, save CompanySave) (CompanySaved, error) {
	return do[CompanySaved](ctx, c, "PUT", pathCompany, name, save)
}

// CompanyFilter narrows a list of companies; the zero value does not.
type CompanyFilter struct {
	Search string // part of a name or of an entry
}

// CompanySummary is a company as lists show it.
type CompanySummary struct {
	Name     string `json:"name"`
	Enabled  bool   `json:"enabled"`
	Accounts int    `json:"accounts"`
	Entries  int    `json:"entries"`
	Summary  string `json:"summary"`  // its first entries, in one line
	Warnings int    `json:"warnings"` // entries that would not be accepted as new
}

// CompanyPage returns one page of companies by name.
func (c *Client) CompanyPage(ctx context.Context, f CompanyFilter, after string, limit int) (Page[CompanySummary], error) {
	return getPage[CompanySummary](ctx, c, pathCompanySummaries, map[string]string{"search": f.Search}, after, limit)
}
