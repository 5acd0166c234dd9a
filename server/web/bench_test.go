package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"foyer/app"
	"foyer/assets"
	"foyer/server/web"
)

// accepting takes every sign-up and keeps nothing.
type accepting struct{ *fakeDomain }

func (accepting) SignUp(context.Context, app.SignUpForm, app.Visitor) error { return nil }

func benchmarkHandler(b *testing.B) http.Handler {
	b.Helper()
	texts, err := assets.LoadTexts()
	if err != nil {
		b.Fatal(err)
	}
	handler, err := web.New(web.Config{
		Service: accepting{newFakeDomain()}, Texts: texts, Files: assets.Files(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

func BenchmarkShowLogin(b *testing.B) {
	handler := benchmarkHandler(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodGet, "http://localhost/login", nil)
			r.Header.Set("Accept-Language", "sk-SK,sk;q=0.9,cs;q=0.8,en-US;q=0.7,en;q=0.6")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Errorf("got %d", w.Code)
			}
		}
	})
}

func BenchmarkSubmitRegister(b *testing.B) {
	handler := benchmarkHandler(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPost, "http://localhost/register", strings.NewReader(signUp))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusSeeOther {
				b.Errorf("got %d", w.Code)
			}
		}
	})
}
