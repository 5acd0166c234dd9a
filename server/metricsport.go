package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"foyer/app"
	"foyer/app/localapi"
)

// metricsPort serves the figures over HTTP at an address of this machine for itself, when a setting names one. Whoever is on this
// machine may read them: they hold no address, name or secret.
type metricsPort struct {
	write localapi.MetricsFunc
	log   *slog.Logger

	group   sync.WaitGroup
	mu      sync.Mutex
	wanted  string // by the setting
	server  *http.Server
	problem string // why it is not served although it should be
}

// begin serves the figures where the setting says. That it cannot is no fault of the start: it is told to who asks for attention.
func (m *metricsPort) begin(ctx context.Context, address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = address
	if address == app.Off {
		return
	}
	l, err := listenMetrics(ctx, address)
	if err != nil {
		m.problem = app.MessageOf(err)
		m.log.Error("the figures are not served", "err", err)
		return
	}
	m.serve(l)
}

// Prepare takes the address that settings name, if it is another one or is not served. Conflict, "metrics_listen", when it cannot be had.
func (m *metricsPort) Prepare(ctx context.Context, next app.Settings) (app.Preparation, error) {
	move := &metricsMove{port: m, address: next.Watching.MetricsListen}
	m.mu.Lock()
	move.same = move.address == m.wanted
	served := m.server != nil
	m.mu.Unlock()
	if move.same && served || move.address == app.Off {
		return move, nil
	}
	var err error
	move.listener, err = listenMetrics(ctx, move.address)
	if move.same { // what is not served although it should be is tried again, and keeps nothing else from being changed
		return move, nil
	}
	return move, err
}

// metricsMove is a prepared change of the port.
type metricsMove struct {
	port     *metricsPort
	address  string
	same     bool         // as before
	listener net.Listener // nil for none
}

// Commit serves the figures at the new address, or nowhere.
func (m *metricsMove) Commit() {
	if !m.same || m.listener != nil {
		m.port.replace(m.address, m.listener)
	}
}

// Abort gives the address back.
func (m *metricsMove) Abort() {
	if m.listener != nil {
		_ = m.listener.Close() // nobody has connected
	}
}

func listenMetrics(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &app.Error{
			Code: app.Conflict, Field: "metrics.listen", Reason: "metrics_listen", Err: err, Args: map[string]string{"Address": address},
			Message: fmt.Sprintf("the figures cannot be served at %s%s; free that address and set it again, or choose another one with: foyer settings set metrics.listen=ADDRESS:PORT", address, holderWords(address)),
		}
	}
	return l, nil
}

// replace serves at another address than before; l is nil for none.
func (m *metricsPort) replace(address string, l net.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop()
	m.wanted, m.problem = address, ""
	if l != nil {
		m.serve(l)
	}
}

// serve begins to serve. mu is held.
func (m *metricsPort) serve(l net.Listener) {
	server := &http.Server{
		Handler: http.HandlerFunc(m.answer), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelWarn),
	}
	m.server = server
	m.group.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			m.log.Error("the figures are not served any more", "err", err)
			m.ended(server, l.Addr())
		}
	})
	m.log.Info("the figures are served", "at", "http://"+l.Addr().String()+"/metrics")
}

// ended notes that a server has ended by itself.
func (m *metricsPort) ended(server *http.Server, at net.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server == server {
		m.server, m.problem = nil, fmt.Sprintf("the figures are not served at %s any more; set metrics.listen again, or restart the service", at)
	}
}

// stop ends what is served. mu is held.
func (m *metricsPort) stop() {
	if m.server != nil {
		_ = m.server.Close() // a scrape that is under way is tried again by who scrapes
		m.server = nil
	}
}

func (m *metricsPort) answer(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case !app.IsLoopbackHost(host): // a page of another name that was made to point here (DNS rebinding)
		http.Error(w, "ask by the name localhost", http.StatusMisdirectedRequest)
		return
	case r.URL.Path != "/metrics":
		http.Error(w, "there is /metrics only", http.StatusNotFound)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "it can be read only", http.StatusMethodNotAllowed)
		return
	}
	mediaType, send, err := m.write(r.Context())
	if err != nil {
		m.log.Error("the figures cannot be told", "err", err)
		http.Error(w, "the figures cannot be told; the service's log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	if err := send(w); err != nil {
		m.log.Debug("figures not sent", "err", err)
	}
}

// concerns returns that the figures are not served although they should be.
func (m *metricsPort) concerns() []app.Concern {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.problem == "" {
		return nil
	}
	return []app.Concern{{Code: "metrics_not_served", Subject: "metrics.listen", Text: m.problem, Args: map[string]string{"Address": m.wanted}}}
}

// close ends it and waits.
func (m *metricsPort) close() {
	m.mu.Lock()
	m.stop()
	m.mu.Unlock()
	m.group.Wait()
}
