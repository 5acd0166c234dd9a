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
	typed  string // what the person types whom it asks
	fresh  bool   // it begins on another machine, on which there is no Foyer
}

// Said in a comment in front of a block: that it ends with another exit status than 0, or is not run, both with the reason;
// what is typed, a line for each word; or that it and what follows are for another machine.
var (
	exitComment   = regexp.MustCompile(`^<!-- exit (\d+): (.+) -->$`)
	notRunComment = regexp.MustCompile(`^<!-- not run: (.+) -->$`)
	typedComment  = regexp.MustCompile(`^<!-- typed: (.+) -->$`)
)

const (
	bareComment  = "<!-- bare machine -->"
	freshComment = "<!-- another machine -->"
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
			// What is asked for elsewhere are secrets, one a line.
			b = &block{line: n + 1, typed: "a-secret another-secret", fresh: comment == freshComment}
			if m := exitComment.FindStringSubmatch(comment); m != nil {
				b.exit, _ = strconv.Atoi(m[1]) // digits
			}
			if m := notRunComment.FindStringSubmatch(comment); m != nil {
				b.notRun = m[1]
			}
			if m := typedComment.FindStringSubmatch(comment); m != nil {
				b.typed = m[1]
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
// docs/install.md says; one with the comment "bare machine" begins without, and has packages at hand if it names them.
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
			bare := strings.Contains(string(text), bareComment)
			dir := ""
			if bare && strings.Contains(string(text), ".deb") {
				dir = packaged(t)
			} else {
				dir = programs(t)
			}
			for first := 0; first < len(all); {
				end := first + 1
				for end < len(all) && !all[end].fresh {
					end++
				}
				// A machine ends with its test, and there is one at a time.
				t.Run(fmt.Sprintf("from line %d", all[first].line), func(t *testing.T) {
					m := reader(t, dir)
					if !bare {
						m.run("/opt/foyer/foyer service install")
						m.run("foyer company add 'Example Ltd' example.com")
					}
					for _, b := range all[first:end] {
						m.read(b)
					}
				})
				first = end
			}
		})
	}
}

// reader boots the machine of somebody who reads a document. The packages in dir, if there are any, are in root's directory.
func reader(tb testing.TB, dir string) *machine {
	tb.Helper()
	m := boot(tb, dir)
	m.run("echo 127.0.1.1 $(hostname) >>/etc/hosts")                                 // sudo asks
	m.run(`echo 'APT::Install-Recommends "false";' >/etc/apt/apt.conf.d/no-network`) // what is only recommended cannot be had
	m.run("if [ -d /opt/foyer/1.0.0 ]; then cp /opt/foyer/1.0.1/* /root && cp /opt/foyer/1.0.0/* /root; fi")
	return m
}

// read runs a block as a person would who types it line by line and goes on as long as all is well.
func (m *machine) read(b block) {
	m.tb.Helper()
	if b.notRun != "" {
		m.tb.Logf("line %d is not run: %s", b.line, b.notRun)
		return
	}
	script := fmt.Sprintf("cd /root; printf '%%s\\n' %s | bash -eo pipefail -c '%s'", b.typed, strings.ReplaceAll(b.text, "'", `'\''`))
	stdout, stderr, status := m.try(script)
	if status != b.exit {
		journal, _, _ := m.try("journalctl -u foyer -n 20 --no-pager -o cat")
		m.tb.Errorf("line %d: exit status %d, want %d\n%s\n%s%s\njournal:\n%s", b.line, status, b.exit, b.text, stdout, stderr, journal)
	}
}
