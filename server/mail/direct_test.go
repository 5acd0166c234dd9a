package mail_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"foyer/app"
	"foyer/server/mail"
)

var errRefused = syscall.ECONNREFUSED

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// outside is a pretended internet: a DNS server, mail servers at its addresses, and what Foyer knows of them.
type outside struct {
	*wires
	t     *testing.T
	ca    *authority
	zones *zones
	dns   string
	notes *tlsNotes
}

func newOutside(t *testing.T, zone string) *outside {
	t.Helper()
	o := &outside{t: t, wires: &wires{to: map[string]string{}}, ca: newAuthority(t), notes: newTLSNotes()}
	o.zones, o.dns = serveZones(t, zone)
	return o
}

// certificate returns a certificate of the authority for names.
func (o *outside) certificate(names ...string) *tls.Config {
	o.t.Helper()
	return o.ca.issue(o.t, func(c *x509.Certificate) { c.DNSNames = names })
}

// put has s answer at port 25 of ip.
func (o *outside) put(ip string, s *sink, config *tls.Config) *sink {
	o.t.Helper()
	o.join(ip, s.serve(o.t, config, false))
	return s
}

// join connects port 25 of ip with a listener of the test.
func (o *outside) join(ip, address string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !strings.Contains(ip, "]:") && (strings.Count(ip, ":") != 1) {
		ap := netip.AddrPortFrom(netip.MustParseAddr(ip), 25)
		ip = ap.String()
	}
	o.to[ip] = address
}

// courier returns a courier that is set up by the settings given as key and value.
func (o *outside) courier(change ...string) *mail.Direct {
	o.t.Helper()
	changes := map[string]string{"mail.transport": "direct", "mail.from": "accounts@office.example", "public_url": "https://accounts.office.example"}
	for i := 0; i+1 < len(change); i += 2 {
		changes[change[i]] = change[i+1]
	}
	defaults, err := app.ParseSettings(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	settings, err := defaults.Change(changes)
	if err != nil {
		o.t.Fatal(err)
	}
	return mail.NewDirect(mail.DirectConfig{
		Settings: settings, Names: mail.NewSecureNames(o.dns), Memory: o.notes, RootCAs: o.ca.pool, Timeouts: shortTimeouts, Dial: o.dial,
		Policies: mail.NewPolicies(mail.PoliciesConfig{Store: o.notes, RootCAs: o.ca.pool, Dial: o.dial}),
		Own:      func() ([]netip.Addr, error) { return machine, nil },
	})
}

func (o *outside) deliver(change ...string) (app.Report, error) {
	o.t.Helper()
	report, err := o.courier(change...).Deliver(o.t.Context(), message(o.t))
	if err != nil {
		checkReply(o.t, err.Error())
	}
	for _, s := range report.Steps {
		checkReply(o.t, s.Detail)
	}
	return report, err
}

// steps returns the steps of a report as text, one a line.
func steps(r app.Report) string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s %t %s\n", s.Name, s.OK, s.Detail)
	}
	return b.String()
}

const twoServers = `
acme.example MX 10 mx1.acme.example.
acme.example MX 20 mx2.acme.example.
mx1.acme.example A 192.0.2.1
mx2.acme.example A 192.0.2.2
`

func TestDirect(t *testing.T) {
	for _, encrypted := range []bool{true, false} {
		o := newOutside(t, twoServers)
		var config *tls.Config
		if encrypted {
			config = o.certificate("mx1.acme.example")
		}
		s := o.put("192.0.2.1", &sink{}, config)
		report, err := o.deliver()
		if err != nil || !strings.HasPrefix(report.Reply, "250 ") {
			t.Fatalf("got %q, %v", report.Reply, err)
		}
		m := message(t)
		want := sunk{from: m.Sender, to: m.Recipient.String(), size: int64(len(m.Data)), data: string(m.Data), tls: encrypted}
		if got := s.got(); len(got) != 1 || got[0] != want {
			t.Errorf("the server got %+v, want %+v", got, want)
		}
		if s.hello != "accounts.office.example" {
			t.Errorf("introduced as %q", s.hello)
		}
		if got := o.took(); !slices.Equal(got, []string{"192.0.2.1:25"}) {
			t.Errorf("dialled %v", got)
		}
		text := steps(report)
		for _, word := range []string{"mx1.acme.example (192.0.2.1); mx2.acme.example (192.0.2.2)", map[bool]string{true: "TLS 1.3, TLS_", false: "none"}[encrypted]} {
			if !strings.Contains(text, word) {
				t.Errorf("the steps do not say %q:\n%s", word, text)
			}
		}
		if h, ok := o.notes.hosts["mx1.acme.example"]; ok != encrypted || ok && h.Version != "TLS 1.3" {
			t.Errorf("remembered %+v, %t", h, ok)
		}
	}
}

// leaveAt is a server without TLS that goes away before its answer to a command, or after the mail with "".
func leaveAt(s *script, verb string) {
	s.say("220 odd.example")
	for _, step := range []struct{ verb, answer string }{
		{"EHLO", "250 odd.example"}, {"EHLO", "250 odd.example"}, {"MAIL", "250 ok"}, {"RCPT", "250 ok"}, {"DATA", "354 go on"},
	} {
		if !s.expect(step.verb) || step.verb == verb {
			return
		}
		s.say("%s", step.answer)
	}
	s.readData()
}

// TestDirectNext has the first mail server in each state: the second one is asked unless the first has the last word.
func TestDirectNext(t *testing.T) {
	answer := func(code int, enhanced smtp.EnhancedCode, text string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
	}
	full, greylisted, nobody := answer(452, smtp.EnhancedCode{4, 2, 2}, "mailbox full"), answer(450, smtp.EnhancedCode{4, 7, 1}, "greylisted"), answer(550, smtp.EnhancedCode{5, 1, 1}, "no such user")
	tests := []struct {
		name      string
		first     *sink
		play      func(*script) // in place of first
		silent    bool
		next      bool // the second one gets the mail
		reason    string
		permanent bool
	}{
		{name: "refuses the connection", next: true},
		{name: "does not answer", silent: true, next: true},
		{name: "says nothing", play: func(s *script) { s.wait() }, next: true},
		{name: "refuses this machine", play: func(s *script) { s.say("554 5.7.1 go away"); s.expect("QUIT") }, next: true},
		{name: "is busy", play: func(s *script) { s.say("421 4.3.2 later"); s.expect("QUIT") }, next: true},
		{name: "greylists", first: &sink{rcptErr: greylisted}, next: true},
		{name: "is full at the end", first: &sink{dataErr: full}, next: true},
		{name: "knows no such user", first: &sink{rcptErr: nobody}, reason: "refused", permanent: true},
		{name: "does not like the mail", first: &sink{dataErr: answer(554, smtp.EnhancedCode{5, 7, 1}, "spam")}, reason: "refused", permanent: true},
		{name: "goes away at the end", play: func(s *script) { leaveAt(s, "") }, reason: "lost_after_data"},
		{name: "goes away at RCPT", play: func(s *script) { leaveAt(s, "RCPT") }, next: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOutside(t, twoServers)
			switch {
			case tt.silent:
				o.join("192.0.2.1", "-")
			case tt.play != nil:
				o.join("192.0.2.1", runScript(t, tt.play))
			case tt.first != nil:
				o.put("192.0.2.1", tt.first, nil)
			}
			second := o.put("192.0.2.2", &sink{}, nil)
			report, err := o.deliver()
			if tt.next != (err == nil) || tt.next != (len(second.got()) == 1) {
				t.Fatalf("got %q, %v, and the second server %d mails", report.Reply, err, len(second.got()))
			}
			if !tt.next {
				wantReason(t, err, tt.reason, tt.permanent, false)
			}
		})
	}
}

// TestDirectVerdict has two mail servers that do not take the mail: the more telling words count, and the domain rests
// only when both are down.
func TestDirectVerdict(t *testing.T) {
	greylisted := &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	busy := func(s *script) { s.say("421 4.3.2 later"); s.expect("QUIT") }
	o := newOutside(t, twoServers)
	_, err := o.deliver()
	wantReason(t, err, "connect_refused", false, true)
	o.join("192.0.2.2", runScript(t, busy))
	_, err = o.deliver()
	wantReason(t, err, "deferred", false, true)
	o.join("192.0.2.2", runScript(t, busy))
	o.put("192.0.2.1", &sink{mailErr: greylisted}, nil)
	_, err = o.deliver()
	wantReason(t, err, "deferred", false, false)
	if !strings.Contains(err.Error(), "greylisted") {
		t.Errorf("got %v, want the words about the mail", err)
	}
}

// TestDirectNeverDials has domains that point to where no mail may go: nothing is dialled there, and the words say which
// address of which server it was.
func TestDirectNeverDials(t *testing.T) {
	for _, tt := range []struct{ address, private string }{
		{"127.0.0.1", "off"},
		{"127.0.0.1", "on"},
		{"10.1.2.3", "off"},
		{"169.254.169.254", "on"},
		{"203.0.113.9", "on"},
		{"100.64.1.1", "off"},
		{"0.0.0.0", "on"},
		{"224.0.0.1", "on"},
		{"192.168.0.1", "off"},
		{"::1", "on"},
		{"fe80::1", "on"},
		{"fd00::1", "off"},
		{"64:ff9b::7f00:1", "on"},
		{"2002:7f00:1::1", "on"},
	} {
		kind := "A"
		if strings.Contains(tt.address, ":") {
			kind = "AAAA"
		}
		o := newOutside(t, "acme.example MX 10 mx.acme.example.\nmx.acme.example "+kind+" "+tt.address+
			"\n_mta-sts.acme.example TXT \"v=STSv1; id=1\"\nmta-sts.acme.example "+kind+" "+tt.address+"\n")
		o.join(tt.address, (&sink{}).serve(t, nil, false))
		_, err := o.deliver("mail.private_mx", tt.private)
		if tt.address == "203.0.113.9" {
			wantReason(t, err, "mx_self", true, false)
		} else if wantReason(t, err, "mx_refused", false, true); !strings.Contains(err.Error(), tt.address+" of mx.acme.example is ") {
			t.Errorf("%s: %q does not say what was left out", tt.address, err)
		}
		if got := o.took(); len(got) > 0 {
			t.Errorf("%s with mail.private_mx=%s: dialled %v", tt.address, tt.private, got)
		}
	}
	o := newOutside(t, "acme.example MX 10 mx.acme.example.\nmx.acme.example A 10.1.2.3\nmx.acme.example A 127.0.0.1\n")
	s := o.put("10.1.2.3", &sink{}, nil)
	report, err := o.deliver("mail.private_mx", "on")
	if err != nil || len(s.got()) != 1 || !strings.Contains(steps(report), "but not 127.0.0.1 of mx.acme.example is this machine itself") {
		t.Errorf("with mail.private_mx=on: %v\n%s", err, steps(report))
	}
}

// TestDirectBounds has fifty mail servers that never answer.
func TestDirectBounds(t *testing.T) {
	var zone strings.Builder
	for i := range 50 {
		fmt.Fprintf(&zone, "acme.example MX %d mx%d.acme.example.\nmx%d.acme.example A 192.0.2.%d\n", i, i, i, i+1)
	}
	o := newOutside(t, zone.String())
	_, err := o.deliver()
	wantReason(t, err, "connect_refused", false, true)
	if got := o.took(); len(got) != 5 {
		t.Errorf("dialled %v, want 5 servers", got)
	}
	for i := range 50 {
		o.join(fmt.Sprintf("192.0.2.%d", i+1), "-")
	}
	began := time.Now()
	_, err = o.deliver("limits.mx_seconds", "1", "limits.mx_hosts", "0")
	wantReason(t, err, "connect_timeout", false, true)
	if took := time.Since(began); took > 10*time.Second || len(o.took()) > 10 {
		t.Errorf("took %v", took)
	}
}

// TestDirectFarm has a mail server at several addresses, of which the last one answers.
func TestDirectFarm(t *testing.T) {
	o := newOutside(t, "acme.example A 192.0.2.1\nacme.example AAAA 2001:db8::1\nacme.example A 192.0.2.3\n")
	s := o.put("192.0.2.3", &sink{}, nil)
	if _, err := o.deliver(); err != nil || len(s.got()) != 1 {
		t.Errorf("got %v, %d mails", err, len(s.got()))
	}
	if got, want := o.took(), []string{"192.0.2.1:25", "[2001:db8::1]:25", "192.0.2.3:25"}; !slices.Equal(got, want) {
		t.Errorf("dialled %v, want %v", got, want)
	}
}

// oldTLS offers TLS that no one should speak.
func (o *outside) oldTLS(names ...string) *tls.Config {
	c := o.certificate(names...)
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return c
}

// TestTLSLost has mail servers that had TLS and have none, or a broken one: no mail goes there in the clear, the alarm is
// given once, and it ends when the administrator says so, when TLS is back, or with time.
func TestTLSLost(t *testing.T) {
	for name, broken := range map[string]func(*outside) *tls.Config{
		"not offered": func(*outside) *tls.Config { return nil }, "broken": func(o *outside) *tls.Config { return o.oldTLS("mx1.acme.example") },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutside(t, "acme.example MX 10 mx1.acme.example.\nmx1.acme.example A 192.0.2.1\n")
			bad := o.put("192.0.2.1", &sink{}, broken(o))
			if _, err := o.deliver(); err != nil || len(bad.got()) != 1 || bad.got()[0].tls {
				t.Fatalf("a server that never had TLS: %v, %+v", err, bad.got())
			}
			good := o.put("192.0.2.1", &sink{}, o.certificate("mx1.acme.example"))
			if _, err := o.deliver(); err != nil || len(good.got()) != 1 || !good.got()[0].tls {
				t.Fatalf("with TLS: %v", err)
			}
			if _, err := o.deliver(); err != nil || o.notes.writes != 1 {
				t.Errorf("the second time: %v, %d writes; want the memory to be fresh enough", err, o.notes.writes)
			}
			bad = o.put("192.0.2.1", &sink{}, broken(o))
			for range 2 {
				_, err := o.deliver()
				wantReason(t, err, "tls_lost", false, true)
				if !strings.Contains(err.Error(), "foyer mail tls forget mx1.acme.example") || len(bad.got()) != 0 {
					t.Errorf("%v, and %d mails", err, len(bad.got()))
				}
			}
			if len(o.notes.alarms) != 1 {
				t.Errorf("alarms: %q, want one", o.notes.alarms)
			}
			if _, err := o.deliver("limits.tls_days", "0"); err != nil || len(bad.got()) != 1 {
				t.Errorf("with limits.tls_days=0: %v", err)
			}
			good = o.put("192.0.2.1", &sink{}, o.certificate("mx1.acme.example"))
			if _, err := o.deliver(); err != nil || len(good.got()) != 1 || !o.notes.hosts["mx1.acme.example"].Lost.IsZero() {
				t.Errorf("when TLS is back: %v, %+v", err, o.notes.hosts)
			}
			h := o.notes.hosts["mx1.acme.example"]
			h.Seen = h.Seen.Add(-31 * 24 * time.Hour)
			o.notes.hosts[h.Host] = h
			bad = o.put("192.0.2.1", &sink{}, broken(o))
			if _, err := o.deliver(); err != nil || len(bad.got()) != 1 {
				t.Errorf("a month later: %v", err)
			}
		})
	}
}

// TestTLSMemoryFails keeps the mail when it cannot be known whether it may go in the clear.
func TestTLSMemoryFails(t *testing.T) {
	o := newOutside(t, twoServers)
	s := o.put("192.0.2.1", &sink{}, nil)
	courier := o.courier()
	if _, err := o.deliver(); err != nil {
		t.Fatal(err)
	}
	o.notes.fail = errors.New("disk")
	_, err := courier.Deliver(t.Context(), message(t))
	wantReason(t, err, "fault", false, false)
	if len(s.got()) != 1 {
		t.Errorf("%d mails, want only the first", len(s.got()))
	}
}

// hash is the SHA-256 of a certificate's key, as in TLSA records with selector 1 and matching type 1.
func hash(t *testing.T, der []byte) string {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// TestDANE has TLSA records that fit, and such that do not: those count only when the DNS vouches for every step.
func TestDANE(t *testing.T) {
	o := newOutside(t, "")
	right := o.certificate("mx1.acme.example")
	right.Certificates[0].Certificate = append(right.Certificates[0].Certificate, o.ca.cert.Raw)
	other := newAuthority(t)
	wrong := other.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"mx1.acme.example"} })
	expired := o.ca.issue(t, func(c *x509.Certificate) {
		c.NotAfter = time.Now().Add(-time.Hour)
		c.DNSNames = []string{"other.example"}
	})
	expired.Certificates[0].Certificate = append(expired.Certificates[0].Certificate, o.ca.cert.Raw)
	leaf, authorityKey, old := hash(t, right.Certificates[0].Certificate[0]), hash(t, o.ca.cert.Raw), hash(t, expired.Certificates[0].Certificate[0])
	const zone = "acme.example MX 10 mx1.acme.example.\nmx1.acme.example A 192.0.2.1\n"
	const signed = zone + "acme.example SECURE\nmx1.acme.example SECURE\n"
	const at = "_25._tcp.mx1.acme.example "
	tests := []struct {
		name   string
		zone   string
		config *tls.Config
		want   string // "dane", "opportunistic", or the reason why the mail stays
	}{
		{"the certificate", signed + at + "SECURE\n" + at + "TLSA 3 1 1 " + leaf, right, "dane"},
		{"one of several", signed + at + "SECURE\n" + at + "TLSA 3 1 1 " + authorityKey + "\n" + at + "TLSA 3 1 1 " + leaf, right, "dane"},
		{"an expired one of another name", signed + at + "SECURE\n" + at + "TLSA 3 1 1 " + old, expired, "dane"},
		{"the authority", signed + at + "SECURE\n" + at + "TLSA 2 1 1 " + authorityKey, right, "dane"},
		{"the authority of an expired one", signed + at + "SECURE\n" + at + "TLSA 2 1 1 " + authorityKey, expired, "dane_mismatch"},
		{"another authority", signed + at + "SECURE\n" + at + "TLSA 2 1 1 " + authorityKey, wrong, "dane_mismatch"},
		{"another certificate", signed + at + "SECURE\n" + at + "TLSA 3 1 1 " + leaf, wrong, "dane_mismatch"},
		{"no TLS", signed + at + "SECURE\n" + at + "TLSA 3 1 1 " + leaf, nil, "tls_required"},
		{"only records that do not count", signed + at + "SECURE\n" + at + "TLSA 1 1 1 " + leaf, wrong, "dane"},
		{"only records that do not count, no TLS", signed + at + "SECURE\n" + at + "TLSA 1 1 1 " + leaf, nil, "tls_required"},
		{"a record nobody vouches for", signed + at + "TLSA 3 1 1 " + leaf, wrong, "opportunistic"},
		{"an address nobody vouches for", zone + "acme.example SECURE\n" + at + "SECURE\n" + at + "TLSA 3 1 1 " + leaf, wrong, "opportunistic"},
		{"an MX nobody vouches for", zone + "mx1.acme.example SECURE\n" + at + "SECURE\n" + at + "TLSA 3 1 1 " + leaf, wrong, "opportunistic"},
		{"no record", signed + at + "SECURE\n", wrong, "opportunistic"},
		{"a lookup that fails", signed + at + "FAIL SERVFAIL\n", right, "dane_lookup"},
		{"an alias", "acme.example MX 10 mx.acme.example.\nmx.acme.example CNAME mx1.acme.example.\nmx1.acme.example A 192.0.2.1\nacme.example SECURE\nmx.acme.example SECURE\n" +
			at + "SECURE\n" + at + "TLSA 3 1 1 " + leaf, right, "dane"},
		{"an alias with a record of its own", "acme.example MX 10 mx.acme.example.\nmx.acme.example CNAME mx1.acme.example.\nmx1.acme.example A 192.0.2.1\nacme.example SECURE\nmx.acme.example SECURE\n" +
			"_25._tcp.mx.acme.example SECURE\n_25._tcp.mx.acme.example TLSA 3 1 1 " + leaf, wrong, "dane_mismatch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o.zones.set(t, tt.zone)
			o.notes.hosts = map[string]app.TLSHost{}
			s := o.put("192.0.2.1", &sink{}, tt.config)
			report, err := o.deliver()
			text := steps(report)
			switch tt.want {
			case "dane", "opportunistic":
				if err != nil || len(s.got()) != 1 || !s.got()[0].tls || strings.Contains(text, "(DANE)") != (tt.want == "dane") {
					t.Errorf("got %v\n%s", err, text)
				}
			default:
				wantReason(t, err, tt.want, false, true)
				if len(s.got()) != 0 {
					t.Error("the mail was sent")
				}
			}
		})
	}
}

// TestSTSDelivery has a policy that the mail servers follow, or not.
func TestSTSDelivery(t *testing.T) {
	o := newOutside(t, "")
	right := o.certificate("mx1.acme.example", "mx2.acme.example")
	stranger := newAuthority(t).issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"mx1.acme.example"} })
	other := o.certificate("mx.other.example")
	const signed = "acme.example SECURE\nmx1.acme.example SECURE\n_25._tcp.mx1.acme.example SECURE\n_25._tcp.mx1.acme.example TLSA 3 1 1 "
	tests := []struct {
		name   string
		mode   string
		mx     []string
		zone   string
		config *tls.Config
		reason string // why the mail stays; "" when it arrives
		says   string // in the steps
	}{
		{"follows", app.STSEnforce, []string{"mx1.acme.example"}, "", right, "", "policy of acme.example wants it"},
		{"follows with a star", app.STSEnforce, []string{"*.acme.example"}, "", right, "", "policy of acme.example wants it"},
		{"not named", app.STSEnforce, []string{"mx9.acme.example"}, "", right, "sts_mx", ""},
		{"no TLS", app.STSEnforce, []string{"mx1.acme.example"}, "", nil, "tls_required", ""},
		{"of a stranger", app.STSEnforce, []string{"mx1.acme.example"}, "", stranger, "tls_unknown_ca", ""},
		{"of another name", app.STSEnforce, []string{"mx1.acme.example"}, "", other, "tls_name", ""},
		{"testing, good", app.STSTesting, []string{"mx1.acme.example"}, "", right, "", "will want it"},
		{"testing, of a stranger", app.STSTesting, []string{"mx1.acme.example"}, "", stranger, "", "against the MTA-STS policy"},
		{"testing, not named", app.STSTesting, []string{"mx9.acme.example"}, "", right, "", "against the MTA-STS policy"},
		{"testing, no TLS", app.STSTesting, []string{"mx1.acme.example"}, "", nil, "", "against the MTA-STS policy"},
		{"none", app.STSNone, nil, "", stranger, "", "nobody has checked it"},
		{"DANE goes first", app.STSEnforce, []string{"mx9.acme.example"}, signed + hash(t, stranger.Certificates[0].Certificate[0]), stranger, "", "(DANE)"},
		{"DANE goes first, and says no", app.STSEnforce, []string{"mx1.acme.example"}, signed + hash(t, stranger.Certificates[0].Certificate[0]), right, "dane_mismatch", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o.zones.set(t, "acme.example MX 10 mx1.acme.example.\nmx1.acme.example A 192.0.2.1\n"+tt.zone)
			o.notes.hosts = map[string]app.TLSHost{}
			o.notes.policies["acme.example"] = app.STSPolicy{
				Domain: "acme.example", ID: "1", Mode: tt.mode, MX: tt.mx, FetchedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
			}
			s := o.put("192.0.2.1", &sink{}, tt.config)
			report, err := o.deliver()
			if tt.reason == "" && (err != nil || len(s.got()) != 1) || !strings.Contains(steps(report), tt.says) {
				t.Errorf("got %v, %d mails\n%s", err, len(s.got()), steps(report))
			}
			if tt.reason != "" {
				wantReason(t, err, tt.reason, false, true)
				if len(s.got()) != 0 {
					t.Error("the mail was sent")
				}
			}
		})
	}
}

// TestSTSEndToEnd fetches the policy before the first mail, and takes the mail past the server it does not name.
func TestSTSEndToEnd(t *testing.T) {
	o := newOutside(t, twoServers+"_mta-sts.acme.example TXT \"v=STSv1; id=1;\"\nmta-sts.acme.example A 192.0.2.80\n")
	host := &policyHost{serve: policyOf("version: STSv1\nmode: enforce\nmx: mx2.acme.example\nmax_age: 86400\n")}
	o.join("192.0.2.80:443", "")
	o.to["192.0.2.80:443"] = host.start(t, o.ca, "mta-sts.acme.example")
	first, second := o.put("192.0.2.1", &sink{}, o.certificate("mx1.acme.example")), o.put("192.0.2.2", &sink{}, o.certificate("mx2.acme.example"))
	report, err := o.deliver()
	if err != nil || len(first.got()) != 0 || len(second.got()) != 1 {
		t.Errorf("got %v, %d and %d mails\n%s", err, len(first.got()), len(second.got()), steps(report))
	}
	if got, want := o.took(), []string{"192.0.2.80:443", "192.0.2.2:25"}; !slices.Equal(got, want) {
		t.Errorf("dialled %v, want %v", got, want)
	}
}

// TestDirectUnknownDomain gives a mail up when the DNS did not know its domain twice, half an hour apart.
func TestDirectUnknownDomain(t *testing.T) {
	o := newOutside(t, "")
	m := message(t)
	_, err := o.courier().Deliver(t.Context(), m)
	wantReason(t, err, "domain_unknown", false, true)
	m.Reply = err.Error()
	if _, err = o.courier().Deliver(t.Context(), m); mail.IsTemporary(err) == false {
		t.Errorf("at once again: %v", err)
	}
	m.Reply = strings.Replace(m.Reply, time.Now().UTC().Format("2006"), "2020", 1)
	_, err = o.courier().Deliver(t.Context(), m)
	wantReason(t, err, "domain_unknown", true, false)
}

func TestDirectStopped(t *testing.T) {
	o := newOutside(t, twoServers)
	ctx, cancel := context.WithCancel(t.Context())
	o.join("192.0.2.1", runScript(t, func(s *script) { cancel(); s.wait() }))
	second := o.put("192.0.2.2", &sink{}, nil)
	_, err := o.courier().Deliver(ctx, message(t))
	wantReason(t, err, "stopped", false, false)
	if len(second.got()) != 0 {
		t.Error("the next server was asked after the service was told to stop")
	}
}

// TestDirectKeeps sends several mails to one domain over one connection, and goes on to the next server when the first one
// does not take one of them.
func TestDirectKeeps(t *testing.T) {
	o := newOutside(t, twoServers+"other.example MX 10 mx1.acme.example.\n")
	first, second := o.put("192.0.2.1", &sink{}, o.certificate("mx1.acme.example")), o.put("192.0.2.2", &sink{}, nil)
	courier := o.courier()
	for i := range 3 {
		report, err := courier.Deliver(t.Context(), message(t))
		if err != nil || len(first.got()) != i+1 || i > 0 && !strings.Contains(steps(report), "kept from the mail before") {
			t.Fatalf("mail %d: %v\n%s", i+1, err, steps(report))
		}
	}
	if got := o.took(); len(got) != 1 {
		t.Errorf("dialled %v, want one connection", got)
	}
	m := message(t)
	m.Recipient = address(t, "joe@other.example")
	if _, err := courier.Deliver(t.Context(), m); err != nil || len(o.took()) != 1 || len(first.got()) != 4 {
		t.Errorf("to another domain: %v, %d mails", err, len(first.got()))
	}
	if _, err := courier.Deliver(t.Context(), message(t)); err != nil || len(o.took()) != 1 {
		t.Errorf("back to the first domain: %v", err)
	}
	first.rcptErr = &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	if _, err := courier.Deliver(t.Context(), message(t)); err != nil || len(second.got()) != 1 {
		t.Errorf("greylisted: %v, and the second server %d mails", err, len(second.got()))
	}
	if got, want := o.took(), []string{"192.0.2.2:25"}; !slices.Equal(got, want) {
		t.Errorf("dialled %v, want %v", got, want)
	}
	if err := courier.Close(); err != nil {
		t.Error(err)
	}
}
