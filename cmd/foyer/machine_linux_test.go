package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a Debian or Ubuntu with systemd as its first process, in a container. What changes in it is in memory and goes
// away with it.
type machine struct {
	tb     testing.TB
	leader string // its first process, as seen from outside
}

// bootTime is how long a machine may take until its services have started.
const bootTime = 60 * time.Second

// boot starts a machine that sees dir as /opt/foyer, or skips the test where that cannot be.
func boot(tb testing.TB, dir string) *machine {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("not run as root: this test boots a container")
	}
	for _, name := range []string{"systemd-nspawn", "nsenter"} {
		if _, err := exec.LookPath(name); err != nil {
			tb.Skipf("%s is not installed; .ci/need test brings it", name)
		}
	}
	var console lockedBuffer
	cmd := exec.Command("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--volatile=overlay", "--boot",
		"--machine=foyer-test", "--directory="+rootFS(tb), "--bind-ro="+dir+":/opt/foyer")
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_LOG_LEVEL=warning"}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	var ended error // to be read after done
	go func() {
		defer close(done)
		ended = cmd.Wait()
	}()
	m := &machine{tb: tb}
	tb.Cleanup(func() {
		// What runs in the container ends with its first process, which does not end with systemd-nspawn.
		if leader, err := strconv.Atoi(m.leader); err == nil {
			_ = syscall.Kill(leader, syscall.SIGKILL) // it may have ended
		}
		_ = cmd.Process.Kill()
		<-done
	})
	deadline := time.After(bootTime)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			tb.Skipf("a container cannot be booted here: %v\n%s", ended, console.String())
		case <-deadline:
			tb.Skipf("a container does not boot here within %v:\n%s", bootTime, console.String())
		case <-tick.C:
			if m.up(cmd.Process.Pid) {
				return m
			}
		}
	}
}

// extras are packages that the documents take for granted, and rpm to install the other kind of package.
var extras = []string{"sudo", "curl", "openssl", "rpm"}

// rootFS returns the directory with the system of machines. It is made once, by debootstrap, of the release that runs here:
// the program under test needs a C library as new as that of this machine.
func rootFS(tb testing.TB) string {
	tb.Helper()
	release := ""
	text, err := os.ReadFile("/etc/os-release")
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "VERSION_CODENAME="); ok {
			release = name
		}
	}
	if err != nil || release == "" {
		tb.Skip("this is neither Debian nor Ubuntu")
	}
	// go does not look for packages below a name with a _.
	dir := filepath.Join(root(tb), "build", "_rootfs-"+release+"+"+strings.Join(extras, "+"))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		tb.Skip("debootstrap is not installed; .ci/need test brings it")
	}
	part := fmt.Sprintf("%s.part%d", dir, os.Getpid())
	if err := os.MkdirAll(part, 0o755); err != nil {
		tb.Fatal(err)
	}
	out, err := exec.Command("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,"+strings.Join(extras, ","), release, part).CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(part) // half a system, in a directory that make clean removes
		tb.Skipf("debootstrap cannot make a system here: %v\n%s", err, out[max(0, len(out)-500):])
	}
	if err := errors.Join(os.Chmod(part, 0o755), os.Rename(part, dir)); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// up reports whether the machine has started its services, and finds its first process.
func (m *machine) up(nspawn int) bool {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", nspawn, nspawn))
	if err != nil || len(bytes.Fields(children)) == 0 {
		return false
	}
	m.leader = string(bytes.Fields(children)[0])
	if name, err := os.ReadFile("/proc/" + m.leader + "/comm"); err != nil || string(name) != "systemd\n" {
		return false
	}
	out, _, _ := m.try("systemctl is-system-running")
	return out == "running\n" || out == "degraded\n" // a container lacks this and that
}

// try runs a line of shell in the machine, as root.
func (m *machine) try(line string) (stdout, stderr string, status int) {
	m.tb.Helper()
	ctx, cancel := context.WithTimeout(m.tb.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "-t", m.leader, "-m", "-u", "-i", "-n", "-p", "-C", "/bin/bash", "-c", "cd /; umask 022; "+line) // whatever it is here: foyer serve in a test sets another
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/root"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		m.tb.Fatalf("%s: %v", line, err)
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		m.tb.Fatalf("%s: not within two minutes; %s%s", line, out.String(), errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// run is try for a line that must succeed.
func (m *machine) run(line string) string {
	m.tb.Helper()
	stdout, stderr, status := m.try(line)
	if status != 0 {
		journal, _, _ := m.try("journalctl -u foyer -n 20 --no-pager -o cat")
		m.tb.Fatalf("%s: exit status %d\n%s%s\njournal:\n%s", line, status, stdout, stderr, journal)
	}
	return strings.TrimSpace(stdout)
}

// refuses runs a line that must fail with a status and one line of words, and change nothing.
func (m *machine) refuses(line string, status int, words string) {
	m.tb.Helper()
	stdout, stderr, got := m.try(line)
	if got != status || !strings.Contains(stderr, words) || strings.Count(stderr, "\n") != 1 {
		m.tb.Errorf("%s: got exit status %d, %q%q; want %d and one line with %q", line, got, stdout, stderr, status, words)
	}
}

// healthy reports whether the pages say so at a port.
func (m *machine) healthy(port int) bool {
	m.tb.Helper()
	out, _, _ := m.try(fmt.Sprintf(`exec 3<>/dev/tcp/127.0.0.1/%d && printf 'GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && timeout 3 cat <&3`, port))
	return strings.Contains(out, `"status":"ok"`)
}

// pid returns the process of the service.
func (m *machine) pid() string {
	m.tb.Helper()
	return m.run("systemctl show foyer --property=MainPID --value")
}
