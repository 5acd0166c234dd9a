// Package metrics counts what the service does, and tells it in the text format of Prometheus. It is the only room that knows
// Prometheus; the server package gives it what it tells of.
package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"foyer/app"
)

// Config says what is told beside what is counted here. What is nil is not told.
type Config struct {
	Version     string
	Figures     func(ctx context.Context) (app.StoreFigures, error)
	Traffic     func(ctx context.Context) (app.MailTraffic, error)
	Backups     func(ctx context.Context) (app.BackupStatus, error)
	Certificate func() time.Time // the end of the one that browsers are shown; zero for none
	Checkup     func() app.Checkup
	Watches     func() int // how many watch over the admin socket
}

// Metrics counts. It is safe for concurrent use, and a count costs a fraction of a microsecond.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	admin     *prometheus.CounterVec
	signups   *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	created   *prometheus.CounterVec
	events    *prometheus.CounterVec
	turned    *prometheus.CounterVec

	outcomes words
}

// New returns metrics in a registry of their own.
func New(c Config) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("foyer_http_requests_total", "Requests for pages, by the template of their route.", "route", "method", "status"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "foyer_http_request_duration_seconds", Help: "How long pages took, by the template of their route.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route"}),
		admin:   counter("foyer_admin_requests_total", "Requests over the admin socket, by the template of their route.", "route", "method", "status"),
		signups: counter("foyer_signups_total", "Sign-ups that were asked for, by their way and what came of it.", "way", "outcome"),
		signIns: counter("foyer_sign_ins_total", "Sign-ins, by their way and what came of it.", "way", "outcome"),
		created: counter("foyer_accounts_created_total", "Sign-ups that were confirmed, by their way and what came of it.", "way", "outcome"),
		events:  counter("foyer_audit_events_total", "Events of the audit, by action, and whether somebody was refused.", "action", "refused"),
		turned:  counter("foyer_limited_total", "Requests that were turned away because their client was over a limit.", "action", "limit"),
	}
	m.registry.MustRegister(
		m.requests, m.durations, m.admin, m.signups, m.signIns, m.created, m.events, m.turned,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newState(c),
	)
	return m
}

// Request counts a page that was answered.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	route = orNone(route)
	m.requests.WithLabelValues(route, methodOf(method), classOf(status)).Inc()
	m.durations.WithLabelValues(route).Observe(took.Seconds())
}

// Admin counts an answer over the admin socket.
func (m *Metrics) Admin(route, method string, status int, _ time.Duration) {
	m.admin.WithLabelValues(orNone(route), methodOf(method), classOf(status)).Inc()
}

// Event counts an event of the audit.
func (m *Metrics) Event(ev app.Event) {
	m.events.WithLabelValues(string(ev.Action), strconv.FormatBool(ev.Refused())).Inc()
	byAction := map[app.Action]*prometheus.CounterVec{app.ActSignUp: m.signups, app.ActSignIn: m.signIns, app.ActConfirm: m.created}
	counter, ok := byAction[ev.Action]
	if !ok {
		return
	}
	way := "form"
	if ev.Through != "" {
		way = "connector"
	}
	counter.WithLabelValues(way, m.outcomes.known(ev.Outcome)).Inc()
}

// Turned counts a request that was turned away.
func (m *Metrics) Turned(action app.Action, limit string) {
	m.turned.WithLabelValues(string(action), m.outcomes.known(limit)).Inc()
}

// Write returns the media type of the figures of now, and what writes them.
func (m *Metrics) Write(context.Context) (mediaType string, send func(w io.Writer) error, err error) {
	families, err := m.registry.Gather()
	if err != nil {
		return "", nil, &app.Error{Code: app.Internal, Reason: "metrics", Err: err}
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	return string(format), func(w io.Writer) error {
		to := expfmt.NewEncoder(w, format)
		for _, family := range families {
			if err := to.Encode(family); err != nil {
				return fmt.Errorf("write the figures: %w", err)
			}
		}
		return nil
	}, nil
}

// classOf returns the class of a status, as in "2xx".
func classOf(status int) string {
	if status < 100 || status > 599 {
		return "none" // the connection was given up
	}
	return strconv.Itoa(status/100) + "xx"
}

// methodOf keeps what a client may write freely to a few words.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete:
		return method
	default:
		return "other"
	}
}

func orNone(route string) string {
	if route == "" {
		return "none"
	}
	return route
}

// maxWords bounds how many different outcomes are told apart.
const maxWords = 100

// words knows the words that were counted. They are stable names of the program's own, and should one not be, it takes no
// memory for ever.
type words struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (w *words) known(word string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen[word] {
		return word
	}
	if len(w.seen) >= maxWords {
		return "other"
	}
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[word] = true
	return word
}
