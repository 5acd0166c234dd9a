//go:build !windows

package server

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFileNow takes the lock of a file, or returns an error when another process has it. It is given back when the file is closed.
func lockFileNow(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
