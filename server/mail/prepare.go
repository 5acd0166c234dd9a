package mail

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"foyer/app"
)

// rules are what a program's mail has to keep to.
type rules struct {
	program app.Program
	line    int // bytes of a line without its end; 0 for no limit
	hops    int // Received fields; 0 for no limit
}

// trace is what the Received field says, and what a Message-ID is made of.
type trace struct {
	hello    string // how the client calls itself
	peer     netip.Addr
	host     string // how we call ourselves
	protocol string
	now      time.Time
	sender   app.Address
}

// prepared is a mail as it will be sent.
type prepared struct {
	data    []byte
	subject string // decoded
	id      string // with its angle brackets
}

// field is one field of a header, in the bytes of the mail.
type field struct {
	name       string // in lower case
	start, end int    // with its line end
	value      int    // where the value begins, behind the colon
}

func badMail(format string, args ...any) *smtp.SMTPError {
	return refuse(550, smtp.EnhancedCode{5, 6, 0}, "the mail is refused: "+format, args...)
}

// prepare checks a program's mail and makes of it what is sent (RFC 6409, 8): a Received field comes before it; Date and
// Message-ID are added when they are missing; Bcc is taken out, because its readers would tell each other (RFC 5322,
// 3.6.3), and so is Return-Path, which only the last machine writes (RFC 5321, 4.4). The rest stays byte by byte, but that
// an empty line is put behind a header that has none, and a line end behind the last line.
//
// raw has neither a CR or LF that stands alone nor a NUL.
func prepare(raw []byte, r rules, t trace) (prepared, *smtp.SMTPError) {
	if err := checkLines(raw, r.line); err != nil {
		return prepared{}, err
	}
	fields, body, err := splitHeader(raw)
	if err != nil {
		return prepared{}, err
	}
	if err := checkFields(raw, fields, r); err != nil {
		return prepared{}, err
	}
	m := prepared{id: messageIDOf(raw, fields)}
	out := make([]byte, 0, len(raw)+1024)
	out = t.appendReceived(out)
	if !has(fields, "date") {
		out = appendField(out, "Date", mailDate(t.now))
	}
	keepID := m.id != ""
	if !keepID {
		m.id = newMessageID(t.sender.String())
		out = appendField(out, "Message-ID", m.id)
	}
	for _, f := range fields {
		switch f.name {
		case "bcc", "resent-bcc", "return-path":
			continue
		case "message-id":
			if !keepID {
				continue
			}
		case "subject":
			m.subject = f.subject(raw)
		}
		out = append(out, raw[f.start:f.end]...)
		out = endLine(out)
	}
	out = append(out, "\r\n"...)
	m.data = append(out, raw[body:]...)
	if body < len(raw) {
		m.data = endLine(m.data)
	}
	return m, nil
}

// endLine appends a line end if there is none.
func endLine(b []byte) []byte {
	if bytes.HasSuffix(b, []byte("\r\n")) {
		return b
	}
	return append(b, "\r\n"...)
}

func checkLines(raw []byte, limit int) *smtp.SMTPError {
	if limit == 0 {
		return nil
	}
	for rest := raw; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		length := i - 1 // without CR LF
		if i < 0 {
			i, length = len(rest)-1, len(rest)
		}
		if length > limit {
			return refuse(550, smtp.EnhancedCode{5, 6, 0}, "the mail is refused: a line has %d bytes, and %d are the most (RFC 5322, 2.1.1); encode it as quoted-printable or base64", length, limit)
		}
		rest = rest[i+1:]
	}
	return nil
}

// maxHeader is how many bytes a header may have. Exim takes as many; a field can have three of them, and what is known of
// it takes 64.
const maxHeader = 1 << 20

// splitHeader returns the fields and where the body begins. The first line that is none ends the header, so that nobody
// behind us takes it for a part of one.
func splitHeader(raw []byte) (fields []field, body int, err *smtp.SMTPError) {
	for at := 0; at < len(raw); {
		next := len(raw)
		if i := bytes.IndexByte(raw[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		line := raw[at:next]
		switch {
		case at > maxHeader:
			return nil, 0, refuse(552, smtp.EnhancedCode{5, 3, 4}, "the mail's header has more than %d KiB", maxHeader>>10)
		case len(bytes.TrimRight(line, "\r\n")) == 0:
			return fields, next, nil
		case line[0] == ' ' || line[0] == '\t':
			if len(fields) == 0 {
				return nil, at, nil
			}
			fields[len(fields)-1].end = next
		default:
			name, blank, ok := fieldName(line)
			if !ok {
				return fields, at, nil
			}
			if blank {
				return nil, 0, badMail("the header field %s has a blank before its colon", name)
			}
			fields = append(fields, field{name: strings.ToLower(name), start: at, end: next, value: at + len(name) + 1})
		}
		if err := checkASCII(line, fields); err != nil {
			return nil, 0, err
		}
		at = next
	}
	return fields, len(raw), nil
}

// fieldName returns the name of a field (RFC 5322, 3.6.8), and whether there are blanks before its colon.
func fieldName(line []byte) (name string, blank, ok bool) {
	i := 0
	for i < len(line) && '!' <= line[i] && line[i] <= '~' && line[i] != ':' {
		i++
	}
	colon := i
	for colon < len(line) && (line[colon] == ' ' || line[colon] == '\t') {
		colon++
	}
	if i == 0 || colon == len(line) || line[colon] != ':' {
		return "", false, false
	}
	return string(line[:i]), colon > i, true
}

// checkASCII refuses other characters in a header: SMTPUTF8 (RFC 6531), which would allow them, is not offered, because the
// next machine may not know it.
func checkASCII(line []byte, fields []field) *smtp.SMTPError {
	if bytes.IndexFunc(line, func(r rune) bool { return r > '~' }) < 0 {
		return nil
	}
	return refuse(550, smtp.EnhancedCode{5, 6, 7}, "the mail is refused: the header field %s has characters other than ASCII; encode them as in =?utf-8?q?J=C3=A1n?= (RFC 2047)", fields[len(fields)-1].name)
}

// once are the fields that a mail has at most once (RFC 5322, 3.6): of two, each machine believes another.
var once = []string{"from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id"}

func checkFields(raw []byte, fields []field, r rules) *smtp.SMTPError {
	var seen [8]bool
	hops := 0
	for _, f := range fields {
		if f.name == "received" {
			hops++
		}
		i := slices.Index(once, f.name)
		if i < 0 {
			continue
		}
		if seen[i] {
			return badMail("it has the header field %s twice", f.name)
		}
		seen[i] = true
		if f.name == "from" || f.name == "sender" {
			if err := checkAuthor(f, raw, r.program); err != nil {
				return err
			}
		}
	}
	switch {
	case r.hops > 0 && hops > r.hops:
		return refuse(554, smtp.EnhancedCode{5, 4, 6}, "the mail has passed %d mail servers: it goes round in circles", hops)
	case !seen[0]:
		return badMail("it has no header field From")
	}
	return nil
}

// maxAuthors bounds what is parsed of addresses: the parser of the standard library takes time that grows with the square.
const maxAuthors = 8 << 10

// checkAuthor lets a program write in From and Sender only who it may be.
func checkAuthor(f field, raw []byte, p app.Program) *smtp.SMTPError {
	text := f.text(raw)
	if len(text) > maxAuthors {
		return badMail("the header field %s is too long", f.name)
	}
	// app.ParseAddress is the one parser of addresses; what is around them, names and comments, it does not know.
	parser := netmail.AddressParser{WordDecoder: wordDecoder()}
	list, err := parser.ParseList(text)
	if err != nil || len(list) == 0 {
		return badMail("the header field %s is not understood; write it as in From: Scanner <scanner@company.com>", f.name)
	}
	if f.name == "sender" && len(list) > 1 {
		return badMail("the header field sender has more than one address")
	}
	for _, a := range list {
		addr, err := app.ParseAddress(a.Address)
		if err != nil {
			return badMail("the header field %s: %s", f.name, app.MessageOf(err))
		}
		if !p.MaySend(addr) {
			return refuse(550, smtp.EnhancedCode{5, 7, 1}, "the header field %s: %s", f.name, app.MessageOf(p.NotSender(addr)))
		}
	}
	return nil
}

// text returns the value of a field on one line.
func (f field) text(raw []byte) string {
	value := raw[f.value:f.end]
	if bytes.IndexByte(value, '\n') < len(value)-1 {
		value = bytes.ReplaceAll(value, []byte("\r\n"), nil)
	}
	return strings.Trim(string(value), " \t\r\n")
}

// subject returns the value of the field as it is listed, on one short line: each recipient's message in the store has it.
func (f field) subject(raw []byte) string {
	text := f.text(raw)
	// Encoded words can be many times as long as what they say.
	return clean(decodeWords(text[:min(len(text), 16*replyBytes)]))
}

func has(fields []field, name string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.name == name })
}

// messageIDOf returns the Message-ID of a mail, or "" when it has none that could be one.
func messageIDOf(raw []byte, fields []field) string {
	for _, f := range fields {
		if f.name == "message-id" {
			if id := f.text(raw); messageID.MatchString(id) {
				return id
			}
		}
	}
	return ""
}

var messageID = regexp.MustCompile(`^<[!-;=?-~]{1,200}>$`)

// wordDecoder decodes encoded words (RFC 2047) of the character sets that the standard library knows; of others it
// leaves a mark: nothing is decided by them.
func wordDecoder() *mime.WordDecoder {
	return &mime.WordDecoder{CharsetReader: func(string, io.Reader) (io.Reader, error) { return strings.NewReader("\ufffd"), nil }}
}

func decodeWords(s string) string {
	decoded, err := wordDecoder().DecodeHeader(s)
	if err != nil {
		return s
	}
	return decoded
}

// appendReceived appends the field that tells where the mail came in (RFC 5321, 4.4).
func (t trace) appendReceived(b []byte) []byte {
	literal := "[localhost]"
	if t.peer.IsValid() {
		literal = addressLiteral(t.peer)
	}
	return fmt.Appendf(b, "Received: from %s (%s)\r\n\tby %s with %s id %s;\r\n\t%s\r\n", t.hello, literal, t.host, t.protocol,
		random()[:16], mailDate(t.now))
}
