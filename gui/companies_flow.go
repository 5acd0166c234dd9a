package gui

import "fyne.io/fyne/v2"

// flowLayout places objects in rows, as words of a text. The last one takes what its row leaves, and a row of its own when
// that is less than it needs.
type flowLayout struct {
	last  float32 // how much the last one needs
	width float32 // how much there was
}

// MinSize returns the height at the width there was.
func (l *flowLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	width := l.width
	if width < l.last { // it has no place yet
		width = 440
	}
	return fyne.NewSize(l.last, l.place(objects, width, func(fyne.CanvasObject, fyne.Position, fyne.Size) {}))
}

// Layout places the objects.
func (l *flowLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	if l.width = size.Width; l.width < l.last {
		return
	}
	l.place(objects, size.Width, func(o fyne.CanvasObject, at fyne.Position, size fyne.Size) {
		o.Move(at)
		o.Resize(size)
	})
}

// place tells where each object goes and returns the height of all.
func (l *flowLayout) place(objects []fyne.CanvasObject, width float32, put func(fyne.CanvasObject, fyne.Position, fyne.Size)) float32 {
	var x, y float32
	row := func() {
		x = 0
		y += chipHeight + chipGap
	}
	for i, o := range objects {
		w := min(o.MinSize().Width, width)
		last := i == len(objects)-1
		if last {
			w = min(l.last, width)
		}
		if x > 0 && x+w > width {
			row()
		}
		if last {
			w = width - x
		}
		put(o, fyne.NewPos(x, y), fyne.NewSize(w, chipHeight))
		x += w + chipGap
	}
	return y + chipHeight
}
