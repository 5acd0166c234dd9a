package gui

import (
	"maps"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// attentionCard lists what wants attention, each with the button that leads there.
type attentionCard struct {
	desk    *desk
	heading *widget.Label
	rows    *fyne.Container
	well    fyne.CanvasObject // when nothing does
	notices []localapi.Notice
	content fyne.CanvasObject
}

func newAttentionCard(d *desk) *attentionCard {
	c := &attentionCard{desk: d, rows: container.NewVBox(), heading: newHeading(tr("home.attention"))}
	icon := container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(44), widget.NewIcon(levelOK.icon())))
	head := newHeading(tr("home.well"))
	head.Alignment = fyne.TextAlignCenter
	hint := newHint(tr("home.well.hint"))
	hint.Alignment = fyne.TextAlignCenter
	c.well = newBorder(nil, nil, nil, nil, container.NewCenter(newFixed(300, container.NewVBox(icon, head, hint))))
	c.well.Hide()
	c.content = newPanel(colorSurface, colorLine, 10, 10, newBorder(c.heading, nil, nil, nil, container.NewStack(c.rows, c.well)))
	return c
}

// show shows other notices. The same ones are left alone: a button of theirs may have the focus.
func (c *attentionCard) show(notices []localapi.Notice) {
	if len(notices) == 0 {
		c.notices = nil
		c.rows.RemoveAll()
		c.well.Show()
		return
	}
	c.well.Hide()
	if slices.EqualFunc(c.notices, notices, sameNotice) {
		return
	}
	c.notices = notices
	c.rows.RemoveAll()
	for i, n := range notices {
		if i > 0 {
			c.rows.Add(widget.NewSeparator())
		}
		c.rows.Add(c.newRow(n))
	}
}

func sameNotice(a, b localapi.Notice) bool {
	return a.Code == b.Code && a.Level == b.Level && a.Subject == b.Subject && a.Count == b.Count && a.Text == b.Text && maps.Equal(a.Args, b.Args)
}

func (c *attentionCard) newRow(n localapi.Notice) fyne.CanvasObject {
	l := levelWarning
	if n.Level == "error" {
		l = levelError
	}
	icon := container.NewVBox(newFixed(32, newFixedHeight(34, container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(20), widget.NewIcon(l.icon()))))))
	place := placeOf(n)
	if place.page == "" {
		return newBorder(nil, nil, icon, nil, newText(noticeText(n)))
	}
	button := newButton(tr("home.go."+place.action), nil, func() { c.desk.open(place.page, place.subject) })
	return newBorder(nil, nil, icon, container.NewCenter(button), newText(noticeText(n)))
}

// noticeText returns the sentence of a notice in the person's language, or as the service has it.
func noticeText(n localapi.Notice) string {
	values := args{"Subject": n.Subject}
	for name, value := range n.Args {
		values[name] = value
	}
	switch n.Code {
	case "mail_failed", "mail_deferred_long", "suppressed_addresses", "accounts_off_list", "entries_unused", "entries_warned", "backup_old", "checkup_error":
		if n.Count > 0 {
			return trn("home.attention."+n.Code, n.Count, values)
		}
	case "connector_secret_expiring", "connector_secret_expired", "connector_blocked", "mail_destination_resting", "mail_tls_lost", "backup_damaged":
		if n.Subject != "" {
			return tr("home.attention."+n.Code, values)
		}
	case "mdns_conflict", "metrics_not_served", "clock_wrong", "clock_set_back":
		if len(n.Args) > 0 {
			return tr("home.attention."+n.Code, values)
		}
	case "certificate_expiring", "certificate_expired":
		if n.Args["Day"] != "" {
			return tr("home.attention."+n.Code, values)
		}
	case "certificate_problem":
		if text := has("address.problem."+n.Args["Problem"], nil); text != "" {
			return text
		}
	case "mail_held", "mail_captured", "login_link_off", "no_companies", "public_url_unset", "disk_low", "disk_failing", "backup_none":
		return tr("home.attention."+n.Code, values)
	}
	return noticeWithArgs(n, values)
}

// noticeWithArgs is noticeText for what cannot be said without the values the service gives.
func noticeWithArgs(n localapi.Notice, values args) string {
	switch {
	case n.Code == "backup_failed" && n.Args["Why"] != "", n.Code == "secrets_lost" && n.Args["What"] != "":
		return tr("home.attention."+n.Code, values)
	default:
		return sentence(n.Text)
	}
}

// goal is where something about a notice can be done.
type goal struct{ page, subject, action string }

// placeOf returns where to go about a notice; page is "" when there is nowhere.
func placeOf(n localapi.Notice) goal {
	switch n.Code {
	case "connector_secret_expiring", "connector_secret_expired":
		return goal{pageConnectors, n.Subject, "secret"}
	case "connector_blocked":
		return goal{pageConnectors, n.Subject, "connector"}
	case "mail_failed":
		return goal{pageMail, "state:failed", "mails"}
	case "mail_deferred_long", "mail_destination_resting":
		return goal{pageMail, "state:deferred", "mails"}
	case "mail_held":
		return goal{pageMail, "state:held", "mails"}
	case "mail_captured", "mail_tls_lost":
		return goal{pageMail, "settings", "mail_settings"}
	case "suppressed_addresses":
		return goal{pageMail, "addresses", "addresses"}
	case "accounts_off_list":
		return goal{pageUsers, "off_list", "accounts"}
	case "entries_unused", "entries_warned":
		return goal{pageCompanies, companyOf(n), "companies"}
	case "login_link_off":
		return goal{pageUsers, "", "login_link"}
	case "no_companies":
		return goal{pageCompanies, "new", "new_company"}
	case "mdns_conflict":
		return goal{pageSettings, "mdns.name", "setting"}
	case "metrics_not_served":
		return goal{pageSettings, "metrics.listen", "setting"}
	case "certificate_expiring", "certificate_expired", "certificate_problem":
		return goal{pageSettings, groupAddress, "certificate"}
	case "public_url_unset":
		return goal{pageSettings, "public_url", "public_url"}
	case "secrets_lost":
		return goal{pageConnectors, "", "connector"}
	case "backup_failed", "backup_none", "backup_old", "backup_damaged":
		return goal{pageUpkeep, upkeepTabBackups, "backups"}
	case "checkup_error", "disk_low", "disk_failing":
		return goal{pageUpkeep, upkeepTabHealth, "health"}
	default:
		return goal{}
	}
}

// companyOf returns the company a notice is about; "" for none or several.
func companyOf(n localapi.Notice) string {
	if name := n.Args["Company"]; name != "" {
		return name
	}
	return n.Subject
}

// eventCard lists what has happened last.
type eventCard struct {
	rows    *fyne.Container
	empty   *widget.Label
	events  []localapi.Event
	content fyne.CanvasObject
}

func newEventCard(d *desk) *eventCard {
	c := &eventCard{rows: container.New(&tightLayout{}), empty: newHint(tr("home.events.empty"))}
	c.empty.Hide()
	all := newButton(tr("home.events.all"), nil, func() { d.open(pageLog, "") })
	all.Importance = widget.LowImportance
	head := newBorder(nil, nil, nil, all, newHeading(tr("home.events")))
	c.content = newPanel(colorSurface, colorLine, 10, 10, newBorder(head, nil, nil, nil, container.NewStack(c.rows, c.empty)))
	return c
}

func (c *eventCard) show(events []localapi.Event) {
	c.empty.Hidden = len(events) > 0
	c.empty.Refresh()
	if slices.Equal(c.events, events) {
		return
	}
	c.events = events
	c.rows.RemoveAll()
	for _, e := range events {
		at := newSmall(moment(e.At))
		text := newHint(eventSentence(e))
		text.Importance = widget.MediumImportance
		text.Wrapping, text.Truncation = fyne.TextWrapOff, fyne.TextTruncateEllipsis
		icon := widget.NewIcon(nil)
		if e.Outcome != app.OK {
			icon.SetResource(levelWarning.icon())
		} else {
			icon.SetResource(theme.NewColoredResource(theme.RadioButtonFillIcon(), colorBar))
		}
		left := container.NewHBox(newFixed(28, newFixedIcon(icon)), newFixed(118, at))
		c.rows.Add(newBorder(nil, nil, left, nil, text))
	}
}

// eventSentence says in a line what has happened: the usual things in a sentence, others by their name.
func eventSentence(e localapi.Event) string {
	who := e.Subject
	if who == "" {
		who = e.IP
	}
	values := args{"Subject": who, "Company": e.Company}
	key := "home.event." + e.Action
	switch {
	case e.Outcome != app.OK:
		if text := has(key+".refused", values); text != "" {
			return text
		}
		return joined(eventText(e), who)
	case e.Company != "":
		if text := has(key+".company", values); text != "" {
			return text
		}
	}
	if text := has(key, values); text != "" {
		return text
	}
	return joined(eventText(e), who)
}

func joined(action, subject string) string {
	if subject == "" {
		return action
	}
	return action + " · " + subject
}
