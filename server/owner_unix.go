//go:build unix

package server

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ownerOf returns the user whom a file belongs to.
func ownerOf(info os.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// userOf returns the name of a user, or the number when there is none.
func userOf(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return strconv.Itoa(uid)
	}
	return u.Username
}
