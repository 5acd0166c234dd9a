package web

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/netutil"
)

// Bounds is how many connections may be open at one time. The zero value means the defaults.
type Bounds struct {
	Total int // 1000 when 0; more wait in the kernel
	// PerIP bounds one client address, 256 when 0; more are closed at once. A whole office may stand behind one
	// address, and every browser opens several connections. IPv6 counts by /64, which is what one household has.
	PerIP int
	// Exempt are addresses PerIP does not bound: proxies, behind which everybody stands.
	Exempt []netip.Prefix
}

// Bound returns a listener over l that keeps to the bounds.
func Bound(l net.Listener, b Bounds) net.Listener {
	if b.Total == 0 {
		b.Total = 1000
	}
	if b.PerIP == 0 {
		b.PerIP = 256
	}
	perIP := &perIPListener{Listener: l, max: b.PerIP, exempt: b.Exempt, open: map[netip.Prefix]int{}}
	return netutil.LimitListener(perIP, b.Total)
}

// perIPListener closes connections of clients that have too many.
type perIPListener struct {
	net.Listener
	max    int
	exempt []netip.Prefix

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func (l *perIPListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addrOf(conn.RemoteAddr().String())
		if !addr.IsValid() || contains(l.exempt, addr) {
			return conn, nil
		}
		network := networkOf(addr)
		if l.enter(network) {
			return &countedConn{Conn: conn, leave: func() { l.leave(network) }}, nil
		}
		_ = conn.Close() // it was never used; there is nobody to tell
	}
}

// networkOf returns what connections are counted by: an IPv4 address, or the /64 of an IPv6 one.
func networkOf(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(addr, bits).Masked()
}

func (l *perIPListener) enter(network netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network] >= l.max {
		return false
	}
	l.open[network]++
	return true
}

func (l *perIPListener) leave(network netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network]--; l.open[network] == 0 {
		delete(l.open, network)
	}
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.leave)
	return err
}
