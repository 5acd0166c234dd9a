package main_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const customerTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// TestConnectorsOfTheService sets connectors up as an administrator does, through the built binary, and expects them on
// the login screen, after a restart as before, and their secrets nowhere.
func TestConnectorsOfTheService(t *testing.T) {
	const canary = "canary-in-the-mine-4711"
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serve(t, dir)
	p.run("settings", "set", "public_url="+strings.Replace(p.url, "127.0.0.1", "localhost", 1))
	p.run("company", "add", "Acme", "acme.example")
	p.run("connector", "add", "google", "google", "--client-id", "1234", "--client-secret-file", secret)
	p.run("connector", "add", "entra", "microsoft", "--client-id", "5678", "--client-secret-file", secret, "--tenant", "organizations")
	p.run("connector", "add", "oidc", "office", "--label", "Office account")
	p.run("connector", "set", "office", "issuer=https://login.office.example", "client_id=foyer", "signup=on")

	if got, want := buttons(t, p), "google office"; got != want {
		t.Errorf("without a tenant: the login screen has %q, want %q", got, want)
	}
	p.run("company", "tenant", "add", "Acme", customerTenant)
	if got, want := buttons(t, p), "google microsoft office"; got != want {
		t.Errorf("with a tenant: the login screen has %q, want %q", got, want)
	}
	p.run("connector", "set", "google", "enabled=off")
	if got, want := buttons(t, p), "microsoft office"; got != want {
		t.Errorf("google disabled: the login screen has %q, want %q", got, want)
	}
	connectorRefusals(t, p)

	shown := p.run("connector", "list") + p.run("connector", "show", "google") + p.run("connector", "show", "microsoft", "--json") +
		p.run("audit", "list", "--json")
	p.stop(syscall.SIGTERM)
	shown += p.log.String()
	if strings.Contains(shown, canary) {
		t.Errorf("the secret is shown:\n%s", shown)
	}
	noFileHolds(t, dir, canary)

	p = serve(t, dir)
	for name, want := range map[string]string{"google": "false 1234 true", "microsoft": "true 5678 true", "office": "true foyer false"} {
		c := query[map[string]any](p, "connector", "show", name)
		held, _ := c["client_secret"].(map[string]any)
		if got := fmt.Sprintf("%v %v %v", c["enabled"], c["client_id"], held["set"]); got != want {
			t.Errorf("%s after a restart: got %s, want %s", name, got, want)
		}
	}
	if tenants := query[map[string]any](p, "company", "show", "Acme")["tenants"]; fmt.Sprint(tenants) != "["+customerTenant+"]" {
		t.Errorf("tenants after a restart: got %v", tenants)
	}
	p.run("connector", "remove", "office")
	if left := query[[]map[string]any](p, "connector", "list"); len(left) != 2 {
		t.Errorf("after office was removed: got %v", left)
	}
}

// connectorRefusals expects the exit status and one line on standard error of what cannot be done.
func connectorRefusals(t *testing.T, p *process) {
	t.Helper()
	tests := []struct {
		args   string
		status int
	}{
		{"connector show none", 4},
		{"connector remove none", 4},
		{"connector set google nope=1", 4},
		{"connector add google google", 5},
		{"connector add github github", 6},
		{"connector set microsoft tenant=common", 6},
		{"connector set google label=Changed signup=maybe", 6},
		{"connector set google", 2},
		{"company tenant add None " + customerTenant, 4},
		{"company tenant add Acme acme.example", 6},
		{"company tenant remove Acme 00000000-0000-4000-8000-000000000001", 4},
	}
	for _, tt := range tests {
		_, stderr, status := p.try(strings.Fields(tt.args)...)
		if status != tt.status || strings.Count(stderr, "\n") != 1 {
			t.Errorf("foyer %s: got exit status %d and %q, want %d and one line", tt.args, status, stderr, tt.status)
		}
	}
	if label := query[map[string]any](p, "connector", "show", "google")["label"]; label != "" {
		t.Errorf("a change that was refused has set the label to %q", label)
	}
}

// buttons returns the names of the connectors whose buttons are on the login screen.
func buttons(t *testing.T, p *process) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the login screen: %s, %v", resp.Status, err)
	}
	var names []string
	for _, name := range []string{"google", "microsoft", "office"} {
		if bytes.Contains(page, []byte("/auth/"+name+"/start")) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// noFileHolds expects a secret in none of the files of a directory.
func noFileHolds(t *testing.T, dir, secret string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(name)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the secret", name)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files in %s, %v", files, dir, err)
	}
}
