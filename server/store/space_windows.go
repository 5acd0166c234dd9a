package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// freeSpace returns how many bytes may still be written to the disk of a directory, by this user.
func freeSpace(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free, total, all uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, &all); err != nil {
		return 0, err
	}
	return int64(free), nil //nolint:gosec // no disk has 8 exabytes
}

// fallocate is not to be had here: a file that is only made longer may be compressed to nothing.
func fallocate(*os.File, int64) error { return errors.ErrUnsupported }
