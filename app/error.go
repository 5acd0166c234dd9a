// Package app is the domain of Foyer: addresses, the allow list, companies, registrations, accounts,
// sessions, passwords and the one gate that stands on every way in. It does no I/O of its own: what it
// needs of the world it declares as small interfaces. It imports the standard library and golang.org/x
// only; every other room may import it.
package app

import (
	"errors"
	"fmt"
)

// Code classifies an error, so that each border (web, local API, command line) can translate it once.
type Code string

// The codes an Error may carry. An error without one counts as Internal.
const (
	Invalid     Code = "invalid"     // what was given is wrong; Field names the input
	NotFound    Code = "not_found"   // there is no such thing
	Conflict    Code = "conflict"    // it is taken, or stands in the way of something else
	Denied      Code = "denied"      // known, but not permitted
	Closed      Code = "closed"      // switched off by the administrator
	Gone        Code = "gone"        // a link or code that is spent, replaced or expired
	Limited     Code = "limited"     // too many attempts; try later
	Unavailable Code = "unavailable" // cannot be done now; nothing was changed
	Internal    Code = "internal"    // a fault of ours; details are in the log only
)

// Error is what crosses a border inside Foyer. Message is a plain English sentence that may be shown to
// the person who caused it; Reason is its stable name, by which pages find the sentence in their own
// language, with Args filled in. Err is for the log and is never shown.
type Error struct {
	Code    Code
	Field   string            // the form field or setting that is wrong, or ""
	Reason  string            // stable name, for example "password_short"
	Message string            // one sentence in English, says what to do
	Args    map[string]string // values for the sentence, for example {"Token": "co.uk"}
	Err     error             // the cause, for the log only
}

// Error returns the message and, behind it, the cause: it is for logs, not for pages.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	if e.Message == "" {
		return e.Err.Error()
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error of the given code and reason whose Message is formatted from format and args.
func Errorf(code Code, reason, format string, args ...any) *Error {
	return &Error{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Fieldf returns an Invalid error about one field.
func Fieldf(field, reason, format string, args ...any) *Error {
	return &Error{Code: Invalid, Field: field, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// With returns the error with one value for its sentence added.
func (e *Error) With(name, value string) *Error {
	if e.Args == nil {
		e.Args = map[string]string{}
	}
	e.Args[name] = value
	return e
}

// CodeOf returns the code of the first Error in err's chain, Internal for any other error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// ReasonOf returns the reason of the first Error in err's chain, or "".
func ReasonOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return ""
}

// MessageOf returns the sentence that may be shown for err: the message of the first Error in its chain,
// or a neutral one that gives nothing of a fault away.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "something went wrong inside Foyer; the service's log says what"
}
