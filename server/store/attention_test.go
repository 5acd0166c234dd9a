package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"foyer/app"
	"foyer/server/store"
)

// postOffice is a queue of which the test says which mail servers it has to do with; it does not answer while it is busy.
type postOffice struct {
	destinations []app.MailDestination
	busy         bool
}

func (p *postOffice) Written(app.Message) {}
func (p *postOffice) Look()               {}
func (p *postOffice) Traffic(ctx context.Context) (app.MailTraffic, error) {
	if p.busy {
		<-ctx.Done()
		return app.MailTraffic{}, app.Errorf(app.Unavailable, "queue_busy", "busy")
	}
	return app.MailTraffic{Destinations: p.destinations}, nil
}

// attentive is a service over a real store, whose pages are served at an address.
type attentive struct {
	*testing.T
	*app.Service
	store *store.Store
	post  *postOffice
}

func newAttentive(t *testing.T, s *store.Store, pages string) attentive {
	t.Helper()
	a := attentive{T: t, store: s, post: &postOffice{}}
	var err error
	a.Service, err = app.NewService(t.Context(), app.ServiceConfig{Store: s, Outbox: a.post, PublicURL: pages, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a attentive) set(changes ...string) {
	a.Helper()
	values := map[string]string{}
	for _, change := range changes {
		key, value, _ := strings.Cut(change, "=")
		values[key] = value
	}
	if _, err := a.SetSettings(a.Context(), "root", values); err != nil {
		a.Fatal(err)
	}
}

// lines returns what wants attention, a line each: "!" for an error, the code, the subject and the count.
func (a attentive) lines() string {
	a.Helper()
	list, err := a.Attention(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	var lines []string
	for _, c := range list {
		line := c.Code
		if c.Error {
			line = "!" + line
		}
		if c.Subject != "" {
			line += " " + c.Subject
		}
		if c.Count > 0 {
			line += fmt.Sprint(" ", c.Count)
		}
		if c.Text == "" {
			a.Errorf("%s says nothing", line)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

func (a attentive) wants(what, want string) {
	a.Helper()
	if got := a.lines(); got != want {
		a.Errorf("%s: got  %s\nwant %s", what, got, want)
	}
}

const elsewhere = "http://server.office.example:8080"

func TestAttentionToSignUp(t *testing.T) {
	a := newAttentive(t, open(t, t.TempDir()), elsewhere)
	ctx := t.Context()
	a.wants("an empty office", "no_companies, public_url_unset public_url")
	a.set("public_url=https://accounts.example.com")
	a.wants("an address", "no_companies")
	if _, err := a.AddCompany(ctx, "root", "Acme", "!acme.example"); err != nil {
		t.Fatal(err)
	}
	a.wants("a company that lists nobody", "")
	if _, err := a.Allow(ctx, "root", "Acme", "beta.example", false); err != nil {
		t.Fatal(err)
	}
	a.wants("a list", "login_link_off")
	if _, err := a.AddConnector(ctx, "root", app.ConnectorGoogle, "google", map[string]string{"client_id": "x", "client_secret": "y", "signup": "on"}); err != nil {
		t.Fatal(err)
	}
	a.wants("sign-up through Google", "")
	if _, err := a.SetConnector(ctx, "root", "google", map[string]string{"client_id": ""}); err != nil {
		t.Fatal(err)
	}
	a.wants("Google cannot work", "!connector_blocked google, login_link_off")
	a.set("login_link=on")
	a.wants("sign-up by form", "!connector_blocked google, mail_captured")
	if _, err := a.SetConnector(ctx, "root", "google", map[string]string{"enabled": "off"}); err != nil {
		t.Fatal(err)
	}
	a.wants("Google is off", "mail_captured")
	a.set("login_link=off")
	if _, err := a.EnableCompany(ctx, "root", "Acme", false); err != nil {
		t.Fatal(err)
	}
	a.wants("nobody may sign up", "")
}

func TestAttentionToPublicURL(t *testing.T) {
	for _, tt := range []struct {
		pages, setting, transport string
		want                      bool
	}{
		{"http://127.0.0.1:8080", "", "capture", false}, // a trial on one machine, such as the demo
		{"http://[::1]:8080", "", "capture", false},
		{"http://127.0.0.1:8080", "", "smarthost", true},
		{"http://127.0.0.1:8080", "http://localhost:8080", "smarthost", true},
		{"http://127.0.0.1:8080", "https://accounts.example.com", "smarthost", false},
		{"http://localhost:8080", "", "capture", true}, // at every address of a machine without a name
		{elsewhere, "", "capture", true},
		{elsewhere, "http://localhost:8080", "capture", true},
		{elsewhere, elsewhere, "capture", false},
	} {
		a := newAttentive(t, open(t, t.TempDir()), tt.pages)
		a.set("public_url="+tt.setting, "mail.from=a@office.example", "mail.smarthost=mail.office.example:587", "mail.transport="+tt.transport)
		if got := strings.Contains(a.lines(), "public_url_unset"); got != tt.want {
			t.Errorf("%+v: got %t", tt, got)
		}
	}
}

func TestAttentionToSecrets(t *testing.T) {
	a := newAttentive(t, open(t, t.TempDir()), elsewhere)
	a.set("public_url=https://accounts.example.com")
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	for name, days := range map[string]int{"far": 90, "near": 20, "past": -1} {
		keys := map[string]string{"client_id": "x", "client_secret": "y", "secret_expires": day(days)}
		if _, err := a.AddConnector(t.Context(), "root", app.ConnectorGoogle, name, keys); err != nil {
			t.Fatal(err)
		}
	}
	a.wants("three secrets", "!connector_secret_expired past, connector_secret_expiring near, no_companies")
	list, err := a.Attention(t.Context())
	if err != nil || list[1].Args["Day"] != day(20) || list[1].Args["Days"] != "20" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestAttentionToMail(t *testing.T) {
	s := open(t, t.TempDir())
	a := newAttentive(t, s, elsewhere)
	ctx, now := t.Context(), time.Now()
	if _, err := a.AddCompany(ctx, "root", "Acme", ""); err != nil {
		t.Fatal(err)
	}
	a.set("public_url=https://accounts.example.com", "mail.from=a@office.example", "mail.smarthost=mail.office.example:587", "mail.transport=smarthost")
	a.wants("no mail", "")
	mail := func(state string, written, ended time.Duration) {
		s.Exec(t, `INSERT INTO message (id, kind, sender, recipient, recipient_key, recipient_base, recipient_domain, subject, message_id, state, attempts, reply,
	created_at, expires_at, ended_at)
SELECT COALESCE(MAX(id), 0) + 1, 'confirm', 'a@b.example', 'p@c.example', 'p@c.example', 'p@c.example', 'c.example', 'x', 'x', $1, 1, '', $2, 0, $3 FROM message`,
			state, now.Add(-written).UnixMilli(), now.Add(-ended).UnixMilli())
	}
	mail("failed", 50*time.Hour, 25*time.Hour)
	mail("deferred", 50*time.Minute, 0)
	mail("queued", 2*time.Hour, 0)
	mail("delivered", 2*time.Hour, 0)
	a.wants("what is long ago, or has only begun", "")
	mail("failed", 30*time.Hour, 23*time.Hour)
	mail("failed", time.Hour, time.Hour)
	mail("deferred", 2*time.Hour, 0)
	s.Exec(t, "INSERT INTO suppression (email_key, address, reason, at) VALUES ('p@c.example', 'p@c.example', '550', 0)")
	if err := s.RememberTLS(ctx, app.TLSHost{Host: "mx.c.example", Seen: now}); err != nil {
		t.Fatal(err)
	}
	a.wants("trouble", "mail_failed 2, mail_deferred_long 1, suppressed_addresses 1")
	if err := s.LoseTLS(ctx, "mx.c.example", now, "gone"); err != nil {
		t.Fatal(err)
	}
	a.post.destinations = []app.MailDestination{{Name: "mx.up.example", Connections: 1}, {Name: "mail.office.example", Failures: 1, RestsUntil: now.Add(time.Minute)}}
	a.set("mail.hold=on")
	a.wants("more", "!mail_tls_lost mx.c.example, !mail_destination_resting mail.office.example, mail_held, mail_failed 2, mail_deferred_long 1, suppressed_addresses 1")
	a.post.busy = true
	if got := a.lines(); strings.Contains(got, "resting") || !strings.Contains(got, "mail_held") {
		t.Errorf("a busy queue: %s", got)
	}
	a.post.busy, a.post.destinations = false, nil
	for i := range 9 {
		a.post.destinations = append(a.post.destinations, app.MailDestination{Name: fmt.Sprintf("mx%d.example", i), RestsUntil: now})
	}
	a.set("mail.transport=direct", "mail.hold=off")
	if got := a.lines(); strings.Count(got, "resting") != 5 || strings.Contains(got, "!mail_destination") {
		t.Errorf("many that are down: %s", got)
	}
	s.FillDisk()
	if got := a.lines(); !strings.HasPrefix(got, "!disk_low, ") {
		t.Errorf("a full disk: %s", got)
	}
	watch := a.Watch()
	defer watch.Close()
	if err := s.Fail(t, sqlite3.ErrReadonly); err == nil {
		t.Fatal("no error")
	}
	if topics := watch.Take(); !slices.Contains(topics, app.TopicAttention) {
		t.Errorf("told %v of a disk that cannot be written to", topics)
	}
	if figures, err := s.Figures(t.Context()); err != nil || !figures.Failing {
		t.Errorf("figures %+v, %v", figures, err)
	}
	if got := a.lines(); !strings.HasPrefix(got, "!disk_failing, ") {
		t.Errorf("a disk that cannot be written to: %s", got)
	}
	if err := s.AddEvent(t.Context(), app.Event{At: now}); err != nil {
		t.Fatal(err)
	}
	if topics := watch.Take(); !slices.Contains(topics, app.TopicAttention) {
		t.Errorf("told %v of a disk that can be written to again", topics)
	}
	if got := a.lines(); strings.Contains(got, "disk_failing") {
		t.Errorf("a disk that can be written to again: %s", got)
	}
}

// TestAttentionToLists lets the janitor look at the lists: a watch tells when there is something else to say.
func TestAttentionToLists(t *testing.T) {
	s := open(t, t.TempDir())
	w := world{t, s}
	a := newAttentive(t, s, elsewhere)
	a.set("public_url=https://accounts.example.com", "login_link=on", "mail.from=a@office.example", "mail.smarthost=mail.office.example:587", "mail.transport=smarthost")
	w.company("Acme", "acme.example", "old.example")
	w.account("jane@acme.example")
	w.account("jo@old.example")
	w.company("Idle", "idle.example", "!no.idle.example", "also.idle.example")
	w.company("New", "new.example")
	w.company("Off", "off.example")
	if _, err := w.EnableCompany(t.Context(), "Off", false, admin); err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "UPDATE allow_entry SET created_at = $1 WHERE value <> 'new.example'", time.Now().Add(-31*24*time.Hour).UnixMilli())
	s.Exec(t, "UPDATE allow_entry SET created_at = $1 WHERE value = 'new.example'", time.Now().Add(-29*24*time.Hour).UnixMilli())
	s.Exec(t, "INSERT INTO allow_entry SELECT 'gmail.com', 'domain', FALSE, 'com.gmail', id, $1 FROM company WHERE name = 'New'", time.Now().UnixMilli())

	watch := a.Watch()
	defer watch.Close()
	a.wants("nobody has looked", "")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { a.Janitor(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	told := func() {
		t.Helper()
		for {
			<-watch.Changed()
			if slices.Contains(watch.Take(), app.TopicAttention) {
				return
			}
		}
	}
	told()
	a.wants("looked", "entries_warned New 1, entries_unused Idle 2")

	if _, _, err := w.RemoveEntries(t.Context(), "Acme", parse(t, "old.example"), admin); err != nil {
		t.Fatal(err)
	}
	w.account("jim@also.idle.example")
	a.wants("as it was", "entries_warned New 1, entries_unused Idle 2")
	told()
	a.wants("another list", "accounts_off_list 1, entries_warned New 1")
}

func TestListHealthIsBrokenOff(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if h, err := open(t, t.TempDir()).ListHealth(ctx, start); app.ReasonOf(err) != "given_up" {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestListHealthOfMany(t *testing.T) {
	s := crowd(t, 50, 2500) // more than a batch
	h, err := s.ListHealth(t.Context(), time.Now())
	if err != nil || h.OffList != 50 || h.Unused.Count != 0 || h.Warned.Count != 0 {
		t.Errorf("%+v, %v, want 50 off the list", h, err)
	}
}

// BenchmarkAttention measures an office with 100,000 accounts and a queue of 100,000 mails.
func BenchmarkAttention(b *testing.B) {
	s := crowd(b, 5000, 100_000)
	s.Exec(b, `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1) INSERT INTO
message (id, kind, sender, recipient, recipient_key, recipient_base, recipient_domain, subject, message_id, state, attempts, reply, created_at, expires_at, ended_at)
SELECT n, 'relay', 'a@office.example', 'p@c1.example', 'p@c1.example', 'p@c1.example', 'c1.example', 'Hello', 'x',
	CASE n % 2 WHEN 0 THEN 'deferred' ELSE 'failed' END, 1, '', $2 - n * 1000, 0, CASE n % 2 WHEN 0 THEN NULL ELSE $2 - n END FROM number`, 200_000, time.Now().UnixMilli())
	b.Run("facts", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.AttentionFacts(b.Context(), time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("lists", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.ListHealth(b.Context(), time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
