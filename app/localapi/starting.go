package localapi

import (
	"net/http"
	"sync/atomic"

	"foyer/app"
)

// Startup is a service that does not do its work yet: whoever asks for its version is told how far it is, and everything else
// is Unavailable, "service_starting". It is safe for concurrent use.
type Startup struct {
	stop    chan struct{}
	handler atomic.Pointer[http.Handler]
	how     atomic.Pointer[Starting]
}

// NewStartingServer returns a server of the admin API of a service that is starting, to be served on what Listen returned. Of c
// Backend and what else there is not yet may be nil.
func NewStartingServer(c HandlerConfig) (*http.Server, *Startup) {
	s := &Startup{stop: make(chan struct{})}
	s.how.Store(&Starting{})
	h := newHandlerOf(c, s.stop)
	h.starting = s.how.Load
	s.set(h.mux([]route{{method: "GET", path: pathVersion, open: true, serve: h.version}}, startingRoute))
	return newServer(s, s.stop, c.Log), s
}

// ServeHTTP answers as far as the service is.
func (s *Startup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*s.handler.Load()).ServeHTTP(w, r)
}

func (s *Startup) set(h http.Handler) { s.handler.Store(&h) }

// Progress says how far the start is.
func (s *Startup) Progress(step string, done, total int64) { s.how.Store(&Starting{step, done, total}) }

// Started has everything answered from now on.
func (s *Startup) Started(c HandlerConfig) { s.set(newHandler(c, s.stop)) }

func startingRoute(*request) (any, error) {
	return nil, app.Errorf(app.Unavailable, "service_starting", "the service is starting; foyer version says how far it is")
}
