package mail

import "golang.org/x/sys/windows"

// What the system says about addresses and connections. The numbers of these names in package syscall are made up on Windows.
const (
	errAddressInUse      = windows.WSAEADDRINUSE
	errAddressNotHere    = windows.WSAEADDRNOTAVAIL
	errConnectionRefused = windows.WSAECONNREFUSED
)
