package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"foyer/app"
	"foyer/server"
)

func TestUnit(t *testing.T) {
	got := unitText("/usr/local/bin/foyer", nil)
	golden := filepath.Join("testdata", "foyer.service")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the unit is not that of %s; see what changed with: go test ./cmd/foyer -run TestUnit -update && git diff", golden)
	}
	if !strings.HasPrefix(got, unitMark) || strings.Contains(got, "@PROGRAM@") || strings.Contains(got, "@WRITABLE@") {
		t.Error("the unit lacks its mark, or has places that were not filled")
	}
	elsewhere := unitText("/usr/local/bin/foyer", []string{"/srv/foyer", "/srv/50% off"})
	if want := "ConfigurationDirectory=foyer\nReadWritePaths=/srv/foyer\nReadWritePaths=\"/srv/50%% off\"\nUMask=0077\n"; !strings.Contains(elsewhere, want) {
		t.Errorf("with directories elsewhere: got\n%s\nwant in it\n%s", elsewhere, want)
	}
}

// TestUnitAnalyze asks systemd what it thinks of the unit. It needs no systemd that runs.
func TestUnitAnalyze(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed; .ci/need test brings it, with the package systemd")
	}
	// A program that is there: the service is not installed on this machine.
	unit := filepath.Join(t.TempDir(), "foyer.service")
	if err := os.WriteFile(unit, []byte(unitText("/bin/true", []string{"/srv/foyer data"})), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--man=no", unit},
		{"security", "--offline=true", "--threshold=20", "--no-pager", unit},
	} {
		out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
		if err != nil && strings.Contains(string(out), "unrecognized option") {
			t.Skipf("this systemd-analyze is too old: %s", out)
		}
		if err != nil || args[0] == "verify" && strings.Contains(string(out), unit) {
			t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestWritable(t *testing.T) {
	for _, test := range []struct {
		config server.Config
		want   []string
	}{
		{server.Config{}, nil},
		{server.Config{DataDir: "/var/lib/foyer", Socket: "/run/foyer/admin.sock"}, nil},
		{server.Config{DataDir: "/var/lib/foyer/office", Socket: "/run/foyer/office.sock"}, nil},
		{server.Config{DataDir: "/srv/foyer"}, []string{"/srv/foyer"}},
		{server.Config{DataDir: "/srv/foyer", Socket: "/srv/foyer/admin.sock"}, []string{"/srv/foyer"}},
		{server.Config{DataDir: "/var/lib/foyer2", Socket: "/srv/run/admin.sock"}, []string{"/var/lib/foyer2", "/srv/run"}},
	} {
		if got := writable(test.config); !slices.Equal(got, test.want) {
			t.Errorf("writable(%q, %q): got %q, want %q", test.config.DataDir, test.config.Socket, got, test.want)
		}
	}
}

func TestConfigText(t *testing.T) {
	const head = "# What Foyer needs to know before its database is open. After a change: sudo foyer service restart\n"
	for _, test := range []struct {
		config server.Config
		want   string
	}{
		{server.Config{}, ""},
		{server.Config{Listen: ":80"}, head + "listen = \":80\"\n"},
		{
			server.Config{Listen: ":80", PublicURL: "https://a.example", Operators: []string{"anna", `OFFICE\bob`}},
			head + "listen = \":80\"\npublic_url = \"https://a.example\"\noperators = [\"anna\", \"OFFICE\\\\bob\"]\n",
		},
	} {
		got, err := configText(test.config)
		if err != nil || got != test.want {
			t.Errorf("%+v: got %q, %v, want %q", test.config, got, err, test.want)
		}
	}
	if _, err := configText(server.Config{Listen: "\a"}); app.CodeOf(err) != app.Invalid {
		t.Errorf("what TOML cannot say: got %v, want Invalid", err)
	}
}

func TestParseStatus(t *testing.T) {
	unit := "\nLoadState=loaded\nUnitFileState=enabled\nFragmentPath=/etc/systemd/system/foyer.service\n"
	for _, test := range []struct {
		text string
		want serviceStatus
	}{
		{"LoadState=not-found\nActiveState=inactive\n", serviceStatus{}},
		{"", serviceStatus{}},
		{
			"ActiveState=active\nSubState=running\nMainPID=42\nStatusText=serving at http://office:8080" + unit,
			serviceStatus{State: stateRunning, Running: true, PID: 42, Address: "http://office:8080"},
		},
		{"ActiveState=activating\nSubState=start" + unit, serviceStatus{State: stateStarting}},
		{
			"ActiveState=activating\nSubState=start\nStatusText=starting: bringing the database up to date (40 %)" + unit,
			serviceStatus{State: stateStarting, Detail: "bringing the database up to date (40 %)"},
		},
		{
			"ActiveState=failed\nResult=exit-code\nExecMainStatus=78\nStatusText=the data directory /var/lib/foyer is read-only" + unit,
			serviceStatus{State: stateFailed, Detail: "the data directory /var/lib/foyer is read-only; see journalctl -u foyer", Reason: reasonData},
		},
		{
			"ActiveState=failed\nResult=exit-code\nExecMainStatus=1\nStatusText=serving at http://office:8080" + unit,
			serviceStatus{State: stateFailed, Detail: "it ended with exit status 1; see journalctl -u foyer"},
		},
		{
			"ActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=1" + unit,
			serviceStatus{State: stateRestarting, Detail: "it ended with exit status 1; see journalctl -u foyer"},
		},
		{
			"ActiveState=failed\nSubState=failed\nResult=watchdog" + unit,
			serviceStatus{State: stateFailed, Detail: "watchdog; see journalctl -u foyer"},
		},
		{
			"ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=78" + unit,
			serviceStatus{State: stateFailed, Detail: "it ended with exit status 78; see journalctl -u foyer", Reason: reasonData},
		},
		{
			"ActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=6" + unit,
			serviceStatus{State: stateFailed, Detail: "it ended with exit status 6; see journalctl -u foyer", Reason: reasonConfig},
		},
		{"ActiveState=inactive\nSubState=dead\nResult=success" + unit, serviceStatus{State: stateStopped}},
	} {
		want := test.want
		if strings.Contains(test.text, unit) {
			want.Installed, want.Enabled, want.Unit = true, true, "/etc/systemd/system/foyer.service"
		}
		var got serviceStatus
		if parseStatus(&got, test.text); got != want {
			t.Errorf("%q:\n got %+v\nwant %+v", test.text, got, want)
		}
	}
	var got serviceStatus
	parseStatus(&got, "ActiveState=active\nActiveEnterTimestamp=Sun 2026-11-22 09:30:00 UTC"+unit)
	if got.Since == nil || !got.Since.Equal(then) {
		t.Errorf("since: got %v, want %v", got.Since, then)
	}
}

// TestReplaceFile replaces a file, takes it back, and replaces one that was not there.
func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "file")
	put := func(text string, undo *undoing) bool {
		t.Helper()
		changed, err := replaceFile(path, strings.NewReader(text), 0o755, nil, undo)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	holds := func(want string) {
		t.Helper()
		got, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			got = []byte("nothing")
		}
		entries, _ := os.ReadDir(filepath.Dir(path))
		if string(got) != want || len(entries) > 1 {
			t.Errorf("got %q and %d files, want %q alone", got, len(entries), want)
		}
	}
	var first, second, third undoing
	if !put("one", &first) {
		t.Error("a new file is no change")
	}
	if err := first.run(); err != nil {
		t.Error(err)
	}
	holds("nothing")
	put("one", &undoing{})
	if put("one", &undoing{}) {
		t.Error("the same again is a change")
	}
	holds("one")
	if !put("two", &second) {
		t.Error("another text is no change")
	}
	if err := second.run(); err != nil {
		t.Error(err)
	}
	holds("one")
	put("three", &third)
	third.forget()
	holds("three")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode: got %v, %v", info.Mode(), err)
	}
}

// TestReplaceFileOfOthers expects that a program which somebody else could change, or which is a link to one, does not stay
// because it happens to be the same now, and that nothing is written through a link.
func TestReplaceFileOfOthers(t *testing.T) {
	for name, prepare := range map[string]func(path, other string) error{
		"a link": func(path, other string) error { return os.Symlink(other, path) },
		"writable": func(path, _ string) error {
			return errors.Join(os.WriteFile(path, []byte("one"), 0o755), os.Chmod(path, 0o777))
		},
		"a link as .new": func(path, other string) error { return os.Symlink(other, path+".new") },
		"of another user": func(path, _ string) error {
			return errors.Join(os.WriteFile(path, []byte("one"), 0o755), os.Chown(path, 12345, 12345))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "of another user" && os.Geteuid() != 0 {
				t.Skip("not run as root: only root gives files away")
			}
			dir := t.TempDir()
			path, other := filepath.Join(dir, "foyer"), filepath.Join(dir, "other")
			if err := errors.Join(os.WriteFile(other, []byte("one"), 0o755), prepare(path, other)); err != nil {
				t.Fatal(err)
			}
			if changed, err := replaceFile(path, strings.NewReader("one"), 0o755, nil, &undoing{}); err != nil || !changed {
				t.Errorf("changed: got %v, %v", changed, err)
			}
			if !isOurs(path, 0o755) {
				t.Error("it is not a file of this user alone")
			}
			mine, err := os.Stat(path)
			theirs, errOther := os.Stat(other)
			if err := errors.Join(err, errOther); err != nil || os.SameFile(mine, theirs) {
				t.Errorf("it is the other file: %v", err)
			}
		})
	}
}

func TestMakeDir(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077)) // as careful administrators have it
	dir := filepath.Join(t.TempDir(), "a", "b")
	var undo undoing
	if err := makeDir(dir, os.Geteuid(), os.Getegid(), &undo); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o755} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if err := undo.run(); err != nil || exists(dir) {
		t.Errorf("taken back: %v, there %v", err, exists(dir))
	}
}

func TestPurgeDir(t *testing.T) {
	root := t.TempDir()
	data, link, foreign := filepath.Join(root, "data"), filepath.Join(root, "link"), filepath.Join(root, "foreign")
	err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "foyer.lock"), nil, 0o600), os.Symlink(data, link),
		os.Mkdir(foreign, 0o700), os.WriteFile(filepath.Join(foreign, "file"), nil, 0o600), os.Symlink(foreign, filepath.Join(data, "out")))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		dir    string
		there  bool
		reason string
		left   bool
	}{
		{link, false, "purge_link", true},
		{link + "/", false, "purge_link", true},
		{foreign, false, "purge_data", true},
		{data, true, "", false},
		{data, false, "", false},
	} {
		if there, err := purgeDir(test.dir); there != test.there || app.ReasonOf(err) != test.reason || exists(test.dir) != test.left {
			t.Errorf("%s: got %v, %v, still there %v", test.dir, there, err, exists(test.dir))
		}
	}
	if !exists(filepath.Join(foreign, "file")) {
		t.Error("what a link within leads to was deleted")
	}
}

// TestLookupUser has a directory that calls somebody 1001, which is the number of somebody else.
func TestLookupUser(t *testing.T) {
	names := map[string]*user.User{"1001": {Uid: "20001", Username: "1001"}, "anna": {Uid: "1001", Username: "anna"}, "4242": {Uid: "20002", Username: "4242"}}
	ids := map[string]*user.User{"20001": names["1001"], "1001": names["anna"], "20002": names["4242"]}
	find := func(in map[string]*user.User) func(string) (*user.User, error) {
		return func(word string) (*user.User, error) {
			if u := in[word]; u != nil {
				return u, nil
			}
			return nil, user.UnknownUserError(word)
		}
	}
	for word, want := range map[string]string{"1001": "anna", "anna": "anna", "20001": "1001", "4242": "4242", "nobody": ""} {
		got := ""
		if u, err := lookupUser(word, find(names), find(ids)); err == nil {
			got = u.Username
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

func TestCheckAddress(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for address, want := range map[string]app.Code{
		"127.0.0.1:0": "", l.Addr().String(): app.Conflict, "192.0.2.1:0": app.Invalid, "127.0.0.1": app.Invalid, ":http-nope": app.Invalid,
	} {
		got := app.Code("")
		if err := checkAddress(t.Context(), address); err != nil {
			got = app.CodeOf(err)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

// TestChangedConfig expects one line to change, and all else of what somebody has written to stay.
func TestChangedConfig(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "listen = \":9090\"\n"},
		{"a comment", "# ours", "# ours\nlisten = \":9090\"\n"},
		{"another value", "# ours\ndata = '/srv/foyer'\n  listen=\":8080\" # the pages\n", "# ours\ndata = '/srv/foyer'\n  listen=\":9090\" # the pages\n"},
		{"single quotes", "listen = ':8080'\n", "listen = \":9090\"\n"},
		{"only that of a section", "# ours\n\n[tls]\nlisten = \":443\"\n", "# ours\nlisten = \":9090\"\n\n[tls]\nlisten = \":443\"\n"},
		{"a comment that speaks of it", "# listen = \":80\"\noperators = [\"anna\"]\n", "# listen = \":80\"\nlisten = \":9090\"\noperators = [\"anna\"]\n"},
		{"lines of Windows", "# ours\r\nlisten = \":8080\"\r\n", "# ours\r\nlisten = \":9090\"\r\n"},
	} {
		text, config, err := changedConfig(test.text, map[string]string{"listen": ":9090"})
		if err != nil || text != test.want || config.Listen != ":9090" {
			t.Errorf("%s: got %q, %v, want %q", test.name, text, err, test.want)
		}
	}
	both, config, err := changedConfig("listen = \":80\"\n", map[string]string{"listen": "127.0.0.1:80", "public_url": "https://a.example"})
	if err != nil || config.Listen != "127.0.0.1:80" || config.PublicURL != "https://a.example" {
		t.Errorf("both: got %q, %v", both, err)
	}
	for name, text := range map[string]string{
		"on several lines":  "listen = \"\"\"\n:8080\"\"\"\n",
		"with escapes":      "listen = \"\\u003a8080\"\n",
		"within a text":     "data = '''\nlisten = \":1\"\n'''\n",
		"not a valid file":  "listen = \n",
		"with unknown keys": "lissten = \":8080\"\n",
	} {
		if got, _, err := changedConfig(text, map[string]string{"listen": ":9090"}); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestWriteConfig(t *testing.T) {
	dir := t.TempDir()
	m := &systemd{config: filepath.Join(dir, "foyer.toml")}
	if err := errors.Join(os.WriteFile(m.config, []byte("old"), 0o600), os.Chmod(m.config, 0o640)); err != nil { // whatever the mask is
		t.Fatal(err)
	}
	var undo undoing
	if changed, err := m.writeConfig("new", &undo); err != nil || !changed {
		t.Fatalf("changed: got %v, %v", changed, err)
	}
	holds := func(want string, mode os.FileMode) {
		t.Helper()
		got, err := os.ReadFile(m.config)
		info, statErr := os.Stat(m.config)
		if err := errors.Join(err, statErr); err != nil || string(got) != want || info.Mode().Perm() != mode {
			t.Errorf("got %q of mode %v, %v, want %q of mode %v", got, info.Mode(), err, want, mode)
		}
	}
	holds("new", 0o640)
	if err := undo.run(); err != nil {
		t.Error(err)
	}
	holds("old", 0o640)
}

// TestPlanChange expects what the flags say of a file that is there, and nothing of one that cannot be changed safely.
func TestPlanChange(t *testing.T) {
	m := &systemd{config: filepath.Join(t.TempDir(), "foyer.toml")}
	if err := os.WriteFile(m.config, []byte("listen = \":8080\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := func(listen, publicURL string) (string, error) {
		pl := &plan{installation: installation{listen: listen, publicURL: publicURL}}
		err := m.planConfig(pl)
		return pl.configText, err
	}
	for _, test := range []struct{ listen, publicURL, want, reason string }{
		{"", "", "", ""},
		{":8080", "", "", ""},
		{":9090", "https://a.example", "public_url = \"https://a.example\"\nlisten = \":9090\"\n", ""},
		{":9090", "office", "", "setting_invalid"},
	} {
		if got, err := plan(test.listen, test.publicURL); got != test.want || app.ReasonOf(err) != test.reason {
			t.Errorf("%q %q: got %q, %v, want %q and the reason %q", test.listen, test.publicURL, got, err, test.want, test.reason)
		}
	}
	if err := errors.Join(os.Rename(m.config, m.config+".real"), os.Symlink(m.config+".real", m.config)); err != nil {
		t.Fatal(err)
	}
	if _, err := plan(":9090", ""); app.ReasonOf(err) != "config_change" {
		t.Errorf("a link: got %v", err)
	}
}

func TestCheckDataDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"/home/foyer": "does not see what is in /home", "/root": "does not see", "data": "not an absolute path", "/etc/hostname": "not a directory",
		"/usr/share": "does not belong to the service", "/tmp": "does not see",
	} {
		var data *server.DataError
		if err := checkDataDir(dir); !errors.As(err, &data) || !strings.Contains(data.Message, want) {
			t.Errorf("%s: got %v, want a DataError with %q", dir, err, want)
		}
	}
	if os.Geteuid() == 0 {
		if err := checkDataDir("/srv/not/there/yet"); err != nil {
			t.Errorf("a directory that is not there yet: %v", err)
		}
	}
}

func TestUserNames(t *testing.T) {
	if got, err := userNames([]string{"daemon", "1", "root", "0"}); err != nil || !slices.Equal(got, []string{"daemon"}) {
		t.Errorf("got %q, %v, want daemon alone", got, err)
	}
	if _, err := userNames([]string{"nobody-here"}); app.CodeOf(err) != app.Invalid {
		t.Errorf("a user who is not there: got %v, want Invalid", err)
	}
}

// TestWithoutSystemd expects one line and exit status 1.
func TestWithoutSystemd(t *testing.T) {
	m := &systemd{booted: filepath.Join(t.TempDir(), "none"), command: func(context.Context, string, ...string) (string, error) {
		t.Error("a program of systemd was run")
		return "", nil
	}}
	for _, verb := range []string{"install", "uninstall", "start", "stop", "restart", "status"} {
		p := &program{in: strings.NewReader(""), out: &strings.Builder{}, getenv: func(string) string { return "" }, manager: m, privileged: func() bool { return true }}
		var stderr strings.Builder
		p.err = &stderr
		if status := p.run(t.Context(), []string{"service", verb}); status != exitFailed || !strings.Contains(stderr.String(), "systemd does not run on this machine") ||
			strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: got %d, %q", verb, status, stderr.String())
		}
	}
}

// TestPackaged expects that what a package has brought is left to it, and what an install before it has left makes room.
func TestPackaged(t *testing.T) {
	dir := t.TempDir()
	m := &systemd{unit: filepath.Join(dir, "ours"), packaged: []string{filepath.Join(dir, "theirs")}, program: filepath.Join(dir, "foyer")}
	byHand := func(program string) string { return "[Service]\nExecStart=" + program + " serve\n" }
	write := func(path, text string) {
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write(m.program, "program")
	for _, test := range []struct {
		name         string
		ours, theirs string // the units, "" is none
		self         string
		reason       string
		unit         bool     // a unit is written
		earlier      []string // what makes room
	}{
		{"the program of a package without its unit", "", "", packageProgram, "", true, nil},
		{"a package", "", "[Unit]\n", packageProgram, "", false, nil},
		{"another program beside a package", "", "[Unit]\n", "/opt/foyer", "service_packaged", false, nil},
		{"a package after an install", unitText(m.program, nil), "[Unit]\n", packageProgram, "", false, []string{m.unit, m.program}},
		{"a package after an install of another program", unitText("/opt/foyer", nil), "[Unit]\n", packageProgram, "", false, []string{m.unit}},
		{"a unit by hand for the program of a package", byHand(packageProgram), "[Unit]\n", packageProgram, "", false, nil},
		{"a unit by hand that hides a package", byHand("/opt/foyer"), "[Unit]\n", packageProgram, "unit_foreign", false, nil},
		{"a unit by hand", byHand("/opt/foyer"), "", "/opt/foyer", "unit_foreign", false, nil},
	} {
		for path, text := range map[string]string{m.unit: test.ours, m.packaged[0]: test.theirs} {
			if write(path, text); text == "" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		pl := plan{self: test.self}
		err := m.planUnit(&pl)
		if got := app.ReasonOf(err); got != test.reason || (pl.unit != "") != test.unit || !slices.Equal(pl.earlier, test.earlier) {
			t.Errorf("%s: got %v, earlier %q, unit\n%s", test.name, err, pl.earlier, pl.unit)
		}
		if err == nil && pl.program != test.self {
			t.Errorf("%s: the service is to run %s", test.name, pl.program)
		}
	}
	// A data directory elsewhere is added to the unit of a package.
	write(m.packaged[0], "[Unit]\n")
	pl := plan{self: packageProgram, config: server.Config{DataDir: "/srv/foyer"}}
	if err := errors.Join(os.RemoveAll(m.unit), m.planUnit(&pl)); err != nil || !strings.HasSuffix(pl.dropIn, "[Service]\nReadWritePaths=/srv/foyer\n") {
		t.Errorf("data elsewhere: got %v, %q", err, pl.dropIn)
	}
}

func TestCheckSocket(t *testing.T) {
	for path, want := range map[string]string{
		"": "", server.DefaultSocket: "", "/run/foyer/office/admin.sock": "", "/srv/office/admin.sock": "",
		"/run/office/admin.sock": "gone after a restart", "/run/admin.sock": "gone after a restart", "/var/run/office/admin.sock": "gone after a restart",
		"/tmp/admin.sock": "does not see", "/home/anna/admin.sock": "does not see",
	} {
		err := checkSocket(path)
		if want == "" && err != nil || want != "" && (app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), want)) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
}
