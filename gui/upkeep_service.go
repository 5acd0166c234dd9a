package gui

import (
	"context"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// The verb of Host.Control that takes the service from the machine; its data stay.
const verbUninstall = "uninstall"

// upkeepService is the service of this machine: how it is, and what starts, stops, updates and removes it.
type upkeepService struct {
	desk     *desk
	bar      *bar
	progress *progressBar
	state    *pill
	since    *widget.Label
	facts    map[string]*widget.Label
	start    *widget.Button
	stop     *widget.Button
	restart  *widget.Button
	control  *fyne.Container // with the buttons
	move     *widget.Button  // changes where it listens
	newer    *widget.Label
	update   *widget.Button
	gone     *widget.Label
	remove   *widget.Button
	content  fyne.CanvasObject

	now   ServiceState
	query int
	busy  bool
}

// The facts about the service, by the ends of their texts' keys.
func serviceFacts() []string {
	return []string{"version", "program", "origin", "file", "listen", "boot"}
}

func newUpkeepService(d *desk) *upkeepService {
	v := &upkeepService{
		desk: d, bar: newBar(), progress: newProgressBar(), state: newPill("", levelPlain), since: newSmall(""), facts: map[string]*widget.Label{},
		newer: newText(""), gone: newText(""),
	}
	v.start = newMainButton(tr("connect.verb.start"), theme.MediaPlayIcon(), func() { v.do(verbStart, tr("upkeep.service.started")) })
	v.restart = newButton(tr("connect.verb.restart"), theme.ViewRefreshIcon(), v.askRestart)
	v.stop = newButton(tr("upkeep.service.stop"), theme.MediaStopIcon(), v.askStop)
	v.move = newButton(tr("connect.listen.other"), nil, func() { askListen(d, v.now, v.read) })
	v.update = newMainButton("", theme.DownloadIcon(), v.askUpdate)
	v.remove = newButton(tr("upkeep.service.remove"), theme.DeleteIcon(), v.askRemove)
	facts := container.New(&tightLayout{})
	for _, name := range serviceFacts() {
		fact, value := newFact(tr("upkeep.service." + name))
		v.facts[name] = value
		facts.Add(fact)
	}
	v.since.Truncation = fyne.TextTruncateEllipsis
	head := newBorder(nil, nil, container.NewHBox(newHeading(tr("upkeep.service.heading")), v.state), nil, mailMiddle(v.since))
	v.control = container.NewVBox(head, facts, container.NewHBox(v.start, v.restart, v.stop, v.move))
	cards := container.NewVBox(
		newCard("", v.control),
		newCard(tr("upkeep.service.update"), newBorder(nil, nil, nil, mailMiddle(v.update), v.newer)),
		newCard(tr("upkeep.service.removal"), newBorder(nil, nil, nil, mailMiddle(v.remove), v.gone)),
	)
	scroll := container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 8, 0, 12), cards))
	v.content = newBorder(container.NewVBox(v.bar, v.progress.content), nil, nil, nil, scroll)
	v.show(ServiceState{})
	return v
}

// read asks the machine how the service is.
func (v *upkeepService) read() {
	v.query++
	query := v.query
	v.desk.run(func(context.Context) func() {
		state := v.desk.host.Service()
		return func() {
			if query == v.query {
				v.show(state)
			}
		}
	})
}

// show says how the service is.
func (v *upkeepService) show(s ServiceState) {
	v.now = s
	word, l := serviceWord(s)
	v.state.set(word, l)
	v.since.SetText("")
	switch {
	case s.Running && !s.Since.IsZero():
		v.since.SetText(tr("upkeep.service.since", args{"At": moment(s.Since)}))
	case !s.Running && s.Detail != "":
		v.since.SetText(sentence(s.Detail))
	}
	v.facts["version"].SetText(orDash(s.Version))
	v.facts["program"].SetText(orDash(v.desk.version))
	v.facts["file"].SetText(orDash(s.Program))
	v.facts["listen"].SetText(orDash(s.Listen))
	origin, boot := tr("upkeep.service.origin.install"), tr("upkeep.service.boot.off")
	if s.Packaged {
		origin = tr("upkeep.service.origin.package")
	}
	if s.Enabled {
		boot = tr("upkeep.service.boot.on")
	}
	if !s.Installed {
		origin, boot = orDash(""), orDash("")
	}
	v.facts["origin"].SetText(origin)
	v.facts["boot"].SetText(boot)
	v.showUpdate(s)
	switch {
	case !s.Managed:
		v.gone.SetText(tr("upkeep.service.unmanaged"))
	case s.Packaged:
		v.gone.SetText(tr("upkeep.service.removal.package"))
	default:
		v.gone.SetText(tr("upkeep.service.removal.text"))
	}
	v.enable()
}

// showUpdate says whether this program is newer than the service, and what updates it.
func (v *upkeepService) showUpdate(s ServiceState) {
	v.update.SetText(tr("upkeep.service.update.go", args{"Version": v.desk.version}))
	v.newer.SetText(updateText(s, v.desk.version))
}

// updateText says whether a program is newer than the service, and what updates it.
func updateText(s ServiceState, program string) string {
	switch {
	case s.Packaged:
		return tr("upkeep.service.update.package")
	case s.Version == "":
		return tr("upkeep.service.update.unknown")
	case s.Version == program:
		return tr("upkeep.service.update.none", args{"Version": s.Version})
	case compareVersions(program, s.Version) < 0:
		return tr("upkeep.service.update.older", args{"Service": s.Version, "Program": program})
	default:
		return tr("upkeep.service.update.text", args{"Service": s.Version, "Program": program})
	}
}

// updates reports whether a program can take the place of the one that the service runs.
func updates(s ServiceState, program string) bool {
	return s.Managed && s.Installed && !s.Packaged && s.Version != program && (s.Version == "" || compareVersions(program, s.Version) >= 0)
}

// enable enables what can be done now.
func (v *upkeepService) enable() {
	s := v.now
	can := s.Managed && s.Installed && !v.busy
	visible(v.start, !s.Running)
	visible(v.restart, s.Running)
	visible(v.stop, s.Running)
	enable(v.start, can)
	enable(v.restart, can)
	enable(v.stop, can)
	visible(v.move, movable(s))
	enable(v.move, !v.busy)
	visible(v.update, updates(s, v.desk.version))
	enable(v.update, !v.busy)
	visible(v.remove, s.Managed && s.Installed && !s.Packaged)
	enable(v.remove, !v.busy)
	v.control.Refresh()
}

// do has the machine do something to the service, with the rights of an administrator.
func (v *upkeepService) do(verb, told string) {
	v.work(verb, told, func(ctx context.Context) error { return v.desk.host.Control(ctx, verb) })
}

// work is do for something else than a verb of Control.
func (v *upkeepService) work(verb, told string, do func(context.Context) error) {
	v.bar.clear()
	v.busy = true
	v.progress.show(tr("upkeep.service.doing."+verb), 0, 0)
	v.enable()
	v.desk.runFor(updateTimeout, func(ctx context.Context) func() {
		err := do(ctx)
		state := v.desk.host.Service()
		return func() {
			v.busy = false
			v.progress.clear()
			v.query++
			v.show(state)
			v.desk.retry()
			if err != nil {
				v.bar.say(levelError, errorText(err))
				return
			}
			v.desk.tell(told)
		}
	})
}

func (v *upkeepService) askRestart() {
	v.desk.ask(tr("upkeep.service.restart.title"), newText(tr("upkeep.service.restart.text")), tr("connect.verb.restart"), widget.WarningImportance,
		func() { v.do(verbRestart, tr("upkeep.service.restarted")) })
}

func (v *upkeepService) askStop() {
	v.desk.confirm(tr("upkeep.service.stop.title"), tr("upkeep.service.stop.text"), tr("upkeep.service.stop"),
		func() { v.do(verbStop, tr("upkeep.service.stopped")) })
}

func (v *upkeepService) askUpdate() {
	v.desk.ask(tr("upkeep.service.update.title"), newText(tr("upkeep.service.update.ask")), v.update.Text, widget.HighImportance,
		func() {
			v.work(verbInstall, tr("upkeep.service.updated"), func(ctx context.Context) error { return v.desk.host.Install(ctx, InstallOptions{}) })
		})
}

func (v *upkeepService) askRemove() {
	v.desk.confirmTyped(tr("upkeep.service.remove.title"), tr("upkeep.service.remove.text"), tr("upkeep.service.remove.word"), tr("upkeep.service.remove"),
		func() { v.do(verbUninstall, tr("upkeep.service.removed")) })
}

// serviceWord says in a word how the service is.
func serviceWord(s ServiceState) (string, level) {
	switch {
	case !s.Managed:
		return tr("upkeep.service.state.unknown"), levelPlain
	case !s.Installed:
		return tr("upkeep.service.state.absent"), levelWarning
	case s.Running:
		return tr("upkeep.service.state.running"), levelOK
	case s.Failed:
		return tr("upkeep.service.state.failed"), levelError
	default:
		return tr("upkeep.service.state.stopped"), levelWarning
	}
}

// compareVersions compares versions as in 1.10.2 by their numbers: -1, 0 or 1 as a is older than b, as old, or newer. What is no number
// counts as 0, so that versions that say nothing are as old as each other.
func compareVersions(a, b string) int {
	x, y := versionNumbers(a), versionNumbers(b)
	for i := range x {
		switch {
		case x[i] < y[i]:
			return -1
		case x[i] > y[i]:
			return 1
		}
	}
	return 0
}

func versionNumbers(version string) (out [3]int) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for i, part := range strings.SplitN(version, ".", len(out)) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return out
		}
		out[i] = n
	}
	return out
}
