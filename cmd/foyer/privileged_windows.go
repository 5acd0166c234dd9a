package main

import "golang.org/x/sys/windows"

// enableService lets the installed service start with the machine.
const enableService = "sc.exe config foyer start= auto"

// privileged reports whether this process may change the services of the machine: it runs as administrator.
func privileged() bool { return windows.GetCurrentProcessToken().IsElevated() }
