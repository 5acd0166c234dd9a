package main

import (
	"io/fs"
	"strings"
	"testing"

	"foyer/app"
)

// TestCheckPlace expects that the directories of the service are those of the machine, as anybody may have made one below ProgramData.
func TestCheckPlace(t *testing.T) {
	const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464" // sc showsid TrustedInstaller
	const place = `C:\ProgramData\Foyer`
	tests := []struct {
		file   bool
		mode   fs.FileMode
		owner  string
		reason string
	}{
		{false, fs.ModeDir | 0o777, sidSystem, ""},
		{false, fs.ModeDir | 0o777, sidAdministrators, ""},
		{false, fs.ModeDir | 0o777, trustedInstaller, ""},
		{false, fs.ModeDir | 0o777, "S-1-5-21-1-2-3-1001", "place_foreign"},
		{false, fs.ModeDir | 0o777, "S-1-5-32-545", "place_foreign"},
		{false, fs.ModeDir | 0o777, "", "place_foreign"},
		{false, fs.ModeSymlink | 0o777, sidSystem, "place_link"},
		{false, fs.ModeDir | fs.ModeIrregular | 0o777, sidSystem, "place_link"}, // a junction
		{false, fs.ModeIrregular, sidSystem, "place_link"},
		{false, 0o666, sidSystem, "place_link"},
		{true, 0o666, sidAdministrators, ""},
		{true, 0o666, "S-1-5-21-1-2-3-1001", "place_foreign"},
		{true, fs.ModeSymlink | 0o666, sidSystem, "place_link"},
		{true, fs.ModeDir | 0o777, sidSystem, "place_link"},
	}
	for _, tt := range tests {
		err := checkPlace(place, !tt.file, tt.mode, tt.owner, `OFFICE\mallory`)
		if got := app.ReasonOf(err); got != tt.reason {
			t.Errorf("%v of %q: got %v, want %q", tt.mode, tt.owner, err, tt.reason)
		}
		if tt.reason == "" {
			continue
		}
		if got := exitStatus(&serveError{err}); got != exitInvalid {
			t.Errorf("a service with %v of %q ends with %d, want %d: it is not to be tried again", tt.mode, tt.owner, got, exitInvalid)
		}
		if text := app.MessageOf(err); !strings.Contains(text, place) || !strings.Contains(text, "move it away") || tt.reason == "place_foreign" && !strings.Contains(text, `OFFICE\mallory`) {
			t.Errorf("got %q", text)
		}
	}
}
