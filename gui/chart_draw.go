package gui

import (
	"image"
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// CreateRenderer returns what draws the plot.
func (p *plot) CreateRenderer() fyne.WidgetRenderer {
	r := &plotRenderer{plot: p, mark: canvas.NewRectangle(color.Transparent), frame: canvas.NewRectangle(color.Transparent)}
	r.bars = canvas.NewRaster(r.draw)
	r.none = newSmall(p.empty)
	r.none.Alignment = fyne.TextAlignCenter
	r.tip = newTip()
	r.Refresh()
	return r
}

// plotRenderer draws a plot: the bars as one picture, which has patterns, and words above it.
type plotRenderer struct {
	plot  *plot
	size  fyne.Size
	mark  *canvas.Rectangle // behind the day whose numbers are shown
	frame *canvas.Rectangle // around all while it has the focus
	lines []*canvas.Line
	texts []*canvas.Text // numbers of the axis, then names of days
	bars  *canvas.Raster
	none  *widget.Label
	tip   *tip
}

// Destroy has nothing to do.
func (r *plotRenderer) Destroy() {}

// MinSize returns how small a plot may be.
func (r *plotRenderer) MinSize() fyne.Size { return fyne.NewSize(plotMinWidth, plotMinHeight) }

// Objects returns what is drawn, from back to front.
func (r *plotRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.mark}
	for _, l := range r.lines {
		out = append(out, l)
	}
	out = append(out, r.bars)
	for _, t := range r.texts {
		out = append(out, t)
	}
	return append(out, r.none, r.frame, r.tip)
}

// Layout places everything.
func (r *plotRenderer) Layout(size fyne.Size) {
	r.size = size
	r.place()
}

// Refresh draws everything anew.
func (r *plotRenderer) Refresh() {
	r.place()
	r.bars.Refresh()
	r.none.Refresh()
	r.tip.Refresh()
	canvas.Refresh(r.plot)
}

// area returns where everything stands in the plot as it is.
func (p *plot) area() area {
	return newArea(p.Size(), p.days, func(n int) float32 { return captionSize(number(n)).Width }, captionSize("0").Height+2)
}

// captionSize returns how large a small text is.
func captionSize(text string) fyne.Size {
	return fyne.MeasureText(text, theme.Size(theme.SizeNameCaptionText), fyne.TextStyle{})
}

func (r *plotRenderer) place() {
	a := r.plot.area()
	r.lines, r.texts = r.lines[:0], r.texts[:0]
	r.placeAxis(a)
	r.placeDays(a)
	r.bars.Move(fyne.NewPos(0, 0))
	r.bars.Resize(r.size)

	r.none.Move(fyne.NewPos(a.left, a.top+a.height/2-r.none.MinSize().Height/2))
	r.none.Resize(fyne.NewSize(a.width, r.none.MinSize().Height))
	r.none.Hidden = !r.plot.nothing()

	r.frame.StrokeColor, r.frame.StrokeWidth, r.frame.CornerRadius = themeColor(theme.ColorNamePrimary), 2, 4
	r.frame.Resize(r.size)
	r.frame.Hidden = !r.plot.byKey
	r.placeTip(a)
}

// nothing reports whether all numbers are 0: not while there are none yet.
func (p *plot) nothing() bool {
	if len(p.days) == 0 {
		return false
	}
	for _, d := range p.days {
		if d.total() > 0 {
			return false
		}
	}
	return true
}

func (r *plotRenderer) placeAxis(a area) {
	for value := 0; value <= a.max; value += a.step {
		name := colorLine
		if value == 0 {
			name = theme.ColorNameInputBorder
		}
		line := canvas.NewLine(themeColor(name))
		line.StrokeWidth = 1
		line.Position1, line.Position2 = fyne.NewPos(a.left, a.y(value)), fyne.NewPos(a.left+a.width, a.y(value))
		r.lines = append(r.lines, line)
		text := caption(number(value))
		size := captionSize(text.Text)
		text.Move(fyne.NewPos(a.left-plotGap-size.Width, a.y(value)-size.Height/2))
		text.Resize(size)
		r.texts = append(r.texts, text)
	}
}

func (r *plotRenderer) placeDays(a area) {
	widths := make([]float32, len(r.plot.days))
	for i, d := range r.plot.days {
		widths[i] = captionSize(d.label).Width
	}
	for _, l := range a.labels(widths) {
		text := caption(r.plot.days[l.day].label)
		text.Move(fyne.NewPos(l.x, a.top+a.height+2))
		text.Resize(captionSize(text.Text))
		r.texts = append(r.texts, text)
	}
}

// caption returns a small text of second rank.
func caption(text string) *canvas.Text {
	t := canvas.NewText(text, themeColor(colorSoft))
	t.TextSize = theme.Size(theme.SizeNameCaptionText)
	return t
}

// placeTip shows the numbers of a day beside its bar, where there is room.
func (r *plotRenderer) placeTip(a area) {
	shown := r.plot.at >= 0 && r.plot.at < len(r.plot.days)
	r.mark.Hidden, r.tip.Hidden = !shown, !shown
	if !shown {
		return
	}
	x, width := a.slot(r.plot.at)
	r.mark.FillColor = themeColor(theme.ColorNameHover)
	r.mark.Move(fyne.NewPos(x, a.top))
	r.mark.Resize(fyne.NewSize(width, a.height))

	r.tip.show(r.plot.days[r.plot.at], r.plot.series)
	size := r.tip.MinSize()
	left := x + width + 4
	if left+size.Width > r.size.Width {
		left = max(x-4-size.Width, 0)
	}
	r.tip.Resize(size)
	r.tip.Move(fyne.NewPos(left, a.top))
}

// draw draws the bars on a picture of w by h pixels.
func (r *plotRenderer) draw(w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	if r.size.Width < 1 {
		return img
	}
	a := r.plot.area()
	pixel := float32(w) / r.size.Width // pixels of the screen to a unit of the layout
	at := func(v float32) int { return int(v*pixel + 0.5) }
	for day, d := range r.plot.days {
		x, width := a.bar(day)
		for _, p := range a.parts(d.values) {
			s := r.plot.series[p.series]
			box := image.Rect(at(x), at(p.top), max(at(x+width), at(x)+1), at(p.bottom))
			if p.bottom < a.top+a.height-0.5 { // a gap parts it from the one below
				box.Max.Y -= max(at(1), 1)
			}
			paint(img, box, s, max(at(1), 1))
		}
	}
	return img
}

// paint fills a box with the pattern of a series. unit is how many pixels a line is thick.
func paint(img *image.NRGBA, box image.Rectangle, s series, unit int) {
	c := color.NRGBAModel.Convert(themeColor(s.color))
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			edge := x < box.Min.X+unit || x >= box.Max.X-unit || y < box.Min.Y+unit || y >= box.Max.Y-unit
			if edge || s.pattern.covers(x-box.Min.X, box.Max.Y-y, unit) {
				img.Set(x, y, c)
			}
		}
	}
}

// covers reports whether a pattern has its colour at a place.
func (p pattern) covers(x, y, unit int) bool {
	switch p {
	case patternSolid:
		return true
	case patternStripes:
		return (x+y)%(5*unit) < 2*unit
	case patternDots:
		return x%(4*unit) < 2*unit && y%(4*unit) < 2*unit
	default:
		return false
	}
}

// swatch is a piece of a series' bars.
type swatch struct {
	widget.BaseWidget
	series series
}

func newSwatch(s series) *swatch {
	w := &swatch{series: s}
	w.ExtendBaseWidget(w)
	return w
}

// CreateRenderer returns what draws the piece.
func (w *swatch) CreateRenderer() fyne.WidgetRenderer {
	raster := canvas.NewRaster(func(width, height int) image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, width, height))
		paint(img, img.Bounds(), w.series, max(width/14, 1))
		return img
	})
	raster.SetMinSize(fyne.NewSquareSize(14))
	return &swatchRenderer{WidgetRenderer: widget.NewSimpleRenderer(raster), raster: raster}
}

type swatchRenderer struct {
	fyne.WidgetRenderer
	raster *canvas.Raster
}

// Refresh draws the piece anew, as after a change of the theme.
func (r *swatchRenderer) Refresh() { r.raster.Refresh() }

// tip is the little box with the numbers of a day.
type tip struct {
	panel
	series []series
	day    *widget.Label
	values []*widget.Label // one for each of series
	rows   *fyne.Container
}

func newTip() *tip {
	t := &tip{day: newSmall(""), rows: container.New(&tightLayout{})}
	t.day.TextStyle.Bold = true
	t.day.Importance = widget.MediumImportance
	t.fill, t.line, t.radius, t.inset = theme.ColorNameOverlayBackground, colorLine, 6, 2
	t.body = container.New(&tightLayout{}, t.day, t.rows)
	t.ExtendBaseWidget(t)
	t.Hide()
	return t
}

func (t *tip) show(d chartDay, all []series) {
	t.day.SetText(d.label)
	if !slices.Equal(t.series, all) {
		t.series = all
		t.rows.RemoveAll()
		t.values = nil
		for _, s := range all {
			value := newSmall("")
			value.Importance = widget.MediumImportance
			t.values = append(t.values, value)
			t.rows.Add(newBorder(nil, nil, newFixed(24, container.NewCenter(newSwatch(s))), nil, value))
		}
	}
	for i, s := range all {
		t.values[i].SetText(number(d.values[i]) + "  " + s.name)
	}
}

// tightLayout places objects below each other, closer than their own margins would have it.
type tightLayout struct{}

// tight is how far two lines are pushed into each other's margins.
const tight = 12

// MinSize returns the size of all.
func (tightLayout) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for i, o := range objects {
		least := o.MinSize()
		size.Width = max(size.Width, least.Width)
		size.Height += least.Height
		if i > 0 {
			size.Height -= tight
		}
	}
	return size
}

// Layout places the objects.
func (tightLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	var y float32
	for _, o := range objects {
		h := o.MinSize().Height
		o.Resize(fyne.NewSize(size.Width, h))
		o.Move(fyne.NewPos(0, y))
		y += h - tight
	}
}
