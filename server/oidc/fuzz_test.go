package oidc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"foyer/app"
	"foyer/server/oidc"
)

// FuzzClaims decodes payloads whose signature is good: whatever a provider signs, a Claims has a subject and is of the
// provider and for this sign-in, and nothing in it comes from a claim of another name or type.
func FuzzClaims(f *testing.F) {
	const head = `{"iss":"https://idp.example","aud":"client-1","sub":"s1","exp":1800003600,"iat":1800000000,"nonce":"n"`
	for _, more := range []string{
		`}`, `,"email":"jane@allowed.test","email_verified":true,"name":"Jane Doe","given_name":"Jane","family_name":"Doe","preferred_username":"jane"}`,
		`,"Email":"victim@allowed.test","EMAIL_VERIFIED":true}`, `,"email":["a"]}`, `,"email":null}`, `,"sub":"s2"}`, `,"azp":"client-1"}`, `,"nbf":1}`, ` } `,
		`,"tid":"` + tenantA + `","oid":"o","acct":0,"xms_edov":"1"}`, `,"hd":"allowed.test"}`, `,"name":"\ud800"}`, `}{}`, `,"sub":{"a":{"b":[1,2]}}}`,
	} {
		f.Add([]byte(head + more))
	}
	f.Add([]byte(`{"iss":"https://idp.example","aud":["client-1","x"],"azp":"client-1","sub":"","exp":1e99,"iat":-1,"nonce":"n"}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, kind := range app.ConnectorKinds() {
			claims, err := oidc.DecodeClaims(payload, kind, officeIssuer, clientID, "n", tenantA, time.Unix(1_800_000_000, 0))
			if err != nil {
				if claims != (app.Claims{}) {
					t.Errorf("DecodeClaims(%q) = %+v beside its error", payload, claims)
				}
				if app.CodeOf(err) != app.Denied || app.ReasonOf(err) != app.ProviderRefused {
					t.Errorf("DecodeClaims(%q) = %v, want it refused", payload, err)
				}
				continue
			}
			checkClaims(t, payload, kind, claims)
		}
	})
}

func checkClaims(t *testing.T, payload []byte, kind app.ConnectorKind, c app.Claims) {
	t.Helper()
	var exact map[string]any
	if err := json.Unmarshal(payload, &exact); err != nil {
		t.Fatalf("DecodeClaims takes %q, which is no object: %v", payload, err)
	}
	if c.Subject == "" || len(c.Subject) > 255 || strings.Trim(c.Subject, " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != "" {
		t.Errorf("DecodeClaims(%q) has the subject %q", payload, c.Subject)
	}
	if c.Issuer != officeIssuer || exact["iss"] != officeIssuer || exact["nonce"] != "n" {
		t.Errorf("DecodeClaims(%q) = %+v is of another issuer or sign-in", payload, c)
	}
	for name, got := range map[string]string{
		"sub": c.Subject, "email": c.Email, "name": c.Name, "given_name": c.FirstName, "family_name": c.LastName, "preferred_username": c.Username,
		"hd": c.HostedDomain, "tid": c.Tenant, "oid": c.Object,
	} {
		if got != "" && exact[name] != got {
			t.Errorf("DecodeClaims(%q) has %s %q, and the token %v", payload, name, got, exact[name])
		}
	}
	if c.EmailVerified != (exact["email_verified"] == true) {
		t.Errorf("DecodeClaims(%q) has EmailVerified %v, and the token %v", payload, c.EmailVerified, exact["email_verified"])
	}
	ofEntra := kind == app.ConnectorEntra
	if (c.Tenant == tenantA) != ofEntra || !ofEntra && (c.Member || c.Guest || c.DomainOwned || c.Object != "") {
		t.Errorf("DecodeClaims(%q) of kind %s = %+v", payload, kind, c)
	}
}
