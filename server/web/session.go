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

// session returns the token in the request's cookie, or "". Of two cookies of the name neither counts: one of them
// was planted by another program on this host.
func (v *visit) session(r *http.Request) app.Token {
	cookies := r.CookiesNamed(sessionCookie(v.settings.Secure()))
	if len(cookies) != 1 || !isToken(cookies[0].Value) {
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

// beginSession gives this browser a session that has just begun, and ends the one it had: whoever knew the old cookie
// does not have the new one.
func (s *site) beginSession(c *gin.Context, v *visit, token app.Token) error {
	if err := s.endSession(c, v); err != nil {
		return err
	}
	v.keepSession(c.Writer, token)
	return nil
}

// csrfField is the hidden field in which a form proves which page it comes from.
const csrfField = "csrf"

// proves returns nil when the form that was sent was made for the holder of the token, or refusal 403. On plain HTTP
// browsers do not say where a request comes from in every case.
func (v *visit) proves(token app.Token) error {
	f, err := v.form(csrfField)
	if err != nil {
		return err
	}
	if !isProof(f[csrfField], token) {
		return refusal(http.StatusForbidden)
	}
	return nil
}

// isProof compares in constant time.
func isProof(given string, token app.Token) bool {
	return token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token.CSRF())) == 1
}

// memberHandler answers a request of somebody who is signed in.
type memberHandler func(c *gin.Context, session app.Session, token app.Token) error

// member lets only people who are signed in through to h; others are sent to the sign-in page. A POST needs the
// proof that its form was made for this very session.
func (s *site) member(h memberHandler) handler {
	return func(c *gin.Context) error {
		v := visitOf(c.Request)
		token := v.session(c.Request)
		session, err := s.service.Session(c.Request.Context(), token)
		if err != nil {
			return err
		}
		if c.Request.Method == http.MethodPost {
			if err := v.proves(token); err != nil {
				return err
			}
		}
		return h(c, session, token)
	}
}
