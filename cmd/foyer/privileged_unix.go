//go:build unix

package main

import "os"

// privileged reports whether this process may change the services of the machine.
func privileged() bool { return os.Geteuid() == 0 }
