package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// mailStrip says at a glance how mail stands: how it leaves, what waits and what failed, whether it is stopped, and which
// servers rest.
type mailStrip struct {
	desk    *desk
	told    func(localapi.MailStatus)
	way     *pill
	waiting *pill
	failed  *pill
	held    *pill
	rests   *widget.Label
	hold    *widget.Button
	bar     *bar
	content fyne.CanvasObject

	status localapi.MailStatus
	query  int
}

func newMailStrip(d *desk) *mailStrip {
	s := &mailStrip{
		desk: d, way: newPill("", levelPlain), waiting: newPill("", levelPlain), failed: newPill("", levelError),
		held: newPill(tr("mail.stopped"), levelWarning), rests: newSmall(""), bar: newBar(),
	}
	s.rests.Truncation = fyne.TextTruncateEllipsis
	s.hold = newButton(tr("mail.stop"), theme.MediaPauseIcon(), s.toggle)
	s.hold.Disable()
	for _, p := range []*pill{s.waiting, s.failed, s.held} {
		p.Hide()
	}
	pills := container.NewHBox(s.way, s.waiting, s.failed, s.held)
	s.content = container.NewVBox(newBorder(nil, nil, mailMiddle(pills), mailMiddle(s.hold), mailMiddle(s.rests)), s.bar)
	return s
}

// mailMiddle keeps an object in the middle of the height it has.
func mailMiddle(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewVBox(layout.NewSpacer(), o, layout.NewSpacer())
}

// read asks how mail stands.
func (s *mailStrip) read() {
	s.query++
	query := s.query
	s.desk.run(func(ctx context.Context) func() {
		status, err := s.desk.client.MailStatus(ctx)
		return func() {
			if query != s.query {
				return
			}
			if err != nil {
				s.desk.failed(s.bar, err)
				return
			}
			s.bar.clear()
			s.set(status)
		}
	})
}

func (s *mailStrip) set(status localapi.MailStatus) {
	s.status = status
	way := levelOK
	if status.Transport == mailCapture {
		way = levelInfo
	}
	s.way.set(mailOrGiven("mail.way."+status.Transport, status.Transport), way)
	waiting := status.Messages[mailQueued] + status.Messages[mailSending] + status.Messages[mailDeferred]
	s.waiting.set(trn("mail.waiting", waiting), levelInfo)
	visible(s.waiting, waiting > 0)
	failed := status.Messages[mailFailed]
	s.failed.set(trn("mail.failed", failed), levelError)
	visible(s.failed, failed > 0)
	visible(s.held, status.Held)
	var rests []string
	for _, d := range status.Destinations {
		if d.RestsUntil != nil {
			rests = append(rests, tr("mail.rests", args{"Name": d.Name, "Until": moment(*d.RestsUntil)}))
		}
	}
	s.rests.SetText(strings.Join(rests, " · "))
	s.hold.Enable()
	if status.Held {
		s.hold.SetIcon(theme.MediaPlayIcon())
		s.hold.SetText(tr("mail.start"))
	} else {
		s.hold.SetIcon(theme.MediaPauseIcon())
		s.hold.SetText(tr("mail.stop"))
	}
	s.content.Refresh()
	s.told(status)
}

// toggle stops all mail, or lets it leave again.
func (s *mailStrip) toggle() {
	if s.status.Held {
		s.setHold("off", tr("mail.started"))
		return
	}
	s.desk.ask(tr("mail.stop_title"), newText(tr("mail.stop_text")), tr("mail.stop"), widget.WarningImportance, func() { s.setHold("on", tr("mail.stopped_told")) })
}

func (s *mailStrip) setHold(value, told string) {
	done := mailBusy(s.hold, tr("mail.saving"))
	s.desk.run(func(ctx context.Context) func() {
		_, err := s.desk.client.SetSettings(ctx, map[string]string{"mail.hold": value})
		return func() {
			done()
			if err != nil {
				s.desk.failed(s.bar, err)
				return
			}
			s.desk.tell(told)
			s.read()
		}
	})
}
