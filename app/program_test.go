package app_test

import (
	"fmt"
	"strings"
	"testing"

	"foyer/app"
)

func TestProgramSenders(t *testing.T) {
	p, err := app.Program{Name: "scanner"}.Change(map[string]string{"senders": "office.example, Jane@ACME.example\nbücher.example office.example"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.SendersText(), "office.example jane@acme.example xn--bcher-kva.example"; got != want {
		t.Errorf("senders %q, want %q", got, want)
	}
	for sender, want := range map[string]bool{
		"scanner@office.example": true, "Anybody+tag@OFFICE.example": true, "JANE@acme.example": true, "a@bücher.example": true,
		"joe@acme.example": false, "x@sub.office.example": false, "x@notoffice.example": false, "x@office.example.evil.test": false,
		"jane+tag@acme.example": false, "jane@acme.example.test": false,
	} {
		if got := p.MaySend(address(t, sender)); got != want {
			t.Errorf("may send as %s: %v, want %v", sender, got, want)
		}
	}
	if (app.Program{}).MaySend(address(t, "a@b.example")) {
		t.Error("a program without senders may send")
	}
	odd := app.Program{Senders: []app.Entry{{Kind: app.EntryWildcard, Value: "*.office.example"}}}
	if odd.MaySend(address(t, "a@office.example")) {
		t.Error("a wildcard lets send")
	}
	for _, senders := range []string{"*.office.example", "!office.example", "office", "a b@c@d.example", "*@office.example"} {
		_, err := p.Change(map[string]string{"senders": senders})
		wantError(t, err, app.Invalid, "senders", "sender_invalid")
	}
}

func TestProgramChange(t *testing.T) {
	p := app.Program{Name: "scanner", LocalUser: "scan", Enabled: true}
	for key, values := range map[string][]string{
		"local_user": {"a b", "a:b", "-x", "a/b", "a\n", strings.Repeat("x", 65)}, "enabled": {"", "yes", "true", "ON"},
	} {
		for _, value := range values {
			next, err := p.Change(map[string]string{key: value, "senders": "office.example"})
			wantError(t, err, app.Invalid, key, "program_invalid")
			if len(next.Senders) > 0 {
				t.Errorf("%s=%q: the rest was changed", key, value)
			}
		}
	}
	_, err := p.Change(map[string]string{"password": "x"})
	wantError(t, err, app.NotFound, "", "program_key_unknown")
	next, err := p.Change(map[string]string{"local_user": "", "enabled": "off", "senders": ""})
	if err != nil || next.LocalUser != "" || next.Enabled || len(next.Senders) != 0 {
		t.Errorf("got %+v, %v", next, err)
	}
	for _, user := range []string{"www-data", "1000", "OFFICE.jane", "machine$", "_apt"} {
		if next, err := p.Change(map[string]string{"local_user": user}); err != nil || next.Value("local_user") != user {
			t.Errorf("local_user %q: %v", user, err)
		}
	}
}

func TestProgramName(t *testing.T) {
	for name, want := range map[string]bool{
		"scanner": true, "a": true, "0.b-c_d": true, strings.Repeat("x", 64): true,
		"": false, "Scanner": false, ".x": false, "-x": false, "a b": false, "é": false, "a@b": false, strings.Repeat("x", 65): false,
	} {
		if err := app.CheckProgramName(name); (err == nil) != want {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
}

func TestNotSender(t *testing.T) {
	for senders, want := range map[string]string{
		"":          "p may not send as anybody yet: foyer program set p senders=evil.example",
		"a.example": "p may not send as x@evil.example; it may as a.example",
		"a.example b.example c.example d.example e.example f.example": "p may not send as x@evil.example; it may as a.example, b.example, c.example, d.example, e.example and others",
	} {
		p, err := app.Program{Name: "p"}.Change(map[string]string{"senders": senders})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.NotSender(address(t, "x@evil.example")); app.CodeOf(err) != app.Denied || app.MessageOf(err) != want {
			t.Errorf("%q: got %v, want %q", senders, fmt.Sprint(err), want)
		}
	}
}
