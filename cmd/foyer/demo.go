package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/server"
)

func (p *program) demoCommand() *cobra.Command {
	f := serveFlags{level: slog.LevelWarn, given: true}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try it: the service with a sample company, and mails shown here",
		Long: `Run the service with a sample company whose people have addresses at example.com. No
mail leaves this machine: the link and the code of each are shown here.

Everything is in a directory of its own, which is removed at the end. With --data it is
kept, and found again the next time.`,
		Example: "  foyer demo\n  foyer demo --data ./demo --listen 127.0.0.1:9000",
		Args:    exactly(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), f) },
	}
	p.listenFlags(cmd, &f)
	return cmd
}

// demoActor is the actor of the sample data in the audit.
const demoActor = "foyer demo"

func (p *program) demo(ctx context.Context, f serveFlags) (err error) {
	ctx, stop := untilSignal(ctx)
	defer stop()
	strictUmask()
	kept := p.data != ""
	if !kept {
		if p.data, err = os.MkdirTemp("", "foyer-demo-"); err != nil {
			return &serveError{fmt.Errorf("make a directory for the demo: %w; name one with --data", err)}
		}
		defer func() { err = errors.Join(err, os.RemoveAll(p.data)) }()
	}
	if p.data, err = filepath.Abs(p.data); err != nil {
		return &serveError{err}
	}
	f.listen = cmp.Or(f.listen, "127.0.0.1:8080")
	config := p.override(server.Config{}, f)
	screen := &screen{out: p.out}
	config.Captured = screen.captured

	s, err := start(ctx, config)
	if err != nil {
		return err
	}
	if err := seed(ctx, s.Service()); err != nil {
		return &serveError{errors.Join(err, stopped(ctx, s))}
	}
	screen.print(p.welcome(s.URL(), kept))
	if err := s.Run(ctx); err != nil {
		return &serveError{err}
	}
	screen.print(p.farewell(kept))
	return nil
}

// stopped closes a service that was opened and is not to run.
func stopped(ctx context.Context, s *server.Server) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return s.Run(ctx)
}

// seed makes the sample company when it is not there. What an earlier demo in the same directory has changed stays,
// but that sign-up is open and no mail leaves: that is what a demo is.
func seed(ctx context.Context, service *app.Service) error {
	changes := map[string]string{"login_link": "on", "mail.transport": "capture"}
	companies, err := service.Companies(ctx)
	if err != nil {
		return err
	}
	isSample := func(c app.Company) bool { return c.Name == "Example Ltd" }
	if !slices.ContainsFunc(companies, isSample) {
		// FOYER_DATA may name the directory of a real office.
		if len(companies) > 0 {
			return app.Errorf(app.Conflict, "demo_data", "the data directory is not that of a demo: it has companies and no Example Ltd; name another one with --data")
		}
		if _, err := service.AddCompany(ctx, demoActor, "Example Ltd", "example.com"); err != nil {
			return fmt.Errorf("make the sample company: %w", err)
		}
		changes["site_name"], changes["contact"] = "Example Office", "reception, +1 555 0100"
	}
	_, err = service.SetSettings(ctx, demoActor, changes)
	return err
}

func (p *program) welcome(url string, kept bool) string {
	where := "--data " + quoted(p.data)
	if p.socket != "" {
		where = "--socket " + quoted(p.socket)
	}
	data := "Everything is in " + safe(p.data) + " and goes away when you stop."
	if kept {
		data = "Everything is kept in " + safe(p.data) + "."
	}
	return fmt.Sprintf(`
  Foyer demo

  1. Open        %[1]s/login
  2. Choose      "Create a customer account"
  3. Type        any name, and an address at example.com, such as jane@example.com
  4. Come back   The mail is not sent. Its link and code appear here.

  The administrator's side, from another terminal:

    %[4]s company list %[2]s
    %[4]s company add "Acme Ltd" acme.com %[2]s
    %[4]s allow test jane@example.com %[2]s
    %[4]s account list %[2]s
    %[4]s mail list %[2]s
    %[4]s audit list %[2]s

  %[3]s
  Ctrl+C stops the demo.

`, safe(url), where, data, startedAs())
}

// startedAs returns how this program was called, so that what is printed can be typed: "foyer", or "bin/foyer".
func startedAs() string { return quoted(os.Args[0]) }

func (p *program) farewell(kept bool) string {
	if kept {
		return fmt.Sprintf("\n  Stopped. Go on with: %s demo --data %s\n", startedAs(), quoted(p.data))
	}
	return "\n  Stopped. Nothing is left behind.\n"
}

// screen prints whole texts, one after the other: mails are captured while others are.
type screen struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, text) // a demo whose screen is gone has nobody to tell
}

func (s *screen) captured(m app.Message) {
	text := fmt.Sprintf("  Mail to %s: %s (%s)\n", safe(m.Recipient.String()), safe(m.Subject), safe(string(m.Kind)))
	plain, err := plainText(m.Data)
	if err != nil {
		s.print(text + "    it cannot be read: " + safe(err.Error()) + "\n\n")
		return
	}
	link, code := secrets(plain)
	if link != "" {
		text += "    Open   " + safe(link) + "\n"
	}
	if code != "" {
		text += "    Code   " + safe(code) + "\n"
	}
	s.print(text + "\n")
}

var (
	mailLink = regexp.MustCompile(`(?m)^\s*(https?://\S+/(?:confirm|reset)/\S+)\s*$`)
	mailCode = regexp.MustCompile(`(?m)^\s*([A-Z2-9]{4}-[A-Z2-9]{4})\s*$`)
)

// secrets returns the link that confirms or resets, and the code, that stand in the plain part of a mail; "" for
// what is not there.
func secrets(plain string) (link, code string) {
	if found := mailLink.FindStringSubmatch(plain); found != nil {
		link = found[1]
	}
	if found := mailCode.FindStringSubmatch(plain); found != nil {
		code = found[1]
	}
	return link, code
}
