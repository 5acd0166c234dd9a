package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// allowedHost answers 421 to a request for a host that is not ours: a page of another name that was made to point
// here (DNS rebinding) would count as of the same origin. X-Forwarded-Host and Forwarded are never looked at.
func (s *site) allowedHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.isOurHost(r) {
			s.refuseHost(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOurHost reports whether the request names a configured host, or the very address it arrived at.
func (s *site) isOurHost(r *http.Request) bool {
	v := visitOf(r)
	if v.host == "" {
		return false
	}
	if s.hosts[v.host] {
		return true
	}
	if s.announced != nil && s.announced() == v.host {
		return true
	}
	if u, err := url.Parse(v.settings.PublicURL); err == nil && canonicalHost(u.Host) == v.host {
		return true
	}
	named, err := netip.ParseAddr(v.host)
	if err != nil {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && addrOf(local.String()) == named
}

// canonicalHost returns a Host header without its port and brackets, in lower case; an address in its usual form.
func canonicalHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return strings.ToLower(host)
}

// addrOf returns the address of "address:port" or "address", or the zero Addr.
func addrOf(s string) netip.Addr {
	if pair, err := netip.ParseAddrPort(s); err == nil {
		return pair.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
