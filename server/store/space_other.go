//go:build !linux && !windows

package store

import (
	"errors"
	"os"
)

// freeSpace is not known here: the database says when there is none.
func freeSpace(string) (int64, error) { return 0, errors.ErrUnsupported }

// fallocate is not to be had here: the blocks have to be written.
func fallocate(*os.File, int64) error { return errors.ErrUnsupported }
