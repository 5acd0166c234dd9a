package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace returns how many bytes may still be written to the file system of a directory.
func freeSpace(dir string) (int64, error) {
	var space unix.Statfs_t
	if err := unix.Statfs(dir, &space); err != nil {
		return 0, err
	}
	return int64(space.Bavail) * space.Bsize, nil //nolint:gosec // no disk has 8 exabytes
}

// fallocate gives a file the blocks for size bytes without writing them.
func fallocate(f *os.File, size int64) error {
	return unix.Fallocate(int(f.Fd()), 0, 0, size)
}
