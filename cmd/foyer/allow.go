package main

import (
	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) allowCommand() *cobra.Command {
	return group("allow", "Ask the allow list",
		"The lists of all companies together decide who may create an account.",
		"  foyer allow test jane@acme.com",
		p.allowTest())
}

func (p *program) allowTest() *cobra.Command {
	return &cobra.Command{
		Use:     "test ADDRESS",
		Short:   "Say whether an address may create an account, and why",
		Long:    "Say whether an address may create an account, in which company, which entry decides, and\nwhat each way in would do now. It changes nothing and sends nothing.",
		Example: "  foyer allow test jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := p.client.TestAddress(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(result)
			}
			return p.printVerdict(result)
		},
	}
}

func (p *program) printVerdict(r localapi.AllowTest) error {
	allowed := "no"
	if r.Allowed {
		allowed = "yes"
	}
	pairs := []string{"Address", r.Address, "Allowed", allowed}
	if r.Entry != "" {
		pairs = append(pairs, "Company", r.Company, "Entry", r.Entry)
	}
	pairs = append(pairs, "Why", r.Reason)
	for _, way := range r.Ways {
		label := "With " + way.Name
		if way.Name == "form" {
			label = "Sign-up by form"
		}
		pairs = append(pairs, label, way.Result)
	}
	if err := p.facts(pairs...); err != nil || len(r.Covering) < 2 {
		return err
	}
	if err := p.say("\nEntries that cover it, the one that decides first:"); err != nil {
		return err
	}
	for _, c := range r.Covering {
		if err := p.say("  %s of %s", c.Entry, c.Company); err != nil {
			return err
		}
	}
	return nil
}
