package main_test

import (
	"fmt"
	"maps"
	"net/smtp"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// wayIn is a service that programs hand their mail to.
type wayIn struct {
	*sender
	addr   string
	config string // its configuration file
}

// openWayIn starts a service with more in the section [smtp] of its configuration file and in its environment.
func openWayIn(tb testing.TB, env []string, smtp ...string) *wayIn {
	tb.Helper()
	addr := freeAddr(tb)
	config := filepath.Join(tb.TempDir(), "foyer.toml")
	writeFile(tb, config, strings.Join(append([]string{"[smtp]", fmt.Sprintf("listen = %q", addr)}, smtp...), "\n")+"\n")
	p := serveAs(tb, tb.TempDir(), env, "--config", config)
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run("settings", "set", "mail.from="+mailUser, "limits.program_per_hour=0", "limits.relay_queue=0")
	return &wayIn{sender: &sender{process: p, browser: visitor(tb)}, addr: addr, config: config}
}

// program adds a program that may send as an address or domain, and returns its password.
func (w *wayIn) program(name, sends string, more ...string) string {
	w.tb.Helper()
	type added struct{ Password string }
	return query[added](w.process, append([]string{"program", "add", name, sends}, more...)...).Password
}

// forMe lets processes of the user who runs the tests hand over mail without a password.
func (w *wayIn) forMe(sends string) {
	w.tb.Helper()
	me, err := user.Current()
	if err != nil {
		w.tb.Fatal(err)
	}
	w.program("mine", sends, "--local-user", me.Username)
}

// swaks runs swaks and returns the dialogue and its exit status: 0 when the mail was taken.
func swaks(tb testing.TB, server string, args ...string) (dialogue string, status int) {
	tb.Helper()
	cmd := exec.Command(tool(tb, "swaks", "swaks"), append([]string{"--server", server, "--timeout", "30"}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		tb.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// exits of swaks, by what was refused.
const (
	swaksTaken     = 0
	swaksSender    = 23
	swaksRecipient = 24
	swaksData      = 26
	swaksAuth      = 28
)

// TestProgramsSendWithSwaks has swaks hand over mail as a program of an office does, and expects it at the next server
// as it was written.
func TestProgramsSendWithSwaks(t *testing.T) {
	authority := newMailAuthority(t)
	cert, key := authority.issue(t, t.TempDir(), nil, "127.0.0.1", "localhost")
	for _, test := range []struct {
		name string
		smtp []string // of the configuration file
		args []string
	}{
		{"plain", nil, []string{"--auth", "PLAIN"}},
		{"login", nil, []string{"--auth", "LOGIN"}},
		{"starttls", []string{fmt.Sprintf("tls_cert = %q", cert), fmt.Sprintf("tls_key = %q", key)}, []string{
			"--auth", "PLAIN", "--tls", "--tls-verify", "--tls-ca-path", authority.file,
		}},
		{"implicit", []string{fmt.Sprintf("tls_cert = %q", cert), fmt.Sprintf("tls_key = %q", key), `tls = "implicit"`}, []string{
			"--auth", "LOGIN", "--tls-on-connect", "--tls-verify", "--tls-ca-path", authority.file,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, mode := keep(t)
			out := startSink(t, "", mode...)
			w := openWayIn(t, nil, test.smtp...)
			w.through(out.addr, "none")
			password := w.program("scanner", "scanner@office.example")
			args := append([]string{
				"--from", "scanner@office.example", "--to", "you@remote.example", "--auth-user", "scanner", "--h-Subject", "Page 1",
				"--body", "line\n.\n..dots\n.end\n",
			}, test.args...)
			dialogue, status := swaks(t, w.addr, append(args, "--auth-password", password)...)
			if status != swaksTaken {
				t.Fatalf("exit status %d:\n%s", status, dialogue)
			}
			mails := query[[]shownMail](w.process, "mail", "list")
			if len(mails) != 1 || mails[0].Recipient != "you@remote.example" {
				t.Fatalf("got the mails %+v", mails)
			}
			m := w.delivered(mails[0].ID)
			if n := arrived(t, dir, m); n != 1 {
				t.Errorf("it has arrived %d times", n)
			}
			if !strings.HasSuffix(strings.TrimRight(m.Data, "\r\n"), "\r\n\r\nline\r\n.\r\n..dots\r\n.end") {
				t.Errorf("the body has become %q", m.Data)
			}
			w.stop(syscall.SIGTERM)
			if strings.Contains(w.log.String(), password) {
				t.Error("the password is in the log")
			}
		})
	}
}

// TestNoRelayForStrangers tries what an open relay would take.
func TestNoRelayForStrangers(t *testing.T) {
	authority := newMailAuthority(t)
	cert, key := authority.issue(t, t.TempDir(), nil, "localhost")
	out := startSink(t, "")
	w := openWayIn(t, nil, fmt.Sprintf("tls_cert = %q", cert), fmt.Sprintf("tls_key = %q", key))
	w.through(out.addr, "none")
	password := w.program("scanner", "office.example")
	good := []string{"--auth", "PLAIN", "--auth-user", "scanner", "--auth-password", password, "--tls"}
	from := func(sender, recipient string, more ...string) []string {
		return slices.Concat([]string{"--from", sender, "--to", recipient}, more)
	}
	for _, test := range []struct {
		name   string
		args   []string
		status int
		want   string // of the dialogue
	}{
		{"no sign-in", from("a@office.example", "b@remote.example"), swaksSender, "5(30|23) 5.7"},
		{"no sign-in, TLS", from("a@office.example", "b@remote.example", "--tls"), swaksSender, "530 5.7.0"},
		{"no sign-in, to one of ours", from("a@remote.example", "b@office.example", "--tls"), swaksSender, "530 5.7.0"},
		{"wrong password", from("a@office.example", "b@remote.example", "--auth", "PLAIN", "--auth-user", "scanner", "--auth-password", "guess", "--tls"), swaksAuth, "535 5.7.8"},
		{"unknown program", from("a@office.example", "b@remote.example", "--auth", "LOGIN", "--auth-user", "nobody", "--auth-password", password, "--tls"), swaksAuth, "535 5.7.8"},
		{"null sender", from("<>", "b@remote.example", good...), swaksSender, "550 5.7.1"},
		{"another's address", from("boss@remote.example", "b@remote.example", good...), swaksSender, "550 5.7.1"},
		{"below the domain", from("a@sub.office.example", "b@remote.example", good...), swaksSender, "550 5.7.1"},
		{"another's From", from("a@office.example", "b@remote.example", append([]string{"--h-From", "boss@remote.example"}, good...)...), swaksData, "550 5.7.1"},
		{"percent", from("a@office.example", "user%remote.example@office.example", good...), swaksRecipient, "55[03] 5.1.3"},
		{"source route", from("a@office.example", "@office.example:user@remote.example", good...), swaksRecipient, "55[03] 5.1.3"},
		{"bang", from("a@office.example", "remote.example!user@office.example", good...), swaksRecipient, "55[03] 5.1.3"},
		{"two at signs", from("a@office.example", "user@remote.example@office.example", good...), swaksRecipient, "55[03] 5.1.3"},
		{"no domain", from("a@office.example", "postmaster", good...), swaksRecipient, "501 5.5.2"},
		{"address literal", from("a@office.example", "user@[127.0.0.1]", good...), swaksRecipient, "55[03] 5.1.3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dialogue, status := swaks(t, w.addr, test.args...)
			if status != test.status || !regexp.MustCompile(test.want).MatchString(dialogue) {
				t.Errorf("exit status %d, want %d and %s:\n%s", status, test.status, test.want, dialogue)
			}
		})
	}
	if mails := w.run("mail", "list", "--json"); strings.TrimSpace(mails) != "[]" {
		t.Errorf("something was queued:\n%s", mails)
	}
	if n, _ := out.count.taken(); n != 0 {
		t.Errorf("%d mails have left", n)
	}
}

// TestLoadOfPrograms has smtp-source hand over mail in 8 sessions at one time, and expects each at the next server, once.
func TestLoadOfPrograms(t *testing.T) {
	const mails = 400
	dir, mode := keep(t)
	out := startSink(t, "", mode...)
	w := openWayIn(t, nil)
	w.through(out.addr, "none")
	w.forMe("office.test")
	for name, more := range map[string][]string{"a connection each": nil, "8 connections": {"-d"}} {
		t.Run(name, func(t *testing.T) {
			all := out.count.want(mails)
			smtpSource(t, w.addr, append([]string{"-s", "8", "-l", "3072", "-m", strconv.Itoa(mails), "-N", "-f", "program@office.test", "-t", "user@remote.test"}, more...)...)
			<-all
			waiting := func() int {
				n := 0
				for _, m := range query[[]shownMail](w.process, "mail", "list") {
					if m.State != "delivered" {
						n++
					}
				}
				return n
			}
			eventually(t, "all are marked as delivered", func() bool { return waiting() == 0 })
		})
	}
	shown := query[[]shownMail](w.process, "mail", "list")
	ids := map[string]int{}
	for _, file := range mailFiles(t, dir) {
		ids[regexp.MustCompile(`(?mi)^message-id:\s*(<[^>]*>)`).FindString(file)]++
	}
	if n, _ := out.count.taken(); n != 2*mails || len(shown) != 2*mails || len(ids) != 2*mails {
		t.Errorf("%d mails with %d Message-IDs have arrived and %d are shown, want %d of each", n, len(ids), len(shown), 2*mails)
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%s has arrived %d times", id, n)
		}
	}
}

// TestMailLoopEnds has Foyer's smarthost be Foyer itself. A mail then comes round until it has passed as many servers as
// limits.smtp_hops allows, and ends with one failure: its sender cannot be told, because that notice comes round too.
func TestMailLoopEnds(t *testing.T) {
	w := openWayIn(t, nil)
	w.run("settings", "set", "limits.smtp_hops=20")
	w.through(w.addr, "none")
	w.forMe("office.example")
	err := smtp.SendMail(w.addr, nil, "scanner@office.example", []string{"you@remote.example"},
		[]byte("From: scanner@office.example\r\nTo: you@remote.example\r\nSubject: Round\r\n\r\nand round\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var states map[string]int
	eventually(t, "every mail has come to its end", func() bool {
		states = map[string]int{}
		for _, m := range query[[]shownMail](w.process, "mail", "list") {
			states[m.Kind+" "+m.State]++
		}
		return states["bounce failed"] > 0 && states["relayed queued"]+states["relayed sending"]+states["bounce queued"]+states["bounce sending"] == 0
	})
	want := map[string]int{"relayed delivered": 20, "relayed failed": 1, "bounce failed": 1}
	if !maps.Equal(states, want) {
		t.Errorf("got %v, want %v", states, want)
	}
	failed := query[[]shownMail](w.process, "mail", "list", "--state", "failed")
	if m := failed[len(failed)-1]; !strings.Contains(m.Reply, "5.4.6") {
		t.Errorf("it has ended with %q, want 5.4.6", m.Reply)
	}
}
