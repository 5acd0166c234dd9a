package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server"
)

func readme(tb testing.TB) string {
	tb.Helper()
	return document(tb, "README.md")
}

// document returns the text of a document.
func document(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(root(tb), name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

var settingRow = regexp.MustCompile("(?m)^\\| `([\\w.]+)` \\| (?:`(.*)`|empty) \\| .")

func TestReadmeListsEverySetting(t *testing.T) {
	_, text, found := strings.Cut(readme(t), "\n## Settings\n")
	text, _, _ = strings.Cut(text, "\n## ")
	if !found {
		t.Fatal("README has no section Settings")
	}
	var got, want []string
	for _, row := range settingRow.FindAllStringSubmatch(text, -1) {
		got = append(got, row[1]+"="+row[2])
	}
	for _, def := range app.SettingDefs() {
		want = append(want, def.Key+"="+def.Default)
	}
	if !slices.Equal(got, want) {
		t.Errorf("settings and their defaults\nin README %q\nreal      %q", got, want)
	}
}

var connectorRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([a-z, ]+) \\| .")

func TestReadmeListsEveryConnectorKey(t *testing.T) {
	text := document(t, "docs/providers.md")
	var got, want []string
	for _, row := range connectorRow.FindAllStringSubmatch(text, -1) {
		got = append(got, row[1]+" of "+row[2])
	}
	for _, key := range app.ConnectorKeys() {
		var kinds []string
		for _, kind := range app.ConnectorKinds() {
			if key.Of(kind) {
				kinds = append(kinds, string(kind))
			}
		}
		if len(kinds) == len(app.ConnectorKinds()) {
			kinds = []string{"all"}
		}
		want = append(want, key.Key+" of "+strings.Join(kinds, ", "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("keys of a connector\nin docs/providers.md %q\nreal      %q", got, want)
	}
}

func TestReadmeListsEveryCommand(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatalf("build foyer: %v", err)
	}
	_, text, found := strings.Cut(readme(t), "\n## Commands\n")
	text, _, _ = strings.Cut(text, "\n## ")
	if !found {
		t.Fatal("README has no section Commands")
	}
	want := commands(t, path)
	var got []string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "foyer" {
			continue
		}
		name := words[1]
		isFamily := func(command string) bool { return strings.HasPrefix(command, name+" ") }
		for _, word := range words[2:] {
			if !slices.ContainsFunc(want, isFamily) {
				break
			}
			name += " " + word
		}
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("commands\nin README %q\nreal      %q", got, want)
	}
}

// commands asks the program for all its commands, as a shell does that completes its command line.
func commands(tb testing.TB, path string, below ...string) []string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), path, slices.Concat([]string{"__complete"}, below, []string{""})...).Output()
	if err != nil {
		tb.Fatalf("foyer __complete %s: %v", strings.Join(below, " "), err)
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		name, _, offered := strings.Cut(line, "\t")
		// What every program with this command-line library has.
		if !offered || len(below) == 0 && slices.Contains([]string{"completion", "help"}, name) {
			continue
		}
		all = append(all, commands(tb, path, append(slices.Clone(below), name)...)...)
	}
	if len(all) == 0 {
		return []string{strings.Join(below, " ")}
	}
	return all
}

// TestReadmeShowsEveryConfigurationKey reads the example in README, which is to name every key.
func TestReadmeShowsEveryConfigurationKey(t *testing.T) {
	_, text, found := strings.Cut(readme(t), "\n```toml\n")
	text, _, _ = strings.Cut(text, "\n```")
	if !found {
		t.Fatal("README shows no configuration file")
	}
	config, err := server.ParseConfig(text)
	if err != nil {
		t.Fatalf("the configuration file in README: %v", err)
	}
	// These are not of the file.
	notInFile := []string{"Log", "Level", "LevelGiven", "PagesLookup", "PagesDial", "Version", "Captured", "Starting", "ProviderTransport", "Resolver", "Names", "MailDial", "MailRoots", "WebRoots", "LocalUser", "Certificate", "listen"}
	for _, part := range []reflect.Value{reflect.ValueOf(config), reflect.ValueOf(config.Web), reflect.ValueOf(config.SMTP)} {
		for field, value := range part.Fields() {
			if value.IsZero() && !slices.Contains(notInFile, field.Name) {
				t.Errorf("the configuration file in README does not set %s", field.Name)
			}
		}
	}
	if config.DataDir != server.DefaultDataDir || config.Socket != server.DefaultSocket || config.Listen != server.DefaultListen {
		t.Errorf("README shows data %q, socket %q, listen %q; the defaults are %q, %q, %q", config.DataDir, config.Socket, config.Listen,
			server.DefaultDataDir, server.DefaultSocket, server.DefaultListen)
	}
}

var (
	markdownLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	markdownHeading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	markdownFence   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	notInAnchor     = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// anchors returns what a link can name behind # in a document, as GitHub makes it of its headings.
func anchors(text string) []string {
	var all []string
	for _, m := range markdownHeading.FindAllStringSubmatch(markdownFence.ReplaceAllString(text, ""), -1) {
		words := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

// TestDocumentLinks follows every link of the documents that does not lead elsewhere.
func TestDocumentLinks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no documents: %v", err)
	}
	names := []string{"README.md", "CONTRIBUTING.md"}
	for _, file := range files {
		names = append(names, "docs/"+filepath.Base(file))
	}
	followed := 0
	for _, name := range names {
		text := document(t, name)
		for _, m := range markdownLink.FindAllStringSubmatch(markdownFence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			followed++
			path, anchor, hasAnchor := strings.Cut(m[1], "#")
			to := name
			if path != "" {
				to = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(filepath.Join(root(t), to)); err != nil {
				t.Errorf("%s leads to %s: %v", name, m[1], err)
				continue
			}
			if hasAnchor && !slices.Contains(anchors(document(t, to)), anchor) {
				t.Errorf("%s leads to %s: no heading there has that anchor", name, m[1])
			}
		}
	}
	if followed == 0 {
		t.Error("no document has a link")
	}
}

// TestReadmeListsEveryDocument: whoever begins with README finds all the others.
func TestReadmeListsEveryDocument(t *testing.T) {
	_, text, found := strings.Cut(readme(t), "\n## Documents\n")
	text, _, _ = strings.Cut(text, "\n## ")
	if !found {
		t.Fatal("README has no section Documents")
	}
	files, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no documents: %v", err)
	}
	for _, file := range files {
		if link := "(docs/" + filepath.Base(file) + ")"; !strings.Contains(text, link) {
			t.Errorf("the table Documents in README does not have %s", link)
		}
	}
}
