package main

import (
	"slices"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

func (p *program) auditCommand() *cobra.Command {
	return group("audit", "Who did what, and when",
		"Every change, sign-up and sign-in, with who did it and what came of it. Secrets are\nnever in it.",
		"  foyer audit list --search jane@acme.com",
		p.auditList())
}

func (p *program) auditList() *cobra.Command {
	var search string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the audit, the newest first",
		Example: "  foyer audit list --limit 20\n  foyer audit list --search company.add --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usage(cmd, "--limit is a number from 0, for all")
			}
			events, err := collect(p.client.Events(cmd.Context(), localapi.EventFilter{Search: search}), limit)
			if err != nil {
				return err
			}
			return list(p, events, "nothing is in the audit that fits",
				[]string{"AT (UTC)", "WHO", "DID", "TO", "OUTCOME", "COMPANY", "ENTRY", "FROM", "MORE"}, eventRow)
		},
	}
	cmd.Flags().StringVar(&search, "search", "", "only events with `TEXT` in their address, company, action or outcome")
	cmd.Flags().IntVar(&limit, "limit", 200, "at most `N` events; 0 is all")
	return cmd
}

func eventRow(e localapi.Event) []string {
	outcome := e.Outcome
	tells := []string{string(app.ActConnectorWarn), string(app.ActIdentity)} // nobody is refused anything there
	if outcome != app.OK && !slices.Contains(tells, e.Action) {
		outcome = "refused: " + outcome
	}
	return []string{at(e.At), e.Actor, e.Action, e.Subject, outcome, e.Company, short(e.Entry, 40), e.IP, short(e.Detail, 60)}
}
