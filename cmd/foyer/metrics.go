package main

import (
	"github.com/spf13/cobra"
)

func (p *program) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "metrics",
		Short: "The figures of the service, in the text format of Prometheus",
		Long: `Print the figures of the service in the text format of Prometheus. The setting
metrics.listen serves them over HTTP to programs of this machine as well.`,
		Example: "  foyer metrics\n  foyer settings set metrics.listen=127.0.0.1:9108",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.client.Metrics(cmd.Context(), p.out) },
	}
}
