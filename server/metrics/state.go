package metrics

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"foyer/app"
)

// stateTime is how long what is asked for one scrape may take together.
const stateTime = 5 * time.Second

// state tells how the service is when it is asked: nothing of it is counted meanwhile.
type state struct {
	config Config

	build, up, checkups                                 *prometheus.Desc
	companies, accounts, registrations, sessions        *prometheus.Desc
	messages, oldest, attempts, took, age, resting      *prometheus.Desc
	database, wal, free, reserve, full, failing, schema *prometheus.Desc
	backups, backupAt, backupFailed, backupFree         *prometheus.Desc
	certificate, watches, checkupAt                     *prometheus.Desc
}

func newState(c Config) *state {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &state{
		config: c,
		build:  desc("foyer_build_info", "Always 1; the labels say what runs.", "version", "go"),
		up:     desc("foyer_figures_up", "1 when a part of the service has told its figures, 0 when it has not.", "part"),

		companies:     desc("foyer_companies", "Companies."),
		accounts:      desc("foyer_accounts", "Accounts, by state.", "state"),
		registrations: desc("foyer_registrations", "Sign-ups that wait for their confirmation."),
		sessions:      desc("foyer_sessions", "Browsers that are signed in."),

		messages: desc("foyer_mail_messages", "Mails that wait or are kept, by state. Those that were delivered are counted by foyer_mail_attempts_total.", "state"),
		oldest:   desc("foyer_mail_oldest_seconds", "Age of the oldest mail that waits to be delivered; 0 for none."),
		attempts: desc("foyer_mail_attempts_total", "Attempts to deliver a mail, by what the mail's state was after it.", "state"),
		took:     desc("foyer_mail_attempt_duration_seconds", "How long attempts took."),
		age:      desc("foyer_mail_delivered_age_seconds", "How old mails were when they were delivered."),
		resting:  desc("foyer_mail_destinations_resting", "Mail servers that were down when they were tried last, and are left alone for a while."),

		database: desc("foyer_database_bytes", "Size of the database."),
		wal:      desc("foyer_database_wal_bytes", "Size of the database's write-ahead log."),
		schema:   desc("foyer_database_schema", "Version of the database."),
		free:     desc("foyer_disk_free_bytes", "What may still be written to the disk of the data."),
		reserve:  desc("foyer_disk_reserve_bytes", "What is set aside there."),
		full:     desc("foyer_disk_full", "1 when nothing new is taken for lack of space."),
		failing:  desc("foyer_disk_failing", "1 when nothing is taken, because the data cannot be written."),

		backups:      desc("foyer_backups", "Backups that are kept."),
		backupAt:     desc("foyer_backup_last_success_timestamp_seconds", "When the newest backup was made; 0 for none."),
		backupFailed: desc("foyer_backup_failed", "1 when the last backup has failed."),
		backupFree:   desc("foyer_backup_disk_free_bytes", "What may still be written to the disk of the backups."),

		certificate: desc("foyer_certificate_expiry_seconds", "Seconds until the certificate of the pages expires, as the last checkup has seen it; below 0 when it has."),
		watches:     desc("foyer_admin_watches", "Programs that watch for changes over the admin socket."),
		checkupAt:   desc("foyer_checkup_timestamp_seconds", "When everything was looked at last; 0 for not since the start."),
		checkups:    desc("foyer_checkup_checks", "What the last checkup has found, by state.", "state"),
	}
}

// Describe tells nothing beforehand: what there is goes by what the service has.
func (s *state) Describe(ch chan<- *prometheus.Desc) { ch <- s.build }

// Collect asks the service how it is.
func (s *state) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), stateTime)
	defer cancel()
	t := teller{ch}
	t.gauge(s.build, 1, s.config.Version, runtime.Version())
	t.gauge(s.up, number(s.store(ctx, t)), "store")
	t.gauge(s.up, number(s.mail(ctx, t)), "mail")
	if s.config.Backups != nil {
		t.gauge(s.up, number(s.backup(ctx, t)), "backups")
	}
	if s.config.Certificate != nil {
		if end := s.config.Certificate(); !end.IsZero() {
			t.gauge(s.certificate, time.Until(end).Seconds())
		}
	}
	if s.config.Watches != nil {
		t.gauge(s.watches, float64(s.config.Watches()))
	}
	if s.config.Checkup != nil {
		c := s.config.Checkup()
		t.gauge(s.checkupAt, stamp(c.At))
		for _, state := range []app.CheckState{app.CheckOK, app.CheckWarning, app.CheckError, app.CheckSkipped} {
			t.gauge(s.checkups, float64(c.Count(state)), string(state))
		}
	}
}

func (s *state) store(ctx context.Context, t teller) (ok bool) {
	if s.config.Figures == nil {
		return false
	}
	f, err := s.config.Figures(ctx)
	if err != nil {
		return false
	}
	t.gauge(s.companies, float64(f.Companies))
	for state, n := range f.Accounts {
		t.gauge(s.accounts, float64(n), string(state))
	}
	t.gauge(s.registrations, float64(f.Registrations))
	t.gauge(s.sessions, float64(f.Sessions))
	for state, n := range f.Messages {
		t.gauge(s.messages, float64(n), string(state))
	}
	oldest := 0.0
	if !f.Oldest.IsZero() {
		oldest = max(0, time.Since(f.Oldest).Seconds())
	}
	t.gauge(s.oldest, oldest)
	t.gauge(s.database, float64(f.Database))
	t.gauge(s.wal, float64(f.WAL))
	t.gauge(s.schema, float64(f.Schema))
	if f.Free >= 0 {
		t.gauge(s.free, float64(f.Free))
	}
	t.gauge(s.reserve, float64(f.Reserve))
	t.gauge(s.full, number(f.Full))
	t.gauge(s.failing, number(f.Failing))
	return true
}

func (s *state) mail(ctx context.Context, t teller) (ok bool) {
	if s.config.Traffic == nil {
		return false
	}
	traffic, err := s.config.Traffic(ctx)
	if err != nil {
		return false
	}
	for _, state := range []app.MessageState{app.MessageDelivered, app.MessageDeferred, app.MessageFailed, app.MessageCaptured} {
		t.counter(s.attempts, float64(traffic.Attempts[state]), string(state))
	}
	t.histogram(s.took, traffic.Took)
	t.histogram(s.age, traffic.Age)
	resting := 0
	for _, d := range traffic.Destinations {
		if !d.RestsUntil.IsZero() {
			resting++
		}
	}
	t.gauge(s.resting, float64(resting))
	return true
}

func (s *state) backup(ctx context.Context, t teller) (ok bool) {
	status, err := s.config.Backups(ctx)
	if err != nil {
		return false
	}
	t.gauge(s.backups, float64(len(status.Backups)))
	var newest time.Time
	if len(status.Backups) > 0 {
		newest = status.Backups[0].At
	}
	t.gauge(s.backupAt, stamp(newest))
	t.gauge(s.backupFailed, number(!status.FailedAt.IsZero()))
	t.gauge(s.backupFree, float64(status.FreeBytes))
	return true
}

// teller tells one figure after the other.
type teller struct{ ch chan<- prometheus.Metric }

func (t teller) gauge(d *prometheus.Desc, v float64, labels ...string) {
	t.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (t teller) counter(d *prometheus.Desc, v float64, labels ...string) {
	t.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

// histogram tells durations. Prometheus wants of each bucket how many are in it or in those below.
func (t teller) histogram(d *prometheus.Desc, durations app.Durations) {
	buckets := map[float64]uint64{}
	var sum uint64
	for i, n := range durations.Counts {
		sum += uint64(max(n, 0))
		if i < len(app.DurationBounds) {
			buckets[app.DurationBounds[i].Seconds()] = sum
		}
	}
	t.ch <- prometheus.MustNewConstHistogram(d, sum, durations.Sum.Seconds(), buckets)
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func stamp(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.Unix())
}
