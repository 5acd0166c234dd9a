package gui

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// typeWord types the word that a restore asks for.
func typeWord(d *testDesk) {
	d.tb.Helper()
	entries := find[*widget.Entry](d)
	entries[len(entries)-1].SetText("RESTORE")
}

func TestRestore(t *testing.T) {
	d, v := openUpkeep(t, newFakeUpkeep(), "")
	v.backups.table.selectKey("foyer-1.db")
	d.tap("Restore…")
	d.sees("Backup of 2026-11-25 02:30 · Every night · 4.7\u00a0MB", "The service stops while it is restored", "it is kept as a backup of its own", "Everybody is signed out",
		"nothing leaves until you release it", "Type RESTORE to go on")
	d.seesNot("Passphrase", "Check the file")
	d.picture("restore-ask")
	if !d.button("Restore it").Disabled() {
		t.Error("a backup can be restored without a word")
	}
	typeWord(d)
	at := -1.0
	d.host.steps = []Progress{{Step: "read", Done: 1, Total: 4}, {Step: "replace", Done: 3, Total: 4}}
	d.host.told = func(step string) {
		bars := find[*widget.ProgressBar](d)
		if len(bars) != 1 || bars[0].Value <= at {
			t.Errorf("at %s there are %d bars", step, len(bars))
			return
		}
		at = bars[0].Value
		if step == "replace" {
			d.sees("Putting the data back…")
			d.picture("restore-doing")
			for _, text := range []string{"Cancel", "Restore it"} {
				if !d.button(text).Disabled() {
					t.Errorf("%q can be pressed meanwhile", text)
				}
			}
		}
	}
	d.tap("Restore it")
	if want := (Restore{Backup: "foyer-1.db"}); d.host.restored != want {
		t.Errorf("restored %+v, want %+v", d.host.restored, want)
	}
	if !slices.Equal(d.calls, []string{"restored"}) || d.window.Canvas().Overlays().Top() != nil {
		t.Errorf("afterwards the window is told %q", d.calls)
	}
}

func TestRestoreRefused(t *testing.T) {
	d, v := openUpkeep(t, newFakeUpkeep(), "")
	v.backups.table.selectKey("foyer-2.db") // an encrypted one
	d.tap("Restore…")
	d.sees("Passphrase")
	typeWord(d)
	if !d.button("Restore it").Disabled() {
		t.Error("an encrypted backup can be restored without a passphrase")
	}
	find[*widget.Entry](d)[0].SetText("wrong")
	d.host.err = app.Errorf(app.Invalid, "backup_secret_wrong", "it cannot be opened")
	d.tap("Restore it")
	d.sees("It cannot be opened with this. Check the passphrase", "Type RESTORE to go on")
	d.picture("restore-refused")
	if d.host.restored.Secret != "wrong" || !slices.Equal(d.calls, []string{"retry"}) {
		t.Errorf("restored %+v, calls %q", d.host.restored, d.calls)
	}
	d.host.err = nil
	find[*widget.Entry](d)[0].SetText("right")
	d.tap("Restore it")
	if d.host.restored.Secret != "right" || !slices.Equal(d.calls, []string{"retry", "restored"}) {
		t.Errorf("restored %+v, calls %q", d.host.restored, d.calls)
	}
}

// fileOf returns an open file of a test with a content.
func fileOf(t *testing.T, name, content string) (string, *exportFile) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &exportFile{uri: storage.NewFileURI(path)}
	f.WriteString(content)
	return path, f
}

func TestRestoreFile(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), "")
	path, file := fileOf(t, "usb.db", "SQLite format 3\x00 and so on")
	source, err := fileSource(file)
	if err != nil || source.encrypted || !source.isFile || !file.closed {
		t.Fatalf("the source is %+v, %v", source, err)
	}
	at := time.Date(2026, 11, 20, 2, 30, 0, 0, time.UTC)
	d.host.check = localapi.BackupCheck{At: &at, Companies: 3, Accounts: 40, HasKey: true}
	askRestore(d.desk, source)
	d.sees("Checking the file…")
	d.drain()
	d.sees("Backup in the file usb.db", "The backup of 2026-11-20 02:30 is whole. It holds 3 companies, 40 accounts and 0 waiting mails.", "The key of the secrets is in it.")
	d.picture("restore-file")
	typeWord(d)
	d.tap("Restore it")
	if want := (Restore{Backup: path}); d.host.restored != want || d.host.done[0] != "verify "+path {
		t.Errorf("restored %+v after %q", d.host.restored, d.host.done)
	}
}

func TestRestoreEncryptedFile(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), "")
	_, file := fileOf(t, "usb.age", ageMark+"v1\n-> X25519 …")
	source, err := fileSource(file)
	if err != nil || !source.encrypted {
		t.Fatalf("the source is %+v, %v", source, err)
	}
	askRestore(d.desk, source)
	if !d.button("Check the file").Disabled() {
		t.Error("an encrypted file can be checked without what opens it")
	}
	secret := newSecretInput(d.desk, func() {})
	secret.use(storage.NewFileURI("/tmp/notes.txt"), "no key", nil)
	if secret.given() || !strings.Contains(secret.file.Text, "no key of age in notes.txt") {
		t.Errorf("a file without a key says %q", secret.file.Text)
	}
	secret.use(storage.NewFileURI("/tmp/foyer.key"), "AGE-SECRET-KEY-1XYZ", nil)
	if secret.secret() != "AGE-SECRET-KEY-1XYZ" || secret.path != "/tmp/foyer.key" || !strings.Contains(secret.file.Text, "foyer.key") {
		t.Errorf("the key is %q of %q: %q", secret.secret(), secret.path, secret.file.Text)
	}
	secret.entry.SetText("a passphrase instead")
	if secret.secret() != "a passphrase instead" || secret.path != "" {
		t.Errorf("the key stays: %q of %q", secret.secret(), secret.path)
	}

	find[*widget.Entry](d)[0].SetText("correct horse")
	d.host.err = app.Errorf(app.Invalid, "backup_foreign", "it is the database of another program")
	d.tap("Check the file")
	d.sees("This is not a backup of Foyer. Choose another file.")
	if d.host.secret != "correct horse" {
		t.Errorf("checked with %q", d.host.secret)
	}
}

// TestRestoreWithoutService offers the backups of a machine whose service cannot start.
func TestRestoreWithoutService(t *testing.T) {
	d := newTestDesk(t, nil)
	chooseRestore(d.desk)
	d.sees("The service does not run, so it cannot list its backups itself.", "[Restore from a file…]")
	d.host.err = &app.Error{Code: app.Denied, Message: "the password was not given"}
	d.tap("Show the backups of this machine")
	d.sees("The password was not given.")
	d.host.err = nil
	d.tap("Show the backups of this machine")
	d.sees("This machine keeps no backup.")
	d.host.kept = newFakeUpkeep().backups.Items
	d.host.kept = append(d.host.kept, d.host.kept[0])
	d.tap("Show the backups of this machine")
	d.sees("Backup of 2026-11-26 02:30", "1 older one is in the directory")
	d.picture("restore-without-service")
	buttons := find[*widget.Button](d)
	for _, b := range buttons {
		if b.Text == "Restore…" {
			b.OnTapped()
			break
		}
	}
	d.sees("Backup of 2026-11-26 02:30 · Every night", "Type RESTORE to go on")
}

// TestDemoHost expects that nothing done in a demonstration is done to the service that is installed beside it.
func TestDemoHost(t *testing.T) {
	d, v := openUpkeep(t, newFakeUpkeep(), "")
	d.desk.host = demoHost{d.host}
	v.backups.table.selectKey("foyer-1.db")
	d.tap("Restore…")
	typeWord(d)
	d.tap("Restore it")
	d.sees("This is the demonstration")
	if err := d.desk.host.Control(t.Context(), verbStop); app.ReasonOf(err) != "demo" {
		t.Errorf("a service can be stopped: %v", err)
	}
	if _, err := d.desk.host.Backups(t.Context()); app.ReasonOf(err) != "demo" {
		t.Errorf("backups can be listed: %v", err)
	}
	if d.host.restored != (Restore{}) || len(d.host.done) > 0 || d.desk.host.Service() != (ServiceState{}) {
		t.Errorf("the machine has done %q and restored %+v", d.host.done, d.host.restored)
	}
}
