package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"foyer/app/localapi"
)

// progress tells on standard error how far something is: on a terminal one line that is written over, for a program one JSON object
// a line, and nothing otherwise.
type progress struct {
	p    *program
	mode string // of --progress
	last progressLine
	line terminalLine
}

// terminalLine is a line of standard error that is written over. Where that is no terminal, there is none.
type terminalLine struct {
	shown bool // there is one to be wiped
}

func (l *terminalLine) show(p *program, text string) {
	file, ok := p.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return
	}
	fmt.Fprintf(p.err, "\r\x1b[K%s", text)
	l.shown = true
}

// wipe takes the line away, so that what is printed next stands alone.
func (l *terminalLine) wipe(p *program) {
	if l.shown {
		fmt.Fprint(p.err, "\r\x1b[K")
		l.shown = false
	}
}

// progressLine is what --progress json prints on one line.
type progressLine struct {
	Step  string `json:"step"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// progressFlag gives a command the flag --progress.
func (p *program) progressFlag(cmd *cobra.Command) *progress {
	g := &progress{p: p, mode: "auto"}
	cmd.Flags().StringVar(&g.mode, "progress", g.mode, "how progress is shown on standard error: `WAY` is auto (on a terminal), json (an object a line) or none")
	return g
}

// check returns a usageError for a way that there is not.
func (g *progress) check(cmd *cobra.Command) error {
	switch g.mode {
	case "auto", "json", "none":
		return nil
	}
	return usage(cmd, "--progress is auto, json or none, not %q", g.mode)
}

// tell tells of a step.
func (g *progress) tell(step string, done, total int64) {
	now := progressLine{step, done, total}
	if step == "" || step == g.last.Step && total == g.last.Total && percent(done, total) == percent(g.last.Done, total) {
		return
	}
	g.last = now
	if g.mode == "json" {
		data, err := json.Marshal(now)
		if err == nil {
			fmt.Fprintf(g.p.err, "%s\n", data)
		}
		return
	}
	if g.mode != "auto" {
		return
	}
	text := stepWords(step)
	if total > 0 {
		text += fmt.Sprintf("  %3d %%", percent(done, total))
	}
	g.line.show(g.p, text)
}

// percent returns how much of a step is done, 0 where that is not known.
func percent(done, total int64) int64 {
	if total <= 0 {
		return 0
	}
	return done * 100 / total
}

// job tells of a job of the service.
func (g *progress) job(j localapi.Job) { g.tell(j.Step, j.Done, j.Total) }

// end wipes what is shown.
func (g *progress) end() { g.line.wipe(g.p) }

// stepWords returns what is said of a step.
func stepWords(step string) string {
	words, ok := map[string]string{
		"copy": "copying the database", "check": "looking at every page", "hash": "adding up", "encrypt": "encrypting", "read": "reading the backup",
		"fetch": "copying the backup", "prepare": "making it ready", "journal": "making it ready", "replace": "putting it in place", "migrate": "bringing the database up to date",
		"backup": "making a backup", "stop": "stopping the service", "start": "starting the service",
	}[step]
	if !ok {
		return safe(step)
	}
	return words
}
