package main_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// refusal is what a start that is refused has said.
type refusal struct {
	status int
	line   string // on standard error, the last one
	notice string // to the service manager, the last one
}

// refused starts "foyer serve" on a data directory, as a user unless that is 0, and returns how it has ended.
func refused(t *testing.T, dir string, uid uint32) refusal {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(socketDir(t), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second) // one that is not refused goes on
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "FOYER_DATA=", "FOYER_SOCKET=", "NOTIFY_SOCKET="+manager.LocalAddr().String())
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		t.Fatalf("foyer serve: %v, want it to end with an exit status", err)
	}
	got := refusal{status: cmd.ProcessState.ExitCode()}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	got.line = lines[len(lines)-1]
	for buffer := make([]byte, 4096); ; {
		if err := manager.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := manager.Read(buffer)
		if err != nil {
			return got
		}
		got.notice = string(buffer[:n])
	}
}

// socketDir returns a directory whose path is short enough for a socket, and into which everybody may look.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "foyer-n-") //nolint:usetesting // a test's own directory is closed to other users, and its path is long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sums returns a line for each file of a data directory but the lock and the socket.
func sums(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "foyer.lock" {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %d %x\n", path, len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// statement runs a statement on the database of a data directory behind the service's back.
func statement(dir, query string) error {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db"))
	if err != nil {
		return err
	}
	_, err = db.Exec(query)
	return errors.Join(err, db.Close())
}

// madeOffice makes a data directory with a company in it, as an orderly stop leaves it, and returns it.
func madeOffice(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	p := serve(t, dir)
	p.run("settings", "set", "limits.reserve_mb=0")
	p.run("company", "add", "Acme", "acme.example")
	p.stop(syscall.SIGTERM)
	return dir
}

// TestStartRefused damages the data directory in each way (F19). The program ends with exit status 78 and a line that says what is
// wrong, tells the service manager the same, and leaves every file as it is; a company that is there is there when what was wrong
// is put right.
func TestStartRefused(t *testing.T) {
	made := madeOffice(t)
	db := func(dir string) string { return filepath.Join(dir, "foyer.db") }
	write := func(path string, at int64, data string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte(data), at)
		return errors.Join(err, f.Close())
	}
	for _, test := range []struct {
		name   string
		damage func(dir string) error
		says   string
	}{
		{"0 bytes", func(dir string) error { return os.Truncate(db(dir), 0) }, "damaged: foyer.db is empty"},
		{"missing", func(dir string) error { return os.Remove(db(dir)) }, "foyer.db is missing"},
		{"header", func(dir string) error { return write(db(dir), 0, "this is no database") }, "not an SQLite database"},
		{"cut in the header", func(dir string) error { return os.Truncate(db(dir), 50) }, "shorter than a database's header"},
		{"cut", func(dir string) error { return os.Truncate(db(dir), 40_000) }, "the database is damaged"},
		{"random page", func(dir string) error { return write(db(dir), 4*4096, strings.Repeat("\xa5", 4096)) }, "the database is damaged"},
		{"flipped byte", func(dir string) error { return write(db(dir), 4*4096, "\xff") }, "the database is damaged"},
		{"directory", func(dir string) error { return errors.Join(os.Remove(db(dir)), os.Mkdir(db(dir), 0o700)) }, "foyer.db is not a file"},
		{"of another program", func(dir string) error { return statement(dir, "PRAGMA application_id = 7") }, "belongs to another program"},
		{"newer", func(dir string) error {
			return statement(dir, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		}, "newer than this program (version 9999"},
		{"marker of another", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "instance.json"), []byte(`{"id":"x","starts":1}`), 0o600)
		}, "not the database that instance.json"},
		{"marker damaged", func(dir string) error { return os.WriteFile(filepath.Join(dir, "instance.json"), []byte("{"), 0o600) }, "instance.json cannot be read"},
		{"key missing", func(dir string) error { return os.Remove(filepath.Join(dir, "secret.key")) }, "secret.key is missing"},
		{"key damaged", func(dir string) error { return os.WriteFile(filepath.Join(dir, "secret.key"), []byte("x"), 0o600) }, "secret.key is damaged"},
		{"older than its marker", func(dir string) error { return statement(dir, "UPDATE instance SET starts = 0") }, "foyer.db-wal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := errors.Join(os.CopyFS(dir, os.DirFS(made)), test.damage(dir)); err != nil {
				t.Fatal(err)
			}
			before := sums(t, dir)
			got := refused(t, dir, 0)
			if got.status != 78 || !strings.HasPrefix(got.line, "foyer: the data directory "+dir) || !strings.Contains(got.line, test.says) {
				t.Errorf("exit status %d, %q, want 78 and %q", got.status, got.line, test.says)
			}
			if got.notice != "STATUS="+strings.TrimPrefix(got.line, "foyer: ") {
				t.Errorf("the service manager was told %q, want %q", got.notice, got.line)
			}
			if after := sums(t, dir); after != before {
				t.Errorf("the files were changed:\n%s\nwere\n%s", after, before)
			}
		})
	}
}

// TestWALTakenAway kills the service and takes its write-ahead log away: what was acknowledged is in it, and nothing in the database
// says so, because it has the start of the service from a checkpoint.
func TestWALTakenAway(t *testing.T) {
	dir := madeOffice(t)
	p := serve(t, dir)
	if err := statement(dir, "PRAGMA wal_checkpoint(FULL)"); err != nil {
		t.Fatal(err)
	}
	p.run("company", "add", "Later", "later.example")
	eventually(t, "the marker knows of all commits", func() bool { return markedAll(t, dir) })
	p.stop(syscall.SIGKILL)
	wal := filepath.Join(dir, "foyer.db-wal")
	if err := errors.Join(os.Rename(wal, wal+".away"), os.Remove(filepath.Join(dir, "foyer.db-shm"))); err != nil {
		t.Fatal(err)
	}
	before := sums(t, dir)
	if got := refused(t, dir, 0); got.status != 78 || !strings.Contains(got.line, "foyer.db-wal") {
		t.Errorf("got %+v, want 78 and what is missing", got)
	}
	if after := sums(t, dir); after != before {
		t.Errorf("the files were changed:\n%s\nwere\n%s", after, before)
	}
	if err := os.Rename(wal+".away", wal); err != nil {
		t.Fatal(err)
	}
	p = serve(t, dir)
	if all := query[[]struct{ Name string }](p, "company", "list"); len(all) != 2 {
		t.Errorf("with its log back: %+v, want both companies", all)
	}
	p.stop(syscall.SIGTERM)
	if _, err := os.Stat(wal); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log after an orderly end: %v, want none", err)
	}
	serve(t, dir).run("company", "list")
}

// markedAll reports whether the marker beside a database knows of all its commits.
func markedAll(t *testing.T, dir string) bool {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "foyer.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var commits int64
	var mark struct{ Commits int64 }
	data, err := os.ReadFile(filepath.Join(dir, "instance.json"))
	if err := errors.Join(err, json.Unmarshal(data, &mark), db.QueryRow("SELECT commits FROM instance").Scan(&commits)); err != nil {
		t.Fatal(err)
	}
	return commits > 0 && mark.Commits == commits
}

// onDisk mounts a small file system and puts a data directory there.
func onDisk(t *testing.T, options, from string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not run as root: this test mounts a file system")
	}
	mounted := t.TempDir()
	if err := unix.Mount("tmpfs", mounted, "tmpfs", 0, options); err != nil {
		t.Skipf("a file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(mounted, 0); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(mounted, "data")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStartOnReadOnlyDisk is F07.
func TestStartOnReadOnlyDisk(t *testing.T) {
	dir := onDisk(t, "size=200m", madeOffice(t))
	before := sums(t, dir)
	if err := unix.Mount("", filepath.Dir(dir), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if got := refused(t, dir, 0); got.status != 78 || !strings.Contains(got.line, dir+" is read-only") || strings.Contains(got.line, "no such file") {
		t.Errorf("got %+v, want 78, the directory and read-only", got)
	}
	if after := sums(t, dir); after != before {
		t.Errorf("the files were changed:\n%s\nwere\n%s", after, before)
	}
	if err := unix.Mount("", filepath.Dir(dir), "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	serve(t, dir).stop(syscall.SIGTERM)
}

func TestStartOnFullDisk(t *testing.T) {
	dir := onDisk(t, "size=50m", madeOffice(t))
	if got := refused(t, dir, 0); got.status != 78 || !strings.Contains(got.line, "MB are free on its disk") {
		t.Errorf("got %+v, want 78 and how much is free", got)
	}
}

// TestStartAsAnother starts the service as a user whose directory it is not.
func TestStartAsAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run as root: this test starts the service as another user")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o755), os.Chmod(path, 0o755)); err != nil { // whatever the umask was
		t.Fatal(err)
	}
	dir := filepath.Join(socketDir(t), "data")
	if err := os.CopyFS(dir, os.DirFS(madeOffice(t))); err != nil {
		t.Fatal(err)
	}
	first := serve(t, dir)
	eventually(t, "the marker knows of all commits", func() bool { return markedAll(t, dir) }) // it is written then
	before := sums(t, dir)
	if got := refused(t, dir, 65534); got.status != 78 || !strings.Contains(got.line, "may not be written by uid 65534") {
		t.Errorf("got %+v, want 78 and who may not", got)
	}
	if after := sums(t, dir); after != before {
		t.Errorf("the files were changed:\n%s\nwere\n%s", after, before)
	}
	first.run("company", "list")
}

// TestStartMendsRights starts with files that others may read, and without a umask: the start takes the rights away, and says so.
func TestStartMendsRights(t *testing.T) {
	dir := madeOffice(t)
	for name, mode := range map[string]os.FileMode{"": 0o755, "foyer.db": 0o644, "secret.key": 0o640, "backups": 0o755} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	p := serve(t, dir)
	for _, want := range []string{
		"file=" + dir + " mode=0755", "file=" + filepath.Join(dir, "foyer.db") + " mode=0644", "file=" + filepath.Join(dir, "secret.key") + " mode=0640",
	} {
		if n := strings.Count(p.log.String(), want+"\n"); n != 1 {
			t.Errorf("the log tells of %q %d times, want once:\n%s", want, n, p.log)
		}
	}
	p.run("backup", "create")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "admin.sock" {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSecondInstance is F20: a second service ends at once and harms nothing, and what a killed one leaves does not block.
func TestSecondInstance(t *testing.T) {
	dir := madeOffice(t)
	first := serve(t, dir)
	eventually(t, "the marker knows of all commits", func() bool { return markedAll(t, dir) }) // it is written then
	before := sums(t, dir)
	for range 2 {
		got := refused(t, dir, 0)
		if want := fmt.Sprintf("pid %d", first.cmd.Process.Pid); got.status != 75 || !strings.Contains(got.line, "already running") || !strings.Contains(got.line, want) {
			t.Errorf("got %+v, want 75 and %s", got, want)
		}
	}
	if after := sums(t, dir); after != before {
		t.Errorf("the files were changed:\n%s\nwere\n%s", after, before)
	}
	first.run("company", "list") // by the socket that is still there
	first.stop(syscall.SIGKILL)
	for _, stale := range []string{"foyer.lock", "admin.sock"} {
		if _, err := os.Lstat(filepath.Join(dir, stale)); err != nil {
			t.Errorf("the killed one has left no %s", stale)
		}
	}
	serve(t, dir).run("company", "list")
}
