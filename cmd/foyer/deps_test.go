package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the name of the module, as in go.mod.
const module = "foyer"

// rooms lists every package of the module and the packages of the module it may import. The domain knows nothing of
// the world, the rooms below server know nothing of each other, and only cmd/foyer starts things. Tests are free:
// the pages are tested on the real store.
var rooms = map[string][]string{
	"app":                   {},
	"app/localapi":          {"app"},
	"assets":                {},
	"cmd/foyer":             {"app", "app/localapi", "assets", "cmd/foyer/displaylibs", "cmd/foyer/quiet", "gui", "server"},
	"cmd/foyer/displaylibs": {},
	"cmd/foyer/quiet":       {},
	"gui":                   {"app", "app/localapi", "assets"},
	"server":                {"app", "app/localapi", "assets", "server/backup", "server/cert", "server/discovery", "server/mail", "server/metrics", "server/oidc", "server/store", "server/web"},
	"server/backup":         {"app"},
	"server/cert":           {"app"},
	"server/discovery":      {},
	"server/mail":           {"app", "assets"},
	"server/metrics":        {"app"},
	"server/oidc":           {"app"},
	"server/store":          {"app", "assets"},
	"server/web":            {"app", "assets"},
}

// library says where packages from outside the module may be imported: path is the package and everything below it.
type library struct {
	path  string
	rooms []string // by the code
	tests []string // and by the tests of these rooms; nil is those of the rooms above
}

// everywhere stands for all rooms.
var everywhere = []string{"*"}

// libraries lists what is imported from outside. Every third-party package must be here; of the standard library,
// what would let a room reach past its own job. The most specific path counts.
var libraries = []library{
	{path: "filippo.io/age", rooms: []string{"server/backup"}},
	{path: "fyne.io/fyne/v2", rooms: []string{"cmd/foyer", "gui"}},
	{path: "fyne.io/fyne/v2/app", rooms: []string{"cmd/foyer"}}, // it is the one that needs X11 and OpenGL to be built
	{path: "fyne.io/fyne/v2/test", tests: []string{"gui"}},
	{path: "github.com/Microsoft/go-winio", rooms: []string{"app/localapi"}},
	{path: "github.com/BurntSushi/toml", rooms: []string{"server"}, tests: []string{"server", "cmd/foyer"}},
	{path: "github.com/caddyserver/certmagic", rooms: []string{"server/cert"}},
	{path: "github.com/chromedp", rooms: nil, tests: []string{"cmd/foyer"}},
	{path: "github.com/beevik/ntp", rooms: []string{"server"}},
	{path: "github.com/coreos/go-oidc", rooms: []string{"server/oidc"}},
	{path: "github.com/emersion", rooms: []string{"server/mail"}, tests: []string{"server/mail", "cmd/foyer"}},
	{path: "github.com/gin-gonic/gin", rooms: []string{"server/web"}},
	{path: "github.com/go-gl/glfw", rooms: []string{"cmd/foyer"}},
	{path: "github.com/go-jose/go-jose", rooms: []string{"server/oidc"}, tests: []string{"server/oidc", "server", "cmd/foyer"}},
	{path: "github.com/godbus/dbus", rooms: []string{"cmd/foyer"}},
	{path: "github.com/kardianos/service", rooms: []string{"cmd/foyer"}},
	{path: "github.com/letsencrypt/pebble", tests: []string{"server"}},
	{path: "github.com/mattn/go-sqlite3", rooms: []string{"server/store"}, tests: []string{"server/store", "server", "cmd/foyer"}},
	{path: "github.com/mholt/acmez", rooms: []string{"server/cert"}},
	{path: "github.com/miekg/dns", rooms: []string{"server/discovery", "server/mail"}, tests: []string{"server/discovery", "server/mail", "server", "cmd/foyer"}},
	{path: "github.com/nicksnyder/go-i18n", rooms: []string{"assets"}},
	{path: "github.com/pressly/goose", rooms: []string{"server/store"}},
	{path: "github.com/prometheus", rooms: []string{"server/metrics"}},
	{path: "github.com/spf13/cobra", rooms: []string{"cmd/foyer"}},
	{path: "github.com/spf13/pflag", rooms: []string{"cmd/foyer"}},
	{path: "go.uber.org/zap", rooms: []string{"server/cert"}}, // certmagic wants one of its loggers
	{path: "golang.org/x", rooms: everywhere},
	{path: "golang.org/x/oauth2", rooms: []string{"server/mail", "server/oidc"}},
	{path: "rsc.io/qr", rooms: []string{"gui"}},

	{path: "C", rooms: []string{"cmd/foyer/displaylibs"}},
	{path: "database/sql", rooms: []string{"server/store"}, tests: []string{"server/store", "server", "cmd/foyer"}},
	{path: "html/template", rooms: []string{"server/web", "server/mail"}},
	{path: "log", rooms: []string{"cmd/foyer", "cmd/foyer/quiet"}, tests: everywhere},
	{path: "log/slog", rooms: everywhere},
	{path: "net/http", rooms: []string{"app/localapi", "cmd/foyer", "server", "server/cert", "server/mail", "server/metrics", "server/oidc", "server/web"}, tests: everywhere},
	{path: "net/smtp", rooms: nil}, // go-smtp; net/smtp is frozen
	{path: "os", rooms: []string{"app/localapi", "cmd/foyer", "gui", "server", "server/backup", "server/cert", "server/mail", "server/store"}, tests: everywhere}, // gui writes copies of backups
	{path: "os/exec", rooms: []string{"cmd/foyer"}, tests: everywhere},
	{path: "os/user", rooms: []string{"app/localapi", "cmd/foyer", "server"}, tests: everywhere},
	{path: "syscall", rooms: []string{"app/localapi", "cmd/foyer", "server", "server/backup", "server/cert", "server/mail", "server/oidc", "server/store"}, tests: everywhere},
	{path: "unsafe", rooms: []string{"app/localapi", "server/store"}},
}

// topLevel is everything that stands at the top of the source tree, besides dot-files. The last three are made, not
// kept.
var topLevel = []string{
	"app", "assets", "cmd", "docs", "gui", "server", "go.mod", "go.sum", "FyneApp.toml",
	"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
	"bin", "build", "dist",
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p pkg) room() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestDirections(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		for _, tags := range []string{"nogui", "nogui,bench", "x11,migrated_fynedo,no_emoji", "x11,migrated_fynedo,no_emoji,bench"} {
			t.Run(goos+" "+tags, func(t *testing.T) {
				t.Parallel()
				packages := goList(t, goos, tags)
				for _, problem := range check(packages, rooms, libraries) {
					t.Error(problem)
				}
				if goos == "linux" && !strings.Contains(tags, "nogui") {
					for _, room := range missing(packages, rooms) {
						t.Errorf("%s is in the table rooms, but there is no such package", room)
					}
				}
			})
		}
	}
}

// goList returns the packages of the module as they are built for an operating system with build tags.
func goList(t *testing.T, goos, tags string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-tags", tags, "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []pkg
	for decoder := json.NewDecoder(&stdout); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list printed what is no JSON: %v", err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list found no packages")
	}
	return packages
}

// root returns the top of the source tree.
func root(tb testing.TB) string {
	tb.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// check returns one sentence for each import that the tables do not allow, and for each package they do not know.
func check(packages []pkg, rooms map[string][]string, libraries []library) []string {
	var problems []string
	for _, p := range packages {
		allowed, known := rooms[p.room()]
		if !known {
			problems = append(problems, fmt.Sprintf("%s is not in the table rooms", p.room()))
			continue
		}
		for _, imported := range p.Imports {
			if inside, ok := strings.CutPrefix(imported, module+"/"); ok && !slices.Contains(allowed, inside) {
				problems = append(problems, fmt.Sprintf("%s imports %s: not its direction", p.room(), inside))
			}
			if problem := checkLibrary(imported, p.room(), libraries, false); problem != "" {
				problems = append(problems, problem)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if problem := checkLibrary(imported, p.room(), libraries, true); problem != "" {
				problems = append(problems, problem)
			}
		}
	}
	return problems
}

// checkLibrary returns why a room's code or tests may not import a package from outside the module, or "".
func checkLibrary(imported, room string, libraries []library, test bool) string {
	if imported == module || strings.HasPrefix(imported, module+"/") {
		return ""
	}
	var rule library
	for _, l := range libraries {
		if (imported == l.path || strings.HasPrefix(imported, l.path+"/")) && len(l.path) > len(rule.path) {
			rule = l
		}
	}
	if rule.path == "" {
		if domain, _, _ := strings.Cut(imported, "/"); strings.Contains(domain, ".") {
			return fmt.Sprintf("%s imports %s: it is not in the table libraries", room, imported)
		}
		return "" // standard library, without a rule
	}
	where, who := rule.rooms, room
	if test {
		who = "the tests of " + room
		if rule.tests != nil {
			where = rule.tests
		}
	}
	if slices.Contains(where, room) || slices.Equal(where, everywhere) {
		return ""
	}
	return fmt.Sprintf("%s may not import %s", who, imported)
}

// missing returns the rooms of the table that are no packages.
func missing(packages []pkg, rooms map[string][]string) []string {
	var names []string
	for room := range rooms {
		if !slices.ContainsFunc(packages, func(p pkg) bool { return p.room() == room }) {
			names = append(names, room)
		}
	}
	slices.Sort(names)
	return names
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") && !slices.Contains(topLevel, entry.Name()) {
			t.Errorf("%s: the top level is fixed; it belongs into one of the rooms", entry.Name())
		}
	}
}

func TestCheck(t *testing.T) {
	rooms := map[string][]string{"app": {}, "server": {"app", "server/web"}, "server/web": {"app"}, "server/store": {"app"}}
	libraries := []library{
		{path: "github.com/x/web", rooms: []string{"server/web"}},
		{path: "github.com/x/web/testing", tests: []string{"server"}},
		{path: "golang.org/x", rooms: everywhere},
		{path: "database/sql", rooms: []string{"server/store"}},
		{path: "os", rooms: []string{"server"}, tests: everywhere},
	}
	tests := []struct {
		name string
		give pkg
		want []string
	}{
		{"own direction", pkg{ImportPath: "foyer/server", Imports: []string{"foyer/app", "foyer/server/web", "fmt", "os"}}, nil},
		{"against the direction", pkg{ImportPath: "foyer/app", Imports: []string{"foyer/server"}}, []string{"app imports server: not its direction"}},
		{"neighbour", pkg{ImportPath: "foyer/server/web", Imports: []string{"foyer/server/store"}}, []string{"server/web imports server/store: not its direction"}},
		{"neighbour in a test", pkg{ImportPath: "foyer/server/web", XTestImports: []string{"foyer/server/store"}}, nil},
		{"unknown room", pkg{ImportPath: "foyer/util", Imports: []string{"fmt"}}, []string{"util is not in the table rooms"}},
		{"library at home", pkg{ImportPath: "foyer/server/web", Imports: []string{"github.com/x/web/sub"}}, nil},
		{"library elsewhere", pkg{ImportPath: "foyer/server", Imports: []string{"github.com/x/web"}}, []string{"server may not import github.com/x/web"}},
		{"library with a longer name", pkg{ImportPath: "foyer/server/web", Imports: []string{"github.com/x/web2"}}, []string{"server/web imports github.com/x/web2: it is not in the table libraries"}},
		{"library in a test elsewhere", pkg{ImportPath: "foyer/server", TestImports: []string{"github.com/x/web"}}, []string{"the tests of server may not import github.com/x/web"}},
		{"library for tests", pkg{ImportPath: "foyer/server", XTestImports: []string{"github.com/x/web/testing"}}, nil},
		{"library for tests in code", pkg{ImportPath: "foyer/server/web", Imports: []string{"github.com/x/web/testing"}}, []string{"server/web may not import github.com/x/web/testing"}},
		{"library everywhere", pkg{ImportPath: "foyer/app", Imports: []string{"golang.org/x/net/idna"}}, nil},
		{"standard library, its place", pkg{ImportPath: "foyer/server/store", Imports: []string{"database/sql", "database/sql/driver"}}, nil},
		{"standard library, not its place", pkg{ImportPath: "foyer/server", Imports: []string{"database/sql/driver"}}, []string{"server may not import database/sql/driver"}},
		{"standard library, in tests", pkg{ImportPath: "foyer/app", Imports: []string{"os"}, TestImports: []string{"os"}}, []string{"app may not import os"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := check([]pkg{test.give}, rooms, libraries); !slices.Equal(got, test.want) {
				t.Errorf("check(%+v)\n got %q\nwant %q", test.give, got, test.want)
			}
		})
	}
	if got, want := missing([]pkg{{ImportPath: "foyer/app"}, {ImportPath: "foyer/server/web"}}, rooms), []string{"server", "server/store"}; !slices.Equal(got, want) {
		t.Errorf("missing: got %q, want %q", got, want)
	}
}
