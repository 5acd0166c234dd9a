package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// loopDisk is an ext4 file system of its own in a file.
type loopDisk struct {
	tb    testing.TB
	image string
	dir   string
}

// newLoopDisk makes one and mounts it, or skips the test where that cannot be.
func newLoopDisk(tb testing.TB, megabytes int64) *loopDisk {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("not run as root: this test mounts a disk of its own")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		tb.Skip("mkfs.ext4 is not installed; .ci/need test, or the package e2fsprogs, brings it")
	}
	d := &loopDisk{tb: tb, image: filepath.Join(tb.TempDir(), "disk"), dir: tb.TempDir()}
	if err := errors.Join(os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, megabytes<<20)); err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", d.image).CombinedOutput(); err != nil {
		tb.Skipf("a file system cannot be made: %v: %s", err, out)
	}
	if out, err := d.mount(); err != nil {
		tb.Skipf("a file cannot be mounted as a disk here: %v: %s", err, out)
	}
	tb.Cleanup(d.unmount)
	return d
}

func (d *loopDisk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop,errors=remount-ro", d.image, d.dir).CombinedOutput()
}

// unmount unmounts the disk if it is mounted.
func (d *loopDisk) unmount() {
	d.tb.Helper()
	if err := unix.Unmount(d.dir, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		d.tb.Errorf("unmount: %v", err)
	}
}

// again unmounts the disk, has it checked as after a crash, and mounts it.
func (d *loopDisk) again() {
	d.tb.Helper()
	d.unmount()
	out, err := exec.Command("fsck.ext4", "-p", d.image).CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() > 1) { // 1: faults were mended
		d.tb.Fatalf("check the disk: %v: %s", err, out)
	}
	if out, err := d.mount(); err != nil {
		d.tb.Fatalf("mount the disk again: %v: %s", err, out)
	}
}

// cutPower makes the file system forget what it has not written to the disk, as a power cut does: nothing of its
// journal is flushed, and nothing is written from now on (FS_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH).
func (d *loopDisk) cutPower() {
	d.tb.Helper()
	f, err := os.Open(d.dir)
	if err != nil {
		d.tb.Fatal(err)
	}
	defer f.Close()
	const shutdown, withoutFlush = 0x8004587d, 2
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, withoutFlush); err != nil {
		d.tb.Skipf("the power of a disk cannot be cut here: %v", err)
	}
}

// breakDown has the file system find a fault in itself, after which it is read-only.
func (d *loopDisk) breakDown() {
	d.tb.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		d.tb.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] == d.dir {
			trigger := filepath.Join("/sys/fs/ext4", filepath.Base(f[0]), "trigger_fs_error")
			if err := os.WriteFile(trigger, []byte("a fault on purpose"), 0o200); err != nil {
				d.tb.Skipf("a fault of the disk cannot be made here: %v", err)
			}
			return
		}
	}
	d.tb.Fatalf("%s is not mounted", d.dir)
}

// fill takes the space there is but for some bytes, and returns how to give it back. What is freed meanwhile stays free.
func (d *loopDisk) fill(leave int64) (free func()) {
	d.tb.Helper()
	f, err := os.CreateTemp(d.dir, "filler-")
	if err != nil {
		d.tb.Fatal(err)
	}
	defer f.Close()
	var space unix.Statfs_t
	if err := unix.Statfs(d.dir, &space); err != nil {
		d.tb.Fatal(err)
	}
	var size int64
	wanted := int64(space.Bavail)*space.Bsize - leave
	for step := wanted; step >= 4096 && size+4096 <= wanted; {
		if err := unix.Fallocate(int(f.Fd()), 0, size, step); err != nil {
			step /= 2 // others write, too
			continue
		}
		size += step
		step = min(step, wanted-size)
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			d.tb.Error(err)
		}
	}
}
