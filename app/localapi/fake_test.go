package localapi_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// office is a Backend in memory. It keeps companies, accounts and settings well enough for the API to be seen
// working, and remembers who did what.
type office struct {
	mu        sync.Mutex
	companies map[string]app.Company
	// connectors are by name; a fake of one cannot work without a client id.
	connectors map[string]app.ConnectorState
	programs   map[string]app.Program
	accounts   []app.Account // by address key
	messages   []app.Message // the newest first
	events     []app.Event   // the newest first
	waiting    []app.Registration
	settings   app.Settings
	status     app.MailStatus
	records    []app.DNSRecord
	blockedTo  map[string]time.Time
	suppressed []app.Suppression
	tlsHosts   []app.TLSHost
	lastFault  error
	trial      app.Trial // of everything that is tried out
	done       []string  // "ACTOR: what"
	fail       error     // when set, every call returns it
	changes    app.Changes
}

var _ localapi.Backend = (*office)(nil)

var then = time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("", 3600))

func newOffice(t testing.TB) *office {
	t.Helper()
	settings, err := app.ParseSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &office{
		companies: map[string]app.Company{}, connectors: map[string]app.ConnectorState{}, programs: map[string]app.Program{}, settings: settings,
		blockedTo: map[string]time.Time{},
	}
}

// do books what actor did.
func (o *office) do(actor, what string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	o.done = append(o.done, actor+": "+what)
	return nil
}

func (o *office) calls() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.done)
}

func (o *office) Companies(context.Context) ([]app.Company, error) {
	var out []app.Company
	for _, c := range o.companies {
		out = append(out, c)
	}
	return out, o.do("", "companies")
}

func (o *office) Company(_ context.Context, name string) (app.Company, error) {
	if err := o.do("", "company "+name); err != nil {
		return app.Company{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.companies[name]
	if !ok {
		return c, app.Errorf(app.NotFound, "company_unknown", "there is no company %q", name).With("Name", name)
	}
	return c, nil
}

func (o *office) AddCompany(_ context.Context, actor, name, entries string) (app.Company, error) {
	if err := o.do(actor, "add "+name); err != nil {
		return app.Company{}, err
	}
	list, err := app.ParseEntries(entries)
	if err != nil {
		return app.Company{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c := app.Company{Name: name, Enabled: true, CreatedAt: then, Entries: list}
	o.companies[name] = c
	return c, nil
}

func (o *office) RenameCompany(ctx context.Context, actor, name, to string) (app.Company, error) {
	c, err := o.Company(ctx, name)
	c.Name = to
	return c, firstError(err, o.do(actor, "rename "+name+" to "+to))
}

func (o *office) EnableCompany(ctx context.Context, actor, name string, on bool) (app.Company, error) {
	c, err := o.Company(ctx, name)
	c.Enabled = on
	what := "disable "
	if on {
		what = "enable "
	}
	return c, firstError(err, o.do(actor, what+name))
}

func (o *office) RemoveCompany(_ context.Context, actor, name string) error {
	return o.do(actor, "remove "+name)
}

func (o *office) Allow(ctx context.Context, actor, name, entries string, move bool) (app.Company, error) {
	c, err := o.Company(ctx, name)
	what := "allow " + name + " " + entries
	if move {
		what += " (move)"
	}
	return c, firstError(err, o.do(actor, what))
}

func (o *office) Disallow(ctx context.Context, actor, name, entries string) (app.Company, int, error) {
	c, err := o.Company(ctx, name)
	return c, 2, firstError(err, o.do(actor, "disallow "+name+" "+entries))
}

func (o *office) SetTenants(ctx context.Context, actor, company, add, remove string) (app.Company, error) {
	c, err := o.Company(ctx, company)
	if err != nil {
		return c, err
	}
	c.Tenants, err = app.ParseTenants(add)
	return c, firstError(err, o.do(actor, "tenants "+company+" +"+add+" -"+remove))
}

func (o *office) Connectors(context.Context) ([]app.ConnectorState, error) {
	var out []app.ConnectorState
	for _, name := range slices.Sorted(maps.Keys(o.connectors)) {
		out = append(out, o.connectors[name])
	}
	return out, o.do("", "connectors")
}

func (o *office) Connector(_ context.Context, name string) (app.ConnectorState, error) {
	c, ok := o.connectors[name]
	if !ok {
		return c, app.Errorf(app.NotFound, "connector_unknown", "there is no connector %q", name)
	}
	return c, o.do("", "connector "+name)
}

func (o *office) AddConnector(_ context.Context, actor string, kind app.ConnectorKind, name string, changes map[string]string) (app.ConnectorState, error) {
	if _, ok := o.connectors[name]; ok {
		return app.ConnectorState{}, app.Errorf(app.Conflict, "connector_taken", "there is a connector %q already", name)
	}
	if err := firstError(app.CheckConnectorName(name), o.do(actor, "add "+string(kind)+" "+name)); err != nil {
		return app.ConnectorState{}, err
	}
	return o.keep(app.ConnectorState{Connector: app.Connector{Name: name, Kind: kind, Enabled: true, CreatedAt: then}}, changes)
}

func (o *office) SetConnector(ctx context.Context, actor, name string, changes map[string]string) (app.ConnectorState, error) {
	c, err := o.Connector(ctx, name)
	if err := firstError(err, o.do(actor, "set "+name)); err != nil {
		return c, err
	}
	return o.keep(c, changes)
}

// keep stores a connector with changes made.
func (o *office) keep(c app.ConnectorState, changes map[string]string) (app.ConnectorState, error) {
	next, err := c.Change(changes)
	if err != nil {
		return app.ConnectorState{}, err
	}
	c.Connector, c.RedirectURI = next, next.RedirectURI("https://pages.example")
	c.Works, c.Findings = next.Works("https://pages.example"), next.Findings("https://pages.example", then)
	o.connectors[c.Name] = c
	return c, nil
}

func (o *office) Programs(context.Context) ([]app.Program, error) {
	var out []app.Program
	for _, name := range slices.Sorted(maps.Keys(o.programs)) {
		out = append(out, o.programs[name])
	}
	return out, o.do("", "programs")
}

func (o *office) Program(_ context.Context, name string) (app.Program, error) {
	p, ok := o.programs[name]
	if !ok {
		return p, app.Errorf(app.NotFound, "program_unknown", "there is no program %q", name)
	}
	return p, o.do("", "program "+name)
}

func (o *office) AddProgram(_ context.Context, actor, name string, changes map[string]string) (app.Program, app.Token, error) {
	if _, ok := o.programs[name]; ok {
		return app.Program{}, "", app.Errorf(app.Conflict, "program_taken", "there is a program %q already", name)
	}
	if err := firstError(app.CheckProgramName(name), o.do(actor, "add program "+name)); err != nil {
		return app.Program{}, "", err
	}
	p, err := app.Program{Name: name, Enabled: true, CreatedAt: then}.Change(changes)
	if err != nil {
		return p, "", err
	}
	o.programs[name] = p
	return p, "the-password", nil
}

func (o *office) SetProgram(ctx context.Context, actor, name string, changes map[string]string) (app.Program, error) {
	p, err := o.Program(ctx, name)
	if err == nil {
		p, err = p.Change(changes)
	}
	if err := firstError(err, o.do(actor, "set program "+name)); err != nil {
		return app.Program{}, err
	}
	o.programs[name] = p
	return p, nil
}

func (o *office) NewProgramPassword(ctx context.Context, actor, name string) (app.Program, app.Token, error) {
	p, err := o.Program(ctx, name)
	return p, "another-password", firstError(err, o.do(actor, "new password of "+name))
}

func (o *office) RemoveProgram(_ context.Context, actor, name string) error {
	return o.do(actor, "remove program "+name)
}

func (o *office) MailListener(context.Context) ([]app.ListenState, error) {
	return []app.ListenState{{Address: "127.0.0.1:2525", TLS: "none", Open: true}}, o.do("", "mail listener")
}

func (o *office) RemoveConnector(_ context.Context, actor, name string) error {
	return o.do(actor, "remove connector "+name)
}

func (o *office) TestAddress(_ context.Context, email string) (app.Address, app.Verdict, []app.Way, error) {
	addr, err := app.ParseAddress(email)
	if err != nil {
		return addr, app.Verdict{}, nil, err
	}
	var entries []app.OwnedEntry
	for _, c := range o.companies {
		for _, e := range c.Entries {
			entries = append(entries, app.OwnedEntry{Entry: e, CompanyID: 1, Company: c.Name, Enabled: c.Enabled})
		}
	}
	return addr, app.Gate(addr, entries), []app.Way{{Name: "form", Result: "closed"}}, nil
}

func (o *office) Accounts(ctx context.Context, q app.AccountQuery) (app.AccountPage, error) {
	var out app.AccountPage
	if err := o.do("", fmt.Sprintf("accounts %s %s %t %s %t", q.Search, q.State, q.OffList, q.Sort, q.Reverse)); err != nil {
		return out, err
	}
	if q.Company != "" {
		if _, err := o.Company(ctx, q.Company); err != nil {
			return out, err
		}
	}
	out.Total = len(o.accounts)
	for _, a := range o.accounts {
		if a.Email.Key() <= q.After || (q.Company != "" && a.Company != q.Company) {
			continue
		}
		if len(out.Accounts) == q.Limit {
			out.Next = out.Accounts[q.Limit-1].Email.Key()
			break
		}
		out.Accounts = append(out.Accounts, a)
	}
	return out, nil
}

func (o *office) Account(_ context.Context, email string) (app.Account, error) {
	addr, err := app.ParseAddress(email)
	if err != nil {
		return app.Account{}, err
	}
	for _, a := range o.accounts {
		if a.Email.Key() == addr.Key() {
			return a, nil
		}
	}
	return app.Account{}, app.Errorf(app.NotFound, "account_unknown", "there is no account %s", addr)
}

func (o *office) SetAccountState(ctx context.Context, actor, email string, state app.AccountState) (app.Account, error) {
	a, err := o.Account(ctx, email)
	a.State = state
	return a, firstError(err, o.do(actor, string(state)+" "+email))
}

func (o *office) RemoveIdentity(ctx context.Context, actor, email string, id int64) (app.Account, error) {
	a, err := o.Account(ctx, email)
	return a, firstError(err, o.do(actor, fmt.Sprintf("remove identity %d of %s", id, email)))
}

func (o *office) RemoveAccount(_ context.Context, actor, email string) error {
	return o.do(actor, "remove account "+email)
}

func (o *office) Registrations(_ context.Context, after int64, limit int) ([]app.Registration, error) {
	var out []app.Registration
	for _, r := range o.waiting {
		if r.ID > after && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, o.do("", "registrations")
}

func (o *office) Resend(_ context.Context, actor, email string) (app.Registration, error) {
	addr, err := app.ParseAddress(email)
	return app.Registration{Email: addr, CreatedAt: then, ExpiresAt: then}, firstError(err, o.do(actor, "resend "+email))
}

func (o *office) RemoveRegistration(_ context.Context, actor, email string) error {
	return o.do(actor, "remove registration "+email)
}

func (o *office) Settings() app.Settings { return o.settings }

func (o *office) SetSettings(_ context.Context, actor string, changes map[string]string) (app.Settings, error) {
	next, err := o.settings.Change(changes)
	if err := firstError(err, o.do(actor, "settings")); err != nil {
		return app.Settings{}, err
	}
	o.settings = next
	return next, nil
}

func (o *office) Messages(_ context.Context, q app.MessageQuery) ([]app.Message, error) {
	var out []app.Message
	for _, m := range o.messages {
		if (q.Before == 0 || m.ID < q.Before) && (q.State == "" || m.State == q.State) && len(out) < q.Limit {
			out = append(out, m)
		}
	}
	return out, o.do("", "messages "+q.Search)
}

func (o *office) Message(_ context.Context, id int64) (app.Message, error) {
	for _, m := range o.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return app.Message{}, app.Errorf(app.NotFound, "message_unknown", "there is no mail %d", id)
}

func (o *office) RetryMessage(ctx context.Context, actor string, id int64) (app.Message, error) {
	m, err := o.Message(ctx, id)
	return m, firstError(err, o.do(actor, "retry"))
}

func (o *office) HoldMessage(ctx context.Context, actor string, id int64) (app.Message, error) {
	m, err := o.Message(ctx, id)
	return m, firstError(err, o.do(actor, "hold"))
}

func (o *office) HoldMessages(_ context.Context, actor string) (int, error) {
	return 2, o.do(actor, "hold all")
}

func (o *office) ReleaseMessage(ctx context.Context, actor string, id int64) (app.Message, error) {
	m, err := o.Message(ctx, id)
	return m, firstError(err, o.do(actor, "release"))
}

func (o *office) ReleaseMessages(_ context.Context, actor string) (int, error) {
	return 3, o.do(actor, "release all")
}

func (o *office) LastMessage(_ context.Context, email string) (app.Message, error) {
	for _, m := range o.messages {
		if m.Recipient.String() == email {
			return m, o.lastFault
		}
	}
	return app.Message{}, firstError(o.lastFault, app.Errorf(app.NotFound, "message_unknown", "there is no mail to %s", email))
}

func (o *office) Suppressed(context.Context) ([]app.Suppression, error) {
	return o.suppressed, o.do("", "suppressed")
}

func (o *office) Unsuppress(_ context.Context, actor, email string) error {
	return o.do(actor, "unsuppress "+email)
}

func (o *office) TLSHosts(context.Context) ([]app.TLSHost, error) {
	return o.tlsHosts, o.do("", "tls hosts")
}

func (o *office) ForgetTLS(_ context.Context, actor, host string) error {
	return o.do(actor, "forget tls "+host)
}

func (o *office) RemoveMessage(ctx context.Context, actor string, id int64) error {
	_, err := o.Message(ctx, id)
	return firstError(err, o.do(actor, "remove message"))
}

func (o *office) TestMail(_ context.Context, actor, email, lang string) (app.Message, error) {
	addr, err := app.ParseAddress(email)
	return app.Message{ID: 7, Kind: app.MailTest, Recipient: addr, CreatedAt: then}, firstError(err, o.do(actor, "test mail "+lang))
}

func (o *office) MailStatus(context.Context) (app.MailStatus, error) {
	return o.status, o.do("", "mail status")
}

func (o *office) MailDNS(context.Context) ([]app.DNSRecord, error) {
	return o.records, o.do("", "mail dns")
}

func (o *office) Blocked(context.Context) (map[string]time.Time, error) {
	return o.blockedTo, o.do("", "blocked")
}

func (o *office) Unblock(_ context.Context, actor, email string) error {
	return o.do(actor, "unblock "+email)
}

func (o *office) Events(_ context.Context, q app.EventQuery) ([]app.Event, error) {
	var out []app.Event
	for _, e := range o.events {
		if (q.Before == 0 || e.ID < q.Before) && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	if q.Action == "" {
		return out, o.do("", "events "+q.Search)
	}
	return out, o.do("", fmt.Sprintf("events %s %s %t %s %s", q.Search, q.Action, q.Refused, q.Since.Format(time.RFC3339), q.Until.Format(time.RFC3339)))
}

func (o *office) AccountSessions(ctx context.Context, email string) ([]app.Session, error) {
	_, err := o.Account(ctx, email)
	return []app.Session{{CreatedAt: then, SeenAt: then.Add(time.Hour), IP: "192.0.2.1", Browser: "Firefox", Through: "entra"}}, err
}

func (o *office) EndSessions(ctx context.Context, actor, email string) (int, error) {
	_, err := o.Account(ctx, email)
	return 3, firstError(err, o.do(actor, "end sessions of "+email))
}

func (o *office) MoveAccount(ctx context.Context, actor, email, company string) (app.Account, error) {
	a, err := o.Account(ctx, email)
	a.Company = company
	return a, firstError(err, o.do(actor, "move "+email+" to "+company))
}

func (o *office) SendReset(ctx context.Context, actor, email string) (app.Message, error) {
	a, err := o.Account(ctx, email)
	return app.Message{ID: 8, Kind: app.MailReset, Recipient: a.Email, CreatedAt: then}, firstError(err, o.do(actor, "send reset "+email))
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

func (o *office) Attention(context.Context) ([]app.Concern, error) {
	return []app.Concern{
		{Code: "connector_blocked", Error: true, Subject: "google", Text: "set client_id", Args: map[string]string{"Finding": "client_id_missing"}},
		{Code: "mail_failed", Count: 2, Text: "2 mails have failed"},
	}, o.do("", "attention")
}

func (o *office) Watch() *app.Watch { return o.changes.Watch() }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func mustAddress(t testing.TB, s string) app.Address {
	t.Helper()
	addr, err := app.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// serve runs the API of backend on a socket of its own and returns a client of it.
func serve(t testing.TB, backend localapi.Backend) *localapi.Client {
	t.Helper()
	return serveConfig(t, localapi.HandlerConfig{Backend: backend, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)})
}

func serveConfig(t testing.TB, c localapi.HandlerConfig) *localapi.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "admin.sock")
	l, err := localapi.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, localapi.NewServer(c))
	client := &localapi.Client{Socket: path}
	t.Cleanup(client.Close)
	return client
}

func serveOn(t testing.TB, l net.Listener, server *http.Server) {
	t.Helper()
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
}
