package main_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"foyer/server"
	"foyer/server/mail"
)

// network stands for a network in which mail servers have public addresses: what is dialled there ends here.
type network map[string]string

func (n network) dial(ctx context.Context, protocol, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, protocol, n[address])
}

// startDirect starts a service in this very process, which takes mail to the mail servers of its recipients' domains as
// the DNS server at dns names them. Foyer never dials a loopback address for that, so the network is one of its own.
func startDirect(t *testing.T, dns string, n network) *sender {
	t.Helper()
	p := &process{tb: t, dir: t.TempDir(), log: &lockedBuffer{}, done: make(chan struct{})}
	s, err := server.New(t.Context(), server.Config{
		DataDir: p.dir, Socket: filepath.Join(p.dir, "admin.sock"), Listen: "127.0.0.1:0", Version: "test",
		Log:   slog.New(slog.NewTextHandler(p.log, nil)),
		Names: mail.NewSecureNames(net.JoinHostPort(dns, "53")), MailDial: n.dial,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		defer close(p.done)
		p.err = s.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-p.done
		if p.err != nil {
			t.Errorf("run: %v", p.err)
		}
	})
	p.url = s.URL()
	p.run("company", "add", "Postfix", "postfix.example")
	p.run("company", "add", "chasquid", "chasquid.example")
	p.unlimited()
	p.run("settings", "set", "mail.from="+mailUser, "mail.transport=direct")
	return &sender{process: p, browser: visitor(t)}
}

// TestDirectToPostfixAndChasquid takes mail to a Postfix and a chasquid as the mail servers of two domains, over the TLS
// they offer.
func TestDirectToPostfixAndChasquid(t *testing.T) {
	authority := newMailAuthority(t)
	grey, settings := newGreylist(t)
	boxes, inbox := mailboxes(t, "postfix.example")
	cert, key := authority.issue(t, sharedDir(t), nil, "mx.postfix.example")
	one := startPostfix(t, postfixConfig{settings: append(settings, boxes...), cert: cert, key: key})
	dns := startDNS(
		t, "--local=/example/", "--mx-host=postfix.example,mx.postfix.example,10", "--address=/mx.postfix.example/192.0.2.25",
		"--mx-host=chasquid.example,mx.chasquid.example,10", "--address=/mx.chasquid.example/198.51.100.25",
	)
	other := startChasquid(t, chasquidConfig{
		authority: authority, domain: "chasquid.example", users: map[string]string{"jane": "any"}, dns: dns,
	})
	s := startDirect(t, dns, network{"192.0.2.25:25": one.addr, "198.51.100.25:25": other.smtp})

	jane := s.brought(s.writeTo("jane@chasquid.example").ID)
	if !strings.HasPrefix(jane.line(), "delivered 1 250 ") || !jane.encrypted() {
		t.Errorf("chasquid: got %q, %+v, want it delivered over TLS", jane.line(), jane.Steps)
	}
	if n := arrived(t, filepath.Join(other.dir, "mail"), jane); n != 1 {
		t.Errorf("chasquid: it has arrived %d times", n)
	}
	nobody := s.settled(s.writeTo("nobody@chasquid.example").ID, 1)
	if !strings.HasPrefix(nobody.line(), "failed 1 550 5.1.1 ") {
		t.Errorf("an unknown user at chasquid: got %q, want it to have failed by 550 5.1.1", nobody.line())
	}
	if out := s.run("mail", "suppressed"); !strings.Contains(out, "nobody@chasquid.example") || strings.Contains(out, "jane@") {
		t.Errorf("suppressed is\n%s\nwant the unknown user alone", out)
	}

	joe := s.settled(s.writeTo("joe@postfix.example").ID, 1)
	if want := "deferred 1 450 4.7.1 "; !strings.HasPrefix(joe.line(), want) || !strings.Contains(joe.Reply, "Greylisted") || !joe.encrypted() {
		t.Errorf("Postfix that greylists: got %q, %+v, want %q over TLS", joe.line(), joe.Steps, want)
	}
	grey.letIn()
	joe = s.retry(joe) // perhaps over the same connection
	if !strings.HasPrefix(joe.line(), "delivered 2 250 2.0.0 Ok: queued as ") {
		t.Errorf("Postfix: got %q, want it delivered", joe.line())
	}
	if n := arrived(t, inbox, joe); n != 1 {
		t.Errorf("Postfix: it has arrived %d times", n)
	}
	// smtpd_tls_received_header
	if file := mailFiles(t, inbox)[0]; !strings.Contains(file, "(using TLSv1.3 with cipher") {
		t.Errorf("Postfix did not get it over TLS 1.3:\n%s", file)
	}
}
