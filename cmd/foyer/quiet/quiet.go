//go:build !nogui

// Package quiet keeps standard error clean while the packages of the program are initialised: Fyne logs three lines there
// about a locale that it does not understand, C.UTF-8 for one, whatever command is run. Only cmd/foyer imports it.
package quiet

import (
	"io"
	"log"
)

// Go initialises packages in the order of their paths, each after those it imports. This one imports almost nothing, and
// its path comes before those of the packages that Fyne's translations import.
var before = hush()

func hush() io.Writer {
	w := log.Writer()
	log.SetOutput(io.Discard) //nolint:forbidigo // Fyne knows no other log than the standard one
	return w
}

// End lets the standard log write again.
func End() {
	log.SetOutput(before) //nolint:forbidigo // as above
}
