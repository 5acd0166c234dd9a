package gui

import (
	"fmt"
	"image/color"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

func TestScale(t *testing.T) {
	for _, c := range []struct{ most, step, top int }{
		{0, 1, 1},
		{1, 1, 1},
		{2, 1, 2},
		{4, 1, 4},
		{5, 2, 6},
		{8, 2, 8},
		{9, 5, 10},
		{11, 5, 15},
		{20, 5, 20},
		{21, 10, 30},
		{40, 10, 40},
		{41, 20, 60},
		{80, 20, 80},
		{81, 50, 100},
		{1234, 500, 1500},
		{50000, 20000, 60000},
		{987654321, 500000000, 1000000000},
	} {
		if step, top := scale(c.most); step != c.step || top != c.top {
			t.Errorf("scale(%d) = %d up to %d, want %d up to %d", c.most, step, top, c.step, c.top)
		}
	}
	for most := range 3000 {
		step, top := scale(most)
		if step < 1 || top < most || top < 1 || top%step != 0 || top/step > ticksMost || top-most >= step && most > 0 {
			t.Fatalf("scale(%d) = %d up to %d", most, step, top)
		}
	}
}

// areaOf returns an area whose letters are 7 wide and 14 high.
func areaOf(size fyne.Size, days []chartDay) area {
	return newArea(size, days, func(n int) float32 { return float32(7 * len(fmt.Sprint(n))) }, 14)
}

func daysOf(values ...[]int) []chartDay {
	days := make([]chartDay, len(values))
	for i, v := range values {
		days[i] = chartDay{label: fmt.Sprintf("%d Nov", i+1), values: v}
	}
	return days
}

// TestChartLayout lays out charts of every sort of numbers and sizes: nothing leaves the plot, nothing touches what it should not, and what
// is there is seen.
func TestChartLayout(t *testing.T) {
	many := make([][]int, 366)
	for i := range many {
		many[i] = []int{i % 7, i % 3, i % 2}
	}
	for name, values := range map[string][][]int{
		"none":        nil,
		"all zero":    {{0, 0}, {0, 0}, {0, 0}},
		"one day":     {{3, 1}},
		"a huge day":  {{1, 1, 1}, {0, 1, 0}, {250000, 1, 1}, {1, 0, 0}},
		"all small":   {{1}, {1}, {1}},
		"a year":      many,
		"short lists": {{1}, {1, 2}, {}},
	} {
		for _, size := range []fyne.Size{fyne.NewSize(220, 120), fyne.NewSize(376, 160), fyne.NewSize(1200, 300), fyne.NewSize(1, 1)} {
			days := daysOf(values...)
			a := areaOf(size, days)
			end := float32(0)
			for i, d := range days {
				x, width := a.bar(i)
				if x < end || width < 1 || x+width > a.left+a.width+1 {
					t.Errorf("%s %v: the bar of day %d from %g to %g after one to %g in %+v", name, size, i, x, x+width, end, a)
				}
				if size.Width > 200 && len(days) < 60 {
					end = x + width
				}
				checkParts(t, fmt.Sprintf("%s %v day %d", name, size, i), a, d)
			}
		}
	}
}

func checkParts(t *testing.T, name string, a area, d chartDay) {
	t.Helper()
	bottom := a.top + a.height
	seen := 0
	for _, p := range a.parts(d.values) {
		if p.bottom > bottom+0.01 || p.top >= p.bottom || p.top < a.top-0.01 {
			t.Errorf("%s: a part from %g to %g on one at %g in %+v", name, p.top, p.bottom, bottom, a)
		}
		if a.height > 50 && p.bottom-p.top < partLeast*0.8 {
			t.Errorf("%s: a part of %d is %g high and not seen", name, d.values[p.series], p.bottom-p.top)
		}
		bottom = p.top
		seen++
	}
	want := 0
	for _, v := range d.values {
		if v > 0 {
			want++
		}
	}
	if seen != want {
		t.Errorf("%s: %d parts are seen, want %d", name, seen, want)
	}
}

func TestChartHeights(t *testing.T) {
	a := areaOf(fyne.NewSize(400, 222), daysOf([]int{2, 1}, []int{4, 0}))
	if a.max != 4 || a.step != 1 || a.height != 200 {
		t.Fatalf("area %+v, want 200 high for 4", a)
	}
	if got, want := a.parts([]int{2, 1}), []part{{0, 108, 208}, {1, 58, 108}}; !slices.Equal(got, want) {
		t.Errorf("parts %v, want %v", got, want)
	}
	if a.y(0) != 208 || a.y(4) != 8 || a.y(1) != 158 {
		t.Errorf("0 at %g, 1 at %g, 4 at %g", a.y(0), a.y(1), a.y(4))
	}
	for _, c := range []struct {
		x, y float32
		day  int
	}{{0, 50, -1}, {a.left, 50, 0}, {a.left + a.width/2 - 1, 50, 0}, {a.left + a.width/2 + 1, 50, 1}, {399.9, 50, 1}, {400, 50, -1}, {200, -1, -1}} {
		if got := a.dayAt(fyne.NewPos(c.x, c.y)); got != c.day {
			t.Errorf("the day at %g,%g is %d, want %d", c.x, c.y, got, c.day)
		}
	}
}

// TestChartLabels tries every width: names never touch, are never cut, and today has its name wherever one has room.
func TestChartLabels(t *testing.T) {
	for _, n := range []int{1, 2, 7, 14, 30, 366} {
		days := make([]chartDay, n)
		widths := make([]float32, n)
		for i := range widths {
			widths[i] = []float32{30, 42, 38}[i%3]
		}
		for width := float32(80); width < 1300; width += 13 {
			a := areaOf(fyne.NewSize(width, 160), days)
			labels := a.labels(widths)
			if len(labels) == 0 || labels[0].day != n-1 {
				t.Fatalf("%d days %g wide: the names are %v, want today's first", n, width, labels)
			}
			right := a.left + a.width
			for i, l := range labels {
				if l.x < 0 || l.x+widths[l.day] > right+0.01 {
					t.Fatalf("%d days %g wide: name %d from %g to %g, where only %g is free", n, width, i, l.x, l.x+widths[l.day], right)
				}
				right = l.x - labelGap
			}
		}
	}
	if got := areaOf(fyne.NewSize(200, 100), nil).labels(nil); got != nil {
		t.Errorf("names of no days: %v", got)
	}
}

func newTestChart(t *testing.T) (*testDesk, *chart) {
	t.Helper()
	d := newTestDesk(t, nil)
	c := newChart("Nothing", series{"Made", colorBar, patternSolid}, series{"Open", colorWait, patternStripes})
	d.window.SetContent(container.NewStack(c.content))
	d.window.Resize(fyne.NewSize(400, 260))
	return d, c
}

func TestChartHover(t *testing.T) {
	d, c := newTestChart(t)
	d.sees("Made", "Open")
	d.seesNot("Nothing") // nobody knows yet
	c.show(daysOf([]int{0, 0}, []int{0, 0}), "two days")
	d.sees("Nothing")
	c.show(daysOf([]int{1, 2}, []int{1500, 0}, []int{0, 7}), "three days")
	d.sees("three days")
	d.seesNot("Nothing", "1  Made")
	a := c.plot.area()
	hover := func(day int) {
		x, width := a.slot(day)
		e := &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x+width/2, 40)}}
		c.plot.MouseMoved(e)
	}
	c.plot.MouseIn(&desktop.MouseEvent{})
	d.seesNot("Made\n1 Nov", "1  Made")
	for day, want := range [][]string{{"1 Nov", "1  Made", "2  Open"}, {"2 Nov", "1\u202f500  Made", "0  Open"}, {"3 Nov", "0  Made", "7  Open"}} {
		hover(day)
		d.sees(want...)
		r, ok := test.WidgetRenderer(c.plot).(*plotRenderer)
		if !ok {
			t.Fatal("a plot is drawn by another renderer")
		}
		at, size := r.tip.Position(), r.tip.Size()
		if at.X < 0 || at.Y < 0 || at.X+size.Width > c.plot.Size().Width || at.Y+size.Height > c.plot.Size().Height {
			t.Errorf("day %d: the numbers stand at %v with %v in a plot of %v", day, at, size, c.plot.Size())
		}
	}
	c.plot.MouseOut()
	d.seesNot("7  Open")
}

func TestChartKeys(t *testing.T) {
	d, c := newTestChart(t)
	c.plot.FocusGained() // nothing to show: nothing happens
	c.plot.TypedKey(&fyne.KeyEvent{Name: fyne.KeyLeft})
	c.plot.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	c.plot.FocusLost()
	c.show(daysOf([]int{1, 0}, []int{2, 0}, []int{3, 0}), "")
	canvas := d.window.Canvas()
	canvas.Focus(c.plot)
	d.sees("3 Nov", "3  Made")
	for _, step := range []struct {
		key  fyne.KeyName
		want int
	}{
		{fyne.KeyLeft, 1},
		{fyne.KeyLeft, 0},
		{fyne.KeyLeft, 0},
		{fyne.KeyRight, 1},
		{fyne.KeyEnd, 2},
		{fyne.KeyRight, 2},
		{fyne.KeyHome, 0},
		{fyne.KeyEscape, -1},
		{fyne.KeyLeft, 2},
		{fyne.KeyEscape, -1},
		{fyne.KeyRight, 0},
	} {
		c.plot.TypedKey(&fyne.KeyEvent{Name: step.key})
		if c.plot.at != step.want {
			t.Fatalf("after %s day %d, want %d", step.key, c.plot.at, step.want)
		}
	}
	c.plot.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
	c.show(daysOf([]int{1, 0}), "") // the day that was shown is gone
	d.sees("1 Nov")
	canvas.Unfocus()
	d.seesNot("1  Made")
}

// TestChartPatterns draws bars and looks at the dots: kinds differ by more than their colour.
func TestChartPatterns(t *testing.T) {
	newTestDesk(t, nil)
	filled := map[pattern]int{}
	for _, p := range []pattern{patternSolid, patternStripes, patternDots, patternHollow} {
		w := newSwatch(series{"x", colorBar, p})
		w.Resize(fyne.NewSize(14, 14))
		r, ok := test.WidgetRenderer(w).(*swatchRenderer)
		if !ok {
			t.Fatal("a swatch is drawn by another renderer")
		}
		img := r.raster.Generator(28, 28)
		for y := range 28 {
			for x := range 28 {
				if _, _, _, alpha := img.At(x, y).RGBA(); alpha > 0 {
					filled[p]++
				} else if x == 0 || y == 0 || x == 27 || y == 27 {
					t.Errorf("pattern %d has no frame at %d,%d", p, x, y)
				}
			}
		}
	}
	if filled[patternSolid] != 28*28 {
		t.Errorf("a solid piece has %d dots of %d", filled[patternSolid], 28*28)
	}
	for p, n := range filled {
		for q, m := range filled {
			if p < q && n-m < 28*28/12 {
				t.Errorf("patterns %d and %d have %d and %d dots: too much alike", p, q, n, m)
			}
		}
	}
}

// TestChartDraws draws on a screen with two dots to the unit and finds the bars where the layout has them.
func TestChartDraws(t *testing.T) {
	_, c := newTestChart(t)
	c.show(daysOf([]int{4, 0}, []int{2, 0}, []int{0, 0}), "")
	r, ok := test.WidgetRenderer(c.plot).(*plotRenderer)
	if !ok {
		t.Fatal("a plot is drawn by another renderer")
	}
	size, a := c.plot.Size(), c.plot.area()
	img := r.bars.Generator(int(size.Width*2), int(size.Height*2))
	want := color.NRGBAModel.Convert(themeColor(colorBar))
	at := func(day int, value float32) color.Color {
		x, width := a.slot(day)
		y := a.top + a.height*(1-value/float32(a.max))
		return img.At(int((x+width/2)*2), int(y*2))
	}
	for _, c := range []struct {
		day   int
		value float32
		bar   bool
	}{{0, 0.1, true}, {0, 3.9, true}, {1, 1.9, true}, {1, 2.1, false}, {2, 0.1, false}} {
		if got := at(c.day, c.value) == want; got != c.bar {
			t.Errorf("day %d at %g: drawn %v, want %v", c.day, c.value, got, c.bar)
		}
	}
}

// TestChartLooksOfTheTheme draws the same chart in both themes: the bars have the colours of each.
func TestChartLooksOfTheTheme(t *testing.T) {
	d, c := newTestChart(t)
	c.show(daysOf([]int{1, 0}), "")
	c.plot.point(0)
	r, ok := test.WidgetRenderer(c.plot).(*plotRenderer)
	if !ok {
		t.Fatal("a plot is drawn by another renderer")
	}
	for _, variant := range []fyne.ThemeVariant{0, 1} {
		l := newLook()
		l.fixed = &variant
		d.app.Settings().SetTheme(l)
		c.plot.Refresh()
		a := c.plot.area()
		x, width := a.slot(0)
		img := r.bars.Generator(int(c.plot.Size().Width), int(c.plot.Size().Height))
		if got, want := img.At(int(x+width/2), int(a.y(0))-5), color.NRGBAModel.Convert(l.Color(colorBar, variant)); got != want {
			t.Errorf("variant %d: a bar is %v, want %v", variant, got, want)
		}
		if got, want := r.tip.ground.FillColor, l.Color(theme.ColorNameOverlayBackground, variant); got != want {
			t.Errorf("variant %d: the numbers stand on %v, want %v", variant, got, want)
		}
		if got, want := r.texts[0].Color, l.Color(colorSoft, variant); got != want {
			t.Errorf("variant %d: a number is %v, want %v", variant, got, want)
		}
	}
}

func TestUnconfirmed(t *testing.T) {
	for _, c := range []struct {
		requests, accounts, want []int
	}{
		{[]int{3}, []int{1}, []int{2}},
		{[]int{3, 0}, []int{1, 2}, []int{0, 0}}, // confirmed the day after
		{[]int{3, 0, 0}, []int{1, 0, 2}, []int{2, 0, 0}},
		{[]int{2, 1}, []int{0, 2}, []int{1, 0}},
		{[]int{0, 0}, []int{5, 5}, []int{0, 0}}, // requests of before, or by a connector
		{nil, nil, []int{}},
	} {
		days := make([]localapi.Day, len(c.requests))
		for i := range days {
			days[i] = localapi.Day{Requests: c.requests[i], Accounts: c.accounts[i]}
		}
		if got := unconfirmed(days); !slices.Equal(got, c.want) {
			t.Errorf("requests %v and accounts %v leave %v, want %v", c.requests, c.accounts, got, c.want)
		}
	}
}

// TestMailChartCaptured shows what is only kept here as a kind of its own, where there is any.
func TestMailChartCaptured(t *testing.T) {
	d := newTestDesk(t, nil)
	c := newMailChart()
	d.window.SetContent(container.NewStack(c.content))
	showMails(c, []localapi.Day{{Day: "2026-11-25", Delivered: 2, Failed: 1}, {Day: "2026-11-26", Deferred: 1}})
	d.sees("2 days: 2 delivered, 1 waiting, 1 failed.")
	d.seesNot("Kept here")
	showMails(c, []localapi.Day{{Day: "2026-11-25", Captured: 12}, {Day: "tomorrow"}})
	d.sees("2 days: 0 delivered, 0 waiting, 0 failed, 12 kept here.", "Kept here")
	c.plot.point(0)
	d.sees("25 Nov", "12  Kept here")
	showMails(c, []localapi.Day{{Day: "2026-11-25", Delivered: 1}})
	d.seesNot("Kept here")
	if labels := countLabels(c.legend); labels != 3 {
		t.Errorf("the legend has %d names, want 3", labels)
	}
}

func countLabels(o fyne.CanvasObject) int {
	n := 0
	walk(o, func(o fyne.CanvasObject) {
		if _, ok := o.(*widget.Label); ok {
			n++
		}
	})
	return n
}
