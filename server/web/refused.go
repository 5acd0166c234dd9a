package web

import (
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"foyer/app"
)

// showIdentityRefused says openly why a sign-in with a provider ends here, who may help, and how to go on: the person is
// known by now, so there is nothing to hide. Of ch, only the connector's name has to be known.
func (s *site) showIdentityRefused(c *gin.Context, ch app.Challenge, err error) error {
	reason := app.ReasonOf(err)
	if leadsElsewhere(reason) || reason == "" || app.CodeOf(err) == app.Internal {
		return err
	}
	v := visitOf(c.Request)
	p := v.page()
	p.home = "/login" // a GET of this page would be another sign-in
	status := p.explain(c.Writer, err)
	m := message{
		page: p, Kind: "stop", Heading: p.T(refusedTitle(reason)), Ask: p.AskSomebody(), Links: v.waysOn(ch, reason),
	}
	if reason == "identity_email_missing" && ch.Connector.Kind == app.ConnectorEntra {
		m.Hint = p.T("web.refused.email_missing_entra")
	}
	m.Text = p.lastProblem()
	return s.render(c.Writer, status, "message", m)
}

// leadsElsewhere reports whether another page is the answer to a reason: see fail.
func leadsElsewhere(reason string) bool { return reason == "signin_needed" || reason == "fresh_needed" }

// beginAgain are the reasons after which the same sign-in may well succeed when it is begun anew.
func beginAgain() []string {
	return []string{"flow_unknown", app.ProviderRefusedCode, app.ProviderMixUp, app.ProviderDenied, app.ProviderUnreachable, "identity_gone"}
}

func refusedTitle(reason string) string {
	switch reason {
	case app.ProviderUnreachable, app.ProviderRefusedUs, "connector_off", "store_busy":
		return "web.refused.down"
	case "connector_unknown":
		return "web.error.404.title"
	case "too_many":
		return "web.refused.wait"
	case app.ProviderDenied:
		return "web.refused.denied"
	case "link_spent":
		return "web.confirm.spent.title"
	case "link_unknown", "link_expired":
		return "web.gone.title"
	}
	if slices.Contains(beginAgain(), reason) {
		return "web.refused.again"
	}
	return "web.refused.title"
}

// waysOn returns how to go on after a refusal, the best way first. A sign-in is offered only with a connector whose
// button is shown.
func (v *visit) waysOn(ch app.Challenge, reason string) []link {
	p := v.page()
	if ch.Start.Session != "" {
		return []link{{"/account", p.T("web.link.to_account")}}
	}
	login := link{"/login", p.T("web.link.login")}
	if !slices.ContainsFunc(v.connectors(), func(c app.Connector) bool { return c.Name == ch.Connector.Name }) {
		return []link{login}
	}
	wish := url.Values{}
	if ch.Start.Confirm != "" {
		wish.Set("confirm", string(ch.Start.Confirm))
	}
	again := link{startPath(ch.Connector.Name, wish), p.T("web.link.try_again")}
	wish.Set("another", "1")
	another := link{startPath(ch.Connector.Name, wish), p.T("web.link.another_account")}
	switch {
	case reason == app.ProviderUnreachable || reason == app.ProviderRefusedUs || reason == "too_many":
		return []link{again, {"/login", p.T("web.link.password")}}
	case reason == app.ProviderDenied:
		return []link{again, another, login}
	case slices.Contains(beginAgain(), reason):
		return []link{again, login}
	}
	return []link{another, login}
}

// startPath returns the link that begins a sign-in with a connector.
func startPath(connector string, wish url.Values) string {
	path := "/auth/" + url.PathEscape(connector) + "/start"
	if len(wish) > 0 {
		path += "?" + wish.Encode()
	}
	return path
}
