//go:build !windows

package app

// How sentences name the right to change the machine, on this system.
const (
	Sudo     = "sudo "     // goes before a command that needs it, in a listing
	Root     = "root"      // who has it
	WithRoot = "with sudo" // how a command is run by somebody who may take it
	Rights   = "root"      // what such a command needs
)

// AsRoot returns how a command is called with the right to change the machine, for the middle of a sentence.
func AsRoot(command string) string { return Sudo + command }
