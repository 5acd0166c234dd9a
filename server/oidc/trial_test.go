package oidc_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"foyer/app"
)

// tried returns the names of a trial's steps, the failed one with "!", and what the last one says.
func tried(steps []app.TrialStep) (names, last string) {
	var words []string
	for _, s := range steps {
		word := s.Name
		if !s.OK {
			word += "!"
		}
		words = append(words, word)
		last = s.Detail
	}
	return strings.Join(words, " "), last
}

func (h *hostile) try(tb testing.TB, ch app.Challenge) (names, last string) {
	tb.Helper()
	steps := h.providers.Try(tb.Context(), ch.Connector, ch.RedirectURI)
	all := fmt.Sprintf("%+v %s", steps, h.log)
	for _, secret := range []string{"SECRETCANARY", ch.Connector.ClientSecret} {
		if secret != "" && strings.Contains(all, secret) {
			tb.Errorf("the trial or the log holds %s: %s", secret, all)
		}
	}
	return tried(steps)
}

const allSteps = "discovery keys clock client"

func TestTryHonest(t *testing.T) {
	for _, ch := range []app.Challenge{office(), google(), entra(tenantA, tenantA), entra(app.ManyTenants, tenantA)} {
		h := newHostile(t)
		h.answer["token"] = say(400, `{"error":"invalid_grant","error_description":"SECRETCANARY"}`)
		names, last := h.try(t, ch)
		if names != allSteps || last != "the provider knows the client and takes its secret" {
			t.Errorf("%s: %s: %s", ch.Connector.Name, names, last)
		}
		asked := h.asked("token")
		if len(asked) != 1 {
			t.Fatalf("%s: %d token requests, want 1", ch.Connector.Name, len(asked))
		}
		form := asked[0].form
		if form.Get("grant_type") != "authorization_code" || form.Get("redirect_uri") != ch.RedirectURI || form.Get("code_verifier") == "" || form.Get("code") == "" {
			t.Errorf("%s: the token request is %v", ch.Connector.Name, form)
		}
	}
	h := newHostile(t)
	h.answer["token"] = say(400, `{"error":"invalid_grant"}`)
	ch := office()
	ch.Connector.ClientSecret = ""
	if names, last := h.try(t, ch); names != allSteps || last != "the provider knows the client" {
		t.Errorf("without a secret: %s: %s", names, last)
	}
	ch.Connector.ClientID = ""
	if names, last := h.try(t, ch); names != "discovery!" || !strings.Contains(last, "client_id") {
		t.Errorf("without a client id: %s: %s", names, last)
	}
}

func TestTryTokenEndpoint(t *testing.T) {
	entraSays := func(word string, code int) string {
		return fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: SECRETCANARY","error_codes":[%d]}`, word, code, code)
	}
	for _, tc := range []struct {
		ch     app.Challenge
		status int
		body   string
		ok     bool
		want   string
	}{
		{office(), 401, `{"error":"invalid_client","error_description":"SECRETCANARY"}`, false, "does not take the client id or the secret (invalid_client)"},
		{office(), 400, `{"error":"unauthorized_client"}`, false, "(unauthorized_client)"},
		{office(), 400, `{"error":"invalid_request"}`, false, "(invalid_request) does not tell"},
		{office(), 400, `{"error":"SECRETCANARY"}`, false, "does not tell"},
		{office(), 200, `{"error":"invalid_grant"}`, true, "knows the client"},
		{office(), 500, `{"error":"invalid_client"}`, false, "status 500"},
		{office(), 429, `SECRETCANARY`, false, "status 429"},
		{office(), 200, `<html>SECRETCANARY`, false, "not understood"},
		{office(), 200, `{"id_token":"SECRETCANARY"}`, false, "not understood"},
		{office(), 200, `{"access_token":"SECRETCANARY","id_token":"SECRETCANARY"}`, false, "cannot have issued"},
		{google(), 400, `{"error":"redirect_uri_mismatch"}`, false, "register https://app.example.test/auth/google/callback"},
		{entra(tenantA), 401, entraSays("invalid_client", 7000215), false, "secret is wrong; copy what stands under Value"},
		{entra(tenantA), 401, entraSays("invalid_client", 7000222), false, "has expired"},
		{entra(tenantA), 401, entraSays("invalid_client", 7000218), false, "wants a client secret"},
		{entra(tenantA), 400, entraSays("unauthorized_client", 700016), false, "no application with this client id"},
		{entra(tenantA), 400, entraSays("invalid_request", 90002), false, "no such tenant"},
		{entra(tenantA), 400, entraSays("invalid_request", 50011), false, "register https://app.example.test/auth/entra/callback"},
		{entra(tenantA), 400, entraSays("invalid_grant", 70008), true, "takes its secret"},
		{entra(tenantA), 400, entraSays("invalid_grant", 9002313), true, "at the first sign-in"},
		{entra(tenantA), 400, entraSays("invalid_request", 9002313), true, "at the first sign-in"},
		{entra(tenantA), 401, entraSays("invalid_client", 70008), false, "(invalid_client)"},
		{entra(tenantA), 401, `{"error":"invalid_client","error_description":"AADSTS7000222: SECRETCANARY"}`, false, "has expired"},
		{entra(tenantA), 401, `{"error":"invalid_client","error_codes":["7000222"]}`, false, "(invalid_client)"},
		{office(), 401, entraSays("invalid_client", 7000222), false, "(invalid_client)"}, // the numbers are Microsoft's alone
	} {
		h := newHostile(t)
		h.answer["token"] = say(tc.status, tc.body)
		names, last := h.try(t, tc.ch)
		if want := map[bool]string{true: allSteps, false: allSteps + "!"}[tc.ok]; names != want || !strings.Contains(last, tc.want) {
			t.Errorf("%s says %d %s: got %s: %s, want %s and %q", tc.ch.Connector.Name, tc.status, tc.body, names, last, want, tc.want)
		}
	}
}

func TestTryDocumentAndKeys(t *testing.T) {
	for _, tc := range []struct {
		what   string
		answer http.HandlerFunc
		names  string
		want   string
	}{
		{"document", say(500, "SECRETCANARY"), "discovery!", "status 500"},
		{"document", say(200, "SECRETCANARY"), "discovery!", ""},
		{"document", say(200, `{"issuer":"https://SECRETCANARY.example"}`), "discovery!", "names another issuer"},
		{"document", say(200, `{"issuer":"https://idp.example/"}`), "discovery!", "but for a / at the end"},
		{"document", http.RedirectHandler("https://SECRETCANARY.example", http.StatusFound).ServeHTTP, "discovery!", "redirect"},
		{"document", flood(false), "discovery!", "larger than 1 MiB"},
		{"keys", say(403, "SECRETCANARY"), "discovery keys!", "status 403"},
		{"keys", say(200, `{"keys":[]}`), "discovery keys!", "publishes no key"},
		{"token", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, allSteps + "!", "no answer"},
	} {
		h := newHostile(t)
		h.answer[tc.what] = tc.answer
		names, last := h.try(t, office())
		if names != tc.names || !strings.Contains(last, tc.want) {
			t.Errorf("%s: got %s: %s, want %s and %q", tc.what, names, last, tc.names, tc.want)
		}
	}
}

// A trial asks anew, whatever is kept for sign-ins, and what is kept for these stays as it is.
func TestTryAsksAnew(t *testing.T) {
	h := newHostile(t)
	h.mustSignIn(t, office())
	h.set(func() { h.answer["document"] = say(500, "") })
	if names, _ := h.try(t, office()); names != "discovery!" {
		t.Errorf("while the provider is down: %s", names)
	}
	h.mustSignIn(t, office())
}

func TestTryClock(t *testing.T) {
	for ahead, want := range map[time.Duration]string{0: allSteps, time.Hour: "discovery keys clock!", -time.Hour: "discovery keys clock!"} {
		h := newHostile(t)
		h.answer["token"] = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			say(http.StatusBadRequest, `{"error":"invalid_grant"}`)(w, r)
		}
		if names, last := h.try(t, office()); names != want {
			t.Errorf("the clock %v ahead: got %s: %s, want %s", ahead, names, last, want)
		}
	}
	h := newHostile(t)
	h.answer["token"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		say(http.StatusBadRequest, `{"error":"invalid_grant"}`)(w, r)
	}
	steps := h.providers.Try(t.Context(), office().Connector, "https://app.example.test/")
	if i := slices.IndexFunc(steps, func(s app.TrialStep) bool { return s.Name == "clock" }); i < 0 || !strings.Contains(steps[i].Detail, "does not say") {
		t.Errorf("without a date: %+v", steps)
	}
}

// Whatever hangs, a trial ends after ten seconds.
func TestTryHanging(t *testing.T) {
	for _, what := range []string{"document", "keys", "token"} {
		synctest.Test(t, func(t *testing.T) {
			h := newHostile(t)
			h.answer[what] = hang
			start := time.Now()
			names, last := h.try(t, office())
			if took := time.Since(start); took > 10*time.Second || !strings.HasSuffix(names, "!") || !strings.Contains(last, "in time") {
				t.Errorf("%s hangs: %v, %s: %s", what, took, names, last)
			}
		})
	}
}

func TestTryOnThisMachine(t *testing.T) {
	h, ch := onThisMachine(t)
	h.answer["token"] = say(400, `{"error":"invalid_grant"}`)
	if names, last := h.try(t, ch); names != allSteps {
		t.Errorf("got %s: %s", names, last)
	}
}
