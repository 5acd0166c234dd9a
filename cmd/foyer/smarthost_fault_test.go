package main_test

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSinkModes has smtp-sink fail in each way it can. It expects of each what becomes of the mail, in which words, and
// that a mail that was not refused for good arrives once, and as it was, when the server is well again.
func TestSinkModes(t *testing.T) {
	s := newSender(t)
	const soft, hard, closing = `450 4\.3\.0 Error: command failed`, `500 5\.3\.0 Error: command failed`, `421 4\.0\.0 Server closing connection`
	const taken = "^delivered 1 250 2.0.0 Ok$"
	for i, test := range []struct{ mode, want string }{
		{"", taken},
		{"-r CONNECT", "^deferred 1 host_refused: .*" + soft},
		{"-f CONNECT", "^deferred 1 host_refused: .*" + hard},
		{"-q CONNECT", "^deferred 1 connection_lost: "},
		{"-Q CONNECT", "^deferred 1 .*" + closing},
		{"-r EHLO", "^deferred 1 host_refused: .*" + soft},
		{"-f EHLO", taken}, // by HELO
		{"-q EHLO", "^deferred 1 connection_lost: "},
		{"-Q EHLO", "^deferred 1 .*" + closing},
		{"-f EHLO,HELO", "^deferred 1 host_refused: .*" + hard},
		{"-r MAIL", "^deferred 1 " + soft},
		{"-f MAIL", "^failed 1 " + hard},
		{"-q MAIL", "^deferred 1 connection_lost: "},
		{"-Q MAIL", "^deferred 1 .*" + closing},
		{"-r RCPT", "^deferred 1 " + soft},
		{"-f RCPT", "^failed 1 " + hard},
		{"-q RCPT", "^deferred 1 connection_lost: "},
		{"-Q RCPT", "^deferred 1 .*" + closing},
		{"-r DATA", "^deferred 1 " + soft},
		{"-f DATA", "^failed 1 " + hard},
		{"-q DATA", "^deferred 1 connection_lost: "},
		{"-Q DATA", "^deferred 1 .*" + closing},
		{"-r .", "^deferred 1 " + soft},
		{"-f .", "^failed 1 " + hard},
		{"-q .", "^deferred 1 lost_after_data: "},
		{"-Q .", "^deferred 1 .*" + closing},
		// It closes without having read the mail. That resets the connection, with the answer mostly still on its way.
		{"-A 1", "^(failed 1 550 This violates SMTP|deferred 1 (lost_after_data|connection_lost): )"},
		{"-f QUIT", taken},
		{"-q QUIT", taken},
		{"-w 3", taken},
		{"-W CONNECT:2", taken},
		{"-H 2", taken},
		{"-e", taken},
		{"-P", taken},
		{"-8 -p -E -N -a", taken},
	} {
		t.Run(strings.TrimSpace("sink "+test.mode), func(t *testing.T) {
			broken := startSink(t, "", strings.Fields(test.mode)...)
			s.through(broken.addr, "none")
			m := s.settled(s.write(fmt.Sprint("mode", i)).ID, 1)
			if !regexp.MustCompile(test.want).MatchString(m.line()) {
				t.Fatalf("got %q, want %s", m.line(), test.want)
			}
			broken.stop()
			if m.State != "deferred" {
				return
			}
			dir, mode := keep(t)
			startSink(t, broken.addr, mode...)
			again := s.retry(m)
			if again.line() != "delivered 2 250 2.0.0 Ok" || again.MessageID != m.MessageID {
				t.Errorf("when it is well: got %q with Message-ID %s, want it delivered with %s", again.line(), again.MessageID, m.MessageID)
			}
			if n := arrived(t, dir, m); n != 1 {
				t.Errorf("it has arrived %d times", n)
			}
		})
	}
}

// TestSmarthostDownAndUp expects that people can sign up while the mail server is down, that the mails wait without
// spending their attempts one by one on a host that is down, and that each arrives once.
func TestSmarthostDownAndUp(t *testing.T) {
	s := newSender(t)
	addr := freeAddr(t)
	s.through(addr, "none")
	var mails []shownMail
	for i := range 20 {
		mails = append(mails, s.write(fmt.Sprint("patient", i)))
	}
	attempts := 0
	eventually(t, "an attempt has failed", func() bool {
		attempts = 0
		for _, m := range query[[]shownMail](s.process, "mail", "list") {
			if want := "deferred 1 connect_refused: "; m.State == "deferred" && !strings.HasPrefix(m.line(), want) {
				t.Errorf("got %q, want %q", m.line(), want)
			}
			attempts += m.Attempts
		}
		return attempts > 0
	})
	if attempts > 8 {
		t.Errorf("%d attempts at 20 mails to a host that is down", attempts)
	}
	dir, mode := keep(t)
	startSink(t, addr, mode...)
	for _, m := range query[[]shownMail](s.process, "mail", "list", "--state", "deferred") {
		s.brought(m.ID) // which ends the host's rest
	}
	for i, m := range mails {
		if m = s.brought(m.ID); m.State != "delivered" {
			t.Errorf("mail %d: %s", i, m.line())
		}
	}
	for i, m := range mails {
		if n := arrived(t, dir, m); n != 1 {
			t.Errorf("mail %d has arrived %d times", i, n)
		}
	}
}

// TestServersThatGiveUp has servers close one half of the connection, or all of it, at odd moments.
func TestServersThatGiveUp(t *testing.T) {
	s := newSender(t)
	const greeting, hello = "220 odd.test ESMTP\r\n", "250 odd.test\r\n"
	for i, test := range []struct {
		name    string
		answers []string // one to the connection and to each line
		half    bool     // it closes the half it speaks in, and goes on reading
		want    string
	}{
		{"closes at once", nil, false, "^deferred 1 connection_lost: "},
		{"half-closes at once", nil, true, "^deferred 1 connection_lost: "},
		{"half-closes after its greeting", []string{greeting}, true, "^deferred 1 connection_lost: "},
		{"closes within a line", []string{"220 od"}, false, "^deferred 1 (connection_lost|protocol): "},
		{"half-closes after EHLO", []string{greeting, hello}, true, "^deferred 1 connection_lost: "},
		{"closes within the answer to EHLO", []string{greeting, "250-odd.test\r\n250-SIZE"}, false, "^deferred 1 (connection_lost|protocol): "},
		{"half-closes after RCPT", []string{greeting, hello, "250 Ok\r\n", "250 Ok\r\n"}, true, "^deferred 1 connection_lost: "},
		{"closes after DATA", []string{greeting, hello, "250 Ok\r\n", "250 Ok\r\n", "354 Go ahead\r\n"}, false, "^deferred 1 (lost_after_data|connection_lost): "},
		{"speaks of something else", []string{"HTTP/1.0 400 Bad Request\r\n\r\n"}, false, "^deferred 1 (protocol|connection_lost): "},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := listen(t, "127.0.0.1", func(conn net.Conn) {
				for j, answer := range test.answers {
					if j > 0 {
						if _, err := conn.Read(make([]byte, 4096)); err != nil {
							return // the client has seen enough
						}
					}
					_, _ = io.WriteString(conn, answer) // the client may have seen enough
				}
				if test.half {
					_ = conn.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			s.through(addr, "none")
			m := s.settled(s.write(fmt.Sprint("odd", i)).ID, 1)
			if !regexp.MustCompile(test.want).MatchString(m.line()) {
				t.Errorf("got %q, want %s", m.line(), test.want)
			}
		})
	}
}

// TestStopDuringTarpit stops the service while a server that says one byte a second holds its mails, and expects it to
// end in time, and the mails to arrive once, later.
func TestStopDuringTarpit(t *testing.T) {
	s := newSender(t)
	entered := make(chan struct{}, 100)
	over := make(chan struct{})
	addr := listen(t, "127.0.0.1", func(conn net.Conn) {
		entered <- struct{}{}
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		if _, err := io.WriteString(conn, "220-"); err != nil {
			return // it is gone
		}
		for {
			select {
			case <-tick.C:
				if _, err := io.WriteString(conn, "."); err != nil {
					return // it is gone
				}
			case <-over:
				return
			}
		}
	})
	s.through(addr, "none")
	mails := []shownMail{s.write("stuck0"), s.write("stuck1"), s.write("stuck2")}
	<-entered
	begin := time.Now()
	s.stop(syscall.SIGTERM)
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("it has ended after %v", took)
	}
	close(over)
	s.process = serve(t, s.dir)
	dir, mode := keep(t)
	s.through(startSink(t, "", mode...).addr, "none")
	for _, m := range mails {
		m = s.brought(m.ID)
		if m.State != "delivered" || arrived(t, dir, m) != 1 {
			t.Errorf("%s; it has arrived %d times", m.line(), copies(t, dir, m))
		}
	}
}
