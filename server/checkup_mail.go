package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// mailCheck looks at the way on which mail leaves. No mail is sent.
type mailCheck struct {
	service *app.Service
	courier func(app.Settings) mail.Courier
}

func (m *mailCheck) look(ctx context.Context) []app.Check {
	settings := m.service.Settings()
	var checks []app.Check
	if settings.HoldMail {
		checks = append(checks, found(app.CheckWarning, "mail_held", "", "no mail leaves while mail.hold is on; let it leave with: foyer settings set mail.hold=off"))
	}
	if settings.Mail.Transport == "capture" {
		return append(checks, found(app.CheckWarning, "mail_captured", "",
			"mail is kept here and sent nowhere, so nobody gets the link to confirm; set mail.transport to smarthost or direct: docs/mail.md says how"))
	}
	courier := m.courier(settings)
	switch c := courier.(type) {
	case *mail.Smarthost:
		checks = append(checks, smarthostCheck(ctx, c, settings))
	case *mail.Direct:
		checks = append(checks, directCheck(ctx, c, settings))
	}
	_ = courier.Close() // it keeps no connection of a trial
	return checks
}

// smarthostCheck speaks with the smarthost up to where a mail would be handed over.
func smarthostCheck(ctx context.Context, c *mail.Smarthost, settings app.Settings) app.Check {
	host := settings.Mail.Smarthost
	steps, err := c.Try(ctx)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return found(app.CheckSkipped, "mail_skipped", host, "the service is stopping")
	case err == nil:
		return found(app.CheckOK, "mail_ok", host, host+" answers and would take mail from here")
	}
	step := "name"
	if len(steps) > 0 {
		step = steps[len(steps)-1].Name
	}
	return found(app.CheckError, "mail_smarthost", host, "no mail leaves: "+mail.Words(err), "Step", step)
}

// directCheck connects to the port that other mail servers listen at. It is asked of the office's own mail server, because
// nobody else has agreed to be asked.
func directCheck(ctx context.Context, c *mail.Direct, settings app.Settings) app.Check {
	from, err := app.ParseAddress(settings.Mail.From)
	if err != nil {
		return found(app.CheckError, "mail_from", settings.Mail.From, "mail.from is no address that mail can be sent from; set it")
	}
	domain := from.Domain()
	_, err = c.TryPort(ctx, domain)
	switch {
	case err == nil:
		return found(app.CheckOK, "mail_port_ok", domain, "port 25 of the mail servers of "+domain+" can be reached, so mail can leave directly")
	case mail.NoConnection(err):
		return found(app.CheckError, "mail_port_blocked", domain,
			"the mail servers of "+domain+" cannot be reached at port 25 ("+mail.Words(err)+"); many internet providers block that port: have it opened, or send over a smarthost (mail.transport=smarthost)")
	default:
		return found(app.CheckSkipped, "mail_port_unknown", domain, "whether port 25 is open to the outside cannot be seen: "+mail.Words(err))
	}
}

// dnsChecks compares the DNS records that mail is judged by with what they should be.
func (m *mailCheck) dnsChecks(ctx context.Context) []app.Check {
	settings := m.service.Settings()
	if settings.Mail.Transport == "capture" || settings.Mail.From == "" {
		return nil
	}
	records, err := m.service.MailDNS(ctx)
	if err != nil {
		return []app.Check{found(app.CheckSkipped, "mail_dns_skipped", "", app.MessageOf(err))}
	}
	var checks []app.Check
	for _, r := range records {
		switch {
		case r.State == app.RecordOK:
		case r.State == app.RecordUnknown && r.Required:
			checks = append(checks, found(app.CheckSkipped, "mail_dns_unknown", r.Name, "the DNS cannot be asked for "+r.Name+" now", "Kind", r.Kind))
		case r.Required:
			checks = append(checks, found(app.CheckWarning, "mail_dns_"+r.Kind, r.Name, r.Text+" (foyer mail dns shows what to paste)", "Kind", r.Kind, "State", string(r.State)))
		}
	}
	if len(checks) == 0 {
		checks = append(checks, found(app.CheckOK, "mail_dns_ok", "", "the DNS records that mail from "+settings.Mail.From+" is judged by are right"))
	}
	return checks
}

// programChecks tells of the addresses at which programs hand over mail, and whether they are open.
func programChecks(service *app.Service) func(ctx context.Context) []app.Check {
	return func(ctx context.Context) []app.Check {
		states, err := service.MailListener(ctx)
		if err != nil {
			return nil
		}
		var checks []app.Check
		for _, l := range states {
			switch {
			case l.Problem != "":
				checks = append(checks, found(app.CheckError, "port_mail", l.Address,
					fmt.Sprintf("programs cannot hand over mail at %s: %s%s", l.Address, l.Problem, holderWords(l.Address))))
			case l.Open:
				checks = append(checks, found(app.CheckOK, "port_mail_ok", l.Address, "programs hand over mail at "+l.Address))
			}
		}
		return checks
	}
}

// backupKeeper knows the backups.
type backupKeeper interface {
	Backups(ctx context.Context) (app.BackupStatus, error)
}

// How old the newest backup may be, and when it is no use any more.
const (
	backupOld   = 48 * time.Hour
	backupStale = 14 * 24 * time.Hour
)

// backupChecks looks at the backups.
func backupChecks(keeper backupKeeper) func(ctx context.Context) []app.Check {
	return func(ctx context.Context) []app.Check {
		status, err := keeper.Backups(ctx)
		if err != nil {
			return []app.Check{found(app.CheckError, "backups_unreadable", status.Dir, "the backups cannot be read: "+app.MessageOf(err))}
		}
		return judgeBackups(status, time.Now())
	}
}

func judgeBackups(status app.BackupStatus, now time.Time) []app.Check {
	var checks []app.Check
	if !status.FailedAt.IsZero() {
		checks = append(checks, found(app.CheckError, "backup_failed", status.Dir, "the last backup has failed: "+status.Failure,
			"At", status.FailedAt.UTC().Format(time.RFC3339), "Failure", status.Failure))
	}
	const mend = "; make one with: foyer backup create"
	if len(status.Backups) == 0 {
		return append(checks, found(app.CheckWarning, "backup_missing", status.Dir, "there is no backup yet"+mend))
	}
	newest := status.Backups[0]
	for _, b := range status.Backups {
		if newest = b; !b.At.After(now) {
			break
		}
	}
	age := now.Sub(newest.At)
	args := []string{"Name", newest.Name, "At", newest.At.UTC().Format(time.RFC3339), "Days", fmt.Sprint(int(age / (24 * time.Hour)))}
	switch {
	case age < 0:
		checks = append(checks, found(app.CheckWarning, "backup_future", status.Dir,
			"the backup "+newest.Name+" is dated "+newest.At.UTC().Format(time.DateOnly)+", when this machine's clock was ahead; see whether it is right now, and make a backup with: foyer backup create", args...))
	case age > backupStale:
		checks = append(checks, found(app.CheckError, "backup_stale", status.Dir, fmt.Sprintf("the newest backup is %s days old%s, and see why none is made at night", args[5], mend), args...))
	case age > backupOld:
		checks = append(checks, found(app.CheckWarning, "backup_old", status.Dir, fmt.Sprintf("the newest backup is %s days old%s", args[5], mend), args...))
	default:
		checks = append(checks, found(app.CheckOK, "backup_ok", status.Dir, "the newest backup is of "+newest.At.UTC().Format("2006-01-02 15:04")+" UTC", args...))
	}
	if status.FreeBytes > 0 && status.FreeBytes < 2*newest.Size {
		checks = append(checks, found(app.CheckWarning, "backup_disk", status.Dir,
			fmt.Sprintf("the disk of the backups has room for not even two more (%s are free); make room, or keep fewer", app.SizeWords(status.FreeBytes)), "Free", fmt.Sprint(status.FreeBytes)))
	}
	return checks
}
