package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

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
