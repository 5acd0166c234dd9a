// Package oidc does the provider's part of a sign-in: it says where a browser is sent, exchanges the code that the
// browser brings back, and returns what the provider says about the person, after every check of who said it and to
// whom. State, the browser it belongs to and the accounts are others' work. It is the only room that knows go-oidc,
// oauth2 and go-jose; server alone may import it.
package oidc

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"foyer/app"
)

// callTime bounds everything that one call asks of a provider together: a page must answer within 12 s (T17).
const callTime = 10 * time.Second

// Config says how providers are reached.
type Config struct {
	// Transport carries the requests; nil for one of its own for each provider, which refuses to dial inner addresses
	// that a provider names (T20). Redirects, sizes and times are bounded with any.
	Transport http.RoundTripper
	Log       *slog.Logger // nil for none
}

// Providers asks identity providers. Each is looked up when it is first needed, so one that is down harms only those who
// sign in with it, and only as long as it is down. It is safe for concurrent use.
type Providers struct {
	transport http.RoundTripper
	log       *slog.Logger
	fetches   *fetches

	mu    sync.Mutex
	known map[place]*provider
}

// place is where a provider is found. Of Entra's many tenants it is not the issuer.
type place struct {
	base   string // what stands before /.well-known/openid-configuration
	issuer string // what the provider must call itself there
}

// New returns the providers, none of which has been asked yet.
func New(c Config) *Providers {
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Providers{transport: c.Transport, log: log, fetches: newFetches(), known: map[place]*provider{}}
}

// Close ends what is under way and waits for it. No sign-in is possible after it.
func (p *Providers) Close() {
	p.fetches.end()
	p.fetches.wait.Wait()
}

// SignInURL returns the address to which a browser is sent to sign in. Unavailable, app.ProviderUnreachable, when the
// provider does not say where that is; Unavailable, app.ProviderRefusedUs, when the connector is not set up.
func (p *Providers) SignInURL(ctx context.Context, ch app.Challenge) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	home, err := p.home(ch.Connector)
	if err != nil {
		return "", err
	}
	doc, err := home.document.get(ctx)
	if err != nil {
		return "", unreachable(err)
	}
	return signInURL(doc.value, ch), nil
}

// Claims exchanges the code that a browser has brought back for an ID token, and returns what that says.
//
//   - Unavailable, app.ProviderUnreachable: no answer, or one that is none
//   - Unavailable, app.ProviderRefusedUs: the provider does not take our client id, secret or request
//   - Invalid, app.ProviderRefusedCode: it does not take the code
//   - Invalid, app.ProviderMixUp: the browser comes from another provider; nothing was sent to anyone
//   - Denied, app.ProviderRefused: the token did not pass a check
//   - Denied, app.ProviderTenant: the person's tenant is none of the connector's
func (p *Providers) Claims(ctx context.Context, ch app.Challenge, a app.ProviderAnswer) (app.Claims, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	home, err := p.home(ch.Connector)
	if err != nil {
		return app.Claims{}, err
	}
	doc, err := home.document.get(ctx)
	if err != nil {
		return app.Claims{}, unreachable(err)
	}
	if !isFrom(ch.Connector, doc.value, a.Issuer) {
		return app.Claims{}, mixUp()
	}
	got, err := home.exchange(ctx, doc.value, ch, a.Code)
	if err != nil {
		return app.Claims{}, err
	}
	signer, want, err := p.signer(home, ch, got.id)
	if err != nil {
		return app.Claims{}, err
	}
	claims, err := signer.claims(ctx, got.id, want)
	if err != nil {
		return app.Claims{}, err
	}
	if ch.Connector.Kind == app.ConnectorOIDC && claims.Email == "" && doc.value.userinfo != "" {
		if claims, err = home.userinfo(ctx, doc.value, got.access, claims); err != nil {
			return app.Claims{}, err
		}
	}
	if a.Issuer != "" && a.Issuer != claims.Issuer {
		return app.Claims{}, mixUp()
	}
	return claims, nil
}

// ClockOff returns how far the clock of the connector's provider was ahead of our own when it last answered, and whether
// that is so far that sign-ins may fail: the expiry of a token has no leeway.
func (p *Providers) ClockOff(c app.Connector) (ahead time.Duration, off bool) {
	home, err := p.home(c)
	if err != nil {
		return 0, false
	}
	return home.clock.off()
}

// home returns the provider that people of the connector are sent to.
func (p *Providers) home(c app.Connector) (*provider, error) {
	at := place{base: c.Issuer, issuer: c.Issuer}
	switch c.Kind {
	case app.ConnectorGoogle:
		at = place{base: app.GoogleIssuer, issuer: app.GoogleIssuer}
	case app.ConnectorEntra:
		if c.Tenant != app.ManyTenants && !app.IsTenant(c.Tenant) {
			return nil, app.ProviderError(app.Unavailable, app.ProviderRefusedUs, "bad_connector", nil)
		}
		at = place{base: app.EntraIssuer(c.Tenant), issuer: app.EntraIssuer(c.Tenant)}
		if c.Tenant == app.ManyTenants {
			// Microsoft's own words for it: it is the issuer of nobody.
			at.issuer = app.EntraIssuer("{tenantid}")
		}
	case app.ConnectorOIDC:
	}
	// Without a client id, any audience would do.
	if c.ClientID == "" || !isIssuer(at.issuer) {
		return nil, app.ProviderError(app.Unavailable, app.ProviderRefusedUs, "bad_connector", nil)
	}
	return p.at(at), nil
}

// at returns the provider at a place, which is made when it is first asked for. Places come from the administrator's
// settings only, so there are few.
func (p *Providers) at(at place) *provider {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.known[at]
	if !ok {
		known = newProvider(at, p.transport, p.log, p.fetches)
		p.known[at] = known
	}
	return known
}

// signer returns the provider that must have signed the token, and what the token must say. With many tenants the token
// itself tells whose it is: before that is believed, and before anything is asked of that tenant, it must be a tenant
// of the connector's.
func (p *Providers) signer(home *provider, ch app.Challenge, raw string) (*provider, expected, error) {
	want := expected{
		kind: ch.Connector.Kind, issuer: home.issuer, clientID: ch.Connector.ClientID, nonce: string(ch.Nonce), now: time.Now(),
	}
	if want.kind != app.ConnectorEntra {
		return home, want, nil
	}
	want.tenant = ch.Connector.Tenant
	if want.tenant != app.ManyTenants {
		return home, want, nil
	}
	tenant, err := unverifiedTenant(raw)
	if err != nil {
		return nil, want, err
	}
	if !app.IsTenant(tenant) || !slices.Contains(ch.Connector.Tenants, tenant) {
		return nil, want, app.ProviderError(app.Denied, app.ProviderTenant, "tenant_unknown", nil)
	}
	want.tenant, want.issuer = tenant, app.EntraIssuer(tenant)
	return p.at(place{base: want.issuer, issuer: want.issuer}), want, nil
}

// isFrom reports whether an answer can be of the connector's provider, by its parameter iss (RFC 9207). With many
// tenants it can be that of any of them; which, is compared with the token afterwards.
func isFrom(c app.Connector, doc document, issuer string) bool {
	switch {
	case issuer == "":
		return !doc.saysIssuer
	case c.Kind == app.ConnectorEntra && c.Tenant == app.ManyTenants:
		return c.Issues(issuer)
	default:
		return issuer == doc.issuer
	}
}

func mixUp() error {
	return app.ProviderError(app.Invalid, app.ProviderMixUp, "bad_issuer", nil)
}

// refused returns the error of a token that did not pass a check.
func refused(why string) error {
	return app.ProviderError(app.Denied, app.ProviderRefused, why, nil)
}
