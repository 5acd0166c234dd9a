package localapi

import (
	"context"
	"net"
	"sync"
)

// maxPerUser bounds the open connections of one user. The socket lets everybody connect, so without a bound any
// local user could use up the file descriptors of the service, and with them its pages. Root has no bound.
const maxPerUser = 64

// Listen returns a listener on the Unix socket at path, which everybody may connect to: what a caller may do is
// decided by who it is. A socket that a killed service left behind is replaced; the caller holds the lock of the
// data directory already. Conflict, "socket_taken", when a program answers there, and "socket_not_socket" when the
// path is something else than a socket. Invalid, "socket_path_long", when the path does not fit. On Windows it is a named pipe.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	inner, err := listenAt(ctx, path)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: inner, open: map[string]int{}}, nil
}

// listener accepts connections together with who is at their other end.
type listener struct {
	net.Listener

	mu   sync.Mutex
	open map[string]int // open connections by user
}

// peerConn is a connection whose other end is known.
type peerConn struct {
	net.Conn
	peer    Peer
	release func()
}

// Accept returns the next connection. One more of a user who has as many as are allowed is closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		// A peer that is not known is let in: it is told so, and may do nothing.
		peer, err := peerOf(conn)
		if err != nil {
			peer = Peer{}
		}
		if !l.take(peer) {
			_ = conn.Close() // nothing was sent or read that could be lost
			continue
		}
		return &peerConn{Conn: conn, peer: peer, release: sync.OnceFunc(func() { l.giveBack(peer) })}, nil
	}
}

func (l *listener) take(p Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.root() && l.open[p.id()] >= maxPerUser {
		return false
	}
	l.open[p.id()]++
	return true
}

func (l *listener) giveBack(p Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[p.id()]--; l.open[p.id()] == 0 {
		delete(l.open, p.id())
	}
}

// Close closes the connection.
func (c *peerConn) Close() error {
	c.release()
	return c.Conn.Close()
}
