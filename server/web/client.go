package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientIP returns the address of who asks: the other end of the connection. Only when that is one of the trusted
// proxies, it is the right-most entry of X-Forwarded-For that is not one of them; what stands left of it, anybody
// may have written. An entry that is no address makes the header worthless. X-Real-IP is never looked at.
func clientIP(r *http.Request, trusted []netip.Prefix) string {
	peer := addrOf(r.RemoteAddr)
	if !peer.IsValid() {
		return ""
	}
	if !contains(trusted, peer) {
		return peer.String()
	}
	entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, entry := range slices.Backward(entries) {
		addr, err := netip.ParseAddr(strings.TrimSpace(entry))
		if err != nil {
			break
		}
		if addr = addr.Unmap().WithZone(""); !contains(trusted, addr) {
			return addr.String()
		}
	}
	return peer.String()
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
