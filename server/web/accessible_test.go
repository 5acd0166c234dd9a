package web_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"foyer/assets"
)

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.ChildNodes() {
		b.WriteString(text(c))
	}
	return strings.TrimSpace(b.String())
}

// elements returns the elements of a page by their name.
func elements(t testing.TB, page string) map[string][]*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]*html.Node{}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			found[n.Data] = append(found[n.Data], n)
		}
	}
	return found
}

func TestPagesAreAccessible(t *testing.T) {
	for _, lang := range assets.Langs {
		h := open(t)
		for _, p := range h.pages(lang) {
			t.Run(lang+" "+p.name, func(t *testing.T) { checkPage(t, lang, p.answer) })
		}
	}
}

func checkPage(t *testing.T, lang string, a answer) {
	found := elements(t, a.body)
	ids := map[string]bool{}
	for _, list := range found {
		for _, n := range list {
			if id, ok := attribute(n, "id"); ok {
				if ids[id] || id == "" {
					t.Errorf("id %q is there twice or empty", id)
				}
				ids[id] = true
			}
		}
	}
	if got, _ := attribute(found["html"][0], "lang"); got != lang {
		t.Errorf("lang is %q, want %q", got, lang)
	}
	for _, once := range []string{"h1", "main", "title", "footer", "header"} {
		if got := len(found[once]); got != 1 {
			t.Errorf("%d %s elements", got, once)
		}
	}
	if title := text(found["title"][0]); !strings.HasSuffix(title, "– Novák & Partners") || strings.HasPrefix(title, "–") {
		t.Errorf("title is %q", title)
	}
	for _, heading := range slices.Concat(found["h1"], found["h2"], found["label"], found["button"], found["a"], found["summary"]) {
		if text(heading) == "" {
			t.Errorf("an empty %s", heading.Data)
		}
	}
	checkInputs(t, found, ids)
	for _, list := range found {
		for _, n := range list {
			for _, name := range []string{"aria-describedby", "aria-labelledby", "for"} {
				value, _ := attribute(n, name)
				for id := range strings.FieldsSeq(value) {
					if !ids[id] {
						t.Errorf("%s of %s names %q, which is not there", name, n.Data, id)
					}
				}
			}
			if href, _ := attribute(n, "href"); n.Data == "a" && strings.HasPrefix(href, "#") && !ids[href[1:]] {
				t.Errorf("a link to %s, which is not there", href)
			}
		}
	}
	for _, img := range found["img"] {
		if _, ok := attribute(img, "alt"); !ok {
			t.Error("a picture without alt")
		}
	}
	if problem := strings.Contains(a.body, `class="problems"`); problem != strings.Contains(a.body, `role="alert"`) {
		t.Error("problems and alert do not go together")
	}
	var languages []string
	for _, link := range found["a"] {
		if hreflang, ok := attribute(link, "hreflang"); ok {
			languages = append(languages, hreflang+" "+text(link))
		}
	}
	if want := []string{"en English", "sk Slovenčina"}; !slices.Equal(languages, want) {
		t.Errorf("languages are %q, want %q", languages, want)
	}
	if match := regexp.MustCompile(`web\.[a-z_]+\.|no value|&lt;nil|%!`).FindString(a.body); match != "" {
		t.Errorf("the page shows %q", match)
	}
}

func checkInputs(t *testing.T, found map[string][]*html.Node, ids map[string]bool) {
	labelled := map[string]bool{}
	for _, label := range found["label"] {
		id, _ := attribute(label, "for")
		labelled[id] = true
	}
	for _, input := range found["input"] {
		name, _ := attribute(input, "name")
		kind, _ := attribute(input, "type")
		_, hidden := attribute(input, "hidden")
		if kind == "hidden" || hidden {
			continue
		}
		if id, _ := attribute(input, "id"); !labelled[id] {
			t.Errorf("the input %s has no label", name)
		}
		if value, _ := attribute(input, "autocomplete"); value == "" {
			t.Errorf("the input %s has no autocomplete", name)
		}
		if value, _ := attribute(input, "value"); kind == "password" && value != "" {
			t.Errorf("the input %s gives a password back", name)
		}
		if invalid, _ := attribute(input, "aria-invalid"); invalid == "true" && !ids["f-"+name+"-error"] {
			t.Errorf("the input %s is wrong and does not say why", name)
		}
	}
	for _, form := range found["form"] {
		if method, _ := attribute(form, "method"); method != "post" {
			t.Errorf("a form with method %q", method)
		}
	}
}

func TestFieldsTellBrowsersWhatTheyAre(t *testing.T) {
	h := open(t)
	me, browser := h.domain.signIn(), h.domain.bring()
	for _, test := range []struct{ name, body, want string }{
		{"identity", h.get("/register/identity", brought(browser)).body, "first_name=given-name last_name=family-name =off phone=tel"},
		{"again", h.get("/account/again", cookie(me)).body, "username=username current_password=current-password"},
		{"login", h.get("/login").body, "email=username password=current-password"},
		{"register", h.get("/register").body, "first_name=given-name last_name=family-name email=email phone=tel website=off"},
		{"confirm", h.get("/confirm/" + string(confirmToken)).body, "username=username password=new-password password_confirm=new-password"},
		{"code", h.get("/confirm").body, "email=email code=one-time-code"},
		{"reset", h.get("/reset/" + string(resetToken)).body, "username=username password=new-password password_confirm=new-password"},
		{
			"account", h.get("/account", cookie(me)).body, "first_name=given-name last_name=family-name phone=tel " +
				"username=username current_password=current-password password=new-password password_confirm=new-password",
		},
	} {
		var got []string
		for _, input := range elements(t, test.body)["input"] {
			name, _ := attribute(input, "name")
			if complete, ok := attribute(input, "autocomplete"); ok {
				got = append(got, name+"="+complete)
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestContrast computes what WCAG 2.2 asks of colours: 4.5 to 1 for text, 3 to 1 for what bounds an input or shows
// the focus, in both themes.
func TestContrast(t *testing.T) {
	raw, err := os.ReadFile("../../assets/web/static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(raw)
	start := strings.Index(css, "@media (prefers-color-scheme: dark)")
	end := strings.Index(css[start:], "\n}") + start
	for theme, block := range map[string]string{"light": css[:start], "dark": css[start:end]} {
		colors := map[string]string{}
		for _, match := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllStringSubmatch(block, -1) {
			colors[match[1]] = match[2]
		}
		for _, pair := range []struct {
			over, under string
			least       float64
		}{
			{"ink", "ground", 4.5},
			{"ink", "surface", 4.5},
			{"ink", "tint", 4.5},
			{"ink", "wrong-tint", 4.5},
			{"soft", "ground", 4.5},
			{"soft", "surface", 4.5},
			{"soft", "tint", 4.5},
			{"accent", "surface", 4.5},
			{"accent", "ground", 4.5},
			{"accent", "tint", 4.5},
			{"accent-over", "tint", 4.5},
			{"on-accent", "accent", 4.5},
			{"on-accent", "accent-over", 4.5},
			{"wrong", "surface", 4.5},
			{"wrong", "wrong-tint", 4.5},
			{"edge", "surface", 3},
			{"focus", "surface", 3},
			{"focus", "ground", 3},
			{"mark-ink", "mark", 4.5},
			{"mark-edge", "surface", 3},
			{"entra-ink", "entra", 4.5},
			{"entra-edge", "surface", 3},
		} {
			got := contrast(t, colors[pair.over], colors[pair.under])
			if got < pair.least {
				t.Errorf("%s: %s on %s is %.2f to 1, want %.1f", theme, pair.over, pair.under, got, pair.least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(t *testing.T, color string) float64 {
	t.Helper()
	if len(color) == 3 {
		color = fmt.Sprintf("%c%c%c%c%c%c", color[0], color[0], color[1], color[1], color[2], color[2])
	}
	value, err := strconv.ParseUint(color, 16, 32)
	if err != nil || len(color) != 6 {
		t.Fatalf("colour %q: %v", color, err)
	}
	channel := func(shift uint) float64 {
		c := float64(value>>shift&255) / 255
		if c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*channel(16) + .7152*channel(8) + .0722*channel(0)
}
