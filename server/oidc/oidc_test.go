package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
	"foyer/server/oidc"
)

func TestSignInURL(t *testing.T) {
	for _, tc := range []struct {
		name string
		ch   app.Challenge
		want string
	}{
		{"entra", entra(tenantA, tenantA), "https://login.microsoftonline.com/" + tenantA + "/oauth2/v2.0/authorize"},
		{"many tenants", entra(app.ManyTenants, tenantA), "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize"},
		{"google", google(), "https://accounts.google.com/o/oauth2/v2/auth"},
		{"oidc", office(), "https://idp.example/authorize"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			tc.ch.Prompt = "select_account"
			got, err := h.providers.SignInURL(t.Context(), tc.ch)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(got)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			u.RawQuery = ""
			if u.String() != tc.want {
				t.Errorf("SignInURL goes to %s, want %s", u, tc.want)
			}
			want := map[string]string{
				"response_type": "code", "scope": "openid profile email", "client_id": clientID, "redirect_uri": tc.ch.RedirectURI,
				"state": string(tc.ch.State), "nonce": string(tc.ch.Nonce), "code_challenge_method": "S256", "prompt": "select_account",
			}
			for name, value := range want {
				if len(q[name]) != 1 || q.Get(name) != value {
					t.Errorf("%s = %q, want %q", name, q[name], value)
				}
			}
			if strings.Contains(got, string(tc.ch.Verifier)) || strings.Contains(got, "s3cret") {
				t.Errorf("SignInURL = %s holds a secret", got)
			}
			tc.ch.Prompt = ""
			if got, err := h.providers.SignInURL(t.Context(), tc.ch); err != nil || strings.Contains(got, "prompt") {
				t.Errorf("SignInURL without a prompt = %s, %v", got, err)
			}
			if n := len(h.asked("")); n != 1 {
				t.Errorf("%d requests for two addresses, want 1", n)
			}
		})
	}
}

func TestConnectorThatIsNotSetUp(t *testing.T) {
	for name, c := range map[string]app.Connector{
		"no client id":     {Kind: app.ConnectorGoogle},
		"no tenant":        {Kind: app.ConnectorEntra, ClientID: clientID},
		"tenant common":    {Kind: app.ConnectorEntra, ClientID: clientID, Tenant: "common"},
		"tenant path":      {Kind: app.ConnectorEntra, ClientID: clientID, Tenant: "../" + tenantA},
		"no issuer":        {Kind: app.ConnectorOIDC, ClientID: clientID},
		"plain issuer":     {Kind: app.ConnectorOIDC, ClientID: clientID, Issuer: "http://idp.example"},
		"issuer of a file": {Kind: app.ConnectorOIDC, ClientID: clientID, Issuer: "file:///etc/passwd"},
		"issuer with user": {Kind: app.ConnectorOIDC, ClientID: clientID, Issuer: "https://u@idp.example"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			_, err := h.providers.SignInURL(t.Context(), challenge(c))
			wantError(t, err, app.Unavailable, app.ProviderRefusedUs, "bad_connector")
			_, err = h.providers.Claims(t.Context(), challenge(c), app.ProviderAnswer{Code: "x"})
			wantError(t, err, app.Unavailable, app.ProviderRefusedUs, "bad_connector")
			if got := h.asked(""); len(got) != 0 {
				t.Errorf("the provider was asked: %v", got)
			}
			if _, off := h.providers.ClockOff(c); off {
				t.Error("its clock is off, want nothing known")
			}
		})
	}
}

func TestHonestSignIn(t *testing.T) {
	want := app.Claims{Email: "jane@allowed.test", Name: "Jane Doe"}
	want.Subject = "s1"
	ofEntra, ofGoogle, ofOffice := want, want, want
	ofEntra.Issuer, ofEntra.Tenant, ofEntra.Object, ofEntra.Member = app.EntraIssuer(tenantA), tenantA, "o1", true
	ofGoogle.Issuer, ofGoogle.HostedDomain, ofGoogle.EmailVerified = app.GoogleIssuer, "allowed.test", true
	ofOffice.Issuer = officeIssuer
	for _, tc := range []struct {
		name string
		ch   app.Challenge
		want app.Claims
	}{
		{"entra", entra(tenantA, tenantA), ofEntra},
		{"many tenants", entra(app.ManyTenants, tenantC, tenantA), ofEntra},
		{"google", google(), ofGoogle},
		{"oidc", office(), ofOffice},
	} {
		for _, kid := range []string{"rsa", "ec", "ed"} {
			t.Run(tc.name+" "+kid, func(t *testing.T) {
				h := newHostile(t)
				h.sign(testKeys()[kid])
				if got := h.mustSignIn(t, tc.ch); got != tc.want {
					t.Errorf("Claims = %+v, want %+v", got, tc.want)
				}
			})
		}
	}
}

func TestParallelSignIns(t *testing.T) {
	h := newHostile(t)
	var all sync.WaitGroup
	for range 20 {
		for _, ch := range []app.Challenge{entra(app.ManyTenants, tenantA), google(), office()} {
			all.Go(func() {
				if _, err := h.signIn(t, ch); err != nil {
					t.Errorf("Claims of %s: %v", ch.Connector.Name, err)
				}
			})
		}
	}
	all.Wait()
	// Entra: that of all tenants, and that of the one.
	if documents, keys := len(h.asked("document")), len(h.asked("keys")); documents != 4 || keys != 3 {
		t.Errorf("documents were fetched %d times and keys %d times, want 4 and 3: once for each issuer", documents, keys)
	}
}

func TestT14EachSignInHasItsOwnVerifier(t *testing.T) {
	h := newHostile(t)
	first, second := office(), office()
	codes := []string{h.authorize(t, first), h.authorize(t, second)}
	if a, b := h.codes[codes[0]].query.Get("code_challenge"), h.codes[codes[1]].query.Get("code_challenge"); a == b || len(a) != 43 {
		t.Errorf("code_challenge = %q and %q, want two different ones", a, b)
	}
	_, err := h.providers.Claims(t.Context(), second, app.ProviderAnswer{Code: codes[0]})
	wantError(t, err, app.Invalid, app.ProviderRefusedCode, "invalid_grant")
	if _, err := h.providers.Claims(t.Context(), second, app.ProviderAnswer{Code: codes[1]}); err != nil {
		t.Errorf("Claims of the second sign-in: %v", err)
	}
	_, err = h.providers.Claims(t.Context(), second, app.ProviderAnswer{Code: codes[1]})
	wantError(t, err, app.Invalid, app.ProviderRefusedCode, "invalid_grant")
	_, err = h.providers.Claims(t.Context(), second, app.ProviderAnswer{})
	wantError(t, err, app.Invalid, app.ProviderRefusedCode, "code_missing")
	if n := len(h.asked("token")); n != 3 {
		t.Errorf("%d token requests, want 3: each code sent once", n)
	}
}

func TestT15AnswerOfAnotherProvider(t *testing.T) {
	many := entra(app.ManyTenants, tenantA, tenantC)
	for _, tc := range []struct {
		name     string
		ch       app.Challenge
		issuer   string
		required bool
		ok       bool
		asked    bool // whether the code may have been sent
	}{
		{"google, with entra's", google(), app.EntraIssuer(tenantA), false, false, false},
		{"google", google(), app.GoogleIssuer, true, true, true},
		{"google, almost", google(), app.GoogleIssuer + "/", false, false, false},
		{"entra, another tenant", entra(tenantA, tenantA), app.EntraIssuer(tenantC), false, false, false},
		{"entra", entra(tenantA, tenantA), app.EntraIssuer(tenantA), true, true, true},
		{"oidc, required and missing", office(), "", true, false, false},
		{"oidc, not required", office(), "", false, true, true},
		{"many, foreign tenant", many, app.EntraIssuer(tenantB), false, false, false},
		{"many, of nobody", many, app.EntraIssuer("{tenantid}"), false, false, false},
		{"many, google", many, app.GoogleIssuer, false, false, false},
		{"many", many, app.EntraIssuer(tenantA), true, true, true},
		{"many, not the token's", many, app.EntraIssuer(tenantC), false, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.document["authorization_response_iss_parameter_supported"] = tc.required
			_, err := h.providers.Claims(t.Context(), tc.ch, app.ProviderAnswer{Code: h.authorize(t, tc.ch), Issuer: tc.issuer})
			if tc.ok && err != nil {
				t.Errorf("Claims with iss=%q: %v", tc.issuer, err)
			}
			if !tc.ok {
				wantError(t, err, app.Invalid, app.ProviderMixUp, "bad_issuer")
			}
			if got := len(h.asked("token")) > 0; got != tc.asked {
				t.Errorf("the code was sent: %v, want %v", got, tc.asked)
			}
		})
	}
}

func TestClientAuthentication(t *testing.T) {
	const header, form, public = "header", "form", "public"
	for _, tc := range []struct {
		name    string
		methods any
		secret  string
		want    string
	}{
		{"not said", nil, "s3cret+/=", header},
		{"both", []string{"client_secret_post", "client_secret_basic"}, "s3cret+/=", header},
		{"post only", []string{"client_secret_post"}, "s3cret+/=", form},
		{"others only", []string{"private_key_jwt"}, "s3cret+/=", form},
		{"no secret", []string{"client_secret_basic"}, "", public},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.document["token_endpoint_auth_methods_supported"] = tc.methods
			ch := office()
			ch.Connector.ClientSecret = tc.secret
			h.mustSignIn(t, ch)
			asked := h.asked("token")
			if len(asked) != 1 {
				t.Fatalf("%d token requests, want 1", len(asked))
			}
			req := &http.Request{Header: asked[0].header}
			id, secret, basic := req.BasicAuth()
			got := public
			switch {
			case basic:
				got = header
			case asked[0].form.Has("client_secret"):
				got = form
				id, secret = asked[0].form.Get("client_id"), asked[0].form.Get("client_secret")
			default:
				id = asked[0].form.Get("client_id")
			}
			if unescaped, err := url.QueryUnescape(secret); basic && err == nil {
				secret = unescaped // RFC 6749, 2.3.1
			}
			if got != tc.want || id != clientID || secret != tc.secret {
				t.Errorf("the client is shown by %s as %q with %q, want %s, %q, %q", got, id, secret, tc.want, clientID, tc.secret)
			}
		})
	}
}

// A change of settings needs nothing: the secret comes with each sign-in.
func TestSecretIsThatOfTheSignIn(t *testing.T) {
	h := newHostile(t)
	for _, secret := range []string{"one", "two"} {
		ch := office()
		ch.Connector.ClientSecret = secret
		h.mustSignIn(t, ch)
		asked := h.asked("token")
		if _, got, _ := (&http.Request{Header: asked[len(asked)-1].header}).BasicAuth(); got != secret {
			t.Errorf("the secret sent is %q, want %q", got, secret)
		}
	}
}

func TestT19TokenEndpointErrors(t *testing.T) {
	const canary = "SECRETCANARY"
	for _, tc := range []struct {
		name   string
		status int
		body   string
		code   app.Code
		reason string
		why    string
	}{
		{"invalid_client", 401, `{"error":"invalid_client","error_description":"SECRETCANARY"}`, app.Unavailable, app.ProviderRefusedUs, "invalid_client"},
		{"unauthorized_client", 400, `{"error":"unauthorized_client","error_uri":"SECRETCANARY"}`, app.Unavailable, app.ProviderRefusedUs, "unauthorized_client"},
		{"invalid_request", 400, `{"error":"invalid_request","error_description":"SECRETCANARY"}`, app.Unavailable, app.ProviderRefusedUs, "invalid_request"},
		{"invalid_grant", 400, `{"error":"invalid_grant","error_description":"SECRETCANARY"}`, app.Invalid, app.ProviderRefusedCode, "invalid_grant"},
		{"error with status 200", 200, `{"error":"invalid_grant","error_description":"SECRETCANARY"}`, app.Invalid, app.ProviderRefusedCode, "invalid_grant"},
		{"unknown error", 400, `{"error":"SECRETCANARY"}`, app.Unavailable, app.ProviderUnreachable, "token_endpoint"},
		{"server error", 500, `{"error":"invalid_client","error_description":"SECRETCANARY"}`, app.Unavailable, app.ProviderUnreachable, "token_endpoint"},
		{"too many", 429, `SECRETCANARY`, app.Unavailable, app.ProviderUnreachable, "token_endpoint"},
		{"no JSON", 200, `<html>SECRETCANARY`, app.Unavailable, app.ProviderUnreachable, "token_endpoint"},
		{"no access token", 200, `{"id_token":"SECRETCANARY"}`, app.Unavailable, app.ProviderUnreachable, "token_endpoint"},
		{"no ID token", 200, `{"access_token":"SECRETCANARY"}`, app.Denied, app.ProviderRefused, "token_missing"},
		{"ID token of another type", 200, `{"access_token":"SECRETCANARY","id_token":{}}`, app.Denied, app.ProviderRefused, "token_missing"},
		{"no token at all", 200, `{"access_token":"a","id_token":"SECRETCANARY"}`, app.Denied, app.ProviderRefused, "bad_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.answer["token"] = say(tc.status, tc.body)
			_, err := h.signIn(t, office())
			wantError(t, err, tc.code, tc.reason, tc.why)
			wantSilence(t, h, err, canary)
			if n := len(h.asked("token")); n != 1 {
				t.Errorf("%d token requests, want 1", n)
			}
		})
	}
}

func TestT19DocumentsAndKeysThatFail(t *testing.T) {
	const canary = "SECRETCANARY"
	for _, tc := range []struct {
		name, what, why string
		answer          http.HandlerFunc
	}{
		{"document, error", "document", "unreachable", say(500, canary)},
		{"document, no JSON", "document", "bad_discovery", say(200, canary)},
		{"document, twice the same", "document", "bad_discovery", say(200, `{"issuer":"https://idp.example","issuer":"https://idp.example"}`)},
		{"document, wrong type", "document", "bad_discovery", say(200, `{"issuer":["SECRETCANARY"]}`)},
		{"document, another issuer", "document", "bad_issuer", say(200, `{"issuer":"https://SECRETCANARY.example"}`)},
		{"document, issuer in capitals", "document", "bad_issuer", say(200, `{"ISSUER":"https://idp.example"}`)},
		{"keys, error", "keys", "unreachable", say(403, canary)},
		{"keys, no JSON", "keys", "bad_keys", say(200, canary)},
		{"keys, none", "keys", "bad_keys", say(200, `{"keys":[]}`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.answer[tc.what] = tc.answer
			_, err := h.signInTo(t, office())
			wantUnreachable(t, err, tc.why)
			wantSilence(t, h, err, canary)
			h.set(func() { delete(h.answer, tc.what) })
			h.mustSignIn(t, office()) // what failed is not remembered
		})
	}
}

func TestClockOff(t *testing.T) {
	h := newHostile(t)
	ch := office()
	if ahead, off := h.providers.ClockOff(ch.Connector); ahead != 0 || off {
		t.Errorf("ClockOff before any answer = %v, %v, want nothing", ahead, off)
	}
	for _, tc := range []struct {
		ahead  time.Duration
		off    bool
		logged int // warnings so far
	}{
		{0, false, 0}, {-time.Hour, true, 1}, {-2 * time.Hour, true, 1}, {30 * time.Second, false, 1}, {5 * time.Minute, true, 2},
	} {
		date := time.Now().Add(tc.ahead).UTC().Format(http.TimeFormat)
		h.set(func() {
			h.answer["token"] = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", date)
				say(http.StatusBadRequest, `{"error":"invalid_grant"}`)(w, r)
			}
		})
		_, err := h.signIn(t, ch)
		wantError(t, err, app.Invalid, app.ProviderRefusedCode, "invalid_grant")
		ahead, off := h.providers.ClockOff(ch.Connector)
		if off != tc.off || (ahead-tc.ahead).Abs() > 20*time.Second {
			t.Errorf("ClockOff = %v, %v, want about %v, %v", ahead, off, tc.ahead, tc.off)
		}
		if n := strings.Count(h.log.String(), "level=WARN"); n != tc.logged {
			t.Errorf("%d warnings with the clock %v ahead, want %d", n, tc.ahead, tc.logged)
		}
	}
	if _, off := h.providers.ClockOff(google().Connector); off {
		t.Error("the clock of a provider that was not asked is off")
	}
}

func TestNewWithoutLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := oidc.New(oidc.Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, http.ErrHandlerTimeout })})
		_, err := p.SignInURL(t.Context(), office())
		wantUnreachable(t, err, "unreachable")
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
