// Package assets holds the files Foyer carries inside its binary (pages, styles, mails, texts) and finds the text
// of a message in a language. Any room may import it; it imports none.
package assets

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed web locales mail icon
var files embed.FS

// Files returns everything that is embedded: "web/templates", "web/static", "mail", "locales", "icon".
func Files() fs.FS { return files }

// Langs are the languages every text exists in, the first one being the one others fall back to.
var Langs = []string{"en", "sk"}

// Texts finds texts by their id, in the languages of Langs.
type Texts struct {
	localizers map[string]*i18n.Localizer
	matcher    language.Matcher
}

// LoadTexts reads the locale files, named ROOM.LANGUAGE.json.
func LoadTexts() (*Texts, error) {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(files, "locales/*.json")
	if err != nil {
		return nil, fmt.Errorf("list locale files: %w", err)
	}
	for _, name := range names {
		if _, err := bundle.LoadMessageFileFS(files, name); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	t := &Texts{localizers: map[string]*i18n.Localizer{}}
	var tags []language.Tag
	for _, lang := range Langs {
		t.localizers[lang] = i18n.NewLocalizer(bundle, lang)
		tags = append(tags, language.Make(lang))
	}
	t.matcher = language.NewMatcher(tags)
	return t, nil
}

// Match returns the language of Langs that fits a browser's Accept-Language header best.
func (t *Texts) Match(acceptLanguage string) string {
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return Langs[0]
	}
	_, i, _ := t.matcher.Match(wanted...)
	return Langs[i]
}

// Known returns lang when it is one of Langs, or the first of them.
func (t *Texts) Known(lang string) string {
	if _, ok := t.localizers[lang]; ok {
		return lang
	}
	return Langs[0]
}

// Get returns the text id in a language, with the values of args in its {{.Name}} places; a value "Count" chooses
// the plural form. Has tells whether there is such a text; Get of one that is missing returns the id.
func (t *Texts) Get(lang, id string, args map[string]any) string {
	text, err := t.find(lang, id, args)
	if err != nil {
		return id
	}
	return text
}

// Has reports whether the text id exists.
func (t *Texts) Has(id string) bool {
	_, err := t.find(Langs[0], id, nil)
	return err == nil
}

func (t *Texts) find(lang, id string, args map[string]any) (string, error) {
	return t.localizers[t.Known(lang)].Localize(&i18n.LocalizeConfig{
		MessageID: id, TemplateData: args, PluralCount: args["Count"],
	})
}
