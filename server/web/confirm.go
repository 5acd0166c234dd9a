package web

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/idna"

	"foyer/app"
)

// confirmPage asks for the password that makes an account of a registration. It is reached by the link, or by the
// code, which the form then carries on.
type confirmPage struct {
	*page
	Action  string // where the form goes
	Email   string // as it is stored
	Unicode string // as people write its domain, when that differs
	Company string
	Name    string
	ByCode  form // address and code to carry on, nil on the page of the link
}

func newConfirmPage(v *visit, r app.Registration) confirmPage {
	return confirmPage{
		page: v.page(), Action: "/confirm", Email: r.Email.String(), Unicode: unicodeAddress(r.Email), Company: r.Company,
		Name: r.FirstName + " " + r.LastName,
	}
}

// unicodeAddress returns the address with its domain in the letters of its language, or "" when that is the same.
// Both are shown: only the encoded form tells look-alikes apart.
func unicodeAddress(addr app.Address) string {
	name, err := idna.Registration.ToUnicode(addr.Domain())
	if err != nil || name == addr.Domain() {
		return ""
	}
	stored := addr.String()
	return stored[:len(stored)-len(addr.Domain())] + name
}

// showConfirm shows what a link is about and asks for a password. It changes nothing: mail scanners open every link.
func (s *site) showConfirm(c *gin.Context) error {
	v := visitOf(c.Request)
	token := c.Param("token")
	registration, err := s.service.Registration(c.Request.Context(), app.Token(token))
	if err != nil {
		return s.showConfirmGone(c, v, err)
	}
	if registration.Identity != nil {
		return s.showConfirmIdentity(c, registration, token)
	}
	p := newConfirmPage(v, registration)
	p.Action = "/confirm/" + token
	return s.render(c.Writer, http.StatusOK, "confirm", p)
}

func (s *site) submitConfirm(c *gin.Context) error {
	v, ctx, token := visitOf(c.Request), c.Request.Context(), app.Token(c.Param("token"))
	f, err := v.form("password", "password_confirm")
	if err != nil {
		return err
	}
	registration, err := s.service.Registration(ctx, token)
	if err != nil {
		return s.showConfirmGone(c, v, err)
	}
	if registration.Identity != nil {
		return s.submitConfirmIdentity(c, registration, string(token))
	}
	_, err = s.service.Confirm(ctx, token, f["password"], f["password_confirm"], v.visitor())
	if err == nil {
		return redirect(c, "/login?notice=confirmed")
	}
	if code := app.CodeOf(err); code == app.Gone || code == app.Conflict {
		return s.showConfirmGone(c, v, err)
	}
	p := newConfirmPage(v, registration)
	p.Action = "/confirm/" + string(token)
	return s.render(c.Writer, p.explain(c.Writer, err), "confirm", p)
}

// showConfirmGone says why a registration cannot be confirmed, and how to go on. Whoever opens a spent link again has
// reached what it was for: no error, as long as nothing is sent.
func (s *site) showConfirmGone(c *gin.Context, v *visit, err error) error {
	p := v.page()
	login := link{"/login", p.T("web.link.login")}
	switch {
	case app.ReasonOf(err) == "link_spent":
		status := http.StatusOK
		if c.Request.Method == http.MethodPost {
			status = http.StatusGone
		}
		return s.render(c.Writer, status, "message", message{
			page: p, Kind: "done", Heading: p.T("web.confirm.spent.title"), Text: p.T("web.reason.link_spent"), Links: []link{login},
		})
	case app.CodeOf(err) == app.Conflict:
		return s.render(c.Writer, p.explain(c.Writer, err), "message", message{
			page: p, Kind: "stop", Heading: p.T("web.confirm.conflict.title"), Text: p.lastProblem(), Ask: true,
			Links: []link{login},
		})
	case app.CodeOf(err) == app.Gone:
		m := message{page: p, Kind: "stop", Heading: p.T("web.gone.title"), Links: []link{login}}
		status := p.explain(c.Writer, err)
		m.Text = p.lastProblem()
		if p.LoginLink() {
			m.Links = []link{{"/register", p.T("web.link.register_again")}, login}
		}
		return s.render(c.Writer, status, "message", m)
	}
	return err
}

// lastProblem takes the text of the last problem off the page, for a page that is about nothing else.
func (p *page) lastProblem() string {
	last := p.Problems[len(p.Problems)-1]
	p.Problems = nil
	return last.Text
}

// showConfirmCode is the page for the code in the mail, for a person whose mail is on another device.
func (s *site) showConfirmCode(c *gin.Context) error {
	return s.renderPlain(c.Writer, c.Request, "code", func(p *page) any { return p })
}

// submitConfirmCode takes address and code. Without a password, it shows what they belong to and asks for one; with
// one, it makes the account. A sign-up with a provider needs none.
func (s *site) submitConfirmCode(c *gin.Context) error {
	v, ctx := visitOf(c.Request), c.Request.Context()
	f, err := v.form("email", "code", "password", "password_confirm")
	if err != nil {
		return err
	}
	withPassword := f.has("password") || f.has("password_confirm")
	if withPassword {
		_, err = s.service.ConfirmCode(ctx, f["email"], f["code"], f["password"], f["password_confirm"], v.visitor())
		if err == nil {
			return redirect(c, "/login?notice=confirmed")
		}
		if !isAboutPassword(err) && app.CodeOf(err) != app.Unavailable && app.ReasonOf(err) != "identity_needed" {
			return s.refuseCode(c, v, f, err)
		}
	}
	registration, lookErr := s.service.RegistrationByCode(ctx, f["email"], f["code"], v.visitor())
	if lookErr != nil {
		return s.refuseCode(c, v, f, lookErr)
	}
	if registration.Identity != nil {
		return s.submitConfirmIdentityCode(c, registration, f)
	}
	p := newConfirmPage(v, registration)
	p.ByCode = form{"email": f["email"], "code": f["code"]}
	p.home = "/confirm"
	status := http.StatusUnprocessableEntity
	if withPassword {
		status = p.explain(c.Writer, err)
	}
	return s.render(c.Writer, status, "confirm", p)
}

func isAboutPassword(err error) bool {
	problem, ok := errors.AsType[*app.Error](err)
	return ok && (problem.Field == "password" || problem.Field == "password_confirm")
}

// refuseCode shows the form of the code again, with what is wrong.
func (s *site) refuseCode(c *gin.Context, v *visit, f form, err error) error {
	if app.CodeOf(err) == app.Conflict {
		return s.showConfirmGone(c, v, err)
	}
	p := v.page()
	p.values = f
	status := p.explain(c.Writer, err)
	if app.ReasonOf(err) == "code_wrong" {
		p.Problems[0].Field = "code"
	}
	return s.render(c.Writer, status, "code", p)
}
