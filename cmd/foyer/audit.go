package main

import (
	"time"

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
	var filter localapi.EventFilter
	var since, until string
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the audit, the newest first",
		Example: "  foyer audit list --limit 20\n  foyer audit list --action company. --since 2026-11-01 --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usage(cmd, "--limit is a number from 0, for all")
			}
			for flag, day := range map[string]struct {
				text string
				into *time.Time
			}{"--since": {since, &filter.Since}, "--until": {until, &filter.Until}} {
				if err := parseMoment(day.text, day.into); err != nil {
					return usage(cmd, "%s is a day as in 2026-11-26, or a time as in 2026-11-26T09:30:00Z", flag)
				}
			}
			events, err := collect(p.client.Events(cmd.Context(), filter), limit)
			if err != nil {
				return err
			}
			return list(p, events, "nothing is in the audit that fits",
				[]string{"AT (UTC)", "WHO", "DID", "TO", "OUTCOME", "COMPANY", "ENTRY", "FROM", "MORE"}, eventRow)
		},
	}
	cmd.Flags().StringVar(&filter.Search, "search", "", "only events with `TEXT` in their address, company, actor, action, outcome or detail")
	cmd.Flags().StringVar(&filter.Action, "action", "", "only what was done by `NAME`: an action, or a family of them with its dot as in company.")
	cmd.Flags().BoolVar(&filter.Refused, "refused", false, "only what was refused")
	cmd.Flags().StringVar(&since, "since", "", "only from the `DAY` on (UTC), or from a time as in 2026-11-26T09:30:00Z")
	cmd.Flags().StringVar(&until, "until", "", "only before the `DAY` (UTC), or before a time")
	cmd.Flags().IntVar(&limit, "limit", 200, "at most `N` events; 0 is all")
	return cmd
}

// parseMoment reads a day or a time into at, and nothing when text is "".
func parseMoment(text string, at *time.Time) (err error) {
	if text == "" {
		return nil
	}
	if *at, err = time.Parse(time.DateOnly, text); err != nil {
		*at, err = time.Parse(time.RFC3339, text)
	}
	return err
}

func eventRow(e localapi.Event) []string {
	outcome := e.Outcome
	if (app.Event{Action: app.Action(e.Action), Outcome: outcome}).Refused() {
		outcome = "refused: " + outcome
	}
	return []string{at(e.At), e.Actor, e.Action, e.Subject, outcome, e.Company, short(e.Entry, 40), e.IP, short(e.Detail, 60)}
}
