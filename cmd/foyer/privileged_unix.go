//go:build unix

package main

import "os"

// enableService lets the installed service start with the machine.
const enableService = "systemctl enable foyer"

// privileged reports whether this process may change the services of the machine.
func privileged() bool { return os.Geteuid() == 0 }
