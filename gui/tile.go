package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// tile is a number with its name and a note on it. It is pressed as a button is, by pointer or key.
type tile struct {
	widget.BaseWidget
	tapped  func()
	value   *widget.Label
	note    *widget.Label
	icon    *widget.Icon
	mark    fyne.CanvasObject // the icon with room around it
	ground  *panel
	hovered bool
	focused bool
}

var (
	_ fyne.Tappable      = (*tile)(nil)
	_ fyne.Focusable     = (*tile)(nil)
	_ desktop.Hoverable  = (*tile)(nil)
	_ desktop.Cursorable = (*tile)(nil)
)

func newTile(name string, icon fyne.Resource, tapped func()) *tile {
	t := &tile{tapped: tapped, value: newTitle("–"), note: newSmall(""), icon: widget.NewIcon(nil)}
	t.note.Truncation = fyne.TextTruncateEllipsis
	t.mark = newFixed(24, newBorder(nil, nil, newFixed(3, layout.NewSpacer()), nil, newFixedIcon(t.icon)))
	t.mark.Hide()
	title := newSmall(name)
	title.Truncation = fyne.TextTruncateEllipsis
	picture := container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(18), widget.NewIcon(theme.NewColoredResource(icon, colorSoft))))
	head := newBorder(nil, nil, nil, newFixed(28, picture), title)
	note := newBorder(nil, nil, t.mark, nil, t.note)
	t.ground = newPanel(colorSurface, colorLine, 10, 4, container.New(&tightLayout{}, head, t.value, note))
	t.ExtendBaseWidget(t)
	return t
}

// newFixedIcon gives an icon the room before a small text.
func newFixedIcon(icon *widget.Icon) fyne.CanvasObject {
	return container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(16), icon))
}

// show shows a number and what there is to say of it.
func (t *tile) show(value, note string, l level) {
	if t.value.Text != value {
		t.value.SetText(value)
	}
	t.note.Importance = widget.LowImportance
	if icon := l.icon(); icon != nil {
		t.note.Importance = l.importance()
		t.icon.SetResource(icon)
		t.mark.Show()
	} else {
		t.mark.Hide()
	}
	t.note.SetText(note)
	t.Refresh()
}

// CreateRenderer returns what draws the tile.
func (t *tile) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(t.ground) }

// Tapped does what the tile is for.
func (t *tile) Tapped(*fyne.PointEvent) { t.tapped() }

// TypedKey does it too.
func (t *tile) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		t.tapped()
	default:
	}
}

// TypedRune takes no letters.
func (t *tile) TypedRune(rune) {}

// FocusGained shows that keys go here.
func (t *tile) FocusGained() {
	t.focused = true
	t.paint()
}

// FocusLost shows that they go elsewhere.
func (t *tile) FocusLost() {
	t.focused = false
	t.paint()
}

// MouseIn shows that the tile can be pressed.
func (t *tile) MouseIn(*desktop.MouseEvent) {
	t.hovered = true
	t.paint()
}

// MouseMoved changes nothing.
func (t *tile) MouseMoved(*desktop.MouseEvent) {}

// MouseOut undoes what MouseIn did.
func (t *tile) MouseOut() {
	t.hovered = false
	t.paint()
}

// Cursor returns the hand.
func (t *tile) Cursor() desktop.Cursor { return desktop.PointerCursor }

func (t *tile) paint() {
	t.ground.line = colorLine
	if t.focused {
		t.ground.line = theme.ColorNamePrimary
	}
	fill := colorSurface
	if t.hovered || t.focused {
		fill = colorTint
	}
	t.ground.setFill(fill)
}

// newFixedHeight returns an object with a fixed height.
func newFixedHeight(height float32, o fyne.CanvasObject) fyne.CanvasObject {
	return container.New(&heightLayout{height}, o)
}

type heightLayout struct{ height float32 }

func (l *heightLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(objects[0].MinSize().Width, l.height)
}

func (l *heightLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) { objects[0].Resize(size) }

// evenLayout places objects side by side, equally wide, with a gap between them.
type evenLayout struct{ gap float32 }

// MinSize returns the size of all.
func (l evenLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	n := float32(len(objects))
	return fyne.NewSize(size.Width*n+l.gap*(n-1), size.Height)
}

// Layout places the objects.
func (l evenLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	n := float32(len(objects))
	width := (size.Width - l.gap*(n-1)) / n
	for i, o := range objects {
		o.Resize(fyne.NewSize(width, size.Height))
		o.Move(fyne.NewPos(float32(i)*(width+l.gap), 0))
	}
}

// besideLayout places a wide object and, beside it, one of a fixed width.
type besideLayout struct{ width, gap float32 }

// MinSize returns the size of both.
func (l besideLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	wide, narrow := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(wide.Width+l.gap+l.width, max(wide.Height, narrow.Height))
}

// Layout places both.
func (l besideLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	wide := size.Width - l.width - l.gap
	objects[0].Resize(fyne.NewSize(wide, size.Height))
	objects[0].Move(fyne.NewPos(0, 0))
	objects[1].Resize(fyne.NewSize(l.width, size.Height))
	objects[1].Move(fyne.NewPos(wide+l.gap, 0))
}
