package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// programs returns a directory with the program under test and others like it: a newer one, and one that a machine of this
// test does not start. What is appended to a program changes nothing of what it does.
func programs(tb testing.TB) string {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatalf("build foyer: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	for name, suffix := range map[string]string{"foyer": "", "newer": "newer", "broken": "broken"} {
		if err := os.WriteFile(filepath.Join(dir, name), append(slices.Clip(text), suffix...), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// TestServiceLife installs the service on a machine of its own, and does to it what is done to services in years.
func TestServiceLife(t *testing.T) {
	m := boot(t, programs(t))
	m.run("useradd --create-home anna && useradd --create-home bob")
	parts := []struct {
		name string
		test func(t *testing.T, m *machine)
	}{
		{"nothing is installed", lifeBefore},
		{"what stands in the way", lifeRefused},
		{"install", lifeInstall},
		{"who may administer", lifeOperators},
		{"install again", lifeAgain},
		{"listen elsewhere", lifeListen},
		{"killed", lifeKilled},
		{"hung", lifeHung},
		{"update", lifeUpdate},
		{"update that fails", lifeBrokenUpdate},
		{"stop and start", lifeControl},
		{"uninstall keeps the data", lifeUninstall},
		{"purge", lifePurge},
		{"install that fails", lifeBrokenInstall},
		{"another address", lifeAddress},
	}
	for _, part := range parts {
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

func lifeBefore(t *testing.T, m *machine) {
	if out, _, status := m.try("/opt/foyer/foyer service status"); status != 4 || !strings.Contains(out, "not installed") {
		t.Errorf("status: got %d, %q", status, out)
	}
	for _, verb := range []string{"start", "stop", "restart", "uninstall"} {
		m.refuses("/opt/foyer/foyer service "+verb, 4, "not installed")
	}
	m.refuses("setpriv --reuid anna --regid anna --clear-groups /opt/foyer/foyer service install --listen :80", 7,
		"sudo /opt/foyer/foyer service install --listen :80")
}

func lifeRefused(t *testing.T, m *machine) {
	m.run("systemd-run --quiet --unit=squatter --service-type=exec /opt/foyer/foyer demo --listen :8080")
	eventually(t, "the other program listens", func() bool { return m.healthy(8080) })
	m.refuses("/opt/foyer/foyer service install", 5, ":8080 is in use by another program")
	m.run("systemctl stop squatter")
	m.refuses("/opt/foyer/foyer service install --listen 192.0.2.1:80", 6, "not an address of this machine")
	m.refuses("/opt/foyer/foyer service install --operator nobody-here", 6, "no user")
	m.refuses("/opt/foyer/foyer service install --public-url foo", 6, "public_url")
	m.refuses("touch /var/lib/foyer; /opt/foyer/foyer service install; r=$?; rm /var/lib/foyer; exit $r", 78, "not a directory")
	m.refuses("mkdir -p /etc/foyer; echo 'data = \"/home/foyer\"' > /etc/foyer/foyer.toml; /opt/foyer/foyer service install; r=$?; rm -r /etc/foyer; exit $r", 78, "/home")
	m.refuses("useradd -m foyer; /opt/foyer/foyer service install; r=$?; userdel -r foyer >/dev/null 2>&1; exit $r", 5, "not a system user")
	m.refuses("touch /etc/systemd/system/foyer.service; /opt/foyer/foyer service install; r=$?; rm /etc/systemd/system/foyer.service; exit $r", 5, "move it away")
	if left := m.run("ls -d /etc/foyer /var/lib/foyer /usr/local/bin/foyer* /etc/systemd/system/foyer* 2>/dev/null; getent passwd foyer; true"); left != "" {
		t.Errorf("a refused install has left %s", left)
	}
}

func lifeInstall(t *testing.T, m *machine) {
	out := m.run("SUDO_UID=$(id -u anna) /opt/foyer/foyer service install")
	for _, want := range []string{"is installed and runs", "http://", ":8080", "/var/lib/foyer", "anna", "company add"} {
		if !strings.Contains(out, want) {
			t.Errorf("install does not say %q: %s", want, out)
		}
	}
	if !m.healthy(8080) {
		t.Error("install has ended, and the service is not healthy")
	}
	if got, want := m.run("cat /etc/foyer/foyer.toml | grep -v '^#'"), `operators = ["anna"]`; got != want {
		t.Errorf("configuration: got %q, want %q", got, want)
	}
	// What another user sees of it.
	var st struct {
		State, Address, Version, Data, Program string
		Installed, Running, Enabled            bool
		Since                                  time.Time
	}
	if err := json.Unmarshal([]byte(m.run("setpriv --reuid bob --regid bob --clear-groups foyer service status --json")), &st); err != nil {
		t.Fatal(err)
	}
	if st.State != "running" || !st.Installed || !st.Running || !st.Enabled || !strings.HasSuffix(st.Address, ":8080") || st.Version == "" ||
		st.Data != "/var/lib/foyer" || st.Program != "/usr/local/bin/foyer" || time.Since(st.Since).Abs() > time.Hour {
		t.Errorf("status: got %+v", st)
	}
	if got, want := m.run("stat -c '%n %U %a' /var/lib/foyer /var/lib/foyer/foyer.db /run/foyer /run/foyer/admin.sock /etc/foyer/foyer.toml /usr/local/bin/foyer"), `/var/lib/foyer foyer 700
/var/lib/foyer/foyer.db foyer 600
/run/foyer foyer 755
/run/foyer/admin.sock foyer 666
/etc/foyer/foyer.toml root 644
/usr/local/bin/foyer root 755`; got != want {
		t.Errorf("files: got\n%s\nwant\n%s", got, want)
	}
	status := m.run("grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' /proc/" + m.pid() + "/status")
	if strings.Contains(status, "Uid:\t0") || !strings.Contains(status, "CapEff:\t0000000000000400") || !strings.Contains(status, "NoNewPrivs:\t1") || !strings.Contains(status, "Seccomp:\t2") {
		t.Errorf("the process: %s", status)
	}
}

func lifeOperators(t *testing.T, m *machine) {
	m.run(`setpriv --reuid anna --regid anna --clear-groups foyer company add "Example Ltd" example.com`)
	m.refuses("setpriv --reuid bob --regid bob --clear-groups foyer company list", 7, "group foyer")
	// The configuration file is there already: another operator gets in by the group.
	out := m.run("/opt/foyer/foyer service install --operator bob")
	if !strings.Contains(out, "bob is in the group foyer now") {
		t.Errorf("a second operator: %s", out)
	}
	m.run("setpriv --reuid bob --regid bob --init-groups foyer company show 'Example Ltd'")
}

func lifeAgain(t *testing.T, m *machine) {
	before := m.pid()
	if out := m.run("/opt/foyer/foyer service install"); !strings.Contains(out, "nothing was changed") {
		t.Errorf("the same again: %s", out)
	}
	if after := m.pid(); after != before {
		t.Errorf("the same again has restarted the service: pid %s, then %s", before, after)
	}
}

// lifeListen lets the service that runs listen elsewhere. What does not come up there is taken back.
func lifeListen(t *testing.T, m *machine) {
	m.run(`printf '# ours\nhosts = ["a.example"]\n%s\n' "$(cat /etc/foyer/foyer.toml)" > /tmp/toml && cat /tmp/toml > /etc/foyer/foyer.toml && chmod 640 /etc/foyer/foyer.toml && chgrp foyer /etc/foyer/foyer.toml`)
	before := m.run("cat /etc/foyer/foyer.toml")
	m.run("/opt/foyer/foyer service install --listen :9090")
	if !m.healthy(9090) || m.healthy(8080) {
		t.Error("the service does not listen at its new address alone")
	}
	if got, want := m.run("cat /etc/foyer/foyer.toml"), strings.Replace(before, "# ours\n", "# ours\nlisten = \":9090\"\n", 1); got != want {
		t.Errorf("the configuration file holds\n%s\nwant\n%s", got, want)
	}
	if got := m.run("stat -c '%U %G %a' /etc/foyer/foyer.toml"); got != "root foyer 640" {
		t.Errorf("the configuration file is %s now", got)
	}
	m.run("systemd-run --quiet --unit=squatter --service-type=exec /opt/foyer/foyer demo --listen :9191")
	eventually(t, "the other program listens", func() bool { return m.healthy(9191) })
	m.refuses("/opt/foyer/foyer service install --listen :9191", 5, ":9191 is in use by another program")
	m.run("systemctl stop squatter")
	m.refuses("/opt/foyer/foyer service install --listen 192.0.2.1:9090", 1, "The program that was installed is back in its place and runs")
	if _, stderr, status := m.try("/opt/foyer/foyer service install --listen 192.0.2.1:9090 --json"); status != 1 || !strings.Contains(stderr, `"reason":"install_taken_back"`) {
		t.Errorf("refused as JSON: %d, %s", status, stderr)
	}
	if !m.healthy(9090) || m.run("grep listen /etc/foyer/foyer.toml") != `listen = ":9090"` {
		t.Error("the service is not back at its address")
	}
	m.run("/opt/foyer/foyer service install --listen :8080")
	if left := m.run(leftovers); left != "" || !m.healthy(8080) {
		t.Errorf("back at its first address: left behind %q", left)
	}
}

func lifeKilled(t *testing.T, m *machine) {
	for i := range 10 {
		pid := m.pid()
		began := time.Now()
		m.run("kill -9 " + pid)
		eventually(t, "healthy again", func() bool { return m.healthy(8080) })
		took := time.Since(began)
		if took > 5*time.Second || m.pid() == pid {
			t.Errorf("kill %d: healthy again after %v", i, took)
		}
	}
	m.run("foyer company show 'Example Ltd'")
}

func lifeHung(t *testing.T, m *machine) {
	m.run(`mkdir -p /etc/systemd/system/foyer.service.d && printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=2\n' > /etc/systemd/system/foyer.service.d/test.conf &&
		systemctl daemon-reload && foyer service restart`)
	pid := m.pid()
	m.run("kill -STOP " + pid)
	eventually(t, "another process in the place of the hung one", func() bool { return m.pid() != pid && m.healthy(8080) })
	if journal := m.run("journalctl -u foyer --no-pager -o cat | grep Watchdog"); !strings.Contains(journal, "Watchdog timeout") {
		t.Errorf("it was not the watchdog: %s", journal)
	}
	// One that does its work is left alone: three times as long as a hung one has.
	pid = m.pid()
	m.run("timeout 6 tail --pid=" + pid + " -f /dev/null; [ $? = 124 ]")
	if now := m.pid(); now != pid {
		t.Errorf("the watchdog has ended a service that works: pid %s, then %s", pid, now)
	}
	m.run("rm -r /etc/systemd/system/foyer.service.d && systemctl daemon-reload && foyer service restart")
}

// leftovers are what an install must not leave behind.
const leftovers = "ls /usr/local/bin/*.old /usr/local/bin/*.new /etc/systemd/system/*.old /etc/foyer/*.old 2>/dev/null; true"

func lifeUpdate(t *testing.T, m *machine) {
	pid := m.pid()
	m.run("/opt/foyer/newer service install")
	m.run("cmp /opt/foyer/newer /usr/local/bin/foyer && cmp /opt/foyer/newer /proc/" + m.pid() + "/exe")
	if m.pid() == pid || !m.healthy(8080) {
		t.Error("the new program does not run")
	}
	if left := m.run(leftovers); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

func lifeBrokenUpdate(t *testing.T, m *machine) {
	// The broken program ends at once, and says why.
	m.run(`mkdir -p /etc/systemd/system/foyer.service.d && printf '[Service]\nExecStartPre=+/bin/sh -c "cmp -s /opt/foyer/broken /usr/local/bin/foyer && echo foyer: on fire >&2 && exit 9; exit 0"\n' \
		> /etc/systemd/system/foyer.service.d/test.conf && systemctl daemon-reload`)
	m.refuses("/opt/foyer/broken service install", 1, "the service does not start: on fire. The program that was installed is back in its place and runs")
	m.run("cmp /opt/foyer/newer /usr/local/bin/foyer && cmp /opt/foyer/newer /proc/" + m.pid() + "/exe")
	if left := m.run(leftovers); left != "" || !m.healthy(8080) {
		t.Errorf("after a broken update: left behind %q", left)
	}
	m.run("rm -r /etc/systemd/system/foyer.service.d && systemctl daemon-reload")
}

func lifeControl(t *testing.T, m *machine) {
	m.run("foyer service stop")
	if out, _, status := m.try("foyer service status"); status != 3 || !strings.Contains(out, "stopped") || m.healthy(8080) {
		t.Errorf("stopped: got status %d, %s", status, out)
	}
	m.refuses("foyer company list", 3, "")
	m.run("foyer service stop")
	if out := m.run("foyer service start"); !strings.Contains(out, "the service runs at http://") || !m.healthy(8080) {
		t.Errorf("started: %s", out)
	}
	pid := m.pid()
	if out := m.run("foyer service restart --json"); !strings.Contains(out, `"state": "running"`) || m.pid() == pid || !m.healthy(8080) {
		t.Errorf("restarted: %s", out)
	}
	journal := m.run("journalctl -u foyer --no-pager -o cat")
	if strings.Contains(journal, "was not told") || strings.Contains(journal, "does not answer itself") {
		t.Errorf("the journal complains: %s", journal)
	}
}

func lifeUninstall(t *testing.T, m *machine) {
	if out := m.run("foyer service uninstall"); !strings.Contains(out, "kept in /var/lib/foyer") {
		t.Errorf("uninstall says %q", out)
	}
	if left := m.run("ls /etc/systemd/system/foyer* /etc/systemd/system/*/foyer* /usr/local/bin/foyer* 2>/dev/null; pgrep -x foyer; true"); left != "" {
		t.Errorf("uninstall has left %s", left)
	}
	if _, _, status := m.try("/opt/foyer/foyer service status"); status != 4 {
		t.Errorf("status after uninstall: got %d, want 4", status)
	}
	m.run("/opt/foyer/foyer service install --no-start")
	if out, _, status := m.try("foyer service status"); status != 3 || strings.Contains(out, "does not start with the machine") {
		t.Errorf("installed and not started: %d, %s", status, out)
	}
	m.run("foyer service start && foyer company show 'Example Ltd'")
}

func lifePurge(t *testing.T, m *machine) {
	m.refuses("foyer service uninstall --yes-purge elsewhere", 6, "not the name of this machine")
	if _, stderr, status := m.try("echo elsewhere | foyer service uninstall --purge"); status != 6 || !strings.Contains(stderr, "/var/lib/foyer") {
		t.Errorf("a wrong name: got %d, %s", status, stderr)
	}
	m.run("foyer company show 'Example Ltd'")
	m.run("hostname | foyer service uninstall --purge")
	if left := m.run("ls -d /var/lib/foyer /etc/foyer /run/foyer /etc/systemd/system/foyer* /usr/local/bin/foyer* 2>/dev/null; true"); left != "" {
		t.Errorf("purge has left %s", left)
	}
}

func lifeBrokenInstall(t *testing.T, m *machine) {
	m.run("mkdir /var/lib/foyer && touch /var/lib/foyer/foyer.db")
	m.refuses("/opt/foyer/foyer service install", 1, "the service does not start: the data directory /var/lib/foyer cannot be used: secret.key is missing beside foyer.db; restore it from a backup. Nothing was installed")
	if left := m.run("ls -d /etc/foyer/* /etc/systemd/system/foyer* /etc/systemd/system/*/foyer* /usr/local/bin/foyer* 2>/dev/null; pgrep -x foyer; true"); left != "" {
		t.Errorf("a failed install has left %s", left)
	}
	m.run("rm -r /var/lib/foyer")
}

func lifeAddress(t *testing.T, m *machine) {
	out := m.run("PKEXEC_UID=$(id -u bob) /opt/foyer/foyer service install --listen :80 --public-url http://accounts.office.example --json")
	var got struct {
		Address            string
		Operators          []string
		Changed, Written   bool
		Installed, Running bool
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Address != "http://accounts.office.example" || !got.Changed || !got.Written || !got.Running || strings.Join(got.Operators, " ") != "bob" || !m.healthy(80) {
		t.Errorf("got %+v", got)
	}
	// systemd itself says how much the running unit is exposed.
	score := m.run("systemd-analyze security foyer --no-pager | sed -n 's/.*exposure level for foyer.service: \\([0-9.]*\\).*/\\1/p'")
	if level, err := strconv.ParseFloat(score, 64); err != nil || level > 2.0 {
		t.Errorf("exposure level: got %q, want at most 2.0", score)
	}
	t.Logf("exposure level %s", score)
	m.run("foyer service uninstall --yes-purge $(hostname)")
}
