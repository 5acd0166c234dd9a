package gui

import (
	"context"
	"net/url"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// What the preferences keep. None of it is a secret: the file is readable.
const (
	prefWidth  = "window.width"
	prefHeight = "window.height"
	prefPage   = "page"
	prefTray   = "tray"
	prefWizard = "wizard.done"
)

// windowWidth and windowHeight are how large the window is at least, without its menu.
const (
	windowWidth  = 1000
	windowHeight = 612
)

// window is the program's one window: the pages, the way between them, and how the connection stands.
type window struct {
	app    fyne.App
	config Config
	back   *background
	win    fyne.Window
	desk   *desk
	live   *live

	pages          []*page
	wizard         *page // it is not in the navigation
	current        *page
	link           link
	trayed         bool
	afterRestore   bool // a backup was restored, and that was not said yet
	serviceVersion string
	stop           func() // ends the connection
	end            func() // ends the demonstration, if there is one

	status  *pill
	address *widget.Hyperlink
	copyURL *widget.Button
	who     *widget.Label
	version *widget.Label
	bar     *bar
	start   *progressBar // how far the start of the service is
	toast   *toast
	body    *fyne.Container // the page in sight
	shell   fyne.CanvasObject
	connect *connectView
	base    *fyne.Container // the shell, or what there is without a connection
}

// page is a view with its place in the navigation. The view is made when it is first turned to, so that the window is there soon.
type page struct {
	name    string
	icon    fyne.Resource
	key     fyne.KeyName
	make    func(d *desk) view
	view    view // nil until then
	content fyne.CanvasObject
	button  *widget.Button
	ground  *panel
}

// pages returns the pages in the order of the navigation.
func pages() []*page {
	return []*page{
		{name: pageHome, icon: theme.HomeIcon(), key: fyne.Key1, make: newHome},
		{name: pageCompanies, icon: theme.StorageIcon(), key: fyne.Key2, make: newCompanies},
		{name: pageConnectors, icon: theme.LoginIcon(), key: fyne.Key3, make: newConnectors},
		{name: pageUsers, icon: theme.AccountIcon(), key: fyne.Key4, make: newUsers},
		{name: pageMail, icon: theme.MailComposeIcon(), key: fyne.Key5, make: newMail},
		{name: pageLog, icon: theme.HistoryIcon(), key: fyne.Key6, make: newLog},
		{name: pageUpkeep, icon: theme.ComputerIcon(), key: fyne.Key7, make: newUpkeep},
		{name: pageSettings, icon: theme.SettingsIcon(), key: fyne.Key8, make: newSettings},
	}
}

func newWindow(a fyne.App, c Config, b *background) *window {
	w := &window{app: a, config: c, back: b, win: a.NewWindow(tr("app.name"))}
	w.toast = newToast(w.later)
	w.stop, w.end = func() {}, func() {}
	w.connect = newConnectView(c.Host, c.Version, b.runFor, w.toast.say, a.Icon())
	w.connect.retry = func() { w.live.retry() }
	w.connect.demo = w.startDemo
	w.connect.restore = func() { chooseRestore(w.desk) }
	w.connect.move = func(now ServiceState) { askListen(w.desk, now, func() {}) }
	w.use(c.Client)
	return w
}

// use makes the window that of another service, to which connect connects then.
func (w *window) use(client Client) {
	w.stop()
	w.desk = &desk{
		client: client, host: w.config.Host, version: w.config.Version, window: w.win, run: w.back.run, runFor: w.back.runFor, post: w.back.post,
		later: w.later, open: w.open, lost: w.lost, retry: func() { w.live.retry() }, restored: w.restored,
		tell: w.toast.say, wizard: w.startWizard, prefs: w.app.Preferences(), log: w.config.Log,
	}
	w.live = newLive(client, w.config.Host, w.back.post)
	of := w.live
	w.live.state = func(c connection) {
		if w.live == of { // what the service before has still said is of no interest
			w.setConnection(c)
		}
	}
	w.live.changed = func(t topics) {
		if w.live == of {
			w.changed(t)
		}
	}
	w.current, w.link = nil, linkUnknown
	w.pages = pages()
	w.wizard = &page{name: pageWizard, make: func(d *desk) view { return newWizard(d) }}
	w.layout()
}

// connectNow keeps the connection to the service until another one is used.
func (w *window) connectNow() {
	live := w.live
	ctx, cancel := context.WithCancel(w.back.ctx)
	w.stop = cancel
	w.back.runFor(0, func(context.Context) func() {
		live.keep(ctx)
		return nil
	})
}

// startDemo makes the window that of a demonstration.
func (w *window) startDemo(client Client, end func()) {
	w.end()
	w.end = end
	w.use(client)
	w.desk.host = demoHost{w.config.Host}
	w.connectNow()
}

// later runs do in the window's goroutine after a while, unless it is cancelled before.
func (w *window) later(delay time.Duration, do func()) func() {
	timer := time.AfterFunc(delay, func() { w.back.post(do) })
	return func() { timer.Stop() }
}

func (w *window) layout() {
	w.status = newPill("", levelPlain)
	w.address = widget.NewHyperlink("", nil)
	w.copyURL = newButton("", theme.ContentCopyIcon(), w.copyAddress)
	w.copyURL.Importance = widget.LowImportance
	w.who, w.version = newSmall(""), newSmall("")
	w.who.Truncation, w.version.Truncation = fyne.TextTruncateEllipsis, fyne.TextTruncateEllipsis
	w.bar, w.start = newBar(), newProgressBar()
	w.bar.close.Hide()
	w.body = container.NewStack()

	nav := container.NewVBox()
	for _, p := range w.pages {
		p.button = widget.NewButtonWithIcon(tr("page."+p.name), p.icon, func() { w.open(p.name, "") })
		p.button.Alignment, p.button.Importance = widget.ButtonAlignLeading, widget.LowImportance
		p.ground = newPanel(colorSide, "", 6, 0, p.button)
		nav.Add(p.ground)
	}
	name := newHeading(tr("app.name"))
	name.SizeName = theme.SizeNameSubHeadingText
	brand := container.NewHBox(container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(26), widget.NewIcon(w.app.Icon()))), name)
	foot := container.NewVBox(widget.NewSeparator(), w.who, w.version)
	side := newPanel(colorSide, "", 0, 8, newFixed(178, newBorder(container.NewVBox(brand, newFixed(1, layout.NewSpacer()), nav), foot, nil, nil)))
	head := container.NewHBox(w.status, w.address, w.copyURL)
	main := newBorder(container.NewVBox(head, w.bar, w.start.content), nil, nil, nil, w.body)
	padded := container.New(layout.NewCustomPaddedLayout(8, 8, 12, 12), main)
	w.shell = newBorder(nil, nil, side, nil, padded)
	w.base = container.NewStack(w.connect.content)
	w.win.SetContent(container.New(&leastSize{fyne.NewSize(windowWidth, windowHeight)}, w.base, w.toast.box))
	w.win.SetMainMenu(w.menu())
	w.setConnection(connection{})
}

// show opens the window as large as it was, and begins to connect.
func (w *window) show() {
	prefs := w.app.Preferences()
	w.win.SetMaster()
	w.win.SetPadded(false)
	w.win.Resize(fyne.NewSize(
		float32(prefs.FloatWithFallback(prefWidth, 1180)), float32(prefs.FloatWithFallback(prefHeight, 740))))
	w.win.CenterOnScreen()
	w.win.SetCloseIntercept(w.close)
	w.connectNow()
	w.tray()
	w.followFocus()
	w.win.Show()
}

// close ends the program, unless something would be lost and the person does not want that, or it is to stay in the tray.
func (w *window) close() {
	if w.trayed {
		w.win.Hide()
		return
	}
	w.quit()
}

// quit ends the program, unless something would be lost and the person does not want that.
func (w *window) quit() {
	w.leave(func() {
		size := w.win.Canvas().Size()
		w.app.Preferences().SetFloat(prefWidth, float64(size.Width))
		w.app.Preferences().SetFloat(prefHeight, float64(size.Height))
		w.win.SetCloseIntercept(nil)
		w.app.Quit()
	})
}

// tray places the program in the system's tray, where there is one and the person wants that: closing the window leaves it
// there then.
func (w *window) tray() {
	tray, ok := w.app.(desktop.App)
	if !ok || !w.app.Preferences().Bool(prefTray) || !w.config.Host.Tray() {
		return
	}
	quit := fyne.NewMenuItem(tr("menu.quit"), func() {
		w.win.Show()
		w.quit()
	})
	quit.IsQuit = true
	tray.SetSystemTrayMenu(fyne.NewMenu(tr("app.name"), fyne.NewMenuItem(tr("menu.open"), w.win.Show), fyne.NewMenuItemSeparator(), quit))
	tray.SetSystemTrayIcon(w.app.Icon())
	w.trayed = true
}

// leave does something that leaves the page in sight; before, it asks about what is not saved.
func (w *window) leave(do func()) {
	if w.current == nil || !w.current.view.Unsaved() {
		do()
		return
	}
	w.desk.confirm(tr("unsaved.title"), tr("unsaved.text"), tr("unsaved.leave"), do)
}

// open goes to a page.
func (w *window) open(name, subject string) {
	for _, p := range w.pages {
		if p.name == name {
			w.leave(func() {
				if p == w.current {
					p.view.Open(subject)
					return
				}
				w.turnTo(p, subject)
			})
			return
		}
	}
}

func (w *window) turnTo(p *page, subject string) {
	w.current = p
	w.makePage(p)
	w.body.Objects = []fyne.CanvasObject{p.content}
	w.body.Refresh()
	for _, other := range w.pages {
		fill := colorSide
		other.button.Importance = widget.LowImportance
		if other == p {
			fill = theme.ColorNameSelection
		}
		other.ground.setFill(fill)
		other.button.Refresh()
	}
	if p != w.wizard {
		w.app.Preferences().SetString(prefPage, p.name)
	}
	w.config.Log.Debug("page shown", "page", p.name)
	p.view.Open(subject)
}

// makePage makes the view of a page, unless that was done before.
func (w *window) makePage(p *page) {
	if p.view == nil {
		p.view = p.make(w.desk)
		p.content = p.view.Content()
	}
}

// reload reads the page in sight anew.
func (w *window) reload() {
	if w.current != nil {
		w.leave(func() { w.current.view.Open("") })
	}
}

// lost is told by views whose call found no service.
func (w *window) lost(error) { w.live.retry() }

// setConnection shows how the connection stands.
func (w *window) setConnection(c connection) {
	before := w.link
	w.link = c.link
	w.config.Log.Debug("connection", "state", c.link, "text", c.text)
	if c.link == linkUp {
		w.connected(c, before)
		return
	}
	w.status.set(tr("link.down"), levelError)
	w.start.clear()
	if w.current != nil && w.staysAt(c) {
		return
	}
	w.leaveFor(c)
}

// staysAt says above the page in sight that the service does not answer, and reports whether that is enough: the page stays, with what is
// typed there.
func (w *window) staysAt(c connection) bool {
	switch c.link {
	case linkForbidden, linkMismatch:
		return false
	case linkStarting:
		w.bar.say(levelInfo, tr("link.starting"))
		w.start.show(stepText(c.version.Starting.Step), c.version.Starting.Done, c.version.Starting.Total)
	case linkFailed:
		w.bar.offer(levelError, joinText(tr("link.failed"), c.text), tr("link.failed.more"), func() { w.leave(func() { w.leaveFor(c) }) })
	default:
		w.bar.offer(levelWarning, tr("link.lost", args{"Seconds": int(c.retry / time.Second)}), tr("link.retry"), w.live.retry)
	}
	return true
}

// joinText returns two sentences as one text.
func joinText(a, b string) string { return strings.TrimSpace(a + " " + b) }

// leaveFor shows what there is without a connection.
func (w *window) leaveFor(c connection) {
	w.current = nil
	w.connect.show(c)
	w.base.Objects = []fyne.CanvasObject{w.connect.content}
	w.base.Refresh()
}

// restored notes that a backup has taken the place of the data, which is said when the service answers again.
func (w *window) restored() {
	w.afterRestore = true
	if w.link == linkUp { // it does already
		w.sayRestored()
		return
	}
	w.live.retry()
}

// sayRestored says what is different after a backup has taken the place of the data, with the way to the mail that is held.
func (w *window) sayRestored() {
	w.afterRestore = false
	w.bar.offer(levelWarning, tr("link.restored"), tr("link.restored.mail"), func() {
		w.bar.clear()
		w.open(pageMail, mailTabNames[mailTabQueue])
	})
}

func (w *window) connected(c connection, before link) {
	w.status.set(tr("link.up"), levelOK)
	w.bar.clear()
	w.start.clear()
	w.serviceVersion = c.version.Version
	w.who.SetText(tr("link.who", args{"Caller": c.version.Caller}))
	w.version.SetText(tr("link.version", args{"Version": c.version.Version}))
	switch {
	case w.afterRestore:
		w.sayRestored()
	case c.version.Version != w.config.Version:
		w.bar.offer(levelWarning, tr("link.other_version", args{"Service": c.version.Version, "Program": w.config.Version}), tr("link.other_version.more"),
			func() { w.open(pageUpkeep, upkeepTabService) })
	}
	w.base.Objects = []fyne.CanvasObject{w.shell}
	w.base.Refresh()
	w.readAddress()
	switch {
	case w.current == nil:
		w.turnTo(w.pageOf(w.app.Preferences().StringWithFallback(prefPage, pageHome)), "")
		w.offerWizard()
	case before != linkUp && !w.current.view.Unsaved():
		w.current.view.Open("")
	}
}

func (w *window) pageOf(name string) *page {
	for _, p := range w.pages {
		if p.name == name {
			return p
		}
	}
	return w.pages[0]
}

// changed tells the page in sight what has changed.
func (w *window) changed(t topics) {
	if t.any(localapi.TopicSettings) {
		w.readAddress()
	}
	if w.current != nil {
		w.current.view.Changed(t)
	}
}

// readAddress shows the address for customers.
func (w *window) readAddress() {
	client := w.desk.client
	w.back.run(func(ctx context.Context) func() {
		settings, err := client.Settings(ctx)
		return func() {
			if err != nil {
				return // the views say so
			}
			w.setAddress(settings["public_url"].Text)
		}
	})
}

func (w *window) setAddress(text string) {
	u, err := url.Parse(text)
	if err != nil || text == "" {
		w.address.Hide()
		w.copyURL.Hide()
		return
	}
	w.address.SetText(text)
	w.address.SetURL(u.JoinPath("login"))
	w.address.Show()
	w.copyURL.Show()
}

func (w *window) copyAddress() {
	w.app.Clipboard().SetContent(w.address.Text)
	w.toast.say(tr("copied"))
}

// menu returns the window's menu, in which every shortcut stands.
func (w *window) menu() *fyne.MainMenu {
	item := func(key string, name fyne.KeyName, do func()) *fyne.MenuItem {
		m := fyne.NewMenuItem(tr(key), do)
		if name != "" {
			shortcut := &desktop.CustomShortcut{KeyName: name, Modifier: fyne.KeyModifierShortcutDefault}
			m.Shortcut = shortcut
			w.win.Canvas().AddShortcut(shortcut, func(fyne.Shortcut) { do() })
		}
		return m
	}
	quit := item("menu.quit", fyne.KeyQ, w.quit)
	quit.IsQuit = true
	file := fyne.NewMenu(tr("menu.file"),
		item("menu.wizard", "", w.startWizard), item("menu.reload", fyne.KeyR, w.reload), fyne.NewMenuItemSeparator(), quit)
	view := fyne.NewMenu(tr("menu.view"))
	for _, p := range w.pages {
		view.Items = append(view.Items, item("page."+p.name, p.key, func() {
			if w.link == linkUp {
				w.open(p.name, "")
			}
		}))
	}
	search := item("menu.search", fyne.KeyF, w.focusSearch)
	view.Items = append(view.Items, fyne.NewMenuItemSeparator(), search)
	help := fyne.NewMenu(tr("menu.help"), item("menu.about", "", w.about))
	return fyne.NewMainMenu(file, view, help)
}

// searcher is a view with a field to search with.
type searcher interface{ searchField() fyne.Focusable }

// focusSearch places the cursor in the page's search field.
func (w *window) focusSearch() {
	if w.current == nil {
		return
	}
	if s, ok := w.current.view.(searcher); ok {
		w.win.Canvas().Focus(s.searchField())
	}
}
