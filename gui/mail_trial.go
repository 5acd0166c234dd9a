package gui

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// How often, and how many times, is asked what became of a test mail.
const (
	mailTestPause = time.Second
	mailTestPolls = 60
)

// mailTest sends a test mail and shows what becomes of it, step by step.
type mailTest struct {
	desk    *desk
	address *widget.Entry
	langs   choices
	lang    *widget.Select
	send    *widget.Button
	bar     *bar
	state   *pill
	verdict *widget.Label
	steps   *fyne.Container
	result  *fyne.Container
	content *fyne.Container

	id     string // of the mail that is watched; "" for none
	polls  int
	query  int
	ended  func(ok bool) // is told what came of it; nil for nobody
	cancel func()
}

func newMailTest(d *desk) *mailTest {
	t := &mailTest{desk: d, address: widget.NewEntry(), bar: newBar(), state: newPill("", levelInfo), verdict: newText(""), steps: container.NewVBox(), cancel: func() {}}
	t.address.PlaceHolder = tr("mail.test_example")
	t.address.OnSubmitted = func(string) { t.start() }
	t.address.OnChanged = func(string) { enable(t.send, strings.TrimSpace(t.address.Text) != "" && t.id == "") }
	t.langs = newChoices("mail.lang.", "en", "sk")
	t.lang = widget.NewSelect(t.langs.texts, nil)
	t.send = newButton(tr("mail.test_send"), theme.MailSendIcon(), t.start)
	t.send.Disable()
	t.lang.SetSelected(t.langs.text(tr("mail.lang")))
	t.verdict.Selectable = true
	t.result = container.NewVBox(container.NewHBox(t.state), t.verdict, t.steps)
	t.result.Hide()
	t.content = container.NewVBox(
		newField(tr("mail.test_address"), t.address, ""), newField(tr("mail.test_lang"), t.lang, ""),
		container.NewHBox(t.send), t.bar, t.result)
	return t
}

// start sends a mail.
func (t *mailTest) start() {
	address := strings.TrimSpace(t.address.Text)
	if address == "" || t.id != "" || t.send.Disabled() {
		return
	}
	t.bar.clear()
	t.result.Hide()
	t.send.SetText(tr("mail.test_sending"))
	t.send.Disable()
	t.query++
	query, lang := t.query, t.langs.value(t.lang.Selected)
	t.desk.run(func(ctx context.Context) func() {
		m, err := t.desk.client.TestMail(ctx, address, lang)
		return func() {
			if query != t.query {
				return
			}
			if err != nil {
				t.stop(false)
				t.desk.failed(t.bar, err)
				return
			}
			t.id, t.polls = m.ID, 0
			t.show(localapi.MessageDetail{Message: m})
			t.watch()
		}
	})
}

// watch asks again and again until the mail has ended or there was time enough.
func (t *mailTest) watch() {
	t.cancel = func() {}
	if t.id == "" {
		return
	}
	if t.polls++; t.polls > mailTestPolls {
		t.verdict.SetText(tr("mail.test_late"))
		t.state.set(tr("mail.test_waits"), levelWarning)
		t.stop(false)
		return
	}
	t.poll()
	t.cancel = t.desk.later(mailTestPause, t.watch)
}

// poll asks once what became of the mail, if one is watched.
func (t *mailTest) poll() {
	if t.id == "" {
		return
	}
	id := t.id
	t.desk.run(func(ctx context.Context) func() {
		m, err := t.desk.client.Message(ctx, id)
		return func() {
			switch {
			case id != t.id:
			case err != nil:
				t.stop(false)
				t.desk.failed(t.bar, err)
			default:
				t.show(m)
				if mailTestEnded(m) {
					t.stop(m.State == mailDelivered)
				}
			}
		}
	})
}

// mailTestEnded reports whether there is nothing more to wait for: it has ended, was put off, or is held.
func mailTestEnded(m localapi.MessageDetail) bool {
	switch m.State {
	case mailQueued, mailSending:
		return false
	default:
		return true
	}
}

// stop ends the watching.
func (t *mailTest) stop(ok bool) {
	t.cancel()
	t.cancel = func() {}
	t.id = ""
	t.send.SetText(tr("mail.test_send"))
	enable(t.send, strings.TrimSpace(t.address.Text) != "")
	if t.ended != nil {
		t.ended(ok)
	}
}

// show shows how far the mail has come.
func (t *mailTest) show(m localapi.MessageDetail) {
	t.state.set(mailStateText(m.State), mailStateLevel(m.State))
	t.verdict.SetText(mailVerdict(m))
	t.steps.Objects = []fyne.CanvasObject{newMailStepsNarrow(m.Steps)}
	t.result.Show()
	t.content.Refresh()
}

// newMailStepsNarrow returns steps for a narrow column: what was found stands below the name.
func newMailStepsNarrow(steps []localapi.MailStep) fyne.CanvasObject {
	box := container.NewVBox()
	for _, s := range steps {
		box.Add(container.NewHBox(mailMiddle(newMailStepState(s)), newHeading(mailOrGiven("mail.step."+s.Name, s.Name))))
		detail := newHint(mailSentence(s.Detail))
		detail.Selectable = true
		box.Add(detail)
	}
	return box
}
