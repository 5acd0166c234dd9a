package gui

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"foyer/app/localapi"
	"foyer/assets"
)

// officeService is a service in its daily work, for the whole window: each page has what its own tests have, and more of it.
type officeService struct {
	*fakeHome     // Stats, Attention, MailStatus
	companies     *fakeCompanies
	connectors    *connectorService
	users         *usersFake
	mail          *fakeMail
	events        *logService
	*fakeUpkeep              // Backups, jobs and checkups
	mu            sync.Mutex // around those of them that note what they are asked: the window asks for several things at once
	settingValues localapi.Settings
}

func (s *officeService) Version(context.Context) (localapi.Version, error) {
	return localapi.Version{Version: "1.0.0", Caller: "anna (uid 1000)", Permitted: true}, nil
}

func (s *officeService) Settings(context.Context) (localapi.Settings, error) {
	return s.settingValues, nil
}

func (s *officeService) CompanyPage(ctx context.Context, f localapi.CompanyFilter, after string, limit int) (localapi.Page[localapi.CompanySummary], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.companies.CompanyPage(ctx, f, after, limit)
}

func (s *officeService) Company(ctx context.Context, name string) (localapi.Company, error) {
	return s.companies.Company(ctx, name)
}

func (s *officeService) CheckList(ctx context.Context, draft localapi.ListDraft) (localapi.ListCheck, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.companies.CheckList(ctx, draft)
}

func (s *officeService) Connectors(ctx context.Context) ([]localapi.Connector, error) {
	return s.connectors.Connectors(ctx)
}

func (s *officeService) AccountPage(ctx context.Context, f localapi.AccountFilter, after string, limit int) (localapi.Page[localapi.Account], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users.AccountPage(ctx, f, after, limit)
}

func (s *officeService) Account(ctx context.Context, email string) (localapi.AccountDetail, error) {
	return s.users.Account(ctx, email)
}

func (s *officeService) AccountSessions(ctx context.Context, email string) ([]localapi.AccountSession, error) {
	return s.users.AccountSessions(ctx, email)
}

func (s *officeService) RegistrationPage(ctx context.Context, after string, limit int) (localapi.Page[localapi.Registration], error) {
	return s.users.RegistrationPage(ctx, after, limit)
}

func (s *officeService) MessagePage(ctx context.Context, f localapi.MessageFilter, after string, limit int) (localapi.Page[localapi.Message], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mail.MessagePage(ctx, f, after, limit)
}

func (s *officeService) Message(ctx context.Context, id string) (localapi.MessageDetail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mail.Message(ctx, id)
}

func (s *officeService) MailDNS(context.Context) ([]localapi.DNSRecord, error) {
	return s.mail.records, nil
}

func (s *officeService) Programs(context.Context) ([]localapi.Program, error) {
	return s.mail.programs, nil
}

func (s *officeService) MailListener(context.Context) ([]localapi.ListenState, error) {
	return nil, nil
}

func (s *officeService) Suppressed(context.Context) ([]localapi.Suppressed, error) {
	return s.mail.gone, nil
}

func (s *officeService) Blocked(context.Context) ([]localapi.Blocked, error) { return nil, nil }

func (s *officeService) TLSHosts(context.Context) ([]localapi.TLSHost, error) { return nil, nil }

func (s *officeService) EventPage(ctx context.Context, f localapi.EventFilter, after string, limit int) (localapi.Page[localapi.Event], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events.EventPage(ctx, f, after, limit)
}

// people are the first and the last names of those who have accounts.
var people = []string{
	"Jana Nováková", "Peter Horváth", "Zuzana Kováčová", "Martin Varga", "Emily Clarke", "Tomáš Tóth", "Lucia Nagyová", "James Howard", "Katarína Baloghová",
	"Michal Szabó", "Sophie Turner", "Ján Molnár", "Eva Lukáčová", "Oliver Grant", "Veronika Kráľová", "Andrej Polák",
}

// firms are the customers, with the domains of their people.
var firms = []string{
	"Acme Ltd acme.example", "Alder Legal alder.example", "Birch & Sons birch.example", "Blue Harbour blueharbour.example", "Cedar Homes cedar.example",
	"Delta Logistics delta.example", "Elm Street Dental elmdental.example", "Fjord Travel fjord.example", "Gamma Print gamma.example", "Hilltop Farm hilltop.example",
	"Iris Optics iris.example", "Juniper Foods juniper.example", "Kestrel Air kestrel.example", "Larch Interiors larch.example", "Maple Accounting maple.example",
}

// newOfficeService returns a service of an office with some customers.
func newOfficeService() *officeService {
	s := &officeService{
		fakeHome: newOffice(), companies: newFakeCompanies(), connectors: sampleConnectors(), users: newUsersFake(), mail: newFakeMail(),
		events: sampleEvents(), fakeUpkeep: newFakeUpkeep(), settingValues: sampleSettings().now,
	}
	maps.Copy(s.settingValues, s.mail.settings)
	s.settingValues["login_link"] = localapi.Setting{Text: "on"}
	s.settingValues["contact"] = localapi.Setting{Text: "reception, +421 2 5555 0100"}
	s.companies.companies = nil
	s.users.accounts = s.users.accounts[:0]
	s.users.mails, s.users.sessions = map[string]*localapi.LastMail{}, map[string][]localapi.AccountSession{}
	at := time.Date(2026, 11, 26, 9, 41, 0, 0, time.UTC)
	for i, firm := range firms {
		cut := strings.LastIndex(firm, " ")
		name, domain := firm[:cut], firm[cut+1:]
		entries := []string{domain}
		if i == 0 {
			entries = []string{domain, "*.acme.example", "!temp@acme.example", "jana.novakova@mail.example"}
		}
		s.companies.companies = append(s.companies.companies, companyWith(name, 3+i*7%11, entries...))
		for n := range 3 {
			first, last, _ := strings.Cut(people[(i*3+n)%len(people)], " ")
			a := localapi.Account{
				Email: strings.ToLower(first[:1]+"."+foldName(last)) + "@" + domain, FirstName: first, LastName: last, Company: name, State: "active", ListMatch: true,
				Entry: domain, CreatedAt: at.Add(-time.Duration(i*3+n) * 7 * time.Hour), Groups: []string{"Customer Accounts"},
			}
			if i == 2 && n == 1 {
				a.State = "disabled"
			}
			a.ListMatch = i != 4 || n != 2
			s.users.accounts = append(s.users.accounts, a)
		}
	}
	slices.SortFunc(s.users.accounts, func(a, b localapi.Account) int { return strings.Compare(a.Email, b.Email) })
	first := s.users.accounts[0]
	s.users.mails[first.Email] = &localapi.LastMail{ID: "6", Kind: "confirm", State: "delivered", CreatedAt: first.CreatedAt, Reply: "250 2.0.0 Ok: queued as 4B2C"}
	s.users.sessions[first.Email] = []localapi.AccountSession{{SeenAt: at, IP: "192.0.2.17", Browser: "Firefox 145 on Windows"}}
	s.stats.Accounts, s.stats.Companies = len(s.users.accounts), len(firms)
	s.status.Transport, s.status.Messages = "smarthost", map[string]int{"queued": 1, "deferred": 1, "failed": 1, "captured": 1, "delivered": 25}
	s.notices[1].Count = 1
	s.fill(at)
	return s
}

// foldName returns a name as it stands in an address.
func foldName(name string) string {
	return strings.NewReplacer("á", "a", "č", "c", "ó", "o", "ľ", "l", "š", "s", "é", "e", "í", "i", "ú", "u", "ý", "y", "ž", "z").Replace(name)
}

// fill writes mails and events for the accounts.
func (s *officeService) fill(at time.Time) {
	s.events.all = nil
	for i, a := range s.users.accounts[:24] {
		message := s.mail.messages[1]
		message.ID, message.Kind, message.Subject, message.Recipient, message.Program = fmt.Sprint(100+i), "confirm", "Confirm your address", a.Email, ""
		message.CreatedAt = a.CreatedAt
		s.mail.messages = append(s.mail.messages, message)
		when := at.Add(-time.Duration(i) * 51 * time.Minute)
		for n, e := range []localapi.Event{
			{Action: "account.confirm", Outcome: "ok", Subject: a.Email, Company: a.Company, Entry: a.Entry, Actor: a.Email, IP: "192.0.2.17"},
			{Action: "registration.signup", Outcome: "ok", Subject: a.Email, Company: a.Company, Entry: a.Entry, Actor: "visitor", IP: "192.0.2.17"},
		} {
			e.ID, e.At = fmt.Sprint(1000-2*i-n), when.Add(-time.Duration(n)*4*time.Minute)
			s.events.all = append(s.events.all, e)
		}
		if i%5 == 2 {
			s.events.all = append(s.events.all, localapi.Event{ID: fmt.Sprint(2000 + i), At: when.Add(-11 * time.Minute), Actor: "visitor", IP: "203.0.113.9", Action: "registration.signup", Outcome: "not_listed", Subject: "eve@other.example"})
		}
	}
}

// iconApp is a test's app with an icon.
type iconApp struct {
	fyne.App
	icon fyne.Resource
}

func (a *iconApp) Icon() fyne.Resource { return a.icon }

// newOfficeWindow returns the window of an office, and what runs all that it has begun.
func newOfficeWindow(t *testing.T) (w *window, settle func()) {
	t.Helper()
	a := test.NewTempApp(t)
	icon, err := fs.ReadFile(assets.Files(), "icon/foyer.png")
	if err != nil {
		t.Fatal(err)
	}
	applyTheme(a)
	b, settle := newSettling(t)
	w = newWindow(&iconApp{a, fyne.NewStaticResource("foyer.png", icon)}, Config{Client: newOfficeService(), Host: &testHost{state: runningService()}, Version: "1.0.0", Log: slog.New(slog.DiscardHandler)}, b)
	w.setConnection(connection{link: linkUp, version: localapi.Version{Version: "1.0.0", Caller: "anna (uid 1000)"}})
	settle()
	return w, settle
}

// TestPages goes through all pages of the window of an office at work: none of them complains. With FOYER_PICTURES it pictures each.
func TestPages(t *testing.T) {
	w, settle := newOfficeWindow(t)
	for _, c := range []struct{ name, page, subject, sees string }{
		{"home", pageHome, "", "15"},
		{"companies", pageCompanies, "Acme Ltd", "acme.example"},
		{"connectors", pageConnectors, "", "Office 365 / Entra ID"},
		{"users", pageUsers, "", "Polák"},
		{"mail", pageMail, "", "Confirm your address"},
		{"log", pageLog, "", "eve@other.example"},
		{"upkeep", pageUpkeep, "", "Every night"},
		{"upkeep-health", pageUpkeep, "health", "Port 25"},
		{"upkeep-service", pageUpkeep, "service", "/usr/local/bin/foyer"},
		{"settings", pageSettings, "", "Novák & Partners"},
	} {
		w.open(c.page, c.subject)
		settle()
		if c.page == pageUsers {
			if users, ok := w.current.view.(*usersView); ok {
				users.accounts.table.list.Select(0)
				settle()
			}
		}
		text := textsOf(w.win)
		if !strings.Contains(text, c.sees) {
			t.Errorf("%s does not show %q:\n%s", c.name, c.sees, text)
		}
		for _, o := range objectsOf(w.win.Canvas()) {
			if b, ok := o.(*bar); ok {
				t.Errorf("%s says %q", c.name, b.label.Text)
			}
		}
		if os.Getenv("FOYER_PICTURES") != "" {
			pictures(t, w.app, w.win, "page-"+c.name)
		}
	}
}

// TestFieldGround expects what a field stands on to be as large as the field, after the window was made smaller and larger.
func TestFieldGround(t *testing.T) {
	w, settle := newOfficeWindow(t)
	w.open(pageCompanies, "Acme Ltd")
	settle()
	field := w.current.view.(*companiesView).form.field
	for _, width := range []float32{1280, 1024, 1400} {
		w.win.Resize(fyne.NewSize(width, 760))
		if got, want := field.ground.Size(), field.Size(); got.Width != want.Width || got.Width < 300 {
			t.Errorf("in a window of %v the field is %v and its ground %v", width, want, got)
		}
	}
}
