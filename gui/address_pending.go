package gui

import (
	"context"
	"math"
	"time"

	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// addressPending asks whether a new address is to be kept while the time runs in which it is tried, and says what has become of it.
type addressPending struct {
	desk    *desk
	settled func(localapi.Address, localapi.Settings) // is told how it is when nothing waits any more
	now     func() time.Time

	change *localapi.Pending // nil when nothing waits
	busy   bool
	kept   bool   // what has waited last is kept
	asked  int    // numbers what is tried, so that a late answer is dropped
	stop   func() // ends the count

	question *widget.Label
	keep     *widget.Button
	back     *widget.Button
	trial    *trialView
	ground   *panel
	result   *bar
}

func newAddressPending(d *desk, settled func(localapi.Address, localapi.Settings)) *addressPending {
	p := &addressPending{desk: d, settled: settled, now: time.Now, stop: func() {}, question: newText(""), trial: newTrialView(), result: newBar()}
	p.question.TextStyle.Bold = true
	p.keep = newMainButton(tr("address.keep"), theme.ConfirmIcon(), func() { p.decide(p.keep, d.client.KeepAddress, "address.kept") })
	p.back = newButton(tr("address.back"), theme.ContentUndoIcon(), func() { p.decide(p.back, d.client.RevertAddress, "address.reverted") })
	icon := container.NewVBox(container.New(layout.NewCustomPaddedLayout(8, 0, 4, 0), widget.NewIcon(levelWarning.icon())))
	head := newBorder(nil, nil, icon, container.NewCenter(container.NewHBox(p.keep, p.back)),
		container.New(layout.NewCustomPaddedVBoxLayout(-8), p.question, newHint(tr("address.keep.hint"))))
	p.ground = newPanel(colorWarnTint, colorLine, 8, 6, container.NewVBox(head, p.trial.content))
	p.ground.Hide()
	return p
}

// waits reports whether a change waits for somebody to keep it.
func (p *addressPending) waits() bool { return p.change != nil }

// clear forgets what was said of the last change.
func (p *addressPending) clear() { p.result.clear() }

// show shows what waits, or what has become of it.
func (p *addressPending) show(change *localapi.Pending, settings localapi.Settings) {
	switch {
	case change != nil && p.change != nil && p.change.Until.Equal(change.Until):
		p.count()
	case change != nil:
		p.stop()
		p.asked++
		p.change, p.busy = change, false
		p.trial.clear()
		p.result.clear()
		p.ground.Show()
		p.count()
		p.desk.window.Content().Refresh() // makes room
	case p.change != nil:
		p.ended(settings)
	}
}

// ended says what has become of a change that waits no more though nobody has decided here.
func (p *addressPending) ended(settings localapi.Settings) {
	if p.isKept(settings) {
		p.end(levelOK, tr("address.kept"))
		return
	}
	p.end(levelWarning, tr("address.went_back"))
}

// isKept reports whether the settings are those that were tried.
func (p *addressPending) isKept(settings localapi.Settings) bool {
	p.kept = true
	for key, value := range p.change.Changes {
		p.kept = p.kept && settings[key].Text == value
	}
	return p.kept
}

// end shows no question any more, but what has become of it.
func (p *addressPending) end(l level, text string) {
	p.stop()
	p.asked++
	p.change, p.busy = nil, false
	p.ground.Hide()
	p.result.say(l, text)
	p.desk.window.Content().Refresh()
}

// count says how long there is, and asks the service when the time is over.
func (p *addressPending) count() {
	p.stop()
	if p.change == nil {
		return
	}
	left := int(math.Ceil(p.change.Until.Sub(p.now()).Seconds()))
	enable(p.keep, left > 0 && !p.busy)
	enable(p.back, left > 0 && !p.busy)
	if left > 0 {
		p.question.SetText(tr("address.keep.question", args{"Seconds": left}))
		p.stop = p.desk.later(time.Second, p.count)
		return
	}
	p.question.SetText(tr("address.going_back"))
	p.stop = p.desk.later(time.Second, func() {
		p.read()
		p.count()
	})
}

// read asks how it stands.
func (p *addressPending) read() {
	asked := p.asked
	p.desk.run(func(ctx context.Context) func() {
		address, settings, err := readAddress(ctx, p.desk.client)
		return func() {
			switch {
			case asked != p.asked:
			case err != nil:
				p.desk.failed(p.result, err)
			default:
				p.show(address.Pending, settings)
				if !p.waits() {
					p.settled(address, settings)
				}
			}
		}
	})
}

// decide keeps the change or undoes it. done is the key of what to say then.
func (p *addressPending) decide(b *widget.Button, do func(context.Context) (localapi.Address, error), done string) {
	word := b.Text
	p.busy = true
	b.SetText(tr("address.deciding"))
	p.count()
	p.desk.run(func(ctx context.Context) func() {
		address, err := do(ctx)
		var settings localapi.Settings
		if err == nil {
			settings, err = p.desk.client.Settings(ctx)
		}
		return func() {
			b.SetText(word)
			p.busy = false
			switch {
			case app.ReasonOf(err) == "address_settled":
				p.read()
			case err != nil:
				p.count()
				p.desk.failed(p.result, err)
			case p.change == nil: // it was read before that nothing waits, and what has become of it was told
			default:
				p.isKept(settings)
				p.end(levelOK, tr(done))
				p.settled(address, settings)
			}
		}
	})
}

// test tries the new address meanwhile and shows what is wrong with it, or that all is well.
func (p *addressPending) test(address string) {
	if !p.waits() || address == "" {
		return
	}
	asked := p.asked
	p.trial.begin(tr("address.testing"))
	testAddress(p.desk, address, func(t localapi.Trial, err error) {
		if asked != p.asked {
			return
		}
		if err != nil {
			p.trial.fail(err)
			return
		}
		wrong := t
		wrong.Steps = nil
		for _, step := range t.Steps {
			if !step.OK {
				wrong.Steps = append(wrong.Steps, step)
			}
		}
		p.trial.show(wrong)
	})
}
