//go:build !windows

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// notWritable returns why nothing can be written in a directory, or "".
func notWritable(dir string) string {
	switch err := unix.Access(dir, unix.W_OK|unix.X_OK); {
	case errors.Is(err, syscall.EROFS):
		return "is read-only: see to the disk, or mount it for writing"
	case errors.Is(err, syscall.EACCES):
		return fmt.Sprintf("may not be written by uid %d: run the service as the user it belongs to", os.Geteuid())
	default:
		return ""
	}
}

// tightenDir takes the rights of others from a directory, and returns the mode it had, or "" when they had none.
func tightenDir(dir string, info fs.FileInfo) (was string, err error) {
	return tightenTo(dir, info, 0o700)
}

// tightenFile takes the rights of others from a file, and returns the mode it had, or "" when they had none.
func tightenFile(path string, info fs.FileInfo) (was string, err error) {
	return tightenTo(path, info, 0o600)
}

func tightenTo(path string, info fs.FileInfo, mode fs.FileMode) (was string, err error) {
	if info.Mode().Perm()&0o077 == 0 {
		return "", nil
	}
	return fmt.Sprintf("%04o", info.Mode().Perm()), os.Chmod(path, mode)
}

// renameDurably renames a file in its directory, and takes the place of one that is there. When it returns, a loss of power does
// not bring the old one back.
func renameDurably(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
