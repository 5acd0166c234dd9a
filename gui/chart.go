package gui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// pattern is how a part of a bar is filled, so that parts are told apart without their colours.
type pattern int

const (
	patternSolid   pattern = iota
	patternStripes         // slanting stripes in a frame
	patternDots            // dots in a frame
	patternHollow          // a frame
)

// series is one kind of thing that a chart counts.
type series struct {
	name    string // as the legend says it
	color   fyne.ThemeColorName
	pattern pattern
}

// chartDay is one bar: what was counted on a day, one number for each of the chart's series.
type chartDay struct {
	label  string // below the bar, where there is room
	values []int  // what has no series of its own is 0
}

func (d chartDay) total() int {
	sum := 0
	for _, v := range d.values {
		sum += v
	}
	return sum
}

// chart is a stacked bar for each of some days, with a legend above and, for those who cannot see the bars, a summary below.
// The numbers of a day are shown while the pointer is over it; with the keyboard, the arrow keys go from day to day.
type chart struct {
	plot    *plot
	legend  *fyne.Container
	summary *widget.Label
	content fyne.CanvasObject
}

// newChart returns a chart that shows nothing yet. empty is what it says when all its numbers are 0.
func newChart(empty string, s ...series) *chart {
	c := &chart{plot: newPlot(empty), summary: newHint("")}
	c.legend = container.New(layout.NewRowWrapLayoutWithCustomPadding(theme.Padding()*2, 0))
	c.setSeries(s)
	// Labels have a margin of their own, with which the rest is in line.
	inset := layout.NewCustomPaddedLayout(0, 0, theme.InnerPadding(), 0)
	c.content = newBorder(container.New(inset, c.legend), newFixedHeight(summaryHeight, c.summary), nil, nil, container.New(inset, c.plot))
	return c
}

// summaryHeight is two lines, so that charts side by side are in line whatever they say.
const summaryHeight = 50

// setSeries counts other things from now on.
func (c *chart) setSeries(s []series) {
	if slices.Equal(c.plot.series, s) {
		return
	}
	c.plot.series = s
	c.legend.RemoveAll()
	for _, one := range s {
		c.legend.Add(newLegend(one))
	}
}

// show shows other days, and says in summary what they come to.
func (c *chart) show(days []chartDay, summary string) {
	c.plot.show(days)
	if c.summary.Text != summary {
		c.summary.SetText(summary)
	}
}

// newLegend returns the name of a series after a piece of its bars.
func newLegend(s series) fyne.CanvasObject {
	box := newSwatch(s)
	name := newSmall(s.name)
	return container.New(layout.NewCustomPaddedHBoxLayout(0), container.NewCenter(box), name)
}

// plot is the bars of a chart with their axes.
type plot struct {
	widget.BaseWidget
	empty  string
	series []series
	days   []chartDay
	at     int // the day whose numbers are shown, -1 for none
	byKey  bool
}

var (
	_ desktop.Hoverable = (*plot)(nil)
	_ fyne.Focusable    = (*plot)(nil)
)

func newPlot(empty string) *plot {
	p := &plot{empty: empty, at: -1}
	p.ExtendBaseWidget(p)
	return p
}

func (p *plot) show(days []chartDay) {
	p.days = days
	if p.at >= len(days) {
		p.at = len(days) - 1
	}
	p.Refresh()
}

// point shows the numbers of a day, -1 for none.
func (p *plot) point(day int) {
	day = min(max(day, -1), len(p.days)-1)
	if day != p.at {
		p.at = day
		p.Refresh()
	}
}

// MouseIn shows the numbers of the day below the pointer.
func (p *plot) MouseIn(e *desktop.MouseEvent) { p.MouseMoved(e) }

// MouseMoved shows the numbers of the day below the pointer.
func (p *plot) MouseMoved(e *desktop.MouseEvent) { p.point(p.area().dayAt(e.Position)) }

// MouseOut hides the numbers.
func (p *plot) MouseOut() { p.point(-1) }

// FocusGained shows the numbers of the last day.
func (p *plot) FocusGained() {
	p.byKey = true
	p.at = len(p.days) - 1
	p.Refresh()
}

// FocusLost hides the numbers.
func (p *plot) FocusLost() {
	p.byKey = false
	p.at = -1
	p.Refresh()
}

// TypedRune takes no letters.
func (p *plot) TypedRune(rune) {}

// TypedKey goes from day to day.
func (p *plot) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyLeft:
		if p.at < 0 {
			p.at = len(p.days)
		}
		p.point(max(p.at-1, 0))
	case fyne.KeyRight:
		p.point(p.at + 1)
	case fyne.KeyHome:
		p.point(0)
	case fyne.KeyEnd:
		p.point(len(p.days) - 1)
	case fyne.KeyEscape:
		p.point(-1)
	default:
	}
}

// The measures of a plot.
const (
	plotMinWidth  = 220
	plotMinHeight = 120
	plotTop       = 8 // above the highest line, for half of its number
	plotGap       = 6 // between the numbers of the axis and the bars
	labelGap      = 8 // between the names of two days
	ticksMost     = 4 // lines above the one of 0
)

// area says where everything of a plot stands.
type area struct {
	left, top     float32 // of the bars
	width, height float32
	max           int // what the full height stands for
	step          int // between two lines
	days          int
}

// newArea finds room for the numbers of the axis, which are numberWidth wide, and for the names of days below.
func newArea(size fyne.Size, days []chartDay, numberWidth func(int) float32, labelHeight float32) area {
	most := 0
	for _, d := range days {
		most = max(most, d.total())
	}
	step, top := scale(most)
	left := numberWidth(top) + plotGap
	return area{
		left: left, top: plotTop, max: top, step: step, days: len(days),
		width: max(size.Width-left, 1), height: max(size.Height-plotTop-labelHeight, 1),
	}
}

// scale returns how far the lines of an axis stand apart so that few of them reach most, and where the last one stands. Both
// are whole numbers: there are no half accounts.
func scale(most int) (step, top int) {
	step = 1
	for i := 0; most > step*ticksMost; i++ { // 1, 2, 5, 10, 20, 50
		if i%3 == 1 {
			step = step * 5 / 2
		} else {
			step *= 2
		}
	}
	top = max((most+step-1)/step, 1) * step
	return step, top
}

// slot returns where the day's part of the width begins and how wide it is.
func (a area) slot(day int) (x, width float32) {
	width = a.width / float32(max(a.days, 1))
	return a.left + float32(day)*width, width
}

// bar returns where the day's bar stands: it leaves some of its slot free.
func (a area) bar(day int) (x, width float32) {
	x, slot := a.slot(day)
	width = min(max(slot*0.7, 1), 34)
	return x + (slot-width)/2, width
}

// y returns how high a number stands.
func (a area) y(value int) float32 {
	return a.top + a.height - a.height*float32(value)/float32(a.max)
}

// dayAt returns the day at a place, -1 for none.
func (a area) dayAt(at fyne.Position) int {
	if a.days == 0 || at.X < a.left || at.X >= a.left+a.width || at.Y < 0 {
		return -1
	}
	_, width := a.slot(0)
	return min(int((at.X-a.left)/width), a.days-1)
}

// partLeast is how high a part of a bar is at least: one among thousands is seen too.
const partLeast = 3

// part is one part of a bar.
type part struct {
	series      int
	top, bottom float32
}

// parts returns the parts of a bar from below. What is not 0 is seen, and nothing is higher than the area.
func (a area) parts(values []int) []part {
	var out []part
	bottom := a.top + a.height
	for i, v := range values {
		if v <= 0 {
			continue
		}
		h := max(a.height*float32(v)/float32(a.max), partLeast)
		out = append(out, part{series: i, top: bottom - h, bottom: bottom})
		bottom -= h
	}
	if len(out) > 0 && bottom < a.top { // the small ones have taken too much
		shrink := a.height / (a.top + a.height - bottom)
		for i := range out {
			base := a.top + a.height
			out[i].top, out[i].bottom = base-(base-out[i].top)*shrink, base-(base-out[i].bottom)*shrink
		}
	}
	return out
}

// placed is a text with where it begins.
type placed struct {
	day int
	x   float32
}

// labels returns which days have their name below their bar, and where, so that no two of them touch and none is cut off: the last
// day, which is today, and then every so many before it.
func (a area) labels(widths []float32) []placed {
	if a.days == 0 {
		return nil
	}
	var widest float32
	for _, w := range widths {
		widest = max(widest, w)
	}
	_, slot := a.slot(0)
	every := 1
	for float32(every)*slot < widest+labelGap && every < a.days {
		every++
	}
	var out []placed
	right := a.left + a.width // where the name of the day before must end
	for day := a.days - 1; day >= 0; day -= every {
		x, width := a.slot(day)
		x = min(x+(width-widths[day])/2, right-widths[day])
		if x < 0 {
			break
		}
		out = append(out, placed{day: day, x: x})
		right = x - labelGap
	}
	return out
}
