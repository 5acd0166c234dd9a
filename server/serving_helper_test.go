package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"foyer/app/localapi"
	"foyer/server"
)

const officeHost = "accounts.office.example"

// secureHouse is a house whose pages can be reached by any name, on the ports it listens at.
type secureHouse struct {
	house
	admin *localapi.Client
}

func openSecure(t *testing.T, change ...func(*server.Config)) secureHouse {
	t.Helper()
	h := startChanged(t, t.TempDir(), func(c *server.Config) {
		for _, f := range change {
			f(c)
		}
	})
	return withAdmin(h)
}

func withAdmin(h house) secureHouse {
	admin := &localapi.Client{Socket: filepath.Join(h.dir, "admin.sock")}
	h.Cleanup(admin.Close)
	return secureHouse{h, admin}
}

// address changes the address, which must work.
func (h secureHouse) address(pairs ...string) localapi.Address {
	h.Helper()
	a, err := h.admin.ChangeAddress(h.Context(), pairsOf(pairs), 0)
	if err != nil {
		h.Fatalf("change %q: %v", pairs, err)
	}
	return a
}

func pairsOf(pairs []string) map[string]string {
	changes := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		changes[pairs[i]] = pairs[i+1]
	}
	return changes
}

func (h secureHouse) now() localapi.Address {
	h.Helper()
	a, err := h.admin.Address(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// at returns the address at which a kind of listener is.
func at(tb testing.TB, a localapi.Address, kind string, skip int) string {
	tb.Helper()
	for _, l := range a.Listeners {
		if l.Kind == kind {
			if skip--; skip < 0 {
				return l.Address
			}
		}
	}
	tb.Fatalf("no listener of kind %s: %+v", kind, a.Listeners)
	return ""
}

// client is a browser that trusts roots and finds every name at an address.
func client(tb testing.TB, roots *x509.CertPool, address string) *http.Client {
	tb.Helper()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func rootsOf(tb testing.TB, text string) *x509.CertPool {
	tb.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(text)) {
		tb.Fatalf("no certificate in %q", text)
	}
	return pool
}

// freePort returns an address at which nothing listens.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
