package gui

import (
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// mailBlock is a paragraph of an HTML part as it is shown: text of one rank. Nothing of the mail is run and nothing loaded.
type mailBlock struct {
	text    string
	heading bool
	bullet  bool
	rule    bool // a line across, without text
}

// mailLink is a link of a mail: what it says and where it leads.
type mailLink struct{ text, address string }

// Bounds of what is shown of an HTML part.
const (
	mailMaxBlocks = 200
	mailMaxLinks  = 50
)

// parseHTML returns the readable content of an HTML part: headings, paragraphs, lists, rows of tables, and the links with
// their numbers in the text. It reads tokens, not a tree, so that no nesting can exhaust it.
func parseHTML(source string) ([]mailBlock, []mailLink) {
	p := &htmlReader{}
	tokens := html.NewTokenizer(strings.NewReader(source))
	tokens.SetMaxBuf(mailMaxText + 1)
	for len(p.blocks) < mailMaxBlocks {
		switch tokens.Next() {
		case html.ErrorToken:
			p.end()
			return p.blocks, p.links
		case html.TextToken:
			if p.hidden == 0 {
				p.write(string(tokens.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			p.open(tokens.Token())
		case html.EndTagToken:
			name, _ := tokens.TagName()
			p.close(atom.Lookup(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
	return p.blocks, p.links
}

type htmlReader struct {
	blocks  []mailBlock
	links   []mailLink
	text    strings.Builder
	kind    mailBlock // of the paragraph under way, without its text
	hidden  int       // how many elements deep in what is not shown
	hiding  atom.Atom // the element that began that
	address string    // of the link under way
	from    int       // where its text began
}

// open reads the beginning of an element.
func (p *htmlReader) open(t html.Token) {
	switch {
	case p.hidden > 0:
		if t.DataAtom == p.hiding && t.Type == html.StartTagToken {
			p.hidden++
		}
		return
	case isHidden(t):
		p.hidden, p.hiding = 1, t.DataAtom
		return
	}
	switch t.DataAtom {
	case atom.A:
		p.closeLink()
		p.address, p.from = attribute(t, "href"), p.text.Len()
	case atom.Br:
		p.text.WriteByte('\n')
	case atom.Hr:
		p.end()
		p.blocks = append(p.blocks, mailBlock{rule: true})
	case atom.Img:
		p.write(" " + attribute(t, "alt") + " ")
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		p.end()
		p.kind.heading = true
	case atom.Li:
		p.end()
		p.kind.bullet = true
	case atom.Td, atom.Th:
		p.cell()
	default:
		if isBlock(t.DataAtom) {
			p.end()
		}
	}
}

// close reads the end of an element.
func (p *htmlReader) close(name atom.Atom) {
	switch {
	case p.hidden > 0:
		if name == p.hiding {
			p.hidden--
		}
	case name == atom.A:
		p.closeLink()
	case isBlock(name):
		p.end()
	}
}

// isHidden reports whether an element is not for reading, as a style or the line that lists of mails show.
func isHidden(t html.Token) bool {
	switch t.DataAtom {
	case atom.Style, atom.Script, atom.Title, atom.Head, atom.Noscript, atom.Template, atom.Object, atom.Iframe:
		return t.Type == html.StartTagToken
	default:
	}
	style := strings.ReplaceAll(strings.ToLower(attribute(t, "style")), " ", "")
	return strings.Contains(style, "display:none") && t.Type == html.StartTagToken && !isVoid(t.DataAtom)
}

func isVoid(name atom.Atom) bool {
	return name == atom.Br || name == atom.Hr || name == atom.Img || name == atom.Input || name == atom.Meta || name == atom.Link
}

// isBlock reports whether an element stands on lines of its own.
func isBlock(name atom.Atom) bool {
	switch name {
	case atom.P, atom.Div, atom.Tr, atom.Table, atom.Ul, atom.Ol, atom.Li, atom.Blockquote, atom.Section, atom.Article,
		atom.Header, atom.Footer, atom.Pre, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Body, atom.Dl, atom.Dt, atom.Dd:
		return true
	default:
		return false
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// write appends text, its blanks drawn together as browsers do.
func (p *htmlReader) write(text string) {
	text = strings.NewReplacer("\u00a0", " ", "\u200b", "", "\u200c", "", "\ufeff", "").Replace(mailText([]byte(text), ""))
	for _, r := range text {
		if r == ' ' || r == '\n' || r == '\t' {
			if so := p.text.String(); so == "" || strings.HasSuffix(so, " ") || strings.HasSuffix(so, "\n") {
				continue
			}
			r = ' '
		}
		p.text.WriteRune(r)
	}
}

// cell parts the cells of a row.
func (p *htmlReader) cell() {
	if text := strings.TrimSpace(p.text.String()); text != "" {
		p.text.WriteString("   ")
	}
}

// closeLink ends a link: its number stands behind its text.
func (p *htmlReader) closeLink() {
	address := p.address
	p.address = ""
	if address == "" || len(p.links) >= mailMaxLinks || !mayOpen(address) {
		return
	}
	text := ""
	if all := p.text.String(); p.from <= len(all) {
		text = strings.TrimSpace(all[p.from:])
	}
	number := 0
	for i, l := range p.links {
		if l.address == address {
			number = i + 1
		}
	}
	if number == 0 {
		p.links = append(p.links, mailLink{text: text, address: address})
		number = len(p.links)
	}
	p.text.WriteString(" [" + strconv.Itoa(number) + "]")
}

// end ends a paragraph.
func (p *htmlReader) end() {
	text := strings.TrimSpace(p.text.String())
	if text != "" {
		block := p.kind
		block.text = text
		p.blocks = append(p.blocks, block)
	}
	p.text.Reset()
	p.kind, p.from = mailBlock{}, 0
}

// mayOpen reports whether an address is one that a browser or a mail program opens, not a program or a file, and leads where
// it seems to: not to what stands behind https://bank.example@, and not the other way round.
func mayOpen(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || mailText([]byte(address), "") != address {
		return false
	}
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" || u.Scheme == "mailto"
}
