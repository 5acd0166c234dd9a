package server_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// backup makes a backup and returns it. It fails the test otherwise.
func (h house) backup(o localapi.BackupOptions) localapi.Backup {
	h.Helper()
	c := h.admin()
	job, err := c.StartBackup(h.Context(), o)
	if err != nil {
		h.Fatal(err)
	}
	if job, err = c.Await(h.Context(), job, nil); err != nil {
		h.Fatal(err)
	}
	made, err := localapi.ResultOf[localapi.Backup](job)
	if err != nil {
		h.Fatal(err)
	}
	return made
}

// verify has the service look at a backup it keeps.
func (h house) verify(name, secret string) (localapi.BackupCheck, error) {
	h.Helper()
	job, err := h.admin().StartVerify(h.Context(), name, secret)
	if err != nil {
		return localapi.BackupCheck{}, err
	}
	if job, err = h.admin().Await(h.Context(), job, nil); err != nil {
		h.Fatal(err)
	}
	return localapi.ResultOf[localapi.BackupCheck](job)
}

// backupNames returns what is in the directory of the backups.
func backupNames(tb testing.TB, dir string) (names []string) {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "backups"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			tb.Errorf("%s has mode %v, %v, want 0600", entry.Name(), info.Mode(), err)
		}
		names = append(names, entry.Name())
	}
	return names
}

const officeSecret = "CANARY-mail-password"

func TestBackup(t *testing.T) {
	identity, recipient, err := server.NewBackupIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		options       localapi.BackupOptions
		secret, other string
	}{
		{name: "plain"},
		{name: "to a recipient", options: localapi.BackupOptions{Recipients: recipient}, secret: identity, other: "AGE-SECRET-KEY-1"},
		{name: "with a passphrase", options: localapi.BackupOptions{Passphrase: "correct horse"}, secret: "correct horse", other: "wrong horse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t)
			h.set("mail.password", officeSecret)
			made := h.backup(test.options)
			encrypted := test.secret != ""
			if made.Reason != "manual" || made.Encrypted != encrypted || made.Version != "test" || made.Schema == 0 || time.Since(made.At) > time.Minute {
				t.Errorf("made %+v", made)
			}
			if got, want := backupNames(t, h.dir), []string{made.Name, made.Name + ".sha256", "status.json"}; !slices.Equal(got, want) {
				t.Errorf("there is %q, want %q", got, want)
			}
			status, err := h.admin().Backups(t.Context())
			if err != nil || len(status.Items) != 1 || status.Items[0] != made || status.Failure != "" || status.NextAt == nil || status.FreeBytes == 0 {
				t.Errorf("listed %+v, %v, want %+v", status, err, made)
			}
			check, err := h.verify(made.Name, test.secret)
			if err != nil || check.Companies != 1 || check.SHA256 != made.SHA256 || !check.HashKnown || check.HasKey != encrypted || check.Schema != made.Schema {
				t.Errorf("verified %+v, %v", check, err)
			}
			for secret, reason := range map[string]string{"": "backup_secret_needed", test.other: "backup_secret_wrong"} {
				if _, err := h.verify(made.Name, secret); encrypted && app.ReasonOf(err) != reason {
					t.Errorf("with the secret %q: %v, want %s", secret, err, reason)
				}
			}
			h.damageEachPart(made, test.secret)
			if err := h.admin().RemoveBackup(t.Context(), made.Name); err != nil {
				t.Error(err)
			}
			if got := backupNames(t, h.dir); !slices.Equal(got, []string{"status.json"}) {
				t.Errorf("there is %q, want nothing of a removed backup, nor of those that were opened", got)
			}
			if err := h.admin().RemoveBackup(t.Context(), made.Name); app.CodeOf(err) != app.NotFound {
				t.Errorf("removed twice: %v", err)
			}
			for _, action := range []app.Action{app.ActBackupCreate, app.ActBackupRemove, app.ActBackupVerify} {
				if events, err := h.app.Events(t.Context(), app.EventQuery{Action: string(action), Limit: 10}); err != nil || len(events) == 0 || events[len(events)-1].Subject != made.Name {
					t.Errorf("%s in the audit: %+v, %v", action, events, err)
				}
			}
		})
	}
}

// damageEachPart changes one byte after the other, far apart, and wants each to be found: by the sum, and by what is in the backup
// when there is no sum.
func (h house) damageEachPart(made localapi.Backup, secret string) {
	h.Helper()
	path := filepath.Join(h.dir, "backups", made.Name)
	data, err := os.ReadFile(path)
	if err != nil {
		h.Fatal(err)
	}
	sum, err := os.ReadFile(path + ".sha256")
	if err != nil {
		h.Fatal(err)
	}
	for i := range 5 {
		at := (len(data) - 1) * i / 4
		broken := slices.Clone(data)
		broken[at] ^= 0x40
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			h.Fatal(err)
		}
		if _, err := h.verify(made.Name, secret); app.ReasonOf(err) != "backup_damaged" || !strings.Contains(err.Error(), made.Name) {
			h.Errorf("byte %d of %d changed: %v, want it found", at, len(data), err)
		}
	}
	if made.Encrypted {
		if err := errors.Join(os.Remove(path+".sha256"), os.WriteFile(path, data[:len(data)-1], 0o600)); err != nil {
			h.Fatal(err)
		}
		if _, err := h.verify(made.Name, secret); app.ReasonOf(err) != "backup_damaged" {
			h.Errorf("cut: %v, want it found without a sum", err)
		}
	}
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.WriteFile(path+".sha256", sum, 0o600)); err != nil {
		h.Fatal(err)
	}
}

// TestBackupOfBusyService makes backups while people sign up, and wants neither to wait for the other.
func TestBackupOfBusyService(t *testing.T) {
	h := open(t, "limits.signup_per_ip", "0", "limits.mail_per_domain", "0")
	stop := make(chan struct{})
	var people sync.WaitGroup
	n, browser := 0, h.browser() // one: each keeps a connection
	people.Go(func() {
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if got := h.post(browser, "/register", "first_name", "Jane", "last_name", "Doe", "email", fmt.Sprintf("p%d@acme.example", n), "phone", ""); got.status != 303 {
				t.Errorf("a sign-up during a backup: %d", got.status)
			}
		}
	})
	for range 5 {
		made := h.backup(localapi.BackupOptions{})
		if _, err := h.verify(made.Name, ""); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if people.Wait(); n == 0 {
		t.Error("nobody could sign up during the backups")
	}
	if status, err := h.admin().Backups(t.Context()); err != nil || len(status.Items) != 5 {
		t.Errorf("%d are kept, %v, want 5 although some are of one second", len(status.Items), err)
	}
}

// restoreTo restores a backup into a data directory that nobody serves.
func restoreTo(ctx context.Context, dir, path, secret string, change func(*server.RestoreConfig)) (_ server.RestoreResult, err error) {
	f, err := server.OpenBackupFile(path)
	if err != nil {
		return server.RestoreResult{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	c := server.RestoreConfig{
		DataDir: dir, File: f, Secret: secret, Actor: "test", Version: "test", Log: slog.New(slog.DiscardHandler), Progress: func(string, int64, int64) {},
	}
	if change != nil {
		change(&c)
	}
	return server.Restore(ctx, c)
}

// TestRestore restores a backup over data that have gone on, and looks at what is there then.
func TestRestore(t *testing.T) {
	h := open(t)
	jane := h.account("jane@acme.example")
	h.signUp("waits@acme.example")
	waiting := find(h, h.mail("waits@acme.example"), confirmPath)
	h.set("mail.hold", "on")
	h.signUp("held@acme.example")
	made := h.backup(localapi.BackupOptions{})
	h.set("mail.hold", "off")
	h.account("later@acme.example")
	later := h.backup(localapi.BackupOptions{Passphrase: "x"})

	path := filepath.Join(h.dir, "backups", made.Name)
	if _, err := restoreTo(t.Context(), h.dir, path, "", nil); !errors.Is(err, server.ErrRunning) {
		t.Errorf("beside a running service: %v, want it refused", err)
	}
	h.stop()
	refused := errors.New("no")
	before := tree(t, h.dir)
	var plan server.RestorePlan
	_, err := restoreTo(t.Context(), h.dir, path, "", func(c *server.RestoreConfig) {
		c.Confirm = func(p server.RestorePlan) error { plan = p; return refused }
	})
	if !errors.Is(err, refused) || plan.Backup.Accounts != 1 || !plan.Keeps || len(plan.Lost) != 0 {
		t.Errorf("%+v, %v, want to be asked", plan, err)
	}
	if after := tree(t, h.dir); after != before {
		t.Errorf("a restore that was not agreed to changed\n%s\nto\n%s", before, after)
	}
	got, err := restoreTo(t.Context(), h.dir, path, "", nil)
	if err != nil || got.Kept == "" || got.Aside != "" {
		t.Fatalf("%+v, %v", got, err)
	}

	again := start(t, h.dir)
	if _, err := again.app.Account(t.Context(), "jane@acme.example"); err != nil {
		t.Error(err)
	}
	if _, err := again.app.Account(t.Context(), "later@acme.example"); app.CodeOf(err) != app.NotFound {
		t.Errorf("an account of after the backup: %v", err)
	}
	if !again.app.Settings().HoldMail {
		t.Error("mail may leave")
	}
	if a := again.do(jane, "GET", again.local+"/account", nil); a.status != 303 {
		t.Errorf("a session of before goes on: %d", a.status)
	}
	if a := again.do(again.browser(), "GET", again.local+waiting, nil); a.status != 410 {
		t.Errorf("a link of before: %d, want 410", a.status)
	}
	regs, err := again.app.Registrations(t.Context(), 0, 10)
	if err != nil || len(regs) != 2 {
		t.Errorf("registrations %+v, %v, want both there", regs, err)
	}
	mails, err := again.app.Messages(t.Context(), app.MessageQuery{State: app.MessageFailed, Limit: 10})
	if err != nil || len(mails) != 1 || mails[0].Recipient.String() != "held@acme.example" {
		t.Errorf("mails with dead links: %+v, %v", mails, err)
	}
	if events, err := again.app.Events(t.Context(), app.EventQuery{Action: "backup.restore", Limit: 10}); err != nil || len(events) != 1 || events[0].Actor != "test" {
		t.Errorf("audit: %+v, %v", events, err)
	}
	if c, err := again.verify(got.Kept, ""); err != nil || c.Accounts != 2 {
		t.Errorf("what was there before: %+v, %v", c, err)
	}
	if _, err := again.app.Resend(t.Context(), "test", "waits@acme.example"); err != nil {
		t.Errorf("a new mail for a registration: %v", err)
	}
	if c, err := again.verify(later.Name, "x"); err != nil || c.Accounts != 2 {
		t.Errorf("a backup of after: %+v, %v", c, err)
	}
	again.stop()
	if _, err := os.Stat(filepath.Join(h.dir, ".restore.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal is there: %v", err)
	}
}

// TestRestoreElsewhere restores backups onto machines with another key, or with none.
func TestRestoreElsewhere(t *testing.T) {
	h := open(t)
	h.set("mail.password", officeSecret)
	plain := h.backup(localapi.BackupOptions{})
	sealed := h.backup(localapi.BackupOptions{Passphrase: "x"})
	h.stop()
	of := func(b localapi.Backup) string { return filepath.Join(h.dir, "backups", b.Name) }
	for _, test := range []struct {
		name     string
		backup   string
		other    bool // there are data of another office
		password string
		lost     int
		aside    bool
	}{
		{"plain, new machine", of(plain), false, "", 1, false},
		{"plain, other office", of(plain), true, "", 1, false},
		{"encrypted, new machine", of(sealed), false, officeSecret, 0, false},
		{"encrypted, other office", of(sealed), true, officeSecret, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if test.other {
				other := start(t, dir)
				other.company("Other", "other.example")
				other.stop()
			}
			got, err := restoreTo(t.Context(), dir, test.backup, "x", nil)
			if err != nil || len(got.Lost) != test.lost || (got.Kept != "") != test.other || (got.Aside != "") != test.aside {
				t.Fatalf("%+v, %v", got, err)
			}
			again := start(t, dir)
			if password := again.app.Settings().Mail.Password; password != test.password {
				t.Errorf("the password is %q, want %q", password, test.password)
			}
			codes := func() string {
				concerns, err := again.app.Attention(t.Context())
				if err != nil {
					t.Error(err)
				}
				return fmt.Sprint(concerns)
			}
			if has := strings.Contains(codes(), "secrets_lost"); has != (test.lost > 0) {
				t.Errorf("attention tells of what is lost: %t", has)
			}
			again.set("mail.password", "new")
			if text := codes(); strings.Contains(text, "secrets_lost") {
				t.Errorf("it was entered anew, and still: %s", text)
			}
			if _, err := again.app.Company(t.Context(), "Acme"); err != nil {
				t.Error(err)
			}
			if test.aside {
				if _, err := os.Stat(filepath.Join(got.Aside, "secret.key")); err != nil {
					t.Errorf("the other office's key: %v", err)
				}
			}
		})
	}
}

// TestRestoreOverDamaged restores over data that cannot be kept as a backup: they are moved aside whole.
func TestRestoreOverDamaged(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"cut":       func(path string) error { return os.Truncate(path, 30_000) },
		"missing":   os.Remove,
		"no header": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("x", 9000)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			made := h.backup(localapi.BackupOptions{})
			h.stop()
			db := filepath.Join(h.dir, "foyer.db")
			if err := damage(db); err != nil {
				t.Fatal(err)
			}
			left, leftErr := os.ReadFile(db)
			got, err := restoreTo(t.Context(), h.dir, filepath.Join(h.dir, "backups", made.Name), "", nil)
			if err != nil || got.Kept != "" || got.Aside == "" || got.Damaged == "" {
				t.Fatalf("%+v, %v", got, err)
			}
			aside, err := os.ReadFile(filepath.Join(got.Aside, "foyer.db"))
			if string(aside) != string(left) || errors.Is(err, fs.ErrNotExist) != errors.Is(leftErr, fs.ErrNotExist) {
				t.Errorf("aside are %d bytes (%v), want the %d there were", len(aside), err, len(left))
			}
			again := start(t, h.dir)
			if _, err := again.app.Company(t.Context(), "Acme"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRestoreRefuses wants nothing to be touched by what is no good.
func TestRestoreRefuses(t *testing.T) {
	h := open(t)
	made := h.backup(localapi.BackupOptions{})
	sealed := h.backup(localapi.BackupOptions{Passphrase: "x"})
	h.stop()
	good, err := os.ReadFile(filepath.Join(h.dir, "backups", made.Name))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bent := slices.Clone(good)
	copy(bent[len(bent)/2:], strings.Repeat("\xa5", 5000))
	beside := at("beside.db", good)
	if err := os.WriteFile(beside+"-wal", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, h.dir)
	for path, reason := range map[string]string{
		at("bent.db", bent): "backup_damaged", at("cut.db", good[:len(good)-5000]): "backup_damaged", at("text.db", []byte("hello")): "backup_damaged",
		at("empty.db", nil): "backup_damaged", beside: "backup_open", filepath.Join(h.dir, "backups", sealed.Name): "backup_secret_wrong", filepath.Join(h.dir, "nothing"): "backup_unknown",
	} {
		if _, err := restoreTo(t.Context(), h.dir, path, "y", nil); app.ReasonOf(err) != reason {
			t.Errorf("%s: %v, want %s", filepath.Base(path), err, reason)
		}
	}
	if after := tree(t, h.dir); after != before {
		t.Errorf("what was refused changed\n%s\nto\n%s", before, after)
	}
}

// TestRestoreKilled kills a restore at each of its steps. The data are the old ones or the new ones then, and the next restore, or
// the next start, goes on from there.
func TestRestoreKilled(t *testing.T) {
	identity, recipient, err := server.NewBackupIdentity()
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, "limits.reserve_mb", "0")
	made := h.backup(localapi.BackupOptions{Recipients: recipient})
	h.company("Later", "later.example")
	h.stop()
	source := filepath.Join(t.TempDir(), made.Name)
	if err := os.CopyFS(filepath.Dir(source), os.DirFS(filepath.Join(h.dir, "backups"))); err != nil {
		t.Fatal(err)
	}
	for _, point := range []struct {
		step string
		most int // how often it is told of the step at most; 0 is as often as it is
	}{{"read", 1}, {"check", 2}, {"copy", 1}, {"hash", 1}, {"prepare", 1}, {"journal", 1}, {"replace", 0}} {
		for n := 1; n <= point.most || point.most == 0; n++ {
			at := fmt.Sprintf("%s %d", point.step, n)
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(h.dir)); err != nil {
				t.Fatal(err)
			}
			// The key is another one, so that it is replaced as well.
			if err := os.WriteFile(filepath.Join(dir, "secret.key"), []byte("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test itself
			cmd.Env = append(os.Environ(), childEnv+"="+at, "FOYER_TEST_DIR="+dir, "FOYER_TEST_FILE="+source, "FOYER_TEST_SECRET="+identity)
			out, err := cmd.CombinedOutput()
			if err == nil && point.most == 0 && n > 5 {
				break
			}
			if err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%s: the child was not killed: %v: %s", at, err, out)
			}
			afterKill(t, dir, at, n%2 == 0, source, identity)
		}
	}
}

// afterKill looks at the data after a restore was killed, and after another one if that is wanted.
func afterKill(t *testing.T, dir, at string, restore bool, source, identity string) {
	t.Helper()
	if restore {
		if _, err := restoreTo(t.Context(), dir, source, identity, nil); err != nil {
			t.Fatalf("killed at %s, then restored: %v", at, err)
		}
	}
	again := start(t, dir)
	companies, err := again.app.Companies(t.Context())
	if err != nil {
		t.Fatalf("killed at %s: %v", at, err)
	}
	held := again.app.Settings().HoldMail
	if restored := len(companies) == 1; restored != held || !restored && len(companies) != 2 || restore && !restored {
		t.Errorf("killed at %s: %d companies, mail held %t: neither the old data nor the new", at, len(companies), held)
	}
	again.stop()
	if entries, err := filepath.Glob(filepath.Join(dir, ".restore*")); err != nil || len(entries) > 0 {
		t.Errorf("killed at %s: left is %q, %v", at, entries, err)
	}
}

// childEnv is set for a process that restores and kills itself: the step, and the how-manieth time it is told of it.
const childEnv = "FOYER_TEST_KILL_AT"

func TestMain(m *testing.M) {
	step, count, child := strings.Cut(os.Getenv(childEnv), " ")
	if !child {
		os.Exit(m.Run())
	}
	told := 0
	_, err := restoreTo(context.Background(), os.Getenv("FOYER_TEST_DIR"), os.Getenv("FOYER_TEST_FILE"), os.Getenv("FOYER_TEST_SECRET"), func(c *server.RestoreConfig) {
		c.Progress = func(now string, _, _ int64) {
			if now != step {
				return
			}
			if told++; strconv.Itoa(told) == count {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tree returns a line for each file of a data directory, with its content's sum, but for what a lock leaves.
func tree(tb testing.TB, dir string) string {
	tb.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "foyer.lock" || strings.HasSuffix(d.Name(), "-shm") {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %d %x\n", path, len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
