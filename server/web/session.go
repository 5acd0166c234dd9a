package web

import (
	"crypto/subtle"
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// sessionCookie returns the name of the session's cookie. On HTTPS the prefix makes browsers refuse it from any other
// host, and from HTTP. On plain HTTP there is no such help.
func sessionCookie(secure bool) string {
	if secure {
		return "__Host-sid"
	}
	return "sid"
}

// tokenLength is the length of a session's token, 32 bytes as base64url. Nothing else is one.
const tokenLength = 43

// session returns the token in the request's cookie, or "". Of two cookies of the name neither counts: one of them
// was planted by another program on this host.
func (v *visit) session(r *http.Request) app.Token {
	cookies := r.CookiesNamed(sessionCookie(v.settings.Secure()))
	if len(cookies) != 1 || len(cookies[0].Value) != tokenLength {
		return ""
	}
	return app.Token(cookies[0].Value)
}

// keepSession sets the cookie to a token, or deletes it when the token is "". The cookie ends with the browser; the
// domain decides when the session does.
func (v *visit) keepSession(w http.ResponseWriter, token app.Token) {
	//nolint:gosec // Secure on HTTPS; on plain HTTP browsers would drop the cookie
	c := &http.Cookie{
		Name: sessionCookie(v.settings.Secure()), Value: string(token), Path: "/",
		Secure: v.settings.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// csrfField is the hidden field in which every form below /account proves which page it comes from.
const csrfField = "csrf"

// memberHandler answers a request of somebody who is signed in.
type memberHandler func(c *gin.Context, session app.Session, token app.Token) error

// member lets only people who are signed in through to h; others are sent to the sign-in page. A POST needs the
// proof that its form was made for this very session: on plain HTTP browsers do not say where a request comes from
// in every case.
func (s *site) member(h memberHandler) handler {
	return func(c *gin.Context) error {
		v := visitOf(c.Request)
		token := v.session(c.Request)
		session, err := s.service.Session(c.Request.Context(), token)
		if err != nil {
			return err
		}
		if c.Request.Method == http.MethodPost {
			f, err := v.form(csrfField)
			if err != nil {
				return err
			}
			if subtle.ConstantTimeCompare([]byte(f[csrfField]), []byte(token.CSRF())) != 1 {
				return refusal(http.StatusForbidden)
			}
		}
		return h(c, session, token)
	}
}
