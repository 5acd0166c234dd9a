//go:build nogui

package main

import "errors"

// openGUI returns an error: this build was made without the desktop program.
func openGUI(string) error {
	return errors.New("this build was made without the desktop program; use the commands instead, foyer --help lists them")
}
