package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// notMePage lets the owner of an address say that somebody else has typed it in.
type notMePage struct {
	*page
	Action string
}

func (s *site) showNotMe(c *gin.Context) error {
	v := visitOf(c.Request)
	token := c.Param("token")
	if err := s.service.StopLink(app.Token(token)); err != nil {
		return s.showNotMeGone(c, v, err)
	}
	return s.render(c.Writer, http.StatusOK, "notme", notMePage{page: v.page(), Action: "/not-me/" + token})
}

func (s *site) submitNotMe(c *gin.Context) error {
	v := visitOf(c.Request)
	token := c.Param("token")
	f, err := v.form("email")
	if err != nil {
		return err
	}
	err = s.service.Stop(c.Request.Context(), app.Token(token), f["email"], v.visitor())
	if err == nil {
		return redirect(c, "/login?notice=stopped")
	}
	if app.CodeOf(err) == app.Gone {
		return s.showNotMeGone(c, v, err)
	}
	p := notMePage{page: v.page(), Action: "/not-me/" + token}
	p.values = f
	return s.render(c.Writer, p.explain(c.Writer, err), "notme", p)
}

func (s *site) showNotMeGone(c *gin.Context, v *visit, err error) error {
	if app.CodeOf(err) != app.Gone {
		return err
	}
	p := v.page()
	return s.render(c.Writer, http.StatusGone, "message", message{
		page: p, Kind: "stop", Heading: p.T("web.gone.title"), Text: p.T("web.notme.gone"),
		Links: []link{{"/login", p.T("web.link.login")}},
	})
}
