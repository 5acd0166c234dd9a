package web_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"foyer/app"
	"foyer/assets"
)

func locale(t testing.TB, lang string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../../assets/locales/web." + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

func TestLocalesAreComplete(t *testing.T) {
	english := locale(t, assets.Langs[0])
	for _, lang := range assets.Langs[1:] {
		other := locale(t, lang)
		for id, text := range english {
			translated, ok := other[id]
			if !ok || strings.TrimSpace(translated) == "" {
				t.Errorf("%s: no text %s", lang, id)
				continue
			}
			want, got := placeholder.FindAllString(text, -1), placeholder.FindAllString(translated, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %s has the places %v, want %v", lang, id, got, want)
			}
		}
		for id := range other {
			if _, ok := english[id]; !ok {
				t.Errorf("%s: %s is not in %s", lang, id, assets.Langs[0])
			}
		}
	}
}

var textID = regexp.MustCompile(`"(web(?:\.[a-z0-9_]+)+)"`)

func TestEveryTextIsUsedAndThere(t *testing.T) {
	used := map[string]bool{}
	for _, pattern := range []string{"*.go", "../../assets/web/templates/*.html", "../../assets/web/templates/*/*.html"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range textID.FindAllStringSubmatch(string(raw), -1) {
				used[match[1]] = true
			}
		}
	}
	for _, reason := range reasons(t) {
		used["web.reason."+reason] = true
	}
	texts := locale(t, "en")
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if _, ok := texts[id]; !ok {
			t.Errorf("no text %s", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		if !used[id] {
			t.Errorf("the text %s is not used", id)
		}
	}
}

// reasons returns every reason of an error that a page can get from the domain: those its code for visitors gives
// itself, and those it passes on from the store.
func reasons(t testing.TB) []string {
	t.Helper()
	found := map[string]bool{}
	files := token.NewFileSet()
	for _, name := range []string{
		"account.go", "address.go", "arrive.go", "connectors.go", "identity.go", "identity_signup.go", "link.go", "password.go",
		"signin.go", "signup.go", "stop.go",
	} {
		file, err := parser.ParseFile(files, "../../app/"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if isForAdministrators(n) {
				return false
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 {
				return true
			}
			if callee, ok := call.Fun.(*ast.Ident); ok && (callee.Name == "Errorf" || callee.Name == "Fieldf") {
				reason, ok := call.Args[1].(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s: the reason is no literal", files.Position(call.Pos()))
				}
				text, err := strconv.Unquote(reason.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[text] = true
			}
			return true
		})
	}
	for _, reason := range []string{
		app.ProviderUnreachable, app.ProviderRefusedCode, app.ProviderRefusedUs, app.ProviderDenied, app.ProviderRefused,
		app.ProviderMixUp, app.ProviderTenant,
	} {
		found[reason] = true
	}
	store, err := parser.ParseFile(files, "../../app/store.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	visitors := store.Scope.Lookup("VisitorStore").Decl.(*ast.TypeSpec)
	quoted := regexp.MustCompile(`"([a-z]+(?:_[a-z]+)+)"`)
	for _, method := range visitors.Type.(*ast.InterfaceType).Methods.List {
		for _, match := range quoted.FindAllStringSubmatch(method.Doc.Text(), -1) {
			found[match[1]] = true
		}
	}
	if len(found) < 20 {
		t.Fatalf("found only the reasons %v", slices.Sorted(maps.Keys(found)))
	}
	return slices.Sorted(maps.Keys(found))
}

// isForAdministrators reports whether n is a function that no page asks: those of the administrator's side are told who
// the administrator is.
func isForAdministrators(n ast.Node) bool {
	f, ok := n.(*ast.FuncDecl)
	return ok && slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		return slices.ContainsFunc(p.Names, func(name *ast.Ident) bool { return name.Name == "actor" })
	})
}

func TestEveryReasonHasATextInEveryLanguage(t *testing.T) {
	h := open(t)
	for _, reason := range reasons(t) {
		for _, lang := range assets.Langs {
			err := app.Errorf(app.Unavailable, reason, "the English sentence of last resort")
			err.Args = map[string]string{"Email": "ARGUMENT", "Seconds": "ARGUMENT", "Through": "ARGUMENT"}
			h.domain.fail(err)
			a := h.post("/login", "email=a@b.example&password=x", header("Accept-Language", lang))
			if strings.Contains(a.body, "last resort") || strings.Contains(a.body, "web.reason") || strings.Contains(a.body, "no value") {
				t.Errorf("%s: no text for the reason %s", lang, reason)
			}
			if hasPlace := strings.Contains(locale(t, lang)["web.reason."+reason], "{{"); hasPlace && !strings.Contains(a.body, "ARGUMENT") {
				t.Errorf("%s: the text for %s does not show its argument", lang, reason)
			}
		}
	}
	h.domain.fail(app.Errorf(app.Conflict, "a_new_reason", "the English sentence of last resort"))
	h.post("/login", "email=a@b.example&password=x").want(t, "unknown reason", 409, "the English sentence of last resort")
}

func TestTextsNameTheBoundsOfThePassword(t *testing.T) {
	for _, lang := range assets.Langs {
		texts := locale(t, lang)
		for id, bound := range map[string]int{
			"web.field.new_password.hint": app.MinPassword, "web.reason.password_short": app.MinPassword,
			"web.reason.password_long": app.MaxPassword,
		} {
			if !strings.Contains(texts[id], strconv.Itoa(bound)) {
				t.Errorf("%s: %s does not say %d: %s", lang, id, bound, texts[id])
			}
		}
	}
}
