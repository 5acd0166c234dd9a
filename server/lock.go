package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrRunning is in the chain of the error New returns when another process serves the same data directory.
var ErrRunning = errors.New("already running")

const lockFile = "foyer.lock"

// lock takes the data directory for this process. What counts is the kernel's lock, not that the file is there: a
// process that was killed leaves the file and no lock.
func lock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, &DataError{Message: fmt.Sprintf("the data directory %s cannot be used: %s cannot be written", dir, lockFile), Err: err}
	}
	if err := lockFileNow(f); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 20)) // only for the message
		_ = f.Close()                                  // it holds nothing
		return nil, fmt.Errorf("%w: another foyer (pid %s) serves %s", ErrRunning, strings.TrimSpace(string(holder)), dir)
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := fmt.Fprintf(f, "%d\n", os.Getpid()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
