package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// showHasAccount is for a person whose address has an account that the identity does not belong to. The address proves
// nothing: either the person signs in the old way first, or shows with a code that the mailbox is theirs.
func (s *site) showHasAccount(c *gin.Context, proven app.Proven, browser app.Token) error {
	if !proven.HasAccount {
		return redirect(c, "/register/identity")
	}
	p := visitOf(c.Request).identityPage(proven, browser)
	p.noticed(c.Request)
	p.Sent = p.Notice != ""
	return s.render(c.Writer, http.StatusOK, "has_account", p)
}

func (s *site) sendLinkCode(c *gin.Context, proven app.Proven, browser app.Token) error {
	v := visitOf(c.Request)
	if err := s.service.SendLinkCode(c.Request.Context(), browser, v.visitor()); err != nil {
		return s.refuseLinkCode(c, proven, browser, nil, err)
	}
	return redirect(c, "/register/link?notice=code")
}

func (s *site) submitLinkCode(c *gin.Context, proven app.Proven, browser app.Token) error {
	v := visitOf(c.Request)
	f, err := v.form("code")
	if err != nil {
		return err
	}
	session, err := s.service.LinkByCode(c.Request.Context(), browser, f["code"], v.visitor())
	if err != nil {
		return s.refuseLinkCode(c, proven, browser, f, err)
	}
	if err := s.beginSession(c, v, session); err != nil {
		return err
	}
	return redirect(c, "/account?notice=linked")
}

// refuseLinkCode shows the page again, with what is wrong.
func (s *site) refuseLinkCode(c *gin.Context, proven app.Proven, browser app.Token, f form, err error) error {
	if isRefusal(err) {
		return s.showIdentityRefused(c, app.Challenge{Connector: proven.Connector}, err)
	}
	p := visitOf(c.Request).identityPage(proven, browser)
	p.home, p.values, p.Sent = "/register/link", f, f != nil
	status := p.explain(c.Writer, err)
	if app.ReasonOf(err) == "code_wrong" {
		p.Problems[0].Field, p.Problems[0].Text = "code", p.T("web.has_account.code_wrong")
	}
	return s.render(c.Writer, status, "has_account", p)
}

// showLink asks whether the identity that was brought back shall be added to the account that is signed in.
func (s *site) showLink(c *gin.Context, session app.Session, token app.Token) error {
	v := visitOf(c.Request)
	offer, err := s.service.LinkOffer(c.Request.Context(), token, v.browser(c.Request))
	if err != nil {
		return s.showIdentityRefused(c, linking(token, offer), err)
	}
	p := v.identityPage(offer, token)
	// The account here may have another address than the one at the provider.
	p.Email, p.Unicode = session.Account.Email.String(), unicodeAddress(session.Account.Email)
	return s.render(c.Writer, http.StatusOK, "link", p)
}

func (s *site) submitLink(c *gin.Context, _ app.Session, token app.Token) error {
	v := visitOf(c.Request)
	next, err := s.service.Link(c.Request.Context(), token, v.browser(c.Request), v.visitor())
	if err != nil {
		return s.showIdentityRefused(c, linking(token, app.Proven{}), err)
	}
	v.keepSession(c.Writer, next)
	return redirect(c, "/account?notice=linked")
}

// linking tells showIdentityRefused that the person is signed in.
func linking(token app.Token, offer app.Proven) app.Challenge {
	return app.Challenge{Connector: offer.Connector, Start: app.Start{Purpose: app.ForLink, Session: token}}
}
