//go:build !windows

package mail

import "syscall"

// What the system says about addresses and connections.
const (
	errAddressInUse      = syscall.EADDRINUSE
	errAddressNotHere    = syscall.EADDRNOTAVAIL
	errConnectionRefused = syscall.ECONNREFUSED
)
