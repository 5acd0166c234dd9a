package gui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Colours of Foyer's own, beside those that Fyne's widgets use.
const (
	colorSurface fyne.ThemeColorName = "foyer.surface" // cards
	colorSide    fyne.ThemeColorName = "foyer.side"    // the navigation
	colorLine    fyne.ThemeColorName = "foyer.line"    // around cards
	colorTint    fyne.ThemeColorName = "foyer.tint"    // chips, and what is chosen
	colorSoft    fyne.ThemeColorName = "foyer.soft"    // text of second rank
	colorBar     fyne.ThemeColorName = "foyer.bar"     // bars of charts
	colorWait    fyne.ThemeColorName = "foyer.wait"    // the part of a bar that waits
	colorBad     fyne.ThemeColorName = "foyer.bad"     // and the part that failed

	colorOKTint    fyne.ThemeColorName = "foyer.ok_tint"    // behind what is well
	colorWarnTint  fyne.ThemeColorName = "foyer.warn_tint"  // behind a warning
	colorErrorTint fyne.ThemeColorName = "foyer.error_tint" // behind an error
)

// palette is the colours of one variant. They are those of the pages; each text on what it may stand on has a contrast of
// at least 4.5 to 1 (WCAG 2.2, 1.4.3), which a test computes. Fyne's own success and warning have 1.5 and 2.2 on white.
type palette map[fyne.ThemeColorName]color.Color

func rgb(hex uint32) color.Color {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 255} //nolint:gosec // the bytes of a number
}

func lightPalette() palette {
	return palette{
		theme.ColorNameBackground: rgb(0xf7f6f2), theme.ColorNameForeground: rgb(0x15211f),
		theme.ColorNameButton: rgb(0xe7e9e4), theme.ColorNameDisabledButton: rgb(0xeeefeb), theme.ColorNameDisabled: rgb(0x546360),
		theme.ColorNamePlaceHolder: rgb(0x546360), theme.ColorNameInputBackground: rgb(0xffffff), theme.ColorNameInputBorder: rgb(0x7d8986),
		theme.ColorNamePrimary: rgb(0x0d6659), theme.ColorNameForegroundOnPrimary: rgb(0xffffff), theme.ColorNameHyperlink: rgb(0x0b5cd6),
		theme.ColorNameError: rgb(0xad231b), theme.ColorNameForegroundOnError: rgb(0xffffff),
		theme.ColorNameWarning: rgb(0x8a5200), theme.ColorNameForegroundOnWarning: rgb(0xffffff),
		theme.ColorNameSuccess: rgb(0x17702a), theme.ColorNameForegroundOnSuccess: rgb(0xffffff),
		theme.ColorNameFocus: color.NRGBA{R: 0x0b, G: 0x5c, B: 0xd6, A: 0x44}, theme.ColorNameHover: color.NRGBA{R: 0x10, G: 0x28, B: 0x24, A: 0x0f},
		theme.ColorNamePressed: color.NRGBA{R: 0x10, G: 0x28, B: 0x24, A: 0x22}, theme.ColorNameSelection: rgb(0xcfe6df),
		theme.ColorNameSeparator: rgb(0xdfe1db), theme.ColorNameShadow: color.NRGBA{A: 0x30},
		theme.ColorNameScrollBar: color.NRGBA{R: 0x10, G: 0x28, B: 0x24, A: 0x66}, theme.ColorNameScrollBarBackground: color.NRGBA{A: 0x00},
		theme.ColorNameHeaderBackground: rgb(0xf0f0eb), theme.ColorNameMenuBackground: rgb(0xffffff), theme.ColorNameOverlayBackground: rgb(0xffffff),
		colorSurface: rgb(0xffffff), colorSide: rgb(0xeeede7), colorLine: rgb(0xdfe1db), colorTint: rgb(0xe6f2ee), colorSoft: rgb(0x53625f),
		colorBar: rgb(0x2f8f7c), colorWait: rgb(0xb07612), colorBad: rgb(0xc0392f),
		colorOKTint: rgb(0xe5f3e7), colorWarnTint: rgb(0xfdf3e0), colorErrorTint: rgb(0xfdefed),
	}
}

func darkPalette() palette {
	return palette{
		theme.ColorNameBackground: rgb(0x0f1716), theme.ColorNameForeground: rgb(0xe9efed),
		theme.ColorNameButton: rgb(0x26332f), theme.ColorNameDisabledButton: rgb(0x1b2523), theme.ColorNameDisabled: rgb(0xa4b3af),
		theme.ColorNamePlaceHolder: rgb(0xa4b3af), theme.ColorNameInputBackground: rgb(0x111a18), theme.ColorNameInputBorder: rgb(0x70837d),
		theme.ColorNamePrimary: rgb(0x74d4c0), theme.ColorNameForegroundOnPrimary: rgb(0x05251f), theme.ColorNameHyperlink: rgb(0x8ab8ff),
		theme.ColorNameError: rgb(0xffa39a), theme.ColorNameForegroundOnError: rgb(0x3a0f0b),
		theme.ColorNameWarning: rgb(0xf3c064), theme.ColorNameForegroundOnWarning: rgb(0x2e1f00),
		theme.ColorNameSuccess: rgb(0x86d694), theme.ColorNameForegroundOnSuccess: rgb(0x08260e),
		theme.ColorNameFocus: color.NRGBA{R: 0x8a, G: 0xb8, B: 0xff, A: 0x40}, theme.ColorNameHover: color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0x12},
		theme.ColorNamePressed: color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0x1c}, theme.ColorNameSelection: rgb(0x1b4239),
		theme.ColorNameSeparator: rgb(0x2a3835), theme.ColorNameShadow: color.NRGBA{A: 0x88},
		theme.ColorNameScrollBar: color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0x55}, theme.ColorNameScrollBarBackground: color.NRGBA{A: 0x00},
		theme.ColorNameHeaderBackground: rgb(0x1a2422), theme.ColorNameMenuBackground: rgb(0x1b2624), theme.ColorNameOverlayBackground: rgb(0x1b2624),
		colorSurface: rgb(0x17211f), colorSide: rgb(0x0b1211), colorLine: rgb(0x2a3835), colorTint: rgb(0x17312c), colorSoft: rgb(0xa5b4b0),
		colorBar: rgb(0x4fb39e), colorWait: rgb(0xe0a63a), colorBad: rgb(0xe5746a),
		colorOKTint: rgb(0x14301b), colorWarnTint: rgb(0x352a12), colorErrorTint: rgb(0x3a1e1b),
	}
}

// look is Foyer's theme. It follows the system's light or dark unless the person has chosen one.
type look struct {
	fyne.Theme
	light, dark palette
	fixed       *fyne.ThemeVariant // nil follows the system
}

func newLook() *look {
	return &look{Theme: theme.DefaultTheme(), light: lightPalette(), dark: darkPalette()}
}

// Color returns a colour of the variant.
func (l *look) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	if l.fixed != nil {
		variant = *l.fixed
	}
	colors := l.light
	if variant == theme.VariantDark {
		colors = l.dark
	}
	if c, ok := colors[name]; ok {
		return c
	}
	return l.Theme.Color(name, variant)
}

// Size returns the sizes of Fyne with somewhat more room between things, and rounder.
func (l *look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNamePadding:
		return 5
	case theme.SizeNameInnerPadding:
		return 8
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return 6
	case theme.SizeNameHeadingText:
		return 22
	case theme.SizeNameSubHeadingText:
		return 16
	case theme.SizeNameCaptionText:
		return 12
	default:
		return l.Theme.Size(name)
	}
}

// The choices of how the program looks, as they are kept in the preferences.
const (
	prefAppearance   = "appearance"
	appearanceSystem = ""
	appearanceLight  = "light"
	appearanceDark   = "dark"
)

// applyTheme gives the program its look, as the person has chosen it.
func applyTheme(a fyne.App) {
	l := newLook()
	switch a.Preferences().String(prefAppearance) {
	case appearanceLight:
		l.fixed = new(theme.VariantLight)
	case appearanceDark:
		l.fixed = new(theme.VariantDark)
	}
	a.Settings().SetTheme(l)
}
