package server

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFileNow takes the lock of a file, or returns an error when another process has it. It is given back when the file is closed.
// Windows lets nobody read what is locked, so one byte far behind the end is: the process number stays readable.
func lockFileNow(f *os.File) error {
	far := windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &far)
}
