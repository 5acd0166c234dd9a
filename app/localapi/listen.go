package localapi

import (
	"context"
	"errors"
	"io"
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
	return newListener(inner, peerOf), nil
}

// errPeerLater says that the system tells who is at the other end only after something was read.
var errPeerLater = errors.New("nothing was read from the peer yet")

// listener accepts connections together with who is at their other end.
type listener struct {
	net.Listener
	peerOf func(net.Conn) (Peer, error)

	mu   sync.Mutex
	open map[string]int // open connections by user
}

func newListener(inner net.Listener, peerOf func(net.Conn) (Peer, error)) *listener {
	return &listener{Listener: inner, peerOf: peerOf, open: map[string]int{}}
}

// peerConn is a connection and who is at its other end.
type peerConn struct {
	net.Conn
	listener *listener

	mu     sync.Mutex
	peer   Peer
	later  bool // who it is can be asked after the first Read
	closed bool
}

// Accept returns the next connection. One more of a user who has as many as are allowed is closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		// A peer that is not known is let in: it is told so, and may do nothing.
		peer, err := l.peerOf(conn)
		if err != nil {
			peer = Peer{}
		}
		if !l.take(peer) {
			_ = conn.Close() // nothing was sent or read that could be lost
			continue
		}
		return &peerConn{Conn: conn, listener: l, peer: peer, later: errors.Is(err, errPeerLater)}, nil
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

// Read reads, and learns who has written it where that could not be known before. It ends with io.EOF, as if nothing more came, when that
// user has as many connections as are allowed.
func (c *peerConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 {
		return n, err
	}
	if !c.identify() {
		return 0, io.EOF
	}
	return n, err
}

// identify asks who it is, if that is still to be done. It reports false when that user has as many connections as are allowed.
func (c *peerConn) identify() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.later || c.closed {
		return true
	}
	c.later = false
	peer, err := c.listener.peerOf(c.Conn)
	if err != nil {
		return true // it stays unknown
	}
	if !c.listener.take(peer) {
		return false
	}
	c.listener.giveBack(c.peer)
	c.peer = peer
	return true
}

// who returns who is at the other end: for certain once something was read.
func (c *peerConn) who() Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// Close closes the connection.
func (c *peerConn) Close() error {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.listener.giveBack(c.peer)
	}
	c.mu.Unlock()
	return c.Conn.Close()
}
