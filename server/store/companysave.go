package store

import (
	"context"
	"database/sql"
	"time"

	"foyer/app"
)

// SaveCompany changes a company, whole or not at all; see app.AdminStore.
func (s *Store) SaveCompany(ctx context.Context, name, actor string, at time.Time, save app.CompanySave) (c app.Company, off int, err error) {
	err = s.write(ctx, "save company", func(tx *handle) error {
		old, err := companyList(tx, name)
		if err != nil {
			return err
		}
		diff := save.Diff(old)
		if err := applyDiff(tx, old, save, diff, millis(at)); err != nil {
			return err
		}
		if c, err = companyWhole(tx, save.Name); err != nil {
			return err
		}
		if diff.Entries {
			if off, err = countOffList(tx, old.ID); err != nil {
				return err
			}
		}
		for _, ev := range save.Events(old, actor, at) {
			if err := s.audit(tx, ev); err != nil {
				return err
			}
		}
		return nil
	})
	return c, off, err
}

// applyDiff makes the changes. What is removed goes first: an entry that allowed may refuse now.
func applyDiff(tx *handle, c app.Company, save app.CompanySave, d app.CompanyDiff, now int64) error {
	for _, entry := range d.Remove {
		if _, err := removeEntry(tx, c.ID, entry); err != nil {
			return err
		}
	}
	// Each by itself: what another company has got since the person was asked is not taken from it.
	move := map[app.Entry]bool{}
	for _, entry := range save.Move {
		move[entry] = true
	}
	for _, entry := range d.Add {
		if err := addEntry(tx, c.ID, c.Name, entry, move[entry], now); err != nil {
			return err
		}
	}
	for _, tenant := range d.CutTenants {
		if _, err := removeTenant(tx, c.ID, tenant); err != nil {
			return err
		}
	}
	for _, tenant := range d.AddTenants {
		if err := addTenant(tx, c.ID, tenant); err != nil {
			return err
		}
	}
	if d.Switch {
		if err := enableCompany(tx, c.ID, save.Enabled); err != nil {
			return err
		}
	}
	if d.Rename {
		return renameCompany(tx, c.ID, save.Name)
	}
	return nil
}

// companySearch finds companies by part of their name ($1) or of an entry ($2). The entries are gone through once, and not
// once for each company.
const companySearch = `($1 = '' OR c.name_key LIKE $1 ESCAPE '\' OR c.id IN (SELECT company_id FROM allow_entry WHERE value LIKE $2 ESCAPE '\'))`

// CompanyPage returns one page of companies by name, and how many the query has in all.
func (s *Store) CompanyPage(_ context.Context, q app.CompanyQuery) ([]app.CompanySummary, int, error) {
	name, entry := contains(app.CompanyKey(q.Search)), contains(app.SearchEntry(q.Search))
	var total int
	if err := s.read.one("SELECT COUNT(*) FROM company c WHERE "+companySearch, []any{name, entry}, &total); err != nil {
		return nil, 0, errorOf("count companies", err)
	}
	var companies []app.Company
	err := s.read.each(companyColumns+" WHERE "+companySearch+" AND c.name_key > $3 ORDER BY c.name_key LIMIT $4",
		[]any{name, entry, q.After, q.Limit}, func(rows *sql.Rows) error {
			c, err := scanCompany(rows)
			companies = append(companies, c)
			return err
		})
	if err != nil {
		return nil, 0, errorOf("list companies", err)
	}
	summaries := make([]app.CompanySummary, len(companies))
	for i, c := range companies {
		if c.Entries, err = entriesOf(s.read, c.ID); err != nil {
			return nil, 0, errorOf("list companies", err)
		}
		summaries[i] = c.Summary()
	}
	return summaries, total, nil
}
