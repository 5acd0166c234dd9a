package mail_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"foyer/app"
	"foyer/server/mail"
)

// fakeDNS is a Resolver with a zone in memory. What is not in it does not exist.
type fakeDNS struct {
	txt, ptr map[string][]string // by name without the dot at the end
	mx       map[string][]*net.MX
	ip       map[string][]net.IP
	err      error // when set, every question ends with it
	silent   bool  // no question is answered
}

func (f *fakeDNS) answer(ctx context.Context, found bool) error {
	switch {
	case f.silent:
		<-ctx.Done()
		return ctx.Err()
	case f.err != nil:
		return f.err
	case !found:
		return &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return nil
}

func (f *fakeDNS) LookupTXT(ctx context.Context, name string) ([]string, error) {
	records := f.txt[strings.TrimSuffix(name, ".")]
	return records, f.answer(ctx, len(records) > 0 && strings.HasSuffix(name, "."))
}

func (f *fakeDNS) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	records := f.mx[strings.TrimSuffix(name, ".")]
	return records, f.answer(ctx, len(records) > 0)
}

func (f *fakeDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	records := f.ptr[addr]
	return records, f.answer(ctx, len(records) > 0)
}

func (f *fakeDNS) LookupIP(ctx context.Context, _, host string) ([]net.IP, error) {
	records := f.ip[strings.TrimSuffix(host, ".")]
	return records, f.answer(ctx, len(records) > 0)
}

const (
	office  = "office.example"
	rsaName = "foyer-rsa._domainkey." + office
	edName  = "foyer-ed._domainkey." + office
)

// dnsTest is a domain whose records are all right, to be spoilt.
type dnsTest struct {
	keys     *mail.DKIM
	resolver *fakeDNS
	settings app.Settings
}

func newDNSTest(t *testing.T, keys *mail.DKIM) *dnsTest {
	t.Helper()
	txt := published(t, keys, "foyer")
	txt[office] = []string{"google-site-verification=x", "v=spf1 include:spf.host.example -all"}
	txt["_dmarc."+office] = []string{"v=DMARC1; p=quarantine"}
	txt["_mta-sts."+office] = []string{"v=STSv1; id=20260101"}
	return &dnsTest{
		keys: keys,
		resolver: &fakeDNS{
			txt: txt, mx: map[string][]*net.MX{office: {{Host: "mx.office.example.", Pref: 10}}},
			ip:  map[string][]net.IP{"smtp.example.com": {net.IPv4(192, 0, 2, 10)}},
			ptr: map[string][]string{"192.0.2.10": {"smtp.example.com."}},
		},
		settings: app.Settings{Mail: app.MailSettings{
			Transport: "smarthost", From: "accounts@" + office, Smarthost: "smtp.example.com:587", DKIM: true, DKIMSelector: "foyer",
		}},
	}
}

func (dt *dnsTest) records(t *testing.T) []app.DNSRecord {
	t.Helper()
	records, err := mail.NewDNS(mail.DNSConfig{DKIM: dt.keys, Resolver: dt.resolver}).Records(t.Context(), dt.settings)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// states returns the records in short: "spf ok, dkim missing", and those that are not required in brackets.
func states(records []app.DNSRecord) string {
	var words []string
	for _, r := range records {
		word := r.Kind + " " + string(r.State)
		if !r.Required {
			word = "(" + word + ")"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// TestRecordsInOrder has a domain to which nothing is to be added.
func TestRecordsInOrder(t *testing.T) {
	dt := newDNSTest(t, mail.NewDKIM(&memoryKeys{}))
	records := dt.records(t)
	if got, want := states(records), "spf ok, dkim ok, dkim ok, dmarc ok, mx ok, (mta_sts ok), (ptr ok)"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Type+" "+r.Name)
	}
	want := []string{
		"TXT " + office, "TXT " + rsaName, "TXT " + edName, "TXT _dmarc." + office, "MX " + office, "TXT _mta-sts." + office,
		"PTR 10.2.0.192.in-addr.arpa",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got %q\nwant %q", names, want)
	}
}

// TestEmptyZone has a domain without any record, and the values to paste.
func TestEmptyZone(t *testing.T) {
	dt := newDNSTest(t, mail.NewDKIM(&memoryKeys{}))
	dt.resolver = &fakeDNS{}
	dt.settings.Mail.DKIM = false
	records := dt.records(t)
	if got, want := states(records), "spf missing, (dkim missing), (dkim missing), dmarc missing, mx missing, (mta_sts missing), (ptr missing)"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for i, want := range []string{"v=spf1 a:smtp.example.com ~all", "v=DKIM1; k=rsa; p=MII", "v=DKIM1; k=ed25519; p=", "v=DMARC1; p=none", "", "v=STSv1; id=1", "smtp.example.com."} {
		if got := records[i].Value; !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", records[i].Kind, got, want)
		}
	}
}

// TestRecords spoils one thing each.
func TestRecords(t *testing.T) {
	keys := mail.NewDKIM(&memoryKeys{})
	spf := func(records ...string) func(*dnsTest) { return func(dt *dnsTest) { dt.resolver.txt[office] = records } }
	dmarc := func(records ...string) func(*dnsTest) {
		return func(dt *dnsTest) { dt.resolver.txt["_dmarc."+office] = records }
	}
	// key edits the record of a key.
	key := func(name, old, replacement string) func(*dnsTest) {
		return func(dt *dnsTest) {
			dt.resolver.txt[name] = []string{strings.Replace(dt.resolver.txt[name][0], old, replacement, 1)}
		}
	}
	tests := []struct {
		name  string
		spoil func(*dnsTest)
		at    int // the record this is about
		want  string
		text  string // part of the sentence
	}{
		{"no SPF", spf("something else"), 0, "missing", "smtp.example.com"},
		{"two SPF", spf("v=spf1 -all", "V=SPF1 mx -all"), 0, "differs", "several"},
		{"another version", spf("v=spf10 -all"), 0, "missing", ""},
		{"all the world", spf("v=spf1 +all"), 0, "differs", "whole internet"},
		{"all the world, without a sign", spf("v=spf1 mx ALL"), 0, "differs", "whole internet"},
		{"SPF of no kind", spf("v=spf1 includes:x -all"), 0, "differs", "no part of an SPF record"},
		{"SPF with a semicolon", spf("v=spf1; -all"), 0, "differs", "blank"},
		{"include of nothing", spf("v=spf1 include: -all"), 0, "differs", "names no domain"},
		{"no address", spf("v=spf1 ip4:300.1.1.1 -all"), 0, "differs", "no address"},
		{"address of the other kind", spf("v=spf1 ip4:2001:db8::1 -all"), 0, "differs", "no address"},
		{"something behind all", spf("v=spf1 -all mx"), 0, "differs", "behind"},
		{"too many questions", spf("v=spf1" + strings.Repeat(" include:a.example", 11) + " -all"), 0, "differs", "10 questions"},
		{"all that SPF knows", spf("v=spf1 a a:b.example/24 mx ?ptr ip4:192.0.2.0/24 ip6:2001:db8::/32 exists:%{i}.example redirect=x.example foo=bar"), 0, "ok", ""},
		{"modifier behind all", spf("v=spf1 mx ~all exp=why.example"), 0, "ok", ""},

		{"no key", func(dt *dnsTest) { delete(dt.resolver.txt, rsaName) }, 1, "missing", "add the record"},
		{"another key", key(rsaName, "p=MII", "p=MIJ"), 1, "differs", "another key"},
		{"key cut off", key(rsaName, "AQAB", ""), 1, "differs", "part of it is missing"},
		{"key withdrawn", func(dt *dnsTest) { dt.resolver.txt[rsaName] = []string{"v=DKIM1; p="} }, 1, "differs", "withdrawn"},
		{"key in pieces", key(rsaName, "p=MII", "p=M II"), 1, "ok", ""},
		{"usual algorithm not named", key(rsaName, "k=rsa; ", ""), 1, "ok", ""},
		{"algorithm not named", key(edName, "k=ed25519; ", ""), 2, "differs", "k="},
		{"test mode", key(edName, "k=", "t=s:y; k="), 2, "differs", "t=y"},
		{"other hash", key(edName, "k=", "h=sha1; k="), 2, "differs", "sha256"},
		{"not for mail", key(edName, "k=", "s=tlsrpt; k="), 2, "differs", "s="},
		{"two keys", func(dt *dnsTest) { dt.resolver.txt[edName] = append(dt.resolver.txt[edName], "v=DKIM1; p=x") }, 2, "differs", "several"},
		{"signing off", func(dt *dnsTest) { dt.settings.Mail.DKIM = false }, 1, "ok", "mail.dkim=on"},
		{"another selector", func(dt *dnsTest) { dt.settings.Mail.DKIMSelector = "new" }, 1, "missing", ""},

		{"no DMARC", dmarc(), 3, "missing", "add it"},
		{"two DMARC", dmarc("v=DMARC1; p=none", "v=DMARC1;p=reject"), 3, "differs", "several"},
		{"DMARC without a policy", dmarc("v=DMARC1; rua=mailto:a@b.example"), 3, "differs", "p="},
		{"DMARC misspelt", dmarc("v=DMARC1; p=rejct"), 3, "differs", "p="},
		{"DMARC with blanks", dmarc("v = DMARC1 ; p = reject"), 3, "ok", "reject"},
		{"DMARC of the domain above", func(dt *dnsTest) {
			dt.settings.Mail.From = "a@mail." + office
			dt.resolver.txt["_dmarc."+office] = []string{"v=DMARC1; p=reject; sp=none"}
		}, 3, "ok", "none, by the record of " + office},

		{"takes no mail", func(dt *dnsTest) { dt.resolver.mx[office] = []*net.MX{{Host: "."}} }, 4, "differs", "RFC 7505"},
		{"no MX but an address", func(dt *dnsTest) {
			dt.resolver.mx, dt.resolver.ip[office] = nil, []net.IP{net.IPv4(192, 0, 2, 1)}
		}, 4, "ok", "own address"},

		{"no MTA-STS", func(dt *dnsTest) { delete(dt.resolver.txt, "_mta-sts."+office) }, 5, "missing", "information"},
		{"no PTR", func(dt *dnsTest) { dt.resolver.ptr = nil }, 6, "missing", "information"},
		{"smarthost unknown", func(dt *dnsTest) { dt.resolver.ip = nil }, 6, "missing", "mail.smarthost"},
		{"smarthost by address", func(dt *dnsTest) { dt.settings.Mail.Smarthost = "192.0.2.10:25" }, 6, "ok", ""},
		{"no smarthost", func(dt *dnsTest) { dt.settings.Mail.Smarthost = "" }, 6, "unknown", "mail.smarthost"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dt := newDNSTest(t, keys)
			test.spoil(dt)
			got := dt.records(t)[test.at]
			if string(got.State) != test.want || !strings.Contains(got.Text, test.text) {
				t.Errorf("%s: got %s, %q; want %s, %q", got.Kind, got.State, got.Text, test.want, test.text)
			}
		})
	}
}

// TestSPFSuggestion expects of each smarthost what can be permitted of it.
func TestSPFSuggestion(t *testing.T) {
	keys := mail.NewDKIM(&memoryKeys{})
	for smarthost, want := range map[string]string{
		"": "mx", "localhost:25": "mx", "mailhub:25": "mx", "mail.lan:25": "mx", "10.0.0.5:25": "mx", "127.0.0.1:25": "mx",
		"smtp.example.com:587": "a:smtp.example.com", "email-smtp.eu-west-1.amazonaws.com:587": "a:email-smtp.eu-west-1.amazonaws.com", "203.0.113.5:25": "ip4:203.0.113.5", "[2001:db8::5]:25": "ip6:2001:db8::5",
	} {
		dt := newDNSTest(t, keys)
		dt.resolver, dt.settings.Mail.Smarthost = &fakeDNS{}, smarthost
		if got := dt.records(t)[0].Value; got != "v=spf1 "+want+" ~all" {
			t.Errorf("smarthost %q: got %q, want %s", smarthost, got, want)
		}
	}
}

// TestDNSIsDown has a resolver that fails, and one that never answers: that takes ten seconds in all.
func TestDNSIsDown(t *testing.T) {
	keys := mail.NewDKIM(&memoryKeys{})
	const want = "spf unknown, dkim unknown, dkim unknown, dmarc unknown, mx unknown, (mta_sts unknown), (ptr unknown)"
	for name, resolver := range map[string]*fakeDNS{
		"fails": {err: &net.DNSError{Err: "server misbehaving", IsTemporary: true}}, "odd": {err: errors.New("odd")}, "silent": {silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			dt := newDNSTest(t, keys)
			dt.resolver = resolver
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if got := states(dt.records(t)); got != want {
					t.Errorf("got %s\nwant %s", got, want)
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %v, want 10 s at most", took)
				}
			})
		})
	}
}

// TestHostileZone has records that are made to do harm where they are shown.
func TestHostileZone(t *testing.T) {
	evil := "v=spf1 \x1b[2J\u202eevil\r\n" + strings.Repeat("x", 70_000)
	dt := newDNSTest(t, mail.NewDKIM(&memoryKeys{}))
	many := make([]string, 500)
	for i := range many {
		many[i] = strings.Replace(evil, "spf1", "DMARC1; p=none", 1)
	}
	dt.resolver.txt = map[string][]string{office: {evil}, "_dmarc." + office: many, rsaName: {evil}, edName: many}
	dt.resolver.mx[office] = []*net.MX{{Host: evil}}
	dt.resolver.ptr["192.0.2.10"] = many
	for _, r := range dt.records(t) {
		if len(r.Found) > 10 {
			t.Errorf("%s: %d records are shown", r.Kind, len(r.Found))
		}
		for _, text := range append(slices.Clone(r.Found), r.Value, r.Text) {
			if len(text) > 1500 || strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsRune(text, '\u202e') {
				t.Errorf("%s: %.80q, of %d bytes, is shown", r.Kind, text, len(text))
			}
		}
	}
}

func FuzzRecords(f *testing.F) {
	f.Add("v=spf1 include:a.example -all")
	f.Add("v=DMARC1; p=none")
	f.Add("v=DKIM1; k=rsa; p=")
	f.Add("v=spf1 ip4:/ =: +")
	keys := mail.NewDKIM(&memoryKeys{})
	f.Fuzz(func(t *testing.T, record string) {
		dt := newDNSTest(t, keys)
		for name := range dt.resolver.txt {
			dt.resolver.txt[name] = []string{record}
		}
		for _, r := range dt.records(t) {
			if r.Text == "" || r.State == "" || strings.ContainsFunc(r.Text+r.Value+fmt.Sprint(r.Found), unicode.IsControl) {
				t.Errorf("%q: %+v", record, r)
			}
		}
	})
}

// TestRecordsOfDirect judges the name and the address of this machine itself.
func TestRecordsOfDirect(t *testing.T) {
	keys := mail.NewDKIM(&memoryKeys{})
	const host = "accounts.example.com"
	tests := []struct {
		name  string
		spoil func(*dnsTest)
		want  app.RecordState
		says  string
	}{
		{"in order", func(*dnsTest) {}, app.RecordOK, "see that mail leaves from"},
		{"no PTR", func(dt *dnsTest) { dt.resolver.ptr = nil }, app.RecordMissing, "192.0.2.20 has no PTR record"},
		{"another name", func(dt *dnsTest) { dt.resolver.ptr["192.0.2.20"] = []string{"dsl-20.provider.example."} }, app.RecordDiffers, "another name"},
		{"one address of two", func(dt *dnsTest) { dt.resolver.ip[host] = append(dt.resolver.ip[host], net.IPv4(192, 0, 2, 21)) }, app.RecordMissing, "192.0.2.21"},
		{"no address", func(dt *dnsTest) { dt.resolver.ip = nil }, app.RecordMissing, "no address in the DNS"},
		{"an address for a name", func(dt *dnsTest) { dt.settings.PublicURL = "http://192.0.2.20:8080" }, app.RecordMissing, "no full name"},
		{"a bare name", func(dt *dnsTest) { dt.settings.PublicURL = "http://office" }, app.RecordMissing, "no full name"},
		{"an address of IPv6", func(dt *dnsTest) { dt.settings.PublicURL = "http://[2001:db8::1]" }, app.RecordMissing, "2001:db8::1 is no full name"},
	}
	for _, tt := range tests {
		dt := newDNSTest(t, keys)
		dt.settings.Mail.Transport, dt.settings.Mail.DKIM, dt.settings.PublicURL = "direct", false, "https://"+host
		dt.resolver.ip[host], dt.resolver.ptr["192.0.2.20"] = []net.IP{net.IPv4(192, 0, 2, 20)}, []string{host + "."}
		delete(dt.resolver.txt, rsaName)
		tt.spoil(dt)
		records := dt.records(t)
		ptr := records[len(records)-1]
		if ptr.Kind != "ptr" || ptr.State != tt.want || !ptr.Required || !strings.Contains(ptr.Text, tt.says) {
			t.Errorf("%s: got %+v, want %s and %q", tt.name, ptr, tt.want, tt.says)
		}
		if !strings.Contains(records[0].Text, "the address mail leaves from") || !strings.Contains(records[1].Text, "Nobody else signs") {
			t.Errorf("%s: got %q and %q", tt.name, records[0].Text, records[1].Text)
		}
		delete(dt.resolver.txt, office)
		if spf := dt.records(t)[0]; spf.State != app.RecordMissing || !strings.Contains(spf.Text, "the address mail leaves from") || tt.want == app.RecordOK && spf.Value != "v=spf1 a:"+host+" ~all" {
			t.Errorf("%s, without SPF: got %+v", tt.name, spf)
		}
	}
}
