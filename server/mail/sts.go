package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"foyer/app"
)

// How policies are fetched and kept (RFC 8461).
const (
	stsTime    = 10 * time.Second     // for one fetch; mail waits meanwhile
	stsSize    = 64 << 10             // bytes of a policy (RFC 8461, 3.2)
	stsLongest = 365 * 24 * time.Hour // that a policy is kept (RFC 8461, 3.2, allows hardly more)
	stsRefresh = 24 * time.Hour       // after which one is fetched again, although its id is the same
	stsPause   = 5 * time.Minute      // after a fetch that went wrong (RFC 8461, 3.3)
	stsDomains = 1000                 // whose failed fetches are remembered
	stsHosts   = 100                  // patterns of a policy that are kept
)

// PolicyStore is where the MTA-STS policies of other domains are kept.
type PolicyStore interface {
	// STSPolicy returns the policy of a domain, expired or not. NotFound.
	STSPolicy(ctx context.Context, domain string) (app.STSPolicy, error)

	// KeepSTSPolicy stores the policy of a domain in place of an earlier one.
	KeepSTSPolicy(ctx context.Context, p app.STSPolicy) error
}

// PoliciesConfig holds what Policies are made of.
type PoliciesConfig struct {
	Store   PolicyStore
	RootCAs *x509.CertPool // nil for the system's authorities
	// Dial connects to an address that was found to be allowed; nil for TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Policies knows what domains say about TLS to their mail servers by MTA-STS (RFC 8461). It is for all couriers together
// and safe for concurrent use.
type Policies struct {
	config PoliciesConfig

	mu     sync.Mutex
	failed map[string]time.Time // when the fetch for a domain went wrong
}

// NewPolicies returns Policies that are kept in a store.
func NewPolicies(c PoliciesConfig) *Policies {
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	return &Policies{config: c, failed: map[string]time.Time{}}
}

// get returns the policy that counts for a domain now; its mode is "" when there is none. note says, for the
// administrator, that a policy was announced and could not be had. An error is one of the store.
func (p *Policies) get(ctx context.Context, names Names, allowed reach, domain string) (policy app.STSPolicy, note string, err error) {
	kept, err := p.config.Store.STSPolicy(ctx, domain)
	if err != nil && app.CodeOf(err) != app.NotFound {
		return app.STSPolicy{}, "", err
	}
	now := wallNow()
	if !kept.ExpiresAt.After(now) {
		kept = app.STSPolicy{}
	}
	texts, err := names.TXT(ctx, "_mta-sts."+domain)
	id, announced := parseSTSRecord(texts)
	fresh := kept.ID == id && now.Sub(kept.FetchedAt) < stsRefresh && !kept.FetchedAt.After(now)
	if err != nil || !announced || fresh || p.paused(domain, now) {
		return kept, "", nil //nolint:nilerr // who can take the record away must not take the policy away (RFC 8461, 3.1)
	}
	fetched, lasts, err := p.fetch(ctx, names, allowed, domain)
	if err != nil {
		p.pause(domain, now)
		return kept, "the MTA-STS policy of " + domain + " cannot be fetched: " + clean(err.Error()), nil
	}
	fetched.Domain, fetched.ID, fetched.FetchedAt = domain, id, now
	fetched.ExpiresAt = now.Add(lasts)
	return fetched, "", p.config.Store.KeepSTSPolicy(ctx, fetched)
}

func (p *Policies) paused(domain string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.failed[domain]
	return ok && now.Sub(at) < stsPause && !at.After(now)
}

func (p *Policies) pause(domain string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failed) >= stsDomains {
		clear(p.failed)
	}
	p.failed[domain] = now
}

var errSTSAddress = errors.New("its host has no address that may be reached")

// fetch asks a domain for its policy, and for how long it holds. Redirects are not followed and no proxy is asked (RFC 8461, 3.3).
func (p *Policies) fetch(ctx context.Context, names Names, allowed reach, domain string) (app.STSPolicy, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, stsTime)
	defer cancel()
	host := "mta-sts." + domain
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return p.dial(ctx, names, allowed, network, host)
		},
		TLSClientConfig:        &tls.Config{RootCAs: p.config.RootCAs, MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: stsSize, DisableCompression: true, DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return app.STSPolicy{}, 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return app.STSPolicy{}, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return app.STSPolicy{}, 0, fmt.Errorf("the answer is %d", response.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return app.STSPolicy{}, 0, errors.New("the answer is not text/plain")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, stsSize+1))
	switch {
	case err != nil:
		return app.STSPolicy{}, 0, err
	case len(body) > stsSize:
		return app.STSPolicy{}, 0, errors.New("the answer is larger than 64 KiB")
	}
	return parseSTSPolicy(body)
}

// dial connects to the first address of host that may be reached.
func (p *Policies) dial(ctx context.Context, names Names, allowed reach, network, host string) (net.Conn, error) {
	addrs, _, _, err := names.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(ip netip.Addr) bool { return allowed.refuses(ip) != "" })
	err = errSTSAddress
	for _, ip := range alternate(addrs) {
		var conn net.Conn
		if conn, err = p.config.Dial(ctx, network, net.JoinHostPort(ip.String(), "443")); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// parseSTSRecord returns the id of the one record among the texts at _mta-sts that announces a policy, and false when there
// is none or there are several (RFC 8461, 3.1).
func parseSTSRecord(texts []string) (id string, ok bool) {
	for _, text := range texts {
		first, rest, _ := strings.Cut(text, ";")
		if strings.TrimRight(first, " \t") != "v=STSv1" {
			continue
		}
		if ok {
			return "", false
		}
		ok = true
		for field := range strings.SplitSeq(rest, ";") {
			if value, is := strings.CutPrefix(strings.Trim(field, " \t"), "id="); is {
				id = value
				break
			}
		}
		if id == "" || len(id) > 32 || strings.ContainsFunc(id, isNoAlnum) {
			return "", false
		}
	}
	return id, ok
}

func isNoAlnum(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// parseSTSPolicy returns what a policy says and for how long (RFC 8461, 3.2). Of two fields of one name the first counts,
// but for mx.
func parseSTSPolicy(text []byte) (app.STSPolicy, time.Duration, error) {
	if !utf8.Valid(text) || bytes.ContainsRune(text, 0) {
		return app.STSPolicy{}, 0, errors.New("the policy is no text")
	}
	var p app.STSPolicy
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
		if _, twice := fields[name]; !ok || twice && name != "mx" {
			continue
		}
		fields[name] = value
		if name == "mx" {
			pattern := strings.ToLower(value)
			if !isHostName(strings.TrimPrefix(pattern, "*.")) {
				return app.STSPolicy{}, 0, fmt.Errorf("the policy names a mail server %q", clean(value))
			}
			p.MX = append(p.MX, pattern)
		}
	}
	p.Mode = fields["mode"]
	seconds, err := strconv.ParseUint(fields["max_age"], 10, 32)
	switch {
	case fields["version"] != "STSv1":
		return app.STSPolicy{}, 0, errors.New("the policy has no version STSv1")
	case err != nil || len(fields["max_age"]) > 10:
		return app.STSPolicy{}, 0, errors.New("the policy has no max_age")
	case !slices.Contains([]string{app.STSEnforce, app.STSTesting, app.STSNone}, p.Mode):
		return app.STSPolicy{}, 0, errors.New("the policy has no mode that counts")
	case p.Mode != app.STSNone && len(p.MX) == 0:
		return app.STSPolicy{}, 0, errors.New("the policy names no mail server")
	case len(p.MX) > stsHosts:
		return app.STSPolicy{}, 0, fmt.Errorf("the policy names more than %d mail servers", stsHosts)
	}
	return p, min(time.Duration(seconds)*time.Second, stsLongest), nil
}

// permits reports whether a policy names a mail server. A star stands for one label (RFC 8461, 4.1).
func permits(p app.STSPolicy, host string) bool {
	_, parent, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(p.MX, func(pattern string) bool {
		wild, ok := strings.CutPrefix(pattern, "*.")
		return pattern == host || ok && wild == parent
	})
}
