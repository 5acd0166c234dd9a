package app

// How sentences name the right to change the machine, on this system.
const (
	Sudo     = ""                                            // goes before a command that needs it, in a listing
	Root     = "an administrator"                            // who has it
	WithRoot = "in a terminal opened as administrator"       // how a command is run by somebody who may take it
	Rights   = "a terminal that was opened as administrator" // what such a command needs
)

// AsRoot returns how a command is called with the right to change the machine, for the middle of a sentence.
func AsRoot(command string) string { return command + " (" + WithRoot + ")" }
