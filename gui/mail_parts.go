package gui

import (
	"net/url"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// mailParts shows a message as it is sent: its text, its HTML as something to read, and its source. Nothing of it is run or
// loaded.
type mailParts struct {
	desk    *desk
	data    string
	read    bool // content is that of data
	mail    mailContent
	shown   [4]bool // by tab: it shows data
	plain   *widget.Label
	rich    *fyne.Container
	grid    *mailSource
	text    fyne.CanvasObject
	html    fyne.CanvasObject
	source  fyne.CanvasObject
	notes   [4]*widget.Label
	scrolls [4]*container.Scroll
}

// The tabs of a message. The first says what became of it.
const (
	mailPartText = iota + 1
	mailPartHTML
	mailPartSource
)

func newMailParts(d *desk) *mailParts {
	p := &mailParts{desk: d, plain: newText(""), rich: container.NewVBox(), grid: newMailSource()}
	p.plain.Selectable = true
	p.text = p.frame(mailPartText, p.scroll(mailPartText, p.plain), func() string { return p.mail.plain })
	p.html = p.frame(mailPartHTML, p.scroll(mailPartHTML, p.rich), nil)
	p.source = p.frame(mailPartSource, p.grid, func() string { return p.data })
	return p
}

func (p *mailParts) scroll(tab int, o fyne.CanvasObject) fyne.CanvasObject {
	p.scrolls[tab] = mailScroll(o)
	return p.scrolls[tab]
}

// frame puts above a part what there is to say of it, and a button that copies it.
func (p *mailParts) frame(tab int, body fyne.CanvasObject, text func() string) fyne.CanvasObject {
	p.notes[tab] = newHint("")
	var button fyne.CanvasObject
	if text != nil {
		b := newButton(tr("mail.copy"), theme.ContentCopyIcon(), func() { p.copy(text()) })
		b.Importance = widget.LowImportance
		button = b
	}
	return newBorder(newBorder(nil, nil, nil, button, p.notes[tab]), nil, nil, nil, body)
}

func (p *mailParts) copy(text string) {
	fyne.CurrentApp().Clipboard().SetContent(text)
	p.desk.tell(tr("copied"))
}

// show shows a part of a message, unless that is what it shows.
func (p *mailParts) show(data string, tab int) {
	if data != p.data {
		p.data, p.read, p.shown = data, false, [4]bool{}
	}
	if tab == 0 || p.shown[tab] {
		return
	}
	p.shown[tab] = true
	if !p.read {
		p.mail, p.read = parseMail(data), true
	}
	p.notes[tab].SetText(p.note(tab))
	switch tab {
	case mailPartText:
		p.plain.SetText(strings.TrimSpace(p.mail.plain))
	case mailPartHTML:
		p.showHTML()
	case mailPartSource:
		p.grid.setText(data)
	}
	if s := p.scrolls[tab]; s != nil {
		s.ScrollToTop()
	}
}

// note says what is not shown of a part.
func (p *mailParts) note(tab int) string {
	var notes []string
	switch {
	case tab == mailPartSource && len(p.data) > mailMaxSource:
		return tr("mail.source_cut")
	case tab == mailPartSource:
		return ""
	case p.mail.bad:
		return tr("mail.unreadable")
	case tab == mailPartText && p.mail.plain == "":
		notes = append(notes, tr("mail.no_text"))
	case tab == mailPartHTML && p.mail.html == "":
		notes = append(notes, tr("mail.no_html"))
	case tab == mailPartHTML:
		notes = append(notes, tr("mail.html_note"))
	}
	if p.mail.cut {
		notes = append(notes, tr("mail.part_cut"))
	}
	for _, f := range p.mail.files {
		name := f.name
		if name == "" {
			name = f.kind
		}
		notes = append(notes, tr("mail.attached", args{"Name": name, "KB": number(int((f.size + 1023) / 1024))}))
	}
	return strings.Join(notes, " ")
}

// showHTML shows the readable content of the HTML part, and its links below.
func (p *mailParts) showHTML() {
	blocks, links := parseHTML(p.mail.html)
	p.rich.RemoveAll()
	for _, b := range blocks {
		p.rich.Add(newMailBlock(b))
	}
	if len(links) > 0 {
		p.rich.Add(widget.NewSeparator())
		p.rich.Add(newHeading(tr("mail.links")))
	}
	for i, l := range links {
		p.rich.Add(p.newLink(i+1, l))
	}
}

// newMailBlock returns a paragraph.
func newMailBlock(b mailBlock) fyne.CanvasObject {
	if b.rule {
		return widget.NewSeparator()
	}
	text := b.text
	if b.bullet {
		text = "•  " + text
	}
	l := newText(text)
	l.Selectable = true
	if b.heading {
		l.SizeName = theme.SizeNameSubHeadingText
		l.TextStyle.Bold = true
	}
	return l
}

// newLink returns a link as text: what it says, where it leads, and buttons that copy and open it.
func (p *mailParts) newLink(n int, l mailLink) fyne.CanvasObject {
	address := widget.NewLabel(l.address)
	address.Selectable = true
	address.Truncation = fyne.TextTruncateEllipsis
	text := newHeading(tr("mail.link", args{"Number": n, "Text": l.text}))
	text.Truncation = fyne.TextTruncateEllipsis
	copied := newButton("", theme.ContentCopyIcon(), func() { p.copy(l.address) })
	open := newButton(tr("mail.open"), nil, func() {
		if u, err := url.Parse(l.address); err == nil && mayOpen(l.address) {
			_ = fyne.CurrentApp().OpenURL(u)
		}
	})
	return newBorder(nil, nil, newFixed(170, text), container.NewHBox(copied, open), address)
}

// mailMaxSource is how much of a message's source is shown, in bytes.
const mailMaxSource = 256 << 10

// mailSource shows a source with letters of one width, its lines broken where the window ends.
type mailSource struct {
	widget.BaseWidget
	grid    *widget.TextGrid
	lines   []string
	columns int
}

func newMailSource() *mailSource {
	s := &mailSource{grid: widget.NewTextGrid()}
	s.grid.Scroll = fyne.ScrollVerticalOnly
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer returns what draws the source.
func (s *mailSource) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.New(layout.NewStackLayout(), s.grid))
}

// Resize breaks the lines anew when there is room for more or fewer letters.
func (s *mailSource) Resize(size fyne.Size) {
	s.BaseWidget.Resize(size)
	letter := fyne.MeasureText("M", theme.TextSize(), fyne.TextStyle{Monospace: true})
	columns := max(int((size.Width-theme.ScrollBarSize())/letter.Width), 20)
	if columns != s.columns {
		s.columns = columns
		s.fill()
	}
}

func (s *mailSource) setText(text string) {
	if len(text) > mailMaxSource {
		text = text[:mailMaxSource]
	}
	s.lines = strings.Split(mailText([]byte(text), ""), "\n")
	s.fill()
}

func (s *mailSource) fill() {
	if s.columns > 0 {
		s.grid.SetText(strings.Join(breakSource(s.lines, s.columns), "\n"))
	}
}

// breakSource breaks lines that are longer than so many letters.
func breakSource(lines []string, columns int) []string {
	out := make([]string, 0, len(lines))
	for _, line := range lines {
		letters := []rune(strings.ReplaceAll(line, "\t", "    "))
		for len(letters) > columns {
			out = append(out, string(letters[:columns]))
			letters = letters[columns:]
		}
		out = append(out, string(letters))
	}
	return out
}
