package gui

import (
	"context"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// mailPrograms is the tab of the office's programs that hand over mail, and of the addresses at which they do.
type mailPrograms struct {
	desk    *desk
	table   *table[localapi.Program]
	buttons struct{ add, edit, toggle, password, remove *widget.Button }
	bar     *bar
	doors   *fyne.Container
	content fyne.CanvasObject
	query   int
}

func newMailPrograms(d *desk) *mailPrograms {
	v := &mailPrograms{desk: d, bar: newBar(), doors: container.NewVBox()}
	v.buttons.add = newMainButton(tr("mail.program_add"), theme.ContentAddIcon(), v.add)
	v.buttons.edit = newButton(tr("mail.program_edit"), theme.DocumentCreateIcon(), v.on(v.edit))
	v.buttons.toggle = newButton(tr("mail.program_disable"), nil, v.on(v.toggle))
	v.buttons.password = newButton(tr("mail.program_password"), theme.LoginIcon(), v.on(v.askPassword))
	v.buttons.remove = newButton(tr("mail.remove"), theme.DeleteIcon(), v.on(v.askRemove))
	v.table = newTable(tableConfig[localapi.Program]{
		columns: []column[localapi.Program]{
			{title: "mail.column.name", width: 150, text: func(p localapi.Program) string { return p.Name }},
			{title: "mail.column.program_state", width: 110, text: programState, level: programLevel},
			{title: "mail.column.senders", text: func(p localapi.Program) string { return strings.Join(p.Senders, ", ") }},
			{title: "mail.column.local_user", width: 130, text: func(p localapi.Program) string { return p.LocalUser }},
			{title: "mail.column.seen", width: 140, text: programSeen},
		},
		key:  func(p localapi.Program) string { return p.Name },
		load: whole(d.client.Programs),
		run:  d.run, failed: func(err error) { d.failed(v.bar, err) },
		chosen: func(localapi.Program, bool) { v.enable() },
		opened: v.edit,
		empty:  newEmpty(theme.MailSendIcon(), tr("mail.programs_empty"), tr("mail.programs_empty_hint"), "", nil),
		window: d.window,
		told:   d.listed("programs"),
	})
	v.enable()
	actions := container.NewHBox(v.buttons.add, v.buttons.edit, v.buttons.toggle, v.buttons.password, v.buttons.remove)
	v.content = newBorder(container.NewVBox(newHint(tr("mail.programs_hint")), actions, v.bar), newCard(tr("mail.doors"), v.doors), nil, nil, v.table.content)
	return v
}

func programState(p localapi.Program) string {
	if p.Enabled {
		return tr("mail.program_on")
	}
	return tr("mail.program_off")
}

func programLevel(p localapi.Program) level {
	if p.Enabled {
		return levelOK
	}
	return levelWarning
}

func programSeen(p localapi.Program) string {
	if p.SeenAt == nil {
		return tr("mail.program_never")
	}
	return moment(*p.SeenAt)
}

// read asks for the programs and the addresses anew.
func (v *mailPrograms) read() {
	v.table.reload()
	v.query++
	query := v.query
	v.desk.run(func(ctx context.Context) func() {
		doors, err := v.desk.client.MailListener(ctx)
		return func() {
			switch {
			case query != v.query:
			case err != nil:
				v.desk.failed(v.bar, err)
			default:
				v.showDoors(doors)
			}
		}
	})
}

// showDoors shows the addresses at which programs hand over mail.
func (v *mailPrograms) showDoors(doors []localapi.ListenState) {
	v.doors.RemoveAll()
	if len(doors) == 0 {
		v.doors.Add(newHint(tr("mail.doors_none")))
	}
	for _, d := range doors {
		state := newPill(tr("mail.door_shut"), levelInfo)
		text := tr("mail.door_shut_hint")
		switch {
		case d.Problem != "":
			text = sentence(d.Problem)
			state.set(tr("mail.door_problem"), levelError)
			if d.Open {
				state.set(tr("mail.door_open"), levelWarning)
			}
		case d.Open:
			text = ""
			state.set(tr("mail.door_open"), levelOK)
		}
		address := widget.NewLabel(d.Address)
		address.Selectable = true
		address.TextStyle.Monospace = true
		v.doors.Add(newBorder(nil, nil, container.NewHBox(newFixed(120, container.NewHBox(mailMiddle(state))), address, newSmall(mailOrGiven("mail.door_tls."+d.TLS, d.TLS))), nil, newHint(text)))
	}
}

// on returns a function that works on the chosen program.
func (v *mailPrograms) on(do func(localapi.Program)) func() {
	return func() {
		if p, ok := v.table.selectedRow(); ok {
			do(p)
		}
	}
}

// enable allows what can be done with the chosen program.
func (v *mailPrograms) enable() {
	p, ok := v.table.selectedRow()
	for _, b := range []*widget.Button{v.buttons.edit, v.buttons.toggle, v.buttons.password, v.buttons.remove} {
		enable(b, ok)
	}
	v.buttons.toggle.SetText(tr("mail.program_disable"))
	if ok && !p.Enabled {
		v.buttons.toggle.SetText(tr("mail.program_enable"))
	}
}

// done tells the person what was done, or why not, and reads anew.
func (v *mailPrograms) done(err error, told string) {
	v.enable()
	if err != nil {
		v.desk.failed(v.bar, err)
		return
	}
	v.bar.clear()
	v.desk.tell(told)
	v.read()
}

func (v *mailPrograms) toggle(p localapi.Program) {
	value, told := "on", tr("mail.program_enabled", args{"Name": p.Name})
	set := func() {
		mailBusy(v.buttons.toggle, tr("mail.saving"))
		v.desk.run(func(ctx context.Context) func() {
			_, err := v.desk.client.SetProgram(ctx, p.Name, map[string]string{"enabled": value})
			return func() { v.done(err, told) }
		})
	}
	if !p.Enabled {
		set()
		return
	}
	value, told = "off", tr("mail.program_disabled", args{"Name": p.Name})
	v.desk.confirm(tr("mail.program_disable_title"), tr("mail.program_disable_text", args{"Name": p.Name}), tr("mail.program_disable"), set)
}

func (v *mailPrograms) askRemove(p localapi.Program) {
	v.desk.confirm(tr("mail.program_remove_title"), tr("mail.program_remove_text", args{"Name": p.Name}), tr("mail.remove"), func() {
		done := mailBusy(v.buttons.remove, tr("mail.removing"))
		v.desk.run(func(ctx context.Context) func() {
			err := v.desk.client.RemoveProgram(ctx, p.Name)
			return func() {
				done()
				v.done(err, tr("mail.program_removed", args{"Name": p.Name}))
			}
		})
	})
}

func (v *mailPrograms) askPassword(p localapi.Program) {
	v.desk.confirm(tr("mail.program_password_title"), tr("mail.program_password_text", args{"Name": p.Name}), tr("mail.program_password_do"), func() {
		done := mailBusy(v.buttons.password, tr("mail.saving"))
		v.desk.run(func(ctx context.Context) func() {
			p, err := v.desk.client.NewProgramPassword(ctx, p.Name)
			return func() {
				done()
				v.done(err, tr("mail.program_password_done"))
				if err == nil {
					v.showPassword(p)
				}
			}
		})
	})
}
