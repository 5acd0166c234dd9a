package store_test

import (
	"fmt"
	"testing"
	"time"

	"foyer/app"
)

func testAccountSessions(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	a, other := w.account("a@acme.example"), w.account("b@acme.example")
	begin := func(a app.Account, at time.Time, through string) {
		s := app.Session{Account: a, CreatedAt: at, SeenAt: at, Hash: app.NewToken().Hash(), IP: "192.0.2.1", Browser: "Firefox", Through: through}
		if err := w.StartSession(ctx, s, "", admin); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Session(ctx, s.Hash, at.Add(-time.Hour)); err != nil || got.Through != through {
			t.Errorf("session %+v, %v", got, err)
		}
	}
	begin(a, start, "")
	begin(a, start.Add(time.Hour), "entra")
	begin(other, start, "")
	list, err := w.AccountSessions(ctx, a.Email, start.Add(-time.Hour))
	if err != nil || len(list) != 2 || list[0].Through != "entra" || list[1].Browser != "Firefox" || list[1].IP != "192.0.2.1" || !list[1].CreatedAt.Equal(start) {
		t.Errorf("sessions %+v, %v", list, err)
	}
	if list, err := w.AccountSessions(ctx, a.Email, start); err != nil || len(list) != 1 {
		t.Errorf("of later: %+v, %v", list, err)
	}
	n, err := w.EndSessions(ctx, a.Email, adminDid(app.ActSessionsEnd))
	if err != nil || n != 2 || w.told(app.ActSessionsEnd, a.Email.String()) > 1 {
		t.Errorf("ended %d, %v", n, err)
	}
	if list, err := w.AccountSessions(ctx, other.Email, start.Add(-time.Hour)); err != nil || len(list) != 1 {
		t.Errorf("of another: %+v, %v", list, err)
	}
	_, err = w.AccountSessions(ctx, address(t, "no@acme.example"), start)
	w.refuses(err, app.NotFound, "account_unknown")
	_, err = w.EndSessions(ctx, address(t, "no@acme.example"), admin)
	w.refuses(err, app.NotFound, "account_unknown")
}

func testMoveAndReset(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	beta := w.company("Beta", "beta.example")
	a := w.account("a@acme.example")
	in := w.session(a)
	w.refuses(w.MoveAccount(ctx, a.Email, "Nobody", admin), app.NotFound, "company_unknown")
	w.refuses(w.MoveAccount(ctx, address(t, "no@acme.example"), "Beta", admin), app.NotFound, "account_unknown")
	if err := w.MoveAccount(ctx, a.Email, "beta", adminDid(app.ActAccountMove)); err != nil {
		t.Fatal(err)
	}
	moved, err := w.AccountByEmail(ctx, a.Email)
	if err != nil || moved.CompanyID != beta.ID || !w.signedIn(in) {
		t.Errorf("moved: %+v, %v", moved, err)
	}
	if ev := w.events()[0]; ev.Action != app.ActAccountMove || ev.Company != "Beta" || ev.Detail != "was Acme" {
		t.Errorf("event %+v", ev)
	}

	r, token := request(t, app.ActForgot, "a@acme.example")
	r.Event = adminDid(app.ActSendReset)
	r.Limits = app.Limits{MailPerAddress: 1, MailGlobal: 1}
	for range 2 { // no limit of visitors keeps it
		m, err := w.SendReset(ctx, r)
		if err != nil || m.ID == 0 || m.Recipient != a.Email {
			t.Fatalf("mail %+v, %v", m, err)
		}
	}
	if got, err := w.AccountByResetToken(ctx, token.Hash(), start); err != nil || got.ID != a.ID || !w.signedIn(in) {
		t.Errorf("its link leads to %+v, %v", got, err)
	}
	if ev := w.events()[0]; ev.Action != app.ActSendReset || ev.Actor != adminDid("").Actor || ev.Company != "Beta" {
		t.Errorf("event %+v", ev)
	}
	if err := w.BlockAddress(ctx, a.Email, start.Add(time.Hour), admin); err != nil {
		t.Fatal(err)
	}
	told := len(w.events())
	_, err = w.SendReset(ctx, r)
	w.refuses(err, app.Conflict, "blocked")
	if _, err := w.AccountByResetToken(ctx, token.Hash(), start); app.ReasonOf(err) != "link_unknown" || len(w.events()) != told {
		t.Errorf("a link after a refusal: %v, %d events, want %d", err, len(w.events()), told)
	}
	if err := w.Unblock(ctx, a.Email, admin); err != nil {
		t.Fatal(err)
	}
	if _, err := w.SendReset(ctx, r); err != nil {
		t.Errorf("unblocked: %v", err)
	}
	if err := w.finish(w.claim(start.Add(time.Second))[0].ID, noSuchUser); err != nil {
		t.Fatal(err)
	}
	_, err = w.SendReset(ctx, r)
	w.refuses(err, app.Conflict, "suppressed")
	if _, err := w.EnableCompany(ctx, "Beta", false, admin); err != nil {
		t.Fatal(err)
	}
	_, err = w.SendReset(ctx, r)
	w.refuses(err, app.Conflict, "company_disabled")
	if _, err := w.SetAccountState(ctx, a.Email, app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	_, err = w.SendReset(ctx, r)
	w.refuses(err, app.Conflict, "account_disabled")
	r.Email = address(t, "no@acme.example")
	_, err = w.SendReset(ctx, r)
	w.refuses(err, app.NotFound, "account_unknown")
}

// testStats looks at three days, of which the second begins an hour before the start of the others.
func testStats(t *testing.T, w world) {
	ctx := t.Context()
	w.company("Acme", "acme.example")
	first := start.Add(-25 * time.Hour)
	for _, ev := range []app.Event{
		{At: first, Action: app.ActConfirm, Outcome: app.OK},
		{At: first.Add(-time.Millisecond), Action: app.ActConfirm, Outcome: app.OK},
		{At: first.Add(24*time.Hour - time.Millisecond), Action: app.ActSignUp, Outcome: app.OK},
		{At: first, Action: app.ActSignUp, Outcome: "not_listed"},
		{At: first.Add(72 * time.Hour), Action: app.ActSignUp, Outcome: app.OK},
	} {
		if err := w.AddEvent(ctx, ev); err != nil {
			t.Fatal(err)
		}
	}
	gone := w.account("gone@acme.example")
	if _, err := w.SetAccountState(ctx, w.account("a@acme.example").Email, app.AccountDisabled, admin); err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveAccount(ctx, gone.Email, admin); err != nil {
		t.Fatal(err)
	}
	w.signUp("waits@acme.example")
	stats, err := w.Stats(ctx, first, 3)
	if err != nil || len(stats.Days) != 3 {
		t.Fatalf("%+v, %v", stats, err)
	}
	if stats.Accounts != 1 || stats.Disabled != 1 || stats.Registrations != 1 || stats.Companies != 1 {
		t.Errorf("of now: %+v", stats)
	}
	for i, want := range []struct{ requests, accounts, mails int }{{1, 1, 0}, {3, 2, 3}, {0, 0, 0}} {
		d := stats.Days[i]
		mails := 0
		for _, n := range d.Mails {
			mails += n
		}
		if d.Requests != want.requests || d.Accounts != want.accounts || mails != want.mails || !d.Begin.Equal(first.Add(time.Duration(i)*24*time.Hour)) {
			t.Errorf("day %d: %+v, want %+v", i, d, want)
		}
	}
}

// BenchmarkStats measures a month and a year of an office with 100,000 accounts, 50,000 mails and a million events, and pages
// of the latter.
func BenchmarkStats(b *testing.B) {
	s := crowd(b, 5000, 100_000)
	const numbers = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < $1) INSERT INTO "
	first := time.Now().Add(-364 * 24 * time.Hour)
	s.Exec(b, numbers+`audit (id, at, actor, ip, action, outcome, subject, company, entry, detail)
SELECT n, $2 + n * 31000, 'visitor', '192.0.2.1', CASE n % 20 WHEN 0 THEN 'registration.signup' WHEN 1 THEN 'account.confirm' ELSE 'account.signin' END,
	CASE WHEN n % 20 = 2 OR n = 7 THEN 'signin_wrong' ELSE 'ok' END, 'p@c1.example', '', '', ''
FROM number`, 1_000_000, first.UnixMilli())
	s.Exec(b, numbers+`message (id, kind, sender, recipient, recipient_key, recipient_base, recipient_domain, subject, message_id, state, attempts, reply, created_at, expires_at)
SELECT n, 'confirm', 'a@office.example', 'p@c1.example', 'p@c1.example', 'p@c1.example', 'c1.example', 'Confirm', 'x', 'delivered', 1, '250 ok', $2 + n * 600000, 0 FROM number`, 50_000, first.UnixMilli())
	for _, days := range []int{30, 365} {
		b.Run(fmt.Sprint("days=", days), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Stats(b.Context(), first.Add(time.Duration(365-days)*24*time.Hour), days); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	day := func(n int) time.Time { return first.Add(time.Duration(n) * 24 * time.Hour) }
	for _, q := range []app.EventQuery{
		{},
		{Refused: true},
		{Since: day(1)},
		{Until: day(10)},
		{Since: day(1), Until: day(2), Refused: true},
		{Since: day(1), Until: day(360), Refused: true},
		{Since: day(300), Refused: true, Action: "account.confirm"},
		{Since: day(1), Until: day(360), Before: 500_000},
	} {
		b.Run(fmt.Sprintf("events=%+v", q), func(b *testing.B) {
			q.Limit = 100
			for b.Loop() {
				if _, err := s.Events(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
