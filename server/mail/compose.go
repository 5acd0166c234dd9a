package mail

import (
	"bytes"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"strings"
	"sync"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"

	"foyer/app"
	"foyer/assets"
)

// Composer writes Foyer's mails, in plain text and HTML. It is safe for concurrent use.
type Composer struct {
	texts *assets.Texts
	forms map[string]map[app.MessageKind]form // by language and kind
}

// form is what all mails of one kind and language have in common. Making it once leaves so little to do for one
// mail that sign-ups may come in bursts.
type form struct {
	subject string // with {{.Site}} and {{.Through}} where those names go
	plain   *template.Template
	html    *htmltemplate.Template
}

// contents is what each mail has of its own: the values of the templates.
type contents struct {
	Site, Company, Address, IP, Valid, Time string
	Through                                 string // how people call the identity provider
	Link                                    string // where the button leads
	Code, Reset, Stop, Contact              string
	Local                                   bool // the link works inside the office's network only
}

// NewComposer returns a composer of the templates mail/mail.txt and mail/mail.html in files. Everything that can be
// wrong with a template or a text shows here, not when somebody waits for a mail.
func NewComposer(files fs.FS, texts *assets.Texts) (*Composer, error) {
	frames, err := readFrames(files)
	if err != nil {
		return nil, err
	}
	c := &Composer{texts: texts, forms: map[string]map[app.MessageKind]form{}}
	for _, lang := range assets.Langs {
		c.forms[lang] = map[app.MessageKind]form{}
		for kind := range layouts {
			if c.forms[lang][kind], err = newForm(frames, texts, lang, kind); err != nil {
				return nil, fmt.Errorf("make the mail %s in %s: %w", kind, lang, err)
			}
		}
	}
	return c, nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Compose returns the notice as a message that has Kind, Sender, Recipient, Subject, MessageID and Data set.
// Internal when the notice is of no known kind or holds a control character: a line end in a header value would
// begin a header of somebody else's choosing (CWE-93).
func (c *Composer) Compose(n app.Notice) (app.Message, error) {
	n.Lang = c.texts.Known(n.Lang)
	form, ok := c.forms[n.Lang][formOf(n)]
	if !ok || n.Kind == confirmIdentity {
		return app.Message{}, broken("there is no mail of the kind %q", n.Kind)
	}
	if err := checkNotice(n); err != nil {
		return app.Message{}, err
	}
	values := c.contents(n)
	plain, html := buffers.Get().(*bytes.Buffer), buffers.Get().(*bytes.Buffer)
	defer buffers.Put(plain)
	defer buffers.Put(html)
	plain.Reset()
	if err := form.plain.Execute(plain, values); err != nil {
		return app.Message{}, broken("write the plain part: %w", err)
	}
	html.Reset()
	if err := form.html.Execute(html, values); err != nil {
		return app.Message{}, broken("write the HTML part: %w", err)
	}
	subject := strings.NewReplacer(placeOf("Site"), n.SiteName, placeOf("Through"), n.Through).Replace(form.subject)
	data, id := writeMessage(header{
		from: n.From, fromName: n.SiteName, to: n.To.String(), subject: subject, date: n.Now, lang: n.Lang,
	}, wrap(plain.Bytes()), html.Bytes())
	return app.Message{Kind: n.Kind, Sender: n.From, Recipient: n.To, Subject: subject, MessageID: id, Data: data}, nil
}

func broken(format string, args ...any) *app.Error {
	return &app.Error{Code: app.Internal, Reason: "compose", Err: fmt.Errorf(format, args...)}
}

// checkNotice returns why no mail can be made of n.
func checkNotice(n app.Notice) error {
	if n.To.String() == "" {
		return broken("the mail has no recipient")
	}
	if at := strings.LastIndexByte(n.From, '@'); at < 1 || at == len(n.From)-1 || strings.ContainsAny(n.From, " \"(),;<>[\\]") {
		return broken("the sender's address cannot be used")
	}
	for i := range len(n.From) {
		if n.From[i] >= utf8.RuneSelf {
			return broken("the sender's address is not ASCII")
		}
	}
	for _, v := range []struct{ name, value string }{
		{"company", n.Company},
		{"provider", n.Through},
		{"link", n.Link},
		{"code", n.Code},
		{"client address", n.IP},
		{"sign-in link", n.SignIn},
		{"reset link", n.Reset},
		{"stop link", n.Stop},
		{"site name", n.SiteName},
		{"contact", n.Contact},
		{"sender", n.From},
	} {
		if !utf8.ValidString(v.value) || strings.ContainsFunc(v.value, isControl) {
			return broken("the %s holds a control character", v.name)
		}
	}
	return nil
}

// isControl reports whether r ends a line or steers a terminal somewhere, U+2028 and U+2029 included.
func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// contents returns what the mail of n has of its own.
func (c *Composer) contents(n app.Notice) *contents {
	v := &contents{
		Site: n.SiteName, Company: n.Company, Address: n.To.String(), IP: n.IP, Valid: c.validity(n),
		Through: n.Through,
		Time:    n.Now.UTC().Format("2006-01-02 15:04 UTC"),
		Link:    n.Link, Code: n.Code, Reset: n.Reset, Stop: n.Stop, Contact: n.Contact,
	}
	switch n.Kind {
	case app.MailExists:
		v.Link = n.SignIn
	case app.MailChanged, app.MailLinked, app.MailUnlinked:
		v.Link = n.Reset
	default: // n.Link, if there is one
	}
	// An office without a certificate of its own is reached inside its network only: a phone on mobile data
	// would show an error nobody can explain.
	v.Local = !strings.HasPrefix(v.Link, "https://")
	return v
}

// validity returns how long the link of n is good for, in whole hours or minutes, or "" when that is years: then the
// administrator has switched the limit off.
func (c *Composer) validity(n app.Notice) string {
	const year = 365 * 24 * time.Hour
	switch {
	case n.Valid <= 0 || n.Valid >= year:
		return ""
	case n.Valid > time.Hour && n.Valid%time.Hour == 0, n.Valid == time.Hour && n.Kind == app.MailConfirm:
		return c.texts.Get(n.Lang, "mail.hours", map[string]any{"Count": int(n.Valid / time.Hour)})
	default:
		return c.texts.Get(n.Lang, "mail.minutes", map[string]any{"Count": int(n.Valid / time.Minute)})
	}
}

// wrap returns text with lines of at most 72 columns where blanks allow that. A line with a link, or one that is
// indented, stays whole.
func wrap(text []byte) []byte {
	const columns = 72
	b := make([]byte, 0, len(text)+64)
	for line := range bytes.Lines(text) {
		if len(line) <= columns || utf8.RuneCount(line)-1 <= columns || line[0] == ' ' || bytes.Contains(line, []byte("://")) {
			b = append(b, line...)
			continue
		}
		width := 0
		for word := range bytes.FieldsSeq(line) {
			n := utf8.RuneCount(word)
			switch {
			case width == 0:
			case width+1+n > columns:
				b = append(b, '\n')
				width = 0
			default:
				b = append(b, ' ')
				width++
			}
			b = append(b, word...)
			width += n
		}
		b = append(b, '\n')
	}
	return b
}
