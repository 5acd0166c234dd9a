package main_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// sink is Postfix's smtp-sink: a mail server that takes everything, or fails in a way it is told.
type sink struct {
	*peer
	addr  string
	count *sinkCounter
}

// sinkCounter reads the counters that smtp-sink shows and remembers when it has taken so many mails.
type sinkCounter struct {
	mu     sync.Mutex
	rest   []byte
	wanted int
	mails  int
	first  time.Time
	last   time.Time
	full   chan struct{}
}

// Write takes what smtp-sink prints: "sess=1 quit=1 mesg=1" and a carriage return.
func (c *sinkCounter) Write(p []byte) (int, error) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, p...)
	for {
		line, rest, whole := bytes.Cut(c.rest, []byte("\r"))
		if !whole {
			return len(p), nil
		}
		c.rest = rest
		_, number, _ := bytes.Cut(line, []byte("mesg="))
		n, err := strconv.Atoi(string(bytes.TrimSpace(number)))
		if err != nil || n <= c.mails {
			continue
		}
		if c.mails == 0 {
			c.first = now
		}
		reached := c.mails < c.wanted && n >= c.wanted
		c.mails, c.last = n, now
		if reached {
			close(c.full)
		}
	}
}

// want returns a channel that is closed when n mails have arrived since then.
func (c *sinkCounter) want(n int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted, c.full = c.mails+n, make(chan struct{})
	return c.full
}

// taken returns how many mails have arrived and when the last one did.
func (c *sinkCounter) taken() (int, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mails, c.last
}

// startSink starts an smtp-sink at addr, or anywhere when that is "". mode is its options.
func startSink(tb testing.TB, addr string, mode ...string) *sink {
	tb.Helper()
	program := tool(tb, "smtp-sink", "postfix")
	if addr == "" {
		addr = freeAddr(tb)
	}
	s := &sink{addr: addr, count: &sinkCounter{}}
	args := append([]string{"-c", "-h", "sink.test"}, mode...)
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	args = append(args, addr, "256")
	cmd := exec.Command(program, args...)
	cmd.Stdout = s.count
	s.peer = startPeer(tb, addr, cmd)
	return s
}

// keep is the mode of an smtp-sink that writes each mail to a file of the directory.
func keep(tb testing.TB) (dir string, mode []string) {
	tb.Helper()
	dir = sharedDir(tb)
	if err := os.Chmod(dir, 0o777); err != nil { // smtp-sink runs as nobody
		tb.Fatal(err)
	}
	return dir, []string{"-d", filepath.Join(dir, "mail.")}
}

// smtpSource runs Postfix's smtp-source against addr and returns how long it took, from its first connection to its
// last answer. It ends at the first answer that is not a good one.
func smtpSource(tb testing.TB, addr string, args ...string) time.Duration {
	tb.Helper()
	cmd := exec.Command(tool(tb, "smtp-source", "postfix"), append(args, addr)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &said
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		tb.Fatalf("smtp-source: %v\n%s", err, &said)
	}
	return time.Since(begin)
}
