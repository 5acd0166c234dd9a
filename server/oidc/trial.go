package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"foyer/app"
)

// notACode is sent in place of an authorization code: what the provider says to it tells whether it knows the client.
const notACode = "foyer-connector-test"

// Try asks the connector's provider everything anew that a sign-in needs and that can be asked without a person; see
// app.ProviderTrial. What is kept for sign-ins is neither used nor changed. Its steps share one time of ten seconds.
func (p *Providers) Try(ctx context.Context, c app.Connector, redirectURI string) []app.TrialStep {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	home, err := p.home(c)
	if err != nil {
		return []app.TrialStep{{Name: "discovery", Detail: "set client_id, and the tenant or the issuer: without them there is nobody to ask"}}
	}
	t := &trial{home: providerOver(home.place, home.transport, home.log, p.fetches)}
	if t.step("discovery", func() (string, error) { return t.discovery(ctx) }) && t.step("keys", func() (string, error) { return t.keys(ctx) }) {
		t.client(ctx, app.Challenge{Connector: c, RedirectURI: redirectURI, Verifier: app.NewToken()})
	}
	return t.steps
}

// trial is the steps of one trial so far.
type trial struct {
	home  *provider
	doc   document
	steps []app.TrialStep
}

// step does one step and reports whether it went well.
func (t *trial) step(name string, work func() (string, error)) bool {
	begin := time.Now()
	detail, err := work()
	if err != nil {
		detail = err.Error()
	}
	t.steps = append(t.steps, app.TrialStep{Name: name, OK: err == nil, Detail: detail, Took: time.Since(begin)})
	return err == nil
}

func (t *trial) discovery(ctx context.Context) (string, error) {
	doc, err := t.home.document.get(ctx)
	if err != nil {
		return "", fmt.Errorf("%s; is what the connector names right, and can this machine reach it?", inWords(err))
	}
	t.doc = doc.value
	return t.home.base + " says where to sign in", nil
}

func (t *trial) keys(ctx context.Context) (string, error) {
	ring, err := t.home.keys.get(ctx)
	if err != nil {
		return "", errors.New(inWords(err))
	}
	if n := len(ring.value); n > 1 {
		return strconv.Itoa(n) + " keys that signatures can be checked with", nil
	}
	return "1 key that signatures can be checked with", nil
}

// inWords returns what kept a provider from being asked. The cause of a failure holds nothing that the provider has sent.
func inWords(err error) string {
	f, ok := errors.AsType[*failure](err)
	switch {
	case !ok:
		return "the provider cannot be asked"
	case isTimeout(f.err):
		return "the provider does not answer in time"
	case f.why == "bad_keys":
		return "the provider publishes no key that a signature can be checked with"
	case f.err != nil:
		return f.err.Error()
	default:
		return "the provider's answer is not understood"
	}
}

// client asks for a token with a code that is none. The answer tells the provider's time as well, and that comes first: a
// wrong clock makes other things fail.
func (t *trial) client(ctx context.Context, ch app.Challenge) {
	begin := time.Now()
	_, err := oauthConfig(t.doc, ch).Exchange(oidc.ClientContext(ctx, t.home.client), notACode, oauth2.VerifierOption(string(ch.Verifier)))
	took := time.Since(begin)
	if !t.step("clock", t.clock) {
		return
	}
	detail, ok := judge(t.doc.token, ch, err)
	t.steps = append(t.steps, app.TrialStep{Name: "client", OK: ok, Detail: detail, Took: took})
}

func (t *trial) clock() (string, error) {
	ahead, off := t.home.clock.off()
	switch {
	case !t.home.clock.told():
		return "the provider does not say what time it is", nil
	case off:
		return "", fmt.Errorf("the provider's clock is %s ahead of this machine's; set this machine's clock, or sign-ins fail", ahead.Round(time.Second))
	default:
		return "the provider's clock and this machine's agree", nil
	}
}

// judge returns what the token endpoint's answer to a code that is none says about the client.
func judge(endpoint string, ch app.Challenge, err error) (detail string, ok bool) {
	answer, isAnswer := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case err == nil:
		return "the provider has given a token for a code that it cannot have issued; do not use it", false
	case !isAnswer:
		return notAnswered(endpoint, err), false
	}
	if status := answer.Response.StatusCode; status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		return fmt.Sprintf("the token endpoint answers with status %d; try again later", status), false
	}
	if ch.Connector.Kind == app.ConnectorEntra {
		if detail, ok, known := judgeEntra(ch, answer); known {
			return detail, ok
		}
	}
	switch code := answer.ErrorCode; code {
	case "invalid_grant":
		if ch.Connector.ClientSecret == "" {
			return "the provider knows the client", true
		}
		return "the provider knows the client and takes its secret", true
	case "invalid_client", "unauthorized_client":
		return "the provider does not take the client id or the secret (" + code + "); copy both anew and set client_id and client_secret", false
	case "redirect_uri_mismatch":
		return notRegistered(ch.RedirectURI), false
	case "invalid_request", "invalid_scope", "unsupported_grant_type":
		return "the provider's answer (" + code + ") does not tell whether it knows the client; sign in once to see", false
	default:
		return "the provider's answer does not tell whether it knows the client; sign in once to see", false
	}
}

// notAnswered returns why there was no answer of the token endpoint, or none that is one.
func notAnswered(endpoint string, err error) string {
	u, parseErr := url.Parse(endpoint)
	if _, fromClient := errors.AsType[*url.Error](err); fromClient && parseErr == nil {
		return inWords(failed(u.Host, err))
	}
	return "the token endpoint's answer is not understood"
}

func notRegistered(redirectURI string) string {
	return "the redirect URI is not registered at the provider; register " + redirectURI
}

var aadsts = regexp.MustCompile(`^AADSTS([0-9]{4,8})\b`)

// entraCode returns Microsoft's number for an error, 0 for none (learn.microsoft.com, "Microsoft Entra authentication and
// authorization error codes").
func entraCode(answer *oauth2.RetrieveError) int {
	var body struct {
		Codes []int `json:"error_codes"`
	}
	if json.Unmarshal(answer.Body, &body) == nil && len(body.Codes) > 0 {
		return body.Codes[0]
	}
	if found := aadsts.FindStringSubmatch(answer.ErrorDescription); found != nil {
		code, err := strconv.Atoi(found[1])
		if err == nil {
			return code
		}
	}
	return 0
}

// judgeEntra is judge by the numbers of Microsoft, which say more than the registered words.
func judgeEntra(ch app.Challenge, answer *oauth2.RetrieveError) (detail string, ok, known bool) {
	code := entraCode(answer)
	bad := func(text string) (string, bool, bool) { return fmt.Sprintf("%s (AADSTS%d)", text, code), false, true }
	switch code {
	case 7000215:
		return bad("the client secret is wrong; copy what stands under Value, not the Secret ID, and set client_secret")
	case 7000222:
		return bad("the client secret has expired; make a new one at Microsoft and set client_secret and secret_expires")
	case 7000216, 7000218:
		return bad("Microsoft wants a client secret; register Foyer as a web application and set client_secret")
	case 700016:
		return bad("the tenant knows no application with this client id; set client_id to the Application (client) ID, and tenant to where it is registered")
	case 7000112:
		return bad("the application is disabled in the tenant; enable it at Microsoft")
	case 90002:
		return bad("there is no such tenant; set tenant")
	case 50011, 500113:
		return bad(notRegistered(ch.RedirectURI))
	case 9002313:
		return "Microsoft takes the request; whether the secret is right shows at the first sign-in", true, true
	case 70000, 70008, 54005:
		if answer.ErrorCode == "invalid_grant" || answer.ErrorCode == "invalid_request" {
			return "Microsoft knows the client and takes its secret", true, true
		}
	}
	return "", false, false
}
