package gui

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// upkeepHealth shows what was found when everything that must be right was looked at: by area, what is wrong first.
type upkeepHealth struct {
	desk     *desk
	bar      *bar
	state    *pill
	at       *widget.Label
	check    *widget.Button
	progress *progressBar
	job      *jobWatch
	rows     *fyne.Container
	scroll   *container.Scroll
	never    fyne.CanvasObject
	content  fyne.CanvasObject
}

func newUpkeepHealth(d *desk) *upkeepHealth {
	v := &upkeepHealth{desk: d, bar: newBar(), state: newPill("", levelPlain), at: newSmall(""), progress: newProgressBar()}
	v.state.Hide()
	v.check = newMainButton(tr("upkeep.checkup"), theme.ViewRefreshIcon(), v.start)
	v.job = &jobWatch{desk: d, kind: localapi.JobCheckup, bar: v.progress, busy: v.busy, ended: v.ended, failed: v.fail}
	v.rows = container.NewVBox()
	v.scroll = container.NewVScroll(container.New(layout.NewCustomPaddedLayout(0, 8, 0, 12), v.rows))
	v.never = newEmpty(theme.SearchIcon(), tr("upkeep.health.never"), tr("upkeep.health.never.hint"), tr("upkeep.checkup"), v.start)
	v.never.Hide()
	head := newBorder(nil, nil, mailMiddle(v.state), v.check, mailMiddle(v.at))
	v.content = newBorder(container.NewVBox(head, v.bar, v.progress.content, gap(2)), nil, nil, nil, container.NewStack(v.scroll, v.never))
	return v
}

func (v *upkeepHealth) fail(err error) { v.desk.failed(v.bar, err) }

func (v *upkeepHealth) busy(on bool) {
	enable(v.check, !on)
	if on {
		v.check.SetText(tr("upkeep.checkup.running"))
	} else {
		v.check.SetText(tr("upkeep.checkup"))
	}
}

// read shows what was found last, and whether it is being looked now.
func (v *upkeepHealth) read() {
	v.bar.clear()
	v.desk.run(func(ctx context.Context) func() {
		last, err := v.desk.client.LastCheckup(ctx)
		return func() {
			if err != nil {
				v.fail(err)
				return
			}
			v.show(last)
		}
	})
	v.job.look()
}

// start has everything looked at.
func (v *upkeepHealth) start() {
	v.bar.clear()
	v.never.Hide()
	v.job.start(v.desk.client.StartCheckup)
}

func (v *upkeepHealth) ended(job localapi.Job) {
	checkup, err := localapi.ResultOf[localapi.Checkup](job)
	if err != nil {
		v.fail(err)
		return
	}
	v.show(checkup)
}

// show shows what was found.
func (v *upkeepHealth) show(c localapi.Checkup) {
	visible(v.never, c.At == nil && !v.job.running)
	visible(v.state, c.At != nil)
	v.at.SetText("")
	v.rows.RemoveAll()
	if c.At == nil {
		return
	}
	switch {
	case c.Errors > 0:
		v.state.set(trn("upkeep.health.errors", c.Errors), levelError)
	case c.Warnings > 0:
		v.state.set(trn("upkeep.health.warnings", c.Warnings), levelWarning)
	default:
		v.state.set(tr("upkeep.health.well"), levelOK)
	}
	v.at.SetText(tr("upkeep.health.at", args{"At": moment(*c.At)}))
	for _, area := range areasOf(c.Checks) {
		v.rows.Add(v.newArea(area))
	}
	v.scroll.ScrollToTop()
	v.desk.log.Debug("checkup shown", "checks", len(c.Checks))
}

// checkArea is what was looked at together.
type checkArea struct {
	name   string
	checks []localapi.Check
	worst  int
}

// rank says how much a state wants to be seen.
func rank(state string) int {
	switch app.CheckState(state) {
	case app.CheckError:
		return 3
	case app.CheckWarning:
		return 2
	case app.CheckOK:
		return 1
	default:
		return 0
	}
}

// areasOf sorts checks by their areas: those with the worst first, otherwise as the service has them.
func areasOf(checks []localapi.Check) []checkArea {
	var areas []checkArea
	for _, check := range checks {
		i := slices.IndexFunc(areas, func(a checkArea) bool { return a.name == check.Area })
		if i < 0 {
			i = len(areas)
			areas = append(areas, checkArea{name: check.Area})
		}
		areas[i].checks = append(areas[i].checks, check)
		areas[i].worst = max(areas[i].worst, rank(check.State))
	}
	for _, a := range areas {
		slices.SortStableFunc(a.checks, func(x, y localapi.Check) int { return rank(y.State) - rank(x.State) })
	}
	slices.SortStableFunc(areas, func(x, y checkArea) int { return y.worst - x.worst })
	return areas
}

// newArea returns the card of an area.
func (v *upkeepHealth) newArea(a checkArea) fyne.CanvasObject {
	word, l := checkState(a.checks[0].State)
	head := container.NewHBox(newHeading(areaText(a.name)), newPill(word, l))
	rows := container.NewVBox()
	for _, check := range a.checks {
		rows.Add(v.newCheck(check, len(a.checks) > 1))
	}
	return newPanel(colorSurface, colorLine, 8, 6, container.New(&tightLayout{}, head, rows))
}

// newCheck returns the row of one check: what was found, its state in a word where the heading does not say it, and the button to where
// it is mended, or the command that mends it.
func (v *upkeepHealth) newCheck(check localapi.Check, worded bool) fyne.CanvasObject {
	word, l := checkState(check.State)
	bad := rank(check.State) >= rank(string(app.CheckWarning))
	label, icon := newText(checkSentence(check)), l.icon()
	if !bad {
		label.SizeName = theme.SizeNameCaptionText
		label.Importance = widget.LowImportance
	}
	if icon == nil {
		icon = theme.NewDisabledResource(theme.RadioButtonIcon())
	}
	right := container.NewHBox()
	if worded {
		state := newSmall(word)
		if bad {
			state.Importance, state.TextStyle.Bold = l.importance(), true
		}
		right.Add(mailMiddle(state))
	}
	if place := checkPlace(check); place.page != "" && bad {
		button := newButton(tr("home.go."+place.action), nil, func() { v.desk.open(place.page, place.subject) })
		right.Add(mailMiddle(button))
	}
	row := newBorder(nil, nil, nil, right, newIconText(icon, label))
	command := checkCommand(check, runtime.GOOS)
	if command == "" {
		return row
	}
	field, _ := newCopyField(command, v.desk.tell)
	return container.NewVBox(row, newBorder(nil, nil, newFixed(30, layout.NewSpacer()), nil, field))
}

// checkState returns the word of a state, and how good it is.
func checkState(state string) (string, level) {
	switch app.CheckState(state) {
	case app.CheckOK:
		return tr("upkeep.state.ok"), levelOK
	case app.CheckWarning:
		return tr("upkeep.state.warning"), levelWarning
	case app.CheckError:
		return tr("upkeep.state.error"), levelError
	default:
		return tr("upkeep.state.skipped"), levelPlain
	}
}

// areaText returns the name of an area, or as the service has it.
func areaText(name string) string { return mailOrGiven("upkeep.area."+name, name) }

// checkSentence says what was found in the person's language, or as the service has it.
func checkSentence(c localapi.Check) string {
	values := args{"Detail": sentence(c.Text)}
	if c.Subject != "" {
		values["Subject"] = c.Subject
	}
	for name, value := range c.Args {
		values[name] = checkValue(name, value)
	}
	// A text whose values the service does not give says less than the service's own words.
	if text := has("upkeep.found."+c.Code, values); text != "" && !strings.Contains(text, "<no value>") {
		return text
	}
	if c.Args["Step"] != "" {
		return tr("upkeep.trial", values)
	}
	return sentence(c.Text)
}

// checkValue returns a value of a check as people read it.
func checkValue(name, value string) string {
	switch name {
	case "Free", "Reserve", "Bytes":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return sizeText(n)
		}
	case "At":
		if at, err := time.Parse(time.RFC3339, value); err == nil {
			return moment(at)
		}
	case "Step":
		return mailOrGiven("trial.step."+value, value)
	}
	return value
}

// checkPlace returns where to go about a check; page is "" when there is nowhere.
func checkPlace(c localapi.Check) goal {
	switch c.Area {
	case "public_url":
		return goal{pageSettings, "public_url", "public_url"}
	case "certificate", "ports", "dns": // the DNS here is that of the pages' own name
		return goal{pageSettings, groupAddress, "address"}
	case "mail":
		if strings.HasPrefix(c.Code, "mail_dns_") {
			return goal{pageMail, "dns", "dns"}
		}
		return goal{pageMail, "settings", "mail_settings"}
	case "connectors", "redirects":
		return goal{pageConnectors, c.Subject, "connector"}
	case "backups", "database":
		return goal{pageUpkeep, upkeepTabBackups, "backups"}
	case "service":
		return goal{pageUpkeep, upkeepTabService, "service"}
	default: // the clock, the disk and the rights of files are the machine's own
		return goal{}
	}
}

// checkCommand returns what to type on a system to mend what a check has found; "" when that takes more than a command.
func checkCommand(c localapi.Check, goos string) string {
	if goos == "windows" || c.Subject == "" {
		return ""
	}
	switch c.Code {
	case "clock_drifting", "clock_wrong":
		if goos == "linux" {
			return "sudo timedatectl set-ntp true"
		}
	case "permissions_open":
		return "sudo chmod go-rwx " + app.ShellWord(c.Subject)
	case "permissions_owner":
		if c.Args["Want"] != "" {
			return "sudo chown " + app.ShellWord(c.Args["Want"]) + " " + app.ShellWord(c.Subject)
		}
	}
	return ""
}

// newIconText places an icon before a text that may take several lines.
func newIconText(icon fyne.Resource, label *widget.Label) fyne.CanvasObject {
	line := widget.NewLabel("")
	line.SizeName = label.SizeName
	place := container.NewVBox(newFixed(30, newFixedHeight(line.MinSize().Height, container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(18), widget.NewIcon(icon))))))
	return newBorder(nil, nil, place, nil, label)
}
