package web

import (
	"net/url"

	"foyer/app"
)

// button leads to the sign-in page of a provider.
type button struct {
	URL  string
	Kind app.ConnectorKind
	Text string
}

// Mark returns the static file with the provider's mark.
func (b button) Mark() string {
	switch b.Kind {
	case app.ConnectorEntra:
		return "microsoft.svg"
	case app.ConnectorGoogle:
		return "google.svg"
	case app.ConnectorOIDC:
	}
	return "login.svg"
}

// connectors returns the connectors whose buttons are shown, the same ones during the whole visit.
func (v *visit) connectors() []app.Connector {
	if !v.asked {
		v.shown, v.asked = v.site.service.SignInConnectors(), true
	}
	return v.shown
}

// sameButton reports whether two connectors look the same on every page.
func sameButton(a, b app.Connector) bool {
	return a.Name == b.Name && a.Kind == b.Kind && a.SignUp == b.SignUp && a.Title() == b.Title()
}

// SignInButtons returns the buttons of the sign-in page.
func (p *page) SignInButtons() []button {
	return p.buttons("web.provider.signin", nil, func(app.Connector) bool { return true })
}

// SignUpButtons returns the buttons of the page where accounts are created: those of connectors that may create one.
func (p *page) SignUpButtons() []button {
	return p.buttons("web.provider.continue", nil, func(c app.Connector) bool { return c.SignUp })
}

// buttons returns the buttons of some connectors, with a text that has a place for the provider's name.
func (p *page) buttons(text string, wish url.Values, some func(app.Connector) bool) []button {
	var list []button
	for _, c := range p.visit.connectors() {
		if some(c) {
			list = append(list, button{URL: startPath(c.Name, wish), Kind: c.Kind, Text: p.T(text, "Through", c.Title())})
		}
	}
	return list
}
