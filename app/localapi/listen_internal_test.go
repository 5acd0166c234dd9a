package localapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
)

// lateKernel tells who is at the other end only when it is asked the second time, as Windows does where the client wants that.
type lateKernel struct {
	mu    sync.Mutex
	asked map[net.Conn]bool
	err   error // the second answer
}

func (k *lateKernel) peerOf(c net.Conn) (Peer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.asked[c] {
		k.asked[c] = true
		return Peer{}, errPeerLater
	}
	return Peer{Known: true, UID: 4711}, k.err
}

// serveLate serves who calls, at a socket whose path it returns.
func serveLate(t *testing.T, k *lateKernel) (path string, l *listener) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	inner, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	k.asked = map[net.Conn]bool{}
	l = newListener(inner, k.peerOf)
	server := &http.Server{
		ConnContext: connContext,
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, peerFrom(r.Context()).id()) }),
	}
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), ignoreClosed(<-done)); err != nil {
			t.Error(err)
		}
	})
	return path, l
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// callAt asks who calls, over a connection of its own that stays open until the test ends.
func callAt(t *testing.T, path string) (string, error) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://foyer/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

// TestPeerLater expects that who calls is known to the request where the system tells it only after something was read.
func TestPeerLater(t *testing.T) {
	path, l := serveLate(t, &lateKernel{})
	for i := range maxPerUser {
		if got, err := callAt(t, path); got != "4711" || err != nil {
			t.Fatalf("call %d: got %q, %v; want 4711", i+1, got, err)
		}
	}
	if got, err := callAt(t, path); err == nil {
		t.Errorf("connection %d of one user: got %q, want it closed", maxPerUser+1, got)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := l.open["4711"]; got != maxPerUser {
		t.Errorf("open connections of the user: got %d, want %d", got, maxPerUser)
	}
}

// TestPeerNever expects that a peer the system does not tell about stays unknown, and is answered.
func TestPeerNever(t *testing.T) {
	path, _ := serveLate(t, &lateKernel{err: errors.New("it does not say")})
	if got, err := callAt(t, path); got != "" || err != nil {
		t.Errorf("got %q, %v; want a peer that is not known", got, err)
	}
}
