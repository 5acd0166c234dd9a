package mail_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"foyer/app"
	"foyer/server/mail"
)

// stepsOf delivers a message and returns the steps of it, one a line: "name ok detail".
func stepsOf(t *testing.T, c mail.SmarthostConfig, m app.Message) (steps []string, err error) {
	t.Helper()
	courier := mail.NewSmarthost(c)
	report, err := courier.Deliver(t.Context(), m)
	if err := courier.Close(); err != nil {
		t.Error(err)
	}
	for _, s := range report.Steps {
		checkReply(t, s.Detail)
		if s.Took < 0 || s.Detail == "" {
			t.Errorf("got %+v", s)
		}
		steps = append(steps, fmt.Sprintf("%s %v %s", s.Name, s.OK, s.Detail))
	}
	return steps, err
}

func wantSteps(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("got the steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestSteps(t *testing.T) {
	ca := newAuthority(t)
	m := message(t)
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.DateOnly)
	encrypted := "tls true TLS 1.3, TLS_"
	about := "the certificate is for 127.0.0.1 and good until " + tomorrow + ", signed by Test authority"
	end := []string{
		"sender true mail from accounts@office.example is taken here", "recipient true mail to Jane.O'Doe+tag@acme.example is taken here",
		fmt.Sprintf("data true %d bytes handed over", len(m.Data)), "reply true 250 2.0.0 OK",
	}
	name, greeting := "name true 127.0.0.1 is an address: there is nothing to look up", "greeting true sink.example ESMTP"
	for _, tt := range []struct {
		mode, auth string
		want       []string
	}{
		{"starttls", "plain", []string{greeting, encrypted, "auth true signed in as " + username + " by PLAIN"}},
		{"implicit", "none", []string{encrypted, greeting, "auth true not wanted: mail.auth=none"}},
		{"none", "none", []string{greeting, "tls true none, as mail.tls=none says: the mail goes in plain text", "auth true not wanted"}},
	} {
		s := &sink{}
		config := ca.issue(t, nil)
		if tt.mode == "none" {
			config = nil
		}
		addr := s.serve(t, config, tt.mode == "implicit")
		steps, err := stepsOf(t, mail.SmarthostConfig{Mail: settings(addr, tt.mode, tt.auth), RootCAs: ca.pool}, m)
		if err != nil {
			t.Fatal(err)
		}
		wantSteps(t, steps, append(append([]string{name, "connection true connected to " + addr}, tt.want...), end...)...)
		if text := strings.Join(steps, "\n"); tt.mode != "none" && !strings.Contains(text, about) {
			t.Errorf("%s: got %s, want %q", tt.mode, text, about)
		}
	}
}

// TestStepsOfFailures expects the steps up to what went wrong, with what to do.
func TestStepsOfFailures(t *testing.T) {
	ca := newAuthority(t)
	wrongName := ca.issue(t, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"mail.office.example"} })
	refuse := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	good := ca.issue(t, nil)
	for name, tt := range map[string]struct {
		sink     *sink
		mode     string
		password string
		last     string
		count    int
	}{
		"certificate": {&sink{}, "starttls", password, "tls false the certificate of 127.0.0.1 is for another name (mail.office.example); set mail.smarthost", 4},
		"password":    {&sink{}, "implicit", "not-it-42", "auth false 127.0.0.1 does not take the password; check mail.username and mail.password (535 5.7.8 wrong: ***", 5},
		"sender":      {&sink{mailErr: refuse}, "implicit", password, "sender false 550 5.1.1 no such user", 6},
		"recipient":   {&sink{rcptErr: refuse}, "implicit", password, "recipient false 550 5.1.1 no such user", 7},
		"mail":        {&sink{dataErr: refuse}, "implicit", password, "reply false 550 5.1.1 no such user", 9},
	} {
		config := good
		if name == "certificate" {
			config = wrongName
		}
		c := settings(tt.sink.serve(t, config, tt.mode == "implicit"), tt.mode, "plain")
		c.Password = tt.password
		steps, err := stepsOf(t, mail.SmarthostConfig{Mail: c, RootCAs: ca.pool}, message(t))
		if err == nil || len(steps) != tt.count || !strings.HasPrefix(steps[len(steps)-1], tt.last) {
			t.Errorf("%s: got %v and the steps\n%s\nwant %d up to %q", name, err, strings.Join(steps, "\n"), tt.count, tt.last)
		}
	}
}

// TestStepsOfLookingUp expects the addresses, or why there are none.
func TestStepsOfLookingUp(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	}
	c := mail.SmarthostConfig{
		Mail: settings("mx.example:25", "none", "none"), Dial: dial,
		Lookup: func(context.Context, string) ([]string, error) {
			return []string{"192.0.2.1", "2001:db8::1"}, nil
		},
	}
	steps, err := stepsOf(t, c, message(t))
	wantReason(t, err, "connect", false, true)
	wantSteps(t, steps, "name true mx.example is 192.0.2.1, 2001:db8::1", "connection false mx.example cannot be reached")
	c.Lookup = func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	steps, err = stepsOf(t, c, message(t))
	wantReason(t, err, "dns_not_found", false, true)
	wantSteps(t, steps, "name false there is no host named mx.example; check mail.smarthost")
}

// TestStepsOfAKeptConnection expects one word of it, and none of a connection that turned out to be over.
func TestStepsOfAKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go p.play(
			func(s *script) {
				takeOne(s)
				for _, verb := range []string{"MAIL", "RCPT"} {
					s.expect(verb)
					s.say("250 ok")
				}
				s.expect("DATA")
				s.say("354 go on")
				s.readData()
				s.say("250 2.0.0 taken too")
				s.expect("MAIL")
			},
			func(s *script) { takeOne(s); s.expect("QUIT") },
		)
		courier := p.courier()
		rest := []string{"sender true ", "recipient true ", "data true ", "reply true 250 2.0.0 taken"}
		fresh := append([]string{"connection true connected to pipe", "greeting true odd.example", "tls true none", "auth true not wanted"}, rest...)
		for _, want := range [][]string{fresh, append([]string{"connection true kept from the mail before"}, rest...), fresh} {
			report, err := courier.Deliver(t.Context(), message(t))
			if err != nil {
				t.Fatal(err)
			}
			var steps []string
			for _, s := range report.Steps {
				steps = append(steps, fmt.Sprintf("%s %v %s", s.Name, s.OK, s.Detail))
			}
			wantSteps(t, steps, want...)
		}
		if err := courier.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestStepsTakeTime expects each step to have its own time.
func TestStepsTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		slow := func() { timer := time.NewTimer(time.Second); <-timer.C }
		go p.play(func(s *script) {
			slow()
			s.upTo(".")
			slow()
			slow()
			s.say("250 taken")
			s.expect("QUIT")
		})
		courier := p.courier()
		report, err := courier.Deliver(t.Context(), message(t))
		if err != nil || courier.Close() != nil {
			t.Fatal(err)
		}
		for _, s := range report.Steps {
			want := map[string]time.Duration{"greeting": time.Second, "reply": 2 * time.Second}[s.Name]
			if s.Took != want {
				t.Errorf("%s: got %v, want %v", s.Name, s.Took, want)
			}
		}
	})
}
