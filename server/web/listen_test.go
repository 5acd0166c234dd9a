package web_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"foyer/server/web"
)

// bounded returns a bounded listener on loopback and the connections it accepts.
func bounded(t *testing.T, b web.Bounds) (net.Listener, <-chan net.Conn) {
	t.Helper()
	var lc net.ListenConfig
	inner, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, accepted := web.Bound(inner, b), make(chan net.Conn, 2000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		<-done
		for len(accepted) > 0 {
			_ = (<-accepted).Close() // the test is over
		}
	})
	return l, accepted
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the test may have closed it
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	const bound = 256 // the default; 64 browsers with 4 connections each
	l, accepted := bounded(t, web.Bounds{})
	var first net.Conn
	for i := range bound {
		dial(t, l)
		conn := <-accepted
		if i == 0 {
			first = conn
		}
	}
	refused := dial(t, l)
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("connection %d: got %v, want it closed", bound+1, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err == nil {
		t.Fatal("closing twice: no error")
	}
	dial(t, l)
	<-accepted // the place that was given back
	refused = dial(t, l)
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("closing one connection twice gave two places back: %v", err)
	}
}

func TestExemptAddressesAreNotBounded(t *testing.T) {
	l, accepted := bounded(t, web.Bounds{PerIP: 1, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for range 5 {
		dial(t, l)
		<-accepted
	}
}

// endless is a listener to which everybody comes at once, each from another address, until it is closed.
type endless struct {
	next   *atomic.Uint32
	closed *atomic.Bool
}

func (e endless) Accept() (net.Conn, error) {
	if e.closed.Load() {
		return nil, net.ErrClosed
	}
	ours, theirs := net.Pipe()
	_ = theirs.Close() // nobody talks
	return named{ours, &net.TCPAddr{IP: net.IPv4(192, 0, 2, byte(e.next.Add(1)))}}, nil
}

func (e endless) Close() error {
	e.closed.Store(true)
	return nil
}

func (endless) Addr() net.Addr { return &net.TCPAddr{} }

type named struct {
	net.Conn
	remote net.Addr
}

func (n named) RemoteAddr() net.Addr { return n.remote }

func TestConnectionsInAllAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := web.Bound(endless{new(atomic.Uint32), new(atomic.Bool)}, web.Bounds{Total: 10})
		var open []net.Conn
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				open = append(open, conn)
				if len(open) == 12 {
					_ = l.Close() // never fails
				}
			}
		}()
		synctest.Wait()
		if got := len(open); got != 10 {
			t.Fatalf("%d connections are open, want 10", got)
		}
		for i, want := range []int{11, 12} {
			if err := open[i].Close(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := len(open); got != want {
				t.Fatalf("%d connections after %d were closed, want %d", got, i+1, want)
			}
		}
		for _, conn := range open[2:] {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSlowHeadersAreCutOff(t *testing.T) {
	timeouts := web.DefaultTimeouts()
	timeouts.ReadHeader = 50 * time.Millisecond
	conn := serve(t, timeouts)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection stays open: %v", err)
	}
}

func TestSlowBodiesAreCutOff(t *testing.T) {
	timeouts := web.DefaultTimeouts()
	timeouts.Read = 50 * time.Millisecond
	conn := serve(t, timeouts)
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection stays open: %v", err)
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	conn := serve(t, web.DefaultTimeouts())
	go func() {
		// The other side stops reading: that this fails is what the test is about.
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: "+string(make([]byte, 64<<10))+"\r\n\r\n")
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if got, want := response.StatusCode, http.StatusRequestHeaderFieldsTooLarge; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

// serve runs a server that reads every body and returns a connection to it.
func serve(t *testing.T, timeouts web.Timeouts) net.Conn {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	server := timeouts.NewServer(handler, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return dial(t, l)
}

func TestDefaultTimeouts(t *testing.T) {
	server := web.DefaultTimeouts().NewServer(nil, slog.New(slog.DiscardHandler))
	got := []any{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout, server.MaxHeaderBytes}
	want := []any{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 16 << 10}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("bound %d: got %v, want %v", i, got[i], want[i])
		}
	}
}
