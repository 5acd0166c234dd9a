package oidc

import (
	"context"

	"foyer/app"
)

// userinfo adds to claims what the provider keeps out of its ID tokens: many give the address and the names at the userinfo
// endpoint only (OpenID Connect Core, 5.4). It is asked with the access token of this very sign-in, and believed only
// about the same subject (5.3.2); what the ID token said stays as it was said there.
func (p *provider) userinfo(ctx context.Context, doc document, access string, claims app.Claims) (app.Claims, error) {
	if access == "" {
		return claims, nil
	}
	body, err := p.get(ctx, doc.userinfo, access)
	if err != nil {
		return app.Claims{}, unreachable(err)
	}
	members, err := decodeObject(body)
	if err != nil {
		return app.Claims{}, refused("bad_userinfo")
	}
	d := &decoder{members: members}
	var more app.Claims
	d.person(&more)
	switch {
	case d.text("sub") != claims.Subject:
		return app.Claims{}, refused("bad_subject")
	case d.wrong:
		return app.Claims{}, refused("bad_claim_type")
	}
	claims.Email, claims.EmailVerified = more.Email, more.EmailVerified
	if claims.FirstName == "" && claims.LastName == "" && claims.Name == "" {
		claims.FirstName, claims.LastName, claims.Name = more.FirstName, more.LastName, more.Name
	}
	if claims.Username == "" {
		claims.Username = more.Username
	}
	return claims, nil
}
