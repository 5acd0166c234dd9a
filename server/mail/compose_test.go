package mail_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/assets"
	"foyer/server/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

var kinds = []app.MessageKind{
	app.MailConfirm, confirmIdentity, app.MailExists, app.MailDisabled, app.MailReset, app.MailChanged, app.MailLinkCode,
	app.MailLinked, app.MailUnlinked, app.MailTest,
}

// confirmIdentity stands for the confirmation mail of a sign-up with an identity provider.
const confirmIdentity app.MessageKind = "confirm_identity"

func newComposer(tb testing.TB) *mail.Composer {
	tb.Helper()
	texts, err := assets.LoadTexts()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := mail.NewComposer(assets.Files(), texts)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func address(tb testing.TB, s string) app.Address {
	tb.Helper()
	a, err := app.ParseAddress(s)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// notice returns a notice with everything the service gives a mail of that kind.
func notice(tb testing.TB, kind app.MessageKind, lang string) app.Notice {
	tb.Helper()
	const site = "https://accounts.office.example"
	n := app.Notice{
		Kind: kind, Lang: lang, To: address(tb, "jane.doe@acme.example"), Company: "Acme & Söhne", IP: "192.0.2.7",
		SignIn: site + "/login", Reset: site + "/forgot", Stop: site + "/not-me/" + strings.Repeat("Zx3_", 10) + "abc",
		SiteName: "Účtovná kancelária Novák", Contact: "podpora@office.example, +421 2 123 456", From: "accounts@office.example",
		Valid: 48 * time.Hour, Now: time.Date(2026, 11, 22, 16, 8, 30, 0, time.UTC),
	}
	switch kind {
	case confirmIdentity, app.MailLinkCode, app.MailLinked, app.MailUnlinked:
		n.Through = "Office 365 / Entra ID"
	default: // no provider has to do with it
	}
	switch kind {
	case app.MailLinkCode:
		n.Code, n.Valid = "WXYZ-2345", time.Hour
	case app.MailConfirm, confirmIdentity:
		n.Kind = app.MailConfirm
		n.Link, n.Code, n.Valid = site+"/confirm/"+strings.Repeat("aB-9", 10)+"xyz", "ABCD-EFGH", 24*time.Hour
	case app.MailReset:
		n.Link, n.Valid = site+"/reset/"+strings.Repeat("aB-9", 10)+"xyz", time.Hour
	default: // no link of its own
	}
	return n
}

func compose(tb testing.TB, c *mail.Composer, n app.Notice) app.Message {
	tb.Helper()
	m, err := c.Compose(n)
	if err != nil {
		tb.Fatalf("Compose(%s, %s): %v", n.Kind, n.Lang, err)
	}
	return m
}

// opened is a mail as a mail program sees it.
type opened struct {
	header      netmail.Header
	plain, html string
}

func openMail(tb testing.TB, data []byte) opened {
	tb.Helper()
	o, err := parseMail(data)
	if err != nil {
		tb.Fatalf("the mail does not parse: %v\n%s", err, data)
	}
	return o
}

func parseMail(data []byte) (opened, error) {
	m, err := netmail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return opened{}, err
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		return opened{}, fmt.Errorf("content type %q: %w", kind, err)
	}
	o := opened{header: m.Header}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct {
		kind string
		text *string
	}{{"text/plain; charset=utf-8", &o.plain}, {"text/html; charset=utf-8", &o.html}} {
		part, err := parts.NextPart() // decodes quoted-printable
		if err != nil {
			return opened{}, err
		}
		if got := part.Header.Get("Content-Type"); got != want.kind {
			return opened{}, fmt.Errorf("part is %q, want %q", got, want.kind)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return opened{}, err
		}
		*want.text = string(text)
	}
	if _, err := parts.NextPart(); err != io.EOF {
		return opened{}, fmt.Errorf("after the second part: got %w, want EOF", err)
	}
	return o, nil
}

var (
	randomID       = regexp.MustCompile(`(?m)^Message-ID: <[0-9a-f]{32}@`)
	randomBoundary = regexp.MustCompile(`=_[0-9a-f]{32}`)
)

func normalised(data []byte) []byte {
	data = randomID.ReplaceAll(data, []byte("Message-ID: <RANDOM@"))
	return randomBoundary.ReplaceAll(data, []byte("=_BOUNDARY"))
}

func TestComposeGolden(t *testing.T) {
	c := newComposer(t)
	for _, kind := range kinds {
		for _, lang := range assets.Langs {
			t.Run(string(kind)+"."+lang, func(t *testing.T) {
				m := compose(t, c, notice(t, kind, lang))
				golden(t, string(kind)+"."+lang+".eml", normalised(m.Data))
				golden(t, string(kind)+"."+lang+".txt", []byte(openMail(t, m.Data).plain))
			})
		}
	}
	n := notice(t, app.MailConfirm, "en")
	n.Link = strings.Replace(n.Link, "https://", "http://", 1)
	n.Contact, n.IP = "", ""
	golden(t, "confirm_http.en.txt", []byte(openMail(t, compose(t, c, n).Data).plain))
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", path, got)
	}
}

func TestComposeMessage(t *testing.T) {
	c := newComposer(t)
	for _, kind := range kinds {
		n := notice(t, kind, "sk")
		m := compose(t, c, n)
		if m.Kind != n.Kind || m.Sender != n.From || m.Recipient != n.To {
			t.Errorf("%s: got kind %q, sender %q, recipient %q", kind, m.Kind, m.Sender, m.Recipient)
		}
		o := openMail(t, m.Data)
		subject, err := new(mime.WordDecoder).DecodeHeader(o.header.Get("Subject"))
		if err != nil || subject != m.Subject || !strings.HasSuffix(subject, " – Účtovná kancelária Novák") {
			t.Errorf("%s: subject got %q (%v), want %q", kind, subject, err, m.Subject)
		}
		if got := o.header.Get("Message-ID"); got != m.MessageID || !strings.HasSuffix(got, "@office.example>") || len(got) < 34 {
			t.Errorf("%s: Message-ID got %q, want %q", kind, got, m.MessageID)
		}
		from, err := o.header.AddressList("From")
		if err != nil || len(from) != 1 || *from[0] != (netmail.Address{Name: n.SiteName, Address: n.From}) {
			t.Errorf("%s: From got %v, %v", kind, from, err)
		}
		date, err := o.header.Date()
		if err != nil || !date.Equal(n.Now) {
			t.Errorf("%s: Date got %v, %v, want %v", kind, date, err, n.Now)
		}
		for name, want := range map[string]string{
			"To": "jane.doe@acme.example", "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All",
			"Mime-Version": "1.0", "Content-Language": "sk",
		} {
			if got := o.header[name]; !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %s got %q, want one %q", kind, name, got, want)
			}
		}
	}
}

func TestComposeSays(t *testing.T) {
	c := newComposer(t)
	tests := []struct {
		kind  app.MessageKind
		says  func(app.Notice) []string
		never func(app.Notice) []string
	}{
		{
			app.MailConfirm,
			func(n app.Notice) []string {
				return []string{n.Link, n.Code, n.Company, "24", n.IP, n.Stop, n.Contact, n.To.String()}
			},
			func(n app.Notice) []string { return []string{n.Reset, n.SignIn} },
		},
		{
			confirmIdentity,
			func(n app.Notice) []string {
				return []string{n.Link, n.Code, n.Company, n.Through, "24", n.IP, n.Stop, n.Contact, n.To.String()}
			},
			func(n app.Notice) []string { return []string{n.Reset, n.SignIn} },
		},
		{
			app.MailLinkCode,
			func(n app.Notice) []string {
				return []string{n.Code, n.Through, "60", n.IP, n.Stop, n.Contact, n.To.String()}
			},
			func(n app.Notice) []string { return []string{n.Reset, n.SignIn, n.Company} },
		},
		{
			app.MailLinked,
			func(n app.Notice) []string { return []string{n.Through, n.Reset, n.IP, "2026-11-22 16:08 UTC"} },
			func(n app.Notice) []string { return []string{n.Stop, n.SignIn, n.Company} },
		},
		{
			app.MailUnlinked,
			func(n app.Notice) []string { return []string{n.Through, n.Reset, n.IP, "2026-11-22 16:08 UTC"} },
			func(n app.Notice) []string { return []string{n.Stop, n.SignIn, n.Company} },
		},
		{
			app.MailExists,
			func(n app.Notice) []string { return []string{n.SignIn, n.Reset, n.IP, n.Stop, n.Contact} },
			func(n app.Notice) []string { return []string{n.Company} },
		},
		{
			app.MailDisabled,
			func(n app.Notice) []string { return []string{n.IP, n.Stop, n.Contact} },
			func(n app.Notice) []string { return []string{n.Reset, n.SignIn, n.Company} },
		},
		{
			app.MailReset,
			func(n app.Notice) []string { return []string{n.Link, "60", n.IP, n.Stop, n.Contact} },
			func(n app.Notice) []string { return []string{n.SignIn, n.Company} },
		},
		{
			app.MailChanged,
			func(n app.Notice) []string { return []string{n.Reset, n.IP, n.Contact, "2026-11-22 16:08 UTC"} },
			func(n app.Notice) []string { return []string{n.Stop, n.SignIn, n.Company} },
		},
		{
			app.MailTest,
			func(n app.Notice) []string { return []string{n.Contact, n.To.String()} },
			func(n app.Notice) []string { return []string{n.Stop, n.SignIn, n.Reset, n.Company} },
		},
	}
	for _, tt := range tests {
		for _, lang := range assets.Langs {
			n := notice(t, tt.kind, lang)
			o := openMail(t, compose(t, c, n).Data)
			html := strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(o.html)
			for _, want := range tt.says(n) {
				if !strings.Contains(o.plain, want) || !strings.Contains(html, want) {
					t.Errorf("%s.%s does not say %q in both parts", tt.kind, lang, want)
				}
			}
			for _, not := range tt.never(n) {
				if strings.Contains(o.plain, not) || strings.Contains(html, not) {
					t.Errorf("%s.%s says %q", tt.kind, lang, not)
				}
			}
		}
	}
}

func TestLinksStandAloneAndWhole(t *testing.T) {
	c := newComposer(t)
	n := notice(t, app.MailConfirm, "sk")
	n.Link = "https://accounts.office.example:8443/confirm/" + strings.Repeat("x-_9", 60)
	lines := strings.Split(openMail(t, compose(t, c, n).Data).plain, "\r\n")
	for _, link := range []string{n.Link, n.Stop} {
		if !slices.Contains(lines, link) {
			t.Errorf("%q is not a line of its own in:\n%s", link, strings.Join(lines, "\n"))
		}
	}
	for _, line := range lines {
		if len([]rune(line)) > 72 && !strings.HasPrefix(line, "http") {
			t.Errorf("line of %d columns: %q", len([]rune(line)), line)
		}
	}
}

func TestNetworkSentenceOnlyWithoutHTTPS(t *testing.T) {
	c := newComposer(t)
	for _, scheme := range []string{"http", "https"} {
		n := notice(t, app.MailConfirm, "en")
		n.Link = scheme + "://10.0.0.5:8080/confirm/abc"
		o := openMail(t, compose(t, c, n).Data)
		want := scheme == "http"
		for part, text := range map[string]string{"plain": o.plain, "html": o.html} {
			if got := strings.Contains(text, "connected to the network of"); got != want {
				t.Errorf("%s, %s: network sentence is there: got %v, want %v", scheme, part, got, want)
			}
		}
	}
}

func TestHTMLLoadsNothing(t *testing.T) {
	c := newComposer(t)
	allowed := regexp.MustCompile(`<a [^>]*href="[^"]*"`)
	for _, kind := range kinds {
		html := openMail(t, compose(t, c, notice(t, kind, "en")).Data).html
		rest := strings.ToLower(allowed.ReplaceAllString(html, ""))
		for _, not := range []string{"<img", "<link", "<script", "src=", "url(", "@import", "href=", "background=\"", "zgotmplz"} {
			if strings.Contains(rest, not) {
				t.Errorf("%s: the HTML part holds %q", kind, not)
			}
		}
	}
}

func TestComposeLinesFit(t *testing.T) {
	c := newComposer(t)
	for _, kind := range kinds {
		for _, lang := range assets.Langs {
			n := notice(t, kind, lang)
			n.SiteName = strings.Repeat("Žltý kôň ", 6) + "ďalej"
			for line := range strings.SplitSeq(string(compose(t, c, n).Data), "\r\n") {
				if len(line) > 76 {
					t.Errorf("%s.%s: line of %d bytes: %q", kind, lang, len(line), line)
				}
			}
		}
	}
}

func TestValidity(t *testing.T) {
	c := newComposer(t)
	tests := []struct {
		kind  app.MessageKind
		lang  string
		valid time.Duration
		want  string // "" for nothing said
	}{
		{app.MailConfirm, "en", time.Hour, "1 hour"},
		{app.MailConfirm, "en", 24 * time.Hour, "24 hours"},
		{app.MailConfirm, "sk", time.Hour, "1 hodina"},
		{app.MailConfirm, "sk", 3 * time.Hour, "3 hodiny"},
		{app.MailConfirm, "sk", 24 * time.Hour, "24 hodín"},
		{app.MailReset, "en", time.Minute, "1 minute"},
		{app.MailReset, "en", time.Hour, "60 minutes"},
		{app.MailReset, "sk", time.Minute, "1 minúta"},
		{app.MailReset, "sk", 4 * time.Minute, "4 minúty"},
		{app.MailReset, "sk", 90 * time.Minute, "90 minút"},
		{app.MailReset, "en", 3 * time.Hour, "3 hours"},
		{app.MailReset, "en", 10 * 365 * 24 * time.Hour, ""},
	}
	label := map[string]string{"en": "Valid for:", "sk": "Platnosť:"}
	for _, tt := range tests {
		n := notice(t, tt.kind, tt.lang)
		n.Valid = tt.valid
		_, got, _ := strings.Cut(openMail(t, compose(t, c, n).Data).plain, label[tt.lang])
		got, _, _ = strings.Cut(got, "\r\n")
		if got = strings.TrimSpace(got); got != tt.want {
			t.Errorf("%s.%s valid %v: got %q, want %q", tt.kind, tt.lang, tt.valid, got, tt.want)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	c := newComposer(t)
	tests := map[string]func(*app.Notice){
		"line end in the site name":  func(n *app.Notice) { n.SiteName = "Office\r\nBcc: victim@example.com" },
		"bare CR in the site name":   func(n *app.Notice) { n.SiteName = "Office\rBcc: victim@example.com" },
		"NEL in the site name":       func(n *app.Notice) { n.SiteName = "Office\u0085Bcc" },
		"line separator in company":  func(n *app.Notice) { n.Company = "Acme\u2028Bcc" },
		"NUL in the contact":         func(n *app.Notice) { n.Contact = "a\x00b" },
		"line end in the sender":     func(n *app.Notice) { n.From = "a@office.example\r\nBcc: x@example.com" },
		"two addresses as sender":    func(n *app.Notice) { n.From = "a@office.example,b@example.com" },
		"sender without a domain":    func(n *app.Notice) { n.From = "office" },
		"sender that is not ASCII":   func(n *app.Notice) { n.From = "kancelária@office.example" },
		"line end in the link":       func(n *app.Notice) { n.Link = "https://x.example/\r\n\r\n" },
		"line end in the address":    func(n *app.Notice) { n.IP = "10.0.0.1\nBcc" },
		"no recipient":               func(n *app.Notice) { n.To = app.Address{} },
		"unknown kind":               func(n *app.Notice) { n.Kind = "newsletter" },
		"site name that is not UTF8": func(n *app.Notice) { n.SiteName = "a\xffb" },
	}
	for name, spoil := range tests {
		n := notice(t, app.MailConfirm, "en")
		spoil(&n)
		m, err := c.Compose(n)
		if got := app.CodeOf(err); got != app.Internal || m.Data != nil {
			t.Errorf("%s: got code %q and %d bytes, want %q and none", name, got, len(m.Data), app.Internal)
		}
	}
}

// What a visitor types must not reach anybody's mailbox: two sign-ups that differ in nothing but the time and the
// secrets give the same mail.
func TestSameMailForEverybody(t *testing.T) {
	c := newComposer(t)
	n := notice(t, app.MailConfirm, "sk")
	got, want := normalised(compose(t, c, n).Data), normalised(compose(t, c, n).Data)
	if !bytes.Equal(got, want) {
		t.Errorf("the same notice gives two different mails:\n%s\n%s", got, want)
	}
	if a, b := compose(t, c, n).MessageID, compose(t, c, n).MessageID; a == b {
		t.Errorf("two mails have the Message-ID %s", a)
	}
}

func TestHTMLEscapes(t *testing.T) {
	c := newComposer(t)
	n := notice(t, app.MailConfirm, "en")
	n.Company, n.SiteName, n.Contact = `<a href="https://evil.example">Acme</a>`, "<b>Office</b>", "<img src=x>"
	html := openMail(t, compose(t, c, n).Data).html
	for _, not := range []string{`<a href="https://evil.example">`, "<b>Office", "<img"} {
		if strings.Contains(html, not) {
			t.Errorf("the HTML part holds %q", not)
		}
	}
}

func TestNewComposerWithoutTemplates(t *testing.T) {
	texts, err := assets.LoadTexts()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mail.NewComposer(os.DirFS(t.TempDir()), texts); err == nil {
		t.Error("got a composer without templates")
	}
}

// TestTexts compares the languages, and the texts with the code that uses them.
func TestTexts(t *testing.T) {
	texts := map[string]map[string]map[string]string{}
	for _, lang := range assets.Langs {
		texts[lang] = readTexts(t, lang)
	}
	en := texts["en"]
	for _, lang := range assets.Langs {
		if got, want := slices.Sorted(maps.Keys(texts[lang])), slices.Sorted(maps.Keys(en)); !slices.Equal(got, want) {
			t.Errorf("%s has other texts than en:\n%q\n%q", lang, got, want)
		}
		for id, forms := range texts[lang] {
			for form, text := range forms {
				if got, want := places(text), places(en[id]["other"]); !slices.Equal(got, want) {
					t.Errorf("%s, %s, %s: places %q, want %q", lang, id, form, got, want)
				}
				if text == "" || text != strings.TrimSpace(text) {
					t.Errorf("%s, %s, %s: empty, or blanks around %q", lang, id, form, text)
				}
			}
		}
	}
	for id, forms := range en {
		want := map[bool]map[string][]string{
			true:  {"en": {"one", "other"}, "sk": {"few", "many", "one", "other"}},
			false: {"en": {"other"}, "sk": {"other"}},
		}[len(forms) > 1]
		for _, lang := range assets.Langs {
			if got := slices.Sorted(maps.Keys(texts[lang][id])); !slices.Equal(got, want[lang]) {
				t.Errorf("%s, %s: plural forms %q, want %q", lang, id, got, want[lang])
			}
		}
	}
	used := usedTexts(t)
	for id := range en {
		if !used(id) {
			t.Errorf("no mail uses the text %s", id)
		}
	}
}

// usedTexts returns whether the mails of every kind, with and without HTTPS, show a text: it is in the plain part,
// the HTML part or the subject of one of them.
func usedTexts(t *testing.T) func(id string) bool {
	t.Helper()
	texts, err := assets.LoadTexts()
	if err != nil {
		t.Fatal(err)
	}
	c := newComposer(t)
	var all strings.Builder
	for _, kind := range kinds {
		for _, scheme := range []string{"https:", "http:"} {
			n := notice(t, kind, "en")
			n.Company, n.Contact = "COMPANY", "CONTACT"
			n.Link = strings.Replace(n.Link, "https:", scheme, 1)
			m := compose(t, c, n)
			o := openMail(t, m.Data)
			if strings.Contains(o.plain+o.html+m.Subject, "mail.") {
				t.Errorf("%s shows the id of a text that is missing:\n%s", kind, o.plain)
			}
			all.WriteString(strings.Join(strings.Fields(m.Subject+" "+o.plain+" "+o.html), " "))
		}
	}
	return func(id string) bool {
		args := map[string]any{"Site": "Účtovná kancelária Novák", "Contact": "CONTACT", "Through": "Office 365 / Entra ID", "Count": 24}
		if id == "mail.minutes" {
			args["Count"] = 60
		}
		return strings.Contains(all.String(), texts.Get("en", id, args))
	}
}

var place = regexp.MustCompile(`{{\.(\w+)}}`)

func places(text string) []string {
	var names []string
	for _, m := range place.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readTexts returns the plural forms of every text of a language; one without forms has the form "other".
func readTexts(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	data, err := fs.ReadFile(assets.Files(), "locales/mail."+lang+".json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	texts := map[string]map[string]string{}
	for id, value := range raw {
		texts[id] = map[string]string{}
		switch value := value.(type) {
		case string:
			texts[id]["other"] = value
		case map[string]any:
			for form, text := range value {
				texts[id][form] = fmt.Sprint(text)
			}
		default:
			t.Errorf("%s, %s: neither a text nor plural forms", lang, id)
		}
	}
	return texts
}

// checkMail reports what no mail may have, whatever it was made of.
func checkMail(tb testing.TB, n app.Notice, m app.Message) {
	tb.Helper()
	rest := bytes.ReplaceAll(m.Data, []byte("\r\n"), nil)
	if i := bytes.IndexAny(rest, "\r\n\x00"); i >= 0 {
		tb.Fatalf("the mail holds a bare %q", rest[i])
	}
	_, body, _ := bytes.Cut(m.Data, []byte("\r\n\r\n"))
	for line := range bytes.SplitSeq(body, []byte("\r\n")) {
		if len(line) > 76 || bytes.HasSuffix(line, []byte(" ")) {
			tb.Fatalf("line of %d bytes, or with a blank at its end: %q", len(line), line)
		}
	}
	for line := range bytes.SplitSeq(m.Data, []byte("\r\n")) {
		if len(line) > 998 {
			tb.Fatalf("line of %d bytes", len(line))
		}
	}
	o := openMail(tb, m.Data)
	want := []string{
		"Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject",
		"To", "X-Auto-Response-Suppress",
	}
	if got := slices.Sorted(maps.Keys(o.header)); !slices.Equal(got, want) {
		tb.Fatalf("headers %q, want %q", got, want)
	}
	for name, values := range o.header {
		if len(values) != 1 {
			tb.Fatalf("%d headers %s", len(values), name)
		}
	}
	if got := o.header.Get("To"); got != n.To.String() {
		tb.Fatalf("To %q, want %q", got, n.To)
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("Office", "Acme", "ask us", "https://x.example/confirm/abc", "ABCD-EFGH", "10.0.0.1", "a@b.example")
	f.Add("Office\r\nBcc: x@y.example", "Acme\n.\n", "\x00", "javascript:alert(1)", "{{.}}", "::1", "a@b\r\n.example")
	f.Add("Office ", "Acme ", "us ", "https://x.example/ ", "ABCD ", "10.0.0.1 ", "a@b.example")
	f.Add("=?utf-8?q?x?=", strings.Repeat("ž", 600), "\u2028", "http://x/"+strings.Repeat("y", 900), "--=_", "", "x'&+y@b.example")
	f.Add(strings.Repeat(" ", 300), " x  y ", ".", "", "", "", "a@b.example")
	c := newComposer(f)
	f.Fuzz(func(t *testing.T, site, company, contact, link, code, ip, to string) {
		addr, err := app.ParseAddress(to)
		if err != nil {
			return
		}
		for _, kind := range kinds {
			n := notice(t, kind, "sk")
			n.SiteName, n.Company, n.Contact, n.Link, n.Code, n.IP, n.To = site, company, contact, link, code, ip, addr
			m, err := c.Compose(n)
			if err != nil {
				if app.CodeOf(err) != app.Internal {
					t.Fatalf("code %q, want %q", app.CodeOf(err), app.Internal)
				}
				continue
			}
			checkMail(t, n, m)
		}
	})
}

func BenchmarkCompose(b *testing.B) {
	c := newComposer(b)
	n := notice(b, app.MailConfirm, "sk")
	var size int
	for b.Loop() {
		size = len(compose(b, c, n).Data)
	}
	b.ReportMetric(float64(size), "B/mail")
}
