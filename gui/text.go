package gui

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"

	"foyer/app"
	"foyer/assets"
)

// args are the values of a text.
type args = map[string]any

// tr returns the text of a key in the person's language, with the values of its places.
func tr(key string, values ...args) string {
	if len(values) == 0 {
		return lang.X(key, key)
	}
	return lang.X(key, key, values[0])
}

// trn returns the text of a key for a number, which stands in its place {{.Count}}.
func trn(key string, n int, values ...args) string {
	all := args{"Count": number(n)}
	for _, v := range values {
		maps.Copy(all, v)
	}
	return lang.XN(key, key, n, all)
}

// has returns the text of a key, or "" when there is none: of names that the service gives, as reasons are.
func has(key string, values args) string {
	const none = "-" // Fyne logs a key without a text, unless it is given one
	if text := lang.X(key, none, values); text != none {
		return text
	}
	return ""
}

// readAllTexts returns the texts of assets/locales/gui by language and key. Each screen has a file in each language.
func readAllTexts() (map[string]map[string]any, error) {
	const dir = "locales/gui"
	entries, err := fs.ReadDir(assets.Files(), dir)
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	texts := map[string]map[string]any{}
	for _, entry := range entries {
		data, err := fs.ReadFile(assets.Files(), path.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		language := strings.TrimPrefix(path.Ext(strings.TrimSuffix(entry.Name(), ".json")), ".")
		if texts[language] == nil {
			texts[language] = map[string]any{}
		}
		file := map[string]any{}
		if err := json.Unmarshal(data, &file); err != nil {
			return nil, fmt.Errorf("read texts %s: %w", entry.Name(), err)
		}
		maps.Copy(texts[language], file)
	}
	return texts, nil
}

// loadTexts gives Fyne the texts.
func loadTexts() error {
	texts, err := readAllTexts()
	if err != nil {
		return err
	}
	for _, language := range assets.Langs {
		data, err := json.Marshal(texts[language])
		if err != nil {
			return err
		}
		// The name is where Fyne finds the language.
		if err := lang.AddTranslations(fyne.NewStaticResource("gui."+language+".json", data)); err != nil {
			return fmt.Errorf("load texts %s: %w", language, err)
		}
	}
	return nil
}

// errorText returns what to tell the person of an error: the sentence of its reason in the person's language, or else its own.
func errorText(err error) string {
	if text := reasonText(app.ReasonOf(err), argsOf(err)); text != "" {
		return text
	}
	return sentence(app.MessageOf(err))
}

// fieldText is errorText for a place where the name of what is wrong stands already.
func fieldText(err error) string {
	if why, ok := argsOf(err)["Why"].(string); ok {
		return sentence(why)
	}
	return errorText(err)
}

// reasonText returns the sentence of a reason, or "" when there is none for it.
func reasonText(reason string, values args) string {
	if reason == "" {
		return ""
	}
	// A text whose values the service does not give says less than the service's own words.
	if text := has("reason."+reason, values); !strings.Contains(text, "<no value>") {
		return text
	}
	return ""
}

// argsOf returns the values an error has for its sentence.
func argsOf(err error) args {
	values := args{}
	if e := appError(err); e != nil {
		for name, value := range e.Args {
			values[name] = value
		}
	}
	return values
}

// sentence makes a message of the service, which stands on a line of a terminal otherwise, one of its own.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	// A host, an address or a setting at its beginning keeps its letters.
	if word, _, _ := strings.Cut(text, " "); !strings.Contains(strings.TrimRight(word, ".:"), ".") {
		first := []rune(text)
		text = strings.ToUpper(string(first[:1])) + string(first[1:])
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?:") {
		text += "."
	}
	return text
}

// number writes a number with thin blanks between its thousands.
func number(n int) string {
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	out := ""
	for len(digits) > 3 {
		out = "\u202f" + digits[len(digits)-3:] + out
		digits = digits[:len(digits)-3]
	}
	return sign + digits + out
}

// moment writes a time of this machine's clock, to the minute.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// momentOf is moment for a time that may be unknown.
func momentOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return moment(*t)
}
