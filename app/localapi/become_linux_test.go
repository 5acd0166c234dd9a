package localapi_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// becomeOnThisThread changes user and groups of the calling thread alone, by system call: Go's own functions change
// those of all threads.
func becomeOnThisThread(uid int, groups []uint32) unix.Errno {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
		return errno
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
	return errno
}
