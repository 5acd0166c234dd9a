package main_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// controlGroup bounds what processes may take, and can freeze them. It is one directory for each controller where the machine has
// the first version of control groups, and the same one for all with the second.
type controlGroup struct {
	tb     testing.TB
	second bool
	dirs   map[string]string
}

// newControlGroup makes one with the controllers, or skips the test where that cannot be.
func newControlGroup(tb testing.TB, controllers ...string) *controlGroup {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("not run as root: this test makes a control group")
	}
	const root = "/sys/fs/cgroup"
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	g := &controlGroup{tb: tb, second: err == nil, dirs: map[string]string{}}
	name := fmt.Sprintf("foyer-test-%d", os.Getpid())
	tb.Cleanup(g.remove)
	for _, controller := range controllers {
		dir := filepath.Join(root, controller, name)
		if g.second {
			dir = filepath.Join(root, name)
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			tb.Skipf("a control group for %s cannot be made here: %v", controller, err)
		}
		g.dirs[controller] = dir
	}
	return g
}

// remove removes it. The kernel takes a process that has ended out of its group some time after whoever waited for it was told.
func (g *controlGroup) remove() {
	late := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, dir := range g.dirs {
		err := os.Remove(dir)
		for errors.Is(err, syscall.EBUSY) {
			select {
			case <-tick.C:
				err = os.Remove(dir)
				continue
			case <-late:
			}
			break
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			g.tb.Errorf("remove the control group: %v", err)
		}
	}
}

// set writes a value into the file of a controller: the one of the first version, or of the second.
func (g *controlGroup) set(controller, first, second, value string) {
	g.tb.Helper()
	name := first
	if g.second {
		name = second
	}
	if err := os.WriteFile(filepath.Join(g.dirs[controller], name), []byte(value), 0o600); err != nil {
		g.tb.Skipf("%s of a control group cannot be set here: %v", name, err)
	}
}

// add puts a process and all its threads into the group.
func (g *controlGroup) add(pid int) {
	g.tb.Helper()
	for _, dir := range g.dirs {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o600); err != nil {
			g.tb.Skipf("a process cannot be put into a control group here: %v", err)
		}
	}
}

// freeze stops every process of the group where it is, as a sleep of the machine does, or lets them go on.
func (g *controlGroup) freeze(on bool) {
	g.tb.Helper()
	first, second := "THAWED", "0"
	if on {
		first, second = "FROZEN", "1"
	}
	if g.second {
		g.set("freezer", "", "cgroup.freeze", second)
		return
	}
	g.set("freezer", "freezer.state", "", first)
}
