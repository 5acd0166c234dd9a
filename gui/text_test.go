package gui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/test"

	"foyer/assets"
)

// textsDir is where the texts are, in assets.
const textsDir = "locales/gui"

// fyneTexts is the file with the words of Fyne itself: Fyne has the English ones.
const fyneTexts = "fyne"

// message is one text: forms has "" for a text without plural, or "one", "few" and "other".
type message struct {
	file  string
	forms map[string]string
}

func (m message) plural() bool { return len(m.forms) > 1 }

// places returns the names in the text's {{.Name}}s, sorted.
func (m message) places() []string {
	found := map[string]bool{}
	for _, text := range m.forms {
		for _, match := range regexp.MustCompile(`{{\s*\.(\w+)\s*}}`).FindAllStringSubmatch(text, -1) {
			found[match[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// readTexts returns all texts of a language and reports what is wrong with the files themselves.
func readTexts(t *testing.T, language string) map[string]message {
	t.Helper()
	names, err := fs.Glob(assets.Files(), textsDir+"/*."+language+".json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files of texts in %s: %v", language, err)
	}
	all := map[string]message{}
	for _, name := range names {
		data, err := fs.ReadFile(assets.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(name)
		keys, messages := readTextFile(t, base, data)
		if !slices.IsSorted(keys) {
			for i := 1; i < len(keys); i++ {
				if keys[i] < keys[i-1] {
					t.Errorf("%s: %q stands behind %q; the keys are sorted", base, keys[i], keys[i-1])
				}
			}
		}
		screen := strings.TrimSuffix(base, "."+language+".json")
		for _, key := range keys {
			if other, ok := all[key]; ok {
				t.Errorf("%s: %q is in %s already", base, key, other.file)
			}
			if screen != "gui" && screen != fyneTexts && !strings.HasPrefix(key, screen+".") && !strings.HasPrefix(key, "reason.") {
				t.Errorf("%s: %q does not begin with %q", base, key, screen+".")
			}
			all[key] = messages[key]
		}
	}
	return all
}

// readTextFile returns the keys of a file in their order, and its texts.
func readTextFile(t *testing.T, name string, data []byte) ([]string, map[string]message) {
	t.Helper()
	if !bytes.HasSuffix(data, []byte("}\n")) {
		t.Errorf("%s does not end with a line", name)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var keys []string
	messages := map[string]message{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		key, ok := token.(string)
		if !ok {
			t.Fatalf("%s: %v is no key", name, token)
		}
		if slices.Contains(keys, key) {
			t.Errorf("%s: %q is there twice", name, key)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatalf("%s: %s: %v", name, key, err)
		}
		m := message{file: name, forms: map[string]string{}}
		var text string
		if json.Unmarshal(value, &text) == nil {
			m.forms[""] = text
		} else if err := json.Unmarshal(value, &m.forms); err != nil {
			t.Fatalf("%s: %s: %v", name, key, err)
		}
		keys = append(keys, key)
		messages[key] = m
	}
	return keys, messages
}

// TestTextsOfBothLanguages compares the languages: each text is in both, with the same places and all plural forms.
func TestTextsOfBothLanguages(t *testing.T) {
	en, sk := readTexts(t, "en"), readTexts(t, "sk")
	maps.DeleteFunc(sk, func(_ string, m message) bool { return m.file == fyneTexts+".sk.json" })
	for key, m := range en {
		if _, ok := sk[key]; !ok {
			t.Errorf("%s: %q is missing in Slovak", m.file, key)
			continue
		}
		// The service's own sentence, which is English, says it all.
		if got, want := sk[key].places(), m.places(); m.forms[""] != "{{.Detail}}" && !slices.Equal(got, want) {
			t.Errorf("%q has the places %v in Slovak and %v in English", key, got, want)
		}
		if got, want := strings.TrimSuffix(sk[key].file, ".sk.json"), strings.TrimSuffix(m.file, ".en.json"); got != want {
			t.Errorf("%q is in %s in Slovak and in %s in English", key, got, want)
		}
		if sk[key].plural() != m.plural() {
			t.Errorf("%q has plural forms in one language only", key)
		}
		checkForms(t, key, m, "one", "other")
		checkForms(t, key, sk[key], "few", "one", "other")
	}
	for key, m := range sk {
		if _, ok := en[key]; !ok {
			t.Errorf("%s: %q is missing in English", m.file, key)
		}
	}
}

func checkForms(t *testing.T, key string, m message, plural ...string) {
	t.Helper()
	forms := slices.Sorted(maps.Keys(m.forms))
	if !slices.Equal(forms, []string{""}) && !slices.Equal(forms, plural) {
		t.Errorf("%s: %q has the forms %q, want %q", m.file, key, forms, plural)
	}
	for form, text := range m.forms {
		if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) {
			t.Errorf("%s: %q %s is empty, or has blanks around: %q", m.file, key, form, text)
		}
		if _, err := template.New(key).Parse(text); err != nil {
			t.Errorf("%s: %q %s: %v", m.file, key, form, err)
		}
		if strings.Contains(text, "...") {
			t.Errorf("%s: %q %s has three full stops for an ellipsis: %q", m.file, key, form, text)
		}
	}
	if _, one := m.forms["one"]; one && !slices.Contains(m.places(), "Count") {
		t.Errorf("%s: %q has plural forms and no {{.Count}}", m.file, key)
	}
}

// TestTextsOfTheCode compares the code with the texts: what it asks for is there with all its values, and what is there is asked for.
func TestTextsOfTheCode(t *testing.T) {
	en := readTexts(t, "en")
	code := readCode(t, os.DirFS("."))
	for _, problem := range code.keyProblems(en) {
		t.Error(problem)
	}
	for key, m := range en {
		if !code.uses(key) {
			t.Errorf("%s: nothing asks for %q", m.file, key)
		}
	}
}

// TestNoTextInTheCode finds words that are shown and not in the files.
func TestNoTextInTheCode(t *testing.T) {
	for _, problem := range readCode(t, os.DirFS(".")).words() {
		t.Error(problem)
	}
}

// TestTextChecks gives the checks code with every fault they are for, and some without.
func TestTextChecks(t *testing.T) {
	code := readCode(t, mapFS(`package gui
		type column struct{ title string }
		func (v *x) good(name string, err error) {
			tr("a.text"); trn("a.count", 3); tr("a.values", args{"Name": name}); has("a.text", nil)
			tr("a.dynamic." + name); tr(fmt.Sprintf("a.number.%02d", 4))
			key := "a.built." + name
			item := func(key string, do func()) { widget.NewButton(tr(key), do) }
			item("a.item", nil)
			v.field("x", "a.field")
			for _, c := range []column{{title: "a.title"}} { tr(c.title) }
			widget.NewLabel(""); widget.NewLabel("–"); l.SetText(tr("a.text") + " · " + name); newButton("", nil, nil)
			widget.NewLabel(fmt.Sprintf("%d × %s", 1, name)); d.open("page", "new"); newCopyField(name, d.tell)
		}
		func (v *x) field(name, key string) { tr(key) }
		func (v *x) bad(name string) {
			tr("a.missing"); trn("a.text", 1); tr("a.count"); tr("a.values"); tr("a.values", args{"Nam": name}); tr("a.nothing." + name)
			v.field("x", "a.missing_field")
			for _, c := range []column{{title: "a.missing_title"}} { tr(c.title) }
			item := func(key string, do func()) { tr(key) }
			item("a.missing_item", nil)
			tr("a." + name)
			widget.NewLabel("Words"); l.SetText("more " + name); newButton(fmt.Sprintf("%d rows", 2), nil, nil); e.PlaceHolder = "hint"
			_ = &widget.Entry{PlaceHolder: "placeholder"}; d.confirm(tr("a.text"), "Really?", tr("a.text"), nil); dialog.ShowInformation("Title", name, w)
			b.say(levelError, "Broken")
		}`))
	text := message{forms: map[string]string{"": "x"}}
	texts := map[string]message{
		"a.text": text, "a.item": text, "a.field": text, "a.title": text, "a.dynamic.x": text, "a.number.04": text, "a.built.y": text,
		"a.unused": text,
		"a.count":  {forms: map[string]string{"one": "{{.Count}}", "other": "{{.Count}}"}},
		"a.values": {forms: map[string]string{"": "{{.Name}}"}},
	}
	problems := strings.Join(code.keyProblems(texts), "\n")
	for _, want := range []string{
		`"a.missing"`, `"a.missing_field"`, `"a.missing_title"`, `"a.missing_item"`, `"a.nothing."`, `"a."`,
		`"a.text" has no plural`, `"a.count" has plural`, `"a.values" needs [Name], and gets []`, `"a.values" needs [Name], and gets [Nam]`,
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("no problem with %s among\n%s", want, problems)
		}
	}
	if got := len(strings.Split(problems, "\n")); got != 10 {
		t.Errorf("%d problems, want 10:\n%s", got, problems)
	}
	var unused []string
	for key := range texts {
		if !code.uses(key) {
			unused = append(unused, key)
		}
	}
	if !slices.Equal(unused, []string{"a.unused"}) {
		t.Errorf("unused are %q, want one", unused)
	}
	words := strings.Join(code.words(), "\n")
	for _, want := range []string{"Words", "more ", "%d rows", "hint", "placeholder", "Really?", "Title", "Broken"} {
		if !strings.Contains(words, fmt.Sprintf("%q", want)) {
			t.Errorf("%q was not found among\n%s", want, words)
		}
	}
	if got := len(strings.Split(words, "\n")); got != 8 {
		t.Errorf("%d words, want 8:\n%s", got, words)
	}
}

// speakSlovak makes Slovak the language of a test.
func speakSlovak(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { // when the environment is as it was
		if err := loadTexts(); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"LANGUAGE", "LC_ALL", "LC_MESSAGES"} {
		t.Setenv(name, "")
	}
	t.Setenv("LANG", "sk_SK.UTF-8")
	if err := loadTexts(); err != nil {
		t.Fatal(err)
	}
}

// TestSlovak shows words of Foyer and of Fyne itself in Slovak, with each plural form.
func TestSlovak(t *testing.T) {
	speakSlovak(t)
	for n, want := range map[int]string{0: "0 položiek", 1: "1 položka", 2: "2 položky", 4: "4 položky", 5: "5 položiek", 22: "22 položiek", 1500: "1\u202f500 položiek"} {
		if got := trn("table.count", n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	if got, want := tr("confirm.type", args{"Word": "<Nový & syn>"}), "Ak chcete pokračovať, napíšte <Nový & syn>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := has("reason.there_is_no_such", nil); got != "" {
		t.Errorf("a reason without a text is %q, want nothing", got)
	}
	if got, want := has("page.home", nil), "Prehľad"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	data, err := os.ReadFile(filepath.Join(packageDir(t, "fyne.io/fyne/v2/lang"), "translations", "base.en.json"))
	if err != nil {
		t.Fatal(err)
	}
	sk := readTexts(t, "sk")
	keys, english := readTextFile(t, "base.en.json", append(bytes.TrimSpace(data), '\n'))
	for _, key := range keys {
		if sk[key].file != fyneTexts+".sk.json" {
			t.Errorf("Fyne's %q is not in Slovak", key)
		}
		fallback := english[key].forms[""] + english[key].forms["other"]
		if got := lang.X(key, fallback); got != sk[key].forms[""] {
			t.Errorf("Fyne says %q for %q, want %q", got, key, sk[key].forms[""])
		}
	}

	d := newTestDesk(t, nil)
	dialog.ShowConfirm(tr("unsaved.title"), tr("unsaved.text"), func(bool) {}, d.window)
	d.sees("Odísť bez uloženia?", "[Áno]", "[Nie]")
	d.window.Canvas().Overlays().Top().Hide()
	dialog.ShowFileSave(func(fyne.URIWriteCloser, error) {}, d.window)
	d.sees("[Uložiť]", "[Zrušiť]")
}

// TestHomeInSlovak shows the first page in Slovak.
func TestHomeInSlovak(t *testing.T) {
	speakSlovak(t)
	f := newOffice()
	f.stats.Days[29].Captured = 12
	d, v := openHome(t, f)
	d.sees("Čo si vyžaduje pozornosť", "30 nových za 7 dní", "2 zlyhali", "2 e-maily sa nepodarilo doručiť.", "jana@acme.example: vytvorený účet vo firme Acme",
		"Najviac 20. nov.: 11", "12 ponechaných tu")
	d.seesNot("home.", "<no value>")
	homePicture(d, "home-sk")
	x, _ := v.mails.plot.area().slot(13)
	test.MoveMouse(d.window.Canvas(), fyne.NewPos(0, 0))
	v.mails.plot.point(v.mails.plot.area().dayAt(fyne.NewPos(x+1, 40)))
	d.sees("26. nov.", "12  Ponechané")
	d.window.SetContent(v.scroll.Content)
	d.picture("home-sk-all")
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"the disk is full":           "The disk is full.",
		"what now?":                  "What now?",
		"a.example is not here":      "a.example is not here.",
		"set mail.from":              "Set mail.from.",
		"mail.from is empty: set it": "mail.from is empty: set it.",
		"there. is more":             "There. is more.",
		"192.0.2.7 answers":          "192.0.2.7 answers.",
		"žiadna pošta sa neposiela":  "Žiadna pošta sa neposiela.",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
