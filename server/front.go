package server

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"foyer/app"
	"foyer/server/cert"
)

// tlsConfig is that of every connection. Go's defaults are the modern ones.
func (s *serving) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate, NextProtos: []string{"h2", "http/1.1", cert.ALPN}}
}

var errNoTLS = errors.New("there is no certificate to show")

// certificate returns what a browser is shown, or an authority that asks whether this is the host.
func (s *serving) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if prepared := s.prepared.Load(); prepared != nil && slices.Contains(hello.SupportedProtos, cert.ALPN) {
		if c, err := prepared.GetCertificate(hello); err == nil {
			return c, nil
		}
	}
	now := s.state.Load()
	if now.source == nil {
		return nil, errNoTLS
	}
	return now.source.GetCertificate(hello)
}

// atMain answers at the address that is always there: the pages, or with TLS what is left of plain HTTP.
func (s *serving) atMain(w http.ResponseWriter, r *http.Request) {
	if s.challenge(w, r) {
		return
	}
	if s.state.Load().source == nil {
		s.pages.ServeHTTP(w, r)
		return
	}
	s.plain(w, r)
}

// secure answers over HTTPS.
func (s *serving) secure(w http.ResponseWriter, r *http.Request) {
	now := s.state.Load()
	if now.source == nil {
		s.say(w, r, http.StatusServiceUnavailable, "The pages are not here now.")
		return
	}
	if r.URL.Path == authorityPath && s.showAuthority(w, r, now.source) {
		return
	}
	s.pages.ServeHTTP(w, r)
}

// authorityPath is where devices get the certificate of the local authority.
const authorityPath = "/ca.crt"

// plain answers over plain HTTP while the pages are served over HTTPS: no session and no form may pass here (RFC 6797, 7.2).
// It leads browsers to the public URL, whatever host they have named.
func (s *serving) plain(w http.ResponseWriter, r *http.Request) {
	if s.challenge(w, r) {
		return
	}
	now := s.state.Load()
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Connection", "close") // what is still on its way is not read
		s.say(w, r, http.StatusForbidden, "The pages are served over https only. Nothing that was sent here has been taken.")
	case now.source == nil:
		s.say(w, r, http.StatusServiceUnavailable, "The pages are not here now.")
	case r.URL.Path == authorityPath && s.showAuthority(w, r, now.source):
	case now.source.Status().Certificate == nil:
		w.Header().Set("Retry-After", "60")
		if r.URL.Path == "/healthz" {
			s.unhealthy(w, now.source.Status())
			return
		}
		s.say(w, r, http.StatusServiceUnavailable, "The pages cannot be shown: the service has no certificate for https now. Whoever looks after it has been told.")
	case r.URL.Path == "/healthz":
		r.URL.RawQuery = ""
		s.pages.ServeHTTP(w, r)
	default:
		to := now.settings.PublicURL + path(r)
		w.Header().Set("Location", to)
		s.say(w, r, http.StatusPermanentRedirect, to)
	}
}

// path returns the path and the query of a request as they came.
func path(r *http.Request) string {
	p := r.URL.EscapedPath()
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	if r.URL.RawQuery != "" {
		p += "?" + r.URL.RawQuery
	}
	return p
}

// challenge answers an authority that asks for a certificate that is there or being prepared.
func (s *serving) challenge(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
		return false
	}
	if prepared := s.prepared.Load(); prepared != nil && prepared.Challenge(w, r) {
		return true
	}
	now := s.state.Load()
	return now.source != nil && now.source.Challenge(w, r)
}

// showAuthority sends the certificate of the local authority, and reports whether there is one.
func (s *serving) showAuthority(w http.ResponseWriter, r *http.Request, src *source) bool {
	authority := src.Status().Authority
	if authority == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	head(w)
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	w.Header().Set("Content-Disposition", `attachment; filename="foyer-ca.crt"`)
	_, _ = io.WriteString(w, authority.PEM) // who asked has gone, or has it
	return true
}

// unhealthy answers who watches the service.
func (s *serving) unhealthy(w http.ResponseWriter, status cert.Status) {
	head(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusServiceUnavailable)
	body := map[string]string{"status": "unavailable", "reason": "certificate_problem", "message": "there is no certificate, so the pages are not served"}
	if status.Problem == cert.ProblemPending {
		body["reason"] = status.Problem
	}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Debug("health not sent", "err", err)
	}
}

// say answers with one sentence. A redirect is not kept by browsers: the address may be on trial.
func (s *serving) say(w http.ResponseWriter, r *http.Request, status int, text string) {
	head(w)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, text+"\n") //nolint:gosec // plain text, and said to be; who asked has gone, or has it
	}
	s.log.Debug("plain request", "method", r.Method, "status", status)
}

func head(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
}

// machineNames returns the names by which machines of the local network may know this one.
func machineNames() []string {
	name, err := os.Hostname()
	if err != nil || !app.CheckPublicHost(strings.ToLower(name)) {
		return nil
	}
	name = strings.ToLower(name)
	names := []string{name}
	if !strings.Contains(name, ".") {
		names = append(names, name+".local")
	}
	return names
}

// noSource is a source of nothing.
type noSource struct{ err error }

func (n noSource) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, n.err }

// Status returns why there is nothing.
func (n noSource) Status() cert.Status {
	problem := app.ReasonOf(n.err)
	if problem == "" {
		problem = cert.ProblemUnusable
	}
	return cert.Status{Problem: problem, Text: app.MessageOf(n.err)}
}

func (noSource) Look(time.Time)                                    {}
func (noSource) Challenge(http.ResponseWriter, *http.Request) bool { return false }
func (noSource) Close()                                            {}
