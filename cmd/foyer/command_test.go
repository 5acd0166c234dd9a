package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/server"
)

var update = flag.Bool("update", false, "write the golden files anew")

// commands calls visit for every command that is Foyer's own.
func commands(root *cobra.Command, visit func(*cobra.Command)) {
	visit(root)
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" && cmd.Name() != "help" && !cmd.Hidden {
			commands(cmd, visit)
		}
	}
}

// TestHelp holds the help of every command against the golden file, and expects it without a service.
func TestHelp(t *testing.T) {
	var all bytes.Buffer
	commands((&program{}).root(), func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s: no Short or no Example", cmd.CommandPath())
		}
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		got := runWith(t, "", map[string]string{"FOYER_SOCKET": "/nonexistent"}, args...)
		if got.status != exitDone || got.stderr != "" || !strings.Contains(got.stdout, "Examples:") {
			t.Errorf("%s: exit %d, %s%s", strings.Join(args, " "), got.status, got.stdout, got.stderr)
		}
		for line := range strings.Lines(got.stdout) {
			if !strings.Contains(line, "--") && len([]rune(line)) > 100 {
				t.Errorf("%s: a line of %d characters: %s", cmd.CommandPath(), len([]rune(line)), line)
			}
		}
		fmt.Fprintf(&all, "===== %s\n\n%s\n", cmd.CommandPath(), strings.ReplaceAll(got.stdout, version(), "VERSION"))
	})
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, all.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := all.Bytes(); !bytes.Equal(got, want) {
		t.Errorf("the help is not that of %s; see what changed with: go test ./cmd/foyer -run TestHelp -update && git diff", golden)
	}
}

// TestCommands expects exactly the families and commands that are documented.
func TestCommands(t *testing.T) {
	want := map[string]string{
		"serve": "", "demo": "", "gui": "", "version": "", "attention": "", "doctor": "", "metrics": "", "allow": "test", "audit": "list",
		"company": "add allow disable disallow enable list remove rename show tenant", "connector": "add list remove set show test",
		"account": "disable enable list move remove reset sessions show signout unlink", "registration": "list remove resend", "settings": "get set test-url",
		"address": "ca keep revert set show",
		"mail":    "blocked dns hold list release remove retry show status suppressed test tls unblock unsuppress",
		"program": "add list password remove set show",
		"backup":  "create key list remove restore verify",
		"service": "install restart start status stop uninstall unit",
	}
	got := map[string]string{}
	for _, family := range (&program{}).root().Commands() {
		if family.Hidden {
			continue
		}
		var words []string
		for _, cmd := range family.Commands() {
			words = append(words, cmd.Name())
		}
		got[family.Name()] = strings.Join(words, " ")
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNoArguments(t *testing.T) {
	got := runWith(t, "", nil)
	if got.status != exitDone || !strings.Contains(got.stdout, "Usage:") || got.stderr != "" {
		t.Errorf("got %+v, want the help", got)
	}
}

// TestWrongUsage expects exit 2, one line on standard error that says where to read on, and nothing on standard output.
func TestWrongUsage(t *testing.T) {
	term := newTerminal(t)
	tests := []struct {
		args string
		want string
	}{
		{"nope", `there is no command "nope"`},
		{"compny list", "did you mean foyer company?"},
		{"company", "foyer company has add, allow"},
		{"company shw Acme", "did you mean foyer company show?"},
		{"company show", "too few arguments; write foyer company show NAME"},
		{"company show Acme Ltd", "a name with blanks in quotes"},
		{"company list Acme", "too many arguments"},
		{"company allow Acme", "too few arguments"},
		{"company rename Acme", "too few arguments"},
		{"company tenant Acme", `there is no command "Acme"`},
		{"company tenant", "foyer company tenant has add and remove"},
		{"company tenant add Acme", "too few arguments"},
		{"connector ad google google", "did you mean foyer connector add?"},
		{"connector add google", "write foyer connector add KIND NAME"},
		{"connector add google a b", "too many arguments"},
		{"connector add google google --client-secret x", "unknown flag"},
		{"connector set google", "too few arguments"},
		{"connector set google signup", `"signup" is not KEY=VALUE`},
		{"connector set google signup=on signup=off", "given twice"},
		{"company list --nope", "unknown flag: --nope"},
		{"company allow Acme a.com --move=maybe", `invalid argument "maybe" for "--move" flag`},
		{"audit list --limit ten", `invalid argument "ten" for "--limit" flag`},
		{"audit list --limit -1", "--limit"},
		{"settings set login_link", `"login_link" is not KEY=VALUE`},
		{"settings set =on", `"=on" is not KEY=VALUE`},
		{"settings set login_link=on login_link=off", "given twice"},
		{"serve now", "too many arguments"},
		{"serve --log-level loud", `invalid argument "loud"`},
		{"demo now", "too many arguments"},
		{"help nope", `there is no command "nope"`},
		{"help company nope", `there is no command "company nope"`},
		{"mail list --state", "flag needs an argument"},
		{"mail test jane@acme.com --lang xx", "en or sk"},
		{"mail test jane@acme.com --wait long", `invalid argument "long"`},
		{"mail test jane@acme.com --wait -1s", "--wait"},
	}
	for _, tt := range tests {
		got := term.run("", strings.Fields(tt.args)...)
		oneLine := strings.HasPrefix(got.stderr, "foyer: ") && strings.Count(got.stderr, "\n") == 1
		if got.status != exitUsage || !oneLine || got.stdout != "" || !strings.Contains(got.stderr, tt.want) || !strings.Contains(got.stderr, "--help") {
			t.Errorf("foyer %s: got %+v, want exit 2 and %q", tt.args, got, tt.want)
		}
	}
}

// TestFailures expects the exit status of each kind of failure, one line on standard error, and in it what to do.
func TestFailures(t *testing.T) {
	tests := []struct {
		args   []string
		status int
		want   []string
	}{
		{[]string{"company", "show", "Nobody Ltd"}, exitNotFound, []string{`"Nobody Ltd"`}},
		{[]string{"company", "add", "Beta", "acme.com"}, exitConflict, []string{"acme.com", "Acme", "--move"}},
		{[]string{"company", "allow", "Beta", "acme.com"}, exitConflict, []string{"acme.com", "Acme", "add --move to move it here"}},
		{[]string{"company", "allow", "Acme", "good.com", "no domain!"}, exitInvalid, []string{`"no"`}},
		{[]string{"company", "disallow", "Acme", "other.com"}, exitNotFound, []string{"other.com"}},
		{[]string{"company", "remove", "Acme"}, exitConflict, []string{"accounts"}},
		{[]string{"company", "add", ""}, exitInvalid, []string{"empty"}},
		{[]string{"company", "show", ""}, exitInvalid, []string{"empty"}},
		{[]string{"allow", "test", "jane"}, exitInvalid, []string{"e-mail address"}},
		{[]string{"account", "show", "nobody@acme.com"}, exitNotFound, []string{"nobody@acme.com"}},
		{[]string{"account", "list", "--company", "Nobody"}, exitNotFound, []string{"Nobody"}},
		{[]string{"account", "remove", "nobody@acme.com"}, exitNotFound, nil},
		{[]string{"registration", "resend", "jane@acme.com"}, exitNotFound, nil},
		{[]string{"settings", "get", "nope"}, exitNotFound, []string{"foyer settings get"}},
		{[]string{"settings", "set", "nope=1"}, exitNotFound, []string{"foyer settings get"}},
		{[]string{"settings", "set", "login_link=maybe"}, exitInvalid, []string{"on or off"}},
		{[]string{"settings", "set", "mail.password=-"}, exitInvalid, []string{"mail.password", "standard input"}},
		{[]string{"mail", "list", "--state", "lost"}, exitInvalid, []string{"deferred"}},
		{[]string{"mail", "show", "77"}, exitNotFound, []string{"77"}},
		{[]string{"mail", "show", "../1"}, exitNotFound, []string{"../1"}},
		{[]string{"mail", "unblock", "jane@acme.com"}, exitNotFound, nil},
		{[]string{"mail", "hold", "77"}, exitNotFound, []string{"77"}},
		{[]string{"mail", "hold", "every"}, exitNotFound, []string{"every"}},
		{[]string{"mail", "hold", "1"}, exitConflict, []string{"captured"}},
		{[]string{"mail", "release", "3"}, exitConflict, []string{"deferred"}},
		{[]string{"mail", "unsuppress", "jane@acme.com"}, exitNotFound, nil},
		{[]string{"mail", "tls", "forget", "mx.unknown.example"}, exitNotFound, nil},
		{[]string{"gui"}, exitFailed, []string{"foyer --help"}},
	}
	for _, tt := range tests {
		term := newTerminal(t)
		term.office.companies = append(term.office.companies, app.Company{Name: "Beta", Enabled: true, CreatedAt: then})
		if tt.args[1:] != nil && slices.Contains(tt.args, "add") {
			term.office.companies = term.office.companies[:1]
		}
		got := term.run("", tt.args...)
		if got.status != tt.status || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "foyer: ") {
			t.Errorf("foyer %q: got %+v, want exit %d and one line", tt.args, got, tt.status)
		}
		for _, word := range tt.want {
			if !strings.Contains(got.stderr, word) {
				t.Errorf("foyer %q: %q does not say %q", tt.args, got.stderr, word)
			}
		}
	}
}

func TestExitStatus(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("any"), 1},
		{&app.Error{Code: app.Internal}, 1},
		{&app.Error{Code: app.Unavailable, Reason: "busy"}, 1},
		{&app.Error{Code: app.Limited}, 1},
		{&usageError{"wrong"}, 2},
		{&app.Error{Code: app.Unavailable, Reason: "service_unreachable"}, 3},
		{&app.Error{Code: app.Unavailable, Reason: "version_mismatch"}, 3},
		{&app.Error{Code: app.NotFound}, 4},
		{&app.Error{Code: app.Conflict}, 5},
		{&app.Error{Code: app.Invalid}, 6},
		{&app.Error{Code: app.Denied}, 7},
		{&serveError{fmt.Errorf("start: %w", server.ErrRunning)}, 75},
		{&serveError{fmt.Errorf("start: %w", &server.DataError{})}, 78},
		{&serveError{&app.Error{Code: app.Conflict}}, 1},
		{fmt.Errorf("wrapped: %w", &app.Error{Code: app.NotFound}), 4},
	}
	for _, tt := range tests {
		if got := exitStatus(tt.err); got != tt.want {
			t.Errorf("exitStatus(%v): got %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestErrorAsJSON expects with --json the name and the values of an error beside its sentence, in one line.
func TestErrorAsJSON(t *testing.T) {
	p := &program{json: true}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{
			app.Fieldf("listen", "listen_taken", "in\u202euse").With("Address", ":80"),
			`{"error":{"code":"invalid","field":"listen","reason":"listen_taken","message":"in\\u202euse","args":{"Address":":80"}}}`,
		},
		{&serveError{fmt.Errorf("start: %w", server.ErrRunning)}, `{"error":{"code":"conflict","field":"","reason":"service_running","message":"start: already running","args":{}}}`},
		{fmt.Errorf("open: %w", &server.DataError{Message: "no key"}), `"reason":"data_unusable"`},
		{&usageError{"no such flag"}, `{"error":{"code":"invalid","field":"","reason":"usage","message":"no such flag","args":{}}}`},
	} {
		if got := p.errorText(tt.err); !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%v: got %s, want %s", tt.err, got, tt.want)
		}
	}
	if got := (&program{}).errorText(errors.New("x")); got != "foyer: x" {
		t.Errorf("without --json: got %q", got)
	}
}

func TestServiceNotThere(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{{"company", "list"}, {"allow", "test", "jane@acme.com"}, {"settings", "set", "login_link=on"}, {"audit", "list", "--json"}} {
		got := runWith(t, "", nil, append(args, "--data", dir)...)
		if got.status != exitUnreachable || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("foyer %v: got %+v, want exit 3 and one line", args, got)
		}
		for _, word := range []string{filepath.Join(dir, "admin.sock"), "foyer serve", "--data"} {
			if !strings.Contains(got.stderr, word) {
				t.Errorf("foyer %v: %q does not say %q", args, got.stderr, word)
			}
		}
	}
	got := runWith(t, "", nil, "version", "--data", dir)
	if got.status != exitDone || !strings.Contains(got.stdout, "foyer serve") {
		t.Errorf("version without a service: got %+v", got)
	}
}

// TestWhereTheServiceIs expects the socket by flags and environment, as the documentation has it.
func TestWhereTheServiceIs(t *testing.T) {
	tests := []struct {
		args []string
		env  map[string]string
		want string
	}{
		{nil, nil, "/run/foyer/admin.sock"},
		{[]string{"--data", "/d"}, nil, "/d/admin.sock"},
		{[]string{"--data", "/d"}, map[string]string{"FOYER_DATA": "/e"}, "/d/admin.sock"},
		{nil, map[string]string{"FOYER_DATA": "/e"}, "/e/admin.sock"},
		{[]string{"--socket", "/s"}, map[string]string{"FOYER_DATA": "/e", "FOYER_SOCKET": "/x"}, "/s"},
		{[]string{"--data", "/d"}, map[string]string{"FOYER_SOCKET": "/x"}, "/x"},
		{[]string{"--data", "/d", "--socket", "/s"}, nil, "/s"},
	}
	for _, tt := range tests {
		p := &program{getenv: func(name string) string { return tt.env[name] }}
		root := p.root()
		if err := root.ParseFlags(tt.args); err != nil {
			t.Fatal(err)
		}
		if err := p.place(); err != nil {
			t.Fatal(err)
		}
		if got := p.client.Socket; got != tt.want {
			t.Errorf("%v, %v: got %s, want %s", tt.args, tt.env, got, tt.want)
		}
		if c := p.override(server.Config{}, serveFlags{}); len(tt.args)+len(tt.env) > 0 && c.Socket != tt.want {
			t.Errorf("%v, %v: serve listens at %s, want %s", tt.args, tt.env, c.Socket, tt.want)
		}
	}
}

// TestFlagsOverrideTheFile expects the command line to win, and what it does not say to stay.
func TestFlagsOverrideTheFile(t *testing.T) {
	file := server.Config{DataDir: "/file", Socket: "/file.sock", Listen: ":1", PublicURL: "http://file", Hosts: []string{"h"}}
	p := &program{}
	if got := p.override(file, serveFlags{}); got.DataDir != "/file" || got.Socket != "/file.sock" || got.Listen != ":1" || got.PublicURL != "http://file" {
		t.Errorf("no flags: got %+v", got)
	}
	p = &program{data: "/flag"}
	got := p.override(file, serveFlags{listen: ":2", publicURL: "http://flag"})
	if got.DataDir != "/flag" || got.Socket != "/flag/admin.sock" || got.Listen != ":2" || got.PublicURL != "http://flag" || !slices.Equal(got.Hosts, file.Hosts) {
		t.Errorf("flags: got %+v", got)
	}
}

// TestDone expects a change to be told in one line.
func TestDone(t *testing.T) {
	tests := []struct{ args, want string }{
		{"company add Beta beta.com *.beta.org", "added Beta with 2 entries"},
		{"company add Gamma", "added Gamma with 0 entries"},
		{"company rename Acme Ltd", "renamed Acme to Ltd"},
		{"company disable Acme", "disabled Acme: its people can neither sign up nor sign in, and are signed out"},
		{"company enable Acme", "enabled Acme"},
		{"company allow Acme a.com,b.com", "Acme now lists 4 entries: acme.com !boss@acme.com a.com b.com"},
		{"company disallow Acme !boss@acme.com", "the list of Acme now has 1 entry: acme.com; all its accounts are on it"},
		{"company disallow Acme !boss@acme.com acme.com", "the list of Acme is empty now, so nobody can sign up for it; 1 account is no longer on it and keeps working"},
		{"account disable jane@acme.com", "disabled jane@acme.com and ended the sessions"},
		{"account enable jane@acme.com", "enabled jane@acme.com"},
		{"account remove jane@acme.com", "removed the account jane@acme.com"},
		{"registration resend joe@acme.com", "a new confirmation mail to joe@acme.com is on its way, valid until 2026-11-23 09:30:00 UTC"},
		{"registration remove joe@acme.com", "removed the registration of joe@acme.com; its link and code no longer work"},
		{"settings set login_link=on limits.mail_global=0 contact=a=b", "changed contact=a=b, limits.mail_global=0, login_link=on"},
		{"settings set contact=", "changed contact="},
		{"mail retry 2", "mail 2 to jane@acme.com is queued; see foyer mail show 2"},
		{"mail remove 2", "removed mail 2"},
		{"mail unblock victim@acme.com", "victim@acme.com gets mail again"},
		{"mail hold 3", "mail 3 to joe@acme.com is held; let it leave with: foyer mail release 3"},
		{"mail hold all", "held 1 mail; let them leave with: foyer mail release all"},
		{"mail release all", "released 0 mails"},
		{"mail unsuppress gone@acme.com", "gone@acme.com gets mail again"},
		{"mail tls forget mx.old.example", "mx.old.example may get mail without TLS; what waits for it is tried again at its time, or now with: foyer mail retry ID"},
		{"settings get login_link", "off"},
		{"settings get limits.mail_global", "300"},
		{"settings get mail.password", "not set"},
		{"settings get contact", ""},
	}
	for _, tt := range tests {
		got := newTerminal(t).run("", strings.Fields(tt.args)...)
		if got != (output{tt.want + "\n", "", exitDone}) {
			t.Errorf("foyer %s: got %+v, want %q", tt.args, got, tt.want)
		}
	}
}

func TestMove(t *testing.T) {
	term := newTerminal(t)
	term.run("", "company", "add", "Beta")
	got := term.run("", "company", "allow", "Beta", "acme.com", "--move")
	if got.status != exitDone || !strings.Contains(got.stdout, "Beta now lists 1 entry: acme.com") {
		t.Errorf("got %+v", got)
	}
	if left := term.office.companies[0].Entries; len(left) != 1 {
		t.Errorf("Acme still has %v", left)
	}
}

// TestEmptyLineIsNoSecret expects that an empty line of standard input does not wipe a secret out.
func TestEmptyLineIsNoSecret(t *testing.T) {
	term := newTerminal(t)
	term.office.settings.Mail.Password = "s3cret"
	if got := term.run("\n", "settings", "set", "mail.password=-"); got.status != exitInvalid || term.office.settings.Mail.Password != "s3cret" {
		t.Errorf("got %+v, password %q", got, term.office.settings.Mail.Password)
	}
	if got := term.run("", "settings", "set", "mail.password="); got.status != exitDone || term.office.settings.Mail.Password != "" {
		t.Errorf("made empty on purpose: got %+v, password %q", got, term.office.settings.Mail.Password)
	}
}

// TestPasswordFromStandardInput expects a secret that is given as "-" to be one line of standard input, and to be
// printed nowhere.
func TestPasswordFromStandardInput(t *testing.T) {
	for stdin, want := range map[string]string{"s3cret\n": "s3cret", "s3cret": "s3cret", " a=b \r\nmore\n": " a=b "} {
		term := newTerminal(t)
		got := term.run(stdin, "settings", "set", "mail.password=-", "contact=-")
		if got.status != exitDone || term.office.settings.Mail.Password != want || term.office.settings.Contact != "-" {
			t.Errorf("%q: got %+v, password %q, want %q", stdin, got, term.office.settings.Mail.Password, want)
		}
		for _, args := range [][]string{{"get"}, {"get", "mail.password"}, {"get", "--json"}, {"get", "mail.password", "--json"}, {"set", "contact=x"}, {"set", "contact=x", "--json"}} {
			if out := term.run("", append([]string{"settings"}, args...)...); strings.Contains(out.stdout+out.stderr, "s3cret") {
				t.Errorf("settings %v shows the password: %+v", args, out)
			}
		}
	}
	term := newTerminal(t)
	if got := term.run("", "settings", "set", "mail.password=typed"); got.stdout != "changed mail.password (set)\n" {
		t.Errorf("got %+v", got)
	}
}

func TestTables(t *testing.T) {
	term := newTerminal(t)
	term.run("", "company", "add", "Žluťoučký kůň s.r.o.", "kun.example.cz")
	tests := []struct{ args, want string }{
		{"company list", `
NAME                  STATE    ACCOUNTS  ENTRIES
Acme                  enabled  1         acme.com !boss@acme.com
Žluťoučký kůň s.r.o.  enabled  0         kun.example.cz
`},
		{"company list --search kun", `
NAME                  STATE    ACCOUNTS  ENTRIES
Žluťoučký kůň s.r.o.  enabled  0         kun.example.cz
`},
		{"company show Acme", `
Name:      Acme
State:     enabled
Accounts:  1
Created:   2026-11-22 09:30:00 UTC

ENTRY           MEANING
acme.com        addresses at exactly this domain
!boss@acme.com  refuses this address
`},
		{"account list", `
ADDRESS        NAME      COMPANY  STATE   ON THE LIST  CREATED (UTC)
jane@acme.com  Jane Doe  Acme     active  yes          2026-11-22 09:30:00
`},
		{"registration list", `
ADDRESS       NAME     COMPANY  ENTRY     THROUGH  SINCE (UTC)          VALID UNTIL (UTC)
joe@acme.com  Joe Roe  Acme     acme.com  form     2026-11-22 09:30:00  2026-11-23 09:30:00
`},
		{"mail list --state captured", `
ID  KIND  RECIPIENT      STATE     TRIES  NEXT TRY (UTC)  CREATED (UTC)        REPLY
1   test  jane@acme.com  captured  0                      2026-11-22 09:30:00
`},
		{"mail blocked", `
ADDRESS          UNTIL (UTC)
victim@acme.com  2026-11-22 09:30:00
`},
		{"mail suppressed", `
ADDRESS        SINCE (UTC)          REASON
gone@acme.com  2026-11-22 09:30:00  550 5.1.1 \x1b[31mno such user\r\nfoyer: all is well xxxxxx…
`},
		{"mail tls list", `
MAIL SERVER     TLS SEEN (UTC)       VERSION  CIPHER                                 LOST SINCE (UTC)
mx.acme.com     2026-11-22 09:30:00  TLS 1.3  TLS_AES_128_GCM_SHA256
mx.old.example  2026-11-22 09:30:00  TLS 1.2  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256  2026-11-22 10:30:00
`},
		{"audit list", `
AT (UTC)             WHO           DID                  TO                OUTCOME              COMPANY  ENTRY     FROM       MORE
2026-11-22 09:30:00  visitor       registration.signup  eve@evil.example  refused: not_listed                     192.0.2.7
2026-11-22 09:30:00  root (uid 0)  company.add          Acme              ok                   Acme     acme.com
`},
		{"allow test boss@acme.com", `
Address:          boss@acme.com
Allowed:          no
Company:          Acme
Entry:            !boss@acme.com
Why:              "!boss@acme.com" of Acme refuses it; it is more specific than "acme.com" of Acme
Sign-up by form:  closed: login_link is off

Entries that cover it, the one that decides first:
  !boss@acme.com of Acme
  acme.com of Acme
`},
		{"allow test eve@evil.example", `
Address:          eve@evil.example
Allowed:          no
Why:              no company lists this address or its domain
Sign-up by form:  closed: login_link is off
`},
	}
	for _, tt := range tests {
		got := term.run("", strings.Fields(tt.args)...)
		if want := strings.TrimPrefix(tt.want, "\n"); got != (output{want, "", exitDone}) {
			t.Errorf("foyer %s: got exit %d, %s\n%s\nwant\n%s", tt.args, got.status, got.stderr, got.stdout, want)
		}
	}
}

// TestEmptyLists expects an empty table to say what to do, on standard error: a script that counts lines counts none.
// With --json it is an empty array.
func TestEmptyLists(t *testing.T) {
	term := newTerminal(t)
	o := term.office
	o.companies, o.accounts, o.waiting, o.messages, o.events, o.blocked, o.suppressed, o.tlsHosts = nil, nil, nil, nil, nil, nil, nil, nil
	tests := []struct{ args, want string }{
		{"company list", "foyer company add"},
		{"company list --search x", "no company has x"},
		{"account list", "login_link"},
		{"account list --search x", "no such accounts"},
		{"registration list", "nobody is waiting"},
		{"mail list", "foyer mail test"},
		{"mail list --state failed", "no mails are failed"},
		{"mail blocked", "no address is blocked"},
		{"mail suppressed", "no address is suppressed"},
		{"mail tls list", "no mail server is known to have TLS"},
		{"audit list", "nothing"},
	}
	for _, tt := range tests {
		got := term.run("", strings.Fields(tt.args)...)
		if got.status != exitDone || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("foyer %s: got %+v, want %q", tt.args, got, tt.want)
		}
		if got := term.run("", append(strings.Fields(tt.args), "--json")...); got != (output{"[]\n", "", exitDone}) {
			t.Errorf("foyer %s --json: got %+v, want []", tt.args, got)
		}
	}
}

// TestJSON expects the keys that are promised to scripts.
func TestJSON(t *testing.T) {
	term := newTerminal(t)
	tests := []struct{ args, keys string }{
		{"company show Acme", "accounts created_at enabled entries name overlaps tenants"},
		{"company add Beta", "accounts created_at enabled entries name overlaps tenants"},
		{"company disallow Acme !boss@acme.com", "accounts created_at enabled entries name off_list overlaps tenants"},
		{"company remove Beta", "removed"},
		{"account show jane@acme.com", "company created_at email entry first_name groups identities last_mail last_name list_match phone state"},
		{"mail hold 3", "attempts created_at id kind next_attempt program recipient reply state subject"},
		{"mail release 3", "attempts created_at id kind next_attempt program recipient reply state subject"},
		{"mail hold all", "changed"},
		{"mail release all", "changed"},
		{"account disable jane@acme.com", "company created_at email entry first_name groups identities last_name list_match phone state"},
		{"allow test jane@acme.com", "address allowed company covering entry reason reason_code ways"},
		{"registration resend joe@acme.com", "code_tries company created_at email entry expires_at first_name last_name phone through"},
		{"mail show 3", "attempts created_at data expires_at id kind message_id next_attempt program recipient reply sender state steps subject verdict"},
		{"mail test jane@acme.com", "attempts created_at data expires_at id kind message_id next_attempt program recipient reply sender state steps subject verdict"},
		{"settings get login_link", "login_link"},
		{"version", "api go service system version"},
	}
	for _, tt := range tests {
		got := strings.Join(slices.Sorted(maps.Keys(term.object(strings.Fields(tt.args)...))), " ")
		if got != tt.keys {
			t.Errorf("foyer %s --json: got the keys %s, want %s", tt.args, got, tt.keys)
		}
	}
	lists := []struct{ args, keys string }{
		{"company list", "accounts created_at enabled entries name overlaps tenants"},
		{"company list --search Acme", "accounts enabled entries name summary warnings"},
		{"account list", "company created_at email entry first_name groups identities last_name list_match phone state"},
		{"registration list", "code_tries company created_at email entry expires_at first_name last_name phone through"},
		{"mail list", "attempts created_at id kind next_attempt program recipient reply state subject"},
		{"mail blocked", "address until"},
		{"mail suppressed", "address reason since"},
		{"mail tls list", "cipher host lost_at seen_at version"},
		{"audit list --limit 1", "action actor at company detail entry id ip outcome subject"},
	}
	for _, tt := range lists {
		var items []map[string]any
		term.decode(&items, strings.Fields(tt.args)...)
		if len(items) == 0 {
			t.Errorf("foyer %s --json: nothing", tt.args)
			continue
		}
		if got := strings.Join(slices.Sorted(maps.Keys(items[0])), " "); got != tt.keys {
			t.Errorf("foyer %s --json: got the keys %s, want %s", tt.args, got, tt.keys)
		}
	}
	a := term.object("account", "show", "jane@acme.com")
	if identities, ok := a["identities"].([]any); !ok || len(identities) != 0 || a["list_match"] != true || a["created_at"] != "2026-11-22T09:30:00Z" {
		t.Errorf("account: got %v", a)
	}
	s := term.object("settings", "get")
	secret, _ := s["mail.password"].(map[string]any)
	if s["login_link"] != "off" || s["limits.mail_global"] != 300.0 || secret["set"] != false {
		t.Errorf("settings: got %v", s)
	}
	if m := term.object("mail", "show", "1"); m["id"] != "1" || m["next_attempt"] != nil {
		t.Errorf("message: got %v", m)
	}
}

// TestHostileStrings expects what strangers have written to reach the terminal as text.
func TestHostileStrings(t *testing.T) {
	term := newTerminal(t)
	hostile := "a\x1b]0;owned\x07b\u202egnp.exe\u0085\x9b31m\u2028\u200b\r\nc\td\U000E0041e\xff"
	term.office.accounts[0].FirstName = hostile
	term.office.events[0].Detail = hostile
	term.office.fail = nil
	for _, args := range [][]string{
		{"account", "list"},
		{"account", "show", "jane@acme.com"},
		{"account", "show", "jane@acme.com", "--json"},
		{"account", "list", "--json"},
		{"audit", "list"},
		{"mail", "list"},
		{"mail", "show", "3"},
		{"mail", "show", "3", "--json"},
		{"company", "show", hostile},
		{"company", "rename", "Acme", hostile},
		{"settings", "get", hostile},
		{hostile},
		{"company", hostile},
		{"company", "list", "--" + hostile},
		{"version", "--socket", "/tmp/" + hostile},
	} {
		got := term.run("", args...)
		for _, r := range got.stdout + got.stderr {
			if r != '\n' && hidden(r) {
				t.Errorf("foyer %q printed %U: %q", args, r, got.stdout+got.stderr)
				break
			}
		}
		if got.status != exitDone && strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("foyer %q: more than one line: %q", args, got.stderr)
		}
	}
	if got := term.run("", "account", "list"); strings.Count(got.stdout, "\n") != 2 || !strings.Contains(got.stdout, `a\x1b]0;owned\ab\u202egnp.exe`) {
		t.Errorf("the table of one account: %q", got.stdout)
	}
	// In JSON it is the same text as ever.
	if a := term.object("account", "show", "jane@acme.com"); a["first_name"] != strings.ToValidUTF8(hostile, "�") {
		t.Errorf("JSON: got %q", a["first_name"])
	}
}

func TestSafe(t *testing.T) {
	tests := []struct{ give, want string }{
		{"", ""},
		{"Jane Doe", "Jane Doe"},
		{"Žluťoučký 日本 🙂", "Žluťoučký 日本 🙂"},
		{"a\nb", `a\nb`},
		{"a\x00b", `a\x00b`},
		{"\x1b[2J", `\x1b[2J`},
		{"\u009b2J", `\u009b2J`},
		{"\xff\xfe", `\xff\xfe`},
		{"\u202e", `\u202e`},
		{"it's", "it's"},
		{"\ufffd", "\ufffd"},
	}
	for _, tt := range tests {
		if got := safe(tt.give); got != tt.want {
			t.Errorf("safe(%q): got %q, want %q", tt.give, got, tt.want)
		}
	}
}

func TestQuoted(t *testing.T) {
	tests := []struct{ give, want string }{
		{"Acme", "Acme"}, {"Acme Ltd", "'Acme Ltd'"}, {"it's", `'it'\''s'`}, {"-x", "'-x'"}, {"", "''"}, {"$(reboot)", "'$(reboot)'"}, {"/tmp/x.1", "/tmp/x.1"},
	}
	for _, tt := range tests {
		if got := quoted(tt.give); got != tt.want {
			t.Errorf("quoted(%q): got %s, want %s", tt.give, got, tt.want)
		}
	}
}

// TestAuditLimit expects as many events as are asked for, over the bounds of a page.
func TestAuditLimit(t *testing.T) {
	term := newTerminal(t)
	term.office.events = nil
	for i := range 450 {
		term.office.events = append(term.office.events, app.Event{ID: int64(450 - i), At: then, Outcome: app.OK, Subject: "x"})
	}
	for flags, want := range map[string]int{"": 200, "--limit 1": 1, "--limit 100": 100, "--limit 101": 101, "--limit 1000": 450, "--limit 0": 450} {
		var events []map[string]any
		term.decode(&events, append([]string{"audit", "list"}, strings.Fields(flags)...)...)
		if len(events) != want {
			t.Errorf("audit list %s: got %d events, want %d", flags, len(events), want)
		}
		if events[0]["id"] != "450" {
			t.Errorf("audit list %s: begins with %v, want the newest", flags, events[0]["id"])
		}
	}
}

func TestVersionOfTheService(t *testing.T) {
	term := newTerminal(t)
	v := term.object("version")
	service, _ := v["service"].(map[string]any)
	if service["permitted"] != true || service["api"] != 1.0 || service["version"] != v["version"] {
		t.Errorf("got %v", v)
	}
	if got := term.run("", "version"); got.status != exitDone || !strings.Contains(got.stdout, term.socket) {
		t.Errorf("got %+v", got)
	}
}

// TestMailDNS has records of all states: each with its value on a line of its own, and the exit status by those that
// matter.
func TestMailDNS(t *testing.T) {
	term := newTerminal(t)
	term.office.records = []app.DNSRecord{
		{Kind: "spf", Name: "office.example", Type: "TXT", Value: "v=spf1 mx ~all", Found: []string{"v=spf1 mx ~all"}, State: app.RecordOK, Required: true, Text: "There is one."},
		{Kind: "dkim", Name: "foyer-ed._domainkey.office.example", Type: "TXT", Value: "v=DKIM1; k=ed25519; p=abc", State: app.RecordMissing, Text: "Add it."},
		{Kind: "mx", Name: "office.example", Type: "MX", Found: []string{"10 mx.\x1b[2J"}, State: app.RecordOK, Required: true, Text: "Fine."},
	}
	const want = `STATE           RECORD  TYPE  NAME
ok              spf     TXT   office.example
missing (info)  dkim    TXT   foyer-ed._domainkey.office.example
ok              mx      MX    office.example

TXT office.example
v=spf1 mx ~all
There is one.

TXT foyer-ed._domainkey.office.example
v=DKIM1; k=ed25519; p=abc
Add it.

MX office.example
found: 10 mx.\x1b[2J
Fine.
`
	if got := term.run("", "mail", "dns"); got.stdout != want || got.stderr != "" || got.status != exitDone {
		t.Errorf("got %d %q\n%s\nwant\n%s", got.status, got.stderr, got.stdout, want)
	}
	for _, state := range []app.RecordState{app.RecordMissing, app.RecordDiffers, app.RecordUnknown} {
		term.office.records[0].State = state
		got := term.run("", "mail", "dns", "--json")
		var v struct{ Records []map[string]any }
		if err := json.Unmarshal([]byte(got.stdout), &v); err != nil || len(v.Records) != 3 {
			t.Fatalf("%s: %d records, %v\n%s", state, len(v.Records), err, got.stdout)
		}
		if keys := strings.Join(slices.Sorted(maps.Keys(v.Records[1])), " "); keys != "found kind name required state text type value" {
			t.Errorf("keys: got %s", keys)
		}
		if found, ok := v.Records[1]["found"].([]any); !ok || len(found) != 0 {
			t.Errorf("found: got %v, want an empty list", v.Records[1]["found"])
		}
		if got.status != exitFailed || !strings.Contains(got.stderr, "spf "+string(state)+" at office.example") || strings.Contains(got.stderr, "dkim") {
			t.Errorf("%s: got %d %q, want %d and the record that matters", state, got.status, got.stderr, exitFailed)
		}
	}
	term.office.fail = app.Errorf(app.Conflict, "mail_from_missing", "set mail.from first")
	if got := term.run("", "mail", "dns"); got.status != exitConflict || got.stdout != "" || !strings.Contains(got.stderr, "mail.from") {
		t.Errorf("without mail.from: got %d %q %q", got.status, got.stdout, got.stderr)
	}
}

// TestHold expects a mail to be held and released, and the list to say on standard error when nothing leaves.
func TestHold(t *testing.T) {
	term := newTerminal(t)
	for _, tt := range []struct {
		args   string
		state  app.MessageState // of mail 3 then
		stdout string
	}{
		{"mail hold 3", app.MessageHeld, "mail 3 to joe@acme.com is held; let it leave with: foyer mail release 3\n"},
		{"mail release 3", app.MessageQueued, "mail 3 to joe@acme.com is queued; see foyer mail show 3\n"},
		{"mail hold all", app.MessageHeld, "held 1 mail; let them leave with: foyer mail release all\n"},
		{"mail release all", app.MessageQueued, "released 1 mail\n"},
	} {
		got := term.run("", strings.Fields(tt.args)...)
		if m, _ := term.office.Message(t.Context(), 3); got != (output{tt.stdout, "", exitDone}) || m.State != tt.state {
			t.Errorf("foyer %s: got %+v, the mail is %s; want %q, %s", tt.args, got, m.State, tt.stdout, tt.state)
		}
	}
	free := term.run("", "mail", "list")
	if free.stderr != "" {
		t.Errorf("mail list: got %q on standard error", free.stderr)
	}
	term.run("", "settings", "set", "mail.hold=on")
	held := term.run("", "mail", "list")
	if held.stdout != free.stdout || strings.Count(held.stderr, "\n") != 1 || !strings.Contains(held.stderr, "foyer settings set mail.hold=off") {
		t.Errorf("mail list while mail is held: got %+v", held)
	}
	if got := term.run("", "mail", "list", "--json"); got.stderr != "" || got.status != exitDone {
		t.Errorf("mail list --json while mail is held: got %+v", got)
	}
}

// TestLastMail expects an account to tell what became of the last mail to it.
func TestLastMail(t *testing.T) {
	term := newTerminal(t)
	last, _ := term.object("account", "show", "jane@acme.com")["last_mail"].(map[string]any)
	if len(last) != 5 || last["id"] != "2" || last["kind"] != "test" || last["state"] != "failed" || last["created_at"] != "2026-11-22T09:30:00Z" || last["reply"] != "" {
		t.Errorf("last mail: got %v", last)
	}
	if got := term.run("", "account", "show", "jane@acme.com"); !strings.Contains(got.stdout, "2, test, failed, 2026-11-22 09:30:00 UTC") {
		t.Errorf("account show: got %s", got.stdout)
	}
	term.office.messages = nil
	if last, ok := term.object("account", "show", "jane@acme.com")["last_mail"]; !ok || last != nil {
		t.Errorf("without a mail: got %v, want null", last)
	}
}
