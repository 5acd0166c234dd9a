package main

import (
	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) attentionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "attention",
		Short: "What wants your attention",
		Long: `List what wants your attention, errors first: a secret that expires, mail that does not
arrive, accounts that are no longer on a list, and the like. What is found by looking at
every account can come a moment after a change.`,
		Example: "  foyer attention\n  foyer attention --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			notices, err := p.client.Attention(cmd.Context())
			if err != nil {
				return err
			}
			return list(p, notices, "nothing wants your attention", []string{"LEVEL", "WHAT TO DO"},
				func(n localapi.Notice) []string { return []string{n.Level, n.Text} })
		},
	}
}
