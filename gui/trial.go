package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// trialView shows what came of trying something out: each step with its mark, and the verdict.
type trialView struct {
	steps   *fyne.Container
	verdict *bar
	content *fyne.Container
}

func newTrialView() *trialView {
	v := &trialView{steps: container.NewVBox(), verdict: newBar()}
	v.verdict.close.Hide()
	v.content = container.NewVBox(v.steps, v.verdict)
	v.content.Hide()
	return v
}

// begin says that it has begun.
func (v *trialView) begin(text string) {
	v.steps.RemoveAll()
	v.verdict.say(levelInfo, text)
	v.content.Show()
}

// fail says that it could not be tried.
func (v *trialView) fail(err error) {
	v.steps.RemoveAll()
	v.verdict.say(levelError, errorText(err))
	v.content.Show()
}

// clear shows nothing any more.
func (v *trialView) clear() { v.content.Hide() }

// show shows a trial. Steps have the texts trial.NAME, or the service's own names where there is none.
func (v *trialView) show(t localapi.Trial) {
	v.steps.RemoveAll()
	for _, step := range t.Steps {
		v.steps.Add(trialStep(step))
	}
	l := levelError
	if t.OK {
		l = levelOK
	}
	v.verdict.say(l, sentence(t.Verdict))
	v.content.Show()
}

func trialStep(step localapi.TrialStep) fyne.CanvasObject {
	l, word := levelError, tr("trial.failed")
	if step.OK {
		l, word = levelOK, tr("trial.ok")
	}
	name := has("trial.step."+step.Name, nil)
	if name == "" {
		name = step.Name
	}
	head := widget.NewLabelWithStyle(name, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	took := newSmall(tr("trial.took", args{"Word": word, "Milliseconds": step.TookMS}))
	icon := container.NewVBox(container.New(layout.NewCustomPaddedLayout(8, 0, 0, 0), widget.NewIcon(l.icon())))
	return newBorder(nil, nil, icon, nil, container.New(layout.NewCustomPaddedVBoxLayout(-8),
		newBorder(nil, nil, head, took), newHint(sentence(step.Detail))))
}
