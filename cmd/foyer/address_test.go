package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"foyer/app"
)

// addressOffice has an address that can be changed.
type addressOffice struct {
	now     app.Serving
	changes map[string]string
	within  time.Duration
	actor   string
}

func (o *addressOffice) Serving(context.Context) (app.Serving, error) { return o.now, nil }

func (o *addressOffice) ChangeAddress(_ context.Context, actor string, changes map[string]string, within time.Duration) (app.Serving, error) {
	if changes["tls.listen"] == ":1" {
		return app.Serving{}, &app.Error{Code: app.Conflict, Field: "tls.listen", Reason: "address_taken", Message: "the pages cannot be served at :1: another program has this port"}
	}
	o.changes, o.within, o.actor = maps.Clone(changes), within, actor
	if within > 0 {
		o.now.Pending = &app.PendingServing{Until: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Changes: changes, Before: map[string]string{}}
	}
	return o.now, nil
}

func (o *addressOffice) KeepAddress(context.Context, string) (app.Serving, error) {
	if o.now.Pending == nil {
		return app.Serving{}, app.Errorf(app.Conflict, "address_settled", "no change of the address waits")
	}
	o.now.Pending = nil
	return o.now, nil
}

func (o *addressOffice) RevertAddress(ctx context.Context, actor string) (app.Serving, error) {
	return o.KeepAddress(ctx, actor)
}

func TestAddressCommands(t *testing.T) {
	term := newTerminal(t)
	end := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	o := term.office.address
	o.now = app.Serving{
		Mode: "local", PublicURL: "https://foyer.lan", Fixed: []string{"public_url"},
		Listeners:   []app.PageListener{{Address: "[::]:8080", Kind: "redirect"}, {Address: ":443", Kind: "https", Error: "another program has this port"}},
		Certificate: &app.Certificate{Names: []string{"foyer.lan", "192.168.1.2"}, Issuer: "Foyer at foyer.lan", NotAfter: end, SHA256: "abcd", RenewAt: end.Add(-time.Hour)},
		Authority:   &app.Authority{Name: "Foyer at foyer.lan", NotAfter: end, SHA256: "ef01", PEM: "-----BEGIN CERTIFICATE-----\n"},
		Problem:     "listen", Text: "the pages are not served at :443",
	}
	if got, want := term.run("", "address", "show").stdout, `public URL:           https://foyer.lan
TLS:                  local
[::]:8080:            redirect
:443:                 https, not served: another program has this port
certificate for:      foyer.lan, 192.168.1.2
issued by:            Foyer at foyer.lan
valid until:          2027-01-02 03:04:05 UTC
trusted:              only by devices that were told to
SHA-256:              abcd
renewed at:           2027-01-02 02:04:05 UTC, by itself
authority:            Foyer at foyer.lan
its SHA-256:          ef01
problem:              the pages are not served at :443
given at each start:  public_url
`; got != want {
		t.Errorf("show:\n got %s\nwant %s", got, want)
	}
	if got := term.run("", "address", "show", "--json").stdout; !strings.Contains(got, `"mode": "local"`) || !strings.Contains(got, `"pending": null`) {
		t.Errorf("show --json: %s", got)
	}
	got := term.run("", "address", "set", "tls.mode=files", "tls.cert_file=/a=b.pem", "--within", "90s")
	want := output{"the pages are at https://foyer.lan; that is undone at 2026-03-04 05:06:07 UTC unless you say: foyer address keep\n", "", exitDone}
	if got != want || o.within != 90*time.Second || o.changes["tls.cert_file"] != "/a=b.pem" || len(o.changes) != 2 || o.actor == "" {
		t.Errorf("set: %+v, %+v", got, o)
	}
	if got := term.run("", "address", "keep"); got.stdout != "the pages stay at https://foyer.lan\n" {
		t.Errorf("keep: %+v", got)
	}
	for _, args := range [][]string{{"address", "keep"}, {"address", "revert"}, {"address", "set", "tls.listen=:1"}} {
		if got := term.run("", args...); got.status != exitConflict || got.stdout != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	for _, args := range [][]string{{"address", "set", "x", "--within", "1s"}, {"address", "set", "tls.mode=off", "--within", "5ms"}, {"address", "set"}} {
		if got := term.run("", args...); got.status != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := term.run("", "address", "ca"); got.stdout != o.now.Authority.PEM {
		t.Errorf("ca: %+v", got)
	}
	file := filepath.Join(t.TempDir(), "ca.crt")
	if got := term.run("", "address", "ca", file, "--json"); !strings.Contains(got.stdout, `"sha256": "ef01"`) || !strings.Contains(got.stdout, file) {
		t.Errorf("ca FILE: %+v", got)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != o.now.Authority.PEM {
		t.Errorf("the file has %q, %v", data, err)
	}
	o.now.Authority = nil
	if got := term.run("", "address", "ca"); got.status != exitNotFound {
		t.Errorf("ca without an authority: %+v", got)
	}
}
