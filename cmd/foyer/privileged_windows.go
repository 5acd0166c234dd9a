package main

import "golang.org/x/sys/windows"

// privileged reports whether this process may change the services of the machine: it runs as administrator.
func privileged() bool { return windows.GetCurrentProcessToken().IsElevated() }
