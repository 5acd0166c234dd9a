package gui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// controlTimeout bounds what is done to the service with the rights of an administrator: a person has to type a password.
const controlTimeout = 5 * time.Minute

// The verbs of Host.Control.
const (
	verbInstall = "install"
	verbStart   = "start"
	verbRestart = "restart"
	verbStop    = "stop"
)

// connectView is what the window shows while there is no service to talk to: why, and the way on.
type connectView struct {
	host    Host
	version string // of this program
	run     func(timeout time.Duration, w work)
	retry   func()
	demo    func(Client, func())   // is given a demonstration that runs, and what ends it
	restore func()                 // asks for a backup to restore
	move    func(now ServiceState) // asks where the service is to listen
	verb    string                 // what the main button does
	doing   string                 // what is said meanwhile
	heading *widget.Label
	text    *widget.Label
	start   *progressBar // how far the start of the service is
	bar     *bar
	listen  *listenInput // where the service that is installed is to listen
	service ServiceState // of this machine
	main    *widget.Button
	other   *widget.Button // changes where the service listens
	mend    *widget.Button // restores a backup
	again   *widget.Button
	try     *widget.Button
	hint    *widget.Label
	command *widget.Label
	join    string          // what lets the person administer the service
	typed   *fyne.Container // the command to type
	content fyne.CanvasObject
}

func newConnectView(host Host, version string, run func(time.Duration, work), tell func(string), icon fyne.Resource) *connectView {
	v := &connectView{host: host, version: version, run: run, heading: newTitle(""), text: newText(""), start: newProgressBar(), bar: newBar(), hint: newHint("")}
	v.main = newMainButton("", nil, v.control)
	v.listen = newListenInput(tr("connect.listen.hint"), v.showCommand, v.control)
	v.other = newButton(tr("connect.listen.other"), nil, func() { v.move(v.service) })
	v.mend = newButton(tr("connect.restore"), theme.HistoryIcon(), func() { v.restore() })
	v.again = newButton(tr("link.retry"), theme.ViewRefreshIcon(), func() { v.retry() })
	v.try = newButton(tr("connect.demo"), theme.MediaPlayIcon(), v.startDemo)
	field, label := newCopyField("", tell)
	v.command = label
	v.typed = container.NewVBox(v.hint, field)
	picture := container.NewGridWrap(fyne.NewSquareSize(72), widget.NewIcon(icon))
	buttons := container.NewHBox(v.main, v.mend, v.again, v.other, v.try)
	box := container.NewVBox(container.NewHBox(picture), v.heading, v.text, v.start.content, v.listen.box, gap(6), buttons, v.bar, gap(6), v.typed)
	v.text.Selectable = true
	v.content = newBorder(nil, nil, layout.NewSpacer(), layout.NewSpacer(),
		container.NewCenter(newFixed(600, newCard("", container.New(layout.NewCustomPaddedLayout(14, 14, 14, 14), box)))))
	return v
}

// show says how the connection stands, and offers what can be done about it.
func (v *connectView) show(c connection) {
	v.verb = ""
	name := map[link]string{
		linkUnknown: "unknown", linkAbsent: "absent", linkStopped: "stopped", linkSilent: "silent", linkForbidden: "forbidden", linkMismatch: "mismatch",
		linkStarting: "starting", linkFailed: "failed",
	}[c.link]
	v.heading.SetText(tr("connect." + name))
	text := tr("connect." + name + ".text")
	switch c.link {
	case linkFailed:
		text = failedText(c.service.Reason)
	case linkForbidden:
		if c.version.Join != "" {
			text = tr("connect.forbidden.join", args{"Caller": c.version.Caller})
		}
	case linkUnknown, linkUp, linkAbsent, linkStopped, linkSilent, linkStarting:
	case linkMismatch:
		text = mismatchText(c.service, v.version)
	}
	if c.text != "" {
		text += "\n\n" + c.text
	}
	v.text.SetText(text)
	switch c.link {
	case linkAbsent:
		v.verb = verbInstall
	case linkStopped, linkFailed:
		v.verb = verbStart
	case linkSilent:
		if c.service.Installed {
			v.verb = verbRestart
		}
	case linkMismatch:
		v.verb = mismatchVerb(c.service, v.version)
	case linkUnknown, linkUp, linkForbidden, linkStarting:
	}
	v.start.clear()
	if s := c.version.Starting; c.link == linkStarting && s != nil {
		v.start.show(stepText(s.Step), s.Done, s.Total)
	}
	v.offer(c)
}

// mismatchVerb returns what brings a service to the version of this program, "" when that is not to be done from here.
func mismatchVerb(s ServiceState, program string) string {
	switch {
	case updates(s, program):
		return verbInstall
	case s.Packaged: // the package has brought both: the service still runs the one of before
		return verbRestart
	default:
		return ""
	}
}

// mismatchText says what brings a service and this program to the same version.
func mismatchText(s ServiceState, program string) string {
	text := tr("connect.mismatch.text")
	switch {
	case !s.Installed:
		return text
	case s.Packaged:
		return joinText(text, tr("connect.mismatch.package"))
	default:
		return joinText(text, updateText(s, program))
	}
}

// failedText says why a service has ended.
func failedText(reason string) string {
	switch reason {
	case FailedData:
		return tr("connect.failed.data")
	case FailedConfig:
		return tr("connect.failed.config")
	default:
		return tr("connect.failed.text")
	}
}

// offer shows the buttons that lead on.
func (v *connectView) offer(c connection) {
	visible(v.main, v.verb != "")
	installs := c.link == linkAbsent
	visible(v.listen.box, installs)
	v.service = c.service
	address := c.link == linkStopped || c.link == linkFailed && c.service.Reason == "" // what it may fail by
	visible(v.other, address && movable(c.service))
	visible(v.mend, c.link == linkFailed && c.service.Reason == FailedData)
	visible(v.again, c.link != linkUnknown && c.link != linkStarting && c.link != linkFailed) // those are looked at again soon by themselves
	visible(v.try, c.link == linkAbsent || c.link == linkSilent)
	v.hint.SetText(tr("connect.command"))
	v.join = ""
	if c.link == linkForbidden {
		v.join = c.version.Join
		v.hint.SetText(tr("connect.join"))
	}
	if v.verb != "" {
		v.doing = tr("connect.doing." + v.verb)
		v.main.SetText(tr("connect.verb." + v.verb))
		switch {
		case c.link == linkFailed:
			v.main.SetText(tr("connect.again"))
		case c.link == linkMismatch && v.verb == verbInstall:
			v.doing = tr("connect.doing.update")
			v.main.SetText(tr("upkeep.service.update.go", args{"Version": v.version}))
		}
		v.main.Enable()
	}
	v.showCommand()
}

// showCommand shows what to type instead.
func (v *connectView) showCommand() {
	command := v.join
	switch v.verb {
	case "":
	case verbInstall:
		o, ok := v.options()
		if !ok {
			return // the command for what was typed before stays
		}
		command = v.host.InstallCommand(o)
	default:
		command = v.host.Command(v.verb)
	}
	visible(v.typed, command != "")
	v.command.SetText(command)
}

// options returns how the service is to be installed; not ok when what is typed is no address.
func (v *connectView) options() (o InstallOptions, ok bool) {
	if !v.listen.box.Visible() {
		return InstallOptions{}, true
	}
	address, ok := v.listen.address()
	return InstallOptions{Listen: address}, ok
}

// control does to the service what the main button says.
func (v *connectView) control() {
	verb := v.verb
	if v.main.Disabled() {
		return
	}
	do := func(ctx context.Context) error { return v.host.Control(ctx, verb) }
	if verb == verbInstall {
		o, ok := v.options()
		if !ok {
			v.listen.check()
			return
		}
		do = func(ctx context.Context) error { return v.host.Install(ctx, o) }
	}
	v.listen.say("")
	v.main.Disable()
	v.bar.say(levelInfo, v.doing)
	v.run(controlTimeout, func(ctx context.Context) func() {
		err := do(ctx)
		return func() {
			v.main.Enable()
			if err != nil && v.listen.box.Visible() && v.listen.refuse(err) {
				v.bar.clear()
				return
			}
			if err != nil {
				v.bar.say(levelError, errorText(err))
				return
			}
			v.bar.clear()
			v.retry()
		}
	})
}

// startDemo starts a demonstration beside whatever is installed.
func (v *connectView) startDemo() {
	v.try.Disable()
	v.bar.say(levelInfo, tr("connect.doing.demo"))
	v.run(callTimeout, func(ctx context.Context) func() {
		client, stop, err := v.host.Demo(ctx)
		return func() {
			v.try.Enable()
			if err != nil {
				v.bar.say(levelError, errorText(err))
				return
			}
			v.bar.clear()
			v.demo(client, stop)
		}
	})
}
