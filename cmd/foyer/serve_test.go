package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// running is a foyer that serves, in this process.
type running struct {
	t      *testing.T
	lines  chan string  // of standard output
	stderr bytes.Buffer // to be read after stop
	stop   func() int   // ends it and returns its exit status
}

// begin runs a command that serves until it is stopped.
func begin(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	r := &running{t: t, lines: make(chan string, 1000)} // more than any test prints: foyer must not wait for its reader
	go func() {
		defer close(r.lines)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			r.lines <- lines.Text()
		}
	}()
	p := &program{in: strings.NewReader(""), out: writer, err: &r.stderr, getenv: func(string) string { return "" }}
	status := make(chan int, 1)
	go func() {
		status <- p.run(ctx, args)
		_ = writer.Close() // a pipe's Close returns nil
	}()
	ended := false
	r.stop = func() int {
		if ended {
			return -1
		}
		ended = true
		cancel()
		return <-status
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// until reads standard output up to the first line that matches, and returns what the pattern's group holds.
func (r *running) until(pattern string) string {
	r.t.Helper()
	want := regexp.MustCompile(pattern)
	var seen []string
	for line := range r.lines {
		seen = append(seen, line)
		if found := want.FindStringSubmatch(line); found != nil {
			return found[len(found)-1]
		}
	}
	r.t.Fatalf("%s was not printed:\n%s", pattern, strings.Join(seen, "\n"))
	return ""
}

// post sends a form as a browser does, and returns the status.
func post(t *testing.T, address string, form url.Values) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp.StatusCode
}

// TestDemo walks through what the demo's text tells people to do.
func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	demo := begin(t, "demo", "--data", dir, "--listen", "127.0.0.1:0")
	page := demo.until(`Open\s+(http://\S+)/login`)
	demo.until(`Ctrl\+C`)

	form := url.Values{"first_name": {"Jane"}, "last_name": {"Doe"}, "email": {"jane@example.com"}, "phone": {""}}
	if got := post(t, page+"/register", form); got != http.StatusSeeOther {
		t.Fatalf("sign-up: got %d, want 303", got)
	}
	demo.until(`Mail to jane@example\.com`)
	link := demo.until(`Open\s+(http://\S+/confirm/\S+)`)
	demo.until(`Code\s+([A-Z2-9]{4}-[A-Z2-9]{4})$`)
	password := url.Values{"password": {"correct horse battery"}, "password_confirm": {"correct horse battery"}}
	if got := post(t, link, password); got != http.StatusSeeOther {
		t.Fatalf("confirmation: got %d, want 303", got)
	}
	got := runWith(t, "", nil, "account", "list", "--data", dir)
	if got.status != exitDone || !strings.Contains(got.stdout, "jane@example.com  Jane Doe  Example Ltd  active  yes") {
		t.Errorf("account list: got %+v", got)
	}

	// A second one in the same place harms nothing.
	for _, args := range [][]string{{"demo", "--data", dir, "--listen", "127.0.0.1:0"}, {"serve", "--data", dir, "--listen", "127.0.0.1:0"}} {
		got := runWith(t, "", nil, args...)
		if got.status != exitRunning || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, "already running") {
			t.Errorf("foyer %v: got %+v, want exit 75", args, got)
		}
	}
	if status := demo.stop(); status != exitDone {
		t.Errorf("stopped: exit %d, %s", status, demo.stderr.String())
	}

	// What was changed is there the next time, and the sample is not made again.
	again := begin(t, "demo", "--data", dir, "--listen", "127.0.0.1:0")
	again.until(`Ctrl\+C`)
	if got := runWith(t, "", nil, "account", "show", "jane@example.com", "--data", dir); got.status != exitDone {
		t.Errorf("after a restart: got %+v", got)
	}
	if status := again.stop(); status != exitDone {
		t.Errorf("stopped again: exit %d, %s", status, again.stderr.String())
	}
}

// TestDemoLeavesNothing expects a demo without a directory to remove the one it has made.
func TestDemoLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	demo := begin(t, "demo", "--listen", "127.0.0.1:0")
	dir := demo.until(`Everything is in (\S+) and goes away`)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: got %v, %v, want a private directory", dir, info, err)
	}
	if status := demo.stop(); status != exitDone {
		t.Errorf("stopped: exit %d, %s", status, demo.stderr.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestDemoInAnOffice expects a demo to keep its hands off data that are not a demo's.
func TestDemoInAnOffice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "office")
	service := begin(t, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	service.until(`^foyer is ready at (http://127\.0\.0\.1:\d+)$`)
	if got := runWith(t, "", nil, "company", "add", "Acme", "acme.com", "--data", dir); got.status != exitDone {
		t.Fatalf("got %+v", got)
	}
	if status := service.stop(); status != exitDone {
		t.Fatalf("stopped: exit %d, %s", status, service.stderr.String())
	}
	got := runWith(t, "", nil, "demo", "--data", dir, "--listen", "127.0.0.1:0")
	if got.status != exitFailed || !strings.Contains(got.stderr, "--data") || strings.Contains(got.stdout, "Open") {
		t.Errorf("got %+v, want a refusal", got)
	}
	service = begin(t, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	service.until(`ready`)
	if got := runWith(t, "", nil, "settings", "get", "login_link", "--data", dir); got.stdout != "off\n" {
		t.Errorf("login_link: got %+v, want it off as it was", got)
	}
	if got := runWith(t, "", nil, "company", "list", "--data", dir, "--json"); strings.Contains(got.stdout, "Example Ltd") {
		t.Errorf("the sample company was made: %s", got.stdout)
	}
}

// TestCannotServe expects the exit status of each reason not to start, and one line that says what to do.
func TestCannotServe(t *testing.T) {
	dir := t.TempDir()
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	file, bad := filepath.Join(dir, "file"), filepath.Join(dir, "bad.toml")
	for path, text := range map[string]string{file: "precious", bad: "nope = 1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	tests := []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"serve", "--data", data, "--listen", busy.Addr().String()}, exitFailed, "--listen"},
		{[]string{"demo", "--data", data, "--listen", busy.Addr().String()}, exitFailed, "--listen"},
		{[]string{"serve", "--data", data, "--listen", "nonsense"}, exitFailed, "--listen"},
		{[]string{"serve", "--data", file, "--listen", "127.0.0.1:0"}, exitData, file},
		{[]string{"serve", "--data", data, "--config", bad}, exitInvalid, `"nope"`},
		{[]string{"serve", "--data", data, "--config", filepath.Join(dir, "none.toml")}, exitInvalid, "none.toml"},
		{[]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "ftp://x"}, exitInvalid, "https://"},
		{[]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--socket", file}, exitFailed, "--socket"},
		{[]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--socket", "/tmp/" + strings.Repeat("x", 120)}, exitInvalid, "--socket"},
	}
	for _, tt := range tests {
		got := runWith(t, "", nil, tt.args...)
		last := got.stderr[strings.LastIndex(strings.TrimSuffix(got.stderr, "\n"), "\n")+1:]
		if got.status != tt.status || got.stdout != "" || !strings.HasPrefix(last, "foyer: ") || !strings.Contains(last, tt.want) {
			t.Errorf("foyer %q: got %+v, want exit %d and %q", tt.args, got, tt.status, tt.want)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file that was in the way: %q, %v", text, err)
	}
}
