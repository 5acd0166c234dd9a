package gui

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
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

// cell is one cell of a row. What did not change is not drawn again.
type cell struct {
	icon  *widget.Icon
	label *widget.Label
	box   *fyne.Container
	level level
}

func newCell() *cell {
	c := &cell{icon: widget.NewIcon(nil), label: widget.NewLabel("")}
	c.label.Truncation = fyne.TextTruncateEllipsis
	c.icon.Hide()
	c.box = newBorder(nil, nil, c.icon, nil, c.label)
	return c
}

func (c *cell) set(text string, l level) {
	if c.level != l {
		c.level = l
		c.label.Importance = l.importance()
		if icon := l.icon(); icon != nil {
			c.icon.SetResource(icon)
			c.icon.Show()
		} else {
			c.icon.Hide()
		}
		c.label.Text = text
		c.box.Refresh() // lays out, now that the icon is there or gone
		return
	}
	if c.label.Text != text {
		c.label.SetText(text)
	}
}

// tableRow is one row. A click chooses it at once; a second one soon after opens it. (fyne.DoubleTappable would make the
// first click wait for the second.)
type tableRow struct {
	widget.BaseWidget
	id        int
	cells     []*cell
	box       *fyne.Container
	tapped    func(id int)
	opened    func(id int)
	secondary func(id int, at fyne.Position)
	last      time.Time
	lastID    int
}

// CreateRenderer returns what draws the row.
func (r *tableRow) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(r.box) }

// Tapped chooses the row, or opens it at the second click.
func (r *tableRow) Tapped(*fyne.PointEvent) {
	now := time.Now()
	if r.lastID == r.id && now.Sub(r.last) < fyne.CurrentApp().Driver().DoubleTapDelay() {
		r.last = time.Time{}
		r.opened(r.id)
		return
	}
	r.last, r.lastID = now, r.id
	r.tapped(r.id)
}

// TappedSecondary shows the row's menu.
func (r *tableRow) TappedSecondary(e *fyne.PointEvent) { r.secondary(r.id, e.AbsolutePosition) }

// keyList is a list whose row is chosen by the arrow keys, opened by Enter and copied by the shortcut for it. The menu key
// shows the row's menu.
type keyList struct {
	widget.List
	open   func(id int)
	copied func(id int)
	menu   func(id int)
	keys   map[fyne.KeyName]func() // what other keys do
	at     int                     // the chosen row, -1 for none
	quiet  bool
}

func newKeyList(length func() int, create func() fyne.CanvasObject, update func(widget.ListItemID, fyne.CanvasObject)) *keyList {
	l := &keyList{at: -1}
	l.Length, l.CreateItem, l.UpdateItem = length, create, update
	l.ExtendBaseWidget(l)
	return l
}

// Select chooses a row and tells OnSelected, unless it is done quietly.
func (l *keyList) Select(id widget.ListItemID) {
	l.at = id
	if !l.quiet {
		l.List.Select(id)
		return
	}
	told := l.OnSelected
	l.OnSelected = nil
	l.List.Select(id)
	l.OnSelected = told
}

// UnselectAll chooses none.
func (l *keyList) UnselectAll() {
	l.at = -1
	l.List.UnselectAll()
}

// quietly does something without telling OnSelected.
func (l *keyList) quietly(do func()) {
	l.quiet = true
	do()
	l.quiet = false
}

// TypedKey moves the choice, or opens it.
func (l *keyList) TypedKey(e *fyne.KeyEvent) {
	last := l.Length() - 1
	switch e.Name {
	case fyne.KeyDown:
		l.move(min(l.at+1, last))
	case fyne.KeyUp:
		l.move(max(l.at-1, 0))
	case fyne.KeyPageDown:
		l.move(min(max(l.at, 0)+10, last))
	case fyne.KeyPageUp:
		l.move(max(l.at-10, 0))
	case fyne.KeyHome:
		l.move(0)
	case fyne.KeyEnd:
		l.move(last)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		if l.at >= 0 && l.open != nil {
			l.open(l.at)
		}
	case desktop.KeyMenu, fyne.KeyF10:
		if l.at >= 0 && l.menu != nil {
			l.menu(l.at)
		}
	default:
		if do := l.keys[e.Name]; do != nil {
			do()
		}
	}
}

func (l *keyList) move(to int) {
	if to < 0 || to >= l.Length() {
		return
	}
	l.Select(to)
	l.ScrollTo(to)
}

// TypedShortcut copies the chosen row.
func (l *keyList) TypedShortcut(s fyne.Shortcut) {
	if _, ok := s.(*fyne.ShortcutCopy); ok && l.at >= 0 && l.copied != nil {
		l.copied(l.at)
	}
}

// columnSize is how wide a column is.
type columnSize struct{ width, share, least float32 }

// columnLayout places objects in columns: fixed widths, and the rest shared by the others. Columns for which there is no room
// are hidden.
type columnLayout struct{ columns []columnSize }

// MinSize returns the fixed widths, with some room for the others.
func (c *columnLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for i, o := range objects {
		size.Height = max(size.Height, o.MinSize().Height)
		if c.columns[i].least == 0 {
			size.Width += max(c.columns[i].width, 60)
		}
	}
	return size
}

// Layout places the objects.
func (c *columnLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var fixed, shares float32
	for i, o := range objects {
		col := c.columns[i]
		if shown := col.least <= size.Width; shown != o.Visible() {
			if shown {
				o.Show()
			} else {
				o.Hide()
			}
		}
		switch {
		case !o.Visible():
		case col.width > 0:
			fixed += col.width
		default:
			shares += col.share
		}
	}
	var x float32
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		w := c.columns[i].width
		if w == 0 {
			w = max((size.Width-fixed)*c.columns[i].share/shares, 60)
		}
		o.Resize(fyne.NewSize(w, size.Height))
		o.Move(fyne.NewPos(x, 0))
		x += w
	}
}
