package main

import (
	"errors"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) connectorTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test NAME",
		Short: "Ask a connector's provider whether people could sign in",
		Long: `Ask a connector's provider everything that can be asked without a person, and show the
steps: the settings, the redirect URI, what the provider says of itself, its keys, its clock,
and whether it takes the client id and secret. The exit status is 0 when all went well, else 1.`,
		Example: "  foyer connector test google\n  foyer connector test google --json",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			trial, err := p.client.TestConnector(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.printTrial(trial)
		},
	}
}

func (p *program) settingsTestURL() *cobra.Command {
	return &cobra.Command{
		Use:   "test-url [URL]",
		Short: "See whether the pages answer at an address",
		Long: `See whether the pages answer at an address, seen from this machine: that of the setting
public_url, or one that it might be set to. The steps are the name, the connection, TLS with its
certificate, and whether it is this service that answers. The exit status is 0 when it is, else 1.`,
		Example: "  foyer settings test-url\n  foyer settings test-url https://accounts.office.example",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := ""
			if len(args) == 1 {
				address = args[0]
			}
			trial, err := p.client.TestPublicURL(cmd.Context(), address)
			if err != nil {
				return err
			}
			return p.printTrial(trial)
		},
	}
}

// printTrial prints the steps of a trial and what has come of it, which is the error of one that has failed.
func (p *program) printTrial(t localapi.Trial) error {
	if p.json {
		if err := p.printJSON(t); err != nil {
			return err
		}
	} else {
		steps := make([]localapi.MailStep, len(t.Steps))
		for i, s := range t.Steps {
			steps[i] = localapi.MailStep(s)
		}
		if err := p.printSteps(steps); err != nil {
			return err
		}
	}
	if !t.OK {
		return errors.New(t.Verdict)
	}
	return p.sayVerdict(t.Verdict)
}
