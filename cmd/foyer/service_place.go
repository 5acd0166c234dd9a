package main

import (
	"io/fs"

	"foyer/app"
	"foyer/app/localapi"
)

// Security identifiers of Windows: of the system and of its administrators.
const (
	sidSystem         = "S-1-5-18"
	sidAdministrators = "S-1-5-32-544"
)

// checkPlace returns Invalid unless a directory of the service, or a file in one, is the machine's own. Below ProgramData everybody may make
// directories: who has made this one could have left open files, and may give himself every right to it again.
func checkPlace(path string, isDir bool, mode fs.FileMode, owner, name string) error {
	what := "directory"
	if !isDir {
		what = "file"
	}
	if mode.IsDir() != isDir || mode&(fs.ModeType&^fs.ModeDir) != 0 {
		return app.Errorf(app.Invalid, "place_link", "%s is not a %s, or leads to another one: move it away, then run foyer service install", path, what)
	}
	switch owner {
	case sidSystem, sidAdministrators, localapi.ServiceSID("TrustedInstaller"):
		return nil
	default:
		return app.Errorf(app.Invalid, "place_foreign",
			"the %s %s belongs to %s, who could change or read what is in it: look what it is, move it away, then run foyer service install", what, path, name)
	}
}
