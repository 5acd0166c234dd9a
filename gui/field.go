package gui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// newField returns an input with its label above and, unless hint is "", what it means below.
func newField(label string, input fyne.CanvasObject, hint string) *fyne.Container {
	head := widget.NewLabel(label)
	head.SizeName = theme.SizeNameCaptionText
	head.TextStyle.Bold = true
	box := container.New(layout.NewCustomPaddedVBoxLayout(-3), head, input)
	if hint != "" {
		box.Add(newHint(hint))
	}
	return box
}

// newFact returns a label and a value that is only read, and can be marked and copied.
func newFact(label string) (*fyne.Container, *widget.Label) {
	head := newSmall(label)
	value := newText("")
	value.Selectable = true
	return container.New(&labelLayout{factWidth}, head, value), value
}

// Widths of labels that stand before values: in a card of its own, and in a narrow one.
const (
	factWidth = 170
	pairWidth = 128
)

// labelLayout puts a label of a fixed width before a value that may take several lines.
type labelLayout struct{ width float32 }

// MinSize returns the size of both.
func (l *labelLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(l.width+60, max(objects[0].MinSize().Height, objects[1].MinSize().Height))
}

// Layout places both.
func (l *labelLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Resize(fyne.NewSize(l.width, objects[0].MinSize().Height))
	objects[0].Move(fyne.NewPos(0, 2))
	objects[1].Resize(fyne.NewSize(size.Width-l.width, size.Height))
	objects[1].Move(fyne.NewPos(l.width, 0))
}

// newCopyField returns a value that is only read with a button that copies it. tell says that it was done.
func newCopyField(value string, tell func(string)) (*fyne.Container, *widget.Label) {
	label := widget.NewLabel(value)
	label.Selectable = true
	label.Truncation = fyne.TextTruncateEllipsis
	label.TextStyle.Monospace = true
	button := newButton("", theme.ContentCopyIcon(), func() {
		fyne.CurrentApp().Clipboard().SetContent(label.Text)
		tell(tr("copied"))
	})
	return newBorder(nil, nil, nil, button, newPanel(theme.ColorNameInputBackground, colorLine, 6, 0, label)), label
}

// searchEntry is a field to search with: it tells what is typed when there was no key for a while.
type searchEntry struct {
	widget.Entry
	searched func(text string)
	later    func(delay time.Duration, do func()) (cancel func())
	cancel   func()
	keys     map[fyne.KeyName]func() // what other keys do
}

// searchDelay is how long typing must rest.
const searchDelay = 250 * time.Millisecond

// newSearch returns a search field.
func newSearch(d *desk, hint string, searched func(string)) *searchEntry {
	s := &searchEntry{searched: searched, later: d.later, cancel: func() {}}
	s.PlaceHolder = hint
	s.Icon = theme.SearchIcon()
	s.OnChanged = func(string) {
		s.cancel()
		s.cancel = s.later(searchDelay, s.now)
	}
	s.OnSubmitted = func(string) { s.now() }
	s.ExtendBaseWidget(s)
	return s
}

// now tells what is typed at once.
func (s *searchEntry) now() {
	s.cancel()
	s.searched(s.Text)
}

// TypedKey empties the field at Escape.
func (s *searchEntry) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape && s.Text != "" {
		s.SetText("")
		s.now()
		return
	}
	if do := s.keys[e.Name]; do != nil {
		do()
		return
	}
	s.Entry.TypedKey(e)
}

// newFixed returns an object with a fixed width.
func newFixed(width float32, o fyne.CanvasObject) fyne.CanvasObject {
	return container.New(&widthLayout{width}, o)
}

type widthLayout struct{ width float32 }

func (l *widthLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(l.width, objects[0].MinSize().Height)
}

func (l *widthLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) { objects[0].Resize(size) }

// leastSize lays objects over each other, and gives them at least the size they need to be of use.
type leastSize struct{ size fyne.Size }

func (l *leastSize) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := l.size
	for _, o := range objects {
		if o.Visible() {
			size = size.Max(o.MinSize())
		}
	}
	return size
}

func (l *leastSize) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Resize(size)
	}
}
