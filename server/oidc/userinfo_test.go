package oidc_test

import (
	"net/http"
	"testing"

	"foyer/app"
)

// TestUserinfo holds what is taken from the userinfo endpoint, of which the ID token alone says whom it is about.
func TestUserinfo(t *testing.T) {
	thin := map[string]any{"email": nil, "name": nil}
	named := map[string]any{"userinfo_endpoint": "https://idp.example/userinfo"}
	const jane = `{"sub":"s1","email":"jane@allowed.test","email_verified":true,"given_name":"Jane","family_name":"Doe","preferred_username":"jane"}`
	tests := []struct {
		name     string
		document map[string]any
		claims   map[string]any
		status   int
		body     string
		asked    int
		want     app.Claims
		why      string // of the refusal, "" for none
	}{
		{"all of it", named, thin, 200, jane, 1, app.Claims{Email: "jane@allowed.test", EmailVerified: true, FirstName: "Jane", LastName: "Doe", Username: "jane"}, ""},
		{"no address there either", named, thin, 200, `{"sub":"s1"}`, 1, app.Claims{}, ""},
		{"names of the token stay", named, map[string]any{"email": nil, "name": "J. D."}, 200, jane, 1, app.Claims{Email: "jane@allowed.test", EmailVerified: true, Name: "J. D.", Username: "jane"}, ""},
		{"not asked when the token has an address", named, nil, 200, `{"sub":"s1","email":"other@evil.test"}`, 0, app.Claims{Email: "jane@allowed.test", Name: "Jane Doe"}, ""},
		{"no endpoint", nil, thin, 200, jane, 0, app.Claims{}, ""},
		{"endpoint at an inner address", map[string]any{"userinfo_endpoint": "https://169.254.169.254/userinfo"}, thin, 200, jane, 0, app.Claims{}, ""},
		{"endpoint without TLS", map[string]any{"userinfo_endpoint": "http://idp.example/userinfo"}, thin, 200, jane, 0, app.Claims{}, ""},
		{"another subject", named, thin, 200, `{"sub":"s2","email":"victim@allowed.test"}`, 1, app.Claims{}, "bad_subject"},
		{"no subject", named, thin, 200, `{"email":"victim@allowed.test"}`, 1, app.Claims{}, "bad_subject"},
		{"subject of another case", named, thin, 200, `{"SUB":"s1","email":"victim@allowed.test"}`, 1, app.Claims{}, "bad_subject"},
		{"names of another case", named, thin, 200, `{"sub":"s1","email":"x@evil.test","Email":"victim@allowed.test"}`, 1, app.Claims{Email: "x@evil.test"}, ""},
		{"twice the same name", named, thin, 200, `{"sub":"s1","email":"x@evil.test","email":"victim@allowed.test"}`, 1, app.Claims{}, "bad_userinfo"},
		{"address that is a list", named, thin, 200, `{"sub":"s1","email":["victim@allowed.test"]}`, 1, app.Claims{}, "bad_claim_type"},
		{"no JSON", named, thin, 200, `<html>`, 1, app.Claims{}, "bad_userinfo"},
		{"a signed one, which we did not ask for", named, thin, 200, `eyJhbGciOiJub25lIn0.e30.`, 1, app.Claims{}, "bad_userinfo"},
		{"refused", named, thin, 401, `{"error":"SECRETCANARY"}`, 1, app.Claims{}, "unreachable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHostile(t)
			h.set(func() {
				h.document, h.claims = tt.document, tt.claims
				h.answer["userinfo"] = say(tt.status, tt.body)
			})
			got, err := h.signIn(t, office())
			asked := h.asked("userinfo")
			if len(asked) != tt.asked || tt.asked > 0 && asked[0].header.Get("Authorization") != "Bearer at" {
				t.Errorf("asked: got %+v, want %d with the token of this sign-in", asked, tt.asked)
			}
			switch {
			case tt.why == "unreachable":
				wantUnreachable(t, err, tt.why)
				wantSilence(t, h, err, "SECRETCANARY")
			case tt.why != "":
				wantRefused(t, err, tt.why)
			default:
				tt.want.IdentityKey = app.IdentityKey{Issuer: "https://idp.example", Subject: "s1"}
				if err != nil || got != tt.want {
					t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
				}
			}
		})
	}
	// What Microsoft and Google say is in their tokens: nothing else is asked there.
	h := newHostile(t)
	h.set(func() {
		h.document, h.claims = map[string]any{"userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo"}, map[string]any{"email": nil}
		h.answer["userinfo"] = say(http.StatusOK, jane)
	})
	if got := h.mustSignIn(t, entra(tenantA)); got.Email != "" || len(h.asked("userinfo")) != 0 {
		t.Errorf("Entra: got %+v, asked %d", got, len(h.asked("userinfo")))
	}
}
