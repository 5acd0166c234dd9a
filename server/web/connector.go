package web

import (
	"log/slog"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// startIdentity begins a sign-in with a provider and sends the browser there.
func (s *site) startIdentity(c *gin.Context) error {
	v, ctx, name := visitOf(c.Request), c.Request.Context(), c.Param("name")
	start, err := v.wishOf(c.Request)
	if err != nil {
		return err
	}
	browser := v.browser(c.Request)
	isNew := browser == ""
	if isNew {
		browser = app.NewToken()
	}
	ch, err := s.service.StartIdentity(ctx, name, start, browser, v.visitor())
	if err != nil {
		return s.showIdentityRefused(c, app.Challenge{Connector: app.Connector{Name: name}, Start: start}, err)
	}
	to, err := s.providers.SignInURL(ctx, ch)
	if err != nil {
		return s.identityFailed(c, ch, err)
	}
	if isNew { // another tab may be under way with the cookie that is there
		v.keepBrowser(c.Writer, browser)
	}
	if err := redirectAway(c, to); err != nil {
		return s.identityFailed(c, ch, err)
	}
	return nil
}

// wishOf reads what a sign-in with a provider is wanted for. The value of link and again is the proof that the link
// comes from a page of this session: without it another site could put a person's browser on the way to linking.
// Refusal 400 for two wishes, 403 for a wrong proof; Denied, "signin_needed", when nobody is signed in.
func (v *visit) wishOf(r *http.Request) (app.Start, error) {
	f, err := query(r, "another", "confirm", "link", "again")
	if err != nil {
		return app.Start{}, err
	}
	start := app.Start{Purpose: app.ForSignIn, Another: f["another"] != ""}
	proof, wishes := "", 0
	for name, purpose := range map[string]app.Purpose{"confirm": app.ForConfirm, "link": app.ForLink, "again": app.ForAgain} {
		if f.has(name) {
			start.Purpose, proof = purpose, f[name]
			wishes++
		}
	}
	if wishes > 1 {
		return app.Start{}, refusal(http.StatusBadRequest)
	}
	if start.Purpose == app.ForConfirm {
		start.Confirm = app.Token(f["confirm"])
		return start, nil
	}
	if wishes == 0 {
		return start, nil
	}
	start.Session = v.session(r)
	if start.Session == "" {
		return app.Start{}, app.Errorf(app.Denied, "signin_needed", "sign in first")
	}
	if !isProof(proof, start.Session) {
		return app.Start{}, refusal(http.StatusForbidden)
	}
	return start, nil
}

// query returns the named parameters of the address, as form does those of a body.
func query(r *http.Request, names ...string) (form, error) {
	values, err := parseBody(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	return pick(values, names...)
}

// What a provider's answer may hold, in bytes. A code of Microsoft's has some 1,500.
const (
	maxState = 200
	maxCode  = 8 << 10
	maxIss   = 2 << 10
)

// finishIdentity takes a browser that comes back from a provider. What it brings is anybody's to write: only the state
// tells whether it belongs to a sign-in that was begun here, in this very browser, and it is taken before all else.
func (s *site) finishIdentity(c *gin.Context) error {
	v, ctx, name := visitOf(c.Request), c.Request.Context(), c.Param("name")
	f, err := query(c.Request, "state", "code", "iss", "error")
	if err != nil {
		return err
	}
	if len(f["state"]) > maxState || len(f["code"]) > maxCode || len(f["iss"]) > maxIss || len(f["error"]) > maxIss {
		return refusal(http.StatusBadRequest)
	}
	browser := v.browser(c.Request)
	ch, err := s.service.TakeChallenge(name, app.Token(f["state"]), browser)
	if err != nil {
		return s.showIdentityRefused(c, app.Challenge{Connector: app.Connector{Name: name}}, err)
	}
	if err := answerError(f); err != nil {
		return s.identityFailed(c, ch, err)
	}
	claims, err := s.providers.Claims(ctx, ch, app.ProviderAnswer{Code: f["code"], Issuer: f["iss"]})
	if err != nil {
		return s.identityFailed(c, ch, err)
	}
	// Whoever knew the old cookie, or planted it, must not hold the identity (OWASP ASVS 7.2.4).
	browser = app.NewToken()
	arrival, err := s.service.Arrive(ctx, ch, claims, browser, v.visitor())
	if err != nil {
		return s.showIdentityRefused(c, ch, err)
	}
	if arrival.Session != "" {
		if err := s.beginSession(c, v, arrival.Session); err != nil {
			return err
		}
	} else {
		v.keepBrowser(c.Writer, browser)
	}
	return redirect(c, pathOf(arrival.To, ch))
}

// pathOf returns the page a browser goes on to.
func pathOf(to app.Destination, ch app.Challenge) string {
	switch to {
	case app.ToAccount:
		return "/account"
	case app.ToForm:
		return "/register/identity"
	case app.ToHasAccount:
		return "/register/link"
	case app.ToConfirm:
		return "/confirm/" + url.PathEscape(string(ch.Start.Confirm))
	case app.ToLink:
		return "/account/link"
	case app.ToAgain:
		return "/account?notice=again"
	}
	return "/"
}

// answerError returns what a provider's answer without a code means, nil when there is one. Nothing of what the provider
// wrote is shown: whoever makes a link to the callback writes it (OpenBao, GO-2026-4862). RFC 6749, 4.1.2.1; OpenID
// Connect Core, 3.1.2.6.
func answerError(f form) error {
	switch f["error"] {
	case "":
		if f["code"] == "" {
			return app.ProviderError(app.Denied, app.ProviderRefused, "no_code", nil)
		}
		return nil
	case "access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required":
		return app.ProviderError(app.Denied, app.ProviderDenied, f["error"], nil)
	case "temporarily_unavailable", "server_error":
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, f["error"], nil)
	}
	return app.ProviderError(app.Denied, app.ProviderRefused, "error_answer", providerSaid(f["error"]))
}

// providerSaid is an error a provider has named, for the log.
type providerSaid string

func (p providerSaid) Error() string { return "the provider answered " + string(p) }

// maxLogged is how much of an error that a stranger may have written goes to the log, in bytes.
const maxLogged = 200

// identityFailed notes that the provider's part of a sign-in did not succeed and shows why. The cause is logged here
// and nowhere else, on one line: slog quotes what would break it.
func (s *site) identityFailed(c *gin.Context, ch app.Challenge, err error) error {
	cause, level := err.Error(), slog.LevelWarn
	if app.ReasonOf(err) == app.ProviderDenied {
		level = slog.LevelInfo // somebody changed their mind
	}
	s.log.Log(c.Request.Context(), level, "sign-in with a provider failed", "connector", ch.Connector.Name, "reason", app.ReasonOf(err),
		"cause", cause[:min(len(cause), maxLogged)])
	err = s.service.IdentityFailed(c.Request.Context(), ch, err, visitOf(c.Request).visitor())
	return s.showIdentityRefused(c, ch, err)
}
