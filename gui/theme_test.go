package gui

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"image/color"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// What WCAG 2.2 wants: 1.4.3 of texts, 1.4.11 of what is not text and must be seen.
const (
	textContrast  = 4.5
	shapeContrast = 3
)

// ground is what something stands on: a colour, and those that are laid over it, as over a button below the pointer.
type ground []fyne.ThemeColorName

func (g ground) String() string {
	var names []string
	for _, name := range g {
		names = append(names, string(name))
	}
	return strings.Join(names, "+")
}

// over returns each ground as it is, and below the pointer, pressed and focused.
func over(names ...fyne.ThemeColorName) []ground {
	out := plain(names...)
	for _, name := range names {
		for _, state := range []fyne.ThemeColorName{theme.ColorNameHover, theme.ColorNamePressed, theme.ColorNameFocus} {
			out = append(out, ground{name, state})
		}
		out = append(out, ground{name, theme.ColorNameHover, theme.ColorNamePressed}, ground{name, theme.ColorNameFocus, theme.ColorNamePressed})
	}
	return out
}

// rows returns the grounds of a list's rows: a chosen one is so whether the pointer is over it or not.
func rows(names ...fyne.ThemeColorName) []ground {
	out := plain(append(slices.Clone(names), theme.ColorNameSelection)...)
	for _, name := range names {
		out = append(out, ground{name, theme.ColorNameHover})
	}
	return out
}

func plain(names ...fyne.ThemeColorName) []ground {
	var out []ground
	for _, name := range names {
		out = append(out, ground{name})
	}
	return out
}

// The grounds of pages and dialogs.
func pageGrounds() []fyne.ThemeColorName {
	return []fyne.ThemeColorName{
		theme.ColorNameBackground, colorSurface, theme.ColorNameHeaderBackground, theme.ColorNameMenuBackground, theme.ColorNameOverlayBackground,
	}
}

// TestContrastOfTexts computes the contrast of every text on everything it can stand on, in both palettes.
func TestContrastOfTexts(t *testing.T) {
	everywhere := append(pageGrounds(), colorSide, colorTint, colorOKTint, colorWarnTint, colorErrorTint)
	for _, c := range []struct {
		text    fyne.ThemeColorName
		grounds [][]ground
	}{
		{theme.ColorNameForeground, [][]ground{
			over(everywhere...), over(theme.ColorNameButton, theme.ColorNameInputBackground), over(theme.ColorNameSelection), plain(theme.ColorNameDisabledButton),
		}},
		{theme.ColorNameDisabled, [][]ground{ // also what widget.LowImportance has
			rows(everywhere...), plain(theme.ColorNameDisabledButton, theme.ColorNameInputBackground),
		}},
		{theme.ColorNamePlaceHolder, [][]ground{rows(theme.ColorNameInputBackground), plain(pageGrounds()...)}},
		{colorSoft, [][]ground{rows(pageGrounds()...), plain(colorSide, colorTint)}},
		{theme.ColorNamePrimary, [][]ground{rows(pageGrounds()...), plain(colorSide, colorTint, theme.ColorNameInputBackground)}},
		{theme.ColorNameHyperlink, [][]ground{rows(pageGrounds()...), plain(colorSide, colorTint, colorOKTint, colorWarnTint, colorErrorTint)}},
		{theme.ColorNameError, [][]ground{rows(pageGrounds()...), plain(colorErrorTint, theme.ColorNameInputBackground)}},
		{theme.ColorNameWarning, [][]ground{rows(pageGrounds()...), plain(colorWarnTint, theme.ColorNameInputBackground)}},
		{theme.ColorNameSuccess, [][]ground{rows(pageGrounds()...), plain(colorOKTint, theme.ColorNameInputBackground)}},
		{theme.ColorNameForegroundOnPrimary, [][]ground{over(theme.ColorNamePrimary)}},
		{theme.ColorNameForegroundOnError, [][]ground{over(theme.ColorNameError)}},
		{theme.ColorNameForegroundOnWarning, [][]ground{over(theme.ColorNameWarning)}},
		{theme.ColorNameForegroundOnSuccess, [][]ground{over(theme.ColorNameSuccess)}},
	} {
		for _, g := range slices.Concat(c.grounds...) {
			checkContrast(t, c.text, g, textContrast)
		}
	}
}

// TestContrastOfShapes computes the same for what is not text and must be seen: bars, the frames of inputs, and what has the focus.
func TestContrastOfShapes(t *testing.T) {
	for _, c := range []struct {
		shape   fyne.ThemeColorName
		grounds []ground
	}{
		{colorBar, rows(colorSurface)[:1]},
		{colorBar, []ground{{colorSurface, theme.ColorNameHover}}},
		{colorWait, []ground{{colorSurface}, {colorSurface, theme.ColorNameHover}, {theme.ColorNameOverlayBackground}}},
		{colorBad, []ground{{colorSurface}, {colorSurface, theme.ColorNameHover}, {theme.ColorNameOverlayBackground}}},
		{colorSoft, []ground{{colorSurface}, {colorSurface, theme.ColorNameHover}, {theme.ColorNameOverlayBackground}}},
		{theme.ColorNameInputBorder, plain(append(pageGrounds(), theme.ColorNameInputBackground)...)},
		{theme.ColorNamePrimary, plain(append(pageGrounds(), colorTint, colorSide)...)},
		{theme.ColorNameError, plain(pageGrounds()...)},
	} {
		for _, g := range c.grounds {
			checkContrast(t, c.shape, g, shapeContrast)
		}
	}
}

func checkContrast(t *testing.T, name fyne.ThemeColorName, g ground, want float64) {
	t.Helper()
	l := newLook()
	for word, variant := range map[string]fyne.ThemeVariant{"light": theme.VariantLight, "dark": theme.VariantDark} {
		below := flat(l.Color(g[0], variant))
		if below.A != 255 {
			t.Fatalf("%s: the ground %s is not opaque", word, g)
		}
		for _, layer := range g[1:] {
			below = blend(below, l.Color(layer, variant))
		}
		on := blend(below, l.Color(name, variant))
		if got := contrast(on, below); got < want {
			t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", word, name, g, got, want)
		}
	}
}

func flat(c color.Color) color.NRGBA {
	n, ok := color.NRGBAModel.Convert(c).(color.NRGBA)
	if !ok {
		panic("a model that converts to another type")
	}
	return n
}

// blend lays a colour that may be seen through over an opaque one.
func blend(below color.NRGBA, top color.Color) color.NRGBA {
	n := flat(top)
	mix := func(under, over uint8) uint8 {
		alpha := float64(n.A) / 255
		return uint8(math.Round(float64(over)*alpha + float64(under)*(1-alpha)))
	}
	return color.NRGBA{R: mix(below.R, n.R), G: mix(below.G, n.G), B: mix(below.B, n.B), A: 255}
}

// contrast is WCAG 2.2's contrast ratio.
func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is WCAG 2.2's relative luminance.
func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// TestContrastItself checks the formula with ratios that are known.
func TestContrastItself(t *testing.T) {
	white := flat(rgb(0xffffff))
	for _, c := range []struct {
		hex  uint32
		want float64
	}{{0x000000, 21}, {0xffffff, 1}, {0x767676, 4.54}, {0x777777, 4.48}, {0x43f436, 1.48}, {0xff9800, 2.16}, {0xf44336, 3.68}} {
		if got := contrast(flat(rgb(c.hex)), white); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%06x on white: %.3f, want %.2f", c.hex, got, c.want)
		}
	}
	if got, want := blend(white, color.NRGBA{A: 0x80}), flat(rgb(0x7f7f7f)); got != want {
		t.Errorf("half of black over white is %v, want %v", got, want)
	}
}

// TestEveryColourIsChosen reads the names of Fyne's colours from its source: a new one, which would have Fyne's own colour, is found here.
func TestEveryColourIsChosen(t *testing.T) {
	unused := map[string]bool{ // of windows inside the window, of which there are none
		"ColorNameInnerWindowBorder": true, "ColorNameInnerWindowBorderInactive": true,
	}
	file, err := parser.ParseFile(gotoken.NewFileSet(), packageDir(t, "fyne.io/fyne/v2/theme")+"/color.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "ColorName") || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		name, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		for word, colors := range map[string]palette{"light": lightPalette(), "dark": darkPalette()} {
			if _, ok := colors[fyne.ThemeColorName(name)]; !ok && !unused[spec.Names[0].Name] {
				t.Errorf("the %s palette leaves %s to Fyne", word, spec.Names[0].Name)
			}
		}
		return true
	})
	if found < 25 {
		t.Errorf("found %d names of colours in Fyne's source, want them all", found)
	}
	light, dark := lightPalette(), darkPalette()
	for name := range light {
		if _, ok := dark[name]; !ok {
			t.Errorf("%s has a light colour and no dark one", name)
		}
	}
	if len(light) != len(dark) {
		t.Errorf("%d light colours and %d dark ones", len(light), len(dark))
	}
}

// packageDir returns where the source of a package is.
func packageDir(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", name).Output()
	if err != nil {
		t.Fatalf("find the source of %s: %v", name, err)
	}
	dir := strings.TrimSpace(string(out))
	if _, err := fs.Stat(os.DirFS(dir), "."); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLookChosen asks for the colours of a look whose owner has chosen light or dark.
func TestLookChosen(t *testing.T) {
	d := newTestDesk(t, nil)
	for chosen, want := range map[string]color.Color{
		appearanceLight: lightPalette()[theme.ColorNameBackground], appearanceDark: darkPalette()[theme.ColorNameBackground],
	} {
		d.prefs.SetString(prefAppearance, chosen)
		applyTheme(d.app)
		for _, variant := range []fyne.ThemeVariant{theme.VariantLight, theme.VariantDark} {
			if got := d.app.Settings().Theme().Color(theme.ColorNameBackground, variant); got != want {
				t.Errorf("%s chosen, asked for %d: %v, want %v", chosen, variant, got, want)
			}
		}
	}
}
