package app_test

import (
	"testing"

	"foyer/app"
)

func TestClaimsAddress(t *testing.T) {
	for _, tt := range []struct {
		name   string
		give   app.Claims
		want   string
		reason string
	}{
		{"plain", app.Claims{Email: "Jane@Acme.test"}, "Jane@acme.test", ""},
		{"none", app.Claims{}, "", "identity_email_missing"},
		{"user name is no address", app.Claims{Username: "jane@acme.test"}, "", "identity_email_missing"},
		{"guest without one", app.Claims{Guest: true}, "", "identity_guest"},
		{"guest with one", app.Claims{Guest: true, Email: "jane@acme.test"}, "jane@acme.test", ""},
		{"made up for a guest", app.Claims{Email: "x_evil.test#EXT#@acme.onmicrosoft.com"}, "", "identity_guest"},
		{"two at signs", app.Claims{Email: "a@evil.test@acme.test"}, "", "identity_email_invalid"},
		{"quoted", app.Claims{Email: `"a@evil.test"@acme.test`}, "", "identity_email_invalid"},
		{"zero-width", app.Claims{Email: "a@ac\u200bme.test"}, "", "identity_email_invalid"},
		{"Kelvin sign", app.Claims{Email: "a@\u212aacme.test"}, "", "identity_email_invalid"},
	} {
		got, err := tt.give.Address()
		if got.String() != tt.want || app.ReasonOf(err) != tt.reason {
			t.Errorf("%s: got %q, %v, want %q, %q", tt.name, got, err, tt.want, tt.reason)
		}
	}
}

func TestClaimsProfile(t *testing.T) {
	for _, tt := range []struct {
		give app.Claims
		want app.Profile
	}{
		{app.Claims{FirstName: "Jane", LastName: "Doe", Name: "J. D."}, app.Profile{FirstName: "Jane", LastName: "Doe"}},
		{app.Claims{Name: "Jane Maria Doe"}, app.Profile{FirstName: "Jane Maria", LastName: "Doe"}},
		{app.Claims{Name: "Madonna"}, app.Profile{FirstName: "Madonna"}},
		{app.Claims{FirstName: " Jane ", LastName: "\u202egnp.exe"}, app.Profile{FirstName: "Jane"}},
		{app.Claims{}, app.Profile{}},
	} {
		if got := tt.give.Profile(); got != tt.want {
			t.Errorf("%+v: got %+v, want %+v", tt.give, got, tt.want)
		}
	}
}

// TestVouched is the matrix of what may skip the confirmation mail. Everything that is not said counts as no.
func TestVouched(t *testing.T) {
	trust := func(c app.Connector) app.Connector {
		c.TrustVerified = true
		return c
	}
	g := app.Claims{EmailVerified: true, HostedDomain: "allowed.test"}
	e := app.Claims{Tenant: tenantA, DomainOwned: true, Member: true}
	change := func(c app.Claims, f func(*app.Claims)) app.Claims {
		f(&c)
		return c
	}
	tests := []struct {
		name      string
		connector app.Connector
		claims    app.Claims
		email     string
		tenants   []string
		want      bool
	}{
		{"google, own domain", trust(google()), g, "x@allowed.test", nil, true},
		{"google, hd in capitals", trust(google()), change(g, func(c *app.Claims) { c.HostedDomain = "Allowed.Test" }), "x@allowed.test", nil, true},
		{"google, not trusted", google(), g, "x@allowed.test", nil, false},
		{"google, no hd: a consumer's account with a work address", trust(google()), change(g, func(c *app.Claims) { c.HostedDomain = "" }), "x@allowed.test", nil, false},
		{"google, other hd", trust(google()), change(g, func(c *app.Claims) { c.HostedDomain = "evil.test" }), "x@allowed.test", nil, false},
		{"google, hd of a parent", trust(google()), g, "x@sub.allowed.test", nil, false},
		{"google, not verified", trust(google()), change(g, func(c *app.Claims) { c.EmailVerified = false }), "x@allowed.test", nil, false},
		{"google, gmail", trust(google()), app.Claims{EmailVerified: true}, "x@gmail.com", nil, true},
		{"google, gmail not verified", trust(google()), app.Claims{}, "x@gmail.com", nil, false},
		{"google, what Entra would say", trust(google()), app.Claims{DomainOwned: true, Member: true}, "x@allowed.test", nil, false},
		{"entra, tenant of the company", trust(entra(tenantA)), e, "x@allowed.test", []string{tenantA}, true},
		{"entra, many tenants", trust(entra(app.ManyTenants)), e, "x@allowed.test", []string{tenantB, tenantA}, true},
		{"entra, not trusted", entra(tenantA), e, "x@allowed.test", []string{tenantA}, false},
		{"entra, company names no tenant", trust(entra(tenantA)), e, "x@allowed.test", nil, false},
		{"entra, company names another", trust(entra(tenantA)), e, "x@allowed.test", []string{tenantB}, false},
		{"entra, domain not owned", trust(entra(tenantA)), change(e, func(c *app.Claims) { c.DomainOwned = false }), "x@allowed.test", []string{tenantA}, false},
		{"entra, guest", trust(entra(tenantA)), change(e, func(c *app.Claims) { c.Member, c.Guest = false, true }), "x@allowed.test", []string{tenantA}, false},
		{"entra, member with a guest's name", trust(entra(tenantA)), change(e, func(c *app.Claims) { c.Guest = true }), "x@allowed.test", []string{tenantA}, false},
		{"entra, acct absent", trust(entra(tenantA)), change(e, func(c *app.Claims) { c.Member = false }), "x@allowed.test", []string{tenantA}, false},
		{"entra, no tenant said", trust(entra(tenantA)), change(e, func(c *app.Claims) { c.Tenant = "" }), "x@allowed.test", []string{tenantA}, false},
		{"entra, what Google would say", trust(entra(tenantA)), g, "x@allowed.test", []string{tenantA}, false},
		{"any provider", trust(openID()), app.Claims{EmailVerified: true, HostedDomain: "allowed.test", DomainOwned: true, Member: true}, "x@allowed.test", nil, false},
	}
	for _, tt := range tests {
		if got := tt.claims.Vouched(tt.connector, address(t, tt.email), tt.tenants); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestHeldBy: whoever only has the mail may not confirm somebody else's identity.
func TestHeldBy(t *testing.T) {
	mine, other := app.IdentityKey{Issuer: "https://a", Subject: "1"}, app.IdentityKey{Issuer: "https://b", Subject: "1"}
	browser, elsewhere := app.NewToken().Hash(), app.NewToken().Hash()
	r := app.Registration{Identity: &app.Identity{IdentityKey: mine}, Browser: browser}
	for _, tt := range []struct {
		name     string
		give     app.Registration
		browser  app.TokenHash
		signedIn *app.IdentityKey
		want     bool
	}{
		{"the browser that signed up", r, browser, nil, true},
		{"another browser", r, elsewhere, nil, false},
		{"no browser", r, app.TokenHash{}, nil, false},
		{"no browser, and none kept", app.Registration{Identity: r.Identity}, app.TokenHash{}, nil, false},
		{"another browser, the same identity", r, elsewhere, &mine, true},
		{"another browser, another issuer's same subject", r, elsewhere, &other, false},
		{"by form", app.Registration{Browser: browser}, browser, &mine, false},
	} {
		if got := tt.give.HeldBy(tt.browser, tt.signedIn); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
