package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"foyer/app"
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
