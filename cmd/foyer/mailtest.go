package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"foyer/app/localapi"
	"foyer/assets"
)

// How mail test waits: an attempt at a server that does not answer ends after 30 seconds, at one that says nothing after a minute, at one
// that is slow within minutes.
const (
	testWait = 2 * time.Minute
	testPoll = 250 * time.Millisecond
)

func (p *program) mailTest() *cobra.Command {
	var lang string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "test ADDRESS",
		Short: "Send a test mail and show how it went",
		Long: `Send a test mail, wait for the attempt, show its steps (the name, the connection, TLS, signing
in, and what the mail server says) and what to do next. The exit status is 0 when the mail
server has taken the mail or the mail was captured, else 1.`,
		Example: "  foyer mail test you@office.example\n  foyer mail test you@office.example --json",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(assets.Langs, lang) {
				return usage(cmd, "mails are written in %s, not in %q", strings.Join(assets.Langs, " or "), lang)
			}
			if wait < 0 {
				return usage(cmd, "--wait is a time like 30s or 2m, or 0")
			}
			return p.testMail(cmd.Context(), args[0], lang, wait)
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "en", "`LANGUAGE` of the mail: en or sk")
	cmd.Flags().DurationVar(&wait, "wait", testWait, "how long to wait for the attempt")
	return cmd
}

func (p *program) testMail(ctx context.Context, address, lang string, wait time.Duration) error {
	sent, err := p.client.TestMail(ctx, address, lang)
	if err != nil {
		return err
	}
	held, err := p.held(ctx)
	if err != nil {
		return err
	}
	if held {
		wait = 0 // there will be no attempt
	}
	m, err := p.awaitAttempt(ctx, sent.ID, wait)
	if err != nil {
		return err
	}
	if err := p.printAttempt(m); err != nil {
		return err
	}
	switch {
	case m.State == "captured":
		return p.sayVerdict(m.Verdict)
	case m.State == "delivered":
		return p.sayVerdict(m.Verdict)
	case held:
		return errors.New("no mail leaves while mail.hold is on; let it leave with: foyer settings set mail.hold=off")
	case !attempted(m):
		return errors.New("there is no result yet, and no more waiting; see what becomes of it with: foyer mail show " + m.ID)
	default:
		return errors.New(m.Verdict)
	}
}

// sayVerdict prints what has become of a mail that is where it should be.
func (p *program) sayVerdict(verdict string) error {
	if p.json {
		return nil
	}
	return p.say("\n%s", verdict)
}

// awaitAttempt returns the mail as it is after its first attempt, or after wait.
func (p *program) awaitAttempt(ctx context.Context, id string, wait time.Duration) (localapi.MessageDetail, error) {
	enough := time.NewTimer(wait)
	defer enough.Stop()
	poll := time.NewTicker(testPoll)
	defer poll.Stop()
	for {
		m, err := p.client.Message(ctx, id)
		if err != nil || attempted(m) {
			return m, err
		}
		select {
		case <-enough.C:
			return m, nil
		case <-ctx.Done():
			return m, errors.New("broken off; see what becomes of the mail with: foyer mail show " + id)
		case <-poll.C:
		}
	}
}

// attempted reports whether an attempt has ended, or none is to come.
func attempted(m localapi.MessageDetail) bool {
	switch m.State {
	case "queued", "sending":
		return false
	case "deferred":
		return m.Attempts > 0
	default:
		return true
	}
}

func (p *program) printAttempt(m localapi.MessageDetail) error {
	if p.json {
		return p.printJSON(m)
	}
	if err := p.say("test mail %s to %s: %s", m.ID, m.Recipient, m.State); err != nil || len(m.Steps) == 0 {
		return err
	}
	if err := p.say(""); err != nil {
		return err
	}
	return p.printSteps(m.Steps)
}

// stepNames are the steps in words for people who do not know SMTP or OpenID.
var stepNames = map[string]string{
	"name": "name", "connection": "connection", "greeting": "greeting", "tls": "encryption (TLS)", "auth": "sign-in", "sender": "sender",
	"recipient": "recipient", "data": "mail handed over", "reply": "answer", "settings": "settings", "redirect": "redirect",
	"discovery": "what the provider says of itself", "keys": "keys", "clock": "clock", "client": "client id and secret", "address": "address", "pages": "pages",
}

// printSteps prints the steps of an attempt, each with how it went, its time and what was found.
func (p *program) printSteps(steps []localapi.MailStep) error {
	var rows [][]string
	for _, s := range steps {
		name := stepNames[s.Name]
		if name == "" {
			name = s.Name
		}
		went := "ok"
		if !s.OK {
			went = "FAILED"
		}
		took := "<1ms"
		if s.TookMS > 0 {
			took = (time.Duration(s.TookMS) * time.Millisecond).String()
		}
		rows = append(rows, []string{went, name, took, s.Detail})
	}
	return p.columns(rows)
}
