package gui

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"rsc.io/qr"

	"foyer/app"
	"foyer/app/localapi"
)

// fakeHome is a service with what the first page asks for.
type fakeHome struct {
	Client
	stats    localapi.Stats
	status   localapi.MailStatus
	notices  []localapi.Notice
	settings localapi.Settings
	events   []localapi.Event
	serving  localapi.Address
	errs     map[string]error
	mu       sync.Mutex
	asked    []string
	days     int
	limit    int
}

func (f *fakeHome) note(call string) error {
	f.mu.Lock() // the window asks for several things at once
	defer f.mu.Unlock()
	f.asked = append(f.asked, call)
	return f.errs[call]
}

func (f *fakeHome) Stats(_ context.Context, days int, _ time.Duration) (localapi.Stats, error) {
	f.days = days
	return f.stats, f.note("stats")
}

func (f *fakeHome) MailStatus(context.Context) (localapi.MailStatus, error) {
	return f.status, f.note("mail")
}

func (f *fakeHome) Attention(context.Context) ([]localapi.Notice, error) {
	return f.notices, f.note("attention")
}

func (f *fakeHome) Settings(context.Context) (localapi.Settings, error) {
	return f.settings, f.note("settings")
}

func (f *fakeHome) Address(context.Context) (localapi.Address, error) {
	return f.serving, f.note("address")
}

func (f *fakeHome) EventPage(_ context.Context, _ localapi.EventFilter, _ string, limit int) (localapi.Page[localapi.Event], error) {
	f.limit = limit
	return localapi.Page[localapi.Event]{Items: f.events}, f.note("events")
}

// newOffice returns a service in its daily work.
func newOffice() *fakeHome {
	f := &fakeHome{
		errs: map[string]error{},
		settings: localapi.Settings{
			"public_url": {Text: "https://accounts.office.example"}, "login_link": {Text: "on"}, "site_name": {Text: "Novák & Partners"},
		},
		status: localapi.MailStatus{Messages: map[string]int{"queued": 1, "deferred": 3, "failed": 2, "delivered": 1800}},
		notices: []localapi.Notice{
			{Code: "connector_secret_expired", Level: "error", Subject: "office365"},
			{Code: "mail_failed", Level: "error", Count: 2},
			{Code: "accounts_off_list", Level: "warning", Count: 1},
		},
	}
	f.serving = sampleAddress().now
	f.stats = localapi.Stats{Days: statDaysOf(30), Accounts: 1234, Registrations: 3, Companies: 41}
	at := time.Date(2026, 11, 26, 9, 41, 0, 0, time.UTC)
	for i, e := range []localapi.Event{
		{Action: "account.confirm", Outcome: "ok", Subject: "jana@acme.example", Company: "Acme"},
		{Action: "registration.signup", Outcome: "ok", Subject: "jana@acme.example", Company: "Acme"},
		{Action: "account.signin", Outcome: "password_wrong", Subject: "peter@beta.example"},
		{Action: "registration.signup", Outcome: "not_listed", IP: "203.0.113.9"},
		{Action: "company.allow", Outcome: "ok", Subject: "gamma.example", Company: "Gamma"},
		{Action: "settings.set", Outcome: "ok", Subject: "login_link"},
		{Action: "company.tenants", Outcome: "ok", Subject: "Acme"},
		{Action: "account.forgot", Outcome: "too_many", IP: "203.0.113.9"},
	} {
		e.ID, e.At = fmt.Sprint(100-i), at.Add(-time.Duration(i)*37*time.Minute)
		f.events = append(f.events, e)
	}
	return f
}

// statDaysOf returns n days of which the last is 26 November 2026.
func statDaysOf(n int) []localapi.Day {
	made := []int{2, 0, 3, 5, 1, 0, 0, 4, 7, 3, 2, 6, 1, 0, 3, 8, 5, 2, 4, 0, 1, 3, 6, 9, 4, 2, 0, 5, 7, 3}
	days := make([]localapi.Day, n)
	for i := range days {
		day := time.Date(2026, 11, 26-n+1+i, 0, 0, 0, 0, time.UTC)
		a := made[i%len(made)]
		days[i] = localapi.Day{Day: day.Format(time.DateOnly), Accounts: a, Requests: a + i%3, Delivered: 40 + 3*a, Deferred: i % 4 * 3, Failed: i % 5 / 3 * 4}
	}
	return days
}

// homePicture writes the page as it is beside the navigation.
func homePicture(d *testDesk, name string) {
	d.tb.Helper()
	content := d.window.Content()
	side := newPanel(colorSide, "", 0, 0, newFixed(194, container.NewStack()))
	d.window.SetContent(newBorder(nil, nil, side, nil, container.NewPadded(newBorder(newFixedHeight(44, container.NewStack()), nil, nil, nil, content))))
	d.picture(name)
	d.window.SetContent(content)
}

func openHome(t *testing.T, f *fakeHome) (*testDesk, *homeView) {
	t.Helper()
	d := newTestDesk(t, f)
	v, ok := newHome(d.desk).(*homeView)
	if !ok {
		t.Fatal("the first page is another")
	}
	v.now = addressClock
	d.show(v, "")
	return d, v
}

func TestHomeShowsTheOffice(t *testing.T) {
	f := newOffice()
	d, v := openHome(t, f)
	d.sees(
		"1\u202f234", "30 new in 7 days", // accounts
		"Not confirmed yet", "41",
		"2 failed",
		"https://accounts.office.example/register",
		"The client secret of the connector office365 has expired", "2 mails could not be delivered.", "1 account is no longer on its company's list.",
		"jana@acme.example has created an account at Acme", "Sign-in refused: peter@beta.example", "Sign-up refused: 203.0.113.9",
		"List of Gamma extended: gamma.example", "Tenants changed · Acme", "New password asked for · Refused: too_many · 203.0.113.9", "2026-11-26 09:41",
	)
	d.seesNot("All is well", "link “Create a customer account” is off", "no address to give away")
	if f.days != 30 || f.limit != 8 {
		t.Errorf("asked for %d days and %d events, want 30 and 8", f.days, f.limit)
	}
	if got := v.mail.value.Text; got != "4" {
		t.Errorf("mails that wait: %s, want 4", got)
	}
	homePicture(d, "home-office")
	d.window.SetContent(container.NewVBox(v.events.content, v.address.content, v.signUps.content))
	d.picture("home-parts")
}

func TestHomeTilesLead(t *testing.T) {
	d, v := openHome(t, newOffice())
	for _, tile := range []*tile{v.accounts, v.registrations, v.mail, v.companies, v.certificate} {
		test.Tap(tile)
		d.window.Canvas().Focus(tile)
		tile.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	}
	want := []string{"users ", "users ", "users registrations", "users registrations", "mail ", "mail ", "companies ", "companies ", "settings address", "settings address"}
	if !slices.Equal(d.opened, want) {
		t.Errorf("opened %q, want %q", d.opened, want)
	}
}

func TestHomeCertificate(t *testing.T) {
	until := func(days int) localapi.Address {
		a := sampleAddress().now
		a.Certificate.NotAfter = addressClock().Add(time.Duration(days)*24*time.Hour + time.Hour)
		a.Certificate.NotBefore = a.Certificate.NotAfter.AddDate(0, 0, -90)
		return a
	}
	wrong := until(60)
	wrong.Problem = "certificate_other_name"
	for _, c := range []struct {
		name        string
		address     localapi.Address
		value, note string
		importance  widget.Importance
	}{
		{"valid", until(60), "60", "Until 2027-01-25", widget.LowImportance},
		{"expiring", until(5), "5", "Until 2026-12-01", widget.WarningImportance},
		{"expired", until(-3), "0", "Expired", widget.DangerImportance},
		{"wrong", wrong, "60", "Has a problem", widget.DangerImportance},
		{"none", localapi.Address{Mode: app.TLSOff, PublicURL: "http://office.example"}, "–", "Not encrypted", widget.WarningImportance},
		{"ahead", localapi.Address{Mode: app.TLSOff, PublicURL: "https://office.example"}, "–", "A proxy in front has it", widget.LowImportance},
		{"missing", localapi.Address{Mode: app.TLSACME}, "–", "There is none yet", widget.DangerImportance},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, v := openHome(t, newOffice())
			v.showCertificate(c.address)
			if got := v.certificate; got.value.Text != c.value || got.note.Text != c.note || got.note.Importance != c.importance {
				t.Errorf("the tile says %s, %q in the colour %v, want %s, %q and %v", got.value.Text, got.note.Text, got.note.Importance, c.value, c.note, c.importance)
			}
		})
	}
}

// TestHomeNotices shows each notice the service knows: its own words, and where its button leads.
func TestHomeNotices(t *testing.T) {
	for _, c := range []struct {
		notice               localapi.Notice
		says, button, opened string
	}{
		{localapi.Notice{Code: "connector_secret_expiring", Subject: "google"}, "The client secret of the connector google expires soon.", "Replace secret", "connectors google"},
		{localapi.Notice{Code: "connector_secret_expired", Subject: "google"}, "has expired", "Replace secret", "connectors google"},
		{localapi.Notice{Code: "connector_blocked", Subject: "google"}, "cannot work", "Open connector", "connectors google"},
		{localapi.Notice{Code: "mail_failed", Count: 1}, "1 mail could not be delivered.", "Show mails", "mail state:failed"},
		{localapi.Notice{Code: "mail_deferred_long", Count: 5}, "5 mails have been waiting", "Show mails", "mail state:deferred"},
		{localapi.Notice{Code: "mail_destination_resting", Subject: "acme.example"}, "The mail server acme.example does not answer.", "Show mails", "mail state:deferred"},
		{localapi.Notice{Code: "mail_held"}, "Mail is held", "Show mails", "mail state:held"},
		{localapi.Notice{Code: "mail_captured", Count: 4}, "sent nowhere", "Mail settings", "mail settings"},
		{localapi.Notice{Code: "mail_tls_lost", Subject: "mx.acme.example"}, "mx.acme.example no longer offers encryption", "Mail settings", "mail settings"},
		{localapi.Notice{Code: "suppressed_addresses", Count: 2}, "2 addresses get no more mail", "Show addresses", "mail addresses"},
		{localapi.Notice{Code: "accounts_off_list", Count: 3}, "3 accounts are no longer", "Show accounts", "users off_list"},
		{localapi.Notice{Code: "entries_unused", Count: 12}, "12 entries of the lists have no account yet", "Open companies", "companies "},
		{localapi.Notice{Code: "entries_warned", Count: 1, Args: map[string]string{"Company": "Acme"}}, "1 entry of the lists would not be accepted", "Open companies", "companies Acme"},
		{localapi.Notice{Code: "login_link_off"}, "nobody can sign up by the form", "Switch it on…", "users "},
		{localapi.Notice{Code: "no_companies"}, "There is no company yet.", "Add a company", "companies new"},
		{localapi.Notice{Code: "public_url_unset"}, "at which address browsers reach the pages", "Set the address", "settings public_url"},
		{localapi.Notice{Code: "disk_low"}, "nearly full", "Show what is wrong", "upkeep health"},
		{localapi.Notice{Code: "clock_wrong", Subject: "pool.ntp.org", Args: map[string]string{"Seconds": "86400.0"}}, "differs from pool.ntp.org by 86400.0 s", "", ""},
		{localapi.Notice{Code: "clock_set_back", Args: map[string]string{"By": "730 days"}}, "set back by 730 days", "", ""},
		{localapi.Notice{Code: "disk_failing"}, "cannot be written to", "Show what is wrong", "upkeep health"},
		{localapi.Notice{Code: "checkup_error", Count: 2}, "2 things that do not work", "Show what is wrong", "upkeep health"},
		{
			localapi.Notice{Code: "mdns_conflict", Args: map[string]string{"Name": "foyer.local", "Announced": "foyer-2.local"}},
			"is called foyer-2.local there", "Change the setting", "settings mdns.name",
		},
		{
			localapi.Notice{Code: "metrics_not_served", Args: map[string]string{"Address": "127.0.0.1:9108"}},
			"cannot be served at 127.0.0.1:9108", "Change the setting", "settings metrics.listen",
		},
		{localapi.Notice{Code: "certificate_expiring", Args: map[string]string{"Day": "2026-12-01", "Days": "5"}}, "valid until 2026-12-01 only", "Look at it", "settings address"},
		{localapi.Notice{Code: "certificate_expired", Args: map[string]string{"Day": "2026-11-01"}}, "ended on 2026-11-01", "Look at it", "settings address"},
		{localapi.Notice{Code: "certificate_problem", Args: map[string]string{"Problem": "acme_failed"}}, "authority gives no certificate", "Look at it", "settings address"},
		{localapi.Notice{Code: "certificate_problem", Args: map[string]string{"Problem": "new"}, Text: "the moon is full"}, "The moon is full.", "Look at it", "settings address"},
		{localapi.Notice{Code: "something_new", Text: "the moon is full"}, "The moon is full.", "", ""},
		{localapi.Notice{Code: "mail_failed", Text: "some mails failed"}, "Some mails failed.", "Show mails", "mail state:failed"},
	} {
		t.Run(c.notice.Code, func(t *testing.T) {
			f := newOffice()
			f.notices = []localapi.Notice{c.notice}
			d, v := openHome(t, f)
			d.sees(c.says)
			if text := noticeText(c.notice); strings.Contains(text, "<no value>") || strings.Contains(text, "home.") {
				t.Errorf("the sentence has a hole: %s", text)
			}
			var buttons []string
			walk(v.attention.content, func(o fyne.CanvasObject) {
				if b, ok := o.(*widget.Button); ok {
					buttons = append(buttons, b.Text)
					test.Tap(b)
				}
			})
			if got := strings.Join(buttons, ","); got != c.button {
				t.Errorf("buttons %q, want %q", got, c.button)
			}
			if got := strings.Join(d.opened, ","); got != c.opened {
				t.Errorf("opened %q, want %q", got, c.opened)
			}
		})
	}
}

func TestHomeAllIsWell(t *testing.T) {
	f := newOffice()
	f.notices = nil
	f.stats = localapi.Stats{Days: make([]localapi.Day, 30)}
	for i := range f.stats.Days {
		f.stats.Days[i].Day = time.Date(2026, 10, 28+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	f.status, f.events = localapi.MailStatus{}, nil
	f.settings = localapi.Settings{"public_url": {Text: "https://accounts.office.example"}, "login_link": {Text: "off"}}
	d, _ := openHome(t, f)
	d.sees("All is well", "None new in 7 days", "Nobody is waiting", "None failed", "Nobody can register", "Nothing has happened yet.",
		"Nobody has signed up in the last 30 days.", "No mail was written in the last 14 days.", "No sign-ups",
		"link “Create a customer account” is off")
	d.seesNot("/register")
	homePicture(d, "home-well")
	d.tap("Switch it on…")
	if got := d.opened; !slices.Equal(got, []string{"users "}) {
		t.Errorf("opened %q, want the users", got)
	}
}

func TestHomeWithoutAddress(t *testing.T) {
	f := newOffice()
	f.settings = localapi.Settings{"login_link": {Text: "on"}}
	d, v := openHome(t, f)
	d.sees("There is no address to give away yet.")
	d.seesNot("/register")

	f.settings = localapi.Settings{"login_link": {Text: "on"}, "public_url": {Text: "https://new.example/accounts/"}}
	v.Changed(topics{localapi.TopicSettings: true}) // while the page rests
	d.drain()
	d.sees("There is no address")
	d.tick()
	d.sees("https://new.example/accounts/register")
	d.seesNot("There is no address")
	test.Tap(d.copyButton(v.address.content))
	if got := d.app.Clipboard().Content(); got != "https://new.example/accounts/register" {
		t.Errorf("copied %q", got)
	}
}

// copyButton returns the button without words, which copies.
func (d *testDesk) copyButton(in fyne.CanvasObject) *widget.Button {
	d.tb.Helper()
	var found *widget.Button
	walk(in, func(o fyne.CanvasObject) {
		if b, ok := o.(*widget.Button); ok && b.Text == "" {
			found = b
		}
	})
	if found == nil {
		d.tb.Fatal("there is no button to copy")
	}
	return found
}

// TestHomeRests changes a hundred things at once: they are read once, and once more for those that came after.
func TestHomeRests(t *testing.T) {
	f := newOffice()
	d, v := openHome(t, f)
	count := func(call string) int {
		n := 0
		for _, asked := range f.asked {
			if asked == call {
				n++
			}
		}
		return n
	}
	for range 100 {
		v.Changed(topics{localapi.TopicAccounts: true, localapi.TopicEvents: true})
		d.drain()
	}
	if got := count("stats"); got != 1 {
		t.Errorf("statistics were read %d times while the page rests, want once", got)
	}
	f.stats.Accounts = 1334
	d.tick()
	if got := count("stats"); got != 2 {
		t.Errorf("statistics were read %d times after the rest, want twice", got)
	}
	if got := count("mail"); got != 1 {
		t.Errorf("the mail was read %d times although nothing of it has changed", got)
	}
	d.sees("1\u202f334")
	d.tick() // nothing came meanwhile
	if got := count("stats"); got != 2 {
		t.Errorf("statistics were read %d times, want no more", got)
	}
	v.Changed(topics{localapi.TopicMessages: true}) // and is read at once after a quiet time
	d.drain()
	if got := count("mail"); got != 2 {
		t.Errorf("the mail was read %d times, want twice", got)
	}
}

func TestHomeDropsLateAnswers(t *testing.T) {
	f := newOffice()
	d, v := openHome(t, f)
	v.readStats()
	late := d.works[0]
	d.works = nil
	f.stats.Accounts = 1
	show := late(t.Context())
	f.stats.Accounts = 2
	v.readStats()
	d.drain()
	show()
	if got := v.accounts.value.Text; got != "2" {
		t.Errorf("shows %s accounts, want those of the last question", got)
	}
}

func TestHomeErrors(t *testing.T) {
	f := newOffice()
	f.errs["stats"] = &app.Error{Code: app.Unavailable, Reason: "busy", Message: "the store is busy; try again"}
	d, v := openHome(t, f)
	d.sees("The store is busy; try again.", "2 mails could not be delivered.") // the rest is there
	delete(f.errs, "stats")
	d.tick()
	v.Changed(topics{localapi.TopicAccounts: true})
	d.drain()
	d.seesNot("The store is busy")

	f.errs["attention"] = &app.Error{Code: app.Unavailable, Reason: "service_unreachable", Message: "nobody answers"}
	v.Open("")
	d.drain()
	if len(d.losses) != 1 {
		t.Errorf("told the window of %d losses, want 1", len(d.losses))
	}
	d.seesNot("nobody answers")
}

// TestHomeKeepsFocus reads the same notices again: the button that has the focus stays the one that has it.
func TestHomeKeepsFocus(t *testing.T) {
	d, v := openHome(t, newOffice())
	button := d.button("Show accounts")
	d.window.Canvas().Focus(button)
	d.tick()
	v.Changed(topics{localapi.TopicAccounts: true})
	d.drain()
	if d.window.Canvas().Focused() != button || d.button("Show accounts") != button {
		t.Error("the button was made anew")
	}
}

// TestHomeTabOrder goes through the page by the tabulator: everything that can be done is reached, in reading order.
func TestHomeTabOrder(t *testing.T) {
	d, _ := openHome(t, newOffice())
	c := d.window.Canvas()
	var got []string
	for range 40 { // texts that can be marked are stops too
		c.FocusNext()
		switch o := c.Focused().(type) {
		case *tile:
			got = append(got, "tile")
		case *plot:
			got = append(got, "chart")
		case *widget.Button:
			got = append(got, o.Text)
		}
		if len(got) == 15 {
			break
		}
	}
	want := "tile,tile,tile,tile,tile,Replace secret,Show mails,Show accounts,Open,Print or save…,,chart,chart,Show all,tile"
	if all := strings.Join(got, ","); all != want {
		t.Errorf("tab order\n got %s\nwant %s", all, want)
	}
}

func TestHomeMarkup(t *testing.T) {
	d, _ := openHome(t, newOffice())
	test.AssertRendersToMarkup(t, "home_office.xml", d.window.Canvas())
}

func TestPoster(t *testing.T) {
	f := newOffice()
	d, _ := openHome(t, f)
	d.tap("Print or save…")
	d.sees("Print or save the address", "A sheet for the door")
	if b, ok := d.window.Canvas().Focused().(*widget.Button); !ok || b.Text != "Close" {
		t.Errorf("the focus is at %v, want the button that does nothing", d.window.Canvas().Focused())
	}
	homePicture(d, "home-poster")
	d.tap("Open to print")
	d.seesNot("A sheet for the door")
	d.tap("Print or save…") // once more: the file is there already
	d.tap("Open to print")
	r, err := d.app.Storage().Open("customer-account.png")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got := img.Bounds().Size(); got.X != 1748 || got.Y != 2480 {
		t.Errorf("the sheet has %v dots, want A5 at 300 to the inch", got)
	}
	if !bytes.Contains(data, []byte("pHYs\x00\x00\x2e\x23\x00\x00\x2e\x23\x01")) { // 11811 to the metre
		t.Error("the file does not say how large it is on paper")
	}
}

// memoryFile is a file to be saved.
type memoryFile struct {
	bytes.Buffer
	err error
}

func (m *memoryFile) Write(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	return m.Buffer.Write(p)
}
func (m *memoryFile) Close() error  { return nil }
func (m *memoryFile) URI() fyne.URI { return storage.NewFileURI("/home/anna/sheet.png") }

func TestPosterSaved(t *testing.T) {
	d, v := openHome(t, newOffice())
	d.tap("Print or save…")
	problem := newBar()
	full := &memoryFile{err: io.ErrShortWrite}
	v.address.save(full, []byte("png"), problem)
	d.drain()
	if got := problem.label.Text; got != "The sheet could not be saved: short write. Choose another folder." {
		t.Errorf("says %q", got)
	}
	file := &memoryFile{}
	v.address.save(file, []byte("png"), problem)
	d.drain()
	if file.String() != "png" || !slices.Equal(d.told, []string{"Saved as sheet.png"}) {
		t.Errorf("wrote %q and told %q", file.String(), d.told)
	}
	d.seesNot("A sheet for the door")
}

// TestPosterFits writes names and addresses that are too long for one line, and for any.
func TestPosterFits(t *testing.T) {
	for _, p := range []poster{
		{office: "A", heading: "Create your account", hint: "Scan this", address: "https://a.example/register"},
		{office: "Účtovná kancelária Ďurčeková, Šťastný a partneri, spol. s r. o.", heading: "Vytvorte si účet", hint: "Namierte sem", address: "https://zakaznici.uctovna-kancelaria-durcekova-a-partneri.example/portal/register"},
		{office: strings.Repeat("W", 200), heading: "", hint: "", address: "https://" + strings.Repeat("w", 400) + ".example"},
	} {
		img, err := p.draw()
		if err != nil {
			t.Fatal(err)
		}
		for y := range posterHeight {
			for _, x := range []int{0, posterMargin / 2, posterWidth - posterMargin/2, posterWidth - 1} {
				if img.At(x, y) != (color.Gray{Y: 0xff}) {
					t.Fatalf("%.20s: the margin is written on at %d,%d", p.office, x, y)
				}
			}
		}
		for x := range posterWidth {
			if img.At(x, posterHeight-40) != (color.Gray{Y: 0xff}) {
				t.Fatalf("%.20s: the foot is written on at %d", p.office, x)
			}
		}
	}
}

// TestQR draws a code at odd sizes and reads its modules back: all equally large, with the quiet zone around.
func TestQR(t *testing.T) {
	const text = "https://accounts.office.example/register"
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []int{132, 165, 198, 264, 1468} {
		img := drawQR(encodeQR(text), side, side+7)
		module := side / (code.Size + 8)
		left, top := (side-module*code.Size)/2, (side+7-module*code.Size)/2
		if left < 4*module || top < 4*module {
			t.Errorf("%d: a quiet zone of %d and %d dots for modules of %d", side, left, top, module)
		}
		for y := range side + 7 {
			for x := range side {
				mx, my := x-left, y-top
				want := color.Gray{Y: 0xff}
				if mx >= 0 && my >= 0 && code.Black(mx/module, my/module) {
					want = color.Gray{}
				}
				if img.At(x, y) != want {
					t.Fatalf("%d: the dot at %d,%d is %v", side, x, y, img.At(x, y))
				}
			}
		}
	}
	if encodeQR(strings.Repeat("x", 5000)) != nil {
		t.Error("there is a code for what is too long")
	}
	q := newQR(50)
	q.show(strings.Repeat("x", 5000))
	raster, ok := test.WidgetRenderer(q).Objects()[0].(*canvas.Raster)
	if !ok || raster.Generator(50, 50).At(25, 25) != (color.Gray{Y: 0xff}) {
		t.Error("no code is not drawn as white")
	}
}

// TestAddressCardLinkSwitchedOn finds a card that stays empty because it has known the address since before the link was on.
func TestAddressCardLinkSwitchedOn(t *testing.T) {
	d := newTestDesk(t, newOffice())
	c := newAddressCard(d.desk, newBar())
	d.window.SetContent(c.content)
	settings := localapi.Settings{"public_url": {Text: "https://accounts.office.example"}, "login_link": {Text: "off"}}
	c.show(settings)
	settings["login_link"] = localapi.Setting{Text: "on"}
	c.show(settings)
	d.sees("https://accounts.office.example/register")
	if c.qr.code == nil {
		t.Error("there is an address and no code of it")
	}
}
