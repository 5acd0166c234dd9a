package mail

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"strings"
	"text/template"
	"unicode/utf8"

	"foyer/app"
	"foyer/assets"
)

// layout says which texts and values the mails of a kind show. A text it does not name is left out.
type layout struct {
	facts  []string // names of fields of contents, shown as a small table
	labels []string // the ids of their labels
	texts  []string // names of the kind's own texts: button, code, reset, after
	stop   bool     // it carries the "this was not me" link
}

var layouts = map[app.MessageKind]layout{
	app.MailConfirm: {
		facts:  []string{"Company", "Address", "IP", "Valid"},
		labels: []string{"company", "address", "from", "valid"},
		texts:  []string{"button", "code"}, stop: true,
	},
	confirmIdentity: {
		facts:  []string{"Company", "Address", "Through", "IP", "Valid"},
		labels: []string{"company", "address", "through", "from", "valid"},
		texts:  []string{"button", "code"}, stop: true,
	},
	app.MailExists: {
		facts: []string{"Address", "IP"}, labels: []string{"address", "from"},
		texts: []string{"button", "reset"}, stop: true,
	},
	app.MailDisabled: {
		facts: []string{"Address", "IP"}, labels: []string{"address", "from"},
		texts: []string{"after"}, stop: true,
	},
	app.MailReset: {
		facts: []string{"Address", "IP", "Valid"}, labels: []string{"address", "from", "valid"},
		texts: []string{"button"}, stop: true,
	},
	app.MailChanged: {
		facts: []string{"Address", "IP", "Time"}, labels: []string{"address", "changed_from", "time"},
		texts: []string{"button", "after"},
	},
	app.MailLinkCode: {
		facts:  []string{"Address", "Through", "IP", "Valid"},
		labels: []string{"address", "through", "from", "valid"},
		texts:  []string{"code", "after"}, stop: true,
	},
	app.MailLinked: {
		facts: []string{"Address", "Through", "IP", "Time"}, labels: []string{"address", "through", "changed_from", "time"},
		texts: []string{"button", "after"},
	},
	app.MailUnlinked: {
		facts: []string{"Address", "Through", "IP", "Time"}, labels: []string{"address", "through", "changed_from", "time"},
		texts: []string{"button", "after"},
	},
	app.MailTest: {
		facts: []string{"Address", "Time"}, labels: []string{"address", "time"},
		texts: []string{"after"},
	},
}

// confirmIdentity is how the texts of a confirmation mail are called when the sign-up was with an identity provider: there
// is no password to choose. The mail itself is of the kind app.MailConfirm.
const confirmIdentity app.MessageKind = "confirm_identity"

// formOf returns which texts a notice is written with.
func formOf(n app.Notice) app.MessageKind {
	if n.Kind == app.MailConfirm && n.Through != "" {
		return confirmIdentity
	}
	return n.Kind
}

// frame is what the templates show in square brackets: the texts of one kind of mail in one language.
type frame struct {
	Lang, Title, Greeting, Lead string
	Preview                     string // what a list of mails shows behind the subject; never a secret
	Facts                       []fact
	After                       string // a second paragraph
	Button, Copy                string
	CodeHint, ResetHint         string
	Network                     string
	StopHint                    string
	Contact, Automatic          string
}

// fact is one line of the small table in a mail. Gap lines the values up in the plain part.
type fact struct {
	Name, Label, Gap string
}

// placeOf returns the action that shows a field of contents. It stands in the texts when they are put into a
// template, so that the value is escaped as any other.
func placeOf(field string) string { return "{{." + field + "}}" }

// newFrame returns the texts of one kind and language, or an error that names one that is missing.
func newFrame(texts *assets.Texts, lang string, kind app.MessageKind) (f frame, subject string, err error) {
	get := func(id string) string {
		text := texts.Get(lang, id, map[string]any{"Site": placeOf("Site"), "Contact": placeOf("Contact"), "Through": placeOf("Through")})
		if text == id && err == nil {
			err = fmt.Errorf("there is no text %s", id)
		}
		return text
	}
	own := func(name string) string { return get("mail." + string(kind) + "." + name) }
	layout := layouts[kind]
	f = frame{
		Lang: lang, Title: own("title"), Greeting: get("mail.greeting"), Lead: own("lead"), Preview: own("preview"),
		Copy: get("mail.copy"), Contact: get("mail.contact"), Automatic: get("mail.automatic"),
	}
	for _, name := range layout.texts {
		switch name {
		case "button":
			f.Button, f.Network = own(name), get("mail.network")
		case "code":
			f.CodeHint = own(name)
		case "reset":
			f.ResetHint = own(name)
		case "after":
			f.After = own(name)
		}
	}
	if layout.stop {
		f.StopHint = get("mail.stop")
	}
	for i, name := range layout.facts {
		f.Facts = append(f.Facts, fact{Name: name, Label: get("mail.fact." + layout.labels[i])})
	}
	lineUp(f.Facts)
	return f, own("subject"), err
}

// lineUp gives each fact the blanks behind its label that put the values in one column.
func lineUp(facts []fact) {
	width := 0
	for _, f := range facts {
		width = max(width, utf8.RuneCountInString(f.Label))
	}
	for i, f := range facts {
		facts[i].Gap = strings.Repeat(" ", width-utf8.RuneCountInString(f.Label)+2)
	}
}

// frames are the two templates with the actions in square brackets, which newForm fills in.
type frames struct {
	plain *template.Template
	html  *htmltemplate.Template
}

func readFrames(files fs.FS) (f frames, err error) {
	f.plain, err = template.New("mail.txt").Delims("[[", "]]").ParseFS(files, "mail/mail.txt")
	if err != nil {
		return frames{}, fmt.Errorf("read the plain mail template: %w", err)
	}
	f.html, err = htmltemplate.New("mail.html").Delims("[[", "]]").ParseFS(files, "mail/mail.html")
	if err != nil {
		return frames{}, fmt.Errorf("read the HTML mail template: %w", err)
	}
	return f, nil
}

// newForm fills the texts of one kind and language into both frames.
func newForm(f frames, texts *assets.Texts, lang string, kind app.MessageKind) (form, error) {
	frame, subject, err := newFrame(texts, lang, kind)
	if err != nil {
		return form{}, err
	}
	made := form{subject: subject}
	var plain, html strings.Builder
	if err := f.plain.Execute(&plain, frame); err != nil {
		return form{}, fmt.Errorf("fill in the plain template: %w", err)
	}
	if made.plain, err = template.New("mail.txt").Parse(plain.String()); err != nil {
		return form{}, fmt.Errorf("read the filled-in plain template: %w", err)
	}
	if err := f.html.Execute(&html, frame); err != nil {
		return form{}, fmt.Errorf("fill in the HTML template: %w", err)
	}
	if made.html, err = htmltemplate.New("mail.html").Parse(html.String()); err != nil {
		return form{}, fmt.Errorf("read the filled-in HTML template: %w", err)
	}
	// The first use is when html/template finds what it cannot escape.
	if err := errors.Join(made.plain.Execute(io.Discard, &contents{}), made.html.Execute(io.Discard, &contents{})); err != nil {
		return form{}, fmt.Errorf("try the templates: %w", err)
	}
	return made, nil
}
