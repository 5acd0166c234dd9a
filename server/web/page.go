package web

import (
	"net/http"
	"slices"
	"strings"

	"foyer/app"
	"foyer/assets"
)

// page is what the frame of every page shows; the data of each page embeds one. Its exported methods are there for
// the templates.
type page struct {
	visit    *visit
	Problems []problem // what is wrong with what was sent
	Notice   string    // a good word after a redirect
	Wide     bool      // laid out as a page of its own, not as a card beside the house
	home     string    // path of the page when a GET of the present one would not show it
	values   form      // what was typed
	token    app.Token // of the session, when the page has forms that need its proof
}

func (v *visit) page() *page { return &page{visit: v} }

// T returns a text in the visitor's language. args are names and values in turn.
func (p *page) T(id string, args ...any) string {
	if len(args) == 0 {
		return p.visit.site.texts.get(p.visit.lang, id, nil)
	}
	named := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		name, _ := args[i].(string)
		named[name] = args[i+1]
	}
	return p.visit.site.texts.get(p.visit.lang, id, named)
}

// Lang returns the language of the page.
func (p *page) Lang() string { return p.visit.lang }

// Site returns the office's name.
func (p *page) Site() string { return p.visit.settings.SiteName }

// Monogram returns the letter that stands for the office.
func (p *page) Monogram() string { return initials(p.visit.settings.SiteName) }

// LoginLink reports whether people may create accounts.
func (p *page) LoginLink() bool { return p.visit.settings.LoginLink }

// Local reports whether the pages are for the office's own network, as far as one can tell.
func (p *page) Local() bool { return !p.visit.settings.Secure() }

// CSRF returns the proof that a form comes from a page of this session.
func (p *page) CSRF() string { return p.token.CSRF() }

// contact is whom to ask: a text, and where a link on it leads when it is an address or a number.
type contact struct{ Text, Mail, Phone string }

// Contact returns whom to ask, or nil when the office has not said.
func (p *page) Contact() *contact {
	text := p.visit.settings.Contact
	if text == "" {
		return nil
	}
	c := &contact{Text: text}
	if addr, err := app.ParseAddress(text); err == nil {
		c.Mail = addr.String()
	} else if number := strings.NewReplacer(" ", "", "-", "", "/", "", "(", "", ")", "", ".", "").Replace(text); len(number) > 4 &&
		strings.Trim(number, "0123456789") == strings.Repeat("+", strings.Count(number, "+")) && strings.LastIndexByte(number, '+') <= 0 {
		c.Phone = number
	}
	return c
}

// language is one link of the choice of languages.
type language struct {
	Code, Name, URL string
	Current         bool
}

// Languages returns the choice of languages.
func (p *page) Languages() []language {
	names := languageNames()
	list := make([]language, 0, len(assets.Langs))
	for i, code := range assets.Langs {
		list = append(list, language{Code: code, Name: names[i], URL: p.home + "?lang=" + code, Current: code == p.visit.lang})
	}
	return list
}

// explain adds what is wrong to the page and returns the status to answer with.
func (p *page) explain(w http.ResponseWriter, err error) int {
	problem := p.visit.explain(err)
	if problem.RetryAfter != "" {
		w.Header().Set("Retry-After", problem.RetryAfter)
	}
	p.Problems = append(p.Problems, problem)
	return problem.Status
}

// AskSomebody reports whether one of the problems is for the office to solve.
func (p *page) AskSomebody() bool {
	return slices.ContainsFunc(p.Problems, func(x problem) bool { return x.Ask })
}

// initials returns the first letters of at most two names, as capitals.
func initials(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		for _, r := range name {
			b.WriteString(strings.ToUpper(string(r)))
			break
		}
	}
	return b.String()
}
