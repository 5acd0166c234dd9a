package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server"
)

// serveTLS shows a certificate to whoever connects, and returns where.
func serveTLS(t *testing.T, cert *x509.Certificate, key *ecdsa.PrivateKey) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, conn) // shakes hands, and waits until the other end goes
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestCertificateChecks(t *testing.T) {
	ca, other := newIssuer(t), newIssuer(t)
	day := 24 * time.Hour
	local := func(context.Context) (app.Serving, error) { return app.Serving{Mode: app.TLSLocal}, nil }
	for name, tt := range map[string]struct {
		issuer      issuer
		names       []string
		from, until time.Duration
		serving     func(context.Context) (app.Serving, error)
		want        judged
	}{
		"good":           {ca, []string{"example.com"}, -day, 60 * day, nil, judged{app.CheckOK, "certificate_ok", "trusted"}},
		"a wildcard":     {ca, []string{"*.com", "example.com"}, -day, 15 * day, nil, judged{app.CheckOK, "certificate_ok", ""}},
		"soon":           {ca, []string{"example.com"}, -80 * day, 10*day + time.Hour, nil, judged{app.CheckWarning, "certificate_expiring", "in 10 days"}},
		"of a few days":  {ca, []string{"example.com"}, -day, 5 * day, nil, judged{app.CheckOK, "certificate_ok", ""}},
		"expired":        {ca, []string{"example.com"}, -9 * day, -day, nil, judged{app.CheckError, "certificate_expired", "has expired"}},
		"early":          {ca, []string{"example.com"}, day, 9 * day, nil, judged{app.CheckError, "certificate_early", "clock"}},
		"another name":   {ca, []string{"www.example.com"}, -day, 60 * day, nil, judged{app.CheckError, "certificate_name", "www.example.com"}},
		"unknown":        {other, []string{"example.com"}, -day, 60 * day, nil, judged{app.CheckError, "certificate_untrusted", "nobody this machine trusts"}},
		"our own":        {other, []string{"example.com"}, -day, 60 * day, local, judged{app.CheckOK, "certificate_local", "own authority"}},
		"our own, soon":  {other, []string{"example.com"}, -80 * day, 3 * day, local, judged{app.CheckWarning, "certificate_expiring", ""}},
		"our own, other": {other, []string{"a.example"}, -day, 60 * day, local, judged{app.CheckError, "certificate_name", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			cert, key := tt.issuer.sign(t, &x509.Certificate{DNSNames: tt.names, NotBefore: time.Now().Add(tt.from), NotAfter: time.Now().Add(tt.until)})
			at := serveTLS(t, cert, key)
			roots := x509.NewCertPool()
			roots.AddCert(ca.cert)
			p := &server.PageChecks{Serving: tt.serving, Pages: server.Pages{Roots: roots, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != "example.com:443" {
					return nil, errors.New("nobody there")
				}
				return new(net.Dialer).DialContext(ctx, network, at)
			}}}
			tt.want.in(t, name, []app.Check{p.Certificate(t.Context(), "https://example.com")})
			if !p.Expires.Equal(cert.NotAfter) {
				t.Errorf("its end is told as %v, want %v", p.Expires, cert.NotAfter)
			}
		})
	}
	nobody := &server.PageChecks{Pages: server.Pages{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody there") }}}
	judged{app.CheckSkipped, "certificate_unseen", "cannot be looked at"}.in(t, "unseen", []app.Check{nobody.Certificate(t.Context(), "https://example.com:8443")})
	judged{app.CheckWarning, "certificate_none", "without encryption"}.in(t, "http", []app.Check{nobody.Certificate(t.Context(), "http://example.com")})
	judged{app.CheckSkipped, "certificate_none_needed", "this machine only"}.in(t, "loopback", []app.Check{nobody.Certificate(t.Context(), "http://127.0.0.1:8080")})
}

func TestDNSChecks(t *testing.T) {
	const host = "accounts.office.example"
	mine := netip.MustParseAddr("192.168.1.5")
	for name, tt := range map[string]struct {
		host    string
		addrs   []netip.Addr
		err     error
		told    string
		reached bool
		want    judged
	}{
		"here":          {host, []netip.Addr{netip.MustParseAddr("203.0.113.9"), mine}, nil, "", false, judged{app.CheckOK, "dns_here", "which is this machine"}},
		"an address":    {"192.168.1.5", nil, errNoName, "", false, judged{app.CheckOK, "dns_here", ""}},
		"loopback":      {"127.0.0.1", nil, errNoName, "", true, judged{app.CheckOK, "dns_here", ""}},
		"forwarded":     {host, []netip.Addr{netip.MustParseAddr("203.0.113.9")}, nil, "", true, judged{app.CheckOK, "dns_forwarded", "203.0.113.9"}},
		"elsewhere":     {host, []netip.Addr{netip.MustParseAddr("203.0.113.9")}, nil, "", false, judged{app.CheckWarning, "dns_elsewhere", "not this machine (192.168.1.5)"}},
		"unknown":       {host, nil, errNoName, "", false, judged{app.CheckError, "dns_unknown", "A record"}},
		"broken":        {host, nil, &net.DNSError{Err: "server failure", IsTemporary: true}, "", false, judged{app.CheckError, "dns_failed", "resolver"}},
		"announced":     {"foyer.local", nil, errNoName, "foyer.local", false, judged{app.CheckOK, "dns_announced", "needs no DNS"}},
		"not announced": {"foyer.local", nil, errNoName, "foyer-2.local", false, judged{app.CheckError, "dns_unknown", ""}},
	} {
		p := &server.PageChecks{Own: []netip.Addr{netip.MustParseAddr("127.0.0.1"), mine}, Told: tt.told}
		p.Lookup = func(context.Context, string, string) ([]netip.Addr, error) { return tt.addrs, tt.err }
		tt.want.in(t, name, []app.Check{p.DNS(t.Context(), tt.host, tt.reached)})
	}
}

// timeServer answers by RFC 5905 with a clock that is ahead of ours, and returns where. With a stratum of 0 it refuses.
func timeServer(t *testing.T, ahead time.Duration, stratum byte) string {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if n < 48 {
				continue
			}
			answer := make([]byte, 48)
			answer[0], answer[1], answer[2], answer[3] = 4<<3|4, stratum, 6, 0xec
			stamp := func(at int) {
				now := time.Now().Add(ahead)
				const to1900 = 2208988800
				binary.BigEndian.PutUint32(answer[at:], uint32(now.Unix()+to1900))
				binary.BigEndian.PutUint32(answer[at+4:], uint32(uint64(now.Nanosecond())<<32/1_000_000_000))
			}
			stamp(16)
			copy(answer[24:32], b[40:48])
			stamp(32)
			stamp(40)
			_, _ = conn.WriteTo(answer, from) // who has gone needs no time
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// webClock is a provider whose clock is ahead of ours.
type webClock time.Duration

func (w webClock) RoundTrip(r *http.Request) (*http.Response, error) {
	if w == 0 {
		return nil, errors.New("not reached")
	}
	return &http.Response{
		StatusCode: http.StatusOK, Body: http.NoBody, Request: r, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Date": {time.Now().Add(time.Duration(w)).UTC().Format(http.TimeFormat)}},
	}, nil
}

func TestClockChecks(t *testing.T) {
	silent, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := silent.LocalAddr().String()
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		source    string
		provider  webClock
		connector bool
		want      judged
	}{
		"right":              {timeServer(t, 0, 2), 0, false, judged{app.CheckOK, "clock_ok", "agree"}},
		"drifting":           {timeServer(t, 10*time.Second, 2), 0, false, judged{app.CheckWarning, "clock_drifting", "10s behind"}},
		"wrong":              {timeServer(t, -2*time.Minute, 2), 0, false, judged{app.CheckError, "clock_wrong", "2m0s ahead of"}},
		"off":                {"off", 0, true, judged{app.CheckSkipped, "clock_off", "clock.source is off"}},
		"nobody":             {gone, 0, true, judged{app.CheckSkipped, "clock_unreachable", "UDP port 123"}},
		"a server that lies": {timeServer(t, time.Hour, 0), 0, false, judged{app.CheckSkipped, "clock_unreachable", ""}},
		"a provider":         {gone, webClock(time.Second), true, judged{app.CheckOK, "clock_ok", "accounts.google.com"}},
		"a provider, wrong":  {gone, webClock(10 * time.Minute), true, judged{app.CheckError, "clock_wrong", "accounts.google.com"}},
		"no connector":       {gone, webClock(time.Second), false, judged{app.CheckSkipped, "clock_unreachable", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			h := startWith(t, t.TempDir(), tt.provider)
			h.set("clock.source", tt.source)
			if tt.connector {
				if _, err := h.app.AddConnector(t.Context(), "test", app.ConnectorGoogle, "google", map[string]string{"client_id": "x", "client_secret": "y"}); err != nil {
					t.Fatal(err)
				}
			}
			tt.want.in(t, name, server.ClockChecks(t.Context(), h.app, tt.provider))
		})
	}
}

func TestMailChecks(t *testing.T) {
	address, _ := refuser(t) // of recipients only: it would take a mail up to there
	gone, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	reach := true
	h := startChanged(t, t.TempDir(), func(c *server.Config) {
		c.Resolver = noDNS{}
		c.Names = oneMX{"192.0.2.25"}
		c.MailDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			if !reach {
				return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	h.set("clock.source", "off")
	for _, tt := range []struct {
		settings map[string]string
		reach    bool
		want     []string
	}{
		{map[string]string{}, true, []string{"mail mail_captured warning"}},
		{map[string]string{"mail.hold": "on"}, true, []string{"mail mail_held warning", "mail mail_captured warning"}},
		{
			map[string]string{"mail.hold": "off", "mail.from": "a@office.example", "mail.transport": "smarthost", "mail.smarthost": address, "mail.tls": "none"},
			true,
			[]string{"mail mail_ok ok", "mail mail_dns_spf warning"},
		},
		{map[string]string{"mail.smarthost": gone.Addr().String()}, true, []string{"mail mail_smarthost error"}},
		{map[string]string{"mail.smarthost": address, "mail.tls": "starttls"}, true, []string{"mail mail_smarthost error"}},
		{map[string]string{"mail.transport": "direct"}, true, []string{"mail mail_port_ok ok"}},
		{map[string]string{}, false, []string{"mail mail_port_blocked error"}},
	} {
		if _, err := h.app.SetSettings(t.Context(), "test", tt.settings); err != nil {
			t.Fatal(err)
		}
		reach = tt.reach
		got := codes(h.checkup())
		for _, want := range tt.want {
			if !slices.Contains(got, want) {
				t.Errorf("%v: got\n%s\nwant %s", tt.settings, strings.Join(got, "\n"), want)
			}
		}
	}
	if messages, err := h.app.Messages(t.Context(), app.MessageQuery{Limit: 1}); err != nil || len(messages) != 0 {
		t.Errorf("a checkup has sent mail: %v, %v", messages, err)
	}
}
