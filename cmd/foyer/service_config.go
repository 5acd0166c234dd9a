package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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
	return "# What Foyer needs to know before its database is open. After a change: sudo foyer service restart\n" + b.String(), nil
}

// checkAddress returns a Conflict when nothing can listen at an address, and Invalid when it is none.
func checkAddress(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, errAddressInUse):
		return app.Errorf(app.Conflict, "listen", "%s is in use by another program: choose another address with --listen, or end that program", address)
	case errors.Is(err, errAddressNotHere):
		return app.Errorf(app.Invalid, "listen", "%s is not an address of this machine: choose another one with --listen", address)
	default:
		return app.Errorf(app.Invalid, "listen", "%q is not an address to listen at: write HOST:PORT or :PORT, as in --listen :8080 (%v)", address, err)
	}
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
