package gui

import (
	"context"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"foyer/app"
	"foyer/app/localapi"
)

// mailNow is the time in these tests.
var mailNow = time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)

// fakeMail is a service with some mails.
type fakeMail struct {
	Client
	messages  []localapi.MessageDetail
	settings  localapi.Settings
	status    localapi.MailStatus
	records   []localapi.DNSRecord
	programs  []localapi.Program
	gone      []localapi.Suppressed
	err       error
	calls     []string
	saved     map[string]string
	filter    localapi.MessageFilter
	testSteps []localapi.MessageDetail // what Message returns of the test mail, one after the other
}

func newFakeMail() *fakeMail {
	next, expires := mailNow.Add(12*time.Minute), mailNow.Add(20*time.Hour)
	message := func(id, kind, to, subject, state string, attempts int, reply string) localapi.MessageDetail {
		m := localapi.MessageDetail{
			Message: localapi.Message{ID: id, Kind: kind, Recipient: to, Subject: subject, State: state, Attempts: attempts, Reply: reply, CreatedAt: mailNow.Add(-time.Hour)},
			Sender:  "accounts@office.example", Data: testMail, MessageID: "<abc@office.example>", ExpiresAt: &expires,
		}
		if state == "deferred" {
			m.NextAttempt = &next
		}
		return m
	}
	deferred := message("3", "confirm", "ann@customer.example", "Confirm your address", "deferred", 2, "451 4.7.1 Greylisted, try again later")
	deferred.Steps = []localapi.MailStep{
		{Name: "name", OK: true, Detail: "customer.example has the mail server mx1.customer.example", TookMS: 12},
		{Name: "connection", OK: true, Detail: "connected to mx1.customer.example (203.0.113.9), port 25", TookMS: 31},
		{Name: "tls", OK: true, Detail: "TLS 1.3 with a certificate that is valid", TookMS: 44},
		{Name: "recipient", OK: false, Detail: "the server wants the mail later: 451 4.7.1 Greylisted, try again later", TookMS: 210},
	}
	relayed := message("5", "relayed", "bob@other.example", "Scan of 26 November", "delivered", 1, "250 2.0.0 Ok: queued as 4F1")
	relayed.Program = "scanner"
	return &fakeMail{
		messages: []localapi.MessageDetail{
			message("6", "test", "it@office.example", "Test mail", "queued", 0, ""), relayed, deferred,
			message("2", "reset", "eve@customer.example", "Choose a new password", "failed", 4, "550 5.1.1 No such user here"),
			message("1", "confirm", "dan@customer.example", "Confirm your address", "captured", 0, ""),
		},
		settings: localapi.Settings{
			"mail.transport": {Text: "smarthost"}, "mail.from": {Text: "accounts@office.example"}, "mail.smarthost": {Text: "smtp.office.example:587"},
			"mail.tls": {Text: "starttls"}, "mail.auth": {Text: "plain"}, "mail.username": {Text: "accounts"}, "mail.password": {Secret: true, Set: true},
			"mail.oauth_provider": {}, "mail.oauth_tenant": {}, "mail.oauth_client_id": {}, "mail.oauth_client_secret": {Secret: true},
			"mail.oauth_refresh_token": {Secret: true}, "mail.dkim": {Text: "off"}, "mail.dkim_selector": {Text: "foyer"},
			"mail.private_mx": {Text: "off"}, "mail.hold": {Text: "off"},
		},
		status: localapi.MailStatus{
			Transport: "smarthost", Messages: map[string]int{"queued": 1, "deferred": 1, "failed": 1, "delivered": 1, "captured": 1},
			Destinations: []localapi.MailDestination{{Name: "smtp.office.example", Failures: 2, RestsUntil: &next}},
		},
		records: []localapi.DNSRecord{
			{Kind: "spf", Name: "office.example", Type: "TXT", Value: "v=spf1 a:mail.office.example ~all", State: "missing", Required: true, Text: "There is no SPF record: add one that permits the address mail leaves from."},
			{Kind: "dkim", Name: "foyer-rsa._domainkey.office.example", Type: "TXT", Value: "v=DKIM1; k=rsa; p=" + strings.Repeat("MIIBIjAN", 50), Found: []string{"v=DKIM1; k=rsa; p=OLD"}, State: "differs", Required: true, Text: "The record is not that of Foyer's key. Replace it."},
			{Kind: "mx", Name: "office.example", Type: "MX", Found: []string{"10 mx.office.example"}, State: "ok", Text: "Answers and bounces have a place to go."},
		},
		programs: []localapi.Program{
			{Name: "scanner", Senders: []string{"scanner@office.example"}, Enabled: true, CreatedAt: mailNow, SeenAt: &mailNow},
			{Name: "shop", Senders: []string{"office.example"}, LocalUser: "www-data", CreatedAt: mailNow},
		},
		gone: []localapi.Suppressed{{Address: "old@customer.example", Since: mailNow, Reason: "550 5.1.1 No such user here"}},
	}
}

func (f *fakeMail) call(words ...string) error {
	f.calls = append(f.calls, strings.Join(words, " "))
	return f.err
}

func (f *fakeMail) MailStatus(context.Context) (localapi.MailStatus, error) { return f.status, f.err }

func (f *fakeMail) MessagePage(_ context.Context, filter localapi.MessageFilter, _ string, _ int) (localapi.Page[localapi.Message], error) {
	f.filter = filter
	page := localapi.Page[localapi.Message]{}
	for _, m := range f.messages {
		if (filter.State == "" || m.State == filter.State) && strings.Contains(m.Recipient+m.Subject, filter.Search) {
			page.Items = append(page.Items, m.Message)
		}
	}
	return page, f.err
}

func (f *fakeMail) find(id string) *localapi.MessageDetail {
	for i := range f.messages {
		if f.messages[i].ID == id {
			return &f.messages[i]
		}
	}
	return nil
}

func (f *fakeMail) Message(_ context.Context, id string) (localapi.MessageDetail, error) {
	if id == "9" && len(f.testSteps) > 0 {
		m := f.testSteps[0]
		if len(f.testSteps) > 1 {
			f.testSteps = f.testSteps[1:]
		}
		return m, nil
	}
	if m := f.find(id); m != nil {
		return *m, f.err
	}
	return localapi.MessageDetail{}, app.Errorf(app.NotFound, "message_unknown", "there is no message %s", id)
}

func (f *fakeMail) to(id, state, call string) (localapi.Message, error) {
	if err := f.call(call, id); err != nil {
		return localapi.Message{}, err
	}
	m := f.find(id)
	m.State = state
	return m.Message, nil
}

func (f *fakeMail) RetryMessage(_ context.Context, id string) (localapi.Message, error) {
	return f.to(id, "queued", "retry")
}

func (f *fakeMail) HoldMessage(_ context.Context, id string) (localapi.Message, error) {
	return f.to(id, "held", "hold")
}

func (f *fakeMail) ReleaseMessage(_ context.Context, id string) (localapi.Message, error) {
	return f.to(id, "queued", "release")
}

func (f *fakeMail) HoldMessages(context.Context) (int, error) { return 2, f.call("hold all") }

func (f *fakeMail) RemoveMessage(_ context.Context, id string) error {
	if err := f.call("remove", id); err != nil {
		return err
	}
	for i, m := range f.messages {
		if m.ID == id {
			f.messages = append(f.messages[:i:i], f.messages[i+1:]...)
			break
		}
	}
	return nil
}

func (f *fakeMail) TestMail(_ context.Context, address, lang string) (localapi.Message, error) {
	return localapi.Message{ID: "9", State: "queued", Recipient: address}, f.call("test", address, lang)
}

func (f *fakeMail) Settings(context.Context) (localapi.Settings, error) { return f.settings, f.err }

func (f *fakeMail) SetSettings(_ context.Context, changes map[string]string) (localapi.Settings, error) {
	f.saved = changes
	if f.err != nil {
		return nil, f.err
	}
	next := localapi.Settings{}
	for key, s := range f.settings {
		if value, ok := changes[key]; ok {
			if s.Secret {
				s.Set = value != ""
			} else {
				s.Text = value
			}
		}
		next[key] = s
	}
	f.settings = next
	return next, nil
}

func (f *fakeMail) MailDNS(context.Context) ([]localapi.DNSRecord, error) { return f.records, f.err }

func (f *fakeMail) Programs(context.Context) ([]localapi.Program, error) { return f.programs, f.err }

func (f *fakeMail) MailListener(context.Context) ([]localapi.ListenState, error) {
	return []localapi.ListenState{
		{Address: "127.0.0.1:2525", TLS: "none", Open: true},
		{Address: "192.0.2.7:465", TLS: "implicit", Problem: "port 465 is taken by another program"},
	}, f.err
}

func (f *fakeMail) AddProgram(_ context.Context, name string, keys map[string]string) (localapi.NewProgram, error) {
	p := localapi.Program{Name: name, Senders: strings.Fields(keys["senders"]), Enabled: true}
	if err := f.call("add", name, keys["senders"]); err != nil {
		return localapi.NewProgram{}, err
	}
	f.programs = append(f.programs, p)
	return localapi.NewProgram{Program: p, Password: "s3cret-word"}, nil
}

func (f *fakeMail) SetProgram(_ context.Context, name string, keys map[string]string) (localapi.Program, error) {
	for i := range f.programs {
		if f.programs[i].Name == name && keys["enabled"] != "" {
			f.programs[i].Enabled = keys["enabled"] == "on"
		}
	}
	return localapi.Program{}, f.call("set", name, keys["enabled"], keys["senders"])
}

func (f *fakeMail) NewProgramPassword(_ context.Context, name string) (localapi.NewProgram, error) {
	return localapi.NewProgram{Program: localapi.Program{Name: name}, Password: "an0ther-word"}, f.call("password", name)
}

func (f *fakeMail) RemoveProgram(_ context.Context, name string) error { return f.call("remove", name) }

func (f *fakeMail) Suppressed(context.Context) ([]localapi.Suppressed, error) { return f.gone, f.err }

func (f *fakeMail) Unsuppress(_ context.Context, address string) error {
	f.gone = nil
	return f.call("unsuppress", address)
}

func (f *fakeMail) Blocked(context.Context) ([]localapi.Blocked, error) {
	return []localapi.Blocked{{Address: "angry@customer.example", Until: mailNow}}, f.err
}

func (f *fakeMail) TLSHosts(context.Context) ([]localapi.TLSHost, error) {
	return []localapi.TLSHost{{Host: "mx1.customer.example", SeenAt: mailNow, Version: "TLS 1.3"}, {Host: "mx.lost.example", SeenAt: mailNow, Version: "TLS 1.2", LostAt: &mailNow}}, f.err
}

func (f *fakeMail) ForgetTLS(_ context.Context, host string) error { return f.call("forget", host) }

// showMail shows the page as large as it is beside the navigation.
func showMail(tb testing.TB, f *fakeMail, subject string) (*testDesk, *mailView) {
	tb.Helper()
	d := newTestDesk(tb, f)
	v := newMailView(d.desk)
	side := newPanel(colorSide, "", 0, 8, newFixed(178, widget.NewLabel("")))
	head := widget.NewLabel("")
	d.window.SetContent(newBorder(nil, nil, side, nil, container.New(layout.NewCustomPaddedLayout(8, 8, 12, 12), newBorder(head, nil, nil, nil, v.Content()))))
	v.Open(subject)
	d.drain()
	return d, v
}
