package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"foyer/app"
)

// visit is one request on its way through the layers: who asks, in which language, under which settings.
type visit struct {
	site     *site
	settings app.Settings // of the moment the request came
	lang     string
	ip       string
	agent    string          // how the browser calls itself
	host     string          // the Host of the request without its port, in lower case
	route    string          // the template of the path, "" before it is known
	sent     url.Values      // the form that came with a POST
	shown    []app.Connector // those of connectors, once asked for
	asked    bool
}

type visitKey struct{}

func visitOf(r *http.Request) *visit { return r.Context().Value(visitKey{}).(*visit) }

// visitor returns what the domain wants to know of the visit.
func (v *visit) visitor() app.Visitor { return app.Visitor{IP: v.ip, Lang: v.lang, Browser: v.agent} }

// observe is the outermost layer: it begins the visit, turns a panic into a page and writes the access log. The log
// names the template of the route, never the path or the query: they carry the secrets of links.
func (s *site) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		v := &visit{site: s, settings: s.service.Settings(), ip: clientIP(r, s.proxies), agent: r.UserAgent(), host: canonicalHost(r.Host)}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		answer := &answer{ResponseWriter: w}
		s.chooseLanguage(answer, r, v)
		defer func() {
			if fault := recover(); fault != nil {
				s.recovered(answer, r, fault)
			}
			level := slog.LevelInfo
			if v.route == "/static/:file" || v.route == healthPath {
				level = slog.LevelDebug
			}
			took := time.Since(started)
			if s.served != nil {
				s.served(v.route, r.Method, answer.status, took)
			}
			s.log.LogAttrs(r.Context(), level, "request", slog.String("method", r.Method), slog.String("route", v.route),
				slog.Int("status", answer.status), slog.Duration("took", took), slog.String("ip", v.ip))
		}()
		next.ServeHTTP(answer, r)
	})
}

// recovered answers a request whose handler has panicked.
func (s *site) recovered(w *answer, r *http.Request, fault any) {
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(fault) // net/http's own way to give a connection up
	}
	s.log.Error("panic in a page", "route", visitOf(r).route, "panic", fault, "stack", string(debug.Stack()))
	if w.status == 0 {
		s.refuse(http.StatusInternalServerError).ServeHTTP(w, r)
	}
}

// answer is a ResponseWriter that remembers its status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
