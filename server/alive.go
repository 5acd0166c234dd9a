package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"foyer/app/localapi"
)

// Alive returns nil when the service does its work: the pages answer /healthz, for which the database is read and written,
// and the admin socket answers. It is for the watchdog, which ends a service that hangs, so it returns nil too when /healthz
// says that the disk is full or read-only, or that another program has the database for itself: a new start would not help.
//
// The pages are asked without a connection. Whoever takes all that they have would else have the service ended.
func (s *Server) Alive(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/healthz", nil)
	if err != nil {
		return fmt.Errorf("ask the pages: %w", err)
	}
	r.RemoteAddr = "127.0.0.1:0"
	a := &reply{header: http.Header{}}
	s.handler.ServeHTTP(a, r)
	var h struct {
		Reason string `json:"reason"`
	}
	if a.status != http.StatusOK {
		if err := json.Unmarshal(a.body.Bytes(), &h); err != nil || !slices.Contains(excused(), h.Reason) {
			return fmt.Errorf("the pages answer /healthz with status %d: %s", a.status, bytes.TrimSpace(a.body.Bytes()))
		}
	}
	client := &localapi.Client{Socket: s.config.Socket} // a new connection each time: one that is open does not ask the listener
	defer client.Close()
	if _, err := client.Version(ctx); err != nil {
		return fmt.Errorf("ask the admin socket: %w", err)
	}
	return nil
}

// excused are the reasons of /healthz that a new start would find, too.
func excused() []string { return []string{"storage_full", "storage_readonly", "storage_busy"} }

// reply is an answer that is kept.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *reply) Header() http.Header { return a.header }

func (a *reply) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *reply) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
