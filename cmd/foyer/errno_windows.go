package main

import "golang.org/x/sys/windows"

// errAddressInUse is what the system says about an address that another program has. The number of this name in package syscall is
// made up on Windows.
const errAddressInUse = windows.WSAEADDRINUSE
