package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// progressBar says in words what is being done, and how much of it is done where that is known. It never moves by itself: what
// moves all the time is drawn all the time, and says nothing.
type progressBar struct {
	text    *widget.Label
	part    *widget.ProgressBar
	content *fyne.Container
}

// newProgressBar returns one that is hidden until it has something to show.
func newProgressBar() *progressBar {
	p := &progressBar{text: newText(""), part: widget.NewProgressBar()}
	p.part.Hide()
	p.content = container.NewVBox(p.text, p.part)
	p.content.Hide()
	return p
}

// show says what is being done, and that done of total are; without a total there is no bar.
func (p *progressBar) show(text string, done, total int64) {
	p.text.SetText(text)
	if total > 0 {
		p.part.SetValue(min(float64(done)/float64(total), 1))
	}
	visible(p.part, total > 0)
	p.content.Show()
}

// clear hides it.
func (p *progressBar) clear() { p.content.Hide() }

// perMille tells a change of progress only where one could see it: at another step, or after a thousandth or a megabyte more.
func perMille(tell func(Progress)) func(Progress) {
	last, first := Progress{}, true
	mark := func(p Progress) int64 {
		if p.Total <= 0 {
			return p.Done >> 20
		}
		return p.Done * 1000 / p.Total
	}
	return func(p Progress) {
		if !first && p.Step == last.Step && p.Total == last.Total && mark(p) == mark(last) {
			return
		}
		last, first = p, false
		tell(p)
	}
}

// stepText returns what is being done in words, of its stable name; that of a checkup is the area it looks at.
func stepText(step string) string {
	if step == "" {
		return tr("upkeep.working")
	}
	if text := has("upkeep.step."+step, nil); text != "" {
		return text
	}
	if text := has("upkeep.area."+step, nil); text != "" {
		return tr("upkeep.looking", args{"Area": text})
	}
	return tr("upkeep.working")
}
