package gui

import (
	"context"
	"strings"

	"foyer/app"
	"foyer/app/localapi"
)

// trySave checks the list once more as it is now, asks about what cannot be undone, and saves.
func (c *companyForm) trySave() {
	if !c.open || c.busy || !c.dirty() {
		return
	}
	c.bar.clear()
	c.field.commit()
	if c.newName() == "" {
		c.bar.say(levelError, tr("companies.name.missing"))
		c.desk.window.Canvas().Focus(c.name)
		c.grown()
		return
	}
	c.setBusy(true)
	c.check.ask(func() {
		c.setBusy(false)
		if stop := c.obstacle(); stop != "" {
			c.bar.say(levelError, stop)
			c.desk.window.Canvas().Focus(c.field.entry)
			c.grown()
			return
		}
		if questions := c.questions(); len(questions) > 0 {
			c.desk.confirm(tr("companies.confirm.title", args{"Company": c.newName()}), strings.Join(questions, "\n\n"), tr("companies.confirm.save"), c.send)
			return
		}
		c.send()
	})
}

// obstacle says why the list cannot be saved as it is, or "".
func (c *companyForm) obstacle() string {
	bad := 0
	for _, t := range c.field.tokens {
		if t.problem != nil {
			bad++
		}
	}
	if bad > 0 {
		return trn("companies.obstacle.refused", bad)
	}
	for _, t := range c.field.tokens {
		if t.owner != "" && !t.move {
			return tr("companies.obstacle.owned", args{"Entry": t.name(), "Company": t.owner})
		}
	}
	return ""
}

// questions returns what saving would do that the person should agree to.
func (c *companyForm) questions() []string {
	var questions []string
	for _, t := range c.field.tokens {
		if t.owner != "" && t.move {
			questions = append(questions, tr("companies.confirm.move", args{"Entry": t.name(), "Company": t.owner}))
		}
	}
	if c.check.last.OffList > 0 {
		questions = append(questions, offText(c.check.last))
	}
	if c.base.Enabled && !c.enabled.Checked && c.base.Accounts > 0 {
		questions = append(questions, trn("companies.confirm.disable", c.base.Accounts))
	}
	return questions
}

// setBusy keeps everything as it is while a save runs.
func (c *companyForm) setBusy(busy bool) {
	c.busy = busy
	c.field.disable(busy)
	c.save.SetText(tr("companies.save"))
	for _, w := range []interface {
		Enable()
		Disable()
	}{c.name, c.enabled, c.tenants} {
		if busy {
			w.Disable()
		} else {
			w.Enable()
		}
	}
	if busy {
		c.save.SetText(tr("companies.saving"))
	}
	c.edited()
}

// send saves what was begun. It is sent as what to add and what to remove: what somebody else has done to the list meanwhile stays.
func (c *companyForm) send() {
	add, remove := c.delta()
	var move []string
	for _, t := range c.field.tokens {
		if t.owner != "" && t.move {
			move = append(move, t.key)
		}
	}
	change := localapi.CompanySave{
		Name: c.newName(), Enabled: c.enabled.Checked, Add: strings.Join(add, "\n"), Remove: strings.Join(remove, "\n"), Move: strings.Join(move, "\n"),
		Tenants: strings.Join(c.newTenants(), "\n"),
	}
	name, begun := c.base.Name, c.isNew()
	c.setBusy(true)
	c.query++
	query := c.query
	c.desk.run(func(ctx context.Context) func() {
		var saved localapi.CompanySaved
		made := name
		var err error
		if begun {
			saved.Company, made, err = c.add(ctx, change)
		} else {
			saved, err = c.desk.client.SaveCompany(ctx, name, change)
		}
		return func() {
			if query != c.query { // another company is shown meanwhile
				c.endedElsewhere(change.Name, err)
				return
			}
			c.setBusy(false)
			if err != nil {
				c.notSaved(made, err)
				return
			}
			c.saved(saved)
		}
	})
}

// endedElsewhere says how a save went whose company is not shown any more.
func (c *companyForm) endedElsewhere(name string, err error) {
	if err != nil {
		c.desk.failed(c.bar, err)
		c.grown()
		return
	}
	c.desk.tell(tr("companies.saved", args{"Company": name}))
}

// add adds a company. One that needs more than a name and entries gets these in a second step; until that is done its list is
// empty and lets in nobody. It returns the name of the company once there is one.
func (c *companyForm) add(ctx context.Context, change localapi.CompanySave) (localapi.Company, string, error) {
	client := c.desk.client
	if change.Move == "" && change.Tenants == "" {
		company, err := client.AddCompany(ctx, change.Name, change.Add)
		return company, "", err
	}
	if _, err := client.AddCompany(ctx, change.Name, ""); err != nil {
		return localapi.Company{}, "", err
	}
	saved, err := client.SaveCompany(ctx, change.Name, change)
	return saved.Company, change.Name, err
}

// notSaved says why nothing was saved. made is the name of the company, which a new one may have all the same.
func (c *companyForm) notSaved(made string, err error) {
	if c.isNew() && made != "" {
		c.base = localapi.Company{Name: made, Enabled: true}
		c.shown()
		c.kept(made)
	}
	if app.CodeOf(err) == app.NotFound {
		c.bar.say(levelError, tr("companies.gone", args{"Company": c.base.Name}))
	} else {
		c.desk.failed(c.bar, err)
	}
	c.grown()
	switch app.ReasonOf(err) {
	case "company_name_invalid", "company_taken":
		c.desk.window.Canvas().Focus(c.name)
	case "tenant_invalid":
		c.advanced.OpenAll()
		c.desk.window.Canvas().Focus(c.tenants)
	case "entry_taken":
		c.check.now() // says of which, and offers to move it
	}
}

func (c *companyForm) saved(saved localapi.CompanySaved) {
	c.bar.clear()
	c.show(saved.Company)
	text := tr("companies.saved", args{"Company": saved.Name})
	if saved.OffList > 0 {
		text += " " + trn("companies.saved.off", saved.OffList)
	}
	c.desk.tell(text)
	c.kept(saved.Name)
}

// discardTyped drops what was begun, without a question: the button says so.
func (c *companyForm) discardTyped() {
	if c.busy {
		return
	}
	c.bar.clear()
	if c.isNew() {
		c.close()
		return
	}
	c.show(c.base)
}

// askRemove removes the company, unless it has accounts.
func (c *companyForm) askRemove() {
	name := c.base.Name
	if c.base.Accounts > 0 {
		c.bar.offer(levelWarning, trn("companies.remove.accounts", c.base.Accounts, args{"Company": name}), tr("companies.accounts.show"), func() {
			c.desk.open(pageUsers, "company:"+name)
		})
		c.grown()
		return
	}
	question := trn("companies.remove.text", len(c.base.Entries), args{"Company": name})
	c.desk.confirmTyped(tr("companies.remove.title", args{"Company": name}), question, name, tr("companies.remove.do"), func() { c.remove(name) })
}

func (c *companyForm) remove(name string) {
	c.setBusy(true)
	c.removing.Disable()
	c.query++
	query := c.query
	c.desk.run(func(ctx context.Context) func() {
		err := c.desk.client.RemoveCompany(ctx, name)
		return func() {
			c.removing.Enable()
			if query != c.query {
				c.desk.failed(c.bar, err)
				return
			}
			c.setBusy(false)
			if err != nil {
				c.desk.failed(c.bar, err)
				c.grown()
				return
			}
			c.desk.tell(tr("companies.removed", args{"Company": name}))
			c.close()
		}
	})
}
