package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"foyer/server"
)

// serveFlags are those of serve, and partly of demo.
type serveFlags struct {
	config    string
	listen    string
	publicURL string
	level     slog.Level
	given     bool // the level was
	format    logFormat
}

func (p *program) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service in the foreground",
		Long: `Run the service in the foreground: the pages, the mail queue and the admin socket. It
prints one line when it is ready and logs to standard error. SIGTERM or Ctrl+C lets
what has begun come to its end and stops it; a second one stops it at once.

Flags override the configuration file. Without any, it is /etc/foyer/foyer.toml if that
exists, the data are in /var/lib/foyer, the admin socket is /run/foyer/admin.sock and
the pages are at port 8080.`,
		Example: `  foyer serve
  foyer serve --data ./data --listen 127.0.0.1:8080
  foyer serve --public-url https://accounts.office.example`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.gaveUp(p.underManager(cmd.Context(), func(ctx context.Context) error {
				config, err := server.LoadConfig(f.config)
				if err != nil {
					return &serveError{err}
				}
				return p.serve(ctx, p.override(config, f))
			}))
		},
	}
	cmd.Flags().StringVar(&f.config, "config", "", "configuration `FILE`; default /etc/foyer/foyer.toml, if it exists")
	cmd.Flags().StringVar(&f.publicURL, "public-url", "", "`URL` by which browsers reach the pages, as in https://accounts.office.example; kept as the setting public_url")
	p.listenFlags(cmd, &f)
	return cmd
}

func (p *program) listenFlags(cmd *cobra.Command, f *serveFlags) {
	cmd.Flags().StringVar(&f.listen, "listen", "", "`ADDRESS` of the pages, HOST:PORT or :PORT")
	cmd.Flags().TextVar(&f.level, "log-level", f.level, "`LEVEL` of what is logged, in place of the setting log.level until that is set: debug, info, warn or error")
	cmd.Flags().TextVar(&f.format, "log-format", f.format, "`FORMAT` of the log: text or json")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { f.given = f.given || cmd.Flags().Changed("log-level") }
}

// override returns the configuration with what the command line says in place of what the file says.
func (p *program) override(c server.Config, f serveFlags) server.Config {
	if p.data != "" {
		c.DataDir, c.Socket = p.data, filepath.Join(p.data, "admin.sock")
	}
	c.Socket = cmp.Or(p.socket, c.Socket)
	c.Listen = cmp.Or(f.listen, c.Listen)
	c.PublicURL = cmp.Or(f.publicURL, c.PublicURL)
	c.Version = version()
	c.Level, c.LevelGiven = new(slog.LevelVar), f.given
	c.Level.Set(f.level)
	c.Log = newLog(p.err, f.format, isJournal(p.err, p.getenv), c.Level)
	return c
}

func (p *program) serve(ctx context.Context, c server.Config) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	strictUmask()
	n := newNotifier(p.getenv)
	told := beginStarting(ctx, n, c.Log)
	c.Starting = told.tell
	s, err := start(ctx, c)
	told.end()
	if err != nil {
		return err
	}
	// Its sockets listen already: who connects now is answered as soon as Run begins.
	if _, err := fmt.Fprintf(p.out, "foyer is ready at %s\n", s.URL()); err != nil {
		c.Log.Warn("cannot write to standard output", "err", err)
	}
	if p.ready != nil {
		p.ready()
	}
	w := watched{notifier: n, run: s.Run, alive: s.Alive, url: s.URL, log: c.Log}
	if err := w.Run(ctx); err != nil {
		return &serveError{err}
	}
	return nil
}

// gaveUp tells the service manager why the service cannot go on until somebody has done something, and returns err: the manager
// starts it no more, and this is what is read where its state is shown.
func (p *program) gaveUp(err error) error {
	if status := exitStatus(err); err != nil && (status == exitData || status == exitInvalid) {
		if tellErr := newNotifier(p.getenv).send(context.Background(), "STATUS="+errorLine(err)); tellErr != nil {
			fmt.Fprintf(p.err, "foyer: %s\n", errorLine(tellErr))
		}
	}
	return err
}

// start opens everything the service needs. The error is a serveError.
func start(ctx context.Context, c server.Config) (*server.Server, error) {
	s, err := server.New(ctx, c)
	if errors.Is(err, errAddressInUse) {
		err = fmt.Errorf("%s is in use by another program: choose another address with --listen", cmp.Or(c.Listen, server.DefaultListen))
	}
	if err != nil {
		return nil, &serveError{err}
	}
	return s, nil
}

// untilSignal returns a context that is done at the first SIGINT or SIGTERM. The second one has its usual effect and
// ends the process.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
