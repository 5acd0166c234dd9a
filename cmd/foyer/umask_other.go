//go:build !unix

package main

// strictUmask does nothing: this system has no umask, files inherit the permissions of their directory.
func strictUmask() {}
