package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"strings"

	"foyer/app"
)

// accountOrder is one way to sort accounts: by a column, and by address where that is the same. Each has an index, so that
// a page is read without those before it.
type accountOrder struct {
	column string
	number bool // the column holds numbers
	from   string
}

// accountOrders returns the ways by their names. CROSS JOIN is for SQLite, which takes the tables in that order then.
func accountOrders() map[app.AccountSort]accountOrder {
	const byAccount = " FROM account a CROSS JOIN company c WHERE c.id = a.company_id"
	return map[app.AccountSort]accountOrder{
		app.SortByEmail:   {"a.email_key", false, byAccount},
		app.SortByName:    {"a.name_key", false, byAccount},
		app.SortByCreated: {"a.created_at", true, byAccount},
		app.SortByCompany: {"c.name_key", false, " FROM company c CROSS JOIN account a WHERE c.id = a.company_id"},
	}
}

// accountCursor is the place of an account in a list: the sort, its value there and its address.
type accountCursor struct {
	Sort   app.AccountSort `json:"s"`
	Text   string          `json:"t,omitempty"`
	Number int64           `json:"n,omitempty"`
	Email  string          `json:"e"`
}

func (c accountCursor) String() string {
	data, _ := json.Marshal(c) // strings and a number
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseAccountCursor(text string, sort app.AccountSort) (accountCursor, error) {
	var c accountCursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.Sort != sort {
		return c, app.Fieldf("after", "cursor_invalid", "this is not the end of a page of this list; begin with its first page")
	}
	return c, nil
}

// where is a condition that grows, with the values of its placeholders.
type where struct {
	text string
	args []any
}

// and adds a condition in which each ? is the next of args.
func (w *where) and(condition string, args ...any) {
	w.text += " AND "
	for _, arg := range args {
		before, after, _ := strings.Cut(condition, "?")
		w.args = append(w.args, arg)
		w.text += before + placeholders(len(w.args), 1)
		condition = after
	}
	w.text += condition
}

// accountFilter returns the conditions of a query but for its cursor. NotFound when there is no such company.
func accountFilter(h *handle, q app.AccountQuery) (w where, err error) {
	if q.Company != "" {
		c, err := companyByName(h, q.Company)
		if err != nil {
			return w, err
		}
		w.and("a.company_id = ?", c.ID)
	}
	switch q.State { // in words, by which the index of the few is found
	case app.AccountDisabled:
		w.and("a.state = 'disabled'")
	case app.AccountActive:
		w.and("a.state = 'active'")
	}
	if q.Search != "" {
		like := contains(q.Search)
		w.and(`(a.email_key LIKE ? ESCAPE '\' OR a.first_name || ' ' || a.last_name LIKE ? ESCAPE '\')`, like, like)
	}
	return w, nil
}

// Accounts returns one page of accounts; see app.AdminStore.
func (s *Store) Accounts(_ context.Context, q app.AccountQuery) (app.AccountPage, error) {
	page, err := accountPage(s.read, q)
	return page, errorOf("list accounts", err)
}

func accountPage(h *handle, q app.AccountQuery) (app.AccountPage, error) {
	var page app.AccountPage
	filter, err := accountFilter(h, q)
	if err != nil {
		return page, err
	}
	if q.Sort == "" {
		q.Sort = app.SortByEmail
	}
	if q.OffList {
		err = scanOffList(h, q, filter, &page)
	} else {
		page.Accounts, page.Next, err = readAccounts(h, q, filter, q.After, q.Limit)
		if err == nil && q.After == "" {
			page.Total = len(page.Accounts)
			if page.Next != "" {
				err = h.one("SELECT COUNT(*) FROM account a WHERE 1 = 1"+filter.text, filter.args, &page.Total)
			}
		}
	}
	if err != nil {
		return page, err
	}
	return page, complete(h, page.Accounts)
}

// readAccounts returns up to limit accounts behind a cursor, and the cursor behind them, "" when there are no more.
func readAccounts(h *handle, q app.AccountQuery, w where, after string, limit int) ([]app.Account, string, error) {
	order := accountOrders()[q.Sort]
	tie := "a.email_key"
	if q.Search != "" {
		// All are looked at, as they lie in their table, and the few are sorted then: the + keeps SQLite from an index.
		order.column, tie, order.from = "+"+order.column, "+"+tie, " FROM account a CROSS JOIN company c WHERE c.id = +a.company_id"
	}
	than, direction := " > ?", ""
	if q.Reverse {
		than, direction = " < ?", " DESC"
	}
	w.args = append([]any{}, w.args...)
	if after != "" {
		c, err := parseAccountCursor(after, q.Sort)
		if err != nil {
			return nil, "", err
		}
		var value any = c.Text
		if order.number {
			value = c.Number
		}
		if q.Sort == app.SortByEmail {
			w.and("a.email_key"+than, c.Email)
		} else {
			from := strings.TrimSuffix(than, " ?") + "= ?"
			w.and(order.column+from+" AND ("+order.column+than+" OR a.email_key"+than+")", value, value, c.Email)
		}
	}
	w.args = append(w.args, limit+1)
	var accounts []app.Account
	last := accountCursor{Sort: q.Sort}
	more := false
	err := h.each(accountColumns+", "+order.column+order.from+w.text+
		" ORDER BY "+order.column+direction+", "+tie+direction+" LIMIT "+placeholders(len(w.args), 1), w.args, func(rows *sql.Rows) error {
		if more = len(accounts) == limit; more {
			return nil
		}
		var place any = &last.Text
		if order.number {
			place = &last.Number
		}
		a, err := scanAccount(rows, place)
		last.Email = a.Email.Key()
		accounts = append(accounts, a)
		return err
	})
	if err != nil || !more {
		return accounts, "", err
	}
	return accounts, last.String(), nil
}

const (
	// scanChunk is how many accounts are looked at together.
	scanChunk = 1000
	// scanMost bounds how many are looked at for one page: who is not on a list is known only by asking the gate, which takes 20 ms for
	// a thousand.
	scanMost = 10_000
	// scanSome is how many are looked at when there is something to show already.
	scanSome = 2000
)

// scanOffList fills a page with accounts that are not on their list. When it has looked at many it stops: the page may be
// short, or empty, with others behind it.
func scanOffList(h *handle, q app.AccountQuery, filter where, page *app.AccountPage) error {
	page.Next = q.After
	for scanned := 0; scanned < scanMost && (scanned < scanSome || len(page.Accounts) == 0); scanned += scanChunk {
		accounts, next, err := readAccounts(h, q, filter, page.Next, scanChunk)
		if err != nil {
			return err
		}
		if err := markOnList(h, accounts); err != nil {
			return err
		}
		for i, a := range accounts {
			if a.ListMatch {
				continue
			}
			page.Accounts = append(page.Accounts, a)
			if len(page.Accounts) == q.Limit && (next != "" || i < len(accounts)-1) {
				page.Next, err = cursorOf(h, q.Sort, a)
				return err
			}
		}
		if page.Next = next; next == "" {
			return nil
		}
	}
	return nil
}

// cursorOf returns the place of an account in a list.
func cursorOf(h *handle, sort app.AccountSort, a app.Account) (string, error) {
	order, c := accountOrders()[sort], accountCursor{Sort: sort, Email: a.Email.Key()}
	var place any = &c.Text
	if order.number {
		place = &c.Number
	}
	err := h.one("SELECT "+order.column+accountFrom+"WHERE a.id = $1", []any{a.ID}, place)
	return c.String(), err
}

// markOnList sets the ListMatch of accounts.
func markOnList(h *handle, accounts []app.Account) error {
	addrs := make([]app.Address, len(accounts))
	for i, a := range accounts {
		addrs[i] = a.Email
	}
	entries, err := entriesFor(h, app.CandidatesOfAll(addrs))
	if err != nil {
		return err
	}
	index := app.IndexEntries(entries)
	for i, a := range accounts {
		accounts[i].ListMatch = a.OnList(index.For(a.Email))
	}
	return nil
}

// batch is how many values one statement asks for. It is always as many, so that there is one statement to prepare.
const batch = 250

// inBatches calls do with batches of values. The last one is filled up with its last value.
func inBatches[T any](values []T, do func(batch []T) error) error {
	for len(values) > 0 {
		n := min(len(values), batch)
		full := append(make([]T, 0, batch), values[:n]...)
		for len(full) < batch {
			full = append(full, values[n-1])
		}
		if err := do(full); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// complete adds to accounts what stands in other tables.
func complete(h *handle, accounts []app.Account) error {
	if err := markOnList(h, accounts); err != nil {
		return err
	}
	place := map[int64]*app.Account{}
	ids := make([]any, len(accounts))
	for i := range accounts {
		place[accounts[i].ID], ids[i] = &accounts[i], accounts[i].ID
	}
	return inBatches(ids, func(batch []any) error {
		err := h.each(`SELECT m.account_id, g.name
FROM membership m JOIN account_group g ON g.id = m.group_id
WHERE m.account_id IN (`+placeholders(1, len(batch))+`)
ORDER BY g.name`, batch, func(rows *sql.Rows) error {
			var id int64
			var name string
			err := rows.Scan(&id, &name)
			place[id].Groups = append(place[id].Groups, name)
			return err
		})
		if err != nil {
			return err
		}
		return eachIdentity(h, "account_id IN ("+placeholders(1, len(batch))+")", batch, func(id int64, i app.Identity) {
			place[id].Identities = append(place[id].Identities, i)
		})
	})
}

// fillNameKeys folds the names of accounts of before they were folded.
func (s *Store) fillNameKeys(ctx context.Context) error {
	for more := true; more; {
		err := s.write(ctx, "fold names", func(tx *handle) error {
			names := map[int64]string{}
			err := tx.each("SELECT id, first_name, last_name FROM account WHERE name_key = '' LIMIT $1", []any{scanChunk}, func(rows *sql.Rows) error {
				var id int64
				var first, last string
				err := rows.Scan(&id, &first, &last)
				names[id] = app.NameKey(first, last)
				return err
			})
			for id, key := range names {
				if err == nil {
					_, err = tx.exec("UPDATE account SET name_key = $1 WHERE id = $2", key, id)
				}
			}
			more = len(names) > 0
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
