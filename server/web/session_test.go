package web_test

import (
	"net/http"
	"strings"
	"testing"

	"foyer/app"
)

func TestOriginMatrix(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	profile := "first_name=Eve&last_name=Doe&phone="
	proof := "&csrf=" + me.CSRF()
	own := strings.TrimPrefix(h.url, "http://")
	tests := []struct {
		name    string
		body    string
		headers []func(*http.Request)
		want    int
	}{
		{"same origin", profile + proof, []func(*http.Request){header("Origin", h.url)}, 303},
		{"same origin by fetch metadata", profile + proof, []func(*http.Request){header("Sec-Fetch-Site", "same-origin"), header("Origin", "null")}, 303},
		{"no browser, with the proof", profile + proof, nil, 303},
		{"no browser, without the proof", profile, nil, 403},
		{"proof of another session", profile + "&csrf=" + app.NewToken().CSRF(), []func(*http.Request){header("Origin", h.url)}, 403},
		{"empty proof", profile + "&csrf=", nil, 403},
		{"two proofs", profile + proof + proof, nil, 400},
		{"another origin", profile + proof, []func(*http.Request){header("Origin", "http://evil.example")}, 403},
		{"another port", profile + proof, []func(*http.Request){header("Origin", "http://127.0.0.1:1")}, 403},
		{"origin null", profile + proof, []func(*http.Request){header("Origin", "null")}, 403},
		{"cross-site", profile + proof, []func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Origin", h.url)}, 403},
		{"same-site", profile + proof, []func(*http.Request){header("Sec-Fetch-Site", "same-site"), header("Origin", h.url)}, 403},
		{"rebound name", profile + proof, []func(*http.Request){host("rebind.evil"), header("Origin", "http://rebind.evil")}, 421},
		{"our name as the origin of another host", profile + proof, []func(*http.Request){host("evil.example"), header("Origin", "http://"+own)}, 421},
	}
	for _, test := range tests {
		before := h.domain.account.FirstName
		a := h.post("/account", test.body, append(test.headers, cookie(me))...)
		if a.status != test.want {
			t.Errorf("%s: got %d, want %d", test.name, a.status, test.want)
		}
		if changed := h.domain.account.FirstName != before; changed && test.want != 303 {
			t.Errorf("%s: the profile was changed", test.name)
		}
		h.domain.account.FirstName = "Jane"
	}
	for _, path := range []string{"/login", "/logout", "/register", "/confirm", "/forgot", "/confirm/" + string(confirmToken)} {
		a := h.post(path, signUp, header("Origin", "http://evil.example"), cookie(me))
		a.want(t, "foreign POST "+path, http.StatusForbidden, "This is not permitted")
	}
	if got := len(h.domain.signedUp()); got != 0 {
		t.Errorf("%d foreign sign-ups were taken", got)
	}
}

func TestAccountNeedsASession(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	stranger := app.NewToken()
	for _, test := range []struct {
		name   string
		header func(*http.Request)
	}{
		{"no cookie", func(*http.Request) {}},
		{"unknown cookie", cookie(stranger)},
		{"rubbish", header("Cookie", "sid=%00<script>")},
		{"the name of the other mode", header("Cookie", "__Host-sid="+string(me))},
		{"two cookies, ours first", header("Cookie", "sid="+string(me)+"; sid="+string(stranger))},
		{"two cookies", header("Cookie", "sid="+string(stranger)+"; sid="+string(me))},
	} {
		h.get("/account", test.header).wantRedirect(t, "GET /account, "+test.name, "/login")
		h.post("/account", "csrf="+stranger.CSRF(), test.header).wantRedirect(t, "POST /account, "+test.name, "/login")
		h.post("/account/password", "csrf="+stranger.CSRF(), test.header).wantRedirect(t, "POST /account/password, "+test.name, "/login")
	}
	h.get("/account", cookie(me)).want(t, "with a session", 200, "Jane Doe")
}

// sessionCookie returns the value of the session's cookie that an answer sets, after checking the rest of it.
func (a answer) sessionCookie(t testing.TB, name, attributes string) string {
	t.Helper()
	lines := a.header.Values("Set-Cookie")
	if len(lines) != 1 {
		t.Fatalf("Set-Cookie: %q, want one", lines)
	}
	value, rest, _ := strings.Cut(strings.TrimPrefix(lines[0], name+"="), "; ")
	if !strings.HasPrefix(lines[0], name+"=") || rest != attributes {
		t.Errorf("Set-Cookie: got %q, want %s=...; %s", lines[0], name, attributes)
	}
	return value
}

func TestCookiesInBothModes(t *testing.T) {
	modes := []struct {
		url, name, attributes, deleted string
	}{
		{"http://localhost:8080", "sid", "Path=/; HttpOnly; SameSite=Lax", "Path=/; Max-Age=0; HttpOnly; SameSite=Lax"},
		{
			"https://accounts.novak.example", "__Host-sid", "Path=/; HttpOnly; Secure; SameSite=Lax",
			"Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		},
	}
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			h := open(t, trusted("127.0.0.1/32"))
			h.domain.set(func(s *app.Settings) { s.PublicURL = mode.url })
			chosen := string(app.NewToken())
			scheme, _, _ := strings.Cut(mode.url, ":")
			with := func(value string) func(*http.Request) {
				return func(r *http.Request) {
					r.Header.Set("Cookie", mode.name+"="+value)
					r.Header.Set("X-Forwarded-Proto", scheme) // of the proxy in front
				}
			}

			a := h.post("/login", "email=jane@example.com&password="+strings.ReplaceAll(goodPassword, " ", "+"), with(chosen))
			a.wantRedirect(t, "sign-in", "/account")
			first := a.sessionCookie(t, mode.name, mode.attributes)
			if first == chosen || len(first) != 43 {
				t.Errorf("the session's cookie is %q after %q was brought along", first, chosen)
			}

			a = h.post("/account/password", "csrf="+app.Token(first).CSRF()+"&current_password="+goodPassword+
				"&password=another+long+one&password_confirm=another+long+one", with(first))
			a.wantRedirect(t, "new password", "/account?notice=password")
			second := a.sessionCookie(t, mode.name, mode.attributes)
			if second == first {
				t.Error("the cookie stays after a new password")
			}
			h.get("/account", with(first)).wantRedirect(t, "old cookie", "/login")
			h.get("/account", with(second)).want(t, "new cookie", 200, "Jane Doe")

			a = h.post("/login", "email=jane@example.com&password=another+long+one", with(second))
			third := a.sessionCookie(t, mode.name, mode.attributes)
			h.get("/account", with(second)).wantRedirect(t, "cookie from before the second sign-in", "/login")

			a = h.post("/logout", "", with(third))
			a.wantRedirect(t, "sign-out", "/login?notice=signed-out")
			if got := a.sessionCookie(t, mode.name, mode.deleted); got != "" {
				t.Errorf("sign-out leaves the cookie %q", got)
			}
			h.get("/account", with(third)).wantRedirect(t, "cookie after sign-out", "/login")
		})
	}
}

func TestResetEndsTheSession(t *testing.T) {
	h := open(t)
	me := h.domain.signIn()
	a := h.post("/reset/"+string(resetToken), newPasswords, cookie(me))
	a.wantRedirect(t, "reset", "/login?notice=reset")
	a.sessionCookie(t, "sid", "Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
	h.post("/reset/"+string(resetToken), newPasswords).want(t, "again", http.StatusGone, "Ask for a new link")
}

func TestSignOutWithoutSession(t *testing.T) {
	open(t).post("/logout", "").wantRedirect(t, "nobody", "/login?notice=signed-out")
}

func TestLanguageCookie(t *testing.T) {
	h := open(t)
	a := h.get("/login?lang=sk")
	a.want(t, "asked for", 200, `<html lang="sk">`, "Prihlásenie")
	if got, want := a.header.Get("Set-Cookie"), "lang=sk; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"; got != want {
		t.Errorf("Set-Cookie: got %q, want %q", got, want)
	}
	h.domain.set(func(s *app.Settings) { s.PublicURL = "https://localhost" })
	if got, want := h.get("/?lang=en").header.Get("Set-Cookie"), "lang=en; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("Set-Cookie: got %q, want %q", got, want)
	}
	h.domain.set(func(s *app.Settings) { s.PublicURL = "" })
	tests := []struct {
		name, path, cookie, accept, want string
	}{
		{"nothing", "/login", "", "", "en"},
		{"browser", "/login", "", "sk-SK,sk;q=0.9,en;q=0.8", "sk"},
		{"browser, another", "/login", "", "de-DE,de;q=0.9", "en"},
		{"browser, rubbish", "/login", "", "%%%;;;,,,", "en"},
		{"browser, very long", "/login", "", strings.Repeat("sk,", 5000), "en"},
		{"cookie over browser", "/login", "lang=en", "sk", "en"},
		{"unknown cookie", "/login", "lang=xx", "sk", "sk"},
		{"link over cookie", "/login?lang=sk", "lang=en", "en", "sk"},
		{"unknown link", "/login?lang=../../etc", "", "sk", "sk"},
		{"error page", "/nothing", "lang=sk", "", "sk"},
	}
	for _, test := range tests {
		change := []func(*http.Request){}
		if test.cookie != "" {
			change = append(change, header("Cookie", test.cookie))
		}
		if test.accept != "" {
			change = append(change, header("Accept-Language", test.accept))
		}
		a := h.get(test.path, change...)
		if !strings.Contains(a.body, `<html lang="`+test.want+`">`) {
			t.Errorf("%s: want language %s: %.80s", test.name, test.want, a.body)
		}
	}
	h.post("/register", signUp, header("Accept-Language", "sk"))
	if got := h.domain.visitors[len(h.domain.visitors)-1].Lang; got != "sk" {
		t.Errorf("the domain was told language %q, want sk", got)
	}
}
