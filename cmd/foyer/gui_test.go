//go:build !nogui

package main

import (
	"bytes"
	"errors"
	"image/png"
	"io/fs"
	"log"
	"log/slog"
	"testing"

	"github.com/BurntSushi/toml"

	"foyer/assets"
)

// TestFyneApp expects that packages are told what the program says of itself.
func TestFyneApp(t *testing.T) {
	var file struct {
		Languages []string
		Details   struct{ Icon, Name, ID string }
		// A desktop that starts the program wants to see it.
		LinuxAndBSD struct{ ExecParams string }
		Migrations  map[string]bool
	}
	if _, err := toml.DecodeFile("../../FyneApp.toml", &file); err != nil {
		t.Fatal(err)
	}
	if file.Details.ID != guiID || file.Details.Name != guiName || file.Details.Icon != "assets/"+guiIcon {
		t.Errorf("got %+v, want %s, %s and the icon %s", file.Details, guiID, guiName, guiIcon)
	}
	if !file.Migrations["fyneDo"] || file.LinuxAndBSD.ExecParams != "gui" || len(file.Languages) != len(assets.Langs) {
		t.Errorf("got %+v", file)
	}
	data, err := fs.ReadFile(assets.Files(), guiIcon)
	if err != nil {
		t.Fatal(err)
	}
	icon, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || icon.Width != 512 || icon.Height != 512 {
		t.Errorf("the icon: got %dx%d, %v, want 512x512", icon.Width, icon.Height, err)
	}
}

func TestFyneLog(t *testing.T) {
	var out bytes.Buffer
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := log.New(&fyneLog{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: drop}))}, "", 0)
	logger.Println("Fyne error: ", "no tray")
	logger.Println("  Cause:", errors.New("no D-Bus"))
	logger.Printf("  At: %s:%d", "tray.go", 7)
	logger.Println("Fyne error: ", "no icon")
	logger.Printf("  At: %s:%d", "icon.go", 8)
	logger.Println("something else")
	want := `level=WARN msg="logged by Fyne" text="no tray: no D-Bus"
level=WARN msg="logged by Fyne" text="no icon"
level=WARN msg="logged by Fyne" text="something else"
`
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
