package gui

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Bounds of what is read of a message: it may come from a program of the office's, and that may have it from anywhere.
const (
	mailMaxDepth = 8        // parts within parts
	mailMaxParts = 100      // parts in all
	mailMaxText  = 64 << 10 // bytes of a text that are shown
)

// mailContent is what a message has to show.
type mailContent struct {
	plain string     // the text part; "" for none
	html  string     // the HTML part; "" for none
	files []mailFile // what is attached
	cut   bool       // a part is longer than what is shown of it
	bad   bool       // it cannot be read as a mail: only its source can be shown
}

// mailFile is a part of a message that is no text to show.
type mailFile struct {
	name, kind string
	size       int64 // bytes
}

// parseMail returns what a message has to show. Whatever the message is, it returns.
func parseMail(data string) mailContent {
	message, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		return mailContent{bad: true}
	}
	r := &mailReader{}
	r.part(mailHeader{
		kind:        message.Header.Get("Content-Type"),
		encoding:    message.Header.Get("Content-Transfer-Encoding"),
		disposition: message.Header.Get("Content-Disposition"),
	}, message.Body, 0)
	return r.content
}

// mailHeader is the fields of a part by which it is read.
type mailHeader struct{ kind, encoding, disposition string }

type mailReader struct {
	content mailContent
	parts   int
}

// part reads one part, and those within it.
func (r *mailReader) part(h mailHeader, body io.Reader, depth int) {
	if r.parts++; r.parts > mailMaxParts || depth > mailMaxDepth {
		r.content.cut = true
		return
	}
	kind, parameters, err := mime.ParseMediaType(h.kind)
	if err != nil {
		kind, parameters = "text/plain", nil // RFC 2045, 5.2
	}
	if strings.HasPrefix(kind, "multipart/") && parameters["boundary"] != "" {
		r.parted(multipart.NewReader(body, parameters["boundary"]), depth)
		return
	}
	text, size := readPart(h.encoding, body)
	disposition, names, _ := mime.ParseMediaType(h.disposition)
	name := names["filename"]
	if name == "" {
		name = parameters["name"]
	}
	switch shown := mailText(text, parameters["charset"]); {
	case disposition == "attachment" || !strings.HasPrefix(kind, "text/"):
		r.content.files = append(r.content.files, mailFile{name: strings.Join(strings.Fields(mailText([]byte(name), "")), " "), kind: kind, size: size})
		return
	case kind == "text/html":
		r.content.html = joinParts(r.content.html, shown)
	default:
		r.content.plain = joinParts(r.content.plain, shown)
	}
	r.content.cut = r.content.cut || size > mailMaxText
}

func (r *mailReader) parted(parts *multipart.Reader, depth int) {
	for r.parts <= mailMaxParts {
		p, err := parts.NextRawPart()
		if err != nil {
			return
		}
		r.part(mailHeader{
			kind:        p.Header.Get("Content-Type"),
			encoding:    p.Header.Get("Content-Transfer-Encoding"),
			disposition: p.Header.Get("Content-Disposition"),
		}, p, depth+1)
	}
}

// joinParts appends a text to those of the same kind before it, as far as there is room.
func joinParts(before, text string) string {
	if before == "" {
		return text
	}
	if len(before)+len(text) > mailMaxText {
		return before
	}
	return before + "\n\n" + text
}

// readPart decodes a part and returns as much of it as is shown, and how long it is. What cannot be decoded ends it.
func readPart(encoding string, body io.Reader) (data []byte, size int64) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	data, _ = io.ReadAll(io.LimitReader(body, mailMaxText))
	rest, _ := io.Copy(io.Discard, body)
	return data, int64(len(data)) + rest
}

// mailCharset returns how a text that is not UTF-8 is read, nil for one that is: the sets that programs of European offices write.
func mailCharset(name string) *charmap.Charmap {
	switch strings.ToLower(name) {
	case "iso-8859-2", "latin2":
		return charmap.ISO8859_2
	case "iso-8859-15":
		return charmap.ISO8859_15
	case "windows-1250", "cp1250":
		return charmap.Windows1250
	case "windows-1251", "cp1251":
		return charmap.Windows1251
	case "iso-8859-1", "latin1", "windows-1252", "cp1252":
		return charmap.Windows1252
	default:
		return nil
	}
}

// mailText returns data as text that can be drawn: of its character set, with "\n" at the ends of its lines and without
// what steers a terminal or the direction of writing.
func mailText(data []byte, charset string) string {
	text := string(data)
	if m := mailCharset(charset); m != nil {
		if decoded, err := m.NewDecoder().String(text); err == nil {
			text = decoded
		}
	}
	text = strings.ReplaceAll(strings.ToValidUTF8(text, string(utf8.RuneError)), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		default:
			return r
		}
	}, text)
}
