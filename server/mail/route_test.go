package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/server/mail"
)

func TestReach(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::9"), netip.MustParseAddr("192.168.1.9"), netip.MustParseAddr("127.0.0.1")}
	const never, private, open = "never", "private", "open"
	tests := map[string]string{
		"192.0.2.1": open, "8.8.8.8": open, "2001:db8::1": open, "2a00:1450::1": open, "172.32.0.1": open, "100.128.0.1": open, "11.0.0.1": open,
		"127.0.0.1": never, "127.1.2.3": never, "::1": never, "0.0.0.0": never, "0.1.2.3": never, "::": never, "169.254.1.1": never, "fe80::1": never, "fe80::1%eth0": never,
		"224.0.0.1": never, "239.255.255.250": never, "ff02::1": never, "255.255.255.255": never, "240.0.0.1": never, "192.0.0.8": never,
		"203.0.113.9": never, "2001:db8::9": never, "192.168.1.9": never,
		"::ffff:127.0.0.1": never, "::ffff:203.0.113.9": never, "::127.0.0.1": never, "2001::1": never,
		"64:ff9b::7f00:1": never, "64:ff9b::cb00:7109": never, "2002:7f00:1::1": never, "2002:cb00:7109::1": never, "64:ff9b::a9fe:a9fe": never,
		"10.0.0.1": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.0.1": private, "100.64.0.1": private, "198.18.0.1": private,
		"fc00::1": private, "fd12::1": private, "fec0::1": private, "::ffff:10.0.0.1": private, "64:ff9b::a00:1": private, "2002:a00:1::1": private, "64:ff9b:1::1": private,
		"64:ff9b::808:808": open, "2002:808:808::1": open, "::ffff:8.8.8.8": open,
	}
	for text, want := range tests {
		ip := netip.MustParseAddr(text)
		closed, opened := mail.Refuses(false, own, ip), mail.Refuses(true, own, ip)
		got := open
		switch {
		case closed != "" && opened != "":
			got = never
		case closed != "":
			got = private
		case opened != "":
			got = "refused only if private ones are allowed: " + opened
		}
		if got != want {
			t.Errorf("%s: got %s (%q), want %s", text, got, closed, want)
		}
		if (got == private) != strings.Contains(closed, "mail.private_mx=on") {
			t.Errorf("%s: %q names the setting where it is of no use, or does not where it is", text, closed)
		}
	}
	if mail.Refuses(true, nil, netip.Addr{}) == "" {
		t.Error("no address at all is not refused")
	}
}

var machine = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("203.0.113.9")}

// TestRoutes looks up domains in each state. Hosts of one preference may come in any order: they are sorted by name here.
func TestRoutes(t *testing.T) {
	var many strings.Builder
	for i := range 50 {
		fmt.Fprintf(&many, "many.example MX 10 mx%02d.many.example.\nmx%02d.many.example A 192.0.2.%d\n", i, i, i+1)
	}
	_, address := serveZones(t, `
plain.example MX 10 mx1.plain.example.
plain.example MX 5 MX2.Plain.Example.
plain.example A 192.0.2.99
mx1.plain.example A 192.0.2.1
mx2.plain.example A 192.0.2.2
mx2.plain.example AAAA 2001:db8::2
implicit.example A 192.0.2.3
null.example MX 0 .
null.example A 192.0.2.99
fails.example FAIL SERVFAIL
refuses.example FAIL REFUSED
hostfails.example MX 10 fails.example.
half.example MX 10 fails.example.
half.example MX 20 mx1.plain.example.
noaddress.example MX 10 gone.noaddress.example.
noaddress.example A 192.0.2.99
text.example TXT "no mail here"
loopback.example MX 10 lo.loopback.example.
lo.loopback.example A 127.0.0.1
lo.loopback.example A 127.8.8.8
lo.loopback.example AAAA ::1
private.example MX 10 printer.private.example.
private.example MX 20 mx.private.example.
printer.private.example A 10.0.0.7
mx.private.example A 192.168.7.7
mixed.example MX 10 mx.mixed.example.
mx.mixed.example A 10.0.0.7
mx.mixed.example A 192.0.2.7
own.example MX 10 here.own.example.
own.example MX 20 backup.own.example.
here.own.example A 203.0.113.9
backup.own.example A 192.0.2.5
second.example MX 10 first.second.example.
second.example MX 20 here.own.example.
second.example MX 20 backup.own.example.
first.second.example A 192.0.2.6
byname.example MX 10 accounts.office.example.
accounts.office.example A 192.0.2.50
literal.example MX 10 192.0.2.1.
odd.example MX 10 a\032b.odd.example.
odd.example MX 20 mx1.plain.example.
alias.example MX 10 alias.plain.example.
alias.plain.example CNAME mx1.plain.example.
circle.example CNAME round.example.
round.example CNAME circle.example.
twice.example MX 10 mx1.plain.example.
twice.example MX 20 MX1.plain.example.
farm.example MX 10 mx.farm.example.
mx.farm.example A 192.0.2.1
mx.farm.example A 192.0.2.2
mx.farm.example A 192.0.2.3
mx.farm.example AAAA 2001:db8::1
mx.farm.example AAAA 2001:db8::2
mx.farm.example AAAA 2001:db8::3
`+many.String())
	const unknown = "unknown"
	tests := []struct {
		domain  string
		private bool
		want    string // the names in the order in which they are tried, or the reason of the error
		says    string
	}{
		{domain: "plain.example", want: "mx2.plain.example mx1.plain.example"},
		{domain: "implicit.example", want: "implicit.example"},
		{domain: "null.example", want: "null_mx!", says: "takes no mail"},
		{domain: "fails.example", want: "dns", says: "cannot tell about fails.example"},
		{domain: "refuses.example", want: "dns"},
		{domain: "hostfails.example", want: "dns", says: "fails.example"},
		{domain: "half.example", want: "fails.example mx1.plain.example"},
		{domain: "noaddress.example", want: "mx_unknown", says: "gone.noaddress.example"},
		{domain: "text.example", want: unknown},
		{domain: "nothing.example", want: unknown},
		{domain: "loopback.example", want: "mx_refused", says: "127.0.0.1 of lo.loopback.example is this machine itself"},
		{domain: "loopback.example", private: true, want: "mx_refused", says: "::1 of lo.loopback.example"},
		{domain: "private.example", want: "mx_refused", says: "10.0.0.7 of printer.private.example is a private address; mail.private_mx=on allows it, 192.168.7.7 of mx.private"},
		{domain: "private.example", private: true, want: "printer.private.example mx.private.example"},
		{domain: "mixed.example", want: "mx.mixed.example"},
		{domain: "own.example", want: "mx_self!", says: "loops back to this machine"},
		{domain: "second.example", want: "first.second.example"},
		{domain: "byname.example", want: "mx_self!", says: "accounts.office.example"},
		{domain: "circle.example", want: "dns unknown"},
		{domain: "literal.example", want: "mx_invalid dns"},
		{domain: "odd.example", want: "mx1.plain.example"},
		{domain: "alias.example", want: "alias.plain.example"},
		{domain: "twice.example", want: "mx1.plain.example"},
		{domain: "farm.example", want: "mx.farm.example"},
	}
	bothNames(t, address, func(t *testing.T, names mail.Names) {
		for _, tt := range tests {
			hosts, err := mail.Route(t.Context(), names, tt.private, machine, "Accounts.Office.Example", 5, tt.domain)
			var got []string
			e, isReply := errors.AsType[*mail.ReplyError](err)
			switch {
			case errors.Is(err, mail.ErrNoDomain):
				got = []string{unknown}
			case isReply && e.Permanent:
				got = []string{e.Reason + "!"}
			case isReply:
				got = []string{e.Reason}
			case err != nil:
				got = []string{err.Error()}
			default:
				for _, h := range hosts {
					got = append(got, h.Name)
				}
			}
			if words := strings.Join(got, " "); words != tt.want && (err == nil || !slices.Contains(strings.Fields(tt.want), words)) {
				t.Errorf("%s: got %q (%v), want %q", tt.domain, words, err, tt.want)
			}
			if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%s: %v does not say %q", tt.domain, err, tt.says)
			}
		}
		if hosts, err := mail.Route(t.Context(), names, false, machine, "x", 5, "mixed.example"); err != nil || len(hosts[0].Addrs) != 1 || !strings.Contains(hosts[0].Refused, "10.0.0.7 of mx.mixed.example") {
			t.Errorf("mixed.example: got %+v, %v; want the one address, and the other one in words", hosts, err)
		}
		if hosts, err := mail.Route(t.Context(), names, false, machine, "x", 5, "farm.example"); err != nil || len(hosts[0].Addrs) != 4 || !hosts[0].Addrs[0].Is4() || !hosts[0].Addrs[1].Is6() {
			t.Errorf("farm.example: got %+v, %v; want four addresses by turns", hosts, err)
		}
		orders := map[string]bool{}
		for range 20 {
			hosts, err := mail.Route(t.Context(), names, false, machine, "x", 5, "many.example")
			if err != nil || len(hosts) != 5 {
				t.Fatalf("many.example: %d hosts, %v; want 5", len(hosts), err)
			}
			orders[hosts[0].Name] = true
		}
		if len(orders) < 2 {
			t.Error("hosts of one preference always come in the same order")
		}
		if hosts, err := mail.Route(t.Context(), names, false, machine, "x", 0, "many.example"); err != nil || len(hosts) != 50 {
			t.Errorf("many.example without a limit: %d hosts, %v", len(hosts), err)
		}
	})
}

// TestRouteOfManyOwn has this machine among servers of one preference: none of them may be tried, or two would hand a mail
// back and forth.
func TestRouteOfManyOwn(t *testing.T) {
	_, address := serveZones(t, "a.example MX 10 one.a.example.\na.example MX 10 me.a.example.\none.a.example A 192.0.2.1\nme.a.example A 203.0.113.9\n")
	for range 10 {
		_, err := mail.Route(t.Context(), mail.NewSecureNames(address), false, machine, "x", 5, "a.example")
		if replyError(t, err).Reason != "mx_self" {
			t.Fatalf("got %v, want mx_self", err)
		}
	}
}

func TestSilentDNS(t *testing.T) {
	_, address := serveZones(t, "quiet.example SILENT\n")
	bothNames(t, address, func(t *testing.T, names mail.Names) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := mail.Route(ctx, names, false, machine, "x", 5, "quiet.example")
		if e := replyError(t, err); e.Reason != "dns" || e.Permanent || !strings.Contains(e.Message, "in time") {
			t.Errorf("got %v, want a temporary fault of the DNS that tells of the time", err)
		}
	})
}

// TestSystemNames believes a resolver only when it is on this machine, or when the administrator says so.
func TestSystemNames(t *testing.T) {
	tests := map[string]bool{
		"nameserver 127.0.0.1\n":                          true,
		"nameserver 127.0.0.53\noptions edns0 trust-ad\n": true,
		"nameserver ::1\n":                                true,
		"nameserver 192.0.2.53\n":                         false,
		"nameserver 127.0.0.1\nnameserver 192.0.2.53\n":   false,
		"nameserver 192.0.2.53\noptions edns0 trust-ad\n": true,
		"# options trust-ad\nnameserver 192.0.2.53\n":     false,
		"":                        false,
		"search office.example\n": false,
		"nameserver dns.office.example\noptions trust-ad\n":     false,
		"nameserver 127.0.0.1\nnameserver ::1\noptions ndots:2": true,
	}
	for conf, want := range tests {
		if _, got := mail.SystemNames(conf, resolverAt("127.0.0.1:1")).(*mail.SecureNames); got != want {
			t.Errorf("%q: believed is %t, want %t", conf, got, want)
		}
	}
}

// TestSecureAnswers wants the word of the resolver for each answer, and large answers whole.
func TestSecureAnswers(t *testing.T) {
	var large strings.Builder
	for i := range 100 {
		fmt.Fprintf(&large, "large.example MX %d a-rather-long-name-of-a-mail-server-%03d.large.example.\n", i, i)
	}
	_, address := serveZones(t, `
signed.example MX 10 mx.signed.example.
signed.example SECURE
mx.signed.example A 192.0.2.1
mx.signed.example SECURE
alias.signed.example CNAME mx.signed.example.
alias.signed.example SECURE
_25._tcp.mx.signed.example TLSA 3 1 1 ABCDEF
_25._tcp.mx.signed.example SECURE
_mta-sts.signed.example TXT "v=STSv1; " "id=1;"
none.example SECURE
unsigned.example MX 10 mx.unsigned.example.
`+large.String())
	names := mail.NewSecureNames("127.0.0.1:1", address) // the first one is down
	if records, secure, err := names.MX(t.Context(), "signed.example"); err != nil || !secure || len(records) != 1 {
		t.Errorf("MX: %v, %t, %v", records, secure, err)
	}
	if _, secure, err := names.MX(t.Context(), "unsigned.example"); err != nil || secure {
		t.Errorf("MX of an unsigned zone: secure is %t, %v", secure, err)
	}
	if _, secure, err := names.MX(t.Context(), "none.example"); err == nil || !secure {
		t.Errorf("MX of a name that is signed to be none: secure is %t, %v", secure, err)
	}
	if addrs, name, secure, err := names.Addresses(t.Context(), "alias.signed.example"); err != nil || !secure || len(addrs) != 1 || name != "mx.signed.example" {
		t.Errorf("addresses of an alias: %v, %s, %t, %v", addrs, name, secure, err)
	}
	if records, secure, err := names.TLSA(t.Context(), "_25._tcp.mx.signed.example"); err != nil || !secure || len(records) != 1 || records[0] != (mail.TLSA{Usage: 3, Selector: 1, Matching: 1, Certificate: "abcdef"}) {
		t.Errorf("TLSA: %v, %t, %v", records, secure, err)
	}
	if texts, err := names.TXT(t.Context(), "_mta-sts.signed.example"); err != nil || !slices.Equal(texts, []string{"v=STSv1; id=1;"}) {
		t.Errorf("TXT: %q, %v", texts, err)
	}
	if records, _, err := names.MX(t.Context(), "large.example"); err != nil || len(records) != 100 {
		t.Errorf("a large answer: %d records, %v", len(records), err)
	}
}

// TestDomainUnknown gives a domain up when the DNS has not known it for half an hour, by the words of the attempt before.
func TestDomainUnknown(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first := mail.DomainUnknown("gone.example", "", now)
	if first.Permanent || !first.HostDown || !strings.Contains(first.Error(), "gone.example") {
		t.Fatalf("the first time: %+v", first)
	}
	last := first.Error()
	tests := []struct {
		name string
		last string
		now  time.Time
		want bool
	}{
		{"too early", last, now.Add(29 * time.Minute), false},
		{"half an hour later", last, now.Add(30 * time.Minute), true},
		{"a day later", last, now.Add(24 * time.Hour), true},
		{"something else in between", "dns: the DNS says nothing", now.Add(time.Hour), false},
		{"a clock that was ahead", last, now.Add(-time.Hour), false},
		{"a server that says so", "550 domain_unknown: since 2020-01-01T00:00:00Z", now, false},
		{"no time", "domain_unknown: since yesterday", now, false},
	}
	for _, tt := range tests {
		got := mail.DomainUnknown("gone.example", tt.last, tt.now)
		if got.Permanent != tt.want {
			t.Errorf("%s: permanent is %t, want %t", tt.name, got.Permanent, tt.want)
		}
	}
	// In between the words keep the first time.
	second := mail.DomainUnknown("gone.example", last, now.Add(20*time.Minute))
	if third := mail.DomainUnknown("gone.example", second.Error(), now.Add(31*time.Minute)); !third.Permanent {
		t.Errorf("the third time: %+v", third)
	}
}
