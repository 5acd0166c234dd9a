package main

import (
	"github.com/spf13/cobra"

	"foyer/app/localapi"
)

func (p *program) mailTLS() *cobra.Command {
	return group("tls", "Mail servers that have had TLS, and so get no mail without it",
		`With mail.transport=direct, a mail server that had TLS and offers none any more gets no mail:
somebody may sit in between and read it. The mail waits, the audit has the event
mail.tls_lost, and the list shows since when. If the server has no TLS any more indeed, let
it be forgotten. The setting limits.tls_days says how long each is remembered.`,
		"  foyer mail tls list\n  foyer mail tls forget mx.acme.com",
		p.mailTLSList(), p.mailTLSForget())
}

func (p *program) mailTLSList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the mail servers that have had TLS",
		Example: "  foyer mail tls list",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			hosts, err := p.client.TLSHosts(cmd.Context())
			if err != nil {
				return err
			}
			heads := []string{"MAIL SERVER", "TLS SEEN (UTC)", "VERSION", "CIPHER", "LOST SINCE (UTC)"}
			return list(p, hosts, "no mail server is known to have TLS", heads, func(h localapi.TLSHost) []string {
				return []string{h.Host, at(h.SeenAt), h.Version, h.Cipher, atOrNone(h.LostAt)}
			})
		},
	}
}

func (p *program) mailTLSForget() *cobra.Command {
	return &cobra.Command{
		Use:     "forget HOST",
		Short:   "Let a mail server get mail without TLS although it has had TLS",
		Example: "  foyer mail tls forget mx.acme.com",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.client.ForgetTLS(cmd.Context(), args[0]); err != nil {
				return err
			}
			return p.done(localapi.Removed{Removed: args[0]},
				"%s may get mail without TLS; what waits for it is tried again at its time, or now with: foyer mail retry ID", args[0])
		},
	}
}
