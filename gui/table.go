package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// pageSize is how many rows are asked for at a time, and maxPageSize how many the service gives at most.
const (
	pageSize    = 100
	maxPageSize = 1000
)

// column is one column of a table.
type column[T any] struct {
	title string         // the text's key
	width float32        // 0 takes a share of what the others leave
	share float32        // how large a share; 0 is 1
	least float32        // the column is left out where the table is narrower than this
	sort  string         // the service's name of the order by this column; "" when there is none
	text  func(T) string // what a row shows
	level func(T) level  // and how good that is; nil for plain
}

// tableConfig is what a table is made of. T is a row.
type tableConfig[T any] struct {
	columns []column[T]
	key     func(T) string // by which a row is known when the list was read again
	// load returns what reads one page of rows. It is called in the window's goroutine, where it may look at what is typed; what
	// it returns is not.
	load   func(q tableQuery) loader[T]
	run    func(work)
	failed func(error)                  // is told why a page could not be read
	chosen func(row T, ok bool)         // is told which row is chosen; not ok when none is any more
	opened func(row T)                  // after a double click or Enter; nil for nothing
	menu   func(row T) []*fyne.MenuItem // of a secondary click; nil for none
	empty  fyne.CanvasObject            // shown when there are no rows
	sort   string                       // what rows are in the order of first
	told   func(rows, total int)        // is told how many rows are here, and of how many; nil for nothing
	window fyne.Window
}

// loader reads one page.
type loader[T any] func(ctx context.Context) (localapi.Page[T], error)

// whole returns the loader of a list that the service gives whole.
func whole[T any](list func(ctx context.Context) ([]T, error)) func(tableQuery) loader[T] {
	return func(tableQuery) loader[T] {
		return func(ctx context.Context) (localapi.Page[T], error) {
			items, err := list(ctx)
			return localapi.Page[T]{Items: items, Total: len(items)}, err
		}
	}
}

// tableQuery asks for one page; sort and reverse are what the person has chosen by the headers.
type tableQuery struct {
	after   string
	limit   int
	sort    string
	reverse bool
}

// table is a list of rows in columns that the service gives page by page: the next one is read when the end of what is here
// comes near. It is a widget.List, not a widget.Table: that selects cells, and updates each of them at every step of
// scrolling (measured: 10 ms against 0.01).
type table[T any] struct {
	tableConfig[T]
	rows     []T
	next     string // where the next page begins; "" when all rows are here
	total    int    // how many there are in all; 0 when the service does not say
	order    string
	reverse  bool
	selected string // key of the chosen row; "" for none
	loading  bool
	height   float32
	query    int // numbers what was asked, so that a late answer to an older question is dropped

	list    *keyList
	headers []*widget.Button
	count   *widget.Label
	stack   *fyne.Container
	content fyne.CanvasObject
}

func newTable[T any](c tableConfig[T]) *table[T] {
	t := &table[T]{tableConfig: c, order: c.sort}
	if t.empty == nil {
		t.empty = newEmpty(theme.ListIcon(), tr("table.empty"), "", "", nil)
	}
	t.list = newKeyList(func() int { return len(t.rows) }, t.newRow, t.showRow)
	t.list.OnSelected = t.choose
	t.list.open = t.open
	t.list.copied = t.copyRow
	t.list.menu = t.showMenuOf
	t.count = newSmall("")
	heads := container.New(&columnLayout{columns: t.sizes()})
	for i := range t.columns {
		h := t.newHeader(i)
		t.headers = append(t.headers, h)
		heads.Add(h)
	}
	t.empty.Hide()
	t.stack = container.NewStack(t.list, t.empty)
	ground := newPanel(theme.ColorNameHeaderBackground, "", 0, 0, heads)
	t.content = newBorder(ground, t.count, nil, nil, t.stack)
	return t
}

func (t *table[T]) sizes() []columnSize {
	sizes := make([]columnSize, len(t.columns))
	for i, c := range t.columns {
		sizes[i] = columnSize{width: c.width, share: c.share, least: c.least}
		if c.share == 0 {
			sizes[i].share = 1
		}
	}
	return sizes
}

func (t *table[T]) newHeader(i int) *widget.Button {
	c := t.columns[i]
	b := widget.NewButton(tr(c.title), func() { t.sortBy(c.sort) })
	b.Alignment, b.Importance, b.IconPlacement = widget.ButtonAlignLeading, widget.LowImportance, widget.ButtonIconTrailingText
	if c.sort == "" {
		b.OnTapped = nil
		b.Disable()
	}
	return b
}

// sortBy asks for another order; the same once more is the other way round.
func (t *table[T]) sortBy(order string) {
	t.reverse = t.order == order && !t.reverse
	t.order = order
	t.showOrder()
	t.restart()
}

func (t *table[T]) showOrder() {
	for i, c := range t.columns {
		switch {
		case c.sort == "" || c.sort != t.order:
			t.headers[i].SetIcon(nil)
		case t.reverse:
			t.headers[i].SetIcon(theme.MenuDropDownIcon())
		default:
			t.headers[i].SetIcon(theme.MenuDropUpIcon())
		}
	}
}

// restart reads another list than the one that is shown, from its beginning. Its first rows are shown as soon as there are any.
func (t *table[T]) restart() {
	t.query++
	t.list.ScrollToTop()
	t.refill(nil, "", 1)
}

// reload reads the rows that are shown anew, at least the first page. What is chosen stays chosen, and what is in sight stays
// in its place.
func (t *table[T]) reload() {
	t.query++
	t.refill(nil, "", max(1, len(t.rows)))
}

// refill adds pages to rows until there are enough, and shows them all at once then. The service gives short pages, and empty
// ones, where it has to look at many rows for a few.
func (t *table[T]) refill(rows []T, after string, enough int) {
	q := tableQuery{after: after, limit: min(max(enough-len(rows), pageSize), maxPageSize), sort: t.order, reverse: t.reverse}
	t.fetch(q, func(page localapi.Page[T]) bool {
		rows = append(rows, page.Items...)
		if page.Next != "" && len(rows) < enough {
			t.refill(rows, page.Next, enough)
			return false
		}
		t.rows = rows
		return true
	})
}

// more reads the next page.
func (t *table[T]) more() {
	if t.next == "" || t.loading {
		return
	}
	t.fetch(tableQuery{after: t.next, limit: pageSize, sort: t.order, reverse: t.reverse}, func(page localapi.Page[T]) bool {
		t.rows = append(t.rows, page.Items...)
		return true
	})
}

// fetch reads one page. take keeps it and reports whether the rows are to be shown now.
func (t *table[T]) fetch(q tableQuery, take func(localapi.Page[T]) bool) {
	t.loading = true
	query, load := t.query, t.load(q)
	t.run(func(ctx context.Context) func() {
		page, err := load(ctx)
		return func() {
			if query != t.query { // something else was asked meanwhile
				return
			}
			t.loading = false
			if err != nil {
				t.failed(err)
				return
			}
			if q.after == "" || page.Total > 0 {
				t.total = page.Total
			}
			place := t.place()
			if take(page) {
				t.next = page.Next
				t.shown()
				t.goBack(place)
			}
		}
	})
}

// place is where a list stands: the key of the uppermost row in sight, and how much of it is out of sight.
type place struct {
	key    string
	beyond float32
	offset float32
}

// step is how far apart rows are.
func (t *table[T]) step() float32 {
	if t.height == 0 {
		t.height = t.newRow().MinSize().Height
	}
	return t.height + theme.Padding()
}

func (t *table[T]) place() place {
	p := place{offset: t.list.GetScrollOffset()}
	if i := int(p.offset / t.step()); i < len(t.rows) {
		p.key, p.beyond = t.key(t.rows[i]), p.offset-float32(i)*t.step()
	}
	return p
}

// goBack scrolls to where the list stood. At its beginning it stays there, so that what is new comes into sight.
func (t *table[T]) goBack(p place) {
	if p.offset > 0 && p.key != "" {
		for i, row := range t.rows {
			if t.key(row) == p.key {
				p.offset = float32(i)*t.step() + p.beyond
				break
			}
		}
	}
	t.list.ScrollToOffset(p.offset)
}

// shown shows the rows that are here.
func (t *table[T]) shown() {
	if len(t.rows) == 0 {
		t.list.Hide()
		t.empty.Show()
	} else {
		t.empty.Hide()
		t.list.Show()
	}
	t.count.SetText(t.countText())
	t.showOrder()
	t.keepChoice()
	t.list.Refresh()
	if t.told != nil {
		t.told(len(t.rows), t.total)
	}
}

func (t *table[T]) countText() string {
	switch {
	case t.total > 0:
		return trn("table.count", t.total)
	case t.next != "":
		return trn("table.more", len(t.rows))
	case len(t.rows) > 0:
		return trn("table.count", len(t.rows))
	default:
		return ""
	}
}

// keepChoice finds the chosen row among new ones.
func (t *table[T]) keepChoice() {
	if t.selected == "" {
		return
	}
	for i, row := range t.rows {
		if t.key(row) == t.selected {
			t.list.quietly(func() { t.list.Select(i) })
			if t.chosen != nil {
				t.chosen(row, true)
			}
			return
		}
	}
	t.selected = ""
	t.list.quietly(t.list.UnselectAll)
	if t.chosen != nil {
		var none T
		t.chosen(none, false)
	}
}

// selectKey chooses the row of a key, now or when it comes; "" chooses none.
func (t *table[T]) selectKey(key string) {
	t.selected = key
	if key == "" {
		t.list.quietly(t.list.UnselectAll)
		return
	}
	for i, row := range t.rows {
		if t.key(row) == key {
			t.list.Select(i)
			return
		}
	}
}

// selectedRow returns the chosen row.
func (t *table[T]) selectedRow() (row T, ok bool) {
	for _, row := range t.rows {
		if t.selected != "" && t.key(row) == t.selected {
			return row, true
		}
	}
	return row, false
}

func (t *table[T]) choose(i int) {
	if i >= len(t.rows) {
		return
	}
	t.selected = t.key(t.rows[i])
	if t.chosen != nil {
		t.chosen(t.rows[i], true)
	}
}

func (t *table[T]) open(i int) {
	if t.opened != nil && i < len(t.rows) {
		t.opened(t.rows[i])
	}
}

// copyRow puts a row on the clipboard, its columns parted by tabs as spreadsheets take them. What it holds begins no other cell
// there, and no formula.
func (t *table[T]) copyRow(i int) {
	if i >= len(t.rows) {
		return
	}
	cells := make([]string, len(t.columns))
	for n, c := range t.columns {
		cells[n] = harmless(strings.Join(strings.Fields(c.text(t.rows[i])), " "))
	}
	fyne.CurrentApp().Clipboard().SetContent(strings.Join(cells, "\t"))
}

func (t *table[T]) newRow() fyne.CanvasObject {
	r := &tableRow{}
	for range t.columns {
		r.cells = append(r.cells, newCell())
	}
	r.box = container.New(&columnLayout{columns: t.sizes()})
	for _, c := range r.cells {
		r.box.Add(c.box)
	}
	r.tapped = func(id int) {
		if c := fyne.CurrentApp().Driver().CanvasForObject(t.list); c != nil {
			c.Focus(t.list)
		}
		t.list.Select(id)
	}
	r.opened = t.open
	r.secondary = t.showMenu
	r.ExtendBaseWidget(r)
	return r
}

func (t *table[T]) showMenu(id int, at fyne.Position) {
	if t.menu == nil || id >= len(t.rows) {
		return
	}
	t.list.Select(id)
	items := t.menu(t.rows[id])
	if len(items) == 0 {
		return
	}
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), t.window.Canvas(), at)
}

// showMenuOf is showMenu for the keyboard.
func (t *table[T]) showMenuOf(id int) {
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(t.list)
	down := min(max(float32(id+1)*t.step()-t.list.GetScrollOffset(), 0), t.list.Size().Height)
	t.showMenu(id, at.AddXY(theme.InnerPadding(), down))
}

func (t *table[T]) showRow(id widget.ListItemID, o fyne.CanvasObject) {
	r, ok := o.(*tableRow)
	if !ok || id >= len(t.rows) {
		return
	}
	r.id = id
	for i, c := range t.columns {
		l := levelPlain
		if c.level != nil {
			l = c.level(t.rows[id])
		}
		r.cells[i].set(c.text(t.rows[id]), l)
	}
	if id >= len(t.rows)-20 {
		t.more()
	}
}
