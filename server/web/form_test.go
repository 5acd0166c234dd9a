package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"foyer/server/web"
)

const signUp = "first_name=Jane&last_name=Doe&phone=&email=jane@example.com"

func TestParameterPollution(t *testing.T) {
	h := open(t)
	tests := []struct {
		name, path, body string
		want             int
	}{
		{"two addresses", "/register", signUp + "&email=evil@evil.example", 400},
		{"two addresses, one encoded", "/register", signUp + "&em%61il=evil@evil.example", 400},
		{"two empty traps", "/register", signUp + "&website=&website=", 400},
		{"two of a field no page reads", "/register", signUp + "&x=1&x=2", 303},
		{"address in the query only", "/register?email=jane@example.com", "first_name=Jane&last_name=Doe", 422},
		{"another address in the query", "/register?email=evil@evil.example", signUp, 303},
		{"array spelling", "/register", "first_name=Jane&last_name=Doe&email[]=jane@example.com", 422},
		{"other case", "/register", "first_name=Jane&last_name=Doe&Email=jane@example.com", 422},
		{"semicolon", "/register", signUp + ";email=evil@evil.example", 400},
		{"bad escape", "/register", signUp + "&x=%zz", 400},
		{"not UTF-8", "/register", "first_name=%ff&last_name=Doe&email=jane@example.com", 400},
		{"two passwords", "/login", "email=jane@example.com&password=a&password=b", 400},
		{"two codes", "/confirm", "email=jane@example.com&code=a&code=" + goodCode, 400},
		{"credentials in the query", "/login?email=jane@example.com&password=" + url.QueryEscape(goodPassword), "x=1", 401},
	}
	for _, test := range tests {
		h.post(test.path, test.body).want(t, test.name, test.want)
	}
	for _, f := range h.domain.signedUp() {
		if f.Email != "jane@example.com" {
			t.Errorf("signed up %q", f.Email)
		}
	}
}

func TestFormsAreURLEncodedOnly(t *testing.T) {
	h := open(t)
	for _, kind := range []string{"application/json", "multipart/form-data; boundary=x", "text/plain", "text/xml", "", "x; y; z"} {
		for _, path := range []string{"/login", "/register", "/confirm", "/forgot", "/logout"} {
			a := h.post(path, signUp, func(r *http.Request) {
				r.Header.Del("Content-Type")
				if kind != "" {
					r.Header.Set("Content-Type", kind)
				}
			})
			a.want(t, path+" as "+kind, http.StatusUnsupportedMediaType)
		}
	}
	a := h.post("/register", signUp, func(r *http.Request) {
		r.Header.Set("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")
	})
	a.wantRedirect(t, "with a charset", "/register/sent")
}

func TestBodyLimit(t *testing.T) {
	h := open(t)
	long := signUp + "&x=" + strings.Repeat("x", 64<<10)
	h.post("/register", long).want(t, "announced", http.StatusRequestEntityTooLarge, "That is too much")
	// Without Content-Length the limit is met while reading.
	a := h.post("/register", long, func(r *http.Request) { r.ContentLength = -1 })
	a.want(t, "not announced", http.StatusRequestEntityTooLarge, "That is too much")
	if got := len(h.domain.signedUp()); got != 0 {
		t.Errorf("%d sign-ups were taken", got)
	}
	h.post("/register", signUp+"&x="+strings.Repeat("x", 60<<10)).wantRedirect(t, "just fits", "/register/sent")

	// What is announced as too long is not waited for.
	announced := "POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
		"Content-Length: 1073741824\r\n\r\n"
	if got, want := h.raw(announced), http.StatusRequestEntityTooLarge; got != want {
		t.Errorf("a gigabyte: got %d, want %d", got, want)
	}

	small := open(t, func(c *web.Config) { c.MaxBody = 10 })
	small.post("/register", signUp).want(t, "configured", http.StatusRequestEntityTooLarge)
}

func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"", "email=a", "email=a&email=b", "email=&password=%00", "em%61il=x&email=y", "email[]=a", "email=a;b", "%zz", "email=%ff",
		"&&&=&email", "email=a+b%2Bc", "password=" + strings.Repeat("x", 1000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := web.DecodeForm(body, "email", "password")
		if err != nil {
			return
		}
		// An independent reading of the body: each name at most once, and its value is the one in the body.
		seen := map[string][]string{}
		for pair := range strings.SplitSeq(body, "&") {
			rawName, rawValue, _ := strings.Cut(pair, "=")
			name, nameErr := url.QueryUnescape(rawName)
			value, valueErr := url.QueryUnescape(rawValue)
			if pair != "" && nameErr == nil && valueErr == nil {
				seen[name] = append(seen[name], value)
			}
		}
		for name, value := range got {
			if name != "email" && name != "password" {
				t.Errorf("%q: a field nobody asked for: %q", body, name)
			}
			if len(seen[name]) != 1 || seen[name][0] != value {
				t.Errorf("%q: %s is %q, the body has %q", body, name, value, seen[name])
			}
		}
		for _, name := range []string{"email", "password"} {
			if _, ok := got[name]; len(seen[name]) > 0 && !ok {
				t.Errorf("%q: %s is lost", body, name)
			}
		}
	})
}
