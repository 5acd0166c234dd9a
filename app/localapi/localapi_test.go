package localapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

func TestCompanyTravels(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	_, err := client.AddCompany(t.Context(), "Acme", "acme.com, !boss@acme.com\n*.gmail.com xn--pple-43d.com")
	if err != nil {
		t.Fatal(err)
	}
	c := backend.companies["Acme"]
	c.Accounts, c.Tenants = 3, []string{tenant}
	c.Overlaps = []app.Overlap{{Entry: "acme.com", Other: "*.acme.com", OtherCompany: "Group"}}
	backend.companies["Acme"] = c

	got, err := client.Company(t.Context(), "Acme")
	if err != nil {
		t.Fatal(err)
	}
	want := localapi.Company{
		Name: "Acme", Enabled: true, CreatedAt: then.UTC(), Accounts: 3,
		Entries: []localapi.Entry{
			{Entry: "acme.com", Display: "acme.com", Kind: "domain"},
			{Entry: "!boss@acme.com", Display: "!boss@acme.com", Kind: "address", Deny: true},
			{Entry: "*.gmail.com", Display: "*.gmail.com", Kind: "wildcard", Warning: got.Entries[2].Warning},
			{
				Entry: "xn--pple-43d.com", Display: "аpple.com", Kind: "domain", MixedScript: true,
				Warning: "it mixes the letters of several scripts, as look-alike domains do",
			},
		},
		Overlaps: []localapi.Overlap{{Entry: "acme.com", Other: "*.acme.com", OtherCompany: "Group"}},
		Tenants:  []string{tenant},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("company\n got %+v\nwant %+v", got, want)
	}
	all, err := client.Companies(t.Context())
	if err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], want) {
		t.Errorf("companies: got %+v, %v, want the one above", all, err)
	}
}

// TestNamesInPaths sends names that mean something in a path, and expects each to arrive as it is.
func TestNamesInPaths(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	names := []string{
		"Smith & Sons", "a/b", "//", ".", "..", "../accounts", "50%", "%2F", "a+b", "what?", "#1", "ÄÖÜ čšž 日本", "a;b=c",
		`back\slash`, "{name}", "enable", "a//b/../c", "tab\tin", "nul\x00", "bad\xffutf8", " blank ",
	}
	for _, name := range names {
		if _, err := client.EnableCompany(t.Context(), name, true); app.CodeOf(err) != app.NotFound || !strings.Contains(app.MessageOf(err), fmt.Sprintf("%q", name)) {
			t.Errorf("enable %q: got %v, want not found of exactly that name", name, err)
		}
		if err := client.RemoveCompany(t.Context(), name); err != nil {
			t.Errorf("remove %q: %v", name, err)
		}
		if got, want := last(backend.calls()), "remove "+name; !strings.HasSuffix(got, ": "+want) {
			t.Errorf("the service was asked to %q, want %q", got, want)
		}
	}
	if _, err := client.Company(t.Context(), ""); app.CodeOf(err) != app.Invalid {
		t.Errorf("no name: got %v, want invalid", err)
	}
	// The one name no path can carry cannot be given either.
	_, showErr := client.Company(t.Context(), "/")
	_, addErr := client.AddCompany(t.Context(), "/", "")
	_, renameErr := client.RenameCompany(t.Context(), "a/b", "/")
	for _, err := range []error{showErr, addErr, renameErr} {
		if app.CodeOf(err) != app.Invalid {
			t.Errorf("the name /: got %v, want invalid", err)
		}
	}
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// TestWhoDidIt expects the audit's actor to be what the kernel says of this process.
func TestWhoDidIt(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	if err := client.RemoveCompany(t.Context(), "Acme"); err != nil {
		t.Fatal(err)
	}
	peer := localapi.Peer{Known: true, UID: uint32(os.Getuid())}
	if got, want := last(backend.calls()), peer.String()+": remove Acme"; got != want {
		t.Errorf("audit: got %q, want %q", got, want)
	}
	if os.Getuid() == 0 && peer.String() != "root (uid 0)" {
		t.Errorf("peer: got %q, want root (uid 0)", peer)
	}
}

func TestEveryCallReachesTheService(t *testing.T) {
	backend := newOffice(t)
	backend.accounts = []app.Account{{Email: mustAddress(t, "jane@acme.com"), State: app.AccountActive, CreatedAt: then}}
	backend.messages = []app.Message{{ID: 9, Recipient: mustAddress(t, "jane@acme.com"), Data: []byte("Subject: x\r\n\r\ny\r\n"), CreatedAt: then}}
	backend.companies["Acme"] = app.Company{Name: "Acme"}
	client := serve(t, backend)
	ctx := t.Context()
	me := localapi.Peer{Known: true, UID: uint32(os.Getuid())}.String()
	calls := []struct {
		want string
		call func() error
	}{
		{me + ": rename Acme to Beta", func() error { _, err := client.RenameCompany(ctx, "Acme", "Beta"); return err }},
		{me + ": enable Acme", func() error { _, err := client.EnableCompany(ctx, "Acme", true); return err }},
		{me + ": disable Acme", func() error { _, err := client.EnableCompany(ctx, "Acme", false); return err }},
		{me + ": remove Acme", func() error { return client.RemoveCompany(ctx, "Acme") }},
		{me + ": allow Acme a.com\nb.com", func() error { _, err := client.Allow(ctx, "Acme", "a.com\nb.com", false); return err }},
		{me + ": allow Acme a.com (move)", func() error { _, err := client.Allow(ctx, "Acme", "a.com", true); return err }},
		{me + ": disallow Acme a.com", func() error { _, err := client.Disallow(ctx, "Acme", "a.com"); return err }},
		{me + ": tenants Acme +" + tenant + " -x y", func() error { _, err := client.SetTenants(ctx, "Acme", tenant, "x y"); return err }},
		{me + ": add google g", func() error { _, err := client.AddConnector(ctx, "google", "g", nil); return err }},
		{me + ": set g", func() error {
			_, err := client.SetConnector(ctx, "g", map[string]string{"label": "x"})
			return err
		}},
		{": connector g", func() error { _, err := client.Connector(ctx, "g"); return err }},
		{": connectors", func() error { _, err := client.Connectors(ctx); return err }},
		{me + ": remove connector g", func() error { return client.RemoveConnector(ctx, "g") }},
		{me + ": add program p", func() error { _, err := client.AddProgram(ctx, "p", map[string]string{"senders": "a.com"}); return err }},
		{me + ": set program p", func() error {
			_, err := client.SetProgram(ctx, "p", map[string]string{"enabled": "off"})
			return err
		}},
		{": program p", func() error { _, err := client.Program(ctx, "p"); return err }},
		{me + ": new password of p", func() error { _, err := client.NewProgramPassword(ctx, "p"); return err }},
		{": programs", func() error { _, err := client.Programs(ctx); return err }},
		{": mail listener", func() error { _, err := client.MailListener(ctx); return err }},
		{me + ": remove program p", func() error { return client.RemoveProgram(ctx, "p") }},
		{me + ": active jane@acme.com", func() error { _, err := client.EnableAccount(ctx, "jane@acme.com", true); return err }},
		{me + ": disabled jane@acme.com", func() error { _, err := client.EnableAccount(ctx, "jane@acme.com", false); return err }},
		{me + ": remove identity 7 of jane@acme.com", func() error { _, err := client.RemoveIdentity(ctx, "jane@acme.com", "7"); return err }},
		{me + ": remove account jane@acme.com", func() error { return client.RemoveAccount(ctx, "jane@acme.com") }},
		{me + ": resend jane@acme.com", func() error { _, err := client.Resend(ctx, "jane@acme.com"); return err }},
		{me + ": remove registration jane@acme.com", func() error { return client.RemoveRegistration(ctx, "jane@acme.com") }},
		{me + ": retry", func() error { _, err := client.RetryMessage(ctx, "9"); return err }},
		{me + ": hold", func() error { _, err := client.HoldMessage(ctx, "9"); return err }},
		{me + ": release", func() error { _, err := client.ReleaseMessage(ctx, "9"); return err }},
		{me + ": hold all", func() error { _, err := client.HoldMessages(ctx); return err }},
		{me + ": release all", func() error { _, err := client.ReleaseMessages(ctx); return err }},
		{": suppressed", func() error { _, err := client.Suppressed(ctx); return err }},
		{me + ": unsuppress jane@acme.com", func() error { return client.Unsuppress(ctx, "jane@acme.com") }},
		{": tls hosts", func() error { _, err := client.TLSHosts(ctx); return err }},
		{me + ": forget tls mx.acme.com", func() error { return client.ForgetTLS(ctx, "mx.acme.com") }},
		{me + ": remove message", func() error { return client.RemoveMessage(ctx, "9") }},
		{me + ": test mail sk", func() error { _, err := client.TestMail(ctx, "jane@acme.com", "sk"); return err }},
		{": mail status", func() error { _, err := client.MailStatus(ctx); return err }},
		{": mail dns", func() error { _, err := client.MailDNS(ctx); return err }},
		{me + ": unblock jane@acme.com", func() error { return client.Unblock(ctx, "jane@acme.com") }},
		{": events jane", func() error { return each(client.Events(ctx, localapi.EventFilter{Search: "jane"})) }},
		{": registrations", func() error { return each(client.Registrations(ctx)) }},
	}
	for _, c := range calls {
		if err := c.call(); err != nil {
			t.Errorf("%s: %v", c.want, err)
		}
		if got := last(backend.calls()); got != c.want {
			t.Errorf("the service was asked %q, want %q", got, c.want)
		}
	}
	m, err := client.Message(ctx, "9")
	if err != nil || m.Data != "Subject: x\r\n\r\ny\r\n" || m.NextAttempt != nil || m.ID != "9" {
		t.Errorf("message: got %+v, %v", m, err)
	}
	for _, id := range []string{"0", "-1", "nine", "9223372036854775808", "../9"} {
		if _, err := client.Message(ctx, id); app.CodeOf(err) != app.NotFound {
			t.Errorf("message %q: got %v, want not found", id, err)
		}
	}
}

func each[T any](items iter.Seq2[T, error]) error {
	for _, err := range items {
		if err != nil {
			return err
		}
	}
	return nil
}

func collect[T any](t *testing.T, items iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, item)
	}
	return out
}

// TestPages expects every item once, whatever their number is to the size of a page.
func TestPages(t *testing.T) {
	for _, n := range []int{0, 1, 99, 100, 101, 250, 300} {
		backend := newOffice(t)
		for i := range n {
			backend.accounts = append(backend.accounts, app.Account{Email: mustAddress(t, fmt.Sprintf("p%04d@acme.com", i)), Groups: []string{app.CustomerAccounts}, ListMatch: true})
			backend.waiting = append(backend.waiting, app.Registration{ID: int64(i + 1), Email: mustAddress(t, fmt.Sprintf("r%04d@acme.com", i))})
			backend.messages = append(backend.messages, app.Message{ID: int64(n - i), State: app.MessageCaptured})
			backend.events = append(backend.events, app.Event{ID: int64(n - i)})
		}
		client := serve(t, backend)
		ctx := t.Context()
		accounts := collect(t, client.Accounts(ctx, localapi.AccountFilter{}))
		waiting := collect(t, client.Registrations(ctx))
		messages := collect(t, client.Messages(ctx, localapi.MessageFilter{State: "captured"}))
		events := collect(t, client.Events(ctx, localapi.EventFilter{}))
		if len(accounts) != n || len(waiting) != n || len(messages) != n || len(events) != n {
			t.Errorf("of %d: got %d accounts, %d registrations, %d messages, %d events", n, len(accounts), len(waiting), len(messages), len(events))
			continue
		}
		for i := range n {
			if accounts[i].Email != fmt.Sprintf("p%04d@acme.com", i) || !accounts[i].ListMatch || len(accounts[i].Groups) != 1 {
				t.Errorf("account %d is %+v", i, accounts[i])
			}
			if events[i].ID != fmt.Sprint(n-i) || messages[i].ID != fmt.Sprint(n-i) {
				t.Errorf("item %d: event %s, message %s, want %d", i, events[i].ID, messages[i].ID, n-i)
			}
		}
	}
}

func TestPageBounds(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	page, err := client.EventPage(t.Context(), localapi.EventFilter{}, "", 5000)
	if err != nil || page.Items == nil || page.Next != "" {
		t.Errorf("limit above the largest: got %+v, %v, want an empty page", page, err)
	}
	if _, err := client.EventPage(t.Context(), localapi.EventFilter{}, "x1", 1); app.CodeOf(err) != app.Invalid {
		t.Errorf("a cursor that is none: got %v, want invalid", err)
	}
	if _, err := client.MessagePage(t.Context(), localapi.MessageFilter{State: "lost"}, "", 1); app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), "deferred") {
		t.Errorf("a state that is none: got %v, want invalid that names the states", err)
	}
	if _, err := client.AccountPage(t.Context(), localapi.AccountFilter{Company: "Nobody"}, "", 1); app.CodeOf(err) != app.NotFound {
		t.Errorf("accounts of an unknown company: got %v, want not found", err)
	}
}

func TestSettingsTravel(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	const secret = "correct horse battery staple"
	got, err := client.SetSettings(t.Context(), map[string]string{"login_link": "on", "limits.mail_global": "0", "mail.password": secret, "contact": "a=b"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]localapi.Setting{
		"login_link": {Text: "on"}, "limits.mail_global": {Text: "0", Number: true}, "mail.password": {Secret: true, Set: true}, "contact": {Text: "a=b"},
	}
	for key, w := range want {
		if got[key] != w {
			t.Errorf("%s: got %+v, want %+v", key, got[key], w)
		}
	}
	if backend.settings.Mail.Password != secret {
		t.Error("the password did not arrive")
	}
	// Reading never gives a secret, whatever is asked.
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "horse") || !strings.Contains(string(raw), `"mail.password":{"set":true}`) {
		t.Errorf("settings on the wire: %s", raw)
	}
	if len(got) != len(app.SettingDefs()) {
		t.Errorf("got %d settings, want all %d", len(got), len(app.SettingDefs()))
	}
	if _, err := client.SetSettings(t.Context(), map[string]string{"no.such": "1"}); app.CodeOf(err) != app.NotFound {
		t.Errorf("unknown key: got %v, want not found", err)
	}
	if _, err := client.SetSettings(t.Context(), nil); app.CodeOf(err) != app.Invalid {
		t.Errorf("nothing to set: got %v, want invalid", err)
	}
}

// TestErrorsTravel expects an error of the service to be the same error at the client, but for its cause.
func TestErrorsTravel(t *testing.T) {
	codes := []app.Code{
		app.Invalid, app.NotFound, app.Conflict, app.Denied, app.Closed, app.Gone, app.Limited, app.Unavailable, app.Internal,
	}
	backend := newOffice(t)
	client := serve(t, backend)
	for _, code := range codes {
		backend.fail = &app.Error{
			Code: code, Field: "entries", Reason: "entry_taken", Message: "\"acme.com\" belongs to Beta <&> žluťoučký",
			Args: map[string]string{"Owner": "Beta", "Token": "acme.com"}, Err: errors.New("sqlite: secret cause"),
		}
		_, err := client.Allow(t.Context(), "Acme", "acme.com", false)
		got, ok := errors.AsType[*app.Error](err)
		if !ok {
			t.Errorf("%s: got %v, want an app.Error", code, err)
			continue
		}
		want, _ := errors.AsType[*app.Error](backend.fail)
		if got.Code != want.Code || got.Field != want.Field || got.Reason != want.Reason || got.Message != want.Message || !maps.Equal(got.Args, want.Args) {
			t.Errorf("%s: got %+v, want %+v", code, got, want)
		}
		if strings.Contains(err.Error(), "secret cause") {
			t.Errorf("%s: the cause left the service: %v", code, err)
		}
	}
	backend.fail = errors.New("open /var/lib/foyer/foyer.db: disk I/O error")
	_, err := client.Companies(t.Context())
	if app.CodeOf(err) != app.Internal || strings.Contains(err.Error(), "foyer.db") {
		t.Errorf("an error that is no app.Error: got %v, want a neutral one", err)
	}
}

func TestNoServiceAtTheSocket(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as a killed service leaves it
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dead, filepath.Join(dir, "none.sock"), filepath.Join(dir, "no", "dir.sock"), file} {
		client := &localapi.Client{Socket: path}
		_, err := client.Companies(t.Context())
		if app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != "service_unreachable" {
			t.Errorf("%s: got %v, want service_unreachable", path, err)
		}
		for _, word := range []string{path, "foyer serve", "--data"} {
			if !strings.Contains(app.MessageOf(err), word) {
				t.Errorf("%s: the message %q does not name %q", path, app.MessageOf(err), word)
			}
		}
	}
	long := &localapi.Client{Socket: filepath.Join(dir, strings.Repeat("x", 120))}
	if _, err := long.Version(t.Context()); app.CodeOf(err) != app.Invalid || !strings.Contains(app.MessageOf(err), "--socket") {
		t.Errorf("a path that is too long: got %v, want invalid that names --socket", err)
	}
}

// TestWhoAnswersAtTheSocket puts other servers where the service should be.
func TestWhoAnswersAtTheSocket(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		code    app.Code
		reason  string
	}{
		{"another program", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, app.Unavailable, "service_unreachable"},
		{"a newer service", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Foyer-Api", "2")
			w.Header().Set("Foyer-Version", "9.0.0")
		}, app.Unavailable, "version_mismatch"},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Foyer-Api", "1")
			_, _ = io.WriteString(w, "{")
		}, app.Internal, "answer"},
		{"an error without a body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Foyer-Api", "1")
			w.WriteHeader(http.StatusBadGateway)
		}, app.Internal, "answer"},
		{"a service that dies", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, app.Unavailable, "service_unreachable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			serveOn(t, l, &http.Server{Handler: tt.handler, ReadHeaderTimeout: time.Second})
			client := &localapi.Client{Socket: path}
			t.Cleanup(client.Close)
			_, err = client.Companies(t.Context())
			if app.CodeOf(err) != tt.code || app.ReasonOf(err) != tt.reason {
				t.Errorf("got %s %s (%v), want %s %s", app.CodeOf(err), app.ReasonOf(err), err, tt.code, tt.reason)
			}
			if tt.reason == "version_mismatch" && !strings.Contains(app.MessageOf(err), "9.0.0") {
				t.Errorf("the message does not name the service's version: %v", err)
			}
			if v, err := client.Version(t.Context()); tt.reason == "version_mismatch" && (v.Version != "9.0.0" || err == nil) {
				t.Errorf("the service's version is %q (%v)", v.Version, err)
			}
		})
	}
}

// TestCallerGivesUp expects a call to end with its context, and the service to see it.
func TestCallerGivesUp(t *testing.T) {
	backend := &slowOffice{office: newOffice(t), asked: make(chan struct{}), gone: make(chan struct{})}
	client := serve(t, backend)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-backend.asked
		cancel()
	}()
	if _, err := client.Companies(ctx); app.CodeOf(err) != app.Unavailable || app.ReasonOf(err) != "canceled" {
		t.Errorf("got %v, want canceled", err)
	}
	<-backend.gone
}

type slowOffice struct {
	*office
	asked, gone chan struct{}
}

func (o *slowOffice) Companies(ctx context.Context) ([]app.Company, error) {
	close(o.asked)
	<-ctx.Done()
	close(o.gone)
	return nil, ctx.Err()
}

func TestPermission(t *testing.T) {
	own := uint32(os.Geteuid())
	group := groupOfThisMachine(t)
	tests := []struct {
		name string
		peer localapi.Peer
		want bool
	}{
		{"root", localapi.Peer{Known: true}, true},
		{"the service's own user", localapi.Peer{Known: true, UID: own, GID: 4711}, true},
		{"an operator by uid", localapi.Peer{Known: true, UID: 4711, GID: 4711}, true},
		{"an operator by name", localapi.Peer{Known: true, UID: 65534, GID: 65534}, true},
		{"a member", localapi.Peer{Known: true, UID: 4712, GID: 4712, Groups: []uint32{7, group.gid}}, true},
		{"a member by primary group", localapi.Peer{Known: true, UID: 4712, GID: group.gid}, true},
		{"anybody", localapi.Peer{Known: true, UID: 4712, GID: 4712, Groups: []uint32{7, 8}}, false},
		{"a user of this machine", localapi.Peer{Known: true, UID: 2, GID: 4712}, false},
		{"anybody whose uid is the group's gid", localapi.Peer{Known: true, UID: group.gid, GID: 4712}, false},
		{"not known", localapi.Peer{}, false},
		{"not known, says root", localapi.Peer{UID: 0, Groups: []uint32{group.gid}}, false},
		{"the system of Windows", localapi.Peer{Known: true, SID: "S-1-5-18"}, true},
		{"an elevated administrator", localapi.Peer{Known: true, SID: "S-1-5-21-7", GroupSIDs: []string{"S-1-5-32-545", "S-1-5-32-544"}}, true},
		{"an operator by SID", localapi.Peer{Known: true, SID: "S-1-5-21-8"}, true},
		{"a user of Windows", localapi.Peer{Known: true, SID: "S-1-5-21-9", GroupSIDs: []string{"S-1-5-32-545"}}, false},
		{"not known, says the system", localapi.Peer{SID: "S-1-5-18", GroupSIDs: []string{"S-1-5-32-544"}}, false},
	}
	for _, tt := range tests {
		backend := newOffice(t)
		handler := localapi.NewHandler(localapi.HandlerConfig{
			Backend: backend, Version: "1", Log: slog.New(slog.DiscardHandler),
			Operators: []string{"4711", "nobody", "S-1-5-21-8", ""}, Group: group.name,
		})
		for route, open := range localapi.RouteNames() {
			status, body := ask(t, handler, tt.peer, route)
			denied := status == http.StatusForbidden
			if want := !tt.want && !open; denied != want {
				t.Errorf("%s, %s: got %d %s, denied should be %v", tt.name, route, status, body, want)
			}
			if denied && len(backend.calls()) > 0 {
				t.Errorf("%s, %s: denied, and yet the service was asked %q", tt.name, route, backend.calls())
			}
		}
		_, body := ask(t, handler, tt.peer, "GET /v1/version")
		var v localapi.Version
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if v.Permitted != tt.want || (v.Missing == "") != tt.want || v.API != localapi.API || v.Go == "" {
			t.Errorf("%s: version says %+v, want permitted %v", tt.name, v, tt.want)
		}
		if !tt.want && tt.peer.Known && !strings.Contains(v.Missing, "group "+group.name) {
			t.Errorf("%s: %q does not name the group", tt.name, v.Missing)
		}
		if tt.want && v.Join != "" {
			t.Errorf("%s: is given the command %q", tt.name, v.Join)
		}
		if join := "sudo usermod -aG " + group.name + " bin"; runtime.GOOS == "linux" && tt.name == "a user of this machine" && v.Join != join {
			t.Errorf("%s: the command is %q, want %q", tt.name, v.Join, join)
		}
	}
}

type unixGroup struct {
	name string
	gid  uint32
}

// groupOfThisMachine returns a group that exists here, other than those of root.
func groupOfThisMachine(t *testing.T) unixGroup {
	t.Helper()
	data, err := os.ReadFile("/etc/group")
	if err != nil {
		t.Skip("no group file on this machine")
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		var gid uint32
		if _, err := fmt.Sscan(fields[min(2, len(fields)-1)], &gid); err == nil && gid > 0 && gid != uint32(os.Getgid()) && gid < 1000 {
			return unixGroup{fields[0], gid}
		}
	}
	t.Skip("no group to test with")
	return unixGroup{}
}

// inPath fills the braces of a route's path.
var inPath = strings.NewReplacer("{name}", "x", "{email}", "x", "{id}", "1", "{address}", "x")

// ask sends one request with a body that no route takes as it should be.
func ask(t *testing.T, handler http.Handler, peer localapi.Peer, route string, headers ...string) (int, string) {
	t.Helper()
	method, path, _ := strings.Cut(route, " ")
	path = inPath.Replace(path)
	r := httptest.NewRequestWithContext(localapi.WithPeer(t.Context(), peer), method, path, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s: content type %q", route, got)
	}
	return w.Code, w.Body.String()
}

var root = localapi.Peer{Known: true}

func TestPagesAreRefused(t *testing.T) {
	backend := newOffice(t)
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
	for route := range localapi.RouteNames() {
		for _, header := range [][]string{{"Origin", "http://evil.example"}, {"Origin", "null"}, {"Origin", ""}, {"Referer", "http://localhost/"}} {
			if status, body := ask(t, handler, root, route, header...); status != http.StatusForbidden {
				t.Errorf("%s with %q: got %d %s, want 403", route, header, status, body)
			}
		}
	}
	if got := backend.calls(); len(got) > 0 {
		t.Errorf("the service was asked %q", got)
	}
}

func TestPathsAndMethods(t *testing.T) {
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: newOffice(t), Log: slog.New(slog.DiscardHandler)})
	tests := []struct {
		route, reason string
		status        int
	}{
		{"GET /", "route_unknown", 404},
		{"GET /v1/nothing", "route_unknown", 404},
		{"GET /v2/companies", "route_unknown", 404},
		{"GET /v1/companies/", "route_unknown", 404},
		{"PUT /v1/companies", "method_unknown", 405},
		{"DELETE /v1/settings", "method_unknown", 405},
		{"GET /v1/companies/x/enable", "method_unknown", 405},
		{"GET /v1/accounts?compny=Acme", "query_unknown", 400},
		{"GET /v1/accounts?company=A&company=B", "query_unknown", 400},
		{"GET /v1/accounts?a=%zz", "query_invalid", 400},
		{"GET /v1/events?limit=0", "limit_invalid", 400},
		{"GET /v1/events?limit=1001", "limit_invalid", 400},
		{"GET /v1/allow/test", "address_invalid", 400},
	}
	for _, tt := range tests {
		status, body := ask(t, handler, root, tt.route)
		if status != tt.status || !strings.Contains(body, `"reason":"`+tt.reason+`"`) {
			t.Errorf("%s: got %d %s, want %d %s", tt.route, status, body, tt.status, tt.reason)
		}
	}
}

func TestBodies(t *testing.T) {
	big := `{"name":"` + strings.Repeat("x", localapi.MaxBody) + `"}`
	tests := []struct{ name, contentType, body, reason string }{
		{"good", "application/json", `{"name":"Acme","entries":"acme.com"}`, ""},
		{"good with charset", "application/json; charset=utf-8", ` {"name":"Acme"} ` + "\n", ""},
		{"no type", "", `{"name":"Acme"}`, "content_type"},
		{"form", "application/x-www-form-urlencoded", `{"name":"Acme"}`, "content_type"},
		{"text", "text/plain", `{"name":"Acme"}`, "content_type"},
		{"unknown field", "application/json", `{"name":"Acme","entrys":"acme.com"}`, "body_invalid"},
		{"wrong type", "application/json", `{"name":7}`, "body_invalid"},
		{"array", "application/json", `[]`, "body_invalid"},
		{"empty", "application/json", ``, "body_invalid"},
		{"cut", "application/json", `{"name":"Ac`, "body_invalid"},
		{"two values", "application/json", `{"name":"Acme"}{"name":"Beta"}`, "body_invalid"},
		{"something behind", "application/json", `{"name":"Acme"} x`, "body_invalid"},
		{"too large", "application/json", big, "body_large"},
		{"too large behind", "application/json", `{"name":"Acme"}` + strings.Repeat(" ", localapi.MaxBody), "body_large"},
	}
	for _, tt := range tests {
		backend := newOffice(t)
		handler := localapi.NewHandler(localapi.HandlerConfig{Backend: backend, Log: slog.New(slog.DiscardHandler)})
		r := httptest.NewRequestWithContext(localapi.WithPeer(t.Context(), root), "POST", "/v1/companies", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		good := tt.reason == ""
		if (w.Code == http.StatusOK) != good || (!good && !strings.Contains(w.Body.String(), `"reason":"`+tt.reason+`"`)) {
			t.Errorf("%s: got %d %.200s, want reason %q", tt.name, w.Code, w.Body, tt.reason)
		}
		if good != (len(backend.calls()) == 1) {
			t.Errorf("%s: the service was asked %q", tt.name, backend.calls())
		}
	}
}

// TestNothingPersonalInTheLog expects routes, not paths: a path holds addresses.
func TestNothingPersonalInTheLog(t *testing.T) {
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	handler := localapi.NewHandler(localapi.HandlerConfig{Backend: newOffice(t), Log: logger})
	ask(t, handler, root, "DELETE /v1/accounts/jane@acme.com")
	ask(t, handler, root, "GET /v1/accounts?search=jane")
	if got := log.String(); !strings.Contains(got, "/v1/accounts/{email}") || strings.Contains(got, "jane") {
		t.Errorf("log:\n%s", got)
	}
}

func TestConcurrentCalls(t *testing.T) {
	backend := newOffice(t)
	client := serve(t, backend)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			name := fmt.Sprintf("Company %d", i)
			if _, err := client.AddCompany(t.Context(), name, fmt.Sprintf("c%d.example.org", i)); err != nil {
				t.Error(err)
			}
			c, err := client.Company(t.Context(), name)
			if err != nil || c.Name != name {
				t.Errorf("got %q, %v, want %q", c.Name, err, name)
			}
		})
	}
	wg.Wait()
	if got := len(backend.companies); got != 100 {
		t.Errorf("got %d companies, want 100", got)
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run", "admin.sock")
	l, err := localapi.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("socket: got %v, %v, want mode 0666", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("directory: got %v, %v, want mode 0755", info.Mode(), err)
	}
	if _, err := localapi.Listen(t.Context(), path); app.ReasonOf(err) != "socket_taken" {
		t.Errorf("a second listener: got %v, want socket_taken", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("closed, and the socket is still there: %v", err)
	}

	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = localapi.Listen(t.Context(), path)
	if err != nil {
		t.Fatalf("over the socket of a killed service: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestListenTouchesNothingElse puts other things where the socket should be.
func TestListenTouchesNothingElse(t *testing.T) {
	dir := t.TempDir()
	file, folder, link := filepath.Join(dir, "file"), filepath.Join(dir, "folder"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder, link} {
		if _, err := localapi.Listen(t.Context(), path); app.ReasonOf(err) != "socket_not_socket" {
			t.Errorf("%s: got %v, want socket_not_socket", path, err)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "precious" {
		t.Errorf("the file is %q, %v", data, err)
	}
	if _, err := localapi.Listen(t.Context(), filepath.Join(dir, strings.Repeat("x", 120))); app.CodeOf(err) != app.Invalid {
		t.Errorf("a path that is too long: got %v, want invalid", err)
	}
	if _, err := localapi.Listen(t.Context(), filepath.Join(dir, "no", "such", "dir.sock")); err == nil {
		t.Error("in a directory whose parent is missing: got no error")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(`{"name":"Acme","entries":"acme.com"}`)
	f.Add(`{"name":"Acme","NAME":"Beta"}`)
	f.Add(`{"entries":"a.com","move":true}`)
	f.Add(`{"login_link":"on","limits.mail_global":0}`)
	f.Add(`{"kind":"google","name":"google","enabled":true,"signup":"off","secret_expires":null}`)
	f.Add(`{"add":"72f988bf-86f1-41af-91ab-2d7cd011db47","remove":""}`)
	f.Add(`{"limits.mail_global":1e3}`)
	f.Add(`{"recipient":"jane@acme.com","lang":""}`)
	f.Add(`null`)
	f.Add(`{}{}`)
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, form := range localapi.BodyForms() {
			value := form()
			err := localapi.DecodeBody(localapi.LimitedBody(io.NopCloser(strings.NewReader(text))), value)
			if err != nil {
				if app.CodeOf(err) != app.Invalid || app.MessageOf(err) == "" {
					t.Errorf("%T of %q: got %v, want an invalid error with a message", value, text, err)
				}
				continue
			}
			if !json.Valid([]byte(text)) {
				t.Errorf("%T: %q was taken and is not one JSON value", value, text)
			}
			// What was taken can be said again, and means the same.
			again, err := json.Marshal(value)
			if err != nil {
				t.Fatalf("%T of %q: %v", value, text, err)
			}
			second := form()
			if err := localapi.DecodeBody(strings.NewReader(string(again)), second); err != nil || !reflect.DeepEqual(value, second) {
				t.Errorf("%T of %q: said again as %s it is %+v, %v, want %+v", value, text, again, second, err, value)
			}
		}
	})
}

func FuzzFill(f *testing.F) {
	for _, name := range []string{"Acme", "a/b", "..", "%2F", "日本", "a?b#c", "\xff"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, err := localapi.Fill("/v1/companies/{name}/enable", name)
		if name == "" || name == "/" {
			if app.CodeOf(err) != app.Invalid {
				t.Errorf("no name: got %v, want invalid", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://foyer"+path, nil)
		var got string
		mux := http.NewServeMux()
		mux.HandleFunc("/v1/companies/{name}/enable", func(_ http.ResponseWriter, r *http.Request) { got = r.PathValue("name") })
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK || got != name {
			t.Errorf("%q became %q and arrived as %q (%d)", name, path, got, w.Code)
		}
	})
}
