package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// pageWizard is the name of the page that sets up a new service. It has no place in the navigation.
const pageWizard = "wizard"

// wizardStep is one step of the wizard.
type wizardStep interface {
	// object returns what the step shows.
	object() fyne.CanvasObject
	// read reads what it shows anew.
	read()
	// save saves what was typed and tells whether the wizard may go on; nothing typed is nothing to save.
	save(done func(ok bool))
	// unsaved reports whether anything was typed that is not saved.
	unsaved() bool
	// first returns where the keyboard begins, nil for nowhere.
	first() fyne.Focusable
}

// wizardView leads through what a new service needs, one step after the other. Each of them can be left out, and stands on a page of its
// own too.
type wizardView struct {
	desk    *desk
	names   []string
	steps   []wizardStep
	at      int
	passed  map[int]bool // the steps that were gone through, not left out
	items   []*widget.Button
	grounds []*panel
	heading *widget.Label
	lead    *widget.Label
	body    *fyne.Container
	scroll  *container.Scroll
	back    *widget.Button
	skip    *widget.Button
	next    *widget.Button
	content fyne.CanvasObject
}

func newWizard(d *desk) *wizardView {
	v := &wizardView{desk: d, passed: map[int]bool{}, names: []string{"office", "address", "mail", "company", "link", "connectors", "done"}}
	var address *wizardAddress
	address = newWizardAddress(d, v.forward, func() {
		if v.steps[v.at] == wizardStep(address) {
			v.forward()
		}
	})
	v.steps = []wizardStep{
		newWizardFields(d, v.forward, "site_name", "contact"), address, newWizardMail(d), newWizardCompany(d, v.forward),
		newWizardFields(d, v.forward, "login_link"), newWizardConnectors(d), newWizardDone(d),
	}
	list := container.NewVBox()
	for i, name := range v.names {
		b := newButton(number(i+1)+". "+tr("wizard.step."+name), nil, func() { v.goTo(i) })
		b.Alignment, b.Importance = widget.ButtonAlignLeading, widget.LowImportance
		b.IconPlacement = widget.ButtonIconTrailingText
		ground := newPanel(theme.ColorNameBackground, "", 6, 0, b)
		v.items, v.grounds = append(v.items, b), append(v.grounds, ground)
		list.Add(ground)
	}
	v.heading, v.lead = newHeading(""), newText("")
	v.heading.SizeName = theme.SizeNameSubHeadingText
	v.body = container.NewStack()
	v.scroll = container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 0, 0, theme.ScrollBarSize()), v.body))
	v.back = newButton(tr("wizard.back"), theme.NavigateBackIcon(), func() { v.goTo(v.at - 1) })
	v.skip = newButton(tr("wizard.skip"), nil, v.leaveOut)
	v.next = newMainButton(tr("wizard.next"), theme.NavigateNextIcon(), v.forward)
	v.next.IconPlacement = widget.ButtonIconTrailingText
	foot := container.NewHBox(v.back, layout.NewSpacer(), v.skip, v.next)
	card := newCard("", newBorder(container.New(layout.NewCustomPaddedVBoxLayout(-6), v.heading, v.lead), nil, nil, nil, v.scroll))
	head := container.NewVBox(newTitle(tr("wizard.title")), address.pending.ground, address.pending.result)
	v.content = newBorder(head, container.NewVBox(gap(2), foot), newFixed(196, list), nil, card)
	return v
}

// Content returns the page.
func (v *wizardView) Content() fyne.CanvasObject { return v.content }

// Open begins, or reads the step in sight anew.
func (v *wizardView) Open(string) { v.show(v.at) }

// Changed reads the step in sight anew, unless something is typed.
func (v *wizardView) Changed(t topics) {
	if t.any(localapi.TopicSettings, localapi.TopicAddress, localapi.TopicCompanies, localapi.TopicConnectors, localapi.TopicMessages) && !v.Unsaved() {
		v.steps[v.at].read()
	}
}

// Unsaved reports whether the step in sight has something typed that is not saved.
func (v *wizardView) Unsaved() bool { return v.steps[v.at].unsaved() }

// show shows a step.
func (v *wizardView) show(i int) {
	v.at = i
	name := v.names[i]
	v.heading.SetText(tr("wizard.step." + name))
	v.lead.SetText(tr("wizard.lead." + name))
	for n, b := range v.items {
		fill := theme.ColorNameBackground
		b.Icon = nil
		if v.passed[n] {
			b.Icon = levelOK.icon()
		}
		if n == i {
			fill = theme.ColorNameSelection
		}
		b.Refresh()
		v.grounds[n].setFill(fill)
	}
	v.body.Objects = []fyne.CanvasObject{v.steps[i].object()}
	v.body.Refresh()
	v.scroll.ScrollToTop()
	last := i == len(v.steps)-1
	visible(v.back, i > 0)
	visible(v.skip, !last)
	v.next.SetText(tr("wizard.next"))
	v.next.SetIcon(theme.NavigateNextIcon())
	if last {
		v.next.SetText(tr("wizard.finish"))
		v.next.SetIcon(theme.ConfirmIcon())
	}
	v.next.Enable()
	v.desk.log.Debug("step shown", "step", name)
	v.steps[i].read()
	if first := v.steps[i].first(); first != nil {
		v.desk.window.Canvas().Focus(first)
	} else {
		v.desk.window.Canvas().Focus(v.next)
	}
}

// goTo goes to a step, and asks about what is not saved.
func (v *wizardView) goTo(i int) {
	if !v.Unsaved() {
		v.show(i)
		return
	}
	v.desk.confirm(tr("unsaved.title"), tr("unsaved.text"), tr("unsaved.leave"), func() { v.show(i) })
}

// leaveOut goes on without this step.
func (v *wizardView) leaveOut() { v.goTo(v.at + 1) }

// forward saves this step and goes on.
func (v *wizardView) forward() {
	at := v.at
	v.next.Disable()
	v.steps[at].save(func(ok bool) {
		if v.at != at {
			return
		}
		v.next.Enable()
		v.passed[at] = v.passed[at] || ok
		switch {
		case !ok:
		case at == len(v.steps)-1:
			v.desk.prefs.SetBool(prefWizard, true)
			v.desk.open(pageHome, "")
		default:
			v.show(at + 1)
		}
	})
}
