package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// asOwnerOf does the work with the rights of the owner of a directory, when root asks: what is made there belongs to the service
// then, and no link that its user has put there leads root elsewhere. A directory that is not there yet has no owner.
func asOwnerOf(dir string, work func() error) (err error) {
	info, statErr := os.Stat(dir)
	if statErr != nil || os.Geteuid() != 0 {
		return work()
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return work()
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("groups of this process: %w", err)
	}
	// Those of root go as well: what they may read, the owner may not.
	if err := errors.Join(syscall.Setgroups([]int{int(owner.Gid)}), syscall.Setresgid(-1, int(owner.Gid), -1), syscall.Setresuid(-1, int(owner.Uid), -1)); err != nil {
		return fmt.Errorf("take the rights of the owner of %s: %w", dir, err)
	}
	defer func() {
		err = errors.Join(err, syscall.Setresuid(-1, 0, -1), syscall.Setresgid(-1, 0, -1), syscall.Setgroups(groups))
	}()
	return work()
}
