// Package gui is the desktop program. It knows the service through its admin API alone.
package gui

import (
	"log/slog"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// Config is what the desktop program is told.
type Config struct {
	Client     *localapi.Client // how the service is reached
	Version    string           // of this program
	Log        *slog.Logger
	Executable string // the path of this program, to start or install the service with
}

// Run shows the desktop program until its last window is closed. It has to be called on the main goroutine.
func Run(a fyne.App, c Config) error {
	w := a.NewWindow("Foyer")
	w.SetContent(widget.NewLabel("Foyer " + c.Version))
	w.Resize(fyne.NewSize(480, 320))
	w.SetMaster()
	w.ShowAndRun()
	return nil
}
