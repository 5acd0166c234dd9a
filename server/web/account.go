package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// accountPage is the page of a person who is signed in.
type accountPage struct {
	*page
	Account  app.Account
	Email    string
	Unicode  string // as people write its domain, when that differs
	Initials string
	Since    string // the day the account was made, as the language writes it
	SinceISO string
}

func (v *visit) accountPage(session app.Session, token app.Token) accountPage {
	a := session.Account
	p := accountPage{
		page: v.page(), Account: a, Email: a.Email.String(), Unicode: unicodeAddress(a.Email),
		Initials: initials(a.FirstName, a.LastName), SinceISO: a.CreatedAt.UTC().Format("2006-01-02"),
	}
	p.Wide, p.home, p.token = true, "/account", token
	p.Since = a.CreatedAt.UTC().Format(p.T("web.format.date"))
	p.values = form{"first_name": a.FirstName, "last_name": a.LastName, "phone": a.Phone}
	return p
}

func (s *site) showAccount(c *gin.Context, session app.Session, token app.Token) error {
	p := visitOf(c.Request).accountPage(session, token)
	p.noticed(c.Request)
	return s.render(c.Writer, http.StatusOK, "account", p)
}

func (s *site) submitProfile(c *gin.Context, session app.Session, token app.Token) error {
	v := visitOf(c.Request)
	f, err := v.form("first_name", "last_name", "phone")
	if err != nil {
		return err
	}
	profile := profileOf(f)
	p := v.accountPage(session, token)
	p.values = f
	names, phone := profileErrors(profile)
	if status := p.explainAll(c.Writer, append(names, phone)); status != 0 {
		return s.render(c.Writer, status, "account", p)
	}
	if err := s.service.UpdateProfile(c.Request.Context(), token, profile, v.visitor()); err != nil {
		if app.ReasonOf(err) == "signin_needed" {
			return err
		}
		return s.render(c.Writer, p.explain(c.Writer, err), "account", p)
	}
	return redirect(c, "/account?notice=saved")
}

func (s *site) submitPassword(c *gin.Context, session app.Session, token app.Token) error {
	v := visitOf(c.Request)
	f, err := v.form("current_password", "password", "password_confirm")
	if err != nil {
		return err
	}
	next, err := s.service.ChangePassword(c.Request.Context(), token,
		f["current_password"], f["password"], f["password_confirm"], v.visitor())
	if err != nil {
		if app.ReasonOf(err) == "signin_needed" {
			return err
		}
		p := v.accountPage(session, token)
		return s.render(c.Writer, p.explain(c.Writer, err), "account", p)
	}
	v.keepSession(c.Writer, next)
	return redirect(c, "/account?notice=password")
}
