package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"foyer/app"
	"foyer/app/localapi"
)

func (p *program) settingsCommand() *cobra.Command {
	return group("settings", "What can be changed while the service runs",
		"Settings of the pages, the mail and the limits. A change holds at once.",
		"  foyer settings get\n  foyer settings set login_link=on",
		p.settingsGet(), p.settingsSet(), p.settingsTestURL())
}

func (p *program) settingsGet() *cobra.Command {
	return &cobra.Command{
		Use:     "get [KEY]",
		Short:   "Show all settings, or the value of one",
		Long:    "Show all settings with what they are for, or the bare value of one. Of a secret it is\nshown only whether it is set.",
		Example: "  foyer settings get\n  foyer settings get login_link",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := p.client.Settings(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return p.printSetting(settings, args[0])
			}
			if p.json {
				return p.printJSON(settings)
			}
			return p.printSettings(settings)
		},
	}
}

func (p *program) printSetting(settings localapi.Settings, key string) error {
	value, ok := settings[key]
	if !ok {
		return app.Errorf(app.NotFound, "setting_unknown", "there is no setting %q; foyer settings get lists them", key)
	}
	if p.json {
		return p.printJSON(localapi.Settings{key: value})
	}
	return p.say("%s", value.String())
}

func (p *program) printSettings(settings localapi.Settings) error {
	var rows [][]string
	shown := map[string]bool{}
	for _, def := range app.SettingDefs() {
		if value, ok := settings[def.Key]; ok {
			rows = append(rows, []string{def.Key, short(value.String(), 50), def.Help})
			shown[def.Key] = true
		}
	}
	// A service of another version may have settings this program does not know.
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if !shown[key] {
			rows = append(rows, []string{key, short(settings[key].String(), 50), ""})
		}
	}
	return p.table([]string{"KEY", "VALUE", "WHAT IT IS"}, rows, "")
}

func (p *program) settingsSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY=VALUE...",
		Short: "Change settings, all or none",
		Long: `Change settings. Either all of them are changed, or none. Switches are on or off;
limits are numbers, and 0 switches a limit off; KEY= makes a text empty.

A password on the command line stays in the history of your shell and can be seen
by others while the command runs. Write mail.password=- and the value is read from
standard input, one line.`,
		Example: `  foyer settings set login_link=on site_name="Example Office"
  foyer settings set mail.transport=smarthost mail.from=accounts@office.example \
      mail.smarthost=smtp.office.example:587 mail.auth=plain \
      mail.username=accounts mail.password=- < password.txt`,
		Args: between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := p.changes(cmd, args, secretSetting)
			if err != nil {
				return err
			}
			settings, err := p.client.SetSettings(cmd.Context(), changes)
			if err != nil {
				return err
			}
			if err := p.warnDirect(settings); err != nil {
				return err
			}
			return p.done(settings, "changed %s", changesLine(settings, changes))
		},
	}
}

// warnDirect says on standard error what keeps mail from being taken where it is brought directly.
func (p *program) warnDirect(settings localapi.Settings) error {
	if p.json || settings["mail.transport"].Text != "direct" || app.IsPublicName(settings["public_url"].Text) {
		return nil
	}
	_, err := fmt.Fprintln(p.err, "with mail.transport=direct Foyer introduces itself by the host of public_url, and mail servers refuse one that is no full "+
		"name in the DNS; set it as in: foyer settings set public_url=https://accounts.office.example")
	return err
}

func secretSetting(key string) bool {
	def, err := app.SettingByKey(key)
	return err == nil && def.Secret()
}

// changes reads KEY=VALUE arguments. The value of a key that is secret, given as "-", is one line of standard input.
func (p *program) changes(cmd *cobra.Command, args []string, secret func(key string) bool) (map[string]string, error) {
	changes := map[string]string{}
	input := p.typed()
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, usage(cmd, "%q is not KEY=VALUE", arg)
		}
		if _, twice := changes[key]; twice {
			return nil, usage(cmd, "%s is given twice", key)
		}
		if value == "-" && secret(key) {
			var err error
			if value, err = p.readSecretLine(key, input); err == nil && value == "" {
				err = errors.New("the line is empty")
			}
			if err != nil {
				return nil, app.Fieldf(key, "secret_missing", "%s cannot be read from standard input: %v", key, err)
			}
		}
		changes[key] = value
	}
	return changes, nil
}

// readSecretLine returns one line of standard input. At a terminal it asks for it, and what is typed is not shown.
func (p *program) readSecretLine(key string, input *bufio.Reader) (string, error) {
	file, ok := p.in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return readLine(input)
	}
	fmt.Fprintf(p.err, "%s: ", key)
	typed, err := term.ReadPassword(int(file.Fd()))
	fmt.Fprintln(p.err)
	return string(typed), err
}

// readLine returns the next line without its end. The last one may lack an end; that there is none is an error.
func readLine(input *bufio.Reader) (string, error) {
	line, err := input.ReadString('\n')
	if err == io.EOF && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func changesLine(settings localapi.Settings, changes map[string]string) string {
	words := make([]string, 0, len(changes))
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		if value := settings[key]; value.Secret {
			words = append(words, key+" ("+value.String()+")")
		} else {
			words = append(words, key+"="+value.Text)
		}
	}
	return strings.Join(words, ", ")
}
