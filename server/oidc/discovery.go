package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"foyer/app"
)

// document is what a provider says about itself (OpenID Connect Discovery 1.0).
type document struct {
	issuer        string
	authorization string
	token         string
	keys          string
	userinfo      string   // "" for none that may be asked
	authMethods   []string // how clients may show who they are; nil when it does not say
	saysIssuer    bool     // its answers carry the parameter iss (RFC 9207)
}

func (p *provider) fetchDocument(ctx context.Context) (document, error) {
	body, err := p.get(ctx, strings.TrimSuffix(p.base, "/")+"/.well-known/openid-configuration", "")
	if err != nil {
		return document{}, err
	}
	doc, err := decodeDocument(body)
	if err != nil {
		return document{}, &failure{why: "bad_discovery", err: err}
	}
	if doc.issuer != p.issuer {
		return document{}, &failure{why: "bad_issuer", err: fmt.Errorf("%s names %s", p.base, otherIssuer(p.issuer, doc.issuer))}
	}
	for name, endpoint := range map[string]string{"authorization_endpoint": doc.authorization, "token_endpoint": doc.token, "jwks_uri": doc.keys} {
		if why := wrongEndpoint(p.issuer, endpoint, name != "authorization_endpoint"); why != "" {
			return document{}, &failure{why: "bad_discovery", err: fmt.Errorf("%s of %s %s", name, p.base, why)}
		}
	}
	if wrongEndpoint(p.issuer, doc.userinfo, true) != "" {
		doc.userinfo = "" // it is of use to some providers only
	}
	return doc, nil
}

// otherIssuer says what is the matter with the name a provider gives itself. The name is not repeated: it is the
// provider's to choose.
func otherIssuer(want, got string) string {
	if strings.TrimSuffix(want, "/") == strings.TrimSuffix(got, "/") {
		return "the same issuer, but for a / at the end: set it so"
	}
	return "another issuer"
}

// decodeDocument reads a document by the exact names; others are let be.
func decodeDocument(body []byte) (document, error) {
	var doc document
	members, err := decodeObject(body)
	if err != nil {
		return doc, err
	}
	for name, field := range map[string]any{
		"issuer": &doc.issuer, "authorization_endpoint": &doc.authorization, "token_endpoint": &doc.token, "jwks_uri": &doc.keys,
		"userinfo_endpoint":                     &doc.userinfo,
		"token_endpoint_auth_methods_supported": &doc.authMethods, "authorization_response_iss_parameter_supported": &doc.saysIssuer,
	} {
		if raw, ok := members[name]; ok && json.Unmarshal(raw, field) != nil {
			return doc, fmt.Errorf("%s is not what it should be", name)
		}
	}
	return doc, nil
}

// wrongEndpoint returns why a request must not go to an endpoint that a provider names, or "". What a provider says
// about where to go next is never trusted: it could name a machine that only we can reach (T20).
func wrongEndpoint(issuer, endpoint string, backChannel bool) string {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || len(endpoint) > 2048:
		return "is no address"
	case u.User != nil || strings.Contains(endpoint, "#"):
		return "has a user or a fragment"
	case u.Scheme != "https" && (u.Scheme != "http" || !isPlainLoopback(issuer) || !isLoopback(u.Hostname())):
		return "is not https"
	}
	if known := knownHosts(issuer); known != nil {
		if !slices.Contains(known, u.Host) {
			return "is at a host that is not the provider's"
		}
		return ""
	}
	addr, err := netip.ParseAddr(u.Hostname())
	inner := err == nil && isInner(addr) || isLoopback(u.Hostname())
	if backChannel && inner && hostPort(endpoint) != hostPort(issuer) {
		return "is at an inner address"
	}
	return ""
}

// knownHosts returns the hosts at which the endpoints of the issuer must be, or nil when that is not known.
func knownHosts(issuer string) []string {
	switch hostPort(issuer) {
	case "accounts.google.com:443":
		return []string{"accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com"}
	case "login.microsoftonline.com:443":
		return []string{"login.microsoftonline.com"}
	}
	return nil
}

// isIssuer reports whether an issuer can be asked at all: app has the rules for what may be typed.
func isIssuer(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && u.Hostname() != "" && u.User == nil && (u.Scheme == "https" || isPlainLoopback(issuer))
}

// isPlainLoopback reports whether an issuer is of this machine and speaks plain HTTP: the administrator tries it out.
func isPlainLoopback(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return app.IsLoopbackHost(host) || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
