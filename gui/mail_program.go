package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// programForm is the dialog in which a program is added or changed.
type programForm struct {
	view    *mailPrograms
	old     *localapi.Program // nil for a new one
	inputs  map[string]*formInput
	entries map[string]*mailEntry
	save    *widget.Button
	bar     *bar
	dialog  *dialog.CustomDialog
}

func (v *mailPrograms) add() { v.form(nil) }

func (v *mailPrograms) edit(p localapi.Program) { v.form(&p) }

func (v *mailPrograms) form(old *localapi.Program) {
	f := &programForm{view: v, old: old, inputs: map[string]*formInput{}, entries: map[string]*mailEntry{}, bar: newBar()}
	box := container.NewVBox(f.bar)
	title, action := tr("mail.program_add_title"), tr("mail.program_add_do")
	if old == nil {
		box.Add(f.entry("name", "scanner"))
	} else {
		title, action = tr("mail.program_edit_title", args{"Name": old.Name}), tr("mail.save")
	}
	box.Add(f.entry("senders", "scanner@office.example, office.example"))
	box.Add(f.entry("local_user", "www-data"))
	if old != nil {
		f.entries["senders"].SetText(strings.Join(old.Senders, ", "))
		f.entries["local_user"].SetText(old.LocalUser)
	}
	f.save = newMainButton(action, nil, f.store)
	cancel := newButton(tr("cancel"), nil, func() { f.dialog.Hide() })
	f.dialog = dialog.NewCustomWithoutButtons(title, newFixed(500, box), v.desk.window)
	f.dialog.SetButtons([]fyne.CanvasObject{cancel, f.save})
	f.dialog.Show()
	first := "name"
	if old != nil {
		first = "senders"
	}
	v.desk.window.Canvas().Focus(f.entries[first])
}

func (f *programForm) entry(name, example string) fyne.CanvasObject {
	e := &mailEntry{escape: func() { f.dialog.Hide() }}
	e.ExtendBaseWidget(e)
	e.PlaceHolder = example
	e.OnSubmitted = func(string) { f.store() }
	e.OnChanged = func(string) { f.inputs[name].say("") }
	f.entries[name] = e
	f.inputs[name] = newFormInput(name, newField(tr("mail.program."+name), e, tr("mail.program_hint."+name)))
	return f.inputs[name].box
}

// mailEntry is a field of a dialog, which Escape closes.
type mailEntry struct {
	widget.Entry
	escape func()
}

// TypedKey closes the dialog at Escape.
func (e *mailEntry) TypedKey(key *fyne.KeyEvent) {
	if key.Name == fyne.KeyEscape {
		e.escape()
		return
	}
	e.Entry.TypedKey(key)
}

// changes returns what is to be set.
func (f *programForm) changes() map[string]string {
	changes := map[string]string{}
	for _, key := range []string{"senders", "local_user"} {
		value := strings.TrimSpace(f.entries[key].Text)
		before := ""
		if f.old != nil {
			before = map[string]string{"senders": strings.Join(f.old.Senders, ", "), "local_user": f.old.LocalUser}[key]
		}
		if value != before {
			changes[key] = value
		}
	}
	return changes
}

// store saves the program, or says at a field why it cannot be.
func (f *programForm) store() {
	if f.save.Disabled() {
		return
	}
	f.bar.clear()
	changes := f.changes()
	if f.old == nil {
		name := strings.TrimSpace(f.entries["name"].Text)
		if err := app.CheckProgramName(name); err != nil {
			f.refuse(err)
			return
		}
		f.add(name, changes)
		return
	}
	if len(changes) == 0 {
		f.dialog.Hide()
		return
	}
	done := mailBusy(f.save, tr("mail.saving"))
	d := f.view.desk
	d.run(func(ctx context.Context) func() {
		_, err := d.client.SetProgram(ctx, f.old.Name, changes)
		return func() {
			done()
			if err != nil {
				f.refuse(err)
				return
			}
			f.dialog.Hide()
			f.view.done(nil, tr("mail.saved"))
		}
	})
}

func (f *programForm) add(name string, changes map[string]string) {
	done := mailBusy(f.save, tr("mail.saving"))
	d := f.view.desk
	d.run(func(ctx context.Context) func() {
		p, err := d.client.AddProgram(ctx, name, changes)
		return func() {
			done()
			if err != nil {
				f.refuse(err)
				return
			}
			f.dialog.Hide()
			f.view.table.selectKey(p.Name)
			f.view.done(nil, tr("mail.program_added", args{"Name": p.Name}))
			f.view.showPassword(p)
		}
	})
}

// refuse says what is wrong, at its field when there is one.
func (f *programForm) refuse(err error) {
	field := ""
	if e := appError(err); e != nil {
		field = e.Field
	}
	switch app.ReasonOf(err) {
	case "program_taken":
		field = "name"
	case "local_user_taken":
		field = "local_user"
	}
	if i := f.inputs[field]; i != nil {
		i.say(errorText(err))
		f.view.desk.window.Canvas().Focus(f.entries[field])
		return
	}
	f.view.desk.failed(f.bar, err)
}

// showPassword shows a program's password, this once.
func (v *mailPrograms) showPassword(p localapi.NewProgram) {
	name, _ := newCopyField(p.Name, v.desk.tell)
	password, _ := newCopyField(p.Password, v.desk.tell)
	var dlg *dialog.CustomDialog
	done := newButton(tr("close"), theme.ConfirmIcon(), func() { dlg.Hide() })
	dlg = dialog.NewCustomWithoutButtons(tr("mail.password_title", args{"Name": p.Name}), newFixed(500, container.NewVBox(
		newText(tr("mail.password_text")), newField(tr("mail.password_user"), name, ""), newField(tr("mail.password_value"), password, ""))), v.desk.window)
	dlg.SetButtons([]fyne.CanvasObject{done})
	dlg.Show()
	v.desk.window.Canvas().Focus(done)
}
