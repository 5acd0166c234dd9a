package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"foyer/app"
	"foyer/server"
)

// plan is an installation that has been looked at and may be done.
type plan struct {
	installation

	before     serviceStatus
	self       string        // the file of this program
	program    string        // the file that the service is to run
	unit       string        // the text of the unit; "" leaves the one of a package
	dropIn     string        // what is added to the unit of a package; "" is nothing
	earlier    []string      // what an install before the package has left, and what stands before the files of the package
	config     server.Config // that of the service
	listened   string        // where it has listened before
	configText string        // to be written; "" leaves the file as it is
	join       []string      // users to be added to the group
}

// install looks first, then acts. What it has done it takes back when the service does not answer in the end.
func (m *systemd) install(ctx context.Context, want installation) (installResult, error) {
	pl, err := m.plan(ctx, want)
	if err != nil {
		return installResult{}, err
	}
	var undo undoing
	changed, err := m.apply(ctx, pl, &undo)
	if err == nil && !want.noStart {
		changed, err = m.serve(ctx, pl, changed)
	}
	if err != nil {
		// An end by Ctrl+C leaves nothing half done either.
		return installResult{}, m.takeBack(context.WithoutCancel(ctx), pl, &undo, err)
	}
	undo.forget()
	st, err := m.status(ctx)
	st.Address = cmp.Or(st.Address, addressOf(pl.config))
	return installResult{
		serviceStatus: st, Changed: changed, Config: m.config, Written: pl.configText != "", Joined: append([]string{}, pl.join...),
		Operators: append(append([]string{}, pl.config.Operators...), pl.join...),
	}, err
}

// plan looks at the machine and changes nothing.
func (m *systemd) plan(ctx context.Context, want installation) (plan, error) {
	pl := plan{installation: want}
	var err error
	if pl.before, err = m.status(ctx); err != nil {
		return pl, err
	}
	if pl.self, err = os.Executable(); err != nil {
		return pl, fmt.Errorf("find this program: %w", err)
	}
	if pl.self, err = filepath.EvalSymlinks(pl.self); err != nil {
		return pl, fmt.Errorf("find this program: %w", err)
	}
	if err := m.planConfig(&pl); err != nil {
		return pl, err
	}
	if err := m.planUnit(&pl); err != nil {
		return pl, err
	}
	if err := checkServiceUser(); err != nil {
		return pl, err
	}
	if err := checkDataDir(cmp.Or(pl.config.DataDir, server.DefaultDataDir)); err != nil {
		return pl, err
	}
	// The service that is replaced has its address itself, and the port of it.
	if pl.before.Running && (pl.configText == "" || pl.listen == "" || samePort(pl.listen, pl.listened)) {
		return pl, nil
	}
	return pl, checkAddress(ctx, cmp.Or(pl.config.Listen, server.DefaultListen))
}

// planUnit decides which program is run by which unit.
func (m *systemd) planUnit(pl *plan) error {
	packaged := slices.ContainsFunc(m.packaged, exists)
	if packaged && pl.self != packageProgram {
		return app.Errorf(app.Conflict, "service_packaged", "Foyer is installed as a package: update the package, or remove it first")
	}
	old, err := os.ReadFile(m.unit)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the unit: %w", err)
	}
	foreign := err == nil && !strings.HasPrefix(string(old), unitMark)
	if packaged && foreign && programOf(m.unit) == packageProgram {
		foreign = false // it is how somebody wants the package's program to run
	}
	if foreign {
		return app.Errorf(app.Conflict, "unit_foreign", "%s is not of foyer service install: move it away first, and what it says that you need into systemctl edit foyer", m.unit)
	}
	switch {
	case packaged:
		pl.program, pl.dropIn = packageProgram, dropInText(writable(pl.config))
		pl.earlier = m.earlier(string(old))
	case pl.self == packageProgram:
		pl.program, pl.unit = packageProgram, unitText(packageProgram, writable(pl.config))
	default:
		pl.program, pl.unit = m.program, unitText(m.program, writable(pl.config))
	}
	return nil
}

// earlier returns the files of an install before the package, whose unit is the text. Left where they are, they would be what
// systemd runs and what a shell finds.
func (m *systemd) earlier(unit string) []string {
	if !strings.HasPrefix(unit, unitMark) {
		return nil
	}
	paths := []string{m.unit}
	if programOf(m.unit) == m.program && exists(m.program) {
		paths = append(paths, m.program)
	}
	return paths
}

// apply changes the machine up to, but without, a start of the service. It reports whether it has changed anything.
func (m *systemd) apply(ctx context.Context, pl plan, undo *undoing) (changed bool, err error) {
	if err := m.makeUser(ctx); err != nil {
		return false, err
	}
	for _, name := range pl.join {
		if _, err := m.command(ctx, "usermod", "--append", "--groups", serviceName, name); err != nil {
			return false, err
		}
	}
	if err := makeDirs(writable(pl.config), undo); err != nil {
		return false, err
	}
	changed, err = m.writeConfig(pl.configText, undo)
	if err != nil {
		return false, err
	}
	steps := []struct {
		path string
		text string
		mode os.FileMode
	}{{m.unit, pl.unit, 0o644}, {m.dropIn, pl.dropIn, 0o644}}
	for _, step := range steps {
		if step.text == "" {
			continue
		}
		did, err := replaceFile(step.path, strings.NewReader(step.text), step.mode, nil, undo)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	if pl.program != packageProgram { // also when it runs from there: it may be somebody's who has moved it there
		did, err := copyProgram(pl.self, pl.program, undo)
		if err != nil {
			return false, err
		}
		changed = changed || did
	}
	if err := m.removeEarlier(ctx, pl, undo); err != nil {
		return false, err
	}
	changed = changed || len(pl.earlier) > 0
	if _, err := m.command(ctx, "systemctl", "daemon-reload"); err != nil {
		return false, err
	}
	if !pl.before.Enabled {
		undo.add(func() error {
			_, err := m.command(context.WithoutCancel(ctx), "systemctl", "disable", serviceName)
			return err
		})
		if _, err := m.command(ctx, "systemctl", "enable", serviceName); err != nil {
			return false, err
		}
		changed = true
	}
	return changed || len(pl.join) > 0, nil
}

// writeConfig writes the configuration file, "" nothing. One that is there keeps its owner and its mode: the service has to read it.
func (m *systemd) writeConfig(text string, undo *undoing) (changed bool, err error) {
	if text == "" {
		return false, nil
	}
	info, err := os.Lstat(m.config)
	if errors.Is(err, os.ErrNotExist) {
		return replaceFile(m.config, strings.NewReader(text), 0o644, nil, undo)
	}
	if err != nil {
		return false, fmt.Errorf("look at the configuration file: %w", err)
	}
	stat, _ := info.Sys().(*syscall.Stat_t)
	return replaceFile(m.config, strings.NewReader(text), info.Mode().Perm(), stat, undo)
}

// removeEarlier takes away what stands before the files of a package, and lets the unit of the package start with the machine if
// the earlier one did.
func (m *systemd) removeEarlier(ctx context.Context, pl plan, undo *undoing) error {
	if len(pl.earlier) == 0 {
		return nil
	}
	enable := func() error { return nil }
	if pl.before.Enabled {
		enable = func() error {
			_, err := m.command(context.WithoutCancel(ctx), "systemctl", "reenable", serviceName)
			return err
		}
	}
	undo.add(enable) // it comes after the files are back
	for _, path := range pl.earlier {
		if err := keep(path, true, undo); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove what was installed before the package: %w", err)
		}
	}
	return enable()
}

// serve has the service run what is installed now, and waits until it answers. One that does already goes on undisturbed.
func (m *systemd) serve(ctx context.Context, pl plan, changed bool) (bool, error) {
	if pl.before.Running && !changed && sameFile("/proc/"+strconv.Itoa(pl.before.PID)+"/exe", pl.program) {
		return false, nil
	}
	if err := m.bring(ctx, "restart"); err != nil {
		return true, err
	}
	if _, err := versionAt(ctx, pl.config.Socket); err != nil {
		return true, app.Errorf(app.Unavailable, "service_silent", "the service has started and does not answer: %s", app.MessageOf(err)).With("Why", app.MessageOf(err))
	}
	return true, nil
}

// takeBack puts the machine back as it was and returns cause with what came of that.
func (m *systemd) takeBack(ctx context.Context, pl plan, undo *undoing, cause error) error {
	if !pl.before.Running {
		if _, err := m.command(ctx, "systemctl", "stop", serviceName); err != nil && pl.before.Installed {
			cause = errors.Join(cause, err)
		}
	}
	why := errorLine(cause)
	if err := undo.run(); err != nil {
		return app.Errorf(app.Unavailable, "install_half", "%s; and it could not be taken back: %v", why, err).With("Why", why)
	}
	if _, err := m.command(ctx, "systemctl", "daemon-reload"); err != nil {
		return app.Errorf(app.Unavailable, "install_half", "%s; and systemd does not take the old state: %v", why, err).With("Why", why)
	}
	if !pl.before.Running {
		if pl.before.Installed {
			return app.Errorf(app.Unavailable, "install_taken_back", "%s. The program that was installed is back in its place", why).With("Why", why)
		}
		// systemd remembers a failed unit that is gone; there is nothing to forget when it was never started.
		_, _ = m.command(ctx, "systemctl", "reset-failed", serviceName)
		return app.Errorf(app.Unavailable, "install_taken_back", "%s. Nothing was installed", why).With("Why", why)
	}
	if err := m.bring(ctx, "restart"); err != nil {
		return app.Errorf(app.Unavailable, "install_half", "%s. The program that was installed is back in its place, but: %s", why, app.MessageOf(err)).With("Why", why)
	}
	return app.Errorf(app.Unavailable, "install_taken_back", "%s. The program that was installed is back in its place and runs", why).With("Why", why)
}

// makeUser makes the system user and the group of the service, if they are not there.
func (m *systemd) makeUser(ctx context.Context) error {
	_, err := m.command(ctx, "systemd-sysusers", "--inline", `u foyer - "Foyer" /var/lib/foyer`)
	if err != nil {
		return fmt.Errorf("make the user foyer: %w", err)
	}
	return nil
}

// makeDirs makes the directories outside the usual places, for the service alone.
func makeDirs(dirs []string, undo *undoing) error {
	for _, dir := range dirs {
		if exists(dir) {
			continue
		}
		uid, gid, err := serviceIDs()
		if err != nil {
			return err
		}
		if err := makeDir(dir, uid, gid, undo); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory for one user alone. Those above it are for everybody, or the user would not get there.
func makeDir(dir string, uid, gid int, undo *undoing) error {
	if err := makeOpenDir(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("make the directory of %s: %w", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	undo.add(func() error { return ignoreFull(os.Remove(dir)) })
	if err := os.Lchown(dir, uid, gid); err != nil {
		return fmt.Errorf("give %s to the service: %w", dir, err)
	}
	return nil
}

// makeOpenDir makes a directory that everybody may read, and those above it that are missing, whatever the umask of the one who
// installs.
func makeOpenDir(dir string) error {
	if exists(dir) {
		return nil
	}
	if err := makeOpenDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // as said above
		return err
	}
	return os.Chmod(dir, 0o755) //nolint:gosec // as said above
}

// serviceIDs returns the numbers of the service's user and group.
func serviceIDs() (uid, gid int, err error) {
	u, err := user.Lookup(serviceName)
	if err != nil {
		return 0, 0, fmt.Errorf("user of the service: %w", err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	return uid, gid, errors.Join(uidErr, gidErr)
}

// replaceFile makes path hold what from gives: under another name first, durably, then by a rename, so that there is never
// half a file, and a program may run. A file that holds it already is left alone, if nobody else can write it.
func replaceFile(path string, from io.Reader, mode os.FileMode, owner *syscall.Stat_t, undo *undoing) (changed bool, err error) {
	data, err := io.ReadAll(from)
	if err != nil {
		return false, fmt.Errorf("read what becomes %s: %w", path, err)
	}
	old, err := os.ReadFile(path) //nolint:gosec // one of three paths
	switch {
	case err == nil && bytes.Equal(old, data) && isOurs(path, mode):
		return false, nil
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	if err := makeOpenDir(filepath.Dir(path)); err != nil {
		return false, fmt.Errorf("make the directory of %s: %w", path, err)
	}
	if err := keep(path, err == nil, undo); err != nil {
		return false, err
	}
	err = writeDurably(path+".new", data, mode)
	if err == nil && owner != nil { // before anybody could have to read it
		err = os.Lchown(path+".new", int(owner.Uid), int(owner.Gid))
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("write %s: %w", path, err), ignoreMissing(os.Remove(path+".new")))
	}
	if err := os.Rename(path+".new", path); err != nil {
		return false, fmt.Errorf("put %s in its place: %w", path, err)
	}
	return true, nil
}

// keep notes how path gets back what it holds now.
func keep(path string, there bool, undo *undoing) error {
	if !there {
		undo.add(func() error { return ignoreMissing(os.Remove(path)) })
		return nil
	}
	old := path + ".old"
	if err := ignoreMissing(os.Remove(old)); err != nil {
		return fmt.Errorf("remove what an earlier try has left: %w", err)
	}
	if err := os.Link(path, old); err != nil {
		return fmt.Errorf("keep %s: %w", path, err)
	}
	undo.add(func() error { return os.Rename(old, path) })
	undo.done = append(undo.done, func() error { return os.Remove(old) })
	return nil
}

// isOurs reports whether path is a file, not a link to one, that belongs to this user and has the mode. A program that was
// brought to its place by mv is still the property of whoever has downloaded it, who could make another of it.
func isOurs(path string, mode os.FileMode) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != mode {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(stat.Uid) == int64(os.Geteuid())
}

// copyProgram makes to a copy of the program from.
func copyProgram(from, to string, undo *undoing) (changed bool, err error) {
	f, err := os.Open(from) //nolint:gosec // this program
	if err != nil {
		return false, fmt.Errorf("read this program: %w", err)
	}
	defer f.Close()
	return replaceFile(to, f, 0o755, nil, undo)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func sameFile(a, b string) bool {
	one, errOne := os.Stat(a)
	two, errTwo := os.Stat(b)
	return errOne == nil && errTwo == nil && os.SameFile(one, two)
}
