package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"foyer/app"
)

const companyColumns = `SELECT c.id, c.name, c.enabled, c.created_at,
	(SELECT COUNT(*) FROM account a WHERE a.company_id = c.id)
FROM company c`

func scanCompany(row scanner) (app.Company, error) {
	var c app.Company
	var created int64
	err := row.Scan(&c.ID, &c.Name, &c.Enabled, &created, &c.Accounts)
	c.CreatedAt = timeOf(created)
	return c, err
}

// Companies returns all companies by name, with their entries and tenants and without overlaps.
func (s *Store) Companies(_ context.Context) ([]app.Company, error) {
	var companies []app.Company
	err := s.read.each(companyColumns+" ORDER BY c.name_key", nil, func(rows *sql.Rows) error {
		c, err := scanCompany(rows)
		companies = append(companies, c)
		return err
	})
	if err != nil {
		return nil, errorOf("list companies", err)
	}
	tenants, err := allTenants(s.read)
	if err != nil {
		return nil, errorOf("list companies", err)
	}
	for i := range companies {
		companies[i].Tenants = tenants[companies[i].ID]
		if companies[i].Entries, err = entriesOf(s.read, companies[i].ID); err != nil {
			return nil, errorOf("list companies", err)
		}
	}
	return companies, nil
}

// Company returns a company with its entries, overlaps and tenants. NotFound.
func (s *Store) Company(_ context.Context, name string) (app.Company, error) {
	c, err := companyWhole(s.read, name)
	return c, errorOf("read company", err)
}

func companyWhole(h *handle, name string) (app.Company, error) {
	c, err := companyByName(h, name)
	if err != nil {
		return app.Company{}, err
	}
	if c.Entries, err = entriesOf(h, c.ID); err != nil {
		return app.Company{}, err
	}
	if c.Tenants, err = tenantsOf(h, c.ID); err != nil {
		return app.Company{}, err
	}
	c.Overlaps, err = overlapsOf(h, c)
	return c, err
}

func companyByName(h *handle, name string) (app.Company, error) {
	c, err := scanCompany(h.row(companyColumns+" WHERE c.name_key = $1", app.CompanyKey(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return app.Company{}, app.Errorf(app.NotFound, "company_unknown", "there is no company %q", name)
	}
	return c, err
}

func entriesOf(h *handle, companyID int64) ([]app.Entry, error) {
	var entries []app.Entry
	err := h.each("SELECT kind, value, deny FROM allow_entry WHERE company_id = $1 ORDER BY value", []any{companyID},
		func(rows *sql.Rows) error {
			var e app.Entry
			err := rows.Scan(&e.Kind, &e.Value, &e.Deny)
			entries = append(entries, e)
			return err
		})
	return entries, err
}

// maxOverlaps bounds the hints of one company: they are to be read by a person.
const maxOverlaps = 100

// overlapsOf finds entries of other companies that cover part of what this company's entries cover, or are covered
// by them. Those above are a few exact values; those below are one range of reversed domains.
func overlapsOf(h *handle, c app.Company) ([]app.Overlap, error) {
	var overlaps []app.Overlap
	add := func(mine app.Entry) func(rows *sql.Rows) error {
		return func(rows *sql.Rows) error {
			var other app.Entry
			var owner string
			if err := rows.Scan(&other.Kind, &other.Value, &other.Deny, &owner); err != nil {
				return err
			}
			if mine.Overlaps(other) {
				overlaps = append(overlaps, app.Overlap{Entry: mine.String(), Other: other.String(), OtherCompany: owner})
			}
			return nil
		}
	}
	const columns = "SELECT e.kind, e.value, e.deny, c.name FROM allow_entry e JOIN company c ON c.id = e.company_id WHERE e.company_id <> $1 AND "
	for _, mine := range c.Entries {
		domain := mine.Domain()
		above := []any{c.ID, domain}
		for rest, ok := domain, true; ok; _, rest, ok = strings.Cut(rest, ".") {
			above = append(above, "*."+rest)
		}
		if err := h.each(columns+"e.value IN ("+placeholders(2, len(above)-1)+")", above, add(mine)); err != nil {
			return nil, err
		}
		low := reversed(domain)
		below := []any{c.ID, low, low + ".", low + "/", maxOverlaps}
		if err := h.each(columns+"(e.domain_rev = $2 OR (e.domain_rev >= $3 AND e.domain_rev < $4)) LIMIT $5", below, add(mine)); err != nil {
			return nil, err
		}
		if len(overlaps) >= maxOverlaps {
			break
		}
	}
	slices.SortFunc(overlaps, func(a, b app.Overlap) int {
		return strings.Compare(a.Entry+" "+a.Other, b.Entry+" "+b.Other)
	})
	overlaps = slices.Compact(overlaps)
	return overlaps[:min(len(overlaps), maxOverlaps)], nil
}

// reversed returns a domain with its labels in reverse order. "/" is the character after ".", so what lies below
// a domain is the range from "com.company." to "com.company/".
func reversed(domain string) string {
	labels := strings.Split(domain, ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

// placeholders returns "$first, $first+1, ..." for n values.
func placeholders(first, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.Join(words, ", ")
}

// AddCompany adds a company with entries. Conflict when the name or an entry is taken.
func (s *Store) AddCompany(ctx context.Context, name string, entries []app.Entry, ev app.Event) (c app.Company, err error) {
	err = s.write(ctx, "add company", func(tx *handle) error {
		id, now := s.id("company"), millis(ev.At)
		_, err := tx.exec("INSERT INTO company (id, name, name_key, enabled, created_at) VALUES ($1, $2, $3, $4, $5)",
			id, name, app.CompanyKey(name), true, now)
		if isDuplicate(err) {
			return nameTaken(name)
		}
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := addEntry(tx, id, name, entry, false, now); err != nil {
				return err
			}
		}
		if c, err = companyWhole(tx, name); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
	return c, err
}

func nameTaken(name string) error {
	e := app.Errorf(app.Conflict, "company_taken", "there is a company %q already", name)
	e.Field = "name"
	return e
}

// change is a unit of work on one company: it runs work, writes the event and returns the company as it is then.
func (s *Store) change(ctx context.Context, doing, name string, ev app.Event, work func(tx *handle, c app.Company) (string, error)) (c app.Company, err error) {
	err = s.write(ctx, doing, func(tx *handle) error {
		old, err := companyByName(tx, name)
		if err != nil {
			return err
		}
		now, err := work(tx, old)
		if err != nil {
			return err
		}
		if c, err = companyWhole(tx, now); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
	return c, err
}

// RenameCompany renames a company. NotFound, or Conflict when the new name is taken.
func (s *Store) RenameCompany(ctx context.Context, name, to string, ev app.Event) (app.Company, error) {
	return s.change(ctx, "rename company", name, ev, func(tx *handle, c app.Company) (string, error) {
		_, err := tx.exec("UPDATE company SET name = $1, name_key = $2 WHERE id = $3", to, app.CompanyKey(to), c.ID)
		if isDuplicate(err) {
			return "", nameTaken(to)
		}
		return to, err
	})
}

// EnableCompany sets the company's switch; switching off ends the sessions of its people. NotFound.
func (s *Store) EnableCompany(ctx context.Context, name string, on bool, ev app.Event) (app.Company, error) {
	return s.change(ctx, "switch company", name, ev, func(tx *handle, c app.Company) (string, error) {
		if _, err := tx.exec("UPDATE company SET enabled = $1 WHERE id = $2", on, c.ID); err != nil || on {
			return name, err
		}
		_, err := tx.exec("DELETE FROM session WHERE account_id IN (SELECT id FROM account WHERE company_id = $1)", c.ID)
		return name, err
	})
}

// RemoveCompany removes a company, its entries, tenants and registrations. NotFound, or Conflict while it has accounts.
func (s *Store) RemoveCompany(ctx context.Context, name string, ev app.Event) error {
	return s.write(ctx, "remove company", func(tx *handle) error {
		c, err := companyByName(tx, name)
		if err != nil {
			return err
		}
		if c.Accounts > 0 {
			return app.Errorf(app.Conflict, "company_has_accounts", "%s still has accounts (%d); remove them first, or disable the company", c.Name, c.Accounts)
		}
		if _, err := tx.exec("DELETE FROM allow_entry WHERE company_id = $1", c.ID); err != nil {
			return err
		}
		if _, err := tx.exec("DELETE FROM company WHERE id = $1", c.ID); err != nil {
			return err
		}
		return s.audit(tx, ev)
	})
}

// AddEntries adds entries to a company; see app.AdminStore.
func (s *Store) AddEntries(ctx context.Context, name string, entries []app.Entry, move bool, ev app.Event) (app.Company, error) {
	return s.change(ctx, "add entries", name, ev, func(tx *handle, c app.Company) (string, error) {
		for _, entry := range entries {
			if err := addEntry(tx, c.ID, c.Name, entry, move, millis(ev.At)); err != nil {
				return "", err
			}
		}
		return c.Name, nil
	})
}

// addEntry adds one entry. What is there already is left alone; what belongs to another company is moved or refused.
func addEntry(tx *handle, companyID int64, company string, entry app.Entry, move bool, now int64) error {
	var ownerID int64
	var owner string
	var deny bool
	err := tx.one(`SELECT e.company_id, c.name, e.deny
FROM allow_entry e JOIN company c ON c.id = e.company_id
WHERE e.value = $1`, []any{entry.Value}, &ownerID, &owner, &deny)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return insertEntry(tx, companyID, entry, now)
	case err != nil:
		return err
	case ownerID == companyID && deny == entry.Deny:
		return nil
	case ownerID == companyID:
		was := app.Entry{Kind: entry.Kind, Value: entry.Value, Deny: deny}
		return conflict("entry_both", entry, company, "%q is on the list of %s as %q; remove that first", entry.String(), company, was.String())
	case !move:
		return conflict("entry_taken", entry, owner, "%q belongs to %s; it can be moved here", entry.Value, owner)
	}
	_, err = tx.exec("UPDATE allow_entry SET company_id = $1, deny = $2, created_at = $3 WHERE value = $4", companyID, entry.Deny, now, entry.Value)
	return err
}

func conflict(reason string, entry app.Entry, owner, format string, args ...any) error {
	e := app.Errorf(app.Conflict, reason, format, args...).With("Token", entry.String()).With("Owner", owner)
	e.Field = "entries"
	return e
}

func insertEntry(tx *handle, companyID int64, entry app.Entry, now int64) error {
	if err := entry.Refusal(); err != nil {
		return err
	}
	_, err := tx.exec("INSERT INTO allow_entry (value, kind, deny, domain_rev, company_id, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
		entry.Value, string(entry.Kind), entry.Deny, reversed(entry.Domain()), companyID, now)
	return err
}

// RemoveEntries removes entries and returns how many of the company's accounts are not on the list any more.
func (s *Store) RemoveEntries(ctx context.Context, name string, entries []app.Entry, ev app.Event) (c app.Company, offList int, err error) {
	c, err = s.change(ctx, "remove entries", name, ev, func(tx *handle, c app.Company) (string, error) {
		for _, entry := range entries {
			n, err := tx.exec("DELETE FROM allow_entry WHERE value = $1 AND deny = $2 AND company_id = $3", entry.Value, entry.Deny, c.ID)
			if err != nil {
				return "", err
			}
			if n == 0 {
				e := app.Errorf(app.NotFound, "entry_unknown", "%q is not on the list of %s", entry.String(), c.Name).With("Token", entry.String())
				e.Field = "entries"
				return "", e
			}
		}
		var err error
		offList, err = countOffList(tx, c.ID)
		return c.Name, err
	})
	return c, offList, err
}

// countOffList counts the accounts of a company that the gate would not give this company today.
func countOffList(h *handle, companyID int64) (int, error) {
	count, last := 0, ""
	for {
		var page []app.Account
		err := h.each("SELECT email FROM account WHERE company_id = $1 AND email_key > $2 ORDER BY email_key LIMIT 1000",
			[]any{companyID, last}, func(rows *sql.Rows) error {
				a := app.Account{CompanyID: companyID}
				err := scanAddress(rows, &a.Email)
				page = append(page, a)
				return err
			})
		if err != nil || len(page) == 0 {
			return count, err
		}
		if err := markOnList(h, page); err != nil {
			return 0, err
		}
		for _, account := range page {
			if !account.ListMatch {
				count++
			}
		}
		last = page[len(page)-1].Email.Key()
	}
}

// scanAddress reads a column that holds an address. What ParseAddress took once it takes again; if a later version is
// stricter, the row is shown to be damaged rather than half understood.
func scanAddress(row scanner, addr *app.Address, others ...any) error {
	var text string
	if err := row.Scan(append([]any{&text}, others...)...); err != nil {
		return err
	}
	parsed, err := app.ParseAddress(text)
	if err != nil {
		return fmt.Errorf("stored address: %w", err)
	}
	*addr = parsed
	return nil
}

// EntriesFor returns the entries whose value is one of values.
func (s *Store) EntriesFor(_ context.Context, values []string) ([]app.OwnedEntry, error) {
	entries, err := entriesFor(s.read, values)
	return entries, errorOf("match entries", err)
}

func entriesFor(h *handle, values []string) ([]app.OwnedEntry, error) {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	var entries []app.OwnedEntry
	err := h.each(`SELECT e.kind, e.value, e.deny, c.id, c.name, c.enabled
FROM allow_entry e JOIN company c ON c.id = e.company_id
WHERE e.value IN (`+placeholders(1, len(values))+`)`, args, func(rows *sql.Rows) error {
		var e app.OwnedEntry
		err := rows.Scan(&e.Kind, &e.Value, &e.Deny, &e.CompanyID, &e.Company, &e.Enabled)
		entries = append(entries, e)
		return err
	})
	return entries, err
}
