package gui

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// logView is the page of the audit: who did what, with what result.
type logView struct {
	desk    *desk
	bar     *bar
	search  *searchEntry
	family  *widget.Select
	period  *widget.Select
	refused *widget.Check
	table   *table[localapi.Event]
	detail  *eventDetail
	save    *widget.Button
	content fyne.CanvasObject
}

// families returns the kinds of actions the log can be narrowed to, "" for all.
func families() []string {
	return []string{"", "account.", "registration.", "company.", "connector.", "settings.", "mail.", "program.", "storage."}
}

// periods returns how far back the log can be narrowed to, 0 for all.
func periods() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{0, day, 7 * day, 30 * day, 365 * day}
}

func newLog(d *desk) view {
	v := &logView{desk: d, bar: newBar(), detail: newEventDetail()}
	v.search = newSearch(d, tr("log.search"), func(string) { v.narrow() })
	v.family = widget.NewSelect(familyNames(), func(string) { v.narrow() })
	v.period = widget.NewSelect(periodNames(), func(string) { v.narrow() })
	v.refused = widget.NewCheck(tr("log.refused"), func(bool) { v.narrow() })
	v.table = newTable(tableConfig[localapi.Event]{
		columns: []column[localapi.Event]{
			{title: "log.column.at", width: 140, text: func(e localapi.Event) string { return moment(e.At) }},
			{title: "log.column.action", width: 220, text: func(e localapi.Event) string { return actionText(e.Action) }, level: eventLevel},
			{title: "log.column.subject", text: func(e localapi.Event) string { return e.Subject }},
			{title: "log.column.actor", width: 190, text: actorName},
		},
		key:    func(e localapi.Event) string { return e.ID },
		load:   v.load,
		run:    d.run,
		failed: func(err error) { d.failed(v.bar, err) },
		chosen: v.detail.show,
		empty:  newEmpty(theme.HistoryIcon(), tr("log.empty.title"), tr("log.empty.text"), tr("log.empty.clear"), v.clear),
		window: d.window,
		told:   d.listed("events"),
	})
	v.save = newButton(tr("export.button"), theme.DownloadIcon(), func() { v.newExport().choose() })
	head := newBorder(nil, nil, newTitle(tr("page.log")), v.save)
	tools := newBorder(nil, nil, nil, container.NewHBox(newFixed(150, v.family), newFixed(150, v.period), v.refused), v.search)
	v.content = newBorder(container.NewVBox(head, tools, v.bar), v.detail.content, nil, nil, v.table.content)
	v.quietly(func() {
		v.family.SetSelectedIndex(0)
		v.period.SetSelectedIndex(0)
	})
	return v
}

// Content returns the page.
func (v *logView) Content() fyne.CanvasObject { return v.content }

// Open shows the log; subject is what to search for.
func (v *logView) Open(subject string) {
	if subject != "" {
		v.clearFields()
		v.quietly(func() { v.search.SetText(subject) })
	}
	v.table.reload()
}

// Changed reads the log anew. Somebody who reads further down is not disturbed.
func (v *logView) Changed(t topics) {
	if t.any(localapi.TopicEvents) && v.table.list.GetScrollOffset() < 40 {
		v.table.reload()
	}
}

// Unsaved is false: nothing is changed here.
func (v *logView) Unsaved() bool { return false }

func (v *logView) searchField() fyne.Focusable { return v.search }

// quietly changes the fields without asking the service for each.
func (v *logView) quietly(change func()) {
	family, period, refused := v.family.OnChanged, v.period.OnChanged, v.refused.OnChanged
	typed := v.search.OnChanged
	v.family.OnChanged, v.period.OnChanged, v.refused.OnChanged, v.search.OnChanged = nil, nil, nil, nil
	change()
	v.family.OnChanged, v.period.OnChanged, v.refused.OnChanged, v.search.OnChanged = family, period, refused, typed
}

func (v *logView) clearFields() {
	v.quietly(func() {
		v.search.SetText("")
		v.family.SetSelectedIndex(0)
		v.period.SetSelectedIndex(0)
		v.refused.SetChecked(false)
	})
}

// clear shows the whole log.
func (v *logView) clear() {
	v.clearFields()
	v.narrow()
}

// narrow shows what fits the fields.
func (v *logView) narrow() {
	v.table.list.ScrollToTop()
	v.table.reload()
}

// filter returns what the fields say.
func (v *logView) filter() localapi.EventFilter {
	f := localapi.EventFilter{Search: strings.TrimSpace(v.search.Text), Refused: v.refused.Checked}
	f.Action = families()[max(v.family.SelectedIndex(), 0)]
	if period := periods()[max(v.period.SelectedIndex(), 0)]; period > 0 {
		f.Since = time.Now().Add(-period)
	}
	return f
}

func (v *logView) load(q tableQuery) loader[localapi.Event] {
	filter := v.filter()
	return func(ctx context.Context) (localapi.Page[localapi.Event], error) {
		return v.desk.client.EventPage(ctx, filter, q.after, q.limit)
	}
}

// newExport returns what writes the events that fit the fields.
func (v *logView) newExport() *export[localapi.Event] {
	filter := v.filter()
	return &export[localapi.Event]{
		desk: v.desk, name: tr("log.export_file", args{"Day": time.Now().Format(time.DateOnly)}), failed: func(err error) { v.desk.failed(v.bar, err) },
		header: []string{
			"log.column.at", "log.column.actor", "log.fact.ip", "log.column.action", "log.fact.outcome", "log.column.subject", "log.fact.company", "log.fact.entry", "log.fact.detail",
		},
		row: func(e localapi.Event) []string {
			return []string{e.At.UTC().Format(time.RFC3339), e.Actor, e.IP, e.Action, e.Outcome, e.Subject, e.Company, e.Entry, e.Detail}
		},
		load: func(ctx context.Context, after string, limit int) (localapi.Page[localapi.Event], error) {
			return v.desk.client.EventPage(ctx, filter, after, limit)
		},
	}
}

func familyNames() []string {
	names := make([]string, len(families()))
	for i, family := range families() {
		names[i] = tr("log.family." + strings.TrimSuffix(family, "."))
	}
	return names
}

func periodNames() []string {
	names := make([]string, len(periods()))
	for i, period := range periods() {
		days := int(period / (24 * time.Hour))
		names[i] = tr("log.period.all")
		if days > 0 {
			names[i] = trn("log.period", days)
		}
	}
	return names
}

// actorName returns who did it: a person of the office, a visitor with the address of the client, or what acted by itself.
func actorName(e localapi.Event) string {
	actor := e.Actor
	if actor == "visitor" {
		actor = tr("log.visitor")
	}
	if e.IP != "" {
		return actor + " · " + e.IP
	}
	return actor
}

func eventLevel(e localapi.Event) level {
	if e.Outcome != app.OK {
		return levelWarning
	}
	return levelPlain
}

// eventDetail shows one event whole.
type eventDetail struct {
	facts   map[string]*widget.Label
	content *fyne.Container
}

func newEventDetail() *eventDetail {
	v := &eventDetail{facts: map[string]*widget.Label{}}
	left, right := container.NewVBox(), container.NewVBox()
	for i, name := range []string{"action", "outcome", "subject", "detail", "at", "actor", "company", "entry"} {
		fact, value := newFact(tr("log.fact." + name))
		v.facts[name] = value
		if i < 4 {
			left.Add(fact)
		} else {
			right.Add(fact)
		}
	}
	v.content = container.NewVBox(newCard("", container.NewGridWithColumns(2, left, right)))
	v.content.Hide()
	return v
}

func (v *eventDetail) show(e localapi.Event, ok bool) {
	if !ok {
		v.content.Hide()
		return
	}
	values := map[string]string{
		"action": actionText(e.Action), "outcome": outcomeText(e), "subject": e.Subject, "detail": e.Detail,
		"at": e.At.Local().Format("2006-01-02 15:04:05"), "actor": actorName(e), "company": e.Company, "entry": e.Entry,
	}
	for name, value := range values {
		if value == "" {
			value = "–"
		}
		v.facts[name].SetText(value)
	}
	v.content.Show()
}
