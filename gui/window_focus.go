package gui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
)

// focusPause is how often is looked where the keyboard is. Fyne tells nobody when the tab key has moved it.
const focusPause = 150 * time.Millisecond

// followFocus keeps what has the keyboard in sight: the tab key leads into parts of a page that are scrolled away.
func (w *window) followFocus() {
	var last fyne.Focusable
	look := func() {
		focused := w.win.Canvas().Focused()
		if focused == last {
			return
		}
		last = focused
		if o, ok := focused.(fyne.CanvasObject); ok {
			reveal(w.win.Canvas().Content(), o)
		}
	}
	w.back.runFor(0, func(ctx context.Context) func() {
		tick := time.NewTicker(focusPause)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				w.back.post(look)
			}
		}
	})
}

// reveal scrolls an object into sight that is below root.
func reveal(root, o fyne.CanvasObject) {
	driver := fyne.CurrentApp().Driver()
	for _, s := range scrollsIn(root, nil) {
		top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s.Content).Y
		left := driver.AbsolutePositionForObject(o).X - driver.AbsolutePositionForObject(s.Content).X
		height, room := o.Size().Height, s.Size().Height
		inside := top >= 0 && left >= 0 && top+height <= s.Content.Size().Height+1 && left < s.Content.Size().Width
		if !inside || height > room {
			continue
		}
		gap := theme.Padding() * 2
		switch {
		case top < s.Offset.Y:
			s.ScrollToOffset(fyne.NewPos(s.Offset.X, max(top-gap, 0)))
		case top+height > s.Offset.Y+room:
			s.ScrollToOffset(fyne.NewPos(s.Offset.X, top+height+gap-room))
		}
	}
}

// scrollsIn returns the scrolls that can be seen below an object, the outer ones first.
func scrollsIn(o fyne.CanvasObject, found []*container.Scroll) []*container.Scroll {
	if o == nil || !o.Visible() {
		return found
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, child := range o.Objects {
			found = scrollsIn(child, found)
		}
	case *container.Scroll:
		found = scrollsIn(o.Content, append(found, o))
	case *container.Split:
		found = scrollsIn(o.Trailing, scrollsIn(o.Leading, found))
	case *panel:
		found = scrollsIn(o.body, found)
	}
	return found
}
