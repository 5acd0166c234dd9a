package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

func (p *program) connectorCommand() *cobra.Command {
	return group("connector", "Ways to sign in with Microsoft Entra ID, Google and other providers",
		`A connector is a button on the login screen: people sign in with the account they have at
Microsoft Entra ID, Google or another OpenID provider. Whether new accounts can be created
with it is a switch of its own, signup, and is off at first.`,
		`  foyer connector add google google --client-id 1234.apps.googleusercontent.com \
      --client-secret-file secret.txt
  foyer connector set google signup=on
  foyer connector show google`,
		p.connectorList(), p.connectorShow(), p.connectorAdd(), p.connectorSet(), p.connectorRemove(), p.connectorTest())
}

func (p *program) connectorList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the connectors",
		Example: "  foyer connector list",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			connectors, err := p.client.Connectors(cmd.Context())
			if err != nil {
				return err
			}
			return list(p, connectors, "no connectors yet; see how to add one with: foyer connector add --help",
				[]string{"NAME", "KIND", "BUTTON", "STATE", "SIGN-UP", "NOTE"}, func(c localapi.Connector) []string {
					return []string{c.Name, c.Kind, short(c.Title, 30), connectorState(c), onOff(c.SignUp), short(note(c), 80)}
				})
		},
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// connectorState says whether the connector's button is there.
func connectorState(c localapi.Connector) string {
	if c.Enabled && !c.Works {
		return "cannot work"
	}
	return enabledWord(c.Enabled)
}

// note returns the one thing about a connector to know first, or "".
func note(c localapi.Connector) string {
	for _, f := range slices.Concat(findings(c, true), findings(c, false)) {
		return f.Text
	}
	return c.LastProblem
}

// findings returns what keeps the connector from working, or what else there is to watch.
func findings(c localapi.Connector, blocks bool) []localapi.Finding {
	var found []localapi.Finding
	for _, f := range c.Findings {
		if f.Blocks == blocks {
			found = append(found, f)
		}
	}
	return found
}

func (p *program) connectorShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a connector, what to register at the provider, and what keeps it from working",
		Long:    "Show a connector, the redirect URI to register at the provider, what keeps it from working,\nand how the last sign-ins went since the service was started.",
		Example: "  foyer connector show google",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.client.Connector(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(c)
			}
			return p.printConnector(c)
		},
	}
}

func (p *program) printConnector(c localapi.Connector) error {
	pairs := []string{"Name", c.Name, "Kind", c.Kind, "Button", "Sign in with " + c.Title, "State", connectorState(c)}
	values := connectorValues(c)
	for _, key := range app.ConnectorKeys() {
		// What Button and State say already, and what such a connector does not have, is left out.
		if key.Key != "label" && key.Key != "enabled" && key.Of(app.ConnectorKind(c.Kind)) {
			pairs = append(pairs, key.Key, values[key.Key].String())
		}
	}
	pairs = append(pairs, "Created", at(c.CreatedAt)+" UTC", "Last sign-in", atOr(c.LastSignIn, "none since the service was started"))
	if c.LastProblem != "" {
		pairs = append(pairs, "Last problem", atOr(c.LastProblemAt, "")+": "+c.LastProblem)
	}
	if err := p.facts(pairs...); err != nil {
		return err
	}
	return p.printNext(c)
}

// printNext prints what to do before people can sign in with the connector.
func (p *program) printNext(c localapi.Connector) error {
	if err := p.say("\nRegister this redirect URI at the provider:\n%s", c.RedirectURI); err != nil {
		return err
	}
	if err := p.printFindings("It cannot work yet, and its button is not shown:", findings(c, true)); err != nil {
		return err
	}
	return p.printFindings("To be watched:", findings(c, false))
}

func (p *program) printFindings(title string, found []localapi.Finding) error {
	if len(found) == 0 {
		return nil
	}
	if err := p.say("\n%s", title); err != nil {
		return err
	}
	for _, f := range found {
		if err := p.say("  %s", f.Text); err != nil {
			return err
		}
	}
	return nil
}

// connectorValues returns the connector's keys as settings are shown.
func connectorValues(c localapi.Connector) localapi.Settings {
	expires := ""
	if c.SecretExpires != nil {
		expires = *c.SecretExpires
	}
	return localapi.Settings{
		"label": {Text: c.Label}, "client_id": {Text: c.ClientID}, "client_secret": c.ClientSecret, "secret_expires": {Text: expires},
		"tenant": {Text: c.Tenant}, "issuer": {Text: c.Issuer}, "enabled": {Text: onOff(c.Enabled)}, "signup": {Text: onOff(c.SignUp)},
		"trust_verified": {Text: onOff(c.TrustVerified)},
	}
}

const connectorAddHelp = `Add a connector of the kind entra, google or oidc. NAME stands in its addresses: a-z, 0-9
and -. Foyer prints the redirect URI to register at the provider, which depends on NAME
and on the setting public_url. So add the connector first, without its id and secret if
you do not have them yet, and give them with foyer connector set.

Microsoft Entra ID (entra), at https://entra.microsoft.com:
  1. App registrations, New registration. Choose the accounts of your organisation only,
     or those of any organisation for --tenant organizations. Redirect URI: platform Web,
     and what Foyer prints.
  2. Overview: the application (client) id is --client-id, the directory (tenant) id is
     --tenant. With --tenant organizations, name the tenants whose people may come with
     foyer company tenant add.
  3. Certificates & secrets, New client secret: its value, not its id, is the client
     secret. Note the day it expires: foyer connector set NAME secret_expires=2027-01-31
  4. Token configuration, Add optional claim, ID: email and acct. Accept the permission
     that is asked for. xms_edov is not in that list: add it in Manifest to optionalClaims,
     idToken, as {"name": "xms_edov", "essential": false}. Without email nobody can create
     an account; acct and xms_edov are needed for trust_verified only.

Google (google), at https://console.cloud.google.com/auth:
  1. Branding: the name of your office. Audience: External, and Publish app; until then
     only test users can sign in.
  2. Clients, Create client, Web application. Authorised redirect URIs: what Foyer prints.
     It shows the client id, and the client secret only once.
  Google takes https:// and a name on the internet only.

Any OpenID provider (oidc): register a web client with the authorisation code flow and the
scopes openid, email and profile. --issuer is what the provider calls its issuer, whose
/.well-known/openid-configuration Foyer reads. The client secret may be left out if the
provider gives none.`

func (p *program) connectorAdd() *cobra.Command {
	var secretFile string
	cmd := &cobra.Command{
		Use:   "add KIND NAME",
		Short: "Add a connector",
		Long:  connectorAddHelp,
		Example: `  foyer connector add entra microsoft --client-id 6731de76-14a6-49ae-97bc-6eba6914391e \
      --tenant 72f988bf-86f1-41af-91ab-2d7cd011db47 --client-secret-file secret.txt
  foyer connector add google google
  foyer connector add oidc office --label "Office account" \
      --issuer https://login.office.example --client-id foyer --client-secret-file -`,
		Args: exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys := map[string]string{}
			for flag, key := range connectorFlags {
				if cmd.Flags().Changed(flag) {
					keys[key] = cmd.Flag(flag).Value.String()
				}
			}
			if cmd.Flags().Changed(secretFlag) {
				var err error
				if keys["client_secret"], err = p.readSecret(secretFile); err != nil {
					return err
				}
			}
			c, err := p.client.AddConnector(cmd.Context(), args[0], args[1], keys)
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(c)
			}
			return p.printAdded(c)
		},
	}
	flags := cmd.Flags()
	flags.String("label", "", "the button says 'Sign in with `TEXT`' instead of the usual words")
	flags.String("client-id", "", "the client `ID` the provider gave")
	flags.String("tenant", "", "entra: the tenant's `ID` (a GUID), or organizations for the companies' tenants")
	flags.String("issuer", "", "oidc: the provider's issuer, an https:// `URL`")
	flags.StringVar(&secretFile, secretFlag, "", "the client secret the provider gave is in `FILE`; - for one line of standard input")
	return cmd
}

const secretFlag = "client-secret-file"

// connectorFlags names the key that each flag sets as it is.
var connectorFlags = map[string]string{"label": "label", "client-id": "client_id", "tenant": "tenant", "issuer": "issuer"}

func (p *program) printAdded(c localapi.Connector) error {
	if err := p.say("added %s; its button says: Sign in with %s", c.Name, c.Title); err != nil {
		return err
	}
	if err := p.printNext(c); err != nil || c.SignUp {
		return err
	}
	return p.say("\nNew accounts cannot be created with it; allow that with: foyer connector set %s signup=on", c.Name)
}

// secretFileBytes bounds what is read of a file with a secret, which is far longer than any.
const secretFileBytes = 64 << 10

// readSecret returns the secret in a file, without the line end behind it, or one line of standard input for "-".
// Invalid when there is none.
func (p *program) readSecret(path string) (string, error) {
	read := func() (string, error) { return readFile(path) }
	place := path
	if path == "-" {
		read = func() (string, error) { return p.readSecretLine("client_secret", p.typed()) }
		place = "standard input"
	}
	secret, err := read()
	if err != nil && !errors.Is(err, io.EOF) {
		return "", app.Fieldf("client_secret", "secret_file", "the client secret cannot be read: %v", err)
	}
	if secret == "" {
		return "", app.Fieldf("client_secret", "secret_file", "there is no client secret in %s: it is empty", place)
	}
	return secret, nil
}

// readFile returns what is in a file, without the line end behind it.
func readFile(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the caller's own file, named on the command line
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, secretFileBytes))
	// Editors on Windows begin a file with a mark of its encoding.
	return strings.TrimRight(strings.TrimPrefix(string(data), "\ufeff"), "\r\n"), err
}

func (p *program) connectorSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set NAME KEY=VALUE...",
		Short: "Change a connector, all or none",
		Long: `Change a connector. Either all keys are changed, or none. Switches are on or off; KEY=
makes a text empty. The keys are

` + connectorKeysHelp() + `
tenant is for the kind entra only, issuer for oidc only, trust_verified for entra and
google.

With signup=on, people whose address is on a company's list can create an account with it.
With trust_verified=on, no confirmation mail is sent for an address that the provider
vouches for: by Google, one at gmail.com or at the Workspace domain of the account; by
Entra, one whose domain the tenant has verified, in a tenant that is set for the company,
and no guest. For all others it is sent all the same.

A secret on the command line stays in the history of your shell and can be seen by others
while the command runs. Write client_secret=- and the value is read from standard input,
one line.`,
		Example: `  foyer connector set google signup=on
  foyer connector set microsoft client_secret=- secret_expires=2027-01-31 < secret.txt`,
		Args: between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := p.changes(cmd, args[1:], secretKey)
			if err != nil {
				return err
			}
			c, err := p.client.SetConnector(cmd.Context(), args[0], changes)
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(c)
			}
			if err := p.say("changed %s of %s", changesLine(connectorValues(c), changes), c.Name); err != nil {
				return err
			}
			if err := p.printFindings("It cannot work yet, and its button is not shown:", findings(c, true)); err != nil {
				return err
			}
			return p.printFindings("To be watched:", findings(c, false))
		},
	}
}

func secretKey(key string) bool {
	k, err := app.ConnectorKeyByName(key)
	return err == nil && k.Secret()
}

// connectorKeysHelp returns a line for each key.
func connectorKeysHelp() string {
	var b strings.Builder
	for _, key := range app.ConnectorKeys() {
		fmt.Fprintf(&b, " %-15s %s\n", key.Key, key.Help)
	}
	return b.String()
}

func (p *program) connectorRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a connector; accounts keep their identities",
		Long: `Remove a connector with its secret. Accounts stay, and keep their identities: they sign in
again with a connector to the same provider. Until then, people sign in with their
password; who has none chooses one with "Forgotten your password?". To take a connector out
of use for a while, set enabled=off instead.`,
		Example: "  foyer connector remove google",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveConnector(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]},
				"removed the connector %s; accounts keep their identities, which work again with a connector to the same provider", args[0])
		},
	}
}
