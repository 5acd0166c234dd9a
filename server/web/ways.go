package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// wayIn is an identity of the account, as its page shows it.
type wayIn struct {
	app.WayIn
	Added   day
	LastUse day
}

// waysIn adds to the account page how its owner can sign in, and what can be added.
func (p *accountPage) waysIn(ways []app.WayIn) {
	for _, way := range ways {
		p.Ways = append(p.Ways, wayIn{WayIn: way, Added: p.day(way.Since), LastUse: p.day(way.Seen)})
	}
	p.Add = p.buttons("web.ways.add", url.Values{"link": {p.CSRF()}}, func(c app.Connector) bool {
		return !slices.ContainsFunc(ways, func(way app.WayIn) bool { return way.Connector == c.Name })
	})
}

func (s *site) submitUnlink(c *gin.Context, session app.Session, token app.Token) error {
	v := visitOf(c.Request)
	f, err := v.form("id")
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(f["id"], 10, 64)
	if err != nil {
		return refusal(http.StatusBadRequest)
	}
	next, err := s.service.Unlink(c.Request.Context(), token, id, v.visitor())
	if err != nil {
		return s.refuseOnAccount(c, session, token, err)
	}
	v.keepSession(c.Writer, next)
	return redirect(c, "/account?notice=unlinked")
}

// againPage asks a person who is signed in to sign in once more.
type againPage struct {
	*page
	Email       string
	HasPassword bool
	Buttons     []button
}

func (s *site) againPage(c *gin.Context, session app.Session, token app.Token) (againPage, error) {
	ways, err := s.service.WaysIn(c.Request.Context(), session)
	if err != nil {
		return againPage{}, err
	}
	p := againPage{
		page: visitOf(c.Request).page(), Email: session.Account.Email.String(), HasPassword: session.Account.PasswordHash != "",
	}
	p.token = token
	p.Buttons = p.buttons("web.provider.signin", url.Values{"again": {token.CSRF()}}, func(c app.Connector) bool {
		return slices.ContainsFunc(ways, func(way app.WayIn) bool { return way.Usable && way.Connector == c.Name })
	})
	return p, nil
}

func (s *site) showAgain(c *gin.Context, session app.Session, token app.Token) error {
	p, err := s.againPage(c, session, token)
	if err != nil {
		return err
	}
	return s.render(c.Writer, http.StatusOK, "again", p)
}

func (s *site) submitAgain(c *gin.Context, session app.Session, token app.Token) error {
	v := visitOf(c.Request)
	f, err := v.form("current_password")
	if err != nil {
		return err
	}
	next, err := s.service.SignInAgain(c.Request.Context(), token, f["current_password"], v.visitor())
	if err == nil {
		if err := s.beginSession(c, v, next); err != nil {
			return err
		}
		return redirect(c, "/account?notice=again")
	}
	if leadsElsewhere(app.ReasonOf(err)) {
		return err
	}
	p, pageErr := s.againPage(c, session, token)
	if pageErr != nil {
		return pageErr
	}
	return s.render(c.Writer, p.explain(c.Writer, err), "again", p)
}
