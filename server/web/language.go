package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"foyer/assets"
)

// langCookie remembers the language a visitor chose by hand, for a year.
const (
	langCookie = "lang"
	langMaxAge = 365 * 24 * 60 * 60
)

// languageNames are the languages of assets.Langs in their own words, as the link to each is called.
func languageNames() []string { return []string{"English", "Slovenčina"} }

// chooseLanguage sets the language of the visit: the one a "?lang=" link asks for, which is then remembered, or the
// one that was chosen before, or what the browser prefers.
func (s *site) chooseLanguage(w http.ResponseWriter, r *http.Request, v *visit) {
	if strings.Contains(r.URL.RawQuery, "lang=") {
		if lang := r.URL.Query().Get("lang"); slices.Contains(assets.Langs, lang) {
			v.lang = lang
			//nolint:gosec // Secure on HTTPS; on plain HTTP browsers would drop the cookie
			http.SetCookie(w, &http.Cookie{
				Name: langCookie, Value: lang, Path: "/", MaxAge: langMaxAge,
				Secure: v.settings.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
			})
			return
		}
	}
	if c, err := r.Cookie(langCookie); err == nil && slices.Contains(assets.Langs, c.Value) {
		v.lang = c.Value
		return
	}
	v.lang = s.texts.match(r.Header.Get("Accept-Language"))
}

// texts finds the texts of the pages. Those without places for values, nearly all, are looked up once, at New.
type texts struct {
	all   *assets.Texts
	plain map[string]map[string]string // by language and id
}

func readTexts(files fs.FS, all *assets.Texts) (*texts, error) {
	t := &texts{all: all, plain: map[string]map[string]string{}}
	for _, lang := range assets.Langs {
		name := "locales/web." + lang + ".json"
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		var entries map[string]string
		if err := json.Unmarshal(raw, &entries); err != nil {
			return nil, fmt.Errorf("read texts of %s: %w", name, err)
		}
		t.plain[lang] = map[string]string{}
		for id, text := range entries {
			if !strings.Contains(text, "{{") {
				t.plain[lang][id] = all.Get(lang, id, nil)
			}
		}
	}
	return t, nil
}

// get returns the text id in a language with args in its places.
func (t *texts) get(lang, id string, args map[string]any) string {
	if text, ok := t.plain[lang][id]; ok {
		return text
	}
	return t.all.Get(lang, id, args)
}

// has reports whether there is a text of this id.
func (t *texts) has(id string) bool {
	if _, ok := t.plain[assets.Langs[0]][id]; ok {
		return true
	}
	return t.all.Has(id)
}

// maxAcceptLanguage bounds the work a header can ask for: browsers send far less.
const maxAcceptLanguage = 200

// match returns the language for an Accept-Language header.
func (t *texts) match(header string) string {
	if header == "" || len(header) > maxAcceptLanguage {
		return assets.Langs[0]
	}
	return t.all.Match(header)
}
