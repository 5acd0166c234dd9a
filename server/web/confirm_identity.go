package web

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// confirmIdentityPage is the confirmation of a sign-up with a provider. It asks for no password: what a mail scanner
// cannot invent here is the identity itself.
type confirmIdentityPage struct {
	confirmPage
	Through string // how people call the provider
	Whose   string // the account at the provider
	Held    bool   // this browser is the one that may confirm
	Kind    app.ConnectorKind
	Start   string // where to sign in with the identity, "" when that is switched off
	ByLink  bool
}

// Mark returns the static file with the provider's mark.
func (p confirmIdentityPage) Mark() string { return button{Kind: p.Kind}.Mark() }

// confirmIdentityPage returns the page. token is that of the link, "" when the code was typed.
func (s *site) confirmIdentityPage(c *gin.Context, r app.Registration, token string) confirmIdentityPage {
	v := visitOf(c.Request)
	p := confirmIdentityPage{
		confirmPage: newConfirmPage(v, r), Through: s.service.Through(r), Whose: r.Identity.Email,
		Held: s.service.Holds(r, v.browser(c.Request)), ByLink: token != "",
	}
	wish := url.Values{}
	if p.ByLink {
		p.Action = "/confirm/" + token
		wish.Set("confirm", token)
	}
	shown := v.connectors()
	if i := slices.IndexFunc(shown, func(c app.Connector) bool { return c.Name == r.Identity.Connector }); i >= 0 {
		p.Kind, p.Start = shown[i].Kind, startPath(shown[i].Name, wish)
	}
	return p
}

func (s *site) showConfirmIdentity(c *gin.Context, r app.Registration, token string) error {
	return s.render(c.Writer, http.StatusOK, "confirm_identity", s.confirmIdentityPage(c, r, token))
}

func (s *site) submitConfirmIdentity(c *gin.Context, r app.Registration, token string) error {
	v := visitOf(c.Request)
	_, err := s.service.ConfirmIdentity(c.Request.Context(), app.Token(token), v.browser(c.Request), v.visitor())
	return s.confirmedIdentity(c, r, token, nil, err)
}

func (s *site) submitConfirmIdentityCode(c *gin.Context, r app.Registration, f form) error {
	v := visitOf(c.Request)
	_, err := s.service.ConfirmFound(c.Request.Context(), r, v.browser(c.Request), v.visitor())
	return s.confirmedIdentity(c, r, "", form{"email": f["email"], "code": f["code"]}, err)
}

// confirmedIdentity answers what became of a confirmation. Nobody is signed in by it: the mail alone would then be
// enough, wherever it was opened.
func (s *site) confirmedIdentity(c *gin.Context, r app.Registration, token string, byCode form, err error) error {
	if err == nil {
		return redirect(c, "/login?notice=confirmed-provider")
	}
	if code := app.CodeOf(err); code == app.Gone || code == app.Conflict {
		return s.showConfirmGone(c, visitOf(c.Request), err)
	}
	p := s.confirmIdentityPage(c, r, token)
	if p.ByCode = byCode; byCode != nil {
		p.home = "/confirm"
	}
	return s.render(c.Writer, p.explain(c.Writer, err), "confirm_identity", p)
}
