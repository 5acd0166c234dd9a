package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/store"
)

// engine is what every store must be: the domain's store and the queue's.
type engine interface {
	app.Store
	LateMessages(ctx context.Context, after int64, before time.Time, limit int) ([]app.Message, int64, error)
	TellLate(ctx context.Context, id int64, notice app.Message, now time.Time) error
	Advance(ctx context.Context, outcomes []app.Outcome, c app.Claim) ([]error, []app.Message, error)
	NextAttempt(ctx context.Context) (time.Time, bool, error)
	ReleaseMessages(ctx context.Context) error
	TLSHost(ctx context.Context, host string) (app.TLSHost, error)
	RememberTLS(ctx context.Context, h app.TLSHost) error
	LoseTLS(ctx context.Context, host string, at time.Time, why string) error
	STSPolicy(ctx context.Context, domain string) (app.STSPolicy, error)
	KeepSTSPolicy(ctx context.Context, p app.STSPolicy) error
}

func TestConformance(t *testing.T) {
	conform(t, func(tb testing.TB) engine {
		tb.Helper()
		return open(tb, tb.TempDir())
	})
}

func open(tb testing.TB, dir string) *store.Store {
	tb.Helper()
	key, err := store.LoadKey(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := store.Open(tb.Context(), store.Config{Dir: dir, Key: key, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// conform runs the suite every engine has to pass.
func conform(t *testing.T, open func(tb testing.TB) engine) {
	for name, test := range map[string]func(*testing.T, world){
		"companies":            testCompanies,
		"one owner":            testOneOwner,
		"overlaps":             testOverlaps,
		"entries off":          testRemoveEntries,
		"sign-up":              testSignUp,
		"sign-up decisions":    testDecisions,
		"mail limits":          testMailLimits,
		"confirmation":         testActivate,
		"one from fifty":       testParallelActivate,
		"list changed":         testNoLongerEligible,
		"codes":                testCodes,
		"sessions":             testSessions,
		"disabling":            testDisabling,
		"passwords":            testPasswords,
		"accounts":             testAccounts,
		"list of accounts":     testAccountList,
		"sessions listed":      testAccountSessions,
		"move and reset":       testMoveAndReset,
		"stats":                testStats,
		"events filtered":      testEventFilter,
		"messages searched":    testMessageSearch,
		"accounts' identities": testAccountListIdentities,
		"resend":               testResend,
		"settings":             testSettings,
		"relay":                testRelay,
		"admission":            testAdmission,
		"relay room":           testRelayRoom,
		"claim bytes":          testClaimBytes,
		"relayed body":         testRelayedBody,
		"relayed expiry":       testRelayedExpiry,
		"relay limit":          testRelayLimit,
		"room":                 testRoom,
		"reserve":              testReserve,
		"shared data":          testSharedData,
		"queue":                testQueue,
		"messages":             testMessages,
		"not me":               testBlock,
		"holding":              testHold,
		"holding all":          testHoldAll,
		"hold or claim":        testHoldOrClaim,
		"suppression":          testSuppression,
		"mail servers' TLS":    testTLSHosts,
		"MTA-STS policies":     testSTSPolicies,
		"no notice to them":    testSuppressedNotice,
		"last mail":            testLastMessage,
		"audit":                testAudit,
		"audit filter":         testEventFilter,
		"audit pages":          testEventPages,
		"mail search":          testMessageSearch,
		"purge":                testPurge,
		"changes":              testChanges,
		"parallel writers":     testParallel,
		"failed unit undone":   testUndone,

		"identity sign-up":          testIdentitySignUp,
		"identity replaces form":    testNewestRegistration,
		"identity confirmation":     testIdentityActivate,
		"identity of a tenant":      testIdentityTenant,
		"identity vouched for":      testCreateAccount,
		"identity sign-in":          testIdentitySignIn,
		"one identity from fifty":   testParallelIdentity,
		"one vouched from fifty":    testParallelCreate,
		"identity of two":           testParallelLink,
		"linking":                   testLink,
		"unlinking":                 testUnlink,
		"linking by code":           testLinkByCode,
		"link code void":            testLinkCodeVoid,
		"link requests":             testRequestLink,
		"one link from fifty codes": testParallelLinkByCode,
		"notices do not count":      testNoticesDoNotCount,
		"connectors":                testConnectors,
		"tenants":                   testTenants,

		"list check":         testCheckList,
		"list check, others": testCheckListOfOthers,
		"saving a company":   testSaveCompany,
		"saving, refused":    testSaveCompanyRefused,
		"saving by two":      testSaveCompanyByTwo,
		"company pages":      testCompanyPages,
		"programs":           testPrograms,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, world{t, open(t)})
		})
	}
}

// world is a store under test with short ways to fill it.
type world struct {
	*testing.T
	engine
}

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func (w world) company(name string, entries ...string) app.Company {
	w.Helper()
	c, err := w.AddCompany(w.Context(), name, parse(w, entries...), app.Event{At: start, Actor: "test", Action: app.ActCompanyAdd})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func parse(tb testing.TB, entries ...string) []app.Entry {
	tb.Helper()
	list, err := app.ParseEntries(strings.Join(entries, " "))
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func address(tb testing.TB, s string) app.Address {
	tb.Helper()
	addr, err := app.ParseAddress(s)
	if err != nil {
		tb.Fatal(err)
	}
	return addr
}

// request is a wish for a mail with a link of its own.
func request(tb testing.TB, action app.Action, email string) (app.Request, app.Token) {
	tb.Helper()
	token, addr := app.NewToken(), address(tb, email)
	r := app.Request{
		Registration: app.Registration{
			Email: addr, FirstName: "Jane", LastName: "Doe", Phone: "+421 2 000", Lang: "sk", IP: "192.0.2.1",
			CreatedAt: start, ExpiresAt: start.Add(24 * time.Hour),
		},
		Token: token.Hash(), Code: app.Token("code of " + addr.Key()).Hash(),
		Event: app.Event{At: start, Actor: "visitor", Action: action, Outcome: app.OK, Subject: addr.String()},
	}
	r.Compose = func(l app.Letter) (app.Message, error) {
		return message(l.Kind, l.To, l.Company+" "+l.Lang+" secret "+string(token)), nil
	}
	return r, token
}

func message(kind app.MessageKind, to app.Address, body string) app.Message {
	return app.Message{
		Kind: kind, Sender: "foyer@office.example", Recipient: to, Subject: "Subject", MessageID: "<id@office.example>",
		Data: []byte(body), State: app.MessageQueued, CreatedAt: start, NextAttempt: start, ExpiresAt: start.Add(24 * time.Hour),
	}
}

func (w world) signUp(email string) (app.Decision, app.Token) {
	w.Helper()
	r, token := request(w, app.ActSignUp, email)
	d, err := w.Request(w.Context(), r)
	if err != nil {
		w.Fatal(err)
	}
	return d, token
}

func (w world) activate(token app.Token) (app.Account, error) {
	w.Helper()
	return w.Activate(w.Context(), app.Activation{
		Token: token.Hash(), PasswordHash: "phc", Now: start.Add(time.Minute),
		Event: app.Event{At: start, Actor: "visitor", Action: app.ActConfirm, Outcome: app.OK},
	})
}

func (w world) account(email string) app.Account {
	w.Helper()
	_, token := w.signUp(email)
	a, err := w.activate(token)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w world) events() []app.Event {
	w.Helper()
	events, err := w.Events(w.Context(), app.EventQuery{Limit: 10_000})
	if err != nil {
		w.Fatal(err)
	}
	return events
}

func (w world) messages() []app.Message {
	w.Helper()
	messages, err := w.Messages(w.Context(), app.MessageQuery{Limit: 1000})
	if err != nil {
		w.Fatal(err)
	}
	return messages
}

func (w world) refuses(err error, code app.Code, reason string) {
	w.Helper()
	if app.CodeOf(err) != code || app.ReasonOf(err) != reason {
		w.Errorf("error %v (%s, %s), want %s, %s", err, app.CodeOf(err), app.ReasonOf(err), code, reason)
	}
}

var admin = app.Event{At: start, Actor: "root (uid 0)", Outcome: app.OK}

func testCompanies(t *testing.T, w world) {
	c := w.company("Acme", "acme.example", "!*.lab.acme.example")
	if !c.Enabled || c.Name != "Acme" || len(c.Entries) != 2 || !c.CreatedAt.Equal(start) {
		t.Errorf("company %+v", c)
	}
	ctx := t.Context()
	_, err := w.AddCompany(ctx, "ACME", nil, admin)
	w.refuses(err, app.Conflict, "company_taken")
	_, err = w.Company(ctx, "Nobody")
	w.refuses(err, app.NotFound, "company_unknown")
	w.company("Beta")
	_, err = w.RenameCompany(ctx, "Beta", "acme", admin)
	w.refuses(err, app.Conflict, "company_taken")
	renamed, err := w.RenameCompany(ctx, "beta", "Bêta s.r.o.", admin)
	if err != nil || renamed.Name != "Bêta s.r.o." {
		t.Errorf("renamed %+v, %v", renamed, err)
	}
	w.account("jane@acme.example")
	w.refuses(w.RemoveCompany(ctx, "Acme", admin), app.Conflict, "company_has_accounts")
	if err := w.RemoveCompany(ctx, "Bêta s.r.o.", admin); err != nil {
		t.Error(err)
	}
	list, err := w.Companies(ctx)
	if err != nil || len(list) != 1 || list[0].Accounts != 1 || len(list[0].Entries) != 2 {
		t.Errorf("companies %+v, %v", list, err)
	}
}

func testOneOwner(t *testing.T, w world) {
	w.company("A", "a.example", "x@shared.example")
	w.company("B", "b.example")
	ctx := t.Context()
	for _, entry := range []string{"a.example", "!a.example", "x@shared.example"} {
		_, err := w.AddEntries(ctx, "B", parse(t, "new.example", entry), false, admin)
		w.refuses(err, app.Conflict, "entry_taken")
		if e, ok := errors.AsType[*app.Error](err); !ok || e.Args["Company"] != "A" || e.Args["Entry"] != entry || !strings.Contains(e.Message, `"`+strings.TrimPrefix(entry, "!")+`"`) {
			t.Errorf("the refusal %v does not name owner and entry", err)
		}
	}
	if c, _ := w.Company(ctx, "B"); len(c.Entries) != 1 {
		t.Errorf("half a save stayed: %v", c.Entries)
	}
	_, err := w.AddEntries(ctx, "A", parse(t, "!a.example"), false, admin)
	w.refuses(err, app.Conflict, "entry_both")
	if _, err := w.AddEntries(ctx, "A", parse(t, "a.example"), false, admin); err != nil {
		t.Errorf("adding what is there: %v", err)
	}
	b, err := w.AddEntries(ctx, "B", parse(t, "a.example"), true, admin)
	if err != nil || len(b.Entries) != 2 {
		t.Errorf("moved: %v, %v", b.Entries, err)
	}
	if a, _ := w.Company(ctx, "A"); len(a.Entries) != 1 {
		t.Errorf("the entry is still at its old owner: %v", a.Entries)
	}
	_, err = w.AddEntries(ctx, "A", parse(t, "co.uk"), false, admin)
	w.refuses(err, app.Invalid, "public_suffix")
	_, err = w.AddCompany(ctx, "C", parse(t, "c.example", "b.example"), admin)
	w.refuses(err, app.Conflict, "entry_taken")
	if _, err := w.Company(ctx, "C"); app.CodeOf(err) != app.NotFound {
		t.Error("a company whose entry was taken was half added")
	}
}

func testOverlaps(t *testing.T, w world) {
	w.company("Group", "*.group.example")
	w.company("Sub", "sub.group.example")
	w.company("Boss", "boss@group.example")
	w.company("Other", "group.example.org", "mygroup.example")
	want := map[string][]string{
		"Group": {"*.group.example ~ boss@group.example of Boss", "*.group.example ~ sub.group.example of Sub"},
		"Sub":   {"sub.group.example ~ *.group.example of Group"},
		"Boss":  {"boss@group.example ~ *.group.example of Group"},
		"Other": nil,
	}
	for name, overlaps := range want {
		c, err := w.Company(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range c.Overlaps {
			got = append(got, o.Entry+" ~ "+o.Other+" of "+o.OtherCompany)
		}
		if strings.Join(got, "|") != strings.Join(overlaps, "|") {
			t.Errorf("overlaps of %s: %q, want %q", name, got, overlaps)
		}
	}
}

func testRemoveEntries(t *testing.T, w world) {
	w.company("A", "a.example", "b.example", "jo@a.example")
	w.account("jane@a.example")
	w.account("jo@a.example")
	w.account("jim@b.example")
	_, _, err := w.RemoveEntries(t.Context(), "A", parse(t, "b.example", "nope.example"), admin)
	w.refuses(err, app.NotFound, "entry_unknown")
	_, _, err = w.RemoveEntries(t.Context(), "A", parse(t, "!b.example"), admin)
	w.refuses(err, app.NotFound, "entry_unknown")
	c, off, err := w.RemoveEntries(t.Context(), "A", parse(t, "a.example"), admin)
	if err != nil || off != 1 || len(c.Entries) != 2 || c.Accounts != 3 {
		t.Errorf("removed: %+v, %d off the list, %v; want jane alone", c, off, err)
	}
}

func testSignUp(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	d, token := w.signUp("Jane@acme.example")
	if d.Mail != app.MailConfirm || d.Reason != app.OK || d.Message.ID == 0 {
		t.Fatalf("decision %+v", d)
	}
	r, err := w.RegistrationByToken(t.Context(), token.Hash(), start)
	if err != nil || r.Email.String() != "Jane@acme.example" || r.Company != "Acme" || r.Entry != "acme.example" || r.FirstName != "Jane" ||
		r.Lang != "sk" || r.IP != "192.0.2.1" || !r.ExpiresAt.Equal(start.Add(24*time.Hour)) {
		t.Errorf("registration %+v, %v", r, err)
	}
	m, err := w.Message(t.Context(), d.Message.ID)
	if err != nil || !strings.Contains(string(m.Data), string(token)) || !strings.HasPrefix(string(m.Data), "Acme sk") {
		t.Errorf("message %+v, %v", m, err)
	}
	// The newest registration replaces the old one, whatever the case of its letters.
	_, newer := w.signUp("jane@ACME.example")
	_, err = w.RegistrationByToken(t.Context(), token.Hash(), start)
	w.refuses(err, app.Gone, "link_unknown")
	if _, err := w.RegistrationByToken(t.Context(), newer.Hash(), start); err != nil {
		t.Error(err)
	}
	_, err = w.RegistrationByToken(t.Context(), newer.Hash(), start.Add(24*time.Hour))
	w.refuses(err, app.Gone, "link_expired")
	if list, _ := w.Registrations(t.Context(), 0, 10); len(list) != 1 {
		t.Errorf("%d registrations, want 1", len(list))
	}
}

func testDecisions(t *testing.T, w world) {
	w.company("Acme", "acme.example", "!bad@acme.example")
	w.company("Off", "off.example")
	w.account("has@acme.example")
	w.account("out@acme.example")
	w.account("sub@off.example")
	if _, err := w.SetAccountState(t.Context(), address(t, "out@acme.example"), app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EnableCompany(t.Context(), "Off", false, admin); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		action app.Action
		email  string
		mail   app.MessageKind
		reason string
	}{
		{app.ActSignUp, "new@acme.example", app.MailConfirm, app.OK},
		{app.ActSignUp, "has@acme.example", app.MailExists, "account_exists"},
		{app.ActSignUp, "HAS@acme.example", app.MailExists, "account_exists"},
		{app.ActSignUp, "out@acme.example", app.MailDisabled, "account_disabled"},
		{app.ActSignUp, "sub@off.example", app.MailDisabled, "company_disabled"},
		{app.ActSignUp, "new@off.example", "", "company_disabled"},
		{app.ActSignUp, "bad@acme.example", "", "refused_by_entry"},
		{app.ActSignUp, "new@evilacme.example", "", "not_listed"},
		{app.ActSignUp, "new@sub.acme.example", "", "not_listed"},
		{app.ActForgot, "has@acme.example", app.MailReset, app.OK},
		{app.ActForgot, "out@acme.example", app.MailDisabled, "account_disabled"},
		{app.ActForgot, "nobody@acme.example", "", "no_account"},
	} {
		waiting, _ := w.Registrations(t.Context(), 0, 100)
		mails := len(w.messages())
		r, token := request(t, test.action, test.email)
		d, err := w.Request(t.Context(), r)
		if err != nil || d.Mail != test.mail || d.Reason != test.reason {
			t.Errorf("%s %s: %q, %q, %v; want %q, %q", test.action, test.email, d.Mail, d.Reason, err, test.mail, test.reason)
		}
		ev := w.events()[0]
		if ev.Action != test.action || ev.Outcome != test.reason || ev.Subject != r.Email.String() {
			t.Errorf("%s %s left the event %+v", test.action, test.email, ev)
		}
		now, _ := w.Registrations(t.Context(), 0, 100)
		if grew := len(now) - len(waiting); grew != 0 && test.mail != app.MailConfirm {
			t.Errorf("%s %s left %d registrations behind", test.action, test.email, grew)
		}
		if grew := len(w.messages()) - mails; (grew == 1) != (test.mail != "") {
			t.Errorf("%s %s left %d mails", test.action, test.email, grew)
		}
		if test.email == "HAS@acme.example" && d.Message.Recipient.String() != "has@acme.example" {
			t.Errorf("a mail about an account went to what was typed: %s", d.Message.Recipient)
		}
		if _, err := w.AccountByResetToken(t.Context(), token.Hash(), start); (err == nil) != (test.mail == app.MailReset) {
			t.Errorf("%s %s: reset link: %v", test.action, test.email, err)
		}
	}
}

func testMailLimits(t *testing.T, w world) {
	w.company("Acme", "acme.example", "beta.example")
	try := func(email string, l app.Limits, at time.Time) string {
		t.Helper()
		r, _ := request(t, app.ActSignUp, email)
		r.Limits, r.CreatedAt, r.Event.At = l, at, at
		compose := r.Compose
		r.Compose = func(l app.Letter) (app.Message, error) {
			m, err := compose(l)
			m.CreatedAt = at
			return m, err
		}
		d, err := w.Request(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return d.Reason
	}
	each := app.Limits{MailPerAddress: 3, MailPerAddressDay: 5}
	var got []string
	for i := range 6 {
		got = append(got, try("a@acme.example", each, start.Add(time.Duration(i)*time.Minute)))
	}
	got = append(got, try("a@acme.example", each, start.Add(2*time.Hour)), try("A@acme.example", each, start.Add(3*time.Hour)),
		try("a@acme.example", each, start.Add(5*time.Hour)), try("a@acme.example", each, start.Add(25*time.Hour)))
	want := "ok ok ok limit_mail_per_address limit_mail_per_address limit_mail_per_address ok ok limit_mail_per_address_day ok"
	if strings.Join(got, " ") != want {
		t.Errorf("per address: %v, want %s", got, want)
	}
	got = nil
	for i := 1; i <= 5; i++ {
		got = append(got, try(fmt.Sprintf("u+%d@acme.example", i), app.Limits{AccountsPerBase: 3}, start))
	}
	got = append(got, try("u+1@acme.example", app.Limits{AccountsPerBase: 3}, start))
	if strings.Join(got, " ") != "ok ok ok limit_accounts_per_base limit_accounts_per_base ok" {
		t.Errorf("per base: %v", got)
	}
	if got := try("b@beta.example", app.Limits{MailPerDomain: 1}, start); got != "ok" {
		t.Errorf("first of a domain: %s", got)
	}
	if got := try("c@beta.example", app.Limits{MailPerDomain: 1}, start); got != "limit_mail_per_domain" {
		t.Errorf("second of a domain: %s", got)
	}
	if got := try("d@acme.example", app.Limits{MailGlobal: 5}, start); got != "limit_mail_global" {
		t.Errorf("beyond the global limit: %s", got)
	}
	if got := try("d@acme.example", app.Limits{QueueMessages: 5}, start); got != "limit_queue_messages" {
		t.Errorf("beyond the mails that may wait: %s", got)
	}
	if got := try("e@acme.example", app.Limits{Registrations: 2}, start); got != "limit_registrations" {
		t.Errorf("beyond the registrations that may wait: %s", got)
	}
}

func testActivate(t *testing.T, w world) {
	w.company("Acme", "*.acme.example")
	_, token := w.signUp("Jane@it.acme.example")
	a, err := w.activate(token)
	if err != nil {
		t.Fatal(err)
	}
	if a.Email.String() != "Jane@it.acme.example" || a.Company != "Acme" || a.State != app.AccountActive || a.Entry != "*.acme.example" ||
		a.PasswordHash != "phc" || strings.Join(a.Groups, ",") != app.CustomerAccounts || a.Lang != "sk" || a.Phone != "+421 2 000" {
		t.Errorf("account %+v", a)
	}
	_, err = w.activate(token)
	w.refuses(err, app.Gone, "link_spent")
	_, err = w.RegistrationByToken(t.Context(), token.Hash(), start)
	w.refuses(err, app.Gone, "link_spent")
	_, err = w.activate(app.NewToken())
	w.refuses(err, app.Gone, "link_unknown")
	if list, _ := w.Registrations(t.Context(), 0, 10); len(list) != 0 {
		t.Errorf("%d registrations remain", len(list))
	}
	ev := w.events()[0]
	if ev.Action != app.ActConfirm || ev.Company != "Acme" || ev.Entry != "*.acme.example" || ev.Subject != "Jane@it.acme.example" {
		t.Errorf("event %+v", ev)
	}
	_, err = w.Activate(t.Context(), app.Activation{Token: token.Hash(), Now: start.Add(48 * time.Hour)})
	w.refuses(err, app.Gone, "link_spent")
}

func testParallelActivate(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	_, token := w.signUp("jane@acme.example")
	var won, gone atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			_, err := w.activate(token)
			switch {
			case err == nil:
				won.Add(1)
			case app.CodeOf(err) == app.Gone:
				gone.Add(1)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 || gone.Load() != 49 {
		t.Errorf("%d accounts and %d refusals of 50, want 1 and 49", won.Load(), gone.Load())
	}
}

func testNoLongerEligible(t *testing.T, w world) {
	ctx := t.Context()
	w.company("A", "a.example", "keep.example")
	w.company("O", "o.example")
	_, token := w.signUp("jane@a.example")
	if _, err := w.AddEntries(ctx, "O", parse(t, "a.example"), true, admin); err != nil {
		t.Fatal(err)
	}
	_, err := w.activate(token)
	w.refuses(err, app.Conflict, "no_longer_eligible")
	if _, _, err := w.RemoveEntries(ctx, "O", parse(t, "a.example"), admin); err != nil {
		t.Fatal(err)
	}
	_, err = w.activate(token)
	w.refuses(err, app.Conflict, "no_longer_eligible")
	if ev := w.events()[0]; ev.Action != app.ActConfirm || ev.Outcome != "no_longer_eligible" {
		t.Errorf("the refusal left the event %+v", ev)
	}
	if _, err := w.AddEntries(ctx, "A", parse(t, "a.example"), false, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EnableCompany(ctx, "A", false, admin); err != nil {
		t.Fatal(err)
	}
	_, err = w.activate(token)
	w.refuses(err, app.Conflict, "no_longer_eligible")
	if _, err := w.EnableCompany(ctx, "A", true, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.activate(token); err != nil {
		t.Errorf("the list is as it was, and the link does not work any more: %v", err)
	}
}

func testCodes(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	_, token := w.signUp("jane@acme.example")
	try := func(email, code string) (app.Registration, app.TokenHash, error) {
		return w.RegistrationByCode(t.Context(), app.CodeTry{
			Email: address(t, email), Code: app.Token(code).Hash(), Now: start, Tries: 3,
			Event: app.Event{At: start, Action: app.ActConfirm},
		})
	}
	for range 2 {
		_, _, err := try("jane@acme.example", "wrong")
		w.refuses(err, app.Gone, "code_wrong")
	}
	r, hash, err := try("JANE@acme.example", "code of jane@acme.example")
	if err != nil || hash != token.Hash() || r.Email.Key() != "jane@acme.example" || r.CodeTries != 2 {
		t.Errorf("right code: %+v, %v", r, err)
	}
	_, _, err = try("jane@acme.example", "wrong")
	w.refuses(err, app.Gone, "code_wrong")
	_, _, err = try("jane@acme.example", "code of jane@acme.example")
	w.refuses(err, app.Gone, "code_wrong")
	_, _, err = try("nobody@acme.example", "wrong")
	w.refuses(err, app.Gone, "code_wrong")
	if _, err := w.activate(token); err != nil {
		t.Errorf("wrong codes have killed the link: %v", err)
	}
	if ev := w.events()[1]; ev.Outcome != "code_wrong" {
		t.Errorf("a wrong code left the event %+v", ev)
	}
}

func (w world) session(a app.Account) app.Session {
	w.Helper()
	s := app.Session{Account: a, CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()}
	if err := w.StartSession(w.Context(), s, "", app.Event{At: start, Action: app.ActSignIn, Outcome: app.OK}); err != nil {
		w.Fatal(err)
	}
	return s
}

func (w world) signedIn(s app.Session) bool {
	w.Helper()
	_, err := w.Session(w.Context(), s.Hash, start.Add(-time.Hour))
	if err != nil && app.CodeOf(err) != app.NotFound {
		w.Fatal(err)
	}
	return err == nil
}

func testSessions(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	a := w.account("jane@acme.example")
	s := w.session(a)
	got, err := w.Session(t.Context(), s.Hash, start.Add(-time.Hour))
	if err != nil || got.Account.Email != a.Email || got.Account.Company != "Acme" || len(got.Account.Groups) != 1 || !got.SeenAt.Equal(start) {
		t.Errorf("session %+v, %v", got, err)
	}
	_, err = w.Session(t.Context(), s.Hash, start)
	w.refuses(err, app.NotFound, "session_unknown")
	if err := w.TouchSessions(t.Context(), map[app.TokenHash]time.Time{s.Hash: start.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.Session(t.Context(), s.Hash, start.Add(-time.Hour)); !got.SeenAt.Equal(start.Add(time.Minute)) {
		t.Errorf("seen at %v", got.SeenAt)
	}
	if err := w.EndSession(t.Context(), s.Hash, app.Event{At: start, Action: app.ActSignOut}); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(s) {
		t.Error("the session goes on after its end")
	}
	// A password that was changed between the check and the session.
	changed := a
	changed.PasswordHash = "another"
	err = w.StartSession(t.Context(), app.Session{Account: changed, CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()}, "", app.Event{At: start})
	w.refuses(err, app.Denied, "signin_wrong")
	rehashed := app.Session{Account: a, CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()}
	if err := w.StartSession(t.Context(), rehashed, "phc2", app.Event{At: start}); err != nil {
		t.Fatal(err)
	}
	if a, _ := w.AccountByEmail(t.Context(), a.Email); a.PasswordHash != "phc2" {
		t.Errorf("password hash %q after a re-hash", a.PasswordHash)
	}
}

func testDisabling(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	w.company("Beta", "beta.example")
	jane, jo, bob := w.account("jane@acme.example"), w.account("jo@acme.example"), w.account("bob@beta.example")
	sJane, sJo, sBob := w.session(jane), w.session(jo), w.session(bob)
	if _, err := w.SetAccountState(ctx, jane.Email, app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(sJane) || !w.signedIn(sJo) {
		t.Error("disabling jane must end her session and no other")
	}
	err := w.StartSession(ctx, app.Session{Account: jane, CreatedAt: start, Hash: app.NewToken().Hash()}, "", app.Event{At: start})
	w.refuses(err, app.Denied, "account_disabled")
	if _, err := w.EnableCompany(ctx, "Acme", false, admin); err != nil {
		t.Fatal(err)
	}
	err = w.StartSession(ctx, app.Session{Account: jo, CreatedAt: start, Hash: app.NewToken().Hash()}, "", app.Event{At: start})
	w.refuses(err, app.Denied, "company_disabled")
	if w.signedIn(sJo) || !w.signedIn(sBob) {
		t.Error("disabling Acme must end its sessions and no other")
	}
	if _, err := w.EnableCompany(ctx, "Acme", true, admin); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(sJo) {
		t.Error("a session came back when its company was enabled again")
	}
	a, err := w.SetAccountState(ctx, jane.Email, app.AccountActive, admin)
	if err != nil || a.State != app.AccountActive {
		t.Errorf("enabled: %+v, %v", a, err)
	}
	_, err = w.SetAccountState(ctx, address(t, "nobody@acme.example"), app.AccountActive, admin)
	w.refuses(err, app.NotFound, "account_unknown")
}

func testPasswords(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	jane, jo := w.account("jane@acme.example"), w.account("jo@acme.example")
	r, token := request(t, app.ActForgot, "jane@acme.example")
	if _, err := w.Request(ctx, r); err != nil {
		t.Fatal(err)
	}
	old, other := w.session(jane), w.session(jo)
	a, err := w.AccountByResetToken(ctx, token.Hash(), start)
	if err != nil || a.ID != jane.ID {
		t.Fatalf("reset link of %+v, %v", a, err)
	}
	_, err = w.AccountByResetToken(ctx, token.Hash(), start.Add(24*time.Hour))
	w.refuses(err, app.Gone, "link_expired")
	hash := token.Hash()
	change := app.PasswordChange{
		Account: jane, Hash: "new", Reset: &hash, Now: start, Notice: message(app.MailChanged, jane.Email, "notice"),
		Event: app.Event{At: start, Action: app.ActReset},
	}
	if err := w.SetPassword(ctx, change); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.SetPassword(ctx, change), app.Gone, "link_unknown")
	if w.signedIn(old) || !w.signedIn(other) {
		t.Error("a reset must end the account's sessions and no other")
	}
	if m := w.messages()[0]; m.Kind != app.MailChanged {
		t.Errorf("the last mail is %s, want the notice", m.Kind)
	}
	jane.PasswordHash = "new"
	before := w.session(jane)
	kept := app.Session{Account: jane, CreatedAt: start, SeenAt: start, Hash: app.NewToken().Hash()}
	change = app.PasswordChange{Account: jane, Hash: "newer", Session: before.Hash, Keep: &kept, Now: start, Notice: message(app.MailChanged, jane.Email, "notice"), Event: app.Event{At: start}}
	if err := w.SetPassword(ctx, change); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(before) || !w.signedIn(kept) {
		t.Error("a change must end the old session and keep the new one")
	}
	// A change that was under way meanwhile: its session is gone, or its password is another by now.
	again := kept
	again.Hash = app.NewToken().Hash()
	change.Keep = &again
	w.refuses(w.SetPassword(ctx, change), app.Denied, "signin_needed")
	change.Session = kept.Hash
	w.refuses(w.SetPassword(ctx, change), app.Denied, "signin_needed")
	if _, err := w.SetAccountState(ctx, jane.Email, app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.SetPassword(ctx, change), app.Denied, "account_disabled")
	if w.signedIn(again) {
		t.Error("a change that came too late has started a session")
	}
}

func testAccounts(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	w.company("Beta", "beta.example")
	for _, email := range []string{"c@acme.example", "a@acme.example", "B@acme.example", "d@beta.example", "x_y@beta.example"} {
		w.account(email)
	}
	list := func(q app.AccountQuery) string {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 100
		}
		page, err := w.Accounts(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range page.Accounts {
			names = append(names, a.Email.String()[:1])
		}
		return strings.Join(names, "")
	}
	for _, test := range []struct {
		q    app.AccountQuery
		want string
	}{
		{app.AccountQuery{}, "aBcdx"},
		{app.AccountQuery{Limit: 2}, "aB"},
		{app.AccountQuery{Company: "beta"}, "dx"},
		{app.AccountQuery{Search: "ACME"}, "aBc"},
		{app.AccountQuery{Search: "jane d"}, "aBcdx"},
		{app.AccountQuery{Search: "_"}, "x"},
		{app.AccountQuery{Search: "%"}, ""},
		{app.AccountQuery{Company: "Beta", Search: "d@"}, "d"},
	} {
		if got := list(test.q); got != test.want {
			t.Errorf("accounts of %+v: %q, want %q", test.q, got, test.want)
		}
	}
	_, err := w.Accounts(ctx, app.AccountQuery{Company: "Nobody", Limit: 1})
	w.refuses(err, app.NotFound, "company_unknown")
	a := w.account("e@acme.example")
	if err := w.UpdateProfile(ctx, a.ID, app.Profile{FirstName: "Éva", LastName: "Nagy", Phone: ""}, admin); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.AccountByEmail(ctx, a.Email); got.FirstName != "Éva" || got.Phone != "" {
		t.Errorf("profile %+v", got)
	}
	s := w.session(a)
	if err := w.RemoveAccount(ctx, a.Email, admin); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(s) {
		t.Error("a removed account is still signed in")
	}
	w.refuses(w.RemoveAccount(ctx, a.Email, admin), app.NotFound, "account_unknown")
	if again := w.account("e@acme.example"); again.FirstName != "Jane" {
		t.Errorf("the address is not free again: %+v", again)
	}
}

func testResend(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	_, old := w.signUp("jane@acme.example")
	r, token := request(t, app.ActResend, "jane@acme.example")
	r.ExpiresAt = start.Add(30 * time.Hour)
	registration, m, err := w.Resend(ctx, r)
	if err != nil || !registration.ExpiresAt.Equal(r.ExpiresAt) || m.ID == 0 || m.Kind != app.MailConfirm {
		t.Fatalf("resend %+v, %+v, %v", registration, m, err)
	}
	_, err = w.RegistrationByToken(ctx, old.Hash(), start)
	w.refuses(err, app.Gone, "link_unknown")
	if _, err := w.RegistrationByToken(ctx, token.Hash(), start.Add(25*time.Hour)); err != nil {
		t.Error(err)
	}
	if list, _ := w.Registrations(ctx, 0, 10); len(list) != 1 {
		t.Errorf("%d registrations after a resend", len(list))
	}
	r, _ = request(t, app.ActResend, "nobody@acme.example")
	_, _, err = w.Resend(ctx, r)
	w.refuses(err, app.NotFound, "registration_unknown")
	if _, err := w.EnableCompany(ctx, "Acme", false, admin); err != nil {
		t.Fatal(err)
	}
	r, _ = request(t, app.ActResend, "jane@acme.example")
	_, _, err = w.Resend(ctx, r)
	w.refuses(err, app.Conflict, "no_longer_eligible")
	if err := w.RemoveRegistration(ctx, r.Email, admin); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.RemoveRegistration(ctx, r.Email, admin), app.NotFound, "registration_unknown")
}

func testSettings(t *testing.T, w world) {
	ctx := t.Context()
	for _, password := range []string{"first secret", "second secret"} {
		if err := w.SaveSettings(ctx, map[string]string{"site_name": "Ófis", "mail.password": password}, admin); err != nil {
			t.Fatal(err)
		}
		got, err := w.Settings(ctx)
		if err != nil || got["site_name"] != "Ófis" || got["mail.password"] != password || len(got) != 2 {
			t.Errorf("settings %v, %v", got, err)
		}
	}
}

// finish records how the attempt at one message has ended.
func (w world) finish(id int64, d app.Delivery) error {
	w.Helper()
	refused, _, err := w.Advance(w.Context(), []app.Outcome{{ID: id, Delivery: d}}, app.Claim{})
	if err != nil {
		return err
	}
	return refused[0]
}

func testQueue(t *testing.T, w world) {
	ctx := t.Context()
	backoff := func(attempts int) time.Duration { return time.Duration(attempts) * time.Minute }
	claim := func(at time.Time, n int) []app.Message {
		t.Helper()
		_, claimed, err := w.Advance(ctx, nil, app.Claim{Now: at, Limit: n, Lease: 20 * time.Minute, Backoff: backoff})
		if err != nil {
			t.Fatal(err)
		}
		return claimed
	}
	if _, due, err := w.NextAttempt(ctx); due || err != nil {
		t.Errorf("an empty queue has something due (%v)", err)
	}
	var ids []int64
	for i := range 3 {
		m := message(app.MailTest, address(t, fmt.Sprintf("u%d@acme.example", i)), "body")
		m.NextAttempt = start.Add(time.Duration(i) * time.Second)
		m, err := w.AddMessage(ctx, m, admin)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if next, due, err := w.NextAttempt(ctx); !due || !next.Equal(start) || err != nil {
		t.Errorf("next attempt %v, %v, %v", next, due, err)
	}
	if claimed := claim(start.Add(-time.Second), 10); len(claimed) != 0 {
		t.Errorf("claimed before it was due: %v", claimed)
	}
	first := claim(start.Add(10*time.Second), 2)
	if len(first) != 2 || first[0].ID != ids[0] || first[0].Attempts != 1 || first[0].State != app.MessageSending || string(first[0].Data) != "body" {
		t.Fatalf("claimed %+v", first)
	}
	if rest := claim(start.Add(10*time.Second), 10); len(rest) != 1 || rest[0].ID != ids[2] {
		t.Errorf("claimed twice: %+v", rest)
	}
	finish := func(id int64, state app.MessageState, next time.Time) {
		t.Helper()
		if err := w.finish(id, app.Delivery{State: state, Reply: "250 taken", Next: next}); err != nil {
			t.Fatal(err)
		}
	}
	finish(ids[0], app.MessageDelivered, time.Time{})
	finish(ids[1], app.MessageDeferred, start.Add(time.Hour))
	if next, due, _ := w.NextAttempt(ctx); !due || !next.Equal(start.Add(20*time.Minute+10*time.Second)) {
		t.Errorf("next is %v (%v), want the end of the lease", next, due)
	}
	if lapsed := claim(start.Add(21*time.Minute), 10); len(lapsed) != 1 || lapsed[0].ID != ids[2] || lapsed[0].Attempts != 2 {
		t.Errorf("a lapsed lease was not taken again: %+v", lapsed)
	}
	if err := w.ReleaseMessages(ctx); err != nil {
		t.Fatal(err)
	}
	m, err := w.Message(ctx, ids[2])
	if err != nil || m.State != app.MessageDeferred || m.Attempts != 2 {
		t.Errorf("released: %+v, %v", m, err)
	}
	if m, _ := w.Message(ctx, ids[0]); m.State != app.MessageDelivered || m.Reply != "250 taken" || !m.NextAttempt.IsZero() {
		t.Errorf("delivered: %+v", m)
	}
}

func testMessages(t *testing.T, w world) {
	ctx := t.Context()
	var last app.Message
	for i := range 5 {
		m := message(app.MailTest, address(t, "u@acme.example"), fmt.Sprint("body ", i))
		if i%2 == 0 {
			m.State, m.NextAttempt = app.MessageCaptured, time.Time{}
		}
		var err error
		if last, err = w.AddMessage(ctx, m, admin); err != nil {
			t.Fatal(err)
		}
	}
	page, err := w.Messages(ctx, app.MessageQuery{Before: last.ID, Limit: 2})
	if err != nil || len(page) != 2 || page[0].ID != last.ID-1 || page[0].Data != nil {
		t.Errorf("page %+v, %v", page, err)
	}
	if captured, _ := w.Messages(ctx, app.MessageQuery{State: app.MessageCaptured, Limit: 10}); len(captured) != 3 {
		t.Errorf("%d captured, want 3", len(captured))
	}
	m, err := w.RetryMessage(ctx, last.ID, start, admin)
	if err != nil || m.State != app.MessageQueued || !m.NextAttempt.Equal(start) {
		t.Errorf("retry %+v, %v", m, err)
	}
	_, err = w.RetryMessage(ctx, last.ID, start.Add(24*time.Hour), admin)
	w.refuses(err, app.Conflict, "message_expired")
	_, claimed, err := w.Advance(ctx, nil, app.Claim{Now: start, Limit: 10, Lease: time.Minute, Backoff: func(int) time.Duration { return time.Minute }})
	if err != nil || len(claimed) != 3 {
		t.Fatalf("claimed %d, %v", len(claimed), err)
	}
	w.refuses(w.RemoveMessage(ctx, last.ID, admin), app.Conflict, "message_sending")
	w.refuses(w.finish(last.ID+1, app.Delivery{State: app.MessageFailed, Reply: "550 no"}), app.NotFound, "message_unknown")
	if err := w.finish(last.ID, app.Delivery{State: app.MessageFailed, Reply: "550 no"}); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.finish(last.ID, app.Delivery{State: app.MessageDelivered, Reply: "250 yes"}), app.Conflict, "message_state")
	if err := w.RemoveMessage(ctx, last.ID, admin); err != nil {
		t.Fatal(err)
	}
	_, err = w.Message(ctx, last.ID)
	w.refuses(err, app.NotFound, "message_unknown")
	w.refuses(w.RemoveMessage(ctx, last.ID, admin), app.NotFound, "message_unknown")
}

func testBlock(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	_, token := w.signUp("jane@acme.example")
	jane := address(t, "jane@acme.example")
	if err := w.BlockAddress(ctx, jane, start.Add(time.Hour), admin); err != nil {
		t.Fatal(err)
	}
	_, err := w.activate(token)
	w.refuses(err, app.Gone, "link_unknown")
	if d, _ := w.signUp("JANE@acme.example"); d.Mail != "" || d.Reason != "blocked_by_owner" {
		t.Errorf("mail to a blocked address: %+v", d)
	}
	blocked, err := w.Blocked(ctx, start)
	if err != nil || !blocked["jane@acme.example"].Equal(start.Add(time.Hour)) {
		t.Errorf("blocked %v, %v", blocked, err)
	}
	if blocked, _ := w.Blocked(ctx, start.Add(time.Hour)); len(blocked) != 0 {
		t.Errorf("blocked for ever: %v", blocked)
	}
	if err := w.Unblock(ctx, jane, admin); err != nil {
		t.Fatal(err)
	}
	w.refuses(w.Unblock(ctx, jane, admin), app.NotFound, "not_blocked")
	if d, _ := w.signUp("jane@acme.example"); d.Mail != app.MailConfirm {
		t.Errorf("no mail after the block was lifted: %+v", d)
	}
}

func testAudit(t *testing.T, w world) {
	for i := range 5 {
		ev := app.Event{
			At: start.Add(time.Duration(i) * time.Second), Actor: "a", IP: "192.0.2.7", Action: app.ActSignIn, Outcome: "wrong",
			Subject: fmt.Sprintf("u%d@acme.example", i), Company: "Acme", Entry: "acme.example", Detail: "50%",
		}
		if err := w.AddEvent(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	events := w.events()
	if len(events) != 5 || events[0].Subject != "u4@acme.example" || events[0].Detail != "50%" || !events[4].At.Equal(start) {
		t.Errorf("events %+v", events)
	}
	page, err := w.Events(t.Context(), app.EventQuery{Before: events[1].ID, Search: "U2@", Limit: 10})
	if err != nil || len(page) != 1 || page[0].Subject != "u2@acme.example" {
		t.Errorf("page %+v, %v", page, err)
	}
}

func testPurge(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	jane := w.account("jane@acme.example")
	s := w.session(jane)
	_, token := w.signUp("late@acme.example")
	limits := app.Limits{SessionIdle: 30, SessionHours: 12, MailDays: 14, AuditDays: 10}
	_, claimed, err := w.Advance(ctx, nil, app.Claim{Now: start, Limit: 10, Lease: time.Minute, Backoff: func(int) time.Duration { return time.Minute }})
	if err != nil || len(claimed) != 2 {
		t.Fatalf("claimed %d, %v", len(claimed), err)
	}
	for _, m := range claimed {
		if err := w.finish(m.ID, app.Delivery{State: app.MessageDelivered, Reply: "250"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Purge(ctx, start.Add(29*time.Minute), limits); err != nil {
		t.Fatal(err)
	}
	if !w.signedIn(s) || len(w.messages()) != 2 {
		t.Error("purged too early")
	}
	if err := w.Purge(ctx, start.Add(31*time.Minute), limits); err != nil {
		t.Fatal(err)
	}
	if w.signedIn(s) {
		t.Error("an idle session was kept")
	}
	if _, err := w.RegistrationByToken(ctx, token.Hash(), start); err != nil {
		t.Errorf("registration: %v", err)
	}
	for range 1500 {
		if err := w.AddEvent(ctx, admin); err != nil {
			t.Fatal(err)
		}
	}
	few := limits
	few.AuditDays, few.AuditThousands = 0, 1
	if err := w.Purge(ctx, start, few); err != nil {
		t.Fatal(err)
	}
	if n := len(w.events()); n != 1000 {
		t.Errorf("%d events were kept, want the latest 1000", n)
	}
	future := time.Now().Add(400 * 24 * time.Hour)
	if err := w.Purge(ctx, future, limits); err != nil {
		t.Fatal(err)
	}
	if len(w.messages()) != 0 || len(w.events()) != 0 {
		t.Errorf("%d messages and %d events were kept", len(w.messages()), len(w.events()))
	}
	_, err = w.RegistrationByToken(ctx, token.Hash(), start)
	w.refuses(err, app.Gone, "link_unknown")
	if _, err := w.AccountByEmail(ctx, jane.Email); err != nil {
		t.Errorf("an account was purged: %v", err)
	}
}

// testParallel has many readers and writers at once: no failure, nothing lost.
func testParallel(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			r, token := request(t, app.ActSignUp, fmt.Sprintf("u%d@acme.example", i))
			if d, err := w.Request(t.Context(), r); err != nil || d.Mail != app.MailConfirm {
				t.Errorf("sign-up %d: %s, %v", i, d.Reason, err)
			}
			if _, err := w.activate(token); err != nil {
				t.Errorf("confirmation %d: %v", i, err)
			}
			if _, err := w.Accounts(t.Context(), app.AccountQuery{Limit: 100}); err != nil {
				t.Errorf("list %d: %v", i, err)
			}
		})
	}
	group.Wait()
	page, err := w.Accounts(t.Context(), app.AccountQuery{Limit: 100})
	accounts := page.Accounts
	if err != nil || len(accounts) != 64 {
		t.Errorf("%d accounts, %v; want 64", len(accounts), err)
	}
}

// testUndone has units of work that fail beside others that share their commit: each is undone alone.
func testUndone(t *testing.T, w world) {
	w.company("Acme", "acme.example")
	_, taken := w.signUp("first@acme.example")
	cannot := errors.New("cannot compose")
	var group sync.WaitGroup
	for i := range 39 {
		group.Go(func() {
			r, _ := request(t, app.ActSignUp, fmt.Sprintf("u%d@acme.example", i))
			switch i % 4 {
			case 1:
				r.Compose = func(app.Letter) (app.Message, error) { return app.Message{}, cannot }
			case 2:
				r.Token = taken.Hash() // two links cannot have one hash
			}
			_, err := w.Request(t.Context(), r)
			if failed := err != nil; failed != (i%4 == 1 || i%4 == 2) {
				t.Errorf("sign-up %d: %v", i, err)
			}
		})
	}
	group.Wait()
	registrations, err := w.Registrations(t.Context(), 0, 100)
	if err != nil || len(registrations) != 20 || len(w.messages()) != 20 || len(w.events()) != 21 {
		t.Errorf("%d registrations, %d messages, %d events (%v); want 20, 20, 21", len(registrations), len(w.messages()), len(w.events()), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, _ := request(t, app.ActSignUp, "late@acme.example")
	if _, err := w.Request(ctx, r); app.CodeOf(err) != app.Unavailable {
		t.Errorf("a request that was given up: %v", err)
	}
}
