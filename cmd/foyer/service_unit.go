package main

import (
	_ "embed"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed foyer.service
var unitTemplate string

// unitMark is how a unit begins that install has written.
const unitMark = `# Written by "foyer service install"`

// packageProgram is where a package has the program. It is run from there and never replaced.
const packageProgram = "/usr/bin/foyer"

// unitText returns the unit that runs program, which may write below the directories writable as well.
func unitText(program string, writable []string) string {
	mark := unitMark + ", and written anew by the next one."
	if program == packageProgram {
		mark = "# It comes with the package, and anew with each update of it."
	}
	return strings.NewReplacer("@MARK@", mark, "@PROGRAM@", unitWord(program), "@WRITABLE@", writePaths(writable)).Replace(unitTemplate)
}

// writePaths returns the lines of a unit with which the service may write below directories.
func writePaths(dirs []string) string {
	var lines strings.Builder
	for _, dir := range dirs {
		lines.WriteString("ReadWritePaths=" + unitWord(dir) + "\n")
	}
	return lines.String()
}

// unitWord returns s as one word of a unit: % begins a specifier, $ a variable.
func unitWord(s string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$", "\n", `\n`).Replace(s)
	if quoted == s && !strings.ContainsAny(s, " \t;'") {
		return s
	}
	return `"` + quoted + `"`
}

// unit is not for this machine alone: packages are made with it.
func (s *services) unit() *cobra.Command {
	program := packageProgram
	cmd := &cobra.Command{
		Use:   "unit",
		Short: "Print the unit for systemd",
		Long: `Print the unit with which systemd runs Foyer: the one of the packages, for machines that are
set up by a tool of their own. It changes nothing. On this machine "foyer service install"
does it all.`,
		Example: "  foyer service unit --program /opt/foyer/foyer",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !strings.HasPrefix(program, "/") {
				return usage(cmd, "--program is a path from the root of the machine on, as in %s", packageProgram)
			}
			_, err := io.WriteString(s.p.out, unitText(program, nil))
			return err
		},
	}
	cmd.Flags().StringVar(&program, "program", program, "`PATH` of the program that the unit runs")
	return cmd
}
