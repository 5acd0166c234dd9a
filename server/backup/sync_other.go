//go:build !windows

package backup

import (
	"errors"
	"os"
)

// SyncDir returns when the names in a directory are on the disk: what was made, renamed or removed there before stays so after a loss
// of power.
func SyncDir(path string) error {
	dir, err := os.Open(path) //nolint:gosec // a directory of ours
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
