package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"foyer/app"
	"foyer/server"
)

// configText returns a configuration file that says c, or "" when there is nothing to say.
func configText(c server.Config) (string, error) {
	var b strings.Builder
	for _, key := range []struct{ name, value string }{{"listen", c.Listen}, {"public_url", c.PublicURL}} {
		if key.value != "" {
			fmt.Fprintf(&b, "%s = %q\n", key.name, key.value)
		}
	}
	if len(c.Operators) > 0 {
		var words []string
		for _, name := range c.Operators {
			words = append(words, strconv.Quote(name))
		}
		fmt.Fprintf(&b, "operators = [%s]\n", strings.Join(words, ", "))
	}
	if b.Len() == 0 {
		return "", nil
	}
	// Go and TOML agree on what people write, not on every byte.
	read, err := server.ParseConfig(b.String())
	if err != nil || read.Listen != c.Listen || read.PublicURL != c.PublicURL || !slices.Equal(read.Operators, c.Operators) {
		return "", app.Errorf(app.Invalid, "config_value", "the configuration file cannot hold what was given: %s", strings.TrimSpace(b.String()))
	}
	return "# What Foyer needs to know before its database is open. After a change: " + app.AsRoot("foyer service restart") + "\n" + b.String(), nil
}

// checkAddress returns a Conflict when nothing can listen at an address, and Invalid when it is none.
func checkAddress(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, errAddressInUse):
		return listenError(app.Conflict, "listen_taken", address, "%s is in use by another program: choose another address with --listen, or end that program", address)
	case errors.Is(err, errAddressNotHere):
		return listenError(app.Invalid, "listen_elsewhere", address, "%s is not an address of this machine: choose another one with --listen", address)
	default:
		return listenError(app.Invalid, "listen_invalid", address, "%q is not an address to listen at: write HOST:PORT or :PORT, as in --listen :8080 (%v)", address, err)
	}
}

func listenError(code app.Code, reason, address, format string, args ...any) error {
	e := app.Errorf(code, reason, format, args...).With("Address", address)
	e.Field = "listen"
	return e
}

// samePort reports whether two addresses have the same port, so that whoever has one stands in the way of the other.
func samePort(a, b string) bool {
	_, x, errA := net.SplitHostPort(a)
	_, y, errB := net.SplitHostPort(b)
	return errA == nil && errB == nil && x == y
}

// changedConfig returns the text of a configuration file with other values of keys that stand above its sections, and what it says
// then. All else stays as it is, comments too. A key that is not there comes after the comment at the beginning. A Conflict,
// "config_change", when the file is written in a way that only its author can change.
func changedConfig(text string, changes map[string]string) (string, server.Config, error) {
	want, err := server.ParseConfig(text)
	if err != nil {
		return "", want, err
	}
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		switch key {
		case "listen":
			want.Listen = changes[key]
		case "public_url":
			want.PublicURL = changes[key]
		}
		text = withKey(text, key, strconv.Quote(changes[key]))
	}
	got, err := server.ParseConfig(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		return "", want, app.Errorf(app.Conflict, "config_change", "the configuration file is written in a way that cannot be changed from here: change %s in it by hand",
			strings.Join(slices.Sorted(maps.Keys(changes)), " and "))
	}
	return text, got, nil
}

// keyLine is a line with a key and a string, as people write them: what stands before the string, the string, what stands behind it.
var keyLine = regexp.MustCompile(`^(\s*"?([a-z_]+)"?\s*=\s*)("[^"\\]*"|'[^']*')(\s*(?:#.*)?)$`)

// withKey returns a text with another value of a key above the first section.
func withKey(text, key, value string) string {
	end := "\n"
	if strings.Contains(text, "\r\n") {
		end = "\r\n"
	}
	lines := strings.SplitAfter(text, "\n")
	at := 0 // behind the comment at the beginning
	for i, line := range lines {
		bare := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(strings.TrimSpace(bare), "[") {
			break
		}
		if m := keyLine.FindStringSubmatch(bare); m != nil && m[2] == key {
			lines[i] = m[1] + value + m[4] + line[len(bare):]
			return strings.Join(lines, "")
		}
		if at == i && strings.HasPrefix(bare, "#") {
			at = i + 1
		}
	}
	if at > 0 && !strings.HasSuffix(lines[at-1], "\n") {
		lines[at-1] += end
	}
	return strings.Join(slices.Insert(lines, at, key+" = "+value+end), "")
}

// addressOf returns what to open in a browser, as far as the configuration tells.
func addressOf(c server.Config) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(cmp.Or(c.Listen, server.DefaultListen))
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil && app.CheckPublicHost(name) {
			host = name
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}

// purgeDir deletes a data directory, and reports whether there was one.
func purgeDir(dir string) (there bool, err error) {
	dir = filepath.Clean(dir) // behind a slash, a link is not one
	// The link alone would go, the data stay, and nobody has agreed to what it leads to.
	if info, err := os.Lstat(dir); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return false, app.Errorf(app.Conflict, "purge_link", "%s is a link: delete what it leads to, and the link, yourself", dir)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("data directory: %w", err)
	case len(entries) > 0 && !isDataDir(dir):
		return false, app.Errorf(app.Conflict, "purge_data", "%s holds no data of Foyer: look what it is, and delete it yourself", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return false, fmt.Errorf("delete the data: %w", err)
	}
	return true, nil
}

// isDataDir reports whether a directory is one that Foyer has made its own.
func isDataDir(dir string) bool {
	for _, name := range []string{"instance.json", "foyer.lock"} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}
