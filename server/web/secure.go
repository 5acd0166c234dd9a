package web

import (
	"net/http"
	"strings"
)

// overTLS answers 403 to whatever would change something and has come over plain HTTP although browsers are to use HTTPS: a
// password in it was readable on its way, and nothing may come of it that makes that look right.
func (s *site) overTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && visitOf(r).settings.Secure() && !s.isSecure(r) {
			s.log.Warn("a form came over plain HTTP and was refused: if there is a proxy in front, name it in trusted_proxies and have it set X-Forwarded-Proto",
				"peer", addrOf(r.RemoteAddr).String())
			w.Header().Set("Connection", "close") // what is still on its way is not read
			s.refuse(http.StatusForbidden).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isSecure reports whether a request came over TLS: to us, or to a trusted proxy, which says so in the last entry of
// X-Forwarded-Proto. What stands before that, anybody may have written.
func (s *site) isSecure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if !contains(s.proxies, addrOf(r.RemoteAddr)) {
		return false
	}
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","), ",")
	return strings.EqualFold(strings.TrimSpace(said[len(said)-1]), "https")
}
