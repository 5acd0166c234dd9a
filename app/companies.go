package app

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CompanyChange is a change of a company as typed. It says what to add and what to remove, not the list that comes out, so
// that two administrators do not undo each other's work.
type CompanyChange struct {
	Name    string // the name it shall have
	Enabled bool
	Add     string // fields of entries
	Remove  string
	Move    string // fields of those to add that may be taken from the companies that have them
	Tenants string // the tenants it shall have, as a field
}

// CompanySave is a CompanyChange that was understood.
type CompanySave struct {
	Name    string
	Enabled bool
	Add     []Entry
	Remove  []Entry
	Move    []Entry
	Tenants []string
}

// SaveCompany changes a company, all or nothing, and returns it with how many of its accounts are not on its list any
// more: 0 when the list is as before. What is there already, or is gone already, is let be. NotFound; Invalid; Conflict,
// "company_taken", or "entry_taken" with the arguments Entry and Company, its owner.
func (s *Service) SaveCompany(ctx context.Context, actor, name string, change CompanyChange) (Company, int, error) {
	save, err := change.parse()
	if err != nil {
		return Company{}, 0, err
	}
	c, off, err := s.store.SaveCompany(ctx, name, actor, time.Now(), save)
	if err != nil {
		return Company{}, 0, err
	}
	return c, off, s.loadDirectory(context.WithoutCancel(ctx)) // its tenants may be others
}

func (c CompanyChange) parse() (CompanySave, error) {
	save := CompanySave{Name: c.Name, Enabled: c.Enabled}
	err := CheckCompanyName(c.Name)
	if err != nil {
		return save, err
	}
	if save.Add, err = ParseEntries(c.Add); err != nil {
		return save, err
	}
	if save.Remove, err = ParseEntries(c.Remove); err != nil {
		return save, err
	}
	if save.Move, err = ParseEntries(c.Move); err != nil {
		return save, err
	}
	save.Tenants, err = ParseTenants(c.Tenants)
	return save, err
}

// CompanyDiff is what a save would change of a company as it is.
type CompanyDiff struct {
	Add, Remove             []Entry
	AddTenants, CutTenants  []string
	Rename, Switch, Entries bool
}

// Diff returns what a save would change of a company. What is to be added and removed at once stays.
func (s CompanySave) Diff(c Company) CompanyDiff {
	d := CompanyDiff{Add: without(s.Add, c.Entries), Rename: s.Name != c.Name, Switch: s.Enabled != c.Enabled}
	have := entrySet(c.Entries)
	for _, entry := range without(s.Remove, s.Add) {
		if have[entry] {
			d.Remove = append(d.Remove, entry)
		}
	}
	for _, tenant := range s.Tenants {
		if !slices.Contains(c.Tenants, tenant) {
			d.AddTenants = append(d.AddTenants, tenant)
		}
	}
	for _, tenant := range c.Tenants {
		if !slices.Contains(s.Tenants, tenant) {
			d.CutTenants = append(d.CutTenants, tenant)
		}
	}
	d.Entries = len(d.Add)+len(d.Remove) > 0
	return d
}

// Events returns the audit of a save: the events of the single changes it is made of, in the order in which they are made.
func (s CompanySave) Events(c Company, actor string, at time.Time) []Event {
	d := s.Diff(c)
	var events []Event
	add := func(ev Event) {
		ev.At = at
		events = append(events, ev)
	}
	if len(d.Remove) > 0 {
		add(entriesEvent(actor, ActDisallow, c.Name, d.Remove))
	}
	if len(d.Add) > 0 {
		add(entriesEvent(actor, ActAllow, c.Name, d.Add))
	}
	if len(d.AddTenants)+len(d.CutTenants) > 0 {
		add(tenantsEvent(actor, c.Name, d.AddTenants, d.CutTenants))
	}
	if d.Switch {
		add(switchEvent(actor, c.Name, s.Enabled))
	}
	if d.Rename {
		add(renameEvent(actor, c.Name, s.Name))
	}
	return events
}

func entriesEvent(actor string, action Action, company string, list []Entry) Event {
	event := adminEvent(actor, action, company)
	event.Company, event.Entry = company, joinEntries(list)
	return event
}

func switchEvent(actor, company string, on bool) Event {
	action := ActCompanyDisable
	if on {
		action = ActCompanyEnable
	}
	event := adminEvent(actor, action, company)
	event.Company = company
	return event
}

func renameEvent(actor, name, to string) Event {
	event := adminEvent(actor, ActCompanyRename, name)
	event.Company, event.Detail = to, "was "+name
	return event
}

func tenantsEvent(actor, company string, adds, removes []string) Event {
	event := adminEvent(actor, ActTenants, company)
	event.Company = company
	var words []string
	for _, tenant := range adds {
		words = append(words, "+"+tenant)
	}
	for _, tenant := range removes {
		words = append(words, "-"+tenant)
	}
	event.Detail = strings.Join(words, " ")
	return event
}

// CompanySummary is a company as lists show it.
type CompanySummary struct {
	Name     string
	Enabled  bool
	Accounts int
	Entries  int
	Summary  string // its first entries, in one line
	Warnings int    // entries with an Entry.Warning
}

// CompanyPage returns one page of companies by name, and how many the query has in all.
func (s *Service) CompanyPage(ctx context.Context, q CompanyQuery) ([]CompanySummary, int, error) {
	return s.store.CompanyPage(ctx, q)
}

// summaryLength is about how many characters of entries a summary has.
const summaryLength = 60

// Summary returns a company, with its entries, as lists show it.
func (c Company) Summary() CompanySummary {
	out := CompanySummary{Name: c.Name, Enabled: c.Enabled, Accounts: c.Accounts, Entries: len(c.Entries)}
	var words []string
	length := 0
	for _, entry := range c.Entries {
		if entry.Warning() != "" {
			out.Warnings++
		}
		if length <= summaryLength {
			word := entry.Display()
			if length += utf8.RuneCountInString(word) + 1; length > summaryLength && len(words) > 0 {
				word = "…"
			}
			words = append(words, word)
		}
	}
	out.Summary = strings.Join(words, " ")
	return out
}

// SearchEntry returns the text that is looked for in entries when somebody types text: a domain is stored in A-labels and in
// lower case.
func SearchEntry(text string) string {
	if entry, err := ParseEntry(text); err == nil {
		return entry.Value
	}
	return lowerASCII(strings.TrimPrefix(text, "!"))
}
