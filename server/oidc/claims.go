package oidc

import (
	"bytes"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"foyer/app"
)

// Bounds of what a token says. Names that are longer are left out; an address that is longer is none.
const (
	maxEmail   = 320
	maxName    = 255
	maxSubject = 255              // OpenID Connect Core, 2
	maxIssued  = 10 * time.Minute // between the token's making and now
	maxEarly   = 5 * time.Minute  // until the token is valid: as much as Microsoft's own libraries allow
)

// expected is what an ID token must say.
type expected struct {
	kind     app.ConnectorKind
	issuer   string
	clientID string
	nonce    string
	tenant   string // entra: the one it must be of
	now      time.Time
}

// decodeClaims returns what a verified payload says. Denied, app.ProviderRefused, when it is not for us, not for this
// sign-in, or not what it should be: go-oidc looks neither at nonce, sub, azp nor iat (T08).
func decodeClaims(payload []byte, want expected) (app.Claims, error) {
	members, err := decodeObject(payload)
	if err != nil {
		return app.Claims{}, refused("bad_token")
	}
	d := &decoder{members: members}
	claims := app.Claims{IdentityKey: app.IdentityKey{Issuer: want.issuer, Subject: d.text("sub")}}
	for _, check := range []struct {
		why string
		ok  bool
	}{
		{"bad_issuer", isIssuedBy(want, d.text("iss"))},
		{"bad_audience", d.isFor(want.clientID)},
		{"token_expired", d.time("exp").After(want.now)},
		{"bad_time", want.now.Sub(d.time("iat")).Abs() <= maxIssued && !d.time("nbf").After(want.now.Add(maxEarly))},
		{"bad_nonce", want.nonce != "" && subtle.ConstantTimeCompare([]byte(d.text("nonce")), []byte(want.nonce)) == 1},
		{"bad_subject", isSubject(claims.Subject)},
	} {
		if !check.ok {
			return app.Claims{}, refused(check.why)
		}
	}
	d.person(&claims)
	switch want.kind {
	case app.ConnectorGoogle:
		claims.HostedDomain = d.text("hd")
	case app.ConnectorEntra:
		d.entra(&claims)
		if claims.Tenant != want.tenant {
			return app.Claims{}, refused("tenant_mismatch")
		}
	case app.ConnectorOIDC:
	}
	if d.wrong {
		return app.Claims{}, refused("bad_claim_type")
	}
	return claims, nil
}

// isIssuedBy reports whether iss is the issuer's. Google leaves the scheme out at times, and says so.
func isIssuedBy(want expected, iss string) bool {
	return iss == want.issuer || want.issuer == app.GoogleIssuer && "https://"+iss == want.issuer
}

// isSubject reports whether sub can tell people apart. Without it, all who have none would be one person.
func isSubject(sub string) bool {
	return 0 < len(sub) && len(sub) <= maxSubject &&
		!strings.ContainsFunc(sub, func(r rune) bool { return r < ' ' || r > '~' })
}

// decoder reads claims by their exact names and types. wrong is set when one is there in another type: to go on with
// the zero value would let a provider's slip decide who somebody is (T07).
type decoder struct {
	members map[string]json.RawMessage
	wrong   bool
}

// text returns a claim that is a string, "" when it is not there.
func (d *decoder) text(name string) string {
	raw, ok := d.members[name]
	if !ok {
		return ""
	}
	var s string
	// null would pass as a string.
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		d.wrong = true
		return ""
	}
	return s
}

// time returns a claim that is a NumericDate (RFC 7519, 2), the zero time when it is not there or is none.
func (d *decoder) time(name string) time.Time {
	raw, ok := d.members[name]
	if !ok {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || seconds < 0 || seconds > 1e11 || raw[0] < '0' || raw[0] > '9' {
		d.wrong = true
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// isFor reports whether the token was made for the client and for nobody else, or with others but to the client
// (OpenID Connect Core, 3.1.3.7).
func (d *decoder) isFor(clientID string) bool {
	_, hasParty := d.members["azp"]
	if hasParty && d.text("azp") != clientID || clientID == "" {
		return false
	}
	raw := d.members["aud"]
	var aud []string
	if len(raw) == 0 {
		return false
	}
	if raw[0] == '"' {
		return d.text("aud") == clientID
	}
	if raw[0] != '[' || json.Unmarshal(raw, &aud) != nil {
		return false
	}
	return slices.Contains(aud, clientID) && (len(aud) == 1 || hasParty)
}

// person reads what every kind of provider may say.
func (d *decoder) person(c *app.Claims) {
	c.Email = d.text("email")
	if len(c.Email) > maxEmail {
		d.wrong = true
	}
	c.EmailVerified = string(d.members["email_verified"]) == "true"
	c.FirstName, c.LastName = d.name("given_name"), d.name("family_name")
	c.Name, c.Username = d.name("name"), d.name("preferred_username")
	if strings.ContainsFunc(c.Username, func(r rune) bool { return !unicode.IsPrint(r) }) {
		c.Username = "" // it is shown as it is
	}
	if len(d.text("hd")) > maxName {
		d.wrong = true
	}
}

// name returns a claim that is a name, "" when it is too long for one.
func (d *decoder) name(name string) string {
	if s := d.text(name); len(s) <= maxName {
		return s
	}
	return ""
}

// entra reads what an Entra tenant says besides. Microsoft writes booleans as it likes (T04); a claim that is absent
// says no (T03).
func (d *decoder) entra(c *app.Claims) {
	c.Tenant, c.Object = d.text("tid"), d.text("oid")
	if len(c.Object) > maxName {
		d.wrong = true
	}
	c.DomainOwned = d.is("xms_edov", `true`, `"true"`, `1`, `"1"`)
	c.Member = d.is("acct", `0`, `"0"`)
	c.Guest = d.is("acct", `1`, `"1"`)
	for _, name := range []string{"email", "preferred_username", "upn"} {
		c.Guest = c.Guest || strings.Contains(strings.ToUpper(d.text(name)), "#EXT#")
	}
}

// is reports whether a claim is there and is one of the values, as they stand in JSON.
func (d *decoder) is(name string, values ...string) bool {
	return slices.Contains(values, string(d.members[name]))
}

var errNoObject = errors.New("not one JSON object with each name once")

// decodeObject returns the members of a JSON object. encoding/json takes "Email" for "email" and the last of two: a
// provider that lets people add claims would let them replace the others (T07).
func decodeObject(raw []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') || !utf8.Valid(raw) {
		return nil, errNoObject
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errNoObject
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, errNoObject
		}
		if _, twice := members[name.(string)]; twice {
			return nil, errNoObject
		}
		members[name.(string)] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return members, nil
}

// unverifiedTenant returns the tenant that a token names, before anybody knows who has made it. Denied,
// app.ProviderRefused, when it is no token.
func unverifiedTenant(raw string) (string, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return "", refused("bad_token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", refused("bad_token")
	}
	members, err := decodeObject(payload)
	if err != nil {
		return "", refused("bad_token")
	}
	d := &decoder{members: members}
	return d.text("tid"), nil
}
