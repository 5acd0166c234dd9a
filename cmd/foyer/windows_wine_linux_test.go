package main_test

import (
	"archive/zip"
	"bytes"
	"debug/pe"
	bin "encoding/binary"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"
)

// mingw is the C compiler for Windows, of Debian's package gcc-mingw-w64-x86-64.
const mingw = "x86_64-w64-mingw32-gcc"

// windowsProgram makes the archive for Windows, without the desktop program, unpacks it and returns the path of foyer.com, or skips the test.
func windowsProgram(t *testing.T) string {
	t.Helper()
	for name, pkg := range map[string]string{"make": "make", mingw: "gcc-mingw-w64-x86-64", "zip": "zip"} {
		tool(t, name, pkg)
	}
	dir := t.TempDir()
	run(t, root(t), "make", "--no-print-directory", "package", "PACKAGES=windows", "TAGS=nogui", "VERSION=1.0.0", "DIST="+dir)
	archive, err := zip.OpenReader(filepath.Join(dir, "foyer_1.0.0_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := os.CopyFS(dir, archive); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "foyer-1.0.0-windows-amd64")
	for _, name := range []string{"LICENSE", "README.md", "docs/windows.md"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, or nothing in it", name, err)
		}
	}
	packageBill(t, filepath.Join(dir, "sbom.cdx.json"))
	return filepath.Join(dir, "foyer.com")
}

// windowsLibraries are what every Windows has and the program may need. Others would have to lie beside it.
var windowsLibraries = []string{"KERNEL32.dll", "msvcrt.dll"}

// checkWindowsProgram expects that the program for Windows needs nothing that has to be installed, and has an icon and a version.
func checkWindowsProgram(t *testing.T, program string) {
	t.Helper()
	file, err := pe.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	if len(symbols) == 0 {
		t.Error("the program imports nothing: the test looks at the wrong place")
	}
	for _, symbol := range symbols {
		_, library, _ := strings.Cut(symbol, ":")
		if !slices.ContainsFunc(windowsLibraries, func(known string) bool { return strings.EqualFold(known, library) }) {
			t.Errorf("%s is imported, of %s", symbol, library)
		}
	}
	resources := file.Section(".rsrc")
	if resources == nil {
		t.Fatal("the program has no resources")
	}
	data, err := resources.Data()
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{"icon": "\x89PNG\r\n", "manifest": "PerMonitorV2", "version": utf16Text("1.0.0"), "name": utf16Text("foyer.com")} {
		if !bytes.Contains(data, []byte(want)) {
			t.Errorf("the resources of the program have no %s", what)
		}
	}
}

// utf16Text returns a text as Windows has it.
func utf16Text(text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = bin.LittleEndian.AppendUint16(b, unit)
	}
	return string(b)
}

// wine is a Windows machine as far as wine is one.
type wine struct {
	t       *testing.T
	loader  string
	prefix  string
	program string
}

// newWine makes one for a program, or skips the test where wine is not.
func newWine(t *testing.T, program string) *wine {
	t.Helper()
	loader := "/usr/lib/wine/wine64" // where Debian has it
	if _, err := os.Stat(loader); err != nil {
		loader = tool(t, "wine64", "wine64")
	}
	w := &wine{t: t, loader: loader, prefix: t.TempDir(), program: program}
	t.Cleanup(func() {
		server := w.command("wineserver", "-k", "-w")
		server.Path, server.Err = filepath.Join(filepath.Dir(loader), "wineserver"), nil
		_ = server.Run() // it may have ended with its last program
	})
	if out, err := w.command("wineboot", "-i").CombinedOutput(); err != nil {
		t.Fatalf("make a Windows by wine: %v\n%s", err, out)
	}
	w.addRandom()
	return w
}

// addRandom adds the library that Go's runtime needs and wine 8 does not have.
func (w *wine) addRandom() {
	w.t.Helper()
	path := filepath.Join(w.prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	out, err := exec.Command(mingw, "-shared", "-O2", "-o", path, filepath.Join("testdata", "wine", "bcryptprimitives.c"), "-ladvapi32").CombinedOutput()
	if err != nil {
		w.t.Fatalf("compile bcryptprimitives.dll: %v\n%s", err, out)
	}
}

// command returns the command that runs a program of Windows.
func (w *wine) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(w.loader, append([]string{program}, args...)...)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEARCH=win64", "WINEDEBUG=-all", "DISPLAY=", "FOYER_DATA=", "FOYER_SOCKET=")
	return cmd
}

// call runs a command of the program to its end and returns its exit status and what it printed.
func (w *wine) call(args ...string) (status int, printed string) {
	w.t.Helper()
	cmd := w.command(w.program, args...)
	out, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		w.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// expect calls a command and expects an exit status and words in what it prints.
func (w *wine) expect(status int, words string, args ...string) {
	w.t.Helper()
	if got, printed := w.call(args...); got != status || !strings.Contains(printed, words) {
		w.t.Errorf("foyer.com %q: got exit %d and %q, want exit %d and %q", args, got, printed, status, words)
	}
}

// asWindows returns a path as wine's programs see it.
func asWindows(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// TestWindows runs the program for Windows under wine, on data that the one for Linux has made: somebody signs up, confirms, signs
// in, backups are restored, and the data are the same to Linux afterwards. What wine cannot show: the service manager, permissions, and who is at the
// other end of the admin pipe.
func TestWindows(t *testing.T) {
	program := windowsProgram(t)
	checkWindowsProgram(t, program)
	w := newWine(t, program)
	w.expect(0, "1.0.0 (go", "version")
	w.expect(0, "windows/amd64", "version")
	w.expect(2, "there is no command", "nonsense")
	w.expect(3, `does not answer at \\.\pipe\foyer-admin`, "company", "list")

	office := newPostOffice(t)
	dir := t.TempDir()
	linux := serve(t, dir)
	linux.run("company", "add", "Acme", "acme.example")
	linux.unlimited()
	linux.run(office.settings()...)
	made := filepath.Join(t.TempDir(), "foyer.db")
	linux.run("backup", "create", made)
	linux.stop(syscall.SIGTERM)

	windows := launch(t, dir, w.command(w.program, "serve", "--data", asWindows(dir), "--listen", "127.0.0.1:0"))
	w.expect(75, "already running", "serve", "--data", asWindows(dir), "--listen", "127.0.0.1:0")
	w.expect(1, "is in use by another program", "serve", "--data", asWindows(t.TempDir()), "--listen", strings.TrimPrefix(windows.url, "http://"))

	const email, password = "jane@acme.example", "correct horse battery staple"
	browser := visitor(t)
	for _, step := range []struct {
		path string // "" is the link in the mail
		form url.Values
		to   string // part of where the browser is sent
	}{
		{"/register", signUpForm(email), "/"},
		{"", url.Values{"password": {password}, "password_confirm": {password}}, "/login"},
		{"/login", url.Values{"email": {email}, "password": {password}}, "/account"},
	} {
		target := windows.url + step.path
		if step.path == "" {
			target = office.next(t, email).find(t, confirmLink)
		}
		if status, to, err := post(browser, target, step.form); err != nil || status != http.StatusSeeOther || !strings.Contains(to, step.to) {
			t.Fatalf("POST %s: status %d to %q, %v; want 303 to %s\n%s", target, status, to, err, step.to, windows.log)
		}
	}
	windows.stop(syscall.SIGINT) // which wine makes a Ctrl+C of
	if windows.err != nil {
		t.Errorf("foyer.com ended with %v:\n%s", windows.err, windows.log)
	}

	// A backup that Linux made is restored, and one of what was there is kept, in which is the account.
	w.expect(0, "is restored into", "backup", "restore", "--yes", asWindows(made), "--data", asWindows(dir))
	kept, err := filepath.Glob(filepath.Join(dir, "backups", "foyer-*-restore.db"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("backups of what a restore has replaced: got %v, %v; want one", kept, err)
	}
	w.expect(0, "is restored into", "backup", "restore", "--yes", asWindows(kept[0]), "--data", asWindows(dir))

	linux = serve(t, dir)
	type account struct{ Email, Company, State string }
	if got, want := query[account](linux, "account", "show", email), (account{email, "Acme", "active"}); got != want {
		t.Errorf("the account, on Linux afterwards: got %+v, want %+v", got, want)
	}
	if _, to, err := post(visitor(t), linux.url+"/login", url.Values{"email": {email}, "password": {password}}); err != nil || to != "/account" {
		t.Errorf("signing in on Linux afterwards: got to %q, %v", to, err)
	}
}

// at returns the path of a file on the drive C of the machine.
func (w *wine) at(path ...string) string {
	return filepath.Join(append([]string{w.prefix, "drive_c"}, path...)...)
}

// keepUp keeps the machine up: it goes down with its last program otherwise, and starts its services when it comes up again.
func (w *wine) keepUp() {
	w.t.Helper()
	shell := w.command("cmd.exe")
	stdin, inErr := shell.StdinPipe()
	stdout, outErr := shell.StdoutPipe()
	if err := errors.Join(inErr, outErr, shell.Start()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = stdin.Close()
		_ = shell.Process.Kill()
		_ = shell.Wait() // it was killed
	})
	// Its prompt says that the machine is up: another program would not end before the services it has started.
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		w.t.Fatal(err)
	}
}

// files returns the names of what is in a directory, none when it is not there.
func (w *wine) files(path ...string) []string {
	w.t.Helper()
	entries, err := os.ReadDir(w.at(path...))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// TestWindowsService installs, updates, stops and removes the service with the service manager of wine. That one starts no program written in Go:
// package svc knows a service by the session of its parent, which is another one under wine. Wine keeps no owner of a directory either: one that install has
// made looks like somebody else's afterwards.
func TestWindowsService(t *testing.T) {
	program := windowsProgram(t)
	w := newWine(t, program)
	w.keepUp()
	w.expect(4, "install it with: foyer service install (in a terminal opened as administrator)", "service", "status")
	w.expect(0, "Examples:\n  foyer service install\n", "service", "install", "--help")
	place, installed := w.at("ProgramData", "Foyer"), w.at("Program Files", "Foyer")

	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	w.expect(6, `the directory C:\ProgramData\Foyer belongs to `, "service", "install", "--no-start")
	if got := w.files("Program Files", "Foyer"); len(got) > 0 {
		t.Errorf("after an install that was refused: got %q, want nothing", got)
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}

	w.expect(0, "Foyer 1.0.0 is installed.", "service", "install", "--no-start", "--listen", "127.0.0.1:0")
	if got, want := w.files("ProgramData", "Foyer"), []string{"data", "foyer.toml", "service.json"}; !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", place, got, want)
	}
	config, err := os.ReadFile(filepath.Join(place, "foyer.toml"))
	if err != nil || !strings.Contains(string(config), "foyer service restart (in a terminal opened as administrator)\nlisten = \"127.0.0.1:0\"\n") {
		t.Errorf("the configuration: got %q, %v", config, err)
	}
	w.expect(3, "State:    stopped", "service", "status")
	w.expect(0, "the service is stopped", "service", "stop") // as before a backup is restored

	if err := os.Rename(place, place+".away"); err != nil { // as wine keeps no owner
		t.Fatal(err)
	}
	twin := filepath.Join(installed, "foyer.com")
	if err := os.WriteFile(twin, []byte("an older one"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.expect(0, "Foyer 1.0.0 is installed.", "service", "install", "--no-start")
	if got, want := w.files("Program Files", "Foyer"), []string{"foyer.com", "foyer.exe"}; !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", installed, got, want)
	}
	got, gotErr := os.ReadFile(twin)
	want, wantErr := os.ReadFile(program)
	if gotErr != nil || wantErr != nil || !bytes.Equal(got, want) {
		t.Errorf("the program after an update: %d bytes, %v; want %d, %v", len(got), gotErr, len(want), wantErr)
	}

	w.expect(0, "the service is removed", "service", "uninstall")
	if got := w.files("Program Files", "Foyer"); len(got) > 0 {
		t.Errorf("after the service was removed: got %q, want nothing", got)
	}
	w.expect(4, "the service is not installed", "service", "status")
}
