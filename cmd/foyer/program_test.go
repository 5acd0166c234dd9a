package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

func (o *office) Programs(context.Context) ([]app.Program, error) { return o.programs, o.fail }

func (o *office) Program(_ context.Context, name string) (app.Program, error) {
	for _, p := range o.programs {
		if p.Name == name {
			return p, nil
		}
	}
	return app.Program{}, app.Errorf(app.NotFound, "program_unknown", "there is no program %q", name)
}

func (o *office) AddProgram(ctx context.Context, _, name string, changes map[string]string) (app.Program, app.Token, error) {
	if err := app.CheckProgramName(name); err != nil {
		return app.Program{}, "", err
	}
	if _, err := o.Program(ctx, name); err == nil {
		return app.Program{}, "", app.Errorf(app.Conflict, "program_taken", "there is a program %q already", name)
	}
	p, err := app.Program{Name: name, Enabled: true, CreatedAt: then}.Change(changes)
	if err != nil {
		return p, "", err
	}
	o.programs = append(o.programs, p)
	return p, "the-password", nil
}

func (o *office) SetProgram(ctx context.Context, _, name string, changes map[string]string) (app.Program, error) {
	p, err := o.Program(ctx, name)
	if err != nil {
		return p, err
	}
	if p, err = p.Change(changes); err != nil {
		return p, err
	}
	for i := range o.programs {
		if o.programs[i].Name == name {
			o.programs[i] = p
		}
	}
	return p, nil
}

func (o *office) NewProgramPassword(ctx context.Context, _, name string) (app.Program, app.Token, error) {
	p, err := o.Program(ctx, name)
	return p, "another-password", err
}

func (o *office) RemoveProgram(ctx context.Context, _, name string) error {
	if _, err := o.Program(ctx, name); err != nil {
		return err
	}
	o.programs = slices.DeleteFunc(o.programs, func(p app.Program) bool { return p.Name == name })
	return nil
}

func (o *office) MailListener(context.Context) ([]app.ListenState, error) {
	return o.listening, o.fail
}

func TestProgramTables(t *testing.T) {
	term := newTerminal(t)
	if got, want := term.run("", "program", "list"), "no programs yet; add one with: foyer program add NAME SENDER\n"; got.stderr != want || got.stdout != "" || got.status != exitDone {
		t.Errorf("without programs: got %+v", got)
	}
	term.office.programs = []app.Program{
		{Name: "scanner", Senders: entries(t, "scanner@office.example office.example"), Enabled: true, CreatedAt: then, SeenAt: then.Add(time.Hour)},
		{Name: "shop", LocalUser: "www-data", CreatedAt: then},
	}
	term.office.listening = []app.ListenState{
		{Address: "127.0.0.1:2525", TLS: "none", Open: true},
		{Address: "192.0.2.1:587", TLS: "starttls", Problem: "another program has this port"},
		{Address: "[::1]:465", TLS: "implicit"},
	}
	tests := []struct{ args, want string }{
		{"program list", `
NAME     STATE     MAY SEND AS                            LOCAL USER  LAST SEEN
scanner  enabled   scanner@office.example office.example              2026-11-22 10:30:00
shop     disabled  nobody yet                             www-data

They hand over mail at:
  127.0.0.1:2525 (no TLS): open
  192.0.2.1:587 (STARTTLS): closed: another program has this port
  [::1]:465 (TLS): closed, because no program is enabled
`},
		{"program show scanner", `
Name:         scanner
State:        enabled
May send as:  scanner@office.example office.example
Local user:   none: its password is needed everywhere
Created:      2026-11-22 09:30:00 UTC
Last seen:    2026-11-22 10:30:00 UTC
`},
		{"program show shop", `
Name:         shop
State:        disabled
May send as:  nobody yet
Local user:   www-data
Created:      2026-11-22 09:30:00 UTC
Last seen:    never
`},
		{"program set shop senders=office.example,shop@office.example enabled=on", `
changed enabled=on, senders=office.example shop@office.example of shop
`},
		{"program password shop", `
shop has a new password; the old one is worthless

Name:      shop
Password:  another-password

Note the password now: it cannot be shown again.

They hand over mail at:
  127.0.0.1:2525 (no TLS): open
  192.0.2.1:587 (STARTTLS): closed: another program has this port
  [::1]:465 (TLS): closed, because no program is enabled
`},
		{"program remove shop", "\nremoved the program shop; mail it has handed over is still delivered\n"},
	}
	for _, test := range tests {
		got := term.run("", strings.Fields(test.args)...)
		if want := test.want[1:]; got.stdout != want || got.status != exitDone {
			t.Errorf("foyer %s: status %d, %s\n got %s\nwant %s", test.args, got.status, got.stderr, got.stdout, want)
		}
	}
	term.office.listening = nil
	if got := term.run("", "program", "add", "erp", "office.example", "--local-user", "erp"); !strings.HasPrefix(got.stdout, "added erp; it may send as office.example\n") ||
		!strings.Contains(got.stdout, "Password:  the-password\n") || !strings.Contains(got.stdout, "Nothing listens for them") {
		t.Errorf("add: %+v", got)
	}
	if p := term.office.programs[1]; p.LocalUser != "erp" || !p.Enabled {
		t.Errorf("added %+v", p)
	}
}

func TestProgramJSON(t *testing.T) {
	term := newTerminal(t)
	added := term.object("program", "add", "scanner", "office.example")
	if added["password"] != "the-password" || added["name"] != "scanner" || added["enabled"] != true || added["seen_at"] != nil {
		t.Errorf("added %v", added)
	}
	if shown := term.object("program", "show", "scanner"); shown["password"] != nil || shown["local_user"] != "" {
		t.Errorf("shown %v", shown)
	}
	var all []map[string]any
	term.decode(&all, "program", "list")
	if len(all) != 1 || all[0]["senders"].([]any)[0] != "office.example" {
		t.Errorf("listed %v", all)
	}
	if removed := term.object("program", "remove", "scanner"); removed["removed"] != "scanner" {
		t.Errorf("removed %v", removed)
	}
}

func TestProgramRefusals(t *testing.T) {
	term := newTerminal(t)
	term.office.programs = []app.Program{{Name: "scanner", Enabled: true, CreatedAt: then}}
	for _, test := range []struct {
		args   string
		status int
	}{
		{"program show none", exitNotFound},
		{"program set none enabled=off", exitNotFound},
		{"program password none", exitNotFound},
		{"program remove none", exitNotFound},
		{"program set scanner speed=10", exitNotFound},
		{"program set scanner enabled=maybe", exitInvalid},
		{"program set scanner senders=*.office.example", exitInvalid},
		{"program set scanner senders=!office.example", exitInvalid},
		{"program set scanner local_user=a:b", exitInvalid},
		{"program add Scanner", exitInvalid},
		{"program add scanner", exitConflict},
		{"program add", exitUsage},
		{"program set scanner", exitUsage},
	} {
		if got := term.run("", strings.Fields(test.args)...); got.status != test.status || strings.Count(got.stderr, "\n") == 0 || got.stdout != "" {
			t.Errorf("foyer %s: got %+v, want status %d", test.args, got, test.status)
		}
	}
}
