package main_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// tracer is strace on a running process.
type tracer struct {
	tb   testing.TB
	cmd  *exec.Cmd
	file string
}

// trace writes down the writes and syncs of a process, or skips the test where that cannot be.
func trace(tb testing.TB, pid int) *tracer {
	tb.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		tb.Skip("strace is not installed; .ci/need test, or the package strace, brings it")
	}
	t := &tracer{tb: tb, file: filepath.Join(tb.TempDir(), "strace")}
	t.cmd = exec.Command(path, "-f", "-y", "-s", "40", "-e", "trace=fsync,fdatasync,pwrite64,write", "-o", t.file, "-p", strconv.Itoa(pid))
	said, err := t.cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := t.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(t.stop)
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "attached") {
			return t
		}
		if strings.Contains(lines.Text(), "ptrace") {
			tb.Skipf("a process cannot be traced here: %s", lines.Text())
		}
	}
	tb.Skip("a process cannot be traced here")
	return nil
}

func (t *tracer) stop() {
	if t.cmd.ProcessState == nil {
		_ = t.cmd.Process.Signal(syscall.SIGINT) // it lets the process go; it may have ended with it
		_ = t.cmd.Wait()                         // by that signal
	}
}

// calls returns what was traced, each call where it ended.
func (t *tracer) calls() []string {
	t.tb.Helper()
	t.stop()
	text, err := os.ReadFile(t.file)
	if err != nil {
		t.tb.Fatal(err)
	}
	begun := map[string]string{} // by thread
	var calls []string
	for line := range strings.Lines(string(text)) {
		thread, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		if before, unfinished := strings.CutSuffix(call, "<unfinished ...>"); unfinished {
			if !strings.HasPrefix(call, "write(") {
				begun[thread] = before
				continue
			}
			call = before // what is sent may be read before the call ends
		}
		if strings.HasPrefix(call, "<... ") {
			call = begun[thread] + call
			delete(begun, thread)
		}
		calls = append(calls, call)
	}
	return calls
}

var (
	walWrite = regexp.MustCompile(`^pwrite64\(\d+<[^>]*foyer\.db-wal>`)
	walSync  = regexp.MustCompile(`^(?:fsync|fdatasync)\(\d+<[^>]*foyer\.db-wal>.*= 0$`)
)

// TestSyncBeforeAnswer traces the service while it takes a mail and a sign-up: what it answers is sent after the last write
// to the write-ahead log was synced.
func TestSyncBeforeAnswer(t *testing.T) {
	next := newNextServer(t)
	dir := t.TempDir()
	r, password := firstRelay(t, relayCommand(t, dir), dir, next.addr)
	r.run("settings", "set", "mail.hold=on") // nothing but what is asked for writes
	tests := []struct {
		name, from, answer string
		ask                func()
	}{
		{"mail", `"354 `, `"250 2.0.0 `, func() { r.handOne(password, "load", "a@one.example") }},
		{"sign-up", "", `"HTTP/1.1 303 `, func() {
			if status := r.signUpStatus("jane@acme.example"); status != http.StatusSeeOther {
				t.Errorf("sign-up: %d", status)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tracer := trace(t, r.cmd.Process.Pid)
			test.ask()
			begun, written, synced, answered := test.from == "", 0, false, false
			for _, call := range tracer.calls() {
				switch {
				case !begun:
					begun = strings.HasPrefix(call, "write(") && strings.Contains(call, test.from)
				case walWrite.MatchString(call):
					written++
					synced = false
				case walSync.MatchString(call):
					synced = true
				case strings.HasPrefix(call, "write(") && strings.Contains(call, test.answer):
					answered = true
					if written == 0 || !synced {
						t.Errorf("%s was sent after %d writes to the log, synced: %t", test.answer, written, synced)
					}
				}
			}
			if !answered {
				t.Errorf("the trace has no %s:\n%s", test.answer, strings.Join(tracer.calls(), "\n"))
			}
		})
	}
}

// TestSyncFails has the disk refuse to sync: nothing is acknowledged until a commit has been synced, and then everything
// goes on. What was refused is not there.
func TestSyncFails(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("libraries are preloaded on Linux only here")
	}
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed; .ci/need test brings it")
	}
	library, broken := filepath.Join(t.TempDir(), "fsync.so"), filepath.Join(t.TempDir(), "broken")
	if out, err := exec.Command(compiler, "-O1", "-shared", "-fPIC", "-o", library, filepath.Join("testdata", "fsync.c")).CombinedOutput(); err != nil {
		t.Fatalf("compile testdata/fsync.c: %v\n%s", err, out)
	}
	next := newNextServer(t)
	dir := t.TempDir()
	cmd := relayCommand(t, dir)
	cmd.Env = append(cmd.Env, "LD_PRELOAD="+library, "FSYNC_FAILS="+broken)
	r, password := firstRelay(t, cmd, dir, next.addr)
	r.account("jane@acme.example")
	var taken acks
	load := r.load(&taken, password, "load", 3, nil)
	eventually(t, "mail is taken", func() bool { return len(taken.all()) > 60 })
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	load.Wait()
	if got := r.refusal(password); !strings.HasPrefix(got, "451 ") {
		t.Errorf("a mail that cannot be synced: %s, want 451", got)
	}
	if got := r.signUpStatus("joe@acme.example"); got != http.StatusServiceUnavailable {
		t.Errorf("a sign-up that cannot be synced: %d, want 503", got)
	}
	eventually(t, "health tells of the disk", func() bool { // what it says may be a second old
		status, reason := r.health()
		return status == http.StatusServiceUnavailable && reason == "storage_readonly"
	})
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service is well again", func() bool {
		status, _ := r.health()
		return status == http.StatusOK
	})
	r.handOne(password, "after", "a@one.example")
	taken.add("after", "a@one.example")
	r.settle()
	got := next.taken()
	if doubled := taken.check(t, got); doubled != 0 {
		t.Errorf("%d mails came twice", doubled)
	}
	if n := len(got["refused a@one.example"]); n != 0 {
		t.Errorf("a mail that was refused has left %d times", n)
	}
}
