package gui

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

func openUpkeep(t *testing.T, f *fakeUpkeep, subject string) (*testDesk, *upkeepView) {
	t.Helper()
	d := newTestDesk(t, &upkeepOnly{fakeUpkeep: f})
	d.host.state = runningService()
	v := newUpkeepView(d.desk)
	d.show(v, subject)
	return d, v
}

// changedJobs tells the page that jobs have changed.
func changedJobs(d *testDesk, v *upkeepView) {
	v.Changed(topics{localapi.TopicJobs: true})
	d.drain()
}

func TestUpkeepBackups(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), "")
	d.sees("Last: 2026-11-26 02:30", "Next: 2026-11-27 02:30", "12.4\u00a0GB free in /var/lib/foyer/backups", "every night at 02:30. It is kept for 14 days. It is not encrypted.",
		"Every night", "By hand", "Before an update", "Before a restore", "4.8\u00a0MB", "Encrypted", "6 entries")
	for _, text := range []string{"Check", "Save a copy…", "Restore…", "Delete…"} {
		if !d.button(text).Disabled() {
			t.Errorf("%q can be pressed although no backup is chosen", text)
		}
	}
	test.AssertObjectRendersToMarkup(t, "upkeep_backups.xml", d.window.Content())
	homePicture(d, "upkeep-backups")
}

func TestUpkeepNoBackup(t *testing.T) {
	f := newFakeUpkeep()
	f.backups.Items, f.backups.NextAt = nil, nil
	at := f.checkup.At
	f.backups.FailedAt, f.backups.Failure = at, "the disk is full"
	d, _ := openUpkeep(t, f, "")
	d.sees("No backup yet", "None planned", "No backup is made by itself.", "The backup of 2026-11-26 02:30 failed. The disk is full.", "[Back up now…]")
	d.picture("upkeep-none")
}

func TestUpkeepMake(t *testing.T) {
	f := newFakeUpkeep()
	d, v := openUpkeep(t, f, "")
	d.tap("Back up now…")
	d.sees("The service goes on working meanwhile.")
	d.picture("upkeep-make")
	d.tap("Make the backup")
	if !slices.Equal(f.started, []string{"backup"}) || f.options != (localapi.BackupOptions{}) {
		t.Fatalf("started %q with %+v", f.started, f.options)
	}
	d.sees("Making a backup…")
	if !d.button("Back up now…").Disabled() {
		t.Error("a second backup can be begun while one is made")
	}
	f.step("copy", 40, 100)
	changedJobs(d, v)
	d.sees("Copying the data…")
	if got := v.backups.progress.part.Value; got != 0.4 || !v.backups.progress.part.Visible() {
		t.Errorf("the bar shows %v", got)
	}
	d.picture("upkeep-making")
	f.step("check", 0, 0)
	changedJobs(d, v)
	if v.backups.progress.part.Visible() {
		t.Error("there is a bar although nobody knows how much there is to do")
	}
	f.finish()
	d.tick() // nobody has told that it has ended
	d.sees("The backup is made and was checked: 5\u00a0MB.", "7 entries")
	d.seesNot("Copying", "Checking that")
	if d.button("Back up now…").Disabled() {
		t.Error("no backup can be begun any more")
	}
}

func TestUpkeepMakeWithPassphrase(t *testing.T) {
	f := newFakeUpkeep()
	f.settings["backup.recipients"] = localapi.Setting{Text: "age1abc"}
	d, v := openUpkeep(t, f, "")
	d.sees("It is encrypted.")
	d.tap("Back up now…")
	how := find[*widget.RadioGroup](d)[0]
	if got, want := how.Options[0], "Encrypted for the keys in the settings"; got != want {
		t.Errorf("the first choice is %q, want %q", got, want)
	}
	how.SetSelected(how.Options[1])
	entries := find[*widget.Entry](d)
	d.tap("Make the backup")
	d.sees("Type a passphrase, twice.")
	entries[0].SetText("correct horse")
	entries[0].OnSubmitted("")
	if d.window.Canvas().Focused() != entries[1] {
		t.Error("Enter does not lead to the second field")
	}
	entries[1].SetText("correct hose")
	entries[1].OnSubmitted("")
	d.drain()
	d.sees("The two are not the same.")
	d.picture("upkeep-passphrase")
	if len(f.started) > 0 {
		t.Fatal("a backup is made with a passphrase that was mistyped")
	}
	entries[1].SetText("correct horse")
	d.tap("Make the backup")
	if f.options.Passphrase != "correct horse" {
		t.Errorf("options %+v", f.options)
	}
	f.fail("backup_no_room", "60 MB are needed and 3 MB are free: make room")
	changedJobs(d, v)
	d.sees("60 MB are needed and 3 MB are free: make room.")
}

// TestUpkeepOthersJob expects to see a backup that somebody else, or the schedule, has begun.
func TestUpkeepOthersJob(t *testing.T) {
	f := newFakeUpkeep()
	f.jobs = []localapi.Job{{ID: "7", Kind: localapi.JobBackup, State: localapi.JobRunning, Step: "copy", Done: 1, Total: 4}}
	d, v := openUpkeep(t, f, "")
	d.sees("Copying the data…")
	f.err = app.Errorf(app.Unavailable, "service_unreachable", "nobody answers")
	d.tick()
	if len(d.losses) == 0 {
		t.Error("that the service is gone is not told")
	}
	f.err = nil
	f.jobs = nil // it was started anew
	d.tick()
	d.sees("The service was restarted meanwhile")
	f.jobs = []localapi.Job{{ID: "8", Kind: localapi.JobBackup, State: localapi.JobRunning, Step: "hash"}}
	changedJobs(d, v)
	d.sees("Computing its sum…")
}

func TestUpkeepVerify(t *testing.T) {
	f := newFakeUpkeep()
	d, v := openUpkeep(t, f, "")
	v.backups.table.selectKey("foyer-0.db")
	d.tap("Check")
	d.sees("Checking the backup…")
	at := f.backups.Items[0].At
	f.end(localapi.BackupCheck{Name: "foyer-0.db", At: &at, HashKnown: true, HasKey: false, Companies: 1, Accounts: 1234, Messages: 2, Version: "1.2.0"})
	changedJobs(d, v)
	d.sees("The backup of 2026-11-26 02:30 is whole. It holds 1 company, 1\u202f234 accounts and 2 waiting mails. Version 1.2.0 made it. Nothing in it has changed since.",
		"The key of the secrets is not in it")
	d.picture("upkeep-verified")

	v.backups.table.selectKey("foyer-2.db")
	d.tap("Check")
	d.sees("The backup of 2026-11-24 02:30 is encrypted.")
	entry := find[*widget.Entry](d)[0]
	if d.window.Canvas().Focused() != entry {
		t.Error("the keyboard does not begin at the passphrase")
	}
	entry.SetText("wrong")
	entry.OnSubmitted("")
	d.drain()
	if f.secret != "wrong" || !slices.Equal(f.removed, []string{"verify foyer-0.db", "verify foyer-2.db"}) {
		t.Errorf("checked %q with %q", f.removed, f.secret)
	}
	f.fail("backup_secret_wrong", "it cannot be opened")
	changedJobs(d, v)
	d.sees("It cannot be opened with this. Check the passphrase")
}

func TestUpkeepRemove(t *testing.T) {
	f := newFakeUpkeep()
	d, v := openUpkeep(t, f, "")
	v.backups.table.selectKey("foyer-1.db")
	d.tap("Delete…")
	d.sees("The backup of 2026-11-25 02:30 (Every night, 4.7\u00a0MB) is deleted for good.")
	d.seesNot("the only one")
	d.tap("Delete the backup")
	if !slices.Equal(f.removed, []string{"foyer-1.db"}) || !slices.Equal(d.told, []string{"The backup is deleted"}) {
		t.Errorf("removed %q, told %q", f.removed, d.told)
	}
	f.err = app.Errorf(app.NotFound, "backup_unknown", "there is no backup")
	d.tap("Delete…")
	d.tap("Delete the backup")
	d.sees("This backup is not there any more.")
}

func TestUpkeepPlan(t *testing.T) {
	f := newFakeUpkeep()
	d, _ := openUpkeep(t, f, "")
	d.tap("Change…")
	d.sees("Every night at", "Kept for days", "Encrypted for", "age1…", "[Make a key…]")
	d.picture("upkeep-plan")
	entries := find[*widget.Entry](d)
	if d.window.Canvas().Focused() != entries[0] {
		t.Error("the keyboard does not begin at the first field")
	}
	entries[0].SetText("2:30")
	f.err = app.Fieldf("backup.schedule", "setting_invalid", "backup.schedule cannot be set so: write a time").With("Why", "write a time of the day as in 02:30, or off")
	d.tap("Save")
	d.sees("Write a time of the day as in 02:30, or off.", "<2:30>")
	f.err = app.Errorf(app.Unavailable, "storage_full", "the disk is full")
	entries[2].SetText("age1xyz")
	entries[2].OnSubmitted("")
	d.drain()
	d.sees("Nothing was saved: the disk of the service is full.", "<2:30>", "<age1xyz>")
	f.err = nil
	d.tap("Save")
	if len(f.changes) != 2 || f.changes["backup.schedule"] != "2:30" || f.changes["backup.recipients"] != "age1xyz" {
		t.Errorf("saved %v", f.changes)
	}
	d.seesNot("Encrypted for")
}

// TestUpkeepKey makes a key for the backups: its secret half in a file for nobody else, its public half in the settings.
func TestUpkeepKey(t *testing.T) {
	f := newFakeUpkeep()
	d, v := openUpkeep(t, f, "")
	d.tap("Change…")
	d.tap("Make a key…")
	d.sees("Choose the folder for the secret half of the key", "[Save the key here]")
	d.picture("upkeep-key-folder")
	d.tap("Cancel")
	form := &planForm{view: v.backups}
	form.open()
	dir := t.TempDir()
	taken := filepath.Join(dir, "foyer-backup.key")
	if err := os.WriteFile(taken, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	form.entries[settingRecipients].SetText("age1old, ")
	form.makeKey(dir)
	if !form.key.Disabled() {
		t.Error("a second key can be made while one is made")
	}
	d.drain()
	path := filepath.Join(dir, "foyer-backup-2.key")
	d.sees("Its secret half is in "+path, "<age1old,age1new>")
	d.picture("upkeep-key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the key: %v, %v", info, err)
	}
	for file, want := range map[string]string{path: "# public key: age1new\nAGE-SECRET-KEY-1NEW\n", taken: "another"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", file, got, err, want)
		}
	}
	form.makeKey(filepath.Join(dir, "nowhere"))
	d.drain()
	d.sees("The key could not be saved:", "<age1old,age1new>")
	d.tap("Save")
	if got := f.changes["backup.recipients"]; got != "age1old,age1new" {
		t.Errorf("saved %q", got)
	}
}

// copyFile returns what a dialog for files hands over: a file that is there, and empty.
func copyFile(t *testing.T, name string) (path string, open func() *exportFile) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return path, func() *exportFile { return &exportFile{uri: storage.NewFileURI(path)} }
}

func TestUpkeepCopy(t *testing.T) {
	f := newFakeUpkeep()
	sum := sha256.Sum256([]byte(f.data))
	f.backups.Items[0].SHA256 = hex.EncodeToString(sum[:])
	d, v := openUpkeep(t, f, "")
	v.backups.table.selectKey("foyer-0.db")
	path, open := copyFile(t, "copy.db")
	v.backups.copyTo(v.backups.chosen, open())
	d.sees("Copying to copy.db…")
	d.picture("upkeep-copying")
	d.drain()
	d.sees("The copy is whole: "+path, "It is not encrypted")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode().Perm(), os.FileMode(0o600); got != want {
		t.Errorf("the copy has the mode %v, want %v", got, want)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != f.data {
		t.Errorf("the copy is %q, %v", got, err)
	}
}

// TestUpkeepCopyFails expects no half copy to stay, and a file that was there to stay as it was.
func TestUpkeepCopyFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		sum   string
		err   error
		there string
		want  string
	}{
		{"the service ends", "", app.Errorf(app.Unavailable, "canceled_by_service", "the service has ended"), "", "The service has ended."},
		{"other bytes", "00", nil, "", "The copy is not the same as the backup"},
		{"a file stays", "00", nil, "older", "The copy is not the same as the backup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeUpkeep()
			f.backups.Items[0].SHA256, f.copyErr = c.sum, c.err
			d, v := openUpkeep(t, f, "")
			path, open := copyFile(t, "copy.db")
			if c.there != "" {
				if err := os.WriteFile(path, []byte(c.there), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			v.backups.copyTo(f.backups.Items[0], open())
			d.drain()
			d.sees(c.want)
			entries, err := os.ReadDir(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			if c.there == "" && len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
			if got, err := os.ReadFile(path); c.there != "" && (err != nil || string(got) != c.there || len(entries) != 1) {
				t.Errorf("the file that was there is %q, %v, beside %d others", got, err, len(entries)-1)
			}
		})
	}
}

// TestUpkeepCopyCancelled expects the person to be able to break a copy off.
func TestUpkeepCopyCancelled(t *testing.T) {
	f := newFakeUpkeep()
	d, v := openUpkeep(t, f, "")
	path, open := copyFile(t, "copy.db")
	v.backups.copyTo(f.backups.Items[0], open())
	works := d.works
	d.works = nil
	d.tap("Cancel")
	d.works = works
	d.drain()
	d.seesNot("The copy is whole", "could not")
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 4_812_800: "4.6 MB"} {
		if got := strings.ReplaceAll(sizeText(n), "\u00a0", " "); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}

// find returns every widget of a kind that can be seen, from back to front; those of dialogs only while there is one.
func find[T any](d *testDesk) []T {
	var out []T
	objects := d.objects()
	if top := d.window.Canvas().Overlays().Top(); top != nil {
		objects = nil
		walk(top, func(o fyne.CanvasObject) { objects = append(objects, o) })
	}
	for _, o := range objects {
		if w, ok := o.(T); ok {
			out = append(out, w)
		}
	}
	return out
}

// TestUpkeepInSlovak expects words in Slovak, and the page as narrow as the smallest window leaves room for.
func TestUpkeepInSlovak(t *testing.T) {
	speakSlovak(t)
	for tab, want := range map[string][]string{
		upkeepTabBackups: {"Údržba", "Posledná: 2026-11-26 02:30", "Uchováva sa 14 dní.", "Každú noc", "[Obnoviť zo súboru…]"},
		upkeepTabHealth:  {"1 vec nefunguje", "Adresa stránok", "Hodiny tohto počítača", "[Nastavenia pošty]"},
		upkeepTabService: {"Beží", "[Aktualizovať službu na 1.3.0]", "[Odstrániť službu]"},
	} {
		d, v := openUpkeep(t, newFakeUpkeep(), tab)
		v.backups.table.selectKey("foyer-0.db")
		d.sees(want...)
		d.seesNot("upkeep.", "<no value>")
		if got := v.content.MinSize().Width; got > 800 {
			t.Errorf("%s is at least %v wide", tab, got)
		}
		homePicture(d, "upkeep-sk-"+tab)
	}
	d, v := openUpkeep(t, newFakeUpkeep(), "")
	v.backups.table.selectKey("foyer-2.db")
	d.tap("Obnoviť…")
	d.sees("Ak chcete pokračovať, napíšte OBNOVIŤ")
	d.picture("upkeep-sk-restore")
}
