package gui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

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
