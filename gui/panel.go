package gui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// panel is content on a coloured ground with round corners. Its colours follow the theme, which a plain rectangle's do not.
type panel struct {
	widget.BaseWidget
	fill   fyne.ThemeColorName
	line   fyne.ThemeColorName // "" for none
	radius float32
	inset  float32
	hugs   bool // it stays as small as its content, in the middle of what room it gets
	body   fyne.CanvasObject
	ground *canvas.Rectangle
}

func newPanel(fill, line fyne.ThemeColorName, radius, inset float32, body fyne.CanvasObject) *panel {
	p := &panel{fill: fill, line: line, radius: radius, inset: inset, body: body}
	p.ExtendBaseWidget(p)
	return p
}

// What embeds a panel does so by value and extends the base widget itself: a widget has one renderer, and it is that of the
// outermost.

// setFill changes the colour of the ground.
func (p *panel) setFill(fill fyne.ThemeColorName) {
	p.fill = fill
	p.Refresh()
}

// CreateRenderer returns what draws the panel.
func (p *panel) CreateRenderer() fyne.WidgetRenderer {
	p.ground = canvas.NewRectangle(color.Transparent)
	p.ground.CornerRadius = p.radius
	inner := container.New(layout.NewCustomPaddedLayout(p.inset, p.inset, p.inset, p.inset), p.body)
	all := container.NewStack(p.ground, inner)
	if p.hugs {
		all = container.NewCenter(all)
	}
	r := &panelRenderer{WidgetRenderer: widget.NewSimpleRenderer(all), p: p}
	r.paint()
	return r
}

type panelRenderer struct {
	fyne.WidgetRenderer
	p *panel
}

func (r *panelRenderer) paint() {
	r.p.ground.FillColor = themeColor(r.p.fill)
	r.p.ground.StrokeWidth = 0
	if r.p.line != "" {
		r.p.ground.StrokeColor, r.p.ground.StrokeWidth = themeColor(r.p.line), 1
	}
}

func (r *panelRenderer) Refresh() {
	r.paint()
	r.Layout(r.p.Size())
	r.p.ground.Refresh()
	r.WidgetRenderer.Refresh()
}

// themeColor returns a colour of the theme that is in use.
func themeColor(name fyne.ThemeColorName) color.Color {
	settings := fyne.CurrentApp().Settings()
	return settings.Theme().Color(name, settings.ThemeVariant())
}

// newCard returns a card: a heading, "" for none, and what stands below it.
func newCard(heading string, body fyne.CanvasObject) *panel {
	if heading != "" {
		body = newBorder(newHeading(heading), nil, nil, nil, body)
	}
	return newPanel(colorSurface, colorLine, 10, 10, body)
}

// newTitle returns the title of a page.
func newTitle(text string) *widget.Label {
	l := widget.NewLabelWithStyle(text, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	l.SizeName = theme.SizeNameHeadingText
	return l
}

// newHeading returns the heading of a card or a group.
func newHeading(text string) *widget.Label {
	return widget.NewLabelWithStyle(text, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
}

// newHint returns a small text of second rank, which wraps.
func newHint(text string) *widget.Label {
	l := widget.NewLabel(text)
	l.SizeName = theme.SizeNameCaptionText
	l.Importance = widget.LowImportance
	l.Wrapping = fyne.TextWrapWord
	return l
}

// newSmall is newHint in one line.
func newSmall(text string) *widget.Label {
	l := newHint(text)
	l.Wrapping = fyne.TextWrapOff
	return l
}

// newBorder is container.NewBorder in reading order, which the tab key follows: that one has what is in the middle first.
func newBorder(top, bottom, left, right fyne.CanvasObject, middle ...fyne.CanvasObject) *fyne.Container {
	c := container.New(layout.NewBorderLayout(top, bottom, left, right))
	for _, o := range append(append([]fyne.CanvasObject{top, left}, middle...), right, bottom) {
		if o != nil {
			c.Add(o)
		}
	}
	return c
}

// newText returns a text that wraps.
func newText(text string) *widget.Label {
	l := widget.NewLabel(text)
	l.Wrapping = fyne.TextWrapWord
	return l
}

// newButton returns a button with an icon, or without one where it is nil.
func newButton(text string, icon fyne.Resource, tapped func()) *widget.Button {
	return widget.NewButtonWithIcon(text, icon, tapped)
}

// newMainButton returns the button of what one has come for.
func newMainButton(text string, icon fyne.Resource, tapped func()) *widget.Button {
	b := widget.NewButtonWithIcon(text, icon, tapped)
	b.Importance = widget.HighImportance
	return b
}

// newDangerButton returns the button of what cannot be undone.
func newDangerButton(text string, icon fyne.Resource, tapped func()) *widget.Button {
	b := widget.NewButtonWithIcon(text, icon, tapped)
	b.Importance = widget.DangerImportance
	return b
}

// level says how good or bad something is. It is shown by icon, word and colour, never by colour alone.
type level int

const (
	levelPlain level = iota
	levelOK
	levelInfo
	levelWarning
	levelError
)

// icon returns the icon of a level, nil for levelPlain.
func (l level) icon() fyne.Resource {
	switch l {
	case levelOK:
		return theme.NewSuccessThemedResource(theme.ConfirmIcon())
	case levelInfo:
		return theme.NewPrimaryThemedResource(theme.InfoIcon())
	case levelWarning:
		return theme.NewWarningThemedResource(theme.WarningIcon())
	case levelError:
		return theme.NewErrorThemedResource(theme.ErrorIcon())
	default:
		return nil
	}
}

// importance returns the colour of a level's words.
func (l level) importance() widget.Importance {
	switch l {
	case levelOK:
		return widget.SuccessImportance
	case levelWarning:
		return widget.WarningImportance
	case levelError:
		return widget.DangerImportance
	default:
		return widget.MediumImportance
	}
}

// tint returns the ground of a level.
func (l level) tint() fyne.ThemeColorName {
	switch l {
	case levelOK:
		return colorOKTint
	case levelWarning:
		return colorWarnTint
	case levelError:
		return colorErrorTint
	default:
		return colorTint
	}
}

// pill is a state in a word, with the icon and the colour of its level.
type pill struct {
	panel
	icon  *widget.Icon
	place *fyne.Container // of the icon
	label *widget.Label
}

func newPill(text string, l level) *pill {
	p := &pill{icon: widget.NewIcon(nil), label: widget.NewLabel("")}
	p.label.SizeName = theme.SizeNameCaptionText
	p.label.TextStyle.Bold = true
	p.place = container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(16), p.icon))
	p.radius = canvas.RadiusMaximum
	p.body = container.New(layout.NewCustomPaddedLayout(-2, -2, 6, 4),
		container.New(layout.NewCustomPaddedHBoxLayout(-4), p.place, p.label))
	p.hugs = true
	p.ExtendBaseWidget(p)
	p.set(text, l)
	return p
}

// set shows another state.
func (p *pill) set(text string, l level) {
	p.label.Importance = l.importance()
	p.label.SetText(text)
	if icon := l.icon(); icon != nil {
		p.icon.SetResource(icon)
		p.place.Show()
	} else {
		p.place.Hide()
	}
	p.setFill(l.tint())
}

// bar is a message of a view in its colour, with a button where there is something to do about it. It is hidden while it has
// nothing to say.
type bar struct {
	panel
	icon   *widget.Icon
	label  *widget.Label
	action *widget.Button
	close  *widget.Button
}

func newBar() *bar {
	b := &bar{icon: widget.NewIcon(nil), label: newText(""), action: widget.NewButton("", nil)}
	b.label.Selectable = true
	b.close = widget.NewButtonWithIcon("", theme.CancelIcon(), func() { b.clear() })
	b.close.Importance = widget.LowImportance
	b.radius, b.inset = 8, 4
	b.body = newBorder(nil, nil, b.icon, container.NewHBox(b.action, b.close), b.label)
	b.ExtendBaseWidget(b)
	b.Hide()
	return b
}

// clear hides the message.
func (b *bar) clear() { b.Hide() }

// say shows a message.
func (b *bar) say(l level, text string) { b.offer(l, text, "", nil) }

// offer shows a message with a button that does something about it.
func (b *bar) offer(l level, text, action string, do func()) {
	b.label.SetText(text)
	b.icon.SetResource(l.icon())
	b.setFill(l.tint())
	b.action.SetText(action)
	b.action.OnTapped = do
	if do == nil {
		b.action.Hide()
	} else {
		b.action.Show()
	}
	if b.Visible() {
		return
	}
	b.Show()
	// Fyne makes room for what has grown since the last frame: not for a bar that was cleared and says something again in one.
	for _, w := range fyne.CurrentApp().Driver().AllWindows() {
		if content := w.Content(); content != nil {
			content.Refresh()
		}
	}
}

// newEmpty returns what a list shows that has nothing: why, and what to do about it; action "" offers nothing.
func newEmpty(icon fyne.Resource, heading, text, action string, do func()) fyne.CanvasObject {
	picture := widget.NewIcon(theme.NewDisabledResource(icon))
	head := newHeading(heading)
	head.Alignment = fyne.TextAlignCenter
	hint := newHint(text)
	hint.Alignment = fyne.TextAlignCenter
	hint.SizeName = theme.SizeNameText
	box := container.NewVBox(container.NewCenter(container.NewGridWrap(fyne.NewSquareSize(48), picture)), head, hint)
	if action != "" {
		box.Add(container.NewCenter(newMainButton(action, nil, do)))
	}
	return container.NewCenter(container.NewGridWrap(fyne.NewSize(420, box.MinSize().Height+20), box))
}

// enable enables or disables a button.
func enable(b *widget.Button, on bool) {
	if on {
		b.Enable()
	} else {
		b.Disable()
	}
}

// visible shows or hides an object.
func visible(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}
