package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"foyer/server/oidc"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// hmacToken signs as HS256 with any secret, the way a library that is not asked to would not.
func hmacToken(header string, payload, secret []byte) string {
	signing := b64([]byte(header)) + "." + b64(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signing))
	return signing + "." + b64(mac.Sum(nil))
}

// multi returns the JSON form of a token with as many signatures as keys.
func multi(tb testing.TB, payload []byte, keys ...signingKey) string {
	tb.Helper()
	var all []jose.SigningKey
	for _, key := range keys {
		all = append(all, jose.SigningKey{Algorithm: key.alg, Key: key.signer})
	}
	signer, err := jose.NewMultiSigner(all, nil)
	if err != nil {
		tb.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	return jws.FullSerialize()
}

func TestTokensThatAreNotSigned(t *testing.T) {
	key := testKeys()["rsa"]
	public, err := x509.MarshalPKIXPublicKey(key.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	jwk, err := json.Marshal(key.jwk())
	if err != nil {
		t.Fatal(err)
	}
	attacker := signingKey{"rsa", jose.RS256, testKeys()["rsa2"].signer}
	for _, tc := range []struct {
		name string
		raw  func(payload []byte) string
		why  string
	}{
		{"alg none", func(p []byte) string { return b64([]byte(`{"alg":"none"}`)) + "." + b64(p) + "." }, "bad_token"},
		{"alg None", func(p []byte) string { return b64([]byte(`{"alg":"None"}`)) + "." + b64(p) + "." }, "bad_token"},
		{"no alg", func(p []byte) string { return b64([]byte(`{"kid":"rsa"}`)) + "." + b64(p) + "." }, "bad_token"},
		{"HS256 with the public key", func(p []byte) string { return hmacToken(`{"alg":"HS256","kid":"rsa"}`, p, public) }, "bad_token"},
		{"HS256 with the public key, PEM", func(p []byte) string { return hmacToken(`{"alg":"HS256","kid":"rsa"}`, p, pemKey) }, "bad_token"},
		{"HS256 with the public key, JWK", func(p []byte) string { return hmacToken(`{"alg":"HS256","kid":"rsa"}`, p, jwk) }, "bad_token"},
		{"RS256 that is an HMAC", func(p []byte) string { return hmacToken(`{"alg":"RS256","kid":"rsa"}`, p, public) }, "bad_signature"},
		{"no signature", func(p []byte) string {
			raw := signed(key, p)
			return raw[:strings.LastIndex(raw, ".")+1]
		}, "bad_signature"},
		{"another's key, same kid", func(p []byte) string { return signed(attacker, p) }, "bad_signature"},
		{"another's key, other kid", func(p []byte) string { return signed(testKeys()["rsa2"], p) }, "bad_signature"},
		{"another's key, no kid", func(p []byte) string { return signed(signingKey{"", jose.RS256, attacker.signer}, p) }, "bad_signature"},
		{"key in the header", func(p []byte) string { return embedded(t, attacker, p) }, "bad_signature"},
		{"another payload", func(p []byte) string {
			parts := strings.Split(signed(key, p), ".")
			return parts[0] + "." + b64([]byte(strings.Replace(string(p), "s1", "s2", 1))) + "." + parts[2]
		}, "bad_signature"},
		{"two signatures", func(p []byte) string { return multi(t, p, key, attacker) }, "bad_token"},
		{"one signature, as JSON", func(p []byte) string { return multi(t, p, key) }, "bad_token"},
		{"encrypted", func(p []byte) string { return encrypted(t, key, p) }, "bad_token"},
		{"critical header", func(p []byte) string {
			return b64([]byte(`{"alg":"RS256","kid":"rsa","crit":["x"],"x":1}`)) + "." + b64(p) + ".AAAA"
		}, "bad_signature"},
		{"20 KiB", func(p []byte) string {
			return signed(key, append(p[:len(p)-1], `,"x":"`+strings.Repeat("x", 20<<10)+`"}`...))
		}, "token_size"},
		{"no token", func([]byte) string { return "..." }, "bad_token"},
		{"no base64", func([]byte) string { return "!.!.!" }, "bad_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.rawToken = tc.raw
			_, err := h.signIn(t, office())
			wantRefused(t, err, tc.why)
		})
	}
}

// embedded returns a token that brings its own key along.
func embedded(tb testing.TB, key signingKey, payload []byte) string {
	tb.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.alg, Key: key.signer}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		tb.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func encrypted(tb testing.TB, key signingKey, payload []byte) string {
	tb.Helper()
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: key.signer.Public()}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	jwe, err := encrypter.Encrypt(payload)
	if err != nil {
		tb.Fatal(err)
	}
	raw, err := jwe.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestAlgorithms(t *testing.T) {
	key, ec, ed := testKeys()["rsa"].signer, testKeys()["ec"].signer, testKeys()["ed"].signer
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []signingKey{
		{"1", jose.RS256, key},
		{"2", jose.RS384, key},
		{"3", jose.RS512, key},
		{"4", jose.PS256, key},
		{"5", jose.PS384, key},
		{"6", jose.PS512, key},
		{"7", jose.ES256, ec},
		{"8", jose.ES384, p384},
		{"9", jose.ES512, p521},
		{"10", jose.EdDSA, ed},
		{"", jose.RS256, key},
		{"", jose.ES256, ec},
	} {
		t.Run(string(k.alg)+" "+k.kid, func(t *testing.T) {
			h := newHostile(t)
			h.sign(k)
			h.mustSignIn(t, office())
		})
	}
}

// A token without a kid is tried against the keys that can have signed it.
func TestTokenWithoutKid(t *testing.T) {
	h := newHostile(t)
	keys := testKeys()
	h.key = signingKey{"", jose.RS256, keys["rsa2"].signer}
	h.keys = []signingKey{keys["ec"], keys["rsa"], keys["ed"], keys["rsa2"]}
	h.mustSignIn(t, office())
	if n := len(h.asked("keys")); n != 1 {
		t.Errorf("keys were fetched %d times, want 1", n)
	}
}

func TestKeyThatIsForSomethingElse(t *testing.T) {
	key := testKeys()["rsa"]
	for name, jwk := range map[string]jose.JSONWebKey{
		"encryption":        {Key: key.signer.Public(), KeyID: "rsa", Use: "enc"},
		"another algorithm": {Key: key.signer.Public(), KeyID: "rsa", Algorithm: "PS256"},
		"encryption alg":    {Key: key.signer.Public(), KeyID: "rsa", Algorithm: "RSA-OAEP"},
		"private":           {Key: key.signer, KeyID: "rsa"},
		"secret":            {Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "rsa"},
		"another kind":      {Key: testKeys()["ec"].signer.Public(), KeyID: "rsa"},
	} {
		t.Run(name, func(t *testing.T) {
			// A key that is good stands beside it, so that the set is not empty.
			set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk, testKeys()["ed"].jwk()}})
			if err != nil {
				t.Fatal(err)
			}
			h := newHostile(t)
			h.keySet = string(set)
			_, err = h.signIn(t, office())
			wantRefused(t, err, "bad_signature")
		})
	}
}

func TestKeysThatAreKept(t *testing.T) {
	modulus := func(bits uint) string {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return b64(n.SetBit(n, 0, 1).Bytes())
	}
	rsaKey := func(bits uint) string { return `{"kty":"RSA","e":"AQAB","n":"` + modulus(bits) + `"}` }
	good, err := json.Marshal(jose.JSONWebKey{Key: &rsa.PublicKey{N: testKeys()["rsa"].signer.(*rsa.PrivateKey).N, E: 65537}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		keys string
		want int
	}{
		{"none", ``, 0},
		{"good", string(good), 1},
		{"2048 bits", rsaKey(2048), 1},
		{"4096 bits", rsaKey(4096), 1},
		{"1024 bits", rsaKey(1024), 0},
		{"2047 bits", rsaKey(2047), 0},
		{"4097 bits", rsaKey(4097), 0},
		{"huge", rsaKey(1 << 20), 0},
		{"unknown kinds beside a good one", `{"kty":"AKP"},{"kty":"x"},7,null,[],{},` + string(good), 1},
		{"a curve of others", `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`, 0},
		{"a point that is not on the curve", fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%[1]q}`, b64(make([]byte, 32))), 0},
		{"150 keys", strings.Repeat(string(good)+",", 149) + string(good), 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := oidc.CountKeys([]byte(`{"keys":[` + tc.keys + `]}`)); got != tc.want {
				t.Errorf("%d keys are kept, want %d", got, tc.want)
			}
		})
	}
	for _, body := range []string{``, `[]`, `{}`, `{"keys":{}}`, `{"keys":7}`, `{"Keys":[` + string(good) + `]}`, `{"keys":[],"keys":[` + string(good) + `]}`} {
		if got := oidc.CountKeys([]byte(body)); got != 0 {
			t.Errorf("%d keys are kept of %s, want 0", got, body)
		}
	}
}
