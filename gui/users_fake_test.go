package gui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// usersFake is an office with some accounts.
type usersFake struct {
	Client
	accounts []localapi.Account
	waiting  []localapi.Registration
	sessions map[string][]localapi.AccountSession
	mails    map[string]*localapi.LastMail
	events   []localapi.Event
	settings localapi.Settings
	verdict  localapi.AllowTest
	err      error // of everything that changes something
	lost     error // of everything
	asked    []localapi.AccountFilter
	done     []string
}

func usersDay(hour int) time.Time { return time.Date(2026, 11, 20, hour, 15, 0, 0, time.UTC) }

func newUsersFake() *usersFake {
	f := &usersFake{
		sessions: map[string][]localapi.AccountSession{"jane.novak@acme.example": {
			{SeenAt: usersDay(11), IP: "192.0.2.17", Browser: "Firefox 145 on Windows", Through: "office"},
			{SeenAt: usersDay(9), IP: "2001:db8::7"},
		}},
		mails: map[string]*localapi.LastMail{"jane.novak@acme.example": {
			ID: "4711", Kind: "confirm", State: "delivered", CreatedAt: usersDay(8), Reply: "250 2.0.0 Ok: queued as 4B2C",
		}},
		events: []localapi.Event{
			{At: usersDay(11), Actor: "jane.novak@acme.example", Action: "account.signin", Outcome: "ok", Subject: "jane.novak@acme.example"},
			{At: usersDay(10), Actor: "visitor", Action: "account.signin", Outcome: "password_wrong", Subject: "jane.novak@acme.example"},
			{At: usersDay(9), Actor: "visitor", Action: "account.confirm", Outcome: "ok", Subject: "mary-jane.novak@acme.example"},
		},
		settings: localapi.Settings{"login_link": {Text: "on"}, "public_url": {Text: "https://accounts.office.example"}},
	}
	f.accounts = []localapi.Account{
		{Email: "adam@globex.example", FirstName: "Adam", LastName: "Malý", Company: "Globex", State: "disabled", ListMatch: true, Entry: "globex.example", CreatedAt: usersDay(5), Groups: []string{"Customer Accounts"}},
		{
			Email: "jane.novak@acme.example", FirstName: "Jane", LastName: "Nováková", Phone: "+421 900 123 456", Company: "Acme", State: "active", ListMatch: true, Entry: "*.acme.example",
			CreatedAt: usersDay(8), Groups: []string{"Customer Accounts"},
			Identities: []localapi.Identity{{ID: "7", Connector: "office", Email: "jane@acme.example", SeenAt: usersDay(11)}},
		},
		{Email: "old@acme.example", FirstName: "Olga", LastName: "Stará", Company: "Acme", State: "active", CreatedAt: usersDay(3), Groups: []string{"Customer Accounts"}},
	}
	f.waiting = []localapi.Registration{
		{Email: "new@acme.example", FirstName: "Nora", LastName: "Nová", Company: "Acme", Entry: "acme.example", CreatedAt: usersDay(12), ExpiresAt: usersDay(12).AddDate(0, 0, 1), CodeTries: 2},
		{Email: "peter@globex.example", FirstName: "Peter", LastName: "Veľký", Company: "Globex", Entry: "globex.example", Through: "google", CreatedAt: usersDay(13), ExpiresAt: usersDay(13).AddDate(0, 0, 1)},
	}
	return f
}

// fill adds accounts until there are n.
func (f *usersFake) fill(n int) {
	for i := len(f.accounts); i < n; i++ {
		f.accounts = append(f.accounts, localapi.Account{Email: fmt.Sprintf("user%05d@acme.example", i), Company: "Acme", State: "active", ListMatch: true, CreatedAt: usersDay(1)})
	}
}

func (f *usersFake) find(email string) (int, error) {
	i := slices.IndexFunc(f.accounts, func(a localapi.Account) bool { return a.Email == email })
	if i < 0 {
		return 0, &app.Error{Code: app.NotFound, Reason: "account_unknown", Message: "there is no account " + email}
	}
	return i, nil
}

func (f *usersFake) AccountPage(_ context.Context, filter localapi.AccountFilter, after string, limit int) (localapi.Page[localapi.Account], error) {
	f.asked = append(f.asked, filter)
	if f.lost != nil {
		return localapi.Page[localapi.Account]{}, f.lost
	}
	var all []localapi.Account
	for _, a := range f.accounts {
		switch {
		case filter.Company != "" && a.Company != filter.Company, filter.State != "" && a.State != filter.State, filter.OffList && a.ListMatch:
		case !strings.Contains(a.Email+" "+a.FirstName+" "+a.LastName, filter.Search):
		default:
			all = append(all, a)
		}
	}
	return pageOf(all, after, limit), nil
}

// pageOf returns the part of a list that begins after.
func pageOf[T any](all []T, after string, limit int) localapi.Page[T] {
	first := 0
	if after != "" {
		_, _ = fmt.Sscan(after, &first) // it has written it itself
	}
	last := min(first+limit, len(all))
	page := localapi.Page[T]{Items: slices.Clone(all[first:last]), Total: len(all)}
	if last < len(all) {
		page.Next = fmt.Sprint(last)
	}
	return page
}

func (f *usersFake) Account(_ context.Context, email string) (localapi.AccountDetail, error) {
	i, err := f.find(email)
	if err != nil {
		return localapi.AccountDetail{}, err
	}
	return localapi.AccountDetail{Account: f.accounts[i], LastMail: f.mails[email]}, f.lost
}

func (f *usersFake) AccountSessions(_ context.Context, email string) ([]localapi.AccountSession, error) {
	return f.sessions[email], nil
}

func (f *usersFake) EventPage(_ context.Context, filter localapi.EventFilter, _ string, limit int) (localapi.Page[localapi.Event], error) {
	var found []localapi.Event
	for _, e := range f.events {
		if strings.Contains(e.Subject, filter.Search) {
			found = append(found, e)
		}
	}
	return pageOf(found, "", limit), nil
}

func (f *usersFake) RegistrationPage(_ context.Context, after string, limit int) (localapi.Page[localapi.Registration], error) {
	return pageOf(f.waiting, after, limit), f.lost
}

func (f *usersFake) Stats(context.Context, int, time.Duration) (localapi.Stats, error) {
	return localapi.Stats{Accounts: len(f.accounts), Registrations: len(f.waiting)}, f.lost
}

func (f *usersFake) Settings(context.Context) (localapi.Settings, error) { return f.settings, f.lost }

func (f *usersFake) SetSettings(_ context.Context, changes map[string]string) (localapi.Settings, error) {
	if f.err != nil {
		return nil, f.err
	}
	for key, value := range changes {
		f.settings[key] = localapi.Setting{Text: value}
	}
	return f.settings, nil
}

func (f *usersFake) CompanyPage(_ context.Context, filter localapi.CompanyFilter, _ string, limit int) (localapi.Page[localapi.CompanySummary], error) {
	var found []localapi.CompanySummary
	for i, name := range []string{"Acme", "Globex", "Initech"} {
		if strings.Contains(strings.ToLower(name), strings.ToLower(filter.Search)) {
			found = append(found, localapi.CompanySummary{Name: name, Enabled: name != "Initech", Accounts: i + 1})
		}
	}
	return pageOf(found, "", limit), nil
}

func (f *usersFake) TestAddress(context.Context, string) (localapi.AllowTest, error) {
	return f.verdict, nil
}

// act notes what was done, unless it goes wrong.
func (f *usersFake) act(what ...string) error {
	if f.err == nil {
		f.done = append(f.done, strings.Join(what, " "))
	}
	return f.err
}

func (f *usersFake) EnableAccount(_ context.Context, email string, on bool) (localapi.Account, error) {
	i, err := f.find(email)
	if err != nil {
		return localapi.Account{}, err
	}
	if err := f.act("enable", email, fmt.Sprint(on)); err != nil {
		return localapi.Account{}, err
	}
	f.accounts[i].State = map[bool]string{true: "active", false: "disabled"}[on]
	return f.accounts[i], nil
}

func (f *usersFake) EndSessions(_ context.Context, email string) (int, error) {
	n := len(f.sessions[email])
	if err := f.act("end", email); err != nil {
		return 0, err
	}
	delete(f.sessions, email)
	return n, nil
}

func (f *usersFake) MoveAccount(_ context.Context, email, company string) (localapi.Account, error) {
	i, err := f.find(email)
	if err != nil {
		return localapi.Account{}, err
	}
	f.accounts[i].Company, f.accounts[i].ListMatch = company, false
	return f.accounts[i], f.act("move", email, company)
}

func (f *usersFake) RemoveAccount(_ context.Context, email string) error {
	i, err := f.find(email)
	if err != nil {
		return err
	}
	if err := f.act("remove", email); err != nil {
		return err
	}
	f.accounts = slices.Delete(f.accounts, i, i+1)
	return nil
}

func (f *usersFake) RemoveIdentity(_ context.Context, email, id string) (localapi.Account, error) {
	i, err := f.find(email)
	if err != nil {
		return localapi.Account{}, err
	}
	f.accounts[i].Identities = nil
	return f.accounts[i], f.act("unlink", email, id)
}

func (f *usersFake) SendReset(_ context.Context, email string) error { return f.act("reset", email) }

func (f *usersFake) Resend(_ context.Context, email string) (localapi.Registration, error) {
	return localapi.Registration{}, f.act("resend", email)
}

func (f *usersFake) RemoveRegistration(_ context.Context, email string) error {
	if err := f.act("remove registration", email); err != nil {
		return err
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(r localapi.Registration) bool { return r.Email == email })
	return nil
}

func (f *usersFake) MessagePage(_ context.Context, filter localapi.MessageFilter, _ string, _ int) (localapi.Page[localapi.Message], error) {
	return localapi.Page[localapi.Message]{Items: []localapi.Message{{ID: "1", Recipient: "x" + filter.Search}, {ID: "2", Recipient: filter.Search}}}, nil
}
