package gui

import (
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// The states of a message, in the order in which they are offered.
var mailStates = [...]string{mailQueued, mailSending, mailDeferred, mailHeld, mailDelivered, mailFailed, mailCaptured}

const (
	mailQueued    = "queued"
	mailSending   = "sending"
	mailDeferred  = "deferred"
	mailHeld      = "held"
	mailDelivered = "delivered"
	mailFailed    = "failed"
	mailCaptured  = "captured"
)

// mailCapture is the transport that sends nothing.
const mailCapture = "capture"

// mailOrGiven returns the text of a key that ends in a name the service gives, or what it has given when there is none.
func mailOrGiven(key, given string) string {
	if strings.HasSuffix(key, ".") {
		return given
	}
	if text := has(key, nil); text != "" {
		return text
	}
	return given
}

// mailStateText says in a word where a mail is.
func mailStateText(state string) string { return mailOrGiven("mail.state."+state, state) }

func mailStateLevel(state string) level {
	switch state {
	case mailDelivered:
		return levelOK
	case mailFailed:
		return levelError
	case mailDeferred, mailHeld:
		return levelWarning
	default:
		return levelInfo
	}
}

// mailKind says what a mail is for, and who has handed it over.
func mailKind(m localapi.Message) string {
	if m.Kind == "relayed" && m.Program != "" {
		return tr("mail.kind_program", args{"Program": m.Program})
	}
	return mailOrGiven("mail.kind."+m.Kind, m.Kind)
}

// mailVerdict says what has become of a mail and what to do next.
func mailVerdict(m localapi.MessageDetail) string {
	if m.State == "" {
		return ""
	}
	text := has("mail.verdict."+m.State, args{"Why": mailWhy(m), "Next": momentOf(m.NextAttempt)})
	if text == "" {
		return sentence(m.Verdict)
	}
	return text
}

// mailWhy returns what the step that has failed tells, which is more than the reply.
func mailWhy(m localapi.MessageDetail) string {
	if n := len(m.Steps); n > 0 && !m.Steps[n-1].OK {
		return mailSentence(m.Steps[n-1].Detail)
	}
	return mailSentence(m.Reply)
}

// newMailSteps returns the steps of an attempt, a line each.
func newMailSteps(steps []localapi.MailStep) fyne.CanvasObject {
	box := container.NewVBox()
	for _, s := range steps {
		state := newMailStepState(s)
		name := newHeading(mailOrGiven("mail.step."+s.Name, s.Name))
		detail := newText(mailSentence(s.Detail))
		detail.Selectable = true
		took := newSmall(tr("mail.took", args{"MS": strconv.FormatInt(s.TookMS, 10)}))
		box.Add(newBorder(nil, nil,
			container.NewHBox(mailTop(newFixed(92, container.NewHBox(state))), mailTop(newFixed(120, name))), mailTop(took), detail))
	}
	return box
}

// newMailStepState says whether a step went well.
func newMailStepState(s localapi.MailStep) *pill {
	if s.OK {
		return newPill(tr("mail.step_ok"), levelOK)
	}
	return newPill(tr("mail.step_failed"), levelError)
}

// mailScroll is a scroll whose content keeps clear of its bar and its edge.
func mailScroll(o fyne.CanvasObject) *container.Scroll {
	return container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 2, 1, theme.ScrollBarSize()), o))
}

// mailSentence is sentence, but for a text that begins with a name of the DNS or an address, which stays as it is written.
func mailSentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if strings.ContainsAny(strings.TrimRight(first, ".:,"), ".@") {
		return text[:1] + sentence("x" + text[1:])[1:]
	}
	return sentence(text)
}

// mailTop keeps an object at the top of the room it has.
func mailTop(o fyne.CanvasObject) fyne.CanvasObject { return container.NewVBox(o) }

// mailBusy disables a button and says on it that its work is under way, until it is called back.
func mailBusy(b *widget.Button, text string) (done func()) {
	before := b.Text
	b.SetText(text)
	b.Disable()
	return func() {
		b.SetText(before)
		b.Enable()
	}
}
