package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// office is the service behind the admin socket in these tests: in memory, with the rules that the commands show.
type office struct {
	mu        sync.Mutex
	companies []app.Company
	accounts  []app.Account
	waiting   []app.Registration
	messages  []app.Message
	events    []app.Event
	blocked   map[string]time.Time

	suppressed []app.Suppression
	tlsHosts   []app.TLSHost
	connectors []app.ConnectorState
	programs   []app.Program
	address    *addressOffice
	listening  []app.ListenState
	settings   app.Settings
	status     app.MailStatus
	records    []app.DNSRecord // of the office's mail
	tested     []app.Message   // what becomes of a test mail, each time it is looked at
	trial      app.Trial       // of everything that is tried out
	sessions   []app.Session   // of each account
	concerns   []app.Concern
	asked      app.AccountQuery // the last one
	fail       error
}

var then = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

// newOffice returns an office with one company, one account, one registration, three messages and some events.
func newOffice(t *testing.T) *office {
	t.Helper()
	settings, err := app.ParseSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	jane, joe := address(t, "jane@acme.com"), address(t, "joe@acme.com")
	return &office{
		address:   &addressOffice{},
		companies: []app.Company{{ID: 1, Name: "Acme", Enabled: true, CreatedAt: then, Accounts: 1, Entries: entries(t, "acme.com !boss@acme.com")}},
		accounts: []app.Account{{
			ID: 1, Email: jane, FirstName: "Jane", LastName: "Doe", CompanyID: 1, Company: "Acme", CompanyEnabled: true,
			Groups: []string{app.CustomerAccounts}, State: app.AccountActive, Entry: "acme.com", ListMatch: true, CreatedAt: then,
		}},
		waiting: []app.Registration{{
			ID: 1, Email: joe, FirstName: "Joe", LastName: "Roe", Company: "Acme", Entry: "acme.com",
			CreatedAt: then, ExpiresAt: then.Add(24 * time.Hour),
		}},
		messages: []app.Message{
			{
				ID: 3, Kind: app.MailConfirm, Recipient: joe, Subject: "Confirm", State: app.MessageDeferred, Attempts: 2, CreatedAt: then,
				NextAttempt: then.Add(time.Hour), Reply: "451 4.7.1 \x1b[31mgreylisted\x1b[0m\r\nfoyer: all is well " + strings.Repeat("x", 200),
				Sender: "foyer@office.example", Data: []byte("Subject: Confirm\r\n\r\nHello\x07 Joe\r\n"),
			},
			{ID: 2, Kind: app.MailTest, Recipient: jane, Subject: "Test", State: app.MessageFailed, Attempts: 1, CreatedAt: then},
			{ID: 1, Kind: app.MailTest, Recipient: jane, Subject: "Test", State: app.MessageCaptured, CreatedAt: then},
		},
		events: []app.Event{
			{ID: 2, At: then, Actor: "visitor", IP: "192.0.2.7", Action: app.ActSignUp, Outcome: "not_listed", Subject: "eve@evil.example"},
			{ID: 1, At: then, Actor: "root (uid 0)", Action: app.ActCompanyAdd, Outcome: app.OK, Subject: "Acme", Company: "Acme", Entry: "acme.com"},
		},
		sessions: []app.Session{
			{CreatedAt: then, SeenAt: then.Add(time.Hour), IP: "192.0.2.1", Browser: "Firefox", Through: "entra"},
			{CreatedAt: then.Add(-time.Hour), SeenAt: then, IP: "2001:db8::1"},
		},
		blocked:  map[string]time.Time{"victim@acme.com": then},
		settings: settings,
		tlsHosts: []app.TLSHost{
			{Host: "mx.acme.com", Seen: then, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"},
			{Host: "mx.old.example", Seen: then, Version: "TLS 1.2", Cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Lost: then.Add(time.Hour)},
		},
		suppressed: []app.Suppression{{
			Address: address(t, "gone@acme.com"), Since: then, Reason: "550 5.1.1 \x1b[31mno such user\r\nfoyer: all is well " + strings.Repeat("x", 200),
		}},
	}
}

func address(t *testing.T, s string) app.Address {
	t.Helper()
	addr, err := app.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func entries(t *testing.T, field string) []app.Entry {
	t.Helper()
	list, err := app.ParseEntries(field)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// company runs change on a company and returns it as it is then.
func (o *office) company(name string, change func(c *app.Company) error) (app.Company, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return app.Company{}, o.fail
	}
	for i := range o.companies {
		if o.companies[i].Name == name {
			err := change(&o.companies[i])
			return o.companies[i], err
		}
	}
	return app.Company{}, app.Errorf(app.NotFound, "company_unknown", "there is no company %q", name)
}

func unchanged(*app.Company) error { return nil }

func (o *office) Companies(context.Context) ([]app.Company, error) { return o.companies, o.fail }

func (o *office) Company(_ context.Context, name string) (app.Company, error) {
	return o.company(name, unchanged)
}

func (o *office) AddCompany(_ context.Context, _, name, field string) (app.Company, error) {
	if err := app.CheckCompanyName(name); err != nil {
		return app.Company{}, err
	}
	list, err := app.ParseEntries(field)
	if err != nil {
		return app.Company{}, err
	}
	if err := o.taken(name, list, false); err != nil {
		return app.Company{}, err
	}
	c := app.Company{Name: name, Enabled: true, CreatedAt: then, Entries: list}
	o.companies = append(o.companies, c)
	return c, nil
}

// taken returns the Conflict of entries that another company has, or takes them from it.
func (o *office) taken(name string, list []app.Entry, move bool) error {
	for i := range o.companies {
		c := &o.companies[i]
		for _, e := range list {
			at := slices.IndexFunc(c.Entries, func(other app.Entry) bool { return c.Name != name && other.Value == e.Value })
			if at >= 0 && !move {
				return app.Errorf(app.Conflict, "entry_taken", "%q belongs to %s; it can be moved here", e.Value, c.Name).With("Entry", e.Value).With("Company", c.Name)
			}
			if at >= 0 {
				c.Entries = slices.Delete(slices.Clone(c.Entries), at, at+1)
			}
		}
	}
	return nil
}

func (o *office) RenameCompany(_ context.Context, _, name, to string) (app.Company, error) {
	return o.company(name, func(c *app.Company) error { c.Name = to; return nil })
}

func (o *office) EnableCompany(_ context.Context, _, name string, on bool) (app.Company, error) {
	return o.company(name, func(c *app.Company) error { c.Enabled = on; return nil })
}

func (o *office) RemoveCompany(_ context.Context, _, name string) error {
	_, err := o.company(name, func(c *app.Company) error {
		if c.Accounts > 0 {
			return app.Errorf(app.Conflict, "company_has_accounts", "%s has accounts; disable it, or remove them first", c.Name)
		}
		return nil
	})
	if err == nil {
		o.companies = slices.DeleteFunc(o.companies, func(c app.Company) bool { return c.Name == name })
	}
	return err
}

func (o *office) Allow(_ context.Context, _, name, field string, move bool) (app.Company, error) {
	list, err := app.ParseEntries(field)
	if err != nil {
		return app.Company{}, err
	}
	return o.company(name, func(c *app.Company) error {
		if err := o.taken(name, list, move); err != nil {
			return err
		}
		c.Entries = append(c.Entries, list...)
		return nil
	})
}

func (o *office) Disallow(_ context.Context, _, name, field string) (app.Company, int, error) {
	list, err := app.ParseEntries(field)
	if err != nil {
		return app.Company{}, 0, err
	}
	n := 0
	c, err := o.company(name, func(c *app.Company) error {
		for _, e := range list {
			if !slices.Contains(c.Entries, e) {
				return app.Errorf(app.NotFound, "entry_unknown", "%q is not on the list of %s", e.String(), name)
			}
			c.Entries = slices.DeleteFunc(slices.Clone(c.Entries), func(other app.Entry) bool { return other == e })
		}
		if len(c.Entries) == 0 {
			n = c.Accounts
		}
		return nil
	})
	return c, n, err
}

func (o *office) TestAddress(_ context.Context, email string) (app.Address, app.Verdict, []app.Way, error) {
	addr, err := app.ParseAddress(email)
	if err != nil {
		return addr, app.Verdict{}, nil, err
	}
	var owned []app.OwnedEntry
	for i, c := range o.companies {
		for _, e := range c.Entries {
			owned = append(owned, app.OwnedEntry{Entry: e, CompanyID: int64(i + 1), Company: c.Name, Enabled: c.Enabled})
		}
	}
	return addr, app.Gate(addr, owned), []app.Way{{Name: "form", Result: "closed: login_link is off"}}, nil
}

func (o *office) Accounts(ctx context.Context, q app.AccountQuery) (app.AccountPage, error) {
	o.asked = q
	var out app.AccountPage
	if q.Company != "" {
		if _, err := o.Company(ctx, q.Company); err != nil {
			return out, err
		}
	}
	for _, a := range o.accounts {
		if strings.Contains(a.Email.Key(), q.Search) && (q.Company == "" || a.Company == q.Company) && (q.State == "" || a.State == q.State) && (!q.OffList || !a.ListMatch) {
			out.Accounts = append(out.Accounts, a)
		}
	}
	if q.Reverse {
		slices.Reverse(out.Accounts)
	}
	return out, o.fail
}

func (o *office) account(email string) (*app.Account, error) {
	addr, err := app.ParseAddress(email)
	if err != nil {
		return nil, err
	}
	for i := range o.accounts {
		if o.accounts[i].Email.Key() == addr.Key() {
			return &o.accounts[i], nil
		}
	}
	return nil, app.Errorf(app.NotFound, "account_unknown", "there is no account %s", addr)
}

func (o *office) Account(_ context.Context, email string) (app.Account, error) {
	a, err := o.account(email)
	if err != nil {
		return app.Account{}, err
	}
	return *a, nil
}

func (o *office) SetAccountState(_ context.Context, _, email string, state app.AccountState) (app.Account, error) {
	a, err := o.account(email)
	if err != nil {
		return app.Account{}, err
	}
	a.State = state
	return *a, nil
}

func (o *office) RemoveIdentity(_ context.Context, _, email string, id int64) (app.Account, error) {
	a, err := o.account(email)
	if err != nil {
		return app.Account{}, err
	}
	n := len(a.Identities)
	a.Identities = slices.DeleteFunc(slices.Clone(a.Identities), func(i app.Identity) bool { return i.ID == id })
	if len(a.Identities) == n {
		return app.Account{}, app.Errorf(app.NotFound, "identity_unknown", "the account %s has no identity %d", email, id)
	}
	return *a, nil
}

func (o *office) RemoveAccount(_ context.Context, _, email string) error {
	_, err := o.account(email)
	return err
}

func (o *office) Registrations(_ context.Context, after int64, _ int) ([]app.Registration, error) {
	if after > 0 {
		return nil, nil
	}
	return o.waiting, o.fail
}

func (o *office) Resend(_ context.Context, _, email string) (app.Registration, error) {
	for _, r := range o.waiting {
		if r.Email.String() == email {
			return r, nil
		}
	}
	return app.Registration{}, app.Errorf(app.NotFound, "registration_unknown", "there is no registration of %s", email)
}

func (o *office) RemoveRegistration(ctx context.Context, actor, email string) error {
	_, err := o.Resend(ctx, actor, email)
	return err
}

func (o *office) Settings() app.Settings { return o.settings }

func (o *office) SetSettings(_ context.Context, _ string, changes map[string]string) (app.Settings, error) {
	next, err := o.settings.Change(changes)
	if err == nil {
		o.settings = next
	}
	return next, err
}

func (o *office) Messages(_ context.Context, q app.MessageQuery) ([]app.Message, error) {
	var out []app.Message
	for _, m := range o.messages {
		if (q.State == "" || m.State == q.State) && strings.Contains(m.Recipient.String()+m.Subject, q.Search) {
			out = append(out, m)
		}
	}
	return out, o.fail
}

func (o *office) Message(_ context.Context, id int64) (app.Message, error) {
	if id == 4 && len(o.tested) > 0 {
		m := o.tested[0]
		o.tested = o.tested[min(1, len(o.tested)-1):] // the last one stays
		m.ID, m.Kind, m.Recipient, m.CreatedAt = 4, app.MailTest, o.messages[len(o.messages)-1].Recipient, then
		return m, nil
	}
	for _, m := range o.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return app.Message{}, app.Errorf(app.NotFound, "message_unknown", "there is no mail %d", id)
}

func (o *office) RetryMessage(ctx context.Context, _ string, id int64) (app.Message, error) {
	m, err := o.Message(ctx, id)
	m.State = app.MessageQueued
	return m, err
}

// turn changes the state of a message that is in one of the states from, or of all that are when id is 0.
func (o *office) turn(id int64, to app.MessageState, from ...app.MessageState) (last app.Message, n int, err error) {
	for i := range o.messages {
		m := &o.messages[i]
		if id != 0 && m.ID != id {
			continue
		}
		if slices.Contains(from, m.State) {
			m.State, m.NextAttempt = to, time.Time{}
			last = *m
			n++
		} else if id != 0 {
			return *m, 0, app.Errorf(app.Conflict, "message_state", "message %d is %s", id, m.State)
		}
	}
	if id != 0 && n == 0 {
		err = app.Errorf(app.NotFound, "message_unknown", "there is no mail %d", id)
	}
	return last, n, err
}

func (o *office) HoldMessage(_ context.Context, _ string, id int64) (app.Message, error) {
	m, _, err := o.turn(id, app.MessageHeld, app.MessageQueued, app.MessageDeferred)
	return m, err
}

func (o *office) HoldMessages(context.Context, string) (int, error) {
	_, n, err := o.turn(0, app.MessageHeld, app.MessageQueued, app.MessageDeferred)
	return n, err
}

func (o *office) ReleaseMessage(_ context.Context, _ string, id int64) (app.Message, error) {
	m, _, err := o.turn(id, app.MessageQueued, app.MessageHeld)
	return m, err
}

func (o *office) ReleaseMessages(context.Context, string) (int, error) {
	_, n, err := o.turn(0, app.MessageQueued, app.MessageHeld)
	return n, err
}

func (o *office) LastMessage(_ context.Context, email string) (app.Message, error) {
	for _, m := range o.messages {
		if m.Recipient.String() == email {
			return m, nil
		}
	}
	return app.Message{}, app.Errorf(app.NotFound, "message_unknown", "there is no mail to %s", email)
}

func (o *office) Suppressed(context.Context) ([]app.Suppression, error) { return o.suppressed, o.fail }

func (o *office) Unsuppress(_ context.Context, _, email string) error {
	at := slices.IndexFunc(o.suppressed, func(s app.Suppression) bool { return s.Address.String() == email })
	if at < 0 {
		return app.Errorf(app.NotFound, "not_suppressed", "mail to %s is not suppressed", email)
	}
	o.suppressed = slices.Delete(o.suppressed, at, at+1)
	return nil
}

func (o *office) TLSHosts(context.Context) ([]app.TLSHost, error) { return o.tlsHosts, o.fail }

func (o *office) ForgetTLS(_ context.Context, _, host string) error {
	at := slices.IndexFunc(o.tlsHosts, func(h app.TLSHost) bool { return h.Host == host })
	if at < 0 {
		return app.Errorf(app.NotFound, "tls_unknown", "nothing is remembered of a mail server %s", host)
	}
	o.tlsHosts = slices.Delete(o.tlsHosts, at, at+1)
	return nil
}

func (o *office) RemoveMessage(ctx context.Context, _ string, id int64) error {
	_, err := o.Message(ctx, id)
	return err
}

func (o *office) TestMail(_ context.Context, _, email, lang string) (app.Message, error) {
	addr, err := app.ParseAddress(email)
	if err != nil {
		return app.Message{}, err
	}
	m := app.Message{ID: 4, Kind: app.MailTest, Recipient: addr, State: app.MessageCaptured, CreatedAt: then, Subject: lang}
	if len(o.tested) > 0 {
		m.State = app.MessageQueued
	}
	o.messages = append(o.messages, m)
	return m, nil
}

func (o *office) MailStatus(context.Context) (app.MailStatus, error) { return o.status, o.fail }

func (o *office) MailDNS(context.Context) ([]app.DNSRecord, error) { return o.records, o.fail }

func (o *office) Blocked(context.Context) (map[string]time.Time, error) { return o.blocked, o.fail }

func (o *office) Unblock(_ context.Context, _, email string) error {
	if _, ok := o.blocked[email]; !ok {
		return app.Errorf(app.NotFound, "block_unknown", "%s is not blocked", email)
	}
	delete(o.blocked, email)
	return nil
}

func (o *office) Events(_ context.Context, q app.EventQuery) ([]app.Event, error) {
	var out []app.Event
	for _, e := range o.events {
		if (q.Before == 0 || e.ID < q.Before) && strings.Contains(e.Subject+e.Company, q.Search) && len(out) < q.Limit &&
			strings.HasPrefix(string(e.Action), q.Action) && (!q.Refused || e.Refused()) && !e.At.Before(q.Since) {
			out = append(out, e)
		}
	}
	return out, o.fail
}

func (o *office) AccountSessions(ctx context.Context, email string) ([]app.Session, error) {
	_, err := o.Account(ctx, email)
	return o.sessions, err
}

func (o *office) EndSessions(ctx context.Context, _, email string) (int, error) {
	_, err := o.Account(ctx, email)
	return len(o.sessions), errors.Join(err, o.fail)
}

func (o *office) MoveAccount(ctx context.Context, _, email, company string) (app.Account, error) {
	a, err := o.Account(ctx, email)
	if err != nil {
		return a, err
	}
	_, err = o.Company(ctx, company)
	a.Company = company
	return a, err
}

func (o *office) SendReset(ctx context.Context, _, email string) (app.Message, error) {
	a, err := o.Account(ctx, email)
	return app.Message{ID: 8, Kind: app.MailReset, Recipient: a.Email}, errors.Join(err, o.fail)
}

func (o *office) Stats(_ context.Context, days int, offset time.Duration) (app.Stats, error) {
	out := app.Stats{Accounts: 3, Disabled: 1, Registrations: 4, Companies: 2}
	for i := range days {
		out.Days = append(out.Days, app.DayStats{
			Begin: time.Date(2026, 11, 20+i, 0, 0, 0, 0, time.UTC).Add(-offset), Requests: i, Accounts: 1,
			Mails: map[app.MessageState]int{app.MessageQueued: 1, app.MessageDeferred: 2, app.MessageFailed: 3, app.MessageDelivered: 4, app.MessageCaptured: 5},
		})
	}
	return out, nil
}

func (o *office) Attention(context.Context) ([]app.Concern, error) { return o.concerns, o.fail }

func (o *office) Watch() *app.Watch { return new(app.Changes).Watch() }

// terminal runs commands against one office.
type terminal struct {
	t      *testing.T
	office *office
	socket string
}

// newTerminal serves an office on an admin socket.
func newTerminal(t *testing.T) *terminal {
	t.Helper()
	term := &terminal{t: t, office: newOffice(t), socket: filepath.Join(t.TempDir(), "admin.sock")}
	l, err := localapi.Listen(t.Context(), term.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := localapi.NewServer(localapi.HandlerConfig{Backend: term.office, Address: term.office.address, Version: version(), Log: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return term
}

// output is what a command has printed, and its exit status.
type output struct {
	stdout, stderr string
	status         int
}

// run runs a command; stdin is what it may read.
func (term *terminal) run(stdin string, args ...string) output {
	return runWith(term.t, stdin, map[string]string{"FOYER_SOCKET": term.socket}, args...)
}

func runWith(t *testing.T, stdin string, env map[string]string, args ...string) output {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{in: strings.NewReader(stdin), out: &stdout, err: &stderr, getenv: func(name string) string { return env[name] }}
	status := p.run(t.Context(), args)
	return output{stdout.String(), stderr.String(), status}
}

// object runs a command with --json and decodes what it prints.
func (term *terminal) object(args ...string) map[string]any {
	term.t.Helper()
	var v map[string]any
	term.decode(&v, args...)
	return v
}

func (term *terminal) decode(v any, args ...string) {
	term.t.Helper()
	got := term.run("", append(args, "--json")...)
	if got.status != exitDone || got.stderr != "" {
		term.t.Fatalf("foyer %s --json: exit %d, %s", strings.Join(args, " "), got.status, got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), v); err != nil {
		term.t.Fatalf("foyer %s --json: %v\n%s", strings.Join(args, " "), err, got.stdout)
	}
}
