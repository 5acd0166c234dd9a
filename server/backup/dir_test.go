package backup_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/backup"
)

func quiet(string, int64, int64) {}

// keep makes a file and keeps it as a backup.
func keep(t *testing.T, d *backup.Dir, b app.Backup, text string) app.Backup {
	t.Helper()
	temp := d.Temp()
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := d.Keep(t.Context(), temp, b, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var night = time.Date(2026, 11, 27, 2, 30, 0, 0, time.UTC)

func TestDir(t *testing.T) {
	d, err := backup.Open(filepath.Join(t.TempDir(), "backups"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 12 {
		b := keep(t, d, app.Backup{Reason: app.BackupManual, At: night, Version: "v1.2", Schema: 8}, fmt.Sprint(i))
		names = append([]string{b.Name}, names...)
	}
	later := keep(t, d, app.Backup{Reason: app.BackupNightly, At: night.Add(time.Second), Encrypted: true}, "sealed")
	all, err := d.List()
	if err != nil || len(all) != 13 || all[0] != later {
		t.Fatalf("listed %+v, %v", all, err)
	}
	for i, b := range all[1:] {
		if b.Name != names[i] || b.Version != "v1.2" || b.Schema != 8 || !b.At.Equal(night) || b.Reason != app.BackupManual {
			t.Errorf("%d: got %+v, want %s", i, b, names[i])
		}
	}
	if later.Name != "foyer-20261127-023001-nightly.db.age" {
		t.Errorf("the name is %s", later.Name)
	}
	for _, name := range []string{"", "..", "status.json", "../" + later.Name, later.Name + ".sha256", "foyer-20261127-023009-nightly.db"} {
		if _, _, err := d.Find(name); app.CodeOf(err) != app.NotFound {
			t.Errorf("found %q: %v", name, err)
		}
		if err := d.Remove(name); app.CodeOf(err) != app.NotFound {
			t.Errorf("removed %q: %v", name, err)
		}
	}
}

// TestOpenTidies leaves behind what a crash does: it is gone after the next start, and nothing else is.
func TestOpenTidies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backups")
	d, err := backup.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := keep(t, d, app.Backup{Reason: app.BackupManual, At: night}, "x")
	temp := d.Temp()
	for _, name := range []string{temp, temp + "-journal", filepath.Join(path, "foyer-20261127-023009-nightly.db.sha256"), filepath.Join(path, "mine.sha256"), filepath.Join(path, "status.json")} {
		if err := os.WriteFile(name, []byte("plain"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := backup.Open(path); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(path)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if want := []string{whole.Name, whole.Name + ".sha256", "mine.sha256", "status.json"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("there is %q, %v, want %q", names, err, want)
	}
}

func TestExpired(t *testing.T) {
	var all []app.Backup
	for day := range 30 {
		all = append(all, app.Backup{Name: fmt.Sprint("n", day), Reason: app.BackupNightly, At: night.AddDate(0, 0, -day)})
	}
	for i := range 12 {
		all = append(all, app.Backup{Name: fmt.Sprint("m", i), Reason: app.BackupManual, At: night.AddDate(-1, 0, -i)}, app.Backup{Name: fmt.Sprint("u", i), Reason: app.BackupUpdate, At: night.AddDate(-1, 0, -i)})
	}
	names := func(list []app.Backup) (names []string) {
		for _, b := range list {
			names = append(names, b.Name)
		}
		return names
	}
	got := names(backup.Expired(all, night.AddDate(0, 0, -14), false))
	if want := 15 + 2 + 2; len(got) != want || slices.Contains(got, "n14") || !slices.Contains(got, "n15") || !slices.Contains(got, "m10") || slices.Contains(got, "u9") {
		t.Errorf("expired are %q, want %d of them", got, want)
	}
	if got := names(backup.Expired(all[:3], night.AddDate(1, 0, 0), false)); !slices.Equal(got, []string{"n1", "n2"}) {
		t.Errorf("expired are %q, want the latest to stay however old it is", got)
	}
	if got := names(backup.Expired(all, time.Time{}, false)); len(got) != 4 {
		t.Errorf("expired are %q, want nightly ones to be kept for ever", got)
	}
	if got := names(backup.Expired(all, time.Time{}, true)); !slices.Equal(got, []string{"u10", "m11", "u11"}) {
		t.Errorf("expired are %q, want one more of the manual ones to stay", got)
	}
}

func TestReadSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "foyer.db")
	sum := strings.Repeat("ab", 32)
	for text, want := range map[string]string{
		sum + "  foyer.db\n": sum, sum + " *foyer.db\n": sum, strings.ToUpper(sum) + "  foyer.db\n": sum, "# foyer schema=8 version=v1\n" + sum + "  ./foyer.db\n": sum,
		"": "", "hello": "", sum + "  other.db\n": "", sum[:10] + "  foyer.db\n": "",
	} {
		if err := os.WriteFile(path+".sha256", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := backup.ReadSum(path); got.SHA256 != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got.SHA256, err, want)
		}
	}
	if err := os.Remove(path + ".sha256"); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.ReadSum(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without one: %v", err)
	}
}
