package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

func (s *site) showForgot(c *gin.Context) error {
	return s.renderPlain(c.Writer, c.Request, "forgot", func(p *page) any { return p })
}

func (s *site) submitForgot(c *gin.Context) error {
	v := visitOf(c.Request)
	f, err := v.form("email")
	if err != nil {
		return err
	}
	if err := s.service.Forgot(c.Request.Context(), f["email"], v.visitor()); err != nil {
		p := v.page()
		p.values = f
		return s.render(c.Writer, p.explain(c.Writer, err), "forgot", p)
	}
	return redirect(c, "/forgot/sent")
}

// showForgotSent is the one answer to every request for a new password.
func (s *site) showForgotSent(c *gin.Context) error {
	p := visitOf(c.Request).page()
	return s.render(c.Writer, http.StatusOK, "message", message{
		page: p, Kind: "letter", Heading: p.T("web.forgot_sent.title"), Text: p.T("web.forgot_sent.text"),
		Links: []link{{"/login", p.T("web.link.login")}},
	})
}

// resetPage asks for the new password of an account.
type resetPage struct {
	*page
	Action string
	Email  string
}

func (s *site) showReset(c *gin.Context) error {
	v := visitOf(c.Request)
	token := c.Param("token")
	account, err := s.service.ResetLink(c.Request.Context(), app.Token(token))
	if err != nil {
		return s.showResetGone(c, v, err)
	}
	p := resetPage{page: v.page(), Action: "/reset/" + token, Email: account.Email.String()}
	return s.render(c.Writer, http.StatusOK, "reset", p)
}

func (s *site) submitReset(c *gin.Context) error {
	v, ctx, token := visitOf(c.Request), c.Request.Context(), app.Token(c.Param("token"))
	f, err := v.form("password", "password_confirm")
	if err != nil {
		return err
	}
	err = s.service.Reset(ctx, token, f["password"], f["password_confirm"], v.visitor())
	if err == nil {
		v.keepSession(c.Writer, "")
		return redirect(c, "/login?notice=reset")
	}
	if app.CodeOf(err) == app.Gone {
		return s.showResetGone(c, v, err)
	}
	account, lookErr := s.service.ResetLink(ctx, token)
	if lookErr != nil {
		return s.showResetGone(c, v, lookErr)
	}
	p := resetPage{page: v.page(), Action: "/reset/" + string(token), Email: account.Email.String()}
	return s.render(c.Writer, p.explain(c.Writer, err), "reset", p)
}

// showResetGone says that a reset link does not work any more, and where to get another.
func (s *site) showResetGone(c *gin.Context, v *visit, err error) error {
	if app.CodeOf(err) != app.Gone {
		return err
	}
	p := v.page()
	status := p.explain(c.Writer, err)
	return s.render(c.Writer, status, "message", message{
		page: p, Kind: "stop", Heading: p.T("web.gone.title"), Text: p.lastProblem(),
		Links: []link{{"/forgot", p.T("web.link.forgot_again")}, {"/login", p.T("web.link.login")}},
	})
}
