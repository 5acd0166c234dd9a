package main

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// streamOf returns a file as JOURNAL_STREAM names it.
func streamOf(t *testing.T, f *os.File) string {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no stat")
	}
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
