//go:build !nogui

package main

import "errors"

// openGUI returns an error: this build has no desktop program.
func openGUI(string) error {
	return errors.New("this build has no desktop program; use the commands instead, foyer --help lists them")
}
