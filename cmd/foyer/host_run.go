package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"foyer/app"
	"foyer/app/localapi"
)

// hostRun is a command of this program that the desktop program runs.
type hostRun struct {
	args     []string
	secret   string // a line for --passphrase-file; "" for none
	elevate  bool   // with the right to change the machine, for which the desktop asks the person
	progress func(step string, done, total int64)
}

// run runs it and returns what it prints. The error says in a sentence what went wrong: what the command has said last.
func (h hostRun) run(ctx context.Context, executable string) ([]byte, error) {
	line := append([]string{executable}, h.args...)
	asks := h.elevate && os.Geteuid() != 0
	secret, input, remove, err := secretFor(h.secret, !asks || runtime.GOOS == "linux")
	if err != nil {
		return nil, err
	}
	defer remove()
	line = append(line, secret...)
	if asks {
		if line = elevated(line[1:]...); len(line) == 0 {
			return nil, app.Errorf(app.Denied, "no_elevation", "this desktop cannot ask for an administrator's password (pkexec is missing); use a terminal, as root: foyer %s", strings.Join(h.args, " ")).
				With("Command", "foyer "+strings.Join(h.args, " "))
		}
	}
	words := &stepLines{words: &lastWords{}, tell: h.progress}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // this program, and what the system elevates it with
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, words
	if err := cmd.Run(); err != nil {
		return nil, controlError(err, strings.Join(h.args[:2], " "), words.String())
	}
	return out.Bytes(), nil
}

// secretFor returns the flag that gives a command a secret, and its standard input. Where that is not handed on to a command with more
// rights, the secret is in a file that only this user, and those with more rights, can read, until remove is called.
func secretFor(secret string, stdin bool) (flag []string, input string, remove func(), err error) {
	remove = func() {}
	switch {
	case secret == "":
		return nil, "", remove, nil
	case stdin:
		return []string{"--passphrase-file", "-"}, secret + "\n", remove, nil
	}
	f, err := os.CreateTemp("", "foyer-") // of mode 0600
	if err != nil {
		return nil, "", remove, fmt.Errorf("keep the passphrase for the command: %w", err)
	}
	remove = func() { _ = os.Remove(f.Name()) } // the system's own directory for such things
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		remove()
		return nil, "", func() {}, fmt.Errorf("keep the passphrase for the command: %w", err)
	}
	return []string{"--passphrase-file", f.Name()}, "", remove, nil
}

// pkexec's exit statuses for a person who gave no password, or is not permitted (pkexec(1)).
const (
	pkexecDismissed = 126
	pkexecRefused   = 127
)

// controlError says why a command did not do what it was asked for.
func controlError(err error, command, words string) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	said := localapi.ParseError(words)
	switch {
	case said != nil:
		return said
	case ok && (exit.ExitCode() == pkexecDismissed || exit.ExitCode() == pkexecRefused):
		return app.Errorf(app.Denied, "not_elevated", "nothing was done: the password of an administrator was not given")
	case words != "":
		return &app.Error{Code: app.Unavailable, Reason: "control_failed", Message: words, Err: err}
	default:
		return &app.Error{Code: app.Unavailable, Reason: "control_failed", Message: "foyer " + command + " ended without a word", Err: err}
	}
}

// answerOf reads what a command has printed as JSON.
func answerOf[T any](out []byte) (T, error) {
	var answer T
	if err := json.Unmarshal(out, &answer); err != nil {
		return answer, &app.Error{Code: app.Internal, Reason: "answer", Message: "what foyer has printed is not understood; is it of another version?", Err: err}
	}
	return answer, nil
}

// identityLine returns the line of an age identity file that has the identity, or a passphrase as it is: a command takes one line.
func identityLine(secret string) string {
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "AGE-SECRET-KEY-") {
			return line
		}
	}
	return secret
}

// stepLines tells the progress that a command prints, one JSON object a line, and keeps what else it says.
type stepLines struct {
	words *lastWords
	tell  func(step string, done, total int64) // nil for nobody
	line  []byte
}

// Write takes what a command prints, in pieces of any size.
func (s *stepLines) Write(p []byte) (int, error) {
	s.line = append(s.line, p...)
	for {
		line, rest, whole := bytes.Cut(s.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		s.take(line)
		s.line = rest
	}
}

func (s *stepLines) take(line []byte) {
	var progress struct {
		Step  string `json:"step"`
		Done  int64  `json:"done"`
		Total int64  `json:"total"`
	}
	if json.Unmarshal(line, &progress) == nil && progress.Step != "" {
		if s.tell != nil {
			s.tell(progress.Step, progress.Done, progress.Total)
		}
		return
	}
	_, _ = s.words.Write(append(line, '\n')) // it always takes all
}

// String returns the last line that was no progress.
func (s *stepLines) String() string {
	if len(s.line) > 0 {
		s.take(s.line)
		s.line = nil
	}
	return s.words.String()
}
