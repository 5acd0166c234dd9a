package web

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// identityPage is a page about an identity that this browser has brought back from its provider.
type identityPage struct {
	*page
	Proven  app.Proven
	Through string // how people call the provider
	Email   string
	Unicode string // as people write its domain, when that differs
	Another string // the link to sign in with another account of the provider
	Sent    bool   // a code was sent
}

func (v *visit) identityPage(proven app.Proven, browser app.Token) identityPage {
	p := identityPage{
		page: v.page(), Proven: proven, Through: proven.Connector.Title(), Email: proven.Address.String(),
		Another: startPath(proven.Connector.Name, url.Values{"another": {"1"}}),
	}
	if p.Email != "" {
		p.Unicode = unicodeAddress(proven.Address)
	}
	p.token = browser
	p.values = form{"first_name": proven.Profile.FirstName, "last_name": proven.Profile.LastName, "phone": proven.Profile.Phone}
	return p
}

// showIdentityForm is the registration form of a person whose address the provider has told us.
func (s *site) showIdentityForm(c *gin.Context, proven app.Proven, browser app.Token) error {
	if proven.HasAccount {
		return redirect(c, "/register/link")
	}
	return s.render(c.Writer, http.StatusOK, "identity", visitOf(c.Request).identityPage(proven, browser))
}

func (s *site) submitIdentityForm(c *gin.Context, proven app.Proven, browser app.Token) error {
	v := visitOf(c.Request)
	if proven.HasAccount {
		return redirect(c, "/register/link")
	}
	f, err := v.form("first_name", "last_name", "phone")
	if err != nil {
		return err
	}
	profile := profileOf(f)
	p := v.identityPage(proven, browser)
	p.values = f
	names, phone := profileErrors(profile)
	if status := p.explainAll(c.Writer, append(names, phone)); status != 0 {
		return s.render(c.Writer, status, "identity", p)
	}
	session, err := s.service.SignUpIdentity(c.Request.Context(), browser, profile, v.visitor())
	switch {
	case app.ReasonOf(err) == "account_exists":
		return redirect(c, "/register/link")
	case isRefusal(err):
		return s.showIdentityRefused(c, app.Challenge{Connector: proven.Connector}, err)
	case err != nil:
		return s.render(c.Writer, p.explain(c.Writer, err), "identity", p)
	case session != "":
		if err := s.beginSession(c, v, session); err != nil {
			return err
		}
		return redirect(c, "/account")
	}
	// The registration is bound to this browser: it has to be known for as long as the mail's link works.
	v.keepBrowser(c.Writer, browser)
	return redirect(c, "/register/identity/sent")
}

// isRefusal reports whether err ends the matter: nothing a person could change on the same page would help.
func isRefusal(err error) bool {
	switch app.CodeOf(err) {
	case app.Denied, app.Closed, app.Conflict, app.NotFound:
		return true
	case app.Invalid, app.Gone, app.Limited, app.Unavailable, app.Internal:
	}
	return false
}

// showIdentitySent says to which address the mail went. There is nothing to hide: whoever sees it has signed in with
// the provider as the owner of that address.
func (s *site) showIdentitySent(c *gin.Context) error {
	v := visitOf(c.Request)
	browser := v.browser(c.Request)
	proven, err := s.service.Proven(c.Request.Context(), browser)
	switch {
	case app.ReasonOf(err) == "identity_gone":
		return redirect(c, "/confirm") // the mail may come later than the browser is known: its code works there
	case err != nil:
		return s.showIdentityRefused(c, app.Challenge{}, err)
	case proven.HasAccount:
		return redirect(c, "/login")
	case !proven.Waiting:
		return redirect(c, "/register/identity")
	}
	p := v.identityPage(proven, browser)
	p.values = form{"email": p.Email}
	return s.render(c.Writer, http.StatusOK, "identity_sent", p)
}
