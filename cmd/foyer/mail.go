package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) mailCommand() *cobra.Command {
	return group("mail", "Mails Foyer has written, and what became of them",
		`Mails are queued, sending, deferred (tried again later), held (kept until they are released),
delivered, failed, or captured (kept here and sent nowhere: the setting
mail.transport=capture). With the setting mail.hold=on no mail leaves at all. An address
whose mail server said that it does not exist gets no more mail until that is lifted.`,
		"  foyer mail list --state deferred\n  foyer mail test you@office.example",
		p.mailList(), p.mailShow(), p.mailRetry(), p.mailHold(), p.mailRelease(), p.mailRemove(), p.mailTest(), p.mailStatus(), p.mailDNS(),
		p.mailBlocked(), p.mailUnblock(), p.mailSuppressed(), p.mailUnsuppress(), p.mailTLS())
}

func (p *program) mailList() *cobra.Command {
	var filter localapi.MessageFilter
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the mails, the newest first",
		Example: "  foyer mail list\n  foyer mail list --state failed --limit 20\n  foyer mail list --search jane@acme.com",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usage(cmd, "--limit is a number from 0, for all")
			}
			messages, err := collect(p.client.Messages(cmd.Context(), filter), limit)
			if err != nil {
				return err
			}
			if err := p.sayHeld(cmd.Context()); err != nil {
				return err
			}
			none := "no mails yet; send one with: foyer mail test ADDRESS"
			if filter.State != "" {
				none = "no mails are " + filter.State
			}
			if filter.Search != "" {
				none = "no such mails"
			}
			return list(p, messages, none, []string{"ID", "KIND", "RECIPIENT", "STATE", "TRIES", "NEXT TRY (UTC)", "CREATED (UTC)", "REPLY"}, messageRow)
		},
	}
	cmd.Flags().StringVar(&filter.Search, "search", "", "only those with `TEXT` in their recipient's address or subject")
	cmd.Flags().StringVar(&filter.State, "state", "", "only those in `STATE`: queued, sending, deferred, held, delivered, failed or captured")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most `N` mails; 0 is all")
	return cmd
}

// sayHeld says on standard error that no mail leaves, when that is so: the list alone would not tell why all of it waits.
func (p *program) sayHeld(ctx context.Context) error {
	if p.json {
		return nil
	}
	held, err := p.held(ctx)
	if err != nil || !held {
		return err
	}
	_, err = fmt.Fprintln(p.err, "no mail leaves while mail.hold is on; let it leave with: foyer settings set mail.hold=off")
	return err
}

// held reports whether the setting mail.hold is on.
func (p *program) held(ctx context.Context) (bool, error) {
	settings, err := p.client.Settings(ctx)
	return settings["mail.hold"].Text == "on", err
}

func messageRow(m localapi.Message) []string {
	return []string{
		m.ID, m.Kind, m.Recipient, m.State, strconv.Itoa(m.Attempts), atOrNone(m.NextAttempt), at(m.CreatedAt), short(m.Reply, 60),
	}
}

func (p *program) mailShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a mail",
		Long: `Show a mail, the steps of the last attempt to deliver it, and its text. With --json, "data" is
the whole message as it is sent.`,
		Example: "  foyer mail show 12\n  foyer mail show 12 --json",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := p.client.Message(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(m)
			}
			return p.printMessage(m)
		},
	}
}

func (p *program) printMessage(m localapi.MessageDetail) error {
	pairs := []string{
		"ID", m.ID, "Kind", m.Kind, "State", m.State,
	}
	if m.Program != "" {
		pairs = append(pairs, "Program", m.Program)
	}
	pairs = append(pairs,
		"From", cmp.Or(m.Sender, "nobody: it cannot be answered"), "To", m.Recipient, "Subject", m.Subject,
		"Tries", strconv.Itoa(m.Attempts), "Created", at(m.CreatedAt)+" UTC",
	)
	if m.NextAttempt != nil {
		pairs = append(pairs, "Next try", at(*m.NextAttempt)+" UTC")
	}
	if m.Reply != "" {
		pairs = append(pairs, "Reply", m.Reply)
	}
	if err := p.facts(pairs...); err != nil {
		return err
	}
	if len(m.Steps) > 0 {
		if err := p.say("\nThe last attempt:"); err != nil {
			return err
		}
		if err := p.printSteps(m.Steps); err != nil {
			return err
		}
	}
	if err := p.say(""); err != nil {
		return err
	}
	// Encoded as it is sent, a long link is in pieces.
	text, err := plainText([]byte(m.Data))
	if err != nil || text == "" {
		text = m.Data
	}
	for line := range strings.Lines(text) {
		if err := p.say("%s", strings.TrimRight(line, "\r\n")); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) mailRetry() *cobra.Command {
	return &cobra.Command{
		Use:     "retry ID",
		Short:   "Send a mail now",
		Long:    "Send a mail now: one that waits is not kept waiting, one that has ended (failed, captured\nor delivered) is sent once more, by the transport that is set now.",
		Example: "  foyer mail retry 12",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := p.client.RetryMessage(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.done(m, "mail %s to %s is %s; see foyer mail show %s", m.ID, m.Recipient, m.State, m.ID)
		},
	}
}

func (p *program) mailHold() *cobra.Command {
	return &cobra.Command{
		Use:   "hold ID|all",
		Short: "Keep a mail that waits from being sent",
		Long: `Keep a mail that waits from being sent, until it is released; with "all", each that waits
now. It is not given up meanwhile, but its link may become too old. What is written later
is not held: for that there is the setting mail.hold.`,
		Example: "  foyer mail hold 12\n  foyer mail hold all",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "all" {
				n, err := p.client.HoldMessages(cmd.Context())
				if err != nil {
					return err
				}
				return p.done(localapi.Changed{Changed: n}, "held %s; let them leave with: foyer mail release all", count(n, "mail", "mails"))
			}
			m, err := p.client.HoldMessage(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.done(m, "mail %s to %s is %s; let it leave with: foyer mail release %s", m.ID, m.Recipient, m.State, m.ID)
		},
	}
}

func (p *program) mailRelease() *cobra.Command {
	return &cobra.Command{
		Use:   "release ID|all",
		Short: "Let a held mail leave",
		Long: `Let a held mail leave now; with "all", each that is held. A mail whose link is too old is
not released; with "all" it ends as failed.`,
		Example: "  foyer mail release 12\n  foyer mail release all",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "all" {
				n, err := p.client.ReleaseMessages(cmd.Context())
				if err != nil {
					return err
				}
				return p.done(localapi.Changed{Changed: n}, "released %s", count(n, "mail", "mails"))
			}
			m, err := p.client.ReleaseMessage(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return p.done(m, "mail %s to %s is %s; see foyer mail show %s", m.ID, m.Recipient, m.State, m.ID)
		},
	}
}

func (p *program) mailSuppressed() *cobra.Command {
	return &cobra.Command{
		Use:   "suppressed",
		Short: "List the addresses that get no mail because one to them has failed for good",
		Long: `List the addresses that get no mail because the other side said of an earlier one that the
address does not exist. A test mail goes out all the same; when it is delivered, the
address gets mail again.`,
		Example: "  foyer mail suppressed",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			suppressed, err := p.client.Suppressed(cmd.Context())
			if err != nil {
				return err
			}
			return list(p, suppressed, "no address is suppressed", []string{"ADDRESS", "SINCE (UTC)", "REASON"}, func(s localapi.Suppressed) []string {
				return []string{s.Address, at(s.Since), short(s.Reason, 60)}
			})
		},
	}
}

func (p *program) mailUnsuppress() *cobra.Command {
	return &cobra.Command{
		Use:     "unsuppress ADDRESS",
		Short:   "Let an address get mail again whose mail has failed for good",
		Example: "  foyer mail unsuppress jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.Unsuppress(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "%s gets mail again", args[0])
		},
	}
}

func (p *program) mailRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove a mail",
		Example: "  foyer mail remove 12",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.RemoveMessage(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "removed mail %s", args[0])
		},
	}
}

func (p *program) mailDNS() *cobra.Command {
	return &cobra.Command{
		Use:   "dns",
		Short: "Show the DNS records that mail needs, and check those there are",
		Long: `Show the DNS records that mail from the domain of mail.from is judged by, as they should be,
ask the DNS what there is, and say what to do. "ok (info)" and the like are for information.
The exit status is 0 when every record that matters is ok, else 1. The first call makes the
DKIM keys; mail is signed once mail.dkim=on.`,
		Example: "  foyer mail dns\n  foyer mail dns --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			records, err := p.client.MailDNS(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				err = p.printJSON(localapi.DNSRecords{Records: append([]localapi.DNSRecord{}, records...)})
			} else {
				err = p.printRecords(records)
			}
			if err != nil {
				return err
			}
			return recordsError(records)
		},
	}
}

// recordsError returns nil when all records that matter are ok.
func recordsError(records []localapi.DNSRecord) error {
	var wrong []string
	for _, r := range records {
		if r.Required && r.State != "ok" {
			wrong = append(wrong, r.Kind+" "+r.State+" at "+r.Name)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("not every DNS record is as it should be: %s; mend them where the domain's DNS is kept, and run foyer mail dns again", strings.Join(wrong, ", "))
}

// printRecords prints a table of the records, and then each with its value on a line of its own, to be pasted.
func (p *program) printRecords(records []localapi.DNSRecord) error {
	rows := make([][]string, 0, len(records))
	for _, r := range records {
		state := r.State
		if !r.Required {
			state += " (info)"
		}
		rows = append(rows, []string{state, r.Kind, r.Type, r.Name})
	}
	if err := p.table([]string{"STATE", "RECORD", "TYPE", "NAME"}, rows, "there are no records to check"); err != nil {
		return err
	}
	for _, r := range records {
		lines := []string{"", r.Type + " " + r.Name}
		if r.Value != "" {
			lines = append(lines, r.Value)
		}
		for _, found := range r.Found {
			if found != r.Value {
				lines = append(lines, "found: "+found)
			}
		}
		for _, line := range append(lines, r.Text) {
			if err := p.say("%s", line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *program) mailBlocked() *cobra.Command {
	return &cobra.Command{
		Use:     "blocked",
		Short:   `List the addresses that get no mail because their owner said "this was not me"`,
		Example: "  foyer mail blocked",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			blocked, err := p.client.Blocked(cmd.Context())
			if err != nil {
				return err
			}
			return list(p, blocked, "no address is blocked", []string{"ADDRESS", "UNTIL (UTC)"}, func(b localapi.Blocked) []string {
				return []string{b.Address, at(b.Until)}
			})
		},
	}
}

func (p *program) mailUnblock() *cobra.Command {
	return &cobra.Command{
		Use:     "unblock ADDRESS",
		Short:   "Let an address get mail again",
		Example: "  foyer mail unblock jane@acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.Unblock(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]}, "%s gets mail again", args[0])
		},
	}
}
