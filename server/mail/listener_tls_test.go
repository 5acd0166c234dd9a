package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// files is where a certificate and its key are.
type files struct{ cert, key string }

// write writes a certificate and its key as PEM.
func (f files) write(tb testing.TB, c tls.Certificate) {
	tb.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{f.cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, f.key: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

func newFiles(tb testing.TB) files {
	tb.Helper()
	dir := tb.TempDir()
	return files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// certificates returns the files of a certificate of foyer.office.example, and who signed it.
func certificates(tb testing.TB) (files, *x509.CertPool) {
	tb.Helper()
	ca, f := newAuthority(tb), newFiles(tb)
	f.write(tb, ca.issue(tb, func(c *x509.Certificate) { c.DNSNames = []string{"foyer.office.example"} }).Certificates[0])
	return f, ca.pool
}

// doorway is a listener in memory, whose clients have the addresses they say.
type doorway struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newDoorway() *doorway { return &doorway{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *doorway) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *doorway) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *doorway) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 587} }

// pipeEnd is an end of a connection in memory, with addresses.
type pipeEnd struct {
	net.Conn
	local, remote *net.TCPAddr
}

func (e pipeEnd) LocalAddr() net.Addr  { return e.local }
func (e pipeEnd) RemoteAddr() net.Addr { return e.remote }

// dial connects from one address to another.
func (p *doorway) dial(from, to string) net.Conn {
	near, far := net.Pipe()
	p.conns <- pipeEnd{far, &net.TCPAddr{IP: net.ParseIP(to), Port: 587}, &net.TCPAddr{IP: net.ParseIP(from), Port: 4711}}
	return near
}

// inMemory runs a listener on pipes.
func inMemory(tb testing.TB, office mail.Office, c mail.ListenerConfig) (p *doorway, stop func()) {
	tb.Helper()
	p = newDoorway()
	c.ListenOn(func(context.Context, string, string) (net.Listener, error) { return p, nil })
	_, stop = runListener(tb, office, c)
	return p, stop
}

// TestStartTLS speaks from another machine: no password before TLS, and nothing that was said before it counts.
func TestStartTLS(t *testing.T) {
	pair, pool := certificates(t)
	office := newPrograms(t)
	p, _ := inMemory(t, office, mail.ListenerConfig{Listen: []string{":587"}, Cert: pair.cert, Key: pair.key})
	c := newCaller(t, p.dial("192.0.2.7", "192.0.2.1"))
	c.want("220 ")
	c.send("EHLO scanner.lan\r\n")
	if offers := c.answer(); !strings.Contains(offers, "\n250-STARTTLS\n") || strings.Contains(offers, "AUTH") {
		t.Errorf("offered before TLS: %s", offers)
	}
	c.say(plain("scanner", "secret of scanner"), "523 5.7.10", "MAIL FROM:<scanner@office.example>", "530 5.7.0 STARTTLS first")
	if office.passwords != 0 {
		t.Error("a password was tried without TLS")
	}
	// Somebody in between puts commands behind STARTTLS.
	c.send("STARTTLS\r\nEHLO evil\r\nMAIL FROM:<scanner@office.example>\r\n")
	c.want("220 ")
	conn := tls.Client(c.Conn, &tls.Config{RootCAs: pool, ServerName: "foyer.office.example"})
	c = newCaller(t, conn)
	c.say("RCPT TO:<jane@acme.example>", "503 5.5.1", "MAIL FROM:<scanner@office.example>", "503 5.5.1", "DATA", "503 ", "EHLO scanner.lan", "250-",
		"RCPT TO:<jane@acme.example>", "502 ", "STARTTLS", "502 ", plain("scanner", "secret of scanner"), "235 ")
	c.envelope()
	c.say("DATA", "354 ")
	c.send(letter + ".\r\n")
	c.want("250 ")
	if mails := office.mails(); len(mails) != 1 || !strings.Contains(string(mails[0].Data), "from scanner.lan ([192.0.2.7])\r\n\tby foyer.office.example with ESMTPSA id ") {
		t.Errorf("taken %+v", mails)
	}
	// From here to here, passwords never cross a network.
	c = newCaller(t, p.dial("127.0.0.1", "127.0.0.1"))
	c.signIn()
	c.say("STARTTLS", "503 ")
	// But from here to an address of the network they could be somebody else's.
	c = newCaller(t, p.dial("127.0.0.1", "192.0.2.1"))
	c.want("220 ")
	c.say("EHLO x", "250-", "AUTH PLAIN", "523 ")
}

func TestImplicitTLS(t *testing.T) {
	pair, pool := certificates(t)
	office := newPrograms(t)
	p, _ := inMemory(t, office, mail.ListenerConfig{Listen: []string{":465"}, TLS: "implicit", Cert: pair.cert, Key: pair.key})
	c := newCaller(t, tls.Client(p.dial("192.0.2.7", "192.0.2.1"), &tls.Config{RootCAs: pool, ServerName: "foyer.office.example"}))
	c.want("220 foyer.office.example ESMTP")
	c.send("EHLO x\r\n")
	if offers := c.answer(); strings.Contains(offers, "STARTTLS") || !strings.Contains(offers, "AUTH PLAIN LOGIN") {
		t.Errorf("offered in TLS: %s", offers)
	}
	c.say(plain("scanner", "secret of scanner"), "235 ")
	old := newCaller(t, tls.Client(p.dial("192.0.2.7", "192.0.2.1"), &tls.Config{RootCAs: pool, ServerName: "foyer.office.example", MaxVersion: tls.VersionTLS11}))
	if err := old.Conn.(*tls.Conn).HandshakeContext(t.Context()); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	inPlain := newCaller(t, p.dial("192.0.2.7", "192.0.2.1"))
	inPlain.send("EHLO x\r\n")
	if got := inPlain.answer(); strings.HasPrefix(got, "2") {
		t.Errorf("without TLS: %q", got)
	}
}

// TestCertificateChanges replaces the files while the listener runs.
func TestCertificateChanges(t *testing.T) {
	ca, pair := newAuthority(t), newFiles(t)
	issue := func(serial string) tls.Certificate {
		return ca.issue(t, func(c *x509.Certificate) {
			c.DNSNames = []string{"foyer.office.example", serial}
		}).Certificates[0]
	}
	first, second := issue("first.example"), issue("second.example")
	pair.write(t, first)
	synctest.Test(t, func(t *testing.T) {
		p, stop := inMemory(t, newPrograms(t), mail.ListenerConfig{Listen: []string{":465"}, TLS: "implicit", Cert: pair.cert, Key: pair.key})
		defer stop()
		serves := func(name string) {
			t.Helper()
			conn := tls.Client(p.dial("192.0.2.7", "192.0.2.1"), &tls.Config{RootCAs: ca.pool, ServerName: name, InsecureSkipVerify: true})
			if err := conn.HandshakeContext(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// The clock of the bubble is not that of the certificate.
			if err := conn.ConnectionState().PeerCertificates[0].VerifyHostname(name); err != nil {
				t.Error(err)
			}
			_ = conn.NetConn().Close() // it is over
			synctest.Wait()
		}
		serves("first.example")
		if err := os.WriteFile(pair.cert, []byte("half a certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		wait(t, time.Minute)
		serves("first.example")
		pair.write(t, second)
		wait(t, time.Minute)
		serves("second.example")
		if err := errors.Join(os.Remove(pair.cert), os.Remove(pair.key)); err != nil {
			t.Fatal(err)
		}
		wait(t, time.Minute)
		serves("second.example")
	})
}

// TestTimes has clients take their time.
func TestTimes(t *testing.T) {
	for _, test := range []struct {
		name string
		act  func(c *caller)
		most time.Duration // from the connection to its end
	}{
		{"says nothing", func(c *caller) { c.want("220 ") }, 5 * time.Minute},
		{"does not sign in", func(c *caller) {
			c.want("220 ")
			for range 100 {
				if !c.still("NOOP\r\n", time.Minute) {
					return
				}
			}
		}, 5 * time.Minute},
		{"says nothing more", func(c *caller) { c.signIn() }, 5 * time.Minute},
		{"a command byte by byte", func(c *caller) {
			c.signIn()
			for range 1000 {
				if !c.still("N", time.Minute) {
					return
				}
			}
		}, 5 * time.Minute},
		{"a mail line by line", func(c *caller) {
			c.signIn()
			c.envelope()
			c.say("DATA", "354 ")
			for range 1000 {
				if !c.still("Hello\r\n", time.Minute) {
					return
				}
			}
		}, 5 * time.Minute},
		{"a mail chunk by chunk", func(c *caller) {
			c.signIn()
			c.envelope()
			for range 1000 {
				if !c.still("BDAT 1\r\nx", time.Minute) {
					return
				}
			}
		}, 5 * time.Minute},
		{"does not read", func(c *caller) {
			c.signIn()
			c.send("EHLO x\r\n")
			<-c.Context().Done()
		}, 5 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				office := newPrograms(t)
				office.settings.Limits.SMTPErrors = 0
				p, stop := inMemory(t, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:25"}})
				defer stop()
				began := time.Now()
				c := newCaller(t, p.dial("127.0.0.1", "127.0.0.1"))
				if test.name != "does not read" {
					test.act(c)
					for c.answer() != "" { // until it ends
						if time.Since(began) > time.Hour {
							break
						}
					}
				} else {
					c.signIn()
					c.send("EHLO x\r\n")
					wait(t, test.most+time.Minute)
					if _, err := c.Write([]byte("NOOP\r\n")); err == nil {
						t.Error("the connection is there still")
					}
				}
				// A pipe holds nothing: the last answer may wait a minute to be read.
				if took := time.Since(began); took > test.most+time.Minute+time.Second {
					t.Errorf("it took %s until the connection ended, want %s at most", took, test.most+time.Minute)
				}
				if mails := office.mails(); len(mails) > 0 {
					t.Error("a mail was taken")
				}
			})
		})
	}
}

// still sends something and waits. It reports whether the connection is there still.
func (c *caller) still(text string, pause time.Duration) bool {
	c.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		return false
	}
	wait(c.TB, pause)
	return true
}

// TestGuessing tries passwords: each wrong one takes a second, and after three the connection ends, whatever was
// pipelined.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		office := newPrograms(t)
		p, stop := inMemory(t, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:25"}})
		defer stop()
		c := newCaller(t, p.dial("127.0.0.1", "127.0.0.1"))
		c.want("220 ")
		c.say("EHLO x", "250-")
		began := time.Now()
		go func() {
			_, _ = c.Write([]byte(strings.Repeat(plain("scanner", "guess")+"\r\n", 100) + plain("scanner", "secret of scanner") + "\r\n"))
		}()
		for range 2 {
			c.want("535 5.7.8")
		}
		c.want("421 4.7.0")
		c.want("")
		if took := time.Since(began); took != 3*time.Second || office.passwords != 3 {
			t.Errorf("%d guesses took %s, want 3 and 3s", office.passwords, took)
		}
		// EHLO and RSET do not make up for it.
		c = newCaller(t, p.dial("127.0.0.1", "127.0.0.1"))
		c.want("220 ")
		c.say("EHLO x", "250-", plain("scanner", ""), "535 ", "EHLO x", "250-", "RSET", "250 ", plain("", ""), "535 ", "AUTH LOGIN", "334 ", "", "334 ", "", "421 ")
		c.want("")
	})
}

func TestGuessingLimited(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, limited{office}, mail.ListenerConfig{})
	c := call(t, listenAddress(t, l))
	c.want("220 ")
	c.say("EHLO x", "250-", plain("scanner", "secret of scanner"), "454 4.7.0 try again in 4s")
}

// limited is an office at which too many wrong passwords were tried.
type limited struct{ *programs }

func (limited) SignInProgram(context.Context, string, string, string) (app.Program, error) {
	return app.Program{}, app.Errorf(app.Limited, "login_rate", "try again in 4s")
}

// TestStopHard stops the service while a program does not come to an end.
func TestStopHard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		office := newPrograms(t)
		p, stop := inMemory(t, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:25"}})
		c := newCaller(t, p.dial("127.0.0.1", "127.0.0.1"))
		c.signIn()
		c.envelope()
		c.say("DATA", "354 ")
		began := time.Now()
		var talking sync.WaitGroup
		talking.Go(func() {
			for c.still("Hello\r\n", time.Second) {
			}
		})
		talking.Go(func() { _, _ = io.Copy(io.Discard, c.in) }) // what it says as it ends
		stop()
		if took := time.Since(began); took < 10*time.Second || took > 12*time.Second {
			t.Errorf("stopping took %s, want 10s", took)
		}
		talking.Wait()
		if mails := office.mails(); len(mails) > 0 {
			t.Error("a mail was taken")
		}
	})
}
