package gui

import (
	"context"
	"slices"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// mailQueue is the list of mails with the one that is chosen.
type mailQueue struct {
	desk    *desk
	state   *widget.Select
	search  *searchEntry
	hold    *widget.Button
	release *widget.Button
	bar     *bar
	table   *table[localapi.Message]
	detail  *mailDetail
	split   *container.Split
	body    *fyne.Container // the list, with the mail below it; or the mail alone
	content fyne.CanvasObject

	status  localapi.MailStatus
	working bool // all mails are held or released at this moment
	quiet   bool // the filter is set by the program
}

func newMailQueue(d *desk) *mailQueue {
	q := &mailQueue{desk: d, bar: newBar(), body: container.NewStack()}
	q.state = widget.NewSelect(nil, func(string) { q.filtered() })
	q.search = newSearch(d, tr("mail.search"), func(string) { q.filtered() })
	q.hold = newButton(tr("mail.hold_all"), theme.MediaPauseIcon(), q.holdAll)
	q.release = newButton(tr("mail.release_all"), theme.MediaPlayIcon(), q.releaseAll)
	q.detail = newMailDetail(d)
	q.detail.closed, q.detail.grown, q.detail.changed = q.close, q.arrange, q.read
	q.table = newTable(tableConfig[localapi.Message]{
		columns: []column[localapi.Message]{
			{title: "mail.column.state", width: 108, text: func(m localapi.Message) string { return mailStateText(m.State) }, level: func(m localapi.Message) level { return mailStateLevel(m.State) }},
			{title: "mail.column.recipient", text: func(m localapi.Message) string { return m.Recipient }},
			{title: "mail.column.subject", text: func(m localapi.Message) string { return m.Subject }},
			{title: "mail.column.kind", width: 110, text: mailKind},
			{title: "mail.column.attempts", width: 62, text: func(m localapi.Message) string { return strconv.Itoa(m.Attempts) }},
			{title: "mail.column.next", width: 130, text: func(m localapi.Message) string { return momentOf(m.NextAttempt) }},
			{title: "mail.column.created", width: 130, text: func(m localapi.Message) string { return moment(m.CreatedAt) }},
		},
		key:    func(m localapi.Message) string { return m.ID },
		load:   q.load,
		run:    d.run,
		failed: func(err error) { d.failed(q.bar, err) },
		chosen: q.chosen,
		opened: func(m localapi.Message) { q.openMail(m.ID); q.detail.grow(true) },
		menu:   q.menu,
		empty:  newEmpty(theme.MailComposeIcon(), tr("mail.empty"), tr("mail.empty_hint"), "", nil),
		window: d.window,
		told:   d.listed("messages"),
	})
	q.split = container.NewVSplit(q.table.content, q.detail.content)
	q.split.Offset = 0.4
	q.setStatus(localapi.MailStatus{})
	filters := newBorder(nil, nil, newFixed(200, q.state), container.NewHBox(q.hold, q.release), q.search)
	q.content = newBorder(container.NewVBox(filters, q.bar), nil, nil, nil, q.body)
	q.arrange()
	return q
}

// read reads the list and the mail in sight anew.
func (q *mailQueue) read() {
	q.table.reload()
	q.detail.read()
}

// filtered shows what the filter has, after the person has changed it.
func (q *mailQueue) filtered() {
	if q.quiet {
		return
	}
	q.table.list.ScrollToTop()
	q.table.reload()
}

// filter chooses a state, "" for all.
func (q *mailQueue) filter(state string) {
	i := slices.Index(mailStates[:], state)
	q.quiet = true
	q.search.SetText("")
	q.state.SetSelectedIndex(i + 1)
	q.quiet = false
	q.close()
}

// load reads one page of the mails that the filter lets through.
func (q *mailQueue) load(t tableQuery) loader[localapi.Message] {
	filter := localapi.MessageFilter{State: q.stateName(), Search: q.search.Text}
	return func(ctx context.Context) (localapi.Page[localapi.Message], error) {
		return q.desk.client.MessagePage(ctx, filter, t.after, t.limit)
	}
}

// stateName returns the state that is chosen, "" for all.
func (q *mailQueue) stateName() string {
	if i := q.state.SelectedIndex(); i > 0 {
		return mailStates[i-1]
	}
	return ""
}

// setStatus writes how many there are of each state.
func (q *mailQueue) setStatus(status localapi.MailStatus) {
	q.status = status
	q.detail.transport = status.Transport
	total := 0
	options := []string{""}
	for _, state := range mailStates {
		n := status.Messages[state]
		total += n
		options = append(options, tr("mail.filter", args{"State": mailStateText(state), "Count": number(n)}))
	}
	options[0] = tr("mail.filter", args{"State": tr("mail.all"), "Count": number(total)})
	i := max(q.state.SelectedIndex(), 0)
	q.quiet = true
	q.state.SetOptions(options)
	q.state.SetSelectedIndex(i)
	q.quiet = false
	q.enable()
	q.detail.enable()
}

// enable allows what can be done with all mails.
func (q *mailQueue) enable() {
	enable(q.hold, q.waiting() > 0 && !q.working)
	enable(q.release, q.status.Messages[mailHeld] > 0 && !q.working)
}

func (q *mailQueue) waiting() int {
	return q.status.Messages[mailQueued] + q.status.Messages[mailDeferred]
}

// chosen shows the mail of the row that was chosen. One that has left the list, because its state is another now, stays in
// sight: somebody reads it.
func (q *mailQueue) chosen(m localapi.Message, ok bool) {
	if ok && m.ID != q.detail.id {
		q.detail.open(m.ID)
		q.arrange()
	}
}

// openMail shows a mail, in the list or not.
func (q *mailQueue) openMail(id string) {
	q.table.selectKey(id)
	q.detail.open(id)
	q.arrange()
}

// close shows the list alone.
func (q *mailQueue) close() {
	q.detail.open("")
	q.table.selectKey("")
	q.arrange()
}

// arrange shows the list, the list with a mail, or the mail alone.
func (q *mailQueue) arrange() {
	var o fyne.CanvasObject = q.split
	switch {
	case q.detail.id == "":
		o = q.table.content
	case q.detail.large:
		o = q.detail.content
	}
	if len(q.body.Objects) == 1 && q.body.Objects[0] == o {
		return
	}
	q.body.Objects = []fyne.CanvasObject{o}
	q.split.Refresh()
	q.body.Refresh()
}

// menu returns what can be done with a mail in the list.
func (q *mailQueue) menu(m localapi.Message) []*fyne.MenuItem {
	item := func(key string, allowed bool, do func()) *fyne.MenuItem {
		i := fyne.NewMenuItem(tr(key), do)
		i.Disabled = !allowed
		return i
	}
	can := mailMay(m.State, q.status.Transport)
	return []*fyne.MenuItem{
		item("mail.show", true, func() { q.openMail(m.ID); q.detail.grow(true) }),
		item("mail.retry", can.retry, func() { q.detail.retry() }),
		item("mail.hold", can.hold, func() { q.detail.hold() }),
		item("mail.release", can.release, func() { q.detail.release() }),
		item("mail.remove", can.remove, func() { q.detail.askRemove(m) }),
	}
}

func (q *mailQueue) holdAll() {
	q.desk.ask(tr("mail.hold_all_title"), newText(trn("mail.hold_all_text", q.waiting())), tr("mail.hold_all"), widget.WarningImportance, func() {
		q.onAll(q.hold, q.desk.client.HoldMessages, "mail.held_told")
	})
}

func (q *mailQueue) releaseAll() {
	q.desk.ask(tr("mail.release_all_title"), newText(trn("mail.release_all_text", q.status.Messages[mailHeld])), tr("mail.release_all"), widget.HighImportance, func() {
		q.onAll(q.release, q.desk.client.ReleaseMessages, "mail.released_told")
	})
}

// onAll holds or releases every mail.
func (q *mailQueue) onAll(b *widget.Button, call func(context.Context) (int, error), told string) {
	done := mailBusy(b, tr("mail.saving"))
	q.working = true
	q.enable()
	q.desk.run(func(ctx context.Context) func() {
		n, err := call(ctx)
		return func() {
			done()
			q.working = false
			q.enable()
			if err != nil {
				q.desk.failed(q.bar, err)
				return
			}
			q.desk.tell(trn(told, n))
			q.read()
		}
	})
}
