package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// block is a piece of shell in a document.
type block struct {
	line   int
	text   string
	exit   int    // what it must end with
	notRun string // why it is not run
}

// Said in a comment in front of a block: that it ends with another exit status than 0, or is not run; both with the reason.
var (
	exitComment   = regexp.MustCompile(`^<!-- exit (\d+): (.+) -->$`)
	notRunComment = regexp.MustCompile(`^<!-- not run: (.+) -->$`)
)

// blocks returns the pieces of shell in a document. They are of the language sh; other blocks show something.
func blocks(tb testing.TB, document string) []block {
	tb.Helper()
	var all []block
	var b *block
	language, inside, indent, comment := "", false, "", ""
	for n, line := range strings.Split(document, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case inside && trimmed == "```":
			if inside = false; language == "sh" {
				all = append(all, *b)
			}
		case inside:
			b.text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(trimmed, "```"):
			language, inside, indent = strings.TrimPrefix(trimmed, "```"), true, line[:strings.Index(line, "```")]
			if language == "" {
				tb.Errorf("line %d: a block without a language; sh is run, text is not", n+1)
			}
			b = &block{line: n + 1}
			if m := exitComment.FindStringSubmatch(comment); m != nil {
				b.exit, _ = strconv.Atoi(m[1]) // digits
			}
			if m := notRunComment.FindStringSubmatch(comment); m != nil {
				b.notRun = m[1]
			}
		}
		if !inside {
			comment = trimmed
		}
	}
	if inside {
		tb.Errorf("a block of the language %s has no end", language)
	}
	return all
}

// TestDocs runs every command of every document, each document on a machine of its own on which the service is installed as
// README says; one that begins with the comment "bare machine" begins without.
func TestDocs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no documents: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all := blocks(t, string(text))
			if len(all) == 0 {
				t.Skip("it has no commands")
			}
			m := boot(t, programs(t))
			m.run("echo 127.0.1.1 $(hostname) >>/etc/hosts") // sudo asks
			if !strings.Contains(string(text), "<!-- bare machine -->") {
				m.run("/opt/foyer/foyer service install")
				m.run("foyer company add 'Example Ltd' example.com")
			}
			for _, b := range all {
				m.read(b)
			}
		})
	}
}

// read runs a block as a person would who types it line by line and goes on as long as all is well.
func (m *machine) read(b block) {
	m.tb.Helper()
	if b.notRun != "" {
		m.tb.Logf("line %d is not run: %s", b.line, b.notRun)
		return
	}
	// What is asked for on standard input are secrets, one a line.
	script := fmt.Sprintf("cd /root; bash -eo pipefail -c '%s' <<<$'a-secret\\nanother-secret'", strings.ReplaceAll(b.text, "'", `'\''`))
	stdout, stderr, status := m.try(script)
	if status != b.exit {
		journal, _, _ := m.try("journalctl -u foyer -n 20 --no-pager -o cat")
		m.tb.Errorf("line %d: exit status %d, want %d\n%s\n%s%s\njournal:\n%s", b.line, status, b.exit, b.text, stdout, stderr, journal)
	}
}
