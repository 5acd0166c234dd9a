package server

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Where the configuration and the data are when neither a flag nor the environment says otherwise. Windows knows the directory of
// all users' program data only when it is asked, so these are variables. Nothing sets them.
var (
	DefaultConfigFile = filepath.Join(programData(), "Foyer", "foyer.toml")
	DefaultDataDir    = filepath.Join(programData(), "Foyer", "data")
)

func programData() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return `C:\ProgramData`
	}
	return dir
}
