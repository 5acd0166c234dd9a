package localapi_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"foyer/app/localapi"
)

// asUser runs work on a thread whose effective user and groups are others, as the kernel sees them at connect(2).
// The thread ends with it.
func asUser(t *testing.T, uid int, groups []uint32, work func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	done := make(chan unix.Errno)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is thrown away
		errno := becomeOnThisThread(uid, groups)
		if errno == 0 {
			work()
		}
		done <- errno
	}()
	if errno := <-done; errno != 0 {
		t.Skipf("cannot become another user here: %v", errno)
	}
}

// TestOtherUsers connects as other users of this machine: whom the kernel names, and what each may do.
func TestOtherUsers(t *testing.T) {
	group := groupOfThisMachine(t)
	backend := newOffice(t)
	path := filepath.Join("/tmp", fmt.Sprintf("foyer-test-%d", os.Getpid()), "s")
	t.Cleanup(func() {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Error(err)
		}
	})
	l, err := localapi.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, localapi.NewServer(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler), Group: group.name}))

	get := func(url string) (status int, body string) {
		conn, err := net.Dial("unix", path) // on this thread
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", url)
		data, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		if _, err := fmt.Sscanf(string(data), "HTTP/1.0 %d", &status); err != nil {
			t.Errorf("answer %q: %v", data, err)
		}
		return status, string(data)
	}
	asUser(t, 65534, nil, func() {
		if status, body := get("/v1/companies"); status != http.StatusForbidden || !strings.Contains(body, "uid 65534") {
			t.Errorf("nobody asks for companies: got %s, want 403 that says who is asking", body)
		}
		if status, body := get("/v1/version"); status != http.StatusOK || !strings.Contains(body, `"permitted":false`) {
			t.Errorf("nobody asks for the version: got %s", body)
		}
	})
	asUser(t, 65534, []uint32{12345, group.gid}, func() {
		if status, body := get("/v1/companies"); status != http.StatusOK {
			t.Errorf("a member of %s asks for companies: got %s, want 200", group.name, body)
		}
	})
	many := make([]uint32, 300) // more than are asked for at first
	for i := range many {
		many[i] = uint32(100_000 + i)
	}
	many = append(many, group.gid)
	slices.Sort(many)
	asUser(t, 65534, many, func() {
		if status, body := get("/v1/companies"); status != http.StatusOK {
			t.Errorf("a member of 301 groups: got %s, want 200", body)
		}
	})
	if status, _ := get("/v1/companies"); status != http.StatusOK {
		t.Errorf("root: got %d, want 200", status)
	}
}

// TestConnectionsOfOneUser opens as many connections as a user may have, and one more.
func TestConnectionsOfOneUser(t *testing.T) {
	dir := filepath.Join("/tmp", fmt.Sprintf("foyer-limit-%d", os.Getpid()))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	l, err := localapi.Listen(t.Context(), filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, localapi.NewServer(localapi.HandlerConfig{Backend: newOffice(t), Log: slog.New(slog.DiscardHandler)}))
	answered := func(conn net.Conn) bool {
		if _, err := io.WriteString(conn, "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return false
		}
		_, err := conn.Read(make([]byte, 1))
		return err == nil
	}
	dial := func() net.Conn {
		conn, err := net.Dial("unix", filepath.Join(dir, "s"))
		if err != nil {
			t.Error(err)
		}
		return conn
	}
	asUser(t, 65534, nil, func() {
		var open []net.Conn
		for i := range localapi.MaxPerUser {
			conn := dial()
			open = append(open, conn)
			if !answered(conn) {
				t.Errorf("connection %d was not answered", i)
			}
		}
		extra := dial()
		if answered(extra) {
			t.Errorf("connection %d was answered, want it closed", localapi.MaxPerUser+1)
		}
		open = append(open, extra)
		for _, conn := range open {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	mine := dial()
	defer mine.Close()
	if !answered(mine) {
		t.Error("another user was not answered")
	}
}

// becomeOnThisThread changes user and groups of the calling thread alone, by system call: Go's own functions change
// those of all threads.
func becomeOnThisThread(uid int, groups []uint32) unix.Errno {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
		return errno
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
	return errno
}
