//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// isJournal reports whether what is written to w goes to systemd-journald: the environment names the stream, and a program that
// was started by a service, with its output somewhere else, has inherited it (systemd.exec(5), JOURNAL_STREAM).
func isJournal(w io.Writer, getenv func(string) string) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	stream := getenv("JOURNAL_STREAM")
	if stream == "" {
		return false
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && fmt.Sprintf("%d:%d", stat.Dev, stat.Ino) == stream
}
