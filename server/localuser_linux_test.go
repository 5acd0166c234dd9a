package server_test

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"foyer/server"
)

// TestSocketOwner asks whose connection one is, while it is and once the client has closed it: the kernel may say then that
// it is root's.
func TestSocketOwner(t *testing.T) {
	for _, test := range []struct{ network, listen, dial string }{
		{"tcp4", "127.0.0.1:0", "127.0.0.1"}, {"tcp6", "[::1]:0", "::1"}, {"tcp", ":0", "127.0.0.1"}, {"tcp", ":0", "::1"},
	} {
		l, err := new(net.ListenConfig).Listen(t.Context(), test.network, test.listen)
		if err != nil {
			t.Logf("%s is not there: %v", test.listen, err)
			continue
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", net.JoinHostPort(test.dial, port))
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		from, to := plainAddr(conn.RemoteAddr()), plainAddr(conn.LocalAddr())
		users, err := server.LocalUser(from, to)
		if err != nil || users[0] != strconv.Itoa(os.Getuid()) {
			t.Errorf("%s at %s: got %q, %v", test.dial, test.listen, users, err)
		}
		if users, err := server.LocalUser(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), from.Port()), to); err == nil {
			t.Errorf("another connection with these ports is of %q", users)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if users, err := server.LocalUser(from, to); err == nil {
			t.Errorf("a connection that was closed is of %q", users)
		}
		_, _ = conn.Close(), l.Close() // they are not needed any more
		if users, err := server.LocalUser(from, to); err == nil {
			t.Errorf("no connection is of %q", users)
		}
	}
}

func plainAddr(a net.Addr) netip.AddrPort {
	ap := netip.MustParseAddrPort(a.String())
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
