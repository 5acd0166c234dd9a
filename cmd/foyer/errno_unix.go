//go:build unix

package main

import "syscall"

// What the system says about an address that another program has, and about one that this machine has not.
const (
	errAddressInUse   = syscall.EADDRINUSE
	errAddressNotHere = syscall.EADDRNOTAVAIL
)
