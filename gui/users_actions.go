package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// action is something that can be done with an account.
type action int

const (
	actDisable action = iota
	actEnable
	actReset
	actMove
	actRemove
)

func actionOrder() []action { return []action{actDisable, actEnable, actReset, actMove, actRemove} }

// words returns the text of an action's button, and what it says while the action is under way.
func (act action) words() (text, working string) {
	switch act {
	case actDisable:
		return tr("users.disable"), tr("users.disabling")
	case actEnable:
		return tr("users.enable"), tr("users.enabling")
	case actReset:
		return tr("users.reset"), tr("users.resetting")
	case actMove:
		return tr("users.move"), tr("users.moving")
	default:
		return tr("users.remove"), tr("users.removing")
	}
}

func (act action) icon() fyne.Resource {
	switch act {
	case actDisable:
		return theme.CancelIcon()
	case actEnable:
		return theme.ConfirmIcon()
	case actReset:
		return theme.MailSendIcon()
	case actMove:
		return theme.NavigateNextIcon()
	default:
		return theme.DeleteIcon()
	}
}

func (a *accountDetail) newActions() fyne.CanvasObject {
	box := container.NewGridWithColumns(2)
	for _, act := range actionOrder() {
		text, _ := act.words()
		b := newButton(text, act.icon(), func() { a.do(act) })
		a.actions[act] = b
		box.Add(b)
	}
	return box
}

// possible reports whether an action makes sense for the account.
func (a *accountDetail) possible(act action) bool {
	switch act {
	case actDisable, actReset:
		return a.account.State != "disabled"
	case actEnable:
		return a.account.State == "disabled"
	default:
		return true
	}
}

// showActions shows the buttons of what can be done now. One whose mail would be refused stays, and is disabled.
func (a *accountDetail) showActions() {
	for act, b := range a.actions {
		if !a.working {
			text, _ := act.words()
			b.SetText(text)
		}
		if act == actReset || a.possible(act) {
			b.Show()
		} else {
			b.Hide()
		}
		if a.working || !a.possible(act) {
			b.Disable()
		} else {
			b.Enable()
		}
	}
	if a.working {
		a.signOut.Disable()
	} else {
		a.signOut.SetText(tr("users.sign_out"))
		a.signOut.Enable()
	}
}

// menu returns the account's menu.
func (a *accountDetail) menu() []*fyne.MenuItem {
	if !a.shown {
		return nil
	}
	items := []*fyne.MenuItem{
		fyne.NewMenuItem(tr("users.copy_address"), func() {
			fyne.CurrentApp().Clipboard().SetContent(a.account.Email)
			a.desk.tell(tr("copied"))
		}),
		fyne.NewMenuItem(tr("users.open_company"), func() { a.desk.open(pageCompanies, a.account.Company) }),
		fyne.NewMenuItem(tr("users.open_log"), func() { a.desk.open(pageLog, a.account.Email) }),
		fyne.NewMenuItemSeparator(),
	}
	for _, act := range actionOrder() {
		if !a.possible(act) {
			continue
		}
		if act == actRemove {
			items = append(items, fyne.NewMenuItemSeparator())
		}
		text, _ := act.words()
		item := fyne.NewMenuItem(text, func() { a.do(act) })
		item.Icon, item.Disabled = act.icon(), a.working
		items = append(items, item)
	}
	return items
}

// do does something with the account, after a question where it needs one.
func (a *accountDetail) do(act action) {
	if !a.shown || a.working || !a.possible(act) {
		return
	}
	email := a.account.Email
	client := a.desk.client
	switch act {
	case actDisable:
		text := tr("users.disable_text", args{"Email": email})
		if a.read && len(a.sessions) > 0 {
			text += " " + trn("users.disable_sessions", len(a.sessions))
		}
		a.desk.confirm(tr("users.disable_title"), text, tr("users.disable"), func() {
			a.during(act, func(ctx context.Context) error {
				_, err := client.EnableAccount(ctx, email, false)
				return err
			}, func() { a.desk.tell(tr("users.disabled", args{"Email": email})) })
		})
	case actEnable:
		a.during(act, func(ctx context.Context) error {
			_, err := client.EnableAccount(ctx, email, true)
			return err
		}, func() { a.desk.tell(tr("users.enabled", args{"Email": email})) })
	case actReset:
		a.during(act, func(ctx context.Context) error { return client.SendReset(ctx, email) },
			func() { a.desk.tell(tr("users.reset_sent", args{"Email": email})) })
	case actMove:
		a.askMove()
	default:
		a.askRemove()
	}
}

// during does something while the buttons wait, and shows what has become of the account.
func (a *accountDetail) during(act action, call func(ctx context.Context) error, done func()) {
	_, word := act.words()
	a.while(a.actions[act], word, call, done)
}

// while is during with a button of its own that says what is done; nil for none.
func (a *accountDetail) while(b *widget.Button, word string, call func(ctx context.Context) error, done func()) {
	a.working = true
	a.bar.clear()
	if b != nil {
		b.SetText(word)
	}
	a.showActions()
	a.showIdentities(a.account.Identities)
	a.desk.run(func(ctx context.Context) func() {
		err := call(ctx)
		return func() {
			a.working, a.unlinking = false, ""
			a.showActions()
			a.showIdentities(a.account.Identities)
			if err != nil {
				a.desk.failed(a.bar, err)
			} else {
				done()
			}
			a.changed()
		}
	})
}

func (a *accountDetail) askRemove() {
	email := a.account.Email
	text := tr("users.remove_text", args{"Email": email})
	if n := len(a.account.Identities); n > 0 {
		text += " " + trn("users.remove_identities", n)
	}
	if a.read && len(a.sessions) > 0 {
		text += " " + trn("users.remove_sessions", len(a.sessions))
	}
	text += "\n\n" + tr("users.remove_again")
	a.desk.confirmTyped(tr("users.remove_title"), text, email, tr("users.remove_yes"), func() {
		a.during(actRemove, func(ctx context.Context) error { return a.desk.client.RemoveAccount(ctx, email) },
			func() { a.desk.tell(tr("users.removed", args{"Email": email})) })
	})
}

func (a *accountDetail) askUnlink(i localapi.Identity) {
	email := a.account.Email
	text := tr("users.unlink_text", args{"Email": email, "Connector": i.Connector})
	a.desk.confirm(tr("users.unlink_title"), text, tr("users.identity_remove"), func() {
		a.unlinking = i.ID
		a.while(nil, "", func(ctx context.Context) error {
			_, err := a.desk.client.RemoveIdentity(ctx, email, i.ID)
			return err
		}, func() { a.desk.tell(tr("users.unlinked", args{"Email": email})) })
	})
}

func (a *accountDetail) askSignOut() {
	email := a.account.Email
	a.desk.confirm(tr("users.sign_out_title"), trn("users.sign_out_text", len(a.sessions), args{"Email": email}), tr("users.sign_out"), func() {
		ended := 0
		a.while(a.signOut, tr("users.signing_out"), func(ctx context.Context) error {
			var err error
			ended, err = a.desk.client.EndSessions(ctx, email)
			return err
		}, func() { a.desk.tell(trn("users.signed_out", ended)) })
	})
}

// askMove lets one choose another company, and says what becomes of the account there.
func (a *accountDetail) askMove() {
	account := a.account
	var dlg *dialog.CustomDialog
	var verdict *localapi.AllowTest
	company := ""
	note := newText(tr("users.move_choose"))
	problem := newBar()
	move := newMainButton(tr("users.move_yes"), nil, func() {
		dlg.Hide()
		a.move(account.Email, company)
	})
	move.Disable()
	show := func() {
		switch {
		case company == "":
			return
		case company == account.Company:
			note.SetText(tr("users.move_same", args{"Company": company}))
			move.Disable()
			return
		case verdict == nil:
			note.SetText(tr("users.move_maybe", args{"Company": company}))
		case verdict.Allowed && verdict.Company == company:
			note.SetText(tr("users.move_listed", args{"Company": company, "Entry": verdict.Entry}))
		default:
			note.SetText(tr("users.move_off", args{"Company": company}))
		}
		move.Enable()
	}
	picker := newCompanyPicker(a.desk, "", func(err error) { a.desk.failed(problem, err) })
	choose := func(name string) {
		company = name
		show()
	}
	picker.chosen, picker.picked = choose, choose
	no := widget.NewButton(tr("cancel"), func() { dlg.Hide() })
	shut := func() { dlg.Hide() }
	picker.search.keys[fyne.KeyEscape] = shut
	picker.list.keys = map[fyne.KeyName]func(){fyne.KeyEscape: shut}
	text := newText(tr("users.move_text", args{"Email": account.Email, "Company": account.Company}))
	list := container.NewGridWrap(fyne.NewSize(460, 220), picker.content)
	noteBox := container.NewGridWrap(fyne.NewSize(460, 64), note)
	dlg = dialog.NewCustomWithoutButtons(tr("users.move_title"), newFixed(460, container.NewVBox(text, list, noteBox, problem)), a.desk.window)
	dlg.SetButtons([]fyne.CanvasObject{no, move})
	dlg.Show()
	a.desk.window.Canvas().Focus(picker.search)
	picker.load()
	a.desk.run(func(ctx context.Context) func() {
		v, err := a.desk.client.TestAddress(ctx, account.Email)
		return func() {
			if err == nil { // without it, the words leave open what becomes of the account
				verdict = &v
				show()
			}
		}
	})
}

func (a *accountDetail) move(email, company string) {
	var moved localapi.Account
	a.during(actMove, func(ctx context.Context) error {
		var err error
		moved, err = a.desk.client.MoveAccount(ctx, email, company)
		return err
	}, func() {
		if moved.ListMatch {
			a.desk.tell(tr("users.moved", args{"Email": email, "Company": company}))
		} else {
			a.desk.tell(tr("users.moved_off", args{"Email": email, "Company": company}))
		}
	})
}
