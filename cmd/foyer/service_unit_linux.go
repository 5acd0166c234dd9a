package main

import (
	_ "embed"
	"path/filepath"
	"slices"
	"strings"

	"foyer/server"
)

//go:embed foyer.service
var unitTemplate string

// unitMark is how a unit begins that install has written.
const unitMark = `# Written by "foyer service install"`

// unitText returns the unit that runs program, which may write below the directories writable as well.
func unitText(program string, writable []string) string {
	var lines strings.Builder
	for _, dir := range writable {
		lines.WriteString("ReadWritePaths=" + unitWord(dir) + "\n")
	}
	return strings.NewReplacer("@PROGRAM@", unitWord(program), "@WRITABLE@", lines.String()).Replace(unitTemplate)
}

// unitWord returns s as one word of a unit: % begins a specifier, $ a variable.
func unitWord(s string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$", "\n", `\n`).Replace(s)
	if quoted == s && !strings.ContainsAny(s, " \t;'") {
		return s
	}
	return `"` + quoted + `"`
}

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

func socketDir(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Dir(path)
}
