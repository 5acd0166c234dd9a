package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestManuals(t *testing.T) {
	dir := t.TempDir()
	var out, errs strings.Builder
	p := &program{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(name string) string {
		return map[string]string{"SOURCE_DATE_EPOCH": "1700000000"}[name]
	}}
	if status := p.run(t.Context(), []string{"man", dir}); status != exitDone {
		t.Fatalf("man: got exit %d, %s", status, errs.String())
	}
	for name, words := range map[string][]string{
		"foyer.1":                 {`.TH "FOYER" 1 "2023-11-14"`, "foyer \\- lets the people", ".BR foyer\\-company (1)", ".SH FILES", ".SH EXIT STATUS", "\\fB\\-\\-json\\fR"},
		"foyer-company-add.1":     {".B foyer company add\nNAME [ENTRY...]", ".BR foyer\\-company (1)"},
		"foyer-service-install.1": {"\\fB\\-\\-operator\\fR \\fINAME\\fR", "\n.PP\n", "\nsudo foyer service install\n"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, word := range words {
			if !strings.Contains(string(text), word) {
				t.Errorf("%s does not say %q:\n%s", name, word, text)
			}
		}
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 60 {
		t.Errorf("got %d pages, %v", len(pages), err)
	}
	for _, name := range []string{"foyer-man.1", "foyer-help.1"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("there is a page %s", name)
		}
	}
	if status := p.run(t.Context(), []string{"man", filepath.Join(dir, "nowhere")}); status != exitFailed {
		t.Errorf("a directory that is not there: got exit %d", status)
	}
}

// TestRoff writes what man would take for its own language.
func TestRoff(t *testing.T) {
	for _, test := range []struct{ give, want string }{
		{"--json and a\\b", `\-\-json and a\eb`},
		{".foyer\n'quoted'", "\\&.foyer\n\\(aqquoted\\(aq"},
		{"~ ^ `x`…", "\\(ti \\(ha \\(gax\\(ga..."},
	} {
		if got := roff(test.give); got != test.want {
			t.Errorf("roff(%q): got %q, want %q", test.give, got, test.want)
		}
	}
	got := paragraphs("One\ntwo\n\n  a list\n\n  of lines\n\nthree\n")
	if want := "One\ntwo\n.PP\n.nf\n  a list\n\n  of lines\n\n.fi\nthree\n"; got != want {
		t.Errorf("paragraphs: got %q, want %q", got, want)
	}
}

func TestManualDate(t *testing.T) {
	p := &program{}
	got := manual(p.root(), time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC))
	if !strings.HasPrefix(got, `.TH "FOYER" 1 "2026-03-01" "Foyer `) {
		t.Errorf("got %.60q", got)
	}
}

// TestUnitCommand prints the unit of the packages, or of another program.
func TestUnitCommand(t *testing.T) {
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, exitDone, unitText(packageProgram, nil)},
		{[]string{"--program", "/opt/foyer"}, exitDone, unitText("/opt/foyer", nil)},
		{[]string{"--program", "foyer"}, exitUsage, ""},
	} {
		var out, errs strings.Builder
		p := &program{in: strings.NewReader(""), out: &out, err: &errs, getenv: func(string) string { return "" }}
		if status := p.run(t.Context(), append([]string{"service", "unit"}, test.args...)); status != test.status || out.String() != test.want {
			t.Errorf("service unit %q: got exit %d, %q, %s", test.args, status, out.String(), errs.String())
		}
	}
	if text := unitText(packageProgram, nil); strings.HasPrefix(text, unitMark) {
		t.Error("the unit of a package passes for one that install has written")
	}
}
