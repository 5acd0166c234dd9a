package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

func (p *program) programCommand() *cobra.Command {
	return group("program", "The office's programs that send mail through Foyer",
		`A program of the office's, such as a scanner, a shop or a backup, hands its mail over by
SMTP, with a name and a password that Foyer makes for it. It sends as the addresses and
domains you name, and as nobody else. Nothing listens for programs until there is one.`,
		`  foyer program add scanner scanner@office.example
  foyer program list`,
		p.programList(), p.programShow(), p.programAdd(), p.programSet(), p.programPassword(), p.programRemove())
}

func (p *program) programList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the programs, and where they hand over their mail",
		Example: "  foyer program list",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			programs, err := p.client.Programs(cmd.Context())
			if err != nil {
				return err
			}
			err = list(p, programs, "no programs yet; add one with: foyer program add NAME SENDER",
				[]string{"NAME", "STATE", "MAY SEND AS", "LOCAL USER", "LAST SEEN"}, func(pr localapi.Program) []string {
					return []string{pr.Name, enabledWord(pr.Enabled), short(senders(pr), 60), pr.LocalUser, atOrNone(pr.SeenAt)}
				})
			if err != nil || p.json || len(programs) == 0 {
				return err
			}
			return p.printListener(cmd)
		},
	}
}

// senders returns whom a program may send as, for people.
func senders(pr localapi.Program) string {
	if len(pr.Senders) == 0 {
		return "nobody yet"
	}
	return strings.Join(pr.Senders, " ")
}

// printListener prints where programs hand over their mail.
func (p *program) printListener(cmd *cobra.Command) error {
	states, err := p.client.MailListener(cmd.Context())
	if err != nil {
		return err
	}
	if len(states) == 0 {
		return p.say("\nNothing listens for them: [smtp] listen is \"off\" in the configuration file.")
	}
	if err := p.say("\nThey hand over mail at:"); err != nil {
		return err
	}
	for _, s := range states {
		if err := p.say("  %s (%s): %s", s.Address, listenTLS(s.TLS), listenWords(s)); err != nil {
			return err
		}
	}
	return nil
}

func listenTLS(kind string) string {
	switch kind {
	case "starttls":
		return "STARTTLS"
	case "implicit":
		return "TLS"
	default:
		return "no TLS"
	}
}

func listenWords(s localapi.ListenState) string {
	switch {
	case s.Problem != "":
		return "closed: " + s.Problem
	case s.Open:
		return "open"
	default:
		return "closed, because no program is enabled"
	}
}

func (p *program) programShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a program",
		Example: "  foyer program show scanner",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pr, err := p.client.Program(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(pr)
			}
			user := pr.LocalUser
			if user == "" {
				user = "none: its password is needed everywhere"
			}
			return p.facts("Name", pr.Name, "State", enabledWord(pr.Enabled), "May send as", senders(pr), "Local user", user,
				"Created", at(pr.CreatedAt)+" UTC", "Last seen", atOr(pr.SeenAt, "never"))
		},
	}
}

func (p *program) programAdd() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "add NAME [SENDER...]",
		Short: "Add a program and print its password, once",
		Long: `Add a program. NAME is what it signs in with: a-z, 0-9 and . _ -. Each SENDER is an
address or a domain it may send as; a domain stands for the addresses at exactly it.
Foyer makes the password and prints it this once.

With --local-user, processes of that user of this machine need no password when they
connect to a loopback address. The kernel says whose process it is (Linux only). Whoever
can make a process of that user open a connection sends mail as the program: name no
user who forwards connections of others, such as one who runs a proxy or takes SSH.`,
		Example: `  foyer program add scanner scanner@office.example
  foyer program add shop office.example --local-user www-data`,
		Args: between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys := map[string]string{"senders": strings.Join(args[1:], " ")}
			if user != "" {
				keys["local_user"] = user
			}
			pr, err := p.client.AddProgram(cmd.Context(), args[0], keys)
			if err != nil {
				return err
			}
			return p.printPassword(cmd, pr, "added %s; it may send as %s", pr.Name, senders(pr.Program))
		},
	}
	cmd.Flags().StringVar(&user, "local-user", "", "processes of `USER` on this machine need no password")
	return cmd
}

// printPassword prints a sentence and a password that nobody can read again.
func (p *program) printPassword(cmd *cobra.Command, pr localapi.NewProgram, format string, args ...any) error {
	if p.json {
		return p.printJSON(pr)
	}
	if err := p.say(format, args...); err != nil {
		return err
	}
	if err := p.say("\nName:      %s\nPassword:  %s\n\nNote the password now: it cannot be shown again.", pr.Name, pr.Password); err != nil {
		return err
	}
	return p.printListener(cmd)
}

func (p *program) programSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME KEY=VALUE...",
		Short: "Change a program, all or none",
		Long: `Change a program. Either all keys are changed, or none. The keys are

` + programKeysHelp() + `
senders replaces the list: name all of them, in quotes.`,
		Example: `  foyer program set scanner senders="scanner@office.example copier@office.example"
  foyer program set shop enabled=off`,
		Args: between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := p.changes(cmd, args[1:], func(string) bool { return false })
			if err != nil {
				return err
			}
			pr, err := p.client.SetProgram(cmd.Context(), args[0], changes)
			if err != nil {
				return err
			}
			return p.done(pr, "changed %s of %s", programChangesLine(pr, changes), pr.Name)
		},
	}
}

// programKeysHelp returns a line for each key.
func programKeysHelp() string {
	var b strings.Builder
	for _, key := range app.ProgramKeys() {
		b.WriteString("  " + key.Key + strings.Repeat(" ", 12-len(key.Key)) + key.Help + "\n")
	}
	return b.String()
}

func programChangesLine(pr localapi.Program, changes map[string]string) string {
	values := map[string]string{"senders": senders(pr), "local_user": pr.LocalUser, "enabled": onOff(pr.Enabled)}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		words = append(words, key+"="+values[key])
	}
	return strings.Join(words, ", ")
}

func (p *program) programPassword() *cobra.Command {
	return &cobra.Command{
		Use:     "password NAME",
		Short:   "Give a program a new password and print it, once",
		Long:    "Give a program a new password and print it, once. The old one is worthless at once.",
		Example: "  foyer program password scanner",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pr, err := p.client.NewProgramPassword(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.printPassword(cmd, pr, "%s has a new password; the old one is worthless", pr.Name)
		},
	}
}

func (p *program) programRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a program; mail it has handed over is still delivered",
		Example: "  foyer program remove scanner",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveProgram(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "removed the program %s; mail it has handed over is still delivered", args[0])
		},
	}
}
