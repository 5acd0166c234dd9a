//go:build !nogui

package main_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLibraries expects that the program with everything in it needs no more of the system than the C library.
func TestLibraries(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	got = slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, "ld-linux") })
	slices.Sort(got)
	if want := []string{"libc.so.6", "libm.so.6"}; !slices.Equal(got, want) {
		t.Errorf("the program needs the libraries %q, want %q", got, want)
	}
}

// called is what a call of the program left.
type called struct {
	stdout, stderr string
	status         int
}

// callWith runs the program under test with nothing but env in its environment.
func callWith(tb testing.TB, env []string, args ...string) called {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), path, args...)
	cmd.Env = append([]string{}, env...) // never nil: that would be the environment of the test
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		tb.Fatal(err)
	}
	return called{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// TestQuiet expects that the desktop program is not noticed in other commands, whatever the locale. Fyne logs about
// C.UTF-8 for one.
func TestQuiet(t *testing.T) {
	for _, env := range [][]string{nil, {"LANG=C"}, {"LANG=C.UTF-8"}, {"LANG=POSIX"}, {"LC_ALL=C.UTF-8"}, {"LANG=nonsense_xx.1"}, {"LANG=sk_SK.UTF-8"}} {
		for _, args := range [][]string{{"version"}, {"serve", "--help"}, {}} {
			got := callWith(t, env, args...)
			if got.status != 0 || got.stderr != "" || got.stdout == "" {
				t.Errorf("foyer %q with %q: got %+v, want exit 0 and nothing on standard error", args, env, got)
			}
		}
	}
}

// expectNoWindow expects exit 1 and one line that has the words.
func expectNoWindow(tb testing.TB, env, args []string, words ...string) {
	tb.Helper()
	got := callWith(tb, env, args...)
	if got.status != 1 || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
		tb.Errorf("foyer %q with %q: got %+v, want exit 1 and one line", args, env, got)
	}
	for _, word := range append(words, "foyer: ", "foyer --help") {
		if !strings.Contains(got.stderr, word) {
			tb.Errorf("foyer %q with %q: %q does not say %q", args, env, got.stderr, word)
		}
	}
}

// TestNoDisplay expects that the desktop program says what it lacks.
func TestNoDisplay(t *testing.T) {
	gui := []string{"gui"}
	expectNoWindow(t, nil, gui, "there is no display", "DISPLAY")
	expectNoWindow(t, []string{"WAYLAND_DISPLAY=wayland-0"}, gui, "no X11", "xwayland")
	expectNoWindow(t, []string{"DISPLAY=nonsense"}, gui, "display nonsense")
	expectNoWindow(t, []string{"DISPLAY=nonsense"}, nil, "display nonsense") // it is what foyer alone opens
	expectNoWindow(t, []string{"WAYLAND_DISPLAY=wayland-0"}, nil, "xwayland")
}

// TestNoOpenGL expects the same on a display that can be reached and is of no use.
func TestNoOpenGL(t *testing.T) {
	display := newDisplay(t, "-extension", "GLX")
	expectNoWindow(t, []string{"DISPLAY=" + display.name}, []string{"gui"}, "no OpenGL", "GLX")
	display = newDisplay(t)
	expectNoWindow(t, []string{"DISPLAY=" + display.name, "LIBGL_ALWAYS_INDIRECT=1"}, []string{"gui"}, "no OpenGL")
	// Here Mesa says something too.
	got := callWith(t, []string{"DISPLAY=" + display.name, "LIBGL_DRIVERS_PATH=/nonexistent"}, "gui")
	if _, line, _ := strings.Cut(got.stderr, "foyer: "); got.status != 1 || !strings.Contains(line, "libgl1-mesa-dri") {
		t.Errorf("without drivers of OpenGL: got %+v, want exit 1 and the package", got)
	}
}

// TestNoLibraries expects the same where the system has no X11 and no OpenGL, as a server has not: the dynamic linker is
// shown a library that is none in their place.
func TestNoLibraries(t *testing.T) {
	for library, packages := range map[string]string{"libX11.so.6": "libx11-6", "libGL.so.1": "libgl1"} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, library), "no library")
		env := []string{"DISPLAY=:0", "LD_LIBRARY_PATH=" + dir}
		expectNoWindow(t, env, []string{"gui"}, library, "apt install "+packages)
		if got := callWith(t, env, "version"); got.status != 0 || got.stderr != "" {
			t.Errorf("foyer version without %s: got %+v", library, got)
		}
	}
}
