package gui

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

// code is the source of this package without its tests, for the checks of its texts.
type code struct {
	files *gotoken.FileSet
	trees []*ast.File
	// keyParams are the functions that hand a parameter on to tr, trn or has as its key: by name, at which place it stands.
	keyParams map[string]int
	keyFields map[string]bool // fields of structs that are handed on so
}

// keyFamilies are the beginnings of keys that may be all there is of a literal; others have two parts at least, so that not every text
// of a screen passes for used.
func keyFamilies() []string {
	return []string{"connect.", "event.", "mail.", "page.", "reason.", "settings."}
}

func mapFS(source string) fs.FS { return fstest.MapFS{"x.go": {Data: []byte(source)}} }

func readCode(t *testing.T, dir fs.FS) *code {
	t.Helper()
	c := &code{files: gotoken.NewFileSet(), keyParams: map[string]int{"tr": 0, "trn": 0, "has": 0}, keyFields: map[string]bool{}}
	names, err := fs.Glob(dir, "*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no source: %v", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := parser.ParseFile(c.files, name, data, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		c.trees = append(c.trees, tree)
	}
	for before := -1; before != len(c.keyParams)+len(c.keyFields); { // those that hand on to those that hand on
		before = len(c.keyParams) + len(c.keyFields)
		c.findKeyParams()
	}
	return c
}

func (c *code) inspect(see func(ast.Node)) {
	for _, tree := range c.trees {
		ast.Inspect(tree, func(n ast.Node) bool {
			see(n)
			return true
		})
	}
}

func (c *code) at(n ast.Node) string { return c.files.Position(n.Pos()).String() }

// findKeyParams looks into every function, declared or made and given a name.
func (c *code) findKeyParams() {
	c.inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				c.handsOn(n.Name.Name, n.Type, n.Body)
			}
		case *ast.AssignStmt:
			if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
				return
			}
			name, isName := n.Lhs[0].(*ast.Ident)
			made, isFunc := n.Rhs[0].(*ast.FuncLit)
			if isName && isFunc {
				c.handsOn(name.Name, made.Type, made.Body)
			}
		case *ast.CallExpr:
			if field, ok := c.keyOf(n).(*ast.SelectorExpr); ok {
				c.keyFields[field.Sel.Name] = true
			}
		}
	})
}

func (c *code) handsOn(name string, signature *ast.FuncType, body *ast.BlockStmt) {
	if _, known := c.keyParams[name]; known {
		return
	}
	var params []string
	for _, field := range signature.Params.List {
		if len(field.Names) == 0 {
			params = append(params, "")
		}
		for _, param := range field.Names {
			params = append(params, param.Name)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if key, ok := c.keyOf(call).(*ast.Ident); ok {
			if i := slices.Index(params, key.Name); i >= 0 {
				c.keyParams[name] = i
			}
		}
		return true
	})
}

// keyOf returns the argument of a call that is a key, or nil.
func (c *code) keyOf(call *ast.CallExpr) ast.Expr {
	i, ok := c.keyParams[calledName(call)]
	if !ok || i >= len(call.Args) {
		return nil
	}
	return call.Args[i]
}

// nameOf returns the name of the function or method that is called.
func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}

// literal returns the text of a string literal.
func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != gotoken.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// prefix returns how a key begins that is put together: by + or by fmt.Sprintf.
func prefix(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		left := e.X
		for {
			b, ok := left.(*ast.BinaryExpr)
			if !ok {
				break
			}
			left = b.X
		}
		return literal(left)
	case *ast.CallExpr:
		if calledName(e) == "Sprintf" {
			if format, ok := literal(e.Args[0]); ok {
				return strings.Split(format, "%")[0], true
			}
		}
	}
	return "", false
}

// isPrefix reports whether keys may be put together so.
func isPrefix(text string) bool {
	return strings.HasSuffix(text, ".") && (strings.Count(text, ".") > 1 || slices.Contains(keyFamilies(), text))
}

// keyProblems returns what the code asks for and is not among the texts, or not as it asks.
func (c *code) keyProblems(texts map[string]message) []string {
	var out []string
	add := func(n ast.Node, format string, values ...any) {
		out = append(out, c.at(n)+": "+fmt.Sprintf(format, values...))
	}
	c.inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			name, isName := n.Key.(*ast.Ident)
			key, isText := literal(n.Value)
			if isName && isText && c.keyFields[name.Name] {
				if _, ok := texts[key]; !ok && key != "" {
					add(n, "there is no text %q", key)
				}
			}
		case *ast.CallExpr:
			arg := c.keyOf(n)
			if arg == nil {
				return
			}
			if key, ok := literal(arg); ok {
				if m, ok := texts[key]; ok {
					c.checkCall(n, key, m, add)
				} else {
					add(n, "there is no text %q", key)
				}
			} else if begin, ok := prefix(arg); ok && begin != "" {
				known := func() bool {
					for key := range texts {
						if strings.HasPrefix(key, begin) {
							return true
						}
					}
					return false
				}
				if !isPrefix(begin) || begin != "reason." && !known() {
					add(n, "no text begins with %q, or too many do: a key that is put together begins with two names and full stops", begin)
				}
			}
		}
	})
	return out
}

// checkCall compares a text with the call that asks for it: plural or not, and the values of its places.
func (c *code) checkCall(call *ast.CallExpr, key string, m message, add func(ast.Node, string, ...any)) {
	given := 1
	switch calledName(call) {
	case "tr":
		if m.plural() {
			add(call, "%q has plural forms: ask by trn", key)
			return
		}
	case "trn":
		given = 2
		if !m.plural() {
			add(call, "%q has no plural forms: ask by tr", key)
			return
		}
	default:
		return // another function knows the values
	}
	names := []string{}
	for _, arg := range call.Args[min(given, len(call.Args)):] {
		values, ok := arg.(*ast.CompositeLit)
		if !ok {
			return // made elsewhere
		}
		for _, element := range values.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok {
				if name, ok := literal(pair.Key); ok {
					names = append(names, name)
				}
			}
		}
	}
	needs := slices.DeleteFunc(m.places(), func(name string) bool { return given == 2 && name == "Count" })
	slices.Sort(names)
	if !slices.Equal(needs, names) {
		add(call, "%q needs %v, and gets %v", key, needs, names)
	}
}

// uses reports whether the code has a key, or puts one together that begins as it does.
func (c *code) uses(key string) bool {
	found := false
	c.inspect(func(n ast.Node) {
		e, ok := n.(ast.Expr)
		if !ok || found {
			return
		}
		if text, ok := literal(e); ok && text == key {
			found = true
		}
		if begin, ok := prefix(e); ok && isPrefix(begin) && strings.HasPrefix(key, begin) {
			found = true
		}
	})
	return found
}

// shows are the functions whose arguments are shown, but for those of widget and dialog.
func shows() []string {
	return []string{
		"NewText", "NewTabItem", "NewTabItemWithIcon", "NewMenu", "NewMenuItem", "NewWindow", "SetText", "SetPlaceHolder", "SetTitle", "SetDismissText", "SetConfirmText",
		"newTitle", "newHeading", "newHint", "newSmall", "newText", "newButton", "newMainButton", "newDangerButton", "newField", "newFact", "newCopyField",
		"newCard", "newPill", "newEmpty", "newSearch", "newTile", "newChart", "say", "offer", "tell", "confirm", "confirmTyped", "ask",
	}
}

// words returns the string literals with letters that are shown: handed to what shows them, or put into a field that is shown.
func (c *code) words() []string {
	var out []string
	see := func(e ast.Expr) {
		for _, lit := range literals(e) {
			if text, ok := literal(lit); ok && hasLetters(text) {
				out = append(out, fmt.Sprintf("%s: %q is shown and stands in the code, not in %s", c.at(lit), text, textsDir))
			}
		}
	}
	shown := func(name string) bool {
		return slices.Contains([]string{"Text", "PlaceHolder", "HintText", "Title"}, name)
	}
	functions := shows()
	c.inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			if slices.Contains(functions, calledName(n)) || isOf(n, "widget") || isOf(n, "dialog") {
				for _, arg := range n.Args {
					see(arg)
				}
			}
		case *ast.KeyValueExpr:
			if name, ok := n.Key.(*ast.Ident); ok && shown(name.Name) {
				see(n.Value)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if field, ok := left.(*ast.SelectorExpr); ok && shown(field.Sel.Name) && i < len(n.Rhs) {
					see(n.Rhs[i])
				}
			}
		}
	})
	return out
}

// isOf reports whether a call is of a function of a package.
func isOf(call *ast.CallExpr, name string) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	of, ok := f.X.(*ast.Ident)
	return ok && of.Name == name
}

// literals returns the string literals of which an argument is put together; other calls than fmt's have theirs for themselves.
func literals(e ast.Expr) []*ast.BasicLit {
	switch e := e.(type) {
	case *ast.BasicLit:
		return []*ast.BasicLit{e}
	case *ast.ParenExpr:
		return literals(e.X)
	case *ast.BinaryExpr:
		return append(literals(e.X), literals(e.Y)...)
	case *ast.CompositeLit:
		var out []*ast.BasicLit
		for _, element := range e.Elts {
			out = append(out, literals(element)...)
		}
		return out
	case *ast.CallExpr:
		var out []*ast.BasicLit
		if isOf(e, "fmt") {
			for _, arg := range e.Args {
				out = append(out, literals(arg)...)
			}
		}
		return out
	default:
		return nil
	}
}

func hasLetters(text string) bool {
	text = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`).ReplaceAllString(text, "")
	return strings.ContainsFunc(text, unicode.IsLetter)
}
