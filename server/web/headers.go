package web

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"foyer/app"
)

// contentPolicy lets a page load our style sheet and images and send forms to us, and nothing else. There are no
// scripts, so none may run. form-action names no provider, although browsers apply it to where a form is redirected as
// well: a sign-in with a provider begins with a link, and no form of ours ends at one.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'none'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

// secureHeaders sets what every answer carries, whatever becomes of it (OWASP ASVS 3.4).
func (s *site) secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r)
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", v.referrerPolicy())
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		if hasStrictTransport(v.settings) && s.trusted() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// referrerPolicy keeps the secrets in our links from other sites. On plain HTTP in a local network it has to be
// "same-origin": there browsers send no Sec-Fetch-Site, and with "no-referrer" they send "Origin: null" with our own
// forms (Fetch standard, "append a request Origin header"; measured with Chromium 156), which cannot be told from
// another site's and is refused.
func (v *visit) referrerPolicy() string {
	if v.settings.Secure() || app.IsLoopbackHost(v.host) {
		return "no-referrer"
	}
	return "same-origin"
}

// hasStrictTransport reports whether browsers may be told to insist on HTTPS: only for a DNS name, because the
// certificate of an address or of a bare name in the local network is one the visitor may have to accept by hand.
func hasStrictTransport(settings app.Settings) bool {
	if !settings.Secure() {
		return false
	}
	u, err := url.Parse(settings.PublicURL)
	if err != nil {
		return false
	}
	_, notAddress := netip.ParseAddr(u.Hostname())
	return notAddress != nil && strings.Contains(u.Hostname(), ".")
}
