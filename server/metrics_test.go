package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server"
)

// figures returns what the admin socket tells.
func (h house) figures() string {
	h.Helper()
	var b strings.Builder
	if err := h.admin().Metrics(h.Context(), &b); err != nil {
		h.Fatal(err)
	}
	return b.String()
}

// get asks a server as a page or a scraper would, and returns status and body.
func get(t *testing.T, method, address, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestMetricsOfTheService(t *testing.T) {
	h := open(t, "limits.signup_per_ip", "1")
	for range 2 {
		h.post(h.browser(), "/login", "email", "jane@acme.example", "password", "wrong")
	}
	get(t, http.MethodGet, h.local+"/secret-path?token=SECRETCANARY", "")
	got := h.figures()
	for _, want := range []string{
		`foyer_http_requests_total{method="POST",route="/login",status="4xx"} `, `foyer_http_requests_total{method="GET",route="none",status="4xx"} 1`,
		`foyer_companies 1`, `foyer_build_info{go="go`, `foyer_database_bytes `, `foyer_mail_attempts_total{state="delivered"} 0`,
		`foyer_audit_events_total{action="company.add",refused="false"} 1`, `foyer_figures_up{part="backups"} 1`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, secret := range []string{"acme", "SECRETCANARY", "secret-path", "127.0.0.1"} {
		if strings.Contains(got, secret) {
			t.Errorf("the figures hold %q", secret)
		}
	}
	if again := h.figures(); !strings.Contains(again, `foyer_admin_requests_total{method="GET",route="/v1/metrics",status="2xx"} 1`) {
		t.Error("what was asked over the admin socket is not counted")
	}
}

func TestMetricsPort(t *testing.T) {
	h := open(t)
	first, second := freePort(t), freePort(t)
	h.set("metrics.listen", first)
	_, port, err := net.SplitHostPort(first)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, path, host string
		want               int
	}{
		{http.MethodGet, "/metrics", "", 200},
		{http.MethodHead, "/metrics", "", 200},
		{http.MethodGet, "/metrics", "localhost:" + port, 200},
		{http.MethodGet, "/metrics", "evil.example:" + port, 421},
		{http.MethodGet, "/metrics", "192.168.1.5", 421},
		{http.MethodPost, "/metrics", "", 405},
		{http.MethodGet, "/", "", 404},
		{http.MethodGet, "/debug/pprof/", "", 404},
	} {
		if got, body := get(t, tt.method, "http://"+first+tt.path, tt.host); got != tt.want {
			t.Errorf("%s %s as %q: got %d %s, want %d", tt.method, tt.path, tt.host, got, body, tt.want)
		}
	}
	// Another address, and the first is free again.
	h.set("metrics.listen", second)
	if got, _ := get(t, http.MethodGet, "http://"+second+"/metrics", ""); got != 200 {
		t.Errorf("at the second address: got %d", got)
	}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", first)
	if err != nil {
		t.Fatalf("the first address is not free: %v", err)
	}
	defer taken.Close()
	// One that is taken is refused, and with it everything that was to be changed.
	_, err = h.app.SetSettings(t.Context(), "test", map[string]string{"metrics.listen": first, "site_name": "Other"})
	if app.CodeOf(err) != app.Conflict || !strings.Contains(app.MessageOf(err), "server.test") || h.app.Settings().SiteName == "Other" {
		t.Errorf("taken: got %v, and the site is called %q", err, h.app.Settings().SiteName)
	}
	if got, _ := get(t, http.MethodGet, "http://"+second+"/metrics", ""); got != 200 {
		t.Errorf("after that: got %d at the second address", got)
	}
	h.set("metrics.listen", "off")
	if got, _ := get(t, http.MethodGet, "http://"+second+"/metrics", ""); got != 0 {
		t.Errorf("off: got %d", got)
	}
}

// An address that is taken at a start is told, and does not keep the service from starting, nor from being changed.
func TestMetricsPortTakenAtStart(t *testing.T) {
	h := open(t)
	address := freePort(t)
	h.set("metrics.listen", address)
	h.stop()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	h = start(t, h.dir)
	if !strings.Contains(strings.Join(concerns(t, h), " "), "metrics_not_served") {
		t.Error("attention does not name it")
	}
	h.set("site_name", "Other")
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	h.set("metrics.listen", address)
	if got, _ := get(t, http.MethodGet, "http://"+address+"/metrics", ""); got != 200 || strings.Contains(strings.Join(concerns(t, h), " "), "metrics_not_served") {
		t.Errorf("the address is free again, and asking there gets %d; attention: %q", got, concerns(t, h))
	}
	h.set("metrics.listen", "off")
	if strings.Contains(strings.Join(concerns(t, h), " "), "metrics_not_served") {
		t.Error("attention names it although it is off")
	}
}

// The setting log.level counts at once; the command line counts for a start until somebody sets the setting.
func TestLogLevel(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		given   bool
		began   slog.Level
		set     string
		want    slog.Level
		atStart slog.Level
	}{
		{false, slog.LevelError, "debug", slog.LevelDebug, slog.LevelInfo},
		{false, slog.LevelError, "warn", slog.LevelWarn, slog.LevelDebug},
		{true, slog.LevelError, "info", slog.LevelInfo, slog.LevelError},
	} {
		level := new(slog.LevelVar)
		level.Set(tt.began)
		h := startChanged(t, dir, func(c *server.Config) { c.Level, c.LevelGiven = level, tt.given })
		if got := level.Level(); got != tt.atStart {
			t.Errorf("%+v: at the start %v", tt, got)
		}
		h.set("log.level", tt.set)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		for level.Level() != tt.want && ctx.Err() == nil {
			runtime.Gosched() // until the change has come through
		}
		cancel()
		if got := level.Level(); got != tt.want {
			t.Errorf("%+v: set, and it is %v", tt, got)
		}
		h.stop()
	}
}
