package server_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"foyer/app"
)

const (
	tenantA = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB = "bbbbbbbb-0000-4000-8000-000000000002"

	// publicURL is one that Microsoft and Google would send people back to.
	publicURL    = "https://accounts.office.com"
	clientID     = "foyer-client"
	clientSecret = "CANARY-client-secret"
)

type claims = map[string]any

// providers stands for Microsoft, Google and a provider of an office, under their own names: it is the transport of what
// Foyer asks of them. What a browser is shown there is left out: callback says who signs in, and with which claims.
type providers struct {
	key *rsa.PrivateKey

	mu       sync.Mutex
	codes    map[string]grant
	exchange int    // calls of the token endpoint
	fail     string // the body with which the token endpoint refuses, "" for none
	hang     string // the host that does not answer, "" for none
}

// grant is what a code is good for.
type grant struct {
	issuer, challenge string
	claims            claims
}

func newProviders(tb testing.TB) *providers {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	return &providers{key: key, codes: map[string]grant{}}
}

// RoundTrip answers as the provider of the request's host.
func (p *providers) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	hangs := p.hang == r.URL.Host
	p.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	status, body := http.StatusNotFound, any(claims{})
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/.well-known/openid-configuration"):
		status, body = http.StatusOK, discovery(r.URL.Host, strings.TrimSuffix(path, "/.well-known/openid-configuration"))
	case strings.HasSuffix(path, "/keys"):
		status, body = http.StatusOK, p.keys()
	case strings.HasSuffix(path, "/token"):
		status, body = p.token(r)
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	return &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: header, Request: r,
		Body: io.NopCloser(bytes.NewReader(data)), ContentLength: int64(len(data)),
	}, nil
}

func discovery(host, path string) claims {
	issuer := "https://" + host + path
	return claims{
		"issuer":                 strings.Replace(issuer, "/organizations/", "/{tenantid}/", 1),
		"authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"},
	}
}

func (p *providers) keys() claims {
	public := p.key.PublicKey
	return claims{"keys": []claims{{
		"kty": "RSA", "use": "sig", "kid": "k1", "n": raw64(public.N.Bytes()), "e": "AQAB",
	}}}
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *providers) token(r *http.Request) (int, any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchange++
	if p.fail != "" {
		return http.StatusUnauthorized, json.RawMessage(p.fail)
	}
	if err := r.ParseForm(); err != nil {
		return http.StatusBadRequest, claims{"error": "invalid_request"}
	}
	g, ok := p.codes[r.PostForm.Get("code")]
	delete(p.codes, r.PostForm.Get("code"))
	hash := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || raw64(hash[:]) != g.challenge || r.PostForm.Get("client_secret") != clientSecret {
		return http.StatusBadRequest, claims{"error": "invalid_grant"}
	}
	token, err := p.sign(g.claims)
	if err != nil {
		return http.StatusInternalServerError, claims{}
	}
	return http.StatusOK, claims{"access_token": "a", "token_type": "Bearer", "id_token": token}
}

func (p *providers) sign(c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed := raw64([]byte(`{"alg":"RS256","kid":"k1","typ":"JWT"}`)) + "." + raw64(payload)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, hash[:])
	return signed + "." + raw64(signature), err
}

// office is a whole service whose people may sign in with Microsoft, Google and the office's own provider.
type office struct {
	house
	idp *providers
}

func openOffice(t *testing.T, settings ...string) office {
	t.Helper()
	idp := newProviders(t)
	h := startWith(t, t.TempDir(), idp)
	o := office{h, idp}
	o.url = publicURL
	o.set("public_url", publicURL)
	o.set("login_link", "on")
	for i := 0; i < len(settings); i += 2 {
		o.set(settings[i], settings[i+1])
	}
	o.company("Allowed", "allowed.test")
	o.company("Partner", "ceo@partner.test")
	o.company("Other", "other.test")
	o.connector(app.ConnectorEntra, "entra", "tenant", tenantA, "client_secret", clientSecret)
	o.connector(app.ConnectorGoogle, "google", "client_secret", clientSecret)
	o.connector(app.ConnectorOIDC, "office", "issuer", "https://idp.example", "client_secret", clientSecret)
	return o
}

func (o office) connector(kind app.ConnectorKind, name string, pairs ...string) {
	o.Helper()
	changes := map[string]string{"client_id": clientID, "signup": "on"}
	for i := 0; i < len(pairs); i += 2 {
		changes[pairs[i]] = pairs[i+1]
	}
	if _, err := o.app.AddConnector(o.Context(), "test", kind, name, changes); err != nil {
		o.Fatal(err)
	}
}

func (o office) setConnector(name, key, value string) {
	o.Helper()
	if _, err := o.app.SetConnector(o.Context(), "test", name, map[string]string{key: value}); err != nil {
		o.Fatal(err)
	}
}

func (o office) tenants(company, add, remove string) {
	o.Helper()
	if _, err := o.app.SetTenants(o.Context(), "test", company, add, remove); err != nil {
		o.Fatal(err)
	}
}

// toPublic sends what a browser asks of the public URL to where the pages are: what a proxy with a certificate does.
type toPublic struct {
	base http.RoundTripper
	url  string
}

func (t toPublic) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(t.url)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, to.Scheme, to.Host
	return t.base.RoundTrip(r)
}

// visitor returns a browser of its own at the public URL.
func (o office) visitor() *http.Client {
	o.Helper()
	c := o.browser()
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.Fatal(err)
	}
	c.Jar, c.Transport = jar, toPublic{c.Transport, o.local}
	return c
}

// start begins a sign-in and returns the address the browser is sent to.
func (o office) start(c *http.Client, path string) *url.URL {
	o.Helper()
	a := o.get(c, path)
	to, err := url.Parse(a.to)
	if err != nil || a.status != http.StatusSeeOther || to.Query().Get("state") == "" {
		o.Fatalf("GET %s: %d to %q (%v)\n%s", path, a.status, a.to, err, a.body)
	}
	return to
}

// issuerOf returns the issuer of a connector of openOffice.
func issuerOf(name string) string {
	return map[string]string{"entra": app.EntraIssuer(tenantA), "google": app.GoogleIssuer, "office": "https://idp.example", "closed": "https://idp.example"}[name]
}

// callback signs in at the provider with claims, in place of or besides the usual ones, and returns the address the
// browser is sent back to. A claim that is nil is left out.
func (o office) callback(name string, to *url.URL, with claims) string {
	o.Helper()
	q := to.Query()
	now := time.Now()
	all := claims{
		"iss": issuerOf(name), "aud": clientID, "sub": "s1", "nonce": q.Get("nonce"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	if name == "entra" {
		all["tid"], all["oid"], all["acct"] = tenantA, "o1", 0
	}
	for key, value := range with {
		all[key] = value
		if value == nil {
			delete(all, key)
		}
	}
	code := string(app.NewToken())
	o.idp.mu.Lock()
	o.idp.codes[code] = grant{issuerOf(name), q.Get("code_challenge"), all}
	o.idp.mu.Unlock()
	return "/auth/" + name + "/callback?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

// sso signs in with a provider, from the button to where the browser is sent after it came back.
func (o office) sso(c *http.Client, name string, with claims) answer {
	o.Helper()
	return o.get(c, o.callback(name, o.start(c, "/auth/"+name+"/start"), with))
}
