package store_test

import (
	"reflect"
	"testing"
	"time"

	"foyer/app"
)

// testTLSHosts remembers mail servers, loses one, and forgets.
func testTLSHosts(t *testing.T, w world) {
	ctx := t.Context()
	mx := app.TLSHost{Host: "mx.acme.example", Seen: start, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"}
	_, err := w.TLSHost(ctx, mx.Host)
	w.refuses(err, app.NotFound, "tls_unknown")
	if err := w.LoseTLS(ctx, mx.Host, start, "why"); err != nil {
		t.Errorf("losing what is not known: %v", err)
	}
	old := app.TLSHost{Host: "a.old.example", Seen: start.Add(-40 * 24 * time.Hour), Version: "TLS 1.2", Cipher: "x"}
	for _, h := range []app.TLSHost{mx, old} {
		if err := w.RememberTLS(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.TLSHost(ctx, mx.Host); err != nil || got != mx {
		t.Errorf("got %+v, %v; want %+v", got, err, mx)
	}
	lost := start.Add(time.Hour)
	for range 2 {
		if err := w.LoseTLS(ctx, mx.Host, lost, "it offers none"); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.told(app.ActMailTLSLost, mx.Host); n != 1 {
		t.Errorf("%d events, want one", n)
	}
	if list, err := w.TLSHosts(ctx); err != nil || len(list) != 2 || list[0] != old || !list[1].Lost.Equal(lost) || !list[1].Seen.Equal(start) {
		t.Errorf("got %+v, %v", list, err)
	}
	mx.Seen = start.Add(2 * time.Hour)
	if err := w.RememberTLS(ctx, mx); err != nil {
		t.Fatal(err)
	}
	if got, err := w.TLSHost(ctx, mx.Host); err != nil || got != mx {
		t.Errorf("after it is back: got %+v, %v; want %+v", got, err, mx)
	}
	if err := w.Purge(ctx, start, app.Limits{TLSDays: 30}); err != nil {
		t.Fatal(err)
	}
	if list, err := w.TLSHosts(ctx); err != nil || len(list) != 1 || list[0] != mx {
		t.Errorf("after a purge: got %+v, %v", list, err)
	}
	if err := w.ForgetTLS(ctx, mx.Host, adminDid(app.ActMailTLSForget)); err != nil {
		t.Error(err)
	}
	w.refuses(w.ForgetTLS(ctx, mx.Host, adminDid(app.ActMailTLSForget)), app.NotFound, "tls_unknown")
}

// testSTSPolicies keeps one policy of a domain, until a purge after its end.
func testSTSPolicies(t *testing.T, w world) {
	ctx := t.Context()
	_, err := w.STSPolicy(ctx, "acme.example")
	w.refuses(err, app.NotFound, "sts_unknown")
	p := app.STSPolicy{
		Domain: "acme.example", ID: "1", Mode: app.STSEnforce, MX: []string{"mx.acme.example", "*.backup.example"}, FetchedAt: start, ExpiresAt: start.Add(time.Hour),
	}
	for _, id := range []string{"1", "2"} {
		p.ID = id
		if err := w.KeepSTSPolicy(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.STSPolicy(ctx, "acme.example"); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v, %v; want %+v", got, err, p)
	}
	if err := w.Purge(ctx, start.Add(2*time.Hour), app.Limits{}); err != nil {
		t.Fatal(err)
	}
	_, err = w.STSPolicy(ctx, "acme.example")
	w.refuses(err, app.NotFound, "sts_unknown")
}
