package main

import (
	"path/filepath"
	"slices"
	"strings"

	"foyer/server"
)

// writable returns the directories that the configuration puts things into and that the unit does not give the service.
func writable(c server.Config) []string {
	var dirs []string
	for _, dir := range []string{c.DataDir, socketDir(c.Socket)} {
		below := func(known string) bool { return dir == known || strings.HasPrefix(dir, known+"/") }
		if dir != "" && !slices.ContainsFunc(append([]string{server.DefaultDataDir, filepath.Dir(server.DefaultSocket)}, dirs...), below) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// dropInText returns what is added to the unit of a package, "" for nothing.
func dropInText(writable []string) string {
	if len(writable) == 0 {
		return ""
	}
	return unitMark + ": the configuration file names directories elsewhere.\n[Service]\n" + writePaths(writable)
}

func socketDir(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Dir(path)
}
