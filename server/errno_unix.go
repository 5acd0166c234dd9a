//go:build !windows

package server

import "syscall"

// What the system says about an address that another program has, about one that this machine has not, and about one that this user
// may not have.
const (
	errAddressInUse   = syscall.EADDRINUSE
	errAddressNotHere = syscall.EADDRNOTAVAIL
	errNotPermitted   = syscall.EACCES
)
