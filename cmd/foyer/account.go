package main

import (
	"strings"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) accountCommand() *cobra.Command {
	return group("account", "Accounts of people who have confirmed their address",
		"An account is a confirmed person. People make theirs themselves; here you see them, and\nclose or remove them.",
		"  foyer account list --company Acme\n  foyer account disable jane@acme.com",
		p.accountList(), p.accountShow(), p.accountEnable(false), p.accountEnable(true), p.accountUnlink(),
		p.accountSessions(), p.accountSignOut(), p.accountMove(), p.accountReset(), p.accountRemove())
}

func (p *program) accountList() *cobra.Command {
	var filter localapi.AccountFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Example: "  foyer account list\n  foyer account list --company Acme --search jane\n  foyer account list --off-list --sort company",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			accounts, err := collect(p.client.Accounts(cmd.Context(), filter), 0)
			if err != nil {
				return err
			}
			none := "no accounts yet; people create theirs at the sign-up page, which is open while login_link is on"
			if (filter != localapi.AccountFilter{Sort: filter.Sort, Reverse: filter.Reverse}) {
				none = "no such accounts"
			}
			return list(p, accounts, none, []string{"ADDRESS", "NAME", "COMPANY", "STATE", "ON THE LIST", "CREATED (UTC)"}, accountRow)
		},
	}
	cmd.Flags().StringVar(&filter.Company, "company", "", "only those of the company `NAME`")
	cmd.Flags().StringVar(&filter.Search, "search", "", "only those with `TEXT` in their address or name")
	cmd.Flags().StringVar(&filter.State, "state", "", "only those that are `STATE`: active or disabled")
	cmd.Flags().BoolVar(&filter.OffList, "off-list", false, "only those that are no longer on their company's list")
	cmd.Flags().StringVar(&filter.Sort, "sort", "", "sort them by `WHAT`: email, name (the last name first), company or created")
	cmd.Flags().BoolVar(&filter.Reverse, "reverse", false, "the other way round")
	return cmd
}

func accountRow(a localapi.Account) []string {
	return []string{a.Email, a.FirstName + " " + a.LastName, a.Company, a.State, listWord(a.ListMatch), at(a.CreatedAt)}
}

func listWord(match bool) string {
	if match {
		return "yes"
	}
	return "no longer"
}

func (p *program) accountShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "Show an account, the identities it signs in with, and the state of its last mail",
		Example: "  foyer account show jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.client.Account(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(a)
			}
			return p.printAccount(a)
		},
	}
}

func (p *program) printAccount(a localapi.AccountDetail) error {
	pairs := []string{
		"Address", a.Email, "First name", a.FirstName, "Last name", a.LastName, "Phone", a.Phone,
		"Company", a.Company, "Groups", strings.Join(a.Groups, ", "), "State", a.State, "Created", at(a.CreatedAt) + " UTC",
		"Created by entry", a.Entry, "On the list", listWord(a.ListMatch),
	}
	if m := a.LastMail; m != nil {
		pairs = append(pairs, "Last mail", m.ID+", "+m.Kind+", "+m.State+", "+at(m.CreatedAt)+" UTC")
		if m.Reply != "" {
			pairs = append(pairs, "Its reply", m.Reply)
		}
	}
	if err := p.facts(pairs...); err != nil {
		return err
	}
	if len(a.Identities) == 0 {
		return nil
	}
	if err := p.say("\nIt signs in with these identities at providers:"); err != nil {
		return err
	}
	var rows [][]string
	for _, i := range a.Identities {
		rows = append(rows, []string{i.ID, i.Connector, i.Email, at(i.CreatedAt), at(i.SeenAt), i.Issuer, i.Subject})
	}
	return p.table([]string{"ID", "THROUGH", "ADDRESS THERE", "SINCE (UTC)", "LAST SIGN-IN (UTC)", "ISSUER", "SUBJECT"}, rows, "")
}

func (p *program) accountEnable(on bool) *cobra.Command {
	name, text := "disable", "Keep a person from signing in, and sign the person out"
	if on {
		name, text = "enable", "Let a person sign in again"
	}
	return &cobra.Command{
		Use:     name + " ADDRESS",
		Short:   text,
		Example: "  foyer account " + name + " jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.client.EnableAccount(cmd.Context(), args[0], on)
			if err != nil {
				return err
			}
			if on {
				return p.done(a, "enabled %s", a.Email)
			}
			return p.done(a, "disabled %s and ended the sessions", a.Email)
		},
	}
}

func (p *program) accountUnlink() *cobra.Command {
	return &cobra.Command{
		Use:   "unlink ADDRESS ID",
		Short: "Remove an identity at a provider from an account",
		Long: `Remove an identity at a provider from an account, and end its sessions. foyer account show
lists the identities with their IDs. The account stays; a person who has no other way to
sign in gets one by asking for a new password on the login page.`,
		Example: "  foyer account unlink jane@acme.com 7",
		Args:    exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.client.RemoveIdentity(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return p.done(a, "removed the identity %s from %s and ended the sessions", args[1], a.Email)
		},
	}
}

func (p *program) accountRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ADDRESS",
		Short:   "Remove an account",
		Long:    "Remove an account with everything that belongs to it. It cannot be undone; to keep a\nperson out, disable the account. While the address is on a list, the person can sign up\nagain.",
		Example: "  foyer account remove jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveAccount(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "removed the account %s", args[0])
		},
	}
}
