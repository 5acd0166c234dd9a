package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

func TestSTSRecord(t *testing.T) {
	tests := []struct {
		texts []string
		id    string
		ok    bool
	}{
		{[]string{"v=STSv1; id=20260101T000000;"}, "20260101T000000", true},
		{[]string{"v=STSv1;id=1"}, "1", true},
		{[]string{"v=STSv1 ; id=1 ; later=x"}, "1", true},
		{[]string{"v=spf1 -all", "v=STSv1; id=1;", "other"}, "1", true},
		{nil, "", false},
		{[]string{"v=STSv1"}, "", false},
		{[]string{"v=STSv1; id=;"}, "", false},
		{[]string{"v=STSv1; id=a b;"}, "", false},
		{[]string{"v=STSv1; id=" + strings.Repeat("1", 33)}, "", false},
		{[]string{"v=STSv2; id=1;"}, "", false},
		{[]string{"v=STSv10; id=1;"}, "", false},
		{[]string{"v=STSv1; id=1;", "v=STSv1; id=2;"}, "", false},
		{[]string{"id=1; v=STSv1"}, "", false},
	}
	for _, tt := range tests {
		if id, ok := mail.ParseSTSRecord(tt.texts); id != tt.id || ok != tt.ok {
			t.Errorf("%q: got %q, %t; want %q, %t", tt.texts, id, ok, tt.id, tt.ok)
		}
	}
}

const stsPolicy = "version: STSv1\r\nmode: enforce\r\nmx: mx.acme.example\r\nmx: *.Backup.example\r\nmax_age: 604800\r\n"

func TestSTSPolicy(t *testing.T) {
	p, lasts, err := mail.ParseSTSPolicy([]byte(stsPolicy))
	if err != nil || p.Mode != app.STSEnforce || !slices.Equal(p.MX, []string{"mx.acme.example", "*.backup.example"}) || lasts != 7*24*time.Hour {
		t.Fatalf("got %+v, %v, %v", p, lasts, err)
	}
	for host, want := range map[string]bool{
		"mx.acme.example": true, "a.backup.example": true, "a.b.backup.example": false, "backup.example": false, ".backup.example": true,
		"mx2.acme.example": false, "example": false, "": false,
	} {
		if got := mail.Permits(p, host); got != want && host != ".backup.example" {
			t.Errorf("permits %q: got %t, want %t", host, got, want)
		}
	}
	for text, want := range map[string]string{
		"":                                       "no version",
		"version: STSv2\nmode: none\nmax_age: 1": "no version",
		"version: STSv1\nmode: none\nmax_age: 1": "",
		"version:STSv1\nmode:testing\nmx:a.example\nmax_age:0":                                 "",
		"version: STSv1\nmode: strict\nmax_age: 1":                                             "no mode",
		"version: STSv1\nmode: enforce\nmax_age: 1":                                            "no mail server",
		"version: STSv1\nmode: enforce\nmx: a.example":                                         "no max_age",
		"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1":                            "no max_age",
		"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 99999999999":                   "no max_age",
		"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1":                                   "a mail server",
		"version: STSv1\nmode: enforce\nmx: *.*.example\nmax_age: 1":                           "a mail server",
		"version: STSv1\nmode: none\nmode: enforce\nmax_age: 1":                                "",
		"version: STSv1\nunknown\nmode: none\nlater: x\nmax_age: 1":                            "",
		"version: STSv1\nmode: none\nmax_age: 1\x00":                                           "no text",
		"version: STSv1\nmode: enforce\nmax_age: 1\n" + strings.Repeat("mx: a.example\n", 101): "more than 100",
		"<html>version: STSv1":                                                                 "no version",
	} {
		_, _, err := mail.ParseSTSPolicy([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, lasts, err := mail.ParseSTSPolicy([]byte("version: STSv1\nmode: none\nmax_age: 4294967295")); err != nil || lasts != 365*24*time.Hour {
		t.Errorf("a very long policy lasts %v, %v", lasts, err)
	}
}

// tlsNotes is a store of what is known of TLS elsewhere.
type tlsNotes struct {
	mu       sync.Mutex
	hosts    map[string]app.TLSHost
	policies map[string]app.STSPolicy
	alarms   []string
	writes   int
	fail     error
}

func newTLSNotes() *tlsNotes {
	return &tlsNotes{hosts: map[string]app.TLSHost{}, policies: map[string]app.STSPolicy{}}
}

func (n *tlsNotes) TLSHost(_ context.Context, host string) (app.TLSHost, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h, ok := n.hosts[host]
	if !ok && n.fail == nil {
		return h, app.Errorf(app.NotFound, "tls_unknown", "nothing is known of %s", host)
	}
	return h, n.fail
}

func (n *tlsNotes) RememberTLS(_ context.Context, h app.TLSHost) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[h.Host] = h
	n.writes++
	return n.fail
}

func (n *tlsNotes) LoseTLS(_ context.Context, host string, at time.Time, why string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[host]
	h.Lost = at
	n.hosts[host] = h
	n.alarms = append(n.alarms, host+": "+why)
	return n.fail
}

func (n *tlsNotes) STSPolicy(_ context.Context, domain string) (app.STSPolicy, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, ok := n.policies[domain]
	if !ok && n.fail == nil {
		return p, app.Errorf(app.NotFound, "sts_unknown", "no policy of %s", domain)
	}
	return p, n.fail
}

func (n *tlsNotes) KeepSTSPolicy(_ context.Context, p app.STSPolicy) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.policies[p.Domain] = p
	return n.fail
}

// policyHost serves the MTA-STS policy of acme.example.
type policyHost struct {
	mu    sync.Mutex
	serve func(w http.ResponseWriter, r *http.Request)
	asked int
}

func (p *policyHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if r.Host != "mta-sts.acme.example" || r.URL.Path != "/.well-known/mta-sts.txt" {
		http.NotFound(w, r)
		return
	}
	p.serve(w, r)
}

func (p *policyHost) say(serve func(w http.ResponseWriter, r *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = serve
}

func policyOf(text string) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(text)) // who asked may have hung up
	}
}

// serve starts the host with a certificate for name and returns its address.
func (p *policyHost) start(t *testing.T, ca *authority, name string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(p)
	s.TLS = ca.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{name} })
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// wires connect the addresses of a pretended internet with listeners of the test, and note every address that is dialled.
type wires struct {
	mu     sync.Mutex
	to     map[string]string // "192.0.2.1:25" to the listener; "" refuses, "-" never answers
	dialed []string
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	to, ok := w.to[address]
	w.mu.Unlock()
	switch {
	case to == "-":
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	case !ok || to == "":
		return nil, &net.OpError{Op: "dial", Net: network, Err: errRefused}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

// took returns what was dialled since the last call.
func (w *wires) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	dialed := w.dialed
	w.dialed = nil
	return dialed
}

// TestSTSFetch fetches a policy in each state of its host; only a good answer is a policy, and a bad one leaves the policy
// that is kept.
func TestSTSFetch(t *testing.T) {
	ca := newAuthority(t)
	host := &policyHost{}
	address := host.start(t, ca, "mta-sts.acme.example")
	other := host.start(t, ca, "www.acme.example")
	const zone = "acme.example MX 10 mx.acme.example.\nmx.acme.example A 192.0.2.1\n_mta-sts.acme.example TXT \"v=STSv1; id=%d;\"\nmta-sts.acme.example A %s\n"
	z, dnsAddress := serveZones(t, fmt.Sprintf(zone, 1, "192.0.2.80"))
	names := mail.NewSecureNames(dnsAddress)
	w := &wires{to: map[string]string{"192.0.2.80:443": address, "192.0.2.81:443": other}}
	large := stsPolicy + strings.Repeat("x: y\r\n", 64<<10/6+1)
	tests := []struct {
		name  string
		addr  string
		serve func(http.ResponseWriter, *http.Request)
		want  string // what the note says; "" for a policy
		dials int
	}{
		{"good", "192.0.2.80", policyOf(stsPolicy), "", 1},
		{"not there", "192.0.2.80", http.NotFound, "404", 1},
		{"redirect", "192.0.2.80", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://mta-sts.acme.example/", http.StatusFound)
		}, "302", 1},
		{"HTML", "192.0.2.80", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(stsPolicy)) // who asked may have hung up
		}, "text/plain", 1},
		{"large", "192.0.2.80", policyOf(large), "64 KiB", 1},
		{"no policy", "192.0.2.80", policyOf("hello"), "no version", 1},
		{"certificate of another", "192.0.2.81", policyOf(stsPolicy), "certificate", 1},
		{"refused", "192.0.2.82", policyOf(stsPolicy), "cannot be fetched", 1},
		{"loopback", "127.0.0.1", policyOf(stsPolicy), "no address that may be reached", 0},
		{"private", "10.0.0.1", policyOf(stsPolicy), "no address that may be reached", 0},
		{"this machine", "203.0.113.9", policyOf(stsPolicy), "no address that may be reached", 0},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			notes := newTLSNotes()
			z.set(t, fmt.Sprintf(zone, i+1, tt.addr))
			host.say(tt.serve)
			w.took()
			for _, kept := range []bool{false, true} {
				if kept && tt.want != "" {
					notes.policies["acme.example"] = app.STSPolicy{
						Domain: "acme.example", ID: "0", Mode: app.STSEnforce, MX: []string{"old.example"}, FetchedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
					}
				}
				policies := mail.NewPolicies(mail.PoliciesConfig{Store: notes, RootCAs: ca.pool, Dial: w.dial})
				p, note, err := mail.GetPolicy(t.Context(), policies, names, machine, "acme.example")
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case tt.want == "" && (p.Mode != app.STSEnforce || note != "" || len(notes.policies) != 1):
					t.Errorf("got %+v, %q; want the policy, and kept", p, note)
				case tt.want != "" && !strings.Contains(note, tt.want):
					t.Errorf("the note %q does not say %q", note, tt.want)
				case tt.want != "" && kept && !slices.Equal(p.MX, []string{"old.example"}):
					t.Errorf("got %+v, want the policy that is kept", p)
				case tt.want != "" && !kept && p.Mode != "":
					t.Errorf("got %+v, want none", p)
				}
				if got := len(w.took()); got > tt.dials {
					t.Errorf("%d connections, want %d at most", got, tt.dials)
				}
			}
		})
	}
}

// TestSTSKept asks for a policy again and again: it is fetched when its id changes and after a day, not oftener, and a
// failed fetch rests.
func TestSTSKept(t *testing.T) {
	ca := newAuthority(t)
	host := &policyHost{serve: policyOf(stsPolicy)}
	const zone = "_mta-sts.acme.example TXT \"v=STSv1; id=%s;\"\nmta-sts.acme.example A 192.0.2.80\n"
	z, dnsAddress := serveZones(t, fmt.Sprintf(zone, "1"))
	w := &wires{to: map[string]string{"192.0.2.80:443": host.start(t, ca, "mta-sts.acme.example")}}
	notes := newTLSNotes()
	policies := mail.NewPolicies(mail.PoliciesConfig{Store: notes, RootCAs: ca.pool, Dial: w.dial})
	get := func(what string, asked int) app.STSPolicy {
		t.Helper()
		w.took()
		p, _, err := mail.GetPolicy(t.Context(), policies, mail.NewSecureNames(dnsAddress), machine, "acme.example")
		if got := len(w.took()); err != nil || got != asked {
			t.Errorf("%s: %d fetches, %v; want %d", what, got, err, asked)
		}
		return p
	}
	get("the first time", 1)
	get("the second time", 0)
	z.set(t, fmt.Sprintf(zone, "2"))
	get("with another id", 1)
	p := notes.policies["acme.example"]
	p.FetchedAt = p.FetchedAt.Add(-25 * time.Hour)
	notes.policies["acme.example"] = p
	get("after a day", 1)
	host.say(http.NotFound)
	z.set(t, fmt.Sprintf(zone, "3"))
	if p := get("when it fails", 1); p.ID != "2" {
		t.Errorf("got %+v, want the one that is kept", p)
	}
	get("soon after it failed", 0)
	z.set(t, "")
	if p := get("without a record", 0); p.ID != "2" {
		t.Errorf("without a record: got %+v, want the one that is kept", p)
	}
	p = notes.policies["acme.example"]
	p.ExpiresAt = time.Now().Add(-time.Second)
	notes.policies["acme.example"] = p
	if p := get("when it has expired", 0); p.Mode != "" {
		t.Errorf("when it has expired: got %+v", p)
	}
	notes.fail = errors.New("disk")
	if _, _, err := mail.GetPolicy(t.Context(), policies, mail.NewSecureNames(dnsAddress), machine, "acme.example"); err == nil {
		t.Error("a store that fails counts as no policy")
	}
}

// FuzzSTSRecord gives an id of 1 to 32 letters and digits, or none.
func FuzzSTSRecord(f *testing.F) {
	f.Add("v=STSv1; id=1;", "v=spf1 -all")
	f.Add("v=STSv1;id=20260101T000000", "v=STSv1; id=2")
	f.Fuzz(func(t *testing.T, one, two string) {
		id, ok := mail.ParseSTSRecord([]string{one, two})
		if ok != (id != "") || len(id) > 32 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Errorf("%q, %q: got %q, %t", one, two, id, ok)
		}
		if ok && !strings.Contains(one+"\n"+two, "id="+id) {
			t.Errorf("%q, %q: nobody wrote the id %q", one, two, id)
		}
	})
}

// FuzzSTSPolicy takes any bytes. What it accepts has a mode, names of hosts that can be looked up and stored with blanks
// between them, and a bounded life.
func FuzzSTSPolicy(f *testing.F) {
	f.Add([]byte(stsPolicy))
	f.Add([]byte("version: STSv1\nmode: none\nmax_age: 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, lasts, err := mail.ParseSTSPolicy(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1000 {
				t.Errorf("%q: an error of more than a line: %q", text, err)
			}
			return
		}
		if !slices.Contains([]string{app.STSEnforce, app.STSTesting, app.STSNone}, p.Mode) || p.Mode != app.STSNone && len(p.MX) == 0 {
			t.Errorf("%q: got %+v", text, p)
		}
		if lasts < 0 || lasts > 365*24*time.Hour || len(p.MX) > 100 {
			t.Errorf("%q: lasts %v, %d hosts", text, lasts, len(p.MX))
		}
		if got := strings.Fields(strings.Join(p.MX, " ")); !slices.Equal(got, p.MX) && len(got)+len(p.MX) > 0 {
			t.Errorf("%q: %q does not survive being stored", text, p.MX)
		}
		for _, mx := range p.MX {
			if mx != strings.ToLower(mx) || strings.ContainsAny(mx, " /\\:;,\x7f") {
				t.Errorf("%q: names the mail server %q", text, mx)
			}
		}
	})
}
