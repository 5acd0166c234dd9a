package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// accountPage is the page of a person who is signed in.
type accountPage struct {
	*page
	Account     app.Account
	Email       string
	Unicode     string // as people write its domain, when that differs
	Initials    string
	Since       day // when the account was made
	HasPassword bool
	Fresh       bool // signed in so recently that the ways in may be changed
	Ways        []wayIn
	Add         []button // ways in that can be added
}

// day is a date as the language writes it, and as programs read it.
type day struct{ Text, ISO string }

func (p *page) day(t time.Time) day {
	return day{t.UTC().Format(p.T("web.format.date")), t.UTC().Format(time.DateOnly)}
}

func (s *site) accountPage(c *gin.Context, session app.Session, token app.Token) (accountPage, error) {
	ways, err := s.service.WaysIn(c.Request.Context(), session)
	if err != nil {
		return accountPage{}, err
	}
	a := session.Account
	p := accountPage{
		page: visitOf(c.Request).page(), Account: a, Email: a.Email.String(), Unicode: unicodeAddress(a.Email),
		Initials: initials(a.FirstName, a.LastName), HasPassword: a.PasswordHash != "", Fresh: s.service.Fresh(session),
	}
	p.Wide, p.home, p.token = true, "/account", token
	p.Since = p.day(a.CreatedAt)
	p.values = form{"first_name": a.FirstName, "last_name": a.LastName, "phone": a.Phone}
	p.waysIn(ways)
	return p, nil
}

func (s *site) showAccount(c *gin.Context, session app.Session, token app.Token) error {
	p, err := s.accountPage(c, session, token)
	if err != nil {
		return err
	}
	p.noticed(c.Request)
	return s.render(c.Writer, http.StatusOK, "account", p)
}

// refuseOnAccount shows the account page with what is wrong.
func (s *site) refuseOnAccount(c *gin.Context, session app.Session, token app.Token, err error) error {
	if leadsElsewhere(app.ReasonOf(err)) {
		return err
	}
	p, pageErr := s.accountPage(c, session, token)
	if pageErr != nil {
		return pageErr
	}
	return s.render(c.Writer, p.explain(c.Writer, err), "account", p)
}

func (s *site) submitProfile(c *gin.Context, session app.Session, token app.Token) error {
	v := visitOf(c.Request)
	f, err := v.form("first_name", "last_name", "phone")
	if err != nil {
		return err
	}
	profile := profileOf(f)
	p, err := s.accountPage(c, session, token)
	if err != nil {
		return err
	}
	p.values = f
	names, phone := profileErrors(profile)
	if status := p.explainAll(c.Writer, append(names, phone)); status != 0 {
		return s.render(c.Writer, status, "account", p)
	}
	if err := s.service.UpdateProfile(c.Request.Context(), token, profile, v.visitor()); err != nil {
		if leadsElsewhere(app.ReasonOf(err)) {
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
		return s.refuseOnAccount(c, session, token, err)
	}
	v.keepSession(c.Writer, next)
	return redirect(c, "/account?notice=password")
}
