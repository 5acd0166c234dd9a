package oidc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"foyer/app"
	"foyer/server/oidc"
)

// Tenants of the tests: ours, another of ours, and an attacker's.
const (
	tenantA  = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantC  = "cccccccc-0000-4000-8000-000000000003"
	tenantB  = "bbbbbbbb-0000-4000-8000-000000000002"
	personal = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

const (
	clientID     = "client-1"
	officeIssuer = "https://idp.example"
)

// signingKey is a key of a provider's.
type signingKey struct {
	kid    string
	alg    jose.SignatureAlgorithm
	signer crypto.Signer
}

func (k signingKey) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.signer.Public(), KeyID: k.kid, Use: "sig"}
}

// testKeys are made once: an RSA key takes a while.
var testKeys = sync.OnceValue(func() map[string]signingKey {
	keys := map[string]signingKey{}
	for _, kid := range []string{"rsa", "rsa2"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[kid] = signingKey{kid, jose.RS256, key}
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	keys["ec"] = signingKey{"ec", jose.ES256, ec}
	keys["ed"] = signingKey{"ed", jose.EdDSA, ed}
	return keys
})

// request is one that the provider has got.
type request struct {
	what   string // "document", "token", "userinfo" or "keys"
	host   string
	path   string
	header http.Header
	form   url.Values
}

// issued is a code, and the authorization request it was given for.
type issued struct {
	query url.Values
	used  bool
}

// hostile is all identity providers of the world, as bad as a test wants them. It answers at every host name, as long as
// nothing is set: honestly.
type hostile struct {
	mu       sync.Mutex
	requests []request
	codes    map[string]*issued
	document map[string]any // members of the discovery document that are other than usual; nil: left out
	claims   map[string]any // the same of the ID token
	payload  string         // what is signed instead of the claims
	key      signingKey     // what signs
	keys     []signingKey   // what is published
	keySet   string         // what is published instead of keys
	rawToken func(payload []byte) string
	answer   map[string]http.HandlerFunc // what answers one of them instead
	scheme   string                      // of its addresses

	log       *syncBuffer
	providers *oidc.Providers
}

// newHostile returns the providers and how they are reached: through pipes, so that tests of times can run in a bubble.
func newHostile(tb testing.TB) *hostile {
	tb.Helper()
	h := &hostile{
		codes: map[string]*issued{}, document: map[string]any{}, claims: map[string]any{}, answer: map[string]http.HandlerFunc{},
		scheme: "https", key: testKeys()["rsa"], log: &syncBuffer{},
	}
	h.keys = []signingKey{h.key}
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pipes) }()
	transport := &http.Transport{DialContext: pipes.dial, DialTLSContext: pipes.dial}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			tb.Errorf("close the hostile provider: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("the hostile provider ended with %v", err)
		}
	})
	h.providers = oidc.New(oidc.Config{Transport: transport, Log: slog.New(slog.NewTextHandler(h.log, nil))})
	return h
}

// set changes what the provider does.
func (h *hostile) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// sign makes the provider sign with a key, and publish it alone.
func (h *hostile) sign(key signingKey) {
	h.set(func() { h.key, h.keys = key, []signingKey{key} })
}

// asked returns the requests of a kind, "" for all.
func (h *hostile) asked(what string) []request {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []request
	for _, r := range h.requests {
		if what == "" || r.what == what {
			found = append(found, r)
		}
	}
	return found
}

func (h *hostile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := request{host: r.Host, path: r.URL.Path, header: r.Header.Clone()}
	base, found := strings.CutSuffix(r.URL.Path, "/.well-known/openid-configuration")
	switch {
	case found:
		req.what = "document"
	case strings.HasSuffix(r.URL.Path, "/token"):
		req.what = "token"
	case strings.HasSuffix(r.URL.Path, "/userinfo"):
		req.what = "userinfo"
	default:
		req.what = "keys"
	}
	if r.ParseForm() == nil {
		req.form = maps.Clone(r.PostForm)
	}
	h.mu.Lock()
	h.requests = append(h.requests, req)
	answer := h.answer[req.what]
	h.mu.Unlock()
	switch {
	case answer != nil:
		answer(w, r)
	case req.what == "document":
		h.writeJSON(w, h.discovery(h.scheme+"://"+r.Host+base))
	case req.what == "token":
		h.token(w, r, req)
	default:
		h.publish(w)
	}
}

func (h *hostile) writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
}

// discovery returns the document of an issuer, as the real ones are.
func (h *hostile) discovery(issuer string) map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	doc := map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
		"id_token_signing_alg_values_supported": []string{"none", "HS256", "RS256"}, "scopes_supported": []string{"openid"},
	}
	if authority, tenant, ok := strings.Cut(strings.TrimSuffix(issuer, "/v2.0"), "microsoftonline.com/"); ok {
		at := authority + "microsoftonline.com/" + tenant
		doc["authorization_endpoint"], doc["token_endpoint"] = at+"/oauth2/v2.0/authorize", at+"/oauth2/v2.0/token"
		doc["jwks_uri"] = at + "/discovery/v2.0/keys"
		doc["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "private_key_jwt", "client_secret_basic"}
		if tenant == app.ManyTenants {
			doc["issuer"] = app.EntraIssuer("{tenantid}")
		}
	}
	if issuer == app.GoogleIssuer {
		doc["authorization_endpoint"] = "https://accounts.google.com/o/oauth2/v2/auth"
		doc["token_endpoint"], doc["jwks_uri"] = "https://oauth2.googleapis.com/token", "https://www.googleapis.com/oauth2/v3/certs"
	}
	change(doc, h.document)
	return doc
}

// change sets members, and takes out those that are nil.
func change(members, changes map[string]any) {
	for name, value := range changes {
		members[name] = value
		if value == nil {
			delete(members, name)
		}
	}
}

func (h *hostile) publish(w http.ResponseWriter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keySet != "" {
		h.writeJSON(w, json.RawMessage(h.keySet))
		return
	}
	set := jose.JSONWebKeySet{}
	for _, key := range h.keys {
		set.Keys = append(set.Keys, key.jwk())
	}
	h.writeJSON(w, set)
}

// token answers a token request: only for a code of ours, once, with the verifier of its sign-in.
func (h *hostile) token(w http.ResponseWriter, r *http.Request, req request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	code := h.codes[req.form.Get("code")]
	sum := sha256.Sum256([]byte(req.form.Get("code_verifier")))
	if code == nil || code.used || req.form.Get("redirect_uri") != code.query.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != code.query.Get("code_challenge") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		h.writeJSON(w, map[string]string{"error": "invalid_grant", "error_description": "SECRETCANARY"})
		return
	}
	code.used = true
	payload := []byte(h.payload)
	if h.payload == "" {
		payload = h.makePayload(r, code)
	}
	h.writeJSON(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": h.makeToken(payload)})
}

func (h *hostile) makePayload(r *http.Request, code *issued) []byte {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": h.scheme + "://" + r.Host, "aud": clientID, "sub": "s1", "exp": now + 3600, "iat": now, "nonce": code.query.Get("nonce"),
		"email": "jane@allowed.test", "name": "Jane Doe",
	}
	switch r.Host {
	case "login.microsoftonline.com":
		tenant := strings.Split(r.URL.Path, "/")[1]
		if tenant == app.ManyTenants {
			tenant = tenantA
		}
		claims["iss"], claims["tid"], claims["oid"], claims["acct"] = app.EntraIssuer(tenant), tenant, "o1", 0
	case "oauth2.googleapis.com":
		claims["iss"], claims["hd"], claims["email_verified"] = app.GoogleIssuer, "allowed.test", true
	}
	change(claims, h.claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return payload
}

func (h *hostile) makeToken(payload []byte) string {
	if h.rawToken != nil {
		return h.rawToken(payload)
	}
	return signed(h.key, payload)
}

// signed returns a token as the key's owner would make it.
func signed(key signingKey, payload []byte) string {
	options := &jose.SignerOptions{}
	if key.kid != "" {
		options = options.WithHeader("kid", key.kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.alg, Key: key.signer}, options)
	if err != nil {
		panic(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return raw
}

// authorize is the browser's visit at the provider: it returns the code.
func (h *hostile) authorize(tb testing.TB, ch app.Challenge) string {
	tb.Helper()
	address, err := h.providers.SignInURL(tb.Context(), ch)
	if err != nil {
		tb.Fatalf("SignInURL = %v", err)
	}
	return h.code(tb, address)
}

func (h *hostile) code(tb testing.TB, address string) string {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("the address to sign in at is %q: %v", address, err)
	}
	code := "code-" + string(app.NewToken())
	h.set(func() { h.codes[code] = &issued{query: u.Query()} })
	return code
}

// signIn goes all the way.
func (h *hostile) signIn(tb testing.TB, ch app.Challenge) (app.Claims, error) {
	tb.Helper()
	return h.providers.Claims(tb.Context(), ch, app.ProviderAnswer{Code: h.authorize(tb, ch)})
}

// mustSignIn fails the test when an honest sign-in does not succeed.
func (h *hostile) mustSignIn(tb testing.TB, ch app.Challenge) app.Claims {
	tb.Helper()
	claims, err := h.signIn(tb, ch)
	if err != nil {
		tb.Fatalf("Claims of an honest sign-in: %v", err)
	}
	return claims
}

// challenge returns a new sign-in with the connector.
func challenge(c app.Connector) app.Challenge {
	return app.Challenge{
		Connector: c, RedirectURI: "https://app.example.test/auth/" + c.Name + "/callback",
		State: app.NewToken(), Nonce: app.NewToken(), Verifier: app.NewToken(),
	}
}

func entra(tenant string, allowed ...string) app.Challenge {
	return challenge(app.Connector{
		Name: "entra", Kind: app.ConnectorEntra, ClientID: clientID, ClientSecret: "s3cret+/=", Tenant: tenant, Tenants: allowed,
	})
}

func google() app.Challenge {
	return challenge(app.Connector{Name: "google", Kind: app.ConnectorGoogle, ClientID: clientID, ClientSecret: "s3cret+/="})
}

func office() app.Challenge {
	return challenge(app.Connector{
		Name: "office", Kind: app.ConnectorOIDC, ClientID: clientID, ClientSecret: "s3cret+/=", Issuer: officeIssuer,
	})
}

// wantError fails the test when err is not the error of the reason, for why, in all its parts.
func wantError(tb testing.TB, err error, code app.Code, reason, why string) {
	tb.Helper()
	e, ok := errors.AsType[*app.Error](err)
	if !ok {
		tb.Errorf("got the error %v, want one of app: %s, %s, %s", err, code, reason, why)
		return
	}
	if e.Code != code || e.Reason != reason || e.Args["Why"] != why {
		tb.Errorf("got the error %s, %s, %s (%v), want %s, %s, %s", e.Code, e.Reason, e.Args["Why"], err, code, reason, why)
	}
}

// wantRefused fails the test when err is not that of a token that did not pass a check.
func wantRefused(tb testing.TB, err error, why string) {
	tb.Helper()
	wantError(tb, err, app.Denied, app.ProviderRefused, why)
}

// wantUnreachable fails the test when err is not that of a provider that could not be asked.
func wantUnreachable(tb testing.TB, err error, why string) {
	tb.Helper()
	wantError(tb, err, app.Unavailable, app.ProviderUnreachable, why)
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// say answers with a status and a body.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have gone
	}
}

// hosts returns the different hosts of requests, sorted.
func hosts(requests []request) []string {
	var names []string
	for _, r := range requests {
		names = append(names, r.host)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// pipeListener is a network of pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// wantSilence fails the test when something of what the provider has sent is in the error or the log.
func wantSilence(tb testing.TB, h *hostile, err error, canary string) {
	tb.Helper()
	for name, text := range map[string]string{"the error": fmt.Sprint(err), "its parts": fmt.Sprintf("%+v", err), "the log": h.log.String()} {
		if strings.Contains(text, canary) {
			tb.Errorf("%s holds what the provider has sent: %s", name, text)
		}
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := fmt.Sprintf("%+v %#v", e, e); strings.Contains(text, canary) {
			tb.Errorf("a cause holds what the provider has sent: %s", text)
		}
	}
}

// signInTo signs in with a provider whose document may be refused.
func (h *hostile) signInTo(tb testing.TB, ch app.Challenge) (app.Claims, error) {
	tb.Helper()
	code := h.code(tb, ch.Connector.Issuer+"?"+formOf(ch))
	return h.providers.Claims(tb.Context(), ch, app.ProviderAnswer{Code: code})
}
