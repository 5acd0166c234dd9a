package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/metrics"
)

// lines returns the figures, without comments and without those of Go and the process.
func lines(t *testing.T, m *metrics.Metrics) map[string]string {
	t.Helper()
	mediaType, send, err := m.Write(t.Context())
	if err != nil || !strings.HasPrefix(mediaType, "text/plain") {
		t.Fatalf("Write: %q, %v", mediaType, err)
	}
	var b strings.Builder
	if err := send(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\ngo_goroutines ") || !strings.Contains(b.String(), "\nprocess_") {
		t.Error("the figures of Go and of the process are missing")
	}
	found := map[string]string{}
	for line := range strings.Lines(b.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && strings.HasPrefix(name, "foyer_") {
			found[name+"}"] = value
		} else if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "foyer_") {
			found[name] = value
		}
	}
	return found
}

func TestCounts(t *testing.T) {
	m := metrics.New(metrics.Config{Version: "1.2.3"})
	m.Request("/login", "GET", 200, 30*time.Millisecond)
	m.Request("/login", "POST", 303, 3*time.Second)
	m.Request("", "BREW", 404, time.Millisecond)
	m.Request("/auth/:name/start", "GET", 0, time.Millisecond)
	m.Admin("/v1/version", "GET", 200, time.Millisecond)
	m.Event(app.Event{Action: app.ActSignIn, Outcome: app.OK})
	m.Event(app.Event{Action: app.ActSignIn, Outcome: "signin_wrong", Subject: "jane@acme.example"})
	m.Event(app.Event{Action: app.ActSignIn, Outcome: app.OK, Through: "google"})
	m.Event(app.Event{Action: app.ActSignUp, Outcome: app.OK})
	m.Event(app.Event{Action: app.ActConfirm, Outcome: app.OK})
	m.Event(app.Event{Action: app.ActCompanyAdd, Outcome: app.OK})
	m.Turned(app.ActSignIn, "too_many")
	got := lines(t, m)
	for name, want := range map[string]string{
		`foyer_http_requests_total{method="GET",route="/login",status="2xx"}`:             "1",
		`foyer_http_requests_total{method="POST",route="/login",status="3xx"}`:            "1",
		`foyer_http_requests_total{method="other",route="none",status="4xx"}`:             "1",
		`foyer_http_requests_total{method="GET",route="/auth/:name/start",status="none"}`: "1",
		`foyer_http_request_duration_seconds_bucket{route="/login",le="0.05"}`:            "1",
		`foyer_http_request_duration_seconds_count{route="/login"}`:                       "2",
		`foyer_admin_requests_total{method="GET",route="/v1/version",status="2xx"}`:       "1",
		`foyer_sign_ins_total{outcome="ok",way="form"}`:                                   "1",
		`foyer_sign_ins_total{outcome="signin_wrong",way="form"}`:                         "1",
		`foyer_sign_ins_total{outcome="ok",way="connector"}`:                              "1",
		`foyer_signups_total{outcome="ok",way="form"}`:                                    "1",
		`foyer_accounts_created_total{outcome="ok",way="form"}`:                           "1",
		`foyer_audit_events_total{action="company.add",refused="false"}`:                  "1",
		`foyer_limited_total{action="` + string(app.ActSignIn) + `",limit="too_many"}`:    "1",
		`foyer_figures_up{part="store"}`:                                                  "0",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for name := range got {
		if strings.Contains(name, "acme") {
			t.Errorf("an address is told: %s", name)
		}
	}
}

// However many different words come, what is counted does not grow without end.
func TestOutcomesAreBounded(t *testing.T) {
	m := metrics.New(metrics.Config{})
	for i := range 1000 {
		m.Event(app.Event{Action: app.ActSignIn, Outcome: fmt.Sprint("word", i)})
	}
	got, n := lines(t, m), 0
	for name := range got {
		if strings.HasPrefix(name, "foyer_sign_ins_total") {
			n++
		}
	}
	if n != 101 || got[`foyer_sign_ins_total{outcome="other",way="form"}`] != "900" {
		t.Errorf("%d outcomes, %s others; want 101 and 900", n, got[`foyer_sign_ins_total{outcome="other",way="form"}`])
	}
}

func TestState(t *testing.T) {
	now := time.Now()
	traffic := app.MailTraffic{Attempts: map[app.MessageState]int64{app.MessageDelivered: 3}, Destinations: []app.MailDestination{{Name: "a", RestsUntil: now}, {Name: "b"}}}
	traffic.Took.Add(50 * time.Millisecond)
	traffic.Took.Add(48 * time.Hour)
	m := metrics.New(metrics.Config{
		Version: "1.2.3",
		Figures: func(context.Context) (app.StoreFigures, error) {
			return app.StoreFigures{
				Companies: 2, Accounts: map[app.AccountState]int{app.AccountActive: 5, app.AccountDisabled: 1}, Registrations: 3, Sessions: 4,
				Messages: map[app.MessageState]int{app.MessageDeferred: 7}, Oldest: now.Add(-time.Hour), Schema: 9, Database: 1000, WAL: 10, Free: 1 << 30, Reserve: 32, Full: true, Failing: true,
			}, nil
		},
		Traffic: func(context.Context) (app.MailTraffic, error) { return traffic, nil },
		Backups: func(context.Context) (app.BackupStatus, error) {
			return app.BackupStatus{Backups: []app.Backup{{At: time.Unix(1000, 0)}}, FailedAt: now, FreeBytes: 77}, nil
		},
		Certificate: func() time.Time { return now.Add(-time.Hour) },
		Checkup: func() app.Checkup {
			return app.Checkup{At: time.Unix(2000, 0), Checks: []app.Check{{State: app.CheckError}}}
		},
		Watches: func() int { return 6 },
	})
	got := lines(t, m)
	for name, want := range map[string]string{
		"foyer_companies": "2", `foyer_accounts{state="active"}`: "5", `foyer_accounts{state="disabled"}`: "1", "foyer_registrations": "3", "foyer_sessions": "4",
		`foyer_mail_messages{state="deferred"}`: "7", "foyer_database_bytes": "1000", "foyer_database_wal_bytes": "10", "foyer_database_schema": "9",
		"foyer_disk_free_bytes": "1.073741824e+09", "foyer_disk_reserve_bytes": "32", "foyer_disk_full": "1", "foyer_disk_failing": "1",
		`foyer_mail_attempts_total{state="delivered"}`: "3", `foyer_mail_attempts_total{state="failed"}`: "0", "foyer_mail_destinations_resting": "1",
		`foyer_mail_attempt_duration_seconds_bucket{le="0.1"}`: "1", `foyer_mail_attempt_duration_seconds_bucket{le="+Inf"}`: "2", "foyer_mail_delivered_age_seconds_count": "0",
		"foyer_backups": "1", "foyer_backup_last_success_timestamp_seconds": "1000", "foyer_backup_failed": "1", "foyer_backup_disk_free_bytes": "77",
		"foyer_checkup_timestamp_seconds": "2000", `foyer_checkup_checks{state="error"}`: "1", `foyer_checkup_checks{state="ok"}`: "0", "foyer_admin_watches": "6",
		`foyer_figures_up{part="store"}`: "1", `foyer_figures_up{part="mail"}`: "1", `foyer_figures_up{part="backups"}`: "1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if v := got["foyer_certificate_expiry_seconds"]; !strings.HasPrefix(v, "-3600") {
		t.Errorf("the certificate ends in %s s, want 3600 s ago", v)
	}
	if v := got["foyer_mail_oldest_seconds"]; !strings.HasPrefix(v, "3600") {
		t.Errorf("the oldest mail is %s s old, want 3600", v)
	}
}

// A part that does not answer takes nothing else with it.
func TestStateOfPartsThatFail(t *testing.T) {
	fault := errors.New("no")
	m := metrics.New(metrics.Config{
		Figures: func(context.Context) (app.StoreFigures, error) { return app.StoreFigures{}, fault },
		Traffic: func(context.Context) (app.MailTraffic, error) { return app.MailTraffic{}, fault },
		Backups: func(context.Context) (app.BackupStatus, error) { return app.BackupStatus{}, fault },
		Watches: func() int { return 1 },
	})
	got := lines(t, m)
	for name, want := range map[string]string{
		`foyer_figures_up{part="store"}`: "0", `foyer_figures_up{part="mail"}`: "0", `foyer_figures_up{part="backups"}`: "0", "foyer_admin_watches": "1", "foyer_companies": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	m := metrics.New(metrics.Config{})
	for b.Loop() {
		m.Request("/login", "GET", 200, time.Millisecond)
	}
}
