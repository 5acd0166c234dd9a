package mail_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

// TestOpportunisticTLS talks to servers whose certificates nobody vouches for, and to some that have no TLS at all.
func TestOpportunisticTLS(t *testing.T) {
	expired := newAuthority(t).issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	for _, config := range []*tls.Config{nil, expired} {
		s := &sink{}
		addr := s.serve(t, config, false)
		reply, encrypted, err := mail.Talk(t.Context(), addr, "acme.example", nil, message(t))
		if want := config != nil; err != nil || encrypted != want || !strings.HasPrefix(reply, "250 ") {
			t.Errorf("with TLS %v: got %q, %v, TLS %v", want, reply, err, encrypted)
		}
		if got := s.got(); len(got) != 1 || got[0].tls != (config != nil) {
			t.Errorf("the server got %+v", got)
		}
	}
}

// TestOpportunisticTLSRefused expects plain text where a server says no to EHLO or STARTTLS and goes on.
func TestOpportunisticTLSRefused(t *testing.T) {
	for name, begin := range map[string]func(*script){
		"no EHLO": func(s *script) {
			s.say("502 5.5.1 what?")
			s.expect("EHLO")
			s.say("502 5.5.1 what?")
			s.expect("HELO")
		},
		"STARTTLS refused": func(s *script) {
			s.say("250-odd.example\r\n250 STARTTLS")
			s.expect("STARTTLS")
			s.say("454 4.7.0 not now")
			s.expect("EHLO")
		},
	} {
		addr := runScript(t, func(s *script) {
			s.say("220 odd.example")
			s.expect("EHLO")
			begin(s)
			s.say("250 odd.example")
			for _, verb := range []string{"MAIL", "RCPT"} {
				s.expect(verb)
				s.say("250 ok")
			}
			s.expect("DATA")
			s.say("354 go on")
			s.readData()
			s.say("250 taken")
			s.expect("QUIT")
		})
		if reply, encrypted, err := mail.Talk(t.Context(), addr, "acme.example", nil, message(t)); reply != "250 taken" || encrypted || err != nil {
			t.Errorf("%s: got %q, TLS %v, %v", name, reply, encrypted, err)
		}
	}
}

// TestCertificateJudged expects a judge of the caller's to be asked, and to be obeyed.
func TestCertificateJudged(t *testing.T) {
	s := &sink{}
	addr := s.serve(t, newAuthority(t).issue(t, nil), false)
	asked := false
	_, _, err := mail.Talk(t.Context(), addr, "acme.example", func(state tls.ConnectionState) error {
		asked = len(state.PeerCertificates) == 1
		return errors.New("not this one")
	}, message(t))
	wantReason(t, err, "tls_handshake", false, true)
	if !asked || !strings.Contains(err.Error(), "not this one") || len(s.got()) != 0 {
		t.Errorf("asked %v, %v, the server got %d mails", asked, err, len(s.got()))
	}
}

// TestWordsForOtherServers expects no advice about the smarthost's settings where there is none.
func TestWordsForOtherServers(t *testing.T) {
	l := listen(t)
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for addr, reason := range map[string]string{
		closed: "connect_refused",
		runScript(t, func(s *script) {
			s.say("220 odd.example")
			s.expect("EHLO")
			s.say("250 odd.example")
			s.expect("EHLO")
			s.say("250 odd.example")
			s.expect("MAIL")
			s.say("530 5.7.0 sign in first")
			s.expect("QUIT")
		}): "auth_required",
		runScript(t, func(s *script) { s.say("554 5.7.1 go away"); s.expect("QUIT") }): "host_refused",
		runScript(t, func(*script) {}): "connection_lost",
	} {
		_, _, err := mail.Talk(t.Context(), addr, "acme.example", nil, message(t))
		wantReason(t, err, reason, false, true)
		host, _, splitErr := net.SplitHostPort(addr)
		if text := err.Error(); splitErr != nil || strings.Contains(text, "mail.") || !strings.Contains(text, "the mail server "+host+" of acme.example") {
			t.Errorf("%s: got %q", reason, text)
		}
	}
}

// TestEmptySender expects it of bounces, notices of delay and mails of programs, and never of Foyer's own.
func TestEmptySender(t *testing.T) {
	s := &sink{}
	addr := s.serve(t, nil, false)
	for kind, want := range map[app.MessageKind]bool{
		app.MailBounce: true, app.MailDelay: true, app.MailRelayed: true, app.MailConfirm: false, app.MailTest: false,
	} {
		m := message(t)
		m.Kind, m.Sender = kind, ""
		if _, err := deliver(t, mail.SmarthostConfig{Mail: settings(addr, "none", "none")}, m); (err == nil) != want {
			t.Errorf("%s: got %v", kind, err)
		}
	}
	if got := s.got(); len(got) != 3 || got[0].from != "" {
		t.Errorf("the server got %+v", got)
	}
}
