//go:build !windows

package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// readOnly reports whether the directory cannot be written at all.
func readOnly(dir string) bool {
	err := unix.Access(dir, unix.W_OK)
	return errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES)
}

// tightenDir takes the rights of others from a directory.
func tightenDir(dir string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(dir, 0o700) //nolint:gosec // a directory needs its x bit
}

// tightenFile takes the rights of others from a file.
func tightenFile(path string, info fs.FileInfo) error {
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(path, 0o600)
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
