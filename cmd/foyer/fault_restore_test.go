package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRestoreOfBusyOffice is F22: a backup, then sign-ups and deliveries, then the backup again. The accounts are those of the
// backup, no mail leaves until the administrator says so, and neither the sessions nor the links of either time are worth anything.
func TestRestoreOfBusyOffice(t *testing.T) {
	office := newPostOffice(t)
	dir := filepath.Join(t.TempDir(), "data")
	p := serve(t, dir)
	p.unlimited()
	p.run("company", "add", "Acme", "acme.example")
	p.run(office.settings()...)
	join := func(email string) *http.Client {
		t.Helper()
		client := visitor(t)
		if status, _, err := post(client, p.url+"/register", signUpForm(email)); err != nil || status != http.StatusSeeOther {
			t.Fatalf("sign-up of %s: %d, %v", email, status, err)
		}
		link := office.next(t, email).find(t, confirmLink)
		if status, _, err := post(client, here(p, link), url.Values{"password": {"correct horse battery"}, "password_confirm": {"correct horse battery"}}); err != nil || status != http.StatusSeeOther {
			t.Fatalf("confirmation of %s: %d, %v", email, status, err)
		}
		if status, _, err := post(client, p.url+"/login", url.Values{"email": {email}, "password": {"correct horse battery"}}); err != nil || status != http.StatusSeeOther {
			t.Fatalf("sign-in of %s: %d, %v", email, status, err)
		}
		return client
	}
	before := join("before@acme.example")
	p.run("settings", "set", "mail.hold=on")
	if status, _, err := post(visitor(t), p.url+"/register", signUpForm("waits@acme.example")); err != nil || status != http.StatusSeeOther {
		t.Fatalf("sign-up: %d, %v", status, err)
	}
	p.try("mail", "test", "held@acme.example", "--wait", "1ms")
	file := filepath.Join(t.TempDir(), "office.db")
	p.run("backup", "create", file)
	p.run("settings", "set", "mail.hold=off")
	waits := office.next(t, "waits@acme.example").find(t, confirmLink)

	var after *http.Client
	for i := range 5 {
		after = join(fmt.Sprintf("after%d@acme.example", i))
	}
	sent := len(office.all())
	if _, stderr, status := p.try("backup", "restore", "--yes", file); status != 75 || !strings.Contains(stderr, "foyer service stop") {
		t.Errorf("beside the service: exit status %d, %s", status, stderr)
	}
	p.stop(syscall.SIGTERM)
	got := query[struct {
		Kept   string
		Backup struct{ Accounts int }
	}](p, "backup", "restore", file)
	if got.Kept == "" || got.Backup.Accounts != 1 {
		t.Errorf("restored %+v", got)
	}

	p = serve(t, dir)
	if all := query[[]struct{ Email string }](p, "account", "list"); len(all) != 1 || all[0].Email != "before@acme.example" {
		t.Errorf("accounts %+v, want the one of the backup", all)
	}
	for name, client := range map[string]*http.Client{"before": before, "after": after} {
		if status, err := statusOf(client, p.url+"/account"); err != nil || status == http.StatusOK {
			t.Errorf("the session of %s goes on: %d, %v", name, status, err)
		}
	}
	if status, err := statusOf(visitor(t), here(p, waits)); err != nil || status != http.StatusGone {
		t.Errorf("a link that was sent: %d, %v, want 410", status, err)
	}
	if status, _, err := post(visitor(t), p.url+"/login", url.Values{"email": {"before@acme.example"}, "password": {"correct horse battery"}}); err != nil || status != http.StatusSeeOther {
		t.Errorf("a new sign-in: %d, %v", status, err)
	}
	p.run("registration", "resend", "waits@acme.example")
	held := query[[]queued](p, "mail", "list", "--state", "queued")
	if len(held) != 2 || len(office.all()) != sent {
		t.Errorf("%d mails wait, %d have left, want the test and the new one to wait", len(held), len(office.all())-sent)
	}
	if events := query[[]struct{ Actor string }](p, "audit", "list", "--action", "backup.restore"); len(events) != 1 || !strings.Contains(events[0].Actor, "uid") {
		t.Errorf("audit %+v", events)
	}
	p.run("settings", "set", "mail.hold=off")
	if link := office.next(t, "waits@acme.example").find(t, confirmLink); link == waits {
		t.Error("the new mail has the old link")
	}
	if got := query[struct{ Accounts int }](p, "backup", "verify", got.Kept); got.Accounts != 6 {
		t.Errorf("what was there before has %d accounts, want 6", got.Accounts)
	}
}

// here returns an address of a page where a process serves it, whatever its public URL was.
func here(p *process, link string) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(link, "http://"), "https://"), "/")
	return p.url + "/" + path
}

func statusOf(client *http.Client, address string) (int, error) {
	resp, err := client.Get(address)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// TestBackupCommands makes, copies, encrypts and looks at backups by the command line.
func TestBackupCommands(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	p := serve(t, dir)
	p.run("company", "add", "Acme", "acme.example")
	plain, sealed, key, words := filepath.Join(out, "plain.db"), filepath.Join(out, "sealed.db.age"), filepath.Join(out, "key"), filepath.Join(out, "words")
	if err := os.WriteFile(words, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	recipient := query[struct{ Recipient string }](p, "backup", "key", key).Recipient
	_, progress, status := p.try("backup", "create", plain, "--progress", "json")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, progress)
	}
	var step struct {
		Step        string
		Done, Total int64
	}
	line, _, _ := strings.Cut(progress[strings.Index(progress, "{"):], "\n")
	if err := json.Unmarshal([]byte(line), &step); err != nil || step.Step == "" {
		t.Errorf("progress %q: %+v, %v", line, step, err)
	}
	if _, stderr, status := p.try("backup", "create", plain); status != 5 || !strings.Contains(stderr, "nothing is written over") {
		t.Errorf("over a file: %d, %s", status, stderr)
	}
	p.run("backup", "create", sealed, "--recipient", recipient, "--keep")
	for _, file := range []string{plain, sealed, plain + ".sha256", key} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want 0600", file, info, err)
		}
	}
	kept := query[[]keptBackup](p, "backup", "list")
	if len(kept) != 1 || kept[0].Reason != "manual" {
		t.Errorf("kept %+v, want the one with --keep", kept)
	}
	type check struct {
		Companies int
		HasKey    bool `json:"has_key"`
		HashKnown bool `json:"hash_known"`
	}
	for _, test := range []struct {
		args []string
		key  bool
	}{{[]string{plain}, false}, {[]string{sealed, "--identity", key}, true}, {[]string{kept[0].Name, "--identity", key}, true}} {
		if got := query[check](p, append([]string{"backup", "verify"}, test.args...)...); got.Companies != 1 || got.HasKey != test.key || !got.HashKnown {
			t.Errorf("%q: %+v", test.args, got)
		}
	}
	for _, test := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"verify", sealed}, 6, "--identity"},
		{[]string{"verify", sealed, "--passphrase-file", words}, 6, "cannot be opened"},
		{[]string{"verify", words}, 6, "damaged"},
		{[]string{"verify", "foyer-20200101-000000-nightly.db"}, 4, "no backup"},
		{[]string{"remove", "foyer.db"}, 4, "no backup"},
		{[]string{"create", "--recipient", "age1nothing"}, 6, "age1nothing"},
		{[]string{"create", "--progress", "loud"}, 2, "--progress"},
		{[]string{"restore", plain}, 75, "service stop"},
	} {
		if _, stderr, status := p.try(append([]string{"backup"}, test.args...)...); status != test.status || !strings.Contains(stderr, test.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("backup %q: exit status %d, %q, want %d and %q", test.args, status, stderr, test.status, test.says)
		}
	}
	last := "x"
	if strings.HasSuffix(recipient, last) {
		last = "z"
	}
	if _, stderr, status := p.try("settings", "set", "backup.recipients="+recipient[:len(recipient)-1]+last); status != 6 || !strings.Contains(stderr, "age public key") {
		t.Errorf("a mistyped key: %d, %s", status, stderr)
	}
	p.run("settings", "set", "backup.recipients="+recipient, "backup.schedule=03:15", "backup.keep_days=30")
	if made := query[struct{ Encrypted bool }](p, "backup", "create"); !made.Encrypted {
		t.Error("it is not encrypted to backup.recipients")
	}
	p.run("backup", "remove", kept[0].Name)
	var seen []string
	for _, event := range query[[]struct{ Action string }](p, "audit", "list", "--action", "backup.") {
		seen = append(seen, event.Action)
	}
	if got, want := strings.Join(seen, " "), "backup.remove backup.create backup.copy backup.create backup.remove backup.copy backup.create"; got != want {
		t.Errorf("audit %q, want %q", got, want)
	}
}
