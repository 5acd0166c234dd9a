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

// upkeepBackups is the list of the backups that are kept, and what can be done with each.
type upkeepBackups struct {
	desk     *desk
	bar      *bar // what came of something
	failure  *bar // why the last backup failed
	last     *pill
	next     *pill
	room     *widget.Label
	plan     *widget.Label
	change   *widget.Button
	make     *widget.Button
	progress *progressBar
	table    *table[localapi.Backup]
	verify   *widget.Button
	save     *widget.Button
	restore  *widget.Button
	remove   *widget.Button
	making   *jobWatch
	checking *jobWatch
	content  fyne.CanvasObject

	now      localapi.Backups
	settings localapi.Settings
	chosen   localapi.Backup
	isChosen bool
	copying  bool
}

func newUpkeepBackups(d *desk) *upkeepBackups {
	v := &upkeepBackups{
		desk: d, bar: newBar(), failure: newBar(), last: newPill("", levelPlain), next: newPill("", levelPlain), room: newSmall(""), plan: newText(""), progress: newProgressBar(),
	}
	v.failure.close.Hide()
	v.room.Truncation = fyne.TextTruncateEllipsis
	v.last.Hide()
	v.next.Hide()
	v.make = newMainButton(tr("upkeep.make"), theme.DocumentSaveIcon(), v.askMake)
	v.change = newButton(tr("upkeep.plan.change"), theme.SettingsIcon(), v.askPlan)
	v.verify = newButton(tr("upkeep.verify"), theme.ConfirmIcon(), v.askVerify)
	v.save = newButton(tr("upkeep.copy"), theme.DownloadIcon(), v.askCopy)
	v.restore = newButton(tr("upkeep.restore"), theme.HistoryIcon(), func() { askRestore(d, restoreOf(v.chosen)) })
	v.remove = newDangerButton(tr("upkeep.remove"), theme.DeleteIcon(), v.askRemove)
	file := newButton(tr("upkeep.restore_file"), theme.FolderOpenIcon(), func() { chooseRestoreFile(d) })
	v.making = &jobWatch{desk: d, kind: localapi.JobBackup, bar: v.progress, busy: func(on bool) { enable(v.make, !on) }, ended: v.made, failed: v.fail}
	v.checking = &jobWatch{desk: d, kind: localapi.JobVerify, bar: newProgressBar(), busy: func(bool) { v.enable() }, ended: v.checked, failed: v.fail}
	v.table = newTable(tableConfig[localapi.Backup]{
		columns: []column[localapi.Backup]{
			{title: "upkeep.backup.at", width: 142, text: func(b localapi.Backup) string { return moment(b.At) }},
			{title: "upkeep.backup.why", text: func(b localapi.Backup) string { return backupReason(b.Reason) }},
			{title: "upkeep.backup.size", width: 96, text: func(b localapi.Backup) string { return sizeText(b.Size) }},
			{title: "upkeep.backup.protection", width: 130, text: protection},
			{title: "upkeep.backup.version", width: 96, text: func(b localapi.Backup) string { return b.Version }},
		},
		key: func(b localapi.Backup) string { return b.Name },
		load: func(tableQuery) loader[localapi.Backup] {
			return func(ctx context.Context) (localapi.Page[localapi.Backup], error) {
				kept, err := d.client.Backups(ctx)
				if err == nil {
					d.post(func() { v.show(kept) })
				}
				return localapi.Page[localapi.Backup]{Items: kept.Items, Total: len(kept.Items)}, err
			}
		},
		run: d.run, failed: v.fail, chosen: v.choose, window: d.window, told: d.listed("backups"),
		empty: newEmpty(theme.DocumentSaveIcon(), tr("upkeep.none"), tr("upkeep.none.hint"), tr("upkeep.make"), v.askMake),
		menu: func(localapi.Backup) []*fyne.MenuItem {
			return []*fyne.MenuItem{
				fyne.NewMenuItem(tr("upkeep.verify"), v.askVerify), fyne.NewMenuItem(tr("upkeep.copy"), v.askCopy),
				fyne.NewMenuItem(tr("upkeep.restore"), func() { askRestore(d, restoreOf(v.chosen)) }), fyne.NewMenuItem(tr("upkeep.remove"), v.askRemove),
			}
		},
	})
	head := newBorder(nil, nil, mailMiddle(container.NewHBox(v.last, v.next)), v.make, mailMiddle(v.room))
	plan := newBorder(nil, nil, nil, mailMiddle(v.change), v.plan)
	tools := container.NewHBox(v.verify, v.save, v.restore, v.remove, layout.NewSpacer(), file)
	top := container.NewVBox(head, v.failure, v.bar, v.progress.content, v.checking.bar.content, plan)
	v.content = newBorder(top, container.NewVBox(gap(2), tools), nil, nil, v.table.content)
	v.enable()
	return v
}

func (v *upkeepBackups) fail(err error) { v.desk.failed(v.bar, err) }

// read reads what is kept, how it is made, and whether anything is under way.
func (v *upkeepBackups) read() {
	v.bar.clear()
	v.reread()
	v.making.look()
	v.checking.look()
}

// reread reads anew what is kept and how it is made; what was said stays.
func (v *upkeepBackups) reread() {
	v.table.reload()
	v.desk.run(func(ctx context.Context) func() {
		settings, err := v.desk.client.Settings(ctx)
		return func() {
			if err != nil {
				v.fail(err)
				return
			}
			v.settings = settings
			v.showPlan()
		}
	})
}

// show says how it stands with the backups.
func (v *upkeepBackups) show(kept localapi.Backups) {
	v.now = kept
	v.last.set(tr("upkeep.last.none"), levelWarning)
	if len(kept.Items) > 0 {
		v.last.set(tr("upkeep.last", args{"At": moment(kept.Items[0].At)}), levelOK)
	}
	v.last.Show()
	v.next.set(tr("upkeep.next.none"), levelWarning)
	if kept.NextAt != nil {
		v.next.set(tr("upkeep.next", args{"At": moment(*kept.NextAt)}), levelInfo)
	}
	v.next.Show()
	v.room.SetText(tr("upkeep.room", args{"Size": sizeText(kept.FreeBytes), "Dir": kept.Dir}))
	v.failure.clear()
	if kept.FailedAt != nil {
		v.failure.say(levelError, joinText(tr("upkeep.failed", args{"At": moment(*kept.FailedAt)}), sentence(kept.Failure)))
	}
	v.showPlan()
}

// The settings of backups.
const (
	settingSchedule   = "backup.schedule"
	settingKeepDays   = "backup.keep_days"
	settingRecipients = "backup.recipients"
)

// showPlan says in a sentence how backups are made by themselves.
func (v *upkeepBackups) showPlan() {
	text := tr("upkeep.plan.off")
	if v.now.NextAt != nil {
		text = tr("upkeep.plan.on", args{"Time": v.now.NextAt.Local().Format("15:04")})
	}
	if keep := v.settings[settingKeepDays].Text; keep != "" {
		text += " " + trn("upkeep.plan.keep", atoi(keep))
	}
	if v.settings[settingRecipients].Text != "" {
		text += " " + tr("upkeep.plan.encrypted")
	} else {
		text += " " + tr("upkeep.plan.plain")
	}
	v.plan.SetText(text)
	_, ok := v.settings[settingSchedule]
	enable(v.change, ok)
}

func (v *upkeepBackups) choose(b localapi.Backup, ok bool) {
	v.chosen, v.isChosen = b, ok
	v.enable()
}

// enable enables what can be done now.
func (v *upkeepBackups) enable() {
	checking := v.checking != nil && v.checking.running
	enable(v.verify, v.isChosen && !checking)
	enable(v.save, v.isChosen && !v.copying)
	enable(v.restore, v.isChosen)
	enable(v.remove, v.isChosen)
}

// made says that a backup was made.
func (v *upkeepBackups) made(job localapi.Job) {
	b, err := localapi.ResultOf[localapi.Backup](job)
	if err != nil {
		v.fail(err)
		return
	}
	v.bar.say(levelOK, tr("upkeep.made", args{"Size": sizeText(b.Size)}))
	v.table.reload()
}

// checked says in words what a backup was found to hold.
func (v *upkeepBackups) checked(job localapi.Job) {
	c, err := localapi.ResultOf[localapi.BackupCheck](job)
	if err != nil {
		v.fail(err)
		return
	}
	v.bar.say(levelOK, checkText(c))
}

// checkText says what a backup was found to hold.
func checkText(c localapi.BackupCheck) string {
	at := c.Name
	if c.At != nil {
		at = moment(*c.At)
	}
	parts := []string{
		tr("upkeep.check.whole", args{
			"At": at, "Companies": trn("upkeep.check.companies", c.Companies), "Accounts": trn("upkeep.check.accounts", c.Accounts),
			"Messages": trn("upkeep.check.messages", c.Messages),
		}),
	}
	if c.Version != "" {
		parts = append(parts, tr("upkeep.check.version", args{"Version": c.Version}))
	}
	if c.HashKnown {
		parts = append(parts, tr("upkeep.check.sum"))
	} else {
		parts = append(parts, tr("upkeep.check.no_sum"))
	}
	if c.HasKey {
		parts = append(parts, tr("upkeep.check.key"))
	} else {
		parts = append(parts, tr("upkeep.check.no_key"))
	}
	return strings.Join(parts, " ")
}

// backupReason says why a backup was made.
func backupReason(reason string) string {
	switch reason {
	case app.BackupNightly, app.BackupManual, app.BackupUpdate, app.BackupRestore:
		return tr("upkeep.reason." + reason)
	default:
		return reason
	}
}

func protection(b localapi.Backup) string {
	if b.Encrypted {
		return tr("upkeep.encrypted")
	}
	return tr("upkeep.plain")
}

// sizeText writes a number of bytes as people read it, on one line.
func sizeText(n int64) string { return strings.ReplaceAll(app.SizeWords(n), " ", "\u00a0") }
