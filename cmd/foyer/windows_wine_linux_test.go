package main_test

import (
	"debug/pe"
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
)

// mingw is the C compiler for Windows, of Debian's package gcc-mingw-w64-x86-64.
const mingw = "x86_64-w64-mingw32-gcc"

// windowsProgram builds the program for Windows, without the desktop program, or skips the test.
func windowsProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foyer.exe")
	cmd := exec.Command("go", "build", "-tags", "nogui", "-ldflags", "-s -w", "-o", path, ".")
	// The C library of mingw-w64 has the checks of Debian's flags in a DLL of its own.
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=1", "CGO_CFLAGS=-O2", "CC="+tool(t, mingw, "gcc-mingw-w64-x86-64"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for Windows: %v\n%s", err, out)
	}
	return path
}

// windowsLibraries are what every Windows has and the program may need. Others would have to lie beside it.
var windowsLibraries = []string{"KERNEL32.dll", "msvcrt.dll"}

// checkWindowsLibraries expects that the program for Windows needs nothing that has to be installed.
func checkWindowsLibraries(t *testing.T, program string) {
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
		w.t.Errorf("foyer.exe %q: got exit %d and %q, want exit %d and %q", args, got, printed, status, words)
	}
}

// asWindows returns a path as wine's programs see it.
func asWindows(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// TestWindows runs the program for Windows under wine, on data that the one for Linux has made: somebody signs up, confirms, signs
// in, and the data are the same to Linux afterwards. What wine cannot show: the service manager, permissions, and who is at the
// other end of the admin pipe.
func TestWindows(t *testing.T) {
	program := windowsProgram(t)
	checkWindowsLibraries(t, program)
	w := newWine(t, program)
	w.expect(0, "windows/amd64", "version")
	w.expect(2, "there is no command", "nonsense")
	w.expect(3, `does not answer at \\.\pipe\foyer-admin`, "company", "list")

	office := newPostOffice(t)
	dir := t.TempDir()
	linux := serve(t, dir)
	linux.run("company", "add", "Acme", "acme.example")
	linux.unlimited()
	linux.run(office.settings()...)
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
		t.Errorf("foyer.exe ended with %v:\n%s", windows.err, windows.log)
	}

	linux = serve(t, dir)
	type account struct{ Email, Company, State string }
	if got, want := query[account](linux, "account", "show", email), (account{email, "Acme", "active"}); got != want {
		t.Errorf("the account, on Linux afterwards: got %+v, want %+v", got, want)
	}
	if _, to, err := post(visitor(t), linux.url+"/login", url.Values{"email": {email}, "password": {password}}); err != nil || to != "/account" {
		t.Errorf("signing in on Linux afterwards: got to %q, %v", to, err)
	}
}
