package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// packaged is a directory with what make package makes: foyer and foyer-nogui 1.0.0, and foyer 1.0.1. The program in all of them is
// the one without the desktop program, which is built sooner; what is packed with it is the same.
func packaged(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"make", "dpkg-deb", "objdump"} {
		if _, err := exec.LookPath(name); err != nil {
			tb.Skipf("%s is not installed; .ci/need test brings it", name)
		}
	}
	if packagesDir == "" {
		dir, err := os.MkdirTemp("", "foyer-packages-") //nolint:usetesting // for all tests; TestMain removes it
		if err != nil {
			tb.Fatal(err)
		}
		for _, args := range [][]string{{"VERSION=1.0.0", "PACKAGES=gui nogui"}, {"VERSION=1.0.1", "PACKAGES=gui"}} {
			dist := filepath.Join(dir, strings.TrimPrefix(args[0], "VERSION="))
			run(tb, root(tb), "make", append([]string{"--no-print-directory", "package", "TAGS=nogui", "DIST=" + dist}, args...)...)
		}
		packagesDir = dir
	}
	return packagesDir
}

// run runs a program in a directory and returns what it prints.
func run(tb testing.TB, dir, name string, args ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "MAKEFLAGS=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// TestPackages makes packages, looks into them, and installs them on a machine of its own.
func TestPackages(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run as root: this test boots a container")
	}
	dir := packaged(t)
	t.Run("contents", func(t *testing.T) { packageContents(t, filepath.Join(dir, "1.0.0")) })
	t.Run("rpm", func(t *testing.T) { packageRPM(t, filepath.Join(dir, "1.0.0")) })
	t.Run("archive", func(t *testing.T) { packageArchive(t, filepath.Join(dir, "1.0.0")) })
	t.Run("life", func(t *testing.T) { packageLife(t, dir) })
}

// packageFiles are what a package must have besides the manual pages of each command.
var packageFiles = []string{
	"/usr/bin/foyer", "/usr/lib/systemd/system/foyer.service", "/usr/share/bash-completion/completions/foyer",
	"/usr/share/fish/vendor_completions.d/foyer.fish", "/usr/share/man/man1/foyer.1.gz", "/usr/share/man/man1/foyer-company-add.1.gz",
}

// desktopFiles are what only the package with the desktop program has.
var desktopFiles = []string{
	"/usr/share/applications/org.foyer.Foyer.desktop", "/usr/share/icons/hicolor/512x512/apps/org.foyer.Foyer.png",
	"/usr/share/icons/hicolor/scalable/apps/org.foyer.Foyer.svg", "/usr/share/metainfo/org.foyer.Foyer.metainfo.xml",
	"/usr/share/polkit-1/actions/org.foyer.Foyer.policy",
}

func packageContents(t *testing.T, dist string) {
	run(t, dist, "sha256sum", "--check", "--quiet", "SHA256SUMS")
	sums, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
	if got, want := strings.Count(string(sums), "\n"), 8; err != nil || got != want {
		t.Errorf("SHA256SUMS: got %d lines, want %d\n%s", got, want, sums)
	}
	for name, desktop := range map[string]bool{"foyer": true, "foyer-nogui": false} {
		deb := filepath.Join(dist, name+"_1.0.0_amd64.deb")
		to := t.TempDir()
		run(t, dist, "dpkg-deb", "--extract", deb, to)
		for _, path := range slices.Concat(packageFiles, []string{"/usr/lib/sysusers.d/" + name + ".conf", "/usr/share/doc/" + name + "/copyright", "/usr/share/doc/" + name + "/docs/install.md"}) {
			if _, err := os.Stat(filepath.Join(to, path)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, path := range desktopFiles {
			if _, err := os.Stat(filepath.Join(to, path)); (err == nil) != desktop {
				t.Errorf("%s: %s: got %v", name, path, err)
			}
		}
		for line := range strings.Lines(run(t, dist, "dpkg-deb", "--contents", deb)) {
			if fields := strings.Fields(line); fields[1] != "root/root" || strings.Contains(fields[0][4:], "w") {
				t.Errorf("%s: not of root, or others may write it: %s", name, line)
			}
		}
		if got := run(t, to, filepath.Join(to, "usr/bin/foyer"), "version", "--json"); !strings.Contains(got, `"version": "1.0.0"`) {
			t.Errorf("%s: the program says %s", name, got)
		}
		unit, err := os.ReadFile(filepath.Join(to, "usr/lib/systemd/system/foyer.service"))
		if err != nil || !strings.Contains(string(unit), "\nExecStart=/usr/bin/foyer serve\n") || strings.Contains(string(unit), "@") && !strings.Contains(string(unit), "@system-service") {
			t.Errorf("%s: the unit: %v\n%s", name, err, unit)
		}
		fields := run(t, dist, "dpkg-deb", "--field", deb)
		if got := strings.Contains(fields, "libgl1"); got != desktop || !strings.Contains(fields, "Depends: libc6 (>= 2.") {
			t.Errorf("%s: the libraries of a display recommended: %v\n%s", name, got, fields)
		}
		packageBill(t, filepath.Join(to, "usr/share/doc", name, "sbom.cdx.json"))
	}
	recipe := filepath.Join(root(t), "cmd/foyer/package")
	for name, args := range map[string][]string{"desktop-file-validate": {"org.foyer.Foyer.desktop"}, "appstreamcli": {"validate", "--no-net", "org.foyer.Foyer.metainfo.xml"}} {
		if _, err := exec.LookPath(name); err == nil {
			run(t, recipe, name, args...)
		}
	}
}

// packageBill expects that a bill of materials names what is in the program, with licences.
func packageBill(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		BOMFormat  string
		Metadata   struct{ Component struct{ Version string } }
		Components []struct {
			Name     string
			Evidence struct{ Licenses []any }
		}
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	licensed := map[string]bool{}
	for _, c := range bill.Components {
		licensed[c.Name] = len(c.Evidence.Licenses) > 0
	}
	if bill.BOMFormat != "CycloneDX" || bill.Metadata.Component.Version != "v1.0.0" || !licensed["github.com/gin-gonic/gin"] || !licensed["github.com/mattn/go-sqlite3"] {
		t.Errorf("the bill of materials: %s, version %s, with licences %v", bill.BOMFormat, bill.Metadata.Component.Version, licensed)
	}
}

func packageRPM(t *testing.T, dist string) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not installed; .ci/need test brings it")
	}
	for name, other := range map[string]string{"foyer": "foyer-nogui", "foyer-nogui": "foyer"} {
		rpm := name + "-1.0.0-1.x86_64.rpm"
		query := func(args ...string) string {
			return run(t, dist, "rpm", append(append([]string{"--query", "--package"}, args...), rpm)...)
		}
		files := strings.Fields(query("--list"))
		for _, path := range slices.Concat(packageFiles, []string{"/usr/share/zsh/site-functions/_foyer"}) {
			if !slices.Contains(files, path) {
				t.Errorf("%s has no %s", rpm, path)
			}
		}
		if slices.Contains(files, "/usr/bin") {
			t.Errorf("%s claims directories of the system", rpm)
		}
		if got, want := query("--queryformat", "%{NAME} %{VERSION} %{ARCH} %{LICENSE} %{BUILDHOST}"), name+" 1.0.0 x86_64 Apache-2.0 localhost"; got != want {
			t.Errorf("%s: got %q, want %q", rpm, got, want)
		}
		// One that made the other obsolete would take its place with each update.
		if got := query("--conflicts") + query("--obsoletes"); got != other+"\n" {
			t.Errorf("%s: conflicts with %q, want %s", rpm, got, other)
		}
		if scripts := query("--scripts"); strings.Count(scripts, "scriptlet") != 3 || strings.Contains(scripts, "@") && !strings.Contains(scripts, `"$@"`) {
			t.Errorf("%s: the scripts: %s", rpm, scripts)
		}
		if got := strings.Contains(query("--recommends"), "libGL.so.1"); got != (name == "foyer") {
			t.Errorf("%s: the libraries of a display recommended: %v", rpm, got)
		}
	}
}

func packageArchive(t *testing.T, dist string) {
	to := t.TempDir()
	run(t, dist, "tar", "-xzf", "foyer_1.0.0_linux_amd64.tar.gz", "-C", to)
	to = filepath.Join(to, "foyer-1.0.0-linux-amd64")
	for _, name := range []string{"foyer", "foyer.service", "docs/install.md", "LICENSE", "completions/bash/foyer", "man/man1/foyer.1.gz", "sbom.cdx.json"} {
		if info, err := os.Stat(filepath.Join(to, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, or nothing in it", name, err)
		}
	}
	if out := run(t, to, "./foyer", "version"); !strings.Contains(out, "1.0.0") {
		t.Errorf("the program says %s", out)
	}
}

// packageLife does to packages what is done to them in years.
func packageLife(t *testing.T, dir string) {
	program, err := binary()
	if err != nil {
		t.Fatalf("build foyer: %v", err)
	}
	run(t, dir, "cp", program, filepath.Join(dir, "foyer"))
	m := boot(t, dir)
	m.run("useradd --create-home anna && useradd --create-home bob")
	for _, part := range []struct {
		name string
		test func(t *testing.T, m *machine)
	}{
		{"install", debInstall},
		{"killed", lifeKilled},
		{"update", debUpdate},
		{"restore", debRestore},
		{"off stays off", debOff},
		{"remove keeps the data", debRemove},
		{"after an install by the program", debEarlier},
		{"the other package", debOther},
		{"purge", debPurge},
		{"the port is taken", debTaken},
		{"nothing is to be started", debPolicy},
		{"data elsewhere", debElsewhere},
		{"rpm installs, updates and removes", rpmLife},
	} {
		ok := t.Run(part.name, func(t *testing.T) {
			began := time.Now()
			part.test(t, &machine{tb: t, leader: m.leader})
			t.Logf("took %v", time.Since(began).Round(time.Millisecond))
		})
		if !ok {
			t.FailNow() // what follows stands on it
		}
	}
}

// dpkg returns the line that installs a package.
func dpkg(name, version string) string {
	return fmt.Sprintf("dpkg --force-unsafe-io --install /opt/foyer/%s/%s_%s_amd64.deb", version, name, version)
}

// active expects that the service of a package runs and starts with the machine.
func (m *machine) active() {
	m.tb.Helper()
	if out, _, _ := m.try("systemctl is-active foyer; systemctl is-enabled foyer; systemctl show foyer --property=FragmentPath --value"); out != "active\nenabled\n/lib/systemd/system/foyer.service\n" || !m.healthy(8080) {
		m.tb.Fatalf("the service: %s, healthy %v", out, m.healthy(8080))
	}
}

// gone expects that nothing is there of these.
func (m *machine) gone(paths string) {
	m.tb.Helper()
	if left := m.run("ls -d " + paths + " 2>/dev/null; pgrep -x foyer; true"); left != "" {
		m.tb.Errorf("it has left %s", left)
	}
}

func debInstall(t *testing.T, m *machine) {
	out := m.run("SUDO_UID=$(id -u anna) " + dpkg("foyer", "1.0.0"))
	for _, want := range []string{"Foyer 1.0.0 is installed and runs", ":8080", "anna"} {
		if !strings.Contains(out, want) {
			t.Errorf("the install does not say %q: %s", want, out)
		}
	}
	m.active()
	m.run("getent passwd foyer && getent group foyer && dpkg --verify foyer")
	m.run(`setpriv --reuid anna --regid anna --clear-groups foyer company add "Example Ltd" example.com`)
	m.refuses("setpriv --reuid bob --regid bob --clear-groups foyer company list", 7, "group foyer")
	if out := m.run("systemd-analyze verify --man=no /lib/systemd/system/foyer.service 2>&1"); strings.Contains(out, "foyer") {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	score := m.run("systemd-analyze security foyer --no-pager | sed -n 's/.*exposure level for foyer.service: \\([0-9.]*\\).*/\\1/p'")
	if level, err := strconv.ParseFloat(score, 64); err != nil || level > 2.0 {
		t.Errorf("exposure level: got %q, want at most 2.0", score)
	}
	m.refuses("/opt/foyer/foyer service install", 5, "installed as a package")
	m.refuses("foyer service uninstall", 5, "remove the package")
	if out := m.run("foyer service install --operator bob"); !strings.Contains(out, "bob is in the group foyer now") {
		t.Errorf("a second operator: %s", out)
	}
}

func debUpdate(t *testing.T, m *machine) {
	pid := m.pid()
	m.run(dpkg("foyer", "1.0.1"))
	m.active()
	if m.pid() == pid {
		t.Error("the old program runs on")
	}
	if out := m.run("foyer service status --json"); !strings.Contains(out, `"version": "1.0.1"`) {
		t.Errorf("status: %s", out)
	}
	m.run("foyer company show 'Example Ltd'")
}

// debRestore brings back a backup while the service runs. What came later is gone, what came before is there, and the mail waits.
func debRestore(t *testing.T, m *machine) {
	m.run("foyer backup create >/dev/null && foyer company add 'Later Ltd' later.example")
	name := m.run(`foyer backup list --json | sed -n 's/.*"name": "\([^"]*manual[^"]*\)".*/\1/p'`)
	out := m.run("foyer backup restore --yes --stop-service " + name)
	if !strings.Contains(out, "The service runs again.") || !strings.Contains(out, "What was there before is the backup") {
		t.Errorf("the restore says %s", out)
	}
	m.active()
	m.run("foyer company show 'Example Ltd'")
	m.refuses("foyer company show 'Later Ltd'", 4, "Later Ltd")
	if out := m.run("foyer settings get mail.hold"); !strings.Contains(out, "on") {
		t.Errorf("mail.hold is %s", out)
	}
}

func debOff(t *testing.T, m *machine) {
	m.run("systemctl disable --now foyer && " + dpkg("foyer", "1.0.0") + " 2>&1")
	if out, _, _ := m.try("systemctl is-active foyer; systemctl is-enabled foyer"); out != "inactive\ndisabled\n" {
		t.Errorf("a service that somebody has switched off: %s", out)
	}
	m.run("systemctl enable --now foyer")
	m.active()
}

func debRemove(_ *testing.T, m *machine) {
	m.run("dpkg --remove foyer")
	m.gone("/usr/bin/foyer /lib/systemd/system/foyer.service /run/foyer")
	m.run("test -f /var/lib/foyer/foyer.db && test -f /etc/foyer/foyer.toml")
	m.run(dpkg("foyer", "1.0.0"))
	m.active()
	m.run("foyer company show 'Example Ltd'")
}

func debEarlier(t *testing.T, m *machine) {
	m.run("dpkg --remove foyer && /opt/foyer/foyer service install && foyer company show 'Example Ltd'")
	if _, stderr, status := m.try("dpkg --purge foyer"); status != 0 || !strings.Contains(stderr, "data stay") {
		t.Errorf("purging what was removed: got %d, %s", status, stderr)
	}
	m.run("foyer company show 'Example Ltd'")
	if out := m.run(dpkg("foyer", "1.0.0")); !strings.Contains(out, "is installed and runs") {
		t.Errorf("the install says %s", out)
	}
	m.active()
	if left := m.run("ls /usr/local/bin/foyer* /etc/systemd/system/foyer* 2>/dev/null; true"); left != "" {
		t.Errorf("these stand before the files of the package: %s", left)
	}
	if got := m.run("readlink /etc/systemd/system/multi-user.target.wants/foyer.service"); got != "/lib/systemd/system/foyer.service" {
		t.Errorf("what starts with the machine is %s", got)
	}
	m.run("foyer company show 'Example Ltd'")
}

func debOther(t *testing.T, m *machine) {
	m.run(dpkg("foyer-nogui", "1.0.0"))
	m.active()
	m.run("foyer company show 'Example Ltd'")
	if _, stderr, status := m.try("dpkg --purge foyer"); status != 0 || !strings.Contains(stderr, "data stay") {
		t.Errorf("purging the package that was replaced: got %d, %s", status, stderr)
	}
	m.active()
	m.run("foyer company show 'Example Ltd'")
	m.run(dpkg("foyer", "1.0.0"))
	m.active()
	m.run("dpkg --purge foyer-nogui && foyer company show 'Example Ltd'")
}

func debPurge(t *testing.T, m *machine) {
	m.run("dpkg --purge foyer")
	m.gone("/var/lib/foyer /etc/foyer /run/foyer /usr/bin/foyer /etc/systemd/system/foyer* /etc/systemd/system/*/foyer* /usr/share/doc/foyer*")
	if out, _, _ := m.try("getent passwd foyer; getent group foyer"); out != "" {
		t.Errorf("purge has left %s", out)
	}
}

func debTaken(t *testing.T, m *machine) {
	m.run("systemd-run --quiet --unit=squatter --service-type=exec /opt/foyer/foyer demo --listen :8080")
	eventually(t, "the other program listens", func() bool { return m.healthy(8080) })
	_, stderr, status := m.try(dpkg("foyer", "1.0.0"))
	if status != 0 || !strings.Contains(stderr, ":8080 is in use by another program") || !strings.Contains(stderr, "sudo foyer service install") {
		t.Errorf("got %d, %s", status, stderr)
	}
	m.run("foyer service install --listen :8090")
	if !m.healthy(8090) {
		t.Error("at another port it does not answer")
	}
	m.run("foyer service install --listen :8091")
	if out := m.run("foyer service status --json"); !m.healthy(8091) || m.healthy(8090) || !strings.Contains(out, `"listen": ":8091"`) {
		t.Errorf("at a third port: %s", out)
	}
	m.run("dpkg --purge foyer && systemctl stop squatter")
}

func debPolicy(t *testing.T, m *machine) {
	m.run(`printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 0755 /usr/sbin/policy-rc.d`)
	m.run(dpkg("foyer", "1.0.0"))
	if out, _, _ := m.try("systemctl is-active foyer; systemctl is-enabled foyer"); out != "inactive\nenabled\n" {
		t.Errorf("got %s", out)
	}
	m.run("rm /usr/sbin/policy-rc.d && foyer service start")
	m.active()
	m.run("dpkg --purge foyer")
}

func debElsewhere(t *testing.T, m *machine) {
	m.run(`mkdir /etc/foyer && echo 'data = "/srv/foyer"' >/etc/foyer/foyer.toml`)
	m.run(dpkg("foyer", "1.0.0"))
	m.active()
	m.run("test -f /srv/foyer/foyer.db && systemctl cat foyer | grep -x ReadWritePaths=/srv/foyer")
	if _, stderr, status := m.try("dpkg --purge foyer"); status != 0 || !strings.Contains(stderr, "/srv/foyer stay") {
		t.Errorf("purge: got %d, %s", status, stderr)
	}
	m.gone("/etc/foyer /etc/systemd/system/foyer*")
	m.run("test -f /srv/foyer/foyer.db && getent passwd foyer")
}

// rpmLife has rpm do what dpkg did: it calls the scripts of a package with other words, and in another order.
func rpmLife(t *testing.T, m *machine) {
	m.run("rm -rf /srv/foyer && rpm --install --nodeps /opt/foyer/1.0.0/foyer-1.0.0-1.x86_64.rpm 2>&1")
	healthy := func(version string) {
		t.Helper()
		out, _, _ := m.try("systemctl is-active foyer; systemctl is-enabled foyer; foyer service status --json")
		if !strings.HasPrefix(out, "active\nenabled\n") || !strings.Contains(out, `"version": "`+version+`"`) || !m.healthy(8080) {
			t.Fatalf("the service: %s, healthy %v", out, m.healthy(8080))
		}
	}
	healthy("1.0.0")
	m.run("foyer company add 'Example Ltd' example.com")
	m.run("rpm --upgrade --nodeps /opt/foyer/1.0.1/foyer-1.0.1-1.x86_64.rpm 2>&1")
	healthy("1.0.1")
	m.run("foyer company show 'Example Ltd' && rpm --erase --nodeps foyer 2>&1")
	m.gone("/usr/bin/foyer /usr/lib/systemd/system/foyer.service /run/foyer /etc/systemd/system/multi-user.target.wants/foyer.service")
	m.run("test -f /var/lib/foyer/foyer.db && rpm --install --nodeps /opt/foyer/1.0.0/foyer-1.0.0-1.x86_64.rpm 2>&1")
	healthy("1.0.0")
	m.run("foyer company show 'Example Ltd'")
}
