package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server"
)

// What the program exits with. 75 and 78 are EX_TEMPFAIL and EX_CONFIG of sysexits.h.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitConflict    = 5
	exitInvalid     = 6
	exitDenied      = 7
	exitRunning     = 75
	exitData        = 78
)

// usageError says that the command line was not understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// usage returns a usageError about cmd, with where to read how it is used.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...) + "; see " + cmd.CommandPath() + " --help"}
}

// serveError is what kept the service from starting or going on. Whoever starts it may read the cause.
type serveError struct{ err error }

func (e *serveError) Error() string { return e.err.Error() }
func (e *serveError) Unwrap() error { return e.err }

// exitStatus returns what the program exits with after err.
func exitStatus(err error) int {
	if err == nil {
		return exitDone
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if quiet, ok := errors.AsType[quietExit](err); ok {
		return int(quiet)
	}
	if errors.Is(err, server.ErrRunning) {
		return exitRunning
	}
	if _, ok := errors.AsType[*server.DataError](err); ok {
		return exitData
	}
	if _, ok := errors.AsType[*serveError](err); ok && app.CodeOf(err) != app.Invalid {
		return exitFailed
	}
	switch app.CodeOf(err) {
	case app.NotFound:
		return exitNotFound
	case app.Conflict:
		return exitConflict
	case app.Invalid:
		return exitInvalid
	case app.Denied:
		return exitDenied
	case app.Unavailable:
		if reason := app.ReasonOf(err); reason == "service_unreachable" || reason == "version_mismatch" || reason == "service_starting" {
			return exitUnreachable
		}
		return exitFailed
	default:
		return exitFailed
	}
}

// errorText returns what is printed of err: its line, or with --json its name and values as well.
func (p *program) errorText(err error) string {
	line := errorLine(err)
	if p.json {
		if text, jsonErr := localapi.ErrorJSON(namedError(err, line)); jsonErr == nil {
			return safeJSON(string(text))
		}
	}
	return "foyer: " + line
}

// namedError returns err with a line as its message, and with a name where it has none.
func namedError(err error, line string) *app.Error {
	e := app.Error{Code: app.CodeOf(err), Reason: app.ReasonOf(err), Message: line}
	if known, ok := errors.AsType[*app.Error](err); ok {
		e.Field, e.Args = known.Field, known.Args
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		e.Code, e.Reason = app.Invalid, "usage"
	}
	if errors.Is(err, server.ErrRunning) {
		e.Code, e.Reason = app.Conflict, "service_running"
	}
	if _, ok := errors.AsType[*server.DataError](err); ok {
		e.Code, e.Reason = app.Unavailable, "data_unusable"
		e.Args = map[string]string{"Why": line}
	}
	return &e
}

// errorLine returns what is printed of err: one line, without control characters.
func errorLine(err error) string {
	text := err.Error()
	if _, ok := errors.AsType[*serveError](err); !ok {
		if e, ok := errors.AsType[*app.Error](err); ok {
			text = app.MessageOf(e)
		}
	}
	return safe(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}
