package gui

import (
	"image/color"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// chipField is a field whose entries are chips, with a place to type more of them at its end.
type chipField struct {
	panel
	tokens  []*token
	at      int // the chip the keys are at, -1 for none
	off     bool
	entry   *chipEntry
	changed func()            // the chips are others, or what is typed is
	double  func(name string) // what was typed is there already
	grown   func()            // it needs more room, or less
	entered func()            // Enter was pressed with nothing typed; nil for nothing
	height  float32           // how much it needed before
	chips   map[*token]*chip  // of tokens
	flow    *fyne.Container   // the chips and the place to type
	scroll  *container.Scroll // around flow when there are many
	holder  *fyne.Container   // the one or the other
	typing  fyne.CanvasObject // the entry as it stands in flow
	layout  *flowLayout
}

// Past so many rows of chips the field has a scroll bar of its own.
const (
	chipRows       = 8
	chipTypingSize = 190 // how wide the place to type is at least
)

func newChipField(changed func(), double func(name string), grown func()) *chipField {
	f := &chipField{at: -1, changed: changed, double: double, grown: grown, chips: map[*token]*chip{}}
	f.entry = newChipEntry(f)
	f.typing = container.NewThemeOverride(f.entry, bareTheme{})
	f.layout = &flowLayout{last: chipTypingSize}
	f.flow = container.New(f.layout, f.typing)
	f.scroll = container.NewVScroll(f.flow)
	f.scroll.SetMinSize(fyne.NewSize(0, chipRows*(chipHeight+chipGap)))
	f.holder = container.NewStack(f.flow)
	f.fill, f.line, f.radius, f.inset, f.body = theme.ColorNameInputBackground, theme.ColorNameInputBorder, 6, 5, f.holder
	f.ExtendBaseWidget(f)
	return f
}

// set shows other tokens and forgets what is typed.
func (f *chipField) set(tokens []*token) {
	f.tokens, f.at = tokens, -1
	f.chips = map[*token]*chip{}
	f.entry.quietly("")
	f.show()
}

// show makes the chips anew where the tokens are others.
func (f *chipField) show() {
	f.flow.Objects = f.flow.Objects[:0]
	for i, t := range f.tokens {
		c := f.chips[t]
		if c == nil {
			c = newChip(t, func() { f.tap(t) }, func() { f.remove(t) })
			f.chips[t] = c
		}
		if c.chosen != (i == f.at) {
			c.chosen = i == f.at
			c.Refresh()
		}
		f.flow.Objects = append(f.flow.Objects, c)
	}
	f.flow.Objects = append(f.flow.Objects, f.typing)
	f.flow.Refresh()
	f.hold()
}

// hold puts the chips into a scroll when there are many.
func (f *chipField) hold() {
	want := fyne.CanvasObject(f.flow)
	if f.flow.MinSize().Height > (chipRows+1)*(chipHeight+chipGap) {
		want = f.scroll
	}
	if f.holder.Objects[0] != want {
		f.holder.Objects[0] = want
		f.holder.Refresh()
	}
	if height := f.MinSize().Height; height != f.height {
		f.height = height
		f.grown()
	}
}

// refresh draws what is known of the tokens now.
func (f *chipField) refresh() {
	for _, c := range f.chips {
		c.Refresh()
	}
	f.flow.Refresh()
	f.hold()
}

// commit makes chips of what is typed. What is there already is told, and not lost: it stays as it is there.
func (f *chipField) commit() {
	text := f.entry.Text
	f.entry.quietly("")
	f.add(text)
}

func (f *chipField) add(text string) {
	words := strings.FieldsFunc(text, isListSeparator)
	if len(words) == 0 {
		return
	}
	have := map[string]bool{}
	for _, t := range f.tokens {
		have[t.key] = true
	}
	var double []string
	for _, word := range words {
		t := newToken(word)
		if have[t.key] {
			double = append(double, t.display)
			continue
		}
		have[t.key] = true
		f.tokens = append(f.tokens, t)
	}
	f.at = -1
	f.show()
	f.scroll.ScrollToBottom()
	f.changed()
	if len(double) > 0 {
		f.double(strings.Join(double, ", "))
	}
}

// isListSeparator tells what parts entries, as the service does.
func isListSeparator(r rune) bool { return strings.ContainsRune(",; \t\r\n", r) }

func (f *chipField) remove(t *token) {
	if f.off {
		return
	}
	i := slices.Index(f.tokens, t)
	if i < 0 {
		return
	}
	f.tokens = slices.Delete(f.tokens, i, i+1)
	delete(f.chips, t)
	if f.at >= i {
		f.at = min(f.at, len(f.tokens)) - 1
	}
	f.show()
	f.changed()
}

// tap chooses a chip; once more, it is typed again.
func (f *chipField) tap(t *token) {
	i := slices.Index(f.tokens, t)
	if f.at == i {
		f.edit()
	} else {
		f.choose(i)
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(f.entry); c != nil {
		c.Focus(f.entry)
	}
}

// choose places the keys at a chip, -1 for none.
func (f *chipField) choose(i int) {
	f.at = i
	f.show()
	if i >= 0 && i < len(f.tokens) {
		f.reveal(f.chips[f.tokens[i]])
	}
}

// reveal scrolls to a chip.
func (f *chipField) reveal(c *chip) {
	if f.holder.Objects[0] != f.scroll {
		return
	}
	top, height := c.Position().Y, f.scroll.Size().Height
	f.scroll.ScrollToOffset(fyne.NewPos(0, max(min(f.scroll.Offset.Y, top), top+chipHeight-height)))
}

// edit makes the chosen chip text that is typed.
func (f *chipField) edit() {
	if f.off || f.at < 0 || f.at >= len(f.tokens) {
		return
	}
	t := f.tokens[f.at]
	f.at = -1
	f.commit()
	f.remove(t)
	f.entry.quietly(t.typed)
	f.changed()
}

// text returns the whole field as typed.
func (f *chipField) text() string {
	words := make([]string, 0, len(f.tokens)+1)
	for _, t := range f.tokens {
		words = append(words, t.typed)
	}
	if f.entry.Text != "" {
		words = append(words, f.entry.Text)
	}
	return strings.Join(words, "\n")
}

// disable keeps the field as it is while it is saved.
func (f *chipField) disable(off bool) {
	f.off = off
	if off {
		f.entry.Disable()
	} else {
		f.entry.Enable()
	}
}

// chipEntry is where a chipField is typed into.
type chipEntry struct {
	widget.Entry
	field *chipField
	quiet bool
}

func newChipEntry(f *chipField) *chipEntry {
	e := &chipEntry{field: f}
	e.PlaceHolder = tr("companies.entries.add")
	e.OnChanged = func(text string) {
		switch {
		case e.quiet:
		case strings.ContainsFunc(text, isListSeparator): // pasted
			f.commit()
		default:
			f.at = -1
			f.changed()
		}
	}
	e.ExtendBaseWidget(e)
	return e
}

// quietly sets the text without telling it.
func (e *chipEntry) quietly(text string) {
	e.quiet = true
	e.SetText(text)
	e.CursorColumn = len([]rune(text))
	e.quiet = false
}

// TypedRune makes a chip at what parts entries.
func (e *chipEntry) TypedRune(r rune) {
	if e.Disabled() {
		return
	}
	if isListSeparator(r) {
		e.field.commit()
		return
	}
	if e.field.at >= 0 {
		e.field.choose(-1)
	}
	e.Entry.TypedRune(r)
}

// TypedKey makes a chip at Enter; in the empty field the arrows walk through the chips, Backspace and Delete take one away
// and Enter types it again.
func (e *chipEntry) TypedKey(k *fyne.KeyEvent) {
	if e.Disabled() {
		return
	}
	f := e.field
	enter := k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter
	switch {
	case enter && f.at >= 0:
		f.edit()
	case enter && e.Text == "" && f.entered != nil:
		f.entered()
	case enter:
		f.commit()
	case k.Name == fyne.KeyEscape && f.at >= 0:
		f.choose(-1)
	case k.Name == fyne.KeyEscape && e.Text != "":
		e.SetText("")
	case e.Text == "" && e.walk(k.Name):
	default:
		e.Entry.TypedKey(k)
	}
}

// walk does what a key does in the empty field.
func (e *chipEntry) walk(key fyne.KeyName) bool {
	f := e.field
	last := len(f.tokens) - 1
	switch {
	case key == fyne.KeyLeft && f.at < 0:
		f.choose(last)
	case key == fyne.KeyLeft:
		f.choose(max(f.at-1, 0))
	case key == fyne.KeyRight && f.at >= last, key == fyne.KeyEnd:
		f.choose(-1)
	case key == fyne.KeyRight && f.at >= 0:
		f.choose(f.at + 1)
	case key == fyne.KeyHome && last >= 0:
		f.choose(0)
	case (key == fyne.KeyBackspace || key == fyne.KeyDelete) && f.at >= 0:
		f.remove(f.tokens[f.at])
	case key == fyne.KeyBackspace && last >= 0:
		f.remove(f.tokens[last])
	default:
		return false
	}
	return true
}

// FocusGained shows where the keys go.
func (e *chipEntry) FocusGained() {
	e.field.line = theme.ColorNamePrimary
	e.field.Refresh()
	if e.field.at < 0 {
		e.field.scroll.ScrollToBottom()
	}
	e.Entry.FocusGained()
}

// FocusLost shows that they go elsewhere.
func (e *chipEntry) FocusLost() {
	e.field.line = theme.ColorNameInputBorder
	e.field.Refresh()
	if e.field.at >= 0 {
		e.field.choose(-1)
	}
	e.Entry.FocusLost()
}

// bareTheme draws an entry without its own ground and border: what it stands in has both.
type bareTheme struct{}

// Color returns the colour of the theme in use, or none.
func (bareTheme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	switch name {
	case theme.ColorNameInputBackground, theme.ColorNameInputBorder:
		return color.Transparent
	default:
		return fyne.CurrentApp().Settings().Theme().Color(name, variant)
	}
}

// Size returns the size of the theme in use; the entry is as low as the chips.
func (bareTheme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameInnerPadding:
		return 2
	case theme.SizeNameInputBorder:
		return 0
	}
	return fyne.CurrentApp().Settings().Theme().Size(name)
}

// Font returns that of the theme in use.
func (bareTheme) Font(style fyne.TextStyle) fyne.Resource {
	return fyne.CurrentApp().Settings().Theme().Font(style)
}

// Icon returns that of the theme in use.
func (bareTheme) Icon(name fyne.ThemeIconName) fyne.Resource {
	return fyne.CurrentApp().Settings().Theme().Icon(name)
}
