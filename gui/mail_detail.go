package gui

import (
	"context"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// mailRights says what can be done with a mail.
type mailRights struct{ retry, hold, release, remove bool }

// mailMay returns what the service allows with a mail of a state, as far as it makes sense: what was delivered is not sent
// again, and what is captured leaves only by a transport that sends.
func mailMay(state, transport string) mailRights {
	return mailRights{
		retry:   state == mailQueued || state == mailDeferred || state == mailFailed || (state == mailCaptured && transport != mailCapture && transport != ""),
		hold:    state == mailQueued || state == mailDeferred,
		release: state == mailHeld,
		remove:  state != mailSending,
	}
}

// mailDetail is one mail: what became of it, and the message as it is sent.
type mailDetail struct {
	desk      *desk
	id        string // "" for none
	message   localapi.MessageDetail
	here      bool   // message is that of id
	transport string // by which mail leaves now
	large     bool   // it has the whole page
	working   bool   // something is done with it at this moment
	query     int
	closed    func()
	grown     func()
	changed   func() // tells that something was done with the mail

	state   *pill
	subject *widget.Label
	size    *widget.Button
	tabs    *mailTabs
	buttons struct{ retry, hold, release, remove *widget.Button }
	bar     *bar
	events  *mailEvents
	parts   *mailParts
	head    *fyne.Container
	content fyne.CanvasObject
}

func newMailDetail(d *desk) *mailDetail {
	v := &mailDetail{desk: d, state: newPill("", levelPlain), subject: newHeading(""), bar: newBar(), events: newMailEvents(), parts: newMailParts(d)}
	v.subject.Truncation = fyne.TextTruncateEllipsis
	v.size = newButton("", theme.ViewFullScreenIcon(), func() { v.grow(!v.large) })
	leave := newButton("", theme.CancelIcon(), func() { v.large = false; v.closed() })
	v.size.Importance, leave.Importance = widget.LowImportance, widget.LowImportance
	v.buttons.retry = newButton(tr("mail.retry"), theme.ViewRefreshIcon(), v.retry)
	v.buttons.hold = newButton(tr("mail.hold"), theme.MediaPauseIcon(), v.hold)
	v.buttons.release = newButton(tr("mail.release"), theme.MediaPlayIcon(), v.release)
	v.buttons.remove = newButton(tr("mail.remove"), theme.DeleteIcon(), func() { v.askRemove(v.message.Message) })
	v.tabs = newMailTabs([]string{tr("mail.part.events"), tr("mail.part.text"), tr("mail.part.html"), tr("mail.part.source")},
		[]fyne.CanvasObject{v.events.content, v.parts.text, v.parts.html, v.parts.source}, func(int) { v.showPart() })
	v.tabs.ground(colorSurface)
	v.head = newBorder(nil, nil, mailMiddle(v.state), container.NewHBox(v.size, leave), v.subject)
	actions := container.NewHBox(v.buttons.retry, v.buttons.hold, v.buttons.release, v.buttons.remove)
	row := newBorder(nil, nil, v.tabs.bar, actions, layout.NewSpacer())
	v.content = newPanel(colorSurface, colorLine, 10, 6, newBorder(container.NewVBox(v.head, row, v.bar), nil, nil, nil, v.tabs.body))
	return v
}

// open shows the mail of an id; "" shows none.
func (v *mailDetail) open(id string) {
	if id == v.id {
		return
	}
	v.id, v.here, v.message = id, false, localapi.MessageDetail{}
	if id == "" {
		v.large = false
		v.size.SetIcon(theme.ViewFullScreenIcon())
	}
	v.bar.clear()
	v.read()
	v.show()
}

// grow gives the mail the whole page, or the lower part of it.
func (v *mailDetail) grow(large bool) {
	v.large = large
	if large {
		v.size.SetIcon(theme.ViewRestoreIcon())
		if v.tabs.at == 0 {
			v.tabs.choose(1)
		}
	} else {
		v.size.SetIcon(theme.ViewFullScreenIcon())
	}
	v.grown()
}

// read asks for the mail anew.
func (v *mailDetail) read() {
	v.query++
	if v.id == "" {
		return
	}
	id, query := v.id, v.query
	v.desk.run(func(ctx context.Context) func() {
		message, err := v.desk.client.Message(ctx, id)
		return func() {
			switch {
			case query != v.query:
			case app.CodeOf(err) == app.NotFound && v.here: // it was removed, or kept long enough
				v.closed()
			case err != nil:
				v.desk.failed(v.bar, err)
			default:
				v.message, v.here = message, true
				v.show()
			}
		}
	})
}

func (v *mailDetail) show() {
	m := v.message
	v.subject.SetText("")
	if v.here {
		v.subject.SetText(m.Subject + "  ·  " + m.Recipient)
	}
	visible(v.state, v.here)
	v.state.set(mailStateText(m.State), mailStateLevel(m.State))
	v.head.Refresh()
	v.events.show(m, v.here)
	v.enable()
	v.showPart()
}

// enable allows what can be done with the mail.
func (v *mailDetail) enable() {
	can := mailRights{}
	if v.here && !v.working {
		can = mailMay(v.message.State, v.transport)
	}
	enable(v.buttons.retry, can.retry)
	enable(v.buttons.hold, can.hold)
	enable(v.buttons.release, can.release)
	enable(v.buttons.remove, can.remove)
}

// showPart shows the part of the message whose tab is chosen.
func (v *mailDetail) showPart() {
	if v.here {
		v.parts.show(v.message.Data, v.tabs.at)
	}
}

func (v *mailDetail) retry() {
	v.do(v.buttons.retry, v.desk.client.RetryMessage, tr("mail.retried"))
}

func (v *mailDetail) hold() { v.do(v.buttons.hold, v.desk.client.HoldMessage, tr("mail.held_one")) }

func (v *mailDetail) release() {
	v.do(v.buttons.release, v.desk.client.ReleaseMessage, tr("mail.released_one"))
}

// do does something with the mail, under the words of the button.
func (v *mailDetail) do(b *widget.Button, call func(context.Context, string) (localapi.Message, error), told string) {
	if v.working {
		return
	}
	id, done := v.id, v.begin(b, tr("mail.saving"))
	v.desk.run(func(ctx context.Context) func() {
		_, err := call(ctx, id)
		return func() {
			done()
			if err != nil {
				v.desk.failed(v.bar, err)
				return
			}
			v.bar.clear()
			v.desk.tell(told)
			v.changed()
		}
	})
}

// begin allows nothing else while something is done, under the words of its button; done is called when that has ended.
func (v *mailDetail) begin(b *widget.Button, text string) (done func()) {
	v.working = true
	v.enable()
	back := mailBusy(b, text)
	return func() {
		v.working = false
		back()
		v.enable()
	}
}

// askRemove asks whether a mail is to be removed, and says what that means.
func (v *mailDetail) askRemove(m localapi.Message) {
	values := args{"Recipient": m.Recipient, "Subject": m.Subject}
	text := tr("mail.remove_text", values)
	switch m.State {
	case mailDelivered:
		text = tr("mail.remove_delivered", values)
	case mailFailed, mailCaptured:
		text = tr("mail.remove_ended", values)
	}
	v.desk.confirm(tr("mail.remove_title"), text, tr("mail.remove"), func() { v.remove(m.ID) })
}

func (v *mailDetail) remove(id string) {
	done := v.begin(v.buttons.remove, tr("mail.removing"))
	v.desk.run(func(ctx context.Context) func() {
		err := v.desk.client.RemoveMessage(ctx, id)
		return func() {
			done()
			if err != nil {
				v.desk.failed(v.bar, err)
				return
			}
			v.desk.tell(tr("mail.removed"))
			if v.id == id {
				v.closed()
			}
			v.changed()
		}
	})
}

// mailEvents says what became of a mail.
type mailEvents struct {
	verdict *widget.Label
	facts   map[string]*widget.Label
	boxes   map[string]*fyne.Container
	last    *widget.Label
	steps   *fyne.Container
	inner   *fyne.Container
	content *container.Scroll
}

func newMailEvents() *mailEvents {
	e := &mailEvents{verdict: newText(""), facts: map[string]*widget.Label{}, boxes: map[string]*fyne.Container{}, last: newHeading(tr("mail.last_attempt")), steps: container.NewVBox()}
	e.verdict.Selectable = true
	line := func(name string) fyne.CanvasObject {
		e.boxes[name], e.facts[name] = newFact(tr("mail.fact." + name))
		return e.boxes[name]
	}
	wide := container.NewVBox(line("reply"))
	left := container.NewVBox(line("to"), line("from"), line("kind"))
	right := container.NewVBox(line("created"), line("attempts"), line("next"), line("expires"))
	e.inner = container.NewVBox(e.verdict, wide, e.last, e.steps, container.NewGridWithColumns(2, left, right))
	e.content = mailScroll(e.inner)
	return e
}

func (e *mailEvents) show(m localapi.MessageDetail, here bool) {
	visible(e.inner, here)
	e.verdict.SetText(mailVerdict(m))
	from := m.Sender
	if from == "" {
		from = tr("mail.no_sender")
	}
	for name, text := range map[string]string{
		"reply": m.Reply, "to": m.Recipient, "from": from, "kind": mailKind(m.Message), "created": moment(m.CreatedAt),
		"attempts": strconv.Itoa(m.Attempts), "next": momentOf(m.NextAttempt), "expires": momentOf(m.ExpiresAt),
	} {
		e.facts[name].SetText(text)
		visible(e.boxes[name], text != "")
	}
	visible(e.last, len(m.Steps) > 0)
	e.steps.Objects = []fyne.CanvasObject{newMailSteps(m.Steps)}
	e.inner.Refresh()
}
