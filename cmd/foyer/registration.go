package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) registrationCommand() *cobra.Command {
	return group("registration", "Sign-ups that wait for their confirmation mail",
		"A registration is a sign-up whose confirmation mail has not been answered. It becomes an\naccount, or lapses.",
		"  foyer registration list\n  foyer registration resend jane@acme.com",
		p.registrationList(), p.registrationResend(), p.registrationRemove())
}

func (p *program) registrationList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the registrations, the oldest first",
		Long:    "List the registrations, the oldest first, and through what each came: the form, or a\nconnector.",
		Example: "  foyer registration list",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			registrations, err := collect(p.client.Registrations(cmd.Context()), 0)
			if err != nil {
				return err
			}
			return list(p, registrations, "nobody is waiting to confirm",
				[]string{"ADDRESS", "NAME", "COMPANY", "ENTRY", "THROUGH", "SINCE (UTC)", "VALID UNTIL (UTC)"}, func(r localapi.Registration) []string {
					return []string{r.Email, r.FirstName + " " + r.LastName, r.Company, r.Entry, cmp.Or(r.Through, "form"), at(r.CreatedAt), at(r.ExpiresAt)}
				})
		},
	}
}

func (p *program) registrationResend() *cobra.Command {
	return &cobra.Command{
		Use:     "resend ADDRESS",
		Short:   "Send the confirmation mail anew",
		Long:    "Send the confirmation mail anew, with a new link and code. The ones before are worth\nnothing from then on.",
		Example: "  foyer registration resend jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := p.client.Resend(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.done(r, "a new confirmation mail to %s is on its way, valid until %s UTC", r.Email, at(r.ExpiresAt))
		},
	}
}

func (p *program) registrationRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove a registration",
		Example: "  foyer registration remove jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveRegistration(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "removed the registration of %s; its link and code no longer work", args[0])
		},
	}
}
