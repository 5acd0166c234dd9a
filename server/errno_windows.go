package server

import "golang.org/x/sys/windows"

// What the system says about an address that another program has, about one that this machine has not, and about one that this user
// may not have. The numbers of these names in package syscall are made up on Windows.
const (
	errAddressInUse   = windows.WSAEADDRINUSE
	errAddressNotHere = windows.WSAEADDRNOTAVAIL
	errNotPermitted   = windows.WSAEACCES
)
