package mail

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"foyer/app"
)

// How long a token is used. Both providers give theirs an hour or so.
const (
	tokenMargin  = time.Minute     // it is thrown away so long before it expires: the dialogue takes time, and clocks differ
	tokenDefault = 5 * time.Minute // when the answer does not say for how long it is good
	tokenLongest = 24 * time.Hour
	maxToken     = 16 << 10 // bytes; Microsoft's have 2 KB
)

// Tokens keeps the token that opens the smarthost, for all deliveries together. It is safe for concurrent use.
type Tokens struct {
	client *http.Client

	mu   sync.Mutex
	last *tokenFetch // the latest one, under way or ended; nil for none
}

// NewTokens returns a keeper without a token. It asks for tokens through transport, nil for one of its own.
func NewTokens(transport http.RoundTripper) *Tokens {
	if transport == nil {
		transport = newTokenTransport()
	}
	return &Tokens{client: newTokenClient(transport)}
}

// tokenFetch is a request for a token. What it gave is there when done is closed.
type tokenFetch struct {
	of      app.MailOAuth
	done    chan struct{}
	token   string
	expires time.Time
	err     error
}

func (f *tokenFetch) ended() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// get returns a token for o. It fetches one, within timeout, when none is kept; who asks meanwhile waits for the same.
// Its error is a *ReplyError, or that of ctx. A failure is not kept.
func (t *Tokens) get(ctx context.Context, o app.MailOAuth, timeout time.Duration) (string, error) {
	f := t.begin(ctx, o, timeout)
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// begin returns the fetch that is under way, or whose token is good still, or a new one. That ends by its own time, not
// with the delivery that began it: others may wait for it.
func (t *Tokens) begin(ctx context.Context, o app.MailOAuth, timeout time.Duration) *tokenFetch {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.last; f != nil && f.of == o && (!f.ended() || f.err == nil && wallNow().Before(f.expires)) {
		return f
	}
	f := &tokenFetch{of: o, done: make(chan struct{})}
	t.last = f
	go func() {
		defer close(f.done)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		f.token, f.expires, f.err = t.safely(ctx, o)
	}()
	return f
}

// discard throws a token away that the smarthost has refused. One that was fetched since stays.
func (t *Tokens) discard(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last != nil && t.last.ended() && t.last.token == token {
		t.last = nil
	}
}

// safely turns a panic over an odd answer into an error: no courier is there to catch it.
func (t *Tokens) safely(ctx context.Context, o app.MailOAuth) (token string, expires time.Time, err error) {
	defer func() {
		if recover() != nil {
			err = tokenError(o, "answers in a way that token endpoints do not")
		}
	}()
	return t.fetch(ctx, o)
}

func (t *Tokens) fetch(ctx context.Context, o app.MailOAuth) (string, time.Time, error) {
	source, ok := tokenSource(context.WithValue(ctx, oauth2.HTTPClient, t.client), o)
	if !ok {
		return "", time.Time{}, &ReplyError{
			Reason: "not_configured", Message: "mail.auth=xoauth2 needs mail.oauth_provider, microsoft or google", HostDown: true,
		}
	}
	began := wallNow()
	token, err := source.Token()
	switch {
	case err != nil:
		return "", time.Time{}, explainToken(o, err)
	case !isToken(token):
		return "", time.Time{}, tokenError(o, "answers with a token that cannot be used")
	}
	expires := token.Expiry.Round(0) // by the wall clock: the other one stands still while the machine sleeps
	switch longest := began.Add(tokenLongest); {
	case token.Expiry.IsZero():
		expires = began.Add(tokenDefault)
	case expires.After(longest):
		expires = longest
	}
	return token.AccessToken, expires.Add(-tokenMargin), nil
}

// isToken reports whether a token can stand in SASL XOAUTH2 and is as long as tokens are.
func isToken(t *oauth2.Token) bool {
	return strings.EqualFold(t.Type(), "Bearer") && len(t.AccessToken) <= maxToken &&
		!strings.ContainsFunc(t.AccessToken, func(r rune) bool { return r <= ' ' || r > '~' })
}

// tokenSource returns what asks for a token as o says, and false when o names no provider. The secret stands in the body:
// both providers take it there (oauth2 would find that out by asking twice).
func tokenSource(ctx context.Context, o app.MailOAuth) (oauth2.TokenSource, bool) {
	switch o.Provider {
	case app.MailMicrosoft:
		c := clientcredentials.Config{
			ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: tokenURL(o), AuthStyle: oauth2.AuthStyleInParams,
			Scopes: []string{"https://outlook.office365.com/.default"},
		}
		return c.TokenSource(ctx), true
	case app.MailGoogle:
		c := oauth2.Config{
			ClientID: o.ClientID, ClientSecret: o.ClientSecret,
			Endpoint: oauth2.Endpoint{TokenURL: tokenURL(o), AuthStyle: oauth2.AuthStyleInParams},
		}
		return c.TokenSource(ctx, &oauth2.Token{RefreshToken: o.RefreshToken}), true
	default:
		return nil, false
	}
}

const (
	microsoftHost = "login.microsoftonline.com"
	googleHost    = "oauth2.googleapis.com"
)

func tokenURL(o app.MailOAuth) string {
	if o.Provider == app.MailMicrosoft {
		return "https://" + microsoftHost + "/" + strings.ToLower(o.Tenant) + "/oauth2/v2.0/token"
	}
	return "https://" + googleHost + "/token"
}

func tokenHost(o app.MailOAuth) string {
	if o.Provider == app.MailMicrosoft {
		return microsoftHost
	}
	return googleHost
}

// tokenError returns that no token could be had. No mail would fare better now.
func tokenError(o app.MailOAuth, why string) *ReplyError {
	return &ReplyError{Reason: "auth_token", Message: "no token for the smarthost: " + tokenHost(o) + " " + why, HostDown: true}
}

// explainToken returns what an error of the token endpoint means. The error itself is dropped: oauth2 puts the answer's
// body into its text, and that can quote our secrets back. Only the words of RFC 6749, 5.2 are taken from it.
func explainToken(o app.MailOAuth, err error) *ReplyError {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return tokenError(o, explainTokenCall(err))
	}
	switch code := answer.ErrorCode; code {
	case "invalid_client":
		return tokenError(o, "says "+code+"; has the secret expired? Check mail.oauth_client_id and mail.oauth_client_secret")
	case "invalid_grant":
		if o.Provider == app.MailGoogle {
			return tokenError(o, "says "+code+": mail.oauth_refresh_token was withdrawn or has expired; get a new one for mail.username")
		}
		return tokenError(o, "says "+code+"; "+microsoftHints)
	case "unauthorized_client", "invalid_scope", "invalid_request", "unsupported_grant_type":
		if o.Provider == app.MailGoogle {
			return tokenError(o, "says "+code+"; check that mail.oauth_client_id is the client that mail.oauth_refresh_token was given to")
		}
		return tokenError(o, "says "+code+"; "+microsoftHints)
	}
	switch status := answer.Response.StatusCode; {
	case status == http.StatusTooManyRequests:
		return tokenError(o, "has been asked too often (429); it is asked again later")
	case status >= http.StatusInternalServerError:
		return tokenError(o, "has a fault at the moment; it is asked again later")
	default:
		return tokenError(o, "answers in a way that token endpoints do not; check what stands between it and this machine")
	}
}

// microsoftHints are the steps that are forgotten.
const microsoftHints = "check mail.oauth_tenant and mail.oauth_client_id, and that the application has the permission SMTP.SendAsApp " +
	"with admin consent and is registered in Exchange Online (New-ServicePrincipal)"
