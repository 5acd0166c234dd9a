package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"foyer/app"
)

// manCommand is for those who make packages: whoever uses the program has --help. cobra's own pages would take the texts for
// Markdown, in which *.example.com is something else.
func (p *program) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into a directory",
		Hidden: true,
		Args:   exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			date := time.Now().UTC()
			if word := p.getenv("SOURCE_DATE_EPOCH"); word != "" {
				seconds, err := strconv.ParseInt(word, 10, 64)
				if err != nil {
					return app.Errorf(app.Invalid, "source_date_epoch", "SOURCE_DATE_EPOCH is to be a number of seconds, not %q", word)
				}
				date = time.Unix(seconds, 0).UTC()
			}
			return writeManuals(cmd.Root(), args[0], date)
		},
	}
}

// writeManuals writes a page for cmd and for each command below it.
func writeManuals(cmd *cobra.Command, dir string, date time.Time) error {
	cmd.InitDefaultHelpFlag()
	path := filepath.Join(dir, manualName(cmd)+".1")
	if err := os.WriteFile(path, []byte(manual(cmd, date)), 0o644); err != nil { //nolint:gosec // it is for everybody
		return fmt.Errorf("write a manual page: %w", err)
	}
	for _, below := range cmd.Commands() {
		if !below.IsAvailableCommand() || below.Name() == "help" {
			continue
		}
		if err := writeManuals(below, dir, date); err != nil {
			return err
		}
	}
	return nil
}

// manualName returns the name of the page of a command: foyer-company-add.
func manualName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manual returns the page of a command, in the language of man(7).
func manual(cmd *cobra.Command, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 1 %q %q \"Foyer\"\n", strings.ToUpper(manualName(cmd)), date.Format(time.DateOnly), "Foyer "+version())
	b.WriteString(".nh\n.SH NAME\n" + roff(manualName(cmd)+" - "+lowerFirst(cmd.Short)) + "\n")
	b.WriteString(".SH SYNOPSIS\n")
	if len(cmd.Commands()) > 0 && cmd.HasAvailableSubCommands() {
		b.WriteString(".B " + roff(cmd.CommandPath()) + "\n.I COMMAND\n")
	} else {
		b.WriteString(".B " + roff(cmd.CommandPath()) + "\n" + roff(strings.TrimSpace(strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath()))) + "\n")
	}
	b.WriteString(".SH DESCRIPTION\n" + paragraphs(orShort(cmd)))
	manualCommands(&b, cmd)
	manualFlags(&b, "OPTIONS", cmd.NonInheritedFlags())
	manualFlags(&b, "OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n.nf\n" + roff(unindent(cmd.Example)) + "\n.fi\n")
	}
	if !cmd.HasParent() {
		b.WriteString(manualFiles)
	} else {
		b.WriteString(".SH SEE ALSO\n.BR " + roff(manualName(cmd.Parent())) + " (1)\n")
	}
	return b.String()
}

// manualFiles is what the page of the program itself says of files and ends.
const manualFiles = `.SH FILES
.TP
.I /etc/foyer/foyer.toml
what the service has to know before its database is open; it may be missing
.TP
.I /var/lib/foyer
the data: database, key, backups
.TP
.I /run/foyer/admin.sock
the admin socket
.SH EXIT STATUS
0 done, 1 failed, 2 wrong usage, 3 the service cannot be reached, 4 not found, 5 conflict, 6 invalid input, 7 not permitted,
75 already running, 78 the data directory cannot be used.
`

// manualCommands lists the commands below cmd.
func manualCommands(b *strings.Builder, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			fmt.Fprintf(b, ".TP\n.BR %s (1)\n%s\n", roff(manualName(below)), roff(below.Short))
		}
	}
}

// manualFlags lists flags below a heading.
func manualFlags(b *strings.Builder, heading string, flags *pflag.FlagSet) {
	var list strings.Builder
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		value, text := pflag.UnquoteUsage(flag)
		name := "--" + flag.Name
		if flag.Shorthand != "" {
			name = "-" + flag.Shorthand + ", " + name
		}
		if value != "" {
			value = " \\fI" + roff(value) + "\\fR"
		}
		fmt.Fprintf(&list, ".TP\n\\fB%s\\fR%s\n%s\n", roff(name), value, roff(text))
	})
	if list.Len() > 0 {
		b.WriteString(".SH " + heading + "\n" + list.String())
	}
}

// orShort returns the long text of a command, or the short one as a sentence.
func orShort(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return cmd.Long
	}
	return cmd.Short + "."
}

// paragraphs returns text for man: lines that are indented stay as they are, others are filled.
func paragraphs(text string) string {
	var b strings.Builder
	literal := false
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		line = strings.TrimRight(line, " \n")
		indented := strings.HasPrefix(line, "  ")
		switch {
		case line == "" && !literal:
			b.WriteString(".PP\n")
			continue
		case indented && !literal:
			b.WriteString(".nf\n")
		case !indented && literal && line != "":
			b.WriteString(".fi\n")
		}
		literal = indented || literal && line == ""
		b.WriteString(roff(line) + "\n")
	}
	if literal {
		b.WriteString(".fi\n")
	}
	return b.String()
}

// roff returns text that man prints as it is: a hyphen that can be copied, no line that is taken for a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "\u2026", "...").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// unindent takes the two blanks from lines that the help begins examples with.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

// lowerFirst returns s as part of a line, unless it begins with a name.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
