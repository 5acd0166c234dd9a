package gui

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// pictures writes what a window shows to build/screenshots: light and dark, as large as a small and as a usual screen.
func pictures(tb testing.TB, a fyne.App, w fyne.Window, name string) {
	tb.Helper()
	dir := filepath.Join("..", "build", "screenshots")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		tb.Fatal(err)
	}
	before := w.Canvas().Size()
	for variant, word := range map[fyne.ThemeVariant]string{theme.VariantLight: "light", theme.VariantDark: "dark"} {
		l := newLook()
		l.fixed = new(variant)
		a.Settings().SetTheme(l)
		for _, size := range []fyne.Size{fyne.NewSize(1024, 700), fyne.NewSize(1280, 800)} {
			// Texts that wrap have another height now, and what holds them, and what holds that.
			for n := range 8 {
				w.Resize(size.SubtractWidthHeight(float32(7-n), 0))
				w.Content().Refresh()
			}
			file, err := os.Create(filepath.Join(dir, fmt.Sprintf("gui-%s-%s-%.0f.png", name, word, size.Width)))
			if err != nil {
				tb.Fatal(err)
			}
			if err := png.Encode(file, w.Canvas().Capture()); err != nil {
				tb.Fatal(err)
			}
			if err := file.Close(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	applyTheme(a)
	w.Resize(before)
}
