package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are what an ID token may be signed with. A provider's own list is not asked: none and the HMACs, for which
// a public key is the secret, must never get in (RFC 8725, 2.1).
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

func algorithmNames() []string {
	var names []string
	for _, alg := range algorithms() {
		names = append(names, string(alg))
	}
	return names
}

// Bounds of what a provider publishes. An RSA key of 1 MB would take minutes to check a signature with, and go-jose reads
// none above 4096 bits.
const (
	maxKeys = 100
	minRSA  = 2048
	maxRSA  = 4096
)

// keyring is the keys a provider signs with.
type keyring []jose.JSONWebKey

func (p *provider) fetchKeys(ctx context.Context) (keyring, error) {
	doc, err := p.document.get(ctx)
	if err != nil {
		return nil, err
	}
	body, err := p.get(ctx, doc.value.keys, "")
	if err != nil {
		return nil, err
	}
	ring := decodeKeys(body)
	if len(ring) == 0 {
		return nil, &failure{why: "bad_keys"}
	}
	return ring, nil
}

// decodeKeys returns the keys in a JWK set that can verify a signature. Others are passed over (RFC 7517, 5).
func decodeKeys(body []byte) keyring {
	members, err := decodeObject(body)
	if err != nil {
		return nil
	}
	var raws []json.RawMessage
	if json.Unmarshal(members["keys"], &raws) != nil {
		return nil
	}
	var ring keyring
	for _, raw := range raws {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && canVerify(key) && len(ring) < maxKeys {
			ring = append(ring, key)
		}
	}
	return ring
}

// canVerify reports whether a key is the public half of one that signs, and of a size that is neither weak nor a burden.
func canVerify(key jose.JSONWebKey) bool {
	if key.Use != "" && key.Use != "sig" {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		return minRSA <= bits && bits <= maxRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true // go-jose reads the curves P-256, P-384, P-521 and Ed25519 only
	}
	return false
}

// fits reports whether a key may verify a signature of the algorithm. The token alone must not choose (RFC 8725, 3.1).
func fits(key jose.JSONWebKey, alg string) bool {
	if key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return alg[:2] == "RS" || alg[:2] == "PS"
	case *ecdsa.PublicKey:
		return alg == map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[public.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return alg == string(jose.EdDSA)
	}
	return false
}

// verify returns what was signed. known is whether there is a key for it: when not, there may be a newer one.
func (r keyring) verify(jws *jose.JSONWebSignature) (payload []byte, known bool) {
	header := jws.Signatures[0].Header
	for _, key := range r {
		if !fits(key, header.Algorithm) || header.KeyID != "" && header.KeyID != key.KeyID {
			continue
		}
		known = known || header.KeyID != ""
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, known
}

// signature is the oidc.KeySet of one token. It remembers what came of it: go-oidc wraps that in text.
type signature struct {
	provider *provider
	payload  []byte
	err      error
}

// VerifySignature returns what the provider has signed. Denied, app.ProviderRefused, when it has not; Unavailable,
// app.ProviderUnreachable, when its keys cannot be had.
func (s *signature) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	s.payload, s.err = s.provider.verify(ctx, raw)
	return s.payload, s.err
}

func (p *provider) verify(ctx context.Context, raw string) ([]byte, error) {
	// The JSON forms of a JWS can have several signatures and headers that are not signed; an ID token is compact.
	jws, err := jose.ParseSignedCompact(raw, algorithms())
	if err != nil {
		return nil, refused("bad_token")
	}
	before := p.keys.last()
	ring, err := p.keys.get(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	payload, known := ring.value.verify(jws)
	if payload != nil {
		return payload, nil
	}
	if known || ring.version != before.version {
		return nil, refused("bad_signature")
	}
	return p.verifyAnew(ctx, jws, ring.version)
}

// verifyAnew verifies a signature for which a ring has no key, with a newer ring: the provider may have begun to use
// another key.
func (p *provider) verifyAnew(ctx context.Context, jws *jose.JSONWebSignature, version int) ([]byte, error) {
	ring := p.keys.last()
	if ring.version == version {
		if !p.mayForce() {
			return nil, refused("bad_signature")
		}
		newer, err := p.keys.renew(ctx, version)
		if err != nil {
			return nil, unreachable(err)
		}
		p.haveForced()
		ring = newer
	}
	if payload, _ := ring.value.verify(jws); payload != nil {
		return payload, nil
	}
	return nil, refused("bad_signature")
}
