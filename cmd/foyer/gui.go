//go:build !nogui

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"fyne.io/fyne/v2"
	desktop "fyne.io/fyne/v2/app"
	"github.com/go-gl/glfw/v3.4/glfw"

	"foyer/assets"
	"foyer/cmd/foyer/displaylibs"
	"foyer/cmd/foyer/quiet"
	"foyer/gui"
)

// The desktop program's name for the desktop, by which it also finds its preferences; FyneApp.toml has the same.
const (
	guiID   = "org.foyer.Foyer"
	guiName = "Foyer"
	guiIcon = "icon/foyer.png" // of the assets
)

// useCommands ends the errors of a desktop program that cannot be opened.
const useCommands = "the commands do the same, foyer --help lists them"

// endQuiet lets be logged what is logged from here on.
func endQuiet() { quiet.End() }

// hasDisplay reports whether the desktop program is what somebody wants who types, or clicks on, foyer alone.
func (p *program) hasDisplay() bool {
	return runtime.GOOS != "linux" || p.getenv("DISPLAY") != "" || p.getenv("WAYLAND_DISPLAY") != ""
}

// openGUI shows the desktop program until it is closed. It has to be called on the main goroutine.
func (p *program) openGUI(level slog.Level) error {
	if err := p.checkDisplay(); err != nil {
		return fmt.Errorf("the desktop program cannot be opened: %w; %s", err, useCommands)
	}
	logger := slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: level}))
	log.SetFlags(0)                      //nolint:forbidigo // Fyne knows no other log than the standard one
	log.SetOutput(&fyneLog{log: logger}) //nolint:forbidigo // as above
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	icon, err := fs.ReadFile(assets.Files(), guiIcon)
	if err != nil {
		return fmt.Errorf("read the icon: %w", err)
	}
	image := fyne.NewStaticResource("foyer.png", icon)
	desktop.SetMetadata(fyne.AppMetadata{
		ID: guiID, Name: guiName, Version: version(), Icon: image, Migrations: map[string]bool{"fyneDo": true},
	})
	makeCache()
	a := desktop.NewWithID(guiID)
	a.SetIcon(image)
	machine := &host{executable: executable, elsewhere: p.data != "" || p.socket != ""}
	defer machine.demos.end()
	return gui.Run(a, gui.Config{Client: p.client, Host: machine, Version: version(), Log: logger})
}

// makeCache makes the person's directory for caches, which a new home does not have. Fyne makes its own only in one that is there,
// and complains otherwise; it works without.
func makeCache() {
	if dir, err := os.UserCacheDir(); err == nil {
		_ = os.MkdirAll(dir, 0o700)
	}
}

// fyneLog hands on what Fyne logs, which is a reason, its cause, and a place in Fyne, in one line each.
type fyneLog struct {
	log  *slog.Logger
	text []string
}

// Write is called with one line, never by two at a time.
func (l *fyneLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	reason, isReason := strings.CutPrefix(text, "Fyne error:")
	switch {
	case isReason:
		l.text = []string{strings.TrimSpace(reason)}
	case len(l.text) == 0:
		l.log.Warn("logged by Fyne", "text", text)
	case strings.HasPrefix(text, "At: "):
		l.log.Warn("logged by Fyne", "text", strings.Join(l.text, ": "))
		l.text = nil
	default:
		l.text = append(l.text, strings.TrimPrefix(text, "Cause: "))
	}
	return len(line), nil
}

// checkDisplay returns what keeps a window from being opened. Fyne would panic, or log it and go on without a window.
func (p *program) checkDisplay() error {
	if runtime.GOOS == "linux" && p.getenv("DISPLAY") == "" {
		if p.getenv("WAYLAND_DISPLAY") != "" {
			return errors.New("this desktop has no X11 (DISPLAY is not set); on Debian and Ubuntu: sudo apt install xwayland")
		}
		return errors.New("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)")
	}
	if err := displaylibs.Load(); err != nil {
		return err
	}
	if err := glfw.Init(); err != nil {
		return fmt.Errorf("the display cannot be reached: %w", err)
	}
	defer glfw.Terminate()
	return checkOpenGL()
}

// checkOpenGL opens a window that is not shown, with the OpenGL that Fyne asks for.
func checkOpenGL() error {
	glfw.WindowHint(glfw.Visible, glfw.False)
	if runtime.GOARCH == "arm64" && runtime.GOOS != "darwin" {
		glfw.WindowHint(glfw.ClientAPI, glfw.OpenGLESAPI)
		glfw.WindowHint(glfw.ContextVersionMajor, 2)
		glfw.WindowHint(glfw.ContextVersionMinor, 0)
	} else {
		glfw.WindowHint(glfw.ContextVersionMajor, 2)
		glfw.WindowHint(glfw.ContextVersionMinor, 1)
	}
	w, err := glfw.CreateWindow(1, 1, guiName, nil, nil)
	if err != nil && runtime.GOOS == "linux" {
		return fmt.Errorf("there is no OpenGL 2.1 here: %w; on Debian and Ubuntu the package libgl1-mesa-dri has one for every screen", err)
	}
	if err != nil {
		return fmt.Errorf("there is no OpenGL 2.1 here: %w; a newer driver of the graphics card may have it", err)
	}
	w.Destroy()
	return nil
}
