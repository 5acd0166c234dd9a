//go:build unix

package main

import "os"

// What goes before a command so that it may change the machine, and what that needs.
const (
	sudo   = "sudo "
	rights = "root"
)

// privileged reports whether this process may change the services of the machine.
func privileged() bool { return os.Geteuid() == 0 }
