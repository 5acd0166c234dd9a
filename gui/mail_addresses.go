package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// mailAddresses is the tab of the addresses that get no mail, and of the servers that get none in the clear.
type mailAddresses struct {
	tabs       *mailTabs
	suppressed *mailList[localapi.Suppressed]
	blocked    *mailList[localapi.Blocked]
	hosts      *mailList[localapi.TLSHost]
	content    fyne.CanvasObject
}

func newMailAddresses(d *desk) *mailAddresses {
	v := &mailAddresses{suppressed: newSuppressed(d), blocked: newBlocked(d), hosts: newTLSHosts(d)}
	v.tabs = newMailTabs([]string{tr("mail.list.suppressed"), tr("mail.list.blocked"), tr("mail.list.tls")},
		[]fyne.CanvasObject{v.suppressed.content, v.blocked.content, v.hosts.content}, func(int) { v.read() })
	v.content = newBorder(v.tabs.bar, nil, nil, nil, v.tabs.body)
	return v
}

// read asks for the list in sight anew.
func (v *mailAddresses) read() {
	switch v.tabs.at {
	case 0:
		v.suppressed.table.reload()
	case 1:
		v.blocked.table.reload()
	default:
		v.hosts.table.reload()
	}
}

// mailList is a list of which a row can be taken off.
type mailList[T any] struct {
	desk    *desk
	table   *table[T]
	bar     *bar
	take    *widget.Button
	content fyne.CanvasObject
}

// mailListConfig is what such a list is made of.
type mailListConfig[T any] struct {
	name    string // ends the keys of its texts
	columns []column[T]
	key     func(T) string
	load    func(ctx context.Context) ([]T, error)
	take    func(ctx context.Context, key string) error
}

func newMailList[T any](d *desk, c mailListConfig[T]) *mailList[T] {
	l := &mailList[T]{desk: d, bar: newBar()}
	l.take = newButton(tr("mail."+c.name+".take"), theme.ContentUndoIcon(), func() {
		if row, ok := l.table.selectedRow(); ok {
			l.ask(c, c.key(row))
		}
	})
	l.take.Disable()
	l.table = newTable(tableConfig[T]{
		columns: c.columns, key: c.key, run: d.run, window: d.window, told: d.listed(c.name),
		load:   whole(c.load),
		failed: func(err error) { d.failed(l.bar, err) },
		chosen: func(_ T, ok bool) { enable(l.take, ok) },
		empty:  newEmpty(theme.ConfirmIcon(), tr("mail."+c.name+".empty"), "", "", nil),
	})
	head := newBorder(nil, nil, nil, mailTop(l.take), newHint(tr("mail."+c.name+".hint")))
	l.content = newBorder(container.NewVBox(head, l.bar), nil, nil, nil, l.table.content)
	return l
}

// ask asks whether a row is to be taken off, and says what follows.
func (l *mailList[T]) ask(c mailListConfig[T], key string) {
	values := args{"Name": key}
	l.desk.confirm(tr("mail."+c.name+".title"), tr("mail."+c.name+".text", values), tr("mail."+c.name+".take"), func() {
		done := mailBusy(l.take, tr("mail.saving"))
		l.desk.run(func(ctx context.Context) func() {
			err := c.take(ctx, key)
			return func() {
				done()
				if err != nil {
					l.desk.failed(l.bar, err)
					return
				}
				l.bar.clear()
				l.desk.tell(tr("mail."+c.name+".taken", values))
				l.table.reload()
			}
		})
	})
}

func newSuppressed(d *desk) *mailList[localapi.Suppressed] {
	return newMailList(d, mailListConfig[localapi.Suppressed]{
		name: "suppressed",
		columns: []column[localapi.Suppressed]{
			{title: "mail.column.address", text: func(s localapi.Suppressed) string { return s.Address }},
			{title: "mail.column.since", width: 140, text: func(s localapi.Suppressed) string { return moment(s.Since) }},
			{title: "mail.column.reason", text: func(s localapi.Suppressed) string { return s.Reason }},
		},
		key: func(s localapi.Suppressed) string { return s.Address }, load: d.client.Suppressed, take: d.client.Unsuppress,
	})
}

func newBlocked(d *desk) *mailList[localapi.Blocked] {
	return newMailList(d, mailListConfig[localapi.Blocked]{
		name: "blocked",
		columns: []column[localapi.Blocked]{
			{title: "mail.column.address", text: func(b localapi.Blocked) string { return b.Address }},
			{title: "mail.column.until", width: 180, text: func(b localapi.Blocked) string { return moment(b.Until) }},
		},
		key: func(b localapi.Blocked) string { return b.Address }, load: d.client.Blocked, take: d.client.Unblock,
	})
}

func newTLSHosts(d *desk) *mailList[localapi.TLSHost] {
	return newMailList(d, mailListConfig[localapi.TLSHost]{
		name: "tls_host",
		columns: []column[localapi.TLSHost]{
			{title: "mail.column.host", text: func(h localapi.TLSHost) string { return h.Host }},
			{title: "mail.column.tls", width: 260, text: tlsText, level: tlsLevel},
			{title: "mail.column.version", width: 90, text: func(h localapi.TLSHost) string { return h.Version }},
			{title: "mail.column.tls_seen", width: 140, text: func(h localapi.TLSHost) string { return moment(h.SeenAt) }},
		},
		key: func(h localapi.TLSHost) string { return h.Host }, load: d.client.TLSHosts, take: d.client.ForgetTLS,
	})
}

func tlsText(h localapi.TLSHost) string {
	if h.LostAt != nil {
		return tr("mail.tls_lost", args{"Since": moment(*h.LostAt)})
	}
	return tr("mail.tls_has")
}

func tlsLevel(h localapi.TLSHost) level {
	if h.LostAt != nil {
		return levelError
	}
	return levelOK
}
