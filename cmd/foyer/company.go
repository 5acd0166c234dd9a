package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

const entryHelp = `An entry is one of

  jane@acme.com   this address
  acme.com        addresses at exactly this domain
  *.acme.com      this domain and every subdomain

and with ! before it, it refuses what it covers. The more specific entry wins.
Quote ! and * from your shell: '!boss@acme.com' '*.acme.com'. Commas, blanks and
new lines separate entries too. All are saved, or none.`

func (p *program) companyCommand() *cobra.Command {
	return group("company", "Customer companies and who may sign up for them",
		"A company has a name, a switch, and a list of addresses and domains whose people may\ncreate an account. An empty list lets in nobody. It may have Entra tenants, too.",
		`  foyer company add "Acme Ltd" acme.com
  foyer company list`,
		p.companyList(), p.companyShow(), p.companyAdd(), p.companyRename(), p.companyEnable(true), p.companyEnable(false),
		p.companyRemove(), p.companyAllow(), p.companyDisallow(), p.companyTenant())
}

func (p *program) companyList() *cobra.Command {
	var search string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the companies",
		Example: "  foyer company list\n  foyer company list --search acme.com\n  foyer company list --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if search != "" {
				return p.findCompanies(cmd.Context(), search)
			}
			companies, err := p.client.Companies(cmd.Context())
			if err != nil {
				return err
			}
			return list(p, companies, "no companies yet; add one with: foyer company add NAME company.com",
				companyHeads(), func(c localapi.Company) []string {
					return []string{c.Name, enabledWord(c.Enabled), strconv.Itoa(c.Accounts), short(entriesOf(c), 60)}
				})
		},
	}
	cmd.Flags().StringVar(&search, "search", "", "only companies with this `TEXT` in their name or in an entry, in short")
	return cmd
}

func companyHeads() []string { return []string{"NAME", "STATE", "ACCOUNTS", "ENTRIES"} }

// findCompanies lists the companies that have a text in their name or in an entry.
func (p *program) findCompanies(ctx context.Context, search string) error {
	found := []localapi.CompanySummary{}
	for after := ""; ; {
		page, err := p.client.CompanyPage(ctx, localapi.CompanyFilter{Search: search}, after, 0)
		if err != nil {
			return err
		}
		found = append(found, page.Items...)
		if after = page.Next; after == "" {
			break
		}
	}
	return list(p, found, "no company has "+safe(search)+" in its name or on its list", companyHeads(), func(c localapi.CompanySummary) []string {
		return []string{c.Name, enabledWord(c.Enabled), strconv.Itoa(c.Accounts), c.Summary}
	})
}

func enabledWord(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

func entriesOf(c localapi.Company) string {
	words := make([]string, len(c.Entries))
	for i, e := range c.Entries {
		words[i] = e.Entry
	}
	return strings.Join(words, " ")
}

func (p *program) companyShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a company and its list",
		Example: `  foyer company show "Acme Ltd"`,
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.Company(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(company)
			}
			return p.printCompany(company)
		},
	}
}

func (p *program) printCompany(c localapi.Company) error {
	pairs := []string{"Name", c.Name, "State", enabledWord(c.Enabled), "Accounts", strconv.Itoa(c.Accounts), "Created", at(c.CreatedAt) + " UTC"}
	if len(c.Tenants) > 0 {
		pairs = append(pairs, "Entra tenants", strings.Join(c.Tenants, " "))
	}
	if err := p.facts(pairs...); err != nil {
		return err
	}
	if len(c.Entries) == 0 {
		return p.say("\nThe list is empty, so nobody can sign up for it; add to it with: foyer company allow %s company.com", quoted(c.Name))
	}
	rows := make([][]string, 0, len(c.Entries))
	for _, e := range c.Entries {
		rows = append(rows, []string{e.Entry, meaning(e)})
	}
	if _, err := fmt.Fprintln(p.out); err != nil {
		return err
	}
	if err := p.table([]string{"ENTRY", "MEANING"}, rows, ""); err != nil {
		return err
	}
	if len(c.Overlaps) == 0 {
		return nil
	}
	if err := p.say("\nOther companies list part of the same; the more specific entry wins:"); err != nil {
		return err
	}
	for _, o := range c.Overlaps {
		if err := p.say("  %s here, %s of %s", o.Entry, o.Other, o.OtherCompany); err != nil {
			return err
		}
	}
	return nil
}

// meaning says in words what an entry does.
func meaning(e localapi.Entry) string {
	covers := map[string]string{
		"address": "this address", "domain": "addresses at exactly this domain", "wildcard": "this domain and every subdomain",
	}[e.Kind]
	text := covers
	if e.Deny {
		text = "refuses " + covers
	}
	if e.Display != e.Entry {
		text += ", reads " + e.Display
	}
	if e.Warning != "" {
		text += " (warning: " + e.Warning + ")"
	}
	return text
}

// quoted returns a name as it is typed at a shell, or on Windows at a prompt.
func quoted(name string) string {
	if runtime.GOOS == "windows" {
		return windowsWord(safe(name))
	}
	return app.ShellWord(safe(name))
}

func (p *program) companyAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add NAME [ENTRY...]",
		Short:   "Add a company",
		Long:    "Add a company, and what is on its list.\n\n" + entryHelp,
		Example: "  foyer company add Acme acme.com '*.acme.co.uk' '!temp@acme.com'",
		Args:    between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.AddCompany(cmd.Context(), args[0], field(args[1:]))
			if err != nil {
				return takenElsewhere(err, "add the company without it, and then use foyer company allow --move")
			}
			return p.done(company, "added %s with %s", company.Name, count(len(company.Entries), "entry", "entries"))
		},
	}
}

// field returns entries as the field they are typed into.
func field(entries []string) string { return strings.Join(entries, "\n") }

// takenElsewhere adds to the refusal of an entry that another company has how to get it all the same.
func takenElsewhere(err error, how string) error {
	e, ok := errors.AsType[*app.Error](err)
	if !ok || e.Code != app.Conflict || e.Reason != "entry_taken" {
		return err
	}
	token, owner := cmp.Or(e.Args["Entry"], "the entry"), cmp.Or(e.Args["Company"], "another company")
	return app.Errorf(app.Conflict, e.Reason, "%s is on the list of %s: %s", token, owner, how)
}

func (p *program) companyRename() *cobra.Command {
	return &cobra.Command{
		Use:     "rename NAME NEW",
		Short:   "Give a company another name",
		Example: `  foyer company rename Acme "Acme Ltd"`,
		Args:    exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.RenameCompany(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return p.done(company, "renamed %s to %s", args[0], company.Name)
		},
	}
}

func (p *program) companyEnable(on bool) *cobra.Command {
	name, text := "disable", "Let nobody of a company sign up or sign in; its entries stay reserved"
	if on {
		name, text = "enable", "Let the people of a company sign up and sign in again"
	}
	return &cobra.Command{
		Use:     name + " NAME",
		Short:   text,
		Example: "  foyer company " + name + " Acme",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.EnableCompany(cmd.Context(), args[0], on)
			if err != nil {
				return err
			}
			if on {
				return p.done(company, "enabled %s", company.Name)
			}
			return p.done(company, "disabled %s: its people can neither sign up nor sign in, and are signed out", company.Name)
		},
	}
}

func (p *program) companyRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a company that has no accounts",
		Long:    "Remove a company with its list and the registrations that wait for it. A company that\nhas accounts is not removed: disable it, or remove its accounts first.",
		Example: "  foyer company remove Acme",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveCompany(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "removed the company %s and its list", args[0])
		},
	}
}

func (p *program) companyAllow() *cobra.Command {
	var move bool
	cmd := &cobra.Command{
		Use:     "allow NAME ENTRY...",
		Short:   "Add entries to a company's list",
		Long:    "Add entries to a company's list.\n\n" + entryHelp,
		Example: "  foyer company allow Acme acme.org jane@gmail.com\n  foyer company allow Acme acme.net --move",
		Args:    between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.Allow(cmd.Context(), args[0], field(args[1:]), move)
			if err != nil {
				return takenElsewhere(err, "add --move to move it here")
			}
			return p.done(company, "%s now lists %s: %s", company.Name, count(len(company.Entries), "entry", "entries"), entriesOf(company))
		},
	}
	cmd.Flags().BoolVar(&move, "move", false, "take the entries from the companies that have them")
	return cmd
}

func (p *program) companyDisallow() *cobra.Command {
	return &cobra.Command{
		Use:     "disallow NAME ENTRY...",
		Short:   "Remove entries from a company's list",
		Long:    "Remove entries from a company's list. Accounts that exist stay and keep working; they\nare marked as no longer on the list.",
		Example: "  foyer company disallow Acme acme.org",
		Args:    between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := p.client.Disallow(cmd.Context(), args[0], field(args[1:]))
			if err != nil {
				return err
			}
			list := "is empty now, so nobody can sign up for it"
			if len(result.Entries) > 0 {
				list = "now has " + count(len(result.Entries), "entry", "entries") + ": " + entriesOf(result.Company)
			}
			return p.done(result, "the list of %s %s; %s", result.Name, list, offList(result.OffList))
		},
	}
}

func (p *program) companyTenant() *cobra.Command {
	return group("tenant", "Entra tenants whose people are a company's people",
		`A tenant is an organisation at Microsoft Entra ID, known by its id, a GUID. People of other
tenants are refused for a company that has some. A connector whose tenant is organizations
lets in the people of these tenants only. The id is shown in https://entra.microsoft.com,
Overview; the company's own IT knows it.`,
		"  foyer company tenant add Acme 72f988bf-86f1-41af-91ab-2d7cd011db47",
		p.companyTenantAdd(), p.companyTenantRemove())
}

func (p *program) companyTenantAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add NAME TENANT...",
		Short:   "Add Entra tenants to a company, all or none",
		Example: "  foyer company tenant add Acme 72f988bf-86f1-41af-91ab-2d7cd011db47",
		Args:    between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.SetTenants(cmd.Context(), args[0], field(args[1:]), "")
			if err != nil {
				return err
			}
			return p.done(company, "%s", tenantsLine(company))
		},
	}
}

func (p *program) companyTenantRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME TENANT...",
		Short:   "Remove Entra tenants from a company, all or none; accounts stay",
		Example: "  foyer company tenant remove Acme 72f988bf-86f1-41af-91ab-2d7cd011db47",
		Args:    between(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			company, err := p.client.SetTenants(cmd.Context(), args[0], "", field(args[1:]))
			if err != nil {
				return err
			}
			return p.done(company, "%s", tenantsLine(company))
		},
	}
}

func tenantsLine(c localapi.Company) string {
	if len(c.Tenants) == 0 {
		return c.Name + " has no Entra tenants now"
	}
	return c.Name + " now has " + count(len(c.Tenants), "Entra tenant", "Entra tenants") + ": " + strings.Join(c.Tenants, " ")
}

func offList(n int) string {
	switch n {
	case 0:
		return "all its accounts are on it"
	case 1:
		return "1 account is no longer on it and keeps working"
	default:
		return strconv.Itoa(n) + " accounts are no longer on it and keep working"
	}
}
