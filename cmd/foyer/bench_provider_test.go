//go:build bench

package main_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// quickProvider is an OpenID provider that answers at once: what is measured is our side of a sign-in. It gives the ID
// token that was made for a code beforehand.
type quickProvider struct {
	key    *rsa.PrivateKey
	url    string
	tokens sync.Map // by code
}

func newQuickProvider(t *testing.T) *quickProvider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	q := &quickProvider{key: key}
	server := httptest.NewServer(q)
	t.Cleanup(server.Close)
	q.url = server.URL
	return q
}

func (q *quickProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.URL.Path {
	case "/token":
		token, _ := q.tokens.LoadAndDelete(r.PostFormValue("code"))
		answer = map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": token}
	case "/keys":
		e := big.NewInt(int64(q.key.E)).Bytes()
		answer = map[string]any{"keys": []any{map[string]any{"kty": "RSA", "kid": "k", "n": base64URL(q.key.N.Bytes()), "e": base64URL(e)}}}
	default:
		answer = map[string]any{
			"issuer": q.url, "authorization_endpoint": q.url + "/authorize", "token_endpoint": q.url + "/token", "jwks_uri": q.url + "/keys",
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the reader says what is wrong
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token returns an ID token of a person.
func (q *quickProvider) token(subject, nonce string) (string, error) {
	now := time.Now()
	payload, err := json.Marshal(map[string]any{
		"iss": q.url, "aud": "foyer", "sub": subject, "nonce": nonce, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"email": subject + "@acme.example", "email_verified": true, "given_name": "Jane", "family_name": "Doe",
	})
	if err != nil {
		return "", err
	}
	signed := base64URL([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + base64URL(payload)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, q.key, crypto.SHA256, hash[:])
	return signed + "." + base64URL(signature), err
}

// verifications returns how many RS256 signatures one core checks per second.
func (q *quickProvider) verifications(t *testing.T) float64 {
	t.Helper()
	hash := sha256.Sum256([]byte("any"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, q.key, crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return perSecond(t, 1, func(int) error { return rsa.VerifyPKCS1v15(&q.key.PublicKey, crypto.SHA256, hash[:], signature) })
}

// providerSignIns is how many sign-ins are measured; the service keeps at most 10,000 that are under way.
const providerSignIns = 6000

func benchProvider(t *testing.T) {
	signInsPerVerification(t, "this disk as it is", nil)
	signInsPerVerification(t, "a sync takes 2 ms more", []string{"LD_PRELOAD=" + slowSync(t)})
}

// signInsPerVerification measures what begins when a browser comes back from the provider: the exchange of the code, the
// checks, and the session.
func signInsPerVerification(t *testing.T, disk string, env []string) {
	t.Helper()
	q := newQuickProvider(t)
	p := serveWith(t, t.TempDir(), env...)
	p.run("company", "add", "Acme", "acme.example")
	p.unlimited()
	p.run("connector", "add", "oidc", "office", "--client-id", "foyer", "--issuer", q.url)
	p.run("connector", "set", "office", "signup=on")
	browsers := make([]*http.Client, clients)
	for i := range browsers {
		browsers[i] = visitor(t)
		q.member(t, p, browsers[i], i)
	}
	backs := make([]string, providerSignIns)
	for i := range backs {
		backs[i] = q.begin(t, p, browsers[i%clients], subjectOf(i%clients))
	}
	commits := rawCommits(t, env, filepath.Join(t.TempDir(), "raw"), 40, 1)
	verifications := q.verifications(t)

	var next atomic.Int64
	var group sync.WaitGroup
	begin := time.Now()
	for worker := range clients {
		group.Go(func() {
			// Of its own flows only: a browser can end no other's.
			for i := worker; i < len(backs); i += clients {
				status, to, err := get(browsers[worker], backs[i])
				if err != nil || status != http.StatusSeeOther || to != "/account" {
					t.Errorf("sign-in: status %d to %q, %v", status, to, err)
					return
				}
				next.Add(1)
			}
		})
	}
	group.Wait()
	rate := float64(next.Load()) / time.Since(begin).Seconds()
	report("sign-ins with a provider/s : 1 / (RS256 check + FULL commit); "+disk, rate, 1/(1/verifications+1/commits), "")
	p.stop(syscall.SIGTERM)
}

// get returns the status of a page, and where it sends the browser.
func get(c *http.Client, address string) (status int, location string, err error) {
	res, err := c.Get(address)
	if err != nil {
		return 0, "", err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Location"), errors.Join(err, res.Body.Close())
}

var csrfInPage = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrfOf returns the proof in the form of a page.
func csrfOf(t *testing.T, c *http.Client, address string) string {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	found := csrfInPage.FindSubmatch(body)
	if found == nil {
		t.Fatalf("no form at %s:\n%s", address, body)
	}
	return string(found[1])
}

func subjectOf(i int) string { return fmt.Sprint("member", i) }

// begin starts a sign-in and returns the address the provider sends the browser back to.
func (q *quickProvider) begin(t *testing.T, p *process, c *http.Client, subject string) string {
	t.Helper()
	status, to, err := get(c, p.url+"/auth/office/start")
	if err != nil || status != http.StatusSeeOther {
		t.Fatalf("start: status %d, %v", status, err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	code := rand.Text()
	token, err := q.token(subject, u.Query().Get("nonce"))
	if err != nil {
		t.Fatal(err)
	}
	q.tokens.Store(code, token)
	return p.url + "/auth/office/callback?" + url.Values{"code": {code}, "state": {u.Query().Get("state")}}.Encode()
}

// member makes an account that signs in with the provider.
func (q *quickProvider) member(t *testing.T, p *process, c *http.Client, i int) {
	t.Helper()
	if status, to, err := get(c, q.begin(t, p, c, subjectOf(i))); err != nil || to != "/register/identity" {
		t.Fatalf("sign-up: status %d to %q, %v", status, to, err)
	}
	form := url.Values{"csrf": {csrfOf(t, c, p.url+"/register/identity")}, "first_name": {"Jane"}, "last_name": {"Doe"}, "phone": {""}}
	if status, to, err := post(c, p.url+"/register/identity", form); err != nil || to != "/register/identity/sent" {
		t.Fatalf("sign-up: status %d to %q, %v", status, to, err)
	}
	email := subjectOf(i) + "@acme.example"
	var link string
	eventually(t, "the mail to "+email, func() bool {
		for _, m := range query[[]map[string]any](p, "mail", "list") {
			if m["recipient"] == email {
				l, err := readLetter(strings.NewReader(query[map[string]any](p, "mail", "show", m["id"].(string))["data"].(string)))
				if err != nil {
					t.Fatal(err)
				}
				link = l.find(t, confirmLink)
			}
		}
		return link != ""
	})
	if status, to, err := post(c, link, nil); err != nil || status != http.StatusSeeOther {
		t.Fatalf("confirm: status %d to %q, %v", status, to, err)
	}
}
