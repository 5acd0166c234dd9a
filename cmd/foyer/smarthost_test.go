package main_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	mailUser     = "accounts@local.test"
	mailPassword = "canary-s3cret-pa55"
)

// shownMail is a mail as "mail show --json" has it.
type shownMail struct {
	Kind        string
	ID          string
	State       string
	Recipient   string
	Attempts    int
	Reply       string
	Data        string
	MessageID   string     `json:"message_id"`
	NextAttempt *time.Time `json:"next_attempt"`
	Steps       []struct {
		Name   string
		OK     bool
		Detail string
	}
}

// encrypted reports whether the last attempt says that TLS went well.
func (m shownMail) encrypted() bool {
	for _, step := range m.Steps {
		if step.Name == "tls" {
			return step.OK && strings.Contains(step.Detail, "TLS 1.")
		}
	}
	return false
}

// line is what the tests compare.
func (m shownMail) line() string { return fmt.Sprintf("%s %d %s", m.State, m.Attempts, m.Reply) }

// sender is a service that writes a mail to whom the test names: each signs up.
type sender struct {
	*process
	browser *http.Client
}

func newSender(tb testing.TB, env ...string) *sender {
	tb.Helper()
	p := serveWith(tb, tb.TempDir(), env...)
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run("settings", "set", "mail.from="+mailUser)
	return &sender{process: p, browser: visitor(tb)}
}

// through makes the service send to a smarthost. More are other settings.
func (s *sender) through(addr, tls string, more ...string) {
	s.tb.Helper()
	s.run(append([]string{"settings", "set", "mail.transport=smarthost", "mail.smarthost=" + addr, "mail.tls=" + tls}, more...)...)
}

// signInAs are the settings that sign in at the smarthost.
func signInAs(auth, password string) []string {
	return []string{"mail.auth=" + auth, "mail.username=" + mailUser, "mail.password=" + password}
}

// write has somebody of a listed company sign up.
func (s *sender) write(name string) shownMail {
	s.tb.Helper()
	return s.writeTo(name + "@acme.example")
}

// writeTo has the owner of an address sign up, which writes a mail, and returns the mail as it is before its first
// attempt has ended or after.
func (s *sender) writeTo(to string) shownMail {
	s.tb.Helper()
	status, _, err := post(s.browser, s.url+"/register", signUpForm(to))
	if err != nil || status != http.StatusSeeOther {
		s.tb.Fatalf("sign-up of %s: status %d, %v", to, status, err)
	}
	for _, m := range query[[]shownMail](s.process, "mail", "list") {
		if m.Recipient == to {
			return s.show(m.ID)
		}
	}
	s.tb.Fatalf("no mail to %s is written", to)
	return shownMail{}
}

func (s *sender) show(id string) shownMail {
	s.tb.Helper()
	return query[shownMail](s.process, "mail", "show", id)
}

// settled waits until so many attempts at a mail have ended, and returns it.
func (s *sender) settled(id string, attempts int) shownMail {
	s.tb.Helper()
	var m shownMail
	eventually(s.tb, fmt.Sprintf("attempt %d at mail %s ends", attempts, id), func() bool {
		m = s.show(id)
		return m.Attempts >= attempts && m.State != "queued" && m.State != "sending"
	})
	return m
}

// delivered waits until a mail has arrived at the other side.
func (s *sender) delivered(id string) shownMail {
	s.tb.Helper()
	var m shownMail
	eventually(s.tb, "mail "+id+" is delivered", func() bool {
		m = s.show(id)
		if m.State == "failed" || m.State == "deferred" {
			s.tb.Fatalf("mail %s is %s", id, m.line())
		}
		return m.State == "delivered"
	})
	return m
}

// retry tries a mail again by hand and returns what came of that attempt.
func (s *sender) retry(m shownMail) shownMail {
	s.tb.Helper()
	s.run("mail", "retry", m.ID)
	return s.settled(m.ID, m.Attempts+1)
}

// brought tries a mail by hand whenever it is deferred, until it has arrived at the other side or failed.
func (s *sender) brought(id string) shownMail {
	s.tb.Helper()
	var m shownMail
	eventually(s.tb, "mail "+id+" is delivered", func() bool {
		m = s.show(id)
		if m.State == "deferred" {
			s.try("mail", "retry", id) // it may be on its way by now
		}
		return m.State == "delivered" || m.State == "failed"
	})
	return m
}

// arrived waits for a mail in one of the files below dir and returns how often it is there. It must be there as it was
// sent, byte for byte, below what the mail server has put in front.
func arrived(tb testing.TB, dir string, m shownMail) int {
	tb.Helper()
	n := 0
	eventually(tb, "mail "+m.ID+" is in the mailbox", func() bool {
		n = copies(tb, dir, m)
		return n > 0
	})
	return n
}

func copies(tb testing.TB, dir string, m shownMail) int {
	tb.Helper()
	n := 0
	for _, file := range mailFiles(tb, dir) {
		if !strings.Contains(file, m.MessageID) {
			continue
		}
		n++
		// smtp-sink ends each with an empty line.
		front, ok := strings.CutSuffix(strings.TrimRight(file, "\r\n")+"\r\n", strings.TrimRight(m.Data, "\r\n")+"\r\n")
		if !ok {
			tb.Errorf("mail %s has arrived as\n%q\nwant its end to be\n%q", m.ID, file, m.Data)
		}
		for line := range strings.Lines(front) {
			if name, _, ok := strings.Cut(line, ":"); ok && strings.EqualFold(name, "bcc") {
				tb.Errorf("mail %s has got %q", m.ID, line)
			}
		}
	}
	return n
}

// nowhere fails the test when a secret is in the log of the service, in what it shows, or in its answers.
func (s *sender) nowhere(secrets ...string) {
	s.tb.Helper()
	said := s.log.String() + s.run("mail", "list", "--json") + s.run("audit", "list", "--json") + s.run("settings", "get", "--json")
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			s.tb.Errorf("the secret %q is shown:\n%s", secret, said)
		}
	}
}

func TestSmarthostIsPostfix(t *testing.T) {
	authority := newMailAuthority(t)
	users, auth := newPasswordServer(t, mailUser, mailPassword)
	boxes, inbox := mailboxes(t, "acme.example")
	config := postfixConfig{addr: freeAddr(t), settings: append(auth, boxes...)}
	config.cert, config.key = authority.issue(t, sharedDir(t), nil, hostOf(t, config.addr))
	server := startPostfix(t, config)
	s := newSender(t, authority.env()...)

	for _, test := range []struct{ name, addr, tls, auth string }{
		{"starttls-plain", server.addr, "starttls", "plain"},
		{"starttls-login", server.addr, "starttls", "login"},
		{"implicit-plain", server.tls, "implicit", "plain"},
		{"implicit-login", server.tls, "implicit", "login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.through(test.addr, test.tls, signInAs(test.auth, mailPassword)...)
			m := s.delivered(s.write(test.name).ID)
			if want := "delivered 1 250 2.0.0 Ok: queued as "; !strings.HasPrefix(m.line(), want) {
				t.Errorf("got %q, want %q", m.line(), want)
			}
			if n := arrived(t, inbox, m); n != 1 {
				t.Errorf("it has arrived %d times", n)
			}
		})
	}
	if got, want := users.seen(), strings.Join([]string{
		"PLAIN " + mailUser + " true", "LOGIN " + mailUser + " true", "PLAIN " + mailUser + " true", "LOGIN " + mailUser + " true",
	}, ", "); got != want {
		t.Errorf("signed in: %s; want %s", got, want)
	}

	t.Run("wrong password", func(t *testing.T) {
		for _, auth := range []string{"plain", "login"} {
			s.through(server.addr, "starttls", signInAs(auth, "wr0ng-canary")...)
			m := s.settled(s.write("wrong-"+auth).ID, 1)
			if want := "deferred 1 auth_failed: "; !strings.HasPrefix(m.line(), want) || !strings.Contains(m.Reply, "535 5.7.8") {
				t.Errorf("%s: got %q, want %q and Postfix's 535 5.7.8", auth, m.line(), want)
			}
			s.through(server.addr, "starttls", signInAs(auth, mailPassword)...)
			if m = s.retry(m); m.State != "delivered" {
				t.Errorf("%s, with the right password: %s", auth, m.line())
			}
			arrived(t, inbox, m)
		}
		s.nowhere("wr0ng-canary", mailPassword, base64.StdEncoding.EncodeToString([]byte("\x00"+mailUser+"\x00wr0ng-canary")))
	})

	t.Run("no sign-in", func(t *testing.T) {
		s.through(server.addr, "starttls", "mail.auth=none")
		m := s.settled(s.write("anonymous").ID, 1)
		// "554 5.7.1 Recipient address rejected: Access denied": Postfix's own word for "relaying denied" to who is no user.
		if m.State != "failed" || !strings.Contains(m.Reply, "554 5.7.1") {
			t.Errorf("got %q, want it to have failed with Postfix's 554 5.7.1", m.line())
		}
		if out := s.run("mail", "suppressed"); strings.Contains(out, "anonymous") {
			t.Errorf("an answer about this machine has shut out its recipient:\n%s", out)
		}
	})

	t.Run("not without TLS", func(t *testing.T) {
		_, stderr, status := s.try("settings", "set", "mail.tls=none", "mail.auth=plain")
		if status == 0 || !strings.Contains(stderr, "over TLS only") {
			t.Errorf("status %d: %s", status, stderr)
		}
	})
}

func TestSmarthostIsChasquid(t *testing.T) {
	authority := newMailAuthority(t)
	server := startChasquid(t, chasquidConfig{
		authority: authority, domain: "acme.example", users: map[string]string{
			"foyer": mailPassword, "starttls": "any", "implicit": "any", "again": "any",
		},
	})
	inbox := filepath.Join(server.dir, "mail")
	s := newSender(t, authority.env()...)
	// chasquid knows AUTH PLAIN only.
	user := "mail.username=foyer@acme.example"
	for _, test := range []struct{ tls, addr string }{{"starttls", server.submission}, {"implicit", server.tls}} {
		s.through(test.addr, test.tls, "mail.auth=plain", user, "mail.password="+mailPassword)
		m := s.delivered(s.write(test.tls).ID)
		if m.Attempts != 1 || !strings.HasPrefix(m.Reply, "250 ") {
			t.Errorf("%s: got %q", test.tls, m.line())
		}
		if n := arrived(t, inbox, m); n != 1 {
			t.Errorf("%s: it has arrived %d times", test.tls, n)
		}
	}
	s.through(server.submission, "starttls", "mail.auth=plain", user, "mail.password=wr0ng-canary")
	m := s.settled(s.write("again").ID, 1)
	if want := "deferred 1 auth_failed: "; !strings.HasPrefix(m.line(), want) || !strings.Contains(m.Reply, "535 5.7.8") {
		t.Errorf("wrong password: got %q, want %q and chasquid's 535 5.7.8", m.line(), want)
	}
	s.nowhere("wr0ng-canary")
	s.run("settings", "set", "mail.password="+mailPassword)
	if m = s.retry(m); m.State != "delivered" {
		t.Errorf("with the right password: %s", m.line())
	}
	arrived(t, inbox, m)
}

// TestGreylistedByPostfix has Postfix defer every mail until it lets them in, as those that greylist do after minutes.
func TestGreylistedByPostfix(t *testing.T) {
	grey, settings := newGreylist(t)
	boxes, inbox := mailboxes(t, "acme.example")
	server := startPostfix(t, postfixConfig{settings: append(settings, boxes...)})
	s := newSender(t)
	s.through(server.addr, "none")
	first, second := s.settled(s.write("first").ID, 1), s.settled(s.write("second").ID, 1)
	for _, m := range []shownMail{first, second} {
		if want := "deferred 1 450 4.7.1 <" + m.Recipient + ">: Recipient address rejected: Greylisted, come back in five minutes"; m.line() != want {
			t.Errorf("got %q, want %q", m.line(), want)
		}
		if m.NextAttempt == nil || time.Until(*m.NextAttempt) > 70*time.Second {
			t.Errorf("the next attempt is at %v, want it within about a minute", m.NextAttempt)
		}
	}
	if again := s.retry(first); again.State != "deferred" || again.Attempts != 2 || again.MessageID != first.MessageID {
		t.Errorf("too early: %s", again.line())
	}
	grey.letIn()
	for _, m := range []shownMail{s.retry(s.show(first.ID)), s.retry(second)} {
		if m.State != "delivered" {
			t.Errorf("let in: %s", m.line())
		}
		if n := arrived(t, inbox, m); n != 1 {
			t.Errorf("mail %s has arrived %d times", m.ID, n)
		}
	}
}

// TestSmarthostWithBrokenTLS expects every mail to stay queued, with words that say what is wrong, and nothing of the
// password or the mail on the wire.
func TestSmarthostWithBrokenTLS(t *testing.T) {
	authority, stranger := newMailAuthority(t), newMailAuthority(t)
	s := newSender(t, authority.env()...)
	type server struct{ starttls, implicit string }
	start := func(t *testing.T, signer *mailAuthority, name string, change func(*x509.Certificate), settings ...string) server {
		t.Helper()
		users, auth := newPasswordServer(t, mailUser, mailPassword)
		t.Cleanup(func() {
			if seen := users.seen(); seen != "" {
				t.Errorf("signed in at a server that is not trusted: %s", seen)
			}
		})
		config := postfixConfig{addr: freeAddr(t), settings: append(auth, settings...)}
		if name == "" {
			name = hostOf(t, config.addr)
		}
		config.cert, config.key = signer.issue(t, sharedDir(t), change, name)
		p := startPostfix(t, config)
		return server{p.addr, p.tls}
	}
	good := start(t, authority, "", nil)
	expired := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(0, 0, -3), time.Now().AddDate(0, 0, -2)
	}
	early := func(c *x509.Certificate) { c.NotBefore = time.Now().Add(12 * time.Hour) }
	withoutStartTLS := func(words []byte) []byte {
		return bytes.ReplaceAll(words, []byte("250-STARTTLS\r\n"), nil)
	}
	for _, test := range []struct {
		name   string
		server func(t *testing.T) server
		want   string // the reason
	}{
		{"unknown authority", func(t *testing.T) server { t.Helper(); return start(t, stranger, "", nil) }, "tls_unknown_ca"},
		{"other name", func(t *testing.T) server { t.Helper(); return start(t, authority, "mail.other.test", nil) }, "tls_name"},
		{"expired", func(t *testing.T) server { t.Helper(); return start(t, authority, "", expired) }, "tls_expired"},
		{"not valid yet", func(t *testing.T) server { t.Helper(); return start(t, authority, "", early) }, "tls_expired"},
		{"TLS 1.1 only", func(t *testing.T) server {
			t.Helper()
			return start(t, authority, "", nil, "smtpd_tls_protocols = <=TLSv1.1", "smtpd_tls_mandatory_protocols = <=TLSv1.1",
				"tls_medium_cipherlist = ALL:@SECLEVEL=0")
		}, "tls_handshake"},
		{"STARTTLS taken away", func(t *testing.T) server {
			t.Helper()
			return server{starttls: newWire(t, good.starttls, withoutStartTLS).addr}
		}, "tls_required"},
		{"no TLS at the port for TLS", func(*testing.T) server { return server{implicit: good.starttls} }, "tls_no_tls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := test.server(t)
			for _, way := range []struct{ tls, addr string }{{"starttls", at.starttls}, {"implicit", at.implicit}} {
				if way.addr == "" {
					continue
				}
				proxy := newWire(t, way.addr, nil)
				s.through(proxy.addr, way.tls, signInAs("plain", mailPassword)...)
				m := s.settled(s.write(strings.ReplaceAll(test.name, " ", "-")+"-"+way.tls).ID, 1)
				if want := "deferred 1 " + test.want + ": "; !strings.HasPrefix(m.line(), want) {
					t.Errorf("%s: got %q, want %q", way.tls, m.line(), want)
				}
				heard := proxy.heard()
				for _, secret := range []string{mailPassword, "AUTH", "MAIL FROM", m.Recipient, base64.StdEncoding.EncodeToString([]byte(mailPassword))} {
					if strings.Contains(heard, secret) {
						t.Errorf("%s: %q was on the wire:\n%q", way.tls, secret, heard)
					}
				}
			}
		})
	}
	s.nowhere(mailPassword)
}
