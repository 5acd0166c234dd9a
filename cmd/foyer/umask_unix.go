//go:build unix

package main

import "golang.org/x/sys/unix"

// strictUmask lets nobody but the owner at the files this process makes.
func strictUmask() { unix.Umask(0o077) }
