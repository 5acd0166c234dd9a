package oidc

import (
	"net/http"
	"net/netip"
	"time"

	"foyer/app"
)

// What the tests of this package need to see of its inside.

// DecodeClaims decodes a payload whose signature is good, for the sign-in that the arguments describe.
func DecodeClaims(payload []byte, kind app.ConnectorKind, issuer, clientID, nonce, tenant string, now time.Time) (app.Claims, error) {
	return decodeClaims(payload, expected{kind: kind, issuer: issuer, clientID: clientID, nonce: nonce, tenant: tenant, now: now})
}

// CountKeys returns how many keys of a JWK set are kept.
func CountKeys(body []byte) int { return len(decodeKeys(body)) }

func IsInner(addr netip.Addr) bool { return isInner(addr) }

func NewTransport(issuer string) *http.Transport { return newTransport(issuer) }
