package gui

import (
	"context"
	"net"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// usualListen is where the service listens when nobody says otherwise.
const usualListen = ":8080"

// fieldListen is the field of errors about where the service listens.
const fieldListen = "listen"

// listenInput asks where the service listens for browsers.
type listenInput struct {
	*formInput
	entry *widget.Entry
}

func newListenInput(hint string, changed, submit func()) *listenInput {
	e := widget.NewEntry()
	e.PlaceHolder = usualListen
	i := &listenInput{entry: e}
	i.formInput = newFormInput(fieldListen, newField(tr("connect.listen"), container.NewHBox(newFixed(220, e)), hint))
	i.value = func() string { return strings.TrimSpace(e.Text) }
	i.focus = e
	e.OnChanged = func(string) {
		i.say("")
		changed()
	}
	e.OnSubmitted = func(string) { submit() }
	return i
}

// address returns what is typed, as the service takes it; not ok when it is no address. "" is nothing typed.
func (i *listenInput) address() (address string, ok bool) {
	if i.value() == "" {
		return "", true
	}
	return listenAddress(i.value())
}

// check says what is wrong with what is typed, and reports whether nothing is.
func (i *listenInput) check() (address string, ok bool) {
	if address, ok = i.address(); !ok {
		i.mark(tr("connect.listen.wrong"))
	}
	return address, ok
}

// refuse takes an error that is about the address, and reports whether it was one.
func (i *listenInput) refuse(err error) bool {
	e := appError(err)
	if e == nil || e.Field != fieldListen {
		return false
	}
	i.mark(errorText(err))
	return true
}

// mark says what is wrong at the field, and has the person type there.
func (i *listenInput) mark(text string) {
	i.say(text)
	if c := fyne.CurrentApp().Driver().CanvasForObject(i.entry); c != nil {
		c.Focus(i.entry)
	}
}

// listenAddress returns HOST:PORT or :PORT of what people type; a port alone is one of all addresses.
func listenAddress(text string) (address string, ok bool) {
	if _, err := strconv.Atoi(text); err == nil {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsAny(host, " /\\@,;\"'") {
		return "", false
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || port[0] == '+' {
		return "", false
	}
	return text, true
}

// movable reports whether it can be changed from here where the service listens.
func movable(s ServiceState) bool {
	return s.Managed && s.Installed && s.Listen != "" && s.Program != ""
}

// listenForm asks where the service is to listen, and has it restarted there.
type listenForm struct {
	desk     *desk
	ask      *askForm
	input    *listenInput
	command  *widget.Label
	progress *progressBar
	now      string // where it listens
	program  string // of the service, which stays the same
	done     func()
}

// askListen asks about an installed service. done is called when something was tried.
func askListen(d *desk, now ServiceState, done func()) {
	f := &listenForm{desk: d, now: now.Listen, program: now.Program, done: done, progress: newProgressBar()}
	f.input = newListenInput(tr("connect.listen.hint.change"), func() { f.follow() }, func() { f.submit() })
	field, label := newCopyField("", d.tell)
	f.command = label
	content := container.NewVBox(newText(tr("connect.listen.text")), f.input.box, newHint(tr("connect.command")), field, gap(4), f.progress.content)
	f.ask = newAskForm(d, tr("connect.listen.title"), tr("connect.listen.go"), widget.HighImportance, content, f.submit)
	f.input.entry.SetText(now.Listen)
	f.follow()
	f.ask.show(f.input.entry)
}

// follow shows the command for what is typed.
func (f *listenForm) follow() {
	if f.ask == nil {
		return
	}
	address, ok := f.input.address()
	if ok && address != "" {
		f.command.SetText(f.desk.host.InstallCommand(InstallOptions{Listen: address, Program: f.program}))
	}
	enable(f.ask.yes, address != f.now)
}

func (f *listenForm) submit() {
	address, ok := f.input.check()
	switch {
	case f.ask.yes.Disabled() || !ok:
		return
	case address == "":
		f.input.mark(tr("connect.listen.wrong"))
		return
	}
	f.ask.bar.clear()
	f.busy(true)
	f.desk.runFor(updateTimeout, func(ctx context.Context) func() {
		err := f.desk.host.Install(ctx, InstallOptions{Listen: address, Program: f.program})
		return func() {
			f.busy(false)
			f.done()
			f.desk.retry()
			switch {
			case err == nil:
				f.ask.dialog.Hide()
				f.desk.tell(tr("connect.listen.done", args{"Address": address}))
			case !f.input.refuse(err):
				f.ask.bar.say(levelError, errorText(err))
			}
			f.ask.dialog.Refresh()
		}
	})
}

// busy keeps the person from anything else while it is done.
func (f *listenForm) busy(on bool) {
	enable(f.ask.yes, !on)
	enable(f.ask.no, !on)
	if on {
		f.input.entry.Disable()
		f.progress.show(tr("connect.listen.doing"), 0, 0)
		return
	}
	f.input.entry.Enable()
	f.progress.clear()
}
