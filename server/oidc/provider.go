package oidc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"foyer/app"
)

// How long what a provider has published is used before it is asked again, and how long when it does not answer.
// Microsoft: "refresh every hour", "24 hours" at most (signing-key-rollover.md).
const (
	documentFresh = 24 * time.Hour
	documentStale = 7 * 24 * time.Hour
	keysFresh     = time.Hour
	keysStale     = 24 * time.Hour
	// forcedEvery is how often keys are fetched because a token names one that is not known: a hostile provider could
	// name a new one each time (T18).
	forcedEvery = 5 * time.Minute
)

// provider is one identity provider.
type provider struct {
	place
	log       *slog.Logger
	transport http.RoundTripper
	client    *http.Client
	clock     *clock
	document  *kept[document]
	keys      *kept[keyring]

	mu     sync.Mutex
	forced time.Time // when keys were last fetched for one that was not known
}

func newProvider(at place, transport http.RoundTripper, log *slog.Logger, fetches *fetches) *provider {
	if transport == nil {
		transport = newTransport(at.issuer)
	}
	return providerOver(at, transport, log.With("issuer", at.base), fetches)
}

func providerOver(at place, transport http.RoundTripper, log *slog.Logger, fetches *fetches) *provider {
	p := &provider{place: at, log: log, transport: transport, clock: &clock{log: log}}
	p.client = newClient(transport, p.clock)
	p.document = &kept[document]{name: "discovery document", log: log, fresh: documentFresh, stale: documentStale, fetch: p.fetchDocument, fetches: fetches}
	p.keys = &kept[keyring]{name: "keys", log: log, fresh: keysFresh, stale: keysStale, fetch: p.fetchKeys, fetches: fetches}
	return p
}

// claims returns what an ID token says, when this provider has signed it and it says what is wanted. Both go-oidc's
// checks and ours must pass; ours come after, on the bytes whose signature was verified.
func (p *provider) claims(ctx context.Context, raw string, want expected) (app.Claims, error) {
	s := &signature{provider: p}
	verifier := oidc.NewVerifier(p.issuer, s, &oidc.Config{ClientID: want.clientID, SupportedSigningAlgs: algorithmNames()})
	_, notVerified := verifier.Verify(ctx, raw)
	switch {
	case s.err != nil:
		return app.Claims{}, s.err
	case s.payload == nil:
		return app.Claims{}, refused("bad_token")
	}
	claims, err := decodeClaims(s.payload, want)
	if err != nil {
		return app.Claims{}, err
	}
	if notVerified != nil {
		// Its text would quote the token.
		if _, ok := errors.AsType[*oidc.TokenExpiredError](notVerified); ok {
			return app.Claims{}, refused("token_expired")
		}
		return app.Claims{}, refused("bad_token")
	}
	return claims, nil
}

// mayForce reports whether keys may be fetched because a token names one that is not known.
func (p *provider) mayForce() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forced.IsZero() || time.Since(p.forced).Abs() >= forcedEvery
}

// haveForced notes that it was done. A fetch that failed does not count: once the provider is back, the next sign-in
// must work.
func (p *provider) haveForced() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forced = time.Now().Round(0)
}

// get returns the body of what is published at an address, or of what a bearer's token opens there. Its error is a
// *failure.
func (p *provider) get(ctx context.Context, address, bearer string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, &failure{why: "bad_discovery"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &failure{why: "bad_discovery"}
	}
	req.Header.Set("Accept", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, failed(u.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &failure{why: "unreachable", err: fmt.Errorf("%q answers with status %d", u.Host, resp.StatusCode)}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, failed(u.Host, err)
	}
	return body, nil
}
