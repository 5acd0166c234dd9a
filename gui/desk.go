package gui

import (
	"log/slog"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// view is one page of the window. Its methods are called in the window's goroutine only.
type view interface {
	// Content returns what the page shows. It is asked once.
	Content() fyne.CanvasObject
	// Open is called whenever the page comes into sight: it reads what it shows anew. subject, unless "", says what to go to: the
	// name of a company, an address, the id of a mail.
	Open(subject string)
	// Changed tells that something the service has under one of these topics is not as it was, while the page is in sight.
	Changed(topics topics)
	// Unsaved reports whether the person has begun a change that would be lost if the page were left.
	Unsaved() bool
}

// topics is a set of localapi's topics.
type topics map[string]bool

// any reports whether one of these topics is there.
func (t topics) any(names ...string) bool {
	for _, name := range names {
		if t[name] {
			return true
		}
	}
	return false
}

// The pages, by the names under which desk.open finds them.
const (
	pageHome       = "home"
	pageCompanies  = "companies"
	pageConnectors = "connectors"
	pageUsers      = "users"
	pageMail       = "mail"
	pageLog        = "log"
	pageUpkeep     = "upkeep"
	pageSettings   = "settings"
)

// desk is what a view works with. Production makes it of the window; a test makes its own and runs the works itself.
type desk struct {
	client   Client
	host     Host
	version  string // of this program
	window   fyne.Window
	run      func(work)                                           // starts a work
	runFor   func(timeout time.Duration, w work)                  // starts one that may take longer than a call
	post     func(do func())                                      // has a work do something in the window's goroutine before its end
	later    func(delay time.Duration, do func()) (cancel func()) // do is run in the window's goroutine
	open     func(page, subject string)                           // goes to a page
	tell     func(text string)                                    // says for some seconds that something was done
	lost     func(err error)                                      // the connection is lost: the window says so
	retry    func()                                               // looks anew how the connection stands
	restored func()                                               // a backup has taken the place of the data: the window says so
	wizard   func()                                               // opens the wizard of the first run
	prefs    fyne.Preferences
	log      *slog.Logger
}

// listed returns what notes in the log, for support, how many rows a list shows.
func (d *desk) listed(list string) func(rows, total int) {
	return func(rows, total int) { d.log.Debug("list shown", "list", list, "rows", rows, "total", total) }
}

// failed shows in a view's bar what went wrong. A lost connection is said by the window instead.
func (d *desk) failed(b *bar, err error) {
	switch {
	case err == nil || isCanceled(err):
	case isLost(err):
		d.lost(err)
	default:
		b.say(levelError, errorText(err))
	}
}

// confirm asks before something is done that cannot be undone. question names what will happen, action is the button's
// word.
func (d *desk) confirm(title, question, action string, do func()) {
	d.ask(title, newText(question), action, widget.DangerImportance, do)
}

// ask shows content and does something when the person says so by the button action.
func (d *desk) ask(title string, content fyne.CanvasObject, action string, importance widget.Importance, do func()) {
	var dlg *dialog.CustomDialog
	yes := widget.NewButton(action, func() {
		dlg.Hide()
		do()
	})
	yes.Importance = importance
	no := widget.NewButton(tr("cancel"), func() { dlg.Hide() })
	dlg = dialog.NewCustomWithoutButtons(title, newFixed(460, content), d.window)
	dlg.SetButtons([]fyne.CanvasObject{no, yes})
	dlg.Show()
	d.window.Canvas().Focus(no)
}

// confirmTyped is confirm for what is worst: the button can be pressed only when word has been typed.
func (d *desk) confirmTyped(title, question, word, action string, do func()) {
	var dlg *dialog.CustomDialog
	yes := newDangerButton(action, nil, func() {
		dlg.Hide()
		do()
	})
	yes.Disable()
	entry := widget.NewEntry()
	entry.PlaceHolder = word
	entry.OnChanged = func(text string) {
		if text == word {
			yes.Enable()
		} else {
			yes.Disable()
		}
	}
	no := widget.NewButton(tr("cancel"), func() { dlg.Hide() })
	content := container.NewVBox(newText(question), newField(tr("confirm.type", args{"Word": word}), entry, ""))
	dlg = dialog.NewCustomWithoutButtons(title, newFixed(460, content), d.window)
	dlg.SetButtons([]fyne.CanvasObject{no, yes})
	dlg.Show()
	d.window.Canvas().Focus(entry)
}

// toast is a short message that goes away by itself.
type toast struct {
	box    *fyne.Container
	panel  *panel
	label  *widget.Label
	later  func(time.Duration, func()) func()
	cancel func()
}

const toastTime = 4 * time.Second

func newToast(later func(time.Duration, func()) func()) *toast {
	t := &toast{label: widget.NewLabel(""), later: later, cancel: func() {}}
	t.panel = newPanel(colorOKTint, colorLine, 8, 4, container.NewHBox(widget.NewIcon(levelOK.icon()), t.label))
	// Above, where there are no buttons it could lie on.
	t.box = container.NewVBox(gap(4), container.NewHBox(layout.NewSpacer(), t.panel, newFixed(theme.Padding()*2, layout.NewSpacer())))
	t.box.Hide()
	return t
}

func (t *toast) say(text string) {
	t.cancel()
	t.label.SetText(text)
	t.box.Show()
	t.cancel = t.later(toastTime, t.box.Hide)
}

// changeTopics makes a set of a Change.
func changeTopics(c localapi.Change) topics {
	t := topics{}
	for _, name := range c.Topics {
		t[name] = true
	}
	return t
}
