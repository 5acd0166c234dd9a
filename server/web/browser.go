package web

import (
	"encoding/base64"
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// browserCookie returns the name of the cookie that tells one browser from another while somebody signs in with a
// provider. The prefix does what it does for the session's.
func browserCookie(secure bool) string {
	if secure {
		return "__Host-browser"
	}
	return "browser"
}

// browser returns the secret of this browser, or "" when it has none. Of two cookies of the name neither counts, as
// with the session's.
func (v *visit) browser(r *http.Request) app.Token {
	cookies := r.CookiesNamed(browserCookie(v.settings.Secure()))
	if len(cookies) != 1 || !isToken(cookies[0].Value) {
		return ""
	}
	return app.Token(cookies[0].Value)
}

// isToken reports whether s is 32 bytes as base64url.
func isToken(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == 32
}

// keepBrowser sets the cookie. It has to be Lax: Strict would not come along when the provider sends the browser back.
func (v *visit) keepBrowser(w http.ResponseWriter, browser app.Token) {
	//nolint:gosec // Secure on HTTPS; on plain HTTP browsers would drop the cookie
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie(v.settings.Secure()), Value: string(browser), Path: "/",
		MaxAge: int(v.site.service.BrowserTTL().Seconds()),
		Secure: v.settings.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// holderHandler answers a request of a browser that has brought back an identity from its provider.
type holderHandler func(c *gin.Context, proven app.Proven, browser app.Token) error

// holder lets only browsers that have brought back an identity through to h; others learn that they have to sign in
// with the provider again. A POST needs the proof that its form was made for this very browser.
func (s *site) holder(h holderHandler) handler {
	return func(c *gin.Context) error {
		v := visitOf(c.Request)
		browser := v.browser(c.Request)
		proven, err := s.service.Proven(c.Request.Context(), browser)
		if err != nil {
			return s.showIdentityRefused(c, app.Challenge{}, err)
		}
		if c.Request.Method == http.MethodPost {
			if err := v.proves(browser); err != nil {
				return err
			}
		}
		return h(c, proven, browser)
	}
}
