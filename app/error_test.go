package app_test

import (
	"errors"
	"fmt"
	"testing"

	"foyer/app"
)

func TestErrorHelpers(t *testing.T) {
	const neutral = "something went wrong inside Foyer; the service's log says what"
	cause := errors.New("disk full at /var/lib/foyer")
	conflict := app.Errorf(app.Conflict, "entry_taken", "%q is on the list of %s", "company.com", "Acme")
	tests := []struct {
		name    string
		err     error
		code    app.Code
		reason  string
		message string
		text    string
	}{
		{"nil", nil, "", "", neutral, ""},
		{"foreign", cause, app.Internal, "", neutral, "disk full at /var/lib/foyer"},
		{"plain", conflict, app.Conflict, "entry_taken", `"company.com" is on the list of Acme`, `"company.com" is on the list of Acme`},
		{"wrapped", fmt.Errorf("save: %w", conflict), app.Conflict, "entry_taken", `"company.com" is on the list of Acme`, `save: "company.com" is on the list of Acme`},
		{"joined", errors.Join(cause, conflict), app.Conflict, "entry_taken", `"company.com" is on the list of Acme`, "disk full at /var/lib/foyer\n\"company.com\" is on the list of Acme"},
		{"field", app.Fieldf("email", "address_invalid", "no"), app.Invalid, "address_invalid", "no", "no"},
		{
			"with a cause", &app.Error{Code: app.Unavailable, Reason: "storage", Message: "try later", Err: cause},
			app.Unavailable, "storage", "try later", "try later: disk full at /var/lib/foyer",
		},
		{"only a cause", &app.Error{Code: app.Internal, Reason: "compose", Err: cause}, app.Internal, "compose", neutral, "disk full at /var/lib/foyer"},
		{"the outer one counts", &app.Error{Code: app.Gone, Reason: "outer", Message: "outer", Err: conflict}, app.Gone, "outer", "outer", `outer: "company.com" is on the list of Acme`},
	}
	for _, tt := range tests {
		if got := app.CodeOf(tt.err); got != tt.code {
			t.Errorf("%s: CodeOf = %q, want %q", tt.name, got, tt.code)
		}
		if got := app.ReasonOf(tt.err); got != tt.reason {
			t.Errorf("%s: ReasonOf = %q, want %q", tt.name, got, tt.reason)
		}
		if got := app.MessageOf(tt.err); got != tt.message {
			t.Errorf("%s: MessageOf = %q, want %q", tt.name, got, tt.message)
		}
		if tt.err != nil && tt.err.Error() != tt.text {
			t.Errorf("%s: Error() = %q, want %q", tt.name, tt.err.Error(), tt.text)
		}
	}
	wrapped := &app.Error{Code: app.Unavailable, Message: "try later", Err: cause}
	if !errors.Is(wrapped, cause) {
		t.Error("errors.Is does not find the cause")
	}
}

func TestErrorWith(t *testing.T) {
	err := app.Fieldf("entries", "entry_invalid", "no").With("Token", "co.uk").With("Owner", "Acme")
	if len(err.Args) != 2 || err.Args["Token"] != "co.uk" || err.Args["Owner"] != "Acme" {
		t.Errorf("Args = %v, want Token co.uk and Owner Acme", err.Args)
	}
	if err.Code != app.Invalid || err.Field != "entries" || err.Reason != "entry_invalid" {
		t.Errorf("With changed the error to %+v", err)
	}
}
