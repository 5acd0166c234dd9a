package main

import (
	"strings"
	"testing"

	"foyer/app"
)

func TestAttention(t *testing.T) {
	term := newTerminal(t)
	if got := term.run("", "attention"); got.status != exitDone || got.stdout != "" || !strings.Contains(got.stderr, "nothing wants your attention") {
		t.Errorf("nothing: got %+v", got)
	}
	if got := term.run("", "attention", "--json"); got != (output{"[]\n", "", exitDone}) {
		t.Errorf("nothing in JSON: got %+v", got)
	}
	term.office.concerns = []app.Concern{
		{Code: "connector_blocked", Error: true, Subject: "google", Text: "connector google cannot work: set \x1b[31mclient_id"},
		{Code: "mail_failed", Count: 2, Text: "2 mails have failed within a day"},
	}
	want := `LEVEL    WHAT TO DO
error    connector google cannot work: set \x1b[31mclient_id
warning  2 mails have failed within a day
`
	if got := term.run("", "attention"); got != (output{want, "", exitDone}) {
		t.Errorf("got %+v, want %s", got, want)
	}
	var notices []map[string]any
	term.decode(&notices, "attention")
	if len(notices) != 2 || notices[0]["code"] != "connector_blocked" || notices[0]["level"] != "error" || notices[1]["count"] != 2.0 {
		t.Errorf("in JSON: got %v", notices)
	}
}

// TestAccountCommands expects what an administrator does to one account to be told in a line, and to reach the service.
func TestAccountCommands(t *testing.T) {
	for _, tt := range []struct {
		args           []string
		offList        bool
		status         int
		stdout, stderr string
	}{
		{
			args:   []string{"sessions", "jane@acme.com"},
			stdout: "SINCE (UTC)          LAST SEEN (UTC)      THROUGH   FROM         BROWSER\n2026-11-22 09:30:00  2026-11-22 10:30:00  entra     192.0.2.1    Firefox\n2026-11-22 08:30:00  2026-11-22 09:30:00  password  2001:db8::1\n",
		},
		{args: []string{"signout", "jane@acme.com"}, stdout: "ended 2 sessions of jane@acme.com\n"},
		{args: []string{"signout", "jane@acme.com", "--json"}, stdout: "{\n  \"changed\": 2\n}\n"},
		{args: []string{"move", "jane@acme.com", "Acme"}, stdout: "moved jane@acme.com to Acme\n"},
		{args: []string{"move", "jane@acme.com", "Acme"}, offList: true, stdout: "moved jane@acme.com to Acme, whose list it is not on\n"},
		{args: []string{"reset", "jane@acme.com"}, stdout: "a mail to choose a new password is on its way to jane@acme.com\n"},
		{args: []string{"reset", "jane@acme.com", "--json"}, stdout: "{\n  \"sent\": \"jane@acme.com\"\n}\n"},

		{args: []string{"sessions", "no@acme.com"}, status: exitNotFound, stderr: "there is no account no@acme.com"},
		{args: []string{"signout", "no@acme.com"}, status: exitNotFound, stderr: "there is no account no@acme.com"},
		{args: []string{"move", "no@acme.com", "Acme"}, status: exitNotFound, stderr: "there is no account no@acme.com"},
		{args: []string{"move", "jane@acme.com", "Nobody"}, status: exitNotFound, stderr: `there is no company "Nobody"`},
		{args: []string{"reset", "no@acme.com"}, status: exitNotFound, stderr: "there is no account no@acme.com"},
		{args: []string{"reset", "jane"}, status: exitInvalid, stderr: "e-mail address"},
		{args: []string{"move", "jane@acme.com"}, status: exitUsage, stderr: "too few arguments; write foyer account move ADDRESS COMPANY"},
		{args: []string{"sessions"}, status: exitUsage, stderr: "too few arguments"},
		{args: []string{"signout", "a@acme.com", "b@acme.com"}, status: exitUsage, stderr: "too many arguments"},
	} {
		term := newTerminal(t)
		term.office.accounts[0].ListMatch = !tt.offList
		got := term.run("", append([]string{"account"}, tt.args...)...)
		if got.status != tt.status || got.stdout != tt.stdout || !strings.Contains(got.stderr, tt.stderr) || (tt.stderr == "") != (got.stderr == "") {
			t.Errorf("foyer account %v: got %+v, want %+v", tt.args, got, tt)
		}
	}
	term := newTerminal(t)
	term.office.sessions = nil
	if got := term.run("", "account", "sessions", "jane@acme.com"); got.status != exitDone || got.stdout != "" || !strings.Contains(got.stderr, "nobody is signed in to jane@acme.com") {
		t.Errorf("no sessions: got %+v", got)
	}
	term.office.fail = app.Errorf(app.Conflict, "blocked", "the owner wants no mail; foyer mail unblock jane@acme.com")
	if got := term.run("", "account", "reset", "jane@acme.com"); got.status != exitConflict || !strings.Contains(got.stderr, "foyer mail unblock jane@acme.com") {
		t.Errorf("an address that is blocked: got %+v", got)
	}
}

// TestAccountListFlags expects each flag to arrive as what it says, and to be answered by.
func TestAccountListFlags(t *testing.T) {
	term := newTerminal(t)
	term.office.accounts = append(term.office.accounts,
		app.Account{Email: address(t, "amy@acme.com"), Company: "Acme", State: app.AccountDisabled, ListMatch: true, CreatedAt: then},
		app.Account{Email: address(t, "bob@beta.com"), Company: "Beta", State: app.AccountActive, CreatedAt: then})
	term.office.companies = append(term.office.companies, app.Company{Name: "Beta"})
	for _, tt := range []struct{ args, want string }{
		{"", "jane amy bob"},
		{"--company Acme", "jane amy"},
		{"--company Beta --state active", "bob"},
		{"--search amy", "amy"},
		{"--state disabled", "amy"},
		{"--off-list", "bob"},
		{"--reverse", "bob amy jane"},
	} {
		var accounts []map[string]any
		term.decode(&accounts, append([]string{"account", "list"}, strings.Fields(tt.args)...)...)
		var got []string
		for _, a := range accounts {
			name, _, _ := strings.Cut(a["email"].(string), "@")
			got = append(got, name)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("foyer account list %s: got %v, want %s", tt.args, got, tt.want)
		}
	}
	for _, sort := range app.AccountSorts() {
		if got := term.run("", "account", "list", "--sort", string(sort), "--reverse"); got.status != exitDone || term.office.asked.Sort != sort || !term.office.asked.Reverse {
			t.Errorf("--sort %s: got %+v, asked %+v", sort, got, term.office.asked)
		}
	}
	if got := term.run("", "account", "list", "--search", "x", "--off-list"); got.status != exitDone || !strings.Contains(got.stderr, "no such accounts") {
		t.Errorf("nothing found: got %+v", got)
	}
}
