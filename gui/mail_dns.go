package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// mailDNS is the tab of the DNS records that the office's mail is judged by. The DNS is asked when the tab is opened and when
// the person says so: it can take some seconds.
type mailDNS struct {
	desk    *desk
	records []localapi.DNSRecord
	again   *widget.Button
	copyAll *widget.Button
	summary *widget.Label
	bar     *bar
	list    *fyne.Container
	empty   fyne.CanvasObject
	scroll  *container.Scroll
	content fyne.CanvasObject
	query   int
}

func newMailDNS(d *desk) *mailDNS {
	v := &mailDNS{desk: d, summary: newText(tr("mail.dns_hint")), bar: newBar(), list: container.New(layout.NewCustomPaddedVBoxLayout(10))}
	v.again = newButton(tr("mail.dns_again"), theme.ViewRefreshIcon(), v.read)
	v.copyAll = newButton(tr("mail.dns_copy"), theme.ContentCopyIcon(), func() {
		fyne.CurrentApp().Clipboard().SetContent(dnsLines(v.records))
		d.tell(tr("copied"))
	})
	v.copyAll.Disable()
	v.empty = newEmpty(theme.ComputerIcon(), tr("mail.dns_no_from"), tr("mail.dns_no_from_hint"), tr("mail.tab.settings"), func() { d.open(pageMail, "settings") })
	v.empty.Hide()
	v.scroll = mailScroll(v.list)
	head := newBorder(nil, nil, nil, mailTop(container.NewHBox(v.again, v.copyAll)), v.summary)
	v.content = newBorder(container.NewVBox(head, v.bar), nil, nil, nil, container.NewStack(v.scroll, v.empty))
	return v
}

// read asks the DNS.
func (v *mailDNS) read() {
	v.query++
	query := v.query
	v.again.SetText(tr("mail.dns_asking"))
	v.again.Disable()
	v.desk.run(func(ctx context.Context) func() {
		records, err := v.desk.client.MailDNS(ctx)
		return func() {
			if query != v.query {
				return
			}
			v.again.SetText(tr("mail.dns_again"))
			v.again.Enable()
			v.bar.clear()
			missing := app.ReasonOf(err) == "mail_from_missing"
			visible(v.empty, missing)
			visible(v.scroll, !missing)
			if err != nil {
				if !missing {
					v.desk.failed(v.bar, err)
				}
				return
			}
			v.show(records)
		}
	})
}

// stale says that the settings the records depend on were changed.
func (v *mailDNS) stale() {
	v.bar.offer(levelInfo, tr("mail.dns_stale"), tr("mail.dns_again"), v.read)
}

func (v *mailDNS) show(records []localapi.DNSRecord) {
	v.records = records
	wrong := 0
	v.list.RemoveAll()
	for _, r := range records {
		if r.Required && r.State != string(app.RecordOK) {
			wrong++
		}
		v.list.Add(v.card(r))
	}
	if wrong == 0 {
		v.summary.SetText(tr("mail.dns_fine"))
	} else {
		v.summary.SetText(trn("mail.dns_wrong", wrong))
	}
	enable(v.copyAll, dnsLines(records) != "")
}

// card shows one record: how it is, what to paste, what was found and what to do.
func (v *mailDNS) card(r localapi.DNSRecord) fyne.CanvasObject {
	need := tr("mail.dns_optional")
	if r.Required {
		need = tr("mail.dns_required")
	}
	state := newPill(mailOrGiven("mail.dns_state."+r.State, r.State), dnsLevel(r))
	head := newBorder(nil, nil, newHeading(mailOrGiven("mail.dns_kind."+r.Kind, r.Kind)), container.NewHBox(newSmall(need), mailMiddle(state)), newSmall(mailOrGiven("mail.dns_for."+r.Kind, "")))
	name, _ := newCopyField(r.Name, v.desk.tell)
	rows := container.NewVBox(head, dnsRow(tr("mail.dns_name"), name), dnsRow(tr("mail.dns_type"), newText(r.Type)))
	if r.Value != "" {
		value, _ := newCopyField(r.Value, v.desk.tell)
		rows.Add(dnsRow(tr("mail.dns_value"), value))
	}
	if len(r.Found) > 0 {
		found := newText(strings.Join(r.Found, "\n"))
		found.Selectable = true
		found.Wrapping = fyne.TextWrapBreak
		found.TextStyle.Monospace = true
		rows.Add(dnsRow(tr("mail.dns_found"), found))
	}
	advice := newText(sentence(r.Text))
	advice.Selectable = true
	rows.Add(dnsRow(tr("mail.dns_do"), advice))
	return newCard("", rows)
}

func dnsRow(label string, o fyne.CanvasObject) fyne.CanvasObject {
	return newBorder(nil, nil, mailTop(newFixed(110, newSmall(label))), nil, o)
}

// dnsLevel says how good a record is. One that Foyer does not need is no error.
func dnsLevel(r localapi.DNSRecord) level {
	switch app.RecordState(r.State) {
	case app.RecordOK:
		return levelOK
	case app.RecordUnknown:
		return levelInfo
	default:
		if r.Required {
			return levelError
		}
		return levelWarning
	}
}

// dnsLines returns the records that have a value, as lines of a zone.
func dnsLines(records []localapi.DNSRecord) string {
	var lines []string
	for _, r := range records {
		if r.Value == "" {
			continue
		}
		value := r.Value
		if r.Type == "TXT" {
			value = `"` + strings.Join(dnsStrings(value), `" "`) + `"`
		}
		lines = append(lines, r.Name+". IN "+r.Type+" "+value)
	}
	return strings.Join(lines, "\n")
}

// dnsStrings parts a text into what one string of a TXT record may hold (RFC 1035, 3.3.14).
func dnsStrings(text string) []string {
	var out []string
	for len(text) > 255 {
		out = append(out, text[:255])
		text = text[255:]
	}
	return append(out, text)
}
