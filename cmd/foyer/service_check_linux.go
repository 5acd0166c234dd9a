package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"foyer/app"
	"foyer/server"
)

// planConfig reads the configuration file, or decides what is written when there is none, and who the operators are.
func (m *systemd) planConfig(pl *plan) error {
	names, err := userNames(pl.operators)
	if err != nil {
		return err
	}
	if !exists(m.config) {
		pl.config = server.Config{Listen: pl.listen, PublicURL: pl.publicURL, Operators: names}
		if pl.publicURL != "" {
			if _, err := (app.Settings{}).Change(map[string]string{"public_url": pl.publicURL}); err != nil {
				return err
			}
		}
		pl.configText, err = configText(pl.config)
		return err
	}
	if pl.config, err = server.LoadConfig(m.config); err != nil {
		return err
	}
	if err := checkSocket(pl.config.Socket); err != nil {
		return err
	}
	pl.listened = cmp.Or(pl.config.Listen, server.DefaultListen)
	if err := m.planChange(pl); err != nil {
		return err
	}
	for _, name := range names {
		if !isOperator(pl.config.Operators, name) {
			pl.join = append(pl.join, name)
		}
	}
	return nil
}

// planChange plans what of the configuration file is to be another, by the flags.
func (m *systemd) planChange(pl *plan) error {
	changes := map[string]string{}
	if pl.listen != "" && pl.listen != pl.config.Listen {
		changes["listen"] = pl.listen
	}
	if pl.publicURL != "" && pl.publicURL != pl.config.PublicURL {
		if _, err := (app.Settings{}).Change(map[string]string{"public_url": pl.publicURL}); err != nil {
			return err
		}
		changes["public_url"] = pl.publicURL
	}
	if len(changes) == 0 {
		return nil
	}
	if info, err := os.Lstat(m.config); err == nil && !info.Mode().IsRegular() {
		return app.Errorf(app.Conflict, "config_change", "%s is no file but a link: change what it leads to, and run this again", m.config)
	}
	text, err := os.ReadFile(m.config)
	if err != nil {
		return fmt.Errorf("read the configuration file: %w", err)
	}
	pl.configText, pl.config, err = changedConfig(string(text), changes)
	return err
}

// userNames returns the names of users that are given by name or number. Root needs no mention.
func userNames(given []string) ([]string, error) {
	var names []string
	for _, word := range given {
		u, err := lookupUser(word, user.Lookup, user.LookupId)
		if err != nil {
			return nil, app.Errorf(app.Invalid, "operator_unknown", "there is no user %q on this machine", word)
		}
		if u.Uid != "0" && !slices.Contains(names, u.Username) {
			names = append(names, u.Username)
		}
	}
	return names, nil
}

// lookupUser returns the user of a name or a number. What can be a number is one first: sudo tells a number, and where a directory
// names people by numbers, one of these names may be the number of somebody else.
func lookupUser(word string, byName, byID func(string) (*user.User, error)) (*user.User, error) {
	if _, err := strconv.ParseUint(word, 10, 32); err == nil {
		if u, err := byID(word); err == nil {
			return u, nil
		}
	}
	return byName(word)
}

// isOperator reports whether a user may administer already: by the configuration, or as a member of the group.
func isOperator(operators []string, name string) bool {
	if slices.Contains(operators, name) {
		return true
	}
	u, err := user.Lookup(name)
	if err != nil {
		return false
	}
	if slices.Contains(operators, u.Uid) {
		return true
	}
	group, err := user.LookupGroup(serviceName)
	if err != nil {
		return false
	}
	ids, err := u.GroupIds()
	return err == nil && slices.Contains(ids, group.Gid)
}

// firstHumanID is where the numbers of people begin on every distribution with systemd.
const firstHumanID = 1000

// checkServiceUser returns a Conflict when a person has the name of the service.
func checkServiceUser() error {
	u, err := user.Lookup(serviceName)
	if err != nil {
		return nil //nolint:nilerr // there is none yet
	}
	if uid, err := strconv.Atoi(u.Uid); err != nil || uid == 0 || uid >= firstHumanID {
		return app.Errorf(app.Conflict, "user_taken", "the user foyer (uid %s) is not a system user: the service needs one of that name for itself", u.Uid)
	}
	return nil
}

// unseenOf returns the directory that the unit hides from the service and that a path is in; "" for none.
func unseenOf(path string) string {
	for _, closed := range []string{"/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev", "/proc", "/sys"} {
		if path == closed || strings.HasPrefix(path, closed+"/") {
			return closed
		}
	}
	return ""
}

// checkSocket returns an Invalid error when the service could not have its admin socket at a path, or not after the next start of the
// machine: only its own directory below /run is made anew then.
func checkSocket(path string) error {
	own := filepath.Dir(server.DefaultSocket)
	dir := socketDir(path)
	for _, run := range []string{"/run", "/var/run"} {
		if (dir == run || strings.HasPrefix(dir, run+"/")) && dir != own && !strings.HasPrefix(dir, own+"/") {
			return app.Errorf(app.Invalid, "socket_path",
				"the admin socket %s cannot be used: what is in %s is gone after a restart of the machine, but for %s; take a path below that, or below /var or /srv", path, run, own)
		}
	}
	if closed := unseenOf(dir); closed != "" {
		return app.Errorf(app.Invalid, "socket_path", "the admin socket %s cannot be used: the service does not see what is in %s; take a path below %s, or below /var or /srv", path, closed, own)
	}
	return nil
}

// checkDataDir returns a DataError when the service could not use its data directory.
func checkDataDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return &server.DataError{Message: fmt.Sprintf("the data directory %s is not an absolute path", dir)}
	}
	if closed := unseenOf(dir); closed != "" {
		return &server.DataError{Message: fmt.Sprintf("the data directory %s cannot be used: the service does not see what is in %s; take one below /var or /srv", dir, closed)}
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return &server.DataError{Message: fmt.Sprintf("the data directory %s cannot be read", dir), Err: err}
	case !info.IsDir():
		return &server.DataError{Message: fmt.Sprintf("the data directory %s is not a directory: move it away", dir)}
	case dir != server.DefaultDataDir && !ownedByService(info):
		// systemd gives the usual one to the service by itself.
		return &server.DataError{Message: fmt.Sprintf("the data directory %s does not belong to the service: chown -R foyer:foyer %s, or remove it if it is empty", dir, dir)}
	}
	parent := dir
	for !exists(parent) {
		parent = filepath.Dir(parent)
	}
	if err := unix.Access(parent, unix.W_OK); err != nil {
		return &server.DataError{Message: fmt.Sprintf("the data directory %s cannot be used: %s cannot be written", dir, parent), Err: err}
	}
	var space unix.Statfs_t
	if err := unix.Statfs(parent, &space); err != nil {
		return &server.DataError{Message: fmt.Sprintf("the free space of %s cannot be read", parent), Err: err}
	}
	if free := int64(space.Bavail) * space.Bsize; free < server.MinimumFree { //nolint:gosec // no disk has 2^63 blocks
		return &server.DataError{Message: fmt.Sprintf("only %d MB are free for the data directory %s; at least %d MB are needed", free>>20, dir, server.MinimumFree>>20)}
	}
	return nil
}

func ownedByService(info os.FileInfo) bool {
	uid, _, err := serviceIDs()
	stat, ok := info.Sys().(*syscall.Stat_t)
	return err == nil && ok && int64(stat.Uid) == int64(uid)
}
