package gui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// mailView is the page of mail: what waits and what became of the rest, how mail leaves, the DNS records it is judged by, the
// programs that hand it over, and the addresses that get none.
type mailView struct {
	desk      *desk
	strip     *mailStrip
	tabs      *mailTabs
	queue     *mailQueue
	out       *mailOut
	dns       *mailDNS
	programs  *mailPrograms
	addresses *mailAddresses
	content   fyne.CanvasObject
}

// The tabs of the page, in their order. Their names are subjects of Open, and end the keys of their titles.
var mailTabNames = [...]string{"queue", "settings", "dns", "programs", "addresses"}

const (
	mailTabQueue = iota
	mailTabSettings
	mailTabDNS
	mailTabPrograms
	mailTabAddresses
)

func newMail(d *desk) view { return newMailView(d) }

func newMailView(d *desk) *mailView {
	v := &mailView{desk: d, strip: newMailStrip(d), dns: newMailDNS(d), programs: newMailPrograms(d), addresses: newMailAddresses(d)}
	v.queue = newMailQueue(d)
	v.out = newMailOut(d)
	v.strip.told = v.queue.setStatus
	titles := make([]string, len(mailTabNames))
	for i, name := range mailTabNames {
		titles[i] = tr("mail.tab." + name)
	}
	v.tabs = newMailTabs(titles, []fyne.CanvasObject{v.queue.content, v.out.content, v.dns.content, v.programs.content, v.addresses.content}, v.turned)
	v.content = newBorder(container.NewVBox(v.strip.content, v.tabs.bar), nil, nil, nil, v.tabs.body)
	return v
}

// Content returns what the page shows.
func (v *mailView) Content() fyne.CanvasObject { return v.content }

// Open reads anew. subject is "", the id of a mail, "state:" and a state, or the name of a tab.
func (v *mailView) Open(subject string) {
	v.strip.read()
	tab := v.tabs.at
	state, isState := strings.CutPrefix(subject, "state:")
	switch {
	case subject == "":
		v.out.form.discard()
	case isState:
		tab = mailTabQueue
		v.queue.filter(state)
	case isMailTab(subject) >= 0:
		tab = isMailTab(subject)
	default:
		tab = mailTabQueue
		v.queue.openMail(subject)
	}
	v.tabs.choose(tab)
}

// isMailTab returns the number of the tab of a name, or -1.
func isMailTab(name string) int {
	for i, n := range mailTabNames {
		if n == name {
			return i
		}
	}
	return -1
}

// turned reads what a tab shows when it comes into sight.
func (v *mailView) turned(tab int) {
	switch tab {
	case mailTabQueue:
		v.queue.read()
	case mailTabSettings:
		v.out.form.load()
	case mailTabDNS:
		v.dns.read()
	case mailTabPrograms:
		v.programs.read()
	case mailTabAddresses:
		v.addresses.read()
	}
}

// Changed reads what has changed of what is in sight.
func (v *mailView) Changed(t topics) {
	if t.any(localapi.TopicMessages, localapi.TopicSettings) {
		v.strip.read()
	}
	if t.any(localapi.TopicMessages) {
		v.out.test.poll()
	}
	tab := v.tabs.at
	switch {
	case tab == mailTabQueue && t.any(localapi.TopicMessages),
		tab == mailTabSettings && t.any(localapi.TopicSettings),
		tab == mailTabPrograms && t.any(localapi.TopicPrograms),
		tab == mailTabAddresses && t.any(localapi.TopicMessages):
		v.turned(tab)
	case tab == mailTabDNS && t.any(localapi.TopicSettings):
		v.dns.stale()
	}
}

// Unsaved reports whether the way mail leaves was changed and not saved.
func (v *mailView) Unsaved() bool { return v.out.form.unsaved() }

// searchField returns the field of the queue, which comes into sight for it.
func (v *mailView) searchField() fyne.Focusable {
	if v.tabs.at != mailTabQueue {
		v.tabs.choose(mailTabQueue)
	}
	return v.queue.search
}

// mailTabs is a row of buttons of which one is chosen, and what belongs to that one. It is not a container.AppTabs: the keyboard
// does not reach those.
type mailTabs struct {
	at      int
	buttons []*widget.Button
	grounds []*panel
	pages   []fyne.CanvasObject
	turned  func(int)
	fill    fyne.ThemeColorName // of what is not chosen
	bar     *fyne.Container
	body    *fyne.Container
}

func newMailTabs(titles []string, pages []fyne.CanvasObject, turned func(int)) *mailTabs {
	t := &mailTabs{fill: theme.ColorNameBackground, pages: pages, turned: turned, body: container.NewStack(), bar: container.New(layout.NewCustomPaddedHBoxLayout(2))}
	for i, title := range titles {
		b := newButton(title, nil, func() { t.choose(i) })
		b.Importance = widget.LowImportance
		ground := newPanel("", "", 6, 0, b)
		t.buttons, t.grounds = append(t.buttons, b), append(t.grounds, ground)
		t.bar.Add(ground)
	}
	t.show()
	return t
}

// choose brings a page into sight, also one that is, and tells so.
func (t *mailTabs) choose(i int) {
	t.at = i
	t.show()
	t.turned(i)
}

func (t *mailTabs) show() {
	for i, ground := range t.grounds {
		fill := t.fill
		if i == t.at {
			fill = theme.ColorNameSelection
		}
		ground.setFill(fill)
	}
	t.body.Objects = []fyne.CanvasObject{t.pages[t.at]}
	t.body.Refresh()
}

// ground tells what colour the tabs stand on.
func (t *mailTabs) ground(fill fyne.ThemeColorName) {
	t.fill = fill
	t.show()
}
