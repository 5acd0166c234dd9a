package gui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// connectorsView is the page of the ways to sign in with an identity provider: the list, and in its place the form of the one
// that was opened.
type connectorsView struct {
	desk  *desk
	bar   *bar
	add   *widget.Button
	table *table[localapi.Connector]
	list  *fyne.Container
	form  *connectorForm // nil while the list is in sight
	stack *fyne.Container
}

func newConnectors(d *desk) view { return newConnectorsView(d) }

func newConnectorsView(d *desk) *connectorsView {
	v := &connectorsView{desk: d, bar: newBar()}
	v.add = newMainButton(tr("connectors.add"), theme.ContentAddIcon(), v.showKinds)
	v.table = newTable(tableConfig[localapi.Connector]{
		columns: []column[localapi.Connector]{
			{title: "connectors.column.title", text: func(c localapi.Connector) string { return c.Title }},
			{title: "connectors.column.kind", width: 170, text: func(c localapi.Connector) string { return kindName(c.Kind) }},
			{
				title: "connectors.column.state", width: 200,
				text:  func(c localapi.Connector) string { text, _ := connectorState(c); return text },
				level: func(c localapi.Connector) level { _, l := connectorState(c); return l },
			},
			{title: "connectors.column.signup", width: 130, text: func(c localapi.Connector) string { return onOff(c.SignUp) }},
			{title: "connectors.column.last", width: 150, text: lastSignIn},
		},
		key:  func(c localapi.Connector) string { return c.Name },
		load: whole(d.client.Connectors),
		run:  d.run, failed: func(err error) { d.failed(v.bar, err) },
		opened: func(c localapi.Connector) { v.edit(c) },
		menu:   v.rowMenu,
		empty: newEmpty(theme.LoginIcon(), tr("connectors.empty.title"), tr("connectors.empty.text"),
			tr("connectors.add"), v.showKinds),
		window: d.window,
		told:   d.listed("connectors"),
	})
	head := newBorder(nil, nil, newTitle(tr("page.connectors")), v.add)
	v.list = newBorder(container.NewVBox(head, newHint(tr("connectors.lead")), v.bar), nil, nil, nil, v.table.content)
	v.stack = container.NewStack(v.list)
	return v
}

// Content returns the page.
func (v *connectorsView) Content() fyne.CanvasObject { return v.stack }

// Open shows the list, or the form of the connector that subject names.
func (v *connectorsView) Open(subject string) {
	v.showList()
	if subject == "" {
		return
	}
	v.desk.run(func(ctx context.Context) func() {
		c, err := v.desk.client.Connector(ctx, subject)
		return func() {
			if err != nil {
				v.desk.failed(v.bar, err)
				return
			}
			v.edit(c)
		}
	})
}

// Changed reads anew what is in sight.
func (v *connectorsView) Changed(t topics) {
	if !t.any(localapi.TopicConnectors, localapi.TopicSettings, localapi.TopicCompanies) {
		return
	}
	if v.form != nil {
		v.form.refresh()
		return
	}
	v.table.reload()
}

// Unsaved reports whether the form has changes.
func (v *connectorsView) Unsaved() bool { return v.form != nil && v.form.unsaved() }

func (v *connectorsView) showList() {
	v.form = nil
	v.stack.Objects = []fyne.CanvasObject{v.list}
	v.stack.Refresh()
	v.table.reload()
	v.desk.window.Canvas().Focus(v.table.list)
}

// leave goes back to the list, and asks about what is not saved.
func (v *connectorsView) leave() {
	if !v.Unsaved() {
		v.showList()
		return
	}
	v.desk.confirm(tr("unsaved.title"), tr("unsaved.text"), tr("unsaved.leave"), v.showList)
}

// showKinds offers the kinds of which one can be added.
func (v *connectorsView) showKinds() {
	items := make([]*fyne.MenuItem, 0, len(app.ConnectorKinds()))
	for _, kind := range app.ConnectorKinds() {
		items = append(items, fyne.NewMenuItem(kindName(string(kind)), func() { v.create(string(kind)) }))
	}
	below := fyne.CurrentApp().Driver().AbsolutePositionForObject(v.add).Add(fyne.NewPos(0, v.add.Size().Height))
	menu := fyne.NewMenu("", items...)
	pop := widget.NewPopUpMenu(menu, v.desk.window.Canvas())
	below.X = min(below.X, v.desk.window.Canvas().Size().Width-pop.MinSize().Width-theme.Padding())
	pop.ShowAtPosition(below)
}

func (v *connectorsView) create(kind string) {
	v.showForm(newConnectorForm(v.desk, localapi.Connector{Kind: kind, Enabled: true, ClientSecret: localapi.Setting{Secret: true}}, true))
}

func (v *connectorsView) edit(c localapi.Connector) { v.showForm(newConnectorForm(v.desk, c, false)) }

func (v *connectorsView) showForm(f *connectorForm) {
	f.back, f.saved = v.leave, v.edit
	f.removed = v.showList
	v.bar.clear()
	v.form = f
	v.stack.Objects = []fyne.CanvasObject{f.content}
	v.stack.Refresh()
	v.desk.window.Canvas().Focus(f.first())
}

func (v *connectorsView) rowMenu(c localapi.Connector) []*fyne.MenuItem {
	word, value := "connectors.enable", "on"
	if c.Enabled {
		word, value = "connectors.disable", "off"
	}
	return []*fyne.MenuItem{
		fyne.NewMenuItem(tr("connectors.open"), func() { v.edit(c) }),
		fyne.NewMenuItem(tr(word), func() { v.toggle(c, value) }),
	}
}

// toggle switches a connector on or off. Off is asked about: it takes people their way in.
func (v *connectorsView) toggle(c localapi.Connector, value string) {
	set := func() {
		v.desk.run(func(ctx context.Context) func() {
			_, err := v.desk.client.SetConnector(ctx, c.Name, map[string]string{"enabled": value})
			return func() {
				v.desk.failed(v.bar, err)
				v.table.reload()
			}
		})
	}
	if value == "on" {
		set()
		return
	}
	v.desk.confirm(tr("connectors.disable.title", args{"Title": c.Title}), tr("connectors.disable.text", args{"Title": c.Title}),
		tr("connectors.disable"), set)
}

// kindName returns what a kind is called.
func kindName(kind string) string {
	switch app.ConnectorKind(kind) {
	case app.ConnectorEntra:
		return tr("connectors.kind.entra")
	case app.ConnectorGoogle:
		return tr("connectors.kind.google")
	case app.ConnectorOIDC:
		return tr("connectors.kind.oidc")
	default:
		return kind
	}
}

// connectorState says in a word how a connector stands.
func connectorState(c localapi.Connector) (string, level) {
	switch {
	case !c.Enabled:
		return tr("connectors.state.off"), levelPlain
	case !c.Works:
		return tr("connectors.state.blocked"), levelError
	case len(c.Findings) > 0:
		return tr("connectors.state.watch"), levelWarning
	case c.LastProblem != "":
		return tr("connectors.state.problem"), levelWarning
	default:
		return tr("connectors.state.works"), levelOK
	}
}

func lastSignIn(c localapi.Connector) string {
	if c.LastSignIn == nil {
		return tr("connectors.never")
	}
	return moment(*c.LastSignIn)
}

// onOff returns the word of a switch.
func onOff(on bool) string {
	if on {
		return tr("on")
	}
	return tr("off")
}

// findingText returns what to do about a finding.
func findingText(f localapi.Finding, c localapi.Connector) string {
	values := args{"PublicURL": publicURLOf(c)}
	if c.SecretExpires != nil {
		values["Day"] = *c.SecretExpires
		if day, err := time.Parse(time.DateOnly, *c.SecretExpires); err == nil {
			values["Days"] = int(time.Until(day).Hours()/24) + 1
		}
	}
	if text := has("connectors.finding."+f.Code, values); text != "" {
		return text
	}
	return sentence(f.Text)
}

// newColumns returns a form and what helps with it, beside each other.
func newColumns(form, help fyne.CanvasObject) fyne.CanvasObject {
	return container.New(&halves{}, form, help)
}

// halves gives the first object a good half of the width, and the second the rest.
type halves struct{}

func (halves) MinSize(objects []fyne.CanvasObject) fyne.Size {
	a, b := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(a.Width+b.Width+theme.Padding()*2, max(a.Height, b.Height))
}

func (halves) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	gap := theme.Padding() * 2
	left := (size.Width - gap) * 0.52
	objects[0].Resize(fyne.NewSize(left, size.Height))
	objects[0].Move(fyne.NewPos(0, 0))
	objects[1].Resize(fyne.NewSize(size.Width-left-gap, size.Height))
	objects[1].Move(fyne.NewPos(left+gap, 0))
}

// gap is a blank of some height.
func gap(height float32) fyne.CanvasObject {
	return container.NewGridWrap(fyne.NewSize(1, height), layout.NewSpacer())
}
