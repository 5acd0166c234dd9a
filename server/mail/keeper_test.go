package mail_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"foyer/app"
	"foyer/server/mail"
)

// pipes is a network within the process: what is dialled arrives at Accept.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}

	mu    sync.Mutex
	dials int
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	p.mu.Lock()
	p.dials++
	p.mu.Unlock()
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// play serves one connection after the other, each by its own script.
func (p *pipes) play(scripts ...func(*script)) {
	for _, play := range scripts {
		conn, err := p.Accept()
		if err != nil {
			return
		}
		play(&script{conn, bufio.NewReader(conn)})
		_ = conn.Close() // the play is over
	}
}

// courier returns one whose server is at the other end of the pipes.
func (p *pipes) courier() *mail.Smarthost {
	return mail.NewSmarthost(mail.SmarthostConfig{Mail: settings("mx.example:25", "none", "none"), Dial: p.dial})
}

// inBubble runs a sink in virtual time and a courier to it.
func inBubble(t *testing.T, s *sink, test func(*testing.T, *pipes, *mail.Smarthost)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		server := smtp.NewServer(s)
		server.Domain, server.ErrorLog = "sink.example", log.New(io.Discard, "", 0)
		served := make(chan error, 1)
		go func() { served <- server.Serve(p) }()
		courier := p.courier()
		test(t, p, courier)
		if err := courier.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// TestConnectionIsKept sends more mails than a connection is kept for, some of them at leisure.
func TestConnectionIsKept(t *testing.T) {
	s := &sink{}
	inBubble(t, s, func(t *testing.T, p *pipes, courier *mail.Smarthost) {
		send := func(n int) {
			for range n {
				if report, err := courier.Deliver(t.Context(), message(t)); err != nil || !strings.HasPrefix(report.Reply, "250 ") {
					t.Fatalf("got %q, %v", report.Reply, err)
				}
			}
		}
		for _, tt := range []struct {
			mails int
			after time.Duration
			want  int // connections, so far
		}{{100, 0, 1}, {1, 0, 2}, {1, 4 * time.Minute, 2}, {1, time.Minute, 3}} {
			idle := time.NewTimer(tt.after)
			<-idle.C
			send(tt.mails)
			if got := p.count(); got != tt.want {
				t.Errorf("after %d mails: got %d connections, want %d", len(s.got()), got, tt.want)
			}
		}
		if got := len(s.got()); got != 103 {
			t.Errorf("the server got %d mails", got)
		}
	})
}

// TestNewConnectionForATestMail expects a test mail to show what a connection takes.
func TestNewConnectionForATestMail(t *testing.T) {
	inBubble(t, &sink{}, func(t *testing.T, p *pipes, courier *mail.Smarthost) {
		for i, kind := range []app.MessageKind{app.MailConfirm, app.MailTest, app.MailConfirm} {
			m := message(t)
			m.Kind = kind
			if _, err := courier.Deliver(t.Context(), m); err != nil || p.count() != []int{1, 2, 2}[i] {
				t.Errorf("mail %d: got %d connections, %v", i+1, p.count(), err)
			}
		}
	})
}

// TestConnectionIsKeptAfterRefusals expects a refused mail to leave no trace in the next.
func TestConnectionIsKeptAfterRefusals(t *testing.T) {
	no := &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "not now"}
	never := &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "never"}
	for name, refuse := range map[string]func(*sink, error){
		"MAIL": func(s *sink, err error) { s.mailErr = err },
		"RCPT": func(s *sink, err error) { s.rcptErr = err },
		"DATA": func(s *sink, err error) { s.dataErr = err },
	} {
		for _, answer := range []error{no, never} {
			s := &sink{}
			inBubble(t, s, func(t *testing.T, p *pipes, courier *mail.Smarthost) {
				refuse(s, answer)
				if _, err := courier.Deliver(t.Context(), message(t)); err == nil || mail.IsTemporary(err) != errors.Is(answer, no) {
					t.Errorf("%s: got %v", name, err)
				}
				refuse(s, nil)
				m := message(t)
				m.Recipient = address(t, "joe@acme.example")
				if _, err := courier.Deliver(t.Context(), m); err != nil {
					t.Errorf("%s: then got %v", name, err)
				}
				if got := s.got(); p.count() != 1 || len(got) != 1 || got[0].to != "joe@acme.example" {
					t.Errorf("%s: the server got %+v in %d connections", name, got, p.count())
				}
			})
		}
	}
}

// takeOne plays a whole mail.
func takeOne(s *script) { s.upTo("."); s.say("250 2.0.0 taken") }

// TestKeptConnectionIsOver expects a fresh connection, and no word of it, when the kept one ends between two mails.
func TestKeptConnectionIsOver(t *testing.T) {
	for name, end := range map[string]func(*script){
		"closed":           func(*script) {},
		"closed at MAIL":   func(s *script) { s.expect("MAIL") },
		"silent at MAIL":   func(s *script) { s.wait() },
		"421 before MAIL":  func(s *script) { s.say("421 4.4.2 idle for too long") },
		"421 at MAIL":      func(s *script) { s.expect("MAIL"); s.say("421 4.7.0 enough") },
		"too many mails":   func(s *script) { s.expect("MAIL"); s.say("550 5.7.0 enough for one connection"); s.expect("QUIT") },
		"nonsense at MAIL": func(s *script) { s.expect("MAIL"); s.say("what?") },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipes()
			go p.play(func(s *script) { takeOne(s); end(s) }, func(s *script) { takeOne(s); s.expect("QUIT") })
			courier := p.courier()
			for i := range 2 {
				if report, err := courier.Deliver(t.Context(), message(t)); report.Reply != "250 2.0.0 taken" || err != nil {
					t.Errorf("%s: mail %d: got %q, %v", name, i+1, report.Reply, err)
				}
				synctest.Wait()
			}
			if err := courier.Close(); err != nil || p.count() != 2 {
				t.Errorf("%s: got %d connections, want 2; %v", name, p.count(), err)
			}
		})
	}
}

// TestKeptConnectionIsLost expects no second try of its own once the server has taken MAIL.
func TestKeptConnectionIsLost(t *testing.T) {
	for _, tt := range []struct {
		verbs  []string // answered before the end
		reason string
	}{
		{[]string{"MAIL"}, "connection_lost"},
		{[]string{"MAIL", "RCPT"}, "connection_lost"},
		{[]string{"MAIL", "RCPT", "DATA"}, "lost_after_data"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipes()
			go p.play(func(s *script) {
				takeOne(s)
				for _, verb := range tt.verbs {
					s.expect(verb)
					s.say(map[string]string{"DATA": "354 go on"}[verb] + map[bool]string{true: "250 ok"}[verb != "DATA"])
				}
				if len(tt.verbs) == 3 {
					s.readData()
				} else {
					_, _ = s.ReadString('\n') // the next command
				}
			})
			courier := p.courier()
			if _, err := courier.Deliver(t.Context(), message(t)); err != nil {
				t.Fatal(err)
			}
			_, err := courier.Deliver(t.Context(), message(t))
			wantReason(t, err, tt.reason, false, false)
			if err := courier.Close(); err != nil || p.count() != 1 {
				t.Errorf("got %d connections, want 1; %v", p.count(), err)
			}
		})
	}
}

// TestKeptConnectionIsCancelled expects that the end of an attempt begins no other one.
func TestKeptConnectionIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go p.play(func(s *script) { takeOne(s); s.wait() })
		courier := p.courier()
		if _, err := courier.Deliver(t.Context(), message(t)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := courier.Deliver(ctx, message(t))
		wantReason(t, err, "stopped", false, false)
		if err := courier.Close(); err != nil || p.count() != 1 {
			t.Errorf("got %d connections, want 1; %v", p.count(), err)
		}
	})
}

// TestTalkativeServer answers each mail with much less than is too much, and all mails together with more.
func TestTalkativeServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		go p.play(func(s *script) {
			takeOne(s)
			for range 9 {
				for _, verb := range []string{"MAIL", "RCPT", "DATA"} {
					s.expect(verb)
					s.say("%s", map[string]string{"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on"}[verb])
				}
				s.readData()
				s.say("250 %s", strings.Repeat("x", 100_000))
			}
			s.expect("QUIT")
		})
		courier := p.courier()
		for range 10 {
			if _, err := courier.Deliver(t.Context(), message(t)); err != nil {
				t.Fatal(err)
			}
		}
		if err := courier.Close(); err != nil || p.count() != 1 {
			t.Errorf("got %d connections, want 1; %v", p.count(), err)
		}
	})
}

// TestTokenIsAskedForOncePerConnection: who has signed in stays so, whatever becomes of the token.
func TestTokenIsAskedForOncePerConnection(t *testing.T) {
	office := newOffice(t, microsoft, func(string) bool { return true })
	courier := mail.NewSmarthost(office.config)
	for range 5 {
		if _, err := courier.Deliver(t.Context(), message(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := courier.Close(); err != nil {
		t.Error(err)
	}
	if office.sink.auths != 1 || office.count() != 1 || len(office.sink.got()) != 5 {
		t.Errorf("got %d sign-ins, %d tokens and %d mails, want 1, 1 and 5", office.sink.auths, office.count(), len(office.sink.got()))
	}
}

// writes counts how often something is written.
type writes struct {
	net.Conn
	count *int
}

func (w writes) Write(p []byte) (int, error) {
	*w.count++
	return w.Conn.Write(p)
}

// TestFewWrites expects a mail to leave in large parts: each costs a system call, and with TLS a record.
func TestFewWrites(t *testing.T) {
	for _, tt := range []struct{ lines, most int }{{30, 1}, {15_000, 18}} {
		s := &sink{}
		inBubble(t, s, func(t *testing.T, p *pipes, _ *mail.Smarthost) {
			count := 0
			courier := mail.NewSmarthost(mail.SmarthostConfig{
				Mail: settings("mx.example:25", "none", "none"),
				Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := p.dial(ctx, network, address)
					return writes{conn, &count}, err
				},
			})
			m := message(t)
			m.Data = []byte("Subject: long\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", tt.lines) + ".\r\n")
			for range 2 {
				count = 0
				if _, err := courier.Deliver(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			if got := count - 3; got > tt.most { // MAIL, RCPT and DATA are one each
				t.Errorf("%d bytes: got %d writes, want %d at most", len(m.Data), got, tt.most)
			}
			if got := s.got(); len(got) != 2 || got[1].data != string(m.Data) {
				t.Errorf("the server got %d mails, or another one", len(got))
			}
			if err := courier.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
