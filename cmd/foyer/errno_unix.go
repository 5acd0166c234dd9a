//go:build unix

package main

import "syscall"

// errAddressInUse is what the system says about an address that another program has.
const errAddressInUse = syscall.EADDRINUSE
