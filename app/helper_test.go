package app_test

import (
	"errors"
	"strings"
	"testing"

	"foyer/app"
)

// address returns the address s names, which must be one.
func address(tb testing.TB, s string) app.Address {
	tb.Helper()
	addr, err := app.ParseAddress(s)
	if err != nil {
		tb.Fatalf("ParseAddress(%q): %v", s, err)
	}
	return addr
}

// entry returns the entry a token names, which must be one.
func entry(tb testing.TB, token string) app.Entry {
	tb.Helper()
	e, err := app.ParseEntry(token)
	if err != nil {
		tb.Fatalf("ParseEntry(%q): %v", token, err)
	}
	return e
}

// wantError checks code, field and reason of an error, and that it has a sentence to show.
func wantError(tb testing.TB, err error, code app.Code, field, reason string) {
	tb.Helper()
	e, ok := errors.AsType[*app.Error](err)
	if !ok {
		tb.Errorf("got error %v, want an app.Error %s %s", err, code, reason)
		return
	}
	if e.Code != code || e.Field != field || e.Reason != reason {
		tb.Errorf("got code %q, field %q, reason %q; want %q, %q, %q (%s)", e.Code, e.Field, e.Reason, code, field, reason, e.Message)
	}
	if e.Message == "" || strings.ContainsAny(e.Message, "\r\n") {
		tb.Errorf("error %s has the message %q, want one line to show", reason, e.Message)
	}
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// short cuts a string that would fill a page of test output.
func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}
