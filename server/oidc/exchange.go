package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"foyer/app"
)

// maxToken is how large an ID token may be. Those of Entra with many claims have 3 to 4 KB.
const maxToken = 16 << 10

// signInURL returns the address of the authorization request (RFC 6749, 4.1.1; OpenID Connect Core 3.1.2.1). PKCE is used
// although we have a secret: it binds the code to this sign-in (RFC 9700, 2.1.1).
func signInURL(doc document, ch app.Challenge) string {
	options := []oauth2.AuthCodeOption{oidc.Nonce(string(ch.Nonce)), oauth2.S256ChallengeOption(string(ch.Verifier))}
	if ch.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", ch.Prompt))
	}
	return oauthConfig(doc, ch).AuthCodeURL(string(ch.State), options...)
}

func oauthConfig(doc document, ch app.Challenge) *oauth2.Config {
	return &oauth2.Config{
		ClientID: ch.Connector.ClientID, ClientSecret: ch.Connector.ClientSecret, RedirectURL: ch.RedirectURI,
		Scopes:   []string{oidc.ScopeOpenID, "profile", "email"},
		Endpoint: oauth2.Endpoint{AuthURL: doc.authorization, TokenURL: doc.token, AuthStyle: authStyle(doc, ch.Connector)},
	}
}

// authStyle returns how the client shows who it is. oauth2 would find out by trying: it would send the code twice, and a
// provider may take that for an attack (RFC 6749, 4.1.2). Without a list the header is meant (OpenID Connect Discovery, 3).
func authStyle(doc document, c app.Connector) oauth2.AuthStyle {
	if c.ClientSecret != "" && (doc.authMethods == nil || slices.Contains(doc.authMethods, "client_secret_basic")) {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// tokens is what the provider gives for a code: the ID token, unverified, and what opens its userinfo endpoint.
type tokens struct{ id, access string }

// exchange returns the tokens that the provider gives for the code.
func (p *provider) exchange(ctx context.Context, doc document, ch app.Challenge, code string) (tokens, error) {
	if code == "" {
		return tokens{}, app.ProviderError(app.Invalid, app.ProviderRefusedCode, "code_missing", nil)
	}
	token, err := oauthConfig(doc, ch).Exchange(oidc.ClientContext(ctx, p.client), code, oauth2.VerifierOption(string(ch.Verifier)))
	if err != nil {
		return tokens{}, exchangeError(doc.token, err)
	}
	raw, ok := token.Extra("id_token").(string)
	switch {
	case !ok || raw == "":
		return tokens{}, refused("token_missing")
	case len(raw) > maxToken:
		return tokens{}, refused("token_size")
	}
	return tokens{id: raw, access: token.AccessToken}, nil
}

// exchangeError returns what an error of the token endpoint is to us. oauth2 puts the answer's body into its text, and
// that body can quote our secret back (T19): only the registered words of RFC 6749, 5.2 are taken from it.
func exchangeError(endpoint string, err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return notExchanged(endpoint, err)
	}
	status := answer.Response.StatusCode
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, "token_endpoint", nil)
	}
	switch code := answer.ErrorCode; code {
	case "invalid_grant":
		return app.ProviderError(app.Invalid, app.ProviderRefusedCode, code, nil)
	case "invalid_client", "unauthorized_client", "invalid_request", "invalid_scope", "unsupported_grant_type":
		return app.ProviderError(app.Unavailable, app.ProviderRefusedUs, code, nil)
	default:
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, "token_endpoint", nil)
	}
}

// notExchanged returns what an error is that came before there was an answer, or with one that is none.
func notExchanged(endpoint string, err error) error {
	u, parseErr := url.Parse(endpoint)
	_, fromClient := errors.AsType[*url.Error](err)
	switch {
	case parseErr != nil:
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, "bad_discovery", nil)
	case fromClient:
		return unreachable(failed(u.Host, err))
	default:
		return app.ProviderError(app.Unavailable, app.ProviderUnreachable, "token_endpoint", nil)
	}
}
