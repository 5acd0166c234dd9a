// Command foyer is the service, and the command line with which it is administered. It parses arguments, starts
// things and prints; what is done, the rooms below it do. Nothing imports it.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

func main() {
	endQuiet()
	cobra.MousetrapHelpText = "" // on Windows a double click opens the desktop program, not a complaint about it
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run does what args say and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{in: os.Stdin, out: stdout, err: stderr, getenv: os.Getenv}
	return p.run(ctx, args)
}

// program is one call of the command line: where it reads and writes, and the flags every command has.
type program struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) string

	data   string // the data directory, "" when not named
	socket string // the admin socket, "" when not named
	json   bool

	client *localapi.Client
	input  *bufio.Reader // reads lines of in; typed makes it

	manager    serviceManager // of the system; nil is that of this one
	privileged func() bool    // whether this process may change services; nil asks the system
	ready      func()         // called when the service is ready; nil when nobody waits for that
}

// typed returns what reads lines of standard input: one reader for all of them, which may have read ahead.
func (p *program) typed() *bufio.Reader {
	if p.input == nil {
		p.input = bufio.NewReader(p.in)
	}
	return p.input
}

func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take os.Args
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if _, quiet := errors.AsType[quietExit](err); !quiet {
		fmt.Fprintln(p.err, p.errorText(err))
	}
	return exitStatus(err)
}

// root returns the tree of all commands.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "foyer",
		Short: "Lets the people of your customer companies create their own accounts",
		Long: `Foyer lets the people of a small office's customer companies create their own
accounts. You say which addresses and domains belong to which company; whoever
has such an address can sign up, confirms it by mail, and signs in.

"foyer serve" is the service. The other commands administer it while it runs, on
the same machine, through its admin socket. "foyer demo" shows it in a minute.`,
		Example: `  foyer demo
  foyer company add "Acme Ltd" acme.com
  foyer allow test jane@acme.com
  foyer settings set login_link=on`,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.hasDisplay() {
				return p.openGUI(slog.LevelWarn)
			}
			return cmd.Help()
		},
		PersistentPreRunE: func(*cobra.Command, []string) error { return p.place() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		Version:           version(),
	}
	root.SetVersionTemplate("foyer {{.Version}}\n")
	root.SetFlagErrorFunc(wrongFlag)
	root.SetUsageTemplate(usageTemplate)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.SetHelpCommand(helpCommand())

	flags := root.PersistentFlags()
	flags.StringVar(&p.data, "data", "", "the service's data are in `DIR`, and its admin socket is DIR/admin.sock (or FOYER_DATA)")
	flags.StringVar(&p.socket, "socket", "", "the admin socket is at `PATH` (or FOYER_SOCKET)")
	flags.BoolVar(&p.json, "json", false, "print JSON")

	root.AddGroup(&cobra.Group{ID: groupRun, Title: "Run it:"}, &cobra.Group{ID: groupAdmin, Title: "Administer it:"})
	for _, cmd := range []*cobra.Command{p.serveCommand(), p.demoCommand(), p.guiCommand(), p.serviceCommand()} {
		cmd.GroupID = groupRun
		root.AddCommand(cmd)
	}
	for _, cmd := range []*cobra.Command{
		p.attentionCommand(), p.companyCommand(), p.allowCommand(), p.connectorCommand(), p.programCommand(), p.accountCommand(), p.registrationCommand(),
		p.settingsCommand(), p.addressCommand(), p.mailCommand(), p.auditCommand(), p.backupCommand(), p.doctorCommand(), p.metricsCommand(),
	} {
		cmd.GroupID = groupAdmin
		root.AddCommand(cmd)
	}
	root.AddCommand(p.versionCommand(), p.manCommand())
	examplesHere(root)
	return root
}

// examplesHere writes the examples of a command, and of those below it, as they are typed on this system.
func examplesHere(cmd *cobra.Command) {
	cmd.Example = strings.ReplaceAll(cmd.Example, "sudo ", app.Sudo)
	for _, below := range cmd.Commands() {
		examplesHere(below)
	}
}

// The two kinds of commands, as they are set apart in the help.
const (
	groupRun   = "run"
	groupAdmin = "admin"
)

// usageTemplate is cobra's, without the line that promises a command can do something by itself when it only has
// others below it.
const usageTemplate = `Usage:
{{- if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{else}}
  {{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$all := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if and (eq .GroupID $group.ID) .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}

{{if .Groups}}Other commands:{{else}}Commands:{{end}}{{range $all}}{{if and (eq .GroupID "") .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

Use "{{.CommandPath}} COMMAND --help" for more about a command.{{end}}
`

// place decides where the service is: what the flags say, or else the environment.
func (p *program) place() error {
	if p.data == "" {
		p.data = p.getenv("FOYER_DATA")
	}
	if p.socket == "" {
		p.socket = p.getenv("FOYER_SOCKET")
	}
	p.client = &localapi.Client{Socket: p.socketPath()}
	return nil
}

// socketPath returns the path of the admin socket.
func (p *program) socketPath() string {
	switch {
	case p.socket != "":
		return p.socket
	case p.data != "":
		return filepath.Join(p.data, "admin.sock")
	default:
		return localapi.DefaultSocket
	}
}

// guiCommand is there in every build, so that one without the desktop program can say so.
func (p *program) guiCommand() *cobra.Command {
	level := slog.LevelWarn
	cmd := &cobra.Command{
		Use:     "gui",
		Short:   "The desktop program",
		Example: "  foyer gui\n  foyer gui --log-level debug",
		Args:    exactly(0),
		RunE:    func(*cobra.Command, []string) error { return p.openGUI(level) },
	}
	cmd.Flags().TextVar(&level, "log-level", level, "`LEVEL` of what is logged: debug, info, warn or error")
	return cmd
}

// group returns a command that only has others below it.
func group(name, short, long, example string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:     name,
		Short:   short,
		Long:    long,
		Example: example,
		Args:    unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(cmd, "which one? %s has %s", cmd.CommandPath(), names(cmd))
		},
	}
	cmd.AddCommand(below...)
	return cmd
}

// names returns the names of the commands below cmd as a phrase.
func names(cmd *cobra.Command) string {
	var words []string
	for _, c := range cmd.Commands() {
		words = append(words, c.Name())
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// unknownCommand is the Args of a command that only has others below it.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usage(cmd, "there is no command %q; did you mean %s?", args[0], cmd.CommandPath()+" "+near[0])
	}
	return usage(cmd, "there is no command %q", args[0])
}

// wrongFlag says what is the matter with a flag. What pflag adds of the package that did not understand the value
// helps nobody.
func wrongFlag(cmd *cobra.Command, err error) error {
	text, _, cut := strings.Cut(err.Error(), `" flag: `)
	if cut {
		text += `" flag`
	}
	return usage(cmd, "%s", text)
}

// exactly is the Args of a command that takes n of them.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

// between is the Args of a command that takes at least low and, unless high is negative, at most high of them.
func between(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		line := strings.TrimSuffix(cmd.UseLine(), " [flags]")
		switch {
		case len(args) < low:
			return usage(cmd, "too few arguments; write %s", line)
		case high >= 0 && len(args) > high && strings.Contains(cmd.Use, "NAME"):
			return usage(cmd, "too many arguments; write %s, and a name with blanks in quotes", line)
		case high >= 0 && len(args) > high:
			return usage(cmd, "too many arguments; write %s", line)
		}
		return nil
	}
}

// helpCommand is cobra's, but that what it does not know is wrong usage.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Help about a command",
		Example: "  foyer help company add",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage(cmd.Root(), "there is no command %q", strings.Join(args, " "))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
