package mail_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"foyer/app"
	"foyer/server/mail"
)

func TestConnectionLimits(t *testing.T) {
	office := newPrograms(t)
	l, _ := runListener(t, office, mail.ListenerConfig{ConnectionsPerIP: 2})
	address := listenAddress(t, l)
	first, second := call(t, address), call(t, address)
	first.want("220 ")
	second.want("220 ")
	third := call(t, address)
	third.want("421 4.7.0 too many connections")
	third.want("")
	first.say("QUIT", "221 ")
	first.want("")
	again := call(t, address)
	again.want("220 ")
}

// TestDoors has programs come and go: the port is open only while there is one.
func TestDoors(t *testing.T) {
	office := newPrograms(t, app.Program{Name: "scanner"})
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	l, stop := runListener(t, office, mail.ListenerConfig{Listen: []string{"127.0.0.1:0", taken.Addr().String()}})
	l.Look()
	for _, state := range l.Status() {
		if state.Open || state.Problem != "" {
			t.Errorf("without a program: %+v", state)
		}
	}
	office.set(scanner(t))
	address := listenAddress(t, l)
	if state := l.Status()[1]; state.Open || !strings.Contains(state.Problem, "another program has this port") {
		t.Errorf("a port that is taken: %+v", state)
	}
	c := call(t, address)
	c.signIn()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	l.Look()
	if state := l.Status()[1]; !state.Open || state.Problem != "" {
		t.Errorf("a port that is free again: %+v", state)
	}
	office.set(app.Program{Name: "scanner"})
	l.Look()
	for _, state := range l.Status() {
		if state.Open {
			t.Errorf("without a program again: %+v", state)
		}
	}
	if conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		_ = conn.Close()
		t.Error("the port is open although there is no program")
	}
	c.say("MAIL FROM:<scanner@office.example>", "530 ")
	stop()
	l.Look() // returns, although nobody looks any more
}

// TestStop stops the service while one program waits and another hands over a mail.
func TestStop(t *testing.T) {
	office := newPrograms(t)
	office.entered, office.goOn = make(chan struct{}), make(chan struct{})
	l, stop := runListener(t, office, mail.ListenerConfig{})
	address := listenAddress(t, l)
	idle, busy := call(t, address), call(t, address)
	idle.signIn()
	busy.signIn()
	busy.envelope()
	busy.say("DATA", "354 ")
	busy.send(letter + ".\r\n")
	<-office.entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	idle.want("421 4.3.2")
	idle.want("")
	close(office.goOn)
	busy.want("250 ")
	busy.want("421 4.3.2")
	<-stopped
	if mails := office.mails(); len(mails) != 1 {
		t.Errorf("%d mails were taken, want 1", len(mails))
	}
}

func TestListenerConfig(t *testing.T) {
	pair, _ := certificates(t)
	for _, test := range []struct {
		c    mail.ListenerConfig
		want string // of the error; "" for none
	}{
		{mail.ListenerConfig{}, ""},
		{mail.ListenerConfig{Listen: []string{"off"}}, ""},
		{mail.ListenerConfig{Listen: []string{"localhost:2525", "[::1]:2525", "127.1.2.3:25"}}, ""},
		{mail.ListenerConfig{Listen: []string{":587", "192.0.2.1:25"}, Cert: pair.cert, Key: pair.key}, ""},
		{mail.ListenerConfig{Listen: []string{":587"}}, "can be reached from other machines"},
		{mail.ListenerConfig{Listen: []string{"127.0.0.1:25", "0.0.0.0:25"}}, "0.0.0.0:25 can be reached"},
		{mail.ListenerConfig{Listen: []string{"[::]:25"}}, "can be reached"},
		{mail.ListenerConfig{Listen: []string{"192.0.2.1:25"}}, "can be reached"},
		{mail.ListenerConfig{Listen: []string{"mail.office.example:25"}, Cert: pair.cert, Key: pair.key}, "has a name"},
		{mail.ListenerConfig{Listen: []string{"off", "127.0.0.1:25"}}, "is not HOST:PORT"},
		{mail.ListenerConfig{Listen: []string{"2525"}}, "is not HOST:PORT"},
		{mail.ListenerConfig{Cert: pair.cert}, "belong together"},
		{mail.ListenerConfig{TLS: "implicit"}, "needs tls_cert"},
		{mail.ListenerConfig{TLS: "none"}, "starttls"},
		{mail.ListenerConfig{Cert: pair.key, Key: pair.cert}, "cannot be used"},
		{mail.ListenerConfig{Cert: pair.cert, Key: pair.key + ".gone"}, "cannot be used"},
	} {
		test.c.Certificate = certificateIn(slog.New(slog.DiscardHandler))
		_, err := mail.NewListener(test.c)
		if test.want == "" && err != nil || test.want != "" && (app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), test.want)) {
			t.Errorf("%+v: got %v, want %q", test.c, err, test.want)
		}
		if err != nil && strings.Count(err.Error(), ".gone: no such file") > 1 {
			t.Errorf("the words are doubled: %v", err)
		}
	}
}
