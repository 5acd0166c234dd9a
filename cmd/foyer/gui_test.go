//go:build !nogui

package main

import (
	"bytes"
	"image/png"
	"io/fs"
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
