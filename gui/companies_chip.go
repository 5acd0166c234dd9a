package gui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// token is one entry of a company's field as it was typed, with what is known of it.
type token struct {
	typed   string
	key     string // as the service names the entry; as typed when it is not understood
	display string // with U-labels
	deny    bool
	added   bool   // the company does not have it yet
	warning string // why it would not be accepted as new, or what is doubtful about it
	mixed   bool   // it mixes scripts
	owner   string // another company that has it
	move    bool   // the person wants it taken from there
	problem *localapi.Problem
}

// newToken returns what was typed as a token. Whether it is an entry is seen at once, by the rule of the service; everything
// else is what a check by the service says.
func newToken(typed string) *token {
	t := &token{typed: typed, key: typed, display: typed, added: true}
	e, err := app.ParseEntry(typed)
	if err != nil {
		t.problem = &localapi.Problem{Token: typed, Reason: app.ReasonOf(err), Message: app.MessageOf(err)}
		return t
	}
	t.key, t.display, t.deny, t.mixed = e.String(), e.Display(), e.Deny, e.MixedScript()
	return t
}

// tokenOf returns an entry that a company has.
func tokenOf(e localapi.Entry) *token {
	return &token{typed: e.Entry, key: e.Entry, display: e.Display, deny: e.Deny, warning: e.Warning, mixed: e.MixedScript}
}

// level says how good a token is.
func (t *token) level() level {
	switch {
	case t.problem != nil:
		return levelError
	case t.owner != "" && !t.move, t.warning != "", t.mixed:
		return levelWarning
	default:
		return levelPlain
	}
}

// ascii returns the form with A-labels when it differs from what is shown.
func (t *token) ascii() string {
	if t.problem != nil || t.key == t.display {
		return ""
	}
	return t.key
}

// name returns the token as sentences call it.
func (t *token) name() string {
	if ascii := t.ascii(); ascii != "" {
		return t.display + " (" + ascii + ")"
	}
	return t.display
}

// chip shows a token. It is no stop of the tab key, as there may be hundreds: the field it is in has the keys for it.
type chip struct {
	widget.BaseWidget
	token   *token
	chosen  bool
	tapped  func()
	removed func()
}

func newChip(t *token, tapped, removed func()) *chip {
	c := &chip{token: t, tapped: tapped, removed: removed}
	c.ExtendBaseWidget(c)
	return c
}

// Measures of a chip.
const (
	chipHeight = 26
	chipIcon   = 15
	chipGap    = 5
	chipInset  = 8
	chipCross  = 24 // the part that takes it away
)

// Tapped takes the token away at its cross, and else chooses it.
func (c *chip) Tapped(e *fyne.PointEvent) {
	if e.Position.X >= c.Size().Width-chipCross {
		c.removed()
		return
	}
	c.tapped()
}

// CreateRenderer returns what draws the chip.
func (c *chip) CreateRenderer() fyne.WidgetRenderer {
	r := &chipRenderer{
		chip: c, ground: canvas.NewRectangle(color.Transparent), icon: widget.NewIcon(nil), cross: widget.NewIcon(theme.CancelIcon()),
		word: canvas.NewText("", nil), text: canvas.NewText("", nil), ascii: canvas.NewText("", nil),
	}
	r.ground.CornerRadius = 7
	r.paint()
	return r
}

type chipRenderer struct {
	chip              *chip
	ground            *canvas.Rectangle
	icon, cross       *widget.Icon
	word, text, ascii *canvas.Text
	width             float32 // at which nothing is cut
}

// Destroy has nothing to do.
func (r *chipRenderer) Destroy() {}

// Objects returns what is drawn, from back to front.
func (r *chipRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.ground, r.icon, r.word, r.text, r.ascii, r.cross}
}

// paint takes over what the token says.
func (r *chipRenderer) paint() {
	t := r.chip.token
	small, usual := theme.Size(theme.SizeNameCaptionText), theme.Size(theme.SizeNameText)-1
	r.word.Text, r.text.Text, r.ascii.Text = "", t.display, t.ascii()
	r.word.TextSize, r.text.TextSize, r.ascii.TextSize = small, usual, small
	r.word.TextStyle.Bold = true
	fill, line, icon := colorTint, colorLine, t.level().icon()
	ink := theme.ColorNameForeground
	if t.deny {
		fill, ink = theme.ColorNameHeaderBackground, colorSoft
		r.word.Text = tr("companies.chip.refuses")
		if icon == nil {
			icon = theme.NewThemedResource(blockIcon())
		}
	}
	if l := t.level(); l != levelPlain {
		fill = l.tint()
	}
	if t.problem != nil {
		ink, line = theme.ColorNameError, theme.ColorNameError
	} else if t.added {
		line = theme.ColorNamePrimary
	}
	r.icon.SetResource(icon)
	r.icon.Hidden = icon == nil
	r.text.Color, r.ascii.Color, r.word.Color = themeColor(ink), themeColor(colorSoft), themeColor(ink)
	r.ground.FillColor, r.ground.StrokeColor, r.ground.StrokeWidth = themeColor(fill), themeColor(line), 1
	r.measure()
	if r.chip.chosen {
		r.ground.FillColor, r.ground.StrokeColor, r.ground.StrokeWidth = themeColor(theme.ColorNameSelection), themeColor(theme.ColorNamePrimary), 2
		r.text.Color, r.ascii.Color, r.word.Color = themeColor(theme.ColorNameForeground), themeColor(theme.ColorNameForeground), themeColor(theme.ColorNameForeground)
	}
}

// measure finds the width at which nothing is cut, while nothing is.
func (r *chipRenderer) measure() {
	r.width = chipInset + chipCross
	if !r.icon.Hidden {
		r.width += chipIcon + chipGap
	}
	for _, t := range []*canvas.Text{r.word, r.text, r.ascii} {
		if t.Text != "" {
			r.width += textWidth(t) + chipGap
		}
	}
}

// MinSize returns the size at which nothing is cut.
func (r *chipRenderer) MinSize() fyne.Size { return fyne.NewSize(r.width, chipHeight) }

// Layout places everything in one line; what has no room ends in dots.
func (r *chipRenderer) Layout(size fyne.Size) {
	r.paint()
	r.ground.Resize(size)
	x := float32(chipInset)
	if !r.icon.Hidden {
		r.icon.Resize(fyne.NewSquareSize(chipIcon))
		r.icon.Move(fyne.NewPos(x, (size.Height-chipIcon)/2))
		x += chipIcon + chipGap
	}
	end := size.Width - chipCross
	for _, t := range []*canvas.Text{r.word, r.text, r.ascii} {
		if t.Text == "" {
			continue
		}
		shorten(t, end-x)
		need := t.MinSize()
		t.Resize(need)
		t.Move(fyne.NewPos(x, (size.Height-need.Height)/2))
		x += need.Width + chipGap
	}
	r.cross.Resize(fyne.NewSquareSize(chipIcon))
	r.cross.Move(fyne.NewPos(end+(chipCross-chipIcon)/2-2, (size.Height-chipIcon)/2))
}

// Refresh draws the token anew.
func (r *chipRenderer) Refresh() {
	r.paint()
	r.Layout(r.chip.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
}

func textWidth(t *canvas.Text) float32 {
	return fyne.MeasureText(t.Text, t.TextSize, t.TextStyle).Width
}

// shorten cuts a text, with dots, to a width.
func shorten(t *canvas.Text, width float32) {
	if textWidth(t) <= width+0.5 {
		return
	}
	runes := []rune(t.Text)
	for n := len(runes) - 1; n > 0; n-- {
		t.Text = string(runes[:n]) + "…"
		if textWidth(t) <= width {
			return
		}
	}
}

// blockIcon returns the sign of what lets nobody in.
func blockIcon() fyne.Resource {
	return fyne.NewStaticResource("block.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">`+
		`<path fill="#000000" d="M12 2C6.480 2 2 6.480 2 12s4.480 10 10 10 10-4.480 10-10S17.520 2 12 2zM4 12c0-4.420 3.580-8 8-8 1.850 0 3.550.630 4.900 1.690L5.690 16.900C4.630 15.550 4 13.850 4 12z`+
		`m8 8c-1.850 0-3.550-.630-4.900-1.690L18.310 7.100C19.370 8.450 20 10.150 20 12c0 4.420-3.580 8-8 8z"/></svg>`))
}
