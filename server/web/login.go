package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// loginPage is the sign-in page.
type loginPage struct {
	*page
	SignedIn string // the address this browser is signed in with, or ""
}

// notices are the good words a redirect can bring along: an id in the query, the id of its text. Anything else in
// the query says nothing.
func notices() map[string]string {
	return map[string]string{
		"confirmed":          "web.notice.confirmed",
		"confirmed-provider": "web.notice.confirmed_provider",
		"reset":              "web.notice.reset",
		"signed-out":         "web.notice.signed_out",
		"stopped":            "web.notice.stopped",
		"saved":              "web.notice.saved",
		"password":           "web.notice.password",
		"code":               "web.notice.code",
		"linked":             "web.notice.linked",
		"unlinked":           "web.notice.unlinked",
		"again":              "web.notice.again",
	}
}

// noticed shows the notice of a redirect on the page.
func (p *page) noticed(r *http.Request) {
	if r.URL.RawQuery == "" {
		return
	}
	if id, ok := notices()[r.URL.Query().Get("notice")]; ok {
		p.Notice = p.T(id)
	}
}

func (s *site) root(c *gin.Context) error {
	v := visitOf(c.Request)
	if token := v.session(c.Request); token != "" {
		if _, err := s.service.Session(c.Request.Context(), token); err == nil {
			return redirect(c, "/account")
		}
	}
	return redirect(c, "/login")
}

func (s *site) showLogin(c *gin.Context) error {
	v := visitOf(c.Request)
	if token := v.session(c.Request); token != "" {
		if session, err := s.service.Session(c.Request.Context(), token); err == nil {
			p := loginPage{page: v.page(), SignedIn: session.Account.Email.String()}
			p.noticed(c.Request)
			return s.render(c.Writer, http.StatusOK, "login", p)
		}
	}
	return s.renderPlain(c.Writer, c.Request, "login", func(p *page) any { return loginPage{page: p} })
}

func (s *site) submitLogin(c *gin.Context) error {
	v := visitOf(c.Request)
	f, err := v.form("email", "password")
	if err != nil {
		return err
	}
	token, err := s.service.SignIn(c.Request.Context(), f["email"], f["password"], v.visitor())
	if err != nil {
		p := loginPage{page: v.page()}
		p.values = f
		return s.render(c.Writer, p.explain(c.Writer, err), "login", p)
	}
	if err := s.beginSession(c, v, token); err != nil {
		return err
	}
	return redirect(c, "/account")
}

// endSession ends the session this browser has had so far, if any: a sign-in begins a new one.
func (s *site) endSession(c *gin.Context, v *visit) error {
	old := v.session(c.Request)
	if old == "" {
		return nil
	}
	return s.service.SignOut(c.Request.Context(), old, v.visitor())
}

func (s *site) submitLogout(c *gin.Context) error {
	v := visitOf(c.Request)
	if err := s.endSession(c, v); err != nil {
		return err
	}
	s.service.Forget(v.browser(c.Request))
	v.keepSession(c.Writer, app.Token(""))
	return redirect(c, "/login?notice=signed-out")
}
