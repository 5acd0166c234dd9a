package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"foyer/app"
	"foyer/server/web"
)

// The kinds of addresses at which browsers are answered, as an app.PageListener names them.
const (
	kindHTTP     = "http"
	kindHTTPS    = "https"
	kindRedirect = "redirect"
)

// door is an address of the settings at which browsers are answered.
type door struct {
	key     string // the setting
	kind    string // kindHTTPS or kindRedirect
	address string // as it is set

	mu       sync.Mutex
	listener net.Listener // nil while it is shut
	server   *http.Server
	failed   string // why it is shut
	ended    chan struct{}
}

// same reports whether another door is this one, and open.
func (d *door) same(other *door) bool {
	return d.kind == other.kind && d.address == other.address && other.isOpen()
}

// open takes the address.
func (d *door) open(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", d.address)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		d.failed = listenProblem(err)
		return err
	}
	d.listener, d.failed = listener, ""
	return nil
}

// serve answers at the address, which is open.
func (d *door) serve(s *serving) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kind == kindHTTPS {
		d.server = s.timeouts.NewServer(http.HandlerFunc(s.secure), s.log)
		d.server.TLSConfig = s.tlsConfig()
		// Whoever knocks at a port in the internet with something else than TLS is no news.
		d.server.ErrorLog = slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	} else {
		d.server = s.timeouts.NewServer(http.HandlerFunc(s.plain), s.log)
	}
	d.ended = make(chan struct{})
	bound, server := web.Bound(d.listener, s.bounds), d.server
	go func() {
		defer close(d.ended)
		var err error
		if d.kind == kindHTTPS {
			err = server.ServeTLS(bound, "", "")
		} else {
			err = server.Serve(bound)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the pages are not served any more at an address", "address", d.address, "err", err)
			d.mu.Lock()
			d.listener, d.failed = nil, listenProblem(err)
			d.mu.Unlock()
			s.changed()
		}
	}()
}

// shut gives the address back at once, and lets what has begun come to its end for at most grace.
func (d *door) shut(grace time.Duration) {
	d.mu.Lock()
	server, listener, ended := d.server, d.listener, d.ended
	d.mu.Unlock()
	if server == nil {
		if listener != nil {
			_ = listener.Close() // nobody has come in yet
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // what does not end is ended
	}
	<-ended
}

func (d *door) isOpen() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listener != nil
}

// why returns why the door is shut; "" while it is open.
func (d *door) why() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// shown returns the address as it is.
func (d *door) shown() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener == nil {
		return d.address
	}
	return d.listener.Addr().String()
}

// port returns the port as it is.
func (d *door) port() int { return portOf(d.shown()) }

// problem returns why the door cannot be had, for who asked for it. doors are those that are open.
func (d *door) problem(err error, doors []*door) error {
	why := listenProblem(err)
	for _, other := range doors {
		if errors.Is(err, errAddressInUse) && other.port() == portOf(d.address) {
			why = fmt.Sprintf("Foyer itself is there, by %s; move that away first", other.key)
		}
	}
	return &app.Error{
		Code: app.Conflict, Field: d.key, Reason: "address_taken", Err: err, Args: map[string]string{"Address": d.address, "Why": why},
		Message: fmt.Sprintf("the pages cannot be served at %s: %s", d.address, why),
	}
}

// listenProblem returns why an address cannot be listened at, as a sentence for the administrator.
func listenProblem(err error) string {
	switch {
	case errors.Is(err, errAddressInUse):
		return "another program has this port; stop it, or choose another address"
	case errors.Is(err, errAddressNotHere):
		return "this machine does not have this address"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errNotPermitted):
		return "the service may not use a port below 1024; choose another one, or give it the capability CAP_NET_BIND_SERVICE, which the unit of foyer service install has"
	default:
		return "the system does not allow it; the log says more"
	}
}
