package oidc_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"foyer/app"
)

// A provider that hangs costs a page 10 s at most, however many wait, and when it is back the very next sign-in works.
func TestT17Hanging(t *testing.T) {
	stall := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		if err := http.NewResponseController(w).Flush(); err == nil {
			hang(w, r)
		}
	}
	for _, what := range []string{"document", "token", "keys"} {
		for name, answer := range map[string]http.HandlerFunc{"no answer": hang, "no body": stall} {
			t.Run(what+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHostile(t)
					h.answer[what] = answer
					start := time.Now()
					var all sync.WaitGroup
					for range 20 {
						all.Go(func() {
							ch := office()
							_, err := h.signInTo(t, ch)
							wantUnreachable(t, err, "unreachable")
						})
					}
					all.Wait()
					if took := time.Since(start); took > 10*time.Second {
						t.Errorf("20 calls took %v, want 10 s at most", took)
					}
					if n := len(h.asked(what)); what != "token" && n > 2 {
						t.Errorf("%d requests for 20 calls, want two for all at most", n)
					}
					h.set(func() { delete(h.answer, what) })
					start = time.Now()
					h.mustSignIn(t, office())
					if took := time.Since(start); took > 3*time.Second {
						t.Errorf("the next sign-in took %v, want 3 s at most", took)
					}
				})
			})
		}
	}
}

// A call that comes while another's fetch hangs does not fail with that one.
func TestT17JoiningAFetchThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t)
		h.answer["document"] = hang
		done := make(chan error)
		go func() {
			_, err := h.providers.SignInURL(t.Context(), office())
			done <- err
		}()
		<-time.After(5 * time.Second)
		h.set(func() { delete(h.answer, "document") })
		if _, err := h.providers.SignInURL(t.Context(), office()); err != nil {
			t.Errorf("SignInURL after the provider is back: %v", err)
		}
		wantUnreachable(t, <-done, "unreachable")
	})
}

// The parts of a call share one time: none begins its own.
func TestT17SlowInEveryPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t)
		for _, what := range []string{"document", "token", "keys"} {
			h.answer[what] = func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(4 * time.Second):
				case <-r.Context().Done():
				}
				h.set(func() { delete(h.answer, what) })
				h.ServeHTTP(w, r)
			}
		}
		ch, start := office(), time.Now()
		_, err := h.signInTo(t, ch)
		wantUnreachable(t, err, "unreachable")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("the call took %v, want 10 s", took)
		}
		h.mustSignIn(t, office())
	})
}

func TestT17DocumentThatCannotBeFetchedAnew(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"error": say(503, "x"), "hangs": hang, "another issuer": say(200, `{"issuer":"https://evil.example"}`)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t)
				h.mustSignIn(t, office())
				h.set(func() { h.answer["document"] = answer })
				for _, days := range []int{1, 3, 6} {
					<-time.After(time.Until(epoch.AddDate(0, 0, days).Add(time.Hour)))
					start := time.Now()
					h.mustSignIn(t, office())
					if took := time.Since(start); took > 8*time.Second {
						t.Errorf("on day %d a sign-in took %v", days, took)
					}
				}
				if !strings.Contains(h.log.String(), "discovery document") {
					t.Errorf("the log does not say that the document is old: %s", h.log)
				}
				<-time.After(time.Until(epoch.AddDate(0, 0, 8)))
				_, err := h.providers.SignInURL(t.Context(), office())
				if app.ReasonOf(err) != app.ProviderUnreachable {
					t.Errorf("SignInURL after 8 days = %v, want %s", err, app.ProviderUnreachable)
				}
				h.set(func() { delete(h.answer, "document") })
				h.mustSignIn(t, office())
			})
		})
	}
}

// epoch is when time begins in a bubble.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// formOf returns the query of the sign-in, for tests in which the provider cannot say where it is.
func formOf(ch app.Challenge) string {
	return "redirect_uri=" + ch.RedirectURI + "&nonce=" + string(ch.Nonce) + "&code_challenge=" + challengeOf(ch.Verifier)
}

func TestT18Rotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t)
		k1, k2 := testKeys()["rsa"], testKeys()["rsa2"]
		h.mustSignIn(t, office())
		h.sign(k2)
		h.mustSignIn(t, office())
		if n := len(h.asked("keys")); n != 2 {
			t.Errorf("keys were fetched %d times, want 2", n)
		}
		h.set(func() { h.key = k1 }) // it was taken away, and somebody has found it
		_, err := h.signIn(t, office())
		wantRefused(t, err, "bad_signature")
	})
}

func TestT18RotationWithManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t)
		h.mustSignIn(t, office())
		h.sign(testKeys()["ec"])
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := h.signIn(t, office()); err != nil {
					t.Errorf("Claims after the rotation: %v", err)
				}
			})
		}
		all.Wait()
		if n := len(h.asked("keys")); n != 2 {
			t.Errorf("keys were fetched %d times, want 2", n)
		}
	})
}

// A key that was taken away is refused after an hour, without any token that names an unknown one.
func TestT18Removal(t *testing.T) {
	for _, after := range []time.Duration{time.Hour, 25 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			h := newHostile(t)
			h.mustSignIn(t, office())
			h.set(func() { h.keys = []signingKey{testKeys()["ec"]} })
			<-time.After(59 * time.Minute)
			h.mustSignIn(t, office()) // as long as the keys are fresh, nobody asks
			<-time.After(after - 58*time.Minute)
			_, err := h.signIn(t, office())
			wantRefused(t, err, "bad_signature")
		})
	}
}

func TestT18KeysThatCannotBeFetchedAnew(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"none": say(200, `{"keys":[]}`), "secrets only": say(200, `{"keys":[{"kty":"oct","k":"AAAA"}]}`), "error": say(500, "x"), "hangs": hang, "no JSON": say(200, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHostile(t)
				h.mustSignIn(t, office())
				h.set(func() { h.answer["keys"] = answer })
				for _, hours := range []int{2, 12, 23} {
					<-time.After(time.Until(epoch.Add(time.Duration(hours) * time.Hour)))
					h.mustSignIn(t, office())
				}
				<-time.After(time.Until(epoch.Add(25 * time.Hour)))
				_, err := h.signIn(t, office())
				if app.ReasonOf(err) != app.ProviderUnreachable {
					t.Errorf("Claims after 25 hours = %v, want %s", err, app.ProviderUnreachable)
				}
				h.set(func() { delete(h.answer, "keys") })
				h.mustSignIn(t, office())
			})
		})
	}
}

func TestT18UnknownKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t)
		h.mustSignIn(t, office())
		unknown := func() {
			for i := range 50 {
				h.set(func() {
					h.key = signingKey{fmt.Sprintf("unknown-%d-%d", time.Now().Unix(), i), jose.RS256, testKeys()["rsa"].signer}
				})
				_, err := h.signIn(t, office())
				wantRefused(t, err, "bad_signature")
			}
		}
		for round, want := range []int{2, 3, 4} {
			unknown()
			if n := len(h.asked("keys")); n != want {
				t.Errorf("in round %d, keys were fetched %d times, want %d", round, n, want)
			}
			<-time.After(5 * time.Minute)
		}
	})
}

// Keys that could not be fetched for an unknown kid are fetched for the next: only what has worked is counted.
func TestT18UnknownKidWhileKeysAreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHostile(t)
		h.mustSignIn(t, office())
		h.sign(testKeys()["ec"])
		h.set(func() { h.answer["keys"] = say(502, "x") })
		_, err := h.signIn(t, office())
		wantUnreachable(t, err, "unreachable")
		h.set(func() { delete(h.answer, "keys") })
		h.mustSignIn(t, office())
	})
}

// Keys that were fetched for this very token are as new as can be: they are not fetched again for it.
func TestT18UnknownKidAtTheFirstSignIn(t *testing.T) {
	h := newHostile(t)
	h.key = testKeys()["rsa2"]
	_, err := h.signIn(t, office())
	wantRefused(t, err, "bad_signature")
	if n := len(h.asked("keys")); n != 1 {
		t.Errorf("keys were fetched %d times, want 1", n)
	}
}
