package web

import (
	"net/http"
	"strings"
)

// overTLS answers 403 to whatever would change something and has crossed a network in plain HTTP although browsers are to use HTTPS:
// a password in it was readable on its way, and nothing may come of it that makes that look right.
func (s *site) overTLS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && visitOf(r).settings.Secure() && s.wasPlain(r) {
			s.log.Warn("a form came over plain HTTP and was refused: if there is a proxy in front, name it in trusted_proxies and have it set X-Forwarded-Proto",
				"peer", addrOf(r.RemoteAddr).String())
			w.Header().Set("Connection", "close") // what is still on its way is not read
			s.refuse(http.StatusForbidden).ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// wasPlain reports whether a request has crossed a network in the clear, as far as that can be known. A trusted proxy says so in the
// last entry of X-Forwarded-Proto; what stands before that, anybody may have written. From this machine itself comes what a proxy on
// it has taken by TLS, although nobody has named it.
func (s *site) wasPlain(r *http.Request) bool {
	peer := addrOf(r.RemoteAddr)
	proto := strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")
	switch {
	case r.TLS != nil:
		return false
	case contains(s.proxies, peer) && proto != "":
		return !strings.EqualFold(strings.TrimSpace(proto[strings.LastIndexByte(proto, ',')+1:]), "https")
	default:
		return !contains(s.proxies, peer) && !peer.IsLoopback()
	}
}
