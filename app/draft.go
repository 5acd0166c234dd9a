package app

import (
	"context"
	"slices"
	"strings"
)

// ListDraft is a company as it is being edited: the whole field of its entries as typed.
type ListDraft struct {
	Company string // the company's name now; "" for a new one
	Entries string
}

// ListCheck says what saving a draft would do.
type ListCheck struct {
	Entries  []DraftEntry // in the order typed, doubles left out
	Problems []*Error     // of tokens, in the order typed: not understood, or not accepted as new; the argument Token quotes it
	Removed  []Entry      // what the company has now and the draft has not
	Overlaps []Overlap    // with entries of other companies that would stay theirs
	OffList  int          // accounts of the company that are on its list now and would not be any more
	OffNames []Address    // the first of them
	OffMore  bool         // the company has more accounts than were looked at: there may be more of them
}

// DraftEntry is an entry of a draft.
type DraftEntry struct {
	Entry
	New   bool   // the company does not have it yet
	Owner string // the other company that has it, or ""
}

// Bounds of a check of a draft. Somebody types meanwhile.
const (
	maxProblems    = 1000   // no more are listed
	maxOffNames    = 5      // no more are named
	checkPage      = 1000   // accounts that are read at once
	maxOffAccounts = 10_000 // no more are looked at
	maxOverlapping = 500    // entries whose overlaps are looked for
)

// CheckList returns what saving a draft would do. It changes nothing, and is quick enough to be called while somebody
// types: what it asks for grows with the draft, and with the accounts of the company only when the draft takes an entry
// away or refuses something. Of these the first ten thousand by address are looked at; OffMore says when there are
// more. At most a thousand problems are listed, and overlaps of the first five hundred entries. NotFound when there is no such company.
func (s *Service) CheckList(ctx context.Context, d ListDraft) (ListCheck, error) {
	var company Company
	if d.Company != "" {
		var err error
		if company, err = s.store.CompanyList(ctx, d.Company); err != nil {
			return ListCheck{}, err
		}
	}
	draft, err := s.draftEntries(ctx, company, d.Entries)
	if err != nil {
		return ListCheck{}, err
	}
	check := ListCheck{Entries: draft.entries, Problems: draft.problems, Removed: without(company.Entries, draft.list)}
	if check.Overlaps, err = s.store.Overlaps(ctx, company.ID, draft.list[:min(len(draft.list), maxOverlapping)]); err != nil {
		return ListCheck{}, err
	}
	here := entryValues(draft.list)
	check.Overlaps = slices.DeleteFunc(check.Overlaps, func(o Overlap) bool { return here[strings.TrimPrefix(o.Other, "!")] })
	return check, s.countOff(ctx, company, draft.list, &check)
}

// draftField is a field of entries, with what the store says of them.
type draftField struct {
	entries  []DraftEntry
	list     []Entry // the same
	problems []*Error
}

func (s *Service) draftEntries(ctx context.Context, company Company, field string) (draftField, error) {
	var list []Entry
	for entry, err := range fieldEntries(field) {
		if err == nil {
			list = append(list, entry)
		}
	}
	owned, err := s.store.EntriesFor(ctx, valuesOf(list))
	if err != nil {
		return draftField{}, err
	}
	index, have := IndexEntries(owned), entrySet(company.Entries)
	draft := draftField{list: list}
	for entry, problem := range fieldEntries(field) {
		if problem == nil {
			e := DraftEntry{Entry: entry, New: !have[entry]}
			for _, other := range index[entry.Value] {
				if other.CompanyID != company.ID {
					e.Owner = other.Company
				}
			}
			draft.entries = append(draft.entries, e)
			problem = e.problem()
		}
		if problem != nil && len(draft.problems) < maxProblems {
			draft.problems = append(draft.problems, problem)
		}
	}
	return draft, nil
}

// problem returns why an entry is not accepted, or nil. One that has an owner was accepted when it was new.
func (e DraftEntry) problem() *Error {
	if !e.New || e.Owner != "" {
		return nil
	}
	return e.refusal()
}

func valuesOf(list []Entry) []string {
	values := make([]string, len(list))
	for i, entry := range list {
		values[i] = entry.Value
	}
	return values
}

// without returns the entries of list that are not in other.
func without(list, other []Entry) []Entry {
	have := entrySet(other)
	var left []Entry
	for _, entry := range list {
		if !have[entry] {
			left = append(left, entry)
		}
	}
	return left
}

func entrySet(list []Entry) map[Entry]bool {
	set := make(map[Entry]bool, len(list))
	for _, entry := range list {
		set[entry] = true
	}
	return set
}

func entryValues(list []Entry) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, entry := range list {
		set[entry.Value] = true
	}
	return set
}

// countOff finds the accounts that the draft would take off the company's list. Only an entry that goes, or a new one that
// refuses, can do that; the gate is asked about accounts that one of these covers.
func (s *Service) countOff(ctx context.Context, company Company, draft []Entry, check *ListCheck) error {
	matters := entryValues(check.Removed)
	for _, entry := range without(draft, company.Entries) {
		if entry.Deny {
			matters[entry.Value] = true
		}
	}
	if company.Accounts == 0 || len(matters) == 0 {
		return nil
	}
	after := ""
	for looked := 0; ; looked += checkPage {
		if looked >= maxOffAccounts {
			check.OffMore = looked < company.Accounts
			return nil
		}
		page, err := s.store.AccountAddresses(ctx, company.ID, after, checkPage)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := s.countOffPage(ctx, company, draft, matters, page, check); err != nil {
			return err
		}
		after = page[len(page)-1].Key()
	}
}

func (s *Service) countOffPage(ctx context.Context, company Company, draft []Entry, matters map[string]bool, page []Address, check *ListCheck) error {
	covered := slices.DeleteFunc(slices.Clone(page), func(addr Address) bool {
		return !slices.ContainsFunc(Candidates(addr), func(value string) bool { return matters[value] })
	})
	if len(covered) == 0 {
		return nil
	}
	now, err := s.store.EntriesFor(ctx, CandidatesOfAll(covered))
	if err != nil {
		return err
	}
	before, after := IndexEntries(now), IndexEntries(afterSave(company, draft, now))
	for _, addr := range covered {
		a := Account{Email: addr, CompanyID: company.ID}
		if !a.OnList(before.For(addr)) || a.OnList(after.For(addr)) {
			continue
		}
		check.OffList++
		if len(check.OffNames) < maxOffNames {
			check.OffNames = append(check.OffNames, addr)
		}
	}
	return nil
}

// afterSave returns the entries as they would be after a draft is saved: those of others but for what moves, and the draft's.
func afterSave(company Company, draft []Entry, now []OwnedEntry) []OwnedEntry {
	var then []OwnedEntry
	moved := entryValues(draft)
	for _, entry := range draft {
		then = append(then, OwnedEntry{Entry: entry, CompanyID: company.ID, Company: company.Name, Enabled: company.Enabled})
	}
	for _, entry := range now {
		if entry.CompanyID != company.ID && !moved[entry.Value] {
			then = append(then, entry)
		}
	}
	return then
}

// EntryIndex is entries by their value, for many addresses to be asked about.
type EntryIndex map[string][]OwnedEntry

// IndexEntries returns the index of entries.
func IndexEntries(entries []OwnedEntry) EntryIndex {
	index := make(EntryIndex, len(entries))
	for _, entry := range entries {
		index[entry.Value] = append(index[entry.Value], entry)
	}
	return index
}

// For returns the entries that could cover an address, for Gate.
func (x EntryIndex) For(addr Address) []OwnedEntry {
	var entries []OwnedEntry
	for _, value := range Candidates(addr) {
		entries = append(entries, x[value]...)
	}
	return entries
}

// CandidatesOfAll returns the Candidates of all addresses, each once.
func CandidatesOfAll(addrs []Address) []string {
	var values []string
	seen := map[string]bool{}
	for _, addr := range addrs {
		for _, value := range Candidates(addr) {
			if !seen[value] {
				seen[value] = true
				values = append(values, value)
			}
		}
	}
	return values
}
