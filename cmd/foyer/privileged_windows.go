package main

import "golang.org/x/sys/windows"

// What goes before a command so that it may change the machine, and what that needs.
const (
	sudo   = ""
	rights = "a terminal that was opened as administrator"
)

// privileged reports whether this process may change the services of the machine: it runs as administrator.
func privileged() bool { return windows.GetCurrentProcessToken().IsElevated() }
