//go:build !nogui

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// display is an X server without a screen.
type display struct {
	tb     testing.TB
	name   string // for DISPLAY
	frames string // the directory of the file with what it shows
}

// newDisplay starts an X server. Where there is none, the test is skipped.
func newDisplay(tb testing.TB, args ...string) *display {
	tb.Helper()
	for _, program := range []string{"Xvfb", "xdotool"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Skipf("there is no %s", program)
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	defer read.Close()
	frames := tb.TempDir()
	// It chooses a number that is free, and writes it when it can be reached.
	cmd := exec.Command("Xvfb", append([]string{"-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "1280x800x24", "-fbdir", frames}, args...)...)
	cmd.ExtraFiles = []*os.File{write}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	_ = write.Close() // the server has its own
	tb.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = cmd.Wait()                          // as it was told to
	})
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		tb.Fatalf("Xvfb gives no number: %v", err)
	}
	return &display{tb: tb, name: ":" + strings.TrimSpace(number), frames: frames}
}

// env is the environment of a program on the display, with a home of its own.
func (d *display) env() []string {
	d.tb.Helper()
	home := d.tb.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".cache"), 0o700); err != nil {
		d.tb.Fatal(err)
	}
	return []string{"DISPLAY=" + d.name, "HOME=" + home, "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH")}
}

// xdotool returns what the program of that name prints.
func (d *display) xdotool(args ...string) string {
	d.tb.Helper()
	ctx, cancel := context.WithTimeout(d.tb.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "xdotool", args...)
	cmd.Env = []string{"DISPLAY=" + d.name}
	out, err := cmd.Output()
	if err != nil {
		d.tb.Fatalf("xdotool %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// window waits for the first window of the desktop program and returns its number.
func (d *display) window() string {
	d.tb.Helper()
	window, _, _ := strings.Cut(d.xdotool("search", "--sync", "--onlyvisible", "--name", "^Foyer"), "\n")
	return window
}

// closer is a program that asks a window to close, as a window manager does.
var closer = sync.OnceValues(func() (string, error) {
	const source = `#include <stdlib.h>
#include <X11/Xlib.h>
int main(int argc, char **argv)
{
	Display *display = argc == 2 ? XOpenDisplay(NULL) : NULL;
	if (display == NULL)
		return 1;
	XEvent event = {.xclient = {.type = ClientMessage, .format = 32, .window = strtoul(argv[1], NULL, 10)}};
	event.xclient.message_type = XInternAtom(display, "WM_PROTOCOLS", False);
	event.xclient.data.l[0] = XInternAtom(display, "WM_DELETE_WINDOW", False);
	XSendEvent(display, event.xclient.window, False, NoEventMask, &event);
	return XCloseDisplay(display);
}
`
	// Beside the program under test, which goes away at the end.
	program, err := binary()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(program), "close")
	cmd := exec.Command("gcc", "-x", "c", "-o", path, "-", "-lX11")
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// close asks a window to close.
func (d *display) close(window string) {
	d.tb.Helper()
	path, err := closer()
	if err != nil {
		d.tb.Fatal(err)
	}
	cmd := exec.CommandContext(d.tb.Context(), path, window)
	cmd.Env = []string{"DISPLAY=" + d.name}
	if out, err := cmd.CombinedOutput(); err != nil {
		d.tb.Fatalf("close the window: %v\n%s", err, out)
	}
}

// TestWindow opens the desktop program, with the command and without one, and closes its window.
func TestWindow(t *testing.T) {
	display := newDisplay(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"gui"}, {}} {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = append(display.env(), "FOYER_DATA="+t.TempDir())
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		display.close(display.window())
		if err := cmd.Wait(); err != nil || stdout.Len() > 0 {
			t.Errorf("foyer %q: %v, printed %s", args, err, stdout.String())
		}
		for line := range strings.Lines(stderr.String()) { // what a bare machine lacks, as D-Bus, is logged
			if !strings.HasPrefix(line, "time=") || strings.Contains(line, "level=ERROR") {
				t.Errorf("foyer %q: logged %s", args, line)
			}
		}
	}
}

// TestMakeRun runs what "make run" runs on a display: the demonstration, and the desktop program on it. It ends when the
// window is closed or when it is interrupted, and leaves nothing behind.
func TestMakeRun(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	display := newDisplay(t)
	ends := map[string]func(cmd *exec.Cmd, window string){
		"window closed": func(_ *exec.Cmd, window string) { display.close(window) },
		"interrupted": func(cmd *exec.Cmd, _ string) {
			// To the group that stands in the foreground, as the terminal does.
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
				t.Error(err)
			}
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			temporary := t.TempDir()
			cmd := exec.CommandContext(t.Context(), filepath.Join(root(t), ".ci", "demo"), path, "--listen", "127.0.0.1:0")
			cmd.Env = append(display.env(), "TMPDIR="+temporary)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			var log bytes.Buffer
			cmd.Stdout, cmd.Stderr = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			end(cmd, display.window())
			// It returns when no process has the output open any more.
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, log.String())
			}
			if !strings.Contains(log.String(), "Nothing is left behind.") {
				t.Errorf("it printed:\n%s", log.String())
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
