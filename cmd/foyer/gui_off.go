//go:build nogui

package main

import (
	"errors"
	"log/slog"
)

func endQuiet() {}

// hasDisplay returns false: this build has nothing to show.
func (p *program) hasDisplay() bool { return false }

// openGUI returns an error: this build was made without the desktop program.
func (p *program) openGUI(slog.Level) error {
	return errors.New("this build was made without the desktop program; use the commands instead, foyer --help lists them")
}
