package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) accountSessions() *cobra.Command {
	return &cobra.Command{
		Use:     "sessions ADDRESS",
		Short:   "List the browsers that are signed in to an account",
		Example: "  foyer account sessions jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sessions, err := p.client.AccountSessions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return list(p, sessions, "nobody is signed in to "+args[0], []string{"SINCE (UTC)", "LAST SEEN (UTC)", "THROUGH", "FROM", "BROWSER"},
				func(s localapi.AccountSession) []string {
					return []string{at(s.CreatedAt), at(s.SeenAt), cmp.Or(s.Through, "password"), s.IP, short(s.Browser, 60)}
				})
		},
	}
}

func (p *program) accountSignOut() *cobra.Command {
	return &cobra.Command{
		Use:     "signout ADDRESS",
		Short:   "Sign a person out everywhere",
		Long:    "End all sessions of an account. The person can sign in again; to prevent that, disable the\naccount.",
		Example: "  foyer account signout jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := p.client.EndSessions(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.done(localapi.Changed{Changed: n}, "ended %s of %s", count(n, "session", "sessions"), args[0])
		},
	}
}

func (p *program) accountMove() *cobra.Command {
	return &cobra.Command{
		Use:   "move ADDRESS COMPANY",
		Short: "Place an account in another company",
		Long: `Place an account in another company. It keeps working, and its sessions go on. The company's
list is not asked: foyer account show says whether the address is on it.`,
		Example: "  foyer account move jane@acme.com \"Acme Ltd\"",
		Args:    exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.client.MoveAccount(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if a.ListMatch {
				return p.done(a, "moved %s to %s", a.Email, a.Company)
			}
			return p.done(a, "moved %s to %s, whose list it is not on", a.Email, a.Company)
		},
	}
}

func (p *program) accountReset() *cobra.Command {
	return &cobra.Command{
		Use:     "reset ADDRESS",
		Short:   "Send a person the mail with which a new password is chosen",
		Long:    "Send a person the mail with which a new password is chosen. The present one works until then.",
		Example: "  foyer account reset jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.SendReset(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(struct {
				Sent string `json:"sent"`
			}{args[0]}, "a mail to choose a new password is on its way to %s", args[0])
		},
	}
}
