package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
)

func (p *program) addressCommand() *cobra.Command {
	return group("address", "Where the pages are served, and with which certificate",
		`The address of the pages and their certificate: the settings public_url and tls.*. A
change takes the new addresses and the certificate first; when one cannot be had, it is
refused and nothing has changed. With --within it is undone by itself unless you keep it
with foyer address keep: use it when you may lock yourself or others out.

tls.mode is off (plain http, or a proxy in front has the certificate), files, acme (as
Let's Encrypt does), or local (an authority of Foyer's own, which devices must be told to
trust).`,
		`  foyer address show
  foyer address set tls.mode=local public_url=https://foyer.office.example --within 2m
  foyer address keep
  foyer address ca foyer-ca.crt`,
		p.addressShow(), p.addressSet(), p.addressKeep(), p.addressRevert(), p.addressCA())
}

func (p *program) addressShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "Show where the pages are served and the certificate",
		Example: "  foyer address show",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := p.client.Address(cmd.Context())
			if err != nil {
				return err
			}
			return p.printAddress(a)
		},
	}
}

func (p *program) printAddress(a localapi.Address) error {
	if p.json {
		return p.printJSON(a)
	}
	facts := []string{"public URL", a.PublicURL, "TLS", a.Mode}
	for _, l := range a.Listeners {
		text := l.Kind
		if l.Error != "" {
			text += ", not served: " + l.Error
		}
		facts = append(facts, l.Address, text)
	}
	if c := a.Certificate; c != nil {
		trusted := "by browsers"
		if !c.Trusted {
			trusted = "only by devices that were told to"
		}
		facts = append(facts, "certificate for", strings.Join(c.Names, ", "), "issued by", c.Issuer, "valid until", at(c.NotAfter)+" UTC", "trusted", trusted, "SHA-256", c.SHA256)
		if c.RenewAt != nil {
			facts = append(facts, "renewed at", at(*c.RenewAt)+" UTC, by itself")
		}
	}
	if a.Authority != nil {
		facts = append(facts, "authority", a.Authority.Name, "its SHA-256", a.Authority.SHA256)
	}
	if a.Problem != "" {
		facts = append(facts, "problem", a.Text)
	}
	if len(a.Fixed) > 0 {
		facts = append(facts, "given at each start", strings.Join(a.Fixed, ", "))
	}
	if a.Pending != nil {
		facts = append(facts, "undone at", at(a.Pending.Until)+" UTC, unless you say: foyer address keep")
	}
	return p.facts(facts...)
}

func (p *program) addressSet() *cobra.Command {
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "set KEY=VALUE...",
		Short: "Change the address and the certificate, all or none",
		Long: `Change the address and the certificate: public_url and the settings that begin with tls.
Either all of them are changed, or none. With tls.mode=acme it can take a minute: the
authority is asked for the certificate before anything changes.`,
		Example: `  foyer address set tls.mode=files tls.cert_file=/etc/foyer/tls/cert.pem \
      tls.key_file=/etc/foyer/tls/key.pem public_url=https://accounts.office.example
  foyer address set tls.mode=acme tls.acme_agree=on \
      public_url=https://accounts.office.example --within 5m
  foyer address set tls.mode=off public_url=http://foyer:8080`,
		Args: between(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := p.changes(cmd, args, secretSetting)
			if err != nil {
				return err
			}
			if within < 0 || within > 0 && within < time.Second {
				return usage(cmd, "--within is a time of at least a second, as in 60s")
			}
			a, err := p.client.ChangeAddress(cmd.Context(), changes, within)
			if err != nil {
				return err
			}
			if a.Pending != nil {
				return p.done(a, "the pages are at %s; that is undone at %s UTC unless you say: foyer address keep", a.PublicURL, at(a.Pending.Until))
			}
			return p.done(a, "the pages are at %s", a.PublicURL)
		},
	}
	cmd.Flags().DurationVar(&within, "within", 0, "undo it after this `TIME`, as in 60s, unless foyer address keep comes first")
	return cmd
}

func (p *program) addressKeep() *cobra.Command {
	return &cobra.Command{
		Use:     "keep",
		Short:   "Let a change with --within stay",
		Example: "  foyer address keep",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := p.client.KeepAddress(cmd.Context())
			if err != nil {
				return err
			}
			return p.done(a, "the pages stay at %s", a.PublicURL)
		},
	}
}

func (p *program) addressRevert() *cobra.Command {
	return &cobra.Command{
		Use:     "revert",
		Short:   "Undo a change with --within at once",
		Example: "  foyer address revert",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := p.client.RevertAddress(cmd.Context())
			if err != nil {
				return err
			}
			return p.done(a, "the pages are at %s again", a.PublicURL)
		},
	}
}

// authorityFile is what is printed of the authority with --json.
type authorityFile struct {
	localapi.Authority

	File string `json:"file,omitempty"`
}

func (p *program) addressCA() *cobra.Command {
	return &cobra.Command{
		Use:   "ca [FILE]",
		Short: "Print the certificate of the authority of Foyer's own, or write it to a file",
		Long: `Print the certificate of the authority of Foyer's own, or write it to a file. Devices
that are told to trust it show the pages without a warning; docs/tls.md says how. They can
get it at the pages, too: at /ca.crt.`,
		Example: "  foyer address ca\n  foyer address ca foyer-ca.crt",
		Args:    between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.client.Address(cmd.Context())
			if err != nil {
				return err
			}
			if a.Authority == nil {
				return app.Errorf(app.NotFound, "authority_none", "there is no authority of Foyer's own: it is made with tls.mode=local, and tls.mode is %s; see foyer address set --help", a.Mode)
			}
			out := authorityFile{Authority: *a.Authority}
			if len(args) == 0 {
				if p.json {
					return p.printJSON(out)
				}
				_, err := fmt.Fprint(p.out, a.Authority.PEM)
				return err
			}
			if out.File, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			if err := os.WriteFile(args[0], []byte(a.Authority.PEM), 0o644); err != nil { //nolint:gosec // it is for everybody
				return err
			}
			return p.done(out, "%s has the certificate of %s; its SHA-256 is %s", args[0], a.Authority.Name, a.Authority.SHA256)
		},
	}
}
