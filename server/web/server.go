package web

import (
	"log/slog"
	"net/http"
	"time"
)

// Timeouts bounds how long and how large a request may be. A server without them holds every half-open connection
// for ever.
type Timeouts struct {
	ReadHeader     time.Duration
	Read           time.Duration
	Write          time.Duration
	Idle           time.Duration
	MaxHeaderBytes int
}

// DefaultTimeouts returns those that count where nobody says otherwise.
func DefaultTimeouts() Timeouts {
	return Timeouts{
		ReadHeader: 5 * time.Second, Read: 15 * time.Second, Write: 30 * time.Second, Idle: 60 * time.Second,
		MaxHeaderBytes: 16 << 10,
	}
}

// NewServer returns a server of h with these timeouts. What net/http itself has to say goes to log.
func (t Timeouts) NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: t.ReadHeader,
		ReadTimeout:       t.Read,
		WriteTimeout:      t.Write,
		IdleTimeout:       t.Idle,
		MaxHeaderBytes:    t.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// "OPTIONS *" gets the headers and the answer every other request gets.
		DisableGeneralOptionsHandler: true,
	}
}
