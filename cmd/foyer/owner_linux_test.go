package main

import (
	"os"
	"syscall"
	"testing"
)

// ownerOf returns the uid of a file's owner.
func ownerOf(tb testing.TB, path string) uint32 {
	tb.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}
