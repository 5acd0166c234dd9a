package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
)

func (s *services) uninstall() *cobra.Command {
	var purge bool
	var host string
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove it; its data are kept",
		Long: `Stop the service and remove it from the machine, with the program that install has
copied. The data directory and the configuration file are kept, and a later install finds
them again. --purge deletes them too, for good: accounts, mails, keys and backups. It asks
for the name of this machine; --yes-purge gives it.`,
		Example: "  sudo foyer service uninstall\n  sudo foyer service uninstall --purge",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var args []string
			if purge {
				args = append(args, "--purge")
			}
			if host != "" {
				args = append(args, "--yes-purge", host)
			}
			if err := s.mayChange(cmd, args); err != nil {
				return err
			}
			return s.remove(cmd.Context(), purge || cmd.Flags().Changed("yes-purge"), host)
		},
	}
	cmd.Flags().BoolVar(&purge, "purge", false, "delete the data and the configuration file as well, after a question")
	cmd.Flags().StringVar(&host, "yes-purge", "", "delete them without a question; `HOSTNAME` is the name of this machine")
	return cmd
}

// uninstalled is what foyer service uninstall prints as JSON.
type uninstalled struct {
	Removed []string `json:"removed"`
	Data    string   `json:"data"` // where the data are, or were
	Purged  bool     `json:"purged"`
}

func (s *services) remove(ctx context.Context, purge bool, host string) error {
	before, err := s.manager.status(ctx)
	if err != nil {
		return err
	}
	if !before.Installed && !purge {
		return errNotInstalled()
	}
	if purge {
		if err := s.p.confirmPurge(before.Data, host); err != nil {
			return err
		}
	}
	out := uninstalled{Data: before.Data, Purged: purge, Removed: []string{}}
	if before.Installed {
		removed, err := s.manager.uninstall(ctx)
		if err != nil {
			return err
		}
		out.Removed = append(out.Removed, removed...)
	}
	if purge {
		removed, err := s.manager.purge(ctx)
		if err != nil {
			return err
		}
		out.Removed = append(out.Removed, removed...)
		return s.p.done(out, "the service is removed, and so are its data: %s; the system user foyer stays", strings.Join(out.Removed, " "))
	}
	return s.p.done(out, "the service is removed; its data are kept in %s, and a new install finds them again", out.Data)
}

// confirmPurge returns nil when somebody has typed the name of this machine.
func (p *program) confirmPurge(data, typed string) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	if typed == "" {
		fmt.Fprintf(p.err, "This deletes %s: all companies, accounts, mails, keys and backups. Nothing brings them back.\nType the name of this machine (%s) to go on: ",
			safe(data), safe(host))
		if typed, err = readLine(p.typed()); err != nil {
			return err
		}
	}
	if typed != host {
		return app.Errorf(app.Invalid, "purge_host", "that is not the name of this machine (%s); nothing was changed", host)
	}
	return nil
}
