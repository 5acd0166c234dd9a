package oidc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/oidc"
)

// A token of Entra with the address of somebody else, in all the claims that programs have taken for one: what it says
// about the address is handed on as what it is, and what only looks like one is none.
func TestT01ForgedAddress(t *testing.T) {
	for _, name := range []string{"preferred_username", "upn", "unique_name", "verified_primary_email", "Email", "EMAIL"} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.claims["email"], h.claims[name] = nil, "victim@allowed.test"
			claims := h.mustSignIn(t, entra(tenantA, tenantA))
			if claims.Email != "" || claims.EmailVerified || claims.DomainOwned {
				t.Errorf("with %s alone, Email = %q, EmailVerified = %v, DomainOwned = %v, want none", name, claims.Email, claims.EmailVerified, claims.DomainOwned)
			}
		})
	}
}

func TestT02IssuersAndTenants(t *testing.T) {
	unknown := func(tb testing.TB, err error) {
		tb.Helper()
		wantError(tb, err, app.Denied, app.ProviderTenant, "tenant_unknown")
	}
	because := func(why string) func(testing.TB, error) {
		return func(tb testing.TB, err error) {
			tb.Helper()
			wantRefused(tb, err, why)
		}
	}
	const sts = "https://sts.windows.net/" + tenantA + "/"
	one, many := entra(tenantA, tenantA), entra(app.ManyTenants, tenantA, tenantC)
	for _, tc := range []struct {
		name   string
		ch     app.Challenge
		claims map[string]any
		check  func(testing.TB, error)
	}{
		{"one: iss A, tid B", one, map[string]any{"tid": tenantB}, because("tenant_mismatch")},
		{"one: iss B, tid A", one, map[string]any{"iss": app.EntraIssuer(tenantB)}, because("bad_issuer")},
		{"one: iss and tid B", one, map[string]any{"iss": app.EntraIssuer(tenantB), "tid": tenantB}, because("bad_issuer")},
		{"one: iss of nobody", one, map[string]any{"iss": app.EntraIssuer("{tenantid}")}, because("bad_issuer")},
		{"one: iss of v1", one, map[string]any{"iss": sts}, because("bad_issuer")},
		{"one: iss with a slash", one, map[string]any{"iss": app.EntraIssuer(tenantA) + "/"}, because("bad_issuer")},
		{"one: iss in capitals", one, map[string]any{"iss": strings.ToUpper(app.EntraIssuer(tenantA))}, because("bad_issuer")},
		{"one: no iss", one, map[string]any{"iss": nil}, because("bad_issuer")},
		{"one: no tid", one, map[string]any{"tid": nil}, because("tenant_mismatch")},
		{"one: tid a number", one, map[string]any{"tid": 7}, because("tenant_mismatch")},
		{"one: personal", one, map[string]any{"iss": app.EntraIssuer(personal), "tid": personal}, because("bad_issuer")},
		{"one: personal tid", one, map[string]any{"tid": personal}, because("tenant_mismatch")},
		{"many: iss A, tid B", many, map[string]any{"tid": tenantB}, unknown},
		{"many: iss A, tid C", many, map[string]any{"tid": tenantC}, because("bad_issuer")},
		{"many: iss C, tid A", many, map[string]any{"iss": app.EntraIssuer(tenantC)}, because("bad_issuer")},
		{"many: iss and tid B", many, map[string]any{"iss": app.EntraIssuer(tenantB), "tid": tenantB}, unknown},
		{"many: iss of nobody", many, map[string]any{"iss": app.EntraIssuer("{tenantid}")}, because("bad_issuer")},
		{"many: tid of nobody", many, map[string]any{"iss": app.EntraIssuer("{tenantid}"), "tid": "{tenantid}"}, unknown},
		{"many: iss of v1", many, map[string]any{"iss": sts}, because("bad_issuer")},
		{"many: iss with a slash", many, map[string]any{"iss": app.EntraIssuer(tenantA) + "/"}, because("bad_issuer")},
		{"many: no tid", many, map[string]any{"tid": nil}, unknown},
		{"many: tid a list", many, map[string]any{"tid": []string{tenantA}}, unknown},
		{"many: tid in capitals", many, map[string]any{"tid": strings.ToUpper(tenantA)}, unknown},
		{"many: personal", many, map[string]any{"iss": app.EntraIssuer(personal), "tid": personal}, unknown},
		{"many: organizations", many, map[string]any{"tid": app.ManyTenants}, unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.claims = tc.claims
			claims, err := h.signIn(t, tc.ch)
			if claims != (app.Claims{}) {
				t.Errorf("Claims = %+v beside an error", claims)
			}
			tc.check(t, err)
		})
	}
}

func TestT02KeyOfAnotherTenant(t *testing.T) {
	h := newHostile(t)
	// The keys are those of tenant B; A publishes others.
	h.key = testKeys()["rsa2"]
	_, err := h.signIn(t, entra(app.ManyTenants, tenantA, tenantC))
	wantRefused(t, err, "bad_signature")
	for _, r := range h.asked("keys") {
		if want := "/" + tenantA + "/discovery/v2.0/keys"; r.path != want {
			t.Errorf("keys were fetched from %s, want %s", r.path, want)
		}
	}
}

// The tenant of personal accounts comes in only when the administrator has listed it.
func TestT02PersonalTenantWhenListed(t *testing.T) {
	h := newHostile(t)
	h.claims["iss"], h.claims["tid"] = app.EntraIssuer(personal), personal
	if claims := h.mustSignIn(t, entra(app.ManyTenants, personal)); claims.Tenant != personal {
		t.Errorf("Tenant = %q, want %q", claims.Tenant, personal)
	}
}

func TestT03Guests(t *testing.T) {
	for _, tc := range []struct {
		name          string
		claims        map[string]any
		member, guest bool
	}{
		{"acct 0", map[string]any{"acct": 0}, true, false},
		{"acct 0 as text", map[string]any{"acct": "0"}, true, false},
		{"acct 1", map[string]any{"acct": 1}, false, true},
		{"acct 1 as text", map[string]any{"acct": "1"}, false, true},
		{"no acct", map[string]any{"acct": nil}, false, false},
		{"acct false", map[string]any{"acct": false}, false, false},
		{"acct 2", map[string]any{"acct": 2}, false, false},
		{"acct a list", map[string]any{"acct": []int{0}}, false, false},
		{"acct 0.0", map[string]any{"acct": "0.0"}, false, false},
		{"guest's address", map[string]any{"email": "x_evil.test#EXT#@allowed.onmicrosoft.com"}, true, true},
		{"guest's name", map[string]any{"preferred_username": "x_evil.test#ext#@allowed.onmicrosoft.com"}, true, true},
		{"guest's upn", map[string]any{"upn": "x_evil.test#Ext#@allowed.onmicrosoft.com"}, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.claims = tc.claims
			claims := h.mustSignIn(t, entra(tenantA, tenantA))
			if claims.Member != tc.member || claims.Guest != tc.guest {
				t.Errorf("with %v, Member, Guest = %v, %v, want %v, %v", tc.claims, claims.Member, claims.Guest, tc.member, tc.guest)
			}
		})
	}
}

func TestT04DomainOwned(t *testing.T) {
	for _, tc := range []struct {
		value any
		want  bool
	}{
		{true, true},
		{"1", true},
		{"true", true},
		{1, true},
		{false, false},
		{nil, false}, // absent
		{"True", false},
		{"0", false},
		{0, false},
		{2, false},
		{[]bool{true}, false},
		{map[string]bool{"true": true}, false},
	} {
		t.Run(fmt.Sprintf("%T %v", tc.value, tc.value), func(t *testing.T) {
			h := newHostile(t)
			h.claims["xms_edov"] = tc.value
			if claims := h.mustSignIn(t, entra(tenantA, tenantA)); claims.DomainOwned != tc.want {
				t.Errorf("with xms_edov = %v, DomainOwned = %v, want %v", tc.value, claims.DomainOwned, tc.want)
			}
			// It is Entra's alone.
			if claims := h.mustSignIn(t, office()); claims.DomainOwned || claims.Member || claims.Tenant != "" || claims.Object != "" {
				t.Errorf("Claims of another provider = %+v, want nothing of Entra's", claims)
			}
		})
	}
}

func TestT05Google(t *testing.T) {
	for _, tc := range []struct {
		name     string
		claims   map[string]any
		hd       string
		verified bool
	}{
		{"workspace", map[string]any{}, "allowed.test", true},
		{"short issuer", map[string]any{"iss": "accounts.google.com"}, "allowed.test", true},
		{"consumer", map[string]any{"hd": nil}, "", true},
		{"foreign workspace", map[string]any{"hd": "evil.test"}, "evil.test", true},
		{"not verified", map[string]any{"email_verified": false}, "allowed.test", false},
		{"verified, as text", map[string]any{"email_verified": "true"}, "allowed.test", false},
		{"verified, as a number", map[string]any{"email_verified": 1}, "allowed.test", false},
		{"verified, absent", map[string]any{"email_verified": nil}, "allowed.test", false},
		{"verified, a list", map[string]any{"email_verified": []bool{true}}, "allowed.test", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.claims = tc.claims
			claims := h.mustSignIn(t, google())
			if claims.Issuer != app.GoogleIssuer || claims.HostedDomain != tc.hd || claims.EmailVerified != tc.verified {
				t.Errorf("with %v, Claims = %+v, want issuer %s, hd %q, verified %v", tc.claims, claims, app.GoogleIssuer, tc.hd, tc.verified)
			}
		})
	}
	for _, iss := range []string{"http://accounts.google.com", "https://accounts.google.com/", "accounts.google.com.evil.test", "https://https://accounts.google.com", officeIssuer} {
		h := newHostile(t)
		h.claims["iss"] = iss
		_, err := h.signIn(t, google())
		wantRefused(t, err, "bad_issuer")
	}
	// Another provider cannot leave out its scheme, nor be Google's.
	for _, iss := range []string{"idp.example", "accounts.google.com", app.GoogleIssuer} {
		h := newHostile(t)
		h.claims["iss"] = iss
		_, err := h.signIn(t, office())
		wantRefused(t, err, "bad_issuer")
	}
}

// payload returns an honest payload of office with some members more, as they stand.
func payload(more string) string {
	now := time.Now().Unix()
	return fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"s1","exp":%d,"iat":%d,"nonce":"NONCE"%s}`, officeIssuer, clientID, now+3600, now, more)
}

// signInWith signs in with a provider that signs exactly this; NONCE in it is the sign-in's.
func signInWith(tb testing.TB, payload string) (app.Claims, error) {
	tb.Helper()
	h, ch := newHostile(tb), office()
	h.payload = strings.ReplaceAll(payload, "NONCE", string(ch.Nonce))
	return h.signIn(tb, ch)
}

func TestT07ExactNames(t *testing.T) {
	claims, err := signInWith(t, payload(`,"email":"attacker@evil","Email":"victim@allowed.com","email_verified":false,"EMAIL_VERIFIED":true`))
	if err != nil || claims.Email != "attacker@evil" || claims.EmailVerified {
		t.Errorf("Claims = %+v, %v, want attacker@evil, not verified", claims, err)
	}
	claims, err = signInWith(t, payload(` , "email" : "a@b.test" , "email_verified" : true , "\u006eame" : "Jane" `))
	if err != nil || claims.Email != "a@b.test" || !claims.EmailVerified || claims.Name != "Jane" {
		t.Errorf("Claims with blanks and escapes = %+v, %v", claims, err)
	}
	for name, more := range map[string]string{
		"email twice":          `,"email":"a@allowed.test","email":"b@allowed.test"`,
		"sub twice":            `,"sub":"s2"`,
		"sub twice, escaped":   `,"s\u0075b":"s2"`,
		"something else twice": `,"x":1,"x":1`,
		"more after it":        `}{"sub":"s2"`,
		"not UTF-8":            ",\"name\":\"\xff\"",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := signInWith(t, payload(more))
			wantRefused(t, err, "bad_token")
		})
	}
	for _, text := range []string{"", "null", "[]", `"x"`, "{", "x"} {
		h := newHostile(t)
		h.rawToken = func([]byte) string { return signed(testKeys()["rsa"], []byte(text)) }
		_, err := h.signIn(t, office())
		wantRefused(t, err, "bad_token")
	}
}

func TestT07Types(t *testing.T) {
	for _, name := range []string{"email", "name", "given_name", "family_name", "preferred_username", "hd"} {
		for _, value := range []string{`["a@allowed.test"]`, `7`, `null`, `{"a":"b"}`, `true`} {
			t.Run(name+" "+value, func(t *testing.T) {
				claims, err := signInWith(t, payload(`,"`+name+`":`+value))
				wantRefused(t, err, "bad_claim_type")
				if claims != (app.Claims{}) {
					t.Errorf("Claims = %+v beside an error", claims)
				}
			})
		}
	}
	for _, name := range []string{"oid", "upn"} {
		h := newHostile(t)
		h.claims[name] = 7
		_, err := h.signIn(t, entra(tenantA, tenantA))
		wantRefused(t, err, "bad_claim_type")
	}
}

func TestT07Lengths(t *testing.T) {
	long := strings.Repeat("x", 300)
	claims, err := signInWith(t, payload(fmt.Sprintf(`,"name":%q,"given_name":%q,"family_name":%q,"preferred_username":%q,"email":%q`, long, long, long, long, long)))
	want := app.Claims{IdentityKey: app.IdentityKey{Issuer: officeIssuer, Subject: "s1"}, Email: long}
	if err != nil || claims != want {
		t.Errorf("Claims with long names = %+v, %v, want them left out", claims, err)
	}
	_, err = signInWith(t, payload(`,"email":"`+strings.Repeat("x", 321)+`"`))
	wantRefused(t, err, "bad_claim_type")
	_, err = signInWith(t, payload(`,"hd":"`+long+`"`))
	wantRefused(t, err, "bad_claim_type")
	claims, err = signInWith(t, payload(`,"preferred_username":"jane\u202e"`))
	if err != nil || claims.Username != "" {
		t.Errorf("Username with a control = %q, %v, want it left out", claims.Username, err)
	}
}

func TestT08WhatTheLibraryDoesNotCheck(t *testing.T) {
	now := time.Now()
	for _, tc := range []struct {
		name   string
		claims map[string]any
		why    string // "": it is taken
	}{
		{"honest", nil, ""},
		{"no sub", map[string]any{"sub": nil}, "bad_subject"},
		{"empty sub", map[string]any{"sub": ""}, "bad_subject"},
		{"sub a number", map[string]any{"sub": 7}, "bad_subject"},
		{"sub of 255", map[string]any{"sub": strings.Repeat("s", 255)}, ""},
		{"sub of 256", map[string]any{"sub": strings.Repeat("s", 256)}, "bad_subject"},
		{"sub not ASCII", map[string]any{"sub": "\u212a"}, "bad_subject"},
		{"sub with NUL", map[string]any{"sub": "s\x00"}, "bad_subject"},
		{"sub with DEL", map[string]any{"sub": "s\x7f"}, "bad_subject"},
		{"no iat", map[string]any{"iat": nil}, "bad_time"},
		{"iat 300 days ago", map[string]any{"iat": now.AddDate(0, 0, -300).Unix()}, "bad_time"},
		{"iat 11 min ago", map[string]any{"iat": now.Add(-11 * time.Minute).Unix()}, "bad_time"},
		{"iat 9 min ago", map[string]any{"iat": now.Add(-9 * time.Minute).Unix()}, ""},
		{"iat in 11 min", map[string]any{"iat": now.Add(11 * time.Minute).Unix()}, "bad_time"},
		{"iat a text", map[string]any{"iat": fmt.Sprint(now.Unix())}, "bad_time"},
		{"iat huge", map[string]any{"iat": 1e300}, "bad_time"},
		{"iat with a fraction", map[string]any{"iat": float64(now.Unix()) + 0.5}, ""},
		{"no exp", map[string]any{"exp": nil}, "token_expired"},
		{"exp 1 s ago", map[string]any{"exp": now.Add(-time.Second).Unix()}, "token_expired"},
		{"exp a text", map[string]any{"exp": "never"}, "token_expired"},
		{"exp huge", map[string]any{"exp": 1e30}, "token_expired"},
		{"nbf in 6 min", map[string]any{"nbf": now.Add(6 * time.Minute).Unix()}, "bad_time"},
		{"nbf in 4 min", map[string]any{"nbf": now.Add(4 * time.Minute).Unix()}, ""},
		{"no aud", map[string]any{"aud": nil}, "bad_audience"},
		{"aud another", map[string]any{"aud": "evil"}, "bad_audience"},
		{"aud almost", map[string]any{"aud": clientID + " "}, "bad_audience"},
		{"aud alone, in a list", map[string]any{"aud": []string{clientID}}, ""},
		{"aud empty list", map[string]any{"aud": []string{}}, "bad_audience"},
		{"aud of two, no azp", map[string]any{"aud": []string{clientID, "evil"}}, "bad_audience"},
		{"aud of two, azp the other", map[string]any{"aud": []string{clientID, "evil"}, "azp": "evil"}, "bad_audience"},
		{"aud of two, azp ours", map[string]any{"aud": []string{"other", clientID}, "azp": clientID}, ""},
		{"aud of others, azp ours", map[string]any{"aud": []string{"a", "b"}, "azp": clientID}, "bad_audience"},
		{"azp another", map[string]any{"azp": "evil"}, "bad_audience"},
		{"azp a list", map[string]any{"azp": []string{clientID}}, "bad_audience"},
		{"azp ours", map[string]any{"azp": clientID}, ""},
		{"aud an object", map[string]any{"aud": map[string]string{clientID: clientID}}, "bad_audience"},
		{"claims elsewhere", map[string]any{"_claim_names": map[string]string{"email": "there"}}, "bad_token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHostile(t)
			h.claims = tc.claims
			_, err := h.signIn(t, office())
			if tc.why != "" {
				wantRefused(t, err, tc.why)
			} else if err != nil {
				t.Errorf("Claims with %v: %v", tc.claims, err)
			}
		})
	}
}

// What is expected of a token is never nothing: without a client id or a nonce no token is ours.
func TestNothingIsExpected(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const text = `{"iss":"https://idp.example","aud":"","azp":"","sub":"s1","exp":1800000100,"iat":1800000000,"nonce":""}`
	_, err := oidc.DecodeClaims([]byte(text), app.ConnectorOIDC, officeIssuer, "", "", "", now)
	wantRefused(t, err, "bad_audience")
	_, err = oidc.DecodeClaims([]byte(strings.ReplaceAll(text, `""`, `"c"`)), app.ConnectorOIDC, officeIssuer, "c", "", "", now)
	wantRefused(t, err, "bad_nonce")
}

func TestT13Nonce(t *testing.T) {
	old := newHostile(t)
	before := office()
	old.mustSignIn(t, before)
	for name, nonce := range map[string]any{
		"none": nil, "empty": "", "another": string(app.NewToken()), "that of a sign-in before": string(before.Nonce), "a number": 7, "a list": []string{"x"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.claims["nonce"] = nonce
			_, err := h.signIn(t, office())
			wantRefused(t, err, "bad_nonce")
		})
	}
}

func TestT20TenantsThatAreNone(t *testing.T) {
	for _, tid := range []string{
		"x/../../evil", tenantA + "@evil.test", tenantA + "%2f..", tenantA + "/..", tenantA + "\x00", "evil.test#" + tenantA, tenantA + "\n", "", tenantB,
	} {
		t.Run(tid, func(t *testing.T) {
			h := newHostile(t)
			h.claims["tid"], h.claims["iss"] = tid, app.EntraIssuer(tid)
			_, err := h.signIn(t, entra(app.ManyTenants, tenantA, tid))
			if tid == tenantB {
				if err != nil {
					t.Errorf("Claims of a tenant that is set: %v", err)
				}
				return
			}
			wantError(t, err, app.Denied, app.ProviderTenant, "tenant_unknown")
			if documents, all := len(h.asked("document")), len(h.asked("")); documents != 1 || all != 2 {
				t.Errorf("%d documents, %d requests, want that of organizations and the exchange only", documents, all)
			}
			if got := hosts(h.asked("")); len(got) != 1 || got[0] != "login.microsoftonline.com" {
				t.Errorf("requests went to %q", got)
			}
		})
	}
}
