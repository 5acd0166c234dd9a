package gui

import (
	"context"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// askForm is a dialog that does something with what is typed into it, and stays when that cannot be.
type askForm struct {
	desk   *desk
	dialog *dialog.CustomDialog
	yes    *widget.Button
	no     *widget.Button
	bar    *bar
}

// newAskForm returns a dialog with a content, of which action is the button's word. submit is called by it.
func newAskForm(d *desk, title, action string, importance widget.Importance, content fyne.CanvasObject, submit func()) *askForm {
	f := &askForm{desk: d, bar: newBar()}
	f.yes = widget.NewButton(action, submit)
	f.yes.Importance = importance
	f.no = widget.NewButton(tr("cancel"), func() { f.dialog.Hide() })
	f.dialog = dialog.NewCustomWithoutButtons(title, newFixed(560, container.NewVBox(content, f.bar)), d.window)
	f.dialog.SetButtons([]fyne.CanvasObject{f.no, f.yes})
	return f
}

// width makes the dialog wider than it usually is.
func (f *askForm) width(width float32) {
	f.dialog.Resize(fyne.NewSize(width, f.dialog.MinSize().Height))
}

func (f *askForm) show(first fyne.Focusable) {
	f.dialog.Show()
	f.desk.window.Canvas().Focus(first)
}

// askMake asks how a backup is to be protected, and has it made.
func (v *upkeepBackups) askMake() {
	if v.make.Disabled() {
		return
	}
	usual := tr("upkeep.make.plain")
	if v.settings[settingRecipients].Text != "" {
		usual = tr("upkeep.make.keys")
	}
	own := tr("upkeep.make.passphrase")
	first, second := widget.NewPasswordEntry(), widget.NewPasswordEntry()
	typed := container.NewVBox(newField(tr("upkeep.passphrase"), first, ""), newField(tr("upkeep.passphrase.again"), second, tr("upkeep.passphrase.hint")))
	typed.Hide()
	how := widget.NewRadioGroup([]string{usual, own}, nil)
	how.Required = true
	how.SetSelected(usual)
	var f *askForm
	submit := func() {
		options := localapi.BackupOptions{}
		if how.Selected == own {
			switch {
			case first.Text == "":
				f.bar.say(levelError, tr("upkeep.passphrase.empty"))
				return
			case first.Text != second.Text:
				f.bar.say(levelError, tr("upkeep.passphrase.differ"))
				return
			}
			options.Passphrase = first.Text
		}
		f.dialog.Hide()
		v.bar.clear()
		v.making.start(func(ctx context.Context) (localapi.Job, error) { return v.desk.client.StartBackup(ctx, options) })
	}
	first.OnSubmitted = func(string) { v.desk.window.Canvas().Focus(second) }
	second.OnSubmitted = func(string) { submit() }
	content := container.NewVBox(newText(tr("upkeep.make.text", args{"Dir": v.now.Dir})), how, typed)
	f = newAskForm(v.desk, tr("upkeep.make.title"), tr("upkeep.make.go"), widget.HighImportance, content, submit)
	how.OnChanged = func(chosen string) {
		visible(typed, chosen == own)
		f.bar.clear()
		f.dialog.Refresh()
	}
	f.show(f.yes)
}

// askVerify has the chosen backup opened and looked through; an encrypted one needs what opens it.
func (v *upkeepBackups) askVerify() {
	if v.verify.Disabled() {
		return
	}
	b := v.chosen
	start := func(secret string) {
		v.bar.clear()
		v.checking.start(func(ctx context.Context) (localapi.Job, error) { return v.desk.client.StartVerify(ctx, b.Name, secret) })
	}
	if !b.Encrypted {
		start("")
		return
	}
	var f *askForm
	secret := newSecretInput(v.desk, nil)
	submit := func() {
		if !secret.given() {
			return
		}
		f.dialog.Hide()
		start(secret.secret())
	}
	secret.entry.OnSubmitted = func(string) { submit() }
	f = newAskForm(v.desk, tr("upkeep.verify.title"), tr("upkeep.verify"), widget.HighImportance,
		container.NewVBox(newText(tr("upkeep.verify.text", args{"At": moment(b.At)})), secret.content), submit)
	secret.changed = func() { enable(f.yes, secret.given()) }
	f.yes.Disable()
	f.show(secret.entry)
}

// askRemove deletes the chosen backup.
func (v *upkeepBackups) askRemove() {
	b := v.chosen
	question := tr("upkeep.remove.text", args{"At": moment(b.At), "Why": backupReason(b.Reason), "Size": sizeText(b.Size)})
	if len(v.now.Items) == 1 {
		question += "\n\n" + tr("upkeep.remove.last")
	}
	v.desk.confirm(tr("upkeep.remove.title"), question, tr("upkeep.remove.go"), func() {
		done := mailBusy(v.remove, tr("upkeep.removing"))
		v.desk.run(func(ctx context.Context) func() {
			err := v.desk.client.RemoveBackup(ctx, b.Name)
			return func() {
				done()
				v.enable()
				if err != nil {
					v.fail(err)
					return
				}
				v.desk.tell(tr("upkeep.removed"))
				v.table.reload()
			}
		})
	})
}

// planForm asks when backups are made by themselves, how long they are kept and for whom they are encrypted.
type planForm struct {
	view     *upkeepBackups
	entries  map[string]*widget.Entry
	problems map[string]*widget.Label
	key      *widget.Button // makes a key
	ask      *askForm
}

func planKeys() []string { return []string{settingSchedule, settingKeepDays, settingRecipients} }

func (v *upkeepBackups) askPlan() { (&planForm{view: v}).open() }

func (f *planForm) open() {
	v := f.view
	f.entries, f.problems = map[string]*widget.Entry{}, map[string]*widget.Label{}
	content := container.NewVBox()
	for _, key := range planKeys() {
		entry := widget.NewEntry()
		entry.SetText(v.settings[key].Text)
		entry.OnSubmitted = func(string) { f.submit() }
		problem := newHint("")
		problem.Importance = widget.DangerImportance
		problem.Hide()
		f.entries[key], f.problems[key] = entry, problem
		var input fyne.CanvasObject = container.NewHBox(newFixed(120, entry))
		if key == settingRecipients {
			f.key = newButton(tr("upkeep.key.make"), theme.ContentAddIcon(), f.askKey)
			input = newBorder(nil, nil, nil, f.key, entry)
		}
		field := newField(tr("upkeep.plan."+key), input, "")
		field.Add(problem)
		field.Add(newHint(tr("upkeep.plan." + key + ".hint")))
		content.Add(field)
	}
	f.ask = newAskForm(v.desk, tr("upkeep.plan.title"), tr("save"), widget.HighImportance, content, f.submit)
	f.ask.show(f.entries[settingSchedule])
}

// submit saves what was typed.
func (f *planForm) submit() {
	changes := map[string]string{}
	for _, key := range planKeys() {
		f.problems[key].Hide()
		if text := strings.TrimSpace(f.entries[key].Text); text != f.view.settings[key].Text {
			changes[key] = text
		}
	}
	if len(changes) == 0 {
		f.ask.dialog.Hide()
		return
	}
	f.ask.bar.clear()
	done := mailBusy(f.ask.yes, tr("saving"))
	d := f.view.desk
	d.run(func(ctx context.Context) func() {
		settings, err := d.client.SetSettings(ctx, changes)
		return func() {
			done()
			if err != nil {
				f.refused(err)
				return
			}
			f.ask.dialog.Hide()
			f.view.settings = settings
			d.tell(tr("saved"))
			f.view.table.reload()
		}
	})
}

// refused says why nothing was saved, at its field where it has one.
func (f *planForm) refused(err error) {
	e := appError(err)
	if e == nil || !slices.Contains(planKeys(), e.Field) {
		f.view.desk.failed(f.ask.bar, err)
		return
	}
	f.problems[e.Field].SetText(fieldText(err))
	f.problems[e.Field].Show()
	f.ask.dialog.Refresh()
	f.view.desk.window.Canvas().Focus(f.entries[e.Field])
}
