package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/mail"
)

const tenant = "11111111-AAAA-bbbb-3333-444444444444"

var (
	microsoft = app.MailOAuth{Provider: app.MailMicrosoft, Tenant: tenant, ClientID: "client", ClientSecret: "canary-client-secret"}
	google    = app.MailOAuth{
		Provider: app.MailGoogle, ClientID: "client", ClientSecret: "canary-client-secret", RefreshToken: "canary-refresh-token",
	}
)

// tokenNumber returns the token an endpoint gives the n-th time.
func tokenNumber(n int) string {
	return fmt.Sprintf("canary-t0ken-%d-%s", n, strings.Repeat("0123456789abcdef", 30))
}

// endpoint is the token endpoint of both providers, under their names.
type endpoint struct {
	tokens *mail.Tokens

	mu     sync.Mutex
	forms  []url.Values
	asked  []string         // name and path
	answer http.HandlerFunc // instead of a token; nil for none
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	ca := newAuthority(t)
	e := &endpoint{}
	server := httptest.NewUnstartedServer(e)
	server.TLS = ca.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"login.microsoftonline.com", "oauth2.googleapis.com"} })
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := mail.NewTokenTransport()
	transport.TLSClientConfig.RootCAs = ca.pool
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.HasSuffix(address, ":443") {
			return nil, errors.New(address + " is not HTTPS")
		}
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	e.tokens = mail.NewTokens(transport)
	return e
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	e.forms = append(e.forms, r.PostForm)
	e.asked = append(e.asked, r.Method+" "+r.Host+r.URL.String())
	n, answer := len(e.forms), e.answer
	e.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":%q}`, tokenNumber(n))
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

func (e *endpoint) answers(f http.HandlerFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = f
}

func TestTokenRequest(t *testing.T) {
	tests := []struct {
		oauth app.MailOAuth
		asked string
		form  string
	}{
		{
			microsoft, "POST login.microsoftonline.com/" + strings.ToLower(tenant) + "/oauth2/v2.0/token",
			"client_id=client&client_secret=canary-client-secret&grant_type=client_credentials&scope=https%3A%2F%2Foutlook.office365.com%2F.default",
		},
		{
			google, "POST oauth2.googleapis.com/token",
			"client_id=client&client_secret=canary-client-secret&grant_type=refresh_token&refresh_token=canary-refresh-token",
		},
	}
	for _, tt := range tests {
		e := newEndpoint(t)
		if got, err := e.tokens.Get(t.Context(), tt.oauth); err != nil || got != tokenNumber(1) {
			t.Errorf("%s: got %q, %v", tt.oauth.Provider, got, err)
		}
		if got := strings.Join(e.asked, ", "); got != tt.asked {
			t.Errorf("%s: asked %s, want %s", tt.oauth.Provider, got, tt.asked)
		}
		if got := e.forms[0].Encode(); got != tt.form {
			t.Errorf("%s: sent %s\nwant %s", tt.oauth.Provider, got, tt.form)
		}
	}
}

func TestTokenTransport(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	transport := mail.NewTokenTransport()
	if transport.Proxy != nil || transport.TLSClientConfig.MinVersion != tls.VersionTLS12 || transport.TLSClientConfig.InsecureSkipVerify {
		t.Error("the transport takes a proxy, or TLS that is too old or not checked")
	}
}

// jsonAnswer answers with a status and a body.
func jsonAnswer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client may have enough
	}
}

func oauthAnswer(status int, word string) http.HandlerFunc {
	return jsonAnswer(status, fmt.Sprintf(`{"error":%q,"error_description":"canary-description canary-client-secret","error_uri":"https://canary.example"}`, word))
}

// Whatever the endpoint answers: what arrives is what to do, nothing of the answer, and the next attempt asks anew.
func TestTokenEndpointFails(t *testing.T) {
	tests := []struct {
		name   string
		oauth  app.MailOAuth
		answer http.HandlerFunc
		says   string
	}{
		{"secret expired", microsoft, oauthAnswer(401, "invalid_client"), "says invalid_client; has the secret expired?"},
		{"not registered", microsoft, oauthAnswer(400, "unauthorized_client"), "admin consent and is registered in Exchange Online"},
		{"wrong tenant", microsoft, oauthAnswer(400, "invalid_request"), "check mail.oauth_tenant"},
		{"refresh token withdrawn", google, oauthAnswer(400, "invalid_grant"), "mail.oauth_refresh_token was withdrawn or has expired"},
		{"wrong client", google, oauthAnswer(401, "unauthorized_client"), "check that mail.oauth_client_id"},
		{"error with 200", google, oauthAnswer(200, "invalid_grant"), "says invalid_grant"},
		{"word that is not registered", microsoft, oauthAnswer(400, "canary_word"), "in a way that token endpoints do not"},
		{"fault", microsoft, oauthAnswer(503, "canary_word"), "a fault at the moment"},
		{"too often", microsoft, jsonAnswer(429, "canary"), "too often"},
		{"HTML", microsoft, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>canary</html>")
		}, "holds no token"},
		{"HTML, refused", google, jsonAnswer(403, "<html>canary</html>"), "what stands between"},
		{"no token", microsoft, jsonAnswer(200, `{"canary":1}`), "holds no token"},
		{"nothing", microsoft, jsonAnswer(200, ""), "holds no token"},
		{"token with a line end", microsoft, jsonAnswer(200, `{"access_token":"canary\r\nQUIT","token_type":"Bearer"}`), "cannot be used"},
		{"token with the separator", microsoft, jsonAnswer(200, `{"access_token":"canary\u0001auth=x","token_type":"Bearer"}`), "cannot be used"},
		{"token of another type", microsoft, jsonAnswer(200, `{"access_token":"canary","token_type":"mac"}`), "cannot be used"},
		{"token too long", microsoft, jsonAnswer(200, `{"access_token":"`+strings.Repeat("canary", 5000)+`"}`), "cannot be used"},
		{"huge", microsoft, jsonAnswer(200, strings.Repeat("canary", 200_000)), "more than 1 MiB"},
		{"redirect", microsoft, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://canary.example/", http.StatusTemporaryRedirect)
		}, "redirect"},
		{"hangs up", microsoft, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "cannot be asked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			office := newOffice(t, tt.oauth, every)
			office.answers(tt.answer)
			_, err := deliver(t, office.config, message(t))
			wantReason(t, err, "auth_token", false, true)
			if cause := errors.Unwrap(replyError(t, err)); !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") || cause != nil {
				t.Errorf("got %q (cause %v), want %q and nothing of the answer", err, cause, tt.says)
			}
			office.answers(nil)
			if _, err := deliver(t, office.config, message(t)); err != nil || len(office.sink.got()) != 1 {
				t.Errorf("when it works again: got %v and %d mails", err, len(office.sink.got()))
			}
		})
	}
}

func TestTokenEndpointIsSlow(t *testing.T) {
	e := newEndpoint(t)
	e.answers(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"access_token":`)
		_ = http.NewResponseController(w).Flush() // the client may be gone
		<-r.Context().Done()
	})
	_, err := e.tokens.GetWithin(t.Context(), microsoft, 300*time.Millisecond)
	wantReason(t, err, "auth_token", false, true)
	if !strings.Contains(err.Error(), "does not answer in time") {
		t.Errorf("got %q, which does not say that it was too slow", err)
	}
}

func TestTokenEndpointIsNotThere(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		says string
	}{
		"no such name": {&net.DNSError{IsNotFound: true, Name: "canary"}, "is not known to this machine's DNS server"},
		"no DNS":       {&net.DNSError{Name: "canary"}, "cannot be looked up"},
		"no way":       {&net.OpError{Op: "dial", Err: errors.New("canary")}, "cannot be reached"},
		"stranger":     {&tls.CertificateVerificationError{Err: errors.New("canary")}, "a certificate that this machine does not trust"},
	} {
		tokens := mail.NewTokens(roundTrip(func(*http.Request) (*http.Response, error) { return nil, tt.err }))
		_, err := tokens.Get(t.Context(), google)
		wantReason(t, err, "auth_token", false, true)
		if !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %q, want %q", name, err, tt.says)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// numbered gives one token after the other, each with what more the answer says.
func numbered(n *int, more string) roundTrip {
	return func(*http.Request) (*http.Response, error) {
		*n++
		body := fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer"%s}`, tokenNumber(*n), more)
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

// How long a token is kept, in virtual time.
func TestTokenExpires(t *testing.T) {
	tests := []struct {
		more string
		good time.Duration
	}{
		{`,"expires_in":3600`, 59 * time.Minute},
		{`,"expires_in":"3600"`, 59 * time.Minute},
		{``, 4 * time.Minute},
		{`,"expires_in":4000000000`, 24*time.Hour - time.Minute},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			tokens := mail.NewTokens(numbered(&n, tt.more))
			for _, step := range []struct {
				wait time.Duration
				want int
			}{{0, 1}, {tt.good - time.Second, 1}, {2 * time.Second, 2}, {0, 2}} {
				after(step.wait)
				if got, err := tokens.Get(t.Context(), microsoft); err != nil || got != tokenNumber(step.want) {
					t.Errorf("%s, after %v more: got %.20q, %v, want number %d", tt.more, step.wait, got, err, step.want)
				}
			}
		})
	}
}

// Changed settings take a token of their own.
func TestTokenIsOfItsSettings(t *testing.T) {
	n := 0
	tokens := mail.NewTokens(numbered(&n, ""))
	other := microsoft
	other.ClientSecret = "canary-next-secret"
	for i, o := range []app.MailOAuth{microsoft, other, google} {
		if got, err := tokens.Get(t.Context(), o); err != nil || got != tokenNumber(i+1) {
			t.Errorf("%d: got %.20q, %v, want number %d", i, got, err, i+1)
		}
	}
}

// An endpoint that never answers holds up nobody for longer than 10 seconds, and who is stopped not at all. Who waits for
// the same fetch is not stopped with the one that began it.
func TestTokenIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		tokens := mail.NewTokens(roundTrip(func(r *http.Request) (*http.Response, error) {
			asked++
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		began := time.Now()
		first, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := tokens.Get(first, microsoft); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
				t.Errorf("stopped: got %v after %v, want context.Canceled after 1s", err, time.Since(began))
			}
		})
		synctest.Wait()
		all.Go(func() {
			_, err := tokens.Get(t.Context(), microsoft)
			wantReason(t, err, "auth_token", false, true)
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("given up after %v, want 10s", took)
			}
		})
		after(time.Second)
		cancel()
		all.Wait()
		if asked != 1 {
			t.Errorf("asked %d times, want once", asked)
		}
	})
}

// A panic over an odd answer is a failure, not the end of the service.
func TestTokenPanic(t *testing.T) {
	tokens := mail.NewTokens(roundTrip(func(*http.Request) (*http.Response, error) { panic("canary") }))
	_, err := tokens.Get(t.Context(), google)
	wantReason(t, err, "auth_token", false, true)
}
